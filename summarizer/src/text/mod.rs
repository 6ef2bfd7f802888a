//! Text in sentences, clauses and tokens: what checking and extracting share.
//! Plain functions of the text; English where language matters.

mod clauses;
mod numbers;
mod sentences;
mod tokens;

pub(crate) use clauses::clauses;
pub(crate) use numbers::{is_calendar, is_vague};
pub use sentences::sentences;
pub(crate) use tokens::{Token, hashes, tokens};
