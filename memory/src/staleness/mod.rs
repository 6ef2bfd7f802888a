//! Staleness: which earlier turns still hold.

pub mod contradiction;
pub mod statement;
pub mod text;
