//! Health that tells the truth: SERVING only while the parts are open, the
//! server does not drain, and the store takes writes.

use std::{sync::Arc, time::Duration};

use throughline_memory::{engine::Engine, store::StoreHealth};
use tonic_health::{ServingStatus, server::HealthReporter};

/// How often the store is asked. A failed sync shows at the latest after this.
const POLL: Duration = Duration::from_millis(250);

/// The services that have a health of their own; `""` is the whole server.
pub const SERVICES: [&str; 8] = [
    "",
    "throughline.v1.ConversationService",
    "throughline.v1.MemoryService",
    "throughline.v1.ItemService",
    "throughline.v1.ContextService",
    "throughline.v1.DegradationService",
    "throughline.v1.UsageService",
    "throughline.v1.ServerService",
];

/// Sets the status of every service.
pub async fn report(reporter: &HealthReporter, serving: bool) {
    let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
    for service in SERVICES {
        reporter.set_service_status(service, status).await;
    }
}

/// Whether a server with this store is healthy. A full disk is not: it takes no
/// turns.
fn serves(health: &StoreHealth) -> bool {
    match health {
        StoreHealth::Serving => true,
        StoreHealth::Full | StoreHealth::Poisoned(_) => false,
    }
}

/// Reports what the store says, until it is dropped.
pub async fn watch(reporter: HealthReporter, engine: Arc<Engine>) {
    let mut last = None;
    loop {
        let health = engine.store_health();
        if last.as_ref() != Some(&health) {
            let serving = serves(&health);
            if !serving {
                tracing::error!(?health, "the store takes no writes");
            }
            report(&reporter, serving).await;
            last = Some(health);
        }
        tokio::time::sleep(POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn a_store_without_writes_is_not_healthy() {
        assert!(serves(&StoreHealth::Serving));
        assert!(!serves(&StoreHealth::Full));
        assert!(!serves(&StoreHealth::Poisoned("EIO".to_owned())));
    }

    #[test]
    fn every_service_of_the_protocol_has_a_health() {
        let bytes = crate::pb::FILE_DESCRIPTOR_SET;
        let set = prost_types::FileDescriptorSet::decode(bytes).unwrap();
        let described: Vec<String> = set
            .file
            .iter()
            .flat_map(|file| {
                file.service.iter().map(|s| format!("{}.{}", file.package(), s.name()))
            })
            .collect();
        for service in &described {
            assert!(SERVICES.contains(&service.as_str()), "{service}");
        }
        assert_eq!(SERVICES.len(), described.len() + 1);
    }
}
