//! Which parts a server is made of, and how a configuration becomes them. The
//! only file that knows.

use std::{fs, path::Path};

use throughline_memory::{
    embed::EmbeddingModel,
    engine::{Engine, EngineParts},
};

use super::ServeError;
use crate::{
    config::Config,
    grpc::{About, Opened, Ranking},
    page_token::PageTokens,
};

/// Opens the parts in order.
pub(super) async fn open(config: &Config) -> Result<Opened, ServeError> {
    data_dir(&config.data_dir)?;
    let pages = PageTokens::open(&config.data_dir)?;
    let engine = Engine::start(EngineParts { limits: config.limits.clone() }).await?;
    let embedding = EmbeddingModel {
        name: config.embedding.model.clone(),
        sha256: String::new(),
        dimensions: 0,
        max_tokens: 0,
        engine: String::new(),
        precision: String::new(),
        device: String::new(),
    };
    Ok(Opened { engine, pages, about: About { embedding, ranking: Ranking::default() } })
}

/// Makes the data directory and tries to write in it: better told now than at
/// the first turn.
fn data_dir(path: &Path) -> Result<(), ServeError> {
    let usable = fs::create_dir_all(path).and_then(|()| tempfile::tempfile_in(path).map(drop));
    usable.map_err(|cause| ServeError::DataDir { path: path.to_owned(), cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_that_cannot_be_written_is_named_with_the_mend() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = data_dir(&file.join("below")).unwrap_err().to_string();
        assert!(error.contains("--data-dir"), "{error}");
        assert!(data_dir(&dir.path().join("new/deep")).is_ok());
    }
}
