//! Whether two results measured the same thing, so that a difference between their
//! figures is one of the program: command and data set, and what decides a figure beside
//! the program (budget, reader, number of items, data).

use std::collections::BTreeSet;

use super::result::Outcome;

/// What of the flags decides a figure, beside the program and its weights.
const SETTINGS: [&str; 6] = ["budget", "tokenizer", "distance", "gap", "reader", "judge"];

/// What differs between two results of the same title that no program answers for; what
/// an older result does not say is taken to be the same.
pub(super) fn differences(before: &Outcome, after: &Outcome) -> Vec<String> {
    let setting = |name: &&str| {
        let (old, new) = (before.config.get(name)?, after.config.get(name)?);
        (old != new).then(|| format!("{name} was {old} and is {new}"))
    };
    let mut found: Vec<String> = SETTINGS.iter().filter_map(setting).collect();
    // Without a data set it is what came of the run: the appends of a load.
    if before.dataset.is_some() && before.n != after.n {
        found.push(format!("n was {} and is {}", before.n, after.n));
    }
    // Where the files lie does not matter.
    let hashes = |of: &Outcome| of.data_sha256.values().cloned().collect::<BTreeSet<String>>();
    let (old, new) = (hashes(before), hashes(after));
    if !old.is_empty() && !new.is_empty() && old != new {
        let others = old.symmetric_difference(&new).count();
        found.push(format!("the data files differ ({others} of their hashes stand in one alone)"));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::page::tests::outcome;

    #[test]
    fn what_decides_a_figure_must_be_the_same() {
        let change = |change: fn(&mut Outcome)| {
            let mut after = outcome(0.8);
            change(&mut after);
            differences(&outcome(0.8), &after)
        };
        assert_eq!(change(|_| {}), Vec::<String>::new());
        assert_eq!(change(|after| after.version = "9".into()), Vec::<String>::new());
        // The same files elsewhere; an older result without hashes, or without a flag.
        let moved = change(|after| {
            after.data_sha256 = [("elsewhere.json".to_owned(), "cd".repeat(32))].into();
        });
        assert_eq!(moved, Vec::<String>::new());
        assert_eq!(change(|after| after.data_sha256.clear()), Vec::<String>::new());
        assert_eq!(change(|after| after.config = Value::Null), Vec::<String>::new());
        for (changed, said) in [
            (change(|after| after.config["budget"] = json!(1000)), "budget was 2000 and is 1000"),
            (change(|after| after.n = 133), "n was 134 and is 133"),
            (
                change(|after| {
                    after.data_sha256.insert("b".into(), "ef".repeat(32));
                }),
                "data files differ (1 of",
            ),
        ] {
            assert!(changed.len() == 1 && changed[0].contains(said), "{changed:?}");
        }
        let (mut before, mut after) = (outcome(0.8), outcome(0.8));
        before.config["reader"] = json!(null);
        after.config["reader"] = json!({"name": "m", "runs": 1});
        assert!(differences(&before, &after)[0].starts_with("reader was null and is {"));
        // How many turns a load appends is its result.
        (before, after) = (outcome(0.8), outcome(0.8));
        (before.dataset, after.dataset, after.n) = (None, None, 7);
        assert_eq!(differences(&before, &after), Vec::<String>::new());
    }
}
