//! The lane with models that do as they are told.

use std::sync::mpsc::{Sender, channel};

use super::*;

/// A text's length; `panic`, `nan` and `short` do what they say, `hang` waits until
/// the test lets go.
struct Lengths {
    held: Mutex<Receiver<()>>,
    runs: Mutex<Vec<usize>>,
}

impl Lengths {
    /// With what lets go of one `hang`; dropped, of all.
    fn new() -> (Arc<Self>, Sender<()>) {
        let (release, held) = channel();
        (Arc::new(Self { held: Mutex::new(held), runs: Mutex::default() }), release)
    }
}

impl Rerank for Lengths {
    fn name(&self) -> &str {
        "lengths"
    }

    fn version(&self) -> &str {
        "1"
    }

    fn scores(&self, query: &str, texts: &[&str]) -> Result<Vec<f32>, RerankError> {
        self.runs.lock().push(texts.len());
        match query {
            "fail" => return Err(RerankError::Engine("as told".to_owned())),
            "panic" => panic!("as told"),
            "nan" => return Ok(vec![f32::NAN; texts.len()]),
            "short" => return Ok(Vec::new()),
            "hang" => {
                // Either way the test has let go.
                let _ = self.held.lock().recv();
            }
            _ => {}
        }
        Ok(texts.iter().map(|text| text.len() as f32).collect())
    }
}

fn service(engine: &Arc<Lengths>, deadline: Duration, max_waiting: usize) -> RerankService {
    let options = RerankOptions { deadline, max_waiting, ..RerankOptions::default() };
    RerankService::start(Arc::clone(engine) as Arc<dyn Rerank>, options).expect("a thread")
}

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(30);

async fn ask(service: &RerankService, query: &str, texts: usize) -> Result<Vec<f32>, RerankError> {
    let texts = (0..texts).map(|at| "x".repeat((at * 7) % 20)).collect();
    service.scores(query.to_owned(), texts).await
}

#[tokio::test]
async fn scores_come_in_the_order_of_the_texts_and_runs_are_small() {
    let (engine, _release) = Lengths::new();
    let service = service(&engine, LONG, 4);
    let scores = ask(&service, "q", 20).await.expect("scored");
    let expected: Vec<f32> = (0..20).map(|at| ((at * 7) % 20) as f32).collect();
    assert_eq!(scores, expected);
    assert_eq!(*engine.runs.lock(), [8, 8, 4]);
    assert_eq!((service.name(), service.version(), service.top()), ("lengths", "1", 32));
}

#[tokio::test]
async fn a_model_is_not_believed_and_what_it_does_to_one_question_spares_the_next() {
    let (engine, _release) = Lengths::new();
    let service = service(&engine, LONG, 4);
    for query in ["fail", "panic", "nan", "short"] {
        let answer = ask(&service, query, 3).await;
        assert!(matches!(answer, Err(RerankError::Engine(_))), "{query}: {answer:?}");
        assert!(ask(&service, "q", 3).await.is_ok(), "after {query}");
    }
}

#[tokio::test]
async fn who_waits_too_long_or_finds_the_queue_full_is_answered_all_the_same() {
    let (engine, release) = Lengths::new();
    let service = service(&engine, SHORT, 1);
    // One under way, one that waits, one too many.
    let (first, second) = tokio::join!(ask(&service, "hang", 9), ask(&service, "late", 5));
    assert!(matches!(first, Err(RerankError::TimedOut(_))), "{first:?}");
    assert!(matches!(second, Err(RerankError::TimedOut(_) | RerankError::Overloaded { .. })));
    let mut refused = ask(&service, "late", 5).await;
    while !matches!(refused, Err(RerankError::Overloaded { limit: 1 })) {
        assert!(matches!(refused, Err(RerankError::TimedOut(_))), "{refused:?}");
        refused = ask(&service, "late", 5).await;
    }
    drop(release);
    let mut answer = ask(&service, "q", 1).await;
    while answer.is_err() {
        tokio::task::yield_now().await;
        answer = ask(&service, "q", 1).await;
    }
    let runs = engine.runs.lock();
    assert_eq!(runs.first(), Some(&8));
    assert!(!runs.contains(&5), "nobody waited for these: {runs:?}");
}

#[tokio::test]
async fn after_closing_everything_is_refused_and_a_model_that_hangs_is_left_behind() {
    let (engine, _release) = Lengths::new();
    let service = service(&engine, SHORT, 4);
    assert!(matches!(ask(&service, "hang", 1).await, Err(RerankError::TimedOut(_))));
    service.close();
    assert!(matches!(ask(&service, "q", 1).await, Err(RerankError::Closed)));
}
