//! The pieces of two turns that speak of the same and disagree most.
//!
//! Bounded by [`super::reading::MAX_PIECES`] squared comparisons of short
//! sorted lists; pieces that share no content word and no opposites are passed.

use super::{
    lexicon::Class,
    reading::{Piece, Reading},
};

/// How two pieces stand to each other.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Match {
    /// Index of the piece of the old turn.
    pub(super) old: usize,
    /// Index of the piece of the new turn.
    pub(super) new: usize,
    /// Content words in both.
    pub(super) shared: f32,
    /// Shared words over the geometric mean of the sizes.
    pub(super) overlap: f32,
    /// Shared words over the smaller size.
    pub(super) cover: f32,
    /// Shared words that one denies and the other does not.
    pub(super) denied_apart: f32,
    /// Shared words that both assert or both deny.
    pub(super) denied_alike: f32,
    /// Shared words said to be so in one and wished or possible in the other.
    pub(super) unreal_apart: f32,
    /// Opposites, one in each, or a word and its denial by prefix.
    pub(super) opposites: f32,
    /// Words on the same side of a group of opposites, not the same word.
    pub(super) synonyms: f32,
    /// "I have never" against the same asserted: share of the sworn words.
    pub(super) sworn: f32,
    /// What it was chosen by.
    pub(super) weight: f32,
}

/// The pair of pieces with most conflict, and the one with most in common.
pub(super) fn best(old: &Reading, new: &Reading) -> (Option<Match>, Option<Match>) {
    let (mut conflict, mut common): (Option<Match>, Option<Match>) = (None, None);
    for (i, a) in old.pieces.iter().enumerate() {
        for (j, b) in new.pieces.iter().enumerate() {
            let Some(found) = of(a, b) else { continue };
            let found = Match { old: i, new: j, ..found };
            if conflict.is_none_or(|best| found.weight > best.weight) {
                conflict = Some(found);
            }
            let better = |best: Match| found.overlap * found.shared > best.overlap * best.shared;
            if common.is_none_or(better) {
                common = Some(found);
            }
        }
    }
    (conflict, common)
}

/// The most conflicting two pieces of one turn.
pub(super) fn within(reading: &Reading) -> Option<Match> {
    let mut best: Option<Match> = None;
    for (j, b) in reading.pieces.iter().enumerate() {
        for (i, a) in reading.pieces.iter().enumerate().take(j) {
            let Some(found) = of(a, b) else { continue };
            if best.is_none_or(|best| found.weight > best.weight) {
                best = Some(Match { old: i, new: j, ..found });
            }
        }
    }
    best
}

/// How two pieces stand to each other; `None` if they share nothing.
fn of(a: &Piece, b: &Piece) -> Option<Match> {
    let mut found = Match::default();
    let (mut x, mut y) = (a.terms.iter().peekable(), b.terms.iter().peekable());
    while let (Some(s), Some(t)) = (x.peek(), y.peek()) {
        if s.stem < t.stem {
            x.next();
        } else if s.stem > t.stem {
            y.next();
        } else {
            found.shared += 1.0;
            let apart = s.denied != t.denied;
            found.denied_apart += f32::from(u8::from(apart));
            found.denied_alike += f32::from(u8::from(!apart));
            found.unreal_apart += f32::from(u8::from(s.unreal != t.unreal));
            x.next();
            y.next();
        }
    }
    prefixed(a, b, &mut found);
    prefixed(b, a, &mut found);
    poles(a, b, &mut found);
    if found.shared + found.opposites == 0.0 {
        return None;
    }
    let (n, m) = (a.terms.len().max(1) as f32, b.terms.len().max(1) as f32);
    found.overlap = found.shared / (n * m).sqrt();
    found.cover = found.shared / n.min(m);
    found.sworn = sworn(a, b, found.shared).max(sworn(b, a, found.shared));
    let denial = f32::from(u8::from(a.denies() != b.denies() && found.denied_apart > 0.0));
    let opposed = found.opposites.min(1.0);
    found.weight = (found.shared.min(4.0) + 0.5 * opposed)
        * (0.2 + found.cover)
        * (1.0 + denial + 0.7 * opposed + 2.0 * found.sworn + 0.1 * found.unreal_apart.min(1.0));
    Some(found)
}

/// "unfair" against "fair".
fn prefixed(a: &Piece, b: &Piece, found: &mut Match) {
    for term in a.terms.iter().filter(|term| term.undenied != 0) {
        if b.terms.binary_search_by_key(&term.undenied, |other| other.stem).is_ok() {
            found.opposites += 1.0;
        }
    }
}

/// Words of one group of opposites, not the same word.
fn poles(a: &Piece, b: &Piece, found: &mut Match) {
    for (stem, pole) in &a.poles {
        for (other, against) in &b.poles {
            if stem == other || pole.group != against.group {
                continue;
            }
            if pole.plus == against.plus {
                found.synonyms += 1.0;
            } else {
                found.opposites += 1.0;
            }
        }
    }
}

/// Share of the words of an "I have never" that the other piece asserts.
fn sworn(oath: &Piece, other: &Piece, shared: f32) -> f32 {
    let holds = oath.swears() && !other.has(Class::Negates) && other.has(Class::First);
    if holds && shared > 0.0 { (shared / oath.terms.len().max(1) as f32).min(1.0) } else { 0.0 }
}
