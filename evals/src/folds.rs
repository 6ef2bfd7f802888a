//! Cross-validation of learnt weights: which ids belong to a fold, which files have
//! not seen it, which flags give them to a server, and whether the server took them.
//!
//! Invariant: no figure is of a server that did not confirm every file of its fold by
//! its SHA-256.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use throughline_proto::v1::GetServerInfoResponse;

use crate::report::warn;

/// What the ranking is called among the parts.
const RANKING: &str = "ranking";
/// What the detector of pins is called among the parts.
const PINS: &str = "pins";
/// Part that `GetServerInfo` names, by file of a fold's staleness folder.
const STALENESS: [(&str, &str); 3] = [
    ("staleness.json", "replacements"),
    ("contradiction.json", "contradictions"),
    ("order.json", "order"),
];
/// File of a fold's folder of pins.
const PINS_FILE: &str = "pins.json";
/// Where the repository has its weights.
const SHIPPED: &str = "memory/weights";
/// The folder of shipped folds of each kind, what the kind is called, and the sets
/// that its shipped weights were learnt from and that have folds.
const KINDS: [(Kind, &str, &str, &[&str]); 3] = [
    (Kind::Ranking, "folds", "the ranking", &["beam", "longmemeval"]),
    (Kind::Staleness, "folds-staleness", "staleness", &["beam", "longmemeval", "prosecco"]),
    (Kind::Pins, "folds-pins", "pins", &["beam"]),
];

/// Cross-validation of learnt weights.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct FoldArgs {
    /// Score each conversation with weights that were learnt without its fold
    /// (BLAKE3 of its id, first eight bytes big-endian, modulo K). Without a folder
    /// of weights: all that the repository ships, of five folds, looked for as
    /// `memory/weights` here and in the folders above.
    #[arg(long, conflicts_with = "server",
          value_parser = clap::value_parser!(u64).range(2..=100))]
    pub(crate) folds: Option<u64>,
    /// Folder of the weights that the command is about: the ranking's, but for
    /// `staleness` those of staleness and for `pins` those of pins.
    #[arg(long, requires = "folds")]
    pub(crate) fold_weights: Option<PathBuf>,
    /// Folder with `fold-N.json` for each fold: the server's `--ranking-weights`.
    #[arg(long, requires = "folds")]
    pub(crate) ranking_fold_weights: Option<PathBuf>,
    /// Folder with, for each fold, `fold-N.json` (weights of replacements) or a
    /// folder `fold-N` (`staleness.json`, `contradiction.json`, `order.json`): the
    /// server's `--staleness-weights`.
    #[arg(long, requires = "folds")]
    pub(crate) staleness_fold_weights: Option<PathBuf>,
    /// Folder with `fold-N/pins.json` for each fold: the server's `--pin-weights`.
    #[arg(long, requires = "folds")]
    pub(crate) pin_fold_weights: Option<PathBuf>,
}

/// What weights are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The ranking of turns.
    Ranking,
    /// Replacements, contradictions, and the order of hits.
    Staleness,
    /// The detector of pins.
    Pins,
}

impl FoldArgs {
    /// The folds; none if they were not asked for. `own` is what `--fold-weights`
    /// means for the command.
    ///
    /// # Errors
    /// A fold lacks its files, they cannot be read, two flags name the same kind, or
    /// no flag names any and the shipped ones are not found or are not so many.
    pub(crate) fn open(&self, own: Kind) -> anyhow::Result<Vec<Fold>> {
        let Some(folds) = self.folds else { return Ok(Vec::new()) };
        let args = if self.names_folders() { self.clone() } else { self.with_shipped()? };
        (0..folds).map(|number| Fold::new(&args, own, number)).collect()
    }

    fn names_folders(&self) -> bool {
        let named = [&self.fold_weights, &self.ranking_fold_weights];
        let further = [&self.staleness_fold_weights, &self.pin_fold_weights];
        named.into_iter().chain(further).any(Option::is_some)
    }

    /// The same with the folders that the repository ships.
    fn with_shipped(&self) -> anyhow::Result<Self> {
        let here = env::current_dir().context("the current folder")?;
        let [ranking, staleness, pins] = KINDS.map(|(_, folder, ..)| folder);
        let mut shipped = here.ancestors().map(|above| above.join(SHIPPED));
        let Some(weights) = shipped.find(|weights| weights.join(ranking).is_dir()) else {
            bail!(
                "--folds alone takes the weights in {SHIPPED} of the repository, which is not \
                 above {}: run it in the repository, or name folders with \
                 --ranking-fold-weights, --staleness-fold-weights and --pin-fold-weights",
                here.display()
            );
        };
        let known = (0..).take_while(|fold| file(&weights.join(ranking), *fold).exists()).count();
        ensure!(
            self.folds == Some(known as u64),
            "the weights in {} are of {known} folds: give --folds {known}, or name folders with \
             --ranking-fold-weights, --staleness-fold-weights and --pin-fold-weights",
            weights.display()
        );
        Ok(Self {
            ranking_fold_weights: Some(weights.join(ranking)),
            staleness_fold_weights: Some(weights.join(staleness)),
            pin_fold_weights: Some(weights.join(pins)),
            ..self.clone()
        })
    }

    /// Warns if what is played was learnt from and no fold keeps it apart. `set` is
    /// the folder of the data.
    pub(crate) fn warn_of_seen(&self, own: Kind, set: &str) {
        if let Some(warning) = self.seen(own, set) {
            warn(&warning);
        }
    }

    fn seen(&self, own: Kind, set: &str) -> Option<String> {
        if self.folds.is_some() && !self.names_folders() {
            return None;
        }
        let apart = |kind| matches!(self.folder(kind, own), Ok(Some(_)) | Err(_));
        let learnt = KINDS.iter().filter(|(kind, _, _, sets)| sets.contains(&set) && !apart(*kind));
        let names: Vec<&str> = learnt.map(|(_, _, name, _)| *name).collect();
        (!names.is_empty()).then(|| {
            format!(
                "warning: the shipped weights have seen {set} ({}): its figures say little of \
                 other conversations; `--folds 5` scores it with weights that have not",
                names.join(", ")
            )
        })
    }

    /// Folder of the weights of a kind.
    fn folder(&self, kind: Kind, own: Kind) -> anyhow::Result<Option<&Path>> {
        let (flag, named) = match kind {
            Kind::Ranking => ("--ranking-fold-weights", &self.ranking_fold_weights),
            Kind::Staleness => ("--staleness-fold-weights", &self.staleness_fold_weights),
            Kind::Pins => ("--pin-fold-weights", &self.pin_fold_weights),
        };
        let short = self.fold_weights.as_ref().filter(|_| kind == own);
        ensure!(
            named.is_none() || short.is_none(),
            "--fold-weights means {flag} here: give one of them"
        );
        Ok(named.as_deref().or(short.map(PathBuf::as_path)))
    }
}

/// Weights that have not seen some conversations.
#[derive(Clone, Debug)]
pub(crate) struct Fold {
    number: u64,
    of: u64,
    /// For the server.
    flags: Vec<String>,
    /// SHA-256 of the files, by part.
    sha256: BTreeMap<&'static str, String>,
}

impl Fold {
    fn new(args: &FoldArgs, own: Kind, number: u64) -> anyhow::Result<Self> {
        let of = args.folds.unwrap_or(1);
        let mut fold = Self { number, of, flags: Vec::new(), sha256: BTreeMap::new() };
        if let Some(folder) = args.folder(Kind::Ranking, own)? {
            let file = file(folder, number);
            fold.hash(RANKING, &file)?;
            fold.flag("--ranking-weights", &file);
        }
        if let Some(folder) = args.folder(Kind::Staleness, own)? {
            fold.staleness(folder)?;
        }
        if let Some(folder) = args.folder(Kind::Pins, own)? {
            let below = below(folder, number);
            fold.hash(PINS, &below.join(PINS_FILE))?;
            fold.flag("--pin-weights", &below);
        }
        ensure!(!fold.flags.is_empty(), "--folds needs weights for each fold");
        Ok(fold)
    }

    fn staleness(&mut self, folder: &Path) -> anyhow::Result<()> {
        let below = below(folder, self.number);
        if !below.is_dir() {
            let file = file(folder, self.number);
            self.hash("replacements", &file)?;
            self.flag("--staleness-weights", &file);
            return Ok(());
        }
        let there = STALENESS.map(|(name, part)| (below.join(name), part));
        let there: Vec<_> = there.into_iter().filter(|(file, _)| file.exists()).collect();
        let names = STALENESS.map(|(name, _)| name).join(", ");
        ensure!(!there.is_empty(), "{} has none of {names}", below.display());
        for (file, part) in there {
            self.hash(part, &file)?;
        }
        self.flag("--staleness-weights", &below);
        Ok(())
    }

    fn flag(&mut self, name: &str, path: &Path) {
        self.flags.extend([name.to_owned(), path.to_string_lossy().into_owned()]);
    }

    fn hash(&mut self, part: &'static str, path: &Path) -> anyhow::Result<()> {
        let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
        self.sha256.insert(part, hex::encode(Sha256::digest(&bytes)));
        Ok(())
    }

    /// Whether its weights have not seen what is of this id.
    pub(crate) fn holds(&self, id: &str) -> bool {
        fold_of(id, self.of) == self.number
    }

    /// The server's flags.
    pub(crate) fn flags(&self) -> &[String] {
        &self.flags
    }

    /// Where the data of its server lies below a directory that is to be kept. What
    /// staleness and pins derive is stored, and must not be met by other weights;
    /// a ranking stores nothing, and all folds share the directory.
    pub(crate) fn store_dir(&self, kept: &Path) -> PathBuf {
        if self.sha256.keys().all(|part| *part == RANKING) {
            return kept.to_owned();
        }
        below(kept, self.number)
    }

    /// # Errors
    /// The server does not use the fold's weights.
    pub(crate) fn check(&self, info: &GetServerInfoResponse) -> anyhow::Result<()> {
        let staleness = info.staleness.clone().unwrap_or_default().weights_sha256;
        for (part, wanted) in &self.sha256 {
            let used = match *part {
                RANKING => info.ranking.as_ref().map(|ranking| &ranking.weights_sha256),
                PINS => info.pins.as_ref().map(|pins| &pins.weights_sha256),
                of_staleness => staleness.get(of_staleness),
            };
            if used != Some(wanted) {
                bail!(
                    "fold {}: the server uses {part} weights {used:?}, not {wanted}",
                    self.number
                );
            }
        }
        Ok(())
    }

    /// For the result, with how much of what (`questions`) it was asked about.
    pub(crate) fn describe(&self, unit: &str, asked: usize) -> Value {
        json!({ "number": self.number, "weights_sha256": self.sha256, unit: asked })
    }
}

/// The file of a fold.
pub(crate) fn file(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("fold-{number}.json"))
}

/// The folder of a fold.
fn below(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("fold-{number}"))
}

/// The fold that an id belongs to: the first eight bytes of its BLAKE3 hash,
/// big-endian, modulo the number of folds.
pub(crate) fn fold_of(id: &str, folds: u64) -> u64 {
    let hash = blake3::hash(id.as_bytes());
    let first = hash.as_bytes().iter().take(8).fold(0u64, |n, &b| (n << 8) | u64::from(b));
    first % folds.max(1)
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// So many folds with weights of their own: files that hold the fold's number.
    pub(crate) fn folds(folder: &Path, number: u64) -> FoldArgs {
        for one in 0..number {
            fs::write(file(folder, one), one.to_string()).unwrap();
        }
        let fold_weights = Some(folder.to_owned());
        FoldArgs { folds: Some(number), fold_weights, ..FoldArgs::default() }
    }
}

#[cfg(test)]
#[path = "folds_tests.rs"]
mod tests;
