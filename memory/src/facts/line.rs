//! The line that says a pin so that it stands alone, where a language model is there to
//! write one: what its pronouns and gaps mean is taken from the turns around it.
//!
//! Invariants: a line never takes the place of the pin's own words; it is derived from
//! turns no later than the pin's, passed a check against them, and goes with any of
//! them that is erased.

use serde::{Deserialize, Serialize};

use super::FactKind;
use crate::{
    summary::SourceTurn,
    turn::{ConversationId, TenantId},
};

/// What a line is written by. A line by anything else is written anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineVersion {
    /// Name of the language model.
    pub model: String,
    /// SHA-256 of its weights, hex; see the model's info.
    pub model_sha256: String,
    /// Version of the prompt.
    pub prompt: u32,
    /// Version of what checks the line.
    pub check: String,
}

/// A line that passed its check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// One line, without a line break.
    pub text: String,
    /// Name of the language model that wrote it.
    pub model: String,
    /// Probability that its turns support it, 0 to 1.
    pub faithfulness: f32,
}

/// A line that was written and could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedLine {
    /// What was written; empty where nothing was.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What a line is to be written of.
#[derive(Clone, Debug, PartialEq)]
pub struct LineSource {
    /// Whose conversation: work is shared fairly between tenants.
    pub tenant: TenantId,
    /// The conversation: what is generated goes with it.
    pub conversation: ConversationId,
    /// Its erasures ([`Generations::erasures`](crate::summary::generations::Generations::erasures))
    /// before its turns were read.
    pub erasures: u64,
    /// A few turns in order, long ones cut; the last one is the pin's. At least one.
    pub turns: Vec<SourceTurn>,
    /// The pin, word for word as the last turn has it.
    pub words: String,
    /// What the pin is.
    pub kind: FactKind,
}

/// What became of a source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineDraft {
    /// The line with the probability that the turns support it; absent where none that
    /// was written could be used.
    pub line: Option<(String, f32)>,
    /// What was written and could not be used, in order.
    pub rejected: Vec<RejectedLine>,
}

/// Why there is no line now: the model was busy, late or away. It is asked again later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot write a line: {0}")]
pub struct LineError(pub String);

/// Writes lines and checks them. What it does may block: it is called on a thread for
/// such work.
#[async_trait::async_trait]
pub trait WriteLine: Send + Sync {
    /// What lines are written by.
    fn version(&self) -> LineVersion;

    /// Writes the line of a pin. The same source gives the same draft.
    ///
    /// # Errors
    /// [`LineError`] if another attempt may do better.
    async fn write(&self, source: &LineSource) -> Result<LineDraft, LineError>;
}
