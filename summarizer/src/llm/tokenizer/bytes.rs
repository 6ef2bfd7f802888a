//! The byte alphabet of GPT-2's vocabulary: each byte is written as one
//! printable character, so that any text has a spelling. Tokens back to text
//! goes through bytes, since a character may be split over tokens.

use std::collections::HashMap;

/// The byte that each character of the alphabet stands for. Printable Latin-1
/// stands for itself, the other bytes follow from U+0100 on, in order.
pub(super) fn alphabet() -> HashMap<char, u8> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut next = 0x100u32;
    (0..=u8::MAX)
        .filter_map(|byte| {
            let code = if printable(byte) {
                byte.into()
            } else {
                next += 1;
                next - 1
            };
            char::from_u32(code).map(|character| (character, byte))
        })
        .collect()
}

/// The bytes that a token of the vocabulary stands for; what is not written in
/// the alphabet stands for itself.
pub(super) fn spelling(token: &str, alphabet: &HashMap<char, u8>) -> Box<[u8]> {
    let bytes: Option<Vec<u8>> =
        token.chars().map(|character| alphabet.get(&character).copied()).collect();
    bytes.unwrap_or_else(|| token.as_bytes().to_vec()).into()
}

/// Bytes that come in pieces → text, never with half a character.
#[derive(Default)]
pub(crate) struct Decoder {
    pending: Vec<u8>,
}

impl Decoder {
    /// Takes bytes; gives the characters that are whole by now.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::new();
        let mut used = 0;
        for chunk in self.pending.utf8_chunks() {
            text.push_str(chunk.valid());
            used += chunk.valid().len();
            let invalid = chunk.invalid();
            let at_end = used + invalid.len() == self.pending.len();
            if at_end && may_grow(invalid) {
                break;
            }
            if !invalid.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
                used += invalid.len();
            }
        }
        self.pending.drain(..used);
        text
    }

    /// What is left: a replacement character if a character was not finished.
    pub(crate) fn rest(self) -> &'static str {
        if self.pending.is_empty() { "" } else { "\u{FFFD}" }
    }
}

/// Whether these bytes may be the beginning of a character.
fn may_grow(bytes: &[u8]) -> bool {
    let Some(first) = bytes.first() else { return false };
    let whole = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return false,
    };
    bytes.len() < whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_own_character() {
        let alphabet = alphabet();
        assert_eq!(alphabet.len(), 256);
        // As GPT-2's vocabulary spells them.
        for (character, byte) in [('Ġ', b' '), ('Ċ', b'\n'), ('A', b'A'), ('ĉ', b'\t'), ('Ń', 0xAD)]
        {
            assert_eq!(alphabet.get(&character), Some(&byte), "{character}");
        }
        assert_eq!(&*spelling("ĠcafÃ©", &alphabet), " café".as_bytes());
    }

    #[test]
    fn characters_come_whole() {
        let mut decoder = Decoder::default();
        let text = "a€ü😀";
        let pieces: Vec<String> = text.bytes().map(|byte| decoder.push(&[byte])).collect();
        assert_eq!(pieces, ["a", "", "", "€", "", "ü", "", "", "", "😀"]);
        assert_eq!(decoder.rest(), "");
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.push(b"a\xFFb"), "a\u{FFFD}b");
        assert_eq!(decoder.push(b"\xE2\x82"), "");
        assert_eq!(decoder.push(b"c"), "\u{FFFD}c");
        assert_eq!(decoder.push(b"\xE2"), "");
        assert_eq!(decoder.rest(), "\u{FFFD}");
    }
}
