//! A fact as it is compared: its names read, its words and values found, and
//! what its text is about told from what it says of it.

use std::{collections::HashSet, sync::LazyLock};

use super::{Authority, Fact, name::Name};
use crate::staleness::{
    statement::Said,
    text::{Cue, words::hash},
};

/// Words of labels that are looked at.
const MAX_LABEL_WORDS: usize = 12;

/// Words with which a text goes from what it is about to what it says of it.
const PIVOTS: &str = "is are was were be been being has have had will would shall can cannot could \
    should must may might becomes became lives works likes loves prefers wants needs costs starts \
    ends begins arrives leaves departs meets uses drives owns plays eats drinks speaks reports \
    weighs expires runs opens closes goes takes gets lands stays sits isn't aren't wasn't weren't \
    won't can't doesn't don't hasn't haven't does do no not set due to";

/// Verbs and marks of change: they say that something changed, not what.
const CHANGE_WORDS: &str = "move moved moving moves change changed changes changing switch switched \
    update updated updates revise revised correct corrected correction reschedule rescheduled \
    postpone postponed push pushed delay delayed cancel cancelled canceled replace replaced \
    increase increased reduce reduced raise raised lower lowered extend extended new newest latest \
    current currently actual actually original originally previous previously longer anymore now \
    earlier later instead become became final finally today yesterday set";

static PIVOT_WORDS: LazyLock<HashSet<u32>> =
    LazyLock::new(|| PIVOTS.split_whitespace().map(hash).collect());
static CHANGES: LazyLock<HashSet<u32>> =
    LazyLock::new(|| CHANGE_WORDS.split_whitespace().map(hash).collect());

/// A text, read for comparing.
#[derive(Debug)]
pub(super) struct Words {
    /// Words, values and cues.
    pub(super) said: Said,
    /// Stems of the words that carry content, those of change left out; sorted.
    pub(super) stems: Vec<u32>,
    /// The same before the pivot; nothing if there is none.
    pub(super) topic: Option<Vec<u32>>,
    /// Index of the first word behind labels such as "Update:".
    pub(super) from: usize,
    /// Index of the first word behind the topic.
    pub(super) rest: usize,
    /// Whether it says something of which several hold.
    pub(super) adds: bool,
    /// Whether it takes the force from what it speaks of.
    pub(super) voids: bool,
    /// Whether it says that something came to its end or was decided otherwise.
    pub(super) settles: bool,
}

impl Words {
    /// Reads a text.
    pub(super) fn of(text: &str) -> Self {
        let said = Said::of(text, None);
        let from = behind_labels(text, &said);
        let rest = pivot(text, &said, from);
        let topic = rest.map(|until| stems_of(&said, from, until));
        let topic = topic.filter(|topic| !topic.is_empty());
        let rest = if topic.is_some() { rest.unwrap_or(0) } else { 0 };
        let stems = stems_of(&said, from, said.words.len());
        Self { topic, from, rest, ..Self::plain(said, stems) }
    }

    /// Reads a value: all of it is said, and what stands behind it in brackets is
    /// a remark on it.
    fn of_value(text: &str) -> Self {
        let bare = text.split_once(" (").filter(|(_, rest)| rest.trim_end().ends_with(')'));
        let bare = bare.map_or(text, |(value, _)| value.trim());
        let said = Said::of(bare, None);
        let stems = stems_of(&said, 0, said.words.len());
        Self::plain(said, stems)
    }

    /// Without labels and topic.
    fn plain(said: Said, stems: Vec<u32>) -> Self {
        let has = |wanted: &HashSet<u32>| said.words.iter().any(|word| wanted.contains(&word.hash));
        let (adds, voids) = (has(&ADDING), has(&VOIDING));
        let settles = voids || has(&SETTLING);
        Self { said, stems, topic: None, from: 0, rest: 0, adds, voids, settles }
    }

    /// Stems of its first name, if it begins with one.
    pub(super) fn leading_name(&self) -> Option<u64> {
        let words = self.said.words.iter().enumerate().skip(self.from);
        let (first, _) = words.into_iter().find(|(_, word)| word.content)?;
        let names = self.said.values.iter();
        let mut names = names.filter(|value| value.kind == crate::staleness::text::Kind::Name);
        names.find(|value| usize::from(value.words.0) == first).map(|value| value.normal)
    }

    /// Whether it has any of these cues.
    pub(super) fn has_any(&self, cues: &[Cue]) -> bool {
        cues.iter().any(|cue| self.said.has(*cue))
    }
}

/// Words that label what follows, as "Note:" and "Update:" do.
const LABEL_WORDS: &str = "note update correction reminder alert fyi info urgent important news status \
    warning notice clarification edit ps attention";

static LABELS: LazyLock<HashSet<u32>> =
    LazyLock::new(|| LABEL_WORDS.split_whitespace().map(hash).collect());

/// Index of the first word behind labels: "Update:", "[Sarah (sales)]:". They
/// say what sort of text it is or whose, not what it is about.
fn behind_labels(text: &str, said: &Said) -> usize {
    let mut behind = 0;
    for (at, pair) in said.words.windows(2).enumerate().take(MAX_LABEL_WORDS) {
        let [before, word] = pair else { break };
        let gap = text.get(before.span.end as usize..word.span.start as usize).unwrap_or("");
        if !gap.contains(':') {
            continue;
        }
        let label = text.get(..before.span.end as usize).unwrap_or("");
        let words = said.words.get(behind..=at).unwrap_or_default();
        let is_label = label.contains(['[', '('])
            || gap.starts_with([']', ')'])
            || words.iter().all(|word| LABELS.contains(&word.hash) || !word.content);
        if !is_label {
            break;
        }
        behind = at + 1;
    }
    behind
}

/// Index of the word with which a text turns to what it says: a finite verb,
/// or the first behind a colon.
fn pivot(text: &str, said: &Said, from: usize) -> Option<usize> {
    said.words.iter().enumerate().skip(from + 1).find_map(|(at, word)| {
        let before = said.words.get(at - 1)?;
        let gap = text.get(before.span.end as usize..word.span.start as usize)?;
        let spelt = word.span.of(text);
        let past = spelt.len() > 4 && spelt.ends_with("ed") && !word.capital;
        (gap.starts_with(':') || gap.contains('=') || past || PIVOT_WORDS.contains(&word.hash))
            .then_some(at)
    })
}

fn stems_of(said: &Said, from: usize, until: usize) -> Vec<u32> {
    let words = said.words.get(from..until).unwrap_or_default();
    let mut stems: Vec<u32> = words
        .iter()
        .filter(|word| word.content && !CHANGES.contains(&word.hash))
        .map(|word| word.stem)
        .collect();
    stems.sort_unstable();
    stems.dedup();
    stems
}

/// Predicates of which several hold: liking tea does not end liking coffee.
const ADDITIVE_PREDICATES: &str = "like likes liked love loves enjoy enjoys dislike dislikes hate \
    hates speak speaks visit visited bought own owns have has allergic read watched knows know \
    includes include contains collects plays";

/// Verbs of an outcome: the state before is over.
const OUTCOMES: &str = "resolved fixed closed restored lifted approved delayed postponed reopened \
    solved reinstated suspended overriding overridden overrode";

/// Verbs that take the force from what they speak of.
const VOIDING_WORDS: &str = "revoked rejected withdrawn overruled denied declined terminated \
    invalidated void reversed overturned rescinded retracted annulled";

static SETTLING: LazyLock<HashSet<u32>> =
    LazyLock::new(|| OUTCOMES.split_whitespace().map(hash).collect());
static VOIDING: LazyLock<HashSet<u32>> =
    LazyLock::new(|| VOIDING_WORDS.split_whitespace().map(hash).collect());

static ADDING: LazyLock<HashSet<u32>> =
    LazyLock::new(|| ADDITIVE_PREDICATES.split_whitespace().map(hash).collect());

/// A fact, ready to be compared.
#[derive(Debug)]
pub struct Claim {
    /// Subject and attribute.
    pub(super) name: Name,
    /// Where it holds, normalised.
    pub(super) scope: String,
    /// What it weighs.
    pub(super) authority: Authority,
    /// Values of it add up.
    pub(super) additive: bool,
    /// Its text.
    pub(super) text: Words,
    /// Its value, if given.
    pub(super) value: Option<Words>,
    /// What its name is about, for finding it in a turn; nothing where the name
    /// says nothing.
    pub(super) slot: Option<Slot>,
}

/// The name of what a fact sets, as the words of a turn are compared with it.
#[derive(Debug)]
pub(super) struct Slot {
    /// Stem of the word that says what it is: `budget` of `approved_budget`.
    pub(super) core: u32,
    /// Stems of all its words, those for the subject among them; sorted.
    pub(super) stems: Vec<u32>,
    /// Stems of the subject, where that is not the user.
    pub(super) subject: Vec<u32>,
}

/// Names of what is decided as a whole: a plan may be told as an approach.
const PLANS: &str = "plan approach decision choice strategy method design proposal direction \
    implementation solution option";
/// Stands for all of them where facts are looked for.
pub(super) const PLAN: &str = "plan";

static PLAN_STEMS: LazyLock<HashSet<u32>> =
    LazyLock::new(|| Said::of(PLANS, None).words.iter().map(|word| word.stem).collect());

/// Whether a stem is that of such a name.
pub(super) fn is_plan(stem: u32) -> bool {
    PLAN_STEMS.contains(&stem)
}

/// Names of how something stands.
const STATE_NAMES: &str = "status state stage phase condition progress standing";

static STATE_STEMS: LazyLock<HashSet<u32>> =
    LazyLock::new(|| Said::of(STATE_NAMES, None).words.iter().map(|word| word.stem).collect());

/// Whether a stem is that of such a name.
pub(super) fn is_state(stem: u32) -> bool {
    STATE_STEMS.contains(&stem)
}

impl Slot {
    fn of(name: &Name, subject: &Name) -> Option<Self> {
        if name.says_nothing() {
            return None;
        }
        let stem = |token: &str| Said::of(token, None).words.first().map(|word| word.stem);
        let stems = |name: &Name| -> Vec<u32> {
            let mut stems: Vec<u32> = name.tokens().iter().filter_map(|t| stem(t)).collect();
            stems.sort_unstable();
            stems
        };
        let subject = if subject.is_user() { Vec::new() } else { stems(subject) };
        Some(Self { core: stem(name.core()?)?, stems: stems(name), subject })
    }
}

impl Claim {
    /// Reads a fact.
    pub fn of(fact: &Fact) -> Self {
        let (subject, attribute) = (Name::of(&fact.says.subject), Name::of(&fact.says.attribute));
        let text = Words::of(beyond_name(&fact.text, &attribute));
        let given = Some(fact.says.value.trim()).filter(|value| !value.is_empty());
        let value = given.map(Words::of_value);
        // "guests: 4" counts them.
        let counts = value.as_ref().unwrap_or(&text).said.words.first().is_some_and(|w| w.digit);
        let listed = !attribute.is_empty() && attribute.is_list() && !attribute.versioned;
        let name = Name::joined(&subject, &attribute);
        Self {
            slot: Slot::of(&name, &subject).filter(|_| !attribute.is_empty()),
            name,
            additive: fact.says.additive || listed && !counts,
            scope: fact.says.scope.trim().to_lowercase(),
            authority: fact.authority(),
            text,
            value,
        }
    }

    /// Hashes of what it is about, sorted: two facts that share none are not
    /// compared.
    pub fn sketch(&self) -> Vec<u32> {
        let named = self.name.tokens().iter().map(|token| hash(token));
        let plan = self.slot.as_ref().filter(|slot| is_plan(slot.core)).map(|_| hash(PLAN));
        let all = named.chain(self.text.stems.iter().copied());
        let mut all: Vec<u32> = all.chain(plan).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Where the value stands.
    pub(super) fn value_or_text(&self) -> &Words {
        self.value.as_ref().unwrap_or(&self.text)
    }
}

/// A text without the attribute that it begins with: "hotel: Hilton".
fn beyond_name<'a>(text: &'a str, attribute: &Name) -> &'a str {
    match text.split_once(':') {
        Some((name, rest))
            if !attribute.is_empty()
                && Name::of(name).tokens() == attribute.tokens()
                && !rest.trim().is_empty() =>
        {
            rest.trim()
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(text: &str) -> Vec<String> {
        let words = Words::of(text);
        let until = words.rest;
        let before = words.said.words.get(words.from..until).unwrap_or_default();
        before.iter().filter(|w| w.content).map(|w| w.span.of(text).to_lowercase()).collect()
    }

    #[test]
    fn a_text_turns_from_what_it_is_about_to_what_it_says() {
        for (text, expected) in [
            ("The launch date is May 3", vec!["launch", "date"]),
            ("Order 4521 approved for $50", vec!["order", "4521"]),
            ("Deadline: Friday", vec!["deadline"]),
            ("Prefer quarterly terms", vec![]),
            ("Lives in Berlin", vec![]),
            ("Update: the office is closed", vec!["office"]),
            ("[Ann (sales)]: The fee is 5 %", vec!["fee"]),
        ] {
            assert_eq!(topic(text), expected, "{text}");
        }
    }
}
