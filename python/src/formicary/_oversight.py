"""Decisions: actions that wait until they are cleared, approvals that people give, rounds in which agents vote."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal, TypedDict
from uuid import uuid4

from typing_extensions import Unpack

from . import models
from ._http import Steps
from ._options import CommandOptions, Opening, ReadOptions
from ._session import Session, path_of
from ._waiting import Waiting
from .errors import FormicaryError

_FIRST_LOOK = 0.25
_LAST_LOOK = 5.0


class ActionAnswer(TypedDict):
    """What a command on an action answers."""

    receipt: models.Receipt
    action: models.Action


class ApprovalAnswer(TypedDict):
    """What a command on an approval answers."""

    receipt: models.Receipt
    approval: models.Approval


class RoundAnswer(TypedDict):
    """What a command on a round answers."""

    receipt: models.Receipt
    round: models.Round


class ApprovalFilter(TypedDict, total=False):
    """Which approvals; those that wait by default, those that are closed with a day."""

    status: Literal["waiting", "closed", "all"]
    kind: str
    requester: str
    group: str
    """One that was asked."""
    ended_on: str
    """Those that were closed on this day, in UTC."""
    limit: int
    """Approvals in a page, 1 to 1,000; 100 by default."""


class Refused(FormicaryError):
    """The rules, agents or people did not let the action happen."""

    def __init__(self, action: models.Action) -> None:
        stopped = action.get("stopped")
        self.action = action
        self.reason = stopped["reason"] if stopped is not None else action["status"]
        super().__init__(f"the action {action['id']} may not be taken: {self.reason}")


def propose(session: Session, action: models.ActionInput, **options: Unpack[CommandOptions]) -> Steps[ActionAnswer]:
    """Asks whether an action may be taken; its `status` says what follows."""
    return session.command("POST", "/v1/actions", action, **options)


def get_action(session: Session, action: str, **opening: Unpack[Opening]) -> Steps[models.Action]:
    """An action as it is now."""
    query = {"personal": opening.get("personal"), "purpose": opening.get("purpose")}
    return session.read(path_of("/v1/actions/{id}", id=action), query, traceparent=opening.get("traceparent"))


def execute(
    session: Session, action: str, hash: str, *, result: object = None, **options: Unpack[CommandOptions]
) -> Steps[ActionAnswer]:
    """Takes a cleared action, once: do it when this succeeds, and only then."""
    body = {"hash": hash} if result is None else {"hash": hash, "result": result}
    return session.command("POST", path_of("/v1/actions/{id}/execute", id=action), body, **options)


def clear(session: Session, action: models.ActionInput, *, timeout: float | None = None) -> Steps[models.Action]:
    """Proposes an action, waits until it is cleared, and takes it: when this returns it is to be done, once.

    What is to be done is `action` of the answer: people may have corrected it. Waits also while the host is away or
    everything is stopped. Raises `Refused` when it may not be done, and TimeoutError after
    `timeout` seconds: the approval goes on then.
    """
    wait = Waiting(session, timeout, _FIRST_LOOK, _LAST_LOOK)
    # Under the same key whoever loses an answer gets it again: nothing is proposed twice, nor taken by nobody.
    propose_it = partial(propose, session, action, idempotency_key=str(uuid4()))
    proposed = (yield from wait.patiently(propose_it, "the action is not proposed"))["action"]
    while proposed["status"] not in ("cleared", "refused", "vetoed"):
        so_far = f"nobody has decided on the action {proposed['id']}"
        proposed = yield from wait.again(partial(get_action, session, proposed["id"]), so_far)
    if proposed["status"] != "cleared":
        raise Refused(proposed)
    take = partial(execute, session, proposed["id"], proposed["hash"], idempotency_key=str(uuid4()))
    taken = yield from wait.patiently(take, f"the action {proposed['id']} is cleared, and not taken")
    return taken["action"]


def get_approval(session: Session, approval: str, **opening: Unpack[Opening]) -> Steps[models.Approval]:
    """An approval: who is asked what, until when, and what was decided."""
    query = {"personal": opening.get("personal"), "purpose": opening.get("purpose")}
    return session.read(path_of("/v1/approvals/{id}", id=approval), query, traceparent=opening.get("traceparent"))


def approve(
    session: Session,
    approval: str,
    hash: str,
    reason: str,
    *,
    edit: Mapping[str, Any] | None = None,
    choice: str | None = None,
    **options: Unpack[CommandOptions],
) -> Steps[ApprovalAnswer]:
    """Approves exactly the action that was seen (its `hash`), or as `edit` has it: the whole action as it should be."""
    given = {"edit": edit, "choice": choice}
    body = {"hash": hash, "reason": reason, **{name: value for name, value in given.items() if value is not None}}
    return session.command("POST", path_of("/v1/approvals/{id}/approve", id=approval), body, **options)


def reject(
    session: Session, approval: str, hash: str, reason: str, **options: Unpack[CommandOptions]
) -> Steps[ApprovalAnswer]:
    """Rejects it: the action is not taken."""
    body = {"hash": hash, "reason": reason}
    return session.command("POST", path_of("/v1/approvals/{id}/reject", id=approval), body, **options)


def open_round(session: Session, round: models.RoundInput, **options: Unpack[CommandOptions]) -> Steps[RoundAnswer]:
    """Puts a question, or a proposed action, to a vote of agents."""
    return session.command("POST", "/v1/rounds", round, **options)


def get_round(session: Session, round: str, **options: Unpack[ReadOptions]) -> Steps[models.Round]:
    """A round: its votes, and what came of them."""
    return session.read(path_of("/v1/rounds/{id}", id=round), **options)


def vote(session: Session, round: str, vote: models.VoteInput, **options: Unpack[CommandOptions]) -> Steps[RoundAnswer]:
    """Casts the caller's vote, with the `pass` and the `snapshot` that its inbox showed."""
    return session.command("POST", path_of("/v1/rounds/{id}/votes", id=round), vote, **options)
