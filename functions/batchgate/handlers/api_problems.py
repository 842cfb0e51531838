"""The API's problem documents (RFC 9457): for every error one of the types that docs/openapi.yaml describes."""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from batchgate.errors import (
    ChangedError,
    GateError,
    JobNotFoundError,
    NoPolicyDeployedError,
    NotAllowedError,
    RefusedError,
    UnreadableItemError,
)
from batchgate.jobs.model import Json

CONTENT_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 5


class Type(StrEnum):
    """What went wrong, as programs distinguish it."""

    AMBIGUOUS = "/problems/ambiguous"
    ANOTHER_ACCOUNT = "/problems/another-account"
    ANOTHER_PAUSE = "/problems/another-pause"
    ERROR = "/problems/error"
    INVALID = "/problems/invalid"
    JOB_CHANGED = "/problems/job-changed"
    MAY_NOT_APPROVE = "/problems/may-not-approve"
    METHOD_NOT_ALLOWED = "/problems/method-not-allowed"
    NO_CALLER = "/problems/no-caller"
    NO_PAUSE_NAMED = "/problems/no-pause-named"
    NOT_DECIDABLE = "/problems/not-decidable"
    NOT_FOUND = "/problems/not-found"
    TOO_LARGE = "/problems/too-large"
    UNAVAILABLE = "/problems/unavailable"


_TITLES: Final[Mapping[Type, tuple[HTTPStatus, str]]] = {
    Type.AMBIGUOUS: (HTTPStatus.CONFLICT, "Several jobs have ids that begin so"),
    Type.ANOTHER_ACCOUNT: (HTTPStatus.FORBIDDEN, "The caller is not of the gate's account"),
    Type.ANOTHER_PAUSE: (HTTPStatus.PRECONDITION_FAILED, "This is not the pause that was shown"),
    Type.ERROR: (HTTPStatus.INTERNAL_SERVER_ERROR, "Error of the gate"),
    Type.INVALID: (HTTPStatus.UNPROCESSABLE_ENTITY, "The request is invalid"),
    Type.JOB_CHANGED: (HTTPStatus.CONFLICT, "The job has changed since it was shown"),
    Type.MAY_NOT_APPROVE: (HTTPStatus.FORBIDDEN, "This approval would not count"),
    Type.METHOD_NOT_ALLOWED: (HTTPStatus.METHOD_NOT_ALLOWED, "There is no such method here"),
    Type.NO_CALLER: (HTTPStatus.INTERNAL_SERVER_ERROR, "AWS did not say who calls"),
    Type.NO_PAUSE_NAMED: (HTTPStatus.PRECONDITION_REQUIRED, "If-Match is missing"),
    Type.NOT_DECIDABLE: (HTTPStatus.CONFLICT, "The job can't be decided now"),
    Type.NOT_FOUND: (HTTPStatus.NOT_FOUND, "There is no such thing"),
    Type.TOO_LARGE: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large"),
    Type.UNAVAILABLE: (HTTPStatus.SERVICE_UNAVAILABLE, "A service that the gate needs did not do its part"),
}


class ProblemError(GateError):
    """A request that is answered with a problem document.

    Attributes:
        type: Which.
        members: What it has beside type, title, status and detail.
        headers: Of the response.
    """

    def __init__(
        self,
        problem: Type,
        detail: str,
        members: Mapping[str, Json] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.type = problem
        self.members = members or {}
        self.headers = headers or {}

    @property
    def status(self) -> HTTPStatus:
        """The HTTP status."""
        return _TITLES[self.type][0]

    def as_json(self) -> dict[str, Json]:
        """The document."""
        status, title = _TITLES[self.type]
        return {"type": str(self.type), "title": title, "status": int(status), "detail": str(self), **self.members}


def problem_of(error: GateError) -> ProblemError:
    """The problem document for an error of the gate. What is no refusal may work later, and says so."""
    match error:
        case ProblemError():
            return error
        case ChangedError():
            return ProblemError(Type.JOB_CHANGED, str(error))
        case NotAllowedError():
            return ProblemError(Type.MAY_NOT_APPROVE, str(error))
        case RefusedError():
            return ProblemError(Type.NOT_DECIDABLE, str(error))
        case JobNotFoundError():
            return ProblemError(Type.NOT_FOUND, str(error))
        case UnreadableItemError():
            return ProblemError(Type.ERROR, str(error))
        case NoPolicyDeployedError():  # no caller need wait for that
            detail = f"{error}; `batchgate policy push PATH` or a deployment of the stack puts some in force"
            return ProblemError(Type.UNAVAILABLE, detail)
        case _:
            return ProblemError(Type.UNAVAILABLE, str(error), headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
