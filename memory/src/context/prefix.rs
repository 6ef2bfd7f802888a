//! How much of a window a provider's prefix cache can keep from the last one.
//!
//! A window leaves a trail: one piece for each message that stands alone, and
//! for a message of several units one for its header and one for each unit.
//! Leading pieces that are equal are unchanged tokens. Counting by pieces needs
//! no text of the last window and no tokenising, and never claims too much: a
//! piece that differs somewhere counts as changed altogether.

use serde::{Deserialize, Serialize};

use super::window::Message;

/// A piece of a window: what it says, as a hash, and what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixPiece {
    /// First eight bytes of the BLAKE3 hash of role, speaker, parts and text.
    pub hash: u64,
    /// Its tokens, the template's included.
    pub tokens: u32,
}

impl PrefixPiece {
    /// The piece of a text in a message of a role and speaker.
    pub(super) fn of_text(message: &Message, text: &str, tokens: u32) -> Self {
        let mut hasher = blake3::Hasher::new();
        // Lengths go in, so that no two lists of fields look the same.
        for field in [message.role.as_str(), &message.speaker, text] {
            hasher.update(&(field.len() as u64).to_le_bytes());
            hasher.update(field.as_bytes());
        }
        Self::finish(&hasher, tokens)
    }

    /// The piece of a whole message.
    pub(super) fn of_message(message: &Message, tokens: u32) -> Self {
        let mut hasher = blake3::Hasher::new();
        for field in [message.role.as_str(), &message.speaker, &message.content] {
            hasher.update(&(field.len() as u64).to_le_bytes());
            hasher.update(field.as_bytes());
        }
        for part in &message.parts {
            let part = format!("{part:?}");
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Self::finish(&hasher, tokens)
    }

    fn finish(hasher: &blake3::Hasher, tokens: u32) -> Self {
        let mut first = [0; 8];
        hasher.finalize_xof().fill(&mut first);
        Self { hash: u64::from_le_bytes(first), tokens }
    }
}

/// Leading tokens of the current window that are the same as in the previous
/// one.
pub fn unchanged_prefix_tokens(previous: &[PrefixPiece], current: &[PrefixPiece]) -> u32 {
    let same = previous.iter().zip(current).take_while(|(before, now)| before == now);
    same.fold(0, |sum, (_, now)| sum.saturating_add(now.tokens))
}
