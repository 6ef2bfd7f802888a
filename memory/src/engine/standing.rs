//! How the facts of conversations stand now, in memory: each window asks several
//! times, and so do the windows of the user's other conversations.
//!
//! Invariant: an answer is given again only while nothing was written to the
//! conversation and its ledger is the same and covers as much, so that it equals
//! what reading the store would give.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, OnceLock, Weak},
};

use parking_lot::Mutex;

use super::{
    Engine, EngineError, PinnedFact, ShownEdge, fact_edges,
    heads::Cell,
    ledger::Ledger,
    pins::{RetiredPins, StandingPins},
    records::Head,
};
use crate::{
    facts::{self, Cause, TurnMark, detect},
    turn::{ConversationId, FactId, Sequence, TenantId},
};

/// Facts kept, of about 1 KiB each, those that the user's pins repeat included.
const CACHED_FACTS: u64 = 64 * 1_024;
/// Pins of the user's other conversations that are kept beside a conversation's facts,
/// about.
const PINS_OF_OTHERS: usize = 10;

/// What an answer was made of.
struct Stamp {
    /// Last write to the conversation, see [`Cell::last_write`].
    write: u64,
    revision: u64,
    scored: Sequence,
    ledger: Weak<Ledger>,
}

impl PartialEq for Stamp {
    fn eq(&self, other: &Self) -> bool {
        (self.write, self.revision, self.scored) == (other.write, other.revision, other.scored)
            && self.ledger.ptr_eq(&other.ledger)
    }
}

struct Known {
    stamp: Stamp,
    facts: Arc<StandingFacts>,
}

/// Pins of windows, with the version of the user's other conversations that they were
/// made for.
type MadePins = (u64, StandingPins);

/// Facts as they stood after a turn, and what they say of turns and of each other,
/// found out when it is first asked for.
#[derive(Default)]
pub struct StandingFacts {
    facts: Vec<PinnedFact>,
    as_of: Sequence,
    turn_marks: OnceLock<HashMap<Sequence, TurnMark>>,
    edges: OnceLock<HashMap<Cause, Vec<ShownEdge>>>,
    words: OnceLock<HashMap<FactId, detect::Words>>,
    pins: Mutex<HashMap<RetiredPins, MadePins>>,
}

impl Deref for StandingFacts {
    type Target = [PinnedFact];

    fn deref(&self) -> &[PinnedFact] {
        &self.facts
    }
}

impl StandingFacts {
    /// What facts have replaced, by turn.
    pub fn turn_marks(&self) -> &HashMap<Sequence, TurnMark> {
        self.turn_marks.get_or_init(|| {
            let known = self.facts.iter().map(|one| (&one.fact, &one.standing));
            let marks = facts::turn_marks(known, self.as_of);
            marks.into_iter().map(|mark| (mark.turn, mark)).collect()
        })
    }

    /// The words that a fact's text is compared by.
    pub(super) fn words(&self, fact: &FactId) -> Option<&detect::Words> {
        let words = self.words.get_or_init(|| {
            let facts = self.facts.iter().map(|pinned| &pinned.fact);
            facts.map(|fact| (fact.id.clone(), detect::Words::of(&fact.text))).collect()
        });
        words.get(fact)
    }

    /// The pins that windows of now are made with: those that are known, or else what
    /// `make` gives. `others` is the version of the user's other conversations.
    pub(super) fn pins<E>(
        &self,
        retired: RetiredPins,
        others: u64,
        make: impl FnOnce() -> Result<StandingPins, E>,
    ) -> Result<StandingPins, E> {
        if let Some((version, pins)) = self.pins.lock().get(&retired)
            && *version == others
        {
            return Ok(pins.clone());
        }
        let pins = make()?;
        self.pins.lock().insert(retired, (others, pins.clone()));
        Ok(pins)
    }

    /// The edges that a pin or a turn of a window is marked with.
    pub(super) fn edges_of_item(&self, item: &Cause) -> &[ShownEdge] {
        let edges = self.edges.get_or_init(|| {
            let mut by_item: HashMap<Cause, Vec<ShownEdge>> = HashMap::new();
            for edge in fact_edges::edges(self, self.as_of) {
                for item in fact_edges::marked_items(&edge) {
                    by_item.entry(item).or_default().push(edge.clone());
                }
            }
            by_item
        });
        edges.get(item).map_or(&[], Vec::as_slice)
    }
}

/// Answers by conversation and the turn as of which they hold.
pub(super) struct StandingCache {
    recent: moka::sync::Cache<(TenantId, ConversationId, Sequence), Arc<Known>>,
}

impl Default for StandingCache {
    fn default() -> Self {
        let weight = |_: &(TenantId, ConversationId, Sequence), known: &Arc<Known>| {
            u32::try_from(2 * known.facts.len() + PINS_OF_OTHERS).unwrap_or(u32::MAX)
        };
        let recent =
            moka::sync::Cache::builder().weigher(weight).max_capacity(CACHED_FACTS).build();
        Self { recent }
    }
}

impl StandingCache {
    /// Something of the tenant was erased; its facts, and copies of them in
    /// forks, are not to be kept.
    pub(super) fn invalidate(&self, tenant: &TenantId) {
        for (key, _) in &self.recent {
            if key.0 == *tenant {
                self.recent.invalidate(&*key);
            }
        }
    }
}

impl Engine {
    /// The facts that were known after a turn, as they stood then, oldest first.
    /// Kept are those of now: as of the last turn or of none.
    pub(super) fn standing_facts(
        &self,
        cell: &Cell,
        head: &Head,
        as_of: Sequence,
    ) -> Result<Arc<StandingFacts>, EngineError> {
        if as_of < head.last_sequence {
            return Ok(Arc::new(self.read_facts_as_of(cell, head, as_of)?));
        }
        // Before anything is read, so that a write meanwhile makes it outdated.
        let write = cell.last_write();
        let scored = self.indexed_sequence(cell, head);
        let ledger = self.ledgers.of(&self.store, &cell.branch(head), scored)?;
        let ledger = Arc::downgrade(&ledger);
        let stamp = Stamp { write, revision: head.revision, scored, ledger };
        let key = (cell.tenant.clone(), cell.id.clone(), as_of);
        if let Some(known) = self.standing.recent.get(&key).filter(|known| known.stamp == stamp) {
            return Ok(Arc::clone(&known.facts));
        }
        let facts = Arc::new(self.read_facts_as_of(cell, head, as_of)?);
        self.standing.recent.insert(key, Arc::new(Known { stamp, facts: Arc::clone(&facts) }));
        Ok(facts)
    }

    fn read_facts_as_of(
        &self,
        cell: &Cell,
        head: &Head,
        as_of: Sequence,
    ) -> Result<StandingFacts, EngineError> {
        if head.facts == 0 {
            return Ok(StandingFacts { as_of, ..StandingFacts::default() });
        }
        let facts = self.read_standing(cell, head, as_of)?;
        Ok(StandingFacts { facts, as_of, ..StandingFacts::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tenant_erases_is_not_kept() {
        let cache = StandingCache::default();
        let stamp = || Stamp { write: 1, revision: 1, scored: 1, ledger: Weak::new() };
        let key = |tenant: &str| {
            (TenantId::new(tenant).unwrap(), ConversationId::new("c").unwrap(), Sequence::MAX)
        };
        for tenant in ["acme", "globex"] {
            let known = Known { stamp: stamp(), facts: Arc::default() };
            cache.recent.insert(key(tenant), Arc::new(known));
        }
        cache.invalidate(&key("acme").0);
        assert!(cache.recent.get(&key("acme")).is_none());
        assert!(cache.recent.get(&key("globex")).is_some());
    }
}
