//! Staleness: which earlier turns still hold.

pub mod statement;
pub mod text;
