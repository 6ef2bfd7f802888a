//! The source of a summary, read once: pieces with their vectors, sentences,
//! and what is said anywhere in it.
//!
//! A piece is a turn, or a part of a long one, that the embedding model reads
//! whole; evidence is looked for among pieces and pairs of neighbours.

use std::collections::{HashMap, HashSet};

use throughline_memory::{
    embed::{EmbedError, Embedder, Vector},
    staleness::text::Sense,
};

use super::{
    matched::Meaning,
    relations::{Relation, is_known, relation},
    utterances::{Said, Spoken, Utterances, utterances},
};
use crate::{
    source::SourceTurn,
    text::{Token, sentences, tokens},
};

/// Bytes of a piece about at most; it ends where a sentence does.
const PIECE_BYTES: usize = 800;
/// Content words that count as the neighbourhood of one.
const NEIGHBOURS: usize = 4;

/// A part of a turn.
pub(super) struct Piece {
    /// Index of its turn.
    pub(super) turn: usize,
    /// Index of its speaker.
    pub(super) speaker: usize,
    /// Stems of its words and of its speaker's name.
    pub(super) stems: HashSet<u32>,
    /// Stems of its content words, with their senses.
    pub(super) content: Vec<(u32, Sense)>,
    /// Its text.
    pub(super) text: String,
}

/// A sentence of the source.
pub(super) struct Unit {
    /// Index of its turn.
    pub(super) turn: usize,
    /// Its tokens.
    pub(super) tokens: Vec<Token>,
    /// Stems of its content words.
    pub(super) stems: HashSet<u32>,
    /// Something in it denies.
    pub(super) negated: bool,
}

/// A source, read for checking.
pub(super) struct Document {
    pub(super) sequences: Vec<u64>,
    pub(super) pieces: Vec<Piece>,
    pub(super) units: Vec<Unit>,
    /// Clauses with who says them of whom.
    pub(super) said: Vec<Said>,
    /// The different words of these.
    pub(super) vocabulary: Vec<Meaning>,
    /// Words of each speaker's name, lower-cased.
    pub(super) speakers: Vec<Vec<String>>,
    /// Vectors of the pieces, then of pairs of neighbours.
    pub(super) vectors: Vec<Vector>,
    /// Stems of all words and speakers.
    pub(super) stems: HashSet<u32>,
    /// Hashes of all lower-cased words and speakers' names.
    pub(super) words: HashSet<u32>,
    /// Stems of content words, with their senses.
    pub(super) content: HashMap<u32, Sense>,
    /// Numbers, by their bits.
    pub(super) numbers: HashSet<u64>,
    /// Pairs of neighbouring words, and of neighbouring content words.
    pub(super) bigrams: HashSet<(u32, u32)>,
    /// Content words near to each.
    pub(super) near: HashMap<u32, HashSet<u32>>,
    /// Letters and digits alone, lower-cased.
    pub(super) compact: String,
    /// Sentences that have a stem.
    frequency: HashMap<u32, u32>,
}

impl Document {
    /// Reads a source.
    ///
    /// # Errors
    /// [`EmbedError`] of the embedder.
    pub(super) fn read(turns: &[SourceTurn], embedder: &dyn Embedder) -> Result<Self, EmbedError> {
        let mut document = Self::lexical(turns);
        let led: Vec<String> = document
            .pieces
            .iter()
            .map(|piece| turns.get(piece.turn).map_or(String::new(), |turn| turn.led(&piece.text)))
            .collect();
        let led: Vec<&str> = led.iter().map(String::as_str).collect();
        document.vectors = embedder.embed(&led)?;
        let pairs: Vec<Vector> = document
            .vectors
            .windows(2)
            .filter_map(|pair| match pair {
                [a, b] => Some(mean(&[a.clone(), b.clone()])),
                _ => None,
            })
            .collect();
        document.vectors.extend(pairs);
        Ok(document)
    }

    fn lexical(turns: &[SourceTurn]) -> Self {
        let mut out = Self {
            sequences: turns.iter().map(|turn| turn.sequence).collect(),
            pieces: Vec::new(),
            units: Vec::new(),
            said: Vec::new(),
            vocabulary: Vec::new(),
            speakers: Vec::new(),
            vectors: Vec::new(),
            stems: HashSet::new(),
            words: HashSet::new(),
            content: HashMap::new(),
            numbers: HashSet::new(),
            bigrams: HashSet::new(),
            near: HashMap::new(),
            compact: String::new(),
            frequency: HashMap::new(),
        };
        let mut names: HashMap<&str, usize> = HashMap::new();
        let mut spoken: Vec<(usize, Vec<&str>)> = Vec::new();
        for (index, turn) in turns.iter().enumerate() {
            let name = if turn.speaker.is_empty() { &turn.role } else { &turn.speaker };
            let speaker = *names.entry(name).or_insert_with(|| {
                out.speakers.push(tokens(name).into_iter().map(|word| word.lower).collect());
                out.speakers.len() - 1
            });
            out.add(index, speaker, name, turn);
            spoken.push((speaker, sentences(&turn.text)));
        }
        let read = out.utterances(&spoken);
        (out.said, out.vocabulary) = (read.said, read.vocabulary);
        out
    }

    /// The clauses; `spoken` has the speaker and the sentences of each turn, in the
    /// order of the units.
    fn utterances(&self, spoken: &[(usize, Vec<&str>)]) -> Utterances {
        let mut units = self.units.iter();
        let mut turns = Vec::with_capacity(spoken.len());
        for (speaker, sentences) in spoken {
            let units = units.by_ref().take(sentences.len());
            let pairs = sentences.iter().zip(units);
            let sentences = pairs.map(|(text, unit)| (*text, unit.tokens.as_slice())).collect();
            turns.push(Spoken { speaker: *speaker, sentences });
        }
        utterances(&turns, &self.speakers)
    }

    fn add(&mut self, index: usize, speaker: usize, name: &str, turn: &SourceTurn) {
        let name = tokens(name);
        for word in &name {
            self.stems.insert(word.stem);
            self.words.insert(word.hash);
        }
        if let Some(date) = turn.date {
            for part in [i32::from(date.year()), i32::from(date.month()), i32::from(date.day())] {
                self.numbers.insert(f64::from(part).to_bits());
            }
            for word in tokens(&date.strftime("%B %A").to_string()) {
                self.words.insert(word.hash);
                self.stems.insert(word.stem);
            }
        }
        let letters = turn.text.chars().filter(|c| c.is_alphanumeric());
        self.compact.extend(letters.flat_map(char::to_lowercase));
        let mut piece: Option<Piece> = None;
        let mut spoken: Vec<(u32, bool)> = Vec::new();
        for sentence in sentences(&turn.text) {
            let words = tokens(sentence);
            if piece.as_ref().is_some_and(|open| open.text.len() + sentence.len() > PIECE_BYTES) {
                self.pieces.extend(piece.take());
            }
            let open = piece.get_or_insert_with(|| Piece {
                turn: index,
                speaker,
                stems: name.iter().map(|word| word.stem).collect(),
                content: Vec::new(),
                text: String::new(),
            });
            if !open.text.is_empty() {
                open.text.push(' ');
            }
            open.text.push_str(sentence);
            open.stems.extend(words.iter().map(|word| word.stem));
            let content = words.iter().filter(|word| word.content);
            open.content.extend(content.map(|word| (word.stem, word.sense)));
            spoken.extend(words.iter().map(|word| (word.stem, word.content)));
            self.unit(index, words);
        }
        self.pieces.extend(piece);
        self.neighbours(&spoken);
    }

    /// Takes a sentence's words in.
    fn unit(&mut self, turn: usize, words: Vec<Token>) {
        let all: HashSet<u32> = words.iter().map(|word| word.stem).collect();
        for stem in &all {
            *self.frequency.entry(*stem).or_default() += 1;
        }
        self.stems.extend(&all);
        self.words.extend(words.iter().map(|word| word.hash));
        self.numbers.extend(words.iter().filter_map(|word| word.number).map(f64::to_bits));
        // "7:30" also has a 7 and a 30, as "half past seven" or "7 pm" are said of it.
        let times = words.iter().filter(|word| word.lower.contains(':'));
        let parts = times.flat_map(|word| word.lower.split(':'));
        self.numbers.extend(parts.filter_map(|part| part.parse().ok()).map(f64::to_bits));
        let content = words.iter().filter(|word| word.content);
        self.content.extend(content.clone().map(|word| (word.stem, word.sense)));
        let stems = content.map(|word| word.stem).collect();
        let negated = words.iter().any(|word| word.negates);
        self.units.push(Unit { turn, tokens: words, stems, negated });
    }

    /// Notes which words stand beside each other in a turn.
    fn neighbours(&mut self, spoken: &[(u32, bool)]) {
        let content: Vec<u32> =
            spoken.iter().filter(|(_, content)| *content).map(|(stem, _)| *stem).collect();
        self.bigrams.extend(spoken.iter().zip(spoken.iter().skip(1)).map(|(a, b)| (a.0, b.0)));
        self.bigrams.extend(content.iter().zip(content.iter().skip(1)).map(|(a, b)| (*a, *b)));
        for (at, stem) in content.iter().enumerate() {
            for other in content.iter().skip(at + 1).take(NEIGHBOURS) {
                self.near.entry(*stem).or_default().insert(*other);
                self.near.entry(*other).or_default().insert(*stem);
            }
        }
    }

    /// How rare a stem is among the sentences: `ln(1 + n / df)`; that of an
    /// unheard one is the greatest.
    pub(super) fn rarity(&self, stem: u32) -> f32 {
        let df = self.frequency.get(&stem).copied().unwrap_or(1).max(1);
        (1.0 + self.units.len() as f32 / df as f32).ln()
    }

    /// The same, but nothing for a stem that is not there.
    pub(super) fn heard(&self, stem: u32) -> f32 {
        if self.frequency.contains_key(&stem) { self.rarity(stem) } else { 0.0 }
    }

    /// The best relation of a word to any content word of the source;
    /// opposites only where there is nothing better.
    pub(super) fn best_relation(&self, stem: u32) -> Relation {
        if self.stems.contains(&stem) {
            return Relation::Same;
        }
        best(stem, self.content.keys().copied()).0
    }

    /// Whether the number, word or compound is anywhere in the source.
    pub(super) fn says(&self, word: &Token) -> bool {
        self.words.contains(&word.hash)
            || word.number.is_some_and(|number| self.numbers.contains(&number.to_bits()))
    }
}

/// The best relation of a stem to others, and whether one is its opposite.
pub(super) fn best(stem: u32, others: impl Iterator<Item = u32>) -> (Relation, bool) {
    let (mut best, mut opposite) = (Relation::None, false);
    if is_known(stem) {
        for other in others {
            let found = relation(stem, other);
            opposite |= found == Relation::Opposite;
            best = best.max(found);
        }
    }
    (if best == Relation::None && opposite { Relation::Opposite } else { best }, opposite)
}

/// The mean direction of vectors.
pub(super) fn mean(vectors: &[Vector]) -> Vector {
    let mut sum = vec![0.0_f32; vectors.first().map_or(0, |vector| vector.len())];
    for vector in vectors {
        for (to, from) in sum.iter_mut().zip(vector.iter()) {
            *to += from;
        }
    }
    let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-9);
    sum.iter().map(|x| x / length).collect()
}

/// The cosine of two unit vectors.
pub(super) fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
