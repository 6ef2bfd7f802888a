//! Pins of the user: what was found or pinned in one conversation and stands in the
//! windows of all others of the same user. And which pins the newest window of a
//! conversation had no room for.
//!
//! Invariants: only facts of their user stand in another conversation; what a
//! window says already is not said again; as of a turn, other conversations are
//! as they were when it was said.

use std::{collections::HashSet, sync::Arc};

use super::{
    Engine, EngineError, Shortfall,
    pins::{pin_of, with_line},
    scopes::Scope,
    standing::StandingFacts,
};
use crate::{
    context::{Pin, Window, Yielded},
    facts::{
        Fact, Origin, Owner,
        detect::{Words, use_of},
    },
    turn::{ConversationId, FactId, Sequence, TenantId},
};

/// Use of what the caller pinned: more than a detector's, which is a probability and what
/// repetitions add.
const OF_CALLER: f32 = 2.0;
/// Conversations whose last window is remembered.
const CACHED_WINDOWS: u64 = 16_384;

/// What the newest window of each conversation had no room for. In memory: known
/// again with the next window.
pub(super) struct YieldedPins {
    recent: moka::sync::Cache<(TenantId, ConversationId), Arc<HashSet<FactId>>>,
}

impl Default for YieldedPins {
    fn default() -> Self {
        Self { recent: moka::sync::Cache::new(CACHED_WINDOWS) }
    }
}

impl YieldedPins {
    /// Notes what the newest window of a conversation has no room for.
    fn note(&self, own: &Scope, left: &[&Pin]) {
        let of = (own.branch.tenant.clone(), own.branch.conversation.clone());
        self.recent.insert(of, Arc::new(left.iter().map(|pin| pin.fact.id.clone()).collect()));
    }

    /// Whether the newest window of a conversation had no room for a pin.
    pub(super) fn of(&self, tenant: &TenantId, id: &ConversationId) -> Arc<HashSet<FactId>> {
        self.recent.get(&(tenant.clone(), id.clone())).unwrap_or_default()
    }
}

impl Engine {
    /// What a window had to do without, beside what searching had. `now`: it is
    /// not one of the past.
    pub(super) fn left_out(
        &self,
        own: &Scope,
        pins: &[Pin],
        window: &Window,
        now: bool,
    ) -> Vec<Shortfall> {
        let held: HashSet<&FactId> =
            window.items.iter().filter_map(|item| item.fact.as_ref()).collect();
        let left: Vec<&Pin> = pins.iter().filter(|pin| !held.contains(&pin.fact.id)).collect();
        if now {
            self.yielded.note(own, &left);
        }
        let name = |pin: &&Pin| {
            let of = pin.conversation.as_ref().unwrap_or(&own.branch.conversation);
            (of.clone(), pin.fact.id.clone())
        };
        let shortfall = |yielded: &Yielded| match yielded {
            // What yielded may be displaced, and only a question brought it.
            Yielded::Pins(_) if left.is_empty() => None,
            Yielded::Pins(_) => Some(Shortfall::PinsYielded(left.iter().map(name).collect())),
            Yielded::QueryTurn(tokens) => Some(Shortfall::QueryTurnTooLarge(u64::from(*tokens))),
        };
        window.yielded.iter().filter_map(shortfall).collect()
    }

    /// The user's other conversations that have facts.
    fn others_with_facts(&self, own: &Scope) -> Result<Vec<Scope>, EngineError> {
        let user_id = &own.head.user_id;
        if user_id.is_empty() {
            return Ok(Vec::new());
        }
        let tenant = &own.branch.tenant;
        let limit = self.limits.conversations_per_user_search as usize;
        let root = self.root_of(tenant, &own.branch.conversation)?;
        let mut others = Vec::new();
        for id in self.conversation_ids(tenant, Some(user_id), None, limit)? {
            let has_facts = self.heads.cell(tenant, &id)?.stored().is_some_and(|h| h.facts > 0);
            // What is pinned on another branch is not said on this one.
            if has_facts && self.root_of(tenant, &id)? != root {
                others.extend(self.scope(tenant, &id).ok());
            }
        }
        Ok(others)
    }

    /// Changes whenever pins of the user in other conversations may have: FNV-1a
    /// of their last writes and of how far they are scored.
    pub(super) fn user_pins_version(&self, own: &Scope) -> Result<u64, EngineError> {
        let mut version = 0xcbf2_9ce4_8422_2325_u64;
        for other in self.others_with_facts(own)? {
            let cell = self.heads.cell(&other.branch.tenant, &other.branch.conversation)?;
            for part in [cell.last_write(), self.indexed_sequence(&cell, &other.head)] {
                version = (version ^ part).wrapping_mul(0x0100_0000_01b3);
            }
        }
        Ok(version)
    }

    /// Pins of the user from other conversations, those that are required and the most
    /// useful others, without those that are `said` by facts of `own` already.
    pub(super) fn user_pins(
        &self,
        own: &Scope,
        as_of: Option<Sequence>,
        own_facts: &StandingFacts,
        said: &[Pin],
    ) -> Result<Vec<Pin>, EngineError> {
        let others = self.others_with_facts(own)?;
        if others.is_empty() {
            return Ok(Vec::new());
        }
        let others =
            self.said_by_then(others.into_iter(), std::slice::from_ref(own), as_of.unwrap_or(0))?;
        // With what each pin's words were read from.
        let mut found: Vec<(f32, Pin, Arc<StandingFacts>)> = Vec::new();
        for other in &others {
            let cell = self.heads.cell(&other.branch.tenant, &other.branch.conversation)?;
            let last = other.head.last_sequence;
            let turns = other.catalog.covering(&self.store, last, &*self.counter)?;
            let then = if as_of.is_some() { other.head.last_sequence } else { Sequence::MAX };
            let standing_facts = self.standing_facts(&cell, &other.head, then)?;
            for pinned in standing_facts.iter() {
                let standing = &pinned.standing;
                let holds = standing.retired.is_none() && !standing.displaced;
                if pinned.fact.owner != Owner::User || !holds {
                    continue;
                }
                let used = match pinned.fact.origin {
                    Origin::Caller => OF_CALLER,
                    Origin::Detector { probability, .. } => use_of(&pinned.fact, probability, then),
                };
                if let Some(pin) = pin_of(turns.traits(), &pinned.fact, false, None) {
                    let mut pin = with_line(pin, pinned);
                    pin.conversation = Some(other.branch.conversation.clone());
                    found.push((used, pin, Arc::clone(&standing_facts)));
                }
            }
        }
        found.sort_by(|a, b| {
            let required = b.1.fact.required.cmp(&a.1.fact.required);
            let later = || b.1.fact.id.cmp(&a.1.fact.id);
            required.then(b.0.total_cmp(&a.0)).then_with(later)
        });
        let mut told: Vec<(&Fact, Option<&Words>)> = Vec::with_capacity(said.len());
        told.extend(said.iter().map(|pin| (&pin.fact, own_facts.words(&pin.fact.id))));
        let mut kept: Vec<&Pin> = Vec::new();
        let mut left = self.pins.live.at_most;
        for (_, pin, facts) in &found {
            if left == 0 && !pin.fact.required {
                continue;
            }
            let words = facts.words(&pin.fact.id);
            let again = |(other, others): &(&Fact, Option<&Words>)| {
                let same = others.zip(words).is_some_and(|(one, other)| one.repeat(other));
                // What may yield for room does not stand for what must not.
                let stands = other.required || !pin.fact.required;
                stands && other.kind == pin.fact.kind && (other.text == pin.fact.text || same)
            };
            if !told.iter().any(again) {
                told.push((&pin.fact, words));
                kept.push(pin);
                left = left.saturating_sub(1);
            }
        }
        Ok(kept.into_iter().cloned().collect())
    }
}
