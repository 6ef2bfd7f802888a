//! Language models: one trait ([`ChatModel`]), a local model on candle
//! ([`LocalModel`]) and any endpoint that speaks the chat completions protocol
//! ([`Endpoint`]) behind it.
//!
//! A request waits its turn in [`ServedModel`]'s queue, is answered by one
//! engine, and its result is kept by [`Recorded`], so that nothing is generated
//! twice. Nothing here knows what is asked: prompts are their callers'.

mod chat;
mod device;
mod endpoint;
mod error;
mod gguf;
mod local;
mod model;
mod queue;
mod recorded;
mod requantise;
mod served;
mod session;
mod stops;
mod template;
pub mod threads;
mod tokenizer;

pub use chat::{
    ChatModel, ChatRequest, Finish, Generation, Message, ModelInfo, Options, Pieces, Sampling,
};
pub use device::DeviceChoice;
pub use endpoint::{ApiKey, Endpoint};
pub use error::LlmError;
pub use local::{LocalModel, Speed};
pub use recorded::{GenerationLedger, LedgerError, Record, RecordKey, Recorded};
pub use requantise::{is_slow, requantise};
pub use served::{QueueLimits, ServedModel, Spent};
pub use tokenizer::ChatTokenizer;
