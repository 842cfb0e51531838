"""Which conditions exclude or imply each other, whatever the job is.

Every answer errs towards false: it is true only if it holds for every job whose values could be read. Values that
can't be read are left out of account.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import combinations
from typing import TypeAlias

from batchgate.policy.checks import (
    Below,
    Between,
    Check,
    CostOf,
    Dated,
    Elements,
    Equals,
    Every,
    FromArn,
    InWindow,
    Matches,
    Measure,
    Member,
    Not,
    OneOf,
    Parameter,
    Present,
    Simple,
    Test,
    WithinBudget,
)
from batchgate_cli.authoring.lint.located import Group, Leaf, Node
from batchgate_cli.authoring.lint.pattern_sets import all_within, any_meet
from batchgate_cli.authoring.lint.values import takes_every

Interval: TypeAlias = tuple[int, int]

_ENDLESS = 1 << 80
_NUMBERS: dict[Measure, Interval] = {
    Simple("total_tasks"): (1, _ENDLESS),  # 0 is unmeasurable
    Simple("object_bytes"): (0, _ENDLESS),
    Simple("priority"): (0, 2_147_483_647),
    Member("manifest", "bytes"): (0, _ENDLESS),
    Member("manifest", "rows"): (1, _ENDLESS),  # as many as tasks
    Member("manifest", "rows_without_version"): (0, _ENDLESS),
}
"""The ranges of the numbers that every job has. Source: S3 Control API, JobPriority, JobTotalNumberOfTasks."""


def _domain(measure: Measure) -> Interval | None:
    """The range of a number that every job has; None for anything else."""
    return (0, _ENDLESS) if isinstance(measure, CostOf) else _NUMBERS.get(measure)


OPERATION = Simple("operation")
_TEXTS_OF_EVERY_JOB: frozenset[Measure] = frozenset({OPERATION, FromArn("account"), FromArn("region"), Simple("role")})
"""Texts that every job has. Source: S3 Control API, CreateJob, required members."""

_OF_OPERATION = frozenset({"operation", "operation_parameters"})
_ALWAYS_READ: frozenset[Measure] = _TEXTS_OF_EVERY_JOB | {Simple("priority")}
_COMPARED_AT_MOST = 100
"""At most so many conditions of one list are compared with each other; the time is quadratic in them."""


def operation_is(name: str) -> Leaf:
    """The condition that a job's operation is this one."""
    return Leaf((), Check(OPERATION, Matches(frozenset({name}))), name)


# --- one check ----------------------------------------------------------------------------------------


def plain(test: Test) -> Test:
    """An equal test, without `not` where another test says the same."""
    if isinstance(test, Not):
        inner = test.test
        if isinstance(inner, Present):
            return Present(not inner.wanted_present)
        if isinstance(inner, Elements) and inner.word != "only":
            return Elements("none" if inner.word == "any" else "any", inner.test)
    return test


def is_positive(test: Test) -> bool:
    """Whether an absent value fails the test."""
    test = plain(test)
    if isinstance(test, Every):
        return any(map(is_positive, test.tests))
    if isinstance(test, Elements):
        return test.word == "any"
    return not isinstance(test, Not) and test != Present(wanted_present=False)


def is_never(check: Check) -> bool:
    """Whether no value can meet the check."""
    numbers = _numbers(check)
    if numbers is not None:
        return not numbers
    if isinstance(check.measure, WithinBudget):
        return 0 in (check.measure.budget.limits.jobs, check.measure.budget.limits.objects)
    test = plain(check.test)
    if _is_impossible_test(test):
        return True
    if isinstance(test, Not):
        return check.measure in _TEXTS_OF_EVERY_JOB and _takes_any(check.measure, test.test)
    if test == Present(wanted_present=False):
        return check.measure in _TEXTS_OF_EVERY_JOB
    return (
        _is_source(check)
        and isinstance(test, Elements)
        and test.word == "none"
        and _takes_any(check.measure, test.test)
    )


def is_always(check: Check) -> bool:
    """Whether every value meets the check."""
    domain = _domain(check.measure)
    if domain is not None:
        return _numbers(check) == [domain]
    test = plain(check.test)
    if check.measure in _TEXTS_OF_EVERY_JOB:
        return _takes_any(check.measure, test) or test == Present(wanted_present=True)
    if isinstance(check.measure, Simple) and isinstance(test, Elements) and _takes_any(check.measure, test.test):
        return test.word == "only" or (test.word == "any" and _is_source(check))
    return False


def is_always_read(check: Check) -> bool:
    """Whether every job has the value and the gate always reads it: then a check that all values meet has no effect."""
    return check.measure in _ALWAYS_READ


def _takes_any(measure: Measure, test: Test) -> bool:
    return isinstance(test, Matches) and takes_every(measure, test.patterns)


def _is_impossible_test(test: Test) -> bool:
    """Whether no value can meet the test. Of tests on lists only `any` can be such: an empty list meets the others."""
    match test:
        case Between(at_least=int() as low, at_most=int() as high):
            return low > high
        case Dated(before=datetime() as before, after=datetime() as after):
            return after >= before
        case Every(tests=tests):
            return any(map(_is_impossible_test, tests))
        case Below(test=inner) | Elements(word="any", test=inner):
            return _is_impossible_test(inner)
        case _:
            return False


def _is_source(check: Check) -> bool:
    """Whether a check is about source buckets: every job has at least one, while many have no destination."""
    return check.measure == Simple("source_buckets")


def _numbers(check: Check) -> list[Interval] | None:
    """The numbers that meet a check of a number that every job has; None for other checks."""
    domain = _domain(check.measure)
    test = check.test
    inner = test.test if isinstance(test, Not) else test
    if domain is None or not isinstance(inner, Between):
        return None
    lowest, highest = domain
    low = lowest if inner.at_least is None else max(inner.at_least, lowest)
    high = highest if inner.at_most is None else min(inner.at_most, highest)
    intervals = [(low, high)] if not isinstance(test, Not) else [(lowest, low - 1), (high + 1, highest)]
    if isinstance(test, Not) and low > high:
        intervals = [domain]
    return [interval for interval in intervals if interval[0] <= interval[1]]


# --- two checks ---------------------------------------------------------------------------------------


def _checks_exclude(one: Check, other: Check) -> bool:
    if one.measure == other.measure:
        left, right = _numbers(one), _numbers(other)
        if left is not None and right is not None:
            return all(a[0] > b[1] or b[0] > a[1] for a in left for b in right)
        return _tests_exclude(plain(one.test), plain(other.test), has_some=_is_source(one))
    if not _are_of_operation(one, other):
        return False
    head, other_head = _operation_of(one), _operation_of(other)
    if head is not None and other_head is not None:
        return head != other_head and is_positive(one.test) and is_positive(other.test)
    return _excludes_operation(one, other_head, other) or _excludes_operation(other, head, one)


def _excludes_operation(check: Check, operation: str | None, parameter: Check) -> bool:
    return (
        operation is not None
        and check.measure == OPERATION
        and is_positive(parameter.test)
        and _tests_exclude(plain(check.test), Matches(frozenset({operation})), has_some=False)
    )


def _tests_exclude(one: Test, other: Test, *, has_some: bool) -> bool:
    """Whether no value meets both; `has_some` says that the list of values is never empty."""
    if isinstance(one, OneOf):
        return all(_tests_exclude(each, other, has_some=has_some) for each in one.tests)
    if isinstance(other, OneOf):
        return all(_tests_exclude(one, each, has_some=has_some) for each in other.tests)
    if isinstance(one, Every):
        return any(_tests_exclude(each, other, has_some=has_some) for each in one.tests)
    if isinstance(other, Every):
        return any(_tests_exclude(one, each, has_some=has_some) for each in other.tests)
    if isinstance(one, Not) or isinstance(other, Not):
        denied, asked = (one, other) if isinstance(one, Not) else (other, one)
        return isinstance(denied, Not) and _test_implies(asked, denied.test, has_some=has_some)
    if isinstance(one, Elements) and isinstance(other, Elements):
        return _elements_exclude(one, other, has_some=has_some) or _elements_exclude(other, one, has_some=has_some)
    if isinstance(one, InWindow) or isinstance(other, InWindow):
        return False
    absent = Present(wanted_present=False)
    if absent in (one, other):
        return is_positive(other if one == absent else one)
    if isinstance(one, Present) or isinstance(other, Present):
        return False
    return not _meet(one, other)


def _meet(one: Test, other: Test) -> bool:
    """Whether a text, number, boolean or time may meet both of two positive tests."""
    if isinstance(one, Dated) and isinstance(other, Dated):
        return not (_ends_before(one, other) or _ends_before(other, one))
    if isinstance(one, Matches) and isinstance(other, Matches):
        return any_meet(one.patterns, other.patterns)
    intervals = [_interval(test) for test in (one, other)]
    if intervals[0] is not None and intervals[1] is not None:
        return intervals[0][0] <= intervals[1][1] and intervals[1][0] <= intervals[0][1]
    return one == other or isinstance(one, Elements | Below) or isinstance(other, Elements | Below)


def _ends_before(one: Dated, other: Dated) -> bool:
    return one.before is not None and other.after is not None and one.before <= other.after


def _interval(test: Test) -> Interval | None:
    """The whole numbers that meet a test; None if the test is not about numbers."""
    if isinstance(test, Between):
        return (
            -_ENDLESS if test.at_least is None else test.at_least,
            _ENDLESS if test.at_most is None else test.at_most,
        )
    if isinstance(test, Equals) and not isinstance(test.value, bool):
        return test.value, test.value
    return None


def _elements_exclude(one: Elements, other: Elements, *, has_some: bool) -> bool:
    match one.word, other.word:
        case "any", "none":
            return _test_implies(one.test, other.test, has_some=False)
        case "any", "only":
            return _tests_exclude(one.test, other.test, has_some=False)
        case "only", "none":
            return has_some and _test_implies(one.test, other.test, has_some=False)
        case "only", "only":
            return has_some and _tests_exclude(one.test, other.test, has_some=False)
        case _:
            return False


def _check_implies(one: Check, other: Check) -> bool:
    if one.measure == other.measure:
        left, right = _numbers(one), _numbers(other)
        if left is not None and right is not None:
            return all(any(b[0] <= a[0] and a[1] <= b[1] for b in right) for a in left)
        return _test_implies(plain(one.test), plain(other.test), has_some=_is_source(one))
    if not _are_of_operation(one, other):
        return False
    head, other_head = _operation_of(one), _operation_of(other)
    if other_head is not None and not is_positive(other.test):
        # A job of another operation has no such parameter, and a test that is not positive accepts that.
        if one.measure == OPERATION:
            return _tests_exclude(plain(one.test), Matches(frozenset({other_head})), has_some=False)
        return head is not None and head != other_head and is_positive(one.test)
    if head is not None and other.measure == OPERATION and is_positive(one.test):
        return _test_implies(Matches(frozenset({head})), plain(other.test), has_some=False)
    return False


def _test_implies(one: Test, other: Test, *, has_some: bool) -> bool:
    if one == other:
        return True
    if isinstance(other, Not):
        return _tests_exclude(one, other.test, has_some=has_some)
    if isinstance(one, OneOf):
        return all(_test_implies(each, other, has_some=has_some) for each in one.tests)
    if isinstance(other, Every):
        return all(_test_implies(one, each, has_some=has_some) for each in other.tests)
    if isinstance(other, OneOf):
        return any(_test_implies(one, each, has_some=has_some) for each in other.tests)
    if isinstance(one, Every):
        return any(_test_implies(each, other, has_some=has_some) for each in one.tests)
    if other == Present(wanted_present=True):
        return is_positive(one)
    return _single_implies(one, other, has_some=has_some)


def _single_implies(one: Test, other: Test, *, has_some: bool) -> bool:
    """The same for two tests that are not composed of others."""
    match one, other:
        case Elements(), Elements():
            return _elements_imply(one, other, has_some=has_some)
        case Below(), Below():
            return one.path == other.path and _test_implies(one.test, other.test, has_some=False)
        case Dated(), Dated():
            return _dates_imply(one, other)
        case Matches(), Matches():
            return all_within(one.patterns, other.patterns)
        case InWindow(), InWindow():
            return one.names <= other.names
        case _:
            narrow, wide = _interval(one), _interval(other)
            return narrow is not None and wide is not None and wide[0] <= narrow[0] and narrow[1] <= wide[1]


def _elements_imply(one: Elements, other: Elements, *, has_some: bool) -> bool:
    match one.word, other.word:
        case ("any", "any") | ("only", "only"):
            return _test_implies(one.test, other.test, has_some=False)
        case "none", "none":
            return _test_implies(other.test, one.test, has_some=False)
        case "only", "none":
            return _tests_exclude(one.test, other.test, has_some=False)
        case "only", "any":
            return has_some and _test_implies(one.test, other.test, has_some=False)
        case _:
            return False


def _dates_imply(one: Dated, other: Dated) -> bool:
    return (
        (other.before is None or (one.before is not None and one.before <= other.before))
        and (other.after is None or (one.after is not None and one.after >= other.after))
        and (other.within is None or (one.within is not None and one.within <= other.within))
    )


def _are_of_operation(one: Check, other: Check) -> bool:
    """Whether both are about the operation or its parameters; other different measures are independent."""
    return one.measure.kind in _OF_OPERATION and other.measure.kind in _OF_OPERATION


def _operation_of(check: Check) -> str | None:
    """The operation that a parameter belongs to; None for any other check."""
    return check.measure.path.split(".", 1)[0] if isinstance(check.measure, Parameter) else None


# --- conditions ---------------------------------------------------------------------------------------


def exclude(one: Node, other: Node) -> bool:
    """Whether no job can meet both conditions."""
    for group, rest in ((other, one), (one, other)):
        if isinstance(group, Group) and group.parts:
            how = all if group.any_of else any
            return how(exclude(part, rest) for part in group.parts)
    return isinstance(one, Leaf) and isinstance(other, Leaf) and _checks_exclude(one.check, other.check)


def implies(one: Node, other: Node) -> bool:
    """Whether every job that meets the one condition meets the other."""
    if isinstance(other, Leaf) and is_always_read(other.check) and is_always(other.check):
        return True
    if isinstance(other, Group) and not other.any_of:
        return all(implies(one, part) for part in other.parts)
    if isinstance(one, Group) and one.any_of:
        return all(implies(part, other) for part in one.parts)
    if isinstance(other, Group) and any(implies(one, part) for part in other.parts):
        return True
    if isinstance(one, Group):
        return any(implies(part, other) for part in one.parts)
    return isinstance(other, Leaf) and _check_implies(one.check, other.check)


def is_impossible(node: Node) -> bool:
    """Whether no job can meet the condition."""
    if isinstance(node, Leaf):
        return is_never(node.check)
    if node.any_of:
        return all(map(is_impossible, node.parts))
    return any(map(is_impossible, node.parts)) or first_exclusion(node.parts) is not None


def meets_always(node: Node) -> bool:
    """Whether every job whose values could be read meets the condition."""
    if isinstance(node, Leaf):
        return is_always(node.check)
    return (any if node.any_of else all)(map(meets_always, node.parts))


def first_exclusion(nodes: Sequence[Node]) -> tuple[Node, Node] | None:
    """The first two conditions that no job can meet together."""
    return next((pair for pair in _pairs(nodes) if exclude(*pair)), None)


def _pairs(nodes: Iterable[Node]) -> Iterable[tuple[Node, Node]]:
    return combinations(list(nodes)[:_COMPARED_AT_MOST], 2)
