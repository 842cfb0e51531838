"""What is evaluated: policy sets of any size, and the job that they are asked about.

Every policy has four checks: operation and Region in its match, one tag and the size in its requirements. The
measured job satisfies each policy that governs it, so that nothing is decided early and every condition is evaluated.
Patterns end in their only star, which every engine can ask for in its fastest way.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

SEED = 20260301

OPERATION = "S3PutObjectCopy"
OTHER_OPERATIONS = (
    "LambdaInvoke",
    "S3ComputeObjectChecksum",
    "S3DeleteObjectTagging",
    "S3InitiateRestoreObject",
    "S3PutObjectAcl",
    "S3PutObjectLegalHold",
    "S3PutObjectRetention",
    "S3PutObjectTagging",
    "S3ReplicateObject",
    "S3UpdateObjectEncryption",
)
OTHER_REGIONS = ("af-*", "ap-*", "ca-*", "il-*", "me-*", "mx-*", "sa-*", "us-east-*", "us-gov-*", "us-west-*")


@dataclass(frozen=True, slots=True)
class BenchedJob:
    """A job, as far as the policies here look at it.

    Attributes:
        total_tasks: Objects in the manifest.
    """

    operation: str
    region: str
    tags: Mapping[str, str]
    total_tasks: int


@dataclass(frozen=True, slots=True)
class BenchedPolicy:
    """One policy of four checks.

    Attributes:
        operations: The operations that it matches, any of them.
        regions: The patterns of Regions that it matches, any of them.
        tag: The tag that it requires: key and pattern.
        at_most: The most tasks that it allows.
    """

    name: str
    operations: tuple[str, ...]
    regions: tuple[str, ...]
    tag: tuple[str, str]
    at_most: int

    @property
    def operands(self) -> tuple[object, ...]:
        """What the four checks compare with."""
        return frozenset(self.operations), frozenset(self.regions), self.tag, self.at_most


@dataclass(frozen=True, slots=True)
class Workload:
    """Policies, the job that is measured, and others that show whether the engines agree.

    Attributes:
        title: A few words for the table.
        job: Satisfies every policy that governs it.
        others: Jobs that fail some check of some policies.
    """

    title: str
    policies: tuple[BenchedPolicy, ...]
    job: BenchedJob
    others: tuple[BenchedJob, ...]

    @property
    def distinct_checks(self) -> int:
        """How many of the checks differ."""
        return sum(len({policy.operands[place] for policy in self.policies}) for place in range(4))


def _others(job: BenchedJob) -> tuple[BenchedJob, ...]:
    cut = {key: value[: len(value) // 2] + "?" for key, value in job.tags.items()}
    return (
        replace(job, total_tasks=2_345_678),
        replace(job, total_tasks=10**12),
        replace(job, tags=cut),
        replace(job, region="eu-west-1"),
        replace(job, region="us-east-1"),
        replace(job, operation="S3PutObjectTagging"),
        replace(job, operation="LambdaInvoke", region="eu-north-1", tags=cut),
    )


# --- drawn from what organisations really write ---------------------------------------------------

_JOB = BenchedJob(
    operation=OPERATION,
    region="eu-central-1",
    tags={"team": "storage-platform", "ticket": "CHG-47110", "cost-center": "4711-20", "environment": "production"},
    total_tasks=250_000,
)
_OPERATION_LISTS = (
    (OPERATION,),
    (OPERATION, "S3ReplicateObject"),
    (OPERATION, "S3PutObjectTagging", "S3DeleteObjectTagging"),
    ("S3PutObjectAcl", OPERATION, "S3PutObjectTagging"),
    ("S3InitiateRestoreObject", "S3ComputeObjectChecksum", OPERATION),
    ("S3ComputeObjectChecksum", "S3UpdateObjectEncryption", "S3ReplicateObject", OPERATION),
)
_OTHER_OPERATION_LISTS = tuple(
    tuple(name for name in operations if name != OPERATION) or ("LambdaInvoke",) for operations in _OPERATION_LISTS
)
_REGIONS = (("eu-*",), ("eu-central-*",), ("eu-c*",), ("eu-central-1",), ("eu-*", "us-east-*"))
_TAGS = tuple(
    (key, pattern)
    for key, patterns in {
        "team": ("*", "s*", "storage*", "storage-*", "storage-p*", "storage-platform"),
        "ticket": ("*", "C*", "CHG*", "CHG-*", "CHG-4*", "CHG-47*", "CHG-471*", "CHG-4711*"),
        "cost-center": ("4*", "47*", "471*", "4711*", "4711-*", "4711-20"),
        "environment": ("p*", "prod*", "production", "production*"),
    }.items()
    for pattern in patterns
)
_LIMITS = tuple(
    step * size for size in (100_000, 1_000_000, 10_000_000) for step in (3, 4, 5, 6, 8, 10, 12, 15, 20, 25)
)


def realistic(size: int) -> Workload:
    """Every policy governs; operands come from pools, so that some are shared between policies."""
    rng = random.Random(SEED)
    policies = [_drawn(rng, name, rng.choice(_OPERATION_LISTS)) for name in _names(rng, size)]
    return Workload("realistic", tuple(policies), _JOB, _others(_JOB))


def typical(size: int) -> Workload:
    """As realistic, but only one policy in ten governs the job: the others' operations are different ones."""
    rng = random.Random(SEED)
    policies = [
        _drawn(rng, name, rng.choice(_OTHER_OPERATION_LISTS if place % 10 else _OPERATION_LISTS))
        for place, name in enumerate(_names(rng, size))
    ]
    return Workload("one in ten governs", tuple(policies), _JOB, _others(_JOB))


def _names(rng: random.Random, size: int) -> list[str]:
    """Names in an order that helps nobody's sorting."""
    return [f"team-{number:04}-copies" for number in rng.sample(range(10_000), size)]


def _drawn(rng: random.Random, name: str, operations: tuple[str, ...]) -> BenchedPolicy:
    return BenchedPolicy(name, operations, rng.choice(_REGIONS), rng.choice(_TAGS), rng.choice(_LIMITS))


# --- nothing to share -----------------------------------------------------------------------------

_TAG_KEYS, _TAG_LENGTH = 10, 100


def all_different(size: int) -> Workload:
    """Every policy governs, and no operand of any check stands twice.

    Operations and Regions differ in which others are listed behind the job's own, tags in key and length of prefix.
    Room for 1,000 policies.
    """
    rng = random.Random(SEED)
    tags = {
        f"key-{number}": "".join(rng.choices("abcdefghijklmnopqrstuvwxyz-", k=_TAG_LENGTH))
        for number in range(_TAG_KEYS)
    }
    job = BenchedJob(OPERATION, "eu-central-1", tags, 250_000)
    prefixes = [(key, f"{tags[key][:length]}*") for key in tags for length in range(1, _TAG_LENGTH + 1)]
    rng.shuffle(prefixes)
    policies = [
        BenchedPolicy(
            name,
            (OPERATION, *_chosen(OTHER_OPERATIONS, number)),
            ("eu-*", *_chosen(OTHER_REGIONS, number)),
            prefixes[number],
            1_000_000 + number,
        )
        for number, name in enumerate(_names(rng, size))
    ]
    return Workload("all operands different", tuple(policies), job, _others(job))


def _chosen(names: tuple[str, ...], number: int) -> tuple[str, ...]:
    """The subset that a number's binary digits name."""
    return tuple(name for place, name in enumerate(names) if number >> place & 1)


WORKLOADS: Mapping[str, Callable[[int], Workload]] = {
    "realistic": realistic,
    "different": all_different,
    "typical": typical,
}
"""By the short name that the output uses."""
