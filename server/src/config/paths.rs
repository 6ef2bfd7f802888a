//! Where data and models live if nothing is said: the platform's place for a
//! user's data.

use std::{env, path::PathBuf};

use super::{ConfigError, bad};
use crate::models;

const DIRECTORY: &str = "throughline";

/// The platform's data directory for this program, if the environment tells
/// where that is.
fn default_data_dir() -> Option<PathBuf> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Application Support"))
    } else if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else {
        variable("XDG_DATA_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/share")))
    };
    base.map(|base| base.join(DIRECTORY))
}

pub(super) fn data_dir(given: Option<PathBuf>) -> Result<PathBuf, ConfigError> {
    // The data stand apart from the models, which can be fetched again.
    match given.or_else(|| default_data_dir().map(|dir| dir.join("data"))) {
        Some(dir) => Ok(dir),
        None => bad("data-dir", "there is no home directory to default to: give --data-dir"),
    }
}

pub(super) fn models_dir(given: Option<PathBuf>) -> Result<PathBuf, ConfigError> {
    match given.or_else(|| models::default_dir().ok()) {
        Some(dir) => Ok(dir),
        None => bad("models-dir", "there is no home directory to default to: give --models-dir"),
    }
}
