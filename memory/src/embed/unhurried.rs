//! The bulk engine for work in the background, such as folding: before each few texts it
//! lets queries and commits go first, and the texts of new turns get in between.

use std::sync::Arc;

use super::{EmbedError, Embedder, EmbeddingModel, Vector, lanes::Priority};

/// Texts in one run: the bulk lane waits for it.
const BATCH: usize = 4;

/// See the module.
pub(super) struct Unhurried {
    pub(super) engine: Arc<dyn Embedder>,
    pub(super) priority: Arc<Priority>,
}

impl Embedder for Unhurried {
    fn model(&self) -> &EmbeddingModel {
        self.engine.model()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        let mut vectors = Vec::with_capacity(texts.len());
        let mut rest = texts;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(self.priority.give_way(BATCH).min(rest.len()));
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
    fn vectors_come_in_order_and_fewer_at_a_time_while_something_is_urgent() {
        let engine = Arc::new(Noting(HashEmbedder::new(), Mutex::default()));
        let priority = Arc::<Priority>::default();
        let unhurried = Unhurried { engine: engine.clone(), priority: Arc::clone(&priority) };
        let texts: Vec<String> = (0..9).map(|n| format!("text {n}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let expected: Vec<_> = texts.iter().map(|text| HashEmbedder::vector(text)).collect();
        assert_eq!(unhurried.embed(&texts).unwrap(), expected);
        assert_eq!(*engine.1.lock(), [4, 4, 1]);
        let _urgent = priority.enter();
        assert_eq!(unhurried.embed(&texts[..5]).unwrap(), expected[..5]);
        assert_eq!(engine.1.lock()[3..], [2, 2, 1]);
    }
}
