//! ONNX Runtime's one environment, for every model that runs on it.
//!
//! `libonnxruntime` is loaded once in a process, from where the first model says
//! that it lies; later models use the same. The environment is never dropped: no
//! session may outlive it.

use std::path::{Path, PathBuf};

use ort::environment::Environment;
use parking_lot::Mutex;

/// The library's name where no path is given.
const SYSTEM_LIBRARY: &str = if cfg!(target_os = "macos") {
    "libonnxruntime.dylib"
} else if cfg!(target_os = "windows") {
    "onnxruntime.dll"
} else {
    "libonnxruntime.so"
};

static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// The library cannot be loaded. Operator.
#[derive(Clone, Debug, thiserror::Error)]
#[error("ONNX Runtime {library}: {detail}")]
pub struct RuntimeError {
    library: PathBuf,
    detail: String,
}

/// The environment, made on the first call from `library`; without one
/// `ORT_DYLIB_PATH` decides, then the system.
pub(crate) fn environment(library: Option<&Path>) -> Result<Environment, RuntimeError> {
    let mut slot = ENVIRONMENT.lock();
    if let Some(environment) = slot.as_ref() {
        return Ok(environment.clone());
    }
    let library = library.map_or_else(system_library, Path::to_owned);
    let error = |detail: String| RuntimeError { library: library.clone(), detail };
    // `init_from` and not the environment variable: it answers with an error
    // where ort's own first use would panic.
    let environment = ort::init_from(&library)
        .map_err(|cause| error(cause.to_string()))?
        .with_telemetry(false)
        .build()
        .map_err(|cause| error(cause.to_string()))?;
    Ok(slot.insert(environment).clone())
}

fn system_library() -> PathBuf {
    match std::env::var_os("ORT_DYLIB_PATH") {
        Some(path) if !path.is_empty() => path.into(),
        _ => SYSTEM_LIBRARY.into(),
    }
}
