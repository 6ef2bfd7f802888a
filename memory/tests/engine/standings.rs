//! How conversations stand is counted by tenant: as they move, across restarts, and no
//! more when they have gone.

use crate::fixture::*;
use throughline_memory::{degradation::HealthTotals, turn::*};

fn totals(world: &World) -> HealthTotals {
    world.engine.standings().totals().tenants.get(&tenant()).copied().unwrap_or_default()
}

/// Waits until conversations stand so, at none, reanchor, compact and reset, and their
/// scores add up to what is told of these.
async fn until(world: &World, standing: [u64; 4], of: &[&ConversationId]) {
    within(&format!("{standing:?}"), async {
        loop {
            let mut sum = 0.0;
            for id in of {
                sum += f64::from(world.engine.health(&tenant(), id).await.expect("read").score);
            }
            // Each to the nearest twentieth.
            let is_sum = (totals(world).score_sum() - sum).abs() <= 0.026 * of.len() as f64;
            if totals(world).standing == standing && is_sum {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Exchanges in which the user says again and again that it was said.
async fn complain(world: &World, id: &ConversationId, exchanges: usize) {
    let exchange = |n: usize| {
        let answer = format!("Let us talk about topic {n}.");
        [said(Role::Assistant, &answer), said(Role::User, "I told you already.")]
    };
    let turns = (0..exchanges).flat_map(exchange).collect();
    world.engine.append_turns(&tenant(), id, turns, None).await.expect("appended");
    world.drain().await;
}

#[tokio::test]
async fn conversations_are_counted_where_they_stand() {
    let world = World::new().await;
    let (calm, bad) = (world.create("calm").await, world.create("bad").await);
    world.say(&calm, &["hello", "how are you"]).await;
    world.say(&bad, &["hello"]).await;
    until(&world, [2, 0, 0, 0], &[&calm, &bad]).await;
    assert_eq!((totals(&world).score_sum(), totals(&world).begun), (2.0, [0; 4]));
    complain(&world, &bad, 4).await;
    until(&world, [1, 1, 0, 0], &[&calm, &bad]).await;
    complain(&world, &bad, 6).await;
    until(&world, [1, 0, 0, 1], &[&calm, &bad]).await;
    assert_eq!(totals(&world).begun, [0, 1, 0, 1]);
    let before = totals(&world);

    let world = world.reopen().await;
    let found = totals(&world);
    assert_eq!((found.standing, found.begun), (before.standing, [0; 4]), "from the start on");
    assert_eq!(found.score_sum(), before.score_sum());
    world.engine.delete_conversation(&tenant(), &bad).await.expect("deleted");
    assert_eq!((totals(&world).standing, totals(&world).score_sum()), ([1, 0, 0, 0], 1.0));
    world.engine.delete_conversation(&tenant(), &calm).await.expect("deleted");
    world.drain().await;
    assert_eq!((totals(&world).standing, totals(&world).score_sum()), ([0; 4], 0.0));
    assert_eq!(world.keys(), Vec::<Vec<u8>>::new());
}

#[tokio::test]
async fn what_is_erased_lets_a_conversation_come_back() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["hello"]).await;
    complain(&world, &c, 4).await;
    until(&world, [0, 1, 0, 0], &[&c]).await;
    world.engine.forget_turns(&tenant(), &c, &[3, 5, 7, 9]).await.expect("forgotten");
    until(&world, [1, 0, 0, 0], &[&c]).await;
    assert_eq!(totals(&world).begun, [1, 1, 0, 0]);
    let world = world.reopen().await;
    assert_eq!(totals(&world).standing, [1, 0, 0, 0]);
}

#[tokio::test]
async fn where_nothing_is_measured_nothing_is_counted() {
    let world = World::unmeasured().await;
    let c = world.create("c").await;
    world.say(&c, &["hello"]).await;
    world.drain().await;
    world.engine.close().await;
    assert_eq!(totals(&world), HealthTotals::default());
}
