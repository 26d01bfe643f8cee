"""A host for tests: a process of its own that keeps nothing, in which callers say who they are.

Its clock is moved by the test. It is the npm package `formicary`, where that is installed beside the test
(`npm install --save-dev formicary`), and needs Node.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from typing_extensions import Self, Unpack

from . import models
from ._oversight import ApprovalFilter
from .client import AsyncFormicary, Formicary
from .worker import Worker

T = TypeVar("T")

_LOOK = 0.02
_PATIENCE = 30.0
"""Seconds after which whatever a test waits for has not come."""
_MOST_PRESENCE = 3600.0
"""The longest time in seconds for which an agent may be silent."""


class TestHost:
    """A host for tests; in a `with`, it ends with that. Safe for threads."""

    __test__ = False

    def __init__(self, command: Sequence[str] | None = None) -> None:
        """Starts one, which takes a second or two: tests may share it, each with names of its own.

        `command` is what starts it, with its arguments, for example `["npx", "formicary", "test-host"]`; by default the
        package `formicary` that is found from the working directory, or the program of that name.
        """
        self._lock = threading.Lock()
        self._clients: list[Formicary] = []
        self._workers: list[Worker] = []
        self._process = subprocess.Popen(
            [*(command or _command_here())], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            self.url: str = self._answer()["url"]
            """Where it serves."""
        except BaseException:
            self._process.kill()
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.stop()

    def client(self, principal: str = "service:test") -> Formicary:
        """A client for it; who it says it is: an agent's id, `human:ada`, `service:crm`. Closed with the host."""
        client = Formicary(self.url, principal=principal)
        self._clients.append(client)
        return client

    def async_client(self, principal: str = "service:test") -> AsyncFormicary:
        """The same with asyncio; whoever made it closes it."""
        return AsyncFormicary(self.url, principal=principal)

    def worker(self, agent: str, **options: Any) -> Worker:
        """A worker of it, not yet started, with the options of `Worker`. Stopped with the host.

        An hour of silence does it no harm.
        """
        worker = Worker(client=self.client(agent), agent=agent, **{"presence_seconds": _MOST_PRESENCE, **options})
        self._workers.append(worker)
        return worker

    def advance(self, seconds: float, *, living: Sequence[Worker] = ()) -> str:
        """Lets so much time pass on the host, 31 days at most at once; returns what time it is there then (RFC 3339).

        What falls due by then is done: deadlines, leases, presence, votes. What follows from it takes a moment. Workers
        that are `living` give signs of life meanwhile; all other agents are silent, and lose what they hold when it is
        time. Raises ValueError when time can't be moved so.
        """
        left = seconds
        while True:
            step = min([left, *(worker.beat() for worker in living)])
            now = self._advanced(step)
            left -= step
            if left <= 0:
                return now

    def approval(self, **which: Unpack[ApprovalFilter]) -> models.ApprovalSummary:
        """The approval that waits for people, once there is one; for example `approval(kind="finance.refund")`."""
        with Formicary(self.url, principal="human:test") as people:

            def look() -> models.ApprovalSummary | None:
                # The list is a little behind: what stands there may be decided.
                for each in people.approvals.list(**which):
                    if people.approvals.get(each["id"])["status"] == each["status"]:
                        return each
                return None

            return eventually(look, "an approval that waits")

    def stop(self) -> None:
        """Stops it, with its workers, and closes its clients. Nothing of it is left."""
        for worker in self._workers:
            worker.stop(0)
        for client in self._clients:
            client.close()
        self._end()

    def _end(self) -> None:
        with self._lock:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process.wait()

    def _advanced(self, seconds: float) -> str:
        with self._lock:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps({"advance": seconds}) + "\n")
            self._process.stdin.flush()
            answer = self._answer()
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["now"]

    def _answer(self) -> dict[str, str]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the host for tests has ended: what it said is on standard error")
        answer: dict[str, str] = json.loads(line)
        return answer


def eventually(look: Callable[[], T | None], what: str = "what the test waits for") -> T:
    """What `look` gives, once that is neither None nor False. Raises TimeoutError after half a minute."""
    ends = time.monotonic() + _PATIENCE
    while True:
        seen = look()
        if seen is not None and seen is not False:
            return seen
        if time.monotonic() > ends:
            raise TimeoutError(f"{what} has not come")
        time.sleep(_LOOK)


def _command_here() -> Iterator[str]:
    """What starts the package `formicary` of the working directory, or the program."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        program = folder / "node_modules" / "formicary" / "bin" / "formicary.js"
        if program.exists():
            yield from ("node", str(program), "test-host")
            return
    found = shutil.which("formicary")
    if found is None:
        raise RuntimeError("the npm package formicary is not here: npm install --save-dev formicary")
    yield from (found, "test-host")
