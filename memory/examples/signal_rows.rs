//! Rows of features for learning which turns repeat or correct, by the code that the
//! service runs: `signal_rows < CONVERSATIONS.jsonl > ROWS.jsonl`.
//!
//! A line has `turns` (`[role, text]`), of which the last is looked at, and, where
//! vectors are known, `cosines`: how near the vector of each turn is to its, or null.

use std::{
    error::Error,
    io::{BufRead, Write},
};

use serde::Deserialize;
use throughline_memory::{
    degradation::detect::{SaidTurn, rows},
    turn::{Role, Sequence},
};

#[derive(Deserialize)]
struct Conversation {
    turns: Vec<(String, String)>,
    #[serde(default)]
    cosines: Vec<Option<f32>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let talk: Conversation = serde_json::from_str(&line?)?;
        let turn = |(index, (role, text)): (usize, &(String, String))| {
            let role = if role == "user" { Role::User } else { Role::Assistant };
            SaidTurn::of(index as Sequence + 1, role, text.as_str())
        };
        let turns: Vec<SaidTurn> = talk.turns.iter().enumerate().map(turn).collect();
        let Some((last, earlier)) = turns.split_last() else { continue };
        let cosine =
            |_: Sequence, other: Sequence| talk.cosines.get(other as usize - 1).copied().flatten();
        let (repeats, corrects) = rows(last, earlier, &cosine);
        let row = serde_json::json!({ "repeats": [repeats], "corrects": corrects });
        writeln!(out, "{row}")?;
    }
    Ok(())
}
