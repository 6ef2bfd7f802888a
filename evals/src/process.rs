//! Starts the real `throughline` program and ends it by its own handle.
//!
//! The server prints one line `listening on HOST:PORT` when it answers; its
//! log goes to a file, of which the end is shown if it does not start.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// How long a server may take to answer: it may fetch its model first.
const START_LIMIT: Duration = Duration::from_secs(600);
/// What the ready line begins with.
const READY: &str = "listening on ";
/// End of the log that an error shows.
const LOG_TAIL_BYTES: usize = 2_000;

/// What lets a server take a model that is for smoke tests only.
const FOR_TESTS: &str = "--llm-for-tests";

/// How to start a server.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// The program.
    pub(crate) program: PathBuf,
    /// Its data directory.
    pub(crate) data_dir: PathBuf,
    /// Where its log goes.
    pub(crate) log: PathBuf,
    /// Where it finds its models, if not in its own place.
    pub(crate) models_dir: Option<PathBuf>,
    /// Further flags.
    pub(crate) flags: Vec<String>,
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: String,
}

impl Launch {
    /// Finds the program and lays out the directories below `dir`.
    ///
    /// # Errors
    /// There is no such program, the directory cannot be made, or the flags let in a model
    /// that is for smoke tests only.
    pub(crate) fn new(
        program: Option<&Path>,
        dir: &Path,
        models_dir: Option<&Path>,
        flags: &[String],
    ) -> anyhow::Result<Self> {
        if flags.iter().any(|flag| flag.starts_with(FOR_TESTS)) {
            bail!("{FOR_TESTS}: no figure may stand on a model that invents facts");
        }
        fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
        Ok(Self {
            program: find_program(program)?,
            data_dir: dir.join("data"),
            log: dir.join("server.log"),
            models_dir: models_dir.map(Path::to_owned),
            flags: flags.to_vec(),
        })
    }

    /// Starts the program without waiting until it answers.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn spawn(&self) -> anyhow::Result<Child> {
        let log = fs::OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("write {}", self.log.display()))?;
        let mut command = Command::new(&self.program);
        command.args(["serve", "--dev", "--listen", "127.0.0.1:0", "--data-dir"]);
        command.arg(&self.data_dir);
        // Neither the environment nor a file lets in what the flags may not.
        command.env("THROUGHLINE_LLM_FOR_TESTS", "false");
        if let Some(dir) = &self.models_dir {
            command.arg("--models-dir").arg(dir);
        }
        command.args(&self.flags).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        command.kill_on_drop(true);
        command.spawn().with_context(|| format!("start {}", self.program.display()))
    }

    /// Starts the program and waits until it answers.
    ///
    /// # Errors
    /// It ended or did not answer in ten minutes; the end of its log is shown.
    pub(crate) async fn start(&self) -> anyhow::Result<Server> {
        let mut child = self.spawn()?;
        let stdout = child.stdout.take().context("the server's output")?;
        let mut lines = BufReader::new(stdout).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(address) = line.trim().strip_prefix(READY) {
                    return Ok(address.trim().to_owned());
                }
            }
            bail!("it ended before it was ready")
        };
        let address = match timeout(START_LIMIT, ready).await {
            Ok(Ok(address)) => address,
            Ok(Err(error)) => return Err(self.with_log(&error)),
            Err(_) => return Err(self.with_log(&anyhow!("it was not ready in {START_LIMIT:?}"))),
        };
        // A full pipe would stop the server.
        tokio::spawn(drain(lines.into_inner()));
        Ok(Server { child, address })
    }

    fn with_log(&self, error: &anyhow::Error) -> anyhow::Error {
        let log = fs::read(&self.log).unwrap_or_default();
        let tail = log.get(log.len().saturating_sub(LOG_TAIL_BYTES)..).unwrap_or_default();
        let tail = String::from_utf8_lossy(tail).trim().to_owned();
        anyhow!("{} serve: {error}\n{tail}", self.program.display())
    }
}

impl Server {
    /// `HOST:PORT` that it listens on.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Most memory that it has held, in bytes; nothing where the system does
    /// not say.
    pub(crate) fn peak_bytes(&self) -> Option<u64> {
        peak_bytes(&self.child)
    }

    /// Time that it has computed, on all cores together; nothing where the system does
    /// not say.
    pub(crate) fn cpu_ms(&self) -> Option<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()?)).ok()?;
        cpu_ms(&stat)
    }

    /// SIGKILL, and waits until it is gone.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("kill the server")
    }
}

/// Most memory that a running process has held, in bytes (Linux).
pub(crate) fn peak_bytes(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id()?)).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// User and system time of `/proc/PID/stat`, where a tick is 10 ms on every platform.
fn cpu_ms(stat: &str) -> Option<f64> {
    // The name stands in brackets and may hold anything.
    let (_, behind) = stat.rsplit_once(')')?;
    let mut ticks = behind.split_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    Some((user + system) as f64 * 10.0)
}

async fn drain(mut stdout: BufReader<ChildStdout>) {
    // Whatever it prints after the ready line is not for us; an error means
    // that it has ended.
    let _ = tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await;
}

/// The program named, or `throughline` beside this one.
fn find_program(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let beside = || {
        let own = env::current_exe().context("the path of this program")?;
        Ok::<_, anyhow::Error>(
            own.with_file_name(format!("throughline{}", env::consts::EXE_SUFFIX)),
        )
    };
    let path = named.map_or_else(beside, |path| Ok(path.to_owned()))?;
    if !path.is_file() {
        bail!(
            "no server program at {}; build it with `cargo build --release`, or pass --throughline PATH",
            path.display()
        );
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn script(dir: &Path, body: &str) -> PathBuf {
        let path = dir.join("throughline");
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    async fn start(body: &str) -> Result<String, String> {
        let dir = tempfile::tempdir().unwrap();
        let program = script(dir.path(), body);
        let flags = ["--extra".to_owned()];
        let launch = Launch::new(Some(&program), dir.path(), None, &flags).unwrap();
        let server = launch.start().await.map_err(|error| error.to_string())?;
        let address = server.address().to_owned();
        server.kill().await.unwrap();
        Ok(address)
    }

    #[tokio::test]
    async fn the_ready_line_gives_the_address() {
        let body = r#"echo starting; [ "$7" = "--extra" ] && echo "listening on 127.0.0.1:4711"
            exec tail -f /dev/null"#;
        assert_eq!(start(body).await, Ok("127.0.0.1:4711".to_owned()));
    }

    #[tokio::test]
    async fn a_server_that_ends_shows_its_log() {
        let error = start("echo 'model missing: run throughline models pull' >&2").await;
        let error = error.unwrap_err();
        assert!(error.contains("ended before") && error.contains("models pull"), "{error}");
    }

    #[test]
    fn no_server_is_measured_with_a_model_that_invents() {
        let dir = tempfile::tempdir().unwrap();
        let program = script(dir.path(), "");
        let flags = ["--llm-for-tests=true".to_owned()];
        let error = Launch::new(Some(&program), dir.path(), None, &flags).unwrap_err().to_string();
        assert!(error.contains("--llm-for-tests"), "{error}");
    }

    #[test]
    fn times_stand_behind_the_name() {
        let stat = "42 (a b) 7) S 1 42 42 0 -1 4194560 900 0 3 0 150 25 0 0 20 0 9 0 100";
        assert_eq!(cpu_ms(stat), Some(1_750.0));
        assert_eq!(cpu_ms("42 (a) S 1"), None);
    }

    #[test]
    fn an_absent_program_names_the_mend() {
        let error = find_program(Some(Path::new("/nonexistent/throughline"))).unwrap_err();
        assert!(error.to_string().contains("cargo build --release"), "{error}");
    }
}
