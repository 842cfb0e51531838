"""Each check of `batchgate doctor` and `status`: it passes, warns or fails, and never passes on what it can't read."""

import dataclasses
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from msgspec.structs import replace

from batchgate import __version__
from batchgate.aws.ledger import DynamoLedger
from batchgate.aws.s3control import S3Control
from batchgate.contract import DeployedGate, ProfileLocation
from batchgate_cli.authoring import policy_file
from batchgate_cli.operating import gate_status
from batchgate_cli.operating.api_client import GateApi
from batchgate_cli.operating.checkout import Checkout
from batchgate_cli.operating.checks import Aws, Check, Level, Line, lines_of, run_checks, worst
from batchgate_cli.operating.gate_checks import Deployed, role_needs
from batchgate_cli.operating.gate_status import DOCTOR_CHECKS, STATUS_CHECKS
from batchgate_cli.operating.iam_policies import People, peoples_policy
from batchgate_cli.operating.live_gate import LiveGate, NoPolicies
from batchgate_cli.operating.preflight import BOOTSTRAP_VERSION, NODE_VERSION, PREFLIGHT_CHECKS, Account
from tests.cli.aws_answers import DENIED, Answer, Answered, AwsAnswers, Refusal

REGION, ACCOUNT = "eu-central-1", "111122223333"
HOME = ("aws", REGION, ACCOUNT)
WHO = f"arn:aws:iam::{ACCOUNT}:role/lake-operators"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:gate-notices"
SHADOW = "version: 1\nmode: shadow\npolicies:\n  - {name: all, match: [{operation: S3PutObjectCopy}], require: []}\n"
POLICY = policy_file.load_text(SHADOW.replace("mode: shadow\n", "mode: enforce\n"))
ASKS_FOR_TAGS = policy_file.load_text(
    "version: 1\nmode: enforce\nungated_jobs: cancel\npolicies:\n  - name: tagged\n"
    "    match: [{operation: S3PutObjectCopy}]\n    require: [{tags: {team: {present: true}}}, "
    "{manifest: {bytes: {at_most: 1000000}}}]\n"
)
ASKS_FOR_REQUESTERS = policy_file.load_text(
    "version: 1\nmode: enforce\napprovals: {by: ['*:assumed-role/owner/*'], not_requester: true}\npolicies:\n"
    "  - name: all\n    match: [{operation: S3PutObjectCopy}]\n    require: []\n"
)
FOUND = DeployedGate(
    stack="gate",
    version=__version__,
    api_url=f"https://a1b2c3d4e5.execute-api.{REGION}.amazonaws.com",
    ledger_table="gate-ledger",
    queue_url=f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/gate-events",
    unreviewed_url=f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/gate-unreviewed",
    undelivered_url=f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/gate-undelivered",
    functions={"job_event": "gate-event", "sweep": "gate-sweep", "api": "gate-api"},
    roles={"job_event": f"arn:aws:iam::{ACCOUNT}:role/event", "sweep": f"arn:aws:iam::{ACCOUNT}:role/sweep"},
    appconfig=ProfileLocation("app", "env", "profile"),
    topic_arn=TOPIC,
    policy_version=POLICY.policies.version,
)
TRAIL = {
    "Name": "all-events",
    "TrailARN": f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/all-events",
    "HomeRegion": "us-east-1",
    "IsMultiRegionTrail": True,
}
SELECTORS = {
    "TrailARN": TRAIL["TrailARN"],
    "EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True}],
}
ALARM = {
    "AlarmName": "gate-paused",
    "AlarmDescription": "The gate is paused. Resume it.",
    "AlarmActions": [TOPIC],
    "ActionsEnabled": True,
    "StateValue": "OK",
}
HTML = b"<html><body>Sign in to the network</body></html>"


CHECKOUT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 27, 14, 30, tzinfo=UTC)
ANSWERED = Answered(REGION)
AWS = Aws(ANSWERED.session)


class Stopped:
    """This machine's clock."""

    def now(self) -> datetime:
        """Always the same."""
        return NOW


def status(**changes: Any) -> dict[str, Answer]:
    """GET /status, half a minute after a sweep."""
    document = {
        "policy_version": POLICY.policies.version,
        "policy_since": iso(NOW - timedelta(days=2)),
        "policy_expected": POLICY.policies.version,
        "shadow": False,
        "sweep_minutes": 1,
        "since": iso(NOW - timedelta(days=9)),
        "last_sweep": iso(NOW - timedelta(seconds=30)),
        "last_sweep_errors": 0,
        "last_event": iso(NOW - timedelta(hours=3)),
        "held": 0,
        "oldest_held": None,
        "held_by_circuit_breaker": 0,
        "unreadable": 0,
        "problem": None,
        "problem_since": None,
        "warning": None,
    }
    return {"execute-api.GET /status": document | changes}


def iso(instant: datetime) -> str:
    """An instant as the API has it."""
    return instant.isoformat()


def page(*jobs: dict[str, Any]) -> dict[str, Answer]:
    """GET /jobs."""
    return {"execute-api.GET /jobs": {"jobs": [*jobs], "next": None, "not_listed": [], "warning": None}}


def configuration(document: bytes) -> dict[str, Any]:
    """What AppConfig has deployed."""
    return {"Configuration": document}


def described(status: str) -> dict[str, Any]:
    """A stack."""
    return {"Stacks": [{"StackName": "gate", "CreationTime": "2026-01-01T00:00:00Z", "StackStatus": status}]}


def simulated(decision: str, **detail: Any) -> Callable[[Any], Any]:
    """SimulatePrincipalPolicy's answer for every action that is asked about: all that any of the gate's roles needs."""
    actions = [
        *("s3:DescribeJob", "s3:GetJobTagging", "s3:UpdateJobStatus", "s3:ListJobs", "sns:Publish"),
        *("dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"),
        *("dynamodb:BatchGetItem", "dynamodb:UpdateItem"),
        *("appconfig:GetLatestConfiguration", "appconfig:StartConfigurationSession"),
        *("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "cloudtrail:LookupEvents"),
    ]
    results = [{"EvalActionName": each, "EvalDecision": decision, **detail} for each in actions]
    return {"EvaluationResults": results, "IsTruncated": False}  # type: ignore[return-value]


def well() -> dict[str, Answer]:
    """An account in which nothing is to be done."""
    return {
        "sts.GetCallerIdentity": {"Arn": WHO, "Account": ACCOUNT, "UserId": "me"},
        "cloudformation.DescribeStacks": described("UPDATE_COMPLETE"),
        "ssm.GetParameter": {"Parameter": {"Name": "x", "Value": "21"}},
        "lambda.GetFunctionConfiguration": {"State": "Active", "LastUpdateStatus": "Successful"},
        "lambda.GetAccountSettings": {
            "AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 900}
        },
        "lambda.ListEventSourceMappings": {"EventSourceMappings": [{"UUID": "u-1", "State": "Enabled"}]},
        "eventbridge.ListRuleNamesByTarget": {"RuleNames": ["gate-rule"]},
        "eventbridge.DescribeRule": {"Name": "gate-rule", "State": "ENABLED"},
        "cloudtrail.DescribeTrails": {"trailList": [TRAIL]},
        "cloudtrail.GetTrailStatus": {"IsLogging": True},
        "cloudtrail.GetEventSelectors": SELECTORS,
        "cloudtrail.LookupEvents": {"Events": [{"EventName": "CreateJob", "EventSource": "s3.amazonaws.com"}]},
        "iam.SimulatePrincipalPolicy": simulated("allowed"),
        "sns.ListSubscriptionsByTopic": {
            "Subscriptions": [{"SubscriptionArn": f"{TOPIC}:1", "Endpoint": "lake@example.com", "Protocol": "email"}]
        },
        "sqs.GetQueueAttributes": {
            "Attributes": {"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0"}
        },
        "cloudwatch.DescribeAlarms": {"MetricAlarms": [ALARM], "CompositeAlarms": []},
        "appconfig.GetAccountSettings": {"DeletionProtection": {"Enabled": True, "ProtectionPeriodInMinutes": 60}},
        "appconfigdata.StartConfigurationSession": {"InitialConfigurationToken": "first"},
        "appconfigdata.GetLatestConfiguration": configuration(POLICY.canonical_json),
        **status(),
        **page(),
        "execute-api.GET /pause": {"paused": False, "already": False},
        "s3-control.ListJobs": {"Jobs": []},
    }


def deployed(aws: AwsAnswers, checkout: Checkout | None = None) -> Deployed:
    """The gate in that account."""
    ANSWERED.aws = aws
    ledger = DynamoLedger(ANSWERED.client("dynamodb"), FOUND.ledger_table, HOME, Stopped())
    jobs = S3Control(ANSWERED.client("s3control"), Stopped())
    live = LiveGate(ANSWERED.session, WHO, HOME, FOUND, ledger, jobs, NoPolicies(), Stopped())
    api = GateApi("https://api.example", REGION, None, ANSWERED)  # type: ignore[arg-type]
    return Deployed(live, AWS, api, checkout)


@pytest.fixture
def aws() -> AwsAnswers:
    """An account in which nothing is to be done."""
    return AwsAnswers(well(), Stopped())


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout with the policies in force."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "approval.yaml").write_text(SHADOW.replace("mode: shadow\n", "mode: enforce\n"))
    return Checkout(tmp_path, {})


def named(name: str) -> Check[Deployed]:
    """A check by its name."""
    return next(check for check in DOCTOR_CHECKS if check.name == name)


def preflight(aws: AwsAnswers, name: str, **settings: Any) -> list[Line]:
    """The lines of one check before a deployment."""
    ANSWERED.aws = aws
    check = next(check for check in PREFLIGHT_CHECKS if check.name == name)
    return lines_of(check, Account(AWS, WHO, ACCOUNT, REGION, Checkout(Path(), settings), Stopped()))


def test_a_gate_that_is_well_passes_every_check(aws: AwsAnswers, checkout: Checkout) -> None:
    """Each name once, in the order of the list."""
    lines = run_checks(DOCTOR_CHECKS, deployed(aws, checkout))
    assert [line for line in lines if line.level is not Level.PASS] == []
    assert list(dict.fromkeys(line.check for line in lines if line.check != "circuit breaker")) == [
        check.name for check in DOCTOR_CHECKS
    ]


def test_one_thread_at_a_time_has_the_session(aws: AwsAnswers) -> None:
    """It makes the clients, and only these are safe for threads. *Source*: boto3 guide, Session and Clients."""

    class Watched(boto3.session.Session):
        making = 0
        most = 0

        def client(self, *arguments: Any, **options: Any) -> Any:
            self.making += 1
            self.most = max(self.most, self.making)
            made = super().client(*arguments, **options)
            self.making -= 1
            return made

    session = Watched("1" * 12, "secret", region_name=REGION)
    register: Any = session.events.register  # typed for handlers that answer nothing
    register("before-send", aws.answer)
    lines = run_checks(DOCTOR_CHECKS, dataclasses.replace(deployed(aws), aws=Aws(session)))
    assert [line for line in lines if line.level is Level.FAIL] == []
    assert session.most == 1


# --- What can't be read ---------------------------------------------------------------------------------


def asked_by(check: Check[Any], context: Any, aws: AwsAnswers) -> list[str]:
    """The operations of one check."""
    aws.asked.clear()
    lines_of(check, context)
    return list(dict.fromkeys(aws.asked))


def gate_calls() -> Iterator[tuple[str, str]]:
    """Every check of a gate with each operation that it calls."""
    aws = AwsAnswers(well(), Stopped())
    context = deployed(aws)
    for check in DOCTOR_CHECKS:
        for operation in asked_by(check, context, aws):
            yield check.name, operation


GATE_CALLS = [*gate_calls()]
IAM = {"appconfigdata": "appconfig", "eventbridge": "events", "s3-control": "s3"}


@pytest.mark.parametrize(("check", "operation"), GATE_CALLS)
def test_a_call_that_is_denied_is_a_warning_that_names_the_permission(
    check: str, operation: str, aws: AwsAnswers
) -> None:
    """And nothing of the check passes."""
    aws.answers[operation] = DENIED
    lines = lines_of(named(check), deployed(aws))
    service, _, action = operation.partition(".")
    of_api = service == "execute-api"
    permission = f"execute-api:Invoke on {action}" if of_api else f"{IAM.get(service, service)}:{action}"
    assert [line.level for line in lines] == [Level.WARN]
    assert lines[0].found == f"not checked: your credentials lack {permission}"
    assert permission in lines[0].do


def test_operators_may_read_what_the_checks_of_a_gate_read() -> None:
    """By the policy that `batchgate iam operators` prints; who calls everybody may ask."""
    statements: Any = peoples_policy(FOUND, People.OPERATOR)["Statement"]
    allowed = {action for statement in statements for action in statement["Action"]}
    asked = {operation.partition(".")[::2] for _, operation in GATE_CALLS} - {("sts", "GetCallerIdentity")}
    asked = {each for each in asked if each[0] != "execute-api"}  # whose permissions are the API's
    assert {f"{IAM.get(service, service)}:{action}" for service, action in asked} <= allowed


@pytest.mark.parametrize("answer", [b"", b"{}", HTML, b'{"Stacks": 7}', b"[]", Refusal("SomethingElse")])
@pytest.mark.parametrize(("check", "operation"), GATE_CALLS)
def test_an_answer_that_is_none_is_never_a_pass(check: str, operation: str, answer: Answer, aws: AwsAnswers) -> None:
    """No crash either: a warning, or a failure where the emptiness says something."""
    aws.answers[operation] = answer
    lines = lines_of(named(check), deployed(aws))
    assert worst(lines) in (Level.WARN, Level.FAIL), lines


# --- What warns and what fails --------------------------------------------------------------------------

OTHER_VERSION = policy_file.load_text(SHADOW)
LONG_AGO = timedelta(days=22)

SCENARIOS: list[tuple[str, dict[str, Answer], Level, str]] = [
    ("stack", {"cloudformation.DescribeStacks": described("UPDATE_ROLLBACK_COMPLETE")}, Level.WARN, "failed"),
    ("stack", {"cloudformation.DescribeStacks": described("UPDATE_IN_PROGRESS")}, Level.WARN, "UPDATE_IN_PROGRESS"),
    ("stack", {"cloudformation.DescribeStacks": described("ROLLBACK_COMPLETE")}, Level.FAIL, "ROLLBACK_COMPLETE"),
    ("stack", {"cloudformation.DescribeStacks": described("UPDATE_ROLLBACK_FAILED")}, Level.FAIL, "_FAILED"),
    ("stack", {"cloudformation.DescribeStacks": described("DELETE_COMPLETE")}, Level.FAIL, "DELETE_COMPLETE"),
    (
        "functions",
        {"lambda.GetFunctionConfiguration": {"State": "Failed", "StateReason": "no role"}},
        Level.FAIL,
        "job_event is Failed",
    ),
    (
        "functions",
        {"lambda.GetFunctionConfiguration": {"State": "Active", "LastUpdateStatus": "Failed"}},
        Level.FAIL,
        "its last update Failed",
    ),
    ("functions", {"lambda.GetFunctionConfiguration": {"State": "Pending"}}, Level.WARN, "job_event is Pending"),
    ("rules", {"eventbridge.ListRuleNamesByTarget": {"RuleNames": []}}, Level.FAIL, "no rule of job events"),
    ("rules", {"eventbridge.DescribeRule": {"State": "DISABLED"}}, Level.FAIL, "is disabled"),
    ("rules", {"lambda.ListEventSourceMappings": {"EventSourceMappings": []}}, Level.FAIL, "no mapping"),
    (
        "rules",
        {"lambda.ListEventSourceMappings": {"EventSourceMappings": [{"UUID": "u", "State": "Disabled"}]}},
        Level.FAIL,
        "Disabled",
    ),
    ("trail", {"cloudtrail.DescribeTrails": {"trailList": []}}, Level.WARN, f"no trail in {REGION}"),
    (
        "trail",
        {"cloudtrail.DescribeTrails": {"trailList": [TRAIL | {"IsMultiRegionTrail": False}]}},
        Level.WARN,
        f"no trail in {REGION}",
    ),
    ("trail", {"cloudtrail.GetTrailStatus": {"IsLogging": False}}, Level.WARN, "all-events is not logging"),
    (
        "trail",
        {"cloudtrail.GetEventSelectors": {"EventSelectors": [{"ReadWriteType": "ReadOnly"}]}},
        Level.WARN,
        "no write management events",
    ),
    (
        "trail",
        {"cloudtrail.GetEventSelectors": {"EventSelectors": [{"IncludeManagementEvents": False}]}},
        Level.WARN,
        "no write management events",
    ),
    (
        "trail",
        {
            "cloudtrail.GetEventSelectors": {
                "AdvancedEventSelectors": [
                    {
                        "FieldSelectors": [
                            {"Field": "eventCategory", "Equals": ["Management"]},
                            {"Field": "eventSource", "NotEquals": ["s3.amazonaws.com"]},
                        ]
                    },
                    {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]},
                    {
                        "FieldSelectors": [
                            {"Field": "eventCategory", "Equals": ["Management"]},
                            {"Field": "readOnly", "Equals": ["true"]},
                        ]
                    },
                ]
            }
        },
        Level.WARN,
        "no write management events",
    ),
    ("roles", {"iam.SimulatePrincipalPolicy": simulated("implicitDeny")}, Level.FAIL, "no policy of the role allows"),
    ("roles", {"iam.SimulatePrincipalPolicy": simulated("explicitDeny")}, Level.FAIL, "a policy denies it"),
    (
        "roles",
        {
            "iam.SimulatePrincipalPolicy": simulated(
                "implicitDeny", OrganizationsDecisionDetail={"AllowedByOrganizations": False}
            )
        },
        Level.FAIL,
        "a policy of the organization",
    ),
    (
        "roles",
        {
            "iam.SimulatePrincipalPolicy": simulated(
                "implicitDeny", PermissionsBoundaryDecisionDetail={"AllowedByPermissionsBoundary": False}
            )
        },
        Level.FAIL,
        "permissions boundary",
    ),
    ("subscribers", {"sns.ListSubscriptionsByTopic": {"Subscriptions": []}}, Level.WARN, "the topic has no subscriber"),
    (
        "subscribers",
        {
            "sns.ListSubscriptionsByTopic": {
                "Subscriptions": [{"SubscriptionArn": "PendingConfirmation", "Endpoint": "lake@example.com"}]
            }
        },
        Level.WARN,
        "not confirmed yet: lake@example.com",
    ),
    (
        "last sweep",
        status(last_sweep=iso(NOW - timedelta(minutes=9))),
        Level.WARN,
        "9 min ago, though one is started every 1 min",
    ),
    ("last sweep", status(last_sweep=iso(NOW - timedelta(hours=5))), Level.FAIL, "5 h 0 min ago"),
    ("last sweep", status(last_sweep=iso(NOW + timedelta(hours=5))), Level.WARN, "in the future by this machine's"),
    ("last sweep", status(last_sweep_errors=7), Level.WARN, "with errors (7)"),
    ("last sweep", status(last_sweep=None, warning="the gate is not working"), Level.FAIL, "none is recorded"),
    ("last sweep", status(last_sweep=None), Level.WARN, "none is recorded"),
    (
        "policies",
        {"appconfigdata.GetLatestConfiguration": configuration(OTHER_VERSION.canonical_json)},
        Level.WARN,
        f"the stack deployed {POLICY.policies.version}",
    ),
    ("policies", {"appconfigdata.GetLatestConfiguration": configuration(b"{}")}, Level.FAIL, "no job is decided"),
    ("policies", {"appconfigdata.GetLatestConfiguration": configuration(b"")}, Level.FAIL, "no job is decided"),
    (
        "policies",
        {"appconfigdata.StartConfigurationSession": Refusal("ResourceNotFoundException", 404)},
        Level.FAIL,
        "no job is decided",
    ),
    ("policies", status(problem="AppConfig: AccessDenied", problem_since=iso(NOW)), Level.FAIL, "AccessDenied"),
    (
        "paused",
        {
            "execute-api.GET /pause": {
                "paused": True,
                "by": WHO,
                "reason": "incident 4711",
                "at": iso(NOW),
                "etag": '"0"',
                "already": False,
            }
        },
        Level.WARN,
        "incident 4711",
    ),
    ("held", status(held=1, oldest_held=iso(NOW - LONG_AGO)), Level.WARN, "(22 d"),
    ("held", status(held=1, held_by_circuit_breaker=1), Level.WARN, "1 job is held,"),
    ("held", status(unreadable=1), Level.WARN, "can't be read"),
    (
        "dead letters",
        {
            "sqs.GetQueueAttributes": {
                "Attributes": {"ApproximateNumberOfMessages": "2", "ApproximateNumberOfMessagesNotVisible": "1"}
            }
        },
        Level.WARN,
        "3 unreviewed, 3 undelivered",
    ),
    ("alarms", {"cloudwatch.DescribeAlarms": {"MetricAlarms": []}}, Level.FAIL, "no alarm gate-*"),
    (
        "alarms",
        {"cloudwatch.DescribeAlarms": {"MetricAlarms": [ALARM | {"StateValue": "ALARM"}]}},
        Level.WARN,
        "paused is active",
    ),
    (
        "alarms",
        {"cloudwatch.DescribeAlarms": {"MetricAlarms": [ALARM | {"ActionsEnabled": False}]}},
        Level.WARN,
        "they send no notification",
    ),
    (
        "requester",
        {
            "appconfigdata.GetLatestConfiguration": configuration(ASKS_FOR_REQUESTERS.canonical_json),
            "iam.SimulatePrincipalPolicy": simulated("explicitDeny"),
        },
        Level.FAIL,
        "the role of sweep may not cloudtrail:LookupEvents: a policy denies it; no requester is known",
    ),
    (
        "requester",
        {
            "appconfigdata.GetLatestConfiguration": configuration(ASKS_FOR_REQUESTERS.canonical_json),
            "cloudtrail.LookupEvents": {"Events": [{"EventSource": "mediaconvert.amazonaws.com"}]},
        },
        Level.WARN,
        "CloudTrail lists no CreateJob of S3",
    ),
    (
        "settings",
        {"appconfigdata.GetLatestConfiguration": configuration(ASKS_FOR_TAGS.canonical_json)},
        Level.WARN,
        "`manifest_buckets` is empty",
    ),
    (
        "settings",
        {"appconfigdata.GetLatestConfiguration": configuration(ASKS_FOR_TAGS.canonical_json)},
        Level.HINT,
        "`untagged_answer_lacks_tags` is unknown",
    ),
    (
        "settings",
        {"appconfigdata.GetLatestConfiguration": configuration(ASKS_FOR_TAGS.canonical_json)},
        Level.HINT,
        "`suspended_date_survives` is unknown",
    ),
    ("settings", page({"block": "adoption"}), Level.HINT, "`adopt_existing`"),
]


@pytest.mark.parametrize(("check", "answers", "level", "words"), SCENARIOS)
def test_what_is_wrong_is_a_line_that_says_what_to_do(
    check: str, answers: dict[str, Answer], level: Level, words: str, aws: AwsAnswers
) -> None:
    """Each state that an operator must know of, with its level."""
    aws.answers |= answers
    lines = lines_of(named(check), deployed(aws))
    found = [line for line in lines if words in line.found]
    assert [(line.level, bool(line.do)) for line in found][:1] == [(level, True)], lines


def test_whether_requesters_can_be_looked_up_is_checked_only_if_a_policy_asks(aws: AwsAnswers) -> None:
    """A service control policy may deny CloudTrail to an account whose policies don't need it."""
    aws.answers["iam.SimulatePrincipalPolicy"] = simulated("explicitDeny")
    [line] = lines_of(named("requester"), deployed(aws))
    assert (line.level, line.found) == (Level.PASS, "no policy asks who created a job")
    aws.answers["appconfigdata.GetLatestConfiguration"] = configuration(ASKS_FOR_REQUESTERS.canonical_json)
    assert [line.level for line in lines_of(named("requester"), deployed(aws))] == [Level.FAIL, Level.FAIL]
    aws.answers["iam.SimulatePrincipalPolicy"] = simulated("allowed")
    [line] = lines_of(named("requester"), deployed(aws))
    assert (line.level, line.found) == (Level.PASS, "can be looked up in CloudTrail, which lists S3's CreateJob")


@pytest.mark.parametrize("answer", [DENIED, b"", b"{}", HTML, b'{"Events": 7}', b"[]", b'{"Events": [{}]}'])
def test_a_cloudtrail_that_can_not_be_asked_never_passes(answer: Answer, aws: AwsAnswers) -> None:
    """A warning that names the permission, if that is it; operators have it."""
    aws.answers["appconfigdata.GetLatestConfiguration"] = configuration(ASKS_FOR_REQUESTERS.canonical_json)
    aws.answers["cloudtrail.LookupEvents"] = answer
    lines = lines_of(named("requester"), deployed(aws))
    assert [line.level for line in lines] == [Level.WARN]
    assert "cloudtrail:LookupEvents" in lines[0].do or answer is not DENIED
    statements: Any = peoples_policy(FOUND, People.OPERATOR)["Statement"]
    assert "cloudtrail:LookupEvents" in {action for statement in statements for action in statement["Action"]}


def test_a_gate_of_another_version_is_noticed(aws: AwsAnswers) -> None:
    """Its ledger may hold what this command does not know."""
    other = deployed(aws)
    changed = replace(other.live.found, version="0.0.9")
    [line] = lines_of(named("stack"), dataclasses.replace(other, live=dataclasses.replace(other.live, found=changed)))
    assert (line.level, "version 0.0.9; this command is" in line.found) == (Level.WARN, True)


def test_every_section_that_a_line_points_to_exists(aws: AwsAnswers) -> None:
    """In docs/, as GitHub names headings."""
    said = []
    for check, answers, *_ in SCENARIOS:
        aws.answers = well() | answers
        said += [line.do for line in lines_of(named(check), deployed(aws))]
    pointers = set(re.findall(r"(docs/[a-z-]+\.md)(?:#([a-z-]+))?", "\n".join(said)))
    assert len(pointers) > 5
    for page, section in pointers:
        headings = re.findall(r"^#+ (.*)$", (CHECKOUT / page).read_text(), re.MULTILINE)
        assert not section or section in [heading.lower().replace(" ", "-") for heading in headings], (page, section)


def test_every_check_of_a_gate_has_been_seen_to_warn_or_fail() -> None:
    """In the table above, or in the tests of the clock and the policy files; who calls is no question."""
    elsewhere = {"credentials", "clock", "policy files", "last event"}
    assert {check for check, *_ in SCENARIOS} | elsewhere == {check.name for check in DOCTOR_CHECKS}


@pytest.mark.parametrize(
    ("ahead", "level", "words"),
    [
        (0, Level.PASS, "within"),
        (17, Level.WARN, "behind AWS's"),
        (-17, Level.WARN, "ahead of AWS's"),
        (60, Level.WARN, "behind AWS's"),
    ],
)
def test_a_clock_that_is_wrong_is_noticed(ahead: float, level: Level, words: str, aws: AwsAnswers) -> None:
    """Nothing is decided by it, and AWS refuses it when it is too far off."""
    aws.ahead = timedelta(seconds=ahead)
    for lines in (lines_of(named("clock"), deployed(aws)), preflight(aws, "clock")):
        assert [line.level for line in lines] == [level]
        assert words in lines[0].found


def test_policy_files_are_compared_with_what_is_in_force(aws: AwsAnswers, checkout: Checkout) -> None:
    """Equal, different, invalid; and outside of a checkout it says that it compared nothing."""
    files = checkout.directory / "policies" / "approval.yaml"
    levels = [lines_of(named("policy files"), deployed(aws, checkout))]
    files.write_text(SHADOW)
    levels.append(lines_of(named("policy files"), deployed(aws, checkout)))
    files.write_text("version: 7")
    levels.append(lines_of(named("policy files"), deployed(aws, checkout)))
    files.unlink()
    levels.append(lines_of(named("policy files"), deployed(aws, checkout)))
    levels.append(lines_of(named("policy files"), deployed(aws)))
    assert [line.level for lines in levels for line in lines] == [
        Level.PASS,
        Level.WARN,
        Level.WARN,
        Level.WARN,
        Level.HINT,
    ]


def test_one_trail_that_logs_suffices(aws: AwsAnswers) -> None:
    """Although the first is stopped, and another one can't be read."""
    trails = [TRAIL | {"Name": name, "TrailARN": name} for name in ("stopped", "foreign", "good")]
    aws.answers["cloudtrail.DescribeTrails"] = {"trailList": trails}
    aws.answers["cloudtrail.GetTrailStatus"] = lambda request: {"IsLogging": request["Name"] != "stopped"}
    aws.answers["cloudtrail.GetEventSelectors"] = lambda request: (
        SELECTORS if request["TrailName"] == "good" else {"EventSelectors": []}
    )
    [line] = lines_of(named("trail"), deployed(aws))
    assert (line.level, line.found[:9]) == (Level.PASS, "good logs")


def test_the_last_event_may_be_none(aws: AwsAnswers) -> None:
    """Nobody creates jobs every day."""
    aws.answers |= status(last_event=None)
    assert [(line.level, line.found) for line in lines_of(named("last event"), deployed(aws))] == [
        (Level.PASS, "none is recorded")
    ]


# --- Before the first deployment ------------------------------------------------------------------------

MISSING = Refusal("ParameterNotFound")
NO_STACK = Refusal("ValidationError", 400, "Stack with id gate does not exist")
GATE = {"Parameter": {"Name": "/batchgate/gate", "Value": json.dumps(FOUND.encode())}}


def test_an_account_that_is_ready_passes(aws: AwsAnswers) -> None:
    """Nothing deployed, all there; but the tools, which are this machine's."""
    aws.answers["ssm.GetParameter"] = lambda request: (
        MISSING if request["Name"] == "/batchgate/gate" else {"Parameter": {"Value": "21"}}
    )
    aws.answers["cloudformation.DescribeStacks"] = NO_STACK
    lines = {name: preflight(aws, name) for name in (check.name for check in PREFLIGHT_CHECKS) if name != "tools"}
    assert {name: [line.level for line in each] for name, each in lines.items()} == {
        name: [Level.PASS] for name in lines
    }


PREFLIGHT: list[tuple[str, dict[str, Answer], Level, str]] = [
    ("bootstrap", {"ssm.GetParameter": {"Parameter": {"Value": "5"}}}, Level.FAIL, "version 5"),
    ("bootstrap", {"ssm.GetParameter": {"Parameter": {"Value": "6"}}}, Level.PASS, "version 6"),
    (
        "bootstrap",
        {"ssm.GetParameter": MISSING, "cloudformation.DescribeStacks": NO_STACK},
        Level.FAIL,
        "never been bootstrapped",
    ),
    ("bootstrap", {"ssm.GetParameter": MISSING}, Level.FAIL, "another qualifier?"),
    ("bootstrap", {"ssm.GetParameter": {"Parameter": {"Value": "six"}}}, Level.WARN, "can't be read"),
    ("gate", {"ssm.GetParameter": GATE}, Level.FAIL, "the stack gate is this account's gate"),
    (
        "gate",
        {"ssm.GetParameter": MISSING, "cloudformation.DescribeStacks": described("ROLLBACK_COMPLETE")},
        Level.FAIL,
        "its first deployment failed",
    ),
    ("gate", {"ssm.GetParameter": MISSING}, Level.FAIL, "it is not a gate, or unfinished"),
    ("gate", {"ssm.GetParameter": {"Parameter": {"Value": "{"}}}, Level.WARN, "not checked"),
    (
        "concurrency",
        {
            "lambda.GetAccountSettings": {
                "AccountLimit": {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}
            }
        },
        Level.WARN,
        "the gate uses up to 7",
    ),
    (
        "concurrency",
        {
            "lambda.GetAccountSettings": {
                "AccountLimit": {"ConcurrentExecutions": 900, "UnreservedConcurrentExecutions": 6}
            }
        },
        Level.FAIL,
        "6 unreserved of 900",
    ),
    ("trail", {"cloudtrail.DescribeTrails": {"trailList": []}}, Level.WARN, "no trail"),
    ("AppConfig", {"appconfig.GetAccountSettings": {}}, Level.PASS, "protection is off"),
    ("S3 Control", {"s3-control.ListJobs": DENIED}, Level.WARN, "s3:ListJobs"),
]


@pytest.mark.parametrize(("check", "answers", "level", "words"), PREFLIGHT)
def test_what_an_account_lacks_is_a_line(
    check: str, answers: dict[str, Answer], level: Level, words: str, aws: AwsAnswers
) -> None:
    """Before the first deployment."""
    aws.answers |= answers
    lines = preflight(aws, check)
    assert [line.level for line in lines] == [level], lines
    assert words in lines[0].found


def test_settings_of_the_checkout_count_before_a_deployment(aws: AwsAnswers) -> None:
    """The trail that the stack will make, the stack's name, and how much runs at once."""
    aws.answers["cloudtrail.DescribeTrails"] = {"trailList": []}
    aws.answers["ssm.GetParameter"] = GATE
    assert [line.level for line in preflight(aws, "trail", trail=True)] == [Level.PASS]
    assert [line.level for line in preflight(aws, "gate", stack_name="gate")] == [Level.PASS]
    assert [line.level for line in preflight(aws, "concurrency", max_concurrency=1000)] == [Level.FAIL]


@pytest.mark.parametrize(
    ("programs", "level", "words"),
    [
        ({}, Level.FAIL, "Node is not installed"),
        ({"node": "v18.20.1"}, Level.FAIL, "Node is v18.20.1"),
        ({"node": "v22.1.0"}, Level.FAIL, "no cdk command in node_modules"),
        ({"node": "v22.1.0", "cdk": "2.1148.1 (build 1)"}, Level.PASS, "Node v22.1.0, cdk 2.1148.1 (build 1)"),
        ({"node": "v22.1.0", "cdk": "exit"}, Level.FAIL, "no cdk command in node_modules"),
    ],
    ids=["nothing", "old Node", "no cdk", "both", "cdk fails"],
)
def test_the_tools_of_a_deployment_are_looked_for(
    programs: dict[str, str],
    level: Level,
    words: str,
    aws: AwsAnswers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Node on the path, and the cdk command that `make setup` installs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, prints in programs.items():
        program = tmp_path / ("node_modules/.bin/cdk" if name == "cdk" else name)
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\nexit 1\n" if prints == "exit" else f"#!/bin/sh\necho '{prints}'\n")
        program.chmod(0o700)
    ANSWERED.aws = aws
    check = next(check for check in PREFLIGHT_CHECKS if check.name == "tools")
    [line] = lines_of(check, Account(AWS, WHO, ACCOUNT, REGION, Checkout(tmp_path, {})))
    assert (line.level, words in line.found) == (level, True), line
    [line] = lines_of(check, Account(AWS, WHO, ACCOUNT, REGION, None))
    assert (line.level, "in no checkout" in line.found) == (Level.WARN, True)


def test_what_is_asked_of_the_account_is_what_the_template_and_cdk_need() -> None:
    """The version of CDK's bootstrap stack, and of Node."""
    template = json.loads((CHECKOUT / "tests" / "infra" / "template.json").read_text())
    [assertion] = template["Rules"]["CheckBootstrapVersion"]["Assertions"]
    assert f"CDK bootstrap stack version {BOOTSTRAP_VERSION} required" in assertion["AssertDescription"]
    package = json.loads((CHECKOUT / "package.json").read_text())
    assert package["engines"]["node"] == f">={NODE_VERSION}"


def test_what_the_roles_are_asked_for_is_what_the_stack_grants_them(aws: AwsAnswers) -> None:
    """No action that the template does not allow them, so that a gate as deployed passes."""
    template = json.loads((CHECKOUT / "tests" / "infra" / "template.json").read_text())
    granted: dict[str, set[str]] = {"job_event": set(), "sweep": set()}
    for policy in (each["Properties"] for each in template["Resources"].values() if each["Type"] == "AWS::IAM::Policy"):
        for purpose, construct in (("job_event", "JobEventRole"), ("sweep", "SweepRole")):
            if any(construct in role["Ref"] for role in policy["Roles"]):
                for statement in policy["PolicyDocument"]["Statement"]:
                    actions = statement["Action"]
                    granted[purpose] |= {actions} if isinstance(actions, str) else {*actions}
    for purpose, allowed in granted.items():
        needed = {action for actions, _ in role_needs(deployed(aws), purpose) for action in actions}
        assert needed
        assert needed <= allowed


def preflight_calls() -> Iterator[tuple[str, str]]:
    """Every check of an account with each operation that it calls, where nothing is found by the first."""
    for check in PREFLIGHT_CHECKS:
        if check.name == "tools":
            continue
        aws = AwsAnswers(well() | {"ssm.GetParameter": MISSING}, Stopped())
        preflight(aws, check.name)
        for operation in dict.fromkeys(aws.asked):
            yield check.name, operation


@pytest.mark.parametrize("answer", [DENIED, b"", HTML, b"[]", Refusal("SomethingElse")])
@pytest.mark.parametrize(("check", "operation"), [*preflight_calls()])
def test_what_can_not_be_read_before_a_deployment_never_passes(
    check: str, operation: str, answer: Answer, aws: AwsAnswers
) -> None:
    """A warning that names the missing permission, if that is it."""
    aws.answers["ssm.GetParameter"] = MISSING
    aws.answers[operation] = answer
    lines = preflight(aws, check)
    assert [line.level for line in lines] == [Level.WARN], lines
    if answer is DENIED:
        service, _, action = operation.partition(".")
        assert f"{IAM.get(service, service)}:{action}" in lines[0].do


def test_the_status_has_only_checks_of_the_doctor() -> None:
    """So that one page explains both."""
    assert {check.name for check in STATUS_CHECKS} <= {check.name for check in DOCTOR_CHECKS}


@pytest.mark.parametrize(
    ("sweep_minutes", "ago", "level"),
    [
        (1, 6, Level.PASS),
        (1, 7, Level.WARN),
        (1, 14, Level.WARN),
        (1, 15, Level.FAIL),
        (5, 10, Level.PASS),
        (5, 11, Level.WARN),
        (5, 18, Level.WARN),
        (5, 19, Level.FAIL),
    ],
)
def test_a_sweep_is_late_by_how_often_one_is_started(sweep_minutes: int, ago: int, level: Level) -> None:
    """Every minute, or every five where the deployment is idle."""
    swept = status(last_sweep=iso(NOW - timedelta(minutes=ago, seconds=30)), sweep_minutes=sweep_minutes)
    [line] = gate_status.sweep(deployed(AwsAnswers(swept, Stopped())))
    assert line.level is level
    assert level is not Level.WARN or f"one is started every {sweep_minutes} min" in line.found


@pytest.mark.parametrize("name", ["functions", "roles", "rules", "policies", "alarms"])
def test_what_the_parameter_does_not_name_never_passes(name: str, aws: AwsAnswers) -> None:
    """A parameter of another version, or that a person edited: nothing was read, so nothing is well."""
    gate = deployed(aws)
    bare = dataclasses.replace(gate.live, found=DeployedGate(stack="another", ledger_table="gate-ledger"))
    lines = lines_of(named(name), dataclasses.replace(gate, live=bare))
    assert Level.PASS not in {line.level for line in lines}, lines
