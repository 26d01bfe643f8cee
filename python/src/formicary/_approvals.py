"""A framework's own way to have a person look at what an agent wants to do, as an approval of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from ._framework import in_thread
from ._oversight import Refused
from .models import Impact
from .task import Fail, Task

MOST_REFUSALS = 10
"""Calls of tools that are refused in one attempt: an agent that insists would go on without end."""


class Approval(TypedDict, total=False):
    """What the rules are asked with; see `Task.ask_human`."""

    kind: str
    """Whose rules hold; by default the task's type."""
    impact: Impact
    """`medium` by default."""
    confidence: float
    """From 0 to 1; 0.5 by default."""
    risk: float
    """From 0 to 1; 0 by default."""
    timeout: float
    """Seconds; without it, as long as it takes."""


@dataclass(frozen=True)
class Decision:
    """What was decided on a call of a tool."""

    approved: bool
    arguments: Mapping[str, Any]
    """What the tool may be called with; people may have corrected it."""
    reason: str = ""
    """Why it may not be called."""


class Approvals:
    """What people let the tools of an agent do, in one attempt at a task."""

    def __init__(self, task: Task, asked_with: Approval | None, *, edits: bool) -> None:
        """`edits`: whether the framework calls a tool with other arguments than those that the model wanted."""
        self._task = task
        self._asked_with = asked_with or {}
        self._edits = edits
        self._refusals = 0
        # A framework may make one of these for each call.
        self._corrected = task._let_go

    async def decide(self, tool: str, arguments: Mapping[str, Any]) -> Decision:
        """Whether, and with what, a tool may be called: asks and waits.

        Where the framework can't put in what people have corrected, the call is refused, and the model is told what
        would be let go: that is, once, without asking again. Raises `Fail` for good at the tenth refusal.
        """
        call = {"tool": tool, "arguments": dict(arguments)}
        if call in self._corrected:
            self._corrected.remove(call)
            return Decision(True, arguments)
        why = f"the agent wants to call {tool}"
        try:
            may = await in_thread(self._task.ask_human, call, why=why, **self._asked_with)
        except Refused as refused:
            self._refusals += 1
            if self._refusals == MOST_REFUSALS:
                reason = f"{MOST_REFUSALS} calls were refused, the last one: {refused.reason}"
                raise Fail(reason, retryable=False) from refused
            return Decision(False, arguments, refused.reason)
        if may == call:
            return Decision(True, arguments)
        if not isinstance(may, dict) or may.get("tool") != tool or not isinstance(may.get("arguments"), dict):
            return Decision(False, arguments, f"people have corrected it to something that is no call of {tool}: {may}")
        if self._edits:
            return Decision(True, may["arguments"])
        self._corrected.append({"tool": tool, "arguments": may["arguments"]})
        exactly = json.dumps(may["arguments"], ensure_ascii=False)
        return Decision(
            False, arguments, f"people have corrected it: call {tool} with exactly these arguments: {exactly}"
        )

    async def answer(self, question: Any) -> Any:
        """What people say to a question of a graph or team: the question as it is, or as they have corrected it.

        Raises `Fail` for good when they refuse: another attempt would ask them again.
        """
        asked = question if isinstance(question, dict) else {"value": question}
        why = "the agent asks before it goes on"
        try:
            may = await in_thread(self._task.ask_human, asked, why=why, **self._asked_with)
        except Refused as refused:
            raise Fail(f"refused: {refused.reason}", retryable=False) from refused
        return may if asked is question else may.get("value") if isinstance(may, dict) else may
