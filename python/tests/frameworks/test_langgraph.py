"""LangGraph: graphs and agents as workers of a live host; the models are scripts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypedDict

import pytest
from conftest import Host
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt
from swarm import asked, posted, working

from formicary import Formicary, Task, TaskEnded
from formicary._claims import Claim
from formicary.langgraph import tools, work_with


class Script(GenericFakeChatModel):
    """A model that says what stands in a script, one message after the other."""

    def bind_tools(
        self, tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool], **_: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        return self


def script(*says: AIMessage | str) -> Script:
    return Script(messages=iter(says))


def call(name: str, /, **arguments: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"id": f"call-{name}", "name": name, "args": arguments}])


class Ledger(TypedDict, total=False):
    lines: list[int]
    total: int


def test_a_graph_without_a_model_takes_the_payload_and_gives_its_state(host: Host, formicary: Formicary) -> None:
    graph = StateGraph(Ledger)
    graph.add_node("add", lambda state: {"total": sum(state["lines"])})
    graph.add_edge(START, "add").add_edge("add", END)
    with working(host, "graph-1", "graph.sum", work_with(graph.compile())):
        assert formicary.tasks.result(posted(formicary, "graph.sum", {"lines": [1, 2]})) == {
            "lines": [1, 2],
            "total": 3,
        }


def test_a_task_of_the_same_id_elsewhere_is_another_conversation() -> None:
    graph = StateGraph(MessagesState)
    graph.add_node("count", lambda state: {"messages": [AIMessage(str(len(state["messages"])))]})
    graph.add_edge(START, "count").add_edge("count", END)
    work = work_with(graph.compile(InMemorySaver()))
    assignment: Any = {"task": "refund-1", "award": 1, "attempt": 1, "spec": {"task_type": "refund", "payload": "40"}}
    elsewhere = Formicary("http://127.0.0.1:1")
    assert [work(Task(Claim("ada", "refund-1", 1, 60), assignment, elsewhere)) for _ in range(2)] == ["1", "1"]


def test_an_agent_has_the_swarm_as_its_tools(host: Host, formicary: Formicary) -> None:
    model = script(
        call("report_progress", fraction=0.5, note="half"),
        call("emit_signal", type="resource_needed", location="tests/langgraph", strength=0.8),
        call("read_signals", location="tests/langgraph"),
        call("post_task", task_type="graph.part", payload={"number": 2}),
        call("task_result", task="nobody-s"),
        call("vote", round="none", choice="yes", confidence=1.0, reasoning="so"),
        "done",
    )
    agent = create_agent(model, tools())
    told: list[Any] = []

    def output(state: Any) -> object:
        told.extend(message.text for message in state["messages"] if isinstance(message, ToolMessage))
        return state["messages"][-1].text

    with (
        working(host, "part-1", "graph.part", lambda task: task.payload["number"] * 21),
        working(host, "agent-1", "graph.agent", work_with(agent, output=output)),
    ):
        task = posted(formicary, "graph.agent", "add them up")
        assert formicary.tasks.result(task) == "done"
        assert formicary.tasks.get(task)["progress"]["note"] == "half"
    progress, emitted, read, part, unknown, no_round = told
    assert progress == '"said"'
    assert '"strength"' in emitted
    assert read.startswith("[")
    (number,) = [each["id"] for each in formicary.tasks.list(task_type="graph.part")]
    assert part == f'{{"task": "{number}"}}'
    assert formicary.tasks.result(number) == 42
    assert formicary.tasks.get(number)["parent"] == task
    assert "refused" in unknown
    assert "refused" in no_round


class Paid(TypedDict, total=False):
    amount: int
    answer: Any


def test_what_interrupts_a_graph_is_decided_by_people(host: Host, formicary: Formicary) -> None:
    graph = StateGraph(Paid)
    graph.add_node("pay", lambda state: {"answer": interrupt({"pay": state["amount"]})})
    graph.add_edge(START, "pay").add_edge("pay", END)
    with (
        host.formicary("human:grace") as grace,
        working(host, "pays-1", "graph.pays", work_with(graph.compile(), output=lambda state: state["answer"])),
    ):
        first = posted(formicary, "graph.pays", {"amount": 40})
        waiting = asked(grace, "graph.pays")
        grace.approvals.approve(waiting["id"], waiting["hash"], "half is enough", edit={"pay": 20})
        assert formicary.tasks.result(first) == {"pay": 20}

        second = posted(formicary, "graph.pays", {"amount": 80})
        waiting = asked(grace, "graph.pays", waiting)
        grace.approvals.reject(waiting["id"], waiting["hash"], "it is too much")
        with pytest.raises(TaskEnded, match="it is too much"):
            formicary.tasks.result(second)


@pytest.mark.parametrize("mode", ["batched", "per_call"])
def test_a_call_of_a_tool_is_approved_corrected_or_rejected(host: Host, formicary: Formicary, mode: Any) -> None:
    paid: list[int] = []

    def pay(amount: int) -> str:
        """Pays."""
        paid.append(amount)
        return "paid"

    model = script(call("pay", amount=40), call("pay", amount=50), call("pay", amount=60), "done")
    looks = HumanInTheLoopMiddleware({"pay": True}, interrupt_mode=mode)
    agent = create_agent(model, [pay], middleware=[looks])
    kind = f"payment.{mode}"
    with (
        host.formicary("human:grace") as grace,
        working(host, f"{mode}-1", f"graph.{mode}", work_with(agent, approval={"kind": kind, "impact": "high"})),
    ):
        task = posted(formicary, f"graph.{mode}", {"invoice": 7})
        waiting = asked(grace, kind)
        grace.approvals.approve(waiting["id"], waiting["hash"], "it is due")
        waiting = asked(grace, kind, waiting)
        fifteen = {"tool": "pay", "arguments": {"amount": 15}}
        grace.approvals.approve(waiting["id"], waiting["hash"], "less", edit=fifteen)
        waiting = asked(grace, kind, waiting)
        grace.approvals.reject(waiting["id"], waiting["hash"], "it is too much")
        assert formicary.tasks.result(task) == "done"
    assert paid == [40, 15]
