"""A method of the sync client and one of the async client, both of the same steps."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, Protocol, TypeVar

from typing_extensions import ParamSpec

from ._http import Steps
from ._session import Session

P = ParamSpec("P")
T = TypeVar("T")


class Run(Protocol):
    """Carries steps out, and waits."""

    def __call__(self, steps: Steps[T]) -> T: ...


class AsyncRun(Protocol):
    """Carries steps out."""

    def __call__(self, steps: Steps[T]) -> Coroutine[Any, Any, T]: ...


class Api:
    """Routes of one kind, of the sync client."""

    def __init__(self, session: Session, run: Run) -> None:
        self._session = session
        self._run = run


class AsyncApi:
    """Routes of one kind, of the async client."""

    def __init__(self, session: Session, run: AsyncRun) -> None:
        self._session = session
        self._run = run


def blocking(steps: Callable[Concatenate[Session, P], Steps[T]]) -> Callable[Concatenate[Api, P], T]:
    """The method of an `Api`."""

    @wraps(steps)
    def call(self: Api, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._run(steps(self._session, *args, **kwargs))

    return call


def awaiting(
    steps: Callable[Concatenate[Session, P], Steps[T]],
) -> Callable[Concatenate[AsyncApi, P], Coroutine[Any, Any, T]]:
    """The method of an `AsyncApi`."""

    @wraps(steps)
    async def call(self: AsyncApi, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._run(steps(self._session, *args, **kwargs))

    return call
