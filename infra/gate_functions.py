"""The functions that judge jobs, each with a role and a log group of its own."""

from typing import Final, cast

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.settings import Architecture, Settings

BATCH_SIZE: Final = 10
_ARCHITECTURES: Final = {
    Architecture.ARM64: lambda_.Architecture.ARM_64,
    Architecture.X86_64: lambda_.Architecture.X86_64,
}


class GateFunctions(Construct):
    """The gate function: reviews the job of each event that the queue hands over.

    No reserved concurrency: below the event source's maximum it would throttle, and throttles dead-letter events
    that nothing is wrong with.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, code: lambda_.Code) -> None:
        super().__init__(scope, construct_id)
        log_group = logs.LogGroup(
            self,
            "JobEventLogs",
            removal_policy=RemovalPolicy.RETAIN,  # they say why jobs were approved
        )
        cast("logs.CfnLogGroup", log_group.node.default_child).retention_in_days = settings.log_retention_days
        role = iam.Role(
            self,
            "JobEventRole",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Reviews S3 Batch Operations jobs that wait for confirmation",
        )
        log_group.grant_write(role)
        self.job_event = lambda_.Function(
            self,
            "JobEvent",
            description="Reviews S3 Batch Operations jobs that wait for confirmation",
            handler="batchgate.handlers.job_event.handler",
            code=code,
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=_ARCHITECTURES[settings.architecture],
            memory_size=settings.memory_mb,
            timeout=Duration.seconds(settings.timeout_seconds),
            role=role,
            log_group=log_group,
            tracing=lambda_.Tracing.ACTIVE,
            environment={
                "POWERTOOLS_SERVICE_NAME": "batchgate",
                "POWERTOOLS_LOG_LEVEL": settings.log_level,
            },
        )
        Validations.of(role).acknowledge(
            Acknowledgment(
                id="AwsSolutions-IAM5[Resource::*]",
                reason="X-Ray's PutTraceSegments and PutTelemetryRecords, and s3:ListJobs, know no resources "
                "(Service Authorization Reference).",
            )
        )

        Validations.of(self.job_event).acknowledge(
            Acknowledgment(
                id="AwsSolutions-L1",
                reason="The pinned packages, their bytecode and all tests are for Python 3.13, which Lambda supports.",
            )
        )

    def review_events_of(self, queue: sqs.IQueue, settings: Settings) -> None:
        """Hand the queue's events to the gate function, in batches that may fail in part."""
        self.job_event.add_event_source(
            event_sources.SqsEventSource(
                queue,
                batch_size=BATCH_SIZE,
                max_concurrency=settings.max_concurrency,
                report_batch_item_failures=True,
            )
        )
