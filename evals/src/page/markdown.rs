//! The same page as Markdown: tables, and how it was measured.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    grid::value_text,
    html::{names, spread},
    reliability,
    result::Outcome,
};
use crate::{
    metrics::bootstrap::Estimate,
    plot::Grid,
    report::{natural, number},
};

/// The whole page.
pub(super) fn page(title: &str, outcomes: &[Outcome]) -> String {
    let mut page = format!("# {title}\n");
    for outcome in outcomes {
        section(&mut page, outcome);
    }
    page
}

/// A cell must not end its column.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn section(page: &mut String, outcome: &Outcome) {
    let _ = write!(page, "\n## {} (n={})\n", outcome.title(), outcome.n);
    if !outcome.arguments.is_empty() {
        let _ = write!(page, "\n```sh\n{}\n```\n", outcome.command_line());
    }
    let model = outcome.model_sha256.as_deref().unwrap_or("none");
    let _ = write!(page, "\nthroughline-eval {}, embedding model {model}\n", outcome.version);
    if !outcome.breakdown.is_empty() {
        let groups: Vec<String> = outcome.breakdown.keys().map(|group| cell(group)).collect();
        page.push_str("\nValue (95 % interval, n):\n");
        let _ = write!(page, "\n| figure | {} |\n| --- |", groups.join(" | "));
        page.push_str(&" --: |".repeat(groups.len()));
        page.push('\n');
        for name in names(&outcome.breakdown) {
            let cells = outcome.breakdown.values().map(|figures| {
                let shown =
                    |figure: &Estimate| format!("{} ({})", number(figure.value), spread(figure));
                figures.get(name).map(shown).unwrap_or_default()
            });
            let cells: Vec<String> = cells.collect();
            let _ = writeln!(page, "| {} | {} |", cell(name), cells.join(" | "));
        }
    }
    page.push_str("\n| figure | value | 95 % | n |\n| --- | --: | --: | --: |\n");
    let mut figures: Vec<_> = outcome.metrics.iter().collect();
    figures.sort_by_key(|(name, _)| natural(name));
    for (name, figure) in figures {
        let (value, lo, hi) = (number(figure.value), number(figure.lo), number(figure.hi));
        let _ = writeln!(page, "| {} | {value} | {lo} – {hi} | {} |", cell(name), figure.n);
    }
    reliability::table(page, &outcome.reliability());
    for heat in outcome.heat() {
        let columns: Vec<String> = heat.columns.iter().map(|column| cell(column)).collect();
        let _ = write!(
            page,
            "\n| {}: where | {} | n |\n| --- |",
            cell(&heat.name),
            columns.join(" | ")
        );
        page.push_str(&" --: |".repeat(columns.len() + 1));
        page.push('\n');
        for row in &heat.rows {
            let shares: Vec<String> =
                row.shares.iter().map(|share| format!("{:.0} %", share * 100.0)).collect();
            let _ = writeln!(page, "| {} | {} | {} |", cell(&row.label), shares.join(" | "), row.n);
        }
    }
    outcome.grids().iter().for_each(|grid| turn_by_turn(page, grid));
    if !outcome.data_sha256.is_empty() {
        page.push_str("\n| data file | SHA-256 |\n| --- | --- |\n");
        for (path, hash) in &outcome.data_sha256 {
            let _ = writeln!(page, "| {} | {} |", cell(path), cell(hash));
        }
    }
    json(page, "Flags and server", Some(&outcome.config));
    json(page, "Notes", outcome.notes());
}

/// A value as it stands in the result. No line of such a text opens with a fence.
fn json(page: &mut String, title: &str, value: Option<&Value>) {
    let Some(value) = value.filter(|value| !value.is_null()) else { return };
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let _ = write!(page, "\n{title}:\n\n```json\n{text}\n```\n");
}

/// A grid as a table; what is not there yet is an empty cell.
fn turn_by_turn(page: &mut String, grid: &Grid) {
    let columns: Vec<String> = grid.columns.iter().map(|column| cell(column)).collect();
    let (name, axis) = (cell(&grid.name), cell(&grid.axis));
    let _ = write!(page, "\n| {name}; by {axis} | {} |\n| --- |", columns.join(" | "));
    page.push_str(&" --: |".repeat(columns.len()));
    page.push('\n');
    for row in &grid.rows {
        let shown = |value: &Option<f64>| value.map(|value| value_text(grid, value));
        let values: Vec<String> =
            row.values.iter().map(|value| shown(value).unwrap_or_default()).collect();
        let _ = writeln!(page, "| {} | {} |", cell(&row.label), values.join(" | "));
    }
}
