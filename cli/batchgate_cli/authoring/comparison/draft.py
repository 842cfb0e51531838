"""A job in the making: what each choice of a value writes, and the job that comes of it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec import Struct, field

from batchgate.jobs.model import Json, job_from_printed
from batchgate.policy.amounts import COST_UNITS, Amounts
from batchgate.policy.approvals import Approval
from batchgate.policy.compiled import PolicySet
from batchgate.policy.costs import units
from batchgate.policy.evaluate import Decision, evaluate_job
from batchgate.policy.facts import NOT_READ, Gap, JobFacts, Result
from batchgate_cli.authoring.stated_facts import StatedContents, gather_stated, with_used

JOB_ID = "8d9a18fe-c303-4d39-8ccc-860d372da386"


class Draft(Struct):
    """What was chosen so far, on top of an ordinary job.

    Attributes:
        job: Members of the job, as `describe-job` prints them.
        tags: The job's tags; None where they can't be read.
        age: How long the job is suspended; None where S3 does not report since when.
        rows: The buckets of the manifest's rows, where they could be read.
        used: How much of each budget is used with this job, by its name.
        manifest_bytes, object_bytes, manifest_rows, rows_without_version: Likewise.
    """

    partition: str
    region: str
    account: str
    now: datetime
    created: datetime | None
    job: dict[str, Json] = field(default_factory=dict)
    operation: str = "S3PutObjectTagging"
    parameters: dict[str, Json] = field(default_factory=dict)
    generator: dict[str, Json] | None = None
    is_stored: bool = True
    bucket: str = "example-manifests"
    key: str = "manifest.csv"
    format: str | None = "S3BatchOperations_CSV_20180820"
    version: str | None = None
    tags: dict[str, str] | None = field(default_factory=dict)
    age: timedelta | None = timedelta(0)
    rows: list[str] | None = None
    manifest_bytes: int | None = None
    object_bytes: int | None = None
    manifest_rows: int | None = None
    rows_without_version: int | None = None
    used: dict[str, Amounts] = field(default_factory=dict)


class Example(Struct, frozen=True):
    """One job with all that a decision on it depends on.

    Attributes:
        job: As `aws s3control describe-job` prints it, `{"Job": {...}}`.
        tags: Its tags; None where they can't be read.
        at: The instant of the decision.
        facts: What else was read, as a test case says it: `manifest_bytes`, members of `StatedContents`, `budgets`.
        approvals: The ARNs of those who approved it.
        requester: Who created it; None where that is not known.
    """

    job: dict[str, Json]
    tags: dict[str, str] | None
    at: datetime
    facts: Mapping[str, Json] = {}
    approvals: tuple[str, ...] = ()
    requester: str | None = None

    @property
    def gathered(self) -> JobFacts:
        """The job as the policies see it."""
        size = self.facts.get("manifest_bytes")
        stated: dict[str, Any] = {
            name: self.facts[name] for name in StatedContents.__struct_fields__ if name in self.facts
        }
        return gather_stated(
            job_from_printed(self.job),
            self.at,
            StatedContents(**stated),
            tags=Gap(Result.UNMEASURABLE, "not read") if self.tags is None else self.tags,
            manifest_bytes=size if isinstance(size, int) else NOT_READ,
            approvals=[Approval(who, self.at, "", "") for who in self.approvals],
            requester=self.requester or NOT_READ,
        )

    def decided_by(self, policies: PolicySet) -> Decision:
        """The decision on it."""
        return evaluate_job(policies, with_used(self.gathered, policies.budgets, self.used, otherwise=Amounts()))

    @property
    def used_as_written(self) -> Mapping[str, Json]:
        """How much is used of each budget, as a test case says it."""
        budgets = self.facts.get("budgets")
        return budgets if isinstance(budgets, dict) else {}

    @property
    def used(self) -> Mapping[str, Amounts]:
        """The same as amounts."""
        return {name: _amounts(used) for name, used in self.used_as_written.items()}


def _amounts(written: Json) -> Amounts:
    stated = {name: Decimal(str(amount)) for name, amount in written.items()} if isinstance(written, dict) else {}
    counts = {name: int(amount) for name, amount in stated.items() if name != "cost"}
    return Amounts(**counts, cost=units(stated.get("cost", Decimal(0))))


def _written(amounts: Amounts) -> Json:
    return {
        name: amount / COST_UNITS if name == "cost" else amount
        for name in amounts.__struct_fields__
        if (amount := getattr(amounts, name))
    }


def _without(total: Amounts, taken: Amounts) -> Amounts:
    """What is used by other jobs."""
    names = total.__struct_fields__
    return Amounts(*(max(0, getattr(total, name) - getattr(taken, name)) for name in names))


def finished(draft: Draft) -> Example:
    """The job that a draft describes."""
    arn = f"arn:{draft.partition}:s3:{draft.region}:{draft.account}:job/{JOB_ID}"
    job: dict[str, Json] = {
        "JobId": JOB_ID,
        "JobArn": arn,
        "Status": "Suspended",
        "Operation": {draft.operation: draft.parameters},
        **_manifest(draft),
        "Priority": 10,
        "ProgressSummary": {
            "TotalNumberOfTasks": 1000,
            "NumberOfTasksSucceeded": 0,
            "NumberOfTasksFailed": 0,
        },
        "Report": {"Enabled": False},
        "RoleArn": f"arn:{draft.partition}:iam::{draft.account}:role/batch-operations",
        **draft.job,
    }
    if draft.created is not None:
        job["CreationTime"] = draft.created.isoformat()
    if draft.age is not None:
        job["SuspendedDate"] = (draft.now - draft.age).isoformat()
        job["SuspendedCause"] = "AwaitingConfirmation"
    read: dict[str, Json] = {
        "manifest_bytes": draft.manifest_bytes,
        "source_buckets": None if draft.rows is None else [*draft.rows],
        "object_bytes": draft.object_bytes,
        "manifest_rows": draft.manifest_rows,
        "rows_without_version": draft.rows_without_version,
    }
    facts = {name: value for name, value in read.items() if value is not None}
    if draft.used:
        summary = job["ProgressSummary"]
        tasks = summary["TotalNumberOfTasks"] if isinstance(summary, dict) else 0
        taken = Amounts(1, tasks if isinstance(tasks, int) else 0, draft.object_bytes or 0)
        facts["budgets"] = {name: _written(_without(total, taken)) for name, total in draft.used.items()}
    present: dict[str, Json] = {name: value for name, value in job.items() if value is not None}
    described: dict[str, Json] = {"Job": present}
    return Example(described, draft.tags, draft.now, facts)


def _manifest(draft: Draft) -> dict[str, Json]:
    arn = draft.bucket if draft.bucket.startswith("arn:") else f"arn:{draft.partition}:s3:::{draft.bucket}"
    location: dict[str, Json] = {
        "ObjectArn": f"{arn}/{draft.key}" if draft.key else arn,
        "ETag": "69f52a4e9f797e987155d9c8f5880897",
    }
    if draft.version is not None:
        location["ObjectVersionId"] = draft.version
    spec: dict[str, Json] = {"Format": draft.format}
    if draft.generator is None:
        return {"Manifest": {"Spec": spec, "Location": location}}
    parts: dict[str, Json] = {"ManifestGenerator": {"S3JobManifestGenerator": draft.generator}}
    if draft.is_stored:
        parts["GeneratedManifestDescriptor"] = {"Format": draft.format, "Location": location}
    return parts
