//! Makes ONNX files from verified weights where no hub gives them, with the
//! repository's script in a throw-away Python environment.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{ModelsError, progress::Progress, python::Python, registry::Runtime};

/// The script that this build ships.
const SCRIPT: &str = include_str!("../../../scripts/export_onnx.py");

/// The two files that the script makes.
pub(super) struct Exported {
    pub(super) fp32: PathBuf,
    pub(super) int8: PathBuf,
}

/// Runs the export in a scratch directory. `wheels` is where ONNX Runtime's
/// wheel may lie already, so that it is not fetched twice.
pub(super) fn export(
    python: &Python,
    runtime: &Runtime,
    weights: &Path,
    config: &Path,
    scratch: &Path,
    wheels: &Path,
    progress: &Progress,
) -> Result<Exported, ModelsError> {
    let step = progress.step("environment for the ONNX export", None);
    let mut requirements = runtime.export.clone();
    requirements.push(format!("{}=={}", runtime.package, runtime.version));
    let environment = python.environment(&scratch.join("venv"), &requirements, wheels)?;
    step.done();
    let step = progress.step("ONNX files from the weights", None);
    let script = scratch.join("export_onnx.py");
    fs::write(&script, SCRIPT).map_err(|error| ModelsError::io(&script, error))?;
    let made = Exported { fp32: scratch.join("fp32.onnx"), int8: scratch.join("int8.onnx") };
    environment.run_script(&script, [weights, config, &made.fp32, &made.int8])?;
    step.done();
    Ok(made)
}
