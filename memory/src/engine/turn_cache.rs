//! Turns of windows and of the best hits in memory: consecutive ones of a conversation
//! show many of the same.
//!
//! Invariant: no turn is kept that was erased; whoever erases drops what its owner
//! stores, and what was read before that is not kept.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use crate::{
    staleness::asked::Reading,
    turn::{ConversationId, OpaqueSource, Part, Sequence, TenantId, Turn},
};

/// Bytes of text that are kept.
const CACHED_BYTES: u64 = 64 << 20;
/// What a turn takes beside its text.
const TURN_BYTES: usize = 512;
/// What is read of a text takes about as much as the text.
const TIMES_TEXT: usize = 2;
/// Longer turns are read again each time.
const MAX_TEXT_BYTES: usize = 64 << 10;

type Key = (TenantId, ConversationId, Sequence);

/// A turn, with what is read of it when it is first compared with a question.
pub(super) struct Kept {
    pub(super) turn: Arc<Turn>,
    reading: OnceLock<Reading>,
}

impl Kept {
    fn new(turn: Turn) -> Self {
        Self { turn: Arc::new(turn), reading: OnceLock::new() }
    }

    /// What it says.
    pub(super) fn reading(&self) -> &Reading {
        self.reading.get_or_init(|| Reading::of(&self.turn.searchable_text()))
    }
}

/// See the module.
pub(crate) struct TurnCache {
    recent: moka::sync::Cache<Key, Arc<Kept>>,
    /// Grows with every erasure.
    erasures: AtomicU64,
}

impl Default for TurnCache {
    fn default() -> Self {
        let weight = |_: &Key, kept: &Arc<Kept>| {
            let bytes = TURN_BYTES + TIMES_TEXT * text_bytes(&kept.turn);
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self {
            recent: moka::sync::Cache::builder().weigher(weight).max_capacity(CACHED_BYTES).build(),
            erasures: AtomicU64::new(0),
        }
    }
}

impl TurnCache {
    /// A turn that `owner` stores, read if it is not here.
    ///
    /// # Errors
    /// What `read` reports.
    pub(super) fn get<E>(
        &self,
        (tenant, owner, sequence): (&TenantId, &ConversationId, Sequence),
        read: impl FnOnce() -> Result<Option<Turn>, E>,
    ) -> Result<Option<Arc<Kept>>, E> {
        let key = (tenant.clone(), owner.clone(), sequence);
        if let Some(known) = self.recent.get(&key) {
            return Ok(Some(known));
        }
        let erasures = self.erasures.load(Ordering::SeqCst);
        let Some(kept) = read()?.map(|turn| Arc::new(Kept::new(turn))) else { return Ok(None) };
        if text_bytes(&kept.turn) <= MAX_TEXT_BYTES {
            self.recent.insert(key.clone(), Arc::clone(&kept));
            if self.erasures.load(Ordering::SeqCst) != erasures {
                self.recent.invalidate(&key);
            }
        }
        Ok(Some(kept))
    }

    /// Drops every turn that `owner` stores.
    pub(crate) fn invalidate_owner(&self, tenant: &TenantId, owner: &ConversationId) {
        self.erasures.fetch_add(1, Ordering::SeqCst);
        for (key, _) in &self.recent {
            if (&key.0, &key.1) == (tenant, owner) {
                self.recent.invalidate(&*key);
            }
        }
    }
}

fn text_bytes(turn: &Turn) -> usize {
    let part = |part: &Part| match part {
        Part::Text(text) => text.len(),
        Part::ToolCall { name, arguments_json, .. } => name.len() + arguments_json.len(),
        Part::ToolResult { content, .. } => content.len(),
        Part::Opaque { source: OpaqueSource::Data(bytes), .. } => bytes.len(),
        Part::Opaque { source: OpaqueSource::Uri(uri), .. } => uri.len(),
    };
    turn.metadata.len() + turn.parts.iter().map(part).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turn::Role;

    fn turn(sequence: Sequence) -> Turn {
        Turn {
            sequence,
            role: Role::User,
            speaker: String::new(),
            parts: vec![Part::Text("hello".to_owned())],
            said_at: jiff::Timestamp::UNIX_EPOCH,
            created_at: jiff::Timestamp::UNIX_EPOCH,
            client_turn_id: String::new(),
            metadata: Vec::new(),
            forgotten: false,
        }
    }

    #[test]
    fn what_was_erased_is_read_again_and_not_kept() {
        let cache = TurnCache::default();
        let (tenant, owner) = (TenantId::new("t").unwrap(), ConversationId::new("c").unwrap());
        let at = (&tenant, &owner, 3);
        let read = || Ok::<_, ()>(Some(turn(3)));
        assert!(cache.get(at, read).unwrap().is_some());
        assert!(cache.get(at, || Err(())).unwrap().is_some(), "kept");
        cache.invalidate_owner(&tenant, &owner);
        assert!(cache.get(at, || Err(())).is_err(), "dropped");
        let erased_meanwhile = || {
            cache.invalidate_owner(&tenant, &owner);
            read()
        };
        assert!(cache.get(at, erased_meanwhile).unwrap().is_some());
        assert!(cache.get(at, || Err(())).is_err(), "read before it was erased");
    }
}
