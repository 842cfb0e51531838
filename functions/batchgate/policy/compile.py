"""Translates a valid policy document into the form that `evaluate` works on."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from operator import attrgetter, itemgetter

from msgspec import UNSET, Struct

from batchgate.policy import checks, costs, model, moments, parameters, patterns
from batchgate.policy.budgets import Budget
from batchgate.policy.canonical import canonical_json
from batchgate.policy.clock import ClockChecks
from batchgate.policy.compiled import (
    Exemption,
    Kind,
    Lift,
    Picker,
    PolicySet,
    Question,
    Requirement,
    Statement,
    Verdict,
)
from batchgate.policy.formulas import AllOf, AnyOf, Formula, checks_in
from batchgate.policy.operands import Operands, Text, money_test, prices_of, range_test
from batchgate.policy.validation import read_document
from batchgate.policy.wording import printable


def compile_policies(data: object) -> PolicySet:
    """Validate and compile a document given as plain data.

    Raises:
        PolicyError: With every problem found.
    """
    return compile_document(read_document(data))


def compile_document(document: model.PolicyDocument) -> PolicySet:
    """Compile a valid document.

    Raises:
        PolicyError: It is too large.
    """
    canonical = canonical_json(document)  # first, so that a document that is too large is refused at once
    operands = Operands.of(document)
    compiler = _Compiler(
        document, operands, approvals=operands.approvals(document.approvals), prices=prices_of(document.prices)
    )
    statements = tuple(compiler.statements())
    numbered = tuple(compiler.numbers)
    enforced = sorted((each for each in statements if each.enforced), key=attrgetter("name"))
    time_dependent = tuple(each for each in enforced if each.depends_on_time)
    hold_limit = document.cancel_held_after
    return PolicySet(
        version=hashlib.sha256(canonical).hexdigest()[:12],
        shadow=document.mode == "shadow",
        unmatched=_VERDICTS[document.unmatched],
        cancel_ungated=document.ungated_jobs == "cancel",
        cancel_grace=moments.parse_duration(document.cancel_grace),
        cancel_held_after=moments.parse_duration(hold_limit) if isinstance(hold_limit, str) else None,
        statements=statements,
        enforced=tuple(enforced),
        time_dependent=time_dependent,
        time_dependent_graces=tuple(
            sorted(
                {
                    requirement.grace
                    for statement in time_dependent
                    for requirement in statement.requirements
                    if requirement.on_violation is Verdict.CANCEL
                }
            )
        ),
        checks=numbered,
        matches=len(compiler.matches),
        requirements=tuple(compiler.requirements),
        exemptions=tuple(compiler.exemptions),
        questions=_questions(numbered),
        clock=ClockChecks.of(numbered, compiler.time_conditions),
        budgets=tuple(
            sorted({budget for statement in statements for budget in statement.budgets}, key=attrgetter("name"))
        ),
        budget_checks=tuple(sorted(compiler.budget_checks)),
        approvals=compiler.approvals,
        asks_for_approvals=document.approvals is not UNSET
        or any(isinstance(each.measure, checks.ManualApproval) and not each.measure.is_plain for each in numbered),
    )


_VERDICTS: Mapping[str, Verdict] = {"hold": Verdict.HOLD, "cancel": Verdict.CANCEL}


def _questions(numbered: tuple[checks.Check, ...]) -> tuple[Question, ...]:
    grouped: dict[checks.Measure, list[tuple[int, checks.Test]]] = {}
    for number, check in enumerate(numbered):
        grouped.setdefault(check.measure, []).append((number, check.test))
    return tuple(
        Question(
            measure,
            tests=tuple((number, test.predicate()) for number, test in tests),
            subject=printable(measure.subject),
            wanted=tuple((number, printable(test.wanted)) for number, test in tests),
        )
        for measure, tests in grouped.items()
    )


class _Draft(Struct, frozen=True):
    """A statement whose conditions are numbered: its match, and each requirement with its `unless`."""

    form: model.Statement
    kind: Kind
    match: AllOf
    conditions: list[tuple[Formula, Lift | None]]


def _picker(places: tuple[int, ...]) -> Picker:
    """A function that returns the items at these places as a tuple.

    For several places `itemgetter` is several times faster than a loop; for fewer it does not return a tuple.
    """
    if len(places) > 1:
        return itemgetter(*places)
    return lambda items: tuple(items[place] for place in places)


class _Compiler(Struct):
    """Numbers each distinct check, match and requirement, and translates conditions into formulas of check numbers."""

    document: model.PolicyDocument
    operands: Operands
    numbers: dict[checks.Check, int] = {}
    matches: dict[AllOf, int] = {}
    requirements: dict[Requirement, int] = {}
    exemptions: list[Exemption] = []
    time_checks: set[int] = set()
    approval_checks: set[int] = set()
    budget_checks: dict[int, Budget] = {}
    time_conditions: int = 0
    approvals: checks.ManualApproval = checks.ManualApproval()
    prices: costs.Prices = costs.Prices()

    def statements(self) -> list[Statement]:
        lifts: dict[str, list[Lift]] = {}
        for exception in self.document.exceptions or ():
            last_day, zone = date.fromisoformat(exception.expires), exception.timezone or "UTC"
            end = self._number(checks.Clock("expires"), checks.Through(last_day, zone))
            condition = AllOf((*self._conditions(exception.match).parts, end))
            for name in exception.lifts:
                lifts.setdefault(name, []).append(Lift(condition, exception.name, exception.because))
        written = [
            *((policy, Kind.POLICY) for policy in self.document.policies or ()),
            *((guardrail, Kind.GUARDRAIL) for guardrail in self.document.guardrails or ()),
        ]
        drafts = [self._draft(statement, kind) for statement, kind in written]
        return [self._finish(draft, lifts.get(draft.form.name)) for draft in drafts]

    def _draft(self, form: model.Statement, kind: Kind) -> _Draft:
        """Number all checks of a statement. Exemptions follow in `_finish`: their numbers come after all checks."""
        return _Draft(
            form,
            kind,
            self._conditions(form.match or ()),
            [
                (self._condition(each), Lift(self._conditions(each.unless)) if each.unless else None)
                for each in form.require
            ],
        )

    def _finish(self, draft: _Draft, lifts: list[Lift] | None) -> Statement:
        form, match = draft.form, draft.match
        is_lifted = lifts and any(self.budget_checks.keys().isdisjoint(checks_in(own)) for own, _ in draft.conditions)
        exemption = self._exemption(lifts) if lifts and is_lifted else None
        requirements = tuple(
            self._requirement(form, own, unless, exemption, position)
            for position, (own, unless) in enumerate(draft.conditions)
        )
        places = tuple(self.requirements.setdefault(each, len(self.requirements)) for each in requirements)
        checked = [*checks_in(match), *(number for own, _ in draft.conditions for number in checks_in(own))]
        unless_checks = (number for _, unless in draft.conditions if unless for number in checks_in(unless.condition))
        changing = self.time_checks | self.budget_checks.keys()
        time_conditions = sum(number in changing for number in (*checked, *unless_checks))
        self.time_conditions += time_conditions
        return Statement(
            name=form.name,
            kind=draft.kind,
            enforced=form.mode != "shadow",
            consent=Verdict.APPROVE if draft.kind is Kind.POLICY else None,
            match=match,
            match_number=self.matches.setdefault(match, len(self.matches)),
            requirements=requirements,
            pick_requirements=_picker(places),
            checks=frozenset(checked),
            match_checks=frozenset(part for part in match.parts if isinstance(part, int)),
            names_operations=frozenset(self._named_operations(form.match or ())),
            depends_on_time=time_conditions > 0 or exemption is not None,
            cancels=any(each.on_violation is Verdict.CANCEL for each in requirements),
            budgets=tuple(dict.fromkeys(budget for each in requirements for budget in each.budgets)),
            match_depends_only_on_time=_consists_of(match, self.time_checks),
            beyond_time=tuple(
                each
                for each in requirements
                if each.on_violation is Verdict.CANCEL or not _consists_of(each.whole, self.time_checks)
            ),
        )

    def _exemption(self, lifts: list[Lift]) -> Exemption:
        any_of = AnyOf(tuple(lift.condition for lift in lifts))
        exemption = Exemption(len(self.numbers) + len(self.exemptions), tuple(lifts), any_of)
        self.time_conditions += len(lifts)
        self.exemptions.append(exemption)
        return exemption

    def _requirement(
        self, form: model.Statement, own: Formula, unless: Lift | None, exemption: Exemption | None, position: int
    ) -> Requirement:
        written = form.require[position]
        budgets = tuple(self.budget_checks[number] for number in checks_in(own) if number in self.budget_checks)
        exemption = None if budgets else exemption  # no exception lifts a budget
        waived_by = [*([unless.condition] if unless else []), *([exemption.number] if exemption else [])]
        return Requirement(
            own=own,
            unless=unless,
            exemption=exemption,
            whole=AnyOf((own, *waived_by)) if waived_by else own,
            on_violation=_VERDICTS[written.on_violation or form.on_violation or "hold"],
            grace=moments.parse_duration(written.grace or self.document.cancel_grace),
            own_grace=bool(written.grace),
            message=written.message or None,
            position=position,
            approvals=tuple(sorted({number for number in checks_in(own) if number in self.approval_checks})),
            budgets=budgets,
        )

    def _conditions(self, conditions: tuple[model.Condition, ...]) -> AllOf:
        return AllOf(tuple(self._condition(condition) for condition in conditions))

    def _condition(self, condition: model.Condition) -> Formula:
        if condition.any:
            return AnyOf(self._conditions(condition.any).parts)
        if condition.all:
            return self._conditions(condition.all)
        for kind, translate in _TRANSLATIONS.items():
            operand = getattr(condition, kind)
            if operand is not UNSET:
                return translate(self, kind, operand)
        return AnyOf(())  # validation refuses a condition without a check; this one would never be met

    def _number(self, measure: checks.Measure, test: checks.Test) -> int:
        number = self.numbers.setdefault(checks.Check(measure, test), len(self.numbers))
        if isinstance(measure, checks.Clock):
            self.time_checks.add(number)
        elif isinstance(measure, checks.ManualApproval):
            self.approval_checks.add(number)
        elif isinstance(measure, checks.WithinBudget):
            self.budget_checks[number] = measure.budget
        return number

    # Each of the following translates the operand of one kind of check into a formula.

    def text(self, measure: checks.Measure, operand: Text) -> Formula:
        return self._number(measure, self.operands.text(operand))

    def simple(self, kind: str, operand: Text) -> Formula:
        return self.text(checks.Simple(kind), operand)

    def from_arn(self, kind: str, operand: Text) -> Formula:
        return self.text(checks.FromArn(kind), operand)

    def tags(self, _: str, operand: Mapping[str, Text]) -> Formula:
        return _joined([self.text(checks.Tag(key), test) for key, test in operand.items()])

    def parameters(self, kind: str, operand: Mapping[str, "model.Parameter"]) -> Formula:
        measure = checks.Parameter if kind == checks.Parameter.kind else checks.GeneratorMember
        tests = {path: self.operands.parameter(test) for path, test in operand.items()}
        return _joined(
            [self._number(measure(path, _compares_with_creation(test)), test) for path, test in tests.items()]
        )

    def range(self, kind: str, operand: model.Range) -> Formula:
        return self._number(checks.Simple(kind), range_test(operand))

    def cost(self, _kind: str, operand: model.MoneyRange) -> Formula:
        return self._number(checks.CostOf(self.prices), money_test(operand))

    def members(self, kind: str, operand: "model.PlainReport | model.PlainManifest") -> Formula:
        inner = getattr(operand, "not_", UNSET)
        asked = operand if inner is UNSET else inner
        tests: list[tuple[str, checks.Test]] = []
        for name in asked.__struct_fields__:
            test = getattr(asked, name)
            if name == "present" and test is not UNSET:
                tests.append(("", checks.Present(test)))
            elif name != "not_" and test is not UNSET:
                tests.append((name, self.operands.member(test)))
        return self._all_or_not_all(
            [(checks.Member(kind, name), test) for name, test in tests], denied=inner is not UNSET
        )

    def buckets(self, kind: str, operand: model.Buckets) -> Formula:
        inner = operand.not_
        asked: model.PlainBuckets = operand if inner is UNSET else inner
        named = [(word, getattr(asked, word)) for word in parameters.ELEMENT_WORDS]
        tests: list[tuple[checks.Measure, checks.Test]] = [
            (checks.Simple(kind), checks.Elements(word, checks.Matches(self.operands.patterns(names))))
            for word, names in named
            if names is not UNSET
        ]
        return self._all_or_not_all(tests, denied=inner is not UNSET)

    def _all_or_not_all(self, tests: Sequence[tuple[checks.Measure, checks.Test]], *, denied: bool) -> Formula:
        """All of the tests; where denied, any of their opposites."""
        if denied:
            return _joined([self._number(measure, checks.Not(test)) for measure, test in tests], AnyOf)
        return _joined([self._number(measure, test) for measure, test in tests])

    def window(self, kind: str, operand: Text) -> Formula:
        return self._number(checks.Clock(kind), self.operands.window(operand))

    def manual_approval(self, _kind: str, operand: "str | model.Approvers") -> Formula:
        asked = model.Approvers() if isinstance(operand, str) else operand
        return self._number(self.operands.manual_approval(asked, self.approvals), checks.Equals(value=True))

    def budget(self, _kind: str, operand: str) -> Formula:
        return self._number(checks.WithinBudget(self.operands.budgets[operand]), checks.Equals(value=True))

    def _named_operations(self, conditions: tuple[model.Condition, ...]) -> Iterator[str]:
        for condition in conditions:
            yield from self._named_operations(condition.any or ())
            yield from self._named_operations(condition.all or ())
            asked = condition.operation
            if asked is not UNSET and not (isinstance(asked, model.TextTerm) and asked.list is UNSET):
                yield from (str(each) for each in self.operands.patterns(asked) if patterns.is_literal(each))


_TRANSLATIONS: Mapping[str, Callable[..., Formula]] = {
    "operation": _Compiler.simple,
    "operation_parameters": _Compiler.parameters,
    "total_tasks": _Compiler.range,
    "manifest": _Compiler.members,
    "manifest_generator": _Compiler.parameters,
    "object_bytes": _Compiler.range,
    "source_buckets": _Compiler.buckets,
    "destination_buckets": _Compiler.buckets,
    "cost": _Compiler.cost,
    "tags": _Compiler.tags,
    "role": _Compiler.simple,
    "priority": _Compiler.range,
    "description": _Compiler.simple,
    "report": _Compiler.members,
    "account": _Compiler.from_arn,
    "region": _Compiler.from_arn,
    "window": _Compiler.window,
    "manual_approval": _Compiler.manual_approval,
    "budget": _Compiler.budget,
}
"""How each check's operand becomes a formula; the operand's type is that of `model.Condition`."""


def _joined(parts: list[Formula], how: type[AllOf] | type[AnyOf] = AllOf) -> Formula:
    return parts[0] if len(parts) == 1 else how(tuple(parts))


def _consists_of(formula: Formula, numbers: AbstractSet[int]) -> bool:
    """Whether a formula is made of these checks alone, and of at least one wherever it joins."""
    if isinstance(formula, int):
        return formula in numbers
    return bool(formula.parts) and all(_consists_of(part, numbers) for part in formula.parts)


def _compares_with_creation(test: checks.Test) -> bool:
    """Whether a test compares a time with the job's creation."""
    match test:
        case checks.Dated(within=within):
            return within is not None
        case checks.Not(test=inner) | checks.Below(test=inner) | checks.Elements(test=inner):
            return _compares_with_creation(inner)
        case checks.Every(tests=tests):
            return any(map(_compares_with_creation, tests))
        case _:
            return False
