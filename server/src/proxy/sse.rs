//! Reads an answer off a stream of server-sent events while it passes by. The bytes
//! are never changed; what cannot be read is passed over.

use super::{answer::Answer, dialect::Dialect};

/// Longest line, or data of one event, that is read; longer ones pass unread, and the
/// answer counts as cut off.
const MAX_EVENT_BYTES: usize = 4 << 20;

/// A reader of one stream.
pub(super) struct EventReader {
    dialect: Dialect,
    pub(super) answer: Answer,
    /// The line that is not complete.
    line: Vec<u8>,
    /// Data of the event that is not complete.
    data: Vec<u8>,
    /// The line is too long: its rest passes.
    skips: bool,
}

impl EventReader {
    /// Of a stream that begins.
    pub(super) fn new(dialect: Dialect, answer: Answer) -> Self {
        Self { dialect, answer, line: Vec::new(), data: Vec::new(), skips: false }
    }

    /// Reads a chunk. Gives where in it the last event of the stream begins.
    pub(super) fn feed(&mut self, chunk: &[u8]) -> Option<usize> {
        let mut end = None;
        let mut start = 0;
        while let Some(length) = chunk.get(start..)?.iter().position(|byte| *byte == b'\n') {
            let piece = chunk.get(start..start + length).unwrap_or_default();
            if self.read_line(piece) && end.is_none() {
                end = Some(start);
            }
            start += length + 1;
        }
        self.keep(chunk.get(start..).unwrap_or_default());
        end
    }

    /// The stream has ended: what stands without a line feed is read too.
    pub(super) fn end(&mut self) {
        self.read_line(&[]);
        self.dispatch();
    }

    fn keep(&mut self, piece: &[u8]) {
        if self.skips {
            return;
        }
        if self.line.len() + piece.len() > MAX_EVENT_BYTES {
            self.answer.lose();
            self.skips = true;
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(piece);
        }
    }

    /// The rest of a line; tells whether it begins the last event.
    fn read_line(&mut self, piece: &[u8]) -> bool {
        if std::mem::take(&mut self.skips) {
            return false;
        }
        if self.line.is_empty() {
            return self.read_whole(piece);
        }
        self.keep(piece);
        if std::mem::take(&mut self.skips) {
            return false;
        }
        let line = std::mem::take(&mut self.line);
        let is_end = self.read_whole(&line);
        self.line = line;
        self.line.clear();
        is_end
    }

    fn read_whole(&mut self, line: &[u8]) -> bool {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if self.dialect.is_end(line) {
            self.dispatch();
            if self.answer.finish_reason().is_none() && !self.answer.has_failed() {
                self.answer.finish(self.dialect.usual_end());
            }
            return true;
        }
        if line.is_empty() {
            self.dispatch();
        } else if let Some(data) = line.strip_prefix(b"data:") {
            let data = data.strip_prefix(b" ").unwrap_or(data);
            if self.data.len() + data.len() > MAX_EVENT_BYTES {
                self.answer.lose();
                self.data = Vec::new();
            } else {
                if !self.data.is_empty() {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(data);
            }
        }
        false
    }

    fn dispatch(&mut self) {
        if !self.data.is_empty() {
            self.dialect.read_event(&self.data, &mut self.answer);
            self.data.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use throughline_memory::turn::Part;

    use super::*;

    const STREAM: &str = "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"hel\"}}]}\n\n\
        : comment\r\n\r\ndata:{\"choices\":[{\"delta\":{\"content\":\"lo\"}}]}\r\n\r\ndata: {not json\n\n\
        data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

    #[test]
    fn the_same_is_read_however_the_bytes_are_cut() {
        for size in 1..STREAM.len() {
            let mut reader = EventReader::new(Dialect::OpenAi, Answer::new(Dialect::OpenAi, 99));
            let (mut passed, mut ended) = (0, None);
            for chunk in STREAM.as_bytes().chunks(size) {
                ended = ended.or(reader.feed(chunk).map(|at| passed + at));
                passed += chunk.len();
            }
            reader.end();
            let at = STREAM.find("data: [DONE]").unwrap();
            assert!(ended.is_some_and(|ended| (at..STREAM.len()).contains(&ended)), "{size}");
            assert_eq!(reader.answer.parts(""), [Part::Text("hello".to_owned())], "{size}");
            assert!(!reader.answer.is_cut_off());
            assert_eq!(reader.answer.model(), Some("m"));
        }
    }

    #[test]
    fn a_stream_with_an_event_that_is_too_long_is_cut_off_though_it_ends() {
        let delta = |text: &str| {
            format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
        };
        let long = delta(&"x".repeat(MAX_EVENT_BYTES));
        let end =
            "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
        let mut reader = EventReader::new(Dialect::OpenAi, Answer::new(Dialect::OpenAi, 99));
        let mut ended = None;
        for piece in [delta("a"), long, delta("b"), end.to_owned()] {
            for chunk in piece.as_bytes().chunks(if piece.len() > 999 { 1 << 20 } else { 5 }) {
                ended = ended.or(reader.feed(chunk));
            }
        }
        assert!(ended.is_some(), "the end was not seen");
        assert!(reader.answer.is_cut_off() && !reader.answer.is_finished());
        assert_eq!(reader.answer.parts(""), [Part::Text("a".to_owned())]);
    }

    #[test]
    fn lines_without_end_are_not_kept() {
        let mut reader = EventReader::new(Dialect::OpenAi, Answer::new(Dialect::OpenAi, 99));
        for _ in 0..9 {
            reader.feed(&vec![b'x'; 1 << 20]);
        }
        assert!(reader.line.len() <= MAX_EVENT_BYTES && reader.answer.is_cut_off());
        assert!(reader.skips);
    }
}
