//! An extract of turns that no summary stands for yet, made when it is asked for: the
//! sentences that say most of the whole, without a language model. It is not stored (see
//! [`drafts`](super::drafts)).
//!
//! Invariants: bounded in what it reads and in how long it takes; no turn that was erased,
//! or replaced by a turn or by a fact, is quoted.

use jiff::Timestamp;

use crate::{
    context::SummaryUnit,
    engine::{Engine, EngineError, scopes::Scope, summaries::source_turn},
    index::Branch,
    summary::{FoldSource, SourceTurn, SummarySentence},
    turn::Sequence,
};

/// Tokens of turns that an extract is made of, about: the newest.
pub(super) const READ_TOKENS: u64 = 4_096;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Extract {
    /// As it stands in a window.
    pub(super) unit: SummaryUnit,
    /// The turns that it stands for, in order; those that hold no more among them.
    pub(super) turns: Vec<Sequence>,
    /// When the turns that it is made of were said, in order.
    said: Vec<(Sequence, Timestamp)>,
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
        let said = self.said.iter().find(|(turn, _)| *turn >= first);
        self.unit.first_said = said.map_or(self.unit.last_said, |(_, said)| *said);
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
        let since = self.drafts.changes();
        let sources = self.sources_of(own, turns)?;
        let (Some(first), Some(last)) = (sources.first(), sources.last()) else { return Ok(None) };
        let (Some(from), Some(until)) = (turns.first(), turns.last()) else { return Ok(None) };
        let unit = SummaryUnit {
            from: *from,
            until: *until,
            first_said: first.said_at,
            last_said: last.said_at,
            text: String::new(),
            model: String::new(),
        };
        let said: Vec<_> = sources.iter().map(|turn| (turn.sequence, turn.said_at)).collect();
        let Branch { tenant, conversation, .. } = &own.branch;
        let source = FoldSource {
            tenant: tenant.clone(),
            conversation: conversation.clone(),
            // No model writes it, so nothing of it is recorded.
            erasures: 0,
            turns: sources,
            below: Vec::new(),
            // They stand in the window themselves.
            pinned: Vec::new(),
            max_tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
        };
        let draft = self.drafts.of(summarizer, &own.branch, source, since).await;
        let Some(draft) = draft.filter(|draft| !draft.sentences.is_empty()) else {
            return Ok(None);
        };
        // Erased meanwhile, it may be quoted.
        for (sequence, _) in &said {
            let turn = self.read_turn(&own.branch, *sequence)?;
            if turn.is_none_or(|turn| turn.forgotten) {
                return Ok(None);
            }
        }
        let text = words(&draft.sentences);
        let unit = SummaryUnit { text, model: draft.model, ..unit };
        Ok(Some(Extract { unit, turns: turns.to_vec(), said, sentences: draft.sentences }))
    }

    /// The turns with something to say that hold.
    fn sources_of(&self, own: &Scope, turns: &[Sequence]) -> Result<Vec<SourceTurn>, EngineError> {
        let Branch { tenant, conversation, .. } = &own.branch;
        let facts = self.facts_as_of(tenant, conversation, own.head.last_sequence)?;
        let scored = self.scored(own)?;
        let ledger = self.ledger(own)?;
        let timeline = ledger.covering(&self.store, scored)?;
        // What holds of a turn that was replaced partly may be quoted.
        let is_replaced = |sequence| {
            timeline.replaced_by(sequence, scored).is_some()
                || facts.turn_marks().get(&sequence).is_some_and(|mark| !mark.partly)
        };
        let mut sources = Vec::with_capacity(turns.len());
        for sequence in turns {
            if is_replaced(*sequence) {
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
    use super::*;

    #[test]
    fn what_is_shortened_stands_for_less() {
        let sentence = |source: Sequence| SummarySentence {
            text: format!("Of {source}."),
            sources: vec![source],
            faithfulness: 1.0,
            verbatim: true,
        };
        let second = |n: Sequence| Timestamp::from_second(n as i64).unwrap();
        let unit = SummaryUnit {
            from: 3,
            until: 9,
            first_said: second(3),
            last_said: second(9),
            text: "Of 4. Of 8.".to_owned(),
            model: "extractive".to_owned(),
        };
        let sentences = vec![sentence(4), sentence(8)];
        let said = (3..=9).map(|n| (n, second(n))).collect();
        let mut extract = Extract { unit, turns: (3..=9).collect(), said, sentences };
        assert!(extract.shorten());
        assert_eq!((extract.unit.from, extract.unit.until, &*extract.unit.text), (8, 9, "Of 8."));
        assert_eq!((extract.unit.first_said, extract.unit.last_said), (second(8), second(9)));
        assert_eq!(extract.turns, [8, 9]);
        assert!(!extract.shorten());
        assert!(!extract.shorten());
    }
}
