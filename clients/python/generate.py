"""Writes the messages of `throughline.v1` from the protocol's own files.

    python generate.py [DIRECTORY]

The proto package and the Python package have the same name, so the generated
imports need no rewriting. Stubs are not generated: the method table
(`throughline/methods.py`) says the same in typed form.
"""

import sys
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
PROTO = HERE.parent.parent / "proto"


def generate(out: Path) -> None:
    """Generates into `out`, the directory above `throughline/`."""
    sources = sorted(str(path) for path in PROTO.glob("throughline/v1/*.proto"))
    include = str(files("grpc_tools") / "_proto")
    flags = [f"-I{PROTO}", f"-I{include}", f"--python_out={out}", f"--pyi_out={out}"]
    if protoc.main(["protoc", *flags, *sources]) != 0:
        raise SystemExit("protoc failed")


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "src")
