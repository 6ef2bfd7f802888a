//! Which language a text is in. Short texts mislead any detector, so a turn is
//! analysed in the language that it is surely in, else in that of its
//! conversation, which is detected over the first turns together, else in
//! English.

use std::collections::BTreeMap;

use rust_stemmers::{Algorithm, Stemmer};
use whatlang::Lang;

use super::stop_words;
use crate::turn::Sequence;

/// Letters that a text needs before its language is believed.
const MIN_LETTERS: usize = 40;
/// Characters that the detector reads; more do not make it surer.
const READ_CHARS: usize = 1_024;
/// Bytes of the first turns by which a conversation's language is found.
const SAMPLE_BYTES: usize = 2_048;
/// Words of a turn by which it is seen to be in its conversation's language.
const SAMPLE_WORDS: usize = 24;
/// One stop word of the conversation's language in so many words is enough.
const WORDS_PER_STOP_WORD: usize = 6;

/// A natural language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Language(Lang);

impl Ord for Language {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.code().cmp(other.code())
    }
}

impl PartialOrd for Language {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Default for Language {
    fn default() -> Self {
        Self::ENGLISH
    }
}

impl Language {
    /// What is assumed when nothing is known.
    pub const ENGLISH: Self = Self(Lang::Eng);

    /// The language of a text, if it is long and clear enough to be sure.
    pub fn detect(text: &str) -> Option<Self> {
        let read: String = text.chars().take(READ_CHARS).collect();
        if read.chars().filter(|c| c.is_alphabetic()).count() < MIN_LETTERS {
            return None;
        }
        whatlang::detect(&read).filter(whatlang::Info::is_reliable).map(|info| Self(info.lang()))
    }

    /// The language to analyse a turn in, in a conversation of the language
    /// `self`. Detection costs 80 µs, so it is asked only about a turn without
    /// enough of the conversation's stop words.
    #[must_use]
    pub fn of_turn(self, text: &str) -> Self {
        let list = stop_words::of(self);
        let (mut words, mut stop_words) = (0, 0);
        for word in text.split(|c: char| !c.is_alphanumeric() && c != '\'').take(SAMPLE_WORDS) {
            words += 1;
            stop_words += usize::from(list.contains(&word.to_lowercase()));
        }
        if stop_words * WORDS_PER_STOP_WORD >= words {
            return self;
        }
        Self::detect(text).unwrap_or(self)
    }

    /// ISO 639-3 code.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Whether words run together at an apostrophe (`l'école`).
    pub(super) fn elides(self) -> bool {
        matches!(self.0, Lang::Fra | Lang::Ita | Lang::Cat)
    }

    /// Whether it is written in Latin letters.
    pub(super) fn writes_latin(self) -> bool {
        !matches!(
            self.0,
            Lang::Rus
                | Lang::Ukr
                | Lang::Bel
                | Lang::Bul
                | Lang::Srp
                | Lang::Mkd
                | Lang::Ell
                | Lang::Ara
                | Lang::Pes
                | Lang::Urd
                | Lang::Heb
                | Lang::Yid
                | Lang::Hin
                | Lang::Mar
                | Lang::Nep
                | Lang::Ben
                | Lang::Guj
                | Lang::Pan
                | Lang::Ori
                | Lang::Tam
                | Lang::Tel
                | Lang::Kan
                | Lang::Mal
                | Lang::Sin
                | Lang::Kat
                | Lang::Hye
                | Lang::Amh
                | Lang::Cmn
                | Lang::Jpn
                | Lang::Kor
                | Lang::Tha
                | Lang::Khm
                | Lang::Mya
        )
    }

    /// Its Snowball stemmer.
    pub(super) fn stemmer(self) -> Option<Stemmer> {
        self.algorithm().map(Stemmer::create)
    }

    /// Its ISO 639-1 code, for the languages that have a list of stop words.
    pub(super) fn stop_words_code(self) -> Option<&'static str> {
        Some(match self.0 {
            Lang::Eng => "en",
            Lang::Deu => "de",
            Lang::Fra => "fr",
            Lang::Spa => "es",
            Lang::Ita => "it",
            Lang::Por => "pt",
            Lang::Nld => "nl",
            Lang::Swe => "sv",
            Lang::Dan => "da",
            Lang::Nob => "no",
            Lang::Fin => "fi",
            Lang::Hun => "hu",
            Lang::Ron => "ro",
            Lang::Rus => "ru",
            Lang::Tur => "tr",
            Lang::Ell => "el",
            Lang::Ara => "ar",
            Lang::Pol => "pl",
            Lang::Ukr => "uk",
            Lang::Ces => "cs",
            Lang::Slk => "sk",
            Lang::Slv => "sl",
            Lang::Hrv => "hr",
            Lang::Bul => "bg",
            Lang::Cat => "ca",
            Lang::Est => "et",
            Lang::Lav => "lv",
            Lang::Lit => "lt",
            Lang::Heb => "he",
            Lang::Pes => "fa",
            Lang::Hin => "hi",
            Lang::Ben => "bn",
            Lang::Mar => "mr",
            Lang::Guj => "gu",
            Lang::Urd => "ur",
            Lang::Ind => "id",
            Lang::Vie => "vi",
            Lang::Tgl => "tl",
            Lang::Afr => "af",
            Lang::Zul => "zu",
            Lang::Epo => "eo",
            Lang::Hye => "hy",
            _ => return None,
        })
    }

    fn algorithm(self) -> Option<Algorithm> {
        Some(match self.0 {
            Lang::Ara => Algorithm::Arabic,
            Lang::Dan => Algorithm::Danish,
            Lang::Nld => Algorithm::Dutch,
            Lang::Eng => Algorithm::English,
            Lang::Fin => Algorithm::Finnish,
            Lang::Fra => Algorithm::French,
            Lang::Deu => Algorithm::German,
            Lang::Ell => Algorithm::Greek,
            Lang::Hun => Algorithm::Hungarian,
            Lang::Ita => Algorithm::Italian,
            Lang::Nob => Algorithm::Norwegian,
            Lang::Por => Algorithm::Portuguese,
            Lang::Ron => Algorithm::Romanian,
            Lang::Rus => Algorithm::Russian,
            Lang::Spa => Algorithm::Spanish,
            Lang::Swe => Algorithm::Swedish,
            Lang::Tam => Algorithm::Tamil,
            Lang::Tur => Algorithm::Turkish,
            _ => return None,
        })
    }
}

/// The first turns of a conversation, and the language that they are in
/// together. Depends on which turns there are, never on the order in which
/// they came.
#[derive(Clone, Debug, Default)]
pub struct LanguageSample {
    texts: BTreeMap<Sequence, String>,
    detected: Option<Language>,
}

impl LanguageSample {
    /// What the conversation is taken to be in.
    pub fn language(&self) -> Language {
        self.detected.unwrap_or_default()
    }

    /// The same, if there was enough text to be sure.
    pub fn detected(&self) -> Option<Language> {
        self.detected
    }

    /// Whether the turn is one of those that decide.
    pub fn holds(&self, sequence: Sequence) -> bool {
        self.texts.contains_key(&sequence)
    }

    /// Takes in a turn if it is among the first, and decides again.
    pub fn add(&mut self, sequence: Sequence, text: &str) {
        let before: usize = self.texts.range(..sequence).map(|(_, text)| text.len()).sum();
        if before >= SAMPLE_BYTES {
            return;
        }
        let kept = text.get(..text.floor_char_boundary(SAMPLE_BYTES)).unwrap_or(text);
        self.texts.insert(sequence, kept.to_owned());
        let mut bytes = 0;
        self.texts.retain(|_, text| {
            let keep = bytes < SAMPLE_BYTES;
            bytes += text.len();
            keep
        });
        let mut joined = String::with_capacity(bytes);
        for text in self.texts.values() {
            joined.push_str(text);
            joined.push('\n');
        }
        self.detected = Language::detect(&joined);
    }
}
