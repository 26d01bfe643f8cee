"""The host for tests, and a starter as a newcomer makes it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, Terminal, node
from test_page import PAGE

from formicary import Task, TaskEnded
from formicary.testing import TestHost, eventually

COMMAND = [node(), str(ROOT / "dist/cli/main.js"), "test-host"]


@pytest.fixture(scope="module")
def moved() -> Iterator[TestHost]:
    """A host whose clock is moved."""
    with TestHost(COMMAND) as started:
        yield started


def test_a_worker_that_lives_keeps_its_lease_while_people_run_out_of_time(moved: TestHost) -> None:
    worker = moved.worker("ada", agent_type="refund")
    worker.start(lambda task: task.ask_human({"amount": 1}, why="it was paid twice", impact="low"))
    client = moved.client()
    posted = client.tasks.post({"task_type": "refund", "lease_seconds": 600, "max_attempts": 1})
    moved.approval(kind="refund")
    moved.advance(3 * 3600, living=[worker])
    with pytest.raises(TaskEnded, match="dead"):
        client.tasks.result(posted["task"]["id"])
    (attempt,) = client.tasks.get(posted["task"]["id"])["history"]
    assert attempt["end"] == "failed"
    assert "nobody of" in attempt["reason"]


def test_whoever_is_silent_meanwhile_loses_what_it_holds(moved: TestHost) -> None:
    worker = moved.worker("frozen", agent_type="silence", presence_seconds=60)

    def work(task: Task) -> object:
        if task.attempt == 1:
            task.cancelled.wait(60)
        return task.attempt

    worker.start(work)
    client = moved.client()
    task = client.tasks.post({"task_type": "silence", "lease_seconds": 600, "retry_seconds": 0})["task"]["id"]
    eventually(lambda: client.tasks.get(task)["status"] == "running")
    moved.advance(700)
    eventually(lambda: client.tasks.get(task)["history"] or None)
    assert client.tasks.get(task)["history"][0]["end"] == "expired"


def test_time_is_never_moved_back(moved: TestHost) -> None:
    for seconds in (-1, 32 * 86_400):
        with pytest.raises(ValueError, match="31 days"):
            moved.advance(seconds)


def test_what_is_no_host_is_told() -> None:
    with pytest.raises(RuntimeError, match="has ended"):
        TestHost([sys.executable, "-c", ""])


def test_the_example_of_the_page_works(tmp_path: Path) -> None:
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules/formicary").symlink_to(ROOT)
    program = PAGE.split("## Tests")[1].split("```python\n")[1].split("```")[0]
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)


def test_a_starter_works_as_it_is(terminal: Terminal, tmp_path: Path) -> None:
    terminal.run("npx formicary init python agent")
    terminal.keep("cd agent")
    page = (tmp_path / "agent/README.md").read_text()
    for command in page.split("```sh\n")[1].split("```")[0].splitlines():
        printed = terminal.run(command)
    assert "2 passed" in printed
