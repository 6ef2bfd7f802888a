//! Which items are asked for, by the fields of their values.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The same value; an absent field is null.
    Equal,
    /// Another value.
    NotEqual,
    /// Above.
    Greater,
    /// Above or the same.
    GreaterOrEqual,
    /// Below.
    Less,
    /// Below or the same.
    LessOrEqual,
}

/// What a field of a value must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The keys that lead to the field, the outermost first.
    pub field: Vec<String>,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub value: Value,
}

impl Condition {
    /// Whether it holds for a value.
    pub fn holds(&self, whole: &Value) -> bool {
        let found = self.field.iter().try_fold(whole, |at, name| at.get(name.as_str()));
        let found = found.unwrap_or(&Value::Null);
        let ordered = |fits: fn(Ordering) -> bool| order(found, &self.value).is_some_and(fits);
        match self.operator {
            Operator::Equal => same(found, &self.value),
            Operator::NotEqual => !same(found, &self.value),
            Operator::Greater => ordered(Ordering::is_gt),
            Operator::GreaterOrEqual => ordered(Ordering::is_ge),
            Operator::Less => ordered(Ordering::is_lt),
            Operator::LessOrEqual => ordered(Ordering::is_le),
        }
    }
}

/// The same JSON value; numbers by what they are worth: `1` is `1.0`.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => order_numbers(a, b) == Some(Ordering::Equal),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let other = |name: &String, value: &Value| b.get(name).is_some_and(|b| same(value, b));
            a.len() == b.len() && a.iter().all(|(name, value)| other(name, value))
        }
        _ => a == b,
    }
}

/// Numbers by value, texts by their characters; nothing else has an order.
fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => order_numbers(a, b),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn order_numbers(a: &Number, b: &Number) -> Option<Ordering> {
    match (a.as_i128(), b.as_i128()) {
        // Integers exactly: a float has 53 bits.
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(field: &str, operator: Operator, value: &str, expected: bool) {
        let whole = serde_json::json!({
            "status": "active", "score": 4.5, "count": 3, "big": 9_007_199_254_740_993_u64,
            "tags": ["a", "b"], "by": {"name": "Ada"}, "day": "2026-01-31", "none": null,
        });
        let condition = Condition {
            field: field.split('.').map(str::to_owned).collect(),
            operator,
            value: serde_json::from_str(value).unwrap(),
        };
        assert_eq!(condition.holds(&whole), expected, "{condition:?}");
    }

    #[test]
    fn equality_is_of_values() {
        use Operator::{Equal, NotEqual};
        check("status", Equal, "\"active\"", true);
        check("count", Equal, "3.0", true);
        check("count", Equal, "\"3\"", false);
        check("big", Equal, "9007199254740992", false);
        check("tags", Equal, "[\"a\", \"b\"]", true);
        check("tags", Equal, "[\"b\", \"a\"]", false);
        check("by", Equal, "{\"name\": \"Ada\"}", true);
        check("by.name", Equal, "\"Ada\"", true);
        check("status", NotEqual, "\"done\"", true);
        check("absent", NotEqual, "1", true);
        for nothing in ["none", "absent", "status.deeper"] {
            check(nothing, Equal, "null", true);
        }
    }

    #[test]
    fn numbers_and_texts_have_an_order() {
        use Operator::{Greater, GreaterOrEqual, Less, LessOrEqual};
        check("score", Greater, "4", true);
        check("score", Greater, "4.5", false);
        check("score", GreaterOrEqual, "4.5", true);
        check("count", Less, "3.5", true);
        check("count", LessOrEqual, "2", false);
        check("big", Greater, "9007199254740992", true);
        check("day", Less, "\"2026-02-01\"", true);
        for (field, value) in [("status", "1"), ("absent", "1"), ("tags", "[]"), ("none", "null")] {
            check(field, GreaterOrEqual, value, false);
            check(field, LessOrEqual, value, false);
        }
    }
}
