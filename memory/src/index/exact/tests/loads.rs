//! What is in memory: loads are shared, survive changes and failures, and give way.

use std::{
    collections::BTreeMap,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
};

use parking_lot::Mutex;

use super::*;

const ROOMY: u64 = 1 << 30;

/// A store whose loads are counted and can be held back.
#[derive(Default)]
struct Held {
    turns: Mutex<BTreeMap<(String, Sequence), IndexedTurn>>,
    loads: AtomicUsize,
    /// Told when a load has read its turns; the load then waits for the other.
    gate: Mutex<Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>>,
    fails: Mutex<bool>,
}

impl Held {
    fn store(&self, owner: &str, turn: &IndexedTurn) {
        self.turns.lock().insert((owner.to_owned(), turn.sequence), turn.clone());
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    /// Holds the next load back: told by the receiver, let go by the sender.
    fn hold(&self) -> (mpsc::Receiver<()>, mpsc::Sender<()>) {
        let (read, has_read) = mpsc::channel();
        let (go, may_go) = mpsc::channel();
        *self.gate.lock() = Some((read, may_go));
        (has_read, go)
    }
}

impl TurnSource for Held {
    fn load(&self, branch: &Branch) -> Result<Vec<IndexedTurn>, StoreError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let name = branch.conversation.as_str();
        let read: Vec<IndexedTurn> = {
            let turns = self.turns.lock();
            turns.iter().filter(|((o, _), _)| o == name).map(|(_, turn)| turn.clone()).collect()
        };
        let gate = self.gate.lock().take();
        if let Some((told, may_go)) = gate {
            told.send(()).unwrap();
            may_go.recv().unwrap();
        }
        if *self.fails.lock() { Err(StoreError::Engine("as asked".to_owned())) } else { Ok(read) }
    }
}

fn over(capacity: u64) -> (Arc<Held>, Arc<ExactIndex>) {
    let held = Arc::new(Held::default());
    let index = Arc::new(ExactIndex::new(held.clone(), capacity));
    (held, index)
}

async fn found(index: &ExactIndex, name: &str, text: &str) -> Vec<Sequence> {
    let found = index.search(&[whole(name)], &query(text, None)).await.unwrap();
    let matches = found.iter().flat_map(|branch| branch.matches.iter());
    matches.filter(|m| m.bm25 > 0.0).map(|m| m.sequence).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loads_of_one_branch_are_shared() {
    let (held, index) = over(ROOMY);
    held.store("c", &turn(1, "harbour", vec![]));
    let (has_read, go) = held.hold();
    let searches: Vec<_> = (0..8)
        .map(|_| {
            let index = index.clone();
            tokio::spawn(async move { found(&index, "c", "harbour").await })
        })
        .collect();
    tokio::task::spawn_blocking(move || has_read.recv().unwrap()).await.unwrap();
    go.send(()).unwrap();
    for search in searches {
        assert_eq!(search.await.unwrap(), [1]);
    }
    assert_eq!(held.loads(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_during_a_load_is_not_lost() {
    let (held, index) = over(ROOMY);
    held.store("c", &turn(1, "old harbour", vec![]));
    held.store("c", &turn(2, "old lighthouse", vec![]));
    let (has_read, go) = held.hold();
    let search = tokio::spawn({
        let index = index.clone();
        async move { found(&index, "c", "harbour").await }
    });
    tokio::task::spawn_blocking(move || has_read.recv().unwrap()).await.unwrap();
    // The load has read the old turns; now one comes and one goes.
    let new = turn(3, "new harbour", vec![]);
    held.store("c", &new);
    held.turns.lock().remove(&("c".to_owned(), 2));
    // The changes are asked for first, then the load goes on.
    let (owner, tenant) = (id("c"), tenant());
    let changes = async {
        index.upsert(&tenant, &owner, "u", vec![new]).await.unwrap();
        index.remove_turns(&tenant, &owner, &[2]).await.unwrap();
    };
    tokio::join!(changes, async { go.send(()).unwrap() });
    search.await.unwrap();
    assert_eq!(found(&index, "c", "harbour").await, [1, 3]);
    assert_eq!(found(&index, "c", "lighthouse").await, [] as [Sequence; 0]);
}

#[tokio::test]
async fn a_load_that_fails_is_tried_again_by_the_next_search() {
    let (held, index) = over(ROOMY);
    held.store("c", &turn(1, "harbour", vec![]));
    *held.fails.lock() = true;
    let failed = index.search(&[whole("c")], &query("harbour", None)).await;
    assert!(matches!(failed, Err(IndexError::Store(StoreError::Engine(_)))), "{failed:?}");
    *held.fails.lock() = false;
    assert_eq!(found(&index, "c", "harbour").await, [1]);
    assert_eq!(held.loads(), 2);
}

#[tokio::test]
async fn the_branch_not_used_for_longest_leaves_memory() {
    let (held, index) = over(ROOMY);
    let names = ["a", "b", "c"];
    let mut random = StdRng::seed_from_u64(9);
    for name in names {
        for n in 1..=20 {
            held.store(name, &turn(n, "harbour", vec![random_vector(&mut random)]));
        }
        found(&index, name, "harbour").await;
    }
    let (count, bytes) = index.cache.resident();
    assert_eq!(count, 3);
    // Room for two and a half of them.
    let index = ExactIndex::new(held.clone(), bytes * 5 / 6);
    let before = held.loads();
    for name in ["a", "b", "a", "c", "a"] {
        found(&index, name, "harbour").await;
    }
    assert_eq!(held.loads() - before, 3, "b made room for c");
    let (count, resident) = index.cache.resident();
    assert_eq!((count, resident), (2, bytes / 3 * 2));
    found(&index, "b", "harbour").await;
    assert_eq!(held.loads() - before, 4);
    // What is not in memory is left alone, and counted as nothing.
    index.upsert(&tenant(), &id("c"), "u", vec![turn(21, "x", vec![])]).await.unwrap();
    assert_eq!(held.loads() - before, 4);
    index.remove_conversation(&tenant(), &id("a"), 1).await.unwrap();
    assert!(index.cache.resident().1 < resident);
}

#[tokio::test]
async fn a_long_search_leaves_the_callers_thread() {
    let (held, index) = over(ROOMY);
    for n in 1..=(MAX_INLINE_TURNS as u64 + 10) {
        held.store("c", &turn(n, if n == 7 { "harbour" } else { "sea" }, vec![]));
    }
    assert_eq!(found(&index, "c", "harbour").await, [7]);
}
