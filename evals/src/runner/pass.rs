//! Which server answers which questions: one for all of them, or with
//! cross-validation one for each fold, started with the weights that were
//! learnt without that fold.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::Value;
use tempfile::TempDir;
use throughline_proto::v1::GetServerInfoResponse;

use crate::{
    cli::{DataArgs, ServerArgs},
    client::{Api, describe},
    dataset::Dataset,
    folds::{Fold, FoldArgs, Kind},
    process::{Launch, Server},
};

/// Questions for one server.
pub(crate) struct Pass {
    /// The fold whose unseen questions these are.
    pub(crate) fold: Option<Fold>,
    /// The questions, with their conversations.
    pub(crate) dataset: Dataset,
}

/// Reads the data set that the arguments name.
///
/// # Errors
/// It cannot be read, or has no questions.
pub(crate) fn read(args: &DataArgs) -> anyhow::Result<Dataset> {
    let mut dataset = Dataset::read(args.dataset, &args.data, args.split.as_deref())?;
    if let Some(limit) = args.limit {
        dataset.questions.truncate(limit);
        dataset.retain(|_| true);
    }
    if dataset.questions.is_empty() {
        bail!("{} {} has no questions to ask", dataset.name.folder(), dataset.split);
    }
    Ok(dataset)
}

/// Splits a data set by fold; one pass with all of it if there are none. `own` is
/// what `--fold-weights` means for the command.
///
/// # Errors
/// The weights of a fold cannot be read.
pub(crate) fn passes(dataset: &Dataset, args: &FoldArgs, own: Kind) -> anyhow::Result<Vec<Pass>> {
    let folds = args.open(own)?;
    args.warn_of_seen(own, dataset.name.folder());
    if folds.is_empty() {
        return Ok(vec![Pass { fold: None, dataset: dataset.clone() }]);
    }
    let unseen = |fold: Fold| {
        let mut unseen = dataset.clone();
        unseen.retain(|question| fold.holds(&question.fold_id));
        Pass { fold: Some(fold), dataset: unseen }
    };
    let passes = folds.into_iter().map(unseen);
    Ok(passes.filter(|pass| !pass.dataset.questions.is_empty()).collect())
}

/// A server to ask, started or already running.
pub(crate) struct Opened {
    /// Its services.
    pub(crate) api: Api,
    /// What it says of itself.
    pub(crate) info: GetServerInfoResponse,
    /// `HOST:PORT` of it.
    pub(crate) address: String,
    server: Option<Server>,
    directory: Option<TempDir>,
}

impl Opened {
    /// Connects to the server of the arguments, or starts one with further
    /// `flags`.
    ///
    /// # Errors
    /// It cannot be started or does not answer.
    pub(crate) async fn new(args: &ServerArgs, flags: &[String]) -> anyhow::Result<Self> {
        let (server, directory) = match &args.server {
            Some(_) => (None, None),
            None => {
                let directory = match &args.store_dir {
                    Some(_) => None,
                    None => Some(tempfile::tempdir().context("a temporary directory")?),
                };
                let kept = args.store_dir.as_deref();
                let path = kept.or(directory.as_ref().map(TempDir::path));
                let path = path.context("no directory for the server's data")?;
                let flags = [flags, &args.server_flags].concat();
                let models = args.models_dir.as_deref();
                let launch = Launch::new(args.throughline.as_deref(), path, models, &flags)?;
                (Some(launch.start().await?), directory)
            }
        };
        let address = args.server.as_deref().or(server.as_ref().map(Server::address));
        let address = address.context("no server address")?.to_owned();
        let api = Api::connect(&address, args.api_key.as_deref()).await?;
        let info = api.server_info().await?;
        Ok(Self { api, info, address, server, directory })
    }

    /// The server of a fold, which has confirmed its weights; the one of the
    /// arguments without a fold.
    ///
    /// # Errors
    /// It cannot be started, or does not use the fold's weights.
    pub(crate) async fn for_fold(args: &ServerArgs, fold: Option<&Fold>) -> anyhow::Result<Self> {
        let Some(fold) = fold else { return Self::new(args, &[]).await };
        let mut args = args.clone();
        args.store_dir = args.store_dir.map(|kept| fold.store_dir(&kept));
        let opened = Self::new(&args, fold.flags()).await?;
        fold.check(&opened.info)?;
        Ok(opened)
    }

    /// The server of a pass.
    ///
    /// # Errors
    /// As of [`Self::for_fold`].
    pub(crate) async fn for_pass(args: &ServerArgs, pass: &Pass) -> anyhow::Result<Self> {
        Self::for_fold(args, pass.fold.as_ref()).await
    }

    /// What the result says of the server, with the fold and how much of what
    /// (`questions`) it was asked about.
    pub(crate) fn describe(&self, fold: Option<&Fold>, unit: &str, asked: usize) -> Value {
        let mut described = describe(&self.info);
        if let (Some(fold), Value::Object(fields)) = (fold, &mut described) {
            fields.insert("fold".to_owned(), fold.describe(unit, asked));
        }
        described
    }

    /// [`Self::describe`] of a pass.
    pub(crate) fn describe_pass(&self, pass: &Pass) -> Value {
        self.describe(pass.fold.as_ref(), "questions", pass.dataset.questions.len())
    }

    /// SHA-256 of the embedding model's weights.
    pub(crate) fn model_sha256(&self) -> Option<String> {
        self.info.embedding_model.as_ref().map(|model| model.sha256.clone())
    }

    /// Most memory that a started server has held, in bytes.
    pub(crate) fn peak_bytes(&self) -> Option<u64> {
        self.server.as_ref()?.peak_bytes()
    }

    /// Time that a started server has computed, in milliseconds.
    pub(crate) fn cpu_ms(&self) -> Option<f64> {
        self.server.as_ref()?.cpu_ms()
    }

    /// Where a started server's temporary data lies.
    pub(crate) fn directory(&self) -> Option<&Path> {
        self.directory.as_ref().map(TempDir::path)
    }

    /// Ends a started server; its data stays until [`Self::close`].
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        match self.server.take() {
            Some(server) => server.kill().await,
            None => Ok(()),
        }
    }

    /// Ends a started server and removes its temporary data.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) async fn close(mut self) -> anyhow::Result<()> {
        self.stop().await?;
        if let Some(directory) = self.directory {
            directory.close().context("remove the server's temporary data")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dataset::{Conversation, DatasetName, Question, Scoring},
        folds::{file, fold_of, testing},
    };
    use std::collections::BTreeSet;

    fn dataset(ids: &[&str]) -> Dataset {
        let question = |(index, id): (usize, &&str)| Question {
            id: (*id).to_owned(),
            conversation: index,
            fold_id: (*id).to_owned(),
            text: "?".into(),
            group: "g".into(),
            evidence: BTreeSet::new(),
            evidence_sessions: BTreeSet::new(),
            pair: None,
        };
        let conversation = |id: &&str| Conversation { id: (*id).to_owned(), sessions: Vec::new() };
        Dataset {
            name: DatasetName::Beam,
            split: "100K".into(),
            conversations: ids.iter().map(conversation).collect(),
            questions: ids.iter().enumerate().map(question).collect(),
            scoring: Scoring::default(),
        }
    }

    #[test]
    fn every_question_is_in_the_pass_of_its_fold() {
        let dir = tempfile::tempdir().unwrap();
        let ids: Vec<String> = (0..30).map(|n| format!("c{n}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let args = testing::folds(dir.path(), 3);
        let passes = passes(&dataset(&ids), &args, Kind::Ranking).unwrap();
        let mut seen = BTreeSet::new();
        for (number, pass) in (0..).zip(&passes) {
            let weights = file(dir.path(), number).to_string_lossy().into_owned();
            let fold = pass.fold.as_ref().unwrap();
            assert_eq!(fold.flags(), ["--ranking-weights".to_owned(), weights]);
            for question in &pass.dataset.questions {
                assert_eq!(fold_of(&question.id, 3), number);
                assert_eq!(pass.dataset.conversations[question.conversation].id, question.id);
                assert!(seen.insert(question.id.clone()));
            }
        }
        assert_eq!((passes.len(), seen.len()), (3, 30));
    }

    #[test]
    fn without_folds_there_is_one_pass() {
        let passes = passes(&dataset(&["a", "b"]), &FoldArgs::default(), Kind::Pins).unwrap();
        assert!(passes.len() == 1 && passes[0].fold.is_none());
        assert_eq!(passes[0].dataset.questions.len(), 2);
    }
}
