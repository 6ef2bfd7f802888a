//! The hand-over window: what a fresh session has to know of a conversation. Its pins,
//! open commitments among them, its summary, and what was said since the last folding
//! (see [`unfolded`](super::unfolded)): the newest turns as they were said, the others
//! of them in an extract.
//!
//! Invariants: never over [`HANDOVER_TOKENS`]; every turn stands in the window, in a
//! summary or in the extract, or it is named as left out; all stands in the order in which
//! it was said, so that turns between two summaries are named; a turn that was replaced
//! stands marked or not at all.

use std::{collections::HashSet, sync::Arc};

use super::{
    extract::Extract,
    unfolded::{joined, ranges},
};
use crate::{
    context::{
        self, Marks, Pin, Query, Section, SummaryUnit, TurnCost, TurnReader, Window, WindowInput,
        WindowOptions,
    },
    engine::{Engine, EngineError, Shortfall, pins::RetiredPins, scopes::Scope},
    turn::{ConversationId, Sequence, TenantId, Turn},
};

/// Tokens of a hand-over window, by the default tokenizer.
pub const HANDOVER_TOKENS: u32 = 2_048;
/// Share of them for pins that are not required.
const PINNED_SHARE: f32 = 0.5;
/// One part of so many of what the pins leave is the extract's, where one is needed.
const EXTRACT_PART: u64 = 5;
/// How often an extract is made while the summaries change; then there is none.
const ATTEMPTS: usize = 3;

/// What a fresh session begins with.
#[derive(Clone, Debug)]
pub struct Handover {
    /// The window; the turns that stand in it verbatim are its last messages.
    pub window: Window,
    /// What had no room.
    pub shortfalls: Vec<Shortfall>,
}

/// How the turns that are not folded are told.
struct Planned {
    /// Those that stand as they were said.
    verbatim: HashSet<Sequence>,
    /// Those that an extract is made of, in order; none where there is no room for one.
    extracted: Vec<Sequence>,
    /// Tokens that it may have.
    tokens: u64,
}

impl Engine {
    /// The window that a fresh session begins with, in [`HANDOVER_TOKENS`]: pins and open
    /// commitments, the rolling summary, an extract of the turns that are not folded and
    /// do not fit as they were said, then the newest turns as they were.
    ///
    /// # Errors
    /// `NotFound`, `Assemble` when the required pins alone are larger, `Store`.
    pub async fn handover(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Handover, EngineError> {
        let mut attempts = 0;
        loop {
            let own = self.scope(tenant, id)?;
            self.cover(std::slice::from_ref(&own), &self.counter).await?;
            let folded = self.folded.of(&self.store, &own.branch)?;
            let summaries = self.units_of(&own, &folded)?;
            let Planned { verbatim, extracted, tokens } = self.plan_handover(&own, &summaries)?;
            let is_last = attempts == ATTEMPTS;
            let turns: &[Sequence] = if is_last { &[] } else { &extracted };
            let extract = self.extract(&own, turns, tokens).await?;
            // Folded meanwhile, it is told twice; erased, a summary may quote it.
            let known = self.folded.of(&self.store, &own.branch)?.version();
            if is_last || known == folded.version() {
                return self.hand_over(&own, summaries, &verbatim, extract);
            }
            attempts += 1;
        }
    }

    /// Divides what the pins leave. Neither the summary nor the newest turns take from
    /// the other's half what the other needs. Only of turns behind all summaries is there
    /// an extract, which stands behind these.
    fn plan_handover(
        &self,
        own: &Scope,
        summaries: &[SummaryUnit],
    ) -> Result<Planned, EngineError> {
        let unfolded = self.unfolded(own, summaries)?;
        let pins = self.handover_pins(own)?;
        let filling = Filling::new(self, own, &pins, &unfolded.marks);
        let pinned = filling.tokens(&filling.window(&[], 0, &[])?);
        let room = filling.room().saturating_sub(pinned);
        let summed = filling.tokens(&filling.window(summaries, filling.room(), &[])?);
        let summed = summed.saturating_sub(pinned);
        let tail = unfolded.tail();
        let whole: u64 = tail.iter().map(|turn| filling.cost(turn)).sum();
        let is_extracted = summed + whole > room && self.summarizer.is_some();
        let tokens = if is_extracted { room / EXTRACT_PART } else { 0 };
        let left = room - tokens;
        let mut fits = (left / 2).max(left.saturating_sub(summed));
        let newest = tail.iter().rev().take_while(|turn| {
            let cost = filling.cost(turn);
            let is_in = cost <= fits;
            fits = if is_in { fits - cost } else { 0 };
            is_in
        });
        let newest = tail.get(tail.len() - newest.count()..).unwrap_or_default();
        // A result whose call is further back does not stand.
        let verbatim = verbatim_turns(&filling.window(&[], 0, newest)?);
        let others = tail.iter().map(|turn| turn.sequence);
        let others = others.filter(|sequence| tokens > 0 && !verbatim.contains(sequence));
        let extracted = others.collect();
        Ok(Planned { verbatim, extracted, tokens })
    }

    /// The window of what was planned, and what has no place in it.
    fn hand_over(
        &self,
        own: &Scope,
        mut summaries: Vec<SummaryUnit>,
        verbatim: &HashSet<Sequence>,
        extract: Option<Extract>,
    ) -> Result<Handover, EngineError> {
        let unfolded = self.unfolded(own, &summaries)?;
        let pins = self.handover_pins(own)?;
        let filling = Filling::new(self, own, &pins, &unfolded.marks);
        let is_newest = |turn: &&TurnCost| verbatim.contains(&turn.sequence);
        let newest: Vec<TurnCost> = unfolded.tail().iter().filter(is_newest).copied().collect();
        let taken = filling.tokens(&filling.window(&[], 0, &newest)?);
        let left = filling.room().saturating_sub(taken);
        let fitted = extract.map(|extract| filling.fit(extract, left)).transpose()?;
        let (extract, extracted) = fitted.flatten().unzip();
        let rest = left.saturating_sub(extracted.unwrap_or(0));
        let stand = summarized(&filling.window(&summaries, rest, &[])?);
        let all: Vec<_> = summaries.iter().map(|unit| (unit.from, unit.until)).collect();
        summaries.retain(|unit| stand.contains(&(unit.from, unit.until)));
        summaries.extend(extract.iter().map(|extract: &Extract| extract.unit.clone()));
        let window = filling.window(&summaries, left, &newest)?;

        let stand = summarized(&window);
        let mut told = verbatim_turns(&window);
        let is_in = |one: &Extract| stand.contains(&(one.unit.from, one.unit.until));
        told.extend(extract.filter(is_in).into_iter().flat_map(|extract| extract.turns));
        let untold = unfolded.costs.iter().map(|turn| turn.sequence);
        let mut left_out = unfolded.earlier;
        left_out.extend(ranges(untold.filter(|sequence| !told.contains(sequence))));
        left_out.extend(all.into_iter().filter(|range| !stand.contains(range)));
        let left_out = joined(left_out);
        let mut shortfalls = self.left_out(own, &pins, &window, false);
        if !left_out.is_empty() {
            shortfalls.push(Shortfall::TurnsLeftOut(left_out));
        }
        Ok(Handover { window, shortfalls })
    }

    fn handover_pins(&self, own: &Scope) -> Result<Arc<[Pin]>, EngineError> {
        let version = self.user_pins_version(own)?;
        Ok(self.pins(own, None, RetiredPins::LeftOut, version)?.live)
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
        let input = WindowInput {
            pins: &self.handover_pins(own)?,
            summaries: &self.summary_units(own)?,
            history: &[],
            retrieved: &[],
            query: &Query::Text(String::new()),
            recent_from: None,
            carried: None,
            marks: &Marks::default(),
            reader: &OwnTurns { engine: self, own },
        };
        Ok(context::assemble(options, &input)?)
    }
}

/// The turns that stand in a window as they were said.
fn verbatim_turns(window: &Window) -> HashSet<Sequence> {
    let recent = window.items.iter().filter(|item| item.section == Section::Recent);
    recent.filter_map(|item| item.sequence).collect()
}

/// The ranges that summaries of a window stand for.
fn summarized(window: &Window) -> HashSet<(Sequence, Sequence)> {
    window.items.iter().filter_map(|item| item.summarizes).collect()
}

/// What windows of one hand-over are filled from.
struct Filling<'a> {
    options: WindowOptions,
    pins: &'a [Pin],
    marks: &'a Marks<'a>,
    reader: OwnTurns<'a>,
}

impl<'a> Filling<'a> {
    fn new(engine: &'a Engine, own: &'a Scope, pins: &'a [Pin], marks: &'a Marks<'a>) -> Self {
        let options = WindowOptions {
            recent_share: 1.0,
            pinned_share: PINNED_SHARE,
            ..WindowOptions::new(HANDOVER_TOKENS, Arc::clone(&engine.counter))
        };
        Self { options, pins, marks, reader: OwnTurns { engine, own } }
    }

    /// The pins, of the summaries what fits into so many tokens, and turns verbatim.
    fn window(
        &self,
        summaries: &[SummaryUnit],
        tokens: u64,
        turns: &[TurnCost],
    ) -> Result<Window, EngineError> {
        // Shares of a power of two are exact.
        let summary_share = (tokens as f64 / f64::from(HANDOVER_TOKENS)) as f32;
        let options = WindowOptions { summary_share, ..self.options.clone() };
        let input = WindowInput {
            pins: self.pins,
            summaries,
            history: turns,
            retrieved: &[],
            query: &Query::Text(String::new()),
            recent_from: None,
            carried: None,
            marks: self.marks,
            reader: &self.reader,
        };
        Ok(context::assemble(&options, &input)?)
    }

    /// Shortens an extract until it fits into so many tokens; gives it with what it
    /// costs in a window without another summary.
    fn fit(&self, mut extract: Extract, left: u64) -> Result<Option<(Extract, u64)>, EngineError> {
        let pinned = self.tokens(&self.window(&[], 0, &[])?);
        loop {
            let window = self.window(std::slice::from_ref(&extract.unit), left, &[])?;
            let tokens = self.tokens(&window).saturating_sub(pinned);
            if tokens > 0 {
                return Ok(Some((extract, tokens)));
            }
            if !extract.shorten() {
                return Ok(None);
            }
        }
    }

    /// Tokens for what stands in a window.
    fn room(&self) -> u64 {
        u64::from(self.options.budget.saturating_sub(self.options.overhead.per_prompt))
    }

    /// Tokens of what stands in a window.
    fn tokens(&self, window: &Window) -> u64 {
        u64::from(window.total_tokens.saturating_sub(self.options.overhead.per_prompt))
    }

    /// Tokens of a turn as it was said.
    fn cost(&self, turn: &TurnCost) -> u64 {
        u64::from(turn.verbatim) + u64::from(self.options.overhead.per_message)
    }
}

/// Reads the turns of one branch; what has gone meanwhile is left out.
struct OwnTurns<'a> {
    engine: &'a Engine,
    own: &'a Scope,
}

impl TurnReader for OwnTurns<'_> {
    fn read(&self, _: Option<&ConversationId>, sequence: Sequence) -> Option<Arc<Turn>> {
        match self.engine.shown_turn(&self.own.branch, sequence) {
            Ok(turn) => turn.filter(|turn| !turn.forgotten),
            Err(error) => {
                tracing::error!(%error, sequence, "a turn of a hand-over cannot be read");
                None
            }
        }
    }
}
