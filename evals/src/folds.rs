//! Cross-validation of learnt weights: which ids belong to a fold, which files have
//! not seen it, which flags give them to a server, and whether the server took them.
//!
//! Invariant: no figure is of a server that did not confirm every file of its fold by
//! its SHA-256.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use clap::{ArgGroup, Args};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use throughline_proto::v1::GetServerInfoResponse;

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
/// The flags of which `--folds` needs one.
const WEIGHTS: [&str; 4] =
    ["fold_weights", "ranking_fold_weights", "staleness_fold_weights", "pin_fold_weights"];

/// Cross-validation of learnt weights.
#[derive(Clone, Debug, Default, Args)]
#[command(group = ArgGroup::new("unseen").args(WEIGHTS).multiple(true))]
pub(crate) struct FoldArgs {
    /// Score each conversation with weights that were learnt without its fold
    /// (BLAKE3 of its id, first eight bytes big-endian, modulo K).
    #[arg(long, requires = "unseen", conflicts_with = "server",
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
    /// A fold lacks its files, they cannot be read, or two flags name the same kind.
    pub(crate) fn open(&self, own: Kind) -> anyhow::Result<Vec<Fold>> {
        (0..self.folds.unwrap_or(0)).map(|number| Fold::new(self, own, number)).collect()
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
mod tests {
    use std::collections::BTreeSet;

    use throughline_proto::v1::{PinInfo, RankingInfo, StalenessInfo};

    use super::*;

    fn sha256(text: &str) -> String {
        hex::encode(Sha256::digest(text))
    }

    /// A server with these weights, by part.
    fn info(parts: &[(&str, &str)]) -> GetServerInfoResponse {
        let of = |wanted: &str| {
            let found = parts.iter().find(|(part, _)| *part == wanted);
            found.map(|(_, text)| sha256(text)).unwrap_or_default()
        };
        let staleness = parts.iter().filter(|(part, _)| ![RANKING, PINS].contains(part));
        let staleness = staleness.map(|(part, text)| ((*part).to_owned(), sha256(text))).collect();
        GetServerInfoResponse {
            ranking: Some(RankingInfo { weights_sha256: of(RANKING), ..RankingInfo::default() }),
            pins: Some(PinInfo { weights_sha256: of(PINS), ..PinInfo::default() }),
            staleness: Some(StalenessInfo { weights_sha256: staleness, ..Default::default() }),
            ..GetServerInfoResponse::default()
        }
    }

    fn own(folder: &Path) -> FoldArgs {
        let fold_weights = Some(folder.to_owned());
        FoldArgs { folds: Some(2), fold_weights, ..FoldArgs::default() }
    }

    #[test]
    fn folds_follow_the_hash_of_the_id() {
        let hash = blake3::hash(b"conv-30");
        let mut first = [0u8; 8];
        first.copy_from_slice(&hash.as_bytes()[..8]);
        assert_eq!(fold_of("conv-30", 5), u64::from_be_bytes(first) % 5);
        let filled: BTreeSet<u64> = (0..100).map(|n| fold_of(&n.to_string(), 5)).collect();
        assert_eq!(filled, (0..5).collect());
    }

    #[test]
    fn a_fold_of_staleness_is_a_file_or_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        fs::write(path.join("fold-0.json"), "a").unwrap();
        fs::create_dir(path.join("fold-1")).unwrap();
        let error = own(path).open(Kind::Staleness).unwrap_err().to_string();
        assert!(error.contains("fold-1 has none of staleness.json"), "{error}");
        fs::write(path.join("fold-1/contradiction.json"), "b").unwrap();
        let folds = own(path).open(Kind::Staleness).unwrap();
        for (fold, name, part, text) in [
            (&folds[0], "fold-0.json", "replacements", "a"),
            (&folds[1], "fold-1", "contradictions", "b"),
        ] {
            let given = path.join(name).to_string_lossy().into_owned();
            assert_eq!(fold.flags(), ["--staleness-weights".to_owned(), given]);
            assert!(fold.check(&GetServerInfoResponse::default()).is_err(), "{name}");
            assert!(fold.check(&info(&[(part, "other")])).is_err(), "{name}");
            assert!(fold.check(&info(&[(part, text)])).is_ok(), "{name}");
        }
    }

    #[test]
    fn the_server_must_have_taken_every_kind() {
        let dir = tempfile::tempdir().unwrap();
        let of = |kind: &str| dir.path().join(kind);
        for number in 0..2 {
            for (kind, name) in [
                ("ranking", format!("fold-{number}.json")),
                ("staleness", format!("fold-{number}/staleness.json")),
                ("staleness", format!("fold-{number}/order.json")),
                ("pins", format!("fold-{number}/pins.json")),
            ] {
                let file = of(kind).join(name);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                let of_file = file.file_stem().unwrap().to_str().unwrap();
                fs::write(&file, format!("{kind} {of_file} {number}")).unwrap();
            }
        }
        let args = |short: &str, flags: [Option<&str>; 3]| {
            let [ranking, staleness, pins] = flags.map(|kind| kind.map(of));
            FoldArgs {
                folds: Some(2),
                fold_weights: Some(of(short)),
                ranking_fold_weights: ranking,
                staleness_fold_weights: staleness,
                pin_fold_weights: pins,
            }
        };
        let all = [
            (RANKING, "ranking fold-1 1"),
            ("replacements", "staleness staleness 1"),
            ("order", "staleness order 1"),
            (PINS, "pins pins 1"),
        ];
        for (own, args) in [
            (Kind::Ranking, args("ranking", [None, Some("staleness"), Some("pins")])),
            (Kind::Staleness, args("staleness", [Some("ranking"), None, Some("pins")])),
            (Kind::Pins, args("pins", [Some("ranking"), Some("staleness"), None])),
        ] {
            let folds = args.open(own).unwrap();
            let names: Vec<&str> = folds[1].flags().iter().step_by(2).map(String::as_str).collect();
            assert_eq!(names, ["--ranking-weights", "--staleness-weights", "--pin-weights"]);
            assert!(folds[1].check(&info(&all)).is_ok(), "{own:?}");
            assert!(folds[0].check(&info(&all)).is_err(), "{own:?}");
            for left_out in 0..all.len() {
                let mut others = all.to_vec();
                let (part, _) = others.remove(left_out);
                let error = folds[1].check(&info(&others)).unwrap_err().to_string();
                assert!(error.contains(&format!("uses {part} weights")), "{error}");
            }
            let described = folds[1].describe("questions", 7);
            assert_eq!((&described["number"], &described["questions"]), (&1.into(), &7.into()));
            for (part, text) in all {
                assert_eq!(described["weights_sha256"][part], sha256(text), "{own:?}");
            }
        }
        let twice = args("pins", [None, None, Some("pins")]);
        let error = twice.open(Kind::Pins).unwrap_err().to_string();
        assert!(error.contains("--pin-fold-weights"), "{error}");
    }

    #[test]
    fn missing_weights_are_named_and_none_are_asked_for_without_folds() {
        let dir = tempfile::tempdir().unwrap();
        for (kind, expected) in [
            (Kind::Ranking, "fold-0.json"),
            (Kind::Staleness, "fold-0.json"),
            (Kind::Pins, "fold-0/pins.json"),
        ] {
            let error = own(dir.path()).open(kind).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(FoldArgs::default().open(Kind::Ranking).unwrap().is_empty());
        assert!(FoldArgs { folds: Some(2), ..FoldArgs::default() }.open(Kind::Pins).is_err());
    }

    #[test]
    fn the_shipped_folds_are_whole() {
        let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("../memory/weights");
        let args = FoldArgs {
            folds: Some(5),
            fold_weights: Some(weights.join("folds")),
            staleness_fold_weights: Some(weights.join("folds-staleness")),
            pin_fold_weights: Some(weights.join("folds-pins")),
            ..FoldArgs::default()
        };
        let folds = args.open(Kind::Ranking).unwrap();
        let parts = ["contradictions", "order", PINS, RANKING, "replacements"];
        let mut seen = BTreeSet::new();
        for fold in &folds {
            assert!(fold.sha256.keys().eq(parts.iter()), "{:?}", fold.sha256);
            assert!(fold.sha256.values().all(|sha256| seen.insert(sha256)), "the same file twice");
        }
        assert_eq!(folds.len(), 5);
    }

    #[test]
    fn only_rankings_share_a_store() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        for number in 0..2 {
            fs::write(file(path, number), "x").unwrap();
        }
        let kept = Path::new("kept");
        let ranking = own(path).open(Kind::Ranking).unwrap();
        assert_eq!(ranking[1].store_dir(kept), kept);
        let staleness = own(path).open(Kind::Staleness).unwrap();
        assert_eq!(staleness[1].store_dir(kept), kept.join("fold-1"));
    }
}
