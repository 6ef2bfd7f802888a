//! Counts what a language model does, for whom. Told where it works, so that waiting for
//! a turn costs nobody anything.

use throughline_memory::usage::{Meter, Usage};
use throughline_summarizer::llm::{ChatRequest, Spent};

/// Counts what was done for a request.
pub(super) fn count(meter: &Meter, request: &ChatRequest, spent: Spent) {
    let amounts = Usage {
        llm_prompt_tokens: spent.prompt_tokens as u64,
        llm_generated_tokens: spent.generated_tokens as u64,
        llm_micros: u64::try_from(spent.time.as_micros()).unwrap_or(u64::MAX),
        ..Usage::default()
    };
    meter.add(&request.tenant, request.conversation.as_ref(), &amounts);
}
