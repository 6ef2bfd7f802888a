//! The check as it ships: what it must reject, what it must not, and bad input.

use super::*;
use crate::testing::{embedder, turns};

fn checker() -> Checker {
    Checker::bundled(embedder()).unwrap()
}

/// What is missing of a hard kind in a sentence about one conversation.
fn missing(sentence: &str) -> Vec<(ReasonKind, String)> {
    let turns = turns(&[
        "Anna: I booked room 214 at the Hotel Astoria for $1,250, from March 3rd at 7:30.",
        "Ben: My order is AB-1299x, send it to ben@example.org before Friday.",
        "Anna: We are twenty five people, and I will not pay two hundred and fifty more.",
    ]);
    let checker = checker();
    let source = checker.read(&turns).unwrap();
    let verdict = checker.check(sentence, &source).unwrap();
    let hard: Vec<_> = verdict.reasons.into_iter().filter(|r| r.kind.is_hard()).collect();
    assert!(hard.is_empty() || !verdict.supported, "{sentence}");
    hard.into_iter().map(|reason| (reason.kind, reason.words)).collect()
}

#[test]
fn what_is_said_is_not_missing() {
    for sentence in [
        "Anna booked room 214 at the Astoria for $1250.",
        "Anna booked from the 3rd of March at half past 7.",
        "Ben's order AB-1299x goes to ben@example.org before Friday.",
        "They are 25 people, and Anna refuses to pay 250 more.",
        "On 4 May 2024, a Saturday, Anna and Ben spoke.",
        "Two people talk about one booking first.",
        "AB-1299x's sender is Ben.",
    ] {
        assert_eq!(missing(sentence), [], "{sentence}");
    }
}

#[test]
fn what_is_not_said_is_named() {
    for (sentence, kind, words) in [
        ("Anna booked room 215.", ReasonKind::Number, "215"),
        ("Anna pays $1,350 for the hotel.", ReasonKind::Money, "1,350"),
        ("Anna booked for April.", ReasonKind::Date, "April"),
        ("In 2019 Anna booked a room.", ReasonKind::Date, "2019"),
        ("Anna booked a room with Carlsson.", ReasonKind::Name, "Carlsson"),
        ("Anna booked for Mrs. Winter.", ReasonKind::Name, "Winter"),
        ("Ben's order is AB-1288x.", ReasonKind::Identifier, "AB-1288x"),
        ("It goes to ann@example.com today.", ReasonKind::Identifier, "ann@example.com"),
    ] {
        assert!(missing(sentence).contains(&(kind, words.to_owned())), "{:?}", missing(sentence));
    }
}

#[test]
fn a_verdict_names_the_turns_that_support_it() {
    let turns = turns(&[
        "Anna: The garden gate needs paint.",
        "Ben: My bicycle was stolen in Leeds.",
        "Anna: Sorry to hear.",
    ]);
    let checker = checker();
    let source = checker.read(&turns).unwrap();
    let verdict = checker.check("Ben's bicycle was stolen in Leeds.", &source).unwrap();
    assert_eq!(verdict.sources.first(), Some(&2));
    let again = checker.check("Ben's bicycle was stolen in Leeds.", &source).unwrap();
    assert_eq!(verdict, again);
}

#[test]
fn a_changed_sentence_is_less_likely() {
    let turns = turns(&[
        "Anna: The garden gate needs paint, so I will paint it on Sunday.",
        "Ben: My bicycle was stolen in Leeds, and I cannot afford a new bicycle.",
    ]);
    let checker = checker();
    let source = checker.read(&turns).unwrap();
    let probability = |text: &str| checker.check(text, &source).unwrap().probability;
    for (true_one, false_one) in [
        ("Ben's bicycle was stolen in Leeds.", "Ben's bicycle was not stolen in Leeds."),
        ("Anna will paint the garden gate.", "Anna will sell the kitchen piano."),
    ] {
        assert!(probability(true_one) > probability(false_one), "{false_one}");
    }
}

#[test]
fn bad_input_is_refused_with_what_to_do() {
    let checker = checker();
    let none = checker.read(&[]).err().unwrap();
    assert!(matches!(none, CheckError::NoSource));
    let one = turns(&["Anna: Hello there."]);
    let many = vec![one.first().unwrap().clone(); MAX_TURNS + 1];
    let error = checker.read(&many).err().unwrap().to_string();
    assert!(error.contains("fold in parts"), "{error}");
    let source = checker.read(&one).unwrap();
    let long = "word ".repeat(1_000);
    assert!(matches!(checker.check(&long, &source), Err(CheckError::TooLong { given: 5_000 })));
    assert!(checker.check("", &source).is_ok());
}

/// A dialogue whose sentences are told rightly and with one thing turned round.
fn lent() -> Vec<crate::source::SourceTurn> {
    turns(&[
        "Mira: The movers cancelled. Could you lend me your van on Saturday?",
        "Tom: Sure, but I need the van back by six. I can't drive it to the station.",
        "Mira: That's fine. I will fill up the tank as well.",
    ])
}

/// What is wrong with a sentence about [`lent`], and whether it is taken.
fn about_lent(sentence: &str) -> (Vec<ReasonKind>, bool) {
    let checker = checker();
    let source = checker.read(&lent()).unwrap();
    let verdict = checker.check(sentence, &source).unwrap();
    assert_eq!(verdict.supported, verdict.probability >= checker.threshold(), "{sentence}");
    (verdict.reasons.into_iter().map(|reason| reason.kind).collect(), verdict.supported)
}

#[test]
fn an_exchanged_speaker_rejects() {
    for (right, exchanged) in [
        ("Tom needs the van back by six.", "Mira needs the van back by six."),
        ("Mira will fill up the tank.", "Tom will fill up the tank."),
    ] {
        let (reasons, supported) = about_lent(exchanged);
        assert!(reasons.contains(&ReasonKind::Speaker) && !supported, "{exchanged}");
        let (reasons, supported) = about_lent(right);
        assert!(!reasons.contains(&ReasonKind::Speaker) && supported, "{right}");
    }
}

#[test]
fn a_denial_that_nobody_made_rejects() {
    for (right, denied) in [
        ("Mira will fill up the tank.", "Mira will not fill up the tank."),
        ("Tom needs the van back by six.", "Tom doesn't need the van back by six."),
        ("The movers cancelled.", "The movers did not cancel."),
    ] {
        let (reasons, supported) = about_lent(denied);
        assert!(reasons.contains(&ReasonKind::Negation) && !supported, "{denied}");
        assert!(!about_lent(right).0.contains(&ReasonKind::Negation), "{right}");
    }
}

#[test]
fn contraries_change_nothing_where_they_are_not_sure() {
    let mut weights = CheckWeights::read(BUNDLED).unwrap();
    weights.contrary.margins = weights::Margins { speakers: f32::MAX, polarity: f32::MAX };
    let never = Checker::new(weights, embedder());
    let always = checker();
    let (without, with) = (never.read(&lent()).unwrap(), always.read(&lent()).unwrap());
    for (sentence, sure) in [
        ("Tom needs the van back by six.", false),
        ("Mira's movers cancelled.", false),
        ("Mira needs the van back by six.", true),
    ] {
        let (head, both) =
            (never.check(sentence, &without).unwrap(), always.check(sentence, &with).unwrap());
        assert_eq!(head == both, !sure, "{sentence}");
        assert!(both.probability <= head.probability, "{sentence}");
    }
}
