"""What docs/python.md tells to type, typed in its order: each command works, and prints what the page shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from conftest import ROOT, eventually, free_port, node

PAGE = (ROOT / "docs/python.md").read_text()
LASTS = ("npx formicary start", ".formicary/worker.py")
"""What runs until somebody ends it."""


def parts() -> Iterator[tuple[str, str, str]]:
    """The fenced blocks in their order: language, the file that the heading above names, text."""
    name = ""
    for heading, language, text in re.findall(r"^### `([^`]+)`$|^```(\w+)\n(.*?)^```$", PAGE, re.M | re.S):
        name = heading or name
        if language:
            yield language, name, text


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


class Terminal:
    """A shell in which `npx formicary` is the compiled command line."""

    def __init__(self, folder: Path, url: str) -> None:
        python = Path(getattr(sys, "_base_executable", sys.executable)).parent
        self._folder = folder
        self._before = f'npx() {{ shift; "{node()}" "{ROOT}/dist/cli/main.js" "$@"; }}\n'
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("FORMICARY_")},
            "FORMICARY_URL": url,
            "FORMICARY_PORT": url.rsplit(":", 1)[1],
            "PATH": f"{python}:{os.environ['PATH']}",
            "XDG_CONFIG_HOME": str(folder),
        }
        self.running: list[subprocess.Popen[str]] = []

    def run(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", f"{self._before}{command}"],
            cwd=self._folder,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}"
        return done.stdout

    def start(self, command: str) -> None:
        with (self._folder / "running.log").open("a") as log:
            self.running.append(
                subprocess.Popen(
                    ["bash", "-c", f"{self._before}{command}"],
                    cwd=self._folder,
                    env=self._env,
                    stdout=log,
                    stderr=log,
                    text=True,
                    start_new_session=True,
                )
            )

    def keep(self, line: str) -> None:
        """A line that later ones build on: an export, or a variable."""
        self._before += line + "\n"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    (tmp_path / "python").symlink_to(ROOT / "python")
    terminal = Terminal(tmp_path, f"http://127.0.0.1:{free_port()}")
    yield terminal
    for child in terminal.running:
        os.killpg(child.pid, 9)
        child.wait()


def test_the_page_can_be_followed(terminal: Terminal, tmp_path: Path) -> None:
    url = terminal._env["FORMICARY_URL"]
    typed = []
    for language, name, text in parts():
        if language == "python":
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
    assert len(typed) == 12


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready").is_success
    except httpx.TransportError:
        return False
