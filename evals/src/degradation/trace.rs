//! How single conversations went, for the report: what the service's windows are
//! made of at each turn of the user, and how stale each turn was by then. Asked when
//! a conversation is played to its end: both calls answer as of any earlier turn.

use std::collections::{BTreeMap, BTreeSet};

use throughline_proto::v1::{ContextWindow, Section};

use super::live::build;
use crate::{
    client::Api,
    dataset::{Message, Speaker},
    plot::{Grid, GridRow},
    staleness::state::{scores, wait_scored},
};

/// Turns of the user that are looked at, spread over the conversation.
const LOOKS: usize = 20;
/// Columns of the staleness of turns; a longer conversation has several turns in one.
const COLUMNS: usize = 32;
/// Sections in the order in which they stand in a window.
const SECTIONS: [(Section, &str); 6] = [
    (Section::Pinned, "pins"),
    (Section::Summary, "summary"),
    (Section::Recent, "recent turns"),
    (Section::Retrieved, "retrieved"),
    (Section::Reanchored, "pins again"),
    (Section::Query, "question"),
];
/// What belongs to no section.
const TEMPLATE: &str = "template";

/// A conversation on the server that was played to its end.
pub(super) struct Traced<'a> {
    /// What people call it.
    pub(super) title: &'a str,
    /// `conversations/{id}`.
    pub(super) name: &'a str,
    /// Sequences of the user's turns, in order.
    pub(super) said: Vec<u64>,
    /// Sequence of its last turn.
    pub(super) last: u64,
}

impl<'a> Traced<'a> {
    /// A conversation that holds these turns.
    pub(super) fn new<'m>(
        title: &'a str,
        name: &'a str,
        turns: impl Iterator<Item = &'m Message>,
    ) -> Self {
        let (mut said, mut last) = (Vec::new(), 0);
        for turn in turns {
            last += 1;
            if turn.role == Speaker::User {
                said.push(last);
            }
        }
        Self { title, name, said, last }
    }

    /// Looks at it; nothing where the user said nothing.
    ///
    /// # Errors
    /// A call failed, or turns were not scored for ten minutes.
    pub(super) async fn look(&self, api: &Api, budget: u32) -> anyhow::Result<Vec<Grid>> {
        if self.said.is_empty() {
            return Ok(Vec::new());
        }
        wait_scored(api, self.name).await?;
        let looks = spread(&self.said, LOOKS);
        let (mut windows, mut stale) = (Vec::new(), Vec::new());
        for &at in &looks {
            windows.push(build(api, self.name, "", budget, at).await?.window);
            stale.push(scores(api, self.name, at).await?);
        }
        let composed = composition(self.title, &looks, &windows, budget);
        Ok(vec![composed, staleness(self.title, &looks, &stale, self.last)])
    }
}

/// So many of a list at most, the first and the last among them.
fn spread(all: &[u64], most: usize) -> Vec<u64> {
    let last = all.len().saturating_sub(1);
    let steps = most.min(all.len()).saturating_sub(1).max(1);
    let places: BTreeSet<usize> = (0..=steps).map(|step| step * last / steps).collect();
    places.into_iter().filter_map(|place| all.get(place).copied()).collect()
}

/// Tokens of each section, window by window.
fn composition(title: &str, looks: &[u64], windows: &[ContextWindow], budget: u32) -> Grid {
    let of = |window: &ContextWindow, section: Section| -> f64 {
        let items = window.items.iter().filter(|item| item.section() == section);
        items.map(|item| f64::from(item.tokens)).sum()
    };
    let row = |(section, label): &(Section, &str)| GridRow {
        label: (*label).to_owned(),
        values: windows.iter().map(|window| Some(of(window, *section))).collect(),
    };
    let mut rows: Vec<GridRow> = SECTIONS.iter().map(row).collect();
    let rest = |window: &ContextWindow| {
        let items: f64 = window.items.iter().map(|item| f64::from(item.tokens)).sum();
        Some((f64::from(window.total_tokens) - items).max(0.0))
    };
    rows.push(GridRow { label: TEMPLATE.to_owned(), values: windows.iter().map(rest).collect() });
    Grid {
        name: format!("{title}: tokens of the window by section"),
        axis: "turn that the window is for".to_owned(),
        most: f64::from(budget.max(1)),
        worse: false,
        columns: looks.iter().map(u64::to_string).collect(),
        rows,
    }
}

/// How stale the turns were as of each look; of several turns in a column the
/// stalest.
fn staleness(title: &str, looks: &[u64], stale: &[BTreeMap<u64, f64>], last: u64) -> Grid {
    let wide = last.div_ceil(COLUMNS as u64).max(1);
    let firsts: Vec<u64> = (0..last.div_ceil(wide)).map(|column| column * wide + 1).collect();
    let row = |(at, scores): (&u64, &BTreeMap<u64, f64>)| {
        let value = |first: &u64| {
            scores.range(*first..first + wide).map(|(_, score)| *score).reduce(f64::max)
        };
        GridRow { label: format!("as of {at}"), values: firsts.iter().map(value).collect() }
    };
    let column = |first: &u64| match (first + wide - 1).min(last) {
        end if end == *first => first.to_string(),
        end => format!("{first}–{end}"),
    };
    Grid {
        name: format!("{title}: how stale each turn was"),
        axis: if wide == 1 { "turn" } else { "turns (the stalest of each column)" }.to_owned(),
        most: 1.0,
        worse: true,
        columns: firsts.iter().map(column).collect(),
        rows: looks.iter().zip(stale).map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use throughline_proto::v1::ContextItem;

    #[test]
    fn looks_are_spread_from_first_to_last() {
        let all: Vec<u64> = (1..=100).collect();
        for (all, most, expected) in [
            (&all[..], 4, vec![1, 34, 67, 100]),
            (&all[..3], 20, vec![1, 2, 3]),
            (&all[..1], 20, vec![1]),
            (&[][..], 20, vec![]),
        ] {
            assert_eq!(spread(all, most), expected);
        }
    }

    #[test]
    fn windows_are_taken_apart() {
        let item = |section: Section, tokens| ContextItem {
            section: section as i32,
            tokens,
            ..ContextItem::default()
        };
        let window = ContextWindow {
            items: vec![
                item(Section::Pinned, 5),
                item(Section::Recent, 7),
                item(Section::Recent, 8),
            ],
            total_tokens: 23,
            ..ContextWindow::default()
        };
        let grid = composition("c", &[3], &[window], 100);
        let of = |label: &str| grid.rows.iter().find(|row| row.label == label).unwrap().values[0];
        assert_eq!(
            (of("pins"), of("recent turns"), of("summary")),
            (Some(5.0), Some(15.0), Some(0.0))
        );
        assert_eq!((of("template"), grid.most), (Some(3.0), 100.0));
        assert_eq!(grid.columns, ["3"]);
    }

    #[test]
    fn a_column_shows_its_stalest_turn() {
        let first = BTreeMap::from([(1, 0.25), (2, 0.5), (3, 0.0)]);
        let grid = staleness("c", &[3], std::slice::from_ref(&first), 6);
        assert_eq!(grid.columns, ["1", "2", "3", "4", "5", "6"]);
        let expected = [Some(0.25), Some(0.5), Some(0.0), None, None, None];
        assert_eq!(grid.rows[0].values, expected);
        let grid = staleness("c", &[3], &[first], 64);
        assert_eq!((grid.columns.len(), grid.columns[0].as_str()), (32, "1–2"));
        assert_eq!(grid.rows[0].values[..3], [Some(0.5), Some(0.0), None]);
    }
}
