//! What to pin of a turn: which of its sentences is an instruction, a
//! prohibition, a preference, a fact about the user, a decision, a commitment,
//! a consent or an identifier, and how sure that is.
//!
//! Flow: [`sentences`] cuts the turn, [`features`] tells how a sentence says
//! what it says, [`model`] weighs it. Figures and typical errors: `docs/pins.md`.
//!
//! Invariants: a plain function of the text, the vectors and the weights; no
//! clock, no store, no language model; bounded by the first 8 KiB of a turn. What
//! is found is a span of the turn, verbatim.

mod features;
mod identifiers;
mod live;
mod model;
mod sentences;
mod weights;

pub use live::{Live, Words, is_kept, live, repeats, tells, use_of};
pub use model::{PinModelError, Sort};
pub use weights::{MAX_PIN_WEIGHTS_BYTES, PinWeights, PinWeightsError};

use self::{
    features::{Place, features},
    model::{Model, Sorted},
    sentences::sentences,
};
use super::FactKind;
use crate::{embed::Vector, staleness::text::Span};

/// Version of the rules around the weights; with another one pins are drawn
/// again.
const RULES_VERSION: u32 = 3;
/// Pins that one turn may bring, the surest.
pub const MAX_PER_TURN: usize = 4;
/// Bytes of a pin; of a longer sentence the clauses around the surest are
/// pinned.
const MAX_SPAN: usize = 420;
/// Words of a run of clauses that is looked at by itself, at least.
const MIN_RUN_WORDS: usize = 4;
/// Runs of clauses of one sentence.
const MAX_RUNS: usize = 24;

/// Why a detector cannot be made: operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum PinDetectorError {
    /// The weights cannot be read.
    #[error(transparent)]
    Weights(#[from] PinWeightsError),
    /// They do not fit.
    #[error(transparent)]
    Model(#[from] PinModelError),
}

/// A sentence that is worth a pin.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What it is.
    pub sort: Sort,
    /// How sure that is, 0 to 1.
    pub probability: f32,
    /// Bytes of the turn's text.
    pub span: (u32, u32),
}

impl Sort {
    /// The kind of its pin.
    pub fn kind(self) -> FactKind {
        match self {
            Self::Instruction | Self::Prohibition => FactKind::Instruction,
            Self::Preference => FactKind::Preference,
            Self::Fact => FactKind::Fact,
            Self::Decision => FactKind::Decision,
            Self::Commitment => FactKind::Commitment,
            Self::Consent => FactKind::Consent,
            Self::Identifier => FactKind::Identifier,
        }
    }

    /// Whether a pin that is so sure stands in every window.
    pub fn is_required(self, probability: f32) -> bool {
        matches!(self, Self::Prohibition | Self::Consent) && probability >= SURE
    }

    /// Whether it is the user's wherever they talk, and not of one conversation.
    pub fn is_of_user(self) -> bool {
        matches!(self, Self::Preference | Self::Fact | Self::Identifier)
    }
}

/// How sure a prohibition, a consent or an identifier must be to displace what
/// else is pinned. What is less sure is kept as long as there is room.
pub const SURE: f32 = 0.25;

/// Finds what to pin.
#[derive(Debug)]
pub struct PinDetector {
    model: Model,
    version: u32,
}

impl PinDetector {
    /// With the weights that ship.
    ///
    /// # Errors
    /// [`PinDetectorError`], which a test rules out.
    pub fn built_in() -> Result<Self, PinDetectorError> {
        Self::with(&PinWeights::built_in())
    }

    /// With other weights.
    ///
    /// # Errors
    /// [`PinDetectorError`].
    pub fn with(weights: &PinWeights) -> Result<Self, PinDetectorError> {
        let model = Model::parse(&weights.text)?;
        let hash = blake3::hash(format!("{RULES_VERSION} {}", weights.sha256).as_bytes());
        let version = hash.as_bytes().first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        Ok(Self { model, version })
    }

    /// Another one for other weights or other rules.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Name of the weights.
    pub fn name(&self) -> &str {
        &self.model.version
    }

    /// The embedding model whose vectors it knows.
    pub fn embedding(&self) -> &str {
        &self.model.embedding
    }

    /// The sentences of a turn, whose vectors [`PinDetector::detect`] wants.
    pub fn sentences(text: &str) -> Vec<&str> {
        let of = |span: &Span| text.get(span.start as usize..span.end as usize);
        sentences(text).iter().filter_map(of).collect()
    }

    /// What to pin of a user's turn, at most [`MAX_PER_TURN`] sentences, in
    /// order. `vectors` are those of its sentences, normalised, by the model
    /// [`PinDetector::embedding`], or none; `least` is the least probability.
    pub fn detect(&self, text: &str, vectors: &[Vector], least: f32) -> Vec<Found> {
        let spans = sentences(text);
        let mut found: Vec<Found> = Vec::new();
        for (number, span) in spans.iter().enumerate() {
            let place = Place { number, of: spans.len() };
            let of_vector = self.model.of_vector(vectors.get(number).map(|vector| &vector[..]));
            found.extend(self.read(text, *span, place, &of_vector).pin(text, least));
        }
        while found.len() > MAX_PER_TURN {
            let weakest = found.iter().enumerate().min_by(|(_, a), (_, b)| {
                let rank =
                    |found: &Found| (found.sort.is_required(found.probability), found.probability);
                rank(a).partial_cmp(&rank(b)).unwrap_or(std::cmp::Ordering::Equal)
            });
            let Some((weakest, _)) = weakest else { break };
            found.remove(weakest);
        }
        found
    }

    /// Reads a sentence and the runs of clauses in it: what is said in passing
    /// must not be drowned by what stands around it.
    fn read(&self, text: &str, span: Span, place: Place, of_vector: &[f32]) -> Read {
        let sums = |span: Span| {
            let features = features(text, span, place, &self.model.vocabulary);
            self.model.sums(&features, of_vector)
        };
        let whole = sums(span);
        let mut best = whole.clone();
        let mut where_best = vec![span; whole.len()];
        for run in runs(text, span) {
            for (kind, sum) in sums(run).into_iter().enumerate() {
                let (Some(best), Some(place)) = (best.get_mut(kind), where_best.get_mut(kind))
                else {
                    continue;
                };
                if sum > *best {
                    (*best, *place) = (sum, run);
                }
            }
        }
        Read { span, sorts: self.model.sorts(&whole, &best), surest: where_best }
    }
}

/// A sentence, read.
struct Read {
    span: Span,
    /// How sure each sort is.
    sorts: Vec<Sorted>,
    /// The run of clauses, or the whole, where each is surest.
    surest: Vec<Span>,
}

impl Read {
    /// The pin of the surest of the sorts that are worth one.
    fn pin(self, text: &str, least: f32) -> Option<Found> {
        let sorts = self.sorts.iter().zip(&self.surest);
        let worth = sorts.filter(|(sorted, _)| sorted.probability >= sorted.pin_at.max(least));
        // A prohibition is an instruction too, and the stronger word for it.
        let rank =
            |sorted: &Sorted| (sorted.sort.is_required(sorted.probability), sorted.probability);
        let (sorted, surest) = worth.max_by(|(a, _), (b, _)| {
            rank(a).partial_cmp(&rank(b)).unwrap_or(std::cmp::Ordering::Equal)
        })?;
        let span = shortened(text, self.span, *surest);
        Some(Found {
            sort: sorted.sort,
            probability: sorted.probability,
            span: (span.start, span.end),
        })
    }
}

/// A sentence that is too long for a pin, cut to whole clauses: the surest and
/// those around it that fit.
fn shortened(text: &str, span: Span, surest: Span) -> Span {
    if span.of(text).len() <= MAX_SPAN {
        return span;
    }
    let clauses = clauses(text, span);
    let mut kept = if surest.of(text).len() <= MAX_SPAN { surest } else { Span::default() };
    if kept.start == kept.end {
        let Some(first) = clauses.first() else { return span };
        kept = *first;
    }
    let before: Vec<&Span> = clauses.iter().filter(|clause| clause.end <= kept.start).collect();
    for clause in before.into_iter().rev() {
        if (kept.end - clause.start) as usize > MAX_SPAN {
            break;
        }
        kept.start = clause.start;
    }
    let behind: Vec<&Span> = clauses.iter().filter(|clause| clause.start >= kept.end).collect();
    for clause in behind {
        if (clause.end - kept.start) as usize > MAX_SPAN {
            break;
        }
        kept.end = clause.end;
    }
    kept
}

/// The clauses of a sentence and each with the next, those of some words; none
/// of a sentence of one clause.
fn runs(text: &str, span: Span) -> Vec<Span> {
    let clauses = clauses(text, span);
    if clauses.len() < 2 {
        return Vec::new();
    }
    let last = clauses.len() - 1;
    let mut runs = Vec::new();
    for (at, clause) in clauses.iter().enumerate() {
        for to in [at, at + 1] {
            let Some(end) = clauses.get(to).filter(|_| !(at == 0 && to == last)) else { continue };
            let run = Span { start: clause.start, end: end.end };
            if run.of(text).split_whitespace().count() >= MIN_RUN_WORDS {
                runs.push(run);
            }
        }
    }
    runs.truncate(MAX_RUNS);
    runs
}

/// The clauses of a sentence: a comma, semicolon or dash ends one. One that is
/// still too long is cut at a character border.
fn clauses(text: &str, span: Span) -> Vec<Span> {
    let mut found = Vec::new();
    let sentence = span.of(text);
    let mut start = 0;
    let ends = sentence.match_indices([',', ';', '—', '–']).map(|(at, sign)| at + sign.len());
    // The comma in a number parts nothing.
    let ends = ends.filter(|end| {
        sentence.get(*end..).is_some_and(|rest| rest.starts_with(char::is_whitespace))
    });
    for end in ends.chain([sentence.len()]) {
        let raw = sentence.get(start..end).unwrap_or("");
        let kept = raw.trim();
        let from = start + (raw.len() - raw.trim_start().len());
        let kept = kept.get(..kept.floor_char_boundary(MAX_SPAN)).unwrap_or("");
        if kept.contains(char::is_alphanumeric) {
            let at = |offset: usize| span.start + u32::try_from(offset).unwrap_or(0);
            found.push(Span { start: at(from), end: at(from + kept.len()) });
        }
        start = end;
    }
    found
}

#[cfg(test)]
mod tests;
