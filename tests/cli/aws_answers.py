"""AWS as a table of answers: real boto3 clients, whose requests are answered before they are sent."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from functools import cache
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from batchgate.aws.answers import only_answers
from batchgate.gate.ports import Clock

Answer: TypeAlias = "Mapping[str, Any] | Callable[[dict[str, Any]], Any] | bytes | Refusal"
"""A document, a function from a request's JSON to one, the very bytes, or an error."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error response."""

    code: str
    status: int = 400
    message: str = "no"


DENIED = Refusal("AccessDeniedException", 403, "User is not authorized")


@dataclass
class AwsAnswers:
    """One account.

    Attributes:
        answers: By SERVICE.OPERATION, as botocore's events name them.
        asked: Every operation that was called, in order.
        clock: This machine's.
        ahead: By how much AWS's is ahead of it.
    """

    answers: dict[str, Answer]
    clock: Clock
    asked: list[str] = field(default_factory=list)
    ahead: timedelta = timedelta(0)

    def answer(self, request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse:
        """The response to a request; for botocore's event `before-send`."""
        operation = event_name.removeprefix("before-send.")
        self.asked.append(operation)
        answer = self.answers.get(operation, Refusal("UnknownOperation", 400, f"the test answers no {operation}"))
        if callable(answer):
            answer = answer(json.loads(cast("bytes", request.body or b"{}")))
        service, name = operation.split(".", 1)
        headers: dict[str, object] = {
            "x-amzn-requestid": "1",
            "date": format_datetime(self.clock.now() + self.ahead, usegmt=True),
        }
        status, body, more = _serialized(service, name, answer)
        return AWSResponse(request.url, status, headers | more, _Raw(body))  # type: ignore[arg-type]


_QUERY = frozenset({"cloudformation", "iam", "sns", "sts"})


def _serialized(service: str, operation: str, answer: Any) -> tuple[int, bytes, dict[str, str]]:
    if isinstance(answer, bytes):
        return 200, answer, {}
    if service == "execute-api":
        is_refusal = isinstance(answer, Refusal)
        content = {"message": answer.message} if is_refusal else answer
        return answer.status if is_refusal else 200, json.dumps(content).encode(), {}
    is_xml = service in _QUERY or service == "s3-control"
    if isinstance(answer, Refusal):
        if is_xml:
            error = f"<Error><Code>{answer.code}</Code><Message>{escape(answer.message)}</Message></Error>"
            return answer.status, f"<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>".encode(), {}
        body = json.dumps({"__type": answer.code, "message": answer.message}).encode()
        return answer.status, body, {"x-amzn-errortype": answer.code}
    if service == "appconfigdata" and operation == "GetLatestConfiguration":
        more = {"Next-Poll-Configuration-Token": "next", "Next-Poll-Interval-In-Seconds": "15"}
        return 200, answer["Configuration"], more
    if not is_xml:
        return 200, json.dumps(answer).encode(), {}
    if service == "s3-control":
        return 200, f"<{operation}Result>{_xml(answer)}</{operation}Result>".encode(), {}
    result = f"<{operation}Result>{_xml(answer)}</{operation}Result>"
    return 200, f"<{operation}Response>{result}</{operation}Response>".encode(), {}


def _xml(value: Any) -> str:
    match value:
        case dict():
            return "".join(f"<{name}>{_xml(each)}</{name}>" for name, each in value.items())
        case list():
            return "".join(f"<member>{_xml(each)}</member>" for each in value)
        case bool():
            return str(value).lower()
        case _:
            return escape(str(value))


class _Raw:
    """A body that urllib3 would have."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self._body

    def read(self, *_: object, **__: object) -> bytes:
        body, self._body = self._body, b""
        return body


def _path_of(request: AWSPreparedRequest) -> str:
    return urlsplit(request.url).path


class Answered:
    """A session of an account, and its clients, which are made once: making one takes longer than a test.

    Attributes:
        aws: Who answers.
        send: The same for the gate's API: operations are named METHOD PATH, of the service execute-api.
    """

    def __init__(self, region: str) -> None:
        self.send = lambda request: self.aws.answer(request, f"execute-api.{request.method} {_path_of(request)}")
        self.session = boto3.session.Session("1" * 12, "secret", region_name=region)
        only_answers(self.session.events)
        register: Any = self.session.events.register  # typed for handlers that answer nothing
        register("before-send", self._answer)
        self.aws: AwsAnswers

    def _answer(self, **event: Any) -> AWSResponse:
        return self.aws.answer(**event)

    @cache  # noqa: B019 - there is one
    def client(self, service: str) -> Any:
        """A client of a service."""
        return self.session.client(service)  # type: ignore[call-overload]
