//! How a record is laid out in the engine: a few chunks of at most 4 KiB.
//!
//! Chunk `i` of a record is stored at `record key ++ i as u16 big-endian`, so
//! that a record is one short range. The first chunk opens with the length of
//! the whole record and the first 12 bytes of the BLAKE3 hash of key and value:
//! a torn, flipped, swapped or missing chunk cannot become wrong text.
//!
//! ```text
//! chunk 0    length:u32  checksum:12  bytes (at most 4,080)
//! chunk 1..  bytes (4,096, the last one fewer, never 0)
//! ```
//! The limit of 4 KiB is for sled: it writes pages over 128 KiB into files that
//! it never syncs, and a leaf of long values is such a page.

use super::{MAX_RECORD_BYTES, StoreError, Write};

/// Longest value that reaches an engine, bytes.
pub const MAX_CHUNK_BYTES: usize = 4096;
/// Length and checksum before the first chunk's bytes.
const HEAD_BYTES: usize = 4 + CHECKSUM_BYTES;
const CHECKSUM_BYTES: usize = 12;
/// Record bytes that the first chunk holds.
const FIRST_BYTES: usize = MAX_CHUNK_BYTES - HEAD_BYTES;
/// Bytes that a chunk's key is longer than its record's.
pub(super) const INDEX_BYTES: usize = 2;

/// What the first chunk says about its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Length of the whole record, bytes.
    length: usize,
    checksum: [u8; CHECKSUM_BYTES],
    /// The record's bytes so far: the first chunk's.
    first: Vec<u8>,
}

impl Head {
    /// Reads a first chunk.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it cannot be one.
    pub(super) fn parse(key: &[u8], chunk: &[u8]) -> Result<Self, StoreError> {
        let short = || corrupt(key, "the first chunk is cut off");
        let (length, rest) = chunk.split_first_chunk::<4>().ok_or_else(short)?;
        let (checksum, first) = rest.split_first_chunk::<CHECKSUM_BYTES>().ok_or_else(short)?;
        let length = u32::from_be_bytes(*length) as usize;
        if length > MAX_RECORD_BYTES {
            return Err(corrupt(key, "its length is over the limit of a record"));
        }
        if first.len() != length.min(FIRST_BYTES) {
            return Err(corrupt(key, "the first chunk does not have the length it should"));
        }
        Ok(Self { length, checksum: *checksum, first: first.to_vec() })
    }

    /// How many chunks the record has.
    pub(super) fn chunks(&self) -> usize {
        count(self.length)
    }

    /// Joins the chunks after the first one, in order, and checks the whole.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when length or checksum differ.
    pub(super) fn join<'a>(
        self,
        key: &[u8],
        rest: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Vec<u8>, StoreError> {
        let mut value = self.first;
        value.reserve_exact(self.length.saturating_sub(value.len()));
        for chunk in rest {
            value.extend_from_slice(chunk);
        }
        if value.len() != self.length {
            let detail = format!("{} of {} bytes are there", value.len(), self.length);
            return Err(corrupt(key, &detail));
        }
        if checksum(key, &value) != self.checksum {
            return Err(corrupt(key, "the checksum differs"));
        }
        Ok(value)
    }
}

/// The writes that store a record. The caller removes what a longer record
/// under the same key had beyond them.
pub(super) fn encode(key: &[u8], value: &[u8]) -> Vec<Write> {
    let (first, rest) = value.split_at(value.len().min(FIRST_BYTES));
    let mut head = Vec::with_capacity(HEAD_BYTES + first.len());
    // A batch takes no record over `MAX_RECORD_BYTES`, which fits into 32 bits.
    head.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
    head.extend_from_slice(&checksum(key, value));
    head.extend_from_slice(first);
    let mut writes = Vec::with_capacity(count(value.len()));
    writes.push(Write::Put(chunk_key(key, 0), head));
    for (chunk, index) in rest.chunks(MAX_CHUNK_BYTES).zip(1..) {
        writes.push(Write::Put(chunk_key(key, index), chunk.to_vec()));
    }
    writes
}

/// How many chunks a record of `length` bytes has; at least 1.
fn count(length: usize) -> usize {
    1 + length.saturating_sub(FIRST_BYTES).div_ceil(MAX_CHUNK_BYTES)
}

/// Where chunk `index` of a record is stored.
pub(super) fn chunk_key(key: &[u8], index: usize) -> Vec<u8> {
    let mut chunk = Vec::with_capacity(key.len() + INDEX_BYTES);
    chunk.extend_from_slice(key);
    // The longest record has fewer chunks than a u16 counts (asserted below).
    chunk.extend_from_slice(&u16::try_from(index).unwrap_or(u16::MAX).to_be_bytes());
    chunk
}

const _: () = assert!(MAX_RECORD_BYTES / MAX_CHUNK_BYTES < u16::MAX as usize);

/// Splits a chunk's key into its record's key and its index.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is too short to be one.
pub(super) fn split_key(chunk: &[u8]) -> Result<(&[u8], usize), StoreError> {
    let (key, index) = chunk
        .split_last_chunk::<INDEX_BYTES>()
        .ok_or_else(|| corrupt(chunk, "the key is too short for a chunk"))?;
    Ok((key, usize::from(u16::from_be_bytes(*index))))
}

/// The error for a record that does not hold together.
pub(super) fn corrupt(key: &[u8], detail: &str) -> StoreError {
    let mut hex = String::with_capacity(key.len() * 2);
    for byte in key {
        for digit in [byte >> 4, byte & 15] {
            hex.push(char::from_digit(u32::from(digit), 16).unwrap_or('?'));
        }
    }
    StoreError::Corrupt { key: hex, detail: detail.to_owned() }
}

fn checksum(key: &[u8], value: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(key.len() as u64).to_be_bytes());
    hasher.update(key);
    hasher.update(value);
    let mut short = [0; CHECKSUM_BYTES];
    hasher.finalize_xof().fill(&mut short);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lays a record of `length` bytes out and joins it again.
    fn check(length: usize, chunks: usize) {
        let value: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
        let writes = encode(b"key", &value);
        assert_eq!(writes.len(), chunks, "chunks of {length} bytes");
        let mut stored = Vec::new();
        for (write, index) in writes.iter().zip(0..) {
            let Write::Put(key, chunk) = write else { panic!("a deletion") };
            assert_eq!(split_key(key).unwrap(), (&b"key"[..], index));
            assert!(chunk.len() <= MAX_CHUNK_BYTES, "{length} bytes: chunk of {}", chunk.len());
            assert!(!chunk.is_empty());
            stored.push(chunk.clone());
        }
        let head = Head::parse(b"key", &stored[0]).unwrap();
        assert_eq!(head.chunks(), chunks);
        let joined = head.clone().join(b"key", stored[1..].iter().map(Vec::as_slice)).unwrap();
        assert_eq!(joined, value);
        let other = head.join(b"kez", stored[1..].iter().map(Vec::as_slice));
        assert!(matches!(other, Err(StoreError::Corrupt { .. })), "under another key");
    }

    #[test]
    fn a_record_survives_the_layout_and_no_chunk_is_over_the_limit() {
        for (length, chunks) in [
            (0, 1),
            (1, 1),
            (FIRST_BYTES - 1, 1),
            (FIRST_BYTES, 1),
            (FIRST_BYTES + 1, 2),
            (FIRST_BYTES + MAX_CHUNK_BYTES, 2),
            (FIRST_BYTES + MAX_CHUNK_BYTES + 1, 3),
            (1 << 20, 257),
        ] {
            check(length, chunks);
        }
    }

    #[test]
    fn every_flipped_bit_of_a_short_record_is_seen() {
        let Write::Put(_, chunk) = encode(b"k", b"I like tea").remove(0) else { panic!() };
        for bit in 0..chunk.len() * 8 {
            let mut flipped = chunk.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let read = Head::parse(b"k", &flipped).and_then(|head| {
                if head.chunks() == 1 { head.join(b"k", [].into_iter()) } else { Ok(vec![]) }
            });
            assert!(matches!(read, Err(StoreError::Corrupt { .. })), "bit {bit}: {read:?}");
        }
    }

    #[test]
    fn a_key_too_short_for_a_chunk_is_corrupt() {
        assert!(matches!(split_key(b"k"), Err(StoreError::Corrupt { .. })));
    }
}
