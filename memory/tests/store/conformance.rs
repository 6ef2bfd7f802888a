//! What every engine must do behind [`Store`], run over each of them: one
//! function per promise, one table of engines.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use throughline_memory::store::{
    Batch, Direction, MAX_RECORD_BYTES, Store, StoreError, StoreHealth, StoreKind, StoreOptions,
};

/// Runs a check over both engines, each in a directory of its own.
fn each(check: impl Fn(&StoreOptions)) {
    for kind in StoreKind::ALL {
        let dir = tempfile::tempdir().unwrap();
        let mut options = StoreOptions::new(kind, dir.path().join("data"));
        options.cache_bytes = 16 << 20;
        check(&options);
    }
}

fn open(options: &StoreOptions) -> Store {
    Store::open(options).unwrap()
}

fn put(store: &Store, key: &[u8], value: &[u8]) {
    let mut batch = Batch::new();
    batch.put(key.to_vec(), value.to_vec());
    store.commit_blocking(batch).unwrap();
}

fn bytes(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|i| (i % 251) as u8 ^ seed).collect()
}

fn scan(store: &Store, start: &[u8], end: &[u8], direction: Direction) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let mut visit = |key: &[u8], value: Vec<u8>| {
        found.push((key.to_vec(), value));
        Ok(ControlFlow::Continue(()))
    };
    store.scan(start, end, direction, &mut visit).unwrap();
    found
}

fn keys(store: &Store, start: &[u8], end: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut visit = |key: &[u8]| {
        found.push(key.to_vec());
        Ok(ControlFlow::Continue(()))
    };
    store.scan_keys(start, end, &mut visit).unwrap();
    found
}

const LENGTHS: [usize; 11] = [0, 1, 4079, 4080, 4081, 4095, 4096, 4097, 8176, 8177, 1 << 20];

#[test]
fn records_of_any_length_come_back_also_after_reopening() {
    each(|options| {
        let store = open(options);
        for (length, seed) in LENGTHS.into_iter().zip(0..) {
            put(&store, &[b'k', seed], &bytes(length, seed));
        }
        let check = |store: &Store| {
            for (length, seed) in LENGTHS.into_iter().zip(0..) {
                let got = store.get(&[b'k', seed]).unwrap();
                assert!(got == Some(bytes(length, seed)), "{}: {length} bytes", store.kind());
            }
            assert_eq!(store.get(b"absent").unwrap(), None);
            assert_eq!(store.get(b"").unwrap(), None);
        };
        check(&store);
        drop(store);
        check(&open(options));
    });
}

#[test]
fn an_overwritten_record_has_no_trace_of_its_predecessor() {
    each(|options| {
        let store = open(options);
        for (before, seed) in LENGTHS.into_iter().zip(0..) {
            for after in LENGTHS {
                put(&store, b"r", &bytes(before, seed));
                put(&store, b"r", &bytes(after, 77));
                let what = format!("{}: {before} then {after}", store.kind());
                assert!(store.get(b"r").unwrap() == Some(bytes(after, 77)), "{what}");
                for direction in [Direction::Forward, Direction::Backward] {
                    let all = scan(&store, b"", b"", direction);
                    assert!(all == vec![(b"r".to_vec(), bytes(after, 77))], "{what}");
                }
            }
        }
        let mut batch = Batch::new();
        batch.delete(b"r".to_vec());
        store.commit_blocking(batch).unwrap();
        assert_eq!(store.get(b"r").unwrap(), None);
        assert!(scan(&store, b"", b"", Direction::Backward).is_empty());
    });
}

#[test]
fn a_batch_keeps_the_order_of_its_operations() {
    each(|options| {
        let store = open(options);
        let mut batch = Batch::new();
        batch.put(b"a".to_vec(), bytes(20_000, 1));
        batch.put(b"a".to_vec(), bytes(3, 2));
        batch.put(b"b".to_vec(), bytes(20_000, 3));
        batch.delete(b"b".to_vec());
        batch.delete(b"c".to_vec());
        batch.put(b"c".to_vec(), bytes(9_000, 4));
        assert_eq!(batch.len(), 6);
        assert_eq!(batch.bytes(), 6 + 20_000 + 3 + 20_000 + 9_000);
        store.commit_blocking(batch).unwrap();
        for direction in [Direction::Forward, Direction::Backward] {
            let mut all = scan(&store, b"", b"", direction);
            if direction == Direction::Backward {
                all.reverse();
            }
            let want = vec![(b"a".to_vec(), bytes(3, 2)), (b"c".to_vec(), bytes(9_000, 4))];
            assert!(all == want, "{} {direction:?}", store.kind());
        }
    });
}

#[test]
fn scans_run_in_the_order_of_keys_within_the_range_both_ways() {
    let mut model = BTreeMap::new();
    for (i, seed) in (0_u16..60).zip(0..) {
        let length = [0, 5, 4080, 4081, 13_000][usize::from(i) % 5];
        model.insert([&b"t"[..], &i.to_be_bytes()].concat(), bytes(length, seed));
    }
    for key in [&b"\xff"[..], b"\xff\xff", b"\xff\xff\xff", b"\x00", b"u\xff", b"u\xff\x00x"] {
        model.insert(key.to_vec(), bytes(4081, 9));
    }
    let at = |i: u16| [&b"t"[..], &i.to_be_bytes()].concat();
    let after = |i: u16| [at(i), vec![0]].concat();
    let ranges: Vec<(Vec<u8>, Vec<u8>)> = vec![
        (vec![], vec![]),
        (b"t".to_vec(), b"u".to_vec()),
        (at(10), at(20)),
        // The idioms for "behind this key" and "up to and with this key".
        (after(10), at(20)),
        (at(10), after(20)),
        (at(10), [at(20), vec![0, 0]].concat()),
        (at(20), at(20)),
        (at(20), at(10)),
        (at(59), vec![]),
        (b"u\xff".to_vec(), b"v".to_vec()),
        (b"\xff".to_vec(), vec![]),
        (b"\xff\xff".to_vec(), b"\xff\xff\xff".to_vec()),
        (b"\xff\xff\xff\xff".to_vec(), vec![]),
        (vec![], b"\x00".to_vec()),
    ];
    each(|options| {
        let store = open(options);
        let mut batch = Batch::new();
        for (key, value) in &model {
            batch.put(key.clone(), value.clone());
        }
        store.commit_blocking(batch).unwrap();
        for (start, end) in &ranges {
            let want: Vec<_> = model
                .iter()
                .filter(|(key, _)| *key >= start && (end.is_empty() || *key < end))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            let what = format!("{} {start:?}..{end:?}", store.kind());
            assert!(scan(&store, start, end, Direction::Forward) == want, "forward {what}");
            let mut backward = scan(&store, start, end, Direction::Backward);
            backward.reverse();
            assert!(backward == want, "backward {what}");
            let only: Vec<_> = want.into_iter().map(|(key, _)| key).collect();
            assert_eq!(keys(&store, start, end), only, "keys {what}");
        }
    });
}

#[test]
fn a_scan_stops_when_told_and_may_read_and_commit_meanwhile() {
    each(|options| {
        let store = open(options);
        for i in 0..10_u8 {
            put(&store, &[b'k', i], &bytes(9_000, i));
        }
        for direction in [Direction::Forward, Direction::Backward] {
            let mut seen = Vec::new();
            let mut visit = |key: &[u8], value: Vec<u8>| {
                assert!(store.get(key).unwrap() == Some(value));
                put(&store, b"other", &bytes(5_000, 1));
                seen.push(key.to_vec());
                Ok(if seen.len() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            };
            store.scan(b"k", b"l", direction, &mut visit).unwrap();
            let want: Vec<u8> = match direction {
                Direction::Forward => vec![0, 1, 2],
                Direction::Backward => vec![9, 8, 7],
            };
            assert_eq!(seen, want.into_iter().map(|i| vec![b'k', i]).collect::<Vec<_>>());
        }
        let mut count = 0;
        let mut visit = |_: &[u8]| {
            count += 1;
            Ok(ControlFlow::Break(()))
        };
        store.scan_keys(b"", b"", &mut visit).unwrap();
        assert_eq!(count, 1);
    });
}

#[test]
fn an_error_of_the_visitor_stops_a_scan_and_comes_back() {
    each(|options| {
        let store = open(options);
        for i in 0..4_u8 {
            put(&store, &[b'k', i], &bytes(9_000, i));
        }
        let told = |result| matches!(result, Err(StoreError::Engine(why)) if why == "told to");
        for (direction, order) in
            [(Direction::Forward, [0_u8, 1, 2, 3]), (Direction::Backward, [3, 2, 1, 0])]
        {
            for failing in 1..=4 {
                let mut seen = Vec::new();
                let mut visit = |key: &[u8], _: Vec<u8>| {
                    seen.push(key[1]);
                    if seen.len() == failing {
                        return Err(StoreError::Engine("told to".to_owned()));
                    }
                    Ok(ControlFlow::Continue(()))
                };
                assert!(told(store.scan(b"k", b"l", direction, &mut visit)), "{}", store.kind());
                assert_eq!(seen, order[..failing], "{} {direction:?}", store.kind());
            }
        }
        let mut seen = 0;
        let mut visit = |_: &[u8]| {
            seen += 1;
            Err(StoreError::Engine("told to".to_owned()))
        };
        assert!(told(store.scan_keys(b"k", b"l", &mut visit)), "{}", store.kind());
        assert_eq!(seen, 1, "{}", store.kind());
    });
}

#[test]
fn records_that_change_during_reads_are_never_mixed() {
    each(|options| {
        let store = open(options);
        put(&store, b"hot", &bytes(30_000, 0));
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for round in 1..=60_u8 {
                    let length = [30_000, 100, 9_000, 4_081][usize::from(round) % 4];
                    put(&store, b"hot", &vec![round; length]);
                }
            });
            let mut reads = 0_u32;
            while !writer.is_finished() || reads == 0 {
                let mut check = |_: &[u8], value: Vec<u8>| {
                    let first = value[0];
                    let whole = value == bytes(30_000, 0) || value.iter().all(|&b| b == first);
                    assert!(whole, "{}: a mixture", store.kind());
                    Ok(ControlFlow::Continue(()))
                };
                let _ = check(b"hot", store.get(b"hot").unwrap().unwrap());
                store.scan(b"", b"", Direction::Forward, &mut check).unwrap();
                store.scan(b"", b"", Direction::Backward, &mut check).unwrap();
                reads += 1;
            }
        });
    });
}

#[test]
fn too_large_batches_are_refused_and_write_nothing() {
    each(|options| {
        let store = open(options);
        let mut batch = Batch::new();
        batch.put(b"small".to_vec(), vec![1]);
        batch.put(b"large".to_vec(), vec![0; MAX_RECORD_BYTES + 1]);
        let refused = store.commit_blocking(batch);
        assert!(matches!(refused, Err(StoreError::TooLarge { .. })), "{refused:?}");
        assert_eq!(store.get(b"small").unwrap(), None);
        assert_eq!(store.health(), StoreHealth::Serving);
    });
}

#[test]
fn a_closed_store_has_written_what_it_accepted_and_refuses_more() {
    each(|options| {
        let store = open(options);
        put(&store, b"k", b"v");
        store.close();
        store.close();
        let mut batch = Batch::new();
        batch.put(b"k2".to_vec(), b"v".to_vec());
        assert!(matches!(store.commit_blocking(batch), Err(StoreError::Closed)));
        assert_eq!(store.get(b"k").unwrap(), Some(b"v".to_vec()));
    });
}

#[tokio::test]
async fn async_commits_share_the_store() {
    for kind in StoreKind::ALL {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&StoreOptions::new(kind, dir.path()));
        let commits = (0..50_u8).map(|i| {
            let mut batch = Batch::new();
            batch.put(vec![b'k', i], bytes(5_000, i));
            store.commit(batch)
        });
        for outcome in futures::future::join_all(commits).await {
            outcome.unwrap();
        }
        assert_eq!(scan(&store, b"k", b"l", Direction::Forward).len(), 50);
        store.commit(Batch::new()).await.unwrap();
    }
}
