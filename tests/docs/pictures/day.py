"""A day of the gate on a stepped clock: the lines that its functions print, and what is held in the end."""

from __future__ import annotations

import contextlib
import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from aws_lambda_powertools import Logger
from msgspec.structs import replace

from batchgate.aws.announcements import Announcements, count_sweep
from batchgate.contract import BUDGET_DIMENSION, Metric
from batchgate.gate.ports import Ports
from batchgate.jobs.model import JobRef
from batchgate_cli.local.memory_ledger import MemoryLedger
from s3batch_emulator import Pace
from tests.flow.stage import Stage

POLICY = """
version: 1
calendars:
  nights: {timezone: Europe/Berlin, open: [{days: [mon, tue, wed, thu, fri, sat, sun], from: "22:00", to: "06:00"}]}
budgets:
  - {name: team-day, per: day, each: {tag: team}, jobs: 80}
  - {name: all-objects, per: day, objects: 500}
guardrails:
  - name: shares
    match: [{operation: S3PutObjectTagging}, {tags: {team: {present: true}}}]
    require: [{budget: team-day}, {budget: all-objects}]
  - name: ticket-above-five
    match: [{operation: S3PutObjectTagging}]
    require: [{total_tasks: {at_most: 5}, unless: [{tags: {ticket: "CHG-*"}}]}]
policies:
  - name: small-tagging
    match: [{operation: S3PutObjectTagging}]
    require:
      - tags: {team: {present: true}}
        message: every job names its team
        on_violation: cancel
  - {name: removal-at-night, match: [{operation: S3DeleteObjectTagging}], require: [{window: nights}]}
"""
TAGS: tuple[dict[str, str], ...] = ({"team": "lake"}, {"team": "lake"}, {"team": "search", "ticket": "CHG-7"}, {})


@dataclass(slots=True)
class Day:
    """What came of it.

    Attributes:
        begin: Its first instant.
        metrics: When, and one line's metrics.
        budgets: When, which budget, and how many percent of its fullest account were used.
        decisions: The decision lines.
        calls: When a function was called, by its name.
        ledger: As it is in the end.
    """

    begin: datetime
    ledger: MemoryLedger
    metrics: list[tuple[datetime, dict[str, float]]] = field(default_factory=list)
    budgets: list[tuple[datetime, str, float]] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    calls: dict[str, list[datetime]] = field(default_factory=lambda: {"events": [], "sweep": []})


class _Telling(Stage):
    """A stage whose gate tells what it does as the functions do: by lines."""

    def __init__(self, lines: io.StringIO) -> None:
        super().__init__(POLICY)
        self.emulator._service.pace = Pace(tasks_per_second=1e-6)
        # Loggers of one name share their first handler.
        logger = Logger(service=f"batchgate-day-{id(lines)}", logger_handler=logging.StreamHandler(lines))
        self._announcer = Announcements(logger)

    @property
    def gate(self) -> Ports:
        """The ports of one invocation that begins now."""
        return replace(super().gate, announcer=self._announcer)


def play(minutes: int = 24 * 60, *, jobs_a_minute: float | None = None, seed: int = 7) -> Day:
    """Let jobs come, most of them by day where no rate is given, one in five without an event; sweep every minute."""
    random, lines = Random(seed), io.StringIO()
    stage = _Telling(lines)
    day = Day(stage.clock.now(), stage.ledger.ledger)
    for minute in range(minutes):
        busy = jobs_a_minute or (0.25 if 8 * 60 <= minute < 18 * 60 else 0.06)
        with _told(stage, day, lines):
            if random.random() < busy:
                ref = _job(stage, random)
                if random.random() < 0.8:
                    stage.advance(seconds=random.uniform(1, 8))
                    day.calls["events"].append(stage.clock.now())
                    stage.review(ref)
            day.calls["sweep"].append(stage.clock.now())
            count_sweep(stage.sweep(owner=f"sweep {minute}"))
        stage.clock.advance(day.begin + timedelta(minutes=minute + 1) - stage.clock.now())
    return day


def _job(stage: Stage, random: Random) -> JobRef:
    operation = random.choice(["S3PutObjectTagging"] * 3 + ["S3DeleteObjectTagging"])
    members: dict[str, Any] = {"TagSet": []} if operation == "S3PutObjectTagging" else {}
    return stage.create(random.choice([1, 2, 3, 7]), tags=random.choice(TAGS), Operation={operation: members})


@contextlib.contextmanager
def _told(stage: Stage, day: Day, lines: io.StringIO) -> Iterator[None]:
    """Take in what is printed within, as of the clock's time: the lines themselves have the machine's."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        yield
    for line in map(json.loads, printed.getvalue().splitlines()):
        [directive] = line["_aws"]["CloudWatchMetrics"]
        names = [each["Name"] for each in directive["Metrics"]]
        if BUDGET_DIMENSION in line:
            day.budgets.append((stage.clock.now(), line[BUDGET_DIMENSION], line[Metric.BUDGET_USED][0]))
        else:
            day.metrics.append((stage.clock.now(), {name: line[name][0] for name in names}))
    said = [json.loads(line) for line in lines.getvalue().splitlines()]
    day.decisions += [line["decision"] for line in said if "decision" in line]
    lines.seek(0)
    lines.truncate()
