//! Begins a branch anew where the engine forks no deeper: forked from the very beginning,
//! so it shares no turns and stores the messages of the request. So a client that
//! rewrites every answer is not refused one day. Another answer to a stored question has
//! no such messages at hand: there the turns are copied.

use throughline_memory::{
    engine::{Engine, EngineError, ListTurns, NewFact},
    facts::{Fact, Owner, Statement},
    turn::{ConversationId, Sequence, TenantId, Turn},
};

use super::{
    branch::Branch,
    naming::begun_anew,
    placing::{Placing, fork},
};

/// Turns that are copied at a time, far below the usual limit of an append.
const COPIED_TURNS: usize = 100;
/// Their bytes.
const COPIED_BYTES: usize = 4 << 20;

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

    /// Begins it.
    pub(super) async fn begin_anew(
        &self,
        root: &ConversationId,
        branch: &Branch,
        at: Sequence,
    ) -> Result<ConversationId, EngineError> {
        let id = begun_anew(&branch.id, at);
        let anew = Anew { engine: self.engine, tenant: self.tenant, root };
        anew.begin(&branch.id, at, &id).await?;
        Ok(id)
    }
}

/// Branches of a conversation that share no turns.
pub(super) struct Anew<'a> {
    pub(super) engine: &'a Engine,
    pub(super) tenant: &'a TenantId,
    /// The conversation that the caller named.
    pub(super) root: &'a ConversationId,
}

impl Anew<'_> {
    /// Begins `id` without a turn. It has the application's pins of `parent` up to `at`, as
    /// every fork has; those of the detector are drawn from the messages again.
    async fn begin(
        &self,
        parent: &ConversationId,
        at: Sequence,
        id: &ConversationId,
    ) -> Result<(), EngineError> {
        fork(self.engine, self.tenant, self.root, 0, id).await?;
        let (pins, own) = (self.pins(parent).await?, self.pins(id).await?);
        let has_user = !self.engine.get_conversation(self.tenant, id).await?.user_id.is_empty();
        // What was pinned before the first turn came with the fork.
        let is_lacking = |fact: &Fact| {
            // A copy has no source, and one of the user would outlive a forgotten turn in all
            // of their windows.
            let is_bound = fact.owner == Owner::User && fact.source.is_some();
            fact.known_turn <= at
                && !fact.origin.is_detector()
                && !is_bound
                && !own.iter().any(|own| own.kind == fact.kind && own.text == fact.text)
        };
        for fact in pins.into_iter().filter(is_lacking) {
            self.engine.pin_fact(self.tenant, id, again(fact, has_user)).await?;
        }
        Ok(())
    }

    /// Makes `id` hold what `parent` does up to `at`, under the same sequences; forgotten
    /// turns stay so. One that was broken off goes on where it was.
    pub(super) async fn copy(
        &self,
        parent: &ConversationId,
        at: Sequence,
        id: &ConversationId,
    ) -> Result<(), EngineError> {
        self.begin(parent, at, id).await?;
        let most = self.engine.limits().turns_per_append;
        let limit = usize::try_from(most).unwrap_or(usize::MAX).min(COPIED_TURNS);
        loop {
            let last = self.engine.get_conversation(self.tenant, id).await?.last_sequence;
            let which =
                ListTurns { from: last + 1, descending: false, limit, max_bytes: COPIED_BYTES };
            let page = self.engine.list_turns(self.tenant, parent, which).await?;
            let shared = page.turns.iter().filter(|turn| turn.sequence <= at);
            let turns: Vec<Turn> = shared.map(|turn| Turn::clone(turn)).collect();
            if turns.is_empty() {
                return Ok(());
            }
            self.engine.import_turns(self.tenant, id, turns).await?;
        }
    }

    async fn pins(&self, id: &ConversationId) -> Result<Vec<Fact>, EngineError> {
        let (pins, _, _) = self.engine.list_facts(self.tenant, id, None, usize::MAX, false).await?;
        Ok(pins.into_iter().map(|pinned| pinned.fact).collect())
    }
}

/// A pin as it is pinned again, once however often it is tried. The turn and the facts
/// that it stands on are not those of the new branch.
fn again(fact: Fact, has_user: bool) -> NewFact {
    let authority = Some(fact.authority());
    NewFact {
        kind: fact.kind,
        text: fact.text,
        required: fact.required,
        source: None,
        source_span: None,
        request_id: format!("proxy-{}", fact.id),
        says: Statement { authority, depends_on: Vec::new(), ..fact.says },
        owner: if has_user { fact.owner } else { Owner::Conversation },
    }
}
