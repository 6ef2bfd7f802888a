//! What staleness costs for an appended turn, embedding apart: reading the turn,
//! finding what to compare it with, and drawing its events, at turn 100 and at
//! turn 10,000. To reach: 1 ms and 2 ms.
#![allow(missing_docs, clippy::expect_used, reason = "a benchmark")]

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use throughline_memory::{
    staleness::{Detect, Follow, Recall, Signals, Statement, TurnText},
    turn::{Role, Sequence},
};

const DIMENSIONS: usize = 384;
const WORDS: [&str; 48] = [
    "the", "meeting", "is", "on", "Friday", "at", "7", "pm", "in", "Lisbon", "and", "we", "need",
    "a", "table", "for", "two", "near", "hotel", "Marriott", "budget", "of", "300", "dollars",
    "train", "leaves", "from", "platform", "nine", "please", "change", "it", "to", "Monday",
    "instead", "no", "I", "prefer", "tea", "over", "coffee", "my", "sister", "lives", "there",
    "until", "next", "week",
];

/// Numbers that look drawn, the same each time (SplitMix64).
fn drawn(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A turn of 30 to 90 words with a vector near one of 20 topics.
fn statement(sequence: Sequence, before: Option<&Statement>) -> Statement {
    let mut state = sequence;
    let words = 30 + drawn(&mut state) % 60;
    let text: Vec<&str> =
        (0..words).map(|_| WORDS[drawn(&mut state) as usize % WORDS.len()]).collect();
    let mut topic = drawn(&mut state) % 20;
    let unit = |state: &mut u64| drawn(state) as f32 / u64::MAX as f32 - 0.5;
    let mut vector: Vec<f32> = (0..DIMENSIONS).map(|_| unit(&mut topic)).collect();
    vector.iter_mut().for_each(|value| *value += 0.8 * unit(&mut state));
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|value| *value /= length);
    let turn = TurnText {
        sequence,
        role: if sequence % 2 == 1 { Role::User } else { Role::Assistant },
        speaker: "",
        said_at: Timestamp::from_second(1_700_000_000 + sequence as i64).expect("a time"),
        text: &text.join(" "),
        vector: Some(&vector),
    };
    Statement::of(&turn, before)
}

/// Draws the events of one more turn.
fn append(recall: &mut Recall, follow: &mut dyn Follow, sequence: Sequence) -> usize {
    let before = recall.statement(sequence - 1);
    let new = Arc::new(statement(sequence, before.as_deref()));
    let candidates = recall.candidates(&new);
    let earlier: Vec<Arc<Statement>> =
        candidates.into_iter().filter_map(|sequence| recall.statement(sequence)).collect();
    let events = follow.events(&new, &earlier);
    recall.push(new);
    events.len()
}

fn per_turn(criterion: &mut Criterion) {
    let signals = Signals::built_in().expect("weights");
    for turns in [100, 10_000] {
        let mut recall = Recall::default();
        let mut follow = signals.follow();
        let mut before: Option<Arc<Statement>> = None;
        for sequence in 1..=turns {
            let new = Arc::new(statement(sequence, before.as_deref()));
            if sequence + 300 > turns {
                follow.pass(&new);
            }
            recall.push(Arc::clone(&new));
            before = Some(new);
        }
        let mut sequence = turns;
        criterion.bench_function(&format!("staleness of an appended turn at {turns}"), |bench| {
            bench.iter(|| {
                sequence += 1;
                black_box(append(&mut recall, follow.as_mut(), sequence))
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = per_turn
}
criterion_main!(benches);
