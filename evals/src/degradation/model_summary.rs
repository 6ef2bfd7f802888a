//! A summary that a language model writes of what no longer stands in a window,
//! rolling, as chat backends do it: part after part of the talk is folded into what was
//! written so far.
//!
//! Invariants: what is asked depends on the talk and the budget, and of the question on
//! its length alone: it decides where the last part ends. So what was written of the
//! others serves the questions after it, and a run that broke off finds all of it again.
//! A summary is cut to its room at the end of a sentence, by the runner's own count,
//! however long the model made it.

use std::collections::VecDeque;

use unicode_segmentation::UnicodeSegmentation as _;

use super::{shown::Line, strategy::Turn};
use crate::{
    reader::{Reader, is_too_long},
    runner::window::{PER_MESSAGE, count},
};

/// Tokens of talk that are folded in at a time: with the summary and the answer within
/// the context of the smallest models.
const PART: usize = 3_000;

/// The summary of turns, of at most `room` tokens (cl100k_base); empty without turns. A
/// part that is longer than what the model reads is folded in by halves.
///
/// # Errors
/// The model failed, or what it wrote cannot be kept.
pub(super) async fn write(writer: &Reader, turns: &[Turn], room: usize) -> anyhow::Result<String> {
    let ask = async |text: String| {
        let lines = [Line { role: "user", text, tokens: 0 }];
        writer.reply(&lines, 0).await
    };
    fold(ask, parts(turns, PART), room).await
}

async fn fold(
    ask: impl AsyncFn(String) -> anyhow::Result<String>,
    mut parts: VecDeque<Vec<String>>,
    room: usize,
) -> anyhow::Result<String> {
    let mut summary = String::new();
    while let Some(mut part) = parts.pop_front() {
        let written = match ask(prompt(&summary, &part.join("\n"), room)).await {
            Ok(written) => written,
            Err(error) if is_too_long(&error) => {
                // A turn or a sentence that is too long by itself is passed over.
                if part.len() > 1 {
                    let second = part.split_off(part.len() / 2);
                    parts.push_front(second);
                    parts.push_front(part);
                }
                continue;
            }
            Err(error) => return Err(error),
        };
        let written = cut(&written, room);
        // Nothing usable is no reason to lose what was there.
        if !written.is_empty() {
            summary = written.to_owned();
        }
    }
    Ok(summary)
}

/// The beginning of a text, to the end of a sentence, that costs at most `room` tokens;
/// empty if not even a sentence does.
pub(super) fn cut(text: &str, room: usize) -> &str {
    let text = text.trim();
    let (mut end, mut kept) = (0, "");
    for sentence in text.split_sentence_bounds() {
        end += sentence.len();
        let longer = text.get(..end).unwrap_or_default().trim_end();
        if count(longer) > room {
            break;
        }
        kept = longer;
    }
    kept
}

fn prompt(summary: &str, part: &str, room: usize) -> String {
    // Three tokens for two words, to be below rather than above.
    let words = room * 2 / 3;
    let summary = if summary.is_empty() { "(nothing yet)" } else { summary };
    format!(
        "Below are the summary of a conversation so far, and what was said next. Write the \
         summary of all of it anew, in at most {words} words. Keep what a later answer may need: \
         facts, names, numbers, dates, decisions, preferences, and every instruction of the user. \
         Of a value that has changed keep the newest. Answer with the summary alone.\n\n\
         Summary so far:\n{summary}\n\nSaid next:\n{part}"
    )
}

/// The talk in parts of at most so many tokens, in order, each of pieces.
fn parts(turns: &[Turn], most: usize) -> VecDeque<Vec<String>> {
    let (mut parts, mut part, mut cost) = (VecDeque::new(), Vec::new(), 0);
    for (piece, tokens) in turns.iter().flat_map(|turn| pieces(turn, most)) {
        if cost + tokens > most && !part.is_empty() {
            parts.push_back(std::mem::take(&mut part));
            cost = 0;
        }
        part.push(piece);
        cost += tokens;
    }
    if !part.is_empty() {
        parts.push_back(part);
    }
    parts
}

/// A turn whole, or where it is longer than a part by its sentences, with what each
/// costs. A sentence that is longer still is a table or a blob, and passed over.
fn pieces(turn: &Turn, most: usize) -> Vec<(String, usize)> {
    let said = |text: &str| format!("{}: {}", turn.role(), text.trim());
    if turn.tokens() <= most {
        return vec![(said(turn.text()), turn.tokens())];
    }
    let sentences = turn.text().split_sentence_bounds().filter(|text| !text.trim().is_empty());
    let costs = sentences.map(|text| (said(text), count(text) + PER_MESSAGE));
    costs.filter(|(_, tokens)| *tokens <= most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Message, Speaker};
    use throughline_summarizer::llm::LlmError;

    fn turn(role: Speaker, text: &str) -> Turn {
        Turn::new(&Message::chat(role, text.to_owned()))
    }

    #[test]
    fn a_summary_ends_with_a_sentence_that_fits() {
        let text = " The ferry leaves at nine. It is blue.\nNo dogs. ";
        let whole = count(text.trim());
        for (room, expected) in [
            (whole, "The ferry leaves at nine. It is blue.\nNo dogs."),
            (whole - 1, "The ferry leaves at nine. It is blue."),
            (count("The ferry leaves at nine."), "The ferry leaves at nine."),
            (count("The ferry leaves at nine.") - 1, ""),
            (0, ""),
        ] {
            assert_eq!(cut(text, room), expected, "{room}");
            assert!(count(cut(text, room)) <= room, "{room}");
        }
    }

    #[test]
    fn parts_hold_all_turns_in_order() {
        // Five tokens each: one word and the template.
        let turns = [
            turn(Speaker::User, "one"),
            turn(Speaker::Assistant, "two"),
            turn(Speaker::User, "three"),
        ];
        assert_eq!(parts(&turns, 10), [vec!["user: one", "assistant: two"], vec!["user: three"]]);
        assert_eq!(parts(&turns, 15), [["user: one", "assistant: two", "user: three"]]);
        assert!(parts(&[], 10).is_empty());
    }

    #[test]
    fn a_long_turn_is_taken_apart() {
        let blob = "word ".repeat(30);
        let turns = [turn(Speaker::User, &format!("No dogs.\n{blob}\nIt is blue."))];
        assert_eq!(parts(&turns, 12), [["user: No dogs."], ["user: It is blue."]]);
    }

    #[tokio::test]
    async fn a_part_that_the_model_does_not_read_is_folded_in_by_halves() {
        let texts = ["One.", "Two.", "This is far too long for the model.", "Four.", "Five."];
        let turns = texts.map(|text| turn(Speaker::User, text));
        // It reads two short lines, says them behind what it is given as the summary, and
        // fails in another way where it is told to.
        let ask = async |text: String| {
            let (_, told) = text.split_once("Summary so far:\n").unwrap();
            let (summary, said) = told.split_once("\n\nSaid next:\n").unwrap();
            if said.len() > 23 {
                let error = LlmError::PromptTooLong { tokens: said.len(), limit: 23 };
                return Err(anyhow::Error::from(error));
            }
            if said.contains("fails") {
                anyhow::bail!("no answer");
            }
            let summary = if summary == "(nothing yet)" { "" } else { summary };
            Ok(format!("{summary} {}", said.replace("user: ", "").replace('\n', " ")))
        };
        let written = fold(&ask, parts(&turns, 1_000), 1_000).await.unwrap();
        assert_eq!(written, "One. Two. Four. Five.");
        let fails = parts(&[turn(Speaker::User, "fails")], 1_000);
        assert_eq!(fold(&ask, fails, 1_000).await.unwrap_err().to_string(), "no answer");
    }

    #[test]
    fn what_is_asked_names_no_question() {
        let asked = prompt("", "user: one", 300);
        assert!(asked.contains("at most 200 words") && asked.contains("(nothing yet)"), "{asked}");
        assert!(prompt("It is blue.", "x", 9).contains("far:\nIt is blue.\n\nSaid next:\nx"));
    }
}
