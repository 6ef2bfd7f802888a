//! Deadlines: the caller's `grpc-timeout`, or the server's default. They are set
//! a little early, so that the answer that explains itself arrives before the
//! caller gives up.

use std::time::Duration;

use tokio::time::Instant;
use tonic::codegen::http::HeaderMap;

/// Longest deadline: an import of a large conversation.
const MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// A tenth of the time is kept for the answer, at most this.
const ANSWER: Duration = Duration::from_millis(20);
/// Streams of requests or answers, if the caller sets no deadline.
const STREAM_DEFAULT: Duration = Duration::from_secs(60 * 60);

const HEADER: &str = "grpc-timeout";

/// When a call has to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The gate answers DEADLINE_EXCEEDED.
    pub(super) answer: Instant,
    /// A handler that waits stops waiting.
    wait: Instant,
}

impl Deadline {
    /// The deadline of a request that arrives at `now`.
    pub(super) fn of(headers: &HeaderMap, streams: bool, default: Duration, now: Instant) -> Self {
        let default = if streams { STREAM_DEFAULT } else { default };
        let asked = headers.get(HEADER).and_then(|value| parse(value.to_str().ok()?));
        let time = asked.unwrap_or(default).min(MAX);
        let margin = (time / 10).min(ANSWER);
        Self { answer: now + time - margin, wait: now + time - margin * 2 }
    }

    /// What `work` gives, unless the deadline comes first.
    pub(crate) async fn bound<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout_at(self.wait, work).await.ok()
    }

    /// Whether it has come.
    pub(crate) fn passed(&self) -> bool {
        Instant::now() >= self.wait
    }
}

/// At most eight digits and a unit, as the gRPC protocol has it.
fn parse(value: &str) -> Option<Duration> {
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3_600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_grpc_spells_them() {
        for (value, expected) in [
            ("1H", Some(Duration::from_secs(3_600))),
            ("2M", Some(Duration::from_secs(120))),
            ("99999999S", Some(Duration::from_secs(99_999_999))),
            ("150m", Some(Duration::from_millis(150))),
            ("7u", Some(Duration::from_micros(7))),
            ("7n", Some(Duration::from_nanos(7))),
            ("", None),
            ("m", None),
            ("1", None),
            ("1x", None),
            ("-1S", None),
            ("123456789S", None),
            ("1é", None),
        ] {
            assert_eq!(parse(value), expected, "{value}");
        }
    }

    #[test]
    fn the_answer_comes_before_the_caller_gives_up() {
        let now = Instant::now();
        let at = |timeout: &str, streams| {
            let mut headers = HeaderMap::new();
            if !timeout.is_empty() {
                headers.insert(HEADER, timeout.parse().unwrap());
            }
            let deadline = Deadline::of(&headers, streams, Duration::from_secs(30), now);
            assert!(deadline.wait <= deadline.answer);
            deadline.answer - now
        };
        assert_eq!(at("100m", false), Duration::from_millis(90));
        assert_eq!(at("10S", false), Duration::from_millis(9_980));
        assert_eq!(at("", false), Duration::from_millis(29_980));
        assert_eq!(at("", true), STREAM_DEFAULT - ANSWER);
        assert_eq!(at("99999999H", true), MAX - ANSWER);
    }
}
