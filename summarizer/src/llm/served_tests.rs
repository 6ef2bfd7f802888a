//! The queue with a scripted engine: what waits, what runs, who is answered.

use std::sync::mpsc;

use throughline_memory::turn::{Role, TenantId};

use super::*;
use crate::llm::Message;

/// Does what the prompt says: `wait` until the test lets it go or it is halted,
/// `fail`, `panic`, or answers the prompt itself. Writes down what it began.
struct Scripted {
    begun: mpsc::Sender<String>,
    go: mpsc::Receiver<()>,
}

impl Engine for Scripted {
    fn generate(
        &mut self,
        request: &ChatRequest,
        emit: &mut Emit<'_>,
        halt: &Halt<'_>,
    ) -> Result<Generation, LlmError> {
        let prompt = request.messages[0].content.clone();
        self.begun.send(prompt.clone()).unwrap();
        match prompt.as_str() {
            "wait" => loop {
                if let Some(finish) = halt() {
                    return Ok(Generation::nothing(finish));
                }
                if self.go.recv_timeout(Duration::from_millis(1)).is_ok() {
                    break;
                }
            },
            "fail" => return Err(LlmError::Engine("as told".into())),
            "panic" => panic!("as told"),
            _ => {}
        }
        emit(&prompt);
        Ok(Generation { text: prompt, ..Generation::nothing(Finish::Stop) })
    }

    fn score(
        &mut self,
        _: &ChatRequest,
        continuations: &[String],
        _: &Halt<'_>,
    ) -> Result<Scored, LlmError> {
        let scores = continuations.iter().map(|text| -(text.len() as f64)).collect();
        Ok(Scored { scores, prompt_tokens: 5, generated_tokens: 0 })
    }
}

struct Bench {
    model: Arc<ServedModel>,
    begun: mpsc::Receiver<String>,
    go: mpsc::Sender<()>,
}

fn bench(capacity: usize, per_tenant: usize) -> Bench {
    let (tell, begun) = mpsc::channel();
    let (go, gone) = mpsc::channel();
    let info = ModelInfo {
        name: "scripted".into(),
        sha256: String::new(),
        engine: "test".into(),
        device: "cpu".into(),
        context_tokens: None,
        threads: None,
    };
    let engines = vec![Scripted { begun: tell, go: gone }];
    let limits = QueueLimits { capacity, per_tenant };
    let model = Arc::new(ServedModel::start(info, engines, limits).unwrap());
    Bench { model, begun, go }
}

fn request(tenant: &str, prompt: &str) -> ChatRequest {
    let tenant = TenantId::new(tenant).unwrap();
    ChatRequest::new(tenant, "1", vec![Message::new(Role::User, prompt)])
}

type Pending = tokio::task::JoinHandle<Result<Generation, LlmError>>;

/// Asks in the background, and waits until the job stands in the queue or runs.
async fn ask(bench: &Bench, request: ChatRequest) -> Pending {
    let model = Arc::clone(&bench.model);
    let before = bench.model.waiting();
    let task = tokio::spawn(async move { model.generate(&request, None).await });
    while bench.model.waiting() == before && !task.is_finished() {
        tokio::task::yield_now().await;
    }
    task
}

/// Occupies the engine until `go`.
async fn occupy(bench: &Bench) -> Pending {
    let model = Arc::clone(&bench.model);
    let task = tokio::spawn(async move { model.generate(&request("busy", "wait"), None).await });
    while bench.begun.try_recv().is_err() {
        tokio::task::yield_now().await;
    }
    task
}

fn rest(bench: &Bench) -> Vec<String> {
    bench.begun.try_iter().collect()
}

#[tokio::test]
async fn tenants_take_turns_at_the_model() {
    let bench = bench(10, 10);
    let running = occupy(&bench).await;
    let mut waiting = Vec::new();
    for (tenant, prompt) in [("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1")] {
        waiting.push(ask(&bench, request(tenant, prompt)).await);
    }
    bench.go.send(()).unwrap();
    assert_eq!(running.await.unwrap().unwrap().text, "wait");
    for task in waiting {
        task.await.unwrap().unwrap();
    }
    assert_eq!(rest(&bench), ["a1", "b1", "a2", "a3"]);
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back() {
    let bench = bench(2, 1);
    let running = occupy(&bench).await;
    let first = ask(&bench, request("a", "a1")).await;
    let refused = bench.model.generate(&request("a", "a2"), None).await.unwrap_err();
    assert!(matches!(refused, LlmError::Overloaded { waiting: 1, .. }), "{refused}");
    let second = ask(&bench, request("b", "b1")).await;
    let refused = bench.model.generate(&request("c", "c1"), None).await.unwrap_err();
    let LlmError::Overloaded { waiting: 2, retry_after } = refused else { panic!("{refused}") };
    assert!(retry_after >= FIRST_GUESS, "{retry_after:?}");
    bench.go.send(()).unwrap();
    for task in [running, first, second] {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_waiting_job_is_cancelled_without_being_begun() {
    let bench = bench(5, 5);
    let running = occupy(&bench).await;
    let waiting = request("a", "never");
    let cancel = waiting.cancel.clone();
    let task = ask(&bench, waiting).await;
    cancel.cancel();
    assert_eq!(task.await.unwrap().unwrap(), Generation::nothing(Finish::Cancelled));
    let mut late = request("a", "never");
    late.options.deadline = Some(Instant::now());
    let late = bench.model.generate(&late, None).await.unwrap();
    assert_eq!(late.finish, Finish::Deadline);
    assert_eq!(bench.model.waiting(), 0);
    bench.go.send(()).unwrap();
    running.await.unwrap().unwrap();
    assert!(rest(&bench).is_empty());
}

#[tokio::test]
async fn a_running_job_is_cancelled_and_an_abandoned_one_ends() {
    let bench = bench(5, 5);
    let running = request("a", "wait");
    let cancel = running.cancel.clone();
    let model = Arc::clone(&bench.model);
    let task = tokio::spawn(async move { model.generate(&running, None).await });
    while bench.begun.try_recv().is_err() {
        tokio::task::yield_now().await;
    }
    cancel.cancel();
    assert_eq!(task.await.unwrap().unwrap().finish, Finish::Cancelled);
    // Nobody sends `go`: only since its caller is gone does the next one run.
    let abandoned = occupy(&bench).await;
    abandoned.abort();
    let next = bench.model.generate(&request("a", "next"), None).await.unwrap();
    assert_eq!(next.text, "next");
}

#[tokio::test]
async fn pieces_come_and_scores_too() {
    let bench = bench(5, 5);
    let (send, mut pieces) = tokio::sync::mpsc::unbounded_channel();
    bench.model.generate(&request("a", "hello"), Some(send)).await.unwrap();
    assert_eq!(pieces.recv().await.as_deref(), Some("hello"));
    assert_eq!(pieces.recv().await, None);
    let texts = ["ab".to_owned(), "c".to_owned()];
    assert_eq!(bench.model.score(&request("a", "x"), &texts).await.unwrap(), [-2.0, -1.0]);
}

#[tokio::test]
async fn what_is_told_is_work_and_no_waiting() {
    let Bench { model, begun, go } = bench(5, 5);
    let told = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&told);
    let model = Arc::into_inner(model).unwrap().observed(move |request, spent| {
        kept.lock().push((request.tenant.as_str().to_owned(), spent));
    });
    let bench = Bench { model: Arc::new(model), begun, go };
    let running = occupy(&bench).await;
    let waiting = ask(&bench, request("a", "a1")).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    bench.go.send(()).unwrap();
    for task in [running, waiting] {
        task.await.unwrap().unwrap();
    }
    bench.model.score(&request("b", "x"), &["ab".to_owned()]).await.unwrap();
    let told = told.lock();
    let tenants: Vec<_> = told.iter().map(|(tenant, _)| tenant.as_str()).collect();
    assert_eq!(tenants, ["busy", "a", "b"]);
    assert!(told[0].1.time >= Duration::from_millis(300), "{told:?}");
    assert!(told[1].1.time < Duration::from_millis(200), "it only waited: {told:?}");
    assert_eq!(told[2].1.prompt_tokens, 5);
}

#[tokio::test]
async fn errors_reach_their_caller_and_a_dead_thread_is_no_silence() {
    let bench = bench(5, 5);
    let failed = bench.model.generate(&request("a", "fail"), None).await.unwrap_err();
    assert!(failed.to_string().contains("as told"));
    let mut empty = request("a", "x");
    empty.messages.clear();
    let refused = bench.model.generate(&empty, None).await.unwrap_err();
    assert!(matches!(refused, LlmError::Request(_)));
    for _ in 0..2 {
        let dead = bench.model.generate(&request("a", "panic"), None).await.unwrap_err();
        assert!(matches!(dead, LlmError::Closed), "{dead}");
    }
}

#[tokio::test]
async fn closing_ends_a_running_job() {
    let bench = bench(5, 5);
    let running = occupy(&bench).await;
    bench.model.shared.close();
    assert_eq!(running.await.unwrap().unwrap().finish, Finish::Cancelled);
    let late = bench.model.generate(&request("a", "x"), None).await.unwrap_err();
    assert!(matches!(late, LlmError::Closed));
}
