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
