//! Pinned facts and the turns after them: what a turn changes is marked and
//! never deleted, shown as an edge, taken back, forgotten, and drawn again.

use crate::fixture::*;
use throughline_memory::{
    engine::*,
    facts::{Cause, Retirement},
    staleness::{Component, EdgeKind, StalenessKind},
    turn::*,
};

async fn pinned(world: &World, of: &ConversationId, new: NewFact) -> FactId {
    world.engine.pin_fact(&tenant(), of, new).await.expect("pinned").0.fact.id
}

/// Values that hold.
async fn held(world: &World, of: &ConversationId) -> Vec<String> {
    let listed = world.engine.list_facts(&tenant(), of, None, 1_000, false).await;
    listed.expect("listed").0.into_iter().map(|pinned| pinned.fact.says.value).collect()
}

async fn shown(world: &World, of: &ConversationId, as_of: Sequence) -> Vec<ShownEdge> {
    world.settle(of).await;
    let request =
        StalenessRequest { sequences: vec![], as_of, after: 0, limit: 1_000, min_revision: 0 };
    world.engine.staleness(&tenant(), of, request).await.expect("there").edges
}

fn ends(edges: &[ShownEdge]) -> Vec<(Cause, Cause)> {
    edges.iter().map(|edge| (edge.earlier.clone(), edge.later.clone())).collect()
}

#[tokio::test]
async fn a_turn_that_changes_a_pin_marks_it_and_can_be_taken_back() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["planning the wedding"]).await;
    let budget = pinned(&world, &c, about("budget", "$9,000")).await;
    let guests = pinned(&world, &c, about("guest_count", "40")).await;
    world.say(&c, &["any news?", "The budget is $7,500 now."]).await;
    world.settle(&c).await;
    assert_eq!(held(&world, &c).await, ["40"]);
    let world = world.reopen().await;
    assert_eq!(held(&world, &c).await, ["40"], "it is stored");

    let (fact, turn) = (Cause::Fact(budget.clone()), Cause::Turn(3));
    let edges = shown(&world, &c, 0).await;
    assert_eq!(ends(&edges), [(fact.clone(), turn.clone())]);
    assert_eq!((edges[0].kind, edges[0].later_value.as_str()), (EdgeKind::Supersedes, "$7,500"));
    assert_eq!(edges[0].reason, "budget: $9,000 -> $7,500");
    assert_eq!(ends(&shown(&world, &c, 2).await), [], "not known yet");

    let seen = words(&world.window(&c, "what can we spend").await);
    assert!(!seen.contains("$9,000") && seen.contains("$7,500"), "{seen}");
    let built = world.window(&c, "How did the budget change over time?").await;
    let seen = words(&built);
    assert!(seen.contains("[replaced by") && seen.contains("$9,000"), "{seen}");
    let marked: Vec<_> = built.edges.iter().map(|(_, edge)| edge.earlier.clone()).collect();
    assert!(marked.contains(&fact), "{marked:?}");

    world.engine.reject_fact_edge(&tenant(), &c, (&fact, &turn), None).await.expect("rejected");
    assert_eq!(held(&world, &c).await, ["$9,000", "40"]);
    assert_eq!(ends(&shown(&world, &c, 0).await), []);
    world.forget_rules().await;
    let world = world.reopen().await;
    world.drain().await;
    assert_eq!(held(&world, &c).await, ["$9,000", "40"], "never drawn again");
    let listed = world.engine.list_facts(&tenant(), &c, None, 10, true).await.expect("listed").0;
    assert_eq!(listed.iter().map(|p| &p.fact.id).collect::<Vec<_>>(), [&budget, &guests]);
}

#[tokio::test]
async fn what_was_said_before_a_late_pin_changes_it_too() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["The budget is $9,000.", "Change the budget to $7,500."]).await;
    pinned(&world, &c, about("budget", "$9,000")).await;
    assert_eq!(held(&world, &c).await, [] as [&str; 0], "it repeats what was changed since");
    let new = pinned(&world, &c, about("deposit", "$500")).await;
    assert_eq!(held(&world, &c).await, ["$500"]);
    world.say(&c, &["I was wrong, the budget is $9,000 after all."]).await;
    world.settle(&c).await;
    assert_eq!(held(&world, &c).await, ["$9,000", "$500"], "said again");
    world.say(&c, &["The deposit was cancelled."]).await;
    world.settle(&c).await;
    assert_eq!(held(&world, &c).await, ["$9,000"]);
    let listed = world.engine.list_facts(&tenant(), &c, None, 10, true).await.expect("listed").0;
    let deposit = listed.iter().find(|pinned| pinned.fact.id == new).expect("kept");
    let end = deposit.standing.retired.clone().expect("retired");
    assert_eq!((end.why, end.by), (Retirement::Superseded, Some(Cause::Turn(4))));
}

#[tokio::test]
async fn what_was_said_again_is_replaced_by_a_later_pin() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["planning the wedding"]).await;
    pinned(&world, &c, about("budget", "$9,000")).await;
    world.say(&c, &["Change the budget to $7,500."]).await;
    world.settle(&c).await;
    assert_eq!(held(&world, &c).await, [] as [&str; 0]);
    world.say(&c, &["I was wrong, the budget is $9,000 after all."]).await;
    world.settle(&c).await;
    assert_eq!(held(&world, &c).await, ["$9,000"]);
    pinned(&world, &c, about("budget", "$5,000")).await;
    assert_eq!(held(&world, &c).await, ["$5,000"]);
    world.forget_rules().await;
    let world = world.reopen().await;
    world.drain().await;
    assert_eq!(held(&world, &c).await, ["$5,000"], "drawn again");
}

#[tokio::test]
async fn other_rules_draw_the_edges_again() {
    let world = World::new().await;
    let c = world.create("c").await;
    let hotel = pinned(&world, &c, about("hotel", "Hilton")).await;
    pinned(&world, &c, about("hotel_v2", "Ritz")).await;
    pinned(&world, &c, about("budget", "$9,000")).await;
    world.say(&c, &["The budget is $7,500 now."]).await;
    let before = shown(&world, &c, 0).await;
    assert_eq!(before.len(), 2);
    world.forget_rules().await;
    let world = world.reopen().await;
    world.drain().await;
    let again = shown(&world, &c, 0).await;
    assert_eq!(ends(&again), ends(&before));
    assert_eq!(held(&world, &c).await, ["Ritz"]);
    assert_eq!(again[0].earlier, Cause::Fact(hotel));
}

#[tokio::test]
async fn what_is_drawn_again_hears_turns_however_far_back_they_are() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["planning the wedding"]).await;
    let budget = pinned(&world, &c, about("budget", "$9,000")).await;
    pinned(&world, &c, about("deposit", "$500")).await;
    world.say(&c, &["The budget is $7,500 now.", "The deposit is $500."]).await;
    world.settle(&c).await;
    // More than are heard when a fact is pinned.
    let talk: Vec<String> = (0..300).map(|n| format!("tile {n} of the floor is dry")).collect();
    for some in talk.chunks(50) {
        world.say(&c, &some.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    world.settle(&c).await;
    pinned(&world, &c, about("deposit", "$700")).await;
    assert_eq!(held(&world, &c).await, ["$700"]);
    let marked = async |world: &World| {
        let facts = world.engine.facts_as_of(&tenant(), &c, Sequence::MAX).expect("there");
        let mut turns: Vec<Sequence> = facts.turn_marks().keys().copied().collect();
        turns.sort_unstable();
        turns
    };
    assert_eq!(marked(&world).await, [3]);
    world.forget_rules().await;
    let world = world.reopen().await;
    world.drain().await;
    assert_eq!(held(&world, &c).await, ["$700"], "drawn again");
    assert_eq!(marked(&world).await, [3], "drawn again");
    let patch = FactPatch { text: Some("The budget is $9,000!".into()), ..FactPatch::default() };
    world.engine.update_fact(&tenant(), &c, &budget, patch).await.expect("updated");
    assert_eq!(held(&world, &c).await, ["$700"], "changed");
}

#[tokio::test]
async fn a_forgotten_turn_leaves_no_words_and_the_old_value_stays_retired() {
    let world = World::new().await;
    let c = world.create("c").await;
    pinned(&world, &c, about("hotel", "Hilton")).await;
    world.say(&c, &["We take Harbourlight instead of the Hilton."]).await;
    world.settle(&c).await;
    assert_eq!(held(&world, &c).await, [] as [&str; 0]);
    assert!(world.holding("Harbourlight") > 0);
    world.engine.forget_turns(&tenant(), &c, &[1]).await.expect("forgotten");
    world.drain().await;
    assert_eq!(world.holding("Harbourlight"), 0);
    assert_eq!(held(&world, &c).await, [] as [&str; 0]);
    world.forget_rules().await;
    let world = world.reopen().await;
    world.drain().await;
    assert_eq!(held(&world, &c).await, [] as [&str; 0], "kept when drawn again");
}

#[tokio::test]
async fn a_watch_tells_what_becomes_of_facts() {
    let world = World::new().await;
    let c = world.create("c").await;
    let hotel = pinned(&world, &c, about("hotel", "Hilton")).await;
    let ritz = pinned(&world, &c, about("hotel_v2", "Ritz")).await;
    let budget = pinned(&world, &c, about("budget", "$9,000")).await;
    world.say(&c, &["The budget is $7,500 now."]).await;
    world.settle(&c).await;
    let mut watch = world.engine.watch(&tenant(), &c, 0).expect("watched");
    let step = watch.next().await.expect("a step").expect("there");
    let mut ends = Vec::new();
    for event in &step.events {
        if let WatchEvent::Superseded(edge) = event {
            ends.push((edge.earlier.clone(), edge.later.clone()));
        }
    }
    let expected = [(Cause::Fact(hotel), Cause::Fact(ritz)), (Cause::Fact(budget), Cause::Turn(1))];
    assert_eq!(ends, expected);
}

#[tokio::test]
async fn a_watch_tells_at_once_what_facts_and_rejections_move() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["The budget is $9,000."]).await;
    world.settle(&c).await;
    pinned(&world, &c, NewFact { source: Some(1), ..about("budget", "$9,000") }).await;
    let mut watch = world.engine.watch(&tenant(), &c, 0).expect("watched");
    let mut next = async || within("a step", watch.next()).await.expect("read").expect("there");
    assert_eq!(next().await.events, [WatchEvent::Indexed(1)]);
    let new = world.engine.pin_fact(&tenant(), &c, about("budget", "$7,500")).await;
    let (new, revision) = new.expect("pinned");
    let step = next().await;
    assert_eq!((step.revision, step.completes), (revision, true));
    let [WatchEvent::Staleness(1, staleness)] = &step.events[..] else { panic!("{step:?}") };
    assert!(staleness.score >= 0.5, "{staleness:?}");
    world.say(&c, &["Nice weather."]).await;
    let step = next().await;
    let (old, new) = (Cause::Turn(1), Cause::Fact(new.fact.id));
    let told = |event: &WatchEvent| matches!(event, WatchEvent::Superseded(edge) if (&edge.earlier, &edge.later) == (&old, &new));
    assert!(step.events.iter().any(told), "{step:?}");
    assert!(!step.events.iter().any(|event| matches!(event, WatchEvent::Staleness(..))));
    world.engine.reject_fact_edge(&tenant(), &c, (&old, &new), None).await.expect("rejected");
    let step = next().await;
    let [WatchEvent::Staleness(1, staleness)] = &step.events[..] else { panic!("{step:?}") };
    assert!(staleness.score < 0.3, "{staleness:?}");
}

/// What replaced a turn, as of a turn.
async fn superseded(
    world: &World,
    of: &ConversationId,
    turn: Sequence,
    as_of: Sequence,
) -> Option<Component> {
    world.settle(of).await;
    let sequences = vec![turn];
    let request = StalenessRequest { sequences, as_of, after: 0, limit: 10, min_revision: 0 };
    let page = world.engine.staleness(&tenant(), of, request).await.expect("there");
    let (_, staleness) = page.turns.into_iter().next().expect("one turn");
    let found = staleness.components.into_iter().find(|c| c.kind == StalenessKind::Superseded);
    assert!(found.as_ref().is_none_or(|one| staleness.score >= one.score), "{found:?}");
    found
}

#[tokio::test]
async fn a_turn_that_a_pin_has_replaced_is_stale_and_says_why() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["The launch date is May 3.", "Nice weather."]).await;
    world.settle(&c).await;
    pinned(&world, &c, NewFact { source: Some(1), ..about("launch date", "May 3") }).await;
    assert_eq!(superseded(&world, &c, 1, 0).await, None);
    world.say(&c, &["The launch date moved to May 17."]).await;
    world.settle(&c).await;
    pinned(&world, &c, NewFact { source: Some(3), ..about("launch_date_v2", "May 17") }).await;
    let found = superseded(&world, &c, 1, 0).await.expect("replaced");
    assert!(found.score >= 0.5 && found.reason.contains("May 17"), "{found:?}");
    assert_eq!(found.cause, Some(3));
    assert_eq!(superseded(&world, &c, 1, 2).await, None, "not known yet");
    assert_eq!(superseded(&world, &c, 2, 0).await, None);
}

#[tokio::test]
async fn a_pin_that_comes_from_no_turn_names_none() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["The budget is $9,000."]).await;
    world.settle(&c).await;
    pinned(&world, &c, NewFact { source: Some(1), ..about("budget", "$9,000") }).await;
    let new = pinned(&world, &c, about("budget", "$7,500")).await;
    let found = superseded(&world, &c, 1, 0).await.expect("replaced");
    assert_eq!((found.cause, &*found.reason), (None, r#"a pinned fact replaced it: "$7,500""#));
    let (turn, fact) = (Cause::Turn(1), Cause::Fact(new));
    assert!(ends(&shown(&world, &c, 0).await).contains(&(turn, fact)), "as the edge says");
}

#[tokio::test]
async fn a_turn_stays_replaced_when_the_pin_that_replaced_it_is_taken_out() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["The budget is $9,000."]).await;
    world.settle(&c).await;
    pinned(&world, &c, NewFact { source: Some(1), ..about("budget", "$9,000") }).await;
    let new = pinned(&world, &c, about("budget", "$7,500")).await;
    let before = superseded(&world, &c, 1, 0).await.expect("replaced");
    world.engine.unpin_fact(&tenant(), &c, &new).await.expect("unpinned");
    assert_eq!(held(&world, &c).await, [] as [&str; 0]);
    world.say(&c, &["Nice weather."]).await;
    for as_of in [0, 1] {
        let after = superseded(&world, &c, 1, as_of).await.expect("still replaced");
        assert_eq!((after.score, &*after.reason), (before.score, "a pinned fact replaced it"));
    }
    let query = "How did the budget change over time?";
    let seen = words(&world.window(&c, query).await);
    assert!(
        seen.contains("[replaced by a pinned fact on 20") && !seen.contains("$7,500"),
        "{seen}"
    );
}

#[tokio::test]
async fn an_edge_between_turns_counts_once_where_a_pin_repeats_the_turn() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["we stay at the Hilton", "[replaces 1] lunch at noon"]).await;
    world.settle(&c).await;
    let before = superseded(&world, &c, 1, 0).await;
    assert_eq!(before.as_ref().map(|one| one.score), Some(0.9));
    let text = "we stay at the Hilton";
    let hotel = pinned(&world, &c, NewFact { source: Some(1), ..pin(text, None) }).await;
    let listed = world.engine.list_facts(&tenant(), &c, None, 10, true).await.expect("listed").0;
    let end = listed.iter().find(|one| one.fact.id == hotel).expect("kept");
    assert!(end.standing.retired.is_some(), "it goes with its turn");
    assert_eq!(superseded(&world, &c, 1, 0).await, before);
}
