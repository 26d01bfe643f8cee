"""What the function of a worker is given, and what it may raise."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

from . import _oversight, _tasks, models
from ._claims import Claim, say
from ._session import path_of
from ._waiting import Waiting
from .client import Formicary
from .errors import FormicaryError
from .models import Impact


class Fail(FormicaryError):
    """Raised by a function: the attempt failed. With `retryable=False` the task is dead: another one would fail too."""

    def __init__(self, reason: str, *, retryable: bool = True) -> None:
        super().__init__(reason)
        self.retryable = retryable


class Release(FormicaryError):
    """Raised by a function: it gives the task back for another attempt, of whomever."""


class Task:
    """A task that was accepted. Its lease is extended while the function works."""

    def __init__(self, claim: Claim, assignment: models.Assignment, formicary: Formicary) -> None:
        self._claim = claim
        self._lock = threading.Lock()
        self._payload: tuple[Any] | None = None
        self.formicary = formicary
        """The worker's client, for whatever else the agent asks of the host."""
        self.spec = assignment["spec"]
        """What was posted, with every default filled in."""
        self.id = assignment["task"]
        self.award = assignment["award"]
        self.attempt = assignment["attempt"]
        """From 1."""
        self.cost_micro_usd: int | None = None
        """What the work has cost in all, in millionths of a US dollar: set it, and it is said with what comes next."""
        self._let_go: list[Mapping[str, Any]] = []
        """Calls of tools that people have made of others, and that nobody has made yet."""

    @property
    def type(self) -> str:
        """`task_type`."""
        return self.spec["task_type"]

    @property
    def payload(self) -> Any:
        """The work itself; None when there is none. A large one is fetched when it is asked for first."""
        with self._lock:
            if self._payload is None:
                reference = self.spec.get("payload_ref")
                known = self.spec.get("payload")
                self._payload = (known if reference is None else self._fetched(reference),)
            return self._payload[0]

    def _fetched(self, reference: str) -> Any:
        session = self.formicary._session
        wait = Waiting(session, None, 0, 0)
        blob = wait.patiently(partial(_tasks.blob, session, self.id, reference), "the payload is not here")
        return self.formicary.run(blob, self._claim.wait)

    @property
    def cancelled(self) -> threading.Event:
        """Set when somebody else has the task, when it was cancelled, or when the worker stops and waits no longer.

        What comes of the work is not wanted then: a function that takes long looks at it, or waits on it. Set, too,
        once the attempt has ended.
        """
        return self._claim.cancelled

    def progress(self, fraction: float, note: str | None = None) -> None:
        """Says how far the work is, a fraction from 0 to 1; a host that is away is not told.

        Waits where the work has cost more than is reserved for it, until people let it go on. Raises `Cancelled` when
        the task is not this worker's any more.
        """
        said = partial(_tasks.progress, fraction=fraction, note=note, cost_micro_usd=self.cost_micro_usd)
        say(self.formicary, self._claim, said, patiently=False)

    def ask_human(
        self,
        action: Mapping[str, Any],
        *,
        why: str,
        kind: str | None = None,
        confidence: float = 0.5,
        impact: Impact = "medium",
        risk: float = 0.0,
        features: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Asks before something risky is done, and waits for as long as that takes; the lease goes on meanwhile.

        `action` is what is to be done, as JSON. The rules of its `kind` (by default the task's type) say who decides:
        they alone, agents, or people, who decide wherever there are no rules. Returns the action that may be done now,
        once; people may have corrected it. Raises `Refused` when it may not be done, `Cancelled` when the task is not
        this worker's any more, and TimeoutError after `timeout` seconds.
        """
        asked: models.ActionInput = {
            "kind": kind or self.type,
            "action": dict(action),
            "why": why,
            "confidence": confidence,
            "impact": impact,
            "risk": risk,
            "features": dict(features or {}),
        }
        session = self.formicary._session
        return self.formicary.run(_oversight.clear(session, asked, timeout=timeout), self._claim.wait)["action"]

    def traceparent(self) -> str | None:
        """W3C trace context of whoever posted the task, to go on with; None when it had none. Asks the host."""
        return traceparent_of(self.formicary, self.id)


def traceparent_of(formicary: Formicary, task: str) -> str | None:
    """The trace context under which a task was posted."""
    first = formicary.read(path_of("/v1/streams/task/{id}", id=task), {"limit": 1})["value"][0]
    traceparent = first["meta"].get("traceparent")
    return traceparent if isinstance(traceparent, str) else None
