"""The canary's jobs: created, followed through S3, events, the gate and CloudTrail, and ended."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as AwsConnectionError

from batchgate.aws.calls import never_retry
from batchgate.errors import GateError
from batchgate.gate.people import cancel_for, show_job
from batchgate.gate.ports import Clock
from batchgate.gate.state import Phase
from batchgate.jobs.model import JobRef
from batchgate.text import shorten
from batchgate_cli.operating.canary_belongings import DATA, Belongings, CanaryError, Place, key_of
from batchgate_cli.operating.canary_facts import (
    ACCEPTED,
    ENDED,
    Manifest,
    Observations,
    SeenEvent,
    SeenRecord,
    WatchedJob,
)
from batchgate_cli.operating.live_gate import LiveGate

REASON: Final = "batchgate doctor --canary"
_NO_SUCH_JOB: Final = frozenset({"NotFoundException", "NoSuchJobException", "NoSuchJob", "NotFound"})
_PASSING: Final = frozenset(
    {"TooManyRequestsException", "SlowDown", "Throttling", "ThrottlingException", "InternalServiceException"}
    | {"InternalError", "ServiceUnavailable", "RequestTimeout"}
    | {"JobStatusException"}
)
"""The last one: the job has changed since it was described."""
_MISSING_JOB: Final = "00000000-0000-4000-8000-000000000000"
_INVALID_JOB: Final = "x"
"""Shorter than S3's shortest id."""

_PAGES_OF_JOBS: Final = 10
_ENDS_WITHIN: Final = timedelta(seconds=60)
_SECONDS_BETWEEN_TRIES: Final = 5.0
_SAID_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the canary waits for what may never come.

    Attributes:
        total: For everything together.
        settling: After role and rule are made: both take effect with a delay.
        events: For events, and for the gate's announcement, after the jobs have ended.
        record: For CreateJob's record; CloudTrail documents an average of five minutes.
    """

    total: timedelta
    settling: timedelta = timedelta(seconds=60)
    events: timedelta = timedelta(seconds=120)
    record: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Aws:
    """The clients that the jobs need; boto3 makes their types at run time."""

    s3control: Any
    sqs: Any
    cloudtrail: Any


@dataclass(slots=True)
class Watch:
    """The jobs of one canary.

    Attributes:
        gate: Decides the jobs; None where there is none, and the canary confirms them itself.
        say: Prints a line of progress.
        tags: Of the jobs, for the policies that decide them.
        timed_out: `patience.total` was over before the jobs had ended.
    """

    aws: Aws
    place: Place
    role_arn: str
    queue_url: str
    gate: LiveGate | None
    patience: Patience
    clock: Clock
    sleep: Callable[[float], None]
    say: Callable[[str], None]
    seen: Observations
    started: datetime
    tags: Mapping[str, str] = field(default_factory=dict)
    timed_out: bool = False
    _bodies: dict[str, bytes] = field(default_factory=dict)
    _minute_said: int = 0
    _said: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Keep the bodies of S3 Control's responses: botocore drops what its model does not know."""
        hooks = self.aws.s3control.meta.events

        def keep(operation_model: Any, response_dict: dict[str, Any], **_: object) -> None:  # noqa: ANN401 - botocore's
            self._bodies[operation_model.name] = bytes(response_dict["body"])

        hooks.register("before-parse.s3-control", keep)
        never_retry(hooks, "s3-control.UpdateJobStatus")

    @property
    def deadline(self) -> datetime:
        """When the canary gives up."""
        return self.started + self.patience.total

    # --- Creating -----------------------------------------------------------------------------------------

    def create(self, manifest: Manifest, etags: dict[Manifest, str], belongings: Belongings) -> None:
        """Create a job of a kind of manifest; it is noted before, and found by its description."""
        description = f"{self.place.name} {manifest}"
        listing = f"aws s3control list-jobs --account-id {self.place.account_id} --region {self.place.region}"
        noted = belongings.note(f"job {description!r}", listing, lambda: self._end(manifest, description))
        tags = [{"Key": key, "Value": value} for key, value in self.tags.items()]
        created_at = self.clock.now()
        answer = self.aws.s3control.create_job(
            AccountId=self.place.account_id,
            ClientRequestToken=description,
            Description=description,
            Operation={"S3PutObjectTagging": {"TagSet": [{"Key": "batchgate-canary", "Value": "ran"}]}},
            Report={"Enabled": False},
            Priority=1,
            RoleArn=self.role_arn,
            **({"Tags": tags} if tags else {}),
            **self._source(manifest, etags),
        )
        job_id = str(answer["JobId"])
        noted.what, noted.command = f"job {job_id}", self._command_to_cancel(job_id)
        self.seen.jobs.append(WatchedJob(manifest, job_id, created_at))
        self.say(f"created the {manifest} job {job_id}")

    def _command_to_cancel(self, job_id: str) -> str:
        place = self.place
        if self.gate is not None:
            return f"batchgate jobs cancel {job_id} --region {place.region} --reason canary"
        return (
            f"aws s3control update-job-status --account-id {place.account_id} --region {place.region} "
            f"--job-id {job_id} --requested-job-status Cancelled"
        )

    def _source(self, manifest: Manifest, etags: dict[Manifest, str]) -> dict[str, Any]:
        arn, account_id = self.place.bucket_arn, self.place.account_id
        match manifest:
            case Manifest.GENERATED:  # without ConfirmationRequired: what S3 makes of that is one of the questions
                generator = {
                    "SourceBucket": arn,
                    "ExpectedBucketOwner": account_id,
                    "EnableManifestOutput": False,
                    "Filter": {"KeyNameConstraint": {"MatchAnyPrefix": [DATA]}},
                }
                return {"ManifestGenerator": {"S3JobManifestGenerator": generator}}
            case Manifest.INVENTORY:
                spec: dict[str, Any] = {"Format": "S3InventoryReport_CSV_20161130"}
            case _:
                spec = {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]}
        location = {"ObjectArn": f"{arn}/{key_of(manifest)}", "ETag": etags[manifest]}
        return {"ConfirmationRequired": True, "Manifest": {"Spec": spec, "Location": location}}

    # --- Following ----------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Follow the jobs until they have ended and what they cause has arrived, or until the patience is over."""
        ended_at: datetime | None = None
        while True:
            now = self.clock.now()
            for job in self.seen.jobs:
                with _passing_errors(self.say):
                    self._look(job)
            with _passing_errors(self.say):
                self._receive()
            if ended_at is None and all(job.has_ended for job in self.seen.jobs):
                ended_at = now
                self.say("the jobs have ended; waiting for their events")
            if ended_at is not None and (self._everything_arrived() or now >= ended_at + self.patience.events):
                return
            if now >= self.deadline:
                self.timed_out = ended_at is None
                self.say(f"gave up after {self.patience.total}")
                return
            statuses = ", ".join(f"the {job.manifest} job is {job.status or 'not found yet'}" for job in self.seen.jobs)
            self._wait(self._seconds_to_next_look(now), f"{statuses}; events: {len(self.seen.events)}", self.deadline)

    def ask_the_rest(self) -> None:
        """Ask S3 Control what needs no waiting: tags, errors, the list of jobs. What it refuses is not shown."""
        account_id = self.place.account_id
        with _refusals(self.say):
            untagged = {"AccountId": account_id, "JobId": self.seen.jobs[0].job_id}
            if self.tags:  # it has ended, so they are of no more use
                self.aws.s3control.delete_job_tagging(**untagged)
            self.aws.s3control.get_job_tagging(**untagged)
            self.seen.untagged_answer = self._bodies["GetJobTagging"]
        self.seen.missing_job_error = self._error_about(_MISSING_JOB)
        self.seen.bad_request_error = self._error_about(_INVALID_JOB)
        token: dict[str, str] = {}
        with _refusals(self.say):
            for _ in range(_PAGES_OF_JOBS):
                page = self.aws.s3control.list_jobs(AccountId=account_id, MaxResults=1000, **token)
                self.seen.listing += page.get("Jobs") or []
                if not page.get("NextToken"):
                    return
                token = {"NextToken": page["NextToken"]}

    def wait_for_record(self) -> None:
        """Wait for CreateJob's record in CloudTrail, which comes minutes later or never."""
        ends = min(self.deadline, self.seen.jobs[0].created_at + self.patience.record)
        if ends > self.clock.now():
            self.say(f"waiting for CloudTrail's record of CreateJob, until {ends:%H:%M:%S} UTC at the latest")
        while True:
            with _refusals(self.say):
                self._look_up_record()
            if self.seen.record is not None or self.clock.now() >= ends:
                return
            self._wait(min(30.0, (ends - self.clock.now()).total_seconds()), "no record of CreateJob yet", ends)

    def _wait(self, seconds: float, so_far: str, ends: datetime) -> None:
        """Sleep; once a minute say what there is so far."""
        self.sleep(seconds)
        minute = int((self.clock.now() - self.started) / _SAID_EVERY)
        if minute > self._minute_said:
            self._minute_said = minute
            self.say(f"waiting, until {ends:%H:%M} UTC at the latest: {so_far}")

    def _seconds_to_next_look(self, now: datetime) -> float:
        """Often while S3 prepares the jobs, which takes seconds; then rarely, as its documentation asks."""
        running = now - self.seen.jobs[-1].created_at
        if running < timedelta(minutes=1) and any(job.status in {"", "New", "Preparing"} for job in self.seen.jobs):
            return 0.5
        return 3.0 if running < timedelta(minutes=5) else 15.0

    def _look(self, job: WatchedJob) -> None:
        if not job.has_ended:
            description = self._describe(job)
            if description is None:
                return
            job.last = description
            if job.status not in job.seen:
                job.seen[job.status] = description
                self.say(f"the {job.manifest} job is {job.status}")
            if self.gate is None:
                self._decide(job)
        if self.gate is not None:
            self._read_ledger(job, self.gate)

    def _describe(self, job: WatchedJob) -> dict[str, Any] | None:
        try:
            answer = self.aws.s3control.describe_job(AccountId=self.place.account_id, JobId=job.job_id)
        except ClientError as error:
            if error.response["Error"]["Code"] in _NO_SUCH_JOB:  # not registered yet
                return None
            raise
        return dict(answer["Job"])

    def _decide(self, job: WatchedJob) -> None:
        """Where no gate decides: confirm the CSV job, try Ready too early on the generated one, cancel the others."""
        if job.manifest is Manifest.GENERATED and job.status == "Preparing" and not job.ready_in_preparing:
            try:
                self._update(job.job_id, "Ready")
                job.ready_in_preparing = ACCEPTED
            except ClientError as error:
                job.ready_in_preparing = str(error.response["Error"]["Code"])
            self.say(f"Ready in Preparing: {job.ready_in_preparing}")
        elif job.status == "Suspended":
            self._update(job.job_id, "Ready" if job.manifest is Manifest.CSV else "Cancelled")

    def _update(self, job_id: str, status: str) -> None:
        self.aws.s3control.update_job_status(
            AccountId=self.place.account_id, JobId=job_id, RequestedJobStatus=status, StatusUpdateReason=REASON
        )

    def _read_ledger(self, job: WatchedJob, gate: LiveGate) -> None:
        state = gate.ledger.read(self._ref(job.job_id))
        job.state = state
        if state is None:
            waits = f"the {job.manifest} job waits for the gate, which has not written anything about it yet"
            if job.status == "Suspended":
                self._say_once(job, waits)
        elif state.phase is Phase.HELD:
            self._say_once(
                job,
                f"the gate holds the {job.manifest} job: {shorten(state.reason, 200)}. To let it run: "
                f"batchgate jobs approve {job.job_id} --reason canary. "
                f"The canary waits until {self.deadline:%H:%M} UTC, then cancels it",
            )
        elif state.phase is Phase.SETTLED:
            self._say_once(job, f"the gate has settled the {job.manifest} job: {state.verdict}")

    def _say_once(self, job: WatchedJob, line: str) -> None:
        if self._said.get(job.job_id) != line:
            self._said[job.job_id] = line
            self.say(line)

    def _ref(self, job_id: str) -> JobRef:
        return JobRef(self.place.partition, self.place.region, self.place.account_id, job_id)

    def _receive(self) -> None:
        """Take the events about the canary's jobs; those about others are dropped with the queue."""
        own = {job.job_id for job in self.seen.jobs}
        while True:
            answer = self.aws.sqs.receive_message(
                QueueUrl=self.queue_url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["SentTimestamp"]
            )
            messages = answer.get("Messages") or []
            if not messages:
                return
            for message in messages:
                details = json.loads(message["Body"])["detail"]["serviceEventDetails"]
                if details.get("jobId") in own:
                    sent = datetime.fromtimestamp(
                        int(message["Attributes"]["SentTimestamp"]) / 1000, self.started.tzinfo
                    )
                    event = SeenEvent(str(details["jobId"]), str(details.get("status")), sent)
                    self.seen.events.append(event)
                    self.say(f"an event: {event.job_id} {event.status}")
                self.aws.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])

    def _everything_arrived(self) -> bool:
        announced = {event.job_id for event in self.seen.events if event.status == "Suspended"}
        waited = {job.job_id for job in self.seen.jobs if job.suspended_at is not None}
        ended = {event.job_id for event in self.seen.events if event.status in ENDED}
        recorded = self.gate is None or all(
            job.state is not None and job.state.announced_at is not None for job in self.seen.jobs
        )
        return waited <= announced and len(ended) == len(self.seen.jobs) and recorded

    def _error_about(self, job_id: str) -> bytes:
        """The body of DescribeJob's error about a job that S3 can't know."""
        try:
            self.aws.s3control.describe_job(AccountId=self.place.account_id, JobId=job_id)
        except ClientError:
            return self._bodies["DescribeJob"]
        except (AwsConnectionError, HTTPClientError):
            pass
        return b""

    def _look_up_record(self) -> None:
        asked = {
            "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "CreateJob"}],
            "StartTime": self.started,
        }
        for entry in self.aws.cloudtrail.lookup_events(**asked).get("Events") or []:
            text = str(entry.get("CloudTrailEvent") or "")
            for job in self.seen.jobs:
                if self.seen.record is None and (job.job_id in text or f"{self.place.name} {job.manifest}" in text):
                    seconds = (self.clock.now() - job.created_at).total_seconds()
                    self.seen.record = SeenRecord(json.loads(text), job.job_id, seconds)

    # --- Ending -------------------------------------------------------------------------------------------

    def _end(self, manifest: Manifest, description: str) -> None:
        """See that a job has ended, or cancel it: through the gate where there is one.

        Raises:
            CanaryError: It has not ended; the message has what to do.
        """
        job = self.seen.job(manifest) or self._created_unheard(manifest, description)
        ends = self.clock.now() + _ENDS_WITHIN
        while job is not None and not self._has_ended(job):
            problem = self._cancel(job)
            if self._has_ended(job):
                return
            if self.clock.now() >= ends:
                raise CanaryError(f"it is {job.status or 'not found'}; {problem or 'S3 is still cancelling it'}")
            self.sleep(_SECONDS_BETWEEN_TRIES)

    def _has_ended(self, job: WatchedJob) -> bool:
        if not job.has_ended:
            job.last = self._describe(job) or job.last
        return job.has_ended

    def _cancel(self, job: WatchedJob) -> str:
        """Cancel a job; the error if that failed."""
        try:
            if self.gate is None:
                self._update(job.job_id, "Cancelled")
            else:
                ref, gate = self._ref(job.job_id), self.gate.gate()
                cancel_for(ref, self.gate.who, REASON, show_job(ref, gate).digest, gate)
        except (ClientError, GateError) as error:
            return str(error)
        return ""

    def _created_unheard(self, manifest: Manifest, description: str) -> WatchedJob | None:
        """The job whose CreateJob was not answered; None if there is none."""
        page = self.aws.s3control.list_jobs(AccountId=self.place.account_id, MaxResults=1000)
        for row in page.get("Jobs") or []:
            if row.get("Description") == description:
                return WatchedJob(manifest, str(row["JobId"]), self.started)
        return None


@contextmanager
def _passing_errors(say: Callable[[str], None]) -> Iterator[None]:
    """Go on after an error that passes: the next look asks again."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in _PASSING:
            raise
        say(f"asking again later: {error}")
    except (AwsConnectionError, HTTPClientError, GateError) as error:
        say(f"asking again later: {error}")


@contextmanager
def _refusals(say: Callable[[str], None]) -> Iterator[None]:
    """Go on after any error of AWS: the answer is not shown then."""
    try:
        yield
    except (ClientError, AwsConnectionError, HTTPClientError) as error:
        say(f"not answered: {error}")
