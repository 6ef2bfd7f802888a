//! The summary of a window: one unit for each summary that nothing stands above,
//! as far as they fit into their share.
//!
//! Invariants: of two summaries the one that stands for more turns comes first,
//! then the newer; what was chosen stands in time order; the same summaries
//! and the same room give the same bytes, so that the prefix stays between two
//! foldings.

use super::{
    input::SummaryUnit,
    options::WindowOptions,
    quote::{self, Block, Sealed},
};

/// The summaries that stand in a window.
pub(super) struct SummaryBlock {
    /// Their text and costs.
    pub(super) sealed: Sealed,
    /// Indices into the summaries, in the order of the sealed units.
    pub(super) units: Vec<usize>,
}

impl SummaryBlock {
    /// What it costs with the template's tokens for its message.
    pub(super) fn tokens(&self, options: &WindowOptions) -> u64 {
        self.sealed.tokens() + u64::from(options.overhead.per_message)
    }

    /// Chooses what fits into `room` tokens; nothing if none does.
    pub(super) fn choose(
        options: &WindowOptions,
        summaries: &[SummaryUnit],
        room: u64,
    ) -> Option<Self> {
        let texts: Vec<String> = summaries.iter().map(quote::summary).collect();
        let mut by_worth: Vec<usize> = (0..summaries.len()).collect();
        by_worth.sort_by_key(|at| {
            let unit = summaries.get(*at);
            std::cmp::Reverse(unit.map(|unit| (unit.until - unit.from, unit.from)))
        });
        let counted = |at: usize| {
            let text = texts.get(at)?;
            Some((at, options.counter.count_again(text)))
        };
        let mut left = room.checked_sub(quote::opening(Block::Summary, options))?;
        let mut chosen: Vec<(usize, u32)> = Vec::new();
        for (at, tokens) in by_worth.into_iter().filter_map(counted) {
            if u64::from(tokens) <= left {
                left -= u64::from(tokens);
                chosen.push((at, tokens));
            }
        }
        chosen.sort_unstable();
        // A tokenizer that does not add up counts the whole again.
        while !chosen.is_empty() {
            let units: Vec<(&str, u32)> = chosen
                .iter()
                .filter_map(|(at, tokens)| Some((texts.get(*at)?.as_str(), *tokens)))
                .collect();
            let sealed = Sealed::new(Block::Summary, &units, options.counter.as_ref());
            let block = Self { sealed, units: chosen.iter().map(|(at, _)| *at).collect() };
            if block.tokens(options) <= room {
                return Some(block);
            }
            chosen.pop();
        }
        None
    }
}
