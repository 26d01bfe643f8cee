"""What goes wrong: the host refuses (a problem document, RFC 9457), or it can't be reached."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .models import Problem as ProblemDocument


class FormicaryError(Exception):
    """Whatever this package raises by itself. The message says what to do."""


class Problem(FormicaryError):
    """The host refused, or failed."""

    def __init__(self, document: ProblemDocument) -> None:
        """`document`: what was answered, with the members that the host has added."""
        places = [
            f"{error.get('pointer', error.get('parameter', ''))}: {error['message']}"
            for error in document.get("errors", [])
        ]
        super().__init__("\n".join([document["detail"], *places]))
        self.document = document

    @property
    def status(self) -> int:
        """Of the answer."""
        return self.document["status"]

    @property
    def type(self) -> str:
        """The problem's stable name, a URL."""
        return self.document["type"]

    @property
    def code(self) -> str:
        """The last part of the type, for example `award-superseded`."""
        return self.type.rsplit("/", 1)[-1]

    @property
    def retry_after(self) -> float | None:
        """Seconds after which the host wants to be asked again, where its problem says so."""
        seconds = self.document.get("retryAfterSeconds")
        return float(seconds) if isinstance(seconds, (int, float)) else None


class Unreachable(FormicaryError):
    """No whole answer came: whether a command was carried out is not known."""


class NoHost(FormicaryError):
    """Something answers at that address, and it is no Formicary host."""


class TaskEnded(FormicaryError):
    """A task ended without being completed."""

    def __init__(self, task: str, status: str, reason: str) -> None:
        """`status`: `cancelled`, `expired` or `dead`."""
        super().__init__(f"the task {task} is {status}: {reason}")
        self.task = task
        self.status = status
        self.reason = reason


def problem_of(status: int, body: bytes) -> Problem:
    """The problem that an answer is; one of our own where something in between has answered."""
    given = members_of(body)
    texts = {name: value for name in ("type", "title", "detail") if isinstance(value := given.get(name), str)}
    errors = given.get("errors")
    rest = {name: value for name, value in given.items() if name not in ("type", "title", "detail", "errors")}
    if isinstance(errors, list) and all(isinstance(each, dict) and "message" in each for each in errors):
        rest["errors"] = errors
    otherwise = (
        f"the answer is {status}, and not a Formicary host's: something in between, or another server at this address"
    )
    document: dict[str, Any] = {
        **rest,
        "type": texts.get("type", "about:blank"),
        "title": texts.get("title", "The request failed"),
        "detail": texts.get("detail", otherwise),
        "status": status,
    }
    return Problem(document)  # type: ignore[arg-type] # a problem may have any further member


def members_of(body: bytes) -> Mapping[str, Any]:
    """The members of a problem document; none where the answer is something else."""
    try:
        read = json.loads(body)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
