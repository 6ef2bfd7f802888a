//! `prefix`: replays conversations turn by turn as an application would
//! (`PrepareTurn` for the user's turns, `AppendTurns` for the others) and
//! measures how much of each window a provider's prefix cache could keep from
//! the one before: by the server's word, and by an own comparison of the two.

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use throughline_proto::v1::{
    AppendTurnsRequest, ContextOptions, ContextWindow, DeleteConversationRequest,
    PrepareTurnRequest, Turn,
};

use crate::{
    cli::PrefixArgs,
    client::{Api, retry},
    dataset::{Conversation, DatasetName, Speaker},
    folds::Kind,
    metrics::{Samples, ranking::truth},
    report::Report,
};

use super::{
    ingest::{create, turn},
    pass::{Opened, passes, read},
    progress::Progress,
    window::{TOKENIZER, common_prefix, recount},
};

/// Runs the command and delivers its result.
///
/// # Errors
/// The data cannot be read, or the server does not start or answer.
pub(crate) async fn run(args: &PrefixArgs) -> anyhow::Result<()> {
    let mut data = args.data.clone();
    if data.split.is_none() && data.dataset == DatasetName::Longmemeval {
        // Whole histories as they were written, not one for each question.
        data.split = Some("full".to_owned());
    }
    let dataset = read(&data)?;
    let mut report = Report::new("prefix", Value::Null);
    let mut samples = Samples::default();
    let (mut servers, mut windows) = (Vec::new(), 0);
    for pass in passes(&dataset, &args.folds, Kind::Ranking)? {
        let opened = Opened::for_pass(&args.server, &pass).await?;
        let conversations = &pass.dataset.conversations;
        let fold = pass.fold.as_ref();
        servers.push(opened.describe(fold, "conversations", conversations.len()));
        report.model_sha256 = opened.model_sha256();
        let turns = conversations.iter().map(Conversation::len).sum();
        let progress = Progress::new(turns, conversations.len(), "conversations");
        let replayed: Vec<(String, Vec<Step>)> = futures::stream::iter(conversations)
            .map(|conversation| replay(&opened.api, conversation, args, &progress))
            .buffer_unordered(usize::from(args.server.in_flight))
            .try_collect()
            .await?;
        for (conversation, steps) in replayed {
            windows += steps.len();
            steps.iter().for_each(|step| step.add(&mut samples, &conversation, args.budget));
        }
        opened.close().await?;
    }
    report.config = json!({
        "budget": args.budget,
        "tokenizer": TOKENIZER,
        "folds": args.folds.folds,
        "limit": data.limit,
        "seed": data.seed,
        "servers": servers,
    });
    report.fill(&dataset, &samples, data.seed);
    report.n = windows;
    report.deliver(args.out.out.as_deref())
}

/// A window after the first of its conversation.
struct Step {
    claimed: f64,
    measured: f64,
    tokens: usize,
    over: bool,
}

impl Step {
    fn between(before: &ContextWindow, now: &ContextWindow) -> Self {
        let tokens = recount(now);
        let share = |part: f64| part / f64::from(now.total_tokens.max(1));
        Self {
            claimed: share(f64::from(now.unchanged_prefix_tokens)),
            measured: common_prefix(before, now) as f64 / tokens as f64,
            tokens,
            over: tokens > now.token_budget as usize,
        }
    }

    fn add(&self, samples: &mut Samples, conversation: &str, budget: u32) {
        let mut median = |name: &str, value: f64| {
            let name = format!("{name}@{budget}");
            samples.add_for_median(&name, conversation, conversation, value);
        };
        median("unchanged_prefix", self.claimed);
        median("measured_prefix", self.measured);
        let mut mean = |name: &str, value: f64| {
            samples.add(&format!("{name}@{budget}"), conversation, conversation, value);
        };
        mean("unchanged_prefix_mean", self.claimed);
        mean("window_tokens", self.tokens as f64);
        mean("over_budget", truth(self.over));
    }
}

async fn replay(
    api: &Api,
    conversation: &Conversation,
    args: &PrefixArgs,
    progress: &Progress,
) -> anyhow::Result<(String, Vec<Step>)> {
    let hash = blake3::hash(conversation.id.as_bytes()).to_hex();
    let id = format!("p{}", hash.chars().take(31).collect::<String>());
    let name = create(api, &id, &id).await?;
    let mut steps = Vec::new();
    let mut before: Option<ContextWindow> = None;
    for placed in conversation.turns().filter(|placed| !placed.message.is_blank()) {
        let turn = turn(&placed, &format!("{id}-{}", placed.position));
        match placed.message.role {
            Speaker::User => {
                let window = prepare(api, &name, turn, args.budget).await?;
                steps.extend(before.as_ref().map(|before| Step::between(before, &window)));
                before = Some(window);
            }
            Speaker::Assistant => append(api, &name, turn).await?,
        }
        progress.turns(1);
    }
    progress.question();
    let call = async || {
        let request = DeleteConversationRequest { name: name.clone() };
        api.conversations.clone().delete_conversation(request).await
    };
    retry("DeleteConversation", call).await?;
    Ok((conversation.id.clone(), steps))
}

async fn prepare(api: &Api, name: &str, turn: Turn, budget: u32) -> anyhow::Result<ContextWindow> {
    let call = async || {
        let options = ContextOptions {
            token_budget: i32::try_from(budget).unwrap_or(i32::MAX),
            tokenizer: TOKENIZER.to_owned(),
            ..ContextOptions::default()
        };
        let request = PrepareTurnRequest {
            conversation: name.to_owned(),
            turn: Some(turn.clone()),
            options: Some(options),
            expected_last_sequence: None,
        };
        api.context.clone().prepare_turn(request).await
    };
    let reply = retry("PrepareTurn", call).await?.into_inner();
    reply.window.context("PrepareTurn answered without a window")
}

async fn append(api: &Api, name: &str, turn: Turn) -> anyhow::Result<()> {
    let call = async || {
        let request = AppendTurnsRequest {
            conversation: name.to_owned(),
            turns: vec![turn.clone()],
            ..AppendTurnsRequest::default()
        };
        api.conversations.clone().append_turns(request).await
    };
    retry("AppendTurns", call).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use throughline_proto::v1::ContextMessage;

    #[test]
    fn shares_are_of_the_newer_window() {
        let message = |content: &str| ContextMessage {
            content: content.to_owned(),
            ..ContextMessage::default()
        };
        let before = ContextWindow { messages: vec![message("one")], ..ContextWindow::default() };
        // 5 + 5 for the messages and 3 for the prompt.
        let now = ContextWindow {
            messages: vec![message("one"), message("two")],
            total_tokens: 20,
            token_budget: 12,
            unchanged_prefix_tokens: 5,
            ..ContextWindow::default()
        };
        let step = Step::between(&before, &now);
        assert_eq!((step.claimed, step.tokens, step.over), (0.25, 13, true));
        assert!((step.measured - 5.0 / 13.0).abs() < 1e-12);
    }
}
