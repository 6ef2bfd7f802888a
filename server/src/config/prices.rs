//! `[prices]` of the configuration file: what usage costs. Without it amounts are
//! told and cost nothing.

use serde::{Deserialize, Serialize};
use throughline_memory::usage::Usage;

use super::{ConfigError, bad};

const MILLION: f64 = 1e6;
const GIGABYTE: f64 = 1e9;
const MICROS_PER_HOUR: f64 = 3.6e9;
/// Longest name of a currency.
const MAX_CURRENCY_BYTES: usize = 16;

/// `[prices]`, each in units of `currency`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prices {
    /// Name of the currency, such as EUR.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub currency: String,
    /// For a gigabyte written.
    pub per_gigabyte: f64,
    /// For a million tokens embedded.
    pub per_million_embedded_tokens: f64,
    /// For a million tokens of prompts to the language model.
    pub per_million_llm_prompt_tokens: f64,
    /// For a million tokens that it generates.
    pub per_million_llm_generated_tokens: f64,
    /// For an hour of its work.
    pub per_llm_hour: f64,
    /// For a thousand windows.
    pub per_thousand_windows: f64,
    /// What the application pays its own model for a million tokens of prompts: by
    /// it saved tokens become saved money.
    pub per_million_chat_tokens: f64,
}

impl Prices {
    /// The same, if all of it can be.
    pub(super) fn checked(self) -> Result<Self, ConfigError> {
        let prices = [
            ("per_gigabyte", self.per_gigabyte),
            ("per_million_embedded_tokens", self.per_million_embedded_tokens),
            ("per_million_llm_prompt_tokens", self.per_million_llm_prompt_tokens),
            ("per_million_llm_generated_tokens", self.per_million_llm_generated_tokens),
            ("per_llm_hour", self.per_llm_hour),
            ("per_thousand_windows", self.per_thousand_windows),
            ("per_million_chat_tokens", self.per_million_chat_tokens),
        ];
        if let Some((name, price)) = prices.into_iter().find(|(_, p)| !p.is_finite() || *p < 0.0) {
            return bad("prices", format!("{name} is {price}, must be 0 or more"));
        }
        let currency = &self.currency;
        let is_plain = currency.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_plain || currency.len() > MAX_CURRENCY_BYTES {
            let form = format!("at most {MAX_CURRENCY_BYTES} letters and digits, such as EUR");
            return bad("prices", format!("currency is {currency:?}, must be {form}"));
        }
        Ok(self)
    }

    /// What amounts cost.
    pub fn cost(&self, usage: &Usage) -> f64 {
        usage.bytes as f64 / GIGABYTE * self.per_gigabyte
            + usage.embedded_tokens as f64 / MILLION * self.per_million_embedded_tokens
            + usage.llm_prompt_tokens as f64 / MILLION * self.per_million_llm_prompt_tokens
            + usage.llm_generated_tokens as f64 / MILLION * self.per_million_llm_generated_tokens
            + usage.llm_micros as f64 / MICROS_PER_HOUR * self.per_llm_hour
            + usage.windows as f64 / 1e3 * self.per_thousand_windows
    }

    /// What the saved tokens would have cost.
    pub fn saved(&self, usage: &Usage) -> f64 {
        usage.saved_tokens as f64 / MILLION * self.per_million_chat_tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_cost_what_the_table_says() {
        let prices: Prices = toml::from_str(
            "currency = 'EUR'\nper_gigabyte = 2.0\nper_million_embedded_tokens = 0.5\n\
             per_llm_hour = 3.0\nper_million_chat_tokens = 4.0",
        )
        .unwrap();
        let usage = Usage {
            bytes: 500_000_000,
            embedded_tokens: 4_000_000,
            llm_micros: 1_800_000_000,
            saved_tokens: 250_000,
            ..Usage::default()
        };
        assert_eq!(prices.cost(&usage), 1.0 + 2.0 + 1.5);
        assert_eq!(prices.saved(&usage), 1.0);
        assert_eq!(Prices::default().cost(&usage), 0.0);
    }

    #[test]
    fn prices_that_cannot_be_are_named() {
        let negative = Prices { per_llm_hour: -1.0, ..Prices::default() };
        let error = negative.checked().unwrap_err().to_string();
        assert!(error.contains("per_llm_hour"), "{error}");
        let currency = "EUR,".to_owned();
        assert!(Prices { currency, ..Prices::default() }.checked().is_err());
        assert!(Prices { per_gigabyte: f64::NAN, ..Prices::default() }.checked().is_err());
        assert!(toml::from_str::<Prices>("per_gigabytes = 1.0").is_err());
    }
}
