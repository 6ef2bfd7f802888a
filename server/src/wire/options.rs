//! What a window may cost and how it is filled.

use throughline_memory::{
    context::TemplateOverhead,
    engine::{ContextRequest, Limits, Reanchoring, SupersededTurns},
};

use super::Violations;
use crate::pb;

const DEFAULT_BUDGET: u32 = 4_096;
const DEFAULT_TOKENIZER: &str = "cl100k_base";
/// Tokens of a chat template for one message or prompt; real ones add fewer
/// than ten.
const MAX_TEMPLATE_TOKENS: u32 = 4_096;

/// What a window is asked for with, beside the options.
#[derive(Debug, Default)]
pub struct ContextFields {
    /// What it is for; the last user turn if empty.
    pub query: String,
    /// Revision to wait for.
    pub min_revision: u64,
    /// The turn after which the window is built; now if 0.
    pub as_of_turn: u64,
}

/// Checks a request for a window; `tokenizers` are the known ones.
pub fn context_request(
    fields: ContextFields,
    options: Option<pb::ContextOptions>,
    tokenizers: &[String],
    limits: &Limits,
    violations: &mut Violations,
) -> Option<ContextRequest> {
    let options = options.unwrap_or_default();
    violations.check_bytes("query", &fields.query, "query_bytes", limits.query_bytes);
    let budget = budget(options.token_budget, limits, violations);
    let tokenizer = match options.tokenizer {
        name if name.is_empty() => DEFAULT_TOKENIZER.to_owned(),
        name => name,
    };
    if !tokenizers.contains(&tokenizer) {
        let known = tokenizers.join(", ");
        violations.add("options.tokenizer", format!("is not known here; known are {known}"));
    }
    check_share("options.recent_share", options.recent_share, violations);
    check_share("options.pinned_share", options.pinned_share, violations);
    check_share("options.summary_share", options.summary_share, violations);
    check_share("options.min_score", Some(options.min_score), violations);
    let superseded = superseded_turns(options.superseded_turns, violations);
    let reanchoring = reanchoring(options.reanchoring, violations);
    let overhead = overhead(options.template_overhead, violations);
    Some(ContextRequest {
        query: fields.query,
        budget: budget?,
        tokenizer,
        recent_share: options.recent_share,
        pinned_share: options.pinned_share,
        summary_share: options.summary_share,
        reanchoring: reanchoring?,
        include_user_history: options.include_user_history,
        overhead,
        min_score: options.min_score,
        min_revision: fields.min_revision,
        as_of: fields.as_of_turn,
        superseded: superseded?,
    })
}

fn budget(budget: i32, limits: &Limits, violations: &mut Violations) -> Option<u32> {
    match u32::try_from(budget) {
        Ok(0) => Some(DEFAULT_BUDGET),
        Ok(budget) if u64::from(budget) <= limits.token_budget => Some(budget),
        _ => {
            let max = limits.token_budget;
            violations.add(
                "options.token_budget",
                format!("is {budget}, must be 0 (for {DEFAULT_BUDGET}) to {max} (token_budget)"),
            );
            None
        }
    }
}

fn superseded_turns(wanted: i32, violations: &mut Violations) -> Option<SupersededTurns> {
    match pb::SupersededTurns::try_from(wanted) {
        Ok(pb::SupersededTurns::Unspecified) => Some(SupersededTurns::ByQuery),
        Ok(pb::SupersededTurns::Drop) => Some(SupersededTurns::Drop),
        Ok(pb::SupersededTurns::Mark) => Some(SupersededTurns::Mark),
        Err(_) => {
            violations.add("options.superseded_turns", format!("{wanted} is not known here"));
            None
        }
    }
}

fn reanchoring(wanted: i32, violations: &mut Violations) -> Option<Reanchoring> {
    match pb::Reanchoring::try_from(wanted) {
        Ok(pb::Reanchoring::Unspecified | pb::Reanchoring::Never) => Some(Reanchoring::Never),
        Ok(pb::Reanchoring::ByHealth) => Some(Reanchoring::ByHealth),
        Ok(pb::Reanchoring::Always) => Some(Reanchoring::Always),
        Err(_) => {
            violations.add("options.reanchoring", format!("{wanted} is not known here"));
            None
        }
    }
}

fn check_share(field: &str, share: Option<f32>, violations: &mut Violations) {
    if let Some(share) = share
        && !(0.0..=1.0).contains(&share)
    {
        violations.add(field, format!("is {share}, must be 0 to 1"));
    }
}

fn overhead(
    overhead: Option<pb::TemplateOverhead>,
    violations: &mut Violations,
) -> TemplateOverhead {
    let Some(overhead) = overhead else { return TemplateOverhead::default() };
    for (field, tokens) in
        [("per_message", overhead.per_message), ("per_prompt", overhead.per_prompt)]
    {
        if tokens > MAX_TEMPLATE_TOKENS {
            let field = format!("options.template_overhead.{field}");
            violations.add(field, format!("is {tokens}, must be at most {MAX_TEMPLATE_TOKENS}"));
        }
    }
    TemplateOverhead { per_message: overhead.per_message, per_prompt: overhead.per_prompt }
}

#[cfg(test)]
mod tests {
    use throughline_memory::engine::EngineError;

    use super::*;

    fn read(options: pb::ContextOptions) -> Result<ContextRequest, EngineError> {
        let mut violations = Violations::new();
        let known = ["cl100k_base".to_owned(), "o200k_base".to_owned()];
        let limits = Limits::default();
        let fields = ContextFields::default();
        let read = context_request(fields, Some(options), &known, &limits, &mut violations);
        violations.finish(read)
    }

    fn check(options: pb::ContextOptions, field: &str, words: &str) {
        let Err(EngineError::Invalid(found)) = read(options) else { panic!("{field} not refused") };
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].field, field);
        assert!(found[0].description.contains(words), "{found:?}");
    }

    #[test]
    fn defaults_stand_in_for_what_is_not_given() {
        let request = read(pb::ContextOptions::default()).unwrap();
        assert_eq!((request.budget, request.tokenizer.as_str()), (4_096, "cl100k_base"));
        assert_eq!(request.overhead, TemplateOverhead { per_message: 4, per_prompt: 3 });
    }

    #[test]
    fn each_bad_option_is_named() {
        let none = pb::ContextOptions::default;
        check(pb::ContextOptions { token_budget: -1, ..none() }, "options.token_budget", "-1");
        check(
            pb::ContextOptions { token_budget: 2_000_001, ..none() },
            "options.token_budget",
            "2000000",
        );
        check(
            pb::ContextOptions { tokenizer: "gpt-9".to_owned(), ..none() },
            "options.tokenizer",
            "cl100k_base, o200k_base",
        );
        for share in [-0.1, 1.1, f32::NAN] {
            let recent_share = Some(share);
            check(pb::ContextOptions { recent_share, ..none() }, "options.recent_share", "0 to 1");
        }
        let superseded_turns = 9;
        let field = "options.superseded_turns";
        check(pb::ContextOptions { superseded_turns, ..none() }, field, "9");
        check(pb::ContextOptions { reanchoring: 9, ..none() }, "options.reanchoring", "9");
        check(pb::ContextOptions { min_score: 2.0, ..none() }, "options.min_score", "0 to 1");
        let template_overhead = Some(pb::TemplateOverhead { per_message: u32::MAX, per_prompt: 0 });
        check(
            pb::ContextOptions { template_overhead, ..none() },
            "options.template_overhead.per_message",
            "4096",
        );
    }
}
