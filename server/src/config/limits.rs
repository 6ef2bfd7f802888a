//! `[limits]` of the configuration file: each limit of the domain by the name
//! that `GetServerInfo` and the errors give it.

use std::collections::BTreeMap;

use throughline_memory::engine::Limits;

use super::{ConfigError, bad};

/// The default limits with those that are given.
///
/// # Errors
/// [`ConfigError::Value`] for a name that does not exist, with those that do,
/// and for 0.
pub fn limits(given: &BTreeMap<String, u64>) -> Result<Limits, ConfigError> {
    let mut limits = Limits::default();
    for (name, max) in given {
        if *max == 0 {
            return bad("limits", format!("{name} must be at least 1"));
        }
        match place(&mut limits, name) {
            Some(limit) => *limit = *max,
            None => {
                let known: Vec<&str> = limits.named().iter().map(|(name, _)| *name).collect();
                return bad("limits", format!("{name:?} is none of {}", known.join(", ")));
            }
        }
    }
    Ok(limits)
}

fn place<'a>(limits: &'a mut Limits, name: &str) -> Option<&'a mut u64> {
    Some(match name {
        "turn_bytes" => &mut limits.turn_bytes,
        "parts_per_turn" => &mut limits.parts_per_turn,
        "metadata_bytes" => &mut limits.metadata_bytes,
        "turns_per_append" => &mut limits.turns_per_append,
        "turns_per_conversation" => &mut limits.turns_per_conversation,
        "name_bytes" => &mut limits.name_bytes,
        "request_id_bytes" => &mut limits.request_id_bytes,
        "user_id_bytes" => &mut limits.user_id_bytes,
        "title_bytes" => &mut limits.title_bytes,
        "labels" => &mut limits.labels,
        "label_key_bytes" => &mut limits.label_key_bytes,
        "label_value_bytes" => &mut limits.label_value_bytes,
        "fact_bytes" => &mut limits.fact_bytes,
        "fact_field_bytes" => &mut limits.fact_field_bytes,
        "fact_value_bytes" => &mut limits.fact_value_bytes,
        "fact_dependencies" => &mut limits.fact_dependencies,
        "facts_per_conversation" => &mut limits.facts_per_conversation,
        "query_bytes" => &mut limits.query_bytes,
        "page_size" => &mut limits.page_size,
        "conversations_per_user_search" => &mut limits.conversations_per_user_search,
        "fork_depth" => &mut limits.fork_depth,
        "outbox_turns" => &mut limits.outbox_turns,
        "token_budget" => &mut limits.token_budget,
        "watches" => &mut limits.watches,
        "cohort_scans" => &mut limits.cohort_scans,
        "item_bytes" => &mut limits.item_bytes,
        "item_key_bytes" => &mut limits.item_key_bytes,
        "item_namespace_bytes" => &mut limits.item_namespace_bytes,
        "items_per_namespace" => &mut limits.items_per_namespace,
        "items_per_search" => &mut limits.items_per_search,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_limit_can_be_set() {
        for (name, _) in Limits::default().named() {
            let set = limits(&[(name.to_owned(), 77)].into()).unwrap();
            assert!(set.named().contains(&(name, 77)), "{name}");
        }
    }

    #[test]
    fn unknown_limits_and_nothing_are_refused() {
        for (name, max, words) in [("turn_byte", 5, "turn_bytes"), ("labels", 0, "at least 1")] {
            let error = limits(&[(name.to_owned(), max)].into()).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
