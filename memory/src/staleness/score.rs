//! From edges to the probability that a turn is superseded.

use super::pair::model::{Model, logistic};

/// Confidences are kept away from 0 and 1 by this much before their odds are
/// taken.
const LEAST: f32 = 1e-3;

/// Calibrated probability that a turn is superseded, from the confidences of the
/// edges to it that are known so far, in any order. No edge: the least there is.
///
/// With p the greatest and q the chance that one of the others is right, it is
/// logistic(a · logit p + b · logit q + c), weights learnt on held-out
/// conversations.
pub fn superseded_probability(model: &Model, edges: &[f32]) -> f32 {
    let (mut greatest, mut others) = (0.0_f32, 1.0_f32);
    for confidence in edges.iter().map(|edge| edge.clamp(0.0, 1.0)) {
        let less = greatest.min(confidence);
        greatest = greatest.max(confidence);
        others *= 1.0 - less;
    }
    let logit = |p: f32| (p.clamp(LEAST, 1.0 - LEAST) / (1.0 - p.clamp(LEAST, 1.0 - LEAST))).ln();
    let (a, b, c) = model.turn_calibration();
    logistic(a * logit(greatest) + b * logit(1.0 - others) + c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::staleness::Detector;

    #[test]
    fn more_evidence_never_lessens_the_probability() {
        let detector = Detector::bundled().unwrap();
        let of = |edges: &[f32]| superseded_probability(detector.model(), edges);
        assert!(of(&[]) < 0.1);
        assert!(of(&[0.1]) >= of(&[]));
        assert!(of(&[0.6]) > of(&[0.3]));
        assert!(of(&[0.6, 0.5]) >= of(&[0.6]));
        assert_eq!(of(&[0.5, 0.6]), of(&[0.6, 0.5]));
        assert!(of(&[1.0]) > 0.9 && of(&[f32::NAN]).is_finite());
    }
}
