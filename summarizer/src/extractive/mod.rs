//! Summaries without a language model: the sentences of the turns that say most
//! of the whole, told so that they stand alone.
//!
//! Flow: sentences → vectors and their centroid → a score of each (central,
//! early, pinned, substantial) → chosen one by one, what repeats the chosen
//! marked down (MMR), within a budget → told in the third person where that is
//! safe, else quoted → in the order of the turns.
//!
//! Invariants: deterministic; every sentence names its turn; pinned sentences
//! come first and yield only to the budget; nothing is cut within a sentence.

mod candidates;
mod retell;
mod select;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use throughline_memory::embed::{EmbedError, Embedder};

pub use select::Weights;

use crate::source::SourceTurn;
use candidates::candidates;

/// Name of this writer in a summary's `model`.
pub const MODEL: &str = "extractive";
/// Characters of a summary at least.
pub const MIN_BUDGET: usize = 40;

/// How summaries are taken from turns.
#[derive(Clone)]
pub struct Extractive {
    embedder: Arc<dyn Embedder>,
    weights: Weights,
}

/// What a summary may cost and must keep.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Characters of the summary at most, [`MIN_BUDGET`] or more.
    pub budget: usize,
    /// Spans that should be kept word for word, with their turns.
    pub pins: &'a [(u64, String)],
}

/// A sentence of an extractive summary.
#[derive(Clone, Debug, PartialEq)]
pub struct Extract {
    /// As it is told.
    pub text: String,
    /// Word for word with its speaker, where it is told in other words.
    pub quoted: Option<String>,
    /// As it was said.
    pub said: String,
    /// Its turn.
    pub sequence: u64,
    /// How central, 0 to about 1.
    pub score: f32,
    /// A pinned span is in it.
    pub pinned: bool,
}

/// What extracting can fail with.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// Caller.
    #[error("a summary of {given} characters is asked for; give a budget of {MIN_BUDGET} or more")]
    Budget {
        /// Characters asked for.
        given: usize,
    },
    /// Of the embedder.
    #[error(transparent)]
    Embed(#[from] EmbedError),
}

impl Extractive {
    /// With the weights of the service.
    pub fn new(embedder: Arc<dyn Embedder>) -> Self {
        Self { embedder, weights: Weights::default() }
    }

    /// Takes a summary from turns: sentences in the order of the turns, none
    /// where no turn has one that fits.
    ///
    /// # Errors
    /// [`ExtractError::Budget`], [`ExtractError::Embed`].
    pub fn summarise(
        &self,
        turns: &[SourceTurn],
        wish: Wish<'_>,
    ) -> Result<Vec<Extract>, ExtractError> {
        if wish.budget < MIN_BUDGET {
            return Err(ExtractError::Budget { given: wish.budget });
        }
        let found = candidates(turns, wish.pins);
        let led: Vec<&str> = found.iter().map(|candidate| candidate.said.as_str()).collect();
        let vectors = self.embedder.embed(&led)?;
        let (told, mut quoted): (Vec<String>, Vec<Option<String>>) =
            found.iter().map(|one| retell::told(one, turns)).unzip();
        let mut chosen = select::select(&found, &told, &vectors, wish.budget, &self.weights);
        chosen.sort_unstable_by_key(|(at, _)| *at);
        let extract = |(at, score): (usize, f32)| {
            let (candidate, text) = (found.get(at)?, told.get(at)?);
            Some(Extract {
                text: text.clone(),
                quoted: quoted.get_mut(at)?.take(),
                said: candidate.said.clone(),
                sequence: turns.get(candidate.turn)?.sequence,
                score,
                pinned: candidate.pinned,
            })
        };
        Ok(chosen.into_iter().filter_map(extract).collect())
    }

    /// The sentence of the turns that is nearest to a text, told to stand alone:
    /// what takes the place of a sentence that was rejected. `without` are
    /// sequences whose sentences are in already.
    ///
    /// # Errors
    /// [`ExtractError::Embed`].
    pub fn nearest(
        &self,
        text: &str,
        turns: &[SourceTurn],
        taken: &[String],
    ) -> Result<Option<Extract>, ExtractError> {
        let found = candidates(turns, &[]);
        let mut texts: Vec<&str> = found.iter().map(|one| one.said.as_str()).collect();
        texts.push(text);
        let mut vectors = self.embedder.embed(&texts)?;
        let Some(wanted) = vectors.pop() else { return Ok(None) };
        let near = |at: usize| {
            let vector = vectors.get(at).map(|v| v.iter().zip(wanted.iter()));
            vector.map_or(0.0, |pairs| pairs.map(|(a, b)| a * b).sum::<f32>())
        };
        let best = found
            .iter()
            .enumerate()
            .filter(|(_, one)| one.substance >= candidates::SUBSTANTIAL)
            .filter(|(_, one)| !taken.contains(&one.said))
            .max_by(|a, b| near(a.0).total_cmp(&near(b.0)).then(b.0.cmp(&a.0)));
        Ok(best.and_then(|(at, one)| {
            let (text, quoted) = retell::told(one, turns);
            Some(Extract {
                text,
                quoted,
                said: one.said.clone(),
                sequence: turns.get(one.turn)?.sequence,
                score: near(at),
                pinned: false,
            })
        }))
    }
}
