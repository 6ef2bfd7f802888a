//! One branch in memory: its turns by slot, their passages and their words.
//! Plain values; the cache around it decides when it is read from the store.
//!
//! Each kind of score is a list by position in the branch, made in a file of its own and joined
//! in [`LoadedBranch::matches`]: a further one is a further list.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use super::{
    dense::{Cosines, Passages},
    lexical::{Corpus, Words},
    neighbourhood::{Neighbourhood, Place},
    terms::QueryTerms,
};
use crate::{
    embed::Vector,
    index::{
        IndexedTurn, Matches,
        analyse::{Language, LanguageSample},
        matches::WordScores,
    },
    turn::Sequence,
};

/// Turns that are scored again in f32: the order within them is what quantisation may
/// get wrong and somebody may see. Behind them it is off by 0.003 at most.
const RESCORED: usize = 128;
/// Slots of turns that are gone, before the branch is worth reading again.
const MAX_DEAD_SLOTS: usize = 1_024;
/// What a turn costs beside its words and passages, in bytes.
const TURN_BYTES: usize = 96;

/// Whether a branch in memory is still what a load would give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::index) enum Standing {
    /// It is.
    Current,
    /// It has to be read again: the language that its turns are analysed in
    /// may be another one now, or too much of it is gone.
    Outdated,
}

#[derive(Debug)]
struct Slot {
    /// Tells whether the words are the same.
    fingerprint: u64,
    language: Language,
}

/// The searchable turns of a branch.
#[derive(Debug, Default)]
pub(in crate::index) struct LoadedBranch {
    slots: Vec<Slot>,
    live: BTreeMap<Sequence, u32>,
    /// Those of `live`, by position.
    sequences: Arc<[Sequence]>,
    /// Grows whenever turns came or went, or have other words.
    state: u64,
    /// That has happened since it last grew.
    has_changed: bool,
    passages: Passages,
    words: Words,
    near: Neighbourhood,
    sample: LanguageSample,
    languages: BTreeMap<Language, usize>,
}

impl LoadedBranch {
    /// Builds it from the turns of a branch. The result depends on the turns
    /// alone: taking them in one by one comes to the same.
    pub(in crate::index) fn build(turns: Vec<IndexedTurn>) -> Self {
        let mut branch = Self::default();
        for turn in &turns {
            branch.sample.add(turn.sequence, &turn.text);
        }
        for turn in &turns {
            branch.put(turn);
        }
        branch.settle();
        branch
    }

    /// Measures what depends on all turns together. To be called after turns
    /// came or went.
    pub(in crate::index) fn settle(&mut self) {
        let sequences: Vec<Sequence> = self.live.keys().copied().collect();
        let only_grew = sequences.starts_with(&self.sequences);
        self.sequences = sequences.into();
        self.state += u64::from(std::mem::take(&mut self.has_changed));
        let places: Vec<Place> = self
            .live
            .values()
            .map(|slot| Place { slot: *slot, length: self.words.length(*slot) })
            .collect();
        self.near = Neighbourhood::measure(&places, self.slots.len());
        self.passages.recentre(&self.near, only_grew);
    }

    /// Turns that can be found.
    pub(in crate::index) fn len(&self) -> usize {
        self.live.len()
    }

    /// The languages that its turns are analysed in.
    pub(in crate::index) fn languages(&self) -> impl Iterator<Item = Language> {
        self.languages.keys().copied()
    }

    /// Memory, in bytes.
    pub(in crate::index) fn bytes(&self) -> u64 {
        (self.slots.len() * TURN_BYTES + self.passages.bytes() + self.words.bytes()) as u64
    }

    /// Takes in a turn or replaces it.
    pub(in crate::index) fn upsert(&mut self, turn: &IndexedTurn) -> Standing {
        let language = self.sample.language();
        self.sample.add(turn.sequence, &turn.text);
        self.put(turn);
        self.standing(self.sample.language() == language)
    }

    /// Takes out the turns that `gone` names.
    pub(in crate::index) fn remove(&mut self, gone: impl Fn(Sequence) -> bool) -> Standing {
        let sequences: Vec<Sequence> =
            self.live.keys().copied().filter(|sequence| gone(*sequence)).collect();
        // The turns after the sample would move up into it; their texts are not here.
        let sample_whole = !sequences.iter().any(|sequence| self.sample.holds(*sequence));
        for sequence in sequences {
            self.take_out(sequence);
        }
        self.standing(sample_whole)
    }

    /// Adds what it knows of the query's terms.
    pub(in crate::index) fn count(&self, terms: &QueryTerms, corpus: &mut Corpus) {
        self.words.count(terms, &self.near, corpus);
    }

    /// Tells what scores by words are of: they hold while it is the same.
    pub(in crate::index) fn state(&self) -> u64 {
        self.state
    }

    /// Scores every turn by its words.
    pub(in crate::index) fn words(&self, terms: &QueryTerms, corpus: &Corpus) -> WordScores {
        self.words.score(terms, &self.near, corpus)
    }

    /// Joins scores by words, of the present [`Self::state`], with those by the vector:
    /// every turn, in ascending sequence.
    pub(in crate::index) fn matches(
        &self,
        words: Arc<WordScores>,
        vector: Option<&Vector>,
    ) -> Matches {
        let turns = self.sequences.len();
        let cosines = vector.and_then(|vector| self.passages.score(vector, turns, RESCORED));
        let Cosines { best, centred, first, ranges } =
            cosines.unwrap_or_else(|| Cosines::none(turns));
        Matches {
            sequences: Arc::clone(&self.sequences),
            dense: best,
            dense_centred: centred,
            dense_first: first,
            words,
            passages: ranges,
        }
    }

    fn put(&mut self, turn: &IndexedTurn) {
        let fingerprint = fingerprint(turn);
        let known = self.live.get(&turn.sequence).copied();
        let same = known.filter(|slot| {
            self.slots.get(*slot as usize).map(|s| s.fingerprint) == Some(fingerprint)
        });
        let slot = if let Some(slot) = same {
            self.passages.remove(slot);
            slot
        } else {
            self.take_out(turn.sequence);
            self.add_words(turn, fingerprint)
        };
        for passage in &turn.passages {
            self.passages.add(slot, (passage.start, passage.end), &passage.vector);
        }
    }

    fn add_words(&mut self, turn: &IndexedTurn, fingerprint: u64) -> u32 {
        let language = self.sample.language().of_turn(&turn.text);
        let slot = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.has_changed = true;
        self.slots.push(Slot { fingerprint, language });
        self.live.insert(turn.sequence, slot);
        *self.languages.entry(language).or_default() += 1;
        self.words.add(slot, language, [&turn.speaker, &turn.text]);
        slot
    }

    fn take_out(&mut self, sequence: Sequence) {
        let Some(slot) = self.live.remove(&sequence) else { return };
        self.has_changed = true;
        self.passages.remove(slot);
        self.words.remove(slot);
        let Some(language) = self.slots.get(slot as usize).map(|slot| slot.language) else {
            return;
        };
        if let Some(turns) = self.languages.get_mut(&language) {
            *turns -= 1;
            if *turns == 0 {
                self.languages.remove(&language);
            }
        }
    }

    fn standing(&self, same_language: bool) -> Standing {
        let dead = self.slots.len() - self.live.len();
        if same_language && (dead <= MAX_DEAD_SLOTS || dead <= self.live.len()) {
            Standing::Current
        } else {
            Standing::Outdated
        }
    }
}

fn fingerprint(turn: &IndexedTurn) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&turn.speaker, &turn.text).hash(&mut hasher);
    hasher.finish()
}
