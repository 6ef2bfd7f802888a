//! Items: kept byte for byte, found by meaning, words and fields, listed in
//! pages, gone when they are deleted.

use throughline::pb::{self, search_turns_request::Scope};
use throughline_memory::engine::Limits;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::harness::{ACME, Client, DRAIN, GLOBEX, TestServer, opened, user};

fn labels(namespace: &str) -> Vec<String> {
    namespace.split('/').filter(|label| !label.is_empty()).map(str::to_owned).collect()
}

fn item(namespace: &str, key: &str, value: &str) -> pb::PutItemRequest {
    pb::PutItemRequest {
        namespace: labels(namespace),
        key: key.to_owned(),
        value_json: value.to_owned(),
        wait_indexed: true,
        ..Default::default()
    }
}

async fn put(client: &Client, request: pb::PutItemRequest) -> Result<pb::MemoryItem, Status> {
    Ok(client.items().put_item(request).await?.into_inner().item.unwrap())
}

async fn get(client: &Client, namespace: &str, key: &str) -> Result<pb::MemoryItem, Status> {
    let request = pb::GetItemRequest { namespace: labels(namespace), key: key.to_owned() };
    Ok(client.items().get_item(request).await?.into_inner().item.unwrap())
}

async fn delete(client: &Client, namespace: &str, key: &str) -> Result<(), Status> {
    let request = pb::DeleteItemRequest { namespace: labels(namespace), key: key.to_owned() };
    client.items().delete_item(request).await.map(|_| ())
}

fn below(namespace: &str, query: &str) -> pb::SearchItemsRequest {
    let (namespace_prefix, query) = (labels(namespace), query.to_owned());
    pb::SearchItemsRequest { namespace_prefix, query, ..Default::default() }
}

async fn search(
    client: &Client,
    request: pb::SearchItemsRequest,
) -> Result<pb::SearchItemsResponse, Status> {
    Ok(client.items().search_items(request).await?.into_inner())
}

/// Keys of the items that a search finds, best first.
async fn found(client: &Client, request: pb::SearchItemsRequest) -> Vec<String> {
    let answer = search(client, request).await.unwrap();
    answer.hits.into_iter().map(|hit| hit.item.unwrap().key).collect()
}

fn field(path: &str, operator: pb::ItemOperator, value: &str) -> pb::ItemCondition {
    let (operator, value_json) = (operator.into(), value.to_owned());
    pb::ItemCondition { field: path.split('.').map(str::to_owned).collect(), operator, value_json }
}

#[track_caller]
fn check<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, reason: &str, fields: &[&str]) {
    let status = answer.expect_err("an error");
    let details = status.get_error_details();
    let found = details.error_info().map(|info| info.reason.as_str());
    assert_eq!((status.code(), found), (code, Some(reason)), "{status}");
    let listed: Vec<&str> = details
        .bad_request()
        .map(|bad| bad.field_violations.iter().map(|v| v.field.as_str()).collect())
        .unwrap_or_default();
    assert_eq!(listed, fields, "{status}");
}

#[tokio::test]
async fn a_value_comes_back_byte_for_byte() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let value = "{\"z\": 1, \"a\":9007199254740993, \"f\": 1.0, \"t\":\"\\u00fc \u{1f9f5}\", \
                 \"n\": null, \"deep\": {\"list\": [1, [2, {}]]}}";
    let first = put(&acme, item("users/ada", "k", value)).await.unwrap();
    assert_eq!((first.value_json.as_str(), first.revision), (value, 1));
    assert_eq!(first.create_time, first.update_time);
    assert_eq!(get(&acme, "users/ada", "k").await.unwrap(), first);

    let again = put(&acme, item("users/ada", "k", value)).await.unwrap();
    assert_eq!(again, first, "what is stored already stays as it is");
    let second = put(&acme, item("users/ada", "k", "{}")).await.unwrap();
    assert_eq!((second.revision, second.create_time), (2, first.create_time));
    assert_ne!(second.update_time, first.update_time);

    let large = format!("{{\"t\":\"{}\"}}", "x".repeat(200 << 10));
    put(&acme, item("users/ada", "large", &large)).await.unwrap();
    assert_eq!(get(&acme, "users/ada", "large").await.unwrap().value_json, large);
    server.stop().await;
}

#[tokio::test]
async fn another_tenants_items_do_not_exist_in_the_same_words() {
    let server = TestServer::start().await;
    let (acme, globex) = (server.client(ACME), server.client(GLOBEX));
    put(&acme, item("users/ada", "k", r#"{"text": "canary"}"#)).await.unwrap();
    let foreign = get(&globex, "users/ada", "k").await.unwrap_err();
    let absent = get(&globex, "users/ada", "l").await.unwrap_err();
    assert_eq!(foreign.message().replace("/k ", "/l "), absent.message());
    check::<()>(Err(foreign), Code::NotFound, "ITEM_NOT_FOUND", &[]);
    check(delete(&globex, "users/ada", "k").await, Code::NotFound, "ITEM_NOT_FOUND", &[]);
    assert_eq!(found(&globex, below("", "canary")).await, [""; 0]);
    let namespaces = globex.items().list_namespaces(pb::ListNamespacesRequest::default()).await;
    assert_eq!(namespaces.unwrap().into_inner().namespaces, []);
    // The same names are another item.
    put(&globex, item("users/ada", "k", r#"{"text": "other"}"#)).await.unwrap();
    assert_eq!(get(&acme, "users/ada", "k").await.unwrap().value_json, r#"{"text": "canary"}"#);
    server.stop().await;
}

#[tokio::test]
async fn items_are_found_by_words_and_meaning_below_a_namespace() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    for (namespace, key, text) in [
        ("users/ada", "food", "I love green tea and rice"),
        ("users/ada", "home", "My house stands by the river"),
        ("users/ada/work", "job", "Writes engines for tea machines"),
        ("users/adam", "other", "tea tea tea"),
    ] {
        let value = serde_json::json!({ "text": text }).to_string();
        put(&acme, item(namespace, key, &value)).await.unwrap();
    }
    let answer = search(&acme, below("users/ada", "green tea")).await.unwrap();
    let keys: Vec<&str> =
        answer.hits.iter().map(|hit| hit.item.as_ref().unwrap().key.as_str()).collect();
    assert_eq!(keys, ["food", "job", "home"], "`users/adam` does not lie below");
    let score = answer.hits[0].score.as_ref().unwrap();
    assert!(score.total > 0.3 && score.total <= 1.0, "{score:?}");
    assert!(score.components["cosine"] > 0.0 && score.components["bm25"] > 0.0, "{score:?}");
    assert_eq!(answer.shortfalls, []);
    assert_eq!(found(&acme, below("users/ada/work", "tea")).await, ["job"]);
    assert_eq!(found(&acme, below("", "tea")).await.len(), 4);

    // Without a query the newest comes first.
    assert_eq!(found(&acme, below("users/ada", "")).await, ["job", "home", "food"]);
    delete(&acme, "users/ada", "food").await.unwrap();
    assert_eq!(found(&acme, below("users/ada", "green tea")).await, ["job", "home"]);
    check(get(&acme, "users/ada", "food").await, Code::NotFound, "ITEM_NOT_FOUND", &[]);
    // A new value is found, the old one is not.
    put(&acme, item("users/ada", "home", r#"{"text": "a boat on the lake"}"#)).await.unwrap();
    let hits = search(&acme, below("users/ada", "river")).await.unwrap().hits;
    assert!(hits.iter().all(|hit| hit.score.as_ref().unwrap().components["bm25"] == 0.0));
    server.stop().await;
}

#[tokio::test]
async fn what_is_indexed_is_the_callers_choice() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let value =
        r#"{"title": "harbour", "parts": [{"text": "anchor"}, {"text": "sail"}], "by": "Eve"}"#;
    let paths = vec!["title".to_owned(), "parts[*].text".to_owned()];
    put(&acme, pb::PutItemRequest { index_paths: paths, ..item("n", "some", value) })
        .await
        .unwrap();
    put(&acme, pb::PutItemRequest { unindexed: true, ..item("n", "none", value) }).await.unwrap();
    put(&acme, item("n", "all", value)).await.unwrap();
    let bm25 = async |query: &str| {
        let hits = search(&acme, below("n", query)).await.unwrap().hits;
        let matched = |hit: &pb::ItemHit| {
            hit.score.as_ref().is_some_and(|score| score.components["bm25"] > 0.0)
        };
        let mut keys: Vec<String> = hits
            .iter()
            .filter(|hit| matched(hit))
            .map(|hit| hit.item.as_ref().unwrap().key.clone())
            .collect();
        keys.sort();
        keys
    };
    assert_eq!(bm25("anchor").await, ["all", "some"]);
    assert_eq!(bm25("Eve").await, ["all"]);
    // Each part is a text of its own: the whole value is not as near.
    let hits = search(&acme, below("n", "sail")).await.unwrap().hits;
    assert_eq!(hits[0].item.as_ref().unwrap().key, "some");
    assert!(hits[0].score.as_ref().unwrap().components["cosine"] > 0.99, "{hits:?}");
    assert_eq!(hits[2].score, None, "nothing of it is indexed");
    server.stop().await;
}

#[tokio::test]
async fn filters_compare_fields() {
    use pb::ItemOperator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    for (key, value) in [
        ("a", r#"{"kind": "note", "stars": 3, "by": {"name": "Ada"}, "text": "tea"}"#),
        ("b", r#"{"kind": "note", "stars": 4.5, "text": "tea"}"#),
        ("c", r#"{"kind": "task", "stars": 5, "text": "tea"}"#),
    ] {
        put(&acme, item("n", key, value)).await.unwrap();
    }
    for (conditions, query, expected) in [
        (vec![field("kind", Equal, "\"note\"")], "", vec!["a", "b"]),
        (vec![field("kind", NotEqual, "\"note\"")], "tea", vec!["c"]),
        (vec![field("stars", Greater, "3")], "tea", vec!["b", "c"]),
        (
            vec![field("stars", GreaterOrEqual, "3.0"), field("stars", Less, "5")],
            "",
            vec!["a", "b"],
        ),
        (vec![field("stars", LessOrEqual, "4.5"), field("kind", Equal, "\"task\"")], "", vec![]),
        (vec![field("by.name", Equal, "\"Ada\"")], "tea", vec!["a"]),
        (vec![field("by", Equal, "null")], "", vec!["b", "c"]),
    ] {
        let request = pb::SearchItemsRequest { filter: conditions, ..below("n", query) };
        let mut keys = found(&acme, request.clone()).await;
        keys.sort();
        assert_eq!(keys, expected, "{request:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn searches_lists_and_namespaces_are_paged() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    for n in 0..7 {
        let value = format!(r#"{{"text": "apple number {n}"}}"#);
        put(&acme, item(&format!("n/{}", n % 3), &format!("k{n}"), &value)).await.unwrap();
    }
    for query in ["", "apple"] {
        let all = pb::SearchItemsRequest { page_size: 100, ..below("n", query) };
        let whole = found(&acme, all).await;
        let (mut keys, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = pb::SearchItemsRequest { page_size: 3, page_token, ..below("n", query) };
            let page = search(&acme, request).await.unwrap();
            keys.extend(page.hits.into_iter().map(|hit| hit.item.unwrap().key));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!((keys.len(), &keys), (7, &whole), "{query}");
        let skipping = pb::SearchItemsRequest { skip: 5, ..below("n", query) };
        assert_eq!(found(&acme, skipping).await, whole[5..]);
    }
    let list = |page_token: String| {
        let (mut items, namespace) = (acme.items(), labels("n/0"));
        let request = pb::ListItemsRequest { namespace, page_size: 2, page_token };
        async move { items.list_items(request).await.unwrap().into_inner() }
    };
    let first = list(String::new()).await;
    let second = list(first.next_page_token.clone()).await;
    let keys = |page: &pb::ListItemsResponse| {
        page.items.iter().map(|item| item.key.clone()).collect::<Vec<_>>()
    };
    assert_eq!((keys(&first), keys(&second)), (vec!["k0".into(), "k3".into()], vec!["k6".into()]));
    assert_eq!(second.next_page_token, "");
    let mut elsewhere = below("n", "apple");
    elsewhere.page_token = first.next_page_token;
    check(search(&acme, elsewhere).await, Code::InvalidArgument, "INVALID_FIELDS", &["page_token"]);
    server.stop().await;
}

#[tokio::test]
async fn namespaces_are_listed_cut_and_matched() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    for namespace in ["a", "a/b/c", "a/b/d", "a/x/c", "ab/y", "z/b/c"] {
        put(&acme, item(namespace, "k", "{}")).await.unwrap();
    }
    let list = async |request: pb::ListNamespacesRequest| {
        let mut listed: Vec<String> = Vec::new();
        let mut request = request;
        loop {
            let page = acme.items().list_namespaces(request.clone()).await.unwrap().into_inner();
            listed.extend(page.namespaces.into_iter().map(|namespace| namespace.labels.join("/")));
            if page.next_page_token.is_empty() {
                return listed;
            }
            request.page_token = page.next_page_token;
            request.skip = 0;
        }
    };
    let all = pb::ListNamespacesRequest::default;
    let expected = ["a", "a/b/c", "a/b/d", "a/x/c", "ab/y", "z/b/c"];
    assert_eq!(list(all()).await, expected);
    for page_size in 1..4 {
        assert_eq!(list(pb::ListNamespacesRequest { page_size, ..all() }).await, expected);
        let cut = pb::ListNamespacesRequest { page_size, max_depth: 2, ..all() };
        assert_eq!(list(cut).await, ["a", "a/b", "a/x", "ab/y", "z/b"]);
        let skipped = pb::ListNamespacesRequest { page_size, skip: 4, ..all() };
        assert_eq!(list(skipped).await, ["ab/y", "z/b/c"]);
    }
    use pb::NamespaceEnd::{Prefix, Suffix};
    for (conditions, expected) in [
        (vec![(Prefix, "a")], vec!["a", "a/b/c", "a/b/d", "a/x/c"]),
        (vec![(Prefix, "a"), (Suffix, "c")], vec!["a/b/c", "a/x/c"]),
        (vec![(Prefix, "*/b")], vec!["a/b/c", "a/b/d", "z/b/c"]),
        (vec![(Suffix, "b/*")], vec!["a/b/c", "a/b/d", "z/b/c"]),
        (vec![(Prefix, "q")], vec![]),
    ] {
        let condition = |(end, wanted): &(pb::NamespaceEnd, &str)| pb::NamespaceCondition {
            end: (*end).into(),
            labels: labels(wanted),
        };
        let conditions = conditions.iter().map(condition).collect();
        assert_eq!(list(pb::ListNamespacesRequest { conditions, ..all() }).await, expected);
    }
    delete(&acme, "ab/y", "k").await.unwrap();
    assert!(!list(all()).await.contains(&"ab/y".to_owned()), "an empty namespace is gone");
    server.stop().await;
}

#[tokio::test]
async fn items_and_their_vectors_outlive_a_restart() {
    let server = TestServer::start().await;
    put(&server.client(ACME), item("n", "k", r#"{"text": "the harbour at dawn"}"#)).await.unwrap();
    let TestServer { server, data, .. } = server;
    server.stop(DRAIN).await;
    let mut again = TestServer::starting().await;
    again.server.open(opened(data.path(), Limits::default()).await).await;
    let acme = again.client(ACME);
    assert_eq!(get(&acme, "n", "k").await.unwrap().revision, 1);
    let answer = search(&acme, below("n", "harbour")).await.unwrap();
    assert!(answer.hits[0].score.as_ref().unwrap().components["cosine"] > 0.0);
    assert_eq!(answer.shortfalls, []);
    again.stop().await;
}

#[tokio::test]
async fn turns_and_items_are_searched_together() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let conversation = acme.create("c").await;
    acme.append(&conversation, vec![user("I drink green tea"), user("It rains")]).await.unwrap();
    put(&acme, item("users/ada", "food", r#"{"text": "green tea, no milk"}"#)).await.unwrap();
    put(&acme, item("users/bob", "food", r#"{"text": "green tea"}"#)).await.unwrap();
    let hidden = item("users/ada", "hidden", r#"{"text": "green tea"}"#);
    put(&acme, pb::PutItemRequest { unindexed: true, ..hidden }).await.unwrap();
    let request = |namespaces: &[&str], page_token: String| pb::SearchTurnsRequest {
        scope: Some(Scope::Conversation(conversation.clone())),
        query: "green tea".to_owned(),
        page_size: 1,
        page_token,
        item_namespaces: namespaces
            .iter()
            .map(|namespace| pb::ItemNamespace { labels: labels(namespace) })
            .collect(),
        ..Default::default()
    };
    let ask = async |request| acme.memory().search_turns(request).await.map(|a| a.into_inner());
    let first = ask(request(&["users/ada", "users/ada"], String::new())).await.unwrap();
    assert_eq!((first.hits.len(), first.items.len()), (1, 1));
    assert_eq!(first.items[0].item.as_ref().unwrap().namespace, ["users", "ada"]);
    assert!(first.items[0].score.is_some());
    let next = ask(request(&["users/ada", "users/ada"], first.next_page_token)).await.unwrap();
    assert_eq!((next.hits.len(), next.items.len()), (1, 0), "items come with the first page");
    assert_eq!(ask(request(&[], String::new())).await.unwrap().items, []);
    let many = ask(request(&["n"; 9], String::new())).await;
    check(many, Code::InvalidArgument, "INVALID_FIELDS", &["item_namespaces"]);
    let mut of_user = request(&["users"], String::new());
    of_user.scope = Some(Scope::UserId("ada".to_owned()));
    of_user.page_size = 10;
    assert_eq!(ask(of_user).await.unwrap().items.len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_taken_is_named() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let invalid = |answer: Result<pb::MemoryItem, Status>, fields: &[&str]| {
        check(answer, Code::InvalidArgument, "INVALID_FIELDS", fields);
    };
    invalid(put(&acme, item("", "", "")).await, &["namespace", "key", "value_json"]);
    for bad in ["[1]", "{\"a\": NaN}", "{", "\"text\""] {
        invalid(put(&acme, item("n", "k", bad)).await, &["value_json"]);
    }
    let large = format!("{{\"t\":\"{}\"}}", "x".repeat(256 << 10));
    invalid(put(&acme, item("n", "k", &large)).await, &["value_json"]);
    let paths = |paths: Vec<&str>| paths.into_iter().map(str::to_owned).collect::<Vec<_>>();
    for (index_paths, unindexed, bad) in [
        (paths(vec!["a", "b[x]"]), false, "index_paths[1]"),
        (paths(vec!["a"; 17]), false, "index_paths"),
        (paths(vec!["a"]), true, "index_paths"),
    ] {
        let request = pb::PutItemRequest { index_paths, unindexed, ..item("n", "k", "{}") };
        invalid(put(&acme, request).await, &[bad]);
    }
    check(get(&acme, "n", "k").await, Code::NotFound, "ITEM_NOT_FOUND", &[]);

    let bad = pb::SearchItemsRequest {
        namespace_prefix: vec![String::new()],
        filter: vec![field("a", pb::ItemOperator::Less, "")],
        page_size: -1,
        skip: -1,
        ..below("", "")
    };
    let fields = ["namespace_prefix", "filter[0].value_json", "page_size", "skip"];
    check(search(&acme, bad).await, Code::InvalidArgument, "INVALID_FIELDS", &fields);
    server.stop().await;
}

#[tokio::test]
async fn limits_of_namespaces_and_searches_are_told() {
    let limits = Limits { items_per_namespace: 2, items_per_search: 3, ..Limits::default() };
    let server = TestServer::with_limits(limits).await;
    let acme = server.client(ACME);
    for namespace in ["n", "m"] {
        for key in ["a", "b"] {
            put(&acme, item(namespace, key, "{}")).await.unwrap();
        }
    }
    let over = put(&acme, item("n", "c", "{}")).await;
    check(over, Code::ResourceExhausted, "LIMIT_REACHED", &[]);
    put(&acme, item("n", "b", r#"{"new": true}"#)).await.unwrap();
    delete(&acme, "n", "a").await.unwrap();
    put(&acme, item("n", "c", "{}")).await.unwrap();
    let answer = search(&acme, below("", "")).await.unwrap();
    assert_eq!(answer.hits.len(), 3);
    let reasons: Vec<_> = answer.shortfalls.iter().map(|s| (s.reason(), s.count)).collect();
    assert_eq!(reasons, [(pb::ShortfallReason::ItemsLeftOut, 3)]);
    server.stop().await;
}
