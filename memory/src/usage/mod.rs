//! What the service did, for whom: counted as it happens, kept by day for a tenant
//! and in all for a conversation, so that it can be billed and shown.
//!
//! Invariants: numbers only; counting never waits; what finds no room is counted
//! for the tenant alone.

mod meter;
mod totals;

use serde::{Deserialize, Serialize};

pub use meter::Meter;
pub use totals::TenantTotals;

pub(crate) use meter::Waiting;

/// Amounts. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Turns stored.
    pub turns: u64,
    /// Bytes of the records that were written with them.
    pub bytes: u64,
    /// Tokens of passages and queries given to the embedder, by the default tokenizer;
    /// what it has embedded before is counted too.
    pub embedded_tokens: u64,
    /// Tokens of prompts to the language model.
    pub llm_prompt_tokens: u64,
    /// Tokens that it generated.
    pub llm_generated_tokens: u64,
    /// Microseconds that it worked; waiting for its turn is no part.
    pub llm_micros: u64,
    /// Windows given.
    pub windows: u64,
    /// Tokens of these windows.
    pub window_tokens: u64,
    /// Tokens of the histories that these windows did without.
    pub saved_tokens: u64,
    /// Microseconds that windows took beyond embedding the query.
    pub assembly_micros: u64,
}

impl Usage {
    /// Adds other amounts.
    pub fn add(&mut self, other: &Self) {
        for (own, others) in [
            (&mut self.turns, other.turns),
            (&mut self.bytes, other.bytes),
            (&mut self.embedded_tokens, other.embedded_tokens),
            (&mut self.llm_prompt_tokens, other.llm_prompt_tokens),
            (&mut self.llm_generated_tokens, other.llm_generated_tokens),
            (&mut self.llm_micros, other.llm_micros),
            (&mut self.windows, other.windows),
            (&mut self.window_tokens, other.window_tokens),
            (&mut self.saved_tokens, other.saved_tokens),
            (&mut self.assembly_micros, other.assembly_micros),
        ] {
            *own = own.saturating_add(others);
        }
    }
}
