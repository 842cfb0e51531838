"""The policies that a team hands out around the gate: what only the gate may do, and what people ask it for."""

import json
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from os.path import commonprefix
from typing import Final, Literal, Self, TypeAlias

from batchgate.contract import (
    API_ROUTES,
    API_STAGE,
    GATE_PARAMETER,
    ROLE_PATH,
    DeployedGate,
    ProfileLocation,
)
from batchgate.errors import GateError
from batchgate.text import shorten

Json: TypeAlias = "str | list[Json] | dict[str, Json]"
Document: TypeAlias = dict[str, Json]

SCP_CHARACTERS_AT_MOST: Final = 5120
"""White space counts. *Source*: AWS Organizations User Guide, quotas; SCP syntax."""

_ARN_PARTS: Final = 6
_DECIDING: Final = ("job_event", "sweep", "api")

_CHARACTERS_LEFT_OF_A_NAME: Final = 20
"""CloudFormation shortens the stack's name where a resource's would get too long, by a rule that is not documented."""

CDK_DEPLOYERS: Final = ("cfn-exec", "deploy")
"""The roles of CDK's bootstrap stack that `cdk deploy` changes a stack by, without their prefix.

*Source*: CDK Developer Guide, customizing bootstrapping. The others publish assets and read.
"""

_CDK_QUALIFIER: Final = "hnb659fds"
"""Of every bootstrap stack that names no other. *Source*: CDK Developer Guide, customizing bootstrapping."""

_API_ID: Final = re.compile(r"https?://(?:[^/]+/_aws/execute-api/)?(?P<id>[a-z0-9]+)(?:\.execute-api\.[^/]+)?")
"""In the API's URL, as AWS writes it, and as the local AWS does."""

_READING: Final = (
    "apigateway:GET",
    *("appconfig:Get*", "appconfig:List*", "appconfig:StartConfigurationSession", "appconfig:ValidateConfiguration"),
    *("cloudformation:Describe*", "cloudformation:Detect*", "cloudformation:Get*", "cloudformation:List*"),
    *("cloudwatch:Describe*", "cloudwatch:Get*", "cloudwatch:List*"),
    *("dynamodb:Describe*", "dynamodb:Get*", "dynamodb:List*", "dynamodb:PartiQLSelect"),
    *("dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:Query", "dynamodb:Scan"),
    *("dynamodb:CreateBackup", "dynamodb:ExportTableToPointInTime", "dynamodb:StartAwsBackupJob"),
    *("events:Describe*", "events:List*"),
    *("iam:Generate*", "iam:Get*", "iam:List*", "iam:Simulate*"),
    *("lambda:Get*", "lambda:Invoke*", "lambda:List*"),
    *("logs:Describe*", "logs:FilterLogEvents", "logs:Get*", "logs:List*", "logs:StartLiveTail", "logs:StartQuery"),
    *("sns:ConfirmSubscription", "sns:Get*", "sns:List*", "sns:Subscribe"),
    *("sqs:Get*", "sqs:List*"),
    *("ssm:Describe*", "ssm:Get*", "ssm:List*"),
)
"""What leaves the gate as it is: reading, backing up the ledger, subscribing to notices, and invoking the functions,
which the dashboard does.

Whatever is not here is denied, so an action that AWS adds is denied until somebody has looked at it.
"""

_USING_A_KEY: Final = (
    *("kms:CreateGrant", "kms:Decrypt", "kms:Describe*", "kms:Encrypt"),
    *("kms:GenerateDataKey*", "kms:Get*", "kms:List*", "kms:ReEncrypt*"),
)

_WRITING: Final = (
    *("dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
    *("dynamodb:PartiQLDelete", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate"),
)
"""What the gate does to the ledger, and nobody else should."""

_TAKING: Final = ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage")
"""What the gate does to the queues, and operators to dead letters."""


_PUSHING: Final = (
    "appconfig:CreateHostedConfigurationVersion",
    "appconfig:StartDeployment",
    "appconfig:StopDeployment",
)
"""What deploys policies, and rolls them back."""


class IamPolicyError(GateError):
    """The policy can't be written from what was given."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a gate and its policies are."""

    partition: str
    region: str
    account_id: str
    policies: ProfileLocation
    api_id: str

    @classmethod
    def of(cls, gate: DeployedGate) -> Self:
        """Read from the topic's ARN, so that it is the gate's place, whatever Region the command was run for."""
        parts = gate.topic_arn.split(":")
        api = _API_ID.fullmatch(gate.api_url)
        is_written = len(parts) == _ARN_PARTS and gate.functions.keys() >= {*_DECIDING}
        if not is_written or not gate.appconfig or not api:
            raise IamPolicyError(
                f"the SSM parameter {GATE_PARAMETER} is not what a stack writes: deploy the stack again"
            )
        return cls(parts[1], parts[3], parts[4], gate.appconfig, api["id"])

    def arn(self, service: str, rest: str) -> str:
        """An ARN of this partition, Region and account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{rest}"

    def role(self, path_and_name: str) -> str:
        """The ARN of a role of this account."""
        return f"arn:{self.partition}:iam::{self.account_id}:role/{path_and_name}"

    def route(self, method: str, path: str) -> str:
        """The ARN that IAM knows a route of the API by. *Source*: API Gateway Developer Guide, execute-api."""
        return self.arn("execute-api", f"{self.api_id}/{API_STAGE}/{method}{re.sub('{[a-z]+}', '*', path)}")

    @property
    def jobs(self) -> str:
        """All jobs of the account and Region."""
        return self.arn("s3", "job/*")

    @property
    def gate_roles(self) -> str:
        """The roles of the gate; with the path, which an assumed role's session lacks and aws:PrincipalArn has.

        *Source*: IAM User Guide, global condition keys, aws:PrincipalArn: of a role's session, the role's ARN.
        """
        return self.role(f"{ROLE_PATH.strip('/')}/{self.region}/*")

    @property
    def gate_policies(self) -> str:
        """The managed policies of the gate's roles, which there are where the settings name many buckets."""
        return f"arn:{self.partition}:iam::{self.account_id}:policy{ROLE_PATH}{self.region}/*"


def service_control_policy(
    gate: DeployedGate,
    *,
    operators: Sequence[str] = (),
    deployers: Sequence[str] = (),
    cancellers: Sequence[str] = (),
    protect_tags: bool = False,
    taggers: Sequence[str] = (),
    pushers: Sequence[str] = (),
) -> Document:
    """What keeps everybody but the gate from deciding jobs, and from changing what decides them.

    It covers the account and Region of the gate. Who decides rests on nothing but who asks, so that what is unknown is
    denied. *Source*: Service Authorization Reference: which actions support which resources and condition keys.

    Args:
        gate: What is deployed. Its roles are named by their path, and its resources by the stack's name.
        operators: ARNs of the roles of the people who redrive dead letters; `*` may stand in for what varies.
        deployers: ARNs of the roles that deploy the stack; by default those that `cdk bootstrap` has made.
        cancellers: ARNs of the roles that may also cancel jobs that do not wait. They are told from waiting ones by
            the absence of s3:JobSuspendedCause, and not by its value: two spellings are known.
        protect_tags: Whether tags of jobs are to be left alone, too, as policies may rest on them.
        taggers: ARNs of the roles that may set them all the same.
        pushers: ARNs of the roles that deploy policies from a repository of their own.

    Raises:
        IamPolicyError: A role is not one, or the policy gets larger than Organizations takes.
    """
    place = _Place.of(gate)
    deciders = [place.gate_roles]
    by_cdk = [
        place.role(f"cdk-{_CDK_QUALIFIER}-{each}-role-{place.account_id}-{place.region}") for each in CDK_DEPLOYERS
    ]
    who_deploys = roles(deployers) or by_cdk
    changers = [place.gate_roles, *who_deploys]
    everything = f"{_beginning_of_names(gate)}*"
    table, queues = place.arn("dynamodb", f"table/{everything}"), place.arn("sqs", everything)
    functions = place.arn("lambda", f"function:{everything}")
    of_appconfig = [place.arn("appconfig", f"application/{place.policies.application}{part}") for part in ("", "/*")]
    statements: list[Json] = [
        _deny("OnlyGateDecidesJobs", ["s3:UpdateJobStatus"], [place.jobs], [*deciders, *roles(cancellers)])
    ]
    if cancellers:
        waits: dict[str, Json] = {"Null": {"s3:JobSuspendedCause": "false"}}
        statements.append(_deny("OnlyGateDecidesWaitingJobs", ["s3:UpdateJobStatus"], [place.jobs], deciders, waits))
    statements += [
        _deny("OnlyGateKeepsLedger", _WRITING, [table], deciders),
        _deny("OnlyGateAndOperatorsTakeEvents", _TAKING, [queues], [*deciders, *roles(operators)]),
        # Whoever invokes it says who calls. No service control policy applies to API Gateway itself.
        _deny("OnlyApiGatewayInvokesTheApi", ["lambda:Invoke*"], [place.arn("lambda", _api_function(gate))], ()),
    ]
    statements.append(
        _deny(
            "OnlyDeployersChangeGate",
            [
                *(*_READING, *_WRITING, *_TAKING),
                *(_USING_A_KEY if gate.key_arn else ()),
                *(_PUSHING if pushers else ()),
            ],
            [
                f"arn:{place.partition}:apigateway:{place.region}::/apis/{place.api_id}*",
                *of_appconfig,
                place.arn("cloudformation", f"stack/{gate.stack}/*"),
                place.arn("cloudwatch", f"alarm:{everything}"),
                table,
                place.arn("events", f"rule/{everything}"),
                place.gate_roles,
                place.gate_policies,
                functions,
                place.arn("logs", f"log-group:{everything}"),
                place.arn("sns", everything),
                queues,
                place.arn("ssm", f"parameter{GATE_PARAMETER}"),
                *([gate.key_arn] if gate.key_arn else ()),
            ],
            changers,
            element="NotAction",
        )
    )
    if pushers:
        statements.append(_deny("OnlyPushersPush", _PUSHING, of_appconfig, [*who_deploys, *roles(pushers)]))
    # The ARNs of event source mappings are random, and creating one supports no resource.
    mappings = [f"lambda:{verb}EventSourceMapping" for verb in ("Create", "Delete", "Update")]
    of_the_gate: dict[str, Json] = {"ArnLike": {"lambda:FunctionArn": functions}}
    statements.append(_deny("OnlyDeployersChangeEventSources", mappings, ["*"], changers, of_the_gate))
    if protect_tags:
        tagging = ["s3:DeleteJobTagging", "s3:PutJobTagging"]
        statements.append(_deny("ProtectJobTags", tagging, [place.jobs], roles(taggers)))
    document: Document = {"Version": "2012-10-17", "Statement": statements}
    characters = len(compact(document))
    if characters > SCP_CHARACTERS_AT_MOST:
        raise IamPolicyError(
            f"the policy takes {characters} characters, and Organizations at most {SCP_CHARACTERS_AT_MOST}: "
            "name fewer roles, or several by one ARN with *"
        )
    return document


def _api_function(gate: DeployedGate) -> str:
    """The API's function, its versions and aliases, without what CloudFormation appends to a name."""
    return f"function:{gate.functions['api'].rpartition('-')[0]}-*"


def compact(document: Document) -> str:
    """As JSON without white space, which would count."""
    return json.dumps(document, separators=(",", ":"))


class People(StrEnum):
    """What people do with the gate; each is an IAM policy."""

    VIEWER = "viewer"
    APPROVER = "approver"
    OPERATOR = "operator"


_MORE_ROUTES: Final = {
    People.VIEWER: {"GET"},
    People.APPROVER: {"GET", "POST"},
    People.OPERATOR: {"GET", "PUT", "DELETE"},
}
"""The methods of the routes that each calls. Approvers decide jobs, operators pause and resume the gate."""


def peoples_policy(gate: DeployedGate, people: People) -> Document:
    """What the commands of some people take, and nothing else: routes of the API, and for operators dead letters."""
    place = _Place.of(gate)
    statements: list[Json] = [
        _allow("FindTheGate", ["ssm:GetParameter"], [place.arn("ssm", f"parameter{GATE_PARAMETER}")]),
        _allow("CallTheApi", ["execute-api:Invoke"], _routes(place, _MORE_ROUTES[people])),
    ]
    if people is People.OPERATOR:
        statements += [*_redriving(gate, place), *_checking(gate, place)]
    return {"Version": "2012-10-17", "Statement": statements}


def pushers_policy(gate: DeployedGate) -> Document:
    """What `batchgate policy push` and `preview` take, and nothing else.

    To see what would happen they ask the gate's API, as a viewer does, and S3 which jobs wait.
    *Source*: Service Authorization Reference, AWS AppConfig and Amazon S3: which actions support which resources.
    """
    place = _Place.of(gate)
    if gate.strategies is None:
        raise IamPolicyError(f"the SSM parameter {GATE_PARAMETER} names no strategies: deploy the stack again")
    at = place.policies
    application = f"application/{at.application}"
    here = f"{application}/environment/{at.environment}"
    profile = f"{application}/configurationprofile/{at.profile}"
    strategies = [f"deploymentstrategy/{each}" for each in (gate.strategies.first, gate.strategies.later)]

    def arns(*names: str) -> list[str]:
        return [place.arn("appconfig", name) for name in names]

    following = ["appconfig:GetDeployment", "appconfig:ListDeployments", "appconfig:StopDeployment"]
    statements: list[Json] = [
        _allow("FindTheGate", ["ssm:GetParameter"], [place.arn("ssm", f"parameter{GATE_PARAMETER}")]),
        _allow("StorePolicies", ["appconfig:CreateHostedConfigurationVersion"], arns(application, profile)),
        _allow("DeployPolicies", ["appconfig:StartDeployment"], arns(application, profile, here, *strategies)),
        _allow("FollowAndRollBack", following, arns(application, here, f"{here}/deployment/*")),
        _allow("SeeWhatWouldHappen", ["execute-api:Invoke"], _routes(place, {"GET"})),
        _allow("ListJobs", ["s3:ListJobs"], ["*"]),
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def _routes(place: _Place, methods: AbstractSet[str]) -> list[str]:
    return [place.route(method, path) for method, path in API_ROUTES if method in methods]


def _redriving(gate: DeployedGate, place: _Place) -> list[Json]:
    """What `batchgate redrive` takes."""
    queue, *dead_letters = [
        place.arn("sqs", url.rpartition("/")[2]) for url in (gate.queue_url, gate.unreviewed_url, gate.undelivered_url)
    ]
    key: list[Json] = []
    if gate.key_arn:
        actions = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
        through: dict[str, Json] = {"StringLike": {"kms:ViaService": [f"sqs.{place.region}.amazonaws.com*"]}}
        key.append(_allow("UseKey", actions, [gate.key_arn]) | {"Condition": through})
    functions = [place.arn("lambda", f"function:{gate.functions[each]}") for each in _DECIDING]
    groups = place.arn("logs", f"log-group:{_beginning_of_names(gate)}*")
    return [
        *key,
        _allow("RedriveEvents", ["sqs:SendMessage"], [queue]),
        _allow(
            "TakeDeadLetters",
            [
                *("sqs:ChangeMessageVisibility", "sqs:DeleteMessage"),
                *("sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
            ],
            dead_letters,
        ),
        _allow("FindLogs", ["lambda:GetFunctionConfiguration"], functions),
        _allow("ReadLogs", ["logs:FilterLogEvents"], [groups]),
    ]


def _checking(gate: DeployedGate, place: _Place) -> list[Json]:
    """What `batchgate doctor` reads; most of these actions support no resources (Service Authorization Reference)."""
    in_force = f"application/{place.policies.application}/environment/*/configuration/{place.policies.profile}"
    return [
        _allow(
            "ReadPolicies",
            ["appconfig:GetLatestConfiguration", "appconfig:StartConfigurationSession"],
            [place.arn("appconfig", in_force)],
        ),
        _allow("CheckTheGate", CHECKING_THE_GATE, ["*"]),
        _allow("CheckTheRoles", ["iam:SimulatePrincipalPolicy"], [*gate.roles.values()]),
    ]


CHECKING_THE_GATE: Final = (
    "cloudformation:DescribeStacks",
    *("cloudtrail:DescribeTrails", "cloudtrail:GetEventSelectors", "cloudtrail:GetTrailStatus"),
    "cloudtrail:LookupEvents",
    "cloudwatch:DescribeAlarms",
    *("events:DescribeRule", "events:ListRuleNamesByTarget"),
    *("lambda:GetFunctionConfiguration", "lambda:ListEventSourceMappings"),
    "sns:ListSubscriptionsByTopic",
)
"""What `batchgate doctor` and `status` read of the services around the gate."""


def _allow(sid: str, actions: Sequence[str], resources: Sequence[str]) -> Document:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def _deny(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[str],
    spared: Sequence[str],
    conditions: Mapping[str, Json] | None = None,
    element: Literal["Action", "NotAction"] = "Action",
) -> Document:
    statement: Document = {"Sid": sid, "Effect": "Deny", element: list(actions), "Resource": list(resources)}
    who: dict[str, Json] = {"ArnNotLike": {"aws:PrincipalArn": list(spared)}} if spared else {}
    if who or conditions:
        statement["Condition"] = {**who, **(conditions or {})}
    return statement


def roles(arns: Sequence[str]) -> tuple[str, ...]:
    """ARNs of roles.

    Raises:
        IamPolicyError: One is none, or stands for every role.
    """
    for arn in arns:
        parts = arn.split(":", _ARN_PARTS - 1)
        is_role = len(parts) == _ARN_PARTS and parts[0] == "arn" and parts[2] == "iam"
        if not is_role or not parts[5].startswith("role/"):
            raise IamPolicyError(
                f"expected the ARN of a role, as arn:aws:iam::111122223333:role/NAME, got {shorten(arn, 120)!r}; "
                "of a session (arn:aws:sts::...:assumed-role/...) the role is what policies know"
            )
        if not parts[5].removeprefix("role/").strip("*?/"):
            raise IamPolicyError(f"expected a role's name, or a part of it, got every role: {shorten(arn, 120)!r}")
    return tuple(arns)


def _beginning_of_names(gate: DeployedGate) -> str:
    """What the names of the stack's resources begin with: STACK-, or what CloudFormation left of a long name.

    Raises:
        IamPolicyError: They have less in common, so that others' resources may begin with it, too.
    """
    whole = f"{gate.stack}-"
    urls = (gate.queue_url, gate.unreviewed_url, gate.undelivered_url)
    queues = (url.rpartition("/")[2] for url in urls)
    topic = gate.topic_arn.rpartition(":")[2]
    found = commonprefix([whole, gate.ledger_table, topic, *gate.functions.values(), *queues])  # noqa: RUF071 - no paths
    if len(found) < min(len(whole), _CHARACTERS_LEFT_OF_A_NAME):
        raise IamPolicyError(f"expected names that begin with {whole!r} in the SSM parameter {GATE_PARAMETER}")
    return found
