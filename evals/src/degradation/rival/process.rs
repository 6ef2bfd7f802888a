//! The adapter as a process: one line of JSON in, one line out. Whatever goes wrong
//! with it (silence, an end, an answer that is no JSON, an error of its own) is an
//! error that names the call.

use std::{process::Stdio, time::Duration};

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::process::peak_bytes;

/// How long the end of a process is waited for, to say how it ended.
const END: Duration = Duration::from_secs(5);
/// Characters of an answer that is no JSON that an error shows.
const SHOWN: usize = 120;

/// A running adapter; killed when dropped.
pub(super) struct Process {
    child: Child,
    stdin: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    patience: Duration,
}

impl Process {
    /// Starts a command line (words are split at white space), each answer of which
    /// is waited for as long as `patience`.
    ///
    /// # Errors
    /// It does not start.
    pub(super) fn start(command_line: &str, patience: Duration) -> anyhow::Result<Self> {
        let mut words = command_line.split_whitespace();
        let program = words.next().context("--rival: an empty command")?;
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("start {command_line:?}"))?;
        let stdin = child.stdin.take().context("the adapter's input")?;
        let answers = BufReader::new(child.stdout.take().context("the adapter's output")?).lines();
        Ok(Self { child, stdin, answers, patience })
    }

    /// Its answer to a request. After an error it is out of step: ask no more.
    ///
    /// # Errors
    /// It is silent for too long, has ended, answers no JSON, or answers an error.
    pub(super) async fn ask(&mut self, request: &Value) -> anyhow::Result<Value> {
        let op = request.get("op").and_then(Value::as_str).unwrap_or_default().to_owned();
        let line = serde_json::to_string(request)? + "\n";
        let exchange = async {
            // One that has ended takes no input; what it answered before is read all
            // the same, and its end told below.
            let sent = self.stdin.write_all(line.as_bytes()).await;
            if sent.is_ok() {
                self.stdin.flush().await?;
            }
            self.answers.next_line().await
        };
        let answer = timeout(self.patience, exchange).await;
        let answer = answer.with_context(|| format!("no answer to {op} in {:?}", self.patience))?;
        let Some(answer) = answer.with_context(|| format!("{op} to the adapter"))? else {
            bail!("the adapter ended at {op}{}", self.end().await);
        };
        let answer: Value = serde_json::from_str(&answer).with_context(|| {
            let start: String = answer.chars().take(SHOWN).collect();
            format!("the answer to {op} is no JSON: {start:?}")
        })?;
        match answer.get("error") {
            None | Some(Value::Null) => Ok(answer),
            Some(Value::String(error)) => bail!("{op}: {error}"),
            Some(error) => bail!("{op}: {error}"),
        }
    }

    /// Most memory that it has held, in bytes; nothing where the system does not say.
    pub(super) fn peak_bytes(&self) -> Option<u64> {
        peak_bytes(&self.child)
    }

    /// How it ended, in parentheses; empty if it closed its output and goes on.
    async fn end(&mut self) -> String {
        match timeout(END, self.child.wait()).await {
            Ok(Ok(status)) => format!(" ({status})"),
            Ok(Err(_)) | Err(_) => String::new(),
        }
    }
}
