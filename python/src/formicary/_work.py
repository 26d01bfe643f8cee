"""One task under one award: it is done, and what came of it is said."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from uuid import uuid4

from . import _tasks, _tracing
from ._http import Steps
from ._session import written
from .client import Formicary
from .errors import Problem, Unreachable
from .task import OVER, Cancelled, Claim, Fail, Release, Task, traceparent_of

_log = logging.getLogger("formicary")

Work = Callable[[Task], object]
"""Does a task: what it returns is the result, as JSON; what it raises fails the attempt. It may be a coroutine."""

Said = Callable[..., Steps[object]]
"""What is said of a claim: takes the session, the task, the award, `agent` and `idempotency_key`."""

_MOST_REASON = 2_000
"""Characters of a reason, as the host counts them."""


def do(formicary: Formicary, claim: Claim, task: Task, work: Work) -> None:
    """Has an accepted task done, and says what came of it.

    Raises `Cancelled` when the claim is over, and `Problem` when the host refuses whatever is said.
    """
    said = _outcome_of(formicary, claim, task, work)
    try:
        say(formicary, claim, partial(said, cost_micro_usd=task.cost_micro_usd))
    except Problem as problem:
        # It can't be taken as it is, for example because it is too large or holds a secret.
        _log.warning("%s: what came of it was refused: %s", task.id, problem)
        reason = f"what came of it was refused: {problem.code}"
        say(formicary, claim, partial(_tasks.fail, reason=reason, cost_micro_usd=task.cost_micro_usd))


def say(formicary: Formicary, claim: Claim, said: Said) -> None:
    """Says something about a claim, again and again under one key, until the host has taken it.

    Raises `Cancelled` when the claim is over, and `Problem` when the host refuses it for good.
    """
    session = formicary._session
    key = str(uuid4())
    for tries in count(1):
        claim.wait(0)
        try:
            formicary.run(said(session, claim.task, claim.award, agent=claim.agent, idempotency_key=key), claim.wait)
            return
        except Unreachable as error:
            _log.warning("%s: %s", claim.task, error)
        except Problem as problem:
            if problem.code in OVER:
                claim.cancel()
                raise Cancelled(str(problem)) from problem
            # A challenge of the award is decided by and by; what the host is not able to do now, it is later.
            if problem.code != "award-challenged" and problem.status != 429 and problem.status < 500:
                raise
            _log.warning("%s: %s", claim.task, problem)
        claim.wait(session.retry.pause(tries))


def _outcome_of(formicary: Formicary, claim: Claim, task: Task, work: Work) -> Said:
    """Has the task done; what is to be said of it. Raises `Cancelled` when nothing is."""
    attributes: dict[str, str | int] = {
        "formicary.task": task.id,
        "formicary.task_type": task.type,
        "formicary.award": task.award,
    }
    try:
        with _tracing.span(f"work {task.type}", attributes, lambda: traceparent_of(formicary, task.id)):
            result = _done(work, task, claim)
        written(result)
    except Release as release:
        return partial(_tasks.release, reason=_reason_of(release))
    except Fail as failure:
        return partial(_tasks.fail, reason=_reason_of(failure), retryable=failure.retryable)
    except (Exception, SystemExit, asyncio.CancelledError) as error:
        claim.wait(0)
        _log.warning("%s: the attempt has failed", task.id, exc_info=True)
        return partial(_tasks.fail, reason=_reason_of(error))
    claim.wait(0)
    return partial(_tasks.complete, result=result)


def _done(work: Work, task: Task, claim: Claim) -> object:
    """What the function returns; a coroutine has an event loop of its own, and is cancelled with the claim."""
    result = work(task)
    if not inspect.isawaitable(result):
        return result
    coroutine: Awaitable[object] = result

    async def run() -> object:
        loop = asyncio.get_running_loop()
        running = asyncio.ensure_future(coroutine)
        claim.on_cancel(lambda: loop.call_soon_threadsafe(running.cancel))
        try:
            return await running
        finally:
            claim.on_cancel(None)

    return asyncio.run(run())


def _reason_of(error: BaseException) -> str:
    """Why an attempt failed, as the host takes it: it counts characters in UTF-16, and none is cut in half."""
    name = type(error).__name__
    text = str(error) if isinstance(error, (Fail, Release)) else f"{name}: {error}"
    return (text or name).encode("utf-16-le", "replace")[: 2 * _MOST_REASON].decode("utf-16-le", "ignore")
