"""The shapes of the API, made of its contract: `.ci/python models` makes them again."""  # noqa

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypedDict

from typing_extensions import NotRequired


class Receipt(TypedDict):
    """What a command has left in the log"""

    stream: str
    """tenant/category/id"""

    version: int
    """Index of the commit; also the ETag. -1 where nothing was ever written, and nothing now"""

    hash: str | None
    """SHA-256 of the commit, which names the one before it"""

    at: str
    """UTC with milliseconds"""

    correlation_id: str | None
    events: list[str]
    """Types of the events; empty when nothing changed"""

    repeated: bool
    """True when this answers a command that was done before"""


class AskedStep(TypedDict):
    operation: str
    """As this document calls it"""

    command: str
    """As it could be typed"""

    risk: float


class Heads(TypedDict):
    """The streams that there are: the last leaf"""

    count: int
    hash: str
    """Over the last receipt of each stream"""


class LogCheckpoint(TypedDict):
    """What the log of the tenant was at a time, signed"""

    origin: str
    """Which log it is: the name of its key"""

    size: int
    """How many leaves the log has"""

    root: str
    """Of the tree over these leaves"""

    heads: Heads
    """The streams that there are: the last leaf"""

    note: str
    """The checkpoint as a signed note (c2sp.org/tlog-checkpoint)"""

    receipt: str
    """stream@index of its receipt"""

    at: str
    """UTC with milliseconds"""


class LogEntries(TypedDict):
    """What stands in the log, a line of text a leaf"""

    log: str
    """What the log is called"""

    first: int
    """The leaf of the first"""

    entries: list[str]


class Event(TypedDict):
    type: str
    v: int
    """Version of what `data` looks like"""

    data: Any


class Actor(TypedDict):
    id: str
    kind: Literal['human', 'agent', 'service', 'system']
    via: NotRequired[str]
    """The service that spoke for the agent, where it was not itself"""


class Facts(TypedDict):
    """What the rules were asked besides what the receipt says anyway"""

    now: int
    """When they were asked, in milliseconds since the epoch"""

    level: Literal['read_only', 'read_write', 'execute', 'critical']
    groups: NotRequired[list[str]]
    attributes: NotRequired[dict[str, Any]]


class Policy(TypedDict):
    bundle: str
    """Which rules of policy answered: their hash"""

    input: str
    """SHA-256 of what the rules were asked"""

    decision: Literal['allow', 'deny', 'needs_approval']
    entrypoint: NotRequired[str]
    """The rule that answered, where one did"""

    approval: NotRequired[str]
    """The action by which people have approved what policy wants approved"""

    facts: NotRequired[Facts]
    """What the rules were asked besides what the receipt says anyway"""


class Meta(TypedDict):
    actor: Actor
    action: str
    """What was asked for"""

    commandId: NotRequired[str]
    """The Idempotency-Key"""

    commandHash: NotRequired[str]
    """SHA-256 of the command"""

    correlationId: str
    """Everything that one cause has set in motion shares it"""

    causationId: NotRequired[str]
    """The receipt (stream@index) that led to this one"""

    depth: int
    """How many reactions lie between this one and the command at the root"""

    id: str
    """Of this decision alone"""

    traceparent: NotRequired[str]
    """W3C trace context of the command"""

    policy: Policy


class Commit(TypedDict):
    """A receipt: what one decision has left in one stream"""

    stream: str
    """tenant/category/id"""

    index: int
    """Place in the stream, from 0, without gaps"""

    events: list[Event]
    """What happened"""

    meta: Meta
    at: str
    """UTC with milliseconds"""

    previousHash: str | None
    """Of the receipt before it in the stream; null for the first"""

    hash: str
    """SHA-256 of the RFC 8785 form of all the rest"""


class CommitEvent(TypedDict):
    """A server-sent event; without `data` it only says where the stream is"""

    id: NotRequired[str]
    """The place to go on from"""

    event: NotRequired[Literal['commit']]
    data: NotRequired[str]
    """A Commit"""


class Event1(TypedDict):
    type: str
    data: Any


class CausalNode(TypedDict):
    """A receipt in the tree of causes"""

    receipt: str
    """stream@index"""

    at: str
    """UTC with milliseconds"""

    actor: str
    action: str
    hash: str
    """SHA-256 of the exact action, as it was shown"""

    events: list[Event1]
    effects: list[CausalNode]
    """What it led to"""


RetentionDays: TypeAlias = dict[Literal['task', 'action', 'round', 'approval', 'delivery', 'trail'], int]
"""Days from the last receipt of a stream that has ended, by category; what is left out is not archived"""


class Budget(TypedDict):
    kind: Literal['platform', 'tenant', 'pool', 'agent_type', 'agent']
    """`platform` is what the platform lets the tenant spend in a month: a limit of the tenant"""

    name: str
    """Its name or id; of `tenant` the own one"""

    limit_micro_usd: int
    period: Literal['total', 'day', 'month']
    reserved_micro_usd: int
    """For awards that are not over"""

    spent_micro_usd: int
    """In this day or month, in UTC, or in all"""

    left_micro_usd: int
    """Below 0 where more was spent than the limit is"""

    by: str
    """Who set it last"""

    reason: str
    since: str
    """UTC with milliseconds"""


class ChargedToItem(TypedDict):
    kind: Literal['platform', 'tenant', 'pool', 'agent_type', 'agent']
    """`platform` is what the platform lets the tenant spend in a month: a limit of the tenant"""

    name: str
    """Its name or id; of `tenant` the own one"""


class Reservation(TypedDict):
    task: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    award: int
    agent: str
    estimated_micro_usd: int
    reserved_micro_usd: int
    """The estimate with its margin, and what was let it cost more"""

    spent_micro_usd: int
    """By the award itself, as it was reported last and written"""

    sub_tasks_micro_usd: int
    """Reserved for its sub-tasks, or spent by them"""

    charged_to: list[ChargedToItem]
    part_of: NotRequired[str]
    """The task whose reservation it is charged to as well"""

    since: str
    """UTC with milliseconds"""

    receipt: str
    """Of the reservation: stream@index"""


class Token(TypedDict):
    """What was shown; `session` names it where it is to be revoked"""

    session: str
    expires: str
    """UTC with milliseconds"""

    jkt: NotRequired[str]
    """Thumbprint of the key to which the token is bound (RFC 7638); it holds with a proof alone (RFC 9449)"""

    level_if_bound: NotRequired[Literal['read_only', 'read_write', 'execute', 'critical']]
    """What the caller could do if the token were bound to a key, which the tenant demands"""


class Me(TypedDict):
    tenant: str
    id: str
    kind: Literal['human', 'agent', 'service', 'system']
    level: Literal['read_only', 'read_write', 'execute', 'critical']
    groups: list[str]
    via: NotRequired[str]
    """Who acts in this name, when that is somebody else"""

    token: NotRequired[Token]
    """What was shown; `session` names it where it is to be revoked"""


class IssuedToken(TypedDict):
    access_token: str
    """Shown once: it is kept nowhere"""

    token_type: Literal['Bearer', 'DPoP']
    """How it is to be shown"""

    expires_in: int
    """Seconds"""

    level: Literal['read_only', 'read_write', 'execute', 'critical']
    session: str
    """Names this token, and those that it is renewed to, where it is to be revoked"""


class Token1(TypedDict):
    session: str
    until: str
    """UTC with milliseconds"""


class Revocations(TypedDict):
    epoch: int
    """How often all tokens of the tenant were revoked"""

    principals: list[str]
    """Whose tokens were revoked since"""

    tokens: list[Token1]
    """Single ones that could still be renewed"""


class DpopRule(TypedDict):
    required_from: Literal['execute', 'critical', 'nothing']
    """What takes this level, or a higher one, takes a token that is bound to a key"""


class CancelledBy(TypedDict):
    by: str
    reason: str


class JobFailure(TypedDict):
    key: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    end: Literal['completed', 'cancelled', 'expired', 'dead']
    reason: str


class JobSummary(TypedDict):
    """A job, and how many of its tasks have ended in which way"""

    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    name: NotRequired[str]
    status: Literal['running', 'cancelling', 'compensating', 'completed', 'failed', 'cancelled', 'compensated']
    requester: str
    tasks: int
    """Of the plan, the compensation among them"""

    left: int
    """Tasks that have not ended, and were not skipped"""

    completed: int
    cancelled: int
    expired: int
    dead: int
    skipped: int
    """Never posted: what they come after was not completed, or the job ended"""

    posted_at: str
    """UTC with milliseconds"""

    finished_at: NotRequired[str]
    """UTC with milliseconds"""


class JobTask(TypedDict):
    key: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    id: str
    """Of the task, once it is posted: read it under tasks"""

    task_type: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    status: Literal['waiting', 'reserved', 'skipped', 'held', 'open', 'awarded', 'running', 'completed', 'cancelled', 'expired', 'dead']
    """`waiting`: for what it comes after; `reserved`: it compensates; `skipped`: it is never posted; else as the task itself says"""

    waits_for: NotRequired[list[str]]
    """Keys of the first tasks before it that are not completed"""

    agent: NotRequired[str]
    """Who holds it, or who completed it"""

    reason: NotRequired[str]
    """Why it was over without being completed"""


class PausedBy(TypedDict):
    by: str
    reason: str


class Require(TypedDict):
    capability: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    level: float


Impact: TypeAlias = Literal['low', 'medium', 'high', 'critical']
"""How much it changes"""


Features: TypeAlias = dict[str, float | str]
"""What it is measured by, such as amounts, names, places: how far it is from what was done before is its novelty"""


class PastRun(TypedDict):
    due: str
    """UTC with milliseconds"""

    task: NotRequired[str]
    """The task that it has posted"""

    reason: NotRequired[str]
    """Why it has posted none"""


class TaskScheduleSummary(TypedDict):
    """A schedule as lists show it"""

    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    name: NotRequired[str]
    status: Literal['active', 'paused', 'deleted']
    cron: str
    time_zone: str
    task_type: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    requester: str
    """Who created it: its tasks are theirs"""

    posted: int
    """Runs that have posted their task"""

    refused: int
    """Runs whose task could not be posted"""

    missed: int
    """Runs that were missed and not made up for; of one outage the last ten"""

    created_at: str
    """UTC with milliseconds"""


class Record(TypedDict):
    wins: int
    tries: int


class StandingOffer(TypedDict):
    helps: list[str]
    """Capabilities that it lends to overloaded pools while it is idle itself"""

    max_effort: NotRequired[float]
    """Largest estimated effort in seconds that it takes"""

    min_strength: float
    """Weakest task signal that it takes"""


class Schedule(TypedDict):
    cron: str
    timezone: NotRequired[str]


class Resources(TypedDict):
    cpu: str
    memory: str


class Deployment(TypedDict):
    version: str
    """Of the repository's entry"""

    tier: Literal['always_on', 'business_hours', 'on_demand']
    state: Literal['active', 'sleeping', 'cold']
    """How an instance starts"""

    schedule: NotRequired[Schedule]
    resources: NotRequired[Resources]


class Slot(TypedDict):
    task_type: str
    award: int
    since: str
    """UTC with milliseconds"""

    expires: NotRequired[str]
    """Until then the award must show in the task's stream"""

    receipt: str
    """Of the reservation: stream@index"""


class AgentSummary(TypedDict):
    """An agent as lists show it"""

    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    agent_type: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    pool: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    status: Literal['active', 'lost', 'gone']
    capabilities: dict[str, float]
    """Capability → level"""

    capacity: int
    """Tasks at once"""

    load: float
    """Slots in use over capacity"""

    slots: int
    """In use"""

    location: str | None
    standing_offer: bool
    since: str | None


class Held(TypedDict):
    """Whether a claim still stands; drop the work of one that does not"""

    task: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    award: int
    stands: bool
    status: NotRequired[Literal['awarded']]
    """Not accepted yet"""


class JobOfTask(TypedDict):
    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    key: str
    """An id: ASCII letters, digits and . _ ~ : -"""


class ScheduleOfTask(TypedDict):
    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    due: str
    """UTC with milliseconds"""


class Progress(TypedDict):
    fraction: float
    note: NotRequired[str]
    at: str
    """UTC with milliseconds"""


class HeldTask(TypedDict):
    """A task that the agent has accepted and not ended"""

    kind: Literal['holding']
    task: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    task_type: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    award: int
    attempt: int
    lease_seconds: float
    lease_until: str
    """When the lease ends without a further sign of life, as far as the receipts say"""

    progress: NotRequired[Progress]


VoteAsked = TypedDict(
    'VoteAsked',
    {
        'kind': Literal['vote'],
        'round': str,
        'pass': int,
        'snapshot': str,
        'question': str,
        'choices': list[str],
        'impact': Impact,
        'deadline': str,
    },
)


class Push(TypedDict):
    """null: there is none now; wait in long polls, and ask again in ten minutes"""

    url: str
    """To connect with, by WebSocket, within some minutes; a secret"""

    protocol: str
    """The subprotocol to ask for"""


class AgentConnection(TypedDict):
    """Where an agent hears that it is time to read its inbox"""

    push: Push | None
    """null: there is none now; wait in long polls, and ask again in ten minutes"""

    look_seconds: float
    """How often to read the inbox although nothing was heard"""


class Error(TypedDict):
    pointer: NotRequired[str]
    """Place in the body, a JSON Pointer such as `#/price`"""

    parameter: NotRequired[str]
    """Name of the parameter or header"""

    message: str


class Problem(TypedDict):
    """What went wrong and what to do (RFC 9457)"""

    type: str
    """Stable name of this kind of problem"""

    title: str
    status: int
    detail: str
    """What was wrong and what to do"""

    errors: NotRequired[list[Error]]
    """What is wrong with the request, one by one"""


class Items1(TypedDict):
    kind: Literal['holding']
    task: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    task_type: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    award: int
    attempt: int
    lease_seconds: float
    lease_until: str
    """When the lease ends without a further sign of life, as far as the receipts say"""

    progress: NotRequired[Progress]
    agent: str
    """An id: ASCII letters, digits and . _ ~ : -"""


Items3 = TypedDict(
    'Items3',
    {
        'kind': Literal['vote'],
        'round': str,
        'pass': int,
        'snapshot': str,
        'question': str,
        'choices': list[str],
        'impact': Impact,
        'deadline': str,
        'agent': str,
    },
)


class AgentCommandAnswer(TypedDict):
    """What came of one command: its receipt, or a problem"""

    status: int
    """Of the answer that this command would have got by itself"""

    receipt: NotRequired[Receipt]
    held: NotRequired[list[Held]]
    """To a heartbeat: drop the work of those that do not stand"""

    problem: NotRequired[Problem]


class Pause(TypedDict):
    kind: Literal['task_type', 'pool', 'agent']
    """Whether `name` is a type of task, a pool or an agent"""

    name: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    by: str
    """Who said so"""

    reason: str
    since: str
    """UTC with milliseconds"""


class Mean(TypedDict):
    """Over time since the host began to look"""

    gini: float
    """Gini coefficient of slots over capacity, 0 to 1"""

    utilisation: float
    """Slots over capacity; above 1 when a capacity was lowered below what is in use"""

    idle: float
    """Share of the agents without a task"""


class Meets(TypedDict):
    """Which targets the means meet: Gini below 0.3, utilisation from 0.6 to 0.8, idle below 0.2"""

    gini: bool
    utilisation: bool
    idle: bool


class PoolSample(TypedDict):
    """A pool at one moment; counts are of active agents"""

    at: str
    """UTC with milliseconds"""

    agents: int
    capacity: int
    """Tasks that they can hold at once"""

    slots: int
    """Tasks that they hold"""

    waiting: int
    """Tasks that are ready and have no agent"""

    gini: float
    """Gini coefficient of slots over capacity, 0 to 1"""

    utilisation: float
    """Slots over capacity; above 1 when a capacity was lowered below what is in use"""

    idle: float
    """Share of the agents without a task"""


class Objective(TypedDict):
    """What a pool is to work on"""

    description: str
    capabilities: list[str]
    """An agent with any of them is of use"""


class PoolHistory(TypedDict):
    """Means over ten seconds"""

    at: str
    """When the ten seconds began"""

    bucket: int
    """Their number since the epoch"""

    agents: float
    capacity: float
    slots: float
    waiting: float
    gini: float
    utilisation: float
    idle: float


class Holder(TypedDict):
    agent: str
    award: int
    accept_by: str
    """UTC with milliseconds"""

    lease_from: NotRequired[str]
    """Start of the lease, moved by progress"""

    receipt: str
    """Of the award: stream@index"""

    awarded_at: str
    """UTC with milliseconds"""


class Completion(TypedDict):
    agent: str
    award: int
    result: NotRequired[Any]
    result_ref: NotRequired[str]
    """Where a large result is kept: read it under blobs"""

    cost_micro_usd: NotRequired[int]
    """In millionths of a US dollar, where its agent has said so"""


class HistoryItem(TypedDict):
    agent: str
    award: int
    end: Literal['failed', 'lapsed', 'expired', 'lost', 'released']
    reason: str
    at: str
    """UTC with milliseconds"""

    cost_micro_usd: NotRequired[int]
    """In millionths of a US dollar, where its agent has said so"""


class Ended(TypedDict):
    """Why it was over without being completed"""

    reason: str
    by: str


class AwardChallenge(TypedDict):
    award: int
    by: str
    via: NotRequired[str]
    """Who speaks in that name"""

    round: str
    """The round that decides on it"""

    reason: str
    target: NotRequired[str]
    """The receipt that is doubted, stream@index"""

    until: str
    """Without a verdict by then the award goes on"""

    holds: bool
    """Whether the award is not accepted before it is decided"""

    agent: str
    """Whose award is doubted"""

    holders: list[str]
    """Whoever has held it since, that agent first"""

    since: str
    """UTC with milliseconds"""

    heir: int
    """The award itself, or the last that came of it by hand-offs"""

    status: Literal['open', 'dismissed', 'lapsed', 'upheld']


class Why(TypedDict):
    """Why no agent is at work on it"""

    code: Literal['awaits-decision', 'awaits-others', 'awaits-acceptance', 'award-challenged', 'delayed', 'type-paused', 'bids-open', 'retry-delay', 'no-agent', 'award-under-way', 'busy', 'declined', 'over-budget', 'stopped', 'paused', 'too-much-effort', 'task-too-weak', 'no-standing-offer', 'lost', 'level-too-low', 'lacks-capability', 'kept-out', 'not-registered']
    """Stable"""

    text: str
    until: NotRequired[str]
    """When time alone changes something"""


class Posted(TypedDict):
    """A receipt, or the problem that kept this task out"""

    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    receipt: NotRequired[Receipt]
    problem: NotRequired[Problem]


class TaskSummary(TypedDict):
    """A task as lists show it"""

    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    task_type: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    status: Literal['held', 'open', 'awarded', 'running', 'completed', 'cancelled', 'expired', 'dead']
    priority: float
    requester: str
    attempts: int
    """From 1"""

    correlation_id: str
    location: str | None
    award: int
    agent: str | None
    """Who holds it, or who completed it"""

    posted_at: str | None
    deadline: str | None
    finished_at: str | None
    ended_on: str | None
    """The day of `finished_at`, in UTC"""

    cost_micro_usd: int | None
    """What its awards have cost in all, in millionths of a US dollar, as far as agents have said so"""

    changed_at: str
    """UTC with milliseconds"""

    ended_by: str | None
    """Why it was over without being completed: who ended it"""

    blocked: NotRequired[bool]
    """True while it waits for the tasks that it comes after"""

    why: NotRequired[Why]
    """Of the first hundred of a page that are open or held"""

    waited_seconds: NotRequired[float]
    """With `sort` or `stuck`"""


class Level(TypedDict):
    capability: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    level: float | None
    needs: float


class Candidate(TypedDict):
    """An agent that has the capability which the task asks for first"""

    agent: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    fits: bool
    code: NotRequired[Literal['busy', 'declined', 'over-budget', 'stopped', 'paused', 'too-much-effort', 'task-too-weak', 'no-standing-offer', 'lost', 'level-too-low', 'lacks-capability', 'kept-out', 'not-registered']]
    """What is in its way"""

    text: NotRequired[str]
    bid: bool
    standing_offer: bool
    status: str
    levels: list[Level]
    slots: int
    """In use"""

    capacity: int


class Fault(TypedDict):
    field: str
    recorded: NotRequired[Any]
    computed: NotRequired[Any]


class ScoredBid(TypedDict):
    agent: str
    source: Literal['bid', 'offer', 'help']
    """`bid`: placed for this task; `offer`: a standing offer; `help`: an idle agent lends itself to an overloaded pool"""

    match: float
    """Mean level of the capabilities that the task requires"""

    load: float
    """Slots in use over capacity when the bids were closed"""

    wins: int
    tries: int
    score: float


Task1: TypeAlias = str
"""An id: ASCII letters, digits and . _ ~ : -"""


Job1: TypeAlias = str
"""An id: ASCII letters, digits and . _ ~ : -"""


TaskType: TypeAlias = str
"""An id: ASCII letters, digits and . _ ~ : -"""


class EndsOf(TypedDict):
    """Of `task-ended` and `job-ended`, only those of these tasks, jobs (with their tasks) and types of tasks"""

    tasks: NotRequired[list[Task1]]
    jobs: NotRequired[list[Job1]]
    task_types: NotRequired[list[TaskType]]


class Failure(TypedDict):
    """What the last attempt failed with"""

    status: NotRequired[int]
    """Of HTTP"""

    reason: str


class Delivery(TypedDict):
    """A notice on its way through one channel"""

    delivery_id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    notice_id: str
    title: str
    channel_id: str
    status: Literal['pending', 'delivered', 'dead']
    attempts: int
    """How many were made, those before a redrive included"""

    since: str
    """When it was requested, or redriven last"""

    due: str | None
    """When the next attempt is due"""

    failure: Failure | None
    """What the last attempt failed with"""


class Clock(TypedDict):
    drift_ms: float
    """By how much the machine's clock is ahead of the one that is gone by"""

    log_ahead_ms: float
    """By how much the newest receipt is ahead of our clock"""


class FeedStatus(TypedDict):
    consumer: str
    lag: int | None
    """Commits between what it has handled and the end of the log; null where triggers read the feed"""

    delay_seconds: float | None
    """From the oldest commit of the page that was handled last, by the process that answers, to the end of its handling"""

    parked: int


class Building(TypedDict):
    """What is being built beside it, and how many commits are left to read"""

    name: str
    left: float


class ViewStatus(TypedDict):
    view: str
    serving: str
    """The name that queries read"""

    building: Building | None
    """What is being built beside it, and how many commits are left to read"""

    lag: int | None


class Group(TypedDict):
    code: Literal['awaits-decision', 'awaits-others', 'awaits-acceptance', 'award-challenged', 'delayed', 'type-paused', 'bids-open', 'retry-delay', 'no-agent', 'award-under-way', 'busy', 'declined', 'over-budget', 'stopped', 'paused', 'too-much-effort', 'task-too-weak', 'no-standing-offer', 'lost', 'level-too-low', 'lacks-capability', 'kept-out', 'not-registered']
    count: int
    example: str
    """The task that has waited longest"""

    text: str
    """Why it has"""

    waited_seconds: float


class WaitingSummary(TypedDict):
    """What the tenant's tasks wait for, by reason, the most frequent first"""

    open: int
    """How many tasks are open, or held"""

    looked_at: int
    """How many of them were looked at: those that have waited longest"""

    groups: list[Group]


class ParkedCommit(TypedDict):
    """What a consumer of the feed has given up on"""

    stream: str
    index: int
    error: str


class ParkedMessage(TypedDict):
    """A message that the intake of signals could not take in"""

    hub: str
    partition: str
    sequence: int
    reason: str
    content: str
    enqueued: NotRequired[str]
    """When the hub took it in"""

    properties: NotRequired[dict[str, Any]]
    """As its sender gave them"""

    tenant: NotRequired[str]
    """Whose signals were not taken in"""

    cut: NotRequired[Literal[True]]
    """`content` is only the beginning"""


class Given(TypedDict):
    """What came of that command"""

    status: int
    """Of the answer to it"""

    receipt: NotRequired[str]
    """stream@index"""

    refused: NotRequired[str]
    """Why it was refused after all"""


Held1 = TypedDict(
    'Held1',
    {
        'for': Literal['round', 'approval'],
        'ref': str,
    },
)


class Cleared(TypedDict):
    by: Literal['rules', 'round', 'approval', 'veto-window-passed', 'override']
    ref: NotRequired[str]
    hash: str
    """SHA-256 of the exact action, as it was shown"""


Stopped = TypedDict(
    'Stopped',
    {
        'by': str,
        'ref': NotRequired[str],
        'reason': str,
        'instead': NotRequired[Literal['refuse', 'allow']],
        'with': NotRequired[list[str]],
        'said_at': NotRequired[str],
    },
)


class Challenge(TypedDict):
    """The open one: nothing is taken until its round is over"""

    by: str
    via: NotRequired[str]
    """Who speaks in that name"""

    round: str
    """The round that decides on it"""

    reason: str
    target: NotRequired[str]
    """The receipt that is doubted: stream@index"""

    until: str
    """Without a verdict by then the safe default holds"""

    since: str
    """When its time was set"""


class Challenge1(TypedDict):
    by: str
    via: NotRequired[str]
    """Who speaks in that name"""

    round: str
    """The round that decides on it"""

    reason: str
    target: NotRequired[str]
    """The receipt that is doubted: stream@index"""

    lapsed: NotRequired[Literal[True]]
    """Nobody had decided on it by its time"""


class Executed(TypedDict):
    by: str
    hash: str
    """SHA-256 of the exact action, as it was shown"""

    result: NotRequired[Any]
    at: str
    """UTC with milliseconds"""


class Override(TypedDict):
    by: str
    instead: Literal['refuse', 'allow']
    reason: str
    at: str
    """UTC with milliseconds"""

    ref: NotRequired[str]


class Compensation(TypedDict):
    """It was wrong, and is to be undone or was"""

    due: bool
    reason: str
    by: NotRequired[str]
    ref: NotRequired[str]


class Reason(TypedDict):
    code: Literal['low-confidence', 'high-impact', 'policy', 'low-consensus', 'novel', 'not-sure-enough-alone', 'too-risky-alone', 'mode']
    """Stable"""

    text: str
    value: float | str
    limit: float | str


class Policy1(TypedDict):
    decision: Literal['allow', 'deny', 'needs_approval']
    reasons: list[str]


class Novelty(TypedDict):
    distance: float
    """0: seen exactly so before; 1: like nothing before"""

    nearest: NotRequired[str]
    """The stream of the action that it resembles most"""

    known: bool
    """False when no action of the kind was taken before"""


class Input(TypedDict):
    """What the answer was made from"""

    kind: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    confidence: float
    impact: Impact
    risk: float
    policy: Policy1
    consensus_score: NotRequired[float]
    """Once the agents have voted"""

    novelty: Novelty


class OversightAnswer(TypedDict):
    """What the rules of the kind said, with what they were asked"""

    path: Literal['act', 'veto_window', 'round', 'approval']
    """How the rules sent it on its way: at once, after a veto window, after the agents’ vote, or to people"""

    reasons: list[Reason]
    """Why a person is asked; with the path `round`: why one will be asked after it"""

    mode: Literal['full_automation', 'human_approval', 'human_in_the_loop', 'human_on_the_loop']
    rules_hash: str
    """SHA-256 of the rules that answered"""

    input: Input
    """What the answer was made from"""


class PolicyAtGate(TypedDict):
    """What policy said when it was last asked"""

    bundle: str
    """Which rules of policy answered: their hash"""

    decision: Literal['allow', 'deny', 'needs_approval']


ActionOverridden = TypedDict(
    'ActionOverridden',
    {
        'by': str,
        'instead': Literal['refuse', 'allow'],
        'reason': str,
        'ref': NotRequired[str],
        'with': NotRequired[list[str]],
        'said_at': NotRequired[str],
    },
)


class ActionSummary(TypedDict):
    """An action as lists show it"""

    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    status: Literal['proposed', 'held', 'returned', 'veto_window', 'cleared', 'executed', 'refused', 'vetoed']
    kind: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    proposed_by: str
    impact: Impact
    confidence: float
    risk: float
    features: Features
    proposed_at: str
    """UTC with milliseconds"""

    path: Literal['act', 'veto_window', 'round', 'approval']
    """How the rules sent it on its way: at once, after a veto window, after the agents’ vote, or to people"""

    reasons: list[str]
    """Codes of the reasons for which a person is asked"""

    human: bool
    """A person was needed: an approval was asked for, or a person stepped in"""

    cleared_by: Literal['rules', 'round', 'approval', 'veto-window-passed', 'override'] | None
    stopped_by: str | None
    overridden: bool
    challenged: bool
    compensation: Literal['due', 'done'] | None
    target: str | None
    """The stream that waits for the action"""

    proposed_on: str
    """The day of `proposed_at`, in UTC"""

    veto_until: str | None
    """Until when it can be vetoed, while it waits for that"""

    decided_at: str | None
    """When it was cleared or stopped last"""

    executed_at: str | None


class ApprovalSummary(TypedDict):
    """An approval as the queue shows it"""

    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    status: Literal['waiting', 'closed']
    action: str
    """The stream that waits for it"""

    kind: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    hash: str
    """Of what is decided about, after edits: a decision repeats it"""

    summary: str
    requester: str
    why: str
    impact: Impact
    risk: float
    severity: Impact
    approvals_needed: float
    safe_default: Literal['refuse', 'postpone']
    """What holds when nobody decided"""

    level: int
    """Place in the ladder of the last group that was asked"""

    requested_at: str
    """UTC with milliseconds"""

    group: list[str]
    """The groups that were asked so far"""

    choices: list[str] | None
    leader: str | None
    approved_by: list[str]
    claimed_by: str | None
    claimed_until: str | None
    questions_open: int
    deadline: str
    """UTC with milliseconds"""

    outcome: Literal['approved', 'rejected', 'defaulted', 'withdrawn', 'superseded'] | None
    decided_by: str | None
    """Who decided last"""

    edited: bool
    closed_at: str | None
    ended_on: str | None
    """The day of `closed_at`, in UTC"""


class Input1(TypedDict):
    by: str
    says: str
    confidence: NotRequired[float]


class Claim(TypedDict):
    by: str
    until: str
    """UTC with milliseconds"""


class Question(TypedDict):
    by: str
    question: str
    answer: NotRequired[str]


class GivenItem(TypedDict):
    by: str
    reason: str
    hash: str
    """SHA-256 of the exact action, as it was shown"""

    at: str
    """UTC with milliseconds"""

    choice: NotRequired[str]


class Change(TypedDict):
    path: str
    """JSON Pointer; empty for the whole"""

    before: NotRequired[Any]
    after: NotRequired[Any]


class Edit(TypedDict):
    """The latest correction; it holds as long as `hash` is its hash"""

    action: Any
    hash: str
    """SHA-256 of the exact action, as it was shown"""

    changes: list[Change]
    by: str
    reason: str


class Rejected(TypedDict):
    by: str
    reason: str


class Override1(TypedDict):
    """What a person decided about the action in another way"""

    by: str
    instead: Literal['refuse', 'allow']
    reason: str


class Party(TypedDict):
    """Somebody who has a part in what is decided, and so does not settle it"""

    id: str
    role: Literal['proposer', 'opener', 'requester', 'challenger', 'holder', 'editor', 'decider']
    speaks_for: NotRequired[str]
    """In whose name, where the part is that one's"""


Member: TypeAlias = str
"""An id: ASCII letters, digits and . _ ~ : -"""


Deputy: TypeAlias = str
"""An id: ASCII letters, digits and . _ ~ : -"""


class ApproverGroup(TypedDict):
    group: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    members: list[Member]
    """Whoever’s token names the group belongs to it as well"""

    deputies: NotRequired[list[Deputy]]
    """They may decide as the members may"""

    seconds: float
    """How long the group has before the next is asked too"""


class BulkAnswer(TypedDict):
    """A receipt, or the problem that kept this one undecided"""

    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    ok: bool
    receipt: NotRequired[Receipt]
    problem: NotRequired[Problem]


class Action1(TypedDict):
    """The action that waits for the answer"""

    kind: str
    hash: str
    """SHA-256 of the exact action, as it was shown"""

    summary: str


class Challenges(TypedDict):
    """The receipt (stream@index) that is doubted, and why"""

    target: str
    reason: str


class Group1(TypedDict):
    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    share: float
    veto: bool


Ballot = TypedDict(
    'Ballot',
    {
        'voter': str,
        'choice': str,
        'confidence': float,
        'reasoning': str,
        'final': bool,
        'pass': int,
        'ballot': int,
        'cast_at': NotRequired[str],
    },
)


class Outcome(TypedDict):
    outcome: Literal['agreed', 'no_agreement', 'no_quorum']
    choice: NotRequired[str]
    early: bool
    """Before its deadline, because no vote could change it any more"""


class Escalation(TypedDict):
    to: Literal['human']
    reason: str


class Cancellation(TypedDict):
    by: str
    reason: str


class OverrideAskedItem(TypedDict):
    by: str
    choice: str
    reason: str
    at: str
    """UTC with milliseconds"""


class Expertise(TypedDict):
    """expertise_based: the weight is the product"""

    relevance: float
    experience: float
    track_record: float


class Voter(TypedDict):
    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    why: str
    """Why it is asked"""

    weight: NotRequired[float]
    """weighted_voting"""

    expertise: NotRequired[Expertise]
    """expertise_based: the weight is the product"""

    group: NotRequired[str]
    """stakeholder_consensus"""

    delegate_to: NotRequired[str]
    """delegated_authority: who has its vote; delegated_proof_of_stake: whom its stake elects"""

    stake: NotRequired[float]
    """delegated_proof_of_stake"""

    stands_for: NotRequired[bool]
    """delegated_proof_of_stake: it is a candidate"""

    model: NotRequired[str]
    """The model that it thinks with"""


class Choice(TypedDict):
    choice: str
    weight: float
    share: float


class DissentItem(TypedDict):
    voter: str
    choice: str
    confidence: float
    reasoning: str


class MatrixItem(TypedDict):
    choice: str
    voters: list[str]


class Tally(TypedDict):
    """What came of a count"""

    algorithm: Literal['simple_majority', 'weighted_voting', 'delegated_authority', 'expertise_based', 'stakeholder_consensus', 'delegated_proof_of_stake']
    weights: dict[str, float]
    """Share of the eligible weight that each voter casts, after delegation and election"""

    eligible: float
    """Weight that may vote"""

    cast: float
    """Weight that has voted"""

    choices: list[Choice]
    """Every choice that somebody made, the heaviest first; `share` is that of the weight cast"""

    leader: NotRequired[str]
    """The heaviest choice; absent when several are, or none is"""

    tie: bool
    score: float
    """Weight of the heaviest choice / weight cast; 0 when none was cast"""

    turnout: float
    """Weight cast / weight eligible; 0 when none is eligible"""

    quorum_met: bool
    agreed: bool
    dissent: list[DissentItem]
    """The weightiest votes for anything but the leader, each cut short"""

    vetoes: list[str]
    """Groups with a veto that decided for something else than the leader"""

    matrix: list[MatrixItem]
    """Who chose what, by name"""

    mean_confidence: float
    """Of those who voted for the leader, by weight"""


RoundOverride = TypedDict(
    'RoundOverride',
    {
        'by': str,
        'with': list[str],
        'choice': str,
        'reason': str,
        'at': str,
        'ref': str,
        'approval': NotRequired[str],
    },
)


RoundSummary = TypedDict(
    'RoundSummary',
    {
        'id': str,
        'status': Literal['open', 'closed', 'cancelled'],
        'kind': str,
        'question': str,
        'impact': Impact,
        'algorithm': Literal['simple_majority', 'weighted_voting', 'delegated_authority', 'expertise_based', 'stakeholder_consensus', 'delegated_proof_of_stake'],
        'voter': list[str],
        'votes': int,
        'pass': int,
        'deadline': str,
        'outcome': Literal['agreed', 'no_agreement', 'no_quorum'] | None,
        'choice': str | None,
        'score': float | None,
        'escalated': bool,
        'overridden': bool,
        'tie': bool,
        'waits': str | None,
        'challenges': str | None,
        'opened_by': str,
        'opened_at': str | None,
        'finished_at': str | None,
        'ended_on': str | None,
    },
)


class Matrix(TypedDict):
    """Of each two voters of the last pass: 1 when they chose the same"""

    voters: list[str]
    agreement: list[list[float]]


class RoundRecomputation(TypedDict):
    """A closed round, counted again"""

    agrees: bool
    """False when anything is wrong with the receipts, or with the count"""

    recomputed: Tally
    receipt: Tally
    """As the receipt of the close has it"""

    faults: list[str]
    """A sentence each, with the receipt it was found in"""

    matrix: Matrix
    """Of each two voters of the last pass: 1 when they chose the same"""


class Correction(TypedDict):
    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    target: str
    """The receipt that is corrected: stream@index"""

    what: str
    """What it should have been"""

    instead_of: str
    why: str
    by: str


class CorrectionSummary(TypedDict):
    """A correction as lists show it"""

    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    target: str
    """The receipt that is corrected: stream@index"""

    what: str
    """What it should have been"""

    instead_of: str
    why: str
    by: str
    stream: str
    """Of the receipt that is corrected"""

    at: str
    """UTC with milliseconds"""


class ByKindItem(TypedDict):
    actions: int
    human: int
    """How many of them needed a person"""

    share: float | None
    """human / actions; null without any"""

    kind: str


class HumanShare(TypedDict):
    actions: int
    human: int
    """How many of them needed a person"""

    share: float | None
    """human / actions; null without any"""


class Quantiles(TypedDict):
    """Seconds, by nearest rank; null when there is nothing to measure"""

    count: int
    p50: float | None
    p95: float | None
    p99: float | None


class Thresholds(TypedDict):
    """A person is asked below this confidence and consensus, above this novelty, and from this impact on"""

    confidence: float
    consensus: float
    novelty: float
    impact: Impact


class ActsAlone(TypedDict):
    """It acts alone only above this confidence and below this risk"""

    confidence: float
    risk: float


class Round1(TypedDict):
    """The vote that agents hold before"""

    algorithm: Literal['simple_majority', 'weighted_voting', 'delegated_authority', 'expertise_based', 'stakeholder_consensus', 'delegated_proof_of_stake']
    voters: list[Voter]
    groups: NotRequired[list[Group1]]
    """stakeholder_consensus"""

    delegates: NotRequired[int]
    """delegated_proof_of_stake: how many are elected"""

    min_agreement: float
    """Share of the weight cast that the leading choice needs"""

    quorum: float
    """Share of the weight that must be cast; whoever is gone since the round opened counts as one that did not vote"""

    when: Literal['always', 'escalated']
    round_seconds: float
    improvement_rounds: int


class OversightRules(TypedDict):
    mode: Literal['full_automation', 'human_approval', 'human_in_the_loop', 'human_on_the_loop']
    veto_seconds: NotRequired[float]
    """With human_on_the_loop, and only then: how long people have to step in"""

    thresholds: Thresholds
    """A person is asked below this confidence and consensus, above this novelty, and from this impact on"""

    acts_alone: NotRequired[ActsAlone]
    """It acts alone only above this confidence and below this risk"""

    approvers: list[ApproverGroup]
    """Asked one after the other, each group for its seconds"""

    safe_default: Literal['refuse', 'postpone']
    """What holds when nobody decided"""

    round: NotRequired[Round1]
    """The vote that agents hold before"""

    holds_awards: NotRequired[bool]
    """Of the kind challenge, and only there: a challenged award is not accepted before it is decided"""


class Erased(TypedDict):
    """Absent while it is not"""

    by: str
    via: NotRequired[str]
    """Who spoke for them"""

    reason: str
    at: str
    """UTC with milliseconds"""


class PersonalRead(TypedDict):
    by: str
    via: NotRequired[str]
    """Who spoke for them"""

    of: str
    """The stream whose data it is"""

    values: int
    """How many values"""

    award: NotRequired[int]
    """The award under which the reader works on the task"""

    purpose: NotRequired[str]
    at: str
    """UTC with milliseconds"""


class Erasure(TypedDict):
    subject: str
    """A pseudonym of yours: it stays on receipts, so no name and no address"""

    stream: str
    """Where its receipt is"""

    by: str
    via: NotRequired[str]
    """Who spoke for them"""

    reason: str
    at: str
    """UTC with milliseconds"""


class PolicyBundle(TypedDict):
    bundle: str
    """SHA-256 of the manifest's canonical form (RFC 8785)"""

    status: Literal['in_force', 'shadow', 'staged', 'before']
    """`before`: what a rollback would go back to, and those before that"""

    version: NotRequired[str]
    """What its authors call it, where it is staged"""

    bytes: NotRequired[int]
    """Of all its files, where it is staged"""

    since: NotRequired[str]
    """Since when it is that; absent where nobody has activated it: it ships"""

    by: NotRequired[str]
    via: NotRequired[str]
    reason: NotRequired[str]


class Obligations(TypedDict):
    must: Literal['audit']


class Obligations1(TypedDict):
    must: Literal['encrypt', 'redact']
    fields: list[str]


class Obligations2(TypedDict):
    must: Literal['limit']
    attribute: str
    most: float


class InForce(TypedDict):
    decision: Literal['allow', 'deny', 'needs_approval']
    reasons: list[str]
    entrypoint: NotRequired[str]
    """The rule that answered"""

    obligations: NotRequired[list[Obligations | Obligations1 | Obligations2]]
    """Under which conditions it is allowed"""


class Obligations3(TypedDict):
    must: Literal['audit']


class Obligations4(TypedDict):
    must: Literal['encrypt', 'redact']
    fields: list[str]


class Obligations5(TypedDict):
    must: Literal['limit']
    attribute: str
    most: float


class Compared(TypedDict):
    decision: Literal['allow', 'deny', 'needs_approval']
    reasons: list[str]
    entrypoint: NotRequired[str]
    """The rule that answered"""

    obligations: NotRequired[list[Obligations3 | Obligations4 | Obligations5]]
    """Under which conditions it is allowed"""


class Example(TypedDict):
    at: str
    """UTC with milliseconds"""

    tenant: str
    principal: str
    resource: str
    """The stream that was, or would be, written"""

    receipt: NotRequired[str]
    """`stream@index`, where there is one"""

    in_force: InForce
    compared: Compared


class PolicyCompared(TypedDict):
    action: str
    asked: int
    differing: int
    changes: dict[str, int]
    """How many differ in which way"""

    examples: list[Example]
    """The first differences"""


class PolicyDiff(TypedDict):
    in_force: str
    """SHA-256 of the manifest's canonical form (RFC 8785)"""

    bundle: str
    """SHA-256 of the manifest's canonical form (RFC 8785)"""

    receipts: int
    """How many were looked at"""

    asked: int
    """How many of them keep what was asked: the others could not be asked again"""

    left_out: int
    """Refused commands that left no receipt, since there were too many in a second"""

    differing: int
    actions: list[PolicyCompared]
    """Those with most differences first"""


class Stands(TypedDict):
    """What stands on the receipt"""

    bundle: str
    decision: Literal['allow', 'deny', 'needs_approval']
    entrypoint: NotRequired[str]
    input: str
    """SHA-256 of what was asked"""


class Principal(TypedDict):
    tenant: str
    id: str
    kind: Literal['human', 'agent', 'service', 'system']
    level: Literal['read_only', 'read_write', 'execute', 'critical']
    groups: NotRequired[list[str]]
    via: NotRequired[str]


class Request(TypedDict):
    """What was asked"""

    principal: Principal
    action: str
    resource: str
    now: int
    """When it was asked, in milliseconds since the epoch"""

    attributes: NotRequired[dict[str, Any]]


class Obligations6(TypedDict):
    must: Literal['audit']


class Obligations7(TypedDict):
    must: Literal['encrypt', 'redact']
    fields: list[str]


class Obligations8(TypedDict):
    must: Literal['limit']
    attribute: str
    most: float


class Again(TypedDict):
    """What the bundle says of it now"""

    decision: Literal['allow', 'deny', 'needs_approval']
    reasons: list[str]
    entrypoint: NotRequired[str]
    """The rule that answered"""

    obligations: NotRequired[list[Obligations6 | Obligations7 | Obligations8]]
    """Under which conditions it is allowed"""

    input: str


class PolicyExplanation(TypedDict):
    receipt: str
    at: str
    """UTC with milliseconds"""

    action: str
    principal: str
    stands: Stands
    """What stands on the receipt"""

    reasons: NotRequired[list[str]]
    """What stands there as reasons, of what was refused"""

    outcome: Literal['agrees', 'differs', 'other-input', 'no-input', 'no-bundle']
    """`agrees`: the bundle answers the same again. `differs`: it does not. `other-input`: what the receipt keeps is not what was asked, by its hash. `no-input`: it keeps nothing of that. `no-bundle`: the bundle is not kept here"""

    text: str
    request: NotRequired[Request]
    """What was asked"""

    again: NotRequired[Again]
    """What the bundle says of it now"""

    revision: NotRequired[str]


class AgentType(TypedDict):
    agent_type: str
    """group.name, unique"""

    name: str
    description: str
    category: Literal['departmental', 'industry', 'meta']
    """`meta`: it serves other agents, and belongs to no department or industry"""

    department: NotRequired[str]
    """Where the category is `departmental`"""

    industry_vertical: NotRequired[str]
    """Where the category is `industry`"""

    version: str
    """MAJOR.MINOR.PATCH"""

    capabilities: list[str]
    """What a task may ask for"""

    required_tools: list[str]
    """Ids of tools that must be registered before the type can work"""

    cost_tier: Literal['always_on', 'business_hours', 'on_demand']
    default_lifecycle: Literal['active', 'sleeping', 'cold']
    """How a new instance starts"""

    estimated_cost_per_hour: float
    """USD per active hour"""

    tags: list[str]
    based_on: NotRequired[str]
    """Of a type of the tenant's own: the entry that it was made from, agent_type@version"""


class AgentTypeHit(TypedDict):
    agent_type: str
    """group.name, unique"""

    name: str
    description: str
    category: Literal['departmental', 'industry', 'meta']
    """`meta`: it serves other agents, and belongs to no department or industry"""

    department: NotRequired[str]
    """Where the category is `departmental`"""

    industry_vertical: NotRequired[str]
    """Where the category is `industry`"""

    version: str
    """MAJOR.MINOR.PATCH"""

    capabilities: list[str]
    """What a task may ask for"""

    required_tools: list[str]
    """Ids of tools that must be registered before the type can work"""

    cost_tier: Literal['always_on', 'business_hours', 'on_demand']
    default_lifecycle: Literal['active', 'sleeping', 'cold']
    """How a new instance starts"""

    estimated_cost_per_hour: float
    """USD per active hour"""

    tags: list[str]
    based_on: NotRequired[str]
    """Of a type of the tenant's own: the entry that it was made from, agent_type@version"""

    score: float
    """Above 0; comparable within one answer"""

    matched: list[Literal['agent_type', 'name', 'capabilities', 'tags', 'department', 'industry_vertical', 'description']]
    """The fields in which a word was found, the heaviest first"""


class CustomAgentType(TypedDict):
    agent_type: str
    """group.name, unique"""

    name: str
    description: str
    category: Literal['departmental', 'industry', 'meta']
    """`meta`: it serves other agents, and belongs to no department or industry"""

    department: NotRequired[str]
    """Where the category is `departmental`"""

    industry_vertical: NotRequired[str]
    """Where the category is `industry`"""

    version: str
    """MAJOR.MINOR.PATCH"""

    capabilities: list[str]
    """What a task may ask for"""

    required_tools: list[str]
    """Ids of tools that must be registered before the type can work"""

    cost_tier: Literal['always_on', 'business_hours', 'on_demand']
    default_lifecycle: Literal['active', 'sleeping', 'cold']
    """How a new instance starts"""

    estimated_cost_per_hour: float
    """USD per active hour"""

    tags: list[str]
    based_on: str
    """Of a type of the tenant's own: the entry that it was made from, agent_type@version"""


class DeployedAgent(TypedDict):
    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    version: int
    status: Literal['active', 'lost', 'gone']
    since: str
    """Since when it has had this status"""

    agent_type: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    pool: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    capabilities: dict[str, float]
    """Capability → level"""

    capacity: int
    """Tasks at once"""

    location: NotRequired[str]
    presence_seconds: float
    """Seconds without a sign of life after which it counts as lost"""

    offer: StandingOffer | None
    """null: it only takes what it bids for"""

    deployment: NotRequired[Deployment]
    """How it was deployed from the repository, when it was"""

    gateway: NotRequired[str]
    """The service that registered it and speaks for it; absent: it speaks for itself"""

    load: float
    """Slots in use over capacity"""

    slots: dict[str, Slot]
    """The tasks that hold its capacity, by id"""

    record: dict[str, Record]
    """What has come of its tasks, by type"""

    lifecycle: NotRequired[Literal['always_on', 'business_hours', 'on_demand']]
    """When it is to run"""


class Version(TypedDict):
    version: str
    content: str
    """SHA-256 over the RFC 8785 form of the definition"""

    registered_at: str
    """UTC with milliseconds"""

    index: int
    """Of the commit that holds it"""


class McpEndpoint(TypedDict):
    """Where a tool is called that a server of MCP offers"""

    url: str
    """URL of the server, whose host the operator's settings allow: https, or http to this machine; without credentials, query and fragment"""

    tool: str
    """The name that the server has for it"""

    level: Literal['read_only', 'read_write', 'execute', 'critical']
    """What whoever calls it must hold"""

    timeout_seconds: int
    """For all that goes out for one call"""


class ToolDefinition(TypedDict):
    """One version of a tool, whole"""

    tool_name: str
    description: str
    schema: dict[str, Any]
    """JSON Schema of the arguments"""

    sandbox_level: Literal['restricted', 'moderate', 'permissive']
    """What generated code may do"""

    api_name: NotRequired[str]
    operations: list[str]
    owner: str
    version: str
    code: NotRequired[str]
    code_ref: NotRequired[str]
    mcp: NotRequired[McpEndpoint]
    """Instead of `code`: it is called here, at a server of MCP"""

    tags: list[str]


class Deprecation(TypedDict):
    """Why it should not be used any more"""

    reason: str
    replacement: NotRequired[str]
    """Id of the tool to use instead"""


class ToolInterface(TypedDict):
    """What a server of MCP says of its tool, in its own words: data, no instruction"""

    name: str
    title: NotRequired[str]
    description: NotRequired[str]
    inputSchema: dict[str, Any]
    outputSchema: NotRequired[dict[str, Any]]
    annotations: NotRequired[dict[str, Any]]


class InterfaceDifference(TypedDict):
    pointer: str
    """A JSON Pointer such as `#/description`"""

    before: NotRequired[Any]
    after: NotRequired[Any]


class ToolVersion(TypedDict):
    """A tool with the version that was asked for"""

    status: Literal['active', 'deprecated']
    tool_id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    versions: list[Version]
    """Oldest first, the last hundred"""

    deprecation: NotRequired[Deprecation]
    definition: ToolDefinition


class ToolSummary(TypedDict):
    """A tool without its schema and code, which are read by id"""

    tool_name: str
    description: str
    sandbox_level: Literal['restricted', 'moderate', 'permissive']
    """What generated code may do"""

    operations: list[str]
    owner: str
    tags: list[str]
    tool_id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    api_name: str | None
    api: str
    """`api_name` in lower case; empty when there is none"""

    version: str
    """The newest"""

    deprecated: bool
    deprecation: Deprecation | None


class ToolResult(TypedDict):
    """What the tool has answered: data, no instruction"""

    content: list[dict[str, Any]]
    """Blocks as MCP has them: texts, images, links"""

    structured_content: NotRequired[Any]
    """Of the form of the accepted output schema"""


class Emitted(TypedDict):
    """What came of a signal"""

    type: str
    location: str
    strength: float
    """Of the trail right after the signal"""

    stream: str
    """tenant/trail/id"""

    version: int
    """Index of the commit that holds the signal"""

    hash: str


class NotEmitted(TypedDict):
    """The problem that kept a signal out"""

    problem: Problem


class Trail(TypedDict):
    """All signals of one type at one place, as they are perceived at one time"""

    type: str
    location: str
    strength: float
    """Rounded to six decimals; 0 when it is gone"""

    decay_rate: float
    """Share of its strength that evaporates in a minute"""

    emitter_agent: str
    """Who emitted last"""

    emissions: int
    """Signals ever taken in"""

    reinforced_at: str
    """When it was last strengthened"""

    gone_at: str | None
    """When it will be, or was, gone; null: never"""


class TrailReading(TypedDict):
    """A trail with its place in its stream"""

    type: str
    location: str
    strength: float
    """Rounded to six decimals; 0 when it is gone"""

    decay_rate: float
    """Share of its strength that evaporates in a minute"""

    emitter_agent: str
    """Who emitted last"""

    emissions: int
    """Signals ever taken in"""

    reinforced_at: str
    """When it was last strengthened"""

    gone_at: str | None
    """When it will be, or was, gone; null: never"""

    stream: str
    """tenant/trail/id"""

    version: int
    hash: str


class Agreed(TypedDict):
    """The first of the two people who have to lift it"""

    by: str
    at: str
    """UTC with milliseconds"""

    reason: str


class Stop(TypedDict):
    kind: Literal['global', 'tenant', 'agent_type', 'agent', 'tool', 'task', 'model']
    """Whether `name` is a tenant, a type of agent, an agent or a service, and so on"""

    name: str
    """Its name or id, in full: `service:crm` is not the agent `crm`; `all` for `global`"""

    effect: Literal['freeze', 'quarantine']
    by: str
    """Who said so last"""

    via: NotRequired[str]
    """Who spoke for them"""

    reason: str
    since: str
    """UTC with milliseconds"""

    agreed: NotRequired[Agreed]
    """The first of the two people who have to lift it"""

    of: Literal['tenant', 'platform']
    """Whose people stopped it, and can lift it"""


class WorkInFlight(TypedDict):
    tenant: str
    task: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    agent: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    award: int
    returned: bool
    """Whether the task is taken back and goes to others; its late result is void. Else it stays where it is and waits"""


class Agreed1(TypedDict):
    """The first of two people who close it, or erase it; an hour later that counts no more"""

    by: str
    via: NotRequired[str]
    """Who spoke for them"""

    reason: str
    at: str
    """UTC with milliseconds"""

    ending: Literal['close', 'erase']


class TenantLimits(TypedDict):
    """How much of everything; what is left out has no limit"""

    agents: NotRequired[int]
    """Agents that are registered and not gone"""

    tasks: NotRequired[int]
    """Tasks that are not over: those that wait, and those that are in somebody’s hands"""

    signals_per_minute: NotRequired[int]
    """Signals, in each process; a request that would bring more is refused as a whole"""

    requests_per_second: NotRequired[int]
    """Requests, in each process; no more than the host lets any tenant send"""

    spend_micro_usd: NotRequired[int]
    """What its work may cost in a month of the calendar in UTC, in millionths of a US dollar: a budget of the kind `platform`"""

    storage_bytes: NotRequired[int]
    """Bytes of receipts and large payloads that are written from when it is limited on; nothing takes them away again"""

    approvals_per_requester: NotRequired[int]
    """Decisions of people, or of agents first, that one requester may have waiting; ten times as many those together for whom one speaks. 100 where nothing is said"""


TenantEnded = TypedDict(
    'TenantEnded',
    {
        'by': str,
        'via': NotRequired[str],
        'reason': str,
        'at': str,
        'with': str,
    },
)


class Has(TypedDict):
    """What it has now of what is limited, as the process that answers has heard; absent with `asOf`"""

    agents: int
    tasks: int
    storage_bytes: NotRequired[int]
    """Where it is limited: written since then"""


class Tenant(TypedDict):
    name: str
    limits: TenantLimits
    by: NotRequired[str]
    """Who set the limits last; absent where nobody has"""

    reason: NotRequired[str]
    created_at: NotRequired[str]
    """Absent for one that is there without being created"""

    agreed: NotRequired[Agreed1]
    """The first of two people who close it, or erase it; an hour later that counts no more"""

    closed: NotRequired[TenantEnded]
    """Nothing happens there any more, for good"""

    erased: NotRequired[TenantEnded]
    """Nobody opens personal data of it any more"""

    has: NotRequired[Has]
    """What it has now of what is limited, as the process that answers has heard; absent with `asOf`"""


class Replication(TypedDict):
    """Of a copy of another volume: how it fares"""

    healthy: bool
    mirror_state: str
    relationship: str
    error: NotRequired[str]


class Volume(TypedDict):
    pool: str
    volume: str
    region: str
    state: Literal['underway', 'ready', 'failed']
    """How far the service is with it"""

    level: Literal['Standard', 'Premium', 'Ultra']
    gibibytes: float
    mount: NotRequired[str]
    """Where it is mounted from"""

    tiered_after_days: NotRequired[int]
    """What nobody has asked for in so many days costs less; absent: nothing does"""

    replication: NotRequired[Replication]
    """Of a copy of another volume: how it fares"""


class VolumeSnapshot(TypedDict):
    name: str
    id: str
    state: Literal['underway', 'ready', 'failed']
    """How far the service is with it"""

    made_at: NotRequired[str]
    """UTC with milliseconds"""


class AskInput(TypedDict):
    id: NotRequired[str]
    """Your own id; without one a new id is made (from the Idempotency-Key, when there is one)"""

    words: str
    model: NotRequired[str]
    """The model that has read them; the grammar without"""

    outcome: Literal['run', 'declined', 'question', 'refused']
    """What becomes of them: commands that run, or were `declined`, a `question` back, or a refusal"""

    steps: NotRequired[list[AskedStep]]


AfterItem: TypeAlias = str
"""An id: ASCII letters, digits and . _ ~ : -"""


class Requirement(TypedDict):
    capability: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    level: NotRequired[float]


class TaskOversightInput(TypedDict):
    """The task is held until the rules, agents or people have cleared it"""

    kind: NotRequired[str]
    """Kind of action, whose rules hold; by default task_type"""

    why: str
    confidence: float
    impact: Impact
    risk: NotRequired[float]
    features: NotRequired[Features]


class ScheduledTaskInput(TypedDict):
    """The task that each run posts; its id is made from schedule and time"""

    task_type: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    priority: NotRequired[float]
    urgency: NotRequired[float]
    """Rises to 1 at the deadline"""

    requires: NotRequired[list[Requirement]]
    """Capabilities an agent needs; by default to be of the type task_type"""

    location: NotRequired[str]
    """A place: ids separated by slashes"""

    effort: NotRequired[float]
    """Estimated seconds of work"""

    estimated_cost_micro_usd: NotRequired[int]
    """What it is estimated to cost, in millionths of a US dollar; without it: `effort` at the price of the type of agent that does it. With a margin it is reserved in the budgets that it concerns"""

    payload: NotRequired[Any]
    """The work itself; above 32 KB it is kept beside the receipt"""

    bid_seconds: NotRequired[float]
    """How long explicit bids are collected; 0 awards at once by standing offers"""

    accept_seconds: NotRequired[float]
    lease_seconds: NotRequired[float]
    max_attempts: NotRequired[int]
    retry_seconds: NotRequired[float]
    """Delay of the second attempt; doubles with each further one"""

    oversight: NotRequired[TaskOversightInput]
    deadline_seconds: NotRequired[float]
    """The deadline of each task, in seconds from the time of its run"""


Capability: TypeAlias = str
"""An id: ASCII letters, digits and . _ ~ : -"""


class Limits(TypedDict):
    presence_seconds: NotRequired[float]
    max_effort: NotRequired[float]
    min_strength: NotRequired[float]


Help: TypeAlias = str
"""An id: ASCII letters, digits and . _ ~ : -"""


class AgentInput(TypedDict):
    agent_type: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    pool: NotRequired[str]
    """Agents that share their load; by default the first part of the type"""

    capabilities: NotRequired[list[Capability] | dict[str, float]]
    """Names, or names with levels from 0 to 1"""

    capacity: NotRequired[int]
    """Tasks at once"""

    location: NotRequired[str]
    """A place: ids separated by slashes"""

    limits: NotRequired[Limits]
    standing_offer: NotRequired[bool]
    """Let the market bid for it; without, it only takes what it bids for"""

    helps: NotRequired[list[Help]]
    """Capabilities it lends to overloaded pools while it is idle"""


class Holding(TypedDict):
    """A task that an agent says it holds"""

    task: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    award: int


class AgentCommandInput1(TypedDict):
    """What an agent does: `do` names it, the other fields are those of its own route"""

    agent: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    note: NotRequired[str]
    do: Literal['bid']
    task: str
    """An id: ASCII letters, digits and . _ ~ : -"""


class AgentCommandInput2(TypedDict):
    """What an agent does: `do` names it, the other fields are those of its own route"""

    agent: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    do: Literal['withdraw_bid']
    task: str
    """An id: ASCII letters, digits and . _ ~ : -"""


class AgentCommandInput3(TypedDict):
    """What an agent does: `do` names it, the other fields are those of its own route"""

    agent: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    award: int
    """Number of the award that you hold"""

    do: Literal['accept']
    task: str
    """An id: ASCII letters, digits and . _ ~ : -"""


class AgentCommandInput4(TypedDict):
    """What an agent does: `do` names it, the other fields are those of its own route"""

    agent: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    award: int
    """Number of the award that you hold"""

    reason: NotRequired[str]
    do: Literal['decline']
    task: str
    """An id: ASCII letters, digits and . _ ~ : -"""


class AgentCommandInput5(TypedDict):
    """What an agent does: `do` names it, the other fields are those of its own route"""

    agent: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    award: int
    """Number of the award that you hold"""

    cost_micro_usd: NotRequired[int]
    """What the award has cost in all so far, in millionths of a US dollar, without its sub-tasks"""

    fraction: float
    note: NotRequired[str]
    do: Literal['progress']
    task: str
    """An id: ASCII letters, digits and . _ ~ : -"""


class AgentCommandInput6(TypedDict):
    """What an agent does: `do` names it, the other fields are those of its own route"""

    agent: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    award: int
    """Number of the award that you hold"""

    cost_micro_usd: NotRequired[int]
    """What the award has cost in all so far, in millionths of a US dollar, without its sub-tasks"""

    result: NotRequired[Any]
    accept: NotRequired[bool]
    """Accept the award with the result, where it was not accepted before: for work that is done at once. Until then no lease runs, so what takes longer than the time to accept may have been done for nothing"""

    do: Literal['complete']
    task: str
    """An id: ASCII letters, digits and . _ ~ : -"""


class AgentCommandInput7(TypedDict):
    """What an agent does: `do` names it, the other fields are those of its own route"""

    agent: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    award: int
    """Number of the award that you hold"""

    cost_micro_usd: NotRequired[int]
    """What the award has cost in all so far, in millionths of a US dollar, without its sub-tasks"""

    reason: str
    retryable: NotRequired[bool]
    do: Literal['fail']
    task: str
    """An id: ASCII letters, digits and . _ ~ : -"""


class AgentCommandInput8(TypedDict):
    """What an agent does: `do` names it, the other fields are those of its own route"""

    agent: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    award: int
    """Number of the award that you hold"""

    cost_micro_usd: NotRequired[int]
    """What the award has cost in all so far, in millionths of a US dollar, without its sub-tasks"""

    reason: NotRequired[str]
    do: Literal['release']
    task: str
    """An id: ASCII letters, digits and . _ ~ : -"""


class AgentCommandInput9(TypedDict):
    """What an agent does: `do` names it, the other fields are those of its own route"""

    agent: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    award: int
    """Number of the award that you hold"""

    to: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    note: NotRequired[str]
    do: Literal['handoff']
    task: str
    """An id: ASCII letters, digits and . _ ~ : -"""


class AgentCommandInput10(TypedDict):
    """What an agent does: `do` names it, the other fields are those of its own route"""

    holding: NotRequired[list[Holding]]
    do: Literal['heartbeat']
    agent: str
    """An id: ASCII letters, digits and . _ ~ : -"""


class AgentCommandInput11(TypedDict):
    """What an agent does: `do` names it, the other fields are those of its own route"""

    reason: NotRequired[str]
    do: Literal['deregister']
    agent: str
    """An id: ASCII letters, digits and . _ ~ : -"""


AgentCommandInput12 = TypedDict(
    'AgentCommandInput12',
    {
        'choice': str,
        'confidence': float,
        'reasoning': str,
        'final': NotRequired[bool],
        'snapshot': str,
        'pass': int,
        'do': Literal['vote'],
        'agent': str,
        'round': str,
    },
)


AgentCommandInput: TypeAlias = AgentCommandInput1 | AgentCommandInput2 | AgentCommandInput3 | AgentCommandInput4 | AgentCommandInput5 | AgentCommandInput6 | AgentCommandInput7 | AgentCommandInput8 | AgentCommandInput9 | AgentCommandInput10 | AgentCommandInput11 | AgentCommandInput12
"""What an agent does: `do` names it, the other fields are those of its own route"""


class TaskInput(TypedDict):
    id: NotRequired[str]
    """Your own id; without one a new id is made (from the Idempotency-Key, when there is one)"""

    task_type: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    priority: NotRequired[float]
    urgency: NotRequired[float]
    """Rises to 1 at the deadline"""

    requires: NotRequired[list[Requirement]]
    """Capabilities an agent needs; by default to be of the type task_type"""

    location: NotRequired[str]
    """A place: ids separated by slashes"""

    effort: NotRequired[float]
    """Estimated seconds of work"""

    estimated_cost_micro_usd: NotRequired[int]
    """What it is estimated to cost, in millionths of a US dollar; without it: `effort` at the price of the type of agent that does it. With a margin it is reserved in the budgets that it concerns"""

    parent: NotRequired[str]
    """The task that it is a part of, which the caller holds: what it costs is charged to what is reserved for that"""

    after: NotRequired[list[AfterItem]]
    """Ids of tasks that it comes after, which were posted before: it is held until they are completed, and cancelled when they can not be any more. In its payload `{"$result": "<id>", "pointer": "/a/b"}` stands for that place in the result of one of them"""

    when: NotRequired[Literal['all', 'any']]
    """Whether all of them have to be completed, which is the default, or one"""

    not_before: NotRequired[str]
    """It is offered to nobody before this, which is at most 31622400 seconds ahead, a year; one that has passed changes nothing"""

    deadline: NotRequired[str]
    """RFC 3339: in with any offset, out in UTC with milliseconds"""

    payload: NotRequired[Any]
    """The work itself; above 32 KB it is kept beside the receipt"""

    bid_seconds: NotRequired[float]
    """How long explicit bids are collected; 0 awards at once by standing offers"""

    accept_seconds: NotRequired[float]
    lease_seconds: NotRequired[float]
    max_attempts: NotRequired[int]
    retry_seconds: NotRequired[float]
    """Delay of the second attempt; doubles with each further one"""

    cause: NotRequired[str]
    """The receipt (stream@index) that led to this task, for example of a signal"""

    correlation_id: NotRequired[str]
    """What it belongs to: everything that it sets in motion shares it. By default that of its cause, or a new one"""

    oversight: NotRequired[TaskOversightInput]


class ClaimInput(TypedDict):
    agent: NotRequired[str]
    """By default the caller"""

    award: int
    """Number of the award that you hold"""


class SpendingInput(TypedDict):
    agent: NotRequired[str]
    """By default the caller"""

    award: int
    """Number of the award that you hold"""

    cost_micro_usd: NotRequired[int]
    """What the award has cost in all so far, in millionths of a US dollar, without its sub-tasks"""


Group3: TypeAlias = str


class ChannelInput(TypedDict):
    kind: Literal['standard', 'cloudevents', 'teams', 'slack', 'mail']
    """standard: a webhook after Standard Webhooks; cloudevents: one with a CloudEvent 1.0 as its body, signed likewise"""

    address: str
    """A mailbox; an https URL; or a reference to a URL, which teams and slack need"""

    secret: NotRequired[str]
    """standard, cloudevents: reference to the secret that signs, never the secret itself"""

    groups: list[Group3]
    """Groups that it reaches, or *"""

    events: list[Literal['approval-requested', 'approval-escalated', 'veto-window-opened', 'round-escalated', 'task-ended', 'job-ended']]
    """What it is told about; the ends of tasks and jobs where it reaches all groups (*)"""

    ends_of: NotRequired[EndsOf]


class ActionInput(TypedDict):
    id: NotRequired[str]
    """Your own id; without one a new id is made (from the Idempotency-Key, when there is one)"""

    kind: str
    """Its rules hold"""

    action: Any
    """What is to be done: JSON of at most 32 KB, nested at most 32 deep"""

    why: str
    confidence: float
    impact: Impact
    risk: NotRequired[float]
    features: NotRequired[Features]


class Item(TypedDict):
    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    hash: str
    """SHA-256 of the exact action, as it was shown"""


class BulkDecision(TypedDict):
    decision: Literal['approve', 'reject']
    items: list[Item]
    reason: str


class Action2(TypedDict):
    kind: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    hash: str
    """SHA-256 of the exact action, as it was shown"""

    summary: str


Choice1: TypeAlias = str
"""An id: ASCII letters, digits and . _ ~ : -"""


class Group4(TypedDict):
    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    share: float
    veto: NotRequired[bool]


ExceptItem: TypeAlias = str
"""An id: ASCII letters, digits and . _ ~ : -"""


VoterSearch = TypedDict(
    'VoterSearch',
    {
        'capability': str,
        'limit': NotRequired[int],
        'except': NotRequired[list[ExceptItem]],
    },
)


VoteInput = TypedDict(
    'VoteInput',
    {
        'voter': NotRequired[str],
        'choice': str,
        'confidence': float,
        'reasoning': str,
        'final': NotRequired[bool],
        'snapshot': str,
        'pass': int,
    },
)


class CorrectionInput(TypedDict):
    id: NotRequired[str]
    """Your own id; without one a new id is made (from the Idempotency-Key, when there is one)"""

    target: str
    """The receipt that is corrected: stream@index"""

    what: str
    """What it should have been"""

    instead_of: str
    why: str


class Round2(TypedDict):
    """The vote that agents hold before"""

    algorithm: NotRequired[Literal['simple_majority', 'weighted_voting', 'delegated_authority', 'expertise_based', 'stakeholder_consensus', 'delegated_proof_of_stake']]
    voters: list[Voter]
    groups: NotRequired[list[Group4]]
    """stakeholder_consensus"""

    delegates: NotRequired[int]
    """delegated_proof_of_stake: how many are elected"""

    min_agreement: NotRequired[float]
    """Share of the weight cast that the leading choice needs"""

    quorum: NotRequired[float]
    """Share of the weight that must be cast; whoever is gone since the round opened counts as one that did not vote"""

    when: Literal['always', 'escalated']
    round_seconds: float
    improvement_rounds: NotRequired[int]


class ApproverGroupSent(TypedDict):
    group: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    members: NotRequired[list[Member]]
    """Whoever’s token names the group belongs to it as well"""

    deputies: NotRequired[list[Deputy]]
    """They may decide as the members may"""

    seconds: float
    """How long the group has before the next is asked too"""


Operation: TypeAlias = str
"""An id: ASCII letters, digits and . _ ~ : -"""


Tag: TypeAlias = str
"""An id: ASCII letters, digits and . _ ~ : -"""


class McpEndpointSent(TypedDict):
    """Where a tool is called that a server of MCP offers"""

    url: str
    """URL of the server, whose host the operator's settings allow: https, or http to this machine; without credentials, query and fragment"""

    tool: str
    """The name that the server has for it"""

    level: NotRequired[Literal['read_only', 'read_write', 'execute', 'critical']]
    """What whoever calls it must hold"""

    timeout_seconds: NotRequired[int]
    """For all that goes out for one call"""


class Signal(TypedDict):
    type: str
    strength: float
    location: str
    """A place: ids separated by slashes"""

    emitter_agent: NotRequired[str]
    """By default the caller; an agent emits for itself only"""

    timestamp: NotRequired[str]
    """RFC 3339: in with any offset, out in UTC with milliseconds"""

    decay_rate: NotRequired[float]
    """Share of its strength that evaporates in a minute"""


class TenantLimitChanges(TypedDict):
    """What is left out stays as it is; null takes a limit away"""

    agents: NotRequired[int | None]
    """Agents that are registered and not gone"""

    tasks: NotRequired[int | None]
    """Tasks that are not over: those that wait, and those that are in somebody’s hands"""

    signals_per_minute: NotRequired[int | None]
    """Signals, in each process; a request that would bring more is refused as a whole"""

    requests_per_second: NotRequired[int | None]
    """Requests, in each process; no more than the host lets any tenant send"""

    spend_micro_usd: NotRequired[int | None]
    """What its work may cost in a month of the calendar in UTC, in millionths of a US dollar: a budget of the kind `platform`"""

    storage_bytes: NotRequired[int | None]
    """Bytes of receipts and large payloads that are written from when it is limited on; nothing takes them away again"""

    approvals_per_requester: NotRequired[int | None]
    """Decisions of people, or of agents first, that one requester may have waiting; ten times as many those together for whom one speaks. 100 where nothing is said"""


class Ask(TypedDict):
    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    words: str
    model: NotRequired[str]
    """The model that has read them; the grammar without"""

    outcome: Literal['run', 'declined', 'question', 'refused']
    """What becomes of them: commands that run, or were `declined`, a `question` back, or a refusal"""

    steps: list[AskedStep]
    by: str
    via: NotRequired[str]
    """Who spoke for them"""


class CausalChain(TypedDict):
    """What led to something, and what followed"""

    id: str
    correlations: list[str]
    commits: int
    """How many receipts the tree holds"""

    complete: bool
    """False when there is more than one answer holds, or may be more where the search ended"""

    unsearched: NotRequired[list[str]]
    """Receipts (stream@index) from which on a stream was not searched"""

    roots: list[CausalNode]


class RetentionPolicy(TypedDict):
    days: RetentionDays


class Job(TypedDict):
    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    name: NotRequired[str]
    status: Literal['running', 'cancelling', 'compensating', 'completed', 'failed', 'cancelled', 'compensated']
    requester: str
    tasks: int
    """Of the plan, the compensation among them"""

    left: int
    """Tasks that have not ended, and were not skipped"""

    completed: int
    cancelled: int
    expired: int
    dead: int
    skipped: int
    """Never posted: what they come after was not completed, or the job ended"""

    posted_at: str
    """UTC with milliseconds"""

    finished_at: NotRequired[str]
    """UTC with milliseconds"""

    version: int
    parent: NotRequired[str]
    """The task that all of its tasks are a part of"""

    on_failure: Literal['cancel', 'continue', 'compensate']
    cancelled_by: NotRequired[CancelledBy]
    failures: list[JobFailure]
    """The first tasks that were not completed, and why"""

    plan_ref: str
    """SHA-256 of the plan, as the receipt names it"""

    correlation_id: str
    """Of the job and of all its tasks"""


class TaskOversight(TypedDict):
    """What the task is held for until it is cleared"""

    kind: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    why: str
    confidence: float
    impact: Impact
    risk: float
    features: Features


class Agent(TypedDict):
    """An agent: what it says of itself, its status, the tasks that hold its slots"""

    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    version: int
    status: Literal['active', 'lost', 'gone']
    since: str
    """Since when it has had this status"""

    agent_type: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    pool: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    capabilities: dict[str, float]
    """Capability → level"""

    capacity: int
    """Tasks at once"""

    location: NotRequired[str]
    presence_seconds: float
    """Seconds without a sign of life after which it counts as lost"""

    offer: StandingOffer | None
    """null: it only takes what it bids for"""

    deployment: NotRequired[Deployment]
    """How it was deployed from the repository, when it was"""

    gateway: NotRequired[str]
    """The service that registered it and speaks for it; absent: it speaks for itself"""

    load: float
    """Slots in use over capacity"""

    slots: dict[str, Slot]
    """The tasks that hold its capacity, by id"""

    record: dict[str, Record]
    """What has come of its tasks, by type"""


class TaskSpec(TypedDict):
    """What is to be done, with every default filled in"""

    task_type: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    priority: float
    urgency: float
    """When posted; rises to 1 at the deadline"""

    requires: list[Require]
    location: NotRequired[str]
    effort: NotRequired[float]
    """Estimated seconds of work"""

    estimated_cost_micro_usd: NotRequired[int]
    """In millionths of a US dollar"""

    parent: NotRequired[str]
    """The task that it is a part of"""

    job: NotRequired[JobOfTask]
    """The job that posted it, and its key there"""

    schedule: NotRequired[ScheduleOfTask]
    """The schedule that posted it, and the time of the run"""

    after: NotRequired[list[str]]
    """Ids of the tasks that it comes after"""

    when: NotRequired[Literal['all', 'any']]
    """Whether all of them have to be completed, which is the default, or one"""

    not_before: NotRequired[str]
    """It is offered to nobody before this"""

    deadline: NotRequired[str]
    """UTC with milliseconds"""

    payload: NotRequired[Any]
    payload_ref: NotRequired[str]
    """Where a large payload is kept: read it under blobs"""

    requester: str
    bid_seconds: float
    accept_seconds: float
    lease_seconds: float
    max_attempts: int
    retry_seconds: float
    oversight: NotRequired[TaskOversight]


class Offer(TypedDict):
    """A task that the agent may bid for"""

    kind: Literal['offer']
    task: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    bids_close_at: str
    """When the market chooses among the bids; when that is over, the first bid that fits gets the task at once"""

    strength: float
    spec: TaskSpec


class RegisteredAgent(TypedDict):
    """A receipt, or the problem that kept this agent out"""

    id: NotRequired[str]
    """Left out where what was sent has none"""

    receipt: NotRequired[Receipt]
    problem: NotRequired[Problem]


class Items(TypedDict):
    kind: Literal['assignment']
    task: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    award: int
    accept_by: str
    """UTC with milliseconds"""

    attempt: int
    lease_seconds: float
    spec: TaskSpec
    agent: str
    """An id: ASCII letters, digits and . _ ~ : -"""


class Items2(TypedDict):
    kind: Literal['offer']
    task: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    bids_close_at: str
    """When the market chooses among the bids; when that is over, the first bid that fits gets the task at once"""

    strength: float
    spec: TaskSpec
    agent: str
    """An id: ASCII letters, digits and . _ ~ : -"""


class GatewayInbox(TypedDict):
    """What waits for the agents, each item with its agent"""

    items: list[Items | Items1 | Items2 | Items3]
    after: str
    """Give it back as `after`: it says that this answer has arrived"""

    more: bool
    """Whether more waits that had no room: ask again at once"""


class Pool(TypedDict):
    pool: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    status: Literal['balanced', 'overloaded', 'idle']
    """After a change has lasted"""

    since: str | None
    sample: PoolSample
    mean: Mean
    """Over time since the host began to look"""

    meets: Meets
    """Which targets the means meet: Gini below 0.3, utilisation from 0.6 to 0.8, idle below 0.2"""

    objective: Objective | None
    cooldown_until: str | None
    """Not reorganised before this time"""


class Task(TypedDict):
    """A task: what was posted, its status, who holds it under which award, how it ended"""

    task_type: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    priority: float
    urgency: float
    """When posted; rises to 1 at the deadline"""

    requires: list[Require]
    location: NotRequired[str]
    effort: NotRequired[float]
    """Estimated seconds of work"""

    estimated_cost_micro_usd: NotRequired[int]
    """In millionths of a US dollar"""

    parent: NotRequired[str]
    """The task that it is a part of"""

    job: NotRequired[JobOfTask]
    """The job that posted it, and its key there"""

    schedule: NotRequired[ScheduleOfTask]
    """The schedule that posted it, and the time of the run"""

    after: NotRequired[list[str]]
    """Ids of the tasks that it comes after"""

    when: NotRequired[Literal['all', 'any']]
    """Whether all of them have to be completed, which is the default, or one"""

    not_before: NotRequired[str]
    """It is offered to nobody before this"""

    deadline: NotRequired[str]
    """UTC with milliseconds"""

    payload: NotRequired[Any]
    payload_ref: NotRequired[str]
    """Where a large payload is kept: read it under blobs"""

    requester: str
    bid_seconds: float
    accept_seconds: float
    lease_seconds: float
    max_attempts: int
    retry_seconds: float
    oversight: NotRequired[TaskOversight]
    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    version: int
    status: Literal['held', 'open', 'awarded', 'running', 'completed', 'cancelled', 'expired', 'dead']
    strength: NotRequired[float]
    """Of its signal, while it is open"""

    attempts: int
    """From 1"""

    awards: int
    """Number of the last award; 0 before the first"""

    bids: int
    """How many have bid in this attempt"""

    holder: NotRequired[Holder]
    challenge: NotRequired[AwardChallenge]
    """The one that is open"""

    challenges: list[AwardChallenge]
    progress: NotRequired[Progress]
    completion: NotRequired[Completion]
    history: list[HistoryItem]
    """How earlier attempts ended, the latest last"""

    posted_at: str
    """UTC with milliseconds"""

    open_since: NotRequired[str]
    """Since when it has been open without a holder"""

    finished_at: NotRequired[str]
    """UTC with milliseconds"""

    changed_at: str
    """Since when it has been as it is: its status, its holder, its progress"""

    ended: NotRequired[Ended]
    """Why it was over without being completed"""

    correlation_id: str
    why: NotRequired[Why]


class AwardRecomputation(TypedDict):
    task: str
    receipt: str
    """The receipt that was computed again: stream@index"""

    hash: str
    """SHA-256 of the exact action, as it was shown"""

    hashHolds: bool
    """False when the receipt's bytes do not hash to its hash"""

    award: int
    recordedWinner: str
    computedWinner: NotRequired[str]
    agrees: bool
    faults: list[Fault]
    ranking: list[ScoredBid]


class Channel(TypedDict):
    channel_id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    kind: Literal['standard', 'cloudevents', 'teams', 'slack', 'mail']
    """standard: a webhook after Standard Webhooks; cloudevents: one with a CloudEvent 1.0 as its body, signed likewise"""

    address: str
    secret: NotRequired[str]
    """Reference to the secret that signs"""

    groups: list[str]
    """Groups that it reaches, or *"""

    events: list[Literal['approval-requested', 'approval-escalated', 'veto-window-opened', 'round-escalated', 'task-ended', 'job-ended']]
    """What it is told about"""

    ends_of: NotRequired[EndsOf]


class Status(TypedDict):
    feed: list[FeedStatus]
    views: list[ViewStatus]
    open_tasks: int
    """Of the tenant: those that are open, or held"""

    stopped: int
    """Things that are stopped and concern the tenant: `/v1/stops` tells which"""

    waiting: WaitingSummary
    clock: Clock


class Parked(TypedDict):
    id: str
    body: ParkedCommit | ParkedMessage
    deliveries: int
    reason: str


class Action(TypedDict):
    """What was proposed, its hash and status; what it is held for; who cleared or stopped it, and why"""

    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    version: int
    status: Literal['proposed', 'held', 'returned', 'veto_window', 'cleared', 'executed', 'refused', 'vetoed']
    kind: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    action: Any
    """What is to be done, as it is now"""

    proposed_by: str
    why: str
    confidence: float
    impact: Impact
    risk: float
    features: Features
    oversight: OversightAnswer
    policy: PolicyAtGate
    target: NotRequired[str]
    """The stream that waits for the action"""

    command: NotRequired[str]
    """The operation that policy wants approved first; the gate gives it by itself"""

    given: NotRequired[Given]
    """What came of that command"""

    proposed_hash: str
    """SHA-256 of kind and action, as it was proposed"""

    hash: str
    """The same as it is now, after edits: what a clearance is for"""

    held: NotRequired[Held1]
    """What it waits for, and the receipt (stream@index) of the asking"""

    refs: list[str]
    """Every `ref` that it was held for"""

    veto_until: NotRequired[str]
    """UTC with milliseconds"""

    veto_from: NotRequired[str]
    """When that was set"""

    cleared: NotRequired[Cleared]
    stopped: NotRequired[Stopped]
    """Who stopped it; by an override, all that it says"""

    challenge: NotRequired[Challenge]
    """The open one: nothing is taken until its round is over"""

    challenges: list[Challenge1]
    executed: NotRequired[Executed]
    override: NotRequired[ActionOverridden]
    """The one that stands"""

    overrides: list[Override]
    asked_people: bool
    """It was held for an approval"""

    proposed_at: str
    """UTC with milliseconds"""

    decided_at: NotRequired[str]
    """When it was cleared or stopped last"""

    compensation: NotRequired[Compensation]
    """It was wrong, and is to be undone or was"""


class Approval(TypedDict):
    """What is asked about which action, of whom, until when; claim, questions, what was given, edited and decided"""

    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    version: int
    status: Literal['waiting', 'closed']
    action: str
    """The stream that waits for it"""

    kind: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    hash: str
    """Of what is decided about, after edits: a decision repeats it"""

    summary: str
    requester: str
    parties: NotRequired[list[Party]]
    """Who does not decide either"""

    why: str
    impact: Impact
    risk: float
    policy: PolicyAtGate
    inputs: list[Input1]
    """What agents say of it"""

    safe_default: Literal['refuse', 'postpone']
    """What holds when nobody decided"""

    choices: NotRequired[list[str]]
    """What approving may decide, where it is one of several"""

    leader: NotRequired[str]
    """What it decides when nobody says which; none on a tie"""

    ladder: list[ApproverGroup]
    """Who is asked, in this order"""

    deadline: NotRequired[str]
    """Not later than this; the ladder may end before"""

    severity: Impact
    score: float
    """20 to 100: the queue is sorted by it"""

    approvals_needed: float
    ends: list[str]
    """When each group’s time ends; the last is the deadline"""

    opened_ref: str
    """The receipt (stream@index) that opened it, or opened it again"""

    opened_at: str
    """UTC with milliseconds"""

    extended_at: NotRequired[str]
    """When `ends` was moved last"""

    level: int
    """Place in the ladder of the last group that was asked"""

    claim: NotRequired[Claim]
    questions: list[Question]
    given: list[GivenItem]
    """Approvals of `hash`"""

    edit: NotRequired[Edit]
    """The latest correction; it holds as long as `hash` is its hash"""

    edits: int
    editors: list[str]
    rejected: NotRequired[Rejected]
    outcome: NotRequired[Literal['approved', 'rejected', 'defaulted', 'withdrawn', 'superseded']]
    requested_at: str
    """UTC with milliseconds"""

    closed_at: NotRequired[str]
    """UTC with milliseconds"""

    reopenings: list[str]
    """The receipt that made each necessary"""

    override: NotRequired[Override1]
    """What a person decided about the action in another way"""


class Electorate(TypedDict):
    algorithm: Literal['simple_majority', 'weighted_voting', 'delegated_authority', 'expertise_based', 'stakeholder_consensus', 'delegated_proof_of_stake']
    voters: list[Voter]
    groups: NotRequired[list[Group1]]
    """stakeholder_consensus"""

    delegates: NotRequired[int]
    """delegated_proof_of_stake: how many are elected"""

    min_agreement: float
    """Share of the weight cast that the leading choice needs"""

    quorum: float
    """Share of the weight that must be cast; whoever is gone since the round opened counts as one that did not vote"""


Round = TypedDict(
    'Round',
    {
        'id': str,
        'version': int,
        'status': Literal['open', 'closed', 'cancelled'],
        'question': NotRequired[str],
        'action': NotRequired[Action1],
        'kind': str,
        'impact': Impact,
        'risk': NotRequired[float],
        'choices': list[str],
        'deadline': str,
        'round_seconds': float,
        'improvement_rounds': int,
        'allow_change': bool,
        'challenges': NotRequired[Challenges],
        'waits': NotRequired[str],
        'electorate': Electorate,
        'snapshot': str,
        'opened_by': str,
        'parties': list[Party],
        'opened_at': str,
        'pass': int,
        'extended_at': NotRequired[str],
        'ballots': list[Ballot],
        'tally': NotRequired[Tally],
        'outcome': NotRequired[Outcome],
        'escalation': NotRequired[Escalation],
        'cancellation': NotRequired[Cancellation],
        'override': NotRequired[RoundOverride],
        'overrides': list[RoundOverride],
        'override_asked': list[OverrideAskedItem],
        'finished_at': NotRequired[str],
    },
)


class ByPath(TypedDict):
    act: HumanShare
    veto_window: HumanShare
    round: HumanShare
    approval: HumanShare


class Actions(TypedDict):
    actions: int
    human: int
    """How many of them needed a person"""

    share: float | None
    """human / actions; null without any"""

    by_path: ByPath
    by_kind: list[ByKindItem]
    """The 100 kinds with the most actions"""

    overridden: int
    challenged: int


class Approvals(TypedDict):
    waiting: int
    approved: int
    rejected: int
    defaulted: int
    """Nobody decided in time"""

    withdrawn: int
    superseded: int
    """Decided elsewhere"""

    escalated: int
    """A second group was asked"""

    edited: int
    """Approved as a person had corrected it"""

    seconds: Quantiles
    """From the request to the end"""

    agreement: float | None
    """Approved without a correction / (approved + rejected)"""


class Rounds(TypedDict):
    open: int
    agreed: int
    no_agreement: int
    no_quorum: int
    cancelled: int
    escalated: int
    """Went to people"""

    overridden: int
    challenges: int
    """Held about challenges"""

    seconds: Quantiles
    """From the opening to the end"""


class DecisionFigures(TypedDict):
    """How often people were needed, how long decisions took, and what came of them"""

    at: str
    """UTC with milliseconds"""

    complete: bool
    """False when there is more than was read: then these are the figures of a part"""

    actions: Actions
    approvals: Approvals
    rounds: Rounds


class KindRules(TypedDict):
    kind: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    rules: OversightRules
    rules_hash: str
    """Decisions repeat it"""


class Subject(TypedDict):
    subject: str
    """A pseudonym of yours: it stays on receipts, so no name and no address"""

    erased: NotRequired[Erased]
    """Absent while it is not"""

    reads: int
    """How often data about them was read"""

    last: list[PersonalRead]
    """The last 100 reads, the latest last"""


class Policy2(TypedDict):
    in_force: PolicyBundle
    revision: NotRequired[str]
    """What its authors call it; absent while it is not loaded"""

    shipped: str
    """What ships with this program: in force until somebody activates another"""

    shadow: NotRequired[str]
    """SHA-256 of the manifest's canonical form (RFC 8785)"""

    entrypoints: dict[str, list[str]]
    """By rule, the actions that it answers; every other action is denied"""

    trouble: NotRequired[str]
    """Why this process acts on nothing: the bundle could not be loaded"""


class PolicyShadow(TypedDict):
    bundle: str
    """SHA-256 of the manifest's canonical form (RFC 8785)"""

    in_force: str
    """SHA-256 of the manifest's canonical form (RFC 8785)"""

    asked: int
    not_compared: int
    """Questions that came faster than they could be compared"""

    actions: list[PolicyCompared]


class ToolPin(TypedDict):
    """What people have accepted of the newest version: it is called as that alone"""

    hash: str
    """SHA-256 over the RFC 8785 form of the interface"""

    by: str
    """Who has accepted it"""

    at: str
    """UTC with milliseconds"""

    interface: ToolInterface


class FoundInterface(TypedDict):
    """What the server says of it and nobody has accepted: it is not called meanwhile"""

    hash: str
    """SHA-256 over the RFC 8785 form of the interface"""

    at: str
    """UTC with milliseconds"""

    interface: ToolInterface
    differences: NotRequired[list[InterfaceDifference]]
    """In what it differs from what was accepted, the first hundred"""


class ToolCall(TypedDict):
    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    version: int
    status: Literal['asked', 'ended']
    tool_id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    tool_version: str
    pin: NotRequired[str]
    """SHA-256 over the RFC 8785 form of the interface"""

    url: str
    tool: str
    by: str
    arguments_hash: str
    """SHA-256 over the RFC 8785 form of the arguments"""

    asked_at: str
    """UTC with milliseconds"""

    until: str
    """When it has not ended by then, its outcome is `unknown`"""

    ended_at: NotRequired[str]
    """UTC with milliseconds"""

    outcome: NotRequired[Literal['ok', 'error', 'timed_out', 'unknown']]
    """`ok`: the tool has done it; `error`: it has not, or its answer can't be used; `timed_out`: no answer in time; `unknown`: cut off in between, or ended without an answer. Of the last two it may have been done"""

    called: NotRequired[bool]
    """False where nothing was asked of the tool, for certain"""

    reason: NotRequired[str]
    """Why it is not `ok`"""

    result: NotRequired[ToolResult]
    result_hash: NotRequired[str]
    """SHA-256 over the RFC 8785 form of the result"""


class TenantSummary(TypedDict):
    name: str
    limits: TenantLimits
    by: NotRequired[str]
    """Who set the limits last; absent where nobody has"""

    reason: NotRequired[str]
    created_at: NotRequired[str]
    """Absent for one that is there without being created"""

    agreed: NotRequired[Agreed1]
    """The first of two people who close it, or erase it; an hour later that counts no more"""

    closed: NotRequired[TenantEnded]
    """Nothing happens there any more, for good"""

    erased: NotRequired[TenantEnded]
    """Nobody opens personal data of it any more"""


class JobTaskInput(TypedDict):
    """A task. In its payload `{"$result": "<key>", "pointer": "/a/b"}` stands for that place in the result of a task that it comes after"""

    task_type: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    priority: NotRequired[float]
    urgency: NotRequired[float]
    """Rises to 1 at the deadline"""

    requires: NotRequired[list[Requirement]]
    """Capabilities an agent needs; by default to be of the type task_type"""

    location: NotRequired[str]
    """A place: ids separated by slashes"""

    effort: NotRequired[float]
    """Estimated seconds of work"""

    estimated_cost_micro_usd: NotRequired[int]
    """What it is estimated to cost, in millionths of a US dollar; without it: `effort` at the price of the type of agent that does it. With a margin it is reserved in the budgets that it concerns"""

    after: NotRequired[list[AfterItem]]
    """Keys of the tasks of this job that it comes after"""

    when: NotRequired[Literal['all', 'any']]
    """Whether all of them have to be completed, or one"""

    not_before: NotRequired[str]
    """It is offered to nobody before this, which is at most 31622400 seconds ahead, a year; one that has passed changes nothing"""

    deadline: NotRequired[str]
    """RFC 3339: in with any offset, out in UTC with milliseconds"""

    payload: NotRequired[Any]
    """The work itself; above 32 KB it is kept beside the receipt"""

    bid_seconds: NotRequired[float]
    """How long explicit bids are collected; 0 awards at once by standing offers"""

    accept_seconds: NotRequired[float]
    lease_seconds: NotRequired[float]
    max_attempts: NotRequired[int]
    retry_seconds: NotRequired[float]
    """Delay of the second attempt; doubles with each further one"""

    oversight: NotRequired[TaskOversightInput]
    key: str
    """Its name within the job"""


class TaskScheduleInput(TypedDict):
    id: NotRequired[str]
    """Your own id; without one a new id is made (from the Idempotency-Key, when there is one)"""

    name: NotRequired[str]
    cron: str
    """Five fields: minute, hour, day of the month (or `L`, the last), month, day of the week (also `FRI#2`, the second Friday). Where both days are given, either is enough"""

    time_zone: NotRequired[str]
    """A name of the IANA database. When the clock there is set back, a time that it shows twice runs once, the first time, so an interval, such as each quarter of an hour, rests for that hour; when it is set forward, a time that it never shows runs at that moment"""

    on_missed: NotRequired[Literal['skip', 'once', 'all']]
    """A run is missed when nothing ran at its time, or a stop stood, for more than 300 seconds, or until the next was due as well. `skip`: it never is; `once`: the last of them is; `all`: each of them is, the last `catch_up`"""

    catch_up: NotRequired[int]
    """With `all`: how many missed runs are made up for at once, at most"""

    task: ScheduledTaskInput


class Electorate1(TypedDict):
    algorithm: NotRequired[Literal['simple_majority', 'weighted_voting', 'delegated_authority', 'expertise_based', 'stakeholder_consensus', 'delegated_proof_of_stake']]
    voters: list[Voter] | VoterSearch
    groups: NotRequired[list[Group4]]
    """stakeholder_consensus"""

    delegates: NotRequired[int]
    """delegated_proof_of_stake: how many are elected"""

    min_agreement: NotRequired[float]
    """Share of the weight cast that the leading choice needs"""

    quorum: NotRequired[float]
    """Share of the weight that must be cast; whoever is gone since the round opened counts as one that did not vote"""


class RoundInput(TypedDict):
    id: NotRequired[str]
    """Your own id; without one a new id is made (from the Idempotency-Key, when there is one)"""

    question: NotRequired[str]
    """What is to be decided; or an action"""

    action: NotRequired[Action2]
    kind: str
    """Kind of decision"""

    impact: Impact
    choices: NotRequired[list[Choice1]]
    round_seconds: NotRequired[float]
    """How long each pass lasts"""

    improvement_rounds: NotRequired[int]
    """Passes after one without agreement, in which everybody sees who dissented and why"""

    allow_change: NotRequired[bool]
    """Votes may be changed until they are called final"""

    electorate: Electorate1


class OversightRulesSent(TypedDict):
    mode: Literal['full_automation', 'human_approval', 'human_in_the_loop', 'human_on_the_loop']
    veto_seconds: NotRequired[float]
    """With human_on_the_loop, and only then: how long people have to step in"""

    thresholds: Thresholds
    """A person is asked below this confidence and consensus, above this novelty, and from this impact on"""

    acts_alone: NotRequired[ActsAlone]
    """It acts alone only above this confidence and below this risk"""

    approvers: list[ApproverGroupSent]
    """Asked one after the other, each group for its seconds"""

    safe_default: Literal['refuse', 'postpone']
    """What holds when nobody decided"""

    round: NotRequired[Round2]
    """The vote that agents hold before"""

    holds_awards: NotRequired[bool]
    """Of the kind challenge, and only there: a challenged award is not accepted before it is decided"""


class DeployInput(TypedDict):
    agent_type: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    tenant_id: NotRequired[str]
    """By default the caller's; another's is refused"""

    id: NotRequired[str]
    """An id: ASCII letters, digits and . _ ~ : -"""

    lifecycle: NotRequired[Literal['always_on', 'business_hours', 'on_demand']]
    """When it is to run; by default the type's tier"""

    schedule: NotRequired[Schedule]
    resources: NotRequired[Resources]
    capacity: NotRequired[int]
    location: NotRequired[str]
    """A place: ids separated by slashes"""


class ToolInput(TypedDict):
    tool_name: str
    description: str
    schema: dict[str, Any]
    """JSON Schema of the arguments"""

    sandbox_level: NotRequired[Literal['restricted', 'moderate', 'permissive']]
    """What generated code may do"""

    api_name: NotRequired[str]
    """The API that it reaches"""

    operations: NotRequired[list[Operation]]
    owner: NotRequired[str]
    """By default the caller"""

    version: str
    code: NotRequired[str]
    """Source text; without it, it is called elsewhere"""

    code_ref: NotRequired[str]
    """Instead of `code`: sha256:<hex> in the blob archive"""

    mcp: NotRequired[McpEndpointSent]
    """Instead of `code`: it is called here, at a server of MCP"""

    tags: NotRequired[list[Tag]]


class ScheduledTask(TypedDict):
    """The task that each run posts, with every default filled in"""

    task_type: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    priority: float
    urgency: float
    """When posted; rises to 1 at the deadline"""

    requires: list[Require]
    location: NotRequired[str]
    effort: NotRequired[float]
    """Estimated seconds of work"""

    estimated_cost_micro_usd: NotRequired[int]
    """In millionths of a US dollar"""

    after: NotRequired[list[str]]
    """Ids of the tasks that it comes after"""

    when: NotRequired[Literal['all', 'any']]
    """Whether all of them have to be completed, which is the default, or one"""

    payload: NotRequired[Any]
    bid_seconds: float
    accept_seconds: float
    lease_seconds: float
    max_attempts: int
    retry_seconds: float
    oversight: NotRequired[TaskOversight]
    deadline_seconds: NotRequired[float]
    """The deadline of each task, in seconds from the time of its run"""


class Assignment(TypedDict):
    """An award that waits for acceptance"""

    kind: Literal['assignment']
    task: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    award: int
    accept_by: str
    """UTC with milliseconds"""

    attempt: int
    lease_seconds: float
    spec: TaskSpec


class Tool(TypedDict):
    status: Literal['active', 'deprecated']
    tool_id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    latest: ToolDefinition
    """The newest version"""

    versions: list[Version]
    """Oldest first, the last hundred"""

    deprecation: NotRequired[Deprecation]
    pin: NotRequired[ToolPin]
    found: NotRequired[FoundInterface]


class JobInput(TypedDict):
    id: NotRequired[str]
    """Your own id; without one a new id is made (from the Idempotency-Key, when there is one)"""

    name: NotRequired[str]
    parent: NotRequired[str]
    """The task, which the caller holds, that all tasks of the job are a part of"""

    cause: NotRequired[str]
    """The receipt (stream@index) that led to this job, for example of a signal"""

    tasks: list[JobTaskInput]
    on_failure: NotRequired[Literal['cancel', 'continue', 'compensate']]
    """When a task ends and is not completed: `cancel` ends all others; `continue` goes on with those that do not need it; `compensate` ends all others, and then posts the task `compensation`"""

    compensation: NotRequired[str]
    """Key of the task that makes good what was done; it is posted then, and only then"""


class TaskSchedule(TypedDict):
    id: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    name: NotRequired[str]
    status: Literal['active', 'paused', 'deleted']
    cron: str
    time_zone: str
    task_type: str
    """An id: ASCII letters, digits and . _ ~ : -"""

    requester: str
    """Who created it: its tasks are theirs"""

    posted: int
    """Runs that have posted their task"""

    refused: int
    """Runs whose task could not be posted"""

    missed: int
    """Runs that were missed and not made up for; of one outage the last ten"""

    created_at: str
    """UTC with milliseconds"""

    version: int
    on_missed: Literal['skip', 'once', 'all']
    catch_up: int
    task: ScheduledTask
    paused_by: NotRequired[PausedBy]
    next_runs: list[str]
    """When it runs next, as many as were asked for; none while it is paused"""

    waiting: list[str]
    """Runs that have fallen due and are kept out still, by a limit or a stop"""

    recent: list[PastRun]
    """The last runs, the latest last"""

    correlation_id: str
    """Of the schedule and of all its tasks"""


class Inbox(TypedDict):
    items: list[Assignment | HeldTask | Offer | VoteAsked]
    offers_after: str
    """Give it back as `offersAfter`: then no offer and no vote is shown twice, and none is passed over"""
