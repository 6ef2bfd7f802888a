//! Python as a source: packages through pip's ordinary client, so that the
//! user's mirror, proxy and certificates hold, and throw-away environments for
//! the export script. No package is ever imported into anything that stays: a Python
//! without venv (Debian has it in a package of its own) gets a folder of packages
//! instead, which only the script sees.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::mpsc,
    time::Duration,
};

use super::{ModelsError, progress::Step};

/// How often the size of a running download is read.
const LOOK: Duration = Duration::from_millis(200);

/// Lines of a failed command that are shown.
const SHOWN_LINES: usize = 6;

/// Runs a script (second argument) that sees the packages of a folder (first one) and
/// Python's own library.
const WITH_PACKAGES: &str = "import runpy, sys; sys.path.insert(0, sys.argv[1]); \
                             del sys.argv[:2]; runpy.run_path(sys.argv[0], run_name='__main__')";

/// A Python interpreter.
pub(super) struct Python {
    program: PathBuf,
    /// Folder of the packages that scripts see; those of the interpreter if absent.
    packages: Option<PathBuf>,
}

impl Python {
    /// `THROUGHLINE_PYTHON`, else `python3`.
    pub(super) fn from_environment() -> Self {
        let program = std::env::var_os("THROUGHLINE_PYTHON").filter(|value| !value.is_empty());
        Self { program: program.map_or_else(|| "python3".into(), PathBuf::from), packages: None }
    }

    /// A given one.
    #[cfg(test)]
    pub(super) fn at(program: &str) -> Self {
        Self { program: program.into(), packages: None }
    }

    /// Downloads the wheel of `name==version` into a new directory; gives its
    /// path. Nothing is installed or run.
    pub(super) fn download_wheel(
        &self,
        name: &str,
        version: &str,
        scratch: &Path,
        step: &Step,
    ) -> Result<PathBuf, ModelsError> {
        let into = scratch.join(format!("wheel-{name}"));
        // pip writes what it receives below TMPDIR first: that shows progress.
        let received = scratch.join(format!("pip-{name}"));
        for dir in [&into, &received] {
            fs::create_dir_all(dir).map_err(|error| ModelsError::io(dir, error))?;
        }
        let requirement = format!("{name}=={version}");
        let mut command = self.pip("download");
        command.args(["--no-deps", "--only-binary", ":all:", "--dest"]);
        command.arg(&into).arg(&requirement);
        command.env("TMPDIR", &received).env("TEMP", &received).env("TMP", &received);
        let label = format!("pip download {requirement}");
        run(command, &label, || step.at(size_of_dir(&received)))?;
        let _ = fs::remove_dir_all(&received);
        find(&into, |file| file.ends_with(".whl")).ok_or_else(|| ModelsError::Python {
            step: label,
            detail: "pip reported success and left no wheel".to_owned(),
            mend: "try the command by hand",
        })
    }

    /// Installs these requirements into a new directory: as a virtual environment,
    /// or where none can be made as a folder of packages.
    pub(super) fn environment(
        &self,
        dir: &Path,
        requirements: &[impl AsRef<OsStr>],
        wheels: &Path,
    ) -> Result<Self, ModelsError> {
        let mut command = Command::new(&self.program);
        command.args(["-m", "venv"]).arg(dir);
        // A Python without venv or ensurepip says so in many words. What else is
        // wrong (a full disk, no Python at all) pip says again.
        let has_venv = run(command, "python3 -m venv", || {}).is_ok();
        let environment = if has_venv {
            let bin = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
            Self { program: dir.join(bin), packages: None }
        } else {
            Self { program: self.program.clone(), packages: Some(dir.join("packages")) }
        };
        let mut command = environment.pip("install");
        command.args(["--only-binary", ":all:", "--find-links"]).arg(wheels);
        if let Some(packages) = &environment.packages {
            // The user's own packages are neither touched nor counted on.
            command.arg("--target").arg(packages).env("PIP_USER", "0");
        }
        command.args(requirements);
        run(command, "pip install for the export script", || {})?;
        Ok(environment)
    }

    /// Runs a script with arguments.
    pub(super) fn run_script<'a>(
        &self,
        script: &Path,
        arguments: impl IntoIterator<Item = &'a Path>,
    ) -> Result<(), ModelsError> {
        let mut command = Command::new(&self.program);
        // What makes the bytes differ between runs must not come in from outside.
        command.arg("-I");
        if let Some(packages) = &self.packages {
            command.args(["-S", "-c", WITH_PACKAGES]).arg(packages);
        }
        command.arg(script).args(arguments);
        run(command, "export script", || {})
    }

    fn pip(&self, what: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-m", "pip", what, "--quiet", "--no-input", "--disable-pip-version-check"]);
        command
    }
}

/// Runs a command to its end and calls `look` now and then meanwhile.
fn run(mut command: Command, label: &str, look: impl Fn()) -> Result<(), ModelsError> {
    let failed = |detail: String| {
        let mend = mend(&detail);
        ModelsError::Python { step: label.to_owned(), detail, mend }
    };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| {
        let detail = format!("{}: {error}", command.get_program().display());
        let mend = "install Python 3.11 or newer with pip (Debian: `apt install python3-pip`), or \
                    name one in THROUGHLINE_PYTHON";
        ModelsError::Python { step: label.to_owned(), detail, mend }
    })?;
    let (ended, end) = mpsc::channel();
    let waiter = std::thread::spawn(move || {
        // Nobody listens any more only if this process is ending.
        let _ = ended.send(child.wait_with_output());
    });
    let output: Output = loop {
        match end.recv_timeout(LOOK) {
            Ok(output) => break output.map_err(|error| failed(error.to_string()))?,
            Err(mpsc::RecvTimeoutError::Timeout) => look(),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err(failed("its thread ended".to_owned()));
            }
        }
    };
    let _ = waiter.join();
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let shown = lines.get(lines.len().saturating_sub(SHOWN_LINES)..).unwrap_or_default();
    Err(failed(format!("{}: {}", output.status, shown.join("\n    "))))
}

/// What to do about pip's or Python's words.
pub(super) fn mend(said: &str) -> &'static str {
    let has = |words: &str| said.contains(words);
    if has("No module named pip") {
        "install pip (Debian: `apt install python3-pip`, else `python3 -m ensurepip`)"
    } else if has("No space left") || has("Disk quota") {
        "free some disk space, or choose another place with --models-dir"
    } else if has("No matching distribution") || has("Could not find a version") {
        "your package index has no such wheel for this Python and platform: Python 3.11 or newer \
         is needed; check the index with `pip config list`"
    } else if has("CERTIFICATE_VERIFY_FAILED") {
        "pip does not trust the index's certificate: set PIP_CERT"
    } else if has("Connection") || has("timed out") || has("Name or service") || has("resolution") {
        "pip cannot reach the package index: check the network, PIP_INDEX_URL and proxy settings"
    } else {
        "try it by hand to see more"
    }
}

/// The first file below a directory whose name suits.
fn find(dir: &Path, suits: impl Fn(&str) -> bool) -> Option<PathBuf> {
    fs::read_dir(dir)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.file_name().and_then(OsStr::to_str).is_some_and(&suits))
}

/// Bytes in all files below a directory; files may come and go meanwhile.
fn size_of_dir(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => size_of_dir(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mend_fits_what_pip_says() {
        for (said, expected) in [
            ("/usr/bin/python3: No module named pip", "python3-pip"),
            ("OSError: [Errno 28] No space left on device", "disk space"),
            ("ERROR: No matching distribution found for onnx", "Python 3.11"),
            ("SSL: CERTIFICATE_VERIFY_FAILED", "PIP_CERT"),
            ("Max retries exceeded: Connection refused", "PIP_INDEX_URL"),
            ("something new", "by hand"),
        ] {
            assert!(mend(said).contains(expected), "{said}: {}", mend(said));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_failed_command_shows_its_last_words() {
        let mut command = Command::new("sh");
        command.args(["-c", "seq 1 50 >&2; echo No module named pip >&2; exit 3"]);
        let error = run(command, "pip download x", || {}).expect_err("it failed").to_string();
        assert!(error.contains("pip download x") && error.contains("exit status: 3"), "{error}");
        assert!(error.contains("python3-pip"), "{error}");
        assert!(error.contains("50") && !error.contains("44"), "{error}");
    }

    /// A program that notes how it is called in the file `calls` beside it, and ends
    /// with this status where it is to make a virtual environment.
    #[cfg(unix)]
    fn double(dir: &Path, venv: u8) -> Python {
        let program = dir.join("python");
        let script = format!(
            "#!/bin/sh\n\
             echo \"PIP_USER=$PIP_USER $*\" >> '{calls}'\n\
             if [ \"$2\" = venv ]; then\n\
             mkdir -p \"$3/bin\"; cp \"$0\" \"$3/bin/python\"; exit {venv}\n\
             fi\n",
            calls = dir.join("calls").display()
        );
        // Written by another process: none of this one's then holds it open while it
        // is run.
        let written = Command::new("sh")
            .args(["-c", "printf '%s' \"$2\" > \"$1\" && chmod +x \"$1\"", "sh"])
            .arg(&program)
            .arg(script)
            .status();
        assert!(written.unwrap().success());
        Python { program, packages: None }
    }

    #[cfg(unix)]
    #[test]
    fn without_venv_packages_go_into_a_folder() {
        for (venv, into) in [(0, ""), (1, "--target DIR/env/packages ")] {
            let dir = tempfile::tempdir().unwrap();
            let python = double(dir.path(), venv);
            let (env, wheels) = (dir.path().join("env"), dir.path().join("wheels"));
            let environment = python.environment(&env, &["onnx==1"], &wheels).unwrap();
            environment.run_script(Path::new("s.py"), [Path::new("in")]).unwrap();
            let said = fs::read_to_string(dir.path().join("calls")).unwrap();
            let said = said.replace(&dir.path().display().to_string(), "DIR");
            let calls: Vec<&str> = said.lines().collect();
            assert_eq!(calls[0], "PIP_USER= -m venv DIR/env");
            let user = if venv == 0 { "" } else { "0" };
            let pip = "-m pip install --quiet --no-input --disable-pip-version-check";
            let expected = format!(
                "PIP_USER={user} {pip} --only-binary :all: --find-links DIR/wheels {into}onnx==1"
            );
            assert_eq!(calls[1], expected);
            let script = if venv == 0 {
                "PIP_USER= -I s.py in".to_owned()
            } else {
                format!("PIP_USER= -I -S -c {WITH_PACKAGES} DIR/env/packages s.py in")
            };
            assert_eq!(calls[2..], [script]);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_script_sees_the_packages_of_its_folder_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (packages, out) = (dir.path().join("packages"), dir.path().join("out"));
        fs::create_dir(&packages).unwrap();
        fs::write(packages.join("only_here.py"), "word = 'found'").unwrap();
        let script = dir.path().join("script.py");
        let text = "import sys, only_here\n\
                    assert __name__ == '__main__'\n\
                    others = [p for p in sys.path if p.endswith('-packages')]\n\
                    open(sys.argv[1], 'w').write(f'{only_here.word} {len(sys.argv)} {others}')\n";
        fs::write(&script, text).unwrap();
        let program = Python::from_environment().program;
        let python = Python { program, packages: Some(packages) };
        python.run_script(&script, [out.as_path()]).unwrap();
        assert_eq!(fs::read_to_string(&out).unwrap(), "found 2 []");
    }
}
