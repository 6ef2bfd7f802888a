//! Locks by name, for what has no head yet: the request ids of creations.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

/// Two names share a lock with this probability at most: 1 in 64.
const STRIPES: usize = 64;

/// A fixed number of locks; a name always maps to the same one.
pub(crate) struct Locks(Vec<Arc<Mutex<()>>>);

impl Default for Locks {
    fn default() -> Self {
        Self((0..STRIPES).map(|_| Arc::default()).collect())
    }
}

impl Locks {
    /// Waits for the lock of a name.
    pub(crate) async fn lock(&self, name: &[u8]) -> OwnedMutexGuard<()> {
        let stripe = usize::from(blake3::hash(name).as_bytes()[0]) % STRIPES;
        Arc::clone(&self.0[stripe]).lock_owned().await
    }
}
