//! How texts are cut into passages.

use super::*;
use crate::embed::testing::word_tokenizer;

const MAX_TOKENS: usize = 256;

fn splitter() -> Splitter {
    Splitter::new(word_tokenizer(), MAX_TOKENS)
}

/// Whatever the text: ranges on character borders, inside it, without a
/// gap, with progress, each readable whole by the model.
fn check(text: &str) -> Vec<Range<usize>> {
    let splitter = splitter();
    let passages = splitter.split(text);
    assert!((1..=MAX_PASSAGES).contains(&passages.len()));
    assert_eq!(passages.first().map(|passage| passage.start), Some(0));
    for passage in &passages {
        let part = text.get(passage.clone()).expect("on character borders");
        assert!(part.len() <= MAX_PASSAGE_BYTES);
        assert!(splitter.count(part) <= splitter.budget, "{} pieces", splitter.count(part));
    }
    for (earlier, later) in passages.iter().zip(passages.iter().skip(1)) {
        let gap = later.start.saturating_sub(earlier.end);
        if passages.len() < MAX_PASSAGES {
            assert_eq!(gap, 0, "gap");
        }
        assert!(gap <= text.len() / MAX_PASSAGES * 2, "{gap} of {}", text.len());
        assert!(later.start > earlier.start && later.end > earlier.end, "progress");
    }
    let left = text.len() - passages.last().map_or(0, |passage| passage.end);
    if passages.len() < MAX_PASSAGES {
        assert_eq!(left, 0);
    }
    assert!(left <= text.len() / MAX_PASSAGES * 2, "{left} of {} at the end", text.len());
    passages
}

#[test]
fn a_text_that_fits_is_one_passage() {
    for text in ["", " ", "word", "two words\n", &"word ".repeat(250)] {
        assert_eq!(check(text), vec![0..text.len()]);
    }
}

#[test]
fn every_kind_of_long_text_is_cut_into_readable_parts() {
    let texts = [
        "a ".repeat(100_000),
        "x".repeat(1 << 20),
        "你好世界".repeat(5_000),
        "今日は。".repeat(5_000),
        "สวัสดี".repeat(5_000),
        "\u{200b}".repeat(300_000),
        "👩‍👩‍👧‍👦 ".repeat(3_000),
        "e\u{301}".repeat(20_000),
        " \n\t".repeat(50_000),
        "Zeile eins.\r\nZeile zwei! ".repeat(2_000),
        format!("{} {}", "y".repeat(9_000), "word ".repeat(2_000)),
    ];
    for text in texts {
        assert!(check(&text).len() > 1);
    }
}

#[test]
fn a_passage_ends_and_begins_where_a_sentence_does() {
    let sentence = "One two three four five six seven eight nine ten. ";
    let text = sentence.repeat(60);
    let passages = check(&text);
    assert!(passages.len() > 2);
    for passage in &passages {
        let part = text.get(passage.clone()).unwrap_or_default();
        assert!(part.starts_with("One") && part.ends_with(". "), "{part:?}");
    }
}

#[test]
fn a_line_border_wins_over_a_sentence_border() {
    let head = "word ".repeat(220);
    let text = format!("{head}\n{}", "A b. ".repeat(100));
    let passages = check(&text);
    assert_eq!(passages.first().map(|passage| passage.end), Some(head.len() + 1));
}

#[test]
fn neighbours_share_about_fifty_pieces() {
    let text = "word ".repeat(1_000);
    let splitter = splitter();
    let passages = splitter.split(&text);
    for (earlier, later) in passages.iter().zip(passages.iter().skip(1)) {
        let shared = text.get(later.start..earlier.end).unwrap_or_default();
        assert_eq!(splitter.count(shared), OVERLAP);
    }
}

#[test]
fn beyond_the_cap_no_part_is_out_of_reach() {
    let text: String = (0..40_000).map(|n| format!("word{n} ")).collect();
    let passages = check(&text);
    assert_eq!(passages.len(), MAX_PASSAGES);
    for (tenth, at) in (0..10).map(|tenth| (tenth, text.len() * tenth / 10)) {
        let part = at..at + text.len() / 10;
        let within = passages.iter().filter(|passage| part.contains(&passage.start)).count();
        assert!(within >= 5, "{within} in tenth {tenth}");
    }
    for passage in &passages {
        let part = text.get(passage.clone()).unwrap_or_default();
        assert!(part.starts_with("word"), "{part:?}");
    }
}

#[test]
fn a_text_at_the_cap_is_cut_as_ever() {
    // 64 passages of 250 words that share 50 with the one before.
    let splitter = splitter();
    let whole = "word ".repeat(splitter.budget + (MAX_PASSAGES - 1) * (splitter.budget - OVERLAP));
    let passages = check(&whole);
    assert_eq!(passages.len(), MAX_PASSAGES);
    assert_eq!(passages.last().map(|passage| passage.end), Some(whole.len()));
    assert!(passages.windows(2).all(|two| two[1].start < two[0].end), "without a gap");
    // A little more is held too, without what they shared.
    let longer = format!("{whole}{}", "word ".repeat(20));
    let held: usize = check(&longer).iter().map(ExactSizeIterator::len).sum();
    assert!(held > longer.len() * 9 / 10, "{held} of {}", longer.len());
}

#[test]
fn random_texts_keep_the_invariants() {
    use rand::{Rng, SeedableRng, rngs::StdRng};
    let alphabet: Vec<char> = "ab .\n!你。ก\u{200b}\u{301}👩\u{200d}é".chars().collect();
    let mut random = StdRng::seed_from_u64(7);
    for _ in 0..60 {
        let length = random.random_range(0..6_000);
        let text: String = (0..length)
            .filter_map(|_| alphabet.get(random.random_range(0..alphabet.len())))
            .collect();
        check(&text);
    }
}
