//! Facts of the user across conversations: which takes the place of which, whoever pinned
//! it and in whatever order they came.
//!
//! Invariants: a fact of another conversation keeps no words of what replaced it, so that
//! an erasure does not have to find them; a caller's fact is not retired by what the
//! detector found; of two facts the later one replaces the earlier, never both each other;
//! asked again it changes nothing, so that a repeated call mends what broke off.

use std::collections::HashSet;

use super::{
    Engine, EngineError, commit::Publish, detected_edges::REPLACES, fact_records::put_fact,
    heads::Cell,
};
use crate::{
    facts::{self, Cause, Fact, FactEdge, Owner, is_replaced},
    staleness::EdgeKind,
    store::Batch,
    turn::{ConversationId, FactId, Sequence, TenantId},
};

/// What facts of a conversation have to do with those of the user's others.
#[derive(Default)]
struct Elsewhere {
    /// Facts of the user there.
    seen: HashSet<FactId>,
    /// What there replaces facts of the conversation.
    replaced: Vec<(FactId, FactEdge)>,
}

impl Engine {
    /// Holds facts of a conversation against the user's facts in the other conversations,
    /// both ways: those that are of the user among `facts` take the place of earlier ones
    /// there, and later ones there take theirs. Of one that was `changed` what it bore on,
    /// or what bore on it, is found anew.
    ///
    /// # Errors
    /// `Store`.
    pub(super) async fn hold_elsewhere(
        &self,
        own: &Cell,
        facts: &[Fact],
        changed: Option<&FactId>,
    ) -> Result<(), EngineError> {
        let Some(head) = own.stored().filter(|head| !head.deleted) else { return Ok(()) };
        let of_user: Vec<&Fact> = facts.iter().filter(|fact| fact.owner == Owner::User).collect();
        if head.user_id.is_empty() || (of_user.is_empty() && changed.is_none()) {
            return Ok(());
        }
        let tenant = &own.tenant;
        let limit = self.limits.conversations_per_user_search as usize;
        let root = self.root_of(tenant, &own.id)?;
        let mut elsewhere = Elsewhere::default();
        for id in self.conversation_ids(tenant, Some(&head.user_id), None, limit)? {
            let cell = self.heads.cell(tenant, &id)?;
            let has_facts = cell.stored().is_some_and(|head| head.facts > 0);
            // What is said on a branch replaces nothing on the others.
            if !has_facts || self.root_of(tenant, &id)? == root {
                continue;
            }
            let mut there = self.read_facts(tenant, &id)?;
            there.retain(|fact| fact.owner == Owner::User);
            if !mended(&there, &of_user, changed, 0).is_empty() {
                self.mend_there(tenant, &id, &of_user, changed).await?;
            }
            for later in there.iter().filter(|fact| !is_replaced(fact)) {
                let found = of_user.iter().filter_map(|fact| {
                    Some((fact.id.clone(), replacing(fact, later, head.last_sequence)?))
                });
                elsewhere.replaced.extend(found);
            }
            elsewhere.seen.extend(there.into_iter().map(|fact| fact.id));
        }
        self.mend_own(own, elsewhere, changed).await
    }

    /// Holds all facts of a conversation against those of the user's others: of a fork or an
    /// import, which bring several at once.
    ///
    /// # Errors
    /// `Store`.
    pub(super) async fn hold_all_elsewhere(&self, own: &Cell) -> Result<(), EngineError> {
        if own.stored().is_none_or(|head| head.facts == 0 || head.user_id.is_empty()) {
            return Ok(());
        }
        self.hold_elsewhere(own, &self.read_facts(&own.tenant, &own.id)?, None).await
    }

    /// Writes what facts do to those of one other conversation.
    async fn mend_there(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        of_user: &[&Fact],
        changed: Option<&FactId>,
    ) -> Result<(), EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        let writer = cell.write().await;
        let Some(head) = cell.stored().filter(|head| !head.deleted) else { return Ok(()) };
        let mut batch = Batch::new();
        for fact in mended(&self.read_facts(tenant, id)?, of_user, changed, head.last_sequence) {
            put_fact(&mut batch, &cell, &fact)?;
        }
        if !batch.is_empty() {
            self.commit(writer, batch, Vec::new(), Publish::Nothing).await?;
            self.windows.forget(tenant, id);
        }
        Ok(())
    }

    /// Writes what facts of other conversations do to those of this one.
    async fn mend_own(
        &self,
        own: &Cell,
        elsewhere: Elsewhere,
        changed: Option<&FactId>,
    ) -> Result<(), EngineError> {
        if elsewhere.replaced.is_empty() && changed.is_none() {
            return Ok(());
        }
        let own = self.heads.cell(&own.tenant, &own.id)?;
        let writer = own.write().await;
        let Some(head) = own.stored().filter(|head| !head.deleted) else { return Ok(()) };
        let mut batch = Batch::new();
        for fact in self.read_facts(&own.tenant, &own.id)? {
            let mut mended = fact.clone();
            if changed == Some(&fact.id) {
                mended.edges.retain(|edge| !is_one_of(&edge.later, &elsewhere.seen));
            }
            for (_, edge) in elsewhere.replaced.iter().filter(|(id, _)| *id == fact.id) {
                let known = mended.edges.iter().any(|known| known.later == edge.later);
                if !known && !fact.has_rejected(&edge.later) {
                    let known_turn = head.last_sequence;
                    mended.edges.push(FactEdge { known_turn, ..edge.clone() });
                }
            }
            if mended != fact {
                put_fact(&mut batch, &own, &mended)?;
            }
        }
        if !batch.is_empty() {
            self.commit(writer, batch, Vec::new(), Publish::Nothing).await?;
            self.windows.forget(&own.tenant, &own.id);
        }
        Ok(())
    }
}

fn is_one_of(cause: &Cause, facts: &HashSet<FactId>) -> bool {
    matches!(cause, Cause::Fact(id) if facts.contains(id))
}

/// The facts of another conversation that have other edges than before, as they are then.
fn mended(
    there: &[Fact],
    of_user: &[&Fact],
    changed: Option<&FactId>,
    known_turn: Sequence,
) -> Vec<Fact> {
    let own = changed.map(|id| Cause::Fact(id.clone()));
    let mend = |fact: &Fact| {
        let mut mended = fact.clone();
        mended.edges.retain(|edge| Some(&edge.later) != own.as_ref());
        if fact.owner == Owner::User && !is_replaced(&mended) {
            let edge = of_user.iter().find_map(|later| replacing(fact, later, known_turn));
            mended.edges.extend(edge);
        }
        // An edge that was drawn anew is the one that was there.
        let is_same = mended.edges.len() == fact.edges.len()
            && mended.edges.iter().all(|edge| fact.edges.iter().any(|old| is_alike(old, edge)));
        (!is_same).then_some(mended)
    };
    there.iter().filter_map(mend).collect()
}

fn is_alike(one: &FactEdge, other: &FactEdge) -> bool {
    (one.kind, &one.later, one.valid_from) == (other.kind, &other.later, other.valid_from)
}

/// The edge with which a later fact of another conversation replaces an earlier one.
fn replacing(earlier: &Fact, later: &Fact, known_turn: Sequence) -> Option<FactEdge> {
    let is_weighty = earlier.origin.is_detector() || !later.origin.is_detector();
    if !is_weighty || later.kind != earlier.kind || order(later) <= order(earlier) {
        return None;
    }
    // Sequences of two conversations say nothing of each other, and an import was made in
    // another order than what it brings.
    let mut later = Fact { source: None, edges: Vec::new(), ..later.clone() };
    later.known_turn = known_turn.max(earlier.known_turn);
    later.created_at = later.created_at.max(earlier.created_at);
    let mut pair = [Fact { source: None, edges: Vec::new(), ..earlier.clone() }];
    facts::draw(&mut later, &mut pair);
    let own = Cause::Fact(later.id.clone());
    let [drawn] = pair;
    let mut edge = drawn.edges.into_iter().find(|edge| {
        edge.later == own && edge.kind == EdgeKind::Supersedes && edge.confidence >= REPLACES
    })?;
    edge.known_turn = known_turn;
    edge.forget_later();
    Some(edge)
}

/// When the turn of a pin was taken in, or the caller pinned it: the milliseconds that its
/// id, a UUIDv7, begins with, as they are spelt. Of two of one millisecond the id decides.
fn order(fact: &Fact) -> (&str, &FactId) {
    const SPELT: usize = 13;
    let id = fact.id.as_str();
    (id.get(..SPELT).unwrap_or(id), &fact.id)
}
