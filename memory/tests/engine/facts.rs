//! Facts as the engine keeps them: what a new one does to those before it,
//! what holds when, and what comes back after a restart.

use std::sync::atomic::Ordering;

use crate::fixture::*;
use jiff::Timestamp;
use throughline_memory::{
    engine::*,
    facts::{Authority, Cause, Retirement},
    store::StoreKind,
    turn::*,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

async fn pinned(world: &World, of: &ConversationId, new: NewFact) -> PinnedFact {
    world.engine.pin_fact(&tenant(), of, new).await.expect("pinned").0
}

/// Fields that a pin is refused for.
async fn refused(world: &World, of: &ConversationId, new: NewFact) -> Vec<String> {
    match world.engine.pin_fact(&tenant(), of, new).await {
        Err(EngineError::Invalid(violations)) => violations.into_iter().map(|v| v.field).collect(),
        other => panic!("not refused: {other:?}"),
    }
}

async fn list(world: &World, of: &ConversationId, retired: bool) -> Vec<PinnedFact> {
    let listed = world.engine.list_facts(&tenant(), of, None, 1_000, retired).await;
    listed.expect("listed").0
}

async fn values(world: &World, of: &ConversationId) -> Vec<String> {
    list(world, of, false).await.into_iter().map(|pinned| pinned.fact.says.value).collect()
}

fn why(pinned: &PinnedFact) -> Option<Retirement> {
    pinned.standing.retired.as_ref().map(|end| end.why)
}

async fn say_at(world: &World, to: &ConversationId, second: i64, text: &str) {
    let turn = NewTurn { said_at: Some(at(second)), ..said(Role::User, text) };
    world.engine.append_turns(&tenant(), to, vec![turn], None).await.expect("appended");
}

#[tokio::test]
async fn a_replaced_fact_leaves_lists_and_windows_and_is_kept() {
    for kind in StoreKind::ALL {
        let world = World::with(kind, Limits::default()).await;
        let c = world.create("c").await;
        world.say(&c, &["planning the trip"]).await;
        let old = pinned(&world, &c, about("hotel", "Hilton")).await;
        let new = pinned(&world, &c, about("hotel_v2", "Marriott")).await;
        let world = world.reopen().await;
        assert_eq!(values(&world, &c).await, ["Marriott"]);
        let all = list(&world, &c, true).await;
        let end = all[0].standing.retired.clone().expect("retired");
        assert_eq!(all[0].fact.id, old.fact.id);
        assert_eq!((end.why, end.by), (Retirement::Superseded, Some(Cause::Fact(new.fact.id))));
        assert_eq!((end.value.as_str(), end.at), ("Marriott", Some(new.fact.valid_from)));
        let seen = words(&world.window(&c, "which hotel").await);
        assert!(seen.contains("Marriott") && !seen.contains("Hilton"), "{seen}");
    }
}

#[tokio::test]
async fn facts_stand_as_they_did_after_an_earlier_turn() {
    let world = World::new().await;
    let c = world.create("c").await;
    let head = |known: &PinnedFact| known.fact.known_turn;
    world.say(&c, &["one", "two"]).await;
    let old = pinned(&world, &c, about("budget", "$500")).await;
    world.say(&c, &["three"]).await;
    let new = pinned(&world, &c, about("budget", "$700")).await;
    assert_eq!((head(&old), head(&new)), (2, 3));
    let marks = |as_of| world.engine.facts_as_of(&tenant(), &c, as_of).expect("there");
    let held = |as_of| -> Vec<String> {
        let known = marks(as_of);
        let held = known.iter().filter(|p| why(p).is_none());
        held.map(|p| p.fact.says.value.clone()).collect()
    };
    assert!(held(1).is_empty());
    assert_eq!(held(2), ["$500"]);
    assert_eq!(held(3), ["$700"]);
}

#[tokio::test]
async fn taking_the_new_one_out_does_not_bring_the_old_one_back() {
    let world = World::new().await;
    let c = world.create("c").await;
    pinned(&world, &c, about("hotel", "Hilton")).await;
    let new = pinned(&world, &c, about("hotel", "xyzzyhotel")).await;
    world.engine.unpin_fact(&tenant(), &c, &new.fact.id).await.expect("unpinned");
    assert!(values(&world, &c).await.is_empty());
    assert_eq!(world.holding("xyzzyhotel"), 0, "its words are gone");
}

#[tokio::test]
async fn a_forgotten_source_takes_its_words_out_of_other_facts() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["we take the xyzzyhotel"]).await;
    pinned(&world, &c, about("hotel", "Hilton")).await;
    pinned(&world, &c, NewFact { source: Some(1), ..about("hotel", "xyzzyhotel") }).await;
    world.engine.forget_turns(&tenant(), &c, &[1]).await.expect("forgotten");
    world.drain().await;
    assert_eq!(world.holding("xyzzyhotel"), 0);
    assert!(values(&world, &c).await.is_empty());
}

#[tokio::test]
async fn a_rejected_edge_is_never_drawn_again() {
    let world = World::new().await;
    let c = world.create("c").await;
    let first = pinned(&world, &c, about("hotel", "Hilton")).await.fact.id;
    let second = pinned(&world, &c, about("hotel", "Marriott")).await.fact.id;
    let reject = |earlier: Cause, later: Cause| {
        let (engine, c) = (&world.engine, &c);
        async move { engine.reject_fact_edge(&tenant(), c, (&earlier, &later), None).await }
    };
    let (old, new) = (Cause::Fact(first.clone()), Cause::Fact(second));
    let revision = reject(old.clone(), new.clone()).await.expect("rejected");
    assert_eq!(reject(old.clone(), new).await.expect("again"), revision);
    assert_eq!(values(&world, &c).await, ["Hilton", "Marriott"]);
    let patch = FactPatch { text: Some("The hotel is Hilton!".into()), ..FactPatch::default() };
    world.engine.update_fact(&tenant(), &c, &first, patch).await.expect("updated");
    assert_eq!(values(&world, &c).await, ["Hilton", "Marriott"], "drawn again by a change");
    // Another one may still replace both.
    pinned(&world, &c, about("hotel", "Ritz")).await;
    assert_eq!(values(&world, &c).await, ["Ritz"]);
    let nobody = Cause::Fact(FactId::new("nobody").expect("an id"));
    let unknown = reject(old.clone(), nobody).await;
    assert!(matches!(unknown, Err(EngineError::NotFound { kind: "fact", .. })), "{unknown:?}");
    let unknown = reject(old, Cause::Turn(9)).await;
    assert!(matches!(unknown, Err(EngineError::NotFound { kind: "turn", .. })), "{unknown:?}");
    let turns = reject(Cause::Turn(1), Cause::Turn(2)).await;
    assert!(matches!(turns, Err(EngineError::Invalid(_))), "{turns:?}");
}

#[tokio::test]
async fn a_change_draws_the_edges_anew() {
    let world = World::new().await;
    let c = world.create("c").await;
    pinned(&world, &c, about("hotel", "Hilton")).await;
    let second = pinned(&world, &c, about("hotel", "Delta")).await.fact.id;
    let patch = FactPatch {
        attribute: Some("airline".into()),
        text: Some("The airline is Delta".into()),
        ..FactPatch::default()
    };
    world.engine.update_fact(&tenant(), &c, &second, patch).await.expect("updated");
    assert_eq!(values(&world, &c).await, ["Hilton", "Delta"]);
    let patch = FactPatch { attribute: Some("hotel".into()), ..FactPatch::default() };
    let changed = world.engine.update_fact(&tenant(), &c, &second, patch).await.expect("updated");
    assert_eq!(changed.0.standing.retired, None);
    assert_eq!(values(&world, &c).await, ["Delta"]);
}

#[tokio::test]
async fn a_fact_ends_when_the_conversations_clock_passes() {
    let world = World::new().await;
    let c = world.create("c").await;
    say_at(&world, &c, 1_000, "hello").await;
    let mut parking = about("parking space", "B4");
    parking.says.expires_at = Some(at(2_000));
    let kept = pinned(&world, &c, parking.clone()).await;
    assert_eq!(kept.fact.valid_from, at(1_000), "the clock is that of the conversation");
    let mut permit = about("permit", "seen at the gate");
    permit.says.depends_on = vec![kept.fact.id.clone()];
    let permit = pinned(&world, &c, permit).await;
    // The service's own clock has long passed it.
    assert!(world.controls.now.load(Ordering::SeqCst) > 2_000);
    assert_eq!(values(&world, &c).await.len(), 2);
    say_at(&world, &c, 2_000, "still here").await;
    // One that is said out of order does not turn the clock back.
    say_at(&world, &c, 1_500, "this came late").await;
    let all = list(&world, &c, true).await;
    assert_eq!(
        all.iter().map(why).collect::<Vec<_>>(),
        [Some(Retirement::Expired), Some(Retirement::Dependency)]
    );
    let end = all[1].standing.retired.clone().expect("retired");
    assert_eq!((end.by, end.at), (Some(Cause::Fact(kept.fact.id)), Some(at(2_000))));
    let earlier = world.engine.facts_as_of(&tenant(), &c, 1).expect("there");
    assert_eq!(earlier.iter().map(why).collect::<Vec<_>>(), [None, None]);
    let seen = words(&world.window(&c, "parking").await);
    assert!(!seen.contains("B4") && !seen.contains("gate"), "{seen}");
    for second in [2_000, 1_999] {
        parking.says.expires_at = Some(at(second));
        assert_eq!(refused(&world, &c, parking.clone()).await, ["fact.expire_time"]);
    }
    let patch = FactPatch { expires_at: Some(Some(at(10))), ..FactPatch::default() };
    let refused = world.engine.update_fact(&tenant(), &c, &permit.fact.id, patch).await;
    assert!(matches!(refused, Err(EngineError::Invalid(_))), "{refused:?}");
}

#[tokio::test]
async fn dependencies_are_facts_of_the_conversation_and_no_cycle() {
    let world = World::new().await;
    let (c, other) = (world.create("c").await, world.create("other").await);
    let elsewhere = pinned(&world, &other, about("hotel", "Ritz")).await.fact.id;
    let base = pinned(&world, &c, about("delivery", "May 3")).await.fact.id;
    let on = |facts: &[&FactId]| {
        let mut new = about("launch", "May 10");
        new.says.depends_on = facts.iter().copied().cloned().collect();
        new
    };
    assert_eq!(refused(&world, &c, on(&[&base, &elsewhere])).await, ["fact.depends_on[1]"]);
    let launch = pinned(&world, &c, on(&[&base])).await.fact.id;
    let patch = FactPatch { depends_on: Some(vec![launch.clone()]), ..FactPatch::default() };
    let cycle = world.engine.update_fact(&tenant(), &c, &base, patch).await;
    let Err(EngineError::Invalid(found)) = cycle else { panic!("{cycle:?}") };
    assert_eq!(found[0].field, "fact.depends_on[0]");
    pinned(&world, &c, about("delivery_corrected", "June 1")).await;
    assert_eq!(values(&world, &c).await, ["June 1"], "the launch goes with the delivery");
    let many = vec![&base; 17];
    assert_eq!(refused(&world, &c, on(&many)).await, ["fact.depends_on"]);
    let long = about(&"x".repeat(257), &"y".repeat(1_025));
    let long = NewFact { text: "z".into(), ..long };
    assert_eq!(refused(&world, &c, long).await, ["fact.attribute", "fact.value"]);
}

#[tokio::test]
async fn a_lower_authority_is_kept_and_marked() {
    let world = World::new().await;
    let c = world.create("c").await;
    let with = |value: &str, authority| {
        let mut new = about("discount limit", value);
        new.says.authority = Some(authority);
        new
    };
    let rule = pinned(&world, &c, with("10%", Authority::Policy)).await.fact.id;
    let wish = pinned(&world, &c, with("25%", Authority::Peer)).await;
    assert_eq!(wish.standing.contradicts, [rule]);
    assert_eq!(values(&world, &c).await, ["10%", "25%"]);
    let seen = words(&world.window(&c, "discount").await);
    assert!(seen.contains("[overruled by higher authority: 10%] not in force: "), "{seen}");
    pinned(&world, &c, with("15%", Authority::Policy)).await;
    assert_eq!(values(&world, &c).await, ["15%"], "it replaces the rule and the wish");
}

#[tokio::test]
async fn an_assistants_word_does_not_replace_the_users() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["the hotel is the Hilton"]).await;
    let answer = vec![said(Role::Assistant, "the hotel is the Marriott")];
    world.engine.append_turns(&tenant(), &c, answer, None).await.expect("appended");
    pinned(&world, &c, NewFact { source: Some(1), ..about("hotel", "Hilton") }).await;
    let said = pinned(&world, &c, NewFact { source: Some(2), ..about("hotel", "Marriott") }).await;
    assert_eq!((why(&said), said.standing.contradicts.len()), (None, 1));
}

#[tokio::test]
async fn turns_go_with_the_facts_that_repeat_them() {
    let world = World::new().await;
    let c = world.create("c").await;
    let turns = ["The launch date is May 3.", "Nice weather.", "So the launch is on May 3, right!"];
    world.say(&c, &turns).await;
    pinned(&world, &c, NewFact { source: Some(1), ..about("launch date", "May 3") }).await;
    let replaced = || {
        let facts = world.engine.facts_as_of(&tenant(), &c, Sequence::MAX).expect("there");
        let marks = facts.turn_marks().values();
        let mut replaced: Vec<_> =
            marks.map(|mark| (mark.turn, mark.later_value.clone())).collect();
        replaced.sort_unstable();
        replaced
    };
    assert!(replaced().is_empty());
    world.say(&c, &["The launch date moved to May 17."]).await;
    pinned(&world, &c, NewFact { source: Some(4), ..about("launch_date_v2", "May 17") }).await;
    let new = || "May 17".to_owned();
    assert_eq!(replaced(), [(1, new()), (3, new())]);
}

#[tokio::test]
async fn what_a_fact_replaces_is_found_however_far_back() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["The launch date is May 3."]).await;
    let filler: Vec<String> = (0..300).map(|n| format!("Parcel {n} came in on time.")).collect();
    world.say(&c, &filler.iter().map(String::as_str).collect::<Vec<_>>()).await;
    world.settle(&c).await;
    let text = "The launch date is now May 17".to_owned();
    pinned(&world, &c, NewFact { text, ..about("launch date", "May 17") }).await;
    let facts = world.engine.facts_as_of(&tenant(), &c, Sequence::MAX).expect("there");
    let marks: Vec<_> = facts.turn_marks().values().map(|mark| mark.turn).collect();
    assert_eq!(marks, [1]);
}

#[tokio::test]
async fn a_fork_starts_without_pins_and_keeps_its_own() {
    let world = World::new().await;
    let root = world.create("root").await;
    world.say(&root, &["one", "two"]).await;
    pinned(&world, &root, about("hotel", "Hilton")).await;
    let fork = world.fork(&root, 1, "fork").await;
    assert!(values(&world, &fork).await.is_empty());
    pinned(&world, &fork, about("hotel", "Marriott")).await;
    assert_eq!(values(&world, &root).await, ["Hilton"]);
    assert_eq!(values(&world, &fork).await, ["Marriott"]);
}
