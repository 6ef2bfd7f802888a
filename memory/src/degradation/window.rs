//! What is stored of a built window: how full it is, how much of it is stale,
//! where its memory stands, and what it saved.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    context::{Item, Section, Window, Yielded},
    turn::Sequence,
};

/// A retrieved turn below this share of the best score is a distractor: it was
/// found, but not because it answers.
pub const DISTRACTOR_SCORE: f32 = 0.25;

/// The record of one window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowSignals {
    /// Newest turn when it was built; of one that shows how it stood, the turn as of which.
    pub at: Sequence,
    /// It shows how it stood as of a turn: what is recorded of it is for who looks back
    /// and says nothing of the conversation. Known by where it is stored.
    #[serde(skip)]
    pub as_of: bool,
    /// It was built for the last user turn, and not for a question from outside.
    pub in_chat: bool,
    /// When it was built.
    pub built_at: Timestamp,
    /// Tokens that it might have.
    pub budget: u32,
    /// Tokens that it has.
    pub tokens: u32,
    /// Tokens of the whole history, by the same tokenizer and template.
    pub history_tokens: u64,
    /// Share of the tokens in turns that do not hold any more.
    pub stale_share: Option<f32>,
    /// Share of the memory (pins, summary, retrieved) that stands in the middle
    /// third of the window.
    pub middle_share: Option<f32>,
    /// Share of the retrieved tokens that is stale or weakly related.
    pub distractor_density: Option<f32>,
    /// Share of the pins that found room.
    pub pin_coverage: Option<f32>,
    /// Score of the best retrieved turn less that of the second best.
    pub retrieval_margin: Option<f32>,
    /// Turns between the newest and the retrieved ones, mean by tokens.
    pub evidence_distance: Option<f32>,
    /// Share of the tokens that a prefix cache keeps; not of one as of a turn.
    pub cached_prefix_share: Option<f32>,
    /// Proposals that were dropped as replaced.
    pub superseded_dropped: u32,
    /// Turns between the newest and the last that the summary stands for.
    pub summary_age: Option<u64>,
    /// Microseconds that building took beyond embedding the query.
    pub latency_micros: u64,
    /// Pins were restated near the query.
    pub reanchored: bool,
}

impl WindowSignals {
    /// Share of the budget that is used.
    pub fn fill(&self) -> f32 {
        share(u64::from(self.tokens), u64::from(self.budget)).unwrap_or(0.0)
    }

    /// Tokens of the history that the window did without.
    pub fn saved_tokens(&self) -> u64 {
        self.history_tokens.saturating_sub(u64::from(self.tokens))
    }
}

/// What is known of a window beside what stands in it.
#[derive(Clone, Debug)]
pub struct WindowFacts {
    /// Newest turn that it knows.
    pub at: Sequence,
    /// It shows how it stood as of that turn.
    pub as_of: bool,
    /// It was built for the last user turn.
    pub in_chat: bool,
    /// When it was built.
    pub built_at: Timestamp,
    /// Tokens that it might have.
    pub budget: u32,
    /// Tokens of the whole history.
    pub history_tokens: u64,
    /// Leading tokens that are those of the window before.
    pub unchanged_prefix_tokens: u32,
    /// The two best scores of retrieval, 0 to 1 of the best.
    pub best_scores: Option<(f32, f32)>,
    /// Proposals that were dropped as replaced.
    pub superseded_dropped: u32,
    /// Microseconds of assembly.
    pub latency_micros: u64,
}

/// A window without its words: what is measured of it, and small enough to wait.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WindowShape {
    tokens: u32,
    items: Vec<ItemShape>,
    pins_without_room: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct ItemShape {
    section: Section,
    /// The turn, if it is one of the window's own conversation.
    own: Option<Sequence>,
    tokens: u32,
    score: Option<f32>,
    /// Last turn that it stands for, if it is a summary.
    summarizes_until: Option<Sequence>,
}

impl WindowShape {
    /// The shape of a window.
    pub fn of(window: &Window) -> Self {
        let item = |item: &Item| ItemShape {
            section: item.section,
            own: item.sequence.filter(|_| item.conversation.is_none()),
            tokens: item.tokens,
            score: item.score,
            summarizes_until: item.summarizes.map(|(_, until)| until),
        };
        let pins = window.yielded.iter().map(|yielded| match yielded {
            Yielded::Pins(pins) => *pins,
            Yielded::QueryTurn(_) => 0,
        });
        Self {
            tokens: window.total_tokens,
            items: window.items.iter().map(item).collect(),
            pins_without_room: pins.sum(),
        }
    }

    /// How many items it has.
    pub fn items(&self) -> usize {
        self.items.len()
    }
}

/// Measures a window; `is_stale` says of a turn of its own conversation whether
/// it was replaced or has expired.
pub fn window_signals(
    window: &WindowShape,
    facts: &WindowFacts,
    is_stale: &dyn Fn(Sequence) -> bool,
) -> WindowSignals {
    let total = u64::from(window.tokens);
    let third = total as f64 / 3.0;
    let (mut at, mut stale, mut memory, mut middle) = (0_u64, 0, 0, 0.0_f64);
    let (mut retrieved, mut distracting, mut distance) = (0_u64, 0, 0.0_f64);
    let (mut retrieved_here, mut pinned, mut reanchored) = (0_u64, 0_usize, false);
    let mut summarized: Option<Sequence> = None;
    for item in &window.items {
        let tokens = u64::from(item.tokens);
        let of_turn = matches!(item.section, Section::Recent | Section::Retrieved);
        let is_old = of_turn && item.own.is_some_and(is_stale);
        stale += if is_old { tokens } else { 0 };
        if matches!(item.section, Section::Pinned | Section::Summary | Section::Retrieved) {
            memory += tokens;
            let (from, to) = (at as f64, (at + tokens) as f64);
            middle += (to.min(2.0 * third) - from.max(third)).max(0.0);
        }
        match item.section {
            Section::Retrieved => {
                retrieved += tokens;
                let is_weak = item.score.is_some_and(|score| score < DISTRACTOR_SCORE);
                distracting += if is_old || is_weak { tokens } else { 0 };
                if let Some(sequence) = item.own {
                    retrieved_here += tokens;
                    distance += facts.at.saturating_sub(sequence) as f64 * tokens as f64;
                }
            }
            Section::Pinned => pinned += 1,
            Section::Reanchored => reanchored = true,
            Section::Summary => {
                summarized = summarized.max(item.summarizes_until);
            }
            Section::Recent | Section::Query => {}
        }
        at += tokens;
    }
    let pins = pinned + window.pins_without_room;
    // No provider was sent one that shows how it stood.
    let cached = share(u64::from(facts.unchanged_prefix_tokens), total).filter(|_| !facts.as_of);
    WindowSignals {
        at: facts.at,
        as_of: facts.as_of,
        in_chat: facts.in_chat,
        built_at: facts.built_at,
        budget: facts.budget,
        tokens: window.tokens,
        history_tokens: facts.history_tokens,
        stale_share: share(stale, total),
        middle_share: (memory > 0).then(|| (middle / memory as f64) as f32),
        distractor_density: share(distracting, retrieved),
        pin_coverage: share(pinned as u64, pins as u64),
        retrieval_margin: facts.best_scores.map(|(best, second)| (best - second).max(0.0)),
        evidence_distance: (retrieved_here > 0).then(|| (distance / retrieved_here as f64) as f32),
        cached_prefix_share: cached,
        superseded_dropped: facts.superseded_dropped,
        summary_age: summarized.map(|until| facts.at.saturating_sub(until)),
        latency_micros: facts.latency_micros,
        reanchored,
    }
}

fn share(part: u64, whole: u64) -> Option<f32> {
    (whole > 0).then(|| (part as f64 / whole as f64) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turn::{ConversationId, Role};

    fn item(section: Section, sequence: Option<Sequence>, tokens: u32) -> Item {
        Item {
            section,
            conversation: None,
            sequence,
            fact: None,
            summarizes: None,
            message: 0,
            tokens,
            score: None,
            components: Vec::new(),
            reason: String::new(),
            said_at: None,
            role: Role::User,
        }
    }

    fn facts() -> WindowFacts {
        WindowFacts {
            at: 100,
            as_of: false,
            in_chat: true,
            built_at: Timestamp::UNIX_EPOCH,
            budget: 600,
            history_tokens: 5_000,
            unchanged_prefix_tokens: 150,
            best_scores: Some((1.0, 0.75)),
            superseded_dropped: 2,
            latency_micros: 900,
        }
    }

    fn window(items: Vec<Item>, yielded: Vec<Yielded>) -> WindowShape {
        let total_tokens = items.iter().map(|item| item.tokens).sum();
        let (messages, prefix) = Default::default();
        WindowShape::of(&Window {
            messages,
            items,
            total_tokens,
            overhead_tokens: 0,
            recent_from: None,
            carried: None,
            yielded,
            prefix,
        })
    }

    #[test]
    fn each_signal_is_measured_by_its_formula() {
        let mut summary = item(Section::Summary, None, 50);
        summary.summarizes = Some((1, 40));
        let mut weak = item(Section::Retrieved, Some(80), 60);
        weak.score = Some(0.1);
        let mut good = item(Section::Retrieved, Some(20), 30);
        good.score = Some(1.0);
        // A turn of another conversation is not looked up in this one.
        let mut other = item(Section::Retrieved, Some(95), 0);
        other.conversation = Some(ConversationId::new("other").unwrap());
        let items = vec![
            item(Section::Pinned, Some(3), 50),
            summary,
            item(Section::Recent, Some(95), 80),
            weak,
            good,
            other,
            item(Section::Query, Some(100), 30),
        ];
        let measured =
            window_signals(&window(items, vec![Yielded::Pins(3)]), &facts(), &|at| at == 95);
        assert_eq!((measured.tokens, measured.saved_tokens()), (300, 4_700));
        assert_eq!(measured.fill(), 0.5);
        assert_eq!(measured.stale_share, Some(80.0 / 300.0));
        // Tokens 100 to 200 are the middle: of the memory only 20 of the weak one.
        assert_eq!(measured.middle_share, Some(20.0 / 190.0));
        assert_eq!(measured.distractor_density, Some(60.0 / 90.0));
        assert_eq!(measured.pin_coverage, Some(0.25));
        assert_eq!(measured.retrieval_margin, Some(0.25));
        assert_eq!(measured.evidence_distance, Some((20.0 * 60.0 + 80.0 * 30.0) / 90.0));
        assert_eq!(measured.cached_prefix_share, Some(0.5));
        assert_eq!(measured.summary_age, Some(60));
        assert!(!measured.reanchored);
    }

    #[test]
    fn a_window_as_of_a_turn_has_no_cached_prefix() {
        let items = || vec![item(Section::Recent, Some(95), 300)];
        let now = window_signals(&window(items(), Vec::new()), &facts(), &|_| false);
        assert_eq!((now.as_of, now.cached_prefix_share), (false, Some(0.5)));
        let facts = WindowFacts { as_of: true, ..facts() };
        let then = window_signals(&window(items(), Vec::new()), &facts, &|_| false);
        let expected = WindowSignals { as_of: true, cached_prefix_share: None, ..now };
        assert_eq!(then, expected);
    }

    #[test]
    fn what_is_not_there_is_not_measured() {
        let facts = WindowFacts { best_scores: None, ..facts() };
        let bare = window_signals(&window(Vec::new(), Vec::new()), &facts, &|_| true);
        let optional = [
            bare.stale_share,
            bare.middle_share,
            bare.distractor_density,
            bare.pin_coverage,
            bare.retrieval_margin,
            bare.evidence_distance,
            bare.cached_prefix_share,
        ];
        assert!(optional.iter().all(Option::is_none), "{bare:?}");
        assert_eq!(bare.summary_age, None);
    }
}
