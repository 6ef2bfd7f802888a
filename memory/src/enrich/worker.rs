//! The task that empties the outbox, on a thread of its own: what it computes
//! holds up no request.
//!
//! Conversations are derived side by side, so that texts of many requests share
//! batches and commits; the entries of one conversation stay in order, and what
//! removes stands alone. Turns are measured once they are searchable, whenever no other
//! conversation has just been derived. What fails is tried again with a growing delay:
//! nothing is skipped, a model or an index that is down holds up enrichment, never an
//! append, and a text that the embedder fails on holds up its own conversation,
//! never others.

use std::{collections::VecDeque, io, iter::Peekable, sync::Arc, time::Duration};

use futures::{
    StreamExt as _,
    stream::{self, FuturesUnordered},
};
use tokio::{sync::watch, task::JoinHandle, time::Instant};

use super::{Deriver, Outbox, Queued};
use crate::{
    background,
    embed::EmbedError,
    engine::{EngineError, records::Task},
    store::StoreError,
    turn::Sequence,
};

/// Turns taken at a time.
const TURNS_PER_ROUND: u64 = 512;
/// Conversations derived side by side: enough to fill the embedder's batches.
const SIDE_BY_SIDE: usize = 32;
/// First and longest delay after a failure.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// What came of entries.
#[derive(Default)]
struct Round {
    /// Not done: something holds up all.
    left: Vec<Queued>,
    /// Derivations of conversations with a text that the embedder fails on.
    held: Vec<Queued>,
    /// Derived, not measured yet.
    derived: Vec<Joined>,
    /// Why there are entries left.
    error: Option<EngineError>,
}

/// Entries that follow each other as one, and those that it stands for.
struct Joined {
    whole: Queued,
    covered: Vec<Queued>,
    /// The store's losses before it is done.
    since: u64,
}

impl Round {
    fn add(&mut self, other: Self) {
        self.left.extend(other.left);
        self.held.extend(other.held);
        self.derived.extend(other.derived);
        self.error = self.error.take().or(other.error);
    }
}

/// A delay that doubles with every failure.
struct Backoff(Duration);

impl Backoff {
    fn next(&mut self) -> Duration {
        let delay = self.0;
        self.0 = (delay * 2).min(RETRY.1);
        delay
    }
}

/// Starts emptying the outbox until `closing` turns true.
///
/// # Errors
/// No thread can be had.
pub(crate) fn spawn(
    deriver: Deriver,
    outbox: Arc<Outbox>,
    closing: watch::Receiver<bool>,
) -> io::Result<JoinHandle<Option<()>>> {
    background::spawn("enrich", async move { empty(&deriver, &outbox, closing).await })
}

async fn empty(deriver: &Deriver, outbox: &Outbox, mut closing: watch::Receiver<bool>) {
    let (mut failing, mut holding) = (Backoff(RETRY.0), Backoff(RETRY.0));
    let mut held: Vec<Queued> = Vec::new();
    let mut again = Instant::now();
    loop {
        let taken = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return,
            () = tokio::time::sleep_until(again), if !held.is_empty() => {
                outbox.put_behind(std::mem::take(&mut held));
                continue;
            }
            taken = outbox.take(TURNS_PER_ROUND) => taken,
        };
        let Some(round) = run(deriver, outbox, taken, &mut closing).await else { return };
        outbox.put_back(round.left);
        if !round.held.is_empty() {
            held.extend(round.held);
            again = Instant::now() + holding.next();
        } else if held.is_empty() {
            holding = Backoff(RETRY.0);
        }
        let Some(error) = round.error else {
            failing = Backoff(RETRY.0);
            continue;
        };
        let delay = failing.next();
        tracing::warn!(%error, ?delay, "enrichment waits");
        tokio::select! {
            _ = closing.wait_for(|closing| *closing) => return,
            () = tokio::time::sleep(delay) => {}
        }
    }
}

/// Does entries: removals each alone and in order, since what is removed must not
/// be written after it; the conversations between them side by side. Nothing comes
/// back when `closing` turns true: what is derived by then is still measured, so that
/// a restart need not derive it again.
async fn run(
    deriver: &Deriver,
    outbox: &Outbox,
    taken: Vec<Queued>,
    closing: &mut watch::Receiver<bool>,
) -> Option<Round> {
    let mut round = Round::default();
    let mut taken = taken.into_iter().peekable();
    while round.error.is_none() && taken.peek().is_some() {
        let stage = next_stage(&mut taken, &mut round.held);
        let (done, closes) = run_stage(deriver, outbox, stage, closing).await;
        round.add(done);
        if closes {
            return None;
        }
    }
    round.left.extend(taken);
    round.left.sort_by_key(|queued| queued.id);
    Some(round)
}

/// Does the conversations of a stage side by side, and measures what they have derived
/// while no other is through: one at a time, since measuring computes on this thread,
/// and all that is left side by side in the end. The second value says whether `closing`
/// turned true.
async fn run_stage(
    deriver: &Deriver,
    outbox: &Outbox,
    stage: Vec<Vec<Queued>>,
    closing: &mut watch::Receiver<bool>,
) -> (Round, bool) {
    let mut round = Round::default();
    let groups = stream::iter(stage)
        .map(|of_conversation| run_in_order(deriver, outbox, of_conversation))
        .buffer_unordered(SIDE_BY_SIDE);
    let mut groups = Some(groups);
    let mut waiting: VecDeque<Joined> = VecDeque::new();
    let mut ends = FuturesUnordered::new();
    let mut closes = false;
    loop {
        let at_once = if groups.is_some() { 1 } else { SIDE_BY_SIDE };
        while ends.len() < at_once
            && let Some(joined) = waiting.pop_front()
        {
            ends.push(end(deriver, outbox, joined));
        }
        let Some(deriving) = groups.as_mut() else {
            let Some(ended) = ends.next().await else { break };
            round.add(ended);
            continue;
        };
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => {
                closes = true;
                groups = None;
            }
            group = deriving.next() => {
                if let Some(mut group) = group {
                    waiting.extend(std::mem::take(&mut group.derived));
                    round.add(group);
                } else {
                    groups = None;
                }
            }
            Some(ended) = ends.next(), if !ends.is_empty() => round.add(ended),
        }
    }
    (round, closes)
}

/// The entries up to the next removal, or that removal, by conversation. Those of a
/// conversation that is held up are held too.
fn next_stage(
    taken: &mut Peekable<impl Iterator<Item = Queued>>,
    held: &mut Vec<Queued>,
) -> Vec<Vec<Queued>> {
    if let Some(removal) = taken.next_if(Queued::removes) {
        return vec![vec![removal]];
    }
    let mut stage: Vec<Vec<Queued>> = Vec::new();
    while let Some(queued) = taken.next_if(|queued| !queued.removes()) {
        let is_same = |other: &Queued| is_same_conversation(other, &queued);
        if held.iter().any(is_same) {
            held.push(queued);
            continue;
        }
        let known = stage.iter_mut().find(|group| group.first().is_some_and(is_same));
        match known {
            Some(group) => group.push(queued),
            None => stage.push(vec![queued]),
        }
    }
    stage
}

fn is_same_conversation(one: &Queued, other: &Queued) -> bool {
    (&one.entry.tenant, &one.entry.owner) == (&other.entry.tenant, &other.entry.owner)
}

/// Does the entries of one conversation, without measuring what it has derived. A
/// text that the embedder fails on holds up the rest of them; any other failure ends
/// the round.
async fn run_in_order(deriver: &Deriver, outbox: &Outbox, entries: Vec<Queued>) -> Round {
    let mut round = Round::default();
    let mut entries = entries.into_iter().peekable();
    // What comes later stands on what came before it.
    let since = deriver.store.losses();
    while let Some(queued) = entries.next() {
        let joined = joined(queued, &mut entries, since);
        let done = deriver.run(&joined.whole).await;
        match done {
            Ok(()) if joined.whole.measured().is_some() => {
                outbox.searchable(&joined.covered);
                round.derived.push(joined);
            }
            Ok(()) => round.add(end(deriver, outbox, joined).await),
            Err(error) if matches!(error, EngineError::Embed(EmbedError::Engine(_))) => {
                let conversation = &joined.whole.entry.owner;
                tracing::warn!(%error, %conversation, "enrichment of a conversation waits");
                round.held.extend(joined.covered);
                round.held.extend(entries);
                return round;
            }
            Err(error) => round.add(not_done(joined, error)),
        }
        if round.error.is_some() {
            round.left.extend(entries);
            return round;
        }
    }
    round
}

/// Measures the turns of entries that are derived, and ends the entries.
async fn end(deriver: &Deriver, outbox: &Outbox, joined: Joined) -> Round {
    if let Err(error) = deriver.end(&joined.whole, &joined.covered, joined.since).await {
        if matches!(error, EngineError::Store(StoreError::TakenBack)) {
            outbox.waits_again(&joined.covered);
        }
        return not_done(joined, error);
    }
    outbox.finish(&joined.covered);
    deriver.follow(&joined.covered);
    Round::default()
}

fn not_done(joined: Joined, error: EngineError) -> Round {
    Round { left: joined.covered, error: Some(error), ..Round::default() }
}

/// An entry together with those behind it that go on where it ends, as one.
fn joined(
    first: Queued,
    entries: &mut Peekable<impl Iterator<Item = Queued>>,
    since: u64,
) -> Joined {
    let mut whole = first.clone();
    let mut covered = vec![first];
    let rebuilt = matches!(whole.entry.task, Task::Rebuild { .. });
    let (Task::Derive { until, .. } | Task::Rebuild { until, .. }) = &mut whole.entry.task else {
        return Joined { whole, covered, since };
    };
    let goes_on = |next: &Queued, until: Sequence| match next.entry.task {
        Task::Derive { from, until: last } if !rebuilt && from == until + 1 => Some(last),
        Task::Rebuild { from, until: last } if rebuilt && from == until + 1 => Some(last),
        _ => None,
    };
    while let Some(last) = entries.peek().and_then(|next| goes_on(next, *until)) {
        *until = last;
        covered.extend(entries.next());
    }
    Joined { whole, covered, since }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::records::OutboxEntry,
        turn::{ConversationId, TenantId},
    };

    fn queued(id: u64, owner: &str, task: Task) -> Queued {
        let owner = ConversationId::new(owner).unwrap();
        Queued { id, entry: OutboxEntry { tenant: TenantId::new("t").unwrap(), owner, task } }
    }

    fn derive(id: u64, owner: &str, from: Sequence, until: Sequence) -> Queued {
        queued(id, owner, Task::Derive { from, until })
    }

    #[test]
    fn removals_stand_alone_and_conversations_side_by_side() {
        let forget = queued(3, "a", Task::Forget { sequences: vec![1] });
        let entries = vec![
            derive(0, "a", 1, 1),
            derive(1, "b", 1, 1),
            derive(2, "a", 2, 2),
            forget,
            derive(4, "c", 1, 1),
            derive(5, "a", 3, 3),
        ];
        let mut taken = entries.into_iter().peekable();
        let mut held = vec![derive(9, "c", 9, 9)];
        let mut next = || {
            let stage = next_stage(&mut taken, &mut held);
            let ids = |group: &Vec<Queued>| group.iter().map(|one| one.id).collect::<Vec<_>>();
            stage.iter().map(ids).collect::<Vec<_>>()
        };
        assert_eq!(next(), [vec![0, 2], vec![1]]);
        assert_eq!(next(), [vec![3]]);
        assert_eq!(next(), [vec![5]]);
        assert_eq!(held.len(), 2, "a conversation that is held up stays so");
    }

    #[test]
    fn derivations_that_follow_each_other_are_one() {
        let behind = vec![derive(1, "a", 4, 4), derive(2, "a", 5, 9), derive(3, "a", 11, 11)];
        let mut behind = behind.into_iter().peekable();
        let Joined { whole, covered, .. } = joined(derive(0, "a", 1, 3), &mut behind, 0);
        assert_eq!(whole.entry.task, Task::Derive { from: 1, until: 9 });
        assert_eq!(covered.len(), 3);
        let Joined { whole, covered, .. } = joined(queued(8, "a", Task::Facts), &mut behind, 0);
        assert_eq!((whole.id, covered.len(), behind.count()), (8, 1, 1));
    }
}
