//! What looks like an account, order or serial number, an address or a phone
//! number. Only the shape: which words stand beside it is learnt.

/// The shape of an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Shape {
    /// An e-mail address.
    Mail,
    /// Five digits or more.
    Number,
    /// Groups of digits.
    Groups,
    /// Letters and digits.
    Mixed,
}

impl Shape {
    /// The name of its feature.
    pub(super) fn feature(self) -> &'static str {
        match self {
            Self::Mail => "@id:mail",
            Self::Number => "@id:num",
            Self::Groups => "@id:dash",
            Self::Mixed => "@id:mixed",
        }
    }
}

/// The words of a text that may be identifiers, by white space and brackets.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let splits = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')' | '"');
    text.split(splits).filter(|word| !word.is_empty())
}

/// The shape of a word, if it is an identifier's.
pub(super) fn shape(word: &str) -> Option<Shape> {
    let word = word.trim_matches(['.', '!', '?', ':', '\'']);
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if let Some(at) = word.rfind('@').filter(|at| *at > 0) {
        return word.get(at..)?.contains('.').then_some(Shape::Mail);
    }
    let length = word.chars().count();
    let is_link = ["http:", "https:", "www."].iter().any(|head| word.starts_with(head));
    let is_formula = word.contains(['\\', '{', '}', '^', '=', '+', '*', '$']);
    if digits == 0 || length < 4 || is_link || is_formula {
        return None;
    }
    if digits == length {
        return (digits >= 5).then_some(Shape::Number);
    }
    if !word.contains(char::is_alphabetic) {
        return groups(word, digits);
    }
    let tail = word.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ','));
    let is_amount = tail.len() < word.len()
        && tail.chars().count() <= 3
        && !tail.contains(|c: char| c.is_ascii_digit());
    let of_version = |c: char| c.is_ascii_digit() || c == '.';
    let is_version = word.strip_prefix(['v', 'V']).is_some_and(|rest| rest.chars().all(of_version));
    if is_amount || is_version {
        return None;
    }
    let upper = !word.contains(char::is_lowercase);
    (digits >= 3 || digits >= 2 && upper).then_some(Shape::Mixed)
}

/// Digits in groups, but no date and no amount.
fn groups(word: &str, digits: usize) -> Option<Shape> {
    let parts: Vec<&str> = word.split(['-', '/', '.']).collect();
    let short = |part: &&str| {
        (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_date = parts.len() == 3
        && parts.get(1).is_some_and(|middle| middle.len() <= 2)
        && parts.iter().all(short);
    let is_amount = !word.contains(['-', '/']) || word.contains(['.', ',', ':', '$', '%']);
    (!is_date && !is_amount && digits >= 6).then_some(Shape::Groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_told_from_dates_amounts_and_versions() {
        for (word, expected) in [
            ("48-2291-77", Some(Shape::Groups)),
            ("QX7T2L", Some(Shape::Mixed)),
            ("acc_81f22c.", Some(Shape::Mixed)),
            ("mara.kolb@example.org", Some(Shape::Mail)),
            ("55817", Some(Shape::Number)),
            ("2024-00317", Some(Shape::Groups)),
            ("2024-05-04", None),
            ("12/03/2024", None),
            ("$2,000", None),
            ("100KB", None),
            ("v2.3.1", None),
            ("5.3.0", None),
            ("10:30", None),
            ("HTML5", None),
            ("\\frac{48}{16", None),
            ("MM/DD/YYYY", None),
            ("@ann", None),
            ("https://a.example/b12345", None),
        ] {
            assert_eq!(shape(word), expected, "{word}");
        }
    }
}
