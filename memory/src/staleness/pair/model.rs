//! The learned model of a pair: boosted trees over the row of features, then a
//! calibration. Read from a JSON file that says what it was learnt on; the
//! features are named there and must be those of this version.

use serde::Deserialize;

use super::features;

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
    /// Added to the sum of the leaves.
    bias: f32,
    /// Calibration of the sum: slope, then intercept.
    calibration: (f32, f32),
    /// Calibration of a turn's evidence: of the greatest edge's log-odds, of the
    /// others', intercept.
    turn: (f32, f32, f32),
    trees: Vec<TreeFile>,
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
    bias: f32,
    calibration: (f32, f32),
    turn: (f32, f32, f32),
    trees: Vec<Tree>,
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
        if file.trees.len() > MAX_TREES {
            return Err(ModelError::Form(format!("{} trees", file.trees.len())));
        }
        let trees = file.trees.into_iter().map(|tree| tree.checked(expected.len()));
        Ok(Self {
            version: file.version,
            trained_on: file.trained_on,
            licence: file.licence,
            bias: file.bias,
            calibration: file.calibration,
            turn: file.turn,
            trees: trees.collect::<Result<_, _>>()?,
        })
    }

    /// Calibrated probability that the newer statement of a row replaces
    /// something that the older one set.
    pub fn probability(&self, row: &[f32]) -> f32 {
        let sum = self.bias + self.trees.iter().map(|tree| tree.value(row)).sum::<f32>();
        let (slope, intercept) = self.calibration;
        logistic(slope * sum + intercept)
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
