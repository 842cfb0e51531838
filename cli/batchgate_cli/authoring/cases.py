"""Test cases of policies: what a team expects of jobs, run against the policies it wrote."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from batchgate.errors import Place, PolicyError, Problem
from batchgate.gate.protocol import Step, next_step
from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate.policy import suggestions
from batchgate.policy.budgets import Amounts
from batchgate.policy.compile import compile_document
from batchgate.policy.compiled import PolicySet
from batchgate.policy.evaluate import Decision, Rule, Vote, evaluate_job
from batchgate.policy.facts import NOT_READ, Gap, Result
from batchgate.policy.reason import status_update_reason
from batchgate.text import shorten
from batchgate_cli.authoring import policy_file
from batchgate_cli.authoring.case_file import Case, CaseFile, read_case_file, read_cases
from batchgate_cli.authoring.coverage import Part, SetCoverage
from batchgate_cli.authoring.policy_file import DocumentPath
from batchgate_cli.authoring.stated_facts import gather_stated, with_used

__all__ = ["Case", "CaseFile", "Coverage", "Failure", "Outcome", "Tried", "load_cases", "read_cases", "run", "run_file"]


@dataclass(frozen=True, slots=True)
class Failure:
    """One expectation that did not come true."""

    what: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case, run.

    Attributes:
        warnings: What is certainly not meant in the case, whatever came out.
    """

    file: Path
    case: Case
    place: Place | None
    decision: Decision
    failures: tuple[Failure, ...]
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """A file of cases with the policy set that it tries.

    Attributes:
        policies: As if enforced, so that taking the mode shadow away changes no case.
    """

    file: Path
    cases: CaseFile
    places: Mapping[DocumentPath, Place]
    policies: PolicySet
    coverage: SetCoverage


@dataclass(slots=True)
class Coverage:
    """What the cases exercised of each policy set, by the set's paths."""

    sets: dict[tuple[str, ...], SetCoverage] = field(default_factory=dict)

    def of(self, file: Path, policy: str | tuple[str, ...]) -> SetCoverage:
        """The coverage of the set that a file of cases tries, which `policy` names.

        Raises:
            PolicyError: The policies are invalid.
            OSError: A file can't be read.
        """
        named = (policy,) if isinstance(policy, str) else policy
        paths = tuple(os.path.realpath(file.parent / name) for name in named)
        if paths not in self.sets:
            loaded = policy_file.load([_shortest(file.parent / name) for name in named])
            enforced = compile_document(replace(loaded.document, mode="enforce"))
            self.sets[paths] = SetCoverage(enforced, loaded)
        return self.sets[paths]

    def parts(self) -> Iterator[Part]:
        """Everything that cases may exercise, with what they did."""
        for each in self.sets.values():
            yield from each.parts


def _shortest(path: Path) -> Path:
    """The same file without steps up and down, which only make messages longer."""
    short = Path(os.path.normpath(path))
    return short if short.exists() and short.samefile(path) else path


def load_cases(files: Sequence[Path], coverage: Coverage) -> list[Tried]:
    """Read files of cases and the policies that they try.

    Raises:
        PolicyError: With every problem of every file.
        OSError: A file can't be read.
    """
    tried: list[Tried] = []
    problems: dict[Problem, None] = {}
    for file in files:
        read = read_case_file(file)
        problems |= dict.fromkeys(read.problems)
        covered = None
        if read.policy is not None:
            try:
                covered = coverage.of(file, read.policy)
            except PolicyError as error:
                problems |= dict.fromkeys(error.problems)  # two files may try the same invalid policy
        if covered is not None and read.cases is not None:
            tried.append(Tried(file, read.cases, read.places, covered.policies, covered))
    if problems:
        raise PolicyError(list(problems))
    return tried


def run_file(file: Path, coverage: Coverage) -> Iterator[Outcome]:
    """Read and run the cases of one file; errors as in `load_cases`."""
    [tried] = load_cases([file], coverage)
    yield from run(tried)


def run(tried: Tried) -> Iterator[Outcome]:
    """Run the cases of one file, noting what they exercise."""
    for number, case in enumerate(tried.cases.cases):
        decision = _decide(case, tried.policies)
        tried.coverage.note(decision)
        yield Outcome(
            tried.file,
            case,
            tried.places.get(("cases", number)),
            decision,
            tuple(_failures(case, decision, tried.coverage)),
            (
                *_warnings(case, tried, ("cases", number, "job")),
                *_warnings_on_status(case, tried, ("cases", number, "job")),
                *_warnings_on_budgets(case, tried, ("cases", number, "facts", "budgets")),
                *_warnings_on_deciding(case, tried, ("cases", number, "decided_by")),
            ),
        )


_NO_REQUESTER: Final = Gap(Result.UNMEASURABLE, "the case has none")


def _decide(case: Case, policies: PolicySet) -> Decision:
    facts = case.facts
    gathered = gather_stated(
        case.job,
        case.at,
        facts.contents,
        tags=Gap(Result.UNMEASURABLE, "as the case says") if isinstance(case.tags, str) else case.tags,
        manifest_bytes=facts.manifest_bytes if facts.manifest_bytes is not UNSET else NOT_READ,
        approvals=case.approvals,
        requester=case.requester if case.requester is not UNSET else _NO_REQUESTER,
    )
    return evaluate_job(policies, with_used(gathered, policies.budgets, facts.budgets, otherwise=Amounts()))


def _warnings(case: Case, tried: Tried, job: DocumentPath) -> Iterator[Problem]:
    """An operation that S3 does not have, so far as this version knows, and that nothing here is about."""
    operation = case.job.operation
    if (
        operation is None
        or operation in KNOWN_OPERATIONS
        or any(operation in statement.names_operations for statement in tried.policies.statements)
        or (case.decided_by is not UNSET and Rule.UNKNOWN_OPERATION in case.decided_by)
    ):
        return
    from batchgate_cli.authoring.lint.operation_names import what_to_write

    path = next(path for path in ((*job, "operation"), (*job, "Operation"), job) if path in tried.places)
    message = (
        f'no operation known to this version is named "{shorten(operation, 60)}"; {what_to_write(operation)} '
        f"(if you mean a new operation, expect it: decided_by: [{Rule.UNKNOWN_OPERATION}, ...])"
    )
    yield Problem(path, message, tried.places.get(path))


def _warnings_on_status(case: Case, tried: Tried, job: DocumentPath) -> Iterator[Problem]:
    """A status in which the gate does not ask the policies, so that no verdict of theirs has an effect."""
    status = case.job.status
    step = next_step(None, case.job, case.at, cancel_ungated=tried.policies.cancel_ungated)
    if step is Step.EVALUATE or status.before_suspended:
        return
    path = next(path for path in ((*job, "status"), (*job, "Status"), job) if path in tried.places)
    message = (
        f"the gate does not evaluate a job whose status is {status}: it decides only Suspended jobs, and"
        " where ungated_jobs is cancel it cancels running jobs that certainly did not ask for confirmation"
    )
    yield Problem(path, message, tried.places.get(path))


def _warnings_on_budgets(case: Case, tried: Tried, path: DocumentPath) -> Iterator[Problem]:
    """Budgets of which a case says how much is used, and that no statement names."""
    known = [budget.name for budget in tried.policies.budgets]
    for name in case.facts.budgets:
        if name not in known:
            near = suggestions.nearest(name, known)
            hint = f"did you mean {near}?" if near else f"known: {', '.join(known)}" if known else "they name none"
            message = f'no statement of the policies names a budget "{shorten(name, 60)}"; {hint}'
            yield Problem((*path, name), message, tried.places.get((*path, name)))


def _warnings_on_deciding(case: Case, tried: Tried, path: DocumentPath) -> Iterator[Problem]:
    """Names of what should decide that no statement or rule has."""
    known = [*(statement.name for statement in tried.policies.statements), *Rule]
    for number, name in enumerate(() if case.decided_by is UNSET else case.decided_by):
        if not any(name == each or name.startswith((f"{each}.", f"{each}[")) for each in known):
            near = suggestions.nearest(name.partition(".")[0], known)
            hint = f"did you mean {near}?" if near else f"known: {', '.join(known)}"
            message = f'no statement or rule is named "{shorten(name, 60)}"; {hint}'
            yield Problem((*path, number), message, tried.places.get((*path, number)))


def _failures(case: Case, decision: Decision, coverage: SetCoverage) -> Iterator[Failure]:
    if case.expect != str(decision.verdict):
        yield Failure("verdict", case.expect, str(decision.verdict))
    if case.decided_by is not UNSET:
        yield from _compare_deciding(case.decided_by, decision, coverage)
    if case.until is not UNSET and case.until != decision.until:
        yield Failure("until", _instant(case.until), _instant(decision.until))
    if case.cancels_at is not UNSET and case.cancels_at != decision.cancels_at:
        yield Failure("cancels_at", _instant(case.cancels_at), _instant(decision.cancels_at))
    if case.reason is not UNSET:
        actual = status_update_reason(decision).rpartition(" [policy ")[0]
        if case.reason != actual:
            yield Failure("reason", json.dumps(case.reason), json.dumps(actual))


def _instant(instant: datetime | None) -> str:
    return instant.isoformat() if instant else "null"


def _compare_deciding(wanted: Sequence[str], decision: Decision, coverage: SetCoverage) -> Iterator[Failure]:
    actual = [_labels(vote, coverage) for vote in decision.deciding]
    named_all = all(any(label in labels for labels in actual) for label in wanted)
    nothing_else = all(any(label in labels for label in wanted) for labels in actual)
    if not (named_all and nothing_else):
        said = sorted({labels[-1] for labels in actual})
        yield Failure("decided_by", ", ".join(wanted) or "nothing", ", ".join(said) or "nothing")


def _labels(vote: Vote, coverage: SetCoverage) -> tuple[str, ...]:
    """The names that a vote goes by; the most telling last."""
    if vote.statement is None:
        return (str(vote.rule),)
    name = vote.statement.name
    if vote.requirement is None:
        return name, f"{name}.match"
    position = f"{name}.require[{vote.requirement.position}]"
    return name, position, coverage.label(vote.statement, vote.requirement)
