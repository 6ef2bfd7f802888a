//! The turns that a summary stands for, as checking and extracting read them.

use jiff::civil::Date;

/// Turns of one source at most; a longer range is folded in parts.
pub const MAX_TURNS: usize = 2_000;

/// A turn that a summary may speak of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceTurn {
    /// Who speaks, as a summary would name them ("Anna", "Project Manager");
    /// the role where there is no name.
    pub speaker: String,
    /// `user`, `assistant`, `system` or `tool`; empty when it is not known.
    pub role: String,
    /// The whole text.
    pub text: String,
    /// The turn's number in its conversation.
    pub sequence: u64,
    /// The day on which it was said; a summary may state it.
    pub date: Option<Date>,
}

impl SourceTurn {
    /// The turn led by its speaker, as it is embedded.
    pub fn led(&self, part: &str) -> String {
        let name = if self.speaker.is_empty() { &self.role } else { &self.speaker };
        if name.is_empty() { part.to_owned() } else { format!("{name}: {part}") }
    }
}
