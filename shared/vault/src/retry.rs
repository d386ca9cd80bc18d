use std::time::Duration;

use cleanzone_error::Fault;
use tokio::time::{Instant, sleep};

use crate::{Error, Result};

/// The longest first pause; each further one may be twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How often something was tried, and until when it may be.
#[derive(Debug)]
pub(crate) struct Retry {
    until: Instant,
    tries: u32,
}

impl Retry {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { until: Instant::now() + patience, tries: 0 }
    }

    /// Waits before the next try, at random, so that those who were refused together do not come back together.
    /// The cause itself comes back where it will not pass, or the time is over.
    pub(crate) async fn pause(&mut self, cause: Error) -> Result<()> {
        let longest = LONGEST_PAUSE.min(FIRST_PAUSE * 2u32.saturating_pow(self.tries.min(16)));
        let pause = longest.mul_f64(fastrand::f64());
        self.tries += 1;
        if !cause.is_transient() || Instant::now() + pause > self.until {
            return Err(cause);
        }
        tracing::debug!(tries = self.tries, error = %cause, "the vault waits");
        sleep(pause).await;
        Ok(())
    }
}
