//! What the sweep plays: the cases, the talk behind them, and how far it goes.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;

use super::{
    args::DegradationArgs,
    cases::{self, Case},
    shown::{Line, Shown},
};
use crate::{
    dataset::Message,
    folds::Fold,
    runner::filler::{self, Filler},
};

/// Exchanges between a value and its update.
const UPDATE_GAP: usize = 8;

/// What is planted, what is said behind it, and how far.
pub(super) struct Material {
    pub(super) cases: Vec<Case>,
    /// Cases that the filler says anyway.
    pub(super) ambiguous: Vec<String>,
    /// In exchanges, rising.
    pub(super) distances: Vec<u32>,
    /// Said behind the case.
    pub(super) filler: Vec<Message>,
    /// Said between a value and its update.
    pub(super) between: Vec<Message>,
    /// Hash of all the talk.
    pub(super) talk: String,
    /// Ids of the conversations that the talk is from.
    pub(super) from: Vec<String>,
    /// The fold whose weights have not seen it.
    pub(super) fold: Option<Fold>,
}

impl Material {
    /// Reads the cases and the filler.
    ///
    /// # Errors
    /// The data cannot be read, or has too little talk.
    pub(super) fn read(args: &DegradationArgs, folds: &[Fold]) -> anyhow::Result<Self> {
        let mut distances = args.distance.clone();
        distances.sort_unstable();
        distances.dedup();
        let most = distances.last().copied().context("--distance: at least one")? as usize;
        let read = filler::read(&args.data, most + UPDATE_GAP, folds)?;
        let Filler { messages: mut filler, from, fold } = read;
        let cases = cases::read(args.cases.as_deref(), &args.data, args.limit)?;
        let (cases, ambiguous) = judgeable(cases, &filler);
        let talk = filler::hash(&filler);
        let between = filler.split_off(2 * most);
        Ok(Self { cases, ambiguous, distances, filler, between, talk, from, fold })
    }

    /// So many cases, of every kind in turn: updates first, since there something
    /// grows stale.
    pub(super) fn traced(&self, most: usize) -> BTreeSet<&str> {
        let mut of_kind: BTreeMap<&str, usize> = BTreeMap::new();
        let mut order: Vec<(usize, bool, &str, &str)> = Vec::new();
        for case in &self.cases {
            let number = of_kind.entry(&case.kind).or_default();
            order.push((*number, case.kind != "update", &case.kind, &case.id));
            *number += 1;
        }
        order.sort_unstable();
        order.into_iter().take(most).map(|(.., id)| id).collect()
    }
}

/// The cases that the filler does not hold anyway, and the ids of the others.
fn judgeable(cases: Vec<Case>, filler: &[Message]) -> (Vec<Case>, Vec<String>) {
    let line = |message: &Message| Line { role: "user", text: message.text.clone(), tokens: 1 };
    let alone = Shown { lines: filler.iter().map(line).collect(), ..Shown::default() };
    let (ambiguous, cases): (Vec<Case>, Vec<Case>) =
        cases.into_iter().partition(|case| alone.place_of(&case.wanted).is_some());
    (cases, ambiguous.into_iter().map(|case| case.id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::degradation::shown::Wanted;

    #[test]
    fn every_kind_is_traced_in_turn() {
        let case = |(kind, id): (&str, &str)| Case {
            id: id.into(),
            kind: kind.into(),
            indirect: false,
            replaced: None,
            said: String::new(),
            wanted: Wanted::Pieces(Vec::new()),
            question: String::new(),
            rule: None,
        };
        let cases = [("fact", "f1"), ("fact", "f2"), ("update", "u1"), ("update", "u2")];
        let material = Material {
            cases: cases.map(case).to_vec(),
            ambiguous: Vec::new(),
            distances: vec![0],
            filler: Vec::new(),
            between: Vec::new(),
            talk: String::new(),
            from: Vec::new(),
            fold: None,
        };
        for (most, expected) in [
            (0, vec![]),
            (1, vec!["u1"]),
            (2, vec!["f1", "u1"]),
            (3, vec!["f1", "u1", "u2"]),
            (9, vec!["f1", "f2", "u1", "u2"]),
        ] {
            assert_eq!(material.traced(most).into_iter().collect::<Vec<_>>(), expected);
        }
    }
}
