//! Facts with later turns: what changes a fact and what leaves it alone. Written
//! before any rule was tuned, several domains and wordings.

use jiff::Timestamp;

use super::{
    super::retirement::{AsOf, standing, testing::fact},
    *,
};
use crate::facts::turns::{echo, link_outdated, link_source};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Replaces,
    Nothing,
}
use Does::{Nothing, Replaces};

/// `subject.attribute = value`, pinned from a turn that says `told`.
fn pinned(spec: &str, told: &str) -> (Fact, Vec<Arc<Heard>>) {
    let mut pinned = fact("a");
    let (name, value) = spec.split_once('=').unwrap_or(("", spec));
    let (subject, attribute) = name.split_once('.').unwrap_or(("", name));
    pinned.says.subject = subject.trim().to_owned();
    pinned.says.attribute = attribute.trim().to_owned();
    if name.is_empty() {
        pinned.text = value.trim().to_owned();
    } else {
        pinned.says.value = value.trim().to_owned();
        pinned.text = format!("{}: {}", attribute.trim(), value.trim());
    }
    pinned.known_turn = 1;
    let heard: Vec<Arc<Heard>> = Some(told)
        .filter(|told| !told.is_empty())
        .map(|told| Arc::new(Heard::of(1, Role::User, told)))
        .into_iter()
        .collect();
    if let Some(heard) = heard.first() {
        pinned.source = Some(1);
        pinned.turns.push(link_source(&Claim::of(&pinned), heard, None));
    }
    (pinned, heard)
}

fn found(spec: &str, told: &str, role: Role, text: &str) -> Option<FactEdge> {
    let (pinned, told) = pinned(spec, told);
    let claim = Claim::of(&pinned);
    let told = LazyCell::new(|| told);
    let held = Held { fact: &pinned, claim: &claim, told: &told, replaced: &[] };
    let then = Timestamp::UNIX_EPOCH;
    news(held, &Heard::of(5, role, text), then, then)
}

/// Fact, the turn that told it (or empty), a later turn.
fn check_all(cases: &[(&str, &str, &str, Does)]) {
    let wrong: Vec<_> = cases
        .iter()
        .filter_map(|(spec, told, text, expected)| {
            let edge = found(spec, told, Role::User, text);
            let does = if edge.is_some() { Replaces } else { Nothing };
            (does != *expected).then(|| format!("{spec} | {told} -> {text}: {edge:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn a_new_value_for_what_the_fact_names_replaces() {
    check_all(&[
        ("user.rent = $900", "", "Good news, the rent is $850.", Replaces),
        ("user.rent = $900", "", "The rent is now $950 a month.", Replaces),
        ("agreed_fee = 12 %", "The fee is 12 %", "I must correct that. The fee is 10 %.", Replaces),
        ("deadline = May 3", "", "Deadline: May 17", Replaces),
        ("launch_date = May 3", "", "Please move the launch date to May 17.", Replaces),
        ("launch_date = May 3", "", "We pushed the launch date from May 3 to May 17.", Replaces),
        ("guest_count = 40", "", "Leave the menu, but change the guest count to 55.", Replaces),
        ("meeting_time = 2 pm", "", "The meeting time is 4 pm.", Replaces),
        ("hotel = Hilton", "", "The hotel is the Marriott now.", Replaces),
        ("hotel = Hilton", "", "We stay at the Marriott, not the Hilton.", Replaces),
        ("venue = Town Hall", "", "Book Harbour House instead of Town Hall.", Replaces),
        ("colour_scheme = sea green", "", "Change the colour scheme to warm grey.", Replaces),
        ("Apollo.budget = $20,000", "", "The Apollo budget is $15,000.", Replaces),
        ("selected_hotel = Hilton", "", "Switch to Marriott for the hotel.", Replaces),
    ]);
}

#[test]
fn another_state_of_the_subject_replaces_a_status() {
    check_all(&[
        ("order_status = in transit", "", "Good news, the order is delivered.", Replaces),
        ("database.state = running", "", "The database is down.", Replaces),
        ("Apollo.status = on schedule", "", "As of this morning, Apollo is on hold.", Replaces),
        ("visa status = pending", "", "My visa has been approved.", Replaces),
        ("order_status = in transit", "", "The order is important to me.", Nothing),
        ("order_status = in transit", "", "The order is a present for Ann.", Nothing),
        ("order_status = in transit", "", "The order is in Berlin.", Nothing),
        ("order_status = in transit", "", "Is the order delivered?", Nothing),
        ("order_status = in transit", "", "The order is not delivered.", Nothing),
        ("order_status = in transit", "", "The order form is finished.", Nothing),
        ("order_status = in transit", "", "The order is still in transit.", Nothing),
        ("order_date = May 3", "", "The order is delivered.", Nothing),
    ]);
}

#[test]
fn a_new_choice_for_the_same_purpose_replaces() {
    check_all(&[
        (
            "selected_caterer = Blue Spoon",
            "We're going with Blue Spoon for the wedding.",
            "Let's proceed with Olive & Sons for the wedding.",
            Replaces,
        ),
        (
            "photographer = Ann Lee",
            "We go with Ann Lee for the portraits.",
            "Actually, I settled on Ben Ortiz for the portraits.",
            Replaces,
        ),
        (
            "selected_caterer = Blue Spoon",
            "We're going with Blue Spoon for the wedding.",
            "Let's go with Olive & Sons for the brunch.",
            Nothing,
        ),
        (
            "selected_caterer = Blue Spoon",
            "We're going with Blue Spoon for the wedding.",
            "Let's also go with Olive & Sons for the wedding.",
            Nothing,
        ),
        (
            "selected_caterer = Blue Spoon",
            "We're going with Blue Spoon for the wedding.",
            "Should we go with Olive & Sons for the wedding?",
            Nothing,
        ),
        (
            "selected_caterer = Blue Spoon",
            "We're going with Blue Spoon for the wedding.",
            "Maybe we could go with Olive & Sons for the wedding.",
            Nothing,
        ),
        (
            "migration_approach = big bang (tentative)",
            "We're thinking of a big bang for the migration.",
            "The final plan is stepwise replacement.",
            Replaces,
        ),
        (
            "migration_approach = big bang",
            "The approach is a big bang.",
            "The final plan is on the wiki.",
            Nothing,
        ),
    ]);
}

#[test]
fn a_turn_that_chooses_a_value_or_answers_to_it_says_the_fact() {
    let (selected, _) = pinned("selected_caterer = Blue Spoon", "");
    let claim = Claim::of(&selected);
    let says = |text| link(&claim, &Heard::of(1, Role::User, text)).map(|link| link.bears);
    assert_eq!(says("We're going with Blue Spoon for the wedding."), Some(None));
    assert_eq!(says("I ate at Blue Spoon yesterday."), None);
    let answers = |text| echo(&claim, &Heard::of(2, Role::Assistant, text)).is_some();
    assert!(answers("Noted, I'll write to Blue Spoon."));
    assert!(!answers("Shall I write to Blue Spoon?"));
    assert!(!answers("Noted."));
}

#[test]
fn loud_words_do_not_hide_what_is_repeated() {
    let (plan, _) = pinned("plan = Pack by 1:30pm on Tuesday, leave at 1:55pm", "");
    let text = "Our plan 'Pack by 1:30pm on Tuesday, leave at 1:55pm' needs to be REDONE.";
    let found = link(&Claim::of(&plan), &Heard::of(4, Role::User, text));
    assert_eq!(found.map(|link| link.bears), Some(None));
}

#[test]
fn a_turn_with_old_and_new_is_linked_by_both() {
    let (date, _) = pinned("launch_date = May 17", "");
    let claim = Claim::of(&date);
    let spans = |text: &'static str| {
        let links = link_outdated(&claim, &Heard::of(4, Role::User, text));
        links.map(|[_, old]| &text[old.span.0 as usize..old.span.1 as usize])
    };
    assert_eq!(spans("At first we had May 3. Now it is May 17."), Some("At first we had May 3"));
    assert_eq!(spans("Launch on May 17. Dinner on May 3."), None);
    assert_eq!(spans("At first we had May 3."), None);
}

#[test]
fn what_is_taken_back_ends() {
    check_all(&[
        ("event = garden party", "", "The garden party is called off.", Replaces),
        ("user.allergy = peanuts", "", "I'm no longer allergic to peanuts.", Replaces),
        ("shipping_order = 500 pallets", "", "The shipping order was cancelled.", Replaces),
        (
            "bonus = 10 % for the Oslo team",
            "",
            "The 10 % bonus for the Oslo team is off the table.",
            Replaces,
        ),
        ("event = garden party", "", "The garden party is not cancelled, don't worry.", Nothing),
        ("event = garden party", "", "The boat tour is called off.", Nothing),
        ("deposit = $500", "", "The deposit was cancelled.", Replaces),
        ("deposit = $500", "", "The deposit invoice was cancelled.", Nothing),
        ("event = garden party", "", "If it rains the garden party is cancelled.", Nothing),
        ("event = garden party", "", "Don't forget the garden party.", Nothing),
        ("user.allergy = peanuts", "", "I'm no longer allergic to shellfish.", Nothing),
        ("hotel = Hilton", "", "I dropped my keys at the Hilton.", Nothing),
    ]);
}

#[test]
fn somebody_who_was_wrong_is_taken_at_his_last_word() {
    check_all(&[
        (
            "The pump is blocked. Flushed it twice.",
            "[Ann (plumber)]: The pump is blocked. Flushed it twice.",
            "[Ben (engineer)]: Ann was wrong. It is the valve.",
            Replaces,
        ),
        (
            "The pump is blocked. Flushed it twice.",
            "[Ann (plumber)]: The pump is blocked. Flushed it twice.",
            "[Ben (engineer)]: Carl was wrong. It is the valve.",
            Nothing,
        ),
        (
            "The pump is blocked. Flushed it twice.",
            "[Ann (plumber)]: The pump is blocked. Flushed it twice.",
            "[Ben (engineer)]: Ann was not wrong.",
            Nothing,
        ),
        ("phone = 555-0101", "[Ann]: My phone is 555-0101", "Ann was wrong.", Nothing),
    ]);
}

#[test]
fn what_adds_up_or_is_about_something_else_leaves_it_alone() {
    check_all(&[
        ("user.allergy = peanuts", "", "I'm allergic to shellfish.", Nothing),
        ("user.child = Emma", "", "My child Noah is 4.", Nothing),
        ("shopping_item = milk", "", "Change the shopping list to have bread too.", Nothing),
        ("user.hobby = tennis", "", "My hobby is golf.", Nothing),
        ("rent = $900", "", "The garage rent is $120.", Nothing),
        ("rent = $900", "", "The rent is $50 over what we planned.", Nothing),
        ("budget = $900", "", "The catering budget is $300.", Nothing),
        ("budget = $900", "", "The budget is $300 for flowers.", Nothing),
        ("budget = $900", "", "The budget was $700 last year.", Nothing),
        ("budget = $900", "", "What if the budget is $700?", Nothing),
        ("budget = $900", "", "If the budget is $700 we skip the band.", Nothing),
        ("budget = $900", "", "The budget should be $700.", Nothing),
        ("budget = $900", "", "The budget is $900 and not a cent more.", Nothing),
        ("budget = $900", "", "I paid $300 for the flowers.", Nothing),
        ("launch_date = May 3", "", "The review date is May 17.", Nothing),
        ("launch_date = May 3", "", "The launch is two weeks before May 17.", Nothing),
        ("launch_date = May 3", "", "Don't move the launch date to May 17.", Nothing),
        ("hotel = Hilton", "", "The hotel is near Union Station.", Nothing),
        ("hotel = Hilton", "", "The hotel is great.", Nothing),
        ("hotel = Hilton", "", "The hotel is now fully booked.", Nothing),
        ("hotel = Hilton", "", "Ann stays at the Marriott.", Nothing),
        ("Apollo.budget = $20,000", "", "The Gemini budget is $15,000.", Nothing),
        ("Apollo.budget = $20,000", "", "The budget is $15,000.", Nothing),
        ("manager = Ann Lee", "", "I had lunch with Ben Ortiz.", Nothing),
        ("meeting_time = 2 pm", "", "Lunch is at 1 pm.", Nothing),
        ("guest_count = 40", "", "I ordered 55 chairs.", Nothing),
        ("plan = 3 nights in Rome", "", "We also spend 2 nights in Siena.", Nothing),
        ("Prefers window seats", "", "I like aisle seats on short flights too.", Nothing),
    ]);
}

#[test]
fn only_a_person_changes_a_fact_and_weight_is_kept() {
    let text = "The rent is now $950.";
    assert!(found("rent = $900", "", Role::Assistant, text).is_none());
    assert!(found("rent = $900", "", Role::Tool, text).is_none());
    let (mut pinned, _) = pinned("rent = $900", "");
    let heard = Heard::of(5, Role::User, text);
    let draw = |pinned: &Fact| {
        let claim = Claim::of(pinned);
        let held =
            Held { fact: pinned, claim: &claim, told: &LazyCell::new(Vec::new), replaced: &[] };
        let then = Timestamp::UNIX_EPOCH;
        news(held, &heard, then, then)
    };
    let edge = draw(&pinned).unwrap();
    assert_eq!((edge.kind, edge.later), (EdgeKind::Supersedes, Cause::Turn(5)));
    assert_eq!(edge.reason, "rent: $900 -> $950");
    pinned.says.authority = Some(Authority::Policy);
    assert_eq!(draw(&pinned).map(|edge| edge.kind), Some(EdgeKind::Contradicts));
    pinned.says.authority = None;
    pinned.rejected.push(Cause::Turn(5));
    assert_eq!(draw(&pinned), None);
    pinned.rejected.clear();
    pinned.says.scope = "flat in Oslo".to_owned();
    assert_eq!(draw(&pinned), None);
    pinned.says.scope.clear();
    pinned.known_turn = 5;
    assert_eq!(draw(&pinned), None, "said before it was pinned");
}

#[test]
fn going_back_to_what_was_replaced_replaces() {
    let (list, told) = pinned("layout = two columns", "Let's try two columns.");
    let (old, _) = pinned("layout = one wide column", "");
    let (claim, replaced) = (Claim::of(&list), [Claim::of(&old)]);
    let told = LazyCell::new(|| told);
    let held = Held { fact: &list, claim: &claim, told: &told, replaced: &replaced };
    let then = Timestamp::UNIX_EPOCH;
    let draw = |text| news(held, &Heard::of(5, Role::User, text), then, then);
    assert!(draw("Hm, let's go back to one wide column.").is_some());
    assert!(draw("The one wide column was nice.").is_none());
    assert!(draw("Should we go back to one wide column?").is_none());
}

#[test]
fn what_is_said_again_holds_again() {
    let (mut rent, _) = pinned("rent = $900", "The rent is $900.");
    rent.edges.extend(found("rent = $900", "", Role::User, "The rent is now $950."));
    let retired = |fact: &Fact, turn| {
        let as_of = AsOf { turn, clock: None, turns: &[] };
        standing(std::slice::from_ref(fact), &as_of)[0].as_ref().unwrap().retired.is_some()
    };
    assert!(!retired(&rent, 4));
    assert!(retired(&rent, 5));
    let claim = Claim::of(&rent);
    let says = |role, text| again(&claim, &Heard::of(8, role, text));
    assert!(says(Role::Assistant, "The rent is $900.").is_none());
    assert!(says(Role::User, "The rent was $900 at first.").is_none());
    assert!(says(Role::User, "The rent went from $900 to $950.").is_none());
    rent.turns.extend(says(Role::User, "I was wrong, the rent is $900 after all."));
    assert!(retired(&rent, 7));
    assert!(!retired(&rent, 8));
}

/// A case of the table of additive and replacing pairs.
#[derive(serde::Deserialize)]
struct Case {
    id: String,
    kind: String,
    turns: Vec<Turn>,
    old: usize,
    new: usize,
}

#[derive(serde::Deserialize)]
struct Turn {
    role: String,
    text: String,
}

#[test]
fn a_turn_that_adds_to_another_leaves_what_was_pinned_from_that_alone() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/staleness/additive_replacing.jsonl");
    let table = std::fs::read_to_string(path).unwrap();
    let (mut additive, mut taken) = (0, Vec::new());
    for line in table.lines() {
        let case: Case = serde_json::from_str(line).unwrap();
        if case.kind != "additive" {
            continue;
        }
        additive += 1;
        let (old, new) = (&case.turns[case.old], &case.turns[case.new]);
        let role = if new.role == "user" { Role::User } else { Role::Assistant };
        if found(&old.text, &old.text, role, &new.text).is_some() {
            taken.push(case.id);
        }
    }
    assert_eq!(additive, 80);
    assert!(taken.len() * 100 <= additive * 3, "{taken:?}");
}
