//! Stored text that tries to become an instruction, as a turn, a pin, beneath a
//! summary and in the line of a pin: the cases of `evals/cases/injection.jsonl`, over the
//! wire. No text stands under more authority than its source's role gives it, and none
//! looks like a line of ours.

use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use throughline::pb;
use throughline_memory::{
    engine::Limits,
    facts::{LineDraft, LineError, LineSource, LineVersion, WriteLine},
};

use crate::harness::{ACME, Client, TestServer, turn, user};

const CASES: &str = include_str!("../../../evals/cases/injection.jsonl");
/// Talk that makes a turn an old one.
const FILLER: usize = 30;

#[derive(Deserialize)]
struct Case {
    id: String,
    role: String,
    text: String,
    #[serde(rename = "as")]
    comes_as: String,
    /// Of a line: the user's turn that is pinned.
    #[serde(default)]
    said: String,
    /// What a model that was taken in writes for it.
    #[serde(default)]
    line: String,
    expected_authority: Authority,
}

fn cases() -> impl Iterator<Item = Case> {
    CASES.lines().map(|line| serde_json::from_str::<Case>(line).unwrap())
}

/// What a text may do where it stands, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Authority {
    Quotation,
    UserWords,
    Instruct,
}

fn authority_of(message: &pb::ContextMessage) -> Authority {
    let first = message.content.lines().next().unwrap_or_default();
    match message.role() {
        pb::Role::User if first.ends_with("data, not instructions.") => Authority::Quotation,
        pb::Role::User => Authority::UserWords,
        _ => Authority::Instruct,
    }
}

/// Words in a row, whatever stands between them.
fn words(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    format!(" {} ", words.collect::<Vec<_>>().join(" "))
}

async fn pin(client: &Client, conversation: &str, case: &Case) {
    let from_the_application = case.role == "system";
    let fact = pb::Fact {
        kind: pb::FactKind::Instruction.into(),
        text: case.text.clone(),
        source_sequence: u64::from(!from_the_application),
        ..pb::Fact::default()
    };
    let request = pb::PinFactRequest {
        conversation: conversation.to_owned(),
        fact: Some(fact),
        request_id: String::new(),
    };
    client.memory().pin_fact(request).await.unwrap();
}

/// The window in which a case stands.
async fn window_of(client: &Client, case: &Case) -> pb::ContextWindow {
    let conversation = client.create(&case.id).await;
    let role = match case.role.as_str() {
        "user" => pb::Role::User,
        "assistant" => pb::Role::Assistant,
        "tool" => pb::Role::Tool,
        _ => pb::Role::System,
    };
    let mut turns = vec![turn(role, &case.text)];
    for n in 0..FILLER {
        turns.push(user(&format!("Remark {n} about the weather on the coast and the tram.")));
    }
    client.append(&conversation, turns).await.unwrap();
    match case.comes_as.as_str() {
        "pin" => pin(client, &conversation, case).await,
        "summary" => {
            let request = pb::SummarizeRequest { conversation: conversation.clone() };
            client.memory().summarize(request).await.unwrap();
        }
        _ => {}
    }
    let options = pb::ContextOptions {
        token_budget: 6_000,
        recent_share: Some(0.0),
        summary_share: Some(0.4),
        ..pb::ContextOptions::default()
    };
    // A question from outside: what was said stands as memory alone.
    let request = pb::BuildContextRequest {
        conversation,
        query: case.text.chars().take(200).collect(),
        options: Some(options),
        ..pb::BuildContextRequest::default()
    };
    client.context().build_context(request).await.unwrap().into_inner().window.unwrap()
}

/// Units of a block are as many as its items, and all else in it is indented.
fn check_form(case: &Case, window: &pb::ContextWindow, index: usize) {
    let lines: Vec<&str> = window.messages[index].content.lines().collect();
    let items = window.items.iter().filter(|item| item.message_index as usize == index).count();
    let heads = lines.iter().filter(|line| line.starts_with('[')).count();
    assert_eq!(heads, items, "{}: {lines:?}", case.id);
    let stands_out = |line: &&&str| !(line.is_empty() || line.starts_with(['[', ' ']));
    assert_eq!(lines.iter().skip(1).find(stands_out), None, "{}", case.id);
}

#[tokio::test]
async fn no_stored_text_gains_authority() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let mut seen = 0;
    for case in cases().filter(|case| case.comes_as != "line") {
        let window = window_of(&acme, &case).await;
        // The question is the last message and repeats the text.
        let (_, memory) = window.messages.split_last().unwrap();
        let mut most = None;
        for (index, message) in memory.iter().enumerate() {
            check_form(&case, &window, index);
            if words(&message.content).contains(&words(&case.text)) {
                let authority = authority_of(message);
                assert!(authority <= case.expected_authority, "{}: {message:?}", case.id);
                most = most.max(Some(authority));
            }
        }
        if case.comes_as != "summary" {
            assert_eq!(most, Some(case.expected_authority), "{}", case.id);
        }
        seen += 1;
    }
    assert!(seen >= 40, "{seen} cases");
    server.stop().await;
}

/// A model that writes what the text wants, and a check that lets it pass.
struct TakenIn(Vec<Case>);

#[tonic::async_trait]
impl WriteLine for TakenIn {
    fn version(&self) -> LineVersion {
        LineVersion { model: "taken in".to_owned(), ..LineVersion::default() }
    }

    async fn write(&self, source: &LineSource) -> Result<LineDraft, LineError> {
        let of = |case: &&Case| source.words == case.said;
        let line = self.0.iter().find(of).map(|case| (case.line.clone(), 1.0));
        Ok(LineDraft { line, rejected: Vec::new() })
    }
}

/// The user's pin of a case once its line was written, and the window in which it stands.
async fn pinned_with_line(client: &Client, case: &Case) -> (pb::Fact, pb::ContextWindow) {
    let conversation = client.create(&case.id).await;
    let said = vec![turn(pb::Role::Assistant, &case.text), user(&case.said)];
    client.append(&conversation, said).await.unwrap();
    let fact = pb::Fact {
        kind: pb::FactKind::Instruction.into(),
        text: case.said.clone(),
        source_sequence: 2,
        source_span: Some(pb::TextSpan { start: 0, end: case.said.len() as u32 }),
        ..pb::Fact::default()
    };
    let request = pb::PinFactRequest {
        conversation: conversation.clone(),
        fact: Some(fact),
        request_id: String::new(),
    };
    client.memory().pin_fact(request).await.unwrap();
    let listed = async {
        loop {
            let request = pb::ListFactsRequest {
                conversation: conversation.clone(),
                ..pb::ListFactsRequest::default()
            };
            let facts = client.memory().list_facts(request).await.unwrap().into_inner().facts;
            let is_answered =
                |fact: &pb::Fact| !(fact.one_line.is_empty() && fact.one_line_rejected.is_empty());
            match facts.into_iter().find(is_answered) {
                Some(fact) => return fact,
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    let fact = tokio::time::timeout(Duration::from_secs(20), listed).await.expect("an answer");
    let request = pb::BuildContextRequest {
        conversation,
        query: "What now?".to_owned(),
        options: Some(pb::ContextOptions { token_budget: 6_000, ..Default::default() }),
        ..pb::BuildContextRequest::default()
    };
    let built = client.context().build_context(request).await.unwrap().into_inner();
    (fact, built.window.unwrap())
}

#[tokio::test]
async fn no_line_lends_the_users_authority_to_the_assistant() {
    let lines = || cases().filter(|case| case.comes_as == "line");
    let writer = Arc::new(TakenIn(lines().collect()));
    let server = TestServer::with_lines(Limits::default(), writer).await;
    let acme = server.client(ACME);
    let mut refused = 0;
    for case in lines() {
        let (fact, window) = pinned_with_line(&acme, &case).await;
        let stands =
            |message: &&pb::ContextMessage| words(&message.content).contains(&words(&case.line));
        let stands = window.messages.iter().find(stands);
        if case.expected_authority == Authority::Quotation {
            assert_eq!((fact.one_line.as_str(), stands), ("", None), "{}", case.id);
            assert_eq!(fact.one_line_rejected[0].text, case.line, "{}", case.id);
            refused += 1;
        } else {
            assert_eq!(fact.one_line, case.line, "{}", case.id);
            assert_eq!(stands.map(authority_of), Some(case.expected_authority), "{}", case.id);
        }
    }
    assert!(refused >= 6, "{refused} refused");
    server.stop().await;
}
