"""What a client shows to say who calls: a token, which it renews; or what it is told to show."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import urlencode

from ._http import Request, Response, Steps, sent
from .errors import Problem, Unreachable, problem_of

_RENEWED_AFTER = 0.6
"""Of the time for which a token holds, how much may pass until it is renewed."""
_TRIED_AGAIN_AFTER = 5.0
"""Seconds after which a renewal that has failed is tried again, while the token holds."""
_KIND = "urn:ietf:params:oauth:token-type:access_token"


class Credentials(Protocol):
    """Gives the headers that say who sends a request."""

    def headers(self) -> Steps[Mapping[str, str]]:
        """The headers; may have to send a request of its own."""
        ...


class Said:
    """Nothing is shown: to a host that believes whoever says who they are (`start --dev-headers`)."""

    def __init__(self, principal: str | None, tenant: str | None) -> None:
        said = {"x-formicary-principal": principal, "x-formicary-tenant": tenant}
        self._headers = {name: value for name, value in said.items() if value is not None}

    def headers(self) -> Steps[Mapping[str, str]]:
        return self._headers
        yield


class Asked:
    """Asks for the token before each request: of another issuer, or from a file that somebody renews."""

    def __init__(self, ask: Callable[[], str]) -> None:
        self._ask = ask

    def headers(self) -> Steps[Mapping[str, str]]:
        return {"authorization": f"Bearer {self._ask()}"}
        yield


class Token:
    """A token that somebody was given, and that is replaced in time by another one. Safe for threads."""

    def __init__(self, token: str) -> None:
        """Raises ValueError when it is no token."""
        issued, expires = _times_of(token)
        self._lock = threading.Lock()
        self._is_renewing = False
        # How old it is, only its issuer knows: what is left of it counts by this machine's clock.
        self._hold(token, min(expires - issued, expires - time.time()))

    def _hold(self, token: str, seconds: float) -> None:
        self._token = token
        now = time.monotonic()
        self._due = now + seconds * _RENEWED_AFTER
        self._ends = now + seconds

    def headers(self) -> Steps[Mapping[str, str]]:
        if self._is_due():
            try:
                yield from self._renew()
            finally:
                with self._lock:
                    self._is_renewing = False
        return {"authorization": f"Bearer {self._token}"}

    def _is_due(self) -> bool:
        """Whether whoever asks has to renew it now: meanwhile others go on with the one that still holds."""
        with self._lock:
            now = time.monotonic()
            if now < self._due or (self._is_renewing and now < self._ends):
                return False
            self._is_renewing = True
            return True

    def _renew(self) -> Steps[None]:
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": self._token,
            "subject_token_type": _KIND,
        }
        request = Request("POST", "/oauth/token", {}, urlencode(form).encode(), "application/x-www-form-urlencoded")
        try:
            token, seconds = _given_by((yield from sent(request)))
        except (Problem, Unreachable):
            with self._lock:
                now = time.monotonic()
                if now >= self._ends:
                    raise
                # It still holds: the request that is under way goes on with it.
                self._due = now + _TRIED_AGAIN_AFTER
            return
        with self._lock:
            self._hold(token, seconds)


def _given_by(answer: Response) -> tuple[str, float]:
    if answer.status in (408, 429) or answer.status >= 500:
        raise Unreachable(f"the host gives no token at the moment: {answer.status}")
    if answer.status == 200:
        try:
            given = json.loads(answer.body)
            return str(given["access_token"]), float(given["expires_in"])
        except (ValueError, KeyError, TypeError):
            pass
    raise problem_of(answer.status, answer.body)


def _times_of(token: str) -> tuple[float, float]:
    """When a token was issued and when it expires, in seconds since the epoch."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return float(claims["iat"]), float(claims["exp"])
    except (IndexError, ValueError, KeyError, TypeError):
        raise ValueError("this is no token: `npx formicary token NAME` prints one") from None
