//! Order at query time: of two statements among the best hits, is the later a newer
//! answer to what is asked? When a turn is appended nobody knows which of the many
//! values in it will be asked for; the question says it.
//!
//! Flow: the best hits are read ([`Reading`]), the question is weighed against them
//! ([`Question`]), a few numbers of a pair ([`features`]) give log-odds
//! ([`OrderModel`]), and [`lifts`] says which hit moves above which.
//!
//! Invariants: plain functions of texts and places, English where words are listed
//! (in other languages nothing is asked for and hardly anything moves); no turn comes
//! in or drops out, and none moves down but by those that are lifted over it.

pub mod features;
mod model;
mod order;
mod question;
mod reading;

pub use model::{OrderModel, OrderWeightsError};
pub use order::{Hit, LOOKED_AT, Link, lifts};
pub use question::Question;
pub use reading::Reading;
