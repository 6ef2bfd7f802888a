//! Words and cues by which people speak of the talk itself: of what was said, asked
//! and answered, and whether it fits. None is of any subject.

use super::model::Features;
use crate::staleness::{statement::Said, text::Cue};

/// Marked where they occur.
const WORDS: &[&str] = &[
    "again", "already", "also", "another", "anyway", "asked", "but", "change", "correct", "else",
    "forgot", "however", "instead", "isn't", "it's", "just", "like", "maybe", "mean", "meant",
    "more", "must", "need", "next", "no", "not", "now", "only", "other", "please", "rather",
    "really", "remember", "said", "same", "should", "so", "still", "supposed", "sure", "than",
    "that", "that's", "then", "there's", "think", "this", "though", "too", "told", "want",
    "wanted", "was", "what", "why", "wrong", "wasn't", "don't", "doesn't", "didn't", "you", "your",
    "you're", "you've", "can", "could", "thanks", "great", "good", "okay", "sorry",
];

/// Marked where they open the turn.
const OPENERS: &[(&str, &str)] = &[
    ("no", "opens no"),
    ("not", "opens not"),
    ("but", "opens but"),
    ("so", "opens so"),
    ("and", "opens and"),
    ("actually", "opens actually"),
    ("wrong", "opens wrong"),
    ("i", "opens i"),
    ("that's", "opens that's"),
    ("that", "opens that"),
    ("this", "opens this"),
    ("it", "opens it"),
    ("it's", "opens it's"),
    ("you", "opens you"),
    ("what", "opens what"),
    ("how", "opens how"),
    ("can", "opens can"),
    ("could", "opens could"),
    ("please", "opens please"),
    ("thanks", "opens thanks"),
    ("great", "opens great"),
    ("ok", "opens ok"),
    ("okay", "opens okay"),
    ("the", "opens the"),
    ("my", "opens my"),
    ("just", "opens just"),
    ("wait", "opens wait"),
    ("sorry", "opens sorry"),
    ("yes", "opens yes"),
];

const CUES: &[(Cue, &str)] = &[
    (Cue::Retracts, "cue retracts"),
    (Cue::Changes, "cue changes"),
    (Cue::Instead, "cue instead"),
    (Cue::Denies, "cue denies"),
    (Cue::Alternative, "cue alternative"),
    (Cue::Adds, "cue adds"),
    (Cue::Ended, "cue ended"),
    (Cue::Accepts, "cue accepts"),
    (Cue::Courtesy, "cue courtesy"),
    (Cue::Requests, "cue requests"),
    (Cue::Open, "cue open"),
    (Cue::Asks, "cue asks"),
    (Cue::Fails, "cue fails"),
    (Cue::Again, "cue again"),
    (Cue::Still, "cue still"),
    (Cue::Negates, "cue negates"),
    (Cue::Compares, "cue compares"),
    (Cue::Distinct, "cue distinct"),
];

/// What the words of a turn tell, whatever it is about; `own` are its own words.
pub(super) fn features(own: &str, said: &Said, features: &mut Features) {
    let lower = own.to_lowercase();
    let is_word = |c: char| c.is_alphanumeric() || c == '\'';
    let words: Vec<&str> = lower.split(|c| !is_word(c)).filter(|word| !word.is_empty()).collect();
    for word in WORDS {
        features.mark(word, words.contains(word));
    }
    for (word, name) in OPENERS {
        features.mark(name, words.first() == Some(word));
    }
    for (cue, name) in CUES {
        features.mark(name, said.has(*cue));
    }
    let count = said.words.len();
    features.value("long", (count as f32 + 1.0).ln() / 6.0);
    features.mark("very short", count <= 3);
    features.mark("short", count <= 8);
    features.mark("question mark", own.contains('?'));
    features.mark("ends asking", own.trim_end().ends_with('?'));
    features.mark("exclaims", own.contains('!'));
}
