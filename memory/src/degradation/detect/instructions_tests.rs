//! Instructions that can be checked, and answers that follow them or not.

use super::*;

#[test]
fn rules_are_read_from_instructions() {
    use Rule::{AtMost, Exactly, Language, NotSaying, With, Without};
    for (instruction, expected) in [
        ("Always answer in German.", vec![Language("german".into())]),
        ("Please reply to me only in French", vec![Language("french".into())]),
        ("Keep answers under 50 words.", vec![AtMost(Unit::Words, 50)]),
        ("Answer in at most two sentences", vec![AtMost(Unit::Sentences, 2)]),
        ("Answer in one sentence.", vec![Exactly(Unit::Sentences, 1)]),
        ("Summarize in exactly three bullet points", vec![Exactly(Unit::Bullets, 3)]),
        ("Use bullet points.", vec![With(Form::Bullets)]),
        ("Don't use bullet points!", vec![Without(Form::Bullets)]),
        ("No emojis, please.", vec![Without(Form::Emoji)]),
        ("Respond only as JSON.", vec![With(Form::Json)]),
        ("Do not use markdown.", vec![Without(Form::Markdown)]),
        ("Write in plain text.", vec![Without(Form::Markdown)]),
        ("Write everything in lowercase", vec![With(Form::LowerCase)]),
        ("Never use the word 'delve'.", vec![NotSaying("delve".into())]),
        ("don’t say “I understand”", vec![NotSaying("i understand".into())]),
        ("Be polite and honest.", vec![]),
        ("I am learning German.", vec![]),
        ("Translate: write in German what I say in English", vec![]),
    ] {
        assert_eq!(Rule::of(instruction), expected, "{instruction:?}");
    }
}

#[test]
fn answers_are_checked() {
    let german = "Das ist eine Antwort auf Deutsch, die lang genug ist, um erkannt zu werden.";
    let english = "This is an answer in English that is long enough for it to be recognized.";
    let list = "Here:\n- one\n- two\n- three";
    for (rule, answer, expected) in [
        (Rule::Language("german".into()), german, Some(true)),
        (Rule::Language("german".into()), english, Some(false)),
        (Rule::Language("german".into()), "OK", None),
        (Rule::AtMost(Unit::Words, 5), "one two three", Some(true)),
        (Rule::AtMost(Unit::Words, 5), "one two three four five six seven", Some(false)),
        (Rule::Exactly(Unit::Sentences, 1), "Yes, at 5.30 p.m. tomorrow", Some(false)),
        (Rule::Exactly(Unit::Sentences, 1), "It costs 5.30 euros.", Some(true)),
        (Rule::Exactly(Unit::Sentences, 1), "Yes. And no.", Some(false)),
        (Rule::Exactly(Unit::Bullets, 3), list, Some(true)),
        (Rule::With(Form::Bullets), "No list.", Some(false)),
        (Rule::Without(Form::Bullets), list, Some(false)),
        (Rule::With(Form::Json), "```json\n{\"a\": 1}\n```", Some(true)),
        (Rule::With(Form::Json), "Sure: {\"a\": 1}", Some(false)),
        (Rule::Without(Form::Markdown), "**bold**", Some(false)),
        (Rule::Without(Form::Markdown), "2 * 3 * 4 = 24", Some(true)),
        (Rule::Without(Form::Emoji), "Great 🎉", Some(false)),
        (Rule::With(Form::LowerCase), "all small", Some(true)),
        (Rule::With(Form::LowerCase), "Not small", Some(false)),
        (Rule::NotSaying("delve".into()), "We delve into it.", Some(false)),
        (Rule::NotSaying("delve".into()), "It was delved.", Some(true)),
        (Rule::NotSaying("delve".into()), "  ", None),
    ] {
        assert_eq!(rule.holds(answer), expected, "{rule:?} {answer:?}");
    }
}
