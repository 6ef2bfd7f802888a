//! The newer answer first: of the best hits of a search, a statement that answers the
//! question anew is lifted over the one that it makes old. See
//! [`crate::staleness::asked`].
//!
//! Invariants: only what a user said to an assistant moves; among people who talk with
//! each other, and between conversations, nothing does; nothing is lifted over what the
//! caller said that it does not replace.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{Engine, EngineError, search::Gathered, turn_cache::Kept};
use crate::{
    retrieval::{Ranked, Ranking},
    staleness::{
        EdgeKind, SHOWN_CONFIDENCE,
        asked::{Hit, LOOKED_AT, Link, Reading, lifts},
    },
    turn::Role,
};

impl Engine {
    /// Lifts newer answers over older ones.
    pub(super) fn newer_first(
        &self,
        gathered: &Gathered,
        query: &str,
        ranking: &mut Ranking,
    ) -> Result<(), EngineError> {
        let best = ranking.order().get(..LOOKED_AT).unwrap_or(ranking.order());
        let kept = best.iter().map(|ranked| match gathered.scopes.get(ranked.conversation) {
            Some(scope) => self.kept_turn(&scope.branch, ranked.sequence),
            None => Ok(None),
        });
        let there = |kept: Option<Arc<Kept>>| kept.filter(|kept| !kept.turn.forgotten);
        let kept: Vec<Option<Arc<Kept>>> =
            kept.map(|kept| kept.map(there)).collect::<Result<_, _>>()?;
        let chats: HashSet<usize> = best
            .iter()
            .map(|ranked| ranked.conversation)
            .filter(|of| chat(gathered, *of))
            .collect();
        if chats.is_empty() {
            return Ok(());
        }
        let nothing = Reading::default();
        let hits: Vec<Hit<'_>> = best
            .iter()
            .zip(&kept)
            .map(|(ranked, kept)| {
                let by_user = |kept: &&Arc<Kept>| {
                    kept.turn.role == Role::User && chats.contains(&ranked.conversation)
                };
                let kept = kept.as_ref();
                let said_by = kept.filter(by_user);
                Hit {
                    reading: kept.map_or(&nothing, |kept| kept.reading()),
                    said_by: said_by.map(|kept| (ranked.conversation, &*kept.turn.speaker)),
                    said_at: ranked.sequence,
                }
            })
            .collect();
        let links = self.links(gathered, best)?;
        let link = |earlier, later| links.get(&(earlier, later)).copied().unwrap_or(Link::Open);
        let moves = lifts(&self.order, query, &hits, link);
        for (from, to) in moves {
            ranking.lift(from, to);
        }
        Ok(())
    }

    /// Places of which the second was taken for a replacement of the first when it was
    /// appended, and those of which the caller said that it is none.
    fn links(
        &self,
        gathered: &Gathered,
        best: &[Ranked],
    ) -> Result<HashMap<(usize, usize), Link>, EngineError> {
        let mut links = HashMap::new();
        for (earlier, ranked) in best.iter().enumerate() {
            let Some(scope) = gathered.scopes.get(ranked.conversation) else { continue };
            let ledger = self.ledger(scope)?;
            let timeline = ledger.covering(&self.store, self.scored(scope)?)?;
            for (later, edge) in timeline.edges_to(ranked.sequence, scope.head.last_sequence) {
                let place = best.iter().position(|other| {
                    (other.conversation, other.sequence) == (ranked.conversation, later)
                });
                if edge.kind == EdgeKind::Supersedes && edge.confidence >= SHOWN_CONFIDENCE {
                    links.extend(place.map(|later| ((earlier, later), Link::Replaces)));
                }
            }
            let rejected = best.iter().enumerate().filter(|(_, other)| {
                other.conversation == ranked.conversation
                    && timeline.is_rejected(other.sequence, ranked.sequence, EdgeKind::Supersedes)
            });
            links.extend(rejected.map(|(later, _)| ((earlier, later), Link::Rejected)));
        }
        Ok(links)
    }
}

/// Whether an assistant takes part in a conversation.
fn chat(gathered: &Gathered, conversation: usize) -> bool {
    gathered.scopes.get(conversation).is_some_and(|scope| {
        scope.catalog.read().traits().iter().any(|traits| traits.role == Role::Assistant)
    })
}
