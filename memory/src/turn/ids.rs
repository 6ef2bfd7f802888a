//! Validated names. An id that exists has the right form, so that keys and
//! filters can be built from it without a further check.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// Longest id, in bytes.
const MAX_ID_BYTES: usize = 64;

/// An id has the wrong form: the caller's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is 1 to {MAX_ID_BYTES} characters of a-z, 0-9, '-' and '_', got {0:?}")]
pub struct IdError(pub String);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the form.
            ///
            /// # Errors
            /// [`IdError`] for an empty, long or oddly spelt id.
            pub fn new(id: &str) -> Result<Self, IdError> {
                let fits = (1..=MAX_ID_BYTES).contains(&id.len())
                    && id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
                if fits { Ok(Self(id.into())) } else { Err(IdError(id.chars().take(80).collect())) }
            }

            /// A new UUIDv7: sorts by time of creation.
            pub fn generate() -> Self {
                Self(uuid::Uuid::now_v7().to_string().into())
            }

            /// The id itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(id: String) -> Result<Self, IdError> {
                Self::new(&id)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }
    };
}

id! {
    /// The unit of isolation: decided by the credential, never by a request.
    TenantId
}
id! {
    /// Names a conversation within its tenant.
    ConversationId
}
id! {
    /// Names a fact within its conversation.
    FactId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_is_checked() {
        assert!(ConversationId::new("trip-2024_a").is_ok());
        for bad in ["", "A", "a/b", "ä", "a b", &"x".repeat(65)] {
            assert!(ConversationId::new(bad).is_err(), "{bad:?}");
        }
        assert!(TenantId::new(TenantId::generate().as_str()).is_ok());
    }
}
