//! What is done by saying something: thanking, refusing, offering. The summary
//! names the act ("declines"), the source has its wording ("no, thanks").

use std::sync::LazyLock;

use crate::text::{Token, tokens};

/// Acts, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Acts(u32);

impl Acts {
    /// Whether both have an act.
    pub(super) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Those of both.
    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there is none.
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Verbs of a summary, and the wordings of the source: single words, or words in
/// a row.
const ACTS: &[(&str, &str)] = &[
    ("thank thanks grateful appreciate", "thank you|thanks|appreciate|grateful|so kind"),
    ("apologize apologise sorry regret apology", "sorry|apologize|apologise|my fault|forgive me"),
    (
        "refuse decline reject deny disagree object oppose",
        "no|not|don't|can't|won't|never|no thanks|i'd rather|i'm afraid|unfortunately",
    ),
    (
        "agree accept approve allow permit promise concede consent",
        "yes|sure|ok|okay|of course|all right|certainly|no problem|deal|agreed|gladly|i'd love|\
         sounds good|good idea|will do|fine|absolutely|you can|i will|i'll|that works|why not",
    ),
    (
        "recommend suggest advise propose encourage",
        "you should|why don't|how about|what about|you could|try|let's|i'd suggest|i suggest|\
         i recommend|i would|you can|shall we|we could|we should|better|you might|you ought",
    ),
    ("invite", "would you like|do you want|come|join|why don't you|you're welcome to"),
    (
        "offer",
        "let me|i can|can i|shall i|should i|i could|i'll|would you like|do you want|may i|\
         if you like|if you want|we can|we offer|we have",
    ),
    (
        "want wish hope prefer request order desire demand need",
        "i want|i'd like|i would like|i need|i hope|i'd love|i'd prefer|i'll have|i'll take|\
         looking for|could i|can i|may i|please|i wish|i have to|i must",
    ),
    ("plan intend decide", "i'm going to|i'll|i will|i plan|i decided|i've decided|going to"),
    ("congratulate", "congratulations|congrats|well done|happy for you"),
    (
        "greet welcome introduce",
        "hello|hi|welcome|good morning|good afternoon|good evening|my name",
    ),
    ("warn remind", "don't|careful|watch out|remember|forget|must|be sure|make sure"),
    (
        "complain annoyed upset angry unhappy frustrated dissatisfied",
        "always|never|too|terrible|\
      awful|still|again|doesn't work|hate|tired of|broken|annoying|unacceptable",
    ),
    (
        "praise admire compliment like love enjoy",
        "great|wonderful|lovely|beautiful|love|excellent|\
      amazing|fantastic|nice|genius|delicious|well done|i like",
    ),
    (
        "worry worried afraid concerned fear nervous anxious",
        "afraid|worried|worry|scared|nervous|\
      concerned|what if",
    ),
    (
        "sympathize comfort console reassure",
        "sorry to hear|don't worry|it's okay|you'll be fine|\
      calm|cheer up|poor you|take it easy",
    ),
    ("forget forgot", "forgot|forget|forgotten|slipped my"),
    ("ask inquire wonder question enquire", ""),
];

struct Act {
    verbs: Vec<u32>,
    wordings: Vec<Vec<u32>>,
}

static READ: LazyLock<Vec<Act>> = LazyLock::new(|| {
    let read = |(verbs, wordings): &(&str, &str)| Act {
        verbs: tokens(verbs).iter().map(|word| word.stem).collect(),
        wordings: wordings
            .split('|')
            .map(|wording| tokens(wording).iter().map(|word| word.hash).collect::<Vec<_>>())
            .filter(|wording| !wording.is_empty())
            .collect(),
    };
    ACTS.iter().map(read).collect()
});

/// The acts that a clause of the source is worded as; a question asks.
pub(super) fn acts(words: &[Token], asks: bool) -> Acts {
    let hashes: Vec<u32> = words.iter().map(|word| word.hash).collect();
    let mut found = Acts::default();
    for (bit, act) in READ.iter().enumerate() {
        let worded = act
            .wordings
            .iter()
            .any(|wording| hashes.windows(wording.len()).any(|part| part == wording.as_slice()));
        if worded || (asks && act.wordings.is_empty()) {
            found.0 |= 1 << bit;
        }
    }
    found
}

/// The acts that a word of a summary names.
pub(super) fn named(stem: u32) -> Acts {
    let mut found = Acts::default();
    for (bit, act) in READ.iter().enumerate() {
        if act.verbs.contains(&stem) {
            found.0 |= 1 << bit;
        }
    }
    found
}
