//! Facts of the user: in the windows of all of their conversations, and each in the place
//! of what was said before, wherever that was pinned and in whatever order it came.
use crate::fixture::*;
use throughline_memory::{engine::*, facts::Owner, turn::*};

fn airport(value: &str) -> NewFact {
    NewFact { owner: Owner::User, ..about("home airport", value) }
}

async fn talk(world: &World, name: &str, user: &str) -> ConversationId {
    let id = world.create_for(name, user).await;
    world.say(&id, &["How do I get to Vienna?"]).await;
    world.settle(&id).await;
    id
}

async fn pin_in(world: &World, of: &ConversationId, new: NewFact) -> PinnedFact {
    world.engine.pin_fact(&tenant(), of, new).await.expect("pinned").0
}

async fn update(world: &World, of: &ConversationId, fact: &FactId, patch: FactPatch) -> PinnedFact {
    world.engine.update_fact(&tenant(), of, fact, patch).await.expect("changed").0
}

/// A change into what [`about`] says.
fn saying(attribute: &str, value: &str) -> FactPatch {
    FactPatch {
        text: Some(format!("The {attribute} is {value}")),
        attribute: Some(attribute.to_owned()),
        value: Some(value.to_owned()),
        ..FactPatch::default()
    }
}

/// Which airports a window names.
async fn airports(world: &World, of: &ConversationId) -> Vec<&'static str> {
    let window = words(&world.window(of, "to Vienna").await);
    let all = ["Graz", "Linz", "Wels"];
    all.into_iter().filter(|name| window.contains(&format!("airport is {name}"))).collect()
}

#[tokio::test]
async fn what_the_caller_pins_for_the_user_stands_in_all_windows_of_theirs() {
    // Also where the service pins nothing by itself.
    let world = World::new().await;
    let first = talk(&world, "first", "ann").await;
    let second = talk(&world, "second", "ann").await;
    let third = talk(&world, "third", "bob").await;
    pin_in(&world, &first, airport("Graz")).await;
    assert_eq!(airports(&world, &second).await, ["Graz"]);
    assert!(airports(&world, &third).await.is_empty());
    // A later one takes its place wherever it was pinned.
    pin_in(&world, &second, airport("Linz")).await;
    for conversation in [&first, &second] {
        assert_eq!(airports(&world, conversation).await, ["Linz"]);
    }
}

#[tokio::test]
async fn whose_a_fact_is_can_be_changed_where_there_is_a_user() {
    let world = World::new().await;
    let c = talk(&world, "c", "ann").await;
    let other = talk(&world, "other", "ann").await;
    let own = pin_in(&world, &c, about("home airport", "Graz")).await;
    assert!(airports(&world, &other).await.is_empty());
    let of_user = || FactPatch { owner: Some(Owner::User), ..FactPatch::default() };
    let changed = update(&world, &c, &own.fact.id, of_user()).await;
    assert_eq!(changed.fact.owner, Owner::User);
    assert_eq!(airports(&world, &other).await, ["Graz"]);
    let nobodys = world.create("nobodys").await;
    let refused = world.engine.pin_fact(&tenant(), &nobodys, airport("Wels")).await;
    let Err(EngineError::Invalid(violations)) = refused else { panic!("{refused:?}") };
    assert_eq!(violations[0].field, "fact.owner");
    let own = pin_in(&world, &nobodys, about("home airport", "Wels")).await;
    let refused = world.engine.update_fact(&tenant(), &nobodys, &own.fact.id, of_user()).await;
    assert!(matches!(refused, Err(EngineError::Invalid(_))), "{refused:?}");
}

#[tokio::test]
async fn a_change_finds_anew_what_a_fact_replaces_elsewhere() {
    let world = World::new().await;
    let first = talk(&world, "first", "ann").await;
    let second = talk(&world, "second", "ann").await;
    let old = pin_in(&world, &first, airport("Graz")).await;
    let new = pin_in(&world, &second, airport("Linz")).await;
    assert_eq!(airports(&world, &first).await, ["Linz"]);
    // The later one was a mistake.
    update(&world, &second, &new.fact.id, saying("gate", "B4")).await;
    assert_eq!(airports(&world, &first).await, ["Graz"]);
    // One that was replaced and says something else now holds again.
    pin_in(&world, &second, airport("Wels")).await;
    assert_eq!(airports(&world, &first).await, ["Wels"]);
    update(&world, &first, &old.fact.id, saying("car", "red")).await;
    assert!(words(&world.window(&second, "to Vienna").await).contains("car is red"));
}

#[tokio::test]
async fn a_fork_brings_nothing_back_that_was_replaced_elsewhere() {
    let world = World::new().await;
    let first = talk(&world, "first", "ann").await;
    let second = talk(&world, "second", "ann").await;
    pin_in(&world, &first, NewFact { required: true, ..airport("Graz") }).await;
    world.say(&first, &["And to Rome?"]).await;
    pin_in(&world, &second, airport("Linz")).await;
    let fork = world.fork(&first, 1, "fork").await;
    world.drain().await;
    for conversation in [&first, &second, &fork] {
        assert_eq!(airports(&world, conversation).await, ["Linz"], "{conversation}");
    }
}

#[tokio::test]
async fn an_import_stands_as_if_it_had_come_in_its_time() {
    let world = World::new().await;
    let first = talk(&world, "first", "ann").await;
    let old = pin_in(&world, &first, airport("Graz")).await;
    let second = talk(&world, "second", "ann").await;
    let new = pin_in(&world, &second, airport("Linz")).await;
    // The newer one is brought in first.
    let target = World::new().await;
    for (name, pinned, value) in [("b", &new, "Linz"), ("a", &old, "Graz")] {
        let id = talk(&target, name, "ann").await;
        let kept = KeptFact { id: Some(pinned.fact.id.clone()), ..KeptFact::default() };
        target.engine.import_fact(&tenant(), &id, airport(value), kept).await.expect("imported");
        target.engine.check_imported_facts(&tenant(), &id).await.expect("whole");
    }
    let third = talk(&target, "c", "ann").await;
    assert_eq!(airports(&target, &third).await, ["Linz"]);
}
