//! Summaries: text that stands for ranges of turns, folded together as a
//! conversation grows.
//!
//! Turns are folded into a summary of a segment ([`fold`]), and several
//! summaries into one above them, so that the work for a new turn does not grow
//! with the conversation. What is written comes through [`Summarize`], which
//! answers for every sentence with the turns that it stands on. The rolling
//! summary is what no other summary stands above ([`outline`]).
//!
//! Invariants: turns are never removed; a summary is derived and can be made
//! again; the same turns and summaries give the same plan; no turn stands twice in a
//! level ([`layers`]); a sentence that
//! stands on a turn that was replaced since is not shown.

pub mod fold;
pub mod generations;
pub mod layers;
pub mod outline;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::turn::{ConversationId, Role, Sequence, TenantId};

/// A sentence with the turns that it stands on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SummarySentence {
    /// The words.
    pub text: String,
    /// Turns that support it, in order; at least one.
    pub sources: Vec<Sequence>,
    /// Probability that the sources support it, 0 to 1.
    pub faithfulness: f32,
    /// It is taken from its source word by word.
    pub verbatim: bool,
}

/// A sentence that was written and did not pass the check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RejectedSentence {
    /// The words.
    pub text: String,
    /// What its sources do not support.
    pub reason: String,
}

/// A summary as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// First turn that it stands for.
    pub from: Sequence,
    /// Last turn that it stands for.
    pub until: Sequence,
    /// 0 for a summary of turns, n for one of summaries of level n - 1.
    pub level: u8,
    /// In the order of their sources.
    pub sentences: Vec<SummarySentence>,
    /// What was written and rejected.
    pub rejected: Vec<RejectedSentence>,
    /// `extractive`, or the name of the language model.
    pub model: String,
    /// Version of the prompt, or of the extraction.
    pub prompt_version: u32,
    /// Newest turn whose events were known.
    pub known_until: Sequence,
    /// When it was made.
    pub made_at: Timestamp,
    /// When its first turn was said.
    pub first_said: Timestamp,
    /// When its last turn was said.
    pub last_said: Timestamp,
    /// Attempts after which its model had still not written all of it, being busy, late or
    /// away: it is made again a while after, until it is 0 or there were too many. Stored
    /// behind the others, which are all that there was before.
    #[serde(skip)]
    pub unfinished: u32,
    /// What judged entailment beside the check, with hash and version; nothing where there
    /// is no such judge, it had nothing to judge, or it failed. Stored behind `unfinished`.
    #[serde(skip)]
    pub judged_by: Option<String>,
}

impl Summary {
    /// Mean probability that its sentences are supported; 1 without any.
    pub fn faithfulness(&self) -> f32 {
        if self.sentences.is_empty() {
            return 1.0;
        }
        let sum: f32 = self.sentences.iter().map(|sentence| sentence.faithfulness).sum();
        sum / self.sentences.len() as f32
    }

    /// The range that it stands for.
    pub fn node(&self) -> fold::Node {
        fold::Node { level: self.level, from: self.from, until: self.until }
    }

    /// Whether it stands for a turn.
    pub fn covers(&self, sequence: Sequence) -> bool {
        (self.from..=self.until).contains(&sequence)
    }
}

/// A turn that is to be summarized.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceTurn {
    /// Its place.
    pub sequence: Sequence,
    /// Who said it.
    pub role: Role,
    /// Name of the speaker, or empty.
    pub speaker: String,
    /// When.
    pub said_at: Timestamp,
    /// Its searchable text.
    pub text: String,
}

/// What is to be folded into one summary.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldSource {
    /// Whose conversation: work is shared fairly between tenants.
    pub tenant: TenantId,
    /// The conversation: what is generated goes with it.
    pub conversation: ConversationId,
    /// Its erasures ([`generations::Generations::erasures`]) before its turns were read.
    pub erasures: u64,
    /// The turns, in order, those left out that hold no more. For a summary of
    /// summaries the turns that these stand on.
    pub turns: Vec<SourceTurn>,
    /// Sentences of the summaries that are folded, in order; empty for turns.
    pub below: Vec<SummarySentence>,
    /// What was pinned of these turns, with the turn: not to be lost.
    pub pinned: Vec<(Sequence, String)>,
    /// Tokens that the text may have, by the default tokenizer.
    pub max_tokens: u32,
}

/// What a summarizer made of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// In the order of their sources; every one passed the check.
    pub sentences: Vec<SummarySentence>,
    /// What did not pass.
    pub rejected: Vec<RejectedSentence>,
    /// `extractive`, or the name of the language model.
    pub model: String,
    /// Version of the prompt, or of the extraction.
    pub prompt_version: u32,
    /// What judged entailment beside the check, if anything did; see
    /// [`Summary::judged_by`].
    pub judged_by: Option<String>,
    /// The model was busy, late or away, and what it should have written was taken from
    /// the turns: it stands for now, and is made again later.
    pub unfinished: bool,
}

/// Why there is no summary. The fold is tried again later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot summarize: {0}")]
pub struct SummarizeError(pub String);

/// Writes summaries and checks them against their source.
#[async_trait::async_trait]
pub trait Summarize: Send + Sync {
    /// The name of the model that writes, `extractive` without one.
    fn model(&self) -> String;

    /// Summarizes a source. The same source gives the same draft.
    ///
    /// # Errors
    /// [`SummarizeError`] when model or embedder do not answer.
    async fn summarize(&self, source: &FoldSource) -> Result<Draft, SummarizeError>;

    /// The same without a language model, for what cannot wait for one.
    ///
    /// # Errors
    /// [`SummarizeError`] when the embedder does not answer.
    async fn extract(&self, source: &FoldSource) -> Result<Draft, SummarizeError>;
}
