//! What facts stand on: known facts, never themselves, not even by a detour.

use std::collections::{HashMap, HashSet};

use super::Fact;
use crate::turn::FactId;

/// Why dependencies cannot be taken. Caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DependencyError {
    /// There is no such fact in the conversation.
    #[error("there is no fact {0} in the conversation")]
    Unknown(FactId),
    /// It would stand on itself.
    #[error("{0} stands on the fact itself")]
    Cycle(FactId),
}

/// Checks what `id` shall stand on, among the facts of its conversation. The
/// position of a bad dependency comes with the reason.
///
/// # Errors
/// [`DependencyError`].
pub fn check(
    id: Option<&FactId>,
    depends_on: &[FactId],
    facts: &[Fact],
) -> Result<(), (usize, DependencyError)> {
    let known: HashMap<&FactId, &Fact> = facts.iter().map(|fact| (&fact.id, fact)).collect();
    for (at, dependency) in depends_on.iter().enumerate() {
        if Some(dependency) == id || id.is_some_and(|id| reaches(dependency, id, &known)) {
            return Err((at, DependencyError::Cycle(dependency.clone())));
        }
        if !known.contains_key(dependency) {
            return Err((at, DependencyError::Unknown(dependency.clone())));
        }
    }
    Ok(())
}

/// Whether `from` stands on `target`, through any number of facts.
fn reaches(from: &FactId, target: &FactId, known: &HashMap<&FactId, &Fact>) -> bool {
    let mut open = vec![from];
    let mut seen = HashSet::new();
    while let Some(id) = open.pop() {
        if id == target {
            return true;
        }
        if seen.insert(id)
            && let Some(fact) = known.get(id)
        {
            open.extend(&fact.says.depends_on);
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{super::retirement::testing::fact, *};

    fn check_case(id: &str, depends_on: &[&str], expected: Option<usize>) {
        let standing = |name: &str, on: &[&str]| {
            let mut fact = fact(name);
            fact.says.depends_on = ids(on);
            fact
        };
        let facts = [standing("a", &[]), standing("b", &["a"]), standing("c", &["b"])];
        let id = FactId::new(id).unwrap();
        let found = check(Some(&id), &ids(depends_on), &facts);
        assert_eq!(found.err().map(|(at, _)| at), expected, "{id} on {depends_on:?}");
    }

    fn ids(names: &[&str]) -> Vec<FactId> {
        names.iter().map(|name| FactId::new(name).unwrap()).collect()
    }

    #[test]
    fn a_fact_stands_on_known_ones_and_not_on_itself() {
        check_case("d", &["a", "c"], None);
        check_case("d", &["a", "x"], Some(1));
        check_case("a", &["a"], Some(0));
        check_case("a", &["c"], Some(0));
        check_case("b", &["a"], None);
        check_case("d", &[], None);
    }
}
