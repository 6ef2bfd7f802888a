//! Deriving everything again from turns and items: on demand, and when the embedding
//! model has changed; deriving a part of it again when what derives that has changed;
//! giving another index, or one that lost what it had, everything again.
//!
//! Invariant: what is queued here takes no room from appends.

use std::{
    ops::ControlFlow,
    sync::{Arc, Weak},
    time::Duration,
};

use futures::{FutureExt as _, StreamExt as _, stream};
use tokio::{sync::watch, task::JoinHandle};

use super::{
    Engine, EngineError,
    commit::Publish,
    conversations::id_at_end,
    records::{Head, OutboxEntry, Task, decode, encode},
};
use crate::{
    degradation::SIGNALS_VERSION,
    enrich::Queued,
    facts::RULES_VERSION,
    index::TurnIndex,
    store::{Batch, Direction, StoreError, keys},
    turn::{ConversationId, Sequence, TenantId},
};

/// Turns of one outbox entry: a conversation's rebuild is many small steps.
const TURNS_PER_ENTRY: u64 = 512;
/// The same for measuring: a turn that comes meanwhile waits for one at most.
const MEASURED_PER_ENTRY: u64 = 64;
/// Conversations whose entries are queued at once: they share the syncs of the disk.
const QUEUED_AT_ONCE: usize = 64;
/// How long a refill that the store did not take is put off.
const REFILL_RETRY: Duration = Duration::from_secs(5);
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// What the signals of turns depend on: versions of their detectors, of the scorer of
/// staleness, of the rules of facts, and of what pins.
type MeasuredBy = (u32, u32, u32, Option<(u32, u32)>);

impl Engine {
    /// Derives everything again from turns and items and returns how many turns
    /// and namespaces of items there were. `progress` gets those done and those in
    /// all, a few times a second.
    ///
    /// # Errors
    /// `Store`.
    pub async fn rebuild(
        &self,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<u64, EngineError> {
        // Counted as they are queued: the first may be done before the last is.
        let total = self.queue_everything().await?;
        let mut tick = tokio::time::interval(TELL_EVERY);
        let finished = self.settled();
        tokio::pin!(finished);
        loop {
            tokio::select! {
                () = &mut finished => break,
                _ = tick.tick() => {
                    progress(total.saturating_sub(self.outbox.backlog()), total);
                }
            }
        }
        progress(total, total);
        Ok(total)
    }

    /// Queues a rebuild when the vectors in the store are another model's. Returns
    /// whether it did.
    pub(super) async fn rebuild_if_changed(&self) -> Result<bool, EngineError> {
        let key = keys::state("embedding");
        let version = self.embed.version();
        let stored: Option<String> = match self.store.get(&key)? {
            Some(bytes) => Some(decode(&key, &bytes)?),
            None => None,
        };
        if stored.as_ref() == Some(&version) {
            return Ok(false);
        }
        let changed = stored.is_some();
        if let Some(stored) = stored {
            tracing::warn!(%stored, now = %version, "the embedding model changed: rebuilding");
            self.queue_everything().await?;
        }
        let mut batch = Batch::new();
        batch.put(key, encode(&version)?);
        self.store.commit(batch).await?;
        Ok(changed)
    }

    /// Queues giving the index every turn again when its place is another than
    /// the one that was kept up to date last, when that is not known, or when the
    /// place is new. Not if all is `rebuilt`, which gives it everything too.
    pub(super) async fn fill_index_if_needed(&self, rebuilt: bool) -> Result<(), EngineError> {
        let key = keys::state("index");
        let place = self.index.place();
        let stored: Option<Option<String>> = match self.store.get(&key)? {
            Some(bytes) => Some(decode(&key, &bytes)?),
            None => None,
        };
        let is_new = self.index.emptied().now_or_never().is_some();
        let is_same = stored.as_ref() == Some(&place);
        if is_same && !is_new {
            return Ok(());
        }
        if place.is_some() && !rebuilt {
            let turns = self.index_again().await?;
            if turns > 0 {
                tracing::warn!(?stored, now = ?place, is_new, turns, "filling the index");
            }
        }
        let mut batch = Batch::new();
        batch.put(key, encode(&place)?);
        Ok(self.store.commit(batch).await?)
    }

    /// Queues giving the index every turn again. Returns how many there are.
    async fn index_again(&self) -> Result<u64, EngineError> {
        self.queue(TURNS_PER_ENTRY, &|from, until| Task::Index { from, until }).await
    }

    /// Fills the index again whenever it had to begin with nothing, until
    /// `closing` turns true.
    pub(super) fn spawn_refilling(
        engine: Weak<Self>,
        index: Arc<dyn TurnIndex>,
        mut closing: watch::Receiver<bool>,
    ) -> JoinHandle<Option<()>> {
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    biased;
                    _ = closing.wait_for(|closing| *closing) => return Some(()),
                    () = index.emptied() => {}
                }
                // A store that cannot take the entries now may later.
                while let Some(engine) = engine.upgrade() {
                    match engine.index_again().await {
                        Ok(0) => break,
                        Ok(turns) => {
                            tracing::warn!(turns, "the index was empty: filling it again");
                            break;
                        }
                        Err(error) => tracing::error!(%error, "the index cannot be filled again"),
                    }
                    drop(engine);
                    tokio::select! {
                        _ = closing.wait_for(|closing| *closing) => return Some(()),
                        () = tokio::time::sleep(REFILL_RETRY) => {}
                    }
                }
            }
        })
    }

    /// Queues drawing the staleness events of every turn again when those in the
    /// store are of another version of the detector, or of none.
    pub(super) async fn draw_if_changed(&self) -> Result<(), EngineError> {
        let key = keys::state("staleness");
        let version = self.detector.version();
        let stored: Option<u32> = match self.store.get(&key)? {
            Some(bytes) => Some(decode(&key, &bytes)?),
            None => None,
        };
        if stored == Some(version) {
            return Ok(());
        }
        let scorer = self.detector.name();
        let turns = self.queue(TURNS_PER_ENTRY, &|from, until| Task::Draw { from, until }).await?;
        if turns > 0 {
            tracing::warn!(turns, %scorer, "another scorer: drawing the staleness events again");
        }
        let mut batch = Batch::new();
        batch.put(key, encode(&version)?);
        Ok(self.store.commit(batch).await?)
    }

    /// Queues drawing the edges of all facts again when those in the store are of
    /// another version of the rules, or of none.
    pub(super) async fn redraw_facts_if_changed(&self) -> Result<(), EngineError> {
        let key = keys::state("facts");
        let stored: Option<u32> = match self.store.get(&key)? {
            Some(bytes) => Some(decode(&key, &bytes)?),
            None => None,
        };
        if stored == Some(RULES_VERSION) {
            return Ok(());
        }
        let facts = |head: &Head| if head.facts > 0 { vec![Task::Facts] } else { Vec::new() };
        let conversations = self.queue_each(&facts).await?;
        if conversations > 0 {
            tracing::warn!(conversations, "other rules: drawing the edges of facts again");
        }
        let mut batch = Batch::new();
        batch.put(key, encode(&RULES_VERSION)?);
        Ok(self.store.commit(batch).await?)
    }

    /// Queues drawing the pins of every conversation again when those in the
    /// store are of another detector, or of none.
    pub(super) async fn pin_again_if_changed(&self) -> Result<(), EngineError> {
        let key = keys::state("pins");
        let version = self.pins.version();
        let stored: Option<Option<(u32, u32)>> = match self.store.get(&key)? {
            Some(bytes) => Some(decode(&key, &bytes)?),
            None => None,
        };
        if stored == Some(version) {
            return Ok(());
        }
        let pins = |head: &Head| {
            let task = Task::Pins { from: 1, until: head.last_sequence };
            if head.deleted { Vec::new() } else { vec![task] }
        };
        // Without a detector those that there are are not shown.
        let conversations = if version.is_some() { self.queue_each(&pins).await? } else { 0 };
        if conversations > 0 {
            tracing::warn!(conversations, "another detector: drawing the pins again");
        }
        let mut batch = Batch::new();
        batch.put(key, encode(&version)?);
        Ok(self.store.commit(batch).await?)
    }

    /// Queues measuring every turn again when what was measured is by another version of
    /// what measures, or of none: of the detectors, or of the events and pins that they
    /// look at. Comes after these in the queue.
    pub(super) async fn measure_if_changed(&self) -> Result<(), EngineError> {
        let key = keys::state("signals");
        let version = self.degradation.then(|| {
            (SIGNALS_VERSION, self.detector.version(), RULES_VERSION, self.pins.version())
        });
        let stored: Option<Option<MeasuredBy>> = match self.store.get(&key)? {
            Some(bytes) => Some(decode(&key, &bytes)?),
            None => None,
        };
        if stored == Some(version) {
            return Ok(());
        }
        if version.is_some() {
            let measure = |from, until| Task::Measure { from, until };
            let turns = self.queue(MEASURED_PER_ENTRY, &measure).await?;
            if turns > 0 {
                tracing::warn!(turns, "another version: measuring the turns again");
            }
        }
        let mut batch = Batch::new();
        batch.put(key, encode(&version)?);
        Ok(self.store.commit(batch).await?)
    }

    /// Queues the derivation of every turn and every item of every tenant. Returns how
    /// many turns and namespaces of items.
    async fn queue_everything(&self) -> Result<u64, EngineError> {
        let turns =
            self.queue(TURNS_PER_ENTRY, &|from, until| Task::Rebuild { from, until }).await?;
        Ok(turns + self.queue_items().await?)
    }

    /// Queues a task over every turn of every tenant, so many turns an entry. Returns
    /// how many turns.
    async fn queue(
        &self,
        per_entry: u64,
        task: &(dyn Fn(Sequence, Sequence) -> Task + Send + Sync),
    ) -> Result<u64, EngineError> {
        let of_turns = |head: &Head| {
            let mut tasks = Vec::new();
            let mut from = head.own_from();
            while from <= head.last_sequence {
                let until = head.last_sequence.min(from + per_entry - 1);
                tasks.push(task(from, until));
                from = until + 1;
            }
            tasks
        };
        self.queue_each(&of_turns).await
    }

    /// Queues tasks for every conversation of every tenant, many side by side. Returns how
    /// many turns they stand for; what is not of turns counts as one.
    async fn queue_each(
        &self,
        tasks: &(dyn Fn(&Head) -> Vec<Task> + Send + Sync),
    ) -> Result<u64, EngineError> {
        let mut of_each = stream::iter(self.all_conversations()?)
            .map(|(tenant, id)| self.queue_of(tenant, id, tasks))
            .buffer_unordered(QUEUED_AT_ONCE);
        let mut turns = 0;
        while let Some(queued) = of_each.next().await {
            turns += queued?;
        }
        Ok(turns)
    }

    async fn queue_of(
        &self,
        tenant: TenantId,
        owner: ConversationId,
        tasks: &(dyn Fn(&Head) -> Vec<Task> + Send + Sync),
    ) -> Result<u64, EngineError> {
        let cell = self.heads.cell(&tenant, &owner)?;
        // A writer's right, so that no append slips its entry in between.
        let writer = cell.write().await;
        let Some(head) = cell.stored() else { return Ok(0) };
        let mut batch = Batch::new();
        let mut entries = Vec::new();
        for task in tasks(&head) {
            let entry = OutboxEntry { tenant: tenant.clone(), owner: owner.clone(), task };
            entries.push(self.enqueue(&mut batch, entry)?);
        }
        let turns: u64 = entries.iter().map(Queued::turns).sum();
        if !batch.is_empty() {
            self.commit(writer, batch, entries, Publish::Nothing).await?;
        }
        Ok(turns)
    }

    /// Every conversation of every tenant, deleted ones that forks share too.
    fn all_conversations(&self) -> Result<Vec<(TenantId, ConversationId)>, EngineError> {
        let mut found = Vec::new();
        for tenant in self.tenants()? {
            let prefix = keys::heads_prefix(&tenant);
            let (start, end) = keys::prefix_range(&prefix);
            self.store.scan(&start, &end, Direction::Forward, &mut |key, value| {
                decode::<Head>(key, &value)?;
                found.push((tenant.clone(), id_at_end(key, prefix.len())?));
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(found)
    }

    /// Conversations that are not deleted and of which something is so, so many at most.
    pub(super) fn conversations_of(
        &self,
        at_most: usize,
        is_so: impl Fn(&TenantId, &ConversationId, &Head) -> Result<bool, StoreError>,
    ) -> Result<Vec<(TenantId, ConversationId)>, EngineError> {
        let mut found = Vec::new();
        for tenant in self.tenants()? {
            let prefix = keys::heads_prefix(&tenant);
            let (start, end) = keys::prefix_range(&prefix);
            self.store.scan(&start, &end, Direction::Forward, &mut |key, value| {
                let head = decode::<Head>(key, &value)?;
                let id = id_at_end(key, prefix.len())?;
                if !head.deleted && is_so(&tenant, &id, &head)? {
                    found.push((tenant.clone(), id));
                }
                let is_enough = found.len() >= at_most;
                Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
            if found.len() >= at_most {
                break;
            }
        }
        Ok(found)
    }

    /// Every tenant that has records.
    pub(super) fn tenants(&self) -> Result<Vec<TenantId>, EngineError> {
        let mut found = Vec::new();
        // Keys begin with the length of the tenant's id: 1 to 64.
        let mut next = vec![1];
        while let Some(tenant) = self.first_tenant(&next)? {
            next = keys::prefix_range(&keys::tenant_prefix(&tenant)).1;
            found.push(tenant);
        }
        Ok(found)
    }

    /// The tenant of the first key at or behind `start`.
    fn first_tenant(&self, start: &[u8]) -> Result<Option<TenantId>, StoreError> {
        let mut tenant = None;
        self.store.scan_keys(start, &[u8::MAX], &mut |key| {
            let length = key.first().map_or(0, |length| usize::from(*length));
            let id = key.get(1..=length).and_then(|id| std::str::from_utf8(id).ok());
            tenant = id.and_then(|id| TenantId::new(id).ok());
            Ok(ControlFlow::Break(()))
        })?;
        Ok(tenant)
    }
}
