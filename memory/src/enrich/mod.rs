//! Enrichment: derives from the turns what searching needs. Fed by the outbox,
//! resumes after a crash, and can be repeated at will: every derived record is
//! keyed by its turn and carries the versions that it was derived by.
//!
//! Order for each batch: read turns → embed → draw staleness events → vectors
//! and events in the store → index → facts → searchable → measured, and outbox entries
//! struck, with which all of it is durable. A crash in between repeats the batch.

mod beside;
mod commits;
mod derive;
mod events;
mod grown;
mod index_again;
mod outbox;
mod probing;
mod queued;
mod removal;
mod strike;
mod worker;

pub(crate) use beside::{Step, Work, spawn as spawn_beside};
pub(crate) use derive::{Deriver, passage_texts};
pub(crate) use events::Drawer;
pub(crate) use grown::Grown;
pub(crate) use outbox::Outbox;
pub(crate) use probing::spawn as spawn_probing;
pub(crate) use queued::Queued;
pub(crate) use removal::delete_derived;
pub(crate) use strike::{strike_degradation, strike_events, strike_pin_lines, strike_summaries};
pub(crate) use worker::spawn;
