"""All Suspended jobs that two policy sets distinguish, as choices of values for what their checks look at."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from batchgate.jobs.arns import NoBucket, bucket_name
from batchgate.jobs.model import KNOWN_OPERATIONS, Json, job_from_printed
from batchgate.jobs.request_model import Shape, request_shape
from batchgate.policy.budgets import Amounts, Budget, Limits
from batchgate.policy.checks import (
    Clock,
    CostOf,
    Costs,
    FromArn,
    GeneratorMember,
    Held,
    InWindow,
    ManualApproval,
    Matches,
    Measure,
    Member,
    Not,
    Parameter,
    Simple,
    Tag,
    Test,
    Through,
    WithinBudget,
)
from batchgate.policy.costs import OPERATION_WITH_TIERS, TIER, Cost, cost_of
from batchgate.policy.facts import Gap, JobFacts, Result, gather_facts
from batchgate.policy.patterns import has_placeholder, is_literal
from batchgate_cli.authoring.comparison.clauses import MET, UNMEASURABLE, VIOLATED, Numbers
from batchgate_cli.authoring.comparison.draft import Draft, finished
from batchgate_cli.authoring.comparison.text_regions import text_regions
from batchgate_cli.authoring.comparison.values import (
    Ask,
    Context,
    atoms,
    collections,
    elements_in,
    filled_in,
    guessed,
    holds,
    note_placeholders,
    numbers,
    regions,
    texts,
)
from batchgate_cli.authoring.lint.pattern_sets import ANYTHING, DIGIT, Symbol, shape, some_of
from batchgate_cli.authoring.lint.pattern_sets import Shape as Texts

Put = Callable[[Draft], None]
Tests = Sequence[tuple[int, Test]]

REGIONS: Final = ("eu-central-1", "us-east-1", "eu-west-1", "us-west-2", "ap-southeast-2", "ap-northeast-1",
                  "sa-east-1", "ca-central-1", "cn-north-1", "us-gov-west-1")  # fmt: skip
ACCOUNT: Final = "111122223333"
_LOWER: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_EDGE: Final = some_of(_LOWER)[0]
_INNER: Final = some_of(_LOWER + ".-")
_BUCKET: Final[Texts] = (_EDGE, *_INNER, _EDGE)
_ACCOUNT: Final[Texts] = (DIGIT,) * 12
_REGION: Final[Texts] = some_of(_LOWER + "-")
_ONE: Final = Symbol(ANYTHING.ranges)


class Option(Struct, frozen=True):
    """One value of a variable.

    Attributes:
        results: What checks come to by it.
        put: Writes it into a job.
        then: What is to be chosen because of it.
    """

    results: Mapping[int, int]
    put: tuple[Put, ...] = ()
    then: "tuple[Variable, ...]" = ()


class Variable(Struct, frozen=True, eq=False):
    """What a job can have in one respect.

    Attributes:
        checks: All that depend on it, also by what follows from its values.
        complete: Whether there is certainly an option for each combination of results.
    """

    options: tuple[Option, ...]
    checks: frozenset[int]
    complete: bool = True


class Space(Struct, frozen=True):
    """The jobs of one account and Region, with or without a creation date.

    A check that is neither fixed nor in a variable may come to anything; then the universe has a gap.

    Attributes:
        fixed: The results of what is the same for all of them.
        variables: What they differ in.
        start: An ordinary job of them.
    """

    fixed: Mapping[int, int]
    variables: tuple[Variable, ...]
    start: Callable[[], Draft]


class Universe(Struct):
    """All spaces, and what was not covered by them.

    Attributes:
        gaps: What could not be worked out completely, in words.
        overlapping: The checks whose results may depend on which account a job has.
        uncertain: Whether there may be jobs in no space, so that no search proves anything.
        first, last: The instants that were considered, where any check is of the clock.
        clock: The choice of an instant, once it is made.
    """

    spaces: list[Space]
    gaps: set[str]
    overlapping: set[int]
    uncertain: bool
    first: datetime
    last: datetime
    has_clock: bool
    clock: Variable | None = None


DAYS_AHEAD: Final = 366
"""How far ahead instants are considered."""


def universe_of(known: Numbers, start: datetime) -> Universe:
    """The jobs that two sets, all of whose checks are known, distinguish."""
    by_measure: dict[Measure, list[tuple[int, Test]]] = {}
    for check, number in known.checks.items():
        by_measure.setdefault(check.measure, []).append((number, check.test))
    has_clock = any(isinstance(measure, Clock) for measure in by_measure)
    last = start + timedelta(days=DAYS_AHEAD)
    universe = Universe([], set(), set(), uncertain=False, first=start, last=last, has_clock=has_clock)
    for measure, tests in by_measure.items():
        context = Context(_facts(Draft("aws", REGIONS[0], ACCOUNT, start, start)))
        note_placeholders([test for _, test in tests], context)
        if context.gaps:
            universe.gaps |= context.gaps
            universe.overlapping.update(number for number, _ in tests)
            universe.uncertain |= isinstance(measure, FromArn)
    grace = max(known.graces, default=timedelta(0))
    created = start - grace - timedelta(hours=1)
    needs_creation = any(getattr(measure, "since_creation", False) for measure in by_measure)
    for region, account in _places(by_measure, universe):
        for creation in (created, None) if needs_creation else (created,):
            builder = _Builder(known, by_measure, universe, _draft(region, account, start, creation))
            universe.spaces.append(builder.space())
    return universe


def _partition(region: str) -> str:
    return next((f"aws-{name}" for name in ("cn", "us-gov") if region.startswith(f"{name}-")), "aws")


def _draft(region: str, account: str, now: datetime, created: datetime | None) -> Draft:
    return Draft(_partition(region), region, account, now, created)


def _facts(draft: Draft) -> JobFacts:
    return gather_facts(job_from_printed(finished(draft).job), draft.now)


def _places(by_measure: Mapping[Measure, Tests], universe: Universe) -> list[tuple[str, str]]:
    """A Region and an account for each combination of results."""

    def found(kind: str, domain: Texts, liked: Sequence[str]) -> list[str]:
        some = [atom.patterns for atom in atoms(test for _, test in by_measure.get(FromArn(kind), ()))
                if isinstance(atom, Matches)]  # fmt: skip
        tests = [[shape(pattern) for pattern in each] for each in dict.fromkeys(some)]
        result = text_regions(tests, [domain], liked)
        if not result.complete:
            universe.gaps.add(f"patterns of the {kind}")
            universe.uncertain = True
        return list(result.texts.values())

    return [
        (region, account)
        for region in found("region", _REGION, REGIONS)
        for account in found("account", _ACCOUNT, (ACCOUNT,))
    ]


class _Builder:
    def __init__(self, known: Numbers, by_measure: Mapping[Measure, Tests], universe: Universe, draft: Draft) -> None:
        self.known, self.by_measure, self.universe, self.draft = known, by_measure, universe, draft
        self.context = Context(_facts(draft))
        self.costs = {measure: tests for measure, tests in by_measure.items() if isinstance(measure, CostOf)}
        of_rows = [tests for measure, tests in by_measure.items() if measure.of_rows]
        of_tasks = (*self.costs, Simple("total_tasks"), Member("manifest", "rows"))
        self.rows_follow_tasks = bool(of_rows) and any(measure in by_measure for measure in of_tasks)
        self.manifests: dict[tuple[int | None, _Priced | None], Variable] = {}

    def space(self) -> Space:
        fixed: dict[int, int] = {}
        for measure, tests in self.by_measure.items():
            if isinstance(measure, FromArn):
                value = self.draft.account if measure.kind == "account" else self.draft.region
                fixed |= self._results(tests, value)
            elif isinstance(measure, ManualApproval):
                fixed |= dict.fromkeys((number for number, _ in tests), UNMEASURABLE)
        variables = [each for each in self._variables() if each.checks]
        searched = fixed.keys() | {check for variable in variables for check in variable.checks}
        for measure, tests in self.by_measure.items():
            if any(number not in searched for number, _ in tests):
                self.context.note(f"{measure.subject}, whose values are not searched")
        self.universe.gaps |= self.context.gaps
        base = self.draft
        return Space(fixed, tuple(variables), partial(_draft, base.region, base.account, base.now, base.created))

    def _variables(self) -> Iterator[Variable]:
        yield self._operation()
        yield self._graces()
        if self.universe.clock is None:  # the same for all spaces
            self.universe.clock = self._clock()
        yield self.universe.clock
        if not self.costs:
            yield self._tasks(None)
        if not self.rows_follow_tasks:
            yield self._manifest(_USUAL_TASKS, None)
        yield self._numbers(Simple("priority"), 0, 2_147_483_647, 10, partial(_put_member, "Priority"), None)
        yield self._covered(lambda: self._text("description", "Description", [(ANYTHING,)], ("Nightly job",)))
        partition = self.draft.partition
        roles = (*shape(f"arn:{partition}:iam::"), *_ACCOUNT, *shape(":role/"), _ONE, ANYTHING)
        usual = (f"arn:{partition}:iam::{self.draft.account}:role/batch-operations",)
        yield self._covered(lambda: self._text("role", "RoleArn", [roles], usual))
        yield self._tags()
        yield self._report()
        yield from self._budgets()

    def _covered(self, made: Callable[[], Variable]) -> Variable:
        """A variable, and whether its options are all that there are."""
        noted = self.context.noted
        variable = made()
        is_complete = self.context.noted == noted and self.universe.overlapping.isdisjoint(variable.checks)
        return variable if is_complete else replace(variable, complete=False)

    # --- results ---

    def _tests(self, *measures: Measure) -> list[tuple[int, Test]]:
        return [each for measure in measures for each in self.by_measure.get(measure, ())]

    def _results(self, tests: Tests, value: object) -> dict[int, int]:
        if isinstance(value, Gap):
            return dict.fromkeys((number for number, _ in tests), UNMEASURABLE)
        return {number: _as_result(holds(test, value, self.context)) for number, test in tests}

    # --- single values ---

    def _numbers(
        self,
        measure: Measure,
        lowest: int,
        highest: int,
        usual: int,
        put: Callable[[int, Draft], None],
        gap: Put | None,
    ) -> Variable:
        tests = self._tests(measure)
        options = [Option(self._results(tests, _GAP), (gap,))] if gap else []
        options += [
            Option(self._results(tests, number), (partial(put, number),))
            for number in numbers([test for _, test in tests], lowest, highest, usual)
        ]
        return _variable(options)

    # --- tasks, rows, costs ---

    def _tasks(self, priced: "_Priced | None") -> Variable:
        """How many tasks S3 counts, what that costs, and what was counted in as many rows."""
        tests, rows = self._tests(Simple("total_tasks")), self._tests(Member("manifest", "rows"))
        usual = numbers([test for _, test in (*tests, *rows)], 1, _TASKS_AT_MOST, _USUAL_TASKS)
        options: list[Option] = []
        for count in (*dict.fromkeys((*usual, *self._tasks_by_cost(priced))), None):  # not known: comes last
            results = self._results(tests, _GAP if count is None else count)
            if priced is not None and not self._by_size(priced):
                results |= self._costs(priced, count, 0)
            then = (self._manifest_of(count, priced),) if self.rows_follow_tasks else ()
            put: Put = _put_no_tasks if count is None else partial(_put_tasks, count)
            options.append(Option(results, (put,), then))
        return _variable(options)

    def _manifest_of(self, tasks: int | None, priced: "_Priced | None") -> Variable:
        by_size = priced if priced is not None and self._by_size(priced) else None
        key = (tasks, by_size)
        if key not in self.manifests:
            self.manifests[key] = self._manifest(tasks, by_size)
        return self.manifests[key]

    def _by_size(self, priced: "_Priced") -> bool:
        return any(measure.prices.prices_by_size(priced.operation) for measure in self.costs)

    def _costs(self, priced: "_Priced", tasks: int | None, size: int | None) -> dict[int, int]:
        results: dict[int, int] = {}
        for measure, tests in self.costs.items():
            results |= self._results(tests, self._cost(measure, priced, tasks, size))
        return results

    def _cost(self, measure: CostOf, priced: "_Priced", tasks: int | None, size: int | None) -> Cost | Gap:
        about = replace(
            self.context.facts,
            operation=priced.operation,
            parameters={} if priced.tier is None else {TIER: priced.tier},
            total_tasks=_GAP if tasks is None else tasks,
            object_bytes=_GAP if size is None else size,
        )
        return cost_of(measure.prices, about)

    def _tasks_by_cost(self, priced: "_Priced | None") -> list[int]:
        """The numbers of tasks beside which the cost passes an end of a range, whatever size is asked for."""
        sizes = [0]
        if priced is not None and self._by_size(priced):
            sizes = numbers([test for _, test in self._tests(Simple("object_bytes"))], 0, _BYTES_AT_MOST, 0)
        return [
            count
            for measure, end in self._ends(priced)
            for size in sizes
            for count in _beside(partial(self._total, measure, priced, size=size), end, 1, _TASKS_AT_MOST)
        ]

    def _ends(self, priced: "_Priced | None") -> Iterator[tuple[CostOf, int]]:
        """The last cost within each range, and the last below it."""
        for measure, tests in self.costs.items() if priced is not None else ():
            for atom in atoms(test for _, test in tests):
                if isinstance(atom, Costs):
                    if atom.at_most is not None:
                        yield measure, atom.at_most
                    if atom.at_least is not None:
                        yield measure, atom.at_least - 1

    def _total(self, measure: CostOf, priced: "_Priced | None", tasks: int, size: int) -> int | None:
        cost = None if priced is None else self._cost(measure, priced, tasks, size)
        return cost.total if isinstance(cost, Cost) else None

    def _bytes(self, tasks: int, priced: "_Priced | None") -> Variable:
        """The objects' sizes added up, and what they cost."""
        tests = self._tests(Simple("object_bytes"))
        if priced is not None and len(self.costs) > 1:
            self.context.note("costs by size at different prices")
        ends = [
            size
            for measure, end in self._ends(priced)
            for size in _beside(partial(self._total, measure, priced, tasks), end, 0, _BYTES_AT_MOST)
        ]
        found: list[int | None] = [None, *numbers([test for _, test in tests], 0, _BYTES_AT_MOST, 1000), *ends]
        return _variable(
            Option(
                self._results(tests, _GAP if size is None else size)
                | (self._costs(priced, tasks, size) if priced is not None else {}),
                (partial(_put_field, "object_bytes", size),),
            )
            for size in dict.fromkeys(found)
        )

    def _contents(self, tasks: int, sources: Tests, priced: "_Priced | None") -> list[Variable]:
        """What was counted in the rows, each of it or not."""
        rows, versions = (self._tests(Member("manifest", name)) for name in ("rows", "rows_without_version"))
        found: list[int | None] = [None, *numbers([test for _, test in versions], 0, tasks, 0)]
        return [
            self._covered(partial(self._rows, sources)),
            _variable(
                Option(
                    self._results(rows, _GAP if count is None else count),
                    (partial(_put_field, "manifest_rows", count),),
                )
                for count in (None, tasks)
            ),
            _variable(
                Option(
                    self._results(versions, _GAP if count is None else count),
                    (partial(_put_field, "rows_without_version", count),),
                )
                for count in found
            ),
            self._covered(partial(self._bytes, tasks, priced)),
        ]

    def _no_contents(self, priced: "_Priced | None") -> dict[int, int]:
        """What the checks come to where no rows are read."""
        measures = (Member("manifest", "rows"), Member("manifest", "rows_without_version"), Simple("object_bytes"))
        return self._results(self._tests(*measures), _GAP) | (
            self._costs(priced, _USUAL_TASKS, None) if priced is not None else {}
        )

    def _text(self, kind: str, member: str, domain: Sequence[Texts], liked: Sequence[str]) -> Variable:
        tests = self._tests(Simple(kind))
        found: list[str | None] = [*texts([test for _, test in tests], self.context, liked, domain), None]
        return _variable(Option(self._results(tests, text), (partial(_put_member, member, text),)) for text in found)

    def _buckets(self, tests: Sequence[Test]) -> list[str]:
        """Names of buckets that the patterns distinguish."""
        some = dict.fromkeys(atom.patterns for atom in atoms(tests) if isinstance(atom, Matches))
        filled = [[shape(pattern) for pattern in filled_in(each, self.context)] for each in some]
        liked = ["example-bucket", *self._instances(tests)]
        result = text_regions(filled, [_BUCKET], liked, _names_bucket)
        if not result.complete:
            self.context.note("patterns of buckets")
        return list(result.texts.values())

    def _instances(self, tests: Sequence[Test]) -> list[str]:
        from batchgate_cli.authoring.comparison.text_regions import instance

        some = {pattern for atom in atoms(tests) if isinstance(atom, Matches) for pattern in atom.patterns}
        return [instance(pattern) for pattern in sorted(filled_in(frozenset(some), self.context), key=str)]

    # --- tags, report, time ---

    def _tags(self) -> Variable:
        keys = {measure.key: tests for measure, tests in self.by_measure.items() if isinstance(measure, Tag)}
        each = [self._covered(partial(self._tag, key, tests)) for key, tests in keys.items()]
        everything = [test for tests in keys.values() for test in tests]
        options = [Option({}, (), tuple(each)), Option(self._results(everything, _GAP), (_put_no_tags,))]
        return _variable(options if keys else [])

    def _tag(self, key: str, tests: Tests) -> Variable:
        found: list[str | None] = [None, *texts([test for _, test in tests], self.context)]
        return _variable(Option(self._results(tests, text), (partial(_put_tag, key, text),)) for text in found)

    def _report(self) -> Variable:
        tests = {m.name: t for m, t in self.by_measure.items() if isinstance(m, Member) and m.kind == "report"}
        if not tests:
            return _variable([])
        members: list[Variable] = []
        shapes = request_shape("Report").members
        for name, of_name in tests.items():
            if name:
                form = shapes[_REPORT_MEMBERS[name]]
                members.append(self._covered(partial(self._report_member, name, form, of_name)))
        report: dict[str, Json] = {} if "enabled" in tests else {"Enabled": True}
        present = Option(
            self._results(tests.get("", ()), {}),
            (lambda draft: _put_member("Report", {**report}, draft),),
            tuple(members),
        )
        everything = [each for some in tests.values() for each in some]
        return _variable([present, Option(self._results(everything, None), (partial(_put_member, "Report", None),))])

    def _report_member(self, name: str, form: Shape, tests: Tests) -> Variable:
        return _variable(
            Option(self._results(tests, fact), (partial(_put_report, _REPORT_MEMBERS[name], value),))
            for value, fact in self._report_values(name, form, tests)
        )

    def _report_values(self, name: str, form: Shape, tests: Tests) -> Iterator[tuple[Json, object]]:
        asked = [test for _, test in tests]
        if name == "bucket":
            for bucket in self._buckets(asked):
                yield f"arn:{self.draft.partition}:s3:::{bucket}", bucket
            yield self._no_bucket(), _GAP
            yield None, None
            return
        if name == "enabled":
            found: Iterable[Json] = (True, False)
        elif form.values:
            found = form.values
        elif name == "expected_bucket_owner":
            found = texts(asked, self.context, (self.draft.account,), [_ACCOUNT])
        else:
            found = texts(asked, self.context)
        for value in (*found, None):
            yield value, value

    def _no_bucket(self) -> str:
        return f"arn:{self.draft.partition}:s3:{REGIONS[0]}:{ACCOUNT}:accesspoint/example"

    def _graces(self) -> Variable:
        graces = self.known.graces
        ages: list[timedelta | None] = [timedelta(0), *sorted(graces), None]
        options = [
            Option(
                {number: MET if age is not None and age >= grace else VIOLATED for grace, number in graces.items()},
                (partial(_put_field, "age", age),),
            )
            for age in ages
        ]
        return _variable(options if graces else [])

    def _clock(self) -> Variable:
        tests = [each for measure, some in self.by_measure.items() if isinstance(measure, Clock) for each in some]
        first, last = self.universe.first, self.universe.last
        instants = {first}
        for _, test in tests:
            inner = test.test if isinstance(test, Not) else test
            if isinstance(inner, InWindow):
                for calendar in inner.calendars:
                    instants.update(calendar.changes(first, last))
            elif isinstance(inner, Through) and inner.end is not None and first < inner.end < last:
                instants.add(inner.end)
        predicates = [(number, test.predicate()) for number, test in tests]
        options = (
            Option(
                {number: _as_result(passes(instant, self.context.facts)) for number, passes in predicates},
                (partial(_put_field, "now", instant),),
            )
            for instant in sorted(instants)
        )
        return _variable(options if tests else [])

    # --- budgets ---

    def _budgets(self) -> Iterator[Variable]:
        """How much is used of each budget; the same of those of one name in both sets."""
        named: dict[str, dict[WithinBudget, Tests]] = {}
        for measure, tests in self.by_measure.items():
            if isinstance(measure, WithinBudget):
                named.setdefault(measure.budget.name, {})[measure] = tests
        for name, measures in named.items():
            variable = self._budget(name, measures)
            accounts = {(each.budget.each, each.budget.per, each.budget.zone) for each in measures}
            if len(accounts) > 1 or not all(_is_of_jobs_alone(measure.budget) for measure in measures):
                self.context.note("how much is used of a budget, in addition to what a job uses")
                variable = replace(variable, complete=False)
            yield variable

    def _budget(self, name: str, measures: Mapping[WithinBudget, Tests]) -> Variable:
        """What is used with a job that takes little: what is within all limits, and what is just above each."""
        limits = [measure.budget.limits for measure in measures]
        ends = {
            field: sorted({end for each in limits if (end := getattr(each, field)) is not None})
            for field in Limits.__struct_fields__
        }
        above = {field: _CENT_OF_A_CENT if field == "cost" else 1 for field in ends}
        totals = [Amounts(1)]
        totals += [
            replace(Amounts(1), **{field: max(end + above[field], 1)}) for field, some in ends.items() for end in some
        ]
        tags = [
            each.budget.tag
            for each in measures
            if each.budget.each == "tag" and Tag(each.budget.tag) not in self.by_measure
        ]
        needs_size = Simple("object_bytes") not in self.by_measure and any(measure.of_rows for measure in measures)
        return _variable(
            Option(
                {
                    number: MET if measure.budget.limits.admit(total) else VIOLATED
                    for measure, tests in measures.items()
                    for number, _ in tests
                },
                (partial(_put_used, name, total, tags, needs_size),),
            )
            for total in totals
        )

    # --- the operation ---

    def _operation(self) -> Variable:
        parameters = {m: t for m, t in self.by_measure.items() if isinstance(m, Parameter)}
        named = self._tests(Simple("operation"))
        destinations = self._tests(Simple("destination_buckets"))
        options: list[Option] = []
        for operation in self._operations([test for _, test in named]):
            known = operation in KNOWN_OPERATIONS
            results = self._results(named, operation)
            results |= {self.known.is_known: _as_result(known), self.known.is_unknown: _as_result(not known)}
            results |= {number: _as_result(name == operation) for name, number in self.known.operations.items()}
            below: list[tuple[Parameter, Tests]] = []
            for measure, tests in parameters.items():
                if measure.path == operation:
                    results |= self._results(tests, {})
                elif measure.path.startswith(f"{operation}."):
                    below.append((measure, tests))
                else:
                    results |= self._results(tests, None)
            then = list(self._parameters(operation, below, () if operation != _COPY else destinations))
            if self.costs and operation != OPERATION_WITH_TIERS:
                then.append(self._tasks(_Priced(operation)))
            if operation != _COPY:
                no_destination = known and operation != "S3ReplicateObject"
                results |= self._results(destinations, frozenset[str]() if no_destination else _GAP)
            options.append(Option(results, (partial(_put_field, "operation", operation),), tuple(then)))
        return _variable(options)

    def _operations(self, tests: Sequence[Test]) -> list[str]:
        liked = [*sorted(KNOWN_OPERATIONS), "S3NewOperation"]
        some = [atom.patterns for atom in atoms(tests) if isinstance(atom, Matches)]
        literal = {str(pattern) for each in some for pattern in each if is_literal(pattern)}
        named = {measure.path.partition(".")[0] for measure in self.by_measure if isinstance(measure, Parameter)}
        domain = some_of(_LOWER + _LOWER.upper())
        tested = [[shape(pattern) for pattern in filled_in(each, self.context)] for each in dict.fromkeys(some)]
        others = text_regions(tested, [domain], (), _is_unknown_operation)
        if not others.searched:
            self.context.note("patterns of operations")
            self.universe.uncertain = True
        return list(dict.fromkeys([
            *liked, *sorted(literal | named | {*self.known.operations}), *others.texts.values()
        ]))  # fmt: skip

    def _parameters(
        self, operation: str, measures: Sequence[tuple[Parameter, Tests]], destinations: Tests
    ) -> Iterator[Variable]:
        form = request_shape("Operation").members.get(operation)
        grouped: dict[str, list[tuple[Parameter, Tests]]] = {}
        for measure, tests in measures:
            grouped.setdefault(measure.path.split(".")[1], []).append((measure, tests))
        if destinations or (operation == _COPY and _TARGET in grouped):
            put = partial(_put_parameter, _TARGET)
            yield self._covered(partial(self._arn, grouped.pop(_TARGET, []), destinations, put))
        if self.costs and operation == OPERATION_WITH_TIERS:
            yield self._tiers([each for _, tests in grouped.pop(TIER, []) for each in tests])
        for name, some in grouped.items():
            yield self._covered(partial(self._member, form, name, some, 1, partial(_put_parameter, name)))

    def _tiers(self, tests: Tests) -> Variable:
        """The tier of a restore, on which its price may depend."""
        values = request_shape("Operation").members[OPERATION_WITH_TIERS].members[TIER].values
        return _variable(
            Option(
                self._results(tests, tier),
                (partial(_put_parameter, TIER, tier),),
                (self._tasks(_Priced(OPERATION_WITH_TIERS, tier)),),
            )
            for tier in (*values, None)
        )

    def _member(
        self,
        form: Shape | None,
        name: str,
        measures: Sequence[tuple[Parameter | GeneratorMember, Tests]],
        depth: int,
        put: Callable[[Json, Draft], None],
    ) -> Variable:
        """One member of an operation or a generator with all that is asked of it and below it."""
        asks = [
            Ask(number, tuple(measure.path.split(".")[depth + 1 :]), test)
            for measure, tests in measures
            for number, test in tests
        ]
        since = {
            number: tuple(measure.path.split(".")[depth + 1 :])
            for measure, tests in measures
            if measure.since_creation
            for number, _ in tests
        }
        own = form.members.get(name) if form is not None else None
        if own is None:
            self.context.note("parameters of an operation that this version does not know")
        options: list[Option] = []
        for region in regions(own or guessed(asks), asks, self.context):
            results = {number: _as_result(held) for number, held in region.results.items()}
            if self.draft.created is None:
                for number, path in since.items():
                    if _below(region.value, path) is not None:
                        results[number] = UNMEASURABLE
            options.append(Option(results, (partial(put, region.value),)))
        return _variable(options)

    def _arn(
        self,
        measures: Sequence[tuple[Parameter | GeneratorMember, Tests]],
        buckets: Tests,
        put: Callable[[Json, Draft], None],
        *,
        optional: bool = True,
    ) -> Variable:
        """A member that names a bucket by its ARN, and what is asked of the bucket's name."""
        of_arn = [each for _, tests in measures for each in tests]
        prefix = f"arn:{self.draft.partition}:s3:::"
        atoms_of_arn = [atom.patterns for atom in atoms(test for _, test in of_arn) if isinstance(atom, Matches)]
        of_names = [atom.patterns for atom in atoms(test for _, test in buckets) if isinstance(atom, Matches)]
        shapes: list[list[Texts]] = [
            [shape(pattern) for pattern in filled_in(each, self.context)] for each in dict.fromkeys(atoms_of_arn)
        ] + [
            [(*shape(prefix), *shape(pattern)) for pattern in filled_in(each, self.context)]
            for each in dict.fromkeys(of_names)
        ]
        both = [pattern for some in (*atoms_of_arn, *of_names) for pattern in some]
        if atoms_of_arn and of_names and any(map(has_placeholder, both)):
            self.context.note("patterns with ${...} that overlap with others")
        liked = [f"{prefix}{name}" for name in ("example-bucket", *self._instances([test for _, test in buckets]))]
        liked += self._instances([test for _, test in of_arn])
        found = text_regions(shapes, [(*shape(prefix), *_BUCKET)], liked, _names_bucket)
        others = text_regions(
            shapes if of_arn else [],
            [
                (*shape(prefix), ANYTHING, *shape("/"), ANYTHING),
                (*shape(f"arn:{self.draft.partition}:s3"), ANYTHING, *shape(":"), ANYTHING),
            ],
            (self._no_bucket(), *(f"{each}/path" for each in liked)),
            _names_no_bucket,
        )
        if not (found.complete and others.complete):
            self.context.note("patterns of ARNs")
        options: list[Option] = []
        for arn in (*found.texts.values(), *others.texts.values(), *((None,) if optional else ())):
            name = bucket_name(arn)
            several = frozenset({_GAP if isinstance(name, NoBucket) else name})
            results = {**self._results(of_arn, arn), **self._results(buckets, several)}
            options.append(Option(results, (partial(put, arn),)))
        return _variable(options)

    # --- the manifest ---

    def _manifest(self, tasks: int | None, priced: "_Priced | None") -> Variable:
        """The manifest of a job of so many tasks; None where S3 does not report how many, so that no rows count."""
        of_manifest = {m.name: t for m, t in self.by_measure.items() if isinstance(m, Member) and m.kind == "manifest"}
        of_generator = {m: t for m, t in self.by_measure.items() if isinstance(m, GeneratorMember)}
        sources = self._tests(Simple("source_buckets"))
        if not (of_manifest or of_generator or any(measure.of_rows for measure in self.by_measure)):
            return _variable([])
        no_contents = self._no_contents(priced)
        fixed = self._results([each for tests in of_generator.values() for each in tests], None)
        fixed |= self._stated(of_manifest, generated=False, stored=True)
        location = self._location(of_manifest, request_shape("Manifest").members["Spec"].members["Format"].values)
        if tasks is None:
            fixed |= no_contents | self._results(sources, _GAP)
        rows = [] if tasks is None else self._contents(tasks, sources, priced)
        supplied = Option(fixed, (), (*location, *rows))
        options: list[Option] = []
        formats = request_shape("GeneratedManifestDescriptor").members["Format"].values
        for stored, described in ((True, True), (True, False), (False, False), (None, False)):
            enabled = of_generator.get(GeneratorMember("EnableManifestOutput"), ())
            results = self._stated(of_manifest, generated=True, stored=stored) | self._results(enabled, stored)
            if not described:
                for name in ("format", "bucket", "key", "version", "bytes"):
                    results |= self._results(of_manifest.get(name, ()), _GAP)
            if not described or tasks is None:
                results |= no_contents
            rows = self._contents(tasks, (), priced) if described and tasks is not None else []
            location = self._location(of_manifest, formats) if described else []
            put = partial(_put_generator, stored, described, formats[0])
            options.append(Option(results, (put,), (*location, *rows, *self._generator(of_generator, sources))))
        # A generator names its bucket; the rows of a manifest have to be read.
        return _variable([*options, supplied] if sources else [supplied, *options])

    def _stated(self, tests: Mapping[str, Tests], *, generated: bool, stored: bool | None) -> dict[int, int]:
        return {
            **self._results(tests.get("", ()), {}),
            **self._results(tests.get("generated", ()), generated),
            **self._results(tests.get("stored", ()), stored),
        }

    def _location(self, tests: Mapping[str, Tests], formats: Sequence[str]) -> list[Variable]:
        of_format, of_version, of_bytes = (tests.get(name, ()) for name in ("format", "version", "bytes"))
        sizes = numbers([test for _, test in of_bytes], 0, 1 << 60, 1000)
        found = [
            self._covered(partial(self._place, tests.get("bucket", ()), tests.get("key", ()))),
            _variable(
                Option(self._results(of_format, each), (partial(_put_field, "format", each),)) for each in formats
            ),
            self._covered(partial(self._version, of_version)),
            _variable([Option(self._results(of_bytes, _GAP)), *(self._size(of_bytes, size) for size in sizes)]),
        ]
        return [each for each in found if each.checks]

    def _place(self, of_bucket: Tests, of_key: Tests) -> Variable:
        """The manifest's bucket, and where that is one, the key in it."""
        key = _variable(
            Option(self._results(of_key, key or _GAP), (partial(_put_field, "key", key),))
            for key in (*self._keys(of_key), "")
        )
        buckets = [
            Option(self._results(of_bucket, bucket), (partial(_put_field, "bucket", bucket),), (key,) if of_key else ())
            for bucket in self._buckets([test for _, test in of_bucket])
        ]
        put = partial(_put_field, "bucket", self._no_bucket())
        return _variable([*buckets, Option(self._results((*of_bucket, *of_key), _GAP), (put,))])

    def _version(self, tests: Tests) -> Variable:
        versions: list[str | None] = [None, *texts([test for _, test in tests], self.context)]
        return _variable(
            Option(self._results(tests, each), (partial(_put_field, "version", each),)) for each in versions
        )

    def _size(self, tests: Tests, size: int) -> Option:
        return Option(self._results(tests, size), (partial(_put_field, "manifest_bytes", size),))

    def _keys(self, tests: Tests) -> list[str]:
        return texts([test for _, test in tests], self.context, ("manifest.csv",), [(_ONE, ANYTHING)])

    def _rows(self, tests: Tests) -> Variable:
        """The buckets of a manifest's rows: not read, or any that the tests distinguish."""
        inner = list(dict.fromkeys(elements_in(test for _, test in tests)))
        names: list[object] = [*self._buckets([test for _, test in tests]), _GAP]
        vectors = [
            (name, tuple(None if isinstance(name, Gap) else holds(each.test, name, self.context) for each in inner))
            for name in names
        ]
        options = [Option(self._results(tests, _GAP))]
        for several in collections(vectors, self.context, empty=False):  # type: ignore[arg-type]
            rows = [self._no_bucket() if isinstance(each, Gap) else str(each) for each in several]  # type: ignore[union-attr]
            options.append(Option(self._results(tests, frozenset(several)), (partial(_put_field, "rows", rows),)))  # type: ignore[arg-type]
        return _variable(options)

    def _generator(self, measures: Mapping[GeneratorMember, Tests], sources: Tests) -> Iterator[Variable]:
        form = request_shape("ManifestGenerator").members["S3JobManifestGenerator"]
        grouped: dict[str, list[tuple[GeneratorMember, Tests]]] = {}
        for measure, tests in measures.items():
            grouped.setdefault(measure.path.split(".")[0], []).append((measure, tests))
        grouped.pop("EnableManifestOutput", None)
        put = partial(_put_generated, "SourceBucket")
        of_bucket = grouped.pop("SourceBucket", [])
        yield self._covered(partial(self._arn, of_bucket, sources, put, optional=False))
        for name, some in grouped.items():
            yield self._covered(partial(self._member, form, name, some, 0, partial(_put_generated, name)))


class _Priced(Struct, frozen=True):
    """What the price of a job depends on beside its tasks and bytes; `tier` is None where the job says none."""

    operation: str
    tier: str | None = None


_CENT_OF_A_CENT: Final = 10**6
_USUAL_TASKS: Final = 1000
_USUAL_BYTES: Final = 1000
_TASKS_AT_MOST: Final = 1 << 53
_BYTES_AT_MOST: Final = 1 << 60


def _beside(total: Callable[[int], int | None], end: int, lowest: int, highest: int) -> list[int]:
    """The last number whose total is within the end, and the next; nothing where there is no total.

    Totals never fall as numbers grow.
    """
    if total(lowest) is None:
        return []
    low, high = lowest - 1, highest
    while low < high:
        middle = (low + high + 1) // 2
        if (total(middle) or 0) <= end:
            low = middle
        else:
            high = middle - 1
    return [number for number in (low, low + 1) if lowest <= number <= highest]


_GAP: Final = Gap(Result.UNMEASURABLE, "not read")
_COPY: Final = "S3PutObjectCopy"
_TARGET: Final = "TargetResource"
_REPORT_MEMBERS: Final = {
    "enabled": "Enabled",
    "bucket": "Bucket",
    "scope": "ReportScope",
    "prefix": "Prefix",
    "format": "Format",
    "expected_bucket_owner": "ExpectedBucketOwner",
}


def _as_result(held: Held) -> int:
    return UNMEASURABLE if held is None else MET if held else VIOLATED


def _names_bucket(text: str) -> bool:
    return not isinstance(bucket_name(text), NoBucket)


def _names_no_bucket(text: str) -> bool:
    return not _names_bucket(text)


def _is_unknown_operation(text: str) -> bool:
    return text not in KNOWN_OPERATIONS


def _below(value: Json, path: tuple[str, ...]) -> Json:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _variable(options: Iterable[Option]) -> Variable:
    """The options that differ in what they come to; the first of those that do not."""
    kept: list[Option] = []
    seen: set[frozenset[tuple[int, int]]] = set()
    for option in options:
        option = Option(option.results, option.put, tuple(each for each in option.then if each.checks))  # noqa: PLW2901
        key = frozenset(option.results.items())
        if option.then or key not in seen:
            kept.append(option)
        if not option.then:
            seen.add(key)
    checks = {number for option in kept for number in option.results}
    for option in kept:
        checks.update(*(each.checks for each in option.then))
    return Variable(tuple(kept), frozenset(checks))


# --- what options write --------------------------------------------------------------------------------


def _put_member(name: str, value: Json, draft: Draft) -> None:
    draft.job[name] = value


def _put_field(name: str, value: object, draft: Draft) -> None:
    setattr(draft, name, value)


def _put_tasks(count: int, draft: Draft) -> None:
    draft.job["ProgressSummary"] = {
        "TotalNumberOfTasks": count,
        "NumberOfTasksSucceeded": 0,
        "NumberOfTasksFailed": 0,
    }


def _put_no_tasks(draft: Draft) -> None:
    draft.job["ProgressSummary"] = None


def _put_no_tags(draft: Draft) -> None:
    draft.tags = None


def _is_of_jobs_alone(budget: Budget) -> bool:
    """Whether every job takes as much of it, and of some account."""
    return budget.limits.named == ("jobs",) and budget.each in ("", "account", "region", "operation")


def _put_used(name: str, total: Amounts, tags: Sequence[str], needs_size: bool, draft: Draft) -> None:
    draft.used[name] = total
    if needs_size and draft.object_bytes is None:
        draft.object_bytes = _USUAL_BYTES
    for tag in tags:
        if draft.tags is not None:
            draft.tags.setdefault(tag, "example")


def _put_tag(key: str, value: str | None, draft: Draft) -> None:
    if value is not None and draft.tags is not None:
        draft.tags[key] = value


def _put_report(name: str, value: Json, draft: Draft) -> None:
    report = draft.job["Report"]
    if isinstance(report, dict) and value is not None:
        report[name] = value


def _put_parameter(name: str, value: Json, draft: Draft) -> None:
    if value is not None:
        draft.parameters[name] = value


def _put_generator(stored: bool | None, described: bool, form: str, draft: Draft) -> None:
    draft.generator = {"SourceBucket": f"arn:{draft.partition}:s3:::example-bucket"}
    if stored is not None:
        draft.generator["EnableManifestOutput"] = stored
    draft.is_stored, draft.format = described, form


def _put_generated(name: str, value: Json, draft: Draft) -> None:
    if draft.generator is not None and value is not None:
        draft.generator[name] = value
