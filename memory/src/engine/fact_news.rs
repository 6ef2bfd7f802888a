//! Turns held against the facts that are pinned: as they are scored, and those
//! that were there when a fact is pinned.
//!
//! Invariants: a turn is held against the facts before "scored" is told of it;
//! facts are changed under the writer's right of their conversation; the same
//! turns and facts give the same edges however often they are compared.

use super::{
    Engine, EngineError, commit::Publish, detected_edges, fact_records::put_fact, heads::Cell,
    records::Head, turns::scan_turns,
};
use crate::{
    facts::{self, Cause, Claim, Fact, Heard, Held},
    store::{Batch, Direction},
    turn::{ConversationId, Sequence, TenantId, Turn},
};

/// Turns that a fact is held against when it is pinned or drawn again, the
/// newest.
const TURNS_HEARD: u64 = 256;
/// Facts that one turn is held against, those with the most words in common.
const MAX_HELD: usize = 64;

/// A turn that was read, with what it says.
struct Said {
    turn: Turn,
    heard: Heard,
}

impl Engine {
    /// Holds turns that were just embedded against the facts of their
    /// conversation.
    ///
    /// # Errors
    /// `Store`.
    pub(crate) async fn hear_turns(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        from: Sequence,
        until: Sequence,
    ) -> Result<(), EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        // Who pins the first fact meanwhile holds it against these turns.
        if cell.stored().is_none_or(|head| head.facts == 0) {
            return Ok(());
        }
        let writer = cell.write().await;
        let Some(head) = cell.stored().filter(|head| head.facts > 0) else { return Ok(()) };
        let mut facts = self.read_facts(tenant, id)?;
        let mut changed = vec![false; facts.len()];
        for said in self.said(&cell, &head, from, until)? {
            for at in nearest(&facts, &said.heard) {
                let (Some(fact), Some(changed)) = (facts.get(at), changed.get_mut(at)) else {
                    continue;
                };
                let mut fact = fact.clone();
                if self.hear(&cell, &head, &mut fact, &facts, &said)? {
                    *changed = true;
                    if let Some(place) = facts.get_mut(at) {
                        *place = fact;
                    }
                }
            }
        }
        let mut batch = Batch::new();
        for (fact, _) in facts.iter().zip(&changed).filter(|(_, changed)| **changed) {
            put_fact(&mut batch, &cell, fact)?;
        }
        if !batch.is_empty() {
            self.commit(writer, batch, Vec::new(), Publish::Nothing).await?;
            self.windows.forget(tenant, id);
        }
        Ok(())
    }

    /// Holds a fact against the turns behind those that told it.
    pub(super) fn hear_all(
        &self,
        cell: &Cell,
        head: &Head,
        fact: &mut Fact,
        others: &[Fact],
    ) -> Result<(), EngineError> {
        let last = head.last_sequence;
        let told = fact.told().unwrap_or(fact.known_turn);
        let from = (told + 1).max(last.saturating_sub(TURNS_HEARD) + 1);
        for said in self.said(cell, head, from, last)? {
            if shares(&fact.sketch, said.heard.sketch()) > 0 {
                self.hear(cell, head, fact, others, &said)?;
            }
        }
        Ok(())
    }

    /// Draws the edges of every fact of a conversation again, by the rules of
    /// this version. Rejections, and what turns or facts that are gone did,
    /// stay.
    ///
    /// # Errors
    /// `Store`.
    pub(crate) async fn redraw_facts(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<(), EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        let writer = cell.write().await;
        let Some(head) = cell.stored().filter(|head| head.facts > 0) else { return Ok(()) };
        let mut drawn: Vec<Fact> = Vec::new();
        for mut fact in self.read_facts(tenant, id)? {
            let mut kept = Vec::new();
            for edge in std::mem::take(&mut fact.edges) {
                let again = match &edge.later {
                    Cause::Fact(_) => false,
                    Cause::Turn(turn) => {
                        edge.reason != facts::AS_EXPORTED
                            && self
                                .read_turn(&cell.branch(&head), *turn)?
                                .is_some_and(|t| !t.forgotten)
                    }
                };
                kept.extend((!again).then_some(edge));
            }
            fact.edges = kept;
            fact.turns.clear();
            fact.sketch.clear();
            let until = fact.known_turn;
            self.link_turns(&cell, &head, &mut fact, until)?;
            if fact.origin.is_detector() {
                detected_edges::draw_among(&mut fact, &mut drawn);
            } else {
                let changed = facts::draw(&mut fact, &mut drawn);
                self.relink(&cell, &head, &mut drawn, &changed)?;
            }
            drawn.push(fact);
        }
        for at in 0..drawn.len() {
            let Some(mut fact) = drawn.get(at).cloned() else { continue };
            self.hear_all(&cell, &head, &mut fact, &drawn)?;
            if let Some(place) = drawn.get_mut(at) {
                *place = fact;
            }
        }
        let mut batch = Batch::new();
        for fact in &drawn {
            put_fact(&mut batch, &cell, fact)?;
        }
        self.commit(writer, batch, Vec::new(), Publish::Nothing).await?;
        self.windows.forget(tenant, id);
        Ok(())
    }

    /// Holds one fact against one turn; whether it changed.
    fn hear(
        &self,
        cell: &Cell,
        head: &Head,
        fact: &mut Fact,
        others: &[Fact],
        said: &Said,
    ) -> Result<bool, EngineError> {
        let claim = Claim::of(fact);
        let mut changed = false;
        let known = fact.turns.iter().any(|link| link.turn == said.heard.sequence);
        let outdated = facts::link_outdated(&claim, &said.heard);
        let outdated = outdated.filter(|_| !known && !fact.origin.is_detector());
        if let Some(links) = outdated {
            fact.turns.extend(links);
            changed = true;
        } else if !known && let Some(link) = facts::again(&claim, &said.heard) {
            fact.turns.push(link);
            changed = true;
        }
        while fact.turns.len() > facts::MAX_LINKS {
            // The source and the newest tell the most.
            let source = fact.source;
            let old = fact.turns.iter().position(|link| Some(link.turn) != source);
            fact.turns.remove(old.unwrap_or(0));
        }
        let mut told = Vec::new();
        for sequence in facts::told_in(fact) {
            let turn = self.read_turn(&cell.branch(head), sequence)?;
            told.extend(turn.filter(|turn| !turn.forgotten).map(|turn| read(&turn)));
        }
        let own = Cause::Fact(fact.id.clone());
        let replaced = others.iter().filter(|other| other.edges.iter().any(|e| e.later == own));
        let replaced: Vec<Claim> = replaced.map(Claim::of).collect();
        let held = Held { fact, claim: &claim, told: &told, replaced: &replaced };
        let news = facts::news(held, &said.heard, said.turn.said_at, (self.clock)());
        if let Some(edge) = news {
            changed |= facts::push_news(fact, edge);
        }
        Ok(changed)
    }

    /// The turns of a range that were not forgotten, read.
    fn said(
        &self,
        cell: &Cell,
        head: &Head,
        from: Sequence,
        until: Sequence,
    ) -> Result<Vec<Said>, EngineError> {
        let mut all = Vec::new();
        if from > until {
            return Ok(all);
        }
        let branch = cell.branch(head);
        scan_turns(&self.store, &branch, from, until, Direction::Forward, &mut |turn| {
            if !turn.forgotten {
                let heard = read(&turn);
                all.push(Said { turn, heard });
            }
            std::ops::ControlFlow::Continue(())
        })?;
        Ok(all)
    }
}

fn read(turn: &Turn) -> Heard {
    Heard::of(turn.sequence, turn.role, &turn.searchable_text())
}

/// Positions of the facts that a turn may be about, in order.
fn nearest(facts: &[Fact], heard: &Heard) -> Vec<usize> {
    let mut shared: Vec<(usize, usize)> = facts
        .iter()
        .enumerate()
        .map(|(at, fact)| (shares(&fact.sketch, heard.sketch()), at))
        .filter(|(shared, _)| *shared > 0)
        .collect();
    shared.sort_unstable_by(|a, b| b.cmp(a));
    shared.truncate(MAX_HELD);
    let mut near: Vec<usize> = shared.into_iter().map(|(_, at)| at).collect();
    near.sort_unstable();
    near
}

/// Hashes in both of two sorted lists.
fn shares(sketch: &[u32], other: &[u32]) -> usize {
    sketch.iter().filter(|hash| other.binary_search(hash).is_ok()).count()
}
