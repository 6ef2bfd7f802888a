//! Folding as the engine asks for it: its turns to the composer, what was
//! composed back to the engine.
//!
//! Invariant: composing blocks on embedding, so it runs on a thread of its own that
//! gives way to requests; the same source gives the same draft.

use std::sync::Arc;

use async_trait::async_trait;
use throughline_memory::{
    background,
    summary::{
        self, Draft, FoldSource, RejectedSentence, Summarize, SummarizeError, SummarySentence,
    },
};

use crate::{
    compose::{ComposeError, Composer, ModelWriter, Order, Origin, Rejected, Sentence, Writer},
    extractive,
    llm::ChatModel,
    source::SourceTurn,
};

/// Characters that a token stands for in the budget of a summary, as usual in
/// English.
const CHARS_PER_TOKEN: usize = 4;

/// Makes summaries for the engine.
#[derive(Clone)]
pub struct Folder {
    composer: Arc<Composer>,
    model: Option<Arc<dyn ChatModel>>,
}

impl Folder {
    /// With a language model, or extractive without one.
    pub fn new(composer: Composer, model: Option<Arc<dyn ChatModel>>) -> Self {
        Self { composer: Arc::new(composer), model }
    }

    /// The same without a language model.
    fn extractive(&self) -> Self {
        Self { composer: Arc::clone(&self.composer), model: None }
    }

    /// Folds on a thread of its own.
    async fn folded(self, source: FoldSource) -> Result<Draft, SummarizeError> {
        let work = async move {
            background::give_way();
            self.fold(&source).await
        };
        let failed = |error: &dyn std::fmt::Display| SummarizeError(error.to_string());
        match background::spawn("summarize", work).map_err(|error| failed(&error))?.await {
            Ok(Some(draft)) => draft.map_err(|error| failed(&error)),
            Ok(None) => Err(failed(&"the thread panicked")),
            Err(error) => Err(failed(&error)),
        }
    }

    async fn fold(&self, source: &FoldSource) -> Result<Draft, ComposeError> {
        let turns = source_turns(&source.turns);
        let budget = (source.max_tokens as usize).saturating_mul(CHARS_PER_TOKEN);
        let below: Vec<String> =
            source.below.iter().map(|sentence| sentence.text.clone()).collect();
        let order = Order {
            turns: &turns,
            budget: budget.max(extractive::MIN_BUDGET),
            pins: &source.pinned,
            below: &below,
        };
        let writer = self.model.as_ref().map(|model| {
            let (tenant, conversation) = (source.tenant.clone(), source.conversation.clone());
            ModelWriter::new(Arc::clone(model), tenant, conversation)
        });
        let writer = writer.as_ref().map(|writer| -> &dyn Writer { writer });
        let summary = self.composer.compose(order, writer).await?;
        if let Some(error) = &summary.writer_error {
            let again = summary.unfinished;
            tracing::warn!(%error, again, "the language model did not write: extractive instead");
        }
        Ok(Draft {
            sentences: summary.sentences.into_iter().map(sentence).collect(),
            rejected: summary.rejected.into_iter().map(rejected).collect(),
            model: summary.model,
            prompt_version: summary.prompt_version,
            unfinished: summary.unfinished,
        })
    }
}

#[async_trait]
impl Summarize for Folder {
    fn model(&self) -> String {
        let model = self.model.as_ref().map(|model| model.info().name.clone());
        model.unwrap_or_else(|| extractive::MODEL.to_owned())
    }

    async fn summarize(&self, source: &FoldSource) -> Result<Draft, SummarizeError> {
        self.clone().folded(source.clone()).await
    }

    async fn extract(&self, source: &FoldSource) -> Result<Draft, SummarizeError> {
        self.extractive().folded(source.clone()).await
    }
}

/// The engine's turns as checking reads them.
pub(crate) fn source_turns(turns: &[summary::SourceTurn]) -> Vec<SourceTurn> {
    let turn = |turn: &summary::SourceTurn| SourceTurn {
        speaker: turn.speaker.clone(),
        role: turn.role.as_str().to_owned(),
        text: turn.text.clone(),
        sequence: turn.sequence,
        date: Some(turn.said_at.to_zoned(jiff::tz::TimeZone::UTC).date()),
    };
    turns.iter().map(turn).collect()
}

fn sentence(sentence: Sentence) -> SummarySentence {
    SummarySentence {
        text: sentence.text,
        sources: sentence.sources,
        faithfulness: sentence.faithful,
        verbatim: sentence.origin == Origin::Extracted,
    }
}

fn rejected(rejected: Rejected) -> RejectedSentence {
    let reasons = rejected.reasons.iter();
    let reasons: Vec<String> =
        reasons.map(|reason| format!("{}: {}", reason.kind.name(), reason.words)).collect();
    let reason = if reasons.is_empty() {
        format!("supported with probability {:.2} only", rejected.faithful)
    } else {
        reasons.join("; ")
    };
    RejectedSentence { text: rejected.text, reason }
}
