//! The chat proxy over real HTTP, with the real engine and store, in front of an
//! upstream that answers as each request asks it to.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends at the first surprise")]

mod bad_input;
mod branches;
mod cases;
mod client;
#[allow(dead_code, reason = "shared with the tests of the services")]
#[path = "../api_suite/harness.rs"]
mod harness;
mod passing;
mod slow;
mod upstream;
mod words;
