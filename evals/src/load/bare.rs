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
    /// Batches written and synced a second.
    pub(super) syncs_per_second: f64,
}

/// Writes batches of `bytes` to a file in `directory`, each synced
/// (`fdatasync`) before the next, for a while.
///
/// # Errors
/// The file cannot be written.
pub(super) fn measure(directory: &Path, bytes: usize, time: Duration) -> anyhow::Result<Bare> {
    let path = directory.join("bare.bin");
    let batch = vec![b'x'; bytes];
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
    Ok(Bare { syncs_per_second: f64::from(batches) / seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loop_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let bare = measure(dir.path(), 400, Duration::ZERO).unwrap();
        assert!(bare.syncs_per_second > 0.0);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
