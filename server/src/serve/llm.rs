//! The language model: fetched if it is missing, verified, loaded, behind its
//! queue, the meter and the record of what it answered.

use std::sync::Arc;

use throughline_memory::{summary::generations::Generations, usage::Meter};
use throughline_summarizer::llm::{
    ChatModel, Endpoint, GenerationLedger, LedgerError, LocalModel, QueueLimits, Record, RecordKey,
    Recorded,
};
use tonic::async_trait;

use super::{ServeError, metered, wiring::blocking};
use crate::{
    config::{Config, LlmSettings},
    models::{self, Progress, PullOptions},
};

/// Tokens of prompt and answer together: a segment is far shorter.
const CONTEXT_TOKENS: usize = 8_192;

/// What models answered, in the store.
struct StoredLedger(Generations);

/// Makes the configured model ready.
pub(super) async fn open(
    config: &Config,
    generations: &Generations,
    meter: &Arc<Meter>,
) -> Result<Option<Arc<dyn ChatModel>>, ServeError> {
    let Some(settings) = config.llm.clone() else { return Ok(None) };
    let (dir, pull) = (config.models_dir.clone(), config.pull);
    let models_file = config.models_file.clone();
    let served = blocking(move || match settings {
        LlmSettings::Local { name, device, for_tests } => {
            let registry = models::registry_of(models_file.as_deref())?;
            // Before anything of it is fetched.
            registry.writer(&name, for_tests)?;
            if pull {
                let options = PullOptions::default();
                models::pull(&registry, &[&name], &dir, &options, &Progress::auto())?;
            } else {
                for file in models::verify(&registry, &[&name], &dir)? {
                    file.state?;
                }
            }
            let file = models::llm_file(&registry, &name, &dir)?;
            let model = LocalModel {
                name,
                path: file.path,
                sha256: file.sha256,
                device,
                context_tokens: CONTEXT_TOKENS,
            };
            Ok::<_, ServeError>(model.open(QueueLimits::default())?)
        }
        LlmSettings::Endpoint { url, name, api_key } => {
            let endpoint = Endpoint { api_key, ..Endpoint::new(&url, &name) };
            Ok(endpoint.open(QueueLimits::default())?)
        }
    })
    .await?;
    let ledger = StoredLedger(generations.clone());
    // What is replayed from the record is not counted again.
    let meter = Arc::clone(meter);
    let served = served.observed(move |request, spent| metered::count(&meter, request, spent));
    Ok(Some(Arc::new(Recorded::new(served, ledger))))
}

#[async_trait]
impl GenerationLedger for StoredLedger {
    async fn get(&self, key: &RecordKey) -> Result<Option<Record>, LedgerError> {
        // What belongs to no conversation could not be erased with one.
        let Some(conversation) = &key.conversation else { return Ok(None) };
        let kept = self.0.get(&key.tenant, conversation, &key.hash);
        let kept = kept.map_err(|error| LedgerError(error.to_string()))?;
        let decode = |bytes: Vec<u8>| serde_json::from_slice(&bytes);
        kept.map(decode).transpose().map_err(|error| LedgerError(error.to_string()))
    }

    async fn put(&self, key: &RecordKey, record: &Record) -> Result<(), LedgerError> {
        let Some(conversation) = &key.conversation else { return Ok(()) };
        let bytes = serde_json::to_vec(record).map_err(|error| LedgerError(error.to_string()))?;
        let put = self.0.put(&key.tenant, conversation, &key.hash, bytes, key.erasures).await;
        put.map_err(|error| LedgerError(error.to_string()))
    }
}
