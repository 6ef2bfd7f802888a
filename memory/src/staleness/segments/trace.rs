//! What is kept of a turn for finding topic shifts: its vector, its words as
//! hashes, its cues, its speaker. Built once a turn; everything else is
//! arithmetic over the last traces.

use crate::turn::Role;

use super::{
    SegmentTurn,
    cues::{cues, is_content},
};

/// Width of the vectors that the heads were trained for.
pub(super) const DIMENSIONS: usize = 384;

/// Words of a turn that are read; what a topic is shows early.
const MAX_WORDS: usize = 400;

/// Bytes of a turn that are read.
const MAX_BYTES: usize = 8192;

/// A turn, reduced.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Place in the conversation.
    pub(super) sequence: u64,
    /// [`DIMENSIONS`] numbers; zeros where the turn has no vector.
    pub(super) vector: Vec<f32>,
    /// Hashes of the content words, sorted, each once.
    pub(super) content: Vec<u64>,
    /// Number of words.
    pub(super) words: f32,
    /// See [`cues`].
    pub(super) cues: u16,
    /// Hash of role and name.
    pub(super) speaker: u64,
}

impl Trace {
    /// Reads a turn.
    pub fn new(turn: &SegmentTurn<'_>) -> Self {
        let text = head_of(turn.text);
        let words = words(text);
        let mut content: Vec<u64> =
            words.iter().filter(|word| is_content(word)).map(|word| hash(word)).collect();
        content.sort_unstable();
        content.dedup();
        let vector = match turn.vector.len() {
            DIMENSIONS => turn.vector.to_vec(),
            _ => vec![0.0; DIMENSIONS],
        };
        Self {
            sequence: turn.sequence,
            vector,
            content,
            words: words.len() as f32,
            cues: cues(&words, text.contains('?')),
            speaker: hash(turn.speaker) ^ role_mark(turn.role),
        }
    }

    /// Weight of the turn in the mean of a block: long turns carry the topic,
    /// "mm-hmm" does not.
    pub(super) fn weight(&self) -> f32 {
        self.words.ln_1p()
    }
}

fn role_mark(role: Role) -> u64 {
    match role {
        Role::System => 1,
        Role::User => 2,
        Role::Assistant => 3,
        Role::Tool => 4,
    }
}

/// The first [`MAX_BYTES`], cut between characters.
fn head_of(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_BYTES)).unwrap_or(text)
}

/// What an apostrophe joins to the word before it, also where a tokenizer has
/// set it apart ("let 's").
const CLITICS: [&str; 7] = ["s", "m", "re", "ve", "ll", "d", "t"];

/// Lower-case words.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut apostrophe = false;
    for symbol in text.chars().chain([' ']) {
        if symbol.is_alphanumeric() {
            word.extend(symbol.to_lowercase());
            continue;
        }
        if !word.is_empty() {
            match words.last_mut().filter(|_| apostrophe && CLITICS.contains(&word.as_str())) {
                Some(last) => last.push_str(&word),
                None => words.push(word.clone()),
            }
            word.clear();
            apostrophe = false;
        }
        apostrophe = matches!(symbol, '\'' | '’') || (apostrophe && symbol == ' ');
        if words.len() >= MAX_WORDS {
            break;
        }
    }
    words
}

/// FNV-1a, 64 bits: stable between runs and machines.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_lower_case_and_joined_at_apostrophes() {
        for (text, expected) in [
            ("Let's GO!", "lets go"),
            ("let 's go", "lets go"),
            ("I ’m", "im"),
            ("'quoted' word", "quoted word"),
            ("", ""),
            ("Ärger, 42 mal", "ärger 42 mal"),
        ] {
            assert_eq!(words(text).join(" "), expected, "{text:?}");
        }
    }

    #[test]
    fn long_and_odd_input_is_read_up_to_its_limit() {
        let turn = SegmentTurn {
            sequence: 1,
            role: Role::User,
            speaker: "",
            text: &"é ".repeat(100_000),
            vector: &[],
        };
        let trace = Trace::new(&turn);
        assert!(trace.words <= MAX_WORDS as f32 && trace.vector.len() == DIMENSIONS);
    }

    #[test]
    fn speakers_differ_by_name_and_by_role() {
        let speaker = |role, speaker| {
            Trace::new(&SegmentTurn { sequence: 1, role, speaker, text: "x", vector: &[] }).speaker
        };
        assert_ne!(speaker(Role::User, "Ann"), speaker(Role::User, "Bob"));
        assert_ne!(speaker(Role::User, ""), speaker(Role::Assistant, ""));
        assert_eq!(speaker(Role::User, "Ann"), speaker(Role::User, "Ann"));
    }
}
