//! Holds an event of a stream back until it is complete. If the upstream breaks off
//! within it, half an event with an error behind it would be one event that no client
//! can read.
//!
//! Invariants: what passes are the bytes that came, in their order; an event that is
//! complete never waits, nor does a comment between two; what waits is bounded.

use bytes::{Bytes, BytesMut};

/// Bytes of an event that wait for its end; of a longer one all pass as they come.
const MAX_HELD_BYTES: usize = 256 << 10;

/// The event that is not complete.
#[derive(Default)]
pub(super) struct Held {
    bytes: BytesMut,
    lines: Lines,
    /// It is too long to wait.
    passes: bool,
}

impl Held {
    /// Takes a chunk; gives what may pass.
    pub(super) fn take(&mut self, chunk: Bytes) -> Bytes {
        let Some(end) = self.lines.feed(&chunk) else {
            if self.passes {
                return chunk;
            }
            self.bytes.extend_from_slice(&chunk);
            self.passes = self.bytes.len() > MAX_HELD_BYTES;
            return if self.passes { self.rest() } else { Bytes::new() };
        };
        self.passes = false;
        let complete = if self.bytes.is_empty() {
            chunk.slice(..end)
        } else {
            self.bytes.extend_from_slice(&chunk.slice(..end));
            self.rest()
        };
        self.bytes.extend_from_slice(&chunk.slice(end..));
        complete
    }

    /// Gives what waits.
    pub(super) fn rest(&mut self) -> Bytes {
        self.bytes.split().freeze()
    }
}

/// Finds the ends of events: a blank line, or a comment that stands by itself. Lines
/// end with a line feed, a carriage return, or both.
#[derive(Default)]
struct Lines {
    line: Line,
    /// The event has a line that is no comment.
    has_fields: bool,
    /// The last line ended an event.
    ended: bool,
    after_return: bool,
}

#[derive(Default)]
enum Line {
    #[default]
    Begins,
    Comment,
    Field,
}

impl Lines {
    /// Reads a chunk; gives where behind the last end in it the next event begins.
    fn feed(&mut self, chunk: &[u8]) -> Option<usize> {
        let mut end = None;
        for (behind, byte) in (1..).zip(chunk) {
            let after_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            let ends = match byte {
                // It belongs to the line before.
                b'\n' if after_return => self.ended,
                b'\n' | b'\r' => self.end_line(),
                _ => {
                    self.go_on(*byte);
                    false
                }
            };
            if ends {
                end = Some(behind);
            }
        }
        end
    }

    fn go_on(&mut self, byte: u8) {
        if matches!(self.line, Line::Begins) {
            self.line = if byte == b':' { Line::Comment } else { Line::Field };
        }
    }

    fn end_line(&mut self) -> bool {
        match std::mem::take(&mut self.line) {
            Line::Begins => self.has_fields = false,
            Line::Comment => {}
            Line::Field => self.has_fields = true,
        }
        self.ended = !self.has_fields;
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What passes of chunks, and what waits at the end.
    fn check(chunks: &[&str], passed: &[&str], waits: &str) {
        let mut held = Held::default();
        let got: Vec<Bytes> = chunks
            .iter()
            .map(|chunk| held.take(Bytes::copy_from_slice(chunk.as_bytes())))
            .collect();
        assert_eq!(got, passed, "{chunks:?}");
        assert_eq!(held.rest(), waits, "{chunks:?}");
    }

    #[test]
    fn complete_events_pass_and_half_ones_wait() {
        check(&["data: a\n\n"], &["data: a\n\n"], "");
        check(&["data: a\n", "\n"], &["", "data: a\n\n"], "");
        check(&["da", "ta: a\n\ndata: b\n\nda", "ta"], &["", "data: a\n\ndata: b\n\n", ""], "data");
        check(&["event: x\ndata: a\n"], &[""], "event: x\ndata: a\n");
        check(&["data: a\r\n\r\nd", "x"], &["data: a\r\n\r\n", ""], "dx");
        check(&["data: a\r\n\r", "\nd"], &["data: a\r\n\r", "\n"], "d");
        check(&["data: a\r\rd"], &["data: a\r\r"], "d");
        check(&["data: a\r", "\nd"], &["", ""], "data: a\r\nd");
        check(&["", "garbage"], &["", ""], "garbage");
    }

    #[test]
    fn a_comment_waits_for_nothing_but_its_event() {
        check(&[": ping\n", ": pi", "ng\n\n"], &[": ping\n", "", ": ping\n\n"], "");
        check(&["data: a\n: ping\n"], &[""], "data: a\n: ping\n");
        check(&["data: a\n\n: ping\nd"], &["data: a\n\n: ping\n"], "d");
    }

    #[test]
    fn what_is_too_long_passes_until_the_next_event() {
        let (head, long) = ("data: ", "x".repeat(MAX_HELD_BYTES));
        let whole = format!("{head}{long}");
        check(&[head, &long, "y", "z\n\ndata: ", "b"], &["", &whole, "y", "z\n\n", ""], "data: b");
    }
}
