//! What a sentence of a summary claims of whom: its clauses with their subject
//! among the speakers, the manner (says, asks, bids, is told) and the words.
//!
//! A light parser by rules: a speaker is the subject unless a preposition or a
//! transitive verb stands before the name; the verb after the name says the manner.

use std::{collections::HashSet, sync::LazyLock};

use super::{
    acts::{Acts, named},
    reading::Mention,
    utterances::{is_auxiliary, tells},
};
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

/// A claim about one speaker, or about some together.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) agents: Vec<usize>,
    pub(super) mode: Mode,
    /// Tokens of what is claimed.
    pub(super) words: Vec<usize>,
    /// What is done by saying it.
    pub(super) acts: Acts,
    /// Which mention is its agent.
    pub(super) mention: Mention,
}

const PREPOSITIONS: &str = "to for with from of about at on against than like without between \
    behind towards toward beside near through over under upon into onto per via in";
const COMPLEMENTS: &str = "that if whether because as since while when but so though although \
    until where which who what how why then unless after before and or once";
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

static PREPOSITION_WORDS: LazyLock<HashSet<u32>> = LazyLock::new(|| hashes(PREPOSITIONS));
static COMPLEMENT_WORDS: LazyLock<HashSet<u32>> = LazyLock::new(|| hashes(COMPLEMENTS));
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

/// What a mention is in its clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Subject,
    /// A subject within what the claim before it says.
    Embedded,
    /// Goes with the mention before it.
    Joined,
    Object,
    /// "by Anna".
    By,
    Owner,
}

/// Speakers named by the last word of a role: "the agent" of "Sales Agent", where
/// no other speaker's name has it.
pub(super) fn by_role(
    words: &[Token],
    mentions: &[Mention],
    speakers: &[Vec<String>],
) -> Vec<Mention> {
    let mut out = mentions.to_vec();
    for (at, word) in words.iter().enumerate().skip(1) {
        let article =
            words.get(at - 1).is_some_and(|word| matches!(word.lower.as_str(), "the" | "a" | "an"));
        let taken = mentions.iter().any(|m| (m.at..m.at + m.len).contains(&at));
        if !article || taken || word.lower.len() < 3 {
            continue;
        }
        let mut having = speakers.iter().enumerate().filter(|(_, name)| {
            name.len() > 1 && name.last().is_some_and(|last| last == word.bare())
        });
        if let (Some((speaker, _)), None) = (having.next(), having.next()) {
            out.push(Mention { speaker, at, len: 1 });
        }
    }
    out.sort_by_key(|mention| mention.at);
    out
}

/// The claims of a sentence.
pub(super) fn claims(text: &str, words: &[Token], mentions: &[Mention]) -> Vec<Claim> {
    let roles = roles_of(text, words, mentions);
    let mut out: Vec<Claim> = Vec::new();
    let mut open = false;
    for (order, (mention, role)) in mentions.iter().zip(&roles).enumerate() {
        let from = mention.at + mention.len;
        match role {
            Role::Subject | Role::Embedded => {
                let joined = joined_after(&roles, order);
                let from = mentions.get(order + joined).map_or(from, |last| last.at + last.len);
                let rest = (order + joined + 1)..mentions.len();
                let (mode, verb) = manner(words, mentions, from);
                // What is said goes on through subjects within it.
                let through = !matches!(mode, Mode::Does | Mode::Owns | Mode::Wants);
                let next = rest.clone().find(|next| match roles.get(*next) {
                    Some(Role::Subject) => true,
                    Some(Role::Embedded) => !through,
                    _ => false,
                });
                let to = next.and_then(|next| mentions.get(next)).map_or(words.len(), |m| m.at);
                let group = mentions.get(order..=order + joined).unwrap_or_default();
                let agents = group.iter().map(|mention| mention.speaker).collect();
                out.push(claim(agents, mode, *mention, words, mentions, (from, to), verb));
                open = true;
            }
            Role::Owner => {
                let to = (from + 5).min(words.len());
                let mode = Mode::Owns;
                let opens = !open;
                let to = if opens { words.len() } else { to };
                out.push(claim(
                    vec![mention.speaker],
                    mode,
                    *mention,
                    words,
                    mentions,
                    (from, to),
                    None,
                ));
            }
            Role::By if !open => {
                let range = (0, words.len());
                out.push(claim(
                    vec![mention.speaker],
                    Mode::Says,
                    *mention,
                    words,
                    mentions,
                    range,
                    None,
                ));
            }
            Role::Object if !open => {
                let range = (0, words.len());
                out.push(claim(
                    vec![mention.speaker],
                    Mode::Hears,
                    *mention,
                    words,
                    mentions,
                    range,
                    None,
                ));
            }
            Role::By | Role::Object | Role::Joined => {}
        }
    }
    out.retain(|claim| !claim.words.is_empty() || !claim.acts.is_empty());
    out
}

fn claim(
    agents: Vec<usize>,
    mode: Mode,
    mention: Mention,
    words: &[Token],
    mentions: &[Mention],
    (from, to): (usize, usize),
    verb: Option<usize>,
) -> Claim {
    let mut named_acts = Acts::default();
    let mut told = Vec::new();
    let reported = verb.filter(|_| !matches!(mode, Mode::Does | Mode::Owns | Mode::Wants));
    for at in from..to {
        let Some(word) = words.get(at) else { continue };
        let of_name = mentions.iter().any(|m| (m.at..m.at + m.len).contains(&at));
        if Some(at) == verb || verb.is_none_or(|verb| at <= verb + 6) {
            named_acts = named_acts.with(named(word.stem));
        }
        if tells(word) && !of_name && Some(at) != reported && word.lower.len() > 1 {
            told.push(at);
        }
    }
    Claim { agents, mode, words: told, acts: named_acts, mention }
}

fn joined_after(roles: &[Role], order: usize) -> usize {
    roles.iter().skip(order + 1).take_while(|role| **role == Role::Joined).count()
}

fn roles_of(text: &str, words: &[Token], mentions: &[Mention]) -> Vec<Role> {
    let mut out: Vec<Role> = Vec::with_capacity(mentions.len());
    for (order, mention) in mentions.iter().enumerate() {
        let before = before_name(words, mention.at);
        let last = order.checked_sub(1).and_then(|order| mentions.get(order));
        let role = if owns(text, words, mention) {
            Role::Owner
        } else if last.is_some_and(|last| joins(text, words, last, mention)) {
            Role::Joined
        } else {
            match before.and_then(|at| words.get(at)) {
                None => Role::Subject,
                Some(word) if word.lower == "by" => Role::By,
                Some(word) if PREPOSITION_WORDS.contains(&word.hash) => Role::Object,
                Some(word) => {
                    let gap = words.get(mention.at).and_then(|name| text.get(word.end..name.start));
                    let apart = gap.is_some_and(|gap| gap.contains([',', ';', ':', '.']));
                    let link = COMPLEMENT_WORDS.contains(&word.hash);
                    let embeds = matches!(
                        word.lower.as_str(),
                        "that"
                            | "if"
                            | "whether"
                            | "what"
                            | "how"
                            | "why"
                            | "where"
                            | "because"
                            | "when"
                            | "which"
                            | "who"
                            | "since"
                            | "as"
                    );
                    let says = SAYING_STEMS.contains(&word.stem);
                    let next = words.get(mention.at + mention.len);
                    let finite = next.is_some_and(|next| {
                        is_auxiliary(next)
                            || (next.lower.ends_with('s') && next.lower.len() > 3)
                            || next.lower.ends_with("ed")
                    });
                    if embeds {
                        Role::Embedded
                    } else if apart || link || !(takes_object(word) || open(&out)) {
                        Role::Subject
                    } else if says && finite {
                        Role::Embedded
                    } else {
                        Role::Object
                    }
                }
            }
        };
        out.push(role);
    }
    out
}

/// Whether a subject stands before.
fn open(roles: &[Role]) -> bool {
    roles.iter().any(|role| matches!(role, Role::Subject | Role::Embedded))
}

/// Whether a word looks like a verb before its object.
fn takes_object(word: &Token) -> bool {
    let lower = word.lower.as_str();
    SAYING_STEMS.contains(&word.stem)
        || BIDDING_STEMS.contains(&word.stem)
        || ASKING_STEMS.contains(&word.stem)
        || PARTICIPLE_WORDS.contains(&word.hash)
        || (lower.len() > 3
            && (lower.ends_with('s') || lower.ends_with("ed"))
            && !lower.ends_with("'s"))
}

/// The token before a name and its article.
fn before_name(words: &[Token], at: usize) -> Option<usize> {
    let mut before = at.checked_sub(1)?;
    while words.get(before).is_some_and(|word| matches!(word.lower.as_str(), "the" | "a" | "an")) {
        before = before.checked_sub(1)?;
    }
    Some(before)
}

/// "Anna's": the name owns what follows.
fn owns(text: &str, words: &[Token], mention: &Mention) -> bool {
    let Some(last) = words.get(mention.at + mention.len - 1) else { return false };
    let after = text.get(last.end..).unwrap_or("").trim_start_matches('#');
    last.lower.ends_with("'s")
        || after.starts_with("'s ")
        || after.starts_with("’s ")
        || after.starts_with("' ")
        || after.starts_with("’ ")
}

/// "Anna and Ben", "Anna, Ben and Carl".
fn joins(text: &str, words: &[Token], last: &Mention, mention: &Mention) -> bool {
    let from = last.at + last.len;
    let between = words.get(from..mention.at).unwrap_or_default();
    let plain = |word: &Token| matches!(word.lower.as_str(), "and" | "or" | "the" | "s");
    let start = words.get(from - 1).map_or(0, |word| word.end);
    let end = words.get(mention.at).map_or(start, |word| word.start);
    let gap = text.get(start..end).unwrap_or("");
    between.iter().all(plain) && (!between.is_empty() || gap.trim_matches('#').trim() == ",")
}

/// The manner by the verb after a subject, and the verb's token.
fn manner(words: &[Token], mentions: &[Mention], from: usize) -> (Mode, Option<usize>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_have_their_agent_manner_and_words() {
        let name = |at: usize, speaker: usize| Mention { speaker, at, len: 1 };
        for (text, mentions, expected) in [
            (
                "Anna asks Ben to send the report",
                vec![name(0, 0), name(2, 1)],
                vec![(0, Mode::Bids, "send report")],
            ),
            ("Ben will paint the gate", vec![name(0, 1)], vec![(1, Mode::Does, "paint gate")]),
            (
                "Ben was told by Anna that the gate is open",
                vec![name(0, 1), name(4, 0)],
                vec![(1, Mode::Hears, "gate open")],
            ),
            (
                "Anna says that Ben paints the gate",
                vec![name(0, 0), name(3, 1)],
                vec![(0, Mode::Says, "paints gate"), (1, Mode::Does, "paints gate")],
            ),
            (
                "Anna's brother bought a bicycle",
                vec![name(0, 0)],
                vec![(0, Mode::Owns, "brother bought bicycle")],
            ),
        ] {
            let words = tokens(text);
            let found = claims(text, &words, &mentions);
            let told = |claim: &Claim| {
                let told: Vec<&str> =
                    claim.words.iter().map(|at| words.get(*at).unwrap().lower.as_str()).collect();
                told.join(" ")
            };
            let found: Vec<_> =
                found.iter().map(|c| (*c.agents.first().unwrap(), c.mode, told(c))).collect();
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(agent, mode, words)| (agent, mode, words.to_owned()))
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
