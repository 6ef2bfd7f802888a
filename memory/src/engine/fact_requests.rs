//! What a pin's request id stands for, so that a repeated call gives the first answer.

use super::{EngineError, NewFact, records::encode};
use crate::{
    facts::{Owner, Statement},
    turn::FactId,
};

/// The first call with a request id. The content is kept as it was given: a fact that was
/// changed since is still the answer to its request.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct PinRequest {
    pub(super) fact: FactId,
    pub(super) given: [u8; 32],
}

/// The hash of what is pinned. Without fields it is that of pins from before there were any;
/// the same of the owner.
pub(super) fn given(new: &NewFact) -> Result<[u8; 32], EngineError> {
    let words = (&new.kind, &new.text, new.required, new.source, new.source_span);
    let encoded = match (&new.says, new.owner) {
        (says, Owner::Conversation) if *says == Statement::default() => encode(&words)?,
        (says, Owner::Conversation) => encode(&(words, says))?,
        (says, Owner::User) => encode(&(words, says, "user"))?,
    };
    Ok(*blake3::hash(&encoded).as_bytes())
}
