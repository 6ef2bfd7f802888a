//! The window of the next turn, read for what stands for a turn.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use throughline_proto::v1::{BuildContextRequest, ContextOptions, Section};

use crate::client::{Api, retry};

/// What a window shows of turns.
pub(super) struct Seen {
    /// Words that stand for a turn: pins of it, and itself.
    of_turns: BTreeMap<u64, String>,
    /// Summaries with the turns that they stand for.
    summaries: Vec<(u64, u64, String)>,
    pinned: BTreeSet<u64>,
}

impl Seen {
    /// Whether all pieces stand for the turn.
    pub(super) fn holds(&self, sequence: u64, pieces: &[String]) -> bool {
        let own = self.of_turns.get(&sequence).map_or("", String::as_str);
        let over = || {
            let over = self
                .summaries
                .iter()
                .filter(|(from, until, _)| (*from..=*until).contains(&sequence));
            over.map(|(_, _, text)| text.as_str())
        };
        pieces.iter().all(|piece| {
            own.contains(piece.as_str()) || over().any(|text| text.contains(piece.as_str()))
        })
    }

    /// Whether a pin of the turn stands in the window.
    pub(super) fn pinned(&self, sequence: u64) -> bool {
        self.pinned.contains(&sequence)
    }
}

/// Builds the window for the last user turn and reads it.
///
/// # Errors
/// The call failed.
pub(super) async fn look(api: &Api, name: &str, budget: u32) -> anyhow::Result<Seen> {
    let call = async || {
        let options = ContextOptions {
            token_budget: i32::try_from(budget).unwrap_or(i32::MAX),
            ..ContextOptions::default()
        };
        let request = BuildContextRequest {
            conversation: name.to_owned(),
            options: Some(options),
            ..BuildContextRequest::default()
        };
        api.context.clone().build_context(request).await
    };
    let window = retry("BuildContext", call).await?.into_inner().window;
    let window = window.context("BuildContext answered without a window")?;
    let mut seen =
        Seen { of_turns: BTreeMap::new(), summaries: Vec::new(), pinned: BTreeSet::new() };
    // Units of one message are told apart by their own first line.
    let mut units: BTreeMap<u32, std::vec::IntoIter<String>> = BTreeMap::new();
    for item in &window.items {
        let message = window.messages.get(item.message_index as usize);
        let message = message.context("an item names a message that is not there")?;
        let shared = window.items.iter().filter(|other| other.message_index == item.message_index);
        let is_block = shared.count() > 1 || message.content.contains("\n[");
        let text = if is_block {
            let units = units
                .entry(item.message_index)
                .or_insert_with(|| units_of(&message.content).into_iter());
            units.next().unwrap_or_default()
        } else {
            message.content.clone()
        };
        if item.summary_until_sequence > 0 {
            let range = (item.summary_from_sequence, item.summary_until_sequence);
            seen.summaries.push((range.0, range.1, text));
            continue;
        }
        let sequence = item.turn.rsplit_once("/turns/").and_then(|(_, at)| at.parse().ok());
        let Some(sequence) = sequence else { continue };
        let words = seen.of_turns.entry(sequence).or_default();
        words.push_str(&text);
        words.push('\n');
        if item.section == Section::Pinned as i32 {
            seen.pinned.insert(sequence);
        }
    }
    Ok(seen)
}

/// The units of a message that holds several: each begins a line with a bracket.
fn units_of(content: &str) -> Vec<String> {
    let mut units: Vec<String> = Vec::new();
    for line in content.lines() {
        match units.last_mut() {
            _ if line.starts_with('[') => units.push(line.to_owned()),
            Some(unit) => {
                unit.push('\n');
                unit.push_str(line);
            }
            // The header.
            None => {}
        }
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_counts_where_it_stands_for_its_turn() {
        let seen = Seen {
            of_turns: [(4, "[pin] never 27".to_owned())].into(),
            summaries: vec![(1, 9, "she agreed to 12".to_owned())],
            pinned: [4].into(),
        };
        let pieces = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        assert!(seen.holds(4, &pieces(&["27", "12"])));
        assert!(seen.holds(7, &pieces(&["12"])) && !seen.holds(7, &pieces(&["27"])));
        assert!(!seen.holds(10, &pieces(&["12"])));
        assert!(seen.pinned(4) && !seen.pinned(7));
    }

    #[test]
    fn units_begin_with_a_bracket_and_keep_their_lines() {
        assert_eq!(units_of("Header:\n[a] one\n two\n[b] three\n"), ["[a] one\n two", "[b] three"]);
    }
}
