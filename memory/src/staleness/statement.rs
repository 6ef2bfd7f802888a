//! What is kept of a turn for comparing it with others.
//!
//! A [`Statement`] is built once, when the turn has its vector, and compared
//! with many. It knows its own words and the turn just before it, because what
//! "yes, the second one" sets stands in the question that it answers.

use std::sync::Arc;

use jiff::Timestamp;

use super::text::{Attributes, Cue, Cues, Kind, Lexed, Sense, Value, Word};
use crate::turn::{Role, Sequence};

/// A turn as it is read for comparing.
#[derive(Clone, Copy, Debug)]
pub struct TurnText<'a> {
    /// Place on the branch.
    pub sequence: Sequence,
    /// Who said it.
    pub role: Role,
    /// The speaker, where people talk among themselves; empty otherwise.
    pub speaker: &'a str,
    /// When it was said.
    pub said_at: Timestamp,
    /// Its searchable text.
    pub text: &'a str,
    /// Its vector, unit length, where it is embedded.
    pub vector: Option<&'a [f32]>,
}

/// A clause of a text.
#[derive(Clone, Copy, Debug)]
pub struct Clause {
    /// First word and one past the last.
    pub words: (u16, u16),
    /// Its cue phrases.
    pub cues: Cues,
    /// What it speaks of.
    pub attributes: Attributes,
    /// What its words mean, together.
    pub sense: Sense,
}

/// What was said, apart from by whom and when.
#[derive(Debug)]
pub struct Said {
    /// The text.
    pub text: Arc<str>,
    /// Its words in order.
    pub words: Vec<Word>,
    /// Content words by stem: (stem, index into `words`), sorted.
    pub stems: Vec<(u32, u16)>,
    /// Its clauses in order.
    pub clauses: Vec<Clause>,
    /// Its typed values in order.
    pub values: Vec<Value>,
    /// Cue phrases anywhere.
    pub cues: Cues,
    /// What it speaks of anywhere.
    pub attributes: Attributes,
    /// What its words mean, together.
    pub sense: Sense,
    /// Its vector.
    pub vector: Option<Arc<[f32]>>,
}

impl Said {
    /// Reads a text.
    pub fn of(text: &str, vector: Option<&[f32]>) -> Self {
        let lexed = Lexed::of(text);
        let cues = Cues::of_clauses(&lexed);
        let attributes = Attributes::of_clauses(&lexed);
        let values = Value::all_of(text, &lexed);
        let ends = lexed.clauses.iter().skip(1);
        let sense = |from: u16, to: u16| {
            let words = lexed.words.get(usize::from(from)..usize::from(to)).unwrap_or(&[]);
            Sense::pooled(words.iter().map(|word| word.sense))
        };
        let clauses: Vec<Clause> = lexed
            .clauses
            .iter()
            .zip(ends)
            .zip(cues.iter().zip(&attributes))
            .map(|((from, to), (cues, attributes))| Clause {
                words: (*from, *to),
                cues: *cues,
                attributes: *attributes,
                sense: sense(*from, *to),
            })
            .collect();
        let mut stems: Vec<(u32, u16)> = lexed
            .words
            .iter()
            .enumerate()
            .filter(|(_, word)| word.content)
            .map(|(index, word)| (word.stem, index as u16))
            .collect();
        stems.sort_unstable();
        Self {
            text: text.into(),
            cues: clauses.iter().fold(Cues::default(), |all, clause| all | clause.cues),
            attributes: clauses
                .iter()
                .fold(Attributes::default(), |all, clause| all | clause.attributes),
            sense: Sense::pooled(lexed.words.iter().map(|word| word.sense)),
            words: lexed.words,
            stems,
            clauses,
            values,
            vector: vector.map(Into::into),
        }
    }

    /// Whether a cue phrase is anywhere in it.
    pub fn has(&self, cue: Cue) -> bool {
        self.cues.has(cue)
    }

    /// Its values of a kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Value> {
        self.values.iter().filter(move |value| value.kind == kind)
    }
}

/// A turn, ready to be compared.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Place on the branch.
    pub sequence: Sequence,
    /// Who said it.
    pub role: Role,
    /// The speaker, where people talk among themselves; empty otherwise.
    pub speaker: Arc<str>,
    /// When it was said.
    pub said_at: Timestamp,
    /// What was said.
    pub said: Arc<Said>,
    /// What was said just before, by somebody else.
    pub before: Option<Arc<Said>>,
}

impl Statement {
    /// Reads a turn; `before` is the turn just before it on the branch.
    pub fn of(turn: &TurnText<'_>, before: Option<&Self>) -> Self {
        let other = before.filter(|b| b.role != turn.role || *b.speaker != *turn.speaker);
        Self {
            sequence: turn.sequence,
            role: turn.role,
            speaker: turn.speaker.into(),
            said_at: turn.said_at,
            said: Arc::new(Said::of(turn.text, turn.vector)),
            before: other.map(|before| Arc::clone(&before.said)),
        }
    }

    /// Whether both are of one speaker.
    pub fn same_speaker(&self, other: &Self) -> bool {
        self.role == other.role && self.speaker == other.speaker
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(
        sequence: Sequence,
        role: Role,
        text: &str,
        before: Option<&Statement>,
    ) -> Statement {
        let said_at = Timestamp::UNIX_EPOCH;
        Statement::of(
            &TurnText { sequence, role, speaker: "", said_at, text, vector: None },
            before,
        )
    }

    #[test]
    fn a_statement_knows_what_it_answers() {
        let asked = statement(1, Role::Assistant, "Which city?", None);
        let answer = statement(2, Role::User, "Berlin. Near the Zoo, at 7 pm.", Some(&asked));
        assert_eq!(answer.before.as_ref().map(|said| &*said.text), Some("Which city?"));
        assert_eq!(answer.said.clauses.len(), 2);
        assert_eq!(answer.said.of_kind(Kind::Time).count(), 1);
        assert!(answer.said.stems.is_sorted());
        let more = statement(3, Role::User, "And for two.", Some(&answer));
        assert!(more.before.is_none(), "the same speaker going on is no question");
    }
}
