//! What goes to the model instead of the history: the window, with messages of the
//! request in it as they came wherever they stand in it word for word.

use bytes::Bytes;
use throughline_memory::{
    context::{Item, Message, Section},
    engine::{ContextOutcome, Engine, EngineError, Shortfall},
    turn::{Part, Role, Sequence, TenantId},
};

use super::{placing::Place, print::spoken, request::Request, said::Said};
use crate::{
    pb,
    wire::{ContextFields, Violations, context_request},
};

/// A message for the model.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Placed {
    /// As the caller sent it, byte for byte.
    AsItCame(Bytes),
    /// Of the window.
    Remembered(Message),
}

/// How windows are built.
#[derive(Clone, Debug)]
pub(super) struct WindowOptions {
    /// Tokens that it may cost.
    pub(super) budget: i32,
    /// What counts them.
    pub(super) tokenizer: String,
}

/// A window with what it saved.
pub(super) struct Built {
    pub(super) messages: Vec<Placed>,
    /// Tokens of the window.
    pub(super) tokens: u32,
    /// Tokens of the whole history.
    pub(super) history_tokens: u64,
}

/// Builds the window of a request that was placed.
///
/// # Errors
/// Those of [`Engine::build_context`].
pub(super) async fn build(
    engine: &Engine,
    tenant: &TenantId,
    place: &Place,
    request: &Request,
    options: &WindowOptions,
) -> Result<Built, EngineError> {
    let mut outcome = None;
    if place.last == place.user && !place.is_answered {
        let built = ask(engine, tenant, place, options, 0).await?;
        // Another turn may have come meanwhile: the window would be for that, or hold
        // the answer of another request.
        outcome = Some(built).filter(|outcome| is_for(outcome, place.user));
    }
    let outcome = match outcome {
        Some(outcome) => outcome,
        None => ask(engine, tenant, place, options, place.user).await?,
    };
    Ok(Built {
        messages: messages(&outcome, place, request),
        tokens: outcome.window.total_tokens,
        history_tokens: outcome.full_history_tokens,
    })
}

async fn ask(
    engine: &Engine,
    tenant: &TenantId,
    place: &Place,
    options: &WindowOptions,
    as_of_turn: Sequence,
) -> Result<ContextOutcome, EngineError> {
    let mut violations = Violations::new();
    let fields = ContextFields { as_of_turn, ..ContextFields::default() };
    let given = pb::ContextOptions {
        token_budget: options.budget,
        tokenizer: options.tokenizer.clone(),
        ..pb::ContextOptions::default()
    };
    let (known, limits) = (engine.tokenizer_names(), engine.limits());
    let wanted = context_request(fields, Some(given), &known, limits, &mut violations);
    let wanted = violations.finish(wanted)?;
    engine.build_context(tenant, &place.conversation, wanted).await
}

fn is_for(outcome: &ContextOutcome, user: Sequence) -> bool {
    let items = &outcome.window.items;
    if items.iter().any(|item| is_later(item, user)) {
        return false;
    }
    let asked = items.iter().find(|item| item.section == Section::Query);
    match asked {
        Some(item) => item.sequence == Some(user),
        // Too large for the window: it is sent as it came.
        None => outcome.shortfalls.iter().any(|s| matches!(s, Shortfall::QueryTurnTooLarge(_))),
    }
}

/// Whether an item of the conversation is, or stands for, a turn behind the user's.
fn is_later(item: &Item, user: Sequence) -> bool {
    let newest = item.summarizes.map(|(_, last)| last).max(item.sequence);
    item.conversation.is_none() && newest.is_some_and(|sequence| sequence > user)
}

fn messages(outcome: &ContextOutcome, place: &Place, request: &Request) -> Vec<Placed> {
    let window = &outcome.window;
    let mut placed: Vec<Placed> = Vec::with_capacity(window.messages.len() + request.said.len());
    for (at, message) in window.messages.iter().enumerate() {
        let mut items = window.items.iter().filter(|item| item.message == at);
        let (Some(item), None) = (items.next(), items.next()) else {
            placed.push(Placed::Remembered(message.clone()));
            continue;
        };
        match item.section {
            // Sent as it came, below.
            Section::Query => {}
            Section::Recent if item.conversation.is_none() => {
                let came = item.sequence.and_then(|sequence| {
                    let at = place.places.iter().position(|place| *place == sequence)?;
                    request.said.get(at).filter(|said| says(said, message))
                });
                placed.push(match came {
                    Some(said) => Placed::AsItCame(said.raw.clone()),
                    None => Placed::Remembered(message.clone()),
                });
            }
            _ => placed.push(Placed::Remembered(message.clone())),
        }
    }
    let newest = request.said.iter().skip(request.user).chain(&request.prefill);
    placed.extend(newest.map(|said| Placed::AsItCame(said.raw.clone())));
    placed
}

/// Whether a message of the window says what a message of the request does: a mark on
/// it must not get lost. What the model thought is left out if the client left it out.
fn says(said: &Said, message: &Message) -> bool {
    let texts = said.parts().iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let text = texts.collect::<Vec<_>>().join("\n");
    let is_answer = said.role == Role::Assistant;
    text == message.content
        || is_answer && spoken(said.role, &text) == spoken(said.role, &message.content)
}

#[cfg(test)]
mod tests {
    use throughline_memory::turn::ConversationId;

    use super::*;

    fn item(sequence: Option<Sequence>, summarizes: Option<(Sequence, Sequence)>) -> Item {
        Item {
            section: Section::Recent,
            conversation: None,
            sequence,
            fact: None,
            summarizes,
            message: 0,
            tokens: 1,
            score: None,
            components: Vec::new(),
            reason: String::new(),
            said_at: None,
            role: Role::Assistant,
        }
    }

    #[test]
    fn an_answer_of_another_request_is_behind_the_question() {
        assert!(is_later(&item(Some(8), None), 7));
        assert!(is_later(&item(None, Some((2, 8))), 7));
        assert!(!is_later(&item(Some(7), None), 7));
        assert!(!is_later(&item(None, Some((2, 6))), 7));
        assert!(!is_later(&item(None, None), 7));
        let other = ConversationId::new("other").ok();
        assert!(!is_later(&Item { conversation: other, ..item(Some(8), None) }, 7));
    }
}
