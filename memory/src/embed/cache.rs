//! Vectors by content: the same text of the same tenant is embedded once.
//!
//! The key is a hash over tenant, model version and text, so that the cache
//! holds no text, and no tenant can learn by timing what another has written.

use moka::sync::Cache;

use super::Vector;
use crate::turn::TenantId;

/// What an entry costs beside its vector: key, list links, counters.
const ENTRY_OVERHEAD_BYTES: usize = 160;

/// Names a text's vector.
pub(super) type Key = [u8; 32];

/// A byte-bounded cache of vectors.
pub(super) struct VectorCache {
    cache: Cache<Key, Vector>,
    /// Model version; part of every key.
    version: String,
}

impl VectorCache {
    /// Holds about `max_bytes`; 0 holds nothing.
    pub(super) fn new(version: String, max_bytes: u64) -> Self {
        let cache = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|_: &Key, vector: &Vector| {
                let bytes = size_of_val::<[f32]>(vector) + ENTRY_OVERHEAD_BYTES;
                u32::try_from(bytes).unwrap_or(u32::MAX)
            })
            .build();
        Self { cache, version }
    }

    /// The key of a text as the engine gets it, prefix included.
    pub(super) fn key(&self, tenant: &TenantId, text: &str) -> Key {
        let mut hasher = blake3::Hasher::new();
        for part in [tenant.as_str(), &self.version] {
            // Lengths keep ("a", "bc") apart from ("ab", "c").
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        hasher.update(text.as_bytes()).finalize().into()
    }

    pub(super) fn get(&self, key: &Key) -> Option<Vector> {
        self.cache.get(key)
    }

    pub(super) fn put(&self, key: Key, vector: Vector) {
        self.cache.insert(key, vector);
    }

    pub(super) fn forget(&self, key: &Key) {
        self.cache.invalidate(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(id: &str) -> TenantId {
        TenantId::new(id).expect("an id")
    }

    #[test]
    fn keys_differ_by_tenant_version_and_text() {
        let one = VectorCache::new("v1".into(), 1 << 20);
        let two = VectorCache::new("v2".into(), 1 << 20);
        let keys = [
            one.key(&tenant("a"), "text"),
            one.key(&tenant("b"), "text"),
            one.key(&tenant("a"), "other"),
            two.key(&tenant("a"), "text"),
            one.key(&tenant("av1"), "text"),
        ];
        let unique: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(unique.len(), keys.len());
        assert_eq!(one.key(&tenant("a"), "text"), keys[0]);
    }

    #[test]
    fn what_is_forgotten_is_gone() {
        let cache = VectorCache::new("v".into(), 1 << 20);
        let key = cache.key(&tenant("a"), "text");
        cache.put(key, Vector::from([1.0f32].as_slice()));
        assert!(cache.get(&key).is_some());
        cache.forget(&key);
        assert!(cache.get(&key).is_none());
    }

    #[test]
    fn it_stays_within_its_bytes() {
        let cache = VectorCache::new("v".into(), 100_000);
        for number in 0..1_000 {
            let key = cache.key(&tenant("a"), &number.to_string());
            cache.put(key, Vector::from([0.0f32; 384].as_slice()));
        }
        cache.cache.run_pending_tasks();
        assert!(cache.cache.weighted_size() <= 100_000);
        assert!(cache.cache.entry_count() > 10);
    }
}
