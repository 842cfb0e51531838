"""One plain job and one plain policy, for tests that vary a single thing about them."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from batchgate.jobs.model import Job, Json
from batchgate.policy.amounts import Amounts, BudgetAccount, BudgetUse
from batchgate.policy.approvals import Approval
from batchgate.policy.compile import compile_document, compile_policies
from batchgate.policy.evaluate import Decision, evaluate_job
from batchgate.policy.facts import NOT_READ, Gap, JobFacts
from batchgate.policy.validation import read_document
from batchgate_cli.authoring.lint import Finding, lint
from batchgate_cli.authoring.stated_facts import StatedContents, gather_stated

ACCOUNT = "111111111111"
REGION = "eu-central-1"
JOB_ID = "00e123a4-c0d8-41f4-a0eb-b46f9ba5b07c"
ARN = f"arn:aws:s3:{REGION}:{ACCOUNT}:job/{JOB_ID}"

NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)
"""A Friday."""
SUSPENDED = datetime(2026, 3, 27, 6, tzinfo=UTC)

APPROVAL = Approval("arn:aws:sts::111111111111:assumed-role/lake-oncall/ana", NOW, "checked", "")

SUPPLIED_MANIFEST: Json = {
    "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
    "Location": {"ObjectArn": "arn:aws:s3:::manifests/2026/m.csv", "ETag": "e1"},
}

Written = dict[str, Any]
"""A policy document, or a part of one, as YAML gives it."""


def description(**members: Json) -> dict[str, Json]:
    """Describe a job as DescribeJob does: Suspended, 100 tasks; members given as None are left out."""
    job: dict[str, Json] = {
        "JobId": JOB_ID,
        "JobArn": ARN,
        "Status": "Suspended",
        "ConfirmationRequired": True,
        "Operation": {"S3ComputeObjectChecksum": {"ChecksumAlgorithm": "SHA256"}},
        "Priority": 10,
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/batch",
        "Description": "nightly",
        "ProgressSummary": {
            "TotalNumberOfTasks": 100,
            "NumberOfTasksSucceeded": 0,
            "NumberOfTasksFailed": 0,
        },
        "Manifest": SUPPLIED_MANIFEST,
        "Report": {"Enabled": False},
        "SuspendedDate": SUSPENDED,
        "CreationTime": SUSPENDED,
    }
    suspended = members.get("SuspendedDate")
    if isinstance(suspended, datetime) and suspended.tzinfo and suspended < SUSPENDED:
        job["CreationTime"] = suspended  # no job is suspended before it is created
    return {name: value for name, value in {**job, **members}.items() if value is not None}


def facts(
    *,
    now: datetime = NOW,
    tags: Mapping[str, str] | Gap | None = None,
    approvals: Iterable[Approval] = (),
    requester: str | Gap = NOT_READ,
    manifest_bytes: int | Gap = 4096,
    manifest_rows: int | Gap | None = None,
    rows_without_version: int | Gap = 0,
    source_buckets: Iterable[str] | Gap = frozenset({"lake"}),
    object_bytes: int | Gap = 1_000_000,
    budgets: Mapping[str, BudgetUse | Gap] = {},
    **members: Json,
) -> JobFacts:
    """Gather the facts of `description(**members)`, with everything readable that is not said otherwise."""
    job = Job.from_description(description(**members))
    return gather_stated(
        job,
        now,
        StatedContents(
            manifest_rows=(job.total_tasks or 0) if manifest_rows is None else manifest_rows,
            rows_without_version=rows_without_version,
            source_buckets=source_buckets,
            object_bytes=object_bytes,
        ),
        tags={} if tags is None else tags,
        manifest_bytes=manifest_bytes,
        approvals=approvals,
        requester=requester,
        budgets=budgets,
    )


MONTH = (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
"""The month of `NOW`."""


def used(budget: str, account: str = "", *, own: bool = False, **amounts: int) -> dict[str, BudgetUse]:
    """How much of one account of a budget is used in the month of `NOW`."""
    start, end = MONTH
    return {budget: BudgetUse(BudgetAccount(budget, account, start), end, Amounts(**amounts), own=own, reserved=own)}


def document(*require: Written, **parts: Any) -> Written:
    """Write a document with one policy that governs every job and requires this, and whatever else is given."""
    return {"version": 1, "policies": [{"name": "p", "require": list(require)}], **parts}


def outcome(written: Written, about: JobFacts) -> Decision:
    """Decide by a document as written."""
    return evaluate_job(compile_policies(written), about)


def verdict(written: Written, about: JobFacts) -> str:
    """Decide by a document as written; one word."""
    return str(outcome(written, about).verdict)


def lint_findings(written: Written, today: date, manifest_buckets: Collection[str] | None = None) -> list[Finding]:
    """What lint finds in a document as written."""
    document = read_document(written)
    return lint(document, compile_document(document), today, manifest_buckets)
