//! Which range of a conversation is folded next.
//!
//! Invariants: what stands below is made before what stands above it; a summary that its
//! model could not write is tried again a bounded number of times, later each time, also
//! after a restart; one that it has written is not.

use std::{ops::ControlFlow, time::Duration};

use jiff::Timestamp;

use super::{Engine, EngineError, commit::Publish, folded::Folded, scopes::Scope};
use crate::{
    index::Branch,
    store::{Batch, keys, keys::Kind},
    summary::{
        Summary,
        fold::{self, FoldRules, Node},
        outline,
    },
    turn::{ConversationId, Sequence, TenantId},
};

/// How long a summary that its model could not write stands before it is tried again, the
/// first time; four times as long each further time, so that all span about six hours.
const FIRST_WAIT: Duration = Duration::from_secs(60);
/// Attempts at a summary; after the last one it stays as it was taken from the turns.
const MAX_ATTEMPTS: u32 = 6;

/// What is to be folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A range.
    Range {
        /// Which.
        node: Node,
        /// Attempts that failed before.
        attempts: u32,
    },
    /// One that waits for its model, after this.
    Later(Duration),
    /// Nothing.
    Nothing,
}

impl Engine {
    /// Conversations that store summaries, or did before some were taken out: of these one
    /// may be due although they do not grow. So many at most.
    pub(crate) fn folded_conversations(
        &self,
        at_most: usize,
    ) -> Result<Vec<(TenantId, ConversationId)>, EngineError> {
        self.conversations_of(at_most, |tenant, id, _| {
            let mut has = self.store.get(&keys::struck(tenant, id))?.is_some();
            if !has {
                let (start, end) =
                    keys::prefix_range(&keys::kind_prefix(tenant, id, Kind::Summary));
                self.store.scan_keys(&start, &end, &mut |_| {
                    has = true;
                    Ok(ControlFlow::Break(()))
                })?;
            }
            Ok(has)
        })
    }

    /// What was taken out is made again, as far as the rules say: takes out the mark, unless
    /// more was taken out since it was read.
    pub(super) async fn made_again(&self, scope: &Scope, mark: &[u8]) -> Result<(), EngineError> {
        let Branch { tenant, conversation: id, .. } = &scope.branch;
        let key = keys::struck(tenant, id);
        let writer = self.heads.cell(tenant, id)?.write().await;
        if self.store.get(&key)?.is_none_or(|now| now != mark) {
            return Ok(());
        }
        let mut batch = Batch::new();
        batch.delete(key);
        self.commit(writer, batch, Vec::new(), Publish::Nothing).await
    }

    /// The next range to fold: one whose summary is stale, one whose model is to be tried
    /// again, or what the rules say.
    pub(super) fn due(
        &self,
        scope: &Scope,
        folded: &Folded,
        scored: Sequence,
        rules: &FoldRules,
    ) -> Result<Due, EngineError> {
        let ledger = self.ledger(scope)?;
        let timeline = ledger.covering(&self.store, scored)?;
        let standing = self.held(scope, scored)?;
        // Also those of turns that it shares; what others store is theirs to make again.
        let own = folded.own();
        let stale = own.iter().filter(|one| outline::is_stale(one, &standing));
        // What stands below is made again first.
        if let Some(stale) = stale.min_by_key(|one| (one.level, one.until)) {
            return Ok(Due::Range { node: stale.node(), attempts: 0 });
        }
        let now = (self.clock)();
        let waiting = own.iter().filter_map(|one| Some((waits(one, now)?, one)));
        let first = waiting.min_by_key(|(left, one)| (*left, one.level, one.until));
        if let Some((left, one)) = first
            && left.is_zero()
        {
            return Ok(Due::Range { node: one.node(), attempts: one.unfinished });
        }
        let ends: Vec<Sequence> =
            timeline.topics(scored).into_iter().map(|(_, last, _)| last).collect();
        let state = scope.catalog.covering(&self.store, scored, self.counter.as_ref())?;
        let costs = state.costs(self.counter.name()).iter().take(scored as usize);
        let tokens: Vec<u64> = costs.map(|cost| u64::from(cost.verbatim)).collect();
        Ok(match (fold::next(&folded.nodes(), &tokens, &ends, rules), first) {
            (Some(node), _) => Due::Range { node, attempts: 0 },
            (None, Some((left, _))) => Due::Later(left),
            (None, None) => Due::Nothing,
        })
    }
}

/// How long a summary still waits for its model; nothing if it does not.
fn waits(summary: &Summary, now: Timestamp) -> Option<Duration> {
    wait_left(summary.unfinished, summary.made_at, now)
}

/// How long it still is until a model that so many attempts have found busy, late or away
/// is asked again, the last time at `last`; nothing if it is not asked again.
pub(super) fn wait_left(attempts: u32, last: Timestamp, now: Timestamp) -> Option<Duration> {
    if !(1..MAX_ATTEMPTS).contains(&attempts) {
        return None;
    }
    let wait = FIRST_WAIT.saturating_mul(4_u32.saturating_pow(attempts - 1));
    // A clock that went back must not hold it up.
    let waited = Duration::try_from(now.duration_since(last)).unwrap_or(wait);
    Some(wait.saturating_sub(waited))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(unfinished: u32) -> Summary {
        Summary {
            from: 1,
            until: 9,
            level: 0,
            sentences: Vec::new(),
            rejected: Vec::new(),
            model: "extractive".to_owned(),
            prompt_version: 0,
            known_until: 9,
            made_at: Timestamp::UNIX_EPOCH,
            first_said: Timestamp::UNIX_EPOCH,
            last_said: Timestamp::UNIX_EPOCH,
            unfinished,
            judged_by: None,
        }
    }

    #[test]
    fn a_model_is_tried_again_later_each_time_and_not_for_ever() {
        let left = |unfinished, second| {
            waits(&made(unfinished), Timestamp::from_second(second).unwrap())
                .map(|left| left.as_secs())
        };
        assert_eq!(left(0, 1 << 30), None, "it was written");
        assert_eq!((left(1, 0), left(1, 59), left(1, 60)), (Some(60), Some(1), Some(0)));
        assert_eq!((left(2, 0), left(3, 0), left(5, 0)), (Some(240), Some(960), Some(15_360)));
        assert_eq!(left(1, 1 << 30), Some(0));
        assert_eq!(left(1, -5), Some(0), "the clock went back");
        assert_eq!(left(MAX_ATTEMPTS, 1 << 30), None, "there were enough");
    }
}
