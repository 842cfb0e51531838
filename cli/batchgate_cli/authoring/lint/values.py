"""Lints on single values: those that no job can have, and ranges that hold no number."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from msgspec import UNSET, Struct

from batchgate.jobs.arns import RESERVED_SUFFIXES, bucket_name
from batchgate.policy import model
from batchgate.policy.checks import FromArn, GeneratorMember, Measure, Member, Parameter, Simple
from batchgate.policy.moments import parse_moment
from batchgate.policy.parameters import ELEMENT_WORDS
from batchgate.policy.patterns import Pattern
from batchgate_cli.authoring.lint.finding import Finding, Path
from batchgate_cli.authoring.lint.located import Leaf, Located, named_lists, texts_in
from batchgate_cli.authoring.lint.pattern_sets import ANYTHING, DIGIT, Shape, meet, shape, some_but, some_of, within

_ACCOUNT_DIGITS = 12
_BEFORE_BUCKET = re.compile(r".*(?::::|://)")
_WILD = re.compile(r"[*?]|\$\{")
_OF_BUCKET = re.compile(r"arn:[^:]*:s3:::")
_REGION_WITH_ZONE = re.compile(r"(?P<region>[a-z]+(?:-[a-z]+)+-[0-9]+)[a-z]")


@dataclass(frozen=True, slots=True, eq=False)
class _Values:
    """All that one fact can be.

    Attributes:
        shapes: Every value is in one of them.
        kind: What each of them is, in words.
        instead: What to write for a value that is not among them.
        lint: What such a value is.
    """

    shapes: tuple[Shape, ...]
    kind: str
    instead: Callable[[str], str]
    lint: str = "impossible-value"


def lint_values(located: Located) -> Iterator[Finding]:
    """Values that are not of their fact's kind, each reported once."""
    seen: set[tuple[_Values, str]] = set()
    if located.document.approvals is not UNSET:
        for place, pattern in texts_in(located.document.approvals, ("approvals",), located.document.lists):
            if not _is_among(pattern, _CALLERS):
                yield _impossible(place, pattern, _CALLERS)
    for leaf in located.leaves:
        yield from _empty_ranges(leaf)
        yield from _large_manifest(leaf)
        for path, operand, values in _compared(leaf):
            named = set(named_lists(operand))
            if named and seen.issuperset((values, name) for name in named):
                continue  # a list may be long, and its values are the same wherever it is named
            seen.update((values, name) for name in named)
            for place, pattern in texts_in(operand, path, located.document.lists):
                if not _is_among(pattern, values):
                    yield _impossible(place, pattern, values)


def _compared(leaf: Leaf) -> Iterator[tuple[Path, object, _Values]]:
    """What a check, or a member of a list's elements, is compared with, and what its values can be where known."""
    measure = leaf.check.measure
    values = _VALUES.get(measure) or _values_of_path(measure)
    if isinstance(leaf.operand, model.Approvers):
        values = _CALLERS
    if values is not None:
        yield leaf.path, leaf.operand, values
    members = _VALUES_OF_MEMBERS.get(measure.path, {}) if isinstance(measure, GeneratorMember) else {}
    for path, operand in _terms(leaf.operand, leaf.path) if members else ():
        if path[-1] in members:
            yield path, operand, members[str(path[-1])]


def _impossible(path: Path, pattern: Pattern, values: _Values) -> Finding:
    why = f'"{pattern}" is not {values.kind}, so it never matches'
    if values is _FUNCTIONS:
        why = f'"{pattern}" matches no function\'s ARN, only jobs that name the function without its ARN'
    return Finding(values.lint, path, why, values.instead(str(pattern)))


def can_be(measure: Measure, pattern: Pattern) -> bool:
    """Whether the measure of any job may match a pattern, as far as it is known what it can be."""
    values = _VALUES.get(measure) or _values_of_path(measure)
    return values is None or _is_among(pattern, values)


@lru_cache(maxsize=4096)
def takes_every(measure: Measure, patterns: frozenset[Pattern]) -> bool:
    """Whether every value of the measure, or any text if that is not known, certainly matches one of the patterns."""
    values = _VALUES.get(measure)
    shapes = values.shapes if values else ((ANYTHING,),)
    return all(any(within(each, shape(pattern)) for pattern in patterns) for each in shapes)


@lru_cache(maxsize=4096)
def _is_among(pattern: Pattern, values: _Values) -> bool:
    if isinstance(pattern, str) and re.search(r"(?<!\$)\{", pattern):
        return True  # the lint `braces` tells
    if values is _BUCKETS and isinstance(pattern, str) and pattern.endswith(RESERVED_SUFFIXES):
        return False
    if isinstance(pattern, str) and not _WILD.search(pattern) and (values is _BUCKETS or _OF_BUCKET.match(pattern)):
        return isinstance(bucket_name(pattern), str)
    return any(meet(shape(pattern), each) for each in values.shapes)


def _empty_ranges(leaf: Leaf) -> Iterator[Finding]:
    for path, operand in _terms(leaf.operand, leaf.path):
        if isinstance(operand, model.PlainRange | model.PlainMoneyRange):
            low, high = operand.at_least, operand.at_most
            if low is not UNSET and high is not UNSET and low > high:
                why = f"no number is at least {low} and at most {high}"
                yield Finding(
                    "empty-range", path, why, f"write {{at_least: {high}, at_most: {low}}}, or put the two under any"
                )
        if isinstance(operand, model.PlainElementTerm):
            after, before = operand.after, operand.before
            if after is not UNSET and before is not UNSET and parse_moment(after) >= parse_moment(before):
                why = f"no time is {after} or later and before {before}"
                yield Finding(
                    "empty-range", path, why, f"write {{after: {before}, before: {after}}}, or put the two under any"
                )


def _large_manifest(leaf: Leaf) -> Iterator[Finding]:
    """A limit of the list that is certainly meant of what it lists."""
    for path, operand in _terms(leaf.operand, leaf.path) if leaf.check.measure == _MANIFEST_BYTES else ():
        limits = (operand.at_most, operand.at_least) if isinstance(operand, model.PlainRange) else ()
        if any(isinstance(limit, int) and limit >= _LARGE for limit in limits):
            why = (
                "no manifest is that large: bytes is the size of the manifest itself, not of the objects that it lists"
            )
            yield Finding("manifest-size", path, why, "limit object_bytes for what the job moves, or total_tasks")


_MANIFEST_BYTES = Member("manifest", "bytes")
_LARGE = 10**12
"""A terabyte: 20 billion rows, as many as a job may have, of 50 characters each. Source: S3 User Guide, quotas."""


def _terms(operand: object, path: Path) -> Iterator[tuple[Path, object]]:
    """An operand and what it holds inside `not` and of elements."""
    yield path, operand
    if isinstance(operand, Struct):
        inner = getattr(operand, "not_", UNSET)
        if inner is not UNSET:
            yield from _terms(inner, (*path, "not"))
        for word in ELEMENT_WORDS:
            below = getattr(operand, word, UNSET)
            for name, test in below.items() if isinstance(below, dict) else ():
                yield from _terms(test, (*path, word, name))


# --- what values can be -------------------------------------------------------------------------------


def _account_instead(pattern: str) -> str:
    if pattern.isdigit() and len(pattern) < _ACCOUNT_DIGITS:
        return f'write all 12 digits; if leading zeros were lost, "{pattern.zfill(_ACCOUNT_DIGITS)}"'
    return 'write its 12 digits, such as "111122223333"'


def _region_instead(pattern: str) -> str:
    zone = _REGION_WITH_ZONE.fullmatch(pattern)
    if zone:
        return f"write {zone['region']}: a job has a Region, not an Availability Zone"
    return f"write {pattern.lower()}" if pattern != pattern.lower() else "write a Region's name, such as eu-central-1"


def _role_instead(pattern: str) -> str:
    session = _SESSION.search(pattern)
    name = session[1] if session else pattern.rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    name = "".join(each for each in name if each in f"{_NAME_CHARACTERS}*?")
    return f'write the ARN of an IAM role, such as "arn:*:iam::*:role/{_named(name, "NAME")}"'


def _caller_instead(pattern: str) -> str:
    name = _named(pattern.removesuffix("/*").rsplit("/", 1)[-1].rsplit(":", 1)[-1], "ROLE")
    return f"write a role's sessions, without the role's path, as \"arn:*:sts::*:assumed-role/{name}/*\""


_SESSION = re.compile(r":assumed-role/([^/]+)/")
"""An assumed role's ARN has the role's name and then the session's. Source: IAM User Guide, ARNs of principals."""


def _named(name: str, otherwise: str) -> str:
    """A name as advice may repeat it: never a bare wildcard, which would admit everything."""
    return name if name.strip("*?") else otherwise


def _bucket_instead(pattern: str) -> str:
    name = _BEFORE_BUCKET.sub("", pattern).partition("/")[0].rpartition(":")[2]
    if name == pattern:
        return "write the name of a bucket as it can be made today; anything else holds the job as unmeasurable"
    return f"write the bucket's name alone: {_named(name, 'NAME')}"


def _arn_instead(check: str) -> Callable[[str], str]:
    def instead(pattern: str) -> str:
        name = _named(_BEFORE_BUCKET.sub("", pattern), "NAME")
        return f'write the bucket\'s ARN, such as "arn:*:s3:::{name}", or use {check}'

    return instead


def _key_instead(pattern: str) -> str:
    name = pattern.rpartition("/")[2].rpartition(":")[2]
    if "alias/" in pattern or not re.fullmatch(r"[0-9a-zA-Z*?-]+", name):
        name = "KEY-ID"
    return f'write the key\'s own ARN, as in "arn:*:kms:*:*:key/{_named(name, "KEY-ID")}"'


def _function_instead(pattern: str) -> str:
    name = _named(pattern.rpartition("function:")[2], "NAME:VERSION")
    return f'write the ARN, such as "arn:*:lambda:*:*:function:{name}"'


_ACCOUNTS = _Values(((DIGIT,) * _ACCOUNT_DIGITS,), "an account ID (12 digits)", _account_instead)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_REGIONS = _Values(
    ((*some_of(_LETTERS + "-"), *shape("-"), DIGIT), (*some_of(_LETTERS + "-"), *shape("-"), DIGIT, DIGIT)),
    "a Region name (lower-case words and a number)",
    _region_instead,
)
_NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+=,.@-"
_IN_NAMES = some_of(_NAME_CHARACTERS)
_PATH_CHARACTERS = "".join(map(chr, range(0x21, 0x7F)))
_PATH = (some_of(_PATH_CHARACTERS.replace("/", ""))[0], some_of(_PATH_CHARACTERS)[1], *shape("/"))
"""Of a role, behind its first slash. Source: IAM API, Role, Path: ! to ~, between slashes."""

_ROLES = _Values(
    tuple(
        (
            *shape("arn:"),
            *some_but(":"),
            *shape(":iam::"),
            *(DIGIT,) * _ACCOUNT_DIGITS,
            *shape(":role/"),
            *path,
            *_IN_NAMES,
        )
        for path in ((), _PATH)
    ),
    "a role ARN",
    _role_instead,
)
_CALLERS = _Values(
    tuple(
        (*shape("arn:"), *some_but(":"), *shape(service), *(DIGIT,) * _ACCOUNT_DIGITS, *shape(kind), *name)
        for service, kind, name in (
            (":sts::", ":assumed-role/", (*_IN_NAMES, *shape("/"), *_IN_NAMES)),
            (":iam::", ":user/", some_of(f"{_NAME_CHARACTERS}/")),
            (":iam::", ":root", ()),
        )
    ),
    "the ARN of a caller whose approval may count, as STS names it",
    _caller_instead,
)
_ALPHANUMERIC = some_of(f"{_LETTERS}0123456789")[0]
_BUCKET = (_ALPHANUMERIC, *some_of(f"{_LETTERS}0123456789.-"), _ALPHANUMERIC)
_BUCKETS = _Values(
    (_BUCKET,),
    "the name of a general-purpose bucket (compared without ARN, scheme and key)",
    _bucket_instead,
)

_PLACE = (*some_of(f"{_LETTERS}0123456789-"), *shape(":"), *(DIGIT,) * _ACCOUNT_DIGITS)
_BUCKET_ARNS = (
    (*shape("arn:"), *some_but(":"), *shape(":s3:::"), *_BUCKET),
    (*shape("arn:"), *some_but(":"), *shape(":s3:"), *_PLACE, *shape(":accesspoint/"), ANYTHING),
    (*shape("arn:"), *some_but(":"), *shape(":s3express:"), *_PLACE, *shape(":"), ANYTHING),
)
_TARGETS, _SOURCES, _MANIFEST_BUCKETS = (
    _Values(_BUCKET_ARNS, "a bucket's ARN, as S3 returns it there", _arn_instead(check))
    for check in ("destination_buckets", "source_buckets", "manifest: {bucket: ...}")
)
_FUNCTIONS = _Values(
    ((*shape("arn:"), *some_but(":"), *shape(":lambda:"), ANYTHING),),
    "a function's ARN",
    _function_instead,
    "function-without-arn",
)
_KEY = some_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
_KEYS = _Values(
    (
        (
            *shape("arn:"),
            *some_but(":"),
            *shape(":kms:"),
            *some_but(":"),
            *shape(":"),
            *(DIGIT,) * _ACCOUNT_DIGITS,
            *shape(":key/"),
            *_KEY,
        ),
    ),
    "the ARN of a KMS key, which is all that S3 takes there",
    _key_instead,
)
_VALUES_OF_MEMBERS: Mapping[str, Mapping[str, _Values]] = {
    "Filter.MatchAnyObjectEncryption": {"SSEKMS.KmsKeyArn": _KEYS, "DSSEKMS.KmsKeyArn": _KEYS},
}
"""By the list's path and by the path below an element. Source: botocore's s3control model, NonEmptyKmsKeyArnString."""

_VALUES_OF_PATHS: Mapping[str, _Values] = {
    "S3PutObjectCopy.TargetResource": _TARGETS,
    "LambdaInvoke.FunctionArn": _FUNCTIONS,
    "SourceBucket": _SOURCES,
    "S3UpdateObjectEncryption.ObjectEncryption.SSEKMS.KMSKeyArn": _KEYS,
    "ExpectedBucketOwner": _ACCOUNTS,
    "ManifestOutputLocation.Bucket": _MANIFEST_BUCKETS,
    "ManifestOutputLocation.ExpectedManifestBucketOwner": _ACCOUNTS,
}
"""Source: botocore's s3control model, S3RegionalOrS3ExpressBucketArnString, S3BucketArnString, AccountId,
NonEmptyKmsKeyArnString. S3PutObjectCopy.SSEAwsKmsKeyId and ManifestEncryption.SSEKMS.KeyId take key IDs and aliases,
too."""


def _values_of_path(measure: Measure) -> _Values | None:
    return _VALUES_OF_PATHS.get(measure.path) if isinstance(measure, Parameter | GeneratorMember) else None


_VALUES: Mapping[Measure, _Values] = {
    FromArn("account"): _ACCOUNTS,
    FromArn("region"): _REGIONS,
    Simple("role"): _ROLES,
    Simple("source_buckets"): _BUCKETS,
    Simple("destination_buckets"): _BUCKETS,
    Member("manifest", "bucket"): _BUCKETS,
    Member("report", "bucket"): _BUCKETS,
    Member("report", "expected_bucket_owner"): _ACCOUNTS,
}
"""Source: S3 Control API, AccountId, IAMRoleArn; S3 User Guide, bucket naming rules."""
