//! The bulk engine for work in the background, such as folding: before each text it lets
//! queries, commits and the texts of new turns go first.
//!
//! The engine is one at a time and its lock is not fair: who takes it again at once would
//! keep the bulk lane out for seconds, while windows wait for the scores of its turns.

use std::{sync::Arc, time::Duration};

use super::{EmbedError, Embedder, EmbeddingModel, Vector, lanes::Priority};

/// Longest wait before a text while what goes first never pauses: summaries must not
/// starve.
const PATIENCE: Duration = Duration::from_millis(200);

/// See the module.
pub(super) struct Unhurried {
    pub(super) engine: Arc<dyn Embedder>,
    /// Queries and commits.
    pub(super) urgent: Arc<Priority>,
    /// Texts of new turns.
    pub(super) turns: Arc<Priority>,
}

impl Embedder for Unhurried {
    fn model(&self) -> &EmbeddingModel {
        self.engine.model()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        let mut vectors = Vec::with_capacity(texts.len());
        for text in texts {
            self.turns.wait(PATIENCE);
            self.urgent.wait(PATIENCE);
            // One at a time: the bulk lane waits for it, and on a CPU more gain little.
            vectors.extend(self.engine.embed(&[text])?);
        }
        Ok(vectors)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::embed::testing::HashEmbedder;

    /// Notes how often it is called, and whether a turn waited then.
    struct Noting {
        inner: Arc<HashEmbedder>,
        turns: Arc<Priority>,
        calls: AtomicUsize,
        before_a_turn: AtomicUsize,
    }

    impl Embedder for Noting {
        fn model(&self) -> &EmbeddingModel {
            self.inner.model()
        }

        fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
            self.calls.fetch_add(1, Ordering::SeqCst);
            self.before_a_turn.fetch_add(usize::from(self.turns.is_taken()), Ordering::SeqCst);
            self.inner.embed(texts)
        }
    }

    #[test]
    fn vectors_come_in_order_one_at_a_time_and_turns_go_first() {
        let turns = Arc::<Priority>::default();
        let engine = Arc::new(Noting {
            inner: HashEmbedder::new(),
            turns: Arc::clone(&turns),
            calls: AtomicUsize::default(),
            before_a_turn: AtomicUsize::default(),
        });
        let urgent = Arc::default();
        let unhurried = Unhurried { engine: engine.clone(), urgent, turns: Arc::clone(&turns) };
        let texts: Vec<String> = (0..9).map(|n| format!("text {n}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let expected: Vec<_> = texts.iter().map(|text| HashEmbedder::vector(text)).collect();
        let turn = turns.enter();
        let background = std::thread::spawn({
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            move || {
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                unhurried.embed(&texts).unwrap()
            }
        });
        drop(turn);
        assert_eq!(background.join().unwrap(), expected);
        assert_eq!(engine.calls.load(Ordering::SeqCst), 9);
        assert_eq!(engine.before_a_turn.load(Ordering::SeqCst), 0);
    }
}
