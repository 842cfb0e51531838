"""What test cases exercise of a policy set: each statement, requirement, `unless`, exception and alternative."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from msgspec import UNSET

from batchgate.errors import Place
from batchgate.policy import model
from batchgate.policy.compiled import Kind, Lift, PolicySet, Requirement, Statement
from batchgate.policy.evaluate import Decision
from batchgate.policy.facts import Result
from batchgate.policy.formulas import AnyOf, Formula, evaluate
from batchgate_cli.authoring.policy_file import DocumentPath, LoadedPolicy


class What(StrEnum):
    """The kinds of things that cases exercise."""

    STATEMENT = "statement"
    REQUIREMENT = "requirement"
    UNLESS = "unless"
    EXCEPTION = "exception"
    ALTERNATIVE = "alternative"
    APPROVALS = "approvals"


_WORDS: Mapping[What, tuple[str, str]] = MappingProxyType(
    {
        What.STATEMENT: ("governing a job", "not governing a job"),
        What.REQUIREMENT: ("met", "violated"),
        What.UNLESS: ("lifting the requirement", "not lifting it"),
        What.EXCEPTION: ("lifting a requirement", "not lifting one"),
        What.ALTERNATIVE: ("met", "violated"),
        What.APPROVALS: ("lifting a hold", "waited for"),
    }
)
"""What is said to have never happened: that something was met, and that it was violated."""


@dataclass(slots=True)
class Part:
    """One thing that cases may exercise both ways.

    Attributes:
        where: Such as `small-tagging.total_tasks` or `lake-copies.require[0].any[1]`.
        place: Where it is written.
        wanted: The results that cases should bring it to: MET, and VIOLATED or, where a person's
            approval is waited for, UNMEASURABLE.
        seen: The results that they did.
    """

    what: What
    where: str
    place: Place | None
    wanted: tuple[Result, ...]
    seen: set[Result] = field(default_factory=set)

    @property
    def missing(self) -> tuple[Result, ...]:
        """The results that no case brought it to."""
        return tuple(result for result in self.wanted if result not in self.seen)

    @property
    def never(self) -> tuple[str, ...]:
        """The same in words."""
        met, violated = _WORDS[self.what]
        words = {Result.MET: met, Result.VIOLATED: violated}
        if self.what is What.APPROVALS:
            words[Result.UNMEASURABLE] = violated
        return tuple(words.get(result, str(result)) for result in self.missing)


@dataclass(frozen=True, slots=True)
class _Probe:
    """One condition, and when what it comes to counts.

    Attributes:
        match: Only where this is met: the statement governs. None: always.
        own: Only where this is not met: there is something to lift. None: always.
    """

    part: Part
    condition: Formula
    match: Formula | None = None
    own: Formula | None = None


class SetCoverage:
    """What the cases exercised of one policy set.

    Attributes:
        policies: The set as the cases are evaluated by.
        parts: Everything that they may exercise, in the order it is written.
    """

    def __init__(self, policies: PolicySet, loaded: LoadedPolicy) -> None:
        self.policies = policies
        self._loaded = loaded
        self._of_exceptions: dict[str, list[tuple[Part, Formula]]] = {}
        self._probes = list(self._find())
        self._approvals: Part | None = None
        parts = {id(probe.part): probe.part for probe in self._probes}
        if loaded.document.approvals is not UNSET:
            place, both = loaded.place_of(("approvals",)), (Result.MET, Result.UNMEASURABLE)
            self._approvals = parts[0] = Part(What.APPROVALS, "approvals", place, both)
        self.parts = sorted(parts.values(), key=lambda part: part.place or Place("", 0, 0))

    def note(self, decision: Decision) -> None:
        """Remember what everything came to in one case."""
        results = decision.results
        for probe in self._probes:
            governs = probe.match is None or evaluate(probe.match, results) is Result.MET
            if governs and (probe.own is None or evaluate(probe.own, results) is not Result.MET):
                probe.part.seen.add(evaluate(probe.condition, results))
        if self._approvals and decision.lifted:
            self._approvals.seen.add(Result.MET)
        elif self._approvals and self.policies.approvals in decision.awaited:
            self._approvals.seen.add(Result.UNMEASURABLE)

    def label(self, statement: Statement, requirement: Requirement) -> str:
        """A requirement as cases name it: its statement and the key that it is written with."""
        document = self._loaded.document
        forms = (*(document.policies or ()), *(document.guardrails or ()))
        form = next(each for each in forms if each.name == statement.name)
        return f"{statement.name}.{_key(form.require[requirement.position])}"

    # --- what there is to exercise --------------------------------------------------------------------

    def _find(self) -> Iterator[_Probe]:
        document, statements = self._loaded.document, self.policies.statements
        for section, kind, forms in (
            ("policies", Kind.POLICY, document.policies or ()),
            ("guardrails", Kind.GUARDRAIL, document.guardrails or ()),
        ):
            made = (statement for statement in statements if statement.kind is kind)
            for number, (form, statement) in enumerate(zip(forms, made, strict=True)):
                yield from self._of_statement(form, statement, (section, number))

    def _of_statement(self, form: model.Statement, statement: Statement, path: DocumentPath) -> Iterator[_Probe]:
        wanted = (Result.MET, Result.VIOLATED) if statement.match.parts else (Result.MET,)
        part = Part(What.STATEMENT, statement.name, self._loaded.place_of(path), wanted)
        yield _Probe(part, statement.match)
        where = f"{statement.name}.match"
        for alternative, formula in self._alternatives(form.match or (), statement.match, (*path, "match"), where):
            yield _Probe(alternative, formula)
        for asked, requirement in zip(form.require, statement.requirements, strict=True):
            at = (*path, "require", requirement.position)
            yield from self._of_requirement(asked, requirement, statement, at)

    def _of_requirement(
        self, form: model.Requirement, requirement: Requirement, statement: Statement, path: DocumentPath
    ) -> Iterator[_Probe]:
        label = f"{statement.name}.{_key(form)}"
        part = self._part(What.REQUIREMENT, label, path, requirement.whole)
        yield _Probe(part, requirement.whole, statement.match)
        where = f"{statement.name}.require[{requirement.position}]"
        for alternative, formula in self._alternatives_of(form, requirement.own, path, where):
            yield _Probe(alternative, formula, statement.match)
        for lift in requirement.lifts:
            found = (
                self._of_unless(form.unless or (), lift, (*path, "unless"), label, f"{where}.unless")
                if lift.exception is None
                else self._of_exception(lift.exception, lift)
            )
            for lifting, formula in found:
                yield _Probe(lifting, formula, statement.match, requirement.own)

    def _of_unless(
        self, forms: tuple[model.Condition, ...], lift: Lift, path: DocumentPath, label: str, where: str
    ) -> Iterator[tuple[Part, Formula]]:
        yield self._part(What.UNLESS, f"{label}.unless", path, lift.condition), lift.condition
        yield from self._alternatives(forms, lift.condition, path, where)

    def _of_exception(self, name: str, lift: Lift) -> list[tuple[Part, Formula]]:
        """One exception's own parts, the same for every requirement that it lifts."""
        if name not in self._of_exceptions:
            forms = self._loaded.document.exceptions or ()
            number, form = next((number, form) for number, form in enumerate(forms) if form.name == name)
            path: DocumentPath = ("exceptions", number)
            own = (self._part(What.EXCEPTION, name, path, lift.condition), lift.condition)
            below = self._alternatives(form.match, lift.condition, (*path, "match"), f"{name}.match")
            self._of_exceptions[name] = [own, *below]
        return self._of_exceptions[name]

    def _alternatives(
        self, forms: tuple[model.Condition, ...], joined: Formula, path: DocumentPath, where: str
    ) -> Iterator[tuple[Part, Formula]]:
        """The alternatives of every `any` in a list of conditions; an exception's end comes after these."""
        for number, form in enumerate(forms):
            yield from self._alternatives_of(form, _parts(joined)[number], (*path, number), f"{where}[{number}]")

    def _alternatives_of(
        self, form: model.Condition, formula: Formula, path: DocumentPath, where: str
    ) -> Iterator[tuple[Part, Formula]]:
        word, forms = ("any", form.any) if form.any else ("all", form.all)
        for number, part in enumerate(forms or ()):
            inner, at, named = _parts(formula)[number], (*path, word, number), f"{where}.{word}[{number}]"
            if word == "any" and len(forms or ()) > 1:
                yield self._part(What.ALTERNATIVE, named, at, inner), inner
            yield from self._alternatives_of(part, inner, at, named)

    def _part(self, what: What, where: str, path: DocumentPath, condition: Formula) -> Part:
        """What is not met is violated, but for a person's approval: that is waited for."""
        against = Result.UNMEASURABLE if _may_wait(condition, self.policies) else Result.VIOLATED
        return Part(what, where, self._loaded.place_of(path), (Result.MET, against))


def _key(form: model.Requirement) -> str:
    keys = (key for key in model.Condition.__struct_fields__ if getattr(form, key) is not UNSET)
    return next(keys).rstrip("_")


def _parts(formula: Formula) -> tuple[Formula, ...]:
    return () if isinstance(formula, int) else formula.parts


def _may_wait(formula: Formula, policies: PolicySet) -> bool:
    """Whether a person's approval keeps a formula from ever being violated."""
    if isinstance(formula, int):
        if formula >= len(policies.checks):
            return False  # exceptions: no approval stands in them, and each of them ends
        return policies.checks[formula].measure.kind == "manual_approval"
    waits = [_may_wait(part, policies) for part in formula.parts]
    return any(waits) if isinstance(formula, AnyOf) else bool(waits) and all(waits)
