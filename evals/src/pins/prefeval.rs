//! PrefEval: a preference, stated or shown by a choice, then exchanges of a real
//! conversation, then a question that tempts to break it. Non-commercial data:
//! for evaluation alone.
//!
//! Every item is a conversation of its own. The filler, of BEAM, is the same for
//! all, so that its turns are embedded once.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use serde_json::json;

use super::{Found, PinArgs, stands, window};
use crate::{
    dataset::{Conversation, DatasetName, DatedSession, Message, Session, Speaker, read},
    folds::Kind,
    metrics::ranking::truth,
    runner::{
        filler,
        ingest::{Layout, ingest},
        pass::Opened,
        progress::Progress,
    },
};

#[derive(Deserialize)]
struct Explicit {
    preference: String,
    question: String,
}

#[derive(Deserialize)]
struct Choice {
    question: String,
    conversation: Chosen,
}

#[derive(Deserialize)]
struct Chosen {
    query: String,
    assistant_options: String,
    user_selection: String,
    assistant_acknowledgment: String,
}

/// What is said before the filler, what must stand in the window, and what is
/// asked.
struct Item {
    form: &'static str,
    topic: String,
    said: Vec<Message>,
    wanted: String,
    question: String,
}

/// Plays every item at every distance and asks its question.
///
/// # Errors
/// The data cannot be read, or the server does not start or answer.
pub(super) async fn measure(args: &PinArgs) -> anyhow::Result<Found> {
    let items = items(args)?;
    let most = args.distance.iter().copied().max().unwrap_or(0) as usize;
    let folds = args.folds.open(Kind::Pins)?;
    args.folds.warn_of_seen(Kind::Pins, DatasetName::Beam.folder());
    let filler = filler::read(&args.data, most, &folds)?;
    let opened = Opened::for_fold(&args.server, filler.fold.as_ref()).await?;
    let mut found = Found { n: items.len(), ..Found::default() };
    found.asked(&opened, opened.describe(filler.fold.as_ref(), "items", items.len()));
    found.details.insert("filler_from".to_owned(), json!(filler.from));
    for distance in &args.distance {
        let exchanges = filler.messages.get(..2 * *distance as usize);
        let exchanges = exchanges.unwrap_or(&filler.messages);
        let turns = items.iter().map(|item| item.said.len() + exchanges.len()).sum();
        let progress = Progress::new(turns, items.len(), "questions");
        let (progress, api) = (&progress, &opened.api);
        let answers: Vec<(usize, bool)> = futures::stream::iter(items.iter().enumerate())
            .map(async |(at, item)| {
                let conversation = conversation(at, *distance, item, exchanges);
                let ingested = ingest(api, &conversation, Layout::Whole, progress).await?;
                let name = ingested.whole().context("no conversation to ask")?;
                let window = window(api, name, &item.question, args.budget).await?;
                let stands = stands(&window, &item.question, &item.wanted);
                if args.server.deletes() {
                    ingested.delete(api).await?;
                }
                progress.question();
                anyhow::Ok((at, stands))
            })
            .buffer_unordered(usize::from(args.server.in_flight))
            .try_collect()
            .await?;
        let mut answers = answers;
        answers.sort_by_key(|(at, _)| *at);
        for (at, stands) in answers {
            let Some(item) = items.get(at) else { continue };
            let name = format!("{}_in_window@{distance}", item.form);
            let cluster = format!("{}-{at}", item.form);
            found.samples.add(&name, &cluster, &item.topic, truth(stands));
        }
    }
    opened.close().await?;
    Ok(found)
}

fn items(args: &PinArgs) -> anyhow::Result<Vec<Item>> {
    let folder = args.data.join("prefeval");
    let limit = args.limit.unwrap_or(usize::MAX);
    let mut items = Vec::new();
    let explicit: Vec<BTreeMap<String, Vec<Explicit>>> =
        read::items(&read::find_file(&folder, "explicit")?)?;
    for (topic, one) in flat(explicit).take(limit) {
        items.push(Item {
            form: "explicit",
            topic,
            said: vec![
                Message::chat(Speaker::User, one.preference.clone()),
                Message::chat(Speaker::Assistant, "I see.".to_owned()),
            ],
            wanted: one.preference,
            question: one.question,
        });
    }
    let choices: Vec<BTreeMap<String, Vec<Choice>>> =
        read::items(&read::find_file(&folder, "implicit_choice")?)?;
    for (topic, one) in flat(choices).take(limit) {
        let Chosen { query, assistant_options, user_selection, assistant_acknowledgment } =
            one.conversation;
        items.push(Item {
            form: "implicit",
            topic,
            said: vec![
                Message::chat(Speaker::User, query),
                Message::chat(Speaker::Assistant, assistant_options),
                Message::chat(Speaker::User, user_selection.clone()),
                Message::chat(Speaker::Assistant, assistant_acknowledgment),
            ],
            wanted: user_selection,
            question: one.question,
        });
    }
    Ok(items)
}

fn flat<T>(all: Vec<BTreeMap<String, Vec<T>>>) -> impl Iterator<Item = (String, T)> {
    all.into_iter()
        .flatten()
        .flat_map(|(topic, items)| items.into_iter().map(move |item| (topic.clone(), item)))
}

fn conversation(at: usize, distance: u32, item: &Item, filler: &[Message]) -> Conversation {
    let id = format!("{}-{at}-{distance}", item.form);
    let messages = item.said.iter().chain(filler).cloned().collect();
    let session = Arc::new(Session { id: id.clone(), messages });
    Conversation { id, sessions: vec![DatedSession { session, begun: None, listed: 0 }] }
}
