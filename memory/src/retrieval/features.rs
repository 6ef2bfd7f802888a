//! Features of a turn for one question. Signals are made comparable by min-max
//! over all candidates of the question, so that no corpus statistic and no
//! conversation length leaks into the weights; cues of the turn enter by
//! themselves and crossed with cues of the question.

use super::{
    cues::{QueryCues, TurnTraits},
    rank::Candidates,
};
use crate::{index::Match, turn::Role};

/// Names of the features, in the order of a row. All lie within about -5 to 5.
pub const FEATURES: [&str; 19] = [
    // Match: cosine of the best passage, of the first, and their mean, around
    // the conversation's centre; BM25 over the turn and its neighbourhood; pairs
    // of words that stand side by side in question and turn.
    "dense",
    "dense_first",
    "dense_mean",
    "bm25_window",
    "bigram",
    // Talk between user and assistant: a prior for user turns, and what the
    // question asks for.
    "user",
    "user_of_assistant",
    "user_first_person",
    "user_instructs",
    "user_instructs_advice",
    "user_prefers_advice",
    "user_advice",
    "user_length",
    "assistant_length",
    // Any speaker who is not a model.
    "first_person",
    "dated",
    "dated_when",
    "numeric",
    "asks",
];

/// One row of [`FEATURES`].
pub(super) type Row = [f32; FEATURES.len()];

/// A signal's range over the candidates.
struct Range {
    low: f32,
    high: f32,
}

impl Range {
    fn of(values: impl Iterator<Item = f32>) -> Self {
        let start = Self { low: f32::INFINITY, high: f32::NEG_INFINITY };
        values.fold(start, |range, value| Self {
            low: range.low.min(value),
            high: range.high.max(value),
        })
    }

    /// 0 for the least match, 1 for the best; 0 for all when they are equal, and
    /// for a turn without the signal.
    fn scale(&self, value: Option<f32>) -> f32 {
        match value {
            Some(value) if self.high > self.low => (value - self.low) / (self.high - self.low),
            _ => 0.0,
        }
    }
}

/// Ranges of the signals over all candidates of a question.
pub(super) struct Scales {
    dense: Range,
    first: Range,
    mean: Range,
    window: Range,
}

impl Scales {
    pub(super) fn of(candidates: &[Candidates<'_>]) -> Self {
        let all = || candidates.iter().flat_map(|candidates| candidates.matches);
        Self {
            dense: Range::of(all().filter_map(|found| found.dense_centred)),
            first: Range::of(all().filter_map(|found| found.dense_first)),
            mean: Range::of(all().filter_map(|found| found.dense_mean)),
            window: Range::of(all().map(|found| found.bm25_window)),
        }
    }
}

/// Length of a typical user turn and of a typical answer, ln(1 + words): where
/// the length features are zero.
const TYPICAL: (f32, f32) = (3.0, 5.0);
/// A bigram score that counts as full.
const FULL_BIGRAM: f32 = 10.0;

/// The row of one turn. `with_model` says that an assistant takes part in the
/// conversation.
pub(super) fn row(
    found: &Match,
    traits: &TurnTraits,
    query: QueryCues,
    scales: &Scales,
    with_model: bool,
) -> Row {
    let flag = |holds: bool| f32::from(u8::from(holds));
    let user = flag(with_model && traits.role == Role::User);
    let assistant = flag(with_model && traits.role == Role::Assistant);
    // What a person says of itself counts in either kind of talk.
    let person = flag(traits.role == Role::User);
    let advice = flag(query.wants_advice);
    let dated = flag(traits.dated);
    let instructs = flag(traits.instructs);
    [
        scales.dense.scale(found.dense_centred),
        scales.first.scale(found.dense_first),
        scales.mean.scale(found.dense_mean),
        scales.window.scale(Some(found.bm25_window)),
        (found.bigram / FULL_BIGRAM).min(1.0),
        user,
        user * flag(query.of_assistant),
        user * flag(query.first_person),
        user * instructs,
        user * instructs * advice,
        user * flag(traits.prefers) * advice,
        user * advice,
        user * (traits.log_words - TYPICAL.0),
        assistant * (traits.log_words - TYPICAL.1),
        person * traits.first_person,
        person * dated,
        person * dated * flag(query.when),
        person * flag(traits.numeric),
        person * flag(traits.asks),
    ]
}
