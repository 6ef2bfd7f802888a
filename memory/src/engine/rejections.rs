//! Edges between turns that the caller took back: one by one, out of a conversation
//! and into its copy.
//!
//! Invariants: a rejection names two turns of its conversation, the earlier first,
//! and which edges between them; it holds whether these were drawn yet or not, also
//! when events are drawn again; a fork has its parent's for the turns that they share.
//!
//! Stored is one byte under the two turns. Before kinds were told apart it was 1: the
//! pair, see [`RejectedKinds::EVERY`].

use std::collections::BTreeMap;

use super::{Engine, EngineError, records::hex};
use crate::{
    staleness::{Edge, EdgeKind, RejectedKinds, SHOWN_CONFIDENCE},
    store::{Batch, StoreError, keys},
    turn::{ConversationId, Sequence, TenantId},
};

/// A rejected edge: the earlier turn, the later one, and its kind; absent for every
/// kind.
pub type Rejection = (Sequence, Sequence, Option<EdgeKind>);

impl Engine {
    /// Takes an edge back, of one kind, or what is shown between the two turns; again
    /// is no error. Returns the revision.
    ///
    /// # Errors
    /// `NotFound` for an edge that was never drawn, `Store`.
    pub async fn reject_edge(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        (earlier, later): (Sequence, Sequence),
        kind: Option<EdgeKind>,
    ) -> Result<u64, EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        cell.head()?;
        let writer = cell.write().await;
        let head = cell.head()?;
        let known = self.rejected_kinds(tenant, id, (earlier, later))?;
        // What was rejected may be drawn no more, by another version.
        if kind.is_some_and(|kind| known.is_some_and(|known| known.covers(kind))) {
            return Ok(head.revision);
        }
        let scope = self.scope(tenant, id)?;
        let ledger = self.ledger(&scope)?;
        let timeline = ledger.covering(&self.store, self.scored(&scope)?)?;
        let meant = kinds_meant(timeline.drawn(later, earlier), kind);
        drop(timeline);
        let Some(meant) = meant.or_else(|| known.filter(|_| kind.is_none())) else {
            return Err(EngineError::NotFound {
                kind: "edge",
                id: format!("of conversations/{id} from turn {later} to turn {earlier}"),
            });
        };
        let rejected = known.map_or(meant, |known| known.and(meant));
        if known == Some(rejected) {
            return Ok(head.revision);
        }
        let next = self.touched(&head);
        let revision = next.revision;
        let mut batch = Batch::new();
        batch.put(keys::rejection(tenant, id, later, earlier), vec![rejected.byte()]);
        self.commit_head(writer, next, batch, None).await?;
        // In every ledger that shows it; forks read it from the store.
        self.ledgers.invalidate_owner(tenant, id);
        Ok(revision)
    }

    /// The rejected edges of a conversation, in order of the later turn; a fork has
    /// those of the turns that it shares.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub fn list_rejections(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Vec<Rejection>, EngineError> {
        let scope = self.scope(tenant, id)?;
        let ledger = self.ledger(&scope)?;
        let timeline = ledger.covering(&self.store, self.scored(&scope)?)?;
        let mut all = Vec::new();
        for (later, earlier, kinds) in timeline.rejections() {
            all.extend(kinds.named().map(|kind| (earlier, later, kind)));
        }
        Ok(all)
    }

    /// Takes in rejected edges of an export, behind the turns. What is rejected there
    /// already stays so.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for what is no turn, and for a later turn that does not
    /// come after the earlier; `Store`.
    pub async fn import_rejections(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        rejected: &[Rejection],
    ) -> Result<(), EngineError> {
        if rejected.is_empty() {
            return Ok(());
        }
        let cell = self.heads.cell(tenant, id)?;
        cell.head()?;
        let writer = cell.write().await;
        let head = cell.head()?;
        let mut by_pair: BTreeMap<(Sequence, Sequence), RejectedKinds> = BTreeMap::new();
        for (earlier, later, kind) in rejected {
            if !(1..*later).contains(earlier) || *later > head.last_sequence {
                let last = head.last_sequence;
                let why = format!("{earlier} and {later} are no two turns of 1 to {last} in order");
                return Err(EngineError::invalid("rejected_edge.later", why));
            }
            let given = RejectedKinds::from(*kind);
            let kinds = by_pair.entry((*earlier, *later)).or_insert(given);
            *kinds = kinds.and(given);
        }
        let mut batch = Batch::new();
        for ((earlier, later), given) in by_pair {
            let known = self.rejected_kinds(tenant, id, (earlier, later))?;
            let kinds = known.map_or(given, |known| known.and(given));
            batch.put(keys::rejection(tenant, id, later, earlier), vec![kinds.byte()]);
        }
        let next = self.touched(&head);
        self.commit_head(writer, next, batch, None).await?;
        // The turns may have been scored by now.
        self.ledgers.invalidate_owner(tenant, id);
        Ok(())
    }

    /// What a conversation itself stores of two turns.
    fn rejected_kinds(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        (earlier, later): (Sequence, Sequence),
    ) -> Result<Option<RejectedKinds>, EngineError> {
        let key = keys::rejection(tenant, id, later, earlier);
        let stored = self.store.get(&key)?;
        Ok(stored.map(|value| rejected_kinds(&key, &value)).transpose()?)
    }
}

/// Reads the record of a rejection.
///
/// # Errors
/// `Corrupt`.
pub(super) fn rejected_kinds(key: &[u8], value: &[u8]) -> Result<RejectedKinds, StoreError> {
    let kinds = match value {
        [byte] => RejectedKinds::from_byte(*byte),
        _ => None,
    };
    kinds.ok_or_else(|| {
        let detail = format!("{value:?} names no kinds of edges");
        StoreError::Corrupt { key: hex(key), detail }
    })
}

/// The kinds that a caller means who rejects what was drawn between two turns: the
/// one that is named; else those that are shown; else the most certain. Nothing where
/// it was not drawn.
fn kinds_meant<'a>(
    drawn: impl Iterator<Item = &'a Edge>,
    kind: Option<EdgeKind>,
) -> Option<RejectedKinds> {
    let drawn: Vec<&Edge> =
        drawn.filter(|edge| kind.is_none_or(|kind| edge.kind == kind)).collect();
    let surest = drawn.iter().map(|edge| edge.confidence).max_by(f32::total_cmp)?;
    let at_least = surest.min(SHOWN_CONFIDENCE);
    let meant = drawn.iter().filter(|edge| edge.confidence >= at_least);
    meant.map(|edge| RejectedKinds::only(edge.kind)).reduce(RejectedKinds::and)
}

#[cfg(test)]
mod tests {
    use super::*;

    use EdgeKind::{Contradicts, Supersedes};

    fn edge(kind: EdgeKind, confidence: f32) -> Edge {
        let (earlier_span, later_span, reason) = (None, None, String::new());
        Edge { kind, earlier: 1, confidence, earlier_span, later_span, reason }
    }

    #[test]
    fn who_names_no_kind_means_what_is_shown() {
        let (replaces, contradicts) =
            (RejectedKinds::only(Supersedes), RejectedKinds::only(Contradicts));
        for (drawn, kind, meant) in [
            (vec![], None, None),
            (vec![edge(Supersedes, 0.9)], Some(Contradicts), None),
            (vec![edge(Supersedes, 0.9)], None, Some(replaces)),
            (
                vec![edge(Supersedes, 0.9), edge(Contradicts, 0.6)],
                Some(Contradicts),
                Some(contradicts),
            ),
            (
                vec![edge(Supersedes, 0.9), edge(Contradicts, 0.6)],
                None,
                Some(replaces.and(contradicts)),
            ),
            // The second is not shown, and may be some day.
            (vec![edge(Supersedes, 0.9), edge(Contradicts, 0.3)], None, Some(replaces)),
            (vec![edge(Supersedes, 0.1), edge(Contradicts, 0.3)], None, Some(contradicts)),
            (vec![edge(Supersedes, 0.1)], Some(Supersedes), Some(replaces)),
        ] {
            assert_eq!(kinds_meant(drawn.iter(), kind), meant, "{drawn:?} {kind:?}");
        }
    }

    #[test]
    fn a_record_of_before_means_the_pair_and_a_damaged_one_is_corrupt() {
        assert_eq!(rejected_kinds(b"k", &[1]).unwrap(), RejectedKinds::EVERY);
        for damaged in [&[][..], &[0], &[9], &[1, 2]] {
            let error = rejected_kinds(b"k", damaged).unwrap_err();
            assert!(matches!(error, StoreError::Corrupt { .. }), "{damaged:?}: {error}");
        }
    }
}
