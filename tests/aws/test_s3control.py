"""The adapter of S3 Control's job calls: the real boto3 client against the emulator, in process and over HTTP."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from batchgate.aws.pace import Evenly
from batchgate.aws.s3control import CONFIG, S3Control
from batchgate.errors import (
    JobNotFoundError,
    JobsApiDeniedError,
    JobsApiError,
    JobsApiThrottledError,
    ListingUnclearError,
    UpdateRefusedError,
    UpdateUnclearError,
)
from batchgate.gate.transitions import UPDATE_TAKES_AT_MOST
from batchgate.jobs.model import AsksForConfirmation, JobRef, JobStatus, RequestedStatus
from batchgate.policy.facts import NOT_READ, Gap, Result
from s3batch_emulator import (
    Delays,
    Effect,
    Fault,
    Switches,
    Vocabulary,
    application,
    connect,
    over_http,
    running_server,
)
from s3batch_emulator.errors import STATUS_BY_CODE
from s3batch_emulator.exchange import HttpRequest
from s3batch_emulator.testing import START
from tests.flow.stage import ACCOUNT, ONCE, REGION, Stage

NOT_FOUND = {"NotFoundException", "NoSuchJobException"}
THROTTLED = {"TooManyRequestsException", "SlowDown"}
DENIED = {code for code, status in STATUS_BY_CODE.items() if status == 403}
UNCLEAR = {code for code, status in STATUS_BY_CODE.items() if status >= 500} - THROTTLED


def expected_of_a_read(code: str) -> type[JobsApiError]:
    """What a read makes of an error code."""
    known: dict[str, type[JobsApiError]] = dict.fromkeys(NOT_FOUND, JobNotFoundError)
    known |= dict.fromkeys(THROTTLED, JobsApiThrottledError)
    known |= dict.fromkeys(DENIED, JobsApiDeniedError)
    return known.get(code, JobsApiError)


def expected_of_an_update(code: str) -> type[JobsApiError]:
    """What an update makes of an error code."""
    if code in UNCLEAR:
        return UpdateUnclearError
    read = expected_of_a_read(code)
    return UpdateRefusedError if read is JobsApiError else read


def fresh_client(config: Config, **settings: Any) -> Any:
    """A client of the test's own."""
    return boto3.client(
        "s3control",
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=config,
        **settings,
    )


# --- Errors, by every name that S3 has for them -----------------------------------------------------


@pytest.mark.parametrize("code", sorted(STATUS_BY_CODE))
def test_every_error_of_a_read_is_translated(stage: Stage, code: str) -> None:
    """In the model's words and in the User Guide's: not found, throttled, denied, or simply broken."""
    ref = stage.create()
    reads: dict[str, Callable[[], object]] = {
        "DescribeJob": lambda: stage.s3control.describe(ref),
        "ListJobs": lambda: list(stage.s3control.list_jobs(ACCOUNT, (JobStatus.SUSPENDED,))),
    }
    for operation, call in reads.items():
        stage.emulator.faults.add(Fault(Effect.ERROR, code, operation=operation))
        with pytest.raises(JobsApiError) as raised:
            call()
        assert type(raised.value) is expected_of_a_read(code)
        assert code in str(raised.value)
        assert operation in str(raised.value)


@pytest.mark.parametrize("code", sorted(STATUS_BY_CODE))
def test_every_error_of_an_update_is_translated(stage: Stage, code: str) -> None:
    """Throttled, denied, not found and refused surely had no effect; a server's error says nothing."""
    ref = stage.create()
    stage.emulator.faults.add(Fault(Effect.ERROR, code, operation="UpdateJobStatus"))
    with pytest.raises(JobsApiError) as raised:
        stage.s3control.update_status(ref, RequestedStatus.READY, "why")
    assert type(raised.value) is expected_of_an_update(code)
    assert stage.count("UpdateJobStatus") == 1
    assert stage.status(ref) == "Suspended"


@pytest.mark.parametrize("vocabulary", Vocabulary)
def test_a_job_that_s3_does_not_know_is_not_found_in_either_vocabulary(vocabulary: Vocabulary) -> None:
    """Of a read, of the tags beside it, and of an update."""
    stage = Stage(switches=Switches(vocabulary=vocabulary))
    unknown = JobRef("aws", REGION, ACCOUNT, "00000000-dead-beef-0000-000000000000")
    with pytest.raises(JobNotFoundError):
        stage.s3control.describe(unknown)
    with pytest.raises(JobNotFoundError):
        stage.s3control.snapshot(unknown, with_tags=True)
    with pytest.raises(JobNotFoundError):
        stage.s3control.update_status(unknown, RequestedStatus.READY, "why")


def test_a_job_in_another_account_is_not_found(stage: Stage) -> None:
    """Jobs live in one account and Region."""
    elsewhere = structs.replace(stage.create(), account_id="999999999999")
    with pytest.raises(JobNotFoundError):
        stage.s3control.describe(elsewhere)


@pytest.mark.parametrize("status", ["New", "Preparing", "Ready", "Complete"])
def test_s3_refuses_to_confirm_a_job_that_is_not_suspended(stage: Stage, status: str) -> None:
    """JobStatusException: refused, surely without effect."""
    ref = stage.create(until=status, ConfirmationRequired=False)
    with pytest.raises(UpdateRefusedError, match="JobStatusException"):
        stage.s3control.update_status(ref, RequestedStatus.READY, "why")
    assert stage.status(ref) == status


@pytest.mark.parametrize("reason", ["", "x" * 257])
def test_a_reason_that_s3_would_not_take_is_refused(stage: Stage, reason: str) -> None:
    """Whether the client or S3 objects: surely without effect."""
    ref = stage.create()
    with pytest.raises(UpdateRefusedError):
        stage.s3control.update_status(ref, RequestedStatus.READY, reason)
    assert stage.status(ref) == "Suspended"


def test_an_update_without_credentials_is_refused(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was never sent."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    anonymous = boto3.session.Session().client("s3control", region_name=REGION, config=CONFIG)
    ref = stage.create()
    s3control = S3Control(connect(anonymous, stage.emulator), stage.clock)
    with pytest.raises(UpdateRefusedError, match="never sent"):
        s3control.update_status(ref, RequestedStatus.READY, "why")
    assert stage.count("UpdateJobStatus") == 0


# --- Updates of which nobody knows what became of them ----------------------------------------------

BREAKAGES = [
    Fault(Effect.RESET),
    Fault(Effect.RESET, after_change=True),
    Fault(Effect.HANG),
    Fault(Effect.HANG, after_change=True),
    Fault(Effect.ERROR, "InternalServiceException", after_change=True),
    Fault(Effect.ERROR, "ServiceUnavailable", after_change=True),
    Fault(Effect.HALF_ANSWER),
    Fault(Effect.WRONG_XML),
]


def in_words(fault: Fault) -> str:
    """A fault as a test's id."""
    return f"{fault.effect.value} {'after' if fault.after_change else 'before'}"


@pytest.fixture(params=["in process", "over HTTP"])
def impatient(request: pytest.FixtureRequest, stage: Stage) -> Iterator[S3Control]:
    """The adapter with a client that waits for an answer a fifth of a second at most."""
    briefly = Config(read_timeout=0.2)
    if request.param == "in process":
        yield S3Control(connect(fresh_client(CONFIG.merge(briefly)), stage.emulator), stage.clock)
        return
    with running_server(application(stage.emulator)) as url:
        client = fresh_client(
            CONFIG.merge(briefly).merge(over_http(url)), endpoint_url=f"http://s3-control.{REGION}.amazonaws.com"
        )
        yield S3Control(client, stage.clock)


@pytest.mark.parametrize("fault", BREAKAGES, ids=in_words)
def test_an_update_that_breaks_off_is_unclear_and_was_tried_once(
    stage: Stage, impatient: S3Control, fault: Fault
) -> None:
    """Whether or not it had its effect: the caller can't tell, and nothing retries it blindly."""
    ref = stage.create()
    stage.emulator.faults.add(replace(fault, operation="UpdateJobStatus", times=None))
    with pytest.raises(UpdateUnclearError):
        impatient.update_status(ref, RequestedStatus.CANCELLED, "why")
    assert stage.count("UpdateJobStatus") == 1
    happened = fault.after_change or fault.effect in (Effect.HALF_ANSWER, Effect.WRONG_XML)
    assert stage.status(ref) == ("Cancelled" if happened else "Suspended")


@pytest.mark.parametrize("fault", BREAKAGES, ids=in_words)
def test_a_read_that_breaks_off_says_nothing_of_the_job(stage: Stage, impatient: S3Control, fault: Fault) -> None:
    """It is an error of the API, and neither not found nor denied."""
    ref = stage.create()
    stage.emulator.faults.add(replace(fault, operation="DescribeJob", times=None))
    with pytest.raises(JobsApiError) as raised:
        impatient.describe(ref)
    assert type(raised.value) is JobsApiError


def test_an_endpoint_that_nobody_listens_at_is_unclear_for_an_update(stage: Stage) -> None:
    """A refused connection is not distinguished: to be careful is right here."""
    with running_server(application(stage.emulator)) as url:
        pass
    ref = stage.create()
    nobody = fresh_client(CONFIG.merge(over_http(url)), endpoint_url=f"http://s3-control.{REGION}.amazonaws.com")
    with pytest.raises(UpdateUnclearError):
        structs.replace(stage.s3control, client=nobody).update_status(ref, RequestedStatus.READY, "why")


# --- Attempts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["InternalServiceException", "ServiceUnavailable", "SlowDown", "JobStatusException"])
def test_an_update_is_one_http_attempt_whatever_the_environment_says(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """Neither AWS_MAX_ATTEMPTS nor the retry mode changes that."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")
    monkeypatch.setenv("AWS_RETRY_MODE", "legacy")
    ref = stage.create()
    s3control = S3Control(connect(fresh_client(CONFIG), stage.emulator), stage.clock)
    stage.emulator.faults.add(Fault(Effect.ERROR, code, operation="UpdateJobStatus", times=None))
    with pytest.raises(JobsApiError):
        s3control.update_status(ref, RequestedStatus.READY, "why")
    assert stage.count("UpdateJobStatus") == 1


@pytest.mark.parametrize(
    "fault",
    [Fault(Effect.ERROR, "InternalServiceException"), Fault(Effect.ERROR, "SlowDown"), Fault(Effect.RESET)],
    ids=lambda fault: f"{fault.effect.value} {fault.code}",
)
def test_a_read_is_tried_again(stage: Stage, fault: Fault) -> None:
    """A single failure of the service is not seen."""
    ref = stage.create()
    s3control = S3Control(connect(fresh_client(CONFIG), stage.emulator), stage.clock)
    stage.emulator.faults.add(replace(fault, operation="DescribeJob", times=1))
    assert s3control.describe(ref).status is JobStatus.SUSPENDED
    assert stage.count("DescribeJob") == 2


def test_the_longest_update_is_shorter_than_what_leases_reckon_with() -> None:
    """Connecting and waiting for the answer together."""
    whole: float = CONFIG.connect_timeout + CONFIG.read_timeout  # type: ignore[attr-defined]
    assert whole <= UPDATE_TAKES_AT_MOST.total_seconds()


# --- Looking at a job -------------------------------------------------------------------------------


def test_describing_gives_what_s3_says(stage: Stage) -> None:
    """The reference from the ARN, the status, the size, and since when it waits."""
    ref = stage.create(rows=3)
    job = stage.s3control.describe(ref)
    assert (job.ref, job.status, job.total_tasks, job.operation) == (ref, JobStatus.SUSPENDED, 3, "S3PutObjectTagging")
    assert job.suspended_date == stage.clock.now()
    assert job.asks_for_confirmation() is AsksForConfirmation.YES
    assert job.status_update_reason is None


def test_looking_reads_the_tags_beside_the_job_only_where_asked(stage: Stage) -> None:
    """Each call once; without tags there is a gap, and no call for them."""
    ref = stage.create(tags={"ticket": "CHG-1", "cost centre": "ü/+=.:@-_"})
    without = stage.s3control.snapshot(ref, with_tags=False)
    assert without.tags is NOT_READ
    assert stage.count("GetJobTagging") == 0
    look = stage.s3control.snapshot(ref, with_tags=True)
    assert look.tags == {"ticket": "CHG-1", "cost centre": "ü/+=.:@-_"}
    assert look.job.ref == ref
    assert (stage.count("GetJobTagging"), stage.count("DescribeJob")) == (1, 2)


def test_a_job_without_tags_has_none_and_no_gap(stage: Stage) -> None:
    """S3 answered: there are none."""
    assert stage.s3control.snapshot(stage.create(), with_tags=True).tags == {}


def test_a_look_is_as_old_as_the_beginning_of_its_first_call(stage: Stage) -> None:
    """Not as its end: a slow answer tells old facts."""
    ref = stage.create()
    began = stage.clock.now()

    def slowly(**_: object) -> None:
        stage.advance(seconds=4)

    s3control = S3Control(connect(fresh_client(ONCE), stage.emulator), stage.clock)
    s3control.client.meta.events.register_first("before-call.s3-control", slowly)
    assert s3control.snapshot(ref, with_tags=True).read_at == began
    assert stage.clock.now() > began


@pytest.mark.parametrize("code", sorted(DENIED))
def test_tags_that_may_not_be_read_are_a_gap(stage: Stage, code: str) -> None:
    """The job itself is there all the same."""
    ref = stage.create(tags={"ticket": "CHG-1"})
    stage.emulator.faults.add(Fault(Effect.ERROR, code, operation="GetJobTagging"))
    look = stage.s3control.snapshot(ref, with_tags=True)
    assert isinstance(look.tags, Gap)
    assert look.tags.result is Result.UNMEASURABLE
    assert look.job.status is JobStatus.SUSPENDED


@pytest.mark.parametrize("code", sorted(NOT_FOUND))
def test_tags_that_s3_does_not_find_are_a_gap_and_say_nothing_of_the_job(stage: Stage, code: str) -> None:
    """DescribeJob has just shown it."""
    ref = stage.create(tags={"ticket": "CHG-1"})
    stage.emulator.faults.add(Fault(Effect.ERROR, code, operation="GetJobTagging"))
    look = stage.s3control.snapshot(ref, with_tags=True)
    assert look.tags == Gap(Result.UNMEASURABLE, "S3 found no tags of this job")
    assert look.job.status is JobStatus.SUSPENDED


@pytest.mark.parametrize("code", ["InternalServiceException", "SlowDown"])
def test_tags_that_could_not_be_read_are_trouble_and_no_gap(stage: Stage, code: str) -> None:
    """Only a denial lasts; the rest is worth another try."""
    ref = stage.create(tags={"ticket": "CHG-1"})
    stage.emulator.faults.add(Fault(Effect.ERROR, code, operation="GetJobTagging"))
    with pytest.raises(JobsApiError) as raised:
        stage.s3control.snapshot(ref, with_tags=True)
    assert type(raised.value) is expected_of_a_read(code)


@pytest.mark.parametrize("with_tags", [False, True])
def test_a_job_that_may_not_be_described_is_denied(stage: Stage, with_tags: bool) -> None:
    """Whatever its tags say."""
    ref = stage.create()
    stage.emulator.faults.add(Fault(Effect.ERROR, "AccessDenied", operation="DescribeJob"))
    with pytest.raises(JobsApiDeniedError):
        stage.s3control.snapshot(ref, with_tags=with_tags)


def test_one_failed_look_does_not_spoil_the_next(stage: Stage) -> None:
    """The thread beside is free again."""
    ref = stage.create(tags={"ticket": "CHG-1"})
    stage.emulator.faults.add(Fault(Effect.ERROR, "InternalServiceException", operation="DescribeJob"))
    stage.emulator.faults.add(Fault(Effect.ERROR, "InternalServiceException", operation="GetJobTagging"))
    with pytest.raises(JobsApiError):
        stage.s3control.snapshot(ref, with_tags=True)
    stage.emulator.faults.clear()
    assert stage.s3control.snapshot(ref, with_tags=True).tags == {"ticket": "CHG-1"}


# --- Listing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [0, 1, 2, 3, 7])
def test_listing_follows_every_page(stage: Stage, jobs: int) -> None:
    """S3 may give fewer rows than asked for; here it is two a page."""
    refs = [stage.create(until="New") for _ in range(jobs)]
    for ref in refs:
        stage.emulator.settle_until(ref.job_id, "Suspended")

    def two_a_page(params: dict[str, Any], **_: object) -> None:
        params["MaxResults"] = 2

    s3control = S3Control(connect(fresh_client(ONCE), stage.emulator), stage.clock)
    s3control.client.meta.events.register("provide-client-params.s3-control.ListJobs", two_a_page)
    listed = list(s3control.list_jobs(ACCOUNT, (JobStatus.SUSPENDED,)))
    assert {row.ref for row in listed} == set(refs)
    assert len(listed) == jobs
    assert {row.status for row in listed} <= {JobStatus.SUSPENDED}
    assert all(row.creation_time == START for row in listed)
    assert stage.count("ListJobs") == max(1, -(-jobs // 2))


def test_listing_gives_only_the_statuses_that_are_asked_for(stage: Stage) -> None:
    """One status, or several."""
    suspended, new = stage.create(), stage.create(until="New")
    listed = {row.ref for row in stage.s3control.list_jobs(ACCOUNT, (JobStatus.SUSPENDED,))}
    assert listed == {suspended}
    both = {row.ref for row in stage.s3control.list_jobs(ACCOUNT, (JobStatus.SUSPENDED, JobStatus.NEW))}
    assert both == {suspended, new}


def test_trouble_on_a_later_page_is_raised_after_what_was_listed(stage: Stage) -> None:
    """A short list is never passed off as the whole."""
    for _ in range(3):
        stage.create(until="New")

    def one_a_page(params: dict[str, Any], **_: object) -> None:
        params["MaxResults"] = 1

    s3control = S3Control(connect(fresh_client(ONCE), stage.emulator), stage.clock)
    s3control.client.meta.events.register("provide-client-params.s3-control.ListJobs", one_a_page)
    listing = s3control.list_jobs(ACCOUNT, (JobStatus.NEW,))
    first = next(listing)
    stage.emulator.faults.add(Fault(Effect.ERROR, "SlowDown", operation="ListJobs"))
    assert first.status is JobStatus.NEW
    with pytest.raises(JobsApiThrottledError):
        next(listing)


# --- Updating ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "status"), [(RequestedStatus.READY, "Ready"), (RequestedStatus.CANCELLED, "Cancelled")]
)
def test_an_update_moves_the_job_and_leaves_the_reason(stage: Stage, asked: RequestedStatus, status: str) -> None:
    """As sent, character by character, although it travels in the URL."""
    reason = "".join(map(chr, range(ord(" "), ord("~") + 1))) + "&a=b%20+"
    ref = stage.create()
    stage.s3control.update_status(ref, asked, reason)
    assert (stage.status(ref), stage.job(ref).reason) == (status, reason)
    assert stage.s3control.describe(ref).status_update_reason == reason


@pytest.mark.parametrize(
    ("region", "partition"), [("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_every_partition_has_its_own_arns(stage: Stage, region: str, partition: str) -> None:
    """A job listed in a Region is described under the same reference."""
    client = boto3.client(
        "s3control",
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=ONCE,
    )
    stage.person = connect(client, stage.emulator)
    s3control = S3Control(stage.person, stage.clock)
    job_id = stage.create(until="New").job_id
    [row] = s3control.list_jobs(ACCOUNT, (JobStatus.NEW,))
    assert row.ref == JobRef(partition, region, ACCOUNT, job_id)
    assert s3control.describe(row.ref).ref == row.ref


def test_a_job_that_is_not_registered_yet_is_not_found_for_a_while() -> None:
    """The User Guide says so of new jobs; later it is there."""
    stage = Stage(delays=Delays(registered=Delays().new * 5))
    ref = stage.create(until="Suspended")
    with pytest.raises(JobNotFoundError):
        stage.s3control.describe(ref)
    stage.advance(seconds=10)
    assert stage.s3control.describe(ref).ref == ref


# --- Answers that are no answers --------------------------------------------------------------------

XML = '<?xml version="1.0" encoding="UTF-8"?>'
NAMESPACE = "http://awss3control.amazonaws.com/doc/2018-08-20/"
DESCRIBED = (
    f'{XML}<DescribeJobResult xmlns="{NAMESPACE}"><Job><JobId>00e123a4-c0d8</JobId>'
    f"<JobArn>arn:aws:s3:{REGION}:{ACCOUNT}:job/00e123a4-c0d8</JobArn><Status>Suspended</Status>%s</Job>"
    "</DescribeJobResult>"
)
BODIES = [
    "",
    "not XML",
    "<html><body>Bad gateway</body></html>",
    XML,
    "<Error/>",
    "<Error><Message>no code</Message></Error>",
    "<Error><Code/></Error>",
    "<Error><Code><b>x</b></Code></Error>",
    "<Error><Code>JobStatusException</Code><Message><b>x</b></Message></Error>",
    "<Error><Code>a</Code><Code>b</Code></Error>",
    "<ErrorResponse><Error><Code>NotFoundException</Code></Error></ErrorResponse>",
    "<DescribeJobResult/>",
    f'<DescribeJobResult xmlns="{NAMESPACE}"><Job/></DescribeJobResult>',
    DESCRIBED % "<ProgressSummary><TotalNumberOfTasks>many</TotalNumberOfTasks></ProgressSummary>",
    DESCRIBED % "<CreationTime>yesterday</CreationTime>",
    DESCRIBED % "<Priority/>",
    (DESCRIBED % "").replace("<JobArn>arn", "<JobArn>arm"),
    (DESCRIBED % "").replace("Suspended", "<a/>"),
    f"{XML}<!DOCTYPE x [<!ENTITY a 'b'>]><Error><Code>&a;</Code></Error>",
]
STATUSES = [200, 204, 301, 307, 400, 403, 404, 405, 408, 409, 429, 500, 501, 502, 503, 504, 599]


def answering(client: Any, status: int, body: bytes, *, of_s3: bool = False) -> Any:
    """Have a client receive an answer that no S3 gives (a proxy's, a broken one), or one that names S3's request."""

    class Raw:
        def stream(self, **_: object) -> Iterator[bytes]:
            yield body

    def send(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        headers = HTTPHeaders()
        headers["Content-Type"] = "application/xml"
        if of_s3:
            headers["x-amz-request-id"] = "656c76696e6727732072657175657374"
        return AWSResponse(request.url, status, headers, Raw())

    client.meta.events.unregister("before-send.s3-control", unique_id="s3batch-emulator")
    client.meta.events.register_first("before-send.s3-control", send, unique_id="s3batch-emulator")
    return client


def odd_answers() -> st.SearchStrategy[tuple[int, bytes]]:
    """Draw a status and a body, the body from the odd ones or as anything."""
    bodies = st.sampled_from([body.encode() for body in BODIES]) | st.binary(max_size=60)
    return st.tuples(st.sampled_from(STATUSES), bodies)


@pytest.mark.parametrize("body", BODIES)
def test_every_odd_answer_to_a_read_is_an_error_of_ours(stage: Stage, body: str) -> None:
    """With whatever HTTP status; nothing else ever leaves the adapter."""
    ref = JobRef("aws", REGION, ACCOUNT, "00e123a4-c0d8")
    for status in STATUSES:
        answering(stage.s3control.client, status, body.encode())
        try:
            told = stage.s3control.describe(ref)
        except JobsApiError as error:
            assert str(error)  # noqa: PT017 - both ends are looked at
        else:
            assert status < 300
            assert told.ref.job_id == ref.job_id


@pytest.mark.parametrize("body", BODIES)
def test_every_odd_answer_to_an_update_is_a_refusal_or_unclear(stage: Stage, body: str) -> None:
    """Never a success, with 200 neither, and only what was surely refused is a refusal."""
    ref = JobRef("aws", REGION, ACCOUNT, "00e123a4-c0d8")
    for status in STATUSES:
        answering(stage.s3control.client, status, body.encode())
        with pytest.raises(JobsApiError) as raised:
            stage.s3control.update_status(ref, RequestedStatus.READY, "why")
        assert isinstance(raised.value, UpdateUnclearError) or 400 <= status < 500


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409])
def test_a_refusal_without_a_document_is_a_refusal(stage: Stage, status: int) -> None:
    """The status alone says that nothing was done."""
    ref = JobRef("aws", REGION, ACCOUNT, "00e123a4-c0d8")
    answering(stage.s3control.client, status, b"", of_s3=True)
    with pytest.raises((UpdateRefusedError, JobsApiDeniedError)):
        stage.s3control.update_status(ref, RequestedStatus.READY, "why")


@pytest.mark.parametrize("status", [400, 403, 404, 405, 408, 409])
def test_a_refusal_of_somebody_between_is_unclear(stage: Stage, status: int) -> None:
    """S3 may have done it, or may do it still; a request that timed out is unclear whoever says so."""
    ref = JobRef("aws", REGION, ACCOUNT, "00e123a4-c0d8")
    for of_s3 in (False, True) if status == 408 else (False,):
        answering(stage.s3control.client, status, b"", of_s3=of_s3)
        with pytest.raises(UpdateUnclearError):
            stage.s3control.update_status(ref, RequestedStatus.READY, "why")


@pytest.mark.parametrize("body", ["", "<html>no</html>", "<GetJobTaggingResult/>", "<Error><Code>No</Code></Error>"])
def test_tags_of_somebody_else_are_no_tags_of_the_job(stage: Stage, body: str) -> None:
    """A proxy's page with 200 would read as a job without tags, and approve or cancel it."""
    ref = stage.create(tags={"legal-hold": "yes"})

    def between(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        headers = HTTPHeaders()
        headers["Content-Type"] = "application/xml"
        raw: Any = type("Raw", (), {"stream": lambda *_, **__: iter([body.encode()])})()
        return AWSResponse(request.url, 200, headers, raw)

    s3control = S3Control(connect(fresh_client(ONCE), stage.emulator), stage.clock)
    s3control.client.meta.events.register("before-send.s3-control.GetJobTagging", between)  # type: ignore[arg-type]
    with pytest.raises(JobsApiError, match="not its answer"):
        s3control.snapshot(ref, with_tags=True)


def test_a_description_of_another_job_is_none(stage: Stage) -> None:
    """Deciding by it would decide that other job on this one's ledger."""
    ref, other = stage.create(), stage.create()

    def mistaken(params: dict[str, Any], **_: object) -> None:
        params["JobId"] = other.job_id

    s3control = S3Control(connect(fresh_client(ONCE), stage.emulator), stage.clock)
    s3control.client.meta.events.register("provide-client-params.s3-control.DescribeJob", mistaken)
    with pytest.raises(JobsApiError, match="another job"):
        s3control.snapshot(ref, with_tags=False)


def test_a_description_whose_id_is_not_its_arn_s_is_none(stage: Stage) -> None:
    """One of the two is about another job."""
    ref = JobRef("aws", REGION, ACCOUNT, "00e123a4-c0d8")
    answering(stage.s3control.client, 200, (DESCRIBED % "").encode(), of_s3=True)
    assert stage.s3control.describe(ref).ref == ref
    mixed = (DESCRIBED % "").replace("<JobId>00e123a4-c0d8", "<JobId>11e123a4-c0d8")
    answering(stage.s3control.client, 200, mixed.encode(), of_s3=True)
    with pytest.raises(JobsApiError, match="another job"):
        stage.s3control.describe(ref)


def test_a_list_of_tags_with_a_member_that_nobody_knows_is_not_taken_as_complete(stage: Stage) -> None:
    """Such as a token for more of them."""
    ref = JobRef("aws", REGION, ACCOUNT, "00e123a4-c0d8")
    tags = "<Tags><member><Key>team</Key><Value>lake</Value></member></Tags>"
    for more, expected in (
        ("", {"team": "lake"}),
        ("<NextToken>abc</NextToken>", Gap(Result.UNMEASURABLE, "S3's list of tags may not be complete")),
    ):
        body = f'<GetJobTaggingResult xmlns="{NAMESPACE}">{tags}{more}</GetJobTaggingResult>'
        answering(stage.s3control.client, 200, body.encode(), of_s3=True)
        assert stage.s3control._tags(ref) == expected


def test_a_page_of_jobs_without_a_list_is_unclear(stage: Stage) -> None:
    """An empty list is one."""
    answering(stage.s3control.client, 200, f'<ListJobsResult xmlns="{NAMESPACE}"/>'.encode(), of_s3=True)
    with pytest.raises(ListingUnclearError, match="no list of jobs"):
        list(stage.s3control.list_jobs(ACCOUNT, (JobStatus.NEW,)))
    body = f'<ListJobsResult xmlns="{NAMESPACE}"><Jobs/></ListJobsResult>'
    answering(stage.s3control.client, 200, body.encode(), of_s3=True)
    assert list(stage.s3control.list_jobs(ACCOUNT, (JobStatus.NEW,))) == []


def test_an_update_of_which_s3_says_something_else_is_unclear(stage: Stage) -> None:
    """The right job, with 200, and not what was asked for."""
    ref = JobRef("aws", REGION, ACCOUNT, "00e123a4-c0d8")
    told = f'<UpdateJobStatusResult xmlns="{NAMESPACE}"><JobId>{ref.job_id}</JobId>%s</UpdateJobStatusResult>'
    for said in ("", "<Status>Suspended</Status>", "<Status>Cancelled</Status>"):
        answering(stage.s3control.client, 200, (told % said).encode(), of_s3=True)
        with pytest.raises(UpdateUnclearError):
            stage.s3control.update_status(ref, RequestedStatus.READY, "why")


def test_the_time_that_the_pace_takes_does_not_age_the_facts(stage: Stage) -> None:
    """At one call a second many workers wait for longer than facts may be old."""
    ref = stage.create()

    def sleep(seconds: float) -> None:
        stage.advance(seconds=seconds)

    pace = Evenly(1, lambda: stage.clock.now().timestamp(), sleep)
    for _ in range(20):
        pace.owe()
    look = structs.replace(stage.s3control, pace=pace).snapshot(ref, with_tags=True)
    assert (stage.clock.now() - look.read_at).total_seconds() < 1


def test_a_row_without_an_id_is_s3s_trouble(stage: Stage) -> None:
    """Not the sweep's end."""
    body = f'<ListJobsResult xmlns="{NAMESPACE}"><Jobs><member><Status>New</Status></member></Jobs></ListJobsResult>'
    answering(stage.s3control.client, 200, body.encode(), of_s3=True)
    with pytest.raises(JobsApiError, match="without a job's id"):
        list(stage.s3control.list_jobs(ACCOUNT, (JobStatus.NEW,)))


def test_an_answer_about_another_job_is_unclear(stage: Stage) -> None:
    """Well-formed, with 200, and not ours."""
    ref = JobRef("aws", REGION, ACCOUNT, "00e123a4-c0d8")
    told = f'<UpdateJobStatusResult xmlns="{NAMESPACE}"><JobId>%s</JobId><Status>Ready</Status></UpdateJobStatusResult>'
    answering(stage.s3control.client, 200, (told % ref.job_id).encode(), of_s3=True)
    stage.s3control.update_status(ref, RequestedStatus.READY, "why")
    answering(stage.s3control.client, 200, (told % "another-job").encode(), of_s3=True)
    with pytest.raises(UpdateUnclearError):
        stage.s3control.update_status(ref, RequestedStatus.READY, "why")


@given(odd_answers())
def test_no_answer_makes_the_adapter_raise_anything_but_its_own_errors(answer: tuple[int, bytes]) -> None:
    """Any bytes with any status, to a read and to an update."""
    stage = Stage()
    ref = JobRef("aws", REGION, ACCOUNT, "00e123a4-c0d8")
    for client, call in (
        (stage.s3control.client, lambda: stage.s3control.describe(ref)),
        (stage.s3control.client, lambda: stage.s3control.update_status(ref, RequestedStatus.READY, "why")),
        (stage.s3control.client, lambda: stage.s3control.snapshot(ref, with_tags=True)),
        (stage.s3control.client, lambda: list(stage.s3control.list_jobs(ACCOUNT, (JobStatus.NEW,)))),
    ):
        answering(client, *answer)
        try:
            call()
        except JobsApiError:
            continue


def test_an_http_request_of_the_update_is_what_the_model_says(stage: Stage) -> None:
    """POST, everything in the URL, the account in the header and the host."""
    ref = stage.create()
    seen: list[HttpRequest] = []

    def watch(request: AWSPreparedRequest, **_: object) -> None:
        seen.append(HttpRequest(request.method, request.url, headers=dict(request.headers)))

    client = connect(fresh_client(CONFIG), stage.emulator)
    client.meta.events.register_first("before-send.s3-control", watch)
    S3Control(client, stage.clock).update_status(ref, RequestedStatus.READY, "why not")
    [request] = seen
    assert request.method == "POST"
    assert request.path.startswith(f"https://{ACCOUNT}.s3-control.{REGION}.amazonaws.com/v20180820/jobs/{ref.job_id}/")
    assert request.path.endswith("status?requestedJobStatus=Ready&statusUpdateReason=why%20not")
