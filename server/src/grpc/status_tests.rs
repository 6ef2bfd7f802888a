//! Each engine error has its code, reason and details.

use throughline_memory::summary::SummarizeError;

use super::*;

fn check(error: EngineError, code: Code, reason: &str) -> Status {
    let status = engine_status(error);
    assert_eq!(status.code(), code, "{reason}");
    let info = status.get_details_error_info().expect("ErrorInfo is always there");
    assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason, "throughline"));
    let mend = MENDS.iter().find(|(of, _)| *of == reason).map_or("", |(_, mend)| mend);
    assert!(status.message().contains(mend), "{reason}: {}", status.message());
    status
}

/// What the message of a reason says is to be done.
const MENDS: [(&str, &str); 9] = [
    ("BUDGET_TOO_SMALL", "raise token_budget to"),
    ("CORRUPT_RECORD", "restores the data directory"),
    ("EMBEDDING_FAILED", "mends that"),
    ("INDEX_REFUSED", "mends that"),
    ("INDEX_UNAVAILABLE", "--qdrant-url"),
    ("MODEL_UNAVAILABLE", "throughline models pull"),
    ("OVERLOADED", "later"),
    ("STORE_FAILED", "mends that"),
    ("STORE_POISONED", "restarts it"),
];

fn store_error(error: StoreError) -> EngineError {
    EngineError::Store(error)
}

#[test]
fn the_callers_errors() {
    let status = check(
        EngineError::NotFound { kind: "conversation", id: "c".to_owned() },
        Code::NotFound,
        "CONVERSATION_NOT_FOUND",
    );
    let resource = status.get_details_resource_info().unwrap();
    assert_eq!(
        (resource.resource_type.as_str(), resource.resource_name.as_str()),
        ("conversation", "c")
    );

    let taken = EngineError::AlreadyExists {
        kind: "client turn id",
        id: "x".to_owned(),
        existing: "conversations/c/turns/4".to_owned(),
    };
    let status = check(taken, Code::AlreadyExists, "CLIENT_TURN_ID_TAKEN");
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.metadata["existing"], "conversations/c/turns/4");

    let mismatch = EngineError::SequenceMismatch { expected: 3, actual: 5 };
    let status = check(mismatch, Code::Aborted, "SEQUENCE_MISMATCH");
    assert_eq!(status.get_details_error_info().unwrap().metadata["actual"], "5");
    let mismatch = EngineError::RevisionMismatch { expected: 3, actual: 5 };
    check(mismatch, Code::Aborted, "REVISION_MISMATCH");

    let small = EngineError::Assemble(AssembleError::BudgetTooSmall { needed: 80, given: 50 });
    let status = check(small, Code::FailedPrecondition, "BUDGET_TOO_SMALL");
    let info = status.get_details_error_info().unwrap();
    assert_eq!((info.metadata["needed"].as_str(), info.metadata["given"].as_str()), ("80", "50"));
}

#[test]
fn limits_say_whether_waiting_helps() {
    for (retry, reason) in [(true, "OVERLOADED"), (false, "LIMIT_REACHED")] {
        let error = EngineError::LimitReached {
            limit: "outbox_turns",
            max: 10,
            detail: "10 turns wait".to_owned(),
            retry,
        };
        let status = check(error, Code::ResourceExhausted, reason);
        assert_eq!(status.get_details_retry_info().is_some(), retry);
        assert_eq!(
            status.get_details_quota_failure().unwrap().violations[0].subject,
            "outbox_turns"
        );
    }
}

#[test]
fn store_errors_hide_what_is_the_operators() {
    let full = store_error(StoreError::Full { path: "/secret/place".to_owned() });
    let status = check(full, Code::ResourceExhausted, "STORAGE_FULL");
    assert!(!status.message().contains("secret"), "{}", status.message());
    assert!(status.get_details_retry_info().is_some());

    let corrupt = StoreError::Corrupt { key: "00aa".to_owned(), detail: "checksum".to_owned() };
    let status = check(store_error(corrupt), Code::DataLoss, "CORRUPT_RECORD");
    assert!(!status.message().contains("00aa"));

    let poisoned = StoreError::Poisoned { cause: "EIO".to_owned() };
    check(store_error(poisoned), Code::Unavailable, "STORE_POISONED");
    check(store_error(StoreError::Closed), Code::Unavailable, "STORE_CLOSED");
    let failed = StoreError::Engine("x".to_owned());
    check(store_error(failed), Code::Internal, "STORE_FAILED");
    let large = StoreError::TooLarge { bytes: 9, limit: 8 };
    check(store_error(large), Code::InvalidArgument, "TOO_LARGE");
    let busy = StoreError::Overloaded { waiting: 9, limit: 8 };
    let status = check(store_error(busy), Code::ResourceExhausted, "OVERLOADED");
    assert!(status.get_details_retry_info().is_some());
    let info = status.get_details_error_info().unwrap();
    let about = ["limit", "max", "waiting"].map(|key| info.metadata[key].as_str());
    assert_eq!(about, ["waiting_commits", "8", "9"]);
}

#[test]
fn what_fails_behind_a_stored_turn_keeps_its_reason_and_names_the_turn() {
    let behind = |cause| EngineError::Stored {
        turn: "conversations/c/turns/4".to_owned(),
        cause: Box::new(cause),
    };
    let small = AssembleError::BudgetTooSmall { needed: 80, given: 50 };
    let status = check(behind(small.into()), Code::FailedPrecondition, "BUDGET_TOO_SMALL");
    let info = status.get_details_error_info().unwrap();
    assert_eq!(
        (&*info.metadata["turn"], &*info.metadata["needed"]),
        ("conversations/c/turns/4", "80")
    );
    assert!(status.message().contains("BuildContext"), "{}", status.message());
    let corrupt = StoreError::Corrupt { key: "00aa".to_owned(), detail: "checksum".to_owned() };
    let status = check(behind(store_error(corrupt)), Code::DataLoss, "CORRUPT_RECORD");
    assert!(!status.message().contains("00aa"), "{}", status.message());
    assert!(status.message().contains("conversations/c/turns/4"), "{}", status.message());
    let closed = check(behind(EngineError::Closed), Code::Unavailable, "SHUTTING_DOWN");
    assert!(closed.get_details_retry_info().is_some());
}

#[test]
fn derived_parts_fail_apart_from_the_store() {
    check(EmbedError::Closed.into(), Code::Unavailable, "SHUTTING_DOWN");
    check(EmbedError::Engine("x".to_owned()).into(), Code::Internal, "EMBEDDING_FAILED");
    let busy = EmbedError::Overloaded { waiting: 2, limit: 1 };
    let status = check(busy.into(), Code::ResourceExhausted, "OVERLOADED");
    let info = status.get_details_error_info().unwrap();
    assert_eq!((&*info.metadata["limit"], &*info.metadata["max"]), ("waiting_texts", "1"));
    let model = EmbedError::Model { name: "m".to_owned(), detail: "gone".to_owned() };
    check(model.into(), Code::Unavailable, "MODEL_UNAVAILABLE");
    check(IndexError::Unavailable("x".to_owned()).into(), Code::Unavailable, "INDEX_UNAVAILABLE");
    check(IndexError::Refused("x".to_owned()).into(), Code::Internal, "INDEX_REFUSED");
    check(IndexError::Store(StoreError::Closed).into(), Code::Unavailable, "STORE_CLOSED");
    check(EngineError::Closed, Code::Unavailable, "SHUTTING_DOWN");
    let summary = EngineError::Summarize(SummarizeError("x".to_owned()));
    check(summary, Code::Unavailable, "SUMMARY_UNAVAILABLE");
    check(EngineError::NoSummaries, Code::FailedPrecondition, "SUMMARIES_DISABLED");
}

#[test]
fn violations_are_all_there_while_they_fit_a_header() {
    let violations = |count: usize| {
        (0..count)
            .map(|at| FieldViolation::new(format!("turns[{at}].role"), "is required"))
            .collect()
    };
    let status =
        check(EngineError::Invalid(violations(20)), Code::InvalidArgument, "INVALID_FIELDS");
    let listed = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(listed.len(), 20);
    assert_eq!(listed[3].field, "turns[3].role");

    let status = engine_status(EngineError::Invalid(violations(1_000)));
    assert!(status.message().ends_with("and 968 more"), "{}", status.message());
    assert!(status.message().len() + status.details().len() * 4 / 3 < 12 << 10);
    assert_eq!(status.get_details_error_info().unwrap().metadata["violations"], "1000");

    let long = FieldViolation::new("name", "é".repeat(100_000));
    let status = engine_status(EngineError::Invalid(vec![long]));
    assert!(status.message().len() < 1 << 10);
}
