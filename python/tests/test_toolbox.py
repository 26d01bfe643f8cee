"""What an agent of any framework may do while it works on a task, and what it returns, against a live host."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Host, eventually
from test_worker import working

from formicary import Ballot, Cancelled, Fail, Formicary, Task, TaskEnded, _approvals, models
from formicary._framework import MOST_PROMPT, _loop, _made_loop, in_loop, plain, prompt_of, working_on
from formicary._toolbox import MOST_ANSWER, MOST_WAIT, _most, awaited, chosen, told


def use(name: Any, **arguments: Any) -> Any:
    """What a tool answers."""
    (tool,) = chosen([name])
    return json.loads(tool(**arguments))


def done_by(host: Host, agent: str, task_type: str, work: Callable[[Task], object], **options: Any) -> Any:
    """What comes of one task of this type, done by this function."""
    with working(host, agent, task_type) as worker, host.formicary() as poster:
        worker.start(work)
        task = poster.tasks.post({"task_type": task_type, "max_attempts": 1, **options})["task"]["id"]  # type: ignore[typeddict-item]
        return poster.tasks.result(task)


def test_a_part_is_posted_and_waited_for(host: Host, formicary: Formicary) -> None:
    def work(task: Task) -> object:
        with working_on(task):
            part = use("post_task", task_type="box.part", payload={"number": 2})["task"]
            return [use("task_result", task=part), use("task_result", task="nobody-s")]

    with working(host, "box-part", "box.part") as parts:
        parts.start(lambda task: task.payload["number"] * 21)
        completed, unknown = done_by(host, "box-1", "box.whole", work)
    assert completed == {"status": "completed", "result": 42}
    assert "refused" in unknown


def test_what_nobody_does_is_still_open_when_the_wait_ends(host: Host) -> None:
    def work(task: Task) -> object:
        with working_on(task):
            part = use("post_task", task_type="box.nobody", payload={})["task"]
            return use("task_result", task=part, wait_seconds=0)

    assert done_by(host, "box-2", "box.waits", work) == {"status": "open"}


def test_agents_are_asked_and_vote(host: Host) -> None:
    def work(task: Task) -> object:
        with working_on(task):
            return use("ask_agents", question="Pay it?", choices=["yes", "no"], capability="box.jury")

    def vote(asked: models.VoteAsked) -> Ballot | None:
        return Ballot("yes", 0.9, "it is due")

    with working(host, "juror-1", "box.jury") as juror:
        juror.vote(vote)
        juror.start(lambda task: None)
        answer = done_by(host, "box-3", "box.asks", work)
    assert (answer["outcome"], answer["choice"]) == ("agreed", "yes")


def test_an_agent_votes_while_it_works(host: Host, formicary: Formicary) -> None:
    def work(task: Task) -> object:
        with working_on(task):
            return use("vote", round=task.payload, choice="no", confidence=0.9, reasoning="it was paid")

    opened = formicary.rounds.open(
        {
            "question": "Pay it?",
            "choices": ["yes", "no"],
            "kind": "box",
            "impact": "low",
            "electorate": {"algorithm": "simple_majority", "voters": [{"id": "box-4", "why": "it knows"}]},
        }
    )["round"]["id"]
    assert done_by(host, "box-4", "box.votes", work, payload=opened) == "voted"
    closed = eventually(lambda: found if (found := formicary.rounds.get(opened))["status"] == "closed" else None)
    assert closed["outcome"]["choice"] == "no"


def test_a_person_is_asked_for_an_action(host: Host) -> None:
    def work(task: Task) -> object:
        with working_on(task):
            return use("ask_human", action={"pay": 40}, why="it is due", impact="low")

    def decide() -> bool:
        for each in grace.approvals.list(kind="box.risky"):
            grace.approvals.approve(each["id"], each["hash"], "half of it", edit={"pay": 20})
            return True
        return False

    with host.formicary("human:grace") as grace, working(host, "box-5", "box.risky") as worker:
        worker.start(work)
        with host.formicary() as poster:
            task = poster.tasks.post({"task_type": "box.risky"})["task"]["id"]
            eventually(decide)
            assert poster.tasks.result(task) == {"approved": {"pay": 20}}


def test_signals_are_left_and_perceived(host: Host) -> None:
    def work(task: Task) -> object:
        with working_on(task):
            use("emit_signal", type="box_full", location="tests/box", strength=0.8)
            return [
                # What was just left is perceived a moment later.
                eventually(lambda: use("read_signals", location="tests/box")),
                use("emit_signal", type="Not a type", location="tests/box", strength=0.8),
            ]

    read, refused = done_by(host, "box-6", "box.signals", work)
    assert [each["type"] for each in read] == ["box_full"]
    assert "refused" in refused


def test_tools_are_for_whoever_works_on_a_task() -> None:
    assert "work_with" in use("report_progress", fraction=0.5, note="half")["refused"]


def test_a_cancelled_task_ends_what_waits_for_it(host: Host, formicary: Formicary) -> None:
    ended: list[str] = []

    async def work(task: Task) -> object:
        (wait,) = chosen(["task_result"])
        try:
            return await awaited(wait)(task.payload, 600)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    never = formicary.tasks.post({"task_type": "box.nobody-either"})["task"]["id"]
    with working(host, "box-7", "box.cancelled") as worker:
        worker.start(in_loop(work))
        task = formicary.tasks.post({"task_type": "box.cancelled", "payload": never, "lease_seconds": 2})["task"]["id"]
        eventually(lambda: formicary.tasks.get(task)["status"] == "running")
        formicary.tasks.cancel(task, reason="nobody wants it")
        eventually(lambda: ended)


def test_what_an_attempt_asks_ends_with_it(host: Host, formicary: Formicary) -> None:
    """Else whoever approves later lets go what nobody does."""
    ended: list[str] = []

    def work(task: Task) -> object:
        def ask() -> None:
            try:
                task.ask_human({"pay": 40}, why="it is due", kind="box.late")
                ended.append("taken")
            except Cancelled:
                ended.append("cancelled")

        threading.Thread(target=ask, daemon=True).start()
        return eventually(lambda: [each["id"] for each in formicary.approvals.list(kind="box.late")])[0]

    with host.formicary("human:grace") as grace:
        approval = grace.approvals.get(done_by(host, "box-8", "box.late", work))
        eventually(lambda: ended)
        grace.approvals.approve(approval["id"], approval["hash"], "it is due")
        action = approval["action"].rsplit("/", 1)[1]
        eventually(lambda: grace.actions.get(action)["status"] == "cleared")
    assert ended == ["cancelled"]


def test_all_tasks_have_one_event_loop() -> None:
    _made_loop.cache_clear()
    together = threading.Barrier(8)
    loops = set()

    def look() -> None:
        together.wait()
        loops.add(_loop())

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loops) == 1


def test_an_agent_that_insists_on_what_is_refused_ends(
    host: Host, formicary: Formicary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_approvals, "MOST_REFUSALS", 2)

    async def work(task: Task) -> object:
        approvals = _approvals.Approvals(task, None, edits=True)
        while not (await approvals.decide("pay", {})).approved:
            pass
        return "paid"

    with working(host, "box-9", "box.insists") as worker, host.formicary("human:grace") as grace:
        worker.start(in_loop(work))
        task = formicary.tasks.post({"task_type": "box.insists"})["task"]["id"]
        before: list[str] = []
        for _ in range(2):
            waiting = eventually(
                lambda: [each for each in grace.approvals.list(kind="box.insists") if each["id"] not in before]
            )[0]
            grace.approvals.reject(waiting["id"], waiting["hash"], "it is too much")
            before.append(waiting["id"])
        with pytest.raises(TaskEnded, match="2 calls were refused"):
            formicary.tasks.result(task)


def test_no_wait_is_without_end() -> None:
    assert [_most(seconds) for seconds in (1.0, 1e9, float("nan"))] == [1.0, MOST_WAIT, MOST_WAIT]


class Unlike:
    """No JSON, and no model."""


@pytest.mark.parametrize("returned", [Unlike(), {"a": [Unlike()]}, {1, 2}, b"bytes", print])
def test_what_is_no_json_is_refused(returned: object) -> None:
    with pytest.raises(TypeError, match="no JSON"):
        plain(returned)


def test_what_holds_itself_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="deep"):
        plain(endless)


def test_what_a_model_is_told_has_bounds() -> None:
    assert told({"a": "ü"}) == '{"a": "ü"}'
    assert len(told("x" * 2 * MOST_ANSWER)) < MOST_ANSWER + 100

    class Long:
        type = "box.long"
        payload = "x" * (MOST_PROMPT + 1)

    with pytest.raises(Fail, match="too many"):
        prompt_of(Long())  # type: ignore[arg-type]
