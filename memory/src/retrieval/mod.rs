//! Ranking turns: from the index's matches and what is known of each turn to
//! one order. Plain functions of values: same input, same order.
//!
//! Step by step: [`cues`] (what the words of turn and question give away) →
//! [`features`] (signals of one question made comparable) → [`weights`] (a
//! linear model over them, learnt and shipped) → [`rank`] (the order).

mod change;
mod cues;
mod features;
mod patterns;
mod rank;
mod weights;

pub use change::asks_about_change;
pub use cues::{CUES_VERSION, QueryCues, TurnTraits};
pub use features::FEATURES;
pub use rank::{Candidates, Ranked, Ranking, rank};
pub use weights::{RankingWeights, WeightsError};
