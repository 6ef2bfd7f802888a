//! Lane behaviour that needs an engine under control: a gate that opens when
//! the test says so.

use std::sync::mpsc;

use tokio::sync::Semaphore;

use super::*;
use crate::{
    embed::{EmbeddingModel, testing::HashEmbedder},
    turn::TenantId,
};

/// Reports each batch, then waits for the word to go on.
struct Gated {
    model: EmbeddingModel,
    started: mpsc::SyncSender<Vec<String>>,
    go: Mutex<mpsc::Receiver<Command>>,
}

enum Command {
    Embed,
    Panic,
    TooFew,
    NotANumber,
}

impl Embedder for Gated {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        let _ = self.started.send(texts.iter().map(|&text| text.to_owned()).collect());
        let mut vectors: Vec<_> = texts.iter().map(|text| HashEmbedder::vector(text)).collect();
        match self.go.lock().recv() {
            Ok(Command::Embed) | Err(_) => {}
            Ok(Command::Panic) => panic!("as told"),
            Ok(Command::TooFew) => drop(vectors.pop()),
            Ok(Command::NotANumber) => vectors = vec![vec![f32::NAN; 16].into(); texts.len()],
        }
        Ok(vectors)
    }
}

struct Stage {
    lane: Lane,
    cache: Arc<VectorCache>,
    started: mpsc::Receiver<Vec<String>>,
    go: mpsc::Sender<Command>,
    room: Arc<Semaphore>,
}

fn stage(batch: usize) -> Stage {
    let (started, was_started) = mpsc::sync_channel(100);
    let (go, told) = mpsc::channel();
    let model = HashEmbedder::new().model().clone();
    let engine = Arc::new(Gated { model, started, go: Mutex::new(told) });
    let cache = Arc::new(VectorCache::new("v".into(), 1 << 20));
    let lane = Lane::start("test", engine, Arc::clone(&cache), batch, None).expect("a lane");
    Stage { lane, cache, started: was_started, go, room: Arc::new(Semaphore::new(1_000)) }
}

type Answers = Vec<oneshot::Receiver<Result<Vector, EmbedError>>>;

impl Stage {
    fn push(&self, texts: &[&str]) -> Answers {
        let tenant = TenantId::new("a").expect("an id");
        let (jobs, answers) = texts
            .iter()
            .map(|text| {
                let (answer, vector) = oneshot::channel();
                let permit = Arc::clone(&self.room).try_acquire_owned().expect("room");
                let key = self.cache.key(&tenant, text);
                (Job { text: (*text).to_owned(), key, answer, permit }, vector)
            })
            .unzip();
        self.lane.push(jobs);
        answers
    }

    fn batch(&self) -> Vec<String> {
        self.started.recv().expect("a batch")
    }

    fn tell(&self, command: Command) {
        self.go.send(command).expect("a lane that listens");
    }
}

#[test]
fn batches_form_across_requests_and_by_length() {
    let stage = stage(2);
    let first = stage.push(&["first"]);
    assert_eq!(stage.batch(), ["first"]);
    // While the first runs, three requests arrive.
    let waiting = [stage.push(&["long long", "c"]), stage.push(&["middle"]), stage.push(&["dd"])];
    stage.tell(Command::Embed);
    assert_eq!(stage.batch(), ["c", "dd"]);
    stage.tell(Command::Embed);
    assert_eq!(stage.batch(), ["middle", "long long"]);
    stage.tell(Command::Embed);
    for answer in first.into_iter().chain(waiting.into_iter().flatten()) {
        assert!(answer.blocking_recv().expect("an answer").is_ok());
    }
}

#[test]
fn what_nobody_waits_for_is_skipped() {
    let stage = stage(8);
    let _first = stage.push(&["first"]);
    stage.batch();
    drop(stage.push(&["given up"]));
    let _kept = stage.push(&["kept"]);
    stage.tell(Command::Embed);
    assert_eq!(stage.batch(), ["kept"]);
    stage.tell(Command::Embed);
}

#[test]
fn an_engine_that_misbehaves_is_an_error_and_the_lane_lives() {
    let stage = stage(8);
    for command in [Command::Panic, Command::TooFew, Command::NotANumber] {
        let answers = stage.push(&["text"]);
        stage.batch();
        stage.tell(command);
        for answer in answers {
            let answer = answer.blocking_recv().expect("an answer");
            assert!(matches!(answer, Err(EmbedError::Engine(_))), "{answer:?}");
        }
    }
    let answers = stage.push(&["text"]);
    stage.batch();
    stage.tell(Command::Embed);
    for answer in answers {
        assert!(answer.blocking_recv().expect("an answer").is_ok());
    }
}

#[test]
fn closing_answers_everything_that_waits() {
    let stage = stage(1);
    let running = stage.push(&["running"]);
    stage.batch();
    let waiting = stage.push(&["waiting"]);
    stage.tell(Command::Embed);
    drop(stage.go);
    stage.lane.close();
    for answer in running.into_iter().chain(waiting) {
        // Either it was embedded before the lane saw that it is closed.
        let answer = answer.blocking_recv().expect("an answer");
        assert!(matches!(answer, Ok(_) | Err(EmbedError::Closed)), "{answer:?}");
    }
    let (late, room) = (oneshot::channel(), Arc::new(Semaphore::new(1)));
    let permit = room.try_acquire_owned().expect("room");
    stage.lane.push(vec![Job { text: "late".into(), key: [0; 32], answer: late.0, permit }]);
    assert!(matches!(late.1.blocking_recv(), Ok(Err(EmbedError::Closed))));
}

#[test]
fn bulk_waits_for_queries_but_not_for_ever() {
    let patient = Arc::new(Priority::new(Duration::from_secs(600)));
    let guards = [patient.enter(), patient.enter()];
    let bulk = std::thread::spawn({
        let patient = Arc::clone(&patient);
        move || patient.give_way(16)
    });
    drop(guards);
    assert_eq!(bulk.join().expect("no panic"), 16);
    let hasty = Arc::new(Priority::new(Duration::ZERO));
    let _guard = hasty.enter();
    assert_eq!(hasty.give_way(16), PRESSED_BATCH);
}
