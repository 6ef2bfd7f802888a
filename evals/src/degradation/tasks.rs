//! The tasks of Lost in Conversation that rules can score: what each is told
//! beside its shards, how it reads in one piece, and when a reply is right.

use serde_json::Value;

use super::shards::Item;
use crate::reader::{
    sandbox,
    score::{code, same_calls, same_number},
};

/// A task in one piece, as its authors wrote it; nothing for a task that no rule
/// here scores.
pub(super) fn in_one_piece(item: &Item) -> Option<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match item.task.as_str() {
        "math" => text(item.fields.get("question")?),
        "code" => text(item.fields.get("prompt")?),
        // The question stands as a message in lists of lists.
        "actions" => {
            let question = item.fields.get("fully_specified_question")?;
            text(question.pointer("/0/0/content").unwrap_or(question))
        }
        _ => None,
    }
}

/// What the model is told before anything is said.
pub(super) fn instruction(item: &Item) -> String {
    let field = |name: &str| item.fields.get(name).cloned().unwrap_or_default();
    match item.task.as_str() {
        "code" => format!(
            "You write Python. Reply with one fenced block that holds the whole function `{}`.",
            function(item).unwrap_or_default()
        ),
        "actions" => format!(
            "You call functions. These there are:\n{}\nReply with a JSON list of calls, each \
             {{\"name\": ..., \"arguments\": {{...}}}}, and nothing else.",
            field("function")
        ),
        // A small model that is asked for the number alone gives it without working it out.
        _ => "Solve the problem in at most 60 words: short equations with what they stand \
              for, such as `cost of pens: 12 * 3 = 36`, then `Answer:` and the number."
            .to_owned(),
    }
}

/// The shards as one message.
pub(super) fn listed(item: &Item) -> String {
    item.shards.iter().map(|shard| format!("- {shard}")).collect::<Vec<_>>().join("\n")
}

/// Whether a reply is right.
///
/// # Errors
/// Code cannot be run on this machine.
pub(super) async fn is_right(item: &Item, reply: &str) -> anyhow::Result<bool> {
    let text = |name: &str| item.fields.get(name).and_then(Value::as_str).unwrap_or_default();
    Ok(match item.task.as_str() {
        "math" => same_number(reply, text("answer")),
        "actions" => {
            let reference = item.fields.get("reference_answer").and_then(Value::as_array);
            same_calls(reply, reference.map_or(&[][..], Vec::as_slice))
        }
        "code" => {
            let function = function(item).unwrap_or_default();
            sandbox::passes(code(reply), text("test"), function).await?
        }
        _ => false,
    })
}

fn function(item: &Item) -> Option<&str> {
    item.fields.get("metadata")?.get("func_name")?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(task: &str, fields: Value) -> Item {
        Item {
            id: "x".into(),
            task: task.into(),
            shards: vec!["one".into(), "two".into()],
            fields: fields.as_object().cloned().unwrap_or_default(),
        }
    }

    #[tokio::test]
    async fn each_task_has_its_rule() {
        let math = item("math", json!({"question": "1 + 1?", "answer": "#### 2"}));
        let actions = item(
            "actions",
            json!({
                "fully_specified_question": [[{"role": "user", "content": "Go."}]],
                "function": [{"name": "go"}],
                "reference_answer": [{"go": {"to": ["Rome"]}}],
            }),
        );
        assert_eq!(in_one_piece(&math).as_deref(), Some("1 + 1?"));
        assert_eq!(in_one_piece(&actions).as_deref(), Some("Go."));
        assert_eq!(in_one_piece(&item("summary", json!({}))), None);
        assert!(is_right(&math, "It is 2.").await.unwrap());
        assert!(!is_right(&math, "It is 3.").await.unwrap());
        // The number behind the equations counts.
        assert!(is_right(&math, "sum: 1 + 1 = 2. Answer: 2").await.unwrap());
        assert!(!is_right(&math, "cost of pens: 12 * 2 = 24. Answer: 24").await.unwrap());
        assert!(instruction(&math).contains("`Answer:` and the number"));
        let call = r#"[{"name": "go", "arguments": {"to": "Rome"}}]"#;
        assert!(is_right(&actions, call).await.unwrap());
        assert!(instruction(&actions).contains(r#"[{"name":"go"}]"#));
        assert_eq!(listed(&math), "- one\n- two");
    }
}
