//! Names of branches and turns, drawn from what they are for: the same edit, the same
//! question for another answer, the same turn at the same place has the same name, also
//! after a restart.

use throughline_memory::turn::{ConversationId, Sequence};

use super::print::Print;

/// The branch behind `at` that begins with a message of this print.
pub(super) fn edited(parent: &ConversationId, at: Sequence, print: &Print) -> ConversationId {
    branch_id(&format!("{parent}/{at}/{}", hex::encode(print)))
}

/// The branch behind `at` for another answer to it.
pub(super) fn answered_again(parent: &ConversationId, at: Sequence, number: u32) -> ConversationId {
    branch_id(&format!("{parent}/{at}/answer {number}"))
}

/// The branch that begins anew what stands on `branch` up to `at`.
pub(super) fn begun_anew(branch: &ConversationId, at: Sequence) -> ConversationId {
    branch_id(&format!("{branch}/{at}/anew"))
}

fn branch_id(of: &str) -> ConversationId {
    let hash = blake3::hash(of.as_bytes()).to_hex();
    let id = format!("branch-{}", hash.get(..32).unwrap_or_default());
    // Hex digits and a dash: always an id.
    ConversationId::new(&id).unwrap_or_else(|_| ConversationId::generate())
}

/// Names a turn by its place and what it says: written twice, it stands once.
pub(super) fn turn_id(sequence: Sequence, print: &Print) -> String {
    format!("proxy-{sequence}-{}", hex::encode(print))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_with_all_that_they_are_for() {
        let id = |id| ConversationId::new(id).unwrap();
        let (a, b) = (id("a"), id("b"));
        let names = [
            edited(&a, 1, &[1; 16]),
            edited(&b, 1, &[1; 16]),
            edited(&a, 2, &[1; 16]),
            edited(&a, 1, &[2; 16]),
            answered_again(&a, 1, 0),
            answered_again(&a, 1, 1),
            begun_anew(&a, 1),
            begun_anew(&a, 2),
            begun_anew(&b, 1),
        ];
        let distinct: std::collections::HashSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
        assert_eq!(edited(&a, 1, &[1; 16]), names[0]);
    }
}
