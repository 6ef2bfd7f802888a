//! Edges that the pair models are unsure about, put to a model that reads both turns
//! (NLI), where one is configured.
//!
//! Asked are edges with a confidence in [`UNSURE`], nearest to even odds first, at most
//! [`MAX_ASKED`] a turn. Log odds move by half of those of contradiction against
//! entailment: that the later turn denies the earlier one speaks for an edge of either
//! kind, that it says the same again speaks against both, and what is neither, as most
//! updates are that only make sense with what was said before, moves nothing. Each share
//! has [`NEITHER`] added, so that no answer moves an edge by more than 1.5: it decides
//! what is unsure and can overturn nothing else.

use std::{ops::Range, sync::Arc};

use super::{event::Edge, statement::Statement};

/// Confidences that are unsure.
pub const UNSURE: Range<f32> = 0.3..0.7;
/// Pairs that are asked for one turn at most.
pub const MAX_ASKED: usize = 3;
/// Version of the above.
pub const UNSURE_VERSION: u32 = 1;
/// Added to each share of an answer.
const NEITHER: f32 = 0.05;

/// What a model says of two turns. The shares sum to 1 at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Relation {
    /// The later one says what the earlier one says.
    pub same: f32,
    /// Both cannot be true.
    pub opposed: f32,
}

/// Reads two turns of one conversation. Deterministic; blocking.
pub trait PairJudge: Send + Sync + 'static {
    /// What it is called, for people.
    fn name(&self) -> &str;

    /// Names everything that an answer depends on: SHA-256 of the weights, hex.
    fn version(&self) -> &str;

    /// What it says; nothing where it fails, and the edge stays what it is.
    fn relation(&self, earlier: &str, later: &str) -> Option<Relation>;
}

/// Asks about the unsure edges of a new turn. `left` are the pairs that may still be
/// asked for it.
pub(super) fn settle(
    judge: &Arc<dyn PairJudge>,
    edges: &mut [Edge],
    new: &Statement,
    earlier: &[Arc<Statement>],
    left: &mut usize,
) {
    let distance = |edge: &Edge| (edge.confidence - 0.5).abs();
    let mut unsure: Vec<&mut Edge> =
        edges.iter_mut().filter(|edge| UNSURE.contains(&edge.confidence)).collect();
    unsure.sort_by(|a, b| distance(a).total_cmp(&distance(b)).then(b.earlier.cmp(&a.earlier)));
    for edge in unsure {
        let Some(old) = earlier.iter().find(|old| old.sequence == edge.earlier) else { continue };
        if *left == 0 {
            return;
        }
        *left -= 1;
        if let Some(relation) = judge.relation(&old.said.text, &new.said.text) {
            edge.confidence = moved(edge.confidence, relation);
        }
    }
}

/// A confidence with an answer weighed in.
fn moved(confidence: f32, relation: Relation) -> f32 {
    let share = |share: f32| share.clamp(0.0, 1.0) + NEITHER;
    let answer = (share(relation.opposed) / share(relation.same)).ln();
    let odds = (confidence / (1.0 - confidence)).ln() + answer / 2.0;
    1.0 / (1.0 + (-odds).exp())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use parking_lot::Mutex;

    use super::*;
    use crate::{
        staleness::{EdgeKind, TurnText},
        turn::Role,
    };

    /// Of one opinion, or of none; keeps what it was shown.
    struct Opinion(Option<Relation>, Mutex<Vec<(String, String)>>);

    impl PairJudge for Opinion {
        fn name(&self) -> &str {
            "opinion"
        }

        fn version(&self) -> &str {
            "1"
        }

        fn relation(&self, earlier: &str, later: &str) -> Option<Relation> {
            self.1.lock().push((earlier.to_owned(), later.to_owned()));
            self.0
        }
    }

    fn statement(sequence: u64) -> Arc<Statement> {
        let text = format!("turn {sequence}");
        let said_at = Timestamp::UNIX_EPOCH;
        let role = Role::User;
        let turn = TurnText { sequence, role, speaker: "", said_at, text: &text, vector: None };
        Arc::new(Statement::of(&turn, None))
    }

    /// The confidences of edges to turns 1, 2, … after asking, and the turns asked about.
    fn settled(confidences: &[f32], opinion: Option<Relation>) -> (Vec<f32>, Vec<String>, usize) {
        let earlier: Vec<_> = (1..=confidences.len() as u64).map(statement).collect();
        let mut edges: Vec<Edge> = (1..)
            .zip(confidences)
            .map(|(earlier, confidence)| Edge {
                kind: EdgeKind::Supersedes,
                earlier,
                confidence: *confidence,
                earlier_span: None,
                later_span: None,
                reason: String::new(),
            })
            .collect();
        let asked = Arc::new(Opinion(opinion, Mutex::default()));
        let judge: Arc<dyn PairJudge> = Arc::clone(&asked) as Arc<dyn PairJudge>;
        let mut left = MAX_ASKED;
        settle(&judge, &mut edges, &statement(99), &earlier, &mut left);
        let shown = asked.1.lock().clone();
        assert!(shown.iter().all(|(_, later)| later == "turn 99"), "{shown:?}");
        let after = edges.iter().map(|edge| edge.confidence).collect();
        (after, shown.into_iter().map(|(earlier, _)| earlier).collect(), left)
    }

    const OPPOSED: Relation = Relation { same: 0.0, opposed: 1.0 };
    const SAME: Relation = Relation { same: 1.0, opposed: 0.0 };

    #[test]
    fn only_what_is_unsure_is_asked_nearest_to_even_odds_first() {
        let all = [0.1, 0.33, 0.52, 0.69, 0.45, 0.7, 0.95];
        let (after, asked, left) = settled(&all, Some(OPPOSED));
        assert_eq!(asked, ["turn 3", "turn 5", "turn 2"]);
        assert_eq!(left, 0);
        for (at, (before, after)) in all.iter().zip(&after).enumerate() {
            let was_asked = asked.contains(&format!("turn {}", at + 1));
            assert_eq!(after > before, was_asked, "{at}: {before} {after}");
            assert_eq!(after == before, !was_asked, "{at}: {before} {after}");
        }
        assert_eq!(settled(&[0.1, 0.9], Some(SAME)), (vec![0.1, 0.9], Vec::new(), MAX_ASKED));
    }

    #[test]
    fn an_answer_decides_what_is_unsure_and_nothing_more() {
        for confidence in [0.3, 0.4, 0.5, 0.6, 0.69] {
            let of = |relation| settled(&[confidence], relation).0[0];
            assert!(of(Some(OPPOSED)) > 0.5 && of(Some(OPPOSED)) < 0.92, "{confidence}");
            assert!(of(Some(SAME)) < 0.5 && of(Some(SAME)) > 0.08, "{confidence}");
            // Neither, or both: nothing is known.
            for undecided in [0.0, 0.5] {
                let relation = Relation { same: undecided, opposed: undecided };
                assert!((of(Some(relation)) - confidence).abs() < 1e-6, "{confidence}");
            }
            assert_eq!(of(None), confidence, "it failed");
        }
    }
}
