//! What judges entailment beside the check of summaries, and pairs of turns that staleness
//! is unsure of, if anything does.

use std::path::PathBuf;

use super::{ConfigError, bad};

/// The name of the setting.
const NAME: &str = "entailment";

/// What judges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntailmentSettings {
    /// The configured language model, by its logits.
    Llm,
    /// A cross-encoder.
    Encoder {
        /// Where it lies.
        dir: PathBuf,
    },
}

/// Checks it: `llm` needs a language model, and summaries that it judges; a cross-encoder
/// is of use without them.
pub(super) fn entailment(
    given: Option<String>,
    has_llm: bool,
    summaries: bool,
) -> Result<Option<EntailmentSettings>, ConfigError> {
    let Some(given) = given else { return Ok(None) };
    match given.as_str() {
        "" => bad(NAME, "is empty: `llm`, or the directory of an entailment model"),
        "llm" if !has_llm => bad(
            NAME,
            "is `llm`, and there is none: name one with --llm, or give the directory of an \
             entailment model (./llm if that is its name)",
        ),
        "llm" if !summaries => bad(
            NAME,
            "is `llm`, which judges summaries, and no-summaries switches them off: leave out one",
        ),
        "llm" => Ok(Some(EntailmentSettings::Llm)),
        dir => Ok(Some(EntailmentSettings::Encoder { dir: dir.into() })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_language_model_or_a_directory() {
        let with = |given: &str| entailment(Some(given.to_owned()), true, true).unwrap();
        assert_eq!(with("llm"), Some(EntailmentSettings::Llm));
        for dir in ["./llm", "models/nli", "LLM"] {
            assert_eq!(with(dir), Some(EntailmentSettings::Encoder { dir: dir.into() }));
        }
        assert_eq!(entailment(None, false, false).unwrap(), None);
    }

    #[test]
    fn what_could_not_judge_is_refused_with_the_mend() {
        for (given, has_llm, summaries, words) in [
            ("llm", false, true, "--llm"),
            ("", true, true, "directory"),
            ("llm", true, false, "no-summaries"),
        ] {
            let error = entailment(Some(given.to_owned()), has_llm, summaries).unwrap_err();
            let error = error.to_string();
            assert!(error.contains("setting entailment") && error.contains(words), "{error}");
        }
        // A directory needs no language model, and staleness is there without summaries.
        assert!(entailment(Some("models/nli".to_owned()), false, false).is_ok());
    }
}
