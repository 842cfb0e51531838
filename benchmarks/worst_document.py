"""The most processor time that one held job can cost: the worst policy documents that somebody found, `make bench`.

Each shape below is a valid document that grows to 1 MiB of canonical JSON, and was made to be slow: calendars as many
as may be, or full of windows, conditions joined every which way, exceptions for everything, patterns. Each is evaluated
for a job that is held, `until` included, once with nothing remembered of the calendars and again with all of it; what
counts is the first. A search then changes what the worst shapes are made of, at random, and keeps what costs more.

Exit status: 0 if every document found takes at most the goal's processor time, 1 if one takes more.
"""

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, TypeAlias

from batchgate.errors import PolicyError
from batchgate.jobs.model import Job
from batchgate.policy import calendars
from batchgate.policy.canonical import canonical_json
from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import PolicySet
from batchgate.policy.evaluate import evaluate_job
from batchgate.policy.facts import JobFacts, gather_facts
from batchgate.policy.model import CALENDARS_AT_MOST
from batchgate.policy.validation import read_document

Written: TypeAlias = dict[str, Any]
Knobs: TypeAlias = Mapping[str, int]

BYTES = 1 << 20
GOAL_SECONDS = 0.050
NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)
"""Two days before most of Europe changes its clocks."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ARN = "arn:aws:s3:eu-central-1:111111111111:job/00e123a4-c0d8-41f4-a0eb-b46f9ba5b07c"
JOB: Mapping[str, Any] = {
    "JobId": ARN[-36:],
    "JobArn": ARN,
    "Status": "Suspended",
    "Operation": {"S3PutObjectTagging": {"TagSet": [{"Key": "a", "Value": "b"}]}},
    "Priority": 10,
    "RoleArn": "arn:aws:iam::111111111111:role/batch/" + "a" * 460,
    "Description": "a" * 256,
    "ProgressSummary": {"TotalNumberOfTasks": 100},
    "Report": {"Enabled": False},
    "CreationTime": (NOW - timedelta(hours=2)).isoformat(),
    "SuspendedDate": (NOW - timedelta(hours=1)).isoformat(),
}


def held_job() -> JobFacts:
    """A job that waits, with as much text as S3 takes."""
    tags = {f"{number:02}": "a" * 256 for number in range(50)}
    return gather_facts(Job.from_description(JOB), NOW, tags=tags)


# --- shapes -------------------------------------------------------------------------------------------

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Kolkata",
    "America/Santiago",
    "Europe/London",
    "Pacific/Chatham",
    "Antarctica/Troll",
    "Africa/Casablanca",
    "America/St_Johns",
    "Asia/Gaza",
)


def calendar_name(number: int) -> str:
    """As short as names get."""
    return f"{number:x}"


def minute(number: int) -> str:
    """A time of day."""
    return f"{number // 60 % 24:02}:{number % 60:02}"


def calendar(number: int, knobs: Knobs) -> Written:
    """One calendar: rows of one minute each, by dates or by days, in one of the zones."""
    rows = []
    for place in range(max(knobs["rows"], 1)):
        at = 2 * place + number % 2
        dates = {"dates": [f"01-{1 + (number + place) % 28:02}..12-{1 + place % 28:02}"]}
        row: Written = {"days": list(DAYS)} if knobs["dated"] == 0 else dates
        rows.append({**row, "from": minute(at), "to": minute(at + 1 + knobs["overlap"])})
    if knobs["common"]:  # an instant at which all are open, so that no search ends early
        rows.append({"dates": ["03-28"], "from": "11:00", "to": "11:01"})
    written = {"timezone": ZONES[number % max(knobs["zones"], 1) % len(ZONES)], "open": rows}
    if knobs["closed"]:
        written["closed"] = [
            f"{2026 + each // 300}-{1 + each // 25 % 12:02}-{1 + each % 25:02}" for each in range(knobs["closed"])
        ]
    return written


def windows(rng: Random, names: list[str], knobs: Knobs) -> Written:
    """A check of some calendars."""
    asked = rng.sample(names, min(len(names), max(knobs["asked"], 1)))
    return {"window": {"not": asked} if not knobs["common"] and rng.random() < 0.3 else asked}


def condition(rng: Random, names: list[str], knobs: Knobs) -> Written:
    """A check, or several joined."""
    if knobs["joined"] <= 1:
        return windows(rng, names, knobs)
    word = "any" if knobs["any"] else "all"
    other = "all" if knobs["any"] else "any"
    inner = [windows(rng, names, knobs) for _ in range(knobs["joined"])]
    return {word: [{other: inner[:2]}, *inner[2:]]} if len(inner) > 2 else {word: inner}


def of_the_clock(knobs: Knobs) -> Written:
    """Calendars and conditions on them, and one requirement that is never met at the end."""
    rng = Random(4411)
    names = [calendar_name(number) for number in range(min(max(knobs["calendars"], 1), CALENDARS_AT_MOST))]
    written: Written = {
        "version": 1,
        "calendars": {name: calendar(number, knobs) for number, name in enumerate(names)},
        "policies": [],
    }
    each = max(knobs["requirements"], 1)

    def policy(number: int) -> Written:
        made: Written = {"name": f"{number:x}", "require": [condition(rng, names, knobs) for _ in range(each)]}
        if knobs["matched"]:
            made["match"] = [condition(rng, names, knobs)]
        if knobs["cancels"]:
            made["on_violation"] = "cancel"
            for place, requirement in enumerate(made["require"]):
                requirement["grace"] = f"{3_600 + (number * each + place) % 90_000}s"
        return made

    return filled(written, "policies", policy)


def filled(written: Written, key: str, make: Callable[[int], Written], most: int = BYTES) -> Written:
    """As many of something as fit into the size; fewer where the canonical form is longer than what is written."""
    size = len(json.dumps(written, separators=(",", ":")))
    items = written.setdefault(key, [])
    while True:
        item = make(len(items))
        size += len(json.dumps(item, separators=(",", ":"))) + 1
        if size > most and items:
            return written
        items.append(item)


def tags(_: Knobs) -> Written:
    """Nothing but checks of tags, all different."""

    def make(number: int) -> Written:
        return {"name": f"{number:x}", "require": [{"tags": {f"{number:x}": [f"{each:x}*"]}} for each in range(400)]}

    return filled({"version": 1, "policies": [{"name": "p", "require": []}]}, "guardrails", make)


def patterns(_: Knobs) -> Written:
    """Patterns with placeholders and stars, of every text that a job has."""

    def make(number: int) -> Written:
        require = [{"role": [f"*${{account}}*{number:x}{place:x}*a*a*a*a*b"]} for place in range(50)]
        return {"name": f"{number:x}", "require": require}

    return filled({"version": 1}, "policies", make)


def stars(_: Knobs) -> Written:
    """One pattern after the other of nothing but stars and what the text is made of."""

    def make(number: int) -> Written:
        require = [{"description": ["*a" * 60 + f"{number:x}{place:x}"]} for place in range(20)]
        return {"name": f"{number:x}", "require": require}

    return filled({"version": 1}, "policies", make)


def exceptions(knobs: Knobs) -> Written:
    """One policy of thousands of requirements, and thousands of exceptions that lift it."""
    count = max(knobs["requirements"], 1) * 400
    require = [{"priority": {"at_most": 0}, "message": f"{number:x}"} for number in range(count)]
    written: Written = {"version": 1, "policies": [{"name": "p", "require": require}]}
    about = {"lifts": ["p"], "match": [{"region": "us-*"}], "because": "x"}
    return filled(
        written,
        "exceptions",
        lambda number: {**about, "name": f"{number:x}", "expires": f"2026-04-{1 + number % 20:02}"},
        most=BYTES * 9 // 10,
    )


def needles(_: Knobs) -> Written:
    """Patterns that fit nearly everywhere in the longest texts of a job, and then do not."""

    def make(number: int) -> Written:
        require = [{"role": [f"arn*{'a' * 20}b{'a' * 20}{number:x}{place:x}*a"]} for place in range(50)]
        return {"name": f"{number:x}", "require": require}

    return filled({"version": 1}, "policies", make)


def small(_: Knobs) -> Written:
    """As many requirements as fit, each as short as one gets."""

    def make(number: int) -> Written:
        return {"name": f"{number:x}", "require": [{"priority": {"at_most": 0}} for _ in range(500)]}

    return filled({"version": 1}, "policies", make)


def paths(_: Knobs) -> Written:
    """Parameter paths as long as somebody might write them, of an operation that nobody knows."""
    path = "S3NewOperation" + ".a" * 500

    def make(number: int) -> Written:
        return {
            "name": f"{number:x}",
            "require": [{"operation_parameters": {f"{path}{number:x}": {"present": True}}}],
        }

    return filled({"version": 1}, "policies", make)


USUAL: Knobs = {
    "calendars": 100, "rows": 2, "dated": 0, "zones": 5, "overlap": 0, "closed": 0, "asked": 3, "joined": 1, "any": 1,
    "requirements": 4, "matched": 0, "cancels": 0, "common": 0,
}  # fmt: skip
OF_THE_CLOCK: Mapping[str, Knobs] = {
    "a hundred calendars": USUAL,
    "all calendars": {**USUAL, "calendars": CALENDARS_AT_MOST, "rows": 1, "zones": 15},
    "all calendars of dates": {**USUAL, "calendars": CALENDARS_AT_MOST, "dated": 1, "zones": 15},
    "a hundred calendars open at once": {**USUAL, "zones": 1, "common": 1},
    "all calendars open at once": {**USUAL, "calendars": CALENDARS_AT_MOST, "rows": 1, "zones": 1, "common": 1},
    "short requirements, open at once": {
        **USUAL,
        "calendars": 10,
        "zones": 1,
        "asked": 2,
        "requirements": 500,
        "common": 1,
    },
    "full calendars": {**USUAL, "calendars": 12, "rows": 720},
    "full calendars of dates": {**USUAL, "calendars": 24, "rows": 720, "dated": 1},
    "a calendar of one minute each": {**USUAL, "calendars": 1, "rows": 720, "joined": 3},
    "windows joined": {**USUAL, "calendars": 30, "rows": 20, "joined": 6, "asked": 1},
    "windows of many calendars": {**USUAL, "calendars": CALENDARS_AT_MOST, "rows": 1, "asked": 200},
    "closed on every date": {**USUAL, "calendars": 50, "closed": 1_000},
    "cancelled by windows": {**USUAL, "cancels": 1, "asked": 1},
    "matched by windows": {**USUAL, "matched": 1, "asked": 1},
    "matched by windows joined, open at once": {
        **USUAL,
        "calendars": CALENDARS_AT_MOST,
        "dated": 1,
        "zones": 15,
        "joined": 2,
        "matched": 1,
        "common": 1,
    },
}
OTHERS: Mapping[str, Callable[[Knobs], Written]] = {
    "tags": tags, "patterns": patterns, "stars": stars, "needles": needles, "short requirements": small,
    "exceptions": exceptions, "paths": paths,
}  # fmt: skip


# --- measuring ----------------------------------------------------------------------------------------


class Measured:
    """What one document costs.

    Attributes:
        cold: Processor seconds of one evaluation with nothing remembered.
        warm: The same, again.
    """

    def __init__(self, name: str, written: Written, rounds: int = 3) -> None:
        self.name = name
        policies = compile_policies(written)
        self.bytes = len(canonical_json(read_document(written)))
        about = held_job()
        cold, warm = [], []
        gc.collect()
        for _ in range(rounds):
            forget(policies)
            cold.append(timed(policies, about))
            warm.append(timed(policies, about))
        self.cold, self.warm = statistics.median(cold), statistics.median(warm)
        self.reach = policies.clock.reach


def forget(policies: PolicySet) -> None:
    """Forget what calendars and zones remember."""
    calendars._dates_around.cache_clear()
    for each in policies.clock.calendars.values():
        each.forget()


def timed(policies: PolicySet, about: JobFacts) -> float:
    """Evaluate once, the collector off as in a function that just began."""
    gc.disable()
    began = time.process_time()
    evaluate_job(policies, about)
    seconds = time.process_time() - began
    gc.enable()
    return seconds


def shapes() -> Iterator[tuple[str, Written]]:
    """Every shape as it was written."""
    for name, knobs in OF_THE_CLOCK.items():
        yield name, of_the_clock(knobs)
    for name, make in OTHERS.items():
        yield name, make(USUAL)


def searched(seconds: float, seed: int) -> Iterator[Measured]:
    """Change a knob of the worst so far, and go on from there where that is worse."""
    rng = Random(seed)
    knobs = dict(rng.choice(list(OF_THE_CLOCK.values())))
    worst = 0.0
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        tried = dict(knobs)
        for name in rng.sample(list(tried), rng.randint(1, 3)):
            tried[name] = int(tried[name] * rng.choice([0, 0.3, 0.7, 1.5, 4])) + rng.randint(0, 2)
        tried["rows"] = min(tried["rows"], 720)
        tried["closed"] = min(tried["closed"], 3_000)
        try:
            found = Measured(str(tried), of_the_clock(tried), rounds=1)
        except PolicyError:  # its calendars alone are too large
            continue
        if found.cold > worst:
            worst, knobs = found.cold, tried
            yield found


def main() -> int:
    """Measure, and say what is worst."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--search", type=float, default=20, help="seconds to look for worse ones (default: 20)")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    found = [Measured(name, written) for name, written in shapes()]
    found += searched(asked.search, asked.seed)
    found.sort(key=lambda one: one.cold)
    print("| ms cold | warm | bytes | days ahead | document")
    for each in found:
        print(f"| {each.cold * 1000:.1f} | {each.warm * 1000:.1f} | {each.bytes:,} | {each.reach.days} | {each.name}")
    return int(found[-1].cold > GOAL_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
