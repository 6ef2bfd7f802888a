//! A real server on a free loopback port with a data directory of its own.
//!
//! `THROUGHLINE_BIN` names the binary; else the debug build, then the release build
//! of the repository.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn binary() -> PathBuf {
    let built =
        ["debug", "release"].map(|kind| repository().join("target").join(kind).join("throughline"));
    env::var_os("THROUGHLINE_BIN")
        .map(PathBuf::from)
        .or_else(|| built.into_iter().find(|path| path.exists()))
        .expect("no server binary: `cargo build`, or set THROUGHLINE_BIN")
}

pub(crate) struct Server {
    pub(crate) address: String,
    process: Child,
    data: TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        let data = TempDir::new().unwrap();
        let mut process = spawn("127.0.0.1:0", data.path());
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.rsplit(' ').next().unwrap().trim().to_owned();
        assert!(!address.is_empty(), "the server did not start; its log is above");
        Self { address, process, data }
    }

    /// Kills it and starts it anew, without waiting until it answers.
    pub(crate) fn restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = spawn(&self.address, self.data.path());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(listen: &str, data: &Path) -> Child {
    let models = env::var_os("THROUGHLINE_MODELS_DIR")
        .map_or_else(|| repository().join("target/models"), PathBuf::from);
    Command::new(binary())
        .args(["serve", "--log", "warn", "--listen", listen])
        .args([Path::new("--data-dir"), data, Path::new("--config")])
        .arg(repository().join("clients/conformance/server.toml"))
        .env("THROUGHLINE_MODELS_DIR", models)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}
