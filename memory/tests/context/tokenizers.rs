//! Tokenizers by name: the built-in ones, files of a directory, and everything
//! that can be wrong with them.

use std::fs;

use crate::fixture::{awkward_tokenizer_json, tokenizers};
use throughline_memory::context::{
    MAX_EXTRA_TOKENIZERS, MAX_TOKENIZER_BYTES, TokenizerError, Tokenizers,
};

#[test]
fn counts_are_the_published_ones() {
    // From the cookbook of the tokenizers' makers, and special tokens as text.
    for (name, text, expected) in [
        ("cl100k_base", "tiktoken is great!", 6),
        ("cl100k_base", "antidisestablishmentarianism", 6),
        ("cl100k_base", "2 + 2 = 4", 7),
        ("cl100k_base", "お誕生日おめでとう", 9),
        ("o200k_base", "tiktoken is great!", 6),
        ("o200k_base", "antidisestablishmentarianism", 6),
        ("o200k_base", "お誕生日おめでとう", 8),
        ("cl100k_base", "<|endoftext|>", 7),
        ("o200k_base", "", 0),
    ] {
        let counter = Tokenizers::builtin().get(name).unwrap();
        assert_eq!(counter.name(), name);
        assert_eq!(counter.count(text), expected, "{name} {text:?}");
    }
}

#[test]
fn unknown_name_lists_those_that_would_do() {
    let error = tokenizers().get("gpt-5").err().unwrap();
    assert_eq!(
        error.to_string(),
        "unknown tokenizer \"gpt-5\"; this server knows awkward, cl100k_base, o200k_base"
    );
    assert_eq!(tokenizers().get(&"x".repeat(500)).err().unwrap().name.len(), 80);
}

#[test]
fn a_file_that_truncates_counts_everything() {
    let counter = tokenizers().get("awkward").unwrap();
    assert_eq!(counter.count(&"z".repeat(100)), 100);
    assert!(!counter.additive());
    // A special token in a text is somebody's words.
    assert!(counter.count("<unk>") > 1);
}

#[test]
fn directory_is_read_in_both_layouts() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("flat.json"), awkward_tokenizer_json()).unwrap();
    fs::write(directory.path().join("notes.txt"), "no tokenizer").unwrap();
    let nested = directory.path().join("nested");
    fs::create_dir(&nested).unwrap();
    fs::write(nested.join("tokenizer.json"), awkward_tokenizer_json()).unwrap();
    fs::create_dir(directory.path().join("empty")).unwrap();

    let mut tokenizers = Tokenizers::builtin();
    tokenizers.add_directory(directory.path()).unwrap();
    let names: Vec<_> = tokenizers.names().collect();
    assert_eq!(names, ["cl100k_base", "flat", "nested", "o200k_base"]);

    fs::write(directory.path().join("nested.json"), awkward_tokenizer_json()).unwrap();
    let error = Tokenizers::builtin().add_directory(directory.path()).unwrap_err();
    assert_eq!(error.to_string(), "there are two tokenizers named \"nested\"");
}

#[test]
fn bad_files_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let mut tokenizers = Tokenizers::builtin();
    let missing = tokenizers.add_directory(&directory.path().join("missing")).unwrap_err();
    assert!(matches!(missing, TokenizerError::Unreadable { .. }));

    let file = directory.path().join("broken.json");
    fs::write(&file, awkward_tokenizer_json().split_off(40)).unwrap();
    let broken = tokenizers.add_directory(directory.path()).unwrap_err();
    assert!(broken.to_string().contains("broken.json is no tokenizer.json"), "{broken}");

    fs::write(&file, "{}").unwrap();
    assert!(tokenizers.add_file("cl100k_base", &file).is_err());
    fs::File::create(&file).unwrap().set_len(MAX_TOKENIZER_BYTES + 1).unwrap();
    let large = tokenizers.add_file("large", &file).unwrap_err();
    assert!(matches!(large, TokenizerError::TooLarge { .. }));
}

#[test]
fn too_many_files_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    for n in 0..=MAX_EXTRA_TOKENIZERS {
        fs::write(directory.path().join(format!("{n}.json")), "{}").unwrap();
    }
    let error = Tokenizers::builtin().add_directory(directory.path()).unwrap_err();
    assert!(matches!(error, TokenizerError::TooMany));
}
