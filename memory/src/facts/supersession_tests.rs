//! Pairs of facts with what the later one does to the earlier: written before
//! any rule was tuned, several domains and wordings.

use super::{super::retirement::testing::fact, *};
use crate::facts::{Authority, FactKind};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Replaces,
    Contradicts,
    Nothing,
}
use Does::{Contradicts, Nothing, Replaces};

/// `subject.attribute = value | text`, each part but the text optional.
fn read(id: &str, spec: &str) -> Fact {
    let (name, text) = spec.split_once('|').unwrap_or(("", spec));
    let (name, value) = name.split_once('=').unwrap_or((name, ""));
    let (subject, attribute) = name.split_once('.').unwrap_or(("", name));
    let mut read = fact(id);
    read.says.subject = subject.trim().to_owned();
    read.says.attribute = attribute.trim().to_owned();
    read.says.value = value.trim().to_owned();
    read.text = text.trim().to_owned();
    if read.text.is_empty() {
        read.text = format!("{}: {}", read.says.attribute, read.says.value);
    }
    read
}

fn found(earlier: &Fact, later: &Fact) -> Does {
    match compare(&Claim::of(earlier), &Claim::of(later)).map(|bearing| bearing.kind) {
        None => Nothing,
        Some(EdgeKind::Supersedes) => Replaces,
        Some(EdgeKind::Contradicts) => Contradicts,
    }
}

fn check_all(cases: &[(&str, &str, Does)]) {
    let wrong: Vec<_> = cases
        .iter()
        .filter_map(|(earlier, later, expected)| {
            let found = found(&read("a", earlier), &read("b", later));
            (found != *expected).then(|| format!("{earlier}  ->  {later}: {found:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn the_same_subject_and_attribute_replace() {
    check_all(&[
        ("user.hotel = Hilton|", "user.hotel = Marriott|", Replaces),
        ("user.Hotel = Hilton|", "User . hotel = Marriott|", Replaces),
        ("trip.budget = $2,000|", "trip.budget = 1500 dollars|", Replaces),
        (".po_status = open|", ".po_status_v2 = closed|", Replaces),
        (".po_status_v2 = open|", ".po_status_v3 = closed|", Replaces),
        (".poStatus = open|", ".PO status (updated) = closed|", Replaces),
        (".current_address = 4 Elm Street|", ".address = 9 Oak Road|", Replaces),
        (".team_size = 5|", ".latest-team-size = 7|", Replaces),
        ("Apollo.deadline = May 3|", ".apollo_deadline = May 10|", Replaces),
        ("order 1182.status = paid|", "order 1182.status = refunded|", Replaces),
        ("venue.decision|We take the town hall", "venue.decision|We take the barn", Replaces),
        ("user.guests = 4|", "user.guests = 6 people|", Replaces),
        ("lamp.colour = green|", "lamp.colour = blue|", Replaces),
        ("user.diet|Eats everything", "user.diet|No longer eats meat", Replaces),
    ]);
}

#[test]
fn a_name_that_says_more_replaces_where_the_words_fit() {
    check_all(&[
        (".deadline = March 3|", ".project_deadline = March 10|", Replaces),
        (".project_deadline = March 3|", ".deadline = March 10|", Replaces),
        (".budget|The budget is $50,000", ".q3_budget|The budget was cut to $40,000", Replaces),
        (".flight_gate = B12|", ".gate|Gate changed to C3", Replaces),
        (".deadline = March 3|", ".deadline_note|Send a reminder for it", Nothing),
        (".api_deadline = March 3|", ".web_deadline = March 10|", Nothing),
        (".address = 4 Elm Street|", ".previous_address = 9 Oak Road|", Nothing),
        (".address_1 = 4 Elm Street|", ".address_2 = 9 Oak Road|", Nothing),
        (".phone = 555-0101|", ".emergency_phone = 555-0199|", Nothing),
    ]);
}

#[test]
fn words_alone_replace_where_they_are_about_one_thing() {
    check_all(&[
        ("The launch date is May 3", "The launch date is May 17", Replaces),
        ("The launch date is May 3", "Launch date moved to May 17", Replaces),
        ("Order 4521 approved for $50,000", "Order 4521 cancelled: no budget", Replaces),
        ("The rent is 900 euros a month", "The rent is now 980 euros a month", Replaces),
        ("Standup at 9:30 every day", "Standup moved to 10:15", Replaces),
        ("Prefers window seats on flights", "Prefers aisle seats on flights now", Replaces),
        ("The backend runs on MySQL", "The backend runs on Postgres", Replaces),
        ("Team dinner at Luigi's on Friday", "Team dinner on Saturday instead", Replaces),
        (
            "Alice leads the migration project",
            "Correction: Bob leads the migration project",
            Replaces,
        ),
        ("Delivery to 14 Mill Lane", "Delivery goes to 22 Park Row instead", Replaces),
        (
            "The password policy requires 8 characters",
            "The password policy requires 12 characters",
            Replaces,
        ),
        ("Ship the Nordic release on June 1", "Do not ship the Nordic release", Replaces),
        (
            "note|The server room code is 4411",
            "note|The server room code changed to 9034",
            Replaces,
        ),
        (
            "fact_1|Budget for the fair is $8,000",
            "fact_7|Budget for the fair cut to $6,500",
            Replaces,
        ),
    ]);
}

#[test]
fn what_adds_up_replaces_nothing() {
    check_all(&[
        ("user.allergies = peanuts|", "user.allergies = shellfish|", Nothing),
        ("user.allergy = peanuts|", "user.allergy = shellfish|", Nothing),
        ("list.items = milk|", "list.items = bread|", Nothing),
        ("user.child = Emma|", "user.child = Noah|", Nothing),
        ("trip.stop = Rome|", "trip.stop = Florence|", Nothing),
        ("user.languages = French|", "user.languages = Czech|", Nothing),
        ("user.music|Likes jazz", "user.music|Also likes blues", Nothing),
        ("Is allergic to peanuts", "Is allergic to shellfish", Nothing),
        ("Likes green tea", "Likes black coffee", Nothing),
        ("Has a daughter named Emma", "Has a son named Noah", Nothing),
        ("Bought 2 tickets for the opera", "Bought 3 tickets for the ballet", Nothing),
        ("Add milk to the shopping list", "Add bread to the shopping list", Nothing),
        ("note|Call the plumber", "note|Water the plants", Nothing),
        (
            "user.allergies|Allergic to peanuts",
            "user.allergies|No longer allergic to peanuts",
            Replaces,
        ),
    ]);
    let additive = |spec: &str| {
        let mut read = read("x", spec);
        read.says.additive = true;
        read
    };
    let (earlier, later) = (additive("user.sport = tennis|"), additive("user.sport = golf|"));
    assert_eq!(found(&earlier, &later), Nothing);
    assert_eq!(found(&read("a", "user.sport = tennis|"), &later), Nothing);
}

#[test]
fn what_is_about_something_else_replaces_nothing() {
    check_all(&[
        ("user.hotel = Hilton|", "user.airline = Delta|", Nothing),
        ("Anna.phone = 555-0101|", "Ben.phone = 555-0199|", Nothing),
        ("Anna's phone is 555-0101", "Ben's phone is 555-0199", Nothing),
        ("Order 4521 approved for $50,000", "Order 4522 cancelled", Nothing),
        ("The launch date is May 3", "The review date is May 17", Nothing),
        ("Works on weekends", "The office is closed on Friday", Nothing),
        ("Lunch with Anna on Monday", "Lunch with Ben on Tuesday", Nothing),
        ("The red car costs $9,000", "The blue car costs $7,000", Nothing),
        ("The API returns errors", "Now we need three more designers", Nothing),
        ("user.hotel = Hilton|", "user.hotel = hilton|", Nothing),
        (".budget = $1,500|", ".budget_v2 = 1500 dollars|", Nothing),
        ("The launch date is May 3", "The launch date is May 3.", Nothing),
    ]);
}

#[test]
fn authority_and_scope_are_kept() {
    let with = |spec: &str, scope: &str, authority: Option<Authority>| {
        let mut read = read("x", spec);
        read.says.scope = scope.to_owned();
        read.says.authority = authority;
        read
    };
    let (peer, policy) = (Some(Authority::Peer), Some(Authority::Policy));
    let limit = |value: &str, scope: &str, authority| {
        with(&format!("expenses.limit = {value}|"), scope, authority)
    };
    for (earlier, later, expected) in [
        (limit("$50", "", policy), limit("$500", "", peer), Contradicts),
        (limit("$50", "", peer), limit("$500", "", policy), Replaces),
        (limit("$50", "", policy), limit("$40", "", policy), Replaces),
        (limit("$50", "", Some(Authority::Manager)), limit("$40", "", peer), Contradicts),
        (limit("$50", "", None), limit("$40", "", peer), Replaces),
        (limit("$50", "", None), limit("$40", "", Some(Authority::Low)), Contradicts),
        (limit("$50", "paris", None), limit("$40", "rome", None), Nothing),
        (limit("$50", "paris", None), limit("$40", " Paris ", None), Replaces),
        (limit("$50", "", None), limit("$40", "rome", None), Nothing),
        (limit("$50", "rome", None), limit("$40", "", None), Nothing),
    ] {
        assert_eq!(found(&earlier, &later), expected, "{earlier:?} {later:?}");
    }
    assert_eq!(Authority::of(FactKind::Instruction, None), Authority::Policy);
    assert_eq!(Authority::of(FactKind::Fact, Some(crate::turn::Role::Tool)), Authority::Low);
}

#[test]
fn the_later_one_is_told_by_its_source() {
    let turn = |id: &str, source, value: &str| {
        let mut read = read(id, &format!("user.hotel = {value}|"));
        read.source = source;
        read
    };
    let draws = |old: &Fact, new: &Fact| edge((old, &Claim::of(old)), (new, &Claim::of(new)));
    let (first, second) = (turn("a", Some(3), "Hilton"), turn("b", Some(9), "Marriott"));
    let found = draws(&first, &second).unwrap();
    assert_eq!(found.reason, "hotel: Hilton -> Marriott");
    assert_eq!(found.later, Cause::Fact(second.id.clone()));
    assert_eq!(draws(&second, &first), None);
    // Pinned last, said first: it is the one that is replaced.
    let (late, early) = (turn("a", Some(9), "Marriott"), turn("b", Some(3), "Hilton"));
    assert!(draws(&late, &early).is_none() && draws(&early, &late).is_some());
    let mut firm = first;
    firm.rejected.push(Cause::Fact(second.id.clone()));
    assert_eq!(draws(&firm, &second), None);
}

#[test]
fn a_fact_that_only_takes_back_has_no_value_of_its_own() {
    for (earlier, later, expected) in [
        ("plan = Freeze on May 3|", "plan_corrected = Invalidated: freeze on May 3|", true),
        ("plan = Freeze on May 3|", "plan_corrected = Freeze on May 9|", false),
        ("fee = 15 % for Umbrella|", "fee_v2 = Umbrella fee revoked|", false),
    ] {
        let found = compare(&Claim::of(&read("a", earlier)), &Claim::of(&read("b", later)));
        assert_eq!(found.map(|bearing| bearing.withdraws), Some(expected), "{later}");
    }
}
