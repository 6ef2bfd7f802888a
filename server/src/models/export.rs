//! Makes ONNX files from verified weights where no hub gives them, with the
//! repository's script in a throw-away Python environment.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{ModelsError, progress::Progress, python::Python, registry::Runtime};

/// The script that this build ships.
const SCRIPT: &str = include_str!("../../../scripts/export_onnx.py");

/// What the script made.
pub(super) struct Exported {
    pub(super) fp32: PathBuf,
    /// Only where it was asked for: quantizing takes a while.
    pub(super) int8: Option<PathBuf>,
}

/// What it is made from.
pub(super) struct Inputs<'a> {
    pub(super) weights: &'a Path,
    pub(super) config: &'a Path,
    /// Where ONNX Runtime's wheel may lie already, so that it is not fetched twice.
    pub(super) wheels: &'a Path,
}

/// Runs the export in a scratch directory; `int8` for the quantized file too.
pub(super) fn export(
    python: &Python,
    runtime: &Runtime,
    from: &Inputs<'_>,
    int8: bool,
    scratch: &Path,
    progress: &Progress,
) -> Result<Exported, ModelsError> {
    let step = progress.step("environment for the ONNX export", None);
    let mut requirements = runtime.export.clone();
    requirements.push(format!("{}=={}", runtime.package, runtime.version));
    let environment = python.environment(&scratch.join("packages"), &requirements, from.wheels)?;
    step.done();
    let step = progress.step("ONNX files from the weights", None);
    let script = scratch.join("export_onnx.py");
    fs::write(&script, SCRIPT).map_err(|error| ModelsError::io(&script, error))?;
    let int8 = int8.then(|| scratch.join("int8.onnx"));
    let made = Exported { fp32: scratch.join("fp32.onnx"), int8 };
    let arguments = [from.weights, from.config, &made.fp32];
    environment.run_script(&script, arguments.into_iter().chain(made.int8.as_deref()))?;
    step.done();
    Ok(made)
}
