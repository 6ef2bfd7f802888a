//! Tests of the exact index: against brute force, and under change; `loads` has those of
//! what is in memory.

mod loads;

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::{
    branch::LoadedBranch,
    dense::{Cosines, Passages},
    neighbourhood::{Neighbourhood, Place},
    *,
};
use crate::{
    embed::Vector,
    index::{Match, Matches, Passage},
    turn::Role,
};

const DIMENSIONS: usize = 384;

fn random_vector(random: &mut StdRng) -> Vector {
    // A sum of three is near enough to a normal distribution.
    let mut value = || (0..3).map(|_| random.random_range(-1.0_f32..1.0)).sum::<f32>();
    let values: Vec<f32> = (0..DIMENSIONS).map(|_| value()).collect();
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.iter().map(|value| value / length).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn turn(sequence: Sequence, text: &str, vectors: Vec<Vector>) -> IndexedTurn {
    let passage = |vector| Passage { start: 0, end: 1, vector };
    IndexedTurn {
        sequence,
        role: Role::User,
        speaker: "Ada".to_owned(),
        said_at: jiff::Timestamp::UNIX_EPOCH,
        text: text.to_owned(),
        passages: vectors.into_iter().map(passage).collect(),
    }
}

fn id(name: &str) -> ConversationId {
    ConversationId::new(name).unwrap()
}

fn tenant() -> TenantId {
    TenantId::new("t").unwrap()
}

fn whole(name: &str) -> Branch {
    let segment = Segment { conversation: id(name), from: 1, until: Sequence::MAX };
    Branch { tenant: tenant(), conversation: id(name), segments: vec![segment] }
}

fn query(text: &str, vector: Option<Vector>) -> IndexQuery {
    IndexQuery { text: text.to_owned(), vector, limit: 10, prepared: None }
}

fn matches(
    branch: &LoadedBranch,
    terms: &QueryTerms,
    corpus: &Corpus,
    asked: Option<&Vector>,
) -> Matches {
    branch.matches(Arc::new(branch.words(terms, corpus)), asked)
}

#[test]
fn the_best_ten_are_those_of_brute_force() {
    let mut random = StdRng::seed_from_u64(7);
    for round in 0..5 {
        let turns: Vec<IndexedTurn> = (1..=2_000)
            .map(|n| {
                let passages = 1 + (n % 3) as usize;
                turn(n, "", (0..passages).map(|_| random_vector(&mut random)).collect())
            })
            .collect();
        let asked = random_vector(&mut random);
        let best = |turn: &IndexedTurn| {
            turn.passages.iter().map(|p| cosine(&p.vector, &asked)).fold(f32::MIN, f32::max)
        };
        let mut expected: Vec<(Sequence, f32)> =
            turns.iter().map(|turn| (turn.sequence, best(turn))).collect();
        let branch = LoadedBranch::build(turns);
        let scored = matches(&branch, &QueryTerms::default(), &Corpus::default(), Some(&asked));
        let mut found: Vec<Match> = scored.iter().collect();
        assert_eq!(found.len(), expected.len());
        for (found, (_, exact)) in found.iter().zip(&expected) {
            let error = (found.dense.unwrap() - exact).abs();
            assert!(error < 0.01, "round {round}: {error}");
        }
        expected.sort_by(|a, b| b.1.total_cmp(&a.1));
        found.sort_by(|a, b| b.dense.unwrap().total_cmp(&a.dense.unwrap()));
        for (found, (sequence, exact)) in found.iter().zip(&expected).take(10) {
            assert_eq!(found.sequence, *sequence, "round {round}");
            assert!((found.dense.unwrap() - exact).abs() < 1e-5, "round {round}");
        }
    }
}

/// A branch of so many turns, whose slots are their positions.
fn in_order(turns: u32) -> Neighbourhood {
    let places: Vec<Place> = (0..turns).map(|slot| Place { slot, length: 1 }).collect();
    Neighbourhood::measure(&places, turns as usize)
}

#[test]
fn passages_can_be_taken_out_in_any_order() {
    let mut random = StdRng::seed_from_u64(8);
    let vectors: Vec<Vector> = (0..50).map(|_| random_vector(&mut random)).collect();
    let mut passages = Passages::default();
    for (slot, vector) in (0..).zip(&vectors) {
        passages.add(slot, (0, slot), vector);
        passages.add(slot, (slot, slot), &random_vector(&mut random));
    }
    let mut gone: Vec<u32> = (0..50).collect();
    gone.shuffle(&mut random);
    for (count, slot) in gone.iter().enumerate() {
        let own = vectors.get(*slot as usize).unwrap();
        let at = *slot as usize;
        passages.recentre(&in_order(50), false);
        let before = passages.score(own, 50, 50).unwrap();
        assert!((before.best[at] - 1.0).abs() < 1e-5 && before.ranges[at] == (0, *slot));
        passages.remove(*slot);
        passages.recentre(&in_order(50), false);
        let after = passages.score(own, 50, 50);
        let embedded = |cosines: &Cosines| cosines.best.iter().filter(|c| !c.is_nan()).count();
        assert_eq!(after.as_ref().map_or(0, embedded), 50 - count - 1);
        assert!(after.is_none_or(|after| after.best[at].is_nan()));
    }
}

#[test]
fn odd_vectors_do_no_harm() {
    let mut passages = Passages::default();
    let odd: [Vector; 4] = [
        [0.0, 0.0].into(),
        [f32::NAN, 1.0].into(),
        [f32::INFINITY, 1.0].into(),
        [f32::MIN_POSITIVE, 0.0].into(),
    ];
    for (slot, vector) in (0..).zip(&odd) {
        passages.add(slot, (0, 0), vector);
    }
    passages.add(4, (0, 0), &[1.0, 0.0].into());
    // Of another model: left out.
    passages.add(5, (0, 0), &[1.0, 0.0, 0.0].into());
    passages.recentre(&in_order(6), false);
    let found = passages.score(&[1.0, 0.0], 6, 1).unwrap();
    assert!((found.best[4] - 1.0).abs() < 1e-6);
    assert!(found.best[5].is_nan() && found.centred[5].is_nan() && found.first[5].is_nan());
    assert!(passages.score(&[1.0], 6, 1).is_none());
    assert!(passages.score(&[], 6, 1).is_none());
}

/// Every search result, as a reload would give it.
fn all_scores(branch: &LoadedBranch, asked: &Vector) -> Vec<Match> {
    let terms = QueryTerms::new("Katze apple 7 Ada ferry", branch.languages());
    let mut corpus = Corpus::default();
    branch.count(&terms, &mut corpus);
    matches(branch, &terms, &corpus, Some(asked)).iter().collect()
}

#[test]
fn taking_turns_in_one_by_one_comes_to_the_same_as_a_load() {
    let texts = [
        "I ate an apple on the ferry and it was rather good.",
        "Die Katze der Nachbarn hat gestern den ganzen Tag auf dem Dach geschlafen.",
        "Zwei Katzen",
        "apples, apples, 7 apples",
        "ok",
        "",
    ];
    for seed in 0..40 {
        let mut random = StdRng::seed_from_u64(seed);
        let asked = random_vector(&mut random);
        let mut store: BTreeMap<Sequence, IndexedTurn> = BTreeMap::new();
        let mut branch = LoadedBranch::default();
        for step in 0..60 {
            let sequence = random.random_range(1..20);
            let standing = if random.random_bool(0.2) {
                store.remove(&sequence);
                branch.remove(|gone| gone == sequence)
            } else {
                let text = texts.get(random.random_range(0..texts.len())).unwrap();
                let passages = random.random_range(0..3);
                let vectors = (0..passages).map(|_| random_vector(&mut random)).collect();
                let turn = turn(sequence, text, vectors);
                store.insert(sequence, turn.clone());
                branch.upsert(&turn)
            };
            branch.settle();
            let loaded = LoadedBranch::build(store.values().cloned().collect());
            if standing == Standing::Outdated {
                branch = loaded;
            } else {
                let (one_by_one, at_once) =
                    (all_scores(&branch, &asked), all_scores(&loaded, &asked));
                assert_eq!(one_by_one.len(), at_once.len(), "seed {seed}, step {step}");
                for (one, other) in one_by_one.iter().zip(&at_once) {
                    assert!(alike(one, other), "seed {seed}, step {step}: {one:?} {other:?}");
                }
            }
        }
    }
}

#[test]
fn a_long_branch_that_grows_comes_to_the_same_as_a_load() {
    let mut random = StdRng::seed_from_u64(9);
    let asked = random_vector(&mut random);
    let (mut turns, mut branch) = (Vec::new(), LoadedBranch::default());
    for step in 0..200 {
        // Now and then an earlier one is put in its gap, without vectors or again.
        let known = turns.len() as u64;
        let sequence = if step % 17 == 16 { 1 + known / 2 } else { 2 * known + 2 };
        let vectors = (0..step % 3).map(|_| random_vector(&mut random)).collect();
        let turn = turn(sequence, "apples", vectors);
        turns.retain(|known: &IndexedTurn| known.sequence != sequence);
        turns.push(turn.clone());
        turns.sort_by_key(|turn| turn.sequence);
        branch.upsert(&turn);
        branch.settle();
        let at_once = all_scores(&LoadedBranch::build(turns.clone()), &asked);
        let one_by_one = all_scores(&branch, &asked);
        assert_eq!(one_by_one.len(), at_once.len());
        for (one, other) in one_by_one.iter().zip(&at_once) {
            assert!(alike(one, other), "step {step}: {one:?} {other:?}");
        }
    }
}

/// Whether scores by words hold no more after a change, and the turn that has this vector.
fn after(
    branch: &mut LoadedBranch,
    asked: &Vector,
    change: impl FnOnce(&mut LoadedBranch) -> Standing,
) -> (bool, Option<Sequence>) {
    let before = branch.state();
    change(branch);
    branch.settle();
    let scored = matches(branch, &QueryTerms::default(), &Corpus::default(), Some(asked));
    let near = scored.iter().find(|one| one.dense.is_some_and(|dense| dense > 0.999));
    (branch.state() != before, near.map(|one| one.sequence))
}

#[test]
fn scores_by_words_hold_while_only_vectors_come() {
    let asked = random_vector(&mut StdRng::seed_from_u64(12));
    let mut branch = LoadedBranch::build(vec![turn(1, "apple", vec![]), turn(2, "ferry", vec![])]);
    let embedded = |text: &str| turn(2, text, vec![asked.clone()]);
    let mut take_in = |turn: IndexedTurn| after(&mut branch, &asked, |one| one.upsert(&turn));
    assert_eq!(take_in(embedded("ferry")), (false, Some(2)), "it was entered by words");
    assert_eq!(take_in(turn(2, "ferry", vec![])), (false, None));
    assert_eq!(take_in(embedded("harbour")), (true, Some(2)), "other words");
    assert_eq!(take_in(turn(3, "ferry", vec![])), (true, Some(2)), "another turn");
    assert_eq!(after(&mut branch, &asked, |one| one.remove(|_| false)), (false, Some(2)));
    assert_eq!(after(&mut branch, &asked, |one| one.remove(|at| at == 3)), (true, Some(2)));
}

/// The same but for the order in which floats were added up.
fn alike(one: &Match, other: &Match) -> bool {
    let near = |a: f32, b: f32| (a - b).abs() < 1e-4;
    let both = |a: Option<f32>, b: Option<f32>| match (a, b) {
        (Some(a), Some(b)) => near(a, b),
        (a, b) => a == b,
    };
    one.sequence == other.sequence
        && one.passage == other.passage
        && both(one.dense, other.dense)
        && both(one.dense_centred, other.dense_centred)
        && both(one.dense_first, other.dense_first)
        && near(one.bm25, other.bm25)
        && near(one.bm25_window, other.bm25_window)
        && near(one.bigram, other.bigram)
}
