//! Digests of conversations for cohorts: made of a conversation's records when it is
//! first looked at, kept beside them, and read instead of them until one of them
//! changes.
//!
//! Invariants: every batch that writes or erases a record that a digest is made of
//! writes another mark ([`touch`]), so that a digest and what it is made of are known to
//! belong together by what stands in the store, also after a crash; the mark is read
//! before the records; no digest is kept whose mark has changed meanwhile, and with an
//! erased turn all digests go ([`strike_digests`]); one that could not be kept, or cannot
//! be read, is made again.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cohorts::CohortMetric;
use crate::{
    degradation::{
        PROBES_VERSION, SIGNALS_VERSION,
        cohort::{Choice, Digest, Rated, Taken},
    },
    engine::{
        Engine, EngineError,
        records::{decode_of, encode},
    },
    store::{Batch, StoreError, keys},
    turn::{ConversationId, TenantId},
};

/// Version of the digest, and of the records that it is made of: of those that were
/// measured by another version there are none.
const VERSION: u32 = (1 << 24) | (SIGNALS_VERSION << 12) | PROBES_VERSION;
/// Digests that are kept at a time.
const AT_A_TIME: usize = 64;
/// How long a digest waits for the writer of its conversation; it can be made again.
const PATIENCE: Duration = Duration::from_millis(200);

/// Tells that what digests of a conversation are made of changes with this batch. To be
/// called behind all that it writes.
///
/// # Errors
/// What encoding reports.
pub(crate) fn touch(
    batch: &mut Batch,
    tenant: &TenantId,
    id: &ConversationId,
) -> Result<(), StoreError> {
    let mark = uuid::Uuid::now_v7().into_bytes();
    batch.put(keys::cohort_mark(tenant, id), encode(&mark)?);
    Ok(())
}

/// Takes the digests of a conversation out with this batch: they hold what was said of
/// erased turns. One that is being made meanwhile is not kept, see [`Engine::keep`].
pub(crate) fn strike_digests(batch: &mut Batch, tenant: &TenantId, id: &ConversationId) {
    for metric in CohortMetric::ALL {
        batch.delete(keys::cohort_digest(tenant, id, metric.place()));
    }
}

/// A digest as it is stored.
#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    /// The mark when it was made, as it is stored; empty for none.
    mark: Vec<u8>,
    digest: Digest,
}

impl Kept {
    /// As it was stored; nothing where that is of another version or damaged.
    fn read(key: &[u8], bytes: &[u8]) -> Option<Self> {
        decode_of(key, bytes, VERSION).unwrap_or_else(|error| {
            tracing::warn!(%error, "a digest cannot be read and is made again");
            None
        })
    }
}

/// A digest that was made and is to be kept.
struct New {
    id: ConversationId,
    key: keys::Key,
    /// The mark when it was made.
    mark: Vec<u8>,
    bytes: Vec<u8>,
}

/// Digests that were made and are to be kept.
#[derive(Default)]
pub(super) struct Made(Vec<New>);

impl Engine {
    /// What is chosen of a conversation's values.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn taken(
        &self,
        (tenant, id): (&TenantId, &ConversationId),
        metric: CohortMetric,
        choice: Choice<'_>,
        made: &mut Made,
    ) -> Result<Taken, EngineError> {
        let (mark, kept) = self.kept_digest((tenant, id), metric)?;
        let key = keys::cohort_digest(tenant, id, metric.place());
        if let Some(taken) = kept.as_ref().and_then(|kept| kept.digest.take(choice)) {
            return Ok(taken);
        }
        let readings = self.cohort_readings(tenant, id, metric)?;
        if kept.is_none() {
            let digest = Digest::of(&readings);
            let kept = Kept { version: VERSION, mark, digest };
            let bytes = encode(&kept)?;
            made.0.push(New { id: id.clone(), key, mark: kept.mark, bytes });
        }
        Ok(Taken::of(&readings, choice))
    }

    /// The mark of a conversation, and the digest that was made with it, if there is one.
    fn kept_digest(
        &self,
        (tenant, id): (&TenantId, &ConversationId),
        metric: CohortMetric,
    ) -> Result<(Vec<u8>, Option<Kept>), StoreError> {
        let mark = self.store.get(&keys::cohort_mark(tenant, id))?.unwrap_or_default();
        let key = keys::cohort_digest(tenant, id, metric.place());
        let kept = self.store.get(&key)?.and_then(|bytes| Kept::read(&key, &bytes));
        let kept = kept.filter(|kept| kept.mark == mark);
        Ok((mark, kept))
    }

    /// Whom the values of a conversation rate by a metric, of those with a time those that
    /// were recorded at or after an instant; nobody where the digest is not kept.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn rated_since(
        &self,
        of: (&TenantId, &ConversationId),
        metric: CohortMetric,
        from: Timestamp,
    ) -> Result<BTreeSet<Rated>, StoreError> {
        let (_, kept) = self.kept_digest(of, metric)?;
        let rated = |kept: Kept| kept.digest.rated_since(from).cloned().collect();
        Ok(kept.map(rated).unwrap_or_default())
    }

    /// Keeps digests, once there are enough of them, or all that are left. Blocking, and
    /// within the runtime.
    pub(super) fn keep_digests(&self, tenant: &TenantId, made: &mut Made, all: bool) {
        let least = if all { 1 } else { AT_A_TIME };
        if made.0.len() < least {
            return;
        }
        let writes = std::mem::take(&mut made.0).into_iter().map(|one| self.keep(tenant, one));
        tokio::runtime::Handle::current().block_on(join_all(writes));
    }

    /// Keeps a digest, unless the conversation has changed, has gone or is being written
    /// for long.
    async fn keep(&self, tenant: &TenantId, new: New) {
        let New { id, key, mark, bytes } = new;
        let work = async {
            let cell = self.heads.cell(tenant, &id)?;
            let aside = async { cell.write().await.aside().await };
            // Who erases waits for it.
            let Ok(_aside) = tokio::time::timeout(PATIENCE, aside).await else { return Ok(()) };
            cell.head()?;
            // Erased since it was made, it would outlive what it holds.
            if self.store.get(&keys::cohort_mark(tenant, &id))?.unwrap_or_default() != mark {
                return Ok(());
            }
            let mut batch = Batch::new();
            batch.put(key, bytes);
            // What a crash takes back is made again.
            self.store.commit_soon(batch).await?;
            Ok::<_, EngineError>(())
        };
        match work.await {
            Ok(()) | Err(EngineError::NotFound { .. }) => {}
            Err(error) => tracing::debug!(%error, conversation = %id, "a digest is not kept"),
        }
    }
}
