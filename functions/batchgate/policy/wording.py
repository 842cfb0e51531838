"""Values as text that is safe everywhere: on the job, in logs, events, HTML and terminals."""

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from batchgate.jobs.model import Json
from batchgate.policy.budgets import Amounts, Budget, BudgetUse, Limits, period
from batchgate.policy.checks import Measure, Value, WithinBudget
from batchgate.policy.costs import Cost, dollars
from batchgate.policy.facts import Gap, JobFacts
from batchgate.text import shorten

QUOTED_AT_MOST = 40
"""Characters of a requester's text in a reason."""

TRACED_AT_MOST = 1024
"""Characters of a requester's text in a trace, in JSON and in the ledger."""

NAMES_AT_MOST = 100
"""Names in one list."""

_TEXTS_SHOWN = 3
_TOO_LARGE_TO_WRITE = 10**39
_NOT_PRINTABLE_ASCII = re.compile(r"[^ -~]+")
_ENUMERATION = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
_BUCKET = re.compile(r"[a-z0-9.-]{3,40}")
_WORD = re.compile(r"[A-Za-z0-9_-]{1,40}")
_CLOSED_SETS = ("operation", "account", "region", "manifest.format", "report.scope", "report.format")


_UNITS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}


def printable(text: str) -> str:
    """Text of the policy's authors with everything but printable ASCII replaced."""
    return text if text.isascii() and text.isprintable() else _NOT_PRINTABLE_ASCII.sub("?", text)


def logged(error: Exception) -> str:
    """An error in a log line: printable ASCII, cut."""
    return shorten(printable(str(error)))


def first_of(names: Sequence[str]) -> tuple[str, ...]:
    """The first names, and how many more there are; `NAMES_AT_MOST` in all."""
    if len(names) <= NAMES_AT_MOST:
        return tuple(names)
    kept = NAMES_AT_MOST - 1
    return (*names[:kept], f"+{len(names) - kept} more")


def quoted(text: str, at_most: int = QUOTED_AT_MOST) -> str:
    """Text from the requester: stripped to printable ASCII, shortened, in quotes."""
    stripped = (text if text.isascii() and text.isprintable() else _NOT_PRINTABLE_ASCII.sub("", text)).replace('"', "'")
    return f'"{shorten(stripped, at_most)}"'


def instant(when: datetime) -> str:
    """An instant to the second, in UTC."""
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def length(time: timedelta) -> str:
    """A length of time in the largest unit that it is a whole number of."""
    seconds = int(time.total_seconds())
    count, unit = next((seconds // each, unit) for unit, each in _UNITS.items() if seconds % each == 0)
    return f"{count} {unit}{'' if count == 1 else 's'}"


def shown(measure: Measure, value: Value, at_most: int = TRACED_AT_MOST) -> str:
    """A measured value; text is quoted unless it is one word that S3 itself chose from a closed set.

    Args:
        measure: Where the value comes from.
        value: What was read.
        at_most: Characters of each text.
    """
    match value:
        case Gap(result=result, why=why):
            return f"{result} ({why})"
        case None | bool():
            return "absent" if value is None else str(value).lower()
        case datetime():
            return f"{value:%Y-%m-%dT%H:%MZ}"
        case str():
            bare = (measure.subject in _CLOSED_SETS and _WORD.fullmatch(value)) or (
                measure.kind in ("operation_parameters", "manifest_generator") and _ENUMERATION.fullmatch(value)
            )
            return value if bare else quoted(value, at_most)
        case int() if abs(value) >= _TOO_LARGE_TO_WRITE:
            return "a very large number"
        case int() | float():
            return str(value)
        case Cost():
            return str(value)
        case frozenset():
            return buckets_shown((), value, at_most)
        case list():
            return _list(value, at_most)
        case _:
            return "present"


def budget_use(measure: WithinBudget, facts: JobFacts, at_most: int = TRACED_AT_MOST) -> str:
    """How much is used of what the job would exceed, or else of all that is limited, and whose account it is."""
    found = measure.found(facts)
    if isinstance(found, Gap):
        return shown(measure, found)
    use, amounts = found
    total = use.used if use.own else use.used + amounts
    parts = []
    for name in _concerned(measure, found):
        used, limit, with_it = (_amount(measure, name, each) for each in (use.used, measure.budget.limits, total))
        parts.append(f"at {used} of {limit}{_COUNTED[name]}" + ("" if use.own else f", with this job {with_it}"))
    whose = _whose(measure.budget, use.account.account, at_most)
    return "; ".join(parts) + (f", for {whose}" if whose else "") + (", this job included" if use.own else "")


def budget_wanted(measure: WithinBudget, facts: JobFacts) -> str:
    """The limits that the job would exceed, or else all of them, and until when they stand."""
    limits = measure.budget.limits
    names = _concerned(measure, measure.found(facts))
    listed = " and ".join(f"{_amount(measure, name, limits)}{_COUNTED[name]}" for name in names)
    use = facts.budgets.get(measure.budget.name)
    if isinstance(use, BudgetUse) and use.reserved:
        return f"at most {listed} in the period that began {instant(use.account.period_start)}"
    return f"at most {listed} until {instant(period(measure.budget, facts.now)[1])}"


def _concerned(measure: WithinBudget, found: "tuple[BudgetUse, Amounts] | Gap") -> tuple[str, ...]:
    limits = measure.budget.limits
    if isinstance(found, Gap) or found[0].own:
        return limits.named
    return limits.exceeded(found[0].used + found[1]) or limits.named


def _amount(measure: WithinBudget, name: str, of: Amounts | Limits) -> str:
    amount: int = getattr(of, name)
    return dollars(amount) if name == "cost" else shown(measure, amount)


_COUNTED = {"jobs": " jobs", "objects": " objects", "object_bytes": " bytes of objects", "cost": ""}


def _whose(budget: Budget, account: str, at_most: int) -> str:
    """The account; a role and a tag's value may be the requester's text."""
    if budget.each == "tag":
        return f"tag {shorten(printable(budget.tag), QUOTED_AT_MOST)}={quoted(account, at_most)}"
    if not budget.each:
        return ""
    return f"{budget.each} {account if _WORD.fullmatch(account) else quoted(account, at_most)}"


def buckets_shown(first: Sequence[str], rest: Collection[str | Gap], at_most: int = TRACED_AT_MOST) -> str:
    """Several buckets, some of them first, and what is none."""
    odd = sorted(f"{name.result} ({name.why})" for name in rest if isinstance(name, Gap))
    return _several([*first, *sorted(name for name in rest if isinstance(name, str))], at_most, odd)


def bucket_names(names: Sequence[str]) -> str:
    """The first of several buckets and how many more there are; bare where it is surely a name."""
    name = names[0] if _BUCKET.fullmatch(names[0]) else quoted(names[0])
    return f"{name} and {len(names) - 1} more" if len(names) > 1 else name


def _list(value: list[Json], at_most: int) -> str:
    """Texts as they are; of anything else, how many there are."""
    texts = [each for each in value if isinstance(each, str)]
    return (
        _several(texts, at_most)
        if texts and len(texts) == len(value)
        else f"a list of {len(value)} item{'' if len(value) == 1 else 's'}"
    )


def _several(texts: Sequence[str], at_most: int, odd: Sequence[str] = ()) -> str:
    """The texts, and what is none; of many three, or as many as fit, and how many more there are."""
    if not texts and not odd:
        return "none"
    listed: list[str] = []
    length = 0
    for text in texts:
        length += len(text)
        if len(listed) >= _TEXTS_SHOWN - bool(odd) and length > at_most:
            break
        listed.append(quoted(text, at_most))
    listed += odd[:1]
    more = len(texts) + len(odd) - len(listed)
    return ", ".join(listed) + (f" and {more} more" if more else "")
