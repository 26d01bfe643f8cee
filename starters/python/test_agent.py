"""The agent against a host of this test: nothing is kept, and time is moved."""

from collections.abc import Iterator

import pytest
from formicary import TaskEnded, Worker
from formicary.testing import TestHost

from agent import equip


@pytest.fixture(scope="module")
def host() -> Iterator[TestHost]:
    with TestHost() as started:
        yield started


@pytest.fixture(scope="module")
def worker(host: TestHost) -> Worker:
    worker = equip(host.worker("ada"))
    worker.start()
    return worker


def test_a_person_decides_how_much_is_paid_back(host: TestHost, worker: Worker) -> None:
    crm, grace = host.client("service:crm"), host.client("human:grace")
    task = crm.tasks.post({"task_type": "finance.refund", "payload": {"amount": 40}})["task"]["id"]
    asked = host.approval(kind="finance.refund")
    grace.approvals.approve(asked["id"], asked["hash"], "half is enough", edit={"amount": 20})
    assert crm.tasks.result(task) == "20 EUR are on their way"


def test_when_nobody_decides_for_hours_nothing_is_paid(host: TestHost, worker: Worker) -> None:
    crm = host.client("service:crm")
    task = crm.tasks.post({"task_type": "finance.refund", "payload": {"amount": 80}})["task"]["id"]
    host.approval(kind="finance.refund")
    host.advance(3 * 3600, living=[worker])
    with pytest.raises(TaskEnded):
        crm.tasks.result(task)
