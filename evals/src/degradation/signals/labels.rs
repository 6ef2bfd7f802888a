//! The labelled turns of `evals/cases/signals.jsonl`: where each stands in its
//! data set, and what its reader said of it. They hold no text; a hash tells
//! whether the turn at the place is the one that was read.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use throughline_proto::v1::TurnSignalKind;

use crate::dataset::read;

/// The bundled labels.
const BUNDLED: &str = include_str!("../../../cases/signals.jsonl");
/// Hexadecimal digits of a text's hash.
const HASH_DIGITS: usize = 8;

/// A signal that is labelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The user repeats.
    UserRepeats,
    /// The user corrects.
    UserCorrects,
}

/// Every signal that is labelled.
pub(super) const KINDS: [Kind; 2] = [Kind::UserRepeats, Kind::UserCorrects];

impl Kind {
    /// As labels and figures spell it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::UserRepeats => "user_repeats",
            Self::UserCorrects => "user_corrects",
        }
    }

    /// As the wire has it.
    pub(super) fn on_the_wire(self) -> TurnSignalKind {
        match self {
            Self::UserRepeats => TurnSignalKind::UserRepeats,
            Self::UserCorrects => TurnSignalKind::UserCorrects,
        }
    }
}

/// A data set that turns are taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Source {
    /// Sessions of a user with a model, real chats among them.
    Longmemeval,
    /// Long user-assistant conversations.
    Beam,
    /// Conversations that end where models fail.
    Multichallenge,
    /// Short structured chats.
    Structflow,
    /// Task dialogues, evaluation part.
    SgdUpdates,
    /// Task dialogues, training part.
    SgdTrain,
    /// A driver and a car.
    CiTod,
    /// One long conversation.
    Cri,
}

impl Source {
    /// Folder under `--data`.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Longmemeval => "longmemeval",
            Self::Beam => "beam",
            Self::Multichallenge => "multichallenge",
            Self::Structflow => "structflow",
            Self::SgdUpdates => "sgd_updates",
            Self::SgdTrain => "sgd_train",
            Self::CiTod => "ci_tod",
            Self::Cri => "cri",
        }
    }
}

/// What a turn's reader said of it; nothing where it cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Labels {
    user_repeats: Option<bool>,
    user_corrects: Option<bool>,
}

impl Labels {
    /// Whether the signal is there; nothing where it cannot be told.
    pub(super) fn of(self, kind: Kind) -> Option<bool> {
        match kind {
            Kind::UserRepeats => self.user_repeats,
            Kind::UserCorrects => self.user_corrects,
        }
    }
}

/// A labelled turn.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Labelled {
    /// Unique.
    pub(super) id: String,
    /// Where it is taken from.
    pub(super) dataset: Source,
    /// File or part of the set.
    pub(super) split: String,
    /// The conversation, as the set names it.
    pub(super) conversation: String,
    /// Place of the message in the conversation, from 0.
    pub(super) turn: usize,
    sha256: String,
    /// The labels.
    pub(super) labels: Labels,
    /// Why the turn is among the labelled ones.
    pub(super) stratum: String,
    #[serde(rename = "note")]
    _note: String,
}

/// A half of the labels, by a hash of the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    /// Read and learnt from while the detectors were made.
    Seen,
    /// Never read for it.
    Unseen,
}

impl Half {
    /// As reports name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Seen => "a",
            Self::Unseen => "b",
        }
    }
}

impl Labelled {
    /// Its half: the parity of the first byte of its id's SHA-256, even ones are seen.
    pub(super) fn half(&self) -> Half {
        let first = Sha256::digest(self.id.as_bytes()).first().copied().unwrap_or(0);
        if first % 2 == 0 { Half::Seen } else { Half::Unseen }
    }

    /// Whether a text is the one that was labelled.
    pub(super) fn is_of(&self, text: &str) -> bool {
        let hash = hex::encode(Sha256::digest(text.as_bytes()));
        hash.get(..HASH_DIGITS) == Some(self.sha256.as_str())
    }
}

/// Reads the labels: the bundled ones, or those of a file.
///
/// # Errors
/// The file cannot be read, a line is no label, or an id occurs twice.
pub(super) fn read(file: Option<&Path>) -> anyhow::Result<Vec<Labelled>> {
    match file {
        Some(path) => parse(&read::text(path)?).with_context(|| path.display().to_string()),
        None => parse(BUNDLED),
    }
}

fn parse(text: &str) -> anyhow::Result<Vec<Labelled>> {
    let mut labelled: Vec<Labelled> = Vec::new();
    let mut ids = BTreeSet::new();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    for (number, line) in lines {
        let one: Labelled =
            serde_json::from_str(line).with_context(|| format!("label {}", number + 1))?;
        ensure!(one.sha256.len() == HASH_DIGITS, "{}: sha256 has not {HASH_DIGITS} digits", one.id);
        ensure!(ids.insert(one.id.clone()), "{} is labelled twice", one.id);
        labelled.push(one);
    }
    ensure!(!labelled.is_empty(), "there are no labels");
    Ok(labelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Labels of each kind that a figure needs.
    const ENOUGH: usize = 50;

    #[test]
    fn the_bundled_labels_are_enough_of_each_kind() {
        let labelled = read(None).unwrap();
        for kind in KINDS {
            let there = labelled.iter().filter(|one| one.labels.of(kind) == Some(true)).count();
            assert!(there >= ENOUGH, "{}: {there}", kind.name());
        }
        let none = |one: &&Labelled| KINDS.iter().all(|&kind| one.labels.of(kind) == Some(false));
        assert!(labelled.iter().filter(none).count() >= 80);
        let places: BTreeSet<_> = labelled
            .iter()
            .map(|one| (one.dataset, &one.split, &one.conversation, one.turn))
            .collect();
        assert_eq!(places.len(), labelled.len(), "a turn is labelled twice");
        for one in &labelled {
            assert!(one.turn > 0, "{}: nobody has answered yet", one.id);
            assert!(one.sha256.chars().all(|c| c.is_ascii_hexdigit()), "{}", one.id);
        }
    }

    #[test]
    fn each_half_has_enough_of_each_kind() {
        let labelled = read(None).unwrap();
        let of = |half| labelled.iter().filter(move |one| one.half() == half);
        assert_eq!((of(Half::Seen).count(), of(Half::Unseen).count()), (176, 129));
        for (half, kind) in KINDS.iter().flat_map(|&k| [(Half::Seen, k), (Half::Unseen, k)]) {
            let there = of(half).filter(|one| one.labels.of(kind) == Some(true)).count();
            assert!(there >= 25, "{} {}: {there}", half.name(), kind.name());
        }
    }

    #[test]
    fn labels_that_say_nothing_are_refused() {
        let line = |id: &str, hash: &str| {
            format!(
                r#"{{"id":"{id}","dataset":"cri","split":"s","conversation":"c","turn":2,"sha256":"{hash}","labels":{{"user_repeats":true,"user_corrects":null}},"stratum":"random","note":""}}"#
            )
        };
        let one = parse(&line("a", "2cf24dba")).unwrap();
        assert!(one[0].is_of("hello") && !one[0].is_of("Hello"));
        assert_eq!(one[0].labels.of(Kind::UserRepeats), Some(true));
        assert_eq!(one[0].labels.of(Kind::UserCorrects), None);
        for wrong in [
            String::new(),
            line("a", ""),
            line("a", "2cf24dba") + "\n" + &line("a", "2cf24dba"),
            line("a", "2cf24dba").replace("cri", "nowhere"),
        ] {
            assert!(parse(&wrong).is_err(), "{wrong}");
        }
    }
}
