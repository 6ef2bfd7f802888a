//! Draws what a conversation was turn by turn: one row for each thing, one column
//! for each turn or run of turns, the darker the more. As in `chart`, colours are
//! CSS variables of the page.

use std::fmt::Write as _;

use super::html::escape;
use crate::plot::Grid;

/// Width of a drawing in its own units. A narrow screen scrolls it: its labels
/// would be too small to read if it were made to fit.
const WIDTH: f64 = 640.0;
/// Room for the labels of the rows.
const LEFT: f64 = 120.0;
/// Height of a row.
const ROW: f64 = 16.0;
/// Room below for the labels of the columns and the axis.
const BOTTOM: f64 = 40.0;
/// Room that a column's label needs.
const LABEL: f64 = 64.0;

/// The grid with its scale; each cell names its value.
pub(super) fn draw(grid: &Grid) -> String {
    let height = grid.rows.len() as f64 * ROW + BOTTOM;
    let step = (WIDTH - LEFT) / grid.columns.len().max(1) as f64;
    let name = escape(&grid.name);
    let mut svg = format!(
        r#"<svg class="turns" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{name}">"#
    );
    for (number, row) in grid.rows.iter().enumerate() {
        let y = number as f64 * ROW;
        let label = escape(&row.label);
        let (x, base) = (LEFT - 6.0, y + ROW - 4.0);
        let _ = write!(svg, r#"<text x="{x}" y="{base}" text-anchor="end">{label}</text>"#);
        for (at, (column, value)) in grid.columns.iter().zip(&row.values).enumerate() {
            let Some(value) = *value else { continue };
            let depth = (100.0 * value / grid.most).clamp(0.0, 100.0).round();
            let (x, wide, high) = (LEFT + at as f64 * step, step - 0.5, ROW - 0.5);
            let (column, shown) = (escape(column), value_text(grid, value));
            let _ = write!(
                svg,
                r#"<rect x="{x:.1}" y="{y}" width="{wide:.1}" height="{high}" style="--v:{depth}%"><title>{label}, {column}: {shown}</title></rect>"#
            );
        }
    }
    axis(&mut svg, grid, step);
    let most = value_text(grid, grid.most);
    let tone = if grid.worse { "hot" } else { "c0" };
    format!(
        r#"<figure style="--tone:var(--{tone})"><figcaption>{name}</figcaption><div class="wide">{svg}</svg></div><p class="legend scale"><span><i style="--v:0%"></i>0</span> <span><i style="--v:50%"></i></span> <span><i style="--v:100%"></i>{most}</span></p></figure>"#
    )
}

/// Labels below, of as many columns as there is room for.
fn axis(svg: &mut String, grid: &Grid, step: f64) {
    let every = (LABEL / step).ceil().max(1.0) as usize;
    let y = grid.rows.len() as f64 * ROW + 14.0;
    for (at, column) in grid.columns.iter().enumerate().step_by(every) {
        let x = LEFT + at as f64 * step;
        if x + LABEL > WIDTH {
            break;
        }
        let _ = write!(svg, r#"<text x="{x:.1}" y="{y}">{}</text>"#, escape(column));
    }
    // On the left, where a narrow screen shows it.
    let _ = write!(svg, r#"<text x="{LEFT}" y="{}">{}</text>"#, y + 18.0, escape(&grid.axis));
}

/// How values of a grid are written: shares with two digits, counts with none.
pub(super) fn value_text(grid: &Grid, value: f64) -> String {
    let digits = if grid.most <= 1.0 { 2 } else { 0 };
    format!("{value:.digits$}")
}
