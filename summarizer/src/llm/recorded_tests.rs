//! What is generated again and what is not, with a model that counts.

use std::sync::atomic::{AtomicUsize, Ordering};

use throughline_memory::turn::Role;
use tokio::sync::Notify;

use super::*;
use crate::llm::Message;

/// Answers with the number of the call, so that a second answer is another one.
/// With `hold`, only once it is notified.
struct Counting {
    info: ModelInfo,
    calls: AtomicUsize,
    hold: Option<Arc<Notify>>,
    finish: Finish,
}

impl Counting {
    fn new(sha256: &str) -> Self {
        let info = ModelInfo {
            name: "counting".into(),
            sha256: sha256.into(),
            engine: "test".into(),
            device: "cpu".into(),
            context_tokens: None,
            threads: None,
        };
        Self { info, calls: AtomicUsize::new(0), hold: None, finish: Finish::Stop }
    }
}

#[async_trait]
impl ChatModel for Counting {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn generate(
        &self,
        request: &ChatRequest,
        _: Option<Pieces>,
    ) -> Result<Generation, LlmError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        if request.messages[0].content == "fail" {
            return Err(LlmError::Engine("as told".into()));
        }
        if let Some(hold) = &self.hold {
            hold.notified().await;
        }
        Ok(Generation { text: format!("answer {call}"), ..Generation::nothing(self.finish) })
    }

    async fn score(&self, _: &ChatRequest, texts: &[String]) -> Result<Vec<f64>, LlmError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(vec![-(call as f64); texts.len()])
    }
}

/// A ledger in memory: a double of the durable one, which belongs to the store.
#[derive(Clone, Default)]
struct InMemory {
    records: Arc<Mutex<HashMap<RecordKey, Record>>>,
    broken: bool,
}

#[async_trait]
impl GenerationLedger for InMemory {
    async fn get(&self, key: &RecordKey) -> Result<Option<Record>, LedgerError> {
        Ok(self.records.lock().get(key).cloned())
    }

    async fn put(&self, key: &RecordKey, record: &Record) -> Result<(), LedgerError> {
        if self.broken {
            return Err(LedgerError("disk full".into()));
        }
        self.records.lock().insert(key.clone(), record.clone());
        Ok(())
    }
}

fn request(prompt: &str) -> ChatRequest {
    let tenant = TenantId::new("a").unwrap();
    ChatRequest::new(tenant, "v1", vec![Message::new(Role::User, prompt)])
}

async fn ask<M: ChatModel>(model: &Recorded<M, InMemory>, request: &ChatRequest) -> String {
    model.generate(request, None).await.unwrap().text
}

#[tokio::test]
async fn an_equal_request_is_answered_from_the_ledger_also_after_a_restart() {
    let ledger = InMemory::default();
    let model = Recorded::new(Counting::new("m"), ledger.clone());
    assert_eq!(ask(&model, &request("x")).await, "answer 1");
    assert_eq!(ask(&model, &request("x")).await, "answer 1");
    let restarted = Recorded::new(Counting::new("m"), ledger);
    let (send, mut pieces) = tokio::sync::mpsc::unbounded_channel();
    let replayed = restarted.generate(&request("x"), Some(send)).await.unwrap();
    assert_eq!(replayed.text, "answer 1");
    assert_eq!(pieces.recv().await.as_deref(), Some("answer 1"));
    assert_eq!(restarted.model.calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn whatever_changes_the_answer_changes_the_key() {
    let ledger = InMemory::default();
    let model = Recorded::new(Counting::new("m"), ledger.clone());
    let base = request("x");
    let changed = |change: fn(&mut ChatRequest)| {
        let mut request = base.clone();
        change(&mut request);
        model.key(&request, &[])
    };
    let keys = [
        model.key(&base, &[]),
        changed(|r| r.tenant = TenantId::new("b").unwrap()),
        changed(|r| r.conversation = Some(ConversationId::new("c").unwrap())),
        changed(|r| r.prompt_version = "v2".into()),
        changed(|r| r.messages[0].content = "y".into()),
        changed(|r| r.messages[0].role = Role::System),
        changed(|r| r.messages.push(Message::new(Role::User, ""))),
        changed(|r| r.options.max_tokens = 7),
        changed(|r| r.options.stop = vec!["a".into(), "b".into()]),
        changed(|r| r.options.stop = vec!["ab".into()]),
        changed(|r| {
            r.options.sampling = Sampling::Seeded { seed: 1, temperature: 1.0, top_p: 1.0 }
        }),
        changed(|r| {
            r.options.sampling = Sampling::Seeded { seed: 2, temperature: 1.0, top_p: 1.0 }
        }),
        model.key(&base, &["a".into()]),
        Recorded::new(Counting::new("other"), ledger).key(&base, &[]),
    ];
    let different: std::collections::HashSet<&RecordKey> = keys.iter().collect();
    assert_eq!(different.len(), keys.len());
    // How long one would wait does not change the answer.
    let patient = changed(|r| r.options.deadline = Some(Instant::now()));
    assert_eq!(patient, keys[0]);
}

#[tokio::test]
async fn equal_requests_at_the_same_time_are_one_generation() {
    let hold = Arc::new(Notify::new());
    let counting = Counting { hold: Some(Arc::clone(&hold)), ..Counting::new("m") };
    let model = Arc::new(Recorded::new(counting, InMemory::default()));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let model = Arc::clone(&model);
            tokio::spawn(async move { ask(&model, &request("x")).await })
        })
        .collect();
    while Arc::strong_count(model.flights.lock().values().next().unwrap_or(&Arc::default())) < 9 {
        tokio::task::yield_now().await;
    }
    let mut impatient = request("x");
    impatient.options.deadline = Some(Instant::now());
    let gave_up = model.generate(&impatient, None).await.unwrap();
    assert_eq!(gave_up.finish, Finish::Deadline);
    hold.notify_one();
    for task in tasks {
        assert_eq!(task.await.unwrap(), "answer 1");
    }
    assert_eq!(model.model.calls.load(Ordering::SeqCst), 1);
    assert!(model.flights.lock().is_empty(), "nothing is left behind");
}

#[tokio::test]
async fn what_was_cut_short_or_failed_is_generated_again() {
    let cut = Counting { finish: Finish::Deadline, ..Counting::new("m") };
    let model = Recorded::new(cut, InMemory::default());
    assert_eq!(ask(&model, &request("x")).await, "answer 1");
    assert_eq!(ask(&model, &request("x")).await, "answer 2");
    model.generate(&request("fail"), None).await.unwrap_err();
    model.generate(&request("fail"), None).await.unwrap_err();
    assert_eq!(model.model.calls.load(Ordering::SeqCst), 4);
    assert!(model.flights.lock().is_empty());
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_handed_out() {
    let ledger = InMemory { broken: true, ..InMemory::default() };
    let model = Recorded::new(Counting::new("m"), ledger);
    let refused = model.generate(&request("x"), None).await.unwrap_err();
    assert!(refused.to_string().contains("disk full"), "{refused}");
}

#[tokio::test]
async fn scores_are_kept_too() {
    let model = Recorded::new(Counting::new("m"), InMemory::default());
    let texts = ["yes".to_owned(), "no".to_owned()];
    for _ in 0..2 {
        assert_eq!(model.score(&request("x"), &texts).await.unwrap(), [-1.0, -1.0]);
    }
    assert_eq!(model.score(&request("y"), &texts).await.unwrap(), [-2.0, -2.0]);
    assert!(model.score(&request("y"), &[]).await.unwrap().is_empty());
}
