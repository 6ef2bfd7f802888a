//! `[drift]` of the configuration file: how often the service looks by itself whether the
//! conversations of a tenant became worse.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use throughline_memory::degradation::DriftSettings;

use super::{ConfigError, bad};

const MAX_MINUTES: u64 = 7 * 24 * 60;
const MAX_VERSIONS: usize = 64;

/// `[drift]` as it is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftTable {
    /// Minutes from one look at all tenants to the next, at most a week [default: 60]. 0
    /// looks never. A look takes one of the `cohort_scans`, one tenant after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_minutes: Option<u64>,
    /// Models with a version of the prompt that are looked at beside the whole of a tenant,
    /// those with the most conversations, at most 64 [default: 8]. Each is another pass
    /// over the digests of its conversations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versions: Option<usize>,
}

/// Checks `[drift]`.
pub(super) fn drift(given: &DriftTable) -> Result<DriftSettings, ConfigError> {
    let usual = DriftSettings::default();
    let every = match given.every_minutes {
        None => usual.every,
        Some(0) => None,
        Some(minutes @ 1..=MAX_MINUTES) => Some(Duration::from_secs(60 * minutes)),
        Some(minutes) => {
            return bad("drift", format!("every_minutes is {minutes}, must be 0 to {MAX_MINUTES}"));
        }
    };
    let versions = given.versions.unwrap_or(usual.versions);
    if versions > MAX_VERSIONS {
        return bad("drift", format!("versions is {versions}, must be 0 to {MAX_VERSIONS}"));
    }
    Ok(DriftSettings { every, versions })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_checked() {
        let of = |every_minutes, versions| drift(&DriftTable { every_minutes, versions });
        assert_eq!(of(None, None).unwrap(), DriftSettings::default());
        assert_eq!(of(Some(0), None).unwrap().every, None);
        let given = DriftSettings { every: Some(Duration::from_secs(300)), versions: 0 };
        assert_eq!(of(Some(5), Some(0)).unwrap(), given);
        for (every, versions) in [(Some(10_081), None), (None, Some(65))] {
            let error = of(every, versions).unwrap_err().to_string();
            assert!(error.contains("drift") && error.contains("must be 0 to"), "{error}");
        }
    }
}
