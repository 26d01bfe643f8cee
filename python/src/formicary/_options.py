"""What may be said with each request."""

from __future__ import annotations

from typing import TypedDict


class ReadOptions(TypedDict, total=False):
    """Of a read."""

    traceparent: str
    """W3C trace context, which the host continues."""


class CommandOptions(ReadOptions, total=False):
    """Of a command."""

    idempotency_key: str
    """What makes a retry safe: a new one for each command by default."""
    if_match: int
    """The version that the stream must have."""


class Opening(ReadOptions, total=False):
    """Of a read whose answer may hold personal data."""

    personal: str
    """`open` opens it, for whoever may read it, and leaves a receipt; it is sealed without."""
    purpose: str
    """What it is read for; needed but by an agent that works on it."""
