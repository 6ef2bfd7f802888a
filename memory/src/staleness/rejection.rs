//! Which edges between two turns the caller took back.
//!
//! Invariant: what was rejected once stays rejected; kinds are only added.

use super::event::EdgeKind;

/// Edges of one pair of turns that are not to be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectedKinds(u8);

impl RejectedKinds {
    /// Every edge between the two, of whatever kind: what a record of before kinds
    /// were told apart says, and an export of that time.
    pub const EVERY: Self = Self(1);

    /// The edge of one kind alone.
    pub fn only(kind: EdgeKind) -> Self {
        Self(match kind {
            EdgeKind::Supersedes => 2,
            EdgeKind::Contradicts => 4,
        })
    }

    /// As it is stored; nothing for a byte that no version writes.
    pub fn from_byte(byte: u8) -> Option<Self> {
        (1..=7).contains(&byte).then_some(Self(byte))
    }

    /// To be stored.
    pub fn byte(self) -> u8 {
        self.0
    }

    /// What either says.
    pub fn and(self, other: Self) -> Self {
        let both = self.0 | other.0;
        if both & Self::EVERY.0 == 0 { Self(both) } else { Self::EVERY }
    }

    /// Whether an edge of this kind is rejected.
    pub fn covers(self, kind: EdgeKind) -> bool {
        self.0 & (Self::EVERY.0 | Self::only(kind).0) != 0
    }

    /// The kinds one by one, as an export names them; one `None` for every kind.
    pub fn named(self) -> impl Iterator<Item = Option<EdgeKind>> {
        let every = self.0 & Self::EVERY.0 != 0;
        let kinds = [EdgeKind::Supersedes, EdgeKind::Contradicts].into_iter();
        let kinds = kinds.filter(move |kind| !every && self.covers(*kind)).map(Some);
        every.then_some(None).into_iter().chain(kinds)
    }
}

impl From<Option<EdgeKind>> for RejectedKinds {
    /// Every kind where none is named.
    fn from(kind: Option<EdgeKind>) -> Self {
        kind.map_or(Self::EVERY, Self::only)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use EdgeKind::{Contradicts, Supersedes};

    #[test]
    fn a_kind_is_rejected_alone_and_an_old_record_means_both() {
        let of = |byte| {
            RejectedKinds::from_byte(byte).map(|kinds| {
                (
                    kinds.covers(Supersedes),
                    kinds.covers(Contradicts),
                    kinds.named().collect::<Vec<_>>(),
                )
            })
        };
        assert_eq!(of(1), Some((true, true, vec![None])), "what was stored before");
        assert_eq!(of(2), Some((true, false, vec![Some(Supersedes)])));
        assert_eq!(of(4), Some((false, true, vec![Some(Contradicts)])));
        assert_eq!(of(6), Some((true, true, vec![Some(Supersedes), Some(Contradicts)])));
        assert_eq!(of(3), Some((true, true, vec![None])));
        assert_eq!((of(0), of(8)), (None, None));
    }

    #[test]
    fn kinds_are_added_and_written_as_they_are_read() {
        let both = RejectedKinds::only(Supersedes).and(RejectedKinds::only(Contradicts));
        assert_eq!(RejectedKinds::from_byte(both.byte()), Some(both));
        assert_eq!(RejectedKinds::EVERY.and(both), RejectedKinds::EVERY, "nothing to add");
        for kinds in [both, RejectedKinds::EVERY, RejectedKinds::only(Contradicts)] {
            let again = kinds.named().map(RejectedKinds::from).reduce(RejectedKinds::and);
            assert_eq!(again, Some(kinds));
        }
    }
}
