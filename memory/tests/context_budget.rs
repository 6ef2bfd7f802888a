//! What must hold for every window: never over the budget by the real
//! tokenizer, costs that add up, tool calls whole, required pins in, the same
//! bytes for the same input. Conversations are generated, with any Unicode.
//!
//! `THROUGHLINE_WINDOW_CASES` sets the number of conversations.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod context_fixture;

use std::{collections::HashSet, sync::Arc, sync::LazyLock};

use context_fixture::{Scene, call, picture, pin, required, result, text, tokenizers, turn};
use proptest::{prelude::*, test_runner::TestRunner};
use throughline_memory::{
    context::{
        AssembleError, Message, Query, Section, TemplateOverhead, Tokenizers, Window,
        WindowOptions, turn_cost, unchanged_prefix_tokens,
    },
    turn::{ConversationId, Part, Role, Turn},
};

/// Conversations that are generated unless the environment says otherwise.
const CASES: u32 = 10_000;
const NAMES: [&str; 3] = ["cl100k_base", "o200k_base", "awkward"];

static TOKENIZERS: LazyLock<Tokenizers> = LazyLock::new(tokenizers);

/// Text that tokenizers, line breaks and quotations stumble over.
const FRAGMENTS: &[&str] = &[
    "\n",
    "\r\n",
    "\r",
    "\n\n",
    " ",
    "   ",
    "\t",
    "\n[",
    "[",
    "]",
    "/",
    "\n/",
    "\u{2028}",
    "\u{85}",
    "\u{0B}",
    "\u{200B}",
    "\u{FEFF}",
    "\u{202E}",
    "'s",
    "'LL",
    "...",
    "!?",
    " [2023-05-08 09:00 · ",
    "<|endoftext|>",
    "<|im_start|>",
    "<unk>",
    "hello",
    "Hello",
    "WORLD",
    " the",
    "1234567",
    "2.5",
    "日本語",
    "你好",
    "ไทย",
    "한국어",
    "עברית",
    "العربية",
    "👩‍👩‍👧‍👦",
    "e\u{301}",
    "ﷺ",
    "\0",
    "ß",
    "İ",
    "·",
];

fn words() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(FRAGMENTS).prop_map(str::to_owned),
        2 => any::<char>().prop_map(String::from),
        1 => (prop::sample::select(FRAGMENTS), 1..30_usize).prop_map(|(s, n)| s.repeat(n)),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

#[derive(Clone, Debug)]
enum Kind {
    Text(Role, String, String),
    Call(u8, String),
    /// Answers the call so many calls ago.
    Answer(u8, String),
    Picture(u32),
    Forgotten,
}

fn kind() -> impl Strategy<Value = Kind> {
    let role = prop::sample::select(vec![Role::User, Role::Assistant, Role::System, Role::Tool]);
    let speaker = prop_oneof![3 => Just(String::new()), 1 => words()];
    prop_oneof![
        6 => (role, speaker, words()).prop_map(|(role, speaker, text)| Kind::Text(role, speaker, text)),
        2 => (prop_oneof![4 => 1..4_u8, 1 => 7..12_u8], words()).prop_map(|(calls, arguments)| Kind::Call(calls, arguments)),
        3 => (prop_oneof![4 => 0..3_u8, 1 => 0..12_u8], words()).prop_map(|(back, content)| Kind::Answer(back, content)),
        1 => (0..500_u32).prop_map(Kind::Picture),
        1 => Just(Kind::Forgotten),
    ]
}

/// Turns of the kinds; answers name calls that were made.
fn turns(kinds: &[Kind]) -> Vec<Turn> {
    let mut open: Vec<String> = Vec::new();
    let mut turns = Vec::new();
    for (sequence, kind) in (1..).zip(kinds) {
        turns.push(match kind {
            Kind::Text(role, speaker, words) => turn(sequence, *role, speaker, vec![text(words)]),
            Kind::Call(calls, arguments) => {
                let ids: Vec<_> = (0..*calls).map(|n| format!("call-{sequence}-{n}")).collect();
                open.extend(ids.iter().cloned());
                let parts = ids.iter().map(|id| call(id, "look_up", arguments)).collect();
                turn(sequence, Role::Assistant, "", parts)
            }
            Kind::Answer(back, content) => {
                let id = open.iter().rev().nth(usize::from(*back));
                let id = id.map_or("never-called", String::as_str);
                turn(sequence, Role::Tool, "", vec![result(id, content)])
            }
            Kind::Picture(tokens) => {
                turn(sequence, Role::User, "", vec![text("see"), picture(*tokens)])
            }
            Kind::Forgotten => {
                Turn { forgotten: true, ..turn(sequence, Role::User, "", Vec::new()) }
            }
        });
    }
    turns
}

#[derive(Clone, Debug)]
struct Case {
    kinds: Vec<Kind>,
    others: Vec<String>,
    pins: Vec<(u8, bool, String)>,
    found: Vec<(bool, u8)>,
    query: (bool, String),
    recent_from: Option<u8>,
    gone: Vec<u8>,
    tokenizer: usize,
    budget: u32,
    shares: (f32, f32),
    overhead: (u32, u32),
    alpha: f32,
}

fn case() -> impl Strategy<Value = Case> {
    let scene = (
        prop::collection::vec(kind(), 0..14),
        prop::collection::vec(words(), 0..3),
        prop::collection::vec((0..4_u8, prop::bool::weighted(0.2), words()), 0..4),
        prop::collection::vec((prop::bool::weighted(0.2), 0..16_u8), 0..16),
        (any::<bool>(), words()),
        prop::option::of(0..16_u8),
        prop::collection::vec(0..16_u8, 0..2),
    );
    let budget = prop_oneof![3 => 1..400_u32, 1 => 1..5_000_u32];
    let shares = (0.0..1.0_f32, 0.0..1.0_f32);
    let overhead = prop_oneof![2 => Just((4, 3)), 1 => (0..8_u32, 0..8_u32)];
    let alpha = prop_oneof![2 => Just(0.0), 1 => 0.0..1.5_f32];
    (scene, 0..NAMES.len(), budget, shares, overhead, alpha).prop_map(
        |(scene, tokenizer, budget, shares, overhead, alpha)| {
            let (kinds, others, pins, found, query, recent_from, gone) = scene;
            Case {
                kinds,
                others,
                pins,
                found,
                query,
                recent_from,
                gone,
                tokenizer,
                budget,
                shares,
                overhead,
                alpha,
            }
        },
    )
}

fn scene_of(case: &Case) -> Scene {
    let mut scene = Scene::new(turns(&case.kinds), &case.query.1);
    let last_user = scene.turns.iter().rev().find(|turn| turn.role == Role::User).cloned();
    if let (true, Some(turn)) = (case.query.0, last_user) {
        scene.query = Query::LastTurn(Arc::new(turn));
    }
    let other = ConversationId::new("other").unwrap();
    let lines = case.others.iter().enumerate();
    let lines = lines.map(|(n, line)| turn(n as u64 + 1, Role::User, "", vec![text(line)]));
    scene.others.insert(other.clone(), lines.collect());
    let found = case.found.iter();
    scene.found = found
        .map(|(elsewhere, sequence)| (elsewhere.then(|| other.clone()), u64::from(*sequence)))
        .collect();
    for (n, (role, is_required, words)) in case.pins.iter().enumerate() {
        let role = [Role::System, Role::User, Role::Assistant, Role::Tool][usize::from(*role)];
        let source = (role != Role::System).then_some(n as u64 + 1);
        let pin = pin(&format!("pin-{n}"), role, words, source);
        scene.pins.push(if *is_required { required(pin) } else { pin });
    }
    scene.recent_from = case.recent_from.map(u64::from);
    scene.gone = case.gone.iter().map(|sequence| u64::from(*sequence)).collect();
    scene
}

fn options_of(case: &Case) -> WindowOptions {
    WindowOptions {
        recent_share: case.shares.0,
        pinned_share: case.shares.1,
        overhead: TemplateOverhead { per_message: case.overhead.0, per_prompt: case.overhead.1 },
        density_alpha: case.alpha,
        ..WindowOptions::new(case.budget, TOKENIZERS.get(NAMES[case.tokenizer]).unwrap())
    }
}

/// Counts with the tokenizer's own crate and nothing of ours but the awkward
/// one, which is set up here a second time.
fn real_tokens(tokenizer: &str, text: &str) -> u64 {
    static AWKWARD: LazyLock<tokenizers::Tokenizer> = LazyLock::new(|| {
        let json = context_fixture::awkward_tokenizer_json();
        let mut tokenizer = tokenizers::Tokenizer::from_bytes(json).unwrap();
        tokenizer.with_truncation(None).unwrap();
        tokenizer.set_encode_special_tokens(true);
        tokenizer
    });
    let tokens = match tokenizer {
        "cl100k_base" => tiktoken_rs::cl100k_base_singleton().encode_ordinary(text).len(),
        "o200k_base" => tiktoken_rs::o200k_base_singleton().encode_ordinary(text).len(),
        _ => AWKWARD.encode(text, false).unwrap().len(),
    };
    tokens as u64
}

/// Tokens of everything in a message that a model would read.
fn message_tokens(tokenizer: &str, message: &Message) -> u64 {
    let count = |text: &str| real_tokens(tokenizer, text);
    let parts = message.parts.iter().map(|part| match part {
        Part::Text(text) => count(text),
        Part::ToolCall { call_id, name, arguments_json } => {
            count(call_id) + count(name) + count(arguments_json)
        }
        Part::ToolResult { call_id, content } => count(call_id) + count(content),
        Part::Opaque { token_cost, .. } => u64::from(*token_cost),
    });
    count(&message.content) + count(&message.speaker) + parts.sum::<u64>()
}

fn check_costs(window: &Window, options: &WindowOptions) {
    let total = u64::from(window.total_tokens);
    assert!(total <= u64::from(options.budget), "{total} tokens over {}", options.budget);
    let items: u64 = window.items.iter().map(|item| u64::from(item.tokens)).sum();
    assert_eq!(items + u64::from(window.overhead_tokens), total, "costs do not add up");
    let prefix: u64 = window.prefix.iter().map(|piece| u64::from(piece.tokens)).sum();
    let per_prompt =
        if window.messages.is_empty() { 0 } else { u64::from(options.overhead.per_prompt) };
    assert_eq!(prefix + per_prompt, total, "the prefix is not the whole window");
    let plain = window.messages.iter().all(|m| m.parts.is_empty() && m.speaker.is_empty());
    let real: u64 = window
        .messages
        .iter()
        .map(|message| message_tokens(options.counter.name(), message))
        .sum::<u64>()
        + window.messages.len() as u64 * u64::from(options.overhead.per_message)
        + per_prompt;
    if plain {
        assert_eq!(real, total, "the count is not the tokenizer's");
    }
    assert!(real <= total, "really {real} tokens, {total} stated");
}

fn check_tool_calls(window: &Window, scene: &Scene) {
    let mut open: HashSet<&str> = HashSet::new();
    for part in window.messages.iter().flat_map(|message| &message.parts) {
        match part {
            Part::ToolCall { call_id, .. } => {
                open.insert(call_id);
            }
            Part::ToolResult { call_id, .. } => {
                assert!(open.contains(call_id.as_str()), "result of {call_id} without its call");
            }
            Part::Text(_) | Part::Opaque { .. } => {}
        }
    }
    // Verbatim or quoted: where a call or a result is, all of them are.
    let own = window.items.iter().filter(|item| item.conversation.is_none() && item.fact.is_none());
    let sections: Vec<_> = own.filter_map(|item| Some((item.sequence?, item.section))).collect();
    let section = |turn: &Turn| {
        sections
            .iter()
            .find(|(sequence, _)| *sequence == turn.sequence)
            .map(|(_, section)| *section)
    };
    for caller in &scene.turns {
        for id in caller.parts.iter().filter_map(|part| match part {
            Part::ToolCall { call_id, .. } => Some(call_id),
            _ => None,
        }) {
            let answers =
                |part: &Part| matches!(part, Part::ToolResult { call_id, .. } if call_id == id);
            for answer in scene.turns.iter().filter(|turn| turn.parts.iter().any(answers)) {
                assert_eq!(section(caller), section(answer), "{id} is torn apart");
            }
        }
    }
}

fn check_items(window: &Window, scene: &Scene) {
    let mut seen = HashSet::new();
    for item in window.items.iter().filter(|item| item.fact.is_none()) {
        let Some(sequence) = item.sequence else { continue };
        assert!(seen.insert((&item.conversation, sequence)), "turn {sequence} stands twice");
        let is_gone = item.section != Section::Query && scene.gone.contains(&sequence);
        assert!(!is_gone, "turn {sequence} has gone");
    }
    let last = window.messages.len();
    assert!(window.items.iter().all(|item| item.message < last));
    assert!(window.items.windows(2).all(|pair| pair[0].message <= pair[1].message));
    for pin in scene.pins.iter().filter(|pin| pin.fact.required) {
        let stands =
            |item: &throughline_memory::context::Item| item.fact.as_ref() == Some(&pin.fact.id);
        assert!(window.items.iter().any(stands), "required pin {} is missing", pin.fact.id);
    }
}

fn check(case: &Case) {
    let scene = scene_of(case);
    let options = options_of(case);
    let first = scene.assemble(&options);
    assert_eq!(first, scene.assemble(&options), "the same input gave two windows");
    match first {
        Ok(window) => {
            check_costs(&window, &options);
            check_tool_calls(&window, &scene);
            check_items(&window, &scene);
            let unchanged = unchanged_prefix_tokens(&window.prefix, &window.prefix);
            assert!(unchanged <= window.total_tokens);
        }
        Err(AssembleError::BudgetTooSmall { needed, given }) => {
            assert!(needed > given);
            let less = WindowOptions { budget: needed - 1, ..options.clone() };
            assert!(scene.assemble(&less).is_err(), "{needed} is not the smallest budget");
            let enough = WindowOptions { budget: needed, ..options };
            check_costs(&scene.assemble(&enough).unwrap(), &enough);
        }
    }
}

#[test]
fn no_window_is_over_its_budget() {
    let cases = std::env::var("THROUGHLINE_WINDOW_CASES").ok();
    let cases = cases.map_or(CASES, |cases| cases.parse().unwrap());
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let rng = proptest::test_runner::TestRng::deterministic_rng(config.rng_algorithm);
    TestRunner::new_with_rng(config, rng)
        .run(&case(), |case| {
            check(&case);
            Ok(())
        })
        .unwrap();
}

#[test]
fn quoted_units_add_up_for_additive_tokenizers() {
    let config = ProptestConfig { cases: 2_000, failure_persistence: None, ..Default::default() };
    let rng = proptest::test_runner::TestRng::deterministic_rng(config.rng_algorithm);
    let texts = prop::collection::vec(words(), 1..6);
    TestRunner::new_with_rng(config, rng)
        .run(&texts, |texts| {
            for name in ["cl100k_base", "o200k_base"] {
                let counter = TOKENIZERS.get(name).unwrap();
                let units: Vec<_> = texts.iter().map(|text| format!("[{text}\n")).collect();
                let apart: u32 = units.iter().map(|unit| counter.count(unit)).sum();
                prop_assert_eq!(counter.count(&units.concat()), apart, "{} {:?}", name, units);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn texts_that_break_the_splitting_pattern_are_counted_too_high_not_too_low() {
    let blanks = " ".repeat(3_000_000);
    for name in ["cl100k_base", "o200k_base"] {
        let counter = TOKENIZERS.get(name).unwrap();
        let huge = turn(1, Role::User, "", vec![text(format!("a{blanks}b"))]);
        assert!(turn_cost(&huge, counter.as_ref()).verbatim >= 3);
    }
}
