"""Checks of a deployed gate: is what the stack made there, enabled, able, and quiet. All of them only read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from batchgate import __version__
from batchgate.aws.calls import make_call
from batchgate.contract import GATE_PARAMETER, DeployedGate
from batchgate.errors import PolicyError, Problem
from batchgate.gate.state import Block
from batchgate.policy.compiled import PolicySet
from batchgate.policy.deployed import load_deployed
from batchgate_cli.operating.account_checks import clock_lines
from batchgate_cli.operating.api_client import GateApi, decoded
from batchgate_cli.operating.api_documents import GateStatus
from batchgate_cli.operating.checkout import Checkout
from batchgate_cli.operating.checks import Aws, Level, Line, NotCheckedError
from batchgate_cli.operating.live_gate import LiveGate
from batchgate_cli.operating.trails import trail_lines

_DEPLOY: Final = "deploy the stack again (`make deploy`)"
_SOME_JOB: Final = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployed gate, and the checkout that this command runs in, if it does."""

    live: LiveGate
    aws: Aws
    api: GateApi
    checkout: Checkout | None = None
    _status: list[GateStatus] = field(default_factory=list)
    _asking: Lock = field(default_factory=Lock)

    def status(self) -> GateStatus:
        """What the gate says of itself; asked once.

        Raises:
            GateAccessError: Its API can't be reached, or refuses.
        """
        with self._asking:
            if not self._status:
                self._status.append(decoded(self.api.get("/status"), GateStatus))
            return self._status[0]

    @property
    def found(self) -> DeployedGate:
        """What the stack wrote about itself."""
        return self.live.found

    def arn(self, service: str, rest: str) -> str:
        """An ARN of this partition, Region and account."""
        partition, region, account_id = self.live.home
        return f"arn:{partition}:{service}:{region}:{account_id}:{rest}"

    def function_arn(self, name: str) -> str:
        """Of one of the gate's functions, by what it is for."""
        return self.arn("lambda", f"function:{self.found.functions[name]}")

    @property
    def queue_arn(self) -> str:
        """Of the queue of events."""
        return self.arn("sqs", self.found.queue_url.rsplit("/", 1)[1])


def credentials(deployed: Deployed) -> Iterator[Line]:
    """Who calls, and where."""
    yield Line("credentials", Level.PASS, f"{deployed.live.who}, {deployed.live.place}")


def clock(deployed: Deployed) -> Iterator[Line]:
    """This machine's clock."""
    yield from clock_lines(deployed.aws, deployed.live.clock.now)


# --- What the stack made ------------------------------------------------------------------------------

_ROLLED_BACK: Final = frozenset({"UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"})


def stack(deployed: Deployed) -> Iterator[Line]:
    """CloudFormation's status of the stack, and whether it is of this command's version."""
    name = deployed.found.stack
    status = str(deployed.aws.ask("cloudformation", "DescribeStacks", StackName=name)["Stacks"][0]["StackStatus"])
    found = f"{name} is {status}"
    if status in _ROLLED_BACK:
        yield Line(
            "stack", Level.WARN, f"{found}: the last deployment failed, and the one before it runs", _events(name)
        )
    elif status.endswith("_IN_PROGRESS"):
        yield Line("stack", Level.WARN, found, "wait until it has ended, then run this again")
    elif status.endswith("_COMPLETE") and "ROLLBACK" not in status and not status.startswith("DELETE"):
        yield _version_line(found, deployed.found.version)
    else:
        yield Line("stack", Level.FAIL, found, _events(name))


def _version_line(found: str, version: str) -> Line:
    if version == __version__:
        return Line("stack", Level.PASS, f"{found}, version {version}")
    do = "use the command of the deployed version, or deploy this one"
    return Line("stack", Level.WARN, f"{found}, version {version or 'unknown'}; this command is {__version__}", do)


def _events(stack_name: str) -> str:
    return f"`aws cloudformation describe-stack-events --stack-name {stack_name}` says why"


def functions(deployed: Deployed) -> Iterator[Line]:
    """Lambda's state of each function."""
    all_active = bool(deployed.found.functions)
    for purpose, name in deployed.found.functions.items():
        configuration = deployed.aws.ask("lambda", "GetFunctionConfiguration", FunctionName=name)
        state, update = configuration["State"], configuration.get("LastUpdateStatus", "Successful")
        if state == "Active" and update == "Successful":
            continue
        all_active = False
        why = configuration.get("StateReason") or configuration.get("LastUpdateStatusReason") or ""
        level = Level.FAIL if "Failed" in (state, update) else Level.WARN
        yield Line("functions", level, f"{purpose} is {state}, its last update {update}. {why}".rstrip(), _DEPLOY)
    if all_active:
        yield Line("functions", Level.PASS, f"all {len(deployed.found.functions)} are active")


def rules(deployed: Deployed) -> Iterator[Line]:
    """The rule that sends job events to the queue, the queue's way to the function, and the sweep's schedule."""
    enabled = []
    for what, target in (("job events", deployed.queue_arn), ("the sweep", deployed.function_arn("sweep"))):
        names = deployed.aws.ask("events", "ListRuleNamesByTarget", TargetArn=target)["RuleNames"]
        states = {name: deployed.aws.ask("events", "DescribeRule", Name=name)["State"] for name in names}
        if any(state.startswith("ENABLED") for state in states.values()):
            enabled.append(what)
        elif states:
            name = next(iter(states))
            yield Line(
                "rules", Level.FAIL, f"the rule of {what} is disabled", f"`aws events enable-rule --name {name}`"
            )
        else:
            yield Line("rules", Level.FAIL, f"there is no rule of {what}", _DEPLOY)
    mappings = deployed.aws.ask_all(
        "lambda",
        "ListEventSourceMappings",
        "EventSourceMappings",
        FunctionName=deployed.found.functions["job_event"],
        EventSourceArn=deployed.queue_arn,
    )
    states = {each["UUID"]: each["State"] for each in mappings}
    if "Enabled" in states.values():
        enabled.append("the queue's events")
    elif states:
        uuid, state = next(iter(states.items()))
        do = f"`aws lambda update-event-source-mapping --enabled --uuid {uuid}`"
        yield Line("rules", Level.FAIL, f"the function does not read the queue: its mapping is {state}", do)
    else:
        yield Line("rules", Level.FAIL, "the function does not read the queue: it has no mapping", _DEPLOY)
    if len(enabled) == _WAYS:
        yield Line("rules", Level.PASS, f"enabled: {', '.join(enabled)}")


_WAYS: Final = 3


def trail(deployed: Deployed) -> Iterator[Line]:
    """A trail that logs S3's job events."""
    yield from trail_lines(deployed.aws, deployed.live.home[1])


def subscribers(deployed: Deployed) -> Iterator[Line]:
    """Who gets notices and alarms."""
    topic = deployed.found.topic_arn
    found = deployed.aws.ask_all("sns", "ListSubscriptionsByTopic", "Subscriptions", TopicArn=topic)
    confirmed = [each for each in found if str(each["SubscriptionArn"]).startswith("arn:")]
    waiting = [each["Endpoint"] for each in found if each["SubscriptionArn"] == "PendingConfirmation"]
    if waiting:
        do = "follow the link that AWS sent them; it expires after two days, then deploy or subscribe again"
        yield Line("subscribers", Level.WARN, f"not confirmed yet: {', '.join(waiting)}", do)
    if confirmed:
        yield Line("subscribers", Level.PASS, f"{len(confirmed)} confirmed")
    elif not waiting:
        do = f"set `notify_email` and deploy, or subscribe something to {topic}"
        yield Line(
            "subscribers", Level.WARN, "the topic has no subscriber: holds, cancellations and alarms are not seen", do
        )


# --- What the roles may do ----------------------------------------------------------------------------


def roles(deployed: Deployed) -> Iterator[Line]:
    """Whether IAM allows what the deciding roles need, by simulation: policies, boundaries and SCPs together.

    Left out are permissions under conditions (events, keys): the simulation would have to know their values.
    """
    able = bool(deployed.found.roles)
    for purpose in deployed.found.roles:
        for actions, resource in role_needs(deployed, purpose):
            for denied in _denied(deployed, purpose, actions, resource):
                able = False
                yield Line("roles", Level.FAIL, denied, _ALLOW)
    if able:
        yield Line("roles", Level.PASS, f"{', '.join(deployed.found.roles)} may do what they need")


def _denied(deployed: Deployed, purpose: str, actions: Sequence[str], resource: str) -> Iterator[str]:
    """Each action that IAM's simulation does not allow a deciding role, and why."""
    results = deployed.aws.ask_all(
        "iam",
        "SimulatePrincipalPolicy",
        "EvaluationResults",
        PolicySourceArn=deployed.found.roles[purpose],
        ActionNames=[*actions],
        ResourceArns=[resource],
    )
    decisions = {each["EvalActionName"]: each for each in results}
    for action in actions:
        if decisions[action]["EvalDecision"] != "allowed":
            yield f"the role of {purpose} may not {action}: {_why_denied(decisions[action])}"


_ALLOW: Final = "change what denies it; docs/permissions.md says what each permission is for"


def role_needs(deployed: Deployed, purpose: str) -> Iterator[tuple[Sequence[str], str]]:
    """Actions and a resource that a deciding role must be allowed."""
    found = deployed.found
    yield ("s3:DescribeJob", "s3:GetJobTagging", "s3:UpdateJobStatus"), deployed.arn("s3", f"job/{_SOME_JOB}")
    table = deployed.arn("dynamodb", f"table/{found.ledger_table}")
    names = ("BatchGetItem", "ConditionCheckItem", "GetItem", "PutItem", "UpdateItem")
    yield [f"dynamodb:{each}" for each in names], table
    if found.appconfig is not None:
        at = found.appconfig
        configuration = f"application/{at.application}/environment/{at.environment}/configuration/{at.profile}"
        actions = ("appconfig:GetLatestConfiguration", "appconfig:StartConfigurationSession")
        yield actions, deployed.arn("appconfig", configuration)
    if purpose == "job_event":
        yield ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"), deployed.queue_arn
    if purpose == "api":
        yield ("dynamodb:Query",), table
        yield ("dynamodb:Query",), f"{table}/index/open"
        yield ("dynamodb:Query",), f"{table}/index/day"
    if purpose == "sweep":
        yield ("s3:ListJobs",), "*"
        yield ("dynamodb:Query",), f"{table}/index/open"
        yield ("sns:Publish",), found.topic_arn


def _why_denied(result: Mapping[str, Any]) -> str:
    if result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations") is False:
        return "a policy of the organization denies it"
    if result.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary") is False:
        return "its permissions boundary does not allow it"
    return "a policy denies it" if result["EvalDecision"] == "explicitDeny" else "no policy of the role allows it"


# --- Policies -----------------------------------------------------------------------------------------


def policies_in_force(deployed: Deployed) -> PolicySet:
    """The policies that AppConfig has deployed.

    The adapter of the functions does not serve here: it does not tell a document that can't be loaded, which is the
    gate's error, from a permission that this command lacks.

    Raises:
        PolicyError: There is no document, or it is invalid: the gate has no policies either.
        NotCheckedError: AppConfig could not be asked.
    """
    at = deployed.found.appconfig
    if at is None:
        raise NotCheckedError(f"SSM parameter {GATE_PARAMETER} names no policies")
    try:
        started = deployed.aws.ask(
            "appconfigdata",
            "StartConfigurationSession",
            ApplicationIdentifier=at.application,
            EnvironmentIdentifier=at.environment,
            ConfigurationProfileIdentifier=at.profile,
        )
        token = started["InitialConfigurationToken"]
        answer = deployed.aws.ask("appconfigdata", "GetLatestConfiguration", ConfigurationToken=token)
    except NotCheckedError as error:
        if error.code == "ResourceNotFoundException":
            raise PolicyError([Problem((), f"AppConfig has no policies deployed: {error}")]) from error
        raise
    content = make_call(answer["Configuration"].read)
    if not content:
        raise PolicyError([Problem((), "AppConfig has no policies deployed")])
    return load_deployed(content)


def policies_to_compare(deployed: Deployed) -> PolicySet:
    """The same for checks that compare something with them: without policies these can't be made.

    Raises:
        NotCheckedError: There are none, which another check reports, or AppConfig could not be asked.
    """
    try:
        return policies_in_force(deployed)
    except PolicyError as error:
        raise NotCheckedError("no policies that can be loaded are in force") from error


def requester(deployed: Deployed) -> Iterator[Line]:
    """Where policies ask who created a job: whether the roles may look that up, and find it.

    AWS does not document that CloudTrail's event history has S3's CreateJob. The last fifty calls of that name are
    looked at, which may all be other services'.
    """
    if not policies_to_compare(deployed).asks_for("requester"):
        yield Line("requester", Level.PASS, "no policy asks who created a job")
        return
    able = bool(deployed.found.roles)
    for purpose in deployed.found.roles:
        for denied in _denied(deployed, purpose, ("cloudtrail:LookupEvents",), "*"):
            able = False
            yield Line(
                "requester",
                Level.FAIL,
                f"{denied}; no requester is known, and approvals that exclude them do not count",
                _ALLOW,
            )
    named = [{"AttributeKey": "EventName", "AttributeValue": "CreateJob"}]
    events = deployed.aws.ask("cloudtrail", "LookupEvents", LookupAttributes=named)["Events"]
    if not any(each["EventSource"] == "s3.amazonaws.com" for each in events):
        yield Line(
            "requester",
            Level.WARN,
            "CloudTrail lists no CreateJob of S3: where a policy excludes the requester, approvals may never count",
            "ignore it if no job was created here for 90 days; else take `not_requester` out of the policies",
        )
    elif able:
        yield Line("requester", Level.PASS, "can be looked up in CloudTrail, which lists S3's CreateJob")


# --- Settings at their defaults -----------------------------------------------------------------------


def settings(deployed: Deployed) -> Iterator[Line]:
    """For each setting at its default, whether the policies in force need another."""
    found, policies = deployed.found, policies_to_compare(deployed)
    if policies.asks_for("tags") and found.untagged_answer_lacks_tags == "unknown":
        yield Line(
            "settings",
            Level.HINT,
            "policies ask for tags, and `untagged_answer_lacks_tags` is unknown: untagged jobs may be unmeasurable",
            f"`aws s3control get-job-tagging` of an untagged job says which; {_CANARY}",
        )
    if policies.cancel_ungated and found.suspended_date_survives == "unknown":
        yield Line(
            "settings",
            Level.HINT,
            "policies cancel ungated jobs, and `suspended_date_survives` is unknown: no such job is known for certain",
            f"docs/settings.md says what the setting means; {_CANARY}",
        )
    if policies.asks_for("manifest.bytes") and not found.manifest_buckets:
        yield Line(
            "settings",
            Level.WARN,
            "policies ask for manifest.bytes, and `manifest_buckets` is empty: their jobs are held as unmeasurable",
            "name the buckets of manifests in the setting, and deploy",
        )
    pages = deployed.api.pages("/jobs", "jobs", limit=500)
    adopted = sum(job.get("block") == Block.ADOPTION for page in pages for job in page["jobs"])
    if adopted:
        count = "1 job is" if adopted == 1 else f"{adopted} jobs are"
        yield Line(
            "settings",
            Level.HINT,
            f"{count} older than the gate, and held until a person decides (`adopt_existing` is report)",
            "`batchgate jobs held` shows them; `adopt_existing` evaluate decides them by the policies",
        )
    yield Line("settings", Level.PASS, "checked against the policies in force")


_CANARY: Final = "`batchgate doctor --canary` finds out"
