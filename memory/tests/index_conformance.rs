//! What every index must do, whatever it is made of. The suite runs on the
//! exact index.

#[path = "index_conformance/suite.rs"]
mod suite;
#[path = "index_conformance/world.rs"]
mod world;

use std::sync::Arc;

use suite::conformance;
use throughline_memory::index::exact::ExactIndex;
use world::World;

const ROOMY: u64 = 64 << 20;
/// Less than one branch takes: every search loads again.
const CRAMPED: u64 = 1;

conformance!(exact, |world: &World| {
    let index = ExactIndex::new(Arc::new(world.source()), ROOMY);
    async { Some(index) }
});
conformance!(exact_that_forgets, |world: &World| {
    let index = ExactIndex::new(Arc::new(world.source()), CRAMPED);
    async { Some(index) }
});
