//! What draws the events of a conversation's turns.
//!
//! Invariants: what is drawn for a turn is a function of the statements up to
//! it; it never sees a turn that came after. Another outcome for the same
//! statements is another version.

use std::sync::Arc;

use super::{event::Event, statement::Statement};

/// Draws events.
pub trait Detect: Send + Sync + 'static {
    /// Name and version, for people.
    fn name(&self) -> String;

    /// Another one than a record's: what the record holds is drawn anew.
    fn version(&self) -> u32;

    /// Turns right before a new one that its [`Follow`] must have seen.
    fn memory_turns(&self) -> usize;

    /// Begins to follow a branch.
    fn follow(&self) -> Box<dyn Follow>;

    /// Probability that a turn was replaced, from the confidences of the edges
    /// to it, one at least, in any order.
    fn superseded(&self, edges: &[f32]) -> f32;
}

/// Follows the turns of one branch, in order.
pub trait Follow: Send {
    /// Sees a turn whose events were drawn before.
    fn pass(&mut self, turn: &Statement);

    /// Sees a new turn and draws its events. `earlier` are the turns to compare
    /// it with, in order: the last ones, and older ones that may be meant.
    fn events(&mut self, new: &Arc<Statement>, earlier: &[Arc<Statement>]) -> Vec<Event>;

    /// What follows from the events of a new turn for turns that it was not compared
    /// with: `turns`, in order, are earlier ones that it clearly replaced, each with the
    /// one right behind it.
    fn echoes(
        &self,
        _new: &Arc<Statement>,
        _events: &[Event],
        _turns: &[Arc<Statement>],
    ) -> Vec<Event> {
        Vec::new()
    }
}
