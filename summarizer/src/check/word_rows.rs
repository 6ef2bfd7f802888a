//! The numbers of each word of a sentence that could be wrong: is it said, or a
//! word like it, and does the sentence come nearer to its source without it?

use throughline_memory::embed::{EmbedError, Embedder};

use super::{
    document::{best, cosine},
    reading::{Reading, greatest},
    relations::{Relation, is_known},
    weights::ReportWords,
};

/// Columns of a word's row, in order.
pub(super) const COLUMNS: [&str; 31] = [
    "in_evidence",
    "in_source",
    "same",
    "near",
    "broader",
    "narrower",
    "sibling",
    "opposite",
    "best_in_source",
    "sense_evidence",
    "sense_source",
    "opposite_in_evidence",
    "nearer_without",
    "nearer_centre_without",
    "report",
    "capital",
    "number",
    "length",
    "connected",
    "in_wordnet",
    "has_sense",
    "cover",
    "nearest",
    "rarity",
    "opens",
    "negates",
    "speaker",
    "pair_before",
    "pair_after",
    "centre",
    "in_best_piece",
];

/// A word's place and row.
pub(super) struct WordRow {
    /// Index of its token.
    pub(super) at: usize,
    /// One number for each of [`COLUMNS`].
    pub(super) row: [f32; COLUMNS.len()],
}

/// The rows of content words, numbers and negations.
///
/// # Errors
/// [`EmbedError`] of the embedder.
pub(super) fn word_rows(
    reading: &Reading<'_>,
    report: &ReportWords,
    embedder: &dyn Embedder,
) -> Result<Vec<WordRow>, EmbedError> {
    let document = reading.document;
    let places: Vec<usize> = reading
        .tokens
        .iter()
        .enumerate()
        .filter(|(_, word)| word.content || word.number.is_some() || word.negates)
        .map(|(at, _)| at)
        .collect();
    let word_at = |at: usize| reading.tokens.get(at);
    // Words that stand in the evidence are not asked of: each costs a vector.
    let doubtful: Vec<usize> = places
        .iter()
        .copied()
        .filter(|at| {
            word_at(*at).is_some_and(|word| {
                word.negates
                    || word.number.is_some()
                    || !reading.evidence_stems.contains(&word.stem)
            })
        })
        .collect();
    let texts: Vec<String> =
        doubtful.iter().filter_map(|at| word_at(*at)).map(|word| reading.without(word)).collect();
    let vectors = embedder.embed(&texts.iter().map(String::as_str).collect::<Vec<_>>())?;
    let (nearest, centre) = (reading.nearest(), cosine(&reading.centre, &reading.vector));
    let gain = |at: usize| {
        let vector = doubtful.iter().position(|other| *other == at).and_then(|k| vectors.get(k))?;
        let all: Vec<f32> = document.vectors.iter().map(|other| cosine(vector, other)).collect();
        Some((greatest(&all) - nearest, cosine(&reading.centre, vector) - centre))
    };
    let evidence: Vec<_> = reading
        .evidence
        .iter()
        .filter_map(|at| document.pieces.get(*at))
        .flat_map(|piece| piece.content.iter().copied())
        .collect();
    let flag = |holds: bool| f32::from(u8::from(holds));
    let mut rows = Vec::with_capacity(places.len());
    for (order, at) in places.iter().copied().enumerate() {
        let Some(word) = word_at(at) else { continue };
        let stem = word.stem;
        let in_evidence = reading.evidence_stems.contains(&stem);
        let in_source = document.stems.contains(&stem) || document.says(word);
        let (mut found, mut opposite, mut source) = (Relation::None, false, Relation::Same);
        let (mut sense, mut sense_source) = (1.0, 1.0);
        if !in_evidence {
            (found, opposite) = best(stem, evidence.iter().map(|(other, _)| *other));
            source = document.best_relation(stem);
            let near = |senses: &mut dyn Iterator<Item = f32>| senses.fold(0.0_f32, f32::max);
            sense = near(&mut evidence.iter().map(|(_, other)| word.sense.near(other)));
            sense_source = near(&mut document.content.values().map(|o| word.sense.near(o)));
        }
        let is = |relation: Relation| flag(!in_evidence && found == relation);
        let (without, without_centre) = gain(at).unwrap_or((0.0, 0.0));
        let around = [order.checked_sub(2), order.checked_sub(1), Some(order + 1), Some(order + 2)];
        let around: Vec<u32> = around
            .into_iter()
            .flatten()
            .filter_map(|k| places.get(k))
            .filter_map(|k| word_at(*k))
            .map(|other| other.stem)
            .collect();
        let near = document.near.get(&stem);
        let joined = around.iter().filter(|o| near.is_some_and(|near| near.contains(o))).count();
        let pair = |before: Option<usize>, after: usize| {
            let stems = before.and_then(word_at).zip(word_at(after)).map(|(a, b)| (a.stem, b.stem));
            flag(stems.is_some_and(|pair| document.bigrams.contains(&pair)))
        };
        let in_best = reading.evidence.first().and_then(|at| document.pieces.get(*at));
        rows.push(WordRow {
            at,
            row: [
                flag(in_evidence),
                flag(in_source),
                is(Relation::Same),
                is(Relation::Near),
                is(Relation::Broader),
                is(Relation::Narrower),
                is(Relation::Sibling),
                is(Relation::Opposite),
                source as u8 as f32,
                sense,
                sense_source,
                flag(opposite),
                without,
                without_centre,
                report.prior(stem),
                flag(word.capital && at > 0),
                flag(word.number.is_some()),
                word.lower.chars().count() as f32,
                if in_source { joined as f32 / around.len().max(1) as f32 } else { -1.0 },
                flag(is_known(stem)),
                flag(word.sense.is_known()),
                greatest(&reading.cover),
                nearest,
                document.heard(stem),
                flag(at == 0),
                flag(word.negates),
                flag(reading.names_speaker(at)),
                pair(at.checked_sub(1), at),
                pair(Some(at), at + 1),
                centre,
                flag(in_best.is_some_and(|piece| piece.stems.contains(&stem))),
            ],
        });
    }
    Ok(rows)
}
