//! The weights of order at query time: a JSON file, one weight for each of
//! [`FEATURES`], that says what it was learnt on.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::features::{FEATURES, Row};

/// Weights that do not fit this version. Operator; of those that ship a test rules it
/// out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderWeightsError {
    /// It is not JSON of this form.
    #[error("{0}")]
    Form(String),
    /// A feature has no weight, or one that is not finite.
    #[error("no weight for {0}")]
    Lacking(&'static str),
    /// A weight is of no feature.
    #[error("unknown feature {0}")]
    Unknown(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(rename = "trained_on")]
    _trained_on: String,
    #[serde(rename = "licence")]
    _licence: String,
    weights: BTreeMap<String, f32>,
    bias: f32,
    act_at: f32,
}

/// A linear model: log-odds that the later hit is a newer answer.
#[derive(Clone, Debug)]
pub struct OrderModel {
    /// Version of the features and the training.
    pub version: u32,
    row: Row,
    bias: f32,
    act_at: f32,
}

impl OrderModel {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`OrderWeightsError`].
    pub fn parse(text: &str) -> Result<Self, OrderWeightsError> {
        let form = |error: serde_json::Error| OrderWeightsError::Form(error.to_string());
        let mut file: File = serde_json::from_str(text).map_err(form)?;
        let mut row = [0.0; FEATURES.len()];
        for (name, weight) in FEATURES.into_iter().zip(&mut row) {
            let given = file.weights.remove(name).filter(|weight| weight.is_finite());
            *weight = given.ok_or(OrderWeightsError::Lacking(name))?;
        }
        if let Some(unknown) = file.weights.into_keys().next() {
            return Err(OrderWeightsError::Unknown(unknown));
        }
        Ok(Self { version: file.version, row, bias: file.bias, act_at: file.act_at })
    }

    pub(super) fn log_odds(&self, row: &Row) -> f32 {
        self.bias + self.row.iter().zip(row).map(|(weight, value)| weight * value).sum::<f32>()
    }

    /// Whether a pair of these log-odds is acted on.
    pub(super) fn acts(&self, log_odds: f32) -> bool {
        log_odds >= self.act_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_does_not_fit_is_refused() {
        let shipped = include_str!("../../../weights/order.json");
        assert!(OrderModel::parse(shipped).is_ok());
        let whole: serde_json::Value = serde_json::from_str(shipped).unwrap();
        let (mut lacking, mut unknown) = (whole.clone(), whole);
        lacking["weights"].as_object_mut().unwrap().remove("change_cues");
        unknown["weights"]["moon_phase"] = 1.0.into();
        let parse = |file: serde_json::Value| OrderModel::parse(&file.to_string()).unwrap_err();
        assert_eq!(parse(lacking), OrderWeightsError::Lacking("change_cues"));
        assert_eq!(parse(unknown), OrderWeightsError::Unknown("moon_phase".to_owned()));
        assert!(matches!(OrderModel::parse("{"), Err(OrderWeightsError::Form(_))));
    }
}
