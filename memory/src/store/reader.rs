//! Reads whole records through an engine that knows only chunks.
//!
//! Invariants: a visited record is one version, never a mixture of two, also
//! while commits run; a scan of an engine without snapshots (sled) may see
//! records of later commits. Readers do not wait for a sync: only a record that
//! does not hold together is read again with commits held off, and that reading
//! tells a concurrent write from corruption.

use std::ops::ControlFlow;

use parking_lot::Mutex;

use super::record::{Head, chunk_key, corrupt, split_key};
use super::{ConversationStore, Direction, StoreError, VisitKey, VisitRecord, Visited};

/// Reads a record, checked.
///
/// # Errors
/// [`StoreError::Corrupt`] or what the engine fails with.
pub(super) fn read(
    engine: &dyn ConversationStore,
    commits: &Mutex<()>,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    match read_once(engine, key) {
        Err(StoreError::Corrupt { .. }) => {
            let _held = commits.lock();
            read_once(engine, key)
        }
        other => other,
    }
}

fn read_once(engine: &dyn ConversationStore, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(first) = engine.get(&chunk_key(key, 0))? else { return Ok(None) };
    let head = Head::parse(key, &first)?;
    let mut rest = Vec::with_capacity(head.chunks() - 1);
    for index in 1..head.chunks() {
        let chunk = engine.get(&chunk_key(key, index))?;
        rest.push(chunk.ok_or_else(|| corrupt(key, &format!("chunk {index} is gone")))?);
    }
    head.join(key, rest.iter().map(Vec::as_slice)).map(Some)
}

/// The range of chunks that holds the first chunk of every record in
/// `start..end`. A record is below `end` when its key is; its first chunk's key
/// may be above, by two zero bytes at most.
fn chunk_end(end: &[u8]) -> Vec<u8> {
    // An empty end is no bound.
    if end.is_empty() { Vec::new() } else { chunk_key(end, 0) }
}

/// Visits the chunks of the records with `start <= key < end` until `visit` breaks
/// or fails.
fn scan_chunks(
    engine: &dyn ConversationStore,
    (start, end): (&[u8], &[u8]),
    direction: Direction,
    visit: &mut dyn FnMut(&[u8], &[u8]) -> Visited,
) -> Visited {
    let mut visited = Ok(ControlFlow::Continue(()));
    engine.scan(start, &chunk_end(end), direction, &mut |chunk_key, chunk| {
        visited = visit(chunk_key, chunk);
        match visited {
            Ok(flow) => flow,
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    visited
}

/// Visits the keys of the records with `start <= key < end`, ascending, until
/// `visit` breaks or fails.
///
/// # Errors
/// [`StoreError::Corrupt`] for a key that is no chunk's, or what the engine or
/// `visit` fails with.
pub(super) fn scan_keys(
    engine: &dyn ConversationStore,
    (start, end): (&[u8], &[u8]),
    visit: VisitKey<'_>,
) -> Result<(), StoreError> {
    let mut each = |chunk_key: &[u8], _: &[u8]| match split_key(chunk_key)? {
        (key, 0) if within(key, start, end) => visit(key),
        _ => Ok(ControlFlow::Continue(())),
    };
    scan_chunks(engine, (start, end), Direction::Forward, &mut each).map(drop)
}

fn within(key: &[u8], start: &[u8], end: &[u8]) -> bool {
    key >= start && (end.is_empty() || key < end)
}

/// A record of which some chunks were seen.
struct Pending {
    key: Vec<u8>,
    /// Known when scanning forward.
    head: Option<Head>,
    /// Chunks but the first, in the order of the scan.
    rest: Vec<Vec<u8>>,
    /// Index of the chunk that must come next.
    next: usize,
}

/// A running scan: puts chunks together and hands whole records on. Records are
/// handed on in the order of their first chunks.
pub(super) struct Scan<'a> {
    engine: &'a dyn ConversationStore,
    commits: &'a Mutex<()>,
    range: (&'a [u8], &'a [u8]),
    direction: Direction,
    pending: Option<Pending>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(
        engine: &'a dyn ConversationStore,
        commits: &'a Mutex<()>,
        range: (&'a [u8], &'a [u8]),
        direction: Direction,
    ) -> Self {
        Self { engine, commits, range, direction, pending: None }
    }

    /// Visits the records of the range until `visit` breaks or fails.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or what the engine or `visit` fails with.
    pub(super) fn run(mut self, visit: VisitRecord<'_>) -> Result<(), StoreError> {
        let (engine, range, direction) = (self.engine, self.range, self.direction);
        let mut each = |chunk_key: &[u8], chunk: &[u8]| self.chunk(chunk_key, chunk, visit);
        if scan_chunks(engine, range, direction, &mut each)?.is_continue() {
            let _ = self.settle(visit)?;
        }
        Ok(())
    }

    fn chunk(&mut self, chunk_key: &[u8], chunk: &[u8], visit: VisitRecord<'_>) -> Visited {
        let (key, index) = split_key(chunk_key)?;
        if !within(key, self.range.0, self.range.1) {
            return Ok(ControlFlow::Continue(()));
        }
        match (self.direction, index) {
            (Direction::Forward, 0) => self.first_forward(key, chunk, visit),
            (Direction::Backward, 0) => self.first_backward(key, chunk, visit),
            _ => self.later(key, index, chunk, visit),
        }
    }

    fn first_forward(&mut self, key: &[u8], chunk: &[u8], visit: VisitRecord<'_>) -> Visited {
        if self.settle(visit)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        match Head::parse(key, chunk) {
            Ok(head) if head.chunks() > 1 => {
                let rest = Vec::with_capacity(head.chunks() - 1);
                let key = key.to_vec();
                self.pending = Some(Pending { key, head: Some(head), rest, next: 1 });
                Ok(ControlFlow::Continue(()))
            }
            head => self.hand_on(key, head, &[], visit),
        }
    }

    fn first_backward(&mut self, key: &[u8], chunk: &[u8], visit: VisitRecord<'_>) -> Visited {
        let mut rest = match self.pending.take() {
            Some(pending) if pending.key == key && pending.next == 0 => pending.rest,
            Some(other) => {
                self.check_owned(&other)?;
                Vec::new()
            }
            None => Vec::new(),
        };
        rest.reverse();
        self.hand_on(key, Head::parse(key, chunk), &rest, visit)
    }

    /// A chunk that is not its record's first.
    fn later(&mut self, key: &[u8], index: usize, chunk: &[u8], visit: VisitRecord<'_>) -> Visited {
        if let Some(pending) = &mut self.pending
            && pending.key == key
            && pending.next == index
        {
            pending.rest.push(chunk.to_vec());
            let whole = pending.head.as_ref().is_some_and(|head| head.chunks() == index + 1);
            pending.next = match self.direction {
                Direction::Forward => index + 1,
                Direction::Backward => index - 1,
            };
            return if whole { self.settle(visit) } else { Ok(ControlFlow::Continue(())) };
        }
        let stray =
            Pending { key: key.to_vec(), head: None, rest: vec![chunk.to_vec()], next: index - 1 };
        match self.direction {
            Direction::Forward => {
                // Its record was handed on before, or is about to be read alone.
                if self.pending.as_ref().is_none_or(|pending| pending.key != key) {
                    self.check_owned(&stray)?;
                }
            }
            Direction::Backward => {
                if let Some(other) = self.pending.replace(stray) {
                    self.check_owned(&other)?;
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Finishes what is pending, whole or not.
    fn settle(&mut self, visit: VisitRecord<'_>) -> Visited {
        match self.pending.take() {
            Some(Pending { key, head: Some(head), rest, .. }) => {
                self.hand_on(&key, Ok(head), &rest, visit)
            }
            Some(headless) => {
                self.check_owned(&headless)?;
                Ok(ControlFlow::Continue(()))
            }
            None => Ok(ControlFlow::Continue(())),
        }
    }

    /// Hands a record on, read again where the chunks seen do not hold together
    /// (a commit ran during the scan, or it is corrupt).
    fn hand_on(
        &self,
        key: &[u8],
        head: Result<Head, StoreError>,
        rest: &[Vec<u8>],
        visit: VisitRecord<'_>,
    ) -> Visited {
        let joined = head.and_then(|head| head.join(key, rest.iter().map(Vec::as_slice)));
        let value = match joined {
            Ok(value) => Some(value),
            Err(_) => read(self.engine, self.commits, key)?,
        };
        value.map_or(Ok(ControlFlow::Continue(())), |value| visit(key, value))
    }

    /// Fails when chunks belong to no record: their first chunk was lost.
    fn check_owned(&self, stray: &Pending) -> Result<(), StoreError> {
        let first = chunk_key(&stray.key, 0);
        if self.engine.get(&first)?.is_some() {
            return Ok(());
        }
        let _held = self.commits.lock();
        // Present with commits held off, or deleted since it was seen?
        let seen = chunk_key(&stray.key, stray.next + 1);
        if self.engine.get(&first)?.is_none() && self.engine.get(&seen)?.is_some() {
            return Err(corrupt(&stray.key, "its first chunk is gone"));
        }
        Ok(())
    }
}
