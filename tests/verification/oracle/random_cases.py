"""Random jobs, clocks and facts, chosen with an eye on the document they will be evaluated by."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import NamedTuple, TypedDict
from zoneinfo import ZoneInfo

from tests.verification.oracle import pools
from tests.verification.oracle.plain import Document, Plain, Tags, Unavailable, listed, mapping, number, text
from tests.verification.oracle.pools import chance
from tests.verification.oracle.windows import wall_instant

JITTER = (
    timedelta(0),
    timedelta(microseconds=-1),
    timedelta(microseconds=1),
    timedelta(minutes=-1),
    timedelta(minutes=30),
    timedelta(hours=-1),
    timedelta(hours=1),
    timedelta(hours=9),
    timedelta(days=-1),
    timedelta(days=-5),
)
SUSPENDED_FOR = (
    timedelta(hours=1),
    timedelta(seconds=4),
    timedelta(minutes=5),
    timedelta(minutes=5, microseconds=-1),
    timedelta(days=1, minutes=30),
    timedelta(0),
    timedelta(days=10),
    timedelta(days=29),
    timedelta(days=29, hours=23),
    timedelta(days=30),
    timedelta(days=31),
)
CREATED_BEFORE = timedelta(days=40)
"""How long before the review a job was created."""

JOB_ID = "00e123a4-c0d8-41f4-a0eb-b46f9ba5b07c"


class Facts(TypedDict):
    """The keyword arguments of `evaluate` beside job, tags and clock."""

    approvals: list[str]
    requester: str | Unavailable
    manifest_bytes: int | Unavailable
    manifest_rows: int | Unavailable
    rows_without_version: int | Unavailable
    source_buckets: list[str] | Unavailable
    object_bytes: int | Unavailable
    budgets_used: dict[str, dict[str, int | float]]


class Case(NamedTuple):
    """One question for `evaluate`: `evaluate(document, case.job, case.tags, case.now, **case.facts)`."""

    job: dict[str, Plain]
    tags: Tags
    now: datetime
    facts: Facts


def random_case(rng: Random, document: Document) -> Case:
    """Make one job, as `describe-job` prints it, and what was read for it.

    The facts agree with the job: nothing was read from a manifest that is not there.
    """
    now = random_now(rng, document)
    job, manifest_there = random_job(rng, document, now)
    not_there: Unavailable = "unmeasurable"
    if not manifest_there and job["Status"] in {"New", "Preparing"} and generator_stores(job):
        not_there = "unknown"
    readable = manifest_there and chance(rng, 0.8)
    rows: list[str] | Unavailable = not_there
    if readable:
        rows = [random_row_bucket(rng) for _ in range(rng.choice([1, 2, 3, 0]))]
    facts = Facts(
        approvals=random_approvals(rng),
        requester="unmeasurable" if chance(rng, 0.3) else rng.choice(pools.CALLERS),
        manifest_bytes=rng.choice(pools.BYTE_COUNTS) if manifest_there and chance(rng, 0.85) else not_there,
        manifest_rows=count_rows(rng, job) if readable else not_there,
        rows_without_version=rng.choice((0, 0, 1)) if readable else not_there,
        source_buckets=rows,
        object_bytes=rng.choice(pools.BYTE_COUNTS) if readable and chance(rng, 0.8) else not_there,
        budgets_used=random_use(rng, document, job),
    )
    return Case(job, random_tags(rng), now, facts)


def random_use(rng: Random, document: Document, job: Document) -> dict[str, dict[str, int | float]]:
    """Choose how much is used of each budget: nothing, or about as much as the job leaves."""
    takes = number(mapping(job.get("ProgressSummary")).get("TotalNumberOfTasks", 0))
    used: dict[str, dict[str, int | float]] = {}
    for budget in map(mapping, listed(document.get("budgets"))):
        near: dict[str, int | float] = {
            limit: max(0, number(budget[limit]) - takes_ + rng.choice([0, 0, 1, -1]))
            for limit, takes_ in (("jobs", 1), ("objects", takes), ("object_bytes", rng.choice(pools.BYTE_COUNTS)))
            if limit in budget
        }
        if "cost" in budget:
            near["cost"] = rng.choice([0, 0.25, 1, 6, 62.5, 499.75])
        used[text(budget["name"])] = near if chance(rng, 0.7) else {}
    return used


def count_rows(rng: Random, job: Document) -> int:
    """Count the rows: nearly always as many as S3 counts tasks."""
    tasks = number(mapping(job.get("ProgressSummary")).get("TotalNumberOfTasks", 0))
    return tasks + rng.choice([1, -1]) if chance(rng, 0.04) and tasks else tasks


def random_approvals(rng: Random) -> list[str]:
    """Choose who approved: often nobody, sometimes one caller twice."""
    return [rng.choice(pools.CALLERS) for _ in range(rng.choice([0, 0, 0, 0, 1, 1, 2, 3, 5]))]


def random_now(rng: Random, document: Document) -> datetime:
    """Choose an instant on or near an edge of something that the document says."""
    calendars = [mapping(calendar) for calendar in mapping(document.get("calendars")).values()]
    exceptions = [mapping(exception) for exception in listed(document.get("exceptions"))]
    budgets = [mapping(budget) for budget in listed(document.get("budgets"))]
    if budgets and chance(rng, 0.4):
        zone = text(rng.choice(budgets).get("timezone", "UTC"))
        day = rng.choice(pools.ZONES[zone])
        first = rng.choice([day, day - timedelta(days=day.weekday()), day.replace(day=1)])
        return wall_instant(ZoneInfo(zone), first, "00:00", closing=chance(rng, 0.5)) + rng.choice(JITTER)
    if exceptions and (not calendars or chance(rng, 0.4)):
        last_day = date.fromisoformat(text(rng.choice(exceptions)["expires"]))
        edge = datetime.combine(last_day, datetime.min.time(), UTC) + timedelta(days=1)
        return edge + rng.choice(JITTER)
    if not calendars:
        return datetime(2026, 3, 27, 12, tzinfo=UTC) + rng.choice(JITTER)
    calendar = rng.choice(calendars)
    zone = text(calendar["timezone"])
    row = mapping(rng.choice(listed(calendar["open"])))
    wall_time = text(rng.choice([row.get("from", "00:00"), row.get("to", "00:00"), "02:30", "12:00"]))
    day = rng.choice(pools.ZONES[zone]) + timedelta(days=rng.choice([0, -1, 1, 3]))
    return wall_instant(ZoneInfo(zone), day, wall_time, closing=chance(rng, 0.5)) + rng.choice(JITTER)


def random_job(rng: Random, document: Document, now: datetime) -> tuple[dict[str, Plain], bool]:
    """Make a job, and say whether there is a manifest object to read."""
    region = rng.choice(list(pools.PARTITION_OF_REGION)[: rng.choice([2, 5])])
    partition, account = pools.PARTITION_OF_REGION[region], rng.choice(pools.ACCOUNTS)
    asks = rng.choice([True, True, None, False])
    status = rng.choice(["Suspended"] * 12 + ["New", "Preparing"] * 2 + ["Ready", "Active", "Cancelled"])
    if status in {"New", "Preparing"} and chance(rng, 0.6):
        asks = False
    job: dict[str, Plain] = {
        "JobId": JOB_ID,
        "JobArn": f"arn:{partition}:s3:{region}:{account}:job/{JOB_ID}",
        "Status": status,
        "Operation": with_times(random_operation(rng, document, partition), now - CREATED_BEFORE),
        "Priority": rng.choice(pools.PRIORITIES),
        "RoleArn": f"arn:{partition}:iam::{account}:role/{rng.choice(pools.ROLE_PATHS)}",
        "Report": random_report(rng, partition),
        "CreationTime": (now - CREATED_BEFORE).isoformat(),
    }
    if asks is not None:
        job["ConfirmationRequired"] = asks
    if chance(rng, 0.8):
        job["Description"] = rng.choice(pools.DESCRIPTIONS)
    total = rng.choice([*pools.TASK_COUNTS, 0, None] if status == "Suspended" else [0, None, 0, *pools.TASK_COUNTS[:2]])
    if total is not None:
        job["ProgressSummary"] = {"TotalNumberOfTasks": total, "NumberOfTasksSucceeded": 0, "NumberOfTasksFailed": 0}
    if chance(rng, 0.95 if status == "Suspended" else 0.1):
        job["SuspendedDate"] = (now - rng.choice(SUSPENDED_FOR)).isoformat()
        job["SuspendedCause"] = "AwaitingConfirmation"
    if chance(rng, 0.05):
        del job["RoleArn"]
    if chance(rng, 0.6 if "'within'" in repr(document) else 0.05):
        del job["CreationTime"]
    parts = with_times(random_manifest(rng, document, partition, status), now - CREATED_BEFORE)
    job.update(parts)
    add_oddities(rng, job, partition)
    return job, "Manifest" in parts or "GeneratedManifestDescriptor" in parts


def add_oddities(rng: Random, job: dict[str, Plain], partition: str) -> None:
    """Have a few jobs say what nobody expects of S3."""
    if chance(rng, 0.03):
        add_a_member(rng, job)
    if chance(rng, 0.02):
        mapping(job["Operation"]).setdefault(rng.choice([*pools.OPERATIONS, pools.UNKNOWN_OPERATION]), {})  # type: ignore[attr-defined]
    if chance(rng, 0.03):
        add_an_odd_value(rng, job)
    if "Manifest" in job and chance(rng, 0.04):
        job["ManifestGenerator"] = {"S3JobManifestGenerator": {"SourceBucket": random_bucket(rng, partition)}}


def add_a_member(rng: Random, job: dict[str, Plain]) -> None:
    """Have the job's description say something that nobody knows yet, at some depth of one of its structures."""
    names = [name for name in ("Operation", "ManifestGenerator", "Manifest", "Report") if name in job]
    here: Plain = job[rng.choice(names)]
    while isinstance(here, dict):
        inside = [value for value in here.values() if isinstance(value, dict)]
        if not inside or chance(rng, 0.4):
            here["NewMember"] = rng.choice(["true", True, {"Deep": 1}])
            return
        here = rng.choice(inside)


def add_an_odd_value(rng: Random, job: dict[str, Plain]) -> None:
    """Put a value that S3's closed sets do not have where one of them holds."""
    places = [
        (mapping(job.get("Report")), "ReportScope"),
        (mapping(mapping(job.get("Manifest")).get("Spec")), "Format"),
        (mapping(mapping(job["Operation"]).get("S3PutObjectCopy")), "StorageClass"),
        (mapping(mapping(job["Operation"]).get("S3InitiateRestoreObject")), "GlacierJobTier"),
    ]
    present = [(structure, name) for structure, name in places if structure]
    if present:
        structure, name = rng.choice(present)
        structure[name] = rng.choice(["", "NEWER", f"{structure.get(name, 'STANDARD')} "])  # type: ignore[index]


def with_times(parts: dict[str, Plain], created: datetime) -> dict[str, Plain]:
    """Put instants where the pools say how long after the job's creation a time is."""
    return {name: with_time(value, created) for name, value in parts.items()}


def with_time(value: Plain, created: datetime) -> Plain:
    """The same for one value, whatever it is."""
    if isinstance(value, dict):
        return with_times(value, created)
    if isinstance(value, list):
        return [with_time(each, created) for each in value]
    if isinstance(value, str) and value.startswith(pools.AFTER_CREATION):
        return (created + timedelta(seconds=int(value.removeprefix(pools.AFTER_CREATION)))).isoformat()
    return value


def random_operation(rng: Random, document: Document, partition: str) -> dict[str, Plain]:
    """Choose an operation, by preference one that the document names, and give it some of its parameters."""
    says = named_in(document)
    named = [name for name in (*pools.OPERATIONS, pools.UNKNOWN_OPERATION) if name in says]
    name = rng.choice(named if named and chance(rng, 0.6) else [*pools.OPERATIONS, pools.UNKNOWN_OPERATION])
    if name == pools.UNKNOWN_OPERATION:
        said = {each: rng.choice(values) for each, values in pools.UNKNOWN_PARAMETERS.items() if chance(rng, 0.75)}
        return {name: {"Anything": "at all", **said}}
    parameters: dict[str, Plain] = {
        parameter: rng.choice(values) for parameter, values in pools.OPERATIONS[name].items() if chance(rng, 0.75)
    }
    if name == "S3PutObjectCopy":
        parameters["TargetResource"] = random_bucket(rng, partition, odd=0.3)
    return {name: parameters}


def random_bucket(rng: Random, partition: str, *, odd: float = 0.1) -> str:
    """Give a bucket's ARN, or sometimes what is no bucket's."""
    if chance(rng, odd):
        return rng.choice([*pools.NO_BUCKETS, f"arn:{partition}:s3:::{rng.choice(pools.BUCKETS)}/path"])
    return f"arn:{partition}:s3:::{rng.choice(pools.BUCKETS)}"


def random_row_bucket(rng: Random) -> str:
    """Give what stands in a row's bucket column: a name, or sometimes an alias or an ARN."""
    return rng.choice(["lake-dev-s3alias", *pools.NO_BUCKETS[:2]]) if chance(rng, 0.1) else rng.choice(pools.BUCKETS)


def named_in(document: Document) -> set[str]:
    """Give every operation that the document names, in an `operation` check or at the head of a path."""
    names: set[str] = set()
    waiting: list[Plain] = [document.get(part) for part in ("lists", "policies", "guardrails", "exceptions")]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            names.add(item)
        elif isinstance(item, dict):
            names.update(key.partition(".")[0] for key in item if "." in key)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return names


def random_report(rng: Random, partition: str) -> dict[str, Plain]:
    """Make a report's description; one that is not enabled says nothing else."""
    if chance(rng, 0.2):
        return {"Enabled": False}
    report: dict[str, Plain] = {
        "Enabled": True,
        "Bucket": random_bucket(rng, partition),
        "Format": "Report_CSV_20180820",
        "Prefix": "reports",
        "ReportScope": rng.choice(pools.REPORT_SCOPES),
    }
    if chance(rng, 0.5):
        report["ExpectedBucketOwner"] = rng.choice(pools.ACCOUNTS)
    return report


def random_manifest(rng: Random, document: Document, partition: str, status: str) -> dict[str, Plain]:
    """Make what a job says of its manifest: a supplied one, or a generator and perhaps what it made."""
    bucket = random_bucket(rng, partition)
    keys = [f"/{key}" for key in pools.MANIFEST_KEYS]
    location: dict[str, Plain] = {"ObjectArn": f"{bucket}{rng.choice(['', '/', *keys * 4])}", "ETag": "e1"}
    if chance(rng, 0.5):
        location["ObjectVersionId"] = rng.choice(pools.MANIFEST_VERSIONS)
    if chance(rng, 0.25 if "'manifest_generator'" in repr(document) else 0.6):
        return {"Manifest": {"Spec": {"Format": rng.choice(pools.MANIFEST_FORMATS[:2])}, "Location": location}}
    stores = chance(rng, 0.7)
    generator: dict[str, Plain] = {
        "SourceBucket": random_bucket(rng, partition),
        "EnableManifestOutput": stores,
    }
    parts: dict[str, Plain] = {"ManifestGenerator": {"S3JobManifestGenerator": generator}}
    if chance(rng, 0.7):
        generator["Filter"] = rng.choice(pools.FILTERS)
    if chance(rng, 0.5):
        generator["ExpectedBucketOwner"] = rng.choice(pools.ACCOUNTS)
    if stores:
        generator["ManifestOutputLocation"] = {"Bucket": bucket, "ManifestFormat": pools.MANIFEST_FORMATS[2]}
        if chance(rng, 0.3 if status in {"New", "Preparing"} else 0.9):
            parts["GeneratedManifestDescriptor"] = {"Format": pools.MANIFEST_FORMATS[2], "Location": location}
    return parts


def generator_stores(job: Document) -> bool:
    """Say whether the job's manifest is generated and will be stored."""
    generator = mapping(mapping(job.get("ManifestGenerator")).get("S3JobManifestGenerator"))
    return generator.get("EnableManifestOutput") is True


def random_tags(rng: Random) -> Tags:
    """Choose tags, or that they could not be read."""
    if chance(rng, 0.1):
        return "unmeasurable"
    keys: Sequence[str] = [key for key in pools.TAG_KEYS if chance(rng, 0.5)]
    return {key: rng.choice(pools.TAG_VALUES) for key in keys}
