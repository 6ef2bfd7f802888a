//! How many items are played at a time.

use futures::{StreamExt as _, TryStreamExt as _};

/// Plays the first item alone, so that the talk that all share is embedded once,
/// then the others, some at a time; answers in the order of the items.
///
/// # Errors
/// The first that playing gives.
pub(super) async fn one_then_others<T, R>(
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
}
