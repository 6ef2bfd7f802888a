//! BEAM's contradictions: do both statements stand in the window for the
//! question, and does something say that they contradict each other?
//!
//! "Flagged" is an edge CONTRADICTS between the two, in `GetStaleness` or at an
//! item of the window, while both stand in the window. A contradiction that is
//! taken for an update is not flagged: one side would be hidden for it.

use serde::Serialize;
use throughline_proto::v1::EdgeKind;

use super::{args::StalenessArgs, play::Played, state::State};
use crate::{dataset::Question, metrics::ranking::truth, runner::window::named};

/// What became of a contradiction.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Contradiction {
    first: bool,
    second: bool,
    edge: bool,
    item: bool,
    update: bool,
}

impl Contradiction {
    /// Its figures.
    pub(crate) fn figures(&self) -> Vec<(&'static str, f64)> {
        let both = self.first && self.second;
        vec![
            ("contradiction_in_window", truth(both)),
            ("contradiction_flagged", truth(both && (self.edge || self.item))),
            ("contradiction_edge", truth(self.edge)),
            ("contradiction_taken_for_update", truth(self.update)),
        ]
    }
}

/// Has a window built for a question and looks for both sides.
///
/// # Errors
/// A call failed.
pub(crate) async fn look<L>(
    args: &StalenessArgs,
    played: &Played<'_, L>,
    question: &Question,
    state: &State,
    [first, second]: [&Vec<usize>; 2],
) -> anyhow::Result<Contradiction> {
    let window = played.window(&question.text, args.budget).await?;
    let positions = named(&window, played.ingested, &played.case.conversation).positions;
    let stands = |side: &[usize]| side.iter().any(|at| positions.contains(at));
    let between = |a: usize, b: usize| {
        (first.contains(&a) && second.contains(&b)) || (first.contains(&b) && second.contains(&a))
    };
    let drawn = |kind| state.drawn(&[kind], args.threshold).any(|e| between(e.earlier, e.later));
    let item = window.items.iter().flat_map(|item| &item.edges).any(|edge| {
        let ends = played.ingested.position(&edge.earlier);
        let ends = ends.zip(played.ingested.position(&edge.later));
        edge.kind() == EdgeKind::Contradicts && ends.is_some_and(|(a, b)| between(a, b))
    });
    Ok(Contradiction {
        first: stands(first),
        second: stands(second),
        edge: drawn(EdgeKind::Contradicts),
        item,
        update: drawn(EdgeKind::Supersedes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_needs_both_sides_in_the_window() {
        for (first, second, edge, item, expected) in [
            (true, true, true, false, [1.0, 1.0]),
            (true, true, false, true, [1.0, 1.0]),
            (true, true, false, false, [1.0, 0.0]),
            (true, false, true, true, [0.0, 0.0]),
        ] {
            let figures = Contradiction { first, second, edge, item, update: false }.figures();
            let got: Vec<f64> = figures.iter().take(2).map(|(_, value)| *value).collect();
            assert_eq!(got, expected, "{first} {second} {edge} {item}");
        }
    }
}
