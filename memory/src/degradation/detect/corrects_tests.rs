//! Wordings of correction, and what only looks like it.

use super::*;

fn check(answer: &str, text: &str, expected: bool) {
    let earlier = [
        SaidTurn::of(1, Role::User, "Tell me about my trip."),
        SaidTurn::of(2, Role::Assistant, answer),
    ];
    let found = corrects(&SaidTurn::of(3, Role::User, text), &earlier);
    assert_eq!(found.value(), Some(if expected { 1.0 } else { 0.0 }), "{text:?}: {found:?}");
}

const ANSWER: &str = "Your flight to Lisbon leaves on Tuesday at 9, and the hotel is booked.";

#[test]
fn who_says_that_it_is_wrong_is_heard() {
    for text in [
        "That's wrong.",
        "That is not what I asked for.",
        "this isn't right, the date is different",
        "You misunderstood me.",
        "You got my name wrong.",
        "You made a mistake in step 2.",
        "Your calculation is incorrect",
        "I never said that I like jazz.",
        "I didn't ask for a poem.",
        "Wrong. It leaves from Porto.",
        "That’s still not correct",
        "Not quite, there is one more person.",
        "You left out the second question.",
        "You didn't answer my question.",
        "Stop calling me Bob.",
        "You keep using bullet points.",
        "Please correct that.",
        "you're wrong",
        "Where did you get that?",
        "it's not true",
        "You forgot to include the tests.",
        "Incorrect, try again",
    ] {
        check(ANSWER, text, true);
    }
}

#[test]
fn who_sets_it_right_is_heard() {
    for text in [
        "I meant the hotel in Porto.",
        "No, I said Wednesday.",
        "I said Wednesday, not Tuesday.",
        "It's Wednesday, not Tuesday.",
        "No, the flight to Lisbon leaves on Wednesday.",
        "Actually, the flight leaves at 10.",
        "I was asking about the train.",
        "Not the flight, I meant the train",
    ] {
        check(ANSWER, text, true);
    }
}

#[test]
fn what_only_looks_like_it_is_not() {
    for text in [
        "Thanks, that's right.",
        "Is it wrong to fly so often?",
        "It is wrong to steal.",
        "I don't want sugar.",
        "What's wrong with this code?",
        "Actually, make it Wednesday.",
        "Actually, I am going to sell the flight and the hotel.",
        "No problem, thanks!",
        "Not bad at all.",
        "My boss said that I was wrong about the budget and I never told him why.",
        "Can you check whether this is not correct?",
        "I am not sure yet.",
        "Please stop the timer at ten.",
        "I want the window seat, and a vegetarian meal.",
        "Could you fix the error in my code?",
        "Great. And the return flight?",
        "Write a dialogue: \"That's wrong!\" she said.",
        "I mean, it could work.",
    ] {
        check(ANSWER, text, false);
    }
}

#[test]
fn no_to_a_question_is_an_answer() {
    check("Do you have a car of your own?", "No, my car is in the garage.", false);
    check("You have a car of your own.", "No, my car was sold.", true);
}

#[test]
fn without_an_answer_or_in_another_language_it_is_not_measurable() {
    let alone = SaidTurn::of(1, Role::User, "That's wrong.");
    assert_eq!(corrects(&alone, &[]), Signal::NotMeasurable);
    let earlier = [SaidTurn::of(1, Role::Assistant, ANSWER)];
    let text = "Nein, das stimmt nicht, der Flug geht am Mittwoch und nicht am Dienstag.";
    let german = SaidTurn::of(2, Role::User, text);
    assert_eq!(corrects(&german, &earlier), Signal::NotMeasurable);
}
