"""`/v1/agents`: who does the work, and what waits for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

from typing_extensions import Unpack

from . import models
from ._http import Steps
from ._options import CommandOptions, ReadOptions
from ._session import Session, path_of, search


class AgentAnswer(TypedDict):
    """What a command on an agent answers."""

    receipt: models.Receipt
    agent: models.Agent


class AgentFilter(TypedDict, total=False):
    """Which agents."""

    capability: str
    agent_type: str
    pool: str
    status: Literal["active", "lost", "gone"]
    limit: int
    """Agents in a page, 1 to 1,000; 100 by default."""


class Beat(TypedDict):
    """What a heartbeat answers."""

    held: Sequence[models.Held]


def put(
    session: Session, agent: str, profile: models.AgentInput, **options: Unpack[CommandOptions]
) -> Steps[AgentAnswer]:
    """Registers the agent, or revises what it says of itself."""
    return session.command("PUT", path_of("/v1/agents/{id}", id=agent), profile, **options)


def get(
    session: Session, agent: str, *, as_of: str | None = None, **options: Unpack[ReadOptions]
) -> Steps[models.Agent]:
    """An agent, now or as it was: `as_of` is a time in RFC 3339."""
    return session.read(path_of("/v1/agents/{id}", id=agent), {"asOf": as_of}, **options)


def deregister(
    session: Session, agent: str, *, reason: str | None = None, **options: Unpack[CommandOptions]
) -> Steps[AgentAnswer]:
    """Deregisters an agent: it gives its tasks back."""
    path = path_of("/v1/agents/{id}", id=agent) + search({"reason": reason})
    return session.command("DELETE", path, **options)


def heartbeat(
    session: Session, agent: str, holding: Sequence[models.Holding] = (), **options: Unpack[CommandOptions]
) -> Steps[Beat]:
    """A sign of life, which extends the leases of the tasks held; a claim that does not stand is over."""
    path = path_of("/v1/agents/{id}/heartbeat", id=agent)
    return session.command("POST", path, {"holding": list(holding)}, sign_of_life=True, **options)


def inbox(
    session: Session,
    agent: str,
    *,
    wait_seconds: int = 0,
    offers_after: str | None = None,
    holding: bool = False,
    **options: Unpack[ReadOptions],
) -> Steps[models.Inbox]:
    """What waits for the agent; waits up to `wait_seconds` (at most 30) for something to come.

    With `holding` also what it works on: for a worker that was started again.
    """
    query = {"waitSeconds": wait_seconds, "offersAfter": offers_after, "holding": holding or None}
    return session.read(path_of("/v1/agents/{id}/inbox", id=agent), query, sign_of_life=True, **options)
