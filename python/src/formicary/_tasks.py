"""`/v1/tasks`: work that is posted, awarded to one agent at a time, held under a lease and completed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import Any, Literal, TypeAlias, TypedDict, cast
from uuid import uuid4

from typing_extensions import Unpack

from . import models
from ._http import Steps, pause
from ._options import CommandOptions, Opening
from ._session import Session, path_of
from ._waiting import Waiting
from .errors import TaskEnded

TaskStatus: TypeAlias = Literal["held", "open", "awarded", "running", "completed", "cancelled", "expired", "dead"]
ENDS: tuple[TaskStatus, ...] = ("completed", "cancelled", "expired", "dead")

_FIRST_LOOK = 0.05
_LAST_LOOK = 2.0


class TaskAnswer(TypedDict):
    """What a command on a task answers."""

    receipt: models.Receipt
    task: models.Task


class TaskFilter(TypedDict, total=False):
    """Which tasks."""

    status: TaskStatus
    agent: str
    """Who holds it, or has completed it."""
    task_type: str
    correlation_id: str
    """What they belong to."""
    ended_on: str
    """Those that ended on this day, in UTC: `2026-11-21`."""
    sort: Literal["waiting"]
    """Open and held tasks, those first that have waited longest."""
    stuck: int
    """Open and held tasks that have waited so many seconds at least, the longest first."""
    limit: int
    """Tasks in a page, 1 to 1,000; 100 by default."""


def post(session: Session, task: models.TaskInput, **options: Unpack[CommandOptions]) -> Steps[TaskAnswer]:
    """Posts a task: the market awards it to the best agent at once, or after `bid_seconds`.

    Problems: `task-exists`, `deadline-passed`, `not-before-too-far`, `parent-not-found` and what concerns limits and budgets.
    """
    return session.command("POST", "/v1/tasks", task, **options)


def post_many(
    session: Session, tasks: Sequence[models.TaskInput], **options: Unpack[CommandOptions]
) -> Steps[Sequence[models.Posted]]:
    """Posts up to 500 tasks, each posted or refused on its own; the answers stand in the order of the tasks.

    What the store could not do is sent again, with all the rest and under the same key: what was done is answered once
    more. What it can't do then either has a `problem` of the status 503.
    """
    options = {"idempotency_key": str(uuid4()), **options}
    for attempt in count(1):
        answer = yield from session.command("POST", "/v1/tasks/batch", {"tasks": list(tasks)}, **options)
        posted = cast(Sequence[models.Posted], answer["value"])
        undone = any("problem" in each and each["problem"]["status"] == 503 for each in posted)
        if not undone or attempt >= session.retry.attempts:
            return posted
        yield from pause(session.retry.pause(attempt))
    raise AssertionError("it counts without end")


def get(session: Session, task: str, *, as_of: str | None = None, **opening: Unpack[Opening]) -> Steps[models.Task]:
    """A task, now or as it was: `as_of` is a time in RFC 3339."""
    query = {"asOf": as_of, "personal": opening.get("personal"), "purpose": opening.get("purpose")}
    return session.read(path_of("/v1/tasks/{id}", id=task), query, traceparent=opening.get("traceparent"))


def wait(session: Session, task: str, *, timeout: float | None = None) -> Steps[models.Task]:
    """The task once it has ended: it is `completed`, `cancelled`, `expired` or `dead`.

    Raises TimeoutError after `timeout` seconds; without one it waits for as long as it takes, also while the host is
    away, once it has answered.
    """
    wait = Waiting(session, timeout, _FIRST_LOOK, _LAST_LOOK)
    found = yield from get(session, task)
    while found["status"] not in ENDS:
        found = yield from wait.again(partial(get, session, task), f"the task {task} is {found['status']}")
    return found


def result(session: Session, task: str, *, timeout: float | None = None) -> Steps[Any]:
    """What came of the task, once it is completed; a large one is fetched from where it is kept.

    Raises `TaskEnded` when it ended in another way, and TimeoutError after `timeout` seconds.
    """
    ended = yield from wait(session, task, timeout=timeout)
    completion = ended.get("completion")
    if completion is None:
        why = ended.get("ended")
        raise TaskEnded(task, ended["status"], why["reason"] if why is not None else "no attempt was left")
    reference = completion.get("result_ref")
    return completion.get("result") if reference is None else (yield from blob(session, task, reference))


def blob(session: Session, task: str, reference: str, **opening: Unpack[Opening]) -> Steps[Any]:
    """A large payload or result: `payload_ref` or `result_ref` of the task."""
    query = {"personal": opening.get("personal"), "purpose": opening.get("purpose")}
    path = path_of("/v1/tasks/{id}/blobs/{reference}", id=task, reference=reference)
    return session.read(path, query, traceparent=opening.get("traceparent"))


def _command(session: Session, task: str, what: str, body: object, options: CommandOptions) -> Steps[TaskAnswer]:
    return session.command("POST", path_of("/v1/tasks/{id}/", id=task) + what, body, **options)


def _given(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def bid(
    session: Session, task: str, *, note: str | None = None, agent: str | None = None, **options: Unpack[CommandOptions]
) -> Steps[TaskAnswer]:
    """Bids for a task; `agent` is the caller by default."""
    return _command(session, task, "bids", _given(note=note, agent=agent), options)


def accept(
    session: Session, task: str, award: int, *, agent: str | None = None, **options: Unpack[CommandOptions]
) -> Steps[TaskAnswer]:
    """Accepts an award: the lease starts."""
    return _command(session, task, "accept", _given(award=award, agent=agent), options)


def decline(
    session: Session,
    task: str,
    award: int,
    *,
    reason: str | None = None,
    agent: str | None = None,
    **options: Unpack[CommandOptions],
) -> Steps[TaskAnswer]:
    """Declines an award: the task goes to the next best."""
    return _command(session, task, "decline", _given(award=award, reason=reason, agent=agent), options)


def progress(
    session: Session,
    task: str,
    award: int,
    fraction: float,
    *,
    note: str | None = None,
    cost_micro_usd: int | None = None,
    agent: str | None = None,
    **options: Unpack[CommandOptions],
) -> Steps[TaskAnswer]:
    """Says how far the work is, a fraction from 0 to 1, and what it has cost so far in millionths of a US dollar."""
    body = _given(award=award, fraction=fraction, note=note, cost_micro_usd=cost_micro_usd, agent=agent)
    return _command(session, task, "progress", body, options)


def complete(
    session: Session,
    task: str,
    award: int,
    result: object = None,
    *,
    cost_micro_usd: int | None = None,
    agent: str | None = None,
    **options: Unpack[CommandOptions],
) -> Steps[TaskAnswer]:
    """Completes a task; a result above 32 KB is kept beside the receipt."""
    body = {"result": result, **_given(award=award, cost_micro_usd=cost_micro_usd, agent=agent)}
    return _command(session, task, "complete", body, options)


def fail(
    session: Session,
    task: str,
    award: int,
    reason: str,
    *,
    retryable: bool = True,
    cost_micro_usd: int | None = None,
    agent: str | None = None,
    **options: Unpack[CommandOptions],
) -> Steps[TaskAnswer]:
    """Says that the attempt failed; `retryable=False`: another one would, too."""
    body = _given(award=award, reason=reason, retryable=retryable, cost_micro_usd=cost_micro_usd, agent=agent)
    return _command(session, task, "fail", body, options)


def release(
    session: Session,
    task: str,
    award: int,
    *,
    reason: str | None = None,
    cost_micro_usd: int | None = None,
    agent: str | None = None,
    **options: Unpack[CommandOptions],
) -> Steps[TaskAnswer]:
    """Gives the task back for another attempt."""
    body = _given(award=award, reason=reason, cost_micro_usd=cost_micro_usd, agent=agent)
    return _command(session, task, "release", body, options)


def cancel(
    session: Session, task: str, *, reason: str | None = None, **options: Unpack[CommandOptions]
) -> Steps[TaskAnswer]:
    """Cancels a task."""
    return _command(session, task, "cancel", _given(reason=reason), options)


def redrive(
    session: Session, task: str, *, deadline: str | None = None, **options: Unpack[CommandOptions]
) -> Steps[TaskAnswer]:
    """Brings a dead or expired task back; `deadline` (RFC 3339) replaces one that has passed."""
    return _command(session, task, "redrive", _given(deadline=deadline), options)
