//! The earlier turns of one branch as a new turn is compared with them: which
//! of them come into question, and their statements as far as they are kept.
//!
//! Two scans are linear in the number of turns and fast: cosine over vectors of
//! one byte a dimension, and the postings of the rare words. All else is bounded
//! by the number of candidates. What a turn is compared with depends on the
//! turns before it alone, so that drawing its events again gives the same.

use std::{
    cmp::Reverse,
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::statement::Statement;
use crate::{quantised::QuantisedRows, turn::Sequence};

/// Turns right before the new one that are always compared.
const RECENT: usize = 30;
/// Turns nearest by cosine that are compared.
const NEAREST: usize = 24;
/// Turns that share the rarest words that are compared.
const SHARING: usize = 10;
/// Turns that a new one is compared with at most.
pub const MAX_CANDIDATES: usize = 64;
/// Statements kept of one branch; older ones are read again.
const KEPT_STATEMENTS: usize = 16_384;
/// Postings of one word that are looked at; a word of more turns is not rare.
const MAX_POSTINGS: usize = 256;
/// Below this cosine a turn is near to nothing.
const MIN_COSINE: f32 = 0.2;
/// About what a statement takes beside its text and vector, bytes.
const STATEMENT_BYTES: usize = 1_024;

/// See the module.
#[derive(Default)]
pub struct Recall {
    /// The turns, in order.
    turns: Vec<Sequence>,
    /// Their vectors; one that is zero for a turn without.
    vectors: QuantisedRows,
    postings: HashMap<u32, Vec<u32>>,
    kept: HashMap<Sequence, Arc<Statement>>,
    order: VecDeque<Sequence>,
    bytes: usize,
}

impl Recall {
    /// The newest turn that was taken in, 0 for none.
    pub fn last(&self) -> Sequence {
        self.turns.last().copied().unwrap_or(0)
    }

    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a turn in; it must be newer than all before.
    pub fn push(&mut self, statement: Arc<Statement>) {
        let row = u32::try_from(self.turns.len()).unwrap_or(u32::MAX);
        let before = self.vectors.bytes();
        self.vectors.push(statement.said.vector.as_deref().unwrap_or_default());
        self.bytes += self.vectors.bytes() - before;
        let mut before = None;
        for (stem, _) in &statement.said.stems {
            // Sorted: equal stems stand side by side.
            if before.replace(*stem) != Some(*stem) {
                self.postings.entry(*stem).or_default().push(row);
                self.bytes += size_of::<u32>();
            }
        }
        self.turns.push(statement.sequence);
        self.keep(statement);
    }

    /// Keeps a statement that was read again.
    pub fn keep(&mut self, statement: Arc<Statement>) {
        if self.order.len() >= KEPT_STATEMENTS
            && let Some(oldest) = self.order.pop_front()
            && let Some(dropped) = self.kept.remove(&oldest)
        {
            self.bytes = self.bytes.saturating_sub(weight(&dropped));
        }
        self.bytes += weight(&statement);
        self.order.push_back(statement.sequence);
        self.kept.insert(statement.sequence, statement);
    }

    /// The statement of a turn, if it is kept.
    pub fn statement(&self, sequence: Sequence) -> Option<Arc<Statement>> {
        self.kept.get(&sequence).cloned()
    }

    /// The turn before another one, among those taken in.
    pub fn before(&self, sequence: Sequence) -> Option<Sequence> {
        let at = self.turns.partition_point(|turn| *turn < sequence);
        self.turns.get(at.checked_sub(1)?).copied()
    }

    /// The turn after another one, among those taken in.
    pub fn after(&self, sequence: Sequence) -> Option<Sequence> {
        let at = self.turns.partition_point(|turn| *turn <= sequence);
        self.turns.get(at).copied()
    }

    /// The turns that a new one is to be compared with, in order.
    pub fn candidates(&self, new: &Statement) -> Vec<Sequence> {
        let recent = self.turns.len().saturating_sub(RECENT);
        let mut rows: Vec<usize> = (recent..self.turns.len()).collect();
        let near = new.said.vector.as_deref().map(|vector| self.nearest(vector, recent));
        rows.extend(near.unwrap_or_default());
        let sharing = self.sharing(&new.said.stems, recent);
        rows.extend(sharing.into_iter().filter(|row| !rows.contains(row)).collect::<Vec<_>>());
        rows.truncate(MAX_CANDIDATES);
        rows.sort_unstable();
        rows.into_iter().filter_map(|row| self.turns.get(row).copied()).collect()
    }

    /// Rows below `until` that are nearest to a vector, best first.
    fn nearest(&self, vector: &[f32], until: usize) -> Vec<usize> {
        let cosines = self.vectors.cosines(vector, until).into_iter().zip(0..);
        best(cosines.filter(|(cosine, _)| *cosine >= MIN_COSINE).collect(), NEAREST)
    }

    /// Rows below `until` that share the rarest words, best first.
    fn sharing(&self, stems: &[(u32, u16)], until: usize) -> Vec<usize> {
        let turns = self.turns.len() as f32;
        let mut shared: HashMap<u32, f32> = HashMap::new();
        let mut before = None;
        for (stem, _) in stems {
            if before.replace(*stem) == Some(*stem) {
                continue;
            }
            let Some(rows) = self.postings.get(stem).filter(|rows| rows.len() <= MAX_POSTINGS)
            else {
                continue;
            };
            let weight = ((turns + 1.0) / (rows.len() as f32 + 0.5)).ln();
            for row in rows.iter().filter(|row| (**row as usize) < until) {
                *shared.entry(*row).or_default() += weight;
            }
        }
        let shared = shared.into_iter().map(|(row, weight)| (weight, row as usize)).collect();
        best(shared, SHARING)
    }
}

/// The best so many, best first; equal ones by row.
fn best(mut scored: Vec<(f32, usize)>, wanted: usize) -> Vec<usize> {
    let order = |a: &(f32, usize), b: &(f32, usize)| {
        b.0.total_cmp(&a.0).then(Reverse(a.1).cmp(&Reverse(b.1)))
    };
    if wanted < scored.len() {
        scored.select_nth_unstable_by(wanted, order);
        scored.truncate(wanted);
    }
    scored.sort_unstable_by(order);
    scored.into_iter().map(|(_, row)| row).collect()
}

fn weight(statement: &Statement) -> usize {
    let said = &statement.said;
    let vector = said.vector.as_ref().map_or(0, |vector| vector.len() * size_of::<f32>());
    STATEMENT_BYTES + said.text.len() + vector + said.words.len() * 32 + said.stems.len() * 8
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{staleness::statement::TurnText, turn::Role};

    fn statement(sequence: Sequence, text: &str, vector: &[f32]) -> Arc<Statement> {
        let turn = TurnText {
            sequence,
            role: Role::User,
            speaker: "",
            said_at: Timestamp::UNIX_EPOCH,
            text,
            vector: Some(vector),
        };
        Arc::new(Statement::of(&turn, None))
    }

    /// `turns` of talk about nothing, with one about a hotel at `at`.
    fn recall(turns: Sequence, at: Sequence) -> Recall {
        let mut recall = Recall::default();
        for sequence in 1..=turns {
            let (text, vector) = if sequence == at {
                ("We stay at the Marriott in Lisbon", [0.0, 1.0])
            } else {
                ("so it goes on and on", [1.0, 0.0])
            };
            recall.push(statement(sequence, text, &vector));
        }
        recall
    }

    #[test]
    fn candidates_are_recent_near_or_share_a_rare_word() {
        for (text, vector, found) in [
            ("quite another thing", [0.0, 1.0], true),
            ("is the Marriott far?", [1.0, 0.0], true),
            ("quite another thing", [-1.0, 0.0], false),
        ] {
            let candidates = recall(200, 7).candidates(&statement(201, text, &vector));
            assert_eq!(candidates.contains(&7), found, "{text} {vector:?}");
            assert!(candidates.contains(&200) && candidates.contains(&171), "{text}");
            assert!(candidates.len() <= MAX_CANDIDATES && candidates.is_sorted());
        }
    }

    #[test]
    fn what_came_later_changes_nothing() {
        let new = statement(60, "is the Marriott far?", &[0.6, 0.8]);
        let early = recall(59, 7).candidates(&new);
        assert_eq!(early, recall(59, 7).candidates(&new));
        assert_eq!(recall(59, 7).before(7), Some(6));
        assert_eq!(recall(59, 7).before(1), None);
        assert_eq!((recall(59, 7).after(7), recall(59, 7).after(59)), (Some(8), None));
    }

    #[test]
    fn vectors_of_another_length_are_near_to_nothing() {
        let mut recall = recall(50, 7);
        recall.push(statement(51, "x", &[1.0, 0.0, 0.0]));
        let candidates = recall.candidates(&statement(52, "y", &[0.0, 1.0, 0.0]));
        assert_eq!(candidates.len(), RECENT);
    }
}
