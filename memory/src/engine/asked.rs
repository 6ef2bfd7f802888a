//! What a window is asked for: the query or the last user turn, and the words
//! that are searched for.

use std::sync::Arc;

use super::{ContextRequest, Engine, EngineError, search::Scope};
use crate::{
    context::{self, Query},
    turn::{Role, Sequence},
};

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
            Some(sequence) => self.read_turn(&own.branch, sequence)?,
            None => None,
        };
        let turn = turn.filter(|turn| !turn.forgotten).ok_or_else(|| {
            EngineError::invalid("query", "is required: the conversation has no user turn yet")
        })?;
        Ok(Query::LastTurn(Arc::new(turn)))
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
        let mut exchange = String::new();
        let from = turn.sequence.saturating_sub(2).max(1);
        for sequence in from..turn.sequence {
            if let Some(before) = self.read_turn(&own.branch, sequence)? {
                exchange.push_str(&before.searchable_text());
                exchange.push('\n');
            }
        }
        let text = context::search_text(&turn.searchable_text(), &exchange);
        Ok(self.clip_query(&text).to_owned())
    }
}

/// The turn that a window is for, if it is one.
pub(super) fn query_sequence(query: &Query) -> Option<Sequence> {
    match query {
        Query::LastTurn(turn) => Some(turn.sequence),
        Query::Text(_) => None,
    }
}
