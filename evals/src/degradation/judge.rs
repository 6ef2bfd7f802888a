//! A model judges replies where no rule can, twice: leniently and strictly.
//! Both verdicts stand side by side, since a lenient judge flatters every
//! system, and the gap between the two says how much.

use super::{gold::Gold, shown::Line};
use crate::reader::Reader;

const LENIENT: &str = "Say YES if the reply gets the gist right, even if it is vague, wordy or \
                       incomplete. Say NO if it is wrong or misses the point.";
const STRICT: &str = "Say YES only if the reply is right and complete: every part of what is \
                      asked for, every number, date and name. Say NO if anything is missing, \
                      wrong or contradicted.";

/// What the judge says: leniently, strictly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) lenient: bool,
    pub(super) strict: bool,
}

/// Judges a reply; nothing where there is nothing to judge by.
///
/// # Errors
/// The judge failed.
pub(super) async fn judge(
    judge: &Reader,
    question: &str,
    gold: &Gold,
    reply: &str,
) -> anyhow::Result<Option<Verdict>> {
    let mut by: Vec<String> = gold.rubric.clone();
    by.extend(gold.answer.as_ref().map(|answer| format!("The right answer: {answer}")));
    if by.is_empty() {
        return Ok(None);
    }
    let ask = async |how: &str| {
        let text = format!(
            "A question was asked:\n{question}\n\nThe reply was:\n{reply}\n\nJudge it by this:\n\
             - {}\n\n{how} Answer with one word, YES or NO.",
            by.join("\n- ")
        );
        let reply = judge.reply(&[Line { role: "user", text, tokens: 0 }], 0).await?;
        anyhow::Ok(says_yes(&reply))
    };
    Ok(Some(Verdict { lenient: ask(LENIENT).await?, strict: ask(STRICT).await? }))
}

/// Whether the last YES or NO of an answer is a yes.
fn says_yes(answer: &str) -> bool {
    let mut words = answer.split(|c: char| !c.is_alphabetic()).map(str::to_uppercase);
    words.rfind(|word| word == "YES" || word == "NO").is_some_and(|word| word == "YES")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts() {
        for (answer, expected) in [
            ("YES", true),
            ("no.", false),
            ("Not yes but NO", false),
            ("**Yes**", true),
            ("", false),
        ] {
            assert_eq!(says_yes(answer), expected, "{answer}");
        }
    }
}
