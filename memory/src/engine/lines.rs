//! Lines for pins: which pin gets one next, what it is written of, and how it is kept.
//!
//! Asked for are the pins that stand in windows and are the words of a turn: those of the
//! detector, and those of the caller that name the place. A fork takes the lines of the
//! turns that it shares.
//!
//! Invariants: a pin is asked for once by each version of what writes, also across a
//! restart, but where the model was busy, late or away; a line of turns that were erased
//! meanwhile is not kept; a line of a user's pin lends the user's authority to nothing that
//! the assistant said; the revision of a conversation does not grow by a line.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    Engine, EngineError, PinnedFact,
    commit::Publish,
    fold_due::wait_left,
    pin_lines::{PinLine, PinLines, place_of},
    records::encode,
    scopes::Scope,
    standing::StandingFacts,
    summaries::source_turn,
    turns::{scan_turns, segment_of},
};
use crate::{
    enrich::{Grown, Step},
    facts::{AUTHORITY_VERSION, Fact, Line, LineSource, LineVersion, WriteLine},
    index::Branch,
    store::{Batch, Direction, keys},
    summary::SourceTurn,
    turn::{ConversationId, Role, Sequence, TenantId, Turn},
};

/// Turns before a pin's that its line is written with.
const TURNS_BEFORE: Sequence = 6;
/// Bytes of each of them, the last ones: nearest to what is said next.
const BYTES_BEFORE: usize = 800;
/// Bytes of the pin's turn on either side of its words.
const BYTES_AROUND: usize = 1_000;

/// What writes lines, and which conversations wait for it.
pub(super) struct Lines {
    writer: Arc<dyn WriteLine>,
    waiting: Arc<Grown>,
}

impl Lines {
    pub(super) fn new(writer: Arc<dyn WriteLine>) -> Self {
        Self { writer, waiting: Arc::default() }
    }

    /// What lines are written and checked by.
    fn version(&self) -> LineVersion {
        let by = self.writer.version();
        LineVersion { check: format!("{} {AUTHORITY_VERSION}", by.check), ..by }
    }

    /// The conversations that wait.
    pub(super) fn waiting(&self) -> Arc<Grown> {
        Arc::clone(&self.waiting)
    }
}

/// A line that is to be kept.
struct Made {
    kept: PinLine,
    /// The turns that it was made of.
    read: Vec<Sequence>,
    /// It shows something else than before.
    is_news: bool,
}

impl Engine {
    /// A conversation may have pins without a line.
    pub(super) fn may_lack_lines(&self, tenant: &TenantId, id: &ConversationId) {
        if let Some(lines) = &self.lines {
            lines.waiting.push(tenant, id);
        }
    }

    /// Conversations with pins, so many at most.
    pub(crate) fn pinned_conversations(
        &self,
        at_most: usize,
    ) -> Result<Vec<(TenantId, ConversationId)>, EngineError> {
        self.conversations_of(at_most, |_, _, head| Ok(head.facts > 0))
    }

    /// Has the line of the next pin written that is due, and takes out the lines of pins
    /// that are gone, changed or replaced.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub(crate) async fn line_once(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Step, EngineError> {
        let Some(lines) = &self.lines else { return Ok(Step::Nothing) };
        let erasures = self.generations.erasures(tenant, id).await;
        let scope = self.scope(tenant, id)?;
        let cell = self.heads.cell(tenant, id)?;
        let kept = self.read_pin_lines(tenant, id)?;
        let facts = self.standing_facts(&cell, &scope.head, Sequence::MAX)?;
        self.drop_lines_of_nothing(&scope, &facts, &kept).await?;
        let (by, now) = (lines.version(), (self.clock)());
        let mut later: Option<Duration> = None;
        for pinned in in_order(&facts) {
            let fact = &pinned.fact;
            let known = kept.of(fact);
            match due(known, &by, now) {
                None => {}
                Some(left) if !left.is_zero() => {
                    later = Some(later.map_or(left, |least| least.min(left)));
                }
                Some(_) => {
                    let Some(source) = self.line_source(&scope, fact, erasures)? else { continue };
                    let made = self.make_line(&scope, fact, known, &source).await?;
                    self.keep_line(&scope, made, erasures).await?;
                    return Ok(Step::Made);
                }
            }
        }
        Ok(later.map_or(Step::Nothing, Step::Later))
    }

    /// Takes lines out that no fact which holds has the words of.
    async fn drop_lines_of_nothing(
        &self,
        scope: &Scope,
        facts: &StandingFacts,
        kept: &PinLines,
    ) -> Result<(), EngineError> {
        let holds = |pinned: &&PinnedFact| pinned.standing.retired.is_none();
        let holding: Vec<&Fact> = facts.iter().filter(holds).map(|pinned| &pinned.fact).collect();
        let Branch { tenant, conversation: id, .. } = &scope.branch;
        let mut batch = Batch::new();
        for one in kept.all().filter(|one| !holding.iter().any(|fact| one.is_of(fact))) {
            batch.delete(keys::pin_line(tenant, id, one.place.0, one.place.1));
        }
        if batch.is_empty() {
            return Ok(());
        }
        let writer = self.heads.cell(tenant, id)?.write().await;
        self.commit(writer, batch, Vec::new(), Publish::Nothing).await
    }

    /// What the line of a fact is written of; nothing if the fact is not, word for word,
    /// what a user or the assistant said in a turn that is there.
    fn line_source(
        &self,
        scope: &Scope,
        fact: &Fact,
        erasures: u64,
    ) -> Result<Option<LineSource>, EngineError> {
        let Some((source, (start, end))) = place_of(fact) else { return Ok(None) };
        let (start, end) = (start as usize, end as usize);
        let turn = self.read_turn(&scope.branch, source)?.filter(|turn| !turn.forgotten);
        let Some(turn) = turn.filter(|turn| is_talk(turn.role)) else { return Ok(None) };
        let Some(mut said) = source_turn(&turn) else { return Ok(None) };
        if said.text.get(start..end) != Some(fact.text.as_str()) {
            return Ok(None);
        }
        said.text = part(&said.text, start.saturating_sub(BYTES_AROUND), end + BYTES_AROUND);
        let mut turns: Vec<SourceTurn> = Vec::new();
        let before = &mut |turn: Turn| {
            let said = source_turn(&turn).filter(|_| !turn.forgotten && is_talk(turn.role));
            turns.extend(said.map(|mut said| {
                let last = said.text.len().saturating_sub(BYTES_BEFORE);
                said.text = part(&said.text, last, said.text.len());
                said
            }));
            Ok(ControlFlow::Continue(()))
        };
        let from = source.saturating_sub(TURNS_BEFORE).max(1);
        let until = source.saturating_sub(1);
        scan_turns(&self.store, &scope.branch, from, until, Direction::Forward, before)?;
        turns.push(said);
        Ok(Some(LineSource {
            tenant: scope.branch.tenant.clone(),
            conversation: scope.branch.conversation.clone(),
            erasures,
            turns,
            words: fact.text.clone(),
            kind: fact.kind,
        }))
    }

    /// Takes the line of the conversation that a shared turn is from, or has it written.
    async fn make_line(
        &self,
        scope: &Scope,
        fact: &Fact,
        known: Option<&PinLine>,
        source: &LineSource,
    ) -> Result<Made, EngineError> {
        let lines = self.lines.as_ref().ok_or(EngineError::Closed)?;
        let by = lines.version();
        let read: Vec<Sequence> = source.turns.iter().map(|turn| turn.sequence).collect();
        let shown = known.and_then(|known| known.line.as_ref());
        if let Some(kept) = self.line_of_shared(scope, fact, &by)? {
            let is_news = kept.line.as_ref() != shown;
            return Ok(Made { kept, read, is_news });
        }
        let place = place_of(fact).ok_or(EngineError::Closed)?;
        let mut kept = PinLine {
            place,
            words: keys::digest(fact.text.as_bytes()),
            read_from: read.first().copied().unwrap_or(place.0),
            by: by.clone(),
            attempts: 0,
            made_at: (self.clock)(),
            line: None,
            rejected: Vec::new(),
        };
        match lines.writer.write(source).await {
            Ok(draft) => {
                let draft = draft.by_authority(source);
                let (tenant, id) = (&source.tenant, &source.conversation);
                // No words of turns stand in a log: ListFacts tells what was written.
                if !draft.rejected.is_empty() {
                    let (rejected, taken) = (draft.rejected.len(), draft.line.is_some());
                    tracing::info!(%tenant, %id, fact = %fact.id, rejected, taken,
                        "of the lines of a pin some could not be used");
                }
                let line = |(text, faithfulness)| Line { text, model: by.model, faithfulness };
                kept.line = draft.line.map(line);
                kept.rejected = draft.rejected;
            }
            Err(error) => {
                let before = known.filter(|known| known.by == kept.by);
                kept.attempts = before.map_or(0, |known| known.attempts).saturating_add(1);
                tracing::warn!(%error, attempts = kept.attempts, "a line of a pin waits");
                if let Some(known) = known {
                    kept.read_from = kept.read_from.min(known.read_from);
                    kept.line.clone_from(&known.line);
                    kept.rejected.clone_from(&known.rejected);
                }
            }
        }
        let is_news = kept.line.as_ref() != shown;
        Ok(Made { kept, read, is_news })
    }

    /// What the conversation that holds the turn has for the same words, if its model has
    /// answered for them.
    fn line_of_shared(
        &self,
        scope: &Scope,
        fact: &Fact,
        by: &LineVersion,
    ) -> Result<Option<PinLine>, EngineError> {
        let Branch { tenant, conversation, .. } = &scope.branch;
        let Some(place) = place_of(fact) else { return Ok(None) };
        let Some(segment) = segment_of(&scope.branch, place.0) else { return Ok(None) };
        if segment.conversation == *conversation {
            return Ok(None);
        }
        let theirs = self.pin_line_of(tenant, &segment.conversation, place)?;
        Ok(theirs.filter(|kept| kept.is_of(fact) && kept.by == *by && kept.attempts == 0))
    }

    /// Keeps a line, unless its pin is gone, or a turn that it may tell of was erased.
    async fn keep_line(&self, scope: &Scope, made: Made, erasures: u64) -> Result<(), EngineError> {
        let Branch { tenant, conversation: id, .. } = &scope.branch;
        let cell = self.heads.cell(tenant, id)?;
        let mut writer = cell.write().await;
        cell.head()?;
        let unerased = self.generations.unerased(tenant, id, erasures).await;
        let Some(unerased) = unerased else { return Ok(()) };
        writer.hold([unerased]);
        let mut batch = Batch::new();
        for sequence in &made.read {
            let turn = self.read_turn(&scope.branch, *sequence)?;
            if turn.is_none_or(|turn| turn.forgotten) {
                // Of another conversation's turn, whose erasure is still under way here.
                return Ok(());
            }
        }
        if !self.read_facts(tenant, id)?.iter().any(|fact| made.kept.is_of(fact)) {
            return Ok(());
        }
        let (sequence, span) = made.kept.place;
        batch.put(keys::pin_line(tenant, id, sequence, span), encode(&made.kept)?);
        self.commit(writer, batch, Vec::new(), Publish::Nothing).await?;
        if made.is_news {
            self.windows.forget(tenant, id);
        }
        Ok(())
    }
}

/// The pins that stand in windows and name words of a turn, those that always do first,
/// then the newest.
fn in_order(facts: &StandingFacts) -> Vec<&PinnedFact> {
    let stands = |pinned: &&PinnedFact| {
        let live = pinned.standing.retired.is_none() && !pinned.standing.displaced;
        live && place_of(&pinned.fact).is_some()
    };
    let mut pins: Vec<&PinnedFact> = facts.iter().rev().filter(stands).collect();
    pins.sort_by_key(|pinned| !pinned.fact.is_always_in());
    pins
}

/// How long it is until a line is to be written; nothing if what there is stays.
fn due(known: Option<&PinLine>, by: &LineVersion, now: Timestamp) -> Option<Duration> {
    match known {
        Some(known) if known.by == *by => wait_left(known.attempts, known.made_at, now),
        _ => Some(Duration::ZERO),
    }
}

/// Who talks. What tools and the application say is nobody's to be taken for the user's.
fn is_talk(role: Role) -> bool {
    match role {
        Role::User | Role::Assistant => true,
        Role::System | Role::Tool => false,
    }
}

/// A part of a text, at the characters next to these bytes.
fn part(text: &str, start: usize, end: usize) -> String {
    let (start, end) = (text.ceil_char_boundary(start), text.floor_char_boundary(end));
    text.get(start..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(prompt: u32) -> LineVersion {
        LineVersion { model: "m".to_owned(), prompt, ..LineVersion::default() }
    }

    fn kept(prompt: u32, attempts: u32) -> PinLine {
        PinLine {
            place: (3, (0, 4)),
            words: [0; 16],
            read_from: 1,
            by: by(prompt),
            attempts,
            made_at: Timestamp::UNIX_EPOCH,
            line: None,
            rejected: Vec::new(),
        }
    }

    #[test]
    fn what_has_answered_is_not_asked_again_and_another_version_is() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(due(None, &by(1), at(0)), Some(Duration::ZERO));
        assert_eq!(due(Some(&kept(1, 0)), &by(1), at(1 << 30)), None);
        assert_eq!(due(Some(&kept(1, 0)), &by(2), at(0)), Some(Duration::ZERO));
        // It was busy: a minute later, and not for ever.
        assert_eq!(due(Some(&kept(1, 1)), &by(1), at(20)), Some(Duration::from_secs(40)));
        assert_eq!(due(Some(&kept(1, 9)), &by(1), at(1 << 30)), None);
        assert_eq!(due(Some(&kept(1, 9)), &by(2), at(0)), Some(Duration::ZERO));
    }

    #[test]
    fn texts_are_cut_at_characters() {
        assert_eq!(part("äöü", 1, 5), "ö");
        assert_eq!(part("äöü", 0, 99), "äöü");
        assert_eq!(part("abc", 2, 1), "");
    }
}
