"""What one check, and a condition made of checks, comes to for one job at one instant."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

from tests.verification.oracle.plain import (
    Document,
    Job,
    MalformedDocumentError,
    Plain,
    Result,
    Tags,
    Unavailable,
    listed,
    mapping,
    number,
    text,
)
from tests.verification.oracle.windows import is_open

BEFORE_SUSPENDED = frozenset({"New", "Preparing"})

KNOWN_OPERATIONS = frozenset({
    "LambdaInvoke",
    "S3PutObjectCopy",
    "S3PutObjectAcl",
    "S3PutObjectTagging",
    "S3DeleteObjectTagging",
    "S3InitiateRestoreObject",
    "S3PutObjectLegalHold",
    "S3PutObjectRetention",
    "S3ReplicateObject",
    "S3ComputeObjectChecksum",
    "S3UpdateObjectEncryption",
})  # fmt: skip
"""Every operation of S3 Batch Operations that is known. Source: CreateJob, JobOperation."""

Fact: TypeAlias = "Plain | Result"
"""A value; None where S3 answered that there is none; Result.UNKNOWN or Result.UNMEASURABLE where it can't be had."""


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a check may look at: the job, what was read for it, the clock, and the document's names.

    Attributes:
        manifest_bytes: Size of the manifest object, or why it is not known.
        manifest_rows: Rows counted in the manifest; None for as many as S3 counts.
        rows_without_version: Those of them without a version.
        row_buckets: What the manifest's rows say in place of a bucket, or why that is not known.
        object_bytes: The objects' own sizes added up, or why they are not known.
        approvals: The ARNs of those who approved the job as it is.
        requester: The ARN of who created it.
        approvals_asked: The document's `approvals`.
        prices: The document's `prices`.
        now: Aware instant at which everything is evaluated.
        budgets: The document's `budgets`.
        used: How much is used of the job's account of each, by name.
        read_at: When that was read.
    """

    job: Job
    tags: Tags
    manifest_bytes: int | Unavailable
    manifest_rows: int | Unavailable | None
    rows_without_version: int | Unavailable
    row_buckets: Sequence[str] | Unavailable
    object_bytes: int | Unavailable
    approvals: Sequence[str]
    requester: str | Unavailable
    approvals_asked: Document
    prices: Document
    lists: Document
    calendars: Document
    now: datetime
    budgets: Plain
    used: Mapping[str, Plain]
    read_at: datetime


def all_of(results: Iterable[Result]) -> Result:
    """Violated if any is; else unknown; else unmeasurable; else met."""
    return first_of((Result.VIOLATED, Result.UNKNOWN, Result.UNMEASURABLE), set(results), Result.MET)


def any_of(results: Iterable[Result]) -> Result:
    """Met if any is; else unknown; else unmeasurable; else violated."""
    return first_of((Result.MET, Result.UNKNOWN, Result.UNMEASURABLE), set(results), Result.VIOLATED)


def first_of(order: Iterable[Result], present: set[Result], otherwise: Result) -> Result:
    """Give the first in this order that is among those present."""
    return next((result for result in order if result in present), otherwise)


BUCKET_WORDS: Mapping[str, Callable[[Iterable[Result]], Result]] = {
    "any": any_of,
    "only": all_of,
    "none": lambda results: complement(any_of(results)),
}


def complement(result: Result) -> Result:
    """Swap met and violated; the other two stay."""
    return {Result.MET: Result.VIOLATED, Result.VIOLATED: Result.MET}.get(result, result)


def met_if(holds: bool) -> Result:
    """Say met or violated."""
    return Result.MET if holds else Result.VIOLATED


def conditions_hold(conditions: Plain, situation: Situation) -> Result:
    """Evaluate a list of conditions: all of them; none at all are met."""
    return all_of(condition_holds(mapping(condition), situation) for condition in listed(conditions))


def condition_holds(condition: Document, situation: Situation) -> Result:
    """Evaluate one condition: one check, or `any` or `all` over conditions."""
    [(word, operand)] = condition.items()
    if word == "all":
        return conditions_hold(operand, situation)
    if word == "any":
        return any_of(condition_holds(mapping(inner), situation) for inner in listed(operand))
    return check_holds(word, operand, situation)


def check_holds(check: str, operand: Plain, situation: Situation) -> Result:
    """Evaluate one check."""
    if check == "tags":
        return tags_hold(mapping(operand), situation)
    if isinstance(operand, Mapping) and "not" in operand:
        return complement(check_holds(check, operand["not"], situation))
    match check:
        case "window":
            return any_of(met_if(window_is_open(text(name), situation)) for name in listed(operand))
        case "manual_approval" | "budget":
            return ledger_holds(check, operand, situation)
        case "cost":
            return cost_holds(mapping(operand), estimated_cost(situation))
        case "source_buckets" | "destination_buckets":
            found = source_buckets(situation) if check == "source_buckets" else destination_buckets(situation)
            return buckets_hold(mapping(operand), found, situation)
        case "operation_parameters" if isinstance(operation_name(situation.job), Result):
            return Result.UNMEASURABLE
        case "operation_parameters" | "manifest_generator":
            return all_of(parameter_holds(check, path, test, situation) for path, test in mapping(operand).items())
        case "manifest" | "report":
            return all_of(
                fact_holds(test, part_of(check, part, situation), situation) for part, test in mapping(operand).items()
            )
    return fact_holds(operand, fact_of(check, situation), situation)


def ledger_holds(check: str, operand: Plain, situation: Situation) -> Result:
    """Evaluate what the ledger knows of: approvals, and what is used of a budget."""
    from tests.verification.oracle.approvals import enough
    from tests.verification.oracle.budgets import budget_holds

    if check == "budget":
        return budget_holds(text(operand), situation)
    return Result.MET if enough(operand, situation) else Result.UNMEASURABLE


def window_is_open(calendar: str, situation: Situation) -> bool:
    """Say whether the named calendar is open now."""
    return is_open(mapping(situation.calendars[calendar]), situation.now)


def tags_hold(tests: Document, situation: Situation) -> Result:
    """Evaluate tests of tags by key; every one must hold. What could not be read is unmeasurable."""
    tags = situation.tags
    if tags == "unmeasurable":
        return Result.UNMEASURABLE
    return all_of(fact_holds(test, tags.get(key), situation) for key, test in tests.items())


def buckets_hold(words: Document, buckets: Sequence[str | Result] | Result, situation: Situation) -> Result:
    """Evaluate `any`, `only` and `none` over buckets; those side by side must all hold.

    Of no bucket at all `any` is violated, `only` and `none` are met. What is no general-purpose bucket
    is unmeasurable by itself, and joined as `any` and `all` join.
    """
    if isinstance(buckets, Result):
        return buckets
    return all_of(
        BUCKET_WORDS[word](fact_holds(patterns, bucket, situation) for bucket in buckets)
        for word, patterns in words.items()
    )


def parameter_holds(check: str, path: str, test: Plain, situation: Situation) -> Result:
    """Evaluate a test of what a dotted path leads to.

    A value that is compared with the job's creation is unmeasurable where S3 does not say when that was.
    """
    fact = parameter(check, path, situation.job)
    if fact is not None and asks_within(test) and creation(situation.job) is None:
        return Result.UNMEASURABLE
    return fact_holds(test, fact, situation)


def parameter(check: str, path: str, job: Job) -> Fact:
    """Give what a path leads to, in the operation or in the generator, which a job with its own manifest has not."""
    if check == "operation_parameters":
        return at_path(mapping(job["Operation"]), path.split("."))
    generator = at_path(job, ["ManifestGenerator", "S3JobManifestGenerator"])
    if says_its_objects_twice(job) or (generator is None and "Manifest" not in job):
        return Result.UNMEASURABLE
    return at_path(generator, path.split("."))


def asks_within(test: Plain) -> bool:
    """Say whether a test, or one of an element, compares a time with the job's creation."""
    return isinstance(test, Mapping) and ("within" in test or any(asks_within(inner) for inner in test.values()))


def creation(job: Job) -> datetime | None:
    """Give the instant at which the job was created."""
    return time_of(job.get("CreationTime"))


def fact_holds(test: Plain, fact: Fact, situation: Situation) -> Result:
    """Evaluate a fact by a test; a fact that is not to be had decides alone, `not` or no `not`."""
    if isinstance(fact, Result):
        return fact
    return met_if(value_passes(test, fact, situation))


def value_passes(test: Plain, value: Plain, situation: Situation) -> bool:
    """Say whether a value, None being an absent one, passes a test.

    A test is a pattern, `{glob: ...}`, a boolean, a number, a range, a list of tests (any of them), `{list: NAME}`,
    `{present: true}`, `{not: test}`, words for the elements of a list, or for a time. An absent value, and one of
    another type than the test's, fail every test but `present` and `not`.
    """
    if isinstance(test, bool):
        return isinstance(value, bool) and value == test
    if isinstance(test, int):
        return is_number(value) and value == test
    if isinstance(test, str):
        return isinstance(value, str) and matches(filled(test, situation), value)
    if isinstance(test, Mapping):
        return mapped_test_passes(test, value, situation)
    return any(value_passes(one, value, situation) for one in listed(test))


def mapped_test_passes(test: Document, value: Plain, situation: Situation) -> bool:
    """Say whether a value passes a test that is written as a mapping."""
    if "not" in test:
        return not value_passes(test["not"], value, situation)
    if "list" in test:
        return value_passes(situation.lists[text(test["list"])], value, situation)
    if "glob" in test:
        return isinstance(value, str) and fnmatchcase(value, filled(text(test["glob"]), situation))
    if "present" in test:
        return (value is not None) == test["present"]
    if test and set(test) <= set(BUCKET_WORDS):
        return all(elements_pass(word, inner, value, situation) for word, inner in test.items())
    if test and set(test) <= {"before", "after", "within"}:
        return time_passes(test, time_of(value), situation)
    if not test or not set(test) <= {"at_least", "at_most"}:
        message = f"not a test: {test!r}"
        raise MalformedDocumentError(message)
    if not is_number(value):
        return False
    low = number(test.get("at_least", number(value)))
    high = number(test.get("at_most", number(value)))
    return low <= number(value) <= high


def elements_pass(word: str, test: Plain, value: Plain, situation: Situation) -> bool:
    """Evaluate the elements of a list; an absent list is like an empty one, what is no list passes nothing."""
    elements = [] if value is None else value
    if not isinstance(elements, Sequence) or isinstance(elements, str):
        return False
    return BUCKET_WORDS[word](met_if(element_passes(test, element, situation)) for element in elements) is Result.MET


def element_passes(test: Plain, element: Plain, situation: Situation) -> bool:
    """Evaluate one element: by patterns, or by sub-paths with tests, all of which it must meet."""
    if isinstance(test, Mapping) and set(test) not in ({"list"}, {"glob"}):
        return all(value_passes(one, at_path(element, path.split(".")), situation) for path, one in test.items())
    return value_passes(test, element, situation)


def time_passes(test: Document, time: datetime | None, situation: Situation) -> bool:
    """Evaluate a time: earlier than `before`, `after` or later, and at most `within` after the job's creation."""
    if time is None:
        return False
    created = creation(situation.job)
    ends: dict[str, Callable[[str], bool]] = {
        "before": lambda end: time < moment(end),
        "after": lambda end: time >= moment(end),
        "within": lambda length: created is not None and time <= created + duration(length),
    }
    return all(ends[word](text(end)) for word, end in test.items())


def moment(written: str) -> datetime:
    """Read a date, which is its first instant in UTC, or an instant with its offset."""
    return datetime.fromisoformat(written if "T" in written else f"{written}T00:00:00+00:00")


def duration(written: str) -> timedelta:
    """Read a whole number of seconds, minutes, hours or days."""
    seconds = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
    return timedelta(seconds=int(written[:-1]) * seconds[written[-1]])


def time_of(value: Plain) -> datetime | None:
    """Give the instant that an ISO string is; None for anything else. Without an offset it is UTC."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return time if time is None or time.tzinfo else time.replace(tzinfo=UTC)


def is_number(value: Plain) -> bool:
    """Say whether a value is a whole number, which a boolean is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def matches(pattern: str, value: str) -> bool:
    """Match the whole string, case-sensitive: `*` is any run of characters, `?` one, all else itself."""
    return compiled(pattern).fullmatch(value) is not None


@lru_cache(maxsize=10_000)
def compiled(pattern: str) -> re.Pattern[str]:
    """Translate a pattern into a regular expression."""
    words = {"*": ".*", "?": "."}
    return re.compile("".join(words.get(character, re.escape(character)) for character in pattern), re.DOTALL)


def filled(pattern: str, situation: Situation) -> str:
    """Put the account, Region and partition of the job's ARN where a pattern asks for them."""
    if "${" not in pattern:
        return pattern
    partition, region, account = arn_parts(situation.job)
    return pattern.replace("${account}", account).replace("${region}", region).replace("${partition}", partition)


def arn_parts(job: Job) -> tuple[str, str, str]:
    """Give partition, Region and account from the job's ARN."""
    _, partition, _, region, account, _ = text(job["JobArn"]).split(":", 5)
    return partition, region, account


def operation_name(job: Job) -> str | Result:
    """Give the name of the job's operation, the one key under Operation; unmeasurable where there are several."""
    names = list(mapping(job["Operation"]))
    return names[0] if len(names) == 1 else Result.UNMEASURABLE


def fact_of(check: str, situation: Situation) -> Fact:
    """Give the one value that a check of a single value looks at."""
    job = situation.job
    match check:
        case "operation":
            return operation_name(job)
        case "total_tasks":
            return total_tasks(job)
        case "object_bytes":
            return of_rows(situation, situation.object_bytes)
        case "account":
            return arn_parts(job)[2]
        case "region":
            return arn_parts(job)[1]
        case "role" | "priority" | "description":
            return job.get({"role": "RoleArn", "priority": "Priority", "description": "Description"}[check])
    message = f"not a check: {check!r}"
    raise MalformedDocumentError(message)


def total_tasks(job: Job) -> Fact:
    """Give the number of objects in the manifest; 0 or absent it is unknown before Suspended, else unmeasurable."""
    total = mapping(job.get("ProgressSummary")).get("TotalNumberOfTasks")
    return total or (Result.UNKNOWN if job.get("Status") in BEFORE_SUSPENDED else Result.UNMEASURABLE)


REPORT_MEMBERS = {
    "enabled": "Enabled",
    "scope": "ReportScope",
    "prefix": "Prefix",
    "format": "Format",
    "expected_bucket_owner": "ExpectedBucketOwner",
}


def part_of(check: str, part: str, situation: Situation) -> Fact:
    """Give what a check of a structure finds at one part of it."""
    job = situation.job
    if check == "report":
        report = mapping(job.get("Report"))
        if part == "bucket":
            return bucket_in(report["Bucket"]) if "Bucket" in report else None
        return report.get(REPORT_MEMBERS[part])
    if part == "rows":
        rows = situation.manifest_rows
        return of_rows(situation, total_tasks(job) if rows is None else rows)
    if part == "rows_without_version":
        return of_rows(situation, situation.rows_without_version)
    if part == "bytes":
        return of_stored_manifest(job, situation.manifest_bytes)
    return manifest_part(job, part)


def at_path(value: Plain, path: list[str]) -> Plain:
    """Follow keys into structures; None where the way ends early."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def manifest_part(job: Job, part: str) -> Fact:
    """Give `generated`, `stored`, `format`, `bucket`, `key` or `version` of the job's manifest."""
    if says_its_objects_twice(job):
        return Result.UNMEASURABLE
    generator = at_path(job, ["ManifestGenerator", "S3JobManifestGenerator"])
    if part == "generated":
        return generator is not None
    if part == "stored":
        return at_path(generator, ["EnableManifestOutput"]) if generator is not None else True
    if isinstance(missing := manifest_trouble(job), Result):
        return missing
    if part == "format":
        return at_path(job, ["Manifest", "Spec", "Format"]) or at_path(job, ["GeneratedManifestDescriptor", "Format"])
    location = at_path(job, ["Manifest", "Location"]) or at_path(job, ["GeneratedManifestDescriptor", "Location"])
    if part == "version":
        return at_path(location, ["ObjectVersionId"])
    bucket, _, key = in_s3(text(at_path(location, ["ObjectArn"]))).partition("/")
    if not is_a_bucket_today(bucket) or (part == "key" and not key):
        return Result.UNMEASURABLE
    return {"bucket": bucket, "key": key}[part]


def says_its_objects_twice(job: Job) -> bool:
    """Say whether the job has a manifest of its own and a generator, so that nobody knows which one S3 follows."""
    return "Manifest" in job and "ManifestGenerator" in job


def manifest_trouble(job: Job) -> Result | None:
    """Say why there is no manifest object to look at, None where there is one.

    A supplied one is always there; a generated one is unmeasurable where it is not stored, and
    until the generator has run unknown before Suspended, unmeasurable from there. Unmeasurable also beside a generator.
    """
    if says_its_objects_twice(job):
        return Result.UNMEASURABLE
    if "Manifest" in job or "GeneratedManifestDescriptor" in job:
        return None
    stored = at_path(job, ["ManifestGenerator", "S3JobManifestGenerator", "EnableManifestOutput"])
    if stored is True and job.get("Status") in BEFORE_SUSPENDED:
        return Result.UNKNOWN
    return Result.UNMEASURABLE


def of_stored_manifest(job: Job, fact: int | Unavailable) -> Fact:
    """Give what was read from the manifest object, or why nothing can have been."""
    trouble = manifest_trouble(job)
    if trouble is not None:
        return trouble
    return Result(fact) if isinstance(fact, str) else fact


def of_rows(situation: Situation, fact: "Fact | Sequence[str]") -> "Fact | Sequence[str]":
    """Give what was read from the rows of the manifest, which are compared with the tasks that S3 counts."""
    job, rows = situation.job, situation.manifest_rows
    trouble = manifest_trouble(job)
    if trouble is not None:
        return trouble
    if isinstance(fact, str):
        return Result(fact)
    if isinstance(total := total_tasks(job), Result):
        return total
    if isinstance(rows, int) and rows != total:
        return Result.UNMEASURABLE
    return fact


def source_buckets(situation: Situation) -> list[str | Result] | Result:
    """Give every bucket the job reads or changes: the generator's SourceBucket, or the manifest's rows."""
    if says_its_objects_twice(situation.job):
        return Result.UNMEASURABLE
    source = at_path(situation.job, ["ManifestGenerator", "S3JobManifestGenerator", "SourceBucket"])
    if source is not None:
        return [bucket_in(source)]
    rows = of_rows(situation, situation.row_buckets)
    if isinstance(rows, Result):
        return rows
    return [bucket_in(row) for row in set(listed(rows))] if len(set(listed(rows))) <= 1_000 else Result.UNMEASURABLE


def cost_holds(test: Document, cost: "Fraction | Result") -> Result:
    """Evaluate a range of dollars, both ends included."""
    if isinstance(cost, Result):
        return cost
    low, high = (amount(test[end]) if end in test else cost for end in ("at_least", "at_most"))
    return met_if(low <= cost <= high)


def estimated_cost(situation: Situation) -> "Fraction | Result":
    """Estimate what the job costs: job, objects, requests, one an object, and bytes where it is priced by size."""
    prices, job, operation = situation.prices, situation.job, operation_name(situation.job)
    if isinstance(operation, Result):
        return operation
    parts: list[Fact] = [total_tasks(job), *(prices.get(each) for each in ("job", "million_objects"))]
    parts.append(mapping(prices.get("million_requests")).get(operation))
    of_size = {
        name: price for name, price in mapping(prices.get("gibibyte")).items() if name.split(".")[0] == operation
    }
    size: Fact = 0
    price: Fact = 0
    if of_size:
        size = of_rows(situation, situation.object_bytes)
        tier = at_path(job, ["Operation", operation, "GlacierJobTier"])
        price = of_size.get(operation, of_size.get(f"{operation}.{tier}"))
    needed = [Result.UNMEASURABLE if part is None else part for part in (*parts, size, price)]
    missing = {part for part in needed if isinstance(part, Result)}
    if missing:
        return first_of((Result.UNKNOWN, Result.UNMEASURABLE), missing, Result.UNMEASURABLE)
    objects, of_job, of_objects, of_requests, gibibytes, of_gibibyte = map(amount, needed)
    return of_job + objects * (of_objects + of_requests) / 10**6 + gibibytes / 2**30 * of_gibibyte


def amount(written: Fact) -> Fraction:
    """Read a number as people write it, exactly."""
    return Fraction(str(written))


def destination_buckets(situation: Situation) -> list[str | Result] | Result:
    """Give the copy target; none for operations that have none; unmeasurable where it can't be told."""
    name = operation_name(situation.job)
    if name == "S3ReplicateObject" or name not in KNOWN_OPERATIONS:
        return Result.UNMEASURABLE
    if name != "S3PutObjectCopy":
        return []
    return [bucket_in(at_path(situation.job, ["Operation", "S3PutObjectCopy", "TargetResource"]))]


def bucket_in(said: Plain) -> str | Result:
    """Give the name of the general-purpose bucket that an ARN, or a name, means; unmeasurable where it means none."""
    name = in_s3(said) if isinstance(said, str) and said.startswith("arn:") else said
    return name if isinstance(name, str) and is_a_bucket_today(name) else Result.UNMEASURABLE


def in_s3(arn: str) -> str:
    """Give what an ARN of S3 names that has neither Region nor account; "" for any other ARN, or none.

    ARNs are read from the left: only the first five colons part them.
    """
    found = re.fullmatch(r"arn:aws[a-z-]*:s3:::(.*)", arn, re.DOTALL)
    return found[1] if found else ""


RESERVED_ENDS = ("-s3alias", "--ol-s3", "--op-s3", ".mrap", "--x-s3", "--xa-s3", "--table-s3")
RESERVED_BEGINNINGS = ("xn--", "sthree-", "amzn-s3-demo-")


def is_a_bucket_today(name: str) -> bool:
    """Say whether a bucket of this name could be made. Source: S3 User Guide, bucket naming rules."""
    return (
        re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", name) is not None
        and ".." not in name
        and re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3}){3}", name) is None
        and not name.endswith(RESERVED_ENDS)
        and not name.startswith(RESERVED_BEGINNINGS)
    )
