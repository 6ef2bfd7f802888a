//! The order of the turns for a question.

use std::cmp::Ordering;

use super::{
    cues::{QueryCues, TurnTraits},
    features::{self, FEATURES, Prior, Row, Scales},
    weights::RankingWeights,
};
use crate::{
    engine::SearchMethod,
    index::{Match, Signals, select::nth_best},
    turn::{Role, Sequence},
};

/// Reciprocal rank fusion's constant (Cormack, Clarke, Büttcher, SIGIR 2009).
const RRF_K: f32 = 60.0;

/// What one conversation proposes.
pub struct Candidates<'a> {
    /// Traits of its turns, by sequence - 1.
    pub traits: &'a [TurnTraits],
    /// Matches of its turns, in ascending sequence.
    pub matches: Signals<'a>,
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
    /// What a reranker gave it, on that model's own scale.
    pub rerank: Option<f32>,
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

    /// Orders the turns at these places among themselves by a reranker's scores,
    /// best first; equal ones keep their order, and no other turn moves. Each takes
    /// over the score of the place that it comes to: scores fall as before, and mean
    /// the same to whoever cuts by them.
    pub fn rerank(&mut self, scored: &[(usize, f32)]) {
        let mut scored: Vec<(usize, f32)> =
            scored.iter().copied().filter(|(place, _)| *place < self.order.len()).collect();
        scored.sort_by_key(|(place, _)| *place);
        scored.dedup_by_key(|(place, _)| *place);
        let mut best: Vec<(Ranked, f32)> = scored
            .iter()
            .filter_map(|(place, score)| Some((*self.order.get(*place)?, *score)))
            .collect();
        best.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        for ((place, _), (ranked, rerank)) in scored.iter().zip(best) {
            if let Some(slot) = self.order.get_mut(*place) {
                *slot = Ranked { score: slot.score, rerank: Some(rerank), ..ranked };
            }
        }
    }

    /// The named components of a score: raw signals, what a reranker gave, then every
    /// feature that is not zero.
    pub fn components(&self, ranked: &Ranked) -> Vec<(&'static str, f32)> {
        let mut components = Vec::with_capacity(12);
        if let Some(found) = self.signals.get(ranked.row) {
            components.extend(found.dense.map(|cosine| ("cosine", cosine)));
            components.push(("bm25", found.bm25));
        }
        components.extend(ranked.rerank.map(|score| ("rerank", score)));
        if let Some(row) = self.rows.get(ranked.row) {
            let named = FEATURES.into_iter().zip(*row);
            components.extend(named.filter(|(_, value)| *value != 0.0));
        }
        components
    }
}

/// A candidate that may be wanted, with its score.
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
    let mut columns = scoring.columns(method, weights);
    if method == SearchMethod::Rrf {
        fuse_ranks(candidates, &mut columns);
    }
    // A long conversation has thousands of candidates, and few are wanted.
    let least = match &columns[..] {
        [one] => nth_best(one, wanted),
        several => nth_best(&several.concat(), wanted),
    };
    let least = least.unwrap_or(f32::NEG_INFINITY);
    let mut scored: Vec<Scored> = Vec::new();
    for (conversation, column) in columns.iter().enumerate() {
        let reach = column.iter().enumerate().filter(|(_, score)| **score >= least);
        scored.extend(reach.map(|(at, score)| Scored { score: *score, conversation, at }));
    }
    scored.sort_unstable_by(best_first);
    scored.truncate(wanted);
    let best = scored.first().map_or(0.0, |scored| scored.score);
    let mut ranking = Ranking { order: Vec::new(), rows: Vec::new(), signals: Vec::new() };
    for Scored { score, conversation, at } in scored {
        let Some((found, traits)) = scoring.candidate(conversation, at) else { continue };
        let hybrid = method == SearchMethod::Hybrid;
        if hybrid {
            ranking.rows.push(scoring.row(conversation, &found, traits));
        }
        ranking.order.push(Ranked {
            conversation,
            sequence: found.sequence,
            score: if hybrid { (score - best).exp() } else { score },
            passage: found.passage,
            rerank: None,
            row: ranking.signals.len(),
        });
        ranking.signals.push(found);
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
    fn candidate(&self, conversation: usize, at: usize) -> Option<(Match, &'a TurnTraits)> {
        let of_one = self.candidates.get(conversation)?;
        let found = of_one.matches.get(at)?;
        let traits = of_one.traits_of(found.sequence).filter(|traits| !traits.forgotten)?;
        Some((found, traits))
    }

    fn row(&self, conversation: usize, found: &Match, traits: &TurnTraits) -> Row {
        let with_model = self.with_model.get(conversation).copied().unwrap_or_default();
        features::row(found, traits, self.cues, &self.scales, with_model)
    }

    /// The scores of every conversation's matches; no number for one that is no
    /// candidate.
    fn columns(&self, method: SearchMethod, weights: &RankingWeights) -> Vec<Vec<f32>> {
        let column = |(at, of_one): (usize, &Candidates<'_>)| {
            let with_model = self.with_model.get(at).copied().unwrap_or_default();
            let prior = Prior::new(self.cues, with_model, weights);
            let traits =
                of_one.matches.sequences.iter().map(|sequence| of_one.traits_of(*sequence));
            let mut scores: Vec<f32> =
                traits.map(|traits| traits.map_or(f32::NAN, |traits| prior.of(traits))).collect();
            if method == SearchMethod::Hybrid {
                self.scales.add_match(&of_one.matches, weights, &mut scores);
                return scores;
            }
            let signals = of_one.matches.dense.iter().zip(of_one.matches.bm25);
            for (score, (dense, words)) in scores.iter_mut().zip(signals) {
                let signal = match method {
                    SearchMethod::Dense => *dense,
                    SearchMethod::Bm25 if *words > 0.0 => *words,
                    SearchMethod::Bm25 => f32::NAN,
                    SearchMethod::Rrf | SearchMethod::Hybrid => 0.0,
                };
                *score = if score.is_nan() { f32::NAN } else { signal };
            }
            scores
        };
        self.candidates.iter().enumerate().map(column).collect()
    }
}

impl<'a> Candidates<'a> {
    /// The traits of a turn.
    #[inline(always)]
    fn traits_of(&self, sequence: Sequence) -> Option<&'a TurnTraits> {
        self.traits.get(usize::try_from(sequence).ok()?.checked_sub(1)?)
    }
}

/// Best first; equal ones in order of conversation and sequence.
fn best_first(a: &Scored, b: &Scored) -> Ordering {
    let place = |scored: &Scored| (scored.conversation, scored.at);
    b.score.total_cmp(&a.score).then_with(|| place(a).cmp(&place(b)))
}

/// Sums 1 / (k + rank) over the dense and the BM25 order, for those that are
/// candidates; leaves out what is in neither.
fn fuse_ranks(candidates: &[Candidates<'_>], columns: &mut [Vec<f32>]) {
    let dense = |signals: &Signals<'_>, at: usize| signals.dense.get(at).copied();
    let words = |signals: &Signals<'_>, at: usize| {
        signals.bm25.get(at).copied().filter(|score| *score > 0.0)
    };
    for signal in [&dense as &dyn Fn(&Signals<'_>, usize) -> Option<f32>, &words] {
        let mut order: Vec<((usize, usize), f32)> = Vec::new();
        for (conversation, (of_one, column)) in candidates.iter().zip(&*columns).enumerate() {
            for at in column.iter().enumerate().filter(|(_, fused)| !fused.is_nan()).map(|at| at.0)
            {
                let known = signal(&of_one.matches, at).filter(|score| !score.is_nan());
                order.extend(known.map(|score| ((conversation, at), score)));
            }
        }
        order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        for (rank, ((conversation, at), _)) in order.into_iter().enumerate() {
            if let Some(fused) = columns.get_mut(conversation).and_then(|column| column.get_mut(at))
            {
                *fused += 1.0 / (RRF_K + 1.0 + rank as f32);
            }
        }
    }
    for fused in columns.iter_mut().flatten().filter(|fused| **fused == 0.0) {
        *fused = f32::NAN;
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        index::Matches,
        turn::{Part, Turn},
    };

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
        let columns: Vec<Matches> =
            conversations.iter().map(|matches| matches.iter().copied().collect()).collect();
        let candidates: Vec<_> = columns
            .iter()
            .map(|matches| Candidates { traits: &known, matches: matches.until(Sequence::MAX) })
            .collect();
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
    fn a_reranker_moves_those_it_scored_and_the_scores_stay_where_they_are() {
        let matches = [1, 3, 4, 5].map(|at| found(at, Some(at as f32 / 10.0), 1.0));
        let mut ranking = order(SearchMethod::Hybrid, &[matches.to_vec()]);
        let sequences = |ranking: &Ranking| -> Vec<Sequence> {
            ranking.order().iter().map(|one| one.sequence).collect()
        };
        let scores =
            |ranking: &Ranking| ranking.order().iter().map(|one| one.score).collect::<Vec<_>>();
        let (before, fused) = (sequences(&ranking), scores(&ranking));
        // The third is not scored; one place does not exist.
        ranking.rerank(&[(3, 2.0), (0, -1.0), (1, 2.0), (9, 5.0)]);
        let expected = [1, 3, 2, 0].map(|place| before[place]);
        assert_eq!(sequences(&ranking), expected);
        assert_eq!(scores(&ranking), fused);
        let named = |at: usize| {
            let components = ranking.components(&ranking.order()[at]);
            components.into_iter().find(|(name, _)| *name == "rerank").map(|(_, score)| score)
        };
        assert_eq!([named(0), named(2), named(3)], [Some(2.0), None, Some(-1.0)]);
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
