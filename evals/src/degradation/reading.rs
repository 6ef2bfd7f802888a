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

/// Figures of one reply, averaged over the runs, by their names.
pub(super) type Scores = Vec<(String, f64)>;

/// Has a window read and scores the replies; no scores where there is nothing to
/// score by, or where the window is longer than what the model reads.
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
            Err(error) if is_too_long(&error) => return Ok(Scores::new()),
            Err(error) => return Err(error),
        };
        let mut scores = Scores::new();
        let mut add = |name: &str, value: f64| scores.push((name.to_owned(), value));
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

/// Enters the scores of a strategy's window, with what of the loss is whose where
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
        let bound = oracle.and_then(|best| best.iter().find(|(other, _)| other == name));
        if let Some((_, bound)) = bound {
            tally.add(strategy, &format!("{name}_memory_loss"), item, kind, bound - value);
            tally.add(strategy, &format!("{name}_model_loss"), item, kind, 1.0 - bound);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{degradation::tally::Axis, metrics::bootstrap::Bootstrap, report::Report};

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
}
