"""One document that says everything that the language can say."""

from copy import copy, deepcopy
from typing import Any

from tests.unit.examples import Written

EVERYTHING: Written = {
    "version": 1,
    "mode": "enforce",
    "unmatched": "cancel",
    "ungated_jobs": "cancel",
    "cancel_grace": "10m",
    "cancel_held_after": "21d",
    "approvals": {
        "by": ["*:assumed-role/lake-oncall/*", {"glob": "*:user/[a-z]*"}],
        "at_least": 2,
        "not_requester": True,
        "session_names": "trusted",
    },
    "lists": {
        "people": ["*:assumed-role/prod-owner/*"],
        "sandboxes": ["111111111111", "222222222222"],
        "hours": ["nights", "freeze"],
    },
    "calendars": {
        "nights": {
            "timezone": "Europe/Berlin",
            "open": [
                {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "22:00", "to": "06:00"},
                {"days": ["sat", "sun"]},
                {"dates": ["2026-05-01", "12-20..01-06"], "from": "00:00", "to": "24:00"},
            ],
            "closed": ["2026-12-24..2027-01-02", "02-29"],
        },
        "freeze": {"timezone": "UTC", "open": [{"dates": ["12-20..01-06"]}]},
    },
    "budgets": [
        {
            "name": "team-month",
            "each": {"tag": "team"},
            "per": "month",
            "timezone": "Europe/Berlin",
            "jobs": 300,
            "objects": 100_000_000,
            "object_bytes": 10_000_000_000_000,
            "cost": 5_000.25,
        },
        {"name": "role-day", "each": "role", "per": "day", "jobs": 5},
    ],
    "prices": {
        "job": 0.25,
        "million_objects": 1,
        "million_requests": {"S3PutObjectTagging": 5, "S3PutObjectCopy": 5.0005},
        "gibibyte": {"S3InitiateRestoreObject.BULK": 0.0025, "S3InitiateRestoreObject.STANDARD": 0.01},
    },
    "guardrails": [
        {
            "name": "everywhere",
            "require": [
                {
                    "report": {
                        "enabled": True,
                        "scope": "AllTasks",
                        "bucket": "audit-${account}-${region}",
                        "prefix": {"not": "tmp*"},
                        "format": ["Report_CSV_20180820"],
                        "expected_bucket_owner": "${account}",
                    },
                    "message": "reports go to the audit bucket",
                },
                {"report": {"not": {"enabled": False}}},
                {"report": {"present": True}},
                {"manual_approval": "required"},
                {"manual_approval": {"by": {"list": "people"}, "at_least": 2, "not_requester": False}},
                {"budget": "team-month"},
                {"all": [{"budget": "role-day"}, {"priority": {"at_most": 1_000}}]},
            ],
        },
        {
            "name": "no-bypass",
            "description": "Retention stays.",
            "mode": "shadow",
            "match": [{"operation": ["S3PutObjectRetention", "S3PutObjectLegalHold"]}],
            "require": [{"operation_parameters": {"S3PutObjectRetention.BypassGovernanceRetention": {"not": True}}}],
            "on_violation": "cancel",
        },
    ],
    "policies": [
        {"name": "checksums", "match": [{"operation": "S3ComputeObjectChecksum"}], "require": []},
        {
            "name": "the-rest",
            "description": "All checks.",
            "mode": "enforce",
            "match": [
                {"account": {"list": "sandboxes"}},
                {"region": {"not": ["us-*", "ap-*"]}},
                {"any": [{"all": [{"region": "eu-*"}, {"window": "nights"}]}, {"tags": {"urgent": "INC-*"}}]},
            ],
            "require": [
                {
                    "operation_parameters": {
                        "LambdaInvoke.FunctionArn": "arn:${partition}:lambda:*",
                        "S3InitiateRestoreObject.ExpirationInDays": {"at_least": 1, "at_most": 7},
                        "S3InitiateRestoreObject.GlacierJobTier": ["BULK", "STAND*"],
                        "S3PutObjectCopy.TargetResource": {"list": "sandboxes"},
                        "S3PutObjectCopy.StorageClass": {"present": False},
                        "S3PutObjectCopy.TargetKeyPrefix": {"not": {"list": "sandboxes"}},
                    }
                },
                {
                    "operation_parameters": {
                        "S3PutObjectTagging.TagSet": {"none": {"Key": "expire", "Value": {"not": "never"}}},
                        "S3PutObjectAcl.AccessControlPolicy.AccessControlList.Grants": {
                            "not": {"any": {"Grantee.TypeIdentifier": ["uri"]}, "only": {"Permission": "READ*"}}
                        },
                        "S3PutObjectRetention.Retention.RetainUntilDate": {
                            "after": "2026-03-27",
                            "before": "2036-03-27T06:00:00+02:00",
                            "within": "365d",
                        },
                        "S3NewOperation.Anything": {"not": [1, "x", True]},
                    }
                },
                {
                    "manifest_generator": {
                        "Filter.KeyNameConstraint.MatchAnyPrefix": {"only": ["logs/*"], "none": {"list": "sandboxes"}},
                        "Filter.CreatedBefore": {"not": {"within": "0s"}},
                        "ExpectedBucketOwner": "${account}",
                    }
                },
                {"total_tasks": {"at_most": 1_000_000}, "unless": [{"tags": {"ticket": "CHG-*", "team": "x"}}]},
                {"total_tasks": {"at_most": 100_000_000}, "on_violation": "cancel", "message": "far too large"},
                {"total_tasks": {"not": {"at_least": 5, "at_most": 6}}},
                {
                    "manifest": {
                        "format": ["S3Batch*", "S3Inv*"],
                        "bucket": "manifests",
                        "key": {"not": "tmp/*"},
                        "version": {"present": True},
                        "generated": False,
                        "stored": True,
                        "bytes": {"at_most": 1_000_000},
                        "rows": {"at_least": 5},
                        "rows_without_version": {"not": {"at_least": 1}},
                    }
                },
                {"manifest": {"not": {"bucket": "open"}}},
                {"object_bytes": {"at_most": 10_000_000}},
                {"cost": {"at_most": 500.25}},
                {"cost": {"not": {"at_least": 5, "at_most": 0.0001}}},
                {"source_buckets": {"any": "lake-*", "only": ["lake-*", "raw"], "none": {"list": "sandboxes"}}},
                {"destination_buckets": {"not": {"any": "public-*"}}},
                {"tags": {"team": {"present": True}, "not": {"not": "x"}}},
                {"role": {"not": "*admin*"}},
                {"priority": {"at_least": 1, "at_most": 100}, "on_violation": "hold"},
                {"description": {"present": True}},
                {"window": {"list": "hours"}},
                {"window": {"not": "freeze"}},
                {"window": ["nights", "freeze"]},
            ],
            "on_violation": "cancel",
        },
    ],
    "exceptions": [
        {
            "name": "migration",
            "lifts": ["no-bypass", "the-rest"],
            "match": [{"role": "arn:aws:iam::*:role/migrator"}],
            "expires": "2026-03-31",
            "because": "CHG-4411",
        }
    ],
}

WrittenPath = tuple[str | int, ...]


def everything() -> Any:
    """Give a copy to change."""
    return deepcopy(EVERYTHING)


def places(written: Any, path: WrittenPath = ()) -> list[tuple[WrittenPath, Any]]:
    """List every value of a document with its path, the whole of it first."""
    found: list[tuple[WrittenPath, Any]] = [(path, written)]
    if isinstance(written, dict):
        for key, value in written.items():
            found += places(value, (*path, key))
    elif isinstance(written, list):
        for index, value in enumerate(written):
            found += places(value, (*path, index))
    return found


def at(written: Any, path: WrittenPath) -> Any:
    """Give what stands at a path."""
    for step in path:
        written = written[step]
    return written


def with_value(written: Any, path: WrittenPath, value: Any) -> Any:
    """Put another value at a path of a copy, which shares with the original all that is not on the path."""
    if not path:
        return value
    changed = copy(written)
    changed[path[0]] = with_value(written[path[0]], path[1:], value) if path[1:] else value
    return changed


def without(written: Any, path: WrittenPath) -> Any:
    """Take the value at a path out of a copy, which shares with the original all that is not on the path."""
    rest = copy(at(written, path[:-1]))
    del rest[path[-1]]
    return with_value(written, path[:-1], rest)


def shown(path: WrittenPath) -> str:
    """Write a path as problems do."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
