//! The summaries of branches in memory, read from the store when first asked
//! for.
//!
//! Invariants: what is shown is what the store holds; of what several conversations of a
//! branch have folded apart from each other each turn stands once in a level, in the
//! summary of the conversation itself or else of the nearest that it is forked from;
//! whoever writes or erases a summary drops what may show it.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    records::{decode_with, encode},
    summaries::within,
};
use crate::{
    index::{Branch, Segment},
    store::{Direction, Store, StoreError, keys, keys::Kind},
    summary::{Summary, fold::Node, layers::Layers},
    turn::{ConversationId, TenantId},
};

/// Memory for summaries, in summaries; one takes about 1 KiB.
const CACHED_SUMMARIES: u64 = 64 * 1_024;

/// The summaries of one branch.
pub(crate) struct Folded {
    branch: Branch,
    summaries: Vec<Summary>,
    /// How many of them, the first ones, the conversation stores itself.
    own: usize,
    version: u64,
}

impl Folded {
    /// In no order.
    pub(crate) fn summaries(&self) -> &[Summary] {
        &self.summaries
    }

    /// Those that the conversation stores itself: it makes no others again.
    pub(crate) fn own(&self) -> &[Summary] {
        self.summaries.get(..self.own).unwrap_or_default()
    }

    /// Changes whenever one is made or taken out.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The ranges that they stand for.
    pub(crate) fn nodes(&self) -> Vec<Node> {
        self.summaries.iter().map(Summary::node).collect()
    }

    fn read(store: &Store, branch: &Branch) -> Result<Self, StoreError> {
        let (mut summaries, mut layers) = (Vec::new(), Layers::default());
        let mut own = 0;
        // What the conversation shows already stays: its own come first, then those of
        // the nearest conversation that it is forked from.
        for segment in branch.segments.iter().rev() {
            let mut stored = stored(store, branch, segment)?;
            // What stands above is made of what stands below.
            stored.sort_by_key(Summary::node);
            summaries.extend(stored.into_iter().filter(|one| layers.take(one.node())));
            if segment.conversation == branch.conversation {
                own = summaries.len();
            }
        }
        let version = version_of(&summaries);
        Ok(Self { branch: branch.clone(), summaries, own, version })
    }
}

/// What the conversation of a segment stores and the branch may show.
fn stored(store: &Store, branch: &Branch, segment: &Segment) -> Result<Vec<Summary>, StoreError> {
    let prefix = keys::kind_prefix(&branch.tenant, &segment.conversation, Kind::Summary);
    let (start, end) = keys::prefix_range(&prefix);
    let mut summaries = Vec::new();
    store.scan(&start, &end, Direction::Forward, &mut |key, value| {
        let summary = summary_of(key, &value)?;
        // They are in order of their last turn.
        if !within(segment, &summary) {
            return Ok(ControlFlow::Break(()));
        }
        summaries.push(summary);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(summaries)
}

/// The record of a summary.
///
/// # Errors
/// It cannot be encoded.
pub(super) fn record_of(summary: &Summary) -> Result<Vec<u8>, StoreError> {
    encode(&(summary, summary.unfinished, &summary.judged_by))
}

/// The summary of a record.
fn summary_of(key: &[u8], record: &[u8]) -> Result<Summary, StoreError> {
    let (summary, unfinished, judged_by) = decode_with::<Summary, _, _>(key, record)?;
    Ok(Summary { unfinished, judged_by, ..summary })
}

/// First eight bytes of the BLAKE3 hash of what there is and when it was made.
fn version_of(summaries: &[Summary]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for one in summaries {
        hasher.update(&one.until.to_le_bytes());
        hasher.update(&[one.level]);
        hasher.update(&one.made_at.as_nanosecond().to_le_bytes());
    }
    let mut first = [0; 8];
    hasher.finalize_xof().fill(&mut first);
    u64::from_le_bytes(first)
}

/// Summaries of the conversations in use.
pub(crate) struct FoldedCache {
    recent: moka::sync::Cache<(TenantId, ConversationId), Arc<Folded>>,
    /// Grows with every invalidation: what was read before it is not kept.
    changes: AtomicU64,
}

impl Default for FoldedCache {
    fn default() -> Self {
        let weight = |_: &(TenantId, ConversationId), folded: &Arc<Folded>| {
            u32::try_from(folded.summaries.len() + 1).unwrap_or(u32::MAX)
        };
        Self {
            recent: moka::sync::Cache::builder()
                .weigher(weight)
                .max_capacity(CACHED_SUMMARIES)
                .build(),
            changes: AtomicU64::new(0),
        }
    }
}

impl FoldedCache {
    /// The summaries of a branch.
    ///
    /// # Errors
    /// What the store reports.
    pub(crate) fn of(&self, store: &Store, branch: &Branch) -> Result<Arc<Folded>, StoreError> {
        let key = (branch.tenant.clone(), branch.conversation.clone());
        if let Some(known) = self.recent.get(&key) {
            return Ok(known);
        }
        let changes = self.changes.load(Ordering::SeqCst);
        let folded = Arc::new(Folded::read(store, branch)?);
        self.recent.insert(key.clone(), Arc::clone(&folded));
        // Changed while it was read: it may hold what was erased.
        if self.changes.load(Ordering::SeqCst) != changes {
            self.recent.invalidate(&key);
        }
        Ok(folded)
    }

    /// Drops what shows summaries that `owner` stores.
    pub(crate) fn invalidate(&self, tenant: &TenantId, owner: &ConversationId) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        for (key, folded) in &self.recent {
            let branch = &folded.branch;
            let shows = branch.tenant == *tenant
                && branch.segments.iter().any(|segment| segment.conversation == *owner);
            if shows {
                self.recent.invalidate(&*key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn records_from_before_summaries_could_be_unfinished_or_judged_are_read() {
        let summary = Summary {
            from: 1,
            until: 9,
            level: 0,
            sentences: Vec::new(),
            rejected: Vec::new(),
            model: "extractive".to_owned(),
            prompt_version: 1,
            known_until: 9,
            made_at: Timestamp::UNIX_EPOCH,
            first_said: Timestamp::UNIX_EPOCH,
            last_said: Timestamp::UNIX_EPOCH,
            unfinished: 3,
            judged_by: Some("nli small 0123456789ab v1".to_owned()),
        };
        assert_eq!(summary_of(&[], &record_of(&summary).unwrap()).unwrap(), summary);
        let unjudged = encode(&(&summary, 3_u32)).unwrap();
        let read = summary_of(&[], &unjudged).unwrap();
        assert_eq!(read, Summary { judged_by: None, ..summary.clone() });
        let before = encode(&summary).unwrap();
        let read = summary_of(&[], &before).unwrap();
        assert_eq!(read, Summary { unfinished: 0, judged_by: None, ..summary });
        assert!(summary_of(&[], &before[..before.len() - 1]).is_err(), "cut off");
    }
}
