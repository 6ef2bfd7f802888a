//! The command line: reads settings, calls what does the work, turns errors
//! into one line on stderr and an exit code that is not 0.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

use crate::{
    auth::{KeyEntry, Scope, generate_key, key_sha256},
    config::{self, Config, Settings},
    demo::{self, DemoArgs},
    models::ModelsCommand,
    serve, telemetry,
    usage::{self, UsageArgs},
};

/// How long work on blocking threads may hold up the end of the process.
const BLOCKING_WAIT: Duration = Duration::from_secs(1);

/// Conversation memory: turns in, bounded context windows out.
///
/// `throughline serve --dev` starts a server on loopback with the embedded
/// defaults. Its API is gRPC; `buf curl` and `grpcurl` find it by reflection.
#[derive(Debug, Parser)]
#[command(name = "throughline", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server.
    ///
    /// Prints `listening on ADDRESS` when it is ready. SIGTERM or SIGINT ends it:
    /// open calls are answered first. Every setting is a flag, an environment
    /// variable or a line of the configuration file, under the same name.
    Serve(Box<Given>),
    /// Derive everything again from the turns: embeddings, index, token counts,
    /// what replaced what, signals.
    ///
    /// The server must not run meanwhile. Turns, pins and conversations are not
    /// touched; summaries, which were checked against their turns, stay.
    Rebuild(Box<Given>),
    /// Play a long conversation in, ask it questions, show the windows.
    Demo(DemoArgs),
    /// Show what a tenant used, by day or by conversation.
    ///
    /// Asks a running server; the API key decides the tenant.
    Usage(UsageArgs),
    /// Fetch and check models.
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Check the configuration, make API keys.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check the settings and print what would be in force.
    Check(Box<Given>),
    /// Print a new API key and the table that lets it in.
    ///
    /// The key is printed once and stored nowhere; the configuration file gets
    /// its SHA-256.
    NewKey(NewKey),
}

#[derive(Debug, Args)]
struct NewKey {
    /// Whose data the key opens: 1 to 64 of a-z 0-9 - _.
    #[arg(long)]
    tenant: String,
    /// What it allows.
    #[arg(long = "scope", value_delimiter = ',', value_parser = scope, default_values = ["read", "write"])]
    scopes: Vec<Scope>,
}

fn scope(name: &str) -> Result<Scope, String> {
    [Scope::Read, Scope::Write, Scope::Admin]
        .into_iter()
        .find(|scope| scope.as_str() == name)
        .ok_or_else(|| "must be read, write or admin".to_owned())
}

/// Settings as given to a command.
#[derive(Debug, Args)]
struct Given {
    /// Configuration file (TOML).
    #[arg(long, env = "THROUGHLINE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

impl Given {
    fn settings(self) -> anyhow::Result<Settings> {
        let file = match self.config {
            Some(path) => config::load(&path)?,
            None => Settings::default(),
        };
        Ok(self.settings.over(file))
    }

    fn checked(self) -> anyhow::Result<Config> {
        let config = Config::new(self.settings()?)?;
        telemetry::init(&config.log, config.log_format)?;
        Ok(config)
    }
}

/// Sets how many threads a language model computes with. To be called before
/// there are others; what is wrong with the settings is told when they are checked.
#[allow(unsafe_code, reason = "the pool reads its threads from the environment alone")]
fn llm_threads(given: &Given) {
    let of_file = || {
        let file = config::load(given.config.as_ref()?).ok()?;
        file.llm_threads
    };
    let threads = given.settings.llm_threads.or_else(of_file).unwrap_or(0);
    // SAFETY: commands run from the main thread, and no other was started yet.
    unsafe { throughline_summarizer::llm::threads::configure(threads) };
}

/// Runs the program.
pub fn run() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(given) => {
            llm_threads(&given);
            given.checked().and_then(|config| block_on(async { Ok(serve::serve(config).await?) }))
        }
        Command::Rebuild(given) => {
            given.checked().and_then(|config| block_on(async { Ok(serve::rebuild(config).await?) }))
        }
        Command::Demo(args) => block_on(demo::run(args)),
        Command::Usage(args) => block_on(usage::run(args)),
        Command::Models(command) => command.run(),
        Command::Config(ConfigCommand::Check(given)) => check(given),
        Command::Config(ConfigCommand::NewKey(given)) => new_key(given),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be done if stderr is closed.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime")?;
    let done = runtime.block_on(work);
    // A download that a signal broke off would hold the process otherwise.
    runtime.shutdown_timeout(BLOCKING_WAIT);
    done
}

fn check(given: Box<Given>) -> anyhow::Result<()> {
    let settings = given.settings()?;
    let shown = toml::to_string_pretty(&settings).context("settings cannot be shown")?;
    let config = Config::new(settings)?;
    config.auth()?;
    let listen: Vec<String> = config.listen.iter().map(ToString::to_string).collect();
    writeln!(
        io::stdout(),
        "{shown}# in force: listen {}, data {}, models {}, store {:?}, index {:?}",
        listen.join(" "),
        config.data_dir.display(),
        config.models_dir.display(),
        config.store,
        config.index.kind(),
    )?;
    Ok(())
}

fn new_key(given: NewKey) -> anyhow::Result<()> {
    let key = generate_key();
    let entry = KeyEntry { tenant: given.tenant, sha256: key_sha256(&key), scopes: given.scopes };
    crate::auth::Auth::keys(std::slice::from_ref(&entry))?;
    let scopes: Vec<String> =
        entry.scopes.iter().map(|scope| format!("\"{}\"", scope.as_str())).collect();
    writeln!(
        io::stdout(),
        "# key, shown once: {key}\n[[keys]]\ntenant = \"{}\"\nsha256 = \"{}\"\nscopes = [{}]",
        entry.tenant,
        entry.sha256,
        scopes.join(", "),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_reach_the_settings() {
        let cli = Cli::try_parse_from([
            "throughline",
            "serve",
            "--dev",
            "--listen",
            "127.0.0.1:0,[::1]:0",
            "--store",
            "redb",
        ])
        .unwrap();
        let Command::Serve(given) = cli.command else { panic!() };
        let settings = given.settings().unwrap();
        assert_eq!(settings.dev, Some(true));
        assert_eq!(settings.listen.unwrap(), ["127.0.0.1:0", "[::1]:0"]);
        assert_eq!(settings.store, Some(config::StoreKind::Redb));
    }
}
