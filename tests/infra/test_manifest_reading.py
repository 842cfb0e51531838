"""What reads large manifests: which steps there are, whatever fails, and what its roles may do."""

import json
from typing import Any

import msgspec
import pytest
from aws_cdk.assertions import Template

from batchgate.gate.manifest_reading import PARTS_AT_MOST, ReadingRequest
from batchgate.jobs.named_manifest import NamedManifest
from infra.manifest_reading import definition
from infra.settings import Settings
from tests.infra.snapshot import synthesize
from tests.infra.test_gate_stack import allowed, function_named, in_account, named, statements_of

FUNCTION = "arn:aws:lambda:eu-central-1:111122223333:function:read-manifest"
PAYLOAD_AT_MOST = 256 * 1024
"""Bytes. *Source*: Step Functions Developer Guide, service quotas, maximum input or output size."""


@pytest.fixture(scope="module")
def template() -> Template:
    """With manifests that may be read."""
    return synthesize(Settings(manifest_buckets=("audit-manifests",), manifest_bytes_at_most=2**40))


def states(machine: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All states, those of the parts too."""
    found = dict(machine["States"])
    for state in machine["States"].values():
        found |= state.get("ItemProcessor", {}).get("States", {})
    return found


def test_nothing_of_it_is_there_where_no_manifest_may_be_read() -> None:
    """Neither machine, nor function, nor role."""
    template = synthesize(Settings())
    assert template.find_resources("AWS::StepFunctions::StateMachine") == {}
    assert not [name for name in template.to_json()["Resources"] if "Manifest" in name]


def test_every_step_is_made_again_and_whatever_fails_for_good_is_told() -> None:
    """Each in time; and where nothing is left to try, the execution fails, which rings."""
    machine = definition(FUNCTION)
    tasks = {name: state for name, state in states(machine).items() if state["Type"] == "Task"}
    assert {state["Parameters"]["step"] for state in tasks.values()} == {"plan", "count", "combine", "give_up"}
    for name, state in states(machine).items():
        if state["Type"] == "Task":
            assert state["Retry"][-1]["ErrorEquals"] == ["States.ALL"]
            assert state["TimeoutSeconds"] * len(tasks) < machine["TimeoutSeconds"]
        if state["Type"] in ("Task", "Map") and not name.startswith("GiveUp"):
            [catcher] = state["Catch"]
            assert catcher["ErrorEquals"] == ["States.ALL"]
            gives_up = states(machine)[catcher["Next"]]
            assert gives_up["Parameters"]["step"] == "give_up"
            assert states(machine)[gives_up["Next"]]["Type"] == "Fail"


def test_what_the_steps_pass_on_fits_for_the_most_parts() -> None:
    """The numbers of the parts beside the longest request, however JSON is spaced; and the parts' answers."""
    longest = NamedManifest("b" * 63, "ü" * 512, "e" * 40, "v" * 1024, "f" * 40, ("Bucket", "Key", *["Ignore"] * 200))
    request = ReadingRequest(longest, 10**6, "arn:aws-us-gov:s3:us-gov-west-1:111122223333:job/" + "j" * 36)
    assert len(request.name) <= 80
    plan = {"request": msgspec.to_builtins(request), "plan": {"parts": [*range(PARTS_AT_MOST)]}}
    assert len(json.dumps(plan)) < PAYLOAD_AT_MOST
    assert len(json.dumps([{}] * PARTS_AT_MOST)) < PAYLOAD_AT_MOST
    reading = definition(FUNCTION)["States"]["ReadParts"]
    assert reading["ItemProcessor"]["States"]["Count"]["OutputPath"] is None
    assert reading["ResultPath"] is None


def test_the_function_may_read_manifests_and_write_about_them_alone(template: Template) -> None:
    """Its bytes are other people's: neither jobs, nor the items of jobs, nor another bucket."""
    may = allowed(template, "ReadManifestRole")
    assert may.keys() - {"xray:PutTelemetryRecords", "xray:PutTraceSegments"} == {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "sqs:SendMessage",
    }
    assert may["s3:GetObject"] == may["s3:GetObjectVersion"] == in_account("s3", "audit-manifests/*", regional=False)
    [items] = [each for each in statements_of(template, "ReadManifestRole") if each.get("Condition")]
    [keys] = items["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    assert keys["Fn::Join"][1][-1] == ":manifest:*"
    assert items["Action"] == ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]


def test_the_machine_may_run_its_steps_and_nothing_else(template: Template) -> None:
    """Its own function, its own executions."""
    may = allowed(template, "ManifestReadingRole")
    assert {action for action in may if not action.startswith("xray:")} == {
        "lambda:InvokeFunction",
        "states:DescribeExecution",
        "states:StartExecution",
        "states:StopExecution",
    }
    machine, _ = named(template, "AWS::StepFunctions::StateMachine", "ManifestReading")
    assert may["states:StartExecution"] == {"Ref": machine}
    function, _ = named(template, "AWS::Lambda::Function", "ReadManifest")
    assert may["lambda:InvokeFunction"] == {"Fn::GetAtt": [function, "Arn"]}


def test_those_that_decide_start_it(template: Template) -> None:
    """They know it, how much may be read, and may start nothing else."""
    machine, _ = named(template, "AWS::StepFunctions::StateMachine", "ManifestReading")
    for name in ("JobEvent", "Sweep", "Api"):
        variables = function_named(template, name)["Environment"]["Variables"]
        assert variables["BATCHGATE_MANIFEST_MACHINE"] == {"Ref": machine}
        assert variables["BATCHGATE_MANIFEST_BYTES_AT_MOST"] == str(2**40)
        assert allowed(template, f"Functions{name}Role")["states:StartExecution"] == {"Ref": machine}
    reads = function_named(template, "ReadManifest")
    queue, _ = named(template, "AWS::SQS::Queue", "JobEventsQueue")
    assert reads["Environment"]["Variables"]["BATCHGATE_QUEUE_URL"] == {"Ref": queue}
    assert "BATCHGATE_MANIFEST_MACHINE" not in reads["Environment"]["Variables"]


def test_with_a_customers_key_it_may_send_to_the_queue_and_use_the_table() -> None:
    """Both are encrypted with it."""
    template = synthesize(Settings(manifest_buckets=("audit-manifests",), customer_key=True))
    keyed = {
        each["Sid"]: each
        for each in statements_of(template, "ReadManifestRole")
        if each.get("Sid", "").startswith("Key")
    }
    assert keyed.keys() == {"KeyForQueue", "KeyForTable"}
    assert set(keyed["KeyForQueue"]["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
