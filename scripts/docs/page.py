"""Pages and their blocks."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    "README.md",
    "docs/grpc.md",
    "docs/python.md",
    "docs/typescript.md",
    "docs/rust.md",
    "docs/proxy.md",
    "docs/migrating-from-mem0.md",
    "docs/migrating-from-zep.md",
    "clients/python/README.md",
    "clients/typescript/README.md",
    "clients/rust/README.md",
]
NOT_RUN = {
    "docs/evaluation.md": "its commands need data sets, adapters and hours",
    "docs/llm.md": "its commands fetch gigabytes of a language model",
    "docs/ranking.md": "its commands need data sets and a reranker",
    "docs/summaries.md": "its commands need data sets and a language model",
}
"""Pages with blocks that are not run, and why."""
OTHERS = ("target", "node_modules", "data", "models")
"""Folders whose pages are not ours."""
LANGUAGES = ("sh", "toml", "python", "ts", "rust")
BLOCK = re.compile(r"(?:<!-- (.+?) -->\n+)?^```(\w*)\n(.*?)^```$", re.M | re.S)


class Failed(Exception):
    """Something of a page does not hold; the message says what."""


@dataclass
class Page:
    """A page with its blocks, by what becomes of them."""

    name: str
    blocks: dict[str, list[str]]
    """To be run, by language."""
    elsewhere: list[tuple[str, str]]
    """Files that run them, with the blocks."""
    left: list[tuple[str, str]]
    """Why they are not run, with the blocks."""

    @classmethod
    def read(cls, name):
        """Reads a page of the repository."""
        page = cls(name, {language: [] for language in LANGUAGES}, [], [])
        for note, language, code in BLOCK.findall((ROOT / name).read_text()):
            if note.startswith("not run: "):
                page.left.append((note.removeprefix("not run: "), code))
            elif note.startswith("run by "):
                page.elsewhere.append((note.removeprefix("run by "), code))
            elif language in LANGUAGES:
                page.blocks[language].append(code)
            else:
                page.left.append((f"nothing runs {language or 'a block without a language'}", code))
        return page

    @classmethod
    def unlisted(cls):
        """Pages with blocks to run that stand in neither list: guides and READMEs."""
        names = []
        for folder, folders, files in os.walk(ROOT):
            folders[:] = [name for name in folders if name not in OTHERS and name[0] != "."]
            here = Path(folder).relative_to(ROOT)
            guides = here.parts[:1] == ("docs",)
            names += [
                str(here / f) for f in files if f == "README.md" or (guides and f.endswith(".md"))
            ]
        pages = (cls.read(name) for name in sorted(names) if name not in {*PAGES, *NOT_RUN})
        return [page.name for page in pages if page.run_here()]

    def run_here(self):
        """How many blocks are run."""
        return sum(map(len, self.blocks.values())) + len(self.elsewhere)

    def check_elsewhere(self):
        """Every line of a block that another file runs stands there.

        Raises `Failed`.
        """
        for file, code in self.elsewhere:
            lines = {line.strip() for line in (ROOT / file).read_text().splitlines()}
            missing = [line for line in code.splitlines() if line.strip() not in lines]
            if missing:
                raise Failed(f"{self.name}: {file} does not run {missing[0]}")
