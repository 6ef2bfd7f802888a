//! Fetching, checking and finding models: what stands between `models.toml`
//! and the engines of `throughline_memory::embed`.
//!
//! [`ensure`] makes a models directory hold what is asked for and verified;
//! [`embedding_files`] then says where it lies. Everything blocks; call it from
//! a blocking thread.

mod bench;
mod bench_llm;
mod command;
mod error;
mod export;
mod files;
mod hub;
mod joined;
mod made;
mod progress;
mod pull;
mod python;
mod registry;
mod serve;
#[cfg(test)]
mod testing;
mod wheel;

use std::path::{Path, PathBuf};

use throughline_memory::embed::{ModelFile, ModelFiles, Precision};

pub use command::ModelsCommand;
pub use error::ModelsError;
pub use files::default_dir;
pub use progress::{Progress, Step};
pub use registry::{File, Hub, Joined, Model, Package, Purpose, Registry, Role, Runtime};

use files::Lock;
use hub::HubClient;
use pull::Pull;
use python::Python;

/// How to fetch.
#[derive(Clone, Debug)]
pub struct PullOptions {
    /// Do not ask the model hub; `HF_HUB_OFFLINE=1` does the same.
    pub offline: bool,
    /// Also what ONNX Runtime needs: its files and library. Not needed where
    /// only candle is to run.
    pub onnx: bool,
    /// The ONNX files of this precision alone; `None` means all that a model has.
    /// Those of int8 are always made here, which takes Python packages.
    pub precision: Option<Precision>,
}

impl Default for PullOptions {
    /// What a server with the default configuration needs.
    fn default() -> Self {
        Self { offline: false, onnx: true, precision: Some(Precision::Fp32) }
    }
}

/// State of one file in a models directory.
#[derive(Debug)]
pub struct Checked {
    /// The model, or `onnxruntime`.
    pub model: String,
    /// Path in the models directory.
    pub path: String,
    /// Whether something lacks it if it is not there: not an ONNX file of one
    /// precision where that of another was pulled.
    pub is_needed: bool,
    /// Its hash if it is there and right; `None` if it was never fetched.
    pub state: Result<Option<String>, ModelsError>,
}

/// The registry that this build ships.
///
/// # Errors
/// [`ModelsError::Registry`].
pub fn built_in() -> Result<Registry, ModelsError> {
    Registry::parse(registry::BUILT_IN)
}

/// The registry of a file, or the one that this build ships.
///
/// # Errors
/// The file cannot be read, or is none.
pub fn registry_of(file: Option<&Path>) -> Result<Registry, ModelsError> {
    let Some(file) = file else { return built_in() };
    let text = std::fs::read_to_string(file).map_err(|error| ModelsError::io(file, error))?;
    Registry::parse(&text)
}

/// Makes `dir` hold these models of the built-in registry, whole (in every precision)
/// and verified. What is there already is only hashed.
///
/// # Errors
/// [`ModelsError`], with the mend in its message.
pub fn ensure(names: &[&str], dir: &Path, progress: &Progress) -> Result<(), ModelsError> {
    let options = PullOptions { precision: None, ..PullOptions::default() };
    pull(&built_in()?, names, dir, &options, progress)
}

/// [`ensure`] with a registry and options of one's own.
///
/// # Errors
/// [`ModelsError`], with the mend in its message.
pub fn pull(
    registry: &Registry,
    names: &[&str],
    dir: &Path,
    options: &PullOptions,
    progress: &Progress,
) -> Result<(), ModelsError> {
    let hub = if options.offline { None } else { HubClient::from_environment() };
    let python = Python::from_environment();
    let PullOptions { offline: _, onnx, precision } = *options;
    Pull { registry, dir, progress, hub, python, onnx, precision }.run(names)
}

/// Where an embedding model of a directory lies, for the engines. Files are
/// not hashed here; [`ensure`] or [`verify`] does that.
///
/// # Errors
/// [`ModelsError::Missing`] if a file that every engine of this precision needs is not
/// there, [`ModelsError::NoSuchFile`] if the model has no weights of this precision.
pub fn embedding_files(
    registry: &Registry,
    name: &str,
    precision: Precision,
    dir: &Path,
) -> Result<ModelFiles, ModelsError> {
    let model = registry.purposed(name, Purpose::Embedding)?;
    let lock = Lock::read(dir)?;
    let place = |file: &File| {
        let relative = pull::relative(model, file);
        let path = dir.join(&relative);
        let known = || file.sha256.clone().or_else(|| file.made_sha256.clone());
        let sha256 = lock.sha256.get(&relative).cloned().or_else(known).unwrap_or_default();
        path.exists().then_some(ModelFile { path, sha256 })
    };
    let needed = |role, flags: &str| {
        let file = model.file(role)?;
        place(file).ok_or_else(|| ModelsError::Missing {
            wanted: format!("{name}{flags}"),
            path: dir.join(pull::relative(model, file)),
        })
    };
    // Candle computes in fp32 without an ONNX file.
    let onnx = match precision {
        Precision::Fp32 => model.file(Role::OnnxFp32).ok().and_then(place),
        Precision::Int8 => Some(needed(Role::OnnxInt8, " --precision int8")?),
    };
    Ok(ModelFiles {
        name: name.to_owned(),
        dimensions: model.dimensions,
        max_tokens: model.max_tokens,
        precision,
        pooling: model.pooling.into(),
        onnx,
        safetensors: model.file(Role::Weights).ok().and_then(place),
        tokenizer: needed(Role::Tokenizer, "")?,
        config: needed(Role::Config, "")?,
        runtime_library: runtime_library(registry, dir),
        query_prefix: model.query_prefix.clone(),
        passage_prefix: model.passage_prefix.clone(),
    })
}

/// ONNX Runtime's library in a directory, if it was pulled.
pub fn runtime_library(registry: &Registry, dir: &Path) -> Option<PathBuf> {
    let library = dir.join(pull::library_path(registry));
    library.exists().then_some(library)
}

/// Where a language model's file lies: the one that was made over, if it has
/// one. Files are not hashed here; [`ensure`] or [`verify`] does that.
///
/// # Errors
/// [`ModelsError::Missing`] if it was not pulled, [`ModelsError::Purpose`] if the
/// model is no language model.
pub fn llm_file(registry: &Registry, name: &str, dir: &Path) -> Result<ModelFile, ModelsError> {
    let model = registry.purposed(name, Purpose::Llm)?;
    let file = model.file(Role::GgufQ8).or_else(|_| model.file(Role::Gguf))?;
    let relative = pull::relative(model, file);
    let path = dir.join(&relative);
    if !path.exists() {
        return Err(ModelsError::Missing { wanted: name.to_owned(), path });
    }
    let locked = Lock::read(dir)?.sha256.get(&relative).cloned();
    let sha256 = match locked.or_else(|| file.sha256.clone()) {
        Some(sha256) => sha256,
        // It was carried here without its lock.
        None => files::sha256(&path)?,
    };
    Ok(ModelFile { path, sha256 })
}

/// Hashes every file of these models again, and ONNX Runtime's library if one of
/// them needs it.
///
/// # Errors
/// [`ModelsError::Unknown`], or an unreadable `models.lock`; what is wrong with
/// a file stands in its [`Checked::state`].
pub fn verify(
    registry: &Registry,
    names: &[&str],
    dir: &Path,
) -> Result<Vec<Checked>, ModelsError> {
    let lock = Lock::read(dir)?;
    let mut checked = Vec::new();
    for name in names {
        let model = registry.model(name)?;
        for file in &model.files {
            checked.push(Checked {
                model: model.name.clone(),
                path: pull::relative(model, file),
                is_needed: !other_precision_is_here(dir, model, file),
                state: pull::inspect(dir, model, file, &lock),
            });
        }
    }
    let mut models = registry.models.iter().filter(|model| names.contains(&model.name.as_str()));
    if !models.any(|model| model.purpose == Purpose::Embedding) {
        return Ok(checked);
    }
    let library = pull::library_path(registry);
    checked.push(Checked {
        model: registry.runtime.package.clone(),
        state: library_state(dir, &library, &lock),
        path: library,
        is_needed: true,
    });
    Ok(checked)
}

fn other_precision_is_here(dir: &Path, model: &Model, file: &File) -> bool {
    let is_other = |other: &&File| other.role.is_onnx() && other.role != file.role;
    let mut others = model.files.iter().filter(is_other);
    file.role.is_onnx() && others.any(|other| dir.join(pull::relative(model, other)).exists())
}

fn library_state(dir: &Path, name: &str, lock: &Lock) -> Result<Option<String>, ModelsError> {
    let path = dir.join(name);
    if !path.exists() {
        return Ok(None);
    }
    let found = files::sha256(&path)?;
    match lock.sha256.get(name) {
        Some(locked) if *locked != found => {
            let detail = format!("its SHA-256 is {found}, expected is {locked}");
            // Any model's pull fetches the library as well.
            Err(ModelsError::Damaged { name: String::new(), path, detail })
        }
        _ => Ok(Some(found)),
    }
}
