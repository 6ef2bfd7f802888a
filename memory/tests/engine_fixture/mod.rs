//! An engine for tests: a real store in a temporary directory, the exact index
//! behind a switch, and an embedder that hashes words and can be told to fail.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "every test file uses a part of it")]

mod embedder;
mod fault;
mod requests;
mod scripted;
mod summarizer;

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tempfile::TempDir;
use throughline_memory::{
    context::Tokenizers,
    engine::*,
    facts::{FactKind, Statement, detect::PinDetector},
    index::exact::ExactIndex,
    retrieval::RankingWeights,
    staleness::{Detect, Signals},
    store::{
        Batch, Direction, DiskSync, SledEngine, Store, StoreError, StoreKind, StoreOptions, keys,
    },
    summary::{fold::FoldRules, generations::Generations},
    turn::*,
};

pub use fault::{FailingStore, SwitchedIndex};
pub use requests::{ask, search_in, words};
pub(crate) use scripted::Scripted;
use summarizer::FirstWords;

/// What the test decides of the world outside.
#[derive(Default)]
pub struct Controls {
    /// The embedder fails on everything.
    pub embedder_down: AtomicBool,
    /// The index does not answer.
    pub index_down: AtomicBool,
    /// Texts given to the embedder.
    pub embedded: AtomicUsize,
    /// Seconds of the clock.
    pub now: AtomicI64,
    /// Commits that the store still takes; negative for all.
    pub commits_left: AtomicI64,
    /// Each commit takes one away from `commits_left`.
    pub counting: AtomicBool,
    /// Version of the detector.
    pub detector: Arc<AtomicU32>,
    /// The detector that ships instead of the scripted one.
    pub signals: AtomicBool,
    /// Pins what users say, with the detector that ships.
    pub pins: AtomicBool,
    /// Drawn from for names.
    pub names: AtomicU64,
    /// Conversations are folded.
    pub summaries: AtomicBool,
    /// The summarizer fails.
    pub summarizer_down: AtomicBool,
    /// Turns given to the summarizer.
    pub summarized: AtomicUsize,
}

/// A data directory and the engine on it.
pub struct World {
    pub engine: Arc<Engine>,
    pub controls: Arc<Controls>,
    pub limits: Limits,
    pub model: String,
    kind: StoreKind,
    store: Arc<Store>,
    dir: TempDir,
}

impl World {
    pub async fn new() -> Self {
        Self::with(StoreKind::Sled, Limits::default()).await
    }

    /// With the detector that ships.
    pub async fn with_signals() -> Self {
        let controls = Controls { signals: AtomicBool::new(true), ..Controls::default() };
        Self::controlled(StoreKind::Sled, Limits::default(), controls).await
    }

    /// With a summarizer that takes the first words.
    pub async fn with_summaries() -> Self {
        let controls = Controls { summaries: AtomicBool::new(true), ..Controls::default() };
        Self::controlled(StoreKind::Sled, Limits::default(), controls).await
    }

    /// With the detector of pins that ships.
    pub async fn with_pins() -> Self {
        let controls = Controls { pins: AtomicBool::new(true), ..Controls::default() };
        Self::controlled(StoreKind::Sled, Limits::default(), controls).await
    }

    /// With both.
    pub async fn with_pins_and_summaries() -> Self {
        let (pins, summaries) = (AtomicBool::new(true), AtomicBool::new(true));
        let controls = Controls { pins, summaries, ..Controls::default() };
        Self::controlled(StoreKind::Sled, Limits::default(), controls).await
    }

    pub async fn with(kind: StoreKind, limits: Limits) -> Self {
        Self::controlled(kind, limits, Controls::default()).await
    }

    async fn controlled(kind: StoreKind, limits: Limits, controls: Controls) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let tokenizer = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
            "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"},
            "post_processor": null, "decoder": null,
            "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"}
        });
        std::fs::write(dir.path().join("tokenizer.json"), tokenizer.to_string()).expect("written");
        let controls = Arc::new(controls);
        controls.now.store(1_700_000_000, Ordering::SeqCst);
        let (engine, store) = open(&dir, kind, &limits, "hash", &controls).await.expect("opens");
        Self { engine, controls, limits, model: "hash".into(), kind, store, dir }
    }

    /// Closes in order and opens again, with what the fields say now.
    pub async fn reopen(self) -> Self {
        self.engine.close().await;
        self.crash_and_open().await
    }

    /// Opens again without closing; a failed store takes commits again.
    pub async fn crash_and_open(self) -> Self {
        let Self { engine, controls, limits, model, kind, store, dir } = self;
        drop((engine, store));
        controls.counting.store(false, Ordering::SeqCst);
        // The tasks of the old engine let go of the directory when they end.
        let (engine, store) = within("the store to be let go", async {
            loop {
                match open(&dir, kind, &limits, &model, &controls).await {
                    Err(EngineError::Store(StoreError::Open(cause)))
                        if cause.contains("in use") =>
                    {
                        tokio::task::yield_now().await;
                    }
                    opened => break opened.expect("reopens"),
                }
            }
        })
        .await;
        Self { engine, controls, limits, model, kind, store, dir }
    }

    /// After so many commits more the store fails.
    pub fn fail_after(&self, commits: i64) {
        self.controls.commits_left.store(commits, Ordering::SeqCst);
        self.controls.counting.store(true, Ordering::SeqCst);
    }

    /// Waits until the outbox is empty.
    pub async fn drain(&self) {
        within("the outbox to empty", async {
            while self.engine.outbox_backlog() > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// As if the facts had been drawn by the rules of another version.
    pub async fn forget_rules(&self) {
        let mut batch = Batch::new();
        batch.delete(keys::state("facts"));
        self.store.commit(batch).await.expect("committed");
    }

    /// Keys of all records but the server's own state and the days of usage, which
    /// stay when what was used is gone.
    pub fn keys(&self) -> Vec<Vec<u8>> {
        let mut days = keys::usage_day(&tenant(), 0);
        days.truncate(days.len() - size_of::<u32>());
        let mut keys = Vec::new();
        self.store
            .scan_keys(&[], &[], &mut |key| {
                if key.first_chunk() != Some(&[0, b'S']) && !key.starts_with(&days) {
                    keys.push(key.to_vec());
                }
                ControlFlow::Continue(())
            })
            .expect("scanned");
        keys
    }

    /// Records that hold these bytes.
    pub fn holding(&self, needle: &str) -> usize {
        let mut found = 0;
        self.store
            .scan(&[], &[], Direction::Forward, &mut |_, value| {
                found += usize::from(value.windows(needle.len()).any(|w| w == needle.as_bytes()));
                ControlFlow::Continue(())
            })
            .expect("scanned");
        found
    }

    /// Keys of marks of unfinished erasures.
    pub fn marks(&self) -> usize {
        let mut marks = 0;
        self.store
            .scan_keys(&[0, b'S'], &[0, b'T'], &mut |key| {
                let name = String::from_utf8_lossy(&key[2..]).into_owned();
                marks += usize::from(name.starts_with("deleting/") || name.starts_with("forg"));
                ControlFlow::Continue(())
            })
            .expect("scanned");
        marks
    }

    pub async fn create(&self, name: &str) -> ConversationId {
        self.create_for(name, "").await
    }

    pub async fn create_for(&self, name: &str, user_id: &str) -> ConversationId {
        let new = NewConversation {
            id: Some(id(name)),
            user_id: user_id.to_owned(),
            ..NewConversation::default()
        };
        self.engine.create_conversation(&tenant(), new).await.expect("created").id
    }

    pub async fn fork(&self, of: &ConversationId, at: Sequence, name: &str) -> ConversationId {
        let new = NewConversation { id: Some(id(name)), ..NewConversation::default() };
        self.engine.fork_conversation(&tenant(), of, at, new).await.expect("forked").id
    }

    /// Appends user turns.
    pub async fn say(&self, to: &ConversationId, texts: &[&str]) -> Appended {
        let turns = texts.iter().map(|text| said(Role::User, text)).collect();
        self.engine.append_turns(&tenant(), to, turns, None).await.expect("appended")
    }

    /// Waits until all turns are searchable.
    pub async fn settle(&self, of: &ConversationId) {
        let last = self.engine.get_conversation(&tenant(), of).await.expect("there").last_sequence;
        within("turns to be searchable", self.engine.wait_indexed(&tenant(), of, last))
            .await
            .expect("there");
    }

    /// Texts in order; `-` for a forgotten turn.
    pub async fn texts(&self, of: &ConversationId) -> Vec<String> {
        let which = ListTurns { from: 0, descending: false, limit: 10_000, max_bytes: 1 << 30 };
        let page = self.engine.list_turns(&tenant(), of, which).await.expect("listed");
        let text = |turn: &Arc<Turn>| {
            if turn.forgotten { "-".to_owned() } else { turn.searchable_text() }
        };
        page.turns.iter().map(text).collect()
    }

    /// What language models answered.
    pub fn generations(&self) -> Generations {
        Generations::new(Arc::clone(&self.store))
    }

    /// Sequences that a search finds, best first.
    pub async fn found(
        &self,
        of: &ConversationId,
        query: &str,
        method: SearchMethod,
    ) -> Vec<Sequence> {
        let outcome = self.engine.search(&tenant(), search_in(of, query, method)).await;
        outcome.expect("searched").hits.iter().map(|hit| hit.turn.sequence).collect()
    }

    pub async fn window(&self, of: &ConversationId, query: &str) -> ContextOutcome {
        let built = self.engine.build_context(&tenant(), of, ask(query)).await;
        built.expect("built")
    }
}

async fn open(
    dir: &TempDir,
    kind: StoreKind,
    limits: &Limits,
    model: &str,
    controls: &Arc<Controls>,
) -> Result<(Arc<Engine>, Arc<Store>), EngineError> {
    let mut options = StoreOptions::new(kind, dir.path().join("data"));
    options.cache_bytes = 8 << 20;
    let store = Arc::new(match kind {
        StoreKind::Sled => {
            let engine = Arc::new(SledEngine::open(&options, Arc::new(DiskSync))?);
            Store::with_engine(FailingStore::over(engine, controls), 4_096)?
        }
        StoreKind::Redb => Store::open(&options)?,
    });
    let embed = Arc::new(embedder::start(dir.path(), model, controls));
    let source = StoreTurnSource::new(Arc::clone(&store), embed.version());
    let exact = ExactIndex::new(Arc::new(source), 64 << 20);
    let of_clock = Arc::clone(controls);
    let detector: Arc<dyn Detect> = if controls.signals.load(Ordering::SeqCst) {
        Signals::built_in().expect("weights")
    } else {
        Arc::new(Scripted(Arc::clone(&controls.detector)))
    };
    let parts = EngineParts {
        summarizer: FirstWords::of(controls),
        fold_rules: FoldRules {
            keep_tokens: 60,
            min_tokens: 20,
            max_tokens: 60,
            fan_out: 3,
            to_the_end: false,
        },
        store: Arc::clone(&store),
        embed,
        index: Arc::new(SwitchedIndex::over(exact, controls)),
        tokenizers: Arc::new(Tokenizers::builtin()),
        ranking: RankingWeights::built_in().expect("weights"),
        detector,
        pins: pins(controls),
        limits: limits.clone(),
        meter: Arc::default(),
        clock: Arc::new(move || {
            let now = of_clock.now.fetch_add(1, Ordering::SeqCst);
            Timestamp::from_second(now).expect("a time")
        }),
    };
    Ok((Engine::start(parts).await?, store))
}

fn pins(controls: &Controls) -> PinSettings {
    if controls.pins.load(Ordering::SeqCst) {
        PinSettings::with(PinDetector::built_in().expect("weights"))
    } else {
        PinSettings::off()
    }
}

/// Fails the test instead of hanging.
pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(30), work).await {
        Ok(done) => done,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

pub fn tenant() -> TenantId {
    TenantId::new("tenant").expect("an id")
}

pub fn id(name: &str) -> ConversationId {
    ConversationId::new(name).expect("an id")
}

pub fn said(role: Role, text: &str) -> NewTurn {
    NewTurn {
        role,
        speaker: String::new(),
        parts: vec![Part::Text(text.to_owned())],
        said_at: None,
        client_turn_id: None,
        metadata: Vec::new(),
    }
}

pub fn named(client_turn_id: &str, text: &str) -> NewTurn {
    NewTurn { client_turn_id: Some(client_turn_id.to_owned()), ..said(Role::User, text) }
}

pub fn pin(text: &str, source: Option<Sequence>) -> NewFact {
    NewFact {
        kind: FactKind::Fact,
        text: text.to_owned(),
        required: false,
        source,
        source_span: None,
        request_id: String::new(),
        says: Statement::default(),
    }
}

/// A pin that states an attribute's value.
pub fn about(attribute: &str, value: &str) -> NewFact {
    let says = Statement {
        attribute: attribute.to_owned(),
        value: value.to_owned(),
        ..Statement::default()
    };
    NewFact { says, ..pin(&format!("The {attribute} is {value}"), None) }
}
