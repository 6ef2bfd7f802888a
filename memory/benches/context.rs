//! What assembling a window costs beside the search: histories of 100 to
//! 10,000 turns with prepared costs, 200 proposals, a window of 4,096 tokens.

#![allow(clippy::unwrap_used, reason = "a bench may fail")]
#![allow(missing_docs, reason = "criterion's macros")]

use std::{hint::black_box, sync::Arc};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use jiff::{Timestamp, ToSpan as _};
use throughline_memory::{
    context::{
        CL100K_BASE, Pin, Query, RetrievedTurn, Tokenizers, TurnCost, TurnReader, WindowInput,
        WindowOptions, assemble, turn_cost,
    },
    facts::{Fact, FactKind, Origin, Owner, Statement},
    turn::{ConversationId, FactId, Part, Role, Sequence, Turn},
};

const PROPOSALS: usize = 200;
const WORDS: [&str; 12] = [
    "budget", "the", "invoice", "of", "March", "was", "sent", "to", "Caroline", "and", "paid",
    "late",
];

struct History(Vec<Arc<Turn>>);

impl TurnReader for History {
    fn read(&self, _: Option<&ConversationId>, sequence: Sequence) -> Option<Arc<Turn>> {
        self.0.get(usize::try_from(sequence).ok()?.checked_sub(1)?).cloned()
    }
}

/// Turns of 10 to 89 words; every tenth calls a tool.
fn history(turns: usize) -> History {
    let said = |n: usize| {
        let words = (0..10 + (n * 37) % 80).map(|k| WORDS[(n * 7 + k * 5) % WORDS.len()]);
        words.collect::<Vec<_>>().join(" ")
    };
    let turn = |n: usize| {
        let id = format!("call-{}", n / 10);
        let (role, part) = match n % 10 {
            7 => (
                Role::Assistant,
                Part::ToolCall {
                    call_id: id,
                    name: "find".to_owned(),
                    arguments_json: "{\"month\":3}".to_owned(),
                },
            ),
            8 => (Role::Tool, Part::ToolResult { call_id: id, content: said(n) }),
            even if even % 2 == 0 => (Role::User, Part::Text(said(n))),
            _ => (Role::Assistant, Part::Text(said(n))),
        };
        let said_at = Timestamp::UNIX_EPOCH + (n as i64).minutes();
        Arc::new(Turn {
            sequence: n as u64 + 1,
            role,
            speaker: String::new(),
            parts: vec![part],
            said_at,
            created_at: said_at,
            client_turn_id: n.to_string(),
            metadata: Vec::new(),
            forgotten: false,
        })
    };
    History((0..turns).map(turn).collect())
}

fn pins() -> Vec<Pin> {
    let pin = |n: usize| Pin {
        fact: Fact {
            id: FactId::generate(),
            kind: FactKind::Preference,
            text: format!("Preference {n}: answer briefly and name the month."),
            required: n == 0,
            source: Some(n as u64 + 1),
            source_span: None,
            request_id: String::new(),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            says: Statement::default(),
            source_role: Some(Role::User),
            valid_from: Timestamp::UNIX_EPOCH,
            known_turn: n as u64 + 1,
            edges: Vec::new(),
            turns: Vec::new(),
            rejected: Vec::new(),
            sketch: Vec::new(),
            origin: Origin::Caller,
            owner: Owner::Conversation,
            restored_at: None,
            for_every_answer: false,
        },
        authority: Role::User,
        conversation: None,
        whole_turn: false,
        said_at: Some(Timestamp::UNIX_EPOCH),
        mark: None,
        line: None,
    };
    (0..8).map(pin).collect()
}

fn bench(c: &mut Criterion) {
    let counter = Tokenizers::builtin().get(CL100K_BASE).unwrap();
    let options = WindowOptions::new(4_096, counter);
    let query = Query::Text("When was the invoice of March paid?".to_owned());
    let pins = pins();
    let mut group = c.benchmark_group("assemble");
    for turns in [100, 1_000, 5_000, 10_000] {
        let reader = history(turns);
        let costs: Vec<TurnCost> =
            reader.0.iter().map(|turn| turn_cost(turn, options.counter.as_ref())).collect();
        let retrieved: Vec<_> = (0..PROPOSALS)
            .map(|rank| RetrievedTurn {
                conversation: None,
                cost: costs[(rank * 7_919) % turns],
                score: 1.0 - rank as f32 / PROPOSALS as f32,
                components: vec![("dense", 0.5), ("lexical", 0.4)],
            })
            .collect();
        let input = WindowInput {
            pins: &pins,
            summaries: &[],
            history: &costs,
            retrieved: &retrieved,
            query: &query,
            recent_from: None,
            carried: None,
            marks: &Default::default(),
            reader: &reader,
        };
        group.bench_function(BenchmarkId::from_parameter(turns), |b| {
            b.iter(|| assemble(black_box(&options), black_box(&input)));
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
