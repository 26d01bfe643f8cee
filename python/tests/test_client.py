"""The client: what it sends, when it does so again, and what it raises; at a live host, and one that does as told."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, get_args, get_type_hints

import pytest
from conftest import Host, free_port

from formicary import AsyncFormicary, Formicary, NoHost, Problem, Retry, TaskEnded, Unreachable, models
from formicary._retry import Circuit
from formicary._tasks import TaskStatus
from formicary._waiting import Waiting

FAST = Retry(attempts=5, base=0.002, most=3.0)


@dataclass
class Answer:
    status: int
    body: str = '{"value":[]}'
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Told:
    """A server that answers as it is told; the last answer is repeated."""

    url: str
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Method, path, headers with names in lower case."""


@pytest.fixture
def told() -> Iterator[Callable[..., Told]]:
    servers: list[ThreadingHTTPServer] = []

    def start(*answers: Answer) -> Told:
        class Handler(BaseHTTPRequestHandler):
            def handle_one(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                server.requests.append((self.command, self.path, headers))
                self.rfile.read(int(headers.get("content-length", 0)))
                answer = answers[min(len(server.requests), len(answers)) - 1]
                self.send_response_only(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body.encode())

            do_GET = do_POST = do_PUT = handle_one  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(http)
        threading.Thread(target=http.serve_forever, daemon=True).start()
        server = Told(f"http://127.0.0.1:{http.server_address[1]}")
        return server

    yield start
    for http in servers:
        http.shutdown()
        http.server_close()


# ------------------------------------------------------------------------------------------------- a live host


def test_a_task_from_its_posting_to_its_result(host: Host, formicary: Formicary) -> None:
    posted = formicary.tasks.post({"id": "by-hand", "task_type": "hand", "payload": {"n": 1}})
    assert posted["receipt"]["repeated"] is False
    assert posted["task"]["status"] == "open"
    with host.formicary("hand-1") as hand:
        hand.agents.put("hand-1", {"agent_type": "hand", "capacity": 2})
        award = hand.agents.inbox("hand-1", wait_seconds=20)["items"][0]
        assert award["kind"] == "assignment"
        hand.tasks.accept("by-hand", award["award"])
        assert [each["kind"] for each in hand.agents.inbox("hand-1", holding=True)["items"]] == ["holding"]
        beat = hand.agents.heartbeat("hand-1", [{"task": "by-hand", "award": award["award"]}])
        assert [each["stands"] for each in beat["held"]] == [True]
        hand.tasks.progress("by-hand", award["award"], 0.25, note="a quarter", cost_micro_usd=7)
        done = hand.tasks.complete("by-hand", award["award"], {"n": 2}, cost_micro_usd=9)
        assert done["task"]["status"] == "completed"
        hand.agents.deregister("hand-1", reason="that was all")
        assert hand.agents.get("hand-1")["status"] == "gone"
    assert formicary.tasks.result("by-hand") == {"n": 2}
    assert "by-hand" in [each["id"] for each in formicary.tasks.list(task_type="hand", limit=1)]


def test_lists_go_on_over_their_pages(formicary: Formicary) -> None:
    answers = formicary.tasks.post_many([{"task_type": "pages"} for _ in range(5)])
    ids = {answer["id"] for answer in answers}
    while len(found := {each["id"] for each in formicary.tasks.list(task_type="pages", limit=2)}) < 5:
        time.sleep(0.05)
    assert found == ids


def test_a_refusal_is_an_exception_with_its_document(formicary: Formicary) -> None:
    with pytest.raises(Problem) as refused:
        formicary.tasks.get("nothing")
    assert (refused.value.status, refused.value.code) == (404, "not-found")
    assert refused.value.document["detail"] == str(refused.value)
    with pytest.raises(Problem, match="#/priority") as wrong:
        formicary.tasks.post({"task_type": "x", "priority": 2})
    assert wrong.value.document["errors"][0]["pointer"] == "#/priority"


def test_one_key_is_one_task(formicary: Formicary) -> None:
    first = formicary.tasks.post({"task_type": "once"}, idempotency_key="mine")
    second = formicary.tasks.post({"task_type": "once"}, idempotency_key="mine")
    assert second["receipt"]["hash"] == first["receipt"]["hash"]
    assert second["receipt"]["repeated"]
    with pytest.raises(Problem) as refused:
        formicary.tasks.post({"task_type": "other"}, idempotency_key="mine")
    assert refused.value.code == "idempotency-key-reused"


def test_a_version_that_was_expected(formicary: Formicary) -> None:
    task = formicary.tasks.post({"task_type": "versioned"})["task"]
    with pytest.raises(Problem) as refused:
        formicary.tasks.cancel(task["id"], if_match=task["version"] + 7)
    assert refused.value.status == 412
    assert formicary.tasks.cancel(task["id"], reason="paid twice")["task"]["status"] == "cancelled"
    with pytest.raises(TaskEnded, match="paid twice") as ended:
        formicary.tasks.result(task["id"])
    assert ended.value.status == "cancelled"


def test_who_waits_too_long_hears_it(formicary: Formicary) -> None:
    task = formicary.tasks.post({"task_type": "nobody"})["task"]["id"]
    with pytest.raises(TimeoutError, match="is open"):
        formicary.tasks.wait(task, timeout=0.3)


def test_bids_and_refusals_of_an_agent(host: Host, formicary: Formicary) -> None:
    with host.formicary("bids-1") as agent:
        agent.agents.put("bids-1", {"agent_type": "bids", "standing_offer": False})
        task = formicary.tasks.post({"task_type": "bids"})["task"]["id"]
        agent.tasks.bid(task, note="the ledger is at hand")
        while "holder" not in agent.tasks.get(task):
            time.sleep(0.05)
        agent.tasks.decline(task, agent.tasks.get(task)["holder"]["award"], reason="it is closed")
        with pytest.raises(Problem) as refused:
            agent.tasks.bid(task)
        assert refused.value.code == "award-declined"


def test_what_is_dead_comes_back(host: Host, formicary: Formicary) -> None:
    with host.formicary("late-1") as agent:
        agent.agents.put("late-1", {"agent_type": "late"})
        task = formicary.tasks.post({"task_type": "late"})["task"]["id"]
        award = agent.agents.inbox("late-1", wait_seconds=20)["items"][0]
        assert award["kind"] == "assignment"
        agent.tasks.accept(task, award["award"])
        assert agent.tasks.fail(task, award["award"], "closed", retryable=False)["task"]["status"] == "dead"
        assert formicary.tasks.redrive(task)["task"]["status"] in ("open", "awarded")
        agent.agents.deregister("late-1")


def test_the_statuses_are_those_of_the_contract() -> None:
    # `from __future__ import annotations` leaves them as text.
    status = get_type_hints(models.Task)["status"]
    assert get_args(TaskStatus) == get_args(status)


def test_the_same_with_asyncio(host: Host) -> None:
    async def run() -> None:
        async with AsyncFormicary(host.url, principal="service:tests") as formicary:
            assert (await formicary.me())["id"] == "service:tests"
            tasks = await asyncio.gather(*(formicary.tasks.post({"task_type": "async"}) for _ in range(5)))
            agent = AsyncFormicary(host.url, principal="async-1")
            async with agent:
                await agent.agents.put("async-1", {"agent_type": "async", "capacity": 5})
                done = 0
                while done < 5:
                    for item in (await agent.agents.inbox("async-1", wait_seconds=20))["items"]:
                        assert item["kind"] == "assignment"
                        await agent.tasks.accept(item["task"], item["award"])
                        await agent.tasks.complete(item["task"], item["award"], item["task"])
                        done += 1
            for posted in tasks:
                assert await formicary.tasks.result(posted["task"]["id"]) == posted["task"]["id"]
            assert len([each async for each in formicary.agents.list(agent_type="async")]) == 1
            with pytest.raises(Problem):
                await formicary.tasks.get("nothing")

    asyncio.run(run())


def test_any_route_can_be_asked(formicary: Formicary) -> None:
    assert formicary.read("/v1/status")["open_tasks"] >= 0
    emitted = formicary.command(
        "POST", "/v1/signals", {"signals": [{"type": "poke", "location": "x", "strength": 0.5}]}
    )
    assert len(emitted["value"]) == 1


# ------------------------------------------------------------------------------------------------- tokens


def test_a_token_says_who_calls_and_is_renewed(make_host: Callable[..., Host]) -> None:
    host = make_host(FORMICARY_DEV_HEADERS="off")
    first = host.token("ada-1")
    with Formicary(host.url, token=first) as formicary:
        before = formicary.me()
        assert (before["kind"], before["id"]) == ("agent", "ada-1")
        _is_due(formicary)
        after = formicary.me()
        assert after["token"]["session"] == before["token"]["session"]
        assert formicary._session._credentials._token != first  # type: ignore[attr-defined]
    with pytest.raises(Problem) as refused, Formicary(host.url) as nobody:
        nobody.me()
    assert refused.value.code == "unauthenticated"


def test_while_it_holds_a_token_that_can_not_be_renewed_is_shown(told: Callable[..., Told]) -> None:
    server = told(Answer(503), Answer(200), Answer(200))
    with Formicary(server.url, token=_token(900), retry=FAST) as formicary:
        _is_due(formicary)
        [*formicary.tasks.list()]
        [*formicary.tasks.list()]
    assert [path for _, path, _ in server.requests] == ["/oauth/token", "/v1/tasks", "/v1/tasks"]


def test_a_token_that_is_over_and_can_not_be_renewed_says_so(told: Callable[..., Told]) -> None:
    problem = {"type": "https://formicary.dev/problems/invalid-grant", "detail": "the token was revoked"}
    server = told(Answer(400, json.dumps(problem)))
    with Formicary(server.url, token=_token(-1), retry=FAST) as formicary:
        with pytest.raises(Problem, match="was revoked"):
            formicary.me()
        assert len(server.requests) == 1


def test_what_is_no_token_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="no token"):
        Formicary(token="nonsense")
    with pytest.raises(ValueError, match="leave principal"):
        Formicary(token=_token(900), principal="ada-1")
    with pytest.raises(ValueError, match="address"):
        Formicary("127.0.0.1:7071")


def _is_due(formicary: Formicary) -> None:
    """As if more than half of its time had passed."""
    formicary._session._credentials._due = 0.0  # type: ignore[attr-defined]


def _token(seconds: float) -> str:
    import base64

    claims = {"iat": time.time() - 10, "exp": time.time() + seconds}
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.AA"


# ------------------------------------------------------------------------------------------------- again


@pytest.mark.parametrize("status", [408, 429, 503])
def test_what_is_refused_for_now_is_sent_again_under_its_key(told: Callable[..., Told], status: int) -> None:
    server = told(Answer(status), Answer(status), Answer(200, "{}"))
    with Formicary(server.url, retry=FAST) as formicary:
        formicary.command("POST", "/v1/tasks", {"task_type": "x"})
    assert len(server.requests) == 3
    assert len({headers["idempotency-key"] for _, _, headers in server.requests}) == 1


def test_a_batch_that_the_store_did_in_part_is_sent_again(told: Callable[..., Told]) -> None:
    problem = {"type": "x", "title": "x", "detail": "x", "status": 503}
    partly = {"value": [{"id": "a"}, {"id": "b", "problem": problem}]}
    server = told(Answer(200, json.dumps(partly)), Answer(200, json.dumps({"value": [{"id": "a"}, {"id": "b"}]})))
    with Formicary(server.url, retry=FAST) as formicary:
        assert formicary.tasks.post_many([{"task_type": "x"}] * 2) == [{"id": "a"}, {"id": "b"}]
    assert len({headers["idempotency-key"] for _, _, headers in server.requests}) == 1
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500, 502])
def test_nothing_else_is_sent_again(told: Callable[..., Told], status: int) -> None:
    server = told(Answer(status))
    with Formicary(server.url, retry=FAST) as formicary, pytest.raises(Problem) as refused:
        formicary.me()
    assert refused.value.status == status
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("headers", "body", "least"),
    [
        ({"retry-after": "1"}, "{}", 1.0),
        ({"retry-after": "9"}, '{"retryAfterSeconds":0.4}', 0.4),
        ({"retry-after": "Sat, 28 Nov 2026 10:00:01 GMT", "date": "Sat, 28 Nov 2026 10:00:00 GMT"}, "{}", 1.0),
    ],
)
def test_what_the_host_says_is_waited_for(
    told: Callable[..., Told], headers: Mapping[str, str], body: str, least: float
) -> None:
    server = told(Answer(429, body, headers), Answer(200))
    waits: list[float] = []
    with Formicary(server.url, retry=Retry(base=0.001, most=0.001)) as formicary:
        formicary.run(formicary._session.read("/v1/tasks"), waits.append)
    assert len(waits) == 1
    assert least <= waits[0] < least + 0.01
    assert len(server.requests) == 2


def test_those_who_are_told_to_wait_come_back_over_as_much_time_again() -> None:
    waits = [Retry().pause(0, 2.0) for _ in range(200)]
    assert min(waits) >= 2.0
    assert max(waits) <= 4.0
    assert max(waits) - min(waits) > 1.0


def test_told_to_wait_for_too_long_it_gives_up(told: Callable[..., Told]) -> None:
    server = told(Answer(429, "{}", {"retry-after": "31"}))
    with Formicary(server.url, retry=FAST) as formicary, pytest.raises(Problem):
        formicary.me()
    assert len(server.requests) == 1


def test_who_goes_on_all_the_same_waits_as_long_as_it_was_told(told: Callable[..., Told]) -> None:
    refusals = [Answer(429, f'{{"retryAfterSeconds":{n}}}', {"retry-after": str(n)}) for n in (31, 86_400)]
    server = told(*refusals, Answer(200))
    waits: list[float] = []
    with Formicary(server.url, retry=FAST) as formicary:
        waiting = Waiting(formicary._session, None, 0, 0)
        formicary.run(waiting.patiently(lambda: formicary._session.read("/v1/tasks"), "so far"), waits.append)
    assert len(server.requests) == 3
    assert 31 <= waits[0] < 60
    assert 600 <= waits[1] < 1_200


def test_it_gives_up_after_as_many_tries_as_it_was_told(told: Callable[..., Told]) -> None:
    server = told(Answer(503))
    with Formicary(server.url, retry=FAST) as formicary, pytest.raises(Problem):
        formicary.me()
    assert len(server.requests) == 5


def test_waits_that_it_is_told_do_not_count_for_a_while(told: Callable[..., Told]) -> None:
    server = told(*[Answer(429, '{"retryAfterSeconds":0.01}', {"retry-after": "1"})] * 12, Answer(200, "{}"))
    with Formicary(server.url, retry=Retry(attempts=2, base=0.001, most=0.001)) as formicary:
        formicary.me()
    assert len(server.requests) == 13


def test_a_host_that_is_not_there() -> None:
    with Formicary(f"http://127.0.0.1:{free_port()}", retry=FAST) as formicary, pytest.raises(Unreachable):
        formicary.me()


def test_something_else_at_the_address(told: Callable[..., Told]) -> None:
    server = told(Answer(200, "<html>hello</html>"))
    with Formicary(server.url) as formicary, pytest.raises(NoHost):
        formicary.me()
    server = told(Answer(404, "<html>not here</html>"))
    with Formicary(server.url) as formicary, pytest.raises(Problem, match="something in between"):
        formicary.me()


def test_the_budget_of_retries_is_bounded() -> None:
    circuit = Circuit()
    taken = sum(circuit.may_retry() for _ in range(200))
    assert 100 <= taken < 110
    for _ in range(100):
        assert circuit.may_send()
    assert 10 <= sum(circuit.may_retry() for _ in range(100)) < 20


def test_a_host_that_is_gone_is_asked_by_one_at_a_time() -> None:
    circuit = Circuit()
    for _ in range(5):
        assert circuit.may_send()
        circuit.failed()
    time.sleep(0.11)
    assert [circuit.may_send() for _ in range(3)] == [True, False, False]
    circuit.answered()
    assert all(circuit.may_send() for _ in range(3))


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_an_id_that_would_lead_elsewhere_is_refused(formicary: Formicary, name: str) -> None:
    with pytest.raises(ValueError, match="id"):
        formicary.tasks.get(name)


def test_ids_and_numbers_are_written_as_they_are(told: Callable[..., Told]) -> None:
    server = told(Answer(200, "{}"))
    with Formicary(server.url) as formicary:
        formicary.tasks.get("a/b?c#d%")
        formicary.read("/v1/x", {"small": 1e-7, "flag": True, "none": None, "text": "a&b"})
    assert [path for _, path, _ in server.requests] == [
        "/v1/tasks/a%2Fb%3Fc%23d%25",
        "/v1/x?small=0.0000001&flag=true&text=a%26b",
    ]


def test_what_is_no_json_is_not_sent(told: Callable[..., Told]) -> None:
    server = told(Answer(200, "{}"))
    bodies: Sequence[Any] = [float("nan"), {"x": object()}, "\ud800"]
    with Formicary(server.url) as formicary:
        for body in bodies:
            with pytest.raises((TypeError, ValueError)):
                formicary.command("POST", "/v1/tasks", body)
    assert server.requests == []
