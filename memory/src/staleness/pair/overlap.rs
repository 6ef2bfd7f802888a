//! Words that two texts share, and the pair of clauses that belong together.
//!
//! Long turns say many things; what is compared is the pair of clauses with the
//! most in common, by rare words and by typed values of one kind.

use crate::staleness::{
    statement::{Clause, Said},
    text::{Span, words::MAX_CLAUSES},
};

/// Occurrences of one word that are matched across two texts.
const MAX_REPEATS: usize = 4;
/// Content words of each side that frames are looked for among.
const MAX_FRAMED: usize = 24;

/// How much a shared word tells: long words and names are rarer.
fn weight(said: &Said, index: u16) -> u16 {
    let Some(word) = said.words.get(index as usize) else { return 0 };
    let letters = word.span.end - word.span.start;
    let rare = match letters {
        0..=3 => 1,
        4..=6 => 2,
        _ => 3,
    };
    rare + u16::from(word.capital && !word.digit)
}

/// Content words that two texts share, each once: how many, and their weight.
pub(super) fn shared(a: &Said, b: &Said) -> (f32, f32) {
    let (mut count, mut total) = (0, 0);
    runs(a, b, |x, _| {
        count += 1;
        total += x.first().map_or(0, |(_, index)| weight(a, *index));
    });
    (count as f32, f32::from(total))
}

/// Different content words of a text.
pub(super) fn distinct(said: &Said) -> f32 {
    said.stems.chunk_by(|x, y| x.0 == y.0).count() as f32
}

/// Calls `with` for each stem of both, with its places in each.
fn runs<'a>(a: &'a Said, b: &'a Said, mut with: impl FnMut(&'a [(u32, u16)], &'a [(u32, u16)])) {
    let (mut x, mut y) = (&*a.stems, &*b.stems);
    while let (Some((left, _)), Some((right, _))) = (x.first(), y.first()) {
        let from_x = x.partition_point(|(stem, _)| stem <= left);
        let from_y = y.partition_point(|(stem, _)| stem <= right);
        match left.cmp(right) {
            std::cmp::Ordering::Less => x = x.get(from_x..).unwrap_or(&[]),
            std::cmp::Ordering::Greater => y = y.get(from_y..).unwrap_or(&[]),
            std::cmp::Ordering::Equal => {
                with(x.get(..from_x).unwrap_or(&[]), y.get(..from_y).unwrap_or(&[]));
                x = x.get(from_x..).unwrap_or(&[]);
                y = y.get(from_y..).unwrap_or(&[]);
            }
        }
    }
}

/// Rarity of each word of a new text among earlier ones: one over the number of
/// those that have it, and one for a word that none has.
pub(super) fn rarity<'a>(new: &Said, earlier: impl Iterator<Item = &'a Said>) -> Vec<f32> {
    let mut seen = vec![0.0_f32; new.words.len()];
    for old in earlier {
        runs(old, new, |_, y| {
            for (_, at) in y {
                if let Some(count) = seen.get_mut(*at as usize) {
                    *count += 1.0;
                }
            }
        });
    }
    seen.into_iter().map(|count| 1.0 / count.max(1.0)).collect()
}

/// Sum of the rarity of the words shared: of the whole texts, of the clauses
/// that meet.
pub(super) fn rare(old: &Said, new: &Said, met: &Meeting, rarity: &[f32]) -> (f32, f32) {
    let (mut whole, mut within) = (0.0, 0.0);
    let inside = |said: &Said, places: &[(u32, u16)], clause: usize| {
        places.iter().any(|(_, at)| {
            said.words.get(*at as usize).is_some_and(|w| w.clause as usize == clause)
        })
    };
    runs(old, new, |x, y| {
        let own = y.first().and_then(|(_, at)| rarity.get(*at as usize)).copied().unwrap_or(0.0);
        whole += own;
        if inside(old, x, met.old) && inside(new, y, met.new) {
            within += own;
        }
    });
    (whole, within)
}

/// The clauses of two texts that belong together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meeting {
    /// Index of the old text's clause.
    pub(super) old: usize,
    /// Index of the new text's clause.
    pub(super) new: usize,
    /// Weight of the words that they share.
    pub(super) weight: f32,
}

/// Finds the clauses that have most in common.
pub(super) fn meeting(old: &Said, new: &Said) -> Meeting {
    let columns = new.clauses.len().min(MAX_CLAUSES);
    let mut table = [0_u16; MAX_CLAUSES * MAX_CLAUSES];
    let mut add = |c: u16, d: u16, more: u16| {
        if let Some(cell) = table.get_mut(c as usize * columns + d as usize) {
            *cell = cell.saturating_add(more);
        }
    };
    runs(old, new, |x, y| {
        for (_, i) in x.iter().take(MAX_REPEATS) {
            for (_, j) in y.iter().take(MAX_REPEATS) {
                let place = |said: &Said, at: u16| said.words.get(at as usize).map(|w| w.clause);
                if let (Some(c), Some(d)) = (place(old, *i), place(new, *j)) {
                    add(c, d, weight(old, *i));
                }
            }
        }
    });
    for v in &old.values {
        for w in new.values.iter().filter(|w| w.kind == v.kind) {
            match v.agrees(w) {
                Some(false) if w.unit != 0 => add(v.clause, w.clause, 3),
                Some(false) => add(v.clause, w.clause, 2),
                Some(true) => add(v.clause, w.clause, 1),
                None => {}
            }
        }
    }
    for (c, a) in old.clauses.iter().enumerate() {
        for (d, b) in new.clauses.iter().enumerate() {
            let (single, plural) = a.attributes.shared(b.attributes);
            if single + plural > 0.0 {
                add(c as u16, d as u16, 2);
            }
        }
    }
    let best = table
        .iter()
        .take(columns * old.clauses.len())
        .enumerate()
        .max_by_key(|(at, weight)| (**weight, std::cmp::Reverse(*at)));
    match best {
        Some((at, weight)) if *weight > 0 && columns > 0 => {
            Meeting { old: at / columns, new: at % columns, weight: f32::from(*weight) }
        }
        _ => Meeting { old: fullest(old), new: fullest(new), weight: 0.0 },
    }
}

/// The clause with the most words.
fn fullest(said: &Said) -> usize {
    let by = |clause: &Clause| clause.words.1 - clause.words.0;
    said.clauses.iter().enumerate().rev().max_by_key(|(_, c)| by(c)).map_or(0, |(at, _)| at)
}

/// Different words in one frame: "to *Paris*" / "to *Rome*", "*jazz* concert" /
/// "*rock* concert".
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Frames {
    /// Same word before, a function word.
    pub(super) after_function: f32,
    /// Same word before, a content word.
    pub(super) after_content: f32,
    /// Same content word behind.
    pub(super) before_content: f32,
    /// The first such words, the best kind first: old, new.
    pub(super) spans: Option<(Span, Span)>,
}

/// Looks for frames within two ranges of words.
pub(super) fn frames(old: &Said, a: (u16, u16), new: &Said, b: (u16, u16)) -> Frames {
    let mut found = Frames::default();
    let mut best = 0;
    for i in changed(old, a, new) {
        for j in changed(new, b, old) {
            let kind = frame(old, i, new, j);
            match kind {
                1 => found.after_function += 1.0,
                2 => found.after_content += 1.0,
                3 => found.before_content += 1.0,
                _ => continue,
            }
            if kind > best && (kind > 1 || after_preposition(old, i)) {
                best = kind;
                let span = |said: &Said, at: u16| said.words.get(at as usize).map(|w| w.span);
                found.spans = span(old, i).zip(span(new, j));
            }
        }
    }
    found
}

/// Content words in a range that the other text lacks.
pub(super) fn changed(said: &Said, range: (u16, u16), other: &Said) -> impl Iterator<Item = u16> {
    (range.0..range.1)
        .filter(move |at| {
            said.words.get(*at as usize).is_some_and(|word| {
                word.content && other.stems.binary_search_by_key(&word.stem, |(s, _)| *s).is_err()
            })
        })
        .take(MAX_FRAMED)
}

/// Whether the word before is a preposition: what follows an article or a
/// pronoun need not be of one sort.
fn after_preposition(said: &Said, at: u16) -> bool {
    let before = at.checked_sub(1).and_then(|before| said.words.get(before as usize));
    before.is_some_and(|word| {
        matches!(
            word.span.of(&said.text),
            "to" | "in"
                | "at"
                | "for"
                | "from"
                | "on"
                | "by"
                | "with"
                | "of"
                | "near"
                | "into"
                | "as"
        )
    })
}

/// Which frame two words share: 0 none, 1 function word before, 2 content word
/// before, 3 content word behind.
fn frame(old: &Said, i: u16, new: &Said, j: u16) -> u8 {
    let near = |said: &Said, at: u16, step: i32| {
        let here = said.words.get(at as usize)?;
        let there = usize::try_from(i32::from(at) + step).ok()?;
        said.words.get(there).filter(|word| word.clause == here.clause).copied()
    };
    let behind = (near(old, i, 1), near(new, j, 1));
    if let (Some(x), Some(y)) = behind
        && x.stem == y.stem
        && x.content
    {
        return 3;
    }
    match (near(old, i, -1), near(new, j, -1)) {
        (Some(x), Some(y)) if x.stem == y.stem => 1 + u8::from(x.content),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_that_share_rare_words_meet() {
        let old = Said::of("What a day. I live in Berlin near the Spree. Any dinner ideas?", None);
        let new =
            Said::of("Thanks! By the way, we no longer live in Berlin. Dinner was fine.", None);
        let met = meeting(&old, &new);
        assert_eq!((met.old, met.new), (1, 1));
    }

    #[test]
    fn different_words_in_one_frame_are_found() {
        for (old, new, expected) in [
            ("fly to Paris", "fly to Rome", Some(("Paris", "Rome"))),
            ("a jazz concert", "the rock concert", Some(("jazz", "rock"))),
            ("fly to Paris", "eat pizza", None),
        ] {
            let (a, b) = (Said::of(old, None), Said::of(new, None));
            let found = frames(&a, (0, 10), &b, (0, 10)).spans;
            assert_eq!(found.map(|(x, y)| (x.of(old), y.of(new))), expected, "{old} / {new}");
        }
    }
}
