//! `check-rows`: the rows of the faithfulness check for given sources and
//! sentences, by the service's own code. What learns from them has the labels.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, BufWriter, Write as _},
};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::json;
use throughline_summarizer::{
    check::{Checked, Checker, columns},
    source::SourceTurn,
};

use super::{args::CheckRowsArgs, embedder};

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Source { turns: Vec<(String, String)> },
    Sentence { sentence: String },
}

/// Turns by speaker and text alone, numbered from 1.
pub(super) fn plain(turns: &[(String, String)]) -> Vec<SourceTurn> {
    let turn = |(sequence, (speaker, text)): (u64, &(String, String))| SourceTurn {
        speaker: speaker.clone(),
        role: String::new(),
        text: text.clone(),
        sequence,
        date: None,
    };
    (1..).zip(turns).map(turn).collect()
}

/// Writes the rows.
///
/// # Errors
/// A file cannot be read or written, or the model does not run.
pub(crate) fn run(args: &CheckRowsArgs) -> anyhow::Result<()> {
    let checker = Checker::bundled(embedder::open(&args.model_args)?)?;
    let input = File::open(&args.input).with_context(|| args.input.display().to_string())?;
    let out = File::create(&args.out).with_context(|| args.out.display().to_string())?;
    let mut out = BufWriter::new(out);
    let (words, sentences) = columns();
    writeln!(out, "{}", json!({ "words": words, "sentences": sentences }))?;
    let mut source: Option<Checked> = None;
    for (number, line) in BufReader::new(input).lines().enumerate() {
        let line = line?;
        let line: Line = serde_json::from_str(&line)
            .with_context(|| format!("{}, line {}", args.input.display(), number + 1))?;
        match line {
            Line::Source { turns } => source = Some(checker.read(&plain(&turns))?),
            Line::Sentence { sentence } => {
                let Some(source) = &source else { bail!("a sentence stands before any turns") };
                let rows = checker.rows(&sentence, source)?;
                let row = json!({
                    "words": rows.words, "row": rows.sentence, "missing": rows.missing,
                    "exchanges": rows.exchanges, "denials": rows.denials,
                });
                writeln!(out, "{row}")?;
            }
        }
    }
    out.flush()?;
    Ok(())
}
