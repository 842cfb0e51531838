"""Test cases of policies: what a team expects of jobs, run against the policies it wrote."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

import policy_file
from batchgate.errors import JobDescriptionError, Place, PolicyError, Problem
from batchgate.jobs.model import Job, JobStatus, Json
from batchgate.policy import model
from batchgate.policy.decide import Decision, Vote, decide
from batchgate.policy.facts import NOT_READ, Gap, Result, gather_facts
from batchgate.policy.formulas import AnyOf, Formula, evaluate
from batchgate.policy.policy_set import Kind, PolicySet, Requirement, Statement
from batchgate.policy.reason import status_update_reason

Verdicts = Literal["approve", "hold", "cancel", "wait"]


class CaseFacts(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What would be read from the manifest."""

    manifest_bytes: int | UnsetType = UNSET
    source_buckets: tuple[str, ...] | UnsetType = UNSET
    object_bytes: int | UnsetType = UNSET


class Case(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One job, and what is expected of it; see docs/policy-reference.md."""

    name: Annotated[str, Meta(min_length=1)]
    job: dict[str, Any] = {}
    tags: dict[str, str] | Literal["unmeasurable"] = {}
    at: str
    facts: CaseFacts = CaseFacts()
    manually_approved: bool = False
    expect: Verdicts
    decided_by: tuple[str, ...] | UnsetType = UNSET
    until: str | UnsetType | None = UNSET
    reason: str | UnsetType = UNSET


class CaseFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of cases and the policies that they try."""

    policy: str | Annotated[tuple[str, ...], Meta(min_length=1)]
    cases: Annotated[tuple[Case, ...], Meta(min_length=1)]


@dataclass(frozen=True, slots=True)
class Failure:
    """One expectation that did not come true."""

    what: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case, run."""

    file: Path
    case: Case
    place: Place | None
    decision: Decision
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class Unexercised:
    """A statement or requirement that no case brought to one of its results.

    Attributes:
        where: The statement, or the statement and its requirement.
        never: Such as "met" or "violated".
        place: Where it is written.
    """

    where: str
    never: str
    place: Place | None


@dataclass(slots=True)
class Coverage:
    """What the cases exercised of each policy set, by the set's paths."""

    seen: dict[tuple[Path, ...], set[tuple[str, int, Result]]] = field(default_factory=dict)
    loaded: dict[tuple[Path, ...], policy_file.LoadedPolicy] = field(default_factory=dict)

    def note(self, paths: tuple[Path, ...], decision: Decision) -> None:
        """Remember what every statement and requirement came to; -1 stands for the match."""
        seen = self.seen.setdefault(paths, set())
        for statement in decision.policies.statements:
            matched = evaluate(statement.match, decision.results)
            seen.add((statement.name, -1, matched))
            if matched is Result.MET:
                for requirement in statement.requirements:
                    result = evaluate(requirement.whole, decision.results)
                    seen.add((statement.name, requirement.position, result))

    def unexercised(self) -> Iterator[Unexercised]:
        """What no case exercised as met, or as violated."""
        for paths, loaded in self.loaded.items():
            seen = self.seen.get(paths, set())
            positions = {Kind.POLICY: -1, Kind.GUARDRAIL: -1}
            for statement in loaded.policies.statements:
                positions[statement.kind] += 1
                section = "policies" if statement.kind is Kind.POLICY else "guardrails"
                path = (section, positions[statement.kind])
                yield from _unexercised(statement, seen, loaded, path)


def _unexercised(
    statement: Statement,
    seen: set[tuple[str, int, Result]],
    loaded: policy_file.LoadedPolicy,
    path: tuple[str | int, ...],
) -> Iterator[Unexercised]:
    wanted = [(Result.MET, "governing a job")]
    if statement.match.parts:
        wanted.append((Result.VIOLATED, "not governing a job"))
    for result, never in wanted:
        if (statement.name, -1, result) not in seen:
            yield Unexercised(statement.name, never, loaded.place_of(path))
    for requirement in statement.requirements:
        label = requirement_label(statement, requirement, loaded.policies)
        place = loaded.place_of((*path, "require", requirement.position))
        against = _counterpart(requirement, loaded.policies)
        for result in (Result.MET, against):
            if (statement.name, requirement.position, result) not in seen:
                yield Unexercised(label, str(result), place)


def _counterpart(requirement: Requirement, policies: PolicySet) -> Result:
    """What a requirement comes to that is not met: a person's approval is waited for, never violated."""
    waits = _may_wait(requirement.whole, policies)
    return Result.UNMEASURABLE if waits else Result.VIOLATED


def _may_wait(formula: Formula, policies: PolicySet) -> bool:
    """Whether a person's approval keeps a formula from ever being violated."""
    if isinstance(formula, int):
        return policies.checks[formula].measure.kind == "manual_approval"
    waits = [_may_wait(part, policies) for part in formula.parts]
    return any(waits) if isinstance(formula, AnyOf) else bool(waits) and all(waits)


# --- Reading ------------------------------------------------------------------------------------------


def read_cases(file: Path) -> tuple[CaseFile, Mapping[tuple[str | int, ...], Place]]:
    """Read a file of cases.

    Raises:
        PolicyError: It is no file of cases; each problem has its line.
        OSError: It can't be read.
    """
    plain, places = policy_file.read_plain(file.read_bytes(), str(file))
    try:
        read = msgspec.convert(plain, CaseFile)
    except msgspec.ValidationError as error:
        path = _path_of(str(error))
        place = next((places[path[:n]] for n in range(len(path), -1, -1) if path[:n] in places), None)
        raise PolicyError([Problem(path, str(error).partition(" - at ")[0], place)]) from error
    names: set[str] = set()
    problems: list[Problem] = []
    for number, case in enumerate(read.cases):
        if case.name in names:
            path = ("cases", number, "name")
            problems.append(
                Problem(path, f"each case needs a name of its own, got {case.name!r} again", places.get(path))
            )
        names.add(case.name)
    if problems:
        raise PolicyError(problems)
    return read, places


def _path_of(message: str) -> tuple[str | int, ...]:
    """The path out of msgspec's words: ... - at `$.cases[0].job`."""
    text = message.partition(" - at `$")[2].rstrip("`")
    steps: list[str | int] = []
    for step in text.replace("[", ".[").split("."):
        if step.startswith("[") and step[1:-1].isdigit():
            steps.append(int(step[1:-1]))
        elif step:
            steps.append(step)
    return tuple(steps)


# --- Running ------------------------------------------------------------------------------------------


def run_file(file: Path, coverage: Coverage) -> Iterator[Outcome]:
    """Run the cases of one file.

    Raises:
        PolicyError: The cases or their policies say something that is refused.
        OSError: A file can't be read.
    """
    read, places = read_cases(file)
    named = (read.policy,) if isinstance(read.policy, str) else read.policy
    paths = tuple((file.parent / name).resolve() for name in named)
    if paths not in coverage.loaded:
        coverage.loaded[paths] = policy_file.load([file.parent / name for name in named])
    # A set in shadow mode is tried as if enforced, so that taking the mode away changes no case.
    policies = PolicySet.from_document(
        msgspec.structs.replace(coverage.loaded[paths].policies.document, mode="enforce")
    )
    for number, case in enumerate(read.cases):
        place = places.get(("cases", number))
        decision = _decide(case, policies, place)
        coverage.note(paths, decision)
        yield Outcome(file, case, place, decision, tuple(_failures(case, decision, place)))


def _decide(case: Case, policies: PolicySet, place: Place | None) -> Decision:
    try:
        at = _instant(case.at)
        job = Job.from_description(_description(case.job, at))
    except (ValueError, JobDescriptionError) as error:
        raise PolicyError([Problem(("cases",), f"case {case.name!r}: {error}", place)]) from error
    facts = case.facts
    return decide(
        policies,
        gather_facts(
            job,
            at,
            tags=Gap(Result.UNMEASURABLE, "as the case says") if isinstance(case.tags, str) else case.tags,
            manifest_bytes=facts.manifest_bytes if facts.manifest_bytes is not UNSET else NOT_READ,
            source_buckets=frozenset(facts.source_buckets) if facts.source_buckets is not UNSET else NOT_READ,
            object_bytes=facts.object_bytes if facts.object_bytes is not UNSET else NOT_READ,
            manually_approved=case.manually_approved,
        ),
    )


_ACCOUNT, _REGION = "111122223333", "us-east-1"
_WORDS = frozenset(
    {
        "operation",
        "total_tasks",
        "account",
        "region",
        "role",
        "description",
        "priority",
        "status",
        "confirmation_required",
    }
)
_MEMBERS = {
    "role": "RoleArn",
    "description": "Description",
    "priority": "Priority",
    "status": "Status",
    "confirmation_required": "ConfirmationRequired",
}


def _description(said: Mapping[str, Any], at: datetime) -> dict[str, Json]:
    """A whole job's description out of what a case says of it."""
    unknown = [word for word in said if word not in _WORDS and not word[:1].isupper()]
    if unknown:
        raise JobDescriptionError(
            f"job: unknown word {unknown[0]!r}; expected one of {', '.join(sorted(_WORDS))}, or a member of "
            "DescribeJob's answer such as Report"
        )
    if "operation" not in said and "Operation" not in said:
        raise JobDescriptionError("job: operation is missing")
    status = said.get("status", JobStatus.SUSPENDED.value)
    if JobStatus(status) is JobStatus.UNRECOGNISED:
        raise JobDescriptionError(
            f"job: status: expected one of {', '.join(each for each in JobStatus if each != '?')}"
        )
    account, region = said.get("account", _ACCOUNT), said.get("region", _REGION)
    partition = (
        "aws-cn" if str(region).startswith("cn-") else "aws-us-gov" if str(region).startswith("us-gov-") else "aws"
    )
    description: dict[str, Json] = {
        "JobId": "00000000-0000-4000-8000-000000000000",
        "JobArn": f"arn:{partition}:s3:{region}:{account}:job/00000000-0000-4000-8000-000000000000",
        "Status": "Suspended",
        "ConfirmationRequired": True,
        "SuspendedDate": at.isoformat(),
        "CreationTime": (at - timedelta(hours=1)).isoformat(),
        "RoleArn": f"arn:{partition}:iam::{account}:role/batch-operations",
        "Priority": 10,
        "Report": {"Enabled": False},
    }
    if "ManifestGenerator" not in said:
        description["Manifest"] = {
            "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
            "Location": {"ObjectArn": f"arn:{partition}:s3:::manifests/manifest.csv", "ETag": "0" * 32},
        }
    description |= {member: said[word] for word, member in _MEMBERS.items() if word in said}
    operation = said.get("operation")
    if operation is not None:
        description["Operation"] = {operation: {}} if isinstance(operation, str) else operation
    if "total_tasks" in said:
        description["ProgressSummary"] = {"TotalNumberOfTasks": said["total_tasks"]}
    description |= {member: value for member, value in said.items() if member[:1].isupper()}
    return {name: value for name, value in description.items() if value is not None}


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


# --- Comparing ----------------------------------------------------------------------------------------


def _failures(case: Case, decision: Decision, place: Place | None) -> Iterator[Failure]:
    if case.expect != str(decision.verdict):
        yield Failure("verdict", case.expect, str(decision.verdict))
    if case.decided_by is not UNSET:
        yield from _compare_deciding(case.decided_by, decision)
    if case.until is not UNSET:
        try:
            wanted = _instant(case.until) if case.until else None
        except ValueError as error:
            raise PolicyError([Problem(("cases",), f"case {case.name!r}: until: {error}", place)]) from error
        if wanted != decision.until:
            yield Failure("until", str(case.until), decision.until.isoformat() if decision.until else "null")
    if case.reason is not UNSET:
        actual = status_update_reason(decision).rpartition(" [policy ")[0]
        if case.reason != actual:
            yield Failure("reason", json.dumps(case.reason), json.dumps(actual))


def _compare_deciding(wanted: Sequence[str], decision: Decision) -> Iterator[Failure]:
    actual = [_labels(vote, decision) for vote in decision.deciding]
    named_all = all(any(label in labels for labels in actual) for label in wanted)
    nothing_else = all(any(label in labels for label in wanted) for labels in actual)
    if not (named_all and nothing_else):
        said = sorted({labels[-1] for labels in actual})
        yield Failure("decided_by", ", ".join(wanted) or "nothing", ", ".join(said) or "nothing")


def _labels(vote: Vote, decision: Decision) -> tuple[str, ...]:
    """The names that a vote goes by; the most telling last."""
    if vote.statement is None:
        return (str(vote.rule),)
    name = vote.statement.name
    if vote.requirement is None:
        return name, f"{name}.match"
    position = f"{name}.require[{vote.requirement.position}]"
    return name, position, requirement_label(vote.statement, vote.requirement, decision.policies)


def requirement_label(statement: Statement, requirement: Requirement, policies: PolicySet) -> str:
    """A requirement as cases name it: its statement and the key that it is written with."""
    written = next(each for each in _statements(policies) if each.name == statement.name).require[requirement.position]
    key = next(
        name.rstrip("_")
        for name in type(written).__struct_fields__
        if getattr(written, name) is not UNSET and name not in ("unless", "on_violation", "message")
    )
    return f"{statement.name}.{key}"


def _statements(policies: PolicySet) -> Iterator[model.Statement]:
    yield from policies.document.policies or ()
    yield from policies.document.guardrails or ()
