//! What one caller wants written together: whole records, in order.
//!
//! A batch is applied wholly or not at all, also through a crash; the committer
//! may put several batches into one write of the engine.

use super::{MAX_RECORD_BYTES, StoreError, keys::Key};

/// Most bytes of keys and values in one batch.
pub const MAX_BATCH_BYTES: usize = 96 << 20;

/// One operation on a whole record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Put(Key, Vec<u8>),
    Delete(Key),
}

/// An ordered list of writes that become durable together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    operations: Vec<Operation>,
    bytes: usize,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a record. A later operation of this batch on the same key wins.
    pub fn put(&mut self, key: Key, value: Vec<u8>) {
        self.bytes += key.len() + value.len();
        self.operations.push(Operation::Put(key, value));
    }

    /// Removes a record; no error if it is absent.
    pub fn delete(&mut self, key: Key) {
        self.bytes += key.len();
        self.operations.push(Operation::Delete(key));
    }

    /// Takes the operations of another batch behind its own.
    pub fn append(&mut self, mut other: Self) {
        self.bytes += other.bytes;
        self.operations.append(&mut other.operations);
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// How many operations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Bytes of all keys and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// # Errors
    /// [`StoreError::TooLarge`] when a record or the whole is over its limit.
    pub(super) fn check_size(&self) -> Result<(), StoreError> {
        let record = self.operations.iter().map(|operation| match operation {
            Operation::Put(_, value) => value.len(),
            Operation::Delete(_) => 0,
        });
        let longest = record.max().unwrap_or(0);
        if longest > MAX_RECORD_BYTES {
            return Err(StoreError::TooLarge { bytes: longest, limit: MAX_RECORD_BYTES });
        }
        if self.bytes > MAX_BATCH_BYTES {
            return Err(StoreError::TooLarge { bytes: self.bytes, limit: MAX_BATCH_BYTES });
        }
        Ok(())
    }
}
