//! Age alone outranks nothing: the same conversation is searched and built into
//! the same windows whether its turns lie minutes or years apart.

use crate::fixture::*;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use throughline_memory::{engine::*, turn::*};

/// Days between two turns of the conversation that lies years apart.
const DAYS_APART: i64 = 30;

/// A line of the conversation that ships with the demo.
#[derive(Deserialize)]
struct Line {
    role: String,
    text: String,
    say_time: Timestamp,
}

/// Questions with a phrase of the turn that answers.
const ASKED: [(&str, &str); 3] = [
    ("What was my personal best time in the charity 5K run?", "personal best"),
    ("What is the name of my cat, and what did I want to buy for it?", "cat"),
    ("Which signature drink did we pick for my mom's birthday party?", "signature drink"),
];

fn demo() -> Vec<Line> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/demo/conversation.jsonl");
    let text = std::fs::read_to_string(path).expect("the demo's conversation");
    text.lines().map(|line| serde_json::from_str(line).expect("a line")).collect()
}

/// When a turn was said, by its place and its own date.
type Dates = fn(i64, Timestamp) -> Timestamp;

/// Plays the conversation with some dates.
async fn play(world: &World, name: &str, lines: &[Line], dates: Dates) -> ConversationId {
    let conversation = world.create(name).await;
    let turn = |(place, line): (usize, &Line)| {
        let role = if line.role == "user" { Role::User } else { Role::Assistant };
        let place = i64::try_from(place).expect("few turns");
        NewTurn { said_at: Some(dates(place, line.say_time)), ..said(role, &line.text) }
    };
    let turns: Vec<NewTurn> = lines.iter().enumerate().map(turn).collect();
    for turns in turns.chunks(64) {
        let (tenant, turns) = (tenant(), turns.to_vec());
        let appended = world.engine.append_turns(&tenant, &conversation, turns, None).await;
        appended.expect("appended");
    }
    world.settle(&conversation).await;
    conversation
}

fn one_time(_: i64, _: Timestamp) -> Timestamp {
    Timestamp::from_second(1_600_000_000).expect("a time")
}

fn years_apart(place: i64, _: Timestamp) -> Timestamp {
    let apart = SignedDuration::from_hours(24 * DAYS_APART * place);
    Timestamp::from_second(600_000_000).expect("a time").saturating_add(apart).expect("in range")
}

#[tokio::test]
async fn dates_years_apart_leave_rankings_and_windows_as_they_are() {
    let world = World::with_signals().await;
    let lines = demo();
    assert!(
        years_apart(lines.len() as i64, Timestamp::UNIX_EPOCH)
            > years_apart(120, Timestamp::UNIX_EPOCH)
    );
    let undated = play(&world, "undated", &lines, one_time).await;
    let dated: [(&str, Dates); 2] = [("dated", |_, own| own), ("years", years_apart)];
    for (name, dates) in dated {
        let other = play(&world, name, &lines, dates).await;
        for (question, phrase) in ASKED {
            for method in [SearchMethod::Hybrid, SearchMethod::Dense, SearchMethod::Bm25] {
                let expected = world.found(&undated, question, method).await;
                assert!(expected.len() > 10, "{question}");
                assert_eq!(
                    world.found(&other, question, method).await,
                    expected,
                    "{name} {method:?}"
                );
            }
            let (expected, got) =
                (window(&world, &undated, question).await, window(&world, &other, question).await);
            assert!(!expected.is_empty(), "{phrase}");
            assert_eq!(got, expected, "{name}: {question}");
        }
    }
}

/// The turns of a window with their sections, whatever their order: excerpts
/// stand in the order of their dates.
async fn window(
    world: &World,
    of: &ConversationId,
    question: &str,
) -> Vec<(String, Option<Sequence>)> {
    let request = ContextRequest { budget: 2_000, ..ask(question) };
    let built = world.engine.build_context(&tenant(), of, request).await.expect("built");
    let items = built.window.items.iter();
    let mut items: Vec<_> =
        items.map(|item| (format!("{:?}", item.section), item.sequence)).collect();
    items.sort();
    items
}
