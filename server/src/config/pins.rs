//! `[pins]` of the configuration file: what the service pins by itself.

use serde::{Deserialize, Serialize};

use super::{ConfigError, bad};

/// Live pins of a conversation at most, if nothing is said.
const DEFAULT_MAX: usize = 10;
/// More would leave no room for anything else in a usual window.
const LARGEST_MAX: usize = 200;

/// `[pins]` as it is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinTable {
    /// Pin what users say that must outlive its turn [default: true]. Without it
    /// only the callers' pins stand in windows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Detected pins of a conversation that stand in its windows at most
    /// [default: 10]. Prohibitions, consents and identifiers of a probability of 0.25
    /// or more count, but are not displaced by others, and may be three times as
    /// many. As many again of instructions, consents and identifiers stand beside,
    /// those for every answer first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_per_conversation: Option<usize>,
    /// Least probability of a detected pin, 0 to 1 [default: 0, what the weights
    /// ask for each kind]. Another one than before draws the pins again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_probability: Option<f32>,
}

/// `[pins]`, checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PinOptions {
    /// Whether the service pins by itself.
    pub enabled: bool,
    /// Live pins at most.
    pub max_per_conversation: usize,
    /// Least probability.
    pub min_probability: f32,
}

/// Checks `[pins]`; `off` is the flag that turns it off.
pub(super) fn pins(given: &PinTable, off: bool) -> Result<PinOptions, ConfigError> {
    let most = given.max_per_conversation.unwrap_or(DEFAULT_MAX);
    if !(1..=LARGEST_MAX).contains(&most) {
        return bad(
            "pins",
            format!(
                "max_per_conversation is {most}, must be 1 to {LARGEST_MAX}; to have none, set \
                 enabled = false"
            ),
        );
    }
    let least = given.min_probability.unwrap_or(0.0);
    if !(0.0..=1.0).contains(&least) {
        return bad("pins", format!("min_probability is {least}, must be 0 to 1"));
    }
    Ok(PinOptions {
        enabled: given.enabled.unwrap_or(true) && !off,
        max_per_conversation: most,
        min_probability: least,
    })
}
