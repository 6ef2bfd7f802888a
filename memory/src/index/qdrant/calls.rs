//! Calls to the server: a time limit on each attempt, and further attempts
//! with growing, random pauses while the fault may pass. Every call that goes
//! through here can be repeated without harm.

use std::{future::Future, time::Duration};

use qdrant_client::{
    Qdrant, QdrantError,
    qdrant::{
        CollectionInfo, CreateCollection, CreateFieldIndexCollection, DeletePoints, PointGroup,
        QueryPointGroups, UpdateBatchPoints,
    },
};
use rand::Rng;
use tokio::time::{Instant, sleep, timeout};

use super::QdrantOptions;
use crate::index::IndexError;

/// Longest pause between two attempts.
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// gRPC status codes of faults that may pass: cancelled, unknown, deadline
/// exceeded, resource exhausted, aborted, internal (the client reports a failed
/// connection as that), unavailable. By number: this crate does not know the
/// gRPC library.
const PASSING: [i32; 7] = [1, 2, 4, 8, 10, 13, 14];

/// A server, and how much patience there is with it.
pub(super) struct Server {
    client: Qdrant,
    attempt_timeout: Duration,
    search_deadline: Duration,
    write_deadline: Duration,
    max_attempts: u32,
    backoff: Duration,
}

/// Why an attempt failed.
enum Fault {
    /// It may pass; the server may have said after how long.
    Passing(String, Option<Duration>),
    /// The same call will fail again.
    Lasting(IndexError),
}

impl Server {
    pub(super) fn new(
        url: &str,
        api_key: Option<&str>,
        options: &QdrantOptions,
    ) -> Result<Self, IndexError> {
        let mut config = Qdrant::from_url(url);
        config.api_key = api_key.map(str::to_owned);
        config.timeout = options.attempt_timeout;
        config.connect_timeout = options.attempt_timeout;
        // The client's own check writes to standard output.
        config.check_compatibility = false;
        let client = Qdrant::new(config)
            .map_err(|error| IndexError::Refused(format!("address {url:?}: {error}")))?;
        Ok(Self {
            client,
            attempt_timeout: options.attempt_timeout,
            search_deadline: options.search_deadline,
            write_deadline: options.write_deadline,
            max_attempts: options.max_attempts.max(1),
            backoff: options.backoff,
        })
    }

    pub(super) async fn query_if_any(
        &self,
        request: Option<QueryPointGroups>,
    ) -> Result<Vec<PointGroup>, IndexError> {
        let Some(request) = request else { return Ok(Vec::new()) };
        let call = || self.client.query_groups(request.clone());
        let response = self.repeat("query", self.search_deadline, call).await?;
        Ok(response.result.map(|result| result.groups).unwrap_or_default())
    }

    pub(super) async fn update(&self, request: UpdateBatchPoints) -> Result<(), IndexError> {
        let call = || self.client.update_points_batch(request.clone());
        self.repeat("update", self.write_deadline, call).await.map(|_| ())
    }

    pub(super) async fn delete(&self, request: DeletePoints) -> Result<(), IndexError> {
        let call = || self.client.delete_points(request.clone());
        self.repeat("delete", self.write_deadline, call).await.map(|_| ())
    }

    pub(super) async fn collection_exists(&self, name: &str) -> Result<bool, IndexError> {
        let call = || self.client.collection_exists(name);
        self.repeat("look for the collection", self.search_deadline, call).await
    }

    pub(super) async fn collection(&self, name: &str) -> Result<CollectionInfo, IndexError> {
        let call = || self.client.collection_info(name);
        let response = self.repeat("read the collection", self.search_deadline, call).await?;
        response.result.ok_or_else(|| IndexError::Refused("collection without info".to_owned()))
    }

    pub(super) async fn create(&self, request: CreateCollection) -> Result<(), IndexError> {
        let call = || self.client.create_collection(request.clone());
        self.repeat("create the collection", self.write_deadline, call).await.map(|_| ())
    }

    pub(super) async fn create_index(
        &self,
        request: CreateFieldIndexCollection,
    ) -> Result<(), IndexError> {
        let call = || self.client.create_field_index(request.clone());
        self.repeat("create a field index", self.write_deadline, call).await.map(|_| ())
    }

    async fn repeat<T, F>(
        &self,
        what: &'static str,
        deadline: Duration,
        call: impl Fn() -> F,
    ) -> Result<T, IndexError>
    where
        F: Future<Output = Result<T, QdrantError>>,
    {
        let end = Instant::now() + deadline;
        let mut attempt = 1;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let (cause, asked) = match timeout(self.attempt_timeout.min(left), call()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => match judge(error) {
                    Fault::Passing(cause, asked) => (cause, asked),
                    Fault::Lasting(error) => return Err(error),
                },
                Err(_) => ("no answer in time".to_owned(), None),
            };
            let pause = asked.unwrap_or_else(|| self.pause(attempt));
            if attempt >= self.max_attempts || Instant::now() + pause >= end {
                return Err(IndexError::Unavailable(format!(
                    "{what}: {cause} ({attempt} attempts)"
                )));
            }
            tracing::debug!(what, attempt, %cause, "the vector index failed; trying again");
            sleep(pause).await;
            attempt += 1;
        }
    }

    /// Drawn evenly from 0 to the bound, so that clients that failed together
    /// do not come back together.
    fn pause(&self, attempt: u32) -> Duration {
        let doubled = self.backoff.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        let bound = doubled.min(MAX_PAUSE);
        rand::rng().random_range(Duration::ZERO..=bound)
    }
}

fn judge(error: QdrantError) -> Fault {
    match error {
        QdrantError::ResponseError { status } => {
            let text = format!("{:?}: {}", status.code(), status.message());
            if PASSING.contains(&i32::from(status.code())) {
                Fault::Passing(text, None)
            } else {
                Fault::Lasting(IndexError::Refused(text))
            }
        }
        QdrantError::ResourceExhaustedError { status, retry_after_seconds } => Fault::Passing(
            status.message().to_owned(),
            Some(Duration::from_secs(retry_after_seconds)),
        ),
        QdrantError::Io(error) => Fault::Passing(error.to_string(), None),
        other => Fault::Lasting(IndexError::Refused(other.to_string())),
    }
}
