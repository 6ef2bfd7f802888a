//! One seeded change of a faithful sentence: a number, a name, a negation or the
//! speakers. Plain rules, apart from those that the check was trained with.

use rand::{Rng as _, rngs::StdRng};
use throughline_summarizer::source::SourceTurn;

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Another number.
    Number,
    /// A name that the source does not have.
    Name,
    /// A negation more or less.
    Negation,
    /// Two speakers exchanged.
    Speaker,
}

impl Change {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Number, Self::Name, Self::Negation, Self::Speaker];

    /// Its name in the figures.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Name => "name",
            Self::Negation => "negation",
            Self::Speaker => "speaker",
        }
    }
}

const NUMBERS: [&str; 12] = [
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "twenty",
];
const AUXILIARIES: [&str; 16] = [
    "is", "are", "was", "were", "will", "would", "can", "could", "should", "has", "have", "had",
    "does", "did", "may", "must",
];

/// A place of a word in a text: bytes without the marks around it.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let core = word.trim_matches(|c: char| !c.is_alphanumeric());
        if !core.is_empty() {
            found.push((at + word.find(core).unwrap_or(0), core));
        }
        at += word.len();
    }
    found
}

fn replaced(text: &str, at: usize, old: &str, new: &str) -> String {
    let before = text.get(..at).unwrap_or("");
    let after = text.get(at + old.len()..).unwrap_or("");
    format!("{before}{new}{after}")
}

/// The sentence with one change; `None` where it has nothing of the kind.
/// `names` are names of other sources.
pub(super) fn changed(
    change: Change,
    sentence: &str,
    turns: &[SourceTurn],
    names: &[String],
    random: &mut StdRng,
) -> Option<String> {
    match change {
        Change::Number => number(sentence, random),
        Change::Name => name(sentence, turns, names, random),
        Change::Negation => negation(sentence),
        Change::Speaker => speakers(sentence, turns),
    }
}

fn pick<'a, T>(from: &'a [T], random: &mut StdRng) -> Option<&'a T> {
    if from.is_empty() { None } else { from.get(random.random_range(0..from.len())) }
}

fn number(sentence: &str, random: &mut StdRng) -> Option<String> {
    let is = |word: &str| {
        NUMBERS.contains(&word.to_lowercase().as_str())
            || word.starts_with(|c: char| c.is_ascii_digit())
    };
    let found: Vec<_> = words(sentence).into_iter().filter(|(_, word)| is(word)).collect();
    let (at, old) = *pick(&found, random)?;
    let new = if old.starts_with(|c: char| c.is_ascii_digit()) {
        let mut digits: Vec<char> = old.chars().collect();
        let places: Vec<usize> = digits
            .iter()
            .enumerate()
            .filter(|(_, c)| c.is_ascii_digit())
            .map(|(place, _)| place)
            .collect();
        let digit = digits.get_mut(*pick(&places, random)?)?;
        let others: Vec<char> = ('1'..='9').filter(|other| other != digit).collect();
        *digit = *pick(&others, random)?;
        digits.into_iter().collect()
    } else {
        let others: Vec<_> = NUMBERS.iter().filter(|n| !n.eq_ignore_ascii_case(old)).collect();
        (*pick(&others, random)?).to_string()
    };
    Some(replaced(sentence, at, old, &new))
}

/// Capitalised words within a sentence that the source has.
pub(super) fn names_of<'a>(sentence: &'a str, turns: &[SourceTurn]) -> Vec<(usize, &'a str)> {
    let said: String = turns.iter().map(|turn| turn.led(&turn.text) + "\n").collect();
    let plain = |word: &str| {
        word.chars().all(char::is_alphabetic)
            && word.starts_with(char::is_uppercase)
            && word.chars().skip(1).any(char::is_lowercase)
            && word.len() > 2
    };
    let titles = ["Mr", "Mrs", "Ms", "Dr", "Miss", "Sir"];
    words(sentence)
        .into_iter()
        .filter(|(at, word)| {
            *at > 0 && plain(word) && !titles.contains(word) && said.contains(word)
        })
        .collect()
}

fn name(
    sentence: &str,
    turns: &[SourceTurn],
    names: &[String],
    random: &mut StdRng,
) -> Option<String> {
    let found = names_of(sentence, turns);
    let (at, old) = *pick(&found, random)?;
    let said: String = turns.iter().map(|turn| turn.led(&turn.text).to_lowercase()).collect();
    let others: Vec<&String> =
        names.iter().filter(|name| !said.contains(&name.to_lowercase())).collect();
    Some(replaced(sentence, at, old, pick(&others, random)?))
}

/// A denial taken out, else one put in behind the first auxiliary.
fn negation(sentence: &str) -> Option<String> {
    let lower = |word: &str| word.to_lowercase().replace('\u{2019}', "'");
    let all = words(sentence);
    for (at, word) in &all {
        let plain = lower(word);
        if plain == "not" {
            return Some(replaced(sentence, *at, word, "").replace("  ", " "));
        }
        let affirmed = match plain.as_str() {
            "cannot" | "can't" => "can",
            "won't" => "will",
            "never" => "always",
            "without" => "with",
            other => match other.strip_suffix("n't") {
                Some(stem) => {
                    return Some(replaced(sentence, *at, word, stem));
                }
                None => continue,
            },
        };
        return Some(replaced(sentence, *at, word, affirmed));
    }
    let (at, word) = all.iter().find(|(_, word)| AUXILIARIES.contains(&lower(word).as_str()))?;
    Some(replaced(sentence, *at, word, &format!("{word} not")))
}

/// The first speaker named exchanged with another; both ways where both stand in
/// the sentence.
fn speakers(sentence: &str, turns: &[SourceTurn]) -> Option<String> {
    const HELD: &str = "\u{0}";
    let mut names: Vec<&str> = turns.iter().map(|turn| turn.speaker.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| !name.is_empty());
    let first = names
        .iter()
        .filter_map(|name| sentence.find(name).map(|at| (at, *name)))
        .min_by_key(|(at, _)| *at)?
        .1;
    let other = names.iter().find(|name| **name != first)?;
    let swapped = sentence.replace(first, HELD).replace(other, first).replace(HELD, other);
    (swapped != sentence).then_some(swapped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summaries::items::dialogue;
    use rand::SeedableRng as _;

    #[test]
    fn each_change_changes_one_thing() {
        let turns = dialogue("Anna: I met Carl in Rome.\nBen: I will pay 20 dollars.");
        let names = vec!["Rome".to_owned(), "Oslo".to_owned()];
        let mut random = StdRng::seed_from_u64(1);
        let mut change = |change, sentence| changed(change, sentence, &turns, &names, &mut random);
        let sentence = "Ben will pay Carl 20 dollars.";
        let number = change(Change::Number, sentence).unwrap();
        assert!(number != sentence && number.starts_with("Ben will pay Carl "), "{number}");
        assert_eq!(change(Change::Name, sentence).unwrap(), "Ben will pay Oslo 20 dollars.");
        assert_eq!(
            change(Change::Negation, sentence).unwrap(),
            "Ben will not pay Carl 20 dollars."
        );
        assert_eq!(change(Change::Negation, "Ben won't pay.").unwrap(), "Ben will pay.");
        assert_eq!(change(Change::Speaker, "Ben pays Anna.").unwrap(), "Anna pays Ben.");
        assert_eq!(change(Change::Number, "Ben pays."), None);
    }
}
