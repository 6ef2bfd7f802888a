//! `sgd_updates`: task dialogues with exact labels of which user turn a later
//! one replaced. The score of each labelled user turn after the last turn,
//! stale against current; again after each update, with the labels that hold
//! then; and the edges against the labelled updates.
//!
//! Turns of which a later turn replaced a part are neither stale nor current:
//! they count in `ece_with_partly` alone, as half of each.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::json;
use throughline_proto::v1::EdgeKind;

use super::{
    ablation::{Part, score_without},
    args::StalenessArgs,
    case::{Case, limited},
    findings::Findings,
    metrics::{Item, Measure, Pool},
    play::{Played, play},
    state::State,
};
use crate::dataset::{Message, Speaker, read};

/// Recall of stale turns at which wrongly retired ones are counted.
const RECALL: f64 = 0.8;
/// Score from which on a turn is taken for stale.
const RETIRED: f64 = 0.5;

/// The figures after the last turn.
const NAMED: [(&str, Measure); 7] = [
    ("auroc", Measure::Auroc),
    ("average_precision", Measure::AveragePrecision),
    ("wrongly_retired@0.8", Measure::FalseAtRecall(RECALL)),
    ("ece", Measure::Ece),
    ("accuracy", Measure::Accuracy(RETIRED)),
    ("resurrected", Measure::Missed(RETIRED)),
    ("wrongly_retired", Measure::FalseRate(RETIRED)),
];

#[derive(Deserialize)]
struct Dialogue {
    dialogue_id: String,
    services: Vec<String>,
    #[serde(default)]
    turns: Vec<RawTurn>,
    #[serde(default)]
    turn_labels: BTreeMap<usize, Label>,
    #[serde(default)]
    updates: Vec<Update>,
}

#[derive(Deserialize)]
struct RawTurn {
    speaker: String,
    text: String,
    #[serde(default)]
    sets: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Label {
    Stale,
    PartlyStale,
    Current,
}

#[derive(Clone, Debug, Deserialize)]
struct Update {
    turn: usize,
    old_turn: usize,
}

/// What is known of a dialogue.
#[derive(Clone, Debug)]
struct Known {
    /// `seen` or `unseen`, by whether training saw all of its services; else
    /// `all`.
    group: &'static str,
    labels: BTreeMap<usize, Label>,
    updates: Vec<Update>,
    /// The slots that each user turn sets; empty for one that sets none.
    sets: BTreeMap<usize, BTreeSet<String>>,
}

impl Known {
    /// The labels as they are after a turn.
    fn labels_after(&self, turn: usize) -> BTreeMap<usize, Label> {
        let earlier = self.sets.iter().filter(|(at, slots)| **at <= turn && !slots.is_empty());
        let label = |(&at, slots): (&usize, &BTreeSet<String>)| {
            let later = self.sets.iter().filter(|(later, _)| at < **later && **later <= turn);
            let reset: BTreeSet<&String> = later.flat_map(|(_, slots)| slots).collect();
            let held = slots.iter().filter(|slot| !reset.contains(slot)).count();
            let label = match held {
                0 => Label::Stale,
                n if n == slots.len() => Label::Current,
                _ => Label::PartlyStale,
            };
            (at, label)
        };
        earlier.map(label).collect()
    }
}

fn read(args: &StalenessArgs) -> anyhow::Result<Vec<Case<Known>>> {
    let path = read::find_file(&args.folder(), args.split())?;
    let seen = services_of_training(args)?;
    let case = |dialogue: Dialogue| {
        let group = match &seen {
            None => "all",
            Some(seen) if dialogue.services.iter().all(|service| seen.contains(service)) => "seen",
            Some(_) => "unseen",
        };
        let users = dialogue.turns.iter().enumerate().filter(|(_, turn)| turn.speaker == "user");
        let sets = users.map(|(at, turn)| (at, turn.sets.keys().cloned().collect())).collect();
        let known = Known { group, labels: dialogue.turn_labels, updates: dialogue.updates, sets };
        let messages = dialogue.turns.into_iter().map(message).collect();
        Case::new(&dialogue.dialogue_id, messages, known)
    };
    let cases = read::items::<Dialogue>(&path)?.into_iter().map(case).collect();
    Ok(limited(cases, args))
}

fn message(turn: RawTurn) -> Message {
    let role = if turn.speaker == "system" { Speaker::Assistant } else { Speaker::User };
    Message::chat(role, turn.text)
}

/// The services that training saw; nothing where `sgd_train` is not there.
fn services_of_training(args: &StalenessArgs) -> anyhow::Result<Option<BTreeSet<String>>> {
    let folder = args.data.clone().unwrap_or_default().join("sgd_train");
    let Ok(path) = read::find_file(&folder, "dialogues") else { return Ok(None) };
    let dialogues = read::items::<Dialogue>(&path)?;
    Ok(Some(dialogues.into_iter().flat_map(|dialogue| dialogue.services).collect()))
}

/// What a dialogue gave: scores by position, now and after each update.
#[derive(Default)]
struct Scores {
    now: State,
    after: Vec<(usize, State)>,
}

/// Runs it through the server.
///
/// # Errors
/// The data cannot be read, or the server does not start or answer.
pub(crate) async fn measure(args: &StalenessArgs) -> anyhow::Result<Findings> {
    let cases = read(args)?;
    let ask = async |played: Played<'_, Known>| {
        let mut scores = Scores { now: played.state().await?, after: Vec::new() };
        let turns: BTreeSet<usize> =
            played.case.label.updates.iter().map(|update| update.turn).collect();
        for turn in turns {
            scores.after.push((turn, played.state_after(turn).await?));
        }
        Ok(scores)
    };
    let out = play(args, &cases, "dialogues", ask).await?;
    let mut findings = findings(args, &cases, &out.answers)?;
    findings.asked = out.asked;
    Ok(findings)
}

fn findings(
    args: &StalenessArgs,
    cases: &[Case<Known>],
    answers: &[Scores],
) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let (mut now, mut partly, mut after) = (Pool::default(), Pool::default(), Pool::default());
    let (mut wanted, mut drawn) = (Pool::default(), Pool::default());
    for (case, scores) in cases.iter().zip(answers) {
        let (id, known) = (&case.conversation.id, &case.label);
        for (&turn, &label) in &known.labels {
            let score = score(&scores.now, turn, &args.without)?;
            add(&mut now, id, known.group, score, label);
            add_half(&mut partly, id, known.group, score, label);
            findings.line(json!({
                "conversation": id, "turn": turn, "label": format!("{label:?}"), "score": score,
            }))?;
        }
        for (turn, state) in &scores.after {
            for (at, label) in known.labels_after(*turn) {
                let score = score(state, at, &args.without)?;
                add(&mut after, id, known.group, score, label);
            }
        }
        edges(known, id, &scores.now, args.threshold, (&mut wanted, &mut drawn));
    }
    if args.ablate {
        for part in Part::ALL {
            let without = without(part, args, cases, answers)?;
            findings.rows.push((part.row(), without, NAMED.to_vec()));
        }
    }
    findings.n = cases.len();
    findings.details = json!({ "reliability": now.reliability() });
    findings.pools = vec![
        (now, NAMED.to_vec()),
        (partly, vec![("ece_with_partly", Measure::Ece)]),
        (
            after,
            vec![
                ("auroc_after_update", Measure::Auroc),
                ("average_precision_after_update", Measure::AveragePrecision),
            ],
        ),
        (wanted, vec![("edge_recall", Measure::Recall(0.5))]),
        (drawn, vec![("edge_precision", Measure::Precision(0.5))]),
    ];
    Ok(findings)
}

/// The scores after the last turn, one more component left out.
fn without(
    part: Part,
    args: &StalenessArgs,
    cases: &[Case<Known>],
    answers: &[Scores],
) -> anyhow::Result<Pool> {
    let left_out: Vec<Part> = args.without.iter().copied().chain([part]).collect();
    let mut pool = Pool::default();
    for (case, scores) in cases.iter().zip(answers) {
        let (id, known) = (&case.conversation.id, &case.label);
        for (&turn, &label) in &known.labels {
            add(&mut pool, id, known.group, score(&scores.now, turn, &left_out)?, label);
        }
    }
    Ok(pool)
}

/// The score of a turn without some components; 0 where the server says nothing.
fn score(state: &State, turn: usize, without: &[Part]) -> anyhow::Result<f64> {
    state.turns.get(&turn).map_or(Ok(0.0), |judged| score_without(judged, without))
}

fn add(pool: &mut Pool, id: &str, group: &str, score: f64, label: Label) {
    if label != Label::PartlyStale {
        pool.add(id, group, Item::new(score, label == Label::Stale));
    }
}

fn add_half(pool: &mut Pool, id: &str, group: &str, score: f64, label: Label) {
    for positive in [true, false] {
        let weight = match label {
            Label::PartlyStale => 0.5,
            Label::Stale => f64::from(u8::from(positive)),
            Label::Current => f64::from(u8::from(!positive)),
        };
        if weight > 0.0 {
            pool.add(id, group, Item { score, positive, weight });
        }
    }
}

/// The labelled updates that are drawn, and the drawn edges between user turns
/// that are labelled.
fn edges(known: &Known, id: &str, state: &State, threshold: f64, pools: (&mut Pool, &mut Pool)) {
    let labelled: BTreeSet<(usize, usize)> =
        known.updates.iter().map(|update| (update.old_turn, update.turn)).collect();
    let between_users: BTreeSet<(usize, usize)> = state
        .drawn(&[EdgeKind::Supersedes], threshold)
        .map(|edge| (edge.earlier, edge.later))
        .filter(|(earlier, later)| {
            known.sets.contains_key(earlier) && known.sets.contains_key(later)
        })
        .collect();
    for pair in &labelled {
        let found = f64::from(u8::from(between_users.contains(pair)));
        pools.0.add(id, known.group, Item::new(found, true));
    }
    for pair in &between_users {
        pools.1.add(id, known.group, Item::new(1.0, labelled.contains(pair)));
    }
}

/// Age alone, and "always current".
///
/// # Errors
/// The data cannot be read.
pub(crate) fn reference(args: &StalenessArgs) -> anyhow::Result<Findings> {
    let cases = read(args)?;
    let (mut age, mut current) = (Pool::default(), Pool::default());
    for case in &cases {
        let (id, known) = (&case.conversation.id, &case.label);
        for (&turn, &label) in &known.labels {
            let turns_since = (case.conversation.len() - turn) as f64;
            add(&mut age, id, known.group, turns_since, label);
            // Partly stale turns count as not current here, as in the README.
            let item = Item::new(0.0, label != Label::Current);
            current.add(id, known.group, item);
        }
    }
    let pools = vec![
        (
            age,
            vec![
                ("auroc", Measure::Auroc),
                ("average_precision", Measure::AveragePrecision),
                ("wrongly_retired@0.8", Measure::FalseAtRecall(RECALL)),
            ],
        ),
        (current, vec![("accuracy", Measure::Accuracy(RETIRED))]),
    ];
    Ok(Findings { pools, n: cases.len(), ..Findings::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_follow_what_was_set_again() {
        let slots = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let known = Known {
            group: "all",
            labels: BTreeMap::new(),
            updates: Vec::new(),
            sets: [
                (0, slots(&["a", "b"])),
                (2, slots(&["a"])),
                (4, slots(&[])),
                (6, slots(&["b"])),
            ]
            .into(),
        };
        use Label::*;
        for (turn, expected) in [
            (0, vec![(0, Current)]),
            (2, vec![(0, PartlyStale), (2, Current)]),
            (5, vec![(0, PartlyStale), (2, Current)]),
            (6, vec![(0, Stale), (2, Current), (6, Current)]),
        ] {
            assert_eq!(known.labels_after(turn), expected.into_iter().collect(), "after {turn}");
        }
    }
}
