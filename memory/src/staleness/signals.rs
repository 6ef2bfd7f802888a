//! All signals joined: replacements, contradictions, expiries, mentions and ends
//! of topics, drawn for each new turn. The detector that the service runs with.
//!
//! What a turn clearly replaces it does not contradict. Contradictions are looked
//! for in the nearest turns alone, so that their cost does not grow. What repeats a
//! replaced turn is replaced with it. A judge of pairs, where there is one, is asked about
//! what is unsure (`unsure.rs`).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    asked::OrderWeightsError,
    contradiction::{ContradictionModel, MAX_BETWEEN, Prepared, WeightsError},
    detect::Detector,
    detection::{Detect, Follow},
    echo::echoes,
    event::{Edge, EdgeKind, Event, SHOWN_CONFIDENCE},
    expiry,
    pair::model::ModelError,
    score::superseded_probability,
    segments::{MEMORY_TURNS, SegmentModel, SegmentModelError, SegmentTurn, Segmenter},
    statement::Statement,
    text::senses,
    unsure::{self, MAX_ASKED, PairJudge, UNSURE_VERSION},
    weights::{SignalWeights, StalenessWeightsError, WeightsFile},
};
use crate::turn::{Role, Sequence};

/// Version of the way in which the signals are joined here.
const JOINT_VERSION: u32 = 5;
/// Cosine from which on a turn speaks of an earlier one again.
const MENTION_COSINE: f32 = 0.55;
/// Mentions that one turn can make, the nearest.
const MAX_MENTIONS: usize = 4;
/// Turns in which contradictions are looked for, the nearest.
const MAX_CONTRADICTABLE: usize = 24;
/// Turns back to which an answer can contradict another speaker's turn.
const ANSWERED_TURNS: u64 = 12;
/// Cosine from which on a turn can be contradicted.
const CONTRADICTABLE_COSINE: f32 = 0.1;
/// Contradictions of less confidence are not kept.
const KEPT_CONTRADICTION: f32 = 0.2;
/// Turns that are compared in a long conversation.
const MANY_TURNS: usize = 64;
/// Contradictions that one turn can bring, the most certain.
const MAX_CONTRADICTIONS: usize = 4;
/// Turns whose reading for contradictions is kept.
const MAX_READINGS: usize = 256;
/// Expiries of one turn.
const MAX_EXPIRIES: usize = 4;

/// Weights that do not fit this version. Operator; of those that ship a test
/// rules it out.
#[derive(Debug, thiserror::Error)]
pub enum SignalsError {
    /// The files cannot be read.
    #[error(transparent)]
    Weights(#[from] StalenessWeightsError),
    /// Those of replacements.
    #[error("{path}: {cause}")]
    Pair {
        /// The file.
        path: String,
        /// What is wrong with it.
        cause: ModelError,
    },
    /// Those of contradictions.
    #[error("{path}: {cause}")]
    Contradiction {
        /// The file.
        path: String,
        /// What is wrong with it.
        cause: WeightsError,
    },
    /// Those of order at query time.
    #[error("{path}: {cause}")]
    Order {
        /// The file.
        path: String,
        /// What is wrong with it.
        cause: OrderWeightsError,
    },
    /// Those of topic shifts.
    #[error("weights of topic shifts: {0}")]
    Segments(String),
}

/// See the module.
pub struct Signals {
    detector: Detector,
    contradiction: Arc<ContradictionModel>,
    segments: &'static SegmentModel,
    judge: Option<Arc<dyn PairJudge>>,
    version: u32,
}

impl Signals {
    /// With the shipped weights.
    ///
    /// # Errors
    /// [`SignalsError`].
    pub fn built_in() -> Result<Arc<Self>, SignalsError> {
        Self::with(&SignalWeights::built_in())
    }

    /// With the given weights. Other weights make another version, so that
    /// events are drawn anew.
    ///
    /// # Errors
    /// [`SignalsError`] when they do not fit this version.
    pub fn with(weights: &SignalWeights) -> Result<Arc<Self>, SignalsError> {
        Self::judged(weights, None)
    }

    /// With the given weights, and a judge of the pairs that are unsure. Another judge
    /// makes another version too.
    ///
    /// # Errors
    /// [`SignalsError`] when the weights do not fit this version.
    pub fn judged(
        weights: &SignalWeights,
        judge: Option<Arc<dyn PairJudge>>,
    ) -> Result<Arc<Self>, SignalsError> {
        let path = |file: &WeightsFile| file.path.clone();
        let of_pairs = &weights.replacements;
        let detector = Detector::parse(&of_pairs.text)
            .map_err(|cause| SignalsError::Pair { path: path(of_pairs), cause })?;
        let of_both = &weights.contradictions;
        let contradiction = ContradictionModel::parse(&of_both.text)
            .map_err(|cause| SignalsError::Contradiction { path: path(of_both), cause })?;
        let segments = SegmentModel::bundled()
            .map_err(|error: &SegmentModelError| SignalsError::Segments(error.to_string()))?;
        let contradiction = Arc::new(contradiction);
        let mut signals = Self { detector, contradiction, segments, judge, version: 0 };
        let mut hasher = blake3::Hasher::new();
        hasher.update(signals.name().as_bytes());
        weights.of_events().iter().for_each(|file| {
            hasher.update(file.text.as_bytes());
        });
        hasher.update(senses::BUNDLED);
        if let Some(judge) = &signals.judge {
            hasher.update(judge.version().as_bytes());
        }
        let [a, b, c, d, ..] = *hasher.finalize().as_bytes();
        signals.version = u32::from_le_bytes([a, b, c, d]);
        Ok(Arc::new(signals))
    }
}

impl Detect for Signals {
    fn name(&self) -> String {
        let mut name = format!(
            "signals {JOINT_VERSION}, replacements {}, contradictions {}, topics {}",
            self.detector.model().version,
            self.contradiction.version(),
            self.segments.version()
        );
        if let Some(judge) = &self.judge {
            let hash = judge.version().get(..12).unwrap_or(judge.version());
            name += &format!(", unsure pairs {UNSURE_VERSION} {} {hash}", judge.name());
        }
        name
    }

    /// Of the joint, of every part, and of their weights.
    fn version(&self) -> u32 {
        self.version
    }

    fn memory_turns(&self) -> usize {
        MEMORY_TURNS
    }

    fn follow(&self) -> Box<dyn Follow> {
        Box::new(Following {
            detector: self.detector.clone(),
            contradiction: Arc::clone(&self.contradiction),
            segmenter: Segmenter::new(self.segments),
            judge: self.judge.clone(),
            readings: HashMap::new(),
        })
    }

    fn superseded(&self, edges: &[f32]) -> f32 {
        superseded_probability(self.detector.model(), edges)
    }
}

/// One branch as it is followed.
struct Following {
    detector: Detector,
    contradiction: Arc<ContradictionModel>,
    segmenter: Segmenter<'static>,
    judge: Option<Arc<dyn PairJudge>>,
    /// Turns as contradictions read them, by sequence.
    readings: HashMap<Sequence, Arc<Prepared>>,
}

impl Following {
    /// Edges to turns that contradict a new one and that it does not replace.
    fn contradictions(
        &mut self,
        new: &Arc<Statement>,
        earlier: &[Arc<Statement>],
        replaced: &HashSet<Sequence>,
    ) -> Vec<Edge> {
        // To disagree with another is no contradiction; an answer has to fit
        // what was just asked and told.
        let answers = matches!(new.role, Role::Assistant | Role::Tool);
        let recent = new.sequence.saturating_sub(ANSWERED_TURNS);
        let held = |old: &Statement| old.same_speaker(new) || (answers && old.sequence >= recent);
        let wanted = |old: &Statement| held(old) && !replaced.contains(&old.sequence);
        let near = nearest(new, earlier, CONTRADICTABLE_COSINE, MAX_CONTRADICTABLE, &wanted);
        if near.is_empty() {
            return Vec::new();
        }
        let of_new = self.reading(new);
        let mut edges: Vec<Edge> = near
            .into_iter()
            .filter_map(|at| {
                let old = earlier.get(at)?;
                let between: Vec<Arc<Prepared>> =
                    between(earlier, at).iter().map(|turn| self.reading(turn)).collect();
                let between: Vec<&Prepared> = between.iter().map(Arc::as_ref).collect();
                let of_old = self.reading(old);
                let found = self.contradiction.score(&of_old, &of_new, &between);
                let confidence = self.confidence(found.probability, earlier.len());
                (confidence >= KEPT_CONTRADICTION).then(|| Edge {
                    kind: EdgeKind::Contradicts,
                    earlier: old.sequence,
                    confidence,
                    earlier_span: Some((found.old_span.start, found.old_span.end)),
                    later_span: Some((found.new_span.start, found.new_span.end)),
                    reason: found.reason,
                })
            })
            .collect();
        surest_first(&mut edges);
        edges.truncate(MAX_CONTRADICTIONS);
        edges
    }

    /// Edges with what the judge says of those that are unsure, surest first.
    fn settled(
        &self,
        mut edges: Vec<Edge>,
        new: &Statement,
        earlier: &[Arc<Statement>],
        left: &mut usize,
    ) -> Vec<Edge> {
        if let Some(judge) = &self.judge {
            unsure::settle(judge, &mut edges, new, earlier, left);
            surest_first(&mut edges);
        }
        edges
    }

    /// A turn as contradictions read it, made once while it is near.
    fn reading(&mut self, turn: &Arc<Statement>) -> Arc<Prepared> {
        if self.readings.len() > MAX_READINGS {
            self.readings.clear();
        }
        let read = || Arc::new(Prepared::of(turn));
        Arc::clone(self.readings.entry(turn.sequence).or_insert_with(read))
    }

    /// The model's odds against those that a flag takes: the more turns a new one
    /// is held against, the likelier is a high probability by chance. One half
    /// lies at the model's threshold for a single answer while few turns were
    /// compared, and reaches its threshold for pairs of a long conversation at
    /// [`MANY_TURNS`].
    fn confidence(&self, probability: f32, compared: usize) -> f32 {
        let share = compared.min(MANY_TURNS) as f32 / MANY_TURNS as f32;
        let few = odds(self.contradiction.answer_at());
        let flag = few.max(odds(self.contradiction.flag_at()) * share);
        let relative = odds(probability) / flag.max(f32::EPSILON);
        relative / (1.0 + relative)
    }
}

fn surest_first(edges: &mut [Edge]) {
    edges.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(b.earlier.cmp(&a.earlier)));
}

/// Of a probability; finite.
fn odds(probability: f32) -> f32 {
    let probability = probability.clamp(0.0, 1.0 - f32::EPSILON);
    probability / (1.0 - probability)
}

/// The turns right behind an earlier one, as far as they are known.
fn between(earlier: &[Arc<Statement>], at: usize) -> &[Arc<Statement>] {
    let end = earlier.len().min(at + 1 + MAX_BETWEEN);
    earlier.get(at + 1..end).unwrap_or_default()
}

impl Follow for Following {
    fn pass(&mut self, turn: &Statement) {
        self.segmenter.push(&segment_turn(turn));
    }

    fn events(&mut self, new: &Arc<Statement>, earlier: &[Arc<Statement>]) -> Vec<Event> {
        let mut left = MAX_ASKED;
        let edges = self.detector.supersessions(new, earlier);
        let edges = self.settled(edges, new, earlier, &mut left);
        let clear = |edge: &&Edge| edge.confidence >= SHOWN_CONFIDENCE;
        let replaced = edges.iter().filter(clear).map(|edge| edge.earlier).collect();
        let contradictions = self.contradictions(new, earlier, &replaced);
        let mut contradictions = self.settled(contradictions, new, earlier, &mut left);
        contradictions.retain(|edge| edge.confidence >= KEPT_CONTRADICTION);
        let echoes = echoes(new, earlier, &edges);
        let edges: Vec<Edge> = edges.into_iter().chain(contradictions).collect();
        // A contradiction that is not shown is still a mention.
        let binds =
            |edge: &&Edge| edge.kind == EdgeKind::Supersedes || edge.confidence >= SHOWN_CONFIDENCE;
        let of_echoes = echoes.iter().filter_map(Event::edge);
        let bound: HashSet<Sequence> =
            edges.iter().filter(binds).chain(of_echoes).map(|edge| edge.earlier).collect();
        let mut events: Vec<Event> = edges.into_iter().map(Event::Edge).collect();
        events.extend(echoes);
        events.extend(expiries(new));
        let unbound = |old: &Statement| !bound.contains(&old.sequence);
        let mentioned = nearest(new, earlier, MENTION_COSINE, MAX_MENTIONS, &unbound);
        let mentioned = mentioned.into_iter().filter_map(|at| earlier.get(at));
        events.extend(mentioned.map(|old| Event::Mentions { earlier: old.sequence }));
        let shifts = self.segmenter.push(&segment_turn(new));
        events.extend(shifts.into_iter().map(|shift| Event::SegmentEnds {
            last: shift.first_of_new_segment.saturating_sub(1),
            confidence: shift.confidence,
        }));
        events
    }

    fn echoes(
        &self,
        new: &Arc<Statement>,
        events: &[Event],
        turns: &[Arc<Statement>],
    ) -> Vec<Event> {
        let edges = events.iter().filter_map(|event| match event {
            Event::Edge(edge) => Some(edge.clone()),
            _ => None,
        });
        echoes(new, turns, &edges.collect::<Vec<Edge>>())
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

/// When what a turn says ceases to hold.
fn expiries(new: &Statement) -> impl Iterator<Item = Event> {
    let found = expiry::last_expiries(&new.said.text, new.said_at, MAX_EXPIRIES);
    found.into_iter().map(|found| Event::Expires {
        at: found.at,
        // A statement has a few KiB of text.
        span: (found.span.start as u32, found.span.end as u32),
        confidence: found.confidence,
    })
}

/// Places of the wanted earlier turns that are nearest to a turn, best first.
fn nearest(
    new: &Statement,
    earlier: &[Arc<Statement>],
    at_least: f32,
    at_most: usize,
    wanted: &dyn Fn(&Statement) -> bool,
) -> Vec<usize> {
    let Some(vector) = new.said.vector.as_deref() else { return Vec::new() };
    let mut near: Vec<(f32, usize)> = earlier
        .iter()
        .enumerate()
        .filter(|(_, old)| wanted(old))
        .filter_map(|(at, old)| Some((cosine(vector, old.said.vector.as_deref()?), at)))
        .filter(|(cosine, _)| *cosine >= at_least)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
    near.truncate(at_most);
    near.into_iter().map(|(_, at)| at).collect()
}

/// Of unit vectors.
fn cosine(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests;
