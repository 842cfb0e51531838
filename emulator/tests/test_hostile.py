"""Hostile and heavy use: whatever is sent, the answer is S3's; many clients at once change nothing."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from s3batch_emulator import JobStatus, application, connect, point_at, running_server
from s3batch_emulator.errors import STATUS_BY_CODE
from s3batch_emulator.exchange import HttpRequest
from s3batch_emulator.testing import EmulatedBatch

from .job_requests import ACCOUNT, client, job_request

pytestmark = pytest.mark.slow

NAMESPACE = "{http://awss3control.amazonaws.com/doc/2018-08-20/}"
PATHS = st.one_of(
    st.sampled_from(
        [
            "/v20180820/jobs",
            "/v20180820/jobs/",
            "/v20180820/jobs/abcde",
            "/v20180820/jobs/abcde/status",
            "/v20180820/jobs/abcde/tagging",
            "/v20180820/jobs/abcde/priority",
            "/v20180820/jobs//status",
            "/v20180820/jobs/%2e%2e/%2F/status",
        ]
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?# "), max_size=60).map("/".__add__),
)
QUERIES = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="# "), max_size=80)
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"])
ACCOUNTS = st.one_of(st.just(ACCOUNT), st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=70))


def valid_body() -> bytes:
    """The body of a CreateJob request, as botocore writes it."""
    sent: list[bytes] = []
    batch = EmulatedBatch()
    s3control = connect(client(), batch.emulator)
    s3control.meta.events.register_first("before-send.s3-control", lambda request, **_: sent.append(request.body))
    tags = [{"Key": "k", "Value": "v"}]
    s3control.create_job(**job_request(batch.objects, Tags=tags, Description="d", ConfirmationRequired=True))
    return sent[0]


VALID = valid_body()


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A CreateJob body in which a piece was cut out, repeated or replaced."""
    start = draw(st.integers(0, len(VALID)))
    end = min(len(VALID), start + draw(st.integers(0, 60)))
    piece = draw(st.one_of(st.just(VALID[start:end] * 2), st.binary(max_size=20), st.just(b"")))
    return VALID[:start] + piece + VALID[end:]


def assert_s3_shaped(status: int, body: bytes) -> None:
    """An answer of the API, or an error document whose code and status belong together; never its own 500."""
    if status == 200:
        assert not body or ET.fromstring(body).tag.startswith(NAMESPACE)  # noqa: S314 -- our own answer
        return
    root = ET.fromstring(body)  # noqa: S314 -- our own answer
    assert root.tag == "ErrorResponse"
    code = root.findtext("Error/Code") or ""
    assert STATUS_BY_CODE[code] == status != 500
    assert root.findtext("Error/Message")
    assert root.findtext("RequestId")


@settings(max_examples=200)
@given(METHODS, PATHS, QUERIES, ACCOUNTS, st.one_of(mutations(), st.binary(max_size=200), st.just(VALID)))
@example(
    "POST", "/v20180820/jobs", "", ACCOUNT, b"<!DOCTYPE a [<!ENTITY b 'c'>]><CreateJobRequest>&b;</CreateJobRequest>"
)
@example("POST", "/v20180820/jobs", "", ACCOUNT, b"<?xml version='1.0' encoding='utf-16'?><CreateJobRequest/>")
@example("GET", "/v20180820/jobs", "maxResults=99999999999999999999", ACCOUNT, b"")
@example("POST", "/v20180820/jobs/abcde/priority", "priority=%D9%A1", ACCOUNT, b"")
@example("GET", "/v20180820/jobs", f"nextToken={'1' * 5000}:x", ACCOUNT, b"")
def test_whatever_is_sent_is_answered_in_s3s_shape(
    method: str, path: str, query: str, account: str, body: bytes
) -> None:
    """Paths, queries, accounts and bodies of every kind; and the emulator still works afterwards."""
    batch = EmulatedBatch()
    answer = batch.emulator.respond(HttpRequest(method, path, query, {"x-amz-account-id": account}, body))
    assert_s3_shaped(answer.status, answer.body)
    assert connect(client(), batch.emulator).list_jobs(AccountId=ACCOUNT)["Jobs"] is not None


@pytest.fixture(scope="module")
def target() -> Iterator[tuple[str, int]]:
    """Where one emulator is served for all of the raw requests."""
    with running_server(application(EmulatedBatch().emulator)) as url:
        parts = urlsplit(url)
        yield parts.hostname or "", parts.port or 0


def exchange(target: tuple[str, int], sent: bytes) -> bytes:
    """Send bytes, say that there are no more, and read to the end; a hang fails by its timeout."""
    with socket.create_connection(target, timeout=5) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(min_size=1, max_size=200),
        st.builds(
            b"%s %s HTTP/1.%d\r\nHost: %s\r\nx-amz-account-id: %s\r\nContent-Length: %d\r\n\r\n%s".__mod__,
            st.tuples(
                st.sampled_from([b"GET", b"POST", b"get", b"\xff"]),
                st.sampled_from(
                    [b"/v20180820/jobs", b"http://[/", b"*", b"http://", b"//", b"/%", b"/v20180820/jobs?a=%zz"]
                ),
                st.sampled_from([0, 1, 9]),
                st.sampled_from([b"localhost", b"", b"\x00", b"a:b:c"]),
                st.sampled_from([ACCOUNT.encode(), b"", b"\xff"]),
                st.sampled_from([0, 3, 10]),
                st.binary(max_size=12),
            ),
        ),
    )
)
def test_raw_bytes_get_an_s3_shaped_answer_or_none(target: tuple[str, int], sent: bytes) -> None:
    """What is no HTTP is answered 400; what breaks off half-way is not answered at all; nothing hangs."""
    received = exchange(target, sent)
    if not received:
        return
    head, _, body = received.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    assert_s3_shaped(status, body.split(b"HTTP/1.1 ")[0])


def test_a_body_without_end_is_refused(target: tuple[str, int]) -> None:
    """Five megabytes are too many."""
    size = 5 * 1024 * 1024
    head = f"POST /v20180820/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode()
    received = exchange(target, head + b" " * size)
    assert b"<Code>EntityTooLarge</Code>" in received


def test_sixty_four_clients_at_once_leave_every_job_right() -> None:
    """Each creates, reads, tags and decides its own job over HTTP; one job is fought over and decided once."""
    batch = EmulatedBatch()
    asked = job_request(batch.objects)
    with running_server(application(batch.emulator)) as url:
        contested = str(point_at(client(), url).create_job(**asked)["JobId"])
        batch.emulator.settle_until(contested, "Suspended")

        def work(number: int) -> tuple[str, str]:
            s3control = point_at(client(), url)
            job_id = str(s3control.create_job(**asked, ClientRequestToken=f"token-{number}")["JobId"])
            s3control.put_job_tagging(AccountId=ACCOUNT, JobId=job_id, Tags=[{"Key": "n", "Value": str(number)}])
            assert s3control.get_job_tagging(AccountId=ACCOUNT, JobId=job_id)["Tags"][0]["Value"] == str(number)
            s3control.update_job_status(AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus="Cancelled")
            try:
                s3control.update_job_status(
                    AccountId=ACCOUNT,
                    JobId=contested,
                    RequestedJobStatus="Cancelled",
                    StatusUpdateReason=str(number),
                )
            except s3control.exceptions.JobStatusException:
                return job_id, "refused"
            return job_id, str(number)

        with ThreadPoolExecutor(64) as pool:
            outcomes = list(pool.map(work, range(64)))
    (winner,) = [outcome for _, outcome in outcomes if outcome != "refused"]
    assert batch.emulator.job(contested).reason == winner
    assert {batch.emulator.job(job_id).status for job_id, _ in outcomes} == {JobStatus.CANCELLED}
    assert len({job_id for job_id, _ in outcomes}) == 64
