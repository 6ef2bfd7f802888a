//! A double that takes the first words of every turn, and counts what it is
//! asked: for how the engine folds, not for what is written.

use std::sync::{Arc, atomic::Ordering};

use throughline_memory::summary::{Draft, FoldSource, Summarize, SummarizeError, SummarySentence};

use super::Controls;

/// Words of a turn that are kept.
const WORDS: usize = 4;

pub struct FirstWords(pub Arc<Controls>);

impl FirstWords {
    /// Where the test wants one.
    pub fn of(controls: &Arc<Controls>) -> Option<Arc<dyn Summarize>> {
        let wanted = controls.summaries.load(Ordering::SeqCst);
        wanted.then(|| Arc::new(Self(Arc::clone(controls))) as Arc<dyn Summarize>)
    }
}

#[async_trait::async_trait]
impl Summarize for FirstWords {
    fn model(&self) -> String {
        "first words".to_owned()
    }

    async fn summarize(&self, source: &FoldSource) -> Result<Draft, SummarizeError> {
        if self.0.summarizer_down.load(Ordering::SeqCst) {
            return Err(SummarizeError("down on purpose".to_owned()));
        }
        self.0.summarized.fetch_add(source.turns.len(), Ordering::SeqCst);
        let of_turns = source.turns.iter().map(|turn| {
            let words: Vec<&str> = turn.text.split_whitespace().take(WORDS).collect();
            SummarySentence {
                text: words.join(" "),
                sources: vec![turn.sequence],
                faithfulness: 1.0,
                verbatim: true,
            }
        });
        // Of summaries every second sentence.
        let sentences = if source.below.is_empty() {
            of_turns.collect()
        } else {
            source.below.iter().step_by(2).cloned().collect()
        };
        Ok(Draft { sentences, rejected: Vec::new(), model: self.model(), prompt_version: 1 })
    }
}
