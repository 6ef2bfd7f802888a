//! The runner's side of the protocol against real processes, and the adapters' own
//! tests: both in `evals/adapters/tests`, with Python's standard library alone.

use std::path::PathBuf;

use tokio::process::Command;

use super::*;
use crate::{
    dataset::Speaker,
    runner::window::{PER_MESSAGE, PER_PROMPT, count},
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("adapters/tests")
}

/// The command of a script with its arguments; nothing without Python.
pub(in crate::degradation) async fn adapter(script: &str) -> Option<String> {
    if Command::new("python3").arg("--version").output().await.is_err() {
        crate::report::print("skipped: no python3 on this machine");
        return None;
    }
    Some(format!("python3 {}/{script}", folder().display()))
}

fn turns(texts: &[&str]) -> Vec<Message> {
    texts.iter().map(|text| Message::chat(Speaker::User, (*text).to_owned())).collect()
}

fn texts(answered: &Answered) -> Vec<&str> {
    answered.shown.lines.iter().map(|line| line.text.as_str()).collect()
}

/// What words of one token cost as messages, with the question `q`.
fn cost(messages: usize) -> usize {
    assert_eq!(count("q") + PER_MESSAGE, 5);
    5 * (messages + 1) + PER_PROMPT
}

#[tokio::test]
async fn an_adapter_is_asked_line_by_line() {
    let Some(command) = adapter("list_memory.py").await else { return };
    let mut rival = Rival::start(&command).await.unwrap();
    assert_eq!((rival.name.as_str(), &rival.about["calls"][1]), ("list 1", &json!("search")));
    // More than one request has room for.
    let many = vec!["one"; BATCH];
    rival.add("a", &turns(&many)).await.unwrap();
    rival.add("a", &turns(&["two"])).await.unwrap();
    let answered = rival.window("a", "q", cost(BATCH + 1)).await.unwrap();
    assert_eq!(texts(&answered), [&many[..], &["two"]].concat());
    let answered = rival.window("a", "q", cost(1) + 4).await.unwrap();
    assert_eq!((texts(&answered), answered.shown.tokens), (vec!["one"], cost(1)));
    assert!(answered.own.is_none() && answered.millis > 0.0);
    // What the adapter says of its own fault is passed on.
    let error = rival.window("b", "q", 100).await.err().unwrap().to_string();
    assert_eq!(error, "search: KeyError: 'b'");
    rival.forget("a").await.unwrap();
    assert!(rival.window("a", "q", 100).await.is_err());
    if cfg!(target_os = "linux") {
        assert!(rival.peak_bytes().is_some_and(|bytes| bytes > 0));
    }
}

#[tokio::test]
async fn an_adapter_assembles_its_window() {
    let said = turns(&["one", "two", "three"]);
    for (how, over_budget, claimed, expected) in [
        // It keeps the budget, and the newest turns.
        ("window", false, 10, ["two", "three"]),
        // It does not: what is beyond is cut, whatever it is.
        ("boundless", true, 15, ["one", "two"]),
    ] {
        let Some(command) = adapter(&format!("list_memory.py {how}")).await else { return };
        let mut rival = Rival::start(&command).await.unwrap();
        rival.add("a", &said).await.unwrap();
        let answered = rival.window("a", "q", cost(2)).await.unwrap();
        assert_eq!((texts(&answered), answered.shown.tokens), (expected.to_vec(), cost(2)));
        assert_eq!(answered.own, Some(Own { over_budget, claimed: Some(claimed) }), "{how}");
        // Nothing fits; the question alone is more than that.
        let answered = rival.window("a", "q", 3).await.unwrap();
        assert_eq!((texts(&answered), answered.own.unwrap().over_budget), (vec![], over_budget));
        let error = rival.window("b", "q", 100).await.err().unwrap().to_string();
        assert_eq!(error, "window: KeyError: 'b'");
    }
}

/// A whole exchange with an adapter.
async fn attempt(command: &str, patience: Duration) -> anyhow::Result<usize> {
    let mut rival = Rival::start_with(command, patience).await?;
    rival.add("a", &turns(&["one"])).await?;
    let answered = rival.window("a", "q", 100).await?;
    rival.forget("a").await?;
    Ok(answered.shown.lines.len())
}

#[tokio::test]
async fn what_goes_wrong_names_the_call() {
    for (way, expected) in [
        ("noisy", "the answer to hello is no JSON: \"loading the model ...\""),
        ("half", "the answer to search is no JSON: \"{\\\"items\\\": [\\\"one\\\"\""),
        ("refusing", "add: disk full"),
        ("angry", "add: {\"code\":7}"),
        ("nameless", "its greeting: missing field `name`"),
        ("other_items", "its items: invalid type"),
        ("mute", "unruly knows neither search nor window"),
        ("forgetful", "unruly knows no forget"),
        ("empty_handed", "its window: a window without messages and without text"),
        ("ends", "the adapter ended at add (exit status: 3)"),
    ] {
        let Some(command) = adapter(&format!("unruly.py {way}")).await else { return };
        let error = format!("{:#}", attempt(&command, PATIENCE).await.unwrap_err());
        assert!(error.starts_with(expected), "{way}: {error}");
    }
    for way in ["proper", "calm"] {
        let Some(command) = adapter(&format!("unruly.py {way}")).await else { return };
        assert_eq!(attempt(&command, PATIENCE).await.unwrap(), 1, "{way}");
    }
}

#[tokio::test]
async fn silence_ends() {
    let Some(command) = adapter("unruly.py silent").await else { return };
    let patience = Duration::from_millis(200);
    let error = attempt(&command, patience).await.unwrap_err().to_string();
    assert_eq!(error, "no answer to hello in 200ms");
}

#[tokio::test]
async fn what_does_not_start_is_named() {
    for (command, expected) in [
        ("/nonexistent/adapter --flag", "start \"/nonexistent/adapter --flag\""),
        ("  ", "--rival: an empty command"),
    ] {
        let error = attempt(command, PATIENCE).await.unwrap_err().to_string();
        assert_eq!(error, expected);
    }
}

#[tokio::test]
async fn the_adapters_pass_their_own_tests() {
    if adapter("").await.is_none() {
        return;
    }
    let mut command = Command::new("python3");
    command.args(["-m", "unittest", "discover", "--start-directory"]).arg(folder());
    let output = command.env("PYTHONDONTWRITEBYTECODE", "1").output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    // It says how many it ran, and there are some.
    assert!(said.contains("Ran ") && !said.contains("Ran 0 tests"), "{said}");
}
