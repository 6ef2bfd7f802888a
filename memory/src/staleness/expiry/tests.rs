//! Tables: what was said when, and until when it holds.

use jiff::Timestamp;

use super::{ExpiryKind, MAX_EXPIRIES, expiries, last_expiries};

/// Wednesday.
const SAID: &str = "2025-06-11T10:00:00Z";

/// `expected`: the words and the instant of each expiry, in order.
fn check(text: &str, said_at: &str, expected: &[(&str, &str)]) {
    let said_at: Timestamp = said_at.parse().expect("a timestamp");
    let found: Vec<(String, String)> = expiries(text, said_at)
        .into_iter()
        .map(|expiry| (expiry.words, expiry.at.to_string()))
        .collect();
    let found: Vec<(&str, &str)> =
        found.iter().map(|(words, at)| (words.as_str(), at.as_str())).collect();
    assert_eq!(found, expected, "{text:?} said {said_at}");
}

#[test]
fn days_and_periods_end_with_their_last_moment() {
    for (text, words, at) in [
        ("The appointment is on 2025-07-01.", "on 2025-07-01", "2025-07-02T00:00:00Z"),
        ("We meet on 3 July", "on 3 July", "2025-07-04T00:00:00Z"),
        ("The exam is July 3rd, 2026.", "July 3rd, 2026", "2026-07-04T00:00:00Z"),
        (
            "Flight on the 3rd of July 2025 at 6:45",
            "on the 3rd of July 2025 at 6:45",
            "2025-07-04T00:00:00Z",
        ),
        ("The party is on 25/6", "on 25/6", "2025-06-26T00:00:00Z"),
        ("The party is on 6/25/2025", "on 6/25/2025", "2025-06-26T00:00:00Z"),
        ("The party is on 4.7.2025", "on 4.7.2025", "2025-07-05T00:00:00Z"),
        ("I have an interview on Friday", "on Friday", "2025-06-14T00:00:00Z"),
        ("Dinner this Wednesday?", "this Wednesday", "2025-06-12T00:00:00Z"),
        ("Dinner on Wednesday", "on Wednesday", "2025-06-19T00:00:00Z"),
        ("The dentist can see me next Tuesday", "next Tuesday", "2025-06-18T00:00:00Z"),
        ("Let's go hiking this weekend", "this weekend", "2025-06-16T00:00:00Z"),
        ("We will be away next weekend", "next weekend", "2025-06-23T00:00:00Z"),
        ("I need a table for two today", "today", "2025-06-12T00:00:00Z"),
        ("There's a concert tonight!", "tonight", "2025-06-12T00:00:00Z"),
        ("Book it for tomorrow morning", "tomorrow morning", "2025-06-13T00:00:00Z"),
        ("I leave the day after tomorrow", "the day after tomorrow", "2025-06-14T00:00:00Z"),
        ("I am busy this week", "this week", "2025-06-16T00:00:00Z"),
        ("The launch is planned for next month", "next month", "2025-08-01T00:00:00Z"),
        ("We will move next year", "next year", "2027-01-01T00:00:00Z"),
        ("The conference is 3 to 5 July", "3 to 5 July", "2025-07-06T00:00:00Z"),
        ("I'm in Rome July 3-5", "July 3-5", "2025-07-06T00:00:00Z"),
        ("We'll visit Oslo in August", "in August", "2025-09-01T00:00:00Z"),
        ("Meeting at 5 pm tomorrow", "at 5 pm tomorrow", "2025-06-13T00:00:00Z"),
        ("The trip is from Friday to Monday", "from Friday to Monday", "2025-06-17T00:00:00Z"),
        ("Reserve it for Monday next week", "Monday next week", "2025-06-17T00:00:00Z"),
        ("I leave on the 20th of this month", "on the 20th of this month", "2025-06-21T00:00:00Z"),
        ("The fair is in October of this year", "in October of this year", "2025-11-01T00:00:00Z"),
        ("I booked a table for tomorrow", "tomorrow", "2025-06-13T00:00:00Z"),
        ("Können wir uns am 2025-06-30 treffen?", "2025-06-30", "2025-07-01T00:00:00Z"),
        ("We get married this September.", "this September", "2025-10-01T00:00:00Z"),
        ("The workshop is this July 28", "this July 28", "2025-07-29T00:00:00Z"),
        ("Mum's birthday party is on 3 July", "on 3 July", "2025-07-04T00:00:00Z"),
        (
            "The fair is on 22 September, with daily walks",
            "on 22 September",
            "2025-09-23T00:00:00Z",
        ),
    ] {
        check(text, SAID, &[(words, at)]);
    }
}

#[test]
fn ends_and_deadlines_are_named() {
    for (text, words, at) in [
        ("I'm in Rome until Friday", "until Friday", "2025-06-14T00:00:00Z"),
        ("Closed till 1 July.", "till 1 July", "2025-07-02T00:00:00Z"),
        ("The office is shut through Sunday", "through Sunday", "2025-06-16T00:00:00Z"),
        ("Send it by Monday", "by Monday", "2025-06-17T00:00:00Z"),
        ("Send it before Monday", "before Monday", "2025-06-16T00:00:00Z"),
        ("Submit no later than 30 June", "later than 30 June", "2025-07-01T00:00:00Z"),
        (
            "This voucher is valid until 2025-12-31.",
            "valid until 2025-12-31",
            "2026-01-01T00:00:00Z",
        ),
        ("The code expires on August 1", "expires on August 1", "2025-08-02T00:00:00Z"),
        ("Pay by the end of the month", "by the end of the month", "2025-07-01T00:00:00Z"),
        ("Finish it by the end of next week", "by the end of next week", "2025-06-23T00:00:00Z"),
        ("I'm here until 5 pm", "until 5 pm", "2025-06-11T17:00:00Z"),
        ("I'm here until 9:30 am", "until 9:30 am", "2025-06-12T09:30:00Z"),
        ("Answer by noon", "by noon", "2025-06-11T12:00:00Z"),
        ("Answer by 5pm on Friday", "by 5pm on Friday", "2025-06-13T17:00:00Z"),
        ("The rent is due on the 15th.", "due on the 15th", "2025-06-16T00:00:00Z"),
        ("The report is due Friday", "due Friday", "2025-06-14T00:00:00Z"),
        ("I moved in with my sister until September", "until September", "2025-10-01T00:00:00Z"),
    ] {
        check(text, SAID, &[(words, at)]);
    }
}

#[test]
fn durations_run_from_what_was_said() {
    for (text, words, at) in [
        (
            "I am on vacation for the next two weeks",
            "for the next two weeks",
            "2025-06-26T00:00:00Z",
        ),
        ("The package arrives in 3 days", "in 3 days", "2025-06-15T00:00:00Z"),
        ("Reply within 48 hours", "within 48 hours", "2025-06-13T10:00:00Z"),
        ("I'm away for 10 minutes", "for 10 minutes", "2025-06-11T10:10:00Z"),
        ("You get a 30-day trial", "30-day trial", "2025-07-12T00:00:00Z"),
        ("We're staying for a couple of days", "for a couple of days", "2025-06-14T00:00:00Z"),
        ("I'll be off for another week", "for another week", "2025-06-19T00:00:00Z"),
        ("I'll be back in half an hour", "in half an hour", "2025-06-11T10:30:00Z"),
        ("Only 2 hours left!", "2 hours left", "2025-06-11T12:00:00Z"),
        ("It ships in 2-3 weeks", "in 2-3 weeks", "2025-07-03T00:00:00Z"),
        ("The offer expires in 24 hours", "expires in 24 hours", "2025-06-12T10:00:00Z"),
        ("Delivery takes place two weeks from now", "two weeks from now", "2025-06-26T00:00:00Z"),
        ("Refunds come within 5 business days", "within 5 business days", "2025-06-21T00:00:00Z"),
        (
            "I will study over the next three months",
            "over the next three months",
            "2025-09-12T00:00:00Z",
        ),
    ] {
        check(text, SAID, &[(words, at)]);
    }
}

#[test]
fn calendars_have_corners() {
    for (text, said_at, words, at) in [
        (
            "The party is on February 29",
            "2027-12-01T00:00:00Z",
            "on February 29",
            "2028-03-01T00:00:00Z",
        ),
        ("I'll pay in one month", "2025-01-31T08:00:00Z", "in one month", "2025-03-01T00:00:00Z"),
        (
            "I'll renew it in one year",
            "2024-02-29T08:00:00Z",
            "in one year",
            "2025-03-01T00:00:00Z",
        ),
        ("We meet on 3 January", "2025-12-20T08:00:00Z", "on 3 January", "2026-01-04T00:00:00Z"),
        ("Let's meet tomorrow", "2025-12-31T23:59:59Z", "tomorrow", "2026-01-02T00:00:00Z"),
        ("Let's meet tomorrow", "2026-01-01T00:30:00+02:00", "tomorrow", "2026-01-02T00:00:00Z"),
        ("Closed this week", "2025-06-15T23:59:59Z", "this week", "2025-06-16T00:00:00Z"),
        ("Closed this week", "2025-06-16T00:00:00Z", "this week", "2025-06-23T00:00:00Z"),
        ("Let's go this weekend", "2025-06-15T12:00:00Z", "this weekend", "2025-06-16T00:00:00Z"),
        (
            "Valid until the end of the year",
            "2025-12-31T12:00:00Z",
            "Valid until the end of the year",
            "2026-01-01T00:00:00Z",
        ),
        (
            "I'm here until midnight",
            "2025-06-11T23:00:00Z",
            "until midnight",
            "2025-06-11T23:59:00Z",
        ),
        (
            "The exam is on 31 December",
            "2025-12-31T12:00:00Z",
            "on 31 December",
            "2026-01-01T00:00:00Z",
        ),
    ] {
        check(text, said_at, &[(words, at)]);
    }
}

#[test]
fn what_bounds_nothing_is_left_alone() {
    for text in [
        "I saw her last Friday",
        "I lost eight hours in July, how can I make up for them?",
        "We'll do more in the coming weeks",
        "Our charity runs may raise something",
        "We met yesterday",
        "On 3 March I went to Rome",
        "On Friday I went to Rome",
        "I moved here on 2019-05-04",
        "It happened two weeks ago",
        "I play tennis every Friday",
        "I play tennis on Fridays",
        "We usually meet on Friday",
        "My birthday is on 3 July",
        "She was born on July 3",
        "The company was founded on 1 August",
        "I lived there for three years",
        "I have been here for two weeks",
        "I've worked here for 10 years",
        "Bake it for 20 minutes",
        "It rained for the last two weeks",
        "He is 30 years old",
        "A 3 year old child",
        "We are open 24/7",
        "I ate 3/4 of it",
        "The party is on 3/4",
        "The flight is on 30 February",
        "The room is 12.5.30 wide",
        "It may rain",
        "They march on",
        "I sat in the sun",
        "Since Monday I am ill",
        "After Friday everything is possible",
        "Until further notice",
        "The version 2025.13.45 is out",
        "Until we meet",
        "May I come in?",
        "The meeting on 3 May 2024 is in the minutes",
        "We stayed until Friday",
        "It takes 5 minutes",
        "From Monday I work at the bakery",
        "Starting on 1 July the fee is higher",
        "I am a nurse, I served for five years",
        "I had soup today and it was cold",
        "In January of this year I quit smoking",
        "I need 3 tickets",
        "",
        "😀 — …",
    ] {
        check(text, SAID, &[]);
    }
}

#[test]
fn kinds_and_confidence_tell_bounds_from_mentions() {
    let first = |text: &str| {
        let said_at: Timestamp = SAID.parse().expect("a timestamp");
        expiries(text, said_at).into_iter().next().expect("an expiry")
    };
    for (text, kind, least, most) in [
        ("The coupon is valid until Friday", ExpiryKind::Until, 0.9, 1.0),
        ("I'm away until Friday", ExpiryKind::Until, 0.85, 1.0),
        ("Send it by Friday", ExpiryKind::Deadline, 0.7, 0.9),
        ("My appointment is on Friday", ExpiryKind::Date, 0.7, 0.9),
        ("Friday sounds odd", ExpiryKind::Date, 0.0, 0.4),
        ("I'm in town for two weeks", ExpiryKind::Duration, 0.6, 0.8),
        ("What is on in town on Friday?", ExpiryKind::Date, 0.0, 0.5),
    ] {
        let found = first(text);
        assert_eq!(found.kind, kind, "{text:?}");
        assert!((least..=most).contains(&found.confidence), "{text:?}: {}", found.confidence);
        assert_eq!(text.get(found.span.clone()), Some(found.words.as_str()));
        assert!(found.reason.contains(&found.words), "{}", found.reason);
    }
}

#[test]
fn several_bounds_stand_in_their_order() {
    check(
        "I'm in Rome until Friday, and the flight to Oslo is on 20 June.",
        SAID,
        &[("until Friday", "2025-06-14T00:00:00Z"), ("on 20 June", "2025-06-21T00:00:00Z")],
    );
}

#[test]
fn long_and_strange_input_is_bounded() {
    let said_at: Timestamp = SAID.parse().expect("a timestamp");
    let long = "meet me on Friday, ü ".repeat(5_000);
    assert!(long.len() > 100_000);
    assert_eq!(expiries(&long, said_at).len(), MAX_EXPIRIES);
    for text in [
        "9".repeat(100_000),
        "in 999999999 years ".repeat(50),
        "until ".repeat(10_000),
        "İ on Friday".to_owned(),
    ] {
        for expiry in expiries(&text, said_at) {
            assert_eq!(text.get(expiry.span.clone()), Some(expiry.words.as_str()));
            assert!(expiry.at > said_at);
        }
    }
    let last: Timestamp = "9999-12-30T00:00:00Z".parse().expect("a timestamp");
    for text in ["in 3 years", "next week we meet", "until Friday", "on 3 March"] {
        expiries(text, last);
    }
}

/// How English names a day, over many moments: always ahead, at most two weeks.
#[test]
fn weekdays_are_ahead_at_every_moment() {
    let start: Timestamp = "2023-12-20T00:00:00Z".parse().expect("a timestamp");
    for hours in (0..24 * 400).step_by(7) {
        let said_at = start + jiff::SignedDuration::from_hours(hours);
        for text in [
            "see you on Friday",
            "see you next Friday",
            "see you this Friday",
            "see you this weekend",
        ] {
            let found = expiries(text, said_at);
            assert_eq!(found.len(), 1, "{text} {said_at}");
            let ahead =
                found.iter().map(|expiry| expiry.at.duration_since(said_at).as_hours()).max();
            assert!(ahead.is_some_and(|hours| (0..=15 * 24).contains(&hours)), "{text} {said_at}");
        }
    }
}

#[test]
fn of_many_instants_the_last_are_kept_in_order() {
    let plan = "We meet on 1 July, on 9 August, on 2 July and on 3 July.";
    let kept = last_expiries(plan, SAID.parse().expect("a timestamp"), 2);
    let words: Vec<&str> = kept.iter().map(|expiry| expiry.words.as_str()).collect();
    assert_eq!(words, ["on 9 August", "on 3 July"]);
}
