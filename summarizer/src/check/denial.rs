//! Was it denied? Each clause of a sentence is held against the clauses of the
//! source that cover it, those that deny and those that do not. From that comes
//! how likely the source denies it, and so which is better supported: the clause,
//! or its negation.

use super::{
    clauses::{clause_ranges, denials, tells},
    document::Document,
    matched::{ClaimWord, Matched, raise},
    reading::Reading,
    relations::{Relation, relation},
};

/// Words by which a clause is said to be possible only.
const HEDGES: [&str; 5] = ["may", "might", "maybe", "perhaps", "possibly"];

/// Numbers of a clause's evidence.
pub(super) const WIDTH: usize = 16;

/// Places in the row.
const REPLIES: [usize; 2] = [1, 0];
const ASKED: usize = 2;
const CLAUSES: [usize; 2] = [4, 3];
const SENTENCES: [usize; 2] = [6, 5];
const ASKED_SENTENCE: usize = 7;
const LEADS: [usize; 2] = [9, 8];
const BEST: usize = 10;
const OPPOSED: usize = 11;
const TOP_DENIES: usize = 12;
const TOP_ASKS: usize = 13;
const WEIGHT: usize = 14;
const DENYING: usize = 15;

/// A clause of a sentence with what the source has on its polarity.
#[derive(Clone, Debug)]
pub(super) struct Denial {
    /// It denies.
    pub(super) denied: bool,
    /// It only says what is possible: "may not" leaves room for its contrary.
    pub(super) hedged: bool,
    /// The token that denies; the first of the clause where none does.
    pub(super) at: usize,
    /// What the source has on it, whichever way the sentence says it.
    pub(super) row: [f32; WIDTH],
    /// The turns that cover it best: of those that do not deny, of those that do.
    turns: [Option<usize>; 2],
}

impl Denial {
    /// The turn that says the contrary.
    pub(super) fn contrary(&self) -> Option<usize> {
        let [plain, denying] = self.turns;
        if self.denied { plain } else { denying }
    }
}

/// The clauses of a sentence that say something.
pub(super) fn clauses(reading: &Reading<'_>) -> Vec<Denial> {
    let ranges = clause_ranges(reading.text, &reading.tokens);
    let denied = denials(&reading.tokens, &ranges, false);
    let mut out = Vec::new();
    for (range, denied) in ranges.iter().zip(denied) {
        let clause = reading.tokens.get(range.clone()).unwrap_or_default();
        let told = clause
            .iter()
            .enumerate()
            .filter(|(at, word)| tells(word) && !reading.names_speaker(range.start + at));
        let words: Vec<ClaimWord> =
            told.map(|(_, word)| ClaimWord::of(reading.document, word)).collect();
        if words.is_empty() {
            continue;
        }
        let at = range.start + clause.iter().position(|word| word.negates).unwrap_or(0);
        let hedged = clause.iter().any(|word| HEDGES.contains(&word.lower.as_str()));
        let (row, turns) = evidence(reading.document, &words);
        out.push(Denial { denied, hedged, at, row, turns });
    }
    out
}

/// A sentence of the source as it is read here.
#[derive(Default)]
struct Sentence {
    number: Option<usize>,
    denied: bool,
    asks: bool,
    covered: Vec<f32>,
}

fn evidence(document: &Document, words: &[ClaimWord]) -> ([f32; WIDTH], [Option<usize>; 2]) {
    let matched = Matched::of(document, words);
    let mut row = [0.0_f32; WIDTH];
    let mut best: [(f32, Option<usize>); 2] = [(0.0, None); 2];
    let mut top = (0.0_f32, None);
    let mut open = Sentence::default();
    for (clause, near) in document.said.iter().zip(&matched.nearness) {
        if near.is_empty() {
            continue;
        }
        let cover = matched.cover(near);
        let [plain, denying] = if clause.reply { REPLIES } else { CLAUSES };
        let at = if clause.asks {
            ASKED
        } else if clause.denied {
            denying
        } else {
            plain
        };
        lift(&mut row, at, cover);
        if let Some(side) = best.get_mut(usize::from(clause.denied))
            && !clause.asks
            && cover > side.0
        {
            *side = (cover, Some(clause.turn));
        }
        if clause.reply {
            continue;
        }
        if cover > top.0 {
            top = (cover, Some(clause));
        }
        if open.number != Some(clause.sentence) {
            close(&mut row, &matched, &open);
            open = Sentence {
                number: Some(clause.sentence),
                asks: clause.asks,
                ..Sentence::default()
            };
        }
        open.denied |= clause.denied;
        raise(&mut open.covered, near);
    }
    close(&mut row, &matched, &open);
    let of = |row: &[f32; WIDTH], side: usize| {
        let at = |places: [usize; 2]| places.get(side).and_then(|at| row.get(*at)).copied();
        at(CLAUSES).unwrap_or(0.0).max(at(REPLIES).unwrap_or(0.0))
    };
    let (yes, no) = (of(&row, 0), of(&row, 1));
    let [yes_leads, no_leads] = LEADS;
    lift(&mut row, yes_leads, yes - no);
    lift(&mut row, no_leads, no - yes);
    lift(&mut row, BEST, no.max(yes));
    if let Some(clause) = top.1 {
        let opposed = words.iter().any(|word| {
            let said = clause.words.iter().filter_map(|at| document.vocabulary.get(*at));
            said.into_iter()
                .any(|said| relation(word.meaning.stem, said.stem) == Relation::Opposite)
        });
        lift(&mut row, OPPOSED, f32::from(u8::from(opposed)));
        lift(&mut row, TOP_DENIES, f32::from(u8::from(clause.denied)));
        lift(&mut row, TOP_ASKS, f32::from(u8::from(clause.asks)));
    }
    lift(&mut row, WEIGHT, matched.total().ln());
    let denying = document.said.iter().filter(|clause| clause.denied).count();
    lift(&mut row, DENYING, denying as f32 / document.said.len().max(1) as f32);
    (row, best.map(|(_, turn)| turn))
}

/// Takes a whole sentence in.
fn close(row: &mut [f32; WIDTH], matched: &Matched, sentence: &Sentence) {
    let [plain, denying] = SENTENCES;
    let at = if sentence.asks {
        ASKED_SENTENCE
    } else if sentence.denied {
        denying
    } else {
        plain
    };
    lift(row, at, matched.cover(&sentence.covered));
}

fn lift(row: &mut [f32; WIDTH], at: usize, value: f32) {
    if let Some(to) = row.get_mut(at) {
        *to = to.max(value);
    }
}
