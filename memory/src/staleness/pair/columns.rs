//! The columns of a row: their names, and the cues that have one.

use super::sorts;
use crate::staleness::text::{Cue, Kind};

/// Cues of the old statement, of the new one, of what stood before each, of the
/// answer to the old one, and of the clauses that meet.
pub(super) const OLD: &[Cue] = &[
    Cue::Changes,
    Cue::Denies,
    Cue::Alternative,
    Cue::Adds,
    Cue::Ended,
    Cue::Present,
    Cue::Accepts,
    Cue::Courtesy,
    Cue::Requests,
    Cue::Open,
    Cue::Asks,
    Cue::Self_,
    Cue::Negates,
    Cue::Single,
    Cue::Plural,
    Cue::Again,
    Cue::Still,
];
pub(super) const NEW: &[Cue] = Cue::ALL;
pub(super) const BEFORE: &[Cue] = &[
    Cue::Offers,
    Cue::Confirms,
    Cue::Completed,
    Cue::Fails,
    Cue::Asks,
    Cue::Courtesy,
    Cue::Adds,
    Cue::Alternative,
    Cue::Open,
];
pub(super) const CLAUSE_OLD: &[Cue] = &[
    Cue::Self_,
    Cue::Single,
    Cue::Plural,
    Cue::Ended,
    Cue::Present,
    Cue::Became,
    Cue::Open,
    Cue::Asks,
    Cue::Negates,
    Cue::Distinct,
];
pub(super) const CLAUSE_NEW: &[Cue] = &[
    Cue::Self_,
    Cue::Single,
    Cue::Plural,
    Cue::Ended,
    Cue::Present,
    Cue::Became,
    Cue::Adds,
    Cue::Changes,
    Cue::Instead,
    Cue::Retracts,
    Cue::Denies,
    Cue::Alternative,
    Cue::Open,
    Cue::Asks,
    Cue::Negates,
    Cue::Still,
    Cue::Supposes,
    Cue::Distinct,
];

/// Numbers of a row, before the cues.
pub(super) const NUMBERS: &[&str] = &[
    "cos",
    "cos_old_asked",
    "cos_asked_new",
    "cos_questions",
    "cos_nearer",
    "cos_margin",
    "old_position",
    "new_position",
    "distance",
    "adjacent",
    "old_words",
    "new_words",
    "old_content",
    "new_content",
    "old_clauses",
    "new_clauses",
    "shared",
    "shared_weight",
    "share_of_old",
    "share_of_new",
    "unshared_old",
    "unshared_new",
    "novel",
    "old_in_question",
    "new_in_question",
    "new_in_old_question",
    "questions_shared",
    "share_questions",
    "old_in_question_share",
    "meeting_more",
    "meeting_margin",
    "rare",
    "meeting_rare",
    "attributes_single",
    "attributes_plural",
    "meeting_single",
    "meeting_plural",
    "old_single",
    "old_plural",
    "new_single",
    "new_plural",
    "owners_both",
    "owners_old",
    "owners_new",
    "meeting_weight",
    "meeting_shared_old",
    "meeting_shared_new",
    "meeting_old_words",
    "meeting_new_words",
    "meeting_differ",
    "meeting_agree",
    "frame_function",
    "frame_content",
    "frame_behind",
    "differ",
    "agree",
    "old_values",
    "new_values",
    "question_restates",
    "question_differs_old",
    "new_differs_question",
    "new_takes_question",
    "offer_differs",
    "offer_taken",
    "between_own",
    "between_setters",
    "between_corrections",
    "between_nearest",
    "between_repeats",
    "between_completed",
    "between_fails",
    "between_offers",
    "between_asks",
    "between_leaves",
    "between_since_completed",
    "answer_shares",
    "answer_restates",
    "answer_differs",
];

/// The kinds whose tallies stand alone.
pub(super) const TALLIED: &[Kind] = &Kind::ALL;

/// Names of the features, in order.
pub fn names() -> Vec<String> {
    let mut out: Vec<String> = NUMBERS.iter().map(|name| (*name).to_owned()).collect();
    for kind in TALLIED {
        for what in ["old", "new", "agree", "differ", "question_differ"] {
            out.push(format!("{kind:?}_{what}").to_lowercase());
        }
    }
    for (who, cues) in [
        ("old", OLD),
        ("new", NEW),
        ("asked", BEFORE),
        ("old_asked", BEFORE),
        ("answer", BEFORE),
        ("old_clause", CLAUSE_OLD),
        ("new_clause", CLAUSE_NEW),
    ] {
        out.extend(cues.iter().map(|cue| format!("{who}:{cue:?}").to_lowercase()));
    }
    out.extend(sorts::NAMES.iter().map(|name| (*name).to_owned()));
    out
}
