//! The committing thread in front of engines that count, stall and fail.

use std::collections::BTreeMap;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use throughline_memory::store::{
    Batch, ConversationStore, Direction, Durability, Store, StoreError, StoreHealth, VisitPair,
    Write,
};

/// An engine in memory. Each commit takes the next of `outcomes` and waits
/// while the gate is shut.
#[derive(Default)]
struct Scripted {
    map: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
    outcomes: Mutex<Vec<Outcome>>,
    gate: Mutex<Gate>,
    changed: Condvar,
    /// What is tried without anything to write finds no space.
    full: AtomicBool,
}

#[derive(Default)]
struct Gate {
    shut: bool,
    entered: usize,
}

#[derive(Clone, Copy)]
enum Outcome {
    Full,
    Poisoned,
    Engine,
    Panic,
}

impl Scripted {
    fn failing(outcomes: &[Outcome]) -> Arc<Self> {
        let engine = Self::default();
        engine.outcomes.lock().extend(outcomes.iter().rev());
        Arc::new(engine)
    }

    fn shut() -> Arc<Self> {
        let engine = Self::default();
        engine.gate.lock().shut = true;
        Arc::new(engine)
    }

    fn open_gate(&self) {
        self.gate.lock().shut = false;
        self.changed.notify_all();
    }

    /// Waits until `count` commits have entered the engine.
    fn wait_entered(&self, count: usize) {
        let mut gate = self.gate.lock();
        while gate.entered < count {
            self.changed.wait(&mut gate);
        }
    }

    fn commits(&self) -> usize {
        self.gate.lock().entered
    }
}

impl ConversationStore for Scripted {
    fn kind(&self) -> &'static str {
        "scripted"
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.map.lock().get(key).cloned())
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        visit: VisitPair<'_>,
    ) -> Result<(), StoreError> {
        let mut pairs: Vec<_> = self.map.lock().clone().into_iter().collect();
        pairs.retain(|(key, _)| key[..] >= *start && (end.is_empty() || key[..] < *end));
        if direction == Direction::Backward {
            pairs.reverse();
        }
        let _ = pairs.iter().try_for_each(|(key, value)| visit(key, value));
        Ok(())
    }

    fn commit(&self, batch: &[Write], _: Durability) -> Result<(), StoreError> {
        let mut gate = self.gate.lock();
        gate.entered += 1;
        self.changed.notify_all();
        while gate.shut {
            self.changed.wait(&mut gate);
        }
        drop(gate);
        if batch.is_empty() && self.full.load(Ordering::SeqCst) {
            return Err(StoreError::Full { path: "d".to_owned() });
        }
        let outcome = if batch.is_empty() { None } else { self.outcomes.lock().pop() };
        match outcome {
            Some(Outcome::Full) => return Err(StoreError::Full { path: "d".to_owned() }),
            Some(Outcome::Poisoned) => {
                return Err(StoreError::Poisoned { cause: "sync".to_owned() });
            }
            Some(Outcome::Engine) => return Err(StoreError::Engine("odd".to_owned())),
            Some(Outcome::Panic) => panic!("the engine is upset"),
            None => {}
        }
        let mut map = self.map.lock();
        for write in batch {
            match write {
                Write::Put(key, value) => map.insert(key.clone(), value.clone()),
                Write::Delete(key) => map.remove(key),
            };
        }
        Ok(())
    }

    fn health(&self) -> StoreHealth {
        StoreHealth::Serving
    }
}

fn store(engine: &Arc<Scripted>, limit: usize) -> Arc<Store> {
    let engine = Arc::clone(engine) as Arc<dyn ConversationStore>;
    Arc::new(Store::with_engine(engine, limit).unwrap())
}

fn one(key: u32) -> Batch {
    let mut batch = Batch::new();
    batch.put(key.to_be_bytes().to_vec(), vec![7; 1000]);
    batch
}

/// Starts a commit: after this it is accepted, or already refused.
fn start(store: &Arc<Store>, key: u32) -> impl Future<Output = Result<(), StoreError>> + use<> {
    let store = Arc::clone(store);
    let mut commit = Box::pin(async move { store.commit(one(key)).await });
    let mut context = Context::from_waker(Waker::noop());
    let early = match commit.as_mut().poll(&mut context) {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    };
    async move {
        match early {
            Some(outcome) => outcome,
            None => commit.await,
        }
    }
}

#[tokio::test]
async fn batches_that_wait_share_one_commit() {
    let engine = Scripted::shut();
    let store = store(&engine, 1000);
    let first = start(&store, 0);
    engine.wait_entered(1);
    let rest: Vec<_> = (1..=100).map(|key| start(&store, key)).collect();
    engine.open_gate();
    first.await.unwrap();
    for commit in rest {
        commit.await.unwrap();
    }
    assert_eq!(engine.commits(), 2, "the first alone, then a hundred together");
    for key in 0..=100_u32 {
        assert!(store.get(&key.to_be_bytes()).unwrap().is_some(), "{key}");
    }
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_loses_nothing_accepted() {
    let engine = Scripted::shut();
    let store = store(&engine, 3);
    let first = start(&store, 0);
    engine.wait_entered(1);
    let accepted: Vec<_> = (1..=3).map(|key| start(&store, key)).collect();
    let refused = store.commit(one(4)).await;
    assert!(matches!(refused, Err(StoreError::Overloaded { waiting: 3, limit: 3 })), "{refused:?}");
    engine.open_gate();
    first.await.unwrap();
    for commit in accepted {
        commit.await.unwrap();
    }
    store.commit(one(5)).await.unwrap();
    assert_eq!(store.get(&4_u32.to_be_bytes()).unwrap(), None);
}

#[tokio::test]
async fn a_dropped_future_does_not_take_its_batch_back() {
    let engine = Scripted::shut();
    let store = store(&engine, 10);
    let first = start(&store, 0);
    engine.wait_entered(1);
    drop(start(&store, 1));
    engine.open_gate();
    first.await.unwrap();
    store.close();
    assert!(store.get(&1_u32.to_be_bytes()).unwrap().is_some());
    // A future that was never polled was never accepted.
    drop(Box::pin(store.commit(one(2))));
    assert_eq!(store.get(&2_u32.to_be_bytes()).unwrap(), None);
}

#[tokio::test]
async fn closing_answers_what_was_accepted() {
    let engine = Scripted::shut();
    let store = store(&engine, 10);
    let first = start(&store, 0);
    engine.wait_entered(1);
    let second = start(&store, 1);
    let closing = std::thread::spawn({
        let store = Arc::clone(&store);
        move || store.close()
    });
    engine.open_gate();
    closing.join().unwrap();
    first.await.unwrap();
    // Accepted before the close, so written.
    second.await.unwrap();
    assert!(matches!(store.commit(one(2)).await, Err(StoreError::Closed)));
}

/// A failure of the first commit: what all its callers hear, and the health.
async fn check_failure(outcome: Outcome, poisons: bool) {
    let engine = Scripted::failing(&[outcome]);
    engine.gate.lock().shut = true;
    let store = store(&engine, 10);
    let waiters: Vec<_> = (0..2).map(|key| start(&store, key)).collect();
    engine.wait_entered(1);
    engine.open_gate();
    let mut heard = Vec::new();
    for waiter in waiters {
        heard.push(waiter.await);
    }
    assert!(heard[0].is_err(), "{heard:?}");
    let later = store.commit(one(9)).await;
    let readable = store.get(&9_u32.to_be_bytes()).unwrap().is_some();
    if poisons {
        assert!(heard.iter().all(|h| matches!(h, Err(StoreError::Poisoned { .. }))), "{heard:?}");
        assert!(matches!(later, Err(StoreError::Poisoned { .. })), "{later:?}");
        assert!(matches!(store.health(), StoreHealth::Poisoned(_)));
        assert!(!readable);
        assert_eq!(engine.commits(), 1, "nothing is written after a failed sync");
    } else {
        assert!(matches!(heard[0], Err(StoreError::Full { .. })), "{heard:?}");
        later.unwrap();
        assert!(readable);
        assert_eq!(store.health(), StoreHealth::Serving);
    }
}

#[tokio::test]
async fn a_failed_commit_answers_every_waiter_and_a_failed_sync_is_for_good() {
    check_failure(Outcome::Poisoned, true).await;
    check_failure(Outcome::Engine, true).await;
    check_failure(Outcome::Panic, true).await;
    check_failure(Outcome::Full, false).await;
}

#[tokio::test]
async fn a_full_disk_shows_in_the_health_until_a_commit_works() {
    let engine = Scripted::failing(&[Outcome::Full, Outcome::Full]);
    engine.full.store(true, Ordering::SeqCst);
    let store = store(&engine, 10);
    for _ in 0..2 {
        assert!(matches!(store.commit(one(1)).await, Err(StoreError::Full { .. })));
        assert_eq!(store.health(), StoreHealth::Full);
        assert_eq!(store.get(&1_u32.to_be_bytes()).unwrap(), None);
    }
    store.commit(one(1)).await.unwrap();
    assert_eq!(store.health(), StoreHealth::Serving);
}

#[test]
fn a_full_disk_ends_in_the_health_without_a_commit() {
    let engine = Scripted::failing(&[Outcome::Full]);
    engine.full.store(true, Ordering::SeqCst);
    let store = store(&engine, 10);
    assert!(matches!(store.commit_blocking(one(1)), Err(StoreError::Full { .. })));
    // Tried once more, in vain.
    engine.wait_entered(2);
    assert_eq!(store.health(), StoreHealth::Full);
    engine.full.store(false, Ordering::SeqCst);
    let limit = Instant::now() + Duration::from_secs(30);
    while store.health() != StoreHealth::Serving {
        assert!(Instant::now() < limit, "still {:?}", store.health());
        std::thread::yield_now();
    }
    // Nothing is tried any more.
    let tried = engine.commits();
    store.commit_blocking(one(2)).unwrap();
    assert_eq!(engine.commits(), tried + 1);
}

fn record(key: &[u8], bytes: usize) -> Batch {
    let mut batch = Batch::new();
    batch.put(key.to_vec(), vec![1; bytes]);
    batch
}

#[tokio::test]
async fn what_stands_on_something_that_was_taken_back_is_refused() {
    let scripted = Arc::new(Scripted::default());
    let store = Store::with_engine(scripted.clone(), 100).unwrap();
    let since = store.losses();
    store.commit_soon(record(b"a", 10)).await.unwrap();
    store.commit_behind(record(b"b", 10), since).await.unwrap();
    store.commit_soon(record(b"c", 10)).await.unwrap();
    scripted.outcomes.lock().push(Outcome::Full);
    assert!(matches!(store.commit(record(b"d", 10)).await, Err(StoreError::Full { .. })));
    let refused = store.commit_behind(record(b"e", 10), since).await;
    assert!(matches!(refused, Err(StoreError::TakenBack)), "{refused:?}");
    assert_eq!(store.get(b"e").unwrap(), None);
    store.commit_behind(record(b"e", 10), store.losses()).await.unwrap();
    // Nothing waits to be synced: nothing is taken back.
    let since = store.losses();
    scripted.outcomes.lock().push(Outcome::Full);
    assert!(matches!(store.commit(record(b"d", 10)).await, Err(StoreError::Full { .. })));
    store.commit_behind(record(b"f", 10), since).await.unwrap();
}

#[tokio::test]
async fn what_a_full_disk_takes_back_while_nobody_writes_is_known_too() {
    let scripted = Scripted::failing(&[Outcome::Full]);
    let store = Store::with_engine(scripted.clone(), 100).unwrap();
    assert!(matches!(store.commit(record(b"a", 10)).await, Err(StoreError::Full { .. })));
    let since = store.losses();
    store.commit_soon(record(b"b", 10)).await.unwrap();
    // It is tried again whether there is space, and that fails.
    scripted.full.store(true, Ordering::SeqCst);
    while store.losses() == since {
        tokio::task::yield_now().await;
    }
    scripted.full.store(false, Ordering::SeqCst);
    let refused = store.commit_behind(record(b"c", 10), since).await;
    assert!(matches!(refused, Err(StoreError::TakenBack)), "{refused:?}");
}

#[tokio::test]
async fn little_is_left_unsynced() {
    let store = Store::with_engine(Arc::new(Scripted::default()), 100).unwrap();
    for n in 0..8_u8 {
        store.commit_soon(record(&[n], 15 << 10)).await.unwrap();
    }
    let counts = store.commit_counts();
    assert_eq!((counts.batches, counts.groups), (8, 1), "the fifth is more than 64 KiB");
    // Nothing of its own to write, but something waits.
    store.commit(Batch::new()).await.unwrap();
    assert_eq!(store.commit_counts().groups, 2);
    store.commit(Batch::new()).await.unwrap();
    assert_eq!(store.commit_counts().groups, 2);
}
