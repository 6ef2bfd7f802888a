//! The sentence against its contraries: with its speakers exchanged, with a clause
//! denied or no longer denied. Where a contrary is far better supported, the
//! sentence is not taken, however near its words are to the source; where it is
//! not, nothing changes.

use super::{denial, exchange, reading::Reading, weights::CheckWeights};

/// A contrary that is believed rather than the sentence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    /// Log odds that the sentence is right in it.
    odds: f32,
    /// Its first token.
    pub(super) at: usize,
    /// Its tokens.
    pub(super) len: usize,
    /// The turn that speaks for the contrary.
    pub(super) turn: Option<usize>,
}

/// The contraries that are believed, the surest of each kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contraries {
    /// Another speaker.
    pub(super) speaker: Option<Doubt>,
    /// A clause denied, or no longer denied.
    pub(super) negation: Option<Doubt>,
}

impl Contraries {
    /// Whether there is one.
    pub(super) fn any(&self) -> bool {
        self.speaker.is_some() || self.negation.is_some()
    }
}

/// Weighs a sentence.
pub(super) fn weigh(reading: &Reading<'_>, weights: &CheckWeights) -> Contraries {
    let contrary = &weights.contrary;
    let speakers = exchange::exchanges(reading).into_iter().map(|exchange| Doubt {
        odds: contrary.speakers(&exchange.row),
        at: exchange.mention.at,
        len: exchange.mention.len,
        turn: exchange.turn,
    });
    let certain = denial::clauses(reading).into_iter().filter(|clause| !clause.hedged);
    let clauses = certain.map(|clause| Doubt {
        odds: contrary.polarity(clause.denied, &clause.row),
        at: clause.at,
        len: 1,
        turn: clause.contrary(),
    });
    Contraries {
        speaker: surest(speakers, contrary.margins.speakers),
        negation: surest(clauses, contrary.margins.polarity),
    }
}

/// The doubt with the least odds that the sentence is right, if they are beyond
/// the margin.
fn surest(doubts: impl Iterator<Item = Doubt>, margin: f32) -> Option<Doubt> {
    doubts.filter(|doubt| doubt.odds < -margin).min_by(|a, b| a.odds.total_cmp(&b.odds))
}
