//! Searches: scope, filter and method on the way in; hits, scores and
//! shortfalls on the way out.

use throughline_memory::{
    engine::{
        EngineError, FieldViolation, SearchHit, SearchMethod, SearchScope, Shortfall, TurnFilter,
    },
    turn::Sequence,
};

use super::{
    Violations, name,
    time::timestamp_from_proto,
    turn::{role_from_proto, turn_to_proto},
};
use crate::pb;

/// Roles that a filter may list; there are four.
const MAX_ROLES: usize = 16;
/// Ranges of turns that a shortfall names.
const MAX_NAMED_RANGES: usize = 8;

/// Checks where to look.
pub fn search_scope(
    scope: Option<pb::search_turns_request::Scope>,
    max_user_id_bytes: u64,
    violations: &mut Violations,
) -> Option<SearchScope> {
    use pb::search_turns_request::Scope;
    match scope {
        Some(Scope::Conversation(conversation)) => {
            let id = violations.take(name::parse_conversation("conversation", &conversation))?;
            Some(SearchScope::Conversation(id))
        }
        Some(Scope::UserId(user_id)) => {
            violations.check_given("user_id", &user_id);
            violations.check_bytes("user_id", &user_id, "user_id_bytes", max_user_id_bytes);
            Some(SearchScope::User(user_id))
        }
        None => {
            violations.add("scope", "conversation or user_id is required");
            None
        }
    }
}

/// Checks which turns count. Bounds of sequences and a revision to wait for
/// make sense within one conversation only.
pub fn turn_filter(
    filter: Option<pb::TurnFilter>,
    scope: Option<&SearchScope>,
    max_name_bytes: u64,
    violations: &mut Violations,
) -> Option<TurnFilter> {
    let filter = filter.unwrap_or_default();
    if filter.roles.len() > MAX_ROLES {
        violations.add("filter.roles", format!("lists more than {MAX_ROLES} roles"));
        return None;
    }
    let mut roles = Vec::new();
    for (at, role) in filter.roles.iter().enumerate() {
        roles.push(violations.take(role_from_proto(&format!("filter.roles[{at}]"), *role)));
    }
    violations.check_bytes("filter.speaker", &filter.speaker, "name_bytes", max_name_bytes);
    let mut time = |field: &str, time: Option<prost_types::Timestamp>| {
        time.and_then(|time| violations.take(timestamp_from_proto(field, &time)))
    };
    let from_time = time("filter.from_time", filter.from_time);
    let until_time = time("filter.until_time", filter.until_time);
    let bounded = filter.from_sequence > 0 || filter.until_sequence > 0;
    if bounded && matches!(scope, Some(SearchScope::User(_))) {
        violations
            .add("filter.from_sequence", "bounds of sequences need one conversation as scope");
    }
    if filter.until_sequence > 0 && filter.until_sequence < filter.from_sequence {
        violations.add("filter.until_sequence", "is below from_sequence");
    }
    Some(TurnFilter {
        roles: roles.into_iter().collect::<Option<Vec<_>>>()?,
        speaker: filter.speaker,
        from_time,
        until_time,
        from_sequence: filter.from_sequence,
        until_sequence: filter.until_sequence,
    })
}

/// Reads how turns are scored.
///
/// # Errors
/// A violation of `method`.
pub fn search_method(method: i32) -> Result<SearchMethod, FieldViolation> {
    match pb::SearchMethod::try_from(method) {
        Ok(pb::SearchMethod::Unspecified | pb::SearchMethod::Hybrid) => Ok(SearchMethod::Hybrid),
        Ok(pb::SearchMethod::Dense) => Ok(SearchMethod::Dense),
        Ok(pb::SearchMethod::Bm25) => Ok(SearchMethod::Bm25),
        Ok(pb::SearchMethod::Rrf) => Ok(SearchMethod::Rrf),
        Err(_) => Err(FieldViolation::new("method", format!("{method} is not a SearchMethod"))),
    }
}

/// Renders a hit.
///
/// # Errors
/// A corrupt record, as [`turn_to_proto`].
pub fn hit_to_proto(hit: &SearchHit, omit_parts: bool) -> Result<pb::SearchHit, EngineError> {
    Ok(pb::SearchHit {
        turn: Some(turn_to_proto(&hit.conversation, &hit.turn, omit_parts)?),
        score: Some(score_to_proto(hit.score, &hit.components)),
        passage: hit.passage.map(|(start, end)| pb::TextSpan { start, end }),
    })
}

/// Renders a score with its components.
pub(super) fn score_to_proto(total: f32, components: &[(&'static str, f32)]) -> pb::Score {
    let components = components.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    pb::Score { total, components }
}

/// Renders what an answer had to do without, and what to do about it.
pub fn shortfall_to_proto(shortfall: &Shortfall) -> pb::Shortfall {
    use pb::ShortfallReason as Reason;
    let (reason, count, detail) = match shortfall {
        Shortfall::NotIndexed(turns) => (
            Reason::NotIndexed,
            *turns,
            format!(
                "{turns} turns are not embedded yet and were searched by words alone; ask again"
            ),
        ),
        Shortfall::ItemsNotIndexed(items) => (
            Reason::NotIndexed,
            *items,
            format!(
                "{items} items are not embedded yet and were searched by words alone; ask again"
            ),
        ),
        Shortfall::ItemsLeftOut(items) => (
            Reason::ItemsLeftOut,
            *items,
            format!("only the first {items} items were looked at; search a narrower namespace"),
        ),
        Shortfall::TurnsLeftOut(ranges) => (
            Reason::TurnsLeftOut,
            ranges.iter().map(|(from, until)| until.saturating_sub(*from) + 1).sum(),
            turns_left_out(ranges),
        ),
        Shortfall::IndexUnavailable(cause) => (
            Reason::IndexUnavailable,
            0,
            format!("the vector index did not answer ({cause}); ask again or check it"),
        ),
        Shortfall::EmbeddingUnavailable(cause) => (
            Reason::EmbeddingUnavailable,
            0,
            format!("the query was not embedded ({cause}) and was searched by words alone"),
        ),
        Shortfall::RerankerUnavailable(cause) => (
            Reason::RerankerUnavailable,
            0,
            format!("the reranker did not answer ({cause}): the order is the one without it"),
        ),
        Shortfall::PinsYielded(pins) => (
            Reason::PinsYielded,
            pins.len() as u64,
            format!(
                "{} pins did not fit their share; raise pinned_share or the budget",
                pins.len()
            ),
        ),
        Shortfall::QueryTurnTooLarge(tokens) => (
            Reason::QueryTurnTooLarge,
            *tokens,
            format!("the last user turn has {tokens} tokens and was left out; raise the budget"),
        ),
    };
    let mut facts = Vec::new();
    if let Shortfall::PinsYielded(pins) = shortfall {
        facts.extend(pins.iter().map(|(of, fact)| name::fact_name(of, fact)));
    }
    pb::Shortfall { reason: reason.into(), detail, count, facts }
}

/// Names the turns that a hand-over tells nothing of.
fn turns_left_out(ranges: &[(Sequence, Sequence)]) -> String {
    let range = |(from, until): &(Sequence, Sequence)| {
        if from == until { from.to_string() } else { format!("{from} to {until}") }
    };
    let named: Vec<String> = ranges.iter().take(MAX_NAMED_RANGES).map(range).collect();
    let more = match ranges.len().saturating_sub(MAX_NAMED_RANGES) {
        0 => String::new(),
        more => format!(" and {more} ranges more"),
    };
    format!("no room for turns {}{more}, nor for a summary of them; read them", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_that_were_left_out_are_named() {
        let shown = shortfall_to_proto(&Shortfall::TurnsLeftOut(vec![(1, 9), (12, 12)]));
        assert_eq!((shown.reason(), shown.count), (pb::ShortfallReason::TurnsLeftOut, 10));
        assert!(shown.detail.contains("turns 1 to 9, 12, nor"), "{}", shown.detail);
        let many = (1..=20).map(|n| (2 * n, 2 * n)).collect();
        let shown = shortfall_to_proto(&Shortfall::TurnsLeftOut(many));
        assert!(shown.detail.contains(", 16 and 12 ranges more"), "{}", shown.detail);
    }

    fn check(filter: pb::TurnFilter, scope: &SearchScope, expected: &[&str]) {
        let mut violations = Violations::new();
        let read = turn_filter(Some(filter), Some(scope), 256, &mut violations);
        let fields: Vec<String> = match violations.finish(read) {
            Ok(_) => Vec::new(),
            Err(EngineError::Invalid(found)) => found.into_iter().map(|v| v.field).collect(),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(fields, expected);
    }

    #[test]
    fn each_bad_filter_is_named() {
        let none = pb::TurnFilter::default;
        let one =
            SearchScope::Conversation(throughline_memory::turn::ConversationId::new("c").unwrap());
        let user = SearchScope::User("u".to_owned());
        check(none(), &user, &[]);
        check(
            pb::TurnFilter { roles: vec![2, 0, 9], ..none() },
            &one,
            &["filter.roles[1]", "filter.roles[2]"],
        );
        check(pb::TurnFilter { from_sequence: 2, ..none() }, &one, &[]);
        check(pb::TurnFilter { from_sequence: 2, ..none() }, &user, &["filter.from_sequence"]);
        check(
            pb::TurnFilter { from_sequence: 2, until_sequence: 1, ..none() },
            &one,
            &["filter.until_sequence"],
        );
        let from_time = Some(prost_types::Timestamp { seconds: 0, nanos: -1 });
        check(pb::TurnFilter { from_time, ..none() }, &one, &["filter.from_time"]);
    }

    #[test]
    fn a_missing_reranker_is_named_with_its_cause() {
        let shortfall = Shortfall::RerankerUnavailable("it is closed".to_owned());
        let shown = shortfall_to_proto(&shortfall);
        assert_eq!(shown.reason(), pb::ShortfallReason::RerankerUnavailable);
        assert!(shown.detail.contains("it is closed"), "{}", shown.detail);
    }

    #[test]
    fn methods_are_read() {
        assert_eq!(search_method(0).unwrap(), SearchMethod::Hybrid);
        assert_eq!(search_method(3).unwrap(), SearchMethod::Bm25);
        assert_eq!(search_method(8).unwrap_err().field, "method");
    }
}
