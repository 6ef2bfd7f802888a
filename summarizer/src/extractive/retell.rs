//! A sentence told so that it stands alone: "I want a car." of Anna becomes
//! "Anna wants a car.". Only where that is safe: one speaker's own statement,
//! its addressee known. Everything else is quoted: `Anna: "We could go."`.

use super::candidates::Candidate;
use crate::source::SourceTurn;

/// Words at the beginning that say nothing.
const FILLERS: &str = "well oh ok okay yeah yep um uh so and but hi hello hey please now actually \
    ah hmm sure right alright anyway then also";
/// Words that make a sentence hard to tell in the third person.
const UNSAFE: &str = "we we're we'll we've we'd us our ours let's ourselves y'all";
/// Between "I" and its verb.
const ADVERBS: &str = "just also never always still only even already often sometimes ever now then \
    not do";
/// Forms that a third person leaves as they are.
const UNCHANGED: &str = "was had did will would can could should may might must shall went saw got \
    took came said told thought knew bought made found left gave heard felt met lost sent spent kept \
    paid ate wrote forgot put read let set cut hit hurt cost quit won ran began drank drove flew grew \
    held led meant rose sat slept sold spoke stood taught understood woke wore broke built caught \
    chose fell fought became brought can't couldn't won't wouldn't shouldn't didn't wasn't hadn't \
    mustn't cannot";

/// Whether a word is in a list of words.
fn among(word: &str, list: &str) -> bool {
    list.split_whitespace().any(|other| other == word)
}

/// Letters and apostrophes of a word, lower-cased, with plain apostrophes.
fn bare(word: &str) -> String {
    let trimmed = word.trim_matches(|c: char| !c.is_alphanumeric());
    trimmed.to_lowercase().replace('\u{2019}', "'")
}

/// The sentence as a summary tells it, and word for word with its speaker where
/// that is something else.
pub(super) fn told(candidate: &Candidate, turns: &[SourceTurn]) -> (String, Option<String>) {
    let Some(turn) = turns.get(candidate.turn) else { return (candidate.said.clone(), None) };
    let name = if turn.speaker.is_empty() { &turn.role } else { &turn.speaker };
    if name.is_empty() {
        return (candidate.said.clone(), None);
    }
    let said = without_fillers(&candidate.said);
    if candidate.asks {
        return (format!("{name} asks: \"{said}\""), None);
    }
    let quoted = format!("{name}: \"{said}\"");
    match in_third_person(said, name, other(name, turns)) {
        Some(retold) => (retold, Some(quoted)),
        None => (quoted, None),
    }
}

/// The only other speaker, if there is just one.
fn other<'a>(name: &str, turns: &'a [SourceTurn]) -> Option<&'a str> {
    let names =
        turns.iter().map(|turn| if turn.speaker.is_empty() { &turn.role } else { &turn.speaker });
    let mut others = names.filter(|other| *other != name);
    let first = others.next()?;
    others.all(|other| other == first).then_some(first)
}

fn without_fillers(said: &str) -> &str {
    let mut rest = said.trim();
    while let Some((word, more)) = rest.split_once(' ') {
        if !among(&bare(word), FILLERS) || more.split_whitespace().count() < 3 {
            break;
        }
        rest = more.trim_start();
    }
    rest
}

/// With the speaker for "I" and the listener for "you"; `None` where it has a
/// "we", a second person without a known listener, or a quotation.
fn in_third_person(said: &str, name: &str, listener: Option<&str>) -> Option<String> {
    if said.contains(['"', '“', '\n', ':']) {
        return None;
    }
    let words: Vec<&str> = said.split_whitespace().collect();
    let mut out: Vec<String> = Vec::with_capacity(words.len() + 2);
    let mut own = false;
    let mut verb = Person::None;
    for (at, word) in words.iter().enumerate() {
        let plain = bare(word);
        if among(&plain, UNSAFE) {
            return None;
        }
        let after = |text: &str| ends_like(text, word);
        let (text, next) = match plain.as_str() {
            "i" => (after(name), Person::First),
            "i'm" => (format!("{name} is"), Person::None),
            "i've" => (format!("{name} has"), Person::None),
            "i'll" => (format!("{name} will"), Person::None),
            "i'd" => (format!("{name} would"), Person::None),
            "me" => (after(name), Person::None),
            "my" => (format!("{name}'s"), Person::None),
            "mine" => (after(&format!("{name}'s")), Person::None),
            "myself" => (after("themselves"), Person::None),
            "you" => {
                let listener = listener?;
                // As a subject its verb changes too; as an object nothing does.
                let subject = at == 0 || words.get(at + 1).is_some_and(|next| is_verb(&bare(next)));
                (after(listener), if subject { Person::Second } else { Person::None })
            }
            "you're" => (format!("{} is", listener?), Person::None),
            "you've" => (format!("{} has", listener?), Person::None),
            "you'll" => (format!("{} will", listener?), Person::None),
            "you'd" => (format!("{} would", listener?), Person::None),
            "your" => (format!("{}'s", listener?), Person::None),
            "yours" => (after(&format!("{}'s", listener?)), Person::None),
            "yourself" => (after("themselves"), Person::None),
            "am" => ("is".to_owned(), Person::None),
            _ if verb != Person::None && is_adverb(&plain) => ((*word).to_owned(), verb),
            _ if verb != Person::None => (agreed(word, &plain), Person::None),
            _ => ((*word).to_owned(), Person::None),
        };
        own |= at == 0
            && plain.starts_with('i')
            && matches!(plain.as_str(), "i" | "i'm" | "i've" | "i'll" | "i'd" | "my");
        verb = next;
        out.push(text);
    }
    let text = out.join(" ");
    Some(if own { text } else { format!("{name} says {}", lowered(&text, &words)) })
}

/// Whose verb comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Person {
    None,
    First,
    Second,
}

fn is_adverb(plain: &str) -> bool {
    among(plain, ADVERBS) && plain != "do" && plain != "not" || plain.ends_with("ly")
}

/// Auxiliaries and a few common verbs that follow a second person's subject.
fn is_verb(plain: &str) -> bool {
    among(plain, UNCHANGED)
        || among(plain, "are aren't have haven't do don't need want like know think get go see")
}

/// A verb in the third person singular.
fn agreed(word: &str, plain: &str) -> String {
    let form = match plain {
        "am" | "are" => "is".to_owned(),
        "were" => "was".to_owned(),
        "have" => "has".to_owned(),
        "do" => "does".to_owned(),
        "don't" => "doesn't".to_owned(),
        "haven't" => "hasn't".to_owned(),
        "aren't" => "isn't".to_owned(),
        // "asked" stays, "need" does not.
        _ if among(plain, UNCHANGED) || (plain.ends_with("ed") && !plain.ends_with("eed")) => {
            return word.to_owned();
        }
        _ if plain.is_empty() || plain.chars().any(|c| !c.is_ascii_alphabetic()) => {
            return word.to_owned();
        }
        _ if plain.ends_with(['s', 'x', 'o']) || plain.ends_with("ch") || plain.ends_with("sh") => {
            format!("{plain}es")
        }
        _ => match plain.strip_suffix('y') {
            Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
            _ => format!("{plain}s"),
        },
    };
    ends_like(&form, word)
}

/// The text with the marks that end a word.
fn ends_like(text: &str, word: &str) -> String {
    let core = word.trim_end_matches(|c: char| !c.is_alphanumeric());
    format!("{text}{}", word.get(core.len()..).unwrap_or(""))
}

/// With a small letter in front, unless the first word is a name or says "I".
fn lowered(text: &str, words: &[&str]) -> String {
    let first = words.first().copied().unwrap_or("");
    let plain = among(
        &bare(first),
        "the a an it it's that that's this there there's they he she \
        these those if when because in on at for to no yes not you can maybe perhaps it'll",
    );
    let mut chars = text.chars();
    match chars.next() {
        Some(letter) if plain && text.starts_with(first) => {
            letter.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extractive::candidates::candidates;

    fn tell(speakers: &[&str], text: &str) -> String {
        let turn = |(sequence, speaker): (u64, &&str)| SourceTurn {
            speaker: (*speaker).to_owned(),
            role: "user".into(),
            text: text.to_owned(),
            sequence,
            date: None,
        };
        let turns: Vec<SourceTurn> = (1..).zip(speakers).map(turn).collect();
        let found = candidates(&turns, &[]);
        told(found.first().unwrap(), &turns).0
    }

    #[test]
    fn own_statements_are_told_in_the_third_person() {
        for (text, expected) in [
            ("Well, I want a small car.", "Anna wants a small car."),
            ("I don't eat meat.", "Anna doesn't eat meat."),
            ("I really like my job.", "Anna really likes Anna's job."),
            ("I went home, and I'm tired.", "Anna went home, and Anna is tired."),
            ("It costs $20 a night.", "Anna says it costs $20 a night."),
            ("I need you to call me.", "Anna needs Ben to call Anna."),
            ("You have won.", "Anna says Ben has won."),
            ("What did you pay?", "Anna asks: \"What did you pay?\""),
            ("We could take the train.", "Anna: \"We could take the train.\""),
        ] {
            assert_eq!(tell(&["Anna", "Ben"], text), expected, "{text}");
        }
    }

    #[test]
    fn a_listener_among_many_is_not_guessed() {
        let text = "I will send it to you.";
        assert_eq!(tell(&["Anna", "Ben", "Cem"], text), "Anna: \"I will send it to you.\"");
    }
}
