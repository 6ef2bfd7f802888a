//! Scores a reply by rules: no model judges here.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

/// Patterns that decide whether a reply is right.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    any: Vec<Regex>,
    none: Vec<Regex>,
}

impl Rule {
    /// A right reply holds one of `any`, where there are some, and none of `none`;
    /// letter case does not matter.
    ///
    /// # Errors
    /// A pattern is none.
    pub(crate) fn new(any: &[String], none: &[String]) -> Result<Self, regex::Error> {
        let read = |patterns: &[String]| -> Result<Vec<Regex>, regex::Error> {
            let one = |text: &String| RegexBuilder::new(text).case_insensitive(true).build();
            patterns.iter().map(one).collect()
        };
        Ok(Self { any: read(any)?, none: read(none)? })
    }

    /// Whether a reply is right; one without words never is.
    pub(crate) fn accepts(&self, reply: &str) -> bool {
        let held = |patterns: &[Regex]| patterns.iter().any(|pattern| pattern.is_match(reply));
        !reply.trim().is_empty() && (self.any.is_empty() || held(&self.any)) && !held(&self.none)
    }
}

/// Lower case, without punctuation and articles, as SQuAD's evaluation has it.
pub(crate) fn normalised(text: &str) -> Vec<String> {
    let words = text.to_lowercase();
    let words = words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.filter(|word| !matches!(*word, "a" | "an" | "the")).map(str::to_owned).collect()
}

/// F1 of the words of a reply against an answer, 0 to 1.
pub(crate) fn token_f1(reply: &str, answer: &str) -> f64 {
    let (reply, answer) = (normalised(reply), normalised(answer));
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    for word in &answer {
        *left.entry(word).or_default() += 1;
    }
    let mut shared = 0;
    for word in &reply {
        if let Some(count) = left.get_mut(word.as_str()).filter(|count| **count > 0) {
            *count -= 1;
            shared += 1;
        }
    }
    if shared == 0 {
        return if reply.is_empty() && answer.is_empty() { 1.0 } else { 0.0 };
    }
    2.0 * f64::from(shared) / (reply.len() + answer.len()) as f64
}

/// Whether the reply holds the answer, all its words in a row.
pub(crate) fn holds_answer(reply: &str, answer: &str) -> bool {
    let (reply, answer) = (normalised(reply).join(" "), normalised(answer).join(" "));
    !answer.is_empty() && format!(" {reply} ").contains(&format!(" {answer} "))
}

/// The last number of a text.
fn last_number(text: &str) -> Option<f64> {
    let number = Regex::new(r"-?\d[\d,]*(?:\.\d+)?").ok()?;
    let found = number.find_iter(text).last()?;
    found.as_str().replace(',', "").parse().ok()
}

/// Whether the reply ends with the number of a GSM8K answer (behind `####`).
pub(crate) fn same_number(reply: &str, answer: &str) -> bool {
    let gold = answer.rsplit("####").next().and_then(last_number);
    let said = last_number(reply);
    gold.zip(said).is_some_and(|(gold, said)| (gold - said).abs() < 1e-6)
}

/// The first JSON list in a reply, code fences or not.
fn list(reply: &str) -> Option<Vec<Value>> {
    let starts = reply.match_indices('[').map(|(at, _)| at);
    let mut lists = starts.filter_map(|at| {
        let text = reply.get(at..)?;
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        values.next()?.ok()?.as_array().cloned()
    });
    lists.find(|list| list.iter().any(Value::is_object))
}

/// Whether a reply (a JSON list of `{"name", "arguments"}`) makes exactly the
/// calls of a reference: function -> argument -> allowed values, where an empty
/// text among them allows leaving the argument out.
pub(crate) fn same_calls(reply: &str, reference: &[Value]) -> bool {
    let Some(calls) = list(reply) else { return false };
    if calls.len() != reference.len() {
        return false;
    }
    let mut left: Vec<&Value> = reference.iter().collect();
    calls.iter().all(|call| {
        let at = left.iter().position(|wanted| same_call(call, wanted));
        at.map(|at| left.swap_remove(at)).is_some()
    })
}

fn same_call(call: &Value, wanted: &Value) -> bool {
    let none = Map::new();
    let arguments = call.get("arguments").and_then(Value::as_object).unwrap_or(&none);
    let named = call.get("name").and_then(Value::as_str);
    let wanted = wanted.as_object().and_then(|wanted| wanted.iter().next());
    let Some((_, allowed)) = wanted.filter(|(name, _)| Some(name.as_str()) == named) else {
        return false;
    };
    let Some(allowed) = allowed.as_object() else { return false };
    let fits = |(name, values): (&String, &Value)| {
        let values = values.as_array().map_or(&[][..], Vec::as_slice);
        match arguments.get(name) {
            Some(given) => values.iter().any(|value| same_value(given, value)),
            None => values.iter().any(|value| value.as_str() == Some("")),
        }
    };
    allowed.iter().all(fits) && arguments.keys().all(|name| allowed.contains_key(name))
}

/// Equal, texts without regard to case and white space, numbers as numbers.
fn same_value(given: &Value, wanted: &Value) -> bool {
    match (given, wanted) {
        (Value::Number(a), Value::Number(b)) => {
            a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| (a - b).abs() < 1e-9)
        }
        (Value::String(a), Value::String(b)) => normalised(a) == normalised(b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b))
        }
        _ => given == wanted,
    }
}

/// The code of a reply: its first fenced block, or all of it.
pub(crate) fn code(reply: &str) -> &str {
    let Some((_, rest)) = reply.split_once("```") else { return reply };
    let body = rest.split_once('\n').map_or(rest, |(_, body)| body);
    body.split_once("```").map_or(body, |(code, _)| code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_are_compared() {
        for (reply, answer, f1, holds) in [
            ("The red car.", "red car", 1.0, true),
            ("It was red", "red car", 2.0 / 5.0, false),
            ("no idea", "red car", 0.0, false),
            ("", "red", 0.0, false),
            ("It is a 12-inch record", "12 inch", 2.0 * 2.0 / 7.0, true),
        ] {
            let got = (token_f1(reply, answer), holds_answer(reply, answer));
            assert!((got.0 - f1).abs() < 1e-9 && got.1 == holds, "{reply}: {got:?}");
        }
    }

    #[test]
    fn a_rule_asks_for_one_and_forbids_all() {
        let rule = |any: &[&str], none: &[&str]| {
            let own = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
            Rule::new(&own(any), &own(none))
        };
        for (any, none, reply, expected) in [
            (&["tea", "cocoa"][..], &["!"][..], "Cocoa, please.", true),
            (&["tea"][..], &["!"][..], "Tea!", false),
            (&["tea"][..], &[][..], "Coffee", false),
            (&[][..], &["!"][..], "Coffee", true),
            (&[][..], &["!"][..], " ", false),
        ] {
            assert_eq!(rule(any, none).unwrap().accepts(reply), expected, "{reply}");
        }
        assert!(rule(&["("], &[]).is_err());
    }

    #[test]
    fn the_last_number_counts() {
        for (reply, answer, expected) in [
            ("4 + 5 = 9, so $1,234.50", "x #### 1234.5", true),
            ("**34**.", "6 + 8 = 14 #### 34", true),
            ("34 pens cost 12", "#### 34", false),
            ("none", "#### 34", false),
        ] {
            assert_eq!(same_number(reply, answer), expected, "{reply}");
        }
    }

    #[test]
    fn calls_are_compared_as_sets() {
        let reference = [
            json!({"train": {"trees": [100], "seed": ["", 1]}}),
            json!({"train": {"trees": [200], "seed": ["", 1]}}),
        ];
        let two = r#"[{"name":"train","arguments":{"trees":200}},
                      {"name":"train","arguments":{"trees":100.0,"seed":1}}]"#;
        for (reply, expected) in [
            (format!("Sure [1]:\n```json\n{two}\n```"), true),
            (two.replace("200", "300"), false),
            (r#"[{"name":"train","arguments":{"trees":100}}]"#.to_owned(), false),
            (two.replace("\"seed\":1", "\"colour\":1"), false),
            ("no".to_owned(), false),
        ] {
            assert_eq!(same_calls(&reply, &reference), expected, "{reply}");
        }
        let texts = [json!({"go": {"to": ["New York"]}})];
        assert!(same_calls(r#"[{"name":"go","arguments":{"to":"new york"}}]"#, &texts));
    }

    #[test]
    fn code_is_taken_from_its_fence() {
        for (reply, expected) in [
            ("Here:\n```python\nx = 1\n```\nDone", "x = 1\n"),
            ("x = 1", "x = 1"),
            ("```\nx = 1", "x = 1"),
        ] {
            assert_eq!(code(reply), expected);
        }
    }
}
