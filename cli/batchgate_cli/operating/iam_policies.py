"""The policies that a team hands out around the gate: who else may decide jobs, and what deciding them takes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from batchgate.contract import GATE_PARAMETER
from batchgate.errors import GateError
from batchgate.text import shorten

Json: TypeAlias = "str | list[Json] | dict[str, Json]"
Document: TypeAlias = dict[str, Json]

SCP_CHARACTERS_AT_MOST: Final = 5120
"""Source: AWS Organizations User Guide, quotas."""

_ROLE_ARN_PARTS: Final = 6


class IamPolicyError(GateError):
    """The policy can't be written from what was given."""


@dataclass(frozen=True, slots=True)
class GateResources:
    """What is deployed in one account and Region, as far as guard rails name it.

    Attributes:
        roles: ARNs of the roles by which the gate decides.
        ledger_table: The table's name.
        queue: The name of the queue of events.
        dead_letters: The names of both dead-letter queues.
        functions: The names of the functions whose logs say what went wrong.
        application: AppConfig's application id; "" where policies are not there.
        profile: Its profile's id.
        key_arn: The customer's key; "" where there is none.
        manifest_buckets: Whose manifests policies may look at.
        parameter: The name of the SSM parameter that says all this.
    """

    partition: str
    region: str
    account_id: str
    roles: tuple[str, ...]
    ledger_table: str = ""
    queue: str = ""
    dead_letters: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    application: str = ""
    profile: str = ""
    key_arn: str = ""
    manifest_buckets: tuple[str, ...] = ()
    parameter: str = GATE_PARAMETER

    def arn(self, service: str, rest: str) -> str:
        """An ARN of this partition, Region and account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{rest}"

    @property
    def jobs(self) -> str:
        """All jobs of the account and Region."""
        return self.arn("s3", "job/*")


def service_control_policy(
    gate: GateResources, operators: Sequence[str], *, protect_tags: bool = False, taggers: Sequence[str] = ()
) -> Document:
    """What keeps everybody but the gate and the named operators from confirming or cancelling jobs that wait.

    It does not cover jobs that already run: whoever may cancel those by IAM still may. It covers the account and
    Region of the gate. *Source*: Service Authorization Reference, Amazon S3: UpdateJobStatus knows
    s3:JobSuspendedCause, and no key tells confirming from cancelling.

    Args:
        gate: Where and by which roles jobs are decided.
        operators: ARNs of the roles of the people who decide held jobs; `*` may stand in for what varies.
        protect_tags: Whether tags of jobs are to be left alone, too, as policies may rest on them.
        taggers: ARNs of the roles that may set them all the same. Creating a job with tags may take PutJobTagging.

    Raises:
        IamPolicyError: A role is not one, or the policy gets larger than Organizations takes.
    """
    deciders = [*_roles(gate.roles), *_roles(operators)]
    if not gate.roles:
        raise IamPolicyError("expected the ARN of the gate's role at least; without it no role could decide")
    statements: list[Json] = [
        {
            "Sid": "OnlyTheGateAndOperatorsDecideWaitingJobs",
            "Effect": "Deny",
            "Action": "s3:UpdateJobStatus",
            "Resource": gate.jobs,
            "Condition": {
                "StringEquals": {"s3:JobSuspendedCause": ["AWAITING_CONFIRMATION", "AwaitingConfirmation"]},
                "ArnNotLike": {"aws:PrincipalArn": list(deciders)},
            },
        }
    ]
    if protect_tags:
        tags: dict[str, Json] = {
            "Sid": "JobTagsStayAsTheyAre",
            "Effect": "Deny",
            "Action": ["s3:DeleteJobTagging", "s3:PutJobTagging"],
            "Resource": gate.jobs,
        }
        if taggers:
            tags["Condition"] = {"ArnNotLike": {"aws:PrincipalArn": list(_roles(taggers))}}
        statements.append(tags)
    document: Document = {"Version": "2012-10-17", "Statement": statements}
    characters = len(json.dumps(document, separators=(",", ":")))
    if characters > SCP_CHARACTERS_AT_MOST:
        raise IamPolicyError(
            f"the policy takes {characters} characters, and Organizations at most {SCP_CHARACTERS_AT_MOST}: "
            "name fewer roles, or several by one ARN with *"
        )
    return document


def operators_policy(gate: GateResources) -> Document:
    """What `batchgate jobs`, `pause`, `resume`, `redrive`, `status` and `doctor` take, and nothing else."""
    table = gate.arn("dynamodb", f"table/{gate.ledger_table}")
    statements: list[Json] = [
        _allow("FindTheGate", ["ssm:GetParameter"], [gate.arn("ssm", f"parameter{gate.parameter}")]),
        _allow("DecideJobs", ["s3:DescribeJob", "s3:GetJobTagging", "s3:UpdateJobStatus"], [gate.jobs]),
        _allow(
            "KeepLedger",
            [
                *("dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"),
            ],
            [table, f"{table}/index/open"],
        ),
    ]
    if gate.application:
        configuration = f"application/{gate.application}/environment/*/configuration/{gate.profile}"
        statements.append(
            _allow(
                "ReadPolicies",
                ["appconfig:GetLatestConfiguration", "appconfig:StartConfigurationSession"],
                [gate.arn("appconfig", configuration)],
            )
        )
    if gate.queue:
        statements.append(_allow("HandEventsOverAgain", ["sqs:SendMessage"], [gate.arn("sqs", gate.queue)]))
        statements.append(
            _allow(
                "TakeDeadLetters",
                [
                    *("sqs:ChangeMessageVisibility", "sqs:DeleteMessage"),
                    *("sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
                ],
                [gate.arn("sqs", name) for name in gate.dead_letters],
            )
        )
    if gate.manifest_buckets:
        buckets = [f"arn:{gate.partition}:s3:::{name}" for name in gate.manifest_buckets]
        objects = [f"{bucket}/*" for bucket in buckets]
        statements.append(_allow("AskForManifests", ["s3:GetObject", "s3:GetObjectVersion"], objects))
        statements.append(_allow("TellMissingManifests", ["s3:ListBucket"], buckets))
    if gate.key_arn:
        services = [f"{service}.{gate.region}.amazonaws.com*" for service in ("dynamodb", "sqs")]
        statements.append(
            _allow("UseKey", ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"], [gate.key_arn])
            | {"Condition": {"StringLike": {"kms:ViaService": list[Json](services)}}}
        )
    if gate.functions:
        functions = [gate.arn("lambda", f"function:{name}") for name in gate.functions]
        statements.append(_allow("FindLogs", ["lambda:GetFunctionConfiguration"], functions))
        # Log groups are named by CloudFormation after the stack, as the functions are.
        stack = _common_start(gate.functions)
        groups = [gate.arn("logs", f"log-group:{stack}*")] if stack else [gate.arn("logs", "log-group:*")]
        statements.append(_allow("ReadLogs", ["logs:FilterLogEvents"], groups))
    statements += [
        # Reading only; most of these actions support no resources (Service Authorization Reference).
        _allow("CheckTheGate", CHECKING_THE_GATE, ["*"]),
        _allow("CheckTheRoles", ["iam:SimulatePrincipalPolicy"], gate.roles),
        _allow("CheckTheTable", ["dynamodb:DescribeTable"], [table]),
    ]
    return {"Version": "2012-10-17", "Statement": statements}


CHECKING_THE_GATE: Final = (
    "cloudformation:DescribeStacks",
    *("cloudtrail:DescribeTrails", "cloudtrail:GetEventSelectors", "cloudtrail:GetTrailStatus"),
    "cloudwatch:DescribeAlarms",
    *("events:DescribeRule", "events:ListRuleNamesByTarget"),
    *("lambda:GetFunctionConfiguration", "lambda:ListEventSourceMappings"),
    "sns:ListSubscriptionsByTopic",
)
"""What `batchgate doctor` and `status` read of the services around the gate."""


def _allow(sid: str, actions: Sequence[str], resources: Sequence[str]) -> Document:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def _roles(arns: Sequence[str]) -> tuple[str, ...]:
    for arn in arns:
        parts = arn.split(":", _ROLE_ARN_PARTS - 1)
        is_role = len(parts) == _ROLE_ARN_PARTS and parts[0] == "arn" and parts[2] == "iam"
        if not is_role or not parts[5].startswith("role/"):
            raise IamPolicyError(
                f"expected the ARN of a role, as arn:aws:iam::111122223333:role/NAME, got {shorten(arn, 120)!r}; "
                "of a session (arn:aws:sts::...:assumed-role/...) the role is what policies know"
            )
    return tuple(arns)


def _common_start(names: Sequence[str]) -> str:
    """STACK- of names that CloudFormation gave; "" where they have nothing in common."""
    starts = {name.partition("-Functions")[0] for name in names}
    return f"{starts.pop()}-" if len(starts) == 1 else ""
