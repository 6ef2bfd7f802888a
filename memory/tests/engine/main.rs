//! The engine over a real store, with doubles of the embedder and the signals.
//! One program, so that it is built and linked once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends at the first surprise")]

mod ages;
mod append;
mod as_of_windows;
mod cohort_digests;
mod cohorts;
mod degradation;
mod drift;
mod erasure;
mod fact_news;
mod facts;
mod fixture;
mod forks;
mod handover;
mod items;
mod marks;
mod pin_lines;
mod pins;
mod rejections;
mod rerank;
mod restart;
mod search;
mod soak;
mod staleness;
mod standings;
mod summaries;
mod user_facts;
mod windows;
