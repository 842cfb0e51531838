"""Which instants a zone's wall clock labels how: exact, also where clocks change.

Instants are whole seconds since 1970 in UTC. A label is what the wall clock shows, in seconds since it would have
shown 1970-01-01 00:00; one label may name two instants (a repeat, when clocks go back) or none (a gap).
"""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

# Offsets are asked for this often. Were one to change and change back in between, it would be missed; none has
# within a week, and a test holds the packaged zone data to that.
PROBE_SECONDS = 6 * 24 * 60 * 60

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_DAY_SECONDS = 24 * 60 * 60
# At datetime's own ends a local time might not be representable.
_EARLIEST = datetime(1, 1, 3, tzinfo=UTC) - _EPOCH
_LATEST = datetime(9999, 12, 29, tzinfo=UTC) - _EPOCH
_FIRST = datetime.min.replace(tzinfo=UTC) - _EPOCH
_LAST = datetime.max.replace(tzinfo=UTC, microsecond=0) - _EPOCH


class Stretch(NamedTuple):
    """Instants [begin, end) throughout which the wall clock is `offset` seconds ahead of UTC."""

    begin: int
    end: int
    offset: int


def stretches(zone: ZoneInfo, begin: int, end: int) -> list[Stretch]:
    """[begin, end) cut where the zone's offset changes, in order; at least one where begin < end."""
    found: list[Stretch] = []
    offset = _offset(zone, begin)
    for probe in [*range(begin + PROBE_SECONDS, end, PROBE_SECONDS), end]:
        changed = _offset(zone, probe)
        if changed != offset:
            between = range(probe - PROBE_SECONDS, probe + 1)
            change = between[bisect_left(between, x=True, key=lambda second: _offset(zone, second) == changed)]
            found.append(Stretch(begin, change, offset))
            begin, offset = change, changed
    found.append(Stretch(begin, end, offset))
    return found


def _offset(zone: ZoneInfo, second: int) -> int:
    """How many seconds the wall clock is ahead of UTC then."""
    instant = _EPOCH + min(max(timedelta(seconds=second), _EARLIEST), _LATEST)
    return (instant.astimezone(zone).replace(tzinfo=UTC) - instant) // _SECOND


def labelled(within: list[Stretch], begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The instants labelled [begin, end), as half-open intervals: several around a repeat, none for a skipped date."""
    for stretch in within:
        first, last = max(begin - stretch.offset, stretch.begin), min(end - stretch.offset, stretch.end)
        if first < last:
            yield first, last


def first_instants(within: list[Stretch], labels: list[int]) -> list[int]:
    """The first instant of each label, which are in order; for a label in a gap, the instant the gap ends."""
    found: list[int] = []
    place = 0
    for begin, end, offset in within:
        last = bisect_left(labels, end + offset, place)
        found += [max(label - offset, begin) for label in labels[place:last]]
        place = last
    return found + [within[-1].end] * (len(labels) - place)


def last_instants(within: list[Stretch], labels: list[int]) -> list[int]:
    """The last instant of each label, which are in order; for a label in a gap, the instant the gap ends."""
    # Where a label is exactly a repeat's first one, the last instant that has it is the one that begins the repeat.
    found: list[int] = []
    place = len(labels)
    for begin, end, offset in reversed(within):
        first = bisect_left(labels, begin + offset, 0, place)
        found = [min(label - offset, end) for label in labels[first:place]] + found
        place = first
    return [within[0].begin] * place + found


@lru_cache(maxsize=1_024)
def beginning_of_day(zone: ZoneInfo, day: date) -> datetime:
    """The first instant (UTC) at which the zone's clock shows that date or a later one; at datetime's ends, the end."""
    midnight = (day.toordinal() - _EPOCH.toordinal()) * _DAY_SECONDS
    around = stretches(zone, midnight - PROBE_SECONDS, midnight + PROBE_SECONDS)
    return _EPOCH + min(max(timedelta(seconds=first_instants(around, [midnight])[0]), _FIRST), _LAST)


def end_of_day(zone: ZoneInfo, day: date) -> datetime | None:
    """The instant (UTC) from which on the zone's clock shows later dates only; None for 9999-12-31."""
    if day == date.max:
        return None
    midnight = (day.toordinal() + 1 - _EPOCH.toordinal()) * _DAY_SECONDS
    around = stretches(zone, midnight - PROBE_SECONDS, midnight + PROBE_SECONDS)
    return _EPOCH + timedelta(seconds=last_instants(around, [midnight])[0])
