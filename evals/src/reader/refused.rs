//! Models that are for smoke tests only: no figure may stand on their words.

use anyhow::{Context as _, ensure};
use serde::Deserialize;

/// What this build knows of models.
const MODELS: &str = include_str!("../../../models.toml");
/// A family for tests alone, whoever serves it and under which name: it invents facts.
const FAMILY: &str = "smollm2";

#[derive(Deserialize)]
struct Registry {
    #[serde(rename = "model")]
    models: Vec<Registered>,
}

/// What of a model is looked at.
#[derive(Deserialize)]
struct Registered {
    name: String,
    #[serde(default)]
    for_tests_only: bool,
}

/// Refuses a model that invents facts.
///
/// # Errors
/// It is one.
pub(crate) fn check(name: &str) -> anyhow::Result<()> {
    check_in(MODELS, name)
}

fn check_in(registry: &str, name: &str) -> anyhow::Result<()> {
    let registry: Registry = toml::from_str(registry).context("models.toml")?;
    let marked = registry.models.iter().any(|model| model.name == name && model.for_tests_only);
    ensure!(
        !marked && !name.to_lowercase().contains(FAMILY),
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
        for name in ["smollm2-135m-instruct", "HuggingFaceTB/SmolLM2-360M"] {
            let error = check(name).unwrap_err().to_string();
            assert!(error.contains("qwen2.5-1.5b-instruct"), "{error}");
        }
        for name in ["qwen2.5-1.5b-instruct", "qwen2.5-coder-0.5b-instruct", "of-my-own"] {
            check(name).unwrap();
        }
    }

    #[test]
    fn the_registry_says_which_models_are_for_tests() {
        let registry = "[[model]]\nname = \"a\"\nfor_tests_only = true\n\
                        [[model]]\nname = \"b\"\nlicence = \"x\"\n";
        assert!(check_in(registry, "a").is_err());
        assert!(check_in(registry, "b").is_ok() && check_in(registry, "c").is_ok());
        // What is recommended instead is there.
        let known: Registry = toml::from_str(MODELS).unwrap();
        for name in ["qwen2.5-1.5b-instruct", "qwen2.5-coder-1.5b-instruct"] {
            assert!(known.models.iter().any(|model| model.name == name), "{name}");
        }
    }
}
