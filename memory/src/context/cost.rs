//! What a turn costs, verbatim and as an excerpt: counted once for each
//! tokenizer, kept by the engine, and all that planning needs to know.
//!
//! Invariant: costs add up. A message is tokenised apart from the others
//! (special tokens stand between), and an excerpt apart from its neighbours in
//! the same message (see `quote`).

use serde::{Deserialize, Serialize};

use super::{
    options::TemplateOverhead,
    quote,
    render::{verbatim, weigh},
    tokens::TokenCounter,
};
use crate::turn::{Part, Role, Sequence, Turn};

/// Ids of tool calls that a turn's cost remembers of each kind.
const MAX_TOOL_IDS: usize = 8;
/// Stands in the last place for ids that there was no place for.
const MORE: u16 = u16::MAX;

/// Which tool calls a turn makes and answers, as hashes of their ids. 0 is no
/// id. What has more ids than there are places for is taken to match any: turns
/// are then held together that need not be, and none is torn apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolLinks {
    calls: [u16; MAX_TOOL_IDS],
    answers: [u16; MAX_TOOL_IDS],
}

impl ToolLinks {
    /// The ids in a turn's parts.
    pub fn of(parts: &[Part]) -> Self {
        let mut links = Self::default();
        for part in parts {
            let (ids, id) = match part {
                Part::ToolCall { call_id, .. } => (&mut links.calls, call_id),
                Part::ToolResult { call_id, .. } => (&mut links.answers, call_id),
                Part::Text(_) | Part::Opaque { .. } => continue,
            };
            if let Some(free) = ids.iter_mut().find(|slot| **slot == 0) {
                *free = hash(id);
            } else if let Some(last) = ids.last_mut() {
                *last = MORE;
            }
        }
        links
    }

    /// It answers a tool call.
    pub fn answers_any(&self) -> bool {
        self.answers.iter().any(|id| *id != 0)
    }

    /// The same with the answers to these calls taken out.
    pub(super) fn without(mut self, caller: &Self) -> Self {
        for id in self.answers.iter_mut().filter(|id| **id != MORE && caller.calls.contains(id)) {
            *id = 0;
        }
        self
    }

    /// It makes a call that there was a place for.
    pub(super) fn calls_any(&self) -> bool {
        self.calls.iter().any(|id| ![0, MORE].contains(id))
    }

    /// The same with the calls that these answer taken out.
    pub(super) fn answered_by(mut self, answer: &Self) -> Self {
        let any = answer.answers.contains(&MORE);
        for id in self.calls.iter_mut().filter(|id| any || answer.answers.contains(id)) {
            *id = 0;
        }
        self
    }

    /// It answers a call that the other one, which calls, makes.
    pub(super) fn answers(&self, caller: &Self) -> bool {
        let any = caller.calls.contains(&MORE);
        let answered = |id: &u16| *id == MORE || any || caller.calls.contains(id);
        self.answers.iter().filter(|id| **id != 0).any(answered)
    }
}

/// FNV-1a, folded to 1 to 65,534: ids that stand near each other need telling
/// apart, not guarding.
fn hash(id: &str) -> u16 {
    let hash = id
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    // The remainder is below 65,534, so nothing is cut off.
    (hash % u32::from(MORE - 1)) as u16 + 1
}

/// What is known of a turn without reading it: enough to plan with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnCost {
    /// The turn.
    pub sequence: Sequence,
    /// Who said it.
    pub role: Role,
    /// Tokens as a message of its own, template overhead left out; opaque parts
    /// at their stated cost.
    pub verbatim: u32,
    /// Tokens as a quoted excerpt (see `quote`), date and speaker included; 0
    /// for a turn without content, which stands in no window.
    pub quoted: u32,
    /// It calls a tool: the results that follow belong to it.
    pub calls_tool: bool,
    /// Which calls it makes and answers.
    pub links: ToolLinks,
}

impl TurnCost {
    /// It has no content: empty or forgotten.
    pub fn is_blank(&self) -> bool {
        self.quoted == 0
    }

    /// It takes part in a tool call.
    pub(super) fn in_tool_call(&self) -> bool {
        self.calls_tool || self.role == Role::Tool || self.links.answers_any()
    }

    /// Tokens that it adds as a message of its own; 0 if it is blank.
    pub(super) fn as_message(&self, overhead: TemplateOverhead) -> u64 {
        if self.is_blank() { 0 } else { u64::from(self.verbatim) + u64::from(overhead.per_message) }
    }
}

/// Where a turn stands in a history, which is in ascending sequence. Most hold every
/// turn from 1 on: that place is looked at first, for the others of a search are cold.
pub fn place_of(history: &[TurnCost], sequence: Sequence) -> Option<usize> {
    let expected = usize::try_from(sequence).ok()?.checked_sub(1)?;
    if history.get(expected).is_some_and(|turn| turn.sequence == sequence) {
        return Some(expected);
    }
    history.binary_search_by_key(&sequence, |turn| turn.sequence).ok()
}

/// Counts a turn. The engine keeps the answer for each tokenizer: a turn never
/// changes but by being forgotten.
pub fn turn_cost(turn: &Turn, counter: &dyn TokenCounter) -> TurnCost {
    let blank = is_blank(turn);
    TurnCost {
        sequence: turn.sequence,
        role: turn.role,
        verbatim: if blank { 0 } else { weigh(&verbatim(turn), counter) },
        // A tokenizer may make nothing of a text; only blank turns cost nothing.
        quoted: if blank { 0 } else { counter.count(&quote::excerpt(turn, "")).max(1) },
        calls_tool: turn.parts.iter().any(|part| matches!(part, Part::ToolCall { .. })),
        links: ToolLinks::of(&turn.parts),
    }
}

/// The turn has nothing to show.
pub(super) fn is_blank(turn: &Turn) -> bool {
    turn.forgotten
        || turn.parts.iter().all(|part| match part {
            Part::Text(text) => text.trim().is_empty(),
            Part::ToolCall { .. } | Part::ToolResult { .. } | Part::Opaque { .. } => false,
        })
}

/// What turns cost together as messages, apart from what a template adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistoryCost {
    tokens: u64,
    /// Turns that have content.
    messages: u64,
}

impl HistoryCost {
    /// With a further turn.
    #[must_use]
    pub fn and(self, cost: &TurnCost) -> Self {
        if cost.is_blank() {
            return self;
        }
        Self { tokens: self.tokens + u64::from(cost.verbatim), messages: self.messages + 1 }
    }

    /// What the turns would cost as one prompt, without any window: every turn
    /// verbatim, and a query of so many tokens (0 for none) as a message.
    pub fn as_prompt(self, overhead: TemplateOverhead, query: u32) -> u64 {
        let messages = self.messages + u64::from(query > 0);
        if messages == 0 {
            return 0;
        }
        let template = messages * u64::from(overhead.per_message) + u64::from(overhead.per_prompt);
        self.tokens + u64::from(query) + template
    }
}
