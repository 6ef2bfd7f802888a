//! Has a reader work on the tasks of Lost in Conversation: in one piece (FULL),
//! all shards at once (CONCAT), a shard a turn (SHARDED), the same with a last
//! turn that repeats them (RECAP), and a shard a turn with every window from the
//! service. The reply to the last turn is scored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Run,
    args::DegradationArgs,
    live::Live,
    shards::Item,
    shown::{Line, Shown},
    tally::Tally,
    tasks::{in_one_piece, instruction, is_right, listed},
};
use crate::{
    client::Api,
    dataset::{Message, Speaker},
    metrics::{
        Figures,
        bootstrap::{Bootstrap, percentile, ratio},
        ranking::truth,
    },
    pace::those_left,
    reader::Reader,
    runner::progress::Progress,
};

/// What stands for a reply without words, which cannot be appended.
const SILENCE: &str = "…";

/// How a task is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Setting {
    Full,
    Concat,
    Sharded,
    Recap,
    ShardedThroughline,
}

const SETTINGS: [Setting; 5] =
    [Setting::Full, Setting::Concat, Setting::Sharded, Setting::Recap, Setting::ShardedThroughline];

impl Setting {
    fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Concat => "concat",
            Self::Sharded => "sharded",
            Self::Recap => "recap",
            Self::ShardedThroughline => "sharded_throughline",
        }
    }
}

/// The scores of an item in each setting, one for each run.
type Scores = BTreeMap<Setting, Vec<f64>>;

/// Has every item worked on in every setting, and enters the scores.
///
/// # Errors
/// The reader or a call failed.
pub(super) async fn measure(
    run: &Run<'_>,
    reader: &Reader,
    items: &[Item],
    tally: &mut Tally,
) -> anyhow::Result<Figures> {
    let args = run.args;
    let scored: Vec<&Item> = items.iter().filter(|item| in_one_piece(item).is_some()).collect();
    let progress = Progress::new(0, scored.len(), "tasks");
    let key =
        |item: &&Item| run.checkpoint.key(&["task", &format!("{item:?}"), &instruction(item)]);
    let work = async |item: &&Item| {
        let scores = work_on(args, run.api, reader, item, &progress).await?;
        progress.question();
        anyhow::Ok(scores)
    };
    let all = those_left(&scored, run.checkpoint, key, args.server.in_flight, work).await?;
    for (item, scores) in scored.iter().zip(&all) {
        record(tally, item, scores);
    }
    Ok(ratios(&all, Bootstrap::new(args.seed)))
}

async fn work_on(
    args: &DegradationArgs,
    api: &Api,
    reader: &Reader,
    item: &Item,
    progress: &Progress,
) -> anyhow::Result<Scores> {
    let mut scores = Scores::new();
    for run in 0..reader.runs {
        let talk = Talk { reader, item, run };
        let full = talk.once(&in_one_piece(item).unwrap_or_default()).await?;
        let concat = talk.once(&listed(item)).await?;
        let (mut said, sharded) = talk.sharded().await?;
        let text = format!("To recall, all that I said:\n{}", listed(item));
        said.push(line("user", &text));
        let recap = reader.reply(&said, run).await?;
        let ours = talk.through_service(args, api, progress).await?;
        for (setting, reply) in SETTINGS.into_iter().zip([full, concat, sharded, recap, ours]) {
            let right = truth(is_right(item, &reply).await?);
            scores.entry(setting).or_default().push(right);
        }
    }
    Ok(scores)
}

/// One item in one run.
struct Talk<'a> {
    reader: &'a Reader,
    item: &'a Item,
    run: u32,
}

fn line(role: &'static str, text: &str) -> Line {
    Line { role, text: text.to_owned(), tokens: 0 }
}

impl Talk<'_> {
    fn begin(&self) -> Vec<Line> {
        vec![line("system", &instruction(self.item))]
    }

    /// The reply to one message.
    async fn once(&self, text: &str) -> anyhow::Result<String> {
        let mut said = self.begin();
        said.push(line("user", text));
        self.reader.reply(&said, self.run).await
    }

    /// A shard a turn; all that was said, and the last reply.
    async fn sharded(&self) -> anyhow::Result<(Vec<Line>, String)> {
        let mut said = self.begin();
        let mut last = String::new();
        for shard in &self.item.shards {
            said.push(line("user", shard));
            last = self.reader.reply(&said, self.run).await?;
            said.push(line("assistant", if last.trim().is_empty() { SILENCE } else { &last }));
        }
        Ok((said, last))
    }

    /// A shard a turn, each read from the service's window; the last reply.
    async fn through_service(
        &self,
        args: &DegradationArgs,
        api: &Api,
        progress: &Progress,
    ) -> anyhow::Result<String> {
        let salt: u64 = rand::random();
        let id = blake3::hash(format!("{salt}/{}/{}", self.item.id, self.run).as_bytes()).to_hex();
        let id: String = id.chars().take(32).collect();
        let mut live = Live::new(api, &id, progress).await?;
        let mut last = String::new();
        for shard in &self.item.shards {
            live.say(&[Message::chat(Speaker::User, shard.clone())]).await?;
            let built = live.window("", args.budget()).await?;
            let mut shown = Shown::of_window(&built.window, shard);
            shown.lines.splice(0..0, self.begin());
            last = self.reader.read(&shown, "", self.run).await?;
            let text = if last.trim().is_empty() { SILENCE.to_owned() } else { last.clone() };
            live.say(&[Message::chat(Speaker::Assistant, text)]).await?;
        }
        if args.server.deletes() {
            live.delete().await?;
        }
        Ok(last)
    }
}

/// Averaged performance and, of several runs, aptitude (their 90th percentile) and
/// unreliability (90th less 10th percentile), as the paper has them. All shards at
/// once are what a perfect memory would show: what is wrong there is the model's own,
/// the rest of the loss is that of the conversation or its memory.
fn record(tally: &mut Tally, item: &Item, scores: &Scores) {
    let bound = scores.get(&Setting::Concat).map(|runs| mean(runs));
    for (setting, runs) in scores {
        let mut add = |name: &str, value: f64| {
            tally.add(setting.name(), name, &item.id, &item.task, value);
        };
        let mean = mean(runs);
        add("p_bar", mean);
        add(&format!("p_bar_{}", item.task), mean);
        // One reply says nothing of how far replies lie apart.
        if runs.len() > 1 {
            let at = |share: f64| percentile(&mut runs.clone(), share);
            add("aptitude", at(0.9));
            add("unreliability", at(0.9) - at(0.1));
        }
        if let Some(bound) = bound {
            add("p_bar_memory_loss", bound - mean);
            add("p_bar_model_loss", 1.0 - bound);
        }
    }
}

fn mean(runs: &[f64]) -> f64 {
    runs.iter().sum::<f64>() / runs.len().max(1) as f64
}

/// What is left of a setting's performance in another one, paired by item. As
/// everywhere, the figure without an addition is ours: shards read through the
/// service. `_alone` is plain practice.
fn ratios(all: &[Scores], bootstrap: Bootstrap) -> Figures {
    let wanted = [
        ("sharded_over_full", Setting::ShardedThroughline, Setting::Full),
        ("sharded_over_concat", Setting::ShardedThroughline, Setting::Concat),
        ("sharded_over_sharded_alone", Setting::ShardedThroughline, Setting::Sharded),
        ("sharded_alone_over_full", Setting::Sharded, Setting::Full),
        ("sharded_alone_over_concat", Setting::Sharded, Setting::Concat),
        ("recap_over_concat", Setting::Recap, Setting::Concat),
    ];
    let figure = |(name, above, below): (&str, Setting, Setting)| {
        let pairs: Vec<(Vec<f64>, Vec<f64>)> = all
            .iter()
            .filter_map(|scores| Some((scores.get(&above)?.clone(), scores.get(&below)?.clone())))
            .collect();
        Some((name.to_owned(), ratio(&pairs, bootstrap)?))
    };
    wanted.into_iter().filter_map(figure).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{degradation::tally::Axis, report::Report};

    #[test]
    fn runs_become_the_papers_figures() {
        let item = Item {
            id: "x".into(),
            task: "math".into(),
            shards: vec!["a".into(), "b".into()],
            fields: serde_json::Map::new(),
        };
        let runs = |right: usize| (0..10).map(|at| truth(at < right)).collect::<Vec<f64>>();
        let scores: Scores =
            [(Setting::Sharded, runs(5)), (Setting::Concat, runs(10))].into_iter().collect();
        let mut tally = Tally::new(Axis::TurnsAgo, 1_000);
        record(&mut tally, &item, &scores);
        let mut report = Report::new("degradation", serde_json::Value::Null);
        tally.fill(&mut report, "sharded", Bootstrap::new(1));
        let of = |name: &str| report.metrics[name].value;
        assert_eq!((of("p_bar"), of("aptitude"), of("unreliability")), (0.5, 1.0, 1.0));
        assert_eq!((of("p_bar_memory_loss"), of("p_bar_model_loss")), (0.5, 0.0));
        assert_eq!(report.breakdown["concat"]["unreliability"].value, 0.0);
        let figures = ratios(&[scores.clone(), scores], Bootstrap::new(1));
        assert_eq!(figures["sharded_alone_over_concat"].value, 0.5);
        assert!(!figures.contains_key("sharded_over_concat"));
    }

    #[test]
    fn one_reply_has_no_spread() {
        let item = Item {
            id: "x".into(),
            task: "math".into(),
            shards: vec!["a".into()],
            fields: serde_json::Map::new(),
        };
        let figures = |runs: Vec<f64>| {
            let mut tally = Tally::new(Axis::TurnsAgo, 1_000);
            record(&mut tally, &item, &[(Setting::Full, runs)].into_iter().collect());
            let mut report = Report::new("degradation", serde_json::Value::Null);
            tally.fill(&mut report, "full", Bootstrap::new(1));
            report.metrics
        };
        let one = figures(vec![1.0]);
        assert_eq!(one["p_bar"].value, 1.0);
        assert!(!one.contains_key("aptitude") && !one.contains_key("unreliability"));
        let nine_of_ten = figures((0..10).map(|at| truth(at > 0)).collect());
        assert!((nine_of_ten["unreliability"].value - 0.1).abs() < 1e-12);
    }
}
