//! Reading a text for comparing: words with places, cue phrases, typed values.
//! Plain functions of the text; English where language matters, harmless in
//! other languages.

pub mod attributes;
pub mod cues;
pub mod senses;
pub mod values;
pub mod words;

pub use attributes::Attributes;
pub use cues::{Cue, Cues};
pub use senses::Sense;
pub use values::{Kind, Value};
pub use words::{Lexed, Span, Word};
