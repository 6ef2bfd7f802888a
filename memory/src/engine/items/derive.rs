//! The vectors of items: made by the outbox's worker, all of them again for a
//! rebuild or another embedding model.

use std::ops::ControlFlow;

use super::{
    super::{
        Engine, EngineError,
        records::{decode, encode},
        source::encode_vector,
    },
    list::{item_of, namespace_of},
};
use crate::{
    items::{Indexed, ItemKey, ItemRecord, ItemVectors, Namespace},
    store::{Batch, Direction, StoreError, keys},
    turn::TenantId,
    usage::Usage,
};

/// Items embedded together: bounds memory.
const ITEMS_PER_STEP: usize = 64;

/// An item as it was read, and what is embedded of it.
struct Read {
    key: ItemKey,
    bytes: Vec<u8>,
    passages: Vec<String>,
}

impl Engine {
    /// Embeds an item, or all of a namespace. Can be repeated.
    ///
    /// # Errors
    /// `Store`, `Embed`.
    pub(crate) async fn embed_items(
        &self,
        tenant: &TenantId,
        namespace: &Namespace,
        key: Option<&ItemKey>,
    ) -> Result<(), EngineError> {
        if let Some(key) = key {
            let bytes = self.store.get(&keys::item(tenant, namespace, key))?;
            let read = bytes.map(|bytes| self.read_item(tenant, namespace, key, bytes));
            let read: Vec<Read> = read.transpose()?.into_iter().collect();
            return self.embed_read(tenant, namespace, read).await;
        }
        let mut after: Option<ItemKey> = None;
        loop {
            let read = self.read_items(tenant, namespace, after.as_ref())?;
            let Some(last) = read.last() else { return Ok(()) };
            after = Some(last.key.clone());
            self.embed_read(tenant, namespace, read).await?;
        }
    }

    /// Queues embedding every item of every tenant again. Returns how many namespaces.
    pub(in crate::engine) async fn queue_items(&self) -> Result<u64, EngineError> {
        let mut namespaces = 0;
        for tenant in self.tenants()? {
            for namespace in self.namespaces_of(&tenant)? {
                let held = self.namespaces.lock(&keys::namespace(&tenant, &namespace)).await;
                let mut batch = Batch::new();
                let queued = self.enqueue_item(&mut batch, &tenant, &namespace, None)?;
                self.commit_items(held, batch, Some(queued)).await?;
                namespaces += 1;
            }
        }
        Ok(namespaces)
    }

    fn namespaces_of(&self, tenant: &TenantId) -> Result<Vec<Namespace>, EngineError> {
        let (start, end) = keys::prefix_range(&keys::namespaces_below(tenant, &[]));
        let mut found = Vec::new();
        self.store.scan_keys(&start, &end, &mut |key| {
            found.push(namespace_of(tenant, key)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    fn read_items(
        &self,
        tenant: &TenantId,
        namespace: &Namespace,
        after: Option<&ItemKey>,
    ) -> Result<Vec<Read>, StoreError> {
        let (start, end) = keys::prefix_range(&keys::items_of(tenant, namespace));
        let start = match after {
            Some(after) => keys::prefix_range(&keys::item(tenant, namespace, after)).1,
            None => start,
        };
        let mut records: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        self.store.scan(&start, &end, Direction::Forward, &mut |key, value| {
            records.push((key.to_vec(), value));
            Ok(if records.len() < ITEMS_PER_STEP {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            })
        })?;
        let mut read = Vec::with_capacity(records.len());
        for (key, bytes) in records {
            let key = item_of(tenant, &key, &bytes)?.key;
            read.push(self.read_item(tenant, namespace, &key, bytes)?);
        }
        Ok(read)
    }

    fn read_item(
        &self,
        tenant: &TenantId,
        namespace: &Namespace,
        key: &ItemKey,
        bytes: Vec<u8>,
    ) -> Result<Read, StoreError> {
        let record: ItemRecord = decode(&keys::item(tenant, namespace, key), &bytes)?;
        let passages = match &record.indexed {
            Indexed::Nothing => Vec::new(),
            Indexed::Paths(_) => self.item_passages(&record),
        };
        Ok(Read { key: key.clone(), bytes, passages })
    }

    /// Embeds what was read and stores the vectors of what is still there.
    async fn embed_read(
        &self,
        tenant: &TenantId,
        namespace: &Namespace,
        read: Vec<Read>,
    ) -> Result<(), EngineError> {
        let texts: Vec<String> = read.iter().flat_map(|read| read.passages.clone()).collect();
        let tokens = texts.iter().map(|text| u64::from(self.counter.count(text)));
        let embedded_tokens = tokens.sum();
        let mut vectors = self.embed.passages(tenant, texts).await?.into_iter();
        self.meter.add(tenant, None, &Usage { embedded_tokens, ..Usage::default() });
        let held = self.namespaces.lock(&keys::namespace(tenant, namespace)).await;
        let mut batch = Batch::new();
        for read in read {
            let own = vectors.by_ref().take(read.passages.len());
            let own: Vec<u8> = own.flat_map(|vector| encode_vector(&vector)).collect();
            // What was put or deleted meanwhile has an entry, or needs none.
            let now = self.store.get(&keys::item(tenant, namespace, &read.key))?;
            if now.as_ref() == Some(&read.bytes) && !read.passages.is_empty() {
                let stored = ItemVectors { embedding: self.embed.version(), vectors: own };
                let key = keys::item_vectors(tenant, namespace, &read.key);
                batch.put(key, encode(&stored)?);
            }
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.commit_items(held, batch, None).await
    }
}
