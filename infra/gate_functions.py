"""The functions that evaluate jobs, each with a role and a log group of its own."""

from typing import Final, cast

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Validations
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from batchgate.contract import METRIC_NAMESPACE, SERVICE, Variable
from infra.decision_ledger import DecisionLedger
from infra.encryption import GateKey
from infra.gate_asset import PythonVersion
from infra.job_events import JobEvents
from infra.notices import Notices
from infra.policy_store import PolicyStore
from infra.settings import Architecture, Settings

BATCH_SIZE: Final = 10
VALIDATOR_SECONDS: Final = 15
"""AppConfig's own limit. *Source*: AppConfig User Guide, "Understanding validators"."""

WIDGET_SECONDS: Final = 30

READ_MANIFEST_SECONDS: Final = 900
"""The longest of Lambda's timeouts: a file of an inventory is read in one invocation, however large it is."""

READ_MANIFEST_MB: Final = 1769
"""One processor. *Source*: Lambda Developer Guide, "Configure Lambda function memory"."""

API_SECONDS: Final = 29
"""API Gateway waits for 30 seconds at most. *Source*: API Gateway quotas, HTTP APIs, maximum integration timeout."""

DECISION_BUS: Final = "default"
"""The event bus that the gate puts its decision events on; it is also AWS's own."""

_ARCHITECTURES: Final = {
    Architecture.ARM64: lambda_.Architecture.ARM_64,
    Architecture.X86_64: lambda_.Architecture.X86_64,
}


class GateFunctions(Construct):
    """The functions of the gate: three decide jobs, by events, every minute and for people; the others support them.

    No reserved concurrency: below the event source's maximum concurrency it would throttle, and throttled events end up
    in the dead-letter queue.

    Attributes:
        job_event: Reviews jobs by their events.
        sweep: Reviews jobs that are due, and jobs that no event announced.
        api: Answers the API that people decide jobs through.
        held_jobs_widget: Renders the dashboard's table of held jobs.
        read_manifest: Makes the steps by which large manifests are read; None where no manifest may be read.
        validate_policy: Called by AppConfig before a policy goes live.
    """

    def __init__(  # noqa: PLR0913 - each is a construct of its own
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        code: lambda_.Code,
        python: PythonVersion,
        key: GateKey | None,
        job_events: JobEvents,
        ledger: DecisionLedger,
        policies: PolicyStore,
        notices: Notices,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._code = code
        self._runtime = lambda_.Runtime(
            f"python{python[0]}.{python[1]}", lambda_.RuntimeFamily.PYTHON, supports_inline_code=True
        )
        self._key = key
        breaker = f"{settings.circuit_breaker_cancellations}/{settings.circuit_breaker_minutes}"
        to_decide = {
            Variable.ADOPT_EXISTING.value: settings.adopt_existing,
            Variable.SUSPENDED_DATE_SURVIVES.value: settings.suspended_date_survives_word,
            Variable.CIRCUIT_BREAKER.value: breaker,
            Variable.APPCONFIG.value: policies.location,
            Variable.EVENT_BUS.value: DECISION_BUS,
            Variable.LEDGER_RETENTION_DAYS.value: str(settings.ledger_retention_days),
            Variable.LEDGER_TABLE.value: ledger.table.table_name,
            Variable.MANIFEST_BYTES_AT_MOST.value: str(settings.manifest_bytes_at_most),
            Variable.SWEEP_CALLS_PER_SECOND.value: str(settings.sweep_calls_per_second),
            Variable.UNTAGGED_ANSWER_LACKS_TAGS.value: settings.untagged_answer_lacks_tags_word,
        }
        self.job_event = self._function(
            "JobEvent",
            "batchgate.handlers.job_event.handler",
            "Reviews S3 Batch Operations jobs that wait for confirmation",
            settings.timeout_seconds,
            to_decide,
        )
        self.sweep = self._function(
            "Sweep",
            "batchgate.handlers.sweep.handler",
            "Reviews S3 Batch Operations jobs that are due, or that no event announced",
            settings.sweep_timeout_seconds,
            to_decide
            | {
                Variable.CHAT.value: str(settings.chat).lower(),
                Variable.TOPIC_ARN.value: notices.topic.topic_arn,
            },
        )
        self.api = self._function(
            "Api",
            "batchgate.handlers.api.handler",
            "Answers the API that people decide S3 Batch Operations jobs through",
            API_SECONDS,
            to_decide,
        )
        self.held_jobs_widget = self._function(
            "HeldJobsWidget",
            "batchgate.handlers.held_jobs_widget.handler",
            "Draws the jobs that batchgate holds, for its dashboard",
            WIDGET_SECONDS,
            to_decide,
        )
        self.read_manifest = (
            self._function(
                "ReadManifest",
                "batchgate.handlers.read_manifest.handler",
                "Reads a part of a large manifest",
                READ_MANIFEST_SECONDS,
                to_decide | {Variable.QUEUE_URL.value: job_events.queue.queue_url},
                memory_mb=max(settings.memory_mb, READ_MANIFEST_MB),
            )
            if settings.manifest_buckets
            else None
        )
        self.validate_policy = self._function(
            "ValidatePolicy",
            "batchgate.handlers.validate_policy.handler",
            "Validates a policy document before AppConfig deploys it",
            VALIDATOR_SECONDS,
            {},
        )

    @property
    def deciding(self) -> tuple[lambda_.Function, ...]:
        """The functions that decide jobs."""
        return self.job_event, self.sweep, self.api

    @property
    def all(self) -> tuple[lambda_.Function, ...]:
        """Every function of the gate."""
        support = (self.held_jobs_widget, self.read_manifest, self.validate_policy)
        return *self.deciding, *(each for each in support if each is not None)

    def _function(
        self,
        name: str,
        handler: str,
        description: str,
        timeout_seconds: int,
        environment: dict[str, str],
        *,
        memory_mb: int | None = None,
    ) -> lambda_.Function:
        """A function with a role and a log group of its own."""
        log_group = logs.LogGroup(
            self,
            f"{name}Logs",
            encryption_key=self._key.key if self._key else None,
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,  # they say why jobs were approved
        )
        cast("logs.CfnLogGroup", log_group.node.default_child).retention_in_days = self._settings.log_retention_days
        role = iam.Role(
            self, f"{name}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"), description=description
        )
        log_group.grant_write(role)
        function = lambda_.Function(
            self,
            name,
            description=description,
            handler=handler,
            code=self._code,
            runtime=self._runtime,
            architecture=_ARCHITECTURES[self._settings.architecture],
            memory_size=memory_mb or self._settings.memory_mb,
            timeout=Duration.seconds(timeout_seconds),
            role=role,
            log_group=log_group,
            tracing=lambda_.Tracing.ACTIVE,
            environment=environment
            | {
                "POWERTOOLS_LOG_LEVEL": self._settings.log_level,
                "POWERTOOLS_METRICS_NAMESPACE": METRIC_NAMESPACE,
                "POWERTOOLS_SERVICE_NAME": SERVICE,
            },
        )
        Validations.of(role).acknowledge(
            Acknowledgment(
                id="AwsSolutions-IAM5[Resource::*]",
                reason="X-Ray's PutTraceSegments and PutTelemetryRecords, s3:ListJobs and cloudtrail:LookupEvents "
                "support no resources (Service Authorization Reference).",
            )
        )
        Validations.of(function).acknowledge(
            Acknowledgment(
                id="AwsSolutions-L1",
                reason="The pinned packages, their bytecode and all tests are for Python 3.13, which Lambda supports.",
            )
        )
        return function

    def subscribe_to(self, queue: sqs.IQueue) -> Construct:
        """Invoke the gate function with the queue's events, in batches that may fail in part; returns the event source.

        *Source* of the permissions: Lambda Developer Guide, "Using Lambda with Amazon SQS", execution role permissions.
        """
        self.job_event.add_to_role_policy(
            iam.PolicyStatement(
                sid="TakeEvents",
                actions=["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
                resources=[queue.queue_arn],
            )
        )
        if self._key:
            self._key.grant_use_for_queue(self.job_event)
        return self.job_event.add_event_source_mapping(
            "JobEvents",
            event_source_arn=queue.queue_arn,
            batch_size=BATCH_SIZE,
            max_concurrency=self._settings.max_concurrency,
            report_batch_item_failures=True,
        )

    def grant_asking_for_reviews(self, queue: sqs.IQueue, function: lambda_.Function) -> None:
        """Grant a function that may ask for the review of a job by a message, as an event does."""
        function.add_to_role_policy(
            iam.PolicyStatement(sid="HaveJobsReviewed", actions=["sqs:SendMessage"], resources=[queue.queue_arn])
        )
        if self._key:
            self._key.grant_sending_to_queue(function)

    def schedule_sweep(self) -> Construct:
        """Invoke the sweep every minute, or every five minutes where idle; returns the rule.

        An invocation that fails is not retried: the next one follows soon.
        """
        rule = events.Rule(
            self,
            "EveryMinute",
            description="Sweeps the S3 Batch Operations jobs that are due, or that no event announced",
            schedule=events.Schedule.rate(Duration.minutes(self._settings.sweep_minutes)),
        )
        rule.add_target(targets.LambdaFunction(self.sweep, retry_attempts=0, max_event_age=Duration.seconds(60)))
        self.sweep.configure_async_invoke(retry_attempts=0, max_event_age=Duration.seconds(60))
        return rule
