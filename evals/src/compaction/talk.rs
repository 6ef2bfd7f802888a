//! The talk that items are planted into: conversations of BEAM, with folds of one alone,
//! whose weights have not seen them.

use std::path::Path;

use anyhow::bail;

use crate::{
    dataset::{Dataset, DatasetName, Message},
    folds::Fold,
};

/// A conversation to plant into.
pub(super) struct Talk {
    /// Its id in the data set.
    pub(super) id: String,
    /// What is said in it, blank messages left out.
    pub(super) said: Vec<Message>,
}

/// Real talk to plant into, one for each conversation of the data set that has so many
/// `turns`.
///
/// # Errors
/// The data cannot be read, or no conversation is so long.
pub(super) fn read(data: &Path, turns: usize) -> anyhow::Result<Vec<Talk>> {
    let set = DatasetName::Beam;
    let dataset = Dataset::read(set, data, None)?;
    let talk = dataset.conversations.iter().map(|conversation| {
        let messages = conversation.turns().map(|placed| placed.message);
        let said: Vec<Message> = messages.filter(|message| !message.is_blank()).cloned().collect();
        Talk { id: conversation.id.clone(), said }
    });
    let long: Vec<Talk> = talk.filter(|talk| talk.said.len() >= turns).collect();
    if long.is_empty() {
        bail!(
            "no conversation of {} has {turns} turns; give smaller numbers to --at",
            set.folder()
        );
    }
    Ok(long)
}

/// The talk of the fold that has most of it, with that fold; all of it without folds.
/// Weights were learnt from these conversations.
pub(super) fn of_one_fold(talk: Vec<Talk>, folds: Vec<Fold>) -> (Vec<Talk>, Option<Fold>) {
    let held = |fold: &Fold| talk.iter().filter(|talk| fold.holds(&talk.id)).count();
    // The first of those that have as much.
    match folds.into_iter().rev().max_by_key(held) {
        Some(most) => (talk.into_iter().filter(|talk| most.holds(&talk.id)).collect(), Some(most)),
        None => (talk, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folds::{Kind, testing};

    #[test]
    fn talk_is_of_the_fold_with_most() {
        let dir = tempfile::tempdir().unwrap();
        let folds = testing::folds(dir.path(), 2).open(Kind::Ranking).unwrap();
        let talk = |ids: &[u32]| -> Vec<Talk> {
            let one = |id: &u32| Talk { id: format!("500K/{id}"), said: Vec::new() };
            ids.iter().map(one).collect()
        };
        // 3 and 4 are of one fold, the others of the other.
        for (ids, kept) in [
            (&[3, 4, 0, 1, 2][..], &["500K/0", "500K/1", "500K/2"][..]),
            (&[3, 4, 0], &["500K/3", "500K/4"]),
        ] {
            let (talk, fold) = of_one_fold(talk(ids), folds.clone());
            let fold = fold.unwrap();
            assert!(talk.iter().map(|talk| talk.id.as_str()).eq(kept.iter().copied()));
            assert!(kept.iter().all(|id| fold.holds(id)), "{ids:?}");
        }
        let (talk, fold) = of_one_fold(talk(&[3, 4, 0]), Vec::new());
        assert!(talk.len() == 3 && fold.is_none());
    }
}
