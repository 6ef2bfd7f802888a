//! Digests of conversations: whatever happens to these, cohorts have the numbers that a
//! scan of all records has, and a scan is made of what has changed alone.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use crate::fixture::*;
use throughline_memory::{degradation::Outcome, engine::*, store::keys::Kind, turn::*};

const SAID: [&str; 4] =
    ["hello", "That's wrong.", "I told you already.", "what is the weather like in Rome"];
const MODELS: [&str; 3] = ["", "a", "b"];
const VERSIONS: [&str; 3] = ["", "1", "2"];
const TEAMS: [&str; 2] = ["red", "blue"];
const METRICS: [CohortMetric; 5] = [
    CohortMetric::Quality,
    CohortMetric::Success,
    CohortMetric::Friction,
    CohortMetric::Recall,
    CohortMetric::Disobedience,
];

fn hours_on(hours: i64) -> Timestamp {
    let begin = Timestamp::from_second(1_700_000_000).expect("a time");
    begin + SignedDuration::from_hours(hours)
}

fn outcome(name: &str, sequence: Sequence, score: f32) -> Outcome {
    Outcome {
        id: name.to_owned(),
        sequence,
        judge_score: Some(score),
        thumbs_up: None,
        task_success: None,
        latency: None,
        model: "a".to_owned(),
        prompt_version: "1".to_owned(),
        recorded_at: hours_on(1),
    }
}

fn labels(team: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("team".to_owned(), team.to_owned())])
}

async fn measured(world: &World, request: &CohortRequest) -> CohortOutcome {
    world.engine.cohort_degradation(&tenant(), request.clone()).await.expect("measured")
}

/// The numbers of a scan: without any digest.
async fn scanned(
    world: &World,
    conversations: &[ConversationId],
    request: &CohortRequest,
) -> CohortOutcome {
    for id in conversations {
        world.lose(id, &[Kind::Cohort]).await;
    }
    measured(world, request).await
}

/// Conversations to which anything may happen.
struct Talks {
    world: World,
    there: Vec<ConversationId>,
    random: StdRng,
    drawn: usize,
    told: usize,
}

impl Talks {
    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of.choose(&mut self.random).copied().expect("some")
    }

    /// A conversation with one of its turns, if it has any.
    async fn turn(&mut self) -> Option<(ConversationId, Sequence)> {
        let id = self.there.choose(&mut self.random)?.clone();
        let engine = &self.world.engine;
        let last = engine.get_conversation(&tenant(), &id).await.expect("there").last_sequence;
        (last > 0).then(|| (id, self.random.random_range(1..=last)))
    }

    fn next(&mut self) -> NewConversation {
        self.drawn += 1;
        let name = Some(id(&format!("c{}", self.drawn)));
        let labels = labels(self.pick(&TEAMS));
        NewConversation { id: name, labels, ..NewConversation::default() }
    }

    async fn create(&mut self) {
        let new = self.next();
        let created = self.world.engine.create_conversation(&tenant(), new).await;
        self.there.push(created.expect("created").id);
    }

    async fn append(&mut self) {
        let Some(id) = self.there.choose(&mut self.random).cloned() else { return };
        let turns =
            vec![said(Role::User, self.pick(&SAID)), said(Role::Assistant, "It is about to rain.")];
        self.world.engine.append_turns(&tenant(), &id, turns, None).await.expect("appended");
    }

    /// Of any turn and at any time; a repeat with other content is refused.
    async fn rate(&mut self) {
        let Some((id, turn)) = self.turn().await else { return };
        let name = self.pick(&["judge", "thumb", "task"]);
        let outcome = Outcome {
            task_success: self.random.random_bool(0.5).then(|| self.random.random_bool(0.5)),
            model: self.pick(&MODELS).to_owned(),
            prompt_version: self.pick(&VERSIONS).to_owned(),
            recorded_at: hours_on(self.random.random_range(1..200)),
            ..outcome(name, turn, self.random.random())
        };
        let recorded = self.world.engine.record_outcome(&tenant(), &id, outcome.clone()).await;
        if recorded.is_ok() && self.random.random_bool(0.2) {
            let again = self.world.engine.record_outcome(&tenant(), &id, outcome).await;
            assert!(again.expect("the first one").1);
        }
    }

    async fn build(&mut self) {
        let Some((id, _)) = self.turn().await else { return };
        self.world.settle(&id).await;
        let request = ContextRequest { budget: 60, ..ask("") };
        let _ = self.world.engine.build_context(&tenant(), &id, request).await;
    }

    async fn erase(&mut self) {
        let Some((id, turn)) = self.turn().await else { return };
        // A fork may not own it.
        let _ = self.world.engine.forget_turns(&tenant(), &id, &[turn]).await;
    }

    async fn fork(&mut self) {
        let Some((id, turn)) = self.turn().await else { return };
        let new = self.next();
        let forked = self.world.engine.fork_conversation(&tenant(), &id, turn, new).await;
        self.there.extend(forked.ok().map(|forked| forked.id));
    }

    async fn delete(&mut self) {
        let Some((id, _)) = self.turn().await else { return };
        self.world.engine.delete_conversation(&tenant(), &id).await.expect("deleted");
        self.there.retain(|one| *one != id);
    }

    async fn relabel(&mut self) {
        let Some((id, _)) = self.turn().await else { return };
        let labels = Some(labels(self.pick(&TEAMS)));
        let patch = ConversationPatch { labels, ..ConversationPatch::default() };
        self.world.engine.update_conversation(&tenant(), &id, patch).await.expect("updated");
    }

    fn filter(&mut self) -> CohortFilter {
        let labels = self.random.random_bool(0.3).then(|| labels(self.pick(&TEAMS)));
        CohortFilter {
            model: self.pick(&MODELS).to_owned(),
            prompt_version: self.pick(&VERSIONS).to_owned(),
            labels: labels.unwrap_or_default(),
        }
    }

    fn instant(&mut self) -> Option<Timestamp> {
        self.random.random_bool(0.4).then(|| hours_on(self.random.random_range(0..200)))
    }

    fn time(&mut self) -> CohortTime {
        CohortTime { from: self.instant(), until: self.instant() }
    }

    async fn check(&mut self, step: usize) {
        self.world.drain().await;
        for metric in METRICS {
            let request = CohortRequest {
                metric,
                cohort: self.filter(),
                baseline: self.random.random_bool(0.5).then(|| self.filter()),
                time: self.time(),
                baseline_time: self.random.random_bool(0.5).then(|| self.time()),
            };
            let kept = measured(&self.world, &request).await;
            assert_eq!(measured(&self.world, &request).await, kept, "step {step}: {request:?}");
            let scanned = scanned(&self.world, &self.there, &request).await;
            assert_eq!(kept, scanned, "step {step}: {request:?}");
            self.told += usize::from(scanned.cohort.conversations > 0);
        }
    }
}

#[tokio::test]
async fn cohorts_have_the_numbers_of_a_scan_whatever_happens() {
    let mut talks = Talks {
        world: World::new().await,
        there: Vec::new(),
        random: StdRng::seed_from_u64(11),
        drawn: 0,
        told: 0,
    };
    for step in 0..300 {
        match talks.random.random_range(0..100) {
            0..6 if talks.there.len() < 6 => talks.create().await,
            6..34 => talks.append().await,
            34..62 => talks.rate().await,
            62..70 => talks.build().await,
            70..75 => talks.erase().await,
            75..77 => talks.delete().await,
            77..80 if talks.there.len() < 6 => talks.fork().await,
            80..84 => talks.relabel().await,
            84..86 => {
                let Talks { world, there, random, drawn, told } = talks;
                let world =
                    if step < 150 { world.reopen().await } else { world.crash_and_open().await };
                talks = Talks { world, there, random, drawn, told };
            }
            86..100 => talks.check(step).await,
            _ => {}
        }
    }
    talks.check(300).await;
    assert!(talks.told > 10, "{} answers with values", talks.told);
}

#[tokio::test]
async fn a_digest_is_read_until_its_conversation_changes() {
    let world = World::new().await;
    let c = world.create("c").await;
    let turns = vec![said(Role::User, "hello"), said(Role::Assistant, "hi")];
    world.engine.append_turns(&tenant(), &c, turns, None).await.expect("appended");
    world.drain().await;
    let rate = async |name: &str, score: f32| {
        let rated = world.engine.record_outcome(&tenant(), &c, outcome(name, 2, score)).await;
        rated.expect("recorded");
    };
    let mean = async || {
        let outcome = measured(&world, &CohortRequest::default()).await;
        outcome.cohort.level.map(|level| level.mean)
    };
    let kept = || world.records(&c, &[Kind::Cohort]);
    rate("one", 1.0).await;
    assert_eq!(kept().len(), 1, "a mark alone: nobody has asked");
    assert_eq!(mean().await, Some(1.0));
    let first = kept();
    assert_eq!(first.len(), 2);
    assert_eq!((mean().await, kept()), (Some(1.0), first.clone()));
    // What a digest is not made of leaves it as it is.
    let patch = ConversationPatch { labels: Some(labels("red")), ..Default::default() };
    world.engine.update_conversation(&tenant(), &c, patch).await.expect("updated");
    assert_eq!((mean().await, kept()), (Some(1.0), first.clone()));
    rate("two", 0.0).await;
    let touched = kept();
    assert_ne!(touched[0], first[0], "another mark");
    assert_eq!(touched[1], first[1], "and the digest of before");
    assert_eq!(mean().await, Some(0.5));
    assert_ne!(kept()[1], first[1]);
    // Across a restart, and gone with the conversation.
    let before = kept();
    let world = world.reopen().await;
    let again = measured(&world, &CohortRequest::default()).await;
    assert_eq!(again.cohort.level.map(|level| level.mean), Some(0.5));
    assert_eq!(world.records(&c, &[Kind::Cohort]), before);
    // A damaged one is made again.
    world.overwrite(before[1].0.clone(), vec![1]).await;
    let again = measured(&world, &CohortRequest::default()).await;
    assert_eq!(again.cohort.level.map(|level| level.mean), Some(0.5));
    assert_eq!(world.records(&c, &[Kind::Cohort]), before);
    // With an erased turn it goes: it holds what was said of it.
    for metric in METRICS {
        measured(&world, &CohortRequest { metric, ..CohortRequest::default() }).await;
    }
    assert_eq!(world.records(&c, &[Kind::Cohort]).len(), 1 + METRICS.len());
    world.engine.forget_turns(&tenant(), &c, &[2]).await.expect("forgotten");
    let left = || world.records(&c, &[Kind::Cohort]);
    assert_eq!(left().len(), 1, "the mark alone");
    assert_eq!(left()[0].0, before[0].0);
    assert_ne!(left()[0].1, before[0].1, "and another one");
    world.drain().await;
    assert_eq!(left().len(), 1);
    assert_eq!(measured(&world, &CohortRequest::default()).await.cohort.conversations, 0);
    world.engine.delete_conversation(&tenant(), &c).await.expect("deleted");
    world.drain().await;
    assert_eq!(world.records(&c, &[Kind::Cohort]), []);
    assert_eq!(measured(&world, &CohortRequest::default()).await.cohort.conversations, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_digest_of_before_an_erasure_is_kept_behind_it() {
    let world = World::new().await;
    let c = world.create("c").await;
    let (of, request) = (tenant(), CohortRequest::default());
    for round in 1..=20 {
        let turns = vec![said(Role::User, "hello"), said(Role::Assistant, "hi")];
        world.engine.append_turns(&tenant(), &c, turns, None).await.expect("appended");
        world.drain().await;
        let rated = outcome("one", 2 * round, 1.0);
        world.engine.record_outcome(&tenant(), &c, rated).await.expect("recorded");
        let erased = [2 * round];
        let (_, forgotten) =
            tokio::join!(measured(&world, &request), world.engine.forget_turns(&of, &c, &erased),);
        forgotten.expect("forgotten");
        world.drain().await;
        let kept = world.records(&c, &[Kind::Cohort]);
        let (_, mark) = &kept[0];
        // Each says which mark it was made with.
        let is_new = |digest: &[u8]| digest.windows(mark.len()).any(|part| part == mark);
        assert!(kept[1..].iter().all(|(_, digest)| is_new(digest)), "round {round}");
    }
}

#[tokio::test]
async fn while_turns_are_derived_again_nothing_is_told_of_them() {
    let world = World::new().await;
    let c = world.create("c").await;
    let turns = vec![said(Role::User, "hello"), said(Role::Assistant, "hi")];
    world.engine.append_turns(&tenant(), &c, turns, None).await.expect("appended");
    world.drain().await;
    world.engine.record_outcome(&tenant(), &c, outcome("one", 2, 1.0)).await.expect("recorded");
    let request = CohortRequest::default();
    let before = measured(&world, &request).await;
    assert!(!before.cohort.by_history.is_empty());
    // The records are written, and the index holds what comes behind them up.
    *world.controls.index_holds.lock().expect("sound") = "c".to_owned();
    let told = |_: u64, _: u64| {};
    let rebuilt = world.engine.rebuild(&told);
    let halfway = async {
        let gone = async {
            while !world.records(&c, &[Kind::Signals]).is_empty() {
                tokio::task::yield_now().await;
            }
        };
        within("the signals to go", gone).await;
        let kept = measured(&world, &request).await;
        assert!(kept.cohort.by_history.is_empty(), "it is known by the signals");
        assert_eq!(kept, scanned(&world, std::slice::from_ref(&c), &request).await);
        world.controls.index_holds.lock().expect("sound").clear();
    };
    let (rebuilt, ()) = tokio::join!(rebuilt, halfway);
    rebuilt.expect("rebuilt");
    world.drain().await;
    assert_eq!(measured(&world, &request).await, before);
}
