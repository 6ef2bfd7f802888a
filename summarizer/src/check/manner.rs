//! In which manner a sentence of a summary speaks of its subject: the verb behind
//! the name says it.

use std::{collections::HashSet, sync::LazyLock};

use super::{clauses::is_auxiliary, reading::Mention};
use crate::text::{Token, hashes, tokens};

/// In which manner a claim is about its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// The agent says, thinks or proposes it.
    Says,
    /// The agent asks it.
    Asks,
    /// The agent asks, tells or wants another to do it.
    Bids,
    /// The agent does, is or has it.
    Does,
    /// It is of something that is the agent's.
    Owns,
    /// The agent is told or asked it.
    Hears,
    /// The agent takes up what another said: agrees, refuses, thanks.
    Reacts,
    /// The agent wants, likes or plans it.
    Wants,
}

impl Mode {
    /// How many there are.
    pub(super) const COUNT: usize = 8;

    /// Its place.
    pub(super) fn index(self) -> usize {
        self as usize
    }
}

const SAYING: &str = "say tell explain mention state think believe suggest recommend propose advise \
    add argue point report describe announce reply answer respond comment note claim complain \
    insist admit warn remind inform emphasize emphasise introduce present express clarify remark \
    stress declare assure promise share talk speak discuss offer criticize praise \
    mean find feel consider doubt guess hope show read teach";
const REACTING: &str = "agree disagree accept refuse decline reject object confirm deny thank approve \
    consent concede forgive congratulate apologize apologise doubt welcome appreciate allow permit \
    oppose resist hesitate";
const WANTING: &str = "want need like love prefer hope plan decide wish intend enjoy hate dislike \
    miss worry fear regret choose order expect consider feel demand request";
const ASKING: &str = "ask inquire enquire wonder question request";
const BIDDING: &str = "ask tell advise want remind order request urge encourage invite warn allow \
    beg convince persuade instruct recommend expect need get let make permit forbid force help";
const PARTICIPLES: &str = "told asked advised informed reminded warned invited offered recommended \
    instructed given shown taught persuaded convinced encouraged assured promised called thanked \
    helped sent interviewed charged requested ordered urged allowed";
const ADVERBS: &str = "also then still already just only first finally again both not never always \
    so even now soon often usually to too initially further";

static SAYING_STEMS: LazyLock<HashSet<u32>> = LazyLock::new(|| stems(SAYING));
static REACTING_STEMS: LazyLock<HashSet<u32>> = LazyLock::new(|| stems(REACTING));
static WANTING_STEMS: LazyLock<HashSet<u32>> = LazyLock::new(|| stems(WANTING));
static ASKING_STEMS: LazyLock<HashSet<u32>> = LazyLock::new(|| stems(ASKING));
static BIDDING_STEMS: LazyLock<HashSet<u32>> = LazyLock::new(|| stems(BIDDING));
static PARTICIPLE_WORDS: LazyLock<HashSet<u32>> = LazyLock::new(|| hashes(PARTICIPLES));
static ADVERB_WORDS: LazyLock<HashSet<u32>> = LazyLock::new(|| hashes(ADVERBS));

fn stems(words: &str) -> HashSet<u32> {
    tokens(words).iter().map(|word| word.stem).collect()
}

/// Whether a verb reports what somebody says.
pub(super) fn reports(verb: &Token) -> bool {
    SAYING_STEMS.contains(&verb.stem)
}

/// Whether a word looks like a verb before its object.
pub(super) fn takes_object(word: &Token) -> bool {
    let lower = word.lower.as_str();
    reports(word)
        || BIDDING_STEMS.contains(&word.stem)
        || ASKING_STEMS.contains(&word.stem)
        || PARTICIPLE_WORDS.contains(&word.hash)
        || (lower.len() > 3
            && (lower.ends_with('s') || lower.ends_with("ed"))
            && !lower.ends_with("'s"))
}

/// The manner by the verb after a subject, and the verb's token.
pub(super) fn manner(words: &[Token], mentions: &[Mention], from: usize) -> (Mode, Option<usize>) {
    let mut passive = false;
    let mut at = from;
    while let Some(word) = words.get(at) {
        if matches!(
            word.lower.as_str(),
            "is" | "was" | "are" | "were" | "gets" | "got" | "been" | "being" | "be"
        ) {
            passive = true;
        } else if !(is_auxiliary(word)
            || word.negates
            || ADVERB_WORDS.contains(&word.hash)
            || word.lower.ends_with("ly"))
        {
            break;
        }
        at += 1;
        if at > from + 5 {
            return (Mode::Does, None);
        }
    }
    let Some(verb) = words.get(at) else { return (Mode::Does, None) };
    if passive && PARTICIPLE_WORDS.contains(&verb.hash) {
        return (Mode::Hears, Some(at));
    }
    if BIDDING_STEMS.contains(&verb.stem) || verb.lower == "told" {
        let object = mentions.iter().find(|m| m.at > at && m.at <= at + 3);
        let after = match object {
            Some(object) => object.at + object.len,
            None => match words.get(at + 1).map(|next| next.lower.as_str()) {
                Some("him" | "her" | "them" | "everyone" | "others") => at + 2,
                _ => usize::MAX,
            },
        };
        let bids = words.get(after).is_some_and(|word| word.lower == "to")
            || (words.get(after).is_some_and(|word| word.lower == "not")
                && words.get(after + 1).is_some_and(|word| word.lower == "to"));
        if bids {
            return (Mode::Bids, Some(at));
        }
    }
    let knows = words.get(at + 2).is_some_and(|word| word.lower == "know")
        && verb.lower.starts_with("want");
    if ASKING_STEMS.contains(&verb.stem) || knows {
        (Mode::Asks, Some(at))
    } else if REACTING_STEMS.contains(&verb.stem) {
        (Mode::Reacts, Some(at))
    } else if WANTING_STEMS.contains(&verb.stem) || verb.lower.starts_with("would") {
        (Mode::Wants, Some(at))
    } else if SAYING_STEMS.contains(&verb.stem)
        || matches!(verb.lower.as_str(), "told" | "said" | "thought" | "felt" | "found" | "spoke")
    {
        (Mode::Says, Some(at))
    } else {
        (Mode::Does, Some(at))
    }
}
