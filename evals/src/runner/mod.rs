//! Plays data sets in through gRPC and asks their questions: `pass` says which
//! server, `ingest` brings a conversation there, `asking` works through the
//! questions, and each command has its file.

pub(crate) mod asking;
pub(crate) mod context;
pub(crate) mod features;
pub(crate) mod filler;
pub(crate) mod ingest;
pub(crate) mod pass;
pub(crate) mod prefix;
pub(crate) mod progress;
pub(crate) mod reference;
#[cfg(test)]
pub(crate) mod reference_rows;
pub(crate) mod retrieval;
pub(crate) mod stream;
#[cfg(test)]
mod through_grpc;
pub(crate) mod window;
