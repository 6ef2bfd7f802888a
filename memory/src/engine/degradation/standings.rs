//! How every conversation stands, kept beside it and counted by tenant: one thread looks
//! at the health of those of which something was recorded, some time after it was.
//!
//! Invariants: the counts are those of the records in the store, exactly, since one thread
//! writes these and a deletion takes its own out; they are read when the engine starts,
//! before anything is written; no turn and no window waits for it.

use std::{
    collections::HashSet,
    io,
    ops::ControlFlow,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

use crate::{
    background,
    degradation::{STANDING_VERSION, Standing, Standings},
    engine::{
        Engine, EngineError,
        records::{decode_of, encode},
    },
    store::{Batch, Direction, StoreError, keys},
    turn::{ConversationId, TenantId},
};

/// How long records are gathered before their conversation is looked at: the windows of a
/// turn are recorded by then, and a talk in full flow is looked at once a second.
const SETTLES: Duration = Duration::from_secs(1);
/// Conversations that wait at most; one that finds no place is looked at when something
/// of it is recorded again.
const MAX_WAITING: usize = 100_000;
/// How long those that wait when the engine closes are looked at.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// The conversations of which something was recorded since they were looked at.
#[derive(Default)]
pub(in crate::engine) struct Unlooked {
    waiting: Mutex<HashSet<(TenantId, ConversationId)>>,
    arrived: Notify,
}

impl Unlooked {
    /// Something of a conversation was recorded.
    pub(super) fn push(&self, tenant: &TenantId, id: &ConversationId) {
        let mut waiting = self.waiting.lock();
        if waiting.len() < MAX_WAITING {
            waiting.insert((tenant.clone(), id.clone()));
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    fn take(&self) -> HashSet<(TenantId, ConversationId)> {
        std::mem::take(&mut self.waiting.lock())
    }
}

/// Starts looking until `closing` turns true; what waits then is looked at, for a second.
///
/// # Errors
/// No thread can be had.
pub(in crate::engine) fn spawn(
    engine: Weak<Engine>,
    unlooked: Arc<Unlooked>,
    closing: watch::Receiver<bool>,
) -> io::Result<JoinHandle<Option<()>>> {
    background::spawn("health", look(engine, unlooked, closing))
}

async fn look(engine: Weak<Engine>, unlooked: Arc<Unlooked>, mut closing: watch::Receiver<bool>) {
    background::give_way();
    loop {
        let gathered = async {
            unlooked.arrived.notified().await;
            tokio::time::sleep(SETTLES).await;
        };
        let closes = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => true,
            () = gathered => false,
        };
        let Some(engine) = engine.upgrade() else { return };
        let until = closes.then(|| Instant::now() + LAST_LOOK);
        engine.look_at_health(until).await;
        if closes {
            return;
        }
    }
}

impl Engine {
    /// How the conversations stand, by tenant: those of which something was recorded
    /// up to some seconds ago.
    pub fn standings(&self) -> &Standings {
        &self.standings
    }

    /// Looks at what waits, until an instant if there is one.
    async fn look_at_health(&self, until: Option<Instant>) {
        let waiting = self.unlooked.as_ref().map(|unlooked| unlooked.take());
        for (tenant, id) in waiting.into_iter().flatten() {
            if until.is_some_and(|until| Instant::now() >= until) {
                return;
            }
            match self.stand_anew(&tenant, &id).await {
                Ok(()) | Err(EngineError::NotFound { .. }) => {}
                // It is looked at when something is recorded again.
                Err(error) => tracing::debug!(%error, %id, "the health is not counted"),
            }
        }
    }

    /// Keeps how a conversation stands now.
    async fn stand_anew(&self, tenant: &TenantId, id: &ConversationId) -> Result<(), EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        let scope = self.scope(tenant, id)?;
        let now = Standing::of(&self.health_of(&scope).await?);
        drop(scope);
        if self.kept_standing(tenant, id)? == Some(now) {
            return Ok(());
        }
        // Who deletes waits for it.
        let _aside = cell.write().await.aside().await;
        cell.head()?;
        let before = self.kept_standing(tenant, id)?;
        let mut batch = Batch::new();
        batch.put(keys::standing(tenant, id), encode(&now)?);
        // What a crash takes back is looked at with the next record.
        self.store.commit_soon(batch).await?;
        self.standings.moved(tenant, before, now);
        Ok(())
    }

    /// How a conversation stood when it was looked at last.
    pub(in crate::engine) fn kept_standing(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Option<Standing>, StoreError> {
        let key = keys::standing(tenant, id);
        Ok(self.store.get(&key)?.and_then(|bytes| read(&key, &bytes)))
    }

    /// Counts what is kept from before the start.
    pub(in crate::engine) fn count_standings(&self) -> Result<(), EngineError> {
        for tenant in self.tenants()? {
            let (start, end) = keys::prefix_range(&keys::standings_prefix(&tenant));
            self.store.scan(&start, &end, Direction::Forward, &mut |key, value| {
                if let Some(standing) = read(key, &value) {
                    self.standings.found(&tenant, standing);
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(())
    }
}

/// As it was kept; nothing where that is of another version or damaged.
fn read(key: &[u8], bytes: &[u8]) -> Option<Standing> {
    decode_of(key, bytes, STANDING_VERSION).unwrap_or_else(|error| {
        tracing::warn!(%error, "how a conversation stands cannot be read");
        None
    })
}
