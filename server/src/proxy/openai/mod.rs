//! The format of chat completions.

mod answer;
mod messages;
mod window;

pub(super) use answer::read_answer;
pub(super) use messages::read;
pub(super) use window::write;
