"""The policy document, exactly as teams write it.

These structs are the one definition of the language's shape: decoding, the JSON Schema and the
error messages are made from them. What a well-shaped document means is in `compile`.

Every struct forbids unknown fields: whatever is not defined here is an error.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

CALENDARS_AT_MOST = 256
"""Whether each is open is looked up for every job."""

BUDGETS_AT_MOST = 45
"""A job may still have reserved of as many budgets that the policies named before; see `RESERVATIONS_AT_MOST`."""

MAX_NESTING = 2
"""How deep `any` and `all` may stand in one another."""

PLACEHOLDERS = ("account", "region", "partition")
"""What `${...}` may name; the values come from the job's ARN."""

MONEY_AT_MOST = 10**9
"""US dollars. With their decimals they have fewer than 15 digits, so that every reader of JSON has them exactly."""

MONEY_DECIMALS = 4

TAG_VALUE_AT_MOST = 256
"""Characters of a tag's value. Source: S3 User Guide, S3 Batch Operations tags; S3 API, Tag."""

Name = Annotated[str, Meta(min_length=1, max_length=64, description="A name, unique in the policy set.")]
"""Short, so that every record and reason that it stands in fits where it goes."""
TagKey = Annotated[str, Meta(min_length=1, max_length=128)]
"""Source: S3 User Guide, S3 Batch Operations tags; S3 API, Tag."""
Count = Annotated[int, Meta(ge=0)]
Money = Annotated[Decimal, Meta(extra={"money": True})]
"""US dollars, up to MONEY_AT_MOST, with at most MONEY_DECIMALS decimals."""
Message = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        pattern="^[ -~]*$",
        description="1 to 100 printable ASCII characters, written into the reason where they fit.",
    ),
]
PATTERN = {"pattern": True}
Pattern = Annotated[str, Meta(extra=PATTERN)]
"""Text with * and ?, in which `${account}`, `${region}` and `${partition}` stand for the job's own."""
GLOB = {"pattern": True, "glob": True}
Glob = Annotated[str, Meta(extra=GLOB)]
"""The same with the shell's classes: `[0-9]`, `[a-z]`, `[!x]`."""
Strings = Annotated[tuple[str, ...], Meta(min_length=1, description="Any of these.")]
DATE = {"form": "a date such as 2026-12-24"}
TIME = {"form": 'a time such as "22:00"'}
Time = Annotated[str, Meta(extra=TIME)]
Dates = Annotated[tuple[Annotated[str, Meta(extra=DATE)], ...], Meta(min_length=1, description="Any of these.")]
Duration = Annotated[str, Meta(pattern="^(0|[1-9][0-9]{0,8})[smhd]$")]
"""A whole number of seconds, minutes, hours or days."""
LongerDuration = Annotated[str, Meta(pattern="^[1-9][0-9]{0,8}[smhd]$")]
"""The same, and not none at all."""
Mode = Literal["enforce", "shadow"]
OnViolation = Literal["hold", "cancel"]
UngatedJobs = Literal["report", "cancel"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Each = Literal["account", "region", "role", "operation"]
Per = Literal["day", "week", "month"]

_ONE_KEY = {"minProperties": 1, "maxProperties": 1}
_ANY_KEY = {"minProperties": 1}


class _Form(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What all parts of a document share: closed, immutable, defaults not written out."""


# --- What a check compares with -------------------------------------------------------------------


class GlobTerm(_Form, frozen=True):
    """A pattern with the shell's classes, in a list."""

    glob: Glob


Patterns = Annotated[tuple[Pattern | GlobTerm, ...], Meta(min_length=1, description="Any of these.")]


class PlainTextTerm(_Form, frozen=True):
    """The long forms of a text test that may stand inside `not`."""

    list: str | UnsetType = UNSET
    glob: Glob | UnsetType = UNSET
    present: bool | UnsetType = UNSET


class TextTerm(PlainTextTerm, frozen=True):
    """The long forms of a text test: exactly one of them."""

    not_: Pattern | Patterns | PlainTextTerm | UnsetType = field(name="not", default=UNSET)


Text = Annotated[
    Pattern | Patterns | TextTerm,
    Meta(
        description="A pattern (* and ?, whole string, case-sensitive), a list of them (any), "
        "{glob: ...}, {list: NAME}, {not: ...} or {present: true|false}.",
    ),
]
Tags = Annotated[dict[TagKey, Text], Meta(min_length=1)]


class PlainRange(_Form, frozen=True):
    """A range of whole numbers, both ends included."""

    at_least: Count | UnsetType = UNSET
    at_most: Count | UnsetType = UNSET


class Range(PlainRange, frozen=True):
    """A range of whole numbers, or {not: RANGE}."""

    not_: PlainRange | UnsetType = field(name="not", default=UNSET)


class PlainMoneyRange(_Form, frozen=True):
    """A range of US dollars, both ends included."""

    at_least: Money | UnsetType = UNSET
    at_most: Money | UnsetType = UNSET


class MoneyRange(PlainMoneyRange, frozen=True):
    """A range of US dollars, or {not: RANGE}."""

    not_: PlainMoneyRange | UnsetType = field(name="not", default=UNSET)


Scalar = bool | int | Pattern
Scalars = Annotated[tuple[Scalar | GlobTerm, ...], Meta(min_length=1, description="Any of these.")]
Moment = Annotated[
    str,
    Meta(description="YYYY-MM-DD, its first instant in UTC; or an instant with its offset, as 2026-03-27T06:00:00Z."),
]


class PlainElementTerm(PlainRange, frozen=True):
    """The long forms of a test of one value below an operation or a generator that may stand inside `not`."""

    list: str | UnsetType = UNSET
    glob: Glob | UnsetType = UNSET
    present: bool | UnsetType = UNSET
    before: Moment | UnsetType = UNSET
    after: Moment | UnsetType = UNSET
    within: Duration | UnsetType = UNSET


class ElementTerm(PlainElementTerm, frozen=True):
    """The long forms of a test of what an element of a list has: words of one kind, or exactly one of the others."""

    not_: Scalar | Scalars | PlainElementTerm | UnsetType = field(name="not", default=UNSET)


_ELEMENTS = Meta(
    description="For a list of structures: sub-paths with tests, all of which one element must meet. For a list of"
    " texts: a pattern, a list of them (any), {glob: ...} or {list: NAME}.",
)
PlainElements = Annotated[
    Pattern | Patterns | Annotated[Mapping[str, Scalar | Scalars | PlainElementTerm], Meta(min_length=1)], _ELEMENTS
]
"""What the elements of a list are compared with; S3 has no member `list` or `glob`, so `{list: NAME}` is a named list
and `{glob: ...}` a pattern."""
Elements = Annotated[
    Pattern | Patterns | Annotated[Mapping[str, Scalar | Scalars | ElementTerm], Meta(min_length=1)], _ELEMENTS
]


class PlainParameterTerm(PlainElementTerm, frozen=True):
    """The long forms of a parameter's test that may stand inside `not`."""

    any: PlainElements | UnsetType = UNSET
    only: PlainElements | UnsetType = UNSET
    none: PlainElements | UnsetType = UNSET


class ParameterTerm(PlainParameterTerm, frozen=True):
    """The long forms of a parameter's test: words of one kind side by side, or exactly one of the others."""

    any: Elements | UnsetType = UNSET
    only: Elements | UnsetType = UNSET
    none: Elements | UnsetType = UNSET
    not_: Scalar | Scalars | PlainParameterTerm | UnsetType = field(name="not", default=UNSET)


Parameter = Annotated[
    Scalar | Scalars | ParameterTerm,
    Meta(
        description="A pattern, a number, true or false, a list of them (any), {at_least, at_most}, {glob: ...},"
        " {list: NAME}, {any, only, none} of a list, {before, after, within} of a time, {not: ...} or"
        " {present: true|false}.",
    ),
]
Parameters = Annotated[Mapping[str, Parameter], Meta(min_length=1)]


class PlainReport(_Form, frozen=True):
    """Tests of the completion report; all that are written must hold."""

    enabled: bool | UnsetType = UNSET
    scope: Text | UnsetType = UNSET
    bucket: Text | UnsetType = UNSET
    prefix: Text | UnsetType = UNSET
    format: Text | UnsetType = UNSET
    expected_bucket_owner: Text | UnsetType = UNSET
    present: bool | UnsetType = UNSET


class Report(PlainReport, frozen=True):
    """Tests of the completion report, or {not: ...} of them together."""

    not_: PlainReport | UnsetType = field(name="not", default=UNSET)


class PlainManifest(_Form, frozen=True):
    """Tests of the manifest; all that are written must hold."""

    format: Text | UnsetType = UNSET
    bucket: Text | UnsetType = UNSET
    key: Text | UnsetType = UNSET
    version: Text | UnsetType = UNSET
    generated: bool | UnsetType = UNSET
    stored: bool | UnsetType = UNSET
    bytes: Range | UnsetType = UNSET
    rows: Range | UnsetType = UNSET
    rows_without_version: Range | UnsetType = UNSET


class Manifest(PlainManifest, frozen=True):
    """Tests of the manifest, or {not: ...} of them together."""

    not_: PlainManifest | UnsetType = field(name="not", default=UNSET)


class NamesTerm(_Form, frozen=True):
    """The long forms of names: a named list, or a pattern with classes."""

    list: str | UnsetType = UNSET
    glob: Glob | UnsetType = UNSET


BucketNames = Annotated[
    Pattern | Patterns | NamesTerm,
    Meta(description="Bucket names or patterns: one, a list of them (any), {list: NAME} or {glob: ...}."),
]


Callers = Annotated[
    Pattern | Patterns | NamesTerm,
    Meta(
        description="Callers' ARNs as STS names them, or patterns, such as arn:aws:sts::*:assumed-role/lake-oncall/*:"
        " one, a list of them (any), {list: NAME} or {glob: ...}.",
    ),
]


class PlainBuckets(_Form, frozen=True):
    """Which of several buckets must match: `any` at least one, `only` every one, `none`."""

    any: BucketNames | UnsetType = UNSET
    only: BucketNames | UnsetType = UNSET
    none: BucketNames | UnsetType = UNSET


class Buckets(PlainBuckets, frozen=True):
    """Bucket words side by side must all hold; {not: ...} is their complement together."""

    not_: PlainBuckets | UnsetType = field(name="not", default=UNSET)


# --- Statements -----------------------------------------------------------------------------------


class Approvers(_Form, frozen=True):
    """Whose approvals are wanted."""

    by: Callers | UnsetType = UNSET
    at_least: Annotated[int, Meta(ge=1, description="Different people; 1 if not given.")] | UnsetType = UNSET
    not_requester: Annotated[bool, Meta(description="Whoever created the job does not count.")] | UnsetType = UNSET


class Approvals(Approvers, frozen=True):
    """Whose approvals lift holds, and what `manual_approval` does not say itself."""

    session_names: (
        Annotated[
            Literal["trusted"],
            Meta(
                description="Sessions' names are people's: the trust policy of every role that approves demands them."
            ),
        ]
        | UnsetType
    ) = UNSET


class Condition(_Form, frozen=True):
    """One check, or `any` / `all` over conditions: exactly one key."""

    any: "Annotated[tuple[Condition, ...], Meta(min_length=1)] | UnsetType" = UNSET
    all: "Annotated[tuple[Condition, ...], Meta(min_length=1)] | UnsetType" = UNSET
    operation: Text | UnsetType = UNSET
    operation_parameters: Parameters | UnsetType = UNSET
    total_tasks: Range | UnsetType = UNSET
    manifest: Manifest | UnsetType = UNSET
    manifest_generator: Parameters | UnsetType = UNSET
    object_bytes: Range | UnsetType = UNSET
    source_buckets: Buckets | UnsetType = UNSET
    cost: MoneyRange | UnsetType = UNSET
    destination_buckets: Buckets | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    role: Text | UnsetType = UNSET
    priority: Range | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    report: Report | UnsetType = UNSET
    account: Text | UnsetType = UNSET
    region: Text | UnsetType = UNSET
    window: Text | UnsetType = UNSET
    manual_approval: Literal["required"] | Approvers | UnsetType = UNSET
    budget: str | UnsetType = UNSET


Conditions = Annotated[tuple[Condition, ...], Meta(min_length=1)]


class Requirement(Condition, frozen=True):
    """A condition with what follows from its violation."""

    unless: Conditions | UnsetType = UNSET
    on_violation: OnViolation | UnsetType = UNSET
    grace: Duration | UnsetType = UNSET
    message: Message | UnsetType = UNSET


class Statement(_Form, frozen=True):
    """What policies and guardrails share."""

    name: Name
    require: tuple[Requirement, ...]
    description: str | UnsetType = UNSET
    mode: Mode | UnsetType = UNSET
    match: Conditions | UnsetType = UNSET
    on_violation: OnViolation | UnsetType = UNSET


class Policy(Statement, frozen=True):
    """May approve the jobs that it matches."""


class Guardrail(Statement, frozen=True):
    """Restricts what it matches, and never approves."""

    require: Annotated[tuple[Requirement, ...], Meta(min_length=1)]


class Exemption(_Form, frozen=True):
    """An `unless` kept apart, with an end (`exceptions` in the document)."""

    name: Name
    lifts: Strings
    match: Conditions
    expires: Annotated[str, Meta(extra=DATE, description="YYYY-MM-DD; through that day in `timezone`.")]
    because: Annotated[str, Meta(min_length=1)]
    timezone: Annotated[str, Meta(description="An IANA time zone; UTC if not given.")] | UnsetType = UNSET


# --- Budgets --------------------------------------------------------------------------------------


class EachTag(_Form, frozen=True):
    """A tag of the job, of which a budget has an account for each value."""

    tag: TagKey


class Budget(_Form, frozen=True):
    """How much may be approved in a period."""

    name: Name
    per: Per
    each: EachTag | Each | UnsetType = UNSET
    timezone: Annotated[str, Meta(description="An IANA time zone; UTC if not given.")] | UnsetType = UNSET
    jobs: Count | UnsetType = UNSET
    objects: Count | UnsetType = UNSET
    object_bytes: Count | UnsetType = UNSET
    cost: Money | UnsetType = UNSET


LIMITS = ("jobs", "objects", "object_bytes", "cost")
"""What a budget may limit."""


# --- Calendars and the whole ----------------------------------------------------------------------


class OpenRow(_Form, frozen=True):
    """When a calendar is open: `days` or `dates`, whole or between two times."""

    days: Annotated[tuple[Day, ...], Meta(min_length=1)] | UnsetType = UNSET
    dates: Dates | UnsetType = UNSET
    from_: Time | UnsetType = field(name="from", default=UNSET)
    to: Time | UnsetType = UNSET


class CalendarForm(_Form, frozen=True):
    """A named set of time windows."""

    timezone: str
    open: Annotated[tuple[OpenRow, ...], Meta(min_length=1)]
    closed: Dates | UnsetType = UNSET


class Prices(_Form, frozen=True):
    """US dollars, by which the cost of a job is estimated."""

    job: Annotated[Money, Meta(description="For one job.")] | UnsetType = UNSET
    million_objects: Annotated[Money, Meta(description="For a million objects.")] | UnsetType = UNSET
    million_requests: Annotated[Mapping[str, Money], Meta(min_length=1)] | UnsetType = UNSET
    gibibyte: Annotated[Mapping[str, Money], Meta(min_length=1)] | UnsetType = UNSET


class PolicyDocument(_Form, frozen=True):
    """One policy set."""

    version: Literal[1]
    mode: Mode = "enforce"
    unmatched: OnViolation = "hold"
    ungated_jobs: UngatedJobs = "report"
    cancel_grace: Duration = "5m"
    cancel_held_after: LongerDuration | UnsetType = UNSET
    approvals: Approvals | UnsetType = UNSET
    lists: dict[Name, Patterns] = {}
    prices: Prices | UnsetType = UNSET
    calendars: Annotated[dict[Name, CalendarForm], Meta(max_length=CALENDARS_AT_MOST)] = {}
    budgets: Annotated[tuple[Budget, ...], Meta(min_length=1, max_length=BUDGETS_AT_MOST)] | UnsetType = UNSET
    guardrails: Annotated[tuple[Guardrail, ...], Meta(min_length=1)] | UnsetType = UNSET
    policies: Annotated[tuple[Policy, ...], Meta(min_length=1)] | UnsetType = UNSET
    exceptions: Annotated[tuple[Exemption, ...], Meta(min_length=1)] | UnsetType = UNSET
