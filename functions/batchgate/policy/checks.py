"""The checks: what each looks at, and the tests that a document can ask of it.

A check is a *measure* (one class for each kind: where the value comes from, what people call it)
and a *test* (what the value is compared with). Both are plain values, so that equal checks of
different statements are evaluated once.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final, TypeAlias

from msgspec import Struct

from batchgate.jobs.model import Json
from batchgate.policy import moments, patterns
from batchgate.policy.approvals import person_of
from batchgate.policy.budgets import Amounts, Budget, BudgetUse, account_of, amounts_of, most_binding
from batchgate.policy.calendars import Calendar, parse_zone
from batchgate.policy.costs import Cost, Prices, cost_of, dollars
from batchgate.policy.facts import NOT_READ, Gap, JobFacts, Result
from batchgate.policy.patterns import Pattern
from batchgate.policy.wall_clock import end_of_day
from batchgate.text import shorten

Value: TypeAlias = "Json | Collection[str | Gap] | Cost | Gap"
"""What a measure reads: a value, None where S3 answered and there is none, or a gap."""

Held: TypeAlias = "bool | None"
"""Whether a test holds; None where that can't be known."""

Predicate: TypeAlias = Callable[[object, JobFacts], Held]
"""A compiled test: never raises, whatever type the value has."""


# --- Tests: each compiles to a predicate, and describes what it wants ------------------------------
#     An absent value, or one of another type, fails every test but those that ask for just that.


class Matches(Struct, frozen=True):
    """Text that matches any of the patterns."""

    patterns: frozenset[Pattern]

    def predicate(self) -> Predicate:
        """Patterns that name the job's own account are filled in for each job."""
        fixed = patterns.matcher(pattern for pattern in self.patterns if not patterns.has_placeholder(pattern))
        open_ended = [pattern for pattern in self.patterns if patterns.has_placeholder(pattern)]
        if not open_ended:
            return lambda value, _: isinstance(value, str) and fixed(value)
        filled = patterns.matcher_by_job(open_ended)
        return lambda value, facts: isinstance(value, str) and (fixed(value) or filled(value, facts.ref))

    @property
    def wanted(self) -> str:
        """The patterns, in one fixed order."""
        return " or ".join(sorted(map(str, self.patterns)))


class Equals(Struct, frozen=True, eq=False):
    """One boolean, or one whole number: 1 is not true."""

    value: bool | int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equals) and (type(self.value), self.value) == (type(other.value), other.value)

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))

    def predicate(self) -> Predicate:
        """Equal in type and value."""
        wanted, kind = self.value, type(self.value)
        return lambda value, _: type(value) is kind and value == wanted

    @property
    def wanted(self) -> str:
        """The value as YAML writes it."""
        return str(self.value).lower()


class Between(Struct, frozen=True):
    """A whole number within both ends; None leaves an end open."""

    at_least: int | None
    at_most: int | None

    def predicate(self) -> Predicate:
        """Both ends included."""
        low, high = self.at_least, self.at_most
        if low is None and high is not None:
            return lambda value, _: type(value) is int and value <= high  # not isinstance: a bool is an int too
        return lambda value, _: (
            isinstance(value, int)
            and not isinstance(value, bool)
            and (low is None or low <= value)
            and (high is None or value <= high)
        )

    @property
    def wanted(self) -> str:
        """The ends, as text."""
        if self.at_least is None:
            return f"at most {self.at_most}"
        if self.at_most is None:
            return f"at least {self.at_least}"
        return f"{self.at_least} to {self.at_most}"


class Costs(Between, frozen=True):
    """An estimated cost within both ends, in units of 10**-10 dollars."""

    def predicate(self) -> Predicate:
        """Both ends included."""
        low, high = self.at_least, self.at_most
        return lambda value, _: (
            isinstance(value, Cost) and (low is None or low <= value.total) and (high is None or value.total <= high)
        )

    @property
    def wanted(self) -> str:
        """The ends, as text; whole dollars without decimals."""
        low, high = (None if end is None else dollars(end).removesuffix(".00") for end in (self.at_least, self.at_most))
        if low is None:
            return f"at most {high}"
        return f"at least {low}" if high is None else f"{low} to {high}"


class Present(Struct, frozen=True):
    """There is a value, or there is none; an empty text and a structure are values."""

    wanted_present: bool

    def predicate(self) -> Predicate:
        """Asks only whether S3 answered with anything."""
        wanted = self.wanted_present
        return lambda value, _: (value is not None) is wanted

    @property
    def wanted(self) -> str:
        """`present` or `absent`."""
        return "present" if self.wanted_present else "absent"


class Elements(Struct, frozen=True):
    """Of several values (buckets, elements of a list) at least one (`any`), every one (`only`) or `none` passes.

    What is no general-purpose bucket may pass or not: it leaves open what no other bucket decides.
    """

    word: str
    test: "Test"

    def predicate(self) -> Predicate:
        """Of no values at all, and of an absent list, `any` fails and the other two hold; all fail what is no list."""
        passes, combine = self.test.predicate(), _COMBINED[self.word]

        def holds(value: object, facts: JobFacts) -> Held:
            if not _is_several(value):
                return False
            return combine(None if isinstance(each, Gap) else passes(each, facts) for each in _several(value))

        return holds

    @property
    def wanted(self) -> str:
        """How many, and the test of each."""
        of = {"any": "at least one", "only": "only", "none": "none of"}[self.word]
        if isinstance(self.test, Below | Every):
            of = f"{of.removesuffix(' of')} with"
        return f"{of} {_in_brackets(self.test)}"


class Below(Struct, frozen=True):
    """What an element of a list has at a dotted path; a path that can't be followed finds nothing."""

    path: str
    test: "Test"

    def predicate(self) -> Predicate:
        """An element that is no structure has nothing there."""
        holds, path = self.test.predicate(), self.path

        def below(value: object, facts: JobFacts) -> Held:
            found = follow(value, path) if isinstance(value, dict) else None
            return holds(None if isinstance(found, Gap) else found, facts)

        return below

    @property
    def wanted(self) -> str:
        """Path and test."""
        return f"{self.path} {self.test.wanted}"


class Dated(Struct, frozen=True):
    """A time earlier than `before`, at or later than `after`, and at most `within` after the job's creation."""

    before: datetime | None
    after: datetime | None
    within: timedelta | None

    def predicate(self) -> Predicate:
        """All that are given must hold; what is no time fails. Of a job without a creation no time is `within`."""
        before, after, within = self.before, self.after, self.within

        def holds(value: object, facts: JobFacts) -> bool:
            instant = moments.instant_of(value)
            return (
                instant is not None
                and (before is None or instant < before)
                and (after is None or instant >= after)
                and (within is None or (facts.created is not None and instant - facts.created <= within))
            )

        return holds

    @property
    def wanted(self) -> str:
        """The ends, as text."""
        words = [f"{word} {_instant(end)}" for word, end in (("after", self.after), ("before", self.before)) if end]
        if self.within is not None:
            words.append(f"within {_duration(self.within)} of the job's creation")
        return " and ".join(words)


class InWindow(Struct, frozen=True):
    """An instant at which any of the calendars is open."""

    names: frozenset[str]
    calendars: tuple[Calendar, ...]

    def predicate(self) -> Predicate:
        """The calendars are asked in turn."""
        calendars = self.calendars
        return lambda value, _: isinstance(value, datetime) and any(each.is_open(value) for each in calendars)

    @property
    def wanted(self) -> str:
        """The calendars' names."""
        return f"{' or '.join(sorted(self.names))} open"


class Through(Struct, frozen=True):
    """An instant not later than the end of a day by the clock of an IANA zone."""

    day: date
    zone: str

    @property
    def end(self) -> datetime | None:
        """The first instant after that day; None where there is none to write."""
        return end_of_day(parse_zone(self.zone), self.day)

    def predicate(self) -> Predicate:
        """The whole day counts."""
        end = self.end
        return lambda value, _: isinstance(value, datetime) and (end is None or value < end)

    @property
    def wanted(self) -> str:
        """The last day, and the zone where it is not UTC."""
        return f"through {self.day.isoformat()}{'' if self.zone == 'UTC' else f' {self.zone}'}"


class OneOf(Struct, frozen=True):
    """Any of several tests, for lists that mix texts, numbers and booleans."""

    tests: frozenset["Test"]

    def predicate(self) -> Predicate:
        """One that holds is enough."""
        each = [test.predicate() for test in self.tests]
        return lambda value, facts: _any_of(holds(value, facts) for holds in each)

    @property
    def wanted(self) -> str:
        """The tests' words, in one fixed order."""
        return " or ".join(sorted(test.wanted for test in self.tests))


class Every(Struct, frozen=True):
    """All of several tests."""

    tests: frozenset["Test"]

    def predicate(self) -> Predicate:
        """One that fails is enough to fail."""
        each = [test.predicate() for test in self.tests]
        return lambda value, facts: _all_of(holds(value, facts) for holds in each)

    @property
    def wanted(self) -> str:
        """The tests' words, in one fixed order."""
        return " and ".join(sorted(test.wanted for test in self.tests))


class Not(Struct, frozen=True):
    """The exact complement of a test; what is unknown or unmeasurable stays so."""

    test: "Test"

    def predicate(self) -> Predicate:
        """Holds where the test does not."""
        holds = self.test.predicate()

        return lambda value, facts: _denied(holds(value, facts))

    @property
    def wanted(self) -> str:
        """The test's words, denied; an absent value meets them too."""
        match self.test:
            case Present(wanted_present=present):
                return Present(not present).wanted
            case InWindow(names=names):
                return f"{' and '.join(sorted(names))} closed"
            case Matches(patterns=several) if len(several) > 1:
                return f"neither {' nor '.join(sorted(map(str, several)))}"
            case _:
                return f"not {_in_brackets(self.test)}"


Test: TypeAlias = (
    Matches | Equals | Between | Costs | Present | Elements | Below | Dated | InWindow | Through | OneOf | Every | Not
)


def every(tests: Sequence[Test]) -> Test:
    """All of these tests as one."""
    return tests[0] if len(tests) == 1 else Every(frozenset(tests))


def violating(test: Test, value: Collection[str | Gap], facts: JobFacts) -> list[str]:
    """Those of several values that by themselves violate a test of every one of them, in one fixed order."""
    if not isinstance(test, Elements) or test.word == "any":
        return []
    passes, wanted = test.test.predicate(), test.word == "only"
    return sorted(each for each in value if isinstance(each, str) and passes(each, facts) is not wanted)


def _any_of(results: Iterable[Held]) -> Held:
    """One that holds decides; else one that is open leaves it open."""
    is_open = False
    for result in results:
        if result:
            return True
        is_open = is_open or result is None
    return None if is_open else False


def _all_of(results: Iterable[Held]) -> Held:
    """One that fails decides; else one that is open leaves it open."""
    return _denied(_any_of(map(_denied, results)))


def _none_of(results: Iterable[Held]) -> Held:
    return _denied(_any_of(results))


def _denied(result: Held) -> Held:
    return None if result is None else not result


_COMBINED: Mapping[str, Callable[[Iterable[Held]], Held]] = {
    "any": _any_of,
    "only": _all_of,
    "none": _none_of,
}
"""What a word makes of the results of several values."""


def _is_several(value: object) -> bool:
    return value is None or isinstance(value, frozenset | list)


def _several(value: object) -> Collection[object]:
    return value if isinstance(value, frozenset | list) else ()


def _in_brackets(test: Test) -> str:
    """A test's words, so that what stands before them is about all of them."""
    return f"({test.wanted})" if isinstance(test, Every | OneOf) else test.wanted


def _instant(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def _duration(duration: timedelta) -> str:
    return f"{duration.days}d" if duration == timedelta(duration.days) else f"{duration // timedelta(seconds=1)}s"


_CALLERS_AT_MOST = 400
"""Characters of the patterns of those who may approve, in words about missing approvals."""

ANYBODY: Final[frozenset[Pattern]] = frozenset({"*"})
"""Who may approve where nothing is said: whoever may call the gate's API."""


# --- Measures: where a value comes from. Each reads it out of the facts: a value, None where S3 answered and there is
#     none, or why it can't be had. `kind` is the check's key in the policy document, `subject` what people call it.


class _Measured(Struct, frozen=True):
    """What all measures have in common."""

    @property
    def of_rows(self) -> bool:
        """Whether it may look at what is counted in the manifest's rows."""
        return False


class _Plain(_Measured, frozen=True):
    """A measure that people call by the check's key in the policy document."""

    kind: str

    @property
    def subject(self) -> str:
        """What people call it."""
        return self.kind


class Simple(_Plain, frozen=True):
    """A fact that stands by itself: the check's key is the fact's name."""

    @property
    def of_rows(self) -> bool:
        """Those two that no other call reports."""
        return self.kind in ("source_buckets", "object_bytes")

    def read(self, facts: JobFacts) -> Value:
        """The fact of that name."""
        value: Value = getattr(facts, self.kind)
        return value


class FromArn(_Plain, frozen=True):
    """The account or the Region of the job, from its ARN and never from the requester's text."""

    def read(self, facts: JobFacts) -> Value:
        """The part of the job's ARN."""
        return facts.ref.account_id if self.kind == "account" else facts.ref.region


class Tag(_Measured, frozen=True):
    """One tag of the job. Source: GetJobTagging."""

    key: str
    kind = "tags"

    def read(self, facts: JobFacts) -> Value:
        """The tag's value."""
        return facts.tags if isinstance(facts.tags, Gap) else facts.tags.get(self.key)

    @property
    def subject(self) -> str:
        """The tag with its key."""
        return f"tag {self.key}"


class Parameter(_Measured, frozen=True):
    """One member of the job's operation, by a dotted path. Source: DescribeJob Operation.

    Attributes:
        since_creation: Whether it is compared with the job's creation, without which nothing is known of it then.
    """

    path: str
    since_creation: bool = False
    kind = "operation_parameters"

    def read(self, facts: JobFacts) -> Value:
        """The member; a path that leads into a list can't be followed."""
        if isinstance(facts.operation, Gap):
            return facts.operation
        value = follow({facts.operation: dict(facts.parameters)}, self.path)
        return _since_creation(value, facts) if self.since_creation else value

    @property
    def subject(self) -> str:
        """The path."""
        return self.path


class GeneratorMember(_Measured, frozen=True):
    """One member of the job's manifest generator, by a dotted path. Source: DescribeJob ManifestGenerator.

    Attributes:
        since_creation: As of a parameter.
    """

    path: str
    since_creation: bool = False
    kind = "manifest_generator"

    def read(self, facts: JobFacts) -> Value:
        """The member; a job with a manifest of its own has none."""
        if isinstance(facts.generator, Gap):
            return facts.generator
        value = None if facts.generator is None else follow(dict(facts.generator), self.path)
        return _since_creation(value, facts) if self.since_creation else value

    @property
    def subject(self) -> str:
        """The check's key and the path."""
        return f"{self.kind}.{self.path}"


_COUNTED: Mapping[str, str] = {
    "bytes": "manifest_bytes",
    "rows": "manifest_rows",
    "rows_without_version": "rows_without_version",
}
"""Members of the manifest that are read or counted by themselves, and their facts."""


class Member(_Measured, frozen=True):
    """One member of the manifest or of the report; `name` empty for the structure itself."""

    kind: str
    name: str

    @property
    def of_rows(self) -> bool:
        """What is counted in them."""
        return self.kind == "manifest" and self.name in ("rows", "rows_without_version")

    def read(self, facts: JobFacts) -> Value:
        """The member's value; a structure that is not there has none."""
        structure = facts.manifest if self.kind == "manifest" else facts.report
        if structure is None:
            return None
        if self.name in _COUNTED:
            counted: int | Gap = getattr(facts, _COUNTED[self.name])
            return counted
        return structure[self.name] if self.name else dict[str, Json]()

    @property
    def subject(self) -> str:
        """Structure and member."""
        return f"{self.kind}.{self.name}" if self.name else self.kind


class CostOf(_Measured, frozen=True):
    """What the job will cost, by the document's prices."""

    prices: Prices
    kind = "cost"

    @property
    def of_rows(self) -> bool:
        """Where an operation is priced by size."""
        return bool(self.prices.gibibyte)

    def read(self, facts: JobFacts) -> Value:
        """The estimate, with its parts."""
        return cost_of(self.prices, facts)

    @property
    def subject(self) -> str:
        """The check's key."""
        return self.kind


class Clock(_Plain, frozen=True):
    """The instant of the review; `window` in a document, or an exception's end."""

    def read(self, facts: JobFacts) -> Value:
        """The instant."""
        return facts.now


class ManualApproval(_Measured, frozen=True):
    """Whether enough people have approved who may. Source: the ledger.

    Attributes:
        by: Patterns of the ARNs of callers whose approval counts.
        at_least: How many different people are wanted.
        not_requester: Whether the approval of whoever created the job does not count.
        trust_session_names: Whether the names of roles' sessions are people's.
    """

    by: frozenset[Pattern] = ANYBODY
    at_least: int = 1
    not_requester: bool = False
    trust_session_names: bool = False
    kind = "manual_approval"

    def read(self, facts: JobFacts) -> Value:
        """True, or unmeasurable: a missing approval is not a violation."""
        if not facts.approvals or len(self.counted(facts)) < self.at_least:
            return _WAITS_FOR_APPROVAL
        return True

    def counted(self, facts: JobFacts) -> Mapping[str, str]:
        """Those whose approvals count: each person once, with the ARN of the earliest approval."""
        people: dict[str, str] = {}
        may = Matches(self.by).predicate()
        for approval in sorted(facts.approvals, key=lambda each: (each.at, each.who)):
            if not self._why_not(approval.who, facts, may):
                people.setdefault(self.person(approval.who), approval.who)
        return people

    def why_not(self, arn: str, facts: JobFacts) -> str:
        """Why a caller's approval does not count; "" where it does, once."""
        return self._why_not(arn, facts, Matches(self.by).predicate())

    def _why_not(self, arn: str, facts: JobFacts, may: Predicate) -> str:
        person = self.person(arn)
        if not person:
            return "AWS's name for this caller does not identify a person; call as a role or an IAM user"
        if not may(arn, facts):
            return f"only approvals of {self.by_whom} count"
        if not self.not_requester:
            return ""
        if unknown := self.requester_unknown(facts):
            return f"the requester's approval does not count, and {unknown}"
        return "whoever created the job can't approve it" if person == self.person(str(facts.requester)) else ""

    def requester_unknown(self, facts: JobFacts) -> str:
        """Why nobody's approval counts; "" where the requester is known, or may approve."""
        if not self.not_requester:
            return ""
        if isinstance(facts.requester, Gap):
            return f"the requester is not known ({facts.requester.why})"
        return "" if self.person(facts.requester) else "the requester can't be told from other callers"

    def person(self, arn: str) -> str:
        """Whom a caller's ARN stands for."""
        return person_of(arn, trust_session_names=self.trust_session_names)

    @property
    def is_plain(self) -> bool:
        """Whether any one person's approval is enough."""
        return self.by == ANYBODY and self.at_least == 1 and not self.not_requester

    @property
    def by_whom(self) -> str:
        """The patterns, in one fixed order; of many those that come first."""
        return shorten(Matches(self.by).wanted, _CALLERS_AT_MOST, sentence=True)

    @property
    def wanted(self) -> str:
        """How many approvals, and from whom."""
        count = "1 approval" if self.at_least == 1 else f"{self.at_least} approvals"
        return f"{count}{self._from_whom}"

    def given(self, facts: JobFacts) -> str:
        """How many of them count, and why none can where that is so."""
        if self.is_plain and not self.trust_session_names:
            return "given" if facts.approvals and self.counted(facts) else "not given yet"
        count = f"{len(self.counted(facts))} of {self.at_least} given"
        unknown = self.requester_unknown(facts)
        return f"{count}; {unknown}" if unknown else count

    def missing(self, facts: JobFacts) -> str:
        """Which approvals are still missing; "" where there are enough."""
        count = len(self.counted(facts)) if facts.approvals else 0
        if count >= self.at_least:
            return ""
        if unknown := self.requester_unknown(facts):
            return f"no approval counts yet, {self.at_least} needed{self._from_whom}: {unknown}"
        given = f"{count} of {self.at_least} approvals" if count else "no approval yet"
        return f"{given}, {self.at_least - count}{' more' if count else ''} needed{self._from_whom}"

    @property
    def _from_whom(self) -> str:
        callers = "" if self.by == ANYBODY else f" from {self.by_whom}"
        return f"{callers}, not from the requester" if self.not_requester else callers

    @property
    def subject(self) -> str:
        """The check's key."""
        return self.kind


class WithinBudget(_Measured, frozen=True):
    """Whether what was approved in this period and the job stay within a budget. Source: the ledger."""

    budget: Budget
    kind = "budget"

    @property
    def of_rows(self) -> bool:
        """Where it limits the objects' sizes, or costs that depend on them."""
        return self.budget.of_rows

    def read(self, facts: JobFacts) -> Value:
        """True or false; a gap where an amount, or the account, is not known."""
        found = self.found(facts)
        if isinstance(found, Gap):
            return found
        use, amounts = found
        return use.own or self.budget.limits.admit(use.used + amounts)

    def room_from(self, facts: JobFacts) -> datetime | None:
        """From when on a job that does not fit fits: the next period, of which nothing is used; None for never.

        A job that has a reservation counts in the period of that one, however many begin.
        """
        found = self.found(facts)
        if isinstance(found, Gap) or found[0].reserved:
            return None
        return found[0].period_end if self.budget.limits.admit(found[1]) else None

    def found(self, facts: JobFacts) -> tuple[BudgetUse, Amounts] | Gap:
        """What is used, and what the job takes."""
        account, amounts = account_of(self.budget, facts), amounts_of(self.budget, facts)
        use = facts.budgets.get(self.budget.name, NOT_READ)
        if isinstance(account, Gap) or isinstance(amounts, Gap) or isinstance(use, Gap):
            return most_binding(each for each in (account, amounts, use) if isinstance(each, Gap))
        is_its = use.account.account == account.account if use.reserved else use.account == account
        return (use, amounts) if is_its else _OF_ANOTHER

    @property
    def subject(self) -> str:
        """The check's key and the budget's name."""
        return f"{self.kind} {self.budget.name}"


Measure: TypeAlias = (
    Simple | FromArn | Tag | Parameter | GeneratorMember | Member | CostOf | Clock | ManualApproval | WithinBudget
)


_OF_ANOTHER = Gap(Result.UNMEASURABLE, "what is used was read of another account or period")
_WAITS_FOR_APPROVAL = Gap(Result.UNMEASURABLE, "waits for approval")


def _since_creation(value: Value, facts: JobFacts) -> Value:
    """A value that is compared with the job's creation; an absent one need not be."""
    return _NO_CREATION if value is not None and facts.created is None else value


_NO_CREATION = Gap(Result.UNMEASURABLE, "S3 does not report when the job was created")


def follow(value: Json, path: str) -> Value:
    """Go down a dotted path; keys that hold dots themselves are found too."""
    while path:
        if isinstance(value, list):
            return Gap(Result.UNMEASURABLE, "a path can't lead into a list")
        if not isinstance(value, Mapping):
            return None
        # The job's keys are few, whatever a document's path is like.
        names = [name for name in value if path == name or path.startswith(f"{name}.")]
        if not names:
            return None
        name = max(names, key=len)
        value, path = value[name], path[len(name) + 1 :]
    return value


class Check(Struct, frozen=True):
    """One question about one job."""

    measure: Measure
    test: Test
