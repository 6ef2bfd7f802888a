//! What a conversation brings to cohorts: the sums of its values by whom they rate and by
//! day, in all and over each axis. Kept beside the conversation, it is read instead of
//! its records. As a rule about a kilobyte.
//!
//! Invariants: sums are whole numbers, so that their order does not matter and a digest
//! says exactly what the readings say; what it cannot say exactly (a time that begins or
//! ends within a cell) it does not say; it has at most 64 cells of 73 sums, under
//! 128 KiB, and with each cell the names that the outcomes of two turns rate, 128 pairs at
//! most.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::curve::bucket;

/// Cells of a digest at most; a conversation with more has coarser ones, or none.
const MAX_CELLS: usize = 64;
/// Days of the coarsest cell: longer than any conversation.
const MAX_DAYS: i64 = 1 << 24;
const SECONDS_PER_DAY: i64 = 24 * 60 * 60;
/// The value 1.
const ONE: f64 = 4_294_967_296.0;

/// A sum of values from 0 to 1, in steps of 2⁻³².
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    total: u64,
    count: u64,
}

impl Sum {
    /// Takes a value in, clipped to 0 to 1; what is no number is left out.
    pub fn add(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        // At most `ONE`: nothing is cut off.
        let steps = (value.clamp(0.0, 1.0) * ONE).round() as u64;
        self.take_in(Self { total: steps, count: 1 });
    }

    fn take_in(&mut self, other: Self) {
        self.total = self.total.saturating_add(other.total);
        self.count = self.count.saturating_add(other.count);
    }

    /// Their mean, if there are any.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.total as f64 / self.count as f64 / ONE)
    }
}

/// Sums by bucket of an axis, see [`Curve`](super::Curve).
pub type Places = BTreeMap<u8, Sum>;

/// The values of one conversation, in all and over each axis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// All of them.
    pub all: Sum,
    /// By the turn's sequence.
    pub by_turn: Places,
    /// By the tokens of the history up to the turn.
    pub by_history: Places,
    /// By the distance of the evidence, in turns.
    pub by_distance: Places,
}

impl Spread {
    fn add(&mut self, reading: &Reading) {
        self.all.add(reading.value);
        for (places, place) in [
            (&mut self.by_turn, Some(reading.turn)),
            (&mut self.by_history, reading.history),
            (&mut self.by_distance, reading.distance),
        ] {
            if let Some(place) = place {
                places.entry(bucket(place)).or_default().add(reading.value);
            }
        }
    }

    fn take_in(&mut self, other: &Self) {
        self.all.take_in(other.all);
        for (places, others) in [
            (&mut self.by_turn, &other.by_turn),
            (&mut self.by_history, &other.by_history),
            (&mut self.by_distance, &other.by_distance),
        ] {
            for (place, sum) in others {
                places.entry(*place).or_default().take_in(*sum);
            }
        }
    }
}

/// Who is rated: a model with a version of the prompt; each may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rated {
    /// The model.
    pub model: String,
    /// The version of its prompt.
    pub prompt_version: String,
}

/// A value of a turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The turn.
    pub turn: u64,
    /// The value, 0 to 1.
    pub value: f64,
    /// Tokens of the history up to the turn, where they are known.
    pub history: Option<u64>,
    /// Turns between it and its evidence, where there is some.
    pub distance: Option<u64>,
    /// When it was recorded; absent for what has no time of its own.
    pub at: Option<Timestamp>,
    /// Whom it rates: of what nobody rates nobody.
    pub rated: Vec<Rated>,
}

/// Which values of a conversation are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choice<'a> {
    /// Those that rate this model; of any if empty.
    pub model: &'a str,
    /// Those that rate this version of the prompt; of any if empty.
    pub prompt_version: &'a str,
    /// Of those with a time, those recorded at or after.
    pub from: Option<Timestamp>,
    /// The same: before.
    pub until: Option<Timestamp>,
}

impl Choice<'_> {
    fn is_of(&self, rated: &[Rated]) -> bool {
        let is_of = |one: &Rated| {
            (self.model.is_empty() || one.model == self.model)
                && (self.prompt_version.is_empty() || one.prompt_version == self.prompt_version)
        };
        (self.model.is_empty() && self.prompt_version.is_empty()) || rated.iter().any(is_of)
    }

    fn is_in_time(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.until.is_none_or(|until| at < until)
    }

    /// Neither end of a cell is chosen, and something between them may be.
    fn lies_within(&self, first: Timestamp, last: Timestamp) -> bool {
        self.from.is_some_and(|from| first < from)
            && self.until.is_some_and(|until| last >= until)
            && self.from < self.until
    }
}

/// The values that were chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Their sums.
    pub spread: Spread,
    /// When the newest was recorded, of those with a time.
    pub newest: Option<Timestamp>,
}

impl Taken {
    /// Of the readings themselves.
    pub fn of(readings: &[Reading], choice: Choice<'_>) -> Self {
        let mut taken = Self::default();
        let is_chosen = |one: &&Reading| {
            choice.is_of(&one.rated) && one.at.is_none_or(|at| choice.is_in_time(at))
        };
        for reading in readings.iter().filter(is_chosen) {
            taken.spread.add(reading);
            taken.newest = taken.newest.max(reading.at);
        }
        taken
    }
}

/// Values that rate the same and were recorded about the same time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cell {
    rated: Vec<Rated>,
    /// When the first and the last were recorded; absent for what has no time.
    span: Option<(Timestamp, Timestamp)>,
    spread: Spread,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Absent where there would be too many.
    cells: Option<Vec<Cell>>,
}

impl Digest {
    /// The digest of all readings of a conversation.
    pub fn of(readings: &[Reading]) -> Self {
        let mut days = 1;
        while days <= MAX_DAYS {
            let cells = cells(readings, days);
            if cells.len() <= MAX_CELLS {
                return Self { cells: Some(cells) };
            }
            days *= 4;
        }
        Self { cells: None }
    }

    /// The values that are chosen; nothing where only the readings can tell.
    pub fn take(&self, choice: Choice<'_>) -> Option<Taken> {
        let mut taken = Taken::default();
        for cell in self.cells.as_ref()?.iter().filter(|cell| choice.is_of(&cell.rated)) {
            if let Some((first, last)) = cell.span {
                match (choice.is_in_time(first), choice.is_in_time(last)) {
                    (true, true) => {}
                    (false, false) if !choice.lies_within(first, last) => continue,
                    _ => return None,
                }
                taken.newest = taken.newest.max(Some(last));
            }
            taken.spread.take_in(&cell.spread);
        }
        Some(taken)
    }

    /// Whom its values rate, of those with a time those recorded at or after an instant;
    /// some more than once.
    pub fn rated_since(&self, from: Timestamp) -> impl Iterator<Item = &Rated> {
        let is_recent = move |cell: &&Cell| cell.span.is_none_or(|(_, last)| last >= from);
        self.cells.iter().flatten().filter(is_recent).flat_map(|cell| &cell.rated)
    }
}

/// Readings in cells of so many days.
fn cells(readings: &[Reading], days: i64) -> Vec<Cell> {
    let mut cells: BTreeMap<(&[Rated], Option<i64>), Cell> = BTreeMap::new();
    for reading in readings {
        let day = reading.at.map(|at| at.as_second().div_euclid(SECONDS_PER_DAY * days));
        let empty = || Cell {
            rated: reading.rated.clone(),
            span: reading.at.map(|at| (at, at)),
            spread: Spread::default(),
        };
        let cell = cells.entry((reading.rated.as_slice(), day)).or_insert_with(empty);
        if let (Some((first, last)), Some(at)) = (&mut cell.span, reading.at) {
            *first = at.min(*first);
            *last = at.max(*last);
        }
        cell.spread.add(reading);
    }
    cells.into_values().collect()
}

#[cfg(test)]
#[path = "digest_tests.rs"]
mod tests;
