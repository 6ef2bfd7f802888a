//! Tests of the analyser: tables of texts and the terms they give.

use super::*;

fn language(text: &str) -> Language {
    Language::detect(text).expect("long and clear")
}

fn german() -> Language {
    language("Gestern waren wir im Garten und haben die Äpfel von den Bäumen gepflückt.")
}

fn french() -> Language {
    language("Nous avons passé la soirée à l'école avec les enfants et leurs professeurs.")
}

#[test]
fn words_become_terms() {
    fn check(text: &str, expected: &str) {
        assert_eq!(terms(text, Language::ENGLISH, Purpose::Turn).join(" "), expected, "{text:?}");
    }
    check("The cats were RUNNING quickly", "cat run quick");
    check("My sister's dog, and Marcus’ cats", "sister dog marcus cat");
    check("I can't, I won't; they've gone", "gone");
    check("at 3:30 or 3pm", "3:30 3 30 3pm 3 pm");
    check("cost $10,000 or 12.50", "cost 10000 12.50");
    check("ticket AB-1729 of 2024-05-01", "ticket ab-1729 ab 1729 2024-05-01 2024 05 01");
    check("set user_id in example.com", "set user_id user id example.com exampl com");
    check("pass\u{200b}word \u{feff}zero\u{00ad}width", "password zerowidth");
    check("ＡＢＣ１２ caf\u{e9} cafe\u{301}", "abc12 cafe cafe");
    check("", "");
    check("…!? 😀", "");
}

#[test]
fn scripts_without_spaces_become_pairs() {
    fn check(text: &str, purpose: Purpose, expected: &str) {
        assert_eq!(terms(text, Language::ENGLISH, purpose).join(" "), expected, "{text:?}");
    }
    check("我的猫", Purpose::Turn, "我的 的猫 我 的 猫");
    check("我的猫", Purpose::Query, "我的 的猫");
    check("猫", Purpose::Query, "猫");
    check("東京タワーへ", Purpose::Query, "東京 京タ タワ ワー ーへ");
    check("แมวดำ", Purpose::Turn, "แม มว วด ดำ");
    check("학교에서", Purpose::Turn, "학교 교에 에서");
    check("用Rust写2024", Purpose::Query, "用 rust 写 2024");
    check("ខ្មែរ", Purpose::Query, "ខ្ ្ម មែ ែរ");
}

#[test]
fn languages_are_stemmed_by_their_own_rules() {
    fn check(language: Language, one: &str, other: &str) {
        let (one, other) =
            (terms(one, language, Purpose::Turn), terms(other, language, Purpose::Query));
        assert_eq!(one, other);
        assert!(!one.is_empty());
    }
    check(german(), "die Katzen", "Katze");
    check(german(), "Äpfel", "äpfel");
    check(french(), "l’école", "école");
    check(french(), "les écoles", "ecole d'école".trim_start_matches("ecole d'"));
    let russian = language("Вчера мы долго гуляли по набережной и говорили о новой работе.");
    check(russian, "книги", "книга");
    // Latin words in a text of another script are taken for English.
    check(russian, "databases", "database");
}

#[test]
fn language_needs_a_clear_text() {
    assert_eq!(Language::detect("ok"), None);
    assert_eq!(Language::detect("Guten Morgen"), None);
    assert_eq!(german().code(), "deu");
    assert_eq!(french().code(), "fra");
}

#[test]
fn a_turn_keeps_the_conversations_language_unless_it_is_surely_another() {
    let english = Language::ENGLISH;
    assert_eq!(english.of_turn("Yes, that is what I would have said to them too."), english);
    assert_eq!(english.of_turn("Genau!"), english);
    let text = "Gestern waren wir im Garten und haben die Äpfel von den Bäumen gepflückt.";
    assert_eq!(english.of_turn(text), german());
    assert_eq!(german().of_turn("Ich mag Katzen"), german());
}

#[test]
fn the_sample_does_not_depend_on_the_order_of_arrival() {
    let turns = [
        (1, "Hallo!".to_owned()),
        (2, "Ich habe gestern die Katzen der Nachbarn gefüttert.".to_owned()),
        (3, "Das war sehr nett von dir, sie freuen sich immer darüber.".to_owned()),
        (4, "x ".repeat(2_000)),
        (5, "The quick brown fox jumps over the lazy dog, again and again.".to_owned()),
    ];
    let mut forward = LanguageSample::default();
    turns.iter().for_each(|(sequence, text)| forward.add(*sequence, text));
    let mut backward = LanguageSample::default();
    turns.iter().rev().for_each(|(sequence, text)| backward.add(*sequence, text));
    assert_eq!(forward.language(), german());
    assert_eq!(backward.language(), german());
    assert!(forward.holds(4) && !forward.holds(5));
    assert!(backward.holds(4) && !backward.holds(5));
}

#[test]
fn everything_has_a_limit() {
    let long = terms(&"ä".repeat(1_000), Language::ENGLISH, Purpose::Turn);
    assert!(long.iter().all(|term| term.len() <= MAX_TERM_BYTES), "{long:?}");
    let many = terms(&"word ".repeat(MAX_TERMS + 1_000), Language::ENGLISH, Purpose::Turn);
    assert_eq!(many.len(), MAX_TERMS);
}
