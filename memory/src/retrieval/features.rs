//! Features of a turn for one question. Signals are made comparable by min-max
//! over all candidates of the question, so that no corpus statistic and no
//! conversation length leaks into the weights; cues of the turn enter by
//! themselves and crossed with cues of the question.

use super::{
    cues::{QueryCues, TurnTraits},
    rank::Candidates,
    weights::RankingWeights,
};
use crate::{
    index::{Match, Signals},
    turn::Role,
};

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

    /// Takes in a column; what is no number is not there.
    fn take_in(&mut self, column: &[f32]) {
        let (blocks, rest) = column.as_chunks::<LANES>();
        let (mut low, mut high) = ([self.low; LANES], [self.high; LANES]);
        for block in blocks {
            for lane in 0..LANES {
                // Both comparisons fail for what is no number.
                low[lane] = if block[lane] < low[lane] { block[lane] } else { low[lane] };
                high[lane] = if block[lane] > high[lane] { block[lane] } else { high[lane] };
            }
        }
        let ends = |ends: [f32; LANES]| ends.into_iter().chain(rest.iter().copied());
        self.low = ends(low).fold(self.low, f32::min);
        self.high = ends(high).fold(self.high, f32::max);
    }

    /// 0 for the least match, 1 for the best; 0 for all when they are equal, and
    /// for a turn without the signal.
    fn scale(&self, value: Option<f32>) -> f32 {
        match value {
            Some(value) if self.high > self.low => (value - self.low) / (self.high - self.low),
            _ => 0.0,
        }
    }

    /// `weight` times [`Self::scale`], as a line over the value: (slope, at zero).
    fn line(&self, weight: f32) -> (f32, f32) {
        let slope = if self.high > self.low { weight / (self.high - self.low) } else { 0.0 };
        (slope, if slope == 0.0 { 0.0 } else { -slope * self.low })
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
        for signals in candidates.iter().map(|of_one| of_one.matches) {
            scales.dense.take_in(signals.dense_centred);
            scales.first.take_in(signals.dense_first);
            scales.window.take_in(signals.bm25_window);
        }
        scales
    }

    /// Adds the value of the match, the weighted first four of [`FEATURES`], to
    /// the score of every turn.
    pub(super) fn add_match(
        &self,
        signals: &Signals<'_>,
        weights: &RankingWeights,
        scores: &mut [f32],
    ) {
        let [dense, first, window, bigram] = weights.of_match();
        let lines = [self.dense.line(dense), self.first.line(first), self.window.line(window)];
        let columns = signals.dense_centred.iter().zip(signals.dense_first);
        let columns = columns.zip(signals.bm25_window.iter().zip(signals.bigram));
        for (score, ((dense, first), (window, pairs))) in scores.iter_mut().zip(columns) {
            let on = |(slope, at_zero): (f32, f32), signal: f32| slope * signal + at_zero;
            // A signal that is not there counts as the least.
            let known = |value: f32| if value.is_nan() { 0.0 } else { value };
            *score += known(on(lines[0], *dense))
                + known(on(lines[1], *first))
                + on(lines[2], *window)
                + bigram * (pairs / FULL_BIGRAM).min(1.0);
        }
    }
}

/// What turns are worth whatever they match, for one question: the weighted
/// features after the first four. Those that are either on or off are summed
/// once for every combination.
pub(super) struct Prior {
    by_flags: [f32; 1 << 5],
    assistant_length: f32,
    first_person: f32,
}

impl Prior {
    pub(super) fn new(query: QueryCues, with_model: bool, weights: &RankingWeights) -> Self {
        let nothing = Match::none(0);
        let scales = Scales { dense: Range::EMPTY, first: Range::EMPTY, window: Range::EMPTY };
        let value =
            |traits: &TurnTraits| weights.apply(&row(&nothing, traits, query, &scales, with_model));
        let by_flags = std::array::from_fn(|flags| value(&with_flags(flags)));
        // The two that are not flags are linear: their slopes.
        let slope = |changed: TurnTraits, plain: TurnTraits| value(&changed) - value(&plain);
        let (person, model) = (with_flags(0), with_flags(1));
        Self {
            by_flags,
            assistant_length: slope(
                TurnTraits { log_words: model.log_words + 1.0, ..model },
                model,
            ),
            first_person: slope(TurnTraits { first_person: 1.0, ..person }, person),
        }
    }

    /// The value of one turn; no number for one that was forgotten.
    #[inline(always)]
    pub(super) fn of(&self, traits: &TurnTraits) -> f32 {
        if traits.forgotten {
            return f32::NAN;
        }
        let is_model = traits.role == Role::Assistant;
        let length = if is_model { self.assistant_length } else { 0.0 };
        let person = if is_model { 0.0 } else { self.first_person };
        let by_flags = self.by_flags.get(flags_of(traits)).copied().unwrap_or_default();
        by_flags + length * (traits.log_words - TYPICAL_ANSWER) + person * traits.first_person
    }
}

/// The flags of a turn that weigh, as a number.
#[inline(always)]
fn flags_of(traits: &TurnTraits) -> usize {
    let flags = [
        traits.role == Role::Assistant,
        traits.instructs,
        traits.prefers,
        traits.dated,
        traits.asks,
    ];
    flags.into_iter().enumerate().fold(0, |all, (at, flag)| all | usize::from(flag) << at)
}

/// A turn with these flags and nothing else: of a typical length, not in the
/// first person.
fn with_flags(flags: usize) -> TurnTraits {
    let flag = |at: usize| flags >> at & 1 == 1;
    TurnTraits {
        role: if flag(0) { Role::Assistant } else { Role::User },
        log_words: TYPICAL_ANSWER,
        instructs: flag(1),
        prefers: flag(2),
        dated: flag(3),
        asks: flag(4),
        ..TurnTraits::absent(0)
    }
}

/// Values that are looked at side by side.
const LANES: usize = 16;
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
    use crate::index::Matches;

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
        let matches = Matches::from_iter([found]);
        let scales = Scales::of(&[Candidates { traits: &[], matches: matches.until(1) }]);
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
    fn scores_by_columns_are_those_of_the_rows() {
        let weights = RankingWeights::built_in().unwrap();
        let matches: Matches = (0..40_u8)
            .map(|n| {
                let of = |step: f32| (f32::from(n) * step).sin();
                Match {
                    dense_centred: (n % 5 > 0).then(|| of(1.3)),
                    dense_first: (n % 7 > 0).then(|| of(0.7)),
                    bm25_window: 5.0 + 5.0 * of(2.1),
                    bigram: 9.0 + 9.0 * of(0.9),
                    ..Match::none(n.into())
                }
            })
            .collect();
        let signals = matches.until(40);
        let scales = Scales::of(&[Candidates { traits: &[], matches: signals }]);
        for (query, with_model) in [
            (QueryCues::default(), true),
            (QueryCues { of_assistant: true, summary: true, ..QueryCues::default() }, true),
            (QueryCues { when: true, wants_advice: true, ..QueryCues::default() }, false),
        ] {
            let prior = Prior::new(query, with_model, &weights);
            for flags in 0..1 << 5 {
                let traits = TurnTraits {
                    log_words: 0.2 * flags as f32,
                    first_person: 1.0 / 3.0,
                    forgotten: false,
                    ..with_flags(flags)
                };
                let mut scores = vec![prior.of(&traits); matches.len()];
                scales.add_match(&signals, &weights, &mut scores);
                for (score, found) in scores.iter().zip(matches.iter()) {
                    let row = row(&found, &traits, query, &scales, with_model);
                    let expected = weights.apply(&row);
                    assert!((score - expected).abs() < 1e-4, "{flags}: {score} {expected}");
                }
            }
        }
        let forgotten = TurnTraits::absent(1);
        assert!(Prior::new(QueryCues::default(), true, &weights).of(&forgotten).is_nan());
    }

    #[test]
    fn signals_are_scaled_over_all_candidates_and_equal_ones_say_nothing() {
        let of = |bm25_window, dense| Match { bm25_window, dense_centred: dense, ..Match::none(1) };
        let matches = [of(2.0, Some(0.5)), of(4.0, Some(0.5)), of(3.0, None)];
        let columns = Matches::from_iter(matches);
        let scales = Scales::of(&[Candidates { traits: &[], matches: columns.until(1) }]);
        let rows = matches
            .map(|found| row(&found, &turn(Role::User), QueryCues::default(), &scales, false));
        assert_eq!(rows.map(|row| named(row, "bm25_window")), [0.0, 1.0, 0.5]);
        assert_eq!(rows.map(|row| named(row, "dense")), [0.0; 3]);
    }
}
