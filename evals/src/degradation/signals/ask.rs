//! What the server measured of the turns of a conversation.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context as _, bail};
use throughline_proto::v1::{GetDegradationRequest, GetDegradationResponse, TurnSignal};
use tokio::time::Instant;

use crate::{
    client::{Api, retry},
    runner::ingest::{Ingested, MAX_POLL, STALL_LIMIT},
};

/// Turns of a page.
const PAGE: i32 = 500;

/// The signals of each measured turn, by its position in the conversation. What is
/// not listed for a turn is not measurable there. Waits until every turn up to the
/// sequence `last` is measured.
///
/// # Errors
/// A call failed, or nothing was measured for ten minutes.
pub(super) async fn signals(
    api: &Api,
    ingested: &Ingested,
    last: u64,
) -> anyhow::Result<HashMap<usize, Vec<TurnSignal>>> {
    let name = ingested.whole().context("no conversation to ask")?;
    let mut signals = HashMap::new();
    let mut shown = measured(api, name, last).await?;
    loop {
        for turn in shown.turns {
            if let Some(position) = ingested.position(&turn.turn) {
                signals.insert(position, turn.signals);
            }
        }
        if shown.next_page_token.is_empty() {
            return Ok(signals);
        }
        shown = page(api, name, &shown.next_page_token).await?;
    }
}

/// The first page, once every turn up to `last` is measured.
async fn measured(api: &Api, name: &str, last: u64) -> anyhow::Result<GetDegradationResponse> {
    let mut before = 0;
    let mut since = Instant::now();
    let mut pause = Duration::from_millis(10);
    loop {
        let first = page(api, name, "").await?;
        let now = first.measured_sequence;
        if now >= last {
            return Ok(first);
        }
        if now > before {
            (before, since) = (now, Instant::now());
        } else if since.elapsed() > STALL_LIMIT {
            bail!("{name}: {now} of {last} turns measured, and no more in {STALL_LIMIT:?}");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_POLL);
    }
}

async fn page(api: &Api, name: &str, page_token: &str) -> anyhow::Result<GetDegradationResponse> {
    let call = async || {
        let request = GetDegradationRequest {
            conversation: name.to_owned(),
            page_size: PAGE,
            page_token: page_token.to_owned(),
            min_revision: 0,
        };
        api.degradation.clone().get_degradation(request).await
    };
    Ok(retry("GetDegradation", call).await?.into_inner())
}
