//! From what a model wrote to what may be used.

use super::{
    ComposeError, Composer, Order, Origin, PROMPT_VERSION, Rejected, Sentence, Summary, Writer,
    WriterError, least, prompt,
};
use crate::{
    check::{Checked, MAX_SENTENCE_BYTES},
    entailment::Judging,
    text::sentences,
};

/// Sentences of a model's answer that are looked at.
const MAX_SENTENCES: usize = 64;

/// Why nothing of a model is in a summary.
pub(super) struct Unwritten {
    pub(super) why: WriterError,
    /// What it wrote nevertheless.
    pub(super) rejected: Vec<Rejected>,
}

/// Writes, checks, tries again, replaces. The inner error is the writer's, of
/// the first request, or that nothing it wrote could be kept; a failed second attempt
/// is replaced like a rejected one, and leaves the summary unfinished if it may succeed
/// later.
pub(super) async fn written(
    composer: &Composer,
    order: Order<'_>,
    writer: &dyn Writer,
    judging: &mut Judging<'_>,
) -> Result<Result<Summary, Unwritten>, ComposeError> {
    let source = composer.checker.read(order.turns)?;
    let answer = match writer.write(&prompt::summary(&order)).await {
        Ok(answer) => answer,
        Err(why) => return Ok(Err(Unwritten { why, rejected: Vec::new() })),
    };
    let mut revision = Revision {
        composer,
        order,
        source,
        said: Vec::new(),
        rejected: Vec::new(),
        unfinished: false,
    };
    let mut kept: Vec<Sentence> = Vec::new();
    let mut left = order.budget;
    for sentence in sentences(&answer).into_iter().map(unmarked).take(MAX_SENTENCES) {
        let Some(sentence) = revision.settle(sentence, writer, judging).await? else { continue };
        let size = sentence.text.chars().count() + 1;
        let repeated = kept.iter().any(|other| other.text == sentence.text);
        if size <= left && !repeated {
            left -= size;
            kept.push(sentence);
        }
    }
    if kept.is_empty() {
        let why = "nothing of what it wrote could be used".to_owned();
        let kind = if revision.unfinished { WriterError::Passing } else { WriterError::Lasting };
        let why = kind(why);
        return Ok(Err(Unwritten { why, rejected: revision.rejected }));
    }
    let faithful = least(&kept);
    Ok(Ok(Summary {
        sentences: kept,
        faithful,
        rejected: revision.rejected,
        model: writer.model().to_owned(),
        prompt_version: PROMPT_VERSION,
        check_version: composer.checker.version().to_owned(),
        judged_by: None,
        judge_error: None,
        writer_error: None,
        unfinished: revision.unfinished,
    }))
}

/// Without the mark of a list.
fn unmarked(sentence: &str) -> &str {
    sentence.trim_start_matches(['-', '*', '•', ' '])
}

struct Revision<'a> {
    composer: &'a Composer,
    order: Order<'a>,
    source: Checked,
    /// Sentences of the turns that are in already.
    said: Vec<String>,
    rejected: Vec<Rejected>,
    /// A sentence could not be written again now.
    unfinished: bool,
}

impl Revision<'_> {
    /// A sentence that may stand, or nothing.
    async fn settle(
        &mut self,
        sentence: &str,
        writer: &dyn Writer,
        judging: &mut Judging<'_>,
    ) -> Result<Option<Sentence>, ComposeError> {
        let tried = self.try_one(sentence, Origin::Written, judging).await?;
        let (sources, reasons) = match tried {
            Tried::Taken(taken) => return Ok(Some(taken)),
            Tried::Empty => return Ok(None),
            Tried::Rejected { sources, reasons } => (sources, reasons),
        };
        let request = prompt::again(&self.order, sentence, &reasons, &sources);
        let written = writer.write(&request).await;
        self.unfinished |= written.as_ref().is_err_and(WriterError::is_passing);
        if let Ok(answer) = written {
            let again = sentences(&answer).into_iter().map(unmarked).next().unwrap_or("");
            let none = again.trim_end_matches('.').eq_ignore_ascii_case("none");
            if !none
                && let Tried::Taken(taken) = self.try_one(again, Origin::Rewritten, judging).await?
            {
                return Ok(Some(taken));
            }
        }
        let found = self.composer.extractive.nearest(sentence, self.order.turns, &self.said)?;
        self.said.extend(found.iter().map(|extract| extract.said.clone()));
        let found = found.into_iter().collect();
        let turns = self.order.turns;
        Ok(self.composer.taken(found, turns, &mut self.rejected, judging).await?.pop())
    }

    async fn try_one(
        &mut self,
        text: &str,
        origin: Origin,
        judging: &mut Judging<'_>,
    ) -> Result<Tried, ComposeError> {
        let text = text.get(..text.floor_char_boundary(MAX_SENTENCE_BYTES)).unwrap_or("").trim();
        if text.is_empty() {
            return Ok(Tried::Empty);
        }
        let verdict = self.composer.checker.check(text, &self.source)?;
        let verdict = judging.weigh(verdict, text, &self.source).await;
        let text = text.to_owned();
        if verdict.supported {
            let (sources, faithful) = (verdict.sources, verdict.probability);
            return Ok(Tried::Taken(Sentence { text, sources, faithful, origin }));
        }
        let (sources, reasons) = (verdict.sources.clone(), verdict.reasons.clone());
        self.rejected.push(Rejected::by(verdict, text, origin == Origin::Rewritten));
        Ok(Tried::Rejected { sources, reasons })
    }
}

enum Tried {
    Taken(Sentence),
    Rejected { sources: Vec<u64>, reasons: Vec<crate::check::Reason> },
    Empty,
}
