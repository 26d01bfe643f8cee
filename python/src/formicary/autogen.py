"""AutoGen 0.7: an agent or team becomes a worker, and a person takes part in it by approvals.

`Worker(agent_type="finance.analysis").run(work_with(lambda: AssistantAgent("analyst", model, tools=tools())))`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from autogen_agentchat.agents import ApprovalRequest, ApprovalResponse, UserProxyAgent
from autogen_agentchat.base import Response, TaskResult, TaskRunner
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, StructuredMessage
from autogen_core import CancellationToken
from autogen_core.tools import FunctionTool
from pydantic import BaseModel

from ._approvals import Approval, Approvals
from ._framework import current_task, in_loop, in_thread, plain, prompt_of
from ._oversight import Refused
from ._toolbox import Name, awaited, chosen
from .task import Task


def tools(*names: Name) -> list[FunctionTool]:
    """What an agent may do in the swarm: these, or everything."""
    return [FunctionTool(awaited(tool), tool.__doc__ or "", tool.__name__) for tool in chosen(names)]


def work_with(
    make: Callable[[], TaskRunner],
    *,
    input: Callable[[Task], str | BaseChatMessage | Sequence[BaseChatMessage]] = prompt_of,
    output: Callable[[TaskResult], object] | None = None,
) -> Callable[[Task], object]:
    """The function of a worker: runs an agent or team for each task.

    `make` makes it: what AutoGen runs remembers what it did, which another task must not see. `input` makes what it is
    told of a task, `output` the result: by default what the last message says.
    """
    made = output or _result_of

    async def work(task: Task) -> object:
        cancellation = CancellationToken()
        given = await in_thread(input, task)
        try:
            return plain(made(await make().run(task=given, cancellation_token=cancellation)))
        except asyncio.CancelledError:
            cancellation.cancel()
            raise

    return in_loop(work)


class Person(UserProxyAgent):
    """A person in a team: whoever the rules say is asked for an approval of what was said last.

    The action that they see has an `answer`, which is `APPROVE`; they may put in another. What they reject is answered
    by `REJECT` with the reason.
    """

    def __init__(
        self, name: str = "person", *, description: str = "A person", approval: Approval | None = None
    ) -> None:
        super().__init__(name, description=description, input_func=self._ask)
        self._approval: Approval = approval or {}
        self._heard: BaseChatMessage | None = None

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """Asks, and answers with what was decided."""
        self._heard = messages[-1] if messages else None
        async for each in super().on_messages_stream(messages, cancellation_token):
            yield each

    async def _ask(self, _prompt: str, _cancellation: CancellationToken | None) -> str:
        heard = self._heard
        said = {} if heard is None else {"from": heard.source, "text": heard.to_text()}
        action = {**said, "answer": "APPROVE"}
        why = "an agent asks a person"
        try:
            may = await in_thread(current_task().ask_human, action, why=why, **self._approval)
        except Refused as refused:
            return f"REJECT: {refused.reason}"
        return str(may["answer"]) if isinstance(may, dict) and "answer" in may else str(may)


def code_approval(approval: Approval | None = None) -> Callable[[ApprovalRequest], Awaitable[ApprovalResponse]]:
    """The `approval_func` of a `CodeExecutorAgent`: people see the code that is to run, all of it."""

    async def approve(request: ApprovalRequest) -> ApprovalResponse:
        approvals = Approvals(current_task(), approval, edits=False)
        decision = await approvals.decide("execute_code", {"code": request.code})
        return ApprovalResponse(approved=decision.approved, reason=decision.reason)

    return approve


def _result_of(result: TaskResult) -> object:
    *_, last = (each for each in result.messages if isinstance(each, BaseChatMessage))
    if isinstance(last, StructuredMessage):
        content: BaseModel = last.content
        return content
    return last.to_text()
