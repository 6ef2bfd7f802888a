//! Wordings of repetition, and what only looks like it.

use super::*;

fn unknown(_: Sequence, _: Sequence) -> Option<f32> {
    None
}

fn check(text: &str, expected: bool) {
    let earlier = [
        SaidTurn::of(1, Role::User, "I am planning a trip."),
        SaidTurn::of(2, Role::Assistant, "Nice. Where to?"),
    ];
    let turn = SaidTurn::of(3, Role::User, text);
    let found = repeats(&turn, &earlier, &unknown);
    assert_eq!(found.value(), Some(if expected { 1.0 } else { 0.0 }), "{text:?}: {found:?}");
}

#[test]
fn who_says_that_it_was_said_is_heard() {
    for text in [
        "I told you already, it's Lisbon.",
        "I already told you that I don't eat meat",
        "I've already mentioned that, please read it.",
        "i just said that",
        "I literally just told you my name!",
        "As I said, no dairy.",
        "Like I mentioned, the budget is fixed.",
        "as I've already explained, the test fails on Windows",
        "I said at the beginning that there are four of us.",
        "I mentioned my allergy earlier.",
        "You already asked me that.",
        "You asked that before, remember?",
        "We've already discussed this.",
        "Did you forget that I'm vegetarian?",
        "You forgot what I said about the deadline.",
        "Don't you remember? It's on Monday.",
        "How many times do I have to say it?",
        "For the third time, my order number is on the invoice.",
        "I'm asking you for the second time to keep it short.",
        "I repeat: no nuts.",
        "I keep telling you to answer in German.",
        "Again, I need the invoice and not the receipt.",
        "Let me say it again: the car is red.",
        "I don’t want to fly. I told you.",
        "Were you listening? I have told you twice. Weren't you listening?",
        "I've told you three times now",
        "I have already provided my address",
        "Scroll up, it's all there.",
        "i told u this already",
        "I specifically told you not to use bullet points",
    ] {
        check(text, true);
    }
}

#[test]
fn what_only_looks_like_it_is_not() {
    for text in [
        "I already told my boss that I quit.",
        "I told him already.",
        "Have I told you about my dog?",
        "What if I told you that I can fly?",
        "I ran a marathon for the second time this year.",
        "Can you say that again?",
        "Try again, please.",
        "I already have a ticket.",
        "She said yes, as I said yes to her.",
        "Do you remember my name?",
        "I asked my doctor about it earlier.",
        "Write a story in which a man says \"I told you already\".",
        "I just asked her whether she would come.",
        "It happened again, and again it was raining.",
        "I have read the book twice.",
        "Let's repeat the exercise tomorrow.",
        "I forgot my umbrella.",
        "That's great, thanks!",
        "How often should I do these exercises, and how many times do I need to water it?",
        "Remember that I am allergic to nuts.",
        "I mentioned it to my wife before dinner.",
    ] {
        check(text, false);
    }
}

#[test]
fn the_same_request_is_found_with_the_turn_that_made_it_first() {
    let first = "Can you recommend a quiet hotel near the station in Porto?";
    let earlier = |answer| {
        [
            SaidTurn::of(1, Role::User, first),
            SaidTurn::of(2, answer, "There are several, it depends."),
        ]
    };
    let again = |text: &str, answer| {
        repeats(&SaidTurn::of(3, Role::User, text), &earlier(answer), &unknown)
    };
    for text in [first, "Please recommend a quiet hotel near the station in Porto?"] {
        let found = again(text, Role::Assistant);
        let finding = found.finding().expect(text);
        assert_eq!(finding.evidence, Evidence::Earlier(1));
        assert_eq!(finding.reason, Reason::SameRequest);
    }
    for text in [
        "Can you recommend a quiet hotel near the station in Lisbon?",
        "Can you recommend a cheap restaurant near the station in Porto?",
        "ok",
    ] {
        assert_eq!(again(text, Role::Assistant), Signal::Absent, "{text}");
    }
    assert_eq!(again(first, Role::User), Signal::NotMeasurable, "nobody answers");
}

#[test]
fn requests_in_other_words_are_the_same_when_their_vectors_are_near() {
    let first = "Can you recommend a quiet hotel near the station in Porto?";
    let earlier = [
        SaidTurn::of(1, Role::User, first),
        SaidTurn::of(2, Role::Assistant, "There are several, it depends."),
    ];
    let text = "Is there a quiet hotel close to the station of Porto that you would suggest?";
    let turn = SaidTurn::of(3, Role::User, text);
    assert_eq!(repeats(&turn, &earlier, &unknown), Signal::Absent);
    assert!(repeats(&turn, &earlier, &|_, _| Some(0.95)).finding().is_some());
    assert_eq!(repeats(&turn, &earlier, &|_, _| Some(0.5)), Signal::Absent);
}

#[test]
fn other_numbers_make_another_request() {
    let earlier = [
        SaidTurn::of(1, Role::User, "Please book a table for 4 people at the Rose."),
        SaidTurn::of(2, Role::Assistant, "Done."),
    ];
    let ask = |text| repeats(&SaidTurn::of(3, Role::User, text), &earlier, &unknown);
    assert_eq!(ask("Please book a table for 6 people at the Rose."), Signal::Absent);
    assert!(ask("Please book the table for 4 people at the Rose.").finding().is_some());
}

#[test]
fn phrases_of_another_language_are_not_measurable() {
    let earlier = [
        SaidTurn::of(1, Role::User, "Hallo"),
        SaidTurn::of(2, Role::Assistant, "Hallo! Was kann ich tun?"),
    ];
    let text = "Das habe ich dir doch schon gesagt, ich esse kein Fleisch und keinen Fisch.";
    let turn = SaidTurn::of(3, Role::User, text);
    assert_eq!(repeats(&turn, &earlier, &unknown), Signal::NotMeasurable);
    let turn = SaidTurn::of(3, Role::Assistant, "I told you already");
    assert_eq!(repeats(&turn, &earlier, &unknown), Signal::NotMeasurable);
}

#[test]
fn who_asks_for_what_did_not_come_repeats_and_who_goes_on_does_not() {
    for (asked, answer, text, cosine, expected) in [
        (
            "I need the price and the address of the clinic.",
            "The clinic is in Mill Road 4.",
            "And what does it cost?",
            None,
            1.0,
        ),
        (
            "I need the price and the address of the clinic.",
            "The clinic is in Mill Road 4.",
            "And what does it cost?",
            Some(0.35),
            1.0,
        ),
        (
            "How do I reset the router?",
            "Hold the button at the back for ten seconds.",
            "The lights blink orange now. Is that okay?",
            Some(0.4),
            0.0,
        ),
    ] {
        let earlier =
            [SaidTurn::of(1, Role::User, asked), SaidTurn::of(2, Role::Assistant, answer)];
        let turn = SaidTurn::of(3, Role::User, text);
        let found = repeats(&turn, &earlier, &|_, _| cosine);
        assert_eq!(found.value(), Some(expected), "{text:?}: {found:?}");
    }
}
