//! All signals joined: replacements, mentions and ends of topics, drawn for
//! each new turn. The detector that the service runs with.

use std::{collections::HashSet, sync::Arc};

use super::{
    detect::Detector,
    detection::{Detect, Follow},
    event::Event,
    pair::model::ModelError,
    score::superseded_probability,
    segments::{MEMORY_TURNS, SegmentModel, SegmentModelError, SegmentTurn, Segmenter},
    statement::Statement,
};
use crate::turn::Sequence;

/// Version of the way in which the signals are joined here.
const JOINT_VERSION: u32 = 1;
/// Cosine from which on a turn speaks of an earlier one again.
const MENTION_COSINE: f32 = 0.55;
/// Mentions that one turn can make, the nearest.
const MAX_MENTIONS: usize = 4;

/// The shipped weights cannot be used; a test rules it out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SignalsError {
    /// Those of replacements.
    #[error(transparent)]
    Pair(#[from] ModelError),
    /// Those of topic shifts.
    #[error("weights of topic shifts: {0}")]
    Segments(String),
}

/// See the module.
pub struct Signals {
    detector: Detector,
    segments: &'static SegmentModel,
}

impl Signals {
    /// With the shipped weights.
    ///
    /// # Errors
    /// [`SignalsError`].
    pub fn built_in() -> Result<Arc<Self>, SignalsError> {
        let segments = SegmentModel::bundled()
            .map_err(|error: &SegmentModelError| SignalsError::Segments(error.to_string()))?;
        Ok(Arc::new(Self { detector: Detector::bundled()?, segments }))
    }
}

impl Detect for Signals {
    fn name(&self) -> String {
        format!(
            "signals {JOINT_VERSION}, replacements {}, topics {}",
            self.detector.model().version,
            self.segments.version()
        )
    }

    fn version(&self) -> u32 {
        // Every part's version is in the name.
        let [a, b, c, d, ..] = *blake3::hash(self.name().as_bytes()).as_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    fn memory_turns(&self) -> usize {
        MEMORY_TURNS
    }

    fn follow(&self) -> Box<dyn Follow> {
        Box::new(Following {
            detector: self.detector.clone(),
            segmenter: Segmenter::new(self.segments),
        })
    }

    fn superseded(&self, edges: &[f32]) -> f32 {
        superseded_probability(self.detector.model(), edges)
    }
}

/// One branch as it is followed.
struct Following {
    detector: Detector,
    segmenter: Segmenter<'static>,
}

impl Follow for Following {
    fn pass(&mut self, turn: &Statement) {
        self.segmenter.push(&segment_turn(turn));
    }

    fn events(&mut self, new: &Statement, earlier: &[Arc<Statement>]) -> Vec<Event> {
        let edges = self.detector.supersessions(new, earlier);
        let bound: HashSet<Sequence> = edges.iter().map(|edge| edge.earlier).collect();
        let mut events: Vec<Event> = edges.into_iter().map(Event::Edge).collect();
        events.extend(mentions(new, earlier, &bound));
        let shifts = self.segmenter.push(&segment_turn(new));
        events.extend(shifts.into_iter().map(|shift| Event::SegmentEnds {
            last: shift.first_of_new_segment.saturating_sub(1),
            confidence: shift.confidence,
        }));
        events
    }
}

fn segment_turn(turn: &Statement) -> SegmentTurn<'_> {
    SegmentTurn {
        sequence: turn.sequence,
        role: turn.role,
        speaker: &turn.speaker,
        text: &turn.said.text,
        vector: turn.said.vector.as_deref().unwrap_or_default(),
    }
}

/// Earlier turns that a turn is near to, those that it bears on otherwise left
/// out.
fn mentions(new: &Statement, earlier: &[Arc<Statement>], bound: &HashSet<Sequence>) -> Vec<Event> {
    let Some(vector) = new.said.vector.as_deref() else { return Vec::new() };
    let mut near: Vec<(f32, Sequence)> = earlier
        .iter()
        .filter(|old| !bound.contains(&old.sequence))
        .filter_map(|old| Some((cosine(vector, old.said.vector.as_deref()?), old.sequence)))
        .filter(|(cosine, _)| *cosine >= MENTION_COSINE)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
    near.truncate(MAX_MENTIONS);
    near.into_iter().map(|(_, earlier)| Event::Mentions { earlier }).collect()
}

/// Of unit vectors.
fn cosine(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        staleness::{EdgeKind, TurnText},
        turn::Role,
    };

    fn statement(sequence: Sequence, text: &str, vector: &[f32]) -> Arc<Statement> {
        let role = if sequence % 2 == 1 { Role::User } else { Role::Assistant };
        let said_at = Timestamp::UNIX_EPOCH;
        let turn = TurnText { sequence, role, speaker: "", said_at, text, vector: Some(vector) };
        Arc::new(Statement::of(&turn, None))
    }

    #[test]
    fn a_turn_replaces_mentions_and_knows_its_version() {
        let signals = Signals::built_in().unwrap();
        let mut following = signals.follow();
        let (one, other) = ([1.0, 0.0], [0.0, 1.0]);
        let earlier = [
            statement(1, "Book me a table for two at 7 pm in Oakland.", &one),
            statement(2, "Please confirm: a table for 2 in Oakland at 7 pm.", &other),
        ];
        earlier.iter().for_each(|turn| following.pass(turn));
        let events = following.events(&statement(3, "No, make it 8 pm please.", &other), &earlier);
        let replaced = events.iter().any(|event| match event {
            Event::Edge(edge) => edge.earlier == 1 && edge.kind == EdgeKind::Supersedes,
            _ => false,
        });
        assert!(replaced, "{events:?}");
        assert!(events.contains(&Event::Mentions { earlier: 2 }), "{events:?}");
        assert_eq!(signals.version(), Signals::built_in().unwrap().version());
    }
}
