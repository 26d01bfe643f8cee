"""The worker against a live host: tasks, failures, large payloads, votes, bids, people, and the ends of things."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from conftest import Host, Process, eventually

from formicary import (
    Ballot,
    Cancelled,
    Fail,
    Formicary,
    NoHost,
    Problem,
    Refused,
    Release,
    Task,
    TaskEnded,
    Worker,
    models,
)
from formicary._waiting import is_away
from formicary.errors import problem_of
from formicary.worker import _keeps_out


@pytest.mark.parametrize(("status", "is_ours"), [(404, False), (500, False), (404, True), (500, True)])
def test_what_answers_for_a_host_is_asked_again(status: int, is_ours: bool) -> None:
    ours = b'{"type": "https://formicary.dev/problems/agent-not-found"}'
    answered = problem_of(status, ours if is_ours else b"<html>the app is being replaced</html>")
    assert is_away(answered) is not is_ours
    assert _keeps_out(answered) is (is_ours and status == 404)
    assert is_away(NoHost("it says something else than JSON"))


@contextmanager
def working(host: Host, agent: str, agent_type: str, **options: Any) -> Iterator[Worker]:
    """A worker that is started by its test, and stopped after it."""
    with host.formicary(agent) as client:
        worker = Worker(client=client, agent_type=agent_type, **options)
        try:
            yield worker
        finally:
            worker.stop(0)


def test_does_tasks_of_its_types_and_says_how_far_it_is(host: Host, formicary: Formicary) -> None:
    with working(host, "ada", "sum") as worker:
        notes: list[Any] = []

        @worker.task("sum")
        def add(task: Task) -> object:
            task.progress(0.5, "half of it")
            notes.append(formicary.tasks.get(task.id).get("progress"))
            return sum(task.payload)

        @worker.task("count")
        def count(task: Task) -> object:
            return len(task.payload)

        worker.start()
        first = formicary.tasks.post({"task_type": "sum", "payload": [1, 2, 3]})["task"]["id"]
        second = formicary.tasks.post({"task_type": "count", "payload": "four"})["task"]["id"]
        assert formicary.tasks.result(first) == 6
        assert formicary.tasks.result(second) == 4
        assert notes[0]["fraction"] == 0.5
        assert notes[0]["note"] == "half of it"


def test_one_function_for_all_tasks(host: Host, formicary: Formicary) -> None:
    with working(host, "echo-1", "echo") as worker:
        worker.start(lambda task: task.payload)
        task = formicary.tasks.post({"task_type": "echo", "payload": {"a": [None, "ü"]}})["task"]["id"]
        assert formicary.tasks.result(task) == {"a": [None, "ü"]}


def test_a_coroutine_function_does_tasks_too(host: Host, formicary: Formicary) -> None:
    with working(host, "co-1", "co") as worker:

        async def work(task: Task) -> object:
            await asyncio.sleep(0.01)
            return task.attempt

        worker.start(work)
        task = formicary.tasks.post({"task_type": "co"})["task"]["id"]
        assert formicary.tasks.result(task) == 1


def test_what_is_raised_fails_the_attempt_and_another_one_follows(host: Host, formicary: Formicary) -> None:
    with working(host, "fail-1", "fails") as worker:

        def work(task: Task) -> object:
            if task.attempt == 1:
                raise KeyError("ledger")
            if task.attempt == 2:
                raise Release("not now")
            if task.attempt == 3:
                return {"of": object()}
            return "done"

        worker.start(work)
        task = formicary.tasks.post({"task_type": "fails", "retry_seconds": 0})["task"]["id"]
        assert formicary.tasks.result(task) == "done"
        first, second, third = formicary.tasks.get(task)["history"]
        assert (first["end"], first["reason"]) == ("failed", "KeyError: 'ledger'")
        assert (second["end"], second["reason"]) == ("released", "not now")
        assert (third["end"], third["reason"]) == (
            "failed",
            "TypeError: Object of type object is not JSON serializable",
        )


def test_a_failure_for_good_ends_the_task(host: Host, formicary: Formicary) -> None:
    with working(host, "dead-1", "dies") as worker:

        def work(task: Task) -> object:
            raise Fail("there is no such ledger", retryable=False)

        worker.start(work)
        task = formicary.tasks.post({"task_type": "dies"})["task"]["id"]
        with pytest.raises(TaskEnded, match="dead"):
            formicary.tasks.result(task)


def test_a_result_that_is_refused_fails_the_attempt(host: Host, formicary: Formicary) -> None:
    with working(host, "large-2", "too-large") as worker:
        worker.start(lambda task: "x" * 2_000_000 if task.attempt == 1 else "small")
        task = formicary.tasks.post({"task_type": "too-large", "retry_seconds": 0})["task"]["id"]
        assert formicary.tasks.result(task) == "small"
        assert "payload-too-large" in formicary.tasks.get(task)["history"][0]["reason"]


def test_large_payloads_and_results_go_by_reference(host: Host, formicary: Formicary) -> None:
    with working(host, "large-1", "large") as worker:
        worker.start(lambda task: [task.payload, "payload_ref" in task.spec])
        text = "ä" * 50_000
        task = formicary.tasks.post({"task_type": "large", "payload": text})["task"]["id"]
        assert formicary.tasks.result(task) == [text, True]
        assert "result_ref" in formicary.tasks.get(task)["completion"]


def test_a_lease_goes_on_while_the_function_works(host: Host, formicary: Formicary) -> None:
    with working(host, "slow-1", "slow") as worker:
        worker.start(lambda task: time.sleep(2.5))
        task = formicary.tasks.post({"task_type": "slow", "lease_seconds": 1})["task"]["id"]
        formicary.tasks.result(task)
        assert formicary.tasks.get(task)["attempts"] == 1


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_a_task_that_is_cancelled_is_dropped(host: Host, formicary: Formicary, kind: str) -> None:
    with working(host, f"drop-{kind}", f"drop.{kind}") as worker:
        began, ended = threading.Event(), threading.Event()

        def work(task: Task) -> object:
            began.set()
            task.cancelled.wait()
            ended.set()
            return "nobody wants it"

        async def work_async(task: Task) -> object:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return None

        worker.start(work if kind == "function" else work_async)
        task = formicary.tasks.post({"task_type": f"drop.{kind}", "lease_seconds": 1})["task"]["id"]
        assert began.wait(60)
        formicary.tasks.cancel(task)
        assert ended.wait(60)
        # It is free for others.
        other = formicary.tasks.post({"task_type": f"drop.{kind}"})["task"]["id"]
        eventually(lambda: formicary.tasks.get(other)["status"] == "running")
        assert "completion" not in formicary.tasks.get(task)


def test_progress_of_what_is_over_raises(host: Host, formicary: Formicary) -> None:
    with working(host, "over-1", "over") as worker:
        began, cancelled, ended = threading.Event(), threading.Event(), threading.Event()

        def work(task: Task) -> object:
            began.set()
            assert cancelled.wait(60)
            try:
                task.progress(0.5)
            except Cancelled:
                ended.set()
                raise
            return None

        worker.start(work)
        task = formicary.tasks.post({"task_type": "over", "lease_seconds": 600})["task"]["id"]
        assert began.wait(60)
        formicary.tasks.cancel(task)
        cancelled.set()
        assert ended.wait(60)


def test_bids_and_votes(host: Host, formicary: Formicary) -> None:
    with working(host, "bidder-1", "auction", standing_offer=False) as worker:

        @worker.bid
        def bid(offer: models.Offer) -> bool:
            return offer["spec"].get("payload") == "mine"

        @worker.vote
        def vote(asked: models.VoteAsked) -> Ballot | None:
            return Ballot("approve", 0.9, "it is ready") if asked["question"] == "Ship?" else None

        worker.start(lambda task: "done")
        other = formicary.tasks.post({"task_type": "auction", "payload": "yours"})["task"]["id"]
        task = formicary.tasks.post({"task_type": "auction", "payload": "mine"})["task"]["id"]
        assert formicary.tasks.result(task) == "done"
        assert formicary.tasks.get(other)["status"] == "open"
        opened = formicary.rounds.open(
            {
                "question": "Ship?",
                "kind": "question",
                "impact": "low",
                "electorate": {"algorithm": "simple_majority", "voters": [{"id": "bidder-1", "why": "asked"}]},
            }
        )["round"]["id"]
        eventually(lambda: formicary.rounds.get(opened)["status"] == "closed")
        assert formicary.rounds.get(opened)["outcome"]["outcome"] == "agreed"


def test_a_person_corrects_and_another_one_rejects(host: Host, formicary: Formicary) -> None:
    with working(host, "refund-1", "refund") as worker, host.formicary("human:grace") as grace:
        heard: list[str] = []

        def work(task: Task) -> object:
            try:
                return task.ask_human({"amount": task.payload}, why="it was paid twice", confidence=0.9, impact="low")
            except Refused as refused:
                heard.append(refused.reason)
                raise Fail(refused.reason, retryable=False) from refused

        worker.start(work)

        def asked(amount: int) -> models.ApprovalSummary:
            def look() -> models.ApprovalSummary | None:
                found = [each for each in grace.approvals.list(kind="refund") if each["requester"] == "refund-1"]
                return found[0] if found else None

            task = formicary.tasks.post({"task_type": "refund", "payload": amount, "lease_seconds": 2})["task"]["id"]
            waiting = eventually(look)
            tasks.append(task)
            return waiting

        tasks: list[str] = []
        first = asked(40)
        grace.approvals.approve(first["id"], first["hash"], "half is enough", edit={"amount": 20})
        assert formicary.tasks.result(tasks[0]) == {"amount": 20}
        eventually(lambda: not list(grace.approvals.list(kind="refund")))
        second = asked(80)
        grace.approvals.reject(second["id"], second["hash"], "it was for another invoice")
        with pytest.raises(TaskEnded):
            formicary.tasks.result(tasks[1])
        assert len(heard) == 1
        assert "it was for another invoice" in heard[0]


def test_what_is_stopped_goes_on_once_that_is_lifted(host: Host, formicary: Formicary) -> None:
    with working(host, "halt-1", "halt") as worker, host.formicary("human:ada") as ada:
        began, goes_on = threading.Event(), threading.Event()

        def work(task: Task) -> object:
            began.set()
            assert goes_on.wait(60)
            task.progress(0.5)
            return "done"

        worker.start(work)
        task = formicary.tasks.post({"task_type": "halt", "lease_seconds": 1})["task"]["id"]
        assert began.wait(60)
        ada.command("PUT", f"/v1/stops/task/{task}", {"effect": "freeze", "reason": "is it ours?"})
        goes_on.set()
        time.sleep(1.5)
        assert formicary.tasks.get(task)["status"] == "running"
        ada.command("POST", f"/v1/stops/task/{task}/lift", {"reason": "it is"})
        assert formicary.tasks.result(task) == "done"
        assert formicary.tasks.get(task)["attempts"] == 1


def test_the_work_of_an_agent_that_is_stopped_is_dropped(host: Host, formicary: Formicary) -> None:
    with working(host, "harm-1", "harm") as worker, host.formicary("human:ada") as ada:
        began, dropped = threading.Event(), threading.Event()

        def work(task: Task) -> object:
            began.set()
            if task.cancelled.wait(60):
                dropped.set()
            return None

        worker.start(work)
        formicary.tasks.post({"task_type": "harm", "lease_seconds": 1})
        assert began.wait(60)
        ada.command("PUT", "/v1/stops/agent/harm-1", {"effect": "freeze", "reason": "it pays twice"})
        assert dropped.wait(60)
        ada.command("POST", "/v1/stops/agent/harm-1/lift", {"reason": "mended"})


def test_work_that_costs_more_waits_until_a_person_lets_it(make_host: Callable[..., Host]) -> None:
    host = make_host()
    with host.formicary() as formicary, host.formicary("human:ada") as ada, working(host, "dear-1", "dear") as worker:
        ada.command("PUT", "/v1/budgets/pool/dear", {"limit_micro_usd": 1_000_000, "reason": "the pilot"})

        def work(task: Task) -> object:
            task.cost_micro_usd = 500
            task.progress(0.5)
            return "dear"

        worker.start(work)
        posted = formicary.tasks.post({"task_type": "dear", "estimated_cost_micro_usd": 100, "lease_seconds": 1})
        task = posted["task"]["id"]
        eventually(lambda: [each for each in ada.read("/v1/stops")["value"] if each["name"] == task])
        assert formicary.tasks.get(task)["status"] == "running"
        raised = {"more_micro_usd": 1_000, "reason": "the ledger is larger than usual"}
        ada.command("POST", f"/v1/budgets/reservations/{task}/raise", raised)
        assert formicary.tasks.result(task) == "dear"
        completion = formicary.tasks.get(task)["completion"]
        assert (completion["agent"], completion.get("cost_micro_usd")) == ("dear-1", 500)


def test_who_was_deregistered_by_others_ends(host: Host, formicary: Formicary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("formicary.worker._POLL_SECONDS", 1)
    with host.formicary("fired-1") as client:
        worker = Worker(client=client, agent_type="fired")
        failures: list[Problem] = []

        def run() -> None:
            try:
                worker.run(lambda task: None)
            except Problem as failure:
                failures.append(failure)

        thread = threading.Thread(target=run)
        thread.start()
        eventually(lambda: list(formicary.agents.list(agent_type="fired", status="active")))
        formicary.agents.deregister("fired-1", reason="it is not needed")
        thread.join(60)
        assert failures[0].code == "agent-not-found"


def test_people_may_take_longer_than_the_host_lives(make_host: Callable[..., Host]) -> None:
    host = make_host()
    with (
        host.formicary() as formicary,
        host.formicary("human:grace") as grace,
        working(host, "asks-1", "asks") as worker,
    ):
        worker.start(lambda task: task.ask_human({"amount": 7}, why="it was paid twice", impact="low"))
        task = formicary.tasks.post({"task_type": "asks"})["task"]["id"]
        waiting = eventually(lambda: list(grace.approvals.list(kind="asks")))[0]
        results: list[object] = []
        requester = threading.Thread(target=lambda: results.append(formicary.tasks.result(task)))
        requester.start()
        time.sleep(0.5)
        host.kill()
        # Longer than the client tries by itself.
        time.sleep(4)
        host.start()
        assert grace.approvals.get(waiting["id"])["status"] == "waiting"
        grace.approvals.approve(waiting["id"], waiting["hash"], "it was")
        requester.join(60)
        assert results == [{"amount": 7}]
        assert formicary.tasks.get(task)["attempts"] == 1


def test_stops_in_good_order(host: Host, formicary: Formicary) -> None:
    with host.formicary("gone-1") as client:
        worker = Worker(client=client, agent_type="leaves", capacity=2)
        began = threading.Event()

        def work(task: Task) -> object:
            if task.payload == "quick":
                began.wait(60)
                return "done"
            began.set()
            task.cancelled.wait()
            return "too late"

        worker.start(work)
        quick = formicary.tasks.post({"task_type": "leaves", "payload": "quick"})["task"]["id"]
        endless = formicary.tasks.post({"task_type": "leaves", "payload": "endless", "retry_seconds": 0})["task"]["id"]
        assert began.wait(60)
        worker.stop(1)
        assert formicary.tasks.result(quick) == "done"
        left = formicary.tasks.get(endless)
        assert (left["history"][0]["end"], left["history"][0]["reason"]) == ("released", "the worker stops")
        assert formicary.agents.get("gone-1")["status"] == "gone"


def test_told_to_stop_while_the_host_has_the_acceptance_it_begins_nothing(host: Host, formicary: Formicary) -> None:
    with host.formicary("leaving-1") as client:
        worker = Worker(client=client, agent_type="leaving")
        begun = threading.Event()
        stopping = threading.Thread(target=worker.stop, args=(60,))

        def told(response: httpx.Response) -> None:
            if response.request.url.path.endswith("/accept") and not worker._stopping.is_set():
                stopping.start()
                eventually(worker._stopping.is_set)

        client._http.event_hooks = {"response": [told]}
        worker.start(lambda task: begun.set())
        task = formicary.tasks.post({"task_type": "leaving", "lease_seconds": 3_600, "retry_seconds": 0})["task"]["id"]
        eventually(worker._stopping.is_set)
        stopping.join()
        assert not begun.is_set()
        left = formicary.tasks.get(task)
        assert (left["history"][0]["end"], left["history"][0]["reason"]) == ("released", "the worker stops")


def test_who_is_refused_hears_why(host: Host) -> None:
    with host.formicary("human:ada") as client, pytest.raises(ValueError, match="no agent"):
        Worker(client=client, agent_type="x").run(lambda task: None)
    worker = Worker(host.url, token=lambda: "nonsense", agent="x", agent_type="x")
    with pytest.raises(Problem) as refused:
        worker.run(lambda task: None)
    assert refused.value.status == 401


PROGRAM = """
import os, sys, time
from formicary import Formicary, Task, Worker

worker = Worker(client=Formicary(principal=os.environ["AGENT"]), agent_type=os.environ["TYPE"], grace_seconds=30)

def work(task: Task) -> object:
    print("began", flush=True)
    for _ in range(int(task.payload * 20)):
        if task.cancelled.wait(0.05):
            print("dropped", flush=True)
            return None
    return os.environ["AGENT"]

worker.run(work)
print("stopped", flush=True)
"""


def test_a_lease_that_is_lost_is_noticed_and_the_work_dropped(
    make_host: Callable[..., Host], spawn: Callable[..., Process]
) -> None:
    host = make_host()
    with host.formicary() as formicary:
        first = spawn(PROGRAM, FORMICARY_URL=host.url, AGENT="frozen", TYPE="nap")
        eventually(lambda: list(formicary.agents.list(agent_type="nap", status="active")))
        task = formicary.tasks.post(
            {"task_type": "nap", "payload": 3600, "lease_seconds": 1, "accept_seconds": 2, "retry_seconds": 0}
        )["task"]["id"]
        first.said("began")
        # The machine sleeps: its lease runs out, and somebody else takes the task.
        first.send(signal.SIGSTOP)
        second = spawn(PROGRAM, FORMICARY_URL=host.url, AGENT="awake", TYPE="nap")
        second.said("began")
        first.send(signal.SIGCONT)
        first.said("dropped")
        found = formicary.tasks.get(task)
        assert found["holder"]["agent"] == "awake"
        assert found["history"][0]["agent"] == "frozen"


def test_the_host_is_killed_and_the_work_goes_on(make_host: Callable[..., Host], spawn: Callable[..., Process]) -> None:
    host = make_host()
    worker = spawn(PROGRAM, FORMICARY_URL=host.url, AGENT="steady", TYPE="long")
    with host.formicary() as formicary:
        task = formicary.tasks.post({"task_type": "long", "payload": 3, "lease_seconds": 5})["task"]["id"]
        worker.said("began")
        host.kill()
        time.sleep(1)
        host.start()
        assert formicary.tasks.result(task, timeout=60) == "steady"
        assert formicary.tasks.get(task)["attempts"] == 1
        # It works on, also where the host dies with what it was to be told.
        later = formicary.tasks.post({"task_type": "long", "payload": 0.5})["task"]["id"]
        worker.said("began")
        host.kill()
        time.sleep(1)
        host.start()
        assert formicary.tasks.result(later, timeout=60) == "steady"
        assert formicary.tasks.get(later)["attempts"] == 1


def test_a_worker_that_is_killed_gives_back_what_it_held_when_it_is_started_again(
    host: Host, formicary: Formicary, spawn: Callable[..., Process]
) -> None:
    env = {"FORMICARY_URL": host.url, "AGENT": "mortal", "TYPE": "mortal"}
    first = spawn(PROGRAM, **env)
    # Its lease would hold for an hour.
    task = formicary.tasks.post({"task_type": "mortal", "payload": 0.2, "lease_seconds": 3600, "retry_seconds": 0})[
        "task"
    ]["id"]
    first.said("began")
    first.send(signal.SIGKILL)
    first.child.wait()
    spawn(PROGRAM, **env)
    assert formicary.tasks.result(task, timeout=60) == "mortal"
    history = formicary.tasks.get(task)["history"]
    assert [each["reason"] for each in history] == ["the worker was started again"]


def test_sigterm_lets_the_work_end(host: Host, formicary: Formicary, spawn: Callable[..., Process]) -> None:
    worker = spawn(PROGRAM, FORMICARY_URL=host.url, AGENT="polite", TYPE="polite")
    task = formicary.tasks.post({"task_type": "polite", "payload": 1})["task"]["id"]
    worker.said("began")
    worker.send(signal.SIGTERM)
    worker.said("stopped")
    assert worker.child.wait() == 0
    assert formicary.tasks.result(task) == "polite"


def test_a_second_sigterm_does_not_wait(host: Host, formicary: Formicary, spawn: Callable[..., Process]) -> None:
    worker = spawn(PROGRAM, FORMICARY_URL=host.url, AGENT="hasty", TYPE="hasty")
    task = formicary.tasks.post({"task_type": "hasty", "payload": 3600})["task"]["id"]
    worker.said("began")
    worker.send(signal.SIGTERM)
    eventually(lambda: formicary.agents.get("hasty")["offer"] is None)
    worker.send(signal.SIGTERM)
    worker.said("stopped")
    assert formicary.tasks.get(task)["history"][0]["reason"] == "the worker stops"


def test_a_host_that_refuses_for_now_is_asked_again(make_host: Callable[..., Host]) -> None:
    host = make_host(FORMICARY_RATE="20", FORMICARY_BURST="5")
    with host.formicary() as formicary, working(host, "patient", "many", capacity=10) as worker:
        worker.start(lambda task: task.payload)
        posted = formicary.tasks.post_many([{"task_type": "many", "payload": i, "retry_seconds": 0} for i in range(5)])
        assert [formicary.tasks.result(each["id"]) for each in posted] == [*range(5)]
        assert all(formicary.tasks.get(each["id"])["attempts"] == 1 for each in posted)
