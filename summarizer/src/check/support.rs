//! How a claim is supported by what each speaker said: the same words weigh
//! otherwise where he says them of himself, of the one he speaks to, as a
//! question, or in answer to one.

use std::collections::HashMap;

use super::{
    claims::Claim,
    document::Document,
    manner::Mode,
    matched::{ClaimWord, Matched, raise},
    reading::Reading,
    utterances::{About, Said},
};

/// Kinds of clauses by who says them of whom.
const CELLS: usize = 16;
/// The kind of what another says of the speaker.
const OF_HIM: usize = CELLS - 1;
/// Numbers behind the cells by sentence and by turn.
const ACT_SENTENCE: usize = 2 * CELLS;
const ACT_TURN: usize = ACT_SENTENCE + 1;
const ACT_PAIR: usize = ACT_SENTENCE + 2;
const ALL: usize = ACT_SENTENCE + 3;
const BEST_TURN: usize = ACT_SENTENCE + 4;
const WITH_REPLIES: usize = ACT_SENTENCE + 5;
const OF_SELF: usize = ACT_SENTENCE + 6;
/// Numbers of one claim.
const OWN: usize = ACT_SENTENCE + 7;
/// What a clause worded as the act is worth by itself.
const ACT_WORTH: f32 = 0.3;

/// Numbers of a speaker: for all manners together, then for each.
pub(super) const WIDTH: usize = OWN * (1 + Mode::COUNT);

/// A claim's support by speaker.
pub(super) struct Support {
    speakers: Vec<Speaker>,
    mode: Mode,
}

#[derive(Clone)]
struct Speaker {
    numbers: [f32; OWN],
    /// The turn that covers the claim best, with how well.
    turn: Option<(f32, usize)>,
}

impl Support {
    /// Reads a claim against the clauses of the source.
    pub(super) fn of(reading: &Reading<'_>, claim: &Claim) -> Self {
        let document = reading.document;
        let tokens = claim.words.iter().filter_map(|at| reading.tokens.get(*at));
        let words: Vec<ClaimWord> = tokens.map(|token| ClaimWord::of(document, token)).collect();
        let matched = Matched::of(document, &words);
        let read = |speaker| speaker_of(document, claim, &matched, speaker);
        Self { speakers: (0..document.speakers.len()).map(read).collect(), mode: claim.mode }
    }

    /// Adds the numbers of one speaker less those of another to a row.
    pub(super) fn add(&self, own: usize, other: usize, sign: f32, row: &mut [f32; WIDTH]) {
        let (Some(own), Some(other)) = (self.speakers.get(own), self.speakers.get(other)) else {
            return;
        };
        let places = [0, OWN * (1 + self.mode.index())];
        for (at, (own, other)) in own.numbers.iter().zip(&other.numbers).enumerate() {
            for start in places {
                if let Some(to) = row.get_mut(start + at) {
                    *to += sign * (own - other);
                }
            }
        }
    }

    /// How well all that a speaker says covers the claim.
    pub(super) fn all(&self, speaker: usize) -> f32 {
        self.speakers.get(speaker).map_or(0.0, |speaker| number(&speaker.numbers, ALL))
    }

    /// The turn of a speaker that covers the claim best, with how well.
    pub(super) fn turn(&self, speaker: usize) -> Option<(f32, usize)> {
        self.speakers.get(speaker).and_then(|speaker| speaker.turn)
    }
}

fn number(numbers: &[f32], at: usize) -> f32 {
    numbers.get(at).copied().unwrap_or(0.0)
}

fn lift(numbers: &mut [f32; OWN], at: usize, value: f32) {
    if let Some(to) = numbers.get_mut(at) {
        *to = to.max(value);
    }
}

/// What covers a claim, by sentence and turn.
#[derive(Default)]
struct Groups {
    sentences: HashMap<(usize, usize), Vec<f32>>,
    turns: HashMap<(usize, usize), Vec<f32>>,
    own_turns: HashMap<usize, Vec<f32>>,
    answered: HashMap<usize, Vec<f32>>,
    of_self: HashMap<usize, Vec<f32>>,
    all: Vec<f32>,
}

fn speaker_of(document: &Document, claim: &Claim, matched: &Matched, speaker: usize) -> Speaker {
    let mut groups = Groups::default();
    for (clause, near) in document.said.iter().zip(&matched.nearness) {
        if !near.is_empty()
            && let Some(cell) = cell(clause, speaker)
        {
            groups.take(clause, cell, near, speaker);
        }
    }
    let mut numbers = [0.0_f32; OWN];
    for ((cell, _), covered) in &groups.sentences {
        lift(&mut numbers, *cell, matched.cover(covered));
    }
    for ((cell, _), covered) in &groups.turns {
        lift(&mut numbers, CELLS + cell, matched.cover(covered));
    }
    acts(document, claim, matched, &groups, speaker, &mut numbers);
    let mut turn = None;
    for (at, covered) in &groups.own_turns {
        let cover = matched.cover(covered);
        let better = |(most, best): (f32, usize)| cover > most || (cover == most && *at < best);
        if turn.is_none_or(better) {
            turn = Some((cover, *at));
        }
        lift(&mut numbers, BEST_TURN, cover);
    }
    lift(&mut numbers, ALL, matched.cover(&groups.all));
    for covered in groups.answered.values() {
        lift(&mut numbers, WITH_REPLIES, matched.cover(covered));
    }
    for covered in groups.of_self.values() {
        lift(&mut numbers, OF_SELF, matched.cover(covered));
    }
    Speaker { numbers, turn }
}

impl Groups {
    fn take(&mut self, clause: &Said, cell: usize, near: &[f32], speaker: usize) {
        let turn = clause.turn;
        raise(self.sentences.entry((cell, clause.sentence)).or_default(), near);
        raise(self.turns.entry((cell, turn)).or_default(), near);
        // Of himself: "I", "we", "my", what he answers of himself, what he is told.
        if matches!(cell, 0 | 2 | 4 | 6 | 10 | 12 | OF_HIM) {
            raise(self.of_self.entry(turn).or_default(), near);
        }
        if clause.speaker == speaker {
            raise(self.answered.entry(turn).or_default(), near);
            if !clause.reply {
                raise(&mut self.all, near);
                raise(self.own_turns.entry(turn).or_default(), near);
            }
        }
    }
}

/// Clauses of the speaker that are worded as what the claim says he does: "sorry"
/// for "apologizes".
fn acts(
    document: &Document,
    claim: &Claim,
    matched: &Matched,
    groups: &Groups,
    speaker: usize,
    numbers: &mut [f32; OWN],
) {
    if claim.acts.is_empty() {
        return;
    }
    let own = |clause: &&Said| clause.speaker == speaker && !clause.reply;
    for clause in document.said.iter().filter(own) {
        if !clause.acts.meets(claim.acts) {
            continue;
        }
        let sentence = (0..CELLS)
            .filter_map(|cell| groups.sentences.get(&(cell, clause.sentence)))
            .map(|covered| matched.cover(covered))
            .fold(0.0, f32::max);
        let mut turn = groups.own_turns.get(&clause.turn).cloned().unwrap_or_default();
        lift(numbers, ACT_SENTENCE, ACT_WORTH + sentence);
        lift(numbers, ACT_TURN, ACT_WORTH + matched.cover(&turn));
        // What is agreed to or refused stands in the turn before.
        if let Some(before) = clause.turn.checked_sub(1) {
            for (other, near) in document.said.iter().zip(&matched.nearness) {
                if other.turn == before {
                    raise(&mut turn, near);
                }
            }
        }
        lift(numbers, ACT_PAIR, ACT_WORTH + matched.cover(&turn));
    }
}

/// The kind of a clause as a speaker sees it; `None` for what is neither his nor of him.
fn cell(clause: &Said, speaker: usize) -> Option<usize> {
    let own = clause.about == About::Of(speaker);
    if clause.speaker != speaker {
        let told = clause.about == About::Yours && clause.listener == Some(speaker);
        return ((own || told) && !clause.reply).then_some(OF_HIM);
    }
    let about = match clause.about {
        About::Of(_) if own => 0,
        About::Of(_) => 1,
        About::Both => 2,
        About::Third => 3,
        About::Mine => 4,
        About::Yours => 5,
    };
    Some(if clause.reply { 12 + about.min(2) } else { about + 6 * usize::from(clause.asks) })
}
