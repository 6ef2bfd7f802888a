//! Rows of pairs for training the staleness model: the features that the product
//! computes, so that training and serving cannot drift apart.
//!
//! `staleness_rows names` prints the features, `staleness_rows stems` the stem of
//! each word of standard input. `staleness_rows rows VECTORS OUT`
//! reads conversations from standard input, one JSON object a line (`turns` of
//! `role`, `text` and `v`, the row of its vector in VECTORS or -1; `news`, the
//! turns whose pairs are wanted, all when absent; `choose`, whether candidates
//! are chosen as in serving), and writes OUT.f32 (rows, little-endian) and
//! OUT.u32 (conversation, old turn, new turn).

use std::{
    error::Error,
    fs::File,
    io::{BufRead, BufWriter, Write, stdin, stdout},
    sync::Arc,
};

use serde::Deserialize;
use throughline_memory::{
    staleness::{
        Statement, TurnText,
        pair::{
            candidates,
            features::{Rows, names},
        },
        text::Lexed,
    },
    turn::Role,
};

/// Numbers of a vector of the default model.
const DIMENSIONS: usize = 384;

#[derive(Deserialize)]
struct Turn {
    role: String,
    text: String,
    v: i64,
}

#[derive(Deserialize)]
struct Conversation {
    turns: Vec<Turn>,
    #[serde(default)]
    choose: bool,
    #[serde(default)]
    news: Option<Vec<usize>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["names"] => {
            for name in names() {
                writeln!(stdout(), "{name}")?;
            }
            Ok(())
        }
        ["stems"] => {
            for line in stdin().lock().lines() {
                let stem = Lexed::of(&line?).words.first().map_or(0, |word| word.stem);
                writeln!(stdout(), "{stem}")?;
            }
            Ok(())
        }
        ["rows", vectors, out] => rows(vectors, out),
        _ => Err("usage: staleness_rows names | stems | rows VECTORS OUT".into()),
    }
}

fn rows(vectors: &str, out: &str) -> Result<(), Box<dyn Error>> {
    let vectors: Vec<f32> = std::fs::read(vectors)?
        .chunks_exact(4)
        .filter_map(|bytes| bytes.try_into().ok().map(f32::from_le_bytes))
        .collect();
    let mut values = BufWriter::new(File::create(format!("{out}.f32"))?);
    let mut places = BufWriter::new(File::create(format!("{out}.u32"))?);
    for (number, line) in stdin().lock().lines().enumerate() {
        let conversation: Conversation = serde_json::from_str(&line?)?;
        let statements = statements(&conversation, &vectors);
        for (new, statement) in statements.iter().enumerate() {
            let wanted = conversation.news.as_ref().is_none_or(|news| news.contains(&new));
            if statement.role != Role::User || !wanted {
                continue;
            }
            let past = statements.get(..new).unwrap_or(&[]);
            let past = if conversation.choose {
                candidates::choose(statement, past)
            } else {
                past.to_vec()
            };
            let rows = Rows::of(statement, &past);
            for (index, old) in past.iter().enumerate() {
                let Some(row) = rows.row(index).filter(|_| old.same_speaker(statement)) else {
                    continue;
                };
                for value in row.values {
                    values.write_all(&value.to_le_bytes())?;
                }
                for place in [number as u64, old.sequence - 1, new as u64] {
                    places.write_all(&u32::try_from(place)?.to_le_bytes())?;
                }
            }
        }
    }
    values.flush()?;
    places.flush()?;
    Ok(())
}

fn statements(conversation: &Conversation, vectors: &[f32]) -> Vec<Arc<Statement>> {
    let mut out: Vec<Arc<Statement>> = Vec::new();
    for (index, turn) in conversation.turns.iter().enumerate() {
        let at = usize::try_from(turn.v).ok().map(|row| row * DIMENSIONS);
        let read = TurnText {
            sequence: index as u64 + 1,
            role: if turn.role == "user" { Role::User } else { Role::Assistant },
            speaker: "",
            said_at: jiff::Timestamp::UNIX_EPOCH,
            text: &turn.text,
            vector: at.and_then(|at| vectors.get(at..at + DIMENSIONS)),
        };
        out.push(Arc::new(Statement::of(&read, out.last().map(|last| &**last))));
    }
    out
}
