//! Counting tokens as the model would: the two encodings that OpenAI's models
//! use, any Hugging Face `tokenizer.json`, and the registry that requests name
//! them by. Assembly counts with nothing else.
//!
//! Invariants: text that looks like a special token is counted as plain text,
//! because it is somebody's words; no text makes a counter panic or count too
//! few.

use std::{
    collections::{BTreeMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use moka::sync::Cache;
use tiktoken_rs::CoreBPE;

/// Name of the tokenizer of GPT-4 and GPT-3.5.
pub const CL100K_BASE: &str = "cl100k_base";
/// Name of the tokenizer of GPT-4o and later.
pub const O200K_BASE: &str = "o200k_base";

/// Tokenizers that a directory may add; more are refused at start.
pub const MAX_EXTRA_TOKENIZERS: usize = 64;
/// Largest `tokenizer.json` that is read, in bytes.
pub const MAX_TOKENIZER_BYTES: u64 = 64 << 20;

/// Texts whose counts a tokenizer remembers, about 2 MiB for each tokenizer, and
/// their greatest length in bytes: longer ones do not come again.
const MAX_REMEMBERED: u64 = 16_384;
const MAX_REMEMBERED_BYTES: usize = 512;

/// Most tokens that one byte of text can become in a tokenizer that first
/// normalises: NFKD makes 33 bytes of the 3 of U+FDFA, the largest growth in
/// Unicode (Unicode Standard Annex 15, "Maximum Expansion Factors").
const MAX_TOKENS_PER_BYTE: usize = 11;

/// Counts tokens of a text as the model would.
pub trait TokenCounter: Send + Sync + 'static {
    /// The name that requests use.
    fn name(&self) -> &str;
    /// Tokens of a text that stands alone between special tokens.
    fn count(&self, text: &str) -> u32;
    /// The same for a short text that every window counts again (a header, a
    /// pin): remembered where that is cheaper.
    fn count_again(&self, text: &str) -> u32 {
        self.count(text)
    }
    /// Whether a text that is cut before a `[` that follows a line feed, or
    /// before the blank before such a `[`, has as many tokens as its pieces together. Assembly then adds costs up instead
    /// of counting whole messages again.
    fn additive(&self) -> bool {
        false
    }
}

/// Counts of short texts, of all tenants. By a keyed hash, so that no words of a
/// text that is erased stay here.
struct Memory {
    counts: Cache<[u8; 32], u32>,
    key: [u8; 32],
}

impl Memory {
    fn new() -> Self {
        Self { counts: Cache::new(MAX_REMEMBERED), key: rand::random() }
    }

    fn count(&self, counter: &dyn TokenCounter, text: &str) -> u32 {
        if text.len() > MAX_REMEMBERED_BYTES {
            return counter.count(text);
        }
        let name = *blake3::keyed_hash(&self.key, text.as_bytes()).as_bytes();
        if let Some(tokens) = self.counts.get(&name) {
            return tokens;
        }
        let tokens = counter.count(text);
        self.counts.insert(name, tokens);
        tokens
    }
}

/// An encoding that `tiktoken-rs` ships the tables of.
struct Tiktoken {
    name: &'static str,
    bpe: &'static CoreBPE,
    memory: Memory,
}

impl TokenCounter for Tiktoken {
    fn name(&self) -> &str {
        self.name
    }

    fn count(&self, text: &str) -> u32 {
        // No special token is allowed, so this is the ordinary encoding; unlike
        // `encode_ordinary` it answers instead of panicking when the splitting
        // pattern gives up (a line of some hundred thousand blanks). Every
        // token has at least one byte, so then the bytes are an upper bound.
        match self.bpe.encode(text, &HashSet::new()) {
            Ok((tokens, _)) => saturate(tokens.len()),
            Err(error) => {
                tracing::debug!(tokenizer = self.name, %error, "counted by bytes");
                saturate(text.len())
            }
        }
    }

    fn count_again(&self, text: &str) -> u32 {
        self.memory.count(self, text)
    }

    // Both patterns split text into pieces that are encoded apart. None of
    // their alternatives goes on over "\n[" or "\n [": a letter run takes no line feed,
    // a run of signs ends with its line feeds ("/" may follow them in o200k,
    // "[" and blanks may not), and a run of white space that ends with a line feed is
    // taken up to that line feed, whatever follows; the blank is taken with the
    // bracket. None looks back either, so
    // what follows the cut is split as if it stood alone.
    fn additive(&self) -> bool {
        true
    }
}

/// A tokenizer in Hugging Face's format.
struct HuggingFace {
    name: String,
    tokenizer: tokenizers::Tokenizer,
    memory: Memory,
}

impl HuggingFace {
    fn new(name: &str, mut tokenizer: tokenizers::Tokenizer) -> Result<Self, TokenizerError> {
        // Files saved from a training set-up cut and pad; a count must not.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| TokenizerError::Malformed {
            path: PathBuf::from(name),
            reason: error.to_string(),
        })?;
        tokenizer.set_encode_special_tokens(true);
        Ok(Self { name: name.to_owned(), tokenizer, memory: Memory::new() })
    }
}

impl TokenCounter for HuggingFace {
    fn name(&self) -> &str {
        &self.name
    }

    fn count(&self, text: &str) -> u32 {
        match self.tokenizer.encode_fast(text, false) {
            Ok(encoding) => saturate(encoding.len()),
            Err(error) => {
                tracing::debug!(tokenizer = self.name, %error, "counted by bytes");
                saturate(text.len().saturating_mul(MAX_TOKENS_PER_BYTE))
            }
        }
    }

    fn count_again(&self, text: &str) -> u32 {
        self.memory.count(self, text)
    }
}

fn saturate(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// No tokenizer has this name: the caller's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown tokenizer {name:?}; this server knows {}", known.join(", "))]
pub struct UnknownTokenizer {
    /// The name asked for, cut to 80 characters.
    pub name: String,
    /// Names that would do, sorted.
    pub known: Vec<String>,
}

/// Extra tokenizers could not be taken in: the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The directory or a file in it cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not in Hugging Face's format.
    #[error("{path} is no tokenizer.json: {reason}")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file is over [`MAX_TOKENIZER_BYTES`].
    #[error("{path} has {bytes} bytes, at most {MAX_TOKENIZER_BYTES} are read")]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// Two tokenizers have one name.
    #[error("there are two tokenizers named {0:?}")]
    Duplicate(String),
    /// There are more than [`MAX_EXTRA_TOKENIZERS`].
    #[error("more than {MAX_EXTRA_TOKENIZERS} extra tokenizers")]
    TooMany,
}

/// The tokenizers that requests can name.
#[derive(Clone)]
pub struct Tokenizers {
    by_name: BTreeMap<String, Arc<dyn TokenCounter>>,
}

impl Tokenizers {
    /// The encodings that need no file.
    pub fn builtin() -> Self {
        let builtin = [
            (CL100K_BASE, tiktoken_rs::cl100k_base_singleton()),
            (O200K_BASE, tiktoken_rs::o200k_base_singleton()),
        ];
        let by_name = builtin.into_iter().map(|(name, bpe)| {
            let counter: Arc<dyn TokenCounter> =
                Arc::new(Tiktoken { name, bpe, memory: Memory::new() });
            (name.to_owned(), counter)
        });
        let by_name = by_name.collect();
        Self { by_name }
    }

    /// Adds every `NAME.json` and `NAME/tokenizer.json` of a directory under
    /// its `NAME`, in order of name.
    ///
    /// # Errors
    /// [`TokenizerError`] for a file that cannot be read or is no tokenizer, a
    /// name that exists already, and more than [`MAX_EXTRA_TOKENIZERS`].
    pub fn add_directory(&mut self, directory: &Path) -> Result<(), TokenizerError> {
        let unreadable = |source| TokenizerError::Unreadable { path: directory.to_owned(), source };
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(directory).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let file = if path.is_dir() { path.join("tokenizer.json") } else { path.clone() };
            if !file.is_file() || file.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            if files.insert(name.to_owned(), file).is_some() {
                return Err(TokenizerError::Duplicate(name.to_owned()));
            }
            if files.len() > MAX_EXTRA_TOKENIZERS {
                return Err(TokenizerError::TooMany);
            }
        }
        files.iter().try_for_each(|(name, file)| self.add_file(name, file))
    }

    /// Adds one Hugging Face `tokenizer.json` under a name.
    ///
    /// # Errors
    /// As [`Tokenizers::add_directory`].
    pub fn add_file(&mut self, name: &str, file: &Path) -> Result<(), TokenizerError> {
        let unreadable = |source| TokenizerError::Unreadable { path: file.to_owned(), source };
        let bytes = fs::metadata(file).map_err(unreadable)?.len();
        if bytes > MAX_TOKENIZER_BYTES {
            return Err(TokenizerError::TooLarge { path: file.to_owned(), bytes });
        }
        let json = fs::read(file).map_err(unreadable)?;
        self.add_json(name, &json).map_err(|error| match error {
            TokenizerError::Malformed { reason, .. } => {
                TokenizerError::Malformed { path: file.to_owned(), reason }
            }
            other => other,
        })
    }

    /// Adds the contents of a Hugging Face `tokenizer.json` under a name.
    ///
    /// # Errors
    /// As [`Tokenizers::add_directory`].
    pub fn add_json(&mut self, name: &str, json: &[u8]) -> Result<(), TokenizerError> {
        if self.by_name.contains_key(name) {
            return Err(TokenizerError::Duplicate(name.to_owned()));
        }
        let tokenizer = tokenizers::Tokenizer::from_bytes(json).map_err(|error| {
            TokenizerError::Malformed { path: PathBuf::from(name), reason: error.to_string() }
        })?;
        let counter = HuggingFace::new(name, tokenizer)?;
        self.by_name.insert(name.to_owned(), Arc::new(counter));
        Ok(())
    }

    /// The tokenizer of this name.
    ///
    /// # Errors
    /// [`UnknownTokenizer`], which lists the names that would do.
    pub fn get(&self, name: &str) -> Result<Arc<dyn TokenCounter>, UnknownTokenizer> {
        self.by_name.get(name).cloned().ok_or_else(|| UnknownTokenizer {
            name: name.chars().take(80).collect(),
            known: self.names().map(str::to_owned).collect(),
        })
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Counts bytes, and how often it is asked.
    #[derive(Default)]
    struct Bytes(AtomicU32);

    impl TokenCounter for Bytes {
        fn name(&self) -> &str {
            "bytes"
        }

        fn count(&self, text: &str) -> u32 {
            self.0.fetch_add(1, Ordering::SeqCst);
            saturate(text.len())
        }
    }

    #[test]
    fn counts_are_remembered_without_the_words() {
        let (memory, bytes) = (Memory::new(), Bytes::default());
        for _ in 0..3 {
            assert_eq!(memory.count(&bytes, "a secret"), 8);
            assert_eq!(memory.count(&bytes, "another"), 7);
        }
        assert_eq!(bytes.0.load(Ordering::SeqCst), 2);
        // Nobody can tell from what is kept here whether a text was counted.
        let plain = *blake3::hash(b"a secret").as_bytes();
        assert!(memory.counts.iter().all(|(name, _)| *name != plain));
        assert_ne!(memory.key, Memory::new().key);
    }
}
