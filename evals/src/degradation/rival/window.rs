//! The window of another memory: made here of what its search found, or its own,
//! which is counted and cut here all the same. A rival's word for what a window
//! costs decides nothing.

use serde::{Deserialize, Serialize};

use crate::{
    degradation::{
        model_summary::cut,
        shown::{Line, Shown},
        tally::Tally,
    },
    metrics::ranking::truth,
    runner::window::{PER_MESSAGE, PER_PROMPT, count},
};

/// A window that a rival assembled itself.
#[derive(Debug, Deserialize)]
pub(super) struct Assembled {
    /// Messages, in order; in their place `text`.
    #[serde(default)]
    messages: Option<Vec<Said>>,
    /// All of it as one system message.
    #[serde(default)]
    text: Option<String>,
    /// What it costs by the rival's own count.
    #[serde(default)]
    tokens: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Said {
    role: Role,
    content: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    System,
    User,
    Assistant,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// What a rival's own window was before it was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::degradation) struct Own {
    /// It cost more than the budget by the runner's count.
    pub(in crate::degradation) over_budget: bool,
    /// What it cost by the rival's count, if it has one.
    pub(in crate::degradation) claimed: Option<u64>,
}

impl Own {
    /// Enters the figures of one window.
    pub(in crate::degradation) fn record(
        self,
        tally: &mut Tally,
        strategy: &str,
        (item, kind): (&str, &str),
        budget: u32,
    ) {
        let over = truth(self.over_budget);
        tally.add(strategy, &format!("over_budget@{budget}"), item, kind, over);
        if let Some(tokens) = self.claimed {
            tally.add(strategy, "claimed_tokens", item, kind, tokens as f64);
        }
    }
}

/// What the messages before a question may cost, so that all of it fits a budget.
pub(super) fn room(question: &str, budget: usize) -> usize {
    budget.saturating_sub(count(question) + PER_MESSAGE + PER_PROMPT)
}

/// A window of items in the order of their rank, passing over what does not fit.
pub(super) fn of_items(items: Vec<String>, question: &str, budget: usize) -> Shown {
    fill(items.into_iter().map(|text| ("user", text)), question, budget)
}

/// The rival's own window, without what goes beyond the budget: whole messages, and of a
/// `text`, which is one, the end. The question is no memory: where a message repeats it,
/// it is left out.
///
/// # Errors
/// It is neither messages nor a text, or both.
pub(super) fn of_assembled(
    assembled: Assembled,
    question: &str,
    budget: usize,
) -> anyhow::Result<(Shown, Own)> {
    let is_text = assembled.text.is_some();
    let mut lines: Vec<(&'static str, String)> = match (assembled.messages, assembled.text) {
        (Some(said), None) => said
            .into_iter()
            .filter(|one| one.content != question)
            .map(|one| (one.role.as_str(), one.content))
            .collect(),
        (None, Some(text)) => vec![("system", text)],
        (None, None) => anyhow::bail!("a window without messages and without text"),
        (Some(_), Some(_)) => anyhow::bail!("a window with messages and with a text"),
    };
    let whole: usize = lines.iter().map(|(_, text)| count(text) + PER_MESSAGE).sum();
    let room = room(question, budget);
    let over_budget = whole > room;
    if is_text && over_budget {
        // As a model's summary: at the end of a sentence or a line.
        let kept = |text: &str| cut(text, room.saturating_sub(PER_MESSAGE)).to_owned();
        lines = lines.into_iter().map(|(role, text)| (role, kept(&text))).collect();
        lines.retain(|(_, text)| !text.is_empty());
    }
    let shown = fill(lines.into_iter(), question, budget);
    Ok((shown, Own { over_budget, claimed: assembled.tokens }))
}

fn fill(
    lines: impl Iterator<Item = (&'static str, String)>,
    question: &str,
    budget: usize,
) -> Shown {
    let asked = count(question) + PER_MESSAGE;
    let mut tokens = asked + PER_PROMPT;
    let mut kept = Vec::new();
    for (role, text) in lines {
        let cost = count(&text) + PER_MESSAGE;
        if tokens + cost <= budget {
            tokens += cost;
            kept.push(Line { role, text, tokens: cost });
        }
    }
    let asked = Line { role: "user", text: question.to_owned(), tokens: asked };
    Shown { lines: kept, asked: Some(asked), tokens }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(window: Value, budget: usize) -> anyhow::Result<(Shown, Own)> {
        of_assembled(serde_json::from_value(window)?, "q", budget)
    }

    #[test]
    fn an_own_window_is_counted_and_cut_here() {
        // Five tokens each: one word and the template; eight for the question.
        let said = |role: &str, text: &str| json!({ "role": role, "content": text });
        let window = json!({
            "messages": [said("system", "one"), said("assistant", "two"), said("user", "q")],
            "tokens": 3,
        });
        for (budget, lines, tokens, over_budget) in
            [(18, 2, 18, false), (17, 1, 13, true), (5, 0, 8, true)]
        {
            let (shown, own) = read(window.clone(), budget).unwrap();
            assert_eq!((shown.lines.len(), shown.tokens), (lines, tokens), "{budget}");
            assert_eq!(own, Own { over_budget, claimed: Some(3) }, "{budget}");
        }
        let (shown, _) = read(window, 18).unwrap();
        let roles: Vec<&str> = shown.lines.iter().map(|line| line.role).collect();
        assert_eq!(roles, ["system", "assistant"]);
    }

    #[test]
    fn a_text_is_one_message() {
        let (shown, own) = read(json!({ "text": "one" }), 13).unwrap();
        assert_eq!((shown.lines[0].role, shown.tokens), ("system", 13));
        assert_eq!(own, Own { over_budget: false, claimed: None });
        let (shown, own) = read(json!({ "text": "one" }), 12).unwrap();
        assert!(shown.lines.is_empty() && own.over_budget);
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_at_a_sentence() {
        let (first, text) = ("The ferry leaves at nine.", "The ferry leaves at nine. It is blue.");
        // Of the budget the question and the template of the text take twelve.
        for (budget, shown, over_budget) in [
            (count(text) + 12, text, false),
            (count(text) + 11, first, true),
            (count(first) + 12, first, true),
            (count(first) + 11, "", true),
        ] {
            let (window, own) = read(json!({ "text": text }), budget).unwrap();
            let lines: Vec<&str> = window.lines.iter().map(|line| line.text.as_str()).collect();
            assert_eq!(lines.concat(), shown, "{budget}");
            assert_eq!(own.over_budget, over_budget, "{budget}");
            assert!(window.tokens <= budget, "{budget}");
        }
        // A message is never cut.
        let said = json!({ "messages": [{ "role": "user", "content": text }] });
        let (window, own) = read(said, count(text) + 11).unwrap();
        assert!(window.lines.is_empty() && own.over_budget);
    }

    #[test]
    fn other_windows_are_refused() {
        for window in [
            json!({}),
            json!({ "messages": [], "text": "" }),
            json!({ "messages": [{ "role": "tool", "content": "x" }] }),
            json!({ "messages": ["x"] }),
            json!({ "text": "x", "tokens": "many" }),
        ] {
            assert!(read(window.clone(), 100).is_err(), "{window}");
        }
        assert_eq!(room("q", 100), 92);
        assert_eq!(room("q", 3), 0);
    }

    #[test]
    fn figures_of_an_own_window_are_entered() {
        use crate::{degradation::tally::Axis, metrics::bootstrap::Bootstrap, report::Report};
        let mut tally = Tally::new(Axis::TurnsAgo, 100);
        for (item, over_budget, claimed) in [("a", true, Some(120)), ("b", false, None)] {
            Own { over_budget, claimed }.record(&mut tally, "rival", (item, "k"), 100);
        }
        let mut report = Report::new("degradation", Value::Null);
        tally.fill(&mut report, "rival", Bootstrap::new(1));
        let figure = |name: &str| (report.metrics[name].value, report.metrics[name].n);
        assert_eq!(figure("over_budget@100"), (0.5, 2));
        assert_eq!(figure("claimed_tokens"), (120.0, 1));
    }
}
