//! What the table of cases cannot show: the rules on marks alone.

use bytes::Bytes;
use throughline_memory::turn::{Part, Role};

use super::*;
use crate::proxy::said::{Piece, print_of_parts};

fn role(word: &str) -> (Role, &str) {
    let (role, text) = word.split_once(':').unwrap();
    let role = match role.as_bytes()[0] {
        b'u' => Role::User,
        b't' => Role::Tool,
        _ => Role::Assistant,
    };
    (role, text)
}

fn said(words: &[&str]) -> Vec<Said> {
    let one = |word: &&str| {
        let (role, text) = role(word);
        Said::new(Bytes::new(), role, String::new(), &[Piece::Text(text.into())])
    };
    words.iter().map(one).collect()
}

/// `a~:` was cut off, `u-:` and `a-:` are forgotten.
fn stored(words: &[&str]) -> Vec<Mark> {
    let one = |word: &&str| {
        let (role, text) = role(word);
        let print = print_of_parts(role, &[Part::Text(text.to_owned())]);
        let kind = match word.as_bytes()[1] {
            b'~' => Kind::CutOff(print, Some(text.into())),
            b'-' => Kind::Forgotten,
            _ => Kind::Whole(print),
        };
        Mark { role, kind, with_history: None }
    };
    words.iter().map(one).collect()
}

#[track_caller]
fn check(branch: &[&str], request: &[&str], habit: Habit, expected: &str) {
    let mut left = Left::default();
    let found = match recognise(&stored(branch), &said(request), habit, false, &mut left) {
        Recognised::GoesOn { known, places } => format!("goes on {known} {places:?}"),
        Recognised::Parts { known, at, places } => format!("parts {known} at {at} {places:?}"),
        Recognised::AnswerAgain { at, places } => format!("again at {at} {places:?}"),
    };
    assert_eq!(found, expected, "{branch:?} {request:?}");
}

#[test]
fn places_tell_which_turn_a_message_is() {
    check(&[], &["u:a"], Habit::Unknown, "goes on 0 []");
    check(&["u:a", "a:b"], &["u:a", "a:b", "u:c"], Habit::Unknown, "goes on 2 [1, 2]");
    let long = ["u:a", "a:b", "u:c", "a:d"];
    check(&long, &["u:x", "u:c", "a:d", "u:e"], Habit::History, "goes on 3 [0, 3, 4]");
    check(&long, &["a:d", "u:e"], Habit::History, "goes on 1 [4]");
    check(&long, &["u:c", "a:d", "u:e"], Habit::Newest, "goes on 2 [3, 4]");
}

#[test]
fn what_was_cut_off_may_be_missing_or_shorter() {
    let cut = ["u:a", "a~:hello", "a:hello you", "u:b"];
    check(&cut, &["u:a", "a:hello you", "u:b"], Habit::History, "goes on 3 [1, 3, 4]");
    check(&["u:a", "a~:hello"], &["u:a", "a:hel", "u:b"], Habit::History, "goes on 2 [1, 2]");
    check(&["u:a", "a~:hello"], &["u:a"], Habit::Unknown, "goes on 1 [1]");
    check(&["u:a", "a~:hello"], &["u:a", "a:help", "u:b"], Habit::History, "goes on 1 [1]");
}

#[test]
fn what_was_forgotten_is_whatever_stood_there() {
    let branch = ["u-:", "a:b"];
    check(&branch, &["u:secret", "a:b", "u:c"], Habit::Unknown, "goes on 2 [1, 2]");
}

#[test]
fn one_message_alone_is_read_by_the_habit() {
    let branch = ["u:a", "a:b", "u:c", "a:d"];
    check(&branch, &["u:a"], Habit::Newest, "goes on 0 []");
    check(&branch, &["u:a"], Habit::Unknown, "goes on 0 []");
    check(&branch, &["u:a"], Habit::History, "again at 1 [1]");
    check(&branch, &["u:z"], Habit::Newest, "goes on 0 []");
    check(&branch, &["u:z"], Habit::History, "parts 0 at 0 []");
    check(&["u:a", "a:b"], &["u:a"], Habit::Unknown, "again at 1 [1]");
    check(&["u:a", "a:b"], &["u:z"], Habit::Unknown, "goes on 0 []");
}

#[test]
fn a_history_that_is_another_is_a_branch_from_the_beginning() {
    check(&["u:a", "a:b"], &["u:x", "a:y", "u:z"], Habit::Unknown, "parts 0 at 0 []");
}

#[test]
fn an_edit_before_the_newest_exchange_is_a_branch() {
    let branch = ["u:a", "a:b", "u:c", "a:d"];
    let check = |request: &[&str], expected| check(&branch, request, Habit::History, expected);
    check(&["u:a", "a:x", "u:c", "a:d", "u:e"], "parts 1 at 1 [1]");
    check(&["u:x", "a:b", "u:c", "a:d", "u:e"], "parts 0 at 0 []");
    check(&["u:x", "a:y", "u:c", "a:d", "u:e"], "parts 0 at 0 []");
    // A summary of its own, a message left out, one that went past the proxy.
    check(&["u:summary", "u:c", "a:d", "u:e"], "goes on 3 [0, 3, 4]");
    check(&["u:a", "u:c", "a:d", "u:e"], "goes on 3 [0, 3, 4]");
    check(&["u:0", "a:0", "u:a", "a:x", "u:c", "a:d", "u:e"], "goes on 6 [0, 0, 0, 0, 3, 4]");
    check(&["u:c", "a:d", "u:e"], "goes on 2 [3, 4]");
}

#[test]
fn results_of_tools_may_be_cleared_and_what_broke_off_be_missing_before_the_newest_exchange() {
    let branch = ["u:a", "a~:hel", "a:call", "t:long", "a:b", "u:c", "a:d"];
    let check = |request: &[&str], expected| check(&branch, request, Habit::History, expected);
    check(&["u:a", "a:call", "t:-", "a:b", "u:c", "a:d", "u:e"], "goes on 6 [0, 0, 0, 5, 6, 7]");
    check(&["u:a", "a:call", "t:-", "a:x", "u:c", "a:d", "u:e"], "parts 3 at 4 [1, 3, 0]");
    check(&["u:a", "a:he", "a:call", "t:-", "a:x", "u:c", "a:d"], "parts 4 at 4 [1, 2, 3, 0]");
    check(&["u:a", "a:call", "t:long", "a:x", "u:c", "a:d", "u:e"], "parts 3 at 4 [1, 3, 4]");
    check(&["u:x", "a:call", "t:long", "a:b", "u:c", "a:d", "u:e"], "parts 0 at 0 []");
}

#[test]
fn equal_answers_mislead_nobody() {
    let branch = ["u:one", "a:ok", "u:two", "a:ok"];
    check(&branch, &["u:one", "a:ok", "u:two"], Habit::History, "again at 3 [1, 2, 3]");
    check(&branch, &["u:one", "a:ok", "u:zwei"], Habit::History, "parts 2 at 2 [1, 2]");
}

#[test]
fn messages_that_repeat_each_other_are_compared_for_so_long_only() {
    // The second search would need over five hundred million comparisons.
    let turns = |count: usize| ["u:x", "a:x"].into_iter().cycle().take(count);
    let branch: Vec<&str> = turns(50_000).chain(["u:x", "a:y"]).collect();
    let (stored, history) = (stored(&branch), Habit::History);
    let recognise = |words: Vec<&str>, habit, retry| {
        recognise(&stored, &said(&words), habit, retry, &mut Left::default())
    };
    let all = (1..=50_001).collect();
    let again = recognise(turns(50_001).collect(), history, false);
    assert_eq!(again, Recognised::AnswerAgain { at: 50_001, places: all });
    let edited = recognise(turns(40_000).chain(["u:z"]).collect(), history, false);
    let places = (1..=40_000).collect();
    assert_eq!(edited, Recognised::Parts { known: 40_000, at: 40_000, places });
    let alone = vec!["u:x"; 50_000];
    let newest = recognise(alone, Habit::Newest, true);
    assert_eq!(newest, Recognised::GoesOn { known: 0, places: Vec::new() });
}

#[test]
fn equal_messages_without_an_answer_are_compared_for_so_long_only() {
    let branch: Vec<&str> = std::iter::repeat_n("u:x", 30_000).chain(["u:w"]).collect();
    let stored = stored(&branch);
    let words: Vec<&str> = std::iter::repeat_n("u:x", 20_000).chain(["u:z"]).collect();
    let found = recognise(&stored, &said(&words), Habit::Newest, false, &mut Left::default());
    assert_eq!(found, Recognised::GoesOn { known: 0, places: Vec::new() });
}

#[test]
fn the_searches_of_a_request_share_what_they_may_compare() {
    let branch = stored(&["u:a", "a:b", "u:c", "a:d"]);
    let request = said(&["u:x", "u:c", "a:d", "u:e"]);
    let mut left = Left(6);
    let mut find = || recognise(&branch, &request, Habit::History, false, &mut left);
    let places = vec![0, 3, 4];
    assert_eq!(find(), Recognised::GoesOn { known: 3, places });
    // One for the beginning; one for the newest message and three for those before it.
    assert_eq!(find(), Recognised::Parts { known: 0, at: 0, places: Vec::new() });
    assert_eq!(left, Left(0));
}
