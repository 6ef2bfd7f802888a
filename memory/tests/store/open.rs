//! Opening a data directory: what is refused, in which words, and what a crash
//! may leave behind.

use std::fs;
use std::path::Path;

use throughline_memory::store::{Batch, Store, StoreError, StoreKind, StoreOptions};

fn with_record(dir: &Path, kind: StoreKind) {
    let store = Store::open(&StoreOptions::new(kind, dir)).unwrap();
    let mut batch = Batch::new();
    batch.put(b"k".to_vec(), b"v".to_vec());
    store.commit_blocking(batch).unwrap();
}

/// Makes a directory with each engine, changes it, and opens it again.
fn refused(
    prepare: impl Fn(&Path, StoreKind),
    ask: impl Fn(StoreKind) -> StoreKind,
    words: &[&str],
) {
    for kind in StoreKind::ALL {
        let dir = tempfile::tempdir().unwrap();
        with_record(dir.path(), kind);
        prepare(dir.path(), kind);
        let opened = Store::open(&StoreOptions::new(ask(kind), dir.path()));
        let Err(StoreError::Open(message)) = opened else { panic!("{kind}: {opened:?}") };
        for word in words {
            assert!(message.contains(word), "{kind}: {message:?} lacks {word:?}");
        }
    }
}

fn other(kind: StoreKind) -> StoreKind {
    if kind == StoreKind::Sled { StoreKind::Redb } else { StoreKind::Sled }
}

#[test]
fn another_engines_directory_is_refused_with_the_mend() {
    refused(|_, _| {}, other, &["was made with --store", "choose an empty --data-dir"]);
}

#[test]
fn unknown_and_damaged_formats_are_refused_with_the_mend() {
    let write = |text: &'static [u8]| {
        move |dir: &Path, _: StoreKind| fs::write(dir.join("FORMAT"), text).unwrap()
    };
    refused(write(b"throughline 2 sled\n"), |kind| kind, &["format version 2", "reads 1"]);
    for damaged in [&b""[..], b"throughline", b"throughline x sled", b"other 1 sled", b"\xff\xfe"] {
        refused(write(damaged), |kind| kind, &["damaged", "backup"]);
    }
    let remove = |dir: &Path, _: StoreKind| fs::remove_file(dir.join("FORMAT")).unwrap();
    refused(remove, |kind| kind, &["no FORMAT file", "backup"]);
    refused(remove, other, &["no FORMAT file", "backup"]);
}

#[test]
fn a_directory_that_is_in_use_is_refused_and_free_after_closing() {
    for kind in StoreKind::ALL {
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions::new(kind, dir.path());
        let first = Store::open(&options).unwrap();
        let second = Store::open(&options);
        let Err(StoreError::Open(message)) = second else { panic!("{second:?}") };
        assert!(message.contains("in use by another throughline process"), "{message}");
        drop(first);
        for _ in 0..20 {
            Store::open(&options).unwrap();
        }
    }
}

#[test]
fn a_path_that_cannot_be_a_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    for path in [file.clone(), file.join("below")] {
        let opened = Store::open(&StoreOptions::new(StoreKind::Sled, &path));
        let Err(StoreError::Open(message)) = opened else { panic!("{opened:?}") };
        assert!(message.contains("data directory"), "{message}");
    }
}

#[test]
fn a_half_written_snapshot_does_not_keep_sled_from_opening() {
    let dir = tempfile::tempdir().unwrap();
    with_record(dir.path(), StoreKind::Sled);
    let half = dir.path().join("sled/snap.7FFFFFFFFFFFFFFF.generating");
    fs::write(&half, "half").unwrap();
    let store = Store::open(&StoreOptions::new(StoreKind::Sled, dir.path())).unwrap();
    assert_eq!(store.get(b"k").unwrap(), Some(b"v".to_vec()));
    assert!(!half.exists());
}

#[test]
fn damaged_engine_files_open_or_refuse_and_give_no_wrong_record() {
    for (kind, name) in [(StoreKind::Sled, "sled/db"), (StoreKind::Redb, "redb/records.redb")] {
        for (at, length) in [(0, 64), (16, 8), (100, 4000), (4096, 4096)] {
            let dir = tempfile::tempdir().unwrap();
            with_record(dir.path(), kind);
            let path = dir.path().join(name);
            let mut bytes = fs::read(&path).unwrap();
            for byte in bytes.iter_mut().skip(at).take(length) {
                *byte ^= 0x5a;
            }
            fs::write(&path, bytes).unwrap();
            let Ok(store) = Store::open(&StoreOptions::new(kind, dir.path())) else { continue };
            let read = store.get(b"k");
            let fine = read.as_ref().map_or(true, |r| r.as_deref().is_none_or(|v| v == b"v"));
            assert!(fine, "{kind}, {length} bytes at {at}: {read:?}");
        }
    }
}

#[test]
fn the_kind_is_read_as_it_is_written() {
    for kind in StoreKind::ALL {
        assert_eq!(kind.to_string().parse::<StoreKind>().unwrap(), kind);
    }
    let unknown = "rocksdb".parse::<StoreKind>().unwrap_err().to_string();
    assert!(unknown.contains("sled") && unknown.contains("redb"), "{unknown}");
}
