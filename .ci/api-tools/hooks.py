"""Makes requests valid that Schemathesis takes for valid: what their schemas can't say, and what it gets wrong itself."""

import decimal
import re
import uuid

import schemathesis


# An id that is made from an Idempotency-Key: nobody else may give one of this form.
DERIVED = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)


def tamed(value):
    """The same without what is refused everywhere and no schema can say: whole numbers that not every reader of JSON
    keeps, derived ids, NUL characters and lone surrogates."""
    if isinstance(value, dict):
        return {tamed(name): tamed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [tamed(item) for item in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) >= 2**53:
        return 0
    if not isinstance(value, str):
        return value
    return "an-id" if DERIVED.fullmatch(value) else re.sub("[\\x00\\ud800-\\udfff]", "-", value)


@schemathesis.hook
def before_call(_context, case, _kwargs):
    if case.meta is not None and not case.meta.generation.mode.is_positive:
        return
    headers, query = case.headers or {}, case.query or {}
    # The phase `coverage` takes the quotes off a version.
    version = headers.get("If-Match")
    if isinstance(version, str) and re.fullmatch(r"\d+", version):
        headers["If-Match"] = f'"{version}"'
    # A key belongs to one request; it draws the same ones over and over.
    if "Idempotency-Key" in headers:
        headers["Idempotency-Key"] = str(uuid.uuid4())
    # Only the list that has made a continuation knows it.
    query.pop("continuation", None)
    # Setting a body that may be absent, and is, would make Schemathesis take the case for a malformed one.
    if isinstance(case.body, (dict, list)):
        case.body = tamed(case.body)
    for name in query:
        query[name] = tamed(query[name])
        # In an address a number stands in digits, without an exponent.
        if isinstance(query[name], float):
            query[name] = format(decimal.Decimal(repr(query[name])), "f")
    # It waits ten seconds for an answer.
    if "waitSeconds" in query:
        query["waitSeconds"] = min(int(query["waitSeconds"]), 1)
    # It would take its own token back.
    if case.operation.label == "POST /v1/revocations" and isinstance(case.body, dict):
        case.body = {"kind": "principal", "id": "an-agent", "reason": "it was drawn"}
    # What is a time zone, and when a cron expression comes true, only a calendar knows.
    if isinstance(case.body, dict) and "schedule" in case.body:
        case.body["schedule"] = {"cron": "0 9-17 * * 1-5", "timezone": "Europe/Zurich"}
    # Only open and held tasks wait, no agent has them, and they are not looked for by what they belong to.
    if case.operation.label == "GET /v1/tasks" and ("sort" in query or "stuck" in query):
        query.pop("agent", None)
        query.pop("correlation_id", None)
        query.pop("status", None)
        query.pop("ended_on", None)


BY_ITSELF = ("POST /v1/gateway/agents", "POST /v1/gateway/commands")


@schemathesis.check
def misformed_items_are_refused(_context, response, case):
    """What has not its form is refused: the request as a whole, or each item of it that is read by itself."""
    if case.operation.label not in BY_ITSELF or case.meta is None or case.meta.generation.mode.is_positive:
        return
    if response.status_code < 400 and not any("problem" in answer for answer in response.json()["value"]):
        raise AssertionError(f"A request that has not the form of {case.operation.label} was done without a problem")
