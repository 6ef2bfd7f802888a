//! One summary before its judge: which verdicts are put to it, and what becomes of a
//! judge that fails.

use std::{sync::Arc, time::Instant};

use throughline_memory::turn::{ConversationId, TenantId};

use super::{Case, Entailment, JudgeError, PATIENCE};
use crate::check::{Checked, Verdict};

/// A judge for one conversation.
#[derive(Clone)]
pub struct Judge {
    entailment: Arc<dyn Entailment>,
    tenant: TenantId,
    conversation: ConversationId,
    erasures: u64,
}

impl Judge {
    /// For a tenant's conversation: shares of a model's queue and erasure go by them.
    pub fn new(
        entailment: Arc<dyn Entailment>,
        tenant: TenantId,
        conversation: ConversationId,
    ) -> Self {
        Self { entailment, tenant, conversation, erasures: 0 }
    }

    /// The same for turns that were read after so many erasures of the conversation.
    #[must_use]
    pub fn after(self, erasures: u64) -> Self {
        Self { erasures, ..self }
    }
}

/// A summary before its judge, if there is one.
pub struct Judging<'a> {
    judge: Option<&'a Judge>,
    asked: usize,
    failed: Option<JudgeError>,
}

impl<'a> Judging<'a> {
    /// Before a judge; without one every verdict stays what it is.
    pub fn new(judge: Option<&'a Judge>) -> Self {
        Self { judge, asked: 0, failed: None }
    }

    /// The check's verdict on a sentence, weighed with the judge's where it is open. A
    /// judge that failed once is not asked again: each of its failures may take as long
    /// as [`PATIENCE`].
    pub async fn weigh(&mut self, verdict: Verdict, sentence: &str, source: &Checked) -> Verdict {
        let Some(judge) = self.judge.filter(|_| self.failed.is_none()) else { return verdict };
        let premise = source.premise(&verdict);
        if !verdict.is_open() || premise.is_empty() {
            return verdict;
        }
        self.asked += 1;
        let case = Case {
            tenant: &judge.tenant,
            conversation: &judge.conversation,
            erasures: judge.erasures,
            premise: &premise,
            hypothesis: sentence,
            deadline: Instant::now() + PATIENCE,
        };
        let entailed = match judge.entailment.entailed(&case).await {
            Ok(entailed) if (0.0..=1.0).contains(&entailed) => entailed,
            Ok(odd) => return self.fail(JudgeError::Odd(odd), verdict),
            Err(error) => return self.fail(error, verdict),
        };
        verdict.judged(entailed)
    }

    fn fail(&mut self, error: JudgeError, verdict: Verdict) -> Verdict {
        self.failed = Some(error);
        verdict
    }

    /// Whether the judge failed, and how.
    pub fn error(&self) -> Option<&JudgeError> {
        self.failed.as_ref()
    }

    /// The identity of what judged every sentence that was open to it; nothing where it
    /// was not asked, or failed.
    pub fn judged_by(&self) -> Option<String> {
        let judge = self.judge.filter(|_| self.asked > 0 && self.failed.is_none())?;
        Some(judge.entailment.info().identity())
    }
}
