//! What words mean, as far as a few numbers tell: Berlin is near to Lisbon, a
//! violin to a cello, rent to a lease. So that statements meet that share no
//! word, and that what differs in two statements is seen to be of one sort.
//!
//! The numbers are the main components of the default embedding model's vectors
//! of common English words, one byte each, by stem; see the model card. Words
//! that are not in the table have no sense and are left to the rest.

use std::{collections::HashMap, sync::LazyLock};

/// Numbers of a sense.
pub const DIMENSIONS: usize = 24;
/// Length of a unit vector in bytes.
const UNIT: f32 = 127.0;
/// Bytes of a record: the stem's hash, little-endian, then the numbers.
const RECORD: usize = 4 + DIMENSIONS;

/// The table as it ships, made by `evals/training/train_staleness.py words`; what
/// is drawn depends on it.
pub static BUNDLED: &[u8] = include_bytes!("../../../weights/staleness-words.bin");

static TABLE: LazyLock<HashMap<u32, Sense>> = LazyLock::new(|| {
    BUNDLED
        .chunks_exact(RECORD)
        .filter_map(|record| {
            let (stem, numbers) = record.split_first_chunk::<4>()?;
            let mut sense = Sense::default();
            for (to, from) in sense.0.iter_mut().zip(numbers) {
                *to = from.cast_signed();
            }
            Some((u32::from_le_bytes(*stem), sense))
        })
        .collect()
});

/// A direction, or nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sense(pub [i8; DIMENSIONS]);

impl Sense {
    /// The sense of a word by its stem's hash.
    pub fn of_stem(stem: u32) -> Option<Self> {
        TABLE.get(&stem).copied()
    }

    /// The mean direction of many; nothing of none.
    pub fn pooled(senses: impl Iterator<Item = Self>) -> Self {
        let mut sum = [0_i32; DIMENSIONS];
        for sense in senses {
            for (to, from) in sum.iter_mut().zip(sense.0) {
                *to += i32::from(from);
            }
        }
        let length = sum.iter().map(|x| (*x as f32).powi(2)).sum::<f32>().sqrt();
        let mut out = Self::default();
        if length > 0.0 {
            for (to, from) in out.0.iter_mut().zip(sum) {
                *to = (from as f32 / length * UNIT).round() as i8;
            }
        }
        out
    }

    /// Whether it says anything.
    pub fn is_known(&self) -> bool {
        self.0.iter().any(|number| *number != 0)
    }

    /// Cosine, -1 to 1; 0 where one is nothing.
    pub fn near(&self, other: &Self) -> f32 {
        let dot: i32 = self.0.iter().zip(other.0).map(|(a, b)| i32::from(*a) * i32::from(b)).sum();
        dot as f32 / (UNIT * UNIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::staleness::text::Lexed;

    fn sense(word: &str) -> Sense {
        let lexed = Lexed::of(word);
        lexed.words.first().and_then(|word| Sense::of_stem(word.stem)).expect(word)
    }

    #[test]
    fn words_of_one_sort_are_near() {
        for (word, near, far) in [
            ("Berlin", "Lisbon", "bread"),
            ("violin", "flute", "rent"),
            ("Monday", "Thursday", "blue"),
            ("daughter", "sister", "budget"),
        ] {
            let (word, near, far) = (sense(word), sense(near), sense(far));
            assert!(word.near(&near) > word.near(&far) + 0.2);
        }
        assert_eq!(Sense::of_stem(0), None);
    }

    #[test]
    fn pools_point_between() {
        let (a, b) = (sense("Berlin"), sense("violin"));
        let pool = Sense::pooled([a, b].into_iter());
        assert!(pool.near(&a) > a.near(&b) && pool.near(&b) > a.near(&b));
        assert!(!Sense::pooled(std::iter::empty()).is_known());
    }
}
