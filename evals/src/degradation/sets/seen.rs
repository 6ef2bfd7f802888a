//! What was seen of the windows of a question, and the figures that it makes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::{
    cli::Method,
    dataset::{Conversation, Question},
    degradation::{
        Run,
        gold::Gold,
        live,
        reading::{self, Scores},
        rival::Own,
        shown::{Shown, Wanted},
        strategy::{Sources, Turn},
        tally::{Axis, Look, Tally},
    },
    metrics::ranking::truth,
    runner::asking::Asked,
};

/// Nearest turns that are asked for; more never fit a usual budget.
const NEAREST: usize = 200;

/// What was seen of one window.
#[derive(Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) strategy: String,
    looks: Vec<Look>,
    tokens: usize,
    millis: Option<f64>,
    /// What adding a turn took, with the first question after it.
    pub(super) add_ms: Option<f64>,
    /// Where a rival assembled the window itself.
    #[serde(default)]
    pub(super) own: Option<Own>,
    pub(super) scores: Scores,
}

/// Turns of each conversation with what they cost, counted once.
#[derive(Default)]
pub(super) struct Counted(Mutex<HashMap<String, Arc<[Turn]>>>);

impl Counted {
    pub(super) fn of(&self, conversation: &Conversation) -> Arc<[Turn]> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let turns = known
            .entry(conversation.id.clone())
            .or_insert_with(|| conversation.turns().map(|turn| Turn::new(turn.message)).collect());
        Arc::clone(turns)
    }
}

/// The windows of a question by every strategy.
pub(super) async fn look(
    run: &Run<'_>,
    asked: &Asked<'_>,
    turns: &[Turn],
    gold: Option<&Gold>,
) -> anyhow::Result<Vec<Seen>> {
    let (args, question) = (run.args, asked.question);
    let strategies = args.strategies();
    let nearest = match strategies.iter().any(|strategy| strategy.ranks()) {
        true => {
            let found = asked.search_with(Method::Dense, NEAREST, true).await?;
            asked.ranked(&found.hits, Method::Dense).turns
        }
        false => Vec::new(),
    };
    let mut sources = Sources {
        turns,
        nearest: &nearest,
        evidence: &question.evidence,
        question: &question.text,
        budget: args.budget() as usize,
        written: String::new(),
    };
    run.write_summary(&mut sources).await?;
    let mut all = Vec::new();
    for strategy in strategies {
        let (shown, millis) = match sources.window(strategy) {
            Some(shown) => (shown, None),
            None => {
                let name = asked.ingested.whole().context("no conversation to ask")?;
                let built = live::build(asked.api, name, &question.text, args.budget(), 0).await?;
                (Shown::of_window(&built.window, &question.text), Some(built.millis))
            }
        };
        let mut seen = seen(strategy.name(), asked.conversation, question, &shown, millis);
        seen.scores = read(run, &shown, question, gold).await?;
        all.push(seen);
    }
    Ok(all)
}

/// What a reader makes of a window, where there is one and something to judge by.
pub(super) async fn read(
    run: &Run<'_>,
    shown: &Shown,
    question: &Question,
    gold: Option<&Gold>,
) -> anyhow::Result<Scores> {
    match run.readers.zip(gold) {
        Some((readers, gold)) => reading::read(readers, shown, &question.text, gold).await,
        None => Ok(Scores::new()),
    }
}

/// What stands of a question's evidence in a window.
pub(super) fn seen(
    strategy: &str,
    conversation: &Conversation,
    question: &Question,
    shown: &Shown,
    millis: Option<f64>,
) -> Seen {
    let turns = conversation.len();
    let evidence = conversation.turns().filter(|turn| question.evidence.contains(&turn.position));
    let looks = evidence.filter(|turn| !turn.message.text.trim().is_empty()).map(|turn| {
        let ago = turns.saturating_sub(turn.position);
        Look {
            strategy: strategy.to_owned(),
            item: conversation.id.clone(),
            kind: question.group.clone(),
            x: Axis::bin(ago),
            ago,
            place: shown.place_of(&Wanted::Words(turn.message.text.clone())),
        }
    });
    let looks = looks.collect();
    let (strategy, tokens) = (strategy.to_owned(), shown.tokens);
    Seen { strategy, looks, tokens, millis, add_ms: None, own: None, scores: Scores::new() }
}

/// Enters the figures of one window.
pub(super) fn record(tally: &mut Tally, (item, group): (&str, &str), seen: &Seen, budget: u32) {
    let whole = seen.looks.iter().filter(|look| look.place.is_some()).count();
    let all = seen.looks.len();
    let mut add = |name: &str, value: f64| tally.add(&seen.strategy, name, item, group, value);
    add("window_tokens", seen.tokens as f64);
    if all > 0 {
        add(&format!("question_coverage@{budget}"), whole as f64 / all as f64);
        add(&format!("all_evidence@{budget}"), truth(whole == all));
    }
    if let Some(own) = seen.own {
        own.record(tally, &seen.strategy, (item, group), budget);
    }
    for (name, millis) in [("window_ms", seen.millis), ("add_ms_per_turn", seen.add_ms)] {
        if let Some(millis) = millis {
            tally.add_time(&seen.strategy, name, item, millis);
        }
    }
    seen.looks.iter().for_each(|look| tally.look(look.clone()));
}
