//! From a scripted writer to a summary: checked, tried again, replaced.

use std::sync::{Mutex, PoisonError};

use throughline_memory::turn::{ConversationId, TenantId};

use super::*;
use crate::{
    entailment::{Case, Entailment, JudgeError, JudgeInfo},
    extractive::MIN_BUDGET,
    testing::{embedder, turns},
};

/// A double of a model: answers from a list, and keeps what it was asked.
struct Scripted {
    answers: Mutex<Vec<Result<String, WriterError>>>,
    asked: Mutex<Vec<String>>,
}

impl Scripted {
    fn of(answers: &[Result<&str, &str>]) -> Self {
        let answer = |answer: &Result<&str, &str>| {
            answer.map(str::to_owned).map_err(|why| match why {
                "busy" => WriterError::Passing(why.to_owned()),
                _ => WriterError::Lasting(why.to_owned()),
            })
        };
        Self {
            answers: Mutex::new(answers.iter().rev().map(answer).collect()),
            asked: Mutex::new(Vec::new()),
        }
    }
}

#[async_trait]
impl Writer for Scripted {
    fn model(&self) -> &str {
        "scripted"
    }

    async fn write(&self, prompt: &str) -> Result<String, WriterError> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(prompt.to_owned());
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.pop().unwrap_or_else(|| Err(WriterError::Lasting("no more answers".to_owned())))
    }
}

fn compose(writer: Option<&Scripted>) -> Summary {
    compose_over(&[], writer)
}

fn compose_over(below: &[String], writer: Option<&Scripted>) -> Summary {
    compose_within(400, below, writer)
}

fn compose_within(budget: usize, below: &[String], writer: Option<&Scripted>) -> Summary {
    compose_judged(budget, below, writer, None)
}

fn compose_judged(
    budget: usize,
    below: &[String],
    writer: Option<&Scripted>,
    judge: Option<&Judge>,
) -> Summary {
    let turns = turns(&[
        "Anna: I booked room 214 at the Astoria for 90 dollars.",
        "Ben: The train to the Astoria leaves at nine from the north station.",
        "Anna: Thanks.",
    ]);
    let checker = Checker::bundled(embedder()).unwrap();
    let composer = Composer::new(checker, Extractive::new(embedder()));
    let order = Order { turns: &turns, budget, pins: &[], below };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let writer = writer.map(|writer| writer as &dyn Writer);
    runtime.block_on(composer.compose_judged(order, writer, judge)).unwrap()
}

/// A double of a judge: always of one opinion; without one it fails.
struct Opinion(Option<f32>, JudgeInfo);

#[async_trait]
impl Entailment for Opinion {
    fn info(&self) -> &JudgeInfo {
        &self.1
    }

    async fn entailed(&self, _: &Case<'_>) -> Result<f32, JudgeError> {
        self.0.ok_or(JudgeError::Late)
    }
}

fn judge(opinion: Option<f32>) -> Judge {
    let info = JudgeInfo { kind: "nli", name: "op".into(), sha256: "ab".into(), version: 1 };
    let (tenant, conversation) = (TenantId::new("t").unwrap(), ConversationId::new("c").unwrap());
    Judge::new(std::sync::Arc::new(Opinion(opinion, info)), tenant, conversation)
}

#[test]
fn without_a_model_it_is_extractive_and_says_so() {
    let summary = compose(None);
    assert_eq!((summary.model.as_str(), summary.prompt_version), (MODEL, 0));
    assert!(summary.text().contains("Anna booked room 214 at the Astoria"), "{}", summary.text());
    let retold = |one: &Sentence| one.origin == Origin::Retold && one.faithful < 1.0;
    assert!(summary.sentences.iter().any(retold), "{:?}", summary.sentences);
    let stands = |text: &str| summary.sentences.iter().any(|one| one.text == text);
    assert!(summary.rejected.iter().all(|one| !stands(&one.text)), "{:?}", summary.rejected);
}

#[test]
fn what_is_told_wrongly_is_quoted() {
    let turns = turns(&["Anna: I booked room 214 at the Astoria for 90 dollars."]);
    let composer =
        Composer::new(Checker::bundled(embedder()).unwrap(), Extractive::new(embedder()));
    let quoted = "Anna: \"I booked room 214 at the Astoria for 90 dollars.\"";
    let extract = Extract {
        text: "Anna booked room 241 at the Astoria for 90 dollars.".to_owned(),
        quoted: Some(quoted.to_owned()),
        said: String::new(),
        sequence: 1,
        score: 1.0,
        pinned: false,
    };
    let mut rejected = Vec::new();
    let mut judging = Judging::new(None);
    let taken = composer.taken(vec![extract], &turns, &mut rejected, &mut judging);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let sentences = runtime.block_on(taken).unwrap();
    assert_eq!((sentences[0].text.as_str(), sentences[0].origin), (quoted, Origin::Extracted));
    assert!(rejected[0].reasons.iter().any(|reason| reason.words == "241"), "{rejected:?}");
}

#[test]
fn a_failing_model_is_replaced_and_named() {
    for (error, unfinished) in [("busy", true), ("too long", false)] {
        let summary = compose(Some(&Scripted::of(&[Err(error)])));
        assert_eq!((summary.model.as_str(), summary.unfinished), (MODEL, unfinished));
        let told = summary.writer_error.as_deref().unwrap();
        assert!(told.ends_with(error), "{told}");
        assert!(!summary.sentences.is_empty());
    }
    // Also when it is busy for the second attempt alone.
    let writer = Scripted::of(&[Ok("The train leaves at 11:45 from Paddington."), Err("busy")]);
    let summary = compose(Some(&writer));
    assert!(summary.unfinished && summary.writer_error.is_none(), "{summary:?}");
    assert!(!compose(None).unfinished);
}

#[test]
fn an_unsupported_sentence_is_tried_again_and_told_what_was_wrong() {
    let writer = Scripted::of(&[
        Ok("Anna booked room 999 at the Astoria for 90 dollars."),
        Ok("Anna booked room 214 at the Astoria for 90 dollars."),
    ]);
    let summary = compose(Some(&writer));
    let rejected = summary.rejected.first().unwrap();
    assert!(rejected.text.contains("999") && !rejected.again);
    assert!(rejected.reasons.iter().any(|reason| reason.words == "999"));
    let asked = writer.asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    assert!(asked.last().unwrap().contains("Not supported (number): 999"), "{asked:?}");
    assert!(summary.sentences.iter().all(|one| !one.text.contains("999")));
}

#[test]
fn what_fails_twice_becomes_a_sentence_of_the_turns() {
    let writer = Scripted::of(&[
        Ok("The train to the Astoria leaves at 11:45 from Paddington."),
        Ok("The train to the Astoria leaves at 12:45 from Paddington."),
    ]);
    let summary = compose(Some(&writer));
    assert_eq!(summary.rejected.len(), 2);
    let only = summary.sentences.first().unwrap();
    assert_eq!((only.origin, only.sources.as_slice()), (Origin::Retold, &[2_u64][..]));
    assert!(only.text.contains("leaves at nine"), "{}", only.text);
    assert_eq!(summary.model, "scripted");
}

#[test]
fn prompts_hold_the_turns_as_material_and_the_pins_word_for_word() {
    let turns = turns(&["Anna: Never ring before noon."]);
    let pins = [(1, "Never ring before noon.".to_owned())];
    let order = Order { turns: &turns, budget: 120, pins: &pins, below: &[] };
    let prompt = prompt::summary(&order);
    for part in ["at most 20 words", "not instructions", "- Never ring", "Anna: Never ring"] {
        assert!(prompt.contains(part), "{part} in {prompt}");
    }
}

#[test]
fn all_prompts_begin_with_the_same_instructions() {
    let [one, other] = [&["Anna: Never ring before noon."], &["Ben: The train leaves at nine."]];
    let (one, other) = (turns(one), turns(other));
    let pins = [(1, "Never ring before noon.".to_owned())];
    let first = prompt::summary(&Order { turns: &one, budget: 120, pins: &pins, below: &[] });
    let second = prompt::summary(&Order { turns: &other, budget: 900, pins: &[], below: &[] });
    let same = first.chars().zip(second.chars()).take_while(|(a, b)| a == b).count();
    let instructions = first.find("Anna").unwrap();
    assert_eq!(same, instructions, "{first}\n{second}");
    assert!(same > 250, "{same}");
}

#[test]
fn of_summaries_the_model_reads_these_and_the_check_their_turns() {
    let wrong = "Anna booked room 999 at the Astoria for 90 dollars.";
    let writer = Scripted::of(&[Ok(wrong), Ok(wrong)]);
    let below = [wrong.to_owned(), "Ben told Anna when the train leaves.".to_owned()];
    let summary = compose_over(&below, Some(&writer));
    let asked = writer.asked.lock().unwrap();
    assert!(below.iter().all(|sentence| asked[0].contains(sentence.as_str())), "{}", asked[0]);
    assert!(!asked[0].contains("room 214") && !asked[0].contains("Thanks"), "{}", asked[0]);
    assert!(asked[1].contains("room 214"), "written again from the turns: {}", asked[1]);
    assert!(summary.rejected.iter().any(|one| one.text == wrong), "{:?}", summary.rejected);
    assert!(summary.sentences.iter().all(|one| !one.text.contains("999")));
}

#[test]
fn prompts_do_not_grow_with_turns_and_pins() {
    let long = format!("Anna: I booked room 214. {}", "And so on and on. ".repeat(4_000));
    let turns = turns(&[long.as_str()]);
    let pins: Vec<(u64, String)> =
        (1..=200).map(|n| (1, format!("Never ring number {n} before noon."))).collect();
    let below = ["Anna booked room 214.".to_owned()];
    let order = Order { turns: &turns, budget: 120, pins: &pins, below: &below };
    let prompt = prompt::summary(&order);
    assert!(prompt.contains("number 3 before") && !prompt.contains("number 4 before"), "{prompt}");
    assert!(prompt.chars().count() < 1_000, "{prompt}");
    assert!(prompt::again(&order, "Anna booked.", &[], &[1]).chars().count() < 13_000);
}

#[test]
fn what_a_model_wrote_is_kept_when_nothing_of_it_stands() {
    // Nothing that could take its place has room either.
    let wrong = "Quentin paid 777 zlotys to the bank of Zagreb.";
    let writer = Scripted::of(&[Ok(wrong), Ok(wrong)]);
    let summary = compose_within(MIN_BUDGET, &[], Some(&writer));
    assert_eq!(summary.model, MODEL);
    let error = summary.writer_error.as_deref().unwrap();
    assert!(error.contains("could be used"), "{error}");
    let again: Vec<bool> =
        summary.rejected.iter().filter(|one| one.text == wrong).map(|one| one.again).collect();
    assert_eq!(again, [false, true], "{:?}", summary.rejected);
    assert!(!summary.rejected[0].reasons.is_empty());
}

const WRITTEN: &str = "Anna booked room 214 at the Astoria for 90 dollars. The train to the Astoria \
    leaves at nine. The train leaves from the north station. Anna thanks Ben.";

#[test]
fn a_judge_rejects_what_the_check_took_and_the_summary_names_it() {
    let alone = compose(Some(&Scripted::of(&[Ok(WRITTEN)])));
    assert_eq!((alone.judged_by.as_deref(), alone.judge_error.as_deref()), (None, None));
    let of = |opinion| {
        let writer = Scripted::of(&[Ok(WRITTEN)]);
        compose_judged(400, &[], Some(&writer), Some(&judge(Some(opinion))))
    };
    let agreed = of(1.0);
    assert_eq!(agreed.judged_by.as_deref(), Some("nli op ab v1"));
    let stands = |summary: &Summary, text: &str| summary.sentences.iter().any(|s| s.text == text);
    let written = alone.sentences.iter().filter(|one| one.origin == Origin::Written);
    let written: Vec<&str> = written.map(|one| one.text.as_str()).collect();
    assert!(!written.is_empty(), "{alone:?}");
    assert!(written.iter().all(|text| stands(&agreed, text)), "{agreed:?}");
    let denied = of(0.0);
    assert_eq!(denied.judged_by, agreed.judged_by);
    let by_judge = denied.rejected.iter().filter(|one| one.entailed == Some(0.0));
    let by_judge: Vec<&str> = by_judge.map(|one| one.text.as_str()).collect();
    assert!(by_judge.iter().any(|text| written.contains(text)), "{denied:?}");
    let mut written = denied.sentences.iter().filter(|one| one.origin == Origin::Written);
    assert!(written.all(|one| !by_judge.contains(&one.text.as_str())), "{denied:?}");
}

#[test]
fn a_judge_makes_nothing_good_that_is_missing() {
    let wrong = "Anna booked room 999 at the Astoria for 90 dollars.";
    let writer = Scripted::of(&[Ok(wrong), Ok(wrong)]);
    let summary = compose_judged(400, &[], Some(&writer), Some(&judge(Some(1.0))));
    assert!(summary.sentences.iter().all(|one| !one.text.contains("999")), "{summary:?}");
    assert!(summary.rejected.iter().all(|one| one.text != wrong || one.entailed.is_none()));
}

#[test]
fn a_judge_that_fails_leaves_the_summary_to_the_check() {
    let alone = compose(Some(&Scripted::of(&[Ok(WRITTEN)])));
    let writer = Scripted::of(&[Ok(WRITTEN)]);
    let summary = compose_judged(400, &[], Some(&writer), Some(&judge(None)));
    assert_eq!(summary.judged_by, None);
    assert!(summary.judge_error.as_deref().is_some_and(|error| error.contains("in time")));
    assert_eq!(Summary { judge_error: None, ..summary }, alone);
}

#[test]
fn what_is_retold_is_judged_too() {
    let summary = compose_judged(400, &[], None, Some(&judge(Some(1.0))));
    assert_eq!(summary.judged_by.as_deref(), Some("nli op ab v1"));
    assert!(summary.sentences.iter().any(|one| one.origin == Origin::Retold), "{summary:?}");
    assert_eq!(summary.model, MODEL);
}
