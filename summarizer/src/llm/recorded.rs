//! Nothing is generated twice: each result is kept under what it came from, and
//! a request that was answered before gets the same answer again, also after a
//! restart. Two equal requests at the same time are one generation.
//!
//! Kept are whole answers only. One that a deadline or a caller cut short is
//! handed out and forgotten.

use std::{collections::HashMap, sync::Arc, time::Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use throughline_memory::turn::{ConversationId, TenantId};

use super::{ChatModel, ChatRequest, Finish, Generation, LlmError, ModelInfo, Pieces, Sampling};

/// What a result came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordKey {
    /// Whose it is: goes with the tenant.
    pub tenant: TenantId,
    /// The conversation that the prompt quotes: goes with it.
    pub conversation: Option<ConversationId>,
    /// See [`ChatRequest::erasures`].
    pub erasures: u64,
    /// BLAKE3 of model hash, prompt version, options and messages. The chat
    /// template is a part of the model's file, so of its hash.
    pub hash: [u8; 32],
}

/// A result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// Of [`ChatModel::generate`].
    Generation(Generation),
    /// Of [`ChatModel::score`].
    Scores(Vec<f64>),
}

/// The ledger cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LedgerError(pub String);

/// Where results are kept. What `put` has acknowledged, `get` finds, also after
/// a restart.
#[async_trait]
pub trait GenerationLedger: Send + Sync {
    /// The result of a key, if there is one.
    ///
    /// # Errors
    /// [`LedgerError`]; then nothing is generated.
    async fn get(&self, key: &RecordKey) -> Result<Option<Record>, LedgerError>;

    /// Keeps a result, unless something of its conversation was erased since the key's
    /// erasures were counted: that is no error.
    ///
    /// # Errors
    /// [`LedgerError`]; then the result is not handed out.
    async fn put(&self, key: &RecordKey, record: &Record) -> Result<(), LedgerError>;
}

impl From<LedgerError> for LlmError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error.0)
    }
}

/// A model whose results are kept in a ledger.
pub struct Recorded<M, L> {
    model: M,
    ledger: L,
    flights: Mutex<HashMap<RecordKey, Arc<tokio::sync::Mutex<()>>>>,
}

impl<M: ChatModel, L: GenerationLedger> Recorded<M, L> {
    /// Over a model.
    pub fn new(model: M, ledger: L) -> Self {
        Self { model, ledger, flights: Mutex::default() }
    }

    /// The key of a request; `scored` are the texts to score.
    fn key(&self, request: &ChatRequest, scored: &[String]) -> RecordKey {
        let mut hash = Hash(blake3::Hasher::new());
        hash.text(&self.model.info().sha256);
        hash.text(&request.prompt_version);
        for message in &request.messages {
            hash.text(message.role.as_str());
            hash.text(&message.content);
        }
        if scored.is_empty() {
            hash.text("generate");
            hash.number(request.options.max_tokens as u64);
            match request.options.sampling {
                Sampling::Greedy => hash.text("greedy"),
                Sampling::Seeded { seed, temperature, top_p } => {
                    hash.text("seeded");
                    hash.number(seed);
                    hash.number(temperature.to_bits());
                    hash.number(top_p.to_bits());
                }
            }
            request.options.stop.iter().for_each(|stop| hash.text(stop));
        } else {
            hash.text("score");
            scored.iter().for_each(|text| hash.text(text));
        }
        RecordKey {
            tenant: request.tenant.clone(),
            conversation: request.conversation.clone(),
            erasures: request.erasures,
            hash: *hash.0.finalize().as_bytes(),
        }
    }

    /// Waits until no other request with this key is under way; why not, if the
    /// caller does not care any more.
    async fn board(
        &self,
        key: RecordKey,
        request: &ChatRequest,
    ) -> Result<Flight<'_, M, L>, Finish> {
        let turn = Arc::clone(self.flights.lock().entry(key.clone()).or_default());
        let mut flight = Flight { recorded: self, key, turn: Arc::clone(&turn), seat: None };
        let deadline = async {
            match request.options.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            seat = turn.lock_owned() => flight.seat = Some(seat),
            () = request.cancel.cancelled() => return Err(Finish::Cancelled),
            () = deadline => return Err(Finish::Deadline),
        }
        Ok(flight)
    }
}

/// The right to generate for a key; the next one waits until it is dropped.
struct Flight<'a, M, L> {
    recorded: &'a Recorded<M, L>,
    key: RecordKey,
    turn: Arc<tokio::sync::Mutex<()>>,
    seat: Option<tokio::sync::OwnedMutexGuard<()>>,
}

impl<M, L> Drop for Flight<'_, M, L> {
    fn drop(&mut self) {
        self.seat = None;
        let mut flights = self.recorded.flights.lock();
        // The map's and this one: nobody else is waiting for it.
        if Arc::strong_count(&self.turn) <= 2 {
            flights.remove(&self.key);
        }
    }
}

/// Fields with their lengths, so that no two lists of them look alike.
struct Hash(blake3::Hasher);

impl Hash {
    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }
}

/// Whether a deadline has gone by that a replay need not care about.
fn late(request: &ChatRequest) -> bool {
    request.options.deadline.is_some_and(|deadline| Instant::now() >= deadline)
}

#[async_trait]
impl<M: ChatModel, L: GenerationLedger> ChatModel for Recorded<M, L> {
    fn info(&self) -> &ModelInfo {
        self.model.info()
    }

    async fn generate(
        &self,
        request: &ChatRequest,
        pieces: Option<Pieces>,
    ) -> Result<Generation, LlmError> {
        request.check()?;
        let flight = match self.board(self.key(request, &[]), request).await {
            Ok(flight) => flight,
            Err(finish) => return Ok(Generation::nothing(finish)),
        };
        if let Some(Record::Generation(kept)) = self.ledger.get(&flight.key).await? {
            if let Some(pieces) = pieces {
                // Nobody listens any more: no harm.
                let _ = pieces.send(kept.text.clone());
            }
            return Ok(kept);
        }
        if late(request) {
            return Ok(Generation::nothing(Finish::Deadline));
        }
        let fresh = self.model.generate(request, pieces).await?;
        if fresh.finish.is_whole() {
            self.ledger.put(&flight.key, &Record::Generation(fresh.clone())).await?;
        }
        Ok(fresh)
    }

    async fn score(
        &self,
        request: &ChatRequest,
        continuations: &[String],
    ) -> Result<Vec<f64>, LlmError> {
        request.check()?;
        if continuations.is_empty() {
            return Ok(Vec::new());
        }
        let flight = match self.board(self.key(request, continuations), request).await {
            Ok(flight) => flight,
            Err(finish) => return Err(LlmError::Halted(finish)),
        };
        if let Some(Record::Scores(kept)) = self.ledger.get(&flight.key).await? {
            return Ok(kept);
        }
        let fresh = self.model.score(request, continuations).await?;
        self.ledger.put(&flight.key, &Record::Scores(fresh.clone())).await?;
        Ok(fresh)
    }
}

#[cfg(test)]
#[path = "recorded_tests.rs"]
mod tests;
