//! Reading what was packed and laying it out in time order, by message.
//!
//! Invariants: a turn that has gone since the plan was made takes its tool call
//! along; for a tokenizer that does not add up the messages are counted as they
//! will stand, and what was chosen last yields until they fit.

use std::sync::Arc;

use super::{
    budget::{EXCERPT_BLOCKS, Pick},
    cost::is_blank,
    input::WindowInput,
    marks::note_of,
    options::WindowOptions,
    quote::{self, Block, Sealed},
};
use crate::turn::Turn;

/// A retrieved turn, or one that belongs to its tool call, as it stands in the
/// window.
pub(super) struct Excerpt {
    /// Index of its pick.
    pub(super) pick: usize,
    /// The turn.
    pub(super) turn: Arc<Turn>,
    text: String,
    tokens: u32,
}

/// A message of excerpts in the order in which they stand.
pub(super) struct ExcerptBlock {
    /// Which message.
    pub(super) block: Block,
    /// Its text and costs.
    pub(super) sealed: Sealed,
    /// Its units.
    pub(super) excerpts: Vec<Excerpt>,
}

/// Reads the picks and makes messages of them that fit into `room` tokens.
pub(super) fn read(
    options: &WindowOptions,
    input: &WindowInput<'_>,
    picks: &[Pick],
    room: u64,
) -> Vec<ExcerptBlock> {
    let mut kept = picks.len();
    loop {
        let chosen = picks.iter().take(kept).enumerate();
        let excerpts = chosen.filter_map(|(index, pick)| read_pick(input, index, pick)).flatten();
        let blocks = lay_out(options, picks, excerpts.collect());
        let per_message = u64::from(options.overhead.per_message);
        let tokens: u64 = blocks.iter().map(|block| block.sealed.tokens() + per_message).sum();
        // Planned costs add up, so an additive tokenizer is always through here.
        if tokens <= room || blocks.is_empty() {
            return blocks;
        }
        let read = blocks.iter().flat_map(|block| &block.excerpts);
        let last = read.map(|excerpt| excerpt.pick).max().unwrap_or_default();
        kept = without(picks, last + 1, tokens - room);
    }
}

/// How many of the first `kept` picks stay when the last ones yield at least
/// `over` tokens, and one at least.
fn without(picks: &[Pick], kept: usize, over: u64) -> usize {
    let mut yielded = 0;
    let mut kept = kept;
    while let Some(last) = kept.checked_sub(1) {
        kept = last;
        yielded += picks.get(last).map_or(0, Pick::tokens);
        if yielded >= over {
            break;
        }
    }
    kept
}

/// The turns of a pick; nothing if one of them has gone.
fn read_pick(input: &WindowInput<'_>, index: usize, pick: &Pick) -> Option<Vec<Excerpt>> {
    let mut excerpts = Vec::with_capacity(pick.turns.len());
    for cost in &pick.turns {
        let turn = input.reader.read(pick.conversation.as_ref(), cost.sequence)?;
        if is_blank(&turn) {
            return None;
        }
        let mark = input.marks.get(pick.conversation.as_ref(), cost.sequence);
        let text = quote::excerpt(&turn, note_of(mark.as_deref()));
        excerpts.push(Excerpt { pick: index, turn, text, tokens: cost.quoted });
    }
    Some(excerpts)
}

fn lay_out(options: &WindowOptions, picks: &[Pick], excerpts: Vec<Excerpt>) -> Vec<ExcerptBlock> {
    let conversation = |e: &Excerpt| picks.get(e.pick).and_then(|pick| pick.conversation.as_ref());
    let (mut others, mut own): (Vec<_>, Vec<_>) =
        excerpts.into_iter().partition(|excerpt| conversation(excerpt).is_some());
    own.sort_by_key(|excerpt| excerpt.turn.sequence);
    others.sort_by(|a, b| {
        let key = |e: &Excerpt| (e.turn.said_at, conversation(e).cloned(), e.turn.sequence);
        key(a).cmp(&key(b))
    });
    let mut blocks = Vec::new();
    for (block, excerpts) in EXCERPT_BLOCKS.into_iter().zip([others, own]) {
        if !excerpts.is_empty() {
            let units: Vec<_> = excerpts.iter().map(|e| (e.text.as_str(), e.tokens)).collect();
            let sealed = Sealed::new(block, &units, options.counter.as_ref());
            blocks.push(ExcerptBlock { block, sealed, excerpts });
        }
    }
    blocks
}
