//! Opening an engine: its parts put together, what runs beside the requests started, and
//! what was left undone taken up.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};

use super::{
    DEFAULT_TOKENIZER, Engine, EngineError, EngineParts, degradation, heads, lines::Lines, locks,
    standing, turn_cache, user_pins, watching, windows,
};
use crate::{
    context::TokenCounter,
    degradation::{Standings, Tally},
    enrich::{self, Deriver, Drawer, Grown, Queued, Work},
    store::StoreError,
};

impl Engine {
    /// Opens the engine: resumes the outbox, finishes interrupted erasures, and
    /// queues a rebuild when the embedding model has changed, filling the index when it
    /// is another one, and measuring again when what measures has changed.
    ///
    /// # Errors
    /// `Store`; `Invalid` when the default tokenizer is not among the given.
    pub async fn start(parts: EngineParts) -> Result<Arc<Self>, EngineError> {
        let counter = parts
            .tokenizers
            .get(DEFAULT_TOKENIZER)
            .map_err(|unknown| EngineError::invalid("tokenizers", unknown.to_string()))?;
        let engine = Arc::new(Self::of(parts, counter));
        engine.outbox.resume(Queued::stored(&engine.store)?);
        if engine.degradation {
            engine.count_standings()?;
        }
        engine.count_drift()?;
        engine.spawn_workers()?;
        engine.catch_up().await?;
        Ok(engine)
    }

    fn of(parts: EngineParts, counter: Arc<dyn TokenCounter>) -> Self {
        let unlooked = parts.degradation.then(Arc::<degradation::Unlooked>::default);
        let scans = usize::try_from(parts.limits.cohort_scans).unwrap_or(usize::MAX);
        let cohorts = Arc::new(Semaphore::new(scans.min(Semaphore::MAX_PERMITS)));
        let folds = parts.summarizer.is_some().then(Arc::default);
        Self {
            heads: heads::Heads::new(Arc::clone(&parts.store)),
            store: parts.store,
            embed: parts.embed,
            index: parts.index,
            tokenizers: parts.tokenizers,
            counter,
            ranking: parts.ranking,
            reranker: parts.reranker,
            limits: parts.limits,
            clock: parts.clock,
            creations: locks::Locks::default(),
            namespaces: locks::Locks::default(),
            derivations: Arc::default(),
            outbox: Arc::default(),
            catalogs: Arc::default(),
            turn_cache: turn_cache::TurnCache::default(),
            detector: parts.detector,
            order: parts.order,
            pins: parts.pins,
            standing: standing::StandingCache::default(),
            yielded: user_pins::YieldedPins::default(),
            ledgers: Arc::default(),
            uses: Arc::default(),
            summarizer: parts.summarizer,
            generations: parts.generations,
            fold_rules: parts.fold_rules,
            folds,
            folded: Arc::default(),
            folding: locks::Locks::default(),
            lines: parts.lines.map(Lines::new),
            watches: watching::Watches::default(),
            windows: windows::Windows::default(),
            recorder: Arc::default(),
            meter: parts.meter,
            healths: degradation::Healths::new(unlooked.clone()),
            unlooked,
            standings: Standings::default(),
            degradation: parts.degradation,
            drafts: Arc::default(),
            cohorts,
            probes: parts.probes,
            drift_settings: parts.drift,
            drift: Mutex::default(),
            tally: Tally::default(),
            closing: watch::Sender::new(false),
            workers: Mutex::new(Vec::new()),
        }
    }

    /// What derives, folds, writes lines, probes and records beside the requests.
    fn spawn_workers(self: &Arc<Self>) -> Result<(), EngineError> {
        let lines = self.lines.as_ref().map(Lines::waiting);
        let probes = (self.degradation && self.probes.share > 0.0).then(Arc::<Grown>::default);
        let deriver = Deriver {
            store: Arc::clone(&self.store),
            embed: Arc::clone(&self.embed),
            meter: Arc::clone(&self.meter),
            index: Arc::clone(&self.index),
            counter: Arc::clone(&self.counter),
            order: Arc::clone(&self.derivations),
            catalogs: Arc::clone(&self.catalogs),
            drawer: Arc::new(Drawer::new(Arc::clone(&self.store), Arc::clone(&self.detector))),
            ledgers: Arc::clone(&self.ledgers),
            uses: Arc::clone(&self.uses),
            folded: Arc::clone(&self.folded),
            generations: self.generations.clone(),
            folds: self.folds.clone(),
            lines: lines.clone(),
            probes: probes.clone(),
            engine: Arc::downgrade(self),
        };
        let closing = || self.closing.subscribe();
        let mut threads = vec![enrich::spawn(deriver, Arc::clone(&self.outbox), closing())];
        for (work, waiting) in [(Work::Fold, self.folds.clone()), (Work::Lines, lines)] {
            let Some(waiting) = waiting else { continue };
            let weak = Arc::downgrade(self);
            threads.push(enrich::spawn_beside(work, weak, waiting, closing()));
        }
        if let Some(probes) = probes {
            let weak = Arc::downgrade(self);
            threads.push(enrich::spawn_probing(weak, probes, closing()));
        }
        if let Some(unlooked) = self.unlooked.clone() {
            let weak = Arc::downgrade(self);
            threads.push(degradation::spawn_standings(weak, unlooked, closing()));
        }
        if let Some(every) = self.drift_settings.every {
            threads.push(degradation::spawn_drift(Arc::downgrade(self), every, closing()));
        }
        threads.push(degradation::spawn(
            Arc::downgrade(self),
            (Arc::clone(&self.recorder), Arc::clone(&self.meter)),
            closing(),
        ));
        let threads = threads.into_iter().collect::<Result<Vec<_>, _>>();
        let no_thread = |error| StoreError::Open(format!("no thread can be started: {error}"));
        self.workers.lock().extend(threads.map_err(no_thread)?);
        Ok(())
    }

    /// What has changed since the last time, and what was interrupted.
    async fn catch_up(self: &Arc<Self>) -> Result<(), EngineError> {
        let rebuilt = self.rebuild_if_changed().await?;
        self.fill_index_if_needed(rebuilt).await?;
        let (weak, index) = (Arc::downgrade(self), Arc::clone(&self.index));
        self.workers.lock().push(Self::spawn_refilling(weak, index, self.closing.subscribe()));
        self.draw_if_changed().await?;
        self.redraw_facts_if_changed().await?;
        self.pin_again_if_changed().await?;
        self.measure_if_changed().await?;
        self.resume_forgetting().await?;
        self.resume_deletions().await?;
        Ok(())
    }
}
