//! `cri`: one long conversation in which facts change without anyone saying so,
//! hundreds of messages later. For each labelled change and conflict: is there
//! an edge from a message that carries it to one that states the old value, and
//! if not, why not. Six items: counts, no statistics.
//!
//! The old statement of a change is labelled by its value alone: a user message
//! before the change that has a word of the value counts as stating it, and the
//! result lists the edges for people to judge.

use serde::Deserialize;
use serde_json::{Value, json};
use throughline_proto::v1::EdgeKind;

use super::{
    args::StalenessArgs,
    case::Case,
    findings::Findings,
    play::{Played, play},
    state::{Drawn, State},
    words::covered,
};
use crate::{
    dataset::{Message, Speaker, read},
    metrics::ranking::truth,
};

const KINDS: [EdgeKind; 2] = [EdgeKind::Supersedes, EdgeKind::Contradicts];

#[derive(Deserialize)]
struct RawMessage {
    role: String,
    content: String,
    timestamp: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Labels {
    changes: Vec<Change>,
    conflicts: Vec<Conflict>,
}

/// Message ids count from 1.
#[derive(Clone, Debug, Deserialize)]
struct Change {
    fact: String,
    old_value: String,
    new_value: String,
    key_messages: Vec<usize>,
}

#[derive(Clone, Debug, Deserialize)]
struct Conflict {
    topic: String,
    introduced_at_messages: Vec<usize>,
}

fn read(args: &StalenessArgs) -> anyhow::Result<Case<Labels>> {
    let folder = args.folder();
    let raw: Vec<RawMessage> = read::items(&read::find_file(&folder, args.split())?)?;
    let labels: Vec<Labels> = read::items(&read::find_file(&folder, "labels")?)?;
    let message = |raw: RawMessage| {
        let role = if raw.role == "assistant" { Speaker::Assistant } else { Speaker::User };
        let said_at = read::date(&raw.timestamp, &["%Y-%m-%dT%H:%M:%S"]);
        Message { said_at, ..Message::chat(role, raw.content) }
    };
    let labels = labels.into_iter().next().unwrap_or(Labels { changes: vec![], conflicts: vec![] });
    Ok(Case::new("cri", raw.into_iter().map(message).collect(), labels))
}

/// What became of one item.
#[derive(Debug)]
struct Outcome {
    name: String,
    found: bool,
    why: String,
    edges: Vec<Value>,
}

/// Runs it through the server.
///
/// # Errors
/// The data cannot be read, or the server does not start or answer.
pub(crate) async fn measure(args: &StalenessArgs) -> anyhow::Result<Findings> {
    let case = [read(args)?];
    let ask = async |played: Played<'_, Labels>| played.state().await;
    let out = play(args, &case, "conversations", ask).await?;
    let [case] = case;
    let mut findings = Findings { asked: out.asked, ..Findings::default() };
    for state in &out.answers {
        let texts: Vec<(&str, Speaker)> =
            case.conversation.turns().map(|t| (t.message.text.as_str(), t.message.role)).collect();
        let labels = &case.label;
        let changes = labels.changes.iter().map(|it| ("change", change(it, state, &texts, args)));
        let conflicts =
            labels.conflicts.iter().map(|it| ("conflict", conflict(it, state, &texts, args)));
        for (group, outcome) in changes.chain(conflicts).collect::<Vec<_>>() {
            findings.n += 1;
            findings.samples.add("found", &outcome.name, group, truth(outcome.found));
            findings.line(json!({
                "item": outcome.name, "kind": group, "found": outcome.found, "why": outcome.why,
                "edges": outcome.edges,
            }))?;
        }
        let drawn = state.drawn(&KINDS, args.threshold).count();
        findings.samples.add("edges", "cri", "conversation", drawn as f64);
        let stale = state.turns.values().filter(|judged| judged.score >= 0.5).count();
        findings.samples.add("stale_messages", "cri", "conversation", stale as f64);
    }
    findings.details = json!({ "items": findings.lines });
    Ok(findings)
}

fn change(it: &Change, state: &State, texts: &[(&str, Speaker)], args: &StalenessArgs) -> Outcome {
    let key: Vec<usize> = it.key_messages.iter().map(|id| id.saturating_sub(1)).collect();
    let first = key.iter().copied().min().unwrap_or(0);
    let states_old = |at: usize| {
        texts.get(at).is_some_and(|(text, role)| {
            *role == Speaker::User && at < first && covered(&it.old_value, text) > 0.0
        })
    };
    let from_key: Vec<&Drawn> =
        state.drawn(&KINDS, args.threshold).filter(|edge| key.contains(&edge.later)).collect();
    let found = from_key.iter().any(|edge| states_old(edge.earlier));
    let old: Vec<usize> = (0..first).filter(|&at| states_old(at)).collect();
    let why = match (found, from_key.is_empty(), old.is_empty()) {
        (true, _, _) => "an edge leads to a message that states the old value".to_owned(),
        (false, _, true) => "no earlier message has a word of the old value".to_owned(),
        (false, true, false) => {
            format!(
                "no edge leaves the messages of the change; {} earlier messages have a word of the old value",
                old.len()
            )
        }
        (false, false, false) => "edges lead to other messages only".to_owned(),
    };
    let name = format!("{}: {} -> {}", it.fact, it.old_value, it.new_value);
    Outcome { name, found, why, edges: shown(&from_key, texts) }
}

fn conflict(
    it: &Conflict,
    state: &State,
    texts: &[(&str, Speaker)],
    args: &StalenessArgs,
) -> Outcome {
    let ids: Vec<usize> = it.introduced_at_messages.iter().map(|id| id.saturating_sub(1)).collect();
    let (first, second) = (ids.first().copied(), ids.last().copied());
    let of_second: Vec<&Drawn> = state
        .drawn(&KINDS, args.threshold)
        .filter(|edge| Some(edge.later) == second || Some(edge.earlier) == first)
        .collect();
    let found =
        of_second.iter().any(|edge| Some(edge.earlier) == first && Some(edge.later) == second);
    let why = match (found, of_second.is_empty()) {
        (true, _) => "an edge leads from the second statement to the first",
        (false, true) => "no edge touches either statement",
        (false, false) => "edges of the two lead elsewhere",
    };
    Outcome { name: it.topic.clone(), found, why: why.to_owned(), edges: shown(&of_second, texts) }
}

fn shown(edges: &[&Drawn], texts: &[(&str, Speaker)]) -> Vec<Value> {
    let text = |at: usize| texts.get(at).map(|(text, _)| *text).unwrap_or_default();
    let one = |edge: &&Drawn| {
        json!({
            "earlier": edge.earlier + 1, "later": edge.later + 1, "confidence": edge.confidence,
            "kind": edge.kind.as_str_name(), "reason": edge.reason,
            "earlier_text": text(edge.earlier), "later_text": text(edge.later),
        })
    };
    edges.iter().map(one).collect()
}
