//! A text read for comparing what it answers: its clauses and its typed values,
//! each with the content words that stand around it.

use super::super::text::{Cues, Kind, Lexed, Value, Word};

/// Words on either side of a value that say what it is a value of.
const AROUND: usize = 8;

/// What was said in a turn.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    pub(super) clauses: Vec<Clause>,
    pub(super) values: Vec<Valued>,
    /// Stems of content words anywhere, sorted, each once.
    pub(super) stems: Vec<u32>,
}

/// A clause.
#[derive(Clone, Debug)]
pub(super) struct Clause {
    /// Stems of its content words, sorted, each once.
    pub(super) stems: Vec<u32>,
    pub(super) cues: Cues,
}

/// A value with its surroundings.
#[derive(Clone, Debug)]
pub(super) struct Valued {
    pub(super) value: Value,
    /// Stems of the content words around it and of its own words, numbers apart.
    pub(super) stems: Vec<u32>,
}

impl Reading {
    /// Reads a text.
    pub fn of(text: &str) -> Self {
        let lexed = Lexed::of(text);
        let cues = Cues::of_clauses(&lexed);
        let ends = lexed.clauses.iter().skip(1);
        let clauses = lexed.clauses.iter().zip(ends).zip(&cues).map(|((from, to), cues)| {
            let words = lexed.words.get(usize::from(*from)..usize::from(*to)).unwrap_or(&[]);
            Clause { stems: sorted(content(words)), cues: *cues }
        });
        let values = Value::all_of(text, &lexed).into_iter();
        // A name or a number to call says who or where, not how much or when.
        let values = values.filter(|value| !matches!(value.kind, Kind::Name | Kind::Id));
        Self {
            clauses: clauses.collect(),
            values: values.map(|value| Valued { stems: around(&lexed, &value), value }).collect(),
            stems: sorted(content(&lexed.words)),
        }
    }
}

/// The content words near a value, in its clause.
fn around(lexed: &Lexed, value: &Value) -> Vec<u32> {
    let (from, to) = (usize::from(value.words.0), usize::from(value.words.1));
    let near = from.saturating_sub(AROUND)..(to + AROUND).min(lexed.words.len());
    let words = near.filter_map(|at| Some((at, lexed.words.get(at)?)));
    let words = words.filter(|(_, word)| word.clause == value.clause && !word.digit);
    let own = |at: usize| (from..to).contains(&at);
    sorted(words.filter(|(at, word)| word.content || own(*at)).map(|(_, word)| word.stem))
}

fn content(words: &[Word]) -> impl Iterator<Item = u32> + '_ {
    words.iter().filter(|word| word.content).map(|word| word.stem)
}

fn sorted(stems: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut stems: Vec<u32> = stems.collect();
    stems.sort_unstable();
    stems.dedup();
    stems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_knows_the_words_around_it() {
        let read = Reading::of("Hi. My grocery budget is $500 a month. Fine, 3 eggs!");
        assert_eq!(read.clauses.len(), 3);
        let stems = |text: &str| Reading::of(text).stems;
        let [budget, eggs] = read.values.as_slice() else { panic!("{:?}", read.values) };
        assert_eq!(budget.value.kind, Kind::Money);
        assert_eq!(budget.stems, stems("grocery budget month"));
        assert!(eggs.stems.contains(&stems("eggs")[0]));
        assert!(!eggs.stems.contains(&stems("budget")[0]), "another clause");
        assert!(Reading::of("").values.is_empty());
    }
}
