//! The cases that all SDKs share, against a real server.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends at the first surprise")]

mod caller;
mod server;

use std::{collections::HashMap, net::TcpListener, time::Duration};

use caller::{call, plain_error};
use serde_json::{Map, Value};
use server::Server;
use throughline_client::{Client, RetryPolicy, Settings};

const KEYS: [(&str, &str); 5] = [
    ("acme", "acme-key"),
    ("reader", "acme-read-key"),
    ("globex", "globex-key"),
    ("forged", "acme-kez"),
    ("nobody", ""),
];

fn clients(address: &str) -> HashMap<&'static str, Client> {
    // A restarted server may take its time on a busy machine.
    let patient = RetryPolicy { max_attempts: 60, ..RetryPolicy::default() };
    let timeout = Duration::from_secs(60);
    let settings = |address: &str, key: &str, retry| Settings {
        address: address.to_owned(),
        api_key: key.to_owned(),
        timeout,
        retry,
    };
    let mut clients: HashMap<_, _> = KEYS
        .iter()
        .map(|(who, key)| (*who, Client::new(settings(address, key, patient)).unwrap()))
        .collect();
    // Nobody listens there any more.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let hasty = RetryPolicy { max_attempts: 2, ..RetryPolicy::default() };
    clients.insert("unreachable", Client::new(settings(&silent, "", hasty)).unwrap());
    clients
}

#[tokio::test]
async fn the_shared_cases_hold() {
    let table: Value = serde_json::from_str(include_str!("../../conformance/cases.json")).unwrap();
    let mut server = Server::start();
    let clients = clients(&server.address);
    for case in table["cases"].as_array().unwrap() {
        let mut saved = HashMap::new();
        for step in case["steps"].as_array().unwrap() {
            if step["call"] == "restart_server" {
                server.restart();
                continue;
            }
            let client = &clients[step["as"].as_str().unwrap_or("acme")];
            let what = format!("{}: {step}", case["name"]);
            match (call(client, step, &mut saved).await, step.get("error")) {
                (Ok(result), None) => check(step, &result, &what),
                (Err(error), Some(expected)) => check_error(expected, &plain_error(&error), &what),
                (done, _) => panic!("{what}: {done:?}"),
            }
        }
    }
}

fn fields(step: &Value, key: &str) -> Map<String, Value> {
    step.get(key).and_then(Value::as_object).cloned().unwrap_or_default()
}

fn check(step: &Value, result: &Value, what: &str) {
    for (path, expected) in fields(step, "expect") {
        assert_eq!(at(result, &path), expected, "{path} of {what}: {result}");
    }
    for (path, most) in fields(step, "at_most") {
        let actual = at(result, &path).as_u64().unwrap();
        assert!(actual > 0 && actual <= most.as_u64().unwrap(), "{path} of {what}: {result}");
    }
    for (path, part) in fields(step, "contains") {
        let actual = at(result, &path);
        let holds = actual.as_str().is_some_and(|text| text.contains(part.as_str().unwrap()));
        assert!(holds, "{path} of {what}: {result}");
    }
}

fn check_error(expected: &Value, actual: &Value, what: &str) {
    for key in ["kind", "code", "reason", "fields"] {
        if let Some(value) = expected.get(key) {
            assert_eq!(&actual[key], value, "{what}: {actual}");
        }
    }
    for field in expected["fields_include"].as_array().into_iter().flatten() {
        assert!(actual["fields"].as_array().unwrap().contains(field), "{what}: {actual}");
    }
    for (key, value) in fields(expected, "metadata") {
        assert_eq!(actual["metadata"][key], value, "{what}: {actual}");
    }
}

fn at(root: &Value, path: &str) -> Value {
    let mut value = root.clone();
    for key in path.split('.') {
        value = match &value {
            Value::Array(items) if key == "length" => Value::from(items.len()),
            Value::Array(items) => {
                let index: isize = key.parse().unwrap();
                let from_end = items.len().checked_add_signed(index).unwrap_or_default();
                let index = usize::try_from(index).unwrap_or(from_end);
                items.get(index).cloned().unwrap_or_default()
            }
            other => other.get(key).cloned().unwrap_or_default(),
        };
    }
    value
}
