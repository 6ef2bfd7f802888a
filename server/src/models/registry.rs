//! `models.toml`: which models there are, their files, hashes and sources.
//! Parsed once, checked whole; unknown keys are refused.

use std::path::{Component, Path};

use serde::Deserialize;
use throughline_memory::embed::Pooling;

use super::ModelsError;

/// The registry that this build ships.
pub(super) const BUILT_IN: &str = include_str!("../../../models.toml");

/// Every model that can be fetched.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// The embedding model where the configuration names none.
    pub default_embedding: String,
    /// Where ONNX Runtime comes from.
    pub runtime: Runtime,
    /// The models.
    #[serde(rename = "model")]
    pub models: Vec<Model>,
}

/// The package with ONNX Runtime's library.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    /// Its name on PyPI.
    pub package: String,
    /// Its exact version.
    pub version: String,
    /// Requirements of the export script beside it.
    pub export: Vec<String>,
}

/// One model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its name everywhere.
    pub name: String,
    /// What it is for.
    pub purpose: Purpose,
    /// It is good for smoke tests alone: nothing that is used may be written by it.
    #[serde(default)]
    pub for_tests_only: bool,
    /// SPDX name of the weights' licence.
    pub licence: String,
    /// Which languages it reads.
    pub languages: String,
    /// Length of its vectors; an embedding model's.
    #[serde(default)]
    pub dimensions: usize,
    /// Word pieces or tokens that it reads, special ones included.
    pub max_tokens: usize,
    /// How piece vectors become one; an embedding model's.
    #[serde(default)]
    pub pooling: PoolingName,
    /// Set before queries.
    #[serde(default)]
    pub query_prefix: String,
    /// Set before passages.
    #[serde(default)]
    pub passage_prefix: String,
    /// First source.
    pub hub: Option<Hub>,
    /// Further sources, in order.
    #[serde(default, rename = "package")]
    pub packages: Vec<Package>,
    /// Last source: one file in the parts of many packages.
    pub joined: Option<Joined>,
    /// Its files.
    #[serde(rename = "file")]
    pub files: Vec<File>,
}

/// What a model is for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Vectors of texts.
    Embedding,
    /// Texts that answer texts.
    Llm,
}

impl Purpose {
    /// As in `models.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Embedding => "embedding",
            Self::Llm => "llm",
        }
    }
}

/// [`Pooling`] as spelt in the registry.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum PoolingName {
    /// [`Pooling::Mean`].
    #[default]
    Mean,
    /// [`Pooling::Cls`].
    Cls,
}

impl From<PoolingName> for Pooling {
    fn from(name: PoolingName) -> Self {
        match name {
            PoolingName::Mean => Self::Mean,
            PoolingName::Cls => Self::Cls,
        }
    }
}

/// A repository of the model hub.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hub {
    /// `owner/name`.
    pub repository: String,
    /// A commit, so that what is fetched cannot change.
    pub revision: String,
}

/// A Python package whose wheel holds the files.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Its name on PyPI.
    pub name: String,
    /// Its exact version.
    pub version: String,
    /// Path of a zip archive inside the wheel that holds the files.
    pub archive: Option<String>,
    /// Folder of the files inside the wheel or archive, with its last slash.
    pub folder: String,
    /// Size of the wheel, for the progress bar.
    pub bytes: Option<u64>,
}

/// Python packages that each hold a part of one file. `{n}` stands for the number
/// of the part, from 1, `{nn}` for the same in two digits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joined {
    /// The packages' names on PyPI.
    pub name: String,
    /// Their exact version.
    pub version: String,
    /// Where the part lies in its wheel.
    pub path: String,
    /// How many there are.
    pub parts: usize,
}

/// One file of a model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// What it is.
    pub role: Role,
    /// Its path in the hub repository and in the model's directory.
    pub path: String,
    /// Size, for the progress bar and for telling a truncated file.
    pub bytes: Option<u64>,
    /// SHA-256 as published, hex.
    pub sha256: Option<String>,
    /// SHA-256 as made by the export script, hex. With it the file can be made.
    pub made_sha256: Option<String>,
    /// Whether the hub has it.
    #[serde(default = "yes")]
    pub hub: bool,
}

fn yes() -> bool {
    true
}

/// What a file of a model is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Weights as safetensors.
    Weights,
    /// Hugging Face `tokenizer.json`.
    Tokenizer,
    /// Hugging Face `config.json`.
    Config,
    /// The model for ONNX Runtime in 32-bit floats.
    OnnxFp32,
    /// The same with 8-bit weights.
    OnnxInt8,
    /// Weights, vocabulary and chat template of a language model.
    Gguf,
    /// The same, made over when it is pulled: without weights of kinds that are
    /// computed slowly.
    GgufQ8,
}

impl Role {
    /// As in `models.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Tokenizer => "tokenizer",
            Self::Config => "config",
            Self::OnnxFp32 => "onnx-fp32",
            Self::OnnxInt8 => "onnx-int8",
            Self::Gguf => "gguf",
            Self::GgufQ8 => "gguf-q8",
        }
    }

    /// Whether only ONNX Runtime needs it.
    pub(super) fn is_onnx(self) -> bool {
        matches!(self, Self::OnnxFp32 | Self::OnnxInt8)
    }

    /// Whether packages do not hold it: it is made here from others.
    pub(super) fn is_made(self) -> bool {
        self.is_onnx() || self == Self::GgufQ8
    }
}

impl File {
    /// Whether content with this hash may stand here; a file without known
    /// hashes takes any.
    pub fn allows(&self, sha256: &str) -> bool {
        let mut known = [&self.sha256, &self.made_sha256].into_iter().flatten().peekable();
        known.peek().is_none() || known.any(|hash| hash.eq_ignore_ascii_case(sha256))
    }
}

impl Model {
    /// Its file of a kind.
    ///
    /// # Errors
    /// [`ModelsError::NoSuchFile`].
    pub fn file(&self, role: Role) -> Result<&File, ModelsError> {
        self.files
            .iter()
            .find(|file| file.role == role)
            .ok_or_else(|| ModelsError::NoSuchFile { name: self.name.clone(), role: role.as_str() })
    }
}

impl Registry {
    /// Reads and checks a registry.
    ///
    /// # Errors
    /// [`ModelsError::Registry`], with the line where TOML itself is wrong.
    pub fn parse(text: &str) -> Result<Self, ModelsError> {
        let registry: Self =
            toml::from_str(text).map_err(|error| ModelsError::Registry(error.to_string()))?;
        for (place, model) in registry.models.iter().enumerate() {
            check(model)
                .map_err(|what| ModelsError::Registry(format!("model {:?}: {what}", model.name)))?;
            if registry.models.iter().take(place).any(|earlier| earlier.name == model.name) {
                return Err(ModelsError::Registry(format!("model {:?} twice", model.name)));
            }
        }
        registry.purposed(&registry.default_embedding, Purpose::Embedding)?;
        Ok(registry)
    }

    /// A model by name.
    ///
    /// # Errors
    /// [`ModelsError::Unknown`].
    pub fn model(&self, name: &str) -> Result<&Model, ModelsError> {
        self.models.iter().find(|model| model.name == name).ok_or_else(|| ModelsError::Unknown {
            name: name.to_owned(),
            known: self
                .models
                .iter()
                .map(|model| model.name.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        })
    }
}

impl Registry {
    /// A model by name that is for this.
    ///
    /// # Errors
    /// [`ModelsError::Unknown`], [`ModelsError::Purpose`].
    pub fn purposed(&self, name: &str, purpose: Purpose) -> Result<&Model, ModelsError> {
        let model = self.model(name)?;
        if model.purpose == purpose {
            return Ok(model);
        }
        let others = self.models.iter().filter(|model| model.purpose == purpose);
        let known: Vec<&str> = others.map(|model| model.name.as_str()).collect();
        Err(ModelsError::Purpose {
            name: name.to_owned(),
            is: model.purpose.as_str(),
            wanted: purpose.as_str(),
            known: known.join(", "),
        })
    }

    /// A language model whose words are used; one for smoke tests only with `for_tests`.
    ///
    /// # Errors
    /// [`ModelsError::Unknown`], [`ModelsError::Purpose`], [`ModelsError::ForTestsOnly`].
    pub fn writer(&self, name: &str, for_tests: bool) -> Result<&Model, ModelsError> {
        let model = self.purposed(name, Purpose::Llm)?;
        if !model.for_tests_only || for_tests {
            return Ok(model);
        }
        let fit = |model: &&Model| model.purpose == Purpose::Llm && !model.for_tests_only;
        let instead = self.models.iter().find(fit).map_or("another", |model| model.name.as_str());
        Err(ModelsError::ForTestsOnly { name: name.to_owned(), instead: instead.to_owned() })
    }
}

fn check(model: &Model) -> Result<(), String> {
    let plain = |name: &str| {
        !name.is_empty()
            && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
    };
    if !plain(&model.name) || model.name.contains('/') {
        return Err("its name is also a directory's: no '/', no '..'".to_owned());
    }
    let embeds = model.purpose == Purpose::Embedding;
    if model.max_tokens == 0 || embeds != (model.dimensions > 0) {
        return Err(
            "max_tokens is 1 or more, and dimensions too if it is an embedding model".to_owned()
        );
    }
    if let Some(joined) = &model.joined {
        let numbered = |text: &str| text.contains("{n}") || text.contains("{nn}");
        if joined.parts == 0 || !numbered(&joined.name) || !numbered(&joined.path) {
            return Err("joined packages are 1 or more, with {n} in name and path".to_owned());
        }
    }
    for file in &model.files {
        if !plain(&file.path) {
            return Err(format!("path {:?} leads out of its directory", file.path));
        }
        for hash in [&file.sha256, &file.made_sha256].into_iter().flatten() {
            if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(format!("{}: {hash:?} is no SHA-256 in hex", file.path));
            }
        }
        if model.files.iter().filter(|other| other.role == file.role).count() > 1 {
            return Err(format!("two files are its {}", file.role.as_str()));
        }
    }
    let needed: &[Role] = if embeds { &[Role::Tokenizer, Role::Config] } else { &[Role::Gguf] };
    for &role in needed {
        model.file(role).map_err(|error| error.to_string())?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
