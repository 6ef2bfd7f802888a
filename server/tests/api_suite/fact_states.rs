//! Facts that replace, expire and depend, over the wire.

use throughline::pb;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::harness::{ACME, Client, TestServer, turn, user};

fn about(attribute: &str, value: &str) -> pb::Fact {
    pb::Fact {
        kind: pb::FactKind::Fact.into(),
        text: format!("The {attribute} is {value}"),
        subject: "trip".to_owned(),
        attribute: attribute.to_owned(),
        value: value.to_owned(),
        ..pb::Fact::default()
    }
}

async fn pin(client: &Client, conversation: &str, fact: pb::Fact) -> Result<pb::Fact, Status> {
    let request = pb::PinFactRequest {
        conversation: conversation.to_owned(),
        fact: Some(fact),
        request_id: String::new(),
    };
    Ok(client.memory().pin_fact(request).await?.into_inner().fact.unwrap())
}

async fn list(client: &Client, conversation: &str, include_retired: bool) -> Vec<pb::Fact> {
    let request = pb::ListFactsRequest {
        conversation: conversation.to_owned(),
        include_retired,
        ..pb::ListFactsRequest::default()
    };
    client.memory().list_facts(request).await.unwrap().into_inner().facts
}

fn values(facts: &[pb::Fact]) -> Vec<&str> {
    facts.iter().map(|fact| fact.value.as_str()).collect()
}

/// Fields that a request is refused for.
fn refused<T: std::fmt::Debug>(answer: Result<T, Status>) -> Vec<String> {
    let status = answer.expect_err("was taken");
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let details = status.get_details_bad_request().unwrap();
    details.field_violations.into_iter().map(|violation| violation.field).collect()
}

async fn reject(client: &Client, earlier: &str, later: &str) -> Result<u64, Status> {
    let (earlier, later) = (earlier.to_owned(), later.to_owned());
    let request = pb::RejectEdgeRequest { earlier, later, ..Default::default() };
    Ok(client.memory().reject_edge(request).await?.into_inner().revision)
}

#[tokio::test]
async fn a_replaced_fact_says_by_what_and_comes_back_when_that_was_wrong() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = acme.create("c").await;
    acme.append(&name, vec![user("planning")]).await.unwrap();
    let old = pin(&acme, &name, about("hotel", "Hilton")).await.unwrap();
    assert_eq!((old.known_sequence, old.retirement), (1, 0));
    let new = pin(&acme, &name, about("hotel_v2", "Marriott")).await.unwrap();
    assert_eq!(values(&list(&acme, &name, false).await), ["Marriott"]);
    let all = list(&acme, &name, true).await;
    assert_eq!(values(&all), ["Hilton", "Marriott"]);
    assert_eq!(all[0].retirement(), pb::FactRetirement::Superseded);
    assert_eq!((&all[0].retired_by, all[0].retire_time), (&new.name, new.valid_time));

    // It is no contradiction that is drawn.
    let kind = pb::EdgeKind::Contradicts.into();
    let (earlier, later) = (old.name.clone(), new.name.clone());
    let other = pb::RejectEdgeRequest { earlier, later, kind };
    let other = acme.memory().reject_edge(other).await.unwrap_err();
    assert_eq!(other.code(), Code::NotFound, "{other}");
    assert_eq!(values(&list(&acme, &name, false).await), ["Marriott"]);
    reject(&acme, &old.name, &new.name).await.unwrap();
    let all = list(&acme, &name, false).await;
    assert_eq!(values(&all), ["Hilton", "Marriott"]);
    assert_eq!(all[0].rejected, std::slice::from_ref(&new.name));
    let field = |answer| refused(answer).concat();
    assert_eq!(field(reject(&acme, &old.name, "conversations/d/facts/f").await), "later");
    assert_eq!(field(reject(&acme, "x", &new.name).await), "earlier");
    let unknown = reject(&acme, &old.name, "conversations/c/facts/f").await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    server.stop().await;
}

#[tokio::test]
async fn what_a_fact_rests_on_and_when_it_ends_are_checked() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = acme.create("c").await;
    let other = acme.create("d").await;
    let say_time = Some(prost_types::Timestamp { seconds: 5_000, nanos: 0 });
    acme.append(&name, vec![pb::Turn { say_time, ..user("hello") }]).await.unwrap();
    let elsewhere = pin(&acme, &other, about("hotel", "Ritz")).await.unwrap().name;
    let base = pin(&acme, &name, about("delivery", "May 3")).await.unwrap();
    let on = |names: &[&str]| pb::Fact {
        depends_on: names.iter().map(|name| (*name).to_owned()).collect(),
        ..about("launch", "May 10")
    };
    let cases: [(pb::Fact, &[&str]); 6] = [
        (on(&["conversations/c/facts/none"]), &["fact.depends_on[0]"]),
        (on(&[&base.name, &elsewhere]), &["fact.depends_on[1]"]),
        (on(&[base.name.as_str(); 17]), &["fact.depends_on"]),
        (pb::Fact { expire_time: say_time, ..about("a", "b") }, &["fact.expire_time"]),
        (about(&"x".repeat(257), "b"), &["fact.attribute"]),
        (
            pb::Fact { authority: 6, scope: "x".repeat(257), ..about("a", &"x".repeat(1_025)) },
            &["fact.scope", "fact.value", "fact.authority"],
        ),
    ];
    for (fact, fields) in cases {
        assert_eq!(refused(pin(&acme, &name, fact).await), fields);
    }
    let launch = pin(&acme, &name, on(&[&base.name])).await.unwrap();
    let update = |fact: pb::Fact, path: &str| {
        let update_mask = Some(prost_types::FieldMask { paths: vec![path.to_owned()] });
        let request = pb::UpdateFactRequest { fact: Some(fact), update_mask };
        let mut memory = acme.memory();
        async move { memory.update_fact(request).await.map(tonic::Response::into_inner) }
    };
    let circle = pb::Fact { depends_on: vec![launch.name.clone()], ..base.clone() };
    assert_eq!(refused(update(circle, "depends_on").await), ["fact.depends_on[0]"]);
    let ending = pb::Fact { expire_time: say_time, ..base.clone() };
    assert_eq!(refused(update(ending, "expire_time").await), ["fact.expire_time"]);

    let seconds = 6_000;
    let expire_time = Some(prost_types::Timestamp { seconds, nanos: 0 });
    let ending = pb::Fact { expire_time, ..base.clone() };
    update(ending, "expire_time").await.unwrap();
    assert_eq!(list(&acme, &name, false).await.len(), 2);
    let later = pb::Turn { say_time: expire_time, ..turn(pb::Role::User, "now it is later") };
    acme.append(&name, vec![later]).await.unwrap();
    let all = list(&acme, &name, true).await;
    let states: Vec<_> = all.iter().map(|fact| (fact.retirement(), &*fact.retired_by)).collect();
    assert_eq!(
        states,
        [(pb::FactRetirement::Expired, ""), (pb::FactRetirement::Dependency, base.name.as_str()),]
    );
    assert!(list(&acme, &name, false).await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_lower_authority_is_marked_on_both_sides() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = acme.create("c").await;
    let of = |authority: pb::FactAuthority, value: &str| pb::Fact {
        authority: authority.into(),
        ..about("limit", value)
    };
    let rule = pin(&acme, &name, of(pb::FactAuthority::Policy, "$50")).await.unwrap();
    let wish = pin(&acme, &name, of(pb::FactAuthority::Peer, "$90")).await.unwrap();
    let all = list(&acme, &name, false).await;
    assert_eq!(values(&all), ["$50", "$90"]);
    assert_eq!(all[0].contradicts, [wish.name]);
    assert_eq!(all[1].contradicts, [rule.name]);
    assert_eq!(all[1].authority(), pb::FactAuthority::Peer);
    server.stop().await;
}
