//! Pins that the service draws from the turns of users.
//!
//! Invariants: derived: a pin's id follows from its turn and place, so that the
//! same turns give the same pins however often they are read; what the caller
//! pinned, changed or unpinned is never touched, doubled or pinned again, and an
//! edge of a pin that they rejected is not drawn when the pin is drawn again; an
//! edge that the detector draws never retires a caller's fact; the revision of a
//! conversation does not grow by what is derived.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::ControlFlow,
    sync::Arc,
};

use super::{
    Engine, EngineError, KeptFact, NewFact,
    detected_edges::draw_among,
    fact_records::{delete_facts, put_fact},
    heads::Cell,
    pin_rejections::PinRejections,
    records::{Head, decode, encode},
    said::SaidTurns,
    turns::scan_turns,
};
use crate::{
    facts::{
        Fact, Origin, Owner, Statement,
        detect::{self, Found, Live, PinDetector},
        is_replaced,
    },
    index::Branch,
    store::{Batch, Direction, keys, keys::Kind},
    turn::{ConversationId, FactId, Role, Sequence, TenantId, Turn},
};

/// Pins of the detector, of those that are kept and of the others, that are
/// stored for each that may be live: those that are displaced may come back when
/// others are replaced.
const STORED_FOR_LIVE: usize = 6;

/// What the service pins by itself.
#[derive(Clone, Debug)]
pub struct PinSettings {
    /// What finds pins; without one nothing is pinned, and what was is not shown.
    pub detector: Option<Arc<PinDetector>>,
    /// How many stand in windows.
    pub live: Live,
    /// Least probability of a pin, 0 to 1, where the weights ask for less.
    pub min_probability: f32,
}

impl PinSettings {
    /// Live pins of a conversation if nothing else is said.
    pub const DEFAULT_LIVE: usize = 10;

    /// With a detector, as it is by default.
    pub fn with(detector: PinDetector) -> Self {
        let live = Live { at_most: Self::DEFAULT_LIVE };
        Self { detector: Some(Arc::new(detector)), live, min_probability: 0.0 }
    }

    /// Nothing is pinned but what the caller pins.
    pub fn off() -> Self {
        let live = Live { at_most: Self::DEFAULT_LIVE };
        Self { detector: None, live, min_probability: 0.0 }
    }

    /// Whether sentences are embedded for the detector: it reads vectors of one model.
    pub(super) fn reads_vectors(&self, model: &str) -> bool {
        self.detector.as_ref().is_some_and(|detector| detector.embedding() == model)
    }

    /// What the pins in the store depend on.
    pub(super) fn version(&self) -> Option<(u32, u32)> {
        let detector = self.detector.as_ref()?;
        Some((detector.version(), self.min_probability.to_bits()))
    }
}

/// A sentence of a turn that is to be pinned.
struct Proposal {
    turn: Sequence,
    /// When the turn was taken in: pins sort by it.
    taken_in: i64,
    text: String,
    found: Found,
}

impl Engine {
    /// Pins what the detector finds in the user turns of a range.
    ///
    /// # Errors
    /// `Store`.
    #[tracing::instrument(level = "debug", skip_all)]
    pub(crate) async fn pin_detected(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        from: Sequence,
        until: Sequence,
    ) -> Result<(), EngineError> {
        let Some(detector) = self.pins.detector.clone() else { return Ok(()) };
        let cell = self.heads.cell(tenant, id)?;
        let Some(head) = cell.stored().filter(|head| !head.deleted) else { return Ok(()) };
        let proposals = self.proposals(&cell, &head, &detector, (from, until)).await?;
        if proposals.is_empty() {
            return Ok(());
        }
        let writer = cell.write().await;
        let Some(head) = cell.stored().filter(|head| !head.deleted) else { return Ok(()) };
        let mut facts = self.read_facts(tenant, id)?;
        let before: Vec<Fact> = facts.clone();
        let turns = SaidTurns::new(self, &cell, &head);
        let rejections = self.pin_rejections(&cell, &facts)?;
        let mut of_user = Vec::new();
        for proposal in proposals {
            // One that was pinned before the service broke off may still have to replace
            // others elsewhere.
            of_user.extend(facts.iter().filter(|fact| is_users_of(fact, &proposal)).cloned());
            let known = |fact: &Fact| covers(fact, &proposal) || same_words(fact, &proposal);
            let full = facts.len() as u64 >= self.limits.facts_per_conversation;
            if full || facts.iter().any(known) || self.is_unpinned(&cell, &proposal)? {
                continue;
            }
            let fact = self.detected_fact(
                (&cell, &head, &turns),
                until,
                proposal,
                (&mut facts, &rejections),
            )?;
            let Some(fact) = fact else {
                continue;
            };
            if fact.owner == Owner::User {
                of_user.push(fact.clone());
            }
            facts.push(fact);
        }
        let known: HashMap<&FactId, &Fact> = before.iter().map(|fact| (&fact.id, fact)).collect();
        let mut batch = Batch::new();
        for fact in facts.iter().filter(|fact| known.get(&fact.id) != Some(fact)) {
            put_fact(&mut batch, &cell, fact)?;
        }
        let doomed = self.surplus(&facts);
        if !doomed.is_empty() {
            // They may be drawn again one day.
            rejections.put(&mut batch, &cell)?;
        }
        let stored = facts.len() as u64;
        let removed =
            delete_facts(&mut batch, &cell, facts, &[], |fact| doomed.contains(&fact.id))?;
        if batch.is_empty() {
            drop(writer);
        } else {
            let next = Head { facts: stored - removed, ..Head::clone(&head) };
            self.commit_head(writer, next, batch, None).await?;
            self.windows.forget(tenant, id);
        }
        of_user.retain(|fact| !doomed.contains(&fact.id));
        self.hold_elsewhere(&cell, &of_user, None).await
    }

    /// Takes the pins of other versions of the detector out and reads the turns
    /// of a range again.
    ///
    /// # Errors
    /// `Store`.
    pub(crate) async fn pin_again(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        from: Sequence,
        until: Sequence,
    ) -> Result<(), EngineError> {
        let current = self.pins.detector.as_ref().map(|detector| detector.version());
        let cell = self.heads.cell(tenant, id)?;
        let writer = cell.write().await;
        let Some(head) = cell.stored().filter(|head| !head.deleted) else { return Ok(()) };
        let least = self.pins.min_probability;
        let outdated = |fact: &Fact| {
            let Origin::Detector { version, probability } = fact.origin else { return false };
            let in_range = fact.source.is_some_and(|source| (from..=until).contains(&source));
            in_range && (Some(version) != current || probability < least)
        };
        let facts = self.read_facts(tenant, id)?;
        let rejections = self.pin_rejections(&cell, &facts)?;
        let mut batch = Batch::new();
        let removed = delete_facts(&mut batch, &cell, facts, &[], outdated)?;
        if removed > 0 {
            rejections.put(&mut batch, &cell)?;
            let next = Head { facts: head.facts.saturating_sub(removed), ..Head::clone(&head) };
            self.commit_head(writer, next, batch, None).await?;
            self.windows.forget(tenant, id);
        } else {
            drop(writer);
        }
        self.pin_detected(tenant, id, from, until).await
    }

    /// What the detector finds in the user turns of a range.
    async fn proposals(
        &self,
        cell: &Cell,
        head: &Head,
        detector: &PinDetector,
        (from, until): (Sequence, Sequence),
    ) -> Result<Vec<Proposal>, EngineError> {
        let branch = cell.branch(head);
        let mut turns: Vec<Turn> = Vec::new();
        scan_turns(&self.store, &branch, from, until, Direction::Forward, &mut |turn| {
            if turn.role == Role::User && !turn.forgotten && turn.sequence <= head.last_sequence {
                turns.push(turn);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let last = until.min(head.last_sequence);
        let is_named = |turn: &Turn| !turn.speaker.is_empty();
        if turns.iter().any(is_named) && !self.has_assistant(&branch, last)? {
            // In talk between people nobody is the user whom a pin would speak for.
            turns.retain(|turn| !is_named(turn));
        }
        let texts: Vec<String> = turns.iter().map(Turn::searchable_text).collect();
        let reads_vectors = self.pins.reads_vectors(&self.embed.model().name);
        let sentences = texts.iter().filter(|_| reads_vectors);
        let sentences = sentences.flat_map(|text| PinDetector::sentences(text));
        let sentences = sentences.map(str::to_owned).collect();
        // Of all turns at once, so that they share batches.
        let vectors = self.embed.passages(&cell.tenant, sentences).await?;
        let mut rest = &vectors[..];
        let mut all = Vec::new();
        for (turn, text) in turns.iter().zip(&texts) {
            let count = PinDetector::sentences(text).len();
            let (of_turn, behind) = rest.split_at(count.min(rest.len()));
            rest = behind;
            for found in detector.detect(text, of_turn, self.pins.min_probability) {
                let (start, end) = found.span;
                let text = text.get(start as usize..end as usize).unwrap_or("").to_owned();
                let taken_in = turn.created_at.as_millisecond();
                all.push(Proposal { turn: turn.sequence, taken_in, text, found });
            }
        }
        Ok(all)
    }

    /// Whether an assistant has spoken up to a turn.
    fn has_assistant(&self, branch: &Branch, until: Sequence) -> Result<bool, EngineError> {
        let catalog = self.catalogs.of(branch);
        let state = catalog.covering(&self.store, until, self.counter.as_ref())?;
        let mut said = state.traits().iter().take_while(|traits| traits.sequence <= until);
        Ok(said.any(|traits| traits.role == Role::Assistant))
    }

    /// The fact of a proposal, with its edges; nothing if its turn has gone
    /// meanwhile.
    fn detected_fact(
        &self,
        (cell, head, turns): (&Cell, &Head, &SaidTurns<'_>),
        until: Sequence,
        proposal: Proposal,
        (facts, rejections): (&mut [Fact], &PinRejections),
    ) -> Result<Option<Fact>, EngineError> {
        let Proposal { turn, taken_in, text, found } = proposal;
        if text.len() as u64 > self.limits.fact_bytes {
            return Ok(None);
        }
        let new = NewFact {
            kind: found.sort.kind(),
            text,
            required: found.sort.is_required(found.probability),
            source: Some(turn),
            source_span: Some(found.span),
            request_id: String::new(),
            says: Statement::default(),
            owner: if found.sort.is_of_user() { Owner::User } else { Owner::Conversation },
        };
        let id = fact_id(&cell.tenant, &cell.id, taken_in, turn, found.span);
        if facts.iter().any(|fact| fact.id == id) {
            return Ok(None);
        }
        let kept = KeptFact {
            id: Some(id),
            known_turn: Some(turn),
            detected: Some(found.probability),
            ..KeptFact::default()
        };
        let mut fact = match self.new_fact(cell, head, (turns, &BTreeSet::new()), new, Some(kept)) {
            Ok(fact) => fact,
            // Forgotten since it was read.
            Err(EngineError::Invalid(_)) => return Ok(None),
            Err(other) => return Err(other),
        };
        rejections.apply(&mut fact, facts);
        draw_among(&mut fact, facts);
        // Turns that are still to be enriched hear the fact themselves.
        let heard = until.max(self.indexed_sequence(cell, head)).min(head.last_sequence);
        self.hear_all(turns, heard, (&mut fact, &BTreeSet::new()), facts)?;
        Ok(Some(fact))
    }

    /// Who pins, given how sure a detector is.
    pub(super) fn origin_of(&self, detected: Option<f32>) -> Origin {
        let version = || self.pins.detector.as_ref().map_or(0, |detector| detector.version());
        detected.map_or(Origin::Caller, |probability| Origin::Detector {
            version: version(),
            probability,
        })
    }

    /// The pins beyond what is stored, the least useful of those that are kept, of rules
    /// for every answer, and of the others.
    fn surplus(&self, facts: &[Fact]) -> HashSet<FactId> {
        let stored = self.pins.live.at_most.saturating_mul(STORED_FOR_LIVE);
        let (mut kept, mut rules, mut open) = (Vec::new(), Vec::new(), Vec::new());
        for fact in facts {
            let Origin::Detector { probability, .. } = fact.origin else { continue };
            let used = detect::use_of(fact, probability, Sequence::MAX);
            let used = if is_replaced(fact) { used - 1.0 } else { used };
            let of_sort = match fact.for_every_answer {
                _ if detect::is_kept(fact) => &mut kept,
                true => &mut rules,
                false => &mut open,
            };
            of_sort.push((used, &fact.id));
        }
        let beyond = [kept, rules, open].into_iter().flat_map(|mut pins: Vec<(f32, &FactId)>| {
            pins.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(a.1)));
            pins.into_iter().skip(stored)
        });
        beyond.map(|(_, id)| id.clone()).collect()
    }

    /// Notes that the caller unpinned what the detector had pinned.
    pub(super) fn note_unpinned(
        &self,
        batch: &mut Batch,
        cell: &Cell,
        fact: &Fact,
    ) -> Result<(), EngineError> {
        let (Some(source), Some(span)) = (fact.source, fact.source_span) else { return Ok(()) };
        let key = keys::at_sequence(&cell.tenant, &cell.id, Kind::Unpinned, source);
        let mut spans: Vec<(u32, u32)> = match self.store.get(&key)? {
            Some(bytes) => decode(&key, &bytes)?,
            None => Vec::new(),
        };
        spans.push(span);
        batch.put(key, encode(&spans)?);
        Ok(())
    }

    fn is_unpinned(&self, cell: &Cell, proposal: &Proposal) -> Result<bool, EngineError> {
        let key = keys::at_sequence(&cell.tenant, &cell.id, Kind::Unpinned, proposal.turn);
        let Some(bytes) = self.store.get(&key)? else { return Ok(false) };
        let spans: Vec<(u32, u32)> = decode(&key, &bytes)?;
        Ok(spans.iter().any(|span| overlap(*span, proposal.found.span)))
    }
}

/// Whether a fact was pinned from these words of the turn.
fn covers(fact: &Fact, proposal: &Proposal) -> bool {
    fact.source == Some(proposal.turn)
        && fact.source_span.is_none_or(|span| overlap(span, proposal.found.span))
}

/// Whether a fact is the pin of these words of the turn, the user's, and holds.
fn is_users_of(fact: &Fact, proposal: &Proposal) -> bool {
    let of_user = fact.owner == Owner::User && fact.origin.is_detector();
    of_user && covers(fact, proposal) && !is_replaced(fact)
}

/// Whether a fact that holds says the same.
fn same_words(fact: &Fact, proposal: &Proposal) -> bool {
    !is_replaced(fact) && detect::repeats(fact, &proposal.text, proposal.found.sort.kind())
}

/// Whether two spans of one text have words in common.
pub(super) fn overlap(a: (u32, u32), b: (u32, u32)) -> bool {
    a.0 < b.1 && b.0 < a.1
}

/// The id of a pin: a UUIDv7 of the time when its turn was taken in, and of where
/// it stands.
fn fact_id(
    tenant: &TenantId,
    conversation: &ConversationId,
    taken_in: i64,
    turn: Sequence,
    span: (u32, u32),
) -> FactId {
    let place = format!("{tenant}/{conversation}/{turn}/{}/{}", span.0, span.1);
    let hash = blake3::hash(place.as_bytes());
    let mut random = [0; 10];
    random.copy_from_slice(&hash.as_bytes()[..10]);
    // Turns taken in together sort by their place.
    random[..2].copy_from_slice(&(turn as u16).to_be_bytes());
    let millis = u64::try_from(taken_in).unwrap_or(0);
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    FactId::new(&id.to_string()).unwrap_or_else(|_| FactId::generate())
}
