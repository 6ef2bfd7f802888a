//! The order of the turns for a question.

use std::cmp::Ordering;

use super::{
    cues::{QueryCues, TurnTraits},
    features::{self, FEATURES, Row, Scales},
    weights::RankingWeights,
};
use crate::{
    engine::SearchMethod,
    index::{Match, select::nth_best},
    turn::{Role, Sequence},
};

/// Reciprocal rank fusion's constant (Cormack, Clarke, Büttcher, SIGIR 2009).
const RRF_K: f32 = 60.0;

/// What one conversation proposes.
pub struct Candidates<'a> {
    /// Traits of its turns, by sequence - 1.
    pub traits: &'a [TurnTraits],
    /// Matches of its turns, in ascending sequence.
    pub matches: &'a [Match],
}

/// A turn in the order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Place of its conversation in the input.
    pub conversation: usize,
    /// The turn.
    pub sequence: Sequence,
    /// Hybrid: `exp(value - best value)` of the linear model, 0 to 1, the odds
    /// of being evidence against the best turn. Otherwise the method's own
    /// score.
    pub score: f32,
    /// Byte range of its best passage.
    pub passage: Option<(u32, u32)>,
    row: usize,
}

/// All turns that match, best first.
pub struct Ranking {
    order: Vec<Ranked>,
    rows: Vec<Row>,
    signals: Vec<Match>,
}

impl Ranking {
    /// Best first; equal scores in order of conversation and sequence.
    pub fn order(&self) -> &[Ranked] {
        &self.order
    }

    /// Keeps those that hold, in their order.
    pub fn retain(&mut self, keep: impl FnMut(&Ranked) -> bool) {
        self.order.retain(keep);
    }

    /// Moves one to a place before its own; it takes over the score there.
    pub fn lift(&mut self, from: usize, to: usize) {
        let Some(score) = self.order.get(to).map(|ranked| ranked.score) else { return };
        if let Some(lifted) = self.order.get_mut(to..=from) {
            lifted.rotate_right(1);
        }
        if let Some(lifted) = self.order.get_mut(to) {
            lifted.score = score;
        }
    }

    /// The named components of a score: raw signals, then every feature that is
    /// not zero.
    pub fn components(&self, ranked: &Ranked) -> Vec<(&'static str, f32)> {
        let mut components = Vec::with_capacity(12);
        if let Some(found) = self.signals.get(ranked.row) {
            components.extend(found.dense.map(|cosine| ("cosine", cosine)));
            components.push(("bm25", found.bm25));
        }
        if let Some(row) = self.rows.get(ranked.row) {
            let named = FEATURES.into_iter().zip(*row);
            components.extend(named.filter(|(_, value)| *value != 0.0));
        }
        components
    }
}

/// A candidate with its score, before anything else is made of it: a long
/// conversation has thousands, and few are wanted.
#[derive(Clone, Copy)]
struct Scored {
    score: f32,
    conversation: usize,
    /// Place among the matches of its conversation.
    at: usize,
}

/// Orders the best `wanted` candidates of one question. Forgotten turns are left
/// out; for dense and BM25 alone, so are turns without that signal.
pub fn rank(
    method: SearchMethod,
    query: &str,
    candidates: &[Candidates<'_>],
    weights: &RankingWeights,
    wanted: usize,
) -> Ranking {
    let scoring = Scoring::new(query, candidates);
    let mut scored = scoring.score_all(method, weights);
    if method == SearchMethod::Rrf {
        fuse_ranks(&scoring, &mut scored);
    }
    if wanted < scored.len() {
        let scores: Vec<f32> = scored.iter().map(|scored| scored.score).collect();
        // No score means that none is a number: then all are put in order.
        if let Some(least) = nth_best(&scores, wanted) {
            scored.retain(|scored| scored.score >= least);
        }
    }
    scored.sort_unstable_by(best_first);
    scored.truncate(wanted);
    let best = scored.first().map_or(0.0, |scored| scored.score);
    let mut ranking = Ranking { order: Vec::new(), rows: Vec::new(), signals: Vec::new() };
    for Scored { score, conversation, at } in scored {
        let Some((found, traits)) = scoring.candidate(conversation, at) else { continue };
        let hybrid = method == SearchMethod::Hybrid;
        if hybrid {
            ranking.rows.push(scoring.row(conversation, found, traits));
        }
        ranking.order.push(Ranked {
            conversation,
            sequence: found.sequence,
            score: if hybrid { (score - best).exp() } else { score },
            passage: found.passage,
            row: ranking.signals.len(),
        });
        ranking.signals.push(*found);
    }
    ranking
}

/// What scoring one question needs.
struct Scoring<'a> {
    candidates: &'a [Candidates<'a>],
    cues: QueryCues,
    scales: Scales,
    /// By conversation: an assistant takes part.
    with_model: Vec<bool>,
}

impl<'a> Scoring<'a> {
    fn new(query: &str, candidates: &'a [Candidates<'a>]) -> Self {
        let with_model = |of_one: &Candidates<'_>| {
            of_one.traits.iter().any(|traits| traits.role == Role::Assistant)
        };
        Self {
            candidates,
            cues: QueryCues::of(query),
            scales: Scales::of(candidates),
            with_model: candidates.iter().map(with_model).collect(),
        }
    }

    /// A match with the traits of its turn; nothing for a forgotten turn.
    fn candidate(&self, conversation: usize, at: usize) -> Option<(&'a Match, &'a TurnTraits)> {
        let of_one = self.candidates.get(conversation)?;
        let found = of_one.matches.get(at)?;
        let place = usize::try_from(found.sequence).ok()?.checked_sub(1)?;
        Some((found, of_one.traits.get(place).filter(|traits| !traits.forgotten)?))
    }

    fn row(&self, conversation: usize, found: &Match, traits: &TurnTraits) -> Row {
        let with_model = self.with_model.get(conversation).copied().unwrap_or_default();
        features::row(found, traits, self.cues, &self.scales, with_model)
    }

    fn score_all(&self, method: SearchMethod, weights: &RankingWeights) -> Vec<Scored> {
        let all = self.candidates.iter().map(|of_one| of_one.matches.len()).sum();
        let mut scored = Vec::with_capacity(all);
        for (conversation, of_one) in self.candidates.iter().enumerate() {
            for at in 0..of_one.matches.len() {
                let Some((found, traits)) = self.candidate(conversation, at) else { continue };
                let score = match method {
                    SearchMethod::Dense => found.dense,
                    SearchMethod::Bm25 => Some(found.bm25).filter(|score| *score > 0.0),
                    SearchMethod::Hybrid => {
                        Some(weights.apply(&self.row(conversation, found, traits)))
                    }
                    SearchMethod::Rrf => Some(0.0),
                };
                scored.extend(score.map(|score| Scored { score, conversation, at }));
            }
        }
        scored
    }
}

/// Best first; equal ones in order of conversation and sequence.
fn best_first(a: &Scored, b: &Scored) -> Ordering {
    let place = |scored: &Scored| (scored.conversation, scored.at);
    b.score.total_cmp(&a.score).then_with(|| place(a).cmp(&place(b)))
}

/// Sums 1 / (k + rank) over the dense and the BM25 order; leaves out what is in
/// neither.
fn fuse_ranks(scoring: &Scoring<'_>, scored: &mut Vec<Scored>) {
    let dense = |found: &Match| found.dense;
    let words = |found: &Match| Some(found.bm25).filter(|score| *score > 0.0);
    for signal in [&dense as &dyn Fn(&Match) -> Option<f32>, &words] {
        let mut order: Vec<(usize, f32)> = Vec::with_capacity(scored.len());
        for (place, one) in scored.iter().enumerate() {
            let found = scoring.candidate(one.conversation, one.at);
            order.extend(found.and_then(|(found, _)| Some((place, signal(found)?))));
        }
        order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        for (rank, (place, _)) in order.into_iter().enumerate() {
            if let Some(one) = scored.get_mut(place) {
                one.score += 1.0 / (RRF_K + 1.0 + rank as f32);
            }
        }
    }
    scored.retain(|one| one.score > 0.0);
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::turn::{Part, Turn};

    fn traits(sequence: Sequence, forgotten: bool) -> TurnTraits {
        TurnTraits::of(&Turn {
            sequence,
            role: Role::User,
            speaker: String::new(),
            parts: vec![Part::Text("words".into())],
            said_at: Timestamp::UNIX_EPOCH,
            created_at: Timestamp::UNIX_EPOCH,
            client_turn_id: "a".into(),
            metadata: Vec::new(),
            forgotten,
        })
    }

    fn found(sequence: Sequence, dense: Option<f32>, bm25: f32) -> Match {
        Match { dense, bm25, ..Match::none(sequence) }.plain()
    }

    fn order(method: SearchMethod, conversations: &[Vec<Match>]) -> Ranking {
        // The second turn of each is forgotten, the sixth is not known.
        let known: Vec<_> = (1..=5).map(|sequence| traits(sequence, sequence == 2)).collect();
        let candidates: Vec<_> =
            conversations.iter().map(|matches| Candidates { traits: &known, matches }).collect();
        rank(
            method,
            "words",
            &candidates,
            &RankingWeights::built_in().expect("weights"),
            usize::MAX,
        )
    }

    #[test]
    fn each_method_orders_by_its_own_signal() {
        let matches = vec![
            found(1, Some(0.9), 0.0),
            found(2, Some(1.0), 9.0),
            found(3, Some(0.5), 3.0),
            found(4, None, 4.0),
            found(5, None, 0.0),
            found(6, Some(1.0), 9.0),
            found(0, Some(1.0), 9.0),
        ];
        for (method, expected) in [
            (SearchMethod::Dense, vec![1, 3]),
            (SearchMethod::Bm25, vec![4, 3]),
            // 1/62 + 1/62, 1/61 and 1/61.
            (SearchMethod::Rrf, vec![3, 1, 4]),
        ] {
            let ranking = order(method, std::slice::from_ref(&matches));
            let sequences: Vec<_> = ranking.order().iter().map(|one| one.sequence).collect();
            assert_eq!(sequences, expected, "{method:?}");
        }
        let hybrid = order(SearchMethod::Hybrid, &[matches]);
        let mut sequences: Vec<_> = hybrid.order().iter().map(|one| one.sequence).collect();
        sequences.sort_unstable();
        assert_eq!(sequences, [1, 3, 4, 5]);
        let scores: Vec<_> = hybrid.order().iter().map(|one| one.score).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b) && scores.first() == Some(&1.0), "{scores:?}");
        let best = hybrid.order().first().expect("a best one");
        assert!(hybrid.components(best).iter().any(|(name, _)| *name == "bm25"));
    }

    #[test]
    fn equal_scores_keep_the_order_of_conversation_and_sequence() {
        let same = || vec![found(1, Some(0.5), 1.0), found(3, Some(0.5), 1.0)];
        for method in [SearchMethod::Dense, SearchMethod::Bm25, SearchMethod::Hybrid] {
            let ranking = order(method, &[same(), same()]);
            let places: Vec<_> =
                ranking.order().iter().map(|one| (one.conversation, one.sequence)).collect();
            assert_eq!(places, [(0, 1), (0, 3), (1, 1), (1, 3)], "{method:?}");
        }
        assert!(order(SearchMethod::Hybrid, &[]).order().is_empty());
    }
}
