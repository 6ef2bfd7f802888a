//! The detector as it ships: the scores of the training program, and text that
//! stumbles detectors.

use super::*;

/// A text and the scores that the training program gave its sentences.
#[derive(serde::Deserialize)]
struct Scored {
    text: String,
    sentences: Vec<String>,
    scores: Vec<Vec<f32>>,
}

#[test]
fn sentences_score_as_where_they_were_trained() {
    let detector = PinDetector::built_in().unwrap();
    let mut seen = 0;
    for line in include_str!("parity.jsonl").lines() {
        let scored: Scored = serde_json::from_str(line).unwrap();
        let spans = sentences(&scored.text);
        let found: Vec<&str> = spans.iter().map(|span| span.of(&scored.text)).collect();
        assert_eq!(found, scored.sentences, "{line}");
        for (number, (span, expected)) in spans.iter().zip(&scored.scores).enumerate() {
            let place = Place { number, of: spans.len() };
            let read = detector.read(&scored.text, *span, place, &[]);
            let scores = read.sorts.iter().map(|sorted| sorted.probability);
            for (kind, (score, expected)) in scores.zip(expected).enumerate() {
                let what = span.of(&scored.text);
                assert!((score - expected).abs() < 2e-3, "{score} for {expected}, {kind}: {what}");
            }
            seen += 1;
        }
    }
    assert!(seen >= 60, "{seen}");
}

fn found(text: &str) -> Vec<(Sort, String)> {
    let detector = PinDetector::built_in().unwrap();
    let found = detector.detect(text, &[], 0.0).into_iter();
    found
        .map(|found| {
            let (start, end) = found.span;
            (found.sort, text[start as usize..end as usize].to_owned())
        })
        .collect()
}

#[test]
fn what_must_outlive_its_turn_is_found_word_for_word() {
    for (text, sort, span) in [
        (
            "Thanks! Always answer in metric units from now on. What is a mile?",
            Sort::Instruction,
            "Always answer in metric units from now on.",
        ),
        ("I prefer night trains to planes.", Sort::Preference, "I prefer night trains to planes."),
        (
            "Never use my surname in the letters.",
            Sort::Prohibition,
            "Never use my surname in the letters.",
        ),
        ("I opt out of the newsletter.", Sort::Consent, "I opt out of the newsletter."),
        ("My order number is 77-4410-B.", Sort::Identifier, "My order number is 77-4410-B."),
    ] {
        assert!(found(text).contains(&(sort, span.to_owned())), "{text}: {:?}", found(text));
    }
    for text in [
        "Book me a table for two at seven.",
        "How are you today?",
        "What does \"opt out\" mean?",
        "```\nlet order = \"AB-12345\"; // never use this\n```",
        "",
    ] {
        assert!(found(text).is_empty(), "{text}: {:?}", found(text));
    }
}

#[test]
fn a_long_sentence_is_cut_to_whole_clauses() {
    let filler = "there were many things on the table that day, ".repeat(20);
    let text = format!("{filler}and I prefer window seats over aisle seats, {filler}that was it.");
    let long = Span { start: 0, end: u32::try_from(text.len()).unwrap() };
    let at = text.find("and I prefer").unwrap();
    let surest = Span { start: at as u32, end: (at + 43) as u32 };
    let kept = shortened(&text, long, surest).of(&text);
    assert!(kept.contains("and I prefer window seats over aisle seats,"), "{kept}");
    assert!(kept.len() <= MAX_SPAN && kept.starts_with("there were"), "{kept}");
}

#[test]
fn malformed_weights_are_refused_with_the_reason() {
    let kind = r#"{"sort":"instruction","bias":0,"slope":1,"shift":0,"pin_at":0.5,"vector":[0.1]}"#;
    let file = |mean: &str, features: &str| {
        format!(
            r#"{{"version":"v","embedding":"e","words":"","pairing":"","blend":0,
                "mean":{mean},"kinds":[{kind}],"features":{features}}}"#
        )
    };
    assert!(Model::parse(&file("[0]", r#"{"a":[1]}"#)).is_ok());
    for (json, reason) in [
        (file("[]", "{}"), "length"),
        (file("[0]", r#"{"a":[1,2]}"#), "2 weights"),
        ("{}".to_owned(), "missing field"),
    ] {
        let error = Model::parse(&json).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}
