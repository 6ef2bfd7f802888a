//! A double of the embedding model for tests: texts are near where they share
//! words. The real model is what `throughline-eval summaries` measures with.

use std::sync::{Arc, LazyLock};

use throughline_memory::embed::{EmbedError, Embedder, EmbeddingModel, Vector};

use crate::{source::SourceTurn, text::tokens};

const DIMENSIONS: usize = 64;

static MODEL: LazyLock<EmbeddingModel> = LazyLock::new(|| EmbeddingModel {
    name: "words".into(),
    sha256: String::new(),
    dimensions: DIMENSIONS,
    max_tokens: usize::MAX,
    engine: "double".into(),
    precision: "fp32".into(),
    device: "cpu".into(),
});

/// Embeds by the stems of content words.
pub(crate) struct WordEmbedder;

impl Embedder for WordEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &MODEL
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        let vector = |text: &&str| -> Vector {
            let mut sum = [0.01_f32; DIMENSIONS];
            for word in tokens(text).iter().filter(|word| word.content) {
                sum[word.stem as usize % DIMENSIONS] += 1.0;
            }
            let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
            sum.iter().map(|x| x / length).collect()
        };
        Ok(texts.iter().map(vector).collect())
    }
}

/// The embedder, shared.
pub(crate) fn embedder() -> Arc<dyn Embedder> {
    Arc::new(WordEmbedder)
}

/// Turns from `Speaker: text` lines.
pub(crate) fn turns(lines: &[&str]) -> Vec<SourceTurn> {
    let turn = |(sequence, line): (u64, &&str)| {
        let (speaker, text) = line.split_once(": ").unwrap();
        SourceTurn {
            speaker: speaker.into(),
            role: "user".into(),
            text: text.into(),
            sequence,
            date: jiff::civil::date(2024, 5, 4).into(),
        }
    };
    (1..).zip(lines).map(turn).collect()
}
