//! What a sentence of a summary claims of whom: its clauses with their subject
//! among the speakers, the manner (says, asks, bids, is told) and the words.
//!
//! A light parser by rules: a speaker is the subject unless a preposition or a
//! transitive verb stands before the name; the verb after the name says the manner.

use std::{collections::HashSet, sync::LazyLock};

use super::{
    acts::{Acts, named},
    clauses::{is_auxiliary, tells},
    manner::{Mode, manner, reports, takes_object},
    reading::Mention,
};
use crate::text::{Token, hashes};

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
static PREPOSITION_WORDS: LazyLock<HashSet<u32>> = LazyLock::new(|| hashes(PREPOSITIONS));
static COMPLEMENT_WORDS: LazyLock<HashSet<u32>> = LazyLock::new(|| hashes(COMPLEMENTS));
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
                    let says = reports(word);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tokens;

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
