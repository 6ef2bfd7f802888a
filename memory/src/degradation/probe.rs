//! Questions for facts, made of the sentences that told them: a sentence without
//! the value that it tells asks for it, as in a cloze test (W. L. Taylor, 1953).
//!
//! Invariants: a function of the text alone, no language model; what tells no
//! value, or has too few words around it, asks nothing.

use serde::{Deserialize, Serialize};

use crate::{
    facts::detect::{PinDetector, tells},
    staleness::text::{Lexed, Span},
    turn::{ConversationId, Sequence, TenantId},
};

/// Version of the questions; a record of another one was asked by other rules.
pub const PROBES_VERSION: u32 = 1;
/// Content words that must stand around the value: fewer ask for anything.
const MIN_CONTENT: usize = 4;
/// Words of a value at most.
const MAX_VALUE_WORDS: usize = 6;

/// Which conversations are probed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeSettings {
    /// Share of the conversations, 0 to 1.
    pub share: f32,
    /// Turns from one round of probes of a conversation to the next.
    pub every: Sequence,
}

impl Default for ProbeSettings {
    fn default() -> Self {
        Self { share: 0.05, every: 16 }
    }
}

impl ProbeSettings {
    /// Whether a conversation is in the sample: the same answer every time.
    pub fn samples(&self, tenant: &TenantId, id: &ConversationId) -> bool {
        let name = format!("{tenant}/{id}");
        let hash = blake3::hash(name.as_bytes());
        let drawn = hash.as_bytes().first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        f64::from(drawn) < f64::from(self.share) * (f64::from(u32::MAX) + 1.0)
    }
}

/// A question for a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cloze {
    /// The sentence without its value.
    pub question: String,
    sentence: String,
    value: String,
}

impl Cloze {
    /// A question for a fact of a text: of the sentences that tell a number or a
    /// name, the one with the most words around it.
    pub fn of(text: &str) -> Option<Self> {
        let sentences = PinDetector::sentences(text).into_iter();
        let mut best: Option<(usize, Self)> = None;
        for (content, cloze) in sentences.filter_map(cloze_of) {
            if best.as_ref().is_none_or(|(most, _)| content > *most) {
                best = Some((content, cloze));
            }
        }
        best.map(|(_, cloze)| cloze)
    }

    /// Whether a part of a window answers it: it holds the value, and tells what
    /// the sentence told.
    pub fn is_answered_by(&self, unit: &str) -> bool {
        unit.to_lowercase().contains(&self.value) && tells(unit, &self.sentence)
    }
}

/// The question of one sentence, and how many content words ask.
fn cloze_of(sentence: &str) -> Option<(usize, Cloze)> {
    let lexed = Lexed::of(sentence);
    if lexed.asks.contains(&true) {
        return None;
    }
    let is_value = |at: usize| {
        let word = lexed.words.get(at)?;
        let named = word.capital && at > 0 && word.content;
        (word.digit || named).then_some(word.span)
    };
    let first = (0..lexed.words.len()).find(|at| is_value(*at).is_some())?;
    let run: Vec<Span> =
        (first..lexed.words.len()).map_while(is_value).take(MAX_VALUE_WORDS).collect();
    let span = run.first()?.to(*run.last()?);
    let around = lexed.words.iter().enumerate();
    let content = around
        .filter(|(at, word)| word.content && !(first..first + run.len()).contains(at))
        .count();
    if content < MIN_CONTENT {
        return None;
    }
    let before = sentence.get(..span.start as usize)?.trim_end();
    let after = sentence.get(span.end as usize..)?.trim_start();
    let cloze = Cloze {
        question: format!("{before} {after}").trim().to_owned(),
        sentence: sentence.to_owned(),
        value: span.of(sentence).to_lowercase(),
    };
    Some((content, cloze))
}

/// The distances that are asked at, of a conversation with so many turns: 1, 2, 4
/// and so on, each up to the next.
pub fn distances(turns: Sequence) -> impl Iterator<Item = std::ops::Range<Sequence>> {
    (0..Sequence::BITS)
        .map_while(|power| Some((1 << power, 1_u64.checked_shl(power + 1)?)))
        .take_while(move |(from, _)| *from < turns)
        .map(move |(from, until)| from..until.min(turns))
}

/// What came of one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    /// The turn that told the fact.
    pub source: Sequence,
    /// The window answered.
    pub recalled: bool,
}

/// The record of one round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeRound {
    /// [`PROBES_VERSION`] that asked.
    pub version: u32,
    /// Newest turn when it was asked.
    pub at: Sequence,
    /// Tokens that the windows might have: those of the conversation's own.
    pub budget: u32,
    /// What came of it, the nearest first.
    pub probes: Vec<Probed>,
}

impl ProbeRound {
    /// Turns between the question and the fact, and whether it was recalled.
    pub fn by_distance(&self) -> impl Iterator<Item = (Sequence, bool)> {
        self.probes.iter().map(|probed| (self.at - probed.source.min(self.at), probed.recalled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_asks_for_the_value_that_it_tells() {
        for (text, question, value) in [
            (
                "Thanks! My dentist appointment was moved to 14:30 on the ground floor.",
                "My dentist appointment was moved to on the ground floor.",
                "14:30",
            ),
            (
                "We finally hired a new accountant called Maria Gonzalez last month.",
                "We finally hired a new accountant called last month.",
                "maria gonzalez",
            ),
        ] {
            let cloze = Cloze::of(text).unwrap();
            assert_eq!((cloze.question.as_str(), cloze.value.as_str()), (question, value));
        }
        for silent in [
            "",
            "ok 5",
            "Could you tell me when the shop in Hanover opens on Sundays?",
            "I would rather have something a little quieter than last time.",
        ] {
            assert_eq!(Cloze::of(silent), None, "{silent}");
        }
    }

    #[test]
    fn only_what_tells_the_fact_answers() {
        let cloze = Cloze::of("My dentist appointment was moved to 14:30 on the ground floor.");
        let cloze = cloze.unwrap();
        for (unit, answers) in [
            ("user: My dentist appointment was moved to 14:30 on the ground floor.", true),
            ("The dentist moved the appointment of the user to 14:30, ground floor", true),
            ("My dentist appointment was moved to 15:30 on the ground floor.", false),
            ("The bus leaves at 14:30.", false),
        ] {
            assert_eq!(cloze.is_answered_by(unit), answers, "{unit}");
        }
    }

    #[test]
    fn distances_double() {
        let of = |turns| distances(turns).collect::<Vec<_>>();
        assert!(of(0).is_empty() && of(1).is_empty());
        assert_eq!(of(2), std::slice::from_ref(&(1..2)));
        assert_eq!(of(12), [1..2, 2..4, 4..8, 8..12]);
        assert_eq!(of(Sequence::MAX).len(), 63);
    }

    #[test]
    fn the_sample_has_the_share_that_is_asked_for() {
        let tenant = TenantId::new("t").unwrap();
        let id = |n| ConversationId::new(&format!("c{n}")).unwrap();
        let ids: Vec<_> = (0..2_000).map(id).collect();
        let sampled = |share| {
            let settings = ProbeSettings { share, ..ProbeSettings::default() };
            ids.iter().filter(|id| settings.samples(&tenant, id)).count()
        };
        assert_eq!((sampled(0.0), sampled(1.0)), (0, 2_000));
        assert!((70..130).contains(&sampled(0.05)), "{}", sampled(0.05));
    }
}
