//! One batch of derivations: embed, store, index.

use std::{
    ops::{ControlFlow, Range},
    sync::{Arc, Weak},
};

use super::{
    Grown, Queued,
    commits::commits,
    delete_derived,
    events::{Drawer, Drawn},
};
use crate::{
    context::{self, TokenCounter},
    embed::EmbedService,
    engine::{
        Engine, EngineError,
        catalog::Catalogs,
        degradation::touch,
        folded::FoldedCache,
        forget::forks_of,
        ledger::Ledgers,
        locks::Locks,
        records::{Derived, Head, OutboxEntry, Task, decode, encode},
        source::{encode_vector, indexed},
        turns::scan_turns,
        uses::Uses,
    },
    index::{Branch, Passage, Segment, TurnIndex},
    retrieval,
    store::{Batch, Direction, Store, StoreError, keys, keys::Kind},
    summary::generations::Generations,
    turn::{ConversationId, Sequence, TenantId, Turn},
    usage::{Meter, Usage},
};

/// Turns read and embedded at a time within one entry: bounds memory.
pub(super) const TURNS_PER_STEP: usize = 256;
/// Bytes of vectors that are committed at a time: with the records of as many turns below
/// what one sync may cover (`docs/decisions/0001-store.md`).
const VECTOR_BYTES_PER_COMMIT: usize = 96 << 10;

/// What deriving needs.
pub(crate) struct Deriver {
    pub(crate) store: Arc<Store>,
    pub(crate) embed: Arc<EmbedService>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) index: Arc<dyn TurnIndex>,
    /// The tokenizer whose costs are kept ready.
    pub(crate) counter: Arc<dyn TokenCounter>,
    /// Held by whoever tells the index of a conversation's turns from reading
    /// the store on: what is told later must not have been read earlier.
    pub(crate) order: Arc<Locks>,
    pub(crate) catalogs: Arc<Catalogs>,
    pub(crate) drawer: Arc<Drawer>,
    pub(crate) ledgers: Arc<Ledgers>,
    pub(crate) uses: Arc<Uses>,
    pub(crate) folded: Arc<FoldedCache>,
    /// Told of erasures: what is being generated of erased turns is not kept.
    pub(crate) generations: Generations,
    /// Conversations that may have something to fold; absent where nothing
    /// folds.
    pub(crate) folds: Option<Arc<Grown>>,
    /// Conversations that may have pins without a line; absent where nothing writes any.
    pub(crate) lines: Option<Arc<Grown>>,
    /// Conversations that may be due to be probed; absent where none is.
    pub(crate) probes: Option<Arc<Grown>>,
    /// Whose facts the turns are held against.
    pub(crate) engine: Weak<Engine>,
}

/// A turn with what was derived from it.
struct Embedded {
    turn: Turn,
    passages: Vec<Passage>,
}

impl Embedded {
    fn drawn(&self) -> Drawn<'_> {
        let vector = self.passages.first().map(|passage| &*passage.vector);
        Drawn { turn: &self.turn, vector }
    }
}

impl Deriver {
    /// Does one entry, all but measuring. Can be repeated.
    ///
    /// # Errors
    /// What store, embedder or index report; nothing is half-done in a way that
    /// a repetition would not mend.
    pub(crate) async fn run(&self, queued: &Queued) -> Result<(), EngineError> {
        let (tenant, owner) = (&queued.entry.tenant, &queued.entry.owner);
        match &queued.entry.task {
            Task::Derive { from, until } | Task::Rebuild { from, until } => {
                self.derive(tenant, owner, *from, *until).await?;
            }
            // All of it is done at its end.
            Task::Measure { .. } => {}
            Task::Draw { from, until } => self.draw_again(tenant, owner, *from, *until).await?,
            Task::Index { from, until } => self.index_again(tenant, owner, *from, *until).await?,
            Task::Facts => {
                let engine = self.engine.upgrade().ok_or(EngineError::Closed)?;
                engine.redraw_facts(tenant, owner).await?;
            }
            Task::Pins { from, until } => {
                let engine = self.engine.upgrade().ok_or(EngineError::Closed)?;
                engine.pin_again(tenant, owner, *from, *until).await?;
            }
            Task::Items { namespace, key } => {
                let engine = self.engine.upgrade().ok_or(EngineError::Closed)?;
                engine.embed_items(tenant, namespace, key.as_ref()).await?;
            }
            Task::Forget { sequences } => self.forget(tenant, owner, sequences).await?,
            Task::Drop { from } => self.drop_from(tenant, owner, *from).await?,
        }
        Ok(())
    }

    /// Ends an entry that is done otherwise: measures its turns, and takes it and those
    /// that it stands for out of the store with the same batch. `since`: the store's
    /// losses before it was derived.
    ///
    /// # Errors
    /// `Store`, `TakenBack` among it; `Closed`.
    pub(super) async fn end(
        &self,
        whole: &Queued,
        covered: &[Queued],
        since: u64,
    ) -> Result<(), EngineError> {
        let (tenant, owner) = (&whole.entry.tenant, &whole.entry.owner);
        let mut batch = Batch::new();
        let mut measured = None;
        if let Some((from, until)) = whole.measured() {
            let engine = self.engine.upgrade().ok_or(EngineError::Closed)?;
            let signals;
            (batch, signals) = engine.measure_turns(tenant, owner, from, until)?;
            measured = Some((engine, from, signals));
        }
        covered.iter().for_each(|queued| batch.delete(keys::outbox(queued.id)));
        self.store.commit_behind(batch, since).await?;
        let Some((engine, from, signals)) = measured else { return Ok(()) };
        // Nobody has looked at turns that are new, and none of them was counted.
        if matches!(whole.entry.task, Task::Derive { .. }) {
            signals.iter().for_each(|signals| engine.tally().turn(tenant, signals));
            engine.measured_first(tenant, owner);
        } else {
            engine.measured_again(tenant, owner, from);
        }
        Ok(())
    }

    /// Conversations that have grown may be due to be probed; those, and such as lost a
    /// summary with its turns, may have something to fold, and pins without a line. So may
    /// the forks that shared the turns. To be called when the outbox knows that they are
    /// scored.
    pub(super) fn follow(&self, done: &[Queued]) {
        for queued in done {
            let entry = &queued.entry;
            for grown in [&self.folds, &self.lines].into_iter().flatten() {
                if queued.grows() {
                    grown.push(&entry.tenant, &entry.owner);
                }
            }
            if let (Some(probes), Task::Derive { .. }) = (&self.probes, &entry.task) {
                probes.push(&entry.tenant, &entry.owner);
            }
            if let (Some(folds), Task::Forget { sequences }) = (&self.folds, &entry.task) {
                self.follow_forks(folds, entry, sequences);
            }
        }
    }

    /// Behind the owner: what it folds again of the turns that it stores they share.
    fn follow_forks(&self, folds: &Grown, entry: &OutboxEntry, erased: &[Sequence]) {
        match forks_of(&self.store, &entry.tenant, &entry.owner) {
            Ok(forks) => {
                let first = erased.iter().min().copied().unwrap_or(Sequence::MAX);
                let sharing = forks.iter().filter(|(_, until)| *until >= first);
                sharing.for_each(|(fork, _)| folds.push(&entry.tenant, fork));
            }
            Err(error) => tracing::warn!(%error, "forks fold again when they grow"),
        }
    }

    /// Draws the events of turns again, from the turns and vectors in the store.
    async fn draw_again(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        from: Sequence,
        until: Sequence,
    ) -> Result<(), EngineError> {
        let head_key = keys::head(tenant, owner);
        let mut next = from;
        while next <= until {
            let last = until.min(next + TURNS_PER_STEP as u64 - 1);
            let _order = self.order.lock(&head_key).await;
            let Some(head) = self.head(&head_key)? else { break };
            let mut batch = Batch::new();
            let branch = head.branch(tenant, owner);
            self.drawer.draw_again(&branch, owner, next, last, &mut batch)?;
            self.store.commit(batch).await?;
            self.ledgers.rewritten(tenant, owner, next);
            next = last + 1;
        }
        Ok(())
    }

    pub(super) fn head(&self, key: &[u8]) -> Result<Option<Head>, StoreError> {
        self.store.get(key)?.map(|bytes| decode(key, &bytes)).transpose()
    }

    async fn derive(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        from: Sequence,
        until: Sequence,
    ) -> Result<(), EngineError> {
        let mut next = from;
        while next <= until {
            let turns = self.read(tenant, owner, next, until)?;
            let Some(last) = turns.last() else { break };
            next = last.sequence + 1;
            let live: Vec<Turn> = turns.into_iter().filter(|turn| !turn.forgotten).collect();
            if live.is_empty() {
                continue;
            }
            let most = VECTOR_BYTES_PER_COMMIT / (self.embed.model().dimensions.max(1) * 4);
            let embedded = self.embed(tenant, owner, live).await?;
            // A turn without passages has a record too.
            let weight = |turn: &Embedded| turn.passages.len().max(1);
            for embedded in commits(embedded, most, weight) {
                self.keep(tenant, owner, embedded).await?;
            }
        }
        let engine = self.engine.upgrade().ok_or(EngineError::Closed)?;
        engine.hear_turns(tenant, owner, from, until).await?;
        engine.pin_detected(tenant, owner, from, until).await
    }

    /// Stores what was derived of some turns, and tells the index of them.
    #[tracing::instrument(level = "debug", skip_all)]
    async fn keep(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        embedded: Vec<Embedded>,
    ) -> Result<(), EngineError> {
        let head_key = keys::head(tenant, owner);
        let _order = self.order.lock(&head_key).await;
        let mut batch = self.records(tenant, owner, &embedded)?;
        // A conversation deleted meanwhile is struck by its own entry.
        let Some(head) = self.head(&head_key)? else { return Ok(()) };
        let drawn: Vec<Drawn<'_>> = embedded.iter().map(Embedded::drawn).collect();
        self.drawer.draw(&head.branch(tenant, owner), owner, &drawn, &mut batch)?;
        self.uses.write(&self.store, &mut batch, tenant, owner)?;
        // Made again if it is lost: its entry is in the store until [`Deriver::end`].
        self.store.commit_soon(batch).await?;
        if let Some(first) = embedded.first() {
            self.ledgers.rewritten(tenant, owner, first.turn.sequence);
        }
        let turns = embedded
            .into_iter()
            .map(|Embedded { turn, passages }| indexed(&turn, passages))
            .collect();
        Ok(self.index.upsert(tenant, owner, &head.user_id, turns).await?)
    }

    fn read(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        from: Sequence,
        until: Sequence,
    ) -> Result<Vec<Turn>, StoreError> {
        let own = Branch {
            tenant: tenant.clone(),
            conversation: owner.clone(),
            segments: vec![Segment { conversation: owner.clone(), from, until }],
        };
        let mut turns = Vec::new();
        scan_turns(&self.store, &own, from, until, Direction::Forward, &mut |turn| {
            turns.push(turn);
            Ok(if turns.len() < TURNS_PER_STEP {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            })
        })?;
        Ok(turns)
    }

    #[tracing::instrument(level = "debug", skip_all)]
    async fn embed(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        turns: Vec<Turn>,
    ) -> Result<Vec<Embedded>, EngineError> {
        let mut texts = Vec::new();
        let mut spans = Vec::new();
        for (position, turn) in turns.iter().enumerate() {
            let text = turn.searchable_text();
            for (range, text) in passage_texts(&self.embed, &turn.speaker, &text) {
                texts.push(text);
                spans.push((position, range));
            }
        }
        let tokens = texts.iter().map(|text| u64::from(self.counter.count(text)));
        let embedded_tokens = tokens.sum();
        let vectors = self.embed.passages(tenant, texts).await?;
        self.meter.add(tenant, Some(owner), &Usage { embedded_tokens, ..Usage::default() });
        let mut embedded: Vec<Embedded> =
            turns.into_iter().map(|turn| Embedded { turn, passages: Vec::new() }).collect();
        for ((position, range), vector) in spans.into_iter().zip(vectors) {
            if let Some(of_turn) = embedded.get_mut(position) {
                // A turn has at most 1 MiB of text.
                let (start, end) = (range.start as u32, range.end as u32);
                of_turn.passages.push(Passage { start, end, vector });
            }
        }
        Ok(embedded)
    }

    fn records(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        embedded: &[Embedded],
    ) -> Result<Batch, StoreError> {
        let mut batch = Batch::new();
        let mut was_measured = false;
        for Embedded { turn, passages } in embedded {
            let signals = keys::at_sequence(tenant, owner, Kind::Signals, turn.sequence);
            was_measured |= self.store.get(&signals)?.is_some();
            // Old passages of another split must not survive.
            delete_derived(&self.store, &mut batch, tenant, owner, turn.sequence)?;
            for (number, passage) in passages.iter().enumerate() {
                let number = u16::try_from(number).unwrap_or(u16::MAX);
                let key = keys::vector(tenant, owner, turn.sequence, number);
                batch.put(key, encode_vector(&passage.vector));
            }
            let cost = context::turn_cost(turn, self.counter.as_ref());
            let derived = Derived {
                embedding: self.embed.version(),
                passages: passages.iter().map(|passage| (passage.start, passage.end)).collect(),
                rendering: context::RENDERING_VERSION,
                costs: vec![(self.counter.name().to_owned(), cost)],
                cues: retrieval::CUES_VERSION,
                traits: retrieval::TurnTraits::of(turn),
            };
            let key = keys::at_sequence(tenant, owner, Kind::Derived, turn.sequence);
            batch.put(key, encode(&derived)?);
        }
        // Until they are measured again cohorts have nothing of these turns.
        if was_measured {
            touch(&mut batch, tenant, owner)?;
        }
        Ok(batch)
    }
}

/// What is embedded of a turn: its passages, each led by the speaker's name
/// where there is one, with their byte ranges in the searchable text.
pub(crate) fn passage_texts(
    embed: &EmbedService,
    speaker: &str,
    text: &str,
) -> Vec<(Range<usize>, String)> {
    let ranges = embed.split(text).into_iter();
    ranges
        .filter_map(|range| {
            let passage = text.get(range.clone())?;
            let led = match speaker {
                "" => passage.to_owned(),
                speaker => format!("{speaker}: {passage}"),
            };
            Some((range, led))
        })
        .collect()
}
