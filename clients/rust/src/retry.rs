//! When a failed call is sent again, and after how long.
//!
//! Sent again is what cannot have been done, and what may be done twice:
//! RESOURCE_EXHAUSTED with a delay (the server refused before it did anything),
//! and UNAVAILABLE of a repeatable method (reads, and writes with an idempotency
//! key). Everything else is for the caller to decide. The deadline of a call covers
//! all of its attempts: a wait that would pass it is not begun.

use std::time::Duration;

use rand::Rng as _;

use crate::error::{Error, ErrorKind};

/// How much a wait is spread, so that callers refused together do not come back
/// together.
const SPREAD: f64 = 0.25;

/// How patient a client is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Attempts of one call; 1 switches retries off.
    pub max_attempts: u32,
    /// Before the second attempt; doubles with each, unless the server says how
    /// long.
    pub first_delay: Duration,
    /// Where the doubling ends.
    pub max_delay: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 8,
            first_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(2),
        }
    }
}

impl RetryPolicy {
    /// How long to wait after the attempt (from 1) that failed; `None` to give up.
    pub(crate) fn delay(
        &self,
        error: &Error,
        attempt: u32,
        repeatable: bool,
        remaining: Duration,
    ) -> Option<Duration> {
        let may_repeat = match error.kind() {
            ErrorKind::ResourceExhausted => error.retry_delay().is_some(),
            ErrorKind::Unavailable => repeatable,
            _ => false,
        };
        if attempt >= self.max_attempts || !may_repeat {
            return None;
        }
        let doubled = self.first_delay.saturating_mul(1 << (attempt - 1).min(30));
        let wanted = error.retry_delay().unwrap_or(doubled.min(self.max_delay));
        let delay = wanted.mul_f64(1.0 + rand::rng().random_range(0.0..=SPREAD));
        (delay < remaining).then_some(delay)
    }
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
