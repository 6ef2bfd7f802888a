//! Which way a figure is better, by its name. A name is read part by part: `pk` is a
//! part of `pk_even` and none of `kept`.
//!
//! Invariant: what no rule names is better the more it is; the table of the tests
//! names every figure that a command writes with its direction.

/// Which way a figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    More,
    Less,
    /// It says what was measured, or is best at a value between.
    Neither,
}

/// Parts of names in a row, and what they say; the first that stands in a name
/// decides.
const RULES: [(&str, Direction); 51] = [
    ("tokens_per_second", Direction::More),
    // Over what the disk itself can do.
    ("ratio_to_bare", Direction::More),
    ("bare", Direction::Neither),
    ("per_sync", Direction::Neither),
    ("first_token_direct", Direction::Neither),
    ("full_history_tokens", Direction::Neither),
    ("in_flight", Direction::Neither),
    ("kills_in_recovery", Direction::Neither),
    // As many as there are, at 1.
    ("cuts_ratio", Direction::Neither),
    ("edges", Direction::Neither),
    ("stale_messages", Direction::Neither),
    ("characters", Direction::Neither),
    ("live_pins", Direction::Neither),
    // What is not rewritten is accepted or replaced.
    ("rewritten", Direction::Neither),
    ("ms", Direction::Less),
    ("us", Direction::Less),
    ("seconds", Direction::Less),
    ("latency", Direction::Less),
    ("lag", Direction::Less),
    ("growth", Direction::Less),
    ("overhead", Direction::Less),
    ("bytes", Direction::Less),
    ("tokens", Direction::Less),
    ("over_budget", Direction::Less),
    ("backlog", Direction::Less),
    ("unsearchable", Direction::Less),
    ("refused", Direction::Less),
    ("retried", Direction::Less),
    ("violations", Direction::Less),
    ("loss", Direction::Less),
    ("unreliability", Direction::Less),
    ("reader_too_long", Direction::Less),
    ("stale_alone", Direction::Less),
    ("named_but_cut", Direction::Less),
    ("forbidden", Direction::Less),
    ("replaced", Direction::Less),
    ("resurrected", Direction::Less),
    ("wrongly_retired", Direction::Less),
    ("additive", Direction::Less),
    ("missed", Direction::Less),
    ("taken_for_update", Direction::Less),
    ("false_positive_rate", Direction::Less),
    ("false_alarms", Direction::Less),
    ("early_alarms", Direction::Less),
    ("delay", Direction::Less),
    ("unsupported", Direction::Less),
    ("rejected", Direction::Less),
    ("fell_back", Direction::Less),
    ("ece", Direction::Less),
    ("pk", Direction::Less),
    ("windowdiff", Direction::Less),
];

/// Which way the figure of a name is better.
pub(super) fn direction(name: &str) -> Direction {
    let parts = parts(name);
    let decides = RULES.iter().find(|(rule, _)| stands(&parts, rule));
    decides.map_or(Direction::More, |(_, direction)| *direction)
}

/// Parts of the names of figures that are of the machine as much as of the program: of
/// two runs on one machine they differ too.
const OF_MACHINE: [&str; 11] = [
    "ms",
    "us",
    "s",
    "second",
    "seconds",
    "lag",
    "growth_p50",
    "overhead",
    "backlog",
    "peak_memory",
    "ratio_to_bare",
];

/// Whether a figure is a time, a rate or memory.
pub(super) fn is_of_machine(name: &str) -> bool {
    let parts = parts(name);
    OF_MACHINE.iter().any(|rule| stands(&parts, rule))
}

/// Whether the parts of a rule stand in a row.
fn stands(parts: &[&str], rule: &str) -> bool {
    let rule = self::parts(rule);
    parts.windows(rule.len()).any(|some| some == rule)
}

fn parts(name: &str) -> Vec<&str> {
    name.split(['_', '@', '/']).collect()
}

#[cfg(test)]
#[path = "direction_tests.rs"]
mod tests;
