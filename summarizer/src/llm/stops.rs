//! Stop texts in a stream: what could be the beginning of one is held back
//! until it is clear, so that no part of a stop text is ever handed out.

/// Looks for stop texts in text that comes in pieces.
pub(crate) struct Stops<'a> {
    texts: &'a [String],
    held: String,
}

impl<'a> Stops<'a> {
    pub(crate) fn new(texts: &'a [String]) -> Self {
        Self { texts, held: String::new() }
    }

    /// Takes a piece; gives what is safe to hand out, and whether a stop text came.
    pub(crate) fn push(&mut self, piece: &str) -> (String, bool) {
        self.held.push_str(piece);
        let found = self.texts.iter().filter_map(|stop| self.held.find(stop.as_str())).min();
        if let Some(at) = found {
            let mut text = std::mem::take(&mut self.held);
            text.truncate(at);
            return (text, true);
        }
        let keep = self.texts.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        (std::mem::replace(&mut self.held, rest), false)
    }

    /// What was held back at the end.
    pub(crate) fn rest(self) -> String {
        self.held
    }
}

/// Length of the longest end of `text` that begins `stop`.
fn overlap(text: &str, stop: &str) -> usize {
    let most = text.len().min(stop.len().saturating_sub(1));
    (1..=most)
        .rev()
        .find(|&length| {
            stop.is_char_boundary(length)
                && stop.get(..length).is_some_and(|begin| text.ends_with(begin))
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stops: &[&str], pieces: &[&str], expected: &str, stopped: bool) {
        let stops: Vec<String> = stops.iter().map(|&stop| stop.to_owned()).collect();
        let mut scanner = Stops::new(&stops);
        let (mut text, mut seen) = (String::new(), false);
        for piece in pieces {
            let (out, stop) = scanner.push(piece);
            text.push_str(&out);
            if stop {
                seen = true;
                break;
            }
        }
        if !seen {
            text.push_str(&scanner.rest());
        }
        assert_eq!((text.as_str(), seen), (expected, stopped), "{stops:?} {pieces:?}");
    }

    #[test]
    fn stop_texts_are_found_across_pieces() {
        check(&["###"], &["one", " #", "#", "# two"], "one ", true);
        check(&["###"], &["one #", "# two"], "one ## two", false);
        check(&["\n\n", "END"], &["a\n", "b\nE", "ND"], "a\nb\n", true);
        check(&["ab"], &["a", "a", "b"], "a", true);
        check(&["schön"], &["sch", "ö", "n da"], "", true);
        check(&["b", "abc"], &["ab"], "a", true);
        check(&[], &["a", "b"], "ab", false);
    }

    #[test]
    fn what_is_safe_comes_at_once() {
        let stops = ["END".to_owned()];
        let mut scanner = Stops::new(&stops);
        assert_eq!(scanner.push("hello E"), ("hello ".to_owned(), false));
        assert_eq!(scanner.push("x"), ("Ex".to_owned(), false));
        assert_eq!(scanner.rest(), "");
    }
}
