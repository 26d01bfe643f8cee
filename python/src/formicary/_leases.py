"""What a worker holds: the claims, and a thread that extends their leases."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from . import _agents, models
from ._claims import Cancelled, Claim
from .client import Formicary
from .errors import FormicaryError

_log = logging.getLogger("formicary")

_MOST_BEGUN = 10_000
"""Awards whose work was begun, that are remembered: it is not begun twice."""


class Leases:
    """The claims of an agent. Safe for threads."""

    def __init__(self, formicary: Formicary, agent: str) -> None:
        """Begins to extend leases, in a thread of its own."""
        self._formicary = formicary
        self._agent = agent
        self._over = threading.Event()
        # Guards what follows; notified whenever it changes.
        self._changed = threading.Condition()
        self._claims: dict[str, Claim] = {}
        self._begun: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._thread = threading.Thread(target=self._beat, name="formicary-heartbeat", daemon=True)
        self._thread.start()

    def claim(self, item: models.Assignment) -> Claim | None:
        """The claim that comes of an award; None when it is known already. An earlier one of the task is over then."""
        task, award = item["task"], item["award"]
        with self._changed:
            known = self._claims.get(task)
            if (known is not None and known.award >= award) or (task, award) in self._begun:
                return None
            if known is not None:
                known.cancel()
            claim = Claim(self._agent, task, award, item["lease_seconds"])
            self._claims[task] = claim
            return claim

    def begin(self, claim: Claim) -> None:
        """It was accepted, and its work begins: from now on its lease runs, and is extended."""
        with self._changed:
            claim.is_accepted = True
            claim.next_beat = time.monotonic() + claim.lease_seconds / 3
            self._begun[claim.task, claim.award] = None
            if len(self._begun) > _MOST_BEGUN:
                self._begun.popitem(last=False)
            self._changed.notify_all()

    def end(self, claim: Claim) -> None:
        """Nothing more comes of it."""
        with self._changed:
            if self._claims.get(claim.task) is claim:
                del self._claims[claim.task]
            self._changed.notify_all()

    def has(self, task: str, award: int) -> bool:
        """Whether the claim is one of these."""
        with self._changed:
            claim = self._claims.get(task)
            return claim is not None and claim.award == award

    def left(self, grace: float, is_hurried: Callable[[], bool]) -> list[Claim]:
        """The claims that have not ended after so many seconds, or as soon as there is a hurry."""
        ends = time.monotonic() + grace
        with self._changed:
            while self._claims and not is_hurried() and (left := ends - time.monotonic()) > 0:
                self._changed.wait(min(left, 0.25))
            return list(self._claims.values())

    def close(self) -> None:
        """Extends no lease any more."""
        self._over.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join()

    def beat(self) -> float:
        """A sign of life of the agent, which extends the leases now.

        Returns the seconds after which one of those that run is to be extended again; infinity when there is none.
        """
        with self._changed:
            held = [claim for claim in self._claims.values() if claim.is_accepted]
        self._extend(held)
        return min((claim.lease_seconds / 3 for claim in held), default=math.inf)

    def _beat(self) -> None:
        """Extends all leases as soon as a third of one is over."""
        while not self._over.is_set():
            with self._changed:
                held = [claim for claim in self._claims.values() if claim.is_accepted]
                due = min((claim.next_beat for claim in held), default=None)
                left = None if due is None else due - time.monotonic()
                if left is None or left > 0:
                    self._changed.wait(left)
                    continue
            self._extend(held)

    def _extend(self, held: list[Claim]) -> None:
        """Extends leases; cancels the work of claims that don't stand."""
        holding: list[models.Holding] = [{"task": claim.task, "award": claim.award} for claim in held]
        beat = _agents.heartbeat(self._formicary._session, self._agent, holding)
        try:
            answer = self._formicary.run(beat, self._wait)
        except Exception as error:
            # Whatever it was: a worker whose leases nobody extends would do everything for nothing.
            _log.warning("the leases could not be extended: %s", error, exc_info=not isinstance(error, FormicaryError))
            for claim in held:
                claim.next_beat = time.monotonic() + min(1.0, claim.lease_seconds / 3)
            return
        stands = {(each["task"], each["award"]): each["stands"] for each in answer["held"]}
        for claim in held:
            claim.next_beat = time.monotonic() + claim.lease_seconds / 3
            if not stands.get((claim.task, claim.award), True):
                claim.cancel()

    def _wait(self, seconds: float) -> None:
        if self._over.wait(seconds):
            raise Cancelled("the worker has stopped")
