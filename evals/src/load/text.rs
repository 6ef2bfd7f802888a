//! Texts to load a server with: made of common words, different every time,
//! the same for the same seed.

use rand::{Rng, SeedableRng, rngs::StdRng};

const WORDS: [&str; 64] = [
    "about", "after", "again", "always", "answer", "around", "autumn", "because", "before",
    "better", "between", "bicycle", "bridge", "budget", "button", "camera", "change", "church",
    "coffee", "colour", "corner", "country", "dinner", "doctor", "engine", "evening", "family",
    "flower", "friend", "garden", "ground", "island", "kitchen", "ladder", "letter", "library",
    "market", "meeting", "minute", "morning", "mother", "mountain", "number", "office", "paper",
    "people", "picture", "planet", "project", "question", "release", "river", "school", "season",
    "server", "station", "summer", "teacher", "ticket", "train", "village", "weather", "window",
    "yellow",
];

/// Draws texts.
pub(crate) struct Texts(StdRng);

impl Texts {
    /// Texts of a seed and a stream, such as the number of a client.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        Self(StdRng::seed_from_u64(seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// A text of exactly so many bytes: words, numbers and blanks.
    pub(crate) fn of_bytes(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 16);
        while text.len() < bytes {
            match self.0.random_range(0..12) {
                0 => text.push_str(&self.0.random_range(0..10_000u32).to_string()),
                _ => text.push_str(self.word()),
            }
            text.push(' ');
        }
        text.truncate(bytes);
        text
    }

    /// A question of a few words.
    pub(crate) fn question(&mut self) -> String {
        let words: Vec<&str> = (0..8).map(|_| self.word()).collect();
        format!("what about the {} {}?", words.join(" "), self.0.random_range(0..10_000u32))
    }

    /// A number below `limit`, 0 if there is none.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.0.random_range(0..limit) }
    }

    /// A word.
    pub(crate) fn word(&mut self) -> &'static str {
        let at = self.0.random_range(0..WORDS.len());
        WORDS.get(at).copied().unwrap_or("word")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_their_length_and_repeat_by_seed() {
        for bytes in [0, 1, 16, 1024] {
            let text = Texts::new(1, 2).of_bytes(bytes);
            assert_eq!(text.len(), bytes);
            assert_eq!(text, Texts::new(1, 2).of_bytes(bytes));
        }
        assert_ne!(Texts::new(1, 2).of_bytes(64), Texts::new(1, 3).of_bytes(64));
        assert_ne!(Texts::new(1, 2).question(), Texts::new(2, 2).question());
    }
}
