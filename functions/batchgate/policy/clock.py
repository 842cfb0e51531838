"""What the clock does to a policy set: which of its checks hold at an instant, and at every instant to come.

Instants to come are cut into segments in which no check of the clock changes. What holds when is then one number
with a bit for each segment, the present one lowest, so that whole conditions are joined with a few operations
however many segments there are.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from batchgate.policy.calendars import Calendar
from batchgate.policy.checks import Check, Clock, InWindow, Not, Test, Through
from batchgate.policy.facts import Result
from batchgate.policy.formulas import Bits

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND, _MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)
_MICROSECONDS = 1_000_000
_DAY = timedelta(days=1)

_DAYS_AHEAD_AT_LEAST: Final = 1
_DAYS_AHEAD_AT_MOST: Final = 60
_WINDOWS_AHEAD: Final = 12_000
_OF_ONE_CALENDAR: Final = 3
"""What the bookkeeping of one calendar costs a day, in windows."""
_BITS_AHEAD: Final = 40_000_000
_SEGMENTS_AT_LEAST, _SEGMENTS_AT_MOST = 256, 1 << 16


class Timeline(Struct, frozen=True):
    """Instants from now on, cut into segments.

    Attributes:
        begin: The present, in microseconds since 1970, which is in the first segment.
        begins: Where each segment but the first begins, likewise.
        end: Where the last one ends: earlier than asked for where the search is cut short.
        everything: A bit for each segment.
        holds: When each check of the clock is met, in the order of `ClockChecks.numbers`; else it is violated.
        index: Which segment begins at an instant.
    """

    begin: int
    begins: Sequence[int]
    end: datetime
    everything: Bits
    holds: Sequence[Bits]
    index: Mapping[int, int]

    def first(self, when: int) -> datetime | None:
        """Where the first of these segments begins; None where there is none. The present one begins in the past."""
        place = (when & -when).bit_length() - 2
        return _EPOCH + self.begins[place] * _MICROSECOND if place >= 0 else None

    def from_on(self, instant: datetime | None) -> int:
        """The segments from that instant on: one of `begins`, or one that is past or beyond the end; None for never."""
        if instant is None:
            return 0
        at = _microseconds(instant)
        if at <= self.begin:
            return self.everything
        return self.everything >> self.index[at] << self.index[at] if at in self.index else 0


class ClockChecks(Struct, frozen=True):
    """The checks of the clock of one policy set.

    Attributes:
        calendars: Those that any window names.
        windows: Number, places of its calendars among them all, and whether it is denied, of each window.
        ends: Number and end of each exception; None for one without an end that can be written.
        numbers: Of all its checks.
        reach: How far ahead the clock is followed: all the time that a job may wait, but for calendars that are too
            many or too full for that.
        segments: At most so many segments are followed; more only a set of calendars and conditions out of all
            proportion has.
    """

    calendars: Mapping[str, Calendar]
    windows: tuple[tuple[int, tuple[int, ...], bool], ...]
    ends: tuple[tuple[int, datetime | None], ...]
    numbers: tuple[int, ...]
    reach: timedelta
    segments: int

    @classmethod
    def of(cls, checks: Iterable[Check], conditions: int) -> "ClockChecks":
        """Sort out the checks of the clock.

        Args:
            checks: All of the set, in the order of their numbers.
            conditions: In how many places the set's conditions depend on time.
        """
        calendars: dict[str, Calendar] = {}
        windows: list[tuple[int, frozenset[str], bool]] = []
        ends: list[tuple[int, datetime | None]] = []
        for number, check in enumerate(checks):
            if not isinstance(check.measure, Clock):
                continue
            test, denied = _without_not(check.test)
            if isinstance(test, InWindow):
                calendars.update(zip(sorted(test.names), test.calendars, strict=True))
                windows.append((number, test.names, denied))
            elif isinstance(test, Through):
                ends.append((number, test.end))
        windows_a_day = sum(_OF_ONE_CALENDAR + calendar.windows_a_day for calendar in calendars.values())
        days = min(max(_WINDOWS_AHEAD // max(windows_a_day, 1), _DAYS_AHEAD_AT_LEAST), _DAYS_AHEAD_AT_MOST)
        joined = conditions + len(calendars) + sum(len(names) for _, names, _ in windows)
        segments = min(max(_BITS_AHEAD // max(joined, 1), _SEGMENTS_AT_LEAST), _SEGMENTS_AT_MOST)
        numbers = (*(number for number, _, _ in windows), *(number for number, _ in ends))
        places = {name: place for place, name in enumerate(calendars)}
        placed = ((number, tuple(sorted(map(places.__getitem__, names))), denied) for number, names, denied in windows)
        return cls(calendars, tuple(placed), tuple(ends), numbers, days * _DAY, segments)

    def __bool__(self) -> bool:
        """Whether the set has any check of the clock."""
        return bool(self.windows or self.ends)

    def evaluate(self, now: datetime, results: list[Result]) -> None:
        """Write the result of each check of the clock at an instant."""
        is_open = {place for place, calendar in enumerate(self.calendars.values()) if calendar.is_open(now)}
        met, violated, is_shut = Result.MET, Result.VIOLATED, is_open.isdisjoint
        for number, named, denied in self.windows:
            results[number] = violated if is_shut(named) is not denied else met
        for number, end in self.ends:
            results[number] = Result.MET if end is None or now < end else Result.VIOLATED

    def timeline(self, now: datetime, end: datetime, others: Iterable[datetime]) -> Timeline:
        """The instants from now up to an end at the latest, cut where a check of the clock or one of the others is."""
        end = min(end, now + self.reach)
        after, before = (now - _EPOCH) // _SECOND, -(-(end - _EPOCH) // _SECOND)
        flips = [calendar.flips(after, before) for calendar in self.calendars.values()]
        instants = {second * _MICROSECONDS for each in flips for second in each}
        ends = {number: _microseconds(end) for number, end in self.ends if end is not None}
        begin, until = _microseconds(now), _microseconds(end)
        instants.update(each for each in (*ends.values(), *map(_microseconds, others)) if begin < each < until)
        begins = sorted(instants)
        if len(begins) > self.segments:
            until = begins[self.segments]
            del begins[self.segments :]
        index = {instant: place for place, instant in enumerate(begins, 1)}
        everything = (1 << len(begins) + 1) - 1
        opens = [
            _mask(calendar.is_open(now), each, index, everything)
            for calendar, each in zip(self.calendars.values(), flips, strict=True)
        ]
        holds: list[Bits] = []
        for _, named, denied in self.windows:
            when = 0
            for place in named:
                when |= opens[place]
            holds.append(everything ^ when if denied else when)
        for _, last in self.ends:
            at = None if last is None else _microseconds(last)
            if at is None or at >= until:
                holds.append(everything)
            else:
                holds.append((1 << index[at]) - 1 if at in index else 0)
        return Timeline(begin, begins, _EPOCH + until * _MICROSECOND, everything, holds, index)


def _without_not(test: Test) -> tuple[Test, bool]:
    return (test.test, True) if isinstance(test, Not) else (test, False)


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _mask(is_open: bool, flips: Iterable[int], index: Mapping[int, int], everything: int) -> int:  # noqa: FBT001
    """When a calendar is open: the flips as bits, then each bit the parity of all flips up to it."""
    size = everything.bit_length()
    bits = bytearray(size // 8 + 1)
    for second in flips:
        place = index.get(second * _MICROSECONDS)
        if place is None:
            break
        bits[place >> 3] ^= 1 << (place & 7)
    when, shift = int.from_bytes(bits, "little"), 1
    while shift < size:
        when ^= when << shift
        shift *= 2
    when &= everything
    return everything ^ when if is_open else when
