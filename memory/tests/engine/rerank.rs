//! Reranking: what is reordered and what is not, what the model is shown, and that
//! an answer comes without it.

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use crate::fixture::*;
use throughline_memory::{
    context::Section,
    engine::*,
    rerank::{Rerank, RerankError, RerankOptions},
    turn::*,
};

/// How the model answers.
#[derive(Clone, Default)]
enum Answers {
    /// All alike, so that nothing moves.
    #[default]
    Alike,
    /// A text by its place in a list: what stands last is the best. Others 0.
    ByPlace(Vec<String>),
    Fails,
    /// Not until the test ends.
    Hangs,
}

struct Stub {
    answers: Mutex<Answers>,
    shown: Mutex<Vec<String>>,
    held: Mutex<Receiver<()>>,
}

impl Stub {
    /// With what keeps it hanging.
    fn new() -> (Arc<Self>, Sender<()>) {
        let (release, held) = channel();
        let (answers, shown) = Default::default();
        (Arc::new(Self { answers, shown, held: Mutex::new(held) }), release)
    }

    fn answer(&self, answers: Answers) {
        *self.answers.lock().unwrap() = answers;
    }

    fn shown(&self) -> Vec<String> {
        let mut shown = std::mem::take(&mut *self.shown.lock().unwrap());
        shown.sort();
        shown
    }
}

impl Rerank for Stub {
    fn name(&self) -> &str {
        "stub"
    }

    fn version(&self) -> &str {
        "1"
    }

    fn scores(&self, _: &str, texts: &[&str]) -> Result<Vec<f32>, RerankError> {
        self.shown.lock().unwrap().extend(texts.iter().map(|text| (*text).to_owned()));
        let answers = self.answers.lock().unwrap().clone();
        match answers {
            Answers::Alike => Ok(vec![0.0; texts.len()]),
            Answers::ByPlace(best_last) => {
                let place = |text: &&str| best_last.iter().position(|other| other == *text);
                Ok(texts.iter().map(|text| place(text).map_or(0, |at| at + 1) as f32).collect())
            }
            Answers::Fails => Err(RerankError::Engine("down on purpose".to_owned())),
            Answers::Hangs => {
                // An error says that the test has ended.
                let _ = self.held.lock().unwrap().recv();
                Ok(vec![0.0; texts.len()])
            }
        }
    }
}

fn options(top: usize, deadline: Duration) -> RerankOptions {
    RerankOptions { top, deadline, ..RerankOptions::default() }
}

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(50);
const TURNS: [&str; 6] =
    ["cat one", "cat", "the cat two three", "a cat here", "no animal", "cat cat cat"];

async fn world(stub: &Arc<Stub>, top: usize, deadline: Duration) -> (World, ConversationId) {
    let reranker = Arc::clone(stub) as Arc<dyn Rerank>;
    let world = World::with_reranker(reranker, options(top, deadline)).await;
    let c = world.create("c").await;
    world.say(&c, &TURNS).await;
    world.settle(&c).await;
    (world, c)
}

async fn search(world: &World, request: SearchRequest) -> SearchOutcome {
    world.engine.search(&tenant(), request).await.expect("searched")
}

fn sequences(outcome: &SearchOutcome) -> Vec<Sequence> {
    outcome.hits.iter().map(|hit| hit.turn.sequence).collect()
}

fn texts(outcome: &SearchOutcome) -> Vec<String> {
    outcome.hits.iter().map(|hit| hit.turn.searchable_text()).collect()
}

fn given(components: &[(&'static str, f32)]) -> Option<f32> {
    components.iter().find(|(name, _)| *name == "rerank").map(|(_, score)| *score)
}

#[tokio::test]
async fn the_best_take_the_rerankers_order_and_the_scores_of_their_places() {
    let (stub, _held) = Stub::new();
    let (world, c) = world(&stub, 3, LONG).await;
    let request = search_in(&c, "cat", SearchMethod::Hybrid);
    let before = search(&world, request.clone()).await;
    stub.answer(Answers::ByPlace(texts(&before)));
    stub.shown();
    let after = search(&world, request.clone()).await;
    let mut shown = texts(&before)[..3].to_vec();
    shown.sort();
    assert_eq!(stub.shown(), shown, "the best three and no other");
    let mut expected = sequences(&before);
    expected[..3].reverse();
    assert_eq!(sequences(&after), expected);
    let scores = |outcome: &SearchOutcome| -> Vec<f32> {
        outcome.hits.iter().map(|hit| hit.score).collect()
    };
    assert_eq!(scores(&after), scores(&before));
    let named: Vec<_> = after.hits.iter().map(|hit| given(&hit.components)).collect();
    assert_eq!(named[..4], [Some(3.0), Some(2.0), Some(1.0), None]);
    assert!(after.shortfalls.is_empty());
    for (offset, limit) in [(0, 1), (1, 1), (2, 2)] {
        let page = search(&world, SearchRequest { offset, limit, ..request.clone() }).await;
        assert_eq!(sequences(&page), expected[offset..offset + limit], "a page of {limit}");
    }
    stub.shown();
    for method in [SearchMethod::Dense, SearchMethod::Bm25, SearchMethod::Rrf] {
        let outcome = search(&world, SearchRequest { method, ..request.clone() }).await;
        assert!(outcome.hits.iter().all(|hit| given(&hit.components).is_none()), "{method:?}");
    }
    assert!(stub.shown().is_empty(), "the other methods are there to compare with");
}

#[tokio::test]
async fn only_what_passes_the_filter_is_reordered() {
    let (stub, _held) = Stub::new();
    let (world, c) = world(&stub, 2, LONG).await;
    let filter = TurnFilter { from_sequence: 3, ..TurnFilter::default() };
    let request = SearchRequest { filter, ..search_in(&c, "cat", SearchMethod::Hybrid) };
    let before = search(&world, request.clone()).await;
    stub.answer(Answers::ByPlace(texts(&before)));
    let mut expected = sequences(&before);
    expected[..2].reverse();
    assert_eq!(sequences(&search(&world, request).await), expected);
}

#[tokio::test]
async fn a_turn_that_branches_share_is_read_once() {
    let (stub, _held) = Stub::new();
    let reranker = Arc::clone(&stub) as Arc<dyn Rerank>;
    let world = World::with_reranker(reranker, options(2, LONG)).await;
    let c = world.create_for("c", "ada").await;
    world.say(&c, &TURNS).await;
    world.fork(&c, 6, "d").await;
    world.settle(&c).await;
    let scope = SearchScope::User("ada".to_owned());
    let request = SearchRequest { scope, ..search_in(&c, "cat", SearchMethod::Hybrid) };
    let before = search(&world, request.clone()).await;
    assert_eq!(stub.shown().len(), 2);
    stub.answer(Answers::ByPlace(texts(&before)));
    let mut expected = sequences(&before);
    expected[..2].reverse();
    assert_eq!(sequences(&search(&world, request).await), expected);
}

#[tokio::test]
async fn what_is_current_still_comes_before_what_it_replaced() {
    let (stub, _held) = Stub::new();
    let (world, c) = world(&stub, 8, LONG).await;
    world.say(&c, &["cat one now [replaces 1]"]).await;
    world.settle(&c).await;
    let replaced_last = vec!["cat one now [replaces 1]".to_owned(), "cat one".to_owned()];
    stub.answer(Answers::ByPlace(replaced_last));
    let request = search_in(&c, "cat one", SearchMethod::Hybrid);
    assert_eq!(sequences(&search(&world, request.clone()).await)[..2], [7, 1]);
    let request = SearchRequest { ignore_staleness: true, ..request };
    assert_eq!(sequences(&search(&world, request).await)[..2], [1, 7]);
}

#[tokio::test]
async fn a_reranker_that_fails_or_hangs_leaves_the_order_and_is_named() {
    let (stub, _held) = Stub::new();
    let (world, c) = world(&stub, 3, SHORT).await;
    let request = search_in(&c, "cat", SearchMethod::Hybrid);
    stub.answer(Answers::Fails);
    let failed = search(&world, request.clone()).await;
    let named = |outcome: &SearchOutcome, words: &str| matches!(&outcome.shortfalls[..], [Shortfall::RerankerUnavailable(why)] if why.contains(words));
    assert!(named(&failed, "down on purpose"), "{:?}", failed.shortfalls);
    assert!(failed.hits.iter().all(|hit| given(&hit.components).is_none()));
    stub.answer(Answers::Hangs);
    let hung = within("an answer", search(&world, request.clone())).await;
    assert!(named(&hung, "50 ms"), "{:?}", hung.shortfalls);
    assert_eq!(sequences(&hung), sequences(&failed));
    within("the end", world.engine.close()).await;
}

#[tokio::test]
async fn windows_are_reranked_and_one_without_the_reranker_is_not_kept() {
    let (stub, _held) = Stub::new();
    let reranker = Arc::clone(&stub) as Arc<dyn Rerank>;
    let world = World::with_reranker(reranker, options(32, LONG)).await;
    let c = world.create("c").await;
    let filler = "something else entirely and at some length, so that it fills the window ";
    let mut turns = vec!["my cat is called Felix".to_owned(), "her cat is Tom".to_owned()];
    turns.extend((0..30).map(|at| format!("{filler}{at}")));
    let turns: Vec<&str> = turns.iter().map(String::as_str).collect();
    world.say(&c, &turns).await;
    world.settle(&c).await;
    let request = ContextRequest { budget: 200, ..ask("cat") };
    let build =
        async || world.engine.build_context(&tenant(), &c, request.clone()).await.expect("built");
    stub.answer(Answers::Fails);
    let down = build().await;
    assert!(matches!(down.shortfalls[..], [Shortfall::RerankerUnavailable(_)]));
    let best_of = |outcome: &ContextOutcome| {
        let items = outcome.window.items.iter().filter(|item| item.section == Section::Retrieved);
        let best = items.max_by(|a, b| a.score.unwrap().total_cmp(&b.score.unwrap())).unwrap();
        (best.sequence.unwrap(), given(&best.components))
    };
    let (first, _) = best_of(&down);
    assert!(first < 3, "turn {first}");
    let second = 3 - first;
    let reversed =
        vec![turns[first as usize - 1].to_owned(), turns[second as usize - 1].to_owned()];
    stub.answer(Answers::ByPlace(reversed));
    let up = build().await;
    assert!(up.shortfalls.is_empty(), "{:?}", up.shortfalls);
    assert_eq!(best_of(&up), (second, Some(2.0)));
    assert_eq!(up.best_scores, down.best_scores);
    stub.shown();
    build().await;
    assert!(stub.shown().is_empty(), "the same window is given again");
}
