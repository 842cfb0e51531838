"""Injected faults, over HTTP and in process; the rate limit; identity; the control API."""

import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from s3batch_emulator import (
    Caller,
    Effect,
    Emulator,
    EmulatorError,
    Fault,
    Identity,
    JobStatus,
    MemoryObjects,
    RateLimit,
    RealClock,
    SteppedClock,
    Vocabulary,
    application,
    connect,
    point_at,
    running_server,
)
from s3batch_emulator.control import _ROUTES, answer, is_loopback
from s3batch_emulator.errors import OTHER_NAMES, STATUS_BY_CODE
from s3batch_emulator.exchange import HttpRequest
from s3batch_emulator.switches import Switches
from s3batch_emulator.testing import START, EmulatedBatch

from .conftest import NewJob
from .job_requests import ACCOUNT, CONTROL_TOKEN, client, job_request

WAYS = ["in process", "over HTTP"]


@pytest.fixture(params=WAYS)
def s3(request: pytest.FixtureRequest, batch: EmulatedBatch) -> Iterator[Any]:
    """A client that tries once and waits briefly."""
    if request.param == "in process":
        yield connect(client(read_timeout=1), batch.emulator)
        return
    with running_server(application(batch.emulator)) as url:
        yield point_at(client(read_timeout=1), url)


def cancel(s3: Any, job_id: str) -> Any:
    """Ask for the change whose fate is to be seen."""
    return s3.update_job_status(AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus="Cancelled")


@pytest.mark.parametrize("code", STATUS_BY_CODE)
def test_every_error_of_either_vocabulary_can_be_injected(
    batch: EmulatedBatch, new_job: NewJob, s3: Any, code: str
) -> None:
    """Once, with its HTTP status, and the job is as it was; then all is well again."""
    job_id = new_job("Suspended")
    batch.emulator.faults.add(Fault(Effect.ERROR, code, operation="UpdateJobStatus"))
    with pytest.raises(ClientError) as error:
        cancel(s3, job_id)
    answer = error.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, STATUS_BY_CODE[code])
    assert batch.emulator.job(job_id).status is JobStatus.SUSPENDED
    assert cancel(s3, job_id)["Status"] == "Cancelled"


@pytest.mark.parametrize("after_change", [False, True])
@pytest.mark.parametrize(
    ("effect", "seen"),
    [(Effect.ERROR, ClientError), (Effect.RESET, ConnectionClosedError), (Effect.HANG, ReadTimeoutError)],
)
def test_a_fault_comes_before_or_after_the_change(
    batch: EmulatedBatch, new_job: NewJob, s3: Any, effect: Effect, seen: type[Exception], after_change: bool
) -> None:
    """The caller can't tell which from what it sees."""
    job_id = new_job("Suspended")
    batch.emulator.faults.add(Fault(effect, after_change=after_change))
    with pytest.raises(seen):
        cancel(s3, job_id)
    assert batch.emulator.job(job_id).status is (JobStatus.CANCELLED if after_change else JobStatus.SUSPENDED)


@pytest.mark.parametrize("effect", [Effect.HALF_ANSWER, Effect.WRONG_XML])
def test_a_spoilt_answer_hides_a_change_that_was_made(
    batch: EmulatedBatch, new_job: NewJob, s3: Any, effect: Effect
) -> None:
    """The job is cancelled and the caller does not know."""
    job_id = new_job("Suspended")
    batch.emulator.faults.add(Fault(effect))
    try:
        status = cancel(s3, job_id).get("Status")
    except Exception as error:  # noqa: BLE001 -- which one depends on where the answer breaks off
        status = type(error).__name__
    assert status != "Cancelled"
    assert batch.emulator.job(job_id).status is JobStatus.CANCELLED


def test_a_fault_chooses_by_operation_account_and_job(batch: EmulatedBatch, new_job: NewJob, s3control: Any) -> None:
    """What does not fit passes, and leaves it in wait."""
    job_id, other = new_job(), new_job(ClientRequestToken="other")
    batch.emulator.faults.add(
        Fault(Effect.ERROR, "SlowDown", operation="DescribeJob", account_id=ACCOUNT, job_id=job_id)
    )
    s3control.list_jobs(AccountId=ACCOUNT)
    s3control.describe_job(AccountId=ACCOUNT, JobId=other)
    with pytest.raises(ClientError, match="SlowDown"):
        s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)
    assert batch.emulator.faults.waiting == []


def test_a_fault_lasts_as_many_times_as_it_says(batch: EmulatedBatch, s3control: Any) -> None:
    """Three times, and no more; without a number, until it is cleared."""

    def failures(requests: int) -> int:
        before = len(batch.emulator.calls)
        for _ in range(requests):
            try:
                s3control.list_jobs(AccountId=ACCOUNT)
            except ClientError:
                continue
        return sum(call.code is not None for call in batch.emulator.calls[before:])

    batch.emulator.faults.add(Fault(Effect.ERROR, times=3))
    assert failures(10) == 3
    batch.emulator.faults.add(Fault(Effect.ERROR, times=None))
    assert failures(10) == 10
    batch.emulator.faults.clear()
    batch.emulator.faults.add(Fault(Effect.ERROR, times=None, rate=0.5))
    assert 60 < failures(200) < 140


def test_a_fault_that_s3_does_not_know_is_refused() -> None:
    """When it is made, not when it strikes."""
    with pytest.raises(EmulatorError, match="code must be one of"):
        Fault(Effect.ERROR, "TeapotException")
    with pytest.raises(EmulatorError, match="rate must be from 0 to 1"):
        Fault(Effect.ERROR, rate=2)


@pytest.mark.parametrize("vocabulary", Vocabulary)
def test_requests_beyond_the_rate_limit_are_throttled(vocabulary: Vocabulary) -> None:
    """A burst, then as many as the time that passed allows; each account by itself."""
    clock = SteppedClock(START)
    emulator = Emulator(
        clock, MemoryObjects(), switches=Switches(vocabulary=vocabulary), rate_limit=RateLimit(per_second=1, burst=3)
    )
    s3control = connect(client(), emulator)

    def codes(account: str, requests: int) -> list[str | None]:
        for _ in range(requests):
            try:
                s3control.list_jobs(AccountId=account)
            except ClientError:
                continue
        return [call.code for call in emulator.calls[-requests:]]

    throttled = OTHER_NAMES[vocabulary].get("TooManyRequestsException", "TooManyRequestsException")
    assert codes(ACCOUNT, 5) == [None, None, None, throttled, throttled]
    assert codes("210987654321", 1) == [None]
    clock.advance(timedelta(seconds=2))
    assert codes(ACCOUNT, 3) == [None, None, throttled]


def test_callers_are_asked_for_by_action_and_resource(batch: EmulatedBatch) -> None:
    """A denied caller gets AccessDenied and changes nothing."""
    asked: list[tuple[Caller, str, str]] = []

    def may(caller: Caller, action: str, resource: str) -> bool:
        asked.append((caller, action, resource))
        return action != "s3:UpdateJobStatus"

    emulator = Emulator(batch.clock, batch.objects, identity=Identity(authorizer=may), seed=0)
    s3control = connect(client(), emulator)
    job_id = s3control.create_job(**job_request(batch.objects))["JobId"]
    with pytest.raises(ClientError) as error:
        cancel(s3control, job_id)
    assert error.value.response["Error"]["Code"] == "AccessDenied"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert emulator.job(job_id).status is JobStatus.NEW
    caller = Caller("AKIAIOSFODNN7EXAMPLE", None)
    assert asked == [
        (caller, "s3:CreateJob", "*"),
        (caller, "s3:UpdateJobStatus", f"arn:aws:s3:us-east-1:{ACCOUNT}:job/{job_id}"),
    ]


@pytest.mark.parametrize("way", WAYS)
def test_a_real_signature_is_verified(way: str) -> None:
    """Bodies, tags and reasons with every kind of character are signed right by a real client."""
    objects = MemoryObjects()
    emulator = Emulator(
        RealClock(),
        objects,
        identity=Identity(
            secrets={"AKIAIOSFODNN7EXAMPLE": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}, check_time=True
        ),
    )

    def use(s3control: Any) -> None:
        job_id = s3control.create_job(**job_request(objects, Description="ü & <x>"))["JobId"]
        s3control.list_jobs(AccountId=ACCOUNT, JobStatuses=["New", "Preparing"], MaxResults=3)
        s3control.update_job_status(
            AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus="Cancelled", StatusUpdateReason="a b+c/ü~*'()"
        )

    if way == "in process":
        use(connect(client(), emulator))
    else:
        with running_server(application(emulator)) as url:
            use(client(base_url=url))
    assert [call.code for call in emulator.calls] == [None, None, None]


def test_wrong_signatures_are_told_apart() -> None:
    """An unknown key, another secret, no signature, a broken one, an old one."""
    emulator = Emulator(
        SteppedClock(START),
        MemoryObjects(),
        identity=Identity(secrets={"AKIAIOSFODNN7EXAMPLE": "another secret"}),
    )
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        connect(client(), emulator).list_jobs(AccountId=ACCOUNT)
    strict = Emulator(SteppedClock(START), MemoryObjects(), identity=Identity(secrets={}))
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        connect(client(), strict).list_jobs(AccountId=ACCOUNT)
    old = Emulator(SteppedClock(START), MemoryObjects(), identity=Identity(check_time=True))
    with pytest.raises(ClientError, match="RequestTimeTooSkewed"):
        connect(client(), old).list_jobs(AccountId=ACCOUNT)
    for header, code in ((None, b"AccessDenied"), ("Bearer x", b"AuthorizationHeaderMalformed")):
        headers = {"x-amz-account-id": ACCOUNT} | ({"authorization": header} if header else {})
        assert code in emulator.respond(HttpRequest("GET", "/v20180820/jobs", "", headers)).body


def test_a_body_that_was_changed_on_the_way_is_noticed() -> None:
    """The signature covers it."""
    sent: list[HttpRequest] = []

    def keep(request: Any, **_: object) -> None:
        target = urlsplit(request.url)
        headers = {
            name.lower(): value.decode() if isinstance(value, bytes) else str(value)
            for name, value in request.headers.items()
        }
        sent.append(HttpRequest(request.method, target.path, "", {**headers, "host": target.netloc}, request.body))

    objects, secrets = MemoryObjects(), {"AKIAIOSFODNN7EXAMPLE": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
    emulator = Emulator(SteppedClock(START), objects, identity=Identity(secrets=secrets))
    s3control = connect(client(), emulator)
    s3control.meta.events.register_first("before-send.s3-control", keep)
    s3control.create_job(**job_request(objects, ClientRequestToken="t"))
    (request,) = sent
    assert emulator.respond(request).status == 200
    changed = HttpRequest(request.method, request.path, "", request.headers, request.body.replace(b"42", b"43"))
    assert b"SignatureDoesNotMatch" in emulator.respond(changed).body


def test_an_injected_code_is_answered_as_it_was_named(batch: EmulatedBatch) -> None:
    """Whatever vocabulary the emulator speaks otherwise."""
    emulator = Emulator(batch.clock, batch.objects, switches=Switches(vocabulary=Vocabulary.GUIDE))
    emulator.faults.add(Fault(Effect.ERROR, "TooManyRequestsException"))
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        connect(client(), emulator).list_jobs(AccountId=ACCOUNT)


def control(base_url: str, method: str, path: str, said: Any = None, headers: dict[str, str] | None = None) -> Any:
    """Send a control request, by default with the token; returns its status and its JSON."""
    headers = {"Authorization": f"Bearer {CONTROL_TOKEN}"} if headers is None else headers
    answer = urllib3.request(method, f"{base_url}/_emulator/{path}", json=said, headers=headers, retries=False)
    return answer.status, answer.json()


def test_another_process_can_drive_a_served_emulator(batch: EmulatedBatch, base_url: str, new_job: NewJob) -> None:
    """Clock, jobs, calls, faults, pace and reset, as in docs/reference.md."""
    job_id = new_job()
    assert control(base_url, "GET", "")[1] == {"now": "2026-01-01T00:00:00.000Z", "stepped": True, "jobs": 1}
    assert control(base_url, "POST", "clock", {"advance_seconds": 3})[1]["now"] == "2026-01-01T00:00:03.000Z"
    (job,) = control(base_url, "GET", "jobs")[1]["jobs"]
    assert (job["job_id"], job["status"], job["history"][-1]) == (
        job_id,
        "Suspended",
        ["2026-01-01T00:00:03.000Z", "Suspended"],
    )
    assert [event["detail"]["serviceEventDetails"]["status"] for event in batch.events][-1] == "Suspended"
    assert control(base_url, "POST", "pace", {"job_id": job_id, "failing_share": 0.5})[0] == 200
    fault = {"effect": "error", "code": "SlowDown", "operation": "ListJobs", "times": 2}
    assert control(base_url, "POST", "faults", fault)[1]["faults"][0]["code"] == "SlowDown"
    with pytest.raises(ClientError, match="SlowDown"):
        client(base_url=base_url).list_jobs(AccountId=ACCOUNT)
    assert control(base_url, "DELETE", "faults")[1] == {"faults": []}
    call = control(base_url, "GET", "calls")[1]["calls"][-1]
    assert (call["operation"], call["code"], call["ending"]) == ("ListJobs", "SlowDown", "whole")
    assert control(base_url, "POST", "reset")[1]["jobs"] == 0
    assert control(base_url, "GET", "calls")[1]["calls"] == []


@pytest.mark.parametrize(
    ("method", "path", "said", "status"),
    [
        ("POST", "clock", {"advance_seconds": -1}, 400),
        ("POST", "clock", {}, 400),
        ("POST", "clock", {"advance_seconds": 1e300}, 400),
        ("POST", "faults", {"effect": "error", "code": "Nope"}, 400),
        ("POST", "faults", {"effect": "error", "colour": "red"}, 400),
        ("POST", "pace", {"job_id": "unknown"}, 400),
        ("POST", "reset", [1], 400),
        ("GET", "nowhere", None, 404),
    ],
)
def test_a_bad_control_request_says_what_is_wrong(
    base_url: str, method: str, path: str, said: Any, status: int
) -> None:
    """And never breaks anything."""
    answered, document = control(base_url, method, path, said)
    assert (answered, bool(document["error"])) == (status, True)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {CONTROL_TOKEN}"},
        {"Authorization": f"Bearer {CONTROL_TOKEN}x"},
        {"Authorization": f"Bearer {CONTROL_TOKEN[:-1]}"},
        {"X-Token": CONTROL_TOKEN},
    ],
    ids=str,
)
def test_the_control_api_takes_the_token(base_url: str, batch: EmulatedBatch, headers: dict[str, str]) -> None:
    """Whatever else a request has, its route is not even looked up."""
    for method, path in (*_ROUTES, ("GET", "nowhere")):
        assert control(base_url, method, path, {}, headers)[0] == 403
    for path in ("//_emulator/", "/%5Femulator/", "/_emulator%2F", "/_EMULATOR/"):
        assert urllib3.request("GET", f"{base_url}{path}", headers=headers, retries=False).status in {400, 403}


def test_without_a_token_the_control_api_is_closed(batch: EmulatedBatch) -> None:
    """To an empty token too."""
    for token in (None, ""):
        with running_server(application(Emulator(batch.clock, batch.objects, control_token=token))) as url:
            assert [
                control(url, "GET", "", headers={"Authorization": f"Bearer {sent}"})[0] for sent in ("", "None")
            ] == [
                403,
                403,
            ]


def test_the_control_api_refuses_other_machines(batch: EmulatedBatch) -> None:
    """Where a foreign server has mounted the application."""
    assert [is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "::", "", None)] == [
        *[True] * 3,
        *[False] * 4,
    ]
    assert answer(batch.emulator, "GET", "/_emulator/", b"", admitted=False).status == 403


def test_a_reset_is_seen_on_the_socket_as_a_reset(batch: EmulatedBatch, base_url: str) -> None:
    """Not as an empty answer."""
    batch.emulator.faults.add(Fault(Effect.RESET))
    target = urlsplit(base_url)
    with socket.create_connection((target.hostname or "", target.port or 0), timeout=5) as connection:
        connection.sendall(
            f"GET /v20180820/jobs HTTP/1.1\r\nHost: localhost\r\nx-amz-account-id: {ACCOUNT}\r\n\r\n".encode()
        )
        with pytest.raises(ConnectionResetError):
            connection.recv(100)


def test_half_an_answer_promises_more_than_it_holds(batch: EmulatedBatch, base_url: str) -> None:
    """Content-Length is that of the whole."""
    batch.emulator.faults.add(Fault(Effect.HALF_ANSWER))
    with pytest.raises(urllib3.exceptions.ProtocolError):
        urllib3.request("GET", f"{base_url}/v20180820/jobs", headers={"x-amz-account-id": ACCOUNT}, retries=False)
    assert json.loads(json.dumps(batch.emulator.calls[-1].ending.value)) == "half"
