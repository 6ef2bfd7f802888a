//! With doubles of judges and of the models behind them: who is asked what, what is
//! recorded, what becomes of failures.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
};

use parking_lot::Mutex;
use throughline_memory::rerank::{Rerank, RerankOptions, RerankService};

use super::*;
use crate::{
    check::{Checked, Checker, Verdict},
    llm::{
        ChatModel, ChatRequest, Finish, Generation, GenerationLedger, LedgerError, ModelInfo,
        Pieces, Record, RecordKey, Recorded,
    },
    testing::{embedder, turns},
};

const TRUE: &str = "Anna booked room 214 at the Astoria.";
const HARD: &str = "Anna booked room 999 at the Astoria.";

/// Answers from a list, the last one for ever; keeps the premises that it was shown.
struct Scripted {
    info: JudgeInfo,
    answers: Mutex<Vec<Result<f32, JudgeError>>>,
    shown: Mutex<Vec<Vec<String>>>,
}

impl Scripted {
    fn of(answers: Vec<Result<f32, JudgeError>>) -> Arc<Self> {
        let info = JudgeInfo {
            kind: "nli",
            name: "scripted".into(),
            sha256: "0123456789abcdef".into(),
            version: 7,
        };
        Arc::new(Self { info, answers: Mutex::new(answers), shown: Mutex::default() })
    }
}

#[async_trait]
impl Entailment for Scripted {
    fn info(&self) -> &JudgeInfo {
        &self.info
    }

    async fn entailed(&self, case: &Case<'_>) -> Result<f32, JudgeError> {
        self.shown.lock().push(case.premise.to_vec());
        let mut answers = self.answers.lock();
        if answers.is_empty() { Err(JudgeError::Late) } else { answers.remove(0) }
    }
}

fn ids(conversation: &str) -> (TenantId, ConversationId) {
    (TenantId::new("t").unwrap(), ConversationId::new(conversation).unwrap())
}

fn judge(entailment: &Arc<Scripted>) -> Judge {
    let (tenant, conversation) = ids("c");
    Judge::new(Arc::clone(entailment) as Arc<dyn Entailment>, tenant, conversation)
}

/// The check's verdict on a sentence, with its source.
fn checked(sentence: &str) -> (Verdict, Checked) {
    let turns = turns(&[
        "Anna: I booked room 214 at the Astoria. The room has a view.",
        "Ben: Trains leave from the north station.",
    ]);
    let checker = Checker::bundled(embedder()).unwrap();
    let source = checker.read(&turns).unwrap();
    (checker.check(sentence, &source).unwrap(), source)
}

#[tokio::test]
async fn a_judge_sees_the_evidence_and_is_named() {
    let scripted = Scripted::of(vec![Ok(0.0)]);
    let judge = judge(&scripted);
    let mut judging = Judging::new(Some(&judge));
    assert_eq!(judging.judged_by(), None, "nothing was judged yet");
    let (before, source) = checked(TRUE);
    assert!(before.is_open(), "{before:?}");
    let after = judging.weigh(before.clone(), TRUE, &source).await;
    assert_eq!(after.entailed, Some(0.0));
    assert!(after.probability < before.probability, "{after:?}");
    let shown = scripted.shown.lock();
    // In the order of the turns, whichever is nearer.
    let expected = [
        "Anna: I booked room 214 at the Astoria. The room has a view.",
        "Ben: Trains leave from the north station.",
    ];
    assert_eq!(shown[..], [expected.map(str::to_owned).to_vec()]);
    assert_eq!(judging.judged_by().as_deref(), Some("nli scripted 0123456789ab v7"));
}

#[tokio::test]
async fn what_is_missing_is_not_put_to_a_judge() {
    let scripted = Scripted::of(vec![Ok(1.0)]);
    let judge = judge(&scripted);
    let mut judging = Judging::new(Some(&judge));
    let (before, source) = checked(HARD);
    let after = judging.weigh(before.clone(), HARD, &source).await;
    assert_eq!(after, before);
    assert!(!after.supported && scripted.shown.lock().is_empty());
    assert_eq!((judging.judged_by(), judging.error().is_none()), (None, true));
}

#[tokio::test]
async fn a_judge_that_fails_changes_nothing_and_is_not_asked_again() {
    for wrong in [Err(JudgeError::Late), Ok(1.5), Ok(f32::NAN)] {
        let said = format!("{wrong:?}");
        let scripted = Scripted::of(vec![Ok(1.0), wrong, Ok(1.0)]);
        let judge = judge(&scripted);
        let mut judging = Judging::new(Some(&judge));
        let (before, source) = checked(TRUE);
        let first = judging.weigh(before.clone(), TRUE, &source).await;
        assert_eq!(first.entailed, Some(1.0));
        for _ in 0..2 {
            let after = judging.weigh(before.clone(), TRUE, &source).await;
            assert_eq!(after, before, "{said}");
        }
        assert_eq!(scripted.shown.lock().len(), 2, "{said}");
        assert!(judging.error().is_some(), "{said}");
        assert_eq!(judging.judged_by(), None, "not all was judged: {said}");
    }
}

#[tokio::test]
async fn without_a_judge_verdicts_stay() {
    let (before, source) = checked(TRUE);
    let mut judging = Judging::new(None);
    assert_eq!(judging.weigh(before.clone(), TRUE, &source).await, before);
    assert_eq!((judging.judged_by(), judging.error().is_none()), (None, true));
}

/// What was asked: the request and the texts to score.
type Asked = Arc<Mutex<Vec<(ChatRequest, Vec<String>)>>>;

/// A language model that gives these log probabilities, and counts.
struct Logits {
    info: ModelInfo,
    scores: Vec<f64>,
    asked: Asked,
}

#[async_trait]
impl ChatModel for Logits {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn generate(&self, _: &ChatRequest, _: Option<Pieces>) -> Result<Generation, LlmError> {
        Err(LlmError::Cannot("nothing is generated to judge".into()))
    }

    async fn score(&self, request: &ChatRequest, texts: &[String]) -> Result<Vec<f64>, LlmError> {
        self.asked.lock().push((request.clone(), texts.to_vec()));
        if self.scores.is_empty() {
            return Err(LlmError::Halted(Finish::Deadline));
        }
        Ok(self.scores.clone())
    }
}

/// Keeps in memory.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<HashMap<RecordKey, Record>>>);

#[async_trait]
impl GenerationLedger for Ledger {
    async fn get(&self, key: &RecordKey) -> Result<Option<Record>, LedgerError> {
        Ok(self.0.lock().get(key).cloned())
    }

    async fn put(&self, key: &RecordKey, record: &Record) -> Result<(), LedgerError> {
        self.0.lock().insert(key.clone(), record.clone());
        Ok(())
    }
}

fn by_logits(sha256: &str, scores: &[f64], ledger: &Ledger) -> (ModelEntailment, Asked) {
    let asked = Asked::default();
    let info = ModelInfo {
        name: "logits".into(),
        sha256: sha256.into(),
        engine: "double".into(),
        device: "cpu".into(),
        context_tokens: None,
        threads: None,
    };
    let model = Logits { info, scores: scores.to_vec(), asked: Arc::clone(&asked) };
    (ModelEntailment::new(Arc::new(Recorded::new(model, ledger.clone()))), asked)
}

async fn ask(
    judge: &dyn Entailment,
    conversation: &str,
    sentence: &str,
) -> Result<f32, JudgeError> {
    let (tenant, conversation) = ids(conversation);
    let premise = ["Anna: I booked a room.".to_owned(), "Ben: Fine.".to_owned()];
    let case = Case {
        tenant: &tenant,
        conversation: &conversation,
        erasures: 0,
        premise: &premise,
        hypothesis: sentence,
        deadline: Instant::now() + Duration::from_secs(30),
    };
    judge.entailed(&case).await
}

#[tokio::test]
async fn a_language_model_is_asked_once_for_the_same() {
    let ledger = Ledger::default();
    let (judge, asked) = by_logits("aa", &[0.6_f64.ln(), 0.2_f64.ln()], &ledger);
    for _ in 0..2 {
        let found = ask(&judge, "c", "Anna booked a room.").await.unwrap();
        assert!((found - 0.75).abs() < 1e-6, "{found}");
    }
    assert_eq!(asked.lock().len(), 1);
    {
        let asked = asked.lock();
        let (request, texts) = &asked[0];
        assert_eq!(texts[..], ["Yes", "No"]);
        assert_eq!(request.prompt_version, format!("entailment {ENTAILMENT_PROMPT_VERSION}"));
        assert_eq!(request.conversation, Some(ids("c").1));
        assert!(request.options.deadline.is_some_and(|deadline| deadline > Instant::now()));
        let prompt = &request.messages[0].content;
        assert!(prompt.contains("\nBen: Fine.\n") && prompt.contains("Anna booked a room."));
    }
    // After a restart too; another sentence, conversation or model is another question.
    let (again, after) = by_logits("aa", &[], &ledger);
    assert!(ask(&again, "c", "Anna booked a room.").await.is_ok());
    assert!(after.lock().is_empty());
    ask(&judge, "c", "Ben booked a room.").await.unwrap();
    ask(&judge, "d", "Anna booked a room.").await.unwrap();
    assert_eq!(asked.lock().len(), 3);
    let (other, asked) = by_logits("bb", &[-3.0, -0.1], &ledger);
    assert!(ask(&other, "c", "Anna booked a room.").await.unwrap() < 0.1);
    assert_eq!(asked.lock().len(), 1);
    assert_ne!(judge.info().identity(), other.info().identity());
}

#[tokio::test]
async fn a_language_model_that_says_nothing_of_use_is_no_judge() {
    let ledger = Ledger::default();
    let (late, _) = by_logits("aa", &[], &ledger);
    let error = ask(&late, "c", "Anna booked.").await.unwrap_err();
    assert!(matches!(error, JudgeError::Llm(LlmError::Halted(Finish::Deadline))), "{error}");
    let (other, _) = by_logits("bb", &[-12.0, -13.0], &ledger);
    let error = ask(&other, "c", "Anna booked.").await.unwrap_err();
    assert!(matches!(error, JudgeError::Undecided), "{error}");
}

/// A cross-encoder that knows one text, and waits where it is told to.
struct Known {
    text: &'static str,
    runs: AtomicUsize,
    /// "slow" goes on when its other end is gone.
    gate: Mutex<Option<mpsc::Receiver<()>>>,
}

impl Rerank for Known {
    fn name(&self) -> &str {
        "known"
    }

    fn version(&self) -> &str {
        "0123456789abcdef"
    }

    fn scores(&self, query: &str, texts: &[&str]) -> Result<Vec<f32>, RerankError> {
        self.runs.fetch_add(texts.len(), Ordering::SeqCst);
        match query {
            "fail" => Err(RerankError::Engine("as told".to_owned())),
            "slow" => {
                // An error: the test has let it go on.
                let _ = self.gate.lock().take().map(|gate| gate.recv());
                Ok(vec![0.5; texts.len()])
            }
            _ => Ok(texts.iter().map(|text| if *text == self.text { 0.9 } else { 0.1 }).collect()),
        }
    }
}

fn encoder(text: &'static str) -> (EncoderEntailment, Arc<Known>) {
    let known = Arc::new(Known { text, runs: AtomicUsize::new(0), gate: Mutex::default() });
    let engine: Arc<dyn Rerank> = Arc::clone(&known) as Arc<dyn Rerank>;
    let service = RerankService::start(engine, RerankOptions::default()).unwrap();
    (EncoderEntailment::new(Arc::new(service)), known)
}

#[tokio::test]
async fn a_cross_encoder_reads_every_piece_and_all_of_them() {
    for (text, expected) in [
        ("Ben: Fine.", 0.9),
        ("Anna: I booked a room.\nBen: Fine.", 0.9),
        ("Anna: I never booked a room.", 0.1),
    ] {
        let (judge, known) = encoder(text);
        assert_eq!(ask(&judge, "c", "Anna booked a room.").await.unwrap(), expected, "{text}");
        assert_eq!(known.runs.load(Ordering::SeqCst), 3);
        assert_eq!(judge.info().identity(), "nli known 0123456789ab v1");
    }
}

#[tokio::test]
async fn a_cross_encoder_that_fails_or_is_late_says_so() {
    let (judge, known) = encoder("x");
    let (release, gate) = mpsc::channel();
    *known.gate.lock() = Some(gate);
    let error = ask(&judge, "c", "fail").await.unwrap_err();
    assert!(matches!(error, JudgeError::Encoder(RerankError::Engine(_))), "{error}");
    let (tenant, conversation) = ids("c");
    let premise = ["Ben: Fine.".to_owned()];
    let case = Case {
        tenant: &tenant,
        conversation: &conversation,
        erasures: 0,
        premise: &premise,
        hypothesis: "slow",
        deadline: Instant::now() + Duration::from_millis(20),
    };
    let error = judge.entailed(&case).await.unwrap_err();
    assert!(matches!(error, JudgeError::Late), "{error}");
    drop(release);
}
