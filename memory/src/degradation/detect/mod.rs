//! Detectors over the words of a turn: the user repeats or corrects, the
//! assistant asks for what is known, contradicts, or breaks an instruction.
//!
//! Pure functions of texts: general English phrases, shared words and values, models
//! learnt over them, and the contradiction model. In another language phrases are not measurable;
//! what words and vectors alone can tell still is.

mod afterwards;
mod contradicts;
mod corrects;
pub mod instructions;
mod language;
mod likeness;
mod meaning;
mod model;
mod phrases;
mod reasks;
mod repeats;
mod scope;
mod talk;

use std::sync::OnceLock;

pub use contradicts::contradicts;
pub use corrects::corrects;
pub use language::language;
pub use reasks::{Known, reasks};
pub use repeats::repeats;
pub use scope::concerns_every_answer;

use crate::{
    staleness::statement::Said,
    turn::{Role, Sequence},
};

/// Earlier turns that a turn is read against, the newest.
pub const MEMORY_TURNS: usize = 48;

/// A turn as the detectors read it.
#[derive(Debug)]
pub struct SaidTurn {
    /// Its place.
    pub sequence: Sequence,
    /// Who said it.
    pub role: Role,
    text: String,
    /// Most earlier turns are never compared word by word.
    said: OnceLock<Said>,
}

impl SaidTurn {
    /// A turn with its searchable text.
    pub fn of(sequence: Sequence, role: Role, text: impl Into<String>) -> Self {
        Self { sequence, role, text: text.into(), said: OnceLock::new() }
    }

    /// Its words.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its words, read.
    pub fn said(&self) -> &Said {
        self.said.get_or_init(|| Said::of(&self.text, None))
    }
}

/// Features by name.
pub type Row = Vec<(&'static str, f32)>;

/// What the models of repeats and corrections see of a turn: one row for the first, one
/// for each sentence for the second. For learning their weights.
pub fn rows(
    turn: &SaidTurn,
    earlier: &[SaidTurn],
    cosine: &dyn Fn(Sequence, Sequence) -> Option<f32>,
) -> (Row, Vec<Row>) {
    let (repeats, _) = repeats::features(turn, earlier, cosine);
    let answer = last_of(earlier, Role::Assistant);
    let corrects = answer.map(|answer| corrects::features(turn, answer, earlier));
    let corrects = corrects.unwrap_or_default();
    (repeats.named().to_vec(), corrects.iter().map(|row| row.named().to_vec()).collect())
}

/// The newest turn of a role.
fn last_of(earlier: &[SaidTurn], role: Role) -> Option<&SaidTurn> {
    earlier.iter().rev().find(|turn| turn.role == role)
}
