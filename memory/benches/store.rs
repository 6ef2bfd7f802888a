//! Durable appends a second: 64 callers that each wait for the answer, records
//! of 1 KB, both engines, against a bare loop of write and `fdatasync` with the
//! same batch sizes on the same disk.
//!
//! `cargo bench -p throughline-memory --bench store`; `THROUGHLINE_BENCH_DIR`
//! names a directory on the disk to measure (default: the build's own),
//! `THROUGHLINE_BENCH_SECONDS` the length of a run (default 5).

#![allow(clippy::print_stdout, reason = "a bench reports on the terminal")]

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use throughline_memory::store::{
    Batch, ConversationStore, Direction, DiskSync, Durability, RedbEngine, SledEngine, Store,
    StoreError, StoreHealth, StoreKind, StoreOptions, VisitPair, Write,
};

const CALLERS: u64 = 64;
const RECORD_BYTES: usize = 1000;

type Error = Box<dyn std::error::Error>;

/// Hands everything on and notes the bytes of each commit.
struct Measured {
    inner: Arc<dyn ConversationStore>,
    batches: Arc<Mutex<Vec<usize>>>,
}

impl ConversationStore for Measured {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(key)
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        visit: VisitPair<'_>,
    ) -> Result<(), StoreError> {
        self.inner.scan(start, end, direction, visit)
    }

    fn commit(&self, batch: &[Write], durability: Durability) -> Result<(), StoreError> {
        let bytes = batch.iter().map(|write| match write {
            Write::Put(key, value) => key.len() + value.len(),
            Write::Delete(key) => key.len(),
        });
        self.batches.lock().push(bytes.sum());
        self.inner.commit(batch, durability)
    }

    fn health(&self) -> StoreHealth {
        self.inner.health()
    }
}

struct Run {
    appends_per_second: f64,
    commits_per_second: f64,
    p50: Duration,
    p99: Duration,
    batches: Vec<usize>,
}

fn key(caller: u64, n: u64) -> Vec<u8> {
    [b"bench".as_slice(), &caller.to_be_bytes(), &n.to_be_bytes()].concat()
}

async fn caller(store: Arc<Store>, id: u64, until: Instant) -> Result<Vec<Duration>, StoreError> {
    let mut waits = Vec::new();
    while Instant::now() < until {
        let mut batch = Batch::new();
        // Not compressible and not equal, as text in different words.
        let value = (0..RECORD_BYTES).map(|_| rand::random::<u8>()).collect();
        batch.put(key(id, waits.len() as u64), value);
        let start = Instant::now();
        store.commit(batch).await?;
        waits.push(start.elapsed());
    }
    Ok(waits)
}

fn run(kind: StoreKind, dir: &Path, length: Duration) -> Result<Run, Error> {
    let options = StoreOptions::new(kind, dir);
    let inner: Arc<dyn ConversationStore> = match kind {
        StoreKind::Sled => Arc::new(SledEngine::open(&options, Arc::new(DiskSync))?),
        StoreKind::Redb => Arc::new(RedbEngine::open(&options)?),
    };
    let batches = Arc::new(Mutex::new(Vec::new()));
    let engine = Arc::new(Measured { inner, batches: Arc::clone(&batches) });
    let store = Arc::new(Store::with_engine(engine, options.max_waiting_commits)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let start = Instant::now();
    let mut waits = runtime.block_on(async {
        let callers: Vec<_> = (0..CALLERS)
            .map(|id| tokio::spawn(caller(Arc::clone(&store), id, start + length)))
            .collect();
        let mut waits = Vec::new();
        for caller in callers {
            waits.extend(caller.await??);
        }
        Ok::<_, Error>(waits)
    })?;
    let seconds = start.elapsed().as_secs_f64();
    store.close();
    waits.sort_unstable();
    let at = |share: f64| waits[(waits.len() as f64 * share) as usize];
    let batches = std::mem::take(&mut *batches.lock());
    Ok(Run {
        appends_per_second: waits.len() as f64 / seconds,
        commits_per_second: batches.len() as f64 / seconds,
        p50: at(0.5),
        p99: at(0.99),
        batches,
    })
}

/// Writes batches of the given sizes one after another, each with its sync;
/// returns the seconds it took.
fn bare(path: &Path, batches: &[usize]) -> Result<f64, Error> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let bytes: Vec<u8> = (0..batches.iter().max().copied().unwrap_or(0)).map(|i| i as u8).collect();
    let start = Instant::now();
    for &size in batches {
        file.write_all(&bytes[..size])?;
        file.sync_data()?;
    }
    Ok(start.elapsed().as_secs_f64())
}

fn main() -> Result<(), Error> {
    let length = std::env::var("THROUGHLINE_BENCH_SECONDS").ok();
    let length = Duration::from_secs_f64(length.map_or(Ok(5.0), |text| text.parse())?);
    let home = std::env::var("THROUGHLINE_BENCH_DIR");
    let home = home.unwrap_or_else(|_| env!("CARGO_TARGET_TMPDIR").to_owned());
    println!("{CALLERS} callers, records of {RECORD_BYTES} bytes, {length:?} each");
    println!("engine  appends/s  commits/s  p50 ms  p99 ms  bare appends/s  ratio");
    for kind in StoreKind::ALL {
        let dir = tempfile::tempdir_in(&home)?;
        let run = run(kind, &dir.path().join("data"), length)?;
        let seconds = bare(&dir.path().join("bare"), &run.batches)?;
        let appends = run.appends_per_second * run.batches.len() as f64 / run.commits_per_second;
        println!(
            "{kind:6}  {:9.0}  {:9.0}  {:6.2}  {:6.2}  {:14.0}  {:5.2}",
            run.appends_per_second,
            run.commits_per_second,
            run.p50.as_secs_f64() * 1e3,
            run.p99.as_secs_f64() * 1e3,
            appends / seconds,
            run.appends_per_second / (appends / seconds),
        );
    }
    Ok(())
}
