"""A task under an award: whether it still is this worker's, and what is said of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from itertools import count
from uuid import uuid4

from ._http import Steps
from ._waiting import is_away, waits_for_others
from .client import Formicary
from .errors import FormicaryError, Problem

_log = logging.getLogger("formicary")

OVER = frozenset(
    {
        "award-superseded",
        "not-the-holder",
        "task-already-completed",
        "task-cancelled",
        "task-completed",
        "task-dead",
        "task-expired",
        "task-not-found",
    }
)
"""The problems that say that a claim does not stand: the work is dropped."""

Said = Callable[..., Steps[object]]
"""What is said of a claim: takes the session, the task, the award, `agent` and `idempotency_key`."""


class Cancelled(FormicaryError):
    """The result of this work is not wanted any more: the claim is over, or the worker stops."""


class Claim:
    """A task under an award. Safe for threads."""

    def __init__(self, agent: str, task: str, award: int, lease_seconds: float) -> None:
        self.agent = agent
        self.task = task
        self.award = award
        self.lease_seconds = lease_seconds
        self.cancelled = threading.Event()
        self.is_accepted = False
        self.next_beat = 0.0
        """On the monotonic clock."""
        self._lock = threading.Lock()
        self._hears: Callable[[], object] | None = None

    def cancel(self) -> None:
        """What comes of the work is not wanted any more."""
        with self._lock:
            self.cancelled.set()
            if self._hears is not None:
                self._hears()

    def on_cancel(self, hears: Callable[[], object] | None) -> None:
        """`hears` is called, in whichever thread, once it is cancelled; at once when it is."""
        with self._lock:
            self._hears = hears
            if hears is not None and self.cancelled.is_set():
                hears()

    def wait(self, seconds: float) -> None:
        """Waits; raises `Cancelled` as soon as it is."""
        if self.cancelled.wait(seconds):
            raise Cancelled(f"the task {self.task} is not this worker's any more")


def say(formicary: Formicary, claim: Claim, said: Said, *, patiently: bool = True) -> None:
    """Says something about a claim, again and again under one key, until the host has taken it.

    Not `patiently`, it is left out while the host is away. Raises `Cancelled` when the claim is over, and `Problem`
    when the host refuses it for good.
    """
    key = str(uuid4())
    for tries in count(1):
        claim.wait(0)
        steps = said(formicary._session, claim.task, claim.award, agent=claim.agent, idempotency_key=key)
        try:
            formicary.run(steps, claim.wait)
            return
        except FormicaryError as error:
            if isinstance(error, Problem) and error.code in OVER:
                claim.cancel()
                raise Cancelled(str(error)) from error
            # Where the claim does not stand until then, a heartbeat says so.
            if not waits_for_others(error) and not is_away(error):
                raise
            _log.warning("%s: %s", claim.task, error)
            if is_away(error) and not patiently:
                return
            seconds = formicary._session.retry.pause_after(error, tries)
        claim.wait(seconds)
