"""The stack: composes the constructs, and says what the gate may do."""

from aws_cdk import Acknowledgment, CfnOutput, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.decision_ledger import DecisionLedger
from infra.gate_functions import GateFunctions
from infra.job_events import JobEvents
from infra.packaging import gate_code
from infra.settings import Settings


class GateStack(Stack):
    """The gate of one account and Region.

    Tied to neither when synthesized, so one template serves every account, Region and partition.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, code: lambda_.Code | None = None
    ) -> None:
        """Compose the stack.

        Args:
            scope: The CDK app.
            construct_id: The stack's name.
            settings: What the deployment chose.
            code: What the functions run; None builds the asset.
        """
        super().__init__(
            scope, construct_id, description="batchgate: approves S3 Batch Operations jobs by written policies"
        )
        job_events = JobEvents(self, "JobEvents", settings=settings)
        ledger = DecisionLedger(self, "Ledger", settings=settings)
        functions = GateFunctions(
            self,
            "Functions",
            settings=settings,
            code=gate_code(self, settings) if code is None else code,
            ledger=ledger,
        )
        functions.review_events_of(job_events.queue)
        functions.sweep_every_minute()
        for function in functions.deciding:
            ledger.let_keep(function)
            self._let_decide(function)
            if settings.manifest_buckets:
                self._let_ask_for_manifests(function, settings.manifest_buckets)
        CfnOutput(self, "JobEventFunction", value=functions.job_event.function_name)
        CfnOutput(self, "SweepFunction", value=functions.sweep.function_name)
        CfnOutput(self, "LedgerTable", value=ledger.table.table_name)
        CfnOutput(self, "JobEventQueue", value=job_events.queue.queue_url)
        CfnOutput(self, "UnreviewedEvents", value=job_events.unreviewed.queue_url)
        CfnOutput(self, "UndeliveredEvents", value=job_events.undelivered.queue_url)

    def _let_decide(self, function: lambda_.Function) -> None:
        """Grant what reading and deciding a job takes.

        *Source*: Service Authorization Reference, Amazon S3: ListJobs knows no resource, the others know jobs.
        """
        jobs = self.format_arn(service="s3", resource="job", resource_name="*")
        function.add_to_role_policy(
            iam.PolicyStatement(
                sid="DecideJobs",
                actions=["s3:DescribeJob", "s3:GetJobTagging", "s3:UpdateJobStatus"],
                resources=[jobs],
            )
        )
        function.add_to_role_policy(iam.PolicyStatement(sid="FindJobs", actions=["s3:ListJobs"], resources=["*"]))
        Validations.of(function.role or function).acknowledge(
            Acknowledgment(
                id="AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:<AWS::Region>:<AWS::AccountId>:job/*]",
                reason="The gate judges every job of its account and Region, and their ids are S3's to give.",
            )
        )

    def _let_ask_for_manifests(self, function: lambda_.Function, buckets: tuple[str, ...]) -> None:
        """Grant HeadObject; with ListBucket a missing manifest is a 404 and not a 403.

        *Source*: S3 API, HeadObject, permissions.
        """
        named = [self.format_arn(service="s3", region="", account="", resource=bucket) for bucket in buckets]
        objects = [f"{arn}/*" for arn in named]
        function.add_to_role_policy(
            iam.PolicyStatement(
                sid="AskForManifests", actions=["s3:GetObject", "s3:GetObjectVersion"], resources=objects
            )
        )
        function.add_to_role_policy(
            iam.PolicyStatement(sid="TellMissingManifests", actions=["s3:ListBucket"], resources=named)
        )
        for bucket in buckets:
            Validations.of(function.role or function).acknowledge(
                Acknowledgment(
                    id=f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::{bucket}/*]",
                    reason="Where in its bucket a manifest lies is for whoever creates the job to choose.",
                )
            )
