//! Filling an index that is another one, or that lost what it had: from the turns
//! and vectors in the store. Nothing is embedded again.

use std::{collections::HashSet, sync::Arc};

use super::{Deriver, derive::TURNS_PER_STEP};
use crate::{
    engine::{EngineError, source::StoreTurnSource},
    index::{Branch, Segment, TurnSource as _},
    store::keys,
    turn::{ConversationId, Sequence, TenantId},
};

impl Deriver {
    /// Gives the index turns again, as they are in the store. Those that are not
    /// embedded yet come with their own entries.
    pub(super) async fn index_again(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        from: Sequence,
        until: Sequence,
    ) -> Result<(), EngineError> {
        let source = StoreTurnSource::new(Arc::clone(&self.store), self.embed.version());
        let head_key = keys::head(tenant, owner);
        let mut next = from;
        while next <= until {
            let last = until.min(next + TURNS_PER_STEP as u64 - 1);
            let _order = self.order.lock(&head_key).await;
            let Some(head) = self.head(&head_key)? else { break };
            let segment = Segment { conversation: owner.clone(), from: next, until: last };
            let own = Branch {
                tenant: tenant.clone(),
                conversation: owner.clone(),
                segments: vec![segment],
            };
            let turns = source.load(&own)?;
            let known: HashSet<Sequence> = turns.iter().map(|turn| turn.sequence).collect();
            // What its place was told before, and was forgotten meanwhile.
            let gone: Vec<Sequence> = (next..=last).filter(|s| !known.contains(s)).collect();
            if !gone.is_empty() {
                self.index.remove_turns(tenant, owner, &gone).await?;
            }
            if !turns.is_empty() {
                self.index.upsert(tenant, owner, &head.user_id, turns).await?;
            }
            next = last + 1;
        }
        Ok(())
    }
}
