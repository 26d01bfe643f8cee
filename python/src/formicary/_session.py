"""A request with everything around it: who calls, the key that makes a retry safe, retries, errors as exceptions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from . import _tracing as tracing
from ._credentials import Credentials
from ._http import Request, Response, Steps, pause, sent
from ._retry import Circuit, Retry, Tries
from .errors import NoHost, Unreachable, members_of, problem_of

# What a host says of this moment alone: nothing was done, and the same request may be right in the next.
_TRIED_AGAIN = (408, 429, 503)

Query = Mapping[str, str | float | bool | None]
"""What is asked by; None is left out."""


class Session:
    """Requests of one caller."""

    def __init__(self, credentials: Credentials, retry: Retry, circuit: Circuit) -> None:
        self._credentials = credentials
        self.retry = retry
        self._circuit = circuit

    def read(
        self, path: str, query: Query | None = None, *, traceparent: str | None = None, sign_of_life: bool = False
    ) -> Steps[Any]:
        """What a GET answers, as JSON. `sign_of_life`: tried again it is never late, and leaves the budget alone."""
        request = Request("GET", path + search(query), _traced(traceparent))
        return parsed((yield from self._send(request, sign_of_life)))

    def command(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        idempotency_key: str | None = None,
        if_match: int | None = None,
        traceparent: str | None = None,
        sign_of_life: bool = False,
    ) -> Steps[Any]:
        """What a command answers. One without an `idempotency_key` gets one, so that it is safe to send twice."""
        headers = {**_traced(traceparent), "idempotency-key": idempotency_key or str(uuid4())}
        if if_match is not None:
            headers["if-match"] = f'"{if_match}"'
        request = Request(method, path, headers, None if body is None else written(body))
        return parsed((yield from self._send(request, sign_of_life)))

    def _send(self, request: Request, sign_of_life: bool) -> Steps[Response]:
        _check_path(request.path)
        tries = Tries(self.retry)
        while True:
            told = 0.0
            try:
                who = yield from self._credentials.headers()
                answer = yield from self._exchange(replace(request, headers={**who, **request.headers}))
                if answer.status < 300:
                    return answer
                told = retry_after(answer)
                if tries.is_last or told > self.retry.most_told or answer.status not in _TRIED_AGAIN:
                    raise problem_of(answer.status, answer.body)
            except Unreachable:
                if tries.is_last:
                    raise
            yield from pause(self.retry.pause(tries.counted - 1, told))
            if not sign_of_life and not self._circuit.may_retry():
                yield from pause(self.retry.late())
            tries.add(told)

    def _exchange(self, request: Request) -> Steps[Response]:
        if not self._circuit.may_send():
            raise Unreachable("the host can't be reached: it has not answered several times in a row")
        try:
            answer = yield from sent(request)
        except Unreachable:
            self._circuit.failed()
            raise
        self._circuit.answered()
        return answer


def path_of(template: str, **params: str) -> str:
    """`/v1/tasks/{id}` with its parameters in their places."""
    return re.sub(r"\{(\w+)\}", lambda match: quote(params[match[1]], safe=""), template)


def written(body: object) -> bytes:
    """JSON. Raises TypeError or ValueError when it can't be written as such."""
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def search(query: Query | None) -> str:
    """The query of an address, with its question mark."""
    given = [f"{name}={quote(_text(value), safe='')}" for name, value in (query or {}).items() if value is not None]
    return "?" + "&".join(given) if given else ""


def _text(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # In an address a number stands in digits: Python would write a small one with an exponent.
    return value if isinstance(value, str) else f"{Decimal(repr(value)):f}"


def _traced(traceparent: str | None) -> dict[str, str]:
    context = traceparent or tracing.current()
    return {} if context is None else {"traceparent": context}


def _check_path(path: str) -> None:
    """Without one of its ids, or with one made of dots, a path would lead to something else."""
    if re.search(r"/\.{0,2}(?:/|$)", path.split("?", 1)[0]):
        raise ValueError("an id, or a name, must not be empty nor made of dots alone")


def parsed(answer: Response) -> Any:
    """Whatever a host answers is JSON; another server at its address says other things."""
    try:
        return json.loads(answer.body)
    except ValueError:
        raise NoHost("what answers there is no Formicary host: it says something else than JSON") from None


def retry_after(answer: Response) -> float:
    """Seconds that an answer asks to wait: its problem says them to the tenth, or its header; 0: it does not."""
    value = answer.headers.get("retry-after")
    if value is None:
        return 0.0
    exact = members_of(answer.body).get("retryAfterSeconds")
    if isinstance(exact, (int, float)) and not isinstance(exact, bool):
        return max(0.0, float(exact))
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        # A date counts by the clock of whoever answers.
        then = parsedate_to_datetime(value) - parsedate_to_datetime(answer.headers.get("date", ""))
        return max(0.0, then.total_seconds())
    except (TypeError, ValueError):
        return 0.0
