//! Staleness: which earlier turns still hold.

pub mod pair;
pub mod statement;
pub mod text;
