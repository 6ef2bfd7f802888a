//! The data directory's own description: `FORMAT`, one line.
//!
//! ```text
//! throughline 1 sled
//! ```
//! It is written before the engine's first file, so that a directory with an
//! engine's files and no description was not made by this program.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use super::durable::FileSync;
use super::{StoreError, StoreKind};

/// Version of keys, records and files that this program reads and writes.
pub const FORMAT_VERSION: u32 = 1;

const NAME: &str = "FORMAT";
const PRODUCT: &str = "throughline";

/// Checks the description, or writes it into a directory that has none.
///
/// # Errors
/// [`StoreError::Open`] when the directory is another engine's, another
/// version's or not ours at all.
pub(super) fn check_or_write(
    dir: &Path,
    kind: StoreKind,
    sync: &dyn FileSync,
) -> Result<(), StoreError> {
    let path = dir.join(NAME);
    match fs::read_to_string(&path) {
        Ok(text) => check(dir, &text, kind),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if let Some(found) = StoreKind::ALL.iter().find(|kind| dir.join(kind.files()).exists())
            {
                return Err(StoreError::Open(format!(
                    "{} holds {found} files and no {NAME} file: it was not made by this program \
                     or lost that file; restore it from a backup or choose an empty --data-dir",
                    dir.display()
                )));
            }
            write(dir, kind, sync).map_err(|error| {
                StoreError::Open(format!("{} cannot be written: {error}", path.display()))
            })
        }
        Err(error) if error.kind() == ErrorKind::InvalidData => check(dir, "", kind),
        Err(error) => Err(StoreError::Open(format!("{} cannot be read: {error}", path.display()))),
    }
}

fn check(dir: &Path, text: &str, kind: StoreKind) -> Result<(), StoreError> {
    let dir = dir.display();
    let mut words = text.split_ascii_whitespace();
    let (product, version, engine) = (words.next(), words.next(), words.next());
    let version = version.and_then(|version| version.parse::<u32>().ok());
    let (Some(PRODUCT), Some(version), Some(engine)) = (product, version, engine) else {
        return Err(StoreError::Open(format!(
            "{dir}/{NAME} is damaged: it must read `{PRODUCT} {FORMAT_VERSION} ENGINE`, with sled \
             or redb as ENGINE, whichever made the directory; correct it or restore a backup"
        )));
    };
    if version != FORMAT_VERSION {
        return Err(StoreError::Open(format!(
            "{dir} has format version {version}, this program reads {FORMAT_VERSION}: run the \
             version of {PRODUCT} that wrote it, or choose an empty --data-dir and import an export"
        )));
    }
    if engine != kind.name() {
        return Err(StoreError::Open(format!(
            "{dir} was made with --store {engine}, asked for is {kind}: start with \
             --store {engine}, or choose an empty --data-dir and import an export"
        )));
    }
    Ok(())
}

/// Written beside and renamed, so that a crash leaves the whole line or none.
fn write(dir: &Path, kind: StoreKind, sync: &dyn FileSync) -> std::io::Result<()> {
    let (path, beside) = (dir.join(NAME), dir.join("FORMAT.new"));
    let mut file = File::create(&beside)?;
    file.write_all(format!("{PRODUCT} {FORMAT_VERSION} {kind}\n").as_bytes())?;
    sync.file(&file, &beside)?;
    fs::rename(&beside, &path)?;
    sync.directory(dir)
}
