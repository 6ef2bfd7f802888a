//! The near look: a gap as it is seen when only one turn stands behind it.

use super::{
    blocks::{cosine, cue_rates, head, mean_words, novelty, shares, tail},
    cues::CUES,
    trace::{DIMENSIONS, Trace},
};

/// Turns before the gap that are looked at.
pub(super) const NEAR_LEFT: usize = 32;

/// Numbers of [`near_plain`].
pub const NEAR_PLAIN: usize = 27 + 2 * CUES;

/// Numbers of [`near_head_input`].
pub const NEAR_HEAD: usize = 4 * DIMENSIONS;

/// Unit mean of the vectors of a block, each turn alike.
fn mean(block: &[&Trace]) -> Vec<f32> {
    let mut sum = vec![0.0f32; DIMENSIONS];
    for trace in block {
        for (total, value) in sum.iter_mut().zip(&trace.vector) {
            *total += value;
        }
    }
    let count = block.len().max(1) as f32;
    sum.iter_mut().for_each(|x| *x /= count);
    sum
}

/// What the linear head reads: the new turn, its products with the turn before
/// and with the mean of the last four, and the turn before; scaled so that one
/// penalty fits all.
pub fn near_head_input(before: &[&Trace], turn: &Trace) -> Vec<f32> {
    let previous =
        before.last().map_or_else(|| vec![0.0; DIMENSIONS], |trace| trace.vector.clone());
    let recent = mean(tail(before, 4));
    let mut input = Vec::with_capacity(NEAR_HEAD);
    input.extend(turn.vector.iter().map(|x| 4.0 * x));
    input.extend(turn.vector.iter().zip(&previous).map(|(x, y)| 40.0 * x * y));
    input.extend(turn.vector.iter().zip(&recent).map(|(x, y)| 40.0 * x * y));
    input.extend(previous.iter().map(|x| 4.0 * x));
    input
}

/// Plain features of the gap before `turn`; `before` are the turns before it,
/// oldest first, of which the last [`NEAR_LEFT`] count.
pub fn near_plain(before: &[&Trace], turn: &Trace) -> Vec<f32> {
    let before = tail(before, NEAR_LEFT);
    let back =
        |steps: usize| before.len().checked_sub(steps).and_then(|at| before.get(at)).copied();
    let to = |trace: Option<&Trace>| trace.map_or(0.0, |trace| cosine(&turn.vector, &trace.vector));
    let nearest = |width: usize| {
        tail(before, width)
            .iter()
            .map(|trace| cosine(&turn.vector, &trace.vector))
            .fold(0.0f32, f32::max)
    };
    let mut row = vec![to(back(1)), to(back(2)), to(back(3)), nearest(6), nearest(24)];
    for width in [4, 8, 16, 32] {
        row.push(cosine(&turn.vector, &mean(tail(before, width))));
    }
    for width in [1, 3, 8, 32] {
        row.push(novelty(&[turn], tail(before, width)));
    }
    row.push(turn.content.len() as f32);
    row.extend([turn.words, back(1).map_or(0.0, |trace| trace.words)]);
    row.extend([mean_words(tail(before, 8)), mean_words(before)]);
    let short = before.iter().filter(|trace| trace.words < 4.0).count();
    row.push(short as f32 / before.len().max(1) as f32);
    row.push(f32::from(back(1).is_some_and(|trace| trace.speaker == turn.speaker)));
    let since = before.iter().rev().position(|trace| trace.speaker == turn.speaker);
    row.push(since.unwrap_or(before.len()) as f32);
    row.push(shares(before).len() as f32);
    row.push((turn.sequence as f32).min(128.0));
    // How coherent the talk has been, and the previous gap for comparison.
    let steps: Vec<f32> = tail(before, 16)
        .windows(2)
        .filter_map(|pair| pair.first().zip(pair.last()).map(|(a, b)| cosine(&a.vector, &b.vector)))
        .collect();
    let coherence = steps.iter().sum::<f32>() / steps.len().max(1) as f32;
    row.extend([coherence, to(back(1)) - coherence, steps.last().copied().unwrap_or(0.0)]);
    row.push(cosine(&mean(tail(before, 2)), &mean(head(before, before.len().saturating_sub(2)))));
    row.extend(cue_rates(&[turn]));
    row.extend(cue_rates(tail(before, 1)));
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{staleness::segments::SegmentTurn, turn::Role};

    #[test]
    fn rows_have_their_length_and_are_finite_from_the_first_turn_on() {
        let trace = |text| {
            Trace::new(&SegmentTurn {
                sequence: 1,
                role: Role::User,
                speaker: "",
                text,
                vector: &[],
            })
        };
        let turns = [trace(""), trace("hello there"), trace("what about the garden?")];
        for count in 0..turns.len() {
            let before: Vec<&Trace> = turns.iter().take(count).collect();
            let row = near_plain(&before, &turns[count]);
            assert_eq!(row.len(), NEAR_PLAIN);
            assert!(row.iter().all(|x| x.is_finite()));
            assert_eq!(near_head_input(&before, &turns[count]).len(), NEAR_HEAD);
        }
    }
}
