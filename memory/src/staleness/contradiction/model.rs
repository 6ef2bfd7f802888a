//! The learned part: a logistic head over chosen features and products, and
//! small boosted trees that correct it.
//!
//! logit = head + sum of the leaves; probability = 1 / (1 + e^-logit). The
//! weights name their features, so a column that moves or is new does no harm
//! and one that is gone is an error at load.

use std::collections::HashMap;

use serde::Deserialize;

use super::features::{Feature, Row};

/// Most trees in the weights.
const MAX_TREES: usize = 1_000;
/// Most nodes of a tree.
const MAX_NODES: usize = 255;

/// The weights cannot be used: operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// Not JSON of the right form.
    #[error("contradiction weights cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// A feature that this version does not compute.
    #[error("contradiction weights name an unknown feature {0:?}")]
    UnknownFeature(String),
    /// Lists of differing length, or a node that does not exist.
    #[error("contradiction weights are inconsistent: {0}")]
    Shape(&'static str),
}

#[derive(Deserialize)]
struct HeadFile {
    /// Feature names, or two joined by `*`.
    terms: Vec<String>,
    mean: Vec<f64>,
    scale: Vec<f64>,
    weight: Vec<f64>,
    bias: f64,
}

#[derive(Deserialize)]
struct TreeFile {
    feature: Vec<u16>,
    threshold: Vec<f64>,
    left: Vec<i16>,
    right: Vec<i16>,
    leaf: Vec<f64>,
}

#[derive(Deserialize)]
struct File {
    version: String,
    features: Vec<String>,
    head: HeadFile,
    trees: Vec<TreeFile>,
    flag_at: f32,
    answer_at: f32,
}

/// A summand of the head.
#[derive(Debug)]
struct HeadTerm {
    columns: Vec<usize>,
    mean: f64,
    scale: f64,
    weight: f64,
}

/// A node; a child below 0 is the leaf `-child - 1`.
#[derive(Debug)]
struct Node {
    column: usize,
    threshold: f64,
    left: i16,
    right: i16,
}

#[derive(Debug)]
struct Tree {
    nodes: Vec<Node>,
    leaves: Vec<f64>,
}

/// The learned part of [`super::ContradictionModel`].
#[derive(Debug)]
pub(super) struct Weights {
    pub(super) version: String,
    pub(super) flag_at: f32,
    pub(super) answer_at: f32,
    head: Vec<HeadTerm>,
    bias: f64,
    trees: Vec<Tree>,
}

impl Weights {
    /// Reads and checks weights.
    pub(super) fn parse(json: &str) -> Result<Self, WeightsError> {
        let file: File = serde_json::from_str(json)?;
        let known: HashMap<&str, usize> =
            Feature::ALL.iter().enumerate().map(|(column, f)| (f.name(), column)).collect();
        let column = |name: &str| {
            known.get(name).copied().ok_or_else(|| WeightsError::UnknownFeature(name.to_owned()))
        };
        let columns: Vec<usize> =
            file.features.iter().map(|name| column(name)).collect::<Result<_, _>>()?;
        let head = &file.head;
        let count = head.terms.len();
        if [head.mean.len(), head.scale.len(), head.weight.len()] != [count; 3] {
            return Err(WeightsError::Shape("lists of the head differ in length"));
        }
        let numbers = head.mean.iter().zip(&head.scale).zip(&head.weight);
        let terms = head.terms.iter().zip(numbers).map(|(name, ((mean, scale), weight))| {
            let columns = name.split('*').map(column).collect::<Result<_, _>>()?;
            Ok(HeadTerm { columns, mean: *mean, scale: *scale, weight: *weight })
        });
        if file.trees.len() > MAX_TREES {
            return Err(WeightsError::Shape("too many trees"));
        }
        Ok(Self {
            version: file.version,
            flag_at: file.flag_at,
            answer_at: file.answer_at,
            head: terms.collect::<Result<_, WeightsError>>()?,
            bias: head.bias,
            trees: file
                .trees
                .iter()
                .map(|tree| tree.checked(&columns))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Probability of a contradiction, in [0, 1].
    pub(super) fn probability(&self, row: &Row) -> f32 {
        let value = |column: usize| f64::from(row.values.get(column).copied().unwrap_or(0.0));
        let head: f64 = self
            .head
            .iter()
            .map(|term| {
                let product: f64 = term.columns.iter().map(|column| value(*column)).product();
                (product - term.mean) / term.scale * term.weight
            })
            .sum();
        let trees: f64 = self.trees.iter().map(|tree| tree.leaf(&value)).sum();
        (1.0 / (1.0 + (-(self.bias + head + trees)).exp())) as f32
    }
}

impl TreeFile {
    fn checked(&self, columns: &[usize]) -> Result<Tree, WeightsError> {
        let count = self.feature.len();
        if [self.threshold.len(), self.left.len(), self.right.len()] != [count; 3]
            || count > MAX_NODES
            || self.leaf.len() != count + 1
        {
            return Err(WeightsError::Shape("lists of a tree differ in length"));
        }
        let mut nodes = Vec::with_capacity(count);
        for (index, feature) in self.feature.iter().enumerate() {
            let child = |list: &[i16]| list.get(index).copied().unwrap_or(-1);
            let (left, right) = (child(&self.left), child(&self.right));
            // Children come after their parent, so that every walk ends.
            let fits = |c: i16| {
                if c < 0 {
                    (-i32::from(c)) as usize <= count + 1
                } else {
                    c as usize > index && (c as usize) < count
                }
            };
            if !fits(left) || !fits(right) {
                return Err(WeightsError::Shape("a tree names a node that does not exist"));
            }
            let column = columns.get(*feature as usize).copied();
            nodes.push(Node {
                column: column.ok_or(WeightsError::Shape("a tree names no feature"))?,
                threshold: self.threshold.get(index).copied().unwrap_or(0.0),
                left,
                right,
            });
        }
        Ok(Tree { nodes, leaves: self.leaf.clone() })
    }
}

impl Tree {
    fn leaf(&self, value: &impl Fn(usize) -> f64) -> f64 {
        let mut at: i16 = if self.nodes.is_empty() { -1 } else { 0 };
        while let Some(node) = usize::try_from(at).ok().and_then(|index| self.nodes.get(index)) {
            at = if value(node.column) <= node.threshold { node.left } else { node.right };
        }
        self.leaves.get((-(i32::from(at)) - 1).max(0) as usize).copied().unwrap_or(0.0)
    }
}
