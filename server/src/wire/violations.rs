//! Collects what is wrong with a request, so that the caller learns all of it
//! at once.

use throughline_memory::engine::{EngineError, FieldViolation};

/// Fields of one request that cannot be taken, in the order in which they were
/// found.
#[derive(Debug, Default)]
pub struct Violations(Vec<FieldViolation>);

impl Violations {
    /// Nothing found yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes one; `field` is the path in the request, as the protocol spells
    /// it.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(FieldViolation::new(field, description));
    }

    /// Notes a text that is longer than the named limit.
    pub fn check_bytes(&mut self, field: &str, text: &str, limit: &str, max: u64) {
        if text.len() as u64 > max {
            self.add(field, format!("has {} bytes, the limit {limit} is {max}", text.len()));
        }
    }

    /// Notes a required text that is empty.
    pub fn check_given(&mut self, field: &str, text: &str) {
        if text.is_empty() {
            self.add(field, "is required");
        }
    }

    /// Takes the value of a check, or notes why there is none.
    pub fn take<T>(&mut self, value: Result<T, FieldViolation>) -> Option<T> {
        value.map_err(|violation| self.0.push(violation)).ok()
    }

    /// `value`, if nothing was found.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] with everything that was found.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, EngineError> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(EngineError::Invalid(self.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_violations_come_out_in_order() {
        let mut violations = Violations::new();
        violations.check_bytes("title", "abc", "title_bytes", 2);
        violations.check_given("query", "");
        let Err(EngineError::Invalid(found)) = violations.finish(Some(())) else {
            panic!("not refused")
        };
        let fields: Vec<_> = found.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, ["title", "query"]);
        assert!(found[0].description.contains("title_bytes"), "{found:?}");
    }

    #[test]
    fn nothing_found_gives_the_value() {
        let mut violations = Violations::new();
        violations.check_bytes("title", "ab", "title_bytes", 2);
        assert_eq!(violations.finish(Some(3)).ok(), Some(3));
    }
}
