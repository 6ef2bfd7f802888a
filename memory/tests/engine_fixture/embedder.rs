//! An embedder without a model: deterministic, and fails when the test says so.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use throughline_memory::embed::{
    EmbedConfig, EmbedError, EmbedService, Embedder, EmbeddingModel, ModelFile, ModelFiles,
    Pooling, Precision, Splitter, Vector,
};

use super::Controls;

const DIMENSIONS: usize = 64;

/// Hashes words into a vector; fails on the word `poison`.
struct HashEmbedder {
    model: EmbeddingModel,
    controls: Arc<Controls>,
}

impl Embedder for HashEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        let down = self.controls.embedder_down.load(Ordering::SeqCst);
        if down || texts.iter().any(|text| text.contains("poison")) {
            return Err(EmbedError::Engine("down".into()));
        }
        self.controls.embedded.fetch_add(texts.len(), Ordering::SeqCst);
        Ok(texts.iter().map(|text| vector(text)).collect())
    }
}

fn vector(text: &str) -> Vector {
    let mut vector = [1e-3f32; DIMENSIONS];
    for word in text.split_whitespace() {
        let hash = word
            .bytes()
            .fold(7_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(byte)));
        vector[hash % DIMENSIONS] += 1.0;
    }
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter().map(|value| value / length).collect()
}

/// The service over it; the tokenizer lies in `dir`.
pub(super) fn start(dir: &Path, name: &str, controls: &Arc<Controls>) -> EmbedService {
    let file = |file: &str| ModelFile { path: dir.join(file), sha256: String::new() };
    let files = ModelFiles {
        name: name.to_owned(),
        dimensions: DIMENSIONS,
        max_tokens: 256,
        precision: Precision::Fp32,
        pooling: Pooling::Mean,
        onnx: None,
        safetensors: None,
        tokenizer: file("tokenizer.json"),
        config: file("config.json"),
        runtime_library: None,
        query_prefix: String::new(),
        passage_prefix: String::new(),
    };
    let splitter = Splitter::open(&files).expect("a splitter");
    let engine: Arc<dyn Embedder> = Arc::new(HashEmbedder {
        model: EmbeddingModel {
            name: name.to_owned(),
            sha256: "0123456789abcdef".into(),
            dimensions: DIMENSIONS,
            max_tokens: 256,
            engine: "test".into(),
            precision: "fp32".into(),
            device: "cpu".into(),
        },
        controls: Arc::clone(controls),
    });
    let config = EmbedConfig { cache_bytes: 1 << 20, ..EmbedConfig::default() };
    EmbedService::start(Arc::clone(&engine), engine, splitter, &config).expect("an embedder")
}
