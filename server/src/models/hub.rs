//! The model hub over HTTPS: `ENDPOINT/REPOSITORY/resolve/REVISION/PATH`.
//!
//! A download that breaks off goes on where it stopped, also in a later run. A
//! hub that cannot be reached is not asked again in this run, so that machines
//! without one fall through to the next source in seconds.

use std::{
    fs,
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
    sync::OnceLock,
    time::Duration,
};

use ureq::http::{Response, StatusCode, header};

use super::{ModelsError, progress::Step, registry::Hub};

const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// Longest wait for a name or a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// Longest wait for the first byte of an answer, and between two reads.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Attempts at one file; each goes on where the one before stopped.
const ATTEMPTS: usize = 4;

/// Read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// Asks the hub for files.
pub(super) struct HubClient {
    agent: ureq::Agent,
    endpoint: String,
    token: Option<String>,
    /// Why it is not asked any more.
    down: OnceLock<String>,
}

/// Why one attempt failed.
enum Failure {
    /// Asking again may help.
    Broken(String),
    /// The hub cannot be reached at all.
    Unreachable(String),
    /// It will not give this file.
    Refused(String),
    /// Not the hub's fault.
    Local(ModelsError),
}

impl HubClient {
    /// At `HF_ENDPOINT`, with `HF_TOKEN`; `None` if `HF_HUB_OFFLINE` is set.
    pub(super) fn from_environment() -> Option<Self> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let offline = set("HF_HUB_OFFLINE");
        if offline.is_some_and(|value| !matches!(value.trim(), "0" | "false" | "no" | "off")) {
            return None;
        }
        let endpoint = set("HF_ENDPOINT").unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned());
        Some(Self::new(&endpoint, set("HF_TOKEN")))
    }

    /// At an endpoint.
    pub(super) fn new(endpoint: &str, token: Option<String>) -> Self {
        let config = ureq::Agent::config_builder()
            .user_agent(concat!("throughline/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(CONNECT_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(READ_TIMEOUT))
            .timeout_per_read(Some(READ_TIMEOUT))
            .http_status_as_error(false)
            .build();
        Self {
            agent: config.into(),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token,
            down: OnceLock::new(),
        }
    }

    /// Fetches a file into `partial`, which may hold its beginning already.
    /// What came stays there on errors.
    pub(super) fn fetch(
        &self,
        hub: &Hub,
        path: &str,
        partial: &Path,
        step: &Step,
    ) -> Result<(), ModelsError> {
        if let Some(reason) = self.down.get() {
            return Err(ModelsError::Source(reason.clone()));
        }
        let url = format!("{}/{}/resolve/{}/{path}", self.endpoint, hub.repository, hub.revision);
        let mut last = String::new();
        for _ in 0..ATTEMPTS {
            match self.attempt(&url, partial, step) {
                Ok(()) => return Ok(()),
                Err(Failure::Broken(reason)) => last = reason,
                Err(Failure::Unreachable(reason)) => {
                    let reason = format!("model hub {}: {reason}", self.endpoint);
                    return Err(ModelsError::Source(self.down.get_or_init(|| reason).clone()));
                }
                Err(Failure::Refused(reason)) => {
                    return Err(ModelsError::Source(format!("{url}: {reason}")));
                }
                Err(Failure::Local(error)) => return Err(error),
            }
        }
        Err(ModelsError::Source(format!("{url}: broke off {ATTEMPTS} times, last: {last}")))
    }

    fn attempt(&self, url: &str, partial: &Path, step: &Step) -> Result<(), Failure> {
        let have = fs::metadata(partial).map_or(0, |meta| meta.len());
        let mut request = self.agent.get(url);
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.trim()));
        }
        let response = request.call().map_err(|error| failure(&error))?;
        let start = match response.status() {
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT if resumes_at(&response, have) => have,
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                // What lies there is not a beginning of the file: start over.
                remove(partial)?;
                return Err(Failure::Broken("the part already here does not fit".to_owned()));
            }
            StatusCode::TOO_MANY_REQUESTS => {
                return Err(Failure::Unreachable("429, too many requests".to_owned()));
            }
            status if status.is_server_error() => return Err(Failure::Broken(status.to_string())),
            status => return Err(Failure::Refused(status.to_string())),
        };
        if let Some(rest) = response.body().content_length() {
            step.size(start + rest);
        }
        step.at(start);
        receive(response.into_body().into_reader(), partial, start, step)
    }
}

fn failure(error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Tls(_)
        | ureq::Error::Rustls(_)
        | ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => {
            Failure::Unreachable(error.to_string())
        }
        // Refused connections and unreachable networks arrive as these.
        ureq::Error::Io(io) if io.kind() != std::io::ErrorKind::UnexpectedEof => {
            Failure::Unreachable(error.to_string())
        }
        other => Failure::Broken(other.to_string()),
    }
}

/// Whether `Content-Range` begins where the file here ends.
fn resumes_at<T>(response: &Response<T>, have: u64) -> bool {
    response
        .headers()
        .get(header::CONTENT_RANGE)
        .and_then(|range| range.to_str().ok())
        .and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok())
        == Some(have)
}

fn receive(mut body: impl Read, partial: &Path, start: u64, step: &Step) -> Result<(), Failure> {
    let local = |error| Failure::Local(ModelsError::io(partial, error));
    let mut file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(partial)
        .map_err(local)?;
    file.set_len(start).map_err(local)?;
    file.seek(SeekFrom::Start(start)).map_err(local)?;
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let read = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) => {
                file.sync_all().map_err(local)?;
                return Err(Failure::Broken(error.to_string()));
            }
        };
        file.write_all(buffer.get(..read).unwrap_or_default()).map_err(local)?;
        step.advance(read as u64);
    }
    file.sync_all().map_err(local)
}

fn remove(path: &Path) -> Result<(), Failure> {
    fs::remove_file(path).map_err(|error| Failure::Local(ModelsError::io(path, error)))
}

#[cfg(test)]
#[path = "hub_tests.rs"]
mod tests;
