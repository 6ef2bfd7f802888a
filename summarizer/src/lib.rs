//! Text that stands for turns, written by a local model or taken from the turns
//! themselves, and never used before it was checked against them.

pub mod check;
pub mod compose;
pub mod entailment;
pub mod extractive;
pub mod fold;
pub mod lines;
pub mod llm;
pub mod source;
#[cfg(test)]
mod testing;
pub mod text;
