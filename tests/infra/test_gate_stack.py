"""What the stack promises of rights, delivery, encryption and retention."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Match, Template

from infra.event_pattern import EVENT_PATTERN
from infra.gate_stack import GateStack
from infra.settings import Architecture, Settings

JOBS = {
    "Fn::Join": [
        "",
        ["arn:", {"Ref": "AWS::Partition"}, ":s3:", {"Ref": "AWS::Region"}, ":", {"Ref": "AWS::AccountId"}, ":job/*"],
    ]
}


@pytest.fixture(scope="session")
def template() -> Template:
    """The template of the default settings."""
    return synthesize(Settings())


def synthesize(settings: Settings) -> Template:
    """The template of these settings; the asset has tests of its own, so something stands in for it."""
    code = lambda_.Code.from_inline("stands in for the asset")
    return Template.from_stack(GateStack(App(), settings.stack_name, settings=settings, code=code))


def only(template: Template, kind: str) -> dict[str, Any]:
    """The properties of the one resource of this kind."""
    [resource] = template.find_resources(kind).values()
    properties: dict[str, Any] = resource["Properties"]
    return properties


def queue_named(template: Template, part: str) -> tuple[str, dict[str, Any]]:
    """The one queue whose logical id contains this."""
    [(name, resource)] = [
        (name, queue) for name, queue in template.find_resources("AWS::SQS::Queue").items() if part in name
    ]
    return name, resource["Properties"]


def test_the_gate_may_do_exactly_this(template: Template) -> None:
    """Every allowed action with what it is allowed on; one more fails here and needs a reason."""
    logs = list(template.find_resources("AWS::Logs::LogGroup"))
    allowed: dict[str, object] = {}
    for policy in template.find_resources("AWS::IAM::Policy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            actions = statement["Action"]
            for action in [actions] if isinstance(actions, str) else actions:
                assert action not in allowed
                allowed[action] = statement["Resource"]
    queue, _ = queue_named(template, "Queue")
    on_queue = {"Fn::GetAtt": [queue, "Arn"]}
    on_logs = {"Fn::GetAtt": [logs[0], "Arn"]}
    assert allowed == {
        "s3:DescribeJob": JOBS,
        "s3:GetJobTagging": JOBS,
        "s3:UpdateJobStatus": JOBS,
        "s3:ListJobs": "*",
        "sqs:ReceiveMessage": on_queue,
        "sqs:ChangeMessageVisibility": on_queue,
        "sqs:DeleteMessage": on_queue,
        "sqs:GetQueueUrl": on_queue,
        "sqs:GetQueueAttributes": on_queue,
        "logs:CreateLogStream": on_logs,
        "logs:PutLogEvents": on_logs,
        "xray:PutTraceSegments": "*",
        "xray:PutTelemetryRecords": "*",
    }


def test_manifests_are_asked_for_in_the_named_buckets_alone() -> None:
    """Reading them, and telling a missing one from a forbidden one."""
    template = synthesize(Settings(manifest_buckets=("audit-manifests",)))
    bucket = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::audit-manifests"]]}
    objects = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::audit-manifests/*"]]}
    [policy] = [
        resource["Properties"]["PolicyDocument"]["Statement"]
        for resource in template.find_resources("AWS::IAM::Policy").values()
    ]
    said = {statement.get("Sid"): statement for statement in policy}
    assert said["AskForManifests"]["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]
    assert said["AskForManifests"]["Resource"] == objects
    assert said["TellMissingManifests"]["Action"] == "s3:ListBucket"
    assert said["TellMissingManifests"]["Resource"] == bucket


def test_no_role_has_rights_from_elsewhere(template: Template) -> None:
    """Neither managed policies nor inline ones, so what the test above sees is all."""
    for role in template.find_resources("AWS::IAM::Role").values():
        assert {"ManagedPolicyArns", "Policies"}.isdisjoint(role["Properties"])


def test_the_rule_asks_for_job_events_of_s3_alone(template: Template) -> None:
    """Source, detail-type, eventSource, eventType and eventName are all pinned."""
    assert only(template, "AWS::Events::Rule")["EventPattern"] == EVENT_PATTERN
    assert EVENT_PATTERN == {
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
    assert "EventBusName" not in only(template, "AWS::Events::Rule")


def test_what_eventbridge_can_not_deliver_is_kept(template: Template) -> None:
    """The rule's one target is the queue, with dead letters of its own that EventBridge may write."""
    queue, _ = queue_named(template, "Queue")
    undelivered, _ = queue_named(template, "Undelivered")
    [target] = only(template, "AWS::Events::Rule")["Targets"]
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
    """Whatever timeout is chosen, and within what SQS takes (twelve hours)."""
    template = synthesize(Settings(timeout_seconds=timeout_seconds))
    _, queue = queue_named(template, "Queue")
    assert 6 * timeout_seconds <= queue["VisibilityTimeout"] <= 12 * 3600
    assert only(template, "AWS::Lambda::Function")["Timeout"] == timeout_seconds


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
    mapping = only(template, "AWS::Lambda::EventSourceMapping")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"]["MaximumConcurrency"] >= 2
    assert "ReservedConcurrentExecutions" not in only(template, "AWS::Lambda::Function")


def test_the_function_runs_what_the_asset_was_built_for(template: Template) -> None:
    """Python 3.13 on arm64, traced, with the handler that the queue's events are for."""
    function = only(template, "AWS::Lambda::Function")
    assert function["Runtime"] == "python3.13"
    assert function["Architectures"] == ["arm64"]
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert function["Handler"] == "batchgate.handlers.job_event.handler"


def test_the_architecture_is_a_setting() -> None:
    """x86_64 where arm64 isn't offered."""
    template = synthesize(Settings(architecture=Architecture.X86_64))
    assert only(template, "AWS::Lambda::Function")["Architectures"] == ["x86_64"]


def test_logs_are_kept_for_the_days_chosen() -> None:
    """In the function's own group, which outlives the stack."""
    template = synthesize(Settings(log_retention_days=30))
    [(name, group)] = template.find_resources("AWS::Logs::LogGroup").items()
    assert group["Properties"]["RetentionInDays"] == 30
    assert group["DeletionPolicy"] == group["UpdateReplacePolicy"] == "Retain"
    assert only(template, "AWS::Lambda::Function")["LoggingConfig"] == {"LogGroup": {"Ref": name}}


def test_the_template_serves_every_partition(template: Template) -> None:
    """No partition, account or Region is written out in it."""
    text = json.dumps(template.to_json()["Resources"])
    assert "arn:aws" not in text
    assert "us-east-1" not in text


def test_the_template_is_as_reviewed(template: Template) -> None:
    """Nothing changes in the stack without this file showing it; delete it and run again to accept a change."""
    reviewed = Path(__file__).with_name("template.json")
    text = json.dumps(template.to_json(), indent=1, sort_keys=True) + "\n"
    if not reviewed.exists():
        reviewed.write_text(text)
        pytest.fail(f"{reviewed.name} was missing and is written now: read it, then run again")
    assert json.loads(text) == json.loads(reviewed.read_text())
