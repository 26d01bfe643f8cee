"""Waiting for something that others do: looks again and again, and over a host that is away for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from typing import TypeVar

from ._http import Steps, pause
from ._session import Session
from .errors import FormicaryError, NoHost, Problem, Unreachable

T = TypeVar("T")

_FOR_NOW = (408, 429, 502, 503, 504)
_UNTIL_OTHERS = frozenset({"award-challenged", "over-budget", "stopped"})


def is_away(error: FormicaryError) -> bool:
    """Whether nothing came, whoever answers has no time, or something in between answers for the host."""
    if not isinstance(error, Problem):
        return isinstance(error, (Unreachable, NoHost))
    # What is no problem document of ours.
    is_between = error.code == "about:blank" and (error.status == 404 or error.status >= 500)
    return error.status in _FOR_NOW or is_between


def waits_for_others(error: FormicaryError) -> bool:
    """Whether it can be done once others have settled something.

    A challenge is decided, people let the work cost more, or lift a stop.
    """
    return isinstance(error, Problem) and error.code in _UNTIL_OTHERS


class Waiting:
    """A wait of at most so many seconds; None: for as long as it takes."""

    def __init__(self, session: Session, timeout: float | None, first: float, last: float) -> None:
        """Looks come `first` seconds apart, then after twice as much each time, up to `last`."""
        self._session = session
        self._timeout = timeout
        self._ends = None if timeout is None else time.monotonic() + timeout
        self._look = first
        self._last = last

    def again(self, look: Callable[[], Steps[T]], so_far: str) -> Steps[T]:
        """What a look shows after a pause. Raises TimeoutError, which says how things are so far, when time is up."""
        yield from self._pause(self._look, so_far)
        self._look = min(2 * self._look, self._last)
        return (yield from self.patiently(look, so_far))

    def patiently(self, steps: Callable[[], Steps[T]], so_far: str) -> Steps[T]:
        """Carries steps out, again and again for as long as the host is away or what they want is stopped."""
        for tries in count():
            try:
                return (yield from steps())
            except FormicaryError as error:
                if not is_away(error) and not waits_for_others(error):
                    raise
                seconds = self._session.retry.pause_after(error, tries)
            yield from self._pause(seconds, so_far)
        raise AssertionError("it counts without end")

    def _pause(self, seconds: float, so_far: str) -> Steps[None]:
        left = seconds if self._ends is None else self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"{so_far} after {self._timeout} seconds")
        yield from pause(min(seconds, left))
