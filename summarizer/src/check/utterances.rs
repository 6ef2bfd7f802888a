//! Clauses of the source with who says them, of whom, and in what manner: what
//! "who said it" and "was it denied" are asked of.
//!
//! A light reading by rules: "I" is the one who speaks, "you" the one spoken to,
//! an imperative asks the other to act, and the one who answers a question says
//! what was asked of him. English; in other languages clauses have no subject,
//! and nothing is concluded from them.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use super::{
    acts::{Acts, acts},
    clauses::{clause_ranges, denials, denied_part, is_auxiliary, links, tells},
    matched::Meaning,
};
use crate::text::{Token, hashes};

/// Whom a clause is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum About {
    /// This speaker is its subject.
    Of(usize),
    /// The one who speaks and others: "we", "let's".
    Both,
    /// Someone or something else.
    Third,
    /// Something of the one who speaks: "my", "me".
    Mine,
    /// Something of the one spoken to: "your".
    Yours,
}

/// A clause of the source.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) turn: usize,
    pub(super) speaker: usize,
    /// The one spoken to, where that is clear.
    pub(super) listener: Option<usize>,
    /// Running number of its sentence.
    pub(super) sentence: usize,
    pub(super) about: About,
    /// A question, or a request put as one.
    pub(super) asks: bool,
    /// It denies what it says.
    pub(super) denied: bool,
    /// Taken over from a question that this speaker answers.
    pub(super) reply: bool,
    pub(super) acts: Acts,
    /// Words with content, light ones among them, by their place in the vocabulary.
    pub(super) words: Vec<usize>,
}

/// A turn as it is read here.
pub(super) struct Spoken<'a> {
    pub(super) speaker: usize,
    pub(super) sentences: Vec<(&'a str, &'a [Token])>,
}

/// Words that stand in the way of an imperative or a subject.
const OPENERS: &str = "please just then well ok okay yes no oh so and but or um uh now also maybe \
    perhaps hey hi hello sorry right great good fine sure thanks all let's always never don't do \
    if when because that";
/// Verbs that open an imperative.
const IMPERATIVES: &str = "take give tell send call ask come go get make put bring check try wait \
    stop keep look see show help write read buy turn open close press sign fill leave drop meet \
    remember forget use add be have think sit follow stay talk speak listen hold hurry cancel book \
    order pay drink eat drive walk run move start begin finish change choose pick find set cut mix \
    excuse forgive trust believe imagine relax enjoy join visit contact email text type click \
    enter say explain describe repeat mark remind mention pass fix clean wash cook bake work study \
    learn rest sleep watch invite thank worry bother touch throw lend borrow return let hand";
/// Before a "you" that is a subject though the clause has one.
const BEFORE_SUBJECT: &str = "that if when what how why where because think hope sure know glad as \
    and but or do did are can could would will should have may than guess believe suppose say \
    said wish hear heard hope sorry told tell were was does shall don't didn't aren't can't couldn't won't wouldn't bet";
static OPENER_WORDS: LazyLock<HashSet<u32>> = LazyLock::new(|| hashes(OPENERS));
static IMPERATIVE_WORDS: LazyLock<HashSet<u32>> = LazyLock::new(|| hashes(IMPERATIVES));
static SUBJECT_LEADS: LazyLock<HashSet<u32>> = LazyLock::new(|| hashes(BEFORE_SUBJECT));

/// "i'm" is "i", "you'll" is "you".
fn pronoun(word: &Token) -> &str {
    word.lower.split('\'').next().unwrap_or("")
}

/// The clauses of a source, and the different words in them.
#[derive(Default)]
pub(super) struct Utterances {
    pub(super) said: Vec<Said>,
    pub(super) vocabulary: Vec<Meaning>,
    places: HashMap<u32, usize>,
}

impl Utterances {
    fn word(&mut self, token: &Token) -> usize {
        let next = self.vocabulary.len();
        let at = *self.places.entry(token.stem).or_insert(next);
        if at == next {
            self.vocabulary.push(Meaning::of(token));
        }
        at
    }
}

/// Reads the clauses of all turns. `names` are the words of the speakers' names.
pub(super) fn utterances(turns: &[Spoken<'_>], names: &[Vec<String>]) -> Utterances {
    let mut out = Utterances::default();
    let mut sentence = 0;
    for (turn, spoken) in turns.iter().enumerate() {
        let differs = |other: &usize| *other != spoken.speaker;
        let before = turns.iter().take(turn).rev().map(|other| other.speaker).find(differs);
        let after = turns.iter().skip(turn + 1).map(|other| other.speaker).find(differs);
        let asked = replies(&out.said, turn, spoken);
        out.said.extend(asked);
        for (text, words) in &spoken.sentences {
            let asks = text.trim_end().ends_with(['?', '？']);
            let listener = if asks { after.or(before) } else { before.or(after) };
            let place = Place { turn, speaker: spoken.speaker, listener, sentence, asks };
            clauses_of(&place, text, words, names, &mut out);
            sentence += 1;
        }
    }
    out
}

struct Place {
    turn: usize,
    speaker: usize,
    listener: Option<usize>,
    sentence: usize,
    asks: bool,
}

/// What the one who speaks now was asked and answers.
fn replies(said: &[Said], turn: usize, spoken: &Spoken<'_>) -> Vec<Said> {
    let Some(before) = turn.checked_sub(1) else { return Vec::new() };
    let asked = said.iter().filter(|clause| {
        clause.turn == before && clause.asks && !clause.reply && clause.speaker != spoken.speaker
    });
    let last = asked.clone().map(|clause| clause.sentence).max();
    let opening = spoken.sentences.first().map(|(_, words)| *words).unwrap_or_default();
    let no = opening.iter().take(2).any(|word| matches!(pronoun(word), "no" | "nope" | "nah"))
        || opening.iter().take(5).any(|word| {
            matches!(word.lower.as_str(), "not" | "never" | "can't" | "don't" | "afraid" | "sorry")
        });
    asked
        .filter(|clause| Some(clause.sentence) == last)
        .map(|clause| Said {
            turn,
            speaker: spoken.speaker,
            listener: Some(clause.speaker),
            asks: false,
            denied: no,
            reply: true,
            acts: Acts::default(),
            about: match clause.about {
                About::Mine => About::Yours,
                About::Yours => About::Mine,
                other => other,
            },
            ..clause.clone()
        })
        .collect()
}

fn clauses_of(
    place: &Place,
    text: &str,
    words: &[Token],
    names: &[Vec<String>],
    out: &mut Utterances,
) {
    let mut inherited = None;
    let ranges = clause_ranges(text, words);
    let denied = denials(words, &ranges, place.asks);
    for (range, denied) in ranges.into_iter().zip(denied) {
        let clause = words.get(range).unwrap_or_default();
        parts(place, clause, denied, names, &mut inherited, out);
    }
}

/// Cuts a clause where its subject changes, and takes the parts in.
fn parts(
    place: &Place,
    clause: &[Token],
    denied: bool,
    names: &[Vec<String>],
    inherited: &mut Option<About>,
    out: &mut Utterances,
) {
    let mut subjects: Vec<(usize, About)> = Vec::new();
    for at in 0..clause.len() {
        if let Some(about) = subject(place, clause, at, names, subjects.last().map(|s| s.1)) {
            subjects.push((at, about));
        }
    }
    let whole = subjects.first().map(|first| first.1).or_else(|| imperative(place, clause));
    let mut borders: Vec<(usize, About)> = match whole {
        Some(about) => vec![(0, about)],
        None => vec![(0, inherited.unwrap_or(About::Third))],
    };
    borders.extend(subjects.iter().skip(1).copied());
    if let Some(last) = borders.last() {
        *inherited = Some(last.1);
    }
    for (order, (from, about)) in borders.iter().enumerate() {
        let to = borders.get(order + 1).map_or(clause.len(), |next| next.0);
        let part = clause.get(*from..to).unwrap_or_default();
        let about = owned(*about, part);
        let words: Vec<usize> =
            part.iter().filter(|word| tells(word)).map(|word| out.word(word)).collect();
        if words.is_empty() {
            continue;
        }
        out.said.push(Said {
            turn: place.turn,
            speaker: place.speaker,
            listener: place.listener,
            sentence: place.sentence,
            about,
            asks: place.asks,
            denied: denied_part(clause, *from..to, denied),
            reply: false,
            acts: acts(clause, place.asks),
            words,
        });
    }
}

/// The subject that a token is, if it is one.
fn subject(
    place: &Place,
    clause: &[Token],
    at: usize,
    names: &[Vec<String>],
    open: Option<About>,
) -> Option<About> {
    let word = clause.get(at)?;
    let before = at.checked_sub(1).and_then(|before| clause.get(before));
    let listener = place.listener.map_or(About::Third, About::Of);
    match pronoun(word) {
        "i" => Some(About::Of(place.speaker)),
        "you" => {
            let led = before.is_none_or(|before| SUBJECT_LEADS.contains(&before.hash));
            let thanked = before.is_some_and(|b| matches!(b.lower.as_str(), "thank" | "see"));
            (!thanked && (open.is_none() || led)).then_some(listener)
        }
        "my" | "your" => {
            let led =
                before.is_none_or(|before| SUBJECT_LEADS.contains(&before.hash) || links(before));
            let mine = word.lower == "my";
            led.then_some(if mine { About::Mine } else { About::Yours })
        }
        "we" | "let's" => Some(About::Both),
        "let" => match clause.get(at + 1).map(|next| next.lower.as_str()) {
            Some("me") => Some(About::Of(place.speaker)),
            Some("us") => Some(About::Both),
            _ => None,
        },
        "thank" | "thanks" if at < 2 => Some(About::Of(place.speaker)),
        "he" | "she" | "they" => Some(About::Third),
        "it" | "this" | "that" | "there" if open.is_none() => {
            let next = clause.get(at + 1);
            let verb = next.is_some_and(is_auxiliary) || word.lower.contains('\'');
            verb.then_some(About::Third)
        }
        _ => {
            let bare = word.bare();
            let named = names.iter().position(|name| name.iter().any(|part| part == bare))?;
            let next = clause.get(at + 1);
            let subject = word.capital && named != place.speaker && next.is_some_and(is_auxiliary);
            subject.then_some(About::Of(named))
        }
    }
}

/// "Take a coat": the other is asked to act.
fn imperative(place: &Place, clause: &[Token]) -> Option<About> {
    let opening = clause.iter().find(|word| !OPENER_WORDS.contains(&word.hash))?;
    let listener = place.listener?;
    IMPERATIVE_WORDS.contains(&opening.hash).then_some(About::Of(listener))
}

/// Of something else, but mine or yours.
fn owned(about: About, part: &[Token]) -> About {
    let has = |list: [&str; 3]| part.iter().any(|word| list.contains(&word.lower.as_str()));
    match about {
        About::Third if has(["my", "me", "mine"]) => About::Mine,
        About::Third if has(["your", "you", "yours"]) => About::Yours,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tokens;

    /// Whom each clause is about, and whether it denies, of two speakers' turns.
    fn read(turns: &[(usize, &str)]) -> Vec<(usize, About, bool)> {
        let tokens: Vec<Vec<Token>> = turns.iter().map(|(_, text)| tokens(text)).collect();
        let spoken: Vec<Spoken<'_>> = turns
            .iter()
            .zip(&tokens)
            .map(|((speaker, text), words)| Spoken {
                speaker: *speaker,
                sentences: vec![(*text, words.as_slice())],
            })
            .collect();
        let names = [vec!["anna".to_owned()], vec!["ben".to_owned()]];
        let read = utterances(&spoken, &names);
        read.said.iter().map(|clause| (clause.speaker, clause.about, clause.denied)).collect()
    }

    #[test]
    fn clauses_are_about_someone() {
        let both = |text| read(&[(0, text), (1, "Hm.")]);
        for (text, about, denied) in [
            ("I painted the gate", About::Of(0), false),
            ("You painted the gate", About::Of(1), false),
            ("Please clean the gate", About::Of(1), false),
            ("Paint the gate", About::Third, false),
            ("My brother painted the gate", About::Mine, false),
            ("We never painted the gate", About::Both, true),
            ("No, I painted the gate", About::Of(0), false),
            ("I can't wait to paint the gate", About::Of(0), false),
        ] {
            assert_eq!(both(text).first(), Some(&(0, about, denied)), "{text}");
        }
    }

    #[test]
    fn who_answers_says_what_was_asked() {
        for (answer, denied) in [("Yes, gladly", false), ("No, sorry", true)] {
            let found = read(&[(0, "Would you paint the gate?"), (1, answer)]);
            assert!(found.contains(&(1, About::Of(1), denied)), "{answer}: {found:?}");
        }
    }
}
