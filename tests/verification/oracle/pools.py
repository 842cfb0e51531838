"""The few values that random documents and random jobs both draw from, so that they meet.

Dates cluster on days on which some zone changes its offset, around the new year, and on a
leap day; numbers lie on both sides of the bounds that documents ask for.
"""

from collections.abc import Mapping
from datetime import date
from random import Random
from typing import TypeVar

from tests.verification.oracle.plain import Plain

T = TypeVar("T")

ZONES: Mapping[str, tuple[date, ...]] = {
    "Europe/Berlin": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "UTC": (date(2026, 12, 31), date(2028, 2, 29)),
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),
    "America/Havana": (date(2025, 3, 9), date(2025, 11, 2)),
    "Africa/Cairo": (date(2026, 4, 24), date(2026, 10, 29)),
    "America/Santiago": (date(2026, 4, 4), date(2026, 9, 6)),
    "America/St_Johns": (date(2010, 11, 7),),
    "Pacific/Apia": (date(2011, 12, 30),),
    "Asia/Kolkata": (date(2027, 1, 2),),
}
"""Zones, each with dates worth looking at: half-hour changes, changes at midnight, a skipped date."""

CALENDARS = ("nights", "freeze", "weekend")

BUDGETS = ("team-month", "hourly", "all")
BUDGETS_JOBS = (0, 1, 2, 300)

PARTITION_OF_REGION: Mapping[str, str] = {
    "eu-central-1": "aws",
    "eu-west-1": "aws",
    "us-east-1": "aws",
    "cn-north-1": "aws-cn",
    "us-gov-west-1": "aws-us-gov",
}
ACCOUNTS = ("111111111111", "222222222222", "333333333333")
BUCKETS = ("lake-prod-raw", "lake-prod-curated", "lake-dev", "archive", "a.b-c", "audit-111111111111-eu-central-1")
NO_BUCKETS = (
    "arn:aws:s3:eu-central-1:111111111111:accesspoint/lake-dev",
    "arn:aws:s3:eu-central-1:111111111111:accesspoint/ap/object/y:::archive/m.csv",
    "arn:aws:s3express:eu-central-1:111111111111:bucket/lake-dev",
    "arn:aws:s3:::lake-dev-s3alias",
    "arn:aws:s3:::lake--euc1-az1--x-s3",
    "arn:aws:s3:::Lake_Prod",
    "arn:aws:s3:eu-central-1::archive",
    "arn:aws:s3:::",
)
"""What may stand where a bucket may, and is no general-purpose bucket."""
BUCKET_PATTERNS = (
    "lake-prod-*",
    "lake-*",
    "archive",
    "*",
    "lake-???",
    "audit-${account}-${region}",
    "a.b-c",
    "a?b*",
    "[al]*",
    {"glob": "[al]*"},
    {"glob": "lake-[!d]*"},
    {"glob": "audit-${account}-[a-z][a-z]-*"},
    {"glob": "a[.]b[--]c"},
)
OPERATION_PATTERNS = (
    "S3*",
    "*",
    "S3PutObject*",
    "LambdaInvoke",
    "S3PutObject????",
    "S3NewOperation",
    "s3*",
    {"glob": "S3[!P]*"},
    {"glob": "S3NewOperation"},
)
UNKNOWN_OPERATION = "S3NewOperation"
TASK_COUNTS = (1, 99, 100, 101, 1_000_000, 1_000_001, 10_000_000)
BYTE_COUNTS = (0, 1, 4_096, 4_097, 1_000_000_000, 1 << 40)
PRICES: tuple[Plain, ...] = (0, 0.25, 1, 5, 0.0025, 0.01)
COSTS: tuple[Plain, ...] = (0, 0.25, 0.2506, 0.25, 6.25, 6.25, 62.5, 10.24, 500)
PRICED_BY_SIZE = (
    "S3PutObjectCopy",
    "S3InitiateRestoreObject",
    "S3InitiateRestoreObject.BULK",
    "S3InitiateRestoreObject.STANDARD",
)
PRIORITIES = (0, 1, 10, 11, 2_147_483_647)
ROLE_PATHS = ("migrator", "batch/nightly", "Admin")
ROLE_PATTERNS = (
    "arn:*:role/migrator",
    "arn:${partition}:iam::${account}:role/*",
    "*",
    "arn:aws:iam::111111111111:role/batch/nightly",
    "*admin",
    "arn:aws:iam::*:role/?????",
    {"glob": "arn:*:role/[A-Z]*"},
)
DESCRIPTIONS = ("nightly copy", "", "INC-7 [urgent]", "a/b:c", "two\nlines")
DESCRIPTION_PATTERNS = (
    "nightly*",
    "*",
    "*[urgent]",
    "?",
    "a/*",
    "two?lines",
    "Nightly*",
    {"glob": "*[]]"},
    {"glob": "[!a-i]*"},
)
TAG_KEYS = ("ticket", "urgent", "team", "not")
TAG_VALUES = ("CHG-1", "CHG-22", "INC-7", "", "lake", "*")
TAG_PATTERNS = (
    "CHG-*",
    "*",
    "INC-?",
    "lake",
    "chg-*",
    "CHG-${account}",
    "CHG-??",
    {"glob": "CHG-[0-9]"},
    {"glob": "[*]"},
    {"glob": "[A-Z]*[!12]"},
)
MANIFEST_KEYS = ("manifests/2026/m.csv", "m.csv", "inventory/manifest.json")
MANIFEST_KEY_PATTERNS = ("manifests/*", "*.csv", "m.csv", "*", {"glob": "[!/]*/[0-9]*"})
MANIFEST_FORMATS = (
    "S3BatchOperations_CSV_20180820",
    "S3InventoryReport_CSV_20161130",
    "S3InventoryReport_CSV_20211130",
)
MANIFEST_VERSIONS = ("v1", "null", "3HL4kqtJlcpXroDTDmJ")
MANIFEST_VERSION_PATTERNS = ("v?", "*", "null")
GRACES = ("5m", "0s", "4s", "2h", "1d", "30d")
REPORT_SCOPES = ("AllTasks", "FailedTasksOnly")

GRANT_OF_ALL: Plain = {"Grantee": {"TypeIdentifier": "uri", "Identifier": "AllUsers"}, "Permission": "READ"}
GRANT_OF_ONE: Plain = {"Grantee": {"TypeIdentifier": "id", "Identifier": "79a59df9"}, "Permission": "FULL_CONTROL"}

AFTER_CREATION = "created+"
"""A time of a job that lies so many seconds after its creation."""
TIMES = (
    "2027-01-01T00:00:00+00:00",
    "2026-12-31T23:59:59.999999+00:00",
    "2026-03-26T22:00:00Z",
    f"{AFTER_CREATION}31536000",
    f"{AFTER_CREATION}31536001",
    f"{AFTER_CREATION}-1",
    f"{AFTER_CREATION}0",
)
TIME_TESTS: tuple[Plain, ...] = (
    {"before": "2027-01-01"},
    {"after": "2027-01-01"},
    {"after": "2026-03-27T00:00:00+02:00"},
    {"before": "2026-03-26T22:00:00.000001Z"},
    {"within": "365d"},
    {"within": "0s"},
    {"within": "31536000s", "after": "2026-01-01"},
    {"not": {"within": "8760h"}},
    {"not": {"within": "525600m", "before": "2030-01-01"}},
    {"after": "2026-03-27", "before": "2027-01-01T00:00Z", "within": "365d"},
    {"not": {"after": "2026-03-27", "before": "2027-01-01"}},
    {"present": True},
    {"not": {"present": True}},
)

OPERATIONS: Mapping[str, Mapping[str, tuple[Plain, ...]]] = {
    "LambdaInvoke": {
        "FunctionArn": (
            "arn:aws:lambda:eu-central-1:111111111111:function:clean:7",
            "arn:aws:lambda:eu-central-1:111111111111:function:clean:$LATEST",
        ),
        "InvocationSchemaVersion": ("1.0", "2.0"),
        "UserArguments": ({"stage": "prod"}, {"stage": ""}, {}),
    },
    "S3PutObjectCopy": {
        "StorageClass": ("GLACIER", "STANDARD"),
        "TargetKeyPrefix": ("copies/", ""),
        "BucketKeyEnabled": (True, False),
        "NewObjectMetadata": ({"RequesterCharged": True, "ContentLength": 7}, {}),
    },
    "S3PutObjectAcl": {
        "AccessControlPolicy": (
            {"CannedAccessControlList": "public-read"},
            {},
            {"AccessControlList": {"Owner": {"ID": "o"}, "Grants": [GRANT_OF_ALL, GRANT_OF_ONE]}},
            {"AccessControlList": {"Owner": {"ID": "o"}, "Grants": [GRANT_OF_ONE, {"Permission": "READ_ACP"}]}},
            {"AccessControlList": {"Owner": {"ID": "o"}, "Grants": []}},
        )
    },
    "S3PutObjectTagging": {
        "TagSet": (
            [{"Key": "a", "Value": "b"}],
            [],
            [{"Key": "expire", "Value": ""}, {"Key": "team", "Value": "lake"}],
            [{"Key": "expire", "Value": "lake"}],
            [{"Key": "team", "Value": "111111111111"}, {"Key": "team", "Value": "lake"}],
        )
    },
    "S3DeleteObjectTagging": {},
    "S3InitiateRestoreObject": {"ExpirationInDays": (1, 7, 8, 30), "GlacierJobTier": ("BULK", "STANDARD")},
    "S3PutObjectLegalHold": {"LegalHold": ({"Status": "ON"}, {"Status": "OFF"})},
    "S3PutObjectRetention": {
        "BypassGovernanceRetention": (True, False),
        "Retention": (
            {"Mode": "COMPLIANCE"},
            *({"Mode": "GOVERNANCE", "RetainUntilDate": time} for time in TIMES),
        ),
    },
    "S3ReplicateObject": {},
    "S3ComputeObjectChecksum": {"ChecksumAlgorithm": ("SHA256", "MD5"), "ChecksumType": ("FULL_OBJECT",)},
    "S3UpdateObjectEncryption": {
        "ObjectEncryption": ({"SSEKMS": {"KMSKeyArn": "arn:aws:kms:::key/k", "BucketKeyEnabled": True}},)
    },
}
"""Every known operation, with parameters and the values that random jobs give them."""

PARAMETER_TESTS: Mapping[str, tuple[Plain, ...]] = {
    "LambdaInvoke.FunctionArn": (
        "*:function:clean:?",
        "*:$LATEST",
        ["*:clean:7", "*:other"],
        {"not": "*:$LATEST"},
        {"glob": "*:clean:[0-9]"},
        [{"glob": "*:clean:[!0-9]*"}, "*:other"],
        {"not": {"glob": "*:[$]*"}},
    ),
    "LambdaInvoke.InvocationSchemaVersion": ("2.0", "?.0"),
    "LambdaInvoke.UserArguments": ({"present": True}, {"present": False}),
    "LambdaInvoke.UserArguments.stage": ("prod", "*", {"present": True}, {"not": ["prod", "test"]}),
    "S3PutObjectCopy.StorageClass": ("GLACIER", ["GLACIER", "DEEP_ARCHIVE"], {"not": "GLACIER"}, {"present": True}),
    "S3PutObjectCopy.TargetKeyPrefix": ("copies/*", "*", {"present": True}, {"not": "*"}),
    "S3PutObjectCopy.BucketKeyEnabled": (True, {"not": True}, False),
    "S3PutObjectCopy.NewObjectMetadata.RequesterCharged": (True, {"not": False}, {"present": True}),
    "S3PutObjectCopy.NewObjectMetadata.ContentLength": (7, {"at_most": 7}, {"not": 7}),
    "S3PutObjectAcl.AccessControlPolicy.CannedAccessControlList": ({"not": "public-*"}, "public-*"),
    "S3PutObjectAcl.AccessControlPolicy.AccessControlList.Grants": (
        {"only": {"Permission": ["READ", "FULL_*"]}},
        {"none": {"Grantee.TypeIdentifier": "uri", "Permission": {"not": "READ"}}},
        {"none": {"Grantee.Identifier": "*AllUsers"}},
        {
            "any": {"Permission": "FULL_CONTROL", "Grantee.TypeIdentifier": "id"},
            "none": {"Grantee": {"present": False}},
        },
        {"not": {"only": {"Grantee.TypeIdentifier": "id"}}},
        {"present": False},
    ),
    "S3PutObjectTagging.TagSet": (
        {"present": True},
        {"none": {"Key": "expire"}},
        {"any": {"Key": "team", "Value": "${account}"}},
        {"only": {"Key": ["team", "a"], "Value": {"not": ""}}},
        {"not": {"any": {"Key": "expire"}, "only": {"Value": "*"}}},
        {"any": {"Value": {"list": "tickets"}}, "none": {"Key": "b"}},
        {"not": {"none": {"Key": "expire", "Value": "lake"}}},
    ),
    "S3InitiateRestoreObject.ExpirationInDays": (
        7,
        {"at_most": 7},
        {"at_least": 8},
        {"at_least": 7, "at_most": 29},
        {"not": {"at_most": 7}},
        [1, 30],
    ),
    "S3InitiateRestoreObject.GlacierJobTier": ("BULK", {"not": "STANDARD"}, "B*"),
    "S3PutObjectLegalHold.LegalHold.Status": ("ON", {"not": "ON"}),
    "S3PutObjectRetention.BypassGovernanceRetention": ({"not": True}, True, False, {"present": True}),
    "S3PutObjectRetention.Retention.Mode": ({"not": "COMPLIANCE"}, "GOVERNANCE"),
    "S3PutObjectRetention.Retention.RetainUntilDate": TIME_TESTS,
    "S3ComputeObjectChecksum.ChecksumAlgorithm": ("SHA*", ["MD5", "SHA256"]),
    "S3UpdateObjectEncryption.ObjectEncryption.SSEKMS.BucketKeyEnabled": (True, {"not": True}),
    "S3UpdateObjectEncryption.ObjectEncryption": ({"present": True},),
    f"{UNKNOWN_OPERATION}.Text": (
        "7",
        "true",
        {"not": 7},
        {"not": ["x", True]},
        {"any": "*"},
        {"before": "2027-01-01"},
    ),
    f"{UNKNOWN_OPERATION}.Number": (7, "7", {"at_most": 7}, {"not": "7"}, [True, "x", 7], {"none": "7"}),
    f"{UNKNOWN_OPERATION}.Flag": (True, "true", 1, {"not": 1}, {"not": {"only": {"Key": "x"}}}),
    f"{UNKNOWN_OPERATION}.When": (*TIME_TESTS, "2027-*", {"not": "2027-01-01*"}),
    f"{UNKNOWN_OPERATION}.Texts": ({"any": ["logs/*", "tmp/*"]}, {"only": "logs/*"}, {"none": {"A": "x"}}, "logs/*"),
    f"{UNKNOWN_OPERATION}.Rows": (
        {"any": {"At": {"within": "365d"}, "Name.First": "a"}},
        {"only": {"At": {"after": "2027-01-01"}}},
        {"none": {"At": {"not": {"before": "2027-01-01"}}, "Name": {"present": True}}},
        {"not": {"any": {"At": {"within": "0s"}}}},
        {"any": "x"},
    ),
}
"""Dotted paths with tests worth asking of them; below an unknown operation those of another type, too."""

UNKNOWN_PARAMETERS: Mapping[str, tuple[Plain, ...]] = {
    "Text": ("7", "true", "x"),
    "Number": (7, 8),
    "Flag": (True, False),
    "When": TIMES,
    "Texts": (["logs/a", "tmp/b"], [], ["logs/a"], [7, "logs/a"]),
    "Rows": (
        [{"At": TIMES[0], "Name": {"First": "a"}}, {"At": TIMES[3]}],
        [{"At": TIMES[4], "Name": {"First": "a"}}],
        [{"Name": {"First": "b"}}, "text"],
        [],
    ),
}
"""What jobs of the unknown operation say."""

FILTERS: tuple[Plain, ...] = (
    {},
    {"KeyNameConstraint": {"MatchAnyPrefix": ["logs/2026", "logs/2025"]}, "CreatedBefore": TIMES[5]},
    {
        "KeyNameConstraint": {"MatchAnyPrefix": ["logs/2026", "tmp/"]},
        "ObjectSizeLessThanBytes": 4_096,
        "CreatedBefore": TIMES[6],
    },
    {"EligibleForReplication": True, "CreatedBefore": TIMES[1]},
    {"KeyNameConstraint": {"MatchAnyPrefix": []}, "CreatedBefore": TIMES[0]},
    {"MatchAnyStorageClass": ["GLACIER", "STANDARD"], "CreatedBefore": TIMES[3]},
    {"MatchAnyObjectEncryption": [{"SSEKMS": {"KmsKeyArn": "arn:aws:kms:::key/k", "BucketKeyEnabled": True}}]},
    {"MatchAnyObjectEncryption": [{"SSES3": {}}, {"SSEC": {}}]},
)
"""What generators filter by."""

GENERATOR_TESTS: Mapping[str, tuple[Plain, ...]] = {
    "ExpectedBucketOwner": ("${account}", ["111111111111"], {"present": True}, {"not": {"list": "accounts"}}),
    "SourceBucket": ("arn:*:s3:::lake-*", {"not": "*archive"}),
    "EnableManifestOutput": (True, {"not": True}, False),
    "Filter": ({"present": True}, {"present": False}, {"not": {"present": True}}),
    "Filter.KeyNameConstraint.MatchAnyPrefix": (
        {"only": ["logs/*"]},
        {"any": "logs/*", "none": "tmp/*"},
        {"not": {"only": "logs/*"}},
        {"present": True},
        {"none": {"list": "tickets"}},
    ),
    "Filter.MatchAnyStorageClass": ({"only": ["GLACIER", "DEEP_*"]}, {"not": {"any": "STANDARD"}}),
    "Filter.MatchAnyObjectEncryption": (
        {"only": {"SSEKMS.BucketKeyEnabled": True}},
        {"any": {"SSES3": {"present": True}}},
        {"none": {"SSEC": {"present": True}}},
    ),
    "Filter.CreatedBefore": TIME_TESTS,
    "Filter.ObjectSizeLessThanBytes": ({"at_most": 4_095}, 4_096, {"not": {"at_least": 1}}),
    "Filter.EligibleForReplication": (True, {"not": True}),
    "ManifestOutputLocation.ManifestFormat": ("S3InventoryReport_*",),
}
"""Dotted paths into a generator with tests worth asking of them."""


def chance(rng: Random, probability: float) -> bool:
    """Say yes with this probability; a random source that shrinks towards zero shrinks towards no."""
    return rng.random() >= 1 - probability


def some(rng: Random, values: tuple[T, ...], at_most: int) -> list[T]:
    """Choose one to `at_most` different values, in the order of the pool."""
    chosen = rng.sample(range(len(values)), rng.randint(1, min(at_most, len(values))))
    return [values[place] for place in sorted(chosen)]


CALLERS = (
    "arn:aws:sts::111111111111:assumed-role/lake-oncall/ana",
    "arn:aws:sts::111111111111:assumed-role/lake-oncall/ben",
    "arn:aws:sts::111111111111:assumed-role/Lake-Oncall/ana",
    "arn:aws:sts::111111111111:assumed-role/prod-owner/ana",
    "arn:aws:sts::111111111111:assumed-role/prod-owner/Ben",
    "arn:aws:sts::222222222222:assumed-role/prod-owner/ana",
    "arn:aws-cn:sts::111111111111:assumed-role/prod-owner/ana",
    "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/ana",
    "arn:aws:sts::222222222222:assumed-role/AWSReservedSSO_Read_Only_fedcba9876543210/Ana",
    "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/ben",
    "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_byhand/ben",
    "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_byhand/cem",
    "arn:aws:sts::111111111111:assumed-role/XAWSReservedSSO_Admin_0123456789abcdef/cem",
    "arn:aws:sts::111111111111:federated-user/ana",
    "arn:aws:iam::111111111111:user/ana",
    "arn:aws:iam::111111111111:user/staff/lake/ana",
    "arn:aws:iam::111111111111:user/dea",
    "arn:aws:iam::111111111111:root",
    "arn:aws:iam::111111111111:role/prod-owner",
    "arn:aws:sts::111111111111:assumed-role/prod-owner",
    "AIDAEXAMPLE",
    "",
)
"""Callers as AWS names them, and what is none."""

CALLER_PATTERNS = (
    "*",
    "*",
    "*:assumed-role/prod-owner/*",
    "arn:aws:sts::${account}:assumed-role/*",
    "*:assumed-role/AWSReservedSSO_*/*",
    "*/ana",
    "arn:aws:iam::*:user/*",
    "arn:aws:sts::111111111111:assumed-role/lake-oncall/ana",
)
"""Patterns of callers: anybody, a role, Identity Center's, a name, users, one session."""
