//! Edges from a new statement to the earlier ones that it replaces.
//!
//! Called once for each appended turn with the earlier statements that may be
//! meant, in order. Deterministic; the work is bounded by [`MAX_COMPARED`]
//! comparisons whatever the caller passes.

use std::{
    mem::take,
    sync::{Arc, LazyLock},
};

use super::{
    event::{Edge, EdgeKind, KEPT_CONFIDENCE},
    pair::{
        features::{Row, Rows},
        model::{Model, ModelError},
    },
    statement::{Said, Statement},
    text::Span,
};
use crate::turn::Role;

/// Earlier statements that a new one is compared with, the last ones.
pub const MAX_COMPARED: usize = 96;
/// Edges that a new statement may draw, the surest ones.
pub const MAX_EDGES: usize = 8;
/// Characters of a reason that quote one side.
const MAX_QUOTED: usize = 60;

/// The weights that are shipped. Learnt on shared-alike data, see their card.
const BUNDLED: &str = include_str!("../../weights/staleness.json");

static MODEL: LazyLock<Result<Arc<Model>, ModelError>> =
    LazyLock::new(|| Model::parse(BUNDLED).map(Arc::new));

/// Draws edges of supersession.
#[derive(Clone, Debug)]
pub struct Detector {
    model: Arc<Model>,
}

impl Detector {
    /// With the shipped weights, which are read once.
    ///
    /// # Errors
    /// [`ModelError`], which a test rules out.
    pub fn bundled() -> Result<Self, ModelError> {
        MODEL.clone().map(|model| Self { model })
    }

    /// With other weights.
    ///
    /// # Errors
    /// [`ModelError`] when they are malformed or of another version's features.
    pub fn parse(json: &str) -> Result<Self, ModelError> {
        Model::parse(json).map(|model| Self { model: Arc::new(model) })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Edges from `new` to earlier statements of the same speaker, surest first,
    /// with confidence from [`KEPT_CONFIDENCE`] on, at most [`MAX_EDGES`].
    /// `past` is in order of sequence and all before `new`; it holds the last
    /// turns of all speakers, and older statements that may be meant. What an
    /// assistant or a tool says replaces nothing.
    pub fn supersessions(&self, new: &Statement, past: &[Arc<Statement>]) -> Vec<Edge> {
        if matches!(new.role, Role::Assistant | Role::Tool) || new.said.words.is_empty() {
            return Vec::new();
        }
        let past = past.get(past.len().saturating_sub(MAX_COMPARED)..).unwrap_or(&[]);
        let rows = Rows::of(new, past);
        let mut edges: Vec<Edge> = past
            .iter()
            .enumerate()
            .filter(|(_, old)| old.same_speaker(new) && !old.said.words.is_empty())
            .filter_map(|(index, old)| {
                let mut row = rows.row(index)?;
                let vectors = old.said.vector.as_deref().zip(new.said.vector.as_deref());
                let confidence = self.model.probability(take(&mut row.values), vectors);
                (confidence >= KEPT_CONFIDENCE).then(|| edge(old, new, &row, confidence))
            })
            .collect();
        edges.sort_by(|a, b| {
            b.confidence.total_cmp(&a.confidence).then_with(|| b.earlier.cmp(&a.earlier))
        });
        edges.truncate(MAX_EDGES);
        edges
    }
}

fn edge(old: &Statement, new: &Statement, row: &Row, confidence: f32) -> Edge {
    let bytes = |span: Span| (span.start, span.end);
    Edge {
        kind: EdgeKind::Supersedes,
        earlier: old.sequence,
        confidence,
        earlier_span: row.spans.map(|spans| bytes(spans.0)),
        later_span: row.spans.map(|spans| bytes(spans.1)),
        reason: reason(&old.said, &new.said, row),
    }
}

/// "Hilton → Marriott" where the values are known, else what was said instead.
fn reason(old: &Said, new: &Said, row: &Row) -> String {
    if let Some((from, to)) = row.spans {
        return format!("{} → {}", clipped(from.of(&old.text)), clipped(to.of(&new.text)));
    }
    let clause = new.clauses.get(row.clauses.1).and_then(|clause| {
        let first = new.words.get(clause.words.0 as usize)?;
        let last = new.words.get(clause.words.1.checked_sub(1)? as usize)?;
        Some(first.span.to(last.span))
    });
    format!("replaced by \"{}\"", clipped(clause.map_or(&*new.text, |span| span.of(&new.text))))
}

/// The head of a text, with an ellipsis where it goes on.
fn clipped(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or("").trim_end()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::staleness::statement::TurnText;

    fn statements<'a>(turns: impl Iterator<Item = (Role, &'a str)>) -> Vec<Arc<Statement>> {
        let mut out: Vec<Arc<Statement>> = Vec::new();
        for (index, (role, text)) in turns.enumerate() {
            let sequence = index as u64 + 1;
            let said_at = Timestamp::UNIX_EPOCH;
            let turn = TurnText { sequence, role, speaker: "", said_at, text, vector: None };
            out.push(Arc::new(Statement::of(&turn, out.last().map(|last| &**last))));
        }
        out
    }

    /// Statements of a conversation; user and assistant by turns.
    fn talk(texts: &[&str]) -> Vec<Arc<Statement>> {
        let roles = [Role::User, Role::Assistant].into_iter().cycle();
        statements(roles.zip(texts.iter().copied()))
    }

    /// Edges that the last turn draws with at least even odds.
    fn shown(texts: &[&str]) -> Vec<(u64, String)> {
        let all = talk(texts);
        let (new, past) = all.split_last().expect("a turn");
        let found = Detector::bundled().unwrap().supersessions(new, past);
        found.into_iter().filter(|e| e.confidence >= 0.5).map(|e| (e.earlier, e.reason)).collect()
    }

    #[test]
    fn a_changed_value_replaces_the_turn_that_set_it() {
        let edges = shown(&[
            "Book me a table for two at 7 pm in Oakland.",
            "Please confirm: a table for 2 in Oakland at 7 pm.",
            "No, make it 8 pm please.",
        ]);
        assert_eq!(edges, [(1, "7 pm → 8 pm".to_owned())]);
    }

    #[test]
    fn thanks_and_answers_replace_nothing() {
        for texts in [
            &["Book a table at 7 pm.", "For how many people?", "For 2 people."][..],
            &["I live in Berlin.", "A fine city.", "Thank you, goodbye."],
            &["Hello there."],
        ] {
            assert_eq!(shown(texts), [], "{texts:?}");
        }
    }

    #[test]
    fn what_adds_up_is_no_update_and_a_move_is() {
        let taken = |old: &str, new: &str| !shown(&[old, "Noted.", new]).is_empty();
        for (old, new) in [
            ("I'm allergic to peanuts.", "I'm also allergic to shellfish."),
            ("My daughter Emma is five.", "My son Leo just turned two."),
            ("Add milk to my shopping list.", "Add eggs to it too."),
            ("We have a dog called Rex.", "We also adopted a cat called Mia."),
            ("We stop in Lyon.", "After Lyon we stop in Nice as well."),
        ] {
            assert!(!taken(old, new), "{old} / {new}");
        }
        for (old, new) in [
            ("I live in Berlin.", "We moved to Lisbon last month."),
            ("Our launch is on May 4.", "The launch was postponed to May 18."),
            ("I weigh 80 kg.", "I'm down to 76 kg now."),
            ("I use Vim for everything.", "I switched to VS Code."),
        ] {
            assert!(taken(old, new), "{old} / {new}");
        }
    }

    #[test]
    fn an_assistant_replaces_nothing() {
        let all = talk(&["At 7 pm in Oakland.", "Make it 8 pm in Oakland."]);
        let (new, past) = all.split_last().expect("a turn");
        assert!(Detector::bundled().unwrap().supersessions(new, past).is_empty());
    }

    /// A pair and the score that the training program gave it.
    #[derive(serde::Deserialize)]
    struct Scored {
        turns: Vec<(String, String)>,
        old: u64,
        score: f32,
    }

    #[test]
    fn the_forest_scores_as_where_it_was_trained() {
        let detector = Detector::bundled().unwrap();
        let mut seen = 0;
        for line in include_str!("pair/parity.jsonl").lines() {
            let scored: Scored = serde_json::from_str(line).unwrap();
            let roles = scored.turns.iter().map(|(role, text)| {
                (if role == "user" { Role::User } else { Role::Assistant }, text.as_str())
            });
            let all = statements(roles);
            let (new, past) = all.split_last().expect("a turn");
            let edges = detector.supersessions(new, past);
            let found = edges.iter().find(|edge| edge.earlier == scored.old);
            let score = found.map_or(0.0, |edge| edge.confidence);
            let kept = if scored.score < KEPT_CONFIDENCE { 0.0 } else { scored.score };
            assert!((score - kept).abs() < 2e-3, "{score} for {} of {line}", scored.score);
            seen += 1;
        }
        assert!(seen >= 30);
    }
}
