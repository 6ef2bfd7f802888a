//! What is measured of conversations: it survives a restart, goes with what was
//! erased, and is made anew with what is derived.

use std::{sync::atomic::Ordering, time::Duration};

use crate::fixture::*;
use throughline_memory::{
    degradation::{Action, Evidence, Health, Outcome, Probed, Signal},
    engine::*,
    turn::*,
};

async fn known(world: &World, id: &ConversationId) -> DegradationOutcome {
    world.engine.degradation(&tenant(), id, all_turns()).await.expect("read")
}

fn all_turns() -> DegradationRequest {
    DegradationRequest { after: 0, limit: 1_000, min_revision: 0 }
}

fn outcome(id: &str, sequence: Sequence) -> Outcome {
    Outcome {
        id: id.to_owned(),
        sequence,
        judge_score: Some(0.5),
        thumbs_up: None,
        task_success: None,
        latency: None,
        model: String::new(),
        prompt_version: String::new(),
        recorded_at: jiff::Timestamp::UNIX_EPOCH,
    }
}

async fn talk(world: &World, id: &ConversationId) {
    let turns = vec![
        said(Role::User, "my tram leaves at nine"),
        said(Role::Assistant, "noted"),
        said(Role::User, "my tram leaves at ten [replaces 1]"),
        said(Role::Assistant, "noted too"),
        said(Role::User, "I told you already."),
    ];
    world.engine.append_turns(&tenant(), id, turns, None).await.expect("appended");
    world.settle(id).await;
}

fn is_present(of: &DegradationOutcome, at: Sequence) -> bool {
    let signals = of.turns[&at].signals.as_ref().expect("measured");
    signals.user_repeats.finding().is_some()
}

#[tokio::test]
async fn records_and_outcomes_survive_a_restart_and_a_rebuild() {
    let world = World::new().await;
    let c = world.create("c").await;
    talk(&world, &c).await;
    world.window(&c, "").await;
    world.engine.record_outcome(&tenant(), &c, outcome("judge", 2)).await.expect("recorded");
    let before = known(&world, &c).await;
    assert_eq!(before.turns.len(), 5);
    assert!(is_present(&before, 5) && !is_present(&before, 3));
    let stale = before.turns[&5].signals.as_ref().and_then(|signals| signals.stale_share);
    assert!(stale.is_some_and(|share| share > 0.1 && share < 0.5), "{stale:?}");
    assert_eq!(before.turns[&5].windows.len(), 1);
    assert_eq!(before.turns[&2].outcomes.len(), 1);

    let world = world.reopen().await;
    assert_eq!(known(&world, &c).await.turns, before.turns);
    assert_eq!(world.engine.tally().totals().tenants.len(), 0);
    world.engine.rebuild(&|_, _| {}).await.expect("rebuilt");
    assert_eq!(known(&world, &c).await.turns, before.turns);
    assert_eq!(world.engine.tally().totals().tenants.len(), 0, "counted before the restart");
}

#[tokio::test]
async fn a_turn_that_is_measured_again_counts_once() {
    let world = World::new().await;
    let c = world.create("c").await;
    talk(&world, &c).await;
    world.drain().await;
    let counted = || world.engine.tally().totals().tenants[&tenant()].turns;
    let before = counted();
    assert!(before.iter().any(|found| found.present > 0), "{before:?}");
    world.engine.rebuild(&|_, _| {}).await.expect("rebuilt");
    assert_eq!(counted(), before);
}

#[tokio::test]
async fn the_next_windows_are_recorded_with_what_was_saved() {
    let world = World::new().await;
    let c = world.create("c").await;
    for n in 0..30 {
        world.say(&c, &[&format!("number {n} is about the tram and the weather of the day")]).await;
    }
    world.settle(&c).await;
    let small = ContextRequest { budget: 200, ..ask("") };
    world.engine.build_context(&tenant(), &c, small.clone()).await.expect("built");
    // The same once more is given again and not built.
    world.engine.build_context(&tenant(), &c, small).await.expect("built");
    let question = ContextRequest { budget: 200, ..ask("tram") };
    world.engine.build_context(&tenant(), &c, question).await.expect("built");
    let known = known(&world, &c).await;
    let windows = &known.turns[&30].windows;
    assert_eq!(windows.iter().map(|window| window.in_chat).collect::<Vec<_>>(), [true, false]);
    let chat = &windows[0];
    assert!(chat.tokens <= 200 && chat.saved_tokens() > 100, "{chat:?}");
    assert_eq!(chat.saved_tokens() + u64::from(chat.tokens), chat.history_tokens);
    assert_eq!(world.engine.record_counts(), RecordCounts { taken: 2, lost: 0 });
}

#[tokio::test]
async fn what_is_erased_takes_its_records_along() {
    let world = World::new().await;
    let c = world.create("c").await;
    talk(&world, &c).await;
    let fork = world.fork(&c, 4, "fork").await;
    world.settle(&fork).await;
    world.engine.record_outcome(&tenant(), &fork, outcome("judge", 2)).await.expect("recorded");
    assert_eq!(known(&world, &fork).await.turns.len(), 4, "a fork shows what it shares");

    world.engine.forget_turns(&tenant(), &c, &[2]).await.expect("forgotten");
    world.settle(&c).await;
    for id in [&c, &fork] {
        assert!(!known(&world, id).await.turns.contains_key(&2), "{id}");
    }
    world.window(&c, "").await;
    for id in [&fork, &c] {
        world.engine.delete_conversation(&tenant(), id).await.expect("deleted");
    }
    world.drain().await;
    // What waits to be recorded meanwhile finds no conversation.
    let today = jiff::civil::date(2023, 11, 14);
    let days = world.engine.usage_by_day(&tenant(), today, today).await.expect("read");
    assert_eq!(days.first().map(|(_, usage)| usage.turns), Some(5));
    assert_eq!(world.keys(), Vec::<Vec<u8>>::new());
}

#[tokio::test]
async fn without_an_answer_nothing_is_measurable() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["I told you already.", "That's wrong."]).await;
    world.settle(&c).await;
    let known = known(&world, &c).await;
    for turn in known.turns.values() {
        let signals = turn.signals.as_ref().expect("measured");
        let named = signals.named();
        assert!(named.iter().all(|(_, signal)| **signal == Signal::NotMeasurable), "{signals:?}");
    }
}

#[tokio::test]
async fn what_was_searchable_before_a_crash_is_measured_after_it() {
    let world = World::new().await;
    let c = world.create("c").await;
    talk(&world, &c).await;
    // The turns may or may not be measured by now.
    let world = within("a restart", world.crash_and_open()).await;
    world.drain().await;
    let known = known(&world, &c).await;
    assert_eq!((known.turns.len(), known.measured_until), (5, 5));
    assert!(is_present(&known, 5) && !is_present(&known, 3));
}

#[tokio::test]
async fn a_conversation_is_measured_while_another_is_derived() {
    let world = World::new().await;
    let (slow, quick) = (world.create("slow").await, world.create("quick").await);
    // Both wait for the index, so that they are taken together.
    world.controls.index_down.store(true, Ordering::SeqCst);
    world.say(&slow, &["alpha"]).await;
    world.say(&quick, &["beta"]).await;
    let world = world.reopen().await;
    *world.controls.index_holds.lock().expect("sound") = slow.to_string();
    world.controls.index_down.store(false, Ordering::SeqCst);
    world.settle(&quick).await;
    within("turns to be measured", async {
        while known(&world, &quick).await.measured_until < 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(known(&world, &slow).await.measured_until, 0);
    world.controls.index_holds.lock().expect("sound").clear();
    world.drain().await;
    assert_eq!(known(&world, &slow).await.measured_until, 1);
}

#[tokio::test]
async fn who_asks_for_a_revision_gets_its_turns_measured() {
    let world = World::new().await;
    let c = world.create("c").await;
    for last in 1..=20 {
        let min_revision = world.say(&c, &["alpha"]).await.revision;
        let request = DegradationRequest { min_revision, ..all_turns() };
        let read = within("a revision", world.engine.degradation(&tenant(), &c, request)).await;
        assert_eq!(read.expect("read").measured_until, last);
    }
}

#[tokio::test]
async fn what_another_version_measured_is_left_out_and_measured_again() {
    let world = World::new().await;
    let c = world.create("c").await;
    talk(&world, &c).await;
    let before = known(&world, &c).await;
    let health = world.engine.health(&tenant(), &c).await.expect("read");
    world.drain().await;
    world.measured_by_another_version(&c).await;
    let between = known(&world, &c).await;
    assert!(between.turns.values().all(|turn| turn.signals.is_none()), "{between:?}");
    let world = world.reopen().await;
    assert_eq!(world.engine.outbox_backlog(), 0, "nothing that is to be searched waits");
    world.drain().await;
    let after = known(&world, &c).await;
    assert_eq!((&after.turns, after.measured_until), (&before.turns, 5));
    assert_eq!(world.engine.health(&tenant(), &c).await.expect("read"), health);
    // Another scorer draws other events, which signals look at.
    world.controls.detector.fetch_add(1, Ordering::SeqCst);
    let world = world.reopen().await;
    world.drain().await;
    assert_eq!(known(&world, &c).await.turns, before.turns);
}

#[tokio::test]
async fn health_goes_on_while_turns_are_measured_again() {
    let world = World::new().await;
    let c = world.create("c").await;
    talk(&world, &c).await;
    world.drain().await;
    let before = world.engine.health(&tenant(), &c).await.expect("read");
    assert!(before.score < 1.0 && before.as_of == 5, "{before:?}");
    // Measuring again waits for a turn that cannot be indexed.
    world.controls.index_down.store(true, Ordering::SeqCst);
    world.say(&c, &["and now?"]).await;
    world.controls.detector.fetch_add(1, Ordering::SeqCst);
    let world = world.reopen().await;
    assert_eq!(known(&world, &c).await.measured_until, 0);
    assert_eq!(world.engine.health(&tenant(), &c).await.expect("read"), before);
    world.controls.index_down.store(false, Ordering::SeqCst);
    world.drain().await;
    assert_eq!(known(&world, &c).await.measured_until, 6);
    assert_eq!(world.engine.health(&tenant(), &c).await.expect("read").as_of, 6);
}

/// The assistant asks for what is pinned, before another pin takes its place.
#[tokio::test]
async fn many_turns_at_a_time_are_measured_like_one_after_the_other() {
    let world = World::new().await;
    let c = world.create("c").await;
    let turn = async |role, text: &str| {
        let turns = vec![said(role, text)];
        world.engine.append_turns(&tenant(), &c, turns, None).await.expect("appended");
        world.drain().await;
    };
    turn(Role::User, "Hello, I am planning a trip.").await;
    let pinned = world.engine.pin_fact(&tenant(), &c, about("city", "Graz")).await;
    let first = pinned.expect("pinned").0.fact.id;
    turn(Role::Assistant, "Nice! What is your city?").await;
    turn(Role::User, "You should know that.").await;
    world.engine.pin_fact(&tenant(), &c, about("city", "Linz")).await.expect("pinned");
    turn(Role::Assistant, "So it is Linz.").await;
    let before = known(&world, &c).await;
    let asks = before.turns[&2].signals.as_ref().and_then(|one| one.assistant_reasks.finding());
    assert_eq!(asks.map(|finding| &finding.evidence), Some(&Evidence::Pin(first)));
    world.engine.rebuild(&|_, _| {}).await.expect("rebuilt");
    assert_eq!(known(&world, &c).await.turns, before.turns);
}

#[tokio::test]
async fn no_signal_names_a_turn_that_was_erased() {
    const REQUEST: &str = "Can you recommend a quiet hotel near the station in Porto?";
    let world = World::new().await;
    let c = world.create("c").await;
    let both = || vec![said(Role::User, REQUEST), said(Role::Assistant, "It depends.")];
    let append = async |to: &ConversationId, turns| {
        world.engine.append_turns(&tenant(), to, turns, None).await.expect("appended");
        world.drain().await;
    };
    append(&c, both()).await;
    let fork = world.fork(&c, 2, "fork").await;
    for id in [&c, &fork] {
        append(id, both()).await;
        let known = known(&world, id).await;
        let again = known.turns[&3].signals.as_ref().expect("measured").user_repeats.clone();
        let evidence = again.finding().map(|finding| finding.evidence.clone());
        assert_eq!(evidence, Some(Evidence::Earlier(1)), "{id}");
    }
    world.engine.forget_turns(&tenant(), &c, &[1]).await.expect("forgotten");
    for id in [&c, &fork] {
        let known = known(&world, id).await;
        let signals = known.turns[&3].signals.as_ref().expect("measured");
        assert_eq!(signals.user_repeats, Signal::NotMeasurable, "{id}");
        let health = world.engine.health(&tenant(), id).await.expect("read");
        assert_eq!((health.score, health.as_of), (1.0, 4), "{id}");
    }
}

#[tokio::test]
async fn the_health_of_a_long_conversation_is_that_of_its_records() {
    let world = World::new().await;
    let c = world.create("c").await;
    let complaint = |n: usize| {
        let (role, text) = if n.is_multiple_of(2) {
            (Role::Assistant, "Let us talk about something else.")
        } else {
            (Role::User, "I told you already.")
        };
        said(role, text)
    };
    let turns = (0..200).map(complaint).collect();
    world.engine.append_turns(&tenant(), &c, turns, None).await.expect("appended");
    world.drain().await;
    let health = async |world: &World| world.engine.health(&tenant(), &c).await.expect("read");
    let before = health(&world).await;
    assert_eq!((before.action, before.as_of), (Action::Reset, 200));
    // Some of what is followed goes, and is read again.
    world.engine.forget_turns(&tenant(), &c, &[196, 198]).await.expect("forgotten");
    let after = health(&world).await;
    assert!(after.reasons.iter().all(|reason| reason.turn != 198), "{after:?}");
    let window = ContextRequest { reanchoring: Reanchoring::ByHealth, ..ask("") };
    world.engine.build_context(&tenant(), &c, window).await.expect("built");
    let after = health(&world).await;
    let world = world.reopen().await;
    assert_eq!(health(&world).await, after);
}

/// Ten exchanges, none of which says anything against an answer.
async fn calm_talk(world: &World, id: &ConversationId) {
    const TOLD: [(&str, &str); 10] = [
        ("I baked bread this morning.", "It must smell wonderful."),
        ("My sister plays chess on Sundays.", "A fine game."),
        ("Trains run late in winter.", "Snow slows them down."),
        ("We saw a rainbow over the lake.", "What a sight."),
        ("The violin needs new strings.", "Good ones last a year."),
        ("Bees live behind our shed.", "They like lavender."),
        ("A bridge was built near the mill.", "It spares a long way round."),
        ("Green tea tastes bitter to me.", "Cooler water helps."),
        ("Old maps hang in the hallway.", "They tell of other times."),
        ("Our neighbour paints boats.", "A patient craft."),
    ];
    let exchange =
        |(told, answer): &(&str, &str)| [said(Role::User, told), said(Role::Assistant, answer)];
    let turns = TOLD.iter().flat_map(exchange).collect();
    world.engine.append_turns(&tenant(), id, turns, None).await.expect("appended");
    world.drain().await;
}

async fn thumb_down(world: &World, id: &ConversationId, at: Sequence) {
    let outcome = Outcome { judge_score: None, thumbs_up: Some(false), ..outcome("thumb", at) };
    world.engine.record_outcome(&tenant(), id, outcome).await.expect("recorded");
}

#[tokio::test]
async fn health_takes_in_outcomes_of_turns_that_it_has_looked_at() {
    let world = World::new().await;
    let c = world.create("c").await;
    calm_talk(&world, &c).await;
    let health = async |world: &World| world.engine.health(&tenant(), &c).await.expect("read");
    let rated = |health: &Health| -> Vec<Sequence> {
        let reasons = health.reasons.iter().filter(|reason| reason.signal == "outcome");
        reasons.map(|reason| reason.turn).collect()
    };
    let before = health(&world).await;
    assert_eq!((before.action, before.as_of, rated(&before)), (Action::None, 20, vec![]));
    // Far behind what is looked at anew each time.
    thumb_down(&world, &c, 2).await;
    let one = health(&world).await;
    assert_eq!((one.action, rated(&one)), (Action::None, vec![2]));
    assert!(one.score < before.score, "{one:?}");
    for at in [4, 6, 8] {
        thumb_down(&world, &c, at).await;
    }
    let run = health(&world).await;
    assert_eq!((run.action, rated(&run)), (Action::Reanchor, vec![2, 4, 6, 8]));
    for at in [10, 12] {
        thumb_down(&world, &c, at).await;
    }
    let further = health(&world).await;
    assert_eq!(further.action, Action::Reset);
    let world = world.reopen().await;
    world.drain().await;
    assert_eq!(health(&world).await, further, "as it is read from the store");
    world.engine.forget_turns(&tenant(), &c, &[10, 12]).await.expect("forgotten");
    assert_eq!(rated(&health(&world).await), [2, 4, 6, 8], "outcomes go with their turn");
}

#[tokio::test]
async fn who_watches_is_told_at_once_what_windows_and_outcomes_come_to() {
    let world = World::new().await;
    let c = world.create("c").await;
    let stale = "the tram to the office leaves at nine from the stop at the town hall ".repeat(8);
    let replaced = "it leaves at ten [replaces 1]";
    let turns = vec![said(Role::User, &stale), said(Role::User, replaced)];
    world.engine.append_turns(&tenant(), &c, turns, None).await.expect("appended");
    world.drain().await;
    let mut watch = world.engine.watch_health(&tenant(), &c).expect("watched");
    let first = watch.next().await.expect("read").expect("there");
    assert_eq!(first.action, Action::None);
    let mut until = async |action: Action| {
        within("another action", async {
            loop {
                let health = watch.next().await.expect("read").expect("there");
                if health.action == action {
                    return health;
                }
            }
        })
        .await
    };
    // Most of each of these windows was replaced; no turn comes.
    for more in 0..8 {
        let request = ContextRequest { budget: 2_000 + more, ..ask("") };
        world.engine.build_context(&tenant(), &c, request).await.expect("built");
    }
    let compact = until(Action::Compact).await;
    assert!(compact.reasons.iter().any(|one| one.signal == "window_stale_share"), "{compact:?}");
    // Of one turn all outcomes are one rating, so that this takes several.
    calm_talk(&world, &c).await;
    for at in [4, 6, 8, 10] {
        thumb_down(&world, &c, at).await;
    }
    let reanchor = until(Action::Reanchor).await;
    assert!(reanchor.reasons.iter().any(|one| one.signal == "outcome"), "{reanchor:?}");
}

#[tokio::test]
async fn where_nothing_is_measured_only_outcomes_are_known() {
    let world = World::unmeasured().await;
    let c = world.create("c").await;
    talk(&world, &c).await;
    world.window(&c, "").await;
    world.engine.record_outcome(&tenant(), &c, outcome("judge", 2)).await.expect("recorded");
    let without = known(&world, &c).await;
    assert_eq!((without.turns.len(), without.measured_until), (1, 0));
    assert_eq!(without.turns[&2].outcomes.len(), 1);
    assert_eq!(world.engine.record_counts(), RecordCounts::default());
    assert_eq!(world.engine.health(&tenant(), &c).await.expect("read").score, 1.0);
    // Switched on again, what is there is measured.
    world.controls.unmeasured.store(false, Ordering::SeqCst);
    let world = world.reopen().await;
    world.drain().await;
    let with = known(&world, &c).await;
    assert_eq!((with.turns.len(), with.measured_until), (5, 5));
    assert!(is_present(&with, 5));
}

const DENTIST: &str = "My dentist appointment was moved to 14:30 on the ground floor.";
const TRAM: &str = "The tram to our new office leaves at 8:05 in the morning.";

/// What was asked when a turn was the newest, once it was.
async fn probed_at(world: &World, id: &ConversationId, at: Sequence) -> Vec<Probed> {
    within("a round of probes", async {
        loop {
            let probes = known(world, id).await.turns.remove(&at).map(|turn| turn.probes);
            if let Some(probes) = probes.filter(|probes| !probes.is_empty()) {
                return probes;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_probed_conversation_asks_its_own_windows_for_what_was_said() {
    let world = World::with_probes().await;
    let c = world.create("c").await;
    world.say(&c, &[DENTIST, TRAM]).await;
    world.settle(&c).await;
    world.window(&c, "").await;
    world.say(&c, &["fine"]).await;
    world.settle(&c).await;
    // The round is due at the fourth turn, and there is a window of its own by now.
    world.say(&c, &["so be it"]).await;
    // Distances 2 and 3 are one point: the nearest fact is asked for.
    assert_eq!(probed_at(&world, &c, 4).await, [Probed { source: 2, recalled: true }]);
    // Counted right after it was kept.
    let counted = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            let probes = world.engine.tally().totals().tenants[&tenant()].probes;
            if probes.measured > 0 {
                return (probes.measured, probes.present);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert_eq!(counted.await, Ok((1, 1)));
    let request = CohortRequest { metric: CohortMetric::Recall, ..CohortRequest::default() };
    let cohort = world.engine.cohort_degradation(&tenant(), request.clone()).await;
    let cohort = cohort.expect("measured");
    let by_distance = cohort.cohort.by_distance.iter();
    let by_distance: Vec<_> = by_distance.map(|point| (point.from, point.level.mean)).collect();
    assert_eq!(by_distance, [(2, 1.0)]);
    // A probe is no window of the conversation.
    let before = known(&world, &c).await;
    assert_eq!((before.turns[&2].windows.len(), before.turns[&4].windows.len()), (1, 0));
    // What was erased is in no curve.
    world.engine.forget_turns(&tenant(), &c, &[2]).await.expect("forgotten");
    world.drain().await;
    assert_eq!(known(&world, &c).await.turns[&4].probes, []);
    let cohort = world.engine.cohort_degradation(&tenant(), request).await.expect("measured");
    assert_eq!(cohort.cohort.conversations, 0);
}

#[tokio::test]
async fn what_was_replaced_is_not_asked_for() {
    let world = World::with_probes().await;
    let c = world.create("c").await;
    world
        .say(&c, &[DENTIST, "Now at 15:30 on the first floor, says the dentist [replaces 1]"])
        .await;
    world.settle(&c).await;
    world.window(&c, "").await;
    world.say(&c, &["fine", "so be it"]).await;
    let probes = probed_at(&world, &c, 4).await;
    assert!(probes.iter().all(|probed| probed.source != 1), "{probes:?}");
}

#[tokio::test]
async fn a_round_without_anything_to_ask_for_counts_as_one() {
    let world = World::with_probes().await;
    let c = world.create("c").await;
    world.say(&c, &["hello", "well", "so"]).await;
    world.settle(&c).await;
    let round = async |at: Sequence| {
        within("a round of probes", async {
            while world.rounds(&c).last() != Some(&at) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    };
    world.window(&c, "").await;
    world.say(&c, &["fine"]).await;
    round(4).await;
    world.say(&c, &["well"]).await;
    world.settle(&c).await;
    world.window(&c, "").await;
    for text in ["so", "hm", "yes"] {
        world.say(&c, &[text]).await;
    }
    round(8).await;
    assert_eq!(world.rounds(&c), [4, 8]);
    let known = known(&world, &c).await;
    assert!(known.turns.values().all(|turn| turn.probes.is_empty()), "{known:?}");
}
