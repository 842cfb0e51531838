"""Every check of the language, in every form and to every result that it can have."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgate.jobs.model import Json
from batchgate.policy import checks, model
from batchgate.policy.budgets import Budget, Limits, Per
from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import Verdict
from batchgate.policy.costs import Price, Prices
from batchgate.policy.evaluate import Decision
from batchgate.policy.facts import Gap, JobFacts, Result
from tests.unit.examples import APPROVAL, NOW, Written, document, facts, outcome, used

MET, VIOLATED, UNKNOWN, UNMEASURABLE = Result.MET, Result.VIOLATED, Result.UNKNOWN, Result.UNMEASURABLE

Form = Literal["pattern", "value", "any of", "list", "not", "present", "placeholder", "range", "elements", "time"]

DENIED = Gap(UNMEASURABLE, "denied")
NOT_YET = Gap(UNKNOWN, "not yet")

LISTS = {
    "good": ["lake*", "nightly", "S3Compute*", "111111111111", "eu-*", "*role/batch", "CHG-*", "SHA256", "open"],
    "bad": ["nothing-like-it", "shut"],
    "prefixes": ["logs/*", "tmp/*"],
    "restores": ["STANDARD"],
    "scopes": ["Failed*"],
}
CALENDARS = {
    "open": {"timezone": "UTC", "open": [{"days": ["fri"]}]},
    "shut": {"timezone": "UTC", "open": [{"days": ["sat"]}]},
}
BUDGETS = [{"name": "b", "per": "month", "jobs": 5, "objects": 1_000}]


@dataclass(frozen=True)
class Row:
    """One operand, one job, what they come to.

    Attributes:
        about: What is special about the job: arguments of `facts`.
        form: The form of the operand that the row shows.
        member: The member of a structure that the row shows; "" for a check without.
    """

    check: str
    operand: Any
    result: Result
    form: Form
    member: str = ""
    about: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.check} {self.operand} {sorted(self.about)} is {self.result}"


def result_of(condition: Written, about: JobFacts) -> Result:
    """Evaluate one condition."""
    return trace_of(condition, about).trace[0].requirements[0].result


def trace_of(condition: Written, about: JobFacts) -> Decision:
    """Decide by one required condition."""
    return outcome(document(condition, lists=LISTS, calendars=CALENDARS, budgets=BUDGETS, prices=PRICES), about)


PRICES: Written = {
    "job": 0.25,
    "million_objects": 1,
    "million_requests": {"S3ComputeObjectChecksum": 5.00, "S3InitiateRestoreObject": 5, "S3PutObjectCopy": 0},
    "gibibyte": {"S3InitiateRestoreObject.BULK": 0.0025, "S3PutObjectCopy": 0.01},
}


def text_rows(check: str, right: str, like: str, wrong: str, *, member: str = "", **absent: Any) -> Iterator[Row]:
    """Show every form of a text test on a job whose value is `right`; `absent` makes it have none."""

    def row(operand: Any, result: Result, form: Form, **about: Any) -> Row:
        return Row(check, {member: operand} if member else operand, result, form, member, about)

    yield row(right, MET, "value")
    yield row(right.swapcase() if right.swapcase() != right else f"{right}0", VIOLATED, "value")
    yield row(like, MET, "pattern")
    yield row(wrong, VIOLATED, "pattern")
    yield row([wrong, like], MET, "any of")
    yield row([wrong], VIOLATED, "any of")
    yield row({"list": "bad"}, VIOLATED, "list")
    yield row({"not": {"list": "bad"}}, MET, "list")
    yield row({"not": wrong}, MET, "not")
    yield row({"not": like}, VIOLATED, "not")
    yield row({"not": [wrong, like]}, VIOLATED, "not")
    yield row("*${account}*", MET if "111111111111" in right else VIOLATED, "placeholder")
    yield row("${region}", MET if right == "eu-central-1" else VIOLATED, "placeholder")
    yield row({"present": True}, MET, "present")
    yield row({"present": False}, VIOLATED, "present")
    yield row({"not": {"present": True}}, VIOLATED, "present")
    if absent:
        yield row("*", VIOLATED, "pattern", **absent)
        yield row({"list": "good"}, VIOLATED, "list", **absent)
        yield row({"not": "*"}, MET, "not", **absent)
        yield row({"present": True}, VIOLATED, "present", **absent)
        yield row({"present": False}, MET, "present", **absent)
        yield row({"not": {"present": True}}, MET, "present", **absent)


def closed_rows(check: str, right: str, like: str, *, member: str, other: str = "", **absent: Any) -> Iterator[Row]:
    """Show the forms of a test of a text that S3 chooses from a closed set; `other` is another one of it, if any."""

    def row(operand: Any, result: Result, form: Form, **about: Any) -> Row:
        return Row(check, {member: operand}, result, form, member, about)

    yield row(right, MET, "value")
    yield row(like, MET, "pattern")
    yield row([right, like], MET, "any of")
    yield row({"not": like}, VIOLATED, "not")
    yield row({"not": [right]}, VIOLATED, "not")
    yield row({"present": True}, MET, "present")
    yield row({"present": False}, VIOLATED, "present")
    if other:
        yield row(other, VIOLATED, "value")
        yield row([other], VIOLATED, "any of")
        yield row({"not": other}, MET, "not")
    if absent:
        yield row("*", VIOLATED, "pattern", **absent)
        yield row({"not": "*"}, MET, "not", **absent)
        yield row({"present": False}, MET, "present", **absent)


def gap_rows(check: str, operands: list[Any], gap: Result, *, member: str = "", **about: Any) -> Iterator[Row]:
    """Show that a fact that is not there makes every form of its test unknown or unmeasurable."""
    for operand in operands:
        yield Row(check, {member: operand} if member else operand, gap, "value", member, about)


def range_rows(check: str, value: int, *, member: str = "", **absent: Any) -> Iterator[Row]:
    """Show every form of a range on a job whose value is this one."""

    def row(operand: Any, result: Result, form: Form = "range", **about: Any) -> Row:
        return Row(check, {member: operand} if member else operand, result, form, member, about)

    yield row({"at_most": value}, MET)
    yield row({"at_most": value - 1}, VIOLATED)
    yield row({"at_least": value}, MET)
    yield row({"at_least": value + 1}, VIOLATED)
    yield row({"at_least": value, "at_most": value}, MET)
    yield row({"at_least": 0, "at_most": value - 1}, VIOLATED)
    yield row({"not": {"at_most": value - 1}}, MET, "not")
    yield row({"not": {"at_least": value - 1, "at_most": value}}, VIOLATED, "not")
    if absent:
        yield row({"at_least": 0}, VIOLATED, **absent)
        yield row({"not": {"at_least": 0}}, MET, "not", **absent)


def bucket_rows(check: str, **buckets: Any) -> Iterator[Row]:
    """Show every bucket word; `buckets` makes the job have the buckets "lake" and, where it can, "archive"."""
    both = "source_buckets" in buckets

    def row(operand: Any, result: Result, form: Form) -> Row:
        return Row(check, operand, result, form, next(iter(operand)), buckets)

    yield row({"any": "lake"}, MET, "value")
    yield row({"any": "la?e"}, MET, "pattern")
    yield row({"any": "LAKE"}, VIOLATED, "pattern")
    yield row({"any": ["x", "lake"]}, MET, "any of")
    yield row({"any": {"list": "good"}}, MET, "list")
    yield row({"any": {"list": "bad"}}, VIOLATED, "list")
    yield row({"any": "${account}"}, VIOLATED, "placeholder")
    yield row({"only": "lake"}, VIOLATED if both else MET, "value")
    yield row({"only": "*a*"}, MET, "pattern")
    yield row({"only": "x*"}, VIOLATED, "pattern")
    yield row({"only": ["lake", "archive"]}, MET, "any of")
    yield row({"only": {"list": "bad"}}, VIOLATED, "list")
    yield row({"only": "${region}"}, VIOLATED, "placeholder")
    yield row({"none": "x"}, MET, "value")
    yield row({"none": "l*"}, VIOLATED, "pattern")
    yield row({"none": ["x", "y*"]}, MET, "any of")
    yield row({"none": {"list": "good"}}, VIOLATED, "list")
    yield row({"none": "${partition}"}, MET, "placeholder")
    yield row({"any": "lake", "none": "x"}, MET, "value")
    yield row({"any": "lake", "none": "lake"}, VIOLATED, "value")
    yield row({"not": {"any": "lake"}}, VIOLATED, "not")
    yield row({"not": {"only": "x"}}, MET, "not")
    yield row({"not": {"any": "lake", "none": "lake"}}, MET, "not")
    yield row({"not": {"any": "lake", "none": "x"}}, VIOLATED, "not")


GAP_TESTS = ["*", "lake", {"not": "*"}, {"not": "lake"}, {"present": True}, {"present": False}]
BUCKET_OPERANDS = [{"any": "*"}, {"only": "*"}, {"none": "x"}, {"not": {"any": "*"}}, {"not": {"none": "x"}}]

RESTORE: Json = {"S3InitiateRestoreObject": {"ExpirationInDays": 7, "GlacierJobTier": "BULK"}}
RETENTION: Json = {"S3PutObjectRetention": {"BypassGovernanceRetention": True, "Retention": {"Mode": "GOVERNANCE"}}}
COPY_TO_LAKE: Json = {"S3PutObjectCopy": {"TargetResource": "arn:aws:s3:::lake"}}
INVOKE: Json = {"LambdaInvoke": {"FunctionArn": "arn:f", "UserArguments": {"a.b": "c", "": "d"}}}
TAGGING: Json = {"S3PutObjectTagging": {"TagSet": [{"Key": "a", "Value": "b"}]}}
TAGGING_TWICE: Json = {"S3PutObjectTagging": {"TagSet": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": ""}]}}
TAGGING_NONE: Json = {"S3PutObjectTagging": {"TagSet": []}}
NEW_OPERATION: Json = {
    "S3NewOperation": {
        "Text": "BULK",
        "Number": 7,
        "Flag": True,
        "Inner": {"Mode": "x"},
        "When": "2027-01-01T00:00:00+02:00",
        "Rows": [{"When": "2026-03-27T06:00:01Z"}, "text"],
    }
}
REPORT: Json = {
    "Enabled": True,
    "ReportScope": "AllTasks",
    "Bucket": "arn:aws:s3:::audit-111111111111",
    "Prefix": "reports",
    "Format": "Report_CSV_20180820",
    "ExpectedBucketOwner": "111111111111",
}
ELSEWHERE: Json = {"Enabled": True, "Bucket": "arn:aws:s3:eu-central-1:111111111111:accesspoint/audit"}
FILTERING: Json = {
    "S3JobManifestGenerator": {
        "ExpectedBucketOwner": "111111111111",
        "SourceBucket": "arn:aws:s3:::lake",
        "EnableManifestOutput": True,
        "Filter": {
            "EligibleForReplication": False,
            "CreatedAfter": datetime(2026, 3, 1, tzinfo=UTC),
            "ObjectSizeGreaterThanBytes": 7,
            "KeyNameConstraint": {"MatchAnyPrefix": ["logs/a", "tmp/b"], "MatchAnySuffix": []},
            "MatchAnyStorageClass": ["GLACIER"],
            "MatchAnyObjectEncryption": [{"SSEKMS": {"BucketKeyEnabled": True}}],
        },
    }
}
GENERATOR: Json = {
    "S3JobManifestGenerator": {"SourceBucket": "arn:aws:s3:::lake", "EnableManifestOutput": True},
}
UNSTORED: Json = {"S3JobManifestGenerator": {"SourceBucket": "arn:aws:s3:::lake", "EnableManifestOutput": False}}
NOT_GENERATED: dict[str, Any] = {
    "Manifest": None,
    "ManifestGenerator": GENERATOR,
    "Status": "Preparing",
    "ConfirmationRequired": False,
}
NEVER_STORED = {"Manifest": None, "ManifestGenerator": UNSTORED}
WITH_AN_UNKNOWN_DESTINATION: list[Json] = [
    {"S3PutObjectCopy": {"TargetResource": "arn:aws:s3:eu-central-1:111111111111:accesspoint/lake"}},
    {"S3ReplicateObject": {}},
    {"S3NewOperation": {"TargetResource": "arn:aws:s3:::lake"}},
    {},
]
UNDER_MANIFESTS = "arn:aws:s3:::manifests-111111111111/2026/m.csv"
SUPPLIED: Json = {
    "Spec": {"Format": "S3BatchOperations_CSV_20180820"},
    "Location": {"ObjectArn": UNDER_MANIFESTS, "ETag": "e", "ObjectVersionId": "v-111111111111"},
}
WITHOUT_VERSION: Json = {"Spec": {}, "Location": {"ObjectArn": UNDER_MANIFESTS, "ETag": "e"}}
IN_AN_ACCESS_POINT: Json = {
    "Location": {"ObjectArn": "arn:aws:s3:eu-central-1:111111111111:accesspoint/a/object/y:::lake/m.csv", "ETag": "e"}
}
WITHOUT_KEY: Json = {"Location": {"ObjectArn": "arn:aws:s3:::lake", "ETag": "e"}}


def parameter(path: str, test: Any, result: Result, form: Form, operation: Json) -> Row:
    """Show one test of one parameter."""
    return Row("operation_parameters", {path: test}, result, form, "", {"Operation": operation})


TIER, DAYS = "S3InitiateRestoreObject.GlacierJobTier", "S3InitiateRestoreObject.ExpirationInDays"
TAG_SET, UNTIL = "S3PutObjectTagging.TagSet", "S3PutObjectRetention.Retention.RetainUntilDate"
NEW_TEXT, NEW_NUMBER, NEW_FLAG = "S3NewOperation.Text", "S3NewOperation.Number", "S3NewOperation.Flag"
RETAINED_BEFORE: Json = {"S3PutObjectRetention": {"Retention": {"RetainUntilDate": "2020-01-01T00:00:00Z"}}}
BYPASS, MODE = "S3PutObjectRetention.BypassGovernanceRetention", "S3PutObjectRetention.Retention.Mode"

PARAMETER_ROWS = [
    parameter(TIER, "BULK", MET, "value", RESTORE),
    parameter(TIER, "STANDARD", VIOLATED, "value", RESTORE),
    parameter(TIER, "B*", MET, "pattern", RESTORE),
    parameter(TIER, ["STANDARD", "BULK"], MET, "any of", RESTORE),
    parameter(NEW_TEXT, ["STANDARD", 7, True], VIOLATED, "any of", NEW_OPERATION),
    parameter(TIER, {"list": "restores"}, VIOLATED, "list", RESTORE),
    parameter(TIER, {"not": {"list": "restores"}}, MET, "list", RESTORE),
    parameter(TIER, {"not": "STANDARD"}, MET, "not", RESTORE),
    parameter(TIER, {"not": ["STANDARD", "BULK"]}, VIOLATED, "not", RESTORE),
    parameter(NEW_TEXT, {"at_most": 7}, VIOLATED, "range", NEW_OPERATION),
    parameter(NEW_TEXT, {"not": {"at_most": 7}}, MET, "range", NEW_OPERATION),
    parameter(NEW_TEXT, {"before": "2027-01-01"}, VIOLATED, "time", NEW_OPERATION),
    parameter(NEW_TEXT, {"any": "BULK"}, VIOLATED, "elements", NEW_OPERATION),
    parameter(NEW_TEXT, {"only": "BULK"}, VIOLATED, "elements", NEW_OPERATION),
    parameter(NEW_TEXT, {"none": "x"}, VIOLATED, "elements", NEW_OPERATION),
    parameter(DAYS, 7, MET, "value", RESTORE),
    parameter(NEW_NUMBER, "7", VIOLATED, "value", NEW_OPERATION),
    parameter(DAYS, [1, 7], MET, "any of", RESTORE),
    parameter(DAYS, {"at_most": 7}, MET, "range", RESTORE),
    parameter(DAYS, {"at_least": 7, "at_most": 8}, MET, "range", RESTORE),
    parameter(DAYS, {"at_least": 8}, VIOLATED, "range", RESTORE),
    parameter(DAYS, {"not": {"at_least": 8}}, MET, "not", RESTORE),
    parameter(DAYS, {"not": 7}, VIOLATED, "not", RESTORE),
    parameter(NEW_NUMBER, "*", VIOLATED, "pattern", NEW_OPERATION),
    parameter(BYPASS, True, MET, "value", RETENTION),
    parameter(BYPASS, False, VIOLATED, "value", RETENTION),
    parameter(NEW_FLAG, 1, VIOLATED, "value", NEW_OPERATION),
    parameter(NEW_FLAG, "true", VIOLATED, "value", NEW_OPERATION),
    parameter(NEW_FLAG, {"at_least": 0}, VIOLATED, "range", NEW_OPERATION),
    parameter(BYPASS, {"not": True}, VIOLATED, "not", RETENTION),
    parameter(BYPASS, {"not": False}, MET, "not", RETENTION),
    parameter(MODE, "GOVERNANCE", MET, "value", RETENTION),
    parameter("S3PutObjectRetention.Retention", {"present": True}, MET, "present", RETENTION),
    parameter("S3NewOperation.Inner", "*", VIOLATED, "pattern", NEW_OPERATION),
    parameter("S3NewOperation.Inner.Mode.Deeper", {"present": True}, VIOLATED, "present", NEW_OPERATION),
    parameter("S3PutObjectRetention", {"present": True}, MET, "present", RETENTION),
    parameter("LambdaInvoke.FunctionArn", {"present": True}, VIOLATED, "present", RETENTION),
    parameter("LambdaInvoke.FunctionArn", {"present": False}, MET, "present", RETENTION),
    parameter("LambdaInvoke.FunctionArn", {"not": "*"}, MET, "not", RETENTION),
    parameter("LambdaInvoke.FunctionArn", "*", VIOLATED, "pattern", RETENTION),
    parameter("LambdaInvoke.FunctionArn", "arn:${partition}", VIOLATED, "placeholder", INVOKE),
    parameter("LambdaInvoke.UserArguments.a.b", "c", MET, "value", INVOKE),
    parameter("LambdaInvoke.UserArguments.a", {"present": True}, VIOLATED, "present", INVOKE),
    parameter("S3PutObjectTagging.TagSet", {"present": True}, MET, "present", TAGGING),
    parameter("S3NewOperation.Rows", "*", VIOLATED, "pattern", NEW_OPERATION),
    parameter(TAG_SET, {"present": True}, MET, "present", TAGGING_NONE),
    parameter(TAG_SET, {"present": False}, MET, "present", RESTORE),
    parameter(TAG_SET, {"any": {"Key": "a", "Value": "b"}}, MET, "elements", TAGGING_TWICE),
    parameter(TAG_SET, {"any": {"Key": "c", "Value": "b"}}, VIOLATED, "elements", TAGGING_TWICE),
    parameter(TAG_SET, {"any": {"Key": {"present": True}}}, VIOLATED, "elements", TAGGING_NONE),
    parameter(TAG_SET, {"any": {"Key": "*"}}, VIOLATED, "elements", RESTORE),
    parameter(TAG_SET, {"only": {"Key": ["a", "c"]}}, MET, "elements", TAGGING_TWICE),
    parameter(TAG_SET, {"only": {"Key": "?", "Value": {"not": ""}}}, VIOLATED, "elements", TAGGING_TWICE),
    parameter(TAG_SET, {"only": {"Key": "x"}}, MET, "elements", TAGGING_NONE),
    parameter(TAG_SET, {"only": {"Key": "x"}}, MET, "elements", RESTORE),
    parameter(TAG_SET, {"none": {"Key": "a"}}, VIOLATED, "elements", TAGGING_TWICE),
    parameter(TAG_SET, {"none": {"Key": "a", "Value": ""}}, MET, "elements", TAGGING_TWICE),
    parameter(TAG_SET, {"none": {"Key": "*"}}, MET, "elements", TAGGING_NONE),
    parameter(TAG_SET, {"none": {"Key": "*"}}, MET, "elements", RESTORE),
    parameter(TAG_SET, {"any": {"Key": "a"}, "none": {"Key": "x"}}, MET, "elements", TAGGING_TWICE),
    parameter(TAG_SET, {"any": {"Key": "a"}, "none": {"Key": "c"}}, VIOLATED, "elements", TAGGING_TWICE),
    parameter(TAG_SET, {"any": {"Value": {"list": "bad"}}}, VIOLATED, "elements", TAGGING_TWICE),
    parameter("S3NewOperation.Rows", {"any": "te?t"}, MET, "elements", NEW_OPERATION),
    parameter("S3NewOperation.Rows", {"any": {"list": "bad"}}, VIOLATED, "elements", NEW_OPERATION),
    parameter("S3NewOperation.Rows", {"any": {"When": {"within": "1s"}}}, MET, "elements", NEW_OPERATION),
    parameter("S3NewOperation.Rows", {"any": {"When": {"within": "0s"}}}, VIOLATED, "elements", NEW_OPERATION),
    parameter("S3NewOperation.Rows", {"only": {"When": {"after": "2026-01-01"}}}, VIOLATED, "elements", NEW_OPERATION),
    parameter("S3NewOperation.When", {"before": "2027-01-01"}, MET, "time", NEW_OPERATION),
    parameter("S3NewOperation.When", {"after": "2026-12-31T22:00:00Z"}, MET, "time", NEW_OPERATION),
    *(
        parameter(UNTIL, test, result, "time", {"S3PutObjectRetention": {"Retention": {"RetainUntilDate": until}}})
        for until in (datetime(2027, 3, 27, 6, tzinfo=UTC), "2027-03-27T08:00:00+02:00")
        for test, result in (
            ({"before": "2027-03-27T06:00:00Z"}, VIOLATED),
            ({"before": "2027-03-27T06:00:00.000001Z"}, MET),
            ({"after": "2027-03-27T08:00:00+02:00"}, MET),
            ({"after": "2027-03-27T06:00:00.000001Z"}, VIOLATED),
            ({"before": "2027-03-27"}, VIOLATED),
            ({"after": "2027-03-27"}, MET),
            ({"within": "365d"}, MET),
            ({"within": "8759h"}, VIOLATED),
            ({"within": "31536000s"}, MET),
            ({"within": "525599m"}, VIOLATED),
            ({"after": "2027-01-01", "before": "2028-01-01", "within": "365d"}, MET),
            ({"after": "2027-01-01", "before": "2028-01-01", "within": "364d"}, VIOLATED),
            ({"present": True}, MET),
        )
    ),
    parameter(UNTIL, {"before": "2027-01-01"}, VIOLATED, "time", {"S3PutObjectRetention": {"Retention": {}}}),
    parameter(UNTIL, {"within": "1d"}, VIOLATED, "time", RESTORE),
    parameter(UNTIL, {"within": "0s"}, MET, "time", RETAINED_BEFORE),
    *gap_rows(
        "operation_parameters", [{UNTIL: {"within": "1d"}}], UNMEASURABLE, Operation=RETAINED_BEFORE, CreationTime=None
    ),
    *gap_rows(
        "operation_parameters",
        [
            {"S3NewOperation.Rows": {"none": {"When": {"within": "1d"}}}},
            {"S3NewOperation.Rows": {"not": {"any": {"When": {"within": "1d"}}, "only": "text"}}},
        ],
        UNMEASURABLE,
        Operation=NEW_OPERATION,
        CreationTime=None,
    ),
    Row("operation_parameters", {UNTIL: {"within": "1d"}}, VIOLATED, "time", "", {"CreationTime": None}),
    *gap_rows(
        "operation_parameters",
        [{TIER: "BULK"}, {TIER: {"not": "BULK"}}, {TIER: {"present": False}}],
        UNMEASURABLE,
        Operation={},
    ),
]

GENERATED: dict[str, Any] = {"Manifest": None, "ManifestGenerator": FILTERING}
PREFIXES, CLASSES = "Filter.KeyNameConstraint.MatchAnyPrefix", "Filter.MatchAnyStorageClass"
SUFFIXES, ENCRYPTION = "Filter.KeyNameConstraint.MatchAnySuffix", "Filter.MatchAnyObjectEncryption"

GENERATOR_TESTS: list[tuple[str, Any, Result, Form]] = [
    ("ExpectedBucketOwner", "111111111111", MET, "value"),
    ("ExpectedBucketOwner", "${account}", MET, "placeholder"),
    ("ExpectedBucketOwner", "2*", VIOLATED, "pattern"),
    ("ExpectedBucketOwner", ["x", "1*"], MET, "any of"),
    ("ExpectedBucketOwner", {"list": "good"}, MET, "list"),
    ("ExpectedBucketOwner", {"not": {"list": "good"}}, VIOLATED, "not"),
    ("SourceBucket", "arn:aws:s3:::lake", MET, "value"),
    ("SourceBucket", "lake", VIOLATED, "value"),
    ("EnableManifestOutput", False, VIOLATED, "value"),
    ("Filter.EligibleForReplication", {"not": True}, MET, "not"),
    ("Filter.ObjectSizeGreaterThanBytes", {"at_least": 8}, VIOLATED, "range"),
    ("Filter.ObjectSizeGreaterThanBytes", 7, MET, "value"),
    ("Filter.ObjectSizeLessThanBytes", 7, VIOLATED, "value"),
    ("Filter.CreatedAfter", {"before": "2026-03-27"}, MET, "time"),
    ("Filter.CreatedBefore", {"after": "2026-03-27"}, VIOLATED, "time"),
    ("Filter.CreatedAfter", {"within": "0s"}, MET, "time"),
    ("Filter", {"present": True}, MET, "present"),
    ("ManifestOutputLocation", {"present": True}, VIOLATED, "present"),
    (PREFIXES, {"only": ["logs/*", "tmp/*"]}, MET, "elements"),
    (PREFIXES, {"only": {"list": "prefixes"}}, MET, "elements"),
    (PREFIXES, {"only": "logs/*"}, VIOLATED, "elements"),
    (PREFIXES, {"any": "tmp/?", "none": ["x", "y"]}, MET, "elements"),
    (PREFIXES, {"any": "tmp/?", "none": "logs/*"}, VIOLATED, "elements"),
    (SUFFIXES, {"only": "x"}, MET, "elements"),
    (SUFFIXES, {"any": "*"}, VIOLATED, "elements"),
    (SUFFIXES, {"present": True}, MET, "present"),
    (CLASSES, {"none": "GLACIER*"}, VIOLATED, "elements"),
    (ENCRYPTION, {"only": {"SSEKMS.BucketKeyEnabled": True}}, MET, "elements"),
    (ENCRYPTION, {"any": {"SSES3": {"present": True}}}, VIOLATED, "elements"),
]
TESTS_WITHOUT_GENERATOR: list[tuple[str, Any, Result]] = [
    ("ExpectedBucketOwner", "*", VIOLATED),
    ("ExpectedBucketOwner", {"not": "*"}, MET),
    ("ExpectedBucketOwner", {"present": False}, MET),
    ("Filter.CreatedAfter", {"within": "9d"}, VIOLATED),
    (PREFIXES, {"any": "*"}, VIOLATED),
    (PREFIXES, {"only": "x"}, MET),
    (PREFIXES, {"none": "*"}, MET),
    (PREFIXES, {"not": {"none": "*"}}, VIOLATED),
]

GENERATOR_ROWS = [
    *(
        Row("manifest_generator", {path: test}, result, form, "", GENERATED)
        for path, test, result, form in GENERATOR_TESTS
    ),
    *(
        Row("manifest_generator", {path: test}, result, "elements", "")
        for path, test, result in TESTS_WITHOUT_GENERATOR
    ),
    *gap_rows(
        "manifest_generator",
        [{"ExpectedBucketOwner": "*"}, {PREFIXES: {"none": "*"}}, {"Filter": {"present": False}}],
        UNMEASURABLE,
        Manifest=None,
        ManifestGenerator={"S3NewGenerator": {"Filter": {}}},
    ),
    *gap_rows("manifest_generator", [{"Filter": {"present": False}}], UNMEASURABLE, Manifest=None),
    *gap_rows(
        "manifest_generator", [{"Filter.CreatedAfter": {"within": "9d"}}], UNMEASURABLE, **GENERATED, CreationTime=None
    ),
]

RANGES: list[Any] = [{"at_most": 5}, {"not": {"at_most": 5}}]


def of_rows(member: str, gap: Gap) -> dict[str, Any]:
    """Why one number of the rows is not known."""
    return {"manifest_rows" if member == "rows" else member: gap}


STANDARD: Json = {"S3InitiateRestoreObject": {"ExpirationInDays": 7, "GlacierJobTier": "STANDARD"}}
NO_TIER: Json = {"S3InitiateRestoreObject": {"ExpirationInDays": 7}}
GIB = 1 << 30


def cost_rows(cost: float, **about: Any) -> Iterator[Row]:
    """Show every form of a range of dollars on a job whose cost is this."""
    less, more = round(cost - 0.0001, 4), round(cost + 0.0001, 4)
    for operand, result, form in (
        ({"at_most": cost}, MET, "range"),
        ({"at_most": less}, VIOLATED, "range"),
        ({"at_least": cost}, MET, "range"),
        ({"at_least": more}, VIOLATED, "range"),
        ({"at_least": less, "at_most": more}, MET, "range"),
        ({"not": {"at_most": less}}, MET, "not"),
        ({"not": {"at_least": less, "at_most": cost}}, VIOLATED, "not"),
    ):
        yield Row("cost", operand, result, form, "", about)  # type: ignore[arg-type]


COST_ROWS: list[Row] = [
    *cost_rows(0.2506),
    *cost_rows(0.2506, object_bytes=DENIED),
    *cost_rows(6.25, ProgressSummary={"TotalNumberOfTasks": 1_000_000}),
    *cost_rows(0.2506 + 0.0025, Operation=RESTORE, object_bytes=GIB),
    *cost_rows(0.2501 + 10.24, Operation=COPY_TO_LAKE, object_bytes=1024 * GIB),
    Row("cost", {"at_most": 0.2501}, VIOLATED, "range", "", {"Operation": COPY_TO_LAKE, "object_bytes": 1}),
    Row("cost", {"at_most": 0.2501}, MET, "range", "", {"Operation": COPY_TO_LAKE, "object_bytes": 0}),
    *gap_rows("cost", RANGES, UNMEASURABLE, Operation=COPY_TO_LAKE, object_bytes=DENIED),
    *gap_rows("cost", RANGES, UNKNOWN, Operation=COPY_TO_LAKE, object_bytes=NOT_YET),
    *gap_rows("cost", RANGES, UNMEASURABLE, Operation=STANDARD),
    *gap_rows("cost", RANGES, UNMEASURABLE, Operation=NO_TIER),
    *gap_rows("cost", RANGES, UNMEASURABLE, Operation=TAGGING),
    *gap_rows("cost", RANGES, UNMEASURABLE, Operation=NEW_OPERATION),
    *gap_rows("cost", RANGES, UNMEASURABLE, Operation={}),
    *gap_rows("cost", RANGES, UNMEASURABLE, ProgressSummary={}),
    *gap_rows("cost", RANGES, UNKNOWN, ProgressSummary={}, Status="Preparing"),
    *gap_rows("cost", RANGES, UNKNOWN, ProgressSummary={}, Status="Preparing", Operation=TAGGING),
]

ROWS: list[Row] = [
    *text_rows("operation", "S3ComputeObjectChecksum", "S3*Checksum", "S3Put*"),
    *gap_rows("operation", ["*", {"not": "S3*"}, {"present": True}], UNMEASURABLE, Operation={}),
    *PARAMETER_ROWS,
    *GENERATOR_ROWS,
    *range_rows("total_tasks", 100),
    *gap_rows(
        "total_tasks",
        [{"at_most": 100}, {"not": {"at_most": 100}}, {"at_least": 0}],
        UNKNOWN,
        Status="Preparing",
        ProgressSummary={"TotalNumberOfTasks": 0},
    ),
    *gap_rows("total_tasks", [{"at_most": 100}, {"not": {"at_most": 100}}], UNMEASURABLE, ProgressSummary={}),
    *closed_rows(
        "manifest",
        "S3BatchOperations_CSV_20180820",
        "S3Batch*",
        member="format",
        other="S3InventoryReport_CSV_*",
        Manifest={"Location": {"ObjectArn": UNDER_MANIFESTS, "ETag": "e"}},
    ),
    *gap_rows("manifest", ["*", {"not": "*"}], UNKNOWN, member="format", **NOT_GENERATED),
    *gap_rows("manifest", ["*", {"not": "*"}], UNMEASURABLE, member="format", **NEVER_STORED),
    *(
        Row(row.check, row.operand, row.result, row.form, row.member, {"Manifest": SUPPLIED, **row.about})
        for row in (
            *text_rows("manifest", "manifests-111111111111", "man*", "x*", member="bucket"),
            *text_rows("manifest", "2026/m.csv", "20??/*", "x*", member="key"),
            *text_rows("manifest", "v-111111111111", "v-*", "x*", member="version", Manifest=WITHOUT_VERSION),
        )
    ),
    *gap_rows("manifest", ["*", {"not": "*"}], UNKNOWN, member="bucket", **NOT_GENERATED),
    *gap_rows("manifest", ["*", {"not": "*"}], UNMEASURABLE, member="bucket", **NEVER_STORED),
    *(
        row
        for member in ("key", "version")
        for row in gap_rows("manifest", GAP_TESTS, UNKNOWN, member=member, **NOT_GENERATED)
    ),
    *(
        row
        for member in ("bucket", "key")
        for row in gap_rows("manifest", GAP_TESTS, UNMEASURABLE, member=member, Manifest=IN_AN_ACCESS_POINT)
    ),
    *gap_rows("manifest", GAP_TESTS, UNMEASURABLE, member="key", Manifest=WITHOUT_KEY),
    Row("manifest", {"bucket": "lake"}, MET, "value", "bucket", {"Manifest": WITHOUT_KEY}),
    *gap_rows("manifest", GAP_TESTS, UNMEASURABLE, member="version", **NEVER_STORED),
    *gap_rows("manifest", ["*", {"not": "*"}], UNMEASURABLE, member="key", **NEVER_STORED),
    Row("manifest", {"generated": False}, MET, "value", "generated"),
    Row("manifest", {"generated": True}, VIOLATED, "value", "generated"),
    Row("manifest", {"generated": True}, MET, "value", "generated", NEVER_STORED),
    Row("manifest", {"stored": True}, MET, "value", "stored"),
    Row("manifest", {"stored": True}, MET, "value", "stored", NOT_GENERATED),
    Row("manifest", {"stored": True}, VIOLATED, "value", "stored", NEVER_STORED),
    Row("manifest", {"stored": False}, MET, "value", "stored", NEVER_STORED),
    *range_rows("manifest", 4096, member="bytes"),
    *gap_rows(
        "manifest", [{"at_most": 5}, {"not": {"at_most": 5}}], UNMEASURABLE, member="bytes", manifest_bytes=DENIED
    ),
    *gap_rows("manifest", [{"at_most": 5}], UNMEASURABLE, member="bytes", **NEVER_STORED),
    *gap_rows("manifest", [{"at_most": 5}, {"not": {"at_most": 5}}], UNKNOWN, member="bytes", **NOT_GENERATED),
    *range_rows("manifest", 100, member="rows"),
    *(
        Row(row.check, row.operand, row.result, row.form, row.member, {"rows_without_version": 7})
        for row in range_rows("manifest", 7, member="rows_without_version")
    ),
    *(
        row
        for member in ("rows", "rows_without_version")
        for row in (
            *gap_rows("manifest", RANGES, UNMEASURABLE, member=member, **of_rows(member, DENIED)),
            *gap_rows("manifest", RANGES, UNKNOWN, member=member, **of_rows(member, NOT_YET)),
            *gap_rows("manifest", RANGES, UNMEASURABLE, member=member, manifest_rows=99),
            *gap_rows("manifest", RANGES, UNMEASURABLE, member=member, Manifest=None, ManifestGenerator=UNSTORED),
            *gap_rows("manifest", RANGES, UNKNOWN, member=member, **NOT_GENERATED),
            *gap_rows("manifest", RANGES, UNMEASURABLE, member=member, ProgressSummary={}),
            *gap_rows("manifest", RANGES, UNKNOWN, member=member, ProgressSummary={}, Status="Preparing"),
        )
    ),
    Row("manifest", {"not": {"generated": True}}, MET, "not", "not"),
    Row("manifest", {"not": {"generated": False, "stored": True}}, VIOLATED, "not", "not"),
    Row("manifest", {"not": {"generated": False, "stored": False}}, MET, "not", "not"),
    Row("manifest", {"generated": False, "stored": False}, VIOLATED, "value", "stored"),
    *range_rows("object_bytes", 1_000_000),
    *gap_rows("object_bytes", [{"at_most": 5}, {"not": {"at_most": 5}}], UNMEASURABLE, object_bytes=DENIED),
    *gap_rows("object_bytes", [{"at_most": 5}, {"not": {"at_most": 5}}], UNKNOWN, object_bytes=NOT_YET),
    *gap_rows("object_bytes", RANGES, UNMEASURABLE, manifest_rows=101),
    *gap_rows("object_bytes", RANGES, UNMEASURABLE, Manifest=None, ManifestGenerator=UNSTORED),
    *COST_ROWS,
    *gap_rows("source_buckets", BUCKET_OPERANDS, UNMEASURABLE, manifest_rows=101),
    *gap_rows("source_buckets", BUCKET_OPERANDS, UNKNOWN, ProgressSummary={}, Status="Preparing"),
    *bucket_rows("source_buckets", source_buckets=frozenset({"lake", "archive"})),
    *gap_rows("source_buckets", BUCKET_OPERANDS, UNMEASURABLE, source_buckets=DENIED),
    *gap_rows("source_buckets", BUCKET_OPERANDS, UNKNOWN, source_buckets=NOT_YET),
    Row("source_buckets", {"only": "lake"}, MET, "value", "only", {**NEVER_STORED, "source_buckets": DENIED}),
    Row("source_buckets", {"any": "*"}, VIOLATED, "pattern", "any", {"source_buckets": frozenset()}),
    Row("source_buckets", {"only": "x"}, MET, "value", "only", {"source_buckets": frozenset()}),
    Row("source_buckets", {"none": "*"}, MET, "pattern", "none", {"source_buckets": frozenset()}),
    *(
        Row("source_buckets", operand, result, "value", next(iter(operand)), {"source_buckets": ["lake", "x-s3alias"]})
        for operand, result in (
            ({"any": "lake"}, MET),
            ({"any": "x*"}, UNMEASURABLE),
            ({"only": "x*"}, VIOLATED),
            ({"only": "*"}, UNMEASURABLE),
            ({"none": "lake"}, VIOLATED),
            ({"none": "x*"}, UNMEASURABLE),
            ({"any": "lake", "only": "lake"}, UNMEASURABLE),
            ({"any": "x*", "none": "lake"}, VIOLATED),
            ({"not": {"any": "x*"}}, UNMEASURABLE),
            ({"not": {"any": "lake"}}, VIOLATED),
            ({"not": {"only": "x*"}}, MET),
            ({"not": {"none": "lake", "any": "x*"}}, MET),
        )
    ),
    *bucket_rows("destination_buckets", Operation=COPY_TO_LAKE),
    Row("destination_buckets", {"any": "*"}, VIOLATED, "pattern", "any"),
    Row("destination_buckets", {"only": "x"}, MET, "value", "only"),
    Row("destination_buckets", {"none": "*"}, MET, "pattern", "none"),
    Row("destination_buckets", {"not": {"any": "*"}}, MET, "not", "not"),
    *(
        row
        for operation in WITH_AN_UNKNOWN_DESTINATION
        for row in gap_rows("destination_buckets", BUCKET_OPERANDS, UNMEASURABLE, Operation=operation)
    ),
    *(
        Row("tags", {"ticket": row.operand}, row.result, row.form, "", row.about or {"tags": {"ticket": "CHG-1"}})
        for row in text_rows("tags", "CHG-1", "CHG-*", "INC-*", tags={"team": "CHG-1"})
    ),
    Row("tags", {"ticket": {"list": "good"}}, MET, "list", "", {"tags": {"ticket": "CHG-1"}}),
    Row("tags", {"ticket": "", "team": "*"}, MET, "value", "", {"tags": {"ticket": "", "team": ""}}),
    Row("tags", {"ticket": "", "team": "x"}, VIOLATED, "value", "", {"tags": {"ticket": "", "team": ""}}),
    Row("tags", {"ticket": {"present": True}}, MET, "present", "", {"tags": {"ticket": ""}}),
    Row("tags", {"Ticket": {"present": True}}, VIOLATED, "present", "", {"tags": {"ticket": ""}}),
    *gap_rows("tags", [{"a": "*"}, {"a": {"not": "*"}}, {"a": {"present": False}}], UNMEASURABLE, tags=DENIED),
    *text_rows("role", "arn:aws:iam::111111111111:role/batch", "*role/*", "*user/*", RoleArn=None),
    *range_rows("priority", 10, Priority=None),
    *text_rows("description", "nightly", "night*", "daily*", Description=None),
    Row("description", {"present": True}, MET, "present", "", {"Description": ""}),
    *(
        Row(row.check, row.operand, row.result, row.form, row.member, row.about or {"Report": REPORT})
        for row in (
            *closed_rows("report", "AllTasks", "All*", member="scope", other="Failed*", Report={"Enabled": False}),
            *text_rows("report", "audit-111111111111", "audit-*", "x*", member="bucket", Report={"Enabled": False}),
            *text_rows("report", "reports", "rep*", "x*", member="prefix", Report=None),
            *closed_rows("report", "Report_CSV_20180820", "Report_*", member="format", Report=None),
            *text_rows(
                "report", "111111111111", "11111*", "x*", member="expected_bucket_owner", Report={"Enabled": True}
            ),
        )
    ),
    *gap_rows("report", GAP_TESTS, UNMEASURABLE, member="bucket", Report=ELSEWHERE),
    Row("report", {"enabled": True}, MET, "value", "enabled", {"Report": REPORT}),
    Row("report", {"enabled": False}, VIOLATED, "value", "enabled", {"Report": REPORT}),
    Row("report", {"enabled": False}, MET, "value", "enabled"),
    Row("report", {"enabled": False}, VIOLATED, "value", "enabled", {"Report": None}),
    Row("report", {"enabled": True, "scope": "All*"}, MET, "pattern", "scope", {"Report": REPORT}),
    Row("report", {"enabled": True, "scope": "Failed*"}, VIOLATED, "pattern", "scope", {"Report": REPORT}),
    Row("report", {"present": True}, MET, "present", "present"),
    Row("report", {"present": True}, VIOLATED, "present", "present", {"Report": None}),
    Row("report", {"present": False}, MET, "present", "present", {"Report": None}),
    Row("report", {"not": {"present": True}}, MET, "not", "not", {"Report": None}),
    Row("report", {"scope": {"list": "scopes"}}, VIOLATED, "list", "scope", {"Report": REPORT}),
    Row("report", {"not": {"enabled": True, "scope": "FailedTasksOnly"}}, MET, "not", "not", {"Report": REPORT}),
    Row("report", {"not": {"enabled": True, "scope": "AllTasks"}}, VIOLATED, "not", "not", {"Report": REPORT}),
    Row("report", {"not": {"enabled": True}}, MET, "not", "not", {"Report": None}),
    *text_rows("account", "111111111111", "1111*", "2*"),
    *text_rows("region", "eu-central-1", "eu-*", "us-*"),
    Row("window", "open", MET, "value"),
    Row("window", "shut", VIOLATED, "value"),
    Row("window", ["shut", "open"], MET, "any of"),
    Row("window", {"not": "shut"}, MET, "not"),
    Row("window", {"not": ["shut", "open"]}, VIOLATED, "not"),
    Row("window", {"list": "calendar names"}, MET, "list"),
    Row("window", {"not": {"list": "calendar names"}}, VIOLATED, "list"),
    Row("manual_approval", "required", MET, "value", "", {"approvals": [APPROVAL]}),
    Row("manual_approval", "required", UNMEASURABLE, "value", "", {"approvals": []}),
    Row("budget", "b", MET, "value", "", {"budgets": used("b", jobs=4, objects=900)}),
    Row("budget", "b", MET, "value", "", {"budgets": used("b", jobs=5, objects=1_000, own=True)}),
    Row("budget", "b", VIOLATED, "value", "", {"budgets": used("b", jobs=4, objects=901)}),
    Row("budget", "b", VIOLATED, "value", "", {"budgets": used("b", jobs=5)}),
    Row("budget", "b", UNKNOWN, "value", "", {"Status": "Preparing", "ProgressSummary": None}),
    Row("budget", "b", UNMEASURABLE, "value", "", {"ProgressSummary": None, "budgets": used("b", jobs=9)}),
    Row("budget", "b", UNMEASURABLE, "value", "", {"budgets": {"b": DENIED}}),
    Row("budget", "b", UNMEASURABLE, "value", ""),
    Row("budget", "b", UNMEASURABLE, "value", "", {"budgets": used("b", "of another")}),
]
LISTS["calendar names"] = ["open", "shut"]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_check_comes_to_what_the_language_says(row: Row) -> None:
    """Operand and job lead to exactly one of the four results."""
    assert result_of({row.check: row.operand}, facts(**row.about)) is row.result


# What every check can come to; a key that is added to the language has to be added here, and then shown above.
CAN_BE: dict[str, set[Result]] = {
    "operation": {MET, VIOLATED, UNMEASURABLE},
    "operation_parameters": {MET, VIOLATED, UNMEASURABLE},
    "manifest_generator": {MET, VIOLATED, UNMEASURABLE},
    "total_tasks": {MET, VIOLATED, UNKNOWN, UNMEASURABLE},
    "manifest": {MET, VIOLATED, UNKNOWN, UNMEASURABLE},
    "object_bytes": {MET, VIOLATED, UNKNOWN, UNMEASURABLE},
    "source_buckets": {MET, VIOLATED, UNKNOWN, UNMEASURABLE},
    "cost": {MET, VIOLATED, UNKNOWN, UNMEASURABLE},
    "destination_buckets": {MET, VIOLATED, UNMEASURABLE},
    "tags": {MET, VIOLATED, UNMEASURABLE},
    "role": {MET, VIOLATED},
    "priority": {MET, VIOLATED},
    "description": {MET, VIOLATED},
    "report": {MET, VIOLATED, UNMEASURABLE},
    "account": {MET, VIOLATED},
    "region": {MET, VIOLATED},
    "window": {MET, VIOLATED},
    "manual_approval": {MET, UNMEASURABLE},
    "budget": {MET, VIOLATED, UNKNOWN, UNMEASURABLE},
}
TEXT_FORMS: set[Form] = {"value", "pattern", "any of", "list", "not", "present", "placeholder"}
FORMS: dict[str, set[Form]] = {
    "operation": TEXT_FORMS,
    "operation_parameters": {*TEXT_FORMS, "range", "elements", "time"},
    "manifest_generator": {*TEXT_FORMS, "range", "elements", "time"},
    "total_tasks": {"range", "not"},
    "manifest": {*TEXT_FORMS, "range"},
    "object_bytes": {"range", "not"},
    "source_buckets": TEXT_FORMS - {"present"},
    "cost": {"range", "not"},
    "destination_buckets": TEXT_FORMS - {"present"},
    "tags": TEXT_FORMS,
    "role": TEXT_FORMS,
    "priority": {"range", "not"},
    "description": TEXT_FORMS,
    "report": TEXT_FORMS,
    "account": TEXT_FORMS,
    "region": TEXT_FORMS,
    "window": {"value", "any of", "list", "not"},
    "manual_approval": {"value"},
    "budget": {"value"},
}


def test_every_check_of_the_language_is_in_the_table() -> None:
    """A check that is added to the model is shown here in every form and to every result, or this fails."""
    checks = set(msgspec.structs.asdict(model.Condition())) - {"any", "all"}
    assert set(CAN_BE) == set(FORMS) == checks
    assert {check: {row.result for row in ROWS if row.check == check} for check in CAN_BE} == CAN_BE
    assert all({row.form for row in ROWS if row.check == check} >= forms for check, forms in FORMS.items())
    assert {form for forms in FORMS.values() for form in forms} == set(get_args(Form))


@pytest.mark.parametrize(
    ("check", "struct"),
    [
        ("manifest", model.Manifest),
        ("report", model.Report),
        ("source_buckets", model.Buckets),
        ("destination_buckets", model.Buckets),
    ],
)
def test_every_member_of_a_structure_is_in_the_table(check: str, struct: type[msgspec.Struct]) -> None:
    """Each word of `manifest`, `report` and the bucket checks is both met and violated in some row."""
    for result in (MET, VIOLATED):
        shown = {member for row in ROWS if row.check == check and row.result is result for member in row.operand}
        assert shown == set(struct.__struct_encode_fields__)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_not_is_the_exact_complement(row: Row) -> None:
    """Where a row's test can be put inside `not`, met and violated swap and the other two stay."""
    complement = {MET: VIOLATED, VIOLATED: MET, UNKNOWN: UNKNOWN, UNMEASURABLE: UNMEASURABLE}[row.result]
    for denied in denials(row.check, row.operand):
        assert result_of({row.check: denied}, facts(**row.about)) is complement


def denials(check: str, operand: Any) -> Iterator[Any]:
    """Give an operand's complement, where the language can say it."""
    if check in ("tags", "operation_parameters", "manifest_generator"):
        if len(operand) == 1:
            [(key, test)] = operand.items()
            if "'not':" not in repr(test):
                yield {key: {"not": test}}
    elif check not in ("manual_approval", "budget") and not (isinstance(operand, dict) and "not" in operand):
        inner = operand.values() if isinstance(operand, dict) else ()
        if not any(isinstance(test, dict) and "not" in test for test in inner):
            yield {"not": operand}


# --- an unknown size ---------------------------------------------------------------------------------

ranges = st.one_of(
    st.fixed_dictionaries({"at_most": st.integers(0, 2**63 - 1)}),
    st.fixed_dictionaries({"at_least": st.integers(0, 2**63 - 1)}),
    st.fixed_dictionaries({"at_least": st.integers(0, 10), "at_most": st.integers(0, 2**63 - 1)}),
)
size_limits = (ranges | ranges.map(lambda inside: {"not": inside})).map(lambda test: {"total_tasks": test})
sized_conditions = st.recursive(
    size_limits,
    lambda inner: st.builds(
        lambda word, parts: {word: parts}, st.sampled_from(["any", "all"]), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=4,
).filter(lambda condition: depth(condition) <= 2)


def depth(condition: Written) -> int:
    """Count how deep any and all stand in one another."""
    parts = condition.get("any") or condition.get("all")
    return 1 + max(map(depth, parts)) if parts else 0


UNSAID: list[Json] = [None, {}, {"TotalNumberOfTasks": 0}, {"TotalNumberOfTasks": None}]


@given(
    condition=sized_conditions,
    unsaid=st.sampled_from(UNSAID),
    status=st.sampled_from(["New", "Preparing", "Suspended", "Ready"]),
    confirmation=st.booleans(),
    unless=st.none() | sized_conditions,
)
def test_an_unknown_size_never_approves_nor_cancels(
    condition: Written, unsaid: Json, status: str, confirmation: bool, unless: Written | None
) -> None:
    """0 or absent is no size: whatever a limit says of it, however joined, nothing follows but waiting."""
    about = facts(ProgressSummary=unsaid, Status=status, ConfirmationRequired=confirmation)
    requirement = {**condition, "on_violation": "cancel", **({"unless": [unless]} if unless else {})}
    for written in (
        document(requirement),
        document(requirement, guardrails=[{"name": "g", "require": [requirement]}]),
        {"version": 1, "unmatched": "cancel", "policies": [{"name": "p", "match": [condition], "require": []}]},
    ):
        decision = outcome(written, about)
        assert decision.verdict in (Verdict.HOLD, Verdict.WAIT)
        expected = Verdict.WAIT if status in ("New", "Preparing") else Verdict.HOLD
        assert decision.verdict is expected
        assert decision.until is None


@given(condition=sized_conditions, total=st.integers(1, 2**63 - 1))
def test_a_known_size_approves_or_cancels(condition: Written, total: int) -> None:
    """The same policies do decide once S3 has counted: the property above can fail."""
    about = facts(ProgressSummary={"TotalNumberOfTasks": total})
    assert outcome(document({**condition, "on_violation": "cancel"}), about).verdict in (
        Verdict.APPROVE,
        Verdict.CANCEL,
    )


# --- what the table leaves --------------------------------------------------------------------------


def test_the_requesters_text_fills_no_placeholder() -> None:
    """`${account}` in a tag's value is text; only patterns know it, and from the job's ARN."""
    assert result_of({"tags": {"a": "x-${account}"}}, facts(tags={"a": "x-111111111111"})) is MET
    assert result_of({"tags": {"a": "x-${account}"}}, facts(tags={"a": "x-${account}"})) is VIOLATED
    assert result_of({"tags": {"a": "x-${account}"}}, facts(tags={"a": "x-222222222222"})) is VIOLATED


def test_wildcards_in_the_requesters_text_match_nothing() -> None:
    """A tag `*` is one character."""
    assert result_of({"tags": {"a": "CHG-1"}}, facts(tags={"a": "*"})) is VIOLATED


@pytest.mark.parametrize(
    ("partition", "region"), [("aws", "eu-central-1"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")]
)
def test_account_region_and_partition_come_from_the_arn(partition: str, region: str) -> None:
    """All three placeholders, in all partitions, wherever patterns stand."""
    name = f"{partition}.{region}.222222222222"
    pattern = "${partition}.${region}.${account}"
    members: dict[str, Any] = {
        "tags": {"a": name},
        "Description": name,
        "source_buckets": frozenset({name}),
        "Operation": {"S3PutObjectCopy": {"TargetResource": f"arn:{partition}:s3:::{name}"}},
        "Report": {"Enabled": True, "Bucket": f"arn:{partition}:s3:::{name}"},
        "Manifest": {"Location": {"ObjectArn": f"arn:{partition}:s3:::{name}/{name}"}},
    }
    about = facts(JobArn=f"arn:{partition}:s3:{region}:222222222222:job/abcde", **members)
    elsewhere = facts(JobArn="arn:aws-iso:s3:us-iso-east-1:999999999999:job/abcde", **members)
    for condition in (
        {"tags": {"a": pattern}},
        {"description": pattern},
        {"source_buckets": {"only": pattern}},
        {"destination_buckets": {"only": pattern}},
        {"report": {"bucket": pattern}},
        {"manifest": {"bucket": pattern, "key": pattern}},
        {"operation_parameters": {"S3PutObjectCopy.TargetResource": f"*{pattern}"}},
        {"account": "222222222222"},
        {"region": region},
    ):
        assert result_of(condition, about) is MET
        assert result_of(condition, elsewhere) is VIOLATED


@pytest.mark.parametrize(
    ("arn", "bucket"),
    [
        ("arn:aws:s3:::lake", "lake"),
        ("arn:aws-cn:s3:::lake", "lake"),
        ("lake", "lake"),
    ],
)
def test_buckets_are_named_also_where_s3_says_arns(arn: str, bucket: str) -> None:
    """Copy target, report and generator."""
    about = facts(
        Operation={"S3PutObjectCopy": {"TargetResource": arn}},
        Report={"Enabled": True, "Bucket": arn},
        Manifest=None,
        ManifestGenerator={"S3JobManifestGenerator": {"SourceBucket": arn}},
    )
    for condition in (
        {"destination_buckets": {"only": bucket}},
        {"report": {"bucket": bucket}},
        {"source_buckets": {"only": bucket}},
    ):
        assert result_of(condition, about) is MET


def test_the_report_bucket_is_no_destination() -> None:
    """A report is written there, no object is copied there."""
    assert result_of({"destination_buckets": {"any": "audit*"}}, facts(Report=REPORT)) is VIOLATED


def test_a_manifest_key_may_hold_slashes_colons_and_patterns() -> None:
    """Everything after the bucket is the key."""
    arn = "arn:aws:s3:::manifests/a/b:::c/[d]*.csv"
    about = facts(Manifest={"Spec": {"Format": "x"}, "Location": {"ObjectArn": arn}})
    assert result_of({"manifest": {"bucket": "manifests", "key": "a/b:::c/[d]?.csv"}}, about) is MET


@pytest.mark.parametrize(
    ("results", "every", "some"),
    [
        ([MET, MET], MET, MET),
        ([MET, VIOLATED], VIOLATED, MET),
        ([VIOLATED, VIOLATED], VIOLATED, VIOLATED),
        ([MET, UNKNOWN], UNKNOWN, MET),
        ([MET, UNMEASURABLE], UNMEASURABLE, MET),
        ([UNKNOWN, UNMEASURABLE], UNKNOWN, UNKNOWN),
        ([VIOLATED, UNKNOWN], VIOLATED, UNKNOWN),
        ([VIOLATED, UNMEASURABLE], VIOLATED, UNMEASURABLE),
        ([VIOLATED, UNKNOWN, UNMEASURABLE, MET], VIOLATED, MET),
        ([VIOLATED, UNKNOWN, UNMEASURABLE], VIOLATED, UNKNOWN),
        ([MET, UNKNOWN, UNMEASURABLE], UNKNOWN, MET),
    ],
)
def test_all_and_any_join_results_as_the_language_says(results: list[Result], every: Result, some: Result) -> None:
    """The two rows of the table of meaning, in either order, once and twice nested."""
    condition = {
        MET: {"region": "eu-*"},
        VIOLATED: {"region": "us-*"},
        UNKNOWN: {"object_bytes": {"at_most": 1}},
        UNMEASURABLE: {"tags": {"a": "b"}},
    }
    about = facts(object_bytes=NOT_YET, tags=DENIED)
    for ordered in (results, results[::-1]):
        parts = [condition[result] for result in ordered]
        assert result_of({"all": parts}, about) is every
        assert result_of({"any": parts}, about) is some
        assert result_of({"any": [{"all": parts}]}, about) is every
        assert result_of({"all": [{"any": parts}]}, about) is some


def test_an_unless_is_another_way_than_manual_approval() -> None:
    """Either is enough."""
    either = {"manual_approval": "required", "unless": [{"tags": {"ticket": "CHG-*"}}]}
    assert result_of(either, facts(tags={"ticket": "CHG-1"})) is MET
    assert result_of(either, facts()) is UNMEASURABLE
    assert result_of(either, facts(approvals=[APPROVAL])) is MET


def test_what_is_asked_for_is_known_before_it_is_fetched() -> None:
    """`asks_for` says which facts are worth fetching: of every statement, wherever the check stands."""
    written = document(
        {"region": "eu-*", "unless": [{"any": [{"tags": {"a": "b"}}, {"object_bytes": {"at_most": 5}}]}]},
        exceptions=[
            {
                "name": "e",
                "lifts": ["p"],
                "match": [{"source_buckets": {"any": "x"}}],
                "expires": "2026-01-01",
                "because": "x",
            }
        ],
    )
    policies = compile_policies(written)
    assert {kind for kind in CAN_BE if policies.asks_for(kind)} == {"region", "tags", "object_bytes", "source_buckets"}


def test_the_window_looks_at_the_reviews_own_instant() -> None:
    """One instant for the whole review."""
    assert trace_of({"window": "open"}, facts()).facts.now == NOW


@pytest.mark.parametrize(
    ("test", "met"),
    [
        ({"at_least": 5}, [5, 6, 10, 11]),
        ({"at_most": 10}, [4, 5, 6, 10]),
        ({"at_least": 5, "at_most": 10}, [5, 6, 10]),
        ({"at_least": 10, "at_most": 10}, [10]),
    ],
)
def test_both_ends_of_a_range_are_evaluated_and_included(test: Written, met: list[int]) -> None:
    """A range with two ends is no wider than with either."""
    values = [4, 5, 6, 10, 11]
    assert [value for value in values if result_of({"priority": test}, facts(Priority=value)) is MET] == met


def test_checks_for_one_value_are_one_check_and_1_is_not_true() -> None:
    """Python's own 1 == True must not make one check of two."""
    values = [0, 1, 2, False, True]
    wanted = [checks.Equals(value) for value in values]
    again = [checks.Equals(value) for value in values]
    assert [[one == other for other in again] for one in wanted] == [[a is b for b in values] for a in values]
    assert len({*wanted, *again}) == len(values)
    assert checks.Equals(value=True) != checks.Present(wanted_present=True)
    assert checks.ManualApproval() == checks.ManualApproval()


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (checks.Matches(frozenset({"b*", "a"})), "a or b*"),
        (checks.Equals(value=True), "true"),
        (checks.Equals(5), "5"),
        (checks.Between(5, None), "at least 5"),
        (checks.Between(None, 10), "at most 10"),
        (checks.Between(5, 10), "5 to 10"),
        (checks.Present(wanted_present=True), "present"),
        (checks.Present(wanted_present=False), "absent"),
        (checks.Elements("only", checks.Matches(frozenset({"lake"}))), "only lake"),
        (checks.InWindow(frozenset({"nights", "freeze"}), ()), "freeze or nights open"),
        (checks.Not(checks.InWindow(frozenset({"nights", "freeze"}), ())), "freeze and nights closed"),
        (checks.Through(date(2026, 3, 31), "UTC"), "through 2026-03-31"),
        (checks.OneOf(frozenset({checks.Equals(5), checks.Matches(frozenset({"BULK"}))})), "5 or BULK"),
        (checks.Not(checks.Present(wanted_present=True)), "absent"),
    ],
)
def test_what_is_wanted_is_said_in_words(test: checks.Test, words: str) -> None:
    """They follow "want" in the reason on the job, in one order whatever order the document has."""
    assert test.wanted == words


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        (checks.Simple("priority"), "priority"),
        (checks.FromArn("account"), "account"),
        (checks.Tag("incident"), "tag incident"),
        (checks.Parameter("LambdaInvoke.FunctionArn"), "LambdaInvoke.FunctionArn"),
        (checks.Member("manifest", "bytes"), "manifest.bytes"),
        (checks.Member("report", ""), "report"),
        (checks.Clock("window"), "window"),
        (checks.ManualApproval(), "manual_approval"),
        (checks.WithinBudget(Budget("b", Per.DAY, "UTC", Limits(jobs=1))), "budget b"),
    ],
)
def test_what_is_looked_at_has_a_name(measure: checks.Measure, words: str) -> None:
    """The document's own word, and which tag, path or member where there are many."""
    assert measure.subject == words


def test_the_last_day_that_can_be_written_has_no_end() -> None:
    """An exception through the year 9999 is not over at its last instant, nor refused for want of a next day."""
    last_instant = datetime.max.replace(tzinfo=UTC)
    assert checks.Through(date.max, "UTC").end is None
    assert checks.Through(date.max, "UTC").predicate()(last_instant, facts())
    day_before = checks.Through(date(9999, 12, 30), "UTC")
    assert day_before.end == datetime(9999, 12, 31, tzinfo=UTC)
    assert not day_before.predicate()(last_instant, facts())


@pytest.mark.parametrize("path", ["S3NewOperation.Rows.Key", "S3NewOperation.Rows.0.Key"])
@pytest.mark.parametrize("test", ["a", {"not": "a"}, {"present": True}, {"present": False}])
def test_a_path_into_a_list_is_unmeasurable_whatever_is_asked(path: str, test: Any) -> None:
    """Of an operation that the model does not know: absent, `not` would be met by a list that holds the very value."""
    about = facts(Operation={"S3NewOperation": {"Rows": [{"Key": "a", "Value": "b"}]}})
    assert result_of({"operation_parameters": {path: test}}, about) is UNMEASURABLE


@pytest.mark.parametrize(
    "beyond", ["ExpirationInDays.Days", "GlacierJobTier.BULK", "GlacierJobTier.Speed", "Nothing.More", "Unsaid"]
)
def test_a_path_beyond_a_value_leads_to_none(beyond: str) -> None:
    """A number and a text have no members, whatever the text holds."""
    members: dict[str, Json] = {"ExpirationInDays": 1, "GlacierJobTier": "BULK", "": {"Unsaid": 5}}
    about = facts(Operation={"S3InitiateRestoreObject": members})
    assert checks.Parameter(f"S3InitiateRestoreObject.{beyond}").read(about) is None


def test_every_kind_of_check_has_all_its_parts() -> None:
    """Whoever adds a kind says how it reads and evaluates; nothing is met by omission, and the unions name them all."""
    tests, measures = get_args(checks.Test), get_args(checks.Measure)
    assert all({"predicate", "wanted"} <= set(dir(kind)) for kind in tests)
    assert all({"read", "kind", "subject"} <= set(dir(kind)) for kind in measures)
    made = {each for each in vars(checks).values() if isinstance(each, type) and each.__module__ == checks.__name__}
    assert {each for each in made if hasattr(each, "predicate")} == set(tests)
    assert {each for each in made if hasattr(each, "read")} == set(measures)


OF_ROWS: dict[checks.Measure, bool] = {
    checks.Simple("source_buckets"): True,
    checks.Simple("object_bytes"): True,
    checks.Simple("total_tasks"): False,
    checks.Member("manifest", "rows"): True,
    checks.Member("manifest", "rows_without_version"): True,
    checks.Member("manifest", "bucket"): False,
    checks.Member("report", "rows"): False,
    checks.FromArn("account"): False,
    checks.Tag("team"): False,
    checks.Parameter("S3PutObjectTagging.TagSet"): False,
    checks.ManualApproval(): False,
    checks.CostOf(Prices()): False,
    checks.CostOf(Prices(gibibyte=(Price("S3PutObjectCopy", 1),))): True,
    checks.WithinBudget(Budget("b", Per.DAY, "UTC", Limits(objects=1))): False,
    checks.WithinBudget(Budget("b", Per.DAY, "UTC", Limits(object_bytes=1))): True,
    checks.WithinBudget(Budget("b", Per.DAY, "UTC", Limits(cost=1))): False,
    checks.WithinBudget(
        Budget("b", Per.DAY, "UTC", Limits(cost=1), prices=Prices(gibibyte=(Price("S3PutObjectCopy", 1),)))
    ): True,
}


@pytest.mark.parametrize(("measure", "is_of_rows"), OF_ROWS.items(), ids=str)
def test_which_measures_look_into_the_manifests_rows(measure: checks.Measure, is_of_rows: bool) -> None:
    """A manifest is read only if one of them is asked for."""
    assert measure.of_rows is is_of_rows
