//! Taking out what was derived of turns that are forgotten or dropped.

use std::ops::ControlFlow;

use super::{
    Deriver,
    derive::TURNS_PER_STEP,
    strike::{strike_degradation, strike_events, strike_pin_lines, strike_summaries},
};
use crate::{
    engine::{EngineError, forget::forks_of},
    store::{Batch, Store, StoreError, keys, keys::Kind},
    summary::generations::strike_generations,
    turn::{ConversationId, Sequence, TenantId},
};

impl Deriver {
    /// Takes out what was derived of forgotten turns. Again in the store too: a
    /// derivation that was under way when they were forgotten may have written after it.
    pub(super) async fn forget(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        sequences: &[Sequence],
    ) -> Result<(), EngineError> {
        self.drawer.invalidate_owner(tenant, owner);
        // Who counts erasures from here on reads what the erasure has left.
        self.folded.invalidate(tenant, owner);
        let forks = forks_of(&self.store, tenant, owner)?;
        for of in forks.iter().map(|(fork, _)| fork).chain([owner]) {
            drop(self.generations.erasing(tenant, of).await);
        }
        for steps in sequences.chunks(TURNS_PER_STEP) {
            let mut batch = Batch::new();
            for sequence in steps {
                delete_derived(&self.store, &mut batch, tenant, owner, *sequence)?;
            }
            strike_events(&self.store, &mut batch, tenant, owner, steps)?;
            strike_summaries(&self.store, &mut batch, tenant, owner, steps)?;
            strike_pin_lines(&self.store, &mut batch, tenant, owner, steps)?;
            strike_degradation(&self.store, &mut batch, tenant, owner, steps)?;
            for (fork, until) in &forks {
                let shared = steps.partition_point(|sequence| sequence <= until);
                let shared = steps.get(..shared).unwrap_or_default();
                strike_events(&self.store, &mut batch, tenant, fork, shared)?;
                strike_summaries(&self.store, &mut batch, tenant, fork, shared)?;
                strike_pin_lines(&self.store, &mut batch, tenant, fork, shared)?;
                strike_degradation(&self.store, &mut batch, tenant, fork, shared)?;
            }
            self.store.commit(batch).await?;
        }
        self.invalidate(tenant, owner);
        if let (Some(engine), Some(first)) = (self.engine.upgrade(), sequences.first()) {
            engine.measured_again(tenant, owner, *first);
        }
        let _order = self.order.lock(&keys::head(tenant, owner)).await;
        Ok(self.index.remove_turns(tenant, owner, sequences).await?)
    }

    /// Takes out what was derived of the turns of a dropped conversation from `from` on.
    pub(super) async fn drop_from(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        from: Sequence,
    ) -> Result<(), EngineError> {
        drop(self.generations.erasing(tenant, owner).await);
        self.drop_derived(tenant, owner, from).await?;
        self.invalidate(tenant, owner);
        let _order = self.order.lock(&keys::head(tenant, owner)).await;
        Ok(self.index.remove_conversation(tenant, owner, from).await?)
    }

    /// Drops what is in memory of branches that show turns of `owner`.
    fn invalidate(&self, tenant: &TenantId, owner: &ConversationId) {
        self.catalogs.invalidate_owner(tenant, owner);
        self.drawer.invalidate_owner(tenant, owner);
        self.ledgers.invalidate_owner(tenant, owner);
        self.folded.invalidate(tenant, owner);
    }

    /// Strikes the derived records of a dropped conversation's turns.
    async fn drop_derived(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        from: Sequence,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        strike_generations(&self.store, &mut batch, tenant, owner)?;
        self.store.commit(batch).await?;
        for kind in [
            Kind::Cohort,
            Kind::Derived,
            Kind::Events,
            Kind::PinLine,
            Kind::Probes,
            Kind::Rejection,
            Kind::Signals,
            Kind::Summary,
            Kind::Used,
            Kind::Vector,
        ] {
            let (start, end) = keys::from_sequence(tenant, owner, kind, from);
            let mut doomed = Vec::new();
            self.store.scan_keys(&start, &end, &mut |key| {
                doomed.push(key.to_vec());
                Ok(ControlFlow::Continue(()))
            })?;
            for keys in doomed.chunks(TURNS_PER_STEP) {
                let mut batch = Batch::new();
                keys.iter().for_each(|key| batch.delete(key.clone()));
                self.store.commit(batch).await?;
            }
        }
        Ok(())
    }
}

/// Deletes the derived records of one turn.
pub(crate) fn delete_derived(
    store: &Store,
    batch: &mut Batch,
    tenant: &TenantId,
    owner: &ConversationId,
    sequence: Sequence,
) -> Result<(), StoreError> {
    batch.delete(keys::at_sequence(tenant, owner, Kind::Derived, sequence));
    batch.delete(keys::at_sequence(tenant, owner, Kind::Events, sequence));
    batch.delete(keys::at_sequence(tenant, owner, Kind::Signals, sequence));
    store.delete_below(batch, &keys::at_sequence(tenant, owner, Kind::Vector, sequence))
}
