use std::time::Duration;

/// Waits between attempts, twice as long each time up to a limit, of which a random part is waited ("full jitter"):
/// it spreads many clients that were thrown out at once.
///
/// See <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How many attempts follow the first one.
    pub retries: u32,
    /// The longest first wait.
    pub first: Duration,
    /// The longest wait of all.
    pub longest: Duration,
}

impl Default for Retry {
    /// Six retries within about 6 s at most: 0.1, 0.2, 0.4, 0.8, 1.6, 3.2 s.
    fn default() -> Self {
        Self { retries: 6, first: Duration::from_millis(100), longest: Duration::from_secs(5) }
    }
}

/// The state of one series of attempts.
#[derive(Debug)]
pub(crate) struct Backoff {
    retry: Retry,
    attempt: u32,
}

impl Backoff {
    pub(crate) fn new(retry: Retry) -> Self {
        Self { retry, attempt: 0 }
    }

    /// Waits before the next attempt; false where there is none left.
    pub(crate) async fn wait(&mut self) -> bool {
        let Some(delay) = self.delay(fastrand::f64()) else { return false };
        tokio::time::sleep(delay).await;
        true
    }

    /// Begins again: something went well.
    pub(crate) fn reset(&mut self) {
        self.attempt = 0;
    }

    /// How long to wait, by a number from 0 to 1.
    fn delay(&mut self, random: f64) -> Option<Duration> {
        let attempt = self.attempt;
        if attempt == self.retry.retries {
            return None;
        }
        self.attempt += 1;
        let longest = self.retry.first.saturating_mul(2_u32.saturating_pow(attempt)).min(self.retry.longest);
        Some(longest.mul_f64(random))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_end() {
        let retry = Retry { retries: 5, first: Duration::from_millis(100), longest: Duration::from_millis(500) };
        let mut backoff = Backoff::new(retry);
        let waits: Vec<_> = std::iter::from_fn(|| backoff.delay(1.0)).map(|d| d.as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 500, 500]);
        backoff.reset();
        assert_eq!(backoff.delay(0.5), Some(Duration::from_millis(50)));
        assert_eq!(backoff.delay(0.0), Some(Duration::ZERO));
    }
}
