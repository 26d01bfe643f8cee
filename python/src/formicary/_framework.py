"""What the adapters to agent frameworks share: the task that an agent works on, its prompt, and what it returns."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

from .errors import FormicaryError
from .task import Fail, Task

P = ParamSpec("P")
T = TypeVar("T")

Prompt = Callable[[Task], str]
"""What an agent is told to do."""

MOST_PROMPT = 200_000
"""Characters of a payload that is put into a prompt."""
_MOST_DEPTH = 32

# What waits for people or for other agents has a thread meanwhile: an event loop's own threads are few.
_threads = ThreadPoolExecutor(max_workers=1_000, thread_name_prefix="formicary-waits")

# Frameworks call tools from event loops and threads of their own, which inherit this.
_task: ContextVar[Task] = ContextVar("formicary_task")


def current_task() -> Task:
    """The task that the caller works on. Raises FormicaryError outside of one."""
    task = _task.get(None)
    if task is None:
        raise FormicaryError("the tools of Formicary are for an agent that works on a task: see work_with")
    return task


@contextmanager
def working_on(task: Task) -> Iterator[None]:
    """Within it, tools are called for this task."""
    token = _task.set(task)
    try:
        yield
    finally:
        _task.reset(token)


_making = threading.Lock()


def _loop() -> asyncio.AbstractEventLoop:
    """One event loop for all tasks: a model's client keeps connections, which belong to the loop that made them."""
    # A cache alone lets threads that come together each make one.
    with _making:
        return _made_loop()


@cache
def _made_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="formicary-agents", daemon=True).start()
    return loop


def in_loop(work: Callable[[Task], Coroutine[Any, Any, object]]) -> Callable[[Task], object]:
    """The function of a worker: runs a coroutine in the event loop of all agents, and cancels it with its task."""

    @wraps(work)
    def run(task: Task) -> object:
        # The coroutine inherits what is set here.
        with working_on(task):
            running = asyncio.run_coroutine_threadsafe(work(task), _loop())
        task._claim.on_cancel(running.cancel)
        try:
            return running.result()
        finally:
            task._claim.on_cancel(None)

    return run


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What blocks, while the event loop goes on."""
    copied = copy_context()
    return await asyncio.get_running_loop().run_in_executor(_threads, lambda: copied.run(call, *args, **kwargs))


def prompt_of(task: Task) -> str:
    """The payload where it is text, else its type and its payload as JSON.

    Raises `Fail` for good when that is longer than `MOST_PROMPT` characters.
    """
    payload = task.payload
    text = payload if isinstance(payload, str) else f"{task.type}\n{json.dumps(payload, ensure_ascii=False)}"
    if len(text) > MOST_PROMPT:
        raise Fail(f"the payload has {len(text)} characters, too many for a prompt", retryable=False)
    return text


def plain(value: Any, depth: int = 0) -> Any:
    """What an agent has returned as JSON: mappings, sequences, text, numbers, and models that dump themselves.

    An object of any other class is refused with TypeError: it would have to be pickled, or guessed at.
    """
    if depth > _MOST_DEPTH:
        raise ValueError(f"what the agent has returned is nested more than {_MOST_DEPTH} deep")
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, dict):
        return {str(name): plain(each, depth + 1) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each, depth + 1) for each in value]
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return plain(dump(mode="json"), depth + 1)
    raise TypeError(f"what the agent has returned holds a {type(value).__name__}, which is no JSON: give output=…")
