//! Models that are for smoke tests only: no figure may stand on their words.

use anyhow::ensure;

/// What this build knows of models; plain enough to be read by lines.
const MODELS: &str = include_str!("../../../models.toml");
/// How it marks them.
const MARK: &str = "for_tests_only = true";

/// Refuses a model that invents facts.
///
/// # Errors
/// It is one.
pub(super) fn check(name: &str) -> anyhow::Result<()> {
    let named = format!("name = {name:?}");
    let mut models = MODELS.split("[[model]]").skip(1).filter(|model| {
        let mut lines = model.lines().map(str::trim);
        lines.next();
        lines.take_while(|line| !line.starts_with('[')).any(|line| line == named)
    });
    let marked = models.any(|model| model.lines().any(|line| line.trim() == MARK));
    ensure!(
        !marked,
        "{name} invents facts: it is for smoke tests only, and no figure may stand on it; take \
         qwen2.5-1.5b-instruct, or without a model hub qwen2.5-coder-1.5b-instruct"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_figure_stands_on_a_model_that_invents() {
        let error = check("smollm2-135m-instruct").unwrap_err().to_string();
        assert!(error.contains("qwen2.5-1.5b-instruct"), "{error}");
        for name in ["qwen2.5-1.5b-instruct", "qwen2.5-coder-0.5b-instruct", "of-my-own"] {
            check(name).unwrap();
        }
        // What it is recommended instead is there.
        for name in ["qwen2.5-1.5b-instruct", "qwen2.5-coder-1.5b-instruct"] {
            assert!(MODELS.contains(&format!("name = {name:?}")), "{name}");
        }
    }
}
