"""The deployment's choices, from the function's environment."""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Self, get_args

from msgspec import Struct

from batchgate.aws.ledger_items import KEPT_BY_DEFAULT
from batchgate.contract import MANIFEST_BYTES_AT_MOST, ProfileLocation, Unverified, Variable
from batchgate.errors import GateError
from batchgate.gate.ports import CircuitBreaker
from batchgate.jobs.model import DateSurvives
from batchgate.text import shorten


class SettingError(GateError):
    """An environment variable of the function is missing or has an invalid value."""


class Settings(Struct, frozen=True):
    """The settings of one function.

    Attributes:
        policies: BATCHGATE_APPCONFIG, APPLICATION/ENVIRONMENT/PROFILE; or BATCHGATE_POLICY_FILE, a file of policy JSON
            where there is no AppConfig.
        ledger_table: BATCHGATE_LEDGER_TABLE: the ledger's table.
        ledger_kept: BATCHGATE_LEDGER_RETENTION_DAYS: how long settled jobs and reviews are kept; 400 days by default.
        adopt_existing: BATCHGATE_ADOPT_EXISTING: `evaluate`, or `report` by default.
        suspended_date_survives: BATCHGATE_SUSPENDED_DATE_SURVIVES: `true`, `false`, or `unknown` by default.
        breaker: BATCHGATE_CIRCUIT_BREAKER: cancellations/minutes; 20/10 by default.
        event_bus: BATCHGATE_EVENT_BUS: the bus that receives decision events; none by default.
        topic_arn: BATCHGATE_TOPIC_ARN: the topic that receives the digest of holds; none by default.
        chat: BATCHGATE_CHAT is `true`: HTTPS subscriptions of the topic are chat applications; `false` by default.
        manifest_bytes_at_most: BATCHGATE_MANIFEST_BYTES_AT_MOST: how many bytes of one manifest are read; 100 GiB by
            default.
        manifest_machine: BATCHGATE_MANIFEST_MACHINE: the ARN of the state machine that reads large manifests; none by
            default.
        queue_url: BATCHGATE_QUEUE_URL: the queue of job events, for what asks for a review; none by default.
        sweep_calls_per_second: BATCHGATE_SWEEP_CALLS_PER_SECOND; 20 by default.
        untagged_lacks_tags: BATCHGATE_UNTAGGED_ANSWER_LACKS_TAGS is `true`. `false` and `unknown` are treated alike.
    """

    policies: ProfileLocation | Path
    ledger_table: str
    ledger_kept: timedelta
    adopt_existing: bool
    suspended_date_survives: DateSurvives
    breaker: CircuitBreaker
    event_bus: str
    topic_arn: str
    chat: bool
    manifest_bytes_at_most: int
    manifest_machine: str
    queue_url: str
    sweep_calls_per_second: float
    untagged_lacks_tags: bool

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment now.

        Raises:
            SettingError: A variable is missing or invalid.
        """
        variables = os.environ
        table = variables.get(Variable.LEDGER_TABLE)
        if not table:
            raise SettingError(f"{Variable.LEDGER_TABLE}: expected the name of the ledger's table, got nothing")
        breaker, calls_per_second = _limits(variables)
        survives = _choice(variables, Variable.SUSPENDED_DATE_SURVIVES, *get_args(Unverified))
        lacks_tags = _choice(variables, Variable.UNTAGGED_ANSWER_LACKS_TAGS, *get_args(Unverified))
        return cls(
            policies=_policies(variables.get(Variable.APPCONFIG), variables.get(Variable.POLICY_FILE)),
            ledger_table=table,
            ledger_kept=_retention(variables),
            adopt_existing=_choice(variables, Variable.ADOPT_EXISTING, "report", "evaluate") == "evaluate",
            suspended_date_survives=DateSurvives(survives),
            breaker=breaker,
            event_bus=variables.get(Variable.EVENT_BUS) or "",
            topic_arn=variables.get(Variable.TOPIC_ARN) or "",
            chat=_choice(variables, Variable.CHAT, "false", "true") == "true",
            manifest_bytes_at_most=_bytes_at_most(variables),
            manifest_machine=variables.get(Variable.MANIFEST_MACHINE) or "",
            queue_url=variables.get(Variable.QUEUE_URL) or "",
            sweep_calls_per_second=calls_per_second,
            untagged_lacks_tags=lacks_tags == "true",
        )


def _limits(variables: Mapping[str, str]) -> tuple[CircuitBreaker, float]:
    """The circuit breaker, and the sweep's calls a second."""
    limit = variables.get(Variable.CIRCUIT_BREAKER) or "20/10"
    rate = variables.get(Variable.SWEEP_CALLS_PER_SECOND) or "20"
    try:
        cancellations, minutes = map(int, limit.split("/"))
        calls_per_second = float(rate)
    except ValueError as error:
        raise SettingError(
            f"expected whole numbers in {Variable.CIRCUIT_BREAKER} (cancellations/minutes), got "
            f"{shorten(limit, 40)!r}, and a number in {Variable.SWEEP_CALLS_PER_SECOND}, got {shorten(rate, 40)!r}"
        ) from error
    if min(cancellations, minutes, calls_per_second) <= 0:
        raise SettingError(
            f"{Variable.CIRCUIT_BREAKER} {limit} and {Variable.SWEEP_CALLS_PER_SECOND} {rate}: expected above 0"
        )
    return CircuitBreaker(cancellations, timedelta(minutes=minutes)), calls_per_second


def _bytes_at_most(variables: Mapping[str, str]) -> int:
    count = variables.get(Variable.MANIFEST_BYTES_AT_MOST) or str(MANIFEST_BYTES_AT_MOST)
    if not (count.isascii() and count.isdecimal() and len(count) <= _DIGITS_OF_BYTES_AT_MOST):
        raise SettingError(f"{Variable.MANIFEST_BYTES_AT_MOST}: expected a number of bytes, got {shorten(count, 40)!r}")
    return int(count)


def _retention(variables: Mapping[str, str]) -> timedelta:
    days = variables.get(Variable.LEDGER_RETENTION_DAYS) or str(KEPT_BY_DEFAULT.days)
    if not (days.isascii() and days.isdecimal() and len(days) <= _DIGITS_AT_MOST and 0 < int(days) <= _DAYS_AT_MOST):
        raise SettingError(
            f"{Variable.LEDGER_RETENTION_DAYS}: expected a number of days up to {_DAYS_AT_MOST}, got "
            f"{shorten(days, 40)!r}"
        )
    return timedelta(days=int(days))


_DAYS_AT_MOST = 3653
_DIGITS_OF_BYTES_AT_MOST = 18
_DIGITS_AT_MOST = 4


def _choice(variables: Mapping[str, str], name: str, *choices: str) -> str:
    """One of a few words; the first by default."""
    chosen = variables.get(name) or choices[0]
    if chosen not in choices:
        raise SettingError(f"{name}: expected {' or '.join(choices)}, got {shorten(chosen, 40)!r}")
    return chosen


def _policies(appconfig: str | None, file: str | None) -> ProfileLocation | Path:
    if bool(appconfig) == bool(file):
        raise SettingError(
            f"expected either {Variable.APPCONFIG}, APPLICATION/ENVIRONMENT/PROFILE, or {Variable.POLICY_FILE}, "
            f"got {'both' if file else 'neither'}"
        )
    if file:
        return Path(file)
    try:
        return ProfileLocation.parse(appconfig or "")
    except ValueError as error:
        raise SettingError(f"{Variable.APPCONFIG}: {error}") from error
