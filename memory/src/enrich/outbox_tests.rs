//! Tests of the outbox in memory.

use futures::FutureExt as _;

use super::*;
use crate::engine::records::{OutboxEntry, Task};

fn derive(id: u64, tenant: &str, owner: &str, from: u64, until: u64) -> Queued {
    Queued {
        id,
        entry: OutboxEntry {
            tenant: TenantId::new(tenant).unwrap(),
            owner: ConversationId::new(owner).unwrap(),
            task: Task::Derive { from, until },
        },
    }
}

fn ids(entries: &[Queued]) -> Vec<u64> {
    entries.iter().map(|queued| queued.id).collect()
}

#[tokio::test]
async fn tenants_take_turns_and_a_conversation_stays_in_order() {
    let outbox = Outbox::default();
    for id in 0..6 {
        outbox.push(derive(id, "bulk", "c", id * 10 + 1, id * 10 + 10));
    }
    outbox.push(derive(6, "chat", "c", 1, 1));
    let first = outbox.take(20).await;
    assert_eq!(ids(&first), [0, 6, 1]);
    assert_eq!(ids(&outbox.take(20).await), [2, 3]);
    outbox.put_back(first);
    assert_eq!(ids(&outbox.take(11).await), [0, 6], "what was put back leads its tenant");
}

#[tokio::test]
async fn a_conversation_is_searchable_up_to_what_waits() {
    let outbox = Outbox::default();
    let (a, b) = (derive(0, "t", "c", 1, 4), derive(1, "t", "c", 5, 5));
    outbox.resume(vec![a.clone(), b.clone()]);
    let first = || outbox.first_waiting(&a.entry.tenant, &a.entry.owner);
    assert_eq!((first(), outbox.backlog(), outbox.draw_id()), (Some(1), 5, 2));
    outbox.finish(std::slice::from_ref(&a));
    assert_eq!((first(), outbox.backlog()), (Some(5), 1));
    let waiting = outbox.wait_for(&b);
    outbox.finish(std::slice::from_ref(&b));
    waiting.await;
    assert_eq!((first(), outbox.backlog()), (None, 0));
}

#[tokio::test]
async fn a_rebuild_takes_no_room_from_appends() {
    let outbox = Outbox::default();
    let mut again = derive(0, "t", "c", 1, 512);
    again.entry.task = Task::Rebuild { from: 1, until: 512 };
    let newer = derive(1, "t", "c", 513, 514);
    outbox.resume(vec![again.clone(), newer.clone()]);
    assert_eq!((outbox.backlog(), outbox.appended()), (514, 2));
    outbox.finish(&[again, newer]);
    assert_eq!((outbox.backlog(), outbox.appended()), (0, 0));
}

#[tokio::test]
async fn turns_are_searchable_before_they_are_measured() {
    let outbox = Outbox::default();
    let entry = derive(0, "t", "c", 5, 6);
    let (tenant, owner) = (&entry.entry.tenant, &entry.entry.owner);
    let state = || {
        let (waits, unmeasured) =
            (outbox.first_waiting(tenant, owner), outbox.first_unmeasured(tenant, owner));
        (waits, unmeasured, outbox.is_measuring(tenant, owner), outbox.backlog())
    };
    outbox.push(entry.clone());
    assert_eq!(state(), (Some(5), Some(5), false, 2));
    for _ in 0..2 {
        // Once more when measuring failed and everything is done again.
        outbox.searchable(std::slice::from_ref(&entry));
        assert_eq!(state(), (None, Some(5), true, 0));
    }
    assert!(!outbox.is_idle(), "it has not left the store");
    outbox.finish(std::slice::from_ref(&entry));
    assert_eq!(state(), (None, None, false, 0));
    assert!(outbox.is_idle());
}

#[tokio::test]
async fn who_waits_for_measuring_learns_that_it_failed() {
    let outbox = Outbox::default();
    let entry = derive(0, "t", "c", 1, 1);
    let (tenant, owner) = (&entry.entry.tenant, &entry.entry.owner);
    outbox.push(entry.clone());
    let taken = outbox.take(1).await;
    outbox.searchable(&taken);
    let waiting = outbox.wait_until(|| !outbox.is_measuring(tenant, owner));
    tokio::pin!(waiting);
    assert!(waiting.as_mut().now_or_never().is_none());
    outbox.put_back(taken);
    assert!(waiting.as_mut().now_or_never().is_some());
}

#[tokio::test]
async fn measuring_again_comes_after_everything_else_and_holds_nothing_up() {
    let outbox = Outbox::default();
    let again = |id| {
        let mut again = derive(id, "t", "c", 1, 64);
        again.entry.task = Task::Measure { from: 1, until: 64 };
        again
    };
    outbox.resume(vec![again(0), again(1), derive(2, "t", "c", 65, 65)]);
    let first = again(0);
    let (tenant, owner) = (&first.entry.tenant, &first.entry.owner);
    assert_eq!((outbox.backlog(), outbox.appended()), (1, 1));
    assert_eq!(outbox.first_waiting(tenant, owner), Some(65));
    assert_eq!(outbox.first_unmeasured(tenant, owner), Some(1));
    assert_eq!(outbox.first_unfollowed(tenant, owner), Some(65));
    assert_eq!(ids(&outbox.take(100).await), [2]);
    assert_eq!(ids(&outbox.take(100).await), [0], "one at a time");
    outbox.put_back(vec![again(0)]);
    outbox.push(derive(3, "t", "c", 66, 66));
    assert_eq!(ids(&outbox.take(100).await), [3]);
    assert_eq!(ids(&outbox.take(100).await), [0]);
}

#[tokio::test]
async fn measuring_again_comes_after_a_number_of_rounds_too() {
    let outbox = Outbox::default();
    let mut again = derive(0, "t", "old", 1, 64);
    again.entry.task = Task::Measure { from: 1, until: 64 };
    outbox.push(again);
    for round in 1..=u64::from(2 * LATE_AFTER) {
        outbox.push(derive(round, "t", "new", round, round));
        let taken = ids(&outbox.take(100).await);
        assert_eq!(taken.contains(&0), round == u64::from(LATE_AFTER), "{round}");
    }
}

#[tokio::test]
async fn measuring_again_waits_for_what_came_before_it_in_its_conversation() {
    let outbox = Outbox::default();
    let task = |id, owner, task| {
        let mut queued = derive(id, "t", owner, 1, 64);
        queued.entry.task = task;
        queued
    };
    let measure = || Task::Measure { from: 1, until: 64 };
    let pins = task(0, "c", Task::Pins { from: 1, until: 64 });
    outbox.push(pins.clone());
    outbox.push(task(1, "c", measure()));
    outbox.push(task(2, "d", measure()));
    assert_eq!(ids(&outbox.take(100).await), [0]);
    assert_eq!(ids(&outbox.take(100).await), [2], "the pins are held up");
    outbox.finish(&[pins]);
    assert_eq!(ids(&outbox.take(100).await), [1]);
}

#[tokio::test]
async fn a_rebuild_behind_newer_turns_counts_from_its_first() {
    let outbox = Outbox::default();
    let newer = derive(0, "t", "c", 600, 601);
    outbox.push(newer.clone());
    outbox.push(derive(1, "t", "c", 1, 512));
    let first = outbox.first_waiting(&newer.entry.tenant, &newer.entry.owner);
    assert_eq!(first, Some(1));
}

#[tokio::test]
async fn removals_pass_by_what_cannot_be_derived() {
    let outbox = Outbox::default();
    let stuck = derive(0, "t", "c", 1, 30);
    let mut removal = derive(2, "t", "c", 0, 0);
    removal.entry.task = Task::Forget { sequences: vec![3] };
    outbox.push(stuck);
    outbox.push(derive(1, "t", "d", 1, 1));
    assert_eq!(ids(&outbox.take(20).await), [0]);
    outbox.push(removal);
    outbox.put_back(vec![derive(0, "t", "c", 1, 30)]);
    let taken = outbox.take(31).await;
    assert_eq!(ids(&taken), [2, 0]);
    outbox.put_behind(taken.into_iter().skip(1).collect());
    assert_eq!(ids(&outbox.take(20).await), [1, 0], "others first");
}
