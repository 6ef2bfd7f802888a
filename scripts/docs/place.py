"""Where a page is run: an empty directory that shows the repository, the programs
that were built, and what the page's commands and addresses stand for there."""

import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from docs.page import ROOT, Failed

TOOLS = ROOT / "target" / "docs-venv"
TYPESCRIPT = ROOT / "clients" / "typescript"
EXAMPLES = ROOT / "clients" / "examples"
DATA = ROOT / "scripts" / "docs" / "data"
CONSTRAINTS = [ROOT / "clients/python/constraints.txt", ROOT / "scripts/docs/constraints.txt"]
ADDRESS = "127.0.0.1:7420"
QUICKSTART = "cargo run -p throughline-client --example quickstart"


def binary():
    """The server's program: of `THROUGHLINE_BIN`, the debug build, the release build."""
    named = os.environ.get("THROUGHLINE_BIN")
    built = [ROOT / "target" / kind / "throughline" for kind in ("debug", "release")]
    found = [Path(named)] if named else [path for path in built if path.exists()]
    if not found:
        sys.exit("no server binary: `cargo build`, or set THROUGHLINE_BIN")
    return found[0].resolve()


class Place:
    """Runs the programs of one page; `stack` ends what they started."""

    def __init__(self, stack):
        self.stack = stack
        self.path = self.directory()
        for entry in ROOT.iterdir():
            if not entry.name.startswith("."):
                (self.path / entry.name).symlink_to(entry)
        (self.path / ".bin").mkdir()
        (self.path / ".bin" / "throughline").symlink_to(binary())
        self.addresses = {}
        self.env = self.environment()
        standins = self.start([sys.executable, str(ROOT / "scripts/docs/standins.py")])
        self.env["OPENAI_BASE_URL"] = f"http://{standins}/v1"
        self.env["ZEP_BASE_URL"] = f"http://{standins}/zep"

    def directory(self):
        """A directory that goes with the page."""
        return Path(self.stack.enter_context(tempfile.TemporaryDirectory()))

    @staticmethod
    def commands(code):
        """A script with what its commands stand for here: no second build, small data,
        short measurements."""
        built = binary().parent
        means = {
            "cargo run --release --locked --bin throughline --": "throughline",
            "cargo build --release --workspace --locked": "true",
            "npm --prefix clients/typescript install --no-save": "true",
            "target/release/": f"{built}/",
            "--data DIR": f"--data {DATA}",
            "--seconds 30": "--seconds 1",
            "--rounds 20": "--rounds 1",
        }
        if (built / "examples" / "quickstart").exists():
            means[QUICKSTART] = str(built / "examples" / "quickstart")
        for written, meant in means.items():
            code = code.replace(written, meant)
        return code

    def environment(self):
        """What the programs of a page find."""
        found = [str(self.path / ".bin"), str(TOOLS / "bin"), os.environ["PATH"]]
        models = os.environ.get("THROUGHLINE_MODELS_DIR", str(ROOT / "target" / "models"))
        return {
            **os.environ,
            "PATH": ":".join(found),
            "THROUGHLINE_BIN": str(binary()),
            "THROUGHLINE_MODELS_DIR": models,
            "THROUGHLINE_LISTEN": "127.0.0.1:0",
            "OPENAI_API_KEY": "none",
            "MODEL": "extractive",
            "ZEP_API_KEY": "none",
            "MEM0_DIR": str(self.path / ".mem0"),
            "MEM0_TELEMETRY": "False",
            "PIP_CONSTRAINT": " ".join(map(str, CONSTRAINTS)),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "NPM_CONFIG_AUDIT": "false",
            "NPM_CONFIG_FUND": "false",
            "NPM_CONFIG_PREFER_OFFLINE": "true",
        }

    def start(self, command):
        """Starts a program; gives the address that it says it listens on.

        Raises `Failed`.
        """
        program = subprocess.Popen(
            command, cwd=self.path, env=self.env, stdout=subprocess.PIPE, text=True
        )
        self.stack.enter_context(program)
        self.stack.callback(program.terminate)
        said = program.stdout.readline()
        if not said:
            raise Failed(f"{' '.join(command)} did not start")
        return said.rpartition(" ")[2].strip()

    def serve(self, line):
        """Starts what a line of a page describes, on ports that are free: a server,
        with data of its own, or the upstream of the examples."""
        words = line.removesuffix("&").split()
        if words[0] == "python":
            self.addresses[f"127.0.0.1:{words[-1]}"] = self.start([*words[:-1], "0"])
            return
        for port in re.findall(r"127\.0\.0\.1:\d+", line):
            self.addresses.setdefault(port, free_address())
        flags = [self.here(word) for word in words[2:]]
        data = ["--data-dir", str(self.directory()), "--log", "warn"]
        server = str(self.path / ".bin" / "throughline")
        address = self.start([server, "serve", *flags, *data])
        self.env["THROUGHLINE_ADDRESS"] = address
        self.addresses[ADDRESS] = address

    def here(self, code):
        """Code with the addresses of what was started."""
        for written, meant in self.addresses.items():
            code = code.replace(written, meant)
        return code

    def run(self, command, what):
        """Runs a program to its end; raises `Failed` with what it said."""
        done = subprocess.run(
            command,
            cwd=self.path,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode != 0:
            raise Failed(f"{what}\nended with {done.returncode}:\n{done.stdout}")


def free_address():
    """An address that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def is_server(line):
    """Whether a line of a script serves until it is stopped."""
    return re.match(r"throughline serve( |$)|python \S*upstream\.py ", line) is not None


def logical_lines(code):
    """The lines of a script, continued ones joined, without comments behind them."""
    joined = re.sub(r"\\\n\s*", "", code)
    return [line.split("  #")[0].rstrip() for line in joined.splitlines()]
