//! Logistic models over named features: what is learnt of a turn that repeats or
//! corrects. Weights and where they come from: `memory/weights/SIGNALS.md`.

use std::{collections::HashMap, sync::LazyLock};

use serde::Deserialize;

/// The weights that ship. A test reads them; what does not parse finds nothing.
static MODELS: LazyLock<Models> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../weights/signals.json")).unwrap_or_default()
});

#[derive(Debug, Default, Deserialize)]
struct Models {
    repeats: Model,
    corrects: Model,
}

/// One model.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Model {
    bias: f32,
    /// Probability from which the signal is there.
    threshold: f32,
    weights: HashMap<String, f32>,
}

impl Model {
    /// Of turns that repeat.
    pub(super) fn repeats() -> &'static Self {
        &MODELS.repeats
    }

    /// Of turns that correct.
    pub(super) fn corrects() -> &'static Self {
        &MODELS.corrects
    }

    /// The probability, where it is enough.
    pub(super) fn finds(&self, features: &Features) -> Option<f32> {
        let weight = |(name, value): &(&str, f32)| self.weights.get(*name).map(|w| w * value);
        let logit = self.bias + features.0.iter().filter_map(weight).sum::<f32>();
        let probability = 1.0 / (1.0 + (-logit).exp());
        (!self.weights.is_empty() && probability >= self.threshold).then_some(probability)
    }
}

/// What is seen of a turn: values by name, about 0 to 1; what is not there is 0.
#[derive(Debug, Default)]
pub(super) struct Features(Vec<(&'static str, f32)>);

impl Features {
    /// Adds a value.
    pub(super) fn value(&mut self, name: &'static str, value: f32) {
        debug_assert!(!self.has(name), "{name} is there twice");
        if value != 0.0 {
            self.0.push((name, value));
        }
    }

    /// Adds that something is so.
    pub(super) fn mark(&mut self, name: &'static str, is_so: bool) {
        self.value(name, f32::from(u8::from(is_so)));
    }

    /// Whether something was marked.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| *known == name)
    }

    /// What it holds.
    pub(super) fn named(&self) -> &[(&'static str, f32)] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_that_ship_are_read() {
        for model in [Model::repeats(), Model::corrects()] {
            assert!(model.weights.len() > 100);
            assert!((0.3..0.7).contains(&model.threshold));
            assert!(model.finds(&Features::default()).is_none(), "nothing seen, nothing found");
        }
    }

    #[test]
    fn a_probability_is_given_from_the_threshold_on() {
        let model = |threshold| Model {
            bias: -1.0,
            threshold,
            weights: HashMap::from([("said".to_owned(), 2.0)]),
        };
        let mut seen = Features::default();
        seen.mark("said", true);
        seen.mark("unknown", true);
        seen.mark("absent", false);
        let found = model(0.7).finds(&seen).unwrap();
        assert!((found - 0.731).abs() < 1e-3, "{found}");
        assert_eq!(model(0.74).finds(&seen), None);
        assert_eq!(Model::default().finds(&seen), None, "weights that cannot be read");
        assert!(seen.has("said") && !seen.has("absent"));
    }
}
