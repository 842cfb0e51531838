"""What lint finds, and what it leaves alone."""

import json
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate.policy.canonical import canonical_json
from batchgate.policy.compile import compile_policies
from batchgate.policy.evaluate import evaluate_job
from batchgate.policy.reason import NAME_ALWAYS_WHOLE, status_update_reason
from batchgate.policy.validation import read_document
from batchgate_cli.authoring.lint import LINTS, Finding
from batchgate_cli.authoring.lint.finding import Path
from tests.unit.everything import EVERYTHING
from tests.unit.examples import Written, document, facts, lint_findings
from tests.unit.strategies import RICH_DIALECT, randoms
from tests.verification.oracle.random_documents import random_document

TODAY = date(2026, 3, 27)
COPY: Written = {"operation": "S3PutObjectCopy"}
LAMBDA: Written = {"operation": "LambdaInvoke"}
FUNCTION = "LambdaInvoke.FunctionArn"
ARN = "arn:aws:lambda:eu-central-1:111111111111:function:"
NIGHTS: Written = {"timezone": "Europe/Berlin", "open": [{"days": ["mon", "tue"], "from": "22:00", "to": "06:00"}]}
DAYS: Written = {"timezone": "Europe/Berlin", "open": [{"days": ["mon", "tue"], "from": "08:00", "to": "18:00"}]}
SATURDAYS: Written = {"timezone": "UTC", "open": [{"days": ["sat"]}]}
ALWAYS: Written = {"timezone": "UTC", "open": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}]}


def policy(*match: Written, require: list[Written] | None = None, **words: object) -> Written:
    """A document of one policy."""
    statement = {"name": "p", **({"match": list(match)} if match else {}), "require": require or []}
    return {"version": 1, "policies": [statement], **words}


def policies(*statements: Written) -> Written:
    """A document of several policies."""
    return {"version": 1, "policies": list(statements)}


def guardrail(*match: Written, require: list[Written], **words: object) -> Written:
    """A document of one guardrail."""
    statement = {"name": "g", **({"match": list(match)} if match else {}), "require": require}
    return {"version": 1, "guardrails": [statement], **words}


def copies(*require: Written, **words: object) -> Written:
    """A document of one policy for copies."""
    return policy(COPY, require=list(require), **words)


def excepting(*match: Written, lifts: str = "g", expires: str = "2026-12-31") -> list[Written]:
    """The exceptions of a document, for `guardrail(..., exceptions=excepting(...))`."""
    return [{"name": "e", "lifts": [lifts], "match": list(match), "expires": expires, "because": "CHG-1"}]


def parameters(**tests: object) -> Written:
    """A check of operation parameters; `__` stands for the dot."""
    return {"operation_parameters": {path.replace("__", "."): test for path, test in tests.items()}}


def calling(*functions: object) -> Written:
    """A check of the functions that a job calls."""
    return {"operation_parameters": {FUNCTION: functions[0] if len(functions) == 1 else list(functions)}}


def asking(**words: object) -> Written:
    """An approval of certain people."""
    return {"manual_approval": words}


def two_policies(match: list[Written], require: list[Written], other: list[Written], asks: list[Written]) -> Written:
    """A document of two policies."""
    return {
        "version": 1,
        "policies": [
            {"name": "p", "match": match, "require": require},
            {"name": "q", "match": other, "require": asks},
        ],
    }


ACCOUNT: Written = {"account": "111111111111"}
LOCKED_UNTIL, KEY = "S3PutObjectCopy.ObjectLockRetainUntilDate", "S3UpdateObjectEncryption.ObjectEncryption.SSEKMS"
BYPASS, TAG_SET = "S3PutObjectRetention.BypassGovernanceRetention", "S3PutObjectTagging.TagSet"
STORAGE_CLASS = "S3PutObjectCopy.StorageClass"
ABSENT_OR_SOON: tuple[Written, ...] = ({"present": False}, {"within": "365d"})
ENCRYPTED = "Filter.MatchAnyObjectEncryption"
BY_HAND: Written = {"manual_approval": "required"}
OWNERS, ONCALL = "*:assumed-role/prod-owner/*", "arn:aws:sts::*:assumed-role/lake-oncall/*"
SSO_ROLE, OWN = "AWSReservedSSO_Owner_0123456789abcdef", "arn:${partition}:sts::${account}:assumed-role/*"
TRUSTED: Written = {"session_names": "trusted"}
UNTIL, PREFIXES = "S3PutObjectRetention.Retention.RetainUntilDate", "Filter.KeyNameConstraint.MatchAnyPrefix"
RETAIN: Written = {"operation": "S3PutObjectRetention"}
TAG: Written = {"operation": "S3PutObjectTagging"}
DAYS_KEPT: Written = {"operation_parameters": {"S3InitiateRestoreObject.ExpirationInDays": {"at_most": 7}}}
SMALL: Written = {"total_tasks": {"at_most": 100}}
ROLE: Written = {"role": "arn:aws:iam::*:role/migrator"}
MATCH: Path = ("policies", 0, "match", 0)
PRICES: Written = {
    "job": 0.25,
    "million_objects": 1,
    "million_requests": {"S3PutObjectCopy": 5, "S3InitiateRestoreObject": 5},
}
BY_SIZE: Written = {**PRICES, "gibibyte": {"S3PutObjectCopy": 0.01}}
BY_SIZE_OF_ALL: Written = {**BY_SIZE, "million_requests": dict.fromkeys(sorted(KNOWN_OPERATIONS), 5)}
SIZES: Written = {"object_bytes": {"at_most": 5}}
OWN_BUCKET: Written = {"manifest": {"bucket": "lake-inventories"}}
REQUIRE: Path = ("policies", 0, "require", 0)
G_MATCH: Path = ("guardrails", 0, "match", 0)
G_REQUIRE: Path = ("guardrails", 0, "require", 0)
OPEN: Written = {"nights": NIGHTS, "days": DAYS, "saturdays": SATURDAYS, "always": ALWAYS}


def calendars(*names: str) -> Written:
    """Some of the calendars that open."""
    return {name: OPEN[name] for name in names}


def budgeted(*require: Written, **parts: object) -> Written:
    """A guardrail that requires the budget b, or whatever is given, and a policy that approves."""
    budget = {"name": "b", "per": "month", "jobs": 5, **parts}
    return {**copies(SMALL), **guardrail(COPY, require=[*require] or [{"budget": "b"}]), "budgets": [budget]}


def once(**row: object) -> Written:
    """A calendar of one row in UTC."""
    return {"timezone": "UTC", "open": [row]}


FIRES: list[tuple[str, str, Written, Path]] = [
    # --- no job meets it
    (
        "two operations listed as if a list meant or",
        "matches-nothing",
        policy({"operation": "S3PutObjectCopy"}, {"operation": "S3PutObjectTagging"}),
        ("policies", 0, "match", 1, "operation"),
    ),
    (
        "ranges that do not touch",
        "matches-nothing",
        policy(COPY, {"total_tasks": {"at_most": 9}}, {"total_tasks": {"at_least": 10}}),
        ("policies", 0, "match", 2, "total_tasks"),
    ),
    (
        "patterns without a common text",
        "matches-nothing",
        policy(COPY, {"region": "eu-*"}, {"region": ["us-*", "ap-*-?"]}),
        ("policies", 0, "match", 2, "region"),
    ),
    (
        "a value and its own complement",
        "matches-nothing",
        policy(COPY, {"region": "eu-west-1"}, {"region": {"not": "eu-*"}}),
        ("policies", 0, "match", 2, "region"),
    ),
    (
        "a parameter of another operation",
        "matches-nothing",
        policy({"operation": "S3PutObjectTagging"}, parameters(S3PutObjectCopy__StorageClass="GLACIER")),
        ("policies", 0, "match", 1, "operation_parameters", "S3PutObjectCopy.StorageClass"),
    ),
    (
        "contradicting parts below all",
        "matches-nothing",
        policy({"all": [COPY, {"priority": {"at_most": 1}}, {"priority": {"at_least": 2}}]}),
        ("policies", 0, "match", 0, "all", 2, "priority"),
    ),
    (
        "alternatives none of which can be",
        "matches-nothing",
        policy(COPY, {"any": [LAMBDA, {"operation": "S3*Tagging"}]}),
        ("policies", 0, "match", 1, "any"),
    ),
    (
        "no operation at all",
        "matches-nothing",
        policy({"operation": {"not": "*"}}),
        (*MATCH, "operation"),
    ),
    (
        "no tasks: S3 counts one at least",
        "matches-nothing",
        copies({"total_tasks": {"at_most": 0}}),
        (*REQUIRE, "total_tasks"),
    ),
    (
        "a priority beyond S3's highest",
        "matches-nothing",
        copies({"priority": {"at_least": 2_147_483_648}}),
        (*REQUIRE, "priority"),
    ),
    (
        "buckets that must and must not be",
        "matches-nothing",
        policy(COPY, {"source_buckets": {"any": "lake-raw"}}, {"source_buckets": {"none": "lake-*"}}),
        ("policies", 0, "match", 2, "source_buckets", "none"),
    ),
    (
        "an alternative that match shuts out",
        "matches-nothing",
        copies({"any": [{"operation": "S3PutObjectTagging"}, SMALL]}),
        (*REQUIRE, "any", 0, "operation"),
    ),
    (
        "an unless that match shuts out",
        "matches-nothing",
        copies({**SMALL, "unless": [{"operation": "S3PutObjectTagging"}]}),
        (*REQUIRE, "unless"),
    ),
    (
        "an unless that contradicts itself",
        "matches-nothing",
        copies({**SMALL, "unless": [{"region": "eu-*"}, {"region": "us-*"}]}),
        (*REQUIRE, "unless", 1, "region"),
    ),
    (
        "an exception that contradicts itself",
        "matches-nothing",
        guardrail(require=[SMALL], exceptions=excepting(ROLE, {"region": "eu-*"}, {"region": "us-*"})),
        ("exceptions", 0, "match", 2, "region"),
    ),
    # --- a statement beside its own match
    (
        "a requirement against match",
        "contradicts-match",
        guardrail({"operation": "S3PutObjectAcl"}, require=[{"operation": {"not": "S3PutObjectAcl"}}]),
        (*G_REQUIRE, "operation"),
    ),
    (
        "a window against match",
        "contradicts-match",
        guardrail({"window": "days"}, require=[{"window": {"not": "days"}}], calendars=calendars("days")),
        (*G_REQUIRE, "window"),
    ),
    (
        "a smaller range than match's",
        "contradicts-match",
        policy(COPY, {"total_tasks": {"at_least": 1000}}, require=[SMALL]),
        (*REQUIRE, "total_tasks"),
    ),
    (
        "a requirement of another operation's parameter",
        "contradicts-match",
        copies(parameters(S3InitiateRestoreObject__ExpirationInDays={"at_most": 7})),
        (*REQUIRE, "operation_parameters", "S3InitiateRestoreObject.ExpirationInDays"),
    ),
    (
        "a parameter's range beside match's",
        "contradicts-match",
        policy(parameters(S3InitiateRestoreObject__ExpirationInDays={"at_least": 8}), require=[DAYS_KEPT]),
        (*REQUIRE, "operation_parameters", "S3InitiateRestoreObject.ExpirationInDays"),
    ),
    (
        "a parameter's number beside match's",
        "contradicts-match",
        policy(parameters(S3InitiateRestoreObject__ExpirationInDays=8), require=[DAYS_KEPT]),
        (*REQUIRE, "operation_parameters", "S3InitiateRestoreObject.ExpirationInDays"),
    ),
    (
        "a parameter's text where match has its number",
        "contradicts-match",
        policy(
            parameters(S3NewOperation__Number="7"),
            require=[parameters(S3NewOperation__Number=7)],
        ),
        (*REQUIRE, "operation_parameters", "S3NewOperation.Number"),
    ),
    (
        "a parameter's false where match has true",
        "contradicts-match",
        policy(
            parameters(S3PutObjectCopy__BucketKeyEnabled=True),
            require=[parameters(S3PutObjectCopy__BucketKeyEnabled=False)],
        ),
        (*REQUIRE, "operation_parameters", "S3PutObjectCopy.BucketKeyEnabled"),
    ),
    (
        "a parameter that match has absent",
        "contradicts-match",
        policy(
            COPY,
            parameters(S3PutObjectCopy__TargetKeyPrefix={"present": False}),
            require=[parameters(S3PutObjectCopy__TargetKeyPrefix="copies/*")],
        ),
        (*REQUIRE, "operation_parameters", "S3PutObjectCopy.TargetKeyPrefix"),
    ),
    (
        "a mixed list, none of which the match admits",
        "contradicts-match",
        policy(
            parameters(S3NewOperation__Value=[1, "yes"]),
            require=[parameters(S3NewOperation__Value=[True, "no"])],
        ),
        (*REQUIRE, "operation_parameters", "S3NewOperation.Value"),
    ),
    (
        "only buckets where match has only others",
        "contradicts-match",
        policy(COPY, {"source_buckets": {"only": "lake-*"}}, require=[{"source_buckets": {"only": ["raw-*", "tmp"]}}]),
        (*REQUIRE, "source_buckets", "only"),
    ),
    (
        "no buckets of those that match has only",
        "contradicts-match",
        policy(COPY, {"source_buckets": {"only": "lake-raw"}}, require=[{"source_buckets": {"none": "lake-*"}}]),
        (*REQUIRE, "source_buckets", "none"),
    ),
    (
        "only buckets where match has another",
        "contradicts-match",
        policy(COPY, {"destination_buckets": {"any": "lake-*"}}, require=[{"destination_buckets": {"only": "raw-*"}}]),
        (*REQUIRE, "destination_buckets", "only"),
    ),
    (
        "some bucket where match has only such",
        "repeats-match",
        policy(COPY, {"source_buckets": {"only": "lake-raw"}}, require=[{"source_buckets": {"any": "lake-*"}}]),
        (*REQUIRE, "source_buckets", "any"),
    ),
    (
        "none of other buckets than match's only",
        "repeats-match",
        policy(COPY, {"destination_buckets": {"only": "lake-*"}}, require=[{"destination_buckets": {"none": "raw-*"}}]),
        (*REQUIRE, "destination_buckets", "none"),
    ),
    (
        "none of fewer buckets than match's none",
        "repeats-match",
        policy(
            COPY, {"destination_buckets": {"none": "lake-*"}}, require=[{"destination_buckets": {"none": "lake-raw"}}]
        ),
        (*REQUIRE, "destination_buckets", "none"),
    ),
    (
        "a parameter's range around match's",
        "repeats-match",
        policy(
            parameters(S3InitiateRestoreObject__ExpirationInDays={"at_least": 1, "at_most": 3}), require=[DAYS_KEPT]
        ),
        (*REQUIRE, "operation_parameters", "S3InitiateRestoreObject.ExpirationInDays"),
    ),
    (
        "a parameter's range around match's number",
        "repeats-match",
        policy(parameters(S3InitiateRestoreObject__ExpirationInDays=3), require=[DAYS_KEPT]),
        (*REQUIRE, "operation_parameters", "S3InitiateRestoreObject.ExpirationInDays"),
    ),
    (
        "a mixed list around match's",
        "repeats-match",
        policy(
            parameters(S3NewOperation__Value=[1, "yes"]),
            require=[parameters(S3NewOperation__Value=[True, 1, "y*"])],
        ),
        (*REQUIRE, "operation_parameters", "S3NewOperation.Value"),
    ),
    (
        "a parameter that is there where match has its value",
        "repeats-match",
        policy(
            parameters(S3PutObjectCopy__StorageClass="GLACIER"),
            require=[parameters(S3PutObjectCopy__StorageClass={"present": True})],
        ),
        (*REQUIRE, "operation_parameters", "S3PutObjectCopy.StorageClass"),
    ),
    (
        "an operation that match's parameter says",
        "repeats-match",
        policy(parameters(S3PutObjectCopy__StorageClass="GLACIER"), require=[COPY]),
        (*REQUIRE, "operation"),
    ),
    (
        "one of several windows of match",
        "repeats-match",
        policy(
            COPY, {"window": "nights"}, require=[{"window": ["nights", "days"]}], calendars=calendars("nights", "days")
        ),
        (*REQUIRE, "window"),
    ),
    (
        "an impossible part below all",
        "matches-nothing",
        copies({"all": [{"priority": {"at_least": 2_147_483_648}}, SMALL]}),
        (*REQUIRE, "all"),
    ),
    (
        "a requirement that match says",
        "repeats-match",
        copies({"operation": ["S3PutObjectCopy", "S3PutObjectTagging"]}),
        (*REQUIRE, "operation"),
    ),
    (
        "a pattern around match's",
        "repeats-match",
        policy(COPY, {"region": "eu-central-?"}, require=[{"region": "eu-*"}]),
        (*REQUIRE, "region"),
    ),
    (
        "a wider range than match's",
        "repeats-match",
        policy(COPY, SMALL, require=[{"total_tasks": {"at_most": 1000}}]),
        (*REQUIRE, "total_tasks"),
    ),
    (
        "what every alternative of match says",
        "repeats-match",
        policy({"any": [COPY, {"operation": "S3PutObjectAcl"}]}, require=[{"operation": "S3PutObject*"}]),
        (*REQUIRE, "operation"),
    ),
    (
        "a value that another operation never has",
        "repeats-match",
        copies(parameters(S3PutObjectRetention__BypassGovernanceRetention={"not": True})),
        (*REQUIRE, "operation_parameters", "S3PutObjectRetention.BypassGovernanceRetention"),
    ),
    ("what every job is", "repeats-match", copies(SMALL, {"account": "*"}), ("policies", 0, "require", 1, "account")),
    ("an unless that match says", "repeats-match", copies({**SMALL, "unless": [COPY]}), (*REQUIRE, "unless")),
    (
        "two requirements against each other",
        "contradicts-requirement",
        copies({"region": "eu-*"}, {"region": "us-*"}),
        ("policies", 0, "require", 1, "region"),
    ),
    # --- values
    (
        "an account that lost its zero",
        "impossible-value",
        policy(COPY, {"account": "12345678901"}),
        ("policies", 0, "match", 1, "account"),
    ),
    (
        "an account's name in a list",
        "impossible-value",
        policy(COPY, {"account": {"list": "ours"}}, lists={"ours": ["111111111111", "sandbox"]}),
        ("lists", "ours", 1),
    ),
    (
        "an account's name inside not",
        "impossible-value",
        policy(COPY, {"account": {"not": ["111111111111", "prod-*"]}}),
        ("policies", 0, "match", 1, "account", "not", 1),
    ),
    *(
        (
            f"{value} at {path}",
            lint_name,
            copies({check: {path: value if positive else {"not": value}}}),
            (*REQUIRE, check, path, *(() if positive else ("not",))),
        )
        for positive in (True, False)
        for check, path, value, lint_name in (
            ("operation_parameters", "S3PutObjectCopy.TargetResource", "lake-prod", "impossible-value"),
            ("manifest_generator", "SourceBucket", "secret", "impossible-value"),
            ("manifest_generator", "ExpectedBucketOwner", "12345", "impossible-value"),
            ("manifest_generator", "ManifestOutputLocation.Bucket", "lists", "impossible-value"),
        )
    ),
    (
        "a function's name",
        "function-without-arn",
        policy({"operation": "LambdaInvoke"}, {"operation_parameters": {"LambdaInvoke.FunctionArn": "f-*"}}),
        ("policies", 0, "match", 1, "operation_parameters", "LambdaInvoke.FunctionArn"),
    ),
    *(
        (
            f"{value} as a tag",
            "regular-expression",
            copies({"tags": {"ticket": value}}),
            (*REQUIRE, "tags", "ticket", *(("glob",) if isinstance(value, dict) else ())),
        )
        for value in ("CHG-[0-9]{4}", "CHG-[0-9][0-9]", "^CHG-1", "CHG-\\d", "a|b", {"glob": "^CHG-[0-9]$"})
    ),
    ("an Availability Zone", "impossible-value", copies({"region": "eu-central-1a"}), (*REQUIRE, "region")),
    ("a Region in capitals", "impossible-value", copies({"region": "EU-*"}), (*REQUIRE, "region")),
    *(
        (f"a role that is {role!r}", "impossible-value", copies({"role": {"not": role}}), (*REQUIRE, "role", "not"))
        for role in (
            "migrator",
            "arn:aws:iam::111122223333:role/migrator ",
            "arn:aws:iam::111122223333:role//migrator",
            "arn:aws:iam::111122223333:role/migr*tor!",
            "arn:aws:iam::111122223333:role/team/",
            "arn:aws:iam::11112222333:role/migrator",
        )
    ),
    *(
        (
            f"a bucket that is {name!r}",
            "impossible-value",
            copies({"source_buckets": {"any": name}}),
            (*REQUIRE, "source_buckets", "any"),
        )
        for name in ("lake..prod", "192.168.1.1", "xn--lake", "sthree-lake", "-lake", "la", "lake.")
    ),
    *(
        (
            f"a copy to {arn!r}",
            "impossible-value",
            copies({"operation_parameters": {"S3PutObjectCopy.TargetResource": {"not": arn}}}),
            (*REQUIRE, "operation_parameters", "S3PutObjectCopy.TargetResource", "not"),
        )
        for arn in (
            "arn:aws:s3:::Public",
            "arn:aws:s3:::public/*",
            "arn:aws:s3:::public/key",
            "arn:aws:s3:us-east-1::public",
            "arn:aws:s3:::public..prod",
            "arn:aws:s3:us-east-1:111122223333:public",
        )
    ),
    (
        "a role that was assumed",
        "impossible-value",
        copies({"role": "arn:aws:sts::111111111111:assumed-role/migrator/*"}),
        (*REQUIRE, "role"),
    ),
    (
        "a bucket's ARN",
        "impossible-value",
        copies({"source_buckets": {"only": ["lake", "arn:aws:s3:::lake-*"]}}),
        (*REQUIRE, "source_buckets", "only", 1),
    ),
    (
        "a bucket with a key",
        "impossible-value",
        copies({"destination_buckets": {"not": {"any": "lake/raw"}}}),
        (*REQUIRE, "destination_buckets", "not", "any"),
    ),
    (
        "an access point's alias",
        "impossible-value",
        copies({"source_buckets": {"any": ["lake", "lake-*-s3alias"]}}),
        (*REQUIRE, "source_buckets", "any", 1),
    ),
    (
        "a bucket of capitals from long ago",
        "impossible-value",
        copies({"source_buckets": {"only": "Lake_RAW"}}),
        (*REQUIRE, "source_buckets", "only"),
    ),
    (
        "an owner's name",
        "impossible-value",
        copies({"report": {"expected_bucket_owner": "audit"}}),
        (*REQUIRE, "report", "expected_bucket_owner"),
    ),
    (
        "buckets by a pattern",
        "only-in-wide-pattern",
        copies({"source_buckets": {"only": ["lake", "lake-*"]}}),
        (*REQUIRE, "source_buckets", "only", 1),
    ),
    (
        "buckets by a pattern for the account",
        "only-in-wide-pattern",
        policy(COPY, {"destination_buckets": {"only": "audit-${account}-*"}}),
        ("policies", 0, "match", 1, "destination_buckets", "only"),
    ),
    (
        "buckets by a list of patterns",
        "only-in-wide-pattern",
        guardrail(COPY, require=[{"source_buckets": {"only": {"list": "lake"}}}], lists={"lake": ["lake", "lake-?"]}),
        ("lists", "lake", 1),
    ),
    (
        "buckets of an exception by a pattern",
        "only-in-wide-pattern",
        guardrail(require=[SMALL], exceptions=excepting(ROLE, {"destination_buckets": {"only": "archive-*"}})),
        ("exceptions", 0, "match", 1, "destination_buckets", "only"),
    ),
    (
        "a bucket's URL",
        "impossible-value",
        copies({"report": {"bucket": "s3://audit"}}),
        (*REQUIRE, "report", "bucket"),
    ),
    (
        "a time that is over before it begins",
        "empty-range",
        policy(RETAIN, require=[parameters(**{UNTIL: {"after": "2027-01-01", "before": "2027-01-01"}})]),
        (*REQUIRE, "operation_parameters", UNTIL),
    ),
    (
        "an element's time that is over before it begins",
        "empty-range",
        policy(
            {"operation": "S3NewOperation"},
            require=[parameters(S3NewOperation__Rows={"any": {"At": {"after": "2027-02-01", "before": "2027-01-01"}}})],
        ),
        (*REQUIRE, "operation_parameters", "S3NewOperation.Rows", "any", "At"),
    ),
    (
        "a list some of whose elements match forbids",
        "contradicts-match",
        policy(
            TAG,
            parameters(S3PutObjectTagging__TagSet={"none": {"Key": "exp*"}}),
            require=[parameters(S3PutObjectTagging__TagSet={"any": {"Key": "expire", "Value": "x"}})],
        ),
        (*REQUIRE, "operation_parameters", "S3PutObjectTagging.TagSet"),
    ),
    (
        "elements that match has narrower",
        "repeats-match",
        policy(
            TAG,
            parameters(S3PutObjectTagging__TagSet={"only": {"Key": "team", "Value": "x"}}),
            require=[parameters(S3PutObjectTagging__TagSet={"only": {"Key": "t*"}})],
        ),
        (*REQUIRE, "operation_parameters", "S3PutObjectTagging.TagSet"),
    ),
    (
        "a time that match has earlier",
        "repeats-match",
        policy(
            RETAIN,
            parameters(**{UNTIL: {"before": "2027-01-01", "within": "1d"}}),
            require=[parameters(**{UNTIL: {"before": "2027-01-02", "within": "2d"}})],
        ),
        (*REQUIRE, "operation_parameters", UNTIL),
    ),
    (
        "a time where match has only earlier ones",
        "contradicts-match",
        policy(
            RETAIN,
            parameters(**{UNTIL: {"before": "2027-01-01"}}),
            require=[parameters(**{UNTIL: {"after": "2027-01-01"}})],
        ),
        (*REQUIRE, "operation_parameters", UNTIL),
    ),
    (
        "prefixes of a generator that match forbids",
        "contradicts-match",
        policy(
            COPY,
            {"manifest_generator": {PREFIXES: {"none": "logs/*"}}},
            require=[{"manifest_generator": {PREFIXES: {"any": "logs/2026"}}}],
        ),
        (*REQUIRE, "manifest_generator", PREFIXES),
    ),
    (
        "ends the wrong way round",
        "empty-range",
        copies({"total_tasks": {"at_least": 10, "at_most": 9}}),
        (*REQUIRE, "total_tasks"),
    ),
    (
        "ends the wrong way round inside not",
        "empty-range",
        copies({"object_bytes": {"not": {"at_least": 10, "at_most": 9}}}),
        (*REQUIRE, "object_bytes", "not"),
    ),
    (
        "ends the wrong way round in match",
        "empty-range",
        policy(COPY, {"manifest": {"bytes": {"at_least": 10, "at_most": 9}}}),
        ("policies", 0, "match", 1, "manifest", "bytes"),
    ),
    (
        "ends of a parameter the wrong way round",
        "empty-range",
        policy(
            {"operation": "S3InitiateRestoreObject"},
            require=[parameters(S3InitiateRestoreObject__ExpirationInDays={"at_least": 7, "at_most": 1})],
        ),
        (*REQUIRE, "operation_parameters", "S3InitiateRestoreObject.ExpirationInDays"),
    ),
    # --- time
    (
        "dates that are over",
        "window-never-opens",
        copies({"window": "past"}, calendars={"past": once(dates=["2026-03-01..2026-03-26"])}),
        ("calendars", "past", "open"),
    ),
    (
        "dates that are over, in an exception that lifts nothing",
        "window-never-opens",
        copies(
            calendars={"past": once(dates=["2026-03-26"])}, exceptions=excepting(ROLE, {"window": "past"}, lifts="p")
        ),
        ("calendars", "past", "open"),
    ),
    (
        "closed all year",
        "window-never-opens",
        copies({"window": "shut"}, calendars={"shut": {**NIGHTS, "closed": ["01-01..12-31"]}}),
        ("calendars", "shut", "open"),
    ),
    (
        "a time that is skipped that night",
        "window-never-opens",
        copies(
            {"window": "gap"},
            calendars={
                "gap": {
                    "timezone": "Europe/Berlin",
                    "open": [{"dates": ["2026-03-29"], "from": "02:00", "to": "03:00"}],
                }
            },
        ),
        ("calendars", "gap", "open"),
    ),
    (
        "windows that never meet",
        "window-never-opens",
        copies({"window": "nights"}, {"window": "days"}, calendars=calendars("nights", "days")),
        ("policies", 0, "require", 1, "window"),
    ),
    (
        "a window of match that never meets the required",
        "window-never-opens",
        guardrail({"window": "saturdays"}, require=[{"window": "days"}], calendars=calendars("saturdays", "days")),
        (*G_REQUIRE, "window"),
    ),
    (
        "outside of what is always open",
        "window-never-opens",
        copies({"window": {"not": "always"}}, calendars=calendars("always")),
        (*REQUIRE, "window"),
    ),
    (
        "closed dates of last year",
        "closed-dates-past",
        copies({"window": "days"}, calendars={"days": {**DAYS, "closed": ["2025-12-24..2026-01-02", "2026-03-26"]}}),
        ("calendars", "days", "closed"),
    ),
    (
        "an exception until yesterday",
        "expired-exception",
        guardrail(require=[SMALL], exceptions=excepting(ROLE, expires="2026-03-26")),
        ("exceptions", 0, "expires"),
    ),
    (
        "an exception for every role",
        "lifts-for-every-job",
        guardrail(require=[SMALL], exceptions=excepting({"role": "arn:*:iam::*:role/*"})),
        ("exceptions", 0, "match"),
    ),
    (
        "an exception for whatever is governed",
        "lifts-for-every-job",
        guardrail(COPY, require=[SMALL], exceptions=excepting({"operation": "S3Put*"})),
        ("exceptions", 0, "lifts", 0),
    ),
    (
        "an exception for ever",
        "distant-expiry",
        guardrail(require=[SMALL], exceptions=excepting(ROLE, expires="2099-12-31")),
        ("exceptions", 0, "expires"),
    ),
    (
        "two policies as alternatives",
        "contradicts-statement",
        two_policies([COPY], [{"total_tasks": {"at_most": 50}}], [COPY], [{"total_tasks": {"at_least": 51}}]),
        ("policies", 1, "require", 0, "total_tasks"),
    ),
    (
        "nights or no freeze",
        "either-window",
        copies(
            {"window": ["nights", "calm"]},
            calendars={**calendars("nights"), "calm": {**ALWAYS, "closed": ["12-20..01-06"]}},
        ),
        (*REQUIRE, "window"),
    ),
    (
        "a calendar within another",
        "either-window",
        copies({"window": ["saturdays", "always"]}, calendars=calendars("saturdays", "always")),
        (*REQUIRE, "window"),
    ),
    (
        "destinations of all jobs",
        "met-without-destination",
        guardrail(require=[{"destination_buckets": {"only": ["lake"]}}]),
        (*G_REQUIRE, "destination_buckets", "only"),
    ),
    ("presence as text", "word-as-text", copies({"tags": {"ticket": "present"}}), (*REQUIRE, "tags", "ticket")),
    ("presence in a list", "word-as-text", copies({"tags": {"a": ["required", "b"]}}), (*REQUIRE, "tags", "a", 0)),
    (
        "presence in a list, by its name",
        "word-as-text",
        copies({"tags": {"a": {"list": "teams"}}}, lists={"teams": ["lake", "required"]}),
        ("lists", "teams", 1),
    ),
    ("a tag called not", "word-as-tag", copies({"tags": {"not": "lake"}}), (*REQUIRE, "tags", "not")),
    ("a tag called list", "word-as-tag", copies({"tags": {"list": "a"}}), (*REQUIRE, "tags", "list")),
    (
        "an alias",
        "lambda-alias",
        policy(LAMBDA, require=[calling(f"{ARN}clean:7", f"{ARN}clean:live")]),
        (*REQUIRE, "operation_parameters", FUNCTION),
    ),
    (
        "objects' bytes",
        "manifest-size",
        copies({"manifest": {"bytes": {"at_most": 50_000_000_000_000}}}),
        (*REQUIRE, "manifest", "bytes"),
    ),
    (
        "a window in match where the rest is cancelled",
        "cancelled-outside-window",
        policy(COPY, {"window": "nights"}, require=[SMALL], unmatched="cancel", calendars=calendars("nights")),
        ("policies", 0, "match", 1, "window"),
    ),
    (
        "a zone with its sign reversed",
        "fixed-zone",
        copies({"window": "w"}, calendars={"w": {**NIGHTS, "timezone": "Etc/GMT+1"}}),
        ("calendars", "w", "timezone"),
    ),
    (
        "a zone without summer time",
        "fixed-zone",
        copies({"window": "w"}, calendars={"w": {**NIGHTS, "timezone": "EST"}}),
        ("calendars", "w", "timezone"),
    ),
    *(
        (f"a tag with {text}", "regular-expression", copies({"tags": {"ticket": text}}), (*REQUIRE, "tags", "ticket"))
        for text in ("CHG-####", "CHG-%", ">5", "!lake", "1..5")
    ),
    (
        "a class that repeats",
        "regular-expression",
        copies({"tags": {"ticket": {"glob": "CHG-[0-9]+"}}}),
        (*REQUIRE, "tags", "ticket"),
    ),
    (
        "braces",
        "regular-expression",
        copies({"role": "arn:aws:iam::*:role/{a,b}"}),
        (*REQUIRE, "role"),
    ),
    (
        "an exception for a policy without requirements",
        "lifts-nothing",
        copies(exceptions=excepting(ROLE, lifts="p")),
        ("exceptions", 0, "lifts", 0),
    ),
    (
        "an exception for jobs that are not governed",
        "lifts-nothing",
        guardrail(COPY, require=[SMALL], exceptions=excepting(ROLE, {"operation": "S3PutObjectAcl"})),
        ("exceptions", 0, "lifts", 0),
    ),
    ("cancelling after S3 has", "cancel-after-expiry", copies(cancel_held_after="30d"), ("cancel_held_after",)),
    (
        "no grace beside a tag",
        "no-grace-for-tags",
        copies({"tags": {"team": {"present": True}}, "on_violation": "cancel"}, cancel_grace="0s"),
        ("cancel_grace",),
    ),
    (
        "no grace for a job without a policy, where policies match by a tag",
        "no-grace-for-tags",
        policy(COPY, ROLE, {"tags": {"team": "data"}}) | {"unmatched": "cancel", "cancel_grace": "0d"},
        ("cancel_grace",),
    ),
    (
        "no grace beside a tag that lifts",
        "no-grace-for-tags",
        copies({**SMALL, "unless": [ROLE, {"tags": {"a": "b"}}], "on_violation": "cancel", "grace": "0s"}),
        ("policies", 0, "require", 0, "grace"),
    ),
    (
        "calendars beyond what is followed for a month",
        "slow-clock",
        copies(
            {"window": [f"c{number}" for number in range(200)]},
            calendars={f"c{number}": once(days=["mon"]) for number in range(200)},
        ),
        ("calendars", "c0"),
    ),
    # --- what a job need not say
    (
        "false, in a requirement",
        "absent-fails",
        guardrail(RETAIN, require=[parameters(**{BYPASS: False})]),
        (*G_REQUIRE, "operation_parameters", BYPASS),
    ),
    (
        "false, of every job",
        "absent-fails",
        guardrail(require=[parameters(**{BYPASS: False})]),
        (*G_REQUIRE, "operation_parameters", BYPASS),
    ),
    (
        "false in a match",
        "absent-fails",
        guardrail(RETAIN, parameters(**{BYPASS: [False]}), require=[SMALL]),
        ("guardrails", 0, "match", 1, "operation_parameters", BYPASS),
    ),
    (
        "false in an unless",
        "absent-fails",
        guardrail(RETAIN, require=[{**SMALL, "unless": [ROLE, parameters(**{BYPASS: False})]}]),
        (*G_REQUIRE, "unless", 1, "operation_parameters", BYPASS),
    ),
    (
        "false in an exception",
        "absent-fails",
        guardrail(RETAIN, require=[SMALL], exceptions=excepting(ROLE, parameters(**{BYPASS: False}))),
        ("exceptions", 0, "match", 1, "operation_parameters", BYPASS),
    ),
    (
        "false in an alternative beside another thing",
        "absent-fails",
        guardrail(RETAIN, require=[{"any": [parameters(**{BYPASS: False}), ROLE]}]),
        (*G_REQUIRE, "any", 0, "operation_parameters", BYPASS),
    ),
    (
        "values with the default among them, by a list",
        "absent-fails",
        copies(parameters(**{STORAGE_CLASS: {"list": "ours"}}), lists={"ours": ["STANDARD*", "GLACIER"]}),
        (*REQUIRE, "operation_parameters", STORAGE_CLASS),
    ),
    (
        "a date that is limited",
        "absent-fails",
        copies(parameters(**{LOCKED_UNTIL: {"within": "365d", "before": "2030-01-01"}})),
        (*REQUIRE, "operation_parameters", LOCKED_UNTIL),
    ),
    (
        "an element that is not forbidden",
        "any-but",
        guardrail(TAG, require=[parameters(**{TAG_SET: {"any": {"Key": {"not": "expire"}}}})]),
        (*G_REQUIRE, "operation_parameters", TAG_SET, "any"),
    ),
    (
        "an element that is not forbidden, in the match of a policy and beside none",
        "any-but",
        policy(TAG, parameters(**{TAG_SET: {"any": {"Key": {"not": ["a", "b"]}}, "none": {"Key": "c"}}})),
        ("policies", 0, "match", 1, "operation_parameters", TAG_SET, "any"),
    ),
    (
        "tags as AWS writes them",
        "tags-as-in-aws",
        copies({"tags": {"Key": "team", "Value": ["lake", "search"]}}),
        (*REQUIRE, "tags"),
    ),
    (
        "tags as AWS writes them, in small letters",
        "tags-as-in-aws",
        guardrail({"tags": {"value": "prod", "key": "stage"}}, require=[SMALL]),
        (*G_MATCH, "tags"),
    ),
    (
        "two approvals of one statement",
        "one-approval-for-both",
        copies(BY_HAND, {"all": [SMALL, BY_HAND]}),
        ("policies", 0, "require", 1, "all", 1, "manual_approval"),
    ),
    (
        "two approvals of two statements for the same jobs",
        "one-approval-for-both",
        two_policies([LAMBDA, ACCOUNT], [BY_HAND], [ACCOUNT, LAMBDA], [SMALL, BY_HAND]),
        ("policies", 1, "require", 1, "manual_approval"),
    ),
    (
        "two approvals of one statement, one of them of anybody",
        "one-approval-for-both",
        copies(BY_HAND, asking(by=OWNERS)),
        (*REQUIRE, "manual_approval"),
    ),
    (
        "an approval where two are wanted of the same people",
        "one-approval-for-both",
        copies(asking(at_least=2, not_requester=True), asking(not_requester=True)),
        ("policies", 0, "require", 1, "manual_approval"),
    ),
    ("a budget for each team", "budget-of-requesters-tag", budgeted(each={"tag": "team"}), ("budgets", 0, "each")),
    ("a budget without a use", "unused-budget", budgeted({"priority": {"at_most": 5}}), ("budgets", 0)),
    ("a budget of costs without prices", "missing-price", budgeted(cost=5), (*G_REQUIRE, "budget")),
    ("a budget of nothing", "matches-nothing", budgeted(jobs=0), (*G_REQUIRE, "budget")),
    ("a budget of no objects", "matches-nothing", budgeted(objects=0), (*G_REQUIRE, "budget")),
    ("a budget by a fixed clock", "fixed-zone", budgeted(timezone="EST"), ("budgets", 0, "timezone")),
    (
        "an exception from a budget",
        "lifts-nothing",
        {**budgeted(), "exceptions": excepting(ROLE)},
        ("exceptions", 0, "lifts", 0),
    ),
    (
        "a match of an exception from what stands behind a budget",
        "matches-nothing",
        {
            **budgeted({"budget": "b"}, {"priority": {"at_most": 5}}),
            "exceptions": excepting({"region": "eu-*"}, {"region": "us-*"}),
        },
        ("exceptions", 0, "match"),
    ),
    (
        "two approvals of one role",
        "too-many-approvals",
        copies(asking(by=OWNERS, at_least=2)),
        (*REQUIRE, "manual_approval"),
    ),
    (
        "two approvals of one role, in one account and in any",
        "too-many-approvals",
        copies(asking(by=[OWNERS, "arn:aws:sts::111122223333:assumed-role/Prod-Owner/ana"], at_least=2)),
        (*REQUIRE, "manual_approval"),
    ),
    (
        "two approvals of one user of Identity Center",
        "too-many-approvals",
        copies(asking(by=[f"*:assumed-role/{SSO_ROLE}/ana", f"*:assumed-role/{SSO_ROLE}/ana*"][:1], at_least=2)),
        (*REQUIRE, "manual_approval"),
    ),
    (
        "three approvals of two users",
        "too-many-approvals",
        copies(SMALL, approvals={"by": ["*:user/ana", "*:user/ben"], "at_least": 3}),
        ("approvals",),
    ),
    (
        "two approvals of one name that is trusted",
        "too-many-approvals",
        copies(SMALL, approvals={"by": ["*:user/ana", "*:a*:assumed-role/x/ana"], "at_least": 2, **TRUSTED}),
        ("approvals",),
    ),
    ("more approvals than are kept", "too-many-approvals", copies(SMALL, approvals={"at_least": 51}), ("approvals",)),
    (
        "names that are trusted whatever the role",
        "trusted-names-of-any-role",
        copies(SMALL, approvals=TRUSTED),
        ("approvals", "session_names"),
    ),
    (
        "a role as an approver",
        "impossible-value",
        copies(asking(by="arn:aws:iam::*:role/prod-owner")),
        (*REQUIRE, "manual_approval", "by"),
    ),
    (
        "a role with its path as an approver",
        "impossible-value",
        copies(SMALL, approvals={"by": [ONCALL, "arn:aws:sts::*:assumed-role/batchgate/prod-owner/ana"]}),
        ("approvals", "by", 1),
    ),
    (
        "a name as an approver",
        "impossible-value",
        copies(asking(by=[{"glob": "prod-[a-z]*"}])),
        (*REQUIRE, "manual_approval", "by", 0, "glob"),
    ),
    (
        "a federated user as an approver",
        "impossible-value",
        copies(asking(by="arn:aws:sts::*:federated-user/*")),
        (*REQUIRE, "manual_approval", "by"),
    ),
    (
        "the name of a list as an account",
        "list-name-as-text",
        copies({"account": {"not": "ours"}}, {"account": {"list": "ours"}}, lists={"ours": ["111111111111"]}),
        (*REQUIRE, "account", "not"),
    ),
    (
        "the name of a list as a function",
        "list-name-as-text",
        policy(LAMBDA, require=[calling("ours")], lists={"ours": [f"{ARN}clean:7"]}),
        (*REQUIRE, "operation_parameters", FUNCTION),
    ),
    (
        "the name of a list as an operation",
        "list-name-as-text",
        policy({"operation": "ours"}, lists={"ours": ["S3PutObjectCopy"]}),
        (*MATCH, "operation"),
    ),
    (
        "the name of a list that nothing else names, as a bucket",
        "list-name-as-text",
        copies({"source_buckets": {"only": "ours"}}, lists={"ours": ["lake"]}),
        (*REQUIRE, "source_buckets", "only"),
    ),
    (
        "the name of a list that nothing else names, in elements",
        "list-name-as-text",
        policy(TAG, require=[parameters(**{TAG_SET: {"none": {"Key": ["a", "ours"]}}})], lists={"ours": ["b"]}),
        (*REQUIRE, "operation_parameters", TAG_SET, "none", "Key", 1),
    ),
    (
        "the name of a list in a list",
        "list-name-as-text",
        copies({"tags": {"a": {"list": "all"}}}, lists={"all": ["x", "some"], "some": ["y"]}),
        ("lists", "all", 1),
    ),
    (
        "a key's alias where S3 takes the key's ARN",
        "impossible-value",
        policy(
            {"operation": "S3UpdateObjectEncryption"}, require=[parameters(**{f"{KEY}.KMSKeyArn": {"not": "alias/*"}})]
        ),
        (*REQUIRE, "operation_parameters", f"{KEY}.KMSKeyArn", "not"),
    ),
    (
        "a key's ID where S3 takes the key's ARN, of an element",
        "impossible-value",
        copies({"manifest_generator": {ENCRYPTED: {"only": {"DSSEKMS.KmsKeyArn": ["arn:*:key/*", "1234abcd-*"]}}}}),
        (*REQUIRE, "manifest_generator", ENCRYPTED, "only", "DSSEKMS.KmsKeyArn", 1),
    ),
    (
        "a key's alias in a list, by its name, where S3 takes the key's ARN, of an element",
        "impossible-value",
        copies(
            {"manifest_generator": {ENCRYPTED: {"any": {"SSEKMS.KmsKeyArn": {"list": "keys"}}}}},
            lists={"keys": ["arn:*:kms:*:*:key/*", "alias/lake"]},
        ),
        ("lists", "keys", 1),
    ),
    (
        "a key's alias in a list, by its name, where S3 takes the key's ARN, of an element in a not",
        "impossible-value",
        copies(
            {"manifest_generator": {ENCRYPTED: {"not": {"any": {"SSEKMS.KmsKeyArn": {"list": "keys"}}}}}},
            lists={"keys": ["alias/lake"]},
        ),
        ("lists", "keys", 0),
    ),
    (
        "a key's alias in a list, by its name, that no element may be",
        "impossible-value",
        copies(
            {"manifest_generator": {ENCRYPTED: {"only": {"SSEKMS.KmsKeyArn": {"not": {"list": "keys"}}}}}},
            lists={"keys": ["alias/lake"]},
        ),
        ("lists", "keys", 0),
    ),
    (
        "the name of a list in another one that can't be a value, though something names the list",
        "list-name-as-text",
        copies(
            {"account": {"list": "all"}},
            {"account": {"not": {"list": "some"}}},
            lists={"all": ["111111111111", "some"], "some": ["222222222222"]},
        ),
        ("lists", "all", 1),
    ),
    (
        "a regular expression of an element",
        "regular-expression",
        policy(TAG, require=[parameters(**{TAG_SET: {"only": {"Key": "^a", "Value": {"not": "[0-9]"}}}})]),
        (*REQUIRE, "operation_parameters", TAG_SET, "only", "Key"),
    ),
    (
        "holds that end before a grace",
        "cancel-before-grace",
        copies({**SMALL, "on_violation": "cancel", "grace": "1d"}, cancel_held_after="23h"),
        ("cancel_held_after",),
    ),
    (
        "holds that end before the grace of what no policy matches",
        "cancel-before-grace",
        copies(SMALL, unmatched="cancel", cancel_held_after="4m"),
        ("cancel_held_after",),
    ),
    # --- the requester's words
    (
        "a guardrail for a tag",
        "dodged-by-requester",
        guardrail(COPY, {"tags": {"env": "prod"}}, require=[SMALL]),
        ("guardrails", 0, "match", 1, "tags", "env"),
    ),
    (
        "a guardrail for what lacks a tag",
        "dodged-by-requester",
        guardrail({"tags": {"ticket": {"present": False}}}, require=[SMALL]),
        (*G_MATCH, "tags", "ticket"),
    ),
    (
        "a guardrail for a description",
        "dodged-by-requester",
        guardrail({"any": [{"description": "*delete*"}, {"tags": {"kind": "delete"}}]}, require=[SMALL]),
        ("guardrails", 0, "match", 0, "any", 0, "description"),
    ),
    (
        "a policy for a tag",
        "claimed-by-requester",
        policy(COPY, {"tags": {"team": "data"}}),
        ("policies", 0, "match", 1, "tags", "team"),
    ),
    (
        "a policy for what has not a tag",
        "claimed-by-requester",
        policy(COPY, {"tags": {"env": {"not": "prod"}}}),
        ("policies", 0, "match", 1, "tags", "env"),
    ),
    (
        "a policy for a role or a tag",
        "claimed-by-requester",
        policy(COPY, {"any": [ROLE, {"tags": {"team": "data"}}]}),
        ("policies", 0, "match", 1, "any", 1, "tags", "team"),
    ),
    (
        "an unless by tag",
        "claimed-by-requester",
        copies({**SMALL, "unless": [{"tags": {"ticket": "CHG-*"}}]}),
        (*REQUIRE, "unless", 0, "tags", "ticket"),
    ),
    (
        "an unless by tag and what the requester chooses",
        "claimed-by-requester",
        copies({**SMALL, "unless": [{"tags": {"ticket": "CHG-*"}}, {"priority": {"at_least": 10}}]}),
        (*REQUIRE, "unless", 0, "tags", "ticket"),
    ),
    (
        "an unless by description",
        "claimed-by-requester",
        copies({**SMALL, "unless": [{"description": "INC-*"}]}),
        (*REQUIRE, "unless", 0, "description"),
    ),
    (
        "an unless for any role",
        "claimed-by-requester",
        copies({**SMALL, "unless": [{"role": "*"}, {"tags": {"ticket": "CHG-*"}}]}),
        (*REQUIRE, "unless", 1, "tags", "ticket"),
    ),
    (
        "an unless written as any",
        "claimed-by-requester",
        copies({"any": [SMALL, {"tags": {"ticket": "CHG-*"}}]}),
        (*REQUIRE, "any", 1, "tags", "ticket"),
    ),
    (
        "an exception by tag",
        "claimed-by-requester",
        guardrail(require=[SMALL], exceptions=excepting({"tags": {"migration": "yes"}})),
        ("exceptions", 0, "match", 0, "tags", "migration"),
    ),
    ("not prod", "not-on-tag", copies({"tags": {"env": {"not": "prod"}}}), (*REQUIRE, "tags", "env")),
    (
        "not prod below all",
        "not-on-tag",
        copies({"all": [SMALL, {"tags": {"env": {"not": ["prod", "live"]}}}]}),
        (*REQUIRE, "all", 1, "tags", "env"),
    ),
    # --- operations
    (
        "a policy for Lambda",
        "lambda-without-function",
        policy(LAMBDA, require=[SMALL]),
        (*MATCH, "operation"),
    ),
    (
        "a policy for an account",
        "lambda-without-function",
        policy({"account": "111111111111"}),
        ("policies", 0),
    ),
    (
        "any function of an account",
        "lambda-without-function",
        policy(LAMBDA, require=[calling(f"{ARN}*")]),
        (*MATCH, "operation"),
    ),
    ("any function at all", "lambda-without-function", policy(LAMBDA, calling("*")), (*MATCH, "operation")),
    (
        "any function of a Region",
        "lambda-without-function",
        policy(LAMBDA, calling("arn:aws:lambda:eu-*")),
        (*MATCH, "operation"),
    ),
    (
        "a function named by a guardrail in shadow",
        "lambda-without-function",
        {**policy(LAMBDA), "guardrails": [{"name": "g", "mode": "shadow", "require": [calling(f"{ARN}clean:7")]}]},
        (*MATCH, "operation"),
    ),
    (
        "a function named by a guardrail for other accounts",
        "lambda-without-function",
        {**policy(LAMBDA), **guardrail(LAMBDA, {"account": "222222222222"}, require=[calling(f"{ARN}clean:7")])},
        (*MATCH, "operation"),
    ),
    ("a function by its bare name", "lambda-latest", policy(LAMBDA, calling("clean")), ("policies", 0, "match", 1)),
    (
        "any function of that alias",
        "lambda-without-function",
        policy(LAMBDA, require=[calling("arn:*:function:*:live")]),
        (*MATCH, "operation"),
    ),
    (
        "any function but one",
        "lambda-without-function",
        policy(LAMBDA, require=[calling({"not": f"{ARN}wipe:1"})]),
        (*MATCH, "operation"),
    ),
    (
        "a function named in one alternative only",
        "lambda-without-function",
        policy(LAMBDA, require=[{"any": [SMALL, calling(f"{ARN}clean:7")]}]),
        (*REQUIRE, "any", 0, "total_tasks"),
    ),
    (
        "a function named in one of two alternatives that both look at it",
        "lambda-without-function",
        policy(LAMBDA, require=[{"any": [calling(f"{ARN}clean:7"), calling({"not": f"{ARN}wipe:1"})]}]),
        (*REQUIRE, "any", 1, "operation_parameters", FUNCTION),
    ),
    (
        "a list of functions one of which names none",
        "lambda-without-function",
        policy(LAMBDA, require=[calling(f"{ARN}clean:7", f"{ARN}*")]),
        (*REQUIRE, "operation_parameters", FUNCTION, 1),
    ),
    (
        "a list of functions, by its name, one of which names none",
        "lambda-without-function",
        policy(LAMBDA, require=[calling({"list": "some"})], lists={"some": [f"{ARN}clean:7", f"{ARN}*"]}),
        ("lists", "some", 1),
    ),
    (
        "a function named by a policy for other accounts",
        "lambda-without-function",
        two_policies([LAMBDA, ACCOUNT], [calling(f"{ARN}clean:7")], [LAMBDA], [SMALL]),
        ("policies", 1, "match", 0, "operation"),
    ),
    (
        "a function without version",
        "lambda-latest",
        policy(LAMBDA, calling(f"{ARN}clean")),
        ("policies", 0, "match", 1),
    ),
    ("$LATEST by name", "lambda-latest", policy(LAMBDA, calling(f"{ARN}clean:$LATEST")), ("policies", 0, "match", 1)),
    ("any version", "lambda-latest", policy(LAMBDA, calling(f"{ARN}clean:*")), ("policies", 0, "match", 1)),
    ("any function so called", "lambda-latest", policy(LAMBDA, calling("*:clean*")), ("policies", 0, "match", 1)),
    (
        "one of several",
        "lambda-latest",
        policy(LAMBDA, calling(f"{ARN}clean:7", "*:function:move")),
        ("policies", 0, "match", 1),
    ),
    (
        "$LATEST forbidden and still meant by no version",
        "lambda-latest",
        policy(LAMBDA, calling(f"{ARN}clean*"), require=[calling({"not": "*:$LATEST"})]),
        ("policies", 0, "match", 1),
    ),
    ("a misspelt operation", "unknown-operation", policy({"operation": "S3PutObjectCopies"}), (*MATCH, "operation")),
    (
        "an operation in other letters",
        "unknown-operation",
        policy({"operation": ["s3putobject*"]}),
        (*MATCH, "operation", 0),
    ),
    (
        "an operation in a list",
        "unknown-operation",
        policy({"operation": {"list": "some"}}, lists={"some": ["S3PutObjectAcl", "S3DeleteObject"]}),
        ("lists", "some", 1),
    ),
    (
        "a misspelt operation's parameter",
        "unknown-operation",
        copies(parameters(S3CopyObject__StorageClass={"not": "GLACIER"})),
        (*REQUIRE, "operation_parameters", "S3CopyObject.StorageClass"),
    ),
    (
        "a parameter asked of every job",
        "parameter-of-other-operation",
        guardrail(require=[parameters(S3InitiateRestoreObject__ExpirationInDays={"at_most": 7})]),
        (*G_REQUIRE, "operation_parameters", "S3InitiateRestoreObject.ExpirationInDays"),
    ),
    (
        "a parameter of one of two operations",
        "parameter-of-other-operation",
        policy(
            {"operation": ["S3PutObjectCopy", "S3InitiateRestoreObject"]},
            require=[parameters(S3PutObjectCopy__StorageClass="GLACIER")],
        ),
        (*REQUIRE, "operation_parameters", "S3PutObjectCopy.StorageClass"),
    ),
    # --- manifests, everything, names
    (
        "a guardrail for buckets",
        "unreadable-manifest-holds",
        guardrail({"source_buckets": {"any": "lake-*"}}, require=[SMALL]),
        (*G_MATCH, "source_buckets", "any"),
    ),
    (
        "buckets required of every job",
        "unreadable-manifest-holds",
        guardrail(require=[{"source_buckets": {"none": "audit-*"}}]),
        (*G_REQUIRE, "source_buckets", "none"),
    ),
    (
        "bytes required of all accounts",
        "unreadable-manifest-holds",
        guardrail({"account": "*"}, require=[{"object_bytes": {"at_most": 1_000_000}}]),
        (*G_REQUIRE, "object_bytes"),
    ),
    *(
        (f"sizes {where}", "sizes-written-by-requester", written, path)
        for where, written, path in (
            (
                "that only one of two alternatives limits to a bucket",
                copies({"any": [OWN_BUCKET, SMALL]}, SIZES),
                (*REQUIRE[:3], 1, "object_bytes"),
            ),
            ("of any bucket", copies({"manifest": {"bucket": "*"}}, SIZES), (*REQUIRE[:3], 1, "object_bytes")),
            (
                "of all buckets but one",
                copies({"manifest": {"bucket": {"not": "x"}}}, SIZES),
                (*REQUIRE[:3], 1, "object_bytes"),
            ),
            (
                "of manifests that are not generated",
                copies({"manifest": {"generated": False}}, SIZES),
                (*REQUIRE[:3], 1, "object_bytes"),
            ),
            ("in a match", policy(COPY, SIZES, require=[SMALL]), ("policies", 0, "match", 1, "object_bytes")),
            ("in an unless", copies({**SMALL, "unless": [SIZES]}), (*REQUIRE, "unless", 0, "object_bytes")),
            ("in a cost", {**copies({"cost": {"at_most": 5}}), "prices": BY_SIZE}, (*REQUIRE, "cost")),
            ("in a budget", budgeted(object_bytes=5), (*G_REQUIRE, "budget")),
            ("in a budget of costs", {**budgeted(cost=5), "prices": BY_SIZE}, (*G_REQUIRE, "budget")),
            (
                "of a bucket that only a guardrail's match names",
                {**policy(COPY), **guardrail(OWN_BUCKET, require=[SIZES])},
                (*G_REQUIRE, "object_bytes"),
            ),
            (
                "of a bucket that a guardrail in shadow mode requires",
                {**copies(SIZES), "guardrails": [{"name": "g", "mode": "shadow", "require": [OWN_BUCKET]}]},
                (*REQUIRE, "object_bytes"),
            ),
            (
                "that decide whether the bucket is required",
                {**policy(COPY), **guardrail({"object_bytes": {"at_least": 5}}, require=[OWN_BUCKET])},
                (*G_MATCH, "object_bytes"),
            ),
            (
                "of a bucket that is not required with a tag",
                copies({**OWN_BUCKET, "unless": [{"tags": {"own": "yes"}}]}, SIZES),
                (*REQUIRE[:3], 1, "object_bytes"),
            ),
            (
                "of a bucket that a guardrail requires of other jobs",
                {**copies(SIZES), **guardrail(TAG, require=[OWN_BUCKET])},
                (*REQUIRE, "object_bytes"),
            ),
            (
                "of a bucket that another policy requires",
                policies(
                    {"name": "p", "match": [COPY], "require": [SIZES]},
                    {"name": "q", "match": [COPY, ROLE], "require": [OWN_BUCKET]},
                ),
                (*REQUIRE, "object_bytes"),
            ),
            (
                "in a guardrail, of a bucket that one of two policies requires",
                {
                    **policies(
                        {"name": "p", "match": [COPY], "require": []},
                        {"name": "q", "match": [COPY, ROLE], "require": [OWN_BUCKET]},
                    ),
                    **guardrail(require=[SIZES]),
                },
                (*G_REQUIRE, "object_bytes"),
            ),
            (
                "in an exception",
                {**copies(), **guardrail(require=[SMALL]), "exceptions": excepting(SIZES)},
                ("exceptions", 0, "match", 0, "object_bytes"),
            ),
            (
                "of a bucket that only one alternative names",
                copies({"any": [{"all": [OWN_BUCKET, SIZES]}, {"all": [ROLE, SIZES]}]}),
                (*REQUIRE, "any", 1, "all", 1, "object_bytes"),
            ),
            (
                "in a policy's match, of a bucket that only it requires",
                policies(
                    {
                        "name": "p",
                        "match": [COPY, {"object_bytes": {"at_least": 5}}],
                        "require": [OWN_BUCKET, {"manual_approval": "required"}],
                    },
                    {"name": "q", "match": [COPY], "require": [SMALL]},
                ),
                ("policies", 0, "match", 1, "object_bytes"),
            ),
            (
                "in a cost of an operation that is required but for an unless of it",
                {**policy(require=[{**TAG, "unless": [{"cost": {"at_most": 5}}]}]), "prices": BY_SIZE_OF_ALL},
                (*REQUIRE, "unless", 0, "cost"),
            ),
            (
                "in a cost in the match, and another operation is required",
                {
                    **policy(COPY),
                    **guardrail({"cost": {"at_least": 5}}, require=[TAG]),
                    "prices": BY_SIZE_OF_ALL,
                },
                (*G_MATCH, "cost"),
            ),
            *(
                (
                    f"of a bucket that {who} may do without",
                    copies({**OWN_BUCKET, "unless": [who]}, SIZES),
                    (*REQUIRE[:3], 1, "object_bytes"),
                )
                for who in (
                    {"account": "${account}"},
                    {"account": "????????????"},
                    {"role": "arn:${partition}:iam::${account}:role/*"},
                    {"role": ["arn:aws:iam::*:role/migrator", "arn:aws*:iam::*:role/*"]},
                    {"any": [ROLE, {"region": "eu-central-1"}]},
                )
            ),
            (
                "of a role that may do without the bucket",
                {**policy(COPY, ROLE, require=[SIZES]), **guardrail(require=[{**OWN_BUCKET, "unless": [ROLE]}])},
                (*REQUIRE, "object_bytes"),
            ),
            (
                "with a manifest that nobody generated",
                copies({"manifest_generator": {"SourceBucket": {"present": False}}}, SIZES),
                (*REQUIRE[:3], 1, "object_bytes"),
            ),
        )
    ),
    ("a policy of nothing", "approves-everything", policy(), ("policies", 0)),
    ("a policy of stars", "approves-everything", policy({"operation": "*"}, {"region": "*"}), ("policies", 0)),
    (
        "a policy of requirements that all meet",
        "approves-everything",
        policy(require=[{"any": [{"priority": {"at_least": 0}}, ROLE]}]),
        ("policies", 0),
    ),
    (
        "a name of 61 characters",
        "name-without-room",
        {"version": 1, "policies": [{"name": "n" * 61, "match": [COPY], "require": []}]},
        ("policies", 0, "name"),
    ),
    *(
        (
            f"a budget {name!r}",
            "name-without-room",
            document({"budget": name}, budgets=[{"name": name, "per": "day", "timezone": "UTC", "jobs": 1}]),
            ("budgets", 0, "name"),
        )
        for name in ("b" * 61, "b\u00e9", "b\t")
    ),
    (
        "a name that S3 would not show",
        "name-without-room",
        {"version": 1, "policies": [{"name": "n\u00e4chtlich", "match": [COPY], "require": []}]},
        ("policies", 0, "name"),
    ),
    (
        "a cost without any price",
        "missing-price",
        policy(COPY, require=[{"cost": {"at_most": 5}}]),
        ("policies", 0, "require", 0, "cost"),
    ),
    *(
        (
            f"a cost without a price {each}",
            "missing-price",
            {**policy({"operation": operation}, require=[{"cost": {"at_most": 5}}]), "prices": {**PRICES, **prices}},
            ("policies", 0, "require", 0, "cost"),
        )
        for each, operation, prices in (
            ("of requests of another operation", ["S3PutObjectCopy", "S3PutObjectTagging"], {}),
            ("of one tier", ["S3InitiateRestoreObject"], {"gibibyte": {"S3InitiateRestoreObject.BULK": 1}}),
        )
    ),
    (
        "a cost without a price in an unless",
        "missing-price",
        policy(COPY, require=[{"priority": {"at_most": 5}, "unless": [{"cost": {"at_most": 5}}]}]),
        ("policies", 0, "require", 0, "unless", 0, "cost"),
    ),
    ("a cost of nothing", "empty-range", copies({"cost": {"at_least": 5, "at_most": 4.5}}), (*REQUIRE, "cost")),
    (
        "a manifest's size, and no bucket to ask in",
        "setting-off",
        policy(COPY, require=[{"manifest": {"bytes": {"at_most": 5}}}]),
        ("policies", 0, "require", 0, "manifest", "bytes"),
    ),
    ("a list of no use", "unused-list", copies(lists={"ours": ["111111111111"]}), ("lists", "ours")),
    ("a calendar of no use", "unused-calendar", copies(calendars=calendars("nights")), ("calendars", "nights")),
]


@pytest.mark.parametrize(
    ("lint_name", "document", "path"), [case[1:] for case in FIRES], ids=[case[0] for case in FIRES]
)
def test_what_is_surely_not_meant_is_found_where_it_stands(lint_name: str, document: Written, path: Path) -> None:
    """Each lint fires on each of its shapes, and says why and what instead in one line."""
    found = [finding for finding in findings(document) if finding.lint == lint_name]
    assert any(finding.path[: len(path)] == path for finding in found), found
    for finding in found:
        for text in (finding.why, finding.instead):
            assert text
            assert text.isprintable()
            assert not text.endswith(".")
            assert len(text) < 300


def test_every_lint_is_shown_to_fire() -> None:
    """The table above names every lint, and none that does not exist."""
    assert {case[1] for case in FIRES} == set(LINTS)


OF_THE_DEPLOYMENT = {"setting-off"}
"""Lints on what is meant, and not measured: tests/unit/authoring/test_lint_unmeasured.py."""

FINE: list[tuple[str, Written]] = [
    ("sizes in an inventory of a bucket of ours", copies(OWN_BUCKET, SIZES)),
    ("sizes of jobs with an inventory of a bucket of ours", policy(COPY, OWN_BUCKET, require=[SIZES])),
    (
        "sizes in an inventory of one of two buckets",
        copies({"any": [OWN_BUCKET, {"manifest": {"bucket": "lake-manifests"}}]}, SIZES),
    ),
    ("sizes in a manifest that S3 generates", copies({"manifest": {"generated": True}}, SIZES)),
    ("sizes in an inventory that a guardrail asks for", {**copies(SIZES), **guardrail(COPY, require=[OWN_BUCKET])}),
    (
        "sizes that a guardrail limits, of a bucket that every policy asks for",
        {
            **policies(
                {"name": "p", "match": [COPY, OWN_BUCKET], "require": []},
                {"name": "q", "match": [COPY, ROLE], "require": [OWN_BUCKET]},
                {"name": "r", "match": [COPY], "require": [], "mode": "shadow"},
            ),
            **guardrail(COPY, {"role": {"not": "arn:aws:iam::*:role/auditor"}}, require=[SIZES]),
        },
    ),
    ("sizes beside their bucket in each alternative", copies({"any": [{"all": [OWN_BUCKET, SIZES]}, SMALL]})),
    ("sizes beside their bucket in one condition", copies({"all": [OWN_BUCKET, {"any": [SIZES, SMALL]}]})),
    ("sizes beside their bucket in an unless", copies({**SMALL, "unless": [OWN_BUCKET, SIZES]})),
    (
        "sizes of a bucket that an account may do without",
        copies({**OWN_BUCKET, "unless": [{"account": "111111111111"}]}, SIZES),
    ),
    ("sizes in a policy that decides by them, of a bucket of ours", policy(COPY, SIZES, require=[OWN_BUCKET])),
    (
        "sizes in a manifest that is generated from a bucket",
        copies({"manifest_generator": {"SourceBucket": "*"}}, SIZES),
    ),
    ("sizes in a manifest that is not one of their own", copies({"manifest": {"not": {"generated": False}}}, SIZES)),
    (
        "sizes that only an exception with their bucket asks for",
        {**policy(COPY), **guardrail(require=[SMALL]), "exceptions": excepting(OWN_BUCKET, SIZES)},
    ),
    (
        "sizes of jobs that a guardrail requires a bucket of, and of others",
        {
            **policy(COPY, ROLE, SIZES),
            **guardrail({"any": [COPY, TAG]}, require=[OWN_BUCKET]),
        },
    ),
    (
        "a cost by a size that is free",
        {**copies({"cost": {"at_most": 5}}), "prices": {**PRICES, "gibibyte": {"S3PutObjectCopy": 0}}},
    ),
    (
        "a cost by the size of what no job may do",
        {
            **policy(ROLE, require=[TAG, {"cost": {"at_most": 5}}]),
            "prices": BY_SIZE_OF_ALL,
        },
    ),
    (
        "sizes of a bucket that a guardrail requires, both in shadow mode",
        {
            **policy(COPY),
            "guardrails": [{"name": "g", "mode": "shadow", "match": [COPY], "require": [OWN_BUCKET, SIZES]}],
        },
    ),
    (
        "sizes that a guardrail limits, of a bucket that another requires of the only policy's jobs",
        {
            **policy(COPY),
            "guardrails": [
                {"name": "g", "match": [COPY], "require": [OWN_BUCKET]},
                {"name": "h", "match": [{"operation": ["S3PutObjectCopy", "S3PutObjectTagging"]}], "require": [SIZES]},
            ],
        },
    ),
    (
        "sizes of a bucket that a role, or a manifest of S3's own, may do without",
        copies({**OWN_BUCKET, "unless": [{"any": [ROLE, {"manifest": {"generated": True}}]}]}, SIZES),
    ),
    ("a cost of requests alone", {**copies({"cost": {"at_most": 5}}), "prices": PRICES}),
    (
        "a cost by the size of what other operations move",
        {
            **policy(TAG, require=[{"cost": {"at_most": 5}}]),
            "prices": {**BY_SIZE, "million_requests": {"S3PutObjectTagging": 5}},
        },
    ),
    ("a policy for copies", copies(SMALL)),
    ("an empty document", {"version": 1}),
    ("a cost with all its prices", copies({"cost": {"at_most": 5}}, prices=PRICES)),
    (
        "a cost by tier with all its prices",
        policy(
            {"operation": "S3InitiateRestoreObject"},
            require=[OWN_BUCKET, {"cost": {"at_most": 5}}],
            prices={**PRICES, "gibibyte": {f"S3InitiateRestoreObject.{tier}": 1 for tier in ("BULK", "STANDARD")}},
        ),
    ),
    ("a budget of each role", budgeted(each="role")),
    (
        "a budget of costs with prices",
        {**budgeted(cost=5), "prices": {"job": 0, "million_objects": 0, "million_requests": {"S3PutObjectCopy": 5}}},
    ),
    ("a budget of jobs without prices", budgeted(jobs=5)),
    ("a budget beside a requirement", budgeted({"all": [{"budget": "b"}, {"priority": {"at_most": 5}}]})),
    (
        "an exception that lifts all but a budget",
        {**budgeted({"budget": "b"}, {"priority": {"at_most": 5}}), "exceptions": excepting(COPY, ROLE)},
    ),
    ("operations in one list", policy({"operation": ["S3PutObjectCopy", "S3PutObjectTagging"]})),
    ("operations below any", policy({"any": [COPY, {"operation": "S3PutObjectTagging"}]})),
    ("patterns that overlap", policy(COPY, {"region": "eu-*"}, {"region": "*-1"})),
    ("patterns of the job's own account", policy(COPY, {"role": "arn:*:iam::${account}:role/*"}, ROLE)),
    ("ranges that share their end", policy(COPY, {"priority": {"at_most": 9}}, {"priority": {"at_least": 9}})),
    ("a value and the rest of the others", policy(COPY, {"region": "eu-*"}, {"region": {"not": "eu-west-1"}})),
    (
        "buckets that may both be",
        policy(COPY, {"source_buckets": {"any": "lake-*"}}, {"source_buckets": {"any": "raw"}}),
    ),
    ("no destination is only any destination", copies({"destination_buckets": {"only": "raw", "none": "raw"}})),
    ("a tag that is absent is not a value", copies({"tags": {"hold": {"present": False}}})),
    ("a tag with the values that are fine", copies({"tags": {"env": ["dev", "test"]}})),
    ("a tag that is required beside", copies({"tags": {"env": {"present": True}}}, {"tags": {"env": {"not": "prod"}}})),
    ("a tag as the thing asked for", copies({"any": [{"tags": {"ticket": "CHG-*"}}, {"tags": {"ticket": "INC-*"}}]})),
    ("a second requirement, harsher", copies(SMALL, {"total_tasks": {"at_most": 1000}, "on_violation": "cancel"})),
    ("a requirement that only some jobs meet", policy(COPY, {"region": "eu-*"}, require=[{"region": "eu-west-?"}])),
    (
        "a requirement that nothing but its unless meets",
        policy(COPY, {"total_tasks": {"at_least": 1000}}, require=[{**SMALL, "unless": [ROLE]}]),
    ),
    ("readable manifests as a requirement", copies({"source_buckets": {"any": "*"}})),
    ("a count that is known as a requirement", copies({"total_tasks": {"at_least": 1}})),
    (
        "parameters' ranges with an open end each",
        policy(
            parameters(S3InitiateRestoreObject__ExpirationInDays={"at_least": 1}),
            require=[DAYS_KEPT],
        ),
    ),
    (
        "an absent list meets only and none",
        policy(
            TAG,
            parameters(S3PutObjectTagging__TagSet={"only": {"Key": "a"}}),
            require=[parameters(S3PutObjectTagging__TagSet={"none": {"Key": "a"}})],
        ),
    ),
    (
        "two elements of a list",
        policy(
            TAG,
            parameters(S3PutObjectTagging__TagSet={"any": {"Key": "a"}}),
            require=[parameters(S3PutObjectTagging__TagSet={"any": {"Key": "b"}})],
        ),
    ),
    (
        "times that overlap",
        policy(
            RETAIN,
            parameters(**{UNTIL: {"before": "2027-01-01"}}),
            require=[parameters(**{UNTIL: {"after": "2026-01-01", "within": "365d"}})],
        ),
    ),
    (
        "buckets only of two kinds, of a job that may have no destination",
        policy(COPY, {"destination_buckets": {"only": "raw"}}, require=[{"destination_buckets": {"only": "lake"}}]),
    ),
    (
        "buckets only and none, of a job that may have no destination",
        policy(COPY, {"destination_buckets": {"only": "raw"}}, require=[{"destination_buckets": {"none": "raw"}}]),
    ),
    (
        "a bucket among those that may not all be",
        policy(COPY, {"source_buckets": {"any": "lake-*"}}, require=[{"source_buckets": {"none": "lake-raw"}}]),
    ),
    (
        "only of a part of match's buckets",
        policy(
            COPY,
            {"source_buckets": {"only": "lake-*-${account}-${region}-an"}},
            require=[{"source_buckets": {"only": "lake-r*-${account}-${region}-an"}}],
        ),
    ),
    (
        "functions named by a guardrail that asks for more besides",
        {
            **policy({"account": "111111111111"}),
            **guardrail(LAMBDA, require=[{"all": [SMALL, calling("*:function:clean:7")]}]),
        },
    ),
    ("a digit in question", copies({"account": "11111111111?"})),
    ("the job's account in an account", copies({"role": ["arn:${partition}:iam::${account}:role/*", "*:role/a"]})),
    ("a Region of a partition to come", copies({"region": ["eusc-de-east-1", "us-iso-*", "us-gov-west-1"]})),
    ("buckets that only the account can make", copies({"source_buckets": {"only": "lake-*-${account}-${region}-an"}})),
    ("buckets of another account", copies({"source_buckets": {"only": "lake-*-222222222222-eu-west-1-an"}})),
    ("any bucket of a pattern", copies({"source_buckets": {"any": "lake-*", "none": "secret-*"}})),
    ("a guardrail that governs too much", guardrail(COPY, {"source_buckets": {"only": "lake-*"}}, require=[SMALL])),
    ("a bucket of the job's account", copies({"report": {"bucket": "audit-${account}-${region}"}})),
    ("a range of one number", copies({"priority": {"at_least": 9, "at_most": 9}})),
    ("what is not a range", copies({"priority": {"not": {"at_least": 9, "at_most": 10}}})),
    ("a window", copies({"window": "nights"}, calendars=calendars("nights"))),
    ("a window of today", copies({"window": "today"}, calendars={"today": once(dates=["2026-03-27"])})),
    ("a window of leap days", copies({"window": "leap"}, calendars={"leap": once(dates=["02-29"])})),
    ("a window of a year to come", copies({"window": "later"}, calendars={"later": once(dates=["2031-01-01"])})),
    (
        "windows in a list",
        copies({"window": ["nights", "days"]}, calendars=calendars("nights", "days")),
    ),
    (
        "windows that touch, by a list's name",
        copies({"window": {"list": "hours"}}, calendars=calendars("nights"), lists={"hours": ["nights"]}),
    ),
    (
        "windows that meet outside another",
        copies({"window": "days"}, {"window": {"not": "saturdays"}}, calendars=calendars("days", "saturdays")),
    ),
    (
        "one of two windows outside the other",
        copies({"window": ["nights", "days"]}, {"window": {"not": "nights"}}, calendars=calendars("nights", "days")),
    ),
    (
        "a window that is asked for unless",
        copies({"window": "nights"}, {"window": "days", "unless": [ROLE]}, calendars=calendars("nights", "days")),
    ),
    (
        "closed dates of every year, and to come",
        copies(
            {"window": ["a", "b"]},
            calendars={"a": {**DAYS, "closed": ["12-24"]}, "b": {**NIGHTS, "closed": ["2025-12-24", "2026-03-27"]}},
        ),
    ),
    ("an exception through today", guardrail(require=[SMALL], exceptions=excepting(ROLE, expires="2026-03-27"))),
    (
        "an exception for a role that says so",
        guardrail(require=[SMALL], exceptions=excepting(ROLE, {"tags": {"a": "b"}})),
    ),
    ("cancelling a day before S3", copies(cancel_held_after="29d")),
    ("no grace where no tag is looked at", copies({**SMALL, "on_violation": "cancel"}, cancel_grace="0s")),
    ("no grace where nothing cancels", copies({"tags": {"team": {"present": True}}}, cancel_grace="0s")),
    (
        "no grace beside a tag that has its own",
        copies({"tags": {"team": {"present": True}}, "on_violation": "cancel", "grace": "1m"}, cancel_grace="0s"),
    ),
    (
        "no grace of its own beside what is no tag",
        copies({"tags": {"team": {"present": True}}}, {**SMALL, "on_violation": "cancel", "grace": "0s"}),
    ),
    ("a policy for a tag of one role", policy(COPY, ROLE, {"tags": {"team": "data"}})),
    (
        "a policy for a tag of an account",
        policy({"all": [COPY, {"account": "111111111111"}, {"tags": {"team": "data"}}]}),
    ),
    ("an unless for a role with a tag", copies({**SMALL, "unless": [ROLE, {"tags": {"ticket": "CHG-*"}}]})),
    ("an unless for one of two roles", copies({**SMALL, "unless": [{"any": [ROLE, {"account": "111111111111"}]}]})),
    ("an unless from tag to tag", copies({"tags": {"ticket": "CHG-*"}, "unless": [{"tags": {"incident": "INC-*"}}]})),
    (
        "a guardrail for a tag or everything else",
        guardrail({"any": [COPY, {"tags": {"env": "prod"}}]}, require=[SMALL]),
    ),
    ("a guardrail that requires a tag", guardrail(require=[{"tags": {"ticket": "CHG-*"}}])),
    ("a function with a version", policy(LAMBDA, require=[calling(f"{ARN}clean:7", "arn:*:function:move:12")])),
    ("a function with versions of one digit", policy(LAMBDA, require=[calling("*:function:clean:?")])),
    ("a function with versions that begin so", policy(LAMBDA, require=[calling("*:function:clean:1*")])),
    ("an alias that somebody approves by hand", policy(LAMBDA, require=[calling("*:function:clean:live"), BY_HAND])),
    (
        "a function with any version but $LATEST",
        policy(LAMBDA, require=[calling("*:function:clean:*"), calling({"not": "*:$LATEST"})]),
    ),
    ("a function that a person looks at", policy(LAMBDA, require=[{"manual_approval": "required"}])),
    (
        "any version of a function that a person looks at",
        policy(LAMBDA, require=[calling("*:function:clean:*"), {"manual_approval": "required"}]),
    ),
    (
        "a function with a version or a person",
        policy(LAMBDA, require=[{"manual_approval": "required", "unless": [calling("*:function:clean:7")]}]),
    ),
    (
        "a function without version, where only its version may be called",
        policy(LAMBDA, calling("*:function:clean*"), require=[{"all": [SMALL, calling("*:function:clean:7")]}]),
    ),
    (
        "a function without version among those that match, and forbidden",
        policy(LAMBDA, calling(f"{ARN}clean", f"{ARN}clean:7"), require=[calling({"not": f"{ARN}clean"})]),
    ),
    (
        "functions named by another policy that governs them all",
        two_policies([LAMBDA], [calling(f"{ARN}clean:7")], [{"region": "eu-*"}], [SMALL]),
    ),
    (
        "functions refused by another policy that governs them all",
        two_policies([ACCOUNT], [{"operation": {"not": "LambdaInvoke"}}], [LAMBDA, ACCOUNT], [SMALL]),
    ),
    ("true, which nobody forbids", guardrail(RETAIN, require=[parameters(**{BYPASS: True})])),
    ("false or absent", guardrail(RETAIN, require=[parameters(**{BYPASS: {"not": True}})])),
    (
        "false where it must be said",
        guardrail(RETAIN, require=[parameters(**{BYPASS: {"present": True}}), parameters(**{BYPASS: False})]),
    ),
    (
        "false where it must be said below all",
        copies({"any": [ROLE, {"all": [parameters(**{STORAGE_CLASS: s}) for s in ({"present": True}, "STANDARD")]}]}),
    ),
    (
        "a default where match has the parameter",
        policy(
            COPY,
            parameters(**{STORAGE_CLASS: ["GLACIER", "DEEP_ARCHIVE", "STANDARD_IA"]}),
            require=[parameters(**{STORAGE_CLASS: ["STANDARD*", "GLACIER"]})],
        ),
    ),
    ("values without the default", copies(parameters(**{STORAGE_CLASS: ["GLACIER", "DEEP_ARCHIVE"]}))),
    ("a date within, or none", copies({"any": [parameters(**{LOCKED_UNTIL: t}) for t in ABSENT_OR_SOON]})),
    ("a date that must be late", copies(parameters(**{LOCKED_UNTIL: {"after": "2027-01-01"}}))),
    ("a retention that may not be removed", policy(RETAIN, require=[parameters(**{UNTIL: {"within": "365d"}})])),
    (
        "a guardrail for any element but a harmless one",
        guardrail(TAG, parameters(**{TAG_SET: {"any": {"Key": {"not": "team"}}}}), require=[SMALL]),
    ),
    (
        "an element with a key, and not a value",
        policy(TAG, require=[parameters(**{TAG_SET: {"any": {"Key": "team", "Value": {"not": "x"}}}})]),
    ),
    ("tags one of which is named Key", copies({"tags": {"Key": "a", "Value": "b", "team": "c"}})),
    ("approvals of people of two roles", copies(asking(by=OWNERS), asking(by=ONCALL))),
    ("two people of two roles", copies(asking(by=[OWNERS, ONCALL], at_least=2))),
    ("two people of Identity Center", copies(asking(by="*:assumed-role/AWSReservedSSO_Owner_*/*", at_least=2))),
    ("two people of one role of Identity Center", copies(asking(by=f"*:assumed-role/{SSO_ROLE}/*", at_least=2))),
    ("two users, by a pattern", copies(asking(by="*:user/owners/*", at_least=2))),
    ("two people, whoever they are", copies(asking(at_least=2), approvals={"at_least": 3})),
    (
        "two people of one role whose names are trusted",
        copies(asking(by=OWNERS, at_least=2), approvals={"by": OWNERS, "session_names": "trusted"}),
    ),
    ("callers of the job's own account, in a list", copies(asking(by={"list": "own"}), lists={"own": [OWN]})),
    ("a user, and the account's root", copies(asking(by=["arn:aws:iam::111122223333:root", "*:user/ana"]))),
    ("approvals that something lifts", copies({**BY_HAND, "unless": [ROLE]}, {**BY_HAND, "unless": [ACCOUNT]})),
    (
        "approvals for jobs that are not all the same",
        two_policies([COPY], [BY_HAND], [COPY, ACCOUNT], [BY_HAND]),
    ),
    (
        "a bucket that is called as a list is",
        copies({"source_buckets": {"any": "lake"}}, {"tags": {"a": {"list": "lake"}}}, lists={"lake": ["x", "lake"]}),
    ),
    (
        "keys by ID, by ARN and by alias, where S3 takes all three",
        copies(parameters(S3PutObjectCopy__SSEAwsKmsKeyId=["1234abcd-*", "arn:aws:kms:*", "alias/lake"])),
    ),
    (
        "a key's ARN",
        policy(
            {"operation": "S3UpdateObjectEncryption"},
            require=[parameters(**{f"{KEY}.KMSKeyArn": "arn:${partition}:kms:${region}:${account}:key/*"})],
        ),
    ),
    (
        "a hold as long as the longest grace",
        copies({**SMALL, "on_violation": "cancel", "grace": "1h"}, cancel_held_after="1h"),
    ),
    ("a hold shorter than a grace of nothing", copies(SMALL, cancel_held_after="1m")),
    ("no function", policy({"account": "111111111111"}, {"operation": {"not": ["LambdaInvoke"]}})),
    ("no function by requirement", policy({"account": "111111111111"}, require=[{"operation": {"not": "Lambda*"}}])),
    (
        "functions named for one alternative and excluded from the other",
        policy({"account": "111111111111"}, require=[{"any": [{"operation": "S3*"}, calling("*:function:clean:7")]}]),
    ),
    (
        "functions named by a guardrail",
        {
            **policy({"account": "111111111111"}),
            **guardrail(LAMBDA, require=[calling("*:function:clean:7")]),
        },
    ),
    (
        "functions refused by a guardrail",
        {**policy({"account": "111111111111"}), **guardrail(require=[{"operation": {"not": "LambdaInvoke"}}])},
    ),
    ("operations by pattern", policy({"operation": ["S3PutObject*", "S3?eplicateObject"]})),
    (
        "a parameter that is not",
        guardrail(require=[parameters(S3PutObjectRetention__BypassGovernanceRetention={"not": True})]),
    ),
    ("a parameter of the operation", copies(parameters(S3PutObjectCopy__StorageClass="GLACIER"))),
    (
        "a parameter of the required operation",
        guardrail(
            {"account": "111111111111"},
            require=[COPY, parameters(S3PutObjectCopy__StorageClass="GLACIER")],
        ),
    ),
    (
        "a parameter unless it is another operation",
        guardrail(
            require=[
                {
                    **parameters(S3PutObjectCopy__StorageClass="GLACIER"),
                    "unless": [{"operation": {"not": "S3PutObjectCopy"}}],
                }
            ]
        ),
    ),
    ("buckets of copies", policy(COPY, {"source_buckets": {"any": "lake-*"}})),
    ("buckets required of copies", guardrail(COPY, require=[{"source_buckets": {"only": ["lake", "raw"]}}])),
    (
        "buckets required unless nothing is stored",
        guardrail(require=[{"source_buckets": {"only": "lake"}, "unless": [{"manifest": {"stored": False}}]}]),
    ),
    (
        "a name of 38 characters",
        {"version": 1, "policies": [{"name": "n" * 38, "match": [COPY], "require": []}]},
    ),
    (
        "a list that only an exception without effect names",
        copies(SMALL, lists={"ours": ["111111111111"]}, exceptions=excepting({"account": {"list": "ours"}}, lifts="p")),
    ),
    ("a tag that is true", copies({"tags": {"urgent": "true"}})),
    ("a tag with two dots", copies({"tags": {"team": "a..b"}})),
    ("nights or weekends", copies({"window": ["nights", "saturdays"]}, calendars=calendars("nights", "saturdays"))),
    ("neither days nor always", copies({"window": {"not": ["days", "nights"]}}, calendars=calendars("days", "nights"))),
    ("destinations of copies", guardrail(COPY, require=[{"destination_buckets": {"only": ["lake"]}}])),
    ("a guardrail for copies to somewhere", guardrail(require=[{"destination_buckets": {"any": ["lake"]}}])),
    ("limits that overlap", two_policies([COPY], [SMALL], [COPY], [{"total_tasks": {"at_least": 100}}])),
    ("limits of other jobs", two_policies([COPY], [SMALL], [TAG], [{"total_tasks": {"at_least": 101}}])),
    ("an exception of two years", guardrail(require=[SMALL], exceptions=excepting(ROLE, expires="2028-03-27"))),
    ("a manifest's size", copies({"manifest": {"bytes": {"at_most": 10_000_000_000}}})),
    (
        "a window in match, and the same jobs at other times",
        {
            **two_policies([COPY, {"window": "nights"}], [SMALL], [COPY, ACCOUNT], [BY_HAND]),
            "unmatched": "cancel",
            "calendars": calendars("nights"),
        },
    ),
]


@pytest.mark.parametrize("document", [case[1] for case in FINE], ids=[case[0] for case in FINE])
def test_what_may_well_be_meant_is_left_alone(document: Written) -> None:
    """Near misses of every lint: nothing at all is found in them."""
    assert [finding for finding in findings(document) if finding.lint not in OF_THE_DEPLOYMENT] == []


def findings(document: Written, today: date = TODAY) -> list[Finding]:
    """Lint a document given as plain data."""
    return lint_findings(document, today, manifest_buckets=())


INSTEAD: list[tuple[str, Written, str]] = [
    ("an account", policy(COPY, {"account": "12345678901"}), '"012345678901"'),
    ("an Availability Zone", copies({"region": "eu-central-1a"}), "write eu-central-1:"),
    ("capitals", copies({"region": "EU-*"}), "write eu-*"),
    ("a role's name", copies({"role": "migrator"}), '"arn:*:iam::*:role/migrator"'),
    (
        "an assumed role",
        copies({"role": "arn:aws:sts::111111111111:assumed-role/migration/*"}),
        '"arn:*:iam::*:role/migration"',
    ),
    ("any user", copies({"role": "arn:aws:iam::111111111111:user/*"}), '"arn:*:iam::*:role/NAME"'),
    ("a negation", copies({"tags": {"team": "!lake"}}), "write {not: lake}"),
    ("digits", copies({"tags": {"ticket": "CHG-##"}}), 'write {glob: "CHG-[0-9][0-9]"}'),
    ("braces", copies({"role": "arn:aws:iam::*:role/{a,b}"}), '["arn:aws:iam::*:role/a", "arn:aws:iam::*:role/b"]'),
    ("a bucket's ARN", copies({"report": {"bucket": "arn:aws:s3:::audit-*/x"}}), "alone: audit-*"),
    ("a bucket's URL", copies({"report": {"bucket": "s3://audit/x"}}), "alone: audit"),
    ("a range", copies({"priority": {"at_least": 9, "at_most": 3}}), "{at_least: 3, at_most: 9}"),
    ("a misspelling", policy({"operation": "S3PutObjectTaging"}), "write S3PutObjectTagging"),
    ("letters", policy({"operation": "s3*tagging"}), "write S3DeleteObjectTagging or S3PutObjectTagging"),
    ("a list as or", policy(COPY, {"operation": "S3PutObjectAcl"}), "[S3PutObjectAcl, S3PutObjectCopy]"),
    ("an expiry", copies(cancel_held_after="45d"), "write 29d or less"),
    ("a function", policy(LAMBDA, calling(f"{ARN}clean")), f"{ARN}clean:VERSION"),
    ("a function's name and version", policy(LAMBDA, calling("clean:7")), ':lambda:*:*:function:clean:7"'),
    ("a partial ARN", policy(LAMBDA, calling("1111:function:clean:7")), ':lambda:*:*:function:clean:7"'),
    ("$LATEST", policy(LAMBDA, calling(f"{ARN}clean:$LATEST")), f"{ARN}clean:VERSION"),
    ("false", guardrail(RETAIN, require=[parameters(**{BYPASS: False})]), "write {not: true}"),
    (
        "a limited date",
        copies(parameters(**{LOCKED_UNTIL: {"within": "365d"}})),
        f"{{{LOCKED_UNTIL}: {{present: false}}}}}}, {{operation_parameters: {{{LOCKED_UNTIL}: {{within: 365d}}}}}}]",
    ),
    ("a limited date of every job", guardrail(require=[parameters(**{UNTIL: {"within": "9d"}})]), "{present: false}"),
    ("any but", guardrail(TAG, require=[parameters(**{TAG_SET: {"any": {"Key": {"not": "x"}}}})]), "{none: {Key: x}}"),
    ("tags as in AWS", copies({"tags": {"Key": "team", "Value": "lake"}}), "tags: {team: lake}"),
    ("the name of a list", copies({"account": "ours"}, lists={"ours": ["111111111111"]}), "write {list: ours}"),
    (
        "the name of a list of functions",
        policy(LAMBDA, require=[calling("ours")], lists={"ours": [f"{ARN}clean:7"]}),
        "write {list: ours}",
    ),
    ("a tag", copies({"tags": {"env": {"not": "prod"}}}), "tags: {env: {present: true}}"),
]


@pytest.mark.parametrize(("document", "advice"), [case[1:] for case in INSTEAD], ids=[case[0] for case in INSTEAD])
def test_the_advice_is_about_the_very_value(document: Written, advice: str) -> None:
    """`instead` can be copied into the document."""
    [finding] = findings(document)
    assert advice in finding.instead


@pytest.mark.parametrize(
    ("requirement", "is_met_by_all"),
    [
        ({"source_buckets": {"any": "*"}}, True),
        ({"source_buckets": {"any": "lake-*"}}, False),
        ({"destination_buckets": {"only": ["lake", "**"]}}, True),
        ({"destination_buckets": {"any": "*"}}, False),
        ({"destination_buckets": {"none": "*"}}, False),
        ({"total_tasks": {"at_least": 1}}, True),
        ({"total_tasks": {"at_least": 2}}, False),
        ({"priority": {"at_most": 2_147_483_647}}, True),
        ({"role": {"present": True}}, True),
        ({"description": "*"}, False),
        ({"tags": {"a": {"not": "b"}}}, False),
        ({"all": [{"region": "*"}, {"account": "*"}]}, True),
        ({"all": [{"region": "*"}, {"account": "111111111111"}]}, False),
        ({"any": [{"region": "*"}, {"account": "111111111111"}]}, True),
        ({"manual_approval": "required"}, False),
    ],
)
def test_a_policy_approves_everything_where_all_that_it_requires_is_met_by_all(
    requirement: Written, is_met_by_all: bool
) -> None:
    """A requirement that every job meets once it is read asks for nothing."""
    found = {finding.lint for finding in findings(policy(require=[requirement]))}
    assert ("approves-everything" in found) is is_met_by_all


def test_a_name_that_is_not_found_too_long_stands_whole_in_every_reason() -> None:
    """The limit of lint is the limit of the reason where it is shortest of room."""
    for length, is_whole in ((NAME_ALWAYS_WHOLE, True), (NAME_ALWAYS_WHOLE + 1, False)):
        require = [{"total_tasks": {"at_most": 5}, "message": "m" * 100}]
        document = {"version": 1, "policies": [{"name": "n" * length, "require": require}]}
        decision = evaluate_job(compile_policies(document), facts())
        reason = status_update_reason(decision, "5f3a91c2", exceeded_limit=timedelta(days=29))
        assert ("n" * length in reason) is is_whole
        assert any(finding.lint == "name-without-room" for finding in findings(document)) is not is_whole


def test_findings_come_in_the_order_of_the_document() -> None:
    """Settings, lists, calendars, guardrails, policies, exceptions; inside by place."""
    document = {
        **copies(
            {"region": "EU-*"},
            {"role": "b"},
            cancel_held_after="30d",
            lists={"z": ["x"], "y": ["x"]},
            calendars={"nights": NIGHTS},
        ),
        **guardrail(COPY, {"tags": {"env": "prod"}}, require=[{"role": "a"}]),
        "exceptions": excepting({"role": "c"}, expires="2026-01-01"),
    }
    assert [finding.path for finding in findings(document)] == [
        ("cancel_held_after",),
        ("lists", "z"),
        ("lists", "y"),
        ("calendars", "nights"),
        ("guardrails", 0, "match", 1, "tags", "env"),
        ("guardrails", 0, "require", 0, "role"),
        ("policies", 0, "require", 0, "region"),
        ("policies", 0, "require", 1, "role"),
        ("exceptions", 0, "match", 0, "role"),
        ("exceptions", 0, "expires"),
    ]


@given(randoms(), st.dates())
def test_lint_never_fails_and_says_nothing_twice(rng: Random, today: date) -> None:
    """Any valid document on any date: known lints, places in the document, each once, always the same."""
    document = random_document(rng, RICH_DIALECT)
    found = lint_findings(document, today)
    assert found == lint_findings(document, today)
    assert len({(finding.lint, finding.path) for finding in found}) == len(found)
    for finding in found:
        assert finding.lint in LINTS
        assert exists(finding.path, document)
    lint_findings(json.loads(canonical_json(read_document(document))), today)


def exists(path: Path, document: Any) -> bool:
    """Whether a path leads somewhere in plain data."""
    try:
        for step in path:
            document = document[step]
    except (KeyError, IndexError, TypeError):
        return False
    return True


def test_lint_takes_a_document_that_says_everything() -> None:
    """Every key of the language is walked, on the first and the last of all dates too."""
    for today in (TODAY, date.min, date.max):
        assert findings(EVERYTHING, today)


def test_a_thousand_statements_are_linted_at_once() -> None:
    """No statement is compared with all others: that would take minutes here, not a fifth of a second."""
    names = [f"{number:012}" for number in range(40)]
    document = {
        "version": 1,
        "lists": {"accounts": names},
        "calendars": calendars("nights"),
        "guardrails": [
            {"name": f"g{number}", "match": [{"account": {"list": "accounts"}}], "require": [{"role": f"*/*{number}*"}]}
            for number in range(500)
        ],
        "policies": [
            {
                "name": f"p{number}",
                "match": [COPY, {"account": {"list": "accounts"}}, {"source_buckets": {"any": [f"lake-{number}-*"]}}],
                "require": [
                    {"any": [{"all": [{"region": "eu-*"}, {"window": "nights"}]}, ROLE]},
                    {"total_tasks": {"at_most": number + 1}},
                    {"object_bytes": {"at_most": number + 1}},
                ],
            }
            for number in range(500)
        ],
    }
    allowed = OF_THE_DEPLOYMENT | {"sizes-written-by-requester"}
    assert {finding.lint for finding in lint_findings(document, TODAY)} <= allowed
