//! `throughline usage`: asks a running server what a tenant used, and prints it as
//! a table or as CSV.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use comfy_table::{Table, presets::NOTHING};
use tonic::{Request, metadata::AsciiMetadataValue, transport::Endpoint};

use crate::pb::{self, usage_service_client::UsageServiceClient};

/// Conversations of a page.
const PAGE: i32 = 1_000;
const COLUMNS: [&str; 14] = [
    "date",
    "conversation",
    "turns",
    "stored_bytes",
    "embedded_tokens",
    "llm_prompt_tokens",
    "llm_generated_tokens",
    "llm_seconds",
    "windows",
    "window_tokens",
    "saved_tokens",
    "cost",
    "saved_cost",
    "currency",
];

/// What a row stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// A day, UTC.
    Day,
    /// A conversation, since it was created.
    Conversation,
}

/// Arguments of `throughline usage`.
#[derive(Debug, Args)]
pub struct UsageArgs {
    /// Address of the server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7420")]
    server: String,
    /// File that holds the API key; a server in --dev needs none.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// What a row stands for.
    #[arg(long, value_enum, default_value = "day")]
    by: By,
    /// First day, such as 2026-01-31 [default: 30 days before the last].
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Last day [default: today, UTC].
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    /// Comma-separated values with a header line, instead of a table.
    #[arg(long)]
    csv: bool,
}

/// Asks and prints.
///
/// # Errors
/// The server cannot be reached or refuses; stdout is closed.
pub async fn run(args: UsageArgs) -> anyhow::Result<()> {
    if args.by == By::Conversation && (args.from.is_some() || args.until.is_some()) {
        bail!("--from and --until belong to --by day");
    }
    let rows = ask(&args).await?;
    let lines = rows.iter().map(cells);
    let mut out = io::stdout().lock();
    if args.csv {
        writeln!(out, "{}", COLUMNS.join(","))?;
        for line in lines {
            writeln!(out, "{}", line.join(","))?;
        }
    } else {
        let mut table = Table::new();
        table.load_preset(NOTHING).set_header(COLUMNS);
        lines.for_each(|line| {
            table.add_row(line);
        });
        writeln!(out, "{table}")?;
    }
    Ok(())
}

async fn ask(args: &UsageArgs) -> anyhow::Result<Vec<pb::UsageRow>> {
    let endpoint = Endpoint::from_shared(args.server.clone())
        .with_context(|| format!("--server {:?} is no address", args.server))?;
    let channel = endpoint.connect().await.with_context(|| {
        format!("no server answers at {}; name another with --server", args.server)
    })?;
    let bearer = args.key_file.as_deref().map(bearer).transpose()?;
    let mut client = UsageServiceClient::new(channel);
    let grouping = match args.by {
        By::Day => pb::UsageGrouping::ByDay,
        By::Conversation => pb::UsageGrouping::ByConversation,
    };
    let mut request = pb::GetUsageRequest {
        grouping: grouping.into(),
        from_date: args.from.clone().unwrap_or_default(),
        until_date: args.until.clone().unwrap_or_default(),
        page_size: PAGE,
        ..pb::GetUsageRequest::default()
    };
    let mut rows = Vec::new();
    loop {
        let mut call = Request::new(request.clone());
        if let Some(bearer) = &bearer {
            call.metadata_mut().insert("authorization", bearer.clone());
        }
        let answer = client.get_usage(call).await;
        // The status says more than its code.
        let page = answer.map_err(|status| anyhow::anyhow!("{}", status.message()))?.into_inner();
        rows.extend(page.rows);
        if page.next_page_token.is_empty() {
            return Ok(rows);
        }
        request.page_token = page.next_page_token;
    }
}

fn bearer(file: &Path) -> anyhow::Result<AsciiMetadataValue> {
    let key = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the key file {}", file.display()))?;
    let value = format!("Bearer {}", key.trim());
    value.parse().with_context(|| format!("{} holds no API key", file.display()))
}

/// A row in the order of [`COLUMNS`]; none of its texts needs quoting.
fn cells(row: &pb::UsageRow) -> Vec<String> {
    let usage = row.usage.clone().unwrap_or_default();
    vec![
        row.date.clone(),
        row.conversation.clone(),
        usage.turns.to_string(),
        usage.stored_bytes.to_string(),
        usage.embedded_tokens.to_string(),
        usage.llm_prompt_tokens.to_string(),
        usage.llm_generated_tokens.to_string(),
        format!("{:.3}", usage.llm_seconds),
        usage.windows.to_string(),
        usage.window_tokens.to_string(),
        usage.saved_tokens.to_string(),
        format!("{:.6}", usage.cost),
        format!("{:.6}", usage.saved_cost),
        usage.currency,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_every_column() {
        let usage =
            pb::Usage { turns: 7, cost: 0.25, currency: "EUR".into(), ..Default::default() };
        let row =
            pb::UsageRow { date: "2026-01-31".into(), usage: Some(usage), ..Default::default() };
        let cells = cells(&row);
        assert_eq!(cells.len(), COLUMNS.len());
        assert_eq!(cells.join(","), "2026-01-31,,7,0,0,0,0,0.000,0,0,0,0.250000,0.000000,EUR");
    }
}
