//! Re-anchoring lines: pins that say how to answer, restated right before the
//! query, where a model reads best.
//!
//! Invariants: only pins that stand in the window are restated, and only those of
//! the application and the user, each with the authority that it has there; they
//! take no more than their share of the budget.

use super::{
    input::Pin,
    options::WindowOptions,
    pins::PinBlock,
    quote::{self, Block, Sealed},
};
use crate::{facts::FactKind, turn::Role};

/// The blocks of pins to restate, in the order in which they stand; `chosen` are
/// the indices of the pins that stand in the window. They fit into `room`.
pub(super) fn blocks(
    options: &WindowOptions,
    pins: &[Pin],
    chosen: &[usize],
    room: u64,
) -> Vec<PinBlock> {
    let mut left = room.min(options.share(options.reanchor_share));
    let mut blocks = Vec::new();
    for (block, authority) in
        [(Block::SystemReminder, Role::System), (Block::UserReminder, Role::User)]
    {
        let restated = chosen.iter().copied().filter(|at| {
            pins.get(*at).is_some_and(|pin| pin.authority == authority && is_restated(pin))
        });
        let Some(fitted) = fit(options, pins, block, restated, left) else { continue };
        left = left.saturating_sub(tokens(options, &fitted));
        blocks.push(fitted);
    }
    blocks
}

/// What blocks cost, the template's tokens for their messages included.
pub(super) fn tokens(options: &WindowOptions, block: &PinBlock) -> u64 {
    block.sealed.tokens() + u64::from(options.overhead.per_message)
}

/// How to answer is restated, and what must never be missed.
fn is_restated(pin: &Pin) -> bool {
    let holds = pin.mark.is_none();
    let guides =
        matches!(pin.fact.kind, FactKind::Instruction | FactKind::Preference | FactKind::Consent);
    holds && (guides || pin.fact.required)
}

/// As many pins, in order, as fit into the room.
fn fit(
    options: &WindowOptions,
    pins: &[Pin],
    block: Block,
    restated: impl Iterator<Item = usize>,
    room: u64,
) -> Option<PinBlock> {
    let mut units: Vec<(String, u32)> = Vec::new();
    let mut indices = Vec::new();
    let mut fitted = None;
    for at in restated {
        let Some(pin) = pins.get(at) else { continue };
        let text = quote::pin(pin);
        let tokens = options.counter.count_again(&text);
        units.push((text, tokens));
        indices.push(at);
        let texts: Vec<_> = units.iter().map(|(text, tokens)| (text.as_str(), *tokens)).collect();
        let sealed = Sealed::new(block, &texts, options.counter.as_ref());
        let tried = PinBlock { block, sealed, pins: indices.clone() };
        if self::tokens(options, &tried) > room {
            units.pop();
            indices.pop();
        } else {
            fitted = Some(tried);
        }
    }
    fitted
}
