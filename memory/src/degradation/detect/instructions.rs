//! Instructions whose following can be seen from the text of an answer alone:
//! its language, its format, its length, words that it must not use.
//!
//! An instruction is read into [`Rule`]s; what is not one of these forms, or not meant
//! for every answer (see `scope`), gives none, and is not measurable.

use std::ops::Range;

use super::{
    SaidTurn, language,
    phrases::{Phrase, phrase},
    scope::{for_every_answer, plain},
};
use crate::{
    degradation::{Evidence, Finding, Reason, Signal},
    facts::{Fact, FactKind},
    staleness::text::values::small,
    turn::Role,
};

/// How sure a rule is that is a count or a search.
const SURE: f32 = 0.95;
/// How far over a length an answer may go before the instruction counts as broken.
const LENGTH_SLACK: f32 = 1.1;
/// Items from which lines that begin with a mark are a list.
const LIST_ITEMS: usize = 2;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Words between blanks.
    Words,
    /// Sentences.
    Sentences,
    /// Paragraphs.
    Paragraphs,
    /// Items of a list.
    Bullets,
}

/// A form that a text can be checked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A list of marked lines.
    Bullets,
    /// One JSON value, in a code block or bare.
    Json,
    /// Headings, lists, emphasis, code blocks.
    Markdown,
    /// Pictures among the letters.
    Emoji,
    /// Lower case alone.
    LowerCase,
    /// Upper case alone.
    UpperCase,
}

/// What an answer has to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// In this language, by its English name in lower case.
    Language(String),
    /// At most so many.
    AtMost(Unit, usize),
    /// Exactly so many.
    Exactly(Unit, usize),
    /// In this form.
    With(Form),
    /// Without this form.
    Without(Form),
    /// Without this word or phrase, in lower case.
    NotSaying(String),
}

macro_rules! languages {
    () => {
        r"(?:english|german|french|spanish|italian|portuguese|dutch|polish|russian|ukrainian|turkish|swedish|danish|finnish|czech|greek|arabic|hebrew|hindi|chinese|japanese|korean|vietnamese|indonesian|hungarian|romanian)"
    };
}
/// A number from 1 on, in digits or, up to 99 and in whole hundreds, in words.
macro_rules! number {
    () => {
        r"(\d{1,6}|a\s+single
          |(?:a|one|two|three|four|five|six|seven|eight|nine)\s+hundred
          |(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:[-\s]+(?:one|two|three|four|five|six|seven|eight|nine))?
          |ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen
          |one|two|three|four|five|six|seven|eight|nine)"
    };
}

phrase!(
    LANGUAGE,
    concat!(
        r"\b(?:answer|respond|reply|speak|write|talk|communicate|only\s+use|use\s+only)\b
          (?:[^.?!\n]{0,30}\bin\s+(?:\w+\s+)?|\s+(?:(?:to|with)\s+me\s+)?(?:only\s+|always\s+|just\s+)?)",
        languages!(),
        r"\b"
    )
);
phrase!(LANGUAGE_NAME, concat!(r"\b", languages!(), r"\b"));
phrase!(
    AT_MOST,
    concat!(
        r"\b(?:at\s+most|no\s+more\s+than|not\s+more\s+than|up\s+to|maximum(?:\s+of)?|max\.?|under|below|within|less\s+than|fewer\s+than|limit(?:ed)?\s+(?:\w+\s+){0,3}to)\s+",
        number!(),
        r"\s+(words?|sentences?|paragraphs?|bullet\s+points?|bullets?)\b"
    )
);
phrase!(
    EXACTLY,
    concat!(
        r"\b(?:in|with|using|use|exactly|give(?:\s+me)?|write)\s+(?:exactly\s+|only\s+|just\s+)?",
        number!(),
        r"\s+(sentences?|paragraphs?|bullet\s+points?|bullets?)\b"
    )
);
// "Bullet points of at most ten words": a length of the parts, not of the answer.
phrase!(
    PART,
    r"\b(?:sentences?|paragraphs?|bullets?|points?|items?|lines?|sections?)\s+((?:[\w']+\s+){0,4})$"
);
phrase!(BESIDE, r"\b(?:and|or|but)\b");
phrase!(UNWANTED, r"\b(?:no|don't|do\s+not|never|without|avoid|stop|not)\b[^.?!\n,;]{0,24}$");
phrase!(BULLETS, r"\b(?:bullet(?:ed)?\s+(?:points?|lists?)|bullets|lists?\s+of\s+bullets)\b");
phrase!(JSON, r"\b(?:as|in|valid|only|output|return|with)\s+(?:\w+\s+)?json\b");
phrase!(MARKDOWN, r"\bmarkdown\b");
phrase!(PLAIN_TEXT, r"\b(?:in|use|only)\s+plain\s+text\b");
phrase!(EMOJI, r"\bemojis?\b");
phrase!(LOWER_CASE, r"\b(?:all\s+)?(?:lower[\s-]?case|small\s+letters)\b");
// Caps alone are limits, or what is worn.
phrase!(
    UPPER_CASE,
    r"\b(?:(?:all\s+)?upper[\s-]?case|all[\s-]+caps|in\s+caps|(?:all\s+)?capital\s+letters)\b"
);
// Names and keywords can be in a case as well.
phrase!(
    ANSWER_BEFORE,
    r"(?:^|[.!?,;:\n]|\b(?:answer|reply|respond|write|type|talk|speak|communicate|text|use|keep))\s*
      (?:(?:to|with|me|only|everything|it|all|always|please|your|the|whole|entire|text|answers?|repl(?:y|ies)|responses?|messages?|in|entirely|completely|exclusively|strictly|using|just)\s+){0,7}$"
);
phrase!(
    ANSWER_BEHIND,
    r"^\s*(?:(?:letters?|only|text|please|always|throughout|too|from\s+now\s+on|at\s+all\s+times)\b\s*)*(?:[.!?,;:\n]|$|\band\b)"
);
phrase!(
    FORBIDS_WORD,
    r#"\b(?:never|don't|do\s+not|avoid|stop)\s+(?:ever\s+)?(?:say(?:ing)?|us(?:e|ing)|writ(?:e|ing)|mention(?:ing)?)\s+(?:the\s+)?(?:words?|phrases?|terms?|expressions?)\s+["']?([^"'.,;!?\n]{2,40}?)["']?\s*(?:[.,;!?\n]|$|\bin\b|\bagain\b|\bwhen\b)
      | \b(?:never|don't|do\s+not|avoid|stop)\s+(?:ever\s+)?(?:say(?:ing)?|us(?:e|ing)|writ(?:e|ing))\s+"([^"\n]{2,40})""#
);
phrase!(LIST_LINE, r"(?m:^\s*(?:[-*•–]|\d{1,2}[.)])\s+\S)");
phrase!(
    MARKUP,
    r"(?m:^\#{1,6}\s+\S)|(?m:^\s*```)|\*\*[^*\n]+\*\*|(?m:^\s*[-*]\s+\S)|(?m:^\s*\|.*\|\s*$)|\[[^\]\n]+\]\(https?:"
);
phrase!(SENTENCE_END, r"[.!?]+(?:[\x22')\]]*)(?:\s|$)");
phrase!(BLANK_LINES, r"\n\s*\n");

impl Rule {
    /// The rules of an instruction; none where nothing can be checked.
    pub fn of(instruction: &str) -> Vec<Self> {
        let plain = plain(instruction);
        let text = for_every_answer(&plain);
        let mut rules: Vec<Self> = language_of(&plain, &text).into_iter().collect();
        for (phrase, most) in [(&*AT_MOST, true), (&*EXACTLY, false)] {
            for found in phrase.groups(&text) {
                let number = found.get(1).and_then(|number| count(number.as_str()));
                let unit = found.get(2).map(|unit| unit_of(unit.as_str()));
                let (Some(number), Some(unit)) = (number, unit) else { continue };
                let at = found.get(0).map_or(0, |found| found.start());
                if is_of_part(&text, at) {
                    continue;
                }
                let rule =
                    if most { Self::AtMost(unit, number) } else { Self::Exactly(unit, number) };
                rules.push(rule);
            }
        }
        rules.extend(forms(&text));
        for found in FORBIDS_WORD.groups(&text) {
            let word = found.iter().skip(1).flatten().next().map(|word| word.as_str().trim());
            rules.extend(word.map(|word| Self::NotSaying(word.to_lowercase())));
        }
        rules
    }

    /// Whether an answer follows the rule; nothing where that cannot be told.
    pub fn holds(&self, answer: &str) -> Option<bool> {
        let answer = answer.trim();
        if answer.is_empty() {
            return None;
        }
        Some(match self {
            Self::Language(wanted) => {
                let name = language(answer)?;
                name == wanted
            }
            Self::AtMost(unit, most) => {
                counted(*unit, answer) as f32 <= (*most as f32 * LENGTH_SLACK).max(*most as f32)
            }
            Self::Exactly(unit, number) => counted(*unit, answer) == *number,
            Self::With(form) => has(*form, answer)?,
            Self::Without(form) => !has(*form, answer)?,
            Self::NotSaying(word) => !says(answer, word),
        })
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Language(_) => Reason::Language,
            Self::AtMost(..) | Self::Exactly(..) => Reason::Length,
            Self::With(_) | Self::Without(_) => Reason::Format,
            Self::NotSaying(_) => Reason::ForbiddenWords,
        }
    }
}

/// Whether an assistant's turn breaks an instruction that holds. Not measurable
/// where no instruction can be checked.
pub fn breaks(turn: &SaidTurn, pins: &[Fact]) -> Signal {
    if turn.role != Role::Assistant {
        return Signal::NotMeasurable;
    }
    let instructions = pins.iter().filter(|pin| pin.kind == FactKind::Instruction);
    let mut measured = false;
    for pin in instructions {
        for rule in Rule::of(&pin.text) {
            match rule.holds(turn.text()) {
                Some(true) => measured = true,
                Some(false) => {
                    return Signal::Present(Finding {
                        confidence: SURE,
                        reason: rule.reason(),
                        evidence: Evidence::Pin(pin.id.clone()),
                    });
                }
                None => {}
            }
        }
    }
    if measured { Signal::Absent } else { Signal::NotMeasurable }
}

/// The language that the text asks for; none where the whole instruction names several:
/// that is a translation.
fn language_of(whole: &str, text: &str) -> Option<Rule> {
    let names = |text: &str| -> Vec<(String, usize)> {
        let named = LANGUAGE_NAME.places(text);
        named.filter_map(|at| Some((text.get(at.clone())?.to_lowercase(), at.start))).collect()
    };
    let mut all = names(whole);
    all.dedup_by(|a, b| a.0 == b.0);
    let (name, at) = names(text).into_iter().next()?;
    let is_asked = all.len() == 1 && LANGUAGE.is_match(text) && !is_unwanted(text, at);
    is_asked.then_some(Rule::Language(name))
}

/// Whether the length that stands at a place is one of the answer's sentences, points or
/// the like.
fn is_of_part(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let between = PART.groups(before).next();
    let between = between.and_then(|found| found.get(1).map(|between| between.as_str()));
    between.is_some_and(|between| !BESIDE.is_match(between))
}

fn forms(text: &str) -> Vec<Rule> {
    let named: [(&Phrase, Form); 5] = [
        (&BULLETS, Form::Bullets),
        (&MARKDOWN, Form::Markdown),
        (&EMOJI, Form::Emoji),
        (&LOWER_CASE, Form::LowerCase),
        (&UPPER_CASE, Form::UpperCase),
    ];
    let mut rules = Vec::new();
    for (phrase, form) in named {
        let Some(place) = phrase.places(text).next() else { continue };
        // "Three bullet points" is a length.
        let counted = form == Form::Bullets && (AT_MOST.is_match(text) || EXACTLY.is_match(text));
        if is_unwanted(text, place.start) {
            rules.push(Rule::Without(form));
        } else if !counted && is_of_answer(text, form, &place) {
            rules.push(Rule::With(form));
        }
    }
    if JSON.places(text).next().is_some_and(|place| !is_unwanted(text, place.start)) {
        rules.push(Rule::With(Form::Json));
    }
    if PLAIN_TEXT.is_match(text) {
        rules.push(Rule::Without(Form::Markdown));
    }
    rules
}

/// Whether what stands at a place is what is not wanted.
fn is_unwanted(text: &str, at: usize) -> bool {
    UNWANTED.is_match(text.get(..at).unwrap_or_default())
}

/// Whether a form is one of the answer as a whole.
fn is_of_answer(text: &str, form: Form, place: &Range<usize>) -> bool {
    match form {
        Form::LowerCase | Form::UpperCase => {
            ANSWER_BEFORE.is_match(text.get(..place.start).unwrap_or_default())
                && ANSWER_BEHIND.is_match(text.get(place.end..).unwrap_or_default())
        }
        Form::Bullets | Form::Json | Form::Markdown | Form::Emoji => true,
    }
}

/// A number in digits or words; nothing for 0 and for what is none.
fn count(number: &str) -> Option<usize> {
    const TENS: [&str; 8] =
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    if let Ok(number) = number.parse() {
        return Some(number).filter(|number| *number > 0);
    }
    let number = number.to_lowercase();
    let words = number.split(|c: char| c == '-' || c.is_whitespace()).filter(|one| !one.is_empty());
    let mut total = 0;
    for word in words {
        let named = || small(word).and_then(|number| usize::try_from(number).ok());
        let tens = || TENS.iter().position(|one| *one == word).map(|at| 20 + 10 * at);
        total = match word {
            "a" => total,
            "single" => 1,
            "hundred" => total.max(1) * 100,
            _ => total + named().or_else(tens)?,
        };
    }
    Some(total).filter(|total| *total > 0)
}

fn unit_of(unit: &str) -> Unit {
    match unit.to_lowercase().trim_end_matches('s') {
        "word" => Unit::Words,
        "sentence" => Unit::Sentences,
        "paragraph" => Unit::Paragraphs,
        _ => Unit::Bullets,
    }
}

fn counted(unit: Unit, answer: &str) -> usize {
    match unit {
        Unit::Words => answer.split_whitespace().count(),
        Unit::Sentences => {
            let ends = SENTENCE_END.places(answer).count();
            let is_open = !answer.ends_with(['.', '!', '?', '"', '\'', ')', ']']);
            (ends + usize::from(is_open)).max(1)
        }
        Unit::Paragraphs => BLANK_LINES.places(answer).count() + 1,
        Unit::Bullets => LIST_LINE.places(answer).count(),
    }
}

/// Whether an answer has a form; nothing where that cannot be told.
fn has(form: Form, answer: &str) -> Option<bool> {
    Some(match form {
        Form::Bullets => LIST_LINE.places(answer).count() >= LIST_ITEMS,
        Form::Markdown => MARKUP.is_match(answer),
        Form::Emoji => answer.chars().any(is_emoji),
        Form::Json => {
            let bare = answer.trim_start_matches("```json").trim_matches('`').trim();
            serde_json::from_str::<serde_json::Value>(bare)
                .is_ok_and(|value| value.is_object() || value.is_array())
        }
        Form::LowerCase | Form::UpperCase => {
            let (mut upper, mut lower) = (0_usize, 0_usize);
            for c in answer.chars() {
                upper += usize::from(c.is_uppercase());
                lower += usize::from(c.is_lowercase());
            }
            if upper + lower == 0 {
                return None;
            }
            if form == Form::LowerCase { upper == 0 } else { lower == 0 }
        }
    })
}

fn is_emoji(c: char) -> bool {
    matches!(u32::from(c), 0x1F300..=0x1FAFF | 0x2600..=0x26FF | 0x2700..=0x27BF)
}

fn says(answer: &str, word: &str) -> bool {
    let answer = answer.to_lowercase();
    let is_inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    answer.match_indices(word).any(|(at, _)| {
        let before = answer.get(..at).unwrap_or_default().chars().next_back();
        let behind = answer.get(at + word.len()..).unwrap_or_default().chars().next();
        !is_inside(before) && !is_inside(behind)
    })
}

#[cfg(test)]
#[path = "instructions_tests.rs"]
mod tests;
