//! Generated conversations, with any Unicode, for what must hold for every
//! window.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use throughline_memory::{
    context::{Query, TemplateOverhead, Tokenizers, WindowOptions},
    turn::{ConversationId, Role, Turn},
};

use super::{Scene, call, picture, pin, required, result, summary, text, tokenizers, turn};

pub(crate) const NAMES: [&str; 3] = ["cl100k_base", "o200k_base", "awkward"];

pub(crate) static TOKENIZERS: LazyLock<Tokenizers> = LazyLock::new(tokenizers);

/// Text that tokenizers, line breaks and quotations stumble over.
pub(crate) const FRAGMENTS: &[&str] = &[
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

pub(crate) fn words() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(FRAGMENTS).prop_map(str::to_owned),
        2 => any::<char>().prop_map(String::from),
        1 => (prop::sample::select(FRAGMENTS), 1..30_usize).prop_map(|(s, n)| s.repeat(n)),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Text(Role, String, String),
    Call(u8, String),
    /// Answers the call so many calls ago.
    Answer(u8, String),
    Picture(u32),
    Forgotten,
}

pub(crate) fn kind() -> impl Strategy<Value = Kind> {
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
pub(crate) fn turns(kinds: &[Kind]) -> Vec<Turn> {
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
pub(crate) struct Case {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) others: Vec<String>,
    pub(crate) pins: Vec<(u8, bool, String)>,
    pub(crate) summaries: Vec<String>,
    pub(crate) found: Vec<(bool, u8)>,
    pub(crate) query: (bool, String),
    pub(crate) recent_from: Option<u8>,
    pub(crate) gone: Vec<u8>,
    pub(crate) tokenizer: usize,
    pub(crate) budget: u32,
    /// For recent turns, pins and the summary.
    pub(crate) shares: (f32, f32, f32),
    /// Share of carried excerpts, and whether recent turns may stretch.
    pub(crate) carrying: (f32, bool),
    pub(crate) overhead: (u32, u32),
    pub(crate) alpha: f32,
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let scene = (
        prop::collection::vec(kind(), 0..14),
        prop::collection::vec(words(), 0..3),
        (
            prop::collection::vec((0..4_u8, prop::bool::weighted(0.2), words()), 0..4),
            prop::collection::vec(words(), 0..4),
        ),
        prop::collection::vec((prop::bool::weighted(0.2), 0..16_u8), 0..16),
        (any::<bool>(), words()),
        prop::option::of(0..16_u8),
        prop::collection::vec(0..16_u8, 0..2),
    );
    let budget = prop_oneof![3 => 1..400_u32, 1 => 1..5_000_u32];
    let shares = (0.0..1.0_f32, 0.0..1.0_f32, 0.0..1.0_f32);
    let overhead = prop_oneof![2 => Just((4, 3)), 1 => (0..8_u32, 0..8_u32)];
    let alpha = prop_oneof![2 => Just(0.0), 1 => 0.0..1.5_f32];
    let carrying = (prop_oneof![1 => Just(0.0), 3 => 0.0..1.0_f32], any::<bool>());
    (scene, 0..NAMES.len(), budget, shares, carrying, overhead, alpha).prop_map(
        |(scene, tokenizer, budget, shares, carrying, overhead, alpha)| {
            let (kinds, others, (pins, summaries), found, query, recent_from, gone) = scene;
            Case {
                kinds,
                others,
                pins,
                summaries,
                found,
                query,
                recent_from,
                gone,
                tokenizer,
                budget,
                shares,
                carrying,
                overhead,
                alpha,
            }
        },
    )
}

/// Conversations with several user turns, and windows that hold excerpts but
/// seldom everything.
pub(crate) fn series() -> impl Strategy<Value = Case> {
    let asked = words().prop_map(|words| Kind::Text(Role::User, String::new(), words));
    let kinds = prop::collection::vec(prop_oneof![1 => kind(), 1 => asked], 10..22);
    let found = prop::collection::vec((prop::bool::weighted(0.1), 1..12_u8), 6..16);
    let gone = prop_oneof![2 => Just(None), 1 => (0..16_u8).prop_map(Some)];
    (case(), kinds, found, gone, 100..600_u32, 0.2..0.8_f32).prop_map(
        |(case, kinds, found, gone, budget, carried)| Case {
            kinds,
            found,
            gone: gone.into_iter().collect(),
            budget,
            shares: (case.shares.0 / 2.0, case.shares.1 / 2.0, case.shares.2 / 4.0),
            carrying: (carried, case.carrying.1),
            ..case
        },
    )
}

pub(crate) fn scene_of(case: &Case) -> Scene {
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
    for (n, words) in (1..).zip(&case.summaries) {
        scene.summaries.push(summary(n, 2 * n, words));
    }
    scene.recent_from = case.recent_from.map(u64::from);
    scene.gone = case.gone.iter().map(|sequence| u64::from(*sequence)).collect();
    scene
}

pub(crate) fn options_of(case: &Case) -> WindowOptions {
    WindowOptions {
        recent_share: case.shares.0,
        pinned_share: case.shares.1,
        summary_share: case.shares.2,
        reanchor_share: case.shares.1 / 2.0,
        carried_share: case.carrying.0,
        stretch_recent: case.carrying.1,
        overhead: TemplateOverhead { per_message: case.overhead.0, per_prompt: case.overhead.1 },
        density_alpha: case.alpha,
        ..WindowOptions::new(case.budget, TOKENIZERS.get(NAMES[case.tokenizer]).unwrap())
    }
}
