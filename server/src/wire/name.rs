//! Resource names: `conversations/{id}`, `conversations/{id}/turns/{sequence}`,
//! `conversations/{id}/facts/{fact}`. They are relative to the caller's tenant.

use throughline_memory::{
    engine::FieldViolation,
    facts::Cause,
    turn::{ConversationId, FactId, Sequence},
};

/// `conversations/{id}`.
pub fn conversation_name(id: &ConversationId) -> String {
    format!("conversations/{id}")
}

/// `conversations/{id}/turns/{sequence}`.
pub fn turn_name(id: &ConversationId, sequence: Sequence) -> String {
    format!("conversations/{id}/turns/{sequence}")
}

/// `conversations/{id}/facts/{fact}`.
pub fn fact_name(id: &ConversationId, fact: &FactId) -> String {
    format!("conversations/{id}/facts/{fact}")
}

/// Reads `conversations/{id}`.
///
/// # Errors
/// A violation of `field` that shows the right form.
pub fn parse_conversation(field: &str, name: &str) -> Result<ConversationId, FieldViolation> {
    let bad = |why: String| FieldViolation::new(field, why);
    if name.is_empty() {
        return Err(bad("is required: conversations/{id}".to_owned()));
    }
    let id = name
        .strip_prefix("conversations/")
        .ok_or_else(|| bad("must have the form conversations/{id}".to_owned()))?;
    ConversationId::new(id).map_err(|error| bad(error.to_string()))
}

/// Reads `conversations/{id}/facts/{fact}`.
///
/// # Errors
/// A violation of `field` that shows the right form.
pub fn parse_fact(field: &str, name: &str) -> Result<(ConversationId, FactId), FieldViolation> {
    let bad = |why: String| FieldViolation::new(field, why);
    if name.is_empty() {
        return Err(bad("is required: conversations/{id}/facts/{fact}".to_owned()));
    }
    let (conversation, fact) = name
        .strip_prefix("conversations/")
        .and_then(|rest| rest.split_once("/facts/"))
        .ok_or_else(|| bad("must have the form conversations/{id}/facts/{fact}".to_owned()))?;
    let conversation = ConversationId::new(conversation).map_err(|e| bad(e.to_string()))?;
    let fact = FactId::new(fact).map_err(|e| bad(e.to_string()))?;
    Ok((conversation, fact))
}

/// Reads `conversations/{id}/facts/{fact}` or
/// `conversations/{id}/turns/{sequence}`.
///
/// # Errors
/// A violation of `field` that shows the right form.
pub fn parse_cause(field: &str, name: &str) -> Result<(ConversationId, Cause), FieldViolation> {
    if name.contains("/turns/") {
        parse_turn(field, name).map(|(id, sequence)| (id, Cause::Turn(sequence)))
    } else {
        parse_fact(field, name).map(|(id, fact)| (id, Cause::Fact(fact)))
    }
}

/// Reads `conversations/{id}/turns/{sequence}`.
///
/// # Errors
/// A violation of `field` that shows the right form.
pub fn parse_turn(field: &str, name: &str) -> Result<(ConversationId, Sequence), FieldViolation> {
    let bad = |why: String| FieldViolation::new(field, why);
    if name.is_empty() {
        return Err(bad("is required: conversations/{id}/turns/{sequence}".to_owned()));
    }
    let (conversation, sequence) = name
        .strip_prefix("conversations/")
        .and_then(|rest| rest.split_once("/turns/"))
        .ok_or_else(|| bad("must have the form conversations/{id}/turns/{sequence}".to_owned()))?;
    let conversation = ConversationId::new(conversation).map_err(|e| bad(e.to_string()))?;
    let sequence = sequence.parse().ok().filter(|sequence| *sequence > 0);
    let sequence = sequence.ok_or_else(|| bad("must end in a sequence from 1 on".to_owned()))?;
    Ok((conversation, sequence))
}

/// Reads the id that a caller wishes for a new conversation; none if empty.
///
/// # Errors
/// A violation of `conversation_id`.
pub fn new_id(id: &str) -> Result<Option<ConversationId>, FieldViolation> {
    if id.is_empty() {
        return Ok(None);
    }
    ConversationId::new(id)
        .map(Some)
        .map_err(|error| FieldViolation::new("conversation_id", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversation_names_are_checked() {
        let id = ConversationId::new("trip-1").unwrap();
        assert_eq!(parse_conversation("name", &conversation_name(&id)), Ok(id));
        for bad in ["", "trip-1", "conversations/", "conversations/A", "conversations/a/turns/1"] {
            let violation = parse_conversation("name", bad).unwrap_err();
            assert_eq!(violation.field, "name", "{bad}");
        }
    }

    #[test]
    fn names_of_facts_and_turns_are_told_apart() {
        let id = ConversationId::new("c").unwrap();
        let cause = |name: &str| parse_cause("later", name);
        assert_eq!(cause("conversations/c/turns/7"), Ok((id.clone(), Cause::Turn(7))));
        let fact = Cause::Fact(FactId::new("f").unwrap());
        assert_eq!(cause("conversations/c/facts/f"), Ok((id, fact)));
        for bad in ["", "conversations/c", "conversations/c/turns/0", "conversations/c/turns/x"] {
            assert_eq!(cause(bad).unwrap_err().field, "later", "{bad}");
        }
    }

    #[test]
    fn turn_names_are_checked() {
        let id = ConversationId::new("c").unwrap();
        assert_eq!(parse_turn("earlier", &turn_name(&id, 7)), Ok((id, 7)));
        for bad in ["", "conversations/c", "conversations/c/turns/", "conversations/c/turns/0"] {
            assert_eq!(parse_turn("earlier", bad).unwrap_err().field, "earlier", "{bad}");
        }
    }

    #[test]
    fn fact_names_are_checked() {
        let (id, fact) = (ConversationId::new("c").unwrap(), FactId::new("f-1").unwrap());
        assert_eq!(parse_fact("name", &fact_name(&id, &fact)), Ok((id, fact)));
        for bad in [
            "",
            "conversations/c",
            "conversations/c/facts/",
            "c/facts/f",
            "conversations/C/facts/f",
        ] {
            assert!(parse_fact("name", bad).is_err(), "{bad}");
        }
    }
}
