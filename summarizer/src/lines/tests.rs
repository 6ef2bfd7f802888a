//! From a scripted model to a line: taken, asked for again, left out.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use throughline_memory::{
    facts::FactKind,
    summary,
    turn::{ConversationId, Role, TenantId},
};

use super::*;
use crate::{
    llm::{ChatRequest, Finish, Generation, LlmError, ModelInfo, Pieces},
    testing::embedder,
};

const WORDS: &str = "I booked room 214 at the Astoria for 90 dollars.";
const RIGHT: &str = "Anna booked room 214 at the Astoria for 90 dollars.";
const WRONG: &str = "Anna booked room 999 at the Astoria for 90 dollars.";

/// A double of a model: answers from a list, and keeps what it was asked.
struct Scripted {
    info: ModelInfo,
    answers: Mutex<VecDeque<Result<&'static str, LlmError>>>,
    asked: Mutex<Vec<ChatRequest>>,
}

#[async_trait]
impl ChatModel for Scripted {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn generate(
        &self,
        request: &ChatRequest,
        _: Option<Pieces>,
    ) -> Result<Generation, LlmError> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let text = answers.pop_front().unwrap_or(Err(LlmError::Closed))?.to_owned();
        Ok(Generation {
            text,
            prompt_tokens: 9,
            generated_tokens: 9,
            cached_prompt_tokens: 0,
            finish: Finish::Stop,
        })
    }

    async fn score(&self, _: &ChatRequest, _: &[String]) -> Result<Vec<f64>, LlmError> {
        Err(LlmError::Cannot("scoring".to_owned()))
    }
}

/// What is made of a pin with these answers, and what the model was asked.
fn write(
    answers: Vec<Result<&'static str, LlmError>>,
) -> (Result<LineDraft, LineError>, Vec<ChatRequest>) {
    let info = ModelInfo {
        name: "scripted".to_owned(),
        sha256: "5c".to_owned(),
        engine: "double".to_owned(),
        device: "cpu".to_owned(),
        context_tokens: None,
        threads: None,
    };
    let (answers, asked) = (Mutex::new(answers.into()), Mutex::default());
    let model = Arc::new(Scripted { info, answers, asked });
    let writer = LineWriter::new(Checker::bundled(embedder()).unwrap(), model.clone());
    let turn = |sequence, speaker: &str, text: &str| summary::SourceTurn {
        sequence,
        role: Role::User,
        speaker: speaker.to_owned(),
        said_at: Timestamp::UNIX_EPOCH,
        text: text.to_owned(),
    };
    let source = LineSource {
        tenant: TenantId::new("acme").unwrap(),
        conversation: ConversationId::new("trip").unwrap(),
        erasures: 0,
        turns: vec![
            turn(4, "Ben", "The train to the Astoria leaves at nine from the north station."),
            turn(5, "Anna", WORDS),
        ],
        words: WORDS.to_owned(),
        kind: FactKind::Fact,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let draft = runtime.block_on(writer.write(&source));
    let asked = model.asked.lock().unwrap().clone();
    (draft, asked)
}

#[test]
fn a_supported_line_is_taken_and_recorded_by_its_prompt() {
    let (draft, asked) = write(vec![Ok("\"Anna booked room 214 at the Astoria for 90 dollars.\"")]);
    let draft = draft.unwrap();
    let (line, faithfulness) = draft.line.unwrap();
    assert_eq!((line.as_str(), draft.rejected.len()), (RIGHT, 0));
    assert!((0.0..=1.0).contains(&faithfulness));
    let [request] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(request.prompt_version, format!("line {PROMPT_VERSION}"));
    assert_eq!(request.conversation.as_ref().map(ConversationId::as_str), Some("trip"));
    assert_eq!(request.options.max_tokens, MAX_TOKENS);
    let prompt = &request.messages[0].content;
    assert!(prompt.contains("Ben: The train") && prompt.contains("said by Anna"), "{prompt}");
}

#[test]
fn what_is_wrong_is_asked_for_again_with_the_reasons() {
    let (draft, asked) = write(vec![Ok(WRONG), Ok(RIGHT)]);
    let draft = draft.unwrap();
    assert_eq!(draft.line.unwrap().0, RIGHT);
    let [rejected] = &draft.rejected[..] else { panic!("{:?}", draft.rejected) };
    assert_eq!(rejected.text, WRONG);
    for reason in ["number left out: 214", "not said (number): 999"] {
        assert!(rejected.reason.contains(reason), "{}", rejected.reason);
        assert!(asked[1].messages[0].content.contains(reason), "{:?}", asked[1].messages);
    }
}

#[test]
fn what_fails_twice_leaves_no_line_and_nothing_in_its_place() {
    let (draft, asked) = write(vec![Ok(WRONG), Ok("Anna did not book a room."), Ok(RIGHT)]);
    let draft = draft.unwrap();
    assert_eq!((draft.line, draft.rejected.len(), asked.len()), (None, 2, 2));
    assert!(draft.rejected[1].reason.contains("denies or forbids 1 times, the note 0 times"));
}

#[test]
fn a_long_line_is_none() {
    let long = "Anna booked room 214 at the Astoria for 90 dollars, which is the hotel that she \
                booked for 90 dollars, and the room that she booked at the Astoria is room 214 \
                at the Astoria.";
    let (draft, _) = write(vec![Ok(long), Ok(RIGHT)]);
    let draft = draft.unwrap();
    assert_eq!(draft.line.unwrap().0, RIGHT);
    assert!(draft.rejected[0].reason.contains("characters, at most 160"), "{:?}", draft.rejected);
}

#[test]
fn a_model_that_cannot_say_it_is_not_pressed() {
    for answer in ["NONE", "None.", "", "  \n- none"] {
        let (draft, asked) = write(vec![Ok(answer), Ok(RIGHT)]);
        assert_eq!((draft.unwrap(), asked.len()), (LineDraft::default(), 1), "{answer:?}");
    }
}

#[test]
fn a_busy_model_is_asked_later_and_one_that_refuses_is_not() {
    let busy = || LlmError::Overloaded { waiting: 9, retry_after: Duration::from_secs(1) };
    for answers in [vec![Err(busy())], vec![Ok(WRONG), Err(busy())]] {
        let (draft, _) = write(answers);
        assert!(draft.unwrap_err().to_string().contains("9 generations are waiting"));
    }
    let (draft, asked) = write(vec![Err(LlmError::Request("no such prompt".to_owned()))]);
    let draft = draft.unwrap();
    assert_eq!((draft.line, asked.len()), (None, 1));
    assert!(draft.rejected[0].reason.contains("no such prompt"), "{:?}", draft.rejected);
}

#[test]
fn answers_are_read_without_what_they_are_wrapped_in() {
    for (answer, expected) in [
        ("Line: Anna likes tea.\nBecause she said so.", Some("Anna likes tea.")),
        ("\n\n- \"Anna likes tea.\"", Some("Anna likes tea.")),
        ("Anna said \"tea\".", Some("Anna said \"tea\".")),
        ("\"Tea\" and \"milk\"", Some("\"Tea\" and \"milk\"")),
        ("...", None),
    ] {
        assert_eq!(line_of(answer), expected, "{answer:?}");
    }
}
