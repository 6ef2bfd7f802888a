//! Typed values of one kind that two texts set differently.

use crate::staleness::{
    statement::Said,
    text::{Kind, Span},
};

/// What the values of two texts have to do with each other, for one kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Values of the old text.
    pub(super) old: u8,
    /// Values of the new text.
    pub(super) new: u8,
    /// Old values that a new one repeats.
    pub(super) agree: u8,
    /// Old values that no new one repeats and some new one contradicts.
    pub(super) differ: u8,
}

/// Tallies by kind, and the first old and new values that differ.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Conflict {
    by_kind: [Tally; Kind::ALL.len()],
    /// The first values that differ: old, new.
    pub(super) spans: Option<(Span, Span)>,
}

impl Conflict {
    /// Compares the values of two texts, within one clause of each where
    /// `clauses` names them.
    pub(super) fn of(old: &Said, new: &Said, clauses: Option<(usize, usize)>) -> Self {
        let mut out = Self::default();
        let within = |clause: u16, which: Option<usize>| which.is_none_or(|c| c == clause as usize);
        let news = || new.values.iter().filter(|w| within(w.clause, clauses.map(|c| c.1)));
        for w in news() {
            if let Some(tally) = out.by_kind.get_mut(w.kind as usize) {
                tally.new = tally.new.saturating_add(1);
            }
        }
        for v in old.values.iter().filter(|v| within(v.clause, clauses.map(|c| c.0))) {
            let (mut agrees, mut against) = (false, None);
            for w in news().filter(|w| w.kind == v.kind) {
                match v.agrees(w) {
                    Some(true) => agrees = true,
                    Some(false) => against = against.or(Some(w.span)),
                    None => {}
                }
            }
            let Some(tally) = out.by_kind.get_mut(v.kind as usize) else { continue };
            tally.old = tally.old.saturating_add(1);
            tally.agree = tally.agree.saturating_add(u8::from(agrees));
            if let (false, Some(span)) = (agrees, against) {
                tally.differ = tally.differ.saturating_add(1);
                out.spans = out.spans.or(Some((v.span, span)));
            }
        }
        out
    }

    /// The tally of a kind.
    pub(super) fn of_kind(&self, kind: Kind) -> Tally {
        self.by_kind.get(kind as usize).copied().unwrap_or_default()
    }

    /// Old values that differ, of all kinds.
    pub(super) fn differ(&self) -> f32 {
        self.by_kind.iter().map(|tally| f32::from(tally.differ)).sum()
    }

    /// Old values that are repeated, of all kinds.
    pub(super) fn agree(&self) -> f32 {
        self.by_kind.iter().map(|tally| f32::from(tally.agree)).sum()
    }

    /// Whether some kind differs in both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.by_kind.iter().zip(&other.by_kind).any(|(a, b)| a.differ > 0 && b.differ > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_tallied_by_kind() {
        let old = Said::of("a table for 2 people at 7 pm in Oakland", None);
        let new = Said::of("make it 8 pm for 2 people", None);
        let conflict = Conflict::of(&old, &new, None);
        assert_eq!((conflict.differ(), conflict.agree()), (1.0, 1.0));
        assert_eq!(conflict.of_kind(Kind::Time).differ, 1);
        assert_eq!(conflict.of_kind(Kind::Name).old, 1);
        let spans = conflict.spans.map(|(a, b)| (a.of(&old.text), b.of(&new.text)));
        assert_eq!(spans, Some(("7 pm", "8 pm")));
    }
}
