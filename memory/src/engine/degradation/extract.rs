//! An extract of turns that no summary stands for yet, made when it is asked for: the
//! sentences that say most of the whole, without a language model. It is not kept.
//!
//! Invariants: bounded in what it reads and in how long it takes; no turn that was
//! replaced or erased is quoted.

use std::time::Duration;

use crate::{
    context::SummaryUnit,
    engine::{Engine, EngineError, scopes::Scope, summaries::source_turn},
    index::Branch,
    summary::{FoldSource, SourceTurn, SummarySentence},
    turn::Sequence,
};

/// Tokens of turns that an extract is made of, about: the newest.
pub(super) const READ_TOKENS: u64 = 4_096;
/// How long it may take; it is a fraction of a second where nothing else is embedded.
const WAIT: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Extract {
    /// As it stands in a window.
    pub(super) unit: SummaryUnit,
    /// The turns that it stands for, in order; those that hold no more among them.
    pub(super) turns: Vec<Sequence>,
    sentences: Vec<SummarySentence>,
}

impl Extract {
    /// Takes the first sentence out: then it stands for the turns from the next one's
    /// on. Whether anything is left.
    pub(super) fn shorten(&mut self) -> bool {
        if self.sentences.is_empty() {
            return false;
        }
        self.sentences.remove(0);
        let first = self.sentences.first().and_then(|sentence| sentence.sources.first().copied());
        let Some(first) = first else { return false };
        self.turns.retain(|turn| *turn >= first);
        self.unit.from = first;
        self.unit.text = words(&self.sentences);
        true
    }
}

fn words(sentences: &[SummarySentence]) -> String {
    let words: Vec<&str> = sentences.iter().map(|sentence| &*sentence.text).collect();
    words.join(" ")
}

impl Engine {
    /// An extract of some turns of a branch, in order, of about so many tokens; nothing
    /// without turns, and where it cannot be made.
    ///
    /// # Errors
    /// `Store`.
    pub(super) async fn extract(
        &self,
        own: &Scope,
        turns: &[Sequence],
        tokens: u64,
    ) -> Result<Option<Extract>, EngineError> {
        let Some(summarizer) = self.summarizer.clone() else { return Ok(None) };
        let sources = self.sources_of(own, turns)?;
        let (Some(first), Some(last)) = (sources.first(), sources.last()) else { return Ok(None) };
        let unit = SummaryUnit {
            from: first.sequence,
            until: last.sequence,
            first_said: first.said_at,
            last_said: last.said_at,
            text: String::new(),
            model: String::new(),
        };
        let Branch { tenant, conversation, .. } = &own.branch;
        let source = FoldSource {
            tenant: tenant.clone(),
            conversation: conversation.clone(),
            turns: sources,
            below: Vec::new(),
            // They stand in the window themselves.
            pinned: Vec::new(),
            max_tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
        };
        let draft = match tokio::time::timeout(WAIT, summarizer.extract(&source)).await {
            Ok(Ok(draft)) if !draft.sentences.is_empty() => draft,
            Ok(Ok(_)) => return Ok(None),
            Ok(Err(error)) => {
                tracing::warn!(%error, "a hand-over has no extract");
                return Ok(None);
            }
            Err(_) => {
                tracing::warn!("a hand-over has no extract: it took too long");
                return Ok(None);
            }
        };
        // Erased meanwhile, it may be quoted.
        for source in &source.turns {
            let turn = self.read_turn(&own.branch, source.sequence)?;
            if turn.is_none_or(|turn| turn.forgotten) {
                return Ok(None);
            }
        }
        let text = words(&draft.sentences);
        let unit = SummaryUnit { text, model: draft.model, ..unit };
        Ok(Some(Extract { unit, turns: turns.to_vec(), sentences: draft.sentences }))
    }

    /// The turns with something to say that hold.
    fn sources_of(&self, own: &Scope, turns: &[Sequence]) -> Result<Vec<SourceTurn>, EngineError> {
        let scored = self.scored(own)?;
        let ledger = self.ledger(own)?;
        let timeline = ledger.covering(&self.store, scored)?;
        let mut sources = Vec::with_capacity(turns.len());
        for sequence in turns {
            if timeline.replaced_by(*sequence, scored).is_some() {
                continue;
            }
            let turn = self.read_turn(&own.branch, *sequence)?.filter(|turn| !turn.forgotten);
            sources.extend(turn.as_ref().and_then(source_turn));
        }
        Ok(sources)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn what_is_shortened_stands_for_less() {
        let sentence = |source: Sequence| SummarySentence {
            text: format!("Of {source}."),
            sources: vec![source],
            faithfulness: 1.0,
            verbatim: true,
        };
        let unit = SummaryUnit {
            from: 3,
            until: 9,
            first_said: Timestamp::UNIX_EPOCH,
            last_said: Timestamp::UNIX_EPOCH,
            text: "Of 4. Of 8.".to_owned(),
            model: "extractive".to_owned(),
        };
        let sentences = vec![sentence(4), sentence(8)];
        let mut extract = Extract { unit, turns: (3..=9).collect(), sentences };
        assert!(extract.shorten());
        assert_eq!((extract.unit.from, extract.unit.until, &*extract.unit.text), (8, 9, "Of 8."));
        assert_eq!(extract.turns, [8, 9]);
        assert!(!extract.shorten());
        assert!(!extract.shorten());
    }
}
