//! Both lanes, the cache between them, and what closing leaves.

use super::*;
use crate::embed::testing::{HashEmbedder, word_tokenizer};

fn tenant(id: &str) -> TenantId {
    TenantId::new(id).expect("an id")
}

fn config(max_waiting_texts: usize) -> EmbedConfig {
    EmbedConfig { bulk_batch: 4, max_waiting_texts, cache_bytes: 1 << 20, ..Default::default() }
}

fn service(max_waiting_texts: usize) -> EmbedService {
    let splitter = Splitter::new(word_tokenizer(), 256);
    let engine = HashEmbedder::new();
    let config = config(max_waiting_texts);
    EmbedService::start(engine.clone(), engine, splitter, &config).expect("a service")
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|number| "word ".repeat(number % 7) + &format!("n{number}")).collect()
}

#[tokio::test]
async fn passages_come_back_in_order() {
    // More texts than may wait: they pass in parts.
    for room in [1, 3, 1_000] {
        let texts = texts(50);
        let vectors = service(room).passages(&tenant("a"), texts.clone()).await.expect("vectors");
        let expected: Vec<_> = texts.iter().map(|text| HashEmbedder::vector(text)).collect();
        assert_eq!(vectors, expected, "room {room}");
    }
}

#[tokio::test]
async fn equal_content_is_embedded_once_for_a_tenant() {
    let service = service(100);
    let same = vec!["one two".to_owned(); 20];
    let a = tenant("a");
    let (first, second) =
        tokio::join!(service.passages(&a, same.clone()), service.passages(&a, same));
    assert_eq!(first.expect("vectors").len() + second.expect("vectors").len(), 40);
    service.query(&tenant("a"), "one two").await.expect("the passage's vector: no prefixes");
    assert_eq!(service.embedded(), 1);
    service.query(&tenant("b"), "one two").await.expect("another tenant's own");
    assert_eq!(service.embedded(), 2);
}

#[tokio::test]
async fn what_is_embedded_ahead_is_known() {
    let service = service(100);
    let a = tenant("a");
    let long = texts(AHEAD + 3);
    // One that fails keeps nothing from the others.
    service.passages_ahead(&a, vec!["poison".into(), "one two".into()]).await;
    let known = service.embedded();
    service.passages(&a, vec!["one two".into()]).await.expect("a vector");
    assert_eq!(service.embedded(), known);
    service.passages_ahead(&a, long.clone()).await;
    let known = service.embedded();
    service.passages(&a, long).await.expect("vectors");
    assert_eq!(service.embedded() - known, 3, "what is beyond the limit is left to the others");
}

#[tokio::test]
async fn forgotten_content_is_embedded_again() {
    let service = service(100);
    for expected in [1, 2] {
        service.passages(&tenant("a"), vec!["one".into()]).await.expect("a vector");
        assert_eq!(service.embedded(), expected);
        service.forget(&tenant("a"), &["one"]);
    }
}

#[tokio::test]
async fn one_bad_text_does_not_fail_others() {
    let service = service(100);
    let a = tenant("a");
    let (bad, good) = tokio::join!(
        service.passages(&a, vec!["poison".into(), "one".into()]),
        service.passages(&a, vec!["two".into(), "ten".into()]),
    );
    assert!(matches!(bad, Err(EmbedError::Engine(_))));
    assert_eq!(good.expect("its neighbours").len(), 2);
}

#[tokio::test]
async fn a_given_up_request_leaves_its_room() {
    let service = service(2);
    let a = tenant("a");
    let waiting = service.passages(&a, texts(2));
    drop(futures::future::select(Box::pin(waiting), Box::pin(std::future::ready(()))).await);
    let again = service.passages(&tenant("a"), texts(20)).await;
    assert_eq!(again.expect("room again").len(), 20);
}

#[tokio::test]
async fn after_closing_everything_is_refused() {
    let service = service(100);
    service.query(&tenant("a"), "one").await.expect("open");
    service.close();
    let query = service.query(&tenant("a"), "two").await;
    assert!(matches!(query, Err(EmbedError::Closed)), "{query:?}");
    let passages = service.passages(&tenant("a"), vec!["two".into()]).await;
    assert!(matches!(passages, Err(EmbedError::Closed)), "{passages:?}");
}

#[test]
fn the_version_names_weights_precision_and_splitter() {
    assert_eq!(service(1).version(), format!("test:0123456789abcdef:fp32:s{SPLITTER_VERSION}"));
}

#[test]
fn engines_of_different_models_are_refused() {
    let splitter = Splitter::new(word_tokenizer(), 256);
    let other = HashEmbedder::named("other");
    let started = EmbedService::start(HashEmbedder::new(), other, splitter, &config(1));
    assert!(matches!(started, Err(EmbedError::Engine(_))));
}
