//! What searches, by the configuration.

use std::path::{Path, PathBuf};

use super::{ConfigError, bad};

/// Memory of the embedded index.
const DEFAULT_INDEX_MEMORY_MB: u64 = 512;
/// A megabyte, as settings count it.
const MEGABYTE: u64 = 1_000_000;
/// Largest key file; a key is one line.
const MAX_KEY_FILE_BYTES: usize = 4 << 10;

/// Where vectors are searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexSettings {
    /// In this process.
    Exact {
        /// Memory for the conversations that are held.
        memory_bytes: u64,
    },
    /// On a Qdrant server.
    Qdrant {
        /// Its gRPC address.
        url: String,
        /// Its API key.
        api_key: Option<String>,
    },
}

impl IndexSettings {
    /// `exact`, `qdrant`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Exact { .. } => "exact",
            Self::Qdrant { .. } => "qdrant",
        }
    }
}

/// Checks it.
pub(super) fn index(
    url: Option<String>,
    key_file: Option<PathBuf>,
    memory_mb: Option<u64>,
) -> Result<IndexSettings, ConfigError> {
    let Some(url) = url else {
        if key_file.is_some() {
            return bad("qdrant-api-key-file", "needs qdrant-url");
        }
        return match memory_mb.unwrap_or(DEFAULT_INDEX_MEMORY_MB) {
            0 => bad("index-memory-mb", "must be at least 1"),
            megabytes => {
                let memory_bytes = megabytes.saturating_mul(MEGABYTE);
                Ok(IndexSettings::Exact { memory_bytes })
            }
        };
    };
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return bad("qdrant-url", format!("{url:?} must begin with http:// or https://"));
    }
    let api_key = key_file.as_deref().map(read_key).transpose()?;
    Ok(IndexSettings::Qdrant { url, api_key })
}

fn read_key(path: &Path) -> Result<String, ConfigError> {
    let name = "qdrant-api-key-file";
    let text = std::fs::read_to_string(path)
        .or_else(|cause| bad(name, format!("cannot read {}: {cause}", path.display())))?;
    let key = text.trim();
    if key.is_empty() || key.len() > MAX_KEY_FILE_BYTES {
        return bad(name, format!("{} must hold the key and nothing else", path.display()));
    }
    Ok(key.to_owned())
}
