//! What the demo shows: a window section by section, with where each item comes
//! from, why it is there, and what it costs.
#![allow(clippy::print_stdout, reason = "the demo's purpose is to print")]

use std::{collections::BTreeMap, time::Duration};

use throughline_proto::v1::{ContextItem, ContextWindow, Role, Section};

/// Characters of an item's text that are shown.
const SHOWN: usize = 160;

pub(super) fn heading(text: &str) {
    println!("\n== {text}");
}

pub(super) fn line(text: &str) {
    println!("   {text}");
}

pub(super) fn window(question: &str, window: &ContextWindow, took: Duration) {
    heading(question);
    let saved =
        100.0 - 100.0 * f64::from(window.total_tokens) / (window.full_history_tokens.max(1) as f64);
    line(&format!(
        "{} of {} tokens ({}), built in {:.1} ms; the whole history would cost {} tokens: {saved:.1} % saved",
        window.total_tokens,
        window.token_budget,
        window.tokenizer,
        took.as_secs_f64() * 1e3,
        window.full_history_tokens,
    ));
    let mut sections: BTreeMap<i32, Vec<&ContextItem>> = BTreeMap::new();
    for item in &window.items {
        sections.entry(item.section).or_default().push(item);
    }
    for (section, items) in sections {
        let tokens: u32 = items.iter().map(|item| item.tokens).sum();
        println!("\n   [{}] {} items, {tokens} tokens", section_name(section), items.len());
        for item in items {
            print_item(item, window);
        }
    }
    for shortfall in &window.shortfalls {
        line(&format!("missing: {}", shortfall.detail));
    }
}

fn print_item(item: &ContextItem, window: &ContextWindow) {
    let source = if item.turn.is_empty() { &item.fact } else { &item.turn };
    let source = source.rsplit('/').next().unwrap_or_default();
    let role = Role::try_from(item.role).unwrap_or_default().as_str_name();
    let role = role.trim_start_matches("ROLE_").to_lowercase();
    let time = item.say_time.as_ref().and_then(|time| {
        jiff::Timestamp::new(time.seconds, time.nanos)
            .ok()
            .map(|time| time.strftime("%F").to_string())
    });
    let score = item.score.as_ref().map_or(String::new(), |score| {
        let mut parts: Vec<String> =
            score.components.iter().map(|(name, value)| format!("{name} {value:.2}")).collect();
        parts.sort();
        format!(", score {:.3} ({})", score.total, parts.join(", "))
    });
    println!(
        "   - turn {source}, {role}, {}, {} tokens{score}: {}",
        time.unwrap_or_default(),
        item.tokens,
        item.reason
    );
    if let Some(text) = shown_text(item, window) {
        println!("       {text}");
    }
}

/// The item's own words: its message, or its line of the quoting message.
fn shown_text(item: &ContextItem, window: &ContextWindow) -> Option<String> {
    let message = window.messages.get(item.message_index as usize)?;
    let siblings: Vec<&ContextItem> =
        window.items.iter().filter(|other| other.message_index == item.message_index).collect();
    let text = if siblings.len() == 1 && item.section != i32::from(Section::Retrieved) {
        message.content.as_str()
    } else {
        let place = siblings.iter().position(|other| std::ptr::eq(*other, item))?;
        message.content.lines().filter(|line| line.starts_with('[')).nth(place)?
    };
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown: String = flat.chars().take(SHOWN).collect();
    if shown.len() < flat.len() {
        shown.push('…');
    }
    Some(shown)
}

fn section_name(section: i32) -> &'static str {
    match Section::try_from(section).unwrap_or_default() {
        Section::Pinned => "pinned",
        Section::Summary => "summary",
        Section::Recent => "recent",
        Section::Retrieved => "retrieved",
        Section::Reanchored => "restated",
        Section::Query => "query",
        Section::Unspecified => "other",
    }
}

pub(super) fn next_steps() {
    heading("Now yours");
    println!(
        "   Start the service:\n\
         \n      cargo run --release --locked --bin throughline -- serve --dev\n\
         \n   and call it from another terminal (Node.js brings buf; any gRPC client will do):\n\
         \n      npx --yes @bufbuild/buf curl --http2-prior-knowledge --protocol grpc \\\n\
         \x20       --data '{{\"conversation\": {{\"title\": \"First\"}}, \"conversation_id\": \"first\"}}' \\\n\
         \x20       http://127.0.0.1:7420/throughline.v1.ConversationService/CreateConversation\n\
         \n   README.md goes on from here."
    );
}
