//! Items: put, get, delete. [`list`] reads them in order, [`search`] finds them,
//! [`derive`] embeds them.
//!
//! Invariants: a namespace has one writer at a time; an item, the count of its
//! namespace and the outbox entry of its vectors are one batch, and vectors of
//! an older value go in that batch; an answer means fsync, and a commit goes on
//! when the caller hangs up.

mod derive;
mod list;
mod search;

pub use list::{ItemPage, NamespacePage, NamespaceRequest};
pub use search::{ItemSearch, ItemSearchOutcome};

use serde_json::Value;
use tokio::sync::OwnedMutexGuard;

use super::{
    Engine, EngineError,
    records::{OutboxEntry, Task, decode, encode},
};
use crate::{
    enrich::Queued,
    items::{
        IndexPath, Indexed, Item, ItemKey, ItemRecord, ItemVectors, Namespace, NamespaceHead, texts,
    },
    store::{Batch, StoreError, keys},
    turn::{ConversationId, TenantId},
    usage::Usage,
};

/// Paths that an item names at most.
const MAX_PATHS: usize = 16;

/// An item as callers give it.
#[derive(Clone, Debug)]
pub struct NewItem {
    /// Where it belongs.
    pub namespace: Namespace,
    /// Names it there.
    pub key: ItemKey,
    /// A JSON object.
    pub value_json: String,
    /// Paths to what a query finds; the whole value if there is none.
    pub index_paths: Vec<String>,
    /// A query finds nothing of it.
    pub unindexed: bool,
}

/// An item that was put.
#[derive(Debug)]
pub struct PutItem {
    /// As it is stored.
    pub item: Item,
    /// Its vectors still have to be made.
    queued: Option<Queued>,
}

impl Engine {
    /// Stores an item or replaces it; what is stored already stays as it is.
    ///
    /// # Errors
    /// `Invalid`, `LimitReached`, `Store`.
    pub async fn put_item(&self, tenant: &TenantId, new: NewItem) -> Result<PutItem, EngineError> {
        let indexed = self.checked(&new)?;
        let NewItem { namespace, key, value_json, .. } = new;
        let held = self.namespaces.lock(&keys::namespace(tenant, &namespace)).await;
        let item_key = keys::item(tenant, &namespace, &key);
        let before: Option<ItemRecord> = self.read(&item_key)?;
        let same = before
            .as_ref()
            .is_some_and(|before| before.value_json == value_json && before.indexed == indexed);
        let mut batch = Batch::new();
        let record = match before {
            Some(before) if same => before,
            before => {
                let now = (self.clock)();
                let record = ItemRecord {
                    created_at: before.as_ref().map_or(now, |before| before.created_at),
                    updated_at: now,
                    revision: before.as_ref().map_or(0, |before| before.revision) + 1,
                    value_json,
                    indexed,
                };
                match &before {
                    Some(before) => self.forget_item(tenant, before),
                    None => self.count(&mut batch, tenant, &namespace)?,
                }
                batch.put(item_key, encode(&record)?);
                batch.delete(keys::item_vectors(tenant, &namespace, &key));
                record
            }
        };
        let embed = record.indexed != Indexed::Nothing
            && !(same && self.is_embedded(tenant, &namespace, &key)?);
        let queued = if embed {
            Some(self.enqueue_item(&mut batch, tenant, &namespace, Some(&key))?)
        } else {
            None
        };
        if !batch.is_empty() {
            let bytes = batch.bytes() as u64;
            self.commit_items(held, batch, queued.clone()).await?;
            self.meter.add(tenant, None, &Usage { bytes, ..Usage::default() });
        }
        Ok(PutItem { item: record.named(namespace, key), queued })
    }

    /// Returns when a query finds an item by meaning too. The caller bounds the
    /// wait.
    pub async fn wait_item(&self, put: &PutItem) {
        if let Some(queued) = &put.queued {
            self.outbox.wait_for(queued).await;
        }
    }

    /// Reads an item.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub fn get_item(
        &self,
        tenant: &TenantId,
        namespace: &Namespace,
        key: &ItemKey,
    ) -> Result<Item, EngineError> {
        let record: Option<ItemRecord> = self.read(&keys::item(tenant, namespace, key))?;
        let record = record.ok_or_else(|| not_found(namespace, key))?;
        Ok(record.named(namespace.clone(), key.clone()))
    }

    /// Erases an item with its vectors.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub async fn delete_item(
        &self,
        tenant: &TenantId,
        namespace: &Namespace,
        key: &ItemKey,
    ) -> Result<(), EngineError> {
        let head_key = keys::namespace(tenant, namespace);
        let held = self.namespaces.lock(&head_key).await;
        let item_key = keys::item(tenant, namespace, key);
        let record: Option<ItemRecord> = self.read(&item_key)?;
        let record = record.ok_or_else(|| not_found(namespace, key))?;
        let mut batch = Batch::new();
        batch.delete(item_key);
        batch.delete(keys::item_vectors(tenant, namespace, key));
        let head: Option<NamespaceHead> = self.read(&head_key)?;
        match head.map_or(0, |head| head.items).saturating_sub(1) {
            0 => batch.delete(head_key),
            items => batch.put(head_key, encode(&NamespaceHead { items })?),
        }
        self.commit_items(held, batch, None).await?;
        self.forget_item(tenant, &record);
        Ok(())
    }

    /// Checks what depends on the value; names are checked by their types.
    fn checked(&self, new: &NewItem) -> Result<Indexed, EngineError> {
        let invalid = |field: &str, why: String| Err(EngineError::invalid(field, why));
        let (bytes, max) = (new.value_json.len() as u64, self.limits.item_bytes);
        if bytes > max {
            let why = format!("has {bytes} bytes, the limit item_bytes is {max}");
            return invalid("value_json", why);
        }
        match serde_json::from_str::<Value>(&new.value_json) {
            Ok(Value::Object(_)) => {}
            Ok(_) => return invalid("value_json", "must be a JSON object".to_owned()),
            Err(error) => return invalid("value_json", format!("is no JSON: {error}")),
        }
        if new.unindexed {
            if new.index_paths.is_empty() {
                return Ok(Indexed::Nothing);
            }
            return invalid("index_paths", "contradicts unindexed: give one alone".to_owned());
        }
        let paths = new.index_paths.len();
        if paths > MAX_PATHS {
            return invalid("index_paths", format!("has {paths}, at most {MAX_PATHS} are taken"));
        }
        for (at, path) in new.index_paths.iter().enumerate() {
            if let Err(error) = IndexPath::parse(path) {
                return invalid(&format!("index_paths[{at}]"), error.to_string());
            }
        }
        Ok(Indexed::Paths(new.index_paths.clone()))
    }

    /// Counts a new item of a namespace.
    fn count(
        &self,
        batch: &mut Batch,
        tenant: &TenantId,
        namespace: &Namespace,
    ) -> Result<(), EngineError> {
        let key = keys::namespace(tenant, namespace);
        let head: Option<NamespaceHead> = self.read(&key)?;
        let (items, max) = (head.map_or(0, |head| head.items), self.limits.items_per_namespace);
        if items >= max {
            return Err(EngineError::LimitReached {
                limit: "items_per_namespace",
                max,
                detail: format!("the namespace {namespace} has {items} items"),
                retry: false,
            });
        }
        batch.put(key, encode(&NamespaceHead { items: items + 1 })?);
        Ok(())
    }

    /// Queues the embedding of an item, or of a whole namespace.
    fn enqueue_item(
        &self,
        batch: &mut Batch,
        tenant: &TenantId,
        namespace: &Namespace,
        key: Option<&ItemKey>,
    ) -> Result<Queued, EngineError> {
        let (backlog, max) = (self.outbox.backlog(), self.limits.outbox_turns);
        if key.is_some() && backlog >= max {
            return Err(EngineError::LimitReached {
                limit: "outbox_turns",
                max,
                detail: format!("{backlog} turns and items wait to be embedded"),
                retry: true,
            });
        }
        let task = Task::Items { namespace: namespace.clone(), key: key.cloned() };
        let owner = owner_of(namespace);
        self.enqueue(batch, OutboxEntry { tenant: tenant.clone(), owner, task })
    }

    /// Commits in a task of its own, which lets the namespace go when the batch
    /// is durable.
    async fn commit_items(
        &self,
        held: OwnedMutexGuard<()>,
        batch: Batch,
        queued: Option<Queued>,
    ) -> Result<(), EngineError> {
        let (store, outbox) = (self.store.clone(), self.outbox.clone());
        let task = tokio::spawn(async move {
            store.commit(batch).await?;
            if let Some(queued) = queued {
                outbox.push(queued);
            }
            drop(held);
            Ok(())
        });
        task.await.unwrap_or(Err(EngineError::Closed))
    }

    /// Drops what the embedder's cache knows of an item.
    fn forget_item(&self, tenant: &TenantId, record: &ItemRecord) {
        let passages = self.item_passages(record);
        let passages: Vec<&str> = passages.iter().map(String::as_str).collect();
        self.embed.forget(tenant, &passages);
    }

    /// What is embedded of an item.
    fn item_passages(&self, record: &ItemRecord) -> Vec<String> {
        let Ok(value) = serde_json::from_str(&record.value_json) else { return Vec::new() };
        let mut passages = Vec::new();
        for text in texts(&value, &record.indexed) {
            let ranges = self.embed.split(&text).into_iter();
            passages.extend(ranges.filter_map(|range| text.get(range).map(str::to_owned)));
        }
        passages.truncate(crate::items::MAX_TEXTS);
        passages
    }

    /// Whether the vectors of an item are those of the model in use.
    fn is_embedded(
        &self,
        tenant: &TenantId,
        namespace: &Namespace,
        key: &ItemKey,
    ) -> Result<bool, StoreError> {
        let vectors: Option<ItemVectors> =
            self.read(&keys::item_vectors(tenant, namespace, key))?;
        Ok(vectors.is_some_and(|vectors| vectors.embedding == self.embed.version()))
    }

    fn read<T: serde::de::DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.store.get(key)?.map(|bytes| decode(key, &bytes)).transpose()
    }
}

fn not_found(namespace: &Namespace, key: &ItemKey) -> EngineError {
    EngineError::NotFound { kind: "item", id: format!("{namespace}/{key}") }
}

/// Stands for a namespace in the outbox: a text of it that the embedder fails on
/// holds up no other.
fn owner_of(namespace: &Namespace) -> ConversationId {
    let digest = keys::digest(namespace.labels().join("\0").as_bytes());
    let id = format!("items-{}", super::records::hex(&digest));
    // Always of the right form: hex behind a prefix.
    ConversationId::new(&id).unwrap_or_else(|_| ConversationId::generate())
}
