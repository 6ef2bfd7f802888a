//! Items: JSON values that an application keeps beside its conversations, by
//! namespace and key. What they are called ([`name`]), what of them is searched
//! ([`path`], [`text`]), which are asked for ([`filter`]) and how they match a
//! query ([`score`]). Plain functions of values; the engine does the I/O.

mod filter;
mod name;
mod path;
mod record;
mod score;
mod text;

pub use filter::{Condition, Operator};
pub use name::{
    ItemKey, MAX_LABELS, NameError, Namespace, NamespaceCondition, NamespacePrefix, check_labels,
};
pub use path::{IndexPath, PathError};
pub use record::{Item, ItemHit};
pub use text::MAX_TEXTS;

pub(crate) use record::{Indexed, ItemRecord, ItemVectors, NamespaceHead};
pub(crate) use score::{Asked, Corpus, Words, cosine, total};
pub(crate) use text::texts;
