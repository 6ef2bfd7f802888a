//! The service that the demo talks to: this binary, as a child on a free port
//! of the loopback, with its data in a temporary directory.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::Context as _;
use throughline_proto::v1::{
    context_service_client::ContextServiceClient,
    conversation_service_client::ConversationServiceClient,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use tonic::transport::Channel;

/// How long the service may take to end in order.
const STOP_WAIT: Duration = Duration::from_secs(20);

/// A running child.
pub(super) struct Service {
    child: Child,
    address: String,
    /// Removed when the demo ends.
    _data: tempfile::TempDir,
}

impl Service {
    /// Starts it; fetching models may take a while and shows its progress.
    pub(super) async fn start(models_dir: Option<&Path>) -> anyhow::Result<Self> {
        let data = tempfile::tempdir().context("no temporary directory")?;
        let program = std::env::current_exe().context("the program's own path is unknown")?;
        let mut command = Command::new(program);
        command.args(["serve", "--dev", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path());
        if let Some(dir) = models_dir {
            command.arg("--models-dir").arg(dir);
        }
        let mut child = command
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the service did not start")?;
        let stdout = child.stdout.take().context("the service has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await? {
            if let Some(address) = line.strip_prefix("listening on ") {
                let address = address.to_owned();
                return Ok(Self { child, address, _data: data });
            }
        }
        let status = child.wait().await?;
        anyhow::bail!("the service ended before it was ready ({status}); its words are above")
    }

    /// Where it listens.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// A connection to it.
    pub(super) async fn connect(&self) -> anyhow::Result<Stub> {
        let endpoint = Channel::from_shared(format!("http://{}", self.address))?;
        Ok(Stub(endpoint.connect().await.context("cannot connect to the service")?))
    }

    /// Ends it in order.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok())
            && let Some(pid) = rustix::process::Pid::from_raw(id)
        {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        match tokio::time::timeout(STOP_WAIT, self.child.wait()).await {
            Ok(status) => {
                let status = status?;
                anyhow::ensure!(status.success(), "the service ended with {status}");
            }
            Err(_) => self.child.kill().await?,
        }
        Ok(())
    }
}

/// The services of one connection.
pub(super) struct Stub(Channel);

impl Stub {
    pub(super) fn conversations(&self) -> ConversationServiceClient<Channel> {
        ConversationServiceClient::new(self.0.clone())
    }

    pub(super) fn context(&self) -> ContextServiceClient<Channel> {
        ContextServiceClient::new(self.0.clone())
    }
}
