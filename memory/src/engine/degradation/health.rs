//! The health of conversations: followed in memory as their records come, read
//! again from the store when first asked for.
//!
//! Invariants: what is kept of a conversation is a fold over its records up to a
//! turn some way behind the newest, where windows are recorded by now; what lies
//! behind that is looked at anew each time. Whoever erases drops what is kept.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::{
    degradation::{Action, Health, HealthState, TurnSignals, WindowSignals},
    engine::{
        ContextRequest, Engine, EngineError, Reanchoring, catalog::part_of, records::decode,
        scopes::Scope, source::scan_sequences, watching::Watched,
    },
    store::keys::Kind,
    turn::{ConversationId, Sequence, TenantId},
};

/// Conversations that are followed; each takes about 1 KiB.
const FOLLOWED: u64 = 16_384;
/// Turns at the newest end whose windows may still come.
const SETTLING: Sequence = 4;
/// A watcher is told when the score moved by this much, or when the action changed.
const MOVED: f32 = 0.1;

/// A conversation that is followed.
#[derive(Default)]
struct Followed {
    state: HealthState,
    /// Records of turns up to here are in the state.
    until: Sequence,
}

/// The conversations that are followed.
pub(in crate::engine) struct Healths {
    recent: moka::sync::Cache<(TenantId, ConversationId), Arc<Mutex<Followed>>>,
}

impl Default for Healths {
    fn default() -> Self {
        Self { recent: moka::sync::Cache::new(FOLLOWED) }
    }
}

impl Healths {
    /// Records from a turn on were written anew.
    pub(in crate::engine) fn rewritten(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        from: Sequence,
    ) {
        let key = (tenant.clone(), id.clone());
        if self.recent.get(&key).is_some_and(|known| known.lock().until >= from) {
            self.recent.invalidate(&key);
        }
    }

    /// Something of the tenant was erased; forks may have shown it.
    pub(in crate::engine) fn invalidate(&self, tenant: &TenantId) {
        for (key, _) in &self.recent {
            if key.0 == *tenant {
                self.recent.invalidate(&*key);
            }
        }
    }
}

/// The records of turns and windows, in the order of the turns.
type Records = (Vec<TurnSignals>, Vec<WindowSignals>);

impl Engine {
    /// How a conversation is, with every window that was built before the call.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub async fn health(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Health, EngineError> {
        self.heads.cell(tenant, id)?.head()?;
        self.recorder.flush().await;
        self.health_of(&self.scope(tenant, id)?)
    }

    /// How a conversation is by what is recorded now.
    pub(in crate::engine) fn health_of(&self, scope: &Scope) -> Result<Health, EngineError> {
        let key = (scope.branch.tenant.clone(), scope.branch.conversation.clone());
        let followed = self.healths.recent.get_with(key, Arc::default);
        let scored = self.scored(scope)?;
        let settled = scored.saturating_sub(SETTLING);
        let mut followed = followed.lock();
        if followed.until < settled {
            let records = self.records_of(scope, followed.until + 1, settled)?;
            take_in(&mut followed.state, &records);
            followed.until = settled;
        }
        let mut state = followed.state.clone();
        let from = followed.until + 1;
        drop(followed);
        if from <= scored {
            take_in(&mut state, &self.records_of(scope, from, scored)?);
        }
        Ok(state.health())
    }

    /// Whether a window is to restate pins.
    pub(in crate::engine) fn reanchors(
        &self,
        own: &Scope,
        request: &ContextRequest,
    ) -> Result<bool, EngineError> {
        Ok(match request.reanchoring {
            Reanchoring::Never => false,
            Reanchoring::Always => true,
            // Health is known as it is now.
            Reanchoring::ByHealth if request.as_of > 0 => false,
            Reanchoring::ByHealth => {
                matches!(self.health_of(own)?.action, Action::Reanchor | Action::Reset)
            }
        })
    }

    fn records_of(
        &self,
        scope: &Scope,
        from: Sequence,
        until: Sequence,
    ) -> Result<Records, EngineError> {
        let mut turns = Vec::new();
        let part = part_of(&scope.branch, from, until);
        scan_sequences(&self.store, &part, Kind::Signals, &mut |_, key, value| {
            turns.push(decode(key, value)?);
            Ok(())
        })?;
        let (tenant, id) = (&scope.branch.tenant, &scope.branch.conversation);
        Ok((turns, self.windows_of(tenant, id, from, until)?))
    }

    /// Follows the health of a conversation from now on.
    ///
    /// # Errors
    /// `NotFound`, `LimitReached`.
    pub fn watch_health(
        self: &Arc<Self>,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<HealthWatch, EngineError> {
        self.heads.cell(tenant, id)?.head()?;
        let watched = Watched::new(self)?;
        Ok(HealthWatch { watched, tenant: tenant.clone(), id: id.clone(), sent: None })
    }
}

/// Each turn, then the windows that were built when it was the newest.
fn take_in(state: &mut HealthState, (turns, windows): &Records) {
    let mut windows = windows.iter().peekable();
    for turn in turns {
        while let Some(window) = windows.next_if(|window| window.at < turn.sequence) {
            state.window(window);
        }
        state.turn(turn);
    }
    windows.for_each(|window| state.window(window));
}

/// Follows the health of a conversation.
pub struct HealthWatch {
    watched: Watched,
    tenant: TenantId,
    id: ConversationId,
    sent: Option<Health>,
}

impl HealthWatch {
    /// The conversation that is followed.
    pub fn conversation(&self) -> &ConversationId {
        &self.id
    }

    /// The health as it is at first, then whenever it has moved or another action
    /// is recommended; nothing when the conversation was deleted. Can be cancelled
    /// and called again.
    ///
    /// # Errors
    /// `Closed` when the engine shuts down, `Store`.
    pub async fn next(&mut self) -> Result<Option<Health>, EngineError> {
        loop {
            let engine = Arc::clone(self.watched.engine());
            let cell = engine.heads.cell(&self.tenant, &self.id)?;
            let Ok(scope) = engine.scope(&self.tenant, &self.id) else { return Ok(None) };
            let scored = engine.scored(&scope)?;
            engine.recorder.flush().await;
            let health = engine.health_of(&scope)?;
            drop(scope);
            if self.sent.as_ref().is_none_or(|sent| has_moved(sent, &health)) {
                self.sent = Some(health.clone());
                return Ok(Some(health));
            }
            let mut closing = engine.closing.subscribe();
            let mut revisions = cell.watch();
            let grown = engine.outbox.wait_until(|| match cell.head() {
                Ok(head) => engine.indexed_sequence(&cell, &head) > scored,
                Err(_) => true,
            });
            let deleted = revisions.wait_for(|revision| *revision == u64::MAX);
            tokio::select! {
                () = grown => {}
                _ = deleted => return Ok(None),
                _ = closing.wait_for(|closing| *closing) => return Err(EngineError::Closed),
            }
        }
    }
}

fn has_moved(sent: &Health, now: &Health) -> bool {
    sent.action != now.action || (sent.score - now.score).abs() >= MOVED
}
