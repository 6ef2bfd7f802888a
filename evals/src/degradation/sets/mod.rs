//! The data sets whose questions have labelled evidence: which of it stands in
//! the window, by how many turns ago it was said.

mod keys;
mod seen;

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::{
    keys::Keys,
    seen::{Counted, Seen, look, read, record, seen},
};
use super::{
    Found, Run,
    args::{DegradationArgs, DegradationSet},
    gold::{self, Gold},
    reading,
    rival::Rival,
    strategy::Strategy,
    tally::{Axis, Tally},
    trace::Traced,
};
use crate::{
    cli::DataArgs,
    dataset::{Conversation, Dataset, DatasetName, Message, Question},
    folds::Fold,
    metrics::Figures,
    plot::Grid,
    runner::{
        asking::{Asked, Plan},
        ingest::Layout,
        pass,
        progress::Progress,
    },
};

/// The questions with what became of them.
pub(super) struct Played {
    dataset: Dataset,
    golds: HashMap<String, Gold>,
    /// Questions without labelled evidence.
    without: usize,
    /// What was seen of the windows of each question, rivals' included.
    seen: Vec<Vec<Seen>>,
    /// Questions after which their conversations are looked at turn by turn.
    traced: BTreeSet<String>,
    /// How single conversations went, question by question.
    grids: Vec<Vec<Grid>>,
}

/// What became of one question.
#[derive(Serialize, Deserialize)]
struct Play {
    seen: Vec<Seen>,
    grids: Vec<Grid>,
}

impl Played {
    /// Reads what is to be played.
    ///
    /// # Errors
    /// The data cannot be read.
    pub(super) fn read(args: &DegradationArgs) -> anyhow::Result<Self> {
        let data = DataArgs {
            dataset: name(args.dataset)?,
            data: args.data.clone(),
            split: args.split.clone(),
            limit: args.limit,
            seed: args.seed,
        };
        let mut dataset = pass::read(&data)?;
        dataset.label_turns_of_sessions();
        let golds = match args.reader.is_asked() {
            true => gold::read(args.dataset, &args.data, &dataset)?,
            false => HashMap::new(),
        };
        let all = dataset.questions.len();
        // Without evidence there is a reply at most that a rule can score.
        let ruled = |id: &str| golds.get(id).is_some_and(|gold: &Gold| gold.rule.is_some());
        dataset.retain(|question| !question.evidence.is_empty() || ruled(&question.id));
        let traced = traced(&dataset, args.traced());
        let n = dataset.questions.len();
        let seen = (0..n).map(|_| Vec::new()).collect();
        Ok(Self { dataset, golds, without: all - n, traced, seen, grids: vec![Vec::new(); n] })
    }

    /// How many questions a fold's weights have not seen; all without a fold.
    pub(super) fn unseen(&self, fold: Option<&Fold>) -> usize {
        self.dataset.questions.iter().filter(|question| is_unseen(fold, question)).count()
    }

    /// Plays the conversations that a fold's weights have not seen, all without a
    /// fold, and looks at the windows of their questions.
    ///
    /// # Errors
    /// A call failed.
    pub(super) async fn play(&mut self, run: &Run<'_>, fold: Option<&Fold>) -> anyhow::Result<()> {
        let Self { dataset, golds, traced, .. } = &*self;
        let keys = Keys::new(dataset, traced);
        let mut plays: HashMap<String, Play> = HashMap::new();
        for question in dataset.questions.iter().filter(|question| is_unseen(fold, question)) {
            let Some(conversation) = dataset.conversations.get(question.conversation) else {
                continue;
            };
            if let Some(play) = run.checkpoint.get(&keys.own(run, conversation, question)) {
                plays.insert(question.id.clone(), play);
            }
        }
        let mut left = dataset.clone();
        left.retain(|question| is_unseen(fold, question) && !plays.contains_key(&question.id));
        let turns = left.conversations.iter().map(Conversation::len).sum();
        let progress = Progress::new(turns, left.questions.len(), "questions");
        let server = &run.args.server;
        let plan = Plan { api: run.api, layout: Layout::Whole, server, progress: &progress };
        let counted = Counted::default();
        let fresh = plan
            .ask_all(&left, async |asked: Asked<'_>| {
                let question = asked.question;
                let turns = counted.of(asked.conversation);
                let seen = look(run, &asked, &turns, golds.get(&question.id)).await?;
                let grids = match traced.contains(&question.id) {
                    true => trace(run, &asked).await?,
                    false => Vec::new(),
                };
                let play = Play { seen, grids };
                run.checkpoint.put(&keys.own(run, asked.conversation, question), &play)?;
                anyhow::Ok((question.id.clone(), play))
            })
            .await?;
        plays.extend(fresh);
        let places = self.seen.iter_mut().zip(&mut self.grids);
        for (question, (seen, grids)) in self.dataset.questions.iter().zip(places) {
            if is_unseen(fold, question) {
                let play = plays.remove(&question.id);
                let play = play.with_context(|| format!("{} twice", question.id))?;
                (*seen, *grids) = (play.seen, play.grids);
            }
        }
        Ok(())
    }

    /// Plays every conversation to a rival, one after the other, and looks at its
    /// windows.
    ///
    /// # Errors
    /// The rival or a reader failed.
    pub(super) async fn against(&mut self, run: &Run<'_>, rival: &mut Rival) -> anyhow::Result<()> {
        let progress = Progress::new(0, self.dataset.questions.len(), "questions to a rival");
        let untraced = BTreeSet::new();
        let keys = Keys::new(&self.dataset, &untraced);
        let by_conversation = self.dataset.questions_by_conversation();
        for (conversation, questions) in self.dataset.conversations.iter().zip(by_conversation) {
            let mut left = Vec::new();
            for at in questions {
                let Some(question) = self.dataset.questions.get(at) else { continue };
                let key = keys.of_rival(run, rival, conversation, question);
                match run.checkpoint.get(&key) {
                    Some(seen) => push(&mut self.seen, at, seen),
                    None => left.push((at, question, key)),
                }
            }
            if left.is_empty() {
                continue;
            }
            let said: Vec<Message> = conversation
                .turns()
                .filter(|turn| !turn.message.is_blank())
                .map(|turn| turn.message.clone())
                .collect();
            let millis = rival.add(&conversation.id, &said).await?;
            let mut add_ms = Some(millis / said.len().max(1) as f64);
            for (at, question, key) in left {
                let budget = run.args.budget() as usize;
                let answered = rival.window(&conversation.id, &question.text, budget).await?;
                let (shown, took) = (&answered.shown, Some(answered.millis));
                let mut seen = seen(&rival.name, conversation, question, shown, took);
                seen.scores = read(run, shown, question, self.golds.get(&question.id)).await?;
                seen.add_ms = add_ms.take();
                seen.own = answered.own;
                run.checkpoint.put(&key, &seen)?;
                push(&mut self.seen, at, seen);
                progress.question();
            }
            rival.forget(&conversation.id).await?;
        }
        Ok(())
    }

    /// Makes figures of what was seen.
    pub(super) fn found(self, run: &Run<'_>) -> Found {
        let budget = run.args.budget();
        let mut tally = Tally::new(Axis::TurnsAgo, budget);
        let conversations = &self.dataset.conversations;
        for (question, seen) in self.dataset.questions.iter().zip(&self.seen) {
            let whose = conversations.get(question.conversation).map(|one| one.id.as_str());
            let whose = (whose.unwrap_or_default(), question.group.as_str());
            let oracle = seen.iter().find(|seen| seen.strategy == Strategy::Oracle.name());
            let oracle = oracle.map(|seen| &seen.scores);
            for seen in seen {
                reading::record(&mut tally, &seen.strategy, whose, &seen.scores, oracle);
                record(&mut tally, whose, seen, budget);
            }
        }
        let n = self.dataset.questions.len();
        let notes = json!({ "questions": n, "left_out_without_evidence": self.without });
        let split = Some(self.dataset.split);
        let grids = self.grids.into_iter().flatten().collect();
        Found { tally, n, split, others: Figures::new(), grids, notes }
    }
}

fn is_unseen(fold: Option<&Fold>, question: &Question) -> bool {
    fold.is_none_or(|fold| fold.holds(&question.fold_id))
}

fn push(all: &mut [Vec<Seen>], at: usize, seen: Seen) {
    if let Some(of_question) = all.get_mut(at) {
        of_question.push(seen);
    }
}

/// The last questions of the first conversations: when they are asked, a look at the
/// whole conversation disturbs none.
fn traced(dataset: &Dataset, most: usize) -> BTreeSet<String> {
    let by_conversation = dataset.questions_by_conversation().into_iter().take(most);
    let last = by_conversation.filter_map(|questions| dataset.questions.get(*questions.last()?));
    last.map(|question| question.id.clone()).collect()
}

/// How the conversation of a question went.
async fn trace(run: &Run<'_>, asked: &Asked<'_>) -> anyhow::Result<Vec<Grid>> {
    let name = asked.ingested.whole().context("no conversation to look at")?;
    let sent = asked.conversation.turns().map(|turn| turn.message);
    let sent = sent.filter(|message| !message.is_blank());
    Traced::new(&asked.conversation.id, name, sent).look(run.api, run.args.budget()).await
}

fn name(set: DegradationSet) -> anyhow::Result<DatasetName> {
    Ok(match set {
        DegradationSet::Locomo => DatasetName::Locomo,
        DegradationSet::Longmemeval => DatasetName::Longmemeval,
        DegradationSet::Beam => DatasetName::Beam,
        DegradationSet::Multichallenge => DatasetName::Multichallenge,
        DegradationSet::Devmembench => DatasetName::Devmembench,
        DegradationSet::Sweep
        | DegradationSet::LostInConversation
        | DegradationSet::Signals
        | DegradationSet::ChangePoint => {
            bail!("{set:?} has no labelled questions")
        }
    })
}
