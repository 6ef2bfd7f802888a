//! Why two statements are taken to contradict each other, in words.

use super::features::{Feature, Row, Side};
use crate::staleness::text::Span;

/// Characters of a sentence that are quoted.
const MAX_QUOTED: usize = 120;

/// The sentences that the row rests on; whole turns where none stands out.
pub(super) fn spans(old: Side<'_>, new: Side<'_>, row: &Row) -> (Span, Span) {
    let piece = |side: Side<'_>, index: Option<usize>| {
        index
            .and_then(|index| side.reading.pieces.get(index))
            .map_or(Span { start: 0, end: side.statement.said.text.len() as u32 }, |p| p.span)
    };
    (piece(old, row.conflict.map(|m| m.old)), piece(new, row.conflict.map(|m| m.new)))
}

/// One line: what stands against what, and by which sign.
pub(super) fn words(old: Side<'_>, new: Side<'_>, row: &Row, spans: (Span, Span)) -> String {
    let quote = |side: Side<'_>, span: Span| {
        let text = span.of(&side.statement.said.text);
        let cut: String = text.chars().take(MAX_QUOTED).collect();
        if cut.len() < text.len() { format!("{cut}…") } else { cut }
    };
    format!("{}: “{}” against “{}”", sign(row), quote(old, spans.0), quote(new, spans.1))
}

/// The plainest sign in the row.
fn sign(row: &Row) -> &'static str {
    let holds = |feature: Feature| row.get(feature) > 0.0;
    if holds(Feature::Sworn) {
        "said never to be so, and said to be so"
    } else if holds(Feature::DeniedApart) {
        "one denies what the other says"
    } else if holds(Feature::Opposites) {
        "opposite words of the same thing"
    } else if holds(Feature::MarksMissed) || holds(Feature::NameApart) {
        "different names for the same thing"
    } else if holds(Feature::TimeApart) || holds(Feature::DateApart) {
        "different times of the same thing"
    } else if holds(Feature::QuantityApart) || holds(Feature::NumberApart) {
        "different numbers for the same thing"
    } else if holds(Feature::UnrealApart) {
        "said to be so, and only wished or possible"
    } else {
        "much in common, and they do not fit together"
    }
}
