//! Putting everything in its place: pins, the summary, carried excerpts, recent turns, fresh
//! excerpts (each of other conversations, then of this one), the query and what
//! came after it.
//!
//! Invariants: nothing is added that the plan does not hold; every message has
//! an item for each thing in it, in the order in which they stand.

use std::collections::HashSet;

use super::{
    budget::Pick,
    carried::Carried,
    excerpts::{self, Excerpt, ExcerptBlock},
    input::{Pin, Query, SummaryUnit, WindowInput},
    marks::noted,
    options::WindowOptions,
    pins::PinBlock,
    plan::Plan,
    prefix::PrefixPiece,
    quote::{Block, Sealed, narrow},
    render,
    summary::SummaryBlock,
    verbatim,
    window::{Item, Message, Section, Window, Yielded},
};
use crate::turn::{Role, Turn};

/// Fills the plan; `carried` are the excerpts that were read for its carried
/// picks.
pub(super) fn place(
    options: &WindowOptions,
    input: &WindowInput<'_>,
    plan: Plan<'_>,
    carried: &[ExcerptBlock],
) -> Window {
    let mut builder = Builder::new(options);
    let middle = plan.middle;
    for block in plan.pins.blocks() {
        builder.push_pins(input.pins, &block, Section::Pinned);
    }
    if let Some(summary) = &plan.summary {
        builder.push_summary(input.summaries, summary);
    }
    let is_kept = middle.carried_before > 0;
    for block in carried {
        builder.push_excerpts(&middle.carried, block, is_kept);
    }
    let asked = plan.query.as_ref().and(match input.query {
        Query::LastTurn(turn) => Some(turn.as_ref()),
        Query::Text(_) => None,
    });
    let turns = verbatim::read(input, middle.verbatim, plan.query_at, asked);
    for (at, turn) in turns.iter().filter(|(at, _)| *at < plan.query_at) {
        builder.push_turn(input, *at, turn, "one of the latest turns");
    }
    for block in excerpts::read(options, input, &middle.picks, middle.picks_room) {
        builder.push_excerpts(&middle.picks, &block, false);
    }
    for block in &plan.restated {
        builder.push_pins(input.pins, block, Section::Reanchored);
    }
    if let Some((message, tokens)) = plan.query {
        builder.push_query(input.query, message, tokens);
    }
    for (at, turn) in turns.iter().filter(|(at, _)| *at >= plan.query_at) {
        builder.push_turn(input, *at, turn, "came after the last user turn");
    }
    let carried = left_to_carry(options, middle.carried, middle.carried_before, carried);
    Window { recent_from: middle.recent_from, carried, ..builder.finish(plan.yielded) }
}

/// What the next window is to carry: the picks that were read.
fn left_to_carry(
    options: &WindowOptions,
    picks: Vec<Pick>,
    before: u32,
    read: &[ExcerptBlock],
) -> Option<Carried> {
    let stand: HashSet<usize> =
        read.iter().flat_map(|block| block.excerpts.iter().map(|excerpt| excerpt.pick)).collect();
    let picks = picks.into_iter().enumerate().filter(|(at, _)| stand.contains(at));
    let per_message = u64::from(options.overhead.per_message);
    (!read.is_empty()).then(|| Carried {
        picks: picks.map(|(_, pick)| pick).collect(),
        tokens: read.iter().map(|block| block.sealed.tokens() + per_message).sum(),
        windows: before + 1,
        counted: Carried::counted_by(options),
    })
}

/// A window as it grows.
struct Builder<'a> {
    options: &'a WindowOptions,
    messages: Vec<Message>,
    items: Vec<Item>,
    prefix: Vec<PrefixPiece>,
    headers: u64,
}

impl<'a> Builder<'a> {
    fn new(options: &'a WindowOptions) -> Self {
        let (messages, items, prefix) = Default::default();
        Self { options, messages, items, prefix, headers: 0 }
    }

    /// An item of the message that is pushed next.
    fn item(&self, section: Section, role: Role, tokens: u32, reason: String) -> Item {
        Item {
            section,
            conversation: None,
            sequence: None,
            fact: None,
            summarizes: None,
            message: self.messages.len(),
            tokens,
            score: None,
            components: Vec::new(),
            reason,
            said_at: None,
            role,
        }
    }

    fn push_pins(&mut self, pins: &[Pin], block: &PinBlock, section: Section) {
        for (pin, tokens) in block.pins.iter().zip(&block.sealed.unit_tokens) {
            let Some(pin) = pins.get(*pin) else { continue };
            let item = self.item(section, pin.authority, *tokens, pin_reason(pin));
            self.items.push(Item {
                conversation: pin.conversation.clone(),
                sequence: pin.fact.source,
                fact: Some(pin.fact.id.clone()),
                said_at: pin.said_at,
                ..item
            });
        }
        self.push_block(block.block, &block.sealed);
    }

    fn push_summary(&mut self, summaries: &[SummaryUnit], block: &SummaryBlock) {
        for (unit, tokens) in block.units.iter().zip(&block.sealed.unit_tokens) {
            let Some(unit) = summaries.get(*unit) else { continue };
            let SummaryUnit { from, until, model, .. } = unit;
            let reason = format!("summary of turns {from} to {until}, {model}");
            let item = self.item(Section::Summary, Role::User, *tokens, reason);
            self.items.push(Item {
                summarizes: Some((*from, *until)),
                said_at: Some(unit.last_said),
                ..item
            });
        }
        self.push_block(Block::Summary, &block.sealed);
    }

    fn push_excerpts(&mut self, picks: &[Pick], block: &ExcerptBlock, is_kept: bool) {
        for (excerpt, tokens) in block.excerpts.iter().zip(&block.sealed.unit_tokens) {
            let Some(pick) = picks.get(excerpt.pick) else { continue };
            let turn = &excerpt.turn;
            let reason = excerpt_reason(pick, excerpt, is_kept);
            let item = self.item(Section::Retrieved, turn.role, *tokens, reason);
            self.items.push(Item {
                conversation: pick.conversation.clone(),
                sequence: Some(turn.sequence),
                score: pick.score,
                components: pick.components.clone(),
                said_at: Some(turn.said_at),
                ..item
            });
        }
        self.push_block(block.block, &block.sealed);
    }

    fn push_block(&mut self, block: Block, sealed: &Sealed) {
        let message = Message {
            role: block.role(),
            content: sealed.content.clone(),
            parts: Vec::new(),
            speaker: String::new(),
        };
        let header = sealed.header_tokens.saturating_add(self.options.overhead.per_message);
        self.headers += u64::from(header);
        self.prefix.push(PrefixPiece::of_text(&message, block.header(), header));
        for (unit, tokens) in sealed.units().zip(&sealed.unit_tokens) {
            self.prefix.push(PrefixPiece::of_text(&message, unit, *tokens));
        }
        self.messages.push(message);
    }

    fn push_turn(&mut self, input: &WindowInput<'_>, at: usize, turn: &Turn, reason: &str) {
        let Some(cost) = input.history.get(at) else { return };
        let tokens = narrow(cost.as_message(self.options.overhead));
        let item = self.item(Section::Recent, turn.role, tokens, reason.to_owned());
        let (sequence, said_at) = (Some(turn.sequence), Some(turn.said_at));
        let mark = input.marks.get(None, turn.sequence);
        let message = noted(render::verbatim(turn), mark.as_deref());
        self.push_message(message, Item { sequence, said_at, ..item });
    }

    fn push_query(&mut self, query: &Query, message: Message, tokens: u32) {
        let (reason, sequence, said_at) = match query {
            Query::LastTurn(turn) => {
                ("the last user turn", Some(turn.sequence), Some(turn.said_at))
            }
            Query::Text(_) => ("the question", None, None),
        };
        let item = self.item(Section::Query, message.role, tokens, reason.to_owned());
        self.push_message(message, Item { sequence, said_at, ..item });
    }

    fn push_message(&mut self, message: Message, item: Item) {
        self.prefix.push(PrefixPiece::of_message(&message, item.tokens));
        self.items.push(item);
        self.messages.push(message);
    }

    fn finish(self, yielded: Vec<Yielded>) -> Window {
        let per_prompt =
            if self.messages.is_empty() { 0 } else { self.options.overhead.per_prompt };
        let overhead = self.headers + u64::from(per_prompt);
        let items: u64 = self.items.iter().map(|item| u64::from(item.tokens)).sum();
        debug_assert!(items + overhead <= u64::from(self.options.budget));
        Window {
            messages: self.messages,
            items: self.items,
            total_tokens: narrow(items + overhead),
            overhead_tokens: narrow(overhead),
            recent_from: None,
            carried: None,
            yielded,
            prefix: self.prefix,
        }
    }
}

fn pin_reason(pin: &Pin) -> String {
    let need = if pin.fact.required { "required pin" } else { "pin" };
    let by = if pin.fact.origin.is_detector() { ", detected" } else { "" };
    let of = if pin.conversation.is_some() { " of another conversation" } else { "" };
    match (pin.authority, pin.fact.source) {
        (Role::System, None) => format!("{need} of the application"),
        (authority, None) => format!("{need} from {} words", authority.as_str()),
        (authority, Some(source)) => {
            format!("{need}{by} from {} turn {source}{of}", authority.as_str())
        }
    }
}

fn excerpt_reason(pick: &Pick, excerpt: &Excerpt, is_kept: bool) -> String {
    let Pick { found, rank, .. } = pick;
    let carried = if is_kept { "carried from an earlier window, " } else { "" };
    if excerpt.turn.sequence != *found {
        return format!(
            "{carried}belongs to the tool call of turn {found}, found by search, rank {rank}"
        );
    }
    match pick.conversation {
        Some(_) => format!("{carried}found by search in another conversation, rank {rank}"),
        None => format!("{carried}found by search, rank {rank}"),
    }
}
