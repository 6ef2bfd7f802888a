//! Talk that stands between what is said and what is asked: exchanges of real
//! conversations, the same for every item, so that its turns are embedded once.

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::{
    dataset::{Conversation, Dataset, DatasetName, Message, Speaker},
    folds::Fold,
};

/// Part of BEAM that it is taken from; the licence forbids no evaluation.
const SPLIT: &str = "500K";

/// The talk, and where it is from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filler {
    /// A user's and an assistant's message in turn.
    pub(crate) messages: Vec<Message>,
    /// Ids of the conversations that it is from.
    pub(crate) from: Vec<String>,
    /// The fold whose weights have seen none of these, where there are folds.
    pub(crate) fold: Option<Fold>,
}

/// So many exchanges, a user's and an assistant's message each, conversation
/// after conversation. Weights were learnt from these conversations: with folds all of
/// them are of one, the first that has enough.
///
/// # Errors
/// The data cannot be read, or has fewer exchanges.
pub(crate) fn read(data: &Path, exchanges: usize, folds: &[Fold]) -> anyhow::Result<Filler> {
    if exchanges == 0 {
        return Ok(Filler { fold: folds.first().cloned(), ..Filler::default() });
    }
    let beam = Dataset::read(DatasetName::Beam, data, Some(SPLIT))?;
    choose(&beam.conversations, exchanges, folds)
}

fn choose(talks: &[Conversation], exchanges: usize, folds: &[Fold]) -> anyhow::Result<Filler> {
    if folds.is_empty() {
        let filler = take(talks.iter(), exchanges);
        let held = filler.messages.len() / 2;
        if held < exchanges {
            bail!("{exchanges} exchanges of filler are more than the {held} that beam {SPLIT} has");
        }
        return Ok(filler);
    }
    let mut most = 0;
    for talk in talks {
        let fold = folds.iter().find(|fold| fold.holds(&talk.id));
        let fold = fold.with_context(|| format!("no fold holds {}", talk.id))?;
        let filler = take(talks.iter().filter(|talk| fold.holds(&talk.id)), exchanges);
        let held = filler.messages.len() / 2;
        if held == exchanges {
            return Ok(Filler { fold: Some(fold.clone()), ..filler });
        }
        most = most.max(held);
    }
    bail!("{exchanges} exchanges of filler are more than the {most} of any fold of beam {SPLIT}")
}

fn take<'a>(talks: impl Iterator<Item = &'a Conversation>, exchanges: usize) -> Filler {
    let mut filler = Filler::default();
    for talk in talks {
        let before = filler.messages.len();
        let turns: Vec<&Message> = talk.turns().map(|turn| turn.message).collect();
        for pair in turns.windows(2) {
            let [said, answer] = pair else { continue };
            let whole = said.role == Speaker::User && answer.role == Speaker::Assistant;
            let wanted = filler.messages.len() < 2 * exchanges;
            if whole && !said.is_blank() && !answer.is_blank() && wanted {
                let plain = |message: &Message| Message::chat(message.role, message.text.clone());
                filler.messages.extend([plain(said), plain(answer)]);
            }
        }
        if filler.messages.len() > before {
            filler.from.push(talk.id.clone());
        }
    }
    filler
}

/// A hash of all that is said, to tell one talk from another.
pub(crate) fn hash(talk: &[Message]) -> String {
    let mut hash = blake3::Hasher::new();
    for message in talk {
        hash.update(message.role.as_str().as_bytes());
        hash.update(&(message.text.len() as u64).to_le_bytes());
        hash.update(message.text.as_bytes());
    }
    hash.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        dataset::{DatedSession, Session},
        folds::{Kind, fold_of, testing},
    };

    fn talk(id: &str, exchanges: usize) -> Conversation {
        let message = |at: usize| {
            let role = if at.is_multiple_of(2) { Speaker::User } else { Speaker::Assistant };
            Message::chat(role, format!("{id} {at}"))
        };
        let messages = (0..2 * exchanges).map(message).collect();
        let session = Arc::new(Session { id: id.to_owned(), messages });
        let sessions = vec![DatedSession { session, begun: None, listed: 0 }];
        Conversation { id: id.to_owned(), sessions }
    }

    #[test]
    fn filler_is_of_one_fold() {
        let dir = tempfile::tempdir().unwrap();
        let folds = testing::folds(dir.path(), 2).open(Kind::Ranking).unwrap();
        // 3 and 4 are of one fold, the others of the other.
        let talks = [3, 4, 0, 1, 2, 5].map(|number| talk(&format!("500K/{number}"), 3));
        let folds_of = talks.each_ref().map(|talk| fold_of(&talk.id, 2));
        assert_eq!(folds_of, [1, 1, 0, 0, 0, 0]);
        for (exchanges, of, from) in [
            (2, 1, &["500K/3"][..]),
            (6, 1, &["500K/3", "500K/4"][..]),
            // More than the first fold has.
            (7, 0, &["500K/0", "500K/1", "500K/2"][..]),
        ] {
            let filler = choose(&talks, exchanges, &folds).unwrap();
            assert_eq!(filler.messages.len(), 2 * exchanges);
            assert_eq!(filler.from, from);
            let (fold, other) = (filler.fold.unwrap(), &folds[1 - of]);
            assert!(from.iter().all(|id| fold.holds(id) && !other.holds(id)), "{exchanges}");
        }
        assert!(choose(&talks, 13, &folds).is_err());
        let all = choose(&talks, 18, &[]).unwrap();
        assert_eq!((all.messages.len(), all.from.len(), all.fold.is_some()), (36, 6, false));
        assert!(choose(&talks, 19, &[]).is_err());
    }
}
