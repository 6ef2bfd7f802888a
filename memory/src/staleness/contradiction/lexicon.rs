//! What a word does to a statement: denies it, makes it general, asks for it,
//! hedges it, praises or blames. General English; in other languages nothing
//! is found and vectors and values decide.
//!
//! Words are looked up by the hash of their lower-cased form, opposites by the
//! hash of their stem. The lists are short on purpose: they are the words of
//! any grammar book, and none was taken from a data set.

use std::{collections::HashMap, sync::LazyLock};

use crate::staleness::text::words::{Lexed, hash};

macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident = $words:expr;)*) => {
        /// What a word does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Class { $($(#[$doc])* $name,)* }
        const WORDS: &[(Class, &str)] = &[$((Class::$name, $words),)*];
    };
}

classes! {
    /// Denies what follows.
    Negates = "not no never none nobody nothing neither nor nowhere without cannot can't cant don't dont doesn't doesnt didn't didnt isn't isnt aren't wasn't weren't won't wont wouldn't couldn't shouldn't haven't hasn't hadn't ain't mustn't hardly barely fail fails failed failing lack lacks lacking refuse refuses refused deny denies denied unable impossible";
    /// At no time.
    Never = "never";
    /// Speaks of all cases.
    Universal = "all every always everyone everybody everything everywhere whole entire entirely complete completely fully totally absolutely only each any anyone anybody anything ever forever both";
    /// Speaks of some cases.
    Partial = "some sometimes somewhat someone few several many most mostly often usually partly partially occasionally rarely almost nearly half little bit slightly";
    /// Must or should be.
    Obliges = "must should need needs needed ought have has supposed require required requires essential necessary crucial let's";
    /// Can be.
    Enables = "can could able possible allowed allow allows capable may";
    /// May be.
    Hedges = "may might maybe perhaps probably likely unlikely seem seems seemingly hopefully possibly apparently guess suppose unsure uncertain";
    /// Will be.
    Future = "will would i'll we'll they'll he'll she'll it'll you'll going gonna plan plans planning shall tomorrow soon future";
    /// Is wished.
    Wishes = "want wants wanted wish wishes wishing hope hopes hoping like likes love loves prefer prefers keen welcome welcomes aim try trying tried";
    /// Was.
    Past = "was were did had been used ago yesterday last previously before already";
    /// Is now.
    Now = "is are am now currently today i'm we're they're still being";
    /// Somebody says or thinks so.
    Reports = "said say says saying told tell tells think thinks thought believe believes claim claims claimed hear heard talk talks talking mentioned mention argue call called suggest suggests suggested know knows";
    /// Under a condition.
    Conditional = "if unless whether when otherwise provided assuming until";
    /// Of oneself.
    First = "i i'm i've i'd i'll me my mine myself we we're we've we'd we'll us our ours";
    /// Of the one spoken to.
    Second = "you you're you've you'd you'll your yours";
    /// Turns against what went before.
    Contrasts = "but however although though yet despite nevertheless instead rather actually whereas while except";
    /// Praises.
    Praises = "good great better best right fair perfect brilliant excellent nice happy glad proud success successful support supports supported easy safe clear true truth love effective fantastic wonderful strong improve improved improving benefit benefits positive important enjoy enjoyed comfortable confident well win winning honest";
    /// Blames.
    Blames = "bad worse worst wrong unfair poor disaster terrible awful sad angry failure problem problems difficult hard unsafe unclear false lie lies lying weak damage damaged crisis negative stressed anxious worried worry fear risk dangerous cut cuts hurt horrible ridiculous absurd nonsense concerned concern struggle struggling suffer suffering lose losing";
    /// Orders by size.
    More = "more greater higher bigger larger increase increased increasing rise rising additional extra over above";
    /// Orders by size, downwards.
    Less = "less fewer lower smaller decrease decreased decreasing fall falling reduce reduced under below";
    /// Asks.
    Asks = "what where when who how which why whose";
    /// Splits a sentence in pieces.
    Splits = "but because which since although though so whereas while and";
}

impl Class {
    /// Its bit.
    pub(super) const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Groups of opposites: `+ words | - words`, one group a line.
const OPPOSITES: &str = "increase rise grow up more higher raise gain expand | decrease fall drop down less lower reduce decline shrink cut
    open reopen start begin launch | close shut stop end finish cancel
    good great brilliant excellent better best perfect | bad terrible awful disaster worse worst poor
    right correct true truth fact | wrong incorrect false lie myth
    love like enjoy prefer | hate dislike detest loathe avoid
    succeed success win achieve | fail failure lose miss
    accept agree support back endorse favour favor | reject oppose disagree decline refuse object
    allow permit enable legal | ban forbid prohibit prevent block illegal
    easy simple | difficult hard complex complicated
    safe secure | dangerous unsafe risky
    cheap affordable inexpensive | expensive costly pricey
    early before | late after
    always constantly | never rarely seldom
    everyone everybody all every | nobody none
    give provide offer | take withhold deny
    remember recall | forget
    arrive come enter join stay remain | leave depart go quit exit
    buy purchase | sell
    hot warm | cold cool
    big large huge major | small little tiny minor
    long | short
    fast quick quickly | slow slowly
    full | empty
    new modern | old outdated
    married | single divorced
    alive live | dead die
    rich wealthy | poor broke
    strong | weak
    clear certain sure | unclear uncertain unsure
    calm relaxed confident comfortable | anxious stressed nervous worried
    happy glad proud | sad unhappy angry ashamed
    vegetarian vegan | meat steak chicken beef
    alone | together
    inside indoors | outside outdoors
    public | private
    same | different
    north | south
    left | right
    first | last
    include add | exclude remove delete omit
    present attend | absent skip
    unite united | divide divided
    deliver keep honour | break abandon
    yes | no
    ready prepared | unprepared
    praise thank | blame criticise criticize
    trust believe | distrust doubt
    free | paid locked
    save | spend waste
    hire employ | fire sack dismiss
    healthy well | sick ill unwell
    future | past
    do act | ignore";

/// A place in the groups of opposites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pole {
    /// The group.
    pub(super) group: u8,
    /// Its side.
    pub(super) plus: bool,
}

/// Class bits by the hash of a lower-cased word.
static CLASSES: LazyLock<HashMap<u32, u32>> = LazyLock::new(|| {
    let mut table = HashMap::new();
    for (class, words) in WORDS {
        for word in words.split(' ') {
            *table.entry(hash(word)).or_default() |= class.bit();
        }
    }
    table
});

/// Poles by the hash of a stem; a word in two groups keeps both.
static POLES: LazyLock<HashMap<u32, Vec<Pole>>> = LazyLock::new(|| {
    let mut table: HashMap<u32, Vec<Pole>> = HashMap::new();
    for (group, line) in OPPOSITES.lines().enumerate() {
        for (side, words) in line.split('|').enumerate() {
            for word in &Lexed::of(words).words {
                table
                    .entry(word.stem)
                    .or_default()
                    .push(Pole { group: group as u8, plus: side == 0 });
            }
        }
    }
    table
});

/// The class bits of a word; 0 for an ordinary one.
pub(super) fn classes(word: u32) -> u32 {
    CLASSES.get(&word).copied().unwrap_or(0)
}

/// The poles of a stem; empty for most.
pub(super) fn poles(stem: u32) -> &'static [Pole] {
    POLES.get(&stem).map_or(&[], Vec::as_slice)
}

/// The part after a denying prefix ("unfair", "disagree"), or `None`.
pub(super) fn undenied(lower: &str) -> Option<&str> {
    ["un", "in", "im", "ir", "dis", "non", "mis"]
        .iter()
        .find_map(|prefix| lower.strip_prefix(prefix))
        .filter(|rest| rest.len() >= 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_poles_are_found() {
        assert_eq!(classes(hash("never")), Class::Negates.bit() | Class::Never.bit());
        assert_eq!(classes(hash("table")), 0);
        let pole = |word: &str| Lexed::of(word).words.first().map_or(&[][..], |w| poles(w.stem));
        let (up, down) = (pole("rising"), pole("falls"));
        assert!(up.iter().any(|a| down.iter().any(|b| a.group == b.group && a.plus != b.plus)));
        assert_eq!(undenied("unfair"), Some("fair"));
        assert_eq!(undenied("into"), None);
    }
}
