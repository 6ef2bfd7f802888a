//! Another memory behind the adapter protocol: a process that reads one JSON
//! object a line and answers each with one (`docs/evaluation.md`). It says what
//! it remembers in its own order; this program fills the window, so that every
//! rival is counted with the same tokenizer and the same budget.

use std::{process::Stdio, time::Duration};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::{Instant, timeout},
};

use super::shown::{Line, Shown};
use crate::{
    dataset::Message,
    process::peak_bytes,
    runner::window::{PER_MESSAGE, PER_PROMPT, count},
};

/// Longest wait for one answer: a language model may read every turn.
const PATIENCE: Duration = Duration::from_secs(900);
/// Turns of one request.
const BATCH: usize = 20;
/// Items that are asked for; more never fit a usual budget.
const ITEMS: usize = 200;

/// A running adapter; ended when dropped.
pub(crate) struct Rival {
    /// As it calls itself, with its version.
    pub(crate) name: String,
    /// What it says of itself.
    pub(crate) about: Value,
    child: Child,
    stdin: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

#[derive(Deserialize)]
struct Hello {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Items {
    items: Vec<String>,
}

impl Rival {
    /// Starts an adapter by its command line (words are split at white space).
    ///
    /// # Errors
    /// It does not start or does not greet.
    pub(crate) async fn start(command_line: &str) -> anyhow::Result<Self> {
        let mut words = command_line.split_whitespace();
        let program = words.next().context("--rival: an empty command")?;
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("start {command_line:?}"))?;
        let stdin = child.stdin.take().context("the adapter's input")?;
        let answers = BufReader::new(child.stdout.take().context("the adapter's output")?).lines();
        let mut rival = Self { name: String::new(), about: Value::Null, child, stdin, answers };
        rival.about = rival.ask(&json!({ "op": "hello", "protocol": 1 })).await?;
        let hello: Hello = serde_json::from_value(rival.about.clone()).context("its greeting")?;
        rival.name = format!("{} {}", hello.name, hello.version);
        Ok(rival)
    }

    /// Has it remember further turns of a conversation; returns the
    /// milliseconds.
    ///
    /// # Errors
    /// It fails or is silent.
    pub(crate) async fn add(&mut self, id: &str, turns: &[Message]) -> anyhow::Result<f64> {
        // Names stand before what people say, as in the windows of all strategies.
        let turn = |turn: &Message| json!({ "role": turn.role.as_str(), "content": turn.document().trim() });
        let begun = Instant::now();
        for batch in turns.chunks(BATCH) {
            let turns: Vec<Value> = batch.iter().map(turn).collect();
            self.ask(&json!({ "op": "add", "conversation": id, "turns": turns })).await?;
        }
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    }

    /// The window for a question: what it remembers, best first, as far as it
    /// fits. Returns it with the milliseconds of the answer.
    ///
    /// # Errors
    /// It fails or is silent.
    pub(crate) async fn window(
        &mut self,
        id: &str,
        question: &str,
        budget: usize,
    ) -> anyhow::Result<(Shown, f64)> {
        let request =
            json!({ "op": "search", "conversation": id, "query": question, "limit": ITEMS });
        let begun = Instant::now();
        let answer = self.ask(&request).await?;
        let millis = begun.elapsed().as_secs_f64() * 1e3;
        let items: Items = serde_json::from_value(answer).context("its items")?;
        Ok((fill(&items.items, question, budget), millis))
    }

    /// Has it forget a conversation.
    ///
    /// # Errors
    /// It fails or is silent.
    pub(crate) async fn forget(&mut self, id: &str) -> anyhow::Result<()> {
        self.ask(&json!({ "op": "forget", "conversation": id })).await.map(|_| ())
    }

    /// Most memory that it has held, in bytes; nothing where the system does
    /// not say.
    pub(crate) fn peak_bytes(&self) -> Option<u64> {
        peak_bytes(&self.child)
    }

    async fn ask(&mut self, request: &Value) -> anyhow::Result<Value> {
        let op = request.get("op").and_then(Value::as_str).unwrap_or_default().to_owned();
        let line = serde_json::to_string(request)? + "\n";
        let exchange = async {
            self.stdin.write_all(line.as_bytes()).await?;
            self.stdin.flush().await?;
            self.answers.next_line().await
        };
        let answer = timeout(PATIENCE, exchange).await;
        let answer = answer.with_context(|| format!("no answer to {op} in {PATIENCE:?}"))?;
        let Some(answer) = answer.with_context(|| format!("{op} to the adapter"))? else {
            bail!("the adapter ended at {op}");
        };
        let answer: Value =
            serde_json::from_str(&answer).with_context(|| format!("the answer to {op}"))?;
        let error = answer.get("error").and_then(Value::as_str);
        ensure!(error.is_none(), "{op}: {}", error.unwrap_or_default());
        Ok(answer)
    }
}

/// A window of items in the order of their rank, passing over what does not fit.
fn fill(items: &[String], question: &str, budget: usize) -> Shown {
    let asked = count(question) + PER_MESSAGE;
    let mut tokens = asked + PER_PROMPT;
    let mut lines = Vec::new();
    for text in items {
        let cost = count(text) + PER_MESSAGE;
        if tokens + cost <= budget {
            tokens += cost;
            lines.push(Line { role: "user", text: text.clone(), tokens: cost });
        }
    }
    let asked = Line { role: "user", text: question.to_owned(), tokens: asked };
    Shown { lines, asked: Some(asked), tokens }
}

#[cfg(test)]
pub(super) mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::dataset::Speaker;

    /// An adapter that remembers everything in the order of arrival.
    const ADAPTER: &str = r#"
import json, sys
held = {}
for line in sys.stdin:
    ask = json.loads(line)
    op, id = ask["op"], ask.get("conversation")
    if op == "hello":
        answer = {"name": "list", "version": "1"}
    elif op == "add":
        held.setdefault(id, []).extend(turn["content"] for turn in ask["turns"])
        answer = {}
    elif op == "search":
        answer = {"items": held[id]} if id in held else {"error": "no " + id}
    else:
        held.pop(id)
        answer = {}
    print(json.dumps(answer), flush=True)
"#;

    /// The command that starts the adapter from a folder; nothing without Python.
    pub(in crate::degradation) async fn adapter(folder: &Path) -> Option<String> {
        if Command::new("python3").arg("--version").output().await.is_err() {
            crate::report::print("skipped: no python3 on this machine");
            return None;
        }
        let path = folder.join("adapter.py");
        fs::write(&path, ADAPTER).unwrap();
        Some(format!("python3 {}", path.display()))
    }

    #[tokio::test]
    async fn an_adapter_is_asked_line_by_line() {
        let dir = tempfile::tempdir().unwrap();
        let Some(command) = adapter(dir.path()).await else { return };
        let mut rival = Rival::start(&command).await.unwrap();
        assert_eq!(rival.name, "list 1");
        let turns = ["one", "two"].map(|text| Message::chat(Speaker::User, text.to_owned()));
        rival.add("a", &turns).await.unwrap();
        let (shown, _) = rival.window("a", "q", 8 + 5).await.unwrap();
        // One item of five tokens beside the question's eight.
        assert_eq!((shown.lines.len(), shown.tokens), (1, 13));
        let error = rival.window("b", "q", 100).await.unwrap_err().to_string();
        assert!(error.contains("no b"), "{error}");
        rival.forget("a").await.unwrap();
        assert!(rival.window("a", "q", 100).await.is_err());
    }
}
