"""The OpenAI Agents SDK: an agent becomes a worker, its tools that need approval ask for ours.

`Worker(agent_type="finance.analysis").run(work_with(Agent(name="analyst", tools=[*my_tools, *tools()])))`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from agents import Agent, RunConfig, Runner, RunResult, Tool, TResponseInputItem, function_tool
from agents.items import ToolApprovalItem

from ._approvals import Approval, Approvals
from ._framework import in_loop, in_thread, plain, prompt_of
from ._toolbox import Name, awaited, chosen
from .task import Fail, Task

# What the SDK calls a call itself, and not what it does.
_OF_THE_CALL = frozenset({"id", "call_id", "type", "status", "name", "namespace", "created_by", "caller"})


def tools(*names: Name) -> list[Tool]:
    """What an agent may do in the swarm: these, or everything."""
    # A payload is any object, which the strict mode does not let through.
    return [function_tool(awaited(tool), strict_mode=False) for tool in chosen(names)]


def work_with(
    agent: Agent[Any],
    *,
    input: Callable[[Task], str | list[TResponseInputItem]] = prompt_of,
    output: Callable[[RunResult], object] | None = None,
    run_config: RunConfig | None = None,
    max_turns: int = 10,
    approval: Approval | None = None,
) -> Callable[[Task], object]:
    """The function of a worker: runs an agent, with its handoffs, for each task.

    `input` makes what the agent is told of a task, `output` the result of a run: by default its `final_output`.
    `approval`: what the rules are asked with where a tool needs approval (`needs_approval`). The agent's context is the
    task. What people corrected the SDK can't put in: the model is told, and may call the tool with that.
    """
    made = output or _result_of

    async def work(task: Task) -> object:
        async def run(given: Any) -> RunResult:
            return await Runner.run(agent, given, context=task, run_config=run_config, max_turns=max_turns)

        approvals = Approvals(task, approval, edits=False)
        result = await run(await in_thread(input, task))
        while result.interruptions:
            state = result.to_state()
            for item in result.interruptions:
                decision = await approvals.decide(_tool_of(item), _arguments_of(item))
                if decision.approved:
                    state.approve(item)
                else:
                    state.reject(item, rejection_message=decision.reason)
            result = await run(state)
        return plain(made(result))

    return in_loop(work)


def _result_of(result: RunResult) -> object:
    return result.final_output


def _call_of(item: ToolApprovalItem) -> dict[str, Any]:
    raw = item.raw_item
    return raw if isinstance(raw, dict) else raw.model_dump(mode="json")


def _tool_of(item: ToolApprovalItem) -> str:
    """Which tool is called; two servers may each have one of the same name."""
    name = item.name or ""
    server = _call_of(item).get("server_label")
    return f"{server}/{name}" if server else name


def _arguments_of(item: ToolApprovalItem) -> dict[str, Any]:
    """What the model calls a tool with; text that is no JSON object as it is, and all of a shell's or a patch's call.

    Raises `Fail` for good where there is nothing to show: nobody may approve what they are not shown.
    """
    text = item.arguments
    if text is None:
        said = {name: each for name, each in _call_of(item).items() if name not in _OF_THE_CALL and each is not None}
        if not said:
            raise Fail(f"what {item.name} is called with can't be shown to people", retryable=False)
        return said
    try:
        read = json.loads(text or "{}")
    except ValueError:
        read = text
    return read if isinstance(read, dict) else {"text": text}
