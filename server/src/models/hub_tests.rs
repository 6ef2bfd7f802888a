//! The hub client against a hub that breaks off, ignores ranges, refuses and
//! is not there.

use super::*;
use crate::models::{
    progress::Progress,
    testing::{Answer, Seen, hub},
};

const BODY: &[u8] = b"0123456789abcdefghij";

struct Outcome {
    result: Result<(), ModelsError>,
    content: Vec<u8>,
    seen: Seen,
}

/// Fetches a file from a hub that answers so, with `before` already here.
fn fetch(
    before: &[u8],
    answer: impl Fn(usize, &str, Option<usize>) -> Answer + Send + 'static,
) -> Outcome {
    let (endpoint, seen) = hub(answer);
    let dir = tempfile::tempdir().expect("a directory");
    let partial = dir.path().join("file.partial");
    if !before.is_empty() {
        fs::write(&partial, before).expect("a partial file");
    }
    let source = Hub { repository: "owner/name".into(), revision: "abc".into() };
    let step = Progress::Silent.step("file", None);
    let client = HubClient::new(&endpoint, None);
    let result = client.fetch(&source, "dir/file", &partial, &step);
    Outcome { result, content: fs::read(&partial).unwrap_or_default(), seen }
}

fn ranges(seen: &Seen) -> Vec<Option<String>> {
    seen.lock().expect("no panic").iter().map(|(_, range)| range.clone()).collect()
}

fn rest(begin: usize) -> Answer {
    let body = BODY.get(begin..).unwrap_or_default().to_vec();
    let headers = format!("Content-Range: bytes {begin}-19/20\r\n");
    Answer { status: "206 Partial Content", headers, length: body.len(), body }
}

#[test]
fn a_file_is_fetched_from_its_pinned_revision() {
    let outcome = fetch(b"", |_, _, _| Answer::ok(BODY));
    outcome.result.expect("fetched");
    assert_eq!(outcome.content, BODY);
    let seen = outcome.seen.lock().expect("no panic");
    assert_eq!(seen.as_slice(), [("/owner/name/resolve/abc/dir/file".to_owned(), None)]);
}

#[test]
fn a_broken_download_goes_on_where_it_stopped() {
    let outcome = fetch(b"", |_, _, begin| match begin {
        None => Answer { body: BODY.get(..7).unwrap_or_default().to_vec(), ..Answer::ok(BODY) },
        Some(begin) => rest(begin),
    });
    outcome.result.expect("fetched");
    assert_eq!(outcome.content, BODY);
    assert_eq!(ranges(&outcome.seen), [None, Some("bytes=7-".to_owned())]);
}

#[test]
fn a_later_run_resumes_an_earlier_one() {
    let outcome = fetch(b"01234", |_, _, begin| begin.map_or_else(|| Answer::ok(b"no"), rest));
    outcome.result.expect("fetched");
    assert_eq!(outcome.content, BODY);
    assert_eq!(ranges(&outcome.seen), [Some("bytes=5-".to_owned())]);
}

#[test]
fn a_hub_without_ranges_sends_all_again() {
    let outcome = fetch(b"longer than the whole body is", |_, _, _| Answer::ok(BODY));
    outcome.result.expect("fetched");
    assert_eq!(outcome.content, BODY);
}

#[test]
fn a_part_that_does_not_fit_is_thrown_away() {
    for wrong in ["416 Range Not Satisfiable", "206 Partial Content"] {
        let outcome = fetch(b"no beginning of it", move |_, _, begin| match begin {
            Some(_) => Answer::status(wrong),
            None => Answer::ok(BODY),
        });
        outcome.result.expect("fetched");
        assert_eq!(outcome.content, BODY, "{wrong}");
    }
}

#[test]
fn what_the_hub_does_not_have_is_asked_for_once() {
    let outcome = fetch(b"", |_, _, _| Answer::status("404 Not Found"));
    let error = outcome.result.expect_err("refused").to_string();
    assert!(error.contains("dir/file") && error.contains("404"), "{error}");
    assert_eq!(outcome.seen.lock().expect("no panic").len(), 1);
}

#[test]
fn a_hub_in_trouble_is_asked_a_few_times() {
    let outcome = fetch(b"", |_, _, _| Answer::status("503 Service Unavailable"));
    let error = outcome.result.expect_err("in trouble").to_string();
    assert!(error.contains("503"), "{error}");
    assert_eq!(outcome.seen.lock().expect("no panic").len(), ATTEMPTS);
}

#[test]
fn a_hub_out_of_reach_is_not_asked_again() {
    // A port that nothing listens on: bound and given back.
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    };
    let client = HubClient::new(&format!("http://127.0.0.1:{port}"), None);
    let dir = tempfile::tempdir().expect("a directory");
    let source = Hub { repository: "owner/name".into(), revision: "abc".into() };
    let step = Progress::Silent.step("file", None);
    let first = client.fetch(&source, "a", &dir.path().join("a"), &step);
    assert!(client.down.get().is_some(), "{first:?}");
    let again = client.fetch(&source, "b", &dir.path().join("b"), &step);
    assert_eq!(first.expect_err("out of reach").to_string(), again.expect_err("still").to_string());
}
