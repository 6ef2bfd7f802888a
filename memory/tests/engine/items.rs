//! Items: durable when they are put, embedded behind it, gone without a trace.

use std::sync::{Arc, atomic::Ordering};

use crate::fixture::*;
use throughline_memory::{
    engine::*,
    items::{ItemHit, ItemKey, Namespace, NamespacePrefix},
    store::StoreKind,
    turn::TenantId,
};

fn namespace(text: &str) -> Namespace {
    Namespace::new(text.split('/').map(str::to_owned).collect()).expect("a namespace")
}

fn key(text: &str) -> ItemKey {
    ItemKey::new(text.to_owned()).expect("a key")
}

fn item(of: &str, name: &str, text: &str) -> NewItem {
    NewItem {
        namespace: namespace(of),
        key: key(name),
        value_json: serde_json::json!({ "text": text }).to_string(),
        index_paths: Vec::new(),
        unindexed: false,
    }
}

async fn put(world: &World, item: NewItem) -> PutItem {
    world.engine.put_item(&tenant(), item).await.expect("put")
}

async fn search(world: &World, query: &str) -> ItemSearchOutcome {
    let search = ItemSearch {
        below: vec![NamespacePrefix::default()],
        query: query.to_owned(),
        limit: 100,
        ..ItemSearch::default()
    };
    world.engine.search_items(&tenant(), search).await.expect("searched")
}

fn cosine(hit: &ItemHit) -> Option<f32> {
    hit.components.iter().find(|(name, _)| *name == "cosine").map(|(_, value)| *value)
}

#[tokio::test]
async fn an_item_is_durable_before_it_is_embedded() {
    for kind in StoreKind::ALL {
        let world = World::with(kind, Limits::default()).await;
        world.controls.embedder_down.store(true, Ordering::SeqCst);
        put(&world, item("users/ada", "a", "alpha beta")).await;
        put(&world, item("users/ada", "b", "gamma")).await;
        let world = world.crash_and_open().await;
        assert_eq!(world.engine.outbox_backlog(), 2, "{kind}");
        world.controls.embedder_down.store(false, Ordering::SeqCst);
        within("items to be embedded", async {
            while world.engine.outbox_backlog() > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        })
        .await;
        let found = search(&world, "alpha").await;
        assert_eq!(found.hits[0].item.key, key("a"), "{kind}");
        assert!(found.hits.iter().all(|hit| cosine(hit).is_some()), "{kind}");
        assert_eq!(found.shortfalls, [], "{kind}");
        let world = world.reopen().await;
        assert!(cosine(&search(&world, "alpha").await.hits[0]).is_some(), "{kind}");
        assert_eq!(world.engine.outbox_backlog(), 0, "{kind}");
    }
}

#[tokio::test]
async fn what_waits_is_found_by_its_words_and_named() {
    let world = World::new().await;
    put(&world, item("n", "a", "alpha")).await;
    put(&world, item("n", "b", "beta")).await;
    world.drain().await;
    // The query goes through the cache, the new value does not.
    search(&world, "beta").await;
    world.controls.embedder_down.store(true, Ordering::SeqCst);
    put(&world, item("n", "a", "gamma beta")).await;
    let found = search(&world, "beta").await;
    assert_eq!(found.shortfalls, [Shortfall::ItemsNotIndexed(1)]);
    let changed = found.hits.iter().find(|hit| hit.item.key == key("a")).expect("found");
    assert_eq!(cosine(changed), None, "vectors of the old value are gone");
    assert!(changed.score.expect("scored") > 0.0);
    let unknown = search(&world, "delta").await;
    let embedding = |shortfall: &Shortfall| matches!(shortfall, Shortfall::EmbeddingUnavailable(_));
    assert!(unknown.shortfalls.iter().any(embedding), "{:?}", unknown.shortfalls);
}

#[tokio::test]
async fn nothing_is_left_of_what_is_deleted() {
    let world = World::new().await;
    put(&world, item("n", "early", "alpha")).await;
    world.drain().await;
    let waiting = put(&world, item("n", "late", "omega")).await;
    world.engine.delete_item(&tenant(), &namespace("n"), &key("late")).await.expect("deleted");
    world.engine.delete_item(&tenant(), &namespace("n"), &key("early")).await.expect("deleted");
    // The derivation that was under way writes nothing.
    within("the entry to be done", world.engine.wait_item(&waiting)).await;
    world.drain().await;
    assert_eq!(world.keys(), Vec::<Vec<u8>>::new());
    assert_eq!((world.holding("alpha"), world.holding("omega")), (0, 0));
    let again = world.engine.delete_item(&tenant(), &namespace("n"), &key("late")).await;
    assert!(matches!(again, Err(EngineError::NotFound { kind: "item", .. })), "{again:?}");
}

#[tokio::test]
async fn writers_of_a_namespace_count_every_item() {
    let limits = Limits { items_per_namespace: 10, ..Limits::default() };
    let world = World::with(StoreKind::Sled, limits).await;
    let puts = (0..20).map(|n| {
        let engine = Arc::clone(&world.engine);
        let item = item("n", &format!("k{n}"), "alpha");
        tokio::spawn(async move { engine.put_item(&tenant(), item).await.is_ok() })
    });
    let mut taken = 0;
    for put in puts.collect::<Vec<_>>() {
        taken += usize::from(put.await.expect("ends"));
    }
    let page = world.engine.list_items(&tenant(), &namespace("n"), None, 100).expect("listed");
    assert_eq!((taken, page.items.len()), (10, 10));
    for item in page.items {
        let deleted = world.engine.delete_item(&tenant(), &item.namespace, &item.key).await;
        deleted.expect("deleted");
    }
    let none = NamespaceRequest { limit: 10, ..NamespaceRequest::default() };
    let left = world.engine.list_namespaces(&tenant(), &none).expect("listed");
    assert_eq!(left.namespaces, []);
}

#[tokio::test]
async fn another_model_and_a_rebuild_embed_every_item_again() {
    let mut world = World::new().await;
    for n in 0..70 {
        put(&world, item("n", &format!("k{n}"), &format!("alpha n{n}"))).await;
    }
    let other = TenantId::new("another-tenant").expect("an id");
    world.engine.put_item(&other, item("m", "k", "beta")).await.expect("put");
    let nothing = NewItem { unindexed: true, ..item("n", "none", "alpha") };
    put(&world, nothing).await;
    world.drain().await;
    world.model = "other".into();
    world.controls.embedder_down.store(true, Ordering::SeqCst);
    let world = world.reopen().await;
    assert_eq!(world.engine.outbox_backlog(), 2, "one for each namespace");
    world.controls.embedder_down.store(false, Ordering::SeqCst);
    world.drain().await;
    let found = search(&world, "alpha").await;
    assert_eq!(found.hits.iter().filter(|hit| cosine(hit).is_some()).count(), 70);
    assert_eq!(found.shortfalls, []);

    let before = world.controls.embedded.load(Ordering::SeqCst);
    let world = world.reopen().await;
    let progress = |_, _| {};
    assert_eq!(world.engine.rebuild(&progress).await.expect("rebuilt"), 2);
    assert_eq!(world.controls.embedded.load(Ordering::SeqCst), before + 71);
}
