//! Tests of the registry.

use super::*;

#[test]
fn the_built_in_registry_is_sound() {
    let registry = Registry::parse(BUILT_IN).expect("models.toml");
    let default = registry.model(&registry.default_embedding).expect("the default");
    for role in [Role::Weights, Role::OnnxFp32, Role::OnnxInt8] {
        default.file(role).expect("both engines can run the default");
    }
    assert!(registry.models.iter().all(|model| !model.licence.is_empty()));
}

#[test]
fn what_is_wrong_is_named() {
    let with = |from: &str, to: &str| BUILT_IN.replacen(from, to, 1);
    let cases = [
        (with("licence = ", "license = "), "license"),
        (with("purpose = \"embedding\"", "purpose = \"poetry\""), "poetry"),
        (with("role = \"config\"", "role = \"tokenizer\""), "two files"),
        (with("path = \"config.json\"", "path = \"../config.json\""), "leads out"),
        (with("path = \"config.json\"", "path = \"/etc/config.json\""), "leads out"),
        (with("name = \"all-", "name = \"../all-"), "directory"),
        (with("sha256 = \"53aa", "sha256 = \"53zz"), "SHA-256"),
        (with("dimensions = 384", "dimensions = 0"), "1 or more"),
        (with("name = \"multilingual-e5-small\"", "name = \"all-MiniLM-L6-v2\""), "twice"),
        (with("default_embedding = \"all-", "default_embedding = \"no-"), "no model"),
        (with("[runtime]", "[runtime"), "line"),
    ];
    for (text, expected) in cases {
        let error = Registry::parse(&text).expect_err(expected).to_string();
        assert!(error.contains(expected), "{expected:?} in {error}");
    }
}

#[test]
fn what_is_for_tests_only_writes_nothing_that_is_used() {
    let registry = Registry::parse(BUILT_IN).expect("models.toml");
    for name in ["qwen2.5-1.5b-instruct", "qwen2.5-coder-0.5b-instruct"] {
        assert_eq!(registry.writer(name, false).expect("it may").name, name);
    }
    let small = "smollm2-135m-instruct";
    let error = registry.writer(small, false).expect_err("it may not").to_string();
    for part in [small, "qwen2.5-1.5b-instruct", "--llm-for-tests", "models serve"] {
        assert!(error.contains(part), "{part} in {error}");
    }
    assert_eq!(registry.writer(small, true).expect("in a test").name, small);
    let error = registry.writer("all-MiniLM-L6-v2", true).expect_err("it embeds");
    assert!(matches!(error, ModelsError::Purpose { .. }), "{error}");
}

#[test]
fn a_file_takes_its_published_or_its_made_hash_or_without_them_any() {
    let registry = Registry::parse(BUILT_IN).expect("models.toml");
    let model = registry.model("all-MiniLM-L6-v2").expect("the default");
    let file = model.file(Role::OnnxFp32).expect("a file").clone();
    assert!(file.allows(file.sha256.as_deref().unwrap_or_default()));
    assert!(file.allows(&file.made_sha256.as_deref().unwrap_or_default().to_uppercase()));
    assert!(!file.allows(""));
    assert!(File { sha256: None, made_sha256: None, ..file }.allows("anything"));
}
