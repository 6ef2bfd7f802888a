//! From what was found to a verdict with its reasons.

use super::{
    contrary::Contraries,
    hard::{Hard, Missing, ReasonKind},
    polarity::Polarity,
    reading::Reading,
    roles::Roles,
    weights::CheckWeights,
};

/// From which weight on a denial brought in or dropped is named as a reason.
const NEGATION_NAMED: f32 = 0.6;
/// How far behind a speaker's own turns must be to be named as a reason.
const SPEAKER_NAMED: f32 = -0.25;
/// How far below the threshold the probability is at most where a contrary is believed.
const BELOW: f32 = 0.001;

/// What in a sentence is not supported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What sort of thing.
    pub kind: ReasonKind,
    /// Its words in the sentence.
    pub words: String,
    /// The turn that says it otherwise, or the nearest.
    pub sequence: Option<u64>,
}

/// The verdict on a sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Probability that it is faithful, in [0, 1], calibrated on the training
    /// sets with half of the sentences faithful; just below the least that is taken
    /// at most where a contrary is believed (other speakers, another polarity).
    pub probability: f32,
    /// Taken: likely enough, and nothing of a hard kind is missing.
    pub supported: bool,
    /// What is not supported; a supported sentence may have soft ones.
    pub reasons: Vec<Reason>,
    /// Turns that support it best, best first, each once.
    pub sources: Vec<u64>,
    /// Pieces of the source that support it best, best first.
    pub(super) evidence: Vec<usize>,
    /// Least probability that is taken.
    pub(super) threshold: f32,
    /// What a judge of entailment said of it, where one was asked; the probability has it
    /// weighed in.
    pub entailed: Option<f32>,
}

/// All that was found about a sentence.
pub(super) struct Findings {
    pub(super) hard: Hard,
    pub(super) polarity: Polarity,
    pub(super) roles: Roles,
    /// Token and log odds of each word.
    pub(super) words: Vec<(usize, f32)>,
    pub(super) contrary: Contraries,
}

/// Some tokens of the sentence, lower-cased.
fn spelled(reading: &Reading<'_>, at: usize, len: usize) -> String {
    let tokens = reading.tokens.get(at..at + len).unwrap_or_default();
    tokens.iter().map(|word| word.lower.as_str()).collect::<Vec<_>>().join(" ")
}

pub(super) fn verdict(
    reading: &Reading<'_>,
    probability: f32,
    found: &Findings,
    weights: &CheckWeights,
) -> Verdict {
    let document = reading.document;
    let sequence = |turn: usize| document.sequences.get(turn).copied();
    let mut sources = Vec::new();
    for piece in reading.evidence.iter().filter_map(|at| document.pieces.get(*at)) {
        if let Some(number) = sequence(piece.turn).filter(|number| !sources.contains(number)) {
            sources.push(number);
        }
    }
    let nearest = sources.first().copied();
    let mut reasons: Vec<Reason> = found
        .hard
        .missing
        .iter()
        .map(|Missing { kind, words }| Reason {
            kind: *kind,
            words: words.clone(),
            sequence: nearest,
        })
        .collect();
    let contrary = &found.contrary;
    if let Some(doubt) = contrary.speaker {
        let words = spelled(reading, doubt.at, doubt.len);
        let sequence = doubt.turn.and_then(sequence).or(nearest);
        reasons.push(Reason { kind: ReasonKind::Speaker, words, sequence });
    }
    if let Some(doubt) = contrary.negation {
        let denies = reading.tokens.get(doubt.at).is_some_and(|word| word.negates);
        let words = if denies { spelled(reading, doubt.at, doubt.len) } else { "not".to_owned() };
        let sequence = doubt.turn.and_then(sequence).or(nearest);
        reasons.push(Reason { kind: ReasonKind::Negation, words, sequence });
    }
    let named = |reasons: &[Reason], kind| reasons.iter().any(|reason| reason.kind == kind);
    let polarity = &found.polarity;
    if !named(&reasons, ReasonKind::Negation)
        && polarity.brought >= NEGATION_NAMED
        && let Some((word, turn)) = &polarity.brought_word
    {
        let (words, sequence) = (word.clone(), sequence(*turn));
        reasons.push(Reason { kind: ReasonKind::Negation, words, sequence });
    }
    if !named(&reasons, ReasonKind::Negation)
        && polarity.dropped >= NEGATION_NAMED
        && let Some(turn) = polarity.dropped_turn
    {
        let (words, sequence) = ("not".to_owned(), sequence(turn));
        reasons.push(Reason { kind: ReasonKind::Negation, words, sequence });
    }
    if !named(&reasons, ReasonKind::Speaker)
        && found.roles.turn_lead <= SPEAKER_NAMED
        && let Some((mention, rather)) = found.roles.rather
    {
        let words = spelled(reading, mention.at, mention.len);
        let theirs = reading.evidence.iter().filter_map(|at| document.pieces.get(*at));
        let turn = theirs.filter(|piece| piece.speaker == rather).map(|piece| piece.turn).next();
        let sequence = turn.and_then(sequence).or(nearest);
        reasons.push(Reason { kind: ReasonKind::Speaker, words, sequence });
    }
    for (at, odds) in &found.words {
        let Some(word) = reading.tokens.get(*at) else { continue };
        let words = reading.text.get(word.start..word.end).unwrap_or("").to_owned();
        let named = reasons.iter().any(|reason| reason.words.eq_ignore_ascii_case(&words));
        if *odds >= weights.word_threshold && !named {
            let kind = if word.negates { ReasonKind::Negation } else { ReasonKind::Words };
            reasons.push(Reason { kind, words, sequence: nearest });
        }
    }
    // A contrary that is believed rejects, and says nothing of sentences without one.
    let most = if contrary.any() { weights.threshold - BELOW } else { 1.0 };
    let probability = probability.min(most);
    let supported = probability >= weights.threshold && found.hard.missing.is_empty();
    let (evidence, threshold) = (reading.evidence.clone(), weights.threshold);
    Verdict { probability, supported, reasons, sources, evidence, threshold, entailed: None }
}
