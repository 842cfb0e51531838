"""Read-only checks of an account or a deployment: each gives lines that pass, warn or fail, and say what to do."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from botocore import xform_name
from botocore.exceptions import ClientError

from batchgate.aws.calls import CallError, make_call
from batchgate.aws.ledger_items import MALFORMED
from batchgate.aws.s3control import CONFIG
from batchgate.errors import GateError
from batchgate.jobs.model import Json
from batchgate.text import shorten
from batchgate_cli.exits import Exit
from batchgate_cli.operating.options import GateAccessError

if TYPE_CHECKING:
    import boto3

ContextT = TypeVar("ContextT")

_AT_ONCE: Final = 8
_DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "UnauthorizedOperation",
    }
)
"""What AWS's services call a missing permission. *Source*: their API references, common errors."""

_IAM_PREFIXES: Final = {"appconfigdata": "appconfig", "s3control": "s3"}
"""Of the services whose name in IAM differs from botocore's. *Source*: Service Authorization Reference."""


class Level(StrEnum):
    """How a line turned out, from the best to the worst."""

    PASS = "pass"  # noqa: S105 - no password
    HINT = "hint"
    """Worth knowing; nothing is wrong."""
    WARN = "warn"
    FAIL = "fail"


LEVELS: Final = tuple(Level)
EXITS: Final = {Level.PASS: Exit.DONE, Level.HINT: Exit.DONE, Level.WARN: Exit.WARNED, Level.FAIL: Exit.CHECK_FAILED}


@dataclass(frozen=True, slots=True)
class Line:
    """One finding.

    Attributes:
        check: The name of what was checked.
        found: What was found.
        do: What to do about it; "" for nothing.
        facts: The same for programs, by names that are unique among all checks.
    """

    check: str
    level: Level
    found: str
    do: str = ""
    facts: Mapping[str, Json] = field(default_factory=dict)

    def as_json(self) -> dict[str, Json]:
        """The stable JSON form: keys may be added, none change their meaning."""
        return {"check": self.check, "level": str(self.level), "found": self.found, "do": self.do or None}


class NotCheckedError(GateError):
    """Something could not be read, so nothing is known of it.

    Attributes:
        permission: The IAM action that is missing; "" where the error is another one.
        code: AWS's error code; "" where there was no error response.
    """

    def __init__(self, message: str, permission: str = "", code: str = "") -> None:
        super().__init__(message)
        self.permission = permission
        self.code = code


@dataclass(frozen=True, slots=True)
class Aws:
    """Calls that read. Any failure is a `NotCheckedError`, which names a permission that is missing."""

    session: "boto3.session.Session"
    _clients: dict[str, Any] = field(default_factory=dict)
    _making_clients: Lock = field(default_factory=Lock)

    def ask(self, service: str, operation: str, /, **parameters: object) -> Mapping[str, Any]:
        """Make one call.

        Args:
            service: As boto3 names it.
            operation: As the service's API names it.
            parameters: The operation's own.

        Raises:
            NotCheckedError: It failed.
        """
        client = self._client(service)
        answer: Mapping[str, Any] = _asked(
            service, operation, lambda: getattr(client, xform_name(operation))(**parameters)
        )
        return answer

    def ask_all(self, service: str, operation: str, member: str, /, **parameters: object) -> list[Any]:
        """Make a call and follow its pages; the elements of one list.

        Raises:
            NotCheckedError: It failed, or a page has no such list.
        """
        pages = self._client(service).get_paginator(xform_name(operation)).paginate(**parameters)
        return [each for page in _asked(service, operation, lambda: list(pages)) for each in page[member]]

    def _client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes clients' types at run time
        """A session is for one thread at a time, clients are for all."""
        with self._making_clients:
            if service not in self._clients:
                self._clients[service] = self.session.client(service, config=CONFIG)  # type: ignore[call-overload]
            return self._clients[service]


def _asked(service: str, operation: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - as boto3 answers
    permission = f"{_IAM_PREFIXES.get(service, service)}:{operation}"
    try:
        return make_call(call)
    except CallError as error:
        if error.code in _DENIED:
            raise NotCheckedError(f"your credentials lack {permission}", permission, error.code) from error
        raise NotCheckedError(f"{permission}: {error}", code=error.code) from error


@dataclass(frozen=True, slots=True)
class Check(Generic[ContextT]):
    """One check.

    Attributes:
        name: Of its lines, if they have no other.
        lines: Yields what it finds; what it raises is reported as not checked, never as passed.
    """

    name: str
    lines: Callable[[ContextT], Iterator[Line]]


def run_checks(checks: Sequence[Check[ContextT]], context: ContextT) -> list[Line]:
    """The lines of all checks, in their order."""
    with ThreadPoolExecutor(_AT_ONCE, "checks") as pool:
        return [line for lines in pool.map(lambda check: lines_of(check, context), checks) for line in lines]


def lines_of(check: Check[ContextT], context: ContextT) -> list[Line]:
    """The lines of one check. An error ends it with a warning that names what could not be checked."""
    lines: list[Line] = []
    try:
        for line in check.lines(context):
            lines.append(line)  # noqa: PERF402 - those before an error are kept
    except GateError as error:
        lines.append(_not_checked(check.name, error))
    except MALFORMED as error:
        text = f"not checked: AWS's answer can't be read: {type(error).__name__}: {shorten(str(error), 200)}"
        lines.append(Line(check.name, Level.WARN, text))
    if not lines:
        lines.append(Line(check.name, Level.WARN, "not checked: nothing was found to check"))
    return lines


def _not_checked(check: str, error: GateError) -> Line:
    permission = getattr(error, "permission", "")
    found = f"your credentials lack {permission}" if permission else shorten(str(error), 300)
    do = f"allow {permission}, then run this again" if permission else ""
    return Line(check, Level.WARN, f"not checked: {found}", do)


def line_of_no_access(check: str, error: GateAccessError, do: str) -> Line:
    """The one line where nothing can be checked: a failure, or a warning where only a permission is missing."""
    cause = error.__cause__
    if isinstance(cause, ClientError) and cause.response.get("Error", {}).get("Code") in _DENIED:
        return Line(check, Level.WARN, f"not checked: {error}", "allow ssm:GetParameter, then run this again")
    return Line(check, Level.FAIL, str(error), do)


def worst(lines: Sequence[Line]) -> Level:
    """The worst level of some lines; PASS for none."""
    return max((line.level for line in lines), key=LEVELS.index, default=Level.PASS)
