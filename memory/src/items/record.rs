//! Items as callers see them, and what is stored of them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ItemKey, Namespace};

/// An item as callers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where it belongs.
    pub namespace: Namespace,
    /// Names it there.
    pub key: ItemKey,
    /// When it was stored first.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// 1 for a new item, grows with every change.
    pub revision: u64,
    /// The value, a JSON object, byte for byte as it was given.
    pub value_json: String,
}

/// An item that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemHit {
    /// The item.
    pub item: Item,
    /// What it was ranked by; absent without a query, and where nothing of the
    /// item is indexed.
    pub score: Option<f32>,
    /// `cosine` and `bm25` as they were measured; only those that are known.
    pub components: Vec<(&'static str, f32)>,
}

/// What of a value a query finds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Indexed {
    /// Nothing.
    Nothing,
    /// What these paths name; the whole if there is none.
    Paths(Vec<String>),
}

/// What is stored of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ItemRecord {
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub revision: u64,
    pub value_json: String,
    pub indexed: Indexed,
}

impl ItemRecord {
    pub(crate) fn named(self, namespace: Namespace, key: ItemKey) -> Item {
        Item {
            namespace,
            key,
            created_at: self.created_at,
            updated_at: self.updated_at,
            revision: self.revision,
            value_json: self.value_json,
        }
    }
}

/// The vectors of an item's passages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ItemVectors {
    /// [`crate::embed::EmbedService::version`] of the vectors.
    pub embedding: String,
    /// One after the other, little-endian f32.
    pub vectors: Vec<u8>,
}

/// What is known of a namespace that holds items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NamespaceHead {
    /// How many.
    pub items: u64,
}
