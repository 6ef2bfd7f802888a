//! `prosecco`: pairs of statements of one speaker, self-contradiction or not.
//! Each pair is a conversation of two turns; propositions (rewritten to stand
//! alone) and locutions (as uttered) apart. The score is the component
//! "contradicted" of the earlier statement, the threshold the model's own.

use std::path::Path;

use serde::Deserialize;
use serde_json::json;
use throughline_proto::v1::StalenessKind;

use super::{
    args::StalenessArgs,
    case::Case,
    findings::Findings,
    metrics::{Item, Measure, Pool},
    play::{Played, play},
};
use crate::dataset::{DataError, Message, Speaker, read};

/// Whose statements they are.
const SPEAKER: &str = "Speaker";

#[derive(Clone, Debug, Deserialize)]
struct Row {
    id: String,
    locution_1: String,
    locution_2: String,
    proposition_1: String,
    proposition_2: String,
    label: String,
    nodeset_id: u64,
}

/// What is known of a pair.
#[derive(Clone, Debug)]
struct Pair {
    id: String,
    form: &'static str,
    contradiction: bool,
}

fn read(args: &StalenessArgs) -> anyhow::Result<Vec<Case<Pair>>> {
    let path = read::find_file(&args.folder(), args.split())?;
    let mut rows = rows(&path)?;
    rows.truncate(args.limit.unwrap_or(usize::MAX));
    let cases = rows.iter().flat_map(|row| {
        [
            case(row, "propositions", [&row.proposition_1, &row.proposition_2]),
            case(row, "locutions", [&row.locution_1, &row.locution_2]),
        ]
    });
    Ok(cases.collect())
}

/// The lines; upstream writes a value that is absent as `NaN`, which is no JSON.
fn rows(path: &Path) -> Result<Vec<Row>, DataError> {
    let text = read::text(path)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let row =
        |(index, line): (usize, &str)| {
            serde_json::from_str(&line.replace(": NaN", ": null")).map_err(|source| {
                DataError::Schema { path: path.to_owned(), item: index + 1, source }
            })
        };
    lines.map(row).collect()
}

fn case(row: &Row, form: &'static str, texts: [&String; 2]) -> Case<Pair> {
    let message = |text: &String| Message {
        name: SPEAKER.to_owned(),
        ..Message::chat(Speaker::User, text.clone())
    };
    let contradiction = row.label == "self-contradiction";
    let pair = Pair { id: row.id.clone(), form, contradiction };
    let id = format!("{}-{form}", row.id);
    let messages = texts.map(message).into_iter().collect();
    // Pairs of one passage share statements: they are one fold's.
    Case { fold_id: row.nodeset_id.to_string(), ..Case::new(&id, messages, pair) }
}

/// Runs it through the server.
///
/// # Errors
/// The data cannot be read, or the server does not start or answer.
pub(crate) async fn measure(args: &StalenessArgs) -> anyhow::Result<Findings> {
    let cases = read(args)?;
    let ask = async |played: Played<'_, Pair>| {
        let state = played.state().await?;
        let flagged = state.component(0, &[StalenessKind::Contradicted]);
        let otherwise = state.component(0, &[StalenessKind::Superseded]);
        Ok((flagged, otherwise, state.edges))
    };
    let out = play(args, &cases, "pairs", ask).await?;
    let mut findings = Findings { n: cases.len(), asked: out.asked, ..Findings::default() };
    let mut pools = [(); 4].map(|()| Pool::default());
    for (case, (flagged, superseded, edges)) in cases.iter().zip(&out.answers) {
        let pair = &case.label;
        let either = flagged.max(*superseded);
        let [propositions, locutions, by_either, of_locutions] = &mut pools;
        let (flags, eithers) = match pair.form {
            "propositions" => (propositions, by_either),
            _ => (locutions, of_locutions),
        };
        let cluster = &case.fold_id;
        flags.add(cluster, pair.form, Item::new(*flagged, pair.contradiction));
        eithers.add(cluster, pair.form, Item::new(either, pair.contradiction));
        findings.line(json!({
            "id": pair.id, "form": pair.form, "contradiction": pair.contradiction,
            "contradicted": flagged, "superseded": superseded,
            "texts": case.conversation.turns().map(|t| t.message.text.clone()).collect::<Vec<_>>(),
            "reasons": edges.iter().map(|edge| &edge.reason).collect::<Vec<_>>(),
        }))?;
    }
    let [propositions, locutions, either, either_of_locutions] = pools;
    findings.details = json!({ "reliability": propositions.reliability() });
    findings.pools = vec![
        (
            propositions,
            vec![
                ("balanced_accuracy", Measure::Balanced(0.5)),
                ("auroc", Measure::Auroc),
                ("ece", Measure::Ece),
                ("recall", Measure::Recall(0.5)),
                ("false_positive_rate", Measure::FalseRate(0.5)),
            ],
        ),
        (
            locutions,
            vec![
                ("balanced_accuracy_locutions", Measure::Balanced(0.5)),
                ("auroc_locutions", Measure::Auroc),
            ],
        ),
        (either, vec![("balanced_accuracy_with_superseded", Measure::Balanced(0.5))]),
        (
            either_of_locutions,
            vec![("balanced_accuracy_with_superseded_locutions", Measure::Balanced(0.5))],
        ),
    ];
    Ok(findings)
}
