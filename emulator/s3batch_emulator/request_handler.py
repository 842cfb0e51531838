"""Handles one request: route, authorize, parse, execute, serialize; and apply faults."""

import random
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime

from s3batch_emulator.address import JobScope, host_account, host_region, partition_of, region_of, signed_region
from s3batch_emulator.calls import Call
from s3batch_emulator.errors import ApiError, MalformedRequestError, Vocabulary
from s3batch_emulator.exchange import Ending, HttpRequest, HttpResponse
from s3batch_emulator.faults import Effect, Fault, FaultPlan, RateLimiter
from s3batch_emulator.identity import Identity
from s3batch_emulator.model import operation as operation_model
from s3batch_emulator.model import other_paths, routes
from s3batch_emulator.operations import Perform
from s3batch_emulator.values import Structure
from s3batch_emulator.wire import read_request, write_answer, write_error

CALLS_KEPT = 10_000
_ACCOUNT_HEADER = "x-amz-account-id"
_WRONG_XML = HttpResponse(
    200, b"<html><body>proxy error</body></html>", {"Content-Type": "text/html", "Server": "proxy"}
)
"""Well-formed, so that clients parse it as a document of S3 without members."""
_OTHER_BODIES = {
    Effect.EMPTY_ANSWER: b"",
    Effect.ERROR_IN_200: b"<Error><Code>InternalError</Code><Message>We encountered an error.</Message></Error>",
    Effect.OTHER_DOCUMENT: b"<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>",
}
_ENDINGS = {Effect.RESET: Ending.RESET, Effect.HANG: Ending.HANG, Effect.HALF_ANSWER: Ending.HALF}


@dataclass(slots=True)
class RequestHandler:
    """Handles requests. Callers hold the lock of the service.

    Attributes:
        perform: The function for each operation.
        rng: Source of request ids.
        region: The Region of requests that name none.
        partition: The partition of Regions that botocore does not know.
        limiter: None for no limit.
        calls: The latest requests that reached an operation, oldest first.
    """

    perform: dict[str, Perform]
    rng: random.Random
    vocabulary: Vocabulary
    bare_errors: bool
    error_namespace: bool
    region: str
    partition: str
    faults: FaultPlan
    identity: Identity
    limiter: RateLimiter | None
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=CALLS_KEPT))

    def handle(self, request: HttpRequest, now: datetime, date: datetime) -> HttpResponse:
        """Respond to a request as S3 would, with a Date header."""
        request_id = f"{self.rng.getrandbits(64):016X}"
        headers = {
            "Content-Type": "application/xml",
            "x-amz-request-id": request_id,
            "x-amz-id-2": request_id,
            "Server": "AmazonS3",
            "Date": format_datetime(date.astimezone(UTC), usegmt=True),
        }
        try:
            operation, path = _route(request)
            answer = self._recorded(operation, path, request, now)
            return answer if answer.headers else replace(answer, headers=headers)
        except ApiError as error:
            named = error.in_vocabulary(self.vocabulary)
            body = write_error(
                named.code,
                named.message,
                request_id,
                request_id,
                bare=self.bare_errors,
                namespace=self.error_namespace,
            )
            return HttpResponse(named.status, body, headers)

    def _recorded(self, operation: str, path: dict[str, str], request: HttpRequest, now: datetime) -> HttpResponse:
        call = Call(now, operation, self._scope(request))
        try:
            response = self._executed(call, path, request)
            call = replace(call, ending=response.ending)
        except ApiError as error:
            call = replace(call, code=error.in_vocabulary(self.vocabulary).code)
            raise
        finally:
            self.calls.append(call)
        return response

    def _executed(self, call: Call, path: dict[str, str], request: HttpRequest) -> HttpResponse:
        _check_region(request)
        job_id = path.get("id")
        self.identity.admit(request, call.operation, call.scope, job_id, call.at)
        if self.limiter is not None and not self.limiter.admits(call.scope, call.at):
            raise ApiError("TooManyRequestsException", "Please reduce your request rate.")
        fault = self.faults.pick(call.operation, call.scope, job_id)
        if fault is not None and _precedes_change(fault):
            return _apply_fault(fault, b"")
        call.parameters.update(_read_input(call.operation, path, request))
        body = write_answer(
            operation_model(call.operation), self.perform[call.operation](call.scope, call.parameters, call.at)
        )
        return HttpResponse(200, body, {}) if fault is None else _apply_fault(fault, body)

    def _scope(self, request: HttpRequest) -> JobScope:
        region = region_of(request.headers, self.region)
        return JobScope(partition_of(region, self.partition), region, request.headers.get(_ACCOUNT_HEADER, ""))


def _check_region(request: HttpRequest) -> None:
    """Refuse a signature for another Region than the host's, or jobs would be created in an unexpected Region.

    Code and message are those that S3 itself returns for a signature of the wrong Region.
    """
    named, signed = host_region(request.headers), signed_region(request.headers)
    if named is not None and signed is not None and named != signed:
        raise ApiError(
            "AuthorizationHeaderMalformed",
            f"The authorization header is malformed; the region '{signed}' is wrong; expecting '{named}'",
        )


def _precedes_change(fault: Fault) -> bool:
    return not fault.after_change and fault.effect in {Effect.ERROR, Effect.RESET, Effect.HANG}


def _apply_fault(fault: Fault, body: bytes) -> HttpResponse:
    if fault.effect is Effect.ERROR:
        raise ApiError(fault.code, "A fault of the emulator returns this error.", verbatim=True)
    if fault.effect is Effect.WRONG_XML:
        return _WRONG_XML
    if fault.effect in _OTHER_BODIES:
        return HttpResponse(200, _OTHER_BODIES[fault.effect], {})
    return HttpResponse(200, body, {}, _ENDINGS[fault.effect])


def _route(request: HttpRequest) -> tuple[str, dict[str, str]]:
    allowed = False
    for route in routes():
        found = route.path.fullmatch(request.path)
        if found and route.method == request.method:
            return route.operation, found.groupdict()
        allowed = allowed or found is not None
    if allowed:
        raise ApiError("MethodNotAllowed", "The specified method is not allowed against this resource.")
    if any(path.fullmatch(request.path) for path in other_paths()):
        raise ApiError("NotImplemented", "Only the job operations of S3 Control are emulated.")
    raise ApiError("InvalidURI", "Couldn't parse the specified URI.")


def _read_input(operation: str, path: dict[str, str], request: HttpRequest) -> Structure:
    try:
        asked = read_request(operation_model(operation), path, request.query, request.headers, request.body)
    except MalformedRequestError as error:
        # ListJobs is the only operation whose model declares InvalidRequestException, and no BadRequestException.
        code = "InvalidRequestException" if operation == "ListJobs" else "BadRequestException"
        raise ApiError(code, str(error)) from error
    named = host_account(request.headers.get("host", ""))
    if named is not None and named != request.headers.get(_ACCOUNT_HEADER):
        raise ApiError("BadRequestException", f"The host names account {named}, {_ACCOUNT_HEADER} another")
    return asked
