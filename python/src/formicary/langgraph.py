"""LangGraph and LangChain: a graph or agent becomes a worker, its interrupts become approvals.

agent = create_agent("openai:gpt-5.5", [*my_tools, *tools()])
Worker(agent_type="finance.analysis").run(work_with(agent))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from uuid import uuid4

from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.pregel import Pregel
from langgraph.types import Command, Interrupt

from ._approvals import Approval, Approvals
from ._framework import in_loop, in_thread, plain, prompt_of
from ._toolbox import Name, awaited, chosen
from .task import Task


def tools(*names: Name) -> list[BaseTool]:
    """What an agent may do in the swarm: these, or everything."""
    return [
        StructuredTool.from_function(tool, coroutine=awaited(tool), name=tool.__name__, description=tool.__doc__)
        for tool in chosen(names)
    ]


def work_with(
    graph: Pregel[Any, Any, Any, Any],
    *,
    input: Callable[[Task], Any] | None = None,
    output: Callable[[Any], object] | None = None,
    config: RunnableConfig | None = None,
    approval: Approval | None = None,
) -> Callable[[Task], object]:
    """The function of a worker: runs a compiled graph, or an agent of `create_agent`, for each task.

    `input` makes the graph's input of a task; by default a payload that is an object is the input of a graph without
    messages, and everything else is the message of a person. `output` makes the result of the last state; by default it
    is the `structured_response`, else the text of the last message, else the state. `approval`: what the rules are
    asked with where the graph interrupts itself. A graph without a checkpointer gets one in memory for each task, so
    that it can be interrupted. It is run with `ainvoke`.
    """
    given = input or _input_of(graph)
    made = output or _result_of

    async def work(task: Task) -> object:
        running = graph if graph.checkpointer else graph.copy({"checkpointer": InMemorySaver()})
        # Each attempt begins anew, also where the checkpointer knows the same id of another tenant or host.
        thread = {"thread_id": f"{task.id}@{task.award}:{uuid4()}"}
        settings = cast(
            RunnableConfig, {**(config or {}), "configurable": {**(config or {}).get("configurable", {}), **thread}}
        )
        state = await running.ainvoke(await in_thread(given, task), settings)
        approvals = Approvals(task, approval, edits=True)
        while interrupts := _interrupts_of(state):
            answers = {each.id: await _answer(approvals, each.value) for each in interrupts}
            state = await running.ainvoke(Command(resume=answers), settings)
        return plain(made(state))

    return in_loop(work)


def _input_of(graph: Pregel[Any, Any, Any, Any]) -> Callable[[Task], Any]:
    talks = "messages" in graph.channels

    def given(task: Task) -> Any:
        if not talks and isinstance(task.payload, dict):
            return task.payload
        return {"messages": [HumanMessage(prompt_of(task))]}

    return given


def _result_of(state: Any) -> object:
    if not isinstance(state, dict):
        return state
    if state.get("structured_response") is not None:
        return state["structured_response"]
    messages = state.get("messages")
    if messages and isinstance(messages[-1], BaseMessage):
        return messages[-1].text
    return state


def _interrupts_of(state: Any) -> tuple[Interrupt[Any], ...]:
    return tuple(state.get("__interrupt__", ())) if isinstance(state, dict) else ()


async def _answer(approvals: Approvals, asked: Any) -> Any:
    """What an interrupt is resumed with: decisions where `HumanInTheLoopMiddleware` asks, in either of its modes."""
    if isinstance(asked, dict) and asked.get("type") == "tool_approval":
        return await _decision(approvals, asked)
    if isinstance(asked, dict) and "action_requests" in asked:
        return {"decisions": [await _decision(approvals, each) for each in asked["action_requests"]]}
    return await approvals.answer(asked)


async def _decision(approvals: Approvals, call: Any) -> dict[str, Any]:
    decision = await approvals.decide(call["name"], call["args"])
    if not decision.approved:
        return {"type": "reject", "message": decision.reason}
    if decision.arguments == call["args"]:
        return {"type": "approve"}
    return {"type": "edit", "edited_action": {"name": call["name"], "args": decision.arguments}}
