//! What a reader's reply to a question is judged by: the answers and rubrics of
//! the data sets, by the ids that their readers give the questions.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;

use super::args::DegradationSet;
use crate::{
    dataset::{Dataset, read},
    reader::score::Rule,
};

/// By what a reply is judged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gold {
    /// The answer, for rules and the judge.
    pub(crate) answer: Option<String>,
    /// Statements that a right reply fulfils, for the judge.
    pub(crate) rubric: Vec<String>,
    /// Patterns that decide, where a case of the sweep carries them.
    pub(crate) rule: Option<Rule>,
}

#[derive(Deserialize)]
struct Locomo {
    sample_id: String,
    qa: Vec<LocomoQuestion>,
}

#[derive(Deserialize)]
struct LocomoQuestion {
    #[serde(default)]
    answer: Option<Value>,
}

#[derive(Deserialize)]
struct LongMemEval {
    question_id: String,
    answer: Value,
    #[serde(default)]
    extra_questions: Vec<Extra>,
}

#[derive(Deserialize)]
struct Extra {
    #[serde(default)]
    answer: Option<Value>,
}

#[derive(Deserialize)]
struct Beam {
    #[serde(default)]
    answer: Option<Value>,
    #[serde(default)]
    rubric: Vec<String>,
}

#[derive(Deserialize)]
struct MultiChallenge {
    #[serde(rename = "QUESTION_ID")]
    id: String,
    #[serde(rename = "TARGET_QUESTION")]
    target: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DevMemBench {
    question_id: String,
    ground_truth: String,
    haystack_session_ids: Vec<String>,
}

/// How replies say that something was never said.
const UNSAID: [&str; 5] = [
    r"\bnot (?:been )?(?:mentioned|stated|said|specified|discussed|provided|given|shared|known)\b",
    r"\b(?:isn't|wasn't|hasn't been|never) (?:mentioned|stated|said|specified|discussed|shared)\b",
    r"\bno (?:mention|information|record)\b",
    r"\b(?:does not|doesn't|do not|don't|did not|didn't) (?:know|say|mention|specify|state)\b",
    r"\bunknown\b",
];

/// Reads what the questions of a data set are judged by.
///
/// # Errors
/// A file cannot be read or is not of the schema.
pub(super) fn read(
    set: DegradationSet,
    data: &Path,
    dataset: &Dataset,
) -> anyhow::Result<HashMap<String, Gold>> {
    let folder = data.join(dataset.name.folder());
    let mut golds = HashMap::new();
    let mut put = |id: String, answer: Option<&Value>, rubric: Vec<String>| {
        golds.insert(id, Gold { answer: answer.and_then(words), rubric, rule: None });
    };
    match set {
        DegradationSet::Locomo => {
            for sample in read::items::<Locomo>(&read::find_file(&folder, &dataset.split)?)? {
                for (number, question) in sample.qa.iter().enumerate() {
                    let id = format!("{}-qa{number}", sample.sample_id);
                    put(id, question.answer.as_ref(), Vec::new());
                }
            }
        }
        DegradationSet::Longmemeval => {
            for stem in ["full_haystacks", "oracle"] {
                for one in read::items::<LongMemEval>(&read::find_file(&folder, stem)?)? {
                    put(one.question_id.clone(), Some(&one.answer), Vec::new());
                    for (number, extra) in one.extra_questions.iter().enumerate() {
                        let id = format!("{}-x{number}", one.question_id);
                        put(id, extra.answer.as_ref(), Vec::new());
                    }
                }
            }
        }
        DegradationSet::Beam => {
            for conversation in &dataset.conversations {
                let path = folder.join(format!("{}.questions.json", conversation.id));
                let abilities: Vec<BTreeMap<String, Vec<Beam>>> = read::items(&path)?;
                for (ability, questions) in abilities.into_iter().flatten() {
                    for (number, one) in questions.into_iter().enumerate() {
                        let id = format!("{}-{ability}-{number}", conversation.id);
                        put(id, one.answer.as_ref(), one.rubric);
                    }
                }
            }
        }
        DegradationSet::Multichallenge => {
            let path = read::find_file(&folder, &dataset.split)?;
            for one in read::items::<MultiChallenge>(&path)? {
                put(one.id, None, vec![one.target]);
            }
        }
        DegradationSet::Devmembench => {
            let unsaid = Rule::new(&UNSAID.map(str::to_owned), &[]).context("replies")?;
            let path = read::find_file(&folder, &dataset.split)?;
            for one in read::items::<DevMemBench>(&path)? {
                // Where nothing was said there are no words to compare with.
                let gold = match one.haystack_session_ids.is_empty() {
                    true => Gold { rule: Some(unsaid.clone()), ..Gold::default() },
                    false => Gold { answer: Some(one.ground_truth), ..Gold::default() },
                };
                golds.insert(one.question_id, gold);
            }
        }
        DegradationSet::Sweep
        | DegradationSet::LostInConversation
        | DegradationSet::Signals
        | DegradationSet::ChangePoint => {}
    }
    Ok(golds)
}

/// An answer as text: some are numbers.
fn words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_says_that_it_was_not_said() {
        let unsaid = Rule::new(&UNSAID.map(str::to_owned), &[]).unwrap();
        for (reply, expected) in [
            ("Not mentioned.", true),
            ("The conversation does not say.", true),
            ("That was never discussed", true),
            ("There is no information about a cloud provider.", true),
            ("AWS", false),
            ("It is not React", false),
            ("", false),
        ] {
            assert_eq!(unsaid.accepts(reply), expected, "{reply}");
        }
    }
}
