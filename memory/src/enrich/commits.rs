//! How much of what was derived one commit keeps.

/// Splits items into runs, in order: each of `most` weight together, or a single item.
pub(super) fn commits<T>(items: Vec<T>, most: usize, weight: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut commits: Vec<Vec<T>> = Vec::new();
    let mut weighs = 0;
    for item in items {
        let of_item = weight(&item);
        match commits.last_mut() {
            Some(commit) if weighs + of_item <= most => {
                weighs += of_item;
                commit.push(item);
            }
            _ => {
                weighs = of_item;
                commits.push(vec![item]);
            }
        }
    }
    commits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_takes_what_fits_and_every_item_once() {
        let found = commits(vec![1, 1, 62, 1, 64, 70, 1, 3], 64, |weight| *weight);
        assert_eq!(found, [vec![1, 1, 62], vec![1], vec![64], vec![70], vec![1, 3]]);
        assert!(commits(Vec::<usize>::new(), 64, |weight| *weight).is_empty());
    }
}
