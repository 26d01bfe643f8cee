"""The typed clients. A refusal is a `Problem`; what fails on the way is tried again, which a key makes safe."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import httpx
from typing_extensions import Self, Unpack

from . import _agents, _oversight, _tasks, models
from ._credentials import Asked, Credentials, Said, Token
from ._facade import Api, AsyncApi, awaiting, blocking
from ._http import Request, Response, Steps, Wait
from ._options import CommandOptions, ReadOptions
from ._retry import Circuit, Retry
from ._session import Query, Session, search
from ._version import __version__
from .errors import Unreachable

T = TypeVar("T")

DEFAULT_URL = "http://127.0.0.1:7071"
# Longer than the longest poll: a connection on which nothing comes for so long counts as dead.
_TIMEOUT = httpx.Timeout(60.0, connect=10.0, pool=None)
# Each long poll needs a connection of its own.
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=100)


class Tasks(Api):
    """`/v1/tasks`."""

    post = blocking(_tasks.post)
    post_many = blocking(_tasks.post_many)
    get = blocking(_tasks.get)
    wait = blocking(_tasks.wait)
    result = blocking(_tasks.result)
    blob = blocking(_tasks.blob)
    bid = blocking(_tasks.bid)
    accept = blocking(_tasks.accept)
    decline = blocking(_tasks.decline)
    progress = blocking(_tasks.progress)
    complete = blocking(_tasks.complete)
    fail = blocking(_tasks.fail)
    release = blocking(_tasks.release)
    cancel = blocking(_tasks.cancel)
    redrive = blocking(_tasks.redrive)

    def list(self, **filter: Unpack[_tasks.TaskFilter]) -> Iterator[models.TaskSummary]:
        """Every task that the filter finds, page by page; eventually consistent."""
        return cast(Iterator[models.TaskSummary], _items(self, "/v1/tasks", cast(Query, filter)))


class AsyncTasks(AsyncApi):
    """`/v1/tasks`."""

    post = awaiting(_tasks.post)
    post_many = awaiting(_tasks.post_many)
    get = awaiting(_tasks.get)
    wait = awaiting(_tasks.wait)
    result = awaiting(_tasks.result)
    blob = awaiting(_tasks.blob)
    bid = awaiting(_tasks.bid)
    accept = awaiting(_tasks.accept)
    decline = awaiting(_tasks.decline)
    progress = awaiting(_tasks.progress)
    complete = awaiting(_tasks.complete)
    fail = awaiting(_tasks.fail)
    release = awaiting(_tasks.release)
    cancel = awaiting(_tasks.cancel)
    redrive = awaiting(_tasks.redrive)

    def list(self, **filter: Unpack[_tasks.TaskFilter]) -> AsyncIterator[models.TaskSummary]:
        """Every task that the filter finds, page by page; eventually consistent."""
        return cast(AsyncIterator[models.TaskSummary], _async_items(self, "/v1/tasks", cast(Query, filter)))


class Agents(Api):
    """`/v1/agents`."""

    put = blocking(_agents.put)
    get = blocking(_agents.get)
    deregister = blocking(_agents.deregister)
    heartbeat = blocking(_agents.heartbeat)
    inbox = blocking(_agents.inbox)

    def list(self, **filter: Unpack[_agents.AgentFilter]) -> Iterator[models.AgentSummary]:
        """Every agent that the filter finds, page by page; eventually consistent."""
        return cast(Iterator[models.AgentSummary], _items(self, "/v1/agents", cast(Query, filter)))


class AsyncAgents(AsyncApi):
    """`/v1/agents`."""

    put = awaiting(_agents.put)
    get = awaiting(_agents.get)
    deregister = awaiting(_agents.deregister)
    heartbeat = awaiting(_agents.heartbeat)
    inbox = awaiting(_agents.inbox)

    def list(self, **filter: Unpack[_agents.AgentFilter]) -> AsyncIterator[models.AgentSummary]:
        """Every agent that the filter finds, page by page; eventually consistent."""
        return cast(AsyncIterator[models.AgentSummary], _async_items(self, "/v1/agents", cast(Query, filter)))


class Actions(Api):
    """`/v1/actions`: what may be done only when it is cleared."""

    propose = blocking(_oversight.propose)
    get = blocking(_oversight.get_action)
    execute = blocking(_oversight.execute)
    clear = blocking(_oversight.clear)


class AsyncActions(AsyncApi):
    """`/v1/actions`: what may be done only when it is cleared."""

    propose = awaiting(_oversight.propose)
    get = awaiting(_oversight.get_action)
    execute = awaiting(_oversight.execute)
    clear = awaiting(_oversight.clear)


class Approvals(Api):
    """`/v1/approvals`: what waits for people."""

    get = blocking(_oversight.get_approval)
    approve = blocking(_oversight.approve)
    reject = blocking(_oversight.reject)

    def list(self, **filter: Unpack[_oversight.ApprovalFilter]) -> Iterator[models.ApprovalSummary]:
        """The queue, the most severe first; eventually consistent."""
        return cast(Iterator[models.ApprovalSummary], _items(self, "/v1/approvals", cast(Query, filter)))


class AsyncApprovals(AsyncApi):
    """`/v1/approvals`: what waits for people."""

    get = awaiting(_oversight.get_approval)
    approve = awaiting(_oversight.approve)
    reject = awaiting(_oversight.reject)

    def list(self, **filter: Unpack[_oversight.ApprovalFilter]) -> AsyncIterator[models.ApprovalSummary]:
        """The queue, the most severe first; eventually consistent."""
        return cast(AsyncIterator[models.ApprovalSummary], _async_items(self, "/v1/approvals", cast(Query, filter)))


class Rounds(Api):
    """`/v1/rounds`: what agents decide together."""

    open = blocking(_oversight.open_round)
    get = blocking(_oversight.get_round)
    vote = blocking(_oversight.vote)


class AsyncRounds(AsyncApi):
    """`/v1/rounds`: what agents decide together."""

    open = awaiting(_oversight.open_round)
    get = awaiting(_oversight.get_round)
    vote = awaiting(_oversight.vote)


class Formicary:
    """Everything that a caller may ask a host. Safe for threads; `close` it, or use it in a `with` statement."""

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | Callable[[], str] | None = None,
        principal: str | None = None,
        tenant: str | None = None,
        retry: Retry | None = None,
    ) -> None:
        """Makes a client; nothing is sent yet.

        `url`: address of the host; by default what `FORMICARY_URL` says, else this machine's. `token`: what says who
        calls, by default `FORMICARY_TOKEN`; the client renews it. A function is asked before each request instead: for
        tokens of another issuer. `principal` and `tenant`: who calls, to a host that believes whoever shows no token.
        """
        self._session = _session_of(token, principal, tenant, retry)
        self._http = httpx.Client(
            base_url=_address(url), timeout=_TIMEOUT, limits=_LIMITS, headers=_HEADERS, follow_redirects=False
        )
        self.tasks = Tasks(self._session, self.run)
        self.agents = Agents(self._session, self.run)
        self.actions = Actions(self._session, self.run)
        self.approvals = Approvals(self._session, self.run)
        self.rounds = Rounds(self._session, self.run)

    def me(self) -> models.Me:
        """Who this client is to the host, and what that lets it do."""
        return cast(models.Me, self.read("/v1/me"))

    def read(self, path: str, query: Query | None = None, **options: Unpack[ReadOptions]) -> Any:
        """What a GET answers, of any route of the API."""
        return self.run(self._session.read(path, query, **options))

    def command(self, method: str, path: str, body: object = None, **options: Unpack[CommandOptions]) -> Any:
        """What a command answers, of any route of the API; it carries an Idempotency-Key."""
        return self.run(self._session.command(method, path, body, **options))

    def run(self, steps: Steps[T], wait: Callable[[float], object] = time.sleep) -> T:
        """Carries steps out; `wait` is called where something is waited for, with seconds, and may raise."""
        answer: Response | None = None
        failure: Unreachable | None = None
        try:
            while True:
                step = steps.send(answer) if failure is None else steps.throw(failure)
                answer = failure = None
                if isinstance(step, Wait):
                    wait(step.seconds)
                    continue
                try:
                    got = self._http.request(step.method, step.path, headers=_headers_of(step), content=step.content)
                    answer = Response(got.status_code, got.headers, got.content)
                except httpx.TransportError as error:
                    failure = _unreachable(error)
        except StopIteration as done:
            return cast(T, done.value)
        finally:
            steps.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncFormicary:
    """The same for asyncio: `await` each method. `aclose` it, or use it in an `async with` statement."""

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | Callable[[], str] | None = None,
        principal: str | None = None,
        tenant: str | None = None,
        retry: Retry | None = None,
    ) -> None:
        """Makes a client; nothing is sent yet. The parameters are those of `Formicary`."""
        self._open(_session_of(token, principal, tenant, retry), _address(url))

    @classmethod
    def beside(cls, other: Formicary) -> AsyncFormicary:
        """A client for the same caller, with connections of its own: for an event loop beside threads."""
        client = cls.__new__(cls)
        client._open(other._session, str(other._http.base_url))
        return client

    def _open(self, session: Session, address: str) -> None:
        self._session = session
        self._http = httpx.AsyncClient(
            base_url=address, timeout=_TIMEOUT, limits=_LIMITS, headers=_HEADERS, follow_redirects=False
        )
        self.tasks = AsyncTasks(session, self.run)
        self.agents = AsyncAgents(session, self.run)
        self.actions = AsyncActions(session, self.run)
        self.approvals = AsyncApprovals(session, self.run)
        self.rounds = AsyncRounds(session, self.run)

    async def me(self) -> models.Me:
        """Who this client is to the host, and what that lets it do."""
        return cast(models.Me, await self.read("/v1/me"))

    async def read(self, path: str, query: Query | None = None, **options: Unpack[ReadOptions]) -> Any:
        """What a GET answers, of any route of the API."""
        return await self.run(self._session.read(path, query, **options))

    async def command(self, method: str, path: str, body: object = None, **options: Unpack[CommandOptions]) -> Any:
        """What a command answers, of any route of the API; it carries an Idempotency-Key."""
        return await self.run(self._session.command(method, path, body, **options))

    async def run(self, steps: Steps[T]) -> T:
        """Carries steps out."""
        answer: Response | None = None
        failure: Unreachable | None = None
        try:
            while True:
                step = steps.send(answer) if failure is None else steps.throw(failure)
                answer = failure = None
                if isinstance(step, Wait):
                    await asyncio.sleep(step.seconds)
                    continue
                try:
                    got = await self._http.request(
                        step.method, step.path, headers=_headers_of(step), content=step.content
                    )
                    answer = Response(got.status_code, got.headers, got.content)
                except httpx.TransportError as error:
                    failure = _unreachable(error)
        except StopIteration as done:
            return cast(T, done.value)
        finally:
            steps.close()

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


_HEADERS = {"accept": "application/json", "user-agent": f"formicary-python/{__version__}"}


def _address(url: str | None) -> str:
    address = url or os.environ.get("FORMICARY_URL") or DEFAULT_URL
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f'"{address}" is not the address of a host: it is http://HOST:PORT or https://HOST')
    return address.rstrip("/")


def _session_of(
    token: str | Callable[[], str] | None, principal: str | None, tenant: str | None, retry: Retry | None
) -> Session:
    shown = token or (os.environ.get("FORMICARY_TOKEN") if principal is None else None)
    if shown is not None and (principal is not None or tenant is not None):
        raise ValueError("a token says who its holder is: leave principal and tenant out")
    return Session(_credentials_of(shown, principal, tenant), retry or Retry(), Circuit())


def _credentials_of(shown: str | Callable[[], str] | None, principal: str | None, tenant: str | None) -> Credentials:
    if shown is None:
        return Said(principal, tenant)
    return Token(shown) if isinstance(shown, str) else Asked(shown)


def _headers_of(request: Request) -> dict[str, str]:
    sent = dict(request.headers)
    if request.content is not None:
        sent["content-type"] = request.type
    return sent


def _unreachable(error: httpx.TransportError) -> Unreachable:
    failure = Unreachable(f"the host can't be reached: {error or type(error).__name__}")
    failure.__cause__ = error
    return failure


def _items(api: Api, path: str, query: Query) -> Iterator[Any]:
    link: str | None = path + search(query)
    while link is not None:
        page = api._run(api._session.read(link))
        yield from page["value"]
        link = page.get("nextLink")


async def _async_items(api: AsyncApi, path: str, query: Query) -> AsyncIterator[Any]:
    link: str | None = path + search(query)
    while link is not None:
        page = await api._run(api._session.read(link))
        for item in page["value"]:
            yield item
        link = page.get("nextLink")
