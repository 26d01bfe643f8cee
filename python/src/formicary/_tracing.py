"""W3C trace contexts, by OpenTelemetry where a program uses it; nothing of it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

try:
    from opentelemetry import context, trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    _propagator = TraceContextTextMapPropagator()
    _IS_THERE = True
except ImportError:
    _IS_THERE = False


def current() -> str | None:
    """The traceparent of the span that is current here; None without one."""
    if not _IS_THERE:
        return None
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def span(name: str, attributes: dict[str, str | int], parent: Callable[[], str | None]) -> Iterator[None]:
    """What is done inside is a span below `parent`, which is asked for only where the program records spans."""
    if not _IS_THERE or isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        yield
        return
    traceparent = parent()
    above = context.get_current() if traceparent is None else _propagator.extract({"traceparent": traceparent})
    tracer = trace.get_tracer("formicary")
    with tracer.start_as_current_span(name, above, trace.SpanKind.CONSUMER, attributes):
        yield
