//! Rows of features for learning contradiction, by the code that the service
//! runs: `contradiction_rows CONVERSATIONS.jsonl VECTORS.f32 ROWS.f32`.
//!
//! A line has `turns` (`role`, `text`, `vector`: index into the file of
//! vectors), `pairs` of turn indices, and `between`: whether the turns between
//! are looked at. Without arguments it prints the names of the columns.

use std::{
    error::Error,
    fs::File,
    io::{BufRead, BufReader, BufWriter, Write},
    sync::Arc,
};

use jiff::Timestamp;
use serde::Deserialize;
use throughline_memory::{
    staleness::{
        contradiction::{Feature, Prepared, Side, row},
        statement::{Statement, TurnText},
    },
    turn::Role,
};

/// Numbers of a vector.
const WIDTH: usize = 384;

#[derive(Deserialize)]
struct Turn {
    role: String,
    text: String,
    vector: usize,
}

#[derive(Deserialize)]
struct Conversation {
    turns: Vec<Turn>,
    pairs: Vec<(usize, usize)>,
    between: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(talks), Some(vectors), Some(rows)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        let names: Vec<&str> = Feature::ALL.iter().map(|feature| feature.name()).collect();
        writeln!(std::io::stdout(), "{}", names.join("\n"))?;
        return Ok(());
    };
    let vectors: Vec<f32> = std::fs::read(vectors)?
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect();
    let mut out = BufWriter::new(File::create(rows)?);
    for line in BufReader::new(File::open(talks)?).lines() {
        write_rows(&serde_json::from_str(&line?)?, &vectors, &mut out)?;
    }
    Ok(out.flush()?)
}

fn write_rows(
    talk: &Conversation,
    vectors: &[f32],
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let mut statements: Vec<Arc<Statement>> = Vec::new();
    for (index, turn) in talk.turns.iter().enumerate() {
        let text = TurnText {
            sequence: index as u64 + 1,
            role: if turn.role == "user" { Role::User } else { Role::Assistant },
            speaker: "",
            said_at: Timestamp::UNIX_EPOCH,
            text: &turn.text,
            vector: vectors.get(turn.vector * WIDTH..(turn.vector + 1) * WIDTH),
        };
        let before = statements.last().map(Arc::as_ref);
        statements.push(Arc::new(Statement::of(&text, before)));
    }
    let prepared: Vec<Prepared> = statements.iter().map(Prepared::of).collect();
    let sides: Vec<Side<'_>> = prepared.iter().map(Prepared::side).collect();
    for &(old, new) in &talk.pairs {
        let between = if talk.between { sides.get(old + 1..new).unwrap_or(&[]) } else { &[] };
        let (Some(a), Some(b)) = (sides.get(old), sides.get(new)) else {
            return Err(format!("pair ({old}, {new}) is not in the conversation").into());
        };
        for value in row(*a, *b, between).values {
            out.write_all(&value.to_le_bytes())?;
        }
    }
    Ok(())
}
