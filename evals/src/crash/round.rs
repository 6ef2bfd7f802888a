//! The load of a round, and its end by SIGKILL.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use tokio::task::JoinSet;

use crate::{client::Api, load::text::Texts, process::Server, runner::ingest::create};

use super::{record::Record, writer::write};

/// A round of writers.
pub(super) struct Plan {
    /// Which round.
    pub(super) round: u32,
    /// Writers in it.
    pub(super) writers: u16,
    /// Seed of their texts.
    pub(super) seed: u64,
    /// When the server is killed.
    pub(super) under_load: Duration,
}

/// Lets the writers run, kills the server, and returns their records.
///
/// # Errors
/// A conversation cannot be created, or the server cannot be killed.
pub(super) async fn load_and_kill(
    server: Server,
    api: &Api,
    plan: &Plan,
    violations: &mut Vec<String>,
) -> anyhow::Result<Vec<Record>> {
    let killed = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for number in 0..plan.writers {
        let id = format!("r{}-w{number}", plan.round);
        let name = create(api, &id, "crash").await?;
        let stream = (u64::from(plan.round) << 16) | u64::from(number);
        let texts = Texts::new(plan.seed, stream);
        writers.spawn(write(api.clone(), Record::new(name), texts, Arc::clone(&killed)));
    }
    tokio::time::sleep(plan.under_load).await;
    // Set first: from here on an error is what we asked for.
    killed.store(true, Ordering::Release);
    server.kill().await?;
    let mut records = Vec::new();
    while let Some(writer) = writers.join_next().await {
        let (record, violation) = writer.context("a writer")?;
        violations.extend(violation);
        records.push(record);
    }
    Ok(records)
}
