//! The strategies that people use instead of a memory, and the two bounds: the
//! whole history, and the evidence alone. Each makes a window from the same
//! turns, the same embedding's ranking and the same budget.

use std::{collections::BTreeSet, sync::Arc};

use clap::ValueEnum;
use serde::Serialize;

use super::{
    model_summary::cut,
    shown::{Line, Shown},
    sum_basic,
};
use crate::{
    dataset::{Message, Speaker},
    runner::window::{PER_MESSAGE, PER_PROMPT, count},
};

/// Share of the budget that a summary may cost beside the last turns.
const SUMMARY_SHARE: f64 = 0.25;

/// Who assembles a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum Strategy {
    /// The service.
    Throughline,
    /// Every turn, whatever it costs.
    FullHistory,
    /// The last turns that fit.
    LastN,
    /// The last turns in three quarters of the budget, behind a summary
    /// (SumBasic) of all before them in the rest.
    LastNSummary,
    /// The same with a summary that a language model writes: only with `--summary-by`.
    LastNModelSummary,
    /// The turns nearest to the question by the server's embedding.
    Vector,
    /// Half of the budget for the last turns, half for the nearest.
    HalfVector,
    /// The evidence alone: what a perfect memory would show.
    Oracle,
}

impl Strategy {
    /// As it stands in results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Throughline => "throughline",
            Self::FullHistory => "full_history",
            Self::LastN => "last_n",
            Self::LastNSummary => "last_n_summary",
            Self::LastNModelSummary => "last_n_model_summary",
            Self::Vector => "vector",
            Self::HalfVector => "half_vector",
            Self::Oracle => "oracle",
        }
    }

    /// Whether it needs a ranking by the server's embedding.
    pub(crate) fn ranks(self) -> bool {
        matches!(self, Self::Vector | Self::HalfVector)
    }
}

/// A turn with what it costs as a message of its own.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    role: Speaker,
    text: Arc<str>,
    tokens: usize,
}

impl Turn {
    /// Counts a message.
    pub(crate) fn new(message: &Message) -> Self {
        let text = message.document();
        let tokens = count(text.trim()) + PER_MESSAGE;
        Self { role: message.role, text: text.trim().into(), tokens }
    }

    /// `user` or `assistant`.
    pub(super) fn role(&self) -> &'static str {
        self.role.as_str()
    }

    /// What is said.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What it costs, the template's share included.
    pub(super) fn tokens(&self) -> usize {
        self.tokens
    }

    fn line(&self) -> Line {
        Line { role: self.role.as_str(), text: self.text.to_string(), tokens: self.tokens }
    }
}

/// What a window is made of.
pub(crate) struct Sources<'a> {
    /// The history, without the question.
    pub(crate) turns: &'a [Turn],
    /// Positions by the embedding, nearest first.
    pub(crate) nearest: &'a [usize],
    /// Positions of the evidence.
    pub(crate) evidence: &'a BTreeSet<usize>,
    /// What is asked.
    pub(crate) question: &'a str,
    /// Tokens that the window may cost.
    pub(crate) budget: usize,
    /// What a language model wrote of [`Self::earlier`]; empty if none did.
    pub(crate) written: String,
}

/// Tokens of a summary that a language model writes for windows of a budget, whatever
/// the question: what [`SUMMARY_SHARE`] leaves it where the question costs nothing.
pub(super) fn summary_room(budget: usize) -> usize {
    ((budget as f64 * SUMMARY_SHARE) as usize).saturating_sub(PER_MESSAGE)
}

impl Sources<'_> {
    /// The window of a plain strategy; nothing for [`Strategy::Throughline`],
    /// whose windows the service builds.
    pub(crate) fn window(&self, strategy: Strategy) -> Option<Shown> {
        let asked = count(self.question) + PER_MESSAGE;
        let room = self.budget.saturating_sub(asked + PER_PROMPT);
        let mut taken = BTreeSet::new();
        let mut summary = None;
        match strategy {
            Strategy::Throughline => return None,
            Strategy::FullHistory => taken.extend(0..self.turns.len()),
            Strategy::LastN => self.take_last(room, &mut taken),
            Strategy::LastNSummary | Strategy::LastNModelSummary => {
                let share = (room as f64 * SUMMARY_SHARE) as usize;
                self.take_last(room - share, &mut taken);
                summary = match strategy {
                    Strategy::LastNModelSummary => self.written(share),
                    _ => self.summary(share, &taken),
                };
            }
            Strategy::Vector => self.take(self.nearest, room, &mut taken),
            Strategy::HalfVector => {
                self.take_last(room / 2, &mut taken);
                let used: usize = self.cost(&taken);
                self.take(self.nearest, room - used, &mut taken);
            }
            Strategy::Oracle => {
                let evidence: Vec<usize> = self.evidence.iter().copied().collect();
                self.take(&evidence, room, &mut taken);
            }
        }
        let turns = taken.iter().filter_map(|&at| self.turns.get(at)).map(Turn::line);
        let lines: Vec<Line> = summary.into_iter().chain(turns).collect();
        let tokens = lines.iter().map(|line| line.tokens).sum::<usize>() + asked + PER_PROMPT;
        let asked = Line { role: "user", text: self.question.to_owned(), tokens: asked };
        Some(Shown { lines, asked: Some(asked), tokens })
    }

    /// The turns that the summary of a window stands for: all before its last ones.
    pub(super) fn earlier(&self) -> &[Turn] {
        let asked = count(self.question) + PER_MESSAGE;
        let room = self.budget.saturating_sub(asked + PER_PROMPT);
        let mut taken = BTreeSet::new();
        self.take_last(room - (room as f64 * SUMMARY_SHARE) as usize, &mut taken);
        let first = taken.first().copied().unwrap_or(self.turns.len());
        self.turns.get(..first).unwrap_or_default()
    }

    fn cost(&self, taken: &BTreeSet<usize>) -> usize {
        taken.iter().filter_map(|&at| self.turns.get(at)).map(|turn| turn.tokens).sum()
    }

    /// Takes turns from the end until the first that does not fit.
    fn take_last(&self, mut room: usize, taken: &mut BTreeSet<usize>) {
        for (at, turn) in self.turns.iter().enumerate().rev() {
            let Some(left) = room.checked_sub(turn.tokens) else { break };
            room = left;
            taken.insert(at);
        }
    }

    /// Takes turns in an order, passing over what does not fit.
    fn take(&self, order: &[usize], mut room: usize, taken: &mut BTreeSet<usize>) {
        for &at in order {
            let Some(turn) = self.turns.get(at) else { continue };
            if turn.tokens <= room && taken.insert(at) {
                room -= turn.tokens;
            }
        }
    }

    /// A summary of everything before the turns that are taken.
    fn summary(&self, room: usize, taken: &BTreeSet<usize>) -> Option<Line> {
        let first = taken.first().copied().unwrap_or(self.turns.len());
        let earlier: Vec<&str> =
            self.turns.get(..first)?.iter().map(|turn| turn.text.as_ref()).collect();
        summary_line(sum_basic::summarize(&earlier, room.saturating_sub(PER_MESSAGE)))
    }

    /// What a model wrote, as far as it fits.
    fn written(&self, room: usize) -> Option<Line> {
        summary_line(cut(&self.written, room.saturating_sub(PER_MESSAGE)).to_owned())
    }
}

fn summary_line(text: String) -> Option<Line> {
    let tokens = count(&text) + PER_MESSAGE;
    (!text.is_empty()).then_some(Line { role: "system", text, tokens })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns() -> Vec<Turn> {
        // Five tokens each: one word and the template.
        let texts = ["zero", "one", "two", "three", "four", "five"];
        let turn = |(at, text): (usize, &&str)| {
            let role = if at % 2 == 0 { Speaker::User } else { Speaker::Assistant };
            Turn::new(&Message::chat(role, (*text).to_owned()))
        };
        texts.iter().enumerate().map(turn).collect()
    }

    fn check(strategy: Strategy, budget: usize, expected: &[&str]) {
        let turns = turns();
        let evidence = BTreeSet::from([1]);
        let sources = Sources {
            turns: &turns,
            nearest: &[2, 0, 5],
            evidence: &evidence,
            question: "q",
            budget,
            written: String::new(),
        };
        let shown = sources.window(strategy).unwrap();
        let texts: Vec<&str> = shown.lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, expected, "{strategy:?} {budget}");
        let lines: usize = shown.lines.iter().map(|line| line.tokens).sum();
        assert_eq!(shown.tokens, lines + 5 + 3);
        assert!(strategy == Strategy::FullHistory || shown.tokens <= budget);
    }

    #[test]
    fn windows_are_filled_as_told() {
        check(Strategy::FullHistory, 10, &["zero", "one", "two", "three", "four", "five"]);
        check(Strategy::LastN, 8 + 10, &["four", "five"]);
        check(Strategy::LastN, 8 + 14, &["four", "five"]);
        check(Strategy::Vector, 8 + 10, &["zero", "two"]);
        check(Strategy::HalfVector, 8 + 20, &["zero", "two", "four", "five"]);
        check(Strategy::Oracle, 8 + 20, &["one"]);
        check(Strategy::Oracle, 8, &[]);
    }

    #[test]
    fn a_summary_stands_before_the_last_turns() {
        // Eleven tokens each: six of twelve turns fit into three quarters.
        let said = "The ferry leaves at nine today.";
        let turns = vec![Turn::new(&Message::chat(Speaker::User, said.to_owned())); 12];
        let evidence = BTreeSet::new();
        let sources = Sources {
            turns: &turns,
            nearest: &[],
            evidence: &evidence,
            question: "q",
            budget: 8 + 100,
            written: String::new(),
        };
        let shown = sources.window(Strategy::LastNSummary).unwrap();
        let roles: Vec<&str> = shown.lines.iter().map(|line| line.role).collect();
        assert_eq!((roles[0], roles.len()), ("system", 7), "{shown:?}");
        assert!(shown.tokens <= 108 && shown.lines[0].text.starts_with(said), "{shown:?}");
        assert!(sources.window(Strategy::Throughline).is_none());
    }

    #[test]
    fn what_a_model_wrote_stands_before_the_same_last_turns() {
        let said = "The ferry leaves at nine today.";
        let turns = vec![Turn::new(&Message::chat(Speaker::User, said.to_owned())); 12];
        let evidence = BTreeSet::new();
        let sources = |written: &str| Sources {
            turns: &turns,
            nearest: &[],
            evidence: &evidence,
            question: "q",
            budget: 8 + 100,
            written: written.to_owned(),
        };
        // Six of twelve stand there; a quarter of a hundred is for what was before.
        assert_eq!(sources("").earlier().len(), 6);
        let window = |written: &str| sources(written).window(Strategy::LastNModelSummary).unwrap();
        let shown = window("It is blue. It is cheap.");
        assert_eq!((shown.lines[0].role, shown.lines.len()), ("system", 7), "{shown:?}");
        assert_eq!(shown.lines[0].text, "It is blue. It is cheap.");
        // More than fits is cut, and without one there are the last turns alone.
        let long = window(&"It is blue. ".repeat(20));
        assert!(long.tokens <= 108 && long.lines[0].text.ends_with("blue."), "{long:?}");
        assert!(long.lines[0].tokens <= 25 && long.lines[0].tokens > 15, "{long:?}");
        assert_eq!(window("").lines.len(), 6);
        assert_eq!((summary_room(2_000), summary_room(1)), (496, 0));
    }
}
