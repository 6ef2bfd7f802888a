//! Summaries for people to read: some of a run beside their turns, with room for a label
//! at each sentence, and the share of unsupported sentences by those labels.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;
use throughline_summarizer::compose::Summary;

use super::{args::LabelsArgs, items::Item};
use crate::{
    metrics::{Samples, bootstrap::Bootstrap, ranking::truth},
    report::Report,
};

/// What a label may say: all of the sentence was said, or what was not.
const LABELS: [&str; 6] = ["ok", "number", "name", "negation", "speaker", "other"];

/// A summary beside its turns, a line of the file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Shown {
    id: String,
    /// Who wrote it.
    model: String,
    /// Sequence, speaker and text.
    turns: Vec<(u64, String, String)>,
    sentences: Vec<ShownSentence>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct ShownSentence {
    text: String,
    /// Sequences of the turns that support it, by the check.
    sources: Vec<u64>,
    origin: String,
    probability: f32,
    /// One of [`LABELS`]; empty as long as nobody has read it.
    label: String,
}

impl Shown {
    /// A summary that nobody has read.
    pub(super) fn new(item: &Item, summary: &Summary) -> Self {
        let turns = item.turns.iter().map(|turn| {
            let who = if turn.speaker.is_empty() { &turn.role } else { &turn.speaker };
            (turn.sequence, who.clone(), turn.text.clone())
        });
        let sentences = summary.sentences.iter().map(|sentence| ShownSentence {
            text: sentence.text.clone(),
            sources: sentence.sources.clone(),
            origin: format!("{:?}", sentence.origin).to_lowercase(),
            probability: sentence.faithful,
            label: String::new(),
        });
        Self {
            id: item.id.clone(),
            model: summary.model.clone(),
            turns: turns.collect(),
            sentences: sentences.collect(),
        }
    }
}

/// Writes so many summaries, evenly spread over the run.
///
/// # Errors
/// The file cannot be written.
pub(super) fn dump(path: &Path, all: &[Shown], most: usize) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("write {}", path.display()))?;
    let mut file = BufWriter::new(file);
    let taken = most.min(all.len());
    for shown in (0..taken).filter_map(|place| all.get(place * all.len() / taken)) {
        writeln!(file, "{}", serde_json::to_string(shown)?)?;
    }
    file.flush()?;
    Ok(())
}

/// Delivers what the labels of a file say.
///
/// # Errors
/// The file cannot be read, or a sentence has no label of [`LABELS`].
pub(crate) fn run(args: &LabelsArgs) -> anyhow::Result<()> {
    let at = || args.input.display().to_string();
    let text = fs::read_to_string(&args.input).with_context(at)?;
    let mut samples = Samples::default();
    let mut n = 0;
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let shown: Shown =
            serde_json::from_str(line).with_context(|| format!("{}, line {number}", at()))?;
        add(&mut samples, &shown).with_context(|| format!("{}, line {number}", at()))?;
        n += 1;
    }
    let mut report = Report::new("labels", json!({ "input": at(), "seed": args.seed }));
    report.n = n;
    let bootstrap = Bootstrap::new(args.seed);
    report.metrics = samples.figures(bootstrap, |_| true);
    report.breakdown = samples.breakdown(bootstrap, None);
    report.deliver(args.out.out.as_deref())
}

fn add(samples: &mut Samples, shown: &Shown) -> anyhow::Result<()> {
    for ShownSentence { text, label, .. } in &shown.sentences {
        ensure!(LABELS.contains(&label.as_str()), "{text:?} has the label {label:?}: {LABELS:?}");
        for what in LABELS.into_iter().skip(1) {
            let name = format!("unsupported_{what}");
            samples.add(&name, &shown.id, &shown.model, truth(label == what));
        }
        samples.add("unsupported", &shown.id, &shown.model, truth(label != "ok"));
    }
    let any = shown.sentences.iter().any(|sentence| sentence.label != "ok");
    samples.add("unsupported_summaries", &shown.id, &shown.model, truth(any));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    fn shown(id: &str, labels: &[&str]) -> Shown {
        let sentence = |label: &&str| ShownSentence {
            text: "It is blue.".into(),
            sources: vec![1],
            origin: "written".into(),
            probability: 0.5,
            label: (*label).into(),
        };
        Shown {
            id: id.into(),
            model: "m".into(),
            turns: vec![(1, "Ann".into(), "It is blue.".into())],
            sentences: labels.iter().map(sentence).collect(),
        }
    }

    async fn labels(dir: &Path, lines: &[Shown]) -> anyhow::Result<serde_json::Value> {
        let (input, out) = (dir.join("read.jsonl"), dir.join("out.json"));
        dump(&input, lines, lines.len())?;
        let line = format!("x labels --input {} --out {}", input.display(), out.display());
        let cli = crate::cli::Cli::try_parse_from(line.split_whitespace())?;
        crate::run(cli).await?;
        Ok(serde_json::from_str(&fs::read_to_string(out)?)?)
    }

    #[tokio::test]
    async fn unsupported_is_counted_by_labels() {
        let dir = tempfile::tempdir().unwrap();
        let read = [shown("a", &["ok", "number"]), shown("b", &["ok", "ok"])];
        let json = labels(dir.path(), &read).await.unwrap();
        for (name, value, n) in [
            ("unsupported", 0.25, 4),
            ("unsupported_number", 0.25, 4),
            ("unsupported_name", 0.0, 4),
            ("unsupported_summaries", 0.5, 2),
        ] {
            assert_eq!(json["metrics"][name]["value"], value, "{name}");
            assert_eq!(json["metrics"][name]["n"], n, "{name}");
        }
        let unread = labels(dir.path(), &[shown("a", &["ok"]), shown("b", &[""])]).await;
        let error = format!("{:#}", unread.unwrap_err());
        assert!(error.contains("line 2") && error.contains("It is blue."), "{error}");
    }

    #[test]
    fn those_that_are_read_are_spread_over_the_run() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d.jsonl");
        let all: Vec<Shown> = ["a", "b", "c", "d", "e"].iter().map(|id| shown(id, &[""])).collect();
        for (most, expected) in [(2, "ac"), (5, "abcde"), (9, "abcde"), (0, "")] {
            dump(&path, &all, most).unwrap();
            let text = fs::read_to_string(&path).unwrap();
            let back: Vec<Shown> =
                text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let ids: String = back.iter().map(|shown| shown.id.as_str()).collect();
            assert_eq!(ids, expected, "{most}");
            assert!(back.iter().all(|shown| all.contains(shown)));
        }
    }
}
