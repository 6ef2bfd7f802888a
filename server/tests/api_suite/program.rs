//! The program itself: what it prints, what it refuses, and how it says so.
//! Nothing here needs a model.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Output},
};

fn throughline(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_throughline"));
    // Settings of whoever runs the tests must not decide.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("THROUGHLINE_") {
            command.env_remove(name);
        }
    }
    command.args(args).output().unwrap()
}

/// The program fails, prints nothing on stdout, and says these words.
#[track_caller]
fn check_refused(args: &[&str], words: &[&str]) {
    let output = throughline(args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{args:?}: {said}");
    assert!(output.stdout.is_empty(), "{args:?}");
    for word in words {
        assert!(said.contains(word), "{args:?} does not say {word:?}: {said}");
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn each_fault_at_the_start_names_its_mend() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"").unwrap();
    let (data, models) = (dir.path().join("data"), dir.path().join("models"));
    let (data, models) = (path(&data), path(&models));
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data, "--models-dir", models];
    let with = |more: &[&'static str]| [&serve, more].concat();

    check_refused(&with(&[]), &["no API key", "new-key", "--dev"]);
    check_refused(&with(&["--dev", "--no-pull"]), &["throughline models pull"]);
    check_refused(&with(&["--dev", "--models-file", "no-such.toml"]), &["no-such.toml"]);
    let described = dir.path().join("models.toml");
    fs::write(&described, "models = 7").unwrap();
    let own = [&serve[..], &["--dev", "--models-file", path(&described)]].concat();
    check_refused(&own, &["models"]);
    check_refused(&["serve", "--dev", "--listen", "0.0.0.0:0"], &["loopback", "0.0.0.0:0"]);
    check_refused(&["serve", "--dev", "--listen", "localhost"], &["IP:PORT"]);
    check_refused(
        &["serve", "--dev", "--listen", "127.0.0.1:0", "--data-dir", path(&file.join("x"))],
        &["data directory", "--data-dir"],
    );
    let weights = dir.path().join("weights");
    fs::create_dir(&weights).unwrap();
    let given = ["--dev", "--no-pull", "--staleness-weights", path(&weights)];
    let serve_with = [&serve[..], &given].concat();
    check_refused(&serve_with, &["staleness-weights", "staleness.json", "contradiction.json"]);
    let damaged = weights.join("contradiction.json");
    fs::write(&damaged, "{}").unwrap();
    check_refused(&serve_with, &["staleness-weights", path(&damaged), "missing field"]);
    let given = ["--dev", "--no-pull", "--reranker", path(&weights)];
    let reranked = [&serve[..], &given].concat();
    check_refused(&reranked, &["reranker", path(&weights), "model.onnx", "docs/ranking.md"]);
    check_refused(&["serve", "--config", path(&dir.path().join("none"))], &["cannot read"]);
    check_refused(&["serve", "--dev", "--store", "mysql"], &["sled", "redb"]);

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    check_refused(
        &["serve", "--dev", "--listen", &address, "--data-dir", data],
        &[&address, "--listen"],
    );
}

#[test]
fn a_misspelt_key_of_the_file_is_refused_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("throughline.toml");
    fs::write(&file, "store = 'redb'\nlissen = ['127.0.0.1:1']\n").unwrap();
    check_refused(&["config", "check", "--config", path(&file)], &["lissen", "line 2"]);
}

#[test]
fn a_new_key_lets_its_tenant_in() {
    let output = throughline(&["config", "new-key", "--tenant", "acme", "--scope", "read"]);
    assert!(output.status.success(), "{output:?}");
    let table = String::from_utf8(output.stdout).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("throughline.toml");
    // What is printed is a piece of a configuration as it stands.
    fs::write(&file, &table).unwrap();
    let output = throughline(&["config", "check", "--config", path(&file)]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && shown.contains("tenant = \"acme\""), "{shown}");
    assert!(!shown.contains("sha256"), "{shown}");
    check_refused(&["config", "new-key", "--tenant", "Acme Inc"], &["a-z"]);
    check_refused(&["config", "new-key", "--tenant", "a", "--scope", "root"], &["read"]);
}

#[test]
fn help_and_version_are_there() {
    let help = throughline(&["--help"]);
    let text = String::from_utf8(help.stdout).unwrap();
    for command in ["serve", "rebuild", "models", "config", "demo"] {
        assert!(text.contains(command), "{command}");
    }
    let version = String::from_utf8(throughline(&["--version"]).stdout).unwrap();
    assert_eq!(version.trim(), format!("throughline {}", env!("CARGO_PKG_VERSION")));
}
