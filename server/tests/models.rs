//! The default model, pulled from whatever source this machine has, into
//! `THROUGHLINE_MODELS_DIR` or `target/models`.

#![allow(missing_docs)]

use std::path::PathBuf;

use throughline::models::{self, ModelsError, Progress, Role};
use throughline_memory::embed::Precision;

const MODEL: &str = "all-MiniLM-L6-v2";

#[test]
fn the_default_model_is_pulled_whole_and_with_its_official_weights() {
    let dir = std::env::var_os("THROUGHLINE_MODELS_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/models")),
        PathBuf::from,
    );
    models::ensure(&[MODEL], &dir, &Progress::Lines).expect("pulled");
    let registry = models::built_in().expect("models.toml");
    for file in models::verify(&registry, &[MODEL], &dir).expect("verified") {
        assert!(matches!(file.state, Ok(Some(_))), "{file:?}");
    }
    let official = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db";
    for precision in [Precision::Fp32, Precision::Int8] {
        let files = models::embedding_files(&registry, MODEL, precision, &dir).expect("files");
        assert_eq!(files.safetensors.expect("weights").sha256, official);
        let role = match precision {
            Precision::Fp32 => Role::OnnxFp32,
            Precision::Int8 => Role::OnnxInt8,
        };
        let file = registry.model(MODEL).and_then(|model| model.file(role)).expect("listed");
        assert!(file.allows(&files.onnx.expect("ONNX").sha256));
        assert!(files.runtime_library.is_some());
    }
}

#[test]
fn an_empty_directory_is_answered_with_the_command_to_run() {
    let dir = tempfile::tempdir().expect("a directory");
    let registry = models::built_in().expect("models.toml");
    let missing = models::embedding_files(&registry, MODEL, Precision::Fp32, dir.path());
    let error = missing.expect_err("nothing there");
    assert!(matches!(error, ModelsError::Missing { .. }), "{error:?}");
    assert!(error.to_string().ends_with("run `throughline models pull all-MiniLM-L6-v2`"));
}
