//! The weights of a fold: which files, which flags of the server, and whether it
//! took them.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use throughline_proto::v1::GetServerInfoResponse;

use super::args::StalenessFoldArgs;

/// Part that `GetServerInfo` names, by file of a fold's folder.
const PARTS: [(&str, &str); 3] = [
    ("staleness.json", "replacements"),
    ("contradiction.json", "contradictions"),
    ("order.json", "order"),
];
/// What stands for the ranking among the parts.
const RANKING: &str = "ranking";

/// Weights that have not seen some cases.
pub(super) struct Fold {
    number: u64,
    /// For the server.
    pub(super) flags: Vec<String>,
    /// SHA-256 of the files, by part.
    sha256: BTreeMap<&'static str, String>,
}

impl Fold {
    /// Finds the files of a fold.
    ///
    /// # Errors
    /// There are none, or they cannot be read.
    pub(super) fn new(args: &StalenessFoldArgs, number: u64) -> anyhow::Result<Self> {
        let mut fold = Self { number, flags: Vec::new(), sha256: BTreeMap::new() };
        if let Some(folder) = &args.fold_weights {
            let below = folder.join(format!("fold-{number}"));
            if below.is_dir() {
                for (file, part) in PARTS {
                    let file = below.join(file);
                    if file.exists() {
                        fold.hash(part, &file)?;
                    }
                }
                fold.flag("--staleness-weights", &below);
            } else {
                let file = folder.join(format!("fold-{number}.json"));
                fold.hash("replacements", &file)?;
                fold.flag("--staleness-weights", &file);
            }
        }
        if let Some(folder) = &args.ranking_fold_weights {
            let file = folder.join(format!("fold-{number}.json"));
            fold.hash(RANKING, &file)?;
            fold.flag("--ranking-weights", &file);
        }
        if fold.sha256.is_empty() {
            bail!(
                "--folds needs weights for each fold in --fold-weights or --ranking-fold-weights"
            );
        }
        Ok(fold)
    }

    fn flag(&mut self, name: &str, path: &Path) {
        self.flags.extend([name.to_owned(), path.to_string_lossy().into_owned()]);
    }

    fn hash(&mut self, part: &'static str, path: &Path) -> anyhow::Result<()> {
        let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
        self.sha256.insert(part, hex::encode(Sha256::digest(&bytes)));
        Ok(())
    }

    /// # Errors
    /// The server does not use the fold's weights.
    pub(super) fn check(&self, info: &GetServerInfoResponse) -> anyhow::Result<()> {
        let staleness = info.staleness.clone().unwrap_or_default().weights_sha256;
        let ranking = info.ranking.clone().unwrap_or_default().weights_sha256;
        for (part, wanted) in &self.sha256 {
            let used = if *part == RANKING { Some(&ranking) } else { staleness.get(*part) };
            if used != Some(wanted) {
                bail!(
                    "fold {}: the server uses {part} weights {used:?}, not {wanted}",
                    self.number
                );
            }
        }
        Ok(())
    }

    /// For the result, with the number of cases that it was asked about.
    pub(super) fn describe(&self, cases: usize) -> Value {
        json!({ "number": self.number, "weights_sha256": self.sha256, "cases": cases })
    }
}

#[cfg(test)]
mod tests {
    use throughline_proto::v1::{RankingInfo, StalenessInfo};

    use super::*;

    fn args(weights: &Path, ranking: Option<&Path>) -> StalenessFoldArgs {
        StalenessFoldArgs {
            folds: Some(2),
            fold_weights: Some(weights.to_owned()),
            ranking_fold_weights: ranking.map(Path::to_owned),
        }
    }

    #[test]
    fn a_fold_is_a_file_or_a_folder_and_the_server_must_have_taken_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        fs::write(path.join("fold-0.json"), "a").unwrap();
        fs::create_dir(path.join("fold-1")).unwrap();
        assert!(Fold::new(&args(path, None), 1).is_err(), "an empty folder");
        fs::write(path.join("fold-1/contradiction.json"), "b").unwrap();
        let sha256 = |text: &str| hex::encode(Sha256::digest(text));
        for (number, name, part, text) in
            [(0, "fold-0.json", "replacements", "a"), (1, "fold-1", "contradictions", "b")]
        {
            let fold = Fold::new(&args(path, None), number).unwrap();
            let given = path.join(name).to_string_lossy().into_owned();
            assert_eq!(fold.flags, ["--staleness-weights".to_owned(), given]);
            let mut info = GetServerInfoResponse::default();
            assert!(fold.check(&info).is_err(), "{name}");
            let weights_sha256 = [(part.to_owned(), sha256(text))].into_iter().collect();
            info.staleness = Some(StalenessInfo { weights_sha256, ..StalenessInfo::default() });
            assert!(fold.check(&info).is_ok(), "{name}");
        }
        let both = Fold::new(&args(path, Some(path)), 0).unwrap();
        assert_eq!(both.flags.len(), 4);
        let weights_sha256 = sha256("a");
        let mut info = GetServerInfoResponse {
            ranking: Some(RankingInfo { weights_sha256, ..RankingInfo::default() }),
            ..GetServerInfoResponse::default()
        };
        assert!(both.check(&info).is_err());
        let weights_sha256 = [("replacements".to_owned(), sha256("a"))].into_iter().collect();
        info.staleness = Some(StalenessInfo { weights_sha256, ..StalenessInfo::default() });
        assert!(both.check(&info).is_ok());
        assert!(Fold::new(&args(path, None), 7).is_err(), "no such file");
    }
}
