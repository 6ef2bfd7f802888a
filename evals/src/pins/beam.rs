//! BEAM: every instruction and preference that is asked about has the messages
//! in which it was given. A pin is right if it comes from one of them; that is a
//! lower bound, since only what is asked about is labelled.
//!
//! Invariant: of a conversation at most ten pins count, the most useful; windows may
//! hold more (what is never displaced, what came back after a folding).

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Value, json};
use throughline_proto::v1::{Fact, FactOrigin, ListFactsRequest};

use super::{Found, PinArgs, stands, window};
use crate::{
    client::{Api, retry},
    dataset::{Conversation, Dataset, DatasetName, Question, read},
    folds::Kind,
    metrics::ranking::truth,
    runner::{
        ingest::{Ingested, Layout, ingest},
        pass::{Opened, passes},
        progress::Progress,
        window::named,
    },
};

/// The abilities whose evidence is to be pinned.
const PINNED: [&str; 2] = ["instruction_following", "preference_following"];
/// Shortest word that tells which sentence a label means.
const TELLING: usize = 4;
/// Pins of a conversation that count.
const MOST: usize = 10;
/// Facts of one page.
const PAGE: i32 = 1_000;

#[derive(Deserialize)]
struct RawQuestion {
    #[serde(default)]
    instruction_being_tested: Option<String>,
    #[serde(default)]
    preference_being_tested: Option<String>,
}

/// Plays every conversation, reads its pins and asks its questions.
///
/// # Errors
/// The data cannot be read, or the server does not start or answer.
pub(super) async fn measure(args: &PinArgs) -> anyhow::Result<Found> {
    let mut dataset = Dataset::read(DatasetName::Beam, &args.data, Some(&args.split))?;
    if let Some(limit) = args.limit {
        let kept: BTreeSet<usize> = (0..limit).collect();
        dataset.retain(|question| kept.contains(&question.conversation));
    }
    let labels = labels(args, &dataset)?;
    let mut found = Found { n: dataset.questions.len(), ..Found::default() };
    for pass in passes(&dataset, &args.folds, Kind::Pins)? {
        let opened = Opened::for_pass(&args.server, &pass).await?;
        found.asked(&opened, opened.describe_pass(&pass));
        let unseen = &pass.dataset;
        let turns = unseen.conversations.iter().map(Conversation::len).sum();
        let progress = Progress::new(turns, unseen.questions.len(), "questions");
        let by_conversation = unseen.questions_by_conversation();
        for (conversation, at) in unseen.conversations.iter().zip(by_conversation) {
            let questions: Vec<&Question> =
                at.into_iter().filter_map(|at| unseen.questions.get(at)).collect();
            let ingested = ingest(&opened.api, conversation, Layout::Whole, &progress).await?;
            let played = Played { api: &opened.api, conversation, ingested: &ingested };
            played.score(args, &questions, &labels, &mut found).await?;
            questions.iter().for_each(|_| progress.question());
            if args.server.deletes() {
                ingested.delete(&opened.api).await?;
            }
        }
        opened.close().await?;
    }
    Ok(found)
}

/// The words of the labels, by question.
fn labels(args: &PinArgs, dataset: &Dataset) -> anyhow::Result<BTreeMap<String, String>> {
    let folder = args.data.join(DatasetName::Beam.folder());
    let mut labels = BTreeMap::new();
    for conversation in &dataset.conversations {
        let path = folder.join(format!("{}.questions.json", conversation.id));
        let abilities: Vec<BTreeMap<String, Value>> = read::items(&path)?;
        for ability in PINNED {
            let asked = abilities.iter().find_map(|all| all.get(ability)).cloned();
            let asked: Vec<RawQuestion> = serde_json::from_value(asked.unwrap_or_default())
                .with_context(|| format!("{}: {ability}", path.display()))?;
            for (number, raw) in asked.into_iter().enumerate() {
                let label = raw.instruction_being_tested.or(raw.preference_being_tested);
                let id = format!("{}-{ability}-{number}", conversation.id);
                labels.extend(label.map(|label| (id, label)));
            }
        }
    }
    Ok(labels)
}

/// A conversation on a server.
struct Played<'a> {
    api: &'a Api,
    conversation: &'a Conversation,
    ingested: &'a Ingested,
}

impl Played<'_> {
    async fn score(
        &self,
        args: &PinArgs,
        questions: &[&Question],
        labels: &BTreeMap<String, String>,
        found: &mut Found,
    ) -> anyhow::Result<()> {
        let name = self.ingested.whole().context("no conversation to ask")?;
        let (live, more) = self.pins(name).await?;
        let live = most_useful_first(live);
        let pins = live.get(..MOST.min(live.len())).unwrap_or_default();
        let of_pin =
            |pin: &Fact| self.ingested.position(&format!("{name}/turns/{}", pin.source_sequence));
        let pinned: BTreeSet<usize> = pins.iter().filter_map(of_pin).collect();
        let asked = questions.iter().filter(|question| PINNED.contains(&question.group.as_str()));
        let labelled: BTreeSet<usize> =
            asked.flat_map(|question| question.evidence.iter().copied()).collect();
        let id = &self.conversation.id;
        found.samples.add("live_pins", id, "pins", live.len() as f64);
        for pin in pins {
            let right = of_pin(pin).is_some_and(|at| labelled.contains(&at));
            found.samples.add("precision@10pins", id, "pins", truth(right));
        }
        let shown: Vec<Value> = live
            .iter()
            .enumerate()
            .map(|(place, pin)| {
                let right = of_pin(pin).is_some_and(|at| labelled.contains(&at));
                json!({ "kind": pin.kind().as_str_name(), "probability": pin.probability,
                    "turn": pin.source_sequence, "labelled": right, "text": pin.text,
                    "counts": place < MOST })
            })
            .collect();
        found.details.insert(id.clone(), json!({ "pins": shown, "displaced_or_retired": more }));
        for question in questions {
            let window = window(self.api, name, &question.text, args.budget).await?;
            let group = question.group.as_str();
            let stand = named(&window, self.ingested, self.conversation).positions;
            let covered = question.evidence.intersection(&stand).count();
            let covered = covered as f64 / question.evidence.len().max(1) as f64;
            let coverage = format!("coverage@{}", args.budget);
            found.samples.add(&coverage, id, group, covered);
            if !PINNED.contains(&group) {
                continue;
            }
            let hit = !question.evidence.is_disjoint(&pinned);
            found.samples.add("recall@10pins", id, group, truth(hit));
            found.samples.add(&format!("{coverage}_pinned"), id, group, covered);
            let sentence = labels.get(&question.id).and_then(|label| self.meant(question, label));
            if let Some(sentence) = sentence {
                let stands = stands(&window, &question.text, &sentence);
                found.samples.add(
                    &format!("coverage_span@{}", args.budget),
                    id,
                    group,
                    truth(stands),
                );
            }
        }
        Ok(())
    }

    /// The detector's pins that stand in windows, and how many do not.
    async fn pins(&self, name: &str) -> anyhow::Result<(Vec<Fact>, usize)> {
        let list = async |include_retired: bool| {
            let call = async || {
                let request = ListFactsRequest {
                    conversation: name.to_owned(),
                    page_size: PAGE,
                    page_token: String::new(),
                    include_retired,
                    min_revision: 0,
                };
                self.api.memory.clone().list_facts(request).await
            };
            let facts = retry("ListFacts", call).await?.into_inner().facts;
            let detected = facts.into_iter().filter(|fact| fact.origin() == FactOrigin::Detector);
            anyhow::Ok(detected.collect::<Vec<Fact>>())
        };
        let live = list(false).await?;
        let all = list(true).await?.len();
        let others = all.saturating_sub(live.len());
        Ok((live, others))
    }

    /// The sentence of the evidence that a label means: the one that shares the
    /// most words with it.
    fn meant(&self, question: &Question, label: &str) -> Option<String> {
        let wanted = telling(label);
        let turns: Vec<&str> = self
            .conversation
            .turns()
            .filter(|turn| question.evidence.contains(&turn.position))
            .map(|turn| turn.message.text.as_str())
            .collect();
        let sentences = turns.iter().flat_map(|text| sentences(text));
        let shared = |sentence: &&str| telling(sentence).intersection(&wanted).count();
        let best = sentences.rev().max_by_key(shared)?;
        (shared(&best) > 0).then(|| best.to_owned())
    }
}

/// Pins as windows take them: the surest first, of two that are as sure the later one.
/// What a repetition counts (0.06 at most) the service does not tell.
fn most_useful_first(mut pins: Vec<Fact>) -> Vec<Fact> {
    // They come oldest first, and sorting keeps the order of equals.
    pins.reverse();
    pins.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    pins
}

fn telling(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() >= TELLING);
    words.map(str::to_lowercase).collect()
}

/// Lines and sentences of a text.
fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut rest = line;
        while let Some(at) = [". ", "! ", "? "].iter().filter_map(|end| rest.find(end)).min() {
            let (sentence, behind) = rest.split_at(at + 1);
            found.push(sentence.trim());
            rest = behind;
        }
        found.push(rest.trim());
    }
    found.retain(|sentence| !sentence.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surest_pins_count() {
        let pin = |(text, probability): &(&str, f32)| Fact {
            text: (*text).to_owned(),
            probability: *probability,
            ..Fact::default()
        };
        let made = [("a", 0.5), ("b", 0.9), ("c", 0.5), ("d", 0.2)];
        let ordered = most_useful_first(made.iter().map(pin).collect());
        let texts: Vec<&str> = ordered.iter().map(|fact| fact.text.as_str()).collect();
        assert_eq!(texts, ["b", "c", "a", "d"]);
    }

    #[test]
    fn sentences_are_told_apart_and_words_tell_them() {
        let text = "I like tea. Can you help? Version 2.3 is out!\nOk";
        assert_eq!(sentences(text), ["I like tea.", "Can you help?", "Version 2.3 is out!", "Ok"]);
        assert_eq!(
            telling("I prefer Tea over coffee"),
            ["coffee", "over", "prefer"].map(str::to_owned).into()
        );
    }
}
