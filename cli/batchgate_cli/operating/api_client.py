"""The gate's API: found by the SSM parameter, signed as AWS asks, sent by botocore's transport. Imports no boto3."""

import json
import logging
import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from threading import Lock
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import quote, urlsplit

import botocore.session
import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ProxyConnectionError,
)
from botocore.exceptions import ConnectionError as AwsConnectionError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from batchgate import __version__
from batchgate.contract import GATE_PARAMETER, DeployedGate
from batchgate.errors import RefusedError
from batchgate.jobs.model import Json
from batchgate.text import shorten
from batchgate_cli.exits import OutcomeUnknownError
from batchgate_cli.operating.aws_errors import aws_errors
from batchgate_cli.operating.options import ApiOptions, GateAccessError, NoGateError, region_of

DocumentT = TypeVar("DocumentT")
ValueT = TypeVar("ValueT")
ResultT = TypeVar("ResultT")
Query: TypeAlias = str | int | tuple[str, ...] | None
"""A parameter of a query: None is left out, of a tuple each value is one."""

AT_ONCE: Final = 8
"""So many requests of one command are sent at once."""

_SERVICE: Final = "execute-api"
_ATTEMPTS: Final = 4
_WAITS_AT_MOST: Final = 8.0
_THROTTLED: Final = 429
_AGAIN: Final = frozenset({_THROTTLED, 500, 502, 503, 504})
_SERVER_FAILED: Final = 500
_NO_SUCCESS: Final = 300
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
REFUSED: Final = frozenset(
    f"/problems/{each}" for each in ("may-not-approve", "job-changed", "not-decidable", "another-pause")
)
"""Problems that say what is so, where others say that something failed."""

_NOT_SENT: Final = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError)
_CHECK_NETWORK: Final = "check the network, --region and --endpoint-url"
_JOB: Final = re.compile(r"/jobs/[^/]+")


class ProblemError(GateAccessError):
    """The API answered with a problem document.

    Attributes:
        kind: The problem's type: `/problems/job-changed`.
        status: The HTTP status.
        members: What is reported of it with `--output json`.
        document: All of it.
        permission: What the caller lacks; "" where that is not why.
    """

    def __init__(self, message: str, status: int, document: Mapping[str, Any], permission: str = "") -> None:
        super().__init__(message)
        self.permission = permission
        self.kind = str(document.get("type") or "")
        self.status = status
        self.document = document
        self.members: dict[str, Json] = {"type": self.kind or None, "status": status}


class RefusedByApiError(ProblemError, RefusedError):
    """The job, or whoever asks, is not such that this can be done; the message says why."""


@dataclass(frozen=True, slots=True)
class GateApi:
    """The API of one gate, for one caller.

    Attributes:
        url: Without a path.
        credentials: None to send requests unsigned.
    """

    url: str
    region: str
    credentials: Credentials | None
    http: URLLib3Session

    def get(self, path: str, **query: Query) -> dict[str, Any]:
        """Read a document. Tried again while the API fails or can't be reached.

        Raises:
            ProblemError: The API refused.
            GateAccessError: It could not be reached, or its answer is none.
        """
        given = {name: value if isinstance(value, tuple) else (value,) for name, value in query.items()}
        pairs = [
            f"{name}={quote(str(value), safe='-_.~')}"
            for name, values in given.items()
            for value in values
            if value is not None
        ]
        url = f"{path}?{'&'.join(pairs)}" if pairs else path
        for attempt in count(1):
            try:
                answer = self._send("GET", url)
            except (AwsConnectionError, HTTPClientError) as error:
                if attempt == _ATTEMPTS or isinstance(error, _NOT_SENT):
                    raise GateAccessError(f"{error}; {_CHECK_NETWORK}") from error
                time.sleep(_pause(attempt, None))
                continue
            if answer.status_code not in _AGAIN or attempt == _ATTEMPTS:
                return _document("GET", path, answer)
            time.sleep(_pause(attempt, answer.headers.get("Retry-After")))
        raise AssertionError  # it counts without end

    def pages(self, path: str, member: str, **query: Query) -> Iterator[dict[str, Any]]:
        """Read a listing page by page.

        Raises:
            GateAccessError: As `get`; or a page is not one, or the same as the one before.
        """
        following: str | None = None
        while True:
            page = self.get(path, **query, next=following)
            if not isinstance(page.get(member), list):
                raise GateAccessError(f"GET {path}: expected a page with {member}, got {_in_short(page)}")
            yield page
            before, following = following, page.get("next")
            if not following:
                return
            if following == before:
                raise GateAccessError(f"GET {path}: the same page came twice")

    def send(
        self, method: str, path: str, body: Mapping[str, Json] | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Have something done. Sent again only if it was throttled, which has no effect.

        Raises:
            RefusedByApiError: It can't be done, or not by this caller.
            ProblemError: The API refused otherwise. Nothing was done, if its message says nothing else.
            OutcomeUnknownError: The answer was lost. It may have been done.
            GateAccessError: Nothing was sent.
        """
        for attempt in count(1):
            try:
                answer = self._send(method, path, body, headers)
            except _NOT_SENT as error:
                raise GateAccessError(f"nothing was sent: {error}; {_CHECK_NETWORK}") from error
            except (AwsConnectionError, HTTPClientError) as error:
                raise OutcomeUnknownError(f"the answer was lost: {error}") from error
            if answer.status_code != _THROTTLED or attempt == _ATTEMPTS:
                return _done(method, path, answer)
            time.sleep(_pause(attempt, answer.headers.get("Retry-After")))
        raise AssertionError  # it counts without end

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Json] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AWSResponse:
        data = json.dumps(body).encode() if body is not None else b""
        request = AWSRequest(
            method,
            f"{self.url}{path}",
            {
                "Accept": "application/json, application/problem+json",
                "User-Agent": f"batchgate/{__version__}",
                **({"Content-Type": "application/json"} if body is not None else {}),
                **(headers or {}),
            },
            data,
        )
        if self.credentials is not None:
            with aws_errors():
                frozen = self.credentials.get_frozen_credentials()
            SigV4Auth(frozen, _SERVICE, self.region).add_auth(request)
        answer = self.http.send(request.prepare())
        _LOG.debug("%s %s: %s %s", method, request.url, answer.status_code, shorten(answer.text, 2000))
        return answer


_LOG: Final = logging.getLogger(__name__)


def find_api(options: ApiOptions) -> GateApi:
    """The API of the gate in the caller's account and a Region.

    Raises:
        GateAccessError: No credentials, no Region, no gate there, or AWS refused.
    """
    if options.debug:
        _log_everything()
    with aws_errors():
        session = botocore.session.Session(profile=options.profile)
        region = region_of(options.region) or session.get_config_variable("region")
        if not region:
            raise NoRegionError
        credentials = None if options.no_sign_request else session.get_credentials()
        if credentials is None and not options.no_sign_request:
            raise NoCredentialsError
        verify = _verified_by(session, options)
        connect, read = options.cli_connect_timeout or None, options.cli_read_timeout or None
        url = options.endpoint_url
        if url is None:
            url = _look_up(session, region, verify, connect, read)
        timeout: Any = (connect, read)  # which the stubs do not know, and botocore passes itself
        http = URLLib3Session(verify, get_environ_proxies(url), timeout, max_pool_connections=AT_ONCE)  # type: ignore[arg-type]
    return GateApi(_checked(url), region, credentials, http)


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise GateAccessError(f"--endpoint-url: expected a URL with http or https, got {shorten(url, 100)!r}")
    return url.rstrip("/")


def _verified_by(session: botocore.session.Session, options: ApiOptions) -> bool | str:
    """What TLS certificates are verified by, in the order of the AWS CLI."""
    if options.no_verify_ssl:
        return False
    bundle = options.ca_bundle or session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
    return str(bundle) if bundle else True


def _look_up(
    session: botocore.session.Session,
    region: str,
    verify: bool | str,
    connect: int | None,
    read: int | None,
) -> str:
    config = Config(
        connect_timeout=connect, read_timeout=read, retries={"mode": "standard", "total_max_attempts": _ATTEMPTS}
    )
    client: Any = session.create_client("ssm", region, verify=verify, config=config)
    try:
        answer = client.get_parameter(Name=GATE_PARAMETER)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ParameterNotFound":
            raise
        raise NoGateError(
            f"no gate is deployed for the account of these credentials in {region} (there is no SSM parameter "
            f"{GATE_PARAMETER}); `make deploy` deploys one; --region and --profile choose where to look"
        ) from error
    try:
        found = DeployedGate.decode(str(answer["Parameter"]["Value"]))
    except msgspec.MsgspecError as error:
        raise GateAccessError(f"SSM parameter {GATE_PARAMETER}: not what a stack writes: {error}") from error
    if not found.api_url:
        raise GateAccessError(f"SSM parameter {GATE_PARAMETER} names no API; deploy the stack again (`make deploy`)")
    return found.api_url


def _log_everything() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    for name in ("botocore", "urllib3", "batchgate_cli"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        logger.addHandler(handler)


def _pause(attempt: int, retry_after: str | None) -> float:
    """Seconds before the next attempt: what the API asks for, within reason, else backoff with jitter."""
    asked = float(retry_after) if retry_after and retry_after.isdecimal() else 0.0
    backoff = random.uniform(0.1, 0.3) * (1 << attempt)  # noqa: S311 - no secret
    return min(_WAITS_AT_MOST, max(asked, backoff))


# --- Answers ------------------------------------------------------------------------------------------


class _NotJsonError(GateAccessError):
    """An answer is not an object of JSON."""


def _done(method: str, path: str, answer: AWSResponse) -> dict[str, Any]:
    """The answer to what was to be done; an error that leaves open whether it was is one of its own."""
    if answer.status_code == _SERVER_FAILED or (answer.status_code > _SERVER_FAILED and not _is_problem(answer)):
        raise OutcomeUnknownError(f"the gate failed: {_problem(method, path, answer)}")
    try:
        return _document(method, path, answer)
    except _NotJsonError as error:
        raise OutcomeUnknownError(f"the answer can't be read: {error}") from error


def _document(method: str, path: str, answer: AWSResponse) -> dict[str, Any]:
    """The answer's document.

    Raises:
        ProblemError: It is a problem, in words.
        GateAccessError: It is none of the gate's.
    """
    if answer.status_code >= _NO_SUCCESS:
        raise _problem(method, path, answer)
    try:
        document = json.loads(answer.content)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise _NotJsonError(f"{method} {path}: expected a JSON object, got {_in_words(answer)}; {_CHECK_NETWORK}")
    return document


def _is_problem(answer: AWSResponse) -> bool:
    return str(answer.headers.get("Content-Type", "")).partition(";")[0].strip() == "application/problem+json"


def _problem(method: str, path: str, answer: AWSResponse) -> ProblemError:
    """An error answer: of the gate's function, of the gateway in front of it, or of something else."""
    status = answer.status_code
    try:
        parsed = json.loads(answer.content)
    except ValueError:
        parsed = None
    document: dict[str, Any] = parsed if isinstance(parsed, dict) else {}
    if _is_problem(answer):
        detail = str(document.get("detail") or document.get("title") or "")
        retry = answer.headers.get("Retry-After")
        after = f"; run the command again in {retry} s: nothing is done twice" if retry else ""
        kind = RefusedByApiError if document.get("type") in REFUSED else ProblemError
        return kind(f"{detail}{after}", status, document)
    text = str(document.get("message") or document.get("Message") or "") or _in_words(answer)
    route = f"{method} {_JOB.sub('/jobs/*', path)}"
    if status == _FORBIDDEN:
        permission = "" if _is_of_credentials(text) else f"execute-api:Invoke on {route}"
        what = f"{route}: {shorten(text, 300)}; {_what_to_do(text, permission)}"
        return ProblemError(what, status, {}, permission)
    if status == _NOT_FOUND:
        what = f"{route}: the API has no such route: its version is another one, or --endpoint-url is not the gate's"
    elif status == _THROTTLED:
        what = f"{route}: the API is throttled; try again later"
    else:
        what = f"{route}: {shorten(text, 300)} (HTTP {status})"
    return ProblemError(what, status, {})


def _is_of_credentials(message: str) -> bool:
    """Whether the gateway refuses the signature, and not the caller. *Source*: SigV4's errors of status 403."""
    return any(word in message.lower() for word in ("token", "signature", "expired"))


def _what_to_do(message: str, permission: str) -> str:
    if permission:
        return (
            f"these credentials need {permission}, which `batchgate iam operators` prints; expired credentials, and "
            "clocks that are minutes off, are refused in the same way"
        )
    if message.startswith("Signature"):
        return "synchronize the clock of this machine (NTP)"
    return "get new credentials, and check --profile and --region"


def _in_words(answer: AWSResponse) -> str:
    return f"HTTP {answer.status_code}, {shorten(' '.join(answer.text.split()), 200)!r}"


def _in_short(value: object) -> str:
    return shorten(json.dumps(value), 200)


def at_once(call: Callable[[ValueT], ResultT], values: Iterable[ValueT]) -> Iterator[ResultT]:
    """Results in the order of the values, some of which are asked for at once. An interruption begins no more."""
    pool = ThreadPoolExecutor(AT_ONCE, "api")
    try:
        futures = [pool.submit(call, each) for each in values]
        yield from (future.result() for future in futures)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


_decoding_lock: Final = Lock()
"""While msgspec builds its description of a type, another thread that decodes to it crashes the process."""


def decoded(document: Mapping[str, Any], kind: type[DocumentT]) -> DocumentT:
    """A document as a value with types.

    Raises:
        GateAccessError: It is not one of this kind.
    """
    try:
        with _decoding_lock:
            return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise GateAccessError(f"the API's answer is not as this version expects it: {error}") from error
