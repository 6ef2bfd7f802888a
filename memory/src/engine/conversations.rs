//! Create, read, list and change conversations.

use std::ops::ControlFlow;

use tokio::sync::OwnedMutexGuard;

use super::{
    Conversation, ConversationPatch, Engine, EngineError, NewConversation,
    branches::Fork,
    heads::Cell,
    records::{Creation, Head, OutboxEntry, StoredSegment, Task, decode, encode},
    validate,
};
use crate::{
    enrich::Outbox,
    store::{Batch, Direction, StoreError, keys},
    turn::{ConversationId, Sequence, TenantId},
};

impl Engine {
    /// Creates an empty conversation. The same `request_id` gives the first
    /// answer again.
    ///
    /// # Errors
    /// `Invalid`, `AlreadyExists` when the id is taken or the `request_id` came
    /// with other content, `Store`.
    pub async fn create_conversation(
        &self,
        tenant: &TenantId,
        new: NewConversation,
    ) -> Result<Conversation, EngineError> {
        validate::conversation(&new, &self.limits)?;
        let locks = self.creation_lock(tenant, &new).await;
        self.create(tenant, new, None, locks).await
    }

    /// The lock of a request id: always taken before that of a conversation.
    pub(super) async fn creation_lock(
        &self,
        tenant: &TenantId,
        new: &NewConversation,
    ) -> Vec<OwnedMutexGuard<()>> {
        if new.request_id.is_empty() {
            return Vec::new();
        }
        vec![self.creations.lock(&keys::creation(tenant, &new.request_id)).await]
    }

    pub(super) async fn create(
        &self,
        tenant: &TenantId,
        new: NewConversation,
        fork: Option<Fork>,
        locks: Vec<OwnedMutexGuard<()>>,
    ) -> Result<Conversation, EngineError> {
        let creation = keys::creation(tenant, &new.request_id);
        if !new.request_id.is_empty()
            && let Some(bytes) = self.store.get(&creation)?
        {
            let known = Creation::decode(&creation, &bytes)?;
            return self.repeated(tenant, &known, &new, fork.as_ref());
        }
        let id = new.id.clone().unwrap_or_else(ConversationId::generate);
        let cell = self.heads.cell(tenant, &id)?;
        // Looked at before the lock: two forks whose targets are each other's
        // parents must not wait for each other. A conversation that does not
        // exist has no fork under way.
        if cell.stored().is_some() {
            return Err(taken(&id));
        }
        let mut writer = cell.write().await;
        if cell.stored().is_some() {
            return Err(taken(&id));
        }
        writer.hold(locks);
        let now = (self.clock)();
        let mut batch = Batch::new();
        if !new.user_id.is_empty() {
            batch.put(keys::user(tenant, &new.user_id, &id), Vec::new());
        }
        if !new.request_id.is_empty() {
            let known = Creation { id: id.clone(), given: Some(given(&new, fork.as_ref())?) };
            batch.put(creation, known.encode()?);
        }
        for segment in fork.iter().flat_map(|fork| &fork.shared) {
            batch.put(keys::child(tenant, &segment.conversation, &id), encode(&segment.until)?);
        }
        // The parent's writers still wait: its facts are those of its turns.
        let facts = match &fork {
            Some(fork) => {
                let head = fork.parent.head()?;
                self.copy_facts(&mut batch, (&fork.parent, &head), &cell, fork.at)?
            }
            None => 0,
        };
        if let Some(fork) = &fork {
            let root = self.root_of(tenant, &fork.parent.id)?;
            batch.put(keys::root(tenant, &id), encode(&root)?);
        }
        let (forked_from, shared) = fork.map_or((None, Vec::new()), |fork| {
            (Some((fork.parent.id.clone(), fork.at)), fork.shared)
        });
        let head = Head {
            created_at: now,
            updated_at: now,
            user_id: new.user_id,
            title: new.title,
            labels: new.labels,
            request_id: new.request_id,
            revision: 1,
            last_sequence: shared.last().map_or(0, |segment: &StoredSegment| segment.until),
            forked_from,
            shared,
            deleted: false,
            facts,
        };
        // What a fork shares is derived already but for the pins of the service.
        let shared_until = head.last_sequence;
        let queued = if shared_until > 0 && self.pins.detector.is_some() {
            let task = Task::Pins { from: 1, until: shared_until };
            let entry = OutboxEntry { tenant: tenant.clone(), owner: id.clone(), task };
            Some(self.enqueue(&mut batch, entry)?)
        } else {
            None
        };
        self.commit_head(writer, head, batch, queued).await?;
        // What the parent's facts of the user had said by then may be replaced elsewhere.
        self.hold_all_elsewhere(&cell).await?;
        Ok(self.describe(&cell, &*cell.head()?))
    }

    /// The first answer to a request id, if this one asks for the same.
    fn repeated(
        &self,
        tenant: &TenantId,
        known: &Creation,
        new: &NewConversation,
        fork: Option<&Fork>,
    ) -> Result<Conversation, EngineError> {
        let id = &known.id;
        let cell = self.heads.cell(tenant, id)?;
        let given = given(new, fork)?;
        let origin = fork.map(|fork| (fork.parent.id.clone(), fork.at));
        let same = cell.stored().filter(|head| {
            !head.deleted
                && head.forked_from == origin
                && new.id.as_ref().is_none_or(|wanted| wanted == id)
                && known.given.is_none_or(|before| before == given)
        });
        match same {
            Some(head) => Ok(self.describe(&cell, &head)),
            None => Err(EngineError::AlreadyExists {
                kind: "request id",
                id: new.request_id.clone(),
                existing: format!("conversations/{id}"),
            }),
        }
    }

    /// Reads one conversation.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub async fn get_conversation(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Conversation, EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        Ok(self.describe(&cell, &*cell.head()?))
    }

    /// Lists conversations, newest id first, of one user or of all. `before` is
    /// the last id of the page before. The second value says whether more follow.
    ///
    /// # Errors
    /// `Store`.
    pub async fn list_conversations(
        &self,
        tenant: &TenantId,
        user_id: Option<&str>,
        before: Option<&ConversationId>,
        limit: usize,
    ) -> Result<(Vec<Conversation>, bool), EngineError> {
        let ids = self.conversation_ids(tenant, user_id, before, limit.saturating_add(1))?;
        let more = ids.len() > limit;
        let mut page = Vec::with_capacity(ids.len().min(limit));
        for id in ids.into_iter().take(limit) {
            let cell = self.heads.cell(tenant, &id)?;
            // One that was deleted since the scan is left out.
            if let Ok(head) = cell.head() {
                page.push(self.describe(&cell, &head));
            }
        }
        Ok((page, more))
    }

    /// Ids of existing conversations, newest first.
    pub(super) fn conversation_ids(
        &self,
        tenant: &TenantId,
        user_id: Option<&str>,
        before: Option<&ConversationId>,
        limit: usize,
    ) -> Result<Vec<ConversationId>, EngineError> {
        let prefix = match user_id {
            Some(user_id) => keys::user_prefix(tenant, user_id),
            None => keys::heads_prefix(tenant),
        };
        let (start, mut end) = keys::prefix_range(&prefix);
        if let Some(before) = before {
            end = match user_id {
                Some(user_id) => keys::user(tenant, user_id, before),
                None => keys::head(tenant, before),
            };
        }
        let mut ids = Vec::new();
        self.store.scan(&start, &end, Direction::Backward, &mut |key, value| {
            let id = id_at_end(key, prefix.len())?;
            // Heads of deleted conversations stay while forks share turns.
            let deleted = user_id.is_none() && decode::<Head>(key, &value)?.deleted;
            ids.extend((!deleted).then_some(id));
            Ok(if ids.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(ids)
    }

    /// Changes title, user or labels.
    ///
    /// # Errors
    /// `Invalid`, `NotFound`, `RevisionMismatch`, `Store`.
    pub async fn update_conversation(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        patch: ConversationPatch,
    ) -> Result<Conversation, EngineError> {
        validate::patch(&patch, &self.limits)?;
        let cell = self.heads.cell(tenant, id)?;
        cell.head()?;
        let writer = cell.write().await;
        let head = cell.head()?;
        if let Some(expected) = patch.expected_revision
            && expected != head.revision
        {
            return Err(EngineError::RevisionMismatch { expected, actual: head.revision });
        }
        let mut next = self.touched(&head);
        let mut batch = Batch::new();
        if let Some(user_id) = patch.user_id
            && user_id != head.user_id
        {
            if !head.user_id.is_empty() {
                batch.delete(keys::user(tenant, &head.user_id, id));
            }
            if !user_id.is_empty() {
                batch.put(keys::user(tenant, &user_id, id), Vec::new());
            }
            next.user_id = user_id;
        }
        if let Some(title) = patch.title {
            next.title = title;
        }
        if let Some(labels) = patch.labels {
            next.labels = labels;
        }
        self.commit_head(writer, next, batch, None).await?;
        Ok(self.describe(&cell, &*cell.head()?))
    }

    /// A copy of the head for the next revision.
    pub(super) fn touched(&self, head: &Head) -> Head {
        let mut next = head.clone();
        next.revision += 1;
        next.updated_at = (self.clock)();
        next
    }

    pub(super) fn describe(&self, cell: &Cell, head: &Head) -> Conversation {
        Conversation {
            id: cell.id.clone(),
            created_at: head.created_at,
            updated_at: head.updated_at,
            user_id: head.user_id.clone(),
            title: head.title.clone(),
            labels: head.labels.clone(),
            revision: head.revision,
            last_sequence: head.last_sequence,
            forked_from: head.forked_from.clone(),
            indexed_sequence: self.indexed_sequence(cell, head),
        }
    }

    /// Every turn up to here is embedded and indexed.
    pub(super) fn indexed_sequence(&self, cell: &Cell, head: &Head) -> Sequence {
        self.reached(cell, head, Outbox::first_waiting)
    }

    /// Every turn up to here is measured; 0 where measuring is switched off.
    pub(super) fn measured_sequence(&self, cell: &Cell, head: &Head) -> Sequence {
        if !self.degradation {
            return 0;
        }
        self.reached(cell, head, Outbox::first_unmeasured)
    }

    /// Every turn up to here was measured once, maybe by an earlier version: health goes
    /// on where it was while they are measured again. 0 where measuring is switched off.
    pub(super) fn followed_sequence(&self, cell: &Cell, head: &Head) -> Sequence {
        if !self.degradation {
            return 0;
        }
        self.reached(cell, head, Outbox::first_unfollowed)
    }

    /// Every turn up to here is behind the work of which `first` gives the first turn
    /// of a conversation's own that still waits for it.
    fn reached(
        &self,
        cell: &Cell,
        head: &Head,
        first: fn(&Outbox, &TenantId, &ConversationId) -> Option<Sequence>,
    ) -> Sequence {
        let branch = cell.branch(head);
        let waiting = branch.segments.iter().filter_map(|segment| {
            let first = first(&self.outbox, &branch.tenant, &segment.conversation)?;
            (first <= segment.until).then(|| first.max(segment.from))
        });
        waiting.min().map_or(head.last_sequence, |first| (first - 1).min(head.last_sequence))
    }
}

/// What a creation is repeated by: without the id, which may have been drawn. A
/// fork's title, user and labels are its parent's, as they are at the time.
fn given(new: &NewConversation, fork: Option<&Fork>) -> Result<[u8; 32], EngineError> {
    let encoded = match fork {
        Some(fork) => encode(&(&fork.parent.id, fork.at))?,
        None => encode(&(&new.user_id, &new.title, &new.labels))?,
    };
    Ok(*blake3::hash(&encoded).as_bytes())
}

fn taken(id: &ConversationId) -> EngineError {
    EngineError::AlreadyExists {
        kind: "conversation",
        id: id.to_string(),
        existing: format!("conversations/{id}"),
    }
}

/// The length-prefixed id that ends a key behind `prefix` bytes.
pub(super) fn id_at_end(key: &[u8], prefix: usize) -> Result<ConversationId, StoreError> {
    let corrupt = || StoreError::Corrupt {
        key: key.iter().map(|byte| format!("{byte:02x}")).collect(),
        detail: "the key does not end in an id".to_owned(),
    };
    let id = key.get(prefix + 1..).ok_or_else(corrupt)?;
    let id = std::str::from_utf8(id).map_err(|_| corrupt())?;
    ConversationId::new(id).map_err(|_| corrupt())
}
