//! Which pins stand in the window: every required one, and of the others what
//! fits into their share, most useful first. Then, of those that stand, the lines that
//! say them in full, in what is left of the share: a line pushes out no pin, and fails no
//! window.
//!
//! Invariants: what is planned here is what is rendered, counted as the whole
//! blocks for a tokenizer that does not add up. Chosen pins stand in order of
//! creation, so that a change of usefulness does not touch the prefix.

use super::{
    AssembleError,
    input::Pin,
    options::WindowOptions,
    quote::{self, Block, Sealed, narrow},
};
use crate::turn::{ConversationId, Sequence};

/// Pins that do not fit after which no further one is tried.
const MAX_MISFITS: usize = 16;

const BLOCKS: [Block; 3] = [Block::SystemPins, Block::UserPins, Block::QuotedPins];

/// A pin as a unit.
struct Unit {
    /// Index into the pins.
    pin: usize,
    text: String,
    tokens: u32,
    /// Its text and tokens without its line, if it stands with one.
    bare: Option<(String, u32)>,
}

/// A block of pins, ready to stand in the window.
pub(super) struct PinBlock {
    pub(super) block: Block,
    pub(super) sealed: Sealed,
    /// Indices into the pins, in the order of the sealed units.
    pub(super) pins: Vec<usize>,
}

/// The chosen pins.
pub(super) struct PinPlan<'a> {
    options: &'a WindowOptions,
    pins: &'a [Pin],
    chosen: Vec<Unit>,
    required: usize,
    /// Pins that had no room.
    pub(super) yielded: usize,
}

impl<'a> PinPlan<'a> {
    /// Takes the required pins.
    ///
    /// # Errors
    /// [`AssembleError::BudgetTooSmall`] if they alone are over the budget.
    pub(super) fn required(
        options: &'a WindowOptions,
        pins: &'a [Pin],
    ) -> Result<Self, AssembleError> {
        let mut plan = Self { options, pins, chosen: Vec::new(), required: 0, yielded: 0 };
        for (index, pin) in pins.iter().enumerate().filter(|(_, pin)| pin.fact.required) {
            let unit = plan.unit(index, pin);
            plan.chosen.push(unit);
        }
        plan.required = plan.chosen.len();
        let needed = plan.tokens() + u64::from(options.overhead.per_prompt);
        if plan.required > 0 && needed > u64::from(options.budget) {
            let needed = narrow(needed);
            return Err(AssembleError::BudgetTooSmall { needed, given: options.budget });
        }
        Ok(plan)
    }

    /// Adds the other pins as far as they fit into `room` tokens and into their
    /// share of the budget, counted with the headers that they bring.
    pub(super) fn add_optional(&mut self, room: u64) {
        let required = self.tokens();
        let room = required + room.min(self.options.share(self.options.pinned_share));
        // Units counted apart sort out what fits: for additive tokenizers that
        // is exact, for the others the end verifies.
        let mut estimate = self.estimate();
        let mut misfits = 0;
        for (index, pin) in self.pins.iter().enumerate().filter(|(_, pin)| !pin.fact.required) {
            if misfits == MAX_MISFITS {
                self.yielded += 1;
                continue;
            }
            let unit = self.unit(index, pin);
            let block = Block::of_pin(pin.authority);
            let opened = self.chosen.iter().any(|unit| self.block(unit) == Some(block));
            let head = if opened { 0 } else { quote::opening(block, self.options) };
            let tokens = u64::from(unit.tokens) + head;
            if estimate + tokens > room {
                self.yielded += 1;
                misfits += 1;
            } else {
                estimate += tokens;
                self.chosen.push(unit);
            }
        }
        while self.chosen.len() > self.required && self.tokens() > room {
            self.chosen.pop();
            self.yielded += 1;
        }
        self.add_lines(room);
    }

    /// Puts lines behind chosen pins, the most useful first, as far as all pins together
    /// stay within `room` tokens.
    fn add_lines(&mut self, room: u64) {
        let (pins, counter) = (self.pins, self.options.counter.as_ref());
        let mut estimate = self.estimate();
        let mut misfits = 0;
        for unit in &mut self.chosen {
            let Some(text) = pins.get(unit.pin).and_then(quote::pin_in_full) else { continue };
            if misfits == MAX_MISFITS {
                break;
            }
            let tokens = counter.count_again(&text);
            let more = u64::from(tokens.saturating_sub(unit.tokens));
            if estimate + more > room {
                misfits += 1;
                continue;
            }
            estimate += more;
            let text = std::mem::replace(&mut unit.text, text);
            unit.bare = Some((text, std::mem::replace(&mut unit.tokens, tokens)));
        }
        while self.tokens() > room {
            let with_line = self.chosen.iter_mut().rev().find_map(|unit| {
                let bare = unit.bare.take()?;
                (unit.text, unit.tokens) = bare;
                Some(())
            });
            if with_line.is_none() {
                break;
            }
        }
    }

    /// What the chosen pins cost as they are rendered, the template's tokens
    /// for their messages included.
    pub(super) fn tokens(&self) -> u64 {
        if self.options.counter.additive() {
            return self.estimate();
        }
        self.blocks()
            .iter()
            .map(|block| block.sealed.tokens() + u64::from(self.options.overhead.per_message))
            .sum()
    }

    /// The chosen pins by block, in the order in which they stand.
    pub(super) fn blocks(&self) -> Vec<PinBlock> {
        let mut blocks = Vec::new();
        for block in BLOCKS {
            let mut units: Vec<&Unit> =
                self.chosen.iter().filter(|unit| self.block(unit) == Some(block)).collect();
            units.sort_by_key(|unit| {
                self.pins.get(unit.pin).map(|pin| (pin.fact.created_at, &pin.fact.id))
            });
            if units.is_empty() {
                continue;
            }
            let texts: Vec<_> =
                units.iter().map(|unit| (unit.text.as_str(), unit.tokens)).collect();
            let sealed = Sealed::new(block, &texts, self.options.counter.as_ref());
            blocks.push(PinBlock {
                block,
                sealed,
                pins: units.iter().map(|unit| unit.pin).collect(),
            });
        }
        blocks
    }

    /// Indices of the chosen pins, the most useful first.
    pub(super) fn chosen(&self) -> Vec<usize> {
        self.chosen.iter().map(|unit| unit.pin).collect()
    }

    /// Turns that chosen pins say all of, with the conversation of those of others.
    pub(super) fn whole_turns(&self) -> impl Iterator<Item = (Option<&ConversationId>, Sequence)> {
        let chosen = self.chosen.iter().filter_map(|unit| self.pins.get(unit.pin));
        let whole = chosen.filter(|pin| pin.whole_turn && pin.mark.is_none());
        whole.filter_map(|pin| Some((pin.conversation.as_ref(), pin.fact.source?)))
    }

    fn unit(&self, index: usize, pin: &Pin) -> Unit {
        let text = quote::pin(pin);
        let tokens = self.options.counter.count_again(&text);
        Unit { pin: index, text, tokens, bare: None }
    }

    fn block(&self, unit: &Unit) -> Option<Block> {
        self.pins.get(unit.pin).map(|pin| Block::of_pin(pin.authority))
    }

    /// The cost with every unit counted apart: exact for additive tokenizers.
    fn estimate(&self) -> u64 {
        let units: u64 = self.chosen.iter().map(|unit| u64::from(unit.tokens)).sum();
        let opened = BLOCKS
            .into_iter()
            .filter(|block| self.chosen.iter().any(|unit| self.block(unit) == Some(*block)));
        units + opened.map(|block| quote::opening(block, self.options)).sum::<u64>()
    }
}
