//! How two words are related in WordNet: the same, nearly, one the broader, of
//! one sort, opposites. So that "discussed" supports "debated", and "cheap" does
//! not support "expensive".
//!
//! The table is made by `evals/training/make_relations.py`; which words are
//! compared is the caller's matter.

use std::{collections::HashMap, sync::LazyLock};

/// The table as it ships.
static BUNDLED: &[u8] = include_bytes!("../../weights/relations.bin");

/// Lists of a record: own, near, above, against.
const LISTS: usize = 4;
/// Bytes of a synset's number.
const SYNSET: usize = 3;

/// How a word of a summary is related to a word of its source, from the best
/// support to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Relation {
    /// One is what the other is not.
    Opposite,
    /// Nothing is known.
    None,
    /// Both are of one sort: a cat and a dog.
    Sibling,
    /// The summary's word says more.
    Narrower,
    /// The summary's word says less.
    Broader,
    /// Similar, or derived from one another.
    Near,
    /// They share a sense.
    Same,
}

/// Where a stem's lists begin in the table, with their lengths in synsets.
#[derive(Clone, Copy)]
struct Record {
    at: usize,
    lengths: [u8; LISTS],
}

impl Record {
    fn list(&self, which: usize) -> impl Iterator<Item = &'static [u8]> + use<> {
        let before: usize =
            self.lengths.iter().take(which).map(|length| 1 + usize::from(*length) * SYNSET).sum();
        let length = self.lengths.get(which).map_or(0, |length| usize::from(*length));
        let start = self.at + before + 1;
        BUNDLED.get(start..start + length * SYNSET).unwrap_or_default().chunks_exact(SYNSET)
    }

    /// Whether two lists share a synset; both are short and unsorted by bytes.
    fn meets(&self, which: usize, other: &Self, of_other: usize) -> bool {
        self.list(which).any(|synset| other.list(of_other).any(|theirs| theirs == synset))
    }
}

static TABLE: LazyLock<HashMap<u32, Record>> = LazyLock::new(|| {
    let mut table = HashMap::new();
    let mut rest = BUNDLED;
    while let Some((stem, after)) = rest.split_first_chunk::<4>() {
        let at = BUNDLED.len() - after.len();
        let mut lengths = [0; LISTS];
        let mut left = after;
        for length in &mut lengths {
            let Some((count, tail)) = left.split_first() else { return table };
            *length = *count;
            left = tail.get(usize::from(*count) * SYNSET..).unwrap_or_default();
        }
        table.insert(u32::from_le_bytes(*stem), Record { at, lengths });
        rest = left;
    }
    table
});

/// Whether a stem is in the table.
pub(super) fn is_known(stem: u32) -> bool {
    TABLE.contains_key(&stem)
}

/// How a word of a summary is related to one of its source, by their stems.
pub(super) fn relation(summary: u32, source: u32) -> Relation {
    const OWN: usize = 0;
    const NEAR: usize = 1;
    const ABOVE: usize = 2;
    const AGAINST: usize = 3;
    if summary == source {
        return Relation::Same;
    }
    let (Some(a), Some(b)) = (TABLE.get(&summary), TABLE.get(&source)) else {
        return Relation::None;
    };
    if a.meets(AGAINST, b, OWN) || b.meets(AGAINST, a, OWN) {
        Relation::Opposite
    } else if a.meets(OWN, b, OWN) {
        Relation::Same
    } else if a.meets(OWN, b, NEAR) || a.meets(NEAR, b, OWN) {
        Relation::Near
    } else if a.meets(OWN, b, ABOVE) {
        Relation::Broader
    } else if a.meets(ABOVE, b, OWN) {
        Relation::Narrower
    } else if a.meets(ABOVE, b, ABOVE) {
        Relation::Sibling
    } else {
        Relation::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tokens;

    #[test]
    fn words_are_related_as_wordnet_has_them() {
        let stem = |word: &str| tokens(word).first().unwrap().stem;
        for (a, b, expected) in [
            ("cheap", "expensive", Relation::Opposite),
            ("agreed", "disagreed", Relation::Opposite),
            ("purchased", "buying", Relation::Same),
            ("silver", "gold", Relation::Sibling),
            ("spoon", "quickly", Relation::None),
            ("zzz", "buy", Relation::None),
        ] {
            assert_eq!(relation(stem(a), stem(b)), expected, "{a} {b}");
        }
        assert!(TABLE.len() > 15_000);
    }
}
