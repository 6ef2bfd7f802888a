//! Errors of the service, by how a caller acts on them; the reason is the server's
//! own word, such as `SEQUENCE_MISMATCH`.

use std::{collections::HashMap, fmt, time::Duration};

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// A field of the request that the server refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    /// Its path.
    pub field: String,
    /// What is wrong.
    pub description: String,
}

/// How a caller acts on an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is wrong: the field violations say where.
    InvalidArgument,
    /// It does not exist, or it is another tenant's.
    NotFound,
    /// The id is taken, by other content.
    AlreadyExists,
    /// Another writer was first: read and try again.
    Conflict,
    /// The required pins do not fit the budget: `needed` and `given` are in the
    /// metadata.
    BudgetTooSmall,
    /// The server does not do this as it is configured.
    Precondition,
    /// The API key is missing or unknown.
    Authentication,
    /// The API key lacks the scope.
    PermissionDenied,
    /// A limit is reached or the server is overloaded.
    ResourceExhausted,
    /// The server cannot be reached, starts, or shuts down.
    Unavailable,
    /// The deadline passed. A write may have been made: repeat it under the same id.
    DeadlineExceeded,
    /// The server failed; its log says more.
    Server,
}

/// An error of a call.
#[derive(Clone, Debug)]
pub struct Error(Box<Explained>);

#[derive(Clone, Debug)]
struct Explained {
    kind: ErrorKind,
    reason: String,
    metadata: HashMap<String, String>,
    field_violations: Vec<FieldViolation>,
    retry_delay: Option<Duration>,
    status: Status,
}

impl Error {
    /// How to act on it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The status code of gRPC, in UPPER_SNAKE; of a connection that broke what
    /// gRPC has for it.
    pub fn code(&self) -> &'static str {
        if self.0.kind == ErrorKind::Unavailable {
            "UNAVAILABLE"
        } else {
            code_name(self.0.status.code())
        }
    }

    /// The server's word, in UPPER_SNAKE; empty if the error arose on the way.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// What the reason is about, such as `limit` and `max`.
    pub fn metadata(&self) -> &HashMap<String, String> {
        &self.0.metadata
    }

    /// The refused fields.
    pub fn field_violations(&self) -> &[FieldViolation] {
        &self.0.field_violations
    }

    /// After which the server suggests a repeat.
    pub fn retry_delay(&self) -> Option<Duration> {
        self.0.retry_delay
    }

    /// As it came over the wire.
    pub fn status(&self) -> &Status {
        &self.0.status
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = if self.reason().is_empty() { self.code() } else { self.reason() };
        write!(out, "{label}: {}", self.0.status.message())
    }
}

impl std::error::Error for Error {}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        let violations = details.bad_request().map(|refused| &refused.field_violations);
        let field_violations = violations.into_iter().flatten().map(|violation| FieldViolation {
            field: violation.field.clone(),
            description: violation.description.clone(),
        });
        let reason = info.map(|info| info.reason.clone()).unwrap_or_default();
        Self(Box::new(Explained {
            kind: kind(status.code(), &reason),
            metadata: info.map(|info| info.metadata.clone()).unwrap_or_default(),
            field_violations: field_violations.collect(),
            retry_delay: details.retry_info().and_then(|retry| retry.retry_delay),
            reason,
            status,
        }))
    }
}

fn kind(code: Code, reason: &str) -> ErrorKind {
    // The server explains every error of its own; a connection that broke has no
    // words.
    let broken = reason.is_empty() && matches!(code, Code::Unknown | Code::Cancelled);
    match code {
        _ if broken => ErrorKind::Unavailable,
        Code::InvalidArgument | Code::OutOfRange => ErrorKind::InvalidArgument,
        Code::NotFound => ErrorKind::NotFound,
        Code::AlreadyExists => ErrorKind::AlreadyExists,
        Code::Aborted => ErrorKind::Conflict,
        Code::FailedPrecondition if reason == "BUDGET_TOO_SMALL" => ErrorKind::BudgetTooSmall,
        Code::FailedPrecondition => ErrorKind::Precondition,
        Code::Unauthenticated => ErrorKind::Authentication,
        Code::PermissionDenied => ErrorKind::PermissionDenied,
        Code::ResourceExhausted => ErrorKind::ResourceExhausted,
        Code::Unavailable => ErrorKind::Unavailable,
        Code::DeadlineExceeded => ErrorKind::DeadlineExceeded,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::Unimplemented
        | Code::Internal
        | Code::DataLoss => ErrorKind::Server,
    }
}

/// The name of a code in the protocol.
pub(crate) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
