//! What is refused of a fact, beside what can be told from its fields alone.

use super::{EngineError, records::Head};
use crate::{
    facts::{self, Fact, Owner, Statement},
    turn::FactId,
};

pub(super) fn check_dependencies(
    id: Option<&FactId>,
    says: &Statement,
    facts: &[Fact],
) -> Result<(), EngineError> {
    facts::check_dependencies(id, &says.depends_on, facts).map_err(|(at, error)| {
        EngineError::invalid(format!("fact.depends_on[{at}]"), error.to_string())
    })
}

/// A fact of the user needs one: it stands in the windows of all that user's conversations.
pub(super) fn check_owner(owner: Owner, head: &Head) -> Result<(), EngineError> {
    if owner == Owner::User && head.user_id.is_empty() {
        let why = "FACT_OWNER_USER needs a conversation with a user_id";
        return Err(EngineError::invalid("fact.owner", why));
    }
    Ok(())
}

pub(super) fn check_expiry(fact: &Fact) -> Result<(), EngineError> {
    match fact.says.expires_at {
        Some(at) if at <= fact.valid_from => Err(EngineError::invalid(
            "fact.expire_time",
            format!("{at} is not after {}, from when on the fact holds", fact.valid_from),
        )),
        _ => Ok(()),
    }
}
