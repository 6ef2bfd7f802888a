//! What a power cut leaves: a layer under the engines that keeps only what was
//! synced, and syncs that fail.
//!
//! The layer is stricter than a disk: a file has the content of its last sync, a
//! directory the entries of its last sync, nothing else survives. After each
//! acknowledgement the image must hold every acknowledged record. The last test
//! shows that the layer does drop what is not synced.

#![cfg(unix)]

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use throughline_memory::store::{
    Batch, ConversationStore, Direction, DiskSync, Durability, FileSync, RedbEngine, SledEngine,
    Store, StoreError, StoreHealth, StoreKind, StoreOptions, Write,
};

/// Name, inode, whether a directory.
type Entries = Vec<(OsString, u64, bool)>;

/// The disk as it would be after a power cut now.
#[derive(Default)]
struct Image {
    /// By inode: a rename keeps what was synced under the old name.
    contents: Mutex<HashMap<u64, Vec<u8>>>,
    entries: Mutex<HashMap<PathBuf, Entries>>,
    /// Pretends to sync and keeps nothing.
    lying: AtomicBool,
    /// Every sync fails.
    broken: AtomicBool,
}

impl Image {
    fn check(&self) -> io::Result<bool> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is broken"));
        }
        Ok(!self.lying.load(Ordering::SeqCst))
    }

    /// Writes what is left of `from` to `to`.
    fn restore(&self, from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        let entries = self.entries.lock().get(from).cloned().unwrap_or_default();
        for (name, inode, is_dir) in entries {
            if is_dir {
                self.restore(&from.join(&name), &to.join(&name));
            } else {
                let left = self.contents.lock().get(&inode).cloned().unwrap_or_default();
                fs::write(to.join(&name), left).unwrap();
            }
        }
    }
}

impl FileSync for Image {
    fn file(&self, file: &File, path: &Path) -> io::Result<()> {
        if self.check()? {
            let content = fs::read(path)?;
            self.contents.lock().insert(file.metadata()?.ino(), content);
        }
        DiskSync.file(file, path)
    }

    fn directory(&self, path: &Path) -> io::Result<()> {
        if self.check()? {
            let mut entries = Vec::new();
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                let meta = entry.metadata()?;
                entries.push((entry.file_name(), meta.ino(), meta.is_dir()));
            }
            self.entries.lock().insert(path.to_path_buf(), entries);
        }
        DiskSync.directory(path)
    }
}

fn engine(options: &StoreOptions, image: &Arc<Image>) -> Arc<dyn ConversationStore> {
    let sync = Arc::clone(image) as Arc<dyn FileSync>;
    match options.kind {
        StoreKind::Sled => Arc::new(SledEngine::open(options, sync).unwrap()),
        StoreKind::Redb => Arc::new(RedbEngine::open_with(options, sync).unwrap()),
    }
}

struct Machine {
    root: tempfile::TempDir,
    kind: StoreKind,
    image: Arc<Image>,
}

impl Machine {
    fn new(kind: StoreKind) -> Self {
        Self { root: tempfile::tempdir().unwrap(), kind, image: Arc::new(Image::default()) }
    }

    fn options(&self) -> StoreOptions {
        let mut options = StoreOptions::new(self.kind, self.root.path().join("data"));
        options.cache_bytes = 16 << 20;
        options
    }

    fn engine(&self) -> Arc<dyn ConversationStore> {
        engine(&self.options(), &self.image)
    }

    fn store(&self) -> Store {
        Store::with_engine(self.engine(), 100).unwrap()
    }

    /// A store over what a power cut now would leave.
    fn after_power_cut(&self) -> (tempfile::TempDir, Result<Store, StoreError>) {
        let left = tempfile::tempdir().unwrap();
        self.image.restore(self.root.path(), left.path());
        let store = Store::open(&StoreOptions::new(self.kind, left.path().join("data")));
        (left, store)
    }
}

fn turn(n: u32) -> Vec<u8> {
    (0..100_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 ^ n as u8).collect()
}

fn key(n: u32) -> Vec<u8> {
    [&b"t"[..], &n.to_be_bytes()].concat()
}

fn put(store: &Store, n: u32) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    batch.put(key(n), turn(n));
    // A small record beside it, overwritten each time, as a conversation's head.
    batch.put(b"head".to_vec(), n.to_be_bytes().to_vec());
    store.commit_blocking(batch)
}

#[test]
fn every_acknowledged_turn_of_100_kb_survives_a_power_cut() {
    for kind in StoreKind::ALL {
        let machine = Machine::new(kind);
        let store = machine.store();
        for n in 0..48 {
            put(&store, n).unwrap();
            // Each of the first ones, while the files are new and grow; then some.
            if n < 6 || n % 14 == 5 {
                let (_left, survivor) = machine.after_power_cut();
                let survivor = survivor.unwrap();
                for acknowledged in 0..=n {
                    let read = survivor.get(&key(acknowledged)).unwrap();
                    assert!(read == Some(turn(acknowledged)), "{kind}: turn {acknowledged} of {n}");
                }
                assert_eq!(survivor.get(b"head").unwrap(), Some(n.to_be_bytes().to_vec()));
            }
        }
        if kind == StoreKind::Sled {
            let blobs = fs::read_dir(machine.options().dir.join("sled/blobs")).unwrap();
            assert_eq!(blobs.count(), 0, "no chunk makes a page over 128 KiB");
        }
    }
}

#[test]
fn a_store_that_was_opened_again_keeps_its_promise() {
    for kind in StoreKind::ALL {
        let machine = Machine::new(kind);
        for round in 0..4 {
            let store = machine.store();
            put(&store, round).unwrap();
            let (_left, survivor) = machine.after_power_cut();
            let survivor = survivor.unwrap();
            for n in 0..=round {
                assert!(survivor.get(&key(n)).unwrap() == Some(turn(n)), "{kind}: {n} of {round}");
            }
        }
    }
}

#[tokio::test]
async fn what_may_come_later_is_read_at_once_and_durable_with_the_next() {
    for kind in StoreKind::ALL {
        let machine = Machine::new(kind);
        let store = machine.store();
        put(&store, 0).unwrap();
        for n in 1..20 {
            let mut batch = Batch::new();
            batch.put(key(1_000 + n), vec![7; 9_000]);
            store.commit_soon(batch).await.unwrap();
            assert_eq!(store.get(&key(1_000 + n)).unwrap(), Some(vec![7; 9_000]), "{kind}");
            // A power cut now takes nothing that was acknowledged, and halves nothing.
            let (_left, survivor) = machine.after_power_cut();
            let survivor = survivor.unwrap();
            assert!(survivor.get(&key(n - 1)).unwrap() == Some(turn(n - 1)), "{kind}: {n}");
            let left = survivor.get(&key(1_000 + n)).unwrap();
            assert!(left.is_none_or(|value| value == vec![7; 9_000]), "{kind}: {n}");
            put(&store, n).unwrap();
            let (_left, survivor) = machine.after_power_cut();
            let survivor = survivor.unwrap();
            assert_eq!(survivor.get(&key(1_000 + n)).unwrap(), Some(vec![7; 9_000]), "{kind}");
        }
    }
}

#[test]
fn a_page_that_sled_writes_beside_its_log_is_on_the_disk_with_its_directory() {
    let machine = Machine::new(StoreKind::Sled);
    let engine = machine.engine();
    for n in 0..6_u8 {
        // Past the store, which would split it.
        engine.commit(&[Write::Put(vec![n], vec![n; 200_000])], Durability::OnReturn).unwrap();
        let left = tempfile::tempdir().unwrap();
        machine.image.restore(machine.root.path(), left.path());
        let options = StoreOptions::new(StoreKind::Sled, left.path().join("data"));
        let survivor = SledEngine::open(&options, Arc::new(DiskSync)).unwrap();
        for stored in 0..=n {
            assert!(
                survivor.get(&[stored]).unwrap() == Some(vec![stored; 200_000]),
                "{stored}/{n}"
            );
        }
    }
    let blobs = fs::read_dir(machine.options().dir.join("sled/blobs")).unwrap();
    assert!(blobs.count() > 0, "the test must have made such pages");
}

#[test]
fn a_failed_sync_stops_writes_for_good_while_reads_go_on() {
    for kind in StoreKind::ALL {
        let machine = Machine::new(kind);
        let store = machine.store();
        put(&store, 1).unwrap();
        machine.image.broken.store(true, Ordering::SeqCst);
        let failed = put(&store, 2);
        assert!(matches!(failed, Err(StoreError::Poisoned { .. })), "{kind}: {failed:?}");
        machine.image.broken.store(false, Ordering::SeqCst);
        let later = put(&store, 3);
        let told =
            matches!(&later, Err(StoreError::Poisoned { cause }) if cause.contains("broken"));
        assert!(told, "{kind}: {later:?}");
        assert!(matches!(store.health(), StoreHealth::Poisoned(_)));
        assert!(store.get(&key(1)).unwrap() == Some(turn(1)), "{kind}: reads go on");
        assert_eq!(store.get(&key(3)).unwrap(), None);
        let mut seen = 0;
        let mut visit = |_: &[u8], _: Vec<u8>| {
            seen += 1;
            Ok(ControlFlow::Continue(()))
        };
        store.scan(b"t", b"u", Direction::Forward, &mut visit).unwrap();
        assert!(seen >= 1);
        drop(store);
        let restarted = machine.store();
        assert!(restarted.get(&key(1)).unwrap() == Some(turn(1)), "{kind}: after a restart");
        put(&restarted, 4).unwrap();
    }
}

#[test]
fn the_layer_drops_what_was_not_synced() {
    for kind in StoreKind::ALL {
        let machine = Machine::new(kind);
        let store = machine.store();
        put(&store, 1).unwrap();
        machine.image.lying.store(true, Ordering::SeqCst);
        put(&store, 2).unwrap();
        let (_left, survivor) = machine.after_power_cut();
        let survivor = survivor.unwrap();
        assert!(survivor.get(&key(1)).unwrap() == Some(turn(1)), "{kind}");
        assert_eq!(survivor.get(&key(2)).unwrap(), None, "{kind}");
    }
}
