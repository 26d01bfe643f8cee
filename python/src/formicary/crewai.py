"""CrewAI: a crew becomes a worker, the human input of its tasks becomes approvals.

`Worker(agent_type="finance.analysis").run(work_with(Crew(agents=[…], tasks=[…])))`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crewai import Crew, CrewOutput
from crewai.agents.parser import AgentFinish
from crewai.core.providers.human_input import (
    AsyncExecutorContext,
    ExecutorContext,
    SyncHumanInputProvider,
    reset_provider,
    set_provider,
)
from crewai.tools import BaseTool, tool

from ._approvals import Approval
from ._framework import in_thread, plain, prompt_of, working_on
from ._oversight import Refused
from ._toolbox import Name, chosen
from .errors import FormicaryError
from .task import Fail, Task

_MOST_REJECTIONS = 3
"""After so many the task has failed: people aren't asked without end."""


def tools(*names: Name) -> list[BaseTool]:
    """What an agent may do in the swarm: these, or everything."""
    return [tool(each.__name__)(each) for each in chosen(names)]


def work_with(
    crew: Crew,
    *,
    input: Callable[[Task], dict[str, Any]] | None = None,
    output: Callable[[CrewOutput], object] | None = None,
    approval: Approval | None = None,
) -> Callable[[Task], object]:
    """The function of a worker: has a copy of a crew do each task.

    `input` makes the inputs of a kickoff: by default the payload where it is an object, else what would be a prompt
    as `payload`. `output` makes the result: by default what the last task says, as its `output_pydantic` or
    `output_json` has it where there is one, else as text. `approval`: what the rules are asked with where a task of the
    crew has `human_input`. A kickoff can't be cancelled: what comes of one that nobody wants any more is dropped.
    """
    given = input or _inputs_of
    made = output or _result_of

    def work(task: Task) -> object:
        token = set_provider(_People(task, approval or {}))
        try:
            with working_on(task):
                result = crew.copy().kickoff(inputs=given(task))
        except _Over as over:
            raise over.reason from over
        finally:
            reset_provider(token)
        if not isinstance(result, CrewOutput):
            raise TypeError("the crew streams, which a worker has no use for")
        return plain(made(result))

    return work


def _inputs_of(task: Task) -> dict[str, Any]:
    return task.payload if isinstance(task.payload, dict) else {"payload": prompt_of(task)}


def _result_of(result: CrewOutput) -> object:
    return result.pydantic or result.json_dict or result.raw


class _Over(BaseException):
    """Ends a kickoff. CrewAI begins a task again after an exception, and people would be asked again."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


class _People(SyncHumanInputProvider):
    """Who looks at what a crew's task has come to."""

    def __init__(self, task: Task, asked_with: Approval) -> None:
        self._task = task
        self._asked_with = asked_with
        self._rejections = 0

    def handle_feedback(self, formatted_answer: AgentFinish, context: ExecutorContext) -> AgentFinish:
        """Asks, and has the agent try again where people reject its answer, which it is told with the reason."""
        while True:
            reason = self._look_at(formatted_answer)
            if reason is None:
                context.ask_for_human_input = False
                return formatted_answer
            self._count(reason)
            context.messages.append(context._format_feedback_message(reason))
            formatted_answer = context._invoke_loop()

    async def handle_feedback_async(self, formatted_answer: AgentFinish, context: AsyncExecutorContext) -> AgentFinish:
        """The same in an event loop."""
        while True:
            reason = await in_thread(self._look_at, formatted_answer)
            if reason is None:
                context.ask_for_human_input = False
                return formatted_answer
            self._count(reason)
            context.messages.append(context._format_feedback_message(reason))
            formatted_answer = await context._ainvoke_loop()

    def _count(self, reason: str) -> None:
        """Counts rejections; the task has failed for good when there are too many."""
        self._rejections += 1
        if self._rejections == _MOST_REJECTIONS:
            raise _Over(Fail(f"people have rejected what the crew came to: {reason}", retryable=False))

    def _look_at(self, answer: AgentFinish) -> str | None:
        """Asks; puts in what people have corrected. Why they reject it, if they do."""
        said = answer.output if isinstance(answer.output, str) else answer.output.model_dump_json()
        try:
            may = self._task.ask_human({"answer": said}, why="a crew is to go on with this answer", **self._asked_with)
        except Refused as refused:
            return refused.reason
        except (FormicaryError, TimeoutError) as error:
            raise _Over(error) from error
        if may != {"answer": said}:
            answer.output = str(may["answer"]) if isinstance(may, dict) and "answer" in may else str(may)
        return None
