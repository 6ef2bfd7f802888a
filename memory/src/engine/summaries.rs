//! Summaries of a conversation: read, folded when due, and folded on demand.
//!
//! Invariants: of one conversation one range is folded at a time; what is stored
//! stands on turns that were there when it was stored; summaries that show an
//! erased turn are gone with it.

use super::{
    Engine, EngineError, PinnedFact,
    commit::Publish,
    fold_due::Due,
    folded::{Folded, record_of},
    scopes::Scope,
    turns::scan_turns,
};
use crate::{
    context::SummaryUnit,
    enrich::Step,
    index::{Branch, Segment},
    store::{Batch, Direction, keys},
    summary::{
        FoldSource, SourceTurn, Summary, SummarySentence,
        fold::{FoldRules, Node},
        outline::{self, Standing},
    },
    turn::{ConversationId, Sequence, TenantId, Turn},
};

/// Tokens of a summary of turns, and what every level above adds.
const SEGMENT_TOKENS: u32 = 90;
const LEVEL_TOKENS: u32 = 40;
/// Sentences that a summary of summaries is made from at most.
const MAX_BELOW: usize = 64;

/// A summary as callers see it.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownSummary {
    /// As it is stored, without sentences that hold no more.
    pub summary: Summary,
    /// A turn that its sentences stand on was replaced since it was made, by a later turn
    /// or by a fact: it is made again.
    pub stale: bool,
}

/// The summaries of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct SummaryOutcome {
    /// Oldest first.
    pub summaries: Vec<ShownSummary>,
    /// Last turn that was folded; turns behind it stand for themselves.
    pub folded_until: Sequence,
    /// Revision that was read.
    pub revision: u64,
}

/// Which summaries are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SummaryView {
    /// The rolling summary: what no other stands above.
    Rolling,
    /// Those of the segments.
    Segments,
}

impl Engine {
    /// The name of what writes summaries, if anything does.
    pub fn summary_model(&self) -> Option<String> {
        self.summarizer.as_ref().map(|summarizer| summarizer.model())
    }

    /// The summaries of a conversation, now or as of a turn.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` beyond the last turn, `Store`.
    pub fn summary(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        view: SummaryView,
        as_of: Sequence,
    ) -> Result<SummaryOutcome, EngineError> {
        let scope = self.scope(tenant, id)?.stood_after(as_of)?;
        let folded = self.folded.of(&self.store, &scope.branch)?;
        let last = scope.head.last_sequence;
        let standing = self.held(&scope, last)?;
        let shown = match view {
            SummaryView::Rolling => outline::outline(folded.summaries(), last, &standing),
            SummaryView::Segments => {
                let segments = folded.summaries().iter().filter(|one| one.level == 0);
                let mut known: Vec<&Summary> = segments.filter(|one| one.until <= last).collect();
                known.sort_by_key(|one| one.from);
                known.into_iter().map(|one| outline::shown(one, &standing)).collect()
            }
        };
        let folded_until = shown.iter().map(|shown| shown.summary.until).max().unwrap_or(0);
        let summaries = shown.into_iter().map(|shown| ShownSummary {
            summary: Summary {
                sentences: shown.sentences.into_iter().cloned().collect(),
                ..shown.summary.clone()
            },
            stale: shown.stale,
        });
        Ok(SummaryOutcome {
            summaries: summaries.collect(),
            folded_until,
            revision: scope.head.revision,
        })
    }

    /// The rolling summary as of a scope's last turn, for its windows.
    pub(super) fn summary_units(&self, scope: &Scope) -> Result<Vec<SummaryUnit>, EngineError> {
        self.units_of(scope, &*self.folded.of(&self.store, &scope.branch)?)
    }

    /// The same of summaries that were read.
    pub(super) fn units_of(
        &self,
        scope: &Scope,
        folded: &Folded,
    ) -> Result<Vec<SummaryUnit>, EngineError> {
        if folded.summaries().is_empty() {
            return Ok(Vec::new());
        }
        let last = scope.head.last_sequence;
        let shown = outline::outline(folded.summaries(), last, &self.held(scope, last)?);
        let shown = shown.into_iter().filter(|shown| !shown.sentences.is_empty());
        Ok(shown
            .map(|shown| {
                let Summary { from, until, first_said, last_said, model, .. } = shown.summary;
                let words: Vec<&str> =
                    shown.sentences.iter().map(|sentence| &*sentence.text).collect();
                SummaryUnit {
                    from: *from,
                    until: *until,
                    first_said: *first_said,
                    last_said: *last_said,
                    text: words.join(" "),
                    model: model.clone(),
                }
            })
            .collect())
    }

    /// Folds all that there is to fold, the recent turns too. Returns how many
    /// summaries were made.
    ///
    /// # Errors
    /// `NotFound`, `NoSummaries` when they are switched off, `Summarize`,
    /// `Store`.
    pub async fn summarize(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<u32, EngineError> {
        let scope = self.scope(tenant, id)?;
        self.wait_indexed(tenant, id, scope.head.last_sequence).await?;
        if self.summarizer.is_none() {
            return Err(EngineError::NoSummaries);
        }
        let mut made = 0;
        for rules in [self.fold_rules, self.fold_rules.to_the_end()] {
            while self.fold_once(tenant, id, &rules).await? == Step::Made {
                made += 1;
            }
        }
        Ok(made)
    }

    /// Folds the next range that is due.
    ///
    /// # Errors
    /// `NotFound`, `Summarize`, `Store`.
    pub(crate) async fn fold_once(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        rules: &FoldRules,
    ) -> Result<Step, EngineError> {
        let Some(summarizer) = self.summarizer.clone() else { return Ok(Step::Nothing) };
        let _order = self.folding.lock(&keys::head(tenant, id)).await;
        let erasures = self.generations.erasures(tenant, id).await;
        let scope = self.scope(tenant, id)?;
        let struck = self.store.get(&keys::struck(tenant, id))?;
        let scored = self.scored(&scope)?;
        let folded = self.folded.of(&self.store, &scope.branch)?;
        let (node, attempts) = match self.due(&scope, &folded, scored, rules)? {
            Due::Range { node, attempts } => (node, attempts),
            Due::Later(left) => return Ok(Step::Later(left)),
            Due::Nothing => {
                if let Some(mark) = struck {
                    self.made_again(&scope, &mark).await?;
                }
                return Ok(Step::Nothing);
            }
        };
        let source = self.fold_source(&scope, &folded, node, (scored, erasures))?;
        let shown: Vec<Sequence> = source.turns.iter().map(|turn| turn.sequence).collect();
        let draft = if source.turns.is_empty() {
            crate::summary::Draft {
                sentences: Vec::new(),
                rejected: Vec::new(),
                model: summarizer.model(),
                prompt_version: 0,
                judged_by: None,
                unfinished: false,
            }
        } else {
            summarizer.summarize(&source).await.map_err(EngineError::Summarize)?
        };
        let said = |sequence| -> Result<Option<jiff::Timestamp>, EngineError> {
            Ok(self.read_turn(&scope.branch, sequence)?.map(|turn| turn.said_at))
        };
        let (Some(first_said), Some(last_said)) = (said(node.from)?, said(node.until)?) else {
            return Ok(Step::Nothing);
        };
        let summary = Summary {
            from: node.from,
            until: node.until,
            level: node.level,
            sentences: draft.sentences,
            rejected: draft.rejected,
            model: draft.model,
            prompt_version: draft.prompt_version,
            known_until: scored,
            made_at: (self.clock)(),
            first_said,
            last_said,
            unfinished: if draft.unfinished { attempts.saturating_add(1) } else { 0 },
            judged_by: draft.judged_by,
        };
        self.keep_summary(&scope, &summary, (&shown, erasures)).await?;
        self.probe_folded(tenant, id, (node.from, node.until)).await?;
        Ok(Step::Made)
    }

    /// Stores a summary, unless something that it may quote was erased meanwhile; the
    /// next attempt reads what is left.
    async fn keep_summary(
        &self,
        scope: &Scope,
        summary: &Summary,
        (shown, erasures): (&[Sequence], u64),
    ) -> Result<(), EngineError> {
        let Branch { tenant, conversation: id, .. } = &scope.branch;
        let cell = self.heads.cell(tenant, id)?;
        let mut writer = cell.write().await;
        cell.head()?;
        // Not the turns that were shown alone: sentences of the summaries below and pins
        // may tell of others.
        let unerased = self.generations.unerased(tenant, id, erasures).await;
        let Some(unerased) = unerased else { return Ok(()) };
        writer.hold([unerased]);
        for sequence in shown {
            let turn = self.read_turn(&scope.branch, *sequence)?;
            if turn.is_none_or(|turn| turn.forgotten) {
                // Of another conversation's turn, whose erasure is still under way here.
                return Ok(());
            }
        }
        let mut batch = Batch::new();
        batch.put(keys::summary(tenant, id, summary.until, summary.level), record_of(summary)?);
        self.commit(writer, batch, Vec::new(), Publish::Nothing).await?;
        self.folded.invalidate(tenant, id);
        Ok(())
    }

    /// What is to be folded.
    fn fold_source(
        &self,
        scope: &Scope,
        folded: &Folded,
        node: Node,
        (scored, erasures): (Sequence, u64),
    ) -> Result<FoldSource, EngineError> {
        let standing = self.held(scope, scored)?;
        let below: Vec<SummarySentence> = match node.level.checked_sub(1) {
            None => Vec::new(),
            Some(level) => {
                let mut below: Vec<&Summary> = folded
                    .summaries()
                    .iter()
                    .filter(|one| one.level == level)
                    .filter(|one| node.from <= one.from && one.until <= node.until)
                    .collect();
                below.sort_by_key(|one| one.from);
                let shown = below.into_iter().map(|one| outline::shown(one, &standing));
                shown.flat_map(|shown| shown.sentences).take(MAX_BELOW).cloned().collect()
            }
        };
        let holds =
            |turn: &Turn| !turn.forgotten && standing.replaced_with(turn.sequence).is_none();
        let mut turns: Vec<SourceTurn> = Vec::new();
        if node.level == 0 {
            let (from, until) = (node.from, node.until);
            let read = &mut |turn: Turn| {
                if holds(&turn) {
                    turns.extend(source_turn(&turn));
                }
                Ok(std::ops::ControlFlow::Continue(()))
            };
            scan_turns(&self.store, &scope.branch, from, until, Direction::Forward, read)?;
        } else {
            let mut cited: Vec<Sequence> =
                below.iter().flat_map(|sentence| sentence.sources.iter().copied()).collect();
            cited.sort_unstable();
            cited.dedup();
            for sequence in cited {
                let turn = self.read_turn(&scope.branch, sequence)?.filter(|turn| holds(turn));
                turns.extend(turn.as_ref().and_then(source_turn));
            }
        }
        let Branch { tenant, conversation, .. } = &scope.branch;
        let facts = self.facts_as_of(tenant, conversation, scored)?;
        let held = facts.iter().filter(|pinned| pinned.standing.retired.is_none());
        let said_here = |pinned: &PinnedFact| {
            let source = pinned.fact.source?;
            let is_here = (node.from..=node.until).contains(&source);
            is_here.then(|| (source, pinned.fact.text.clone()))
        };
        Ok(FoldSource {
            tenant: tenant.clone(),
            conversation: conversation.clone(),
            erasures,
            turns,
            below,
            pinned: held.filter_map(said_here).collect(),
            max_tokens: SEGMENT_TOKENS + LEVEL_TOKENS * u32::from(node.level),
        })
    }
}

/// A turn with something to say.
pub(super) fn source_turn(turn: &Turn) -> Option<SourceTurn> {
    let text = turn.searchable_text();
    (!text.trim().is_empty()).then(|| SourceTurn {
        sequence: turn.sequence,
        role: turn.role,
        speaker: turn.speaker.clone(),
        said_at: turn.said_at,
        text,
    })
}

/// Whether a segment's summaries may be shown through a branch.
pub(super) fn within(segment: &Segment, summary: &Summary) -> bool {
    summary.until <= segment.until
}
