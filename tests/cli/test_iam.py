"""The policies to hand out: what they deny and allow, by an evaluator of IAM's language that is not ours."""

import json
import subprocess
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result

from batchgate_cli.app import app
from batchgate_cli.local.ministack import ministack_python
from batchgate_cli.operating.iam_policies import (
    GateResources,
    IamPolicyError,
    operators_policy,
    service_control_policy,
)

ACCOUNT = "444455556666"
REGION = "eu-central-1"
GATE = f"arn:aws:iam::{ACCOUNT}:role/batchgate-FunctionsJobEventRole-X1"
SWEEP = f"arn:aws:iam::{ACCOUNT}:role/batchgate-FunctionsSweepRole-X2"
OPERATORS = f"arn:aws:iam::{ACCOUNT}:role/lake-operators"
ADMIN = f"arn:aws:iam::{ACCOUNT}:role/administrator"
JOB = f"arn:aws:s3:{REGION}:{ACCOUNT}:job/00e123a4-c0d8-41f4-a0eb-b46f9ba5b07c"
ELSEWHERE = JOB.replace(REGION, "us-east-1")
WAITING = {"s3:jobsuspendedcause": "AWAITING_CONFIRMATION"}
WAITING_AS_RECORDED = {"s3:jobsuspendedcause": "AwaitingConfirmation"}

DEPLOYED = GateResources(
    partition="aws",
    region=REGION,
    account_id=ACCOUNT,
    roles=(GATE, SWEEP),
    ledger_table="batchgate-LedgerTable-X3",
    queue="batchgate-Queue",
    dead_letters=("batchgate-Unreviewed", "batchgate-Undelivered"),
    functions=("batchgate-FunctionsJobEvent-X4", "batchgate-FunctionsSweep-X5"),
    application="app1234",
    profile="prof123",
    key_arn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k",
    manifest_buckets=("manifests",),
)

_EVALUATOR = """
import json, sys
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document
asked = json.load(sys.stdin)
everything = parse_policy_document(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)
scp = parse_policy_document(asked["policy"])
print(json.dumps([
    evaluate(
        EvalContext(each["who"], "AssumedRole", asked["account"], each["action"], each["resource"], "eu-central-1",
                    source_ip="192.0.2.1", secure_transport=True, service_context=each["context"]),
        [everything, scp],
    ).decision
    for each in asked["requests"]
]))
"""


def decisions(policy: dict[str, Any], requests: list[tuple[str, str, str, dict[str, str]]]) -> list[str]:
    """What becomes of requests (who, action, resource, condition keys) of principals that may do all, but for this."""
    asked = {
        "policy": policy,
        "account": ACCOUNT,
        "requests": [
            {"who": who, "action": action, "resource": resource, "context": context}
            for who, action, resource, context in requests
        ],
    }
    answered = subprocess.run(
        [str(ministack_python()), "-I", "-c", _EVALUATOR],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answered.returncode == 0, answered.stderr
    said: list[str] = json.loads(answered.stdout)
    return said


def test_only_the_gate_and_the_operators_decide_jobs_that_wait() -> None:
    """Nobody else, whatever IAM allows them; cancelling what runs, and other Regions, are left alone."""
    policy = service_control_policy(DEPLOYED, [OPERATORS])
    update = "s3:UpdateJobStatus"
    running: dict[str, str] = {}
    assert (
        decisions(
            policy,
            [
                (GATE, update, JOB, WAITING),
                (SWEEP, update, JOB, WAITING),
                (OPERATORS, update, JOB, WAITING),
                (ADMIN, update, JOB, WAITING),
                (ADMIN, update, JOB, WAITING_AS_RECORDED),
                (f"arn:aws:iam::{ACCOUNT}:user/lake-operators", update, JOB, WAITING),
                (f"{OPERATORS}-too", update, JOB, WAITING),
                (ADMIN, update, JOB, running),
                (ADMIN, update, ELSEWHERE, WAITING),
                (ADMIN, "s3:CreateJob", "*", running),
                (ADMIN, "s3:PutJobTagging", JOB, running),
            ],
        )
        == ["Allow"] * 3 + ["Deny"] * 4 + ["Allow"] * 4
    )


def test_tags_can_be_protected_too() -> None:
    """From everybody, the operators included, but for those who are named."""
    policy = service_control_policy(DEPLOYED, [OPERATORS], protect_tags=True)
    tag, untag = "s3:PutJobTagging", "s3:DeleteJobTagging"
    assert decisions(policy, [(ADMIN, tag, JOB, {}), (OPERATORS, untag, JOB, {})]) == ["Deny", "Deny"]
    assert decisions(policy, [(ADMIN, "s3:GetJobTagging", JOB, {})]) == ["Allow"]
    policy = service_control_policy(DEPLOYED, [OPERATORS], protect_tags=True, taggers=[ADMIN])
    assert decisions(policy, [(ADMIN, tag, JOB, {}), (OPERATORS, tag, JOB, {})]) == ["Allow", "Deny"]


@pytest.mark.parametrize(
    "operators",
    [
        ["lake-operators"],
        [f"arn:aws:sts::{ACCOUNT}:assumed-role/lake-operators/me"],
        [f"arn:aws:iam::{ACCOUNT}:user/me"],
        ["*"],
    ],
)
def test_an_operator_is_a_role(operators: list[str]) -> None:
    """A session's ARN would never match, and a star alone would let everybody through."""
    with pytest.raises(IamPolicyError, match="expected the ARN of a role"):
        service_control_policy(DEPLOYED, operators)


def test_what_organizations_would_refuse_is_refused_here() -> None:
    """5,120 characters at most."""
    with pytest.raises(IamPolicyError, match="at most 5120"):
        service_control_policy(DEPLOYED, [f"{OPERATORS}-{number}" for number in range(200)])


def simulated(local_s3: str, policy: dict[str, Any], action: str, resource: str) -> str:
    """IAM's simulation of one action on one resource."""
    iam = boto3.client(
        "iam", endpoint_url=local_s3, region_name=REGION, aws_access_key_id=ACCOUNT, aws_secret_access_key="test"
    )
    answer = iam.simulate_custom_policy(
        PolicyInputList=[json.dumps(policy)], ActionNames=[action], ResourceArns=[resource]
    )
    return str(answer["EvaluationResults"][0]["EvalDecision"])


TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/batchgate-LedgerTable-X3"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:batchgate-Unreviewed"


@pytest.mark.parametrize(
    ("action", "resource", "decision"),
    [
        ("s3:DescribeJob", JOB, "allowed"),
        ("s3:UpdateJobStatus", JOB, "allowed"),
        ("s3:UpdateJobStatus", ELSEWHERE, "implicitDeny"),
        ("s3:PutJobTagging", JOB, "implicitDeny"),
        ("s3:UpdateJobPriority", JOB, "implicitDeny"),
        ("s3:CreateJob", "*", "implicitDeny"),
        ("dynamodb:GetItem", TABLE, "allowed"),
        ("dynamodb:PutItem", TABLE, "allowed"),
        ("dynamodb:Query", f"{TABLE}/index/open", "allowed"),
        ("dynamodb:Query", TABLE, "allowed"),
        ("dynamodb:DeleteItem", TABLE, "implicitDeny"),
        ("dynamodb:DeleteTable", TABLE, "implicitDeny"),
        ("dynamodb:GetItem", TABLE + "-other", "implicitDeny"),
        ("sqs:ReceiveMessage", QUEUE, "allowed"),
        ("sqs:SendMessage", QUEUE, "implicitDeny"),
        ("sqs:SendMessage", QUEUE.replace("Unreviewed", "Queue"), "allowed"),
        ("s3:GetObject", "arn:aws:s3:::manifests/a.csv", "allowed"),
        ("s3:PutObject", "arn:aws:s3:::manifests/a.csv", "implicitDeny"),
        ("s3:GetObject", "arn:aws:s3:::others/a.csv", "implicitDeny"),
        ("sqs:PurgeQueue", QUEUE, "implicitDeny"),
        ("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/batchgate/gate", "allowed"),
        ("ssm:PutParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/batchgate/gate", "implicitDeny"),
        (
            "appconfig:GetLatestConfiguration",
            f"arn:aws:appconfig:{REGION}:{ACCOUNT}:application/app1234/environment/e/configuration/prof123",
            "allowed",
        ),
        ("appconfig:StartDeployment", "*", "implicitDeny"),
        (
            "logs:FilterLogEvents",
            f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:batchgate-FunctionsSweepLogs-X9:*",
            "allowed",
        ),
        ("logs:FilterLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:other:*", "implicitDeny"),
        ("lambda:InvokeFunction", "*", "implicitDeny"),
        ("iam:PassRole", "*", "implicitDeny"),
    ],
)
def test_operators_may_do_what_the_commands_do(local_s3: str, action: str, resource: str, decision: str) -> None:
    """On this gate's things, and no other action."""
    assert simulated(local_s3, operators_policy(DEPLOYED), action, resource) == decision


def test_a_customers_key_is_used_through_its_services_alone() -> None:
    """A ledger or a queue that it encrypts could not be worked with otherwise."""
    policy: Any = operators_policy(DEPLOYED)
    [use] = [each for each in policy["Statement"] if "kms:Decrypt" in each["Action"]]
    assert use["Resource"] == [DEPLOYED.key_arn]
    services = use["Condition"]["StringLike"]["kms:ViaService"]
    assert services == [f"dynamodb.{REGION}.amazonaws.com*", f"sqs.{REGION}.amazonaws.com*"]


# --- The command ----------------------------------------------------------------------------------------


def run(*arguments: str) -> Result:
    """Run `batchgate iam`."""
    return CliRunner().invoke(app, ["iam", *arguments], env={"COLUMNS": "200", "AWS_REGION": REGION})


@pytest.fixture
def here(local_s3: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An environment that leads to the local AWS; answers a client of its SSM."""
    for name, value in {
        "AWS_ENDPOINT_URL": local_s3,
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return boto3.client("ssm")


@pytest.fixture
def parameter(here: Any) -> Any:
    """The parameter of a deployed gate, as its stack writes it; gone after the test."""
    url = f"http://localhost/{ACCOUNT}/"
    said = {
        "stack": "batchgate",
        "ledger_table": DEPLOYED.ledger_table,
        "queue_url": url + "batchgate-Queue",
        "unreviewed_url": url + "batchgate-Unreviewed",
        "undelivered_url": url + "batchgate-Undelivered",
        "functions": {"job_event": DEPLOYED.functions[0], "sweep": DEPLOYED.functions[1], "validate_policy": "v"},
        "roles": {"job_event": GATE, "sweep": SWEEP},
        "appconfig": {"application": "app1234", "environment": "e", "profile": "prof123"},
        "topic_arn": "",
        "key_arn": DEPLOYED.key_arn,
        "manifest_buckets": ["manifests"],
    }
    here.put_parameter(Name="/batchgate/gate", Value=json.dumps(said), Type="String")
    yield said
    here.delete_parameter(Name="/batchgate/gate")


def test_both_are_printed_for_what_is_deployed(parameter: Any) -> None:
    """As JSON that can be handed to AWS as it is."""
    printed = run("scp", "--operators", OPERATORS, "--protect-tags")
    assert printed.exit_code == 0
    assert json.loads(printed.stdout) == service_control_policy(DEPLOYED, [OPERATORS], protect_tags=True)
    printed = run("operators")
    assert printed.exit_code == 0
    assert json.loads(printed.stdout) == operators_policy(DEPLOYED)


def test_roles_can_be_named_without_looking(here: Any) -> None:
    """For whoever may not read the gate's account."""
    printed = run("scp", "--role", GATE, "--role", SWEEP)
    assert printed.exit_code == 0
    assert json.loads(printed.stdout) == service_control_policy(DEPLOYED, [])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("operators",), 1, "no gate is deployed in eu-central-1"),
        (("scp", "--role", GATE, "--role", GATE.replace(ACCOUNT, "999900001111")), 1, "roles in one account"),
        (("scp", "--role", "gate"), 1, "expected"),
        (("scp", "--role", GATE, "--operators", "me"), 1, "expected the ARN of a role"),
        (("scp", "--role", GATE, "--tagger", ADMIN), 2, "--protect-tags"),
    ],
)
def test_what_can_not_be_written_is_told(here: Any, arguments: tuple[str, ...], code: int, said: str) -> None:
    """With what is missing, and nothing on standard output that somebody could attach."""
    failed = run(*arguments)
    assert (failed.exit_code, failed.stdout) == (code, "")
    assert said in failed.stderr
