//! Thousands of random operations, with restarts, against a model in memory:
//! every read equals the model. The seed is fixed; a failure names its step.

mod model;

use std::collections::{BTreeMap, BTreeSet};

use crate::fixture::*;
use model::Model;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use throughline_memory::{engine::*, facts::Cause, staleness::*, store::StoreKind, turn::*};

/// What the scripted detector makes events of; N is an earlier turn.
const SAYS: [&str; 6] = ["", "", " [replaces N]", " [contradicts N]", " [mentions N]", " [ends N]"];
const USERS: [&str; 3] = ["", "ann", "bob"];

/// How turns stood after a turn, decay apart: a crash loses uses.
type Stood = Vec<(Sequence, Vec<Component>)>;

struct Soak {
    /// By conversation and turn: later turns must not change it.
    stood: BTreeMap<(String, Sequence), Stood>,
    world: World,
    model: Model,
    random: StdRng,
    step: usize,
    drawn: u64,
}

impl Soak {
    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }

    fn pick(&mut self) -> Option<String> {
        let names: Vec<_> = self.model.conversations.keys().cloned().collect();
        names.choose(&mut self.random).cloned()
    }

    async fn step(&mut self) {
        self.step += 1;
        let Some(name) = self.pick() else { return self.create().await };
        match self.random.random_range(0..100) {
            0..4 => self.create().await,
            4..30 => self.append(&name).await,
            30..33 => self.check_staleness(&name).await,
            33..34 => self.reject(&name).await,
            34..42 => self.fork(&name).await,
            42..52 => self.forget(&name).await,
            52..56 => self.delete(&name).await,
            56..64 => self.pin(&name).await,
            64..67 => self.unpin(&name).await,
            67..72 => self.update(&name).await,
            72..80 => self.check_search(&name).await,
            80..90 => self.check_window(&name).await,
            90..92 => self.check_user().await,
            _ => self.check_turns(&name).await,
        }
    }

    async fn create(&mut self) {
        if self.model.conversations.len() > 12 {
            return;
        }
        // Few names, so that ids come again.
        let name = format!("c{}", self.random.random_range(0..20));
        let user = *USERS.choose(&mut self.random).expect("users");
        let new = NewConversation {
            id: Some(id(&name)),
            user_id: user.into(),
            ..NewConversation::default()
        };
        let created = self.world.engine.create_conversation(&tenant(), new).await;
        assert_eq!(created.is_ok(), self.model.create(&name, user), "{} {name}", self.step);
    }

    async fn append(&mut self, name: &str) {
        let count = self.random.random_range(1..4);
        let mut turns = Vec::new();
        for _ in 0..count {
            let fresh = self.draw();
            let known = self.model.conversations[name].turns.choose(&mut self.random).cloned();
            let repeat = self.random.random_bool(0.15);
            turns.push(match known {
                Some(turn) if repeat => {
                    let turn = turn.lock().expect("sound");
                    named(&turn.client_turn_id, turn.text.as_deref().unwrap_or("gone"))
                }
                _ => {
                    let turns = self.model.conversations[name].turns.len() as u64;
                    let earlier = self.random.random_range(0..=turns);
                    let says = *SAYS.choose(&mut self.random).expect("says");
                    let text = says.replace('N', &earlier.to_string());
                    named(&format!("t{fresh}"), &format!("word{fresh}x{text} and more"))
                }
            });
        }
        let outcome =
            self.world.engine.append_turns(&tenant(), &id(name), turns.clone(), None).await;
        let answer = outcome.ok().map(|done| {
            let turns = done.turns.iter().map(|turn| (turn.sequence, turn.repeated)).collect();
            (turns, done.revision)
        });
        assert_eq!(answer, self.model.append(name, &turns), "{} {name}", self.step);
    }

    async fn fork(&mut self, name: &str) {
        if self.model.conversations.len() > 12 {
            return;
        }
        let at = self.random.random_range(0..=self.model.conversations[name].turns.len());
        let fork = format!("c{}", self.random.random_range(0..20));
        let new = NewConversation { id: Some(id(&fork)), ..NewConversation::default() };
        let forked =
            self.world.engine.fork_conversation(&tenant(), &id(name), at as u64, new).await;
        assert_eq!(forked.is_ok(), self.model.fork(name, at, &fork), "{} {name}", self.step);
    }

    async fn forget(&mut self, name: &str) {
        let last = self.model.conversations[name].turns.len() as u64;
        if last == 0 {
            return;
        }
        self.stood.clear();
        let count = self.random.random_range(1..3);
        let sequences: Vec<_> = (0..count).map(|_| self.random.random_range(1..=last)).collect();
        let done = self.world.engine.forget_turns(&tenant(), &id(name), &sequences).await;
        let done = done.expect("forgotten");
        let answer = (done.turns_removed, done.facts_removed, done.revision);
        assert_eq!(answer, self.model.forget(name, &sequences), "{} {name}", self.step);
    }

    async fn delete(&mut self, name: &str) {
        self.stood.clear();
        let done = self.world.engine.delete_conversation(&tenant(), &id(name)).await;
        let done = done.expect("deleted");
        let answer = (done.turns_removed, done.turns_shared);
        assert_eq!(answer, self.model.delete(name), "{} {name}", self.step);
    }

    async fn pin(&mut self, name: &str) {
        let last = self.model.conversations[name].turns.len() as u64;
        let source = self.random.random_bool(0.7).then(|| self.random.random_range(0..=last + 1));
        let text = format!("pinned {}", self.draw());
        let pinned = self.world.engine.pin_fact(&tenant(), &id(name), pin(&text, source)).await;
        let fact = pinned.ok().map(|(pinned, _)| pinned.fact.id);
        let taken = self.model.pin(name, &text, source, fact.clone());
        assert_eq!(fact.is_some(), taken, "{} {name} {source:?}", self.step);
    }

    async fn unpin(&mut self, name: &str) {
        let facts = &mut self.model.conversations.get_mut(name).expect("there").facts;
        let Some(fact) = facts.pop() else { return };
        // What only it said that it had replaced is not replaced any more.
        self.stood.clear();
        let revision = self.world.engine.unpin_fact(&tenant(), &id(name), &fact.id).await;
        assert_eq!(revision.expect("unpinned"), self.model.touch(name), "{} {name}", self.step);
    }

    async fn update(&mut self, name: &str) {
        let user = *USERS.choose(&mut self.random).expect("users");
        let patch = ConversationPatch { user_id: Some(user.into()), ..Default::default() };
        let updated = self.world.engine.update_conversation(&tenant(), &id(name), patch).await;
        self.model.conversations.get_mut(name).expect("there").user = user.into();
        assert_eq!(updated.expect("updated").revision, self.model.touch(name), "{}", self.step);
    }

    /// Rejects an edge that is shown, if there is one.
    async fn reject(&mut self, name: &str) {
        self.world.settle(&id(name)).await;
        let Some(page) = self.staleness(name, 0).await else { return };
        let Some(edge) = page.edges.choose(&mut self.random) else { return };
        let (kind, earlier, later) = (edge.kind, edge.earlier.clone(), edge.later.clone());
        let (engine, of) = (&self.world.engine, id(name));
        let rejected = match (&earlier, &later) {
            (Cause::Turn(earlier), Cause::Turn(later)) => {
                engine.reject_edge(&tenant(), &of, (*earlier, *later), Some(kind)).await
            }
            _ => engine.reject_fact_edge(&tenant(), &of, (&earlier, &later), Some(kind)).await,
        };
        assert_eq!(rejected.expect("rejected"), self.model.touch(name), "{} {name}", self.step);
        let page = self.staleness(name, 0).await.expect("there");
        let ends = (kind, &earlier, &later);
        let again = |edge: &ShownEdge| (edge.kind, &edge.earlier, &edge.later) == ends;
        let again = page.edges.iter().any(again);
        assert!(!again, "{} {name} {later} -> {earlier}", self.step);
        self.stood.clear();
    }

    /// What later turns brought never shows in the state as of an earlier one.
    async fn check_staleness(&mut self, name: &str) {
        let last = self.model.conversations[name].turns.len() as u64;
        if last < 2 {
            return;
        }
        self.world.settle(&id(name)).await;
        let as_of = self.random.random_range(1..last);
        let page = self.staleness(name, as_of).await.expect("there");
        assert_eq!(page.unscored, 0, "{} {name}", self.step);
        let kept = |staleness: Staleness| {
            let components = staleness.components.into_iter();
            components.filter(|component| component.kind != StalenessKind::Decayed).collect()
        };
        let now: Stood = page.turns.into_iter().map(|(at, of)| (at, kept(of))).collect();
        let then = self.stood.entry((name.to_owned(), as_of)).or_insert_with(|| now.clone());
        assert_eq!(*then, now, "{} {name} as of {as_of}", self.step);
    }

    async fn staleness(&self, name: &str, as_of: Sequence) -> Option<StalenessPage> {
        let (sequences, limit) = (Vec::new(), 10_000);
        let request = StalenessRequest { sequences, as_of, after: 0, limit, min_revision: 0 };
        self.world.engine.staleness(&tenant(), &id(name), request).await.ok()
    }

    async fn check_turns(&mut self, name: &str) {
        let known = &self.model.conversations[name];
        let seen = self.world.engine.get_conversation(&tenant(), &id(name)).await.expect("there");
        assert_eq!(
            (seen.revision, seen.last_sequence, seen.user_id.as_str()),
            (known.revision, known.turns.len() as u64, known.user.as_str()),
            "{} {name}",
            self.step
        );
        assert_eq!(self.world.texts(&id(name)).await, known.texts(), "{} {name}", self.step);
        let (facts, _, _) = self
            .world
            .engine
            .list_facts(&tenant(), &id(name), None, 10_000, true)
            .await
            .expect("listed");
        let texts: BTreeSet<_> = facts.into_iter().map(|pinned| pinned.fact.text).collect();
        let expected: BTreeSet<_> = known.facts.iter().map(|fact| fact.text.clone()).collect();
        assert_eq!(texts, expected, "{} {name}", self.step);
    }

    async fn check_search(&mut self, name: &str) {
        // A word of any turn that there ever was.
        let number = self.random.random_range(1..=self.drawn.max(1));
        let word = format!("word{number}x");
        if self.random.random_bool(0.5) {
            self.world.settle(&id(name)).await;
        }
        let found = self.world.found(&id(name), &word, SearchMethod::Bm25).await;
        let texts = self.model.conversations[name].texts();
        let expected: Vec<Sequence> = (1..)
            .zip(&texts)
            .filter(|(_, text)| text.split(' ').any(|other| other == word))
            .map(|(sequence, _)| sequence)
            .collect();
        assert_eq!(found, expected, "{} {name} {word}", self.step);
    }

    async fn check_window(&mut self, name: &str) {
        let query = if self.random.random_bool(0.5) { "what" } else { "and more" };
        let outcome = self.world.window(&id(name), query).await;
        let known = &self.model.conversations[name];
        assert_eq!(outcome.revision, known.revision, "{} {name}", self.step);
        let text = words(&outcome);
        let shown: BTreeSet<&str> =
            text.split_whitespace().filter(|word| word.starts_with("word")).collect();
        let texts = known.texts();
        let expected: BTreeSet<&str> =
            texts.iter().filter_map(|text| text.split(' ').next()).filter(|w| *w != "-").collect();
        assert_eq!(shown, expected, "{} {name}", self.step);
        // Facts whose turn was replaced are retired, as soon as that is known: what
        // holds now held when the window was built.
        let (tenant, of) = (tenant(), id(name));
        let listed = self.world.engine.list_facts(&tenant, &of, None, 10_000, false).await;
        for pinned in listed.expect("listed").0 {
            assert!(text.contains(&pinned.fact.text), "{} {name} {}", self.step, pinned.fact.text);
        }
    }

    async fn check_user(&mut self) {
        let user = *USERS.choose(&mut self.random).expect("users");
        let filter = (!user.is_empty()).then_some(user);
        let engine = &self.world.engine;
        let (listed, more) =
            engine.list_conversations(&tenant(), filter, None, 1_000).await.expect("listed");
        let listed: BTreeSet<_> = listed.into_iter().map(|one| one.id.to_string()).collect();
        let known = self.model.conversations.iter();
        let expected: BTreeSet<_> = known
            .filter(|(_, one)| user.is_empty() || one.user == user)
            .map(|(name, _)| name.clone())
            .collect();
        assert_eq!((listed, more), (expected, false), "{} {user}", self.step);
    }
}

async fn soak(kind: StoreKind, seed: u64, steps: usize, restart_every: usize) {
    let mut soak = Soak {
        stood: BTreeMap::new(),
        world: World::with(kind, Limits::default()).await,
        model: Model::default(),
        random: StdRng::seed_from_u64(seed),
        step: 0,
        drawn: 0,
    };
    for step in 1..=steps {
        soak.step().await;
        if step % restart_every == 0 {
            let in_order = soak.random.random_bool(0.5);
            let Soak { world, .. } = soak;
            let world = if in_order { world.reopen().await } else { world.crash_and_open().await };
            soak = Soak { world, ..soak };
        }
    }
    let names: Vec<_> = soak.model.conversations.keys().cloned().collect();
    for name in &names {
        soak.check_turns(name).await;
        soak.world.settle(&id(name)).await;
        soak.check_window(name).await;
    }
    for name in &names {
        soak.delete(name).await;
    }
    soak.world.drain().await;
    assert_eq!(soak.world.keys(), Vec::<Vec<u8>>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sled_every_read_equals_the_model() {
    soak(StoreKind::Sled, 1, 6_000, 250).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_redb_every_read_equals_the_model() {
    soak(StoreKind::Redb, 2, 1_500, 200).await;
}
