//! Searching one conversation in memory, by its length: by meaning, by words,
//! and by both.

#![allow(missing_docs, reason = "criterion makes a public function")]

use std::{hint::black_box, sync::Arc};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rand::{Rng, SeedableRng, rngs::StdRng};
use throughline_memory::{
    embed::Vector,
    index::{
        Branch, IndexQuery, IndexedTurn, Passage, Segment, TurnIndex, TurnSource, exact::ExactIndex,
    },
    store::StoreError,
    turn::{ConversationId, IdError, Role, Sequence, TenantId},
};

const DIMENSIONS: usize = 384;
const LENGTHS: [u64; 4] = [100, 1_000, 5_000, 10_000];
/// Words of a turn, and different words of the language.
const WORDS: usize = 30;
const VOCABULARY: f64 = 20_000.0;

struct Turns(Vec<IndexedTurn>);

impl TurnSource for Turns {
    fn load(&self, _: &Branch) -> Result<Vec<IndexedTurn>, StoreError> {
        Ok(self.0.clone())
    }
}

fn vector(random: &mut StdRng) -> Vector {
    let values: Vec<f32> = (0..DIMENSIONS).map(|_| random.random_range(-1.0..1.0)).collect();
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.iter().map(|value| value / length).collect()
}

/// Words with frequencies like those of a language: the logarithm of the rank
/// is evenly spread (Zipf).
fn text(random: &mut StdRng, words: usize) -> String {
    let word = |_| format!("w{}", VOCABULARY.powf(random.random_range(0.0..1.0)) as u64);
    (0..words).map(word).collect::<Vec<_>>().join(" ")
}

fn turns(length: u64) -> Vec<IndexedTurn> {
    let mut random = StdRng::seed_from_u64(length);
    let turn = |sequence| {
        let passage = Passage { start: 0, end: 1, vector: vector(&mut random) };
        IndexedTurn {
            sequence,
            role: Role::User,
            speaker: String::new(),
            said_at: jiff::Timestamp::UNIX_EPOCH,
            text: text(&mut random, WORDS),
            passages: vec![passage],
        }
    };
    (1..=length).map(turn).collect()
}

fn branch() -> Result<Branch, IdError> {
    let conversation = ConversationId::new("c")?;
    let segment = Segment { conversation: conversation.clone(), from: 1, until: Sequence::MAX };
    Ok(Branch { tenant: TenantId::new("t")?, conversation, segments: vec![segment] })
}

fn search(criterion: &mut Criterion) {
    let (Ok(runtime), Ok(branch)) =
        (tokio::runtime::Builder::new_multi_thread().worker_threads(1).build(), branch())
    else {
        return;
    };
    let branches = [branch];
    let mut random = StdRng::seed_from_u64(1);
    let (words, meaning) = (text(&mut random, 10), vector(&mut random));
    let query = |text: &str, vector: Option<&Vector>| IndexQuery {
        text: text.to_owned(),
        vector: vector.cloned(),
        limit: 50,
        prepared: None,
    };
    let queries = [
        ("dense", query("", Some(&meaning))),
        ("bm25", query(&words, None)),
        ("both", query(&words, Some(&meaning))),
    ];
    for (name, query) in queries {
        let mut group = criterion.benchmark_group(format!("search_{name}"));
        for length in LENGTHS {
            let index = ExactIndex::new(Arc::new(Turns(turns(length))), u64::MAX);
            group.bench_function(BenchmarkId::from_parameter(length), |bencher| {
                bencher.iter(|| {
                    let found = runtime.block_on(index.search(&branches, &query));
                    black_box(found.map(|found| found.len()))
                });
            });
        }
    }
}

/// Reading a conversation into memory, the store left out.
fn load(criterion: &mut Criterion) {
    let (Ok(runtime), Ok(branch)) =
        (tokio::runtime::Builder::new_multi_thread().worker_threads(1).build(), branch())
    else {
        return;
    };
    let branches = [branch];
    let query = IndexQuery { text: String::new(), vector: None, limit: 1, prepared: None };
    let source = Arc::new(Turns(turns(1_000)));
    criterion.bench_function("load_1000", |bencher| {
        bencher.iter(|| {
            let index = ExactIndex::new(source.clone(), u64::MAX);
            let found = runtime.block_on(index.search(&branches, &query));
            black_box(found.map(|found| found.len()))
        });
    });
}

criterion_group!(benches, search, load);
criterion_main!(benches);
