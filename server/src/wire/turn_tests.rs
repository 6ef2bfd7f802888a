//! Turns come back byte-equal, and each bad field is named.

use prost_types::{Struct, Value, value::Kind};

use super::*;
use crate::pb::part::Content;

fn part(content: Content) -> pb::Part {
    pb::Part { content: Some(content) }
}

fn opaque(source: pb::opaque::Source) -> pb::Part {
    let media_type = "image/png".to_owned();
    part(Content::Opaque(pb::Opaque { media_type, source: Some(source), token_cost: 85 }))
}

fn full() -> pb::Turn {
    pb::Turn {
        role: pb::Role::Assistant.into(),
        speaker: "Zoë\u{200d}".to_owned(),
        parts: vec![
            part(Content::Text("e\u{301} \u{0}\r\n\u{200b}".to_owned())),
            part(Content::Text(String::new())),
            part(Content::ToolCall(pb::ToolCall {
                call_id: "call-1".to_owned(),
                name: "look".to_owned(),
                arguments_json: "{ \"b\":1,\"a\" : [] ".to_owned(),
            })),
            part(Content::ToolResult(pb::ToolResult {
                call_id: "call-1".to_owned(),
                content: "\t42".to_owned(),
            })),
            opaque(pb::opaque::Source::Data(vec![0, 255, 128].into())),
            opaque(pb::opaque::Source::Uri("s3://bucket/x".to_owned())),
        ],
        say_time: Some(prost_types::Timestamp { seconds: -1, nanos: 999_999_999 }),
        client_turn_id: "mine".to_owned(),
        metadata: Some(Struct {
            fields: [("k".to_owned(), Value { kind: Some(Kind::NumberValue(1.5)) })].into(),
        }),
        ..pb::Turn::default()
    }
}

fn stored(new: NewTurn) -> Turn {
    Turn {
        sequence: 7,
        role: new.role,
        speaker: new.speaker,
        parts: new.parts,
        said_at: new.said_at.unwrap(),
        created_at: Timestamp::UNIX_EPOCH,
        client_turn_id: new.client_turn_id.unwrap(),
        metadata: new.metadata,
        forgotten: false,
    }
}

#[test]
fn every_part_comes_back_byte_equal() {
    let (limits, mut violations) = (Limits::default(), Violations::new());
    let new = new_turn(full(), "turns[0]", &limits, &mut violations);
    let new = violations.finish(new).unwrap();
    let id = ConversationId::new("c").unwrap();
    let back = turn_to_proto(&id, &stored(new), false).unwrap();
    let expected = pb::Turn {
        name: "conversations/c/turns/7".to_owned(),
        create_time: Some(prost_types::Timestamp::default()),
        sequence: 7,
        ..full()
    };
    assert_eq!(back, expected);

    let mut violations = Violations::new();
    let again = imported_turn(back.clone(), 7, Timestamp::MAX, &limits, &mut violations);
    let again = violations.finish(again).unwrap();
    assert_eq!(turn_to_proto(&id, &again, false).unwrap(), back);
}

/// Fields that are reported for a turn that was spoilt by `spoil`.
fn check(spoil: impl FnOnce(&mut pb::Turn), expected: &[&str]) {
    let (mut turn, limits, mut violations) = (full(), Limits::default(), Violations::new());
    spoil(&mut turn);
    let read = new_turn(turn, "turns[3]", &limits, &mut violations);
    let found = match violations.finish(read) {
        Err(EngineError::Invalid(found)) => found,
        other => panic!("{other:?}"),
    };
    let fields: Vec<_> = found.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, expected);
}

#[test]
fn each_bad_field_is_named() {
    check(|t| t.role = 0, &["turns[3].role"]);
    check(|t| t.role = 9, &["turns[3].role"]);
    check(|t| t.parts.clear(), &["turns[3].parts"]);
    check(|t| t.parts[1].content = None, &["turns[3].parts[1]"]);
    check(|t| t.speaker = "x".repeat(257), &["turns[3].speaker"]);
    check(|t| t.client_turn_id = "x".repeat(129), &["turns[3].client_turn_id"]);
    check(|t| t.say_time.as_mut().unwrap().nanos = -1, &["turns[3].say_time"]);
    check(|t| t.parts = vec![pb::Part::default(); 257], &["turns[3].parts"]);
    check(|t| t.parts[0] = part(Content::Text("x".repeat((1 << 20) + 1))), &["turns[3].parts"]);
    check(
        |t| t.parts = vec![part(Content::ToolCall(pb::ToolCall::default()))],
        &["turns[3].parts[0].tool_call.call_id", "turns[3].parts[0].tool_call.name"],
    );
    check(
        |t| t.parts = vec![part(Content::Opaque(pb::Opaque::default()))],
        &["turns[3].parts[0].opaque.media_type", "turns[3].parts[0].opaque"],
    );
    check(
        |t| {
            t.role = 0;
            t.parts.clear();
            t.speaker = "x".repeat(257);
        },
        &["turns[3].role", "turns[3].speaker", "turns[3].parts"],
    );
}

#[test]
fn an_import_keeps_forgotten_places_and_demands_dense_sequences() {
    let limits = Limits::default();
    let forgotten = |sequence| pb::Turn {
        sequence,
        role: pb::Role::User.into(),
        forgotten: true,
        ..pb::Turn::default()
    };
    let mut violations = Violations::new();
    let read = imported_turn(forgotten(4), 4, Timestamp::UNIX_EPOCH, &limits, &mut violations);
    assert!(violations.finish(read).unwrap().forgotten);

    let mut violations = Violations::new();
    let read = imported_turn(forgotten(6), 4, Timestamp::UNIX_EPOCH, &limits, &mut violations);
    let Err(EngineError::Invalid(found)) = violations.finish(read) else { panic!("not refused") };
    assert_eq!(found[0].field, "turn.sequence");
}
