//! The bulk engine for work in the background, such as folding: it lets queries, commits
//! and the texts of new turns go first, and while they go on it runs a text at a time:
//! windows wait for the scores of new turns.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{EmbedError, Embedder, EmbeddingModel, Vector, lanes::Priority};

/// Texts in one run while nothing else is under way.
const BATCH: usize = 4;
/// Longest that one call waits for what goes first: somebody may wait for a summary, and
/// an import takes hours.
const PATIENCE: Duration = Duration::from_secs(1);

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
        let until = Instant::now() + PATIENCE;
        let left = || until.saturating_duration_since(Instant::now());
        let mut rest = texts;
        while !rest.is_empty() {
            let alone = self.turns.wait(left()) & self.urgent.wait(left());
            let (now, later) = rest.split_at(if alone { BATCH.min(rest.len()) } else { 1 });
            vectors.extend(self.engine.embed(now)?);
            rest = later;
        }
        Ok(vectors)
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::embed::testing::HashEmbedder;

    /// Notes how many texts it is given at a time.
    struct Noting(Arc<HashEmbedder>, Mutex<Vec<usize>>);

    impl Embedder for Noting {
        fn model(&self) -> &EmbeddingModel {
            self.0.model()
        }

        fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
            self.1.lock().push(texts.len());
            self.0.embed(texts)
        }
    }

    #[test]
    fn vectors_come_in_order_and_turns_go_first() {
        let turns = Arc::<Priority>::default();
        let engine = Arc::new(Noting(HashEmbedder::new(), Mutex::default()));
        let urgent = Arc::default();
        let unhurried = Unhurried { engine: engine.clone(), urgent, turns: Arc::clone(&turns) };
        let texts: Vec<String> = (0..9).map(|n| format!("text {n}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let expected: Vec<_> = texts.iter().map(|text| HashEmbedder::vector(text)).collect();
        assert_eq!(unhurried.embed(&texts).unwrap(), expected);
        assert_eq!(*engine.1.lock(), [4, 4, 1]);
        // A turn that never ends: it is waited for once, then texts go one by one.
        let _turn = turns.enter();
        let begun = Instant::now();
        assert_eq!(unhurried.embed(&texts).unwrap(), expected);
        assert!(begun.elapsed() >= PATIENCE);
        assert_eq!(engine.1.lock()[3..], [1; 9]);
    }
}
