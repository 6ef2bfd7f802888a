//! The durable store: both engines, their faults and their limits.
//! One program, so that it is built and linked once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends at the first surprise")]

mod conformance;
mod corruption;
mod full_disk;
mod group_commit;
mod open;
mod power_loss;
