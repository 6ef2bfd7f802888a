//! Turns that the server has not acknowledged: scored here, exactly. Bounded;
//! what does not fit is found when the server has it.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

use crate::{
    index::{
        Branch, IndexQuery, IndexedTurn, Match,
        analyse::Language,
        exact::{branch::LoadedBranch, lexical::Corpus, terms::QueryTerms},
    },
    turn::{ConversationId, Sequence, TenantId},
};

/// Turns that the corpus is taken to have at least: statistics over a handful
/// of pending turns would say that every term is common.
const ASSUMED_TURNS: usize = 100;

type Key = (TenantId, ConversationId, Sequence);

/// Guarded by the lock of [`Pending`].
#[derive(Default)]
struct Waiting {
    turns: BTreeMap<Key, (u64, IndexedTurn)>,
    last_stamp: u64,
}

/// The turns on their way.
pub(super) struct Pending {
    waiting: Mutex<Waiting>,
    limit: usize,
}

/// What one upsert has put there.
pub(super) struct Accepted {
    stamp: u64,
    keys: Vec<Key>,
}

impl Pending {
    pub(super) fn new(limit: usize) -> Self {
        Self { waiting: Mutex::default(), limit }
    }

    /// Keeps turns until they are acknowledged.
    pub(super) fn add(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        turns: &[IndexedTurn],
    ) -> Accepted {
        let mut waiting = self.waiting.lock();
        waiting.last_stamp += 1;
        let stamp = waiting.last_stamp;
        let mut keys = Vec::with_capacity(turns.len());
        for turn in turns {
            let key = (tenant.clone(), owner.clone(), turn.sequence);
            if waiting.turns.len() >= self.limit && !waiting.turns.contains_key(&key) {
                tracing::warn!(limit = self.limit, "too many turns wait for the vector index");
                break;
            }
            waiting.turns.insert(key.clone(), (stamp, turn.clone()));
            keys.push(key);
        }
        Accepted { stamp, keys }
    }

    /// Lets go of turns that the server has, unless a later upsert has put them
    /// there again.
    pub(super) fn acknowledge(&self, accepted: Accepted) {
        let mut waiting = self.waiting.lock();
        for key in accepted.keys {
            if waiting.turns.get(&key).is_some_and(|(stamp, _)| *stamp == accepted.stamp) {
                waiting.turns.remove(&key);
            }
        }
    }

    /// Lets go of turns that are removed.
    pub(super) fn remove(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        gone: impl Fn(Sequence) -> bool,
    ) {
        let mut waiting = self.waiting.lock();
        let from = (tenant.clone(), owner.clone(), Sequence::MIN);
        let until = (tenant.clone(), owner.clone(), Sequence::MAX);
        let keys = waiting.turns.range(from..=until).map(|(key, _)| key.clone());
        let keys: Vec<Key> = keys.filter(|key| gone(key.2)).collect();
        for key in keys {
            waiting.turns.remove(&key);
        }
    }

    /// Scores the turns of a branch that wait. Cosines are exact; the weights
    /// of terms assume a corpus of [`ASSUMED_TURNS`].
    pub(super) fn score(
        &self,
        branch: &Branch,
        query: &IndexQuery,
        languages: &[Language],
        average_length: f32,
    ) -> Vec<Match> {
        let turns = self.of(branch);
        if turns.is_empty() {
            return Vec::new();
        }
        let loaded = LoadedBranch::build(turns);
        let languages = languages.iter().copied().chain(loaded.languages());
        let terms = QueryTerms::new(&query.text, languages);
        let mut corpus = Corpus::default();
        loaded.count(&terms, &mut corpus);
        corpus.assume(ASSUMED_TURNS, average_length);
        let words = Arc::new(loaded.words(&terms, &corpus));
        let scored = loaded.matches(words, query.vector.as_ref());
        scored.iter().map(Match::plain).collect()
    }

    fn of(&self, branch: &Branch) -> Vec<IndexedTurn> {
        let waiting = self.waiting.lock();
        if waiting.turns.is_empty() {
            return Vec::new();
        }
        let mut turns = Vec::new();
        for segment in branch.segments.iter().filter(|segment| segment.from <= segment.until) {
            let key = |at| (branch.tenant.clone(), segment.conversation.clone(), at);
            let range = waiting.turns.range(key(segment.from)..=key(segment.until));
            turns.extend(range.map(|(_, (_, turn))| turn.clone()));
        }
        turns
    }
}
