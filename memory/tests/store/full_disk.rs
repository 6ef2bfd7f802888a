//! A disk that gets full. Needs a small file system of its own, so it runs only
//! when told where one is:
//!
//! ```text
//! mount -t tmpfs -o size=64m tmpfs /mnt/small
//! THROUGHLINE_TEST_SMALL_DIR=/mnt/small \
//!     cargo test -p throughline-memory --test store full_disk -- --ignored
//! ```

use std::fs;
use std::path::PathBuf;

use throughline_memory::store::{Batch, Store, StoreError, StoreHealth, StoreKind, StoreOptions};

fn turn(n: u32) -> Vec<u8> {
    (0..100_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 ^ n as u8).collect()
}

fn put(store: &Store, n: u32) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    batch.put(n.to_be_bytes().to_vec(), turn(n));
    store.commit_blocking(batch)
}

fn check_all(store: &Store, count: u32) {
    for n in 0..count {
        assert!(store.get(&n.to_be_bytes()).unwrap() == Some(turn(n)), "{}: {n}", store.kind());
    }
}

#[test]
#[ignore = "needs THROUGHLINE_TEST_SMALL_DIR, a file system of 40 to 256 MiB"]
fn a_full_disk_loses_nothing_and_ends_when_there_is_space() {
    let base = PathBuf::from(std::env::var_os("THROUGHLINE_TEST_SMALL_DIR").unwrap());
    for kind in StoreKind::ALL {
        let dir = base.join(kind.name());
        let mut options = StoreOptions::new(kind, &dir);
        options.cache_bytes = 8 << 20;
        let store = Store::open(&options).unwrap();
        let filler = base.join("filler");
        fs::write(&filler, vec![1; 4 << 20]).unwrap();
        let mut count = 0;
        let refused = loop {
            match put(&store, count) {
                Ok(()) => count += 1,
                Err(error) => break error,
            }
            assert!(count < 10_000, "the file system is not small");
        };
        assert!(matches!(refused, StoreError::Full { .. }), "{kind}: {refused:?}");
        assert_eq!(store.health(), StoreHealth::Full);
        check_all(&store, count);
        assert_eq!(store.get(&count.to_be_bytes()).unwrap(), None, "{kind}: was refused");
        fs::remove_file(&filler).unwrap();
        put(&store, count).unwrap();
        assert_eq!(store.health(), StoreHealth::Serving);
        drop(store);
        check_all(&Store::open(&options).unwrap(), count + 1);
        fs::remove_dir_all(&dir).unwrap();
    }
}
