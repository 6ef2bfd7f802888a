//! The page as HTML: one file, no script, no network, readable on a phone,
//! light and dark.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    chart::{self, COLOURS},
    grid,
    result::Outcome,
};
use crate::{
    metrics::{Figures, bootstrap::Estimate},
    report::number,
};

const STYLE: &str = include_str!("style.css");

/// Text for an element or an attribute.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The whole page.
pub(super) fn page(title: &str, outcomes: &[Outcome]) -> String {
    let colours = colours(outcomes);
    let title = escape(title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>"
    );
    contents(&mut page, outcomes);
    for (number, outcome) in outcomes.iter().enumerate() {
        section(&mut page, number, outcome, &colours);
    }
    page.push_str("</main></body></html>\n");
    page
}

/// A colour for each strategy, the same in every drawing.
fn colours(outcomes: &[Outcome]) -> BTreeMap<String, usize> {
    let curves = outcomes.iter().flat_map(Outcome::curves);
    let strategies = curves.flat_map(|curve| curve.lines.into_iter().map(|line| line.strategy));
    let mut names: Vec<String> = strategies.collect();
    // Throughline first: its colour is that of the heat maps.
    names.sort_by_key(|name| (name != "throughline", name.clone()));
    names.dedup();
    names.into_iter().enumerate().map(|(at, name)| (name, at % COLOURS)).collect()
}

fn contents(page: &mut String, outcomes: &[Outcome]) {
    page.push_str("<ol>");
    for (number, outcome) in outcomes.iter().enumerate() {
        let title = escape(&outcome.title());
        let _ = write!(page, "<li><a href=\"#r{number}\">{title}</a> (n={})</li>", outcome.n);
    }
    page.push_str("</ol>");
}

fn section(page: &mut String, number: usize, outcome: &Outcome, colours: &BTreeMap<String, usize>) {
    let title = escape(&outcome.title());
    let _ = write!(page, "<section id=\"r{number}\"><h2>{title}</h2>");
    for curve in outcome.curves() {
        page.push_str(&chart::curve(&curve, |name| colours.get(name).copied().unwrap_or(0)));
    }
    if !outcome.breakdown.is_empty() {
        page.push_str("<h3>Side by side</h3>");
        side_by_side(page, &outcome.breakdown);
    }
    page.push_str("<h3>Figures</h3>");
    figures(page, &outcome.metrics);
    let heat = outcome.heat();
    if !heat.is_empty() {
        page.push_str("<h3>Where it stands</h3>");
        heat.iter().for_each(|heat| page.push_str(&chart::heat(heat)));
    }
    let grids = outcome.grids();
    if !grids.is_empty() {
        page.push_str("<h3>Turn by turn</h3>");
        grids.iter().for_each(|one| page.push_str(&grid::draw(one)));
    }
    provenance(page, outcome);
    page.push_str("</section>");
}

/// One row for each figure, one column for each group.
fn side_by_side(page: &mut String, breakdown: &BTreeMap<String, Figures>) {
    page.push_str("<p>Value (95 % interval, n).</p>");
    page.push_str("<div class=\"wide\"><table><tr><th>figure</th>");
    for group in breakdown.keys() {
        let _ = write!(page, "<th>{}</th>", escape(group));
    }
    page.push_str("</tr>");
    for name in names(breakdown) {
        let _ = write!(page, "<tr><th>{}</th>", escape(name));
        for figures in breakdown.values() {
            match figures.get(name) {
                Some(figure) => {
                    let (value, spread) = (number(figure.value), spread(figure));
                    let _ = write!(page, "<td>{value} <small>({spread})</small></td>");
                }
                None => page.push_str("<td></td>"),
            }
        }
        page.push_str("</tr>");
    }
    page.push_str("</table></div>");
}

/// The interval, if there is one, and n: what stands behind a value in a cell.
pub(super) fn spread(figure: &Estimate) -> String {
    if figure.lo == figure.hi {
        return format!("n={}", figure.n);
    }
    format!("{}–{}, n={}", number(figure.lo), number(figure.hi), figure.n)
}

/// Every figure that a group has, in natural order.
pub(super) fn names(breakdown: &BTreeMap<String, Figures>) -> Vec<&str> {
    let mut names: Vec<&str> =
        breakdown.values().flat_map(|figures| figures.keys().map(String::as_str)).collect();
    names.sort_by_key(|name| (crate::report::natural(name), *name));
    names.dedup();
    names
}

fn figures(page: &mut String, figures: &Figures) {
    page.push_str(
        "<div class=\"wide\"><table><tr><th>figure</th><th>value</th><th>95 %</th><th>n</th></tr>",
    );
    let mut names: Vec<&String> = figures.keys().collect();
    names.sort_by_key(|name| crate::report::natural(name));
    for name in names {
        let Some(figure) = figures.get(name) else { continue };
        let _ = write!(
            page,
            "<tr><th>{}</th><td>{}</td><td>{} – {}</td><td>{}</td></tr>",
            escape(name),
            number(figure.value),
            number(figure.lo),
            number(figure.hi),
            figure.n
        );
    }
    page.push_str("</table></div>");
}

fn provenance(page: &mut String, outcome: &Outcome) {
    page.push_str("<details><summary>How it was measured</summary>");
    if !outcome.arguments.is_empty() {
        let _ = write!(page, "<pre>{}</pre>", escape(&outcome.command_line()));
    }
    let _ = write!(page, "<p>throughline-eval {}", escape(&outcome.version));
    if let Some(hash) = &outcome.model_sha256 {
        let _ = write!(page, ", embedding model <code>{}</code>", escape(hash));
    }
    page.push_str("</p>");
    if !outcome.data_sha256.is_empty() {
        page.push_str("<p>Data files and their SHA-256:</p><pre>");
        for (path, hash) in &outcome.data_sha256 {
            let _ = writeln!(page, "{} {}", escape(hash), escape(path));
        }
        page.push_str("</pre>");
    }
    for value in [Some(&outcome.config), outcome.notes()].into_iter().flatten() {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        let _ = write!(page, "<pre>{}</pre>", escape(&text));
    }
    page.push_str("</details>");
}
