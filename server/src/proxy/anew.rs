//! Begins a branch anew where the engine forks no deeper: forked from the very beginning,
//! so it shares no turns and stores the messages of the request. So a client that
//! rewrites every answer is not refused one day.

use throughline_memory::{
    engine::{EngineError, NewFact},
    facts::{Fact, Owner, Statement},
    turn::{ConversationId, Sequence},
};

use super::{
    branch::Branch,
    naming::begun_anew,
    placing::{Placing, fork},
};

impl Placing<'_> {
    /// The branch that was begun anew for what stands on `branch` up to `at`; none as long
    /// as nothing is stored in it.
    pub(super) async fn known_anew(
        &self,
        branch: &Branch,
        at: Sequence,
    ) -> Result<Option<Branch>, EngineError> {
        let found = self.read(&begun_anew(&branch.id, at)).await?;
        Ok(found.filter(|found| !found.marks.is_empty()))
    }

    /// Begins it. It has the application's pins, as every fork has; those of the detector
    /// are drawn from the messages again.
    pub(super) async fn begin_anew(
        &self,
        root: &ConversationId,
        branch: &Branch,
        at: Sequence,
    ) -> Result<ConversationId, EngineError> {
        let id = begun_anew(&branch.id, at);
        fork(self.engine, self.tenant, root, 0, &id).await?;
        let (pins, own) = (self.pins(&branch.id).await?, self.pins(&id).await?);
        // What was pinned before the first turn came with the fork.
        let is_lacking = |fact: &Fact| {
            fact.known_turn <= at
                && fact.owner == Owner::Conversation
                && !fact.origin.is_detector()
                && !own.iter().any(|own| own.kind == fact.kind && own.text == fact.text)
        };
        for fact in pins.into_iter().filter(is_lacking) {
            self.engine.pin_fact(self.tenant, &id, again(fact)).await?;
        }
        Ok(id)
    }

    async fn pins(&self, id: &ConversationId) -> Result<Vec<Fact>, EngineError> {
        let (pins, _, _) = self.engine.list_facts(self.tenant, id, None, usize::MAX, false).await?;
        Ok(pins.into_iter().map(|pinned| pinned.fact).collect())
    }
}

/// A pin as it is pinned again, once however often it is tried. The turn and the facts
/// that it stands on are not those of the new branch.
fn again(fact: Fact) -> NewFact {
    let authority = Some(fact.authority());
    NewFact {
        kind: fact.kind,
        text: fact.text,
        required: fact.required,
        source: None,
        source_span: None,
        request_id: format!("proxy-{}", fact.id),
        says: Statement { authority, depends_on: Vec::new(), ..fact.says },
    }
}
