//! The program of `docs/rust.md`: two turns against the server that
//! `THROUGHLINE_ADDRESS` names.

use std::error::Error;

use throughline_client::{ChatMessage, Client, Commit, ErrorKind, Prepare, Settings, v1};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // THROUGHLINE_ADDRESS, THROUGHLINE_API_KEY
    let memory = Client::new(Settings::default())?;
    let created = memory
        .create_conversation(v1::CreateConversationRequest {
            conversation_id: "trip".to_owned(),
            ..Default::default()
        })
        .await;
    match created {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        other => drop(other?),
    }

    let prepare = Prepare { budget: 2000, ..Default::default() };
    let turn = memory.prepare_turn("trip", "I am allergic to nuts.", prepare).await?;
    let answer = answer(&turn.messages);
    memory.commit_turn(&turn, [ChatMessage::assistant(answer)], Commit::default()).await?;
    Ok(())
}

/// Stands for a call of your model, which takes the messages as they are.
fn answer(messages: &[ChatMessage]) -> String {
    format!("I read {} messages.", messages.len())
}
