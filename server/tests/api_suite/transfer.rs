//! Export and import: what comes out goes in, whole or not at all.

use futures::StreamExt as _;
use throughline::pb::{
    self, export_conversation_response as out, import_conversation_request as r#in,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::harness::{ACME, Client, TestServer, fact, turn, user, with_id};

async fn export(client: &Client, name: &str) -> Vec<out::Item> {
    let request = pb::ExportConversationRequest { name: name.to_owned(), min_revision: 0 };
    let stream = client.conversations().export_conversation(request).await.unwrap().into_inner();
    stream.map(|message| message.unwrap().item.unwrap()).collect().await
}

async fn import(
    client: &Client,
    id: &str,
    items: Vec<r#in::Item>,
) -> Result<pb::ImportConversationResponse, Status> {
    import_as(client, id, "", items).await
}

async fn import_as(
    client: &Client,
    id: &str,
    request_id: &str,
    items: Vec<r#in::Item>,
) -> Result<pb::ImportConversationResponse, Status> {
    let (id, request_id) = (id.to_owned(), request_id.to_owned());
    let messages = items.into_iter().enumerate().map(move |(at, item)| {
        let first = |text: &String| if at == 0 { text.clone() } else { String::new() };
        let (conversation_id, request_id) = (first(&id), first(&request_id));
        pb::ImportConversationRequest { item: Some(item), conversation_id, request_id }
    });
    let messages: Vec<_> = messages.collect();
    let answer = client.conversations().import_conversation(futures::stream::iter(messages)).await;
    answer.map(tonic::Response::into_inner)
}

fn back(items: &[out::Item]) -> Vec<r#in::Item> {
    let back = |item: &out::Item| match item.clone() {
        out::Item::Conversation(conversation) => r#in::Item::Conversation(conversation),
        out::Item::Turn(turn) => r#in::Item::Turn(turn),
        out::Item::Fact(fact) => r#in::Item::Fact(fact),
        out::Item::Outcome(outcome) => r#in::Item::Outcome(outcome),
        out::Item::RejectedEdge(edge) => r#in::Item::RejectedEdge(edge),
    };
    items.iter().map(back).collect()
}

/// An export without what belongs to the conversation's own life: its names,
/// its times of creation and its revision.
fn lasting(items: Vec<out::Item>) -> Vec<out::Item> {
    let lasting = |item| match item {
        out::Item::Conversation(conversation) => out::Item::Conversation(pb::Conversation {
            name: String::new(),
            create_time: None,
            update_time: None,
            revision: 0,
            indexed_sequence: 0,
            ..conversation
        }),
        out::Item::Turn(turn) => out::Item::Turn(pb::Turn { name: String::new(), ..turn }),
        out::Item::Outcome(outcome) => {
            let turn = outcome.turn.replace("conversations/copy/", "conversations/source/");
            out::Item::Outcome(pb::Outcome { turn, ..outcome })
        }
        out::Item::RejectedEdge(edge) => {
            let own = |name: String| name.replace("conversations/copy/", "conversations/source/");
            let (earlier, later) = (own(edge.earlier.clone()), own(edge.later.clone()));
            out::Item::RejectedEdge(pb::RejectedEdge { earlier, later, ..edge })
        }
        out::Item::Fact(fact) => {
            let own = |name: String| name.replace("conversations/copy/", "conversations/source/");
            out::Item::Fact(pb::Fact {
                name: own(fact.name),
                depends_on: fact.depends_on.into_iter().map(own).collect(),
                retired_by: own(fact.retired_by),
                contradicts: fact.contradicts.into_iter().map(own).collect(),
                rejected: fact.rejected.into_iter().map(own).collect(),
                create_time: None,
                update_time: None,
                ..fact
            })
        }
    };
    items.into_iter().map(lasting).collect()
}

/// A turn under an id of the application.
fn named() -> pb::Turn {
    let say_time = Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 5 });
    let speaker = "Ada".to_owned();
    with_id("mine", pb::Turn { speaker, say_time, ..turn(pb::Role::Tool, "x") })
}

async fn source(client: &Client) -> String {
    let name = client.create("source").await;
    let mut turns: Vec<_> = (0..600).map(|n| user(&format!("turn {n}"))).collect();
    turns[3] = named();
    client.append(&name, turns).await.unwrap();
    let request = pb::ForgetTurnsRequest { conversation: name.clone(), sequences: vec![5, 600] };
    client.conversations().forget_turns(request).await.unwrap();
    client.pin(&name, "likes tea").await;
    let request = pb::PinFactRequest {
        conversation: name.clone(),
        fact: Some(pb::Fact { source_sequence: 4, required: true, ..fact("x") }),
        request_id: "p".to_owned(),
    };
    client.memory().pin_fact(request).await.unwrap();
    name
}

#[tokio::test]
async fn an_import_of_an_export_exports_the_same() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = source(&acme).await;
    let exported = export(&acme, &name).await;
    assert!(matches!(&exported[0], out::Item::Conversation(header) if header.last_sequence == 600));
    assert_eq!(exported.len(), 603);

    let answer = import(&acme, "copy", back(&exported)).await.unwrap();
    assert_eq!((answer.turns, answer.facts), (600, 2));
    let copy = answer.conversation.unwrap();
    assert_eq!((copy.name.as_str(), copy.last_sequence), ("conversations/copy", 600));
    assert_eq!(lasting(export(&acme, &copy.name).await), lasting(exported));

    // Ids are honoured: a retry of the original append is a repeat here too.
    let answer = acme.append(&copy.name, vec![named()]).await.unwrap();
    assert_eq!((answer.turns[0].sequence, answer.turns[0].repeated_append), (4, true));
    server.stop().await;
}

#[tokio::test]
async fn an_import_whose_answer_was_lost_is_repeated_without_a_second_conversation() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = source(&acme).await;
    let items = back(&export(&acme, &name).await);
    let first = import_as(&acme, "", "i-1", items.clone()).await.unwrap();
    let made = first.conversation.clone().unwrap();
    let again = import_as(&acme, "", "i-1", items.clone()).await.unwrap();
    assert_eq!(again.conversation.unwrap().name, made.name);
    assert_eq!((again.turns, again.facts), (first.turns, first.facts));
    let request = pb::ListConversationsRequest::default();
    let listed = acme.conversations().list_conversations(request).await.unwrap().into_inner();
    assert_eq!(listed.conversations.len(), 2);

    let mut other = items.clone();
    other.pop();
    for (id, items) in [("", other), ("elsewhere", items.clone())] {
        let status = import_as(&acme, id, "i-1", items).await.unwrap_err();
        assert_eq!(status.code(), Code::AlreadyExists, "{status}");
        assert!(status.message().contains(&made.name), "{status}");
    }
    assert_eq!(acme.get(&made.name).await.unwrap().last_sequence, 600);
    // Another call's request id is no import's.
    let request = pb::CreateConversationRequest { request_id: "c".into(), ..Default::default() };
    acme.conversations().create_conversation(request).await.unwrap();
    let status = import_as(&acme, "", "c", items.clone()).await.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists);

    // What failed can be tried again, and so can what was deleted.
    let mut broken = items.clone();
    broken.remove(300);
    let status = import_as(&acme, "", "i-2", broken).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let second = import_as(&acme, "", "i-2", items.clone()).await.unwrap().conversation.unwrap();
    assert_ne!(second.name, made.name);
    let request = pb::DeleteConversationRequest { name: made.name.clone() };
    acme.conversations().delete_conversation(request).await.unwrap();
    let third = import_as(&acme, "", "i-1", items).await.unwrap().conversation.unwrap();
    assert_ne!(third.name, made.name);
    server.stop().await;
}

#[tokio::test]
async fn facts_keep_their_fields_and_their_ends() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = acme.create("source").await;
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    acme.append(&name, vec![pb::Turn { say_time: at(9_000), ..user("hello") }]).await.unwrap();
    let about = |attribute: &str, value: &str| pb::Fact {
        subject: "trip".to_owned(),
        attribute: attribute.to_owned(),
        value: value.to_owned(),
        scope: "work".to_owned(),
        expire_time: at(9_900),
        ..fact(&format!("the {attribute} is {value}"))
    };
    let mut names = Vec::new();
    for (fact, on) in [
        (about("hotel", "Hilton"), None),
        (about("limit", "$50"), None),
        (about("room", "12"), Some(0)),
        (about("hotel", "Ritz"), None),
        (pb::Fact { authority: 1, ..about("limit", "$90") }, None),
        (pb::Fact { additive: true, ..about("stop", "Rome") }, None),
        (about("limit", "$70"), None),
    ] {
        let depends_on = on.map(|at: usize| String::clone(&names[at])).into_iter().collect();
        let request = pb::PinFactRequest {
            conversation: name.clone(),
            fact: Some(pb::Fact { depends_on, ..fact }),
            request_id: String::new(),
        };
        let pinned = acme.memory().pin_fact(request).await.unwrap().into_inner();
        names.push(pinned.fact.unwrap().name);
    }
    let (earlier, later) = (names[1].clone(), names[6].clone());
    let request = pb::RejectEdgeRequest { earlier, later, ..Default::default() };
    acme.memory().reject_edge(request).await.unwrap();
    acme.append(&name, vec![pb::Turn { say_time: at(9_500), ..user("bye") }]).await.unwrap();
    let exported = export(&acme, &name).await;
    let ends: Vec<_> = exported
        .iter()
        .filter_map(|item| match item {
            out::Item::Fact(fact) => Some(fact.retirement()),
            _ => None,
        })
        .collect();
    use pb::FactRetirement::{Dependency, Superseded, Unspecified};
    let held = Unspecified;
    assert_eq!(ends, [Superseded, held, Dependency, held, Superseded, held, held]);
    import(&acme, "copy", back(&exported)).await.unwrap();
    assert_eq!(lasting(export(&acme, "conversations/copy").await), lasting(exported.clone()));

    // What a fact rests on must be in the export.
    let mut cut = back(&exported);
    cut.remove(3);
    let status = import(&acme, "cut", cut).await.unwrap_err();
    let field = &status.get_details_bad_request().unwrap().field_violations[0].field;
    assert_eq!((status.code(), field.as_str()), (Code::InvalidArgument, "fact.depends_on[0]"));
    assert_eq!(acme.get("conversations/cut").await.unwrap_err().code(), Code::NotFound);
    server.stop().await;
}

#[tokio::test]
async fn a_broken_import_leaves_nothing() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = source(&acme).await;
    let good = back(&export(&acme, &name).await);
    let with = |change: &dyn Fn(&mut Vec<r#in::Item>)| {
        let mut items = good.clone();
        change(&mut items);
        items
    };
    let cases: [(&str, Vec<r#in::Item>); 6] = [
        ("conversation", with(&|items| drop(items.remove(0)))),
        ("conversation", with(&|items| items.push(items[0].clone()))),
        ("turn.sequence", with(&|items| drop(items.remove(300)))),
        ("turn", with(&|items| items.swap(600, 601))),
        (
            "turn.role",
            with(&|items| {
                if let r#in::Item::Turn(turn) = &mut items[500] {
                    turn.role = 0;
                }
            }),
        ),
        (
            "fact.kind",
            with(&|items| {
                if let r#in::Item::Fact(fact) = &mut items[602] {
                    fact.kind = 0;
                }
            }),
        ),
    ];
    for (field, items) in cases {
        let status = import(&acme, "copy", items).await.expect_err(field);
        assert_eq!(status.code(), Code::InvalidArgument, "{field}: {status}");
        assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, field);
        assert_eq!(
            acme.get("conversations/copy").await.unwrap_err().code(),
            Code::NotFound,
            "{field}"
        );
    }
    // A taken id is refused, and what has it is left alone.
    let status = import(&acme, "source", good).await.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists);
    assert_eq!(acme.get(&name).await.unwrap().last_sequence, 600);
    server.stop().await;
}

#[tokio::test]
async fn a_rejected_edge_is_not_drawn_again_in_a_copy() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = acme.create("source").await;
    let talk = ["we stay at the Hilton", "fine", "[replaces 1] the Marriott", "[replaces 2] bad"];
    acme.append(&name, talk.map(user).to_vec()).await.unwrap();
    let edges = async |name: &str| {
        let min_revision = acme.get(name).await.unwrap().revision;
        let conversation = name.to_owned();
        let request = pb::GetStalenessRequest { conversation, min_revision, ..Default::default() };
        let found = acme.memory().get_staleness(request).await.unwrap().into_inner();
        assert_eq!(found.unscored_turns, 0);
        let ends = found.edges.into_iter().map(|edge| (edge.earlier, edge.later));
        ends.collect::<Vec<_>>()
    };
    let edge = |name: &str, earlier: u64, later: u64| {
        (format!("{name}/turns/{earlier}"), format!("{name}/turns/{later}"))
    };
    assert_eq!(edges(&name).await, [edge(&name, 1, 3), edge(&name, 2, 4)]);
    let (earlier, later) = edge(&name, 1, 3);
    let kind = pb::EdgeKind::Supersedes.into();
    let rejected = pb::RejectedEdge { earlier: earlier.clone(), later: later.clone(), kind };
    let request = pb::RejectEdgeRequest { earlier, later, ..Default::default() };
    acme.memory().reject_edge(request).await.unwrap();

    let exported = export(&acme, &name).await;
    assert!(exported.contains(&out::Item::RejectedEdge(rejected)), "{exported:?}");
    import(&acme, "copy", back(&exported)).await.unwrap();
    let copy = "conversations/copy";
    assert_eq!(edges(copy).await, [edge(copy, 2, 4)]);
    assert_eq!(lasting(export(&acme, copy).await), lasting(exported.clone()));
    // An export of before kinds were told apart means the pair; said twice it is one.
    let of_pair: Vec<r#in::Item> = back(&exported)
        .into_iter()
        .flat_map(|item| match item {
            r#in::Item::RejectedEdge(edge) => {
                let of_pair = pb::RejectedEdge { kind: 0, ..edge.clone() };
                vec![edge, of_pair.clone(), of_pair]
                    .into_iter()
                    .map(r#in::Item::RejectedEdge)
                    .collect()
            }
            item => vec![item],
        })
        .collect();
    import(&acme, "old", of_pair).await.unwrap();
    assert_eq!(edges("conversations/old").await, [edge("conversations/old", 2, 4)]);
    let again = export(&acme, "conversations/old").await;
    let (earlier, later) = edge("conversations/old", 1, 3);
    let kept: Vec<_> =
        again.into_iter().filter(|item| matches!(item, out::Item::RejectedEdge(_))).collect();
    assert_eq!(kept, [out::Item::RejectedEdge(pb::RejectedEdge { earlier, later, kind: 0 })]);

    for (ends, kind, field) in [
        (edge(&name, 3, 1), 1, "rejected_edge.later"),
        (edge(&name, 1, 5), 1, "rejected_edge.later"),
        (edge(&name, 1, 3), 7, "rejected_edge.kind"),
        ((name.clone(), format!("{name}/turns/2")), 1, "rejected_edge.earlier"),
    ] {
        let (earlier, later) = ends;
        let mut items = back(&exported);
        items.push(r#in::Item::RejectedEdge(pb::RejectedEdge { earlier, later, kind }));
        let status = import(&acme, "broken", items).await.unwrap_err();
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!((status.code(), &*violations[0].field), (Code::InvalidArgument, field));
        assert_eq!(acme.get("conversations/broken").await.unwrap_err().code(), Code::NotFound);
    }
    server.stop().await;
}
