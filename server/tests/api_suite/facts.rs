//! Pins: kept, changed, taken out.

use throughline::pb;

use crate::harness::{ACME, TestServer, fact, user};

#[tokio::test]
async fn a_pin_lives_from_pinning_to_unpinning() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let conversation = acme.create("c").await;
    acme.append(&conversation, vec![user("I drink tea")]).await.unwrap();
    let source_span = Some(pb::TextSpan { start: 2, end: 11 });
    let request = pb::PinFactRequest {
        conversation: conversation.clone(),
        fact: Some(pb::Fact { source_sequence: 1, source_span, ..fact("drinks tea") }),
        request_id: "p".to_owned(),
    };
    let pinned = acme.memory().pin_fact(request).await.unwrap().into_inner();
    let first = pinned.fact.unwrap();
    assert_eq!((first.source_sequence, first.source_span), (1, source_span));
    assert_eq!((first.request_id.as_str(), first.required), ("p", false));

    let changed = pb::Fact { required: true, text: "not taken over".to_owned(), ..first.clone() };
    let request = pb::UpdateFactRequest {
        fact: Some(changed),
        update_mask: Some(prost_types::FieldMask { paths: vec!["required".to_owned()] }),
    };
    let updated = acme.memory().update_fact(request).await.unwrap().into_inner();
    assert!(updated.revision > pinned.revision);
    let updated = updated.fact.unwrap();
    assert_eq!((updated.text.as_str(), updated.required), ("drinks tea", true));

    let second = acme.pin(&conversation, "likes rain").await;
    let list = || {
        let request =
            pb::ListFactsRequest { conversation: conversation.clone(), ..Default::default() };
        let mut memory = acme.memory();
        async move { memory.list_facts(request).await.unwrap().into_inner().facts }
    };
    assert_eq!(list().await, [updated, second.clone()]);
    let request = pb::UnpinFactRequest { name: first.name };
    acme.memory().unpin_fact(request.clone()).await.unwrap();
    assert_eq!(list().await, [second]);
    let again = acme.memory().unpin_fact(request).await;
    assert_eq!(again.unwrap_err().code(), tonic::Code::NotFound);
    server.stop().await;
}
