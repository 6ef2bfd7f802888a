//! A summary that may be used: written by a model or taken from the turns, every
//! sentence checked, what is not supported tried once more with what was wrong,
//! then replaced by a sentence of the turns.
//!
//! Invariants: no sentence is in a summary that is not supported or a quotation; what
//! was rejected is kept with its reasons; without a writer, or when it fails,
//! the summary is extractive and says so; where a judge of entailment is configured, the
//! summary says whether it judged.

mod model;
mod prompt;
mod revise;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use async_trait::async_trait;

pub use model::ModelWriter;
pub use prompt::PROMPT_VERSION;
use revise::Unwritten;

use crate::{
    check::{CheckError, Checker, Reason, Verdict},
    entailment::{Judge, Judging},
    extractive::{Extract, ExtractError, Extractive, MODEL, Wish},
    source::SourceTurn,
};

/// A language model as composing needs it.
#[async_trait]
pub trait Writer: Send + Sync {
    /// Name of the model, kept with what it wrote.
    fn model(&self) -> &str;

    /// Answers a prompt with text.
    ///
    /// # Errors
    /// [`WriterError`]; the summary is then extractive.
    async fn write(&self, prompt: &str) -> Result<String, WriterError>;
}

/// A model that gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// It was busy, late or away: the same prompt may be answered later.
    #[error("the model did not write now: {0}")]
    Passing(String),
    /// It would not answer this prompt another time either.
    #[error("the model did not write: {0}")]
    Lasting(String),
}

impl WriterError {
    /// Whether asking again later may help.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Passing(_))
    }
}

/// What a summary is composed of.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The turns that it stands for, in order.
    pub turns: &'a [SourceTurn],
    /// Characters of the summary at most.
    pub budget: usize,
    /// Spans that must not be summarised away, with their turns.
    pub pins: &'a [(u64, String)],
    /// Sentences of the summaries that are folded into this one, in order: the model
    /// reads them instead of the turns, which the check goes by. Empty for turns.
    pub below: &'a [String],
}

/// Where a sentence of a summary comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Written by the model and supported.
    Written,
    /// Written by the model when asked again, and supported.
    Rewritten,
    /// Taken from the turns word for word.
    Extracted,
    /// Taken from the turns, told in the third person, and supported.
    Retold,
}

/// A sentence of a summary.
#[derive(Clone, Debug, PartialEq)]
pub struct Sentence {
    /// The sentence.
    pub text: String,
    /// Turns that support it, best first.
    pub sources: Vec<u64>,
    /// Probability that it is faithful; 1 for what is quoted.
    pub faithful: f32,
    /// Where it comes from.
    pub origin: Origin,
}

/// A sentence that was not taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejected {
    /// The sentence.
    pub text: String,
    /// Probability that it is faithful.
    pub faithful: f32,
    /// What was not supported.
    pub reasons: Vec<Reason>,
    /// What the judge of entailment said of it, where it was asked.
    pub entailed: Option<f32>,
    /// It was already the second attempt.
    pub again: bool,
}

impl Rejected {
    /// What a verdict rejects.
    fn by(verdict: Verdict, text: String, again: bool) -> Self {
        let Verdict { probability: faithful, reasons, entailed, .. } = verdict;
        Self { text, faithful, reasons, entailed, again }
    }
}

/// A summary with all that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Its sentences in order.
    pub sentences: Vec<Sentence>,
    /// Least faithfulness of its sentences, 0 to 1; 1 for an empty summary.
    pub faithful: f32,
    /// What was rejected on the way.
    pub rejected: Vec<Rejected>,
    /// Name of the model, or [`MODEL`].
    pub model: String,
    /// Version of the prompt; 0 without a model.
    pub prompt_version: u32,
    /// Version of the check's weights.
    pub check_version: String,
    /// Identity of what judged entailment beside the check; nothing where there is no
    /// judge, it had nothing to judge, or it failed.
    pub judged_by: Option<String>,
    /// Why the judge did not judge all, where it failed.
    pub judge_error: Option<String>,
    /// Why the model did not write, where it should have.
    pub writer_error: Option<String>,
    /// The model was busy, late or away for some or all of it: composed again later,
    /// there may be more of the model in it.
    pub unfinished: bool,
}

impl Summary {
    /// The summary as one text.
    pub fn text(&self) -> String {
        let parts: Vec<&str> = self.sentences.iter().map(|one| one.text.as_str()).collect();
        parts.join(" ")
    }
}

/// What composing can fail with.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// Of the check.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// Of extracting.
    #[error(transparent)]
    Extract(#[from] ExtractError),
}

/// Composes summaries.
#[derive(Clone)]
pub struct Composer {
    checker: Checker,
    extractive: Extractive,
}

impl Composer {
    /// With a check and a way to take sentences from turns.
    pub fn new(checker: Checker, extractive: Extractive) -> Self {
        Self { checker, extractive }
    }

    /// Composes a summary; without a writer an extractive one. Blocks on
    /// embedding: call it where blocking is allowed.
    ///
    /// # Errors
    /// [`ComposeError`]; a writer's failure is none.
    pub async fn compose(
        &self,
        order: Order<'_>,
        writer: Option<&dyn Writer>,
    ) -> Result<Summary, ComposeError> {
        self.compose_judged(order, writer, None).await
    }

    /// The same with a judge of entailment beside the check, if there is one.
    ///
    /// # Errors
    /// [`ComposeError`]; a failure of writer or judge is none.
    pub async fn compose_judged(
        &self,
        order: Order<'_>,
        writer: Option<&dyn Writer>,
        judge: Option<&Judge>,
    ) -> Result<Summary, ComposeError> {
        let mut judging = Judging::new(judge);
        let written = match writer {
            Some(writer) => Some(revise::written(self, order, writer, &mut judging).await?),
            None => None,
        };
        let mut summary = match written {
            Some(Ok(summary)) => summary,
            Some(Err(unwritten)) => self.extract(order, Some(unwritten), &mut judging).await?,
            None => self.extract(order, None, &mut judging).await?,
        };
        summary.judged_by = judging.judged_by();
        summary.judge_error = judging.error().map(ToString::to_string);
        Ok(summary)
    }

    async fn extract(
        &self,
        order: Order<'_>,
        unwritten: Option<Unwritten>,
        judging: &mut Judging<'_>,
    ) -> Result<Summary, ComposeError> {
        let wish = Wish { budget: order.budget, pins: order.pins };
        let extracts = self.extractive.summarise(order.turns, wish)?;
        let (why, mut rejected) = match unwritten {
            Some(Unwritten { why, rejected }) => (Some(why), rejected),
            None => (None, Vec::new()),
        };
        let sentences = self.taken(extracts, order.turns, &mut rejected, judging).await?;
        Ok(Summary {
            faithful: least(&sentences),
            sentences,
            rejected,
            model: MODEL.to_owned(),
            prompt_version: 0,
            check_version: self.checker.version().to_owned(),
            judged_by: None,
            judge_error: None,
            unfinished: why.as_ref().is_some_and(WriterError::is_passing),
            writer_error: why.map(|why| why.to_string()),
        })
    }

    /// Sentences of the turns in a summary. What is told in other words than it
    /// was said is checked like a model's sentence, and quoted where it fails.
    async fn taken(
        &self,
        extracts: Vec<Extract>,
        turns: &[SourceTurn],
        rejected: &mut Vec<Rejected>,
        judging: &mut Judging<'_>,
    ) -> Result<Vec<Sentence>, ComposeError> {
        let retold = extracts.iter().filter(|extract| extract.quoted.is_some());
        let of: BTreeSet<u64> = retold.map(|extract| extract.sequence).collect();
        let own = turns.iter().filter(|turn| of.contains(&turn.sequence)).cloned();
        let source = match own.collect::<Vec<_>>() {
            own if own.is_empty() => None,
            own => Some(self.checker.read(&own)?),
        };
        let mut sentences = Vec::with_capacity(extracts.len());
        for extract in extracts {
            let Extract { mut text, quoted, sequence, .. } = extract;
            let (mut faithful, mut origin) = (1.0, Origin::Extracted);
            if let (Some(quoted), Some(source)) = (quoted, &source) {
                let verdict = self.checker.check(&text, source)?;
                let verdict = judging.weigh(verdict, &text, source).await;
                if verdict.supported {
                    (faithful, origin) = (verdict.probability, Origin::Retold);
                } else {
                    let text = std::mem::replace(&mut text, quoted);
                    rejected.push(Rejected::by(verdict, text, false));
                }
            }
            sentences.push(Sentence { text, sources: vec![sequence], faithful, origin });
        }
        Ok(sentences)
    }
}

/// The least faithful of sentences; 1 without any.
fn least(sentences: &[Sentence]) -> f32 {
    sentences.iter().map(|one| one.faithful).fold(1.0, f32::min)
}
