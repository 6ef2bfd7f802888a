//! How a window is to be filled: the caller's choices, parsed and defaulted
//! before assembly begins. Values alone; the first thing that [`super::assemble`]
//! reads.
//!
//! Invariant: a share counts as what it is clipped to, 0 to 1, and as 0 when it
//! is no number.

use std::sync::Arc;

use super::tokens::TokenCounter;

/// Share of the budget for recent turns, unless the caller says otherwise.
pub const DEFAULT_RECENT_SHARE: f32 = 0.3;
/// Share of the budget for pins that are not required, unless the caller says
/// otherwise.
pub const DEFAULT_PINNED_SHARE: f32 = 0.25;

/// Share of the budget that carried excerpts leave to newly found ones when
/// they are chosen.
pub const MIN_FRESH_SHARE: f32 = 0.15;

/// Share of the budget for pins that are restated near the query, where that is
/// asked for.
pub const REANCHOR_SHARE: f32 = 0.1;

/// Tokens that a chat template adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TemplateOverhead {
    /// For each message.
    pub per_message: u32,
    /// Once for each prompt.
    pub per_prompt: u32,
}

impl Default for TemplateOverhead {
    /// ChatML, as OpenAI counts it.
    fn default() -> Self {
        Self { per_message: 4, per_prompt: 3 }
    }
}

/// How a window is to be filled.
#[derive(Clone)]
pub struct WindowOptions {
    /// Tokens that the window may cost.
    pub budget: u32,
    /// Who counts.
    pub counter: Arc<dyn TokenCounter>,
    /// What the chat template adds.
    pub overhead: TemplateOverhead,
    /// Share of the budget for recent turns, 0 to 1.
    pub recent_share: f32,
    /// Recent turns may go over their share: all of them while the whole
    /// history fits into the window, and the last exchange where it fits.
    pub stretch_recent: bool,
    /// Share of the budget for excerpts that stand before the recent turns and
    /// are carried unchanged through several windows, 0 to 1; 0 for none.
    pub carried_share: f32,
    /// Share of the budget for pins that are not required, 0 to 1.
    pub pinned_share: f32,
    /// Share of the budget for the summary, 0 to 1; 0 for none.
    pub summary_share: f32,
    /// Share of the budget for pins that are restated right before the query, 0 to
    /// 1; 0 for none.
    pub reanchor_share: f32,
    /// How much length counts against a retrieved turn: it is worth
    /// `score / tokens^alpha`. 0 keeps retrieval's order, 1 ranks by score for
    /// each token. Negative or not a number counts as 0.
    pub density_alpha: f32,
    /// Smallest score for retrieved turns, 0 to 1 of the best.
    pub min_score: f32,
}

impl WindowOptions {
    /// The defaults for a budget in tokens and who counts them.
    pub fn new(budget: u32, counter: Arc<dyn TokenCounter>) -> Self {
        Self {
            budget,
            counter,
            overhead: TemplateOverhead::default(),
            recent_share: DEFAULT_RECENT_SHARE,
            stretch_recent: false,
            carried_share: 0.0,
            pinned_share: DEFAULT_PINNED_SHARE,
            summary_share: 0.0,
            reanchor_share: 0.0,
            density_alpha: 0.0,
            min_score: 0.0,
        }
    }

    /// Tokens that are this share of the budget, rounded down.
    pub(super) fn share(&self, share: f32) -> u64 {
        let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        // Truncation is meant, and the product is never above `u32::MAX`.
        (f64::from(self.budget) * f64::from(share)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::tokens::Tokenizers;

    #[test]
    fn shares_are_clipped() {
        let counter = Tokenizers::builtin().get("cl100k_base").unwrap();
        let options = WindowOptions::new(1_000, counter);
        for (share, expected) in
            [(0.5, 500), (-1.0, 0), (7.0, 1_000), (f32::NAN, 0), (f32::INFINITY, 1_000), (0.0, 0)]
        {
            assert_eq!(options.share(share), expected, "{share}");
        }
    }
}
