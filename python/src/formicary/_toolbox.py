"""What an agent may do in the swarm while it works on a task, as functions that any framework makes its tools of.

Each returns text, of which a model reads at most `MOST_ANSWER` characters. What the host refuses is text too: a model
can do something about it. Only `Cancelled` is raised: then nobody wants what the agent does.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial, wraps
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, get_type_hints

from . import _oversight, _tasks
from ._claims import Cancelled
from ._framework import current_task, in_thread
from ._http import Steps
from ._waiting import Waiting
from .errors import FormicaryError, TaskEnded
from .models import Impact, VoteInput

P = ParamSpec("P")
T = TypeVar("T")
Tool = Callable[..., str]
AsyncTool = Callable[..., Awaitable[str]]

MOST_ANSWER = 20_000
"""Characters of what a tool tells a model."""
MOST_WAIT = 600.0
"""Seconds that a tool waits for others, at most."""
_FIRST_LOOK = 0.1
_LAST_LOOK = 2.0

Name = Literal[
    "post_task", "task_result", "report_progress", "ask_human", "ask_agents", "vote", "emit_signal", "read_signals"
]
"""The tools."""


def told(answer: object) -> str:
    """JSON for a model; the rest of what is too long is left out, and that is said."""
    text = json.dumps(answer, ensure_ascii=False)
    if len(text) <= MOST_ANSWER:
        return text
    return f"{text[:MOST_ANSWER]}… (the first {MOST_ANSWER} of {len(text)} characters)"


def _tool(call: Callable[P, object]) -> Callable[P, str]:
    # Frameworks look at the types, not all of them through the eyes of this module.
    call.__annotations__ = {**get_type_hints(call, include_extras=True), "return": str}

    @wraps(call)
    def tool(*args: P.args, **kwargs: P.kwargs) -> str:
        try:
            return told(call(*args, **kwargs))
        except Cancelled:
            raise
        except (FormicaryError, TimeoutError, ValueError) as error:
            return told({"refused": str(error)})

    return tool


def _run(steps: Steps[T]) -> T:
    """Carries steps out for the agent; ends when its task is cancelled."""
    task = current_task()
    return task.formicary.run(steps, task._claim.wait)


def _most(seconds: float) -> float:
    """What a tool may wait; JSON as Python reads it has NaN, which in this order is the most."""
    return min(MOST_WAIT, seconds)


def _wait(seconds: float) -> Waiting:
    return Waiting(current_task().formicary._session, _most(seconds), _FIRST_LOOK, _LAST_LOOK)


@_tool
def post_task(
    task_type: Annotated[str, "The type of agent that is to do it, for example finance.reconciliation"],
    payload: Annotated[dict[str, Any], "The work itself"],
) -> object:
    """Posts a part of this task for another agent of the swarm. Answers with its id: see task_result."""
    task = current_task()
    answer = _run(_tasks.post(task.formicary._session, {"task_type": task_type, "payload": payload, "parent": task.id}))
    return {"task": answer["task"]["id"]}


@_tool
def task_result(
    task: Annotated[str, "The id that post_task has answered with"],
    wait_seconds: Annotated[float, "How long to wait for it, at most 600"] = 60.0,
) -> object:
    """Waits for a task that was posted. Answers with its status, and what came of it when it is completed."""
    session = current_task().formicary._session
    try:
        result = _run(_tasks.result(session, task, timeout=_most(wait_seconds)))
    except TaskEnded as ended:
        return {"status": ended.status, "reason": ended.reason}
    except TimeoutError:
        return {"status": _run(_tasks.get(session, task))["status"]}
    return {"status": "completed", "result": result}


@_tool
def report_progress(
    fraction: Annotated[float, "From 0 to 1"], note: Annotated[str, "What is done so far, in a line"]
) -> object:
    """Says how far this task is, to whoever waits for it."""
    current_task().progress(fraction, note)
    return "said"


@_tool
def ask_human(
    action: Annotated[dict[str, Any], "Exactly what is to be done"],
    why: Annotated[str, "Why it is to be done, for whoever decides"],
    impact: Annotated[Impact, "How much it changes"] = "medium",
    confidence: Annotated[float, "How sure you are, from 0 to 1"] = 0.5,
) -> object:
    """Asks before something risky is done, and waits. Do what the answer says, which people may have corrected."""
    return {"approved": current_task().ask_human(action, why=why, impact=impact, confidence=confidence)}


@_tool
def ask_agents(
    question: Annotated[str, "What is to be decided"],
    choices: Annotated[list[str], "What can be chosen; names without spaces"],
    capability: Annotated[str, "Who is asked: agents with this capability"],
    wait_seconds: Annotated[float, "How long they may take, at most 600"] = 60.0,
) -> object:
    """Puts a question to the vote of other agents, and waits for the outcome."""
    task = current_task()
    session = task.formicary._session
    wait = _wait(wait_seconds)
    opened = _run(
        _oversight.open_round(
            session,
            {
                "question": question,
                "choices": choices,
                "kind": task.type,
                "impact": "medium",
                "electorate": {"voters": {"capability": capability, "except": [task._claim.agent]}},
                "round_seconds": _most(wait_seconds),
            },
        )
    )["round"]
    while opened["status"] == "open":
        opened = _run(wait.again(partial(_oversight.get_round, session, opened["id"]), "the agents have not decided"))
    return {"round": opened["id"], **opened.get("outcome", {"outcome": opened["status"]})}


@_tool
def vote(
    round: Annotated[str, "The id of the question"],
    choice: Annotated[str, "One of its choices"],
    confidence: Annotated[float, "From 0 to 1"],
    reasoning: Annotated[str, "Why, for whoever reads it later"],
) -> object:
    """Votes on a question that was put to you."""
    session = current_task().formicary._session
    asked = _run(_oversight.get_round(session, round))
    ballot: VoteInput = {
        "choice": choice,
        "confidence": confidence,
        "reasoning": reasoning,
        "snapshot": asked["snapshot"],
        "pass": asked["pass"],
    }
    _run(_oversight.vote(session, round, ballot))
    return "voted"


@_tool
def emit_signal(
    type: Annotated[str, "What it means, for example resource_needed: small letters, digits and _ . -"],
    location: Annotated[str, "Where: names separated by slashes, for example finance/ledger"],
    strength: Annotated[float, "From 0 to 1"],
) -> object:
    """Leaves a signal at a place, for whichever agent comes by. It fades with time."""
    session = current_task().formicary._session
    signal = {"type": type, "location": location, "strength": strength}
    (emitted,) = _run(session.command("POST", "/v1/signals", signal))["value"]
    return (
        {"strength": round(emitted["strength"], 3)}
        if "strength" in emitted
        else {"refused": emitted["problem"]["detail"]}
    )


@_tool
def read_signals(location: Annotated[str, "A place: everything below it counts"]) -> object:
    """The strongest signals at a place, as they are now."""
    session = current_task().formicary._session
    trails = _run(session.read("/v1/signals", {"location": location, "limit": 20}))["value"]
    return [{name: trail[name] for name in ("type", "location", "strength")} for trail in trails]


_TOOLS: dict[str, Tool] = {
    tool.__name__: tool
    for tool in (post_task, task_result, report_progress, ask_human, ask_agents, vote, emit_signal, read_signals)
}


def chosen(names: Sequence[Name]) -> list[Tool]:
    """The tools of these names; all of them without names."""
    return [_TOOLS[name] for name in names or _TOOLS]


def awaited(tool: Tool) -> AsyncTool:
    """The same for an event loop, which goes on meanwhile."""

    @wraps(tool)
    async def call(*args: Any, **kwargs: Any) -> str:
        return await in_thread(tool, *args, **kwargs)

    return call
