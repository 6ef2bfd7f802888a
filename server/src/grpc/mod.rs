//! The services on the wire. One file per request: check with [`crate::wire`],
//! call the engine, render the answer.
//!
//! Every request has passed the [`gate`] before: its caller, its deadline and
//! its span are known. Handlers never see a tenant that the key did not give.

pub mod access;
pub mod context;
pub mod conversation;
pub mod deadline;
pub mod degradation;
pub mod gate;
pub mod health;
pub mod items;
pub mod memory;
pub mod server_info;
pub mod status;
pub mod usage;

mod state;
mod watching;

pub use state::{About, ApiState, Opened, Pins, Ranking, Reranker, Scorer, Summaries};

pub(crate) use state::Call;
pub(crate) use status::ApiError;

/// The first `max` bytes of a text, cut at a character.
fn brief(text: &str, max: usize) -> &str {
    match text.char_indices().map(|(at, _)| at).take_while(|at| *at <= max).last() {
        Some(end) if text.len() > max => text.get(..end).unwrap_or_default(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::brief;

    #[test]
    fn texts_are_cut_at_a_character() {
        for (text, max, expected) in
            [("", 3, ""), ("abc", 3, "abc"), ("abcd", 3, "abc"), ("aéé", 2, "a"), ("éa", 1, "")]
        {
            assert_eq!(brief(text, max), expected);
        }
    }
}
