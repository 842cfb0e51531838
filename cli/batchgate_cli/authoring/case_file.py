"""Reads files of test cases from YAML. All problems are reported at once, with line and what to do."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar, get_args

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from batchgate.errors import JobDescriptionError, Place, PolicyError, Problem
from batchgate.jobs.model import Job, JobStatus, Json
from batchgate.policy import calendars, suggestions
from batchgate.policy.amounts import Amounts
from batchgate.policy.approvals import Approval
from batchgate.policy.costs import units
from batchgate.policy.moments import parse_duration, parse_moment
from batchgate.policy.validation.kinds import is_money
from batchgate.text import shorten
from batchgate_cli.authoring import policy_file
from batchgate_cli.authoring.case_members import Mistake, case_shapes, mistakes
from batchgate_cli.authoring.policy_file import DocumentPath, Plain
from batchgate_cli.authoring.stated_facts import StatedContents

V = TypeVar("V")

Verdicts = Literal["approve", "hold", "cancel", "wait"]


class CaseFacts(Struct, frozen=True):
    """What the gate would read from the manifest, and in the ledger.

    Attributes:
        budgets: How much is used of the job's account of each budget; nothing of those that are not there.
    """

    manifest_bytes: int | UnsetType = UNSET
    manifest_rows: int | UnsetType = UNSET
    rows_without_version: int | UnsetType = UNSET
    source_buckets: tuple[str, ...] | UnsetType = UNSET
    object_bytes: int | UnsetType = UNSET
    budgets: Mapping[str, Amounts] = {}

    @property
    def contents(self) -> StatedContents:
        """What is stated of the manifest's rows."""
        names = StatedContents.__struct_fields__
        return StatedContents(**{name: value for name in names if (value := getattr(self, name)) is not UNSET})


class Case(Struct, frozen=True, kw_only=True):
    """One job, and the decision expected for it; see docs/policy-reference.md.

    Attributes:
        job: As S3 would describe it; what the case leaves out has a default.
        at: The instant of the review, UTC.
        approvals: Those of the job as it is.
        requester: The ARN of whoever created the job; UNSET where that is not known.
        decided_by, until, cancels_at, reason: UNSET if the case expects nothing of them; `until` and `cancels_at` are
            None if it expects that there is none.
    """

    name: str
    job: Job
    tags: Mapping[str, str] | Literal["unmeasurable"]
    at: datetime
    facts: CaseFacts
    approvals: tuple[Approval, ...]
    requester: str | UnsetType
    expect: Verdicts
    decided_by: tuple[str, ...] | UnsetType
    until: datetime | UnsetType | None
    cancels_at: datetime | UnsetType | None
    reason: str | UnsetType


class CaseFile(Struct, frozen=True):
    """A file of cases, and the paths of the policies that they test, relative to the file."""

    policy: str | tuple[str, ...]
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class ReadCaseFile:
    """The result of reading a file of cases that may have problems.

    Attributes:
        policy: The policies that it tests; None if it names none, or a file that does not exist.
        cases: The whole file; None if it has problems.
        places: The place of each value, by its path.
        problems: All problems, in the order of the lines.
    """

    policy: str | tuple[str, ...] | None
    cases: CaseFile | None
    places: Mapping[DocumentPath, Place]
    problems: tuple[Problem, ...]


def read_case_file(file: Path) -> ReadCaseFile:
    """Read a file of cases; problems are returned, not raised.

    Raises:
        OSError: It can't be read.
    """
    try:
        plain = policy_file.read_yaml(policy_file.read_file(file), str(file), _CASES)
    except PolicyError as error:
        return ReadCaseFile(None, None, {}, error.problems)
    reader = _Reader(plain, file, list(plain.problems))
    read = None if plain.unreadable else reader.case_file(plain.data)
    problems = sorted(reader.problems, key=lambda problem: problem.place or Place(str(file), 1, 1))
    policy_is_wrong = any(problem.path[:1] == ("policy",) for problem in problems)
    return ReadCaseFile(
        policy=None if read is None or not read.policy or policy_is_wrong else read.policy,
        cases=None if problems else read,
        places=plain.places,
        problems=tuple(problems),
    )


def read_facts(file: Path) -> CaseFacts:
    """Read a file of facts, YAML or JSON, as a case states them.

    Raises:
        PolicyError: The file has problems; all of them, in the order of the lines.
        OSError: It can't be read.
    """
    plain = policy_file.read_yaml(policy_file.read_file(file), str(file), _FACTS)
    reader = _Reader(plain, file, list(plain.problems))
    if isinstance(plain.data, dict) and not _OF_OTHER_FILES.isdisjoint(plain.data):
        keys = ", ".join(_FACTS_KEYS)
        got = f"expected a file of facts: a mapping with {keys}; got {_show(plain.data)}"
        reader.wrong((), f"{got}; write what a test case has below facts")
        raise PolicyError(reader.problems)
    facts = CaseFacts() if plain.unreadable else reader.facts(plain.data, ())
    if reader.problems:
        raise PolicyError(sorted(reader.problems, key=lambda problem: problem.place or Place(str(file), 1, 1)))
    return facts


def read_cases(file: Path) -> tuple[CaseFile, Mapping[DocumentPath, Place]]:
    """Read a file of cases that must have no problems.

    Raises:
        PolicyError: The file has problems; all of them, in the order of the lines.
        OSError: It can't be read.
    """
    read = read_case_file(file)
    if read.cases is None:
        raise PolicyError(read.problems)
    return read.cases, read.places


_CASES = policy_file.FileKind("a file of test cases", "`batchgate policy new` writes a first one, and a policy")
_FACTS = policy_file.FileKind(
    "a file of facts", "write what a test case has below facts, such as manifest_bytes: 1000, or {} for none"
)

# --- the keys of a case ------------------------------------------------------------------------------

_FILE_KEYS = ("policy", "cases")
_CASE_KEYS = Case.__struct_fields__
_CASE_REQUIRES = ("name", "job", "at", "expect")
_FACTS_KEYS = CaseFacts.__struct_fields__
_OF_OTHER_FILES = frozenset({"version", "policy", "cases", "facts"})
_AMOUNTS = Amounts.__struct_fields__
_APPROVAL_KEYS = ("who", "at", "reason")
_SOME_CALLER = "arn:aws:sts::111122223333:assumed-role/lake-oncall/ana"
_JOB_KEYS = (
    "operation",
    "total_tasks",
    "account",
    "region",
    "role",
    "description",
    "priority",
    "status",
    "confirmation_required",
    "suspended_for",
)
JOB_MEMBERS = (
    "JobId",
    "ConfirmationRequired",
    "Description",
    "JobArn",
    "Status",
    "Manifest",
    "Operation",
    "Priority",
    "ProgressSummary",
    "StatusUpdateReason",
    "FailureReasons",
    "Report",
    "CreationTime",
    "TerminationDate",
    "RoleArn",
    "SuspendedDate",
    "SuspendedCause",
    "ManifestGenerator",
    "GeneratedManifestDescriptor",
)
"""Members of S3's description that a job may have beside the keys above. Source: S3 Control API, JobDescriptor."""

_MEMBER_OF_KEY = {
    "role": "RoleArn",
    "description": "Description",
    "priority": "Priority",
    "status": "Status",
    "confirmation_required": "ConfirmationRequired",
}
_STATUSES = tuple(status.value for status in JobStatus if status is not JobStatus.UNRECOGNIZED)
_ACCOUNT, _REGION = "111122223333", "us-east-1"
_ACCOUNT_FORM, _REGION_FORM = re.compile(r"[0-9]{12}"), re.compile(r"[a-z0-9-]+")
_DURATION_FORM = re.compile(r"(0|[1-9][0-9]{0,8})[smhd]")
_SOME_INSTANT = datetime(2026, 1, 1, tzinfo=UTC)
"""Stands in for an invalid `at`, so that the job is checked all the same."""

_Keys: TypeAlias = Mapping[str, Plain]


@dataclass(slots=True)
class _Reader:
    """Reads one file and collects its problems.

    The methods for single values return the value of a key or, if it is missing or a problem, `otherwise`.
    """

    plain: policy_file.PlainFile
    file: Path
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, path: DocumentPath, message: str) -> None:
        problem = Problem(path, message, self.plain.place_of(path))
        is_reported = path and any(path == each.path for each in self.plain.problems)
        if self.plain.is_readable(problem) and not is_reported:
            self.problems.append(problem)

    # --- the file and its cases -----------------------------------------------------------------------

    def case_file(self, data: Plain) -> CaseFile | None:
        if not isinstance(data, dict):
            self.wrong((), f"expected a file of test cases: a mapping with policy and cases, got {_show(data)}")
            return None
        if "version" in data and "cases" not in data:
            self.wrong((), _not_a_policy(self.file))
            return None
        self.keys(data, _FILE_KEYS, ())
        self.require_keys(data, _FILE_KEYS, ())
        policy = self.policy(data, ())
        listed = data.get("cases")
        if not isinstance(listed, list) or not listed:
            if "cases" in data:
                self.wrong(("cases",), f"expected a list of at least one case, got {_show(listed)}")
            return CaseFile(policy, ())
        cases = [self.case(each, ("cases", number)) for number, each in enumerate(listed)]
        self.names_once(listed)
        return CaseFile(policy, tuple(case for case in cases if case is not None))

    def policy(self, mapping: _Keys, path: DocumentPath) -> str | tuple[str, ...]:
        value = mapping.get("policy", "")
        if isinstance(value, str):
            self.exists(value, (*path, "policy"))
            return value
        if isinstance(value, list) and not value:
            self.wrong((*path, "policy"), "expected at least one file or directory, got an empty list")
        names = self.texts(mapping, "policy", path, what="a file or directory, or a list of them")
        for number, name in enumerate(value if isinstance(value, list) else ()):
            if isinstance(name, str):
                self.exists(name, (*path, "policy", number))
        return names or ()

    def exists(self, name: str, path: DocumentPath) -> None:
        named = self.file.parent / name
        if path in self.plain.places and not (name and named.exists()):
            self.wrong(path, f"expected a file or directory, relative to this file; there is no {named}")

    def names_once(self, listed: Sequence[Plain]) -> None:
        first: dict[str, int] = {}
        for number, case in enumerate(listed):
            name = case.get("name") if isinstance(case, dict) else None
            if isinstance(name, str) and first.setdefault(name, number) != number:
                place = self.plain.place_of(("cases", first[name], "name"))
                line = f", first in line {place.line}" if place else ""
                self.wrong(("cases", number, "name"), f"each case needs a unique name, got {_show(name)} again{line}")

    def case(self, mapping: Plain, path: DocumentPath) -> Case | None:
        if not isinstance(mapping, dict):
            self.wrong(path, f"expected a case: a mapping with {', '.join(_CASE_REQUIRES)}, got {_show(mapping)}")
            return None
        before = len(self.problems)
        self.keys(mapping, _CASE_KEYS, path)
        self.require_keys(mapping, _CASE_REQUIRES, path)
        name = self.text(mapping, "name", path, "")
        if mapping.get("name") == "":
            self.wrong((*path, "name"), "expected a name, got an empty text")
        at = self.instant(mapping, "at", path, _SOME_INSTANT)
        until, cancels_at = (
            None if mapping.get(key, "") is None else self.instant(mapping, key, path, UNSET)
            for key in ("until", "cancels_at")
        )
        job = self.job(mapping, path, at)
        case = Case(
            name=name,
            job=job or Job.from_description(_defaults({}, at)),
            tags=self.tags(mapping, path),
            at=at,
            facts=self.facts(mapping.get("facts", {}), (*path, "facts")),
            approvals=self.approvals(mapping, path, at),
            requester=self.caller(mapping, "requester", path, UNSET),
            expect=self.choice(mapping, "expect", path, get_args(Verdicts), "hold"),
            decided_by=self.texts(mapping, "decided_by", path, what="a list of names"),
            until=until,
            cancels_at=cancels_at,
            reason=self.text(mapping, "reason", path, UNSET),
        )
        return case if len(self.problems) == before else None

    def tags(self, mapping: _Keys, path: DocumentPath) -> Mapping[str, str] | Literal["unmeasurable"]:
        value, path = mapping.get("tags", {}), (*path, "tags")
        if value == "unmeasurable":
            return "unmeasurable"
        if not isinstance(value, dict):
            self.wrong(path, f"expected a mapping such as {{team: lake}}, or unmeasurable, got {_show(value)}")
            return {}
        return {key: self.text(value, key, path, "") for key in value}

    def facts(self, value: Plain, path: DocumentPath) -> CaseFacts:
        if not isinstance(value, dict):
            self.wrong(path, f"expected a mapping with {', '.join(_FACTS_KEYS)}, got {_show(value)}")
            return CaseFacts()
        self.keys(value, _FACTS_KEYS, path)
        return CaseFacts(
            manifest_bytes=self.count(value, "manifest_bytes", path, UNSET),
            manifest_rows=self.count(value, "manifest_rows", path, UNSET),
            rows_without_version=self.count(value, "rows_without_version", path, UNSET),
            source_buckets=self.texts(value, "source_buckets", path, what="a list of bucket names"),
            object_bytes=self.count(value, "object_bytes", path, UNSET),
            budgets=self.budgets(value, path),
        )

    def budgets(self, mapping: _Keys, path: DocumentPath) -> Mapping[str, Amounts]:
        """How much is used of each budget."""
        value, path = mapping.get("budgets", {}), (*path, "budgets")
        if not isinstance(value, dict):
            self.wrong(path, f"expected a mapping such as {{team-month: {{jobs: 290}}}}, got {_show(value)}")
            return {}
        return {name: self.amounts(value, name, path) for name in value}

    def amounts(self, mapping: _Keys, name: str, path: DocumentPath) -> Amounts:
        value, path = mapping[name], (*path, name)
        if not isinstance(value, dict):
            self.wrong(path, f"expected a mapping with {', '.join(_AMOUNTS)}, got {_show(value)}")
            return Amounts()
        self.keys(value, _AMOUNTS, path)
        jobs, objects, object_bytes = (self.count(value, key, path, 0) for key in _AMOUNTS if key != "cost")
        return Amounts(jobs, objects, object_bytes, self.money(value, "cost", path))

    def money(self, mapping: _Keys, key: str, path: DocumentPath) -> int:
        """US dollars in units; 0 where nothing is written."""
        value = mapping.get(key, 0)
        if isinstance(value, int | float) and not isinstance(value, bool) and is_money(value):
            return units(Decimal(str(value)))
        self.wrong((*path, key), f"expected US dollars with up to four decimals, such as 12.50, got {_show(value)}")
        return 0

    def approvals(self, mapping: _Keys, path: DocumentPath, at: datetime) -> tuple[Approval, ...]:
        listed, path = mapping.get("approvals", []), (*path, "approvals")
        if not isinstance(listed, list):
            self.wrong(path, f"expected a list such as [{{who: {_SOME_CALLER}}}], got {_show(listed)}")
            return ()
        found: list[Approval] = []
        for number, each in enumerate(listed):
            if not isinstance(each, dict):
                hint = f"; write {{who: {each}}}" if isinstance(each, str) else ""
                self.wrong((*path, number), f"expected a mapping with who, got {_show(each)}{hint}")
                continue
            self.keys(each, _APPROVAL_KEYS, (*path, number))
            self.require_keys(each, ("who",), (*path, number))
            given = self.instant(each, "at", (*path, number), at)
            if given > at:
                self.wrong((*path, number, "at"), "expected an instant not after the review's, the case's at")
            who = self.caller(each, "who", (*path, number), "")
            found.append(Approval(who, given, self.text(each, "reason", (*path, number), ""), digest=""))
        return tuple(found)

    def caller(self, mapping: _Keys, key: str, path: DocumentPath, otherwise: V) -> str | V:
        """The ARN of a caller."""
        who = self.text(mapping, key, path, otherwise)
        if isinstance(who, str) and key in mapping and not who.startswith("arn:"):
            self.wrong((*path, key), f"expected an ARN such as {_SOME_CALLER}, got {_show(who)}")
        return who

    # --- the job --------------------------------------------------------------------------------------

    def job(self, case: _Keys, path: DocumentPath, at: datetime) -> Job | None:
        """The job that a case describes, complete; None if the description has problems."""
        mapping, path = case.get("job", {}), (*path, "job")
        if not isinstance(mapping, dict):
            example = "{operation: S3PutObjectTagging, total_tasks: 10}"
            self.wrong(path, f"expected a mapping such as {example}, got {_show(mapping)}")
            return None
        before = len(self.problems)
        self.keys(mapping, _JOB_KEYS, path, JOB_MEMBERS)
        if "job" in case and "operation" not in mapping and "Operation" not in mapping:
            self.wrong(path, "operation is missing; write a name such as S3PutObjectTagging, or {NAME: {parameters}}")
        words = self.words(mapping, path)
        if len(self.problems) > before:
            words = {}
        description = _defaults(words, at, generated="ManifestGenerator" in mapping)
        members: dict[str, Json] = {}
        for member in (each for each in JOB_MEMBERS if each in mapping):
            members[member] = _as_json(mapping[member])
            try:
                Job.from_description(_present({**description, member: members[member]}))
            except JobDescriptionError as error:
                where, _, what = str(error).partition(": ")
                steps = where.split(".") if where.split(".")[0] == member else [member]
                self.wrong((*path, *steps), f"{what}; write it as DescribeJob returns it")
            else:
                self.members(member, mapping[member], (*path, member))
        if len(self.problems) > before:
            return None
        job = Job.from_description(_present({**description, **members}))
        if "CreationTime" not in members and job.suspended_date and job.creation_time:
            return replace(
                job, creation_time=min(job.creation_time, job.suspended_date)
            )  # no job is suspended before it is created
        return job

    def words(self, mapping: _Keys, path: DocumentPath) -> dict[str, Json]:
        """The values of the keys in `_JOB_KEYS`, as far as they are valid."""
        words: dict[str, Json] = {}
        for word in ("role", "description"):
            words[word] = self.text(mapping, word, path, None, nothing=True)
        words["total_tasks"] = self.count(mapping, "total_tasks", path, None, nothing=True)
        words["priority"] = self.count(mapping, "priority", path, None, nothing=True)
        words["account"] = self.form(mapping, "account", path, _ACCOUNT_FORM, "12 digits in quotes")
        words["region"] = self.form(mapping, "region", path, _REGION_FORM, "a Region such as eu-central-1")
        words["status"] = self.choice(mapping, "status", path, _STATUSES, "Suspended")
        if mapping.get("confirmation_required", False) is not None:
            words["confirmation_required"] = self.flag(mapping, "confirmation_required", path, otherwise=True)
        words["suspended_for"] = self.form(
            mapping, "suspended_for", path, _DURATION_FORM, "a duration such as 4s, 10m or 2d"
        )
        words["operation"] = self.operation(mapping, path)
        return {word: value for word, value in words.items() if word in mapping}

    def form(self, mapping: _Keys, key: str, path: DocumentPath, form: re.Pattern[str], what: str) -> str:
        value = mapping.get(key)
        if key in mapping and not (isinstance(value, str) and form.fullmatch(value)):
            self.wrong((*path, key), f"expected {what}, got {_show(value)}{_quoting(value)}")
        return str(value)

    def operation(self, mapping: _Keys, path: DocumentPath) -> Json:
        value, path = mapping.get("operation"), (*path, "operation")
        match value:
            case None:
                return None
            case str() if value:
                return {value: {}}
            case dict() if len(value) == 1 and all(isinstance(each, dict | None) for each in value.values()):
                self.members("Operation", value, path)
                return _as_json(value)
            case _:
                self.wrong(
                    path, f"expected a name, or one name with its parameters {{NAME: {{...}}}}, got {_show(value)}"
                )
                return None

    def members(self, structure: str, value: Plain, path: DocumentPath) -> None:
        """Report members that S3's request model does not have, and values that they can't have."""
        shape = case_shapes().get(structure)
        if shape is None or value is None:
            return
        if structure == "Operation" and isinstance(value, dict):
            for name in value:  # an unknown operation is a warning elsewhere, or what the case tests
                if name in shape.members and value[name] is not None:
                    self.problems_of(mistakes(shape.members[name], value[name]), (*path, name))
        else:
            self.problems_of(mistakes(shape, value), path)

    def problems_of(self, found: Iterable[Mistake], path: DocumentPath) -> None:
        for mistake in found:
            self.wrong((*path, *mistake.path), mistake.message)

    # --- single values --------------------------------------------------------------------------------

    def keys(self, mapping: _Keys, known: Sequence[str], path: DocumentPath, others: Sequence[str] = ()) -> None:
        for key in mapping:
            if key not in known and key not in others:
                shown = [*known, "DescribeJob's members such as Report"] if others else known
                above = others and suggestions.inflected(key, _CASE_KEYS)  # only a job has others
                hint = f"{above} belongs one level up, beside job" if above else _hint(key, [*known, *others], shown)
                self.wrong((*path, key), f"unknown key; {hint}")

    def require_keys(self, mapping: _Keys, keys: Iterable[str], path: DocumentPath) -> None:
        for key in keys:
            if key not in mapping:
                self.wrong(path, f"{key} is missing; {_MISSING[key]}")

    def text(self, mapping: _Keys, key: str, path: DocumentPath, otherwise: V, *, nothing: bool = False) -> str | V:
        """Text; with `nothing`, null too."""
        value = mapping.get(key)
        if isinstance(value, str):
            return value
        if key in mapping and not (nothing and value is None):
            self.wrong((*path, key), f"expected text, got {_show(value)}{_quoting(value)}")
        return otherwise

    def texts(self, mapping: _Keys, key: str, path: DocumentPath, *, what: str) -> tuple[str, ...] | UnsetType:
        value = mapping.get(key)
        if key not in mapping:
            return UNSET
        if not isinstance(value, list):
            self.wrong((*path, key), f"expected {what}, got {_show(value)}; write it as [...]")
            return UNSET
        for number, item in enumerate(value):
            if not isinstance(item, str):
                self.wrong((*path, key, number), f"expected text, got {_show(item)}{_quoting(item)}")
        return tuple(map(str, value))

    def count(self, mapping: _Keys, key: str, path: DocumentPath, otherwise: V, *, nothing: bool = False) -> int | V:
        value = mapping.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        if key in mapping and not (nothing and value is None):
            meant = suggestions.number_meant(value)
            hint = f"; write {meant}" if meant else ""
            self.wrong((*path, key), f"expected a whole number >= 0, got {_show(value)}{hint}")
        return otherwise

    def flag(self, mapping: _Keys, key: str, path: DocumentPath, *, otherwise: bool) -> bool:
        value = mapping.get(key, otherwise)
        if isinstance(value, bool):
            return value
        meant = suggestions.boolean_meant(value)
        hint = f"; write {meant}" if meant else ""
        self.wrong((*path, key), f"expected true or false, got {_show(value)}{hint}")
        return otherwise

    def choice(self, mapping: _Keys, key: str, path: DocumentPath, choices: Sequence[V], otherwise: V) -> V:
        for choice in choices:
            if mapping.get(key, otherwise) == choice:
                return choice
        value, known = mapping.get(key), [str(each) for each in choices]
        near = suggestions.nearest(value, known) if isinstance(value, str) else None
        meant = f"; did you mean {near}?" if near else ""
        self.wrong((*path, key), f"expected {', '.join(known[:-1])} or {known[-1]}, got {_show(value)}{meant}")
        return otherwise

    def instant(self, mapping: _Keys, key: str, path: DocumentPath, otherwise: V) -> datetime | V:
        value = mapping.get(key)
        try:
            if isinstance(value, str):
                instant = parse_moment(value)
                _ = instant - _CREATED_BEFORE
                return instant
        except (ValueError, OverflowError):
            pass
        if key in mapping:
            wanted = "a date or an instant with its offset such as 2026-11-20T12:00:00Z"
            self.wrong((*path, key), f"expected {wanted}, got {_show(value)}{_no_date(value) or _in_utc(value)}")
        return otherwise


_MISSING: Mapping[str, str] = {
    "policy": "name the policies that the cases test: a file or directory, relative to this file",
    "cases": "write a list of cases: jobs, and the verdict expected for each",
    "name": "write what the case shows; each case needs a unique name",
    "job": "write at least {operation: NAME}",
    "at": "write the instant of the review, such as 2026-11-20T12:00:00Z",
    "who": f"write the ARN of the caller, such as {_SOME_CALLER}",
    "expect": f"write one of {', '.join(get_args(Verdicts))}",
}
_CREATED_BEFORE = timedelta(hours=1)
_SUSPENDED_FOR = "30m"
"""How long a job has been Suspended if the case does not say: longer than the usual grace."""


def _defaults(words: Mapping[str, Json], at: datetime, *, generated: bool = False) -> dict[str, Json]:
    """S3's description of a job with these values, and defaults for everything else."""
    region, account = words.get("region", _REGION), words.get("account", _ACCOUNT)
    partition = (
        "aws-cn" if str(region).startswith("cn-") else "aws-us-gov" if str(region).startswith("us-gov-") else "aws"
    )
    suspended = _before(at, parse_duration(str(words.get("suspended_for", _SUSPENDED_FOR))))
    description: dict[str, Json] = {
        "JobId": "00000000-0000-4000-8000-000000000000",
        "JobArn": f"arn:{partition}:s3:{region}:{account}:job/00000000-0000-4000-8000-000000000000",
        "Status": "Suspended",
        "CreationTime": min(suspended, at - _CREATED_BEFORE).isoformat(),
        "RoleArn": f"arn:{partition}:iam::{account}:role/batch-operations",
        "Priority": 10,
        "Report": {"Enabled": False},
    }
    if words.get("confirmation_required") is not False and words.get("status") not in ("New", "Preparing"):
        description["SuspendedDate"] = suspended.isoformat()
    if not generated:
        description["Manifest"] = {
            "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
            "Location": {"ObjectArn": f"arn:{partition}:s3:::manifests/manifest.csv", "ETag": "0" * 32},
        }
    description |= {member: words[word] for word, member in _MEMBER_OF_KEY.items() if word in words}
    if "operation" in words:
        description["Operation"] = words["operation"]
    if "total_tasks" in words:
        description["ProgressSummary"] = {"TotalNumberOfTasks": words["total_tasks"]}
    return _present(description)


def _before(instant: datetime, by: timedelta) -> datetime:
    """The instant so long before, or the earliest one that datetime can represent."""
    earliest = datetime.min.replace(tzinfo=UTC)
    return instant - by if instant - earliest > by else earliest


def _present(description: Mapping[str, Json]) -> dict[str, Json]:
    """A description without the members that are null."""
    return {name: value for name, value in description.items() if value is not None}


def _as_json(value: Plain) -> Json:
    """The same value, typed as JSON: YAML data has no other types here."""
    match value:
        case dict():
            return {name: _as_json(each) for name, each in value.items()}
        case list():
            return [_as_json(each) for each in value]
        case _:
            return value


# --- messages --------------------------------------------------------------------------------------------


def _not_a_policy(file: Path) -> str:
    beside = file.parent / "cases" / file.name
    then = (
        f"run its cases with `batchgate policy test {shlex.quote(str(beside))}`"
        if beside.is_file()
        else "run `batchgate policy new` to see how cases are written"
    )
    return (
        "expected a file of test cases, got a policy document; "
        f"check it with `batchgate policy check {shlex.quote(str(file))}`, and {then}"
    )


def _no_date(value: Plain) -> str:
    """Why the date of an instant does not exist; "" if it exists."""
    try:
        calendars.parse_date(value[:10] if isinstance(value, str) else "")
    except calendars.CalendarValueError as error:
        return f" ({error})" if " from " in str(error) else ""
    return ""


def _in_utc(value: Plain) -> str:
    """How to write an instant without an offset if it is in UTC; "" for anything else."""
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return ""
    return f"; in UTC that is {instant.isoformat()}Z" if instant is not None and instant.tzinfo is None else ""


def _hint(key: str, known: Sequence[str], shown: Sequence[str]) -> str:
    near = suggestions.nearest(key, known) or suggestions.sharing_a_word(key, known)
    return f"did you mean {near}?" if near else f"known here: {', '.join(shown)}"


def _quoting(value: Plain) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return f'; write it in quotes: "{value}"'


_SHOWN_AT_MOST = 60


def _show(value: Plain) -> str:
    """A value as a message shows it, shortened."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            names = shorten(", ".join(value), _SHOWN_AT_MOST, sentence=True)
            return f"a mapping with {names}" if value else "an empty mapping"
        case list():
            return f"a list of {len(value)}" if value else "an empty list"
        case int() | float():
            return f"the number {value}"
        case _:
            return f'"{shorten(str(value), _SHOWN_AT_MOST)}"'
