//! Reads the messages of a request, but not again what a client resends.
//!
//! A client that keeps the history sends all of it with every question. Of thousands
//! of messages all but the newest were read before, and to parse, print and copy them
//! costs more than the rest of the request. So messages are read in blocks from the
//! first one on, and of a full block it is kept what was read (role and print of each
//! message) under the BLAKE3 hash of its bytes. The next request pays one hash of
//! large pieces for them; their parts are parsed only if somebody asks ([`Said`]).
//! New messages come at the end and leave the blocks before as they were; after an
//! edit the changed block is read again, after a shift all behind it.
//!
//! Invariants: what is kept is a function of tenant, API and bytes, so it is never out
//! of date; it holds hashes and no content, which may be erased at any time.

use std::sync::Arc;

use bytes::Bytes;
use throughline_memory::turn::TenantId;

use super::{
    dialect::Dialect,
    error::ProxyError,
    said::{Parse, Reading, Said},
};

/// Messages of a block: few enough that those behind the last full block cost little,
/// enough that a block is hashed at full speed.
const BLOCK_MESSAGES: usize = 64;
/// Bytes of what is kept, of all tenants: over a million messages.
const KEPT_BYTES: u64 = 32 << 20;
/// Bytes that a block takes beside its messages.
const ENTRY_BYTES: usize = 160;

/// A hash of tenant, API and the bytes of a block.
type Key = [u8; 32];

/// What was read of the blocks that came.
pub(super) struct Readings {
    blocks: moka::sync::Cache<Key, Arc<[Reading]>>,
}

/// Whose messages are read.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) readings: &'a Readings,
    pub(super) tenant: &'a TenantId,
}

impl Default for Readings {
    fn default() -> Self {
        let weight = |_: &Key, block: &Arc<[Reading]>| {
            let bytes = ENTRY_BYTES + size_of_val(&**block);
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self {
            blocks: moka::sync::Cache::builder().max_capacity(KEPT_BYTES).weigher(weight).build(),
        }
    }
}

impl Reader<'_> {
    /// What messages say. They are slices of `list`, in its order.
    ///
    /// # Errors
    /// Those of `parse`.
    pub(super) fn read(
        self,
        dialect: Dialect,
        list: &Bytes,
        messages: &[Bytes],
        parse: Parse,
    ) -> Result<Vec<Said>, ProxyError> {
        let mut said: Vec<Said> = Vec::with_capacity(messages.len());
        for block in messages.chunks(BLOCK_MESSAGES) {
            let key = self.key(dialect, list, block);
            if let Some(known) = key.and_then(|key| self.readings.blocks.get(&key)) {
                let again =
                    |(raw, reading): (&Bytes, &Reading)| Said::again(raw.clone(), *reading, parse);
                said.extend(block.iter().zip(known.iter()).map(again));
                continue;
            }
            let from = said.len();
            for raw in block {
                said.push(parse(raw, said.len())?);
            }
            if let Some(key) = key {
                let read = said.iter().skip(from).map(Said::reading).collect();
                self.readings.blocks.insert(key, read);
            }
        }
        Ok(said)
    }

    /// Names a block; none if it is not full.
    fn key(self, dialect: Dialect, list: &Bytes, block: &[Bytes]) -> Option<Key> {
        let (first, last) = (block.first()?, block.last()?);
        if block.len() < BLOCK_MESSAGES {
            return None;
        }
        let place = |slice: &Bytes| slice.as_ptr().addr().checked_sub(list.as_ptr().addr());
        let bytes = list.get(place(first)?..place(last)? + last.len())?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{dialect:?} {} ", self.tenant).as_bytes());
        hasher.update(bytes);
        Some(*hasher.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use throughline_memory::turn::Role;

    use super::*;
    use crate::proxy::{body::list, said::Piece};

    static PARSED: AtomicUsize = AtomicUsize::new(0);

    fn parse(raw: &Bytes, _at: usize) -> Result<Said, ProxyError> {
        PARSED.fetch_add(1, Ordering::Relaxed);
        let text = String::from_utf8_lossy(raw);
        let role = if text.contains('u') { Role::User } else { Role::Assistant };
        Ok(Said::new(raw.clone(), role, "ada".to_owned(), &[Piece::Text(text)]))
    }

    /// How many of these messages were parsed; what they say is checked.
    fn parsed(readings: &Readings, tenant: &str, words: &[String]) -> usize {
        let json = Bytes::from(serde_json::to_vec(words).unwrap());
        let messages = list(&json, "messages").unwrap();
        let tenant = TenantId::new(tenant).unwrap();
        let reader = Reader { readings, tenant: &tenant };
        let before = PARSED.load(Ordering::Relaxed);
        let said = reader.read(Dialect::OpenAi, &json, &messages, parse).unwrap();
        let after = PARSED.load(Ordering::Relaxed);
        for (said, raw) in said.iter().zip(&messages) {
            let anew = parse(raw, 0).unwrap();
            assert_eq!((said.role, said.print), (anew.role, anew.print));
            assert_eq!((said.parts(), said.speaker()), (anew.parts(), anew.speaker()));
            assert_eq!((said.is_empty(), &said.raw), (false, raw));
        }
        assert_eq!(said.len(), messages.len());
        after - before
    }

    #[test]
    fn what_was_read_is_not_parsed_again_but_asked_for() {
        let readings = Readings::default();
        let word = |at: usize| format!("{} {at}", if at.is_multiple_of(2) { "u" } else { "a" });
        let mut words: Vec<String> = (0..200).map(word).collect();
        assert_eq!(parsed(&readings, "acme", &words), 200);
        assert_eq!(parsed(&readings, "acme", &words), 8);
        words.extend((200..203).map(word));
        assert_eq!(parsed(&readings, "acme", &words), 11);
        assert_eq!(parsed(&readings, "globex", &words), 203);
        words[100] = "u edited".to_owned();
        assert_eq!(parsed(&readings, "acme", &words), 64 + 11);
        words.remove(0);
        assert_eq!(parsed(&readings, "acme", &words), 202);
        assert_eq!(parsed(&readings, "acme", &words), 10);
    }
}
