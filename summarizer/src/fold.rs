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
    entailment::{Entailment, Judge},
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
    entailment: Option<Arc<dyn Entailment>>,
}

impl Folder {
    /// With a language model, or extractive without one.
    pub fn new(composer: Composer, model: Option<Arc<dyn ChatModel>>) -> Self {
        Self { composer: Arc::new(composer), model, entailment: None }
    }

    /// The same with a judge of entailment beside the check.
    #[must_use]
    pub fn judged_by(self, entailment: Option<Arc<dyn Entailment>>) -> Self {
        Self { entailment, ..self }
    }

    /// The same without any model but the embedder, for what cannot wait.
    fn extractive(&self) -> Self {
        Self { composer: Arc::clone(&self.composer), model: None, entailment: None }
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
            ModelWriter::new(Arc::clone(model), tenant, conversation).after(source.erasures)
        });
        let writer = writer.as_ref().map(|writer| -> &dyn Writer { writer });
        let judge = self.entailment.as_ref().map(|entailment| {
            let (tenant, conversation) = (source.tenant.clone(), source.conversation.clone());
            Judge::new(Arc::clone(entailment), tenant, conversation).after(source.erasures)
        });
        let summary = self.composer.compose_judged(order, writer, judge.as_ref()).await?;
        if let Some(error) = &summary.writer_error {
            let again = summary.unfinished;
            tracing::warn!(%error, again, "the language model did not write: extractive instead");
        }
        if let Some(error) = &summary.judge_error {
            tracing::warn!(%error, "the judge of entailment failed: the check went on without it");
        }
        Ok(Draft {
            sentences: summary.sentences.into_iter().map(sentence).collect(),
            rejected: summary.rejected.into_iter().map(rejected).collect(),
            model: summary.model,
            prompt_version: summary.prompt_version,
            judged_by: summary.judged_by,
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
    let mut reason = if reasons.is_empty() {
        format!("supported with probability {:.2} only", rejected.faithful)
    } else {
        reasons.join("; ")
    };
    if let Some(entailed) = rejected.entailed {
        reason.push_str(&format!("; entailed with probability {entailed:.2} as judged"));
    }
    RejectedSentence { text: rejected.text, reason }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use throughline_memory::{
        summary,
        turn::{ConversationId, Role, TenantId},
    };

    use super::*;
    use crate::{
        check::Checker,
        entailment::{Case, JudgeError, JudgeInfo},
        extractive::Extractive,
        testing::embedder,
    };

    /// Agrees, and counts how often it is asked.
    struct Agrees(JudgeInfo, Arc<AtomicUsize>);

    #[async_trait]
    impl Entailment for Agrees {
        fn info(&self) -> &JudgeInfo {
            &self.0
        }

        async fn entailed(&self, case: &Case<'_>) -> Result<f32, JudgeError> {
            assert_eq!((case.tenant.as_str(), case.conversation.as_str()), ("t", "c"));
            assert_eq!(case.erasures, 4);
            self.1.fetch_add(1, Ordering::SeqCst);
            Ok(1.0)
        }
    }

    #[tokio::test]
    async fn a_draft_names_its_judge_and_what_cannot_wait_has_none() {
        let composer =
            Composer::new(Checker::bundled(embedder()).unwrap(), Extractive::new(embedder()));
        let asked = Arc::<AtomicUsize>::default();
        let info = JudgeInfo { kind: "nli", name: "a".into(), sha256: "ab".into(), version: 1 };
        let judge: Arc<dyn Entailment> = Arc::new(Agrees(info, Arc::clone(&asked)));
        let folder = Folder::new(composer, None).judged_by(Some(judge));
        let source = FoldSource {
            tenant: TenantId::new("t").unwrap(),
            conversation: ConversationId::new("c").unwrap(),
            erasures: 4,
            turns: vec![summary::SourceTurn {
                sequence: 1,
                role: Role::User,
                speaker: "Anna".to_owned(),
                said_at: jiff::Timestamp::UNIX_EPOCH,
                text: "I booked room 214 at the Astoria for 90 dollars.".to_owned(),
            }],
            below: Vec::new(),
            pinned: Vec::new(),
            max_tokens: 90,
        };
        let extract = folder.extract(&source).await.unwrap();
        assert_eq!((extract.judged_by, asked.load(Ordering::SeqCst)), (None, 0));
        let draft = folder.summarize(&source).await.unwrap();
        assert_eq!(draft.judged_by.as_deref(), Some("nli a ab v1"));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}
