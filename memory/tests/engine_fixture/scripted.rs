//! A detector that does what the turns say: `[replaces N]`, `[contradicts N]`,
//! `[mentions N]`, `[until SECONDS]`, `[ends N]` anywhere in a text.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use jiff::Timestamp;
use throughline_memory::staleness::{Detect, Edge, EdgeKind, Event, Follow, Statement};

/// See the module. Its version can be changed, as a new build would.
pub(crate) struct Scripted(pub(crate) Arc<AtomicU32>);

impl Detect for Scripted {
    fn name(&self) -> String {
        format!("scripted {}", self.version())
    }

    fn version(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    fn memory_turns(&self) -> usize {
        1
    }

    fn follow(&self) -> Box<dyn Follow> {
        Box::new(Following)
    }

    fn superseded(&self, edges: &[f32]) -> f32 {
        edges.iter().fold(0.0, |greatest, edge| edge.max(greatest))
    }
}

struct Following;

impl Follow for Following {
    fn pass(&mut self, _: &Statement) {}

    fn events(&mut self, new: &Arc<Statement>, earlier: &[Arc<Statement>]) -> Vec<Event> {
        let text = &*new.said.text;
        let mut events = Vec::new();
        for word in text.split('[').skip(1).filter_map(|rest| rest.split(']').next()) {
            let Some((verb, number)) = word.split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            let is_known = earlier.iter().any(|old| old.sequence == number);
            let edge = |kind| {
                let old = earlier.iter().find(|old| old.sequence == number)?;
                Some(Event::Edge(Edge {
                    kind,
                    earlier: number,
                    confidence: 0.9,
                    earlier_span: Some((0, old.said.text.len() as u32)),
                    later_span: None,
                    reason: format!("{} -> {text}", old.said.text),
                }))
            };
            events.extend(match verb {
                "replaces" => edge(EdgeKind::Supersedes),
                "contradicts" => edge(EdgeKind::Contradicts),
                "mentions" if is_known => Some(Event::Mentions { earlier: number }),
                "until" => Some(Event::Expires {
                    at: Timestamp::from_second(number as i64).expect("a time"),
                    span: (0, 4),
                    confidence: 0.8,
                }),
                "ends" => Some(Event::SegmentEnds { last: number, confidence: 1.0 }),
                _ => None,
            });
        }
        events
    }
}
