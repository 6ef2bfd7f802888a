//! The configuration file: TOML with the names of [`Settings`]. Keys that do
//! not exist are refused, so that a misspelt one does not pass silently.

use std::{fs, path::Path};

use super::{ConfigError, Settings};

/// Reads a file.
///
/// # Errors
/// [`ConfigError::Read`], or [`ConfigError::Parse`] with line and column.
pub fn load(path: &Path) -> Result<Settings, ConfigError> {
    let text = fs::read_to_string(path)
        .map_err(|cause| ConfigError::Read { path: path.to_owned(), cause })?;
    toml::from_str(&text)
        .map_err(|error| ConfigError::Parse { path: path.to_owned(), detail: error.to_string() })
}
