//! The order of the turns for a question.

use std::cmp::Ordering;

use super::{
    cues::{QueryCues, TurnTraits},
    features::{self, FEATURES, Row, Scales},
    weights::RankingWeights,
};
use crate::{
    engine::SearchMethod,
    index::Match,
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

/// Orders the candidates of one question. Forgotten turns are left out; for
/// dense and BM25 alone, so are turns without that signal.
pub fn rank(
    method: SearchMethod,
    query: &str,
    candidates: &[Candidates<'_>],
    weights: &RankingWeights,
) -> Ranking {
    let mut ranking = Ranking { order: Vec::new(), rows: Vec::new(), signals: Vec::new() };
    let cues = QueryCues::of(query);
    let scales = Scales::of(candidates);
    for (conversation, of_one) in candidates.iter().enumerate() {
        let with_model = of_one.traits.iter().any(|traits| traits.role == Role::Assistant);
        for found in of_one.matches {
            let place = usize::try_from(found.sequence).unwrap_or(usize::MAX).wrapping_sub(1);
            let Some(traits) = of_one.traits.get(place).filter(|traits| !traits.forgotten) else {
                continue;
            };
            let score = match method {
                SearchMethod::Dense => found.dense,
                SearchMethod::Bm25 => Some(found.bm25).filter(|score| *score > 0.0),
                SearchMethod::Hybrid | SearchMethod::Rrf => Some(0.0),
            };
            let Some(mut score) = score else { continue };
            if method == SearchMethod::Hybrid {
                let row = features::row(found, traits, cues, &scales, with_model);
                score = weights.apply(&row);
                ranking.rows.push(row);
            }
            let row = ranking.signals.len();
            ranking.signals.push(*found);
            ranking.order.push(Ranked {
                conversation,
                sequence: found.sequence,
                score,
                passage: found.passage,
                row,
            });
        }
    }
    if method == SearchMethod::Rrf {
        fuse_ranks(&mut ranking);
    }
    ranking.order.sort_by(best_first);
    if method == SearchMethod::Hybrid
        && let Some(best) = ranking.order.first().map(|ranked| ranked.score)
    {
        for ranked in &mut ranking.order {
            ranked.score = (ranked.score - best).exp();
        }
    }
    ranking
}

fn best_first(a: &Ranked, b: &Ranked) -> Ordering {
    b.score
        .total_cmp(&a.score)
        .then(a.conversation.cmp(&b.conversation))
        .then(a.sequence.cmp(&b.sequence))
}

/// Sums 1 / (k + rank) over the dense and the BM25 order.
fn fuse_ranks(ranking: &mut Ranking) {
    let signals = &ranking.signals;
    let dense = |row: usize| signals.get(row).and_then(|found: &Match| found.dense);
    let words = |row: usize| signals.get(row).map(|found| found.bm25).filter(|score| *score > 0.0);
    let mut fused = vec![0.0; signals.len()];
    for signal in [&dense as &dyn Fn(usize) -> Option<f32>, &words] {
        let mut rows: Vec<(usize, f32)> =
            (0..signals.len()).filter_map(|row| Some((row, signal(row)?))).collect();
        rows.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        for (rank, (row, _)) in rows.into_iter().enumerate() {
            fused[row] += 1.0 / (RRF_K + 1.0 + rank as f32);
        }
    }
    for ranked in &mut ranking.order {
        ranked.score = fused.get(ranked.row).copied().unwrap_or(0.0);
    }
    ranking.order.retain(|ranked| ranked.score > 0.0);
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
        rank(method, "words", &candidates, &RankingWeights::built_in().expect("weights"))
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
