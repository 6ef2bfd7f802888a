//! What the disk alone can do: batches of the same size written and synced in
//! a loop, by nothing but the file system.

use std::{
    fs::File,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;

/// What a bare loop reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bare {
    /// Records a second.
    pub(super) per_second: f64,
    /// Mean time of one write and fdatasync.
    pub(super) sync_ms: f64,
}

/// Writes batches of `records` of `bytes` each to a file in `directory`, each
/// batch synced (`fdatasync`) before the next, for a while.
///
/// # Errors
/// The file cannot be written.
pub(super) fn measure(
    directory: &Path,
    records: usize,
    bytes: usize,
    time: Duration,
) -> anyhow::Result<Bare> {
    let path = directory.join("bare.bin");
    let batch = vec![b'x'; records * bytes];
    let mut file = File::create(&path).with_context(|| format!("write {}", path.display()))?;
    let begin = Instant::now();
    let mut batches = 0u32;
    while begin.elapsed() < time || batches == 0 {
        file.write_all(&batch).and_then(|()| file.sync_data()).context("the bare loop")?;
        batches += 1;
    }
    let seconds = begin.elapsed().as_secs_f64();
    drop(file);
    std::fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
    Ok(Bare {
        per_second: f64::from(batches) * records as f64 / seconds,
        sync_ms: seconds * 1000.0 / f64::from(batches),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loop_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let bare = measure(dir.path(), 4, 100, Duration::ZERO).unwrap();
        assert!(bare.per_second > 0.0 && bare.sync_ms > 0.0);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
