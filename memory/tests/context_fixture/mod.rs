//! Conversations in memory for the tests of context assembly: a builder, a
//! reader of turns, and windows as readable text.

#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod cases;
pub(crate) mod invariants;

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use jiff::{Timestamp, ToSpan as _};
use throughline_memory::{
    context::{
        AssembleError, Carried, Marks, Pin, Query, RetrievedTurn, SummaryUnit, TokenCounter,
        Tokenizers, TurnCost, TurnReader, Window, WindowInput, WindowOptions, assemble,
        marked_cost, turn_cost,
    },
    facts::{Fact, FactKind, Origin, Owner, Statement},
    turn::{ConversationId, FactId, OpaqueSource, Part, Role, Sequence, Turn},
};

/// A `tokenizer.json` that adds up in neither direction where units meet: it
/// merges a line feed with the bracket behind it before the merges that either
/// side would make alone. It also cuts at 8 tokens, as files saved from
/// training do.
pub(crate) fn awkward_tokenizer_json() -> String {
    let merges = [("\n", "["), (".", "\n"), ("[", "2"), ("a", "\n"), ("e", "l"), ("el", "l")];
    let mut vocab = BTreeMap::from([("<unk>".to_owned(), 0)]);
    for c in ('a'..='z').chain(" \n[].2:-·0123456789".chars()) {
        let id = vocab.len();
        vocab.entry(c.to_string()).or_insert(id);
    }
    for (left, right) in merges {
        let id = vocab.len();
        vocab.insert(format!("{left}{right}"), id);
    }
    serde_json::json!({
        "version": "1.0",
        "truncation": {
            "direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0
        },
        "padding": null,
        "added_tokens": [{
            "id": 0, "content": "<unk>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true
        }],
        "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": null,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": "<unk>",
            "continuing_subword_prefix": null, "end_of_word_suffix": null,
            "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocab,
            "merges": merges.iter().map(|(left, right)| [left, right]).collect::<Vec<_>>()
        }
    })
    .to_string()
}

/// The built-in tokenizers and the awkward one, as "awkward".
pub(crate) fn tokenizers() -> Tokenizers {
    let mut tokenizers = Tokenizers::builtin();
    tokenizers.add_json("awkward", awkward_tokenizer_json().as_bytes()).unwrap();
    tokenizers
}

pub(crate) fn cl100k() -> Arc<dyn TokenCounter> {
    Tokenizers::builtin().get("cl100k_base").unwrap()
}

/// Eight in the morning of 8 May 2023 and an hour for each sequence.
pub(crate) fn hour(sequence: Sequence) -> Timestamp {
    let start: Timestamp = "2023-05-08T08:00:00Z".parse().unwrap();
    start + (sequence as i64).hours()
}

pub(crate) fn turn(sequence: Sequence, role: Role, speaker: &str, parts: Vec<Part>) -> Turn {
    Turn {
        sequence,
        role,
        speaker: speaker.to_owned(),
        parts,
        said_at: hour(sequence),
        created_at: hour(sequence),
        client_turn_id: format!("turn-{sequence}"),
        metadata: Vec::new(),
        forgotten: false,
    }
}

pub(crate) fn text(text: impl Into<String>) -> Part {
    Part::Text(text.into())
}

pub(crate) fn call(id: &str, name: &str, arguments: &str) -> Part {
    Part::ToolCall {
        call_id: id.to_owned(),
        name: name.to_owned(),
        arguments_json: arguments.to_owned(),
    }
}

pub(crate) fn result(id: &str, content: &str) -> Part {
    Part::ToolResult { call_id: id.to_owned(), content: content.to_owned() }
}

pub(crate) fn picture(token_cost: u32) -> Part {
    let source = OpaqueSource::Uri("https://example.org/a.png".to_owned());
    Part::Opaque { media_type: "image/png".to_owned(), source, token_cost }
}

pub(crate) fn pin(id: &str, authority: Role, text: &str, source: Option<Sequence>) -> Pin {
    let fact = Fact {
        id: FactId::new(id).unwrap(),
        kind: FactKind::Instruction,
        text: text.to_owned(),
        required: false,
        source,
        source_span: None,
        request_id: String::new(),
        created_at: hour(source.unwrap_or(0)),
        updated_at: hour(source.unwrap_or(0)),
        says: Statement::default(),
        source_role: Some(authority),
        valid_from: hour(source.unwrap_or(0)),
        known_turn: source.unwrap_or(0),
        edges: Vec::new(),
        turns: Vec::new(),
        rejected: Vec::new(),
        sketch: Vec::new(),
        origin: Origin::Caller,
        owner: Owner::Conversation,
        restored_at: None,
    };
    Pin { fact, authority, conversation: None, said_at: source.map(hour), mark: None }
}

pub(crate) fn required(mut pin: Pin) -> Pin {
    pin.fact.required = true;
    pin
}

/// A summary of turns, some hours long.
pub(crate) fn summary(from: Sequence, until: Sequence, words: &str) -> SummaryUnit {
    SummaryUnit {
        from,
        until,
        first_said: hour(from),
        last_said: hour(until),
        text: words.to_owned(),
        model: "extractive".to_owned(),
    }
}

/// What search finds: a conversation, absent for the scene's own, and a turn.
pub(crate) type Found = (Option<ConversationId>, Sequence);

/// A conversation, what other conversations there are, and what is asked.
pub(crate) struct Scene {
    pub(crate) turns: Vec<Turn>,
    pub(crate) others: BTreeMap<ConversationId, Vec<Turn>>,
    pub(crate) pins: Vec<Pin>,
    pub(crate) summaries: Vec<SummaryUnit>,
    /// What search found, best first: conversation and sequence.
    pub(crate) found: Vec<Found>,
    pub(crate) query: Query,
    pub(crate) recent_from: Option<Sequence>,
    pub(crate) carried: Option<Carried>,
    pub(crate) marks: Marks,
    /// Turns that the store no longer has when they are read.
    pub(crate) gone: Vec<Sequence>,
}

impl Scene {
    pub(crate) fn new(turns: Vec<Turn>, query: &str) -> Self {
        Self {
            turns,
            others: BTreeMap::new(),
            pins: Vec::new(),
            summaries: Vec::new(),
            found: Vec::new(),
            query: Query::Text(query.to_owned()),
            recent_from: None,
            carried: None,
            marks: Marks::default(),
            gone: Vec::new(),
        }
    }

    /// Turns of users in talk between people, one text each.
    pub(crate) fn talk(lines: &[(Role, &str, &str)], query: &str) -> Self {
        let turns = lines.iter().enumerate().map(|(index, (role, speaker, line))| {
            turn(index as u64 + 1, *role, speaker, vec![text(*line)])
        });
        Self::new(turns.collect(), query)
    }

    pub(crate) fn find(mut self, sequences: &[Sequence]) -> Self {
        self.found.extend(sequences.iter().map(|sequence| (None, *sequence)));
        self
    }

    pub(crate) fn costs(&self, counter: &dyn TokenCounter) -> Vec<TurnCost> {
        let asked = match &self.query {
            Query::LastTurn(turn) => Some(turn.sequence),
            Query::Text(_) => None,
        };
        let others = self.turns.iter().filter(|turn| Some(turn.sequence) != asked);
        others.map(|turn| self.cost(None, turn, counter)).collect()
    }

    pub(crate) fn retrieved(&self, counter: &dyn TokenCounter) -> Vec<RetrievedTurn> {
        let turn_of = |(conversation, sequence): &Found| {
            let turns = match conversation {
                Some(other) => self.others.get(other)?,
                None => &self.turns,
            };
            turns.iter().find(|turn| turn.sequence == *sequence)
        };
        let mut retrieved = Vec::new();
        for (rank, found) in self.found.iter().enumerate() {
            let Some(turn) = turn_of(found) else { continue };
            let score = 1.0 / (rank as f32 + 1.0);
            retrieved.push(RetrievedTurn {
                conversation: found.0.clone(),
                cost: self.cost(found.0.as_ref(), turn, counter),
                score,
                components: vec![("dense", score / 2.0)],
            });
        }
        retrieved
    }

    fn cost(
        &self,
        of: Option<&ConversationId>,
        turn: &Turn,
        counter: &dyn TokenCounter,
    ) -> TurnCost {
        let cost = turn_cost(turn, counter);
        match self.marks.get(of, turn.sequence) {
            Some(mark) => marked_cost(cost, turn, &mark.note, counter),
            None => cost,
        }
    }

    pub(crate) fn assemble(&self, options: &WindowOptions) -> Result<Window, AssembleError> {
        let history = self.costs(options.counter.as_ref());
        let retrieved = self.retrieved(options.counter.as_ref());
        assemble(
            options,
            &WindowInput {
                pins: &self.pins,
                summaries: &self.summaries,
                history: &history,
                retrieved: &retrieved,
                query: &self.query,
                recent_from: self.recent_from,
                carried: self.carried.as_ref(),
                marks: &self.marks,
                reader: self,
            },
        )
    }
}

impl TurnReader for Scene {
    fn read(&self, conversation: Option<&ConversationId>, sequence: Sequence) -> Option<Arc<Turn>> {
        let turns = match conversation {
            Some(other) => self.others.get(other)?,
            None => &self.turns,
        };
        if self.gone.contains(&sequence) {
            return None;
        }
        turns.iter().find(|turn| turn.sequence == sequence).cloned().map(Arc::new)
    }
}

/// A window and its trace, for golden files.
pub(crate) fn show(window: &Window, budget: u32) -> String {
    let mut out = String::new();
    for (index, message) in window.messages.iter().enumerate() {
        let speaker = match message.speaker.as_str() {
            "" => String::new(),
            name => format!(" ({name})"),
        };
        writeln!(out, "=== {index} {}{speaker}", message.role.as_str()).unwrap();
        writeln!(out, "{}", message.content).unwrap();
        for part in &message.parts {
            writeln!(out, "+ {part:?}").unwrap();
        }
    }
    writeln!(out, "=== trace").unwrap();
    for item in &window.items {
        let turn = item.sequence.map_or("-".to_owned(), |sequence| sequence.to_string());
        let from = item.conversation.as_ref().map_or("", |other| other.as_str());
        let score = item.score.map_or(String::new(), |score| format!(" score {score:.2}"));
        writeln!(
            out,
            "{:?} message {} turn {turn} {from} {} tokens{score} {}: {}",
            item.section,
            item.message,
            item.tokens,
            item.role.as_str(),
            item.reason
        )
        .unwrap();
    }
    writeln!(
        out,
        "total {} of {budget}, overhead {}, recent from {:?}, yielded {:?}",
        window.total_tokens, window.overhead_tokens, window.recent_from, window.yielded
    )
    .unwrap();
    out
}
