//! The rolling summary: the summaries that no other stands above, oldest first,
//! as far as they fit.
//!
//! Invariants: what is shown changes only when something was folded or a turn
//! beneath it was replaced; a sentence that stands on a replaced turn is not
//! shown, whatever the summary.

use super::{Summary, SummarySentence};
use crate::turn::Sequence;

/// What is known of turns by now.
pub trait Standing {
    /// The turn with which it was known that another one had taken a turn's place, if one
    /// has; the largest where a fact has, which comes with no turn.
    fn replaced_with(&self, sequence: Sequence) -> Option<Sequence>;
}

/// A summary as it may be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown<'a> {
    /// The summary.
    pub summary: &'a Summary,
    /// Its sentences that still hold.
    pub sentences: Vec<&'a SummarySentence>,
    /// A turn that its sentences stand on was replaced since it was made.
    pub stale: bool,
}

/// The summaries as of a turn that no other stands above, oldest first.
pub fn outline<'a>(
    summaries: &'a [Summary],
    as_of: Sequence,
    standing: &dyn Standing,
) -> Vec<Shown<'a>> {
    let known: Vec<&Summary> = summaries.iter().filter(|one| one.until <= as_of).collect();
    let is_top = |one: &&&Summary| {
        !known.iter().any(|above| {
            above.level > one.level && above.from <= one.from && one.until <= above.until
        })
    };
    let mut top: Vec<&Summary> = known.iter().filter(is_top).copied().collect();
    top.sort_by_key(|one| (one.from, one.until));
    top.into_iter().map(|summary| shown(summary, standing)).collect()
}

/// A summary with what of it still holds.
pub fn shown<'a>(summary: &'a Summary, standing: &dyn Standing) -> Shown<'a> {
    let holds = |sentence: &&SummarySentence| {
        sentence.sources.iter().all(|source| standing.replaced_with(*source).is_none())
    };
    Shown {
        summary,
        sentences: summary.sentences.iter().filter(holds).collect(),
        stale: is_stale(summary, standing),
    }
}

/// Whether a turn that its sentences stand on was replaced by one that was not known when
/// it was made, or by a fact. What is made again does not stand on it any more.
///
/// Not any turn of its range: of the others it tells nothing that could hold no more, and
/// what took their place is told where it was said. Else each replacement would have every
/// level above made again for nothing, and an appended turn would cost as many summaries as
/// there are levels.
pub fn is_stale(summary: &Summary, standing: &dyn Standing) -> bool {
    let sources = summary.sentences.iter().flat_map(|sentence| &sentence.sources);
    let later = sources.filter_map(|source| standing.replaced_with(*source));
    later.max().is_some_and(|later| later > summary.known_until)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use jiff::Timestamp;

    use super::*;

    struct Replaced(HashMap<Sequence, Sequence>);

    impl Standing for Replaced {
        fn replaced_with(&self, sequence: Sequence) -> Option<Sequence> {
            self.0.get(&sequence).copied()
        }
    }

    fn summary(level: u8, from: Sequence, until: Sequence) -> Summary {
        let sentence = |source: Sequence| SummarySentence {
            text: format!("about turn {source}"),
            sources: vec![source],
            faithfulness: 0.5,
            verbatim: false,
        };
        Summary {
            from,
            until,
            level,
            sentences: vec![sentence(from), sentence(until)],
            rejected: Vec::new(),
            model: "extractive".to_owned(),
            prompt_version: 1,
            known_until: until,
            made_at: Timestamp::UNIX_EPOCH,
            first_said: Timestamp::UNIX_EPOCH,
            last_said: Timestamp::UNIX_EPOCH,
            unfinished: 0,
            judged_by: None,
        }
    }

    #[test]
    fn what_nothing_stands_above_is_shown_as_of_any_turn() {
        let all = [summary(1, 1, 20), summary(0, 1, 9), summary(0, 21, 30), summary(0, 10, 20)];
        let at = |as_of| -> Vec<(u8, Sequence)> {
            let shown = outline(&all, as_of, &Replaced(HashMap::new()));
            shown.iter().map(|shown| (shown.summary.level, shown.summary.from)).collect()
        };
        assert_eq!(at(30), [(1, 1), (0, 21)]);
        assert_eq!(at(20), [(1, 1)]);
        assert_eq!(at(19), [(0, 1)]);
        assert_eq!(at(8), []);
    }

    #[test]
    fn what_was_replaced_is_not_shown_and_makes_a_summary_stale() {
        let one = summary(0, 1, 9);
        let later = Replaced(HashMap::from([(9, 40)]));
        let now = shown(&one, &later);
        assert!(now.stale);
        assert_eq!(now.sentences, [&one.sentences[0]]);
        // Made again when the replacement was known, it is not stale for it.
        let again = Summary { known_until: 40, ..one.clone() };
        assert!(!is_stale(&again, &later));
        for level in 0..3 {
            let one = summary(level, 1, 9);
            assert!(is_stale(&one, &later), "{level}");
            let aside = Replaced(HashMap::from([(5, 40)]));
            assert!(!is_stale(&one, &aside), "nothing of level {level} stands on turn 5");
        }
    }
}
