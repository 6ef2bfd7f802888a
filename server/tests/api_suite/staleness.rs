//! GetStaleness, RejectEdge, WatchConversation and windows as of a turn, over the
//! wire. The detector does what the turns say.

use futures::StreamExt as _;
use throughline::pb::{self, watch_conversation_response::Event};
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt as _;

use crate::harness::{ACME, Client, GLOBEX, TestServer, user};

const TALK: [&str; 4] = [
    "we stay at the Hilton",
    "[until 1] see you on Monday",
    "[replaces 1] the Marriott it is",
    "[contradicts 2] on Tuesday",
];

async fn talk(client: &Client, id: &str) -> String {
    let name = client.create(id).await;
    client.append(&name, TALK.map(user).to_vec()).await.unwrap();
    name
}

async fn staleness(
    client: &Client,
    request: pb::GetStalenessRequest,
) -> Result<pb::GetStalenessResponse, Status> {
    Ok(client.memory().get_staleness(request).await?.into_inner())
}

fn of(conversation: &str) -> pb::GetStalenessRequest {
    pb::GetStalenessRequest { conversation: conversation.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn scores_come_with_components_edges_and_pages() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = talk(&acme, "talk").await;
    let all = staleness(&acme, of(&name)).await.unwrap();
    assert_eq!((all.turns.len(), all.unscored_turns), (4, 0));
    let first = &all.turns[0];
    assert_eq!(first.turn, format!("{name}/turns/1"));
    let superseded = &first.components[0];
    assert_eq!(superseded.kind(), pb::StalenessKind::Superseded);
    assert_eq!(superseded.cause, format!("{name}/turns/3"));
    assert!((first.score - 0.9).abs() < 0.01, "{first:?}");
    let kinds: Vec<_> = all.edges.iter().map(pb::Edge::kind).collect();
    assert_eq!(kinds, [pb::EdgeKind::Supersedes, pb::EdgeKind::Contradicts]);
    assert_eq!(all.edges[0].earlier_value, TALK[0]);
    let before = pb::GetStalenessRequest { as_of_turn: 2, ..of(&name) };
    let before = staleness(&acme, before).await.unwrap();
    assert!(before.turns.len() == 2 && before.edges.is_empty() && before.turns[0].score < 0.1);
    let mut page = pb::GetStalenessRequest { page_size: 3, ..of(&name) };
    let head = staleness(&acme, page.clone()).await.unwrap();
    page.page_token = head.next_page_token;
    let tail = staleness(&acme, page).await.unwrap();
    assert_eq!((head.turns.len(), tail.turns.len(), &*tail.next_page_token), (3, 1, ""));
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_asked_is_named() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = talk(&acme, "talk").await;
    for (request, field) in [
        (pb::GetStalenessRequest { as_of_turn: 5, ..of(&name) }, "as_of_turn"),
        (pb::GetStalenessRequest { sequences: vec![7], ..of(&name) }, "sequences"),
        (pb::GetStalenessRequest { sequences: vec![1; 1_001], ..of(&name) }, "sequences"),
        (pb::GetStalenessRequest { page_token: "x".to_owned(), ..of(&name) }, "page_token"),
    ] {
        let status = staleness(&acme, request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{field}");
        let bad = status.get_details_bad_request().unwrap();
        assert_eq!(bad.field_violations[0].field, field);
    }
    let window =
        pb::BuildContextRequest { conversation: name.clone(), as_of_turn: 5, ..Default::default() };
    let status = acme.context().build_context(window).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    server.stop().await;
}

#[tokio::test]
async fn an_edge_is_rejected_once_and_for_all() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = talk(&acme, "talk").await;
    let reject = async |earlier: u64, later: u64| {
        let request = pb::RejectEdgeRequest {
            earlier: format!("{name}/turns/{earlier}"),
            later: format!("{name}/turns/{later}"),
            ..Default::default()
        };
        acme.memory().reject_edge(request).await.map(|answer| answer.into_inner().revision)
    };
    let none = reject(1, 2).await.unwrap_err();
    assert_eq!(none.code(), Code::NotFound);
    assert!(none.message().contains("from turn 2 to turn 1"), "{}", none.message());
    assert_eq!(reject(3, 1).await.unwrap_err().code(), Code::InvalidArgument);
    let revision = reject(1, 3).await.unwrap();
    assert_eq!(reject(1, 3).await.unwrap(), revision);
    let left = staleness(&acme, of(&name)).await.unwrap();
    assert_eq!(left.edges.len(), 1);
    assert!(left.turns[0].score < 0.1, "{:?}", left.turns[0]);
    server.stop().await;
}

#[tokio::test]
async fn a_rejection_is_of_one_edge_and_not_of_the_pair() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = acme.create("both").await;
    let talk = ["we stay at the Hilton", "[replaces 1] [contradicts 1] the Marriott it is"];
    acme.append(&name, talk.map(user).to_vec()).await.unwrap();
    let kinds = async || {
        let found = staleness(&acme, of(&name)).await.unwrap().edges;
        found.iter().map(pb::Edge::kind).collect::<Vec<_>>()
    };
    let reject = async |kind: i32| {
        let (earlier, later) = (format!("{name}/turns/1"), format!("{name}/turns/2"));
        let request = pb::RejectEdgeRequest { earlier, later, kind };
        acme.memory().reject_edge(request).await.map(|answer| answer.into_inner().revision)
    };
    use pb::EdgeKind::{Contradicts, Supersedes};
    assert_eq!(kinds().await, [Supersedes, Contradicts]);
    assert_eq!(reject(9).await.unwrap_err().code(), Code::InvalidArgument);
    let revision = reject(Supersedes.into()).await.unwrap();
    assert_eq!(reject(Supersedes.into()).await.unwrap(), revision);
    assert_eq!(kinds().await, [Contradicts]);
    assert!(reject(Contradicts.into()).await.unwrap() > revision);
    assert_eq!(kinds().await, []);
    server.stop().await;
}

/// Messages up to the first one with an event of a turn.
async fn until(
    stream: &mut Streaming<pb::WatchConversationResponse>,
    turn: &str,
) -> Vec<pb::WatchConversationResponse> {
    let mut seen = Vec::new();
    loop {
        let message = stream.next().await.unwrap().unwrap();
        let last = matches!(&message.event, Some(Event::Indexed(at)) if at.turn == turn);
        seen.push(message);
        if last {
            return seen;
        }
    }
}

#[tokio::test]
async fn a_watch_is_live_resumes_and_ends_when_the_conversation_does() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = talk(&acme, "talk").await;
    let watch = async |after_revision| {
        let request = pb::WatchConversationRequest { conversation: name.clone(), after_revision };
        acme.conversations().watch_conversation(request).await.unwrap().into_inner()
    };
    let mut stream = watch(0).await;
    let mut seen = until(&mut stream, &format!("{name}/turns/4")).await;
    seen.push(stream.next().await.unwrap().unwrap());
    let has = |wanted: fn(&Event) -> bool| {
        seen.iter().filter_map(|message| message.event.as_ref()).any(wanted)
    };
    assert!(has(|event| matches!(event, Event::Superseded(edge) if edge.later.ends_with("/3"))));
    assert!(has(|event| matches!(event, Event::Contradicted(edge) if edge.later.ends_with("/4"))));
    assert!(has(|event| matches!(event, Event::Expired(turn) if turn.turn.ends_with("/2"))));
    assert!(has(|event| matches!(event, Event::Staleness(turn) if turn.score > 0.8)));
    let revision = seen[0].revision;
    let fifth = acme.append(&name, vec![user("and on")]).await.unwrap();
    let live = until(&mut stream, &format!("{name}/turns/5")).await;
    let live = live.last().unwrap();
    assert_eq!((live.revision, live.complete), (fifth.revision, true));
    let mut resumed = watch(revision).await;
    assert_eq!(until(&mut resumed, &format!("{name}/turns/5")).await, std::slice::from_ref(live));
    let delete = pb::DeleteConversationRequest { name: name.clone() };
    acme.conversations().delete_conversation(delete).await.unwrap();
    for stream in [&mut stream, &mut resumed] {
        while let Some(message) = stream.next().await {
            message.unwrap();
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_watch_ends_when_the_server_drains_and_for_strangers_there_is_none() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = talk(&acme, "talk").await;
    let request = pb::WatchConversationRequest { conversation: name.clone(), after_revision: 0 };
    let globex = server.client(GLOBEX);
    let stranger = globex.conversations().watch_conversation(request.clone()).await.unwrap_err();
    assert_eq!(stranger.code(), Code::NotFound);
    let mut stream = acme.conversations().watch_conversation(request).await.unwrap().into_inner();
    until(&mut stream, &format!("{name}/turns/4")).await;
    let (ended, ()) = tokio::join!(
        async {
            loop {
                match stream.next().await {
                    Some(Ok(_)) => {}
                    Some(Err(status)) => break status.code(),
                    None => break Code::Ok,
                }
            }
        },
        server.stop()
    );
    assert_eq!(ended, Code::Unavailable);
}

#[tokio::test]
async fn a_window_drops_or_marks_what_was_replaced() {
    use pb::SupersededTurns::{Drop, Mark};
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = talk(&acme, "talk").await;
    let more = (0..40).map(|n| user(&format!("item {n} of the packing list"))).collect();
    acme.append(&name, more).await.unwrap();
    for (superseded, as_of_turn, dropped, marked) in
        [(Drop, 0, 1, false), (Mark, 0, 0, true), (Drop, 2, 0, false)]
    {
        let options = pb::ContextOptions {
            token_budget: 200,
            superseded_turns: superseded.into(),
            ..Default::default()
        };
        let request = pb::BuildContextRequest {
            conversation: name.clone(),
            query: "where do we stay at, the Marriott?".to_owned(),
            options: Some(options),
            as_of_turn,
            ..Default::default()
        };
        let window = acme.context().build_context(request).await.unwrap().into_inner();
        let window = window.window.unwrap();
        let words: String = window.messages.iter().map(|message| &*message.content).collect();
        assert_eq!(window.superseded_dropped, dropped, "{superseded:?}: {words}");
        assert_eq!(words.contains("[replaced by turn 3 on"), marked, "{words}");
        assert_eq!(words.contains("Hilton"), dropped == 0, "{words}");
        let named = window.items.iter().flat_map(|item| &item.edges);
        let named = named.filter(|edge| edge.kind() == pb::EdgeKind::Supersedes).count();
        assert_eq!(named, usize::from(marked), "{:?}", window.items);
    }
    server.stop().await;
}
