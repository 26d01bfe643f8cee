"""The OpenAI Agents SDK: agents as workers of a live host; the models are scripts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from agents import Agent, Model, ModelResponse, ShellTool, Usage, function_tool, set_tracing_disabled
from agents.items import ToolApprovalItem, TResponseStreamEvent
from conftest import Host
from openai.types.responses import (
    ResponseFunctionShellToolCall,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)
from openai.types.responses.response_function_shell_tool_call import Action
from openai.types.responses.response_output_item import McpApprovalRequest
from swarm import asked, posted, working

from formicary import Fail, Formicary
from formicary.openai_agents import _arguments_of, _tool_of, tools, work_with

set_tracing_disabled(True)


class Script(Model):
    """A model that says what stands in a script, and keeps what it is told."""

    def __init__(self, *says: ResponseFunctionToolCall | ResponseFunctionShellToolCall | str) -> None:
        self.says = list(says)
        self.told: list[Any] = []

    async def get_response(self, system_instructions: Any, input: Any, *_: Any, **__: Any) -> ModelResponse:
        self.told = [each["output"] for each in input if isinstance(each, dict) and "output" in each]
        said = self.says.pop(0)
        return ModelResponse([message(said) if isinstance(said, str) else said], Usage(), None)

    def stream_response(self, *_: Any, **__: Any) -> AsyncIterator[TResponseStreamEvent]:
        raise NotImplementedError


def message(text: str) -> ResponseOutputMessage:
    content = ResponseOutputText(text=text, type="output_text", annotations=[])
    return ResponseOutputMessage(id="says", content=[content], role="assistant", status="completed", type="message")


def call(name: str, number: int = 0, /, **arguments: Any) -> ResponseFunctionToolCall:
    return ResponseFunctionToolCall(
        arguments=json.dumps(arguments), call_id=f"call-{name}-{number}", name=name, type="function_call"
    )


def test_an_agent_has_the_swarm_as_its_tools(host: Host, formicary: Formicary) -> None:
    model = Script(
        call("report_progress", fraction=0.5, note="half"),
        call("post_task", task_type="sdk.part", payload={"number": 2}),
        call("task_result", task="nobody-s"),
        "done",
    )
    agent = Agent(name="analyst", model=model, tools=tools())
    with (
        working(host, "part-1", "sdk.part", lambda task: task.payload["number"] * 21),
        working(host, "agent-1", "sdk.agent", work_with(agent)),
    ):
        task = posted(formicary, "sdk.agent", "add them up")
        assert formicary.tasks.result(task) == "done"
        assert formicary.tasks.get(task)["progress"]["note"] == "half"
        progress, part, unknown = model.told
        (number,) = [each["id"] for each in formicary.tasks.list(task_type="sdk.part")]
        assert (progress, part) == ('"said"', f'{{"task": "{number}"}}')
        assert formicary.tasks.result(number) == 42
        assert "refused" in unknown


def test_a_call_of_a_tool_is_approved_corrected_or_rejected(host: Host, formicary: Formicary) -> None:
    paid: list[int] = []

    @function_tool(needs_approval=True)
    def pay(amount: int) -> str:
        """Pays."""
        paid.append(amount)
        return "paid"

    # Told of the correction, the model calls the tool with it: nobody is asked again.
    wants = [call("pay", number, amount=amount) for number, amount in enumerate([40, 50, 15, 60])]
    model = Script(*wants, "done")
    agent = Agent(name="payer", model=model, tools=[pay])
    approval: Any = {"kind": "payment.sdk", "impact": "high"}
    with (
        host.formicary("human:grace") as grace,
        working(host, "pays-1", "sdk.pays", work_with(agent, approval=approval)),
    ):
        task = posted(formicary, "sdk.pays", {"invoice": 7})
        waiting = asked(grace, "payment.sdk")
        grace.approvals.approve(waiting["id"], waiting["hash"], "it is due")
        waiting = asked(grace, "payment.sdk", waiting)
        fifteen = {"tool": "pay", "arguments": {"amount": 15}}
        grace.approvals.approve(waiting["id"], waiting["hash"], "less", edit=fifteen)
        waiting = asked(grace, "payment.sdk", waiting)
        grace.approvals.reject(waiting["id"], waiting["hash"], "it is too much")
        assert formicary.tasks.result(task) == "done"
    assert paid == [40, 15]
    assert '{"amount": 15}' in model.told[1]
    assert "it is too much" in model.told[3]


def test_people_are_shown_the_command_that_they_let_go(host: Host, formicary: Formicary) -> None:
    ran: list[str] = []

    def run(request: Any) -> str:
        ran.extend(request.data.action.commands)
        return "done"

    action = Action(commands=["ls /srv"])
    wants = ResponseFunctionShellToolCall(
        id="shell", call_id="call-shell", action=action, status="completed", type="shell_call"
    )
    agent = Agent(name="ops", model=Script(wants, "done"), tools=[ShellTool(run, needs_approval=True)])
    approval: Any = {"kind": "shell.sdk"}
    with (
        host.formicary("human:grace") as grace,
        working(host, "ops-1", "sdk.ops", work_with(agent, approval=approval)),
    ):
        task = posted(formicary, "sdk.ops", "look")
        waiting = asked(grace, "shell.sdk")
        shown: Any = grace.actions.get(waiting["action"].rsplit("/", 1)[1])["action"]
        assert shown["arguments"]["action"]["commands"] == ["ls /srv"]
        assert ran == []
        grace.approvals.approve(waiting["id"], waiting["hash"], "it only looks")
        assert formicary.tasks.result(task) == "done"
    assert ran == ["ls /srv"]


def test_what_can_not_be_shown_is_not_asked() -> None:
    agent: Agent[Any] = Agent(name="any")
    patch = {"type": "apply_patch_call", "call_id": "1", "operation": {"type": "delete_file", "path": "a"}}
    assert _arguments_of(ToolApprovalItem(agent, patch, "apply_patch")) == {"operation": patch["operation"]}
    with pytest.raises(Fail, match="can't be shown"):
        _arguments_of(ToolApprovalItem(agent, {"type": "new_call", "call_id": "1"}, "new"))
    request = McpApprovalRequest(
        id="1", arguments='{"amount": 1}', name="pay", server_label="bank", type="mcp_approval_request"
    )
    asks = ToolApprovalItem(agent, request)
    assert (_tool_of(asks), _arguments_of(asks)) == ("bank/pay", {"amount": 1})


@pytest.mark.parametrize("says", [object(), float("nan")])
def test_what_is_no_json_fails_the_attempt(host: Host, formicary: Formicary, says: object) -> None:
    agent = Agent(name="says", model=Script("done"))
    with working(host, "says-1", "sdk.says", work_with(agent, output=lambda _: says)):
        task = posted(formicary, "sdk.says", "say it")
        assert formicary.tasks.wait(task)["status"] == "dead"
