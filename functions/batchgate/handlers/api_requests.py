"""Requests of the API: who calls, and parameters and bodies, read as strictly as docs/openapi.yaml describes them."""

import re
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from threading import Lock
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct

from batchgate.handlers.api_problems import ProblemError, Type
from batchgate.jobs.model import Instant
from batchgate.text import shorten

BODY_AT_MOST: Final = 16 * 1024
"""Bytes."""

Event: TypeAlias = Mapping[str, Any]
"""What API Gateway passes to the function: payload format 2.0."""

_Wanted = TypeVar("_Wanted")
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Other instants are refused: what is added to them or subtracted must be an instant, too."""

_Pattern: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256)]
_Reason: TypeAlias = Annotated[str, Meta(min_length=1, max_length=1000)]
_Limit: TypeAlias = Annotated[int, Meta(ge=1, le=500)]
_Next: TypeAlias = Annotated[str, Meta(max_length=2000, pattern="^[A-Za-z0-9_-]+$")]


class Decide(Struct, frozen=True, forbid_unknown_fields=True):
    """The body that decides a job."""

    reason: _Reason
    digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class PauseGate(Struct, frozen=True, forbid_unknown_fields=True):
    """The body that pauses the gate."""

    reason: _Reason


class ListJobs(Struct, frozen=True, forbid_unknown_fields=True):
    """The query of GET /jobs."""

    status: Literal["held", "open"] = "held"
    operation: _Pattern | None = None
    policy: _Pattern | None = None
    tag: Annotated[tuple[Annotated[str, Meta(pattern="(?s)^[^=]{1,128}=.{0,256}$")], ...], Meta(max_length=50)] = ()
    since: Instant | None = None
    job: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,36}\Z")] | None = None
    limit: _Limit = 100
    next: _Next | None = None


class ListDecisions(Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """The query of GET /decisions."""

    from_: Instant | None = None
    to: Instant | None = None
    policy: _Pattern | None = None
    verdict: (
        Literal["approved", "cancelled", "superseded", "ungated", "ungated_or_confirmed_elsewhere", "lapsed"] | None
    ) = None
    person: _Pattern | None = None
    detail: Literal["summary", "full"] = "summary"
    limit: _Limit = 100
    next: _Next | None = None


class ListBudgets(Struct, frozen=True, forbid_unknown_fields=True):
    """The query of GET /budgets."""

    budget: _Pattern | None = None
    account: Annotated[str, Meta(max_length=256)] | None = None
    at: Instant | None = None
    limit: _Limit = 100
    next: _Next | None = None


class NoQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The query of everything else."""


def caller_of(event: Event, account_id: str) -> str:
    """The ARN of the caller, as AWS verified it; nothing that a caller can send is looked at.

    *Source*: API Gateway Developer Guide, "Create AWS Lambda proxy integrations for HTTP APIs", payload format 2.0:
    `requestContext.authorizer.iam` is there with IAM authorization.

    Raises:
        ProblemError: AWS named no caller, or one of another account.
    """
    try:
        caller = event["requestContext"]["authorizer"]["iam"]
        arn, account = caller["userArn"], caller["accountId"]
    except (LookupError, TypeError):
        arn = account = None
    if not isinstance(arn, str) or not _CALLER.fullmatch(arn):
        raise ProblemError(Type.NO_CALLER, "The request has no caller. Its route must have IAM authorization.")
    if account != account_id or arn.split(":")[4] != account_id:
        raise ProblemError(Type.ANOTHER_ACCOUNT, f"{arn}: expected a caller of the account {account_id}")
    return arn


_CALLER: Final = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::\d{12}:[!-~]{1,2000}")


def query_of(event: Event, wanted: type[_Wanted]) -> _Wanted:
    """Read the query as it was sent: in API Gateway's reading, a parameter that is given twice is one with a comma.

    Raises:
        ProblemError: A parameter is unknown, given twice, or not as it should be.
    """
    try:
        pairs = parse_qsl(
            event.get("rawQueryString") or "", keep_blank_values=True, strict_parsing=False, errors="strict"
        )
    except ValueError as error:
        raise ProblemError(Type.INVALID, "query: expected UTF-8, percent-encoded") from error
    given: dict[str, Any] = {}
    for name, value in pairs:
        if name == "tag":
            given.setdefault(name, []).append(value)
        elif name in given:
            raise ProblemError(Type.INVALID, f"query parameter {_shown(name)}: given more than once")
        else:
            given[name] = value
    return _converted(given, wanted, "query parameter ")


def body_of(event: Event, wanted: type[_Wanted]) -> _Wanted:
    """Read the body.

    Raises:
        ProblemError: It is too large, or not as it should be.
    """
    text = event.get("body") or ""
    if len(text) > 2 * BODY_AT_MOST:
        raise _too_large()
    try:
        content = b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
    except ValueError as error:
        raise ProblemError(Type.INVALID, "body: expected JSON") from error
    if len(content) > BODY_AT_MOST:
        raise _too_large()
    try:
        found = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(Type.INVALID, f"body: expected JSON: {shorten(str(error), 200)}") from error
    return _converted(found, wanted, "body, member ", strict=True)


def _too_large() -> ProblemError:
    return ProblemError(Type.TOO_LARGE, f"body: expected {BODY_AT_MOST:,} bytes or fewer")


def reason_in(body: Decide | PauseGate) -> str:
    """The reason, in one line.

    Raises:
        ProblemError: It says nothing.
    """
    reason = " ".join(body.reason.split())
    if not reason:
        raise ProblemError(Type.INVALID, "body, member reason: expected text, got white space")
    return reason


_decoding_lock: Final = Lock()
"""While msgspec builds its description of a type, another thread that decodes to it crashes the process."""


def _converted(found: object, wanted: type[_Wanted], where: str, *, strict: bool = False) -> _Wanted:
    try:
        with _decoding_lock:
            read = msgspec.convert(found, wanted, strict=strict)
    except msgspec.ValidationError as error:
        raise ProblemError(Type.INVALID, _in_words(str(error), where)) from error
    for name in getattr(wanted, "__struct_fields__", ()):
        value = getattr(read, name)
        if isinstance(value, datetime) and not _FIRST <= value <= _LAST:
            raise ProblemError(
                Type.INVALID, f"{where}{name.rstrip('_')}: expected an instant of the years 2000 to 8999"
            )
    return read


_PATH: Final = re.compile(r" - at `\$(?:\.(?P<name>[a-z_]+))?(?P<rest>.*)`$")


def _in_words(message: str, where: str) -> str:
    """Msgspec's message, with the place first."""
    found = _PATH.search(message)
    start = message[: found.start()] if found else message
    name = f"{where}{found['name']}" if found and found["name"] else where.rpartition(", ")[0] or where.strip()
    return f"{name}: {start[:1].lower()}{start[1:]}"


def _shown(name: str) -> str:
    return shorten(name, 40) if name.isascii() and name.isprintable() else repr(shorten(name, 40))


# --- Pages ----------------------------------------------------------------------------------------------


def cursor(*parts: str) -> str:
    """Where the next page begins, opaque."""
    return urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def parts_of(text: str, count: int) -> tuple[str, ...]:
    """Read what `cursor` made.

    Raises:
        ProblemError: It was made by something else.
    """
    try:
        parts = msgspec.json.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=tuple[str, ...])
    except (ValueError, msgspec.MsgspecError) as error:
        raise _not_ours() from error
    if len(parts) != count:
        raise _not_ours()
    return parts


def _not_ours() -> ProblemError:
    return ProblemError(Type.INVALID, "query parameter next: expected the member `next` of the page before")


def instant_in(text: str) -> datetime:
    """An instant of a cursor.

    Raises:
        ProblemError: It is none.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise _not_ours() from error
    if instant.tzinfo is None or not _FIRST <= instant <= _LAST:
        raise _not_ours()
    return instant
