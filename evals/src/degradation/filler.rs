//! Talk that stands between what is said and what is asked: exchanges of real
//! conversations, the same for every item, so that its turns are embedded once.

use std::path::Path;

use anyhow::ensure;

use crate::dataset::{Dataset, DatasetName, Message, Speaker};

/// Part of BEAM that it is taken from; the licence forbids no evaluation.
const SPLIT: &str = "500K";

/// So many exchanges, a user's and an assistant's message each, conversation
/// after conversation.
///
/// # Errors
/// The data cannot be read, or has fewer exchanges.
pub(crate) fn read(data: &Path, exchanges: usize) -> anyhow::Result<Vec<Message>> {
    if exchanges == 0 {
        return Ok(Vec::new());
    }
    let beam = Dataset::read(DatasetName::Beam, data, Some(SPLIT))?;
    let mut filler: Vec<Message> = Vec::with_capacity(2 * exchanges);
    for conversation in &beam.conversations {
        let turns: Vec<&Message> = conversation.turns().map(|turn| turn.message).collect();
        for pair in turns.windows(2) {
            let [said, answer] = pair else { continue };
            let whole = said.role == Speaker::User && answer.role == Speaker::Assistant;
            if whole && !said.is_blank() && !answer.is_blank() && filler.len() < 2 * exchanges {
                let plain = |message: &Message| Message::chat(message.role, message.text.clone());
                filler.extend([plain(said), plain(answer)]);
            }
        }
    }
    ensure!(
        filler.len() == 2 * exchanges,
        "{exchanges} exchanges of filler are more than the {} that beam {SPLIT} has",
        filler.len() / 2
    );
    Ok(filler)
}

/// A hash of all that is said, to tell one talk from another.
pub(super) fn hash(talk: &[Message]) -> String {
    let mut hash = blake3::Hasher::new();
    for message in talk {
        hash.update(message.role.as_str().as_bytes());
        hash.update(&(message.text.len() as u64).to_le_bytes());
        hash.update(message.text.as_bytes());
    }
    hash.finalize().to_hex().to_string()
}
