//! Degradation over the wire: what is measured, what the application says, the
//! health that comes of it, and what is done about it.

use futures::StreamExt as _;
use throughline::pb::{
    self, HealthAction,
    TurnSignalKind::{AssistantReasks, InstructionBroken, UserCorrects, UserRepeats},
};
use tonic::Code;

use crate::harness::{ACME, Client, TestServer, turn, user};

fn assistant(text: &str) -> pb::Turn {
    turn(pb::Role::Assistant, text)
}

async fn degradation(client: &Client, conversation: &str) -> pb::GetDegradationResponse {
    let request =
        pb::GetDegradationRequest { conversation: conversation.to_owned(), ..Default::default() };
    client.degradation().get_degradation(request).await.unwrap().into_inner()
}

async fn window(
    client: &Client,
    conversation: &str,
    reanchoring: pb::Reanchoring,
) -> pb::ContextWindow {
    let options = pb::ContextOptions {
        token_budget: 600,
        reanchoring: reanchoring.into(),
        ..Default::default()
    };
    let request = pb::BuildContextRequest {
        conversation: conversation.to_owned(),
        options: Some(options),
        ..Default::default()
    };
    client.context().build_context(request).await.unwrap().into_inner().window.unwrap()
}

fn outcome(id: &str, judge_score: f32) -> pb::Outcome {
    pb::Outcome {
        outcome_id: id.to_owned(),
        judge_score: Some(judge_score),
        model: "model-a".to_owned(),
        prompt_version: "7".to_owned(),
        ..Default::default()
    }
}

async fn record(
    client: &Client,
    turn: &str,
    outcome: pb::Outcome,
) -> Result<pb::RecordOutcomeResponse, tonic::Status> {
    let request = pb::RecordOutcomeRequest { turn: turn.to_owned(), outcome: Some(outcome) };
    Ok(client.degradation().record_outcome(request).await?.into_inner())
}

/// Kinds of the signals that are there, by turn.
fn present(answer: &pb::GetDegradationResponse) -> Vec<(String, pb::TurnSignalKind)> {
    let of = |turn: &pb::TurnDegradation| {
        let name = turn.turn.rsplit('/').next().unwrap().to_owned();
        let there = turn.signals.iter().filter(|signal| signal.present);
        there.map(|signal| (name.clone(), signal.kind())).collect::<Vec<_>>()
    };
    answer.turns.iter().flat_map(of).collect()
}

#[tokio::test]
async fn every_turn_and_every_window_is_measured() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let c = acme.create("c").await;
    acme.append(
        &c,
        vec![
            user("My order number is 4711."),
            assistant("Thanks, I will look into it."),
            user("When does it arrive?"),
            assistant("What is your order number?"),
            user("I already told you that."),
            assistant("It arrives on Tuesday."),
            user("That's wrong. It left today."),
        ],
    )
    .await
    .unwrap();
    window(&acme, &c, pb::Reanchoring::Unspecified).await;
    let answer = degradation(&acme, &c).await;
    assert_eq!((answer.turns.len(), answer.measured_sequence), (7, 7));
    let expected = [("4", AssistantReasks), ("5", UserRepeats), ("7", UserCorrects)];
    let expected: Vec<_> = expected.map(|(turn, kind)| (turn.to_owned(), kind)).to_vec();
    assert_eq!(present(&answer), expected);
    let reask = answer.turns[3].signals.iter().find(|signal| signal.present).unwrap();
    assert_eq!(reask.evidence, "conversations/c/turns/1");
    assert!(
        answer.turns[0].signals.is_empty(),
        "with nobody who answered yet, nothing can be told"
    );
    let built = &answer.turns[6].windows;
    assert_eq!(built.len(), 1);
    assert!(built[0].in_chat && built[0].token_budget == 600 && built[0].total_tokens > 0);
    assert_eq!(answer.turns[6].history_tokens, built[0].full_history_tokens - 3);
    server.stop().await;
}

#[tokio::test]
async fn pages_hold_every_turn_once() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let c = acme.create("c").await;
    let turns = (0..7).map(|n| user(&format!("Number {n}."))).collect();
    acme.append(&c, turns).await.unwrap();
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::GetDegradationRequest {
            conversation: c.clone(),
            page_size: 3,
            page_token,
            min_revision: 0,
        };
        let page = acme.degradation().get_degradation(request).await.unwrap().into_inner();
        seen.extend(page.turns.into_iter().map(|turn| turn.turn));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let expected: Vec<String> = (1..=7).map(|at| format!("{c}/turns/{at}")).collect();
    assert_eq!(seen, expected);
    server.stop().await;
}

#[tokio::test]
async fn outcomes_are_recorded_once_and_go_with_their_turn() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let c = acme.create("c").await;
    acme.append(&c, vec![user("Hello."), assistant("Hi."), user("Bye.")]).await.unwrap();
    let answer = format!("{c}/turns/2");
    let first = record(&acme, &answer, outcome("judge", 0.25)).await.unwrap();
    assert!(!first.repeated_record);
    let again = record(&acme, &answer, outcome("judge", 0.25)).await.unwrap();
    assert!(again.repeated_record && again.outcome == first.outcome);
    let other = record(&acme, &answer, outcome("judge", 0.5)).await.unwrap_err();
    assert_eq!(other.code(), Code::AlreadyExists);
    let thumb = pb::Outcome { judge_score: None, thumbs_up: Some(true), ..outcome("thumb", 0.0) };
    record(&acme, &answer, thumb).await.unwrap();
    for (turn, outcome, code) in [
        (format!("{c}/turns/9"), outcome("a", 0.5), Code::NotFound),
        (answer.clone(), outcome("a", 1.5), Code::InvalidArgument),
        (answer.clone(), outcome("", 0.5), Code::InvalidArgument),
        (
            answer.clone(),
            pb::Outcome { outcome_id: "a".into(), ..Default::default() },
            Code::InvalidArgument,
        ),
        (c.clone(), outcome("a", 0.5), Code::InvalidArgument),
    ] {
        assert_eq!(record(&acme, &turn, outcome).await.unwrap_err().code(), code, "{turn}");
    }
    let known = degradation(&acme, &c).await.turns[1].outcomes.clone();
    assert_eq!(known.iter().map(|one| &*one.outcome_id).collect::<Vec<_>>(), ["judge", "thumb"]);
    assert_eq!(Some(&known[0]), first.outcome.as_ref());

    let request = pb::ForgetTurnsRequest { conversation: c.clone(), sequences: vec![2] };
    acme.conversations().forget_turns(request).await.unwrap();
    let left = degradation(&acme, &c).await;
    assert!(left.turns.iter().all(|turn| turn.turn != answer), "{:?}", left.turns);
    let gone = record(&acme, &answer, outcome("judge", 0.25)).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
    server.stop().await;
}

#[tokio::test]
async fn outcomes_are_carried_by_exports() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let c = acme.create("c").await;
    acme.append(&c, vec![user("Hello."), assistant("Hi.")]).await.unwrap();
    record(&acme, &format!("{c}/turns/2"), outcome("judge", 0.25)).await.unwrap();
    let request = pb::ExportConversationRequest { name: c.clone(), min_revision: 0 };
    let export = acme.conversations().export_conversation(request).await.unwrap().into_inner();
    let items: Vec<_> = export.map(|message| message.unwrap().item.unwrap()).collect().await;
    let import = items.into_iter().enumerate().map(|(at, item)| {
        use pb::{export_conversation_response::Item as Out, import_conversation_request::Item};
        let conversation_id = if at == 0 { "copy".to_owned() } else { String::new() };
        let item = Some(match item {
            Out::Conversation(header) => Item::Conversation(header),
            Out::Turn(turn) => Item::Turn(turn),
            Out::Fact(fact) => Item::Fact(fact),
            Out::Outcome(outcome) => Item::Outcome(outcome),
            Out::RejectedEdge(edge) => Item::RejectedEdge(edge),
        });
        pb::ImportConversationRequest { item, conversation_id, request_id: String::new() }
    });
    let import = futures::stream::iter(import.collect::<Vec<_>>());
    acme.conversations().import_conversation(import).await.unwrap();
    let (from, to) = (degradation(&acme, &c).await, degradation(&acme, "conversations/copy").await);
    // Of the copy nothing else may be measured yet.
    let copied = to.turns.iter().find(|turn| turn.turn.ends_with("/turns/2"));
    let copied = copied.unwrap().outcomes.clone();
    let expected = from.turns[1].outcomes.iter().map(|outcome| pb::Outcome {
        turn: "conversations/copy/turns/2".to_owned(),
        ..outcome.clone()
    });
    assert_eq!(copied, expected.collect::<Vec<_>>());
    assert_eq!(copied.len(), 1);
    server.stop().await;
}

/// A talk in which the user says again and again that it was said.
fn complaints(rounds: usize) -> Vec<pb::Turn> {
    let round = |n: usize| {
        [assistant(&format!("Let us talk about topic {n}.")), user("I told you already.")]
    };
    (0..rounds).flat_map(round).collect()
}

#[tokio::test]
async fn health_falls_is_watched_and_pins_are_restated() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let c = acme.create("c").await;
    let pin = pb::Fact {
        kind: pb::FactKind::Instruction.into(),
        text: "Answer in verse.".into(),
        ..Default::default()
    };
    let request =
        pb::PinFactRequest { conversation: c.clone(), fact: Some(pin), request_id: String::new() };
    acme.memory().pin_fact(request).await.unwrap();
    acme.append(&c, vec![user("Hello."), assistant("Hi."), user("Tell me of Rome.")])
        .await
        .unwrap();
    let request = pb::WatchHealthRequest { conversation: c.clone() };
    let mut watch = acme.degradation().watch_health(request).await.unwrap().into_inner();
    let first = watch.next().await.unwrap().unwrap().health.unwrap();
    assert_eq!((first.score, first.action()), (1.0, HealthAction::None));
    let calm = window(&acme, &c, pb::Reanchoring::ByHealth).await;
    assert!(calm.items.iter().all(|item| item.section() != pb::Section::Reanchored));

    acme.append(&c, complaints(4)).await.unwrap();
    let moved = loop {
        let moved = watch.next().await.unwrap().unwrap();
        if moved.health.as_ref().unwrap().action() != HealthAction::None {
            break moved;
        }
    };
    assert_eq!(moved.health.unwrap().action(), HealthAction::Reanchor);
    assert!(moved.handover.is_none());
    let anchored = window(&acme, &c, pb::Reanchoring::ByHealth).await;
    let at = anchored.items.iter().position(|item| item.section() == pb::Section::Reanchored);
    let query = anchored.items.len() - 1;
    assert_eq!(at, Some(query - 1), "right before the query");
    let message = &anchored.messages[anchored.items[query - 1].message_index as usize];
    assert!(message.content.contains("Answer in verse."), "{message:?}");
    assert!(anchored.total_tokens <= 600);

    acme.append(&c, complaints(6)).await.unwrap();
    let answer = degradation(&acme, &c).await;
    let health = answer.health.unwrap();
    assert_eq!(health.action(), HealthAction::Reset);
    assert!(health.score < 0.5 && !health.reasons.is_empty());
    let handover = answer.handover.unwrap();
    let words: String = handover.messages.iter().map(|message| &*message.content).collect();
    assert!(words.contains("Answer in verse.") && handover.total_tokens > 0, "{words}");
    // What is not folded yet is handed over as it was said.
    assert!(words.contains("Tell me of Rome.") && words.contains("about topic 5."), "{words}");
    assert_eq!(handover.messages.last().unwrap().content, "I told you already.");
    assert_eq!(handover.shortfalls, []);
    let request = pb::DeleteConversationRequest { name: c.clone() };
    acme.conversations().delete_conversation(request).await.unwrap();
    while let Some(message) = watch.next().await {
        message.unwrap();
    }
    server.stop().await;
}

#[tokio::test]
async fn a_hand_over_of_a_long_talk_keeps_its_budget_and_names_what_it_leaves_out() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let c = acme.create("c").await;
    let exchange = |n: usize| {
        let told = format!(
            "The {n}th parcel went to the warehouse in Rotterdam, was weighed by the night shift \
             and left again on the truck of the second carrier before the harbour closed at {n}."
        );
        [user(&told), assistant(&format!("Parcel {n} is on its way then."))]
    };
    acme.append(&c, (1..=60).flat_map(exchange).collect()).await.unwrap();
    acme.append(&c, complaints(10)).await.unwrap();
    let answer = degradation(&acme, &c).await;
    assert_eq!(answer.health.unwrap().action(), HealthAction::Reset);
    let handover = answer.handover.unwrap();
    assert!((1..=2_048).contains(&handover.total_tokens), "{}", handover.total_tokens);
    assert_eq!(handover.messages.last().unwrap().content, "I told you already.");
    let told = handover.items.iter().map(|item| match item.section() {
        pb::Section::Summary => item.summary_until_sequence + 1 - item.summary_from_sequence,
        _ => 1,
    });
    let left_out: u64 = handover.shortfalls.iter().map(|shortfall| shortfall.count).sum();
    let told: u64 = told.sum();
    assert!(told > 20 && told + left_out <= 140, "{told} told, {left_out} named: none twice");
    // It comes with the first page alone.
    let mut request =
        pb::GetDegradationRequest { conversation: c.clone(), page_size: 50, ..Default::default() };
    let first = acme.degradation().get_degradation(request.clone()).await.unwrap().into_inner();
    assert!(first.handover.is_some());
    request.page_token = first.next_page_token;
    let second = acme.degradation().get_degradation(request).await.unwrap().into_inner();
    assert_eq!(second.health.unwrap().action(), HealthAction::Reset);
    assert!(second.handover.is_none());
    server.stop().await;
}

#[tokio::test]
async fn bad_outcomes_call_for_reanchoring_and_then_for_a_reset() {
    const TOLD: [(&str, &str); 8] = [
        ("I baked bread this morning.", "It must smell wonderful."),
        ("My sister plays chess on Sundays.", "A fine game."),
        ("Trains run late in winter.", "Snow slows them down."),
        ("We saw a rainbow over the lake.", "What a sight."),
        ("The violin needs new strings.", "Good ones last a year."),
        ("Bees live behind our shed.", "They like lavender."),
        ("A bridge was built near the mill.", "It spares a long way round."),
        ("Green tea tastes bitter to me.", "Cooler water helps."),
    ];
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let c = acme.create("c").await;
    let exchange = |(told, answer): &(&str, &str)| [user(told), assistant(answer)];
    acme.append(&c, TOLD.iter().flat_map(exchange).collect()).await.unwrap();
    let request = pb::WatchHealthRequest { conversation: c.clone() };
    let mut watch = acme.degradation().watch_health(request).await.unwrap().into_inner();
    let mut until = async |action: HealthAction| loop {
        let message = watch.next().await.unwrap().unwrap();
        if message.health.as_ref().unwrap().action() == action {
            return message;
        }
    };
    until(HealthAction::None).await;
    let thumb_down = async |at: u64| {
        let outcome = pb::Outcome {
            outcome_id: "thumb".to_owned(),
            thumbs_up: Some(false),
            ..Default::default()
        };
        record(&acme, &format!("{c}/turns/{at}"), outcome).await.unwrap();
    };
    thumb_down(2).await;
    let one = degradation(&acme, &c).await.health.unwrap();
    assert_eq!(one.action(), HealthAction::None, "{one:?}");
    for at in [4, 6, 8] {
        thumb_down(at).await;
    }
    // No turn comes meanwhile.
    let health = until(HealthAction::Reanchor).await.health.unwrap();
    let reason = health.reasons.iter().rfind(|reason| reason.signal == "outcome").unwrap();
    assert_eq!(reason.turn, format!("{c}/turns/8"));
    assert_eq!(reason.reason, "the application rates the answer low");
    for at in [10, 12] {
        thumb_down(at).await;
    }
    assert!(until(HealthAction::Reset).await.handover.is_some());
    server.stop().await;
}

#[tokio::test]
async fn an_instruction_that_is_not_followed_is_seen() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let c = acme.create("c").await;
    acme.append(&c, vec![user("Hello.")]).await.unwrap();
    let pin = pb::Fact {
        kind: pb::FactKind::Instruction.into(),
        text: "No emojis, please.".into(),
        ..Default::default()
    };
    let request =
        pb::PinFactRequest { conversation: c.clone(), fact: Some(pin), request_id: String::new() };
    acme.memory().pin_fact(request).await.unwrap();
    acme.append(&c, vec![assistant("Of course."), user("Thanks."), assistant("Great 🎉")])
        .await
        .unwrap();
    let answer = degradation(&acme, &c).await;
    assert_eq!(present(&answer), [("4".to_owned(), InstructionBroken)]);
    server.stop().await;
}

#[tokio::test]
async fn cohorts_are_compared_over_the_wire() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    for (id, model, score) in [("a", "model-a", 0.9), ("b", "model-b", 0.4)] {
        let c = acme.create(id).await;
        acme.append(&c, vec![user("Hello."), assistant("Hi.")]).await.unwrap();
        let outcome = pb::Outcome { model: model.to_owned(), ..outcome("judge", score) };
        record(&acme, &format!("{c}/turns/2"), outcome).await.unwrap();
    }
    let of = |model: &str| Some(pb::CohortFilter { model: model.to_owned(), ..Default::default() });
    let request = pb::GetCohortDegradationRequest {
        cohort: of("model-b"),
        baseline: of("model-a"),
        ..Default::default()
    };
    let answer =
        acme.degradation().get_cohort_degradation(request.clone()).await.unwrap().into_inner();
    let (cohort, comparison) = (answer.cohort.unwrap(), answer.comparison.unwrap());
    assert_eq!((cohort.conversations, cohort.by_turn.len(), answer.cut), (1, 1, false));
    assert!((comparison.difference + 0.5).abs() < 1e-6 && comparison.cliffs_delta == -1.0);
    let bad = pb::GetCohortDegradationRequest { metric: 9, ..request };
    let refused = acme.degradation().get_cohort_degradation(bad).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    server.stop().await;
}
