//! The reranker of the configuration, if there is one.

use std::path::PathBuf;

use throughline_memory::rerank::{DEFAULT_RERANK_TOP, MAX_RERANK_TOP};

use super::{ConfigError, bad};

/// What reorders the best of a ranking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RerankSettings {
    /// Where the model lies.
    pub dir: PathBuf,
    /// How many are reordered.
    pub top: usize,
}

/// Checks them; nothing without a directory.
pub(super) fn rerank(
    dir: Option<PathBuf>,
    top: Option<usize>,
) -> Result<Option<RerankSettings>, ConfigError> {
    let name = "rerank-top";
    let Some(dir) = dir else {
        return if top.is_some() { bad(name, "needs reranker") } else { Ok(None) };
    };
    match top.unwrap_or(DEFAULT_RERANK_TOP) {
        top @ 1..=MAX_RERANK_TOP => Ok(Some(RerankSettings { dir, top })),
        other => bad(name, format!("is {other}, must be 1 to {MAX_RERANK_TOP}")),
    }
}
