//! The best of a hybrid ranking, read from the store and put in the order of the
//! reranker. Without one nothing is read and nothing moves.
//!
//! Invariants: the turns that were ranked stay, and so do the scores by place; a
//! reranker that does not answer leaves the order as it is, and the answer says so.

use std::collections::HashMap;

use super::{
    Engine, EngineError, Shortfall, TurnFilter,
    search::{Gathered, passes, within},
    turns::segment_of,
};
use crate::{
    retrieval::Ranking,
    turn::{ConversationId, Sequence},
};

/// Bytes of a text that the reranker is shown: rerankers read about 512 word
/// pieces, the question among them. Of a longer turn it is shown the passage that
/// matched best.
const MAX_TEXT_BYTES: usize = 2_048;
/// Bytes of a question that the reranker is shown: what it is about comes first
/// ([`crate::context::search_text`]).
const MAX_QUERY_BYTES: usize = 1_024;
/// Turns looked at for each one wanted, where a filter leaves many out.
const LOOKED_AT: usize = 8;

/// What the reranker is to read.
#[derive(Default)]
struct Readings {
    texts: Vec<String>,
    /// Places in the order, each with its text; a turn that several branches share
    /// stands at several places and is read once.
    places: Vec<(usize, usize)>,
}

impl Engine {
    /// How many of a hybrid ranking are reordered; 0 without a reranker.
    pub(super) fn rerank_top(&self) -> usize {
        self.reranker.as_ref().map_or(0, |reranker| reranker.top())
    }

    /// Reorders the best that pass a filter. Gives what is missing, if the reranker
    /// does not answer.
    ///
    /// # Errors
    /// `Store`.
    pub(super) async fn rerank(
        &self,
        gathered: &Gathered,
        query: &str,
        filter: &TurnFilter,
        ranking: &mut Ranking,
    ) -> Result<Option<Shortfall>, EngineError> {
        let Some(reranker) = &self.reranker else { return Ok(None) };
        let Readings { texts, places } = self.readings(gathered, filter, ranking)?;
        if texts.is_empty() {
            return Ok(None);
        }
        // Embedding in bulk lets it go first.
        let _ahead = self.embed.urgent();
        match reranker.scores(head(query, MAX_QUERY_BYTES).to_owned(), texts).await {
            Ok(scores) => {
                let scored = places
                    .into_iter()
                    .filter_map(|(place, text)| scores.get(text).map(|score| (place, *score)));
                ranking.rerank(&scored.collect::<Vec<_>>());
                Ok(None)
            }
            Err(error) => {
                tracing::warn!(%error, "a ranking was not reranked");
                Ok(Some(Shortfall::RerankerUnavailable(error.to_string())))
            }
        }
    }

    /// The texts of the best that pass. What cannot be read keeps its place.
    fn readings(
        &self,
        gathered: &Gathered,
        filter: &TurnFilter,
        ranking: &Ranking,
    ) -> Result<Readings, EngineError> {
        let top = self.rerank_top();
        let mut readings = Readings::default();
        let mut known: HashMap<(&ConversationId, Sequence), usize> = HashMap::new();
        let looked_at = ranking.order().iter().enumerate().take(top.saturating_mul(LOOKED_AT));
        for (place, ranked) in looked_at {
            let Some(scope) = gathered.scopes.get(ranked.conversation) else { continue };
            let sequence = ranked.sequence;
            // The catalog may know turns that came after this branch was looked at.
            if sequence > scope.head.last_sequence || !within(filter, sequence) {
                continue;
            }
            let Some(segment) = segment_of(&scope.branch, sequence) else { continue };
            let turn = (&segment.conversation, sequence);
            if let Some(text) = known.get(&turn) {
                readings.places.push((place, *text));
                continue;
            }
            if readings.texts.len() == top {
                break;
            }
            let Some(read) = self.read_turn(&scope.branch, sequence)? else { continue };
            if read.forgotten || !passes(filter, &read) {
                continue;
            }
            known.insert(turn, readings.texts.len());
            readings.places.push((place, readings.texts.len()));
            readings.texts.push(shown(read.searchable_text(), ranked.passage));
        }
        Ok(readings)
    }
}

/// What is shown of a turn: all of it, or of a long one the best passage, or its head.
fn shown(text: String, passage: Option<(u32, u32)>) -> String {
    if text.len() <= MAX_TEXT_BYTES {
        return text;
    }
    let passage = passage.and_then(|(start, end)| text.get(start as usize..end as usize));
    head(passage.unwrap_or(&text), MAX_TEXT_BYTES).to_owned()
}

/// The first bytes of a text, whole characters.
fn head(text: &str, max_bytes: usize) -> &str {
    let end = (0..=max_bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_turn_the_best_passage_is_shown_and_of_a_short_one_all() {
        let long = format!("{}needle{}", "a".repeat(3_000), "ü".repeat(3_000));
        for (text, passage, expected) in [
            ("short".to_owned(), Some((0, 2)), "short".to_owned()),
            (long.clone(), Some((3_000, 3_006)), "needle".to_owned()),
            (long.clone(), None, "a".repeat(MAX_TEXT_BYTES)),
            // Within a character, and beyond the end.
            (long.clone(), Some((3_007, 3_010)), "a".repeat(MAX_TEXT_BYTES)),
            (long.clone(), Some((5, 99_999)), "a".repeat(MAX_TEXT_BYTES)),
            // Cut at a whole character.
            (long.clone(), Some((3_005, 9_006)), format!("e{}", "ü".repeat(1_023))),
        ] {
            assert_eq!(shown(text, passage), expected, "{passage:?}");
        }
    }
}
