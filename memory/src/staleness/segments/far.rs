//! The far look: a gap with blocks of up to 32 turns on both sides.

use super::{
    blocks::{
        Sums, cue_rates, head, mean_words, novelty, same_speakers, shared_words, shares, tail,
    },
    cues::CUES,
    trace::{DIMENSIONS, Trace},
};

/// Turns before the gap that are looked at.
pub(super) const FAR_LEFT: usize = 48;

/// Turns behind the gap that are looked at.
pub(super) const FAR_RIGHT: usize = 32;

/// Widths of the blocks, in turns.
const WIDTHS: [usize; 6] = [1, 2, 4, 8, 16, 32];

/// Widths at which the valley of similarity is measured (TextTiling's depth
/// score, Hearst 1997), and how far its rims are sought.
const DEPTHS: [usize; 3] = [4, 8, 16];
const RIM: usize = 8;

/// Numbers of [`far_plain`].
pub const FAR_PLAIN: usize = 4 * WIDTHS.len() + DEPTHS.len() + 6 * CUES + 14;

/// Numbers of [`far_head_input`].
pub const FAR_HEAD: usize = 4 * DIMENSIONS;

/// What the linear head reads: the first turn behind the gap, the three after
/// the gap, the difference of the sixteen on both sides, the four before it.
pub fn far_head_input(left: &[&Trace], right: &[&Trace]) -> Vec<f32> {
    let (left, right) = (tail(left, FAR_LEFT), head(right, FAR_RIGHT));
    let traces: Vec<&Trace> = left.iter().chain(right).copied().collect();
    let (sums, gap) = (Sums::new(&traces), left.len());
    let mut input =
        right.first().map_or_else(|| vec![0.0; DIMENSIONS], |trace| trace.vector.clone());
    input.extend(sums.block(gap, gap + 3));
    let (behind, ahead) = (sums.block(gap.saturating_sub(16), gap), sums.block(gap, gap + 16));
    input.extend(ahead.iter().zip(&behind).map(|(a, b)| a - b));
    input.extend(sums.block(gap.saturating_sub(4), gap));
    input
}

/// Height of the rims above the gap, both sides together.
fn depth(sums: &Sums, gap: usize, width: usize, end: usize) -> f32 {
    let at = sums.similarity(gap, width);
    let rim = |from: usize, to: usize| {
        (from..=to).map(|gap| sums.similarity(gap, width)).fold(at, f32::max)
    };
    rim(gap.saturating_sub(RIM).max(1).min(gap), gap)
        + rim(gap, (gap + RIM).min(end.saturating_sub(1)).max(gap))
        - 2.0 * at
}

/// Plain features of the gap between `left` and `right`, both oldest first.
pub fn far_plain(left: &[&Trace], right: &[&Trace]) -> Vec<f32> {
    let (left, right) = (tail(left, FAR_LEFT), head(right, FAR_RIGHT));
    let traces: Vec<&Trace> = left.iter().chain(right).copied().collect();
    let (sums, gap) = (Sums::new(&traces), left.len());
    let mut row = Vec::with_capacity(FAR_PLAIN);
    for width in WIDTHS {
        let (a, b) = (tail(left, width), head(right, width));
        row.extend([
            sums.similarity(gap, width),
            same_speakers(a, b),
            mean_words(a),
            mean_words(b),
        ]);
    }
    row.extend(DEPTHS.map(|width| depth(&sums, gap, width, traces.len())));
    for width in [1, 4, 16] {
        row.extend(cue_rates(tail(left, width)));
        row.extend(cue_rates(head(right, width)));
    }
    for (new, old) in [(1, 32), (4, 48), (16, 48)] {
        row.push(novelty(head(right, new), tail(left, old)));
    }
    row.extend([8, 32].map(|width| shared_words(tail(left, width), head(right, width))));
    let voices = shares(head(right, 8));
    row.push(voices.values().copied().fold(0.0, f32::max) / voices.values().sum::<f32>().max(1.0));
    row.push(shares(&traces).len() as f32);
    let previous = left.last().map(|trace| trace.speaker);
    row.push(f32::from(previous.is_some() && previous == right.first().map(|trace| trace.speaker)));
    row.push(right.first().map_or(0.0, |trace| (trace.sequence as f32).ln_1p()));
    row.push(mean_words(&traces).ln_1p());
    let short = |block: &[&Trace]| {
        block.iter().filter(|trace| trace.words < 4.0).count() as f32 / block.len().max(1) as f32
    };
    row.extend([short(tail(left, 16)), short(head(right, 16))]);
    let longest = |block: &[&Trace]| block.iter().map(|trace| trace.words).fold(0.0, f32::max);
    row.extend([longest(tail(left, 8)), longest(head(right, 8))]);
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{staleness::segments::SegmentTurn, turn::Role};

    fn traces(count: usize) -> Vec<Trace> {
        (0..count)
            .map(|at| {
                let mut vector = vec![0.0; DIMENSIONS];
                vector[usize::from(at >= count / 2)] = 1.0;
                Trace::new(&SegmentTurn {
                    sequence: at as u64 + 1,
                    role: Role::User,
                    speaker: "",
                    text: "some budget words",
                    vector: &vector,
                })
            })
            .collect()
    }

    #[test]
    fn rows_have_their_length_for_every_gap() {
        let traces = traces(100);
        let all: Vec<&Trace> = traces.iter().collect();
        for gap in 0..=100 {
            let row = far_plain(&all[..gap], &all[gap..]);
            assert_eq!(row.len(), FAR_PLAIN);
            assert!(row.iter().all(|x| x.is_finite()), "{gap}");
            assert_eq!(far_head_input(&all[..gap], &all[gap..]).len(), FAR_HEAD);
        }
    }

    #[test]
    fn the_valley_is_deepest_where_the_blocks_part() {
        let traces = traces(40);
        let all: Vec<&Trace> = traces.iter().collect();
        let sums = Sums::new(&all);
        let depths: Vec<f32> = (1..40).map(|gap| depth(&sums, gap, 8, 40)).collect();
        let deepest =
            depths.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(at, _)| at + 1);
        assert_eq!(deepest, Some(20));
    }
}
