//! Gives back what was measured of a conversation, turn by turn.

use std::{collections::BTreeMap, ops::ControlFlow};

use crate::{
    degradation::{Outcome, Probed, SIGNALS_VERSION, TurnSignals, WindowSignals},
    engine::{
        Engine, EngineError,
        catalog::part_of,
        records::{decode, decode_of},
        scopes::Scope,
        source::scan_sequences,
        waiting::MEASURE_WAIT,
    },
    store::{Direction, Store, StoreError, keys, keys::Kind},
    turn::{ConversationId, Sequence, TenantId},
};

/// Which turns are asked for.
#[derive(Clone, Copy, Debug)]
pub struct DegradationRequest {
    /// Only turns behind this one.
    pub after: Sequence,
    /// At most so many turns.
    pub limit: u64,
    /// Wait until this revision is measured, at least by an earlier version.
    pub min_revision: u64,
}

/// What is known of one turn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TurnDegradation {
    /// What was measured of the turn; absent for a forgotten one, and for one
    /// that waits.
    pub signals: Option<TurnSignals>,
    /// The windows that were built when it was the newest, or as of it, oldest first.
    pub windows: Vec<WindowSignals>,
    /// What the application said of it.
    pub outcomes: Vec<Outcome>,
    /// What probes found when it was the newest.
    pub probes: Vec<Probed>,
}

/// A page of a conversation's degradation.
#[derive(Clone, Debug)]
pub struct DegradationOutcome {
    /// By sequence; turns of which nothing is known are left out.
    pub turns: BTreeMap<Sequence, TurnDegradation>,
    /// Last turn that was looked at, if there are more behind it.
    pub next_after: Option<Sequence>,
    /// Every turn up to here is measured; 0 where measuring is switched off.
    pub measured_until: Sequence,
    /// Revision that was read.
    pub revision: u64,
}

impl Engine {
    /// What was measured of a conversation's turns and windows, and what the
    /// application said of them. Windows that were built, and turns that were
    /// searchable, before the call are in; turns that wait to be measured anew are not.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub async fn degradation(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        request: DegradationRequest,
    ) -> Result<DegradationOutcome, EngineError> {
        self.wait_searchable(tenant, id, request.min_revision).await?;
        self.heads.cell(tenant, id)?.head()?;
        self.recorder.flush_of(tenant, id).await;
        let scope = self.scope(tenant, id)?;
        let last = scope.head.last_sequence;
        if request.min_revision > 0 {
            self.wait_followed(&scope, last).await?;
        } else {
            self.wait_measured(&scope.branch, MEASURE_WAIT).await;
        }
        let until = request.after.saturating_add(request.limit).min(last);
        let from = request.after.saturating_add(1);
        let mut turns: BTreeMap<Sequence, TurnDegradation> = BTreeMap::new();
        if from <= until {
            let part = part_of(&scope.branch, from, until);
            scan_sequences(&self.store, &part, Kind::Signals, &mut |at, key, value| {
                if let Some(signals) = read_signals(key, value)? {
                    turns.entry(at).or_default().signals = Some(signals);
                }
                Ok(())
            })?;
            let mut windows = self.windows_of(tenant, id, from, until)?;
            windows.extend(self.windows_as_of(tenant, id, from, until)?);
            windows.sort_by_key(|window| window.built_at);
            for window in windows {
                turns.entry(window.at).or_default().windows.push(window);
            }
            for outcome in self.outcomes(tenant, id, from, until)? {
                turns.entry(outcome.sequence).or_default().outcomes.push(outcome);
            }
            let rounds = self.rounds_of(tenant, id, from, until)?.into_iter();
            for round in rounds.filter(|round| !round.probes.is_empty()) {
                turns.entry(round.at).or_default().probes = round.probes;
            }
        }
        Ok(DegradationOutcome {
            turns,
            next_after: (until < last).then_some(until),
            measured_until: self.measured(&scope)?,
            revision: scope.head.revision,
        })
    }

    /// See [`DegradationOutcome::measured_until`].
    fn measured(&self, scope: &Scope) -> Result<Sequence, StoreError> {
        let cell = self.heads.cell(&scope.branch.tenant, &scope.branch.conversation)?;
        Ok(self.measured_sequence(&cell, &scope.head))
    }

    /// The windows that show how a conversation stood as of turns of a range.
    fn windows_as_of(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        from: Sequence,
        until: Sequence,
    ) -> Result<Vec<WindowSignals>, StoreError> {
        kept_at(&self.store, Kind::WindowAsOf, (tenant, id), (from, until), |key, value| {
            decode(key, value).map(|window| Some(WindowSignals { as_of: true, ..window }))
        })
    }

    /// The windows of a conversation that were built at turns of a range, in order; not
    /// those that show how it stood.
    pub(in crate::engine) fn windows_of(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        from: Sequence,
        until: Sequence,
    ) -> Result<Vec<WindowSignals>, StoreError> {
        let range = (from, until);
        kept_at(&self.store, Kind::Window, (tenant, id), range, |key, value| {
            decode(key, value).map(Some)
        })
    }
}

/// What was measured of a turn, if the detectors of this version did.
pub(super) fn read_signals(key: &[u8], value: &[u8]) -> Result<Option<TurnSignals>, StoreError> {
    decode_of(key, value, SIGNALS_VERSION)
}

/// Reads a record by key and value; nothing of one that is to be left out.
type ReadRecord<T> = fn(&[u8], &[u8]) -> Result<Option<T>, StoreError>;

/// The records of one kind that a conversation keeps itself at turns of a range,
/// in the order of their keys.
pub(super) fn kept_at<T>(
    store: &Store,
    kind: Kind,
    (tenant, id): (&TenantId, &ConversationId),
    (from, until): (Sequence, Sequence),
    read: ReadRecord<T>,
) -> Result<Vec<T>, StoreError> {
    let start = keys::at_sequence(tenant, id, kind, from);
    let (_, end) = keys::prefix_range(&keys::at_sequence(tenant, id, kind, until));
    let mut kept = Vec::new();
    store.scan(&start, &end, Direction::Forward, &mut |key, value| {
        kept.extend(read(key, &value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(kept)
}
