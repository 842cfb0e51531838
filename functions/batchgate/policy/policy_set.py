"""A policy document made ready to evaluate by: the meaning of what `model` only gives a shape."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import IntEnum, StrEnum
from operator import attrgetter, itemgetter
from typing import Protocol, Self, TypeAlias, TypeVar

from msgspec import UNSET, Struct

from batchgate.policy import calendars, checks, model, moments, parameters, patterns
from batchgate.policy.canonical import canonical_json
from batchgate.policy.clock import ClockChecks
from batchgate.policy.facts import Gap, JobFacts, Result
from batchgate.policy.formulas import AllOf, AnyOf, Formula, checks_in, evaluate
from batchgate.policy.validate import read_document
from batchgate.policy.wording import printable

T = TypeVar("T")


class Verdict(IntEnum):
    """What becomes of a job, in the order of caution."""

    APPROVE = 0
    HOLD = 1
    WAIT = 2
    CANCEL = 3

    def __str__(self) -> str:
        return self.name.lower()


VOTES_OF_DOUBT = (None, Verdict.HOLD, Verdict.WAIT, None)
"""What a match asks for that is not known to be met or violated, by result."""


class Kind(StrEnum):
    """The two kinds of statement."""

    POLICY = "policy"
    GUARDRAIL = "guardrail"


class Picker(Protocol):
    """Takes items at certain places out of a list."""

    def __call__(self, items: Sequence[T], /) -> tuple[T, ...]:
        """Those items, in the places' order."""


def _picker(places: tuple[int, ...]) -> Picker:
    """Several times faster than a loop where there are several places; itemgetter answers otherwise for fewer."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda items: tuple(items[place] for place in places)


class Lift(Struct, frozen=True):
    """What lifts a requirement: its own `unless`, or an exception.

    Attributes:
        exception: The exception's name; None for an `unless`.
        because: The exception's reason; None for an `unless`.
    """

    condition: Formula
    exception: str | None = None
    because: str | None = None


class Exemption(Struct, frozen=True, eq=False):
    """All exceptions that lift one statement, evaluated once however many requirements it has.

    Attributes:
        number: Where its result stands among those of the checks, behind them.
        lifts: The exceptions.
        any_of: Met where one of them lifts.
    """

    number: int
    lifts: tuple[Lift, ...]
    any_of: AnyOf


class Requirement(Struct, frozen=True):
    """One requirement of a statement.

    Attributes:
        own: The condition as written.
        unless: What lifts it here; None if nothing is written.
        exemption: The exceptions that lift it; None where there are none.
        whole: `own` or any of the lifts.
        on_violation: HOLD or CANCEL, the nearest that was said.
        grace: How long after the job was suspended a violation cancels; before, it holds.
        own_grace: Whether that is written here, and not the set's.
        message: For the reason; None if none is given.
        position: Its place in the statement's `require`, counted from 0.
    """

    own: Formula
    unless: Lift | None
    exemption: Exemption | None
    whole: Formula
    on_violation: Verdict
    grace: timedelta
    own_grace: bool
    message: str | None
    position: int

    @property
    def lifts(self) -> tuple[Lift, ...]:
        """What may lift it."""
        exceptions = self.exemption.lifts if self.exemption else ()
        return (self.unless, *exceptions) if self.unless else exceptions

    def vote(self, result: Result, facts: JobFacts) -> Verdict | None:
        """What it asks for, given what it came to; None if it is met."""
        if result is not Result.VIOLATED:
            return VOTES_OF_DOUBT[result]
        return after_grace(self.on_violation, self.grace, facts)


def after_grace(verdict: Verdict, grace: timedelta, facts: JobFacts) -> Verdict:
    """The verdict of a violation; where it is cancel and the grace is not over, hold."""
    return Verdict.HOLD if verdict is Verdict.CANCEL and not facts.is_over(grace) else verdict


@dataclass(frozen=True, slots=True)
class Statement:
    """One policy or guardrail.

    Attributes:
        enforced: False in shadow: traced, and as if absent. The set's own mode is not in it.
        consent: What it asks for where it governs and no requirement objects: a policy APPROVE, a guardrail nothing.
        match: All of it met: the statement governs.
        match_number: The same for all statements of the set that match alike, counted from 0.
        pick_requirements: Takes what stands at its requirements' places in `PolicySet.requirements` out of a list.
        checks: Every check in match and require but what only lifts; all met means governs and nothing objects.
        match_checks: The checks that stand directly in match; one violated means it does not govern.
        names_operations: The operations that match names literally.
        asks_clock: Whether the clock alone may change what it asks for, but for the end of a grace.
        cancels: Whether a violation of any of its requirements cancels.
        match_asks_only_clock: Whether the clock alone decides whether it governs.
        not_only_clock: Its requirements but those that ask the clock alone and hold.
    """

    name: str
    kind: Kind
    enforced: bool
    consent: Verdict | None
    match: AllOf
    match_number: int
    requirements: tuple[Requirement, ...]
    checks: frozenset[int]
    match_checks: frozenset[int]
    names_operations: frozenset[str]
    asks_clock: bool
    cancels: bool
    match_asks_only_clock: bool
    not_only_clock: tuple[Requirement, ...] = field(compare=False, repr=False)
    pick_requirements: Picker = field(compare=False, repr=False)


class Question(Struct, frozen=True):
    """One measure with all tests that the set asks of it, so that it is read once.

    Attributes:
        tests: Each check's number and test.
        subject: What people call the measure, in printable ASCII.
        wanted: Each check's number and what its test wants, in printable ASCII.
    """

    measure: checks.Measure
    tests: tuple[tuple[int, checks.Predicate], ...]
    subject: str
    wanted: tuple[tuple[int, str], ...]


class PolicySet(Struct, frozen=True):
    """The policies that a deployment enforces.

    Attributes:
        document: What was read.
        version: First 12 hex digits of the SHA-256 of the canonical JSON.
        shadow: The whole set evaluates and records only.
        unmatched: HOLD or CANCEL: the vote on a job that no policy matches.
        cancel_ungated: Whether a job created without confirmation may be cancelled.
        cancel_grace: How long after a job was suspended `unmatched` may cancel it at the earliest.
        cancel_held_after: How long a job is held for reasons that are known; None for ever.
        statements: Policies, then guardrails, in the document's order.
        enforced: Those that are not in shadow, by name.
        asking_clock: Of these, those whose votes the clock alone may change.
        graces_of_clock: After which a violation of one of their requirements cancels, the shortest first.
        checks: Every different check of the set, by number.
        matches: How many different matches there are.
        requirements: Every different requirement, by number.
        exemptions: What lifts statements, in the order of their results behind those of the checks.
        questions: The checks by what they look at, so that each thing is looked at once.
        clock: The checks of the clock.
    """

    document: model.PolicyDocument
    version: str
    shadow: bool
    unmatched: Verdict
    cancel_ungated: bool
    cancel_grace: timedelta
    cancel_held_after: timedelta | None
    statements: tuple[Statement, ...]
    enforced: tuple[Statement, ...]
    asking_clock: tuple[Statement, ...]
    graces_of_clock: tuple[timedelta, ...]
    checks: tuple[checks.Check, ...]
    matches: int
    requirements: tuple[Requirement, ...]
    exemptions: tuple[Exemption, ...]
    questions: tuple[Question, ...]
    clock: ClockChecks

    @classmethod
    def from_data(cls, data: object) -> Self:
        """Read and make ready a document given as plain data.

        Raises:
            PolicyError: With every problem found.
        """
        return cls.from_document(read_document(data))

    @classmethod
    def from_document(cls, document: model.PolicyDocument) -> Self:
        """Make a valid document ready.

        Raises:
            PolicyError: It is too large.
        """
        canonical = canonical_json(document)  # first: what is too large is not worked on
        compiler = _Compiler(document)
        statements = tuple(compiler.statements())
        found = tuple(compiler.numbers)
        enforced = sorted((each for each in statements if each.enforced), key=attrgetter("name"))
        asking_clock = tuple(each for each in enforced if each.asks_clock)
        held = document.cancel_held_after
        return cls(
            document=document,
            version=hashlib.sha256(canonical).hexdigest()[:12],
            shadow=document.mode == "shadow",
            unmatched=_VERDICTS[document.unmatched],
            cancel_ungated=document.ungated_jobs == "cancel",
            cancel_grace=moments.parse_duration(document.cancel_grace),
            cancel_held_after=moments.parse_duration(held) if isinstance(held, str) else None,
            statements=statements,
            enforced=tuple(enforced),
            asking_clock=asking_clock,
            graces_of_clock=tuple(
                sorted(
                    {
                        requirement.grace
                        for statement in asking_clock
                        for requirement in statement.requirements
                        if requirement.on_violation is Verdict.CANCEL
                    }
                )
            ),
            checks=found,
            matches=len(compiler.matches),
            requirements=tuple(compiler.requirements),
            exemptions=tuple(compiler.exemptions),
            questions=_questions(found),
            clock=ClockChecks.of(found, compiler.conditions_of_time),
        )

    def asks_for(self, what: str) -> bool:
        """Whether any statement looks at this, a kind of check or one subject of it, so that it is worth fetching."""
        return any(what in (question.measure.kind, question.subject) for question in self.questions)

    def evaluate_checks(self, facts: JobFacts) -> list[Result]:
        """What every check of the set comes to, by number, and behind them every exemption."""
        results = [Result.MET] * len(self.checks)
        violated = Result.VIOLATED
        for question in self.questions:
            if isinstance(question.measure, checks.Clock):
                continue
            value = question.measure.read(facts)
            if isinstance(value, Gap):
                for number, _ in question.tests:
                    results[number] = value.result
            else:
                for number, holds in question.tests:
                    held = holds(value, facts)
                    if not held:
                        results[number] = Result.UNMEASURABLE if held is None else violated
        self.clock.evaluate(facts.now, results)
        results += [evaluate(exemption.any_of, results) for exemption in self.exemptions]
        return results


_VERDICTS: Mapping[str, Verdict] = {"hold": Verdict.HOLD, "cancel": Verdict.CANCEL}


def _questions(found: tuple[checks.Check, ...]) -> tuple[Question, ...]:
    grouped: dict[checks.Measure, list[tuple[int, checks.Test]]] = {}
    for number, check in enumerate(found):
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


# --- from the document's words to checks ------------------------------------------------------------

_Value: TypeAlias = "str | model.GlobTerm"
_Parameter: TypeAlias = "model.Parameter | model.PlainParameterTerm | model.ElementTerm | model.PlainElementTerm"
_Words: TypeAlias = "str | tuple[_Value, ...] | model.TextTerm | model.PlainTextTerm | model.NamesTerm"


class _Compiler(Struct):
    """Numbers each different check, match and requirement once and translates statements into formulas of numbers."""

    document: model.PolicyDocument
    numbers: dict[checks.Check, int] = {}
    matches: dict[AllOf, int] = {}
    requirements: dict[Requirement, int] = {}
    exemptions: list[Exemption] = []
    open_when: dict[str, calendars.Calendar] = {}
    of_time: set[int] = set()
    conditions_of_time: int = 0

    def __post_init__(self) -> None:
        self.open_when = {name: _calendar(form) for name, form in self.document.calendars.items()}

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

    def _draft(self, form: model.Statement, kind: Kind) -> "_Draft":
        """Number all checks of a statement; exemptions are numbered when no check is to come any more."""
        return _Draft(
            form,
            kind,
            self._conditions(form.match or ()),
            [
                (self._condition(each), Lift(self._conditions(each.unless)) if each.unless else None)
                for each in form.require
            ],
        )

    def _finish(self, draft: "_Draft", lifts: list[Lift] | None) -> Statement:
        form, match = draft.form, draft.match
        exemption = self._exemption(lifts) if lifts and draft.conditions else None
        requirements = tuple(
            self._requirement(form, own, unless, exemption, position)
            for position, (own, unless) in enumerate(draft.conditions)
        )
        places = tuple(self.requirements.setdefault(each, len(self.requirements)) for each in requirements)
        asked = [*checks_in(match), *(number for own, _ in draft.conditions for number in checks_in(own))]
        lifting = (number for _, unless in draft.conditions if unless for number in checks_in(unless.condition))
        of_time = sum(number in self.of_time for number in (*asked, *lifting))
        self.conditions_of_time += of_time
        return Statement(
            name=form.name,
            kind=draft.kind,
            enforced=form.mode != "shadow",
            consent=Verdict.APPROVE if draft.kind is Kind.POLICY else None,
            match=match,
            match_number=self.matches.setdefault(match, len(self.matches)),
            requirements=requirements,
            pick_requirements=_picker(places),
            checks=frozenset(asked),
            match_checks=frozenset(part for part in match.parts if isinstance(part, int)),
            names_operations=frozenset(self._named_operations(form.match or ())),
            asks_clock=of_time > 0 or exemption is not None,
            cancels=any(each.on_violation is Verdict.CANCEL for each in requirements),
            match_asks_only_clock=_asks_only(match, self.of_time),
            not_only_clock=tuple(
                each
                for each in requirements
                if each.on_violation is Verdict.CANCEL or not _asks_only(each.whole, self.of_time)
            ),
        )

    def _exemption(self, lifts: list[Lift]) -> Exemption:
        any_of = AnyOf(tuple(lift.condition for lift in lifts))
        exemption = Exemption(len(self.numbers) + len(self.exemptions), tuple(lifts), any_of)
        self.conditions_of_time += len(lifts)
        self.exemptions.append(exemption)
        return exemption

    def _requirement(
        self, form: model.Statement, own: Formula, unless: Lift | None, exemption: Exemption | None, position: int
    ) -> Requirement:
        written = form.require[position]
        lifted = [*([unless.condition] if unless else []), *([exemption.number] if exemption else [])]
        return Requirement(
            own=own,
            unless=unless,
            exemption=exemption,
            whole=AnyOf((own, *lifted)) if lifted else own,
            on_violation=_VERDICTS[written.on_violation or form.on_violation or "hold"],
            grace=moments.parse_duration(written.grace or self.document.cancel_grace),
            own_grace=bool(written.grace),
            message=written.message or None,
            position=position,
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
        return AnyOf(())  # no check at all can't be valid; if it were, it would never be met

    def _number(self, measure: checks.Measure, test: checks.Test) -> int:
        number = self.numbers.setdefault(checks.Check(measure, test), len(self.numbers))
        if isinstance(measure, checks.Clock):
            self.of_time.add(number)
        return number

    # Each of these turns one operand into a formula.

    def text(self, measure: checks.Measure, words: _Words) -> Formula:
        return self._number(measure, self._text_test(words))

    def simple(self, kind: str, words: _Words) -> Formula:
        return self.text(checks.Simple(kind), words)

    def from_arn(self, kind: str, words: _Words) -> Formula:
        return self.text(checks.FromArn(kind), words)

    def tags(self, _: str, operand: Mapping[str, _Words]) -> Formula:
        return _joined([self.text(checks.Tag(key), words) for key, words in operand.items()])

    def parameters(self, kind: str, operand: Mapping[str, "model.Parameter"]) -> Formula:
        measure = checks.Parameter if kind == checks.Parameter.kind else checks.GeneratorMember
        tests = {path: self._parameter_test(words) for path, words in operand.items()}
        return _joined([self._number(measure(path, _asks_when(test)), test) for path, test in tests.items()])

    def range(self, kind: str, operand: model.Range) -> Formula:
        return self._number(checks.Simple(kind), _range_test(operand))

    def members(self, kind: str, operand: "model.PlainReport | model.PlainManifest") -> Formula:
        inner = getattr(operand, "not_", UNSET)
        deny: Callable[[checks.Test], checks.Test] = checks.Not if inner is not UNSET else _as_it_is
        asked = operand if inner is UNSET else inner
        parts: list[Formula] = []
        for name in asked.__struct_fields__:
            words = getattr(asked, name)
            if words is UNSET or name == "not_":
                continue
            if name == "present":
                parts.append(self._number(checks.Member(kind, ""), deny(checks.Present(words))))
            else:
                parts.append(self._number(checks.Member(kind, name), deny(self._member_test(words))))
        return _joined(parts) if inner is UNSET else _joined(parts, AnyOf)

    def buckets(self, kind: str, operand: model.Buckets) -> Formula:
        inner = operand.not_
        asked: model.PlainBuckets = operand if inner is UNSET else inner
        parts: list[Formula] = []
        for word in parameters.ELEMENT_WORDS:
            names = getattr(asked, word)
            if names is not UNSET:
                test: checks.Test = checks.Elements(word, checks.Matches(self._patterns(names)))
                parts.append(self._number(checks.Simple(kind), test if inner is UNSET else checks.Not(test)))
        return _joined(parts) if inner is UNSET else _joined(parts, AnyOf)

    def window(self, kind: str, words: _Words) -> Formula:
        if isinstance(words, model.TextTerm) and words.not_ is not UNSET:
            return self._number(checks.Clock(kind), checks.Not(self._window_test(words.not_)))
        return self._number(checks.Clock(kind), self._window_test(words))

    def manual_approval(self, _kind: str, _operand: str) -> Formula:
        return self._number(checks.ManualApproval(), checks.Equals(value=True))

    # Tests.

    def _patterns(
        self, words: "_Value | tuple[_Value, ...] | model.NamesTerm | model.PlainTextTerm | model.PlainElementTerm"
    ) -> frozenset[patterns.Pattern]:
        match words:
            case str():
                return frozenset({words})
            case tuple():
                return frozenset().union(*map(self._patterns, words))
            case model.GlobTerm():
                return frozenset({patterns.Glob(words.glob)})
            case _ if words.glob is not UNSET:
                return frozenset({patterns.Glob(words.glob)})
            case _:
                return self._patterns(self.document.lists[str(words.list)])

    def _text_test(self, words: _Words) -> checks.Test:
        if isinstance(words, model.TextTerm) and words.not_ is not UNSET:
            return checks.Not(self._text_test(words.not_))
        if isinstance(words, model.PlainTextTerm) and words.present is not UNSET:
            return checks.Present(words.present)
        return checks.Matches(self._patterns(words))

    def _window_test(self, words: _Words) -> checks.Test:
        names = frozenset(map(str, self._patterns(words)))
        return checks.InWindow(names, tuple(self.open_when[name] for name in sorted(names)))

    def _member_test(self, words: "_Words | bool | model.Range") -> checks.Test:
        if isinstance(words, bool):
            return checks.Equals(words)
        if isinstance(words, model.PlainRange):
            return _range_test(words)
        return self._text_test(words)

    def _parameter_test(self, words: "_Parameter") -> checks.Test:
        if isinstance(words, model.ParameterTerm | model.ElementTerm) and words.not_ is not UNSET:
            return checks.Not(self._parameter_test(words.not_))
        if isinstance(words, model.PlainParameterTerm):
            asked = [(word, getattr(words, word)) for word in parameters.ELEMENT_WORDS]
            tests = [checks.Elements(word, self._element_test(inner)) for word, inner in asked if inner is not UNSET]
            if tests:
                return checks.every(tests)
        if isinstance(words, model.PlainElementTerm):
            return self._plain_term_test(words)
        scalars = words if isinstance(words, tuple) else (words,)
        found: list[checks.Test] = [checks.Equals(value) for value in scalars if isinstance(value, bool | int)]
        texts = tuple(value for value in scalars if not isinstance(value, bool | int))
        if texts:
            found.append(checks.Matches(self._patterns(texts)))
        return found[0] if len(found) == 1 else checks.OneOf(frozenset(found))

    def _plain_term_test(self, words: model.PlainElementTerm) -> checks.Test:
        if words.present is not UNSET:
            return checks.Present(words.present)
        if words.list is not UNSET or words.glob is not UNSET:
            return checks.Matches(self._patterns(words))
        before, after, within = words.before, words.after, words.within
        if before is not UNSET or after is not UNSET or within is not UNSET:
            return checks.Dated(
                None if before is UNSET else moments.parse_moment(before),
                None if after is UNSET else moments.parse_moment(after),
                None if within is UNSET else moments.parse_duration(within),
            )
        return _range_test(words)

    def _element_test(self, words: "model.PlainElements") -> checks.Test:
        """Patterns for the elements of a list of texts, sub-paths with tests for those of a list of structures."""
        if not isinstance(words, Mapping):
            return checks.Matches(self._patterns(words))
        term = parameters.text_term(words)
        if term is not None:
            return checks.Matches(self._patterns(term))
        return checks.every([checks.Below(path, self._parameter_test(test)) for path, test in words.items()])

    def _named_operations(self, conditions: tuple[model.Condition, ...]) -> Iterator[str]:
        for condition in conditions:
            yield from self._named_operations(condition.any or ())
            yield from self._named_operations(condition.all or ())
            words = condition.operation
            if words is not UNSET and not (isinstance(words, model.TextTerm) and words.list is UNSET):
                yield from (str(each) for each in self._patterns(words) if patterns.is_literal(each))


_TRANSLATIONS: Mapping[str, Callable[..., Formula]] = {
    "operation": _Compiler.simple,
    "operation_parameters": _Compiler.parameters,
    "total_tasks": _Compiler.range,
    "manifest": _Compiler.members,
    "manifest_generator": _Compiler.parameters,
    "object_bytes": _Compiler.range,
    "source_buckets": _Compiler.buckets,
    "destination_buckets": _Compiler.buckets,
    "tags": _Compiler.tags,
    "role": _Compiler.simple,
    "priority": _Compiler.range,
    "description": _Compiler.simple,
    "report": _Compiler.members,
    "account": _Compiler.from_arn,
    "region": _Compiler.from_arn,
    "window": _Compiler.window,
    "manual_approval": _Compiler.manual_approval,
}
"""How each check's operand becomes a formula; the operand's type is that of `model.Condition`."""


def _joined(parts: list[Formula], how: type[AllOf] | type[AnyOf] = AllOf) -> Formula:
    return parts[0] if len(parts) == 1 else how(tuple(parts))


def _asks_only(formula: Formula, numbers: AbstractSet[int]) -> bool:
    """Whether a formula is made of these checks alone, and of at least one wherever it joins."""
    if isinstance(formula, int):
        return formula in numbers
    return bool(formula.parts) and all(_asks_only(part, numbers) for part in formula.parts)


def _asks_when(test: checks.Test) -> bool:
    """Whether a test compares a time with the job's creation."""
    match test:
        case checks.Dated(within=within):
            return within is not None
        case checks.Not(test=inner) | checks.Below(test=inner) | checks.Elements(test=inner):
            return _asks_when(inner)
        case checks.Every(tests=tests):
            return any(map(_asks_when, tests))
        case _:
            return False


def _as_it_is(test: checks.Test) -> checks.Test:
    return test


def _range_test(operand: model.PlainRange) -> checks.Test:
    if isinstance(operand, model.Range) and operand.not_ is not UNSET:
        return checks.Not(_range_test(operand.not_))
    return checks.Between(
        None if operand.at_least is UNSET else operand.at_least, None if operand.at_most is UNSET else operand.at_most
    )


_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _calendar(form: model.CalendarForm) -> calendars.Calendar:
    return calendars.Calendar(
        zone=calendars.parse_zone(form.timezone),
        rows=tuple(_open_row(row) for row in form.open),
        closed=tuple(calendars.parse_dates(text) for text in form.closed or ()),
    )


def _open_row(row: model.OpenRow) -> calendars.OpenRow:
    return calendars.OpenRow(
        days=frozenset(_DAYS.index(day) for day in row.days or ()),
        dates=tuple(calendars.parse_dates(text) for text in row.dates or ()),
        opens=None if row.from_ is UNSET else calendars.parse_time(row.from_),
        closes=None if row.to is UNSET else calendars.parse_time(row.to, closing=True),
    )
