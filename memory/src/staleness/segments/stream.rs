//! Turn in, shifts out. Holds the last [`MEMORY_TURNS`] turns and what was
//! computed for the gap before each; see the module for the two looks.
//!
//! Span of one decision of the far look about the gap before turn `g`: the
//! sums of the gaps within [`PEAK`] of it, each over the probabilities within
//! [`KERNEL`] of it, each from 48 turns before and 32 behind its gap; together
//! turns `g - 60 ..= g + 43`, which are [`MEMORY_TURNS`].

use std::collections::VecDeque;

use crate::turn::Sequence;

use super::{
    SegmentModel, SegmentTurn, Shift,
    far::{FAR_LEFT, FAR_RIGHT, far_head_input, far_plain},
    forest::sigmoid,
    near::{NEAR_LEFT, near_head_input, near_plain},
    trace::Trace,
};

/// Turns on which the output depends, the newest included.
pub const MEMORY_TURNS: usize = FAR_LEFT + KERNEL + PEAK + 1 + FAR_LAG;

/// Turns after which the far look has decided about the gap before a turn.
pub const FAR_LAG: usize = PEAK + KERNEL + FAR_RIGHT - 1;

/// Gaps on both sides whose probabilities are summed.
const KERNEL: usize = 8;

/// Gaps on both sides over which a cut of the far look must be the highest,
/// and within which a shift of the near look stands for it.
const PEAK: usize = 4;

/// What is known of a turn and of the gap before it.
#[derive(Clone, Debug)]
struct Entry {
    trace: Trace,
    near_head: f32,
    near_odds: f32,
    near_told: bool,
    /// Probability by the far look; 0 until, and unless, it is computed.
    far: f32,
}

/// Probabilities that the newest turn brought, for evaluation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// Near look at the gap before the newest turn; 0 for a first turn.
    pub near: f32,
    /// Far look at an earlier gap: the turn behind it, its own probability.
    pub far: Option<(Sequence, f32)>,
}

/// Finds the shifts of one conversation.
#[derive(Clone, Debug)]
pub struct Segmenter<'a> {
    model: &'a SegmentModel,
    entries: VecDeque<Entry>,
    look: Look,
}

impl<'a> Segmenter<'a> {
    /// For a conversation without turns, or to be fed with the last
    /// [`MEMORY_TURNS`] of one; what these tell was told before.
    pub fn new(model: &'a SegmentModel) -> Self {
        Self {
            model,
            entries: VecDeque::with_capacity(MEMORY_TURNS),
            look: Look { near: 0.0, far: None },
        }
    }

    /// Takes the next turn and returns the shifts that it made known, in the
    /// order of their places: at most one of each look. A turn that is not
    /// behind the last one is left out.
    pub fn push(&mut self, turn: &SegmentTurn<'_>) -> Vec<Shift> {
        if self.entries.back().is_some_and(|last| last.trace.sequence >= turn.sequence) {
            return Vec::new();
        }
        if self.entries.len() == MEMORY_TURNS {
            self.entries.pop_front();
        }
        let known_at = turn.sequence;
        let near = self.look_near(Trace::new(turn));
        self.look_far();
        let far = self.decide_far(known_at);
        far.into_iter().chain(near).collect()
    }

    /// What the last [`push`](Self::push) computed.
    pub fn last_look(&self) -> Look {
        self.look
    }

    fn look_near(&mut self, trace: Trace) -> Option<Shift> {
        let first = self.entries.len().saturating_sub(NEAR_LEFT);
        let before: Vec<&Trace> = self.entries.range(first..).map(|entry| &entry.trace).collect();
        let weights = self.model.near();
        let (mut near_head, mut near_odds) = (0.0, f32::NEG_INFINITY);
        if !before.is_empty() {
            near_head = weights.head.score(&near_head_input(&before, &trace));
            let mut row = near_plain(&before, &trace);
            let heads = || self.entries.iter().rev().take(8).map(|entry| entry.near_head);
            row.extend([
                near_head,
                heads().next().unwrap_or(0.0),
                heads().fold(f32::MIN, f32::max),
            ]);
            near_odds = weights.forest.score(&row);
        }
        let confidence = sigmoid(near_odds);
        self.look.near = confidence;
        let near_told = confidence >= weights.threshold;
        let sequence = trace.sequence;
        self.entries.push_back(Entry { trace, near_head, near_odds, near_told, far: 0.0 });
        near_told.then_some(Shift {
            first_of_new_segment: sequence,
            known_at: sequence,
            confidence,
        })
    }

    /// Computes the far probability of the gap that now has [`FAR_RIGHT`]
    /// turns behind it.
    fn look_far(&mut self) {
        self.look.far = None;
        let Some(gap) = self.entries.len().checked_sub(FAR_RIGHT).filter(|gap| *gap > 0) else {
            return;
        };
        let first = gap.saturating_sub(FAR_LEFT);
        let left: Vec<&Trace> = self.entries.range(first..gap).map(|entry| &entry.trace).collect();
        let right: Vec<&Trace> = self.entries.range(gap..).map(|entry| &entry.trace).collect();
        let weights = self.model.far();
        let mut row = far_plain(&left, &right);
        row.push(weights.head.score(&far_head_input(&left, &right)));
        // The first turn of a conversation has no gap before it.
        let odds = |from: usize, to: usize| {
            self.entries
                .range(from.max(1)..to.min(self.entries.len()))
                .map(|entry| entry.near_odds.clamp(-20.0, 20.0))
        };
        let around = odds(gap.saturating_sub(8), gap + 9);
        let count = around.len().max(1) as f32;
        row.push(odds(gap, gap + 1).sum());
        row.push(odds(gap, gap + 3).fold(-20.0, f32::max));
        row.push(around.sum::<f32>() / count);
        let probability = sigmoid(weights.forest.score(&row));
        if let Some(entry) = self.entries.get_mut(gap) {
            entry.far = probability;
            self.look.far = Some((entry.trace.sequence, probability));
        }
    }

    /// Expected number of shifts around the gap before entry `gap`.
    fn expected(&self, gap: usize) -> f32 {
        let spread = 2.0 * self.model.far_sigma().powi(2);
        let from = gap.saturating_sub(KERNEL);
        let to = (gap + KERNEL + 1).min(self.entries.len());
        self.entries
            .range(from.min(to)..to)
            .enumerate()
            .map(|(at, entry)| {
                let distance = (from + at) as f32 - gap as f32;
                entry.far * (-distance * distance / spread).exp()
            })
            .sum()
    }

    /// Decides about the gap that all sums it competes with are known for.
    fn decide_far(&self, known_at: Sequence) -> Option<Shift> {
        let gap = self.entries.len().checked_sub(FAR_LAG + 1).filter(|gap| *gap > 0)?;
        let here = self.expected(gap);
        if here < self.model.far().threshold {
            return None;
        }
        let rivals = gap.saturating_sub(PEAK).max(1)..=gap + PEAK;
        // Of equals the earliest wins.
        let highest = rivals.clone().all(|rival| {
            let sum = self.expected(rival);
            rival == gap || sum < here || (sum == here && rival > gap)
        });
        let told = self.entries.range(rivals).any(|entry| entry.near_told);
        let entry = self.entries.get(gap).filter(|_| highest && !told)?;
        Some(Shift {
            first_of_new_segment: entry.trace.sequence,
            known_at,
            confidence: here.min(1.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turn::Role;

    /// Turns of several topics, in a fixed order that looks like none.
    fn talk(count: usize) -> Vec<(String, Vec<f32>)> {
        let topics =
            ["budget paint wall", "holiday train ticket", "garden rose soil", "cat vet food"];
        (0..count)
            .map(|at| {
                let topic = at / 17 % topics.len();
                let mut vector = vec![0.0; 384];
                vector[topic] = 0.9;
                vector[10 + at * 7 % 300] = 0.43;
                (format!("{} number{} what about it?", topics[topic], at % 5), vector)
            })
            .collect()
    }

    /// Tells often, for talk that is not human.
    fn eager(near: f32, far: f32) -> SegmentModel {
        let json = include_str!("../../../weights/staleness-segments.json");
        let mut weights: serde_json::Value = serde_json::from_str(json).expect("json");
        weights["near"]["threshold"] = serde_json::json!(near);
        weights["far"]["threshold"] = serde_json::json!(far);
        SegmentModel::load(&weights.to_string()).expect("fits")
    }

    fn run(model: &SegmentModel, talk: &[(String, Vec<f32>)], from: usize) -> Vec<(Shift, f32)> {
        let mut segmenter = Segmenter::new(model);
        let mut shifts = Vec::new();
        for (at, (text, vector)) in talk.iter().enumerate().skip(from) {
            let turn = SegmentTurn {
                sequence: at as u64 + 1,
                role: Role::User,
                speaker: "",
                text,
                vector,
            };
            let told = segmenter.push(&turn);
            shifts.extend(told.into_iter().map(|shift| (shift, segmenter.last_look().near)));
        }
        shifts
    }

    /// One model that tells of the near look, one that tells of the far look.
    fn models() -> [SegmentModel; 2] {
        [eager(0.04, 9.0), eager(2.0, 0.01)]
    }

    #[test]
    fn what_is_told_never_depends_on_later_turns() {
        let talk = talk(260);
        for model in models() {
            let all = run(&model, &talk, 0);
            assert!(all.len() > 2);
            for end in [1, 40, 100, 200] {
                let then: Vec<_> =
                    all.iter().copied().filter(|(shift, _)| shift.known_at <= end as u64).collect();
                assert_eq!(run(&model, &talk[..end], 0), then);
            }
        }
    }

    #[test]
    fn the_last_turns_are_all_that_counts() {
        let talk = talk(400);
        for model in models() {
            let all = run(&model, &talk, 0);
            for from in [1, 77, 200] {
                let ready = (from + MEMORY_TURNS) as u64;
                let later = |shifts: Vec<(Shift, f32)>| -> Vec<_> {
                    shifts.into_iter().filter(|(shift, _)| shift.known_at >= ready).collect()
                };
                assert_eq!(later(run(&model, &talk, from)), later(all.clone()));
            }
        }
    }

    #[test]
    fn shifts_are_known_within_the_lag_and_told_once() {
        for (model, lag) in models().iter().zip([0, FAR_LAG as u64]) {
            let mut seen = std::collections::BTreeSet::new();
            for (shift, _) in run(model, &talk(300), 0) {
                assert_eq!(shift.known_at, shift.first_of_new_segment + lag);
                assert!(shift.first_of_new_segment > 1 && (0.0..=1.0).contains(&shift.confidence));
                assert!(seen.insert(shift.first_of_new_segment));
            }
        }
        assert_eq!((MEMORY_TURNS, FAR_LAG), (104, 43));
    }

    #[test]
    fn a_repeated_turn_changes_nothing() {
        let mut segmenter = Segmenter::new(SegmentModel::bundled().expect("fits"));
        let turn =
            SegmentTurn { sequence: 3, role: Role::User, speaker: "", text: "hello", vector: &[] };
        segmenter.push(&turn);
        assert!(segmenter.push(&turn).is_empty() && segmenter.entries.len() == 1);
    }
}
