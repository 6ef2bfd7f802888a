//! Timestamps with nanoseconds, both ways.

use jiff::Timestamp;
use throughline_memory::engine::FieldViolation;

const NANOS_PER_SECOND: i32 = 1_000_000_000;
/// 0001-01-01T00:00:00Z: the first instant that the protocol knows.
const FIRST_SECOND: i64 = -62_135_596_800;

/// The protocol counts nanoseconds forward, before 1970 too.
pub fn timestamp_to_proto(time: Timestamp) -> prost_types::Timestamp {
    let (mut seconds, mut nanos) = (time.as_second(), time.subsec_nanosecond());
    if nanos < 0 {
        seconds -= 1;
        nanos += NANOS_PER_SECOND;
    }
    prost_types::Timestamp { seconds, nanos }
}

/// Reads a timestamp of the years 1 to 9999.
///
/// # Errors
/// A violation of `field`.
pub fn timestamp_from_proto(
    field: &str,
    time: &prost_types::Timestamp,
) -> Result<Timestamp, FieldViolation> {
    let fits = (0..NANOS_PER_SECOND).contains(&time.nanos) && time.seconds >= FIRST_SECOND;
    Timestamp::new(time.seconds, time.nanos).ok().filter(|_| fits).ok_or_else(|| {
        FieldViolation::new(
            field,
            format!(
                "must lie in the years 1 to 9999 with 0 to 999999999 nanoseconds, \
                 got {} s and {} ns",
                time.seconds, time.nanos
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instant_comes_back() {
        for (seconds, nanos) in
            [(0, 0), (1_700_000_000, 123_456_789), (-1, 999_999_999), (-62_135_596_800, 1), (-5, 0)]
        {
            let time = prost_types::Timestamp { seconds, nanos };
            let read = timestamp_from_proto("t", &time).unwrap();
            assert_eq!(timestamp_to_proto(read), time);
        }
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for (seconds, nanos) in
            [(0, -1), (0, 1_000_000_000), (i64::MAX, 0), (i64::MIN, 0), (-62_135_596_801, 0)]
        {
            let time = prost_types::Timestamp { seconds, nanos };
            assert_eq!(timestamp_from_proto("t", &time).unwrap_err().field, "t");
        }
    }
}
