//! What a model would see: the messages of a window, whoever assembled it, and
//! where in it something stands. Throughline's windows, the plain strategies'
//! and a rival's are all judged through this one value.

use throughline_proto::v1::{ContextWindow, Role};

use crate::runner::window::{holds_words, message_tokens, recount};

/// One message of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// `system`, `user` or `assistant`, as chat completion APIs spell it.
    pub(crate) role: &'static str,
    /// Its text.
    pub(crate) text: String,
    /// What it costs, the template's share included.
    pub(crate) tokens: usize,
}

/// A window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// What stands before the question, in order.
    pub(crate) lines: Vec<Line>,
    /// The question, which is no memory.
    pub(crate) asked: Option<Line>,
    /// What all of it costs, the template's share included.
    pub(crate) tokens: usize,
}

/// What must stand in a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Each of these, verbatim.
    Pieces(Vec<String>),
    /// All words of this text in a row.
    Words(String),
}

impl Shown {
    /// Reads a window of the service. Messages that are the question itself are
    /// set apart.
    pub(crate) fn of_window(window: &ContextWindow, question: &str) -> Self {
        let mut shown = Self { tokens: recount(window), ..Self::default() };
        for message in &window.messages {
            let role = match message.role() {
                Role::System => "system",
                Role::Assistant => "assistant",
                Role::User | Role::Tool | Role::Unspecified => "user",
            };
            let tokens = message_tokens(message);
            let line = Line { role, text: message.content.clone(), tokens };
            if message.content == question {
                shown.asked = Some(line);
            } else {
                shown.lines.push(line);
            }
        }
        shown
    }

    /// Where it stands: the share of the window's tokens before it, 0 to 1;
    /// nothing if it does not stand there. Of several pieces the first counts.
    pub(crate) fn place_of(&self, wanted: &Wanted) -> Option<f64> {
        match wanted {
            Wanted::Pieces(pieces) => {
                let places: Option<Vec<f64>> =
                    pieces.iter().map(|piece| self.find(|text| offset(text, piece))).collect();
                places?.into_iter().min_by(f64::total_cmp)
            }
            Wanted::Words(words) => self.find(|text| offset_of_words(text, words)),
        }
    }

    /// Whether the question holds it.
    pub(crate) fn asked_holds(&self, words: &str) -> bool {
        self.asked.as_ref().is_some_and(|line| holds_words(&line.text, words))
    }

    fn find(&self, at: impl Fn(&str) -> Option<f64>) -> Option<f64> {
        let all: usize = self.lines.iter().chain(&self.asked).map(|line| line.tokens).sum();
        let mut before = 0.0;
        for line in &self.lines {
            if let Some(share) = at(&line.text) {
                return Some((before + share * line.tokens as f64) / (all.max(1) as f64));
            }
            before += line.tokens as f64;
        }
        None
    }
}

/// Share of a text before a piece of it.
fn offset(text: &str, piece: &str) -> Option<f64> {
    text.find(piece).map(|at| at as f64 / text.len().max(1) as f64)
}

/// Share of a text before a run of words, whatever stands between the words.
/// No words stand nowhere.
fn offset_of_words(text: &str, wanted: &str) -> Option<f64> {
    let words = |text: &str| {
        let kept = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        format!(" {} ", kept.collect::<Vec<_>>().join(" "))
    };
    let wanted = words(wanted);
    if wanted.trim().is_empty() {
        return None;
    }
    offset(&words(text), &wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use throughline_proto::v1::ContextMessage;

    fn shown(texts: &[&str]) -> Shown {
        let line =
            |text: &&str| Line { role: "user", text: (*text).to_owned(), tokens: text.len() };
        Shown { lines: texts.iter().map(line).collect(), asked: None, tokens: 0 }
    }

    fn check(texts: &[&str], wanted: Wanted, expected: Option<f64>) {
        let place = shown(texts).place_of(&wanted);
        let near = place.zip(expected).is_some_and(|(a, b)| (a - b).abs() < 1e-9);
        assert!(near || place == expected, "{place:?} of {texts:?} {wanted:?}");
    }

    #[test]
    fn places_are_shares_of_the_window() {
        let pieces = |all: &[&str]| Wanted::Pieces(all.iter().map(|one| (*one).into()).collect());
        check(&["abcd", "efgh"], pieces(&["gh"]), Some(0.75));
        check(&["abcd", "efgh"], pieces(&["gh", "ab"]), Some(0.0));
        check(&["abcd", "efgh"], pieces(&["gh", "xy"]), None);
        // Of " no tea ever " three letters in thirteen stand before; the line has
        // sixteen tokens of twenty.
        let place = (4.0 + 16.0 * 3.0 / 13.0) / 20.0;
        check(&["aaaa", "no — tea, ever"], Wanted::Words("tea ever".into()), Some(place));
        check(&["no teas"], Wanted::Words("tea".into()), None);
        check(&["anything"], Wanted::Words("?!".into()), None);
    }

    #[test]
    fn the_question_is_no_memory() {
        let message = |role: Role, content: &str| ContextMessage {
            role: role as i32,
            content: content.to_owned(),
            ..ContextMessage::default()
        };
        let window = ContextWindow {
            messages: vec![message(Role::System, "pin"), message(Role::User, "which tea?")],
            ..ContextWindow::default()
        };
        let shown = Shown::of_window(&window, "which tea?");
        assert_eq!(shown.place_of(&Wanted::Words("tea".into())), None);
        assert!(shown.asked_holds("tea") && !shown.asked_holds("pin"));
        assert_eq!((shown.lines.len(), shown.lines[0].role), (1, "system"));
        assert_eq!(shown.tokens, recount(&window));
    }
}
