//! Which language a text is in, where it is long and clear enough to say so.

use whatlang::Lang;

/// Letters that a text needs before its language is believed.
const MIN_LETTERS: usize = 40;
/// Characters that are read.
const READ_CHARS: usize = 1_024;

/// The language of a text by its English name, in lower case; nothing where it is
/// not sure.
pub fn language(text: &str) -> Option<&'static str> {
    let read: String = text.chars().take(READ_CHARS).collect();
    if read.chars().filter(|c| c.is_alphabetic()).count() < MIN_LETTERS {
        return None;
    }
    let found = whatlang::detect(&read).filter(whatlang::Info::is_reliable)?;
    Some(name(found.lang()))
}

/// Whether English phrases can be looked for: not where it is surely something
/// else, nor where it is not in Latin letters.
pub(super) fn is_readable(text: &str) -> bool {
    let letters = text.chars().take(READ_CHARS).filter(|c| c.is_alphabetic());
    let (latin, all) = letters.fold((0_usize, 0_usize), |(latin, all), c| {
        (latin + usize::from(c.is_ascii_alphabetic()), all + 1)
    });
    latin * 10 >= all * 8 && language(text).is_none_or(|name| name == "english")
}

/// Names as people write them in an instruction.
fn name(lang: Lang) -> &'static str {
    match lang {
        Lang::Eng => "english",
        Lang::Deu => "german",
        Lang::Fra => "french",
        Lang::Spa => "spanish",
        Lang::Ita => "italian",
        Lang::Por => "portuguese",
        Lang::Nld => "dutch",
        Lang::Pol => "polish",
        Lang::Rus => "russian",
        Lang::Ukr => "ukrainian",
        Lang::Tur => "turkish",
        Lang::Swe => "swedish",
        Lang::Dan => "danish",
        Lang::Fin => "finnish",
        Lang::Ces => "czech",
        Lang::Ell => "greek",
        Lang::Ara => "arabic",
        Lang::Heb => "hebrew",
        Lang::Hin => "hindi",
        Lang::Cmn => "chinese",
        Lang::Jpn => "japanese",
        Lang::Kor => "korean",
        Lang::Vie => "vietnamese",
        Lang::Ind => "indonesian",
        Lang::Hun => "hungarian",
        Lang::Ron => "romanian",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_told_only_where_it_is_sure() {
        let german = "Das ist eine lange Antwort, die ganz sicher auf Deutsch geschrieben wurde.";
        assert_eq!(language(german), Some("german"));
        assert!(!is_readable(german));
        assert_eq!(language("ok"), None);
        assert!(is_readable("ok"));
        assert!(is_readable("I told you that already, and I do not want to say it once more."));
        assert!(!is_readable("我已经告诉过你了"));
    }
}
