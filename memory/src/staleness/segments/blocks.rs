//! Arithmetic over blocks of neighbouring turns: weighted mean vectors, cosine,
//! shared words, shares of speakers. Slices in, numbers out.

use std::collections::BTreeMap;

use super::{
    cues::CUES,
    trace::{DIMENSIONS, Trace},
};

/// Independent partial sums of a product, so that it runs on vector units;
/// always added in the same order.
const LANES: usize = 8;

/// Inner product, over the shorter length.
pub(super) fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (left, left_rest) = left.as_chunks::<LANES>();
    let (right, right_rest) = right.as_chunks::<LANES>();
    for (x, y) in left.iter().zip(right) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane += x * y;
        }
    }
    lanes.iter().sum::<f32>() + left_rest.iter().zip(right_rest).map(|(x, y)| x * y).sum::<f32>()
}

/// Cosine; 0 where one side is empty.
pub(super) fn cosine(left: &[f32], right: &[f32]) -> f32 {
    let norm = (dot(left, left) * dot(right, right)).sqrt();
    if norm > 0.0 { dot(left, right) / norm } else { 0.0 }
}

/// Sums of weighted vectors from the first trace on, so that the sum of any
/// block is one subtraction.
pub(super) struct Sums {
    /// The sums of the first 0, 1, 2, ... traces, [`DIMENSIONS`] each.
    sums: Vec<f32>,
    traces: usize,
}

impl Sums {
    pub(super) fn new(traces: &[&Trace]) -> Self {
        let mut sums = Vec::with_capacity((traces.len() + 1) * DIMENSIONS);
        let mut sum = vec![0.0f32; DIMENSIONS];
        sums.extend_from_slice(&sum);
        for trace in traces {
            let weight = trace.weight();
            for (total, value) in sum.iter_mut().zip(&trace.vector) {
                *total += weight * value;
            }
            sums.extend_from_slice(&sum);
        }
        Self { sums, traces: traces.len() }
    }

    fn first(&self, traces: usize) -> &[f32] {
        let start = traces.min(self.traces) * DIMENSIONS;
        self.sums.get(start..start + DIMENSIONS).unwrap_or_default()
    }

    /// Unit vector of the block `from..to`, clipped to what is there; zeros
    /// if nothing is.
    pub(super) fn block(&self, from: usize, to: usize) -> Vec<f32> {
        let mut block = self.sum(from, to);
        let norm = dot(&block, &block).sqrt();
        if norm > ROUNDING {
            block.iter_mut().for_each(|x| *x /= norm);
        } else {
            block.fill(0.0);
        }
        block.to_vec()
    }

    fn sum(&self, from: usize, to: usize) -> [f32; DIMENSIONS] {
        let mut block = [0.0f32; DIMENSIONS];
        for ((x, b), a) in block.iter_mut().zip(self.first(to)).zip(self.first(from)) {
            *x = b - a;
        }
        block
    }

    /// Cosine of the blocks of `width` traces on both sides of `gap`.
    pub(super) fn similarity(&self, gap: usize, width: usize) -> f32 {
        let (left, right) = (self.sum(gap.saturating_sub(width), gap), self.sum(gap, gap + width));
        let (a, b) = (dot(&left, &left).sqrt(), dot(&right, &right).sqrt());
        if a > ROUNDING && b > ROUNDING { dot(&left, &right) / (a * b) } else { 0.0 }
    }
}

/// Length of a block's vector below which only rounding of the sums is left.
const ROUNDING: f32 = 1e-4;

/// Share of the words of `new` that no trace of `before` has; 0 without words.
pub(super) fn novelty(new: &[&Trace], before: &[&Trace]) -> f32 {
    let fresh: std::collections::BTreeSet<u64> =
        new.iter().flat_map(|trace| trace.content.iter().copied()).collect();
    let unseen = fresh
        .iter()
        .filter(|word| !before.iter().any(|trace| trace.content.binary_search(word).is_ok()))
        .count();
    unseen as f32 / (fresh.len() + 1) as f32
}

/// Cosine of word counts (turns that use the word) of two blocks.
pub(super) fn shared_words(left: &[&Trace], right: &[&Trace]) -> f32 {
    let count = |block: &[&Trace]| {
        let mut counts: BTreeMap<u64, f32> = BTreeMap::new();
        for word in block.iter().flat_map(|trace| &trace.content) {
            *counts.entry(*word).or_default() += 1.0;
        }
        counts
    };
    let (left, right) = (count(left), count(right));
    let square = |counts: &BTreeMap<u64, f32>| counts.values().map(|n| n * n).sum::<f32>();
    let product: f32 = left.iter().filter_map(|(word, n)| right.get(word).map(|m| n * m)).sum();
    let norm = (square(&left) * square(&right)).sqrt();
    if norm > 0.0 { product / norm } else { 0.0 }
}

/// Words spoken by each speaker of a block (plus one a turn).
pub(super) fn shares(block: &[&Trace]) -> BTreeMap<u64, f32> {
    let mut shares: BTreeMap<u64, f32> = BTreeMap::new();
    for trace in block {
        *shares.entry(trace.speaker).or_default() += trace.words + 1.0;
    }
    shares
}

/// Cosine of the speakers' shares of two blocks.
pub(super) fn same_speakers(left: &[&Trace], right: &[&Trace]) -> f32 {
    let (left, right) = (shares(left), shares(right));
    let square = |shares: &BTreeMap<u64, f32>| shares.values().map(|n| n * n).sum::<f32>();
    let product: f32 = left.iter().filter_map(|(who, n)| right.get(who).map(|m| n * m)).sum();
    let norm = (square(&left) * square(&right)).sqrt();
    if norm > 0.0 { product / norm } else { 0.0 }
}

/// Mean words a turn; 0 for an empty block.
pub(super) fn mean_words(block: &[&Trace]) -> f32 {
    block.iter().map(|trace| trace.words).sum::<f32>() / block.len().max(1) as f32
}

/// How often each cue stands in the turns of a block, in [0, 1].
pub(super) fn cue_rates(block: &[&Trace]) -> [f32; CUES] {
    let mut rates = [0.0; CUES];
    for (bit, rate) in rates.iter_mut().enumerate() {
        let found = block.iter().filter(|trace| trace.cues >> bit & 1 == 1).count();
        *rate = found as f32 / block.len().max(1) as f32;
    }
    rates
}

/// The last `width` of a block.
pub(super) fn tail<T>(block: &[T], width: usize) -> &[T] {
    block.get(block.len().saturating_sub(width)..).unwrap_or(block)
}

/// The first `width` of a block.
pub(super) fn head<T>(block: &[T], width: usize) -> &[T] {
    block.get(..width).unwrap_or(block)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{staleness::segments::SegmentTurn, turn::Role};

    fn trace(text: &str, at: usize) -> Trace {
        let mut vector = vec![0.0; DIMENSIONS];
        vector[at] = 1.0;
        Trace::new(&SegmentTurn {
            sequence: 1,
            role: Role::User,
            speaker: "",
            text,
            vector: &vector,
        })
    }

    #[test]
    fn a_block_is_the_unit_mean_of_its_turns_alone() {
        let (a, b) = (trace("budget for paint", 0), trace("paint again here", 1));
        let sums = Sums::new(&[&a, &b]);
        assert!((cosine(&sums.block(0, 1), &a.vector) - 1.0).abs() < 1e-5);
        assert!(cosine(&sums.block(1, 9), &a.vector).abs() < 1e-5);
        assert!(sums.block(2, 2).iter().all(|x| *x == 0.0));
    }

    #[test]
    fn words_are_compared_between_blocks() {
        let (a, b, c) = (trace("budget paint", 0), trace("paint wall", 1), trace("holiday", 2));
        assert!(shared_words(&[&a], &[&b]) > 0.4 && shared_words(&[&a], &[&c]) == 0.0);
        assert!((novelty(&[&b], &[&a]) - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!(novelty(&[], &[&a]), 0.0);
        assert_eq!(mean_words(&[]), 0.0);
    }
}
