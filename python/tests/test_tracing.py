"""Trace contexts: what is posted under a span is worked on under it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import Host, eventually
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from formicary import Formicary, Worker


@pytest.fixture(scope="module")
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    yield exporter
    provider.shutdown()


def test_one_trace_leads_from_the_posting_through_the_work(
    host: Host, formicary: Formicary, spans: InMemorySpanExporter
) -> None:
    with trace.get_tracer("tests").start_as_current_span("order") as order:
        task = formicary.tasks.post({"task_type": "traced"})["task"]["id"]
    with host.formicary("traced-1") as client:
        worker = Worker(client=client, agent_type="traced")
        worker.start(lambda task: format(trace.get_current_span().get_span_context().trace_id, "032x"))
        try:
            trace_id = format(order.get_span_context().trace_id, "032x")
            assert formicary.tasks.result(task) == trace_id
            eventually(lambda: [span for span in spans.get_finished_spans() if span.name == "work traced"])
        finally:
            worker.stop(0)
    posted, *_ = formicary.read(f"/v1/streams/task/{task}")["value"]
    assert posted["meta"]["traceparent"].split("-")[1] == trace_id
