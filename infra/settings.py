"""What a deployment may choose: the CDK context under the key `batchgate`, typed and validated."""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Final, Literal, get_type_hints

import msgspec
from msgspec import Meta

from batchgate.contract import Unverified
from batchgate.errors import GateError
from batchgate.text import shorten

CONTEXT_KEY: Final = "batchgate"


class SettingsError(GateError):
    """The CDK context says something that the stack can't be made from."""


class Architecture(StrEnum):
    """The processors that Lambda offers."""

    ARM64 = "arm64"
    X86_64 = "x86_64"


class LogLevel(StrEnum):
    """How much the gate logs; decisions always, for they are the record."""

    DEBUG = "DEBUG"
    INFO = "INFO"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One deployment's choices; every one has a default that suits a production account.

    Attributes:
        stack_name: The name of the CloudFormation stack; unique in account and Region.
        policy_files: The policy files, or directories of them, to enforce; relative to the checkout.
        manifest_buckets: The buckets whose manifests the gate may ask S3 about (HeadObject), for policies on
            `manifest.bytes`; none by default.
        manifest_keys: The KMS keys (ARNs) that those buckets' objects are encrypted with; none by default.
        architecture: The processor that the functions run on.
        memory_mb: What each function gets, in MiB; Lambda gives processor time in proportion.
        timeout_seconds: How long one batch of events may take; no review is begun in its last 15 seconds.
        max_concurrency: How many batches are evaluated at once. S3 Control publishes no rates: more brings SlowDown.
        max_receive_count: How often an event is tried before it goes to the dead letters.
        dead_letter_days: How long dead letters are kept.
        log_retention_days: How long logs are kept.
        log_level: How much the functions log.
        keep_ledger: Whether the table of decisions is protected, and outlives the stack.
        adopt_existing: What becomes of jobs that are older than the gate: `report` holds them for people, `evaluate`
            decides them like any other.
        suspended_date_survives: Whether a job that was confirmed still has its SuspendedDate, which AWS does not
            document. Where it does (true), a job that runs without one never asked for confirmation.
        circuit_breaker_cancellations: How many jobs may be cancelled by policy in `circuit_breaker_minutes`, before
            further cancellations become holds and an alarm rings.
        circuit_breaker_minutes: See `circuit_breaker_cancellations`.
        sweep_calls_per_second: How many calls of S3 Control the sweep makes at most; S3 publishes no rates.
        sweep_timeout_seconds: How long one sweep may take; what it did not come to, the next one does. An alarm rings
            when none has ended for 10 minutes.
        policy_bake_minutes: How long AppConfig watches a new policy, and takes it back where the gate has trouble.
        notify_email: Where holds that need a person, cancellations and alarms are mailed to; nowhere by default.
        held_alarm_hours: An alarm rings when a job is held for longer.
        untagged_answer_lacks_tags: Whether S3 leaves `Tags` out of its answer for a job without tags: `unknown` until
            somebody has looked on an account. Where it is not `true`, an answer without them leaves tags unmeasurable.
        customer_key: Whether a KMS key of the account's encrypts queues, table, topic and logs.
        trail: Whether to make a CloudTrail trail: EventBridge has S3's job events only where one logs.
    """

    stack_name: Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,127}$")] = "batchgate"
    policy_files: Annotated[tuple[str, ...], Meta(min_length=1)] = ("policies/approval.yaml",)
    manifest_buckets: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")], ...], Meta(max_length=30)
    ] = ()
    manifest_keys: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[a-zA-Z0-9-]+$")], ...],
        Meta(max_length=30),
    ] = ()
    architecture: Architecture = Architecture.ARM64
    memory_mb: Annotated[int, Meta(ge=128, le=10_240)] = 512
    timeout_seconds: Annotated[int, Meta(ge=30, le=900)] = 60
    max_concurrency: Annotated[int, Meta(ge=2, le=1000)] = 5
    max_receive_count: Annotated[int, Meta(ge=5, le=1000)] = 5
    dead_letter_days: Annotated[int, Meta(ge=1, le=14)] = 14
    log_retention_days: Literal[
        1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
    ] = 365
    log_level: LogLevel = LogLevel.INFO
    keep_ledger: bool = True
    adopt_existing: Literal["report", "evaluate"] = "report"
    suspended_date_survives: bool | Literal["unknown"] = "unknown"
    circuit_breaker_cancellations: Annotated[int, Meta(ge=1, le=1000)] = 20
    circuit_breaker_minutes: Annotated[int, Meta(ge=1, le=1440)] = 10
    sweep_calls_per_second: Annotated[int, Meta(ge=1, le=1000)] = 20
    sweep_timeout_seconds: Annotated[int, Meta(ge=60, le=540)] = 300
    policy_bake_minutes: Annotated[int, Meta(ge=0, le=1440)] = 10
    notify_email: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")] | None = None
    held_alarm_hours: Annotated[int, Meta(ge=1, le=720)] = 72
    untagged_answer_lacks_tags: Unverified = "unknown"
    customer_key: bool = False
    trail: bool = False

    @property
    def suspended_date_survives_word(self) -> Unverified:
        """The same as the functions and the commands read it: unknown, true or false."""
        if self.suspended_date_survives == "unknown":
            return "unknown"
        return "true" if self.suspended_date_survives else "false"


def read_settings(context: object, own: Mapping[str, object] | None = None) -> Settings:
    """The settings that the CDK context's `batchgate` key holds; None (no such key) means all defaults.

    Args:
        context: An object, as cdk.json has it, or the same as JSON text, as `cdk -c batchgate='{...}'` has it.
        own: What cdk.json says; CDK has the text of the command line in its place, which here only adds to it.

    Raises:
        SettingsError: An unknown setting, or one with a value that it can't have; the message says which.
    """
    try:
        if isinstance(context, str):
            context = {**(own or {}), **msgspec.json.decode(context, type=dict[str, object])}
        said = msgspec.convert({} if context is None else context, dict[str, object])
    except msgspec.MsgspecError as error:
        message = f'CDK context {CONTEXT_KEY!r}: expected an object such as {{"trail": true}}: {error}'
        raise SettingsError(message) from error
    kinds = get_type_hints(Settings, include_extras=True)
    problems = [problem for name, value in said.items() if (problem := _problem_with(name, value, kinds))]
    if problems:
        lines = "\n  ".join(problems)
        raise SettingsError(f"CDK context {CONTEXT_KEY!r} (in cdk.json, or -c {CONTEXT_KEY}=...):\n  {lines}")
    return msgspec.convert(said, Settings)


def _problem_with(name: str, value: object, kinds: Mapping[str, object]) -> str:
    """What is wrong with one setting; "" for nothing."""
    if name not in kinds:
        near = get_close_matches(name, kinds, 1)
        return f"{name}: unknown setting; " + (f"did you mean {near[0]}?" if near else f"known: {', '.join(kinds)}")
    try:
        msgspec.convert(value, kinds[name])
    except msgspec.ValidationError as error:
        expected = str(error).replace("`$", f"`{name}")
        return f"{name}: {expected[:1].lower()}{expected[1:]}, got {shorten(json.dumps(value), 80)}"
    return ""
