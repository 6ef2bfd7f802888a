//! What happens to single characters before words are looked for, and which
//! scripts have no spaces. Used by [`super::analyse`].

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

/// Lower case, with invisible characters and combining accents dropped, full
/// width made plain, and typographic apostrophes made straight.
pub(super) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for character in text.chars() {
        if is_dropped(character) {
            continue;
        }
        let plain = match character {
            '\u{2019}' | '\u{2018}' | '\u{02bc}' | '\u{ff07}' => '\'',
            // Full-width forms of ASCII stand at a fixed distance.
            '\u{ff01}'..='\u{ff5e}' => {
                char::from_u32(u32::from(character) - 0xfee0).unwrap_or(character)
            }
            '\u{3000}' => ' ',
            other => other,
        };
        if plain.is_ascii() {
            cleaned.push(plain.to_ascii_lowercase());
        } else {
            // The capital dotted I becomes an i and a combining dot.
            cleaned.extend(plain.to_lowercase().filter(|c| !is_dropped(*c)));
        }
    }
    cleaned
}

/// Zero-width and directional marks, soft hyphens, variation selectors,
/// combining accents, Arabic vowel signs and the Arabic stretching line.
fn is_dropped(character: char) -> bool {
    matches!(character,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{180e}' | '\u{feff}' | '\u{0640}'
        | '\u{0300}'..='\u{036f}'
        | '\u{064b}'..='\u{0652}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0000}'..='\u{e01ef}')
}

/// Whether words of the character's script run together, or carry endings
/// that no stemmer here takes off (Korean).
pub(super) fn is_unspaced(character: char) -> bool {
    is_han(character)
        || matches!(character,
            '\u{3041}'..='\u{3096}' | '\u{309d}'..='\u{309f}'   // Hiragana
            | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}' // Katakana
            | '\u{31f0}'..='\u{31ff}' | '\u{ff66}'..='\u{ff9f}'
            | '\u{ac00}'..='\u{d7a3}' | '\u{1100}'..='\u{11ff}' // Hangul
            | '\u{0e01}'..='\u{0e3a}' | '\u{0e40}'..='\u{0e4e}' // Thai
            | '\u{0e81}'..='\u{0ecd}' | '\u{0edc}'..='\u{0edf}' // Lao
            | '\u{1000}'..='\u{103f}' | '\u{1050}'..='\u{108f}' // Myanmar
            | '\u{1780}'..='\u{17d3}') // Khmer
}

/// Whether it is a Chinese character.
pub(super) fn is_han(character: char) -> bool {
    matches!(character,
        '\u{3005}' | '\u{3007}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3134f}')
}

/// Letters with accents, and what stands for them.
const FOLDED: [(&str, &str); 24] = [
    ("àáâãäåāăąǎạảấầẩẫậắằẳẵặ", "a"),
    ("æ", "ae"),
    ("çćĉċč", "c"),
    ("ďđð", "d"),
    ("èéêëēĕėęěẹẻẽếềểễệ", "e"),
    ("ĝğġģ", "g"),
    ("ĥħ", "h"),
    ("ìíîïĩīĭįıỉị", "i"),
    ("ĵ", "j"),
    ("ķ", "k"),
    ("ĺļľł", "l"),
    ("ñńņň", "n"),
    ("òóôõöøōŏőơọỏốồổỗộớờởỡợ", "o"),
    ("œ", "oe"),
    ("ŕŗř", "r"),
    ("śŝşšș", "s"),
    ("ß", "ss"),
    ("ţťŧț", "t"),
    ("ùúûüũūŭůűųưụủứừửữự", "u"),
    ("ŵ", "w"),
    ("ýÿŷỳỵỷỹ", "y"),
    ("źżž", "z"),
    ("þ", "th"),
    ("ё", "е"),
];

static FOLDS: LazyLock<HashMap<char, &'static str>> = LazyLock::new(|| {
    let letters = |(from, to): &(&'static str, &'static str)| {
        let to = *to;
        from.chars().map(move |letter| (letter, to))
    };
    FOLDED.iter().flat_map(letters).collect()
});

/// Latin letters without their accents, `ё` as `е`: people leave them out when
/// they type fast. After stemming, because stemmers read them.
pub(super) fn fold(word: &str) -> Cow<'_, str> {
    if word.is_ascii() {
        return Cow::Borrowed(word);
    }
    let mut folded = String::with_capacity(word.len());
    for letter in word.chars() {
        match FOLDS.get(&letter) {
            Some(plain) => folded.push_str(plain),
            None => folded.push(letter),
        }
    }
    Cow::Owned(folded)
}
