//! Paths to the parts of a value that are searched: `title`, `author.name`,
//! `parts[0]`, `parts[-1].text`, `parts[*].text`, `*`, `{title,author.name}`,
//! and `$` or nothing for the whole value.

use serde_json::Value;

/// Bytes of a path at most.
const MAX_BYTES: usize = 256;

/// A path that cannot be read: the caller's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It is too long.
    #[error("has {0} bytes, at most {MAX_BYTES} are taken")]
    TooLong(usize),
    /// `[` or `{` without its end.
    #[error("`{0}` is not closed")]
    Open(char),
    /// Neither a number nor `*` in brackets.
    #[error("`[{0}]` must be a number or `*`")]
    Index(String),
}

/// One step from a value to its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// The field of an object.
    Field(String),
    /// An element of a list; from the end if it is negative.
    At(i64),
    /// Every element of a list.
    Each,
    /// Every field of an object, or every element of a list.
    All,
    /// Several fields of an object, each by the fields that lead to it.
    Fields(Vec<Vec<String>>),
}

/// A path that can be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexPath(Vec<Step>);

impl IndexPath {
    /// Reads a path.
    ///
    /// # Errors
    /// [`PathError`].
    pub fn parse(path: &str) -> Result<Self, PathError> {
        if path.len() > MAX_BYTES {
            return Err(PathError::TooLong(path.len()));
        }
        let mut steps = Vec::new();
        let mut rest = if path == "$" { "" } else { path };
        while let Some(first) = rest.chars().next() {
            rest = match first {
                '.' => rest.get(1..).unwrap_or_default(),
                '[' => {
                    let (inner, after) = closed(rest, '[', ']')?;
                    steps.push(element(inner)?);
                    after
                }
                '{' => {
                    let (inner, after) = closed(rest, '{', '}')?;
                    let fields = inner.split(',').map(|field| {
                        field.trim().split('.').map(str::to_owned).collect::<Vec<_>>()
                    });
                    steps.push(Step::Fields(fields.collect()));
                    after
                }
                _ => {
                    let (field, after) =
                        rest.split_at(rest.find(['.', '[', '{']).unwrap_or(rest.len()));
                    steps.push(match field {
                        "*" => Step::All,
                        field => Step::Field(field.to_owned()),
                    });
                    after
                }
            };
        }
        Ok(Self(steps))
    }

    /// Whether it names the whole value.
    pub(super) fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    /// The parts of a value that it leads to, in order.
    pub(super) fn follow<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        let mut reached = vec![value];
        for step in &self.0 {
            reached = reached.into_iter().flat_map(|value| step.from(value)).collect();
        }
        reached
    }
}

impl Step {
    fn from<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match (self, value) {
            (Self::Field(field), Value::Object(fields)) => fields.get(field).into_iter().collect(),
            (Self::At(at), Value::Array(elements)) => {
                let from_end = |back: u64| elements.len().checked_sub(usize::try_from(back).ok()?);
                let at =
                    if *at < 0 { from_end(at.unsigned_abs()) } else { usize::try_from(*at).ok() };
                at.and_then(|at| elements.get(at)).into_iter().collect()
            }
            (Self::Each | Self::All, Value::Array(elements)) => elements.iter().collect(),
            (Self::All, Value::Object(fields)) => fields.values().collect(),
            (Self::Fields(paths), Value::Object(_)) => {
                let at = |path: &Vec<String>| path.iter().try_fold(value, |at, name| at.get(name));
                paths.iter().filter_map(at).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// What stands between a bracket and its end, and what follows.
fn closed(text: &str, open: char, close: char) -> Result<(&str, &str), PathError> {
    let inner = text.strip_prefix(open).and_then(|inner| inner.split_once(close));
    inner.ok_or(PathError::Open(open))
}

fn element(inner: &str) -> Result<Step, PathError> {
    match inner {
        "*" => Ok(Step::Each),
        inner => inner.parse().map(Step::At).map_err(|_| PathError::Index(inner.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: &[&str]) {
        let value = serde_json::json!({
            "title": "t",
            "author": {"name": "Ada", "born": 1815},
            "parts": [{"text": "one"}, {"text": "two", "tags": ["x", "y"]}, {"none": null}],
        });
        let path = IndexPath::parse(path).unwrap();
        let mut found: Vec<String> = path.follow(&value).iter().map(ToString::to_string).collect();
        // Fields stand in the order of the map, which is the build's choice.
        found.sort();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{path:?}");
    }

    #[test]
    fn paths_lead_to_parts() {
        check("title", &["\"t\""]);
        check("author.name", &["\"Ada\""]);
        check("parts[0].text", &["\"one\""]);
        check("parts[-2].text", &["\"two\""]);
        check("parts[-4].text", &[]);
        check("parts[*].text", &["\"one\"", "\"two\""]);
        check("parts[*].tags[*]", &["\"x\"", "\"y\""]);
        check("author.*", &["\"Ada\"", "1815"]);
        check("{title, author.born}", &["\"t\"", "1815"]);
        check("absent.deeper", &[]);
        check("title[0]", &[]);
    }

    #[test]
    fn the_whole_has_no_steps() {
        for whole in ["$", ""] {
            assert!(IndexPath::parse(whole).unwrap().is_whole());
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        let index = PathError::Index("x".to_owned());
        for (bad, error) in [
            ("a[0", PathError::Open('[')),
            ("{a,b", PathError::Open('{')),
            ("a[x]", index),
            (&"x".repeat(257), PathError::TooLong(257)),
        ] {
            assert_eq!(IndexPath::parse(bad), Err(error));
        }
    }
}
