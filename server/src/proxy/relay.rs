//! Passes an answer on while it comes, and reads along.
//!
//! Invariants: the client gets the upstream's bytes, all of them and no others, each
//! event of a stream as soon as it is complete; of a stream that breaks off the last
//! event that is not complete is left out, so that the error behind it can be read;
//! what came is stored, whether the answer ended, broke off, the client went or took
//! nothing for too long; the end of a stream is passed on when the answer is durable.

use std::{
    io,
    time::{Duration, Instant},
};

use axum::body::Body;
use bytes::Bytes;
use reqwest::Response;
use throughline_memory::turn::ConversationId;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    answer::Answer, answering::Exchange, answering::Stored, dialect::Dialect, error::ProxyError,
    held::Held, sse::EventReader, upstream::cause,
};

/// Chunks that wait for a slow client; then the upstream waits.
const WAITING_CHUNKS: usize = 16;

/// What every relay needs.
pub(super) struct Relay {
    pub(super) dialect: Dialect,
    /// Nothing is stored without.
    pub(super) exchange: Option<Exchange>,
    /// Bytes of an answer that are kept.
    pub(super) most: usize,
    /// Largest answer that is not streamed, in bytes.
    pub(super) max_bytes: usize,
    /// Longest pause of the upstream, and of a client that takes nothing.
    pub(super) idle: Duration,
    /// When the request went out.
    pub(super) started: Instant,
    /// The server ends.
    pub(super) cut: CancellationToken,
    /// Room among the requests in flight, given back at the end.
    pub(super) room: OwnedSemaphorePermit,
}

/// An answer that is not streamed.
pub(super) struct Whole {
    pub(super) body: Bytes,
    /// The conversation that it is stored in, if it is.
    pub(super) stands: Option<ConversationId>,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The upstream closed it.
    Closed,
    /// The upstream broke off, in these words.
    Broke(&'static str),
    /// The client went, or took nothing for too long.
    Left,
}

impl Relay {
    /// A stream: the body for the client. The work goes on in a task of its own.
    pub(super) fn stream(self, tracker: &TaskTracker, response: Response) -> Body {
        let (sender, receiver) = mpsc::channel(WAITING_CHUNKS);
        tracker.spawn(self.pass(response, sender));
        Body::from_stream(ReceiverStream::new(receiver))
    }

    async fn pass(self, mut response: Response, sender: mpsc::Sender<io::Result<Bytes>>) {
        let answer = Answer::new(self.dialect, self.most);
        let mut reader = EventReader::new(self.dialect, answer);
        let (mut held, mut stored) = (Held::default(), None);
        let end = loop {
            let chunk = tokio::select! {
                chunk = tokio::time::timeout(self.idle, response.chunk()) => chunk,
                () = sender.closed() => break End::Left,
                () = self.cut.cancelled() => break End::Broke("the server is shutting down"),
            };
            let chunk = match chunk {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => break End::Closed,
                Ok(Err(error)) => {
                    tracing::warn!(error = cause(&error), "an upstream broke off");
                    break End::Broke("the connection was lost");
                }
                Err(_) => break End::Broke("nothing came for too long"),
            };
            let (now, last) = match reader.feed(&chunk) {
                // Nothing is behind the end that could break off.
                _ if stored.is_some() => (chunk, Bytes::new()),
                Some(at) => (held.take(chunk.slice(..at)), chunk.slice(at..)),
                None => (held.take(chunk), Bytes::new()),
            };
            if let Err(end) = self.give(&sender, now).await {
                break end;
            }
            if !last.is_empty() {
                stored = Some(self.store(&reader.answer).await);
                let last = [held.rest(), last].concat();
                if let Err(end) = self.give(&sender, last.into()).await {
                    break end;
                }
            }
        };
        drop(response);
        // Where it broke off the client does not get the event that is not complete: what
        // that says is no part of the answer.
        if end == End::Closed {
            reader.end();
        }
        let took = self.started.elapsed();
        let stored = match stored {
            Some(stored) => stored,
            None => self.store(&reader.answer).await,
        };
        let behind = match left_open(end, &reader.answer, self.exchange.is_some()) {
            Some(error) => self.dialect.error_event(&error).into(),
            None if end == End::Closed => held.rest(),
            None => Bytes::new(),
        };
        // The client may have gone meanwhile.
        let _ = self.give(&sender, behind).await;
        drop(sender);
        drop(self.room);
        if let (Some(exchange), Some(stored)) = (&self.exchange, stored) {
            exchange.record(&stored, &reader.answer, took).await;
        }
    }

    /// Gives bytes to the client. What there is room for is given also while the
    /// server ends.
    async fn give(
        &self,
        sender: &mpsc::Sender<io::Result<Bytes>>,
        bytes: Bytes,
    ) -> Result<(), End> {
        if bytes.is_empty() {
            return Ok(());
        }
        tokio::select! {
            biased;
            sent = tokio::time::timeout(self.idle, sender.send(Ok(bytes))) => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(End::Left),
                Err(_) => {
                    tracing::warn!("a client took nothing for too long");
                    Err(End::Left)
                }
            },
            () = self.cut.cancelled() => Err(End::Broke("the server is shutting down")),
        }
    }

    /// A whole answer: read to its end, stored, then given. The work is done in a task
    /// of its own: a client that goes does not break off what is to be remembered.
    ///
    /// # Errors
    /// [`ProxyError::BrokeOff`], [`ProxyError::Unavailable`].
    pub(super) async fn whole(
        self,
        tracker: &TaskTracker,
        response: Response,
    ) -> Result<Whole, ProxyError> {
        let (given, taken) = oneshot::channel();
        tracker.spawn(self.read_whole(response, given));
        taken.await.unwrap_or(Err(ProxyError::BrokeOff("it could not be read")))
    }

    async fn read_whole(
        self,
        mut response: Response,
        mut given: oneshot::Sender<Result<Whole, ProxyError>>,
    ) {
        let read = tokio::select! {
            read = self.read_to_end(&mut response) => read,
            // Nobody needs it.
            () = given.closed(), if self.exchange.is_none() => return,
        };
        drop(response);
        let took = self.started.elapsed();
        let mut answer = Answer::new(self.dialect, self.most);
        if let Ok(json) = &read {
            self.dialect.read_answer(json, &mut answer);
        }
        let stored = self.store(&answer).await;
        let stands = stored.as_ref().map(|stored| stored.conversation.clone());
        // The client may have gone.
        let _ = given.send(read.map(|body| Whole { body, stands }));
        drop(self.room);
        if let (Some(exchange), Some(stored)) = (&self.exchange, stored) {
            exchange.record(&stored, &answer, took).await;
        }
    }

    async fn read_to_end(&self, response: &mut Response) -> Result<Bytes, ProxyError> {
        let mut body = Vec::new();
        loop {
            let chunk = tokio::select! {
                chunk = tokio::time::timeout(self.idle, response.chunk()) => chunk,
                () = self.cut.cancelled() => {
                    return Err(ProxyError::Unavailable("the server is shutting down"));
                }
            };
            match chunk {
                Ok(Ok(Some(chunk))) if body.len() + chunk.len() > self.max_bytes => {
                    return Err(ProxyError::BrokeOff("it is larger than proxy.max_body_bytes"));
                }
                Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
                Ok(Ok(None)) => return Ok(body.into()),
                Ok(Err(error)) => {
                    tracing::warn!(error = cause(&error), "an upstream broke off");
                    return Err(ProxyError::BrokeOff("the connection was lost"));
                }
                Err(_) => return Err(ProxyError::BrokeOff("nothing came for too long")),
            }
        }
    }

    /// Stores what came. That it could not be is told in the log: the answer goes to
    /// the client in any case, and comes back with its history.
    async fn store(&self, answer: &Answer) -> Option<Stored> {
        let exchange = self.exchange.as_ref()?;
        match exchange.store(answer).await {
            Ok(stored) => stored,
            Err(error) => {
                tracing::error!(%error, "an answer was not stored");
                None
            }
        }
    }
}

/// What a client has to be told behind a stream that did not come to its end. One that
/// is not remembered is not read for its end: it passes as it is.
fn left_open(end: End, answer: &Answer, is_remembered: bool) -> Option<ProxyError> {
    match end {
        End::Left => None,
        _ if answer.has_failed() => None,
        End::Broke(_) | End::Closed if answer.finish_reason().is_some() => None,
        End::Broke(why) => Some(ProxyError::BrokeOff(why)),
        End::Closed if !is_remembered => None,
        End::Closed => Some(ProxyError::BrokeOff("it has no end")),
    }
}
