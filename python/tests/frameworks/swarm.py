"""What the tests of each framework share: workers of a live host, and what is looked for in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from conftest import Host, eventually

from formicary import Formicary, Worker, models
from formicary._work import Work


@contextmanager
def working(host: Host, agent: str, agent_type: str, work: Work, **options: Any) -> Iterator[Worker]:
    """A worker that does everything with this function, until the end of the test."""
    with host.formicary(agent) as client:
        worker = Worker(client=client, agent_type=agent_type, **options)
        worker.start(work)
        try:
            yield worker
        finally:
            worker.stop(0)


def asked(people: Formicary, kind: str, before: models.ApprovalSummary | None = None) -> models.ApprovalSummary:
    """The approval of this kind that waits, and is not the one before."""
    known = None if before is None else before["id"]
    return eventually(lambda: [each for each in people.approvals.list(kind=kind) if each["id"] != known])[0]


def posted(formicary: Formicary, task_type: str, payload: object) -> str:
    """The id of a new task; it has one attempt."""
    return formicary.tasks.post({"task_type": task_type, "payload": payload, "max_attempts": 1})["task"]["id"]
