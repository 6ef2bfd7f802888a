//! `ci_tod`: does the last answer of a task dialogue contradict the history? A
//! yes is an edge from the last turn to an earlier one, whichever kind the
//! service takes it for.

use serde::Deserialize;
use serde_json::json;
use throughline_proto::v1::{EdgeKind, StalenessKind};

use super::{
    args::StalenessArgs,
    case::{Case, limited},
    findings::Findings,
    metrics::{Item, Measure, Pool},
    play::{Played, play},
    state::State,
};
use crate::dataset::{Message, Speaker, read};

#[derive(Deserialize)]
struct Row {
    domain: String,
    dialogue: Vec<RawTurn>,
    scenario: Scenario,
}

#[derive(Deserialize)]
struct RawTurn {
    turn: String,
    utterance: String,
}

#[derive(Deserialize)]
struct Scenario {
    hi: String,
}

/// What is known of a dialogue.
#[derive(Clone, Debug)]
struct Known {
    domain: String,
    contradicts: bool,
}

fn read(args: &StalenessArgs) -> anyhow::Result<Vec<Case<Known>>> {
    let path = read::find_file(&args.folder(), args.split())?;
    let rows: Vec<Row> = read::items(&path)?;
    let case = |(index, row): (usize, Row)| {
        let message = |turn: RawTurn| {
            let assistant = turn.turn == "assistant";
            let role = if assistant { Speaker::Assistant } else { Speaker::User };
            Message::chat(role, turn.utterance)
        };
        let known = Known { domain: row.domain, contradicts: row.scenario.hi == "1" };
        // Ids repeat upstream: the place in the file is one.
        let id = format!("{}-{index}", args.split());
        Case::new(&id, row.dialogue.into_iter().map(message).collect(), known)
    };
    Ok(limited(rows.into_iter().enumerate().map(case).collect(), args))
}

/// What speaks for a contradiction between the last turn and the history.
#[derive(Default)]
struct Voices {
    /// Confidence of the strongest edge from the last turn.
    edge: f64,
    /// The same for contradictions alone.
    contradicts: f64,
    /// The strongest component, shown as an edge or not.
    component: f64,
    /// The history's turn of the strongest edge.
    earlier: Option<usize>,
    reason: String,
}

impl Voices {
    fn of(state: &State, last: usize) -> Self {
        let mut voices = Self::default();
        let kinds = [EdgeKind::Supersedes, EdgeKind::Contradicts];
        for edge in state.drawn(&kinds, 0.0).filter(|edge| edge.later == last) {
            if edge.kind == EdgeKind::Contradicts {
                voices.contradicts = voices.contradicts.max(edge.confidence);
            }
            if edge.confidence > voices.edge {
                voices.edge = edge.confidence;
                voices.earlier = Some(edge.earlier);
                voices.reason.clone_from(&edge.reason);
            }
        }
        let kinds = [StalenessKind::Superseded, StalenessKind::Contradicted];
        let earlier = state.turns.range(..last).flat_map(|(_, judged)| &judged.components);
        let of_last = earlier.filter(|c| kinds.contains(&c.kind) && c.cause == Some(last));
        voices.component = of_last.map(|c| c.score).fold(voices.edge, f64::max);
        voices
    }
}

/// Runs it through the server.
///
/// # Errors
/// The data cannot be read, or the server does not start or answer.
pub(crate) async fn measure(args: &StalenessArgs) -> anyhow::Result<Findings> {
    let cases = read(args)?;
    let ask = async |played: Played<'_, Known>| {
        let last = played.case.conversation.len().saturating_sub(1);
        Ok(Voices::of(&played.state().await?, last))
    };
    let out = play(args, &cases, "dialogues", ask).await?;
    let mut findings = Findings { n: cases.len(), asked: out.asked, ..Findings::default() };
    let (mut edges, mut pure, mut soft) = (Pool::default(), Pool::default(), Pool::default());
    for (case, voices) in cases.iter().zip(&out.answers) {
        let (id, known) = (&case.conversation.id, &case.label);
        let add = |pool: &mut Pool, score: f64| {
            pool.add(id, &known.domain, Item::new(score, known.contradicts));
        };
        add(&mut edges, voices.edge);
        add(&mut pure, voices.contradicts);
        add(&mut soft, voices.component);
        findings.line(json!({
            "conversation": id, "contradicts": known.contradicts, "edge": voices.edge,
            "contradiction_edge": voices.contradicts, "component": voices.component,
            "earlier": voices.earlier, "reason": voices.reason,
            "texts": case.conversation.turns().map(|t| t.message.text.clone()).collect::<Vec<_>>(),
        }))?;
    }
    let at = args.threshold - 1e-6;
    findings.details = json!({ "reliability": soft.reliability() });
    findings.pools = vec![
        (
            edges,
            vec![
                ("f1_hi", Measure::F1(at)),
                ("precision_hi", Measure::Precision(at)),
                ("recall_hi", Measure::Recall(at)),
                ("accuracy_hi", Measure::Accuracy(at)),
            ],
        ),
        (pure, vec![("f1_hi_contradicts_alone", Measure::F1(at))]),
        (
            soft,
            vec![
                ("auroc", Measure::Auroc),
                ("average_precision", Measure::AveragePrecision),
                ("f1_hi_best_threshold", Measure::BestF1),
            ],
        ),
    ];
    Ok(findings)
}

/// Always yes, and always no.
///
/// # Errors
/// The data cannot be read.
pub(crate) fn reference(args: &StalenessArgs) -> anyhow::Result<Findings> {
    let cases = read(args)?;
    let (mut always, mut never) = (Pool::default(), Pool::default());
    for case in &cases {
        let (id, known) = (&case.conversation.id, &case.label);
        always.add(id, &known.domain, Item::new(1.0, known.contradicts));
        never.add(id, &known.domain, Item::new(0.0, known.contradicts));
    }
    let pools = vec![
        (always, vec![("f1_hi", Measure::F1(0.5))]),
        (never, vec![("accuracy_hi", Measure::Accuracy(0.5))]),
    ];
    Ok(Findings { pools, n: cases.len(), ..Findings::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::staleness::state::{Component, Drawn, Judged};

    #[test]
    fn only_the_last_turn_speaks() {
        let edge = |kind, earlier, later, confidence| Drawn {
            kind,
            earlier,
            later,
            confidence,
            reason: String::new(),
        };
        let component = Component {
            kind: StalenessKind::Contradicted,
            score: 0.4,
            cause: Some(3),
            reason: String::new(),
        };
        let mut state = State {
            edges: vec![
                edge(EdgeKind::Supersedes, 0, 2, 0.9),
                edge(EdgeKind::Contradicts, 1, 3, 0.6),
                edge(EdgeKind::Supersedes, 0, 3, 0.7),
            ],
            ..State::default()
        };
        state.turns.insert(0, Judged { score: 0.4, components: vec![component] });
        let voices = Voices::of(&state, 3);
        assert_eq!((voices.edge, voices.contradicts, voices.earlier), (0.7, 0.6, Some(0)));
        state.edges.clear();
        assert_eq!(Voices::of(&state, 3).component, 0.4);
        assert_eq!(Voices::of(&state, 2).component, 0.0);
    }
}
