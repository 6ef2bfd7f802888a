"""The oldest Python that the package says it runs on can read and import it, whatever
Python runs the tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from server import REPOSITORY

PACKAGE = REPOSITORY / "clients" / "python"
EXAMPLES = REPOSITORY / "clients" / "examples"
OLDEST = (3, 10)
SOURCES = sorted(
    path
    for folder in (PACKAGE / "src", PACKAGE / "tests", EXAMPLES)
    for path in folder.rglob("*.py")
)
NEWER_MODULES = {"annotationlib", "compression", "concurrent.interpreters", "tomllib"}
NEWER_BUILTINS = {"BaseExceptionGroup", "ExceptionGroup", "PythonFinalizationError"}
NEWER_NAMES = {
    "asyncio": {"Barrier", "Runner", "TaskGroup", "timeout", "timeout_at", "QueueShutDown"},
    "contextlib": {"chdir"},
    "copy": {"replace"},
    "datetime": {"UTC"},
    "enum": {"EnumCheck", "FlagBoundary", "ReprEnum", "StrEnum", "global_enum", "member", "verify"},
    "hashlib": {"file_digest"},
    "inspect": {"getmembers_static", "markcoroutinefunction"},
    "itertools": {"batched"},
    "math": {"cbrt", "exp2", "fma", "sumprod"},
    "operator": {"call"},
    "types": {"CapsuleType", "get_original_bases"},
    "typing": {
        *("LiteralString", "Never", "NoDefault", "NotRequired", "ReadOnly", "Required", "Self"),
        *("TypeAliasType", "TypeIs", "TypeVarTuple", "Unpack", "assert_never", "assert_type"),
        *("clear_overloads", "dataclass_transform", "get_overloads", "get_protocol_members"),
        *("is_protocol", "override", "reveal_type"),
    },
    "warnings": {"deprecated"},
}
"""Names of the standard library that came after `OLDEST`, beside what mypy and pyright
find, which read the package as for that version."""
NEWER_METHODS = {"add_note", "uncancel", "cancelling"}


def newer(source: str) -> Iterator[str]:
    """What of a source the oldest Python does not know; raises `SyntaxError`."""
    tree = ast.parse(source, feature_version=OLDEST)
    modules = {name: name for name in NEWER_NAMES}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname: alias.name for alias in node.names if alias.asname}
            yield from (alias.name for alias in node.names if alias.name in NEWER_MODULES)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = {alias.name for alias in node.names}
            yield from {module} & NEWER_MODULES
            yield from names & NEWER_NAMES.get(module, set())
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield from {node.id} & NEWER_BUILTINS
        elif isinstance(node, ast.Attribute):
            yield from {node.attr} & NEWER_METHODS
            if isinstance(node.value, ast.Name):
                module = modules.get(node.value.id, "")
                yield from {node.attr} & NEWER_NAMES.get(module, set())


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE.parent)))
def test_the_oldest_python_knows_all_of_it(path: Path) -> None:
    assert not list(newer(path.read_text()))


@pytest.mark.parametrize(
    "source",
    [
        "import tomllib",
        "from typing import Self",
        "import typing as t\nx: t.Self",
        "import asyncio\nasyncio.timeout(1)",
        "raise ExceptionGroup('', [])",
        "error.add_note('')",
    ],
)
def test_what_is_newer_is_found(source: str) -> None:
    assert list(newer(source))


def test_newer_grammar_is_found() -> None:
    with pytest.raises(SyntaxError):
        list(newer("try:\n    pass\nexcept* ValueError:\n    pass"))


def test_all_tools_check_the_version_that_is_promised() -> None:
    project = (PACKAGE / "pyproject.toml").read_text()
    version = ".".join(map(str, OLDEST))
    for setting in (
        f'requires-python = ">={version}"',
        f'python_version = "{version}"',
        f'pythonVersion = "{version}"',
        f'target-version = "py{version.replace(".", "")}"',
    ):
        assert re.search(rf"^{re.escape(setting)}$", project, re.MULTILINE), setting
