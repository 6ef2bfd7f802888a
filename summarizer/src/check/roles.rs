//! Who said or did it: whether what a sentence tells of a speaker stands in that
//! speaker's turns or rather in another's.

use std::collections::HashSet;

use throughline_memory::embed::{EmbedError, Embedder};

use super::{
    document::cosine,
    reading::{Mention, Reading, greatest},
};
use crate::text::tokens;

/// Before a name that is not the one who says or does it.
const OBJECTS: &str = "to for by with from of and about tells asks told asked helps gives";

/// How what is told of speakers stands to their turns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Roles {
    /// Least share in the speaker's own turns less the greatest in another's.
    pub(super) own_lead: f32,
    /// The same for the best single turn, with half its cosine.
    pub(super) turn_lead: f32,
    /// Least share in the speaker's own turns.
    pub(super) own: f32,
    /// What the nearest piece gains in cosine with the first speaker exchanged.
    pub(super) exchange_gain: f32,
    /// The speaker who is rather meant, of the mention with the least lead.
    pub(super) rather: Option<(Mention, usize)>,
}

impl Default for Roles {
    fn default() -> Self {
        Self { own_lead: 0.0, turn_lead: 0.0, own: 1.0, exchange_gain: 0.0, rather: None }
    }
}

/// Compares each speaker named in the sentence with the others.
///
/// # Errors
/// [`EmbedError`] of the embedder.
pub(super) fn roles(reading: &Reading<'_>, embedder: &dyn Embedder) -> Result<Roles, EmbedError> {
    let mut out = Roles::default();
    let document = reading.document;
    if document.speakers.len() < 2 || reading.mentions.is_empty() {
        return Ok(out);
    }
    let names: HashSet<u32> = document
        .speakers
        .iter()
        .flatten()
        .flat_map(|name| tokens(name))
        .map(|word| word.stem)
        .collect();
    let mut least = f32::INFINITY;
    for (order, mention) in reading.mentions.iter().enumerate() {
        if order > 0 && is_object(reading, mention) {
            continue;
        }
        let Some(told) = told(reading, order, &names) else { continue };
        let share = |speaker: usize| share(reading, &told, speaker);
        let best = |speaker: usize| best_turn(reading, &told, speaker);
        let others = || (0..document.speakers.len()).filter(|other| *other != mention.speaker);
        let (own, own_turn) = (share(mention.speaker), best(mention.speaker));
        let other = greatest(&others().map(share).collect::<Vec<_>>());
        let rival = others().map(|other| (best(other), other)).max_by(|a, b| a.0.total_cmp(&b.0));
        let Some((rival_turn, rival)) = rival else { continue };
        let lead = own_turn - rival_turn;
        if lead < least {
            (least, out.turn_lead, out.rather) = (lead, lead, Some((*mention, rival)));
        }
        let first = out.rather.is_some() && order == 0;
        out.own_lead = if first { own - other } else { out.own_lead.min(own - other) };
        out.own = out.own.min(own);
    }
    if let Some((mention, rival)) = out.rather {
        out.exchange_gain = exchange_gain(reading, mention, rival, embedder)?;
    }
    Ok(out)
}

/// "to Anna", "with Anna": the one that it is done to.
fn is_object(reading: &Reading<'_>, mention: &Mention) -> bool {
    let before = mention.at.checked_sub(1).and_then(|at| reading.tokens.get(at));
    before.is_some_and(|word| OBJECTS.split(' ').any(|object| object == word.lower))
}

/// Stems of what is told of a mention, up to the next; `None` for nothing.
fn told(reading: &Reading<'_>, order: usize, names: &HashSet<u32>) -> Option<HashSet<u32>> {
    const LEAST_APART: usize = 4;
    let mention = reading.mentions.get(order)?;
    let next = reading.mentions.get(order + 1).map(|next| next.at);
    let end = next.filter(|at| at - mention.at > LEAST_APART).unwrap_or(reading.tokens.len());
    let words = reading.tokens.get(mention.at + mention.len..end).unwrap_or_default();
    let told: HashSet<u32> = words
        .iter()
        .filter(|word| word.content && !names.contains(&word.stem))
        .map(|word| word.stem)
        .filter(|stem| reading.document.heard(*stem) > 0.0)
        .collect();
    (!told.is_empty()).then_some(told)
}

/// Share of what is told, by rarity, in all turns of a speaker.
fn share(reading: &Reading<'_>, told: &HashSet<u32>, speaker: usize) -> f32 {
    let document = reading.document;
    let own: Vec<_> = document.pieces.iter().filter(|piece| piece.speaker == speaker).collect();
    let weight: f32 = told.iter().map(|stem| document.heard(*stem)).sum();
    let said = told.iter().filter(|stem| own.iter().any(|piece| piece.stems.contains(stem)));
    said.map(|stem| document.heard(*stem)).sum::<f32>() / weight.max(1e-6)
}

/// The best piece of a speaker: share of what is told and half the cosine.
fn best_turn(reading: &Reading<'_>, told: &HashSet<u32>, speaker: usize) -> f32 {
    let document = reading.document;
    let weight: f32 = told.iter().map(|stem| document.heard(*stem)).sum();
    let pieces = document.pieces.iter().zip(&reading.cosines);
    let own = pieces.filter(|(piece, _)| piece.speaker == speaker).map(|(piece, cosine)| {
        let said = told.iter().filter(|stem| piece.stems.contains(stem));
        said.map(|stem| document.heard(*stem)).sum::<f32>() / weight.max(1e-6) + 0.5 * cosine
    });
    own.fold(0.0, f32::max)
}

/// Names exchanged, does the sentence come nearer to its source?
fn exchange_gain(
    reading: &Reading<'_>,
    mention: Mention,
    rival: usize,
    embedder: &dyn Embedder,
) -> Result<f32, EmbedError> {
    let document = reading.document;
    let mut text = String::new();
    let mut last = 0;
    for found in &reading.mentions {
        let other = match found.speaker {
            speaker if speaker == mention.speaker => rival,
            speaker if speaker == rival => mention.speaker,
            _ => continue,
        };
        let tokens = reading.tokens.get(found.at..found.at + found.len).unwrap_or_default();
        let (Some(first), Some(end)) = (tokens.first(), tokens.last()) else { continue };
        text.push_str(reading.text.get(last..first.start).unwrap_or(""));
        text.push_str(&document.speakers.get(other).map_or(String::new(), |name| name.join(" ")));
        last = end.end;
    }
    text.push_str(reading.text.get(last..).unwrap_or(""));
    let vectors = embedder.embed(&[text.as_str()])?;
    let Some(vector) = vectors.first() else { return Ok(0.0) };
    let all: Vec<f32> = document.vectors.iter().map(|other| cosine(vector, other)).collect();
    Ok(greatest(&all) - reading.nearest())
}
