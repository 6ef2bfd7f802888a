//! Every method × own, other tenant's, none, forged, malformed, scope. A method
//! that is added to the protocol fails here until it has a row.

use std::collections::BTreeSet;

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture};
use prost::Message as _;
use throughline::{auth::Scope, grpc::access::METHODS, pb};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::harness::{
    ACME, ACME_READ, ACME_WRITE, Client, GLOBEX, Key, TestServer, fact, text_of, turn, user,
};

const SECRET: &str = "the canary sings at dawn";

/// What a row is tried on.
#[derive(Clone)]
struct Target {
    conversation: String,
    fact: String,
    /// Namespace of an item with the key `canary`.
    namespace: Vec<String>,
}

/// What a method makes visible to a key of another tenant.
#[derive(Clone, Copy, PartialEq)]
enum Reach {
    /// It names a resource: NOT_FOUND.
    Named,
    /// It speaks of the caller's own tenant: it answers, and shows nothing.
    Own,
}

/// Calls a method; gives what it answered, for the canary.
type Call = fn(Client, Target) -> BoxFuture<'static, Result<String, Status>>;

macro_rules! row {
    ($service:literal, $method:literal, $reach:expr, $client:ident.$stub:ident().$rpc:ident,
     |$target:ident| $request:expr) => {
        (
            concat!("/throughline.v1.", $service, "/", $method),
            $reach,
            (|$client, $target| {
                async move {
                    let answer = $client.$stub().$rpc($request).await?.into_inner();
                    Ok(format!("{answer:?}"))
                }
                .boxed()
            }) as Call,
        )
    };
}

fn rows() -> Vec<(&'static str, Reach, Call)> {
    use Reach::{Named, Own};
    let mut rows = conversation_rows();
    rows.extend(item_rows());
    rows.extend([
        row!("MemoryService", "SearchTurns", Named, c.memory().search_turns, |t| {
            let scope = pb::search_turns_request::Scope::Conversation(t.conversation);
            let query = "canary".to_owned();
            pb::SearchTurnsRequest { scope: Some(scope), query, ..Default::default() }
        }),
        row!("MemoryService", "PinFact", Named, c.memory().pin_fact, |t| pb::PinFactRequest {
            conversation: t.conversation,
            fact: Some(fact("tea")),
            request_id: String::new(),
        }),
        row!("MemoryService", "UpdateFact", Named, c.memory().update_fact, |t| {
            let fact = Some(pb::Fact { name: t.fact, ..fact("coffee") });
            pb::UpdateFactRequest { fact, update_mask: None }
        }),
        row!("MemoryService", "UnpinFact", Named, c.memory().unpin_fact, |t| {
            pb::UnpinFactRequest { name: t.fact }
        }),
        row!("MemoryService", "ListFacts", Named, c.memory().list_facts, |t| {
            pb::ListFactsRequest { conversation: t.conversation, ..Default::default() }
        }),
        row!("MemoryService", "GetStaleness", Named, c.memory().get_staleness, |t| {
            pb::GetStalenessRequest { conversation: t.conversation, ..Default::default() }
        }),
        row!("MemoryService", "RejectEdge", Named, c.memory().reject_edge, |t| {
            let (earlier, later) =
                (format!("{}/turns/1", t.conversation), format!("{}/turns/3", t.conversation));
            pb::RejectEdgeRequest { earlier, later, ..Default::default() }
        }),
        row!("MemoryService", "GetSummary", Named, c.memory().get_summary, |t| {
            pb::GetSummaryRequest { conversation: t.conversation, ..Default::default() }
        }),
        row!("MemoryService", "Summarize", Named, c.memory().summarize, |t| {
            pb::SummarizeRequest { conversation: t.conversation }
        }),
        row!("ContextService", "BuildContext", Named, c.context().build_context, |t| {
            pb::BuildContextRequest { conversation: t.conversation, ..Default::default() }
        }),
        row!("ContextService", "PrepareTurn", Named, c.context().prepare_turn, |t| {
            let turn = Some(user("and now?"));
            pb::PrepareTurnRequest { conversation: t.conversation, turn, ..Default::default() }
        }),
        row!("DegradationService", "GetDegradation", Named, c.degradation().get_degradation, |t| {
            pb::GetDegradationRequest { conversation: t.conversation, ..Default::default() }
        }),
        row!("DegradationService", "RecordOutcome", Named, c.degradation().record_outcome, |t| {
            let outcome_id = "judge".to_owned();
            let outcome = pb::Outcome { outcome_id, judge_score: Some(0.5), ..Default::default() };
            let turn = format!("{}/turns/2", t.conversation);
            pb::RecordOutcomeRequest { turn, outcome: Some(outcome) }
        }),
        row!(
            "DegradationService",
            "GetCohortDegradation",
            Own,
            c.degradation().get_cohort_degradation,
            |_t| pb::GetCohortDegradationRequest::default()
        ),
        (
            "/throughline.v1.DegradationService/WatchHealth",
            Named,
            (|client, target| {
                async move {
                    let request = pb::WatchHealthRequest { conversation: target.conversation };
                    let stream = client.degradation().watch_health(request).await?;
                    let first = stream.into_inner().next().await.transpose()?;
                    Ok(format!("{first:?}"))
                }
                .boxed()
            }) as Call,
        ),
        row!("UsageService", "GetUsage", Named, c.usage().get_usage, |t| {
            pb::GetUsageRequest { conversation: t.conversation, ..Default::default() }
        }),
        row!("ServerService", "GetServerInfo", Own, c.server().get_server_info, |_t| {
            pb::GetServerInfoRequest {}
        }),
    ]);
    rows
}

fn item_rows() -> Vec<(&'static str, Reach, Call)> {
    use Reach::{Named, Own};
    vec![
        row!("ItemService", "PutItem", Own, c.items().put_item, |t| {
            let (namespace, key) = (t.namespace, "new".to_owned());
            pb::PutItemRequest { namespace, key, value_json: "{}".to_owned(), ..Default::default() }
        }),
        row!("ItemService", "GetItem", Named, c.items().get_item, |t| pb::GetItemRequest {
            namespace: t.namespace,
            key: "canary".to_owned(),
        }),
        row!("ItemService", "DeleteItem", Named, c.items().delete_item, |t| {
            pb::DeleteItemRequest { namespace: t.namespace, key: "canary".to_owned() }
        }),
        row!("ItemService", "SearchItems", Own, c.items().search_items, |t| {
            let (namespace_prefix, query) = (t.namespace, "canary".to_owned());
            pb::SearchItemsRequest { namespace_prefix, query, ..Default::default() }
        }),
        row!("ItemService", "ListItems", Own, c.items().list_items, |t| {
            pb::ListItemsRequest { namespace: t.namespace, ..Default::default() }
        }),
        row!("ItemService", "ListNamespaces", Own, c.items().list_namespaces, |_t| {
            pb::ListNamespacesRequest::default()
        }),
    ]
}

fn conversation_rows() -> Vec<(&'static str, Reach, Call)> {
    use Reach::{Named, Own};
    vec![
        row!(
            "ConversationService",
            "CreateConversation",
            Own,
            c.conversations().create_conversation,
            |_t| pb::CreateConversationRequest::default()
        ),
        row!(
            "ConversationService",
            "GetConversation",
            Named,
            c.conversations().get_conversation,
            |t| pb::GetConversationRequest { name: t.conversation, min_revision: 0 }
        ),
        row!(
            "ConversationService",
            "ListConversations",
            Own,
            c.conversations().list_conversations,
            |_t| pb::ListConversationsRequest::default()
        ),
        row!(
            "ConversationService",
            "UpdateConversation",
            Named,
            c.conversations().update_conversation,
            |t| {
                let (name, title) = (t.conversation, "new".to_owned());
                let conversation = Some(pb::Conversation { name, title, ..Default::default() });
                pb::UpdateConversationRequest { conversation, ..Default::default() }
            }
        ),
        row!(
            "ConversationService",
            "DeleteConversation",
            Named,
            c.conversations().delete_conversation,
            |t| pb::DeleteConversationRequest { name: t.conversation }
        ),
        row!("ConversationService", "AppendTurns", Named, c.conversations().append_turns, |t| {
            let turns = vec![user("hello")];
            pb::AppendTurnsRequest { conversation: t.conversation, turns, ..Default::default() }
        }),
        row!("ConversationService", "StreamTurns", Named, c.conversations().stream_turns, |t| {
            let turns = vec![user("hello")];
            let message = pb::StreamTurnsRequest { conversation: t.conversation, turns };
            futures::stream::iter([message])
        }),
        row!("ConversationService", "ListTurns", Named, c.conversations().list_turns, |t| {
            pb::ListTurnsRequest { conversation: t.conversation, ..Default::default() }
        }),
        row!(
            "ConversationService",
            "ForkConversation",
            Named,
            c.conversations().fork_conversation,
            |t| {
                let (name, at_sequence) = (t.conversation, 1);
                pb::ForkConversationRequest { name, at_sequence, ..Default::default() }
            }
        ),
        row!("ConversationService", "ForgetTurns", Named, c.conversations().forget_turns, |t| {
            pb::ForgetTurnsRequest { conversation: t.conversation, sequences: vec![1] }
        }),
        (
            "/throughline.v1.ConversationService/WatchConversation",
            Named,
            (|client, target| {
                async move {
                    let conversation = target.conversation;
                    let request = pb::WatchConversationRequest { conversation, after_revision: 0 };
                    let stream = client.conversations().watch_conversation(request).await?;
                    let first = stream.into_inner().next().await.transpose()?;
                    Ok(format!("{first:?}"))
                }
                .boxed()
            }) as Call,
        ),
        (
            "/throughline.v1.ConversationService/ExportConversation",
            Named,
            (|client, target| {
                async move {
                    let request = pb::ExportConversationRequest {
                        name: target.conversation,
                        min_revision: 0,
                    };
                    let stream = client.conversations().export_conversation(request).await?;
                    let items: Vec<_> = stream.into_inner().collect().await;
                    let items: Result<Vec<_>, _> = items.into_iter().collect();
                    Ok(format!("{:?}", items?))
                }
                .boxed()
            }) as Call,
        ),
        row!(
            "ConversationService",
            "ImportConversation",
            Own,
            c.conversations().import_conversation,
            |_t| {
                use pb::import_conversation_request::Item;
                let item = Some(Item::Conversation(pb::Conversation::default()));
                let conversation_id = String::new();
                futures::stream::iter([pb::ImportConversationRequest {
                    item,
                    conversation_id,
                    request_id: String::new(),
                }])
            }
        ),
    ]
}

/// A conversation of `acme` with a secret and a pin.
async fn target(server: &TestServer, id: &str) -> Target {
    let acme = server.client(ACME);
    let conversation = acme.create(id).await;
    let turns =
        vec![user(SECRET), turn(pb::Role::Assistant, "noted"), user("and then? [replaces 1]")];
    acme.append(&conversation, turns).await.unwrap();
    let fact = acme.pin(&conversation, SECRET).await.name;
    let namespace = vec!["users".to_owned(), id.to_owned()];
    let item = pb::PutItemRequest {
        namespace: namespace.clone(),
        key: "canary".to_owned(),
        value_json: serde_json::json!({ "text": SECRET }).to_string(),
        ..Default::default()
    };
    acme.items().put_item(item).await.unwrap();
    Target { conversation, fact, namespace }
}

fn described() -> BTreeSet<String> {
    let set = prost_types::FileDescriptorSet::decode(pb::FILE_DESCRIPTOR_SET).unwrap();
    let paths = set.file.iter().flat_map(|file| {
        file.service.iter().flat_map(|service| {
            service
                .method
                .iter()
                .map(|method| format!("/{}.{}/{}", file.package(), service.name(), method.name()))
        })
    });
    paths.collect()
}

#[test]
fn every_method_has_a_row() {
    let rows: BTreeSet<String> = rows().iter().map(|(path, ..)| (*path).to_owned()).collect();
    assert_eq!(rows, described());
}

#[tokio::test]
async fn the_key_that_owns_the_data_is_let_in() {
    let server = TestServer::start().await;
    for (at, (path, _, call)) in rows().into_iter().enumerate() {
        let target = target(&server, &format!("own-{at}")).await;
        let answer = call(server.client(ACME), target).await;
        assert!(answer.is_ok(), "{path}: {answer:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn another_tenants_data_do_not_exist_in_the_same_words() {
    let server = TestServer::start().await;
    let there = target(&server, "there").await;
    let absent = Target {
        conversation: "conversations/never".to_owned(),
        fact: there.fact.replace("there", "never"),
        namespace: vec!["users".to_owned(), "never".to_owned()],
    };
    let before = server.client(ACME).get(&there.conversation).await.unwrap();
    for (path, reach, call) in rows() {
        let foreign = call(server.client(GLOBEX), there.clone()).await;
        if reach == Reach::Own {
            let answer = foreign.unwrap_or_else(|status| panic!("{path}: {status}"));
            assert!(!answer.contains(SECRET) && !answer.contains("conversations/there"), "{path}");
            continue;
        }
        let foreign = foreign.expect_err(path);
        let unknown = call(server.client(GLOBEX), absent.clone()).await.expect_err(path);
        assert_eq!(foreign.code(), Code::NotFound, "{path}");
        assert_eq!(unknown.code(), Code::NotFound, "{path}");
        let same = foreign.message().replace("there", "never");
        assert_eq!(same, unknown.message(), "{path}");
        let (one, two) = (foreign.get_error_details(), unknown.get_error_details());
        assert_eq!(one.error_info().unwrap().reason, two.error_info().unwrap().reason, "{path}");
    }
    assert_eq!(server.client(ACME).get(&there.conversation).await.unwrap(), before);
    assert_eq!(text_of(&server.client(ACME).turns(&there.conversation).await[0]), SECRET);
    server.stop().await;
}

#[tokio::test]
async fn without_a_good_key_nobody_comes_in() {
    let server = TestServer::start().await;
    let there = target(&server, "there").await;
    let keys = [
        Key::None,
        Key::Bearer("acme-kez"),
        Key::Bearer(""),
        Key::Raw("Basic YWNtZS1rZXk="),
        Key::Raw("acme-key"),
    ];
    for (path, _, call) in rows() {
        for key in keys {
            let status = call(server.client(key), there.clone()).await.expect_err(path);
            assert_eq!(status.code(), Code::Unauthenticated, "{path} {key:?}");
            assert_eq!(status.get_details_error_info().unwrap().reason, "API_KEY_REFUSED");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_missing_scope_is_permission_denied_before_anything_is_looked_at() {
    let server = TestServer::start().await;
    let there = target(&server, "there").await;
    for (path, _, call) in rows() {
        let method = METHODS.iter().find(|method| method.path == path).unwrap();
        let (lacking, holding) = match method.scope {
            Scope::Read => (ACME_WRITE, ACME_READ),
            Scope::Write | Scope::Admin => (ACME_READ, ACME_WRITE),
        };
        let absent = Target { conversation: "conversations/never".to_owned(), ..there.clone() };
        let status = call(server.client(lacking), absent.clone()).await.expect_err(path);
        assert_eq!(status.code(), Code::PermissionDenied, "{path}");
        let info = status.get_details_error_info().unwrap();
        assert_eq!(
            (&*info.reason, &*info.metadata["scope"]),
            ("SCOPE_MISSING", method.scope.as_str())
        );
        if let Err(status) = call(server.client(holding), absent).await {
            assert_ne!(status.code(), Code::PermissionDenied, "{path}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_search_of_a_user_stays_within_the_tenant() {
    let server = TestServer::start().await;
    target(&server, "there").await;
    let request = || pb::SearchTurnsRequest {
        scope: Some(pb::search_turns_request::Scope::UserId("ada".to_owned())),
        query: "canary dawn".to_owned(),
        ..Default::default()
    };
    for (key, expected) in [(ACME, true), (GLOBEX, false)] {
        let found = server.client(key).memory().search_turns(request()).await.unwrap().into_inner();
        let seen = found.hits.iter().any(|hit| text_of(hit.turn.as_ref().unwrap()) == SECRET);
        assert_eq!(seen, expected, "{key:?}");
    }
    server.stop().await;
}
