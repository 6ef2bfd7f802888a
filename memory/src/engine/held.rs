//! What summaries may still tell: turns that neither a later turn nor a fact has
//! replaced, as of a turn. Both are read once for all the sentences of an answer.

use std::sync::Arc;

use super::{Engine, EngineError, ledger::Covered, scopes::Scope, standing::StandingFacts};
use crate::{
    index::Branch,
    summary::outline::Standing,
    turn::{ConversationId, Sequence, TenantId},
};

/// See the module.
pub(super) struct Held {
    timeline: Covered,
    facts: Arc<StandingFacts>,
    as_of: Sequence,
}

impl Engine {
    /// What was known of a scope's turns after one of them.
    pub(super) fn held(&self, scope: &Scope, as_of: Sequence) -> Result<Held, EngineError> {
        let timeline = self.ledger(scope)?.covering(&self.store, self.scored(scope)?)?;
        let Branch { tenant, conversation, .. } = &scope.branch;
        let facts = self.facts_as_of(tenant, conversation, as_of)?;
        Ok(Held { timeline, facts, as_of })
    }

    /// A fact may have replaced what summaries of a conversation tell.
    pub(super) fn may_fold_again(&self, tenant: &TenantId, id: &ConversationId) {
        if let Some(folds) = &self.folds {
            folds.push(tenant, id);
        }
    }
}

impl Standing for Held {
    fn replaced_with(&self, sequence: Sequence) -> Option<Sequence> {
        // What holds of a turn that was replaced partly may be told.
        let mark = self.facts.turn_marks().get(&sequence).filter(|mark| !mark.partly);
        // A fact is pinned and changed between turns, also long after those that it is
        // about; none of the summaries that it concerns can have known of it.
        let by_fact = mark.map(|_| Sequence::MAX);
        let by_turn = self.timeline.replaced_by(sequence, self.as_of).map(|(later, _)| later);
        by_fact.or(by_turn)
    }
}
