//! Whether a later fact takes the place of an earlier one, or contradicts one
//! of more weight: by subject and attribute where both are named, else by
//! their words.
//!
//! Invariants: values that add up replace nothing; facts of different scopes
//! have nothing to do with each other; what says the same replaces nothing; a
//! lower authority never takes a higher one's place. Rather no edge than a
//! wrong one: an edge of less than [`SHOWN_CONFIDENCE`] is not drawn.

use super::{
    Claim, Fact, FactEdge,
    claim::Words,
    edge::{Cause, short},
    name::NameRelation,
    relation::{Likeness, Topic, common, same_words},
};
use crate::staleness::{EdgeKind, SHOWN_CONFIDENCE, text::Cue};

/// Same subject and attribute.
const BY_NAME: f32 = 0.97;
/// One name says more than the other, and the words agree.
const BY_WIDER_NAME: f32 = 0.75;
/// Names that have nothing to do with each other: the words must say it all.
const APART: f32 = 0.6;
/// What a text of several sentences takes off: what is shared may be beside
/// what differs.
const LONG: f32 = 0.35;
/// Something ended or was taken back, and it is clear what.
const STRONG: f32 = 0.85;
/// Words of a long text.
const LONG_WORDS: usize = 16;

/// Words with which a text takes something back or changes it.
const CHANGING: [Cue; 7] = [
    Cue::Retracts,
    Cue::Changes,
    Cue::Instead,
    Cue::Became,
    Cue::Ended,
    Cue::Present,
    Cue::Compares,
];
/// Those that leave no doubt even where values could stand side by side.
const ENDING: [Cue; 4] = [Cue::Retracts, Cue::Instead, Cue::Ended, Cue::Denies];

/// How a later claim bears on an earlier one.
#[derive(Clone, Debug, PartialEq)]
pub struct Bearing {
    /// What kind.
    pub kind: EdgeKind,
    /// Probability that it is right, [`SHOWN_CONFIDENCE`] to 1.
    pub confidence: f32,
    /// The words of the earlier one that are meant.
    pub earlier_value: String,
    /// The words of the later one that are meant.
    pub later_value: String,
    /// The later one repeats the earlier as void.
    pub withdraws: bool,
}

/// Compares a later claim with an earlier one.
pub fn compare(earlier: &Claim, later: &Claim) -> Option<Bearing> {
    if earlier.scope != later.scope || says_the_same(earlier, later) {
        return None;
    }
    let relation = earlier.name.relation(&later.name);
    let confidence = if earlier.additive || later.additive {
        removal(earlier, later)?
    } else {
        match relation {
            NameRelation::Siblings => return None,
            NameRelation::Same if adds_to(later) => return None,
            NameRelation::Same => BY_NAME,
            NameRelation::Wider => by_wider_name(earlier, later)?,
            NameRelation::Open => by_words(earlier, later)?,
            NameRelation::Apart => apart(earlier, later)?,
        }
    };
    if confidence < SHOWN_CONFIDENCE {
        return None;
    }
    let kind = if later.authority < earlier.authority {
        EdgeKind::Contradicts
    } else {
        EdgeKind::Supersedes
    };
    let (earlier_value, later_value) = values(earlier, later, relation);
    let withdraws = withdraws(earlier, later);
    Some(Bearing { kind, confidence, earlier_value, later_value, withdraws })
}

/// The edge that a later fact draws to an earlier one, stored with the earlier.
pub fn edge(earlier: (&Fact, &Claim), later: (&Fact, &Claim)) -> Option<FactEdge> {
    let ((old, old_claim), (new, new_claim)) = (earlier, later);
    let cause = Cause::Fact(new.id.clone());
    if old.id == new.id || old.has_rejected(&cause) || !new.is_after(old) {
        return None;
    }
    let found = compare(old_claim, new_claim)?;
    let what = [&new.says.attribute, &old.says.attribute, &new.says.subject];
    let what = what.into_iter().map(|name| name.trim()).find(|name| !name.is_empty());
    let led = what.map(|what| format!("{}: ", short(what))).unwrap_or_default();
    // Whichever was pinned last made it known.
    let made_known = if (new.created_at, &new.id) > (old.created_at, &old.id) { new } else { old };
    Some(FactEdge {
        kind: found.kind,
        later: cause,
        confidence: found.confidence,
        reason: format!("{led}{} -> {}", found.earlier_value, found.later_value),
        earlier_value: found.earlier_value,
        later_value: found.later_value,
        withdraws: found.withdraws,
        valid_from: new.valid_from,
        known_at: made_known.created_at,
        known_turn: made_known.known_turn,
    })
}

/// "Revoked: 15 % for Umbrella": all words of the earlier one, and that they are
/// void.
fn withdraws(earlier: &Claim, later: &Claim) -> bool {
    let said = &earlier.value_or_text().stems;
    let repeats = !said.is_empty() && common(said, &later.text.stems) == said.len();
    repeats && later.text.voids && !earlier.text.voids
}

fn says_the_same(earlier: &Claim, later: &Claim) -> bool {
    match (&earlier.value, &later.value) {
        (Some(a), Some(b)) => same_words(a, b),
        _ => same_words(&earlier.text, &later.text),
    }
}

/// "also", "another": a further value of the same attribute.
fn adds_to(later: &Claim) -> bool {
    later.text.said.has(Cue::Adds) && !later.text.has_any(&ENDING)
}

/// A list loses an item: "no longer allergic to nuts". The later one names what
/// the earlier had, and says that it ended.
fn removal(earlier: &Claim, later: &Claim) -> Option<f32> {
    const REMOVED: f32 = 0.75;
    let ended =
        later.text.has_any(&[Cue::Ended, Cue::Retracts]) || later.text.said.has(Cue::Negates);
    let had = earlier.text.said.has(Cue::Negates) || earlier.text.said.has(Cue::Ended);
    let item = &earlier.value_or_text().stems;
    let named = !item.is_empty() && common(item, &later.text.stems) == item.len();
    (ended && !had && named).then_some(REMOVED)
}

/// `deadline` and `project_deadline`: one thing if the words fit.
fn by_wider_name(earlier: &Claim, later: &Claim) -> Option<f32> {
    let like = Likeness::of(earlier.value_or_text(), later.value_or_text());
    let texts = Likeness::of(&earlier.text, &later.text);
    if texts.topic == Topic::Other || adds_to(later) {
        return None;
    }
    let changing = later.text.has_any(&CHANGING);
    let fits = like.differs.is_some() || texts.differs.is_some() || changing;
    fits.then_some(BY_WIDER_NAME + if changing { 0.1 } else { 0.0 })
}

/// `po_status` and `order_cancellation`: names do not tell, and the words must
/// leave no doubt.
fn apart(earlier: &Claim, later: &Claim) -> Option<f32> {
    const NEARLY_ALL: f32 = 0.7;
    let like = Likeness::of(&earlier.text, &later.text);
    let clear = like.topic == Topic::Same && like.overlap >= NEARLY_ALL && like.shared >= 2;
    (clear && by_words(earlier, later)? >= STRONG).then_some(APART)
}

/// By the words alone.
fn by_words(earlier: &Claim, later: &Claim) -> Option<f32> {
    let long = |text: &Words| text.said.clauses.len() > 1 && text.said.words.len() > LONG_WORDS;
    let off = if long(&earlier.text) || long(&later.text) { LONG } else { 0.0 };
    by_words_of(&earlier.text, &later.text).map(|confidence| confidence - off)
}

/// Two texts: about one thing, and something of it differs.
pub(super) fn by_words_of(earlier: &Words, later: &Words) -> Option<f32> {
    let like = Likeness::of(earlier, later);
    let negated = later.said.has(Cue::Negates) && !earlier.said.has(Cue::Negates);
    let settled = later.settles && !earlier.settles;
    let changing = later.has_any(&CHANGING) || negated || settled;
    let ending = later.has_any(&ENDING) || negated;
    if later.said.text.contains('?')
        || like.topic == Topic::Other
        || later.said.has(Cue::Adds) && !ending
    {
        return None;
    }
    let about_one = match like.topic {
        Topic::Same => like.shared >= 1,
        _ => like.shared >= 2 && like.overlap >= 0.5,
    };
    // Several likings hold at a time, and several orders are made.
    if !about_one || (earlier.adds || later.adds) && !ending {
        return None;
    }
    let known = like.topic == Topic::Same;
    if ending && known && like.shared >= 2 {
        return Some(if like.differs.is_some() { 0.9 } else { STRONG });
    }
    match (like.differs.is_some(), changing, like.substitutes()) {
        (true, true, _) => Some(0.9),
        (true, false, _) if known || like.overlap >= 0.7 => Some(0.75),
        (true, false, _) => Some(0.55),
        (false, true, true) => Some(0.8),
        (false, true, false) if known && like.shared >= 2 => Some(0.7),
        (false, true, false) if like.overlap >= 0.75 => Some(0.6),
        (false, false, true) if known && like.overlap >= 0.5 => Some(0.6),
        (false, _, _) => None,
    }
}

/// The words that are meant: the values as given, else those that differ, else
/// all of it.
fn values(earlier: &Claim, later: &Claim, relation: NameRelation) -> (String, String) {
    let whole = |claim: &Claim| short(&claim.value_or_text().said.text);
    if relation == NameRelation::Same || earlier.value.is_some() && later.value.is_some() {
        return (whole(earlier), whole(later));
    }
    match Likeness::of(&earlier.text, &later.text).differs {
        Some((old, new)) => {
            (short(old.of(&earlier.text.said.text)), short(new.of(&later.text.said.text)))
        }
        None => (short(&earlier.text.said.text), short(&later.text.said.text)),
    }
}

#[cfg(test)]
#[path = "supersession_tests.rs"]
mod tests;
