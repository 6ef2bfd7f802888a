//! Rows of pairs for training the order at query time: the features that the product
//! computes, so that training and serving cannot drift apart.
//!
//! Reads searches from standard input, one JSON object a line (`query`, and `hits` of
//! `text`, `user`, `at`, best first), and writes for each a line with a JSON array of
//! its pairs: place of the earlier hit, place of the later, the row.

use std::io::{BufRead, Write, stdin, stdout};

use serde::Deserialize;
use throughline_memory::staleness::asked::{LOOKED_AT, Question, Reading, features};

#[derive(Deserialize)]
struct Hit {
    text: String,
    user: bool,
    at: u64,
}

#[derive(Deserialize)]
struct Search {
    query: String,
    hits: Vec<Hit>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = stdout().lock();
    for line in stdin().lock().lines() {
        let mut search: Search = serde_json::from_str(&line?)?;
        search.hits.truncate(LOOKED_AT);
        let readings: Vec<Reading> = search.hits.iter().map(|hit| Reading::of(&hit.text)).collect();
        let question = Question::of(&search.query, readings.iter());
        let mut pairs = Vec::new();
        for (earlier, one) in search.hits.iter().enumerate() {
            for (later, other) in search.hits.iter().enumerate() {
                if !one.user || !other.user || one.at >= other.at {
                    continue;
                }
                let row = features::of_pair(&question, &readings[earlier], &readings[later]);
                pairs.push((earlier, later, row));
            }
        }
        writeln!(out, "{}", serde_json::to_string(&pairs)?)?;
    }
    Ok(())
}
