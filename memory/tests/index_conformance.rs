//! What every index must do, whatever it is made of. The suite runs on the
//! exact index, on the Qdrant adapter against an in-process **double** of the
//! server, and, when `THROUGHLINE_TEST_QDRANT_URL` names one (gRPC port), on the
//! adapter against a real server.

#[path = "index_conformance/collection.rs"]
mod collection;
#[path = "index_conformance/double.rs"]
mod double;
#[path = "index_conformance/suite.rs"]
mod suite;
#[path = "index_conformance/wire.rs"]
mod wire;
#[path = "index_conformance/world.rs"]
mod world;

use std::sync::Arc;

use suite::conformance;
use throughline_memory::index::exact::ExactIndex;
use world::World;

const ROOMY: u64 = 64 << 20;
/// Less than one branch takes: at most one is in memory.
const CRAMPED: u64 = 1;

conformance!(exact, async |world: &World| {
    Some(ExactIndex::new(Arc::new(world.source()), ROOMY))
});
conformance!(exact_that_forgets, async |world: &World| {
    Some(ExactIndex::new(Arc::new(world.source()), CRAMPED))
});
conformance!(qdrant_double, async |world: &World| {
    let url = double::Double::default().serve().await;
    Some(wire::connect(&url, world).await)
});
conformance!(qdrant_server, async |world: &World| {
    match std::env::var("THROUGHLINE_TEST_QDRANT_URL") {
        Ok(url) => Some(wire::connect(&url, world).await),
        Err(_) => None,
    }
});
