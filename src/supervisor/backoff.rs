//! How long to wait before Redis is started again. Pure: no clock, no randomness of its own.

use std::time::Duration;

/// A life of this long was a good one: whatever ended it, the next start need not wait.
const GOOD_LIFE: Duration = Duration::from_secs(10);

/// A life of at least this long proves that starting works, so waiting longer and longer between
/// starts would only add to the outage (s6 draws the same line at one second).
const REAL_LIFE: Duration = Duration::from_secs(1);

/// The first wait, doubled for each start in a row that led to no real life.
const FIRST: Duration = Duration::from_millis(250);

/// The longest wait.
pub const CAP: Duration = Duration::from_secs(15);

/// Remembers the starts that failed in a row.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after a life that was ready for `ready_for` (`None`: never). `jitter` in -1..=1
    /// moves waits of the growing kind by up to 20 %, so that many containers that share a cause
    /// do not start in step.
    pub fn after(&mut self, ready_for: Option<Duration>, jitter: f64) -> Duration {
        match ready_for {
            Some(life) if life >= GOOD_LIFE => {
                self.failures = 0;
                Duration::ZERO
            }
            Some(life) if life >= REAL_LIFE => {
                self.failures = 0;
                FIRST
            }
            _ => {
                let wait = FIRST.saturating_mul(1 << self.failures.min(16)).min(CAP);
                self.failures = self.failures.saturating_add(1);
                wait.mul_f64(1.0 + 0.2 * jitter.clamp(-1.0, 1.0)).min(CAP)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_a_real_life_resets_them() {
        let mut backoff = Backoff::default();
        let mut waits = Vec::new();
        waits.extend((0..8).map(|_| backoff.after(None, 0.0).as_millis()));
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 15000, 15000]);
        assert_eq!(backoff.after(Some(Duration::from_secs(2)), 0.0), FIRST);
        assert_eq!(backoff.after(None, 0.0), FIRST);
        assert_eq!(backoff.after(Some(Duration::from_secs(10)), 0.0), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn never_above_the_cap_and_never_idle_free_after_a_failure(
            lives in proptest::collection::vec(proptest::option::of(0u64..1000), 0..200),
            jitter in -2.0f64..2.0,
        ) {
            let mut backoff = Backoff::default();
            for life in lives {
                let wait = backoff.after(life.map(Duration::from_millis), jitter);
                prop_assert!(wait <= CAP);
                prop_assert!(wait >= FIRST.mul_f64(0.79));
            }
        }
    }
}
