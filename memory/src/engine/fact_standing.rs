//! How the facts of a conversation stand: listed, as of a turn, and put right
//! by the caller where an edge is wrong.

use std::sync::Arc;

use super::{
    Engine, EngineError, PinnedFact, StandingFacts,
    detected_edges::draw_among,
    fact_records::put_fact,
    facts::{fact_not_found, take_fact},
    heads::Cell,
    pin_lines::PinLines,
    records::Head,
};
use crate::{
    facts::{self, AsOf, Cause, Fact, Standing},
    staleness::EdgeKind,
    store::Batch,
    turn::{ConversationId, FactId, Sequence, TenantId},
};

impl Engine {
    /// Lists pins, oldest first, those that hold no more or are displaced only if
    /// asked for;
    /// `after` is the last id of the page before. Returns whether more follow,
    /// and the conversation's revision.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub async fn list_facts(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        after: Option<&FactId>,
        limit: usize,
        include_retired: bool,
    ) -> Result<(Vec<PinnedFact>, bool, u64), EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        let head = cell.head()?;
        let all = self.standing_facts(&cell, &head, Sequence::MAX)?;
        let listed = all.iter().filter(|pinned| {
            after.is_none_or(|after| pinned.fact.id > *after)
                && (include_retired
                    || pinned.standing.retired.is_none() && !pinned.standing.displaced)
        });
        let mut facts: Vec<PinnedFact> = listed.cloned().collect();
        let more = facts.len() > limit;
        facts.truncate(limit);
        let yielded = self.yielded.of(tenant, id);
        for pinned in &mut facts {
            pinned.yielded = yielded.contains(&pinned.fact.id);
        }
        Ok((facts, more, head.revision))
    }

    /// Takes a wrong edge back, of which at least one end is a fact; the two are not
    /// joined again. Returns the conversation's revision.
    ///
    /// # Errors
    /// `Invalid` for two turns; `NotFound`, also where the edge that is drawn between
    /// the two is of another kind than the one that is named; `Store`.
    pub async fn reject_fact_edge(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        (earlier, later): (&Cause, &Cause),
        kind: Option<EdgeKind>,
    ) -> Result<u64, EngineError> {
        let (keeper, cause) = match (earlier, later) {
            (Cause::Fact(earlier), later) => (earlier, later),
            (earlier @ Cause::Turn(_), Cause::Fact(later)) => (later, earlier),
            (Cause::Turn(_), Cause::Turn(_)) => {
                return Err(EngineError::invalid("later", "is an edge between two turns"));
            }
        };
        let cell = self.heads.cell(tenant, id)?;
        cell.head()?;
        let writer = cell.write().await;
        let head = cell.head()?;
        let mut others = self.read_facts(tenant, id)?;
        let mut fact = take_fact(&mut others, keeper)?;
        let known = match cause {
            Cause::Turn(sequence) => (1..=head.last_sequence).contains(sequence),
            Cause::Fact(other) => {
                others.iter().any(|fact| fact.id == *other)
                    || fact.edges.iter().any(|edge| edge.later == *cause)
            }
        };
        if !known {
            return Err(match cause {
                Cause::Turn(sequence) => {
                    EngineError::NotFound { kind: "turn", id: sequence.to_string() }
                }
                Cause::Fact(other) => fact_not_found(other),
            });
        }
        if fact.has_rejected(cause) {
            return Ok(head.revision);
        }
        let drawn: Vec<EdgeKind> = match earlier {
            Cause::Fact(_) => {
                let edges = fact.edges.iter().filter(|edge| edge.later == *cause);
                edges.map(|edge| edge.kind).collect()
            }
            // A fact replaces what a turn says, or has nothing to do with it.
            Cause::Turn(_) => vec![EdgeKind::Supersedes],
        };
        if kind.is_some_and(|kind| !drawn.is_empty() && !drawn.contains(&kind)) {
            let id = format!("of conversations/{id} from {later} to {earlier}");
            return Err(EngineError::NotFound { kind: "edge", id });
        }
        fact.rejected.push(cause.clone());
        let before = others.clone();
        // Another later fact may be what really took its place.
        if fact.origin.is_detector() {
            draw_among(&mut fact, &mut others);
        } else {
            facts::draw(&mut fact, &mut others);
        }
        let mut batch = Batch::new();
        for (other, _) in others.iter().zip(&before).filter(|(other, before)| other != before) {
            put_fact(&mut batch, &cell, other)?;
        }
        put_fact(&mut batch, &cell, &fact)?;
        let next = self.touched(&head);
        let revision = next.revision;
        self.commit_head(writer, next, batch, None).await?;
        // What was replaced may hold again.
        self.may_lack_lines(tenant, id);
        Ok(revision)
    }

    /// One of the facts of a conversation, as it stands now.
    pub(super) fn one_of(
        &self,
        cell: &Cell,
        head: &Head,
        facts: Vec<Fact>,
        id: &FactId,
    ) -> Result<PinnedFact, EngineError> {
        let all = self.stand(cell, head, facts, Sequence::MAX)?;
        all.into_iter().find(|pinned| pinned.fact.id == *id).ok_or_else(|| fact_not_found(id))
    }

    /// The facts that were known after a turn, read and put into their standing.
    pub(super) fn read_standing(
        &self,
        cell: &Cell,
        head: &Head,
        as_of: Sequence,
    ) -> Result<Vec<PinnedFact>, EngineError> {
        self.stand(cell, head, self.read_facts(&cell.tenant, &cell.id)?, as_of)
    }

    /// How facts of a conversation stood after a turn, those that were known by then.
    pub(super) fn stand(
        &self,
        cell: &Cell,
        head: &Head,
        facts: Vec<Fact>,
        as_of: Sequence,
    ) -> Result<Vec<PinnedFact>, EngineError> {
        let clock = self.clock_at(cell, head, as_of)?;
        let turns = self.turn_edges(cell, head, &facts, as_of)?;
        let mut standing = facts::standing(&facts, &AsOf { turn: as_of, clock, turns: &turns });
        self.displace(&facts, &mut standing, as_of);
        let lines = if facts.is_empty() {
            PinLines::default()
        } else {
            self.read_pin_lines(&cell.tenant, &cell.id)?
        };
        let known = facts.into_iter().zip(standing);
        let pinned = |(fact, standing): (Fact, Option<Standing>)| {
            let standing = standing?;
            let kept = lines.of(&fact).filter(|_| standing.retired.is_none());
            let line = kept.and_then(|kept| kept.line.clone());
            let rejected_lines = kept.map(|kept| kept.rejected.clone()).unwrap_or_default();
            Some(PinnedFact { fact, standing, yielded: false, line, rejected_lines })
        };
        Ok(known.filter_map(pinned).collect())
    }

    /// The facts that were known after a turn, as they stood then, oldest first.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub fn facts_as_of(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        as_of: Sequence,
    ) -> Result<Arc<StandingFacts>, EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        let head = cell.head()?;
        self.standing_facts(&cell, &head, as_of)
    }

    /// Marks the pins of the detector that are not live; all of them where there
    /// is none.
    fn displace(&self, facts: &[Fact], standing: &mut [Option<Standing>], as_of: Sequence) {
        let known: Vec<&Fact> = facts.iter().collect();
        let holds = |one: &Option<Standing>| one.as_ref().is_some_and(|s| s.retired.is_none());
        let holds: Vec<bool> = standing.iter().map(holds).collect();
        let live = facts::detect::live(&known, &holds, as_of, self.pins.live);
        let off = self.pins.detector.is_none();
        for ((standing, live), fact) in standing.iter_mut().zip(live).zip(facts) {
            if let Some(standing) = standing {
                let drawn = fact.origin.is_detector();
                standing.displaced = drawn && standing.retired.is_none() && (off || !live);
            }
        }
    }
}
