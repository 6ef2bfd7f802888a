//! `data check`: are the data sets on this machine the ones that the published
//! figures were measured on? Their sizes and SHA-256 stand in
//! `evals/datasets.json`, with the licence of each set and where it comes from.
//! The data themselves are never part of the repository.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::report::{empty_table, print};

const MANIFEST: &str = include_str!("../datasets.json");

/// What to do with the data sets.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Compares the files with the sizes and hashes that are known. Ends with 1
    /// if a file differs; a set that is not there is only named.
    Check(CheckArgs),
}

/// Arguments of `data check`.
#[derive(Clone, Debug, Args)]
pub(crate) struct CheckArgs {
    /// Folder that holds the data sets' folders.
    #[arg(env = "THROUGHLINE_EVAL_DATA")]
    pub(crate) data: PathBuf,
    /// Only these sets; a set that is absent is then a failure.
    #[arg(long, num_args = 1.., value_delimiter = ',')]
    pub(crate) set: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    folder: String,
    licence: String,
    non_commercial: bool,
    upstream: String,
    files: Vec<KnownFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownFile {
    path: String,
    bytes: u64,
    sha256: String,
}

/// How a file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Right,
    Absent,
    Different,
}

/// Runs the command; `false` if a file is not as it is known.
///
/// # Errors
/// A named set is unknown, or a file cannot be read.
pub(crate) fn run(command: &DataCommand) -> anyhow::Result<bool> {
    let DataCommand::Check(args) = command;
    check(args, &serde_json::from_str::<Vec<Set>>(MANIFEST).context("datasets.json")?)
}

fn check(args: &CheckArgs, sets: &[Set]) -> anyhow::Result<bool> {
    for name in &args.set {
        let known = sets.iter().any(|set| set.folder == *name);
        anyhow::ensure!(known, "no data set is called {name}");
    }
    let mut table = empty_table(["set", "licence", "state", "from"].map(String::from));
    let mut good = true;
    let wanted = |set: &&Set| args.set.is_empty() || args.set.contains(&set.folder);
    for set in sets.iter().filter(wanted) {
        let folder = args.data.join(&set.folder);
        let state = if folder.is_dir() {
            let wrong = wrong(&folder, &set.files)?;
            good &= wrong.is_empty();
            if wrong.is_empty() {
                format!("{} files right", set.files.len())
            } else {
                wrong.join(", ")
            }
        } else {
            good &= args.set.is_empty();
            "not here".to_owned()
        };
        let terms = if set.non_commercial { " (evaluation only)" } else { "" };
        let licence = format!("{}{terms}", set.licence);
        table.add_row([set.folder.clone(), licence, state, set.upstream.clone()]);
    }
    print(&table.to_string());
    Ok(good)
}

/// What is wrong with the files of a set.
fn wrong(folder: &Path, files: &[KnownFile]) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for file in files {
        let path = folder.join(&file.path);
        let state = state(&path, file).with_context(|| format!("read {}", path.display()))?;
        match state {
            State::Right => {}
            State::Absent => wrong.push(format!("{} is missing", file.path)),
            State::Different => wrong.push(format!("{} differs", file.path)),
        }
    }
    Ok(wrong)
}

fn state(path: &Path, known: &KnownFile) -> io::Result<State> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::Absent),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() != known.bytes {
        return Ok(State::Different);
    }
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hash.update(buffer.get(..read).unwrap_or_default());
    }
    let same = hex::encode(hash.finalize()) == known.sha256;
    Ok(if same { State::Right } else { State::Different })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_manifest_is_sound() {
        let sets: Vec<Set> = serde_json::from_str(MANIFEST).unwrap();
        assert_eq!(sets.len(), 21);
        for set in &sets {
            assert!(!set.files.is_empty() && !set.upstream.is_empty(), "{}", set.folder);
            assert_eq!(set.non_commercial, set.licence.contains("NC"), "{}", set.folder);
            for file in &set.files {
                assert!(file.sha256.len() == 64 && hex::decode(&file.sha256).is_ok());
            }
        }
    }

    #[test]
    fn files_are_compared_with_what_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a");
        fs::create_dir(&folder).unwrap();
        for (name, text) in [("same", "one"), ("other", "two"), ("longer", "three!")] {
            fs::write(folder.join(name), text).unwrap();
        }
        let known = |path: &str, text: &str| KnownFile {
            path: path.into(),
            bytes: text.len() as u64,
            sha256: hex::encode(Sha256::digest(text)),
        };
        let set = |folder: &str, files| Set {
            folder: folder.into(),
            licence: "MIT".into(),
            non_commercial: false,
            upstream: "here".into(),
            files,
        };
        let all = vec![
            known("same", "one"),
            known("other", "owt"),
            known("longer", "three"),
            known("gone", "x"),
        ];
        let expected = ["other differs", "longer differs", "gone is missing"];
        assert_eq!(wrong(&folder, &all).unwrap(), expected);
        let check = |files, names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            let args = CheckArgs { data: dir.path().to_owned(), set: names };
            check(&args, &[set("a", files), set("b", vec![known("x", "x")])])
        };
        assert!(check(vec![known("same", "one")], &[]).unwrap());
        assert!(!check(vec![known("other", "owt")], &[]).unwrap());
        // What was asked for by name has to be there.
        assert!(!check(vec![known("same", "one")], &["a", "b"]).unwrap());
        assert!(check(vec![], &["nope"]).is_err());
    }
}
