//! A sentence of a summary beside its source: its vector, the pieces that
//! support it best, who it speaks of.

use std::collections::HashSet;

use throughline_memory::embed::{EmbedError, Embedder, Vector};

use super::document::{Document, cosine, mean};
use crate::text::{Token, clauses, tokens};

/// Pieces that count as evidence of a sentence.
const EVIDENCE: usize = 5;

/// A speaker named in a sentence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mention {
    /// Which speaker of the source.
    pub(super) speaker: usize,
    /// First token.
    pub(super) at: usize,
    /// Tokens of the name.
    pub(super) len: usize,
}

/// A sentence, read against a source.
pub(super) struct Reading<'a> {
    pub(super) text: &'a str,
    pub(super) document: &'a Document,
    pub(super) tokens: Vec<Token>,
    pub(super) clauses: Vec<String>,
    pub(super) mentions: Vec<Mention>,
    /// Its vector.
    pub(super) vector: Vector,
    /// Cosine to each piece, then to each pair of neighbours.
    pub(super) cosines: Vec<f32>,
    /// Greatest cosine of each clause.
    pub(super) clause_cosines: Vec<f32>,
    /// Share of its content words, by rarity, in each piece.
    pub(super) cover: Vec<f32>,
    /// Best pieces, best first.
    pub(super) evidence: Vec<usize>,
    /// Stems of the evidence.
    pub(super) evidence_stems: HashSet<u32>,
    /// Mean vector of the evidence.
    pub(super) centre: Vector,
    /// Total rarity of its content words.
    pub(super) weight: f32,
}

impl<'a> Reading<'a> {
    /// Reads a sentence against a source.
    ///
    /// # Errors
    /// [`EmbedError`] of the embedder.
    pub(super) fn of(
        text: &'a str,
        document: &'a Document,
        embedder: &dyn Embedder,
    ) -> Result<Self, EmbedError> {
        let tokens = tokens(text);
        let clauses = clauses(text);
        let mut texts = vec![text];
        texts.extend(clauses.iter().map(String::as_str));
        let mut vectors = embedder.embed(&texts)?;
        let vector = vectors.remove(0);
        let to_all = |vector: &Vector| -> Vec<f32> {
            document.vectors.iter().map(|other| cosine(vector, other)).collect()
        };
        let cosines = to_all(&vector);
        let clause_cosines = vectors.iter().map(|clause| greatest(&to_all(clause))).collect();
        let stems: HashSet<u32> = tokens
            .iter()
            .filter(|word| word.content && word.number.is_none())
            .map(|word| word.stem)
            .collect();
        let weight = stems.iter().map(|stem| document.rarity(*stem)).sum::<f32>() + 1e-6;
        let cover: Vec<f32> = document
            .pieces
            .iter()
            .map(|piece| {
                let shared = stems.iter().filter(|stem| piece.stems.contains(stem));
                shared.map(|stem| document.heard(*stem)).sum::<f32>() / weight
            })
            .collect();
        let score = |piece: &usize| {
            let at = |list: &[f32]| list.get(*piece).copied().unwrap_or(0.0);
            at(&cover) + at(&cosines)
        };
        let mut evidence: Vec<usize> = (0..document.pieces.len()).collect();
        evidence.sort_by(|a, b| score(b).total_cmp(&score(a)).then(a.cmp(b)));
        evidence.truncate(EVIDENCE);
        let chosen = evidence.iter().filter_map(|at| document.pieces.get(*at));
        let evidence_stems = chosen.flat_map(|piece| piece.stems.iter().copied()).collect();
        let best: Vec<Vector> =
            evidence.iter().filter_map(|at| document.vectors.get(*at).cloned()).collect();
        Ok(Self {
            mentions: mentions(&tokens, &document.speakers),
            centre: mean(&best),
            text,
            document,
            tokens,
            clauses,
            vector,
            cosines,
            clause_cosines,
            cover,
            evidence,
            evidence_stems,
            weight,
        })
    }

    /// Greatest cosine to a piece or pair.
    pub(super) fn nearest(&self) -> f32 {
        greatest(&self.cosines)
    }

    /// Share of its content words, by rarity, of which this holds.
    pub(super) fn share(&self, holds: impl Fn(u32) -> bool) -> f32 {
        let stems: HashSet<u32> = self
            .tokens
            .iter()
            .filter(|word| word.content && word.number.is_none())
            .map(|word| word.stem)
            .collect();
        let held = stems.into_iter().filter(|stem| holds(*stem));
        held.map(|stem| self.document.heard(stem)).sum::<f32>() / self.weight
    }

    /// The sentence without one of its words.
    pub(super) fn without(&self, word: &Token) -> String {
        let before = self.text.get(..word.start).unwrap_or("");
        let after = self.text.get(word.end..).unwrap_or("");
        format!("{before}{}", after.trim_start())
    }

    /// Whether a token is part of a speaker's name.
    pub(super) fn names_speaker(&self, at: usize) -> bool {
        self.mentions.iter().any(|found| (found.at..found.at + found.len).contains(&at))
    }
}

/// The greatest of numbers; 0 of none.
pub(super) fn greatest(numbers: &[f32]) -> f32 {
    numbers.iter().copied().reduce(f32::max).unwrap_or(0.0)
}

/// Speakers named in a sentence: by the whole name, or by a capitalised part of
/// it that no other speaker's name has.
fn mentions(tokens: &[Token], speakers: &[Vec<String>]) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let here = tokens.get(at..).unwrap_or_default();
        let whole = speakers
            .iter()
            .enumerate()
            .filter(|(_, name)| {
                !name.is_empty()
                    && here.len() >= name.len()
                    && name.iter().zip(here).all(|(part, word)| part == word.bare())
            })
            .max_by_key(|(_, name)| name.len())
            .map(|(speaker, name)| Mention { speaker, at, len: name.len() });
        let part = || {
            let word = here.first().filter(|word| word.capital && word.lower.len() > 2)?;
            let mut having = speakers
                .iter()
                .enumerate()
                .filter(|(_, name)| name.len() > 1 && name.iter().any(|part| part == word.bare()));
            let (speaker, _) = having.next()?;
            having.next().is_none().then_some(Mention { speaker, at, len: 1 })
        };
        let mention = whole.or_else(part);
        at += mention.map_or(1, |mention| mention.len);
        found.extend(mention);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speakers_are_found_by_name_or_part() {
        let name = |text: &str| tokens(text).into_iter().map(|word| word.lower).collect();
        let speakers: Vec<Vec<String>> =
            ["Project Manager", "#Person1#", "Edna Evans", "Eve Evans"].map(name).into();
        let read = |text: &str| -> Vec<usize> {
            mentions(&tokens(text), &speakers).iter().map(|found| found.speaker).collect()
        };
        assert_eq!(read("The project manager thanks #Person1#."), [0, 1]);
        assert_eq!(read("Edna agrees, Evans does not; Edna Evans's view"), [2, 2]);
    }
}
