//! For tests only: a small tokenizer and a deterministic embedder that needs no
//! files. It hashes words into a vector; it says nothing about meaning.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokenizers::Tokenizer;

use super::{EmbedError, Embedder, EmbeddingModel, Vector};

const DIMENSIONS: usize = 16;

/// A BERT tokenizer whose vocabulary is single characters, whole and as
/// continuation, and a few words.
pub(crate) fn word_tokenizer() -> Tokenizer {
    let mut vocabulary = vec!["[PAD]".to_owned(), "[UNK]".into(), "[CLS]".into(), "[SEP]".into()];
    for character in ('a'..='z').chain(".!?,你好世界今日はสวัดี".chars()) {
        vocabulary.push(character.to_string());
        vocabulary.push(format!("##{character}"));
    }
    vocabulary.extend(
        "word one two three four five six seven eight nine ten zeile eins zwei"
            .split(' ')
            .map(str::to_owned),
    );
    let mut ids = serde_json::Map::new();
    for word in vocabulary {
        let next = ids.len();
        ids.entry(word).or_insert(next.into());
    }
    let json = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": {"type": "BertNormalizer", "clean_text": true,
            "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": ids}
    });
    Tokenizer::from_bytes(json.to_string()).expect("a tokenizer")
}

/// Hashes words; counts what it was asked; fails on the word `poison`.
pub(crate) struct HashEmbedder {
    model: EmbeddingModel,
    pub(crate) texts: AtomicUsize,
}

impl HashEmbedder {
    pub(crate) fn new() -> Arc<Self> {
        Self::named("test")
    }

    pub(crate) fn named(name: &str) -> Arc<Self> {
        Arc::new(Self {
            model: EmbeddingModel {
                name: name.into(),
                sha256: "0123456789abcdef0123".into(),
                dimensions: DIMENSIONS,
                max_tokens: 256,
                engine: "test".into(),
                precision: "fp32".into(),
                device: "cpu".into(),
            },
            texts: AtomicUsize::new(0),
        })
    }

    pub(crate) fn vector(text: &str) -> Vector {
        let mut vector = [1e-3f32; DIMENSIONS];
        for word in text.split_whitespace() {
            let place =
                usize::from(*blake3::hash(word.as_bytes()).as_bytes().first().unwrap_or(&0));
            if let Some(value) = vector.get_mut(place % DIMENSIONS) {
                *value += 1.0;
            }
        }
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        vector.iter().map(|value| value / length).collect()
    }
}

impl Embedder for HashEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        self.texts.fetch_add(texts.len(), Ordering::SeqCst);
        if texts.iter().any(|text| text.contains("poison")) {
            return Err(EmbedError::Engine("poisoned".into()));
        }
        Ok(texts.iter().map(|text| Self::vector(text)).collect())
    }
}
