//! Usage: which is asked for, and amounts with their cost on the way out.

use jiff::{ToSpan as _, civil::Date};
use throughline_memory::{engine::FieldViolation, turn::ConversationId, usage::Usage};

use super::{Violations, name::parse_conversation};
use crate::{config::Prices, pb};

/// Days before the last one, if no first is given.
const DEFAULT_DAYS: i64 = 30;

/// Which usage is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsageSpan {
    /// Of the tenant, by day.
    Days(Date, Date),
    /// Of its conversations.
    Conversations,
    /// Of one conversation.
    Conversation(ConversationId),
}

/// Reads what is asked for.
pub fn usage_span(
    request: &pb::GetUsageRequest,
    today: Date,
    violations: &mut Violations,
) -> Option<UsageSpan> {
    if !request.conversation.is_empty() {
        let id = violations.take(parse_conversation("conversation", &request.conversation));
        return id.map(UsageSpan::Conversation);
    }
    match pb::UsageGrouping::try_from(request.grouping) {
        Ok(pb::UsageGrouping::Unspecified | pb::UsageGrouping::ByDay) => {
            let until = violations.take(date("until_date", &request.until_date, Some(today)))?;
            let before = until.checked_sub(DEFAULT_DAYS.days()).ok();
            let from = violations.take(date("from_date", &request.from_date, before))?;
            if from > until {
                violations.add("from_date", format!("{from} is after {until}"));
                return None;
            }
            Some(UsageSpan::Days(from, until))
        }
        Ok(pb::UsageGrouping::ByConversation) => Some(UsageSpan::Conversations),
        Err(_) => {
            violations.add("grouping", format!("{} is not known here", request.grouping));
            None
        }
    }
}

fn date(field: &str, given: &str, default: Option<Date>) -> Result<Date, FieldViolation> {
    let wrong = || FieldViolation::new(field, "must be a day such as 2026-01-31");
    if given.is_empty() {
        return default.ok_or_else(wrong);
    }
    // Years before the first have no place in the calendar of the answers.
    given.parse().ok().filter(|date: &Date| date.year() >= 1).ok_or_else(wrong)
}

/// Renders amounts with what they cost.
pub fn usage_to_proto(usage: &Usage, prices: &Prices) -> pb::Usage {
    pb::Usage {
        turns: usage.turns,
        stored_bytes: usage.bytes,
        embedded_tokens: usage.embedded_tokens,
        llm_prompt_tokens: usage.llm_prompt_tokens,
        llm_generated_tokens: usage.llm_generated_tokens,
        llm_seconds: usage.llm_micros as f64 / 1e6,
        windows: usage.windows,
        window_tokens: usage.window_tokens,
        saved_tokens: usage.saved_tokens,
        cost: prices.cost(usage),
        saved_cost: prices.saved(usage),
        currency: prices.currency.clone(),
    }
}

#[cfg(test)]
mod tests {
    use throughline_memory::engine::EngineError;

    use super::*;

    fn read(request: &pb::GetUsageRequest) -> Result<UsageSpan, EngineError> {
        let mut violations = Violations::new();
        let read = usage_span(request, Date::constant(2026, 3, 1), &mut violations);
        violations.finish(read)
    }

    #[test]
    fn a_month_up_to_today_is_the_default() {
        let days = UsageSpan::Days(Date::constant(2026, 1, 30), Date::constant(2026, 3, 1));
        assert_eq!(read(&pb::GetUsageRequest::default()).unwrap(), days);
    }

    #[test]
    fn days_that_cannot_be_are_refused() {
        let asked = |from: &str, until: &str| {
            let (from_date, until_date) = (from.to_owned(), until.to_owned());
            read(&pb::GetUsageRequest { from_date, until_date, ..Default::default() })
        };
        assert!(asked("2026-01-01", "2026-01-01").is_ok());
        for (from, until) in
            [("2026-02-01", "2026-01-01"), ("2026-02-30", ""), ("", "soon"), ("-0001-01-01", "")]
        {
            assert!(asked(from, until).is_err(), "{from} {until}");
        }
    }
}
