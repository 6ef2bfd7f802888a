//! Turns held against the facts that are pinned: as they are scored, and those
//! that were there when a fact is pinned.
//!
//! Invariants: a turn is held against the facts before "scored" is told of it;
//! facts are changed under the writer's right of their conversation; the same
//! turns and facts give the same edges however often they are compared.

use std::{
    cell::{Cell, LazyCell},
    collections::BTreeSet,
    sync::Arc,
};

use super::{
    Engine, EngineError,
    commit::Publish,
    detected_edges,
    fact_edges::turn_of,
    fact_records::put_fact,
    said::{Said, SaidTurns},
};
use crate::{
    facts::{self, Cause, Claim, Fact, Heard, Held},
    store::Batch,
    turn::{ConversationId, Sequence, TenantId},
};

/// Turns that a fact is held against when it is pinned or drawn again, the
/// newest.
const TURNS_HEARD: u64 = 256;
/// Facts that one turn is held against, those with the most words in common.
const MAX_HELD: usize = 64;

impl Engine {
    /// Holds turns that were just embedded against the facts of their
    /// conversation.
    ///
    /// # Errors
    /// `Store`.
    #[tracing::instrument(level = "debug", skip_all)]
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
        let turns = SaidTurns::new(self, &cell, &head);
        let mut heard = turns.range(from, until)?;
        heard.retain(|said| said.heard.states());
        if heard.is_empty() {
            return Ok(());
        }
        let mut facts = self.read_facts(tenant, id)?;
        let mut changed = vec![false; facts.len()];
        let mut claims: Vec<Option<Claim>> = facts.iter().map(|_| None).collect();
        for said in heard {
            for at in nearest(&facts, &said.heard) {
                let (Some(fact), Some(changed), Some(claim)) =
                    (facts.get(at), changed.get_mut(at), claims.get_mut(at))
                else {
                    continue;
                };
                let mut fact = fact.clone();
                let claim = claim.get_or_insert_with(|| Claim::of(&fact));
                if self.hear(&turns, (&mut fact, claim), &facts, &said)? {
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

    /// Holds a fact against the turns behind those that told it, up to a last one: the
    /// newest, and those of `before` ([`bore_on`]), however far back they are.
    pub(super) fn hear_all(
        &self,
        turns: &SaidTurns<'_>,
        last: Sequence,
        (fact, before): (&mut Fact, &BTreeSet<Sequence>),
        others: &[Fact],
    ) -> Result<(), EngineError> {
        let first = fact.told().unwrap_or(fact.known_turn).saturating_add(1);
        let from = first.max(last.saturating_sub(TURNS_HEARD) + 1);
        let claim = Claim::of(fact);
        for sequence in before.range(first..from).copied().chain(from..=last) {
            let Some(said) = turns.get(sequence)? else { continue };
            if sequence < from || shares(&fact.sketch, said.heard.sketch()) > 0 {
                self.hear(turns, (fact, &claim), others, &said)?;
            }
        }
        Ok(())
    }

    /// Holds facts once more against the turns that bore on them, up to a last one, and
    /// leaves the later ones in `before`: what is drawn next finds the facts as they stood
    /// then.
    fn hear_before(
        &self,
        turns: &SaidTurns<'_>,
        last: Sequence,
        drawn: &mut [Fact],
        before: &mut [BTreeSet<Sequence>],
    ) -> Result<(), EngineError> {
        for (at, before) in before.iter_mut().enumerate() {
            let later = before.split_off(&last.saturating_add(1));
            let heard = std::mem::replace(before, later);
            let Some(mut fact) = drawn.get(at).filter(|_| !heard.is_empty()).cloned() else {
                continue;
            };
            let claim = Claim::of(&fact);
            let first = fact.told().unwrap_or(fact.known_turn).saturating_add(1);
            for sequence in heard.range(first..) {
                if let Some(said) = turns.get(*sequence)? {
                    self.hear(turns, (&mut fact, &claim), drawn, &said)?;
                }
            }
            if let Some(place) = drawn.get_mut(at) {
                *place = fact;
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
        let turns = SaidTurns::new(self, &cell, &head);
        let mut drawn: Vec<Fact> = Vec::new();
        // Of each the turns that are to be heard again, of which some are far back.
        let mut before: Vec<BTreeSet<Sequence>> = Vec::new();
        for mut fact in self.read_facts(tenant, id)? {
            self.hear_before(&turns, fact.known_turn, &mut drawn, &mut before)?;
            let bore_on = bore_on(&fact);
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
            self.link_turns(&turns, (&mut fact, &bore_on), until)?;
            if fact.origin.is_detector() {
                detected_edges::draw_among(&mut fact, &mut drawn);
            } else {
                let changed = facts::draw(&mut fact, &mut drawn);
                self.relink(&turns, &mut drawn, &changed)?;
            }
            drawn.push(fact);
            before.push(bore_on);
        }
        for (at, before) in before.iter().enumerate() {
            let Some(mut fact) = drawn.get(at).cloned() else { continue };
            self.hear_all(&turns, head.last_sequence, (&mut fact, before), &drawn)?;
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
        turns: &SaidTurns<'_>,
        (fact, claim): (&mut Fact, &Claim),
        others: &[Fact],
        said: &Said,
    ) -> Result<bool, EngineError> {
        let mut changed = false;
        let known = fact.turns.iter().any(|link| link.turn == said.heard.sequence);
        let outdated = facts::link_outdated(claim, &said.heard);
        let outdated = outdated.filter(|_| !known && !fact.origin.is_detector());
        if let Some(links) = outdated {
            fact.turns.extend(links);
            changed = true;
        } else if !known && let Some(link) = facts::again(claim, &said.heard) {
            fact.turns.push(link);
            changed = true;
        }
        while fact.turns.len() > facts::MAX_LINKS {
            // The source and the newest tell the most.
            let source = fact.source;
            let old = fact.turns.iter().position(|link| Some(link.turn) != source);
            fact.turns.remove(old.unwrap_or(0));
        }
        let failed = Cell::new(None);
        let told = LazyCell::new(|| {
            let read = facts::told_in(fact).into_iter().map(|sequence| turns.get(sequence));
            let read = read.collect::<Result<Vec<_>, _>>().unwrap_or_else(|error| {
                failed.set(Some(error));
                Vec::new()
            });
            read.into_iter().flatten().map(|said| Arc::clone(&said.heard)).collect()
        });
        let own = Cause::Fact(fact.id.clone());
        let replaced = others.iter().filter(|other| other.edges.iter().any(|e| e.later == own));
        let replaced: Vec<Claim> = replaced.map(Claim::of).collect();
        let held = Held { fact, claim, told: &told, replaced: &replaced };
        let news = facts::news(held, &said.heard, said.turn.said_at, (self.clock)());
        if let Some(error) = failed.take() {
            return Err(error);
        }
        if let Some(edge) = news {
            changed |= facts::push_news(fact, edge);
        }
        Ok(changed)
    }
}

/// The turns that bear on a fact or that it is linked with: to be looked at again when
/// its edges are drawn anew.
pub(super) fn bore_on(fact: &Fact) -> BTreeSet<Sequence> {
    let edges = fact.edges.iter().filter_map(|edge| turn_of(&edge.later));
    edges.chain(fact.turns.iter().map(|link| link.turn)).collect()
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
