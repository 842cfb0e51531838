"""The eight operations of the job API: from valid parameters to a response or an error."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from s3batch_emulator.address import JobScope
from s3batch_emulator.arns import bucket_of, parse_arn
from s3batch_emulator.errors import ApiError
from s3batch_emulator.jobs import Job
from s3batch_emulator.lifecycle import TERMINAL, Cause, JobStatus
from s3batch_emulator.service import JobService
from s3batch_emulator.values import (
    Structure,
    Unmodelled,
    Value,
    flag,
    member,
    number,
    structures,
    text,
    texts,
    with_member,
)

MAX_TAGS = 50
"""Tags that a job can have. Source: API reference, PutJobTagging."""

PAGE_JOBS = 1000
"""Jobs on a page of ListJobs if MaxResults is absent or 0. Source: its maximum; the default is *inferred*."""

Perform: TypeAlias = Callable[[JobScope, Structure, datetime], Structure]

_DESCRIBED_AS_SENT = (
    "Description",
    "Manifest",
    "Operation",
    "Report",
    "RoleArn",
    "ManifestGenerator",
)


@dataclass(frozen=True, slots=True)
class JobOperations:
    """The operations on the jobs of one emulator. Callers hold the lock of the service."""

    service: JobService

    def table(self) -> dict[str, Perform]:
        """The function for each operation, by its API name."""
        return {
            "CreateJob": self.create_job,
            "DescribeJob": self.describe_job,
            "ListJobs": self.list_jobs,
            "UpdateJobStatus": self.update_job_status,
            "UpdateJobPriority": self.update_job_priority,
            "GetJobTagging": self.get_job_tagging,
            "PutJobTagging": self.put_job_tagging,
            "DeleteJobTagging": self.delete_job_tagging,
        }

    def create_job(self, scope: JobScope, parameters: Structure, at: datetime) -> Structure:
        """Create a job, or return the one that the same token has created."""
        request = {name: value for name, value in parameters.items() if name != "AccountId"}
        _check_new_job(request)
        known = self.service.store.created_with(scope, text(request, "ClientRequestToken") or "")
        if known is None:
            return {"JobId": self.service.create(scope, request, at).job_id}
        if known.request != request:
            raise ApiError("IdempotencyException", "The ClientRequestToken was used with other parameters")
        return {"JobId": known.job_id}

    def describe_job(self, scope: JobScope, parameters: Structure, at: datetime) -> Structure:
        """Everything about a job but its tags."""
        return {"Job": self._described(self._job(scope, parameters, at), at)}

    def list_jobs(self, scope: JobScope, parameters: Structure, at: datetime) -> Structure:
        """A page of jobs."""
        wanted = frozenset(texts(parameters, "JobStatuses"))
        most = number(parameters, "MaxResults") or PAGE_JOBS
        token = text(parameters, "NextToken")
        past = _read_token(token, scope, wanted) if token is not None else None
        store, newest = self.service.store, self.service.switches.newest_first
        page: list[Job] = []
        more = False
        for job in store.newest_first(scope, past) if newest else store.oldest_first(scope, past):
            if wanted and job.status.value not in wanted:
                continue
            if len(page) == most:
                more = True
                break
            page.append(job)
        answer: Structure = {"NextToken": _write_token(page[-1].order, scope, wanted)} if more else {}
        answer["Jobs"] = [self._listed(job, at) for job in page]
        return answer

    def update_job_status(self, scope: JobScope, parameters: Structure, at: datetime) -> Structure:
        """Confirm a job, or cancel it."""
        job = self._job(scope, parameters, at)
        requested, reason = text(parameters, "RequestedJobStatus"), text(parameters, "StatusUpdateReason")
        cause = Cause.CONFIRMED if requested == JobStatus.READY.value else Cause.CANCEL_REQUESTED
        early = cause is Cause.CONFIRMED and job.status in {JobStatus.NEW, JobStatus.PREPARING}
        if early and self.service.switches.ready_while_preparing:
            job.confirmed_early, job.reason = True, reason
        elif not self.service.apply(job, cause, at, reason):
            raise ApiError("JobStatusException", f"A job in status {job.status.value} can't be set to {requested}")
        answer: Structure = {"JobId": job.job_id, "Status": job.status.value}
        return answer | {"StatusUpdateReason": reason} if reason is not None else answer

    def update_job_priority(self, scope: JobScope, parameters: Structure, at: datetime) -> Structure:
        """Change the priority of a job."""
        job = self._job(scope, parameters, at)
        if job.status in TERMINAL:
            # The model declares no JobStatusException for this operation.
            raise ApiError("BadRequestException", f"A job in status {job.status.value} has no priority to change")
        self.service.reprioritize(job, number(parameters, "Priority") or 0, at)
        return {"JobId": job.job_id, "Priority": job.priority}

    def get_job_tagging(self, scope: JobScope, parameters: Structure, at: datetime) -> Structure:
        """The tags of a job."""
        tags: list[Value] = [
            {"Key": key, "Value": value} for key, value in sorted(self._job(scope, parameters, at).tags.items())
        ]
        return {"Tags": tags} if tags or not self.service.switches.untagged_lacks_tags else {}

    def put_job_tagging(self, scope: JobScope, parameters: Structure, at: datetime) -> Structure:
        """Replace all tags of a job."""
        job = self._job(scope, parameters, at)
        tags = structures(parameters, "Tags")
        if len(tags) > MAX_TAGS:
            raise ApiError("TooManyTagsException", f"A job can have at most {MAX_TAGS} tags, {len(tags)} were sent")
        _check_tag_keys(tags)
        job.tags = {text(tag, "Key") or "": text(tag, "Value") or "" for tag in tags}
        return {}

    def delete_job_tagging(self, scope: JobScope, parameters: Structure, at: datetime) -> Structure:
        """Remove all tags of a job."""
        self._job(scope, parameters, at).tags = {}
        return {}

    def _job(self, scope: JobScope, parameters: Structure, at: datetime) -> Job:
        job = self.service.store.find(scope, text(parameters, "JobId") or "")
        if job is None or at < job.created + self.service.delays.registered:
            raise ApiError("NotFoundException", "The specified job does not exist")
        return job

    def _described(self, job: Job, at: datetime) -> Structure:
        described: Structure = {name: job.request[name] for name in _DESCRIBED_AS_SENT if name in job.request}
        switches = self.service.switches
        if "ConfirmationRequired" in job.request and switches.confirmation_shown:
            described["ConfirmationRequired"] = job.request["ConfirmationRequired"]
        elif "ConfirmationRequired" not in job.request and switches.omitted_confirmation_shown:
            described["ConfirmationRequired"] = True
        described |= {
            "JobId": job.job_id,
            "JobArn": job.scope.job_arn(job.job_id),
            "Status": job.status.value,
            "Priority": job.priority,
            "ProgressSummary": self._progress(job, at),
            "FailureReasons": [{"FailureCode": why.code, "FailureReason": why.reason} for why in job.failures],
            "CreationTime": job.created,
        }
        if job.reason is not None:
            described["StatusUpdateReason"] = job.reason
        if job.terminated is not None:
            described["TerminationDate"] = job.terminated
        if job.suspended is not None:
            cause = "AWAITING_CONFIRMATION" if switches.cause_in_capitals else "AwaitingConfirmation"
            described |= {"SuspendedDate": job.suspended, "SuspendedCause": cause}
        if job.generated is not None:
            described["GeneratedManifestDescriptor"] = job.generated
        for path, added in job.unmodelled.items():
            described = with_member(described, path, Unmodelled(added))
        return described

    def _listed(self, job: Job, at: datetime) -> Structure:
        listed: Structure = {
            "JobId": job.job_id,
            "Operation": job.operation_name,
            "Priority": job.priority,
            "Status": job.status.value,
            "CreationTime": job.created,
        }
        progress = self._progress(job, at)
        if not self.service.switches.timers_listed:
            del progress["Timers"]
        listed["ProgressSummary"] = progress
        if "Description" in job.request:
            listed["Description"] = job.request["Description"]
        if job.terminated is not None and self.service.switches.termination_listed:
            listed["TerminationDate"] = job.terminated
        return listed

    def _progress(self, job: Job, at: datetime) -> Structure:
        tally = job.tally(at)
        summary: Structure = {
            "NumberOfTasksSucceeded": tally.succeeded,
            "NumberOfTasksFailed": tally.failed,
            "Timers": {"ElapsedTimeInActiveSeconds": job.active_seconds(at)},
        }
        if job.total_shown and job.total_tasks is not None:
            summary["TotalNumberOfTasks"] = job.total_tasks
        elif self.service.switches.unknown_total_as_zero or job.status is JobStatus.FAILED:
            # The job failed before its tasks were counted. Source: CLI, the second job in the example of list-jobs.
            summary["TotalNumberOfTasks"] = 0
        return summary


def _check_new_job(request: Structure) -> None:
    """Refuse what the model allows but the API reference does not."""
    if ("Manifest" in request) == ("ManifestGenerator" in request):
        raise ApiError("BadRequestException", "Exactly one of Manifest and ManifestGenerator must be given")
    generator = ("ManifestGenerator", "S3JobManifestGenerator")
    stored = flag(request, *generator, "EnableManifestOutput") is True
    if stored != (member(request, *generator, "ManifestOutputLocation") is not None):
        raise ApiError("BadRequestException", "ManifestOutputLocation goes with EnableManifestOutput")
    operation = member(request, "Operation")
    if not isinstance(operation, dict) or len(operation) != 1:
        raise ApiError("BadRequestException", "Operation must name exactly one operation")
    _check_buckets(request)
    tags = structures(request, "Tags")
    if len(tags) > MAX_TAGS:
        # The model declares no TooManyTagsException for CreateJob.
        raise ApiError("BadRequestException", f"A job can have at most {MAX_TAGS} tags, {len(tags)} were sent")
    _check_tag_keys(tags)


_NO_DIRECTORY_BUCKETS = (
    ("Report", "Bucket"),
    ("ManifestGenerator", "S3JobManifestGenerator", "SourceBucket"),
    ("ManifestGenerator", "S3JobManifestGenerator", "ManifestOutputLocation", "Bucket"),
)
"""Source: API reference, JobReport, S3JobManifestGenerator, S3ManifestOutputLocation: not supported there."""


def _check_buckets(request: Structure) -> None:
    """A copy goes to a bucket or an access point. That S3 accepts other ARNs instead of a bucket is *inferred*."""
    target = text(request, "Operation", "S3PutObjectCopy", "TargetResource")
    if target is not None and not bucket_of(target):
        raise ApiError("BadRequestException", "TargetResource must name a bucket or an access point, without a path")
    if target is None and member(request, "Operation", "S3PutObjectCopy") is not None:
        # Optional in the model, yet S3 returned this error: aws-sdk-java-v2 #3085.
        raise ApiError("InternalServiceException", "We encountered an internal error. Please try again.")
    for path in _NO_DIRECTORY_BUCKETS:
        named = parse_arn(text(request, *path) or "")
        if named is not None and named.is_directory:
            raise ApiError("BadRequestException", f"{'.'.join(path)}: directory buckets are not supported")


def _check_tag_keys(tags: list[Structure]) -> None:
    if len({text(tag, "Key") for tag in tags}) != len(tags):
        raise ApiError("BadRequestException", "Two tags have the same key")


def _write_token(order: int, scope: JobScope, wanted: frozenset[str]) -> str:
    return f"{order}:{_listing_digest(scope, wanted)}"


def _read_token(token: str, scope: JobScope, wanted: frozenset[str]) -> int:
    order, _, digest = token.partition(":")
    if not (order.isascii() and order.isdigit()) or digest != _listing_digest(scope, wanted):
        raise ApiError("InvalidNextTokenException", "The NextToken is not one of this listing")
    return int(order)


def _listing_digest(scope: JobScope, wanted: frozenset[str]) -> str:
    """Binds a NextToken to its account, Region and filter."""
    named = "|".join((scope.region, scope.account_id, *sorted(wanted)))
    return hashlib.blake2b(named.encode(), digest_size=12).hexdigest()
