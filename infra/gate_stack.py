"""The stack: composes the constructs and grants the functions their permissions."""

from datetime import UTC, datetime

import jsii
from aws_cdk import Acknowledgment, Annotations, Aspects, CfnOutput, IAspect, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_ssm as ssm
from constructs import Construct, IConstruct
from msgspec import UNSET
from msgspec.structs import replace

from batchgate import __version__
from batchgate.contract import GATE_PARAMETER, ROLE_PATH, SERVICE, DeployedGate
from batchgate.policy.deployed import load_deployed
from infra.decision_ledger import DecisionLedger
from infra.encryption import GateKey
from infra.gate_asset import LAMBDA_PYTHON, PythonVersion
from infra.gate_functions import DECISION_BUS, GateFunctions
from infra.in_force import DESCRIPTION, UnknownInForceError, deployment_description
from infra.job_events import JobEvents
from infra.manifest_reading import ManifestReading
from infra.monitoring import Monitoring
from infra.notices import Notices
from infra.packaging import check_policies, gate_code, load_policies
from infra.people_api import PeopleApi
from infra.policy_store import PolicyStore
from infra.settings import Settings
from infra.trail import JobEventTrail


@jsii.implements(IAspect)
class _PathOfRoles:
    """Puts roles and managed policies under one path; CDK makes managed policies of long ones when it synthesizes.

    Both are global, and a service control policy is of one Region, so the path has the Region.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def visit(self, node: IConstruct) -> None:
        """Set the path of a role or managed policy."""
        if isinstance(node, iam.CfnRole | iam.CfnManagedPolicy):
            node.path = self._path


class GateStack(Stack):
    """The gate of one account and Region.

    The template is not tied to either: one template serves every account, Region and partition.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        code: lambda_.Code | None = None,
        python: PythonVersion = LAMBDA_PYTHON,
    ) -> None:
        """Compose the stack.

        Args:
            scope: The CDK app.
            construct_id: The stack's name.
            settings: The settings of the deployment.
            code: The code of the functions; None builds the asset.
            python: The Python that runs the functions.

        Raises:
            PolicyError: A policy file is invalid; the message has file, line and reason.
            PolicyCheckError: The policies have findings or failing test cases, and the settings say that these fail.
            SettingsError: A policy file can't be read.
            AssetError: The asset can't be built here.
        """
        loaded = load_policies(settings) if settings.owns_policies else None
        super().__init__(
            scope, construct_id, description="batchgate: approves S3 Batch Operations jobs by written policies"
        )
        if loaded is not None:
            check_policies(self, settings, loaded, datetime.now(UTC).date())  # before anything is built
        key = GateKey(self, "Encryption", settings=settings) if settings.customer_key else None
        job_events = JobEvents(self, "JobEvents", settings=settings, key=key)
        ledger = DecisionLedger(self, "Ledger", settings=settings, key=key)
        policies = PolicyStore(self, "Policies", settings=settings)
        notices = Notices(self, "Notices", settings=settings, key=key)
        functions = GateFunctions(
            self,
            "Functions",
            settings=settings,
            code=gate_code(self, settings, python) if code is None else code,
            python=python,
            key=key,
            job_events=job_events,
            ledger=ledger,
            policies=policies,
            notices=notices,
        )
        starts = [functions.subscribe_to(job_events.queue), functions.schedule_sweep()]
        ledger.grant_reviewing(functions.job_event)
        ledger.grant_sweeping(functions.sweep)
        ledger.grant_people(functions.api)
        ledger.grant_listing(functions.held_jobs_widget)
        notices.grant_publishing(functions.sweep)
        self._grant_listing_jobs(functions.sweep)
        self._grant_reading_parameter(functions.sweep)
        self._grant_reading_parameter(functions.api)
        policies.grant_reading_versions(functions.api)
        if loaded is None:
            policies.grant_reading_deployments(functions.sweep)
            policies.grant_reading_deployments(functions.api)
        people_api = PeopleApi(self, "People", settings=settings, key=key, function=functions.api)
        for function in functions.deciding:
            policies.grant_reading(function)
            self._grant_deciding(function)
            self._grant_announcing(function)
            self._grant_finding_requesters(function)
            self._grant_reading_manifests(function, settings)
        manifest_reading = self._read_large_manifests(functions, job_events, ledger, settings)
        monitoring = Monitoring(
            self,
            "Monitoring",
            settings=settings,
            job_events=job_events,
            functions=functions,
            people_api=people_api,
            manifest_reading=manifest_reading,
            topic=notices.topic,
        )
        policies.validate_with(functions.validate_policy)
        policies.roll_back_on(monitoring.of_harmful_policies)
        ledger.table.node.add_dependency(*monitoring.of_harmful_policies)
        chosen = DeployedGate(
            stack=self.stack_name,
            version=__version__,
            suspended_date_survives=settings.suspended_date_survives_word,
            untagged_answer_lacks_tags=settings.untagged_answer_lacks_tags_word,
            sweep_minutes=settings.sweep_minutes,
            ledger_table=ledger.table.table_name,
            policy_version=load_deployed(loaded.canonical_json).version if loaded else "",
            policy_owner=settings.policy_owner,
            manifest_buckets=settings.manifest_buckets,
            key_arn=key.key.key_arn if key else UNSET,
        )
        here = self._write_parameter(chosen, job_events, policies, notices, functions, people_api)
        before: list[Construct] = [functions.validate_policy, monitoring, here]
        if loaded is not None:
            description = self._description_of(loaded.canonical_json)
            before = [policies.deploy(loaded.canonical_json, description=description, after=before)]
        for each in starts:
            each.node.add_dependency(*before)
        if settings.trail:
            JobEventTrail(self, "Trail")
        Aspects.of(self).add(_PathOfRoles(f"{ROLE_PATH}{self.region}/"))

    def _description_of(self, policy: bytes) -> str:
        try:
            return deployment_description(self.stack_name, policy)
        except UnknownInForceError as error:
            Annotations.of(self).add_warning_v2(
                "batchgate:in-force",
                f"AWS did not say which policies are in force: {error}. If they were rolled back since the last "
                "deployment, these files are not deployed again. The app reads the credentials of the environment (set "
                "AWS_PROFILE; --profile does not reach it). They need ssm:GetParameter, appconfig:ListDeployments, "
                "GetDeployment and GetHostedConfigurationVersion",
            )
            return DESCRIPTION

    def _write_parameter(
        self,
        chosen: DeployedGate,
        job_events: JobEvents,
        policies: PolicyStore,
        notices: Notices,
        functions: GateFunctions,
        people_api: PeopleApi,
    ) -> ssm.StringParameter:
        """Write the parameter by which the command finds the gate: what was chosen, and what was made.

        Its name is fixed, so a second gate fails on it, before it has policies and so before it decides.
        """
        here = ssm.StringParameter(
            self,
            "Gate",
            parameter_name=GATE_PARAMETER,
            description="What batchgate has deployed here, for its command. There is one enforcing gate in an account "
            "and Region: a second stack fails on this name.",
            string_value=self.to_json_string(
                replace(
                    chosen,
                    api_url=people_api.url,
                    queue_url=job_events.queue.queue_url,
                    unreviewed_url=job_events.unreviewed.queue_url,
                    undelivered_url=job_events.undelivered.queue_url,
                    functions={
                        "job_event": functions.job_event.function_name,
                        "sweep": functions.sweep.function_name,
                        "api": functions.api.function_name,
                        "held_jobs_widget": functions.held_jobs_widget.function_name,
                        "validate_policy": functions.validate_policy.function_name,
                    }
                    | _named("read_manifest", functions.read_manifest),
                    roles={
                        "job_event": _role_arn(functions.job_event),
                        "sweep": _role_arn(functions.sweep),
                        "api": _role_arn(functions.api),
                    },
                    appconfig=policies.ids,
                    strategies=policies.strategies,
                    topic_arn=notices.topic.topic_arn,
                ).encode()
            ),
        )
        CfnOutput(self, "JobEventFunction", value=functions.job_event.function_name)
        CfnOutput(self, "SweepFunction", value=functions.sweep.function_name)
        CfnOutput(self, "ApiFunction", value=functions.api.function_name)
        CfnOutput(self, "ApiUrl", value=people_api.url)
        CfnOutput(self, "LedgerTable", value=chosen.ledger_table)
        CfnOutput(self, "JobEventQueue", value=job_events.queue.queue_url)
        CfnOutput(self, "UnreviewedEvents", value=job_events.unreviewed.queue_url)
        CfnOutput(self, "UndeliveredEvents", value=job_events.undelivered.queue_url)
        CfnOutput(self, "PolicyProfile", value=policies.location)
        CfnOutput(self, "NoticesTopic", value=notices.topic.topic_arn)
        return here

    def _grant_deciding(self, function: lambda_.Function) -> None:
        """Grant reading and deciding jobs.

        *Source*: Service Authorization Reference, Amazon S3: these actions support jobs as resources.
        """
        jobs = self.format_arn(service="s3", resource="job", resource_name="*")
        function.add_to_role_policy(
            iam.PolicyStatement(
                sid="DecideJobs",
                actions=["s3:DescribeJob", "s3:GetJobTagging", "s3:UpdateJobStatus"],
                resources=[jobs],
            )
        )
        Validations.of(function.role or function).acknowledge(
            Acknowledgment(
                id="AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:<AWS::Region>:<AWS::AccountId>:job/*]",
                reason="The gate evaluates every job of its account and Region, whose ids S3 assigns.",
            )
        )

    def _grant_listing_jobs(self, function: lambda_.Function) -> None:
        """Grant listing jobs. *Source*: Service Authorization Reference, Amazon S3: ListJobs supports no resource."""
        function.add_to_role_policy(iam.PolicyStatement(sid="FindJobs", actions=["s3:ListJobs"], resources=["*"]))

    def _grant_reading_parameter(self, function: lambda_.Function) -> None:
        """Grant reading the parameter, which names the version of the policies that should be in force."""
        function.add_to_role_policy(
            iam.PolicyStatement(
                sid="ReadWhatIsDeployed",
                actions=["ssm:GetParameter"],
                resources=[
                    self.format_arn(service="ssm", resource="parameter", resource_name=GATE_PARAMETER.removeprefix("/"))
                ],
            )
        )

    def _grant_announcing(self, function: lambda_.Function) -> None:
        """Grant putting events whose source is batchgate, and no others."""
        function.add_to_role_policy(
            iam.PolicyStatement(
                sid="AnnounceDecisions",
                actions=["events:PutEvents"],
                resources=[self.format_arn(service="events", resource="event-bus", resource_name=DECISION_BUS)],
                conditions={"StringEquals": {"events:source": SERVICE}},
            )
        )

    def _grant_finding_requesters(self, function: lambda_.Function) -> None:
        """Grant looking up who created a job.

        *Source*: Service Authorization Reference, AWS CloudTrail: LookupEvents supports no resource and no condition.
        """
        function.add_to_role_policy(
            iam.PolicyStatement(sid="FindRequesters", actions=["cloudtrail:LookupEvents"], resources=["*"])
        )

    def _read_large_manifests(
        self, functions: GateFunctions, job_events: JobEvents, ledger: DecisionLedger, settings: Settings
    ) -> ManifestReading | None:
        """What reads manifests that are larger than a review reads, where any manifest may be read."""
        function = functions.read_manifest
        if function is None:
            return None
        self._grant_reading_manifests(function, settings)
        ledger.grant_reading_manifests(function)
        functions.grant_asking_for_reviews(job_events.queue, function)
        reading = ManifestReading(self, "ManifestReading", function=function)
        for each in functions.deciding:
            reading.start_from(each)
        return reading

    def _grant_reading_manifests(self, function: lambda_.Function, settings: Settings) -> None:
        """Grant reading manifests where they may be: HeadObject and GetObject, and decrypting through S3 only.

        With ListBucket, a missing manifest is a 404 and not a 403.

        *Source*: S3 API, HeadObject and GetObject, permissions; S3 User Guide, "Using server-side encryption with AWS
        KMS keys".
        """
        named = [
            self.format_arn(service="s3", region="", account="", resource=bucket)
            for bucket in settings.manifest_buckets
        ]
        objects = [f"{arn}/*" for arn in named]
        if named:
            function.add_to_role_policy(
                iam.PolicyStatement(
                    sid="AskForManifests", actions=["s3:GetObject", "s3:GetObjectVersion"], resources=objects
                )
            )
            function.add_to_role_policy(
                iam.PolicyStatement(sid="TellMissingManifests", actions=["s3:ListBucket"], resources=named)
            )
        if settings.manifest_keys:
            function.add_to_role_policy(
                iam.PolicyStatement(
                    sid="AskForEncryptedManifests",
                    actions=["kms:Decrypt"],
                    resources=[*settings.manifest_keys],
                    conditions={"StringLike": {"kms:ViaService": "s3.*.amazonaws.com*"}},
                )
            )
        for bucket in settings.manifest_buckets:
            Validations.of(function.role or function).acknowledge(
                Acknowledgment(
                    id=f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::{bucket}/*]",
                    reason="The requester chooses where in the bucket a manifest is.",
                )
            )


def _named(what: str, function: lambda_.Function | None) -> dict[str, str]:
    return {what: function.function_name} if function else {}


def _role_arn(function: lambda_.Function) -> str:
    if function.role is None:
        raise TypeError(f"{function.node.path} has no role")
    return function.role.role_arn
