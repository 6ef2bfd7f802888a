//! The learned numbers of both looks and the thresholds that turn
//! probabilities into shifts. The built-in set is `memory/weights/
//! staleness-segments.json`, made by `evals/training/train_segments.py`.

use std::sync::OnceLock;

use serde::Deserialize;

use super::{
    far::{FAR_HEAD, FAR_PLAIN},
    forest::{Forest, Head},
    near::{NEAR_HEAD, NEAR_PLAIN},
};

/// Numbers behind the plain features of the near look: head here, at the gap
/// before, highest of the last eight gaps.
pub(super) const NEAR_EVIDENCE: usize = 3;

/// Numbers behind the plain features of the far look: head; log odds of the
/// near look here, highest of here and the next two, mean over eight gaps on
/// both sides.
pub(super) const FAR_EVIDENCE: usize = 4;

const BUILT_IN: &str = include_str!("../../../weights/staleness-segments.json");

/// The weights cannot be used: the operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum SegmentModelError {
    /// Not the expected JSON.
    #[error("segment weights are not readable: {0}")]
    Json(#[from] serde_json::Error),
    /// A part has the wrong shape or a number out of range.
    #[error("segment weights do not fit this build: {0}")]
    Shape(&'static str),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LookWeights {
    pub(super) head: Head,
    pub(super) forest: Forest,
    /// A shift is told from this on: a probability (near), an expected number
    /// of shifts around the gap (far).
    pub(super) threshold: f32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Weights {
    version: String,
    trained_on: String,
    licence: String,
    near: LookWeights,
    far: LookWeights,
    /// Width of the kernel that sums neighbouring gaps, in turns.
    far_sigma: f32,
}

/// A checked set of weights.
#[derive(Clone, Debug)]
pub struct SegmentModel {
    weights: Weights,
}

impl SegmentModel {
    /// Reads and checks weights.
    ///
    /// # Errors
    /// [`SegmentModelError`] if they are not JSON of the right shape.
    pub fn load(json: &str) -> Result<Self, SegmentModelError> {
        let weights: Weights = serde_json::from_str(json)?;
        let checks = [
            (weights.near.head.fits(NEAR_HEAD), "near head"),
            (weights.near.forest.fits(NEAR_PLAIN + NEAR_EVIDENCE), "near forest"),
            (weights.far.head.fits(FAR_HEAD), "far head"),
            (weights.far.forest.fits(FAR_PLAIN + FAR_EVIDENCE), "far forest"),
            (weights.near.threshold > 0.0 && weights.far.threshold > 0.0, "threshold"),
            ((0.5..=4.0).contains(&weights.far_sigma), "far_sigma"),
        ];
        match checks.iter().find(|(holds, _)| !holds) {
            Some((_, part)) => Err(SegmentModelError::Shape(part)),
            None => Ok(Self { weights }),
        }
    }

    /// The weights that come with this build, parsed once.
    ///
    /// # Errors
    /// [`SegmentModelError`], never in a tested build.
    pub fn bundled() -> Result<&'static Self, &'static SegmentModelError> {
        static MODEL: OnceLock<Result<SegmentModel, SegmentModelError>> = OnceLock::new();
        MODEL.get_or_init(|| Self::load(BUILT_IN)).as_ref()
    }

    /// Version of the weights; events derived with another are derived anew.
    pub fn version(&self) -> &str {
        &self.weights.version
    }

    /// What they were trained on, and the licence that follows from it.
    pub fn origin(&self) -> (&str, &str) {
        (&self.weights.trained_on, &self.weights.licence)
    }

    pub(super) fn near(&self) -> &LookWeights {
        &self.weights.near
    }

    pub(super) fn far(&self) -> &LookWeights {
        &self.weights.far
    }

    pub(super) fn far_sigma(&self) -> f32 {
        self.weights.far_sigma
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_weights_fit() {
        let model = SegmentModel::bundled().expect("fits");
        assert!(!model.version().is_empty() && model.origin().1.starts_with("CC BY-SA"));
    }

    #[test]
    fn other_shapes_are_refused() {
        assert!(matches!(SegmentModel::load("{"), Err(SegmentModelError::Json(_))));
        let mut weights: serde_json::Value = serde_json::from_str(BUILT_IN).expect("json");
        weights["near"]["head"]["weights"] = serde_json::json!([1.0]);
        assert!(matches!(
            SegmentModel::load(&weights.to_string()),
            Err(SegmentModelError::Shape("near head"))
        ));
    }
}
