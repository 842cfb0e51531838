"""What reads manifests that are larger than a review reads: a state machine whose steps each invoke one function."""

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from aws_cdk import Acknowledgment, ArnFormat, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from batchgate.contract import MANIFEST_READING_SECONDS, Variable
from infra.gate_functions import READ_MANIFEST_SECONDS

PARTS_AT_ONCE: Final = 50
"""How many parts are read at the same time: few enough to leave the account its concurrency."""

_MAP: Final = "parts"

_RETRY: Final = (
    {
        "ErrorEquals": ["Lambda.TooManyRequestsException"],
        "IntervalSeconds": 5,
        "BackoffRate": 2,
        "MaxDelaySeconds": 60,
        "MaxAttempts": 30,
        "JitterStrategy": "FULL",
    },
    {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 2,
        "BackoffRate": 2,
        "MaxDelaySeconds": 60,
        "MaxAttempts": 5,
        "JitterStrategy": "FULL",
    },
)
"""Every step may be made twice. *Source*: Step Functions Developer Guide, "Handling errors in workflows"."""


class ManifestReading(Construct):
    """Plan -> a Distributed Map over the parts -> combine; what fails for good ends the reading, and the execution.

    Children are standard executions: express ones end after five minutes, and one file may take longer.

    Attributes:
        machine: The state machine.
    """

    def __init__(self, scope: Construct, construct_id: str, *, function: lambda_.Function) -> None:
        super().__init__(scope, construct_id)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("states.amazonaws.com"),
            description="Reads large manifests of S3 Batch Operations jobs",
        )
        role.add_to_policy(
            iam.PolicyStatement(
                sid="ReadManifests", actions=["lambda:InvokeFunction"], resources=[function.function_arn]
            )
        )
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            comment="Reads manifests that are larger than a review reads",
            definition_body=sfn.DefinitionBody.from_string(json.dumps(definition(function.function_arn))),
            role=role,
            tracing_enabled=True,
        )
        self._grant_running_parts(role)
        Validations.of(self.machine).acknowledge(
            Acknowledgment(
                id="AwsSolutions-SF1",
                reason="Its function logs every step, and Step Functions keeps each execution's history for 90 days.",
            )
        )
        Validations.of(role).acknowledge(
            Acknowledgment(id="AwsSolutions-IAM5[Resource::*]", reason="X-Ray's actions support no resources.")
        )

    def _grant_running_parts(self, role: iam.Role) -> None:
        """Grant what a Distributed Map does with its children: a policy of its own, for it names the machine.

        *Source*: Step Functions Developer Guide, "IAM policies for using Distributed Map states".
        """
        name = self.machine.state_machine_name
        children = [
            Stack.of(self).format_arn(
                service="states",
                resource="execution",
                resource_name=f"{name}{which}",
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            )
            for which in (":*", f"/{_MAP}:*")
        ]
        policy = iam.Policy(
            self,
            "Parts",
            roles=[role],
            statements=[
                iam.PolicyStatement(
                    sid="StartParts", actions=["states:StartExecution"], resources=[self.machine.state_machine_arn]
                ),
                iam.PolicyStatement(
                    sid="FollowParts",
                    actions=["states:DescribeExecution", "states:StopExecution"],
                    resources=children,
                ),
            ],
        )
        machine = Stack.of(self).resolve(cast("sfn.CfnStateMachine", self.machine.node.default_child).logical_id)
        for which in (":*", f"/{_MAP}:*"):
            executions = "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution"
            Validations.of(policy).acknowledge(
                Acknowledgment(
                    id=f"AwsSolutions-IAM5[Resource::{executions}:<{machine}.Name>{which}]",
                    reason="Step Functions names the executions of the parts.",
                )
            )

    def start_from(self, function: lambda_.Function) -> None:
        """Have a function start executions, which it does for manifests that it can't read by itself."""
        function.add_environment(Variable.MANIFEST_MACHINE.value, self.machine.state_machine_arn)
        function.add_to_role_policy(
            iam.PolicyStatement(
                sid="HaveManifestsRead",
                actions=["states:StartExecution"],
                resources=[self.machine.state_machine_arn],
            )
        )


def definition(function_arn: str) -> dict[str, Any]:
    """The state machine in the Amazon States Language.

    The execution's input is {"request": ...}; the plan's answer is an array of part numbers below 256 KiB, and the
    parts answer with nothing.
    """
    give_up = {"error.$": "$.failure.Error"}

    def step(name: str, more: Mapping[str, str] | None = None) -> dict[str, Any]:
        return {
            "Type": "Task",
            "Resource": function_arn,
            "Parameters": {"step": name, "request.$": "$.request", **(more or {})},
            "TimeoutSeconds": READ_MANIFEST_SECONDS,
            "Retry": _RETRY,
        }

    read_part = {
        "Count": step("count", {"part.$": "$.part"}) | {"OutputPath": None, "End": True} | _else("GiveUpPart"),
        "GiveUpPart": step("give_up", give_up) | {"Next": "PartNotRead"},
        "PartNotRead": _fail("A part could not be read, whatever was tried."),
    }
    return {
        "StartAt": "Plan",
        "TimeoutSeconds": MANIFEST_READING_SECONDS,
        "States": {
            "Plan": step("plan") | {"ResultPath": "$.plan", "Next": "AnyParts"} | _else("GiveUp"),
            "AnyParts": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.plan.parts[0]", "IsPresent": True, "Next": "ReadParts"}],
                "Default": "Combine",
            },
            "ReadParts": {
                "Type": "Map",
                "Label": _MAP,
                "ItemsPath": "$.plan.parts",
                "ItemSelector": {"request.$": "$.request", "part.$": "$$.Map.Item.Value"},
                "MaxConcurrency": PARTS_AT_ONCE,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "Count",
                    "States": read_part,
                },
                "ResultPath": None,
                "Next": "Combine",
            }
            | _else("GiveUp"),
            "Combine": step("combine") | {"End": True} | _else("GiveUp"),
            "GiveUp": step("give_up", give_up) | {"Next": "NotRead"},
            "NotRead": _fail("The manifest could not be read. The log of the function ReadManifest says why."),
        },
    }


def _else(state: str) -> dict[str, Any]:
    """Go on with another state once every try has failed."""
    return {"Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": state}]}


def _fail(cause: str) -> dict[str, Any]:
    return {"Type": "Fail", "Error": "ManifestNotRead", "Cause": cause}
