//! What the service looks for by itself: whether the conversations of a tenant, or those
//! of a model with a version of its prompt, became worse of late.

use std::time::Duration;

/// How often the service looks, and at how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriftSettings {
    /// From one look at all tenants to the next; none looks never.
    pub every: Option<Duration>,
    /// Models with a version of the prompt that are looked at beside the whole of a
    /// tenant, those with the most conversations.
    pub versions: usize,
}

impl DriftSettings {
    /// Nobody looks but who asks.
    pub const OFF: Self = Self { every: None, versions: 8 };
}

impl Default for DriftSettings {
    fn default() -> Self {
        Self { every: Some(Duration::from_secs(60 * 60)), ..Self::OFF }
    }
}

/// Names of what is looked at, in the order of [`DriftTotals`].
pub const DRIFT_METRICS: [&str; 2] = ["quality", "friction"];

/// What was found of a tenant when it was looked at last, by [`DRIFT_METRICS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DriftTotals {
    /// Conversations since all of them together became worse, 0 where they did not.
    pub conversations: [u64; DRIFT_METRICS.len()],
    /// Models with a version of the prompt that became worse.
    pub versions: [u64; DRIFT_METRICS.len()],
}

impl DriftTotals {
    /// Counts a change: of all conversations, or of one version of those looked at.
    pub(crate) fn count(&mut self, metric: usize, is_version: bool, conversations: u64) {
        let (of, add) = if is_version {
            (&mut self.versions, u64::from(conversations > 0))
        } else {
            (&mut self.conversations, conversations)
        };
        if let Some(count) = of.get_mut(metric) {
            *count += add;
        }
    }
}
