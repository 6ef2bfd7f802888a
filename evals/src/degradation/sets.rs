//! The data sets whose questions have labelled evidence: which of it stands in
//! the window, by how many turns ago it was said.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, bail};
use serde_json::json;

use super::{
    Found,
    args::{DegradationArgs, DegradationSet},
    gold::{self, Gold},
    live,
    reading::{self, Scores},
    shown::{Shown, Wanted},
    strategy::{Sources, Strategy, Turn},
    tally::{Axis, Look, Tally},
};
use crate::{
    cli::{DataArgs, Method},
    client::Api,
    dataset::{Conversation, DatasetName},
    metrics::{Figures, ranking::truth},
    reader::Readers,
    runner::{
        asking::{Asked, Plan},
        ingest::Layout,
        pass,
        progress::Progress,
    },
};

/// Nearest turns that are asked for; more never fit a usual budget.
const NEAREST: usize = 200;

/// What was seen of one window.
struct Seen {
    strategy: &'static str,
    item: String,
    group: String,
    looks: Vec<Look>,
    tokens: usize,
    millis: Option<f64>,
    scores: Scores,
}

/// Plays the data set and looks at the windows of its questions.
///
/// # Errors
/// The data cannot be read, or a call failed.
pub(super) async fn measure(
    args: &DegradationArgs,
    set: DegradationSet,
    api: &Api,
    readers: Option<&Readers>,
) -> anyhow::Result<Found> {
    let data = DataArgs {
        dataset: name(set)?,
        data: args.data.clone(),
        split: args.split.clone(),
        limit: args.limit,
        seed: args.seed,
    };
    let mut dataset = pass::read(&data)?;
    let asked = dataset.questions.len();
    dataset.retain(|question| !question.evidence.is_empty());
    let golds = match readers {
        Some(_) => gold::read(set, &args.data, &dataset)?,
        None => HashMap::new(),
    };
    let turns = dataset.conversations.iter().map(Conversation::len).sum();
    let progress = Progress::new(turns, dataset.questions.len(), "questions");
    let plan = Plan { api, layout: Layout::Whole, server: &args.server, progress: &progress };
    let counted = Counted::default();
    let (counted, golds) = (&counted, &golds);
    let seen = plan
        .ask_all(&dataset, async |asked: Asked<'_>| {
            let turns = counted.of(asked.conversation);
            let reading = readers.zip(golds.get(&asked.question.id));
            look(args, &asked, &turns, reading).await
        })
        .await?;
    let mut tally = Tally::new(Axis::TurnsAgo, args.budget());
    for seen in seen {
        let scores: Vec<(&'static str, Scores)> =
            seen.iter().map(|one| (one.strategy, one.scores.clone())).collect();
        if let Some(first) = seen.first() {
            let whose = (first.item.as_str(), first.group.as_str());
            reading::record(&mut tally, whose, &scores, Strategy::Oracle.name());
        }
        for one in seen {
            record(&mut tally, one, args.budget());
        }
    }
    let n = dataset.questions.len();
    let notes = json!({ "questions": n, "left_out_without_evidence": asked - n });
    Ok(Found { tally, n, split: Some(dataset.split), others: Figures::new(), notes })
}

fn name(set: DegradationSet) -> anyhow::Result<DatasetName> {
    Ok(match set {
        DegradationSet::Locomo => DatasetName::Locomo,
        DegradationSet::Longmemeval => DatasetName::Longmemeval,
        DegradationSet::Beam => DatasetName::Beam,
        DegradationSet::Multichallenge => DatasetName::Multichallenge,
        DegradationSet::Sweep | DegradationSet::LostInConversation | DegradationSet::Signals => {
            bail!("{set:?} has no labelled questions")
        }
    })
}

/// Turns of each conversation with what they cost, counted once.
#[derive(Default)]
struct Counted(Mutex<HashMap<String, Arc<[Turn]>>>);

impl Counted {
    fn of(&self, conversation: &Conversation) -> Arc<[Turn]> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let turns = known
            .entry(conversation.id.clone())
            .or_insert_with(|| conversation.turns().map(|turn| Turn::new(turn.message)).collect());
        Arc::clone(turns)
    }
}

async fn look(
    args: &DegradationArgs,
    asked: &Asked<'_>,
    turns: &[Turn],
    reading: Option<(&Readers, &Gold)>,
) -> anyhow::Result<Vec<Seen>> {
    let question = asked.question;
    let strategies = args.strategies();
    let nearest = match strategies.iter().any(|strategy| strategy.ranks()) {
        true => {
            let found = asked.search_with(Method::Dense, NEAREST, true).await?;
            asked.ranked(&found.hits, Method::Dense).turns
        }
        false => Vec::new(),
    };
    let sources = Sources {
        turns,
        nearest: &nearest,
        evidence: &question.evidence,
        question: &question.text,
        budget: args.budget() as usize,
    };
    let texts: HashMap<usize, &str> = asked
        .conversation
        .turns()
        .filter(|turn| question.evidence.contains(&turn.position))
        .filter(|turn| !turn.message.text.trim().is_empty())
        .map(|turn| (turn.position, turn.message.text.as_str()))
        .collect();
    let mut all = Vec::new();
    for strategy in strategies {
        let (shown, millis) = match sources.window(strategy) {
            Some(shown) => (shown, None),
            None => {
                let name = asked.ingested.whole().context("no conversation to ask")?;
                let built = live::build(asked.api, name, &question.text, args.budget()).await?;
                (Shown::of_window(&built.window, &question.text), Some(built.millis))
            }
        };
        let mut seen = seen(strategy, asked, &shown, &texts, turns.len(), millis);
        if let Some((readers, gold)) = reading {
            seen.scores = reading::read(readers, &shown, &question.text, gold).await?;
        }
        all.push(seen);
    }
    Ok(all)
}

fn seen(
    strategy: Strategy,
    asked: &Asked<'_>,
    shown: &Shown,
    texts: &HashMap<usize, &str>,
    turns: usize,
    millis: Option<f64>,
) -> Seen {
    let looks = asked.question.evidence.iter().filter_map(|&position| {
        let text = texts.get(&position).copied()?;
        let ago = turns.saturating_sub(position);
        Some(Look {
            strategy: strategy.name().to_owned(),
            item: asked.conversation.id.clone(),
            kind: asked.question.group.clone(),
            x: Axis::bin(ago),
            ago,
            place: shown.place_of(&Wanted::Words(text.to_owned())),
        })
    });
    Seen {
        strategy: strategy.name(),
        item: asked.conversation.id.clone(),
        group: asked.question.group.clone(),
        looks: looks.collect(),
        tokens: shown.tokens,
        millis,
        scores: Scores::new(),
    }
}

fn record(tally: &mut Tally, seen: Seen, budget: u32) {
    let whole = seen.looks.iter().filter(|look| look.place.is_some()).count();
    let all = seen.looks.len();
    let mut add = |name: &str, value: f64| {
        tally.add(seen.strategy, name, &seen.item, &seen.group, value);
    };
    add("window_tokens", seen.tokens as f64);
    if all > 0 {
        add(&format!("question_coverage@{budget}"), whole as f64 / all as f64);
        add(&format!("all_evidence@{budget}"), truth(whole == all));
    }
    if let Some(millis) = seen.millis {
        tally.add_time(seen.strategy, "window_ms", &seen.item, millis);
    }
    seen.looks.into_iter().for_each(|look| tally.look(look));
}
