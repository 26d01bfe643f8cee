"""A request as steps that do no I/O themselves: the sync and the async client carry the same ones out."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import TypeVar


@dataclass(frozen=True)
class Request:
    """What is sent."""

    method: str
    path: str
    """Path and query, beginning with a slash."""
    headers: Mapping[str, str]
    content: bytes | None = None
    type: str = "application/json"


@dataclass(frozen=True)
class Response:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    """Names in any case."""
    body: bytes


@dataclass(frozen=True)
class Wait:
    """Nothing is done for so long."""

    seconds: float


T = TypeVar("T")
Steps = Generator[Request | Wait, Response | None, T]
"""What is to be sent, and waited for, until the value is there. A request is answered, or throws `Unreachable`."""


def sent(request: Request) -> Steps[Response]:
    """Sends a request."""
    answer = yield request
    assert answer is not None
    return answer


def pause(seconds: float) -> Steps[None]:
    """Waits."""
    yield Wait(seconds)
