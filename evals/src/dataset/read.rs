//! Finds and unpacks the files of a split: `STEM.jsonl[.gz]`, `STEM.json[.gz]`
//! or the folder `STEM`, and says precisely what is wrong with them.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::de::DeserializeOwned;

use crate::sources;

/// Largest file, unpacked: far above any data set's, far below memory.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// A data set cannot be read: the caller's path or file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    /// No file of the stem.
    #[error("no {stem}.jsonl, {stem}.json (also .gz) or folder {stem} in {folder}; pass the folder that holds the data sets' folders as --data", folder = .folder.display())]
    Absent {
        /// Where it was looked for.
        folder: PathBuf,
        /// What was looked for.
        stem: String,
    },
    /// A file cannot be read or unpacked.
    #[error("cannot read {path}: {source}", path = .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not of the schema.
    #[error("{path}, item {item}: {source}", path = .path.display())]
    Schema {
        /// Which.
        path: PathBuf,
        /// Line or array index, from 1.
        item: usize,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// A label or date makes no sense.
    #[error("{path}: {what}", path = .path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// What a stem names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A file of JSON values.
    File(PathBuf),
    /// A folder of files.
    Folder(PathBuf),
}

/// Looks a stem up in a data set's folder.
///
/// # Errors
/// [`DataError::Absent`] if there is neither file nor folder.
pub(crate) fn find(folder: &Path, stem: &str) -> Result<Found, DataError> {
    for ending in ["jsonl", "jsonl.gz", "json", "json.gz"] {
        let path = folder.join(format!("{stem}.{ending}"));
        if path.is_file() {
            return Ok(Found::File(path));
        }
    }
    let path = folder.join(stem);
    if !stem.is_empty() && path.is_dir() {
        return Ok(Found::Folder(path));
    }
    Err(DataError::Absent { folder: folder.to_owned(), stem: stem.to_owned() })
}

/// The file of a stem; a folder is not enough.
///
/// # Errors
/// [`DataError::Absent`] if there is no such file.
pub(crate) fn find_file(folder: &Path, stem: &str) -> Result<PathBuf, DataError> {
    match find(folder, stem)? {
        Found::File(path) => Ok(path),
        Found::Folder(_) => {
            Err(DataError::Absent { folder: folder.to_owned(), stem: stem.to_owned() })
        }
    }
}

/// Reads a file as text, unpacked if its name ends in `.gz`, and notes its hash for
/// the result.
///
/// # Errors
/// [`DataError::Io`].
pub(crate) fn text(path: &Path) -> Result<String, DataError> {
    let fail = |source| DataError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(fail)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(fail)?;
    sources::note(path, &bytes);
    if path.extension().is_some_and(|e| e == "gz") {
        let mut text = String::new();
        let unpacked = MultiGzDecoder::new(&*bytes).take(MAX_FILE_BYTES).read_to_string(&mut text);
        return unpacked.map(|_| text).map_err(fail);
    }
    String::from_utf8(bytes).map_err(|e| fail(io::Error::new(io::ErrorKind::InvalidData, e)))
}

/// Reads every item of a file: the lines of a `.jsonl`, the elements of an
/// array, or the one value.
///
/// # Errors
/// [`DataError::Io`] or [`DataError::Schema`].
pub(crate) fn items<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, DataError> {
    let text = text(path)?;
    let fail = |item, source| DataError::Schema { path: path.to_owned(), item, source };
    if path.to_string_lossy().trim_end_matches(".gz").ends_with(".jsonl") {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        return lines
            .map(|(index, line)| serde_json::from_str(line).map_err(|e| fail(index + 1, e)))
            .collect();
    }
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|e| fail(1, e))?;
    let values = match value {
        serde_json::Value::Array(values) => values,
        one => vec![one],
    };
    values
        .into_iter()
        .enumerate()
        .map(|(index, value)| serde_json::from_value(value).map_err(|e| fail(index + 1, e)))
        .collect()
}

/// Parses a date without a zone in the first format that fits, as UTC.
pub(crate) fn date(text: &str, formats: &[&str]) -> Option<Timestamp> {
    let parsed = formats.iter().find_map(|format| {
        DateTime::strptime(format, text)
            .or_else(|_| jiff::civil::Date::strptime(format, text).map(DateTime::from))
            .ok()
    })?;
    Some(parsed.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn stems_are_found_in_every_spelling() {
        let dir = tempfile::tempdir().unwrap();
        let file = File::create(dir.path().join("a.jsonl.gz")).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        gzip.write_all(b"1\n\n2\n").unwrap();
        gzip.finish().unwrap();
        std::fs::write(dir.path().join("b.json"), "[3, 4]").unwrap();
        std::fs::create_dir(dir.path().join("c")).unwrap();
        for (stem, expected) in [("a", vec![1u32, 2]), ("b", vec![3, 4])] {
            assert_eq!(items::<u32>(&find_file(dir.path(), stem).unwrap()).unwrap(), expected);
        }
        assert_eq!(find(dir.path(), "c").unwrap(), Found::Folder(dir.path().join("c")));
        let absent = find(dir.path(), "d").unwrap_err().to_string();
        assert!(absent.contains("no d.jsonl"), "{absent}");
    }

    #[test]
    fn a_broken_item_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.jsonl");
        std::fs::write(&path, "1\n\"two\"\n").unwrap();
        let error = items::<u32>(&path).unwrap_err().to_string();
        assert!(error.contains("item 2"), "{error}");
    }

    #[test]
    fn dates_of_the_data_sets() {
        for (text, format, expected) in [
            ("1:56 pm on 8 May, 2023", "%I:%M %p on %d %B, %Y", "2023-05-08T13:56:00Z"),
            ("2023/04/10 (Mon) 23:07", "%Y/%m/%d (%a) %H:%M", "2023-04-10T23:07:00Z"),
            ("March-15-2024", "%B-%d-%Y", "2024-03-15T00:00:00Z"),
        ] {
            assert_eq!(date(text, &[format]).unwrap().to_string(), expected);
        }
        assert_eq!(date("yesterday", &["%B-%d-%Y"]), None);
    }
}
