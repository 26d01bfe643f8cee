"""AutoGen 0.7: agents and teams as workers of a live host; the models are scripts."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from autogen_agentchat.agents import ApprovalRequest, AssistantAgent, CodeExecutorAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.messages import TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken, FunctionCall
from autogen_core.code_executor import CodeBlock, CodeExecutor, CodeResult
from autogen_core.models import CreateResult, ModelInfo, RequestUsage
from autogen_ext.models.replay import ReplayChatCompletionClient
from conftest import Host
from swarm import asked, posted, working

from formicary import Formicary, Task
from formicary._framework import in_loop
from formicary.autogen import Person, code_approval, tools, work_with

INFO = ModelInfo(vision=False, function_calling=True, json_output=False, family="unknown", structured_output=False)


def call(name: str, /, **arguments: Any) -> CreateResult:
    wanted = FunctionCall(id=f"call-{name}", name=name, arguments=json.dumps(arguments))
    return CreateResult(finish_reason="function_calls", content=[wanted], usage=RequestUsage(0, 0), cached=False)


def test_an_agent_has_the_swarm_as_its_tools(host: Host, formicary: Formicary) -> None:
    model = ReplayChatCompletionClient(
        [
            call("report_progress", fraction=0.5, note="half"),
            call("post_task", task_type="autogen.part", payload={"number": 2}),
            call("task_result", task="nobody-s"),
            "done",
        ],
        model_info=INFO,
    )

    def analyst() -> AssistantAgent:
        return AssistantAgent("analyst", model, tools=[*tools()], max_tool_iterations=5)

    told: list[str] = []

    def output(result: Any) -> object:
        told.extend(each.content[0].content for each in result.messages if each.type == "ToolCallExecutionEvent")
        return result.messages[-1].to_text()

    with (
        working(host, "part-1", "autogen.part", lambda task: task.payload["number"] * 21),
        working(host, "agent-1", "autogen.agent", work_with(analyst, output=output)),
    ):
        task = posted(formicary, "autogen.agent", "add them up")
        assert formicary.tasks.result(task) == "done"
        assert formicary.tasks.get(task)["progress"]["note"] == "half"
        (number,) = [each["id"] for each in formicary.tasks.list(task_type="autogen.part")]
        assert formicary.tasks.result(number) == 42
    progress, part, unknown = told
    assert (progress, part) == ('"said"', f'{{"task": "{number}"}}')
    assert "refused" in unknown


def test_a_person_takes_part_in_a_team(host: Host, formicary: Formicary) -> None:
    asks = ["Pay 40?", "40 are paid"] * 3
    model = ReplayChatCompletionClient([*asks], model_info=INFO)

    def team() -> RoundRobinGroupChat:
        agents = [AssistantAgent("payer", model), Person(approval={"kind": "payment.team"})]
        return RoundRobinGroupChat([*agents], termination_condition=MaxMessageTermination(4))

    def answer(result: Any) -> object:
        return [each.to_text() for each in result.messages if each.type == "TextMessage"][1:]

    with host.formicary("human:grace") as grace, working(host, "team-1", "team", work_with(team, output=answer)):
        task = posted(formicary, "team", {"invoice": 7})
        waiting = asked(grace, "payment.team")
        (action,) = re.findall("[^/]+$", grace.approvals.get(waiting["id"])["action"])
        assert grace.actions.get(action)["action"] == {"from": "payer", "text": "Pay 40?", "answer": "APPROVE"}
        grace.approvals.approve(waiting["id"], waiting["hash"], "it is due")
        assert formicary.tasks.result(task) == ["Pay 40?", "APPROVE", "40 are paid"]

        task = posted(formicary, "team", {"invoice": 8})
        waiting = asked(grace, "payment.team", waiting)
        grace.approvals.approve(waiting["id"], waiting["hash"], "half", edit={"answer": "pay 20"})
        assert formicary.tasks.result(task)[1] == "pay 20"

        task = posted(formicary, "team", {"invoice": 9})
        waiting = asked(grace, "payment.team", waiting)
        grace.approvals.reject(waiting["id"], waiting["hash"], "it is too much")
        _, answered, _ = formicary.tasks.result(task)
        assert answered.startswith("REJECT: ")
        assert "it is too much" in answered


class Runs(CodeExecutor):
    """Notes what it is to execute."""

    component_type = "code_executor"

    def __init__(self) -> None:
        self.ran: list[str] = []

    async def execute_code_blocks(
        self, code_blocks: list[CodeBlock], cancellation_token: CancellationToken
    ) -> CodeResult:
        self.ran += [block.code for block in code_blocks]
        return CodeResult(exit_code=0, output="ran")

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def restart(self) -> None: ...


@pytest.mark.parametrize("approved", [True, False])
def test_code_runs_when_people_let_it(host: Host, formicary: Formicary, approved: bool) -> None:
    executor = Runs()

    def runner() -> CodeExecutorAgent:
        return CodeExecutorAgent("runner", executor, approval_func=code_approval({"kind": f"code.{approved}"}))

    def code(_: Any) -> TextMessage:
        return TextMessage(content="```python\nprint(1)\n```", source="user")

    agent_type = f"code-{approved}"
    with (
        host.formicary("human:grace") as grace,
        working(host, f"{agent_type}-1", agent_type, work_with(runner, input=code)),
    ):
        task = posted(formicary, agent_type, "run it")
        waiting = asked(grace, f"code.{approved}")
        decide = grace.approvals.approve if approved else grace.approvals.reject
        decide(waiting["id"], waiting["hash"], "as it is")
        said = formicary.tasks.result(task)
    assert len(executor.ran) == int(approved)
    assert ("not approved" in said) is not approved


def test_code_that_people_have_corrected_runs_without_asking_again(host: Host, formicary: Formicary) -> None:
    approve = code_approval({"kind": "code.edited"})

    async def work(_: Task) -> object:
        wanted = [await approve(ApprovalRequest(code=f"print({number})", context=[])) for number in (1, 2)]
        return [each.approved for each in wanted]

    with host.formicary("human:grace") as grace, working(host, "edited-1", "code.edited", in_loop(work)):
        task = posted(formicary, "code.edited", "run it")
        waiting = asked(grace, "code.edited")
        edited = {"tool": "execute_code", "arguments": {"code": "print(2)"}}
        grace.approvals.approve(waiting["id"], waiting["hash"], "the other one", edit=edited)
        assert formicary.tasks.result(task) == [False, True]
