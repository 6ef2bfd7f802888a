//! What is stored of a conversation, as marks to compare with. Read once, then kept
//! in memory and continued with each new turn.
//!
//! Invariant: what is kept holds no content, which may be erased at any time: the
//! texts of answers that broke off are read anew for each request.

use std::sync::Arc;

use jiff::Timestamp;
use prost_types::value::Kind as ValueKind;
use throughline_memory::{
    engine::{Engine, EngineError, ListTurns},
    turn::{ConversationId, Role, Sequence, TenantId, Turn},
};

use super::{
    print::spoken,
    recognise::{Kind, Mark},
    said::{print_of, text_of},
};
use crate::wire::turn_to_proto;

/// Bytes of the marks that are kept, of all conversations: over a million turns.
const KEPT_BYTES: u64 = 64 << 20;
/// Bytes that a conversation takes beside its marks.
const ENTRY_BYTES: usize = 256;
/// Turns of one reading.
const PAGE_TURNS: usize = 1_000;
/// Bytes of one reading.
const PAGE_BYTES: usize = 8 << 20;

/// Metadata of an answer that did not come to its end, as the SDKs mark it.
pub(super) const CUT_OFF: &str = "cut_off";
/// Metadata of an answer: the upstream's word for how it ended.
pub(super) const FINISH_REASON: &str = "finish_reason";
/// Metadata of an answer: the newest turn when it was asked for.
pub(super) const ANSWERS: &str = "answers";
/// Metadata of a user's turn: the request that brought it had a history.
pub(super) const HISTORY: &str = "history";

/// A conversation as it stands.
#[derive(Clone)]
pub(super) struct Branch {
    pub(super) id: ConversationId,
    pub(super) marks: Arc<Vec<Mark>>,
}

impl Branch {
    /// Its newest sequence.
    pub(super) fn last(&self) -> Sequence {
        self.marks.len() as Sequence
    }
}

#[derive(Clone)]
struct Kept {
    created_at: Timestamp,
    marks: Arc<Vec<Mark>>,
}

/// The branches that were read.
pub(super) struct Branches {
    kept: moka::sync::Cache<(TenantId, ConversationId), Kept>,
}

impl Default for Branches {
    fn default() -> Self {
        let weight = |_: &(TenantId, ConversationId), kept: &Kept| {
            let bytes = ENTRY_BYTES + kept.marks.capacity() * size_of::<Mark>();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self { kept: moka::sync::Cache::builder().max_capacity(KEPT_BYTES).weigher(weight).build() }
    }
}

impl Branches {
    /// The conversation as it stands now; none if there is none of the id.
    ///
    /// # Errors
    /// `Store`.
    pub(super) async fn read(
        &self,
        engine: &Engine,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Option<Branch>, EngineError> {
        let found = match engine.get_conversation(tenant, id).await {
            Ok(found) => found,
            Err(EngineError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let key = (tenant.clone(), id.clone());
        // Another conversation may have had the id.
        let kept = self.kept.get(&key).filter(|kept| kept.created_at == found.created_at);
        let known = kept.map(|kept| kept.marks).unwrap_or_default();
        if known.len() as Sequence == found.last_sequence {
            let marks = with_texts(engine, tenant, id, known).await?;
            return Ok(Some(Branch { id: id.clone(), marks }));
        }
        let mut marks = Arc::unwrap_or_clone(known);
        while (marks.len() as Sequence) < found.last_sequence {
            let which = ListTurns {
                from: marks.len() as Sequence + 1,
                descending: false,
                limit: PAGE_TURNS,
                max_bytes: PAGE_BYTES,
            };
            let page = engine.list_turns(tenant, id, which).await?;
            if page.turns.is_empty() {
                break;
            }
            for turn in page.turns {
                marks.push(mark(id, &turn)?);
            }
        }
        let marks = Arc::new(marks);
        self.kept.insert(key, Kept { created_at: found.created_at, marks: Arc::clone(&marks) });
        let marks = with_texts(engine, tenant, id, marks).await?;
        Ok(Some(Branch { id: id.clone(), marks }))
    }
}

/// Marks with the texts of what broke off.
async fn with_texts(
    engine: &Engine,
    tenant: &TenantId,
    id: &ConversationId,
    marks: Arc<Vec<Mark>>,
) -> Result<Arc<Vec<Mark>>, EngineError> {
    if !marks.iter().any(Mark::is_cut_off) {
        return Ok(marks);
    }
    let mut marks = Arc::unwrap_or_clone(marks);
    for (sequence, known) in (1..).zip(&mut marks).filter(|(_, mark)| mark.is_cut_off()) {
        let which =
            ListTurns { from: sequence, descending: false, limit: 1, max_bytes: usize::MAX };
        let page = engine.list_turns(tenant, id, which).await?;
        if let Some(turn) = page.turns.first() {
            *known = mark(id, turn)?;
            if let Kind::CutOff(_, text) = &mut known.kind {
                let said = text_of(&turn.parts);
                *text = Some(spoken(turn.role, &said).into());
            }
        }
    }
    Ok(Arc::new(marks))
}

/// The mark of a turn, without its text.
fn mark(id: &ConversationId, turn: &Turn) -> Result<Mark, EngineError> {
    if turn.forgotten {
        return Ok(Mark { role: turn.role, kind: Kind::Forgotten, with_history: None });
    }
    let noted = Noted::of(id, turn)?;
    let print = print_of(turn);
    let kind = if turn.role == Role::Assistant && noted.broke_off() {
        Kind::CutOff(print, None)
    } else {
        Kind::Whole(print)
    };
    Ok(Mark { role: turn.role, kind, with_history: noted.history })
}

/// A truth value as metadata.
pub(super) fn truth(value: bool) -> prost_types::Value {
    prost_types::Value { kind: Some(ValueKind::BoolValue(value)) }
}

/// What the metadata of a turn says to the proxy.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Noted {
    cut_off: bool,
    finished: bool,
    history: Option<bool>,
    pub(super) answers: Option<Sequence>,
}

impl Noted {
    /// Reads it.
    ///
    /// # Errors
    /// A corrupt record.
    pub(super) fn of(id: &ConversationId, turn: &Turn) -> Result<Self, EngineError> {
        if turn.metadata.is_empty() {
            return Ok(Self::default());
        }
        let fields = turn_to_proto(id, turn, true)?.metadata.unwrap_or_default().fields;
        let kind = |name| fields.get(name).and_then(|value| value.kind.as_ref());
        let truth = |name| match kind(name) {
            Some(ValueKind::BoolValue(value)) => Some(*value),
            _ => None,
        };
        let answers = match kind(ANSWERS) {
            Some(ValueKind::NumberValue(value)) if *value >= 0.0 => Some(*value as Sequence),
            _ => None,
        };
        Ok(Self {
            cut_off: truth(CUT_OFF).unwrap_or(false),
            finished: kind(FINISH_REASON).is_some(),
            history: truth(HISTORY),
            answers,
        })
    }

    /// The answer ended without the model ending it: the client may have less.
    pub(super) fn broke_off(&self) -> bool {
        self.cut_off && !self.finished
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use throughline_memory::turn::Part;

    use super::*;

    #[test]
    fn what_is_kept_of_an_answer_that_broke_off_holds_no_text() {
        let fields = [(CUT_OFF.to_owned(), truth(true))].into();
        let turn = Turn {
            sequence: 2,
            role: Role::Assistant,
            speaker: String::new(),
            parts: vec![Part::Text("hello th".to_owned())],
            said_at: Timestamp::UNIX_EPOCH,
            created_at: Timestamp::UNIX_EPOCH,
            client_turn_id: "t".to_owned(),
            metadata: prost_types::Struct { fields }.encode_to_vec(),
            forgotten: false,
        };
        let id = ConversationId::new("c").unwrap();
        let known = mark(&id, &turn).unwrap();
        assert!(known.is_cut_off() && matches!(known.kind, Kind::CutOff(_, None)), "{known:?}");
        let forgotten = Turn { parts: Vec::new(), forgotten: true, ..turn };
        assert!(matches!(mark(&id, &forgotten).unwrap().kind, Kind::Forgotten));
    }
}
