//! A result as a command wrote it, read back.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::reliability;
use crate::{
    metrics::Figures,
    plot::{Curve, Grid, Heat},
};

/// What `--out` holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Version of the program that measured.
    pub(crate) version: String,
    /// Which command.
    pub(crate) command: String,
    /// Data set, if there is one.
    #[serde(default)]
    pub(crate) dataset: Option<String>,
    /// Its split, or which part of a command without data sets.
    #[serde(default)]
    pub(crate) split: Option<String>,
    /// Program and arguments; older results have none.
    #[serde(default)]
    pub(crate) arguments: Vec<String>,
    /// Flags and server.
    #[serde(default)]
    pub(crate) config: Value,
    /// SHA-256 of the embedding model's weights.
    #[serde(default)]
    pub(crate) model_sha256: Option<String>,
    /// SHA-256 of each data file that was read, by its path; older results have none.
    #[serde(default)]
    pub(crate) data_sha256: BTreeMap<String, String>,
    /// Questions behind the figures.
    pub(crate) n: usize,
    /// The figures over all.
    pub(crate) metrics: Figures,
    /// The figures of each group.
    #[serde(default)]
    pub(crate) breakdown: BTreeMap<String, Figures>,
    /// Curves, heat maps, grids and notes.
    #[serde(default)]
    pub(crate) details: Value,
}

impl Outcome {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read or is no result.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no result", path.display()))
    }

    /// Command, data set and split.
    pub(crate) fn title(&self) -> String {
        let words = [Some(self.command.as_str()), self.dataset.as_deref(), self.split.as_deref()];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// Its curves, the reliability diagram last; none in results that have neither
    /// distance nor scores.
    pub(crate) fn curves(&self) -> Vec<Curve> {
        let mut curves: Vec<Curve> = self.part("curves");
        curves.extend(reliability::curve(&self.reliability()));
        curves
    }

    /// Its reliability diagram, tenth by tenth.
    pub(super) fn reliability(&self) -> Vec<reliability::Bin> {
        reliability::bins(&self.details)
    }

    /// Its heat maps.
    pub(crate) fn heat(&self) -> Vec<Heat> {
        self.part("heat")
    }

    /// What conversations were turn by turn.
    pub(crate) fn grids(&self) -> Vec<Grid> {
        self.part("grids")
    }

    /// What it says beside its figures.
    pub(crate) fn notes(&self) -> Option<&Value> {
        self.details.get("notes").filter(|notes| !notes.is_null())
    }

    /// The command line, quoted for a shell.
    pub(crate) fn command_line(&self) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+".contains(c);
        let quote = |argument: &String| {
            let bare = !argument.is_empty() && argument.chars().all(plain);
            if bare { argument.clone() } else { format!("'{}'", argument.replace('\'', r"'\''")) }
        };
        self.arguments.iter().map(quote).collect::<Vec<_>>().join(" ")
    }

    fn part<T: serde::de::DeserializeOwned>(&self, name: &str) -> Vec<T> {
        let part = self.details.get(name).cloned().unwrap_or_default();
        serde_json::from_value(part).unwrap_or_default()
    }
}
