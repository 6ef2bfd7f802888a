//! The models directory: `NAME/PATH` for each file, `onnxruntime-VERSION/` for
//! the library, `models.lock` for the hash of everything that was put there.
//! A file appears under its name only whole and verified.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ModelsError, progress::Step};

const LOCK_FILE: &str = "models.lock";

/// Read and hashed at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// Where models lie if neither option nor environment says: the platform's
/// place for a program's data.
///
/// # Errors
/// [`ModelsError::NoDirectory`] without a home directory.
pub fn default_dir() -> Result<PathBuf, ModelsError> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(dir) = set("THROUGHLINE_MODELS_DIR") {
        return Ok(dir.into());
    }
    let data = if let Some(data) = set("XDG_DATA_HOME") {
        PathBuf::from(data)
    } else if cfg!(target_os = "windows") {
        PathBuf::from(set("LOCALAPPDATA").ok_or(ModelsError::NoDirectory)?)
    } else {
        let home = PathBuf::from(set("HOME").ok_or(ModelsError::NoDirectory)?);
        let data =
            if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/share" };
        home.join(data)
    };
    Ok(data.join("throughline").join("models"))
}

/// SHA-256 of a file, hex.
pub(super) fn sha256(path: &Path) -> Result<String, ModelsError> {
    let error = |source| ModelsError::io(path, source);
    let mut file = fs::File::open(path).map_err(error)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut buffer).map_err(error)?;
        if read == 0 {
            return Ok(hex::encode(hasher.finalize()));
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}

/// Copies all of `from` to a new file, which is synced; gives its SHA-256. An
/// error while reading is the source's, one while writing the disk's.
pub(super) fn copy(from: &mut dyn Read, to: &Path, step: &Step) -> Result<String, ModelsError> {
    let error = |source| ModelsError::io(to, source);
    let mut file = fs::File::create(to).map_err(error)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let read =
            from.read(&mut buffer).map_err(|error| ModelsError::Source(error.to_string()))?;
        if read == 0 {
            break;
        }
        let chunk = buffer.get(..read).unwrap_or_default();
        file.write_all(chunk).map_err(error)?;
        hasher.update(chunk);
        step.advance(read as u64);
    }
    file.sync_all().map_err(error)?;
    Ok(hex::encode(hasher.finalize()))
}

/// Makes the directory that a file will lie in.
pub(super) fn make_parent(path: &Path) -> Result<(), ModelsError> {
    match path.parent() {
        Some(parent) => fs::create_dir_all(parent).map_err(|e| ModelsError::io(parent, e)),
        None => Ok(()),
    }
}

/// Gives a finished file its name: it is there whole or not at all.
pub(super) fn place(from: &Path, to: &Path) -> Result<(), ModelsError> {
    make_parent(to)?;
    fs::rename(from, to).map_err(|e| ModelsError::io(to, e))?;
    #[cfg(unix)]
    if let Some(parent) = to.parent() {
        // The name itself must survive a power cut too.
        fs::File::open(parent)
            .and_then(|dir| dir.sync_all())
            .map_err(|e| ModelsError::io(parent, e))?;
    }
    Ok(())
}

/// Hashes of the files in a models directory, by their path in it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    /// Lower-case hex.
    #[serde(default)]
    pub(super) sha256: BTreeMap<String, String>,
}

impl Lock {
    /// Reads the lock of a directory; none is an empty one.
    pub(super) fn read(dir: &Path) -> Result<Self, ModelsError> {
        let path = dir.join(LOCK_FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(ModelsError::io(&path, error)),
        };
        toml::from_str(&text).map_err(|error| {
            ModelsError::Registry(format!(
                "{} cannot be read ({error}); delete it and run `throughline models pull`",
                path.display()
            ))
        })
    }

    /// Writes it anew, whole or not at all.
    pub(super) fn write(&self, dir: &Path) -> Result<(), ModelsError> {
        let text = toml::to_string(self).map_err(|e| ModelsError::Registry(e.to_string()))?;
        let text =
            format!("# Written by `throughline models pull`: what each file's hash was.\n{text}");
        let fresh = dir.join(format!(".{LOCK_FILE}.{}", std::process::id()));
        let error = |source| ModelsError::io(&fresh, source);
        let mut file = fs::File::create(&fresh).map_err(error)?;
        file.write_all(text.as_bytes()).map_err(error)?;
        file.sync_all().map_err(error)?;
        place(&fresh, &dir.join(LOCK_FILE))
    }
}
