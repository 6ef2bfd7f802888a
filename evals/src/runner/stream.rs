//! Turns over StreamTurns, in messages that stay within gRPC's limits.

use throughline_proto::v1::{self as wire, StreamTurnsRequest, part::Content};

use crate::client::{Api, retry};

/// Turns of one message of the stream.
const BATCH_TURNS: usize = 200;
/// Text bytes of one message of the stream, well below gRPC's 4 MiB.
const BATCH_BYTES: usize = 1 << 20;

/// Streams turns, those that are there already included; returns the last
/// sequence.
///
/// # Errors
/// The call failed.
pub(crate) async fn stream_turns(
    api: &Api,
    name: &str,
    turns: Vec<wire::Turn>,
) -> anyhow::Result<u64> {
    let messages = batches(name, turns);
    let call = async || {
        let messages = tokio_stream::iter(messages.clone());
        api.conversations.clone().stream_turns(messages).await
    };
    Ok(retry("StreamTurns", call).await?.into_inner().last_sequence)
}

/// The messages of StreamTurns, each within its limits.
fn batches(name: &str, turns: Vec<wire::Turn>) -> Vec<StreamTurnsRequest> {
    let mut messages = Vec::new();
    let mut batch = Vec::new();
    let mut bytes = 0;
    for turn in turns {
        let size = turn.parts.iter().map(part_bytes).sum::<usize>();
        if batch.len() == BATCH_TURNS || (bytes + size > BATCH_BYTES && !batch.is_empty()) {
            let turns = std::mem::take(&mut batch);
            messages.push(StreamTurnsRequest { conversation: name.to_owned(), turns });
            bytes = 0;
        }
        bytes += size;
        batch.push(turn);
    }
    messages.push(StreamTurnsRequest { conversation: name.to_owned(), turns: batch });
    messages
}

fn part_bytes(part: &wire::Part) -> usize {
    match &part.content {
        Some(Content::Text(text)) => text.len(),
        Some(Content::ToolCall(call)) => call.arguments_json.len(),
        Some(Content::ToolResult(result)) => result.content.len(),
        Some(Content::Opaque(_)) | None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_stay_within_their_limits() {
        let long = "x".repeat(BATCH_BYTES / 2);
        for (texts, sizes) in [
            (vec!["a"; 450], vec![200, 200, 50]),
            (vec![long.as_str(); 5], vec![2, 2, 1]),
            (vec![], vec![0]),
        ] {
            let turn = |text: &str| {
                let content = Some(Content::Text(text.to_owned()));
                wire::Turn { parts: vec![wire::Part { content }], ..wire::Turn::default() }
            };
            let turns = texts.into_iter().map(turn).collect();
            let messages = batches("conversations/x", turns);
            assert_eq!(messages.iter().map(|m| m.turns.len()).collect::<Vec<_>>(), sizes);
        }
    }
}
