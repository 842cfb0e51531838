"""Checks of an account before the first deployment: what `cdk deploy` and the gate need. All of them only read."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from batchgate.aws.answers import only_answers
from batchgate.aws.s3control import CONFIG
from batchgate.aws.wiring import SystemClock
from batchgate.contract import GATE_PARAMETER, DeployedGate
from batchgate.gate.ports import Clock
from batchgate_cli.operating.account_checks import clock_lines
from batchgate_cli.operating.aws_errors import aws_errors
from batchgate_cli.operating.aws_session import open_session
from batchgate_cli.operating.checkout import Checkout
from batchgate_cli.operating.checks import Aws, Check, Level, Line, NotCheckedError
from batchgate_cli.operating.options import GateOptions
from batchgate_cli.operating.trails import trail_lines

BOOTSTRAP_PARAMETER: Final = "/cdk-bootstrap/hnb659fds/version"
BOOTSTRAP_VERSION: Final = 6
"""What the template asks for, in its rule CheckBootstrapVersion; a test compares."""

NODE_VERSION: Final = 20
"""As package.json asks."""

_SWEEP_AND_VALIDATOR: Final = 2
_DEFAULT_CONCURRENCY: Final = 5
_SECONDS: Final = 20
_MISSING: Final = frozenset({"ParameterNotFound", "ValidationError"})
"""What SSM and CloudFormation answer for a name that they do not know."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account and Region, and who looks at it."""

    aws: Aws
    who: str
    account_id: str
    region: str
    checkout: Checkout | None
    clock: Clock = field(default_factory=SystemClock)

    @property
    def stack_name(self) -> str:
        """The stack that would be deployed."""
        return self.checkout.stack_name if self.checkout else "batchgate"


def open_account(options: GateOptions, checkout: Checkout | None) -> Account:
    """The caller's account.

    Raises:
        GateAccessError: No credentials, no Region, or AWS did not say who calls.
    """
    with aws_errors():
        session = open_session(options.profile, options.region)
        only_answers(session.events)
        client = session.client("sts", config=CONFIG)
        caller = client.get_caller_identity()
    return Account(Aws(session), str(caller["Arn"]), str(caller["Account"]), client.meta.region_name, checkout)


def credentials(account: Account) -> Iterator[Line]:
    """Who calls, and where."""
    yield Line("credentials", Level.PASS, f"{account.who}, account {account.account_id} in {account.region}")


def clock(account: Account) -> Iterator[Line]:
    """This machine's clock."""
    yield from clock_lines(account.aws, account.clock.now)


def tools(account: Account) -> Iterator[Line]:
    """Node, and the cdk command that the checkout pins."""
    if account.checkout is None:
        do = "run this in a checkout of batchgate: deploying takes one"
        yield Line("tools", Level.WARN, "not checked: this directory is in no checkout of batchgate", do)
        return
    node = _version_of("node", "--version")
    major = re.match(r"v(\d+)\.", node)
    if major is None or int(major[1]) < NODE_VERSION:
        do = f"install Node {NODE_VERSION} or newer"
        yield Line("tools", Level.FAIL, f"Node is {node or 'not installed'}: cdk needs {NODE_VERSION}", do)
        return
    cdk = _version_of(str(account.checkout.directory / "node_modules" / ".bin" / "cdk"), "--version")
    if cdk:
        yield Line("tools", Level.PASS, f"Node {node}, cdk {cdk}")
    else:
        yield Line("tools", Level.FAIL, f"Node {node}, but no cdk command in node_modules", "`make setup`")


def _version_of(*command: str) -> str:
    """What a command prints; "" where there is none, or it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def bootstrap(account: Account) -> Iterator[Line]:
    """Whether CDK's bootstrap stack is there, in a version that the template takes."""
    parameter = _or_none(account.aws, "ssm", "GetParameter", Name=BOOTSTRAP_PARAMETER)
    if parameter is not None:
        version = int(parameter["Parameter"]["Value"])
        level = Level.PASS if version >= BOOTSTRAP_VERSION else Level.FAIL
        do = "" if level is Level.PASS else f"`make bootstrap` updates it; version {BOOTSTRAP_VERSION} is needed"
        yield Line("bootstrap", level, f"CDK's bootstrap stack has version {version}", do)
        return
    toolkit = _or_none(account.aws, "cloudformation", "DescribeStacks", StackName="CDKToolkit")
    if toolkit is None:
        yield Line("bootstrap", Level.FAIL, "CDK has never been bootstrapped here", "`make bootstrap`, once")
    else:
        status = toolkit["Stacks"][0]["StackStatus"]
        found = f"the stack CDKToolkit is {status}, without the parameter {BOOTSTRAP_PARAMETER}: another qualifier?"
        do = "`make bootstrap`, or set CDK's context `@aws-cdk/core:bootstrapQualifier` to that qualifier"
        yield Line("bootstrap", Level.FAIL, found, do)


def another_gate(account: Account) -> Iterator[Line]:
    """Whether the account and Region have a gate, or what is left of one that was not made."""
    name = account.stack_name
    parameter = _or_none(account.aws, "ssm", "GetParameter", Name=GATE_PARAMETER)
    if parameter is not None:
        stack = DeployedGate.decode(str(parameter["Parameter"]["Value"])).stack
        if stack == name:
            yield Line("gate", Level.PASS, f"the stack {name} is deployed here: a deployment updates it")
        else:
            do = f"set `stack_name` to {stack} to update that one, or destroy it first"
            found = f"the stack {stack} is this account's gate, and there can be one: {name} would fail"
            yield Line("gate", Level.FAIL, found, do)
        return
    described = _or_none(account.aws, "cloudformation", "DescribeStacks", StackName=name)
    status = described["Stacks"][0]["StackStatus"] if described else ""
    if not status:
        yield Line("gate", Level.PASS, "no other gate is deployed here")
    elif status == "ROLLBACK_COMPLETE":
        do = f"`aws cloudformation delete-stack --stack-name {name}`, then deploy"
        yield Line("gate", Level.FAIL, f"the stack {name} is {status}: its first deployment failed", do)
    else:
        found = f"the stack {name} is {status}, without the parameter {GATE_PARAMETER}: it is not a gate, or unfinished"
        yield Line("gate", Level.FAIL, found, "choose another `stack_name`, or finish or delete that stack")


def concurrency(account: Account) -> Iterator[Line]:
    """Whether Lambda lets the gate's functions run at once as its settings ask."""
    settings: Mapping[str, Any] = account.checkout.settings if account.checkout else {}
    needed = int(settings.get("max_concurrency", _DEFAULT_CONCURRENCY)) + _SWEEP_AND_VALIDATOR
    limit = account.aws.ask("lambda", "GetAccountSettings")["AccountLimit"]
    unreserved, all_of_it = int(limit["UnreservedConcurrentExecutions"]), int(limit["ConcurrentExecutions"])
    found = f"{unreserved} unreserved of {all_of_it} concurrent executions; the gate uses up to {needed}"
    if unreserved >= 2 * needed:
        yield Line("concurrency", Level.PASS, found)
    else:
        do = "ask for more in Service Quotas (Lambda, Concurrent executions), or lower `max_concurrency`"
        level = Level.WARN if unreserved >= needed else Level.FAIL
        yield Line("concurrency", level, f"{found}, and other functions share them", do)


def trail(account: Account) -> Iterator[Line]:
    """A trail that logs S3's job events; one that the settings make counts as there."""
    for line in trail_lines(account.aws, account.region):
        if line.level is Level.WARN and account.checkout and account.checkout.settings.get("trail") is True:
            yield Line("trail", Level.PASS, "none yet; the setting `trail` makes one")
        else:
            yield line


def deletion_protection(account: Account) -> Iterator[Line]:
    """AppConfig's account-wide protection of what was used lately."""
    protection = account.aws.ask("appconfig", "GetAccountSettings").get("DeletionProtection") or {}
    if protection.get("Enabled"):
        minutes = protection.get("ProtectionPeriodInMinutes", "unknown")
        yield Line("AppConfig", Level.PASS, f"deletion protection is on ({minutes} min); the stack exempts its own")
    else:
        yield Line("AppConfig", Level.PASS, "reachable, deletion protection is off")


def s3_control(account: Account) -> Iterator[Line]:
    """Whether S3 Control answers here."""
    answer = account.aws.ask("s3control", "ListJobs", AccountId=account.account_id, MaxResults=1)
    jobs = "has jobs" if answer.get("Jobs") else "lists no job"
    yield Line("S3 Control", Level.PASS, f"answers, and {jobs}")


def _or_none(aws: Aws, service: str, operation: str, **parameters: str) -> Mapping[str, Any] | None:
    """The answer; None where there is no such thing."""
    try:
        return aws.ask(service, operation, **parameters)
    except NotCheckedError as error:
        if error.code in _MISSING:
            return None
        raise


PREFLIGHT_CHECKS: Final = (
    Check("credentials", credentials),
    Check("clock", clock),
    Check("tools", tools),
    Check("bootstrap", bootstrap),
    Check("gate", another_gate),
    Check("concurrency", concurrency),
    Check("trail", trail),
    Check("AppConfig", deletion_protection),
    Check("S3 Control", s3_control),
)
