//! Health over simulated conversations: it sees what goes wrong, and only that.

use jiff::Timestamp;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::*;
use crate::{
    degradation::{Evidence, Finding, PROBES_VERSION, Probed, Reason, SIGNALS_VERSION, Signal},
    turn::Role,
};

fn finding() -> Signal {
    let (reason, evidence) = (Reason::SaysSoAgain, Evidence::Turn);
    Signal::Present(Finding { confidence: 0.9, reason, evidence })
}

fn turn(sequence: Sequence, repeats: Signal) -> TurnSignals {
    TurnSignals {
        version: SIGNALS_VERSION,
        sequence,
        role: Role::User,
        history_tokens: 10 * sequence,
        stale_share: None,
        user_repeats: repeats,
        user_corrects: Signal::Absent,
        assistant_reasks: Signal::NotMeasurable,
        assistant_contradicts: Signal::NotMeasurable,
        instruction_broken: Signal::NotMeasurable,
    }
}

fn window(at: Sequence, stale_share: f32) -> WindowSignals {
    WindowSignals {
        at,
        as_of: false,
        in_chat: true,
        built_at: Timestamp::UNIX_EPOCH,
        budget: 100,
        tokens: 90,
        history_tokens: 1_000,
        stale_share: Some(stale_share),
        middle_share: Some(0.3),
        distractor_density: Some(0.1),
        pin_coverage: Some(1.0),
        retrieval_margin: None,
        evidence_distance: None,
        cached_prefix_share: None,
        superseded_dropped: 0,
        summary_age: None,
        latency_micros: 0,
        reanchored: false,
    }
}

/// Actions in the order in which they changed.
fn actions(state: &mut HealthState, turns: impl Iterator<Item = TurnSignals>) -> Vec<Action> {
    let mut seen = Vec::new();
    for signals in turns {
        state.turn(&signals);
        let action = state.health().action;
        if seen.last() != Some(&action) {
            seen.push(action);
        }
    }
    seen
}

#[test]
fn findings_close_together_call_for_reanchoring_then_for_a_reset() {
    let mut state = HealthState::default();
    assert_eq!(state.health().score, 1.0);
    let bad = (1..=8).map(|at| turn(at, finding()));
    let seen = actions(&mut state, bad);
    assert_eq!(seen, [Action::None, Action::Reanchor, Action::Reset]);
    let health = state.health();
    assert!(health.score < 0.4, "{health:?}");
    assert_eq!(
        health.reasons.last().map(|reason| (reason.signal, reason.turn)),
        Some(("user_repeats", 8))
    );
    // It stays until it is calm, then goes at once.
    let calm = (9..=80).map(|at| turn(at, Signal::Absent));
    assert_eq!(actions(&mut state, calm), [Action::Reset, Action::None]);
    let health = state.health();
    assert_eq!((health.score, health.reasons.len(), health.as_of), (1.0, 0, 80));
}

#[test]
fn a_repetition_that_corrects_counts_once() {
    let (mut one, mut both) = (HealthState::default(), HealthState::default());
    let repeats = turn(1, finding());
    both.turn(&TurnSignals { user_corrects: finding(), ..repeats.clone() });
    one.turn(&repeats);
    assert_eq!(both.health().score, one.health().score);
    assert_eq!(both.health().reasons.len(), 2, "each is told");
}

#[test]
fn what_hovers_at_the_threshold_does_not_flap() {
    let mut state = HealthState::default();
    // About as much evidence as the allowance takes away.
    let turns = (1..=400)
        .map(|at| turn(at, if at < 4 || at % 7 == 0 { finding() } else { Signal::Absent }));
    let seen = actions(&mut state, turns);
    assert!(seen.len() <= 3, "{seen:?}");
}

#[test]
fn quiet_conversations_stay_healthy_and_bad_ones_are_found() {
    let mut rng = StdRng::seed_from_u64(7);
    let mut run = |rate: f64, turns: u64| {
        let mut state = HealthState::default();
        let drawn = (1..=turns)
            .map(|at| turn(at, if rng.random_bool(rate) { finding() } else { Signal::Absent }));
        actions(&mut state, drawn.collect::<Vec<_>>().into_iter()).len() > 1
    };
    let false_alarms = (0..200).filter(|_| run(0.02, 200)).count();
    let found = (0..200).filter(|_| run(0.4, 40)).count();
    assert!(false_alarms <= 6, "{false_alarms} of 200 quiet conversations");
    assert!(found >= 190, "{found} of 200 bad conversations");
}

#[test]
fn windows_that_turn_stale_call_for_compaction() {
    let mut state = HealthState::default();
    for at in 1..=20 {
        state.window(&window(at, 0.02));
    }
    assert_eq!(state.health().action, Action::None);
    for at in 21..=30 {
        state.window(&window(at, 0.3));
    }
    let health = state.health();
    assert_eq!(health.action, Action::Compact, "{health:?}");
    assert_eq!(health.reasons[0].signal, "window_stale_share");
    let outside = WindowSignals { in_chat: false, ..window(31, 1.0) };
    let before = state.health();
    state.window(&outside);
    assert_eq!(state.health(), before, "a question from outside says nothing");
}

#[test]
fn what_is_not_measurable_changes_nothing() {
    let mut state = HealthState::default();
    state.turn(&turn(1, finding()));
    let before = state.health().score;
    let silent = TurnSignals {
        user_repeats: Signal::NotMeasurable,
        user_corrects: Signal::NotMeasurable,
        ..turn(2, Signal::Absent)
    };
    state.turn(&silent);
    assert_eq!(state.health().score, before);
    assert_eq!(state.health().as_of, 2);
}

/// One exchange and what the application says of its answer; the action after it.
fn rated(state: &mut HealthState, exchange: u64, quality: Option<f32>) -> Action {
    state.turn(&turn(2 * exchange - 1, Signal::Absent));
    state.turn(&turn(2 * exchange, Signal::NotMeasurable));
    if let Some(quality) = quality {
        state.outcome(2 * exchange, quality);
    }
    state.health().action
}

#[test]
fn one_bad_outcome_calls_for_nothing_and_a_run_for_reanchoring_then_for_a_reset() {
    let mut state = HealthState::default();
    let run: Vec<Action> = (1..=6).map(|at| rated(&mut state, at, Some(0.0))).collect();
    let (none, reanchor) = (Action::None, Action::Reanchor);
    assert_eq!(run, [none, none, none, reanchor, reanchor, Action::Reset]);
    let health = state.health();
    let last = health.reasons.last().unwrap();
    assert_eq!((last.signal, last.turn, last.weight), ("outcome", 12, 1.0));
    assert_eq!(last.reason, "the application rates the answer low");
    assert!(health.score < 0.4, "{health:?}");
    // Good ones are believed sooner than silence.
    let good = (7..100).find(|at| rated(&mut state, *at, Some(1.0)) == Action::None);
    assert!(good.is_some_and(|at| at < 20), "{good:?}");
}

#[test]
fn a_run_of_bad_outcomes_fades_where_nothing_is_rated_any_more() {
    let mut state = HealthState::default();
    for at in 1..=4 {
        rated(&mut state, at, Some(0.1));
    }
    assert_eq!(rated(&mut state, 5, Some(0.0)), Action::Reanchor);
    let calm = (6..200).find(|at| rated(&mut state, *at, None) == Action::None);
    assert!(calm.is_some_and(|at| (30..100).contains(&at)), "{calm:?}");
    for at in 200..260 {
        rated(&mut state, at, None);
    }
    assert_eq!((state.health().score, state.health().reasons.len()), (1.0, 0));
}

#[test]
fn outcomes_that_are_middling_or_bad_now_and_then_say_nothing() {
    let mut state = HealthState::default();
    for at in 1..=300 {
        let quality = if u64::is_multiple_of(at, 4) { 0.0 } else { 0.6 };
        assert_eq!(rated(&mut state, at, Some(quality)), Action::None, "{at}");
    }
    let before = state.health().score;
    assert!(before > 0.7, "{before}");
    state.outcome(600, 0.5);
    assert!(state.health().score >= before, "half is no evidence");
}

#[test]
fn probes_that_miss_again_and_again_call_for_compaction() {
    let round = |at: Sequence, missed: usize, asked: usize| ProbeRound {
        version: PROBES_VERSION,
        at,
        budget: 100,
        probes: (0..asked).map(|n| Probed { source: 1, recalled: n >= missed }).collect(),
    };
    let mut state = HealthState::default();
    // Few questions, and the usual misses among many, say nothing.
    for at in 1..=20 {
        state.probes(&round(16 * at, 1, 1));
        state.probes(&round(16 * at + 8, 2, 6));
    }
    assert_eq!((state.health().score, state.health().action), (1.0, Action::None));
    let mut missing = |at, missed| {
        state.probes(&round(at, missed, 5));
        state.health()
    };
    assert_eq!(missing(400, 5).action, Action::None);
    assert_eq!(missing(416, 5).action, Action::None);
    let health = missing(432, 5);
    assert_eq!(health.action, Action::Compact);
    assert_eq!(
        health.reasons.last().map(|one| (one.signal, one.turn)),
        Some(("probe_recall", 432))
    );
    assert_eq!(missing(448, 0).action, Action::Compact, "not at once");
    let health = (0..4).map(|at| missing(464 + 16 * at, 0)).last().unwrap();
    assert_eq!((health.action, health.score, health.reasons.len()), (Action::None, 1.0, 0));
    state.probes(&round(600, 0, 0));
    assert_eq!(state.health(), health, "nothing was asked for");
}
