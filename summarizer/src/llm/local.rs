//! Opens a model file and serves it from one thread.

use std::path::PathBuf;

use super::{
    ChatRequest, DeviceChoice, Generation, LlmError, ModelInfo, QueueLimits, ServedModel,
    gguf::Gguf,
    served::{Emit, Engine, Halt, Scored},
    session::Session,
    threads,
};

/// Rows that one thread of a processor works on at a time; see [`chunk`].
const ROWS_PER_THREAD: usize = 32;

/// Prompt tokens that a GPU reads at a time.
const GPU_CHUNK: usize = 512;

/// Which model file, and how it is to run.
#[derive(Clone, Debug)]
pub struct LocalModel {
    /// Its name in `models.toml`.
    pub name: String,
    /// The GGUF file.
    pub path: PathBuf,
    /// Its SHA-256, hex: a part of the key of what is recorded.
    pub sha256: String,
    /// Where it computes.
    pub device: DeviceChoice,
    /// Most tokens of prompt and answer together; at most what the model was
    /// trained to read. What was read takes memory: 57 KB a token with 1.5B.
    pub context_tokens: usize,
}

/// A loaded model on the thread that it was loaded for.
struct Loaded {
    session: Session,
    /// What candle does not compute on its own pool, it computes on rayon's.
    pool: rayon::ThreadPool,
}

/// What a measurement gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Prompt tokens that were read in a second.
    pub prompt: f64,
    /// Tokens that were generated in a second.
    pub generation: f64,
}

impl LocalModel {
    fn load(&self) -> Result<(Loaded, ModelInfo), LlmError> {
        if self.context_tokens < 2 {
            return Err(LlmError::Settings("a context of at least 2 tokens is needed".to_owned()));
        }
        let (device, opened) = self.device.open()?;
        let threads = threads::in_force();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("llm-pool-{number}"))
            .build()
            .map_err(|error| LlmError::Engine(error.to_string()))?;
        let mut gguf = Gguf::open(&self.path)?;
        let chunk = if opened.is_cpu() { chunk(threads) } else { GPU_CHUNK };
        let session =
            pool.install(|| Session::load(&mut gguf, self.context_tokens, chunk, &opened))?;
        let info = ModelInfo {
            name: self.name.clone(),
            sha256: self.sha256.clone(),
            engine: "candle".to_owned(),
            device: device.to_string(),
            context_tokens: Some(session.context()),
            threads: opened.is_cpu().then_some(threads),
        };
        tracing::info!(model = %info.name, device = %info.device, threads, "language model loaded");
        Ok((Loaded { session, pool }, info))
    }

    /// Loads the model, which takes seconds, and starts its thread.
    ///
    /// # Errors
    /// [`LlmError`]: a file, a device or settings that cannot be used.
    pub fn open(&self, limits: QueueLimits) -> Result<ServedModel, LlmError> {
        let (loaded, info) = self.load()?;
        ServedModel::start(info, vec![loaded], limits)
    }

    /// Loads the model and measures it: a prompt of `prompt` tokens is read, then
    /// `generate` tokens are generated; the best of `rounds`, after one that does
    /// not count. Blocks.
    ///
    /// # Errors
    /// [`LlmError`] as for [`Self::open`], or a context too small for it.
    pub fn measure(
        &self,
        prompt: usize,
        generate: usize,
        rounds: usize,
    ) -> Result<(ModelInfo, Speed), LlmError> {
        let (Loaded { mut session, pool }, info) = self.load()?;
        let mut best = Speed { prompt: 0.0, generation: 0.0 };
        for round in 0..=rounds {
            let speed = pool.install(|| measure(&mut session, prompt, generate, round))?;
            if round > 0 {
                best.prompt = best.prompt.max(speed.prompt);
                best.generation = best.generation.max(speed.generation);
            }
        }
        Ok((info, best))
    }
}

/// Prompt tokens that are read at a time: each thread gets a block of rows. Less
/// would leave threads idle; more is reused less often, and notices later that a
/// caller went away.
fn chunk(threads: usize) -> usize {
    (threads * ROWS_PER_THREAD).next_power_of_two().clamp(2 * ROWS_PER_THREAD, GPU_CHUNK)
}

fn measure(
    session: &mut Session,
    prompt: usize,
    generate: usize,
    round: usize,
) -> Result<Speed, LlmError> {
    let filler = "We met at the lake and spoke about the trip. ".repeat(prompt.div_ceil(4));
    // Each round has a text of its own, so that nothing can be reused.
    let mut tokens = session.text_tokens(&format!("Round {round}. {filler}"))?;
    tokens.truncate(prompt);
    let (reading, generating) = session.time(&tokens, generate)?;
    Ok(Speed {
        prompt: prompt as f64 / reading.as_secs_f64(),
        generation: generate as f64 / generating.as_secs_f64(),
    })
}

impl Engine for Loaded {
    fn generate(
        &mut self,
        request: &ChatRequest,
        emit: &mut Emit<'_>,
        halt: &Halt<'_>,
    ) -> Result<Generation, LlmError> {
        let Self { session, pool } = self;
        pool.install(|| session.generate(request, emit, halt))
    }

    fn score(
        &mut self,
        request: &ChatRequest,
        continuations: &[String],
        halt: &Halt<'_>,
    ) -> Result<Scored, LlmError> {
        let Self { session, pool } = self;
        pool.install(|| session.score(request, continuations, halt))
    }
}
