"""CrewAI: crews as workers of a live host; the models are scripts."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Host
from crewai import Agent, BaseLLM, Crew
from crewai import Task as CrewTask
from swarm import asked, posted, working

from formicary import Formicary, TaskEnded
from formicary.crewai import tools, work_with


class Script(BaseLLM):
    """A model that says what stands in a script."""

    says: list[str]

    def call(self, messages: Any, *_: Any, **__: Any) -> str:
        return self.says.pop(0)

    def supports_function_calling(self) -> bool:
        return False

    # A crew is copied for each task, its model is not.
    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Script:
        return self


def crew(*says: str, human_input: bool = False, tools: Any = ()) -> Crew:
    model = Script(model="script", says=list(says))
    agent = Agent(role="analyst", goal="to add up", backstory="none", llm=model, tools=list(tools))
    task = CrewTask(description="Add up {lines}", expected_output="a number", agent=agent, human_input=human_input)
    return Crew(agents=[agent], tasks=[task])


def final(text: str) -> str:
    return f"Thought: I know\nFinal Answer: {text}"


def test_a_crew_has_the_swarm_as_its_tools(host: Host, formicary: Formicary) -> None:
    posts = 'Thought: a part\nAction: post_task\nAction Input: {"task_type": "crew.part", "payload": {"number": 2}}'
    says = 'Thought: say it\nAction: report_progress\nAction Input: {"fraction": 0.5, "note": "half"}'
    with (
        working(host, "part-1", "crew.part", lambda task: task.payload["number"] * 21),
        working(host, "agent-1", "crew.sum", work_with(crew(says, posts, final("done"), tools=tools()))),
    ):
        task = posted(formicary, "crew.sum", {"lines": "1, 2"})
        assert formicary.tasks.result(task) == "done"
        assert formicary.tasks.get(task)["progress"]["note"] == "half"
        (number,) = [each["id"] for each in formicary.tasks.list(task_type="crew.part")]
        assert formicary.tasks.result(number) == 42


def test_people_look_at_what_a_crew_came_to(host: Host, formicary: Formicary) -> None:
    answers = [final(text) for text in ("40", "50", "60", "70", "80", "90")]
    work = work_with(crew(*answers, human_input=True), approval={"kind": "payment.crew"})
    with host.formicary("human:grace") as grace, working(host, "pays-1", "crew.pays", work):
        task = posted(formicary, "crew.pays", {"lines": "1, 2"})
        waiting = asked(grace, "payment.crew")
        grace.approvals.approve(waiting["id"], waiting["hash"], "it is due")
        assert formicary.tasks.result(task) == "40"

        task = posted(formicary, "crew.pays", {"lines": "1, 2"})
        waiting = asked(grace, "payment.crew", waiting)
        grace.approvals.reject(waiting["id"], waiting["hash"], "it is too much")
        waiting = asked(grace, "payment.crew", waiting)
        grace.approvals.approve(waiting["id"], waiting["hash"], "half", edit={"answer": "30"})
        assert formicary.tasks.result(task) == "30"

        task = posted(formicary, "crew.pays", {"lines": "1, 2"})
        for _ in range(3):
            waiting = asked(grace, "payment.crew", waiting)
            grace.approvals.reject(waiting["id"], waiting["hash"], "never")
        with pytest.raises(TaskEnded, match="rejected"):
            formicary.tasks.result(task)
