//! What two texts have in common and how they differ: shared words, the value
//! that changed, whether they are about one thing.

use super::claim::Words;
use crate::staleness::text::{Kind, Span};

/// Whether two texts are about one thing, as far as the words say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    /// The same words stand before the verb, or fewer of them.
    Same,
    /// Each has words that the other lacks.
    Other,
    /// One has no such words.
    Unknown,
}

/// The comparison of an earlier and a later text.
#[derive(Debug)]
pub(super) struct Likeness {
    /// What they are about.
    pub(super) topic: Topic,
    /// Content words in both.
    pub(super) shared: usize,
    /// Shared words of the shorter one, 0 to 1.
    pub(super) overlap: f32,
    /// Content words only in the earlier, only in the later.
    pub(super) left: (usize, usize),
    /// A typed value that differs, in both.
    pub(super) differs: Option<(Span, Span)>,
}

impl Likeness {
    /// Compares two texts.
    pub(super) fn of(earlier: &Words, later: &Words) -> Self {
        let shared = common(&earlier.stems, &later.stems);
        let least = earlier.stems.len().min(later.stems.len()).max(1);
        Self {
            topic: topic(earlier, later),
            shared,
            overlap: shared as f32 / least as f32,
            left: (earlier.stems.len() - shared, later.stems.len() - shared),
            differs: differing(earlier, later),
        }
    }

    /// Whether a few words stand in the place of a few others.
    pub(super) fn substitutes(&self) -> bool {
        const FEW: std::ops::RangeInclusive<usize> = 1..=3;
        FEW.contains(&self.left.0) && FEW.contains(&self.left.1) && self.shared >= 2
    }
}

/// Whether two texts say the same: the same words in the same order, or one
/// typed value each that agrees and nothing beside it.
pub(super) fn same_words(a: &Words, b: &Words) -> bool {
    let words = |text: &Words| text.said.words.iter().map(|word| word.hash).collect::<Vec<_>>();
    if words(a) == words(b) {
        return true;
    }
    match (a.said.values.as_slice(), b.said.values.as_slice()) {
        ([x], [y]) => x.agrees(y) == Some(true) && covers(a, x.words) && covers(b, y.words),
        _ => false,
    }
}

/// Whether a value is all the content of a text.
fn covers(text: &Words, value: (u16, u16)) -> bool {
    let (from, until) = (usize::from(value.0), usize::from(value.1));
    let mut words = text.said.words.iter().enumerate();
    words.all(|(at, word)| !word.content || (from..until).contains(&at))
}

fn topic(earlier: &Words, later: &Words) -> Topic {
    if let (Some(a), Some(b)) = (&earlier.topic, &later.topic) {
        let shared = common(a, b);
        return if shared == 0 || shared < a.len() && shared < b.len() {
            Topic::Other
        } else {
            Topic::Same
        };
    }
    let opens = |text: &Words, topic: &[u32]| {
        let words = text.said.words.iter().skip(text.from);
        let begin = words.filter(|word| word.content).take(topic.len());
        begin.filter(|word| topic.binary_search(&word.stem).is_ok()).count() == topic.len()
    };
    match (&earlier.topic, &later.topic) {
        (Some(topic), None) if opens(later, topic) => return Topic::Same,
        (None, Some(topic)) if opens(earlier, topic) => return Topic::Same,
        _ => {}
    }
    match (earlier.leading_name(), later.leading_name()) {
        (Some(a), Some(b)) if a == b => Topic::Same,
        (Some(_), Some(_)) => Topic::Other,
        _ => Topic::Unknown,
    }
}

/// A typed value of which the later text has another of the same kind, and the
/// earlier none that agrees with it. Where the topic is known only what is said
/// of it counts.
fn differing(earlier: &Words, later: &Words) -> Option<(Span, Span)> {
    let behind = |text: &Words, from: u16| usize::from(from) >= text.rest;
    Kind::ALL.into_iter().find_map(|kind| {
        let old = || earlier.said.of_kind(kind).filter(|v| behind(earlier, v.words.0));
        let new = || later.said.of_kind(kind).filter(|v| behind(later, v.words.0));
        let agree = old().any(|x| new().any(|y| x.agrees(y) == Some(true)));
        let changed = old().find_map(|x| {
            let other = new().find(|y| x.agrees(y) == Some(false))?;
            Some((x.span, other.span))
        });
        // "Friday 5pm" and "Friday 6pm": the time differs, the day agrees.
        changed.filter(|_| !agree)
    })
}

/// Numbers in both of two sorted lists.
pub(super) fn common(a: &[u32], b: &[u32]) -> usize {
    a.iter().filter(|stem| b.binary_search(stem).is_ok()).count()
}
