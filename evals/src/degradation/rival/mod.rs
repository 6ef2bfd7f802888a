//! Another memory behind the adapter protocol (`docs/evaluation.md`): a process that
//! remembers turns and says what it remembers, in its own order or as a window of its
//! own. Every rival is counted here, with the same tokenizer and the same budget.

mod process;
#[cfg(test)]
pub(super) mod tests;
mod window;

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::shown::Shown;
use crate::{dataset::Message, runner::window::TOKENIZER};

use process::Process;
pub(super) use window::Own;
use window::{Assembled, of_assembled, of_items, room};

/// Version of the protocol.
const PROTOCOL: u32 = 1;
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
    /// It assembles windows itself.
    assembles: bool,
    process: Process,
}

/// A window of a rival.
pub(super) struct Answered {
    /// What a model would see.
    pub(super) shown: Shown,
    /// Milliseconds from the question to the answer.
    pub(super) millis: f64,
    /// Where the rival assembled it: what it was before it was cut.
    pub(super) own: Option<Own>,
}

#[derive(Deserialize)]
struct Hello {
    name: String,
    version: String,
    /// What it can be asked; one that does not say so knows those of the first
    /// adapters.
    #[serde(default = "first_calls")]
    calls: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Items {
    items: Vec<String>,
}

fn first_calls() -> BTreeSet<String> {
    ["add", "search", "forget"].map(str::to_owned).into()
}

impl Hello {
    /// Whether it assembles windows.
    ///
    /// # Errors
    /// It lacks a call that nothing can be measured without.
    fn assembles(&self) -> anyhow::Result<bool> {
        for call in ["add", "forget"] {
            ensure!(self.calls.contains(call), "{} knows no {call}", self.name);
        }
        let assembles = self.calls.contains("window");
        let shows = assembles || self.calls.contains("search");
        ensure!(shows, "{} knows neither search nor window", self.name);
        Ok(assembles)
    }
}

impl Rival {
    /// Starts an adapter by its command line (words are split at white space).
    ///
    /// # Errors
    /// It does not start, does not greet, or cannot be asked for what it remembers.
    pub(crate) async fn start(command_line: &str) -> anyhow::Result<Self> {
        Self::start_with(command_line, PATIENCE).await
    }

    async fn start_with(command_line: &str, patience: Duration) -> anyhow::Result<Self> {
        let mut process = Process::start(command_line, patience)?;
        let about = process.ask(&json!({ "op": "hello", "protocol": PROTOCOL })).await?;
        let hello: Hello = serde_json::from_value(about.clone()).context("its greeting")?;
        let assembles = hello.assembles()?;
        let name = format!("{} {}", hello.name, hello.version);
        Ok(Self { name, about, assembles, process })
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
            self.process.ask(&json!({ "op": "add", "conversation": id, "turns": turns })).await?;
        }
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    }

    /// The window for a question: the one that it assembles, or what it finds, best
    /// first; either as far as it fits.
    ///
    /// # Errors
    /// It fails or is silent, or answers something else.
    pub(super) async fn window(
        &mut self,
        id: &str,
        question: &str,
        budget: usize,
    ) -> anyhow::Result<Answered> {
        let request = if self.assembles {
            json!({ "op": "window", "conversation": id, "query": question,
                    "budget": room(question, budget), "tokenizer": TOKENIZER })
        } else {
            json!({ "op": "search", "conversation": id, "query": question, "limit": ITEMS })
        };
        let begun = Instant::now();
        let answer = self.process.ask(&request).await?;
        let millis = begun.elapsed().as_secs_f64() * 1e3;
        if self.assembles {
            let assembled: Assembled = serde_json::from_value(answer).context("its window")?;
            let (shown, own) = of_assembled(assembled, question, budget).context("its window")?;
            return Ok(Answered { shown, millis, own: Some(own) });
        }
        let Items { items } = serde_json::from_value(answer).context("its items")?;
        Ok(Answered { shown: of_items(items, question, budget), millis, own: None })
    }

    /// Has it forget a conversation.
    ///
    /// # Errors
    /// It fails or is silent.
    pub(crate) async fn forget(&mut self, id: &str) -> anyhow::Result<()> {
        self.process.ask(&json!({ "op": "forget", "conversation": id })).await.map(|_| ())
    }

    /// Most memory that it has held, in bytes; nothing where the system does
    /// not say.
    pub(crate) fn peak_bytes(&self) -> Option<u64> {
        self.process.peak_bytes()
    }
}
