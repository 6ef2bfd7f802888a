//! GetSummary, Summarize and the summary of a window, over the wire, by the
//! extractive summarizer that ships.

use throughline::pb;
use tonic::Code;

use crate::harness::{ACME, Client, GLOBEX, TestServer, user};

/// So many turns, each about something of its own.
async fn talk(client: &Client, id: &str, turns: usize) -> String {
    let name = client.create(id).await;
    let said = (1..=turns).map(|n| {
        user(&format!(
            "The plan for week {n} is to paint room {n} of the old house in a warm colour. It \
             takes {n} buckets of paint and two people who know how to hold a brush."
        ))
    });
    client.append(&name, said.collect()).await.unwrap();
    name
}

fn of(conversation: &str) -> pb::GetSummaryRequest {
    pb::GetSummaryRequest { conversation: conversation.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn summaries_name_their_turns_and_come_in_pages() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = talk(&acme, "house", 120).await;
    let request = pb::SummarizeRequest { conversation: name.clone() };
    let made = acme.memory().summarize(request.clone()).await.unwrap().into_inner();
    assert_eq!(made.folded_until_sequence, 120);
    assert!(made.summaries_made > 0 && !made.summaries.is_empty());
    let info = acme.server().get_server_info(pb::GetServerInfoRequest {}).await.unwrap();
    let info = info.into_inner().summaries.unwrap();
    assert!(info.enabled && info.model == "extractive" && !info.check_version.is_empty());
    let again = acme.memory().summarize(request).await.unwrap().into_inner();
    assert_eq!((again.summaries_made, &again.summaries), (0, &made.summaries));

    let segments = |page_size, page_token| pb::GetSummaryRequest {
        view: pb::SummaryView::Segments.into(),
        page_size,
        page_token,
        ..of(&name)
    };
    let all = acme.memory().get_summary(segments(0, String::new())).await.unwrap().into_inner();
    let ranges: Vec<_> =
        all.summaries.iter().map(|one| (one.from_sequence, one.until_sequence)).collect();
    assert_eq!((ranges[0].0, ranges.last().unwrap().1), (1, 120));
    assert!(ranges.windows(2).all(|two| two[0].1 + 1 == two[1].0), "{ranges:?}");
    for one in &all.summaries {
        assert_eq!((&*one.model, one.stale), ("extractive", false));
        assert!(!one.sentences.is_empty());
        for sentence in &one.sentences {
            let sources = &sentence.source_sequences;
            let within = |at: &u64| (one.from_sequence..=one.until_sequence).contains(at);
            assert!(!sources.is_empty() && sources.iter().all(within), "{sentence:?}");
        }
    }
    let mut paged = Vec::new();
    let mut token = String::new();
    loop {
        let page = acme.memory().get_summary(segments(2, token)).await.unwrap().into_inner();
        paged.extend(page.summaries);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, all.summaries);
    let then = pb::GetSummaryRequest { as_of_turn: 60, ..of(&name) };
    let then = acme.memory().get_summary(then).await.unwrap().into_inner();
    assert!(then.folded_until_sequence <= 60);
    server.stop().await;
}

#[tokio::test]
async fn a_chats_window_holds_the_summary_within_its_share() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = talk(&acme, "house", 120).await;
    let request = pb::SummarizeRequest { conversation: name.clone() };
    acme.memory().summarize(request).await.unwrap();
    let options = |share| pb::ContextOptions {
        token_budget: 2_000,
        summary_share: share,
        ..Default::default()
    };
    let build = |share| pb::BuildContextRequest {
        conversation: name.clone(),
        options: Some(options(share)),
        ..Default::default()
    };
    let window = acme.context().build_context(build(Some(0.2))).await.unwrap().into_inner();
    let window = window.window.unwrap();
    let is_summary = |item: &&pb::ContextItem| item.section() == pb::Section::Summary;
    let summary: Vec<_> = window.items.iter().filter(is_summary).collect();
    let tokens: u32 = summary.iter().map(|item| item.tokens).sum();
    assert!(!summary.is_empty() && tokens <= 400, "{tokens} tokens");
    assert!(window.total_tokens <= 2_000);
    for item in &summary {
        assert!(item.turn.is_empty() && item.fact.is_empty());
        assert!(item.summary_from_sequence <= item.summary_until_sequence);
        let message = &window.messages[item.message_index as usize];
        assert!(message.content.starts_with("Summary of earlier turns"), "{message:?}");
        assert_eq!(message.role(), pb::Role::User, "a summary instructs nobody");
    }
    let none = acme.context().build_context(build(Some(0.0))).await.unwrap().into_inner();
    assert!(!none.window.unwrap().items.iter().any(|item| is_summary(&item)));
    server.stop().await;
}

#[tokio::test]
async fn bad_requests_are_told_what_is_wrong() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = talk(&acme, "house", 3).await;
    for (request, code) in [
        (pb::GetSummaryRequest { view: 9, ..of(&name) }, Code::InvalidArgument),
        (pb::GetSummaryRequest { as_of_turn: 4, ..of(&name) }, Code::InvalidArgument),
        (pb::GetSummaryRequest { page_size: -1, ..of(&name) }, Code::InvalidArgument),
        (pb::GetSummaryRequest { page_token: "x".to_owned(), ..of(&name) }, Code::InvalidArgument),
        (of("conversations/nowhere"), Code::NotFound),
    ] {
        let status = acme.memory().get_summary(request.clone()).await.unwrap_err();
        assert_eq!(status.code(), code, "{request:?}: {status}");
    }
    let strange = server.client(GLOBEX).memory().get_summary(of(&name)).await.unwrap_err();
    assert_eq!(strange.code(), Code::NotFound);
    server.stop().await;
}
