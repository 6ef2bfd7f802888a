//! `memory_profiles`: short sessions with the memories expected after each, and
//! which earlier memory a new one contradicts. Two ways through the service: an
//! edge between the turns that say both, and a fact that is retired when the
//! new one is pinned by its text alone.
//!
//! Labels are memories in short form; the turn or fact that is nearest to one
//! in words is taken for it. The last session is questions and is left out.

use serde::Deserialize;
use serde_json::json;
use throughline_proto::v1::{
    self as wire, DeleteConversationRequest, EdgeKind, FactKind, FactRetirement, ListFactsRequest,
    PinFactRequest,
};

use super::{
    args::StalenessArgs,
    case::{Case, limited},
    findings::Findings,
    play::{Played, play},
    state::State,
    words::nearest,
};
use crate::{
    client::{Api, retry},
    dataset::{Message, Speaker, read},
    metrics::ranking::truth,
    runner::ingest::create,
};

#[derive(Deserialize)]
struct Profile {
    user_id: String,
    sessions: Vec<RawSession>,
}

#[derive(Deserialize)]
struct RawSession {
    turns: Vec<RawTurn>,
    #[serde(default)]
    expected_memories_after: Vec<Memory>,
}

#[derive(Deserialize)]
struct RawTurn {
    role: String,
    content: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Memory {
    fact: String,
    #[serde(default)]
    contradicts: Option<String>,
}

/// What is known of a profile.
#[derive(Clone, Debug, Default)]
struct Known {
    /// For each session the position of its first turn, and its memories.
    sessions: Vec<(usize, Vec<Memory>)>,
}

fn read(args: &StalenessArgs) -> anyhow::Result<Vec<Case<Known>>> {
    let path = read::find_file(&args.folder(), args.split())?;
    let profiles: Vec<Profile> = read::items(&path)?;
    let case = |profile: Profile| {
        let (mut messages, mut known) = (Vec::new(), Known::default());
        let asks = |session: &RawSession| session.expected_memories_after.is_empty();
        for session in profile.sessions.into_iter().filter(|session| !asks(session)) {
            known.sessions.push((messages.len(), session.expected_memories_after));
            messages.extend(session.turns.into_iter().map(|turn| {
                let assistant = turn.role == "assistant";
                let role = if assistant { Speaker::Assistant } else { Speaker::User };
                Message::chat(role, turn.content)
            }));
        }
        Case::new(&profile.user_id, messages, known)
    };
    Ok(limited(profiles.into_iter().map(case).collect(), args))
}

/// Runs it through the server.
///
/// # Errors
/// The data cannot be read, or the server does not start or answer.
pub(crate) async fn measure(args: &StalenessArgs) -> anyhow::Result<Findings> {
    let cases = read(args)?;
    let ask = async |played: Played<'_, Known>| {
        let state = played.state().await?;
        let facts = pinned(played.there.api, &played.case.label).await?;
        Ok((state, facts))
    };
    let out = play(args, &cases, "profiles", ask).await?;
    let mut findings = Findings { n: cases.len(), asked: out.asked, ..Findings::default() };
    for (case, (state, facts)) in cases.iter().zip(&out.answers) {
        by_turns(&mut findings, case, state, args.threshold)?;
        by_facts(&mut findings, case, facts);
    }
    Ok(findings)
}

fn by_turns(
    findings: &mut Findings,
    case: &Case<Known>,
    state: &State,
    threshold: f64,
) -> anyhow::Result<()> {
    let id = &case.conversation.id;
    let users: Vec<(usize, &str)> = case
        .conversation
        .turns()
        .filter(|turn| turn.message.role == Speaker::User)
        .map(|turn| (turn.position, turn.message.text.as_str()))
        .collect();
    let kinds = [EdgeKind::Supersedes, EdgeKind::Contradicts];
    let sessions = &case.label.sessions;
    for (index, (first, memories)) in sessions.iter().enumerate() {
        let end = sessions.get(index + 1).map_or(usize::MAX, |(next, _)| *next);
        for memory in memories {
            let Some(contradicts) = &memory.contradicts else { continue };
            let earlier = users.iter().copied().filter(|(at, _)| at < first);
            let old = nearest(contradicts, earlier);
            let to_old: Vec<_> = state
                .drawn(&kinds, threshold)
                .filter(|e| Some(e.earlier) == old && (*first..end).contains(&e.later))
                .collect();
            findings.samples.add("contradicts_found", id, "turns", truth(!to_old.is_empty()));
            let stale = old.map_or(0.0, |old| state.score(old));
            findings.samples.add("contradicted_stale", id, "turns", truth(stale >= 0.5));
            let text =
                |at: usize| users.iter().find(|(user, _)| *user == at).map(|(_, text)| *text);
            findings.line(json!({
                "profile": id, "fact": memory.fact, "contradicts": contradicts,
                "old_turn": old.and_then(text), "old_score": stale,
                "found_by": to_old.iter().map(|e| (text(e.later), &e.reason)).collect::<Vec<_>>(),
            }))?;
        }
    }
    Ok(())
}

/// Pins every memory in order and lists what became of them.
async fn pinned(api: &Api, known: &Known) -> anyhow::Result<Vec<wire::Fact>> {
    let name = create(api, "", "memory-profiles").await?;
    let memories = known.sessions.iter().flat_map(|(_, memories)| memories);
    for (index, memory) in memories.enumerate() {
        let call = async || {
            let request = PinFactRequest {
                conversation: name.clone(),
                fact: Some(wire::Fact {
                    kind: FactKind::Fact as i32,
                    text: memory.fact.clone(),
                    ..wire::Fact::default()
                }),
                request_id: format!("m{index}"),
            };
            api.memory.clone().pin_fact(request).await
        };
        retry("PinFact", call).await?;
    }
    let call = async || {
        let request = ListFactsRequest {
            conversation: name.clone(),
            page_size: 1000,
            page_token: String::new(),
            include_retired: true,
            min_revision: 0,
        };
        api.memory.clone().list_facts(request).await
    };
    let facts = retry("ListFacts", call).await?.into_inner().facts;
    let call = async || {
        let request = DeleteConversationRequest { name: name.clone() };
        api.conversations.clone().delete_conversation(request).await
    };
    retry("DeleteConversation", call).await?;
    Ok(facts)
}

fn by_facts(findings: &mut Findings, case: &Case<Known>, facts: &[wire::Fact]) {
    let id = &case.conversation.id;
    let mut before: Vec<&str> = Vec::new();
    let mut replaced: Vec<&str> = Vec::new();
    for (_, memories) in &case.label.sessions {
        for contradicts in memories.iter().filter_map(|memory| memory.contradicts.as_ref()) {
            let old = nearest(contradicts, before.iter().copied().enumerate());
            replaced.extend(old.and_then(|at| before.get(at).copied()));
        }
        before.extend(memories.iter().map(|memory| memory.fact.as_str()));
    }
    for fact in facts {
        let retired = fact.retirement() != FactRetirement::Unspecified;
        let name = if replaced.contains(&fact.text.as_str()) {
            "facts_superseded"
        } else {
            "facts_wrongly_retired"
        };
        findings.samples.add(name, id, "facts", truth(retired));
    }
}
