//! Keys of items, of their vectors and of the namespaces that hold some.

use super::{Key, tenant};
use crate::{
    items::{ItemKey, Namespace},
    turn::TenantId,
};

/// Appends texts without zero bytes, each with its end.
fn push_ended<'t>(key: &mut Key, texts: impl IntoIterator<Item = &'t str>) {
    for text in texts {
        key.extend_from_slice(text.as_bytes());
        key.push(0);
    }
}

/// The records of one kind below some labels.
fn below(of: &TenantId, kind: u8, labels: &[String]) -> Key {
    let mut key = tenant(of, kind);
    push_ended(&mut key, labels.iter().map(String::as_str));
    key
}

/// The records of one kind of one namespace.
fn within(of: &TenantId, kind: u8, namespace: &Namespace) -> Key {
    let mut key = below(of, kind, namespace.labels());
    key.push(0);
    key
}

/// A namespace that holds items.
pub fn namespace(of: &TenantId, namespace: &Namespace) -> Key {
    within(of, b'N', namespace)
}

/// The namespaces that begin with some labels; all if there are none.
pub fn namespaces_below(of: &TenantId, labels: &[String]) -> Key {
    below(of, b'N', labels)
}

/// An item.
pub fn item(of: &TenantId, namespace: &Namespace, key: &ItemKey) -> Key {
    let mut item = items_of(of, namespace);
    push_ended(&mut item, [key.as_str()]);
    item
}

/// The items of one namespace.
pub fn items_of(of: &TenantId, namespace: &Namespace) -> Key {
    within(of, b'I', namespace)
}

/// The items of the namespaces that begin with some labels; all if there are none.
pub fn items_below(of: &TenantId, labels: &[String]) -> Key {
    below(of, b'I', labels)
}

/// The vectors of an item.
pub fn item_vectors(of: &TenantId, namespace: &Namespace, key: &ItemKey) -> Key {
    let mut vectors = within(of, b'V', namespace);
    push_ended(&mut vectors, [key.as_str()]);
    vectors
}

/// The vectors of the items of the namespaces that begin with some labels.
pub fn item_vectors_below(of: &TenantId, labels: &[String]) -> Key {
    below(of, b'V', labels)
}

/// What the key of an item, of its vectors or of a namespace names: labels, and
/// the item's key.
pub fn item_name<'k>(of: &TenantId, key: &'k [u8]) -> Option<(Vec<&'k str>, Option<&'k str>)> {
    let names = key.get(item_name_at(of)..)?.strip_suffix(&[0])?;
    let mut texts = Vec::new();
    for text in names.split(|byte| *byte == 0) {
        texts.push(std::str::from_utf8(text).ok()?);
    }
    // Behind the labels stands an empty one.
    let end = texts.iter().position(|text| text.is_empty());
    let name = end.and_then(|end| texts.get(end + 1)).copied();
    texts.truncate(end.unwrap_or(texts.len()));
    Some((texts, name))
}

/// Where labels begin in the keys of items, their vectors and namespaces.
pub fn item_name_at(of: &TenantId) -> usize {
    tenant(of, 0).len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::keys::prefix_range;

    fn labels(text: &str) -> Vec<String> {
        text.split('/').map(str::to_owned).collect()
    }

    #[test]
    fn items_stand_in_the_order_of_their_labels_and_are_read_back() {
        let tenant = TenantId::new("t").unwrap();
        let names = [("a", "x"), ("a/b", "k"), ("a/b", "l"), ("a/c", "k"), ("ab", "k"), ("b", "ü")];
        let keys: Vec<Key> = names
            .iter()
            .map(|(namespace, key)| {
                let namespace = Namespace::new(labels(namespace)).unwrap();
                item(&tenant, &namespace, &ItemKey::new((*key).to_owned()).unwrap())
            })
            .collect();
        assert!(keys.is_sorted());
        for (key, (namespace, name)) in keys.iter().zip(names) {
            let (found, key) = item_name(&tenant, key).unwrap();
            assert_eq!((found.join("/").as_str(), key), (namespace, Some(name)));
        }
        let (start, end) = prefix_range(&items_below(&tenant, &labels("a")));
        let below = keys.iter().filter(|key| (&start..&end).contains(key)).count();
        assert_eq!(below, 4, "`ab` does not lie below `a`");
        let own = Namespace::new(labels("a")).unwrap();
        let (start, end) = prefix_range(&items_of(&tenant, &own));
        assert_eq!(keys.iter().filter(|key| (&start..&end).contains(key)).count(), 1);
        let key = namespace(&tenant, &own);
        assert_eq!(item_name(&tenant, &key), Some((vec!["a"], None)));
    }
}
