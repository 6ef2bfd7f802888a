//! `throughline demo`: the main job on real input. Starts this same binary as a
//! service on loopback, plays a long conversation in through gRPC, asks it
//! questions, and prints the assembled windows.
//!
//! Everything goes over the wire: what is shown here, a chat backend gets.

mod print;
mod service;

use std::{path::PathBuf, time::Instant};

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use throughline_proto::v1::{
    BuildContextRequest, ContextOptions, Conversation, CreateConversationRequest,
    GetConversationRequest, Part, Role, StreamTurnsRequest, Turn, part,
};

use self::service::{Service, Stub};

/// The conversation that is played, one message a line; see its README.
const CONVERSATION: &str = include_str!("../../demo/conversation.jsonl");

/// Asked when `--ask` names none.
const QUESTIONS: [&str; 3] = [
    "What was my personal best time in the charity 5K run?",
    "What is the name of my cat, and what did I want to buy for it?",
    "Which signature drink did we pick for my mom's birthday party?",
];

/// Turns of one message of the import.
const TURNS_PER_MESSAGE: usize = 32;

/// Options of `throughline demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// A question to ask of the conversation; may be given several times.
    #[arg(long = "ask", value_name = "QUESTION")]
    ask: Vec<String>,
    /// Tokens that a window may cost.
    #[arg(long, default_value_t = 1_000, value_name = "TOKENS")]
    budget: i32,
    /// Another conversation: JSON Lines of `role`, `text` and `say_time`.
    #[arg(long, value_name = "FILE")]
    conversation: Option<PathBuf>,
    /// Where models are kept.
    #[arg(long, env = "THROUGHLINE_MODELS_DIR", value_name = "DIR")]
    models_dir: Option<PathBuf>,
}

/// One line of the conversation's file.
#[derive(Deserialize)]
struct Message {
    role: String,
    text: String,
    say_time: Option<String>,
}

/// Runs the demo.
///
/// # Errors
/// What stops it, in words that name the mend.
pub async fn run(args: DemoArgs) -> anyhow::Result<()> {
    let turns = read_conversation(args.conversation.as_ref())?;
    print::heading("Starting the service");
    let service = Service::start(args.models_dir.as_deref()).await?;
    let stub = service.connect().await?;
    print::line(&format!("listening on {}", service.address()));

    print::heading(&format!("Playing {} turns in", turns.len()));
    let conversation = play(&stub, turns).await?;

    let questions = if args.ask.is_empty() {
        QUESTIONS.iter().map(|question| (*question).to_owned()).collect()
    } else {
        args.ask
    };
    for question in &questions {
        let started = Instant::now();
        let window = stub
            .context()
            .build_context(BuildContextRequest {
                conversation: conversation.clone(),
                query: question.clone(),
                options: Some(ContextOptions { token_budget: args.budget, ..Default::default() }),
                min_revision: 0,
                as_of_turn: 0,
            })
            .await
            .with_context(|| format!("asking {question:?}"))?
            .into_inner()
            .window
            .context("the service gave no window")?;
        print::window(question, &window, started.elapsed());
    }
    service.stop().await?;
    print::next_steps();
    Ok(())
}

fn read_conversation(file: Option<&PathBuf>) -> anyhow::Result<Vec<Turn>> {
    let text = match file {
        Some(file) => std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?,
        None => CONVERSATION.to_owned(),
    };
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| {
            turn(number, line).with_context(|| format!("line {} of the conversation", number + 1))
        })
        .collect()
}

fn turn(number: usize, line: &str) -> anyhow::Result<Turn> {
    let message: Message = serde_json::from_str(line)?;
    let role = match message.role.as_str() {
        "system" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        other => anyhow::bail!("role {other:?} is none of system, user, assistant"),
    };
    let say_time = message
        .say_time
        .map(|time| -> anyhow::Result<_> {
            let time: jiff::Timestamp = time.parse().context("say_time is not RFC 3339")?;
            let (seconds, nanos) = (time.as_second(), time.subsec_nanosecond());
            Ok(prost_types::Timestamp { seconds, nanos })
        })
        .transpose()?;
    Ok(Turn {
        role: role.into(),
        parts: vec![Part { content: Some(part::Content::Text(message.text)) }],
        say_time,
        client_turn_id: format!("demo-{number}"),
        ..Default::default()
    })
}

/// Imports the turns and waits until they are searchable. Returns the
/// conversation's name.
async fn play(stub: &Stub, turns: Vec<Turn>) -> anyhow::Result<String> {
    let total = turns.len() as u64;
    let created = stub
        .conversations()
        .create_conversation(CreateConversationRequest {
            conversation: Some(Conversation { title: "Demo".to_owned(), ..Default::default() }),
            ..Default::default()
        })
        .await?
        .into_inner();
    let name = created.conversation.context("the service gave no conversation")?.name;
    let messages: Vec<StreamTurnsRequest> = turns
        .chunks(TURNS_PER_MESSAGE)
        .map(|turns| StreamTurnsRequest { conversation: name.clone(), turns: turns.to_vec() })
        .collect();
    let started = Instant::now();
    let stored = stub
        .conversations()
        .stream_turns(futures::stream::iter(messages))
        .await
        .context("importing the conversation")?
        .into_inner();
    print::line(&format!(
        "{} turns durable in {:.2} s; embedding them",
        stored.appended,
        started.elapsed().as_secs_f64()
    ));
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} turns searchable, {eta} left")?;
    let bar = ProgressBar::new(total).with_style(style);
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(200));
    loop {
        tick.tick().await;
        let request = GetConversationRequest { name: name.clone(), min_revision: 0 };
        let now = stub.conversations().get_conversation(request).await?.into_inner();
        let indexed = now.conversation.map_or(0, |now| now.indexed_sequence);
        bar.set_position(indexed);
        if indexed >= stored.last_sequence {
            break;
        }
    }
    bar.finish_and_clear();
    print::line(&format!("all searchable after {:.1} s", started.elapsed().as_secs_f64()));
    Ok(name)
}
