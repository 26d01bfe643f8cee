"""One task under one award: it is done, and what came of it is said."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from . import _tasks, _tracing
from ._claims import Claim, Said, say
from ._session import written
from .client import Formicary
from .errors import FormicaryError, Problem
from .task import Fail, Release, Task, traceparent_of

_log = logging.getLogger("formicary")

Work = Callable[[Task], object]
"""Does a task: what it returns is the result, as JSON; what it raises fails the attempt. It may be a coroutine."""

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


def _outcome_of(formicary: Formicary, claim: Claim, task: Task, work: Work) -> Said:
    """Has the task done; what is to be said of it. Raises `Cancelled` when nothing is."""
    attributes: dict[str, str | int] = {
        "formicary.task": task.id,
        "formicary.task_type": task.type,
        "formicary.award": task.award,
    }
    try:
        with _tracing.span(f"work {task.type}", attributes, lambda: _parent(formicary, task)):
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


def _parent(formicary: Formicary, task: Task) -> str | None:
    """Whose span the work is below; none where that can't be found out: the work is done all the same."""
    try:
        return traceparent_of(formicary, task.id)
    except FormicaryError as error:
        _log.warning("%s: the trace that it was posted in is not known: %s", task.id, error)
        return None


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
