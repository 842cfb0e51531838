"""The policies in force: an AppConfig profile with validation before a deployment and rollback after it."""

import json
from collections.abc import Sequence
from typing import Final, TypeVar

from aws_cdk import Acknowledgment, CfnDeletionPolicy, CfnResource, Fn, Stack, Validations
from aws_cdk import aws_appconfig as appconfig
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from batchgate.contract import ProfileLocation, Strategies
from infra.settings import Settings, SettingsError

DOCUMENT_CHARACTERS_AT_MOST: Final = 900_000
"""As written in the template, with every quote escaped. CloudFormation accepts templates of 1 MB.

*Source*: CloudFormation User Guide, quotas; AppConfig accepts more.
"""

ENVIRONMENT: Final = "enforced"
"""The name of the AppConfig environment whose deployed policies the gate decides by."""

_BYPASS: Final = "BYPASS"
"""Deleted with the stack even where the account protects what was read lately (AppConfig's deletion protection)."""

Resource = TypeVar("Resource", bound=CfnResource)


class PolicyStore(Construct):
    """Application, environment, profile, and the settings' policies as its hosted version, deployed all at once.

    AppConfig calls the validator before a policy goes live, watches the alarms during the bake time after it, and rolls
    the deployment back when one becomes active; until then a policy that can't be loaded decides nothing. The first
    version of a stack does not bake. Every version that was deployed stays readable: versions, the profile and the
    application are kept when the next version is deployed and when the stack is destroyed. A version that was rolled
    back is deleted with the update that failed.

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
                deletion_protection_check=_BYPASS,
            )
        )
        self._first = self._strategy("First", "first", "All at once, without a bake time", 0)
        self._later = self._strategy(
            "AllAtOnce", "all-at-once", "All at once, then the bake time", settings.policy_bake_minutes
        )
        self._environment = appconfig.CfnEnvironment(
            self,
            "Environment",
            application_id=self._application.ref,
            name=ENVIRONMENT,
            description="The policies that the gate decides by",
            deletion_protection_check=_BYPASS,
        )

    @property
    def location(self) -> str:
        """The profile as the functions get it: the environment by its name."""
        return str(ProfileLocation(self._application.ref, ENVIRONMENT, self._profile.ref))

    @property
    def ids(self) -> ProfileLocation:
        """The profile as the `batchgate` command gets it: all three by their ids."""
        return ProfileLocation(self._application.ref, self._environment.ref, self._profile.ref)

    @property
    def strategies(self) -> Strategies:
        """How policies are deployed: the first, and all later ones."""
        return Strategies(self._first.ref, self._later.ref)

    def grant_reading(self, function: lambda_.Function) -> None:
        """Grant polling this configuration.

        *Source*: Service Authorization Reference, AWS AppConfig: both actions support the resource `configuration`.
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
                "policy is rolled back, and the alarm knows the functions.",
            )
        )

    def grant_reading_versions(self, function: lambda_.Function) -> None:
        """Grant reading every document that was ever deployed.

        *Source*: Service Authorization Reference, AWS AppConfig: these actions support these resources.
        """
        profile = f"{self._application.ref}/configurationprofile/{self._profile.ref}"
        here = Stack.of(self)
        resources = [
            here.format_arn(service="appconfig", resource="application", resource_name=name)
            for name in (self._application.ref, profile, f"{profile}/hostedconfigurationversion/*")
        ]
        function.add_to_role_policy(
            iam.PolicyStatement(
                sid="ReadPoliciesOfThePast",
                actions=["appconfig:GetHostedConfigurationVersion", "appconfig:ListHostedConfigurationVersions"],
                resources=resources,
            )
        )
        Validations.of(function.role or function).acknowledge(
            Acknowledgment(
                id="AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:appconfig:<AWS::Region>:<AWS::AccountId>:application/"
                f"<{self._id_of(self._application)}>/configurationprofile/<{self._id_of(self._profile)}>/"
                "hostedconfigurationversion/*]",
                reason="A decision may name any version that was ever deployed, whose numbers AppConfig assigns.",
            )
        )

    def grant_reading_deployments(self, function: lambda_.Function) -> None:
        """Grant finding out which version was pushed last, and whether a person rolled it back.

        *Source*: Service Authorization Reference, AWS AppConfig: these actions support these resources.
        """
        here = Stack.of(self)
        resources = [
            here.format_arn(service="appconfig", resource="application", resource_name=name)
            for name in (self._application.ref, f"{self._application.ref}/environment/*")
        ]
        function.add_to_role_policy(
            iam.PolicyStatement(
                sid="ReadDeployments",
                actions=["appconfig:GetDeployment", "appconfig:ListDeployments"],
                resources=resources,
            )
        )
        Validations.of(function.role or function).acknowledge(
            Acknowledgment(
                id="AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:appconfig:<AWS::Region>:<AWS::AccountId>:application/"
                f"<{self._id_of(self._application)}>/environment/*]",
                reason="The application has one environment, whose id would make a circle, and AppConfig numbers its "
                "deployments.",
            )
        )

    def _id_of(self, resource: CfnResource) -> str:
        return str(Stack.of(self).resolve(resource.logical_id))

    def validate_with(self, validator: lambda_.Function) -> None:
        """Have AppConfig reject documents that the gate itself would reject.

        The permission has no condition. No published example has one, and a deployment fails if AppConfig does not send
        what a condition asks for. The function can be harmed by no caller: it reads its input and answers.
        """
        self._profile.validators = [
            appconfig.CfnConfigurationProfile.ValidatorsProperty(type="LAMBDA", content=validator.function_arn)
        ]
        validator.add_permission(
            "AppConfig",
            principal=iam.ServicePrincipal("appconfig.amazonaws.com"),
        )

    def roll_back_on(self, alarms: Sequence[cloudwatch.IAlarm]) -> None:
        """Have AppConfig roll back a deployment if one of these alarms becomes active within the bake time.

        They exist before the application, so that each was evaluated when the deployment starts.
        """
        role = iam.Role(
            self,
            "MonitorRole",
            assumed_by=iam.ServicePrincipal("appconfig.amazonaws.com"),
            description="Lets AppConfig read the alarms by which it rolls back a policy",
        )
        role.add_to_policy(iam.PolicyStatement(sid="SeeAlarms", actions=["cloudwatch:DescribeAlarms"], resources=["*"]))
        Validations.of(role).acknowledge(
            Acknowledgment(
                id="AwsSolutions-IAM5[Resource::*]",
                reason="Reading alarms changes nothing, and AppConfig's documentation requires all of them "
                "(AppConfig User Guide, permissions for automatic rollback).",
            )
        )
        self._environment.monitors = [
            appconfig.CfnEnvironment.MonitorsProperty(alarm_arn=alarm.alarm_arn, alarm_role_arn=role.role_arn)
            for alarm in alarms
        ]
        self._application.node.add_dependency(*alarms)
        policy = role.node.try_find_child("DefaultPolicy")
        if policy:
            self._environment.node.add_dependency(policy)

    def deploy(self, policy: bytes, *, description: str, after: list[Construct]) -> Construct:
        """Deploy a document.

        Args:
            policy: In canonical JSON.
            description: Another one makes another version, even of the same document, and deploys it.
            after: What must exist first: the validator, and the parameter on which a second gate fails.

        Returns:
            The deployment. Whatever decides by the policies must start after it: without policies it would fail, and
            AppConfig would roll them back.

        Raises:
            SettingsError: It does not fit into a template.
        """
        characters = len(json.dumps(policy.decode("ascii")))
        if characters > DOCUMENT_CHARACTERS_AT_MOST:
            raise SettingsError(
                f"setting policy_files: the policies take {characters} characters in the template, and CloudFormation "
                f"accepts about {DOCUMENT_CHARACTERS_AT_MOST} beside the rest of the stack"
            )
        version = appconfig.CfnHostedConfigurationVersion(
            self,
            "Version",
            application_id=self._application.ref,
            configuration_profile_id=self._profile.ref,
            content=policy.decode("ascii"),
            content_type="application/json",
            description=description,
        )
        _kept(version)
        deployment = appconfig.CfnDeployment(
            self,
            "InForce",
            application_id=self._application.ref,
            environment_id=self._environment.ref,
            configuration_profile_id=self._profile.ref,
            configuration_version=version.ref,
            description=description,
            deployment_strategy_id=_first_or_later(version.ref, self._first.ref, self._later.ref),
        )
        _kept(deployment)  # to delete it is to stop it, which only one that failed should be
        deployment.node.add_dependency(*after)
        return deployment

    def _strategy(
        self, construct_id: str, name: str, description: str, bake_minutes: int
    ) -> appconfig.CfnDeploymentStrategy:
        return appconfig.CfnDeploymentStrategy(
            self,
            construct_id,
            name=f"{self._settings.stack_name[:48]}-{name}",
            description=description,
            deployment_duration_in_minutes=0,
            growth_factor=100,
            final_bake_time_in_minutes=bake_minutes,
            replicate_to="NONE",
        )


def _first_or_later(version: str, first: str, later: str) -> str:
    """`first` if a version is the profile's first, `later` otherwise, as CloudFormation finds when it deploys.

    A template can't know whether its stack is new, but AppConfig counts the versions of a profile from 1, and each new
    stack has a new profile. CloudFormation has no comparison of what it learns while it deploys, but it can split text:

        version 1    "v#1#LATER"  split at "#1#": "v"          then "v#-#FIRST",          split at "#": FIRST is third
        version 7    "v#7#LATER"  not split:      "v#7#LATER"  then "v#7#LATER#-#FIRST",  split at "#": LATER is third

    No text that is selected is empty, because no document says that Fn::Select accepts that.

    The first version would bake in vain: until it is deployed no function decides, so that nothing could go wrong; and
    its alarms were made a moment before, in the state INSUFFICIENT_DATA, on which AppConfig is documented to roll back.
    *Source*: AppConfig User Guide, "Monitoring deployments for automatic rollback".
    """
    unless_first = Fn.select(0, Fn.split("#1#", Fn.join("#", ["v", version, later])))
    return Fn.select(2, Fn.split("#", Fn.join("", [unless_first, "#-#", first])))


def _kept(resource: Resource) -> Resource:
    """Keep a resource when the stack is destroyed or replaces it; delete it when its creation fails."""
    resource.cfn_options.deletion_policy = CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE
    resource.cfn_options.update_replace_policy = CfnDeletionPolicy.RETAIN
    return resource
