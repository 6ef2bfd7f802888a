//! Text to tokens and back, built from the vocabulary and merges in a model
//! file (`tokenizer.ggml.*`).
//!
//! Control tokens are found here and not by the tokenizer library, so that only
//! those of the chat template count, never those that a message spells out
//! (`template::MARK`).

mod bytes;
mod splitting;

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use regex::Regex;
use tokenizers::{Tokenizer, models::bpe::BPE};

pub(crate) use bytes::Decoder;

use super::{LlmError, gguf::Gguf, template::MARK};

/// `tokenizer.ggml.token_type`: part of the vocabulary like any other.
const NORMAL: usize = 1;
/// Written by the template, never by a text.
const CONTROL: usize = 3;
/// The same, though it stands for readable text.
const USER_DEFINED: usize = 4;

/// Ends a turn in one of the families that are known, whatever the file says.
const ENDINGS: [&str; 4] = ["<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "<|endoftext|>"];

/// The tokenizer of one model: for its prompts, and for whoever has to know how
/// many tokens a text is for it.
pub struct ChatTokenizer {
    /// Without control tokens.
    plain: Tokenizer,
    controls: HashMap<String, u32>,
    finder: Regex,
    /// What each token stands for; nothing for control tokens.
    spellings: Vec<Box<[u8]>>,
    /// Set before a prompt that does not begin with it.
    leading: Option<u32>,
    endings: HashSet<u32>,
    bos: String,
    eos: String,
}

impl ChatTokenizer {
    /// Reads it from a model file; the weights are left alone.
    ///
    /// # Errors
    /// [`LlmError::File`], or [`LlmError::Unsupported`] for a kind of tokenizer that
    /// is not built in.
    pub fn open(path: &Path) -> Result<Self, LlmError> {
        Self::new(&Gguf::open(path)?)
    }

    /// Builds it from a file's metadata.
    pub(crate) fn new(gguf: &Gguf) -> Result<Self, LlmError> {
        let model = gguf.text("tokenizer.ggml.model")?;
        if model != "gpt2" {
            return Err(gguf.unsupported(format!(
                "its tokenizer is {model:?}; byte-level BPE (\"gpt2\") is built in"
            )));
        }
        let tokens = gguf.texts("tokenizer.ggml.tokens")?;
        let kinds = gguf.numbers("tokenizer.ggml.token_type")?;
        if kinds.len() != tokens.len() {
            return Err(gguf.damaged("token_type and tokens are not of one length"));
        }
        let numbered = || (0u32..).zip(tokens.iter().zip(&kinds));
        let controls: HashMap<String, u32> = numbered()
            .filter(|(_, (_, kind))| matches!(**kind, CONTROL | USER_DEFINED))
            .map(|(id, (token, _))| ((*token).to_owned(), id))
            .collect();
        let alphabet = bytes::alphabet();
        let spellings = numbered()
            .map(|(_, (token, kind))| match *kind {
                NORMAL => bytes::spelling(token, &alphabet),
                USER_DEFINED => token.as_bytes().into(),
                _ => Box::default(),
            })
            .collect();
        let text_of = |key: &str| {
            let id = gguf.number(key).ok();
            id.and_then(|id| tokens.get(id)).map_or_else(String::new, |token| (*token).to_owned())
        };
        let eos = text_of("tokenizer.ggml.eos_token_id");
        let bos = text_of("tokenizer.ggml.bos_token_id");
        let wants_bos = gguf.flag("tokenizer.ggml.add_bos_token").unwrap_or(false);
        let endings = ENDINGS.into_iter().chain([eos.as_str()]);
        Ok(Self {
            plain: plain(gguf, &tokens, &kinds)?,
            finder: finder(&controls).map_err(|error| gguf.damaged(error))?,
            leading: if wants_bos { controls.get(&bos).copied() } else { None },
            endings: endings.filter_map(|token| controls.get(token).copied()).collect(),
            controls,
            spellings,
            bos,
            eos,
        })
    }

    /// Texts of the tokens that begin and end, for the template.
    pub(crate) fn bounds(&self) -> (&str, &str) {
        (&self.bos, &self.eos)
    }

    /// Finds control tokens.
    pub(crate) fn controls(&self) -> &Regex {
        &self.finder
    }

    /// Whether the model says with this token that it is done.
    pub(crate) fn ends(&self, token: u32) -> bool {
        self.endings.contains(&token)
    }

    /// Tokens of a rendered prompt, in which control tokens count.
    pub(crate) fn prompt(&self, rendered: &str) -> Result<Vec<u32>, LlmError> {
        let mut tokens = Vec::new();
        let mut done = 0;
        for found in self.finder.find_iter(rendered) {
            self.append(rendered.get(done..found.start()).unwrap_or_default(), &mut tokens)?;
            tokens.extend(self.controls.get(found.as_str()));
            done = found.end();
        }
        self.append(rendered.get(done..).unwrap_or_default(), &mut tokens)?;
        if let Some(leading) = self.leading
            && tokens.first() != Some(&leading)
        {
            tokens.insert(0, leading);
        }
        Ok(tokens)
    }

    /// Tokens of a text in which nothing is a control token.
    ///
    /// # Errors
    /// [`LlmError::Engine`].
    pub fn text(&self, text: &str) -> Result<Vec<u32>, LlmError> {
        let mut tokens = Vec::new();
        self.append(text, &mut tokens)?;
        Ok(tokens)
    }

    fn append(&self, text: &str, tokens: &mut Vec<u32>) -> Result<(), LlmError> {
        if text.is_empty() {
            return Ok(());
        }
        let text = text.replace(MARK, "");
        let encoded = self
            .plain
            .encode_fast(text, false)
            .map_err(|error| LlmError::Engine(error.to_string()))?;
        tokens.extend_from_slice(encoded.get_ids());
        Ok(())
    }

    /// The text that tokens stand for. Control tokens stand for none; half
    /// characters at the end become U+FFFD.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let mut decoder = Decoder::default();
        let mut text: String =
            tokens.iter().map(|token| decoder.push(self.spelling(*token))).collect();
        text.push_str(decoder.rest());
        text
    }

    /// The bytes that a token stands for.
    pub(crate) fn spelling(&self, token: u32) -> &[u8] {
        let place = usize::try_from(token).ok();
        place.and_then(|place| self.spellings.get(place)).map_or(&[], |bytes| bytes)
    }
}

/// The library's tokenizer over the ordinary tokens.
fn plain(gguf: &Gguf, tokens: &[&str], kinds: &[usize]) -> Result<Tokenizer, LlmError> {
    let name =
        if gguf.has("tokenizer.ggml.pre") { gguf.text("tokenizer.ggml.pre")? } else { "gpt-2" };
    let splitting = splitting::by_name(name)
        .map_err(|error| LlmError::Engine(error.to_string()))?
        .ok_or_else(|| gguf.unsupported(format!("its pre-tokenizer {name:?} is not built in")))?;
    let vocabulary: tokenizers::models::bpe::Vocab = (0u32..)
        .zip(tokens.iter().zip(kinds))
        .filter(|(_, (_, kind))| **kind == NORMAL)
        .map(|(id, (token, _))| ((*token).to_owned(), id))
        .collect();
    let merges: Option<Vec<(String, String)>> = gguf
        .texts("tokenizer.ggml.merges")?
        .into_iter()
        .map(|merge| merge.split_once(' ').map(|(left, right)| (left.into(), right.into())))
        .collect();
    let merges = merges.ok_or_else(|| gguf.damaged("a merge is not two tokens"))?;
    let model = BPE::builder()
        .vocab_and_merges(vocabulary, merges)
        .ignore_merges(splitting.whole_words)
        .build()
        .map_err(|error| gguf.damaged(error))?;
    let mut plain = Tokenizer::new(model);
    plain
        .with_normalizer(splitting.normalizer)
        .map_err(|error| LlmError::Engine(error.to_string()))?;
    plain.with_pre_tokenizer(Some(splitting.pre_tokenizer));
    Ok(plain)
}

/// Finds any control token, the longest first.
fn finder(controls: &HashMap<String, u32>) -> Result<Regex, regex::Error> {
    let mut texts: Vec<&str> =
        controls.keys().map(String::as_str).filter(|text| !text.is_empty()).collect();
    texts.sort_by_key(|text| (std::cmp::Reverse(text.len()), *text));
    let texts: Vec<String> = texts.into_iter().map(regex::escape).collect();
    // An alternative of none would match everywhere.
    Regex::new(if texts.is_empty() { r"[^\s\S]".to_owned() } else { texts.join("|") }.as_str())
}
