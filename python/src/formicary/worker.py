"""An agent that works: it registers, waits for tasks, has a function do each, and says what came of it."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import TypeVar

from . import _agents, _tasks, models
from ._claims import Cancelled, Claim, say
from ._http import Steps
from ._leases import Leases
from ._waiting import is_away
from ._work import Work, do
from .client import AsyncFormicary, Formicary
from .errors import FormicaryError, Problem
from .task import Task

_log = logging.getLogger("formicary")

W = TypeVar("W", bound=Work)
Bid = Callable[[models.Offer], bool]
Vote = Callable[[models.VoteAsked], "Ballot | None"]

_POLL_SECONDS = 20
_PRESENCE_SECONDS = 60.0
"""For how long an agent counts as there after a sign of life, unless it says otherwise."""
_MOST_PAUSE = 1.0
"""Seconds between two looks at an inbox that shows nothing new."""
_STOPS = "the worker stops"
"""Why what is not done, or not begun, is given back."""
_AFTER_REFUSAL = 5.0
"""Seconds after which an award that could not be accepted is looked at again."""


@dataclass(frozen=True)
class Ballot:
    """What an agent says to a question."""

    choice: str
    confidence: float
    """From 0 to 1."""
    reasoning: str


class Worker:
    """An agent with the functions that do its tasks. One process speaks for an agent at a time."""

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | Callable[[], str] | None = None,
        client: Formicary | None = None,
        agent: str | None = None,
        agent_type: str | None = None,
        capabilities: Mapping[str, float] | None = None,
        capacity: int = 1,
        pool: str | None = None,
        location: str | None = None,
        presence_seconds: float | None = None,
        standing_offer: bool = True,
        grace_seconds: float = 25.0,
    ) -> None:
        """Makes a worker; nothing is sent yet.

        `url` and `token` as of `Formicary`, or a `client` instead of them. `agent`: its id, by default whom the token
        names. `agent_type`: by default the first type of task that it has a function for; it takes tasks of the other
        types too. `capabilities`: what else it can do, with levels from 0 to 1. `capacity`: tasks at once, each in a
        thread of its own. `standing_offer=False`: it gets only what its function for offers bids for. `grace_seconds`:
        how long work may go on when the worker is told to stop; what is not done then is given back.
        """
        self._owns_client = client is None
        self.formicary = client or Formicary(url, token=token)
        self._session = self.formicary._session
        self._given_agent = agent
        self._agent_type = agent_type
        self._capabilities = dict(capabilities or {})
        self._capacity = capacity
        self._pool = pool
        self._location = location
        self._presence_seconds = presence_seconds
        self._standing_offer = standing_offer
        self._grace_seconds = grace_seconds
        self._work: dict[str, Work] = {}
        self._any_work: Work | None = None
        self._bid: Bid | None = None
        self._vote: Vote | None = None

        self.agent = agent or ""
        """The agent's id, once the worker is started."""
        self._stopping = threading.Event()
        self._signals = 0
        self._failure: BaseException | None = None
        self._asked: set[tuple[str, int]] = set()
        self._leases: Leases | None = None
        self._inbox: threading.Thread | None = None
        # Guards what follows.
        self._lock = threading.Lock()
        self._has_stopped = False
        self._stop_polling: Callable[[], object] | None = None

    # ------------------------------------------------------------------------------------------------ what it does

    def task(self, task_type: str) -> Callable[[W], W]:
        """The function below does the tasks of this type."""

        def register(work: W) -> W:
            self._work[task_type] = work
            return work

        return register

    def bid(self, bid: Bid) -> Bid:
        """The function below says whether to bid for a task that is offered."""
        self._bid = bid
        return bid

    def vote(self, vote: Vote) -> Vote:
        """The function below answers questions that are put to the vote of agents; with None it does not vote."""
        self._vote = vote
        return vote

    # ------------------------------------------------------------------------------------------------ its life

    def run(self, work: Work | None = None) -> None:
        """Works until the process is told to stop (SIGTERM, SIGINT), or `stop` is called; then stops in good order.

        `work` does every task that has no function of its own. A second signal does not wait for what is under way.
        Raises what keeps the agent from working: `Problem` when the host refuses it.
        """
        with self._hearing_signals():
            self.start(work)
            while not self._signals and not self._stopping.wait(0.25):
                pass
            self.stop()
        if self._failure is not None:
            raise self._failure

    def start(self, work: Work | None = None) -> None:
        """Registers the agent and begins to wait for tasks, in threads of its own."""
        if self._leases is not None or self._stopping.is_set():
            raise RuntimeError("a worker is started once: make another one")
        self._any_work = work
        if not self._work and work is None:
            raise ValueError("a worker needs a function: @worker.task(TYPE), or run(function)")
        profile = self._profile(self._standing_offer)
        try:
            self.agent = self._given_agent or self._who_am_i()
            self.formicary.agents.put(self.agent, profile)
        except BaseException:
            self._close()
            raise
        _log.info("%s waits for tasks", self.agent)
        leases = self._leases = Leases(self.formicary, self.agent)
        self._inbox = self._in_thread(lambda: self._poll(leases), "inbox")

    def beat(self) -> float:
        """Says at once that the agent lives, and extends its leases, which happens by itself as time passes.

        For tests that move time. Returns the seconds after which that is due again, at most.
        """
        if self._leases is None:
            raise RuntimeError("the worker is not started")
        return min((self._presence_seconds or _PRESENCE_SECONDS) / 3, self._leases.beat())

    def stop(self, grace_seconds: float | None = None) -> None:
        """Takes and begins nothing new, gives back what is not done, and deregisters the agent.

        Waits for the work that is under way, for at most `grace_seconds`.
        """
        grace = self._grace_seconds if grace_seconds is None else grace_seconds
        self._stopping.set()
        with self._lock:
            if self._stop_polling is not None:
                self._stop_polling()
            leases, inbox = self._leases, self._inbox
            if leases is None or inbox is None or self._has_stopped:
                return
            self._has_stopped = True
        inbox.join()
        try:
            if self._standing_offer:
                profile = self._profile(False)
                self._quietly("that nothing new is taken", _agents.put(self._session, self.agent, profile))
            for claim in leases.left(grace, lambda: self._signals > 1):
                claim.cancel()
                self._quietly("that a task is given back", self._released(claim.task, claim.award, _STOPS))
            gone = _agents.deregister(self._session, self.agent, reason=_STOPS)
            self._quietly("that the worker stops", gone)
        finally:
            leases.close()
            self._close()
            _log.info("%s has stopped", self.agent)

    def _close(self) -> None:
        if self._owns_client:
            self.formicary.close()

    def _released(self, task: str, award: int, reason: str) -> Steps[object]:
        return _tasks.release(self._session, task, award, reason=reason, agent=self.agent)

    def _quietly(self, what: str, steps: Steps[object]) -> None:
        """Says something that the host would find out by its limits of time."""
        try:
            self.formicary.run(steps)
        except FormicaryError as error:
            _log.warning("%s could not be said to the host: %s", what, error)

    @contextmanager
    def _hearing_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def hear(_number: int, _frame: FrameType | None) -> None:
            # No lock may be taken here: the thread that is interrupted may hold it.
            self._signals += 1

        before = {number: signal.signal(number, hear) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _in_thread(self, run: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=run, name=f"formicary-{name}", daemon=True)
        thread.start()
        return thread

    def _who_am_i(self) -> str:
        me = self.formicary.me()
        if me["kind"] != "agent":
            raise ValueError(f"the token is that of {me['id']}, which is no agent: say which agent works (agent=…)")
        return me["id"]

    def _profile(self, standing_offer: bool) -> models.AgentInput:
        types = [*self._work]
        agent_type = self._agent_type or (types[0] if types else None)
        if agent_type is None:
            raise ValueError("say of which type the worker is (agent_type=…), or use @worker.task(TYPE)")
        others = {each: 1.0 for each in types if each != agent_type}
        profile: models.AgentInput = {
            "agent_type": agent_type,
            "capabilities": {**others, **self._capabilities},
            "capacity": self._capacity,
            "standing_offer": standing_offer,
        }
        if self._pool is not None:
            profile["pool"] = self._pool
        if self._location is not None:
            profile["location"] = self._location
        if self._presence_seconds is not None:
            profile["limits"] = {"presence_seconds": self._presence_seconds}
        return profile

    # ------------------------------------------------------------------------------------------------ what waits

    def _poll(self, leases: Leases) -> None:
        """Waits for what comes, until it is told to stop: then also in the middle of a wait."""

        async def poll() -> None:
            async with AsyncFormicary.beside(self.formicary) as formicary:
                polling = asyncio.ensure_future(self._look_again_and_again(formicary, leases))
                loop = asyncio.get_running_loop()
                with self._lock:
                    self._stop_polling = lambda: loop.call_soon_threadsafe(polling.cancel)
                try:
                    if not self._stopping.is_set():
                        await polling
                except asyncio.CancelledError:
                    pass
                finally:
                    with self._lock:
                        self._stop_polling = None

        try:
            asyncio.run(poll())
        except Exception as error:
            self._end(error)

    async def _look_again_and_again(self, formicary: AsyncFormicary, leases: Leases) -> None:
        """Asks the inbox. A host that does not answer is asked again, ever later. Raises what keeps the agent out."""
        after: str | None = None
        holding = True
        failures = quiet = 0
        while True:
            try:
                page = await formicary.agents.inbox(
                    self.agent, wait_seconds=_POLL_SECONDS, offers_after=after, holding=holding
                )
            except FormicaryError as error:
                if _keeps_out(error):
                    raise
                _log.warning("the inbox can't be read: %s", error)
                await asyncio.sleep(self._session.retry.pause_after(error, failures))
                failures += 1
                continue
            failures = 0
            after, holding = page["offers_after"], False
            # What waits is shown until it is taken up: that is no reason to ask all the time.
            news = [self._takes(item, leases) for item in page["items"]]
            quiet = 0 if any(news) or not news else quiet + 1
            if quiet:
                await asyncio.sleep(min(_MOST_PAUSE, 0.02 * 2.0 ** min(quiet, 10)))

    def _end(self, failure: BaseException) -> None:
        """The worker can't go on: `run` stops, and raises this."""
        _log.error("the worker ends: %s", failure)
        self._failure = failure
        self._stopping.set()

    def _takes(
        self, item: models.Assignment | models.HeldTask | models.Offer | models.VoteAsked, leases: Leases
    ) -> bool:
        """Takes up what waits; False when that is known already."""
        if item["kind"] == "assignment":
            award, claim = item, leases.claim(item)
            if claim is not None:
                self._in_thread(lambda: self._hold(claim, award, leases), f"task-{claim.task}")
            return claim is not None
        if item["kind"] == "holding":
            # From before this process was started: nobody works on it.
            task, number = item["task"], item["award"]
            if not leases.has(task, number):
                back = self._released(task, number, "the worker was started again")
                self._quietly("that a task is given back", back)
            return True
        if item["kind"] == "offer":
            offer, bid = item, self._bid
            if bid is not None:
                self._in_thread(lambda: self._offered(offer, bid), "bid")
            return True
        asked, vote = item, self._vote
        name = (asked["round"], asked["pass"])
        if vote is None or name in self._asked:
            return True
        self._asked.add(name)
        self._in_thread(lambda: self._voted(asked, vote), "vote")
        return True

    def _offered(self, offer: models.Offer, bid: Bid) -> None:
        try:
            if bid(offer):
                self.formicary.run(_tasks.bid(self._session, offer["task"], agent=self.agent))
        except Exception:
            _log.exception("no bid for %s", offer["task"])

    def _voted(self, asked: models.VoteAsked, vote: Vote) -> None:
        try:
            ballot = vote(asked)
            if ballot is not None:
                self.formicary.rounds.vote(
                    asked["round"],
                    {
                        "choice": ballot.choice,
                        "confidence": ballot.confidence,
                        "reasoning": ballot.reasoning,
                        "snapshot": asked["snapshot"],
                        "pass": asked["pass"],
                    },
                )
        except Exception:
            _log.exception("no vote in %s", asked["round"])
        finally:
            self._asked.discard((asked["round"], asked["pass"]))

    # ------------------------------------------------------------------------------------------------ tasks

    def _hold(self, claim: Claim, item: models.Assignment, leases: Leases) -> None:
        try:
            self._do(claim, item, leases)
        except Cancelled:
            _log.info("%s is not %s's any more: its work is dropped", claim.task, self.agent)
        except Exception as error:
            # A refusal is not answered with more requests: until then the award is not looked at again.
            _log.error("%s: %s", claim.task, error, exc_info=not isinstance(error, FormicaryError))
            self._stopping.wait(_AFTER_REFUSAL)
        finally:
            # What still waits on its behalf, for people say, ends too: nobody would do what they let go.
            claim.cancel()
            leases.end(claim)

    def _do(self, claim: Claim, item: models.Assignment, leases: Leases) -> None:
        work = self._work.get(item["spec"]["task_type"], self._any_work)
        if work is None:
            reason = f"no function here does {item['spec']['task_type']}"
            say(self.formicary, claim, partial(_tasks.decline, reason=reason))
            return
        say(self.formicary, claim, _tasks.accept)
        if self._signals or self._stopping.is_set():
            # Told to stop while the host had the acceptance.
            say(self.formicary, claim, partial(_tasks.release, reason=_STOPS))
            return
        leases.begin(claim)
        do(self.formicary, claim, Task(claim, item, self.formicary), work)


def _keeps_out(error: FormicaryError) -> bool:
    """Whether the host will not let the agent in, however often it asks."""
    if not isinstance(error, Problem) or is_away(error):
        return False
    return error.status in (401, 404) or error.code == "forbidden"
