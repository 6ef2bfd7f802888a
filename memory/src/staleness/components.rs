//! From what is known of a turn to how stale it is: components, each with its
//! reason, and the probability that what it says does not hold any more.
//!
//! The probability is a noisy-or: each component is an independent way in which
//! the turn may have ceased to hold, weighed by how much it says about that.
//! A replacement and a passed date say all; of two sides of a contradiction one
//! is wrong; that a topic was left or that a turn is old is hardly a sign, so age
//! alone never makes a turn stale.

use jiff::{Timestamp, tz::TimeZone};

use super::event::SHOWN_CONFIDENCE;
use crate::turn::Sequence;

/// What makes a turn stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StalenessKind {
    /// A later turn replaced it.
    Superseded,
    /// Another turn says otherwise.
    Contradicted,
    /// Its time has passed.
    Expired,
    /// Its topic was left.
    Abandoned,
    /// It was not used or mentioned for long.
    Decayed,
}

impl StalenessKind {
    /// How much of a component's score counts as not holding, 0 to 1. A
    /// contradiction that is not shown counts nothing.
    fn counted(self, score: f32) -> f32 {
        match self {
            Self::Superseded | Self::Expired => score,
            Self::Contradicted => {
                0.5 * (score - SHOWN_CONFIDENCE).max(0.0) / (1.0 - SHOWN_CONFIDENCE)
            }
            Self::Abandoned | Self::Decayed => 0.01 * score,
        }
    }
}

/// One component of a turn's staleness.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// What kind.
    pub kind: StalenessKind,
    /// 0 for none, 1 for certain.
    pub score: f32,
    /// Why, in words.
    pub reason: String,
    /// The turn that caused it.
    pub cause: Option<Sequence>,
}

/// Whether a turn still holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Staleness {
    /// Probability that it does not, 0 to 1.
    pub score: f32,
    /// The largest first; none of 0.
    pub components: Vec<Component>,
}

impl Staleness {
    /// Joins components.
    pub fn of(mut components: Vec<Component>) -> Self {
        components.retain(|component| component.score > 0.0);
        // A stable sort: equal components stay in the order of their kinds.
        components.sort_by(|a, b| b.score.total_cmp(&a.score));
        let score = Self::joint(components.iter().map(|one| (one.kind, one.score)));
        Self { score, components }
    }

    /// The score that components of these scores (0 to 1) make together.
    pub fn joint(components: impl IntoIterator<Item = (StalenessKind, f32)>) -> f32 {
        let holds = components
            .into_iter()
            .fold(1.0, |holds, (kind, score)| holds * (1.0 - kind.counted(score.clamp(0.0, 1.0))));
        1.0 - holds
    }
}

/// That a turn was replaced, as is known from beside the turns.
#[derive(Clone, Debug, PartialEq)]
pub struct Replacement {
    /// Probability that it was, 0 to 1.
    pub confidence: f32,
    /// Why, in words.
    pub reason: String,
    /// The turn that caused it, if one did.
    pub cause: Option<Sequence>,
}

/// Topics left behind after which abandonment is 1 - 1/e.
const ABANDONED_TOPICS: f32 = 5.0;
/// Turns without use or mention after which decay is one half.
const HALF_LIFE_TURNS: f32 = 200.0;

/// A later turn replaced it, by the edge that is most certain.
pub(super) fn superseded(later: Sequence, confidence: f32, reason: &str) -> Component {
    let reason = match reason {
        "" => format!("turn {later} replaced it"),
        given => format!("turn {later} replaced it: {given}"),
    };
    Component { kind: StalenessKind::Superseded, score: confidence, reason, cause: Some(later) }
}

/// Another turn says otherwise.
pub(super) fn contradicted(other: Sequence, confidence: f32, reason: &str) -> Component {
    let reason = match reason {
        "" => format!("turn {other} says otherwise"),
        given => format!("turn {other} says otherwise: {given}"),
    };
    Component { kind: StalenessKind::Contradicted, score: confidence, reason, cause: Some(other) }
}

/// Its time passed; `cause` is the first turn that was said after it.
pub(super) fn expired(at: Timestamp, confidence: f32, cause: Option<Sequence>) -> Component {
    let date = at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M").to_string();
    let reason = format!("what it says held until {date} UTC");
    Component { kind: StalenessKind::Expired, score: confidence, reason, cause }
}

/// So many topics ended since it was last spoken of; `cause` made the first
/// of them known.
pub(super) fn abandoned(topics: f32, ended: Sequence, cause: Sequence) -> Component {
    Component {
        kind: StalenessKind::Abandoned,
        score: 1.0 - (-topics / ABANDONED_TOPICS).exp(),
        reason: format!("its topic ended with turn {ended} and was not returned to"),
        cause: Some(cause),
    }
}

/// So many turns passed since it was last mentioned or used.
pub(super) fn decayed(turns: u64) -> Component {
    // Precise enough: conversations have at most a million turns.
    let score = 1.0 - (-(turns as f32) / HALF_LIFE_TURNS).exp2();
    let reason = format!("not mentioned or used for {turns} turns");
    Component { kind: StalenessKind::Decayed, score, reason, cause: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(components: Vec<Component>, expected: f32) {
        let score = Staleness::of(components.clone()).score;
        assert!((score - expected).abs() < 0.006, "{components:?}: {score}");
    }

    #[test]
    fn components_join_to_a_probability() {
        let date = Timestamp::UNIX_EPOCH;
        check(vec![], 0.0);
        check(vec![superseded(9, 0.8, "")], 0.8);
        check(vec![superseded(9, 0.8, ""), expired(date, 0.5, None)], 0.9);
        check(vec![contradicted(9, 0.8, "")], 0.3);
        check(vec![contradicted(9, 0.4, "")], 0.0);
        // However old and far away, it is still likely to hold.
        check(vec![decayed(1_000_000), abandoned(500.0, 3, 4)], 0.02);
    }

    #[test]
    fn the_largest_component_stands_first_and_none_is_zero() {
        let of = Staleness::of(vec![decayed(0), decayed(200), superseded(9, 0.8, "a -> b")]);
        let kinds: Vec<_> = of.components.iter().map(|c| (c.kind, c.score)).collect();
        assert_eq!(kinds, [(StalenessKind::Superseded, 0.8), (StalenessKind::Decayed, 0.5)]);
        assert_eq!(of.components[0].reason, "turn 9 replaced it: a -> b");
    }
}
