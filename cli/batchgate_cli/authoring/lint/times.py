"""Lints on time: windows that never open, dates that are over, ends that come too late."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from batchgate.policy import calendars
from batchgate.policy.checks import Clock, InWindow, Not, Tag, Test, Through
from batchgate.policy.compiled import PolicySet, Verdict
from batchgate.policy.evaluate import SUSPENDED_FOR_AT_MOST
from batchgate.policy.wording import length
from batchgate_cli.authoring.lint.finding import Finding
from batchgate_cli.authoring.lint.implications import exclude
from batchgate_cli.authoring.lint.located import Leaf, Located, LocatedStatement, joined, leaves

_YEARS_AHEAD = 9
"""As far as a date can be: 29 February is missing for eight years around 1900 and 2100."""

_DAYS_AT_A_TIME = timedelta(days=61)


def lint_times(located: Located, policies: PolicySet, today: date) -> Iterator[Finding]:
    """What never has a time, or no longer has one."""
    yield from _lint_cancel_held_after(policies)
    yield from _lint_cancel_before_grace(policies)
    yield from _lint_grace(located, policies)
    if policies.clock.reach < SUSPENDED_FOR_AT_MOST:
        days, calendars_named = policies.clock.reach.days, policies.clock.calendars
        fullest = max(calendars_named, key=lambda name: calendars_named[name].windows_a_day)
        why = f"the end of a hold is searched for only {days} days ahead, because these calendars have so many windows"
        yield Finding("slow-clock", ("calendars", fullest), why, "combine windows, or use fewer calendars")
    start = datetime.combine(today, time(), UTC)
    shut = {
        name for name, calendar in _calendars(policies).items() if calendar.next_opening(start, _YEARS_AHEAD) is None
    }
    for name, form in located.document.calendars.items():
        path = ("calendars", name)
        if name in shut:
            why = f"{name} does not open from {today} on, for at least {_YEARS_AHEAD} years"
            instead = "open it on future days or dates that closed does not exclude, or remove it and its uses"
            yield Finding("window-never-opens", (*path, "open"), why, instead)
        closed = [calendars.parse_dates(text) for text in form.closed or ()]
        if closed and all(not each.every_year and each.last < today for each in closed):
            last = max(each.last for each in closed)
            why = f"all closed dates of {name} are over: the last one was {last}, today is {today}"
            instead = "write future dates, or dates without a year to repeat them every year; or remove closed"
            yield Finding("closed-dates-past", (*path, "closed"), why, instead)
    overlaps = _Overlaps(start)
    for statement in located.statements:
        yield from _lint_windows_together(statement, overlaps, shut)
    for index, exemption in enumerate(located.document.exceptions or ()):
        through = Through(date.fromisoformat(exemption.expires), exemption.timezone or "UTC")
        if through.end is not None and through.end <= start:
            why = f"{exemption.name} no longer lifts anything: its last day was {exemption.expires}, today is {today}"
            instead = "remove the exception, or set a new end"
            yield Finding("expired-exception", ("exceptions", index, "expires"), why, instead)


def _lint_cancel_held_after(policies: PolicySet) -> Iterator[Finding]:
    held = policies.cancel_held_after
    latest = SUSPENDED_FOR_AT_MOST - timedelta(days=1)
    if held is not None and held > latest:
        why = (
            f"S3 fails a job that is Suspended for {SUSPENDED_FOR_AT_MOST.days} days, before the {length(held)} of"
            " cancel_held_after are over"
        )
        yield Finding("cancel-after-expiry", ("cancel_held_after",), why, f"write {latest.days}d or less")


def _lint_cancel_before_grace(policies: PolicySet) -> Iterator[Finding]:
    """A hold that ends before a grace does: the violation that cancels waits longer than the one that only holds."""
    held = policies.cancel_held_after
    if held is None:
        return
    graces = [policies.cancel_grace] if policies.unmatched is Verdict.CANCEL else []
    for made in policies.statements:
        if made.enforced:
            graces += [each.grace for each in made.requirements if each.on_violation is Verdict.CANCEL]
    longest = max(graces, default=held)
    if longest > held:
        why = (
            f"a job that is only held is cancelled after {length(held)}, earlier than one with a violation that"
            f" cancels, which has a grace period of {length(longest)}"
        )
        instead = f"write more than {length(longest)}: long enough for people to see what is held"
        yield Finding("cancel-before-grace", ("cancel_held_after",), why, instead)


def _lint_grace(located: Located, policies: PolicySet) -> Iterator[Finding]:
    """Tags may arrive seconds after the job is Suspended: *source*: AWS's own examples tag a job once it is created."""
    why = "a job's tags may arrive after it is Suspended, and without a grace period it is cancelled before they arrive"
    cancels = policies.unmatched is Verdict.CANCEL
    for statement, made in zip(located.statements, policies.statements, strict=True):
        for requirement, compiled in zip(statement.requirements, made.requirements, strict=True):
            if compiled.on_violation is not Verdict.CANCEL or compiled.grace:
                continue
            cancels = cancels or not compiled.own_grace
            asked = [*leaves(requirement.own), *(leaves(requirement.unless) if requirement.unless else ())]
            if compiled.own_grace and any(isinstance(leaf.check.measure, Tag) for leaf in asked):
                yield Finding("no-grace-for-tags", (*requirement.path, "grace"), why, "set a grace, such as 5m")
    tagged = any(isinstance(leaf.check.measure, Tag) for leaf in located.leaves)
    if cancels and tagged and not policies.cancel_grace:
        yield Finding("no-grace-for-tags", ("cancel_grace",), why, "remove it, or set a grace such as 5m")


def _calendars(policies: PolicySet) -> dict[str, calendars.Calendar]:
    """The calendars that any condition names, also one of an exception that lifts nothing."""
    found: dict[str, calendars.Calendar] = {}
    for check in policies.checks:
        test = _without_not(check.test)
        if isinstance(test, InWindow):
            found.update(zip(sorted(test.names), test.calendars, strict=True))
    return found


def _calendars_of(test: Test) -> tuple[calendars.Calendar, ...]:
    inner = _without_not(test)
    return inner.calendars if isinstance(inner, InWindow) else ()


def _without_not(test: Test) -> Test:
    return test.test if isinstance(test, Not) else test


def _lint_windows_together(statement: LocatedStatement, overlaps: "_Overlaps", shut: set[str]) -> Iterator[Finding]:
    """Several windows that a statement asks for at once, each of which opens, but never all."""
    asked = [
        *joined(statement.match),
        *(part for each in statement.requirements if not each.lifted for part in joined(each.own)),
    ]
    windows = list({leaf.check: leaf for leaf in asked if isinstance(leaf, Leaf) and _is_window(leaf)}.values())
    tests = frozenset(leaf.check.test for leaf in windows)
    if all(isinstance(test, InWindow) for test in tests) and len(tests) <= 1:
        return  # reported at the calendars
    if any(isinstance(test, InWindow) and test.names <= shut for test in tests):
        return  # likewise
    if any(exclude(one, other) for one in windows for other in windows) or overlaps.is_there(tests):
        return  # a contradiction is reported as such
    names = [leaf.check.test.wanted for leaf in windows]
    if all(isinstance(leaf.check.test, InWindow) for leaf in windows):
        names = [*(name.removesuffix(" open") for name in names[:-1]), names[-1]]
    wanted = " and ".join(names)
    yield Finding(
        "window-never-opens",
        windows[-1].path,
        f"{statement.name} requires {wanted}{' at once' if len(windows) > 1 else ''}, which never happens",
        "require windows that overlap; to accept either of them, write one window with a list",
    )


def _is_window(leaf: Leaf) -> bool:
    return isinstance(leaf.check.measure, Clock)


@dataclass(slots=True)
class _Overlaps:
    """Whether windows are ever open together, looked up once for each set of windows."""

    start: datetime
    known: dict[frozenset[Test], bool] = field(default_factory=dict)

    def is_there(self, tests: frozenset[Test]) -> bool:
        if tests not in self.known:
            self.known[tests] = self._look(tests)
        return self.known[tests]

    def _look(self, tests: frozenset[Test]) -> bool:
        start, end = self.start, _later(self.start, timedelta(days=366 * _YEARS_AHEAD))
        while start < end:
            until = min(_later(start, _DAYS_AT_A_TIME), end)
            instants = {start}
            for test in map(_without_not, tests):
                if isinstance(test, InWindow):
                    instants.update(
                        instant for calendar in test.calendars for instant in calendar.changes(start, until)
                    )
            if any(all(_is_met(test, instant) for test in tests) for instant in sorted(instants)):
                return True
            start = until
        return False


def _later(instant: datetime, by: timedelta) -> datetime:
    latest = datetime.max.replace(tzinfo=UTC)
    return instant + by if latest - instant > by else latest


def _is_met(test: Test, instant: datetime) -> bool:
    return any(calendar.is_open(instant) for calendar in _calendars_of(test)) is not isinstance(test, Not)
