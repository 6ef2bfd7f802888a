//! The server over real gRPC, in this process on a free port, with the real
//! engine and store. Only the embedder is a stand-in: it hashes words, so that
//! the tests are fast and need no model.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends at the first surprise")]

mod access;
mod cohorts;
mod degradation;
mod errors;
mod fact_states;
mod facts;
mod faults;
mod forks;
mod harness;
mod idempotency;
mod injection;
mod items;
mod lifecycle;
mod one_line;
mod pages;
mod program;
mod staleness;
mod standings;
mod summaries;
mod transfer;
mod turns;
mod usage;
mod waits;
mod windows;
