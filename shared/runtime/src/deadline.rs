use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// `cargo lambda watch` gives a number of milliseconds where Lambda gives a time. No time of ours is that early.
const FIRST_YEAR: Duration = Duration::from_hours(365 * 24);

/// How much time is left until `end`, when Lambda kills the function.
fn left(end: SystemTime) -> Duration {
    match end.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(duration) if duration < FIRST_YEAR => duration,
        _ => end.duration_since(SystemTime::now()).unwrap_or_default(),
    }
}

/// How long an answer takes to be on its way.
const ANSWER: Duration = Duration::from_millis(250);

/// When the answer has to be given, before `end`, when Lambda kills the function.
pub(crate) fn end(end: SystemTime) -> Instant {
    Instant::now() + left(end).saturating_sub(ANSWER)
}

/// When the work has to end so that there is time left to clean up and answer before `end`, when Lambda kills the
/// function: 5 % of what is left, at least 2 s, but never more than half.
pub(crate) fn before(end: SystemTime) -> Instant {
    let left = left(end);
    Instant::now() + left.saturating_sub(margin(left))
}

fn margin(left: Duration) -> Duration {
    (left / 20).max(Duration::from_secs(2)).min(left / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_time_to_clean_up() {
        for (left, expected) in [(900, 45.0), (60, 3.0), (30, 2.0), (3, 1.5), (0, 0.0)] {
            assert_eq!(margin(Duration::from_secs(left)), Duration::from_secs_f64(expected), "{left} s");
        }
    }

    #[test]
    fn a_deadline_that_has_passed_is_now() {
        let now = Instant::now();
        let deadline = before(SystemTime::now() - Duration::from_secs(1));
        assert!(deadline >= now && deadline <= Instant::now());
    }

    #[test]
    fn a_local_runtime_may_give_a_duration() {
        let now = Instant::now();
        let end = SystemTime::UNIX_EPOCH + Duration::from_mins(10);
        assert_eq!(left(end), Duration::from_mins(10));
        assert!(before(end) > now + Duration::from_mins(9));
    }
}
