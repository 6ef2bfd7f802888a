//! Lines for pins: the model says a pin in one line that stands alone, the line is
//! checked against the turns that it was written of, and held against the pin; what fails
//! is asked for once more with what was wrong, and then there is none.
//!
//! Invariants: no line is handed out that is not supported by its turns or has lost a
//! number, an identifier, a name or a denial of its pin; nothing ever takes the place of
//! one that failed; what was rejected is handed back with its reasons.

mod keeps;
mod prompt;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use throughline_memory::facts::{
    LineDraft, LineError, LineSource, LineVersion, RejectedLine, WriteLine,
};

use self::keeps::{KEEPS_VERSION, lost};
use crate::{
    check::{Checked, Checker},
    compose::{ModelWriter, Writer, WriterError},
    fold::source_turns,
    llm::ChatModel,
    text::sentences,
};

pub use prompt::PROMPT_VERSION;

/// Characters of a line at most.
pub const MAX_CHARS: usize = 160;
/// Tokens of an answer at most: some more than such a line has, so that one that is too
/// long is seen to be.
const MAX_TOKENS: usize = 80;

/// Writes lines with a language model.
#[derive(Clone)]
pub struct LineWriter {
    checker: Checker,
    model: Arc<dyn ChatModel>,
}

/// A line as it was judged.
enum Judged {
    /// It may be used; with its faithfulness.
    Taken(f32),
    /// It may not, for these reasons.
    Rejected(Vec<String>),
}

impl LineWriter {
    /// With a check and the model that writes.
    pub fn new(checker: Checker, model: Arc<dyn ChatModel>) -> Self {
        Self { checker, model }
    }

    /// The same with any writer.
    async fn write_with(
        &self,
        source: &LineSource,
        writer: &dyn Writer,
    ) -> Result<LineDraft, LineError> {
        let turns = source_turns(&source.turns);
        let later = |error: &dyn std::fmt::Display| LineError(error.to_string());
        let checked = self.checker.read(&turns).map_err(|error| later(&error))?;
        let mut draft = LineDraft::default();
        let first = prompt::line(&turns, &source.words, source.kind);
        let mut request = first.clone();
        for _ in 0..2 {
            let answer = match writer.write(&request).await {
                Ok(answer) => answer,
                Err(error @ WriterError::Passing(_)) => return Err(later(&error)),
                Err(error @ WriterError::Lasting(_)) => {
                    draft.rejected.push(rejected("", &[error.to_string()]));
                    break;
                }
            };
            // That nothing is known of what is meant is an answer too.
            let Some(line) = line_of(&answer) else { break };
            match self.judge(line, &source.words, &checked).map_err(|error| later(&error))? {
                Judged::Taken(faithfulness) => {
                    draft.line = Some((line.to_owned(), faithfulness));
                    break;
                }
                Judged::Rejected(reasons) => {
                    request = prompt::again(&first, line, &reasons);
                    draft.rejected.push(rejected(line, &reasons));
                }
            }
        }
        Ok(draft)
    }

    fn judge(
        &self,
        line: &str,
        words: &str,
        source: &Checked,
    ) -> Result<Judged, crate::check::CheckError> {
        let mut reasons: Vec<String> = lost(line, words).iter().map(ToString::to_string).collect();
        let characters = line.chars().count();
        if characters > MAX_CHARS {
            reasons.push(format!("{characters} characters, at most {MAX_CHARS}"));
            return Ok(Judged::Rejected(reasons));
        }
        let mut faithfulness = 1.0_f32;
        for sentence in sentences(line) {
            let verdict = self.checker.check(sentence, source)?;
            faithfulness = faithfulness.min(verdict.probability);
            if verdict.supported {
                continue;
            }
            let named = verdict.reasons.iter();
            reasons.extend(
                named.map(|reason| format!("not said ({}): {}", reason.kind.name(), reason.words)),
            );
            if verdict.reasons.is_empty() {
                let probability = verdict.probability;
                reasons.push(format!("supported with probability {probability:.2} only"));
            }
        }
        Ok(if reasons.is_empty() { Judged::Taken(faithfulness) } else { Judged::Rejected(reasons) })
    }
}

#[async_trait]
impl WriteLine for LineWriter {
    fn version(&self) -> LineVersion {
        let info = self.model.info();
        LineVersion {
            model: info.name.clone(),
            model_sha256: info.sha256.clone(),
            prompt: PROMPT_VERSION,
            check: format!("{} {KEEPS_VERSION}", self.checker.version()),
        }
    }

    async fn write(&self, source: &LineSource) -> Result<LineDraft, LineError> {
        let (tenant, conversation) = (source.tenant.clone(), source.conversation.clone());
        let version = format!("line {PROMPT_VERSION}");
        let writer =
            ModelWriter::new(Arc::clone(&self.model), tenant, conversation).after(source.erasures);
        self.write_with(source, &writer.of(&version, MAX_TOKENS)).await
    }
}

/// The line of an answer, without quotation marks, marks of a list and what it may have
/// been led with; nothing for NONE.
fn line_of(answer: &str) -> Option<&str> {
    let line = answer.lines().map(str::trim).find(|line| !line.is_empty())?;
    let line = line.strip_prefix("Line:").unwrap_or(line).trim_start_matches(['-', '*', '•', ' ']);
    let quoted = line.strip_prefix('"').and_then(|line| line.strip_suffix('"'));
    let line = quoted.filter(|line| !line.contains('"')).unwrap_or(line).trim();
    let none = line.trim_end_matches('.').eq_ignore_ascii_case("none");
    (!none && line.chars().any(char::is_alphanumeric)).then_some(line)
}

fn rejected(line: &str, reasons: &[String]) -> RejectedLine {
    RejectedLine { text: line.to_owned(), reason: reasons.join("; ") }
}
