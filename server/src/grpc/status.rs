//! Errors become statuses here, and nowhere else: a code, a message that names
//! the mend, and google.rpc details. `ErrorInfo` with a reason is always among
//! them.
//!
//! The message is for the caller; what only the operator should read (paths,
//! keys, causes) goes to the log.

use std::{collections::HashMap, time::Duration};

use throughline_memory::{
    context::AssembleError,
    embed::EmbedError,
    engine::{EngineError, FieldViolation},
    index::IndexError,
    store::StoreError,
};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::brief;

/// `domain` of every `ErrorInfo`.
pub const ERROR_DOMAIN: &str = "throughline";

/// Limit of commits that wait to be written, as errors and `GetServerInfo` name it.
pub(super) const WAITING_COMMITS: &str = "waiting_commits";
/// Limit of texts that wait to be embedded.
pub(super) const WAITING_TEXTS: &str = "waiting_texts";
/// Limit of requests that are worked on at the same time.
pub(super) const MAX_IN_FLIGHT: &str = "max_in_flight";

/// Delay to suggest when a queue is full: about what it takes to drain.
const OVERLOAD_RETRY: Duration = Duration::from_millis(500);
/// Delay to suggest while the server starts or drains.
const RESTART_RETRY: Duration = Duration::from_secs(2);
/// Delay to suggest when somebody has to mend something.
const OPERATOR_RETRY: Duration = Duration::from_secs(30);

/// An error on its way to the caller. Exists so that handlers can use `?` on
/// what the engine answers.
#[derive(Debug)]
pub struct ApiError(Status);

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        Self(engine_status(error))
    }
}

impl From<Status> for ApiError {
    fn from(status: Status) -> Self {
        Self(status)
    }
}

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        error.0
    }
}

/// A status under construction.
pub(super) struct Failure {
    code: Code,
    message: String,
    details: ErrorDetails,
}

impl Failure {
    /// With its reason, in UPPER_SNAKE.
    pub(super) fn new(code: Code, reason: &str, message: impl Into<String>) -> Self {
        Self::with(code, reason, message, &[])
    }

    /// With its reason and what the reason is about.
    pub(super) fn with(
        code: Code,
        reason: &str,
        message: impl Into<String>,
        about: &[(&str, String)],
    ) -> Self {
        let about: HashMap<String, String> =
            about.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        let details = ErrorDetails::with_error_info(reason, ERROR_DOMAIN, about);
        Self { code, message: message.into(), details }
    }

    /// Waiting helps.
    pub(super) fn retry(mut self, delay: Duration) -> Self {
        self.details.set_retry_info(Some(delay));
        self
    }

    pub(super) fn retry_overload(self) -> Self {
        self.retry(OVERLOAD_RETRY)
    }

    pub(super) fn retry_restart(self) -> Self {
        self.retry(RESTART_RETRY)
    }

    fn resource(mut self, kind: &str, name: &str, description: &str) -> Self {
        self.details.set_resource_info(kind, name, "", description);
        self
    }

    fn quota(mut self, limit: &str, description: &str) -> Self {
        self.details.add_quota_failure_violation(limit, description);
        self
    }

    pub(super) fn status(self) -> Status {
        Status::with_error_details(self.code, self.message, self.details)
    }
}

/// The table of errors. Exhaustive: a new error does not compile until it has a
/// code.
pub fn engine_status(error: EngineError) -> Status {
    let message = error.to_string();
    match error {
        EngineError::NotFound { kind, id } => {
            Failure::new(Code::NotFound, &format!("{}_NOT_FOUND", upper_snake(kind)), &*message)
                .resource(kind, &id, &message)
        }
        EngineError::AlreadyExists { kind, id: _, existing } => {
            let reason = format!("{}_TAKEN", upper_snake(kind));
            let about = [("existing", existing.clone())];
            Failure::with(Code::AlreadyExists, &reason, &*message, &about)
                .resource(kind, &existing, &message)
        }
        EngineError::SequenceMismatch { expected, actual } => {
            mismatch("SEQUENCE_MISMATCH", message, expected, actual)
        }
        EngineError::RevisionMismatch { expected, actual } => {
            mismatch("REVISION_MISMATCH", message, expected, actual)
        }
        EngineError::Invalid(violations) => return invalid(violations),
        EngineError::LimitReached { limit, max, detail: _, retry } => {
            let reason = if retry { "OVERLOADED" } else { "LIMIT_REACHED" };
            let about = [("limit", limit.to_owned()), ("max", max.to_string())];
            let failure = Failure::with(Code::ResourceExhausted, reason, &*message, &about)
                .quota(limit, &message);
            if retry { failure.retry_overload() } else { failure }
        }
        EngineError::Assemble(AssembleError::BudgetTooSmall { needed, given }) => {
            let about = [("needed", needed.to_string()), ("given", given.to_string())];
            Failure::with(Code::FailedPrecondition, "BUDGET_TOO_SMALL", message, &about)
        }
        EngineError::Store(error) => store(&error),
        EngineError::Embed(error) => embed(&error),
        EngineError::Index(error) => index(&error),
        EngineError::Summarize(error) => {
            Failure::new(Code::Unavailable, "SUMMARY_UNAVAILABLE", error.to_string())
                .retry_overload()
        }
        EngineError::NoSummaries => {
            Failure::new(Code::FailedPrecondition, "SUMMARIES_DISABLED", message)
        }
        EngineError::Stored { turn, cause } => return stored(&turn, message, *cause),
        EngineError::Closed => {
            Failure::new(Code::Unavailable, "SHUTTING_DOWN", message).retry_restart()
        }
    }
    .status()
}

/// The cause with the name of the turn that was stored before. What the message of the
/// cause keeps to itself stays there.
fn stored(turn: &str, message: String, cause: EngineError) -> Status {
    let words = cause.to_string();
    let behind = message.strip_prefix(words.as_str()).unwrap_or_default().to_owned();
    let status = engine_status(cause);
    let mut details = status.get_error_details();
    let Some(info) = details.error_info().cloned() else { return status };
    let mut about = info.metadata;
    about.insert("turn".to_owned(), turn.to_owned());
    details.set_error_info(info.reason, ERROR_DOMAIN, about);
    let message = format!("{}{behind}", status.message());
    Status::with_error_details(status.code(), message, details)
}

fn mismatch(reason: &str, message: String, expected: u64, actual: u64) -> Failure {
    let about = [("expected", expected.to_string()), ("actual", actual.to_string())];
    Failure::with(Code::Aborted, reason, format!("{message}: read and try again"), &about)
}

/// A queue is full; its limit by the name that `GetServerInfo` has.
fn overloaded(limit: &str, max: usize, waiting: usize, message: String) -> Failure {
    let about =
        [("limit", limit.to_owned()), ("max", max.to_string()), ("waiting", waiting.to_string())];
    Failure::with(Code::ResourceExhausted, "OVERLOADED", &*message, &about)
        .quota(limit, &message)
        .retry_overload()
}

fn store(error: &StoreError) -> Failure {
    match error {
        StoreError::Overloaded { waiting, limit } => {
            overloaded(WAITING_COMMITS, *limit, *waiting, error.to_string())
        }
        StoreError::TooLarge { bytes, limit } => {
            let about = [("max", limit.to_string()), ("bytes", bytes.to_string())];
            Failure::with(Code::InvalidArgument, "TOO_LARGE", error.to_string(), &about)
        }
        StoreError::Full { .. } => {
            tracing::error!(%error, "disk full");
            let message = "the server's disk is full: nothing was stored, reads go on; retry later";
            Failure::new(Code::ResourceExhausted, "STORAGE_FULL", message)
                .quota("disk", message)
                .retry(OPERATOR_RETRY)
        }
        StoreError::Poisoned { .. } => {
            tracing::error!(%error, "store takes no writes");
            let message = "the server takes no more writes after a failed sync, reads go on: \
                           whoever runs it checks the disk, then restarts it";
            Failure::new(Code::Unavailable, "STORE_POISONED", message).retry(OPERATOR_RETRY)
        }
        StoreError::TakenBack => {
            Failure::new(Code::Unavailable, "STORE_TAKEN_BACK", error.to_string())
                .retry(OPERATOR_RETRY)
        }
        StoreError::Closed => {
            Failure::new(Code::Unavailable, "STORE_CLOSED", error.to_string()).retry_restart()
        }
        StoreError::Corrupt { .. } => {
            tracing::error!(%error, "corrupt record");
            let message = "a stored record is damaged; the server's log names it, and whoever \
                           runs it restores the data directory from a copy";
            Failure::new(Code::DataLoss, "CORRUPT_RECORD", message)
        }
        StoreError::Open(_) | StoreError::Engine(_) => {
            tracing::error!(%error, "store failed");
            let message = "the store failed; the server's log says why: whoever runs it mends \
                           that, then retry";
            Failure::new(Code::Internal, "STORE_FAILED", message)
        }
    }
}

fn embed(error: &EmbedError) -> Failure {
    match error {
        EmbedError::Overloaded { waiting, limit } => {
            let message = format!("{error}: retry later");
            overloaded(WAITING_TEXTS, *limit, *waiting, message)
        }
        EmbedError::Closed => {
            Failure::new(Code::Unavailable, "SHUTTING_DOWN", error.to_string()).retry_restart()
        }
        EmbedError::Model { .. } => {
            tracing::error!(%error, "embedding model missing");
            let message = "the embedding model is missing or damaged; the server's log says \
                           which: whoever runs it fetches it with `throughline models pull`";
            Failure::new(Code::Unavailable, "MODEL_UNAVAILABLE", message).retry(OPERATOR_RETRY)
        }
        EmbedError::Engine(_) => {
            tracing::error!(%error, "embedding failed");
            let message = "embedding failed; the server's log says why: whoever runs it mends \
                           that, then retry";
            Failure::new(Code::Internal, "EMBEDDING_FAILED", message)
        }
    }
}

fn index(error: &IndexError) -> Failure {
    match error {
        IndexError::Store(error) => store(error),
        IndexError::Unavailable(_) => {
            tracing::warn!(%error, "index unavailable");
            let message = "the vector index does not answer: retry; if it stays away, whoever \
                           runs the server sees that Qdrant is up and --qdrant-url right";
            Failure::new(Code::Unavailable, "INDEX_UNAVAILABLE", message).retry_restart()
        }
        IndexError::Refused(_) => {
            tracing::error!(%error, "index refused");
            let message = "the vector index refused; the server's log says why: whoever runs \
                           it mends that, then retry";
            Failure::new(Code::Internal, "INDEX_REFUSED", message)
        }
    }
}

/// Statuses travel in headers, which clients bound (16 KiB with hyper), so what
/// goes beyond is counted, not listed.
const MAX_LISTED: usize = 32;
const MAX_LISTED_BYTES: usize = 4 << 10;
const MAX_DESCRIPTION_BYTES: usize = 512;

/// INVALID_ARGUMENT with all field violations.
fn invalid(violations: Vec<FieldViolation>) -> Status {
    let mut details = ErrorDetails::new();
    let (mut bytes, mut listed, mut words) = (0, 0, Vec::new());
    for violation in &violations {
        let description = brief(&violation.description, MAX_DESCRIPTION_BYTES);
        bytes += violation.field.len() + description.len();
        if listed == MAX_LISTED || (listed > 0 && bytes > MAX_LISTED_BYTES) {
            break;
        }
        listed += 1;
        words.push(format!("{}: {description}", violation.field));
        details.add_bad_request_violation(&*violation.field, description);
    }
    let more = violations.len() - listed;
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    let count = [("violations".to_owned(), violations.len().to_string())];
    details.set_error_info("INVALID_FIELDS", ERROR_DOMAIN, HashMap::from(count));
    let message = format!("invalid request: {}", words.join("; "));
    Status::with_error_details(Code::InvalidArgument, message, details)
}

fn upper_snake(kind: &str) -> String {
    kind.chars().map(|c| if c == ' ' { '_' } else { c.to_ascii_uppercase() }).collect()
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
