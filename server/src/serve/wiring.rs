//! Which parts a server is made of, and how a configuration becomes them. The
//! only file that knows.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use throughline_memory::{
    context::Tokenizers,
    embed::EmbedService,
    engine::{Engine, EngineParts, PinSettings, StoreTurnSource},
    facts::detect::{Live, PinDetector, PinDetectorError, PinWeights},
    index::{
        TurnIndex, TurnSource,
        exact::ExactIndex,
        qdrant::{QdrantIndex, QdrantOptions},
    },
    retrieval::RankingWeights,
    staleness::{
        Detect as _, SignalWeights, Signals, SignalsError, WeightsFile, asked::OrderModel,
        unsure::PairJudge,
    },
    store::{Store, StoreKind as Kind, StoreOptions},
    summary::generations::Generations,
    usage::Meter,
};

use super::{
    ServeError, entailment, model, rerank,
    writers::{self, Writers},
};
use crate::{
    config::{Config, IndexSettings, PinOptions, StoreKind},
    grpc::{About, Opened, Pins, Ranking, Scorer},
    page_token::PageTokens,
};

/// Opens the parts in order.
pub(super) async fn open(config: &Config) -> Result<Opened, ServeError> {
    let (store, pages) = open_store(config).await?;
    let tokenizers = Arc::new(tokenizers(config.tokenizers_dir.as_deref())?);
    let ranking = ranking(config.ranking_weights.as_deref())?;
    let scoring = Scoring::read(config.staleness_weights.as_deref())?;
    let (pins, mut pins_about) = pins(config.pins, config.pin_weights.as_deref())?;
    let reranker_files = rerank::files(config)?;
    let judge_files = entailment::files(config)?;
    let embed = model::open(config).await?;
    let reranker = rerank::open(config, reranker_files).await?;
    let encoder = entailment::encoder(config, judge_files).await?;
    let (detector, order, scorer) = scoring.judged(entailment::of_pairs(encoder.as_ref()))?;
    let index = index(&config.index, &store, &embed).await?;
    let meter = Arc::<Meter>::default();
    let generations = Generations::new(Arc::clone(&store));
    let model = writers::model(config, &generations, &meter).await?;
    let judge = entailment::of_summaries(config, encoder, model.as_ref())?;
    let Writers { summarizer, lines, summaries } =
        Writers::new(config, embed.unhurried(), model, judge)?;
    pins_about.lines = lines.as_ref().map(|lines| lines.version());
    let about = About {
        embedding: embed.model().clone(),
        ranking: Ranking {
            version: ranking.version.clone(),
            weights_sha256: ranking.sha256.clone(),
            trained_on: ranking.trained_on.clone(),
        },
        reranker: reranker.as_deref().map(rerank::about),
        scorer,
        pins: pins_about,
        summaries,
    };
    let parts = EngineParts {
        store,
        embed,
        index,
        tokenizers,
        ranking,
        reranker,
        detector,
        order,
        summarizer,
        generations,
        fold_rules: config.fold_rules,
        lines,
        pins,
        degradation: config.degradation,
        probes: config.probes,
        drift: config.drift,
        limits: config.limits.clone(),
        meter,
        clock: Arc::new(Timestamp::now),
    };
    let engine = Engine::start(parts).await?;
    Ok(Opened { engine, pages, about, prices: config.prices.clone() })
}

/// Recovery after a crash may take a while, so it runs beside the health
/// service. The store takes the directory's lock before anything is written.
async fn open_store(config: &Config) -> Result<(Arc<Store>, PageTokens), ServeError> {
    let kind = match config.store {
        StoreKind::Sled => Kind::Sled,
        StoreKind::Redb => Kind::Redb,
    };
    let dir = config.data_dir.clone();
    blocking(move || {
        data_dir(&dir)?;
        let store = Store::open(&StoreOptions::new(kind, &dir))?;
        Ok((Arc::new(store), PageTokens::open(&dir)?))
    })
    .await
}

/// Makes the data directory and tries to write in it: better told now than at
/// the first turn.
fn data_dir(path: &Path) -> Result<(), ServeError> {
    let usable = fs::create_dir_all(path).and_then(|()| tempfile::tempfile_in(path).map(drop));
    usable.map_err(|cause| ServeError::DataDir { path: path.to_owned(), cause })
}

fn tokenizers(dir: Option<&Path>) -> Result<Tokenizers, ServeError> {
    let mut tokenizers = Tokenizers::builtin();
    if let Some(dir) = dir {
        tokenizers
            .add_directory(dir)
            .map_err(|error| file("tokenizers-dir", dir.to_owned(), error.to_string()))?;
    }
    Ok(tokenizers)
}

fn ranking(path: Option<&Path>) -> Result<RankingWeights, ServeError> {
    let weights = path.map_or_else(RankingWeights::built_in, RankingWeights::read);
    let path = path.unwrap_or(Path::new("(built in)")).to_owned();
    weights.map_err(|error| file("ranking-weights", path, error.to_string()))
}

/// What draws staleness events and orders hits by them, read before anything is fetched.
struct Scoring {
    weights: SignalWeights,
    order: OrderModel,
    path: PathBuf,
}

impl Scoring {
    fn read(path: Option<&Path>) -> Result<Self, ServeError> {
        let read = || -> Result<_, SignalsError> {
            let weights =
                path.map_or_else(|| Ok(SignalWeights::built_in()), SignalWeights::read)?;
            Signals::with(&weights)?;
            Ok((weights.order_model()?, weights))
        };
        let path = path.unwrap_or(Path::new("(built in)")).to_owned();
        match read() {
            Ok((order, weights)) => Ok(Self { weights, order, path }),
            Err(error) => Err(unfit(path, &error)),
        }
    }

    /// The scorer, with what is asked about unsure pairs if anything is, what orders hits,
    /// and what is said of both.
    fn judged(
        self,
        judge: Option<Arc<dyn PairJudge>>,
    ) -> Result<(Arc<Signals>, OrderModel, Scorer), ServeError> {
        let Self { weights, order, path } = self;
        let signals = Signals::judged(&weights, judge).map_err(|error| unfit(path, &error))?;
        let named = |file: &WeightsFile| (file.part.to_owned(), file.sha256.clone());
        let scorer = Scorer {
            name: signals.name(),
            version: signals.version(),
            weights_sha256: weights.files().into_iter().map(named).collect(),
        };
        Ok((signals, order, scorer))
    }
}

fn unfit(path: PathBuf, error: &SignalsError) -> ServeError {
    file("staleness-weights", path, error.to_string())
}

/// What pins, and what is said of it.
fn pins(options: PinOptions, path: Option<&Path>) -> Result<(PinSettings, Pins), ServeError> {
    let read = || {
        let weights = path.map_or_else(|| Ok(PinWeights::built_in()), PinWeights::read)?;
        Ok((PinDetector::with(&weights)?, weights))
    };
    let (detector, weights) = read().map_err(|error: PinDetectorError| {
        let path = path.unwrap_or(Path::new("(built in)")).to_owned();
        file("pin-weights", path, error.to_string())
    })?;
    let about = Pins {
        enabled: options.enabled,
        detector: detector.name().to_owned(),
        version: detector.version(),
        weights_sha256: weights.sha256,
        max_per_conversation: options.max_per_conversation,
        lines: None,
    };
    let settings = PinSettings {
        detector: options.enabled.then(|| Arc::new(detector)),
        live: Live { at_most: options.max_per_conversation },
        min_probability: options.min_probability,
    };
    Ok((settings, about))
}

fn file(setting: &'static str, path: PathBuf, detail: String) -> ServeError {
    ServeError::File { setting, path, detail }
}

async fn index(
    settings: &IndexSettings,
    store: &Arc<Store>,
    embed: &Arc<EmbedService>,
) -> Result<Arc<dyn TurnIndex>, ServeError> {
    let source: Arc<dyn TurnSource> =
        Arc::new(StoreTurnSource::new(Arc::clone(store), embed.version()));
    Ok(match settings {
        IndexSettings::Exact { memory_bytes } => Arc::new(ExactIndex::new(source, *memory_bytes)),
        IndexSettings::Qdrant { url, api_key } => {
            let (key, options) = (api_key.as_deref(), QdrantOptions::default());
            Arc::new(QdrantIndex::connect(url, key, embed.model(), source, options).await?)
        }
    })
}

/// Runs what blocks beside the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ServeError> + Send + 'static,
) -> Result<T, ServeError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(ServeError::Early(error.to_string())))
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

    #[test]
    fn files_of_the_configuration_are_named_with_their_setting() {
        let dir = tempfile::tempdir().unwrap();
        let absent = dir.path().join("absent");
        let error = ranking(Some(&absent)).unwrap_err().to_string();
        assert!(error.contains("ranking-weights"), "{error}");
        for path in [&absent, dir.path()] {
            let error = Scoring::read(Some(path)).err().map(|error| error.to_string());
            let error = error.unwrap();
            assert!(error.contains("staleness-weights"), "{error}");
        }
        let error = tokenizers(Some(&absent)).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("tokenizers-dir")));
        assert!(ranking(None).is_ok());
    }
}
