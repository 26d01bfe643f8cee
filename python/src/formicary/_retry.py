"""When a request is sent again: what the guide for agents says under "When the host says not now"."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass

from .errors import FormicaryError, Problem

_MOST_TOLD = 600.0
"""Whoever has to go on asks again after so many seconds, however long it is told to wait."""


@dataclass(frozen=True)
class Retry:
    """How often and how patiently a request is tried again that may safely be sent twice. Times are in seconds."""

    attempts: int = 6
    """Tries in all; 1 never tries again. Those after which the host says when to come again do not count until they
    have taken `most_told` together: there may be many short ones."""
    base: float = 0.05
    """What the first pause is shorter than; doubles with each further one."""
    most: float = 10.0
    """The longest pause that is taken without being told to."""
    most_told: float = 30.0
    """The longest wait that the host may ask for; told to wait longer, the client gives up."""

    def pause(self, attempt: int, told: float = 0.0) -> float:
        """Seconds before the try after number `attempt`, from 0: longer each time, and never in step with others.

        Those who are told to wait are many: they come back over as much time again.
        """
        bound: float = min(self.most, max(told, self.base * 2.0 ** min(attempt, 20)))
        return told + random.random() * bound

    def pause_after(self, error: FormicaryError, attempt: int) -> float:
        """As `pause`, after what has failed: at least as long as its problem says, up to ten minutes."""
        told = error.retry_after if isinstance(error, Problem) else None
        return self.pause(attempt, min(told or 0.0, _MOST_TOLD))

    def late(self) -> float:
        """Seconds that a try waits which is one too many."""
        return random.random() * self.most


_LEAST_TOLD = 0.05
"""What a wait counts as at least, of those that a host asks for: one that asks for none is not asked for ever."""


class Tries:
    """The tries of one request, the one that is made now among them."""

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self._told = 0.0
        self.counted = 1

    @property
    def is_last(self) -> bool:
        return self.counted >= self._retry.attempts

    def add(self, told: float) -> None:
        """Another one begins, after a wait that an answer has asked for; 0: none has."""
        if told > 0:
            self._told += max(told, _LEAST_TOLD)
        if told == 0 or self._told > self._retry.most_told:
            self.counted += 1


_FOR_EACH = 0.1
_A_SECOND = 5.0
_AT_ONCE = 100.0
_GONE_AFTER = 5
"""Failures in a row after which a host counts as gone."""
_PROBE = 1.0
"""Seconds that one request is given then to find out otherwise, before another may."""
_REST = 0.1
"""Seconds for which a host that is gone is left alone after a request has failed."""


class Circuit:
    """What all who share connections know about their host, and the budget of what they may send a second time.

    A host in trouble gets no more to do because it is in trouble: of all requests one in ten may be a second try, five
    a second besides, and a hundred at once. One that has not answered several times in a row is asked by one request at
    a time. Safe for threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left = _AT_ONCE
        self._filled_at = time.monotonic()
        self._failures = 0
        self._next = 0.0

    def may_retry(self) -> bool:
        """Counts a retry that is about to be sent; False when there are too many: it is to come late.

        Of a host that is gone nothing is counted: it is asked by one at a time.
        """
        with self._lock:
            if self._failures >= _GONE_AFTER:
                return True
            now = time.monotonic()
            self._fill(_A_SECOND * (now - self._filled_at))
            self._filled_at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def may_send(self) -> bool:
        """Counts a request that is about to be sent; False while another one finds out whether the host is back."""
        with self._lock:
            if self._failures >= _GONE_AFTER:
                now = time.monotonic()
                if now < self._next:
                    return False
                self._next = now + _PROBE
            self._fill(_FOR_EACH)
            return True

    def answered(self) -> None:
        """The host has answered, whatever it was."""
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        """No answer came."""
        with self._lock:
            self._failures += 1
            self._next = time.monotonic() + _REST

    def _fill(self, retries: float) -> None:
        self._left = min(_AT_ONCE, self._left + retries)
