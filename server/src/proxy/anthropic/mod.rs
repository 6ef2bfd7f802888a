//! The format of Anthropic's messages.

mod answer;
mod messages;
mod window;

pub(super) use answer::{read_answer, read_event};
pub(super) use messages::read;
pub(super) use window::write;
