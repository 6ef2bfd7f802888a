//! The health of conversations: followed in memory as their records come, read
//! again from the store when first asked for.
//!
//! Invariants: what is kept of a conversation is a fold over its records up to a
//! turn some way behind the newest, where windows are recorded by now; what lies
//! behind that is looked at anew each time. Whoever erases, writes records of turns
//! anew, or records a window, an outcome or a round of probes late, drops what is kept.
//! Who watches is woken by each of these records. Much that is missing is read where
//! blocking is allowed, a bounded part at a time.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{
    read::{kept_at, read_signals},
    standings::Unlooked,
};
use crate::{
    degradation::{
        Action, Health, HealthState, Outcome, PROBES_VERSION, ProbeRound, TurnSignals,
        WindowSignals,
    },
    engine::{
        ContextRequest, Engine, EngineError, Reanchoring,
        catalog::part_of,
        heads::Cell,
        records::{decode, decode_of},
        scopes::Scope,
        source::scan_sequences,
        staleness::SCORE_WAIT,
        waiting::MEASURE_WAIT,
        watching::Watched,
    },
    index::Branch,
    store::{Store, keys::Kind},
    turn::{ConversationId, Sequence, TenantId},
};

/// Conversations that are followed; each takes about 1 KiB.
const FOLLOWED: u64 = 16_384;
/// Turns at the newest end whose windows may still come.
const SETTLING: Sequence = 4;
/// Turns whose records are read on the caller's own thread: well under 1 ms.
const READ_INLINE: Sequence = 64;
/// Turns whose records are in memory at a time.
const TURNS_PER_STEP: Sequence = 4_096;
/// A watcher is told when the score moved by this much, or when the action changed.
const MOVED: f32 = 0.1;

/// A conversation that is followed.
struct Followed {
    branch: Branch,
    /// Records of turns up to here are in the fold, or are being read for it.
    reach: AtomicU64,
    fold: Arc<Mutex<Fold>>,
}

#[derive(Default)]
struct Fold {
    state: HealthState,
    /// Records of turns up to here are in the state.
    until: Sequence,
}

impl Followed {
    fn new(branch: &Branch) -> Self {
        Self { branch: branch.clone(), reach: AtomicU64::new(0), fold: Arc::default() }
    }

    /// The health after a turn. Reads what is missing: blocking.
    fn health(
        &self,
        store: &Store,
        mut fold: OwnedMutexGuard<Fold>,
        measured: Sequence,
    ) -> Result<Health, EngineError> {
        let settled = measured.saturating_sub(SETTLING);
        while fold.until < settled {
            let until = settled.min(fold.until + TURNS_PER_STEP);
            // Before they are read: who writes one of them anew must know.
            self.reach.fetch_max(until, Ordering::SeqCst);
            let records = records_of(store, &self.branch, fold.until + 1, until)?;
            take_in(&mut fold.state, &records);
            fold.until = until;
        }
        let (mut state, from) = (fold.state.clone(), fold.until + 1);
        drop(fold);
        if from <= measured {
            take_in(&mut state, &records_of(store, &self.branch, from, measured)?);
        }
        Ok(state.health())
    }
}

/// The conversations that are followed.
#[derive(Clone)]
pub(in crate::engine) struct Healths {
    recent: moka::sync::Cache<(TenantId, ConversationId), Arc<Followed>>,
    /// Told of whatever health goes by, if anybody looks.
    unlooked: Option<Arc<Unlooked>>,
}

impl Healths {
    pub(in crate::engine) fn new(unlooked: Option<Arc<Unlooked>>) -> Self {
        Self { recent: moka::sync::Cache::new(FOLLOWED), unlooked }
    }

    /// Something that the health of a conversation goes by was recorded.
    pub(super) fn tell(&self, tenant: &TenantId, id: &ConversationId) {
        if let Some(unlooked) = &self.unlooked {
            unlooked.push(tenant, id);
        }
    }

    fn of(&self, branch: &Branch) -> Arc<Followed> {
        let key = (branch.tenant.clone(), branch.conversation.clone());
        self.recent.get_with(key, || Arc::new(Followed::new(branch)))
    }

    /// Records of turns that `owner` stores, from a turn on, were written anew; forks
    /// may show them.
    pub(in crate::engine) fn rewritten(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        from: Sequence,
    ) {
        for (key, known) in &self.recent {
            let shows = known.branch.tenant == *tenant
                && known.branch.segments.iter().any(|segment| segment.conversation == *owner);
            if shows && known.reach.load(Ordering::SeqCst) >= from {
                self.recent.invalidate(&*key);
                self.tell(tenant, &key.1);
            }
        }
        self.tell(tenant, owner);
    }

    /// Something that `owner` stores was erased; forks may have shown it.
    pub(in crate::engine) fn invalidate_owner(&self, tenant: &TenantId, owner: &ConversationId) {
        self.rewritten(tenant, owner, 0);
    }

    /// A record beside the turns has become durable, of the turn `at` or of later ones:
    /// a window, an outcome, a round of probes.
    pub(in crate::engine) fn recorded(&self, cell: &Cell, at: Sequence) {
        let key = (cell.tenant.clone(), cell.id.clone());
        let is_late = |known: Arc<Followed>| known.reach.load(Ordering::SeqCst) >= at;
        if self.recent.get(&key).is_some_and(is_late) {
            self.recent.invalidate(&key);
        }
        cell.recorded();
        self.tell(&cell.tenant, &cell.id);
    }
}

/// What health goes by, each in the order of the turns.
struct Records {
    turns: Vec<TurnSignals>,
    outcomes: Vec<Outcome>,
    windows: Vec<WindowSignals>,
    rounds: Vec<ProbeRound>,
}

impl Engine {
    /// How a conversation is, with every window that was built and every turn that was
    /// searchable before the call.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub async fn health(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Health, EngineError> {
        self.heads.cell(tenant, id)?.head()?;
        self.recorder.flush_of(tenant, id).await;
        let scope = self.scope(tenant, id)?;
        self.wait_measured(&scope.branch, MEASURE_WAIT).await;
        self.health_of(&scope).await
    }

    /// How a conversation is by what is recorded now.
    pub(in crate::engine) async fn health_of(&self, scope: &Scope) -> Result<Health, EngineError> {
        let until = self.followed(scope)?;
        let followed = self.healths.of(&scope.branch);
        let fold = Arc::clone(&followed.fold).lock_owned().await;
        if until.saturating_sub(fold.until) <= READ_INLINE {
            return followed.health(&self.store, fold, until);
        }
        let store = Arc::clone(&self.store);
        let read = move || followed.health(&store, fold, until);
        tokio::task::spawn_blocking(read).await.map_err(|_| EngineError::Closed)?
    }

    fn followed(&self, scope: &Scope) -> Result<Sequence, EngineError> {
        let cell = self.heads.cell(&scope.branch.tenant, &scope.branch.conversation)?;
        Ok(self.followed_sequence(&cell, &scope.head))
    }

    /// Whether a window is to restate pins.
    pub(in crate::engine) async fn reanchors(
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
                // The turn that is asked is just being measured.
                self.wait_measured(&own.branch, SCORE_WAIT).await;
                matches!(self.health_of(own).await?.action, Action::Reanchor | Action::Reset)
            }
        })
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

/// What a branch has of turns of a range.
fn records_of(
    store: &Store,
    branch: &Branch,
    from: Sequence,
    until: Sequence,
) -> Result<Records, EngineError> {
    let mut turns = Vec::new();
    let part = part_of(branch, from, until);
    scan_sequences(store, &part, Kind::Signals, &mut |_, key, value| {
        turns.extend(read_signals(key, value)?);
        Ok(())
    })?;
    let (of, range) = ((&branch.tenant, &branch.conversation), (from, until));
    Ok(Records {
        turns,
        outcomes: kept_at(store, Kind::Outcome, of, range, |key, value| {
            decode(key, value).map(Some)
        })?,
        windows: kept_at(store, Kind::Window, of, range, |key, value| {
            decode(key, value).map(Some)
        })?,
        rounds: kept_at(store, Kind::Probes, of, range, |key, value| {
            decode_of(key, value, PROBES_VERSION)
        })?,
    })
}

/// Each turn, then what the application says of it, then the windows and the probes of
/// when it was the newest.
fn take_in(state: &mut HealthState, records: &Records) {
    let mut turns = records.turns.iter().peekable();
    let mut outcomes = records.outcomes.iter().peekable();
    let mut windows = records.windows.iter().peekable();
    let mut rounds = records.rounds.iter().peekable();
    loop {
        let next = [
            turns.peek().map(|turn| turn.sequence),
            outcomes.peek().map(|outcome| outcome.sequence),
            windows.peek().map(|window| window.at),
            rounds.peek().map(|round| round.at),
        ];
        let Some(at) = next.into_iter().flatten().min() else { return };
        while let Some(turn) = turns.next_if(|turn| turn.sequence == at) {
            state.turn(turn);
        }
        let (mut sum, mut rated) = (0.0, 0.0_f32);
        while let Some(outcome) = outcomes.next_if(|outcome| outcome.sequence == at) {
            if let Some(quality) = outcome.quality() {
                sum += quality;
                rated += 1.0;
            }
        }
        if rated > 0.0 {
            state.outcome(at, sum / rated);
        }
        while let Some(window) = windows.next_if(|window| window.at == at) {
            state.window(window);
        }
        while let Some(round) = rounds.next_if(|round| round.at == at) {
            state.probes(round);
        }
    }
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
    /// is recommended, by a turn, a window, an outcome or probes; nothing when the
    /// conversation was deleted. Can be cancelled and called again.
    ///
    /// # Errors
    /// `Closed` when the engine shuts down, `Store`.
    pub async fn next(&mut self) -> Result<Option<Health>, EngineError> {
        loop {
            let engine = Arc::clone(self.watched.engine());
            let cell = engine.heads.cell(&self.tenant, &self.id)?;
            // Before anything is read, so that nothing in between is missed.
            let mut records = cell.watch_records();
            let Ok(scope) = engine.scope(&self.tenant, &self.id) else { return Ok(None) };
            let followed = engine.followed_sequence(&cell, &scope.head);
            engine.recorder.flush_of(&self.tenant, &self.id).await;
            let health = engine.health_of(&scope).await?;
            drop(scope);
            if self.sent.as_ref().is_none_or(|sent| has_moved(sent, &health)) {
                self.sent = Some(health.clone());
                return Ok(Some(health));
            }
            let is_there = tokio::select! {
                is_there = self.watched.beyond(&cell, followed, Engine::followed_sequence) => {
                    is_there?
                }
                _ = records.changed() => true,
            };
            if !is_there {
                return Ok(None);
            }
        }
    }
}

fn has_moved(sent: &Health, now: &Health) -> bool {
    sent.action != now.action || (sent.score - now.score).abs() >= MOVED
}
