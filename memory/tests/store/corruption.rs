//! Damage below the store: a record that was changed, cut or lost is an error
//! that names its key, never other text.

use std::ops::ControlFlow;
use std::sync::Arc;

use throughline_memory::store::{
    Batch, ConversationStore, Direction, DiskSync, Durability, RedbEngine, SledEngine, Store,
    StoreError, StoreKind, StoreOptions, Write,
};

fn engine(options: &StoreOptions) -> Arc<dyn ConversationStore> {
    match options.kind {
        StoreKind::Sled => Arc::new(SledEngine::open(options, Arc::new(DiskSync)).unwrap()),
        StoreKind::Redb => Arc::new(RedbEngine::open(options).unwrap()),
    }
}

fn value(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i % 253) as u8).collect()
}

/// Stores three records, damages the middle one, reads all ways.
fn check(what: &str, damage: impl Fn(&dyn ConversationStore)) {
    for kind in StoreKind::ALL {
        let dir = tempfile::tempdir().unwrap();
        let engine = engine(&StoreOptions::new(kind, dir.path()));
        let store = Store::with_engine(Arc::clone(&engine), 10).unwrap();
        let mut batch = Batch::new();
        for key in [b"a", b"m", b"z"] {
            batch.put(key.to_vec(), value(10_000));
        }
        store.commit_blocking(batch).unwrap();
        damage(&*engine);
        let hex = "6d";
        for direction in [Direction::Forward, Direction::Backward] {
            let mut seen = 0;
            let mut visit = |_: &[u8], read: Vec<u8>| {
                assert!(read == value(10_000), "{kind}: {what}: wrong text");
                seen += 1;
                Ok(ControlFlow::Continue(()))
            };
            let scanned = store.scan(b"", b"", direction, &mut visit);
            let told = matches!(&scanned, Err(StoreError::Corrupt { key, .. }) if key == hex);
            assert!(told, "{kind}: {what}, {direction:?}: {scanned:?}");
            assert_eq!(seen, 1, "the record before the damaged one");
        }
        assert!(store.get(b"a").unwrap() == Some(value(10_000)));
        let read = store.get(b"m");
        let lost = what == "the first chunk lost";
        let told = matches!(&read, Err(StoreError::Corrupt { key, .. }) if key == hex);
        assert!(told || (lost && read.as_ref().is_ok_and(Option::is_none)), "{kind}: {what}");
        // Writing it again mends it.
        let mut batch = Batch::new();
        batch.put(b"m".to_vec(), value(100_000));
        store.commit_blocking(batch).unwrap();
        assert!(store.get(b"m").unwrap() == Some(value(100_000)), "{kind}: {what}: mended");
    }
}

fn chunk(index: u8) -> Vec<u8> {
    vec![b'm', 0, index]
}

fn change(index: u8, with: impl Fn(&mut Vec<u8>)) -> impl Fn(&dyn ConversationStore) {
    move |engine| {
        let mut stored = engine.get(&chunk(index)).unwrap().unwrap();
        with(&mut stored);
        engine.commit(&[Write::Put(chunk(index), stored)], Durability::OnReturn).unwrap();
    }
}

#[test]
fn a_flipped_byte_anywhere_is_corrupt() {
    for index in 0..3 {
        for at in [0, 3, 4, 15, 16, 1500] {
            check("a flipped byte", change(index, |stored| stored[at] ^= 0x10));
        }
    }
}

#[test]
fn cut_long_and_lost_chunks_are_corrupt() {
    for index in 0..3 {
        check("a cut chunk", change(index, |stored| stored.truncate(stored.len() - 1)));
        check("an empty chunk", change(index, Vec::clear));
        check("a byte too many", change(index, |stored| stored.push(0)));
    }
    for index in 1..3 {
        check("a lost chunk", |engine| {
            engine.commit(&[Write::Delete(chunk(index))], Durability::OnReturn).unwrap()
        });
    }
    check("the first chunk lost", |engine| {
        engine.commit(&[Write::Delete(chunk(0))], Durability::OnReturn).unwrap()
    });
}

#[test]
fn chunks_of_another_record_are_corrupt() {
    check("a foreign chunk", |engine| {
        let foreign = engine.get(&[b'a', 0, 0]).unwrap().unwrap();
        engine.commit(&[Write::Put(chunk(0), foreign)], Durability::OnReturn).unwrap();
    });
    check("swapped chunks", |engine| {
        let mut swapped = engine.get(&chunk(1)).unwrap().unwrap();
        swapped.rotate_left(1);
        engine.commit(&[Write::Put(chunk(1), swapped)], Durability::OnReturn).unwrap();
    });
}
