//! Text that stands for turns, written by a local model or taken from the turns
//! themselves, and never used before it was checked against them.

pub mod llm;
