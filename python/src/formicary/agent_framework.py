"""Microsoft Agent Framework: an agent becomes a worker, its tools that need approval ask for ours.

`Worker(agent_type="finance.analysis").run(work_with(Agent(client, name="analyst", tools=[*my_tools, *tools()])))`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent_framework import AgentResponse, Content, FunctionTool, Message, SupportsAgentRun, tool

from ._approvals import Approval, Approvals
from ._framework import in_loop, in_thread, plain, prompt_of
from ._toolbox import Name, awaited, chosen
from .task import Fail, Task


def tools(*names: Name) -> list[FunctionTool]:
    """What an agent may do in the swarm: these, or everything."""
    return [tool(awaited(each), approval_mode="never_require") for each in chosen(names)]


def work_with(
    agent: SupportsAgentRun,
    *,
    input: Callable[[Task], str | Message | list[Message]] = prompt_of,
    output: Callable[[AgentResponse[Any]], object] | None = None,
    approval: Approval | None = None,
) -> Callable[[Task], object]:
    """The function of a worker: runs an agent for each task, in a session of its own.

    `input` makes what the agent is told of a task, `output` the result of a response: by default its `value` where the
    agent has a `response_format`, else its text. `approval`: what the rules are asked with where a tool needs approval
    (`approval_mode`). What people corrected the framework can't put in: the model is told, and may call the tool with
    that. A response that asks for anything else of a person fails the attempt for good.
    """
    made = output or _result_of

    async def work(task: Task) -> object:
        approvals = Approvals(task, approval, edits=False)
        session = agent.create_session()
        response = await agent.run(await in_thread(input, task), session=session)
        while response.user_input_requests:
            answers = [await _answer(approvals, each) for each in response.user_input_requests]
            reasons = [reason for _, reason in answers if reason]
            said = [
                Message("user", [content for content, _ in answers]),
                *(Message("user", [each]) for each in reasons),
            ]
            response = await agent.run(said, session=session)
        return plain(made(response))

    return in_loop(work)


async def _answer(approvals: Approvals, request: Content) -> tuple[Content, str]:
    """The response to a request for approval, and what is said to the model where it is rejected."""
    call = request.function_call
    if request.type != "function_approval_request" or call is None:
        raise Fail(f"the agent wants a {request.type} of a person", retryable=False)
    arguments = call.parse_arguments()
    decision = await approvals.decide(call.name or "", arguments if isinstance(arguments, dict) else {})
    reason = "" if decision.approved else f"{call.name} may not be called: {decision.reason}"
    return request.to_function_approval_response(decision.approved), reason


def _result_of(response: AgentResponse[Any]) -> object:
    return response.text if response.value is None else response.value
