//! The assistant asks for what the user has told, or for what is pinned.

use super::{
    SaidTurn,
    language::is_readable,
    phrases::{own_words, phrase},
};
use crate::{
    degradation::{Evidence, Finding, Reason, Signal},
    facts::Fact,
    staleness::text::Lexed,
    turn::Role,
};

const CONFIDENCE: f32 = 0.8;
/// Content words of an attribute that are compared, the last.
const SLOT_WORDS: usize = 3;

phrase!(
    /// Asks for an attribute of the user: the group is its name.
    ASKS,
    r"\b(?:what|which|who|when|where)(?:'s|\s+is|\s+are|\s+was)\s+your\s+((?:[\w'-]+\s+){0,3}?[\w'-]+)\s*(?:\?|,|\bfor\b|\band\b|\bso\b|\bin\b|\bagain\b)
      | \b(?:could|can|would|will|may|might)\s+(?:you|i|we)\s+(?:please\s+|kindly\s+|also\s+)*(?:tell|give|provide|share|remind|have|get|know|ask|send|specify|let)\b
        (?:\s+(?:me|us|know|of|for|with|again|what|is|the))*\s+your\s+((?:[\w'-]+\s+){0,3}?[\w'-]+)\s*(?:\?|,|\bfor\b|\band\b|\bso\b|\bis\b|\bare\b|\bagain\b)
      | \bplease\s+(?:tell|give|provide|share|remind|send|specify|let)\b(?:\s+(?:me|us|know|of|for|with|again|what|is|the))*\s+your\s+((?:[\w'-]+\s+){0,3}?[\w'-]+)\s*(?:[?.,]|\bfor\b|\band\b|\bso\b|\bagain\b)"
);
phrase!(ASKS_AGE, r"\bhow\s+old\s+are\s+you\b");
phrase!(
    ASKS_HOME,
    r"\bwhere\s+(?:do\s+you\s+live|are\s+you\s+(?:based|located|living))\b|\b(?:what|which)\s+(?:city|town|country)\s+(?:do\s+you\s+live|are\s+you)\s*(?:in|based|located)?"
);
phrase!(
    ASKS_WORK,
    r"\bwhat\s+do\s+you\s+do\s+for\s+(?:a\s+living|work)\b|\bwhere\s+do\s+you\s+work\b"
);
phrase!(
    ASKS_ALLERGY,
    r"\b(?:do\s+you\s+have|are\s+there)\s+any\s+(?:food\s+)?(?:allergies|intolerances)\b|\bare\s+you\s+allergic\s+to\s+(?:anything|any)\b"
);
phrase!(
    ASKS_DIET,
    r"\b(?:do\s+you\s+have|are\s+there|do\s+you\s+follow)\s+any\s+(?:special\s+|specific\s+|particular\s+)?(?:dietary|diet)\b"
);
phrase!(
    /// The user tells an attribute: the group is its name.
    TELLS,
    r"\bmy\s+((?:[\w'-]+\s+){0,3}?[\w'-]+)\s*(?:\bis\b|'s\b|\bare\b|\bwas\b|=|:)\s*\S"
);
phrase!(TELLS_NAME, r"\b(?:my\s+name(?:'s|\s+is)|call\s+me|i\s+go\s+by)\s+\w");
phrase!(
    TELLS_AGE,
    r"\bi(?:'m|\s+am)\s+(?:\d{1,3}|[a-z]+(?:-[a-z]+)?)\s+years?\s+old\b|\bi\s+(?:just\s+)?turned\s+\d|\bmy\s+age\s+is\b"
);
phrase!(
    TELLS_HOME,
    r"\bi(?:'m|\s+am)?\s+(?:live|living|based|located)\s+in\s+\w|\bi\s+(?:just\s+)?moved\s+to\s+\w|\bmy\s+home(?:town)?\s+is\b"
);
phrase!(
    TELLS_WORK,
    r"\bi\s+work\s+(?:as|at|for|in)\s+\w|\bi(?:'m|\s+am)\s+an?\s+(?:[\w-]+\s+)?(?:teacher|nurse|doctor|engineer|developer|programmer|lawyer|student|designer|manager|chef|accountant|writer|scientist|consultant|carpenter|driver|salesperson|researcher|electrician|plumber)\b|\bmy\s+(?:job|profession|occupation)\s+is\b"
);
phrase!(
    TELLS_ALLERGY,
    r"\ballergic\s+to\s+\w|\bi\s+(?:have|am|don't\s+have|have\s+no)\b[^.?!\n]{0,30}\b(?:allergy|allergies|intolerant|intolerance)\b|\bno\s+allergies\b"
);
phrase!(
    TELLS_DIET,
    r"\bi(?:'m|\s+am)\s+(?:a\s+)?(?:vegan|vegetarian|pescatarian|celiac|coeliac|gluten[\s-]free|keto|kosher|halal)\b|\bi\s+(?:don't|do\s+not|can't|cannot)\s+eat\s+\w|\bi\s+eat\s+(?:no|only)\s+\w"
);
phrase!(
    /// Asks whether something still is so: that it is known shows.
    CHECKS,
    r"\b(?:still|confirm|correct|right|same|changed|updated|double[\s-]check|new)\b"
);
phrase!(SENTENCE, r"[^.!?\n]+[.!?]?");

/// Asked for and told in words of their own, apart from "your X" and "my X".
struct Pair {
    asks: &'static std::sync::LazyLock<super::phrases::Phrase>,
    tells: &'static std::sync::LazyLock<super::phrases::Phrase>,
    slot: &'static str,
}

static PAIRS: [Pair; 5] = [
    Pair { asks: &ASKS_AGE, tells: &TELLS_AGE, slot: "age" },
    Pair { asks: &ASKS_HOME, tells: &TELLS_HOME, slot: "home" },
    Pair { asks: &ASKS_WORK, tells: &TELLS_WORK, slot: "job" },
    Pair { asks: &ASKS_ALLERGY, tells: &TELLS_ALLERGY, slot: "allergies" },
    Pair { asks: &ASKS_DIET, tells: &TELLS_DIET, slot: "diet" },
];

/// What is known when the assistant speaks.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The turns before, in order.
    pub earlier: &'a [SaidTurn],
    /// The facts that hold.
    pub pins: &'a [Fact],
}

/// Whether an assistant's turn asks for what is known. Not measurable in another
/// language than English, or where the user has said nothing.
pub fn reasks(turn: &SaidTurn, known: Known<'_>) -> Signal {
    let is_told = known.earlier.iter().any(|other| other.role == Role::User);
    if turn.role != Role::Assistant || !is_told || !is_readable(turn.text()) {
        return Signal::NotMeasurable;
    }
    let own = own_words(turn.text());
    let questions = SENTENCE.places(&own).filter_map(|place| own.get(place));
    let asking = questions.filter(|one| !CHECKS.is_match(one));
    Signal::measured(asking.into_iter().find_map(|question| found(question, known)))
}

fn found(question: &str, known: Known<'_>) -> Option<Finding> {
    for pair in PAIRS.iter().filter(|pair| pair.asks.is_match(question)) {
        let told = told_by(known, pair.slot, |text| pair.tells.is_match(text));
        if told.is_some() {
            return told;
        }
    }
    ASKS.groups(question).find_map(|asked| {
        let name = asked.iter().skip(1).flatten().next()?.as_str();
        let slot = stems(name);
        let pair = PAIRS.iter().find(|pair| pair.slot == name.to_lowercase());
        told_by(known, name, |text| {
            (name.eq_ignore_ascii_case("name") && TELLS_NAME.is_match(text))
                || pair.is_some_and(|pair| pair.tells.is_match(text))
                || TELLS.groups(text).any(|told| {
                    told.get(1).is_some_and(|told| is_same(&slot, &stems(told.as_str())))
                })
        })
    })
}

/// The user's turn or the pin that tells it.
fn told_by(known: Known<'_>, name: &str, tells: impl Fn(&str) -> bool) -> Option<Finding> {
    let finding = |reason, evidence| Some(Finding { confidence: CONFIDENCE, reason, evidence });
    let slot = stems(name);
    let pinned = known.pins.iter().find(|pin| {
        let says = &pin.says;
        let is_users = says.subject.is_empty() || says.subject.eq_ignore_ascii_case("user");
        tells(&pin.text)
            || (is_users && !says.value.is_empty() && is_same(&slot, &stems(&says.attribute)))
    });
    if let Some(pin) = pinned {
        return finding(Reason::AsksForPinned, Evidence::Pin(pin.id.clone()));
    }
    let mut users = known.earlier.iter().rev().filter(|turn| turn.role == Role::User);
    let told = users.find(|turn| tells(&own_statements(turn.text())))?;
    finding(Reason::AsksForTold, Evidence::Earlier(told.sequence))
}

/// The sentences that ask nothing.
fn own_statements(text: &str) -> String {
    let own = own_words(text);
    let stated = SENTENCE.places(&own).filter_map(|place| own.get(place));
    let stated: Vec<&str> = stated.filter(|one| !one.trim_end().ends_with('?')).collect();
    stated.join(" ")
}

/// Stems of the content words of an attribute's name, the last ones.
fn stems(name: &str) -> Vec<u32> {
    let words = Lexed::of(name).words;
    let content = words.iter().filter(|word| word.content);
    let mut stems: Vec<u32> = content.map(|word| word.stem).collect();
    stems.drain(..stems.len().saturating_sub(SLOT_WORDS));
    stems
}

/// The same head, and no word of the question that the answer lacks.
fn is_same(asked: &[u32], told: &[u32]) -> bool {
    let heads = asked.last().zip(told.last()).is_some_and(|(asked, told)| asked == told);
    heads && asked.iter().all(|stem| told.contains(stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(told: &str, asked: &str, expected: bool) {
        let earlier = [
            SaidTurn::of(1, Role::User, told),
            SaidTurn::of(2, Role::Assistant, "Noted."),
            SaidTurn::of(3, Role::User, "Go on, please."),
        ];
        let turn = SaidTurn::of(4, Role::Assistant, asked);
        let found = reasks(&turn, Known { earlier: &earlier, pins: &[] });
        let expected = if expected { 1.0 } else { 0.0 };
        assert_eq!(found.value(), Some(expected), "{told:?} {asked:?}: {found:?}");
        if let Some(finding) = found.finding() {
            assert_eq!(finding.evidence, Evidence::Earlier(1));
        }
    }

    #[test]
    fn asking_for_what_was_told_is_heard() {
        for (told, asked) in [
            ("My order number is 4711.", "Sure! What is your order number?"),
            ("My email is a@b.org", "Could you please provide your email?"),
            ("my budget: 500 euros", "Great. What's your budget for the trip?"),
            ("My name is Ada.", "May I have your name, please?"),
            ("Call me Ada.", "What's your name?"),
            ("I'm 34 years old.", "How old are you?"),
            ("I live in Graz.", "Where are you based?"),
            ("I am allergic to nuts.", "Do you have any allergies?"),
            ("I'm vegetarian and hungry.", "Do you have any dietary restrictions?"),
            ("My shipping address is 5 Main Road.", "Can you tell me your shipping address again?"),
            ("I work as a nurse.", "What do you do for a living?"),
            ("My favourite colour is green", "Please tell me your favourite colour."),
        ] {
            check(told, asked, true);
        }
    }

    #[test]
    fn asking_for_something_else_is_not() {
        for (told, asked) in [
            ("My order number is 4711.", "What is your phone number?"),
            ("What is my order number?", "What is your order number?"),
            ("My budget is 500.", "Is your budget still 500?"),
            ("My name is Ada.", "What is your sister's name?"),
            ("I live in Graz.", "Where would you like to go?"),
            ("My address is 5 Main Road.", "What is your billing address?"),
            ("I like tea.", "What is your favourite tea?"),
            ("My email is a@b.org", "Could you confirm your email?"),
            ("My dog is old.", "How old are you?"),
        ] {
            check(told, asked, false);
        }
    }

    #[test]
    fn only_an_assistant_that_was_told_something_is_measured() {
        let earlier = [SaidTurn::of(1, Role::User, "My name is Ada.")];
        let known = Known { earlier: &earlier, pins: &[] };
        let user = SaidTurn::of(2, Role::User, "What is your name?");
        assert_eq!(reasks(&user, known), Signal::NotMeasurable);
        let first = SaidTurn::of(1, Role::Assistant, "What is your name?");
        let nothing = Known { earlier: &[], pins: &[] };
        assert_eq!(reasks(&first, nothing), Signal::NotMeasurable);
    }
}
