"""Microsoft Agent Framework: agents as workers of a live host; the models are scripts."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from agent_framework import (
    Agent,
    BaseChatClient,
    ChatResponse,
    ChatResponseUpdate,
    Content,
    FunctionInvocationLayer,
    Message,
    ResponseStream,
    tool,
)
from conftest import Host
from swarm import asked, posted, working

from formicary import Formicary
from formicary.agent_framework import tools, work_with


class Script(FunctionInvocationLayer[Any], BaseChatClient[Any]):
    """A model that says what stands in a script, and keeps what it is told."""

    def __init__(self, *says: Content | str) -> None:
        super().__init__()
        self.says = list(says)
        self.told: list[str] = []

    def _inner_get_response(
        self, *, messages: Sequence[Message], stream: bool, options: Mapping[str, Any], **_: Any
    ) -> Awaitable[ChatResponse] | ResponseStream[ChatResponseUpdate, ChatResponse]:
        async def respond() -> ChatResponse:
            self.told = [str(each.result or each.text) for message in messages for each in message.contents]
            return ChatResponse(messages=[Message("assistant", [self.says.pop(0)])])

        return respond()


def call(name: str, number: int = 0, /, **arguments: Any) -> Content:
    return Content.from_function_call(call_id=f"call-{name}-{number}", name=name, arguments=json.dumps(arguments))


def test_an_agent_has_the_swarm_as_its_tools(host: Host, formicary: Formicary) -> None:
    model = Script(
        call("report_progress", fraction=0.5, note="half"),
        call("post_task", task_type="maf.part", payload={"number": 2}),
        call("task_result", task="nobody-s"),
        "done",
    )
    agent = Agent(model, name="analyst", tools=tools())
    with (
        working(host, "part-1", "maf.part", lambda task: task.payload["number"] * 21),
        working(host, "agent-1", "maf.agent", work_with(agent)),
    ):
        task = posted(formicary, "maf.agent", "add them up")
        assert formicary.tasks.result(task) == "done"
        assert formicary.tasks.get(task)["progress"]["note"] == "half"
        (number,) = [each["id"] for each in formicary.tasks.list(task_type="maf.part")]
        assert f'{{"task": "{number}"}}' in model.told
        assert '"said"' in model.told
        assert formicary.tasks.result(number) == 42
        assert "refused" in model.told[-1]


def test_a_call_of_a_tool_is_approved_corrected_or_rejected(host: Host, formicary: Formicary) -> None:
    paid: list[int] = []

    @tool(approval_mode="always_require")
    def pay(amount: int) -> str:
        """Pays."""
        paid.append(amount)
        return "paid"

    # Told of the correction, the model calls the tool with it: nobody is asked again.
    wants = [call("pay", number, amount=amount) for number, amount in enumerate([40, 50, 15, 60])]
    model = Script(*wants, "done")
    agent = Agent(model, name="payer", tools=[pay])
    with (
        host.formicary("human:grace") as grace,
        working(host, "pays-1", "maf.pays", work_with(agent, approval={"kind": "payment.maf", "impact": "high"})),
    ):
        task = posted(formicary, "maf.pays", {"invoice": 7})
        waiting = asked(grace, "payment.maf")
        grace.approvals.approve(waiting["id"], waiting["hash"], "it is due")
        waiting = asked(grace, "payment.maf", waiting)
        fifteen = {"tool": "pay", "arguments": {"amount": 15}}
        grace.approvals.approve(waiting["id"], waiting["hash"], "less", edit=fifteen)
        waiting = asked(grace, "payment.maf", waiting)
        grace.approvals.reject(waiting["id"], waiting["hash"], "it is too much")
        assert formicary.tasks.result(task) == "done"
    assert paid == [40, 15]
    assert any('{"amount": 15}' in each for each in model.told)
    assert any("it is too much" in each for each in model.told)
