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
fn what_is_meant_for_every_answer_is_a_rule() {
    use Rule::{AtMost, Language, NotSaying, With, Without};
    for (instruction, expected) in [
        ("From now on answer in Dutch.", vec![Language("dutch".into())]),
        ("For the rest of this chat, reply in Spanish.", vec![Language("spanish".into())]),
        ("Until further notice, talk to me in Polish.", vec![Language("polish".into())]),
        ("In all your answers, use bullet points.", vec![With(Form::Bullets)]),
        ("Keep every reply below eighty words.", vec![AtMost(Unit::Words, 80)]),
        ("Reply in at most thirty-five words.", vec![AtMost(Unit::Words, 35)]),
        ("Reply in at most 50 words", vec![AtMost(Unit::Words, 50)]),
        ("Use no more than two hundred words.", vec![AtMost(Unit::Words, 200)]),
        (
            "Answer in at most two sentences and under forty words.",
            vec![AtMost(Unit::Sentences, 2), AtMost(Unit::Words, 40)],
        ),
        ("When you answer me, never use emojis.", vec![Without(Form::Emoji)]),
        ("No emojis in this conversation, please.", vec![Without(Form::Emoji)]),
        ("Never use the word 'if'.", vec![NotSaying("if".into())]),
        ("Write everything in all caps.", vec![With(Form::UpperCase)]),
        ("Use capital letters only", vec![With(Form::UpperCase)]),
        ("Respond with JSON, no explanations.", vec![With(Form::Json)]),
        (
            "If I seem sad, cheer me up. Use at most three sentences.",
            vec![AtMost(Unit::Sentences, 3)],
        ),
    ] {
        assert_eq!(Rule::of(instruction), expected, "{instruction:?}");
    }
}

#[test]
fn what_is_meant_for_some_answers_is_none() {
    for instruction in [
        "Use bullet points whenever I ask for a plan.",
        "Please confirm the caps of the budget when I change it.",
        "Confirm the caps of the travel budget.",
        "If the topic is cooking, answer in Italian.",
        "Unless I object, keep it under 30 words.",
        "While I am on the train, write at most twenty words.",
        "In case of bad news use one sentence.",
        "Use markdown where it helps.",
        "Every time we discuss money, answer as JSON.",
        "During meetings reply in at most ten words.",
        "Use all caps in slides.",
        "In emails, use no emojis.",
        "Rules for emails:\n- at most 50 words\n- no emojis",
        "Bullet points for shopping lists, please.",
        "Write the summary in three bullet points.",
        "Write commit messages in lowercase.",
        "Put the brand in uppercase.",
        "Reply to my boss in German.",
        "Talk to me like a German teacher.",
        "End each answer with one sentence of advice.",
        "Keep sentences under fifteen words.",
        "Use bullet points of at most ten words.",
        "This time answer in one sentence.",
        "Answer the next question in French.",
    ] {
        assert_eq!(Rule::of(instruction), [], "{instruction:?}");
    }
}

#[test]
fn numbers_are_read_in_digits_and_words() {
    for (number, expected) in [
        ("50", Some(50)),
        ("0", None),
        ("a single", Some(1)),
        ("nineteen", Some(19)),
        ("Eighty", Some(80)),
        ("ninety-nine", Some(99)),
        ("forty two", Some(42)),
        ("a hundred", Some(100)),
        ("three hundred", Some(300)),
        ("few", None),
    ] {
        assert_eq!(count(number), expected, "{number}");
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
