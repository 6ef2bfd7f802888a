//! How a text is cut before byte pairs are merged. The file names the way in
//! `tokenizer.ggml.pre`; a wrong one gives other tokens than the model was
//! trained on, and worse answers without a word.

use tokenizers::{
    NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior,
    normalizers::NFC,
    pre_tokenizers::{
        byte_level::ByteLevel,
        digits::Digits,
        sequence::Sequence,
        split::{Split, SplitPattern},
    },
};

/// Contractions, words with one leading character, numbers by the group given,
/// punctuation, line breaks, spaces: the pattern of the `qwen2` and `llama3`
/// tokenizers, which differ only in how many digits stand together.
fn modern(digits: &str) -> String {
    format!(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
}

/// One way of cutting.
pub(super) struct Splitting {
    pub(super) normalizer: Option<NormalizerWrapper>,
    pub(super) pre_tokenizer: PreTokenizerWrapper,
    /// Whether a word that is in the vocabulary is taken whole, without merging.
    pub(super) whole_words: bool,
}

/// The way of a name; `None` if it is not known here.
pub(super) fn by_name(name: &str) -> tokenizers::Result<Option<Splitting>> {
    // Neither a space before the text nor GPT-2's own pattern: what is before cuts.
    let bytes = ByteLevel::new(false, false, false);
    let with = |pattern: String| -> tokenizers::Result<PreTokenizerWrapper> {
        let pattern = SplitPattern::Regex(pattern);
        let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false)?;
        Ok(Sequence::new(vec![split.into(), bytes.into()]).into())
    };
    let gpt2 = ByteLevel::new(false, false, true);
    Ok(Some(match name {
        "qwen2" | "deepseek-r1-qwen" => Splitting {
            normalizer: Some(NFC.into()),
            pre_tokenizer: with(modern(r"\p{N}"))?,
            whole_words: false,
        },
        "llama-bpe" | "llama3" | "llama-v3" => Splitting {
            normalizer: None,
            pre_tokenizer: with(modern(r"\p{N}{1,3}"))?,
            whole_words: true,
        },
        "smollm" => Splitting {
            normalizer: None,
            pre_tokenizer: Sequence::new(vec![Digits::new(true).into(), gpt2.into()]).into(),
            whole_words: false,
        },
        "gpt-2" | "gpt2" => {
            Splitting { normalizer: None, pre_tokenizer: gpt2.into(), whole_words: false }
        }
        _ => return Ok(None),
    }))
}

#[cfg(test)]
mod tests {
    use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};

    use super::*;

    fn check(name: &str, text: &str, expected: &[&str]) {
        let splitting = by_name(name).unwrap().unwrap();
        let mut cut = PreTokenizedString::from(text);
        splitting.pre_tokenizer.pre_tokenize(&mut cut).unwrap();
        let parts = cut.get_splits(OffsetReferential::Normalized, OffsetType::Byte);
        let parts: Vec<&str> = parts.into_iter().map(|(part, _, _)| part).collect();
        assert_eq!(parts, expected, "{name}");
    }

    #[test]
    fn each_family_cuts_in_its_own_way() {
        let text = "I'Ll pay 1234 now!\n\n  ok";
        check(
            "qwen2",
            text,
            &["I", "'Ll", "Ġpay", "Ġ", "1", "2", "3", "4", "Ġnow", "!ĊĊ", "Ġ", "Ġok"],
        );
        check("llama-bpe", text, &["I", "'Ll", "Ġpay", "Ġ", "123", "4", "Ġnow", "!ĊĊ", "Ġ", "Ġok"]);
        check(
            "smollm",
            text,
            &["I", "'", "Ll", "Ġpay", "Ġ", "1", "2", "3", "4", "Ġnow", "!", "ĊĊĠ", "Ġok"],
        );
        assert!(by_name("poetry").unwrap().is_none());
    }
}
