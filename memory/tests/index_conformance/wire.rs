//! What the adapter says to a Qdrant server, and what it does when the server
//! does not answer. Runs against the double only.

use std::{sync::Arc, time::Duration};

use qdrant_client::qdrant::{
    Filter, Modifier, condition::ConditionOneOf, r#match::MatchValue,
    payload_index_params::IndexParams, points_selector::PointsSelectorOneOf,
    points_update_operation::Operation,
};
use throughline_memory::{
    embed::EmbeddingModel,
    index::{
        IndexError, Match, TurnIndex,
        qdrant::{QdrantIndex, QdrantOptions},
    },
    turn::TenantId,
};
use tonic::Code;

use crate::{
    double::{Call, Double},
    world::{DIMENSIONS, World, id, query, turn, whole},
};

/// A model of the test's vectors.
pub(crate) fn model(dimensions: usize) -> EmbeddingModel {
    EmbeddingModel {
        name: "test-model".to_owned(),
        sha256: "0".repeat(64),
        dimensions,
        max_tokens: 256,
        engine: "none".to_owned(),
        precision: "fp32".to_owned(),
        device: "cpu".to_owned(),
    }
}

/// Attempts follow each other at once; time limits are far away.
pub(crate) fn options() -> QdrantOptions {
    QdrantOptions {
        collection_prefix: "throughline_test".to_owned(),
        search_deadline: Duration::from_secs(30),
        backoff: Duration::from_millis(1),
        pause_after_failure: Duration::ZERO,
        ..QdrantOptions::default()
    }
}

pub(crate) async fn connect(url: &str, world: &World) -> QdrantIndex {
    let source = Arc::new(world.source());
    QdrantIndex::connect(url, None, &model(DIMENSIONS), source, options()).await.expect("connect")
}

async fn index(world: &World) -> (Double, QdrantIndex) {
    let double = Double::default();
    let index = connect(&double.serve().await, world).await;
    (double, index)
}

async fn found(
    index: &QdrantIndex,
    tenant: &TenantId,
    text: &str,
) -> Result<Vec<Match>, IndexError> {
    let found = index.search(&[whole(tenant, "c1")], &query(text)).await?;
    Ok(found.iter().flat_map(|branch| branch.matches.iter()).collect())
}

#[tokio::test]
async fn the_collection_is_made_for_many_tenants() {
    let (double, _index) = index(&World::new()).await;
    let mut indexes = Vec::new();
    for call in double.take_calls() {
        match call {
            Call::Create(create) => {
                let hnsw = create.hnsw_config.expect("hnsw");
                assert_eq!((hnsw.m, hnsw.payload_m), (Some(0), Some(16)));
                let sparse = create.sparse_vectors_config.expect("sparse vectors");
                let modifier = sparse.map.get("sparse").expect("named").modifier;
                assert_eq!(modifier, Some(Modifier::Idf.into()));
            }
            Call::Index(index) => {
                let params = index.field_index_params.and_then(|params| params.index_params);
                let kind = match params.expect("params") {
                    IndexParams::KeywordIndexParams(k) if k.is_tenant() => "tenant",
                    IndexParams::KeywordIndexParams(_) => "keyword",
                    IndexParams::IntegerIndexParams(i) if i.range() && i.lookup() => "integer",
                    other => panic!("{other:?}"),
                };
                indexes.push((index.field_name, kind));
            }
            other => panic!("{other:?}"),
        }
    }
    let expected = [
        ("tenant_id", "tenant"),
        ("conversation_id", "keyword"),
        ("user_id", "keyword"),
        ("turn", "keyword"),
        ("sequence", "integer"),
    ];
    assert_eq!(indexes, expected.map(|(field, kind)| (field.to_owned(), kind)));
}

#[tokio::test]
async fn every_call_names_the_tenant_and_every_write_waits() {
    let world = World::new();
    let (double, index) = index(&world).await;
    double.take_calls();
    let tenant = world.tenant("acme");
    world.say(&index, &tenant, "c1", vec![turn(1, "hello harbour")]).await;
    found(&index, &tenant, "harbour").await.expect("search");
    index.remove_turns(&tenant, &id("c1"), &[1]).await.expect("remove");
    index.remove_conversation(&tenant, &id("c1"), 1).await.expect("remove");
    let (mut writes, mut queries) = (0, Vec::new());
    for call in double.take_calls() {
        match call {
            Call::Update(update) => {
                writes += 1;
                assert_eq!(update.wait, Some(true));
                for operation in update.operations {
                    match operation.operation.expect("an operation") {
                        Operation::DeletePoints(delete) => {
                            assert_names(selected(delete.points), &tenant);
                        }
                        Operation::Upsert(list) => {
                            for point in list.points {
                                let own = point.payload.get("tenant_id").and_then(|v| v.as_str());
                                assert_eq!(own.map(String::as_str), Some(tenant.as_str()));
                            }
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
            Call::Delete(delete) => {
                writes += 1;
                assert_eq!(delete.wait, Some(true));
                assert_names(selected(delete.points), &tenant);
            }
            Call::Query(asked) => {
                assert_eq!((asked.group_by.as_str(), asked.group_size), ("turn", Some(1)));
                assert_eq!(asked.limit, Some(10));
                assert_names(asked.filter.expect("a filter"), &tenant);
                if let Some(idf) = asked.params.and_then(|params| params.idf) {
                    assert_names(idf.corpus.expect("a corpus"), &tenant);
                    queries.push("sparse with idf");
                } else {
                    queries.push("dense");
                }
            }
            other => panic!("{other:?}"),
        }
    }
    queries.sort_unstable();
    assert_eq!((writes, queries), (3, vec!["dense", "sparse with idf"]));
}

fn selected(selector: Option<qdrant_client::qdrant::PointsSelector>) -> Filter {
    match selector.and_then(|selector| selector.points_selector_one_of) {
        Some(PointsSelectorOneOf::Filter(filter)) => filter,
        other => panic!("not a filter: {other:?}"),
    }
}

/// A condition of its own that all points must meet, not one of several.
fn assert_names(filter: Filter, tenant: &TenantId) {
    let named = filter.must.iter().any(|condition| match &condition.condition_one_of {
        Some(ConditionOneOf::Field(field)) => {
            let asked = field.r#match.as_ref().and_then(|m| m.match_value.clone());
            field.key == "tenant_id" && asked == Some(MatchValue::Keyword(tenant.to_string()))
        }
        _ => false,
    });
    assert!(named, "{filter:?}");
}

#[tokio::test]
async fn a_repeated_write_replaces_its_points() {
    let world = World::new();
    let (double, index) = index(&world).await;
    let tenant = world.tenant("acme");
    for _ in 0..2 {
        world.say(&index, &tenant, "c1", vec![turn(1, "one"), turn(2, "two")]).await;
        assert_eq!(double.points(), 4);
    }
    // 300 turns are 600 points: several calls, all of them there.
    let many = (1..=300).map(|n| turn(n, &format!("number {n}"))).collect();
    world.say(&index, &tenant, "c1", many).await;
    assert_eq!(double.points(), 600);
    let updates = double.take_calls().into_iter().filter(|call| matches!(call, Call::Update(_)));
    assert_eq!(updates.count(), 2 + 3);
}

#[tokio::test]
async fn faults_that_pass_are_waited_out() {
    let world = World::new();
    let (double, index) = index(&world).await;
    let tenant = world.tenant("acme");
    for code in [Code::Unavailable, Code::Internal, Code::ResourceExhausted, Code::Aborted] {
        double.fail_next([code, code]);
        world.say(&index, &tenant, "c1", vec![turn(1, "hello harbour")]).await;
        double.fail_next([code]);
        let found = found(&index, &tenant, "harbour").await.expect("search");
        assert_eq!(found.len(), 1, "{code:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_not_repeated() {
    let world = World::new();
    let (double, index) = index(&world).await;
    let tenant = world.tenant("acme");
    for code in [Code::InvalidArgument, Code::Unauthenticated, Code::PermissionDenied] {
        double.fail_next([code]);
        let outcome = index.upsert(&tenant, &id("c1"), "u", vec![turn(1, "x")]).await;
        assert!(matches!(outcome, Err(IndexError::Refused(_))), "{outcome:?}");
        // No fault was used up by a second attempt, and the next call works.
        index.upsert(&tenant, &id("c1"), "u", vec![turn(1, "x")]).await.expect("upsert");
    }
}

#[tokio::test]
async fn a_dropped_collection_is_made_again() {
    let world = World::new();
    let (double, index) = index(&world).await;
    let tenant = world.tenant("acme");
    double.drop_collections();
    let outcome = index.upsert(&tenant, &id("c1"), "u", vec![turn(1, "harbour")]).await;
    assert!(matches!(outcome, Err(IndexError::Refused(_))), "{outcome:?}");
    index.upsert(&tenant, &id("c1"), "u", vec![turn(1, "harbour")]).await.expect("upsert");
    assert_eq!(double.points(), 2);
}

#[tokio::test]
async fn whoever_feeds_it_learns_that_the_collection_is_new() {
    let world = World::new();
    let double = Double::default();
    let url = double.serve().await;
    let index = connect(&url, &world).await;
    index.emptied().await;
    let tenant = world.tenant("acme");
    index.upsert(&tenant, &id("c1"), "u", vec![turn(1, "harbour")]).await.expect("upsert");
    // One that is there already, and one that was dropped under us.
    let second = connect(&url, &world).await;
    assert_eq!(second.place(), index.place());
    assert!(index.place().is_some_and(|place| place.ends_with(index.collection())));
    let told = tokio::time::timeout(Duration::from_millis(50), second.emptied()).await;
    assert!(told.is_err(), "it was there");
    double.drop_collections();
    found(&second, &tenant, "harbour").await.expect_err("refused");
    assert_eq!(found(&second, &tenant, "harbour").await.expect("search"), []);
    second.emptied().await;
}

#[tokio::test]
async fn searches_do_not_queue_behind_a_server_that_is_down() {
    let world = World::new();
    let double = Double::default();
    double.set_down(true);
    let url = double.serve().await;
    let source = Arc::new(world.source());
    let options = QdrantOptions { pause_after_failure: Duration::from_secs(3_600), ..options() };
    let connected = QdrantIndex::connect(&url, None, &model(DIMENSIONS), source, options).await;
    let index = connected.expect("connect");
    double.take_calls();
    double.set_down(false);
    // The server would answer; what was learnt of it stands for the searches,
    // and for the writes, which are tried again later.
    let tenant = world.tenant("acme");
    for _ in 0..3 {
        let outcome = found(&index, &tenant, "harbour").await;
        assert!(matches!(outcome, Err(IndexError::Unavailable(_))), "{outcome:?}");
    }
    let outcome = index.upsert(&tenant, &id("c1"), "u", vec![turn(1, "harbour")]).await;
    assert!(matches!(outcome, Err(IndexError::Unavailable(_))), "{outcome:?}");
    assert!(double.take_calls().is_empty());
}

#[tokio::test]
async fn a_search_does_not_wait_for_another_that_looks_for_the_collection() {
    let world = World::new();
    let double = Double::default();
    double.set_down(true);
    let index = Arc::new(connect(&double.serve().await, &world).await);
    double.set_down(false);
    let gate = double.hold_lookups();
    let tenant = world.tenant("acme");
    let first = tokio::spawn({
        let (index, tenant) = (index.clone(), tenant.clone());
        async move { found(&index, &tenant, "harbour").await }
    });
    gate.reached.notified().await;
    let outcome = found(&index, &tenant, "harbour").await;
    assert!(matches!(outcome, Err(IndexError::Unavailable(_))), "{outcome:?}");
    gate.open.add_permits(2);
    assert_eq!(first.await.expect("joined").expect("search"), []);
}

#[tokio::test]
async fn a_server_that_is_down_is_unavailable_and_may_come_back() {
    let world = World::new();
    let double = Double::default();
    double.set_down(true);
    let index = connect(&double.serve().await, &world).await;
    let tenant = world.tenant("acme");
    let turns = vec![turn(1, "hello harbour")];
    let outcome = index.upsert(&tenant, &id("c1"), "u", turns.clone()).await;
    assert!(matches!(outcome, Err(IndexError::Unavailable(_))), "{outcome:?}");
    let outcome = found(&index, &tenant, "harbour").await;
    assert!(matches!(outcome, Err(IndexError::Unavailable(_))), "{outcome:?}");
    let outcome = index.remove_conversation(&tenant, &id("c2"), 1).await;
    assert!(matches!(outcome, Err(IndexError::Unavailable(_))), "{outcome:?}");
    double.set_down(false);
    // Not written yet, and found all the same.
    let hits = found(&index, &tenant, "hello harbour").await.expect("search");
    assert_eq!(double.points(), 0);
    assert_eq!(hits.iter().map(|m| m.sequence).collect::<Vec<_>>(), [1]);
    assert!(hits.iter().all(|m| m.bm25 > 0.0 && m.dense > Some(0.99)), "{hits:?}");
    index.upsert(&tenant, &id("c1"), "u", turns).await.expect("upsert");
    assert_eq!(double.points(), 2);
}

#[tokio::test]
async fn nobody_at_the_address_is_unavailable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let world = World::new();
    let index = connect(&format!("http://{address}"), &world).await;
    let outcome = found(&index, &world.tenant("acme"), "harbour").await;
    assert!(matches!(outcome, Err(IndexError::Unavailable(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_turn_is_found_before_the_server_has_it() {
    let world = World::new();
    let (double, index) = index(&world).await;
    let (index, tenant) = (Arc::new(index), world.tenant("acme"));
    let gate = double.hold_updates();
    let writing = tokio::spawn({
        let (index, tenant) = (index.clone(), tenant.clone());
        async move { index.upsert(&tenant, &id("c1"), "u", vec![turn(1, "hello harbour")]).await }
    });
    gate.reached.notified().await;
    assert_eq!(double.points(), 0);
    assert_eq!(found(&index, &tenant, "harbour").await.expect("search").len(), 1);
    // Another tenant's search does not see it either.
    let rival = found(&index, &world.tenant("rival"), "harbour").await.expect("search");
    assert_eq!(rival, []);
    gate.open.add_permits(1);
    writing.await.expect("joined").expect("upsert");
    assert_eq!(double.points(), 2);
    assert_eq!(found(&index, &tenant, "harbour").await.expect("search").len(), 1);
}

#[tokio::test]
async fn a_removal_waits_for_the_write_before_it() {
    let world = World::new();
    let (double, index) = index(&world).await;
    let (index, tenant) = (Arc::new(index), world.tenant("acme"));
    let gate = double.hold_updates();
    let writing = tokio::spawn({
        let (index, tenant) = (index.clone(), tenant.clone());
        async move { index.upsert(&tenant, &id("c1"), "u", vec![turn(1, "secret")]).await }
    });
    gate.reached.notified().await;
    // The removal is asked for; the write goes on only after searches that
    // were sent later have been answered: time enough to overtake it.
    let owner = id("c1");
    let (removed, ()) = tokio::join!(index.remove_turns(&tenant, &owner, &[1]), async {
        for _ in 0..20 {
            found(&index, &tenant, "secret").await.expect("search");
        }
        gate.open.add_permits(1);
    });
    removed.expect("remove");
    writing.await.expect("joined").expect("upsert");
    assert_eq!(double.points(), 0);
    assert_eq!(found(&index, &tenant, "secret").await.expect("search"), []);
}

#[tokio::test]
async fn a_collection_of_other_dimensions_is_refused() {
    let world = World::new();
    let double = Double::default();
    let url = double.serve().await;
    let first = connect(&url, &world).await;
    // Another model has another collection.
    let mut other = model(DIMENSIONS);
    other.precision = "int8".to_owned();
    let source = Arc::new(world.source());
    let second = QdrantIndex::connect(&url, None, &other, source.clone(), options()).await;
    assert_ne!(second.expect("connect").collection(), first.collection());
    double.set_dimensions(8);
    let wrong = QdrantIndex::connect(&url, None, &other, source.clone(), options()).await;
    assert!(matches!(wrong.err(), Some(IndexError::Refused(why)) if why.contains("rebuild")));
    let wrong = QdrantIndex::connect("not an address", None, &other, source, options()).await;
    assert!(matches!(wrong.err(), Some(IndexError::Refused(_))));
}
