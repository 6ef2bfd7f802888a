//! What a window is asked for: the query or the last user turn, and the words
//! that are searched for.

use std::collections::{BTreeSet, HashSet};

use super::{ContextRequest, Engine, EngineError, heads::Cell, records::Head, scopes::Scope};
use crate::{
    context::{self, Query},
    facts::detect::PinDetector,
    index::Branch,
    store::StoreError,
    turn::{Part, Role, Sequence, TenantId, Turn, searchable_text},
};

/// Bytes of a turn that is embedded ahead; a longer one would hold up queries.
const AHEAD_BYTES: usize = 4 << 10;
/// Turns before an elliptical one that are searched for with it.
const EXCHANGE: u64 = 2;

impl Engine {
    /// What the window is for.
    pub(super) fn query_of(
        &self,
        own: &Scope,
        request: &ContextRequest,
        turn: Option<Sequence>,
    ) -> Result<Query, EngineError> {
        if !request.query.trim().is_empty() && turn.is_none() {
            return Ok(Query::Text(self.clip_query(&request.query).to_owned()));
        }
        let sequence = match turn {
            Some(sequence) => Some(sequence),
            None => self.last_user_turn(own)?,
        };
        let turn = match sequence {
            Some(sequence) => self.shown_turn(&own.branch, sequence)?,
            None => None,
        };
        let turn = turn.filter(|turn| !turn.forgotten).ok_or_else(|| {
            EngineError::invalid("query", "is required: the conversation has no user turn yet")
        })?;
        Ok(Query::LastTurn(turn))
    }

    /// Embeds a turn that a window is to be built for while it is still being stored:
    /// among the texts that are taken in for everybody it would come late.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn embed_ahead(&self, tenant: &TenantId, speaker: &str, parts: &[Part]) {
        let text = searchable_text(parts);
        if text.len() > AHEAD_BYTES {
            return;
        }
        let mut seen = HashSet::new();
        let mut texts = self.passages_of(speaker, &text);
        if self.pins.reads_vectors(&self.embed.model().name) {
            texts.extend(PinDetector::sentences(&text).into_iter().map(str::to_owned));
        }
        texts.retain(|text| seen.insert(text.clone()));
        self.embed.passages_ahead(tenant, texts).await;
    }

    fn last_user_turn(&self, own: &Scope) -> Result<Option<Sequence>, EngineError> {
        let last = own.head.last_sequence;
        let state = own.catalog.covering(&self.store, last, self.counter.as_ref())?;
        let found = state.traits().iter().rev().find(|traits| {
            traits.role == Role::User && !traits.forgotten && traits.sequence <= last
        });
        Ok(found.map(|traits| traits.sequence))
    }

    /// The words that are searched for: an elliptical last turn together with
    /// the exchange before it.
    pub(super) fn search_query(&self, own: &Scope, query: &Query) -> Result<String, EngineError> {
        let turn = match query {
            Query::Text(text) => return Ok(text.clone()),
            Query::LastTurn(turn) => turn,
        };
        let text = self.asked_text(&own.branch, turn)?;
        Ok(self.clip_query(&text).to_owned())
    }

    /// What a turn asks, with the exchange before it where it leans on that.
    fn asked_text(&self, branch: &Branch, turn: &Turn) -> Result<String, StoreError> {
        let mut exchange = String::new();
        let from = turn.sequence.saturating_sub(EXCHANGE).max(1);
        for sequence in from..turn.sequence {
            if let Some(before) = self.shown_turn(branch, sequence)? {
                exchange.push_str(&before.searchable_text());
                exchange.push('\n');
            }
        }
        Ok(context::search_text(&turn.searchable_text(), &exchange))
    }

    /// The texts that a query is embedded by.
    pub(super) fn query_texts(&self, query: &str) -> Vec<String> {
        let query = self.clip_query(query);
        let passages = self.embed.split(query).into_iter();
        passages.filter_map(|range| query.get(range)).map(str::to_owned).collect()
    }

    /// The texts that the query of a turn was embedded by; none once it is
    /// forgotten.
    pub(super) fn asked_at(
        &self,
        branch: &Branch,
        sequence: Sequence,
    ) -> Result<Vec<String>, StoreError> {
        let turn = self.read_turn(branch, sequence)?.filter(|turn| !turn.forgotten);
        let Some(turn) = turn else { return Ok(Vec::new()) };
        Ok(self.query_texts(&self.asked_text(branch, &turn)?))
    }

    /// The texts of all queries that own turns of a conversation, which are about
    /// to be erased, have a part in: those of the turns behind them too, in every
    /// fork that goes on from there.
    pub(super) fn asked_with(
        &self,
        cell: &Cell,
        head: &Head,
        erased: &[Sequence],
    ) -> Result<Vec<String>, EngineError> {
        let mut texts = self.asked_behind(&cell.branch(head), erased, 1, head.last_sequence)?;
        for (fork, until) in self.forks(&cell.tenant, &cell.id)? {
            let fork = self.heads.cell(&cell.tenant, &fork)?;
            // Up to there the fork asks what was asked here.
            if let Some(head) = fork.stored() {
                let (from, last) = (until + 1, head.last_sequence);
                texts.extend(self.asked_behind(&fork.branch(&head), erased, from, last)?);
            }
        }
        Ok(texts)
    }

    /// The texts of the queries from `from` to `last` that lean on some turns.
    fn asked_behind(
        &self,
        branch: &Branch,
        erased: &[Sequence],
        from: Sequence,
        last: Sequence,
    ) -> Result<Vec<String>, StoreError> {
        let asked = erased.iter().flat_map(|sequence| *sequence..=sequence + EXCHANGE);
        let asked: BTreeSet<Sequence> = asked.filter(|s| (from..=last).contains(s)).collect();
        let mut texts = Vec::new();
        for sequence in asked {
            texts.extend(self.asked_at(branch, sequence)?);
        }
        Ok(texts)
    }
}

/// The turn that a window is for, if it is one.
pub(super) fn query_sequence(query: &Query) -> Option<Sequence> {
    match query {
        Query::LastTurn(turn) => Some(turn.sequence),
        Query::Text(_) => None,
    }
}
