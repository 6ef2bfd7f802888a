//! The cases that all SDKs share.

use serde::Deserialize;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::*;

#[derive(Deserialize)]
struct Table {
    policy: Policy,
    spread: f64,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Policy {
    max_attempts: u32,
    first_delay: f64,
    max_delay: f64,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    code: String,
    retry_delay: Option<f64>,
    repeatable: bool,
    attempt: u32,
    remaining: f64,
    waits: Option<f64>,
}

fn code(name: &str) -> Code {
    (0..17).map(Code::from).find(|code| crate::error::code_name(*code) == name).unwrap()
}

#[test]
fn calls_are_sent_again_as_the_table_says() {
    let table = include_str!("../../conformance/retries.json");
    let table: Table = serde_json::from_str(table).unwrap();
    let policy = RetryPolicy {
        max_attempts: table.policy.max_attempts,
        first_delay: Duration::from_secs_f64(table.policy.first_delay),
        max_delay: Duration::from_secs_f64(table.policy.max_delay),
    };
    for case in table.cases {
        let mut details = ErrorDetails::new();
        details.set_retry_info(case.retry_delay.map(Duration::from_secs_f64));
        let has_details = case.retry_delay.is_some();
        let status = if has_details {
            Status::with_error_details(code(&case.code), "failed", details)
        } else {
            Status::new(code(&case.code), "failed")
        };
        let remaining = Duration::from_secs_f64(case.remaining);
        let delay = policy.delay(&status.into(), case.attempt, case.repeatable, remaining);
        let delay = delay.map(|delay| delay.as_secs_f64());
        match (case.waits, delay) {
            (None, None) => {}
            (Some(waits), Some(delay)) => {
                let within = delay >= waits * 0.999_999 && delay <= waits * (1.0 + table.spread);
                assert!(within, "{}: {delay}", case.name);
            }
            (waits, delay) => panic!("{}: {waits:?}, {delay:?}", case.name),
        }
    }
}
