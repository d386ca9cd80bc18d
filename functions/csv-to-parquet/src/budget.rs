//! How many objects are converted at once.

use tokio::sync::{Semaphore, SemaphorePermit};

/// Bytes that one permit stands for: what the buffers of even the smallest conversion take.
const UNIT: u64 = 8 << 20;

/// Memory, shared by the conversions of one invocation: many small objects go side by side, a large one goes alone.
#[derive(Debug)]
pub(crate) struct Budget {
    units: Semaphore,
    all: u32,
}

impl Budget {
    /// So many bytes of input may be under way at once.
    pub(crate) fn new(bytes: u64) -> Self {
        let all = u32::try_from((bytes / UNIT).clamp(1, 1 << 16)).unwrap_or(1);
        Self { units: Semaphore::new(all as usize), all }
    }

    /// Waits until an object of this size has its place; where the size is not known, until it is alone. Also tells
    /// whether it had to wait.
    pub(crate) async fn take(&self, size: Option<u64>) -> (SemaphorePermit<'_>, bool) {
        let units = size.map_or(self.all, |size| u32::try_from(size / UNIT + 1).unwrap_or(self.all).min(self.all));
        match self.units.try_acquire_many(units) {
            Ok(permit) => (permit, false),
            Err(_) => match self.units.acquire_many(units).await {
                Ok(permit) => (permit, true),
                Err(_) => unreachable!("the semaphore is never closed"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn small_objects_go_side_by_side_and_large_ones_alone() {
        let budget = Budget::new(4 * UNIT);
        let (a, waited_a) = budget.take(Some(10)).await;
        let (b, waited_b) = budget.take(Some(2 * UNIT)).await;
        assert!(!waited_a && !waited_b);
        let large = budget.take(Some(u64::MAX));
        tokio::pin!(large);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(1), &mut large).await.is_err());
        drop((a, b));
        assert!(large.await.1);
        assert!(!budget.take(None).await.1);
    }
}
