"""What docs/python.md tells to type, typed in its order: each command works, and prints what the page shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
from conftest import ROOT, Terminal, eventually

PAGE = (ROOT / "docs/python.md").read_text()
LASTS = ("npx formicary start", ".formicary/worker.py")
"""What runs until somebody ends it."""


def parts() -> Iterator[tuple[str, str, str]]:
    """The fenced blocks in their order: language, the file that the heading above names, if any, text."""
    name = ""
    for heading, language, text in re.findall(r"^#+ (.+?)$|^```(\w+)\n(.*?)^```$", PAGE, re.M | re.S):
        if language:
            yield language, name, text
        else:
            name = heading.strip("`") if heading.startswith("`") else ""


def commands(language: str, text: str) -> Iterator[tuple[str, str]]:
    """Each command of a block, and what it is to print."""
    if language == "sh":
        yield from ((line, "…\n") for line in text.splitlines() if line)
    else:
        for step in re.split(r"^\$ ", text, flags=re.M)[1:]:
            command, _, expected = step.partition("\n")
            yield command, expected


def pattern(expected: str) -> str:
    """`…` stands for anything within a line, and alone for any lines."""
    lines = expected.splitlines()
    return "".join(
        r"(?:.*\n)*?" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + r" *\n" for line in lines
    )


def test_the_page_can_be_followed(terminal: Terminal, tmp_path: Path) -> None:
    url = terminal.url
    typed = []
    for language, name, text in parts():
        if language == "python":
            if name:
                (tmp_path / name).write_text(text)
            continue
        for command, expected in commands(language, text):
            typed.append(command)
            if command.startswith("export ") or re.match(r"\w+=\$\(npx formicary approvals", command):
                terminal.keep(command)
                continue
            if any(each in command for each in LASTS):
                terminal.start(command)
                if "start" in command:
                    eventually(lambda: _is_ready(url))
                continue
            printed = terminal.run(command)
            assert re.fullmatch(pattern(expected), printed), f"$ {command}\n{printed}\ninstead of\n{expected}"
    assert len(typed) == 13


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready").is_success
    except httpx.TransportError:
        return False
