//! Figures of staleness: pure functions of scores, labels, cuts and phrases.
//! `measure` has the figures of a scored list, `pooled` their intervals,
//! `cuts` those of segmentations, `phrases` StateBench's matching.

pub(crate) mod cuts;
pub(crate) mod measure;
pub(crate) mod phrases;
pub(crate) mod pooled;

pub(crate) use measure::{Item, Measure};
pub(crate) use pooled::Pool;
