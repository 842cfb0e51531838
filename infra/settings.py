"""The settings of a deployment: the CDK context under the key `batchgate`, typed and validated."""

import json
import platform
from collections.abc import Mapping
from difflib import get_close_matches
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, Final, Literal, TypeAlias, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from batchgate.contract import MANIFEST_BYTES_AT_MOST, PolicyOwner, Unverified
from batchgate.errors import GateError
from batchgate.text import shorten

CONTEXT_KEY: Final = "batchgate"


class SettingsError(GateError):
    """The CDK context has a setting that is unknown or invalid; the message lists every problem."""


class Architecture(StrEnum):
    """The processor architectures of Lambda."""

    ARM64 = "arm64"
    X86_64 = "x86_64"


class LogLevel(StrEnum):
    """How much the gate logs. Decisions are always logged, because the log is their record."""

    DEBUG = "DEBUG"
    INFO = "INFO"


Hardness: TypeAlias = Literal["ignore", "warn", "fail"]
"""What something that is wrong with valid policies does to a synthesis."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of one deployment; every one has a default that suits a production account.

    Attributes:
        stack_name: The name of the CloudFormation stack; unique in account and Region.
        policy_files: The policy files, or directories of policy files, to enforce; relative to the checkout.
        manifest_buckets: The buckets whose manifests the gate may read, for policies on `manifest` and on what is in
            it.
        manifest_bytes_at_most: How many bytes of one manifest are read; more makes its contents unmeasurable.
        manifest_keys: The KMS keys (ARNs) that encrypt the objects of those buckets.
        architecture: The processor architecture of the functions.
        memory_mb: The memory of each function in MiB; Lambda allots processor time in proportion.
        timeout_seconds: The timeout for one batch of events; no review starts in the last 15 seconds.
        max_concurrency: How many batches are processed at once. S3 Control publishes no rate limits; above them it
            returns SlowDown.
        max_receive_count: How often an event is tried before it becomes a dead letter, which it does before it expires.
        dead_letter_days: How long dead letters are kept, from when the event arrived: longer than the queue keeps it.
        log_retention_days: How long logs are kept.
        log_level: How much the functions log.
        ledger_retention_days: How long the ledger keeps decided jobs and their reviews. S3 lists a job for 90 days
            after it ended, and the gate must know for as long what it decided.
        keep_ledger: Whether the table of decisions outlives the stack.
        adopt_existing: What happens to jobs that are older than the gate: `report` holds them until a person decides,
            `evaluate` decides them like any other.
        suspended_date_survives: Whether a job still has its SuspendedDate after it was confirmed, which AWS does not
            document. If it does (true), a running job without the date never asked for confirmation.
        circuit_breaker_cancellations: How many jobs policies may cancel within `circuit_breaker_minutes`; further
            cancellations become holds and an alarm is raised.
        circuit_breaker_minutes: See `circuit_breaker_cancellations`.
        sweep_calls_per_second: How many S3 Control calls per second the sweep makes at most.
        sweep_timeout_seconds: The timeout for one sweep; the next sweep continues with what is left. An alarm is
            raised when no sweep has succeeded for 15 minutes.
        policy_bake_minutes: How long AppConfig watches a new policy, and rolls it back if an alarm becomes active; 0
            for not at all. One to five minutes are refused: the alarms need longer to notice. The first policies of a
            stack are not watched.
        policy_owner: Who deploys the policies: `stack` deploys `policy_files`; with `repository` a team does from a
            repository of its own, by `batchgate policy push`, and the stack deploys none.
        policy_findings: What the lint's findings about the policies do to a synthesis: `warn`, `fail` or `ignore`.
        policy_cases: What failing test cases of the policies do to a synthesis: `fail`, `warn` or `ignore` (not run).
            They are in `cases/` beside the policy files.
        notify_email: The e-mail address that receives holds that need a person, cancellations and alarms.
        chat: Whether chat applications are subscribed to the topic of notices by HTTPS, as Amazon Q Developer does it:
            they receive the digest in its schema.
        held_alarm_hours: An alarm is raised when a job has been held for longer.
        untagged_answer_lacks_tags: Whether S3 omits `Tags` from its response for a job without tags; `unknown` until
            it was checked on an account. Unless it is `true`, a response without `Tags` leaves tags unmeasurable.
        idle: Whether this is a Region that hardly sees a job: the sweep runs every five minutes instead of every
            minute, there is no dashboard, and fewer alarms.
        customer_key: Whether a KMS key of the account encrypts queues, table, topic and logs.
        trail: Whether to create a CloudTrail trail: EventBridge receives S3's job events only if a trail logs them.
    """

    stack_name: Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,127}$")] = "batchgate"
    policy_files: Annotated[tuple[str, ...], Meta(min_length=1)] = ("policies/approval.yaml",)
    manifest_buckets: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")], ...], Meta(max_length=25)
    ] = ()
    manifest_bytes_at_most: Annotated[int, Meta(ge=64 * 1024**2, le=10 * 1024**4)] = MANIFEST_BYTES_AT_MOST
    manifest_keys: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[a-zA-Z0-9-]+$")], ...],
        Meta(max_length=30),
    ] = ()
    architecture: Architecture = Architecture.ARM64
    memory_mb: Annotated[int, Meta(ge=128, le=10_240)] = 512
    timeout_seconds: Annotated[int, Meta(ge=30, le=900)] = 60
    max_concurrency: Annotated[int, Meta(ge=2, le=1000)] = 5
    max_receive_count: Annotated[int, Meta(ge=5, le=50)] = 5
    dead_letter_days: Annotated[int, Meta(ge=5, le=14)] = 14
    log_retention_days: Literal[
        1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
    ] = 365
    log_level: LogLevel = LogLevel.INFO
    ledger_retention_days: Annotated[int, Meta(ge=100, le=3653)] = 400
    keep_ledger: bool = True
    adopt_existing: Literal["report", "evaluate"] = "report"
    suspended_date_survives: bool | Unverified = "unknown"
    circuit_breaker_cancellations: Annotated[int, Meta(ge=1, le=1000)] = 20
    circuit_breaker_minutes: Annotated[int, Meta(ge=1, le=1440)] = 10
    sweep_calls_per_second: Annotated[int, Meta(ge=1, le=1000)] = 20
    sweep_timeout_seconds: Annotated[int, Meta(ge=60, le=540)] = 300
    policy_bake_minutes: Annotated[int, Meta(ge=0, le=1440)] = 10
    policy_owner: PolicyOwner = "stack"
    policy_findings: Hardness = "warn"
    policy_cases: Hardness = "fail"
    notify_email: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")] | None = None
    chat: bool = False
    held_alarm_hours: Annotated[int, Meta(ge=1, le=720)] = 72
    untagged_answer_lacks_tags: bool | Unverified = "unknown"
    idle: bool = False
    customer_key: bool = False
    trail: bool = False

    @property
    def owns_policies(self) -> bool:
        """Whether the stack deploys policies."""
        return self.policy_owner == "stack"

    @property
    def sweep_minutes(self) -> int:
        """How often a sweep is started.

        Idle, once in each period of the alarms on what only sweeps report, and thrice before `no-sweep` is active.
        """
        return 5 if self.idle else 1

    @property
    def suspended_date_survives_word(self) -> Unverified:
        """The same as the functions and the commands read it: unknown, true or false."""
        return _word(setting=self.suspended_date_survives)

    @property
    def untagged_answer_lacks_tags_word(self) -> Unverified:
        """The same as the functions and the commands read it: unknown, true or false."""
        return _word(setting=self.untagged_answer_lacks_tags)


def _word(*, setting: bool | Unverified) -> Unverified:
    """A setting about S3 as a word: JSON's true and "true" mean the same."""
    if isinstance(setting, bool):
        return "true" if setting else "false"
    return setting


def read_settings(context: object, own: Mapping[str, object] | None = None, local: str | None = None) -> Settings:
    """The settings that the CDK context's `batchgate` key holds; None (no such key) means all defaults.

    Args:
        context: An object, as cdk.json has it, or the same as JSON text, as `cdk -c batchgate='{...}'` has it.
        own: What cdk.json says; CDK has the text of the command line in its place, which here only adds to it.
        local: What `local_endpoint` returns. For a local AWS the processor of this machine is the default architecture,
            and no other is accepted.

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
    if local:
        said = {"architecture": PROCESSOR} | said
    problems = [problem for name, value in said.items() if (problem := _problem_with(name, value, kinds))]
    if said.get("policy_owner") == "repository":
        problems += [
            f"{name}: has no effect, because the policies are pushed from a team's own repository (policy_owner); "
            "leave it out"
            for name in ("policy_files", "policy_findings", "policy_cases")
            if name in said
        ]
    if local and not problems and said["architecture"] != PROCESSOR:
        problems.append(
            f"architecture: the local AWS at {local} runs functions on this machine's processor, {PROCESSOR}; "
            f"built for {said['architecture']} they could not start. Leave the setting out for a local AWS"
        )
    if problems:
        lines = "\n  ".join(problems)
        raise SettingsError(f"CDK context {CONTEXT_KEY!r} (in cdk.json, or -c {CONTEXT_KEY}=...):\n  {lines}")
    return msgspec.convert(said, Settings)


def local_endpoint(environment: Mapping[str, str]) -> str | None:
    """The URL of the local AWS, if AWS_ENDPOINT_URL is that of an address of this machine; else None.

    A local AWS runs functions with this machine's processor and Python. *Source*: AWS SDKs and Tools Reference Guide,
    "Service-specific endpoints".

    Raises:
        SettingsError: It is no URL.
    """
    url = environment.get("AWS_ENDPOINT_URL", "")
    if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    try:
        host = (urlsplit(url).hostname or "").removesuffix(".")
    except ValueError as error:
        raise SettingsError(f"AWS_ENDPOINT_URL: {error}: expected a URL such as http://127.0.0.1:4566") from error
    return url if host == "localhost" or _is_loopback(host) else None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


PROCESSOR: Final = Architecture.ARM64 if platform.machine() in {"aarch64", "arm64"} else Architecture.X86_64
"""Of this machine."""


def _problem_with(name: str, value: object, kinds: Mapping[str, object]) -> str:
    """What is wrong with one setting; "" for nothing."""
    if name not in kinds:
        near = get_close_matches(name, kinds, 1)
        return f"{name}: unknown setting; " + (f"did you mean {near[0]}?" if near else f"known: {', '.join(kinds)}")
    try:
        msgspec.convert(value, kinds[name])
    except msgspec.ValidationError as error:
        expected = str(error).replace("`$", f"`{name}")
        if expected.startswith("Invalid enum value"):
            expected = f"Expected one of {', '.join(map(json.dumps, _choices(kinds[name])))}"
        return f"{name}: {expected[:1].lower()}{expected[1:]}, got {shorten(json.dumps(value), 80)}"
    if name == "policy_bake_minutes" and value in _BAKES_TOO_SHORT:
        return f"{name}: expected 0 (no bake time) or 6 to 1440, got {value}: the alarms need longer to notice anything"
    return ""


def _choices(kind: object) -> list[object]:
    """The values of a closed set, in its order: an enum, literals, true and false, or a union of them."""
    if kind is bool:
        return [True, False]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return [member.value for member in kind]
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    return [value for member in get_args(kind) for value in _choices(member)]


_BAKES_TOO_SHORT: Final = range(1, 6)
"""Minutes. An alarm by which AppConfig rolls back needs several periods of a minute, of metrics that come late."""
