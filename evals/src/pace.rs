//! Which items are played, and how many at a time.

use futures::{StreamExt as _, TryStreamExt as _};
use serde::{Serialize, de::DeserializeOwned};

use crate::checkpoint::Checkpoint;

/// Plays the items that the checkpoint does not hold, as [`one_then_others`] does,
/// and keeps each when it is finished; answers in the order of the items.
///
/// # Errors
/// The first that playing gives, or the checkpoint cannot be written.
pub(crate) async fn those_left<T, R: Serialize + DeserializeOwned>(
    items: &[T],
    checkpoint: &Checkpoint,
    key: impl Fn(&T) -> String,
    at_a_time: u16,
    play: impl AsyncFn(&T) -> anyhow::Result<R>,
) -> anyhow::Result<Vec<R>> {
    let known: Vec<Option<R>> = items.iter().map(|item| checkpoint.get(&key(item))).collect();
    let pairs = items.iter().zip(&known);
    let left: Vec<&T> = pairs.filter(|(_, known)| known.is_none()).map(|(item, _)| item).collect();
    let finish = async |item: &&T| {
        let answer = play(*item).await?;
        checkpoint.put(&key(*item), &answer)?;
        anyhow::Ok(answer)
    };
    let mut fresh = one_then_others(&left, at_a_time, finish).await?.into_iter();
    Ok(known.into_iter().filter_map(|answer| answer.or_else(|| fresh.next())).collect())
}

/// Plays the first item alone, so that the talk that all share is embedded once,
/// then the others, some at a time; answers in the order of the items.
///
/// # Errors
/// The first that playing gives.
pub(crate) async fn one_then_others<T, R>(
    items: &[T],
    at_a_time: u16,
    play: impl AsyncFn(&T) -> anyhow::Result<R>,
) -> anyhow::Result<Vec<R>> {
    let Some((first, others)) = items.split_first() else { return Ok(Vec::new()) };
    let mut answers = vec![play(first).await?];
    let play = &play;
    let rest: Vec<R> = futures::stream::iter(others)
        .map(|item| async move { play(item).await })
        .buffered(usize::from(at_a_time))
        .try_collect()
        .await?;
    answers.extend(rest);
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[tokio::test]
    async fn the_first_is_done_before_the_others_begin() {
        let begun = RefCell::new(Vec::new());
        let play = async |item: &u32| {
            begun.borrow_mut().push(*item);
            for _ in 0..10 - item {
                tokio::task::yield_now().await;
            }
            begun.borrow_mut().push(item + 100);
            anyhow::Ok(item * 2)
        };
        let answers = one_then_others(&[1, 2, 3], 2, &play).await.unwrap();
        assert_eq!(answers, [2, 4, 6]);
        assert_eq!(begun.borrow()[..4], [1, 101, 2, 3]);
        assert!(one_then_others(&[] as &[u32], 2, &play).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn finished_items_are_not_played_again() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out.json");
        let open = || Checkpoint::open(Some(out.as_path()), false).unwrap();
        let played = RefCell::new(Vec::new());
        let play = async |item: &u32| {
            played.borrow_mut().push(*item);
            anyhow::ensure!(*item != 3, "broken off");
            Ok(item * 2)
        };
        let run = async |items: &[u32]| {
            let checkpoint = open();
            let key = |item: &u32| checkpoint.key(&[&item.to_string()]);
            those_left(items, &checkpoint, key, 1, &play).await
        };
        assert!(run(&[1, 2, 3]).await.is_err());
        assert_eq!(run(&[1, 4, 2]).await.unwrap(), [2, 8, 4]);
        assert_eq!(*played.borrow(), [1, 2, 3, 4]);
    }
}
