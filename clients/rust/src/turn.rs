//! The two calls of a chat backend for a turn: what the user said comes in and a
//! window goes out, the model's answer is stored.

use prost_types::{Struct, Value, value::Kind};
use throughline_proto::v1;

use crate::{ChatMessage, Client, Error, RoleError, chat::answering, methods::fill};

/// How a turn is prepared.
#[derive(Clone, Debug, Default)]
pub struct Prepare {
    /// Tokens that the window may cost; the server's default if 0. Stands above that
    /// of `options`. A message that is larger is sent nevertheless, and a shortfall of
    /// the window says so.
    pub budget: i32,
    /// What else it is built by.
    pub options: v1::ContextOptions,
    /// Makes the call exactly-once across restarts of the caller; drawn if empty.
    pub turn_id: String,
    /// Append only on this state of the conversation.
    pub expected_last_sequence: Option<u64>,
}

/// How an answer is stored.
#[derive(Clone, Copy, Debug, Default)]
pub struct Commit {
    /// An answer may come in pieces, such as one for each round of tool calls: how
    /// many messages since the user's were committed before.
    pub position: usize,
    /// The answer did not come to its end.
    pub cut_off: bool,
}

/// A stored turn of the user with the window for its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct PreparedTurn {
    /// `conversations/{id}`.
    pub conversation: String,
    /// The client turn id: preparing the same id again appends nothing.
    pub turn_id: String,
    /// `conversations/{id}/turns/{sequence}`.
    pub turn: String,
    /// The turn was stored before.
    pub repeated: bool,
    /// Ready for a chat completion; the user's message as it was given, also where it is
    /// larger than the budget.
    pub messages: Vec<ChatMessage>,
    /// What the messages are made of, what they cost, and what was missing.
    pub window: v1::ContextWindow,
}

/// `conversations/{id}` of a name or an id.
pub(crate) fn conversation_name(conversation: &str) -> String {
    let named = conversation.starts_with("conversations/");
    if named { conversation.to_owned() } else { format!("conversations/{conversation}") }
}

impl Client {
    /// Stores the user's message and builds the window for its answer. The
    /// conversation is a name or an id.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn prepare_turn(
        &self,
        conversation: &str,
        message: impl Into<ChatMessage>,
        prepare: Prepare,
    ) -> Result<PreparedTurn, Error> {
        let Prepare { budget, mut options, mut turn_id, expected_last_sequence } = prepare;
        fill(&mut turn_id);
        if budget != 0 {
            options.token_budget = budget;
        }
        let conversation = conversation_name(conversation);
        let asked = message.into();
        let turn = v1::Turn { client_turn_id: turn_id.clone(), ..turn_of(asked.clone())? };
        let request = v1::PrepareTurnRequest {
            conversation: conversation.clone(),
            turn: Some(turn),
            options: Some(options),
            expected_last_sequence,
        };
        let service = self.context();
        let send = |request| {
            let mut service = service.clone();
            async move { service.prepare_turn(request).await }
        };
        let answer = self.send(true, request, send).await?;
        let window = answer.window.unwrap_or_default();
        Ok(PreparedTurn {
            conversation,
            turn_id,
            turn: answer.turn,
            repeated: answer.repeated_append,
            messages: answering(&window, asked),
            window,
        })
    }

    /// Stores the answer to a prepared turn: the messages that it took (tool calls,
    /// their results, the text). Exactly-once for each prepared turn.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn commit_turn(
        &self,
        turn: &PreparedTurn,
        answer: impl IntoIterator<Item = ChatMessage>,
        commit: Commit,
    ) -> Result<v1::AppendTurnsResponse, Error> {
        let stored = answer.into_iter().enumerate().map(|(index, message)| {
            let client_turn_id = format!("{}/{}", turn.turn_id, commit.position + index);
            Ok(v1::Turn { client_turn_id, ..turn_of(message)? })
        });
        let mut turns = stored.collect::<Result<Vec<_>, Error>>()?;
        if let Some(last) = turns.last_mut().filter(|_| commit.cut_off) {
            let yes = Value { kind: Some(Kind::BoolValue(true)) };
            last.metadata = Some(Struct { fields: [("cut_off".to_owned(), yes)].into() });
        }
        let conversation = turn.conversation.clone();
        let request = v1::AppendTurnsRequest { conversation, turns, ..Default::default() };
        self.append_turns(request).await
    }
}

/// A role that does not exist is the caller's fault, like any other field.
fn turn_of(message: ChatMessage) -> Result<v1::Turn, Error> {
    message
        .try_into()
        .map_err(|error: RoleError| tonic::Status::invalid_argument(error.to_string()).into())
}
