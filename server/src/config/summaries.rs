//! `[summaries]` of the configuration file: what of a conversation is folded.

use serde::{Deserialize, Serialize};
use throughline_memory::summary::fold::FoldRules;

use super::{ConfigError, bad};

/// Fewer would fold what is being talked about.
const LEAST_KEPT: u64 = 200;
/// More is beyond any window.
const MOST_KEPT: u64 = 1_000_000;

/// `[summaries]` as it is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SummaryTable {
    /// Newest tokens of a conversation that are not folded, 200 to 1,000,000 [default:
    /// 1500]. Windows have them as they were said or not at all: as many as a window has
    /// room for are enough. What is folded stays folded when it grows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_tokens: Option<u64>,
}

/// Checks `[summaries]`.
pub(super) fn fold_rules(given: &SummaryTable) -> Result<FoldRules, ConfigError> {
    let usual = FoldRules::default();
    let keep_tokens = given.keep_tokens.unwrap_or(usual.keep_tokens);
    if !(LEAST_KEPT..=MOST_KEPT).contains(&keep_tokens) {
        return bad(
            "summaries",
            format!(
                "keep_tokens is {keep_tokens}, must be {LEAST_KEPT} to {MOST_KEPT}; to fold \
                 nothing, set no-summaries"
            ),
        );
    }
    Ok(FoldRules { keep_tokens, ..usual })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_all_else_is_usual() {
        let of = |keep_tokens| fold_rules(&SummaryTable { keep_tokens });
        assert_eq!(of(None).unwrap(), FoldRules::default());
        let more = FoldRules { keep_tokens: 8_000, ..FoldRules::default() };
        assert_eq!(of(Some(8_000)).unwrap(), more);
        for wrong in [0, LEAST_KEPT - 1, MOST_KEPT + 1] {
            assert!(of(Some(wrong)).unwrap_err().to_string().contains("keep_tokens"), "{wrong}");
        }
    }
}
