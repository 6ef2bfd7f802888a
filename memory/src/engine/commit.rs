//! The last step of every write: its batch with the new head, then what the
//! memory knows of it.
//!
//! Invariant: the commit goes on when the caller hangs up, so that head and
//! outbox in memory never fall behind the store.

use super::{
    Engine, EngineError,
    degradation::Healths,
    heads::Writer,
    records::{Head, OutboxEntry, encode},
};
use crate::{
    enrich::Queued,
    store::{Batch, keys},
    turn::Sequence,
};

/// What becomes of a conversation's head.
pub(super) enum Publish {
    /// It stays.
    Nothing,
    /// There is a new one.
    Head(Box<Head>),
    /// It is gone.
    Gone,
    /// It stays; a record of the turn, which these may have looked at, is beside it.
    Recorded(Healths, Sequence),
}

impl Engine {
    /// Adds an outbox entry to the batch of its cause.
    pub(crate) fn enqueue(
        &self,
        batch: &mut Batch,
        entry: OutboxEntry,
    ) -> Result<Queued, EngineError> {
        let id = self.outbox.draw_id();
        batch.put(keys::outbox(id), encode(&entry)?);
        Ok(Queued { id, entry })
    }

    /// Commits a batch with the new head, publishes both, and wakes enrichment.
    pub(crate) async fn commit_head(
        &self,
        writer: Writer,
        head: Head,
        mut batch: Batch,
        queued: Option<Queued>,
    ) -> Result<(), EngineError> {
        batch.put(keys::head(&writer.cell.tenant, &writer.cell.id), encode(&head)?);
        self.commit(writer, batch, queued.into_iter().collect(), Publish::Head(Box::new(head)))
            .await
    }

    /// Commits a batch in a task of its own, then publishes what has changed.
    pub(super) async fn commit(
        &self,
        writer: Writer,
        batch: Batch,
        queued: Vec<Queued>,
        publish: Publish,
    ) -> Result<(), EngineError> {
        let (store, outbox) = (self.store.clone(), self.outbox.clone());
        let task = tokio::spawn(async move {
            store.commit(batch).await?;
            writer.written();
            // Queued first, so that whoever sees the new revision also sees
            // that its turns wait.
            queued.into_iter().for_each(|queued| outbox.push(queued));
            match publish {
                Publish::Nothing => {}
                Publish::Head(head) => writer.publish(Some(*head)),
                Publish::Gone => writer.publish(None),
                Publish::Recorded(healths, at) => healths.recorded(&writer.cell, at),
            }
            Ok(())
        });
        task.await.unwrap_or(Err(EngineError::Closed))
    }
}
