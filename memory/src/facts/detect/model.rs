//! The learned part: for each kind a weighted sum over features and, where the
//! sentence was embedded by the model that was learnt with, over its vector, made
//! a probability.
//!
//! sum = bias + the weights of the features + vector · (the sentence's - mean), of
//! the whole sentence and of each run of clauses in it; blended = blend · whole +
//! (1 - blend) · largest; probability = 1 / (1 + e^-(slope · blended + shift)).
//! Without a vector its part is that of the mean, 0.

use std::collections::HashMap;

use serde::Deserialize;

use super::features::{Vocabulary, feature};

/// Most kinds in the weights.
const MAX_KINDS: usize = 16;

/// What a sentence is, as the weights tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// How the assistant shall behave.
    Instruction,
    /// What must not be done.
    Prohibition,
    /// What the user likes or dislikes.
    Preference,
    /// Something about the user.
    Fact,
    /// What was decided.
    Decision,
    /// What the user promises.
    Commitment,
    /// What the user agrees to or opts out of.
    Consent,
    /// A number or name that identifies.
    Identifier,
}

/// The weights cannot be used: operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum PinModelError {
    /// Not JSON of the right form.
    #[error("pin weights cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// A feature with fewer or more weights than there are kinds, or vectors of
    /// differing length.
    #[error("pin weights are inconsistent: {0}")]
    Shape(String),
}

#[derive(Deserialize)]
struct File {
    version: String,
    /// The embedding model that the vectors are of.
    embedding: String,
    /// The vocabulary, parted by white space.
    words: String,
    /// Those of it that make pairs.
    pairing: String,
    /// What the whole sentence counts beside its surest clauses, 0 to 1.
    blend: f32,
    /// What a sentence's vector is compared with.
    mean: Vec<f32>,
    kinds: Vec<Kind>,
    features: HashMap<String, Vec<f32>>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    sort: Sort,
    bias: f32,
    slope: f32,
    shift: f32,
    pin_at: f32,
    vector: Vec<f32>,
}

/// The learned part of [`super::PinDetector`].
#[derive(Debug)]
pub(super) struct Model {
    pub(super) version: String,
    pub(super) embedding: String,
    pub(super) vocabulary: Vocabulary,
    mean: Vec<f32>,
    blend: f32,
    kinds: Vec<Kind>,
    /// Weights by feature, one for each kind.
    weights: HashMap<u64, Vec<f32>>,
}

/// How sure it is that a sentence is of a sort.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sorted {
    pub(super) sort: Sort,
    /// 0 to 1.
    pub(super) probability: f32,
    /// From which probability on it is worth a pin.
    pub(super) pin_at: f32,
}

impl Model {
    /// Reads and checks weights.
    pub(super) fn parse(json: &str) -> Result<Self, PinModelError> {
        let file: File = serde_json::from_str(json)?;
        let count = file.kinds.len();
        if !(1..=MAX_KINDS).contains(&count) {
            return Err(PinModelError::Shape(format!("{count} kinds, not 1 to {MAX_KINDS}")));
        }
        if file.kinds.iter().any(|kind| kind.vector.len() != file.mean.len()) {
            return Err(PinModelError::Shape("vectors of differing length".to_owned()));
        }
        let mut weights = HashMap::with_capacity(file.features.len());
        for (name, of_kinds) in file.features {
            if of_kinds.len() != count {
                let found = of_kinds.len();
                let why = format!("{found} weights of {name:?} for {count} kinds");
                return Err(PinModelError::Shape(why));
            }
            weights.insert(feature(&name), of_kinds);
        }
        let words = |words: &str| words.split_whitespace().map(str::to_owned).collect();
        let vocabulary = Vocabulary { words: words(&file.words), pairing: words(&file.pairing) };
        let File { version, embedding, mean, blend, kinds, .. } = file;
        Ok(Self { version, embedding, vocabulary, mean, blend, kinds, weights })
    }

    /// What the vector of a sentence adds for each kind.
    pub(super) fn of_vector(&self, vector: Option<&[f32]>) -> Vec<f32> {
        let known = vector.filter(|vector| vector.len() == self.mean.len());
        let Some(vector) = known else { return vec![0.0; self.kinds.len()] };
        let of_kind = |kind: &Kind| {
            let centred = vector.iter().zip(&self.mean).map(|(value, mean)| value - mean);
            centred.zip(&kind.vector).map(|(value, weight)| value * weight).sum()
        };
        self.kinds.iter().map(of_kind).collect()
    }

    /// The sum of each kind, by features and what the vector adds.
    pub(super) fn sums(&self, features: &[u64], of_vector: &[f32]) -> Vec<f32> {
        let added = of_vector.iter().copied().chain(std::iter::repeat(0.0));
        let mut sums: Vec<f32> =
            self.kinds.iter().zip(added).map(|(kind, added)| kind.bias + added).collect();
        for weights in features.iter().filter_map(|feature| self.weights.get(feature)) {
            sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight);
        }
        sums
    }

    /// How sure each sort is, by the sums of the whole sentence and the largest of
    /// it and its runs of clauses.
    pub(super) fn sorts(&self, whole: &[f32], best: &[f32]) -> Vec<Sorted> {
        let kinds = self.kinds.iter().zip(whole.iter().zip(best));
        kinds
            .map(|(kind, (whole, best))| {
                let sum = self.blend * whole + (1.0 - self.blend) * best;
                let probability = 1.0 / (1.0 + (-(kind.slope * sum + kind.shift)).exp());
                Sorted { sort: kind.sort, probability, pin_at: kind.pin_at }
            })
            .collect()
    }
}
