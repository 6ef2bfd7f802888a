//! What stands between an old statement and a new one, and which other earlier
//! statements compete for being the replaced one.

use std::sync::Arc;

use super::{
    conflict::Conflict,
    overlap::{self, Meeting},
};
use crate::{
    staleness::{statement::Statement, text::Cue},
    turn::Role,
};

/// Statements in between that are looked at, the last ones.
const MAX_BETWEEN: usize = 24;
/// Statements in between whose vectors are compared, the last ones.
const MAX_COMPARED: usize = 8;

/// Cosine of two unit vectors; not a number where one is missing.
pub(super) fn cosine(a: Option<&Arc<[f32]>>, b: Option<&Arc<[f32]>>) -> f32 {
    match (a, b) {
        (Some(a), Some(b)) if a.len() == b.len() => dot(a, b),
        _ => f32::NAN,
    }
}

/// Sum of products in eight lanes.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    let (x, y) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = x.remainder().iter().zip(y.remainder()).map(|(p, q)| p * q).sum();
    for (p, q) in x.zip(y) {
        for ((lane, p), q) in lanes.iter_mut().zip(p).zip(q) {
            *lane += p * q;
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// What the earlier statements of the same speaker have to do with a new one;
/// computed once for a new statement.
#[derive(Debug)]
pub(super) struct Field {
    /// Cosine of each earlier statement with the new one; not a number for
    /// other speakers' and without vectors.
    cosines: Vec<f32>,
    /// The clauses in which each meets the new one.
    meetings: Vec<Meeting>,
    /// Rarity of the new statement's words among the earlier ones of its
    /// speaker.
    pub(super) rarity: Vec<f32>,
}

impl Field {
    /// Looks at all earlier statements.
    pub(super) fn of(new: &Statement, past: &[Arc<Statement>]) -> Self {
        let vector = new.said.vector.as_ref();
        let own = |old: &Arc<Statement>| {
            if old.same_speaker(new) { cosine(old.said.vector.as_ref(), vector) } else { f32::NAN }
        };
        let meeting = |old: &Arc<Statement>| {
            if old.same_speaker(new) {
                overlap::meeting(&old.said, &new.said)
            } else {
                Meeting::default()
            }
        };
        let earlier = past.iter().filter(|old| old.same_speaker(new)).map(|old| &*old.said);
        Self {
            cosines: past.iter().map(own).collect(),
            meetings: past.iter().map(meeting).collect(),
            rarity: overlap::rarity(&new.said, earlier),
        }
    }

    /// Where the earlier statement at an index meets the new one.
    pub(super) fn meeting(&self, index: usize) -> Meeting {
        self.meetings.get(index).copied().unwrap_or_default()
    }

    /// How many meet the new one with more weight, and the margin to the best
    /// other.
    pub(super) fn meeting_standing(&self, index: usize) -> (f32, f32) {
        let own = self.meeting(index).weight;
        let others = || self.meetings.iter().enumerate().filter(|(at, _)| *at != index);
        let more = others().filter(|(_, other)| other.weight > own).count();
        (more as f32, own - others().map(|(_, other)| other.weight).fold(0.0, f32::max))
    }

    /// How many are nearer than one, and by how much the nearest other is.
    pub(super) fn standing(&self, index: usize) -> (f32, f32) {
        let own = self.cosines.get(index).copied().unwrap_or(f32::NAN);
        let others = || self.cosines.iter().enumerate().filter(|(at, _)| *at != index);
        let nearer = others().filter(|(_, cosine)| **cosine > own).count();
        let nearest = others().map(|(_, cosine)| *cosine).fold(f32::NAN, f32::max);
        (nearer as f32, own - nearest)
    }
}

/// What stands between.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Between {
    /// Statements of the same speaker.
    pub(super) own: f32,
    /// Those that set a value of a kind in which old and new differ.
    pub(super) setters: f32,
    /// Those with a correction cue or a refusal.
    pub(super) corrections: f32,
    /// Greatest cosine of one with the old statement.
    pub(super) nearest: f32,
    /// Greatest share of the old statement's words in one.
    pub(super) repeats: f32,
    /// Others' turns that report something done.
    pub(super) completed: f32,
    /// Others' turns that report a failure.
    pub(super) fails: f32,
    /// Others' turns with an offer.
    pub(super) offers: f32,
    /// Others' turns that ask.
    pub(super) asks: f32,
    /// Own turns that thank or take leave.
    pub(super) leaves: f32,
    /// Turns since another last reported something done; none is counted as all.
    pub(super) since_completed: f32,
}

impl Between {
    /// Looks at the statements after `index`.
    pub(super) fn of(past: &[Arc<Statement>], index: usize, conflict: &Conflict) -> Self {
        let mut out = Self { nearest: f32::NAN, ..Self::default() };
        let Some(old) = past.get(index) else { return out };
        let after = past.get(index + 1..).unwrap_or(&[]);
        let after = after.get(after.len().saturating_sub(MAX_BETWEEN)..).unwrap_or(&[]);
        let words = overlap::distinct(&old.said).max(1.0);
        for (at, between) in after.iter().enumerate() {
            let said = &between.said;
            let flag = |cue: Cue| f32::from(u8::from(said.has(cue)));
            if !between.same_speaker(old) {
                out.completed += flag(Cue::Completed);
                out.since_completed =
                    if said.has(Cue::Completed) { 0.0 } else { out.since_completed + 1.0 };
                out.fails += flag(Cue::Fails);
                out.offers += flag(Cue::Offers);
                out.asks += flag(Cue::Asks);
                continue;
            }
            out.own += 1.0;
            out.leaves += flag(Cue::Courtesy);
            out.corrections += flag(Cue::Changes).max(flag(Cue::Denies)).max(flag(Cue::Instead));
            let later = Conflict::of(&old.said, said, None);
            out.setters += f32::from(u8::from(later.meets(conflict)));
            out.repeats = out.repeats.max(overlap::shared(&old.said, said).0 / words);
            if after.len() - at <= 2 * MAX_COMPARED {
                let near = cosine(old.said.vector.as_ref(), said.vector.as_ref());
                out.nearest = out.nearest.max(near);
            }
        }
        out
    }
}

/// The answer to a statement: the turn right behind it, of another.
pub(super) fn answer<'a>(past: &'a [Arc<Statement>], index: usize) -> Option<&'a Statement> {
    let old = past.get(index)?;
    past.get(index + 1)
        .filter(|next| {
            next.sequence == old.sequence + 1 && next.role != Role::Tool && !next.same_speaker(old)
        })
        .map(|next| &**next)
}
