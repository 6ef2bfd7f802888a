//! The texts of a value that are embedded and whose words are searched.

use serde_json::Value;

use super::{IndexPath, record::Indexed};

/// Texts of one item at most; what paths name beyond them is left out.
pub const MAX_TEXTS: usize = 64;

/// The texts of a value, in the order of the paths, each by itself; none of what
/// says nothing.
pub(crate) fn texts(value: &Value, indexed: &Indexed) -> Vec<String> {
    let paths = match indexed {
        Indexed::Nothing => return Vec::new(),
        Indexed::Paths(paths) => paths,
    };
    let mut texts: Vec<String> = Vec::new();
    if paths.is_empty() {
        texts.push(rendered(value));
    }
    for path in paths {
        // They were read when the item was put.
        let Ok(path) = IndexPath::parse(path) else { continue };
        if path.is_whole() {
            texts.push(rendered(value));
        } else {
            texts.extend(path.follow(value).into_iter().map(rendered));
        }
    }
    texts.retain(|text| !text.trim().is_empty());
    texts.truncate(MAX_TEXTS);
    texts
}

/// A text as it is; everything else line by line, each led by the fields that
/// lead to it: `author.name: Ada`.
fn rendered(value: &Value) -> String {
    let mut lines = String::new();
    write_lines(value, &mut String::new(), &mut lines);
    lines
}

fn write_lines(value: &Value, path: &mut String, lines: &mut String) {
    let mut line = |text: &str| {
        if !lines.is_empty() {
            lines.push('\n');
        }
        if !path.is_empty() {
            lines.push_str(path);
            lines.push_str(": ");
        }
        lines.push_str(text);
    };
    match value {
        Value::Null => {}
        Value::Bool(flag) => line(if *flag { "true" } else { "false" }),
        Value::Number(number) => line(&number.to_string()),
        Value::String(text) => line(text),
        Value::Array(elements) => {
            elements.iter().for_each(|element| write_lines(element, path, lines));
        }
        Value::Object(fields) => {
            for (field, value) in fields {
                let before = path.len();
                if before > 0 {
                    path.push('.');
                }
                path.push_str(field);
                write_lines(value, path, lines);
                path.truncate(before);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(paths: &[&str], expected: &[&str]) {
        let value = serde_json::json!({
            "kind": "note",
            "by": {"name": "Ada"},
            "likes": ["tea", "rain"],
            "done": true,
            "due": null,
        });
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        assert_eq!(texts(&value, &Indexed::Paths(paths)), expected);
    }

    #[test]
    fn the_whole_is_rendered_by_default() {
        let whole = "by.name: Ada\ndone: true\nkind: note\nlikes: tea\nlikes: rain";
        check(&[], &[whole]);
        check(&["$"], &[whole]);
    }

    #[test]
    fn each_named_part_is_a_text() {
        check(&["kind", "likes[*]"], &["note", "tea", "rain"]);
        check(&["by", "due", "absent"], &["name: Ada"]);
    }

    #[test]
    fn nothing_and_too_much_are_bounded() {
        let value = serde_json::json!({"many": vec!["x"; 100]});
        assert_eq!(texts(&value, &Indexed::Nothing), Vec::<String>::new());
        let all = Indexed::Paths(vec!["many[*]".to_owned()]);
        assert_eq!(texts(&value, &all).len(), MAX_TEXTS);
    }
}
