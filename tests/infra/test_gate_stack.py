"""What the stack promises about permissions, delivery, encryption and retention."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk.assertions import Annotations, Match, Template
from ruamel.yaml import YAML

from batchgate.contract import API_ROUTES, JOB_EVENT_PATTERN, SERVICE, DeployedGate, create_table_arguments
from batchgate.policy.deployed import load_deployed
from infra.gate_asset import CHECKOUT, FUNCTIONS
from infra.notices import Notices
from infra.packaging import load_policies
from infra.policy_store import PolicyStore
from infra.settings import Architecture, LogLevel, Settings, SettingsError
from tests.infra import snapshot
from tests.infra.conftest import EVERYTHING, an_app
from tests.infra.snapshot import synthesize


def in_account(service: str, rest: str, *, regional: bool = True) -> dict[str, Any]:
    """An ARN of this partition, Region and account, as the template has it."""
    start: list[Any] = ["arn:", {"Ref": "AWS::Partition"}]
    if not regional:
        return {"Fn::Join": ["", [*start, f":{service}:::{rest}"]]}
    place = [{"Ref": "AWS::Region"}, ":", {"Ref": "AWS::AccountId"}, f":{rest}"]
    return {"Fn::Join": ["", [*start, f":{service}:", *place]]}


JOBS = in_account("s3", "job/*")


@pytest.fixture(scope="session")
def template() -> Template:
    """The template of the default settings."""
    return synthesize(Settings())


def words(actions: str | list[str]) -> list[str]:
    """One action, or several, as a list."""
    return [actions] if isinstance(actions, str) else actions


def named(template: Template, kind: str, part: str) -> tuple[str, dict[str, Any]]:
    """The logical id and properties of the one resource of this kind whose logical id contains this."""
    [(name, resource)] = [(name, each) for name, each in template.find_resources(kind).items() if part in name]
    return name, resource["Properties"]


def queue_named(template: Template, part: str) -> tuple[str, dict[str, Any]]:
    """The one queue whose logical id contains this."""
    return named(template, "AWS::SQS::Queue", part)


def function_named(template: Template, part: str) -> dict[str, Any]:
    """The properties of the one function whose logical id contains this."""
    return named(template, "AWS::Lambda::Function", f"Functions{part}")[1]


def statements_of(template: Template, role_part: str) -> list[dict[str, Any]]:
    """Every statement of the one role whose logical id contains this."""
    role, _ = named(template, "AWS::IAM::Role", role_part)
    found: list[dict[str, Any]] = []
    for policy in template.find_resources("AWS::IAM::Policy").values():
        if {"Ref": role} in policy["Properties"]["Roles"]:
            found += policy["Properties"]["PolicyDocument"]["Statement"]
    return found


def allowed(template: Template, role_part: str) -> dict[str, Any]:
    """Every action that a role may do, with what it may do it on."""
    found: dict[str, Any] = {}
    for statement in statements_of(template, role_part):
        assert statement["Effect"] == "Allow"
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            assert action not in found
            found[action] = statement["Resource"]
    return found


class Things:
    """What the stack's roles may act on, as the template names it."""

    def __init__(self, template: Template) -> None:
        self.template = template
        table, _ = named(template, "AWS::DynamoDB::GlobalTable", "Ledger")
        self.table = {"Fn::GetAtt": [table, "Arn"]}
        self.open_index = {"Fn::Join": ["", [self.table, "/index/open"]]}
        self.day_index = {"Fn::Join": ["", [self.table, "/index/day"]]}
        queue, _ = queue_named(template, "Queue")
        self.queue = {"Fn::GetAtt": [queue, "Arn"]}
        topic, _ = named(template, "AWS::SNS::Topic", "Notices")
        self.topic = {"Ref": topic}
        self.bus = in_account("events", "event-bus/default")
        application, _ = named(template, "AWS::AppConfig::Application", "Policies")
        profile, _ = named(template, "AWS::AppConfig::ConfigurationProfile", "Policies")
        self.configuration = {
            "Fn::Join": [
                "",
                [
                    *("arn:", {"Ref": "AWS::Partition"}, ":appconfig:", {"Ref": "AWS::Region"}, ":"),
                    *({"Ref": "AWS::AccountId"}, ":application/", {"Ref": application}),
                    *("/environment/*/configuration/", {"Ref": profile}),
                ],
            ]
        }

        profile_of = ["/configurationprofile/", {"Ref": profile}]
        self.policies_of_the_past = [
            {
                "Fn::Join": [
                    "",
                    [
                        *("arn:", {"Ref": "AWS::Partition"}, ":appconfig:", {"Ref": "AWS::Region"}, ":"),
                        *({"Ref": "AWS::AccountId"}, ":application/", {"Ref": application}, *rest),
                    ],
                ]
            }
            for rest in ([*profile_of, "/hostedconfigurationversion/*"], profile_of, [])
        ]

    def own_log(self, function: str) -> dict[str, Any]:
        """What every function may: write its own log, and traces."""
        group, _ = named(self.template, "AWS::Logs::LogGroup", f"Functions{function}Logs")
        log = {"Fn::GetAtt": [group, "Arn"]}
        return {
            "logs:CreateLogStream": log,
            "logs:PutLogEvents": log,
            "xray:PutTraceSegments": "*",
            "xray:PutTelemetryRecords": "*",
        }

    @property
    def deciding(self) -> dict[str, Any]:
        """The permissions that deciding a job needs."""
        return {
            "s3:DescribeJob": JOBS,
            "s3:GetJobTagging": JOBS,
            "s3:UpdateJobStatus": JOBS,
            "dynamodb:GetItem": self.table,
            "dynamodb:PutItem": self.table,
            "dynamodb:BatchGetItem": self.table,
            "dynamodb:ConditionCheckItem": self.table,
            "dynamodb:UpdateItem": self.table,
            "dynamodb:DescribeTable": self.table,
            "appconfig:StartConfigurationSession": self.configuration,
            "appconfig:GetLatestConfiguration": self.configuration,
            "events:PutEvents": self.bus,
            "cloudtrail:LookupEvents": "*",
        }


@pytest.fixture(scope="session")
def things(template: Template) -> Things:
    """What the roles of the default settings may act on."""
    return Things(template)


def test_the_gate_may_do_exactly_this(template: Template, things: Things) -> None:
    """Every allowed action with what it is allowed on; one more fails here and needs a reason."""
    assert allowed(template, "JobEventRole") == things.deciding | things.own_log("JobEvent") | {
        "sqs:ReceiveMessage": things.queue,
        "sqs:DeleteMessage": things.queue,
        "sqs:GetQueueAttributes": things.queue,
    }


def test_the_sweep_may_do_exactly_this(template: Template, things: Things) -> None:
    """What deciding needs, finding jobs in S3 and in the ledger, and notifying people."""
    assert allowed(template, "SweepRole") == things.deciding | things.own_log("Sweep") | {
        "s3:ListJobs": "*",
        "dynamodb:DeleteItem": things.table,
        "dynamodb:Query": [things.day_index, things.open_index],
        "sns:GetTopicAttributes": things.topic,
        "sns:Publish": things.topic,
        "ssm:GetParameter": in_account("ssm", "parameter/batchgate/gate"),
    }


def test_the_api_may_do_exactly_this(template: Template, things: Things) -> None:
    """What deciding needs, and reading histories, what is open, what was decided, and what is deployed."""
    assert allowed(template, "FunctionsApiRole") == things.deciding | things.own_log("Api") | {
        "dynamodb:Query": [things.table, things.day_index, things.open_index],
        "ssm:GetParameter": in_account("ssm", "parameter/batchgate/gate"),
        "appconfig:GetHostedConfigurationVersion": things.policies_of_the_past,
        "appconfig:ListHostedConfigurationVersions": things.policies_of_the_past,
    }


def test_the_widget_and_the_validator_may_write_nothing(template: Template, things: Things) -> None:
    """The dashboard's widget reads what is open; the validator reads its input."""
    assert allowed(template, "HeldJobsWidgetRole") == things.own_log("HeldJobsWidget") | {
        "dynamodb:GetItem": things.table,
        "dynamodb:Query": things.open_index,
    }
    assert allowed(template, "ValidatePolicyRole") == things.own_log("ValidatePolicy")


def test_appconfig_may_read_alarms(template: Template) -> None:
    """By which it rolls a policy back; and nothing else."""
    assert allowed(template, "MonitorRole") == {"cloudwatch:DescribeAlarms": "*"}


def test_these_are_all_roles(template: Template) -> None:
    """So that the tests above see every permission that the stack grants."""
    assert len(template.find_resources("AWS::IAM::Role")) == 6


MANY_BUCKETS = Settings(
    manifest_buckets=tuple(f"{number:02}-manifests-of-one-of-the-teams-of-our-data-lake" for number in range(25)),
    manifest_keys=tuple(f"arn:aws:kms:eu-central-1:111122223333:key/{number:08}-0000" for number in range(30)),
)
"""So many that the permissions on them need a managed policy."""


@pytest.mark.parametrize("settings", [Settings(), EVERYTHING, MANY_BUCKETS])
def test_every_role_and_managed_policy_is_under_the_path_that_guard_rails_name(settings: Settings) -> None:
    """Whatever makes it; with the Region: roles are global, and a service control policy is for one Region."""
    template = synthesize(settings)
    made = {kind: template.find_resources(f"AWS::IAM::{kind}") for kind in ("Role", "ManagedPolicy")}
    path = {"Fn::Join": ["", ["/batchgate/", {"Ref": "AWS::Region"}, "/"]]}
    everything = {**made["Role"], **made["ManagedPolicy"]}
    assert [name for name, each in everything.items() if each["Properties"].get("Path") != path] == []
    assert bool(made["ManagedPolicy"]) == (settings == MANY_BUCKETS)  # or nothing here tests their path


def test_events_are_put_as_batchgates_own_alone(template: Template) -> None:
    """Others listen to S3's events on the default bus; the gate can't put events that look like S3's."""
    for role in ("JobEventRole", "SweepRole", "FunctionsApiRole"):
        [put] = [each for each in statements_of(template, role) if each["Action"] == "events:PutEvents"]
        assert put["Condition"] == {"StringEquals": {"events:source": "batchgate"}}


def test_manifests_are_asked_for_in_the_named_buckets_alone() -> None:
    """Reading them, and telling a missing one from a forbidden one."""
    template = synthesize(Settings(manifest_buckets=("audit-manifests",)))
    bucket = in_account("s3", "audit-manifests", regional=False)
    objects = in_account("s3", "audit-manifests/*", regional=False)
    for role in ("JobEventRole", "SweepRole", "FunctionsApiRole"):
        said = allowed(template, role)
        assert said["s3:GetObject"] == said["s3:GetObjectVersion"] == objects
        assert said["s3:ListBucket"] == bucket
    assert "s3:GetObject" not in allowed(template, "HeldJobsWidgetRole")


def test_no_role_has_other_permissions(template: Template) -> None:
    """Neither managed policies nor inline ones, so what the tests above see is all."""
    for role in template.find_resources("AWS::IAM::Role").values():
        assert {"ManagedPolicyArns", "Policies"}.isdisjoint(role["Properties"])


def test_the_rule_asks_for_job_events_of_s3_alone(template: Template) -> None:
    """Source, detail-type, eventSource, eventType and eventName are all pinned."""
    assert named(template, "AWS::Events::Rule", "JobEventsRule")[1]["EventPattern"] == JOB_EVENT_PATTERN
    assert JOB_EVENT_PATTERN == {
        "source": ["aws.s3"],
        "detail-type": ["AWS Service Event via CloudTrail"],
        "detail": {
            "eventSource": ["s3.amazonaws.com"],
            "eventType": ["AwsServiceEvent"],
            "eventName": ["JobCreated", "JobStatusChanged"],
        },
    }


def test_the_rule_listens_on_the_default_bus(template: Template) -> None:
    """On any other bus, others than AWS could put events that claim to be S3's."""
    assert "EventBusName" not in named(template, "AWS::Events::Rule", "JobEventsRule")[1]


def test_what_eventbridge_can_not_deliver_is_kept(template: Template) -> None:
    """The rule's one target is the queue, with dead letters of its own that EventBridge may write."""
    queue, _ = queue_named(template, "Queue")
    undelivered, _ = queue_named(template, "Undelivered")
    [target] = named(template, "AWS::Events::Rule", "JobEventsRule")[1]["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": [queue, "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [undelivered, "Arn"]}}
    for name in (queue, undelivered):
        template.has_resource_properties(
            "AWS::SQS::QueuePolicy",
            {
                "Queues": [{"Ref": name}],
                "PolicyDocument": {
                    "Statement": Match.array_with(
                        [
                            Match.object_like(
                                {
                                    "Effect": "Allow",
                                    "Principal": {"Service": "events.amazonaws.com"},
                                    "Resource": {"Fn::GetAtt": [name, "Arn"]},
                                }
                            )
                        ]
                    )
                },
            },
        )


def test_what_the_gate_fails_on_is_kept(template: Template) -> None:
    """After five tries or more an event goes to a dead-letter queue other than EventBridge's."""
    _, queue = queue_named(template, "Queue")
    unreviewed, _ = queue_named(template, "Unreviewed")
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [unreviewed, "Arn"]}
    assert queue["RedrivePolicy"]["maxReceiveCount"] >= 5


def test_dead_letters_outlast_what_is_queued(template: Template) -> None:
    """SQS counts an age from the first enqueueing: with no longer retention they could vanish on arrival."""
    _, queue = queue_named(template, "Queue")
    four_days = 4 * 24 * 3600
    for name in ("Unreviewed", "Undelivered"):
        _, dead_letters = queue_named(template, name)
        assert dead_letters["MessageRetentionPeriod"] == 14 * 24 * 3600
        assert dead_letters["MessageRetentionPeriod"] > queue.get("MessageRetentionPeriod", four_days)


@pytest.mark.parametrize("timeout_seconds", [10, 60, 900])
def test_an_event_stays_hidden_for_six_timeouts(timeout_seconds: int) -> None:
    """Whatever timeout is chosen, and within SQS's limit of twelve hours."""
    template = synthesize(Settings(timeout_seconds=timeout_seconds))
    _, queue = queue_named(template, "Queue")
    assert 6 * timeout_seconds <= queue["VisibilityTimeout"] <= 12 * 3600
    assert function_named(template, "JobEvent")["Timeout"] == timeout_seconds


def test_every_queue_is_encrypted_and_reached_by_tls_alone(template: Template) -> None:
    """SSE-SQS: EventBridge can't write through alias/aws/sqs."""
    for name, queue in template.find_resources("AWS::SQS::Queue").items():
        assert queue["Properties"]["SqsManagedSseEnabled"] is True
        assert "KmsMasterKeyId" not in queue["Properties"]
        template.has_resource_properties(
            "AWS::SQS::QueuePolicy",
            {
                "Queues": [{"Ref": name}],
                "PolicyDocument": {
                    "Statement": Match.array_with(
                        [Match.object_like({"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}})]
                    )
                },
            },
        )


def test_batches_fail_in_part_and_are_bounded_in_number(template: Template) -> None:
    """One bad event holds back no other; concurrency is bounded where it can't dead-letter healthy events."""
    _, mapping = named(template, "AWS::Lambda::EventSourceMapping", "")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"]["MaximumConcurrency"] >= 2
    assert "ReservedConcurrentExecutions" not in function_named(template, "JobEvent")


HANDLERS = {
    "JobEvent": "batchgate.handlers.job_event.handler",
    "Sweep": "batchgate.handlers.sweep.handler",
    "Api": "batchgate.handlers.api.handler",
    "HeldJobsWidget": "batchgate.handlers.held_jobs_widget.handler",
    "ValidatePolicy": "batchgate.handlers.validate_policy.handler",
}


def test_every_function_runs_what_the_asset_was_built_for(template: Template) -> None:
    """Python 3.13 on arm64, traced, each with a handler of its own, which is there."""
    assert len(template.find_resources("AWS::Lambda::Function")) == len(HANDLERS)
    for name, handler in HANDLERS.items():
        function = function_named(template, name)
        assert function["Runtime"] == "python3.13"
        assert function["Architectures"] == ["arm64"]
        assert function["TracingConfig"] == {"Mode": "Active"}
        assert function["Handler"] == handler
        assert (FUNCTIONS / Path(*handler.split(".")[:-1])).with_suffix(".py").exists()


def test_the_functions_get_what_the_stack_has_made(template: Template, things: Things) -> None:
    """The environment of those who decide is one that batchgate.aws.wiring accepts."""
    table, _ = named(template, "AWS::DynamoDB::GlobalTable", "Ledger")
    application, _ = named(template, "AWS::AppConfig::Application", "")
    profile, _ = named(template, "AWS::AppConfig::ConfigurationProfile", "")
    for name in ("JobEvent", "Sweep"):
        said = function_named(template, name)["Environment"]["Variables"]
        assert said["BATCHGATE_LEDGER_TABLE"] == {"Ref": table}
        assert said["BATCHGATE_APPCONFIG"] == {"Fn::Join": ["", [{"Ref": application}, "/enforced/", {"Ref": profile}]]}
        assert said["BATCHGATE_EVENT_BUS"] == "default"
        assert said["BATCHGATE_CIRCUIT_BREAKER"] == "20/10"
        assert said["BATCHGATE_ADOPT_EXISTING"] == "report"
        assert said["BATCHGATE_SWEEP_CALLS_PER_SECOND"] == "20"
        assert said["BATCHGATE_UNTAGGED_ANSWER_LACKS_TAGS"] == "unknown"
        assert said["POWERTOOLS_LOG_LEVEL"] == "INFO"
    assert function_named(template, "Sweep")["Environment"]["Variables"]["BATCHGATE_TOPIC_ARN"] == things.topic


def test_settings_reach_the_functions() -> None:
    """Each in the place it is for."""
    template = synthesize(
        Settings(
            architecture=Architecture.X86_64,
            log_retention_days=30,
            log_level=LogLevel.DEBUG,
            memory_mb=1024,
            sweep_timeout_seconds=120,
            adopt_existing="evaluate",
            circuit_breaker_cancellations=3,
            circuit_breaker_minutes=60,
            sweep_calls_per_second=7,
            ledger_retention_days=3653,
            chat=True,
            untagged_answer_lacks_tags="true",
            manifest_bytes_at_most=2**40,
        )
    )
    function = function_named(template, "Sweep")
    assert function["Architectures"] == ["x86_64"]
    assert function["MemorySize"] == 1024
    assert function["Timeout"] == 120
    said = function["Environment"]["Variables"]
    assert said["BATCHGATE_ADOPT_EXISTING"] == "evaluate"
    assert said["BATCHGATE_CIRCUIT_BREAKER"] == "3/60"
    assert said["BATCHGATE_SWEEP_CALLS_PER_SECOND"] == "7"
    assert said["BATCHGATE_LEDGER_RETENTION_DAYS"] == "3653"
    assert said["BATCHGATE_CHAT"] == "true"
    assert said["BATCHGATE_MANIFEST_BYTES_AT_MOST"] == str(2**40)
    assert said["BATCHGATE_UNTAGGED_ANSWER_LACKS_TAGS"] == "true"
    [parameter] = template.find_resources("AWS::SSM::Parameter").values()
    assert '"untagged_answer_lacks_tags":"true"' in json.dumps(parameter["Properties"]["Value"]).replace("\\", "")
    assert said["POWERTOOLS_LOG_LEVEL"] == "DEBUG"
    groups = template.find_resources("AWS::Logs::LogGroup")
    assert len(groups) == len(HANDLERS) + 1  # the API's access log
    for group in groups.values():
        assert group["Properties"]["RetentionInDays"] == 30
        assert (group["DeletionPolicy"], group["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    name, _ = named(template, "AWS::Logs::LogGroup", "Sweep")
    assert function["LoggingConfig"] == {"LogGroup": {"Ref": name}}


# --- The API --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [Settings(), EVERYTHING, Settings(idle=True)])
def test_every_route_takes_a_caller_whom_aws_knows(settings: Settings) -> None:
    """With IAM authorization, each; they are those of the contract, and there is none for whatever else is asked."""
    routes = [each["Properties"] for each in synthesize(settings).find_resources("AWS::ApiGatewayV2::Route").values()]
    assert {each["RouteKey"] for each in routes} == {f"{method} {path}" for method, path in API_ROUTES}
    assert {each["AuthorizationType"] for each in routes} == {"AWS_IAM"}
    assert len({json.dumps(each["Target"]) for each in routes}) == 1


def test_the_routes_are_those_of_the_description() -> None:
    """docs/openapi.yaml, which people's clients are made from."""
    described = YAML(typ="safe").load(CHECKOUT / "docs" / "openapi.yaml")["paths"]
    methods = {"get", "put", "post", "delete", "patch", "head", "options", "trace"}
    found = {(name.upper(), path) for path, each in described.items() for name in each if name in methods}
    assert found == {*API_ROUTES}


def test_no_page_of_another_origin_reads_what_the_api_answers(template: Template) -> None:
    """No CORS; the function gets payload format 2.0, in which AWS names the caller."""
    _, api = named(template, "AWS::ApiGatewayV2::Api", "People")
    assert api["ProtocolType"] == "HTTP"
    assert "CorsConfiguration" not in api
    _, integration = named(template, "AWS::ApiGatewayV2::Integration", "People")
    assert (integration["PayloadFormatVersion"], integration["IntegrationType"]) == ("2.0", "AWS_PROXY")
    assert "RequestParameters" not in integration


def test_the_api_is_throttled_and_logs_who_asked_for_what(template: Template) -> None:
    """One stage without a path. No line has the query; bodies can't be logged."""
    _, stage = named(template, "AWS::ApiGatewayV2::Stage", "People")
    assert (stage["StageName"], stage["AutoDeploy"]) == ("$default", True)
    throttled = stage["DefaultRouteSettings"]
    assert 0 < throttled["ThrottlingRateLimit"] <= throttled["ThrottlingBurstLimit"] <= 500
    group, log = named(template, "AWS::Logs::LogGroup", "PeopleAccessLogs")
    assert stage["AccessLogSettings"]["DestinationArn"] == {"Fn::GetAtt": [group, "Arn"]}
    logged = json.loads(stage["AccessLogSettings"]["Format"]).values()
    wanted = {"requestId", "routeKey", "status", "identity.userArn", "requestTime", "path"}
    assert {f"$context.{name}" for name in wanted} <= {*logged}
    assert not any("querystring" in each.lower() for each in logged)
    assert log["RetentionInDays"] == Settings().log_retention_days


def test_no_request_writes_another_caller_into_its_line_of_the_log(template: Template) -> None:
    """As if API Gateway escaped nothing: no header is in the line, and what AWS says comes after the path."""
    _, stage = named(template, "AWS::ApiGatewayV2::Stage", "People")
    form: str = stage["AccessLogSettings"]["Format"]
    assert not re.search("userAgent|header|domainName", form)
    members = json.loads(form)
    forged = "".join(f'", "{name}": "forged' for name in members if name != "path")
    assert json.loads(form.replace("$context.path", f"/jobs{forged}")) == members | {"path": "/jobs"}


def test_only_this_api_invokes_its_function(template: Template) -> None:
    """Another API of the account could name any caller. The function ends before API Gateway gives up."""
    api, _ = named(template, "AWS::ApiGatewayV2::Api", "People")
    function, _ = named(template, "AWS::Lambda::Function", "FunctionsApi")
    permissions = [each["Properties"] for each in template.find_resources("AWS::Lambda::Permission").values()]
    [may] = [each for each in permissions if each["FunctionName"] == {"Fn::GetAtt": [function, "Arn"]}]
    assert (may["Action"], may["Principal"]) == ("lambda:InvokeFunction", "apigateway.amazonaws.com")
    assert may["SourceArn"]["Fn::Join"][1][-2:] == [{"Ref": api}, "/*/*/*"]
    assert function_named(template, "Api")["Timeout"] < 30


def test_no_event_expires_before_it_is_a_dead_letter_or_as_one() -> None:
    """Whatever the settings: SQS keeps an event four days, and counts the age of a dead letter from its arrival."""
    extreme = synthesize(Settings(timeout_seconds=900, max_receive_count=50, dead_letter_days=5))
    _, queue = named(extreme, "AWS::SQS::Queue", "JobEventsQueue")
    _, unreviewed = queue_named(extreme, "Unreviewed")
    days = 24 * 3600
    kept = queue.get("MessageRetentionPeriod", 4 * days)
    assert queue["RedrivePolicy"]["maxReceiveCount"] * queue["VisibilityTimeout"] < kept
    assert kept < unreviewed["MessageRetentionPeriod"]


def test_the_sweep_is_called_every_minute_and_never_made_up_for(template: Template) -> None:
    """A call that could not be made in its minute is dropped, twice over: by the rule and by Lambda's own queue."""
    _, rule = named(template, "AWS::Events::Rule", "EveryMinute")
    assert rule["ScheduleExpression"] == "rate(1 minute)"
    assert rule["State"] == "ENABLED"
    [target] = rule["Targets"]
    sweep, _ = named(template, "AWS::Lambda::Function", "FunctionsSweep")
    assert target["Arn"] == {"Fn::GetAtt": [sweep, "Arn"]}
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}
    _, invoked = named(template, "AWS::Lambda::EventInvokeConfig", "")
    assert invoked["FunctionName"] == {"Ref": sweep}
    assert (invoked["MaximumRetryAttempts"], invoked["MaximumEventAgeInSeconds"]) == (0, 60)
    _, permission = named(template, "AWS::Lambda::Permission", "EveryMinute")
    assert permission["Principal"] == "events.amazonaws.com"
    assert "SourceArn" in permission


def test_an_idle_region_is_swept_every_five_minutes_and_has_no_dashboard_and_fewer_alarms(template: Template) -> None:
    """Its alarms are those of every other Region, as they are there, but for the one on errors of each sweep."""
    idle = synthesize(Settings(idle=True))
    assert named(idle, "AWS::Events::Rule", "EveryMinute")[1]["ScheduleExpression"] == "rate(5 minutes)"
    before, after = (each.to_json()["Resources"] for each in (template, idle))
    left_out = before.keys() - after.keys()
    assert after.keys() <= before.keys()
    assert {before[name]["Type"] for name in left_out} == {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"}
    assert len(left_out) > 4
    assert not left_out & rolling_back(template).keys()
    changed = {name for name, each in after.items() if each["Properties"] != before[name]["Properties"]}
    assert sorted(before[name]["Type"] for name in changed) == [
        "AWS::CloudWatch::Alarm",
        "AWS::Events::Rule",
        "AWS::SSM::Parameter",
    ]
    [errors] = [name for name in changed if before[name]["Type"] == "AWS::CloudWatch::Alarm"]
    assert before[errors]["Properties"]["AlarmName"] == "batchgate-gate-errors"
    assert after[errors]["Properties"] == before[errors]["Properties"] | {"Threshold": 1}
    [parameter] = idle.find_resources("AWS::SSM::Parameter").values()
    assert '"sweep_minutes":5' in json.dumps(parameter["Properties"]["Value"]).replace("\\", "")
    kept = {each["Properties"]["AlarmName"] for each in idle.find_resources("AWS::CloudWatch::Alarm").values()}
    assert {f"batchgate-{name}" for name in ("no-sweep", "gate-errors", "unreviewed-events", "held-27-days")} <= kept


# --- The ledger -----------------------------------------------------------------------------------------


def test_the_ledger_is_kept_and_can_be_brought_back(template: Template) -> None:
    """On demand, to any point in time, deleted only when its creation fails, closed decisions by TTL, not named by us.

    A failed creation could not delete a protected table; without it a deleted table can be restored for 35 days.
    """
    [table] = template.find_resources("AWS::DynamoDB::GlobalTable").values()
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    said = table["Properties"]
    [replica] = said["Replicas"]
    assert said["BillingMode"] == "PAY_PER_REQUEST"
    assert said["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert "DeletionProtectionEnabled" not in replica
    assert replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert "TableName" not in said


def test_the_ledger_has_the_keys_and_indices_of_its_one_definition(template: Template) -> None:
    """The same as what tests and the demo make by CreateTable."""
    [table] = template.find_resources("AWS::DynamoDB::GlobalTable").values()
    said, wanted = table["Properties"], create_table_arguments("any")
    assert said["KeySchema"] == wanted["KeySchema"]
    assert sorted(said["AttributeDefinitions"], key=str) == sorted(wanted["AttributeDefinitions"], key=str)
    assert said["GlobalSecondaryIndexes"] == wanted["GlobalSecondaryIndexes"]
    assert {index["Projection"]["ProjectionType"] for index in said["GlobalSecondaryIndexes"]} == {"ALL"}


def test_a_ledger_for_trials_goes_with_its_stack() -> None:
    """Where the setting says so."""
    [table] = synthesize(Settings(keep_ledger=False)).find_resources("AWS::DynamoDB::GlobalTable").values()
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Delete"


# --- Policies -------------------------------------------------------------------------------------------


def test_the_policies_in_force_are_those_of_the_settings(template: Template) -> None:
    """In the canonical form, as an AppConfig version that stays when the next one comes."""
    [version] = template.find_resources("AWS::AppConfig::HostedConfigurationVersion").values()
    assert version["Properties"]["Content"].encode() == load_policies(Settings()).canonical_json
    assert version["Properties"]["ContentType"] == "application/json"
    for kind in ("Application", "ConfigurationProfile", "HostedConfigurationVersion"):
        [kept] = template.find_resources(f"AWS::AppConfig::{kind}").values()
        assert (kept["DeletionPolicy"], kept["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def test_only_a_deployment_that_is_rolled_back_is_stopped(template: Template) -> None:
    """CloudFormation deletes a deployment by stopping it; those that it replaces, or that are in force, stay."""
    [deployment] = template.find_resources("AWS::AppConfig::Deployment").values()
    assert (deployment["DeletionPolicy"], deployment["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def test_nothing_goes_live_that_the_gate_would_refuse(template: Template) -> None:
    """AppConfig asks the validator, and may; on a condition that AppConfig does not meet, no deployment would start."""
    validator, _ = named(template, "AWS::Lambda::Function", "ValidatePolicy")
    arn = {"Fn::GetAtt": [validator, "Arn"]}
    _, profile = named(template, "AWS::AppConfig::ConfigurationProfile", "")
    assert profile["Validators"] == [{"Type": "LAMBDA", "Content": arn}]
    assert (profile["Type"], profile["LocationUri"]) == ("AWS.Freeform", "hosted")
    _, permission = named(template, "AWS::Lambda::Permission", "ValidatePolicyAppConfig")
    assert permission == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": arn,
        "Principal": "appconfig.amazonaws.com",
    }
    assert function_named(template, "ValidatePolicy")["Timeout"] <= 15


def rolling_back(template: Template) -> dict[str, dict[str, Any]]:
    """The alarms by which AppConfig rolls a policy back, by logical id."""
    _, environment = named(template, "AWS::AppConfig::Environment", "")
    ids = [monitor["AlarmArn"]["Fn::GetAtt"][0] for monitor in environment["Monitors"]]
    alarms = template.find_resources("AWS::CloudWatch::Alarm")
    return {name: alarms[name]["Properties"] for name in ids}


def test_a_policy_goes_live_at_once_and_is_rolled_back_by_alarms_that_are_ok_without_data(template: Template) -> None:
    """AppConfig is documented to roll back on INSUFFICIENT_DATA, too, so missing data must count as good."""
    for strategy in template.find_resources("AWS::AppConfig::DeploymentStrategy").values():
        said = strategy["Properties"]
        assert (said["DeploymentDurationInMinutes"], said["GrowthFactor"]) == (0, 100)
    alarms = rolling_back(template)
    assert 1 <= len(alarms) <= 5
    assert {alarm["TreatMissingData"] for alarm in alarms.values()} == {"notBreaching"}
    assert not any("Function" in json.dumps(alarm) for alarm in alarms.values())
    [deployment] = template.find_resources("AWS::AppConfig::Deployment").values()
    validator = [name for name in template.find_resources("AWS::Lambda::Function") if "ValidatePolicy" in name]
    may_ask = [name for name in template.find_resources("AWS::Lambda::Permission") if "AppConfig" in name]
    assert {*validator, *may_ask, *alarms} <= set(deployment["DependsOn"])


def test_the_alarms_that_roll_back_exist_before_everything_else(template: Template) -> None:
    """They need nothing but the topic, and the table, which takes longest, and AppConfig's application wait for them.

    So each was evaluated before the deployment starts: all that it needs comes after the table.
    """
    alarms = rolling_back(template)
    for alarm in alarms.values():
        metrics = [alarm, *(each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each)]
        for metric in metrics:
            assert metric.get("Dimensions", [{"Name": "service", "Value": SERVICE}]) == [
                {"Name": "service", "Value": SERVICE}
            ]
        topic, _ = named(template, "AWS::SNS::Topic", "")
        assert set(re.findall(r'"(?:Ref|Fn::GetAtt)": \[?"([A-Za-z0-9]+)"', json.dumps(alarm))) == {topic}
    for kind in ("AWS::DynamoDB::GlobalTable", "AWS::AppConfig::Application"):
        [waiting] = template.find_resources(kind).values()
        assert alarms.keys() <= set(waiting["DependsOn"])
    [parameter] = template.find_resources("AWS::SSM::Parameter").values()
    [table] = template.find_resources("AWS::DynamoDB::GlobalTable")
    assert table in json.dumps(parameter["Properties"])  # and the deployment waits for the parameter


def as_deployed(value: Any, known: dict[str, str]) -> Any:
    """What CloudFormation makes of a value of the template, once it knows what its resources are called."""
    if not isinstance(value, dict):
        return value
    [(function, given)] = value.items()
    if function == "Ref":
        return known[given]
    first, second = given
    if function == "Fn::Join":
        return first.join(as_deployed(each, known) for each in second)
    if function == "Fn::Split":
        return as_deployed(second, known).split(first)
    assert function == "Fn::Select"
    selected = as_deployed(second, known)[int(first)]
    assert selected  # no document says that empty text can be selected
    return selected


@pytest.mark.parametrize("version", [*range(1, 13), 21, 100, 101, 110, 111, 211, 1000])
def test_the_first_policies_of_a_stack_do_not_bake_and_all_later_ones_do(template: Template, version: int) -> None:
    """Before the first, no function decides, and the alarms were made a moment ago: they could only do harm."""
    strategies = {
        name: each["Properties"] for name, each in template.find_resources("AWS::AppConfig::DeploymentStrategy").items()
    }
    first, _ = named(template, "AWS::AppConfig::DeploymentStrategy", "First")
    [later] = strategies.keys() - {first}
    assert strategies[first]["FinalBakeTimeInMinutes"] == 0
    assert strategies[later]["FinalBakeTimeInMinutes"] == 10
    [hosted] = template.find_resources("AWS::AppConfig::HostedConfigurationVersion")
    [deployment] = template.find_resources("AWS::AppConfig::Deployment").values()
    known = {first: "1a2b3c1", later: "111aaaa", hosted: str(version)}
    chosen = as_deployed(deployment["Properties"]["DeploymentStrategyId"], known)
    assert chosen == known[first if version == 1 else later]


def test_a_stack_can_be_destroyed_where_appconfig_protects_what_was_read_lately(template: Template) -> None:
    """The account's deletion protection would keep the environment, which functions read until a moment before."""
    for kind in ("Environment", "ConfigurationProfile"):
        [protected] = template.find_resources(f"AWS::AppConfig::{kind}").values()
        assert protected["Properties"]["DeletionProtectionCheck"] == "BYPASS"


def test_nothing_begins_to_decide_before_there_are_policies(template: Template) -> None:
    """A sweep without policies fails, which would activate the alarm by which AppConfig rolls the first ones back."""
    [in_force] = template.find_resources("AWS::AppConfig::Deployment")
    rules = template.find_resources("AWS::Events::Rule")
    [sweeping] = [each for name, each in rules.items() if "EveryMinute" in name]
    [handing_over] = template.find_resources("AWS::Lambda::EventSourceMapping").values()
    assert in_force in sweeping["DependsOn"]
    assert in_force in handing_over["DependsOn"]


def test_a_second_gate_fails_before_it_has_policies(template: Template) -> None:
    """Both want the parameter of one name; what has no policies decides nothing."""
    [deployment] = template.find_resources("AWS::AppConfig::Deployment").values()
    [parameter] = template.find_resources("AWS::SSM::Parameter")
    assert parameter in deployment["DependsOn"]


def test_policies_that_no_template_can_carry_are_refused() -> None:
    """Before CloudFormation refuses them without naming the setting."""
    store = PolicyStore(Stack(an_app(), "batchgate"), "Policies", settings=Settings())
    with pytest.raises(SettingsError, match="policy_files: the policies take 1000"):
        store.deploy(b'"' * 500_000, description="", after=[])


def test_the_bake_time_is_a_setting() -> None:
    """Zero for trials, where nobody wants to wait."""
    _, strategy = named(synthesize(Settings(policy_bake_minutes=0)), "AWS::AppConfig::DeploymentStrategy", "AllAtOnce")
    assert strategy["FinalBakeTimeInMinutes"] == 0


# --- What people see ------------------------------------------------------------------------------------


def test_a_second_gate_in_the_same_place_can_not_be_deployed(template: Template) -> None:
    """The parameter has a fixed name, and says what that is for; the commands find the gate by it."""
    _, parameter = named(template, "AWS::SSM::Parameter", "Gate")
    _, with_key = named(synthesize(Settings(customer_key=True)), "AWS::SSM::Parameter", "Gate")
    assert "key_arn" in str(with_key["Value"])
    assert parameter["Name"] == "/batchgate/gate"
    assert "one enforcing gate" in parameter["Description"]
    text = "".join(
        part if isinstance(part, str) else json.dumps(part)[1:-1].replace('"', "")
        for part in parameter["Value"]["Fn::Join"][1]
    )
    assert json.loads(text).keys() == {*DeployedGate.__struct_fields__} - {"key_arn"}
    gate = DeployedGate.decode(text)
    assert gate.policy_version == load_deployed(load_policies(Settings()).canonical_json).version
    assert gate.functions.keys() == {"job_event", "sweep", "api", "held_jobs_widget", "validate_policy"}
    assert gate.roles.keys() == {"job_event", "sweep", "api"}


STACK = "a" * 128
"""The longest name."""

LONGEST = {
    "AWS::ApiGatewayV2::Api": len("https://a1b2c3d4e5.execute-api.cn-northwest-1.amazonaws.com.cn"),
    "AWS::AppConfig::Application": 7,
    "AWS::AppConfig::ConfigurationProfile": 7,
    "AWS::AppConfig::DeploymentStrategy": 7,
    "AWS::AppConfig::Environment": 7,
    "AWS::DynamoDB::GlobalTable": len(f"{STACK}-LedgerTable12345678-") + 13,
    "AWS::IAM::Role": len("arn:aws-us-gov:iam::123456789012:role/batchgate/ap-southeast-1/") + 64,
    "AWS::KMS::Key": len("arn:aws-us-gov:kms:ap-southeast-1:123456789012:key/") + 36,
    "AWS::Lambda::Function": 64,
    "AWS::SNS::Topic": len(f"arn:aws-us-gov:sns:ap-southeast-1:123456789012:{STACK}-NoticesTopic12345678-") + 13,
    "AWS::SQS::Queue": len("https://sqs.cn-northwest-1.amazonaws.com.cn/123456789012/") + 80,
}
"""Characters of what CloudFormation puts in place of a reference."""


def test_the_parameter_fits_whatever_the_settings_are() -> None:
    """A standard parameter takes 4,096 characters; a longer one would fail the deployment."""
    buckets = tuple(f"{number:02}".ljust(63, "b") for number in range(25))
    settings = Settings(stack_name=STACK, customer_key=True, manifest_buckets=buckets)
    longest = synthesize(settings)
    _, parameter = named(longest, "AWS::SSM::Parameter", "Gate")
    kinds = {name: each["Type"] for name, each in longest.to_json()["Resources"].items()}
    length = 0
    for part in parameter["Value"]["Fn::Join"][1]:
        refers = part if isinstance(part, str) else part.get("Ref") or part["Fn::GetAtt"][0]
        length += len(part) if isinstance(part, str) else LONGEST[kinds[refers]]
    assert 3000 < length <= 4096


def test_stacks_in_several_regions_do_not_share_a_dashboard(template: Template) -> None:
    """CloudWatch's dashboards belong to the account, so a second Region's stack could not make one of the same name."""
    _, dashboard = named(template, "AWS::CloudWatch::Dashboard", "")
    assert dashboard["DashboardName"] == {"Fn::Join": ["", ["batchgate-", {"Ref": "AWS::Region"}]]}


def test_every_alarm_says_what_to_do_and_reaches_people(template: Template, things: Things) -> None:
    """In at least two sentences, within CloudWatch's limit; it notifies when it becomes active and when it is over."""
    alarms = template.find_resources("AWS::CloudWatch::Alarm").values()
    for alarm in alarms:
        said = alarm["Properties"]
        assert said["AlarmDescription"].count(". ") >= 1
        assert len(said["AlarmDescription"]) <= 1024
        assert said["AlarmActions"] == said["OKActions"] == [things.topic]
        assert said["AlarmName"].startswith("batchgate-")


def test_the_ages_of_held_jobs_that_raise_an_alarm(template: Template) -> None:
    """The setting's, 21 and 27 days: S3 fails a job after 30."""
    ages = {
        alarm["Properties"]["AlarmName"]: alarm["Properties"]["Threshold"]
        for alarm in template.find_resources("AWS::CloudWatch::Alarm").values()
        if "held" in alarm["Properties"]["AlarmName"]
    }
    assert ages == {
        "batchgate-held-long": 72 * 3600,
        "batchgate-held-21-days": 21 * 86_400,
        "batchgate-held-27-days": 27 * 86_400,
    }
    _, sooner = named(synthesize(Settings(held_alarm_hours=8)), "AWS::CloudWatch::Alarm", "HeldLong")
    assert sooner["Threshold"] == 8 * 3600


def test_the_gates_metrics_are_those_that_it_counts(template: Template) -> None:
    """Whatever alarms and dashboard look at in the gate's namespace is counted somewhere in batchgate, and as named."""
    text = json.dumps(template.to_json()).replace("\\", "")
    looked_at = set(re.findall(r'"MetricName": "([A-Za-z]+)", "Namespace": "batchgate"', text))
    looked_at |= set(re.findall(r'\["batchgate","([A-Za-z]+)","service","batchgate"', text))
    assert {"Approved", "Sweeps", "OldestHeldSeconds", "PolicyLoadErrors"} <= looked_at
    code = "".join(path.read_text() for path in (FUNCTIONS / "batchgate").rglob("*.py"))
    assert {name for name in looked_at if f'"{name}"' not in code} == set()


def test_the_topic_accepts_alarms_of_this_account_and_requires_tls(template: Template, things: Things) -> None:
    """Not encrypted with `alias/aws/sns`, through which CloudWatch can't publish."""
    _, topic = named(template, "AWS::SNS::Topic", "")
    assert "KmsMasterKeyId" not in topic
    _, policy = named(template, "AWS::SNS::TopicPolicy", "")
    said = {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}
    alarms = said["AlarmsOfThisAccount"]
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert alarms["Condition"]["ArnLike"]["aws:SourceArn"] == in_account("cloudwatch", "alarm:*")
    others = [statement for sid, statement in said.items() if sid != "AlarmsOfThisAccount"]
    assert [(each["Effect"], each["Condition"]) for each in others] == [
        ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    ]
    assert template.find_resources("AWS::SNS::Subscription") == {}


def test_a_stack_that_notifies_nobody_is_warned_of() -> None:
    """When it is synthesized; with an address it is not."""
    for email, warned in ((None, 1), ("lake@example.com", 0)):
        stack = Stack(an_app(), "notices")
        Notices(stack, "Notices", settings=Settings(notify_email=email), key=None)
        found = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp(".*notify no one.*"))
        assert len(found) == warned


def test_notices_are_mailed_where_the_setting_says() -> None:
    """After the recipient has confirmed, which AWS asks for."""
    _, subscription = named(synthesize(Settings(notify_email="lake@example.com")), "AWS::SNS::Subscription", "")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "lake@example.com")


# --- A key and a trail of one's own ---------------------------------------------------------------------


def test_a_customers_key_encrypts_all_that_it_can() -> None:
    """Queues, table, topic and logs; rotated every year, and kept with what it encrypted; not if its creation fails."""
    template = synthesize(Settings(customer_key=True))
    [(name, key)] = template.find_resources("AWS::KMS::Key").items()
    arn = {"Fn::GetAtt": [name, "Arn"]}
    assert key["Properties"]["EnableKeyRotation"] is True
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    for queue in template.find_resources("AWS::SQS::Queue").values():
        assert queue["Properties"]["KmsMasterKeyId"] == arn
    assert named(template, "AWS::SNS::Topic", "")[1]["KmsMasterKeyId"] in (arn, {"Ref": name})
    for group in template.find_resources("AWS::Logs::LogGroup").values():
        assert group["Properties"]["KmsKeyId"] == arn
    _, table = named(template, "AWS::DynamoDB::GlobalTable", "")
    assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    assert table["Replicas"][0]["SSESpecification"] == {"KMSMasterKeyId": arn}


def test_with_a_customers_key_functions_may_use_it_through_its_services() -> None:
    """Those who write the table by DynamoDB, who tells people by SNS; what Lambda receives for them is decrypted."""
    template = synthesize(Settings(customer_key=True))
    uses = {
        role: {
            statement["Sid"]
            for statement in statements_of(template, f"{role}Role")
            if str(statement.get("Sid", "")).startswith("Key")
        }
        for role in HANDLERS
    }
    assert uses == {
        "JobEvent": {"KeyForTable", "KeyForQueue"},
        "Sweep": {"KeyForTable", "KeyForTopic"},
        "Api": {"KeyForTable"},
        "HeldJobsWidget": {"KeyForTable"},
        "ValidatePolicy": set(),
    }
    key, _ = named(template, "AWS::KMS::Key", "Encryption")
    wanted = {
        "KeyForTable": ("dynamodb", {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"}),
        "KeyForQueue": ("sqs", {"kms:Decrypt"}),
        "KeyForTopic": ("sns", {"kms:Decrypt", "kms:GenerateDataKey"}),
    }
    for role in HANDLERS:
        for statement in statements_of(template, f"{role}Role"):
            if not str(statement.get("Sid", "")).startswith("Key"):
                continue
            service, actions = wanted[statement["Sid"]]
            if role == "HeldJobsWidget":
                actions = actions - {"kms:Encrypt"}
            assert set(words(statement["Action"])) == actions
            assert statement["Resource"] == {"Fn::GetAtt": [key, "Arn"]}
            via = {"Fn::Join": ["", [f"{service}.", {"Ref": "AWS::Region"}, ".amazonaws.com*"]]}
            assert statement["Condition"] == {"StringLike": {"kms:ViaService": via}}


def test_a_customers_key_lets_in_who_has_to_use_it() -> None:
    """Each service's statement whole: with a condition on the source EventBridge and CloudWatch drop without a word."""
    template = synthesize(Settings(customer_key=True))
    _, key = named(template, "AWS::KMS::Key", "Encryption")
    said = {each["Sid"]: each for each in key["KeyPolicy"]["Statement"] if "Sid" in each}
    for sid, service in (("EventBridgeToQueues", "events"), ("AlarmsToTopic", "cloudwatch")):
        assert said[sid]["Principal"] == {"Service": f"{service}.amazonaws.com"}
        assert set(said[sid]["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
        assert "Condition" not in said[sid]
    logs = said["LogsOfThisAccount"]
    regional = {"Fn::Join": ["", ["logs.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}]]}
    assert logs["Principal"] == {"Service": regional}
    assert {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*"} <= set(logs["Action"])
    groups = in_account("logs", "log-group:*")
    assert logs["Condition"] == {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}}
    assert all(each["Effect"] == "Allow" and each["Resource"] == "*" for each in said.values())


@pytest.mark.parametrize("customer_key", [False, True])
def test_only_this_accounts_rule_puts_events_into_the_queue(customer_key: bool) -> None:
    """EventBridge acts for everybody who has a rule; a queue with a customer's key is no exception."""
    template = synthesize(Settings(customer_key=customer_key))
    policies = template.find_resources("AWS::SQS::QueuePolicy").values()
    statements = [each for policy in policies for each in policy["Properties"]["PolicyDocument"]["Statement"]]
    admitted = [each for each in statements if each.get("Principal") == {"Service": "events.amazonaws.com"}]
    assert admitted
    assert all("aws:Source" in json.dumps(each["Condition"]) for each in admitted)


def test_encrypted_manifests_are_asked_for_by_the_named_keys_alone() -> None:
    """HeadObject of an object that a KMS key encrypts needs the permission to decrypt with it, through S3."""
    key = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    template = synthesize(Settings(manifest_buckets=("audit-manifests",), manifest_keys=(key,)))
    for role in ("JobEventRole", "SweepRole", "FunctionsApiRole"):
        [asking] = [each for each in statements_of(template, role) if each.get("Sid") == "AskForEncryptedManifests"]
        assert (asking["Action"], asking["Resource"]) == ("kms:Decrypt", key)
        assert asking["Condition"] == {"StringLike": {"kms:ViaService": "s3.*.amazonaws.com*"}}


def test_a_trail_is_made_where_asked_for(template: Template) -> None:
    """Logging the writing management events of this Region into a bucket that is closed, encrypted and kept."""
    assert template.find_resources("AWS::CloudTrail::Trail") == {}
    made = synthesize(Settings(trail=True))
    _, trail = named(made, "AWS::CloudTrail::Trail", "")
    assert trail["IsLogging"] is True
    assert trail["EnableLogFileValidation"] is True
    assert trail["IsMultiRegionTrail"] is False
    [selector] = trail["EventSelectors"]
    assert selector == {"IncludeManagementEvents": True, "ReadWriteType": "WriteOnly"}
    [bucket] = made.find_resources("AWS::S3::Bucket").values()
    assert bucket["DeletionPolicy"] == "Retain"
    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert "BucketEncryption" in bucket["Properties"]
    _, policy = named(made, "AWS::S3::BucketPolicy", "Trail")
    statements = policy["PolicyDocument"]["Statement"]
    [closed] = [each for each in statements if each["Effect"] == "Deny"]
    assert closed["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    allowed_to = [(each["Principal"], each["Action"]) for each in statements if each["Effect"] == "Allow"]
    cloudtrail = {"Service": "cloudtrail.amazonaws.com"}
    assert allowed_to == [(cloudtrail, "s3:GetBucketAcl"), (cloudtrail, "s3:PutObject")]


# --- All of it ------------------------------------------------------------------------------------------


def test_the_template_serves_every_partition(template: Template) -> None:
    """No partition, account or Region is written out in it."""
    text = json.dumps(template.to_json()["Resources"])
    assert "arn:aws" not in text
    assert "us-east-1" not in text


def test_the_template_is_as_reviewed() -> None:
    """Nothing changes in the stack without the snapshot showing it; `make reference` writes it anew."""
    assert json.loads(snapshot.text()) == json.loads(snapshot.SNAPSHOT.read_text())


def test_policies_of_a_teams_own_repository_are_not_the_stacks(template: Template, things: Things) -> None:
    """Nothing that a deployment of the stack could put in force; sweep and API may see what was pushed, and no more."""
    pushed = synthesize(Settings(policy_owner="repository"))
    before, after = (each.to_json()["Resources"] for each in (template, pushed))
    assert sorted(before[name]["Type"] for name in before.keys() - after.keys()) == [
        "AWS::AppConfig::Deployment",
        "AWS::AppConfig::HostedConfigurationVersion",
    ]
    assert after.keys() <= before.keys()
    application = things.configuration["Fn::Join"][1][:8]
    deployments = [{"Fn::Join": ["", [*application, *rest]]} for rest in (["/environment/*"], [])]
    for role in ("SweepRole", "FunctionsApiRole"):
        more = {"appconfig:GetDeployment": deployments, "appconfig:ListDeployments": deployments}
        assert allowed(pushed, role) == allowed(template, role) | more
    assert allowed(pushed, "JobEventRole") == allowed(template, "JobEventRole")
    parameter = json.dumps(named(pushed, "AWS::SSM::Parameter", "Gate")[1]["Value"])
    assert '\\"policy_owner\\":\\"repository\\"' in parameter
    assert '\\"policy_version\\":\\"\\"' in parameter


def test_a_teams_own_policies_need_no_files(tmp_path: Path) -> None:
    """Those of the checkout are not even read."""
    missing = str(tmp_path / "missing.yaml")
    synthesize(Settings(policy_owner="repository", policy_files=(missing,)))
    with pytest.raises(SettingsError, match="policy_files"):
        synthesize(Settings(policy_files=(missing,)))


def test_whatever_decides_starts_after_what_the_policies_need() -> None:
    """Also where the stack deploys none: a second gate fails on the parameter before it reviews a job."""
    pushed = synthesize(Settings(policy_owner="repository")).to_json()["Resources"]
    [parameter] = [name for name, each in pushed.items() if each["Type"] == "AWS::SSM::Parameter"]
    starts = [
        each
        for each in pushed.values()
        if each["Type"] == "AWS::Lambda::EventSourceMapping" or "ScheduleExpression" in each.get("Properties", {})
    ]
    assert len(starts) == 2
    assert all(parameter in each["DependsOn"] for each in starts)


def test_optional_parts_add_and_change_exactly_this(template: Template) -> None:
    """What each of them looks like is asserted above; here, that they touch nothing else."""
    before, after = template.to_json(), synthesize(EVERYTHING).to_json()
    assert {part: each for part, each in before.items() if part != "Resources"} == {
        part: each for part, each in after.items() if part != "Resources"
    }
    plain, optional = before["Resources"], after["Resources"]
    assert plain.keys() <= optional.keys()
    assert sorted(optional[name]["Type"] for name in optional.keys() - plain.keys()) == [
        "AWS::CloudTrail::Trail",
        *["AWS::CloudWatch::Alarm"] * 3,  # of manifests, as what follows
        *["AWS::IAM::Policy"] * 3,
        *["AWS::IAM::Role"] * 2,
        "AWS::KMS::Key",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::Subscription",
        "AWS::StepFunctions::StateMachine",
    ]
    changed: dict[str, set[str]] = {}
    for name, resource in plain.items():
        assert resource.keys() == optional[name].keys()
        differ = {key for key in resource.keys() - {"Properties"} if resource[key] != optional[name][key]}
        properties = resource["Properties"], optional[name]["Properties"]
        differ |= {key for key in {*properties[0], *properties[1]} if properties[0].get(key) != properties[1].get(key)}
        if differ:
            changed.setdefault(resource["Type"], set()).update(differ)
    assert changed == {
        "AWS::AppConfig::Deployment": {"DependsOn"},  # on more alarms
        "AWS::CloudWatch::Dashboard": {"DashboardBody"},
        "AWS::DynamoDB::GlobalTable": {"DeletionPolicy", "Replicas", "SSESpecification", "UpdateReplacePolicy"},
        "AWS::IAM::Policy": {"PolicyDocument"},
        "AWS::Lambda::Function": {"Environment"},
        "AWS::Logs::LogGroup": {"KmsKeyId"},
        "AWS::SNS::Topic": {"KmsMasterKeyId"},
        "AWS::SQS::Queue": {"KmsMasterKeyId", "SqsManagedSseEnabled"},
        "AWS::SQS::QueuePolicy": {"PolicyDocument"},
        "AWS::SSM::Parameter": {"Value"},
    }
