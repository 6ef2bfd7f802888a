//! The calls of the conformance cases, and their answers as plain data.

use std::{collections::HashMap, time::Duration};

use futures::StreamExt as _;
use serde_json::{Value, json};
use throughline_client::{
    ChatMessage, Client, Commit, Error, ErrorKind, Prepare, PreparedTurn, v1,
};

fn text<'a>(given: &'a Value, key: &str) -> &'a str {
    given[key].as_str().unwrap_or_default()
}

fn name(id: &str) -> String {
    if id.starts_with("conversations/") { id.to_owned() } else { format!("conversations/{id}") }
}

/// A message of a case: text alone, or a chat message.
fn message(value: &Value, role: fn(String) -> ChatMessage) -> ChatMessage {
    match value {
        Value::String(text) => role(text.clone()),
        other => serde_json::from_value(other.clone()).unwrap(),
    }
}

fn options(given: &Value) -> v1::ContextOptions {
    let token_budget = i32::try_from(given["budget"].as_i64().unwrap_or_default()).unwrap();
    v1::ContextOptions { token_budget, ..Default::default() }
}

/// Makes the call of a step; gives its answer in plain form.
pub(crate) async fn call(
    client: &Client,
    step: &Value,
    saved: &mut HashMap<String, PreparedTurn>,
) -> Result<Value, Error> {
    let given = &step["with"];
    let id = text(given, "conversation");
    Ok(match text(step, "call") {
        "create_conversation" => conversation(create(client, given).await?.conversation.unwrap()),
        "ensure_conversation" => match create(client, given).await {
            Ok(_) => json!({"created": true}),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => json!({"created": false}),
            Err(error) => return Err(error),
        },
        "get_conversation" => {
            let request = v1::GetConversationRequest { name: name(id), min_revision: 0 };
            conversation(client.get_conversation(request).await?.conversation.unwrap())
        }
        "delete_conversation" => {
            let request = v1::DeleteConversationRequest { name: name(id) };
            json!({"turns_removed": client.delete_conversation(request).await?.turns_removed})
        }
        "prepare_turn" => {
            let prepare = Prepare {
                options: options(given),
                turn_id: text(given, "turn_id").to_owned(),
                ..Prepare::default()
            };
            let said = message(&given["message"], ChatMessage::user);
            let turn = client.prepare_turn(id, said, prepare).await?;
            let plain = json!({
                "sequence": turn.turn.rsplit('/').next().unwrap().parse::<u64>().unwrap(),
                "repeated": turn.repeated,
                "turn_id": turn.turn_id,
                "messages": turn.messages,
                "total_tokens": turn.window.total_tokens,
            });
            saved.insert(text(step, "save").to_owned(), turn);
            plain
        }
        "commit_turn" => {
            let answer = given["answer"].as_array().unwrap().iter();
            let answer = answer.map(|said| message(said, ChatMessage::assistant));
            let cut_off = given["cut_off"].as_bool().unwrap_or_default();
            let commit = Commit { cut_off, ..Commit::default() };
            appended(client.commit_turn(&saved[text(given, "turn")], answer, commit).await?)
        }
        "append_turns" => append(client, given).await?,
        "list_turns" => json!({"turns": turns(client, given).await?}),
        "turns" => {
            let turns = turns(client, given).await?;
            json!({"texts": turns.iter().map(|turn| turn["text"].clone()).collect::<Vec<_>>()})
        }
        "build_context" => build(client, given).await?,
        "search_turns" => search(client, given).await?,
        "pin_fact" => {
            let fact = v1::Fact {
                kind: v1::FactKind::Fact.into(),
                text: text(given, "text").to_owned(),
                required: given["required"].as_bool().unwrap_or_default(),
                ..Default::default()
            };
            let conversation = name(id);
            let request =
                v1::PinFactRequest { conversation, fact: Some(fact), ..Default::default() };
            let fact = client.pin_fact(request).await?.fact.unwrap();
            json!({"text": fact.text, "required": fact.required})
        }
        "list_facts" => {
            let request = v1::ListFactsRequest { conversation: name(id), ..Default::default() };
            let facts = client.list_facts(request).await?.facts;
            json!({"facts": facts.iter().map(|fact| &fact.text).collect::<Vec<_>>()})
        }
        "server_info" => {
            let timeout = given["timeout"].as_f64().unwrap_or(60.0);
            let client = client.with_timeout(Duration::from_secs_f64(timeout));
            let info = client.get_server_info(v1::GetServerInfoRequest {}).await?;
            json!({"tenant": info.tenant})
        }
        "copy_conversation" => copy(client, id, text(given, "to")).await?,
        other => panic!("no such call: {other}"),
    })
}

async fn create(client: &Client, given: &Value) -> Result<v1::CreateConversationResponse, Error> {
    let conversation = v1::Conversation {
        user_id: text(given, "user_id").to_owned(),
        title: text(given, "title").to_owned(),
        ..Default::default()
    };
    let request = v1::CreateConversationRequest {
        conversation: Some(conversation),
        conversation_id: text(given, "conversation").to_owned(),
        request_id: text(given, "request_id").to_owned(),
    };
    client.create_conversation(request).await
}

async fn append(client: &Client, given: &Value) -> Result<Value, Error> {
    let messages = given["messages"].as_array().unwrap().iter();
    let turns = messages.map(|said| message(said, ChatMessage::user).try_into().unwrap());
    let request = v1::AppendTurnsRequest {
        conversation: name(text(given, "conversation")),
        turns: turns.collect(),
        expected_last_sequence: given["expected_last_sequence"].as_u64(),
        wait_indexed: given["wait_indexed"].as_bool().unwrap_or_default(),
    };
    Ok(appended(client.append_turns(request).await?))
}

/// Turns from a sequence on: one page if its size is given, else all pages.
async fn turns(client: &Client, given: &Value) -> Result<Vec<Value>, Error> {
    let page_size = i32::try_from(given["page_size"].as_i64().unwrap_or_default()).unwrap();
    let (mut turns, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListTurnsRequest {
            conversation: name(text(given, "conversation")),
            page_size,
            page_token,
            from_sequence: given["from_sequence"].as_u64().unwrap_or_default(),
            descending: given["descending"].as_bool().unwrap_or_default(),
            ..Default::default()
        };
        let page = client.list_turns(request).await?;
        turns.extend(page.turns.iter().map(plain_turn));
        page_token = page.next_page_token;
        if page_token.is_empty() || page_size > 0 {
            return Ok(turns);
        }
    }
}

async fn build(client: &Client, given: &Value) -> Result<Value, Error> {
    let request = v1::BuildContextRequest {
        conversation: name(text(given, "conversation")),
        query: text(given, "query").to_owned(),
        options: Some(options(given)),
        as_of_turn: given["as_of_turn"].as_u64().unwrap_or_default(),
        ..Default::default()
    };
    let window = client.build_context(request).await?.window.unwrap();
    let texts: Vec<_> = window.messages.iter().map(|said| said.content.clone()).collect();
    let messages: Vec<_> = texts.iter().map(|text| json!({"content": text})).collect();
    let total_tokens = window.total_tokens;
    Ok(json!({"messages": messages, "text": texts.join("\n"), "total_tokens": total_tokens}))
}

async fn search(client: &Client, given: &Value) -> Result<Value, Error> {
    use v1::search_turns_request::Scope;
    let scope = match text(given, "conversation") {
        "" => Scope::UserId(text(given, "user_id").to_owned()),
        id => Scope::Conversation(name(id)),
    };
    let request = v1::SearchTurnsRequest {
        scope: Some(scope),
        query: text(given, "query").to_owned(),
        page_size: 1,
        ..Default::default()
    };
    let hits = client.search_turns(request).await?.hits;
    let hits = hits.into_iter().map(|hit| json!({"sequence": hit.turn.unwrap().sequence}));
    Ok(json!({"hits": hits.collect::<Vec<_>>()}))
}

/// Streams a conversation out, and in again under another id.
async fn copy(client: &Client, from: &str, to: &str) -> Result<Value, Error> {
    use v1::{export_conversation_response::Item as Out, import_conversation_request::Item as In};
    let request = v1::ExportConversationRequest { name: name(from), min_revision: 0 };
    let exported = client.conversations().export_conversation(request).await?.into_inner();
    let items: Vec<_> = exported.collect().await;
    let mut conversation_id = to.to_owned();
    let mut uploads = Vec::new();
    for item in items {
        let item = item?.item.map(|item| match item {
            Out::Conversation(header) => In::Conversation(header),
            Out::Turn(turn) => In::Turn(turn),
            Out::Fact(fact) => In::Fact(fact),
            Out::Outcome(outcome) => In::Outcome(outcome),
            Out::RejectedEdge(edge) => In::RejectedEdge(edge),
        });
        let conversation_id = std::mem::take(&mut conversation_id);
        uploads.push(v1::ImportConversationRequest {
            item,
            conversation_id,
            request_id: String::new(),
        });
    }
    let sent = client.conversations().import_conversation(futures::stream::iter(uploads)).await?;
    Ok(json!({"turns": sent.into_inner().turns}))
}

fn conversation(found: v1::Conversation) -> Value {
    json!({
        "name": found.name,
        "user_id": found.user_id,
        "title": found.title,
        "last_sequence": found.last_sequence,
    })
}

fn appended(answer: v1::AppendTurnsResponse) -> Value {
    let repeated: Vec<_> = answer.turns.iter().map(|turn| turn.repeated_append).collect();
    json!({"last_sequence": answer.last_sequence, "repeated": repeated})
}

fn plain_turn(turn: &v1::Turn) -> Value {
    let texts = turn.parts.iter().filter_map(|part| match &part.content {
        Some(v1::part::Content::Text(text)) => Some(text.as_str()),
        _ => None,
    });
    let role = turn.role().as_str_name().trim_start_matches("ROLE_").to_lowercase();
    let cut_off = turn.metadata.as_ref().is_some_and(|given| given.fields.contains_key("cut_off"));
    json!({
        "sequence": turn.sequence,
        "role": role,
        "text": texts.collect::<String>(),
        "metadata": {"cut_off": cut_off},
    })
}

/// An error as the cases describe it.
pub(crate) fn plain_error(error: &Error) -> Value {
    let mut kind = String::new();
    for letter in format!("{:?}", error.kind()).chars() {
        if letter.is_uppercase() && !kind.is_empty() {
            kind.push('_');
        }
        kind.push(letter.to_ascii_lowercase());
    }
    let fields: Vec<_> = error.field_violations().iter().map(|refused| &refused.field).collect();
    json!({
        "kind": kind,
        "code": error.code(),
        "reason": error.reason(),
        "fields": fields,
        "metadata": error.metadata(),
    })
}
