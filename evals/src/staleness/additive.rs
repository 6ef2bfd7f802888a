//! `additive`: the bundled table of pairs that add up and pairs of which the
//! later one replaces the earlier, written before any scorer.

use serde::Deserialize;
use serde_json::json;
use throughline_proto::v1::EdgeKind;

use super::{
    args::StalenessArgs,
    case::{Case, limited},
    findings::Findings,
    metrics::{Item, Measure, Pool},
    play::{Played, play},
    state::State,
};
use crate::dataset::{Message, Speaker};

const TABLE: &str = include_str!("../../../memory/tests/staleness/additive_replacing.jsonl");

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Additive,
    Replacing,
}

#[derive(Clone, Debug, Deserialize)]
struct Row {
    id: String,
    kind: Kind,
    domain: String,
    turns: Vec<RawTurn>,
    old: usize,
    new: usize,
    note: String,
}

#[derive(Clone, Debug, Deserialize)]
struct RawTurn {
    role: String,
    text: String,
}

fn read(args: &StalenessArgs) -> anyhow::Result<Vec<Case<Row>>> {
    let rows: Vec<Row> = TABLE.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let case = |row: Row| {
        let message = |turn: &RawTurn| {
            let assistant = turn.role == "assistant";
            let role = if assistant { Speaker::Assistant } else { Speaker::User };
            Message::chat(role, turn.text.clone())
        };
        let id = row.id.clone();
        Case::new(&id, row.turns.iter().map(message).collect(), row)
    };
    Ok(limited(rows.into_iter().map(case).collect(), args))
}

/// Runs it through the server.
///
/// # Errors
/// The server does not start or answer.
pub(crate) async fn measure(args: &StalenessArgs) -> anyhow::Result<Findings> {
    let cases = read(args)?;
    let ask = async |played: Played<'_, Row>| played.state().await;
    let out = play(args, &cases, "pairs", ask).await?;
    let mut findings = Findings { n: cases.len(), asked: out.asked, ..Findings::default() };
    let (mut edges, mut scores, mut flags) = (Pool::default(), Pool::default(), Pool::default());
    for (case, state) in cases.iter().zip(&out.answers) {
        let row = &case.label;
        let positive = row.kind == Kind::Replacing;
        let confidence = |kind| confidence(state, row, &[kind]);
        let supersedes = confidence(EdgeKind::Supersedes);
        let score = state.score(row.old);
        edges.add(&row.id, &row.domain, Item::new(supersedes, positive));
        scores.add(&row.id, &row.domain, Item::new(score, positive));
        let contradicts = confidence(EdgeKind::Contradicts);
        flags.add(&row.id, &row.domain, Item::new(contradicts, positive));
        let wrong = (supersedes + 1e-6 >= args.threshold) != positive;
        findings.line(json!({
            "id": row.id, "domain": row.domain, "note": row.note, "wrong": wrong,
            "supersedes": supersedes, "contradicts": contradicts, "old_score": score,
            "old": case.label.turns.get(row.old).map(|turn| &turn.text),
            "new": case.label.turns.get(row.new).map(|turn| &turn.text),
        }))?;
    }
    let at = args.threshold - 1e-6;
    findings.pools = vec![
        (
            edges,
            vec![
                ("additive_as_update", Measure::FalseRate(at)),
                ("replacing_missed", Measure::Missed(at)),
            ],
        ),
        (scores, vec![("auroc", Measure::Auroc), ("additive_retired", Measure::FalseRate(0.5))]),
        (
            flags,
            vec![
                ("additive_contradicted", Measure::FalseRate(at)),
                ("replacing_contradicted", Measure::Recall(at)),
            ],
        ),
    ];
    Ok(findings)
}

/// The confidence of the edge of a row; 0 where none is drawn.
fn confidence(state: &State, row: &Row, kinds: &[EdgeKind]) -> f64 {
    let of_row = |edge: &&super::state::Drawn| (edge.earlier, edge.later) == (row.old, row.new);
    state.drawn(kinds, 0.0).filter(of_row).map(|edge| edge.confidence).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_is_sound() {
        let rows: Vec<Row> =
            TABLE.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for kind in [Kind::Additive, Kind::Replacing] {
            let of_kind: Vec<&Row> = rows.iter().filter(|row| row.kind == kind).collect();
            let domains: BTreeSet<&str> = of_kind.iter().map(|row| row.domain.as_str()).collect();
            assert!(of_kind.len() >= 60 && domains.len() >= 10, "{kind:?}: {}", of_kind.len());
        }
        let ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids.len(), rows.len());
        for row in &rows {
            assert!(row.old < row.new && row.new < row.turns.len(), "{}", row.id);
            let roles = [row.old, row.new].map(|at| row.turns[at].role.as_str());
            assert_eq!(roles, ["user", "user"], "{}", row.id);
        }
    }
}
