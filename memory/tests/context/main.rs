//! Context assembly over scenes made for the tests.
//! One program, so that it is built and linked once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends at the first surprise")]

mod budget;
mod carried;
mod fixture;
mod in_full;
mod injection;
mod prefix;
mod tokenizers;
mod tool_calls;
mod windows;
