"""The oracle, held against the sentences of the language's description one by one."""

from datetime import UTC, datetime, timedelta
from typing import TypedDict, Unpack

import pytest

from tests.verification.oracle.language_oracle import OracleResult, evaluate
from tests.verification.oracle.plain import Document, Plain, Tags, Unavailable

NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)  # a Friday
ARN = "arn:aws:s3:eu-central-1:111111111111:job/j-12345"
CHECKSUM: Document = {"S3ComputeObjectChecksum": {"ChecksumAlgorithm": "SHA256"}}
RESTORE: Document = {"S3InitiateRestoreObject": {"ExpirationInDays": 7, "GlacierJobTier": "STANDARD"}}
RETENTION: Document = {"S3PutObjectRetention": {"BypassGovernanceRetention": True, "Retention": {}}}
SUPPLIED: Document = {
    "Spec": {"Format": "S3BatchOperations_CSV_20180820"},
    "Location": {"ObjectArn": "arn:aws:s3:::lake/manifests/m.csv", "ETag": "e"},
}
ANY_TASKS: Document = {"total_tasks": {"at_least": 0}}
MET: Document = {"account": "111111111111"}
VIOLATED: Document = {"account": "999999999999"}
UNMEASURABLE: Document = {"object_bytes": {"at_most": 1}}
UNKNOWN = ANY_TASKS
"""Unknown of a job that is New and whose tasks are not counted."""


ANA = "arn:aws:sts::111111111111:assumed-role/lake-oncall/ana"
EVE = "arn:aws:sts::111111111111:assumed-role/lake-oncall/eve"
BEN = "arn:aws:sts::111111111111:assumed-role/prod-owner/ben"


class Read(TypedDict, total=False):
    """What a case says of the facts beside the job."""

    tags: Tags
    now: datetime
    approvals: list[str]
    requester: str | Unavailable
    manifest_bytes: int | Unavailable
    manifest_rows: int | Unavailable | None
    rows_without_version: int | Unavailable
    source_buckets: list[str] | Unavailable
    budgets_used: dict[str, dict[str, int | float]]
    object_bytes: int | Unavailable


def job(**changed: Plain) -> dict[str, Plain]:
    """Make a Suspended checksum job of 100 objects; None takes a member away."""
    made: dict[str, Plain] = {
        "JobId": "j-12345",
        "JobArn": ARN,
        "Status": "Suspended",
        "ConfirmationRequired": True,
        "Operation": CHECKSUM,
        "Manifest": SUPPLIED,
        "ProgressSummary": {"TotalNumberOfTasks": 100},
        "RoleArn": "arn:aws:iam::111111111111:role/migrator",
        "Priority": 10,
        "Report": {
            "Enabled": True,
            "ReportScope": "AllTasks",
            "Bucket": "arn:aws:s3:::audit-111111111111-eu-central-1",
        },
        "SuspendedDate": (NOW - timedelta(days=1)).isoformat(),
        **changed,
    }
    return {member: value for member, value in made.items() if value is not None}


UNCOUNTED: Document = {"TotalNumberOfTasks": 0}
NEW = job(Status="New", ConfirmationRequired=False, SuspendedDate=None, ProgressSummary=UNCOUNTED)
GENERATOR: Document = {"SourceBucket": "arn:aws:s3:::lake-prod-raw", "EnableManifestOutput": True}
UNSTORED = job(
    Manifest=None, ManifestGenerator={"S3JobManifestGenerator": {**GENERATOR, "EnableManifestOutput": False}}
)
NEVER_CAME = job(Manifest=None, ManifestGenerator={"S3JobManifestGenerator": GENERATOR})
STILL_TO_COME = job(
    Manifest=None,
    ManifestGenerator={"S3JobManifestGenerator": GENERATOR},
    Status="New",
    ConfirmationRequired=False,
    SuspendedDate=None,
)
TO_A_PATH = job(Report={"Enabled": True, "Bucket": "arn:aws:s3:::audit/x", "ExpectedBucketOwner": "111111111111"})
BEHIND_A_POINT = job(
    Manifest={"Location": {"ObjectArn": "arn:aws:s3:eu-central-1:111111111111:accesspoint/x/object/y:::lake/m.csv"}}
)
OF_NEW_OPERATION = job(Operation={"S3New": {}})
RESTORES = job(Operation=RESTORE)
RETAINS = job(Operation=RETENTION)
NEWLY = job(
    Operation={
        "S3New": {
            "Number": 7,
            "Flag": True,
            "Text": "x",
            "When": "2027-01-01T00:00:00Z",
            "Old": "2020-01-01T00:00:00Z",
        }
    },
    CreationTime="2026-12-31T00:00:00Z",
)
TAGS = job(Operation={"S3PutObjectTagging": {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]}})
NO_TAGS = job(Operation={"S3PutObjectTagging": {"TagSet": []}})
TAG_SET, WHEN, NEW_YEAR_EAST = "S3PutObjectTagging.TagSet", "S3New.When", "2027-01-01T02:00:00+02:00"
BYPASS = "S3PutObjectRetention.BypassGovernanceRetention"
DAYS = "S3InitiateRestoreObject.ExpirationInDays"


def outcome(document: Document, evaluated: Document | None = None, **read: Unpack[Read]) -> OracleResult:
    """Evaluator a job, the usual one if none is given, untagged and at NOW if nothing else is said."""
    facts = {"tags": {}, "now": NOW, **read}
    return evaluate({"version": 1, **document}, job() if evaluated is None else evaluated, **facts)  # type: ignore[arg-type]


def requiring(*requirements: Document, **words: Plain) -> Document:
    """Make a document of one policy for every job."""
    return {"policies": [{"name": "p", "match": [MET], "require": list(requirements), **words}]}


def check_result(condition: Document, evaluated: Document | None = None, **read: Unpack[Read]) -> str:
    """Give what one condition comes to."""
    [statement] = outcome(
        {**requiring(condition), "lists": {"mine": ["111111111111", "222222222222"]}, "prices": PRICES},
        evaluated,
        **read,
    ).statements
    [result] = statement.requirements
    return result.value


RESTORING = job(Operation=RESTORE)
WITHOUT_TIER = job(Operation={"S3InitiateRestoreObject": {"ExpirationInDays": 7}})
TAGGING: Document = {"S3PutObjectTagging": {"TagSet": []}}
PRICES: Document = {
    "job": 0.25,
    "million_objects": 1,
    "million_requests": {"S3ComputeObjectChecksum": 5, "S3InitiateRestoreObject": 25},
    "gibibyte": {"S3InitiateRestoreObject.STANDARD": 0.01},
}

CHECKS: list[tuple[str, Document, Document | None, Read, str]] = [
    ("* is any run of characters and crosses / and :", {"role": "arn:*/migrator"}, None, {}, "met"),
    ("a pattern is the whole string", {"role": "migrator"}, None, {}, "violated"),
    ("strings are case-sensitive", {"role": "*MIGRATOR"}, None, {}, "violated"),
    ("? is one character", {"role": "*:role/migrato?"}, None, {}, "met"),
    ("? is not no character", {"role": "*:role/migrator?"}, None, {}, "violated"),
    ("* crosses line ends", {"description": "two*?lines"}, job(Description="two\n\nlines"), {}, "met"),
    (
        "nothing is still to come that will not be stored",
        {"manifest": {"key": "*"}},
        {**UNSTORED, "Status": "New"},
        {},
        "unmeasurable",
    ),
    ("brackets are literal", {"tags": {"a": "[x]"}}, None, {"tags": {"a": "x"}}, "violated"),
    ("brackets match themselves", {"tags": {"a": "[x]*"}}, None, {"tags": {"a": "[x]y"}}, "met"),
    ("a list of values means any of them", {"operation": ["LambdaInvoke", "S3Compute*"]}, None, {}, "met"),
    ("{list: NAME} names a list", {"account": {"list": "mine"}}, None, {}, "met"),
    ("not takes a named list", {"account": {"not": {"list": "mine"}}}, None, {}, "violated"),
    ("not takes a list of values", {"operation": {"not": ["A", "B"]}}, None, {}, "met"),
    ("at_most is inclusive", {"total_tasks": {"at_most": 100}}, None, {}, "met"),
    ("at_most bounds", {"total_tasks": {"at_most": 99}}, None, {}, "violated"),
    ("at_least is inclusive", {"total_tasks": {"at_least": 100}}, None, {}, "met"),
    ("at_least and at_most both bound", {"priority": {"at_least": 1, "at_most": 9}}, None, {}, "violated"),
    ("not is the complement of a range", {"priority": {"not": {"at_least": 1, "at_most": 9}}}, None, {}, "met"),
    (
        "${account} and ${region} come from the ARN",
        {"report": {"bucket": "audit-${account}-${region}"}},
        None,
        {},
        "met",
    ),
    ("${partition} comes from the ARN", {"role": "arn:${partition}:iam:*"}, None, {}, "met"),
    ("region is the ARN's", {"region": "eu-*"}, None, {}, "met"),
    ("a report's words must all hold", {"report": {"enabled": True, "scope": "FailedTasksOnly"}}, None, {}, "violated"),
    ("buckets are names where S3 says ARNs", {"manifest": {"bucket": "lake", "key": "manifests/*"}}, None, {}, "met"),
    ("a supplied manifest is stored", {"manifest": {"stored": True, "generated": False}}, None, {}, "met"),
    (
        "a generated one is stored if S3 was told so",
        {"manifest": {"generated": True, "stored": False}},
        UNSTORED,
        {},
        "met",
    ),
    ("bytes of an unstored manifest", {"manifest": {"bytes": {"at_most": 9}}}, UNSTORED, {}, "unmeasurable"),
    ("a manifest that is still to come", {"manifest": {"key": "*"}}, STILL_TO_COME, {}, "unknown"),
    ("a manifest that never came", {"manifest": {"key": "*"}}, NEVER_CAME, {}, "unmeasurable"),
    ("manifest bytes are the object's", {"manifest": {"bytes": {"at_most": 9}}}, None, {"manifest_bytes": 9}, "met"),
    ("a denied manifest is unmeasurable", {"manifest": {"bytes": {"at_most": 9}}}, None, {}, "unmeasurable"),
    (
        "object_bytes is a range over the rows' sizes",
        {"object_bytes": {"at_most": 9}},
        None,
        {"object_bytes": 10},
        "violated",
    ),
    ("rows counted in it", {"manifest": {"rows": {"at_least": 100}}}, None, {"manifest_rows": 100}, "met"),
    (
        "other rows than S3's tasks",
        {"manifest": {"rows": {"at_least": 1}}},
        None,
        {"manifest_rows": 99},
        "unmeasurable",
    ),
    (
        "nor bytes of them",
        {"object_bytes": {"at_most": 9}},
        None,
        {"manifest_rows": 99, "object_bytes": 5},
        "unmeasurable",
    ),
    (
        "empty is no version",
        {"manifest": {"rows_without_version": {"at_most": 0}}},
        None,
        {"rows_without_version": 1},
        "violated",
    ),
    (
        "rows without S3's count are unknown before Suspended",
        {"object_bytes": {"at_most": 9}},
        job(Status="New", ProgressSummary=None),
        {"object_bytes": 5},
        "unknown",
    ),
    (
        "a thousand buckets",
        {"source_buckets": {"only": "b*"}},
        None,
        {"source_buckets": [f"b{number:03}" for number in range(1000)]},
        "met",
    ),
    (
        "one more is unmeasurable",
        {"source_buckets": {"only": "b*"}},
        None,
        {"source_buckets": [f"b{number:04}" for number in range(1001)]},
        "unmeasurable",
    ),
    ("a cost: the job, its objects, its requests", {"cost": {"at_most": 0.2506}}, None, {}, "met"),
    ("and not less", {"cost": {"at_most": 0.2505}}, None, {}, "violated"),
    ("both ends are included", {"cost": {"at_least": 0.2506, "at_most": 0.2506}}, None, {}, "met"),
    ("a cost by the tier of a restore", {"cost": {"at_most": 0.2626}}, RESTORING, {"object_bytes": 1 << 30}, "met"),
    ("its bytes count", {"cost": {"at_most": 0.2625}}, RESTORING, {"object_bytes": 1 << 30}, "violated"),
    ("unknown bytes are never free", {"cost": {"at_most": 500}}, RESTORING, {}, "unmeasurable"),
    ("a tier that the job does not say", {"cost": {"at_most": 500}}, WITHOUT_TIER, {"object_bytes": 1}, "unmeasurable"),
    ("a price that is not there", {"cost": {"at_most": 500}}, job(Operation=TAGGING), {}, "unmeasurable"),
    ("tasks that are not counted", {"cost": {"at_most": 500}}, job(Status="New", ProgressSummary=None), {}, "unknown"),
    ("any: at least one bucket", {"source_buckets": {"any": "a*"}}, None, {"source_buckets": ["abc", "bcd"]}, "met"),
    ("only: every bucket", {"source_buckets": {"only": "a*"}}, None, {"source_buckets": ["abc", "bcd"]}, "violated"),
    ("none: no bucket", {"source_buckets": {"none": "a*"}}, None, {"source_buckets": ["abc", "bcd"]}, "violated"),
    (
        "bucket words must all hold",
        {"source_buckets": {"any": "aaa", "none": "bbb"}},
        None,
        {"source_buckets": ["aaa"]},
        "met",
    ),
    *(
        (f"an odd one of several buckets: {words} of {buckets}", {"source_buckets": words}, None, read, expected)
        for words, buckets, expected in (
            ({"any": "a*"}, ["a-s3alias"], "unmeasurable"),
            ({"any": "a*"}, ["a-s3alias", "abc"], "met"),
            ({"none": "a*"}, ["x-s3alias", "abc"], "violated"),
            ({"only": "a*"}, ["x-s3alias", "abc"], "unmeasurable"),
            ({"only": "a*"}, ["x-s3alias", "bcd"], "violated"),
            ({"none": "x*"}, ["ABC"], "unmeasurable"),
        )
        for read in [Read(source_buckets=buckets)]
    ),
    ("a report's path is no bucket", {"report": {"bucket": {"not": "a"}}}, TO_A_PATH, {}, "unmeasurable"),
    ("whose the report's bucket must be", {"report": {"expected_bucket_owner": "${account}"}}, TO_A_PATH, {}, "met"),
    ("a job that pins no version", {"manifest": {"version": {"present": True}}}, None, {}, "violated"),
    ("a key is not read from inside an access point's", {"manifest": {"key": "*"}}, BEHIND_A_POINT, {}, "unmeasurable"),
    ("nor is a bucket", {"manifest": {"bucket": {"not": "lake"}}}, BEHIND_A_POINT, {}, "unmeasurable"),
    ("unreadable rows are unmeasurable", {"source_buckets": {"none": "a"}}, None, {}, "unmeasurable"),
    ("the generator's SourceBucket counts", {"source_buckets": {"only": "lake-*"}}, UNSTORED, {}, "met"),
    ("other operations have no destination: any", {"destination_buckets": {"any": "*"}}, None, {}, "violated"),
    ("other operations have no destination: only", {"destination_buckets": {"only": "x"}}, None, {}, "met"),
    ("other operations have no destination: none", {"destination_buckets": {"none": "*"}}, None, {}, "met"),
    (
        "the copy target",
        {"destination_buckets": {"only": "archive"}},
        job(Operation={"S3PutObjectCopy": {"TargetResource": "arn:aws:s3:::archive"}}),
        {},
        "met",
    ),
    (
        "an access point is unmeasurable",
        {"destination_buckets": {"none": "x"}},
        job(Operation={"S3PutObjectCopy": {"TargetResource": "arn:aws:s3:eu-central-1:111111111111:accesspoint/x"}}),
        {},
        "unmeasurable",
    ),
    (
        "replication's target is unmeasurable",
        {"destination_buckets": {"none": "x"}},
        job(Operation={"S3ReplicateObject": {}}),
        {},
        "unmeasurable",
    ),
    (
        "an unknown operation's target is unmeasurable",
        {"destination_buckets": {"none": "x"}},
        OF_NEW_OPERATION,
        {},
        "unmeasurable",
    ),
    ("a dotted path goes into the operation", {"operation_parameters": {DAYS: 7}}, RESTORES, {}, "met"),
    ("an absent value violates a positive test", {"operation_parameters": {BYPASS: False}}, None, {}, "violated"),
    ("an absent value meets a not", {"operation_parameters": {BYPASS: {"not": True}}}, None, {}, "met"),
    ("booleans are tested", {"operation_parameters": {BYPASS: {"not": True}}}, RETAINS, {}, "violated"),
    ("a string test of a number", {"operation_parameters": {"S3New.Number": "7"}}, NEWLY, {}, "violated"),
    ("a number test of a boolean", {"operation_parameters": {"S3New.Flag": 1}}, NEWLY, {}, "violated"),
    ("not of another type", {"operation_parameters": {"S3New.Number": {"not": "7"}}}, NEWLY, {}, "met"),
    ("a list's any", {"operation_parameters": {TAG_SET: {"any": {"Key": "a", "Value": "1"}}}}, TAGS, {}, "met"),
    (
        "one element must meet all sub-paths",
        {"operation_parameters": {TAG_SET: {"any": {"Key": "a", "Value": "2"}}}},
        TAGS,
        {},
        "violated",
    ),
    ("a list's only", {"operation_parameters": {TAG_SET: {"only": {"Key": "a"}}}}, TAGS, {}, "violated"),
    ("a list's none", {"operation_parameters": {TAG_SET: {"none": {"Key": "b"}}}}, TAGS, {}, "violated"),
    (
        "a list's words side by side must all hold",
        {"operation_parameters": {TAG_SET: {"any": {"Key": "a"}, "none": {"Key": "b"}}}},
        TAGS,
        {},
        "violated",
    ),
    ("an empty list: any", {"operation_parameters": {TAG_SET: {"any": {"Key": "*"}}}}, NO_TAGS, {}, "violated"),
    ("an empty list: only", {"operation_parameters": {TAG_SET: {"only": {"Key": "x"}}}}, NO_TAGS, {}, "met"),
    ("an empty list: none", {"operation_parameters": {TAG_SET: {"none": {"Key": "*"}}}}, NO_TAGS, {}, "met"),
    ("present of an empty list", {"operation_parameters": {TAG_SET: {"present": True}}}, NO_TAGS, {}, "met"),
    ("an absent list: any", {"operation_parameters": {TAG_SET: {"any": {"Key": "*"}}}}, None, {}, "violated"),
    ("an absent list: only", {"operation_parameters": {TAG_SET: {"only": {"Key": "x"}}}}, None, {}, "met"),
    ("an absent list: none", {"operation_parameters": {TAG_SET: {"none": {"Key": "*"}}}}, None, {}, "met"),
    (
        "not is the exact complement, also of an absent list",
        {"operation_parameters": {TAG_SET: {"not": {"none": {"Key": "*"}}}}},
        None,
        {},
        "violated",
    ),
    ("before is earlier", {"operation_parameters": {WHEN: {"before": "2027-01-01"}}}, NEWLY, {}, "violated"),
    ("after is then or later", {"operation_parameters": {WHEN: {"after": "2027-01-01"}}}, NEWLY, {}, "met"),
    ("an instant has its offset", {"operation_parameters": {WHEN: {"before": NEW_YEAR_EAST}}}, NEWLY, {}, "violated"),
    ("within, at the end", {"operation_parameters": {WHEN: {"within": "24h"}}}, NEWLY, {}, "met"),
    ("within, after the end", {"operation_parameters": {WHEN: {"within": "86399s"}}}, NEWLY, {}, "violated"),
    ("within is met before the creation", {"operation_parameters": {"S3New.Old": {"within": "0s"}}}, NEWLY, {}, "met"),
    ("a text is no time", {"operation_parameters": {"S3New.Text": {"before": "2027-01-01"}}}, NEWLY, {}, "violated"),
    (
        "within of a job whose creation is not known",
        {"operation_parameters": {WHEN: {"not": {"within": "1d"}}}},
        {**NEWLY, "CreationTime": None},
        {},
        "unmeasurable",
    ),
    ("a generator's bucket", {"manifest_generator": {"SourceBucket": "arn:*:s3:::lake-*"}}, UNSTORED, {}, "met"),
    ("a supplied manifest has no generator", {"manifest_generator": {"SourceBucket": "*"}}, None, {}, "violated"),
    (
        "a supplied manifest meets none",
        {"manifest_generator": {"Filter.MatchAnyStorageClass": {"none": "*"}}},
        None,
        {},
        "met",
    ),
    ("a supplied manifest meets not", {"manifest_generator": {"SourceBucket": {"not": "*"}}}, None, {}, "met"),
    (
        "a structure is present",
        {"operation_parameters": {"S3PutObjectRetention.Retention": {"present": True}}},
        RETAINS,
        {},
        "met",
    ),
    ("an empty string is present", {"tags": {"a": {"present": True}}}, None, {"tags": {"a": ""}}, "met"),
    ("an absent tag is not present", {"tags": {"a": {"present": True}}}, None, {}, "violated"),
    ("several tags must all hold", {"tags": {"a": "1", "b": "2"}}, None, {"tags": {"a": "1"}}, "violated"),
    (
        "unreadable tags are unmeasurable, not included",
        {"tags": {"a": {"not": "1"}}},
        None,
        {"tags": "unmeasurable"},
        "unmeasurable",
    ),
    ("an absent description violates a pattern", {"description": "*"}, None, {}, "violated"),
    ("an absent description meets a not", {"description": {"not": "x"}}, None, {}, "met"),
    ("0 tasks at Suspended are unmeasurable", ANY_TASKS, job(ProgressSummary=UNCOUNTED), {}, "unmeasurable"),
    (
        "absent tasks at Suspended are unmeasurable",
        {"total_tasks": {"not": {"at_most": 1}}},
        job(ProgressSummary=None),
        {},
        "unmeasurable",
    ),
    ("0 tasks before Suspended are unknown", ANY_TASKS, NEW, {}, "unknown"),
    ("absent tasks before Suspended are unknown", ANY_TASKS, {**NEW, "ProgressSummary": {}}, {}, "unknown"),
    ("not leaves unknown", {"total_tasks": {"not": {"at_most": 1}}}, NEW, {}, "unknown"),
    ("manual approval before a person decided", {"manual_approval": "required"}, None, {}, "unmeasurable"),
    ("manual approval after", {"manual_approval": "required"}, None, {"approvals": [ANA]}, "met"),
    ("two wanted, one given", {"manual_approval": {"at_least": 2}}, None, {"approvals": [ANA]}, "unmeasurable"),
    ("two wanted, two sessions", {"manual_approval": {"at_least": 2}}, None, {"approvals": [ANA, EVE]}, "unmeasurable"),
    ("two wanted, two people", {"manual_approval": {"at_least": 2}}, None, {"approvals": [ANA, BEN]}, "met"),
    ("of another role", {"manual_approval": {"by": "*/prod-owner/*"}}, None, {"approvals": [ANA]}, "unmeasurable"),
    ("of that role", {"manual_approval": {"by": "*/prod-owner/*"}}, None, {"approvals": [ANA, BEN]}, "met"),
    (
        "not of the requester, whatever the session",
        {"manual_approval": {"not_requester": True}},
        None,
        {"approvals": [ANA], "requester": EVE},
        "unmeasurable",
    ),
    (
        "not of the requester, who is another",
        {"manual_approval": {"not_requester": True}},
        None,
        {"approvals": [ANA], "requester": BEN},
        "met",
    ),
    (
        "not of the requester, who is not known",
        {"manual_approval": {"not_requester": True}},
        None,
        {"approvals": [ANA, BEN]},
        "unmeasurable",
    ),
    ("all: violated if any is", {"all": [UNKNOWN, UNMEASURABLE, VIOLATED]}, NEW, {}, "violated"),
    ("all: else unknown", {"all": [MET, UNMEASURABLE, UNKNOWN]}, NEW, {}, "unknown"),
    ("all: else unmeasurable", {"all": [MET, UNMEASURABLE]}, NEW, {}, "unmeasurable"),
    ("all: else met", {"all": [MET, MET]}, NEW, {}, "met"),
    ("any: met if any is", {"any": [UNKNOWN, UNMEASURABLE, MET]}, NEW, {}, "met"),
    ("any: else unknown", {"any": [VIOLATED, UNMEASURABLE, UNKNOWN]}, NEW, {}, "unknown"),
    ("any: else unmeasurable", {"any": [VIOLATED, UNMEASURABLE]}, NEW, {}, "unmeasurable"),
    ("any: else violated", {"any": [VIOLATED, VIOLATED]}, NEW, {}, "violated"),
    ("unless lifts a violation", {**VIOLATED, "unless": [MET]}, None, {}, "met"),
    ("unless means all of its conditions", {**VIOLATED, "unless": [MET, VIOLATED]}, None, {}, "violated"),
    (
        "a violated requirement with unmeasurable unless",
        {**VIOLATED, "unless": [UNMEASURABLE]},
        None,
        {},
        "unmeasurable",
    ),
    ("an unmeasurable requirement with a met unless", {**UNMEASURABLE, "unless": [MET]}, None, {}, "met"),
]


@pytest.mark.parametrize(
    ("condition", "evaluated", "read", "expected"), [case[1:] for case in CHECKS], ids=[case[0] for case in CHECKS]
)
def test_a_check_comes_to_what_its_sentence_says(
    condition: Document, evaluated: Document | None, read: Read, expected: str
) -> None:
    """Each row's sentence is the description's; its condition comes to the result that the sentence gives."""
    assert check_result(condition, evaluated, **read) == expected


def cancelling(condition: Document) -> Document:
    """Make a guardrail for every job that cancels what violates a condition."""
    return {"name": "g", "require": [condition], "on_violation": "cancel"}


MATCHES_UNMEASURABLE: Document = {"name": "q", "match": [UNMEASURABLE], "require": [VIOLATED], "on_violation": "cancel"}
MATCHES_UNKNOWN: Document = {"name": "q", "match": [UNKNOWN], "require": [VIOLATED], "on_violation": "cancel"}
APPROVES: Document = {"name": "p", "match": [MET], "require": []}
MATCHES_NOTHING: Document = {"name": "p", "match": [VIOLATED], "require": []}
LIFTS_P: Document = {"name": "e", "lifts": ["p"], "match": [MET], "expires": "2026-03-27", "because": "c"}
IN_SHADOW: Document = {"mode": "shadow"}


def _used(**amounts: float) -> Read:
    """Say how much is used of the budget."""
    return Read(budgets_used={"b": {**amounts}})


def _budgeted(*more: Document, on_violation: str = "hold", exceptions: Plain = None, **changed: Plain) -> Document:
    """Make a document whose policy requires a budget."""
    budget: Document = {"name": "b", "per": "month", "jobs": 5, "objects": 1000, **changed}
    prices: Document = {"job": 0.25, "million_objects": 0, "million_requests": {"S3ComputeObjectChecksum": 0}}
    document = {
        **requiring({"budget": "b", "on_violation": on_violation}, *more),
        "budgets": [budget],
        "prices": prices,
    }
    return document if exceptions is None else {**document, "exceptions": exceptions}


BUDGETED = _budgeted()

VERDICTS: list[tuple[str, Document, Document | None, Read, str]] = [
    ("a hold is lifted by an approval", requiring(VIOLATED), None, {"approvals": [ANA]}, "approve"),
    ("a hold of no policy is lifted", {"version": 1}, None, {"approvals": [ANA]}, "approve"),
    ("a hold of shadow is lifted", {"version": 1, "mode": "shadow"}, None, {"approvals": [ANA]}, "approve"),
    ("a cancellation is not", requiring({**VIOLATED, "on_violation": "cancel"}), None, {"approvals": [ANA]}, "cancel"),
    (
        "a cancellation that waits for its grace is not",
        requiring({**VIOLATED, "on_violation": "cancel", "grace": "999d"}),
        None,
        {"approvals": [ANA]},
        "hold",
    ),
    (
        "one approval meets what is required, but two are wanted for what else holds",
        {**requiring(VIOLATED, {"manual_approval": "required"}), "approvals": {"at_least": 2}},
        None,
        {"approvals": [ANA]},
        "hold",
    ),
    (
        "one approval meets what is required, though two are wanted for other holds",
        {**requiring({"manual_approval": "required"}), "approvals": {"at_least": 2}},
        None,
        {"approvals": [ANA]},
        "approve",
    ),
    (
        "two approvals of others lift nothing while an owner's is wanted",
        requiring(VIOLATED, {"manual_approval": {"by": "*/prod-owner/*"}}),
        None,
        {"approvals": [ANA, EVE]},
        "hold",
    ),
    ("a policy may approve the jobs that it matches", {"policies": [APPROVES]}, None, {}, "approve"),
    ("a guardrail never approves", {"guardrails": [{"name": "g", "require": [MET]}]}, None, {}, "hold"),
    (
        "a guardrail without match is about every job",
        {"policies": [APPROVES], "guardrails": [cancelling(VIOLATED)]},
        None,
        {},
        "cancel",
    ),
    ("violated: hold is the default", requiring(VIOLATED), None, {}, "hold"),
    ("violated: the requirement's on_violation", requiring({**VIOLATED, "on_violation": "cancel"}), None, {}, "cancel"),
    ("violated: the policy's on_violation", requiring(VIOLATED, on_violation="cancel"), None, {}, "cancel"),
    (
        "the nearest on_violation wins",
        requiring({**VIOLATED, "on_violation": "hold"}, on_violation="cancel"),
        None,
        {},
        "hold",
    ),
    (
        "what remains violated keeps its on_violation",
        requiring({**VIOLATED, "unless": [VIOLATED], "on_violation": "cancel"}),
        None,
        {},
        "cancel",
    ),
    (
        "violated with unmeasurable unless holds",
        requiring({**VIOLATED, "unless": [UNMEASURABLE], "on_violation": "cancel"}),
        None,
        {},
        "hold",
    ),
    ("a requirement that is unmeasurable holds", requiring(UNMEASURABLE, on_violation="cancel"), None, {}, "hold"),
    ("a requirement that is unknown waits", requiring(UNKNOWN, on_violation="cancel"), NEW, {}, "wait"),
    ("wait is above hold", requiring(UNKNOWN, VIOLATED), NEW, {}, "wait"),
    ("cancel is above wait", requiring(UNKNOWN, {**VIOLATED, "on_violation": "cancel"}), NEW, {}, "cancel"),
    ("an unmeasurable match holds and never cancels", {"policies": [APPROVES, MATCHES_UNMEASURABLE]}, None, {}, "hold"),
    ("an unknown match waits and never cancels", {"policies": [APPROVES, MATCHES_UNKNOWN]}, NEW, {}, "wait"),
    ("an unmeasurable match never grants", {"policies": [{**MATCHES_UNMEASURABLE, "require": []}]}, None, {}, "hold"),
    (
        "an unmeasurable match is not surely violated",
        {"unmatched": "cancel", "policies": [MATCHES_UNMEASURABLE]},
        None,
        {},
        "hold",
    ),
    ("unmatched: hold is the default", {"policies": [MATCHES_NOTHING]}, None, {}, "hold"),
    ("unmatched: cancel", {"unmatched": "cancel", "policies": [MATCHES_NOTHING]}, None, {}, "cancel"),
    ("no policy at all is unmatched", {"unmatched": "cancel"}, None, {}, "cancel"),
    (
        "a governing guardrail does not make a job matched",
        {"unmatched": "cancel", "guardrails": [{"name": "g", "require": [MET]}]},
        None,
        {},
        "cancel",
    ),
    ("unmatched never cancels an unknown operation", {"unmatched": "cancel"}, OF_NEW_OPERATION, {}, "hold"),
    ("an unknown operation needs its name: *", requiring(), OF_NEW_OPERATION, {}, "hold"),
    (
        "a pattern does not name it",
        {"policies": [{**APPROVES, "match": [{"operation": "S3N*"}]}]},
        OF_NEW_OPERATION,
        {},
        "hold",
    ),
    (
        "its name in a list",
        {"policies": [{**APPROVES, "match": [{"operation": ["A", "S3New"]}]}]},
        OF_NEW_OPERATION,
        {},
        "approve",
    ),
    (
        "its name in a named list",
        {"lists": {"l": ["S3New"]}, "policies": [{**APPROVES, "match": [{"operation": {"list": "l"}}]}]},
        OF_NEW_OPERATION,
        {},
        "approve",
    ),
    (
        "its name at depth",
        {"policies": [{**APPROVES, "match": [{"any": [{"all": [{"operation": "S3New"}]}]}]}]},
        OF_NEW_OPERATION,
        {},
        "approve",
    ),
    (
        "its name inside not names nothing",
        {"policies": [{**APPROVES, "match": [{"any": [MET, {"operation": {"not": "S3New"}}]}]}]},
        OF_NEW_OPERATION,
        {},
        "hold",
    ),
    (
        "another policy's name does not count",
        {"policies": [APPROVES, {"name": "q", "match": [{"operation": "S3New"}, VIOLATED], "require": []}]},
        OF_NEW_OPERATION,
        {},
        "hold",
    ),
    (
        "a guardrail's name does not count",
        {"policies": [APPROVES], "guardrails": [{"name": "g", "match": [{"operation": "S3New"}], "require": [MET]}]},
        OF_NEW_OPERATION,
        {},
        "hold",
    ),
    (
        "the verdict before Suspended is wait",
        requiring({**VIOLATED, "on_violation": "cancel"}),
        {**NEW, "ConfirmationRequired": True},
        {},
        "wait",
    ),
    ("confirmation left out asks for it", requiring(), job(Status="Preparing", ConfirmationRequired=None), {}, "wait"),
    ("a job that does not ask is evaluated", requiring(), {**NEW}, {}, "approve"),
    (
        "a shadow guardrail is as if absent",
        {"policies": [APPROVES], "guardrails": [{**cancelling(VIOLATED), **IN_SHADOW}]},
        None,
        {},
        "approve",
    ),
    ("a shadow policy does not approve", {"policies": [{**APPROVES, **IN_SHADOW}]}, None, {}, "hold"),
    (
        "a shadow policy does not make a job matched",
        {"unmatched": "cancel", "policies": [{**APPROVES, **IN_SHADOW}]},
        None,
        {},
        "cancel",
    ),
    ("a whole set in shadow holds", {**IN_SHADOW, "policies": [APPROVES]}, None, {}, "hold"),
    ("a whole set in shadow never cancels", {**IN_SHADOW, "guardrails": [cancelling(VIOLATED)]}, None, {}, "hold"),
    ("the weaker mode counts", {**IN_SHADOW, "policies": [{**APPROVES, "mode": "enforce"}]}, None, {}, "hold"),
    ("a whole set in shadow waits before Suspended", {**IN_SHADOW}, job(Status="New"), {}, "wait"),
    (
        "an exception lifts every requirement",
        {**requiring(VIOLATED, UNMEASURABLE), "exceptions": [LIFTS_P]},
        None,
        {},
        "approve",
    ),
    (
        "an exception lifts only what it names",
        {**requiring(VIOLATED), "exceptions": [{**LIFTS_P, "lifts": ["other"]}]},
        None,
        {},
        "hold",
    ),
    (
        "an exception whose match is violated lifts nothing",
        {**requiring(VIOLATED, on_violation="cancel"), "exceptions": [{**LIFTS_P, "match": [VIOLATED]}]},
        None,
        {},
        "cancel",
    ),
    (
        "an exception whose match is unmeasurable",
        {**requiring(VIOLATED, on_violation="cancel"), "exceptions": [{**LIFTS_P, "match": [UNMEASURABLE]}]},
        None,
        {},
        "hold",
    ),
    ("an exception never grants", {"policies": [MATCHES_NOTHING], "exceptions": [LIFTS_P]}, None, {}, "hold"),
    (
        "an exception counts through its day, UTC",
        {**requiring(VIOLATED), "exceptions": [LIFTS_P]},
        None,
        {"now": datetime(2026, 3, 27, 23, 59, 59, 999999, UTC)},
        "approve",
    ),
    (
        "an exception ends with its day, UTC",
        {**requiring(VIOLATED), "exceptions": [LIFTS_P]},
        None,
        {"now": datetime(2026, 3, 28, tzinfo=UTC)},
        "hold",
    ),
    (
        "an expired exception with unmeasurable match",
        {
            **requiring(VIOLATED, on_violation="cancel"),
            "exceptions": [{**LIFTS_P, "match": [UNMEASURABLE], "expires": "2026-03-26"}],
        },
        None,
        {},
        "cancel",
    ),
    ("what is used and the job stay within every limit", BUDGETED, None, _used(jobs=4, objects=900), "approve"),
    ("nothing is used where nothing is said", BUDGETED, None, _used(), "approve"),
    ("one job more than the limit", BUDGETED, None, _used(jobs=5), "hold"),
    ("one object more than the limit", BUDGETED, None, _used(objects=901), "hold"),
    ("a job without a value for each", _budgeted(each={"tag": "team"}), None, _used(), "hold"),
    ("a violated budget cancels as any requirement", _budgeted(on_violation="cancel"), None, _used(jobs=5), "cancel"),
    ("people lift a budget", BUDGETED, None, {**_used(jobs=5), "approvals": [ANA]}, "approve"),
    ("no exception lifts a budget", {**BUDGETED, "exceptions": [LIFTS_P]}, None, _used(jobs=5), "hold"),
    ("but what stands beside it", _budgeted(VIOLATED, exceptions=[LIFTS_P]), None, _used(jobs=4), "approve"),
    ("dollars are added up exactly", _budgeted(cost=1.25), None, _used(cost=0.9999), "approve"),
    ("and so is a hundredth of a cent", _budgeted(cost=1.25), None, _used(cost=1.0001), "hold"),
    ("match means all of its conditions", {"policies": [{**APPROVES, "match": [MET, VIOLATED]}]}, None, {}, "hold"),
]


@pytest.mark.parametrize(
    ("document", "evaluated", "read", "expected"), [case[1:] for case in VERDICTS], ids=[case[0] for case in VERDICTS]
)
def test_a_verdict_is_what_its_sentence_says(
    document: Document, evaluated: Document | None, read: Read, expected: str
) -> None:
    """Each row's sentence is the description's; its document gives the verdict that the sentence gives."""
    assert outcome(document, evaluated, **read).verdict == expected


def test_a_shadow_set_still_tells_what_it_would_be_if_enforced() -> None:
    """`explain` adds what a shadow set would be if enforced; statements that are in shadow stay out."""
    document: Document = {**IN_SHADOW, "policies": [APPROVES], "guardrails": [{**cancelling(VIOLATED), **IN_SHADOW}]}
    assert (outcome(document).verdict, outcome(document).if_enforced) == ("hold", "approve")


def test_those_who_decide_are_named() -> None:
    """The names beside a verdict are of the statements whose vote it is, and of no others."""
    document: Document = {"policies": [APPROVES], "guardrails": [cancelling(VIOLATED)]}
    assert outcome(document).deciding == ("g",)
    assert outcome({"policies": [APPROVES]}).deciding == ("p",)


NIGHTS: Document = {
    "calendars": {
        "nights": {"timezone": "UTC", "open": [{"days": ["fri"], "from": "22:00", "to": "06:00"}]},
        "sundays": {"timezone": "UTC", "open": [{"days": ["sun"]}]},
    }
}
IN_NIGHTS: Document = {"window": "nights"}
FRIDAY_NIGHT = datetime(2026, 3, 27, 22, tzinfo=UTC)

UNTILS: list[tuple[str, Document, Document | None, Read, datetime | None]] = [
    ("the window opens", requiring(IN_NIGHTS), None, {}, FRIDAY_NIGHT),
    ("null beside an approval", requiring(IN_NIGHTS), None, {"now": FRIDAY_NIGHT}, None),
    (
        "the window closes",
        requiring({"window": {"not": "nights"}}),
        None,
        {"now": FRIDAY_NIGHT},
        datetime(2026, 3, 28, 6, tzinfo=UTC),
    ),
    (
        "a list of calendars means any of them",
        requiring({"window": ["nights", "sundays"]}),
        None,
        {"now": datetime(2026, 3, 28, 6, tzinfo=UTC)},
        datetime(2026, 3, 29, tzinfo=UTC),
    ),
    ("null where another violation stays", requiring(IN_NIGHTS, VIOLATED), None, {}, None),
    ("null where a person is needed", requiring(IN_NIGHTS, {"manual_approval": "required"}), None, {}, None),
    ("null where nothing is measured", requiring(IN_NIGHTS, UNMEASURABLE), None, {}, None),
    (
        "a window may stand beside what is not measured",
        requiring({"any": [UNMEASURABLE, IN_NIGHTS]}),
        None,
        {},
        FRIDAY_NIGHT,
    ),
    ("windows joined by all", requiring({"all": [IN_NIGHTS, {"window": "sundays"}]}), None, {}, None),
    (
        "an exception may have expired by then",
        {**requiring(IN_NIGHTS, {**VIOLATED, "unless": [VIOLATED]}), "exceptions": [LIFTS_P]},
        None,
        {"now": datetime(2026, 3, 28, 7, tzinfo=UTC)},
        None,
    ),
    (
        "a match that an expiry does not touch",
        {**requiring(VIOLATED), "exceptions": [{**LIFTS_P, "match": [IN_NIGHTS]}]},
        None,
        {},
        FRIDAY_NIGHT,
    ),
    (
        "strictly before SuspendedDate + 30 days",
        requiring(IN_NIGHTS),
        job(SuspendedDate="2026-02-25T22:00:00+00:00"),
        {},
        None,
    ),
    (
        "the last microsecond of the 30 days",
        requiring(IN_NIGHTS),
        job(SuspendedDate="2026-02-25T22:00:00.000001Z"),
        {},
        FRIDAY_NIGHT,
    ),
    (
        "CreationTime where SuspendedDate is not there",
        requiring(IN_NIGHTS),
        job(SuspendedDate=None, CreationTime="2026-03-01T00:00:00Z"),
        {},
        FRIDAY_NIGHT,
    ),
    ("null where neither is there", requiring(IN_NIGHTS), job(SuspendedDate=None), {}, None),
    ("null beside a cancel", requiring({**IN_NIGHTS, "on_violation": "cancel"}), None, {}, None),
    ("null for a shadow set", {**IN_SHADOW, **requiring(IN_NIGHTS)}, None, {}, None),
    (
        "a guardrail that stops governing",
        {
            "policies": [APPROVES],
            "guardrails": [{"name": "g", "match": [{"window": {"not": "nights"}}], "require": [VIOLATED]}],
        },
        None,
        {},
        FRIDAY_NIGHT,
    ),
    ("the next month begins", BUDGETED, None, _used(jobs=5), datetime(2026, 4, 1, tzinfo=UTC)),
    ("the next week, on Monday", _budgeted(per="week"), None, _used(jobs=5), datetime(2026, 3, 30, tzinfo=UTC)),
    ("never where the job is too large", _budgeted(objects=99), None, _used(), None),
    (
        "the next day by the zone's clock",
        _budgeted(per="day", timezone="Europe/Berlin"),
        None,
        _used(jobs=5),
        datetime(2026, 3, 27, 23, tzinfo=UTC),
    ),
    ("a policy that comes to govern", {"policies": [{**APPROVES, "match": [IN_NIGHTS]}]}, None, {}, FRIDAY_NIGHT),
]


@pytest.mark.parametrize(
    ("document", "evaluated", "read", "expected"), [case[1:] for case in UNTILS], ids=[case[0] for case in UNTILS]
)
def test_until_is_the_first_instant_that_would_approve(
    document: Document, evaluated: Document | None, read: Read, expected: datetime | None
) -> None:
    """Each row's sentence says when the verdict would be approve with all other facts as they are."""
    assert outcome({**NIGHTS, **document}, evaluated, **read).until == expected


def test_an_exception_that_lifts_a_guardrail_only_until_its_day_ends_bounds_until() -> None:
    """Exceptions expire as the clock moves: what they lift at a window's opening counts, not what they lift now."""
    document: Document = {**NIGHTS, **requiring(IN_NIGHTS, VIOLATED), "exceptions": [{**LIFTS_P, "match": [IN_NIGHTS]}]}
    assert outcome(document).until == FRIDAY_NIGHT
    assert outcome(document, now=datetime(2026, 3, 28, 6, tzinfo=UTC)).until is None


def test_without_until_nothing_is_searched() -> None:
    """`with_until=False` leaves `until` out and changes nothing else."""
    document: Document = {"version": 1, **NIGHTS, **requiring(IN_NIGHTS)}
    quick, whole = (evaluate(document, job(), {}, NOW, with_until=with_until) for with_until in (False, True))
    assert quick.until is None
    assert whole.until is not None
    assert quick.verdict == whole.verdict == "hold"
