//! The parts of a message's content, in either API: those that are known, and those of
//! types that are not known here, which go on untouched.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use throughline_memory::turn::Role;

use super::{print::unknown, said::Piece};

/// The parts of a content.
#[derive(Default)]
pub(super) struct Contents<'a> {
    known: Vec<Piece<'a>>,
    unknown: Vec<(Cow<'a, str>, &'a RawValue)>,
}

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

/// Why a content is refused.
pub(super) fn unreadable(error: serde_json::Error) -> String {
    format!("cannot be read: {error}")
}

impl<'a> Contents<'a> {
    /// Of a piece, or of nothing.
    pub(super) fn of(piece: Option<Piece<'a>>) -> Self {
        Self { known: piece.into_iter().collect(), unknown: Vec::new() }
    }

    /// Of a list. `piece` makes a piece of a part, or nothing of one that is not known.
    /// Upstreams have forms of their own for some types, which `may_differ` tells: such a
    /// part is not known then.
    ///
    /// # Errors
    /// Why another part cannot be read.
    pub(super) fn read<T: Deserialize<'a>>(
        json: &'a str,
        piece: impl Fn(T) -> Option<Piece<'a>>,
        may_differ: impl Fn(&str) -> bool,
    ) -> Result<Self, String> {
        let parts: Vec<&'a RawValue> = serde_json::from_str(json).map_err(unreadable)?;
        let mut contents = Self::default();
        for part in parts {
            let kind = || serde_json::from_str::<Typed<'a>>(part.get()).map(|typed| typed.kind);
            match serde_json::from_str(part.get()).map(&piece) {
                Ok(Some(piece)) => contents.known.push(piece),
                Ok(None) => contents.unknown.push((kind().map_err(unreadable)?, part)),
                Err(error) => match kind() {
                    Ok(kind) if may_differ(&kind) => contents.unknown.push((kind, part)),
                    _ => return Err(unreadable(error)),
                },
            }
        }
        Ok(contents)
    }

    /// The parts that are known.
    pub(super) fn known(&self) -> impl Iterator<Item = &Piece<'a>> {
        self.known.iter()
    }

    /// What is stored and compared: what is known; of a user who says nothing else, what
    /// is not known.
    pub(super) fn pieces(self, role: Role) -> Vec<Piece<'a>> {
        if !self.known.is_empty() || role != Role::User {
            return self.known;
        }
        self.unknown.iter().map(|(kind, part)| unknown(kind, part.get())).collect()
    }
}
