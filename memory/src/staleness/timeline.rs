//! All events of one branch, ready to be asked how things stood after any turn.
//!
//! Invariant: what is asked as of a turn is a function of the records up to it,
//! of the rejections, and of the uses up to it; records that come later change
//! nothing.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{
    acting::Acting,
    components::{self, Component, Replacement, Staleness, StalenessKind},
    event::{Edge, EdgeKind, Event, SHOWN_CONFIDENCE, TurnEvents},
    rejection::RejectedKinds,
};
use crate::turn::Sequence;

/// Where an event stands: its record, and its place in it.
pub(super) type At = (u32, u32);

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// In order of sequence.
    records: Vec<TurnEvents>,
    /// The conversation's clock after each record: the latest time so far.
    clocks: Vec<Timestamp>,
    /// Edges by the earlier turn.
    incoming: HashMap<Sequence, Vec<At>>,
    /// Edges that are acted on.
    acting: Acting,
    /// Mentions by the earlier turn.
    mentions: HashMap<Sequence, Vec<At>>,
    /// Turns that expire, in order.
    expiring: Vec<Sequence>,
    /// Ends of topics: (made known by, last turn of it, confidence).
    ends: Vec<(Sequence, Sequence, f32)>,
    /// Rejected edges, by (later, earlier).
    rejected: HashMap<(Sequence, Sequence), RejectedKinds>,
    /// Newest sequences of the windows that a turn stood in, in order.
    uses: HashMap<Sequence, Vec<Sequence>>,
}

impl Timeline {
    /// Takes in the next record.
    pub fn push(&mut self, record: TurnEvents) {
        let row = u32::try_from(self.records.len()).unwrap_or(u32::MAX);
        self.acting.reach(record.sequence);
        for (at, event) in (0..).zip(&record.events) {
            match event {
                Event::Edge(edge) | Event::Echo { edge, .. } => {
                    self.incoming.entry(edge.earlier).or_default().push((row, at));
                    if edge.confidence >= SHOWN_CONFIDENCE {
                        self.acting.note(edge.earlier, (row, at));
                        if edge.kind == EdgeKind::Contradicts {
                            self.acting.note(record.sequence, (row, at));
                        }
                    }
                }
                Event::Mentions { earlier } => {
                    self.mentions.entry(*earlier).or_default().push((row, at));
                }
                Event::SegmentEnds { last, confidence } => {
                    self.ends.push((record.sequence, *last, *confidence));
                }
                Event::Expires { .. } => {
                    if self.expiring.last() != Some(&record.sequence) {
                        self.expiring.push(record.sequence);
                    }
                }
            }
        }
        let clock = self.clocks.last().copied().unwrap_or(record.said_at).max(record.said_at);
        self.clocks.push(clock);
        self.records.push(record);
    }

    /// Leaves edges between two turns out.
    pub fn reject(&mut self, later: Sequence, earlier: Sequence, kinds: RejectedKinds) {
        let known = self.rejected.entry((later, earlier)).or_insert(kinds);
        *known = known.and(kinds);
    }

    /// Whether the caller took an edge of this kind back.
    pub fn is_rejected(&self, later: Sequence, earlier: Sequence, kind: EdgeKind) -> bool {
        self.rejected.get(&(later, earlier)).is_some_and(|kinds| kinds.covers(kind))
    }

    /// Edges that the caller took back, by later and earlier turn, in order.
    pub fn rejections(&self) -> Vec<(Sequence, Sequence, RejectedKinds)> {
        let mut all: Vec<_> = self
            .rejected
            .iter()
            .map(|((later, earlier), kinds)| (*later, *earlier, *kinds))
            .collect();
        all.sort_unstable_by_key(|(later, earlier, _)| (*later, *earlier));
        all
    }

    /// A turn stood in a window when `at` was the newest.
    pub fn used(&mut self, sequence: Sequence, at: Sequence) {
        self.uses.entry(sequence).or_default().push(at);
    }

    /// When a turn last stood in a window that was noted, or was said.
    pub fn last_use(&self, sequence: Sequence) -> Sequence {
        let uses = self.uses.get(&sequence).and_then(|uses| uses.last());
        uses.copied().unwrap_or(sequence)
    }

    /// The records, in order.
    pub fn records(&self) -> &[TurnEvents] {
        &self.records
    }

    /// The record of a turn.
    pub fn record(&self, sequence: Sequence) -> Option<&TurnEvents> {
        let at = self.records.binary_search_by_key(&sequence, |record| record.sequence).ok()?;
        self.records.get(at)
    }

    /// The conversation's clock after a turn.
    pub fn clock(&self, as_of: Sequence) -> Option<Timestamp> {
        let known = self.records.partition_point(|record| record.sequence <= as_of);
        self.clocks.get(known.checked_sub(1)?).copied()
    }

    /// Edges to a turn that were known after `as_of`, in order of the later.
    pub fn edges_to(
        &self,
        earlier: Sequence,
        as_of: Sequence,
    ) -> impl Iterator<Item = (Sequence, &Edge)> {
        self.known(self.incoming.get(&earlier).map_or(&[], Vec::as_slice), as_of)
    }

    /// Edges that a turn brought.
    pub fn edges_from(&self, later: Sequence) -> impl Iterator<Item = &Edge> {
        let events = self.record(later).map_or(&[][..], |record| &record.events);
        events.iter().filter(move |event| self.stands(later, event)).filter_map(Event::edge)
    }

    /// The edges that were drawn between two turns, rejected or not.
    pub fn drawn(&self, later: Sequence, earlier: Sequence) -> impl Iterator<Item = &Edge> {
        let events = self.record(later).map_or(&[][..], |record| &record.events);
        events.iter().filter_map(Event::edge).filter(move |edge| edge.earlier == earlier)
    }

    /// The most certain edge of a kind between two turns that was not rejected.
    pub fn edge(&self, later: Sequence, earlier: Sequence, kind: EdgeKind) -> Option<&Edge> {
        let edges = self.edges_from(later);
        let edges = edges.filter(|edge| edge.earlier == earlier && edge.kind == kind);
        edges.max_by(|a, b| a.confidence.total_cmp(&b.confidence))
    }

    /// The newest turn that took a turn's place, as of another: acted on.
    pub fn replaced_by(&self, earlier: Sequence, as_of: Sequence) -> Option<(Sequence, &Edge)> {
        let replaced = |(_, edge): &(Sequence, &Edge)| edge.kind == EdgeKind::Supersedes;
        self.acting(earlier, as_of).filter(replaced).last()
    }

    /// Whether what a turn says was replaced or had expired by then.
    pub fn is_stale(&self, sequence: Sequence, as_of: Sequence) -> bool {
        let expired = || {
            let (at, confidence, _) = self.expiry(sequence)?;
            Some(confidence >= SHOWN_CONFIDENCE && self.clock(as_of)? >= at)
        };
        self.replaced_by(sequence, as_of).is_some() || expired().unwrap_or(false)
    }

    /// The turns up to `as_of` that were stale by then, in no order, each once.
    pub fn stale_turns(&self, as_of: Sequence) -> impl Iterator<Item = Sequence> {
        let expiring = self.expiring.iter().copied().filter(|at| self.acting.of(*at).is_empty());
        let may_be = self.acting.turns().chain(expiring);
        may_be.filter(move |at| *at <= as_of && self.is_stale(*at, as_of))
    }

    /// Edges of a turn that are acted on, with their later turns, in order of
    /// these.
    fn acting(&self, of: Sequence, as_of: Sequence) -> impl Iterator<Item = (Sequence, &Edge)> {
        self.known(self.acting.of(of), as_of)
    }

    /// Edges at some places that stand and were known after `as_of`.
    fn known<'a>(
        &'a self,
        at: &'a [At],
        as_of: Sequence,
    ) -> impl Iterator<Item = (Sequence, &'a Edge)> {
        at.iter().filter_map(move |at| {
            let (later, event) = self.event(*at)?;
            let edge = event.edge()?;
            (later <= as_of && self.stands(later, event)).then_some((later, edge))
        })
    }

    /// What stands now for a turn that was replaced, following replacements of
    /// replacements; nothing for a turn that was not replaced.
    pub fn current(&self, earlier: Sequence, as_of: Sequence) -> Option<Sequence> {
        let mut current = self.replaced_by(earlier, as_of)?.0;
        // Later turns have higher sequences, so this ends.
        while let Some((next, _)) = self.replaced_by(current, as_of) {
            current = next;
        }
        Some(current)
    }

    /// Turns that contradict a turn, with the edge: acted on.
    pub fn contradictions(
        &self,
        of: Sequence,
        as_of: Sequence,
    ) -> impl Iterator<Item = (Sequence, &Edge)> {
        let contradicts = |(_, edge): &(Sequence, &Edge)| edge.kind == EdgeKind::Contradicts;
        self.acting(of, as_of)
            .filter(contradicts)
            .map(move |(later, edge)| (if later == of { edge.earlier } else { later }, edge))
    }

    /// When all that a turn says has expired, with how certain that is and the
    /// words that say so: the latest of its instants.
    pub fn expiry(&self, sequence: Sequence) -> Option<(Timestamp, f32, (u32, u32))> {
        let expiries = self.record(sequence)?.events.iter().filter_map(|event| match event {
            Event::Expires { at, span, confidence } => Some((*at, *confidence, *span)),
            _ => None,
        });
        expiries.max_by_key(|(at, ..)| *at)
    }

    /// Turns whose time passed with a turn, with [`Timeline::expiry`] of each.
    pub fn expired_with(
        &self,
        with: Sequence,
    ) -> impl Iterator<Item = (Sequence, (Timestamp, f32, (u32, u32)))> {
        let at = self.records.partition_point(|record| record.sequence < with);
        let before = at.checked_sub(1).and_then(|before| self.clocks.get(before)).copied();
        let clock = self.clocks.get(at).copied();
        let known = self.expiring.iter().filter(move |sequence| **sequence <= with);
        known.filter_map(move |sequence| {
            let expiry = self.expiry(*sequence)?;
            let (expires, ..) = expiry;
            // One that was said when its time had passed expires with itself.
            let is_new = *sequence == with || before.is_none_or(|before| before < expires);
            (is_new && clock? >= expires).then_some((*sequence, expiry))
        })
    }

    /// The topics up to `as_of`, in order and without gaps: first and last turn,
    /// and how certain it is that a topic begins with the first. Every cut that
    /// the segmenter decided on counts, whatever its confidence.
    pub fn topics(&self, as_of: Sequence) -> Vec<(Sequence, Sequence, f32)> {
        let mut cuts: HashMap<Sequence, f32> = HashMap::new();
        for (known, last, confidence) in &self.ends {
            if *known <= as_of {
                let surest = cuts.entry(*last).or_default();
                *surest = surest.max(*confidence);
            }
        }
        let mut topics: Vec<(Sequence, Sequence, f32)> = Vec::new();
        for record in self.records.iter().take_while(|record| record.sequence <= as_of) {
            let cut = topics.last().map_or(Some(&1.0), |(_, last, _)| cuts.get(last));
            match (topics.last_mut(), cut) {
                (Some(topic), None) => topic.1 = record.sequence,
                (_, cut) => {
                    let confidence = cut.copied().unwrap_or(1.0);
                    topics.push((record.sequence, record.sequence, confidence));
                }
            }
        }
        topics
    }

    /// How stale a turn was after `as_of`; `superseded` is
    /// [`Detect::superseded`](super::Detect::superseded).
    pub fn staleness(
        &self,
        sequence: Sequence,
        as_of: Sequence,
        superseded: &dyn Fn(&[f32]) -> f32,
    ) -> Staleness {
        self.staleness_beside(sequence, as_of, superseded, None)
    }

    /// How stale a turn was after `as_of`, with what was known beside the turns by
    /// then: one more piece of evidence that it was replaced.
    pub fn staleness_beside(
        &self,
        sequence: Sequence,
        as_of: Sequence,
        superseded: &dyn Fn(&[f32]) -> f32,
        beside: Option<&Replacement>,
    ) -> Staleness {
        let mut components = Vec::new();
        components.extend(self.superseded(sequence, as_of, superseded, beside));
        components.extend(self.contradicted(sequence, as_of));
        components.extend(self.expired(sequence, as_of));
        let mentioned = self.last_mention(sequence, as_of);
        components.extend(self.abandoned(mentioned, as_of));
        let uses = self.uses.get(&sequence).into_iter().flatten().copied();
        let touched = uses.filter(|at| *at <= as_of).chain([mentioned]).max().unwrap_or(sequence);
        components.push(components::decayed(as_of.saturating_sub(touched)));
        Staleness::of(components)
    }

    fn superseded(
        &self,
        of: Sequence,
        as_of: Sequence,
        superseded: &dyn Fn(&[f32]) -> f32,
        beside: Option<&Replacement>,
    ) -> Option<Component> {
        let edges =
            || self.edges_to(of, as_of).filter(|(_, edge)| edge.kind == EdgeKind::Supersedes);
        let surest = edges().max_by(surer);
        let confidences = edges().map(|(_, edge)| edge.confidence);
        let confidences: Vec<f32> =
            confidences.chain(beside.map(|beside| beside.confidence)).collect();
        let score = || superseded(&confidences);
        // The surest of all tells why.
        let surer_beside = beside.filter(|beside| {
            surest.as_ref().is_none_or(|(_, edge)| edge.confidence < beside.confidence)
        });
        if let Some(Replacement { reason, cause, .. }) = surer_beside {
            let (kind, reason) = (StalenessKind::Superseded, reason.clone());
            return Some(Component { kind, score: score(), reason, cause: *cause });
        }
        surest.map(|(later, edge)| components::superseded(later, score(), &edge.reason))
    }

    /// By the most certain edge, also one that the turn itself brought.
    fn contradicted(&self, of: Sequence, as_of: Sequence) -> Option<Component> {
        let own = self.edges_from(of).filter(|_| of <= as_of).map(|edge| (edge.earlier, edge));
        let all = self.edges_to(of, as_of).chain(own);
        let (other, edge) =
            all.filter(|(_, edge)| edge.kind == EdgeKind::Contradicts).max_by(surer)?;
        Some(components::contradicted(other, edge.confidence, &edge.reason))
    }

    fn expired(&self, sequence: Sequence, as_of: Sequence) -> Option<Component> {
        let (at, confidence, _) = self.expiry(sequence)?;
        self.clock(as_of).filter(|clock| *clock >= at)?;
        let first = self.clocks.partition_point(|clock| *clock < at);
        let cause = self.records.get(first).map(|record| record.sequence);
        // The turn itself may have been said when its time had passed already.
        Some(components::expired(at, confidence, cause.map(|cause| cause.max(sequence))))
    }

    fn abandoned(&self, mentioned: Sequence, as_of: Sequence) -> Option<Component> {
        let later =
            |(known, last, _): &&(Sequence, Sequence, f32)| *known <= as_of && *last >= mentioned;
        let topics: f32 = self.ends.iter().filter(later).map(|(_, _, confidence)| confidence).sum();
        let (known, last, _) = self.ends.iter().find(later)?;
        Some(components::abandoned(topics, *last, *known))
    }

    fn last_mention(&self, sequence: Sequence, as_of: Sequence) -> Sequence {
        let at = self.mentions.get(&sequence).map_or(&[][..], Vec::as_slice);
        let mut mentions = at.iter().rev().filter_map(|at| self.event(*at));
        // In order of the turn that mentions.
        let last = mentions.find(|(later, _)| *later <= as_of);
        last.map_or(sequence, |(later, _)| later)
    }

    fn event(&self, (row, at): At) -> Option<(Sequence, &Event)> {
        let record = self.records.get(row as usize)?;
        Some((record.sequence, record.events.get(at as usize)?))
    }

    /// Whether the caller took back neither an edge nor what it follows from.
    fn stands(&self, later: Sequence, event: &Event) -> bool {
        let rejected = |earlier, kind| self.is_rejected(later, earlier, kind);
        self.rejected.is_empty()
            || match event {
                Event::Edge(edge) => !rejected(edge.earlier, edge.kind),
                Event::Echo { parent, edge } => {
                    !rejected(edge.earlier, edge.kind) && !rejected(*parent, edge.kind)
                }
                Event::Expires { .. } | Event::Mentions { .. } | Event::SegmentEnds { .. } => true,
            }
    }
}

/// Which of two edges is the more certain.
fn surer((_, a): &(Sequence, &Edge), (_, b): &(Sequence, &Edge)) -> std::cmp::Ordering {
    a.confidence.total_cmp(&b.confidence)
}

#[cfg(test)]
mod tests;
