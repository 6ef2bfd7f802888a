//! Opens the default embedding model where `throughline models pull` put it:
//! this command measures the library itself, without a server.

use std::{fs, path::Path, sync::Arc};

use anyhow::Context as _;
use throughline_memory::embed::{Embedder, ModelFile, ModelFiles, Pooling, Precision, fastembed};

use super::args::ModelArgs;

/// The service's default, which the check was learnt with.
const NAME: &str = "all-MiniLM-L6-v2";

/// Opens it.
///
/// # Errors
/// A file is missing, or ONNX Runtime does not start.
pub(crate) fn open(args: &ModelArgs) -> anyhow::Result<Arc<dyn Embedder>> {
    let dir = &args.models_dir;
    let lock = fs::read_to_string(dir.join("models.lock")).with_context(|| {
        format!("no models.lock in {}; run `throughline models pull`", dir.display())
    })?;
    let file = |relative: &str| {
        let relative = format!("{NAME}/{relative}");
        let sha256 = locked(&lock, &relative).unwrap_or_default();
        ModelFile { path: dir.join(relative), sha256 }
    };
    let files = ModelFiles {
        name: NAME.to_owned(),
        dimensions: 384,
        max_tokens: 256,
        precision: Precision::Fp32,
        pooling: Pooling::Mean,
        onnx: Some(file("onnx/model.onnx")),
        safetensors: Some(file("model.safetensors")),
        tokenizer: file("tokenizer.json"),
        config: file("config.json"),
        runtime_library: runtime(dir)?,
        query_prefix: String::new(),
        passage_prefix: String::new(),
    };
    Ok(Arc::new(fastembed::open(&files, usize::from(args.threads))?))
}

/// The hash that stands for a file in `models.lock`.
fn locked(lock: &str, relative: &str) -> Option<String> {
    let line = lock.lines().find(|line| line.starts_with(&format!("\"{relative}\"")))?;
    line.rsplit('"').nth(1).map(str::to_owned)
}

/// ONNX Runtime's library in `onnxruntime-VERSION/`, if it was pulled.
///
/// # Errors
/// The directory cannot be read.
pub(super) fn runtime(dir: &Path) -> anyhow::Result<Option<std::path::PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("read {}", dir.display()))?;
    let mut found: Vec<_> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("onnxruntime-"))
        })
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().contains("onnxruntime"))
        })
        .collect();
    found.sort();
    Ok(found.pop())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_found_in_the_lock() {
        let lock = "[sha256]\n\"a/b.json\" = \"12ab\"\n";
        assert_eq!(locked(lock, "a/b.json").as_deref(), Some("12ab"));
        assert_eq!(locked(lock, "a/c.json"), None);
    }
}
