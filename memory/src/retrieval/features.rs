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
pub const FEATURES: [&str; 13] = [
    // Match: cosine of the best passage and of the first, around the
    // conversation's centre; BM25 over the turn with its neighbourhood; pairs of
    // words that stand side by side in question and turn.
    "dense",
    "dense_first",
    "bm25_window",
    "bigram",
    // Talk between user and assistant: a prior for user turns, and what the
    // question asks for.
    "user",
    "user_of_assistant",
    "user_summary",
    "user_instructs",
    "user_prefers_advice",
    "assistant_length",
    // Whoever speaks and is not a model.
    "first_person",
    "dated_when",
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
    const EMPTY: Self = Self { low: f32::INFINITY, high: f32::NEG_INFINITY };

    fn take_in(&mut self, value: f32) {
        self.low = self.low.min(value);
        self.high = self.high.max(value);
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
    window: Range,
}

impl Scales {
    pub(super) fn of(candidates: &[Candidates<'_>]) -> Self {
        let mut scales = Self { dense: Range::EMPTY, first: Range::EMPTY, window: Range::EMPTY };
        for found in candidates.iter().flat_map(|candidates| candidates.matches) {
            if let Some(cosine) = found.dense_centred {
                scales.dense.take_in(cosine);
            }
            if let Some(cosine) = found.dense_first {
                scales.first.take_in(cosine);
            }
            scales.window.take_in(found.bm25_window);
        }
        scales
    }
}

/// Length of a typical answer, ln(1 + words): where its feature is zero.
const TYPICAL_ANSWER: f32 = 5.0;
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
    // What a person says of itself counts in either kind of talk.
    let person = flag(traits.role != Role::Assistant);
    let user = flag(with_model) * person;
    let assistant = flag(with_model) - user;
    [
        scales.dense.scale(found.dense_centred),
        scales.first.scale(found.dense_first),
        scales.window.scale(Some(found.bm25_window)),
        (found.bigram / FULL_BIGRAM).min(1.0),
        user,
        user * flag(query.of_assistant),
        user * flag(query.summary),
        user * flag(traits.instructs),
        user * flag(traits.prefers && query.wants_advice),
        assistant * (traits.log_words - TYPICAL_ANSWER),
        person * traits.first_person,
        person * flag(traits.dated && query.when),
        person * flag(traits.asks),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(role: Role) -> TurnTraits {
        TurnTraits {
            role,
            forgotten: false,
            log_words: 6.0,
            first_person: 1.0,
            dated: true,
            asks: true,
            instructs: true,
            prefers: true,
            ..TurnTraits::absent(1)
        }
    }

    fn named(row: Row, name: &str) -> f32 {
        FEATURES.iter().zip(row).find(|(known, _)| **known == name).unwrap().1
    }

    #[test]
    fn roles_and_cues_switch_features() {
        let found = Match::none(1);
        let matches = [found];
        let scales = Scales::of(&[Candidates { traits: &[], matches: &matches }]);
        let query = QueryCues { of_assistant: true, when: true, ..QueryCues::default() };
        for (role, with_model, name, expected) in [
            (Role::User, true, "user", 1.0),
            (Role::User, false, "user", 0.0),
            (Role::Assistant, true, "user", 0.0),
            (Role::Assistant, true, "assistant_length", 1.0),
            (Role::User, true, "user_of_assistant", 1.0),
            (Role::User, true, "user_prefers_advice", 0.0),
            (Role::User, false, "dated_when", 1.0),
            (Role::Assistant, true, "dated_when", 0.0),
            (Role::User, false, "first_person", 1.0),
        ] {
            let row = row(&found, &turn(role), query, &scales, with_model);
            assert_eq!(named(row, name), expected, "{role:?} {name}");
        }
    }

    #[test]
    fn signals_are_scaled_over_all_candidates_and_equal_ones_say_nothing() {
        let of = |bm25_window, dense| Match { bm25_window, dense_centred: dense, ..Match::none(1) };
        let matches = [of(2.0, Some(0.5)), of(4.0, Some(0.5)), of(3.0, None)];
        let scales = Scales::of(&[Candidates { traits: &[], matches: &matches }]);
        let rows = matches
            .map(|found| row(&found, &turn(Role::User), QueryCues::default(), &scales, false));
        assert_eq!(rows.map(|row| named(row, "bm25_window")), [0.0, 1.0, 0.5]);
        assert_eq!(rows.map(|row| named(row, "dense")), [0.0; 3]);
    }
}
