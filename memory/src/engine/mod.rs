//! The public face of the domain: what the server calls.
//!
//! [`start`] opens it and [`about`] says what it is. One file for each step: [`append`],
//! [`conversations`] (create, read, list, change), [`branches`] (fork, with
//! [`fork_facts`]), [`turns`] and [`imports`] (read, import), [`forget`] and [`delete`]
//! (erase), [`facts`] (pins, with [`fact_standing`], [`standing`], [`fact_turns`] and
//! [`fact_records`]; [`detected`] those of the service, [`lines`] what a language model makes
//! of them), [`search`] and [`window`] over
//! [`scopes`], both with [`rerank`], and [`items`]. Behind them: [`heads`] orders the
//! writers of a conversation, [`commit`] ends every write, [`catalog`] knows the turns
//! without reading them, [`windows`] remembers what was built, [`degradation`] measures
//! turns and windows, [`rebuild`] derives everything again.
//!
//! Invariants: every call names its tenant and sees nothing of another; an
//! answer to a write means fsync; nothing here knows the wire.

mod about;
mod api;
mod append;
mod asked;
mod bearing;
mod branches;
mod bringing;
pub(crate) mod catalog;
mod commit;
mod conversations;
mod current;
pub(crate) mod degradation;
mod delete;
mod detected;
mod detected_edges;
mod error;
mod fact_checks;
mod fact_edges;
mod fact_news;
mod fact_records;
mod fact_requests;
mod fact_standing;
mod fact_turns;
mod facts;
mod fold_due;
pub(crate) mod folded;
pub(crate) mod forget;
mod fork_facts;
mod heads;
mod held;
mod imports;
mod items;
mod late_marks;
pub(crate) mod ledger;
mod limits;
mod lines;
pub(crate) mod locks;
mod marks;
mod newer_first;
pub(crate) mod pin_lines;
mod pin_rejections;
mod pins;
mod probes;
mod proposals;
mod reader;
mod rebuild;
pub(crate) mod records;
mod rejections;
mod rerank;
mod said;
mod scopes;
mod search;
pub(crate) mod source;
mod staleness;
mod staleness_reasons;
mod standing;
mod start;
mod successors;
mod summaries;
mod turn_cache;
pub(crate) mod turns;
mod usage;
mod user_facts;
mod user_pins;
pub(crate) mod uses;
mod validate;
mod waiting;
mod watching;
mod window;
mod windows;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::{
    sync::{Semaphore, watch},
    task::JoinHandle,
};

pub use api::*;
pub use degradation::{
    Cohort, CohortChange, CohortFilter, CohortMetric, CohortOutcome, CohortRequest, CohortTime,
    DegradationOutcome, DegradationRequest, Drift, HANDOVER_TOKENS, Handover, HealthWatch,
    MAX_COHORT, RecordCounts, TurnDegradation,
};
pub use detected::PinSettings;
pub use error::{EngineError, FieldViolation};
pub use imports::{ImportLock, Imported};
pub use items::{
    ItemPage, ItemSearch, ItemSearchOutcome, NamespacePage, NamespaceRequest, NewItem, PutItem,
};
pub use limits::Limits;
pub use marks::SupersededTurns;
pub use rejections::Rejection;
pub use source::StoreTurnSource;
pub use staleness::{ShownEdge, StalenessPage, StalenessRequest};
pub use standing::StandingFacts;
pub use summaries::{ShownSummary, SummaryOutcome, SummaryView};
pub use watching::{Watch, WatchEvent, WatchStep};

use crate::{
    context::{TokenCounter, Tokenizers},
    degradation::{DriftSettings, DriftTotals, ProbeSettings, Standings, Tally},
    embed::EmbedService,
    enrich::{Grown, Outbox},
    facts::WriteLine,
    index::TurnIndex,
    rerank::RerankService,
    retrieval::RankingWeights,
    staleness::{Detect, asked::OrderModel},
    store::Store,
    summary::{Summarize, fold::FoldRules, generations::Generations},
    usage::{Meter, TenantTotals},
};

/// How long an erasure waits for the index before it is left to the outbox.
const REMOVAL_WAIT: Duration = Duration::from_secs(5);

/// The tokenizer whose costs are derived ahead and that a request gets unless
/// it names another.
pub const DEFAULT_TOKENIZER: &str = "cl100k_base";

/// Tells the time; passed in, so that tests decide it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Everything that an engine is built from.
pub struct EngineParts {
    /// The only source of truth.
    pub store: Arc<Store>,
    /// Text to vectors.
    pub embed: Arc<EmbedService>,
    /// Finds turns; reads them through a [`StoreTurnSource`] over the same store.
    pub index: Arc<dyn TurnIndex>,
    /// Token counters by name.
    pub tokenizers: Arc<Tokenizers>,
    /// What hybrid ranking weighs by.
    pub ranking: RankingWeights,
    /// Reorders the best of a hybrid ranking; they stay as they are without.
    pub reranker: Option<Arc<RerankService>>,
    /// Draws the staleness events of new turns.
    pub detector: Arc<dyn Detect>,
    /// Says which of two hits is the newer answer.
    pub order: OrderModel,
    /// Writes summaries; nothing is folded without.
    pub summarizer: Option<Arc<dyn Summarize>>,
    /// What language models answered; a copy of the one that they keep it with, so that
    /// erasures are known to both.
    pub generations: Generations,
    /// When and how much is folded.
    pub fold_rules: FoldRules,
    /// Writes the lines of pins; they have none without.
    pub lines: Option<Arc<dyn WriteLine>>,
    /// What is pinned without the caller.
    pub pins: PinSettings,
    /// Turns and windows are measured; without, nothing of degradation is but what the
    /// application records.
    pub degradation: bool,
    /// Which conversations are probed, if any is measured.
    pub probes: ProbeSettings,
    /// How often cohorts are looked at without being asked for.
    pub drift: DriftSettings,
    /// Limits in force.
    pub limits: Limits,
    /// Counts what is done.
    pub meter: Arc<Meter>,
    /// Tells the time.
    pub clock: Clock,
}

/// A tenant's conversations: append, read, search, assemble.
pub struct Engine {
    store: Arc<Store>,
    embed: Arc<EmbedService>,
    index: Arc<dyn TurnIndex>,
    tokenizers: Arc<Tokenizers>,
    counter: Arc<dyn TokenCounter>,
    ranking: RankingWeights,
    reranker: Option<Arc<RerankService>>,
    limits: Limits,
    clock: Clock,
    heads: heads::Heads,
    creations: locks::Locks,
    /// A namespace of items has one writer at a time.
    namespaces: locks::Locks,
    /// Order what the index is told of a conversation; see [`Deriver`].
    derivations: Arc<locks::Locks>,
    outbox: Arc<Outbox>,
    catalogs: Arc<catalog::Catalogs>,
    turn_cache: turn_cache::TurnCache,
    detector: Arc<dyn Detect>,
    order: OrderModel,
    pins: PinSettings,
    standing: standing::StandingCache,
    yielded: user_pins::YieldedPins,
    ledgers: Arc<ledger::Ledgers>,
    uses: Arc<uses::Uses>,
    summarizer: Option<Arc<dyn Summarize>>,
    generations: Generations,
    fold_rules: FoldRules,
    /// Conversations that may have something to fold; absent where nothing folds.
    folds: Option<Arc<Grown>>,
    folded: Arc<folded::FoldedCache>,
    /// One range of a conversation is folded at a time.
    folding: locks::Locks,
    lines: Option<lines::Lines>,
    watches: watching::Watches,
    windows: windows::Windows,
    recorder: Arc<degradation::Recorder>,
    meter: Arc<Meter>,
    healths: degradation::Healths,
    /// Conversations whose health is to be looked at; none where nothing is measured.
    unlooked: Option<Arc<degradation::Unlooked>>,
    standings: Standings,
    /// Turns and windows are measured.
    degradation: bool,
    drafts: Arc<degradation::Drafts>,
    /// How many cohorts may still be gathered beside those that are.
    cohorts: Arc<Semaphore>,
    probes: ProbeSettings,
    drift_settings: DriftSettings,
    /// What was found when cohorts were looked at last.
    drift: Mutex<TenantTotals<DriftTotals>>,
    tally: Tally,
    closing: watch::Sender<bool>,
    workers: Mutex<Vec<JoinHandle<Option<()>>>>,
}

impl Engine {
    /// Returns when nothing waits to be derived or measured.
    pub async fn settled(&self) {
        self.outbox.wait_until(|| self.outbox.is_idle()).await;
    }

    /// Returns when every turn is searchable, or when the time is over.
    pub(crate) async fn enriched(&self, at_most: Duration) {
        let idle = self.outbox.wait_until(|| self.outbox.backlog() == 0);
        // That it took too long is no failure.
        let _ = tokio::time::timeout(at_most, idle).await;
    }

    /// Stops enrichment (what is left resumes from the outbox), drains accepted
    /// writes and closes the store.
    pub async fn close(&self) {
        self.closing.send_replace(true);
        let workers = std::mem::take(&mut *self.workers.lock());
        for worker in workers {
            if !matches!(worker.await, Ok(Some(()))) {
                tracing::error!("what runs beside the requests ended badly");
            }
        }
        self.embed.close();
        let (reranker, store) = (self.reranker.clone(), Arc::clone(&self.store));
        let closing = move || {
            if let Some(reranker) = reranker {
                reranker.close();
            }
            store.close();
        };
        if let Err(error) = tokio::task::spawn_blocking(closing).await {
            tracing::error!(%error, "the store did not close in order");
        }
    }
}
