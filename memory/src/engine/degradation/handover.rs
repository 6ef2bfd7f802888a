//! The hand-over window: what a fresh session has to know of a conversation. Its
//! pins, open commitments among them, and its summary; no turns.

use std::sync::Arc;

use crate::{
    context::{self, Marks, Query, TurnReader, Window, WindowInput, WindowOptions},
    engine::{Engine, EngineError, pins::RetiredPins, scopes::Scope},
    turn::{ConversationId, Sequence, TenantId, Turn},
};

/// Tokens of a hand-over window, by the default tokenizer.
pub const HANDOVER_TOKENS: u32 = 2_048;

/// A hand-over quotes no turn.
struct NoTurns;

impl TurnReader for NoTurns {
    fn read(&self, _: Option<&ConversationId>, _: Sequence) -> Option<Arc<Turn>> {
        None
    }
}

impl Engine {
    /// The window that a fresh session begins with: pins and open commitments, then
    /// the rolling summary, in [`HANDOVER_TOKENS`].
    ///
    /// # Errors
    /// `NotFound`, `Assemble` when the required pins alone are larger, `Store`.
    pub fn handover(&self, tenant: &TenantId, id: &ConversationId) -> Result<Window, EngineError> {
        let options = WindowOptions {
            pinned_share: 1.0,
            summary_share: 1.0,
            ..WindowOptions::new(HANDOVER_TOKENS, Arc::clone(&self.counter))
        };
        self.standing_window(&self.scope(tenant, id)?, &options)
    }

    /// The pins and the summary of a conversation in a window of which nothing else is
    /// wanted.
    ///
    /// # Errors
    /// `Assemble` when the required pins alone do not fit, `Store`.
    pub(in crate::engine) fn standing_window(
        &self,
        own: &Scope,
        options: &WindowOptions,
    ) -> Result<Window, EngineError> {
        let others = self.user_pins_version(own)?;
        let input = WindowInput {
            pins: &self.pins(own, None, RetiredPins::LeftOut, others)?,
            summaries: &self.summary_units(own)?,
            history: &[],
            retrieved: &[],
            query: &Query::Text(String::new()),
            recent_from: None,
            carried: None,
            marks: &Marks::default(),
            reader: &NoTurns,
        };
        Ok(context::assemble(options, &input)?)
    }
}
