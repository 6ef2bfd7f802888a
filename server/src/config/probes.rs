//! `[probes]` of the configuration file: which conversations ask their own windows
//! for what was said.

use serde::{Deserialize, Serialize};
use throughline_memory::degradation::ProbeSettings;

use super::{ConfigError, bad};

/// `[probes]` as it is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeTable {
    /// Share of the conversations that are probed, 0 to 1 [default: 0.05]. 0 probes
    /// none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f32>,
    /// Turns from one round of probes of a conversation to the next [default: 16].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
}

/// Checks `[probes]`.
pub(super) fn probes(given: &ProbeTable) -> Result<ProbeSettings, ConfigError> {
    let usual = ProbeSettings::default();
    let share = given.share.unwrap_or(usual.share);
    if !(0.0..=1.0).contains(&share) {
        return bad("probes", format!("share is {share}, must be 0 to 1"));
    }
    let every = given.every.unwrap_or(usual.every);
    if every == 0 {
        return bad("probes", "every is 0, must be 1 or more; to probe none, set share = 0");
    }
    Ok(ProbeSettings { share, every })
}
