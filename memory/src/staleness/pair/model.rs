//! The learned model of a pair: boosted trees over the row of features and a
//! linear head over the two vectors. Two forests, one learnt on bookings and
//! errands, one on plain talk, and a third that says how much the pair is talk:
//! in a booking almost every other value is a correction, in talk hardly any.
//! Read from a JSON file that says what it was learnt on; the features are named
//! there and must be those of this version.

use serde::Deserialize;

use super::{between::dot, features};

/// Nodes of a tree; what is larger is not ours.
const MAX_NODES: usize = 1_024;
/// Trees of a forest.
const MAX_TREES: usize = 2_000;

/// The weights cannot be used. Operator; a test rules it out for the shipped.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ModelError {
    /// Not the JSON that is expected.
    #[error("staleness weights: {0}")]
    Form(String),
    /// Learnt on other features than this version's.
    #[error("staleness weights were learnt on other features than this version's: {0}")]
    Features(String),
}

/// What the file holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    trained_on: String,
    licence: String,
    features: Vec<String>,
    head: Head,
    /// Calibration of a turn's evidence: of the greatest edge's log-odds, of the
    /// others', intercept.
    turn: (f32, f32, f32),
    /// Log-odds of being plain talk.
    gate: Vec<TreeFile>,
    /// Log-odds of a replacement in a booking.
    errand: Vec<TreeFile>,
    /// Log-odds of a replacement in plain talk.
    talk: Vec<TreeFile>,
}

/// A linear function of the vectors of two statements: of their product, of the
/// old one and of the new one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    product: Vec<f32>,
    old: Vec<f32>,
    new: Vec<f32>,
    bias: f32,
}

impl Head {
    /// Whether its parts are of one length and finite.
    fn is_sound(&self) -> bool {
        let parts = [&self.product, &self.old, &self.new];
        let length = self.product.len();
        parts.iter().all(|part| part.len() == length && part.iter().all(|x| x.is_finite()))
            && self.bias.is_finite()
    }

    /// Log-odds; not a number without vectors of its length.
    fn value(&self, vectors: Option<(&[f32], &[f32])>) -> f32 {
        let Some((old, new)) = vectors else { return f32::NAN };
        if old.len() != self.product.len() || new.len() != self.product.len() {
            return f32::NAN;
        }
        let products: Vec<f32> = old.iter().zip(new).map(|(a, b)| a * b).collect();
        self.bias + dot(&self.product, &products) + dot(&self.old, old) + dot(&self.new, new)
    }
}

/// A tree; inner nodes first, leaves as negative children.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TreeFile {
    /// Twice the feature, plus one where a missing value goes left.
    f: Vec<u16>,
    /// Thresholds.
    t: Vec<f32>,
    /// Child where the value is at most the threshold; leaf `k` is `-1 - k`.
    l: Vec<i16>,
    /// The other child.
    r: Vec<i16>,
    /// Values of the leaves.
    v: Vec<f32>,
}

/// An inner node.
#[derive(Clone, Copy, Debug)]
struct Node {
    threshold: f32,
    feature: u16,
    missing_left: bool,
    left: i16,
    right: i16,
}

/// Trees whose leaves add up.
#[derive(Clone, Debug)]
struct Forest(Box<[Tree]>);

impl Forest {
    fn checked(trees: Vec<TreeFile>, features: usize) -> Result<Self, ModelError> {
        if trees.len() > MAX_TREES {
            return Err(ModelError::Form(format!("{} trees", trees.len())));
        }
        let trees = trees.into_iter().map(|tree| tree.checked(features));
        Ok(Self(trees.collect::<Result<_, _>>()?))
    }

    fn value(&self, row: &[f32]) -> f32 {
        self.0.iter().map(|tree| tree.value(row)).sum()
    }
}

#[derive(Clone, Debug)]
struct Tree {
    nodes: Box<[Node]>,
    leaves: Box<[f32]>,
}

/// Boosted trees with their calibration.
#[derive(Clone, Debug)]
pub struct Model {
    /// Version of the features and the training.
    pub version: u32,
    /// What it was learnt on.
    pub trained_on: String,
    /// Licence of the weights.
    pub licence: String,
    head: Head,
    turn: (f32, f32, f32),
    gate: Forest,
    errand: Forest,
    talk: Forest,
}

impl Model {
    /// Reads the weights.
    ///
    /// # Errors
    /// [`ModelError`] when they are malformed or of other features.
    pub fn parse(json: &str) -> Result<Self, ModelError> {
        let file: File =
            serde_json::from_str(json).map_err(|error| ModelError::Form(error.to_string()))?;
        let expected = features::names();
        if file.features != expected {
            let odd = file.features.iter().zip(&expected).find(|(a, b)| a != b);
            return Err(ModelError::Features(match odd {
                Some((found, wanted)) => format!("{found}, not {wanted}"),
                None => format!("{} features, not {}", file.features.len(), expected.len()),
            }));
        }
        if !file.head.is_sound() {
            return Err(ModelError::Form("the head is not well formed".to_owned()));
        }
        // The head stands behind the features.
        let forest = |trees| Forest::checked(trees, expected.len() + 1);
        Ok(Self {
            version: file.version,
            trained_on: file.trained_on,
            licence: file.licence,
            head: file.head,
            turn: file.turn,
            gate: forest(file.gate)?,
            errand: forest(file.errand)?,
            talk: forest(file.talk)?,
        })
    }

    /// Calibrated probability that the newer statement of a row replaces
    /// something that the older one set; `vectors` are those of the old and of
    /// the new one.
    pub fn probability(&self, row: Vec<f32>, vectors: Option<(&[f32], &[f32])>) -> f32 {
        let mut row = row;
        row.push(self.head.value(vectors));
        let talk = logistic(self.gate.value(&row));
        logistic(talk * self.talk.value(&row) + (1.0 - talk) * self.errand.value(&row))
    }

    /// Slope of the greatest edge, of the other edges together, and intercept.
    pub(in crate::staleness) fn turn_calibration(&self) -> (f32, f32, f32) {
        self.turn
    }
}

/// 1 / (1 + e^-x).
pub(in crate::staleness) fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

impl TreeFile {
    /// With every index within bounds and every child behind its parent, so that
    /// a walk ends.
    fn checked(self, features: usize) -> Result<Tree, ModelError> {
        let n = self.f.len();
        let same = [self.t.len(), self.l.len(), self.r.len()].iter().all(|len| *len == n);
        let sound = |at: usize, child: i16| match usize::try_from(child) {
            Ok(inner) => inner > at && inner < n,
            Err(_) => ((-1 - i32::from(child)) as usize) < self.v.len(),
        };
        let linked = self
            .l
            .iter()
            .zip(&self.r)
            .enumerate()
            .all(|(at, (l, r))| sound(at, *l) && sound(at, *r));
        let numbers = self.t.iter().chain(&self.v).all(|x| x.is_finite());
        let named = self.f.iter().all(|f| usize::from(f / 2) < features);
        if !(same && linked && numbers && named && n < MAX_NODES && !self.v.is_empty()) {
            return Err(ModelError::Form("a tree is not well formed".to_owned()));
        }
        let nodes = self.f.iter().zip(&self.t).zip(self.l.iter().zip(&self.r));
        Ok(Tree {
            nodes: nodes
                .map(|((f, t), (l, r))| Node {
                    threshold: *t,
                    feature: f / 2,
                    missing_left: f % 2 == 1,
                    left: *l,
                    right: *r,
                })
                .collect(),
            leaves: self.v.into(),
        })
    }
}

impl Tree {
    fn value(&self, row: &[f32]) -> f32 {
        let mut at = 0_i16;
        while let Some(node) = usize::try_from(at).ok().and_then(|at| self.nodes.get(at)) {
            let x = row.get(usize::from(node.feature)).copied().unwrap_or(f32::NAN);
            let left = if x.is_nan() { node.missing_left } else { x <= node.threshold };
            at = if left { node.left } else { node.right };
        }
        let leaf = (-1 - i32::from(at)).max(0) as usize;
        self.leaves.get(leaf).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(f: &[u16], t: &[f32], l: &[i16], r: &[i16], v: &[f32]) -> Result<Tree, ModelError> {
        TreeFile { f: f.into(), t: t.into(), l: l.into(), r: r.into(), v: v.into() }.checked(4)
    }

    #[test]
    fn a_tree_is_walked_to_its_leaf() {
        let tree = tree(&[0, 3], &[0.5, 2.0], &[1, -2], &[-1, -3], &[1.0, 2.0, 3.0]).unwrap();
        for (row, expected) in [
            ([0.5, 2.0], 2.0),
            ([0.5, 2.1], 3.0),
            ([0.6, 0.0], 1.0),
            ([0.1, f32::NAN], 2.0),
            ([f32::NAN, 0.0], 1.0),
        ] {
            assert_eq!(tree.value(&row), expected, "{row:?}");
        }
        let stump = super::TreeFile { f: vec![], t: vec![], l: vec![], r: vec![], v: vec![0.25] };
        assert_eq!(stump.checked(1).unwrap().value(&[]), 1.0 - 0.75);
    }

    #[test]
    fn a_head_weighs_both_vectors() {
        let part = |x: &[f32]| x.to_vec();
        let head = Head {
            product: part(&[2.0, 0.0]),
            old: part(&[0.0, 1.0]),
            new: part(&[-1.0, 0.0]),
            bias: 0.5,
        };
        let (old, new, long) = ([0.5, 0.25], [1.0, 3.0], [0.0; 3]);
        assert_eq!(head.value(Some((&old, &new))), 0.5 + 1.0 + 0.25 - 1.0);
        assert!(head.value(None).is_nan() && head.value(Some((&old, &long))).is_nan());
        assert!(head.is_sound());
        assert!(!Head { new: part(&[1.0]), ..head.clone() }.is_sound());
        assert!(!Head { bias: f32::NAN, ..head }.is_sound());
    }

    #[test]
    fn malformed_trees_are_refused() {
        for (what, result) in [
            ("a loop", tree(&[0], &[0.0], &[0], &[-1], &[1.0])),
            ("no such leaf", tree(&[0], &[0.0], &[-3], &[-1], &[1.0, 2.0])),
            ("no such feature", tree(&[8], &[0.0], &[-1], &[-2], &[1.0, 2.0])),
            ("lengths", tree(&[0], &[], &[-1], &[-2], &[1.0, 2.0])),
            ("not a number", tree(&[0], &[f32::NAN], &[-1], &[-2], &[1.0, 2.0])),
        ] {
            assert!(result.is_err(), "{what}");
        }
        assert!(Model::parse("{}").is_err());
    }
}
