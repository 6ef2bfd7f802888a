//! What a reader makes of a strategy's window, scored against the answer. The
//! oracle's window holds the evidence alone: what is wrong there is the model's
//! own, the rest of the loss is the memory's.

use super::{gold::Gold, judge::judge, shown::Shown, tally::Tally};
use crate::{
    metrics::ranking::truth,
    reader::{
        Readers, is_too_long,
        score::{holds_answer, token_f1},
    },
};

/// Said behind questions whose answers are short.
const BRIEFLY: &str = "Answer from the conversation above, in as few words as possible. If it \
                       does not say, answer: not mentioned.";

/// Share of the questions whose window is longer than what the reader reads: the other
/// scores are means over the rest.
const TOO_LONG: &str = "reader_too_long";

/// Figures of one reply, averaged over the runs, by their names.
pub(super) type Scores = Vec<(String, f64)>;

/// Has a window read and scores the replies; no scores where there is nothing to
/// score by, and that alone where the window is longer than what the model reads.
///
/// # Errors
/// The reader or the judge failed.
pub(super) async fn read(
    readers: &Readers,
    shown: &Shown,
    question: &str,
    gold: &Gold,
) -> anyhow::Result<Scores> {
    let ruled = gold.answer.is_some() || gold.rule.is_some();
    if !ruled && (gold.rubric.is_empty() || readers.judge.is_none()) {
        return Ok(Scores::new());
    }
    let instruction = if gold.rubric.is_empty() { BRIEFLY } else { "" };
    let mut all: Vec<Scores> = Vec::new();
    for run in 0..readers.reader.runs {
        let reply = match readers.reader.read(shown, instruction, run).await {
            Ok(reply) => reply,
            // The whole of a long history is more than most models read.
            Err(error) if is_too_long(&error) => return Ok(vec![(TOO_LONG.to_owned(), 1.0)]),
            Err(error) => return Err(error),
        };
        let mut scores = Scores::new();
        let mut add = |name: &str, value: f64| scores.push((name.to_owned(), value));
        add(TOO_LONG, 0.0);
        if let Some(answer) = &gold.answer {
            add("answer_f1", token_f1(&reply, answer));
            add("answer_held", truth(holds_answer(&reply, answer)));
        }
        if let Some(rule) = &gold.rule {
            add("answered", truth(rule.accepts(&reply)));
        }
        let verdict = match &readers.judge {
            Some(model) => judge(model, question, gold, &reply).await?,
            None => None,
        };
        if let Some(verdict) = verdict {
            add("judge_lenient", truth(verdict.lenient));
            add("judge_strict", truth(verdict.strict));
        }
        all.push(scores);
    }
    Ok(mean(&all))
}

fn mean(all: &[Scores]) -> Scores {
    let Some(first) = all.first() else { return Scores::new() };
    let of = |name: &str| {
        let values = all.iter().flatten().filter(|(other, _)| *other == name);
        values.map(|(_, value)| value).sum::<f64>() / all.len() as f64
    };
    first.iter().map(|(name, _)| (name.clone(), of(name))).collect()
}

/// Enters the scores of a strategy's window, with what of a loss is whose where
/// the oracle's are known: `NAME_memory_loss` is the oracle's score less the
/// window's, and `NAME_model_loss` is what the oracle lacks to 1.
pub(super) fn record(
    tally: &mut Tally,
    strategy: &str,
    (item, kind): (&str, &str),
    scores: &[(String, f64)],
    oracle: Option<&Scores>,
) {
    for (name, value) in scores {
        tally.add(strategy, name, item, kind, *value);
        if name == TOO_LONG {
            continue;
        }
        let bound = oracle.and_then(|best| best.iter().find(|(other, _)| other == name));
        if let Some((_, bound)) = bound {
            tally.add(strategy, &format!("{name}_memory_loss"), item, kind, bound - value);
            tally.add(strategy, &format!("{name}_model_loss"), item, kind, 1.0 - bound);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use throughline_summarizer::llm::{
        ChatModel, ChatRequest, Finish, Generation, LlmError, ModelInfo, Pieces,
    };
    use tonic::async_trait;

    use super::*;
    use crate::{
        degradation::{shown::Line, tally::Axis},
        journal::Journal,
        metrics::bootstrap::Bootstrap,
        reader::Reader,
        report::Report,
    };

    #[test]
    fn the_loss_is_split() {
        let mut tally = Tally::new(Axis::TurnsAgo, 100);
        let one = |value: f64| vec![("answer_f1".to_owned(), value)];
        let ours = mean(&[one(0.5), one(0.7)]);
        record(&mut tally, "throughline", ("a", "k"), &ours, Some(&one(0.9)));
        let mut report = Report::new("degradation", serde_json::Value::Null);
        tally.fill(&mut report, "throughline", Bootstrap::new(1));
        let value = |name: &str| (report.metrics[name].value * 1e6).round() / 1e6;
        assert_eq!(value("answer_f1"), 0.6);
        assert_eq!(value("answer_f1_memory_loss"), 0.3);
        assert_eq!(value("answer_f1_model_loss"), 0.1);
    }

    /// A model that reads no prompt longer than `limit` bytes.
    struct Short {
        info: ModelInfo,
        limit: usize,
    }

    #[async_trait]
    impl ChatModel for Short {
        fn info(&self) -> &ModelInfo {
            &self.info
        }

        async fn generate(
            &self,
            request: &ChatRequest,
            _: Option<Pieces>,
        ) -> Result<Generation, LlmError> {
            let length: usize = request.messages.iter().map(|message| message.content.len()).sum();
            if length > self.limit {
                let detail = "maximum context length".to_owned();
                return Err(LlmError::TooLongForEndpoint { url: "u".to_owned(), detail });
            }
            Ok(Generation {
                text: "Rome".to_owned(),
                prompt_tokens: 1,
                generated_tokens: 1,
                cached_prompt_tokens: 0,
                finish: Finish::Stop,
            })
        }

        async fn score(&self, _: &ChatRequest, _: &[String]) -> Result<Vec<f64>, LlmError> {
            Err(LlmError::Closed)
        }
    }

    #[tokio::test]
    async fn a_window_that_is_too_long_counts_as_such_and_ends_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let info = ModelInfo {
            name: "short".into(),
            sha256: String::new(),
            engine: "test".into(),
            device: "cpu".into(),
            context_tokens: None,
            threads: None,
        };
        let replies = Arc::new(Journal::open(&dir.path().join("replies.jsonl")).unwrap());
        let reader = Reader::new(Arc::new(Short { info, limit: 300 }), replies, 8, 1).unwrap();
        let readers = Readers { reader, judge: None };
        let gold = Gold { answer: Some("Rome".into()), ..Gold::default() };
        let mut tally = Tally::new(Axis::TurnsAgo, 100);
        for (item, text) in [("near", "Rome it is.".to_owned()), ("far", "x ".repeat(500))] {
            let line = |text: &str| Line { role: "user", text: text.to_owned(), tokens: 0 };
            let shown = Shown { lines: vec![line(&text)], asked: Some(line("Where?")), tokens: 0 };
            let scores = read(&readers, &shown, "Where?", &gold).await.unwrap();
            let oracle = vec![(TOO_LONG.to_owned(), 0.0), ("answer_f1".to_owned(), 1.0)];
            record(&mut tally, "full_history", (item, "k"), &scores, Some(&oracle));
        }
        let mut report = Report::new("degradation", serde_json::Value::Null);
        tally.fill(&mut report, "full_history", Bootstrap::new(1));
        let of = |name: &str| (report.metrics[name].value, report.metrics[name].n);
        assert_eq!((of(TOO_LONG), of("answer_f1")), ((0.5, 2), (1.0, 1)));
        assert!(!report.metrics.contains_key("reader_too_long_memory_loss"));
    }
}
