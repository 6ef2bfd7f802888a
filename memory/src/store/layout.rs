//! Turns batches of whole records into the raw writes of one engine commit.
//!
//! Invariant: after the writes are applied, a record has exactly the chunks of
//! its last version. A shorter record therefore removes the chunks that its
//! predecessor had beyond it, be the predecessor on the disk or earlier in the
//! same group.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::batch::{Batch, Operation};
use super::keys::Key;
use super::record::{Head, chunk_key, encode, split_key};
use super::{ConversationStore, Direction, StoreError, Write};

/// The raw writes of a group of batches, in order.
pub(super) struct Layout<'a> {
    engine: &'a dyn ConversationStore,
    writes: Vec<Write>,
    /// Chunks of the records that this group has touched, after it.
    touched: HashMap<Key, usize>,
}

impl<'a> Layout<'a> {
    pub(super) fn new(engine: &'a dyn ConversationStore) -> Self {
        Self { engine, writes: Vec::new(), touched: HashMap::new() }
    }

    pub(super) fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// Adds a batch.
    ///
    /// # Errors
    /// What reading the predecessors fails with; the batch is then left out as
    /// a whole and those before it stand.
    pub(super) fn add(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let mut before = Vec::with_capacity(batch.len());
        for operation in batch.operations() {
            let key = match operation {
                Operation::Put(key, _) | Operation::Delete(key) => key,
            };
            // The last write of this batch to the key is found in `touched` below.
            let known = self.touched.contains_key(key);
            before.push(if known { 0 } else { stored_chunks(self.engine, key)? });
        }
        for (operation, on_disk) in batch.operations().iter().zip(before) {
            let (key, new) = match operation {
                Operation::Put(key, value) => (key, encode(key, value)),
                Operation::Delete(key) => (key, Vec::new()),
            };
            let old = self.touched.get(key).copied().unwrap_or(on_disk);
            self.touched.insert(key.clone(), new.len());
            let stale = new.len()..old.max(new.len());
            self.writes.extend(new);
            self.writes.extend(stale.map(|index| Write::Delete(chunk_key(key, index))));
        }
        Ok(())
    }
}

/// How many chunks are stored under a record's key: what its first chunk says,
/// or, when that is damaged or gone, the highest index that is there.
fn stored_chunks(engine: &dyn ConversationStore, key: &[u8]) -> Result<usize, StoreError> {
    let Some(first) = engine.get(&chunk_key(key, 0))? else { return Ok(0) };
    if let Ok(head) = Head::parse(key, &first) {
        return Ok(head.chunks());
    }
    let mut count = 1;
    let (start, end) = (chunk_key(key, 0), chunk_key(key, usize::from(u16::MAX)));
    engine.scan(&start, &end, Direction::Backward, &mut |chunk, _| match split_key(chunk) {
        Ok((record, index)) if record == key => {
            count = index + 1;
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    })?;
    Ok(count)
}
