//! Page tokens: opaque to the caller, authenticated, and bound to the tenant,
//! the method and the request that they go on with. A token from elsewhere is
//! refused like a forged one.
//!
//! A token is `base64url(version, MAC, cursor)`; the MAC is a keyed BLAKE3 over
//! all that it is bound to. The key lies in the data directory, so tokens
//! outlive a restart.

use std::{
    fmt, fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use throughline_memory::{engine::FieldViolation, turn::TenantId};

const VERSION: u8 = 1;
const MAC_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
const KEY_FILE: &str = "page_token.key";
/// Longest token that is looked at: the longest cursor is a namespace of items.
const MAX_TOKEN_BYTES: usize = 4_096;

/// The key file cannot be used: the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum PageKeyError {
    /// Reading or writing failed.
    #[error("cannot use {path}: {cause}; check the permissions of the data directory")]
    Io {
        /// The key file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// It has another length.
    #[error(
        "{path} is damaged ({bytes} bytes, not {KEY_BYTES}): remove it; open page tokens lapse"
    )]
    Damaged {
        /// The key file.
        path: PathBuf,
        /// Its length.
        bytes: usize,
    },
}

/// What a page token is bound to.
#[derive(Clone, Debug)]
pub struct PageScope {
    tenant: TenantId,
    method: &'static str,
    request: [u8; 32],
}

impl PageScope {
    /// `request` is the encoded request without the fields that may change from
    /// page to page.
    pub fn new(tenant: &TenantId, method: &'static str, request: &[u8]) -> Self {
        Self { tenant: tenant.clone(), method, request: *blake3::hash(request).as_bytes() }
    }
}

/// Makes and checks page tokens.
pub struct PageTokens {
    key: [u8; KEY_BYTES],
}

impl PageTokens {
    /// With a given key.
    pub fn new(key: [u8; KEY_BYTES]) -> Self {
        Self { key }
    }

    /// With a key that ends with the process.
    pub fn ephemeral() -> Self {
        Self::new(random_key())
    }

    /// With the key of a data directory, which is made on first use.
    ///
    /// # Errors
    /// [`PageKeyError`].
    pub fn open(data_dir: &Path) -> Result<Self, PageKeyError> {
        let path = data_dir.join(KEY_FILE);
        let found = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                let key = random_key();
                write_private(&path, &key)
                    .map_err(|cause| PageKeyError::Io { path: path.clone(), cause })?;
                key.to_vec()
            }
            Err(cause) => return Err(PageKeyError::Io { path, cause }),
        };
        let bytes = found.len();
        let key = found.try_into().map_err(|_| PageKeyError::Damaged { path, bytes })?;
        Ok(Self { key })
    }

    /// The token of a cursor.
    pub fn seal(&self, scope: &PageScope, cursor: &str) -> String {
        let mut token = vec![VERSION];
        token.extend_from_slice(&self.mac(scope, cursor.as_bytes()).as_bytes()[..MAC_BYTES]);
        token.extend_from_slice(cursor.as_bytes());
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The cursor of a token; nothing for an empty one, the first page.
    ///
    /// # Errors
    /// A violation of `page_token` for a token that was not made for this tenant,
    /// method and request.
    pub fn open_token(
        &self,
        scope: &PageScope,
        token: &str,
    ) -> Result<Option<String>, FieldViolation> {
        if token.is_empty() {
            return Ok(None);
        }
        self.cursor(scope, token).map(Some).ok_or_else(|| {
            FieldViolation::new(
                "page_token",
                "does not belong to this request: give back next_page_token with the request \
                 otherwise unchanged",
            )
        })
    }

    /// The cursor of a token as what `read` makes of it; nothing for an empty one, the
    /// first page.
    ///
    /// # Errors
    /// Those of [`Self::open_token`]; a violation of `page_token` for a cursor that
    /// `read` does not know.
    pub fn open_as<T, E: fmt::Display>(
        &self,
        scope: &PageScope,
        token: &str,
        read: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<Option<T>, FieldViolation> {
        let cursor = self.open_token(scope, token)?.map(read).transpose();
        cursor.map_err(|error| FieldViolation::new("page_token", error.to_string()))
    }

    fn cursor(&self, scope: &PageScope, token: &str) -> Option<String> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (version, rest) = bytes.split_first()?;
        let (mac, cursor) = rest.split_at_checked(MAC_BYTES)?;
        let wanted = self.mac(scope, cursor);
        // Zero-padded to the width of `blake3::Hash`, which compares in constant
        // time.
        let equal = widen(mac) == widen(wanted.as_bytes().get(..MAC_BYTES)?);
        if *version != VERSION || !equal {
            return None;
        }
        String::from_utf8(cursor.to_vec()).ok()
    }

    /// Lengths stand before the pieces, so that no two scopes run together.
    fn mac(&self, scope: &PageScope, cursor: &[u8]) -> blake3::Hash {
        let mut mac = blake3::Hasher::new_keyed(&self.key);
        for piece in [scope.tenant.as_str().as_bytes(), scope.method.as_bytes(), cursor] {
            mac.update(&(piece.len() as u64).to_be_bytes()).update(piece);
        }
        mac.update(&scope.request).finalize()
    }
}

fn widen(mac: &[u8]) -> blake3::Hash {
    let mut wide = [0_u8; 32];
    for (to, from) in wide.iter_mut().zip(mac) {
        *to = *from;
    }
    blake3::Hash::from_bytes(wide)
}

/// 244 random bits, spread over a whole key.
fn random_key() -> [u8; KEY_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(uuid::Uuid::new_v4().as_bytes());
    hasher.update(uuid::Uuid::new_v4().as_bytes());
    *hasher.finalize().as_bytes()
}

/// Writes beside and renames, so that a crash leaves no half key.
fn write_private(path: &Path, key: &[u8]) -> io::Result<()> {
    let half = path.with_extension("half");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&half)?;
    file.write_all(key)?;
    file.sync_all()?;
    fs::rename(half, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(tenant: &str, method: &'static str, request: &str) -> PageScope {
        PageScope::new(&TenantId::new(tenant).unwrap(), method, request.as_bytes())
    }

    fn tokens() -> PageTokens {
        PageTokens::new([7; 32])
    }

    #[test]
    fn a_token_opens_where_it_was_made() {
        let scope = scope("t", "ListTurns", "r");
        for cursor in ["", "17", "conversations-1_x"] {
            let token = tokens().seal(&scope, cursor);
            assert_eq!(tokens().open_token(&scope, &token), Ok(Some(cursor.to_owned())));
        }
        assert_eq!(tokens().open_token(&scope, ""), Ok(None));
    }

    #[test]
    fn a_cursor_is_read_or_refused() {
        let scope = scope("t", "ListTurns", "r");
        let read = |token: &str| tokens().open_as(&scope, token, |text| text.parse::<u64>());
        assert_eq!(read(&tokens().seal(&scope, "17")), Ok(Some(17)));
        assert_eq!(read(""), Ok(None));
        for token in [tokens().seal(&scope, "x"), "x".to_owned()] {
            assert_eq!(read(&token).unwrap_err().field, "page_token");
        }
    }

    #[test]
    fn a_token_from_elsewhere_is_refused() {
        let own = scope("t", "ListTurns", "r");
        let token = tokens().seal(&own, "17");
        for other in [
            scope("u", "ListTurns", "r"),
            scope("t", "ListFacts", "r"),
            scope("t", "ListTurns", "s"),
        ] {
            let violation = tokens().open_token(&other, &token).unwrap_err();
            assert_eq!(violation.field, "page_token", "{other:?}");
        }
        assert!(PageTokens::new([8; 32]).open_token(&own, &token).is_err());
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let scope = scope("t", "ListTurns", "r");
        let bytes = URL_SAFE_NO_PAD.decode(tokens().seal(&scope, "17")).unwrap();
        for at in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[at] ^= 1;
            let forged = URL_SAFE_NO_PAD.encode(forged);
            assert!(tokens().open_token(&scope, &forged).is_err(), "byte {at}");
        }
        for bad in ["x", "!!", "AAAA", &"A".repeat(5_000)] {
            assert!(tokens().open_token(&scope, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_key_outlives_a_restart_and_damage_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let scope = scope("t", "ListTurns", "r");
        let token = PageTokens::open(dir.path()).unwrap().seal(&scope, "3");
        let again = PageTokens::open(dir.path()).unwrap();
        assert_eq!(again.open_token(&scope, &token), Ok(Some("3".to_owned())));

        fs::write(dir.path().join(KEY_FILE), b"short").unwrap();
        assert!(matches!(PageTokens::open(dir.path()), Err(PageKeyError::Damaged { .. })));
    }
}
