//! Usage in the store: in all for each conversation, by day for each tenant. Written
//! by one task, together with what else is recorded; read by the calls.
//!
//! Invariants: what a conversation used goes with the conversation, the tenant's
//! days stay; a crash loses at most what was counted in the last second.

use std::{collections::HashMap, ops::ControlFlow, sync::Arc};

use jiff::civil::Date;

use super::{
    ContextOutcome, Engine, EngineError,
    records::{decode, encode},
};
use crate::{
    store::{Batch, Direction, StoreError, keys, keys::Kind},
    turn::{ConversationId, TenantId},
    usage::{Meter, Usage},
};

/// Days of one answer at most: ten years.
const MAX_DAYS: usize = 3_660;

impl Engine {
    /// Counts what the service does.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Counts a window that is given.
    pub(super) fn meter_window(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        outcome: &ContextOutcome,
    ) {
        let tokens = u64::from(outcome.window.total_tokens);
        let amounts = Usage {
            windows: 1,
            window_tokens: tokens,
            saved_tokens: outcome.full_history_tokens.saturating_sub(tokens),
            assembly_micros: outcome.assembly_micros,
            ..Usage::default()
        };
        self.meter.add(tenant, Some(id), &amounts);
    }

    /// What a tenant used, by day (UTC), days of a range alone, in order; days of
    /// which nothing is known are left out.
    ///
    /// # Errors
    /// `Invalid` for a range of more than ten years, `Store`.
    pub async fn usage_by_day(
        &self,
        tenant: &TenantId,
        from: Date,
        until: Date,
    ) -> Result<Vec<(Date, Usage)>, EngineError> {
        let days = i64::from(day_number(until)) - i64::from(day_number(from)) + 1;
        if !(1..=MAX_DAYS as i64).contains(&days) {
            let why = format!("must be 1 to {MAX_DAYS} days, are {days}");
            return Err(EngineError::invalid("until_date", why));
        }
        self.recorder.flush().await;
        let start = keys::usage_day(tenant, day_number(from));
        let (_, end) = keys::prefix_range(&keys::usage_day(tenant, day_number(until)));
        let mut found = Vec::new();
        self.store.scan(&start, &end, Direction::Forward, &mut |key, value| {
            let usage = decode(key, &value)?;
            let day = key.last_chunk().map_or(0, |be| u32::from_be_bytes(*be));
            found.extend(date_of(day).map(|date| (date, usage)));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    /// What a conversation used since it was created.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub async fn usage_of(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Usage, EngineError> {
        self.heads.cell(tenant, id)?.head()?;
        self.recorder.flush().await;
        Ok(self.stored_usage(&usage_key(tenant, id))?)
    }

    /// What the conversations of a tenant used, the newest id first, from behind
    /// `before` on; whether there are more comes with it.
    ///
    /// # Errors
    /// `Store`.
    pub async fn usage_by_conversation(
        &self,
        tenant: &TenantId,
        before: Option<&ConversationId>,
        limit: usize,
    ) -> Result<(Vec<(ConversationId, Usage)>, bool), EngineError> {
        self.recorder.flush().await;
        let mut ids = self.conversation_ids(tenant, None, before, limit + 1)?;
        let more = ids.len() > limit;
        ids.truncate(limit);
        let of = |id: ConversationId| {
            let usage = self.stored_usage(&usage_key(tenant, &id))?;
            Ok::<_, StoreError>((id, usage))
        };
        Ok((ids.into_iter().map(of).collect::<Result<_, _>>()?, more))
    }

    fn stored_usage(&self, key: &[u8]) -> Result<Usage, StoreError> {
        let stored = self.store.get(key)?;
        Ok(stored.map(|bytes| decode(key, &bytes)).transpose()?.unwrap_or_default())
    }

    /// Adds what a conversation used to a batch.
    pub(super) fn add_usage(
        &self,
        batch: &mut Batch,
        tenant: &TenantId,
        id: &ConversationId,
        amounts: &Usage,
    ) -> Result<(), StoreError> {
        let key = usage_key(tenant, id);
        let mut usage = self.stored_usage(&key)?;
        usage.add(amounts);
        batch.put(key, encode(&usage)?);
        Ok(())
    }

    /// Writes what tenants used, for today.
    pub(super) async fn write_usage_of_tenants(
        &self,
        amounts: &HashMap<TenantId, Usage>,
    ) -> Result<(), StoreError> {
        let today = (self.clock)().to_zoned(jiff::tz::TimeZone::UTC).date();
        let mut batch = Batch::new();
        for (tenant, amounts) in amounts {
            let key = keys::usage_day(tenant, day_number(today));
            let mut usage = self.stored_usage(&key)?;
            usage.add(amounts);
            batch.put(key, encode(&usage)?);
        }
        if batch.is_empty() { Ok(()) } else { self.store.commit(batch).await }
    }
}

fn usage_key(tenant: &TenantId, id: &ConversationId) -> keys::Key {
    keys::kind_prefix(tenant, id, Kind::Usage)
}

/// Days since 0000-01-01; dates before that are none that a clock gives.
fn day_number(date: Date) -> u32 {
    let days = (date - Date::constant(0, 1, 1)).get_days();
    u32::try_from(days).unwrap_or(0)
}

fn date_of(day: u32) -> Option<Date> {
    let days = jiff::Span::new().try_days(i64::from(day)).ok()?;
    Date::constant(0, 1, 1).checked_add(days).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_numbered_in_order() {
        for (year, month, day) in [(1970, 1, 1), (2024, 2, 29), (2026, 12, 31), (9999, 12, 31)] {
            let date = Date::new(year, month, day).unwrap();
            assert_eq!(date_of(day_number(date)), Some(date));
        }
        let (a, b) = (Date::constant(2025, 12, 31), Date::constant(2026, 1, 1));
        assert_eq!(day_number(a) + 1, day_number(b));
    }
}
