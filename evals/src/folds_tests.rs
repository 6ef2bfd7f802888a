//! Tests of folds.

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
    // The shipped ones are five.
    let error = FoldArgs { folds: Some(2), ..FoldArgs::default() }.open(Kind::Pins).unwrap_err();
    assert!(error.to_string().contains("--folds 5"), "{error}");
}

#[test]
fn without_folders_the_shipped_folds_are_taken_and_are_whole() {
    // Tests run in the folder of their package, below that of the repository.
    let args = FoldArgs { folds: Some(5), ..FoldArgs::default() };
    let folds = args.open(Kind::Ranking).unwrap();
    let flags: Vec<&str> = folds[3].flags().iter().map(String::as_str).collect();
    for (at, (name, end)) in [
        ("--ranking-weights", "memory/weights/folds/fold-3.json"),
        ("--staleness-weights", "memory/weights/folds-staleness/fold-3"),
        ("--pin-weights", "memory/weights/folds-pins/fold-3"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(flags[2 * at], name);
        assert!(flags[2 * at + 1].ends_with(end), "{flags:?}");
    }
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

#[test]
fn what_was_learnt_from_is_warned_of_unless_folds_keep_it_apart() {
    let folder = || Some(PathBuf::from("w"));
    let plain = FoldArgs::default();
    let shipped = FoldArgs { folds: Some(5), ..FoldArgs::default() };
    let short = FoldArgs { folds: Some(5), fold_weights: folder(), ..FoldArgs::default() };
    let all =
        FoldArgs { staleness_fold_weights: folder(), pin_fold_weights: folder(), ..short.clone() };
    for (args, own, set, expected) in [
        (&plain, Kind::Ranking, "beam", Some("(the ranking, staleness, pins)")),
        (&plain, Kind::Ranking, "longmemeval", Some("(the ranking, staleness)")),
        (&plain, Kind::Staleness, "prosecco", Some("(staleness)")),
        (&plain, Kind::Ranking, "locomo", None),
        (&shipped, Kind::Pins, "beam", None),
        (&short, Kind::Pins, "beam", Some("(the ranking, staleness)")),
        (&short, Kind::Staleness, "prosecco", None),
        (&all, Kind::Ranking, "beam", None),
    ] {
        let warning = args.seen(own, set);
        assert_eq!(warning.is_some(), expected.is_some(), "{set}: {warning:?}");
        let words = warning.unwrap_or_default();
        assert!(words.contains(expected.unwrap_or_default()), "{words}");
    }
}
