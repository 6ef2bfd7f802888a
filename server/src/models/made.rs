//! Files that are made from what was pulled: language models without weights of
//! kinds that are computed slowly. Once, beside their source.

use std::path::Path;

use throughline_summarizer::llm;

use super::{
    ModelsError, files,
    files::Lock,
    pull::{Pull, relative},
    registry::{File, Model, Role},
};

impl Pull<'_> {
    /// Gives back what it could not make.
    pub(super) fn by_making_over<'f>(
        &self,
        model: &Model,
        wanted: Vec<&'f File>,
        lock: &mut Lock,
        scratch: &Path,
    ) -> Result<Vec<&'f File>, ModelsError> {
        let Ok(source) = model.file(Role::Gguf) else { return Ok(wanted) };
        let source = self.dir.join(relative(model, source));
        let mut missing = Vec::new();
        for file in wanted {
            if file.role != Role::GgufQ8 || !source.exists() {
                missing.push(file);
                continue;
            }
            let step = self.progress.step(&format!("{} made over", model.name), None);
            let fresh = scratch.join("made.gguf");
            llm::requantise(&source, &fresh).map_err(|error| ModelsError::Making {
                file: file.path.clone(),
                detail: error.to_string(),
            })?;
            let found = files::sha256(&fresh)?;
            // What was made before may have been damaged; the source is verified.
            lock.sha256.remove(&relative(model, file));
            self.accept(model, file, &fresh, found, lock)?;
            step.done();
        }
        Ok(missing)
    }
}
