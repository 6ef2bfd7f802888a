//! One loaded model at work: prompt → tokens → next tokens → text. Runs on one
//! thread and does one thing at a time; who is next is decided in `served`.
//!
//! A prompt is read in chunks that begin at fixed places, and only whole chunks
//! are reused for a later prompt. So each token is computed in the same company
//! whether it was remembered or not: the same prompt gives the same text,
//! whatever came before it.

use std::time::{Duration, Instant};

use candle_core::{D, DType, IndexOp, Tensor};
use candle_nn::ops::log_softmax;
use candle_transformers::generation::{LogitsProcessor, Sampling as Choice};

use super::{
    ChatRequest, Finish, Generation, LlmError, Message, Options, Sampling,
    gguf::Gguf,
    model::{Model, Rows},
    served::{Emit, Engine, Halt, Scored},
    stops::Stops,
    template::ChatTemplate,
    tokenizer::{ChatTokenizer, Decoder},
};

/// A model with its tokenizer, its template and what it remembers.
pub(crate) struct Session {
    model: Model,
    tokenizer: ChatTokenizer,
    template: ChatTemplate,
    /// Tokens of the whole chunks that the model remembers, from the start.
    remembered: Vec<u32>,
    chunk: usize,
}

/// A prompt that was read.
struct Read {
    /// Scores of the token behind it.
    next: Tensor,
    tokens: usize,
    reused: usize,
}

/// What became of reading a prompt.
enum Reading {
    Done(Read),
    Halted(Finish),
}

impl Session {
    /// Loads a model that reads at most `context` tokens, prompts in chunks of
    /// `chunk` tokens (1 or more).
    pub(crate) fn load(
        gguf: &mut Gguf,
        context: usize,
        chunk: usize,
        device: &candle_core::Device,
    ) -> Result<Self, LlmError> {
        let tokenizer = ChatTokenizer::new(gguf)?;
        if !gguf.has("tokenizer.chat_template") {
            return Err(gguf.unsupported("it has no chat template: it is no chat model"));
        }
        let (bos, eos) = tokenizer.bounds();
        let template = ChatTemplate::new(gguf.text("tokenizer.chat_template")?, bos, eos)?;
        let model = Model::load(gguf, context, device)?;
        Ok(Self { model, tokenizer, template, remembered: Vec::new(), chunk: chunk.max(1) })
    }

    /// Most tokens of prompt and answer together.
    pub(crate) fn context(&self) -> usize {
        self.model.context()
    }

    /// Tokens of a prompt.
    pub(crate) fn prompt(&self, messages: &[Message]) -> Result<Vec<u32>, LlmError> {
        let rendered = self.template.render(messages, self.tokenizer.controls())?;
        let tokens = self.tokenizer.prompt(&rendered)?;
        // One place at least is the answer's.
        let limit = self.context().saturating_sub(1);
        if tokens.len() > limit {
            return Err(LlmError::PromptTooLong { tokens: tokens.len(), limit });
        }
        if tokens.is_empty() {
            return Err(LlmError::Template("it made nothing of the messages".to_owned()));
        }
        Ok(tokens)
    }

    /// Tokens of a plain text, for measuring.
    pub(crate) fn text_tokens(&self, text: &str) -> Result<Vec<u32>, LlmError> {
        self.tokenizer.text(text)
    }

    /// Reads a prompt, from where it parts from what is remembered.
    fn read(&mut self, tokens: &[u32], halt: &Halt<'_>) -> Result<Reading, LlmError> {
        let common = self.remembered.iter().zip(tokens).take_while(|(a, b)| a == b).count();
        // The last token is always read: what follows it is wanted.
        let common = common.min(tokens.len().saturating_sub(1));
        let reused = common - common % self.chunk;
        self.model.truncate(reused);
        self.remembered.truncate(reused);
        let mut next = None;
        let fresh = tokens.get(reused..).unwrap_or_default();
        let last = fresh.len().div_ceil(self.chunk).saturating_sub(1);
        for (number, chunk) in fresh.chunks(self.chunk).enumerate() {
            if let Some(finish) = halt() {
                return Ok(Reading::Halted(finish));
            }
            let rows = if number == last { Rows::Last } else { Rows::None };
            next = self.model.forward(chunk, rows)?;
            if chunk.len() == self.chunk {
                self.remembered.extend_from_slice(chunk);
            }
        }
        let next = next.ok_or_else(|| LlmError::Engine("an empty prompt was read".to_owned()))?;
        let next = next.i(0)?;
        Ok(Reading::Done(Read { next, tokens: tokens.len(), reused }))
    }

    /// How long reading a prompt and generating `count` tokens behind it take.
    /// Nothing is reused; what the tokens are does not matter.
    pub(crate) fn time(
        &mut self,
        prompt: &[u32],
        count: usize,
    ) -> Result<(Duration, Duration), LlmError> {
        if prompt.is_empty() || prompt.len() + count > self.context() {
            return Err(LlmError::Settings(format!(
                "{} + {count} tokens do not fit a context of {}",
                prompt.len(),
                self.context()
            )));
        }
        self.remembered.clear();
        let start = Instant::now();
        let Reading::Done(mut read) = self.read(prompt, &|| None)? else {
            return Err(LlmError::Engine("halted by nobody".to_owned()));
        };
        let mut sampler = sampler(Sampling::Greedy);
        let mut token = sampler.sample(&read.next)?;
        let reading = start.elapsed();
        let start = Instant::now();
        for _ in 0..count {
            read.next = self.step(token)?;
            token = sampler.sample(&read.next)?;
        }
        Ok((reading, start.elapsed()))
    }

    /// Reads one token; gives the scores of the one behind it.
    fn step(&mut self, token: u32) -> Result<Tensor, LlmError> {
        let next = self.model.forward(&[token], Rows::Last)?;
        let next = next.ok_or_else(|| LlmError::Engine("no scores".to_owned()))?;
        Ok(next.i(0)?)
    }

    /// Answers a prompt that is tokens already. `emit` gets the text as it comes.
    pub(crate) fn answer(
        &mut self,
        prompt: &[u32],
        options: &Options,
        emit: &mut Emit<'_>,
        halt: &Halt<'_>,
    ) -> Result<Generation, LlmError> {
        let mut read = match self.read(prompt, halt)? {
            Reading::Done(read) => read,
            Reading::Halted(finish) => return Ok(Generation::nothing(finish)),
        };
        let mut sampler = sampler(options.sampling);
        let mut out = Output {
            text: String::new(),
            decoder: Decoder::default(),
            stops: Stops::new(&options.stop),
            emit,
        };
        let mut generated = 0;
        let finish = loop {
            if let Some(finish) = halt() {
                break finish;
            }
            let token = sampler.sample(&read.next)?;
            generated += 1;
            if self.tokenizer.ends(token) || out.push(self.tokenizer.spelling(token)) {
                break Finish::Stop;
            }
            if generated >= options.max_tokens || self.model.len() + 1 >= self.context() {
                break Finish::Length;
            }
            read.next = self.step(token)?;
        };
        Ok(Generation {
            text: out.finish(),
            prompt_tokens: read.tokens,
            generated_tokens: generated,
            cached_prompt_tokens: read.reused,
            finish,
        })
    }
}

/// The text of an answer on its way out.
struct Output<'a> {
    text: String,
    decoder: Decoder,
    stops: Stops<'a>,
    emit: &'a mut Emit<'a>,
}

impl Output<'_> {
    /// Takes a token's bytes; whether a stop text came.
    fn push(&mut self, bytes: &[u8]) -> bool {
        let piece = self.decoder.push(bytes);
        let (safe, stopped) = self.stops.push(&piece);
        self.hand_out(&safe);
        if stopped {
            // What is behind a stop text is nobody's.
            self.decoder = Decoder::default();
        }
        stopped
    }

    fn hand_out(&mut self, piece: &str) {
        if !piece.is_empty() {
            self.text.push_str(piece);
            (self.emit)(piece);
        }
    }

    /// All that was handed out, with what was held back.
    fn finish(mut self) -> String {
        let (last, stopped) = self.stops.push(std::mem::take(&mut self.decoder).rest());
        self.hand_out(&last);
        if !stopped {
            let rest = std::mem::replace(&mut self.stops, Stops::new(&[])).rest();
            self.hand_out(&rest);
        }
        self.text
    }
}

fn sampler(sampling: Sampling) -> LogitsProcessor {
    match sampling {
        Sampling::Greedy => LogitsProcessor::from_sampling(0, Choice::ArgMax),
        Sampling::Seeded { seed, temperature, top_p } => {
            LogitsProcessor::from_sampling(seed, Choice::TopP { p: top_p, temperature })
        }
    }
}

impl Engine for Session {
    fn generate(
        &mut self,
        request: &ChatRequest,
        emit: &mut Emit<'_>,
        halt: &Halt<'_>,
    ) -> Result<Generation, LlmError> {
        let prompt = self.prompt(&request.messages)?;
        self.answer(&prompt, &request.options, emit, halt)
    }

    fn score(
        &mut self,
        request: &ChatRequest,
        continuations: &[String],
        halt: &Halt<'_>,
    ) -> Result<Scored, LlmError> {
        let prompt = self.prompt(&request.messages)?;
        let read = match self.read(&prompt, halt)? {
            Reading::Done(read) => read,
            Reading::Halted(finish) => return Err(LlmError::Halted(finish)),
        };
        let first = log_softmax(&read.next.to_dtype(DType::F32)?, D::Minus1)?.to_vec1::<f32>()?;
        let mut scores = Vec::with_capacity(continuations.len());
        for continuation in continuations {
            if let Some(finish) = halt() {
                return Err(LlmError::Halted(finish));
            }
            let tokens = self.tokenizer.text(continuation)?;
            let Some((begin, rest)) = tokens.split_first() else {
                return Err(LlmError::Request("a text to score is not empty".to_owned()));
            };
            if prompt.len() + tokens.len() > self.context() {
                let limit = self.context().saturating_sub(tokens.len());
                return Err(LlmError::PromptTooLong { tokens: prompt.len(), limit });
            }
            let mut score = pick(&first, *begin)?;
            if !rest.is_empty() {
                let read = tokens.get(..tokens.len() - 1).unwrap_or_default();
                let next = self.model.forward(read, Rows::All)?;
                self.model.truncate(prompt.len());
                let next = next.ok_or_else(|| LlmError::Engine("no scores".to_owned()))?;
                let rows = log_softmax(&next.to_dtype(DType::F32)?, D::Minus1)?.to_vec2::<f32>()?;
                for (row, token) in rows.iter().zip(rest) {
                    score += pick(row, *token)?;
                }
            }
            scores.push(score);
        }
        Ok(Scored { scores, prompt_tokens: read.tokens, generated_tokens: 0 })
    }
}

fn pick(row: &[f32], token: u32) -> Result<f64, LlmError> {
    let score = usize::try_from(token).ok().and_then(|place| row.get(place));
    score
        .map(|score| f64::from(*score))
        .ok_or_else(|| LlmError::Engine(format!("token {token} is beyond the model's vocabulary")))
}
