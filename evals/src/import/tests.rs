//! Files of every format, as they come into a server, twice.

use std::fs;

use clap::Parser as _;
use throughline_proto::v1::{Role, part::Content};

use super::*;
use crate::{cli::Cli, double::Double};

const OPENAI: &str = r#"{"id": "o1", "messages": [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Weather?"},
        {"type": "image_url", "image_url": {"url": "https://pictures.example/x.png"}}]},
    {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function",
        "function": {"name": "weather", "arguments": "{\"at\": 1}"}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    {"role": "assistant", "content": "Rain."}]}"#;
const ANTHROPIC: &str = r#"[{"system": "Be brief.", "messages": [
    {"role": "user", "content": "Weather?"},
    {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "One moment."},
        {"type": "tool_use", "id": "t1", "name": "weather", "input": {"at": 1}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1",
        "content": [{"type": "text", "text": "rain"}]}]},
    {"role": "assistant", "content": "Rain."}]}]"#;
const SHAREGPT: &str = r#"[{"id": "s1", "conversations": [{"from": "human", "value": "Hi"},
    {"from": "gpt", "value": "Hello"}]}]"#;
const CHATGPT: &str = r#"[{"title": "Trip", "conversation_id": "g1", "current_node": "d",
    "mapping": {
    "root": {"message": null, "parent": null, "children": ["s"]},
    "s": {"parent": "root", "children": ["a"], "message": {"id": "s", "author": {"role": "system"},
        "content": {"parts": [""]}, "metadata": {"is_visually_hidden_from_conversation": true}}},
    "a": {"parent": "s", "children": ["b", "c"], "message": {"id": "a", "author": {"role": "user"},
        "create_time": 1700000000.5, "content": {"content_type": "text", "parts": ["Where to?"]}}},
    "b": {"parent": "a", "children": [], "message": {"id": "b", "author": {"role": "assistant"},
        "create_time": 1700000009.0, "content": {"parts": ["An old answer."]}}},
    "c": {"parent": "a", "children": ["d"], "message": {"id": "c",
        "author": {"role": "assistant"}, "content": {"parts": ["Lisbon.", {"asset_pointer": "x"}]}}},
    "d": {"parent": "c", "children": [], "message": {"id": "d", "author": {"role": "user"},
        "content": {"content_type": "multimodal_text", "parts": [{"text": "Why?"}]}}}}}]"#;

fn parsed(text: &str) -> Imported {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.json");
    fs::write(&path, text).unwrap();
    let mut all = formats::read(&path, Format::Auto).unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn spoken(imported: &Imported) -> Vec<(Role, String)> {
    let part = |part: &wire::Part| match &part.content {
        Some(Content::Text(text)) => text.clone(),
        Some(Content::ToolCall(call)) => format!("{}:{}", call.name, call.arguments_json),
        Some(Content::ToolResult(result)) => format!("{}={}", result.call_id, result.content),
        Some(Content::Opaque(_)) => "opaque".to_owned(),
        None => String::new(),
    };
    let turns = imported.turns.iter();
    turns
        .map(|turn| (turn.role(), turn.parts.iter().map(part).collect::<Vec<_>>().join("|")))
        .collect()
}

#[test]
fn formats_become_turns() {
    let said = |role: Role, text: &str| (role, text.to_owned());
    for (text, key, expected) in [
        (
            OPENAI,
            "o1",
            vec![
                said(Role::System, "Be brief."),
                said(Role::User, "Weather?|opaque"),
                said(Role::Assistant, "weather:{\"at\": 1}"),
                said(Role::Tool, "c1=rain"),
                said(Role::Assistant, "Rain."),
            ],
        ),
        (
            ANTHROPIC,
            "file.json/0",
            vec![
                said(Role::System, "Be brief."),
                said(Role::User, "Weather?"),
                said(Role::Assistant, "One moment.|weather:{\"at\":1}"),
                said(Role::Tool, "t1=rain"),
                said(Role::Assistant, "Rain."),
            ],
        ),
        (SHAREGPT, "s1", vec![said(Role::User, "Hi"), said(Role::Assistant, "Hello")]),
        (
            CHATGPT,
            "g1",
            vec![
                said(Role::User, "Where to?"),
                said(Role::Assistant, "Lisbon."),
                said(Role::User, "Why?"),
            ],
        ),
    ] {
        let imported = parsed(text);
        assert_eq!((imported.key.as_str(), spoken(&imported)), (key, expected));
    }
    let time = parsed(CHATGPT).turns[0].say_time.unwrap();
    assert_eq!((time.seconds, time.nanos), (1_700_000_000, 500_000_000));
}

#[test]
fn a_block_that_is_not_known_loses_no_conversation() {
    let imported = parsed(
        r#"{"messages": [{"role": "assistant", "content": [{"type": "text", "text": "One moment."},
            {"type": "server_tool_use", "id": "s1", "name": "search", "input": {}},
            {"type": "search_result", "results": []}, {"type": "note", "text": "By the way."},
            {"type": "refusal", "refusal": "No."}]}]}"#,
    );
    let expected = "One moment.|search:{}|opaque|By the way.|No.";
    assert_eq!(spoken(&imported), [(Role::Assistant, expected.to_owned())]);
}

#[test]
fn what_is_no_conversation_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (text, expected) in [
        ("{}", "pass --format"),
        (r#"{"messages": [{"role": "oracle", "content": "x"}]}"#, "oracle"),
        (r#"{"messages": [{"role": "user", "content": [{"smell": 1}]}]}"#, "no type"),
        (r#"{"mapping": {"a": {"parent": "a"}}, "current_node": "a"}"#, "circle"),
        (r#"{"mapping": {}, "current_node": "z"}"#, "no message z"),
    ] {
        let path = dir.path().join("x.json");
        fs::write(&path, text).unwrap();
        let error = format!("{:#}", formats::read(&path, Format::Auto).unwrap_err());
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[tokio::test]
async fn a_repeated_import_adds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let double = Double::default();
    let address = double.serve().await;
    for text in [CHATGPT, SHAREGPT] {
        let path = dir.path().join("file.json");
        fs::write(&path, text).unwrap();
        for _ in 0..2 {
            let line =
                format!("x import {} --user-id ann --wait --server {address}", path.display());
            assert!(
                crate::run(Cli::try_parse_from(line.split_whitespace()).unwrap()).await.unwrap()
            );
        }
    }
    let held = double.held.lock().unwrap();
    let mut sizes: Vec<usize> = held.values().map(|held| held.turns.len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [2, 3]);
    assert!(held.values().all(|held| held.head.user_id == "ann"));
    assert!(held.values().any(|held| held.head.title == "Trip"));
}
