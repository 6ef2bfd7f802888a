//! API keys decide the tenant. A request carries its key as
//! `authorization: Bearer KEY` or `x-api-key: KEY`; the configuration knows
//! the SHA-256 of each key alone.
//!
//! Invariants: the tenant never comes from a request field; a key is compared
//! with all known hashes in constant time; why a key was refused is not told.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use throughline_memory::turn::TenantId;
use tonic::codegen::http::{HeaderMap, header::AUTHORIZATION};

/// Keys of one server; each request is compared with all of them.
pub const MAX_KEYS: usize = 1_000;
/// Longest key that is looked at, in bytes.
pub const MAX_KEY_BYTES: usize = 512;
/// The only tenant with `--dev`.
pub const DEV_TENANT: &str = "dev";

const API_KEY_HEADER: &str = "x-api-key";

/// What a key allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Reading, searching, building windows, exporting.
    Read,
    /// Creating, changing, appending, pinning, forgetting, deleting, importing.
    Write,
    /// Everything that the others allow, and administration.
    Admin,
}

impl Scope {
    /// Lower-case name, as in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// An API key in the configuration: a `[[keys]]` table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// Whose data the key opens. Every key of a tenant sees all of it.
    pub tenant: String,
    /// SHA-256 of the key, 64 hex digits: `printf %s KEY | sha256sum`. The key
    /// itself is nowhere on the server.
    #[serde(skip_serializing)]
    pub sha256: String,
    /// What it allows: `read`, `write`, `admin`. A call without the scope that it
    /// needs is PERMISSION_DENIED.
    pub scopes: Vec<Scope>,
}

/// Keys that cannot be used: the operator's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A `[[keys]]` table is wrong.
    #[error("keys[{at}]: {detail}")]
    Entry {
        /// Which one, from 0.
        at: usize,
        /// What is wrong.
        detail: String,
    },
    /// More than [`MAX_KEYS`].
    #[error("{0} keys are configured, the limit is {MAX_KEYS}")]
    TooMany(usize),
    /// Nobody could call the server.
    #[error(
        "no API key is configured: add a [[keys]] table (`throughline config new-key --tenant \
         NAME` makes one), or start with --dev on loopback"
    )]
    None,
    /// `--dev` with keys: it would be unclear who may come in.
    #[error("--dev lets callers in without a key, but keys are configured: drop one of the two")]
    DevWithKeys,
}

struct Key {
    hash: blake3::Hash,
    caller: Caller,
}

/// Who calls, and what the key allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose data.
    pub tenant: TenantId,
    scopes: Vec<Scope>,
}

impl Caller {
    /// Whether the key allows it.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.iter().any(|held| *held == scope || *held == Scope::Admin)
    }
}

/// Why a request has no caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No key was sent.
    #[error("an API key is required: send `authorization: Bearer KEY` or `x-api-key: KEY`")]
    Missing,
    /// A header that holds no key.
    #[error("the API key is malformed: send `authorization: Bearer KEY` or `x-api-key: KEY`")]
    Malformed,
    /// No such key.
    #[error(
        "the API key is not known: check it, or have it added to the keys of the server's \
         configuration"
    )]
    Unknown,
}

/// Decides who calls.
pub struct Auth(Mode);

enum Mode {
    Dev(Caller),
    Keys(Vec<Key>),
}

impl Auth {
    /// Every caller is the tenant [`DEV_TENANT`]. Only for loopback, which the
    /// configuration checks.
    ///
    /// # Errors
    /// [`KeyError::DevWithKeys`].
    pub fn dev(entries: &[KeyEntry]) -> Result<Self, KeyError> {
        if !entries.is_empty() {
            return Err(KeyError::DevWithKeys);
        }
        let tenant = TenantId::new(DEV_TENANT)
            .map_err(|error| KeyError::Entry { at: 0, detail: error.to_string() })?;
        Ok(Self(Mode::Dev(Caller { tenant, scopes: vec![Scope::Admin] })))
    }

    /// Only callers with one of these keys.
    ///
    /// # Errors
    /// [`KeyError`] for an entry that cannot be used, or none.
    pub fn keys(entries: &[KeyEntry]) -> Result<Self, KeyError> {
        match entries.len() {
            0 => return Err(KeyError::None),
            many if many > MAX_KEYS => return Err(KeyError::TooMany(many)),
            _ => {}
        }
        let mut keys: Vec<Key> = Vec::with_capacity(entries.len());
        for (at, entry) in entries.iter().enumerate() {
            let key = key(entry).map_err(|detail| KeyError::Entry { at, detail })?;
            if keys.iter().any(|known| known.hash == key.hash) {
                let detail = "has the sha256 of another key".to_owned();
                return Err(KeyError::Entry { at, detail });
            }
            keys.push(key);
        }
        Ok(Self(Mode::Keys(keys)))
    }

    /// Who sent these headers.
    ///
    /// # Errors
    /// [`AuthError`].
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, AuthError> {
        let keys = match &self.0 {
            Mode::Dev(caller) => return Ok(caller.clone()),
            Mode::Keys(keys) => keys,
        };
        let hash = sha256(presented(headers)?.as_bytes());
        // No early exit: how long it takes does not tell how far a guess came.
        // `blake3::Hash` compares in constant time.
        let found = keys
            .iter()
            .fold(None, |found, key| if key.hash == hash { Some(&key.caller) } else { found });
        found.cloned().ok_or(AuthError::Unknown)
    }
}

fn key(entry: &KeyEntry) -> Result<Key, String> {
    let tenant = TenantId::new(&entry.tenant).map_err(|error| format!("tenant: {error}"))?;
    let mut digest = [0_u8; 32];
    hex::decode_to_slice(entry.sha256.trim(), &mut digest)
        .map_err(|_| "sha256: must be 64 hex digits: `printf %s KEY | sha256sum`".to_owned())?;
    if entry.scopes.is_empty() {
        return Err("scopes: at least one of read, write, admin".to_owned());
    }
    let caller = Caller { tenant, scopes: entry.scopes.clone() };
    Ok(Key { hash: blake3::Hash::from_bytes(digest), caller })
}

fn sha256(key: &[u8]) -> blake3::Hash {
    blake3::Hash::from_bytes(Sha256::digest(key).into())
}

/// SHA-256 of a key, as [`KeyEntry::sha256`] wants it.
pub fn key_sha256(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

/// A new key of 244 random bits.
pub fn generate_key() -> String {
    let half = || uuid::Uuid::new_v4().simple().to_string();
    format!("tl_{}{}", half(), half())
}

/// The key that was sent.
fn presented(headers: &HeaderMap) -> Result<&str, AuthError> {
    let key = match (headers.get(AUTHORIZATION), headers.get(API_KEY_HEADER)) {
        (Some(value), _) => {
            let value = value.to_str().map_err(|_| AuthError::Malformed)?;
            let (scheme, key) = value.split_once(' ').ok_or(AuthError::Malformed)?;
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(AuthError::Malformed);
            }
            key
        }
        (None, Some(value)) => value.to_str().map_err(|_| AuthError::Malformed)?,
        (None, None) => return Err(AuthError::Missing),
    };
    let key = key.trim();
    if (1..=MAX_KEY_BYTES).contains(&key.len()) { Ok(key) } else { Err(AuthError::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(tenant: &str, key: &str, scopes: &[Scope]) -> KeyEntry {
        let (tenant, scopes) = (tenant.to_owned(), scopes.to_vec());
        KeyEntry { tenant, sha256: key_sha256(key), scopes }
    }

    fn check(headers: &[(&'static str, &str)], expected: Result<&str, AuthError>) {
        let keys =
            [entry("acme", "k-acme", &[Scope::Read]), entry("globex", "k-globex", &[Scope::Admin])];
        let auth = Auth::keys(&keys).unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let found = auth.authenticate(&map).map(|caller| caller.tenant.to_string());
        assert_eq!(found, expected.map(str::to_owned), "{headers:?}");
    }

    #[test]
    fn the_key_decides_the_tenant() {
        check(&[("authorization", "Bearer k-acme")], Ok("acme"));
        check(&[("authorization", "bearer k-globex")], Ok("globex"));
        check(&[("x-api-key", "k-globex")], Ok("globex"));
        check(&[], Err(AuthError::Missing));
        check(&[("authorization", "k-acme")], Err(AuthError::Malformed));
        check(&[("authorization", "Basic k-acme")], Err(AuthError::Malformed));
        check(&[("authorization", "Bearer ")], Err(AuthError::Malformed));
        check(&[("x-api-key", "")], Err(AuthError::Malformed));
        check(&[("x-api-key", &"x".repeat(513))], Err(AuthError::Malformed));
        check(&[("x-api-key", "k-acm")], Err(AuthError::Unknown));
        check(&[("x-api-key", &key_sha256("k-acme"))], Err(AuthError::Unknown));
        // A bad `authorization` is not rescued by a good second header.
        check(
            &[("authorization", "Bearer wrong"), ("x-api-key", "k-acme")],
            Err(AuthError::Unknown),
        );
    }

    #[test]
    fn scopes_are_kept_apart_and_admin_has_all() {
        for (held, asked, expected) in [
            (Scope::Read, Scope::Read, true),
            (Scope::Read, Scope::Write, false),
            (Scope::Write, Scope::Read, false),
            (Scope::Write, Scope::Admin, false),
            (Scope::Admin, Scope::Write, true),
        ] {
            let caller = Caller { tenant: TenantId::new("t").unwrap(), scopes: vec![held] };
            assert_eq!(caller.may(asked), expected, "{held:?} {asked:?}");
        }
    }

    #[test]
    fn entries_that_cannot_be_used_are_named() {
        let good = entry("acme", "k", &[Scope::Read]);
        let refused = |entries: &[KeyEntry]| Auth::keys(entries).err().unwrap().to_string();
        assert!(refused(&[]).contains("--dev"));
        let short = KeyEntry { sha256: "abc".to_owned(), ..good.clone() };
        assert!(refused(&[good.clone(), short]).starts_with("keys[1]: sha256"));
        let spelt = KeyEntry { tenant: "Acme Inc".to_owned(), ..good.clone() };
        assert!(refused(&[spelt]).starts_with("keys[0]: tenant"));
        let idle = KeyEntry { scopes: Vec::new(), ..good.clone() };
        assert!(refused(&[idle]).starts_with("keys[0]: scopes"));
        assert!(refused(&[good.clone(), good.clone()]).contains("another key"));
        assert_eq!(Auth::dev(&[good]).err(), Some(KeyError::DevWithKeys));
        assert!(Auth::dev(&[]).unwrap().authenticate(&HeaderMap::new()).is_ok());
    }

    #[test]
    fn new_keys_are_long_and_differ() {
        let (one, two) = (generate_key(), generate_key());
        assert_ne!(one, two);
        assert_eq!(one.len(), 67);
    }
}
