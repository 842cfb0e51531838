"""The policies in force: an AppConfig profile, what may not go live, and what is taken back."""

import json
from typing import Final, TypeVar

from aws_cdk import Acknowledgment, CfnDeletionPolicy, CfnResource, Stack, Validations
from aws_cdk import aws_appconfig as appconfig
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from batchgate.contract import ProfileLocation
from infra.settings import Settings, SettingsError

DOCUMENT_CHARACTERS_AT_MOST: Final = 900_000
"""As the template writes it, with every quote escaped: CloudFormation takes templates of 1 MB.

*Source*: CloudFormation User Guide, quotas; AppConfig takes more.
"""


ENVIRONMENT: Final = "enforced"
"""Its name; what is deployed to it, the gate decides by."""

Resource = TypeVar("Resource", bound=CfnResource)


class PolicyStore(Construct):
    """Application, environment, profile, and the settings' policies as its hosted version, deployed all at once.

    AppConfig asks the validator before anything goes live, watches the alarm for the bake time after it, and takes the
    deployment back when the alarm rings; a policy that nobody can load decides nothing meanwhile. What was once in
    force stays readable: versions are kept when the next one comes and when the stack is destroyed, and with them the
    profile and the application.

    Attributes:
        location: "APPLICATION/ENVIRONMENT/PROFILE"; the environment by its name, because it knows the alarm, which
            knows the functions, which know this.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._application = _kept(
            appconfig.CfnApplication(
                self,
                "Application",
                name=settings.stack_name[:64],
                description="Policies by which batchgate decides S3 Batch Operations jobs",
            )
        )
        self._profile = _kept(
            appconfig.CfnConfigurationProfile(
                self,
                "Profile",
                application_id=self._application.ref,
                name="policies",
                description="The policy document, in the JSON that `batchgate policy` reads and writes",
                location_uri="hosted",
                type="AWS.Freeform",
            )
        )
        self._environment = appconfig.CfnEnvironment(
            self,
            "Environment",
            application_id=self._application.ref,
            name=ENVIRONMENT,
            description="What the gate decides by",
        )

    @property
    def location(self) -> str:
        """What the functions are told."""
        return str(ProfileLocation(self._application.ref, ENVIRONMENT, self._profile.ref))

    @property
    def ids(self) -> ProfileLocation:
        """What the `batchgate` command is told."""
        return ProfileLocation(self._application.ref, self._environment.ref, self._profile.ref)

    def let_read(self, function: lambda_.Function) -> None:
        """Grant polling this one configuration, whose application has one environment.

        *Source*: Service Authorization Reference, AWS AppConfig: both actions know the resource `configuration`.
        """
        configuration = Stack.of(self).format_arn(
            service="appconfig",
            resource="application",
            resource_name=f"{self._application.ref}/environment/*/configuration/{self._profile.ref}",
        )
        function.add_to_role_policy(
            iam.PolicyStatement(
                sid="ReadPolicies",
                actions=["appconfig:StartConfigurationSession", "appconfig:GetLatestConfiguration"],
                resources=[configuration],
            )
        )
        Validations.of(function.role or function).acknowledge(
            Acknowledgment(
                id="AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:appconfig:<AWS::Region>:<AWS::AccountId>:application/"
                f"<{self._id_of(self._application)}>/environment/*/configuration/<{self._id_of(self._profile)}>]",
                reason="The application has one environment; its id would make a circle: it knows the alarm by which a "
                "policy is taken back, and the alarm knows the functions.",
            )
        )

    def _id_of(self, resource: CfnResource) -> str:
        return str(Stack.of(self).resolve(resource.logical_id))

    def validate_with(self, validator: lambda_.Function) -> None:
        """Let no document go live that the gate itself would refuse."""
        self._profile.validators = [
            appconfig.CfnConfigurationProfile.ValidatorsProperty(type="LAMBDA", content=validator.function_arn)
        ]
        validator.add_permission(
            "AppConfig",
            principal=iam.ServicePrincipal("appconfig.amazonaws.com"),
            source_account=Stack.of(self).account,
        )

    def watch(self, alarm: cloudwatch.IAlarm) -> None:
        """Take back what makes this alarm ring within the bake time."""
        role = iam.Role(
            self,
            "MonitorRole",
            assumed_by=iam.ServicePrincipal("appconfig.amazonaws.com"),
            description="Lets AppConfig see the alarm by which it takes back a policy",
        )
        role.add_to_policy(iam.PolicyStatement(sid="SeeAlarms", actions=["cloudwatch:DescribeAlarms"], resources=["*"]))
        Validations.of(role).acknowledge(
            Acknowledgment(
                id="AwsSolutions-IAM5[Resource::*]",
                reason="Seeing alarms changes nothing, and AppConfig's documentation asks for all of them "
                "(AppConfig User Guide, permissions for automatic rollback).",
            )
        )
        self._environment.monitors = [
            appconfig.CfnEnvironment.MonitorsProperty(alarm_arn=alarm.alarm_arn, alarm_role_arn=role.role_arn)
        ]
        policy = role.node.try_find_child("DefaultPolicy")
        if policy:
            self._environment.node.add_dependency(policy)

    def put_in_force(self, policy: bytes, *, after: list[Construct]) -> Construct:
        """Deploy a document.

        Args:
            policy: In canonical JSON.
            after: What has to be there first, so that the validator can be asked and the alarm was seen quiet.

        Returns:
            What is there once the policies are in force: whatever decides by them should begin after it, or it fails
            for want of policies and has them taken back.

        Raises:
            SettingsError: It is larger than a template may be.
        """
        characters = len(json.dumps(policy.decode("ascii")))
        if characters > DOCUMENT_CHARACTERS_AT_MOST:
            raise SettingsError(
                f"setting policy_files: the policies take {characters} characters in the template, and CloudFormation "
                f"takes some {DOCUMENT_CHARACTERS_AT_MOST} beside the rest of the stack"
            )
        version = appconfig.CfnHostedConfigurationVersion(
            self,
            "Version",
            application_id=self._application.ref,
            configuration_profile_id=self._profile.ref,
            content=policy.decode("ascii"),
            content_type="application/json",
            description="From the policy files of the deployment",
        )
        _kept(version)
        strategy = appconfig.CfnDeploymentStrategy(
            self,
            "AllAtOnce",
            name=f"{self._settings.stack_name[:48]}-all-at-once",
            description="At once, then watched",
            deployment_duration_in_minutes=0,
            growth_factor=100,
            final_bake_time_in_minutes=self._settings.policy_bake_minutes,
            replicate_to="NONE",
        )
        deployment = appconfig.CfnDeployment(
            self,
            "InForce",
            application_id=self._application.ref,
            environment_id=self._environment.ref,
            configuration_profile_id=self._profile.ref,
            configuration_version=version.ref,
            deployment_strategy_id=strategy.ref,
        )
        deployment.node.add_dependency(*after)
        return deployment


def _kept(resource: Resource) -> Resource:
    """Left alone when the stack is destroyed, and taken away when its creation fails."""
    resource.cfn_options.deletion_policy = CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE
    resource.cfn_options.update_replace_policy = CfnDeletionPolicy.RETAIN
    return resource
