//! Draws curves as SVG and heat maps as tables. Colours are CSS variables of
//! the page, so that one drawing fits light and dark.

use std::fmt::Write as _;

use super::html::escape;
use crate::plot::{Curve, CurveLine, Heat};

/// Size of a drawing, in its own units; the page scales it.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 300.0;
/// Room for the axes.
const LEFT: f64 = 44.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 44.0;
/// Colours that the page defines, `--c0` and so on.
pub(super) const COLOURS: usize = 10;

/// The curve with its legend. Shares from 0 to 1; the axis has one step for
/// each distance that occurs.
pub(super) fn curve(curve: &Curve, colour: impl Fn(&str) -> usize) -> String {
    let mut steps: Vec<u64> =
        curve.lines.iter().flat_map(|line| line.points.iter().map(|point| point.x)).collect();
    steps.sort_unstable();
    steps.dedup();
    let mut svg = format!(
        r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}">"#,
        escape(&curve.name)
    );
    grid(&mut svg, &steps, &curve.axis);
    for line in &curve.lines {
        draw(&mut svg, line, &steps, colour(&line.strategy));
    }
    svg.push_str("</svg>");
    let mut legend = String::from(r#"<p class="legend">"#);
    for line in &curve.lines {
        let (number, name) = (colour(&line.strategy), escape(&line.strategy));
        let _ =
            write!(legend, r#"<span><i style="background:var(--c{number})"></i>{name}</span> "#);
    }
    format!("<figure><figcaption>{}</figcaption>{svg}{legend}</p></figure>", escape(&curve.name))
}

fn across(steps: &[u64], x: u64) -> f64 {
    let place = steps.iter().position(|&step| step == x).unwrap_or(0) as f64;
    let last = steps.len().saturating_sub(1).max(1) as f64;
    LEFT + place / last * (WIDTH - LEFT - RIGHT)
}

fn down(value: f64) -> f64 {
    TOP + (1.0 - value.clamp(0.0, 1.0)) * (HEIGHT - TOP - BOTTOM)
}

fn grid(svg: &mut String, steps: &[u64], axis: &str) {
    for tenths in [0, 2, 4, 6, 8, 10] {
        let (y, share) = (down(f64::from(tenths) / 10.0), f64::from(tenths) / 10.0);
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{LEFT}" x2="{}" y1="{y:.1}" y2="{y:.1}"/><text x="{}" y="{:.1}" text-anchor="end">{share:.1}</text>"#,
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0
        );
    }
    for &step in steps {
        let x = across(steps, step);
        let y = HEIGHT - BOTTOM + 18.0;
        let _ = write!(svg, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="middle">{step}</text>"#);
    }
    let (x, y) = ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 6.0);
    let _ =
        write!(svg, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="middle">{}</text>"#, escape(axis));
}

/// The band of the intervals, the line, and a dot with its figures for each
/// point.
fn draw(svg: &mut String, line: &CurveLine, steps: &[u64], colour: usize) {
    let at = |x: u64, value: f64| format!("{:.1},{:.1}", across(steps, x), down(value));
    let upper = line.points.iter().map(|point| at(point.x, point.figure.hi));
    let lower = line.points.iter().rev().map(|point| at(point.x, point.figure.lo));
    let band: Vec<String> = upper.chain(lower).collect();
    let path: Vec<String> =
        line.points.iter().map(|point| at(point.x, point.figure.value)).collect();
    let (band, path) = (band.join(" "), path.join(" "));
    let _ = write!(
        svg,
        r#"<polygon points="{band}" style="fill:var(--c{colour})" opacity="0.12"/><polyline points="{path}" style="stroke:var(--c{colour})" class="line"/>"#
    );
    for point in &line.points {
        let (x, y) = (across(steps, point.x), down(point.figure.value));
        let figure = point.figure;
        let _ = write!(
            svg,
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="3.2" style="fill:var(--c{colour})"><title>{} at {}: {:.3} ({:.3} – {:.3}), n={}</title></circle>"#,
            escape(&line.strategy),
            point.x,
            figure.value,
            figure.lo,
            figure.hi,
            figure.n
        );
    }
}

/// A heat map as a table: the darker, the more stands there.
pub(super) fn heat(heat: &Heat) -> String {
    let mut table = format!(
        r#"<figure><figcaption>{}: where in the window</figcaption><div class="wide"><table class="heat"><tr><th></th>"#,
        escape(&heat.name)
    );
    for column in &heat.columns {
        let _ = write!(table, "<th>{}</th>", escape(column));
    }
    table.push_str("<th>anywhere</th><th>n</th></tr>");
    for row in &heat.rows {
        let _ = write!(table, "<tr><th>{}</th>", escape(&row.label));
        for &share in row.shares.iter().chain(&[row.shares.iter().sum::<f64>()]) {
            let depth = (share.clamp(0.0, 1.0) * 85.0).round();
            let _ = write!(
                table,
                r#"<td style="background:color-mix(in srgb, var(--c0) {depth}%, transparent)">{:.0} %</td>"#,
                share * 100.0
            );
        }
        let _ = write!(table, "<td>{}</td></tr>", row.n);
    }
    table.push_str("</table></div></figure>");
    table
}
