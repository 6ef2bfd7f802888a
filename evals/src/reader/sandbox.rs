//! Runs a model's Python against tests in a process of its own: a fresh
//! directory, limits on time, memory, processes and files, an empty
//! environment, and no network where the system lets an ordinary user have a
//! network namespace. It guards against mistakes of a model, not against an
//! attacker: run it on a machine that may be lost.

use std::{process::Stdio, time::Duration};

use anyhow::Context as _;
use tokio::{process::Command, time::timeout};

/// Longest run on the clock.
const WALL: Duration = Duration::from_secs(20);
/// Limits: seconds of processor time, bytes of memory, bytes of a file. They
/// are set before the code under test is read. What that code prints is thrown
/// away: a loop that prints must not fill the memory of this program.
const PRELUDE: &str = "import resource as r
for what, limit in ((r.RLIMIT_CPU, 10), (r.RLIMIT_AS, 1 << 30), (r.RLIMIT_FSIZE, 1 << 20),
                    (r.RLIMIT_NOFILE, 64), (r.RLIMIT_CORE, 0), (r.RLIMIT_NPROC, 64)):
    r.setrlimit(what, (limit, limit))
del r
import os
told = os.dup(1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
";

/// Namespaces of its own: no network, and what it started ends with it.
const ALONE: [&str; 5] = ["--user", "--net", "--pid", "--fork", "--kill-child"];

/// Whether the code defines `function` and passes `check(function)` of the
/// tests.
///
/// # Errors
/// There is no Python.
pub(crate) async fn passes(code: &str, tests: &str, function: &str) -> anyhow::Result<bool> {
    let dir = tempfile::tempdir().context("a directory for the code")?;
    // What the code prints or how it exits proves nothing without this word.
    let word = format!("{:032x}", rand::random::<u128>());
    let program = format!(
        "{PRELUDE}\nspace = {{}}\nexec(compile({}, 'answer', 'exec'), space)\n\
         exec(compile({}, 'tests', 'exec'), space)\nspace['check'](space[{}])\nos.write(told, {}.encode())\n",
        quoted(code)?,
        quoted(tests)?,
        quoted(function)?,
        quoted(&word)?
    );
    let file = dir.path().join("run.py");
    tokio::fs::write(&file, program).await.context("write the code")?;
    let isolated = offline().await;
    let mut command = if isolated { Command::new("unshare") } else { Command::new("python3") };
    if isolated {
        command.args(ALONE).arg("python3");
    }
    command.args(["-I", "-B"]).arg(&file).current_dir(dir.path());
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).stdin(Stdio::null()).stderr(Stdio::null());
    command.kill_on_drop(true);
    let Ok(output) = timeout(WALL, command.output()).await else { return Ok(false) };
    let output = output.context("start python3")?;
    let last = String::from_utf8_lossy(&output.stdout).lines().last().map(str::to_owned);
    Ok(output.status.success() && last.as_deref() == Some(word.as_str()))
}

/// Whether this user may have such namespaces.
async fn offline() -> bool {
    let mut probe = Command::new("unshare");
    probe.args(ALONE).arg("true").stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().await.is_ok_and(|status| status.success())
}

/// A text as a Python literal: JSON's texts are Python's.
fn quoted(text: &str) -> anyhow::Result<String> {
    Ok(serde_json::to_string(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: &str = "def check(candidate):\n    assert candidate(2) == 4\n";

    async fn has_python() -> bool {
        let found = Command::new("python3").arg("--version").output().await.is_ok();
        if !found {
            crate::report::print("skipped: no python3 on this machine");
        }
        found
    }

    #[tokio::test]
    async fn only_right_code_passes() {
        if !has_python().await {
            return;
        }
        for (code, expected) in [
            ("def f(x):\n    return x * 2\n", true),
            ("def f(x):\n    return x * 3\n", false),
            ("def g(x):\n    return 4\n", false),
            ("import sys\nsys.exit(0)\n", false),
            ("def f(x):\n    return 'é\\n'\n", false),
            ("not python", false),
            ("def f(x):\n    return len(bytearray(1 << 31)) and 4\n", false),
        ] {
            assert_eq!(passes(code, TESTS, "f").await.unwrap(), expected, "{code}");
        }
    }
}
