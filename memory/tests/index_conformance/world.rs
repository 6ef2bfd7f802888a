//! A small store for index tests: turns of conversations in memory, with
//! vectors that depend on the words, and the branches that read them.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use parking_lot::Mutex;
use throughline_memory::{
    embed::Vector,
    index::{Branch, IndexQuery, IndexedTurn, Passage, Segment, TurnIndex, TurnSource},
    store::StoreError,
    turn::{ConversationId, Role, Sequence, TenantId},
};

/// Dimensions of the vectors here.
pub(crate) const DIMENSIONS: usize = 64;

type Turns = BTreeMap<(TenantId, ConversationId, Sequence), IndexedTurn>;

/// What is stored. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct World {
    turns: Arc<Mutex<Turns>>,
    /// Set apart from other runs against the same server.
    pub(crate) run: String,
}

/// [`World`] as an index reads it.
pub(crate) struct Source(World);

impl TurnSource for Source {
    fn load(&self, branch: &Branch) -> Result<Vec<IndexedTurn>, StoreError> {
        let turns = self.0.turns.lock();
        let mut loaded = Vec::new();
        for segment in &branch.segments {
            let key = |at| (branch.tenant.clone(), segment.conversation.clone(), at);
            let range = turns.range(key(segment.from)..=key(segment.until));
            loaded.extend(range.map(|(_, turn)| turn.clone()));
        }
        Ok(loaded)
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let run = ConversationId::generate().to_string().replace('-', "");
        Self { run, ..Self::default() }
    }

    pub(crate) fn source(&self) -> Source {
        Source(self.clone())
    }

    pub(crate) fn tenant(&self, name: &str) -> TenantId {
        TenantId::new(&format!("{name}-{}", self.run)).expect("well formed")
    }

    /// Stores turns and gives them to the index, as the engine does.
    pub(crate) async fn say(
        &self,
        index: &dyn TurnIndex,
        tenant: &TenantId,
        owner: &str,
        turns: Vec<IndexedTurn>,
    ) {
        self.store(tenant, owner, &turns);
        index.upsert(tenant, &id(owner), "user-1", turns).await.expect("upsert");
    }

    /// Stores turns without telling the index.
    pub(crate) fn store(&self, tenant: &TenantId, owner: &str, turns: &[IndexedTurn]) {
        let mut stored = self.turns.lock();
        for turn in turns {
            stored.insert((tenant.clone(), id(owner), turn.sequence), turn.clone());
        }
    }

    /// Forgets turns in the store alone.
    pub(crate) fn forget(&self, tenant: &TenantId, owner: &str, sequences: &[Sequence]) {
        let mut stored = self.turns.lock();
        for sequence in sequences {
            stored.remove(&(tenant.clone(), id(owner), *sequence));
        }
    }
}

pub(crate) fn id(name: &str) -> ConversationId {
    ConversationId::new(name).expect("well formed")
}

/// A branch of whole segments `(conversation, from, until)`.
pub(crate) fn branch(tenant: &TenantId, segments: &[(&str, Sequence, Sequence)]) -> Branch {
    let last = segments.last().expect("a segment");
    Branch {
        tenant: tenant.clone(),
        conversation: id(last.0),
        segments: segments
            .iter()
            .map(|(name, from, until)| Segment {
                conversation: id(name),
                from: *from,
                until: *until,
            })
            .collect(),
    }
}

/// A conversation without forks.
pub(crate) fn whole(tenant: &TenantId, conversation: &str) -> Branch {
    branch(tenant, &[(conversation, 1, Sequence::MAX)])
}

/// A turn with one passage.
pub(crate) fn turn(sequence: Sequence, text: &str) -> IndexedTurn {
    let passage = Passage { start: 0, end: text.len() as u32, vector: vector(text) };
    IndexedTurn { passages: vec![passage], ..words_only(sequence, text) }
}

/// A turn that is not embedded yet.
pub(crate) fn words_only(sequence: Sequence, text: &str) -> IndexedTurn {
    IndexedTurn {
        sequence,
        role: Role::User,
        speaker: String::new(),
        said_at: jiff::Timestamp::UNIX_EPOCH,
        text: text.to_owned(),
        passages: Vec::new(),
    }
}

/// A stand-in for an embedding: the sum of a direction for each word.
pub(crate) fn vector(text: &str) -> Vector {
    let mut sum = vec![0.0_f32; DIMENSIONS];
    for word in text.split_whitespace() {
        let word = word.to_lowercase();
        for (at, value) in sum.iter_mut().enumerate() {
            let mut hasher = DefaultHasher::new();
            (&word, at).hash(&mut hasher);
            *value += if hasher.finish().is_multiple_of(2) { 1.0 } else { -1.0 };
        }
    }
    let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    sum.iter().map(|value| value / length).collect()
}

/// Looks for words and their vector.
pub(crate) fn query(text: &str) -> IndexQuery {
    IndexQuery { text: text.to_owned(), vector: Some(vector(text)), limit: 10, prepared: None }
}
