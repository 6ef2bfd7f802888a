//! Writes the rows that the topic shift model is trained on, as the product
//! computes them; `evals/training/train_segments.py` reads them.
//!
//! `segment_rows SET OUT`: reads `SET.jsonl` (a conversation a line, `[[speaker,
//! "u" or "a", text], ...]`) and `SET.f32` (384 little-endian floats a turn, in
//! order); writes, for each gap, `OUT.near`, `OUT.nearh`, and, where 32 turns
//! stand behind the gap, `OUT.far`, `OUT.farh`, all little-endian floats.

use std::{
    error::Error,
    fs::File,
    io::{BufRead, BufReader, BufWriter, Read, Write},
};

use throughline_memory::{
    staleness::segments::{
        SegmentTurn, Trace, far_head_input, far_plain, near_head_input, near_plain,
    },
    turn::Role,
};

/// Turns before and behind a gap that the looks read.
const NEAR_LEFT: usize = 32;
const FAR_LEFT: usize = 48;
const FAR_RIGHT: usize = 32;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, set, out] = arguments.as_slice() else { return Err("segment_rows SET OUT".into()) };
    let conversations = BufReader::new(File::open(format!("{set}.jsonl"))?);
    let mut vectors = BufReader::new(File::open(format!("{set}.f32"))?);
    let open = |what: &str| File::create(format!("{out}.{what}")).map(BufWriter::new);
    let (mut near, mut near_head) = (open("near")?, open("nearh")?);
    let (mut far, mut far_head) = (open("far")?, open("farh")?);
    for line in conversations.lines() {
        let turns: Vec<(String, String, String)> = serde_json::from_str(&line?)?;
        let traces = traces(&turns, &mut vectors)?;
        let all: Vec<&Trace> = traces.iter().collect();
        for gap in 1..all.len() {
            let (before, behind) = all.split_at(gap);
            let recent = &before[gap.saturating_sub(NEAR_LEFT)..];
            put(&mut near, &near_plain(recent, behind[0]))?;
            put(&mut near_head, &near_head_input(recent, behind[0]))?;
            if behind.len() >= FAR_RIGHT {
                let (left, right) = (&before[gap.saturating_sub(FAR_LEFT)..], &behind[..FAR_RIGHT]);
                put(&mut far, &far_plain(left, right))?;
                put(&mut far_head, &far_head_input(left, right))?;
            }
        }
    }
    Ok(())
}

fn traces(
    turns: &[(String, String, String)],
    vectors: &mut impl Read,
) -> Result<Vec<Trace>, Box<dyn Error>> {
    let mut traces = Vec::with_capacity(turns.len());
    for ((speaker, role, text), sequence) in turns.iter().zip(1..) {
        let mut vector = [0.0f32; 384];
        for value in &mut vector {
            let mut bytes = [0u8; 4];
            vectors.read_exact(&mut bytes)?;
            *value = f32::from_le_bytes(bytes);
        }
        let role = if role == "a" { Role::Assistant } else { Role::User };
        traces.push(Trace::new(&SegmentTurn { sequence, role, speaker, text, vector: &vector }));
    }
    Ok(traces)
}

fn put(file: &mut impl Write, row: &[f32]) -> std::io::Result<()> {
    row.iter().try_for_each(|value| file.write_all(&value.to_le_bytes()))
}
