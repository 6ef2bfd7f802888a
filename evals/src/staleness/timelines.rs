//! StateBench's timelines: turns, writes of facts, and queries in order, with
//! the phrases that a window must and must not hold, as version 2.0 scores
//! them (`statebench_v2`).
//!
//! What a write supersedes is upstream's label and is not read.

use std::collections::{BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use throughline_proto::v1::{self as wire, FactAuthority, FactKind};

use super::args::StalenessArgs;
use crate::dataset::{DataError, Message, Speaker, read};

#[derive(Deserialize)]
struct RawTimeline {
    id: String,
    track: String,
    initial_state: InitialState,
    events: Vec<RawEvent>,
}

#[derive(Deserialize)]
struct InitialState {
    #[serde(default)]
    persistent_facts: Vec<RawFact>,
}

#[derive(Deserialize)]
struct RawFact {
    key: String,
    value: String,
    source: Source,
    #[serde(default)]
    scope: String,
}

#[derive(Deserialize)]
struct Source {
    #[serde(default)]
    authority: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum RawEvent {
    ConversationTurn { ts: String, speaker: String, text: String },
    StateWrite { writes: Vec<RawFact> },
    Supersession { writes: Vec<RawFact> },
    Query { prompt: String, ground_truth: Truth },
}

#[derive(Deserialize)]
struct Truth {
    #[serde(default)]
    must_mention: Vec<String>,
    #[serde(default)]
    must_not_mention: Vec<String>,
}

#[derive(Deserialize)]
struct Scoring {
    id: String,
    query_index: usize,
    kind: String,
    skip: Vec<String>,
}

/// What happens next.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Somebody says something.
    Say(Message),
    /// The application writes a fact.
    Write(Box<wire::Fact>),
    /// The window is asked for.
    Ask(Query),
}

/// A query with its labels.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// What is asked.
    pub(crate) prompt: String,
    /// Phrases of a right answer.
    pub(crate) must: Vec<String>,
    /// Phrases that must not be there, all of version 1.
    pub(crate) must_not: Vec<String>,
    /// Those of them that version 2 scores.
    pub(crate) scored_not: Vec<String>,
    /// Why they must not be there: superseded, restricted, fabricated, other.
    pub(crate) kind: String,
}

impl Query {
    /// It requires a phrase that it forbids.
    pub(crate) fn contradicts_itself(&self) -> bool {
        let lower = |phrases: &[String]| -> BTreeSet<String> {
            phrases.iter().map(|phrase| phrase.to_lowercase()).collect()
        };
        !lower(&self.must).is_disjoint(&lower(&self.must_not))
    }
}

/// A timeline.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    /// Upstream's id.
    pub(crate) id: String,
    /// Which ability.
    pub(crate) track: String,
    /// In order.
    pub(crate) events: Vec<Event>,
}

/// Reads every timeline of a split.
///
/// # Errors
/// A file is absent or not of the schema.
pub(crate) fn read(args: &StalenessArgs) -> Result<Vec<Timeline>, DataError> {
    let data = args.data.clone().unwrap_or_default();
    let stem = format!("scoring_{}", args.split());
    let scoring = read::find_file(&data.join("statebench_v2"), &stem)?;
    let scoring: HashMap<(String, usize), Scoring> = read::items::<Scoring>(&scoring)?
        .into_iter()
        .map(|scoring| ((scoring.id.clone(), scoring.query_index), scoring))
        .collect();
    let raw = read::items::<RawTimeline>(&read::find_file(&args.folder(), args.split())?)?;
    Ok(raw.into_iter().map(|raw| timeline(raw, &scoring)).collect())
}

/// Leaves out timelines that repeat the turns and queries of an earlier one,
/// and queries that contradict themselves.
pub(crate) fn distinct(timelines: Vec<Timeline>) -> Vec<Timeline> {
    let mut seen = BTreeSet::new();
    let mut kept = timelines;
    kept.retain(|timeline| {
        let texts = timeline.events.iter().filter_map(|event| match event {
            Event::Say(message) => Some(format!(
                "{}\u{1f}{}\u{1f}{}",
                message.role.as_str(),
                message.name,
                message.text
            )),
            Event::Ask(query) => Some(format!("?\u{1f}{}", query.prompt)),
            Event::Write(_) => None,
        });
        seen.insert(texts.collect::<Vec<_>>())
    });
    for timeline in &mut kept {
        timeline.events.retain(|event| match event {
            Event::Ask(query) => !query.contradicts_itself(),
            Event::Say(_) | Event::Write(_) => true,
        });
    }
    kept
}

fn timeline(raw: RawTimeline, scoring: &HashMap<(String, usize), Scoring>) -> Timeline {
    let mut events: Vec<Event> = raw
        .initial_state
        .persistent_facts
        .iter()
        .map(|fact| Event::Write(Box::new(pinned(fact))))
        .collect();
    let mut queries = 0;
    let mut clock: Option<Timestamp> = None;
    for event in raw.events {
        match event {
            RawEvent::ConversationTurn { ts, speaker, text } => {
                clock = next(clock, &ts);
                events.push(Event::Say(message(&speaker, text, clock)));
            }
            RawEvent::StateWrite { writes } | RawEvent::Supersession { writes } => {
                events.extend(writes.iter().map(|fact| Event::Write(Box::new(pinned(fact)))));
            }
            RawEvent::Query { prompt, ground_truth } => {
                let scored = scoring.get(&(raw.id.clone(), queries));
                events.push(Event::Ask(query(prompt, ground_truth, scored)));
                queries += 1;
            }
        }
    }
    Timeline { id: raw.id, track: raw.track, events }
}

fn query(prompt: String, truth: Truth, scored: Option<&Scoring>) -> Query {
    let skipped = |phrase: &&String| scored.is_none_or(|s| !s.skip.contains(phrase));
    Query {
        prompt,
        scored_not: truth.must_not_mention.iter().filter(skipped).cloned().collect(),
        kind: scored.map_or_else(|| "other".to_owned(), |scored| scored.kind.clone()),
        must: truth.must_mention,
        must_not: truth.must_not_mention,
    }
}

/// The times do not always rise, the order of events does: a turn is never
/// said before the one before it.
fn next(clock: Option<Timestamp>, ts: &str) -> Option<Timestamp> {
    let said_at = read::date(ts, &["%Y-%m-%dT%H:%M:%S"]);
    let after = clock.and_then(|clock| clock.checked_add(SignedDuration::from_secs(1)).ok());
    match (said_at, after) {
        (Some(said_at), Some(after)) => Some(said_at.max(after)),
        (said_at, after) => said_at.or(after),
    }
}

fn message(speaker: &str, text: String, said_at: Option<Timestamp>) -> Message {
    let role = if speaker == "assistant" { Speaker::Assistant } else { Speaker::User };
    let name = if matches!(speaker, "assistant" | "user") { "" } else { speaker };
    Message { name: name.to_owned(), said_at, ..Message::chat(role, text) }
}

/// A fact as an application pins it: of the timeline's one subject, without
/// what it supersedes.
fn pinned(fact: &RawFact) -> wire::Fact {
    let authority = match fact.source.authority.as_deref() {
        Some("subordinate") => FactAuthority::Low,
        Some("peer") => FactAuthority::Peer,
        Some("manager") => FactAuthority::Manager,
        Some("executive") => FactAuthority::Executive,
        Some("policy") => FactAuthority::Policy,
        _ => FactAuthority::Unspecified,
    };
    wire::Fact {
        kind: FactKind::Fact as i32,
        text: format!("{}: {}", fact.key.replace('_', " "), fact.value),
        subject: "user".to_owned(),
        attribute: fact.key.clone(),
        value: fact.value.clone(),
        scope: if fact.scope == "global" { String::new() } else { fact.scope.clone() },
        authority: authority as i32,
        ..wire::Fact::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMELINE: &str = r#"{"id": "t", "track": "supersession", "initial_state":
        {"persistent_facts": [{"key": "po_status", "value": "draft", "scope": "global",
          "source": {"type": "user", "authority": "peer"}, "supersedes": null}]},
        "events": [
        {"type": "conversation_turn", "ts": "2025-11-28T13:17:00", "speaker": "user", "text": "A"},
        {"type": "conversation_turn", "ts": "2025-11-28T13:16:00", "speaker": "assistant",
         "text": "B"},
        {"type": "supersession", "ts": "x", "writes": [{"id": "W", "key": "po_status_v2",
         "value": "sent", "scope": "deal", "source": {"type": "user", "authority": "manager"},
         "supersedes": "po_status"}]},
        {"type": "query", "ts": "x", "prompt": "Q?", "ground_truth":
         {"must_mention": ["sent"], "must_not_mention": ["draft", "by"]}},
        {"type": "query", "ts": "x", "prompt": "R?", "ground_truth":
         {"must_mention": ["Draft"], "must_not_mention": ["draft"]}}]}"#;

    #[test]
    fn events_keep_their_order_and_lose_their_labels() {
        let raw: RawTimeline = serde_json::from_str(TIMELINE).unwrap();
        let scoring = Scoring {
            id: "t".into(),
            query_index: 0,
            kind: "superseded".into(),
            skip: vec!["by".into()],
        };
        let one = timeline(raw, &[(("t".to_owned(), 0), scoring)].into());
        let kept = distinct(vec![one.clone(), one]);
        let [timeline] = kept.as_slice() else { panic!("{} timelines", kept.len()) };
        let [
            Event::Write(first),
            Event::Say(a),
            Event::Say(b),
            Event::Write(second),
            Event::Ask(q),
        ] = timeline.events.as_slice()
        else {
            panic!("{timeline:?}")
        };
        assert_eq!(
            (first.text.as_str(), first.attribute.as_str()),
            ("po status: draft", "po_status")
        );
        assert_eq!((first.scope.as_str(), second.scope.as_str()), ("", "deal"));
        assert_eq!(second.authority, FactAuthority::Manager as i32);
        assert!(a.said_at < b.said_at, "time goes on");
        assert_eq!(
            (q.kind.as_str(), q.scored_not.clone()),
            ("superseded", vec!["draft".to_owned()])
        );
    }
}
