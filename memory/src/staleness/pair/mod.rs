//! A pair of statements of one speaker: does the newer replace something that
//! the older set?
//!
//! `overlap`, `conflict` and `between` look at the pair, `features` puts what
//! they find into one row, `model` makes a probability of it.

pub mod between;
pub mod candidates;
mod columns;
pub mod conflict;
pub mod features;
pub mod model;
pub mod overlap;
pub mod sorts;
