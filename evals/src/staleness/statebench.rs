//! `statebench`: are the phrases that an answer needs in the window, and those
//! that it must not say absent, or marked as replaced?
//!
//! Every timeline is played event by event: turns are appended, facts are
//! pinned as the application has them, and each query asks for its window. The
//! words of the query itself do not count. Phrases that occur in nothing that
//! was said or written before the query (inferences) are left out of
//! `must_mention`; `must_mention_all` has them.

use serde_json::json;
use throughline_proto::v1::{
    self as wire, AppendTurnsRequest, ContextWindow, DeleteConversationRequest, PinFactRequest,
    Section,
};

use super::{
    args::StalenessArgs,
    case::{Case, limited},
    findings::Findings,
    metrics::phrases::{asserts, contains, plain},
    play::{There, each, window},
    state::wait_scored,
    timelines::{Event, Query, Timeline, distinct, read},
};
use crate::{
    client::{Api, retry},
    dataset::Placed,
    metrics::ranking::truth,
    runner::ingest::{create, turn},
};

/// Begins the mark of what holds no more.
const MARKS: [&str; 2] = ["[replaced by", "[retired"];

/// A piece of a window that is marked or not as a whole.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    text: String,
    marked: bool,
}

/// Runs it through the server.
///
/// # Errors
/// The data cannot be read, or the server does not start or answer.
pub(crate) async fn measure(args: &StalenessArgs) -> anyhow::Result<Findings> {
    let cases = distinct(read(args)?).into_iter().map(|timeline| {
        let id = timeline.id.clone();
        Case::new(&id, Vec::new(), timeline)
    });
    let cases = limited(cases.collect(), args);
    let work = async |there: There<'_>, case: &Case<Timeline>| act(args, there, &case.label).await;
    let out = each(args, &cases, "timelines", work).await?;
    let mut findings = Findings { asked: out.asked, ..Findings::default() };
    for (case, windows) in cases.iter().zip(out.answers) {
        for (asked, entries) in asked(&case.label).zip(&windows) {
            findings.n += 1;
            score(&mut findings, &case.label, &asked, entries)?;
        }
    }
    Ok(findings)
}

/// A query with what was said and written before it.
struct Before<'a> {
    query: &'a Query,
    said: Vec<&'a str>,
    written: Vec<String>,
}

impl Before<'_> {
    /// All of it as one text.
    fn all(&self) -> String {
        format!("{}\n{}", self.said.join("\n"), self.written.join("\n"))
    }
}

fn asked(timeline: &Timeline) -> impl Iterator<Item = Before<'_>> {
    let (mut said, mut written): (Vec<&str>, Vec<String>) = (Vec::new(), Vec::new());
    timeline.events.iter().filter_map(move |event| match event {
        Event::Say(message) => {
            said.push(message.text.as_str());
            None
        }
        Event::Write(fact) => {
            written.push(format!("{}: {}", fact.attribute, fact.value));
            None
        }
        Event::Ask(query) => Some(Before { query, said: said.clone(), written: written.clone() }),
    })
}

/// Plays a timeline; one list of entries for each query.
async fn act(
    args: &StalenessArgs,
    there: There<'_>,
    timeline: &Timeline,
) -> anyhow::Result<Vec<Vec<Entry>>> {
    let api = there.api;
    // Each run has its own conversation: a fact pinned twice would replace itself.
    let name = create(api, "", "statebench").await?;
    let mut windows = Vec::new();
    for (index, event) in timeline.events.iter().enumerate() {
        match event {
            Event::Say(message) => {
                let said_at = message.said_at;
                let placed = Placed { position: index, session: 0, message, said_at };
                append(api, &name, turn(&placed, &format!("e{index}"))).await?;
            }
            Event::Write(fact) => {
                let request_id = format!("e{index}");
                let call = async || {
                    let request = PinFactRequest {
                        conversation: name.clone(),
                        fact: Some((**fact).clone()),
                        request_id: request_id.clone(),
                    };
                    api.memory.clone().pin_fact(request).await
                };
                retry("PinFact", call).await?;
            }
            Event::Ask(query) => {
                wait_scored(api, &name).await?;
                let window = window(api, &name, &query.prompt, args.budget).await?;
                windows.push(entries(&window));
            }
        }
    }
    let call = async || {
        let request = DeleteConversationRequest { name: name.clone() };
        api.conversations.clone().delete_conversation(request).await
    };
    retry("DeleteConversation", call).await?;
    Ok(windows)
}

async fn append(api: &Api, conversation: &str, turn: wire::Turn) -> anyhow::Result<()> {
    let call = async || {
        let request = AppendTurnsRequest {
            conversation: conversation.to_owned(),
            turns: vec![turn.clone()],
            ..AppendTurnsRequest::default()
        };
        api.conversations.clone().append_turns(request).await
    };
    retry("AppendTurns", call).await.map(|_| ())
}

/// The pieces of a window, the query left out. A message that holds excerpts or
/// pins has one piece for each: a piece begins with `[` on a line of its own.
/// A turn that stands for itself is one piece.
fn entries(window: &ContextWindow) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (index, message) in window.messages.iter().enumerate() {
        let mut items =
            window.items.iter().filter(|item| item.message_index as usize == index).peekable();
        let verbatim = items.peek().is_some_and(|item| item.section() == Section::Recent);
        if items.any(|item| item.section() == Section::Query) {
            continue;
        }
        let mut pieces: Vec<String> = Vec::new();
        for line in message.content.lines() {
            match pieces.last_mut().filter(|_| verbatim || !line.starts_with('[')) {
                Some(piece) => {
                    piece.push('\n');
                    piece.push_str(line);
                }
                None => pieces.push(line.to_owned()),
            }
        }
        entries.extend(pieces.into_iter().map(|text| {
            let marked = MARKS.iter().any(|mark| text.contains(mark));
            Entry { text, marked }
        }));
    }
    entries
}

fn score(
    findings: &mut Findings,
    timeline: &Timeline,
    before: &Before<'_>,
    entries: &[Entry],
) -> anyhow::Result<()> {
    let all = before.all();
    let text = entries.iter().map(|e| e.text.as_str()).collect::<Vec<_>>().join("\n");
    let mut add = |name: &str, value: bool| {
        findings.samples.add(name, &timeline.id, &timeline.track, truth(value));
    };
    let query = before.query;
    let mut missing = Vec::new();
    for phrase in &query.must {
        let present = contains(&text, phrase);
        add("must_mention_all", present);
        if contains(&all, phrase) {
            add("must_mention", present);
            if !present {
                missing.push(phrase);
            }
        }
    }
    let suffix =
        if query.kind == "superseded" { String::new() } else { format!("_{}", query.kind) };
    let mut unmarked = Vec::new();
    for phrase in &query.scored_not {
        let stands = entries.iter().any(|entry| !entry.marked && asserts(&entry.text, phrase));
        add(&format!("forbidden_unmarked{suffix}"), stands);
        add(&format!("forbidden_present{suffix}"), contains(&text, phrase));
        if stands {
            unmarked.push(phrase);
        }
    }
    if !query.scored_not.is_empty() {
        add(&format!("queries_with_forbidden{suffix}"), !unmarked.is_empty());
    }
    findings.line(json!({
        "timeline": timeline.id, "track": timeline.track, "query": query.prompt,
        "kind": query.kind, "missing": missing, "unmarked": unmarked,
        "window": entries.iter().map(|entry| &entry.text).collect::<Vec<_>>(),
    }))
}

/// The whole transcript as the context: by version 1 over all timelines, as the
/// README has it, and by version 2 over the distinct ones.
///
/// # Errors
/// The data cannot be read.
pub(crate) fn reference(args: &StalenessArgs) -> anyhow::Result<Findings> {
    let timelines = read(args)?;
    let mut findings = Findings::default();
    for timeline in &timelines {
        for before in asked(timeline) {
            let transcript = before.said.join("\n");
            let all = before.all();
            let mut add = |name: &str, value: bool| {
                findings.samples.add(name, &timeline.id, &timeline.track, truth(value));
            };
            for phrase in &before.query.must {
                let present = plain(&transcript, phrase);
                add("v1_must_mention_all", present);
                if plain(&all, phrase) {
                    add("v1_must_mention", present);
                }
            }
            let forbidden = &before.query.must_not;
            for phrase in forbidden {
                add("v1_forbidden", plain(&transcript, phrase));
            }
            if !forbidden.is_empty() {
                let any = forbidden.iter().any(|phrase| plain(&transcript, phrase));
                add("v1_queries_with_forbidden", any);
            }
        }
    }
    for timeline in distinct(timelines) {
        for before in asked(&timeline) {
            findings.n += 1;
            let entry = |text: &&str| Entry { text: (*text).to_owned(), marked: false };
            let entries: Vec<Entry> = before.said.iter().map(entry).collect();
            score(&mut findings, &timeline, &before, &entries)?;
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_marked_one_by_one() {
        let message = |content: &str| wire::ContextMessage {
            content: content.to_owned(),
            ..wire::ContextMessage::default()
        };
        let item = |section: Section, message_index| wire::ContextItem {
            section: section as i32,
            message_index,
            ..wire::ContextItem::default()
        };
        let window = ContextWindow {
            messages: vec![
                message("Quoted:\n[a · user] Seattle\n and on\n[b] [replaced by turn 3] Boston"),
                message("[sic] verbatim\n[replaced by turn 9 on 2024-01-01: x]"),
                message("Where in Seattle?"),
            ],
            items: vec![
                item(Section::Retrieved, 0),
                item(Section::Retrieved, 0),
                item(Section::Recent, 1),
                item(Section::Query, 2),
            ],
            ..ContextWindow::default()
        };
        let entries = entries(&window);
        let got: Vec<_> = entries.iter().map(|e| (e.text.as_str(), e.marked)).collect();
        assert_eq!(
            got,
            [
                ("Quoted:", false),
                ("[a · user] Seattle\n and on", false),
                ("[b] [replaced by turn 3] Boston", true),
                ("[sic] verbatim\n[replaced by turn 9 on 2024-01-01: x]", true),
            ]
        );
    }
}
