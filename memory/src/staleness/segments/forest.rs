//! The two learned parts of a look: a linear head over vectors and boosted
//! trees over a row of numbers. Read from JSON, checked once, then evaluated
//! without a way to fail.

use serde::Deserialize;

use super::blocks::dot;

/// Most trees of a forest and most nodes of a tree.
const MAX_TREES: usize = 2000;
const MAX_NODES: usize = 1023;

/// `bias + weights · input`: the log odds by the vectors alone.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    bias: f32,
    weights: Vec<f32>,
}

impl Head {
    /// Log odds of an input.
    pub fn score(&self, input: &[f32]) -> f32 {
        self.bias + dot(&self.weights, input)
    }

    /// Does it fit inputs of `width` numbers?
    pub fn fits(&self, width: usize) -> bool {
        self.weights.len() == width
            && self.bias.is_finite()
            && self.weights.iter().all(|w| w.is_finite())
    }
}

/// A binary tree in arrays, root first. A node with `left == 0` is a leaf and
/// its threshold is its value; else `row[feature] <= threshold` goes left.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tree {
    feature: Vec<u16>,
    threshold: Vec<f32>,
    left: Vec<u16>,
    right: Vec<u16>,
}

impl Tree {
    fn value(&self, row: &[f32]) -> f32 {
        let mut node = 0usize;
        // Children stand behind their parents, so this ends.
        loop {
            let (Some(&threshold), Some(&left), Some(&right)) =
                (self.threshold.get(node), self.left.get(node), self.right.get(node))
            else {
                return 0.0;
            };
            if left == 0 {
                return threshold;
            }
            let feature = self.feature.get(node).copied().map_or(0, usize::from);
            let goes_left = row.get(feature).is_some_and(|x| *x <= threshold);
            node = usize::from(if goes_left { left } else { right });
        }
    }

    fn fits(&self, width: usize) -> bool {
        let nodes = self.threshold.len();
        let same =
            [self.feature.len(), self.left.len(), self.right.len()].iter().all(|len| *len == nodes);
        let children =
            self.left.iter().zip(&self.right).enumerate().all(|(node, (&left, &right))| {
                (left == 0 && right == 0)
                    || [left, right]
                        .iter()
                        .all(|&child| (node + 1..nodes).contains(&usize::from(child)))
            });
        let features = self.feature.iter().all(|&feature| usize::from(feature) < width);
        (1..=MAX_NODES).contains(&nodes)
            && same
            && children
            && features
            && self.threshold.iter().all(|x| x.is_finite())
    }
}

/// Boosted trees for log odds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forest {
    trees: Vec<Tree>,
}

impl Forest {
    /// Log odds of a row.
    pub fn score(&self, row: &[f32]) -> f32 {
        self.trees.iter().map(|tree| tree.value(row)).sum()
    }

    /// Does it fit rows of `width` numbers?
    pub fn fits(&self, width: usize) -> bool {
        self.trees.len() <= MAX_TREES && self.trees.iter().all(|tree| tree.fits(width))
    }
}

/// The logistic function.
pub fn sigmoid(log_odds: f32) -> f32 {
    1.0 / (1.0 + (-log_odds).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forest(json: &str) -> Forest {
        serde_json::from_str(json).expect("a forest")
    }

    #[test]
    fn rows_go_left_up_to_the_threshold() {
        let forest = forest(
            r#"{"trees":[{"feature":[1,0,0],"threshold":[0.5,-1.0,2.0],"left":[1,0,0],"right":[2,0,0]}]}"#,
        );
        assert!(forest.fits(2) && !forest.fits(1));
        for (row, value) in [([9.0, 0.5], -1.0), ([9.0, 0.6], 2.0)] {
            assert_eq!(forest.score(&row), value);
        }
    }

    #[test]
    fn crooked_trees_are_refused() {
        for tree in [
            r#"{"feature":[0],"threshold":[0.5],"left":[1],"right":[2]}"#,
            r#"{"feature":[0,0,0],"threshold":[0.5,1.0,1.0],"left":[0,0,0],"right":[2,0,0]}"#,
            r#"{"feature":[0],"threshold":[0.5,0.5],"left":[0],"right":[0]}"#,
            r#"{"feature":[],"threshold":[],"left":[],"right":[]}"#,
        ] {
            assert!(!forest(&format!(r#"{{"trees":[{tree}]}}"#)).fits(9), "{tree}");
        }
    }
}
