//! Typed values of a text: what a later turn may set differently.
//!
//! Each has a kind, a place, and a normal form in which "7:30 pm", "half past
//! seven in the evening" and "19:30" agree. Two values of one kind either
//! agree, differ, or cannot be told apart ("March 3rd" and "Friday").

mod dates;
mod names;
mod numbers;
mod times;

pub(in crate::staleness) use dates::month;
pub(crate) use numbers::small;

use super::words::{Lexed, Span};

/// The number of a sum, quantity or bare number.
pub fn amount(normal: u64) -> f32 {
    f64::from_bits(normal) as f32
}

/// Minutes after midnight of a time; of one whose half of the day is not said,
/// before noon.
pub fn minutes(normal: u64) -> f32 {
    (normal & 0xffff) as f32
}

/// About how many days the second day is later, by the parts that both name.
pub fn order(one: u64, other: u64) -> Option<f32> {
    dates::days_between(one, other)
}

/// Values of a text that are looked at.
pub const MAX_VALUES: usize = 64;

/// What sort of value it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A sum of money.
    Money,
    /// A number with what it counts or measures: "2 tickets", "15 %".
    Quantity,
    /// A bare number.
    Number,
    /// A day: date, weekday, "tomorrow".
    Date,
    /// A time of day.
    Time,
    /// A capitalised name: place, person, product.
    Name,
    /// A telephone number, code, address on the net.
    Id,
}

impl Kind {
    /// All kinds, in order.
    pub const ALL: [Self; 7] =
        [Self::Money, Self::Quantity, Self::Number, Self::Date, Self::Time, Self::Name, Self::Id];
}

/// A typed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// Its kind.
    pub kind: Kind,
    /// Where it stands.
    pub span: Span,
    /// First word and one past the last.
    pub words: (u16, u16),
    /// Its clause.
    pub clause: u16,
    /// Normal form; what it means depends on the kind.
    pub normal: u64,
    /// What is counted or measured: stem of the unit; 0 where there is none.
    pub unit: u32,
}

impl Value {
    /// Whether two values of one kind say the same; `None` when they are not
    /// comparable: other kinds, other units, or a date and a weekday.
    pub fn agrees(&self, other: &Self) -> Option<bool> {
        if self.kind != other.kind {
            return None;
        }
        match self.kind {
            Kind::Date => dates::agree(self.normal, other.normal),
            Kind::Time => times::agree(self.normal, other.normal),
            Kind::Quantity if self.unit != other.unit => None,
            Kind::Quantity | Kind::Money | Kind::Number | Kind::Name | Kind::Id => {
                Some(self.normal == other.normal)
            }
        }
    }

    /// The values of a text, in order, none within another.
    pub fn all_of(text: &str, lexed: &Lexed) -> Vec<Self> {
        let mut found = Vec::new();
        let mut index = 0;
        while index < lexed.words.len() && found.len() < MAX_VALUES {
            let reading = Reading { text, lexed, index };
            let Some(read) = reading.value() else {
                index += 1;
                continue;
            };
            let last = index + read.words.max(1) - 1;
            let (Some(from), Some(to)) = (lexed.words.get(index), lexed.words.get(last)) else {
                break;
            };
            found.push(Self {
                kind: read.kind,
                span: from.span.to(to.span),
                words: (index as u16, last as u16 + 1),
                clause: from.clause,
                normal: read.normal,
                unit: read.unit,
            });
            index = last + 1;
        }
        found
    }
}

/// What was read at a word.
struct Read {
    kind: Kind,
    /// Words that it takes.
    words: usize,
    normal: u64,
    unit: u32,
}

/// A word of a text from which a value may be read.
#[derive(Clone, Copy)]
struct Reading<'a> {
    text: &'a str,
    lexed: &'a Lexed,
    index: usize,
}

impl<'a> Reading<'a> {
    fn value(self) -> Option<Read> {
        dates::read(self)
            .or_else(|| times::read(self))
            .or_else(|| numbers::read(self))
            .or_else(|| names::read(self))
    }

    /// The lower-cased word at an offset in the same clause; empty elsewhere.
    fn word(self, offset: usize) -> &'a str {
        let here = self.lexed.words.get(self.index).map(|word| word.clause);
        let there = self.lexed.words.get(self.index + offset).map(|word| word.clause);
        if here == there { self.lexed.lower(self.index + offset) } else { "" }
    }

    /// The text between the word at an offset and the one before.
    fn gap(self, offset: usize) -> &'a str {
        let at = self.index + offset;
        let from =
            at.checked_sub(1).and_then(|i| self.lexed.words.get(i)).map_or(0, |w| w.span.end);
        let to = self.lexed.words.get(at).map_or(self.text.len() as u32, |w| w.span.start);
        Span { start: from, end: to }.of(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(Kind, &str)> {
        let lexed = Lexed::of(text);
        Value::all_of(text, &lexed).iter().map(|v| (v.kind, v.span.of(text))).collect()
    }

    #[test]
    fn values_are_found_with_their_kind() {
        for (text, expected) in [
            (
                "A table for 4 people at 7:30 pm",
                vec![(Kind::Quantity, "4 people"), (Kind::Time, "7:30 pm")],
            ),
            (
                "make it $1,200 on March 3rd",
                vec![(Kind::Money, "1,200"), (Kind::Date, "March 3rd")],
            ),
            ("the 12th, or next Friday", vec![(Kind::Date, "12th"), (Kind::Date, "next Friday")]),
            ("We moved to New York in 2019.", vec![(Kind::Name, "New York"), (Kind::Date, "2019")]),
            ("I need two tickets", vec![(Kind::Quantity, "two tickets")]),
            ("half past 6 in the evening", vec![(Kind::Time, "half past 6 in the evening")]),
            ("call 415-555-0136 please", vec![(Kind::Id, "415-555-0136")]),
            ("the budget is 50k dollars", vec![(Kind::Money, "50k dollars")]),
            ("about 15% more", vec![(Kind::Quantity, "15")]),
            ("Thanks. Please find Thai food", vec![(Kind::Name, "Thai")]),
            ("nothing here", vec![]),
        ] {
            assert_eq!(values(text), expected, "{text:?}");
        }
    }

    #[test]
    fn values_of_one_kind_agree_or_differ() {
        for (a, b, expected) in [
            ("at 7:30 pm", "half past 7 in the evening", Some(true)),
            ("at 19:30", "at 7:30 pm", Some(true)),
            ("at 7", "at 7 pm", None),
            ("at 7 pm", "at 8 pm", Some(false)),
            ("March 3rd", "the 3rd of March", Some(true)),
            ("March 3rd", "the 4th", Some(false)),
            ("March 3rd", "on Friday", None),
            ("2 tickets", "three tickets", Some(false)),
            ("2 tickets", "3 rooms", None),
            ("$50", "50 dollars", Some(true)),
            ("to Paris", "to Rome", Some(false)),
        ] {
            let first = |text: &str| Value::all_of(text, &Lexed::of(text)).into_iter().next();
            let (Some(x), Some(y)) = (first(a), first(b)) else { panic!("no value in {a} or {b}") };
            assert_eq!(x.agrees(&y), expected, "{a} / {b}");
        }
    }
}
