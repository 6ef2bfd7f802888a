//! How items are called: a namespace of labels and a key within it. Both hold
//! any text without zero bytes, which end them in the store's keys; a value of
//! these types has the right form.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Labels of a namespace at most.
pub const MAX_LABELS: usize = 16;
/// Matches any label.
const ANY: &str = "*";

/// A namespace or key that has the wrong form: the caller's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is nothing.
    #[error("is required")]
    Empty,
    /// One of the labels is empty.
    #[error("label {0} is empty")]
    EmptyLabel(usize),
    /// Too many labels.
    #[error("has {0} labels, at most {MAX_LABELS} are taken")]
    TooDeep(usize),
    /// A zero byte.
    #[error("holds a zero byte")]
    ZeroByte,
}

/// Checks labels, of which there may be none.
///
/// # Errors
/// [`NameError`] other than `Empty`.
pub fn check_labels(labels: &[String]) -> Result<(), NameError> {
    if labels.len() > MAX_LABELS {
        return Err(NameError::TooDeep(labels.len()));
    }
    if let Some(at) = labels.iter().position(String::is_empty) {
        return Err(NameError::EmptyLabel(at));
    }
    if labels.iter().any(|label| label.contains('\0')) {
        return Err(NameError::ZeroByte);
    }
    Ok(())
}

/// Where an item belongs: 1 to [`MAX_LABELS`] labels, the widest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Namespace(Vec<String>);

impl Namespace {
    /// Checks the form.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn new(labels: Vec<String>) -> Result<Self, NameError> {
        if labels.is_empty() {
            return Err(NameError::Empty);
        }
        check_labels(&labels)?;
        Ok(Self(labels))
    }

    /// The labels.
    pub fn labels(&self) -> &[String] {
        &self.0
    }

    /// The first labels, all of them if there are no more.
    #[must_use]
    pub fn cut(mut self, depth: usize) -> Self {
        self.0.truncate(depth.max(1));
        self
    }
}

impl TryFrom<Vec<String>> for Namespace {
    type Error = NameError;

    fn try_from(labels: Vec<String>) -> Result<Self, NameError> {
        Self::new(labels)
    }
}

impl From<Namespace> for Vec<String> {
    fn from(namespace: Namespace) -> Self {
        namespace.0
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

/// Namespaces that begin with some labels; all if there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NamespacePrefix(Vec<String>);

impl NamespacePrefix {
    /// Checks the form.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn new(labels: Vec<String>) -> Result<Self, NameError> {
        check_labels(&labels)?;
        Ok(Self(labels))
    }

    /// The labels.
    pub fn labels(&self) -> &[String] {
        &self.0
    }
}

/// Names an item within its namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ItemKey(String);

impl ItemKey {
    /// Checks the form.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn new(key: String) -> Result<Self, NameError> {
        if key.is_empty() {
            return Err(NameError::Empty);
        }
        if key.contains('\0') {
            return Err(NameError::ZeroByte);
        }
        Ok(Self(key))
    }

    /// The key itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ItemKey {
    type Error = NameError;

    fn try_from(key: String) -> Result<Self, NameError> {
        Self::new(key)
    }
}

impl From<ItemKey> for String {
    fn from(key: ItemKey) -> Self {
        key.0
    }
}

impl fmt::Display for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a namespace must be like; `*` stands for any label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamespaceCondition {
    /// Its first labels.
    Prefix(Vec<String>),
    /// Its last labels.
    Suffix(Vec<String>),
}

impl NamespaceCondition {
    /// Whether a namespace is so.
    pub fn holds(&self, namespace: &Namespace) -> bool {
        let labels = namespace.labels();
        let (wanted, from) = match self {
            Self::Prefix(wanted) => (wanted, Some(0)),
            Self::Suffix(wanted) => (wanted, labels.len().checked_sub(wanted.len())),
        };
        let compared = from.and_then(|from| labels.get(from..from + wanted.len()));
        compared.is_some_and(|labels| {
            labels.iter().zip(wanted).all(|(label, wanted)| wanted == ANY || label == wanted)
        })
    }

    /// The labels that every namespace begins with for which it holds.
    pub(crate) fn fixed_prefix(&self) -> &[String] {
        match self {
            Self::Prefix(wanted) => {
                let fixed = wanted.iter().position(|label| label == ANY).unwrap_or(wanted.len());
                wanted.get(..fixed).unwrap_or_default()
            }
            Self::Suffix(_) => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Vec<String> {
        text.split('/').map(str::to_owned).collect()
    }

    #[test]
    fn form_is_checked() {
        assert!(Namespace::new(labels("users/ada.l/üñ")).is_ok());
        for (bad, error) in [
            (Vec::new(), NameError::Empty),
            (labels("a//b"), NameError::EmptyLabel(1)),
            (labels("a/b\0"), NameError::ZeroByte),
            (vec!["x".to_owned(); 17], NameError::TooDeep(17)),
        ] {
            assert_eq!(Namespace::new(bad), Err(error));
        }
        assert!(NamespacePrefix::new(Vec::new()).is_ok());
        assert_eq!(ItemKey::new(String::new()), Err(NameError::Empty));
        assert_eq!(ItemKey::new("a\0".to_owned()), Err(NameError::ZeroByte));
    }

    #[test]
    fn conditions_hold_at_their_end() {
        let namespace = Namespace::new(labels("users/ada/notes")).unwrap();
        for (wanted, prefix, suffix) in [
            ("users", true, false),
            ("users/ada", true, false),
            ("*/ada", true, false),
            ("ada/notes", false, true),
            ("*", true, true),
            ("notes", false, true),
            ("users/*/notes", true, true),
            ("users/ada/notes/more", false, false),
            ("*/*/*/*", false, false),
        ] {
            let prefix_holds = NamespaceCondition::Prefix(labels(wanted)).holds(&namespace);
            let suffix_holds = NamespaceCondition::Suffix(labels(wanted)).holds(&namespace);
            assert_eq!((prefix_holds, suffix_holds), (prefix, suffix), "{wanted}");
        }
        let condition = NamespaceCondition::Prefix(labels("users/*/notes"));
        assert_eq!(condition.fixed_prefix(), labels("users"));
    }
}
