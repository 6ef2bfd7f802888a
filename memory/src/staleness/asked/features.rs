//! The numbers of a pair of hits: how well both answer the question, by the clause
//! of each that is nearest to it, whether they give it different values, and whether
//! the later speaks of a change.

use super::{
    super::text::Cue,
    question::Question,
    reading::{Clause, Reading, Valued},
};

/// Their names, as the weights file has them.
pub const FEATURES: [&str; 5] =
    ["both_answer", "answer_alike", "asks_for_value", "values_differ", "change_cues"];

/// One for each of [`FEATURES`].
pub type Row = [f32; FEATURES.len()];

/// Cues of which each kind counts once: a state that changed, that is so now, that is
/// asked to be changed.
const CHANGE: [Cue; 3] = [Cue::Became, Cue::Present, Cue::Changes];
/// A word beside the question counts as this rare at most.
const MOST_RARE: f32 = 3.0;

/// A hit with its clause that is nearest to the question.
pub(super) struct Answer<'a> {
    clause: Option<&'a Clause>,
    covered: f32,
    /// Its values that may be asked for, each with what it covers.
    values: Vec<(&'a Valued, f32)>,
}

impl<'a> Answer<'a> {
    pub(super) fn of(question: &Question, reading: &'a Reading) -> Self {
        let mut nearest: (Option<&Clause>, f32) = (None, 0.0);
        for clause in &reading.clauses {
            let covered = question.covered(&clause.stems);
            if nearest.0.is_none() || covered > nearest.1 {
                nearest = (Some(clause), covered);
            }
        }
        let values = reading.values.iter().filter(|valued| question.may_be(valued.value.kind));
        let values = values.map(|valued| (valued, question.covered(&valued.stems)));
        Self { clause: nearest.0, covered: nearest.1, values: values.collect() }
    }
}

/// The numbers of a pair; `later` was said after `earlier`. `linked` says that the
/// later was taken for a replacement when it was appended, which is one more cue.
pub(super) fn row(
    question: &Question,
    earlier: &Answer<'_>,
    later: &Answer<'_>,
    linked: bool,
) -> Row {
    let alike = match (earlier.clause, later.clause) {
        (Some(one), Some(other)) => question.covered_by_both(&one.stems, &other.stems),
        _ => 0.0,
    };
    let cues =
        later.clause.map_or(0, |clause| CHANGE.iter().filter(|cue| clause.cues.has(**cue)).count());
    [
        earlier.covered.min(later.covered),
        alike,
        f32::from(u8::from(question.asks_for_value())),
        values_differ(question, earlier, later),
        cues as f32 + f32::from(u8::from(linked)),
    ]
}

/// How alike the surroundings are of the two values, one of each turn and of one kind,
/// that differ and are most alike in what they are values of; 0 where there are none.
fn values_differ(question: &Question, earlier: &Answer<'_>, later: &Answer<'_>) -> f32 {
    let mut most: f32 = 0.0;
    for (one, one_covers) in &earlier.values {
        for (other, other_covers) in &later.values {
            let same_kind = one.value.kind == other.value.kind;
            if !same_kind || one.value.agrees(&other.value) == Some(true) {
                continue;
            }
            let asked = question.covered_by_both(&one.stems, &other.stems);
            let beside = question.shared_beside(&one.stems, &other.stems, MOST_RARE) / MOST_RARE;
            let alike = 2.0 * asked + (beside / 2.0).min(1.0) + (one_covers + other_covers) / 2.0;
            most = most.max(alike);
        }
    }
    most
}

/// The numbers of a pair of readings, for training.
pub fn of_pair(question: &Question, earlier: &Reading, later: &Reading) -> Row {
    let of = |reading| Answer::of(question, reading);
    row(question, &of(earlier), &of(later), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(question: &str, earlier: &str, later: &str) -> Row {
        let (earlier, later) = (Reading::of(earlier), Reading::of(later));
        let question = Question::of(question, [&earlier, &later].into_iter());
        of_pair(&question, &earlier, &later)
    }

    #[test]
    fn a_newer_value_is_told_from_another_thing() {
        let asked = "How many eggs are in the fridge?";
        let first = "By the way, we have 30 eggs in the fridge.";
        let newer = pair(asked, first, "There are now 20 eggs in our fridge.");
        let same = pair(asked, first, "Can I use those 30 eggs from the fridge?");
        let other = pair(asked, first, "I ran 5 miles today.");
        let [both, alike, asks, differ, cues] = newer;
        assert!(both > 0.9 && alike > 0.9, "{newer:?}");
        assert!(asks == 1.0 && differ > 1.0 && cues == 1.0, "{newer:?}");
        assert_eq!(same[3], 0.0);
        assert!(other[0] == 0.0 && other[1] == 0.0 && other[3] < differ / 2.0);
    }
}
