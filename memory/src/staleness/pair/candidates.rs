//! Which earlier statements a new one is compared with: the last turns, those
//! nearest by vector, and those that share most by rare words. One linear pass;
//! a caller with an index may choose by that instead.

use std::{collections::BTreeSet, sync::Arc};

use super::{between::cosine, overlap};
use crate::staleness::statement::Statement;

/// Last turns, of all speakers.
pub const RECENT: usize = 24;
/// Older statements of the speaker nearest by vector.
pub const NEAREST: usize = 12;
/// Older statements of the speaker that share most.
pub const SHARING: usize = 12;

/// The candidates for a new statement, in order. `past` is in order.
pub fn choose(new: &Statement, past: &[Arc<Statement>]) -> Vec<Arc<Statement>> {
    let older = past.len().saturating_sub(RECENT);
    let mut chosen: BTreeSet<usize> = (older..past.len()).collect();
    let head = past.get(..older).unwrap_or(&[]);
    let own = || head.iter().enumerate().filter(|(_, old)| old.same_speaker(new));
    let vector = new.said.vector.as_ref();
    let near = own()
        .map(|(at, old)| (cosine(old.said.vector.as_ref(), vector), at))
        .filter(|(cosine, _)| !cosine.is_nan());
    chosen.extend(best(near, NEAREST));
    let length = |old: &Statement| overlap::distinct(&old.said).max(4.0).sqrt();
    let sharing = own()
        .map(|(at, old)| (overlap::shared(&old.said, &new.said).1 / length(old), at))
        .filter(|(shared, _)| *shared > 0.0);
    chosen.extend(best(sharing, SHARING));
    chosen.into_iter().filter_map(|at| past.get(at).cloned()).collect()
}

/// Places of the greatest values; of equal ones the later.
fn best(scored: impl Iterator<Item = (f32, usize)>, most: usize) -> Vec<usize> {
    let mut all: Vec<(f32, usize)> = scored.collect();
    let by = |a: &(f32, usize), b: &(f32, usize)| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1));
    if all.len() > most && most > 0 {
        all.select_nth_unstable_by(most - 1, by);
    }
    all.truncate(most);
    all.into_iter().map(|(_, at)| at).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{staleness::TurnText, turn::Role};

    #[test]
    fn a_far_statement_with_the_same_rare_words_is_a_candidate() {
        let turn = |sequence: u64, text: &str| {
            let said_at = Timestamp::UNIX_EPOCH;
            let role = Role::User;
            let turn = TurnText { sequence, role, speaker: "", said_at, text, vector: None };
            Arc::new(Statement::of(&turn, None))
        };
        let mut past = vec![turn(1, "Our warehouse lease in Rotterdam costs 900 a month.")];
        past.extend((2..500).map(|at| turn(at, "What shall we cook tonight?")));
        let new = turn(500, "The Rotterdam warehouse lease went up.");
        let found: Vec<u64> = choose(&new, &past).iter().map(|s| s.sequence).collect();
        assert_eq!(found.first(), Some(&1));
        assert!(found.len() <= RECENT + NEAREST + SHARING && found.is_sorted());
        assert!(found.contains(&499));
        assert!(choose(&new, &[]).is_empty());
    }
}
