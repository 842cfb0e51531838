"""Policies that a team deploys from a repository of its own: AppConfig's versions and deployments."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, Final, Self, TypeVar

from botocore.config import Config
from msgspec import Struct

from batchgate.aws.answers import only_answers
from batchgate.aws.calls import CallError, Failure, make_call
from batchgate.aws.deployed import rolled_back_by_a_person
from batchgate.contract import GATE_PARAMETER, PUSHED, DeployedGate, ProfileLocation, Strategies
from batchgate.errors import GateError, RefusedError
from batchgate.jobs.model import Json
from batchgate.text import shorten
from batchgate_cli.authoring.policy_file import LoadedPolicy
from batchgate_cli.exits import OutcomeUnknownError
from batchgate_cli.operating.aws_errors import aws_errors
from batchgate_cli.operating.aws_session import open_session
from batchgate_cli.operating.live_gate import look_up
from batchgate_cli.operating.options import GateAccessError, GateOptions

CONFIG: Final = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 3})

_INVALID: Final = "BadRequestException"
_DESCRIPTION_AT_MOST: Final = 500

AnswerT = TypeVar("AnswerT")


class PushError(GateError):
    """Nothing was deployed; the message says why and what to do."""


class RefusedByValidatorError(RefusedError):
    """AppConfig's validator, which is the gate's own code, does not accept the document. Nothing was deployed."""


class Progress(StrEnum):
    """How far a deployment is. *Source*: AppConfig API, DeploymentState."""

    VALIDATING = "VALIDATING"
    DEPLOYING = "DEPLOYING"
    BAKING = "BAKING"
    COMPLETE = "COMPLETE"
    ROLLING_BACK = "ROLLING_BACK"
    ROLLED_BACK = "ROLLED_BACK"
    REVERTED = "REVERTED"
    UNKNOWN = "UNKNOWN"

    @property
    def goes_on(self) -> bool:
        """It has not ended; one of a state that this version does not know has not, either."""
        return self is not Progress.COMPLETE and not self.has_failed

    @property
    def has_failed(self) -> bool:
        """Its policies are not in force any more."""
        return self in (Progress.ROLLED_BACK, Progress.REVERTED)


class Deployment(Struct, frozen=True):
    """One deployment of policies.

    Attributes:
        number: AppConfig's.
        version: The policies' version, as its description names it; "" where somebody else deployed it.
        configuration_version: AppConfig's number of the document.
        why: What the last event says of a rollback; "" where there is none.
        by_person: A person rolled it back.
        bake_minutes: How long it is watched.
        started_at: When it began.
    """

    number: int
    version: str
    configuration_version: str
    state: Progress
    why: str
    by_person: bool
    bake_minutes: float
    started_at: datetime | None

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Self:
        """Read GetDeployment's answer, or StartDeployment's."""
        description = str(answer.get("Description") or "")
        state = str(answer["State"])
        back = [
            str(each.get("Description") or "")
            for each in answer.get("EventLog") or ()
            if str(each.get("EventType", "")).startswith(("ROLLBACK", "REVERT"))
        ]
        return cls(
            number=int(answer["DeploymentNumber"]),
            version=description.removeprefix(PUSHED) if description.startswith(PUSHED) else "",
            configuration_version=str(answer.get("ConfigurationVersion") or ""),
            state=Progress(state) if state in {*Progress} else Progress.UNKNOWN,
            why=shorten("; ".join(dict.fromkeys(filter(None, reversed(back)))), _DESCRIPTION_AT_MOST),
            by_person=rolled_back_by_a_person(answer),
            bake_minutes=float(answer.get("FinalBakeTimeInMinutes") or 0),
            started_at=answer.get("StartedAt"),
        )

    def as_json(self) -> dict[str, Json]:
        """For programs."""
        return {
            "deployment_number": self.number,
            "policy_version": self.version or None,
            "configuration_version": self.configuration_version,
            "state": str(self.state),
            "in_force": self.state in (Progress.COMPLETE, Progress.BAKING),
            "why": self.why or None,
        }


class Target(Struct, frozen=True):
    """Where policies are deployed to.

    Attributes:
        client: An AppConfig client.
        place: Account and Region, for people.
    """

    client: Any
    where: ProfileLocation
    strategies: Strategies
    place: str

    @property
    def _here(self) -> dict[str, str]:
        return {"ApplicationId": self.where.application, "EnvironmentId": self.where.environment}

    def newest(self) -> Deployment | None:
        """The last deployment, whoever started it; None where there was none.

        Raises:
            GateAccessError: AppConfig refused, or could not be asked.
        """
        numbers = [int(each["DeploymentNumber"]) for each in self._listed()]
        return self.deployment(max(numbers)) if numbers else None

    def deployment(self, number: int) -> Deployment:
        """One deployment as it is now.

        Raises:
            GateAccessError: AppConfig refused, or could not be asked.
        """
        answer = _asked("GetDeployment", partial(self.client.get_deployment, **self._here, DeploymentNumber=number))
        return Deployment.read(answer)

    def _listed(self) -> Sequence[Mapping[str, Any]]:
        """The newest fifty, which AppConfig lists at once."""
        answer = _asked("ListDeployments", partial(self.client.list_deployments, **self._here))
        found: Sequence[Mapping[str, Any]] = answer["Items"]
        return found

    def store(self, loaded: LoadedPolicy) -> int:
        """Make a hosted version of a document; nothing is deployed by that. Its number.

        Raises:
            RefusedByValidatorError: The validator refuses it.
            GateAccessError: AppConfig refused otherwise, or could not be asked.
        """
        call = partial(
            self.client.create_hosted_configuration_version,
            ApplicationId=self.where.application,
            ConfigurationProfileId=self.where.profile,
            Content=loaded.canonical_json,
            ContentType="application/json",
            Description=f"{PUSHED}{loaded.policies.version}",
        )
        return int(_asked("CreateHostedConfigurationVersion", call)["VersionNumber"])

    def start(self, stored: int, version: str, newest: Deployment | None) -> Deployment:
        """Deploy a stored version, all at once; the first policies of a gate without a bake time.

        Args:
            stored: The number of the document.
            version: The policies' version.
            newest: The last deployment when the person was asked; another one since then is a conflict.

        Raises:
            PushError: Another deployment was started since.
            RefusedByValidatorError: The validator refuses it.
            OutcomeUnknownError: The answer was lost, and it may have been started.
            GateAccessError: AppConfig refused otherwise.
        """
        is_first = not any(each["State"] in _WAS_IN_FORCE for each in self._listed())
        call = partial(
            self.client.start_deployment,
            **self._here,
            ConfigurationProfileId=self.where.profile,
            ConfigurationVersion=str(stored),
            DeploymentStrategyId=self.strategies.first if is_first else self.strategies.later,
            Description=f"{PUSHED}{version}",
            **({"LatestDeploymentNumber": newest.number} if newest else {}),
        )
        try:
            return Deployment.read(make_call(call))
        except CallError as error:
            started = self._started(stored, error)
            if started is not None:
                return started
            if error.code == "ConflictException":
                raise PushError(
                    f"AppConfig has another deployment since the preview: {_said(error)}. Nothing was deployed; push "
                    "again, to see how things are now"
                ) from error
            raise _refused("StartDeployment", error) from error

    def _started(self, stored: int, error: CallError) -> Deployment | None:
        """Our deployment, though its answer was lost and botocore's second attempt was refused."""
        if error.failure is not Failure.NO_RESPONSE and error.code != "ConflictException":
            return None
        try:
            newest = self.newest()
        except GateError:
            if error.failure is not Failure.NO_RESPONSE:
                return None
            raise OutcomeUnknownError(
                f"StartDeployment: the answer was lost: {error}. Run the same command again: it shows a deployment "
                "that was started, and starts none twice"
            ) from error
        return newest if newest is not None and newest.configuration_version == str(stored) else None

    def stop(self, number: int) -> Deployment:
        """Roll a deployment back to the policies before it, also one that has just ended.

        Raises:
            GateAccessError: AppConfig refused, or could not be asked.
        """
        call = partial(self.client.stop_deployment, **self._here, DeploymentNumber=number, AllowRevert=True)
        _asked("StopDeployment", call)
        return self.deployment(number)

    def stop_command(self, number: int) -> str:
        """What does the same with the AWS CLI."""
        return (
            f"aws appconfig stop-deployment --application-id {self.where.application} "
            f"--environment-id {self.where.environment} --deployment-number {number} --allow-revert"
        )


_WAS_IN_FORCE: Final = frozenset({"BAKING", "COMPLETE", "REVERTED", "ROLLING_BACK"})
"""States of deployments by which a gate has, or had, policies. A first one that was rolled back left none."""


def find_target(options: GateOptions) -> Target:
    """Where the policies of the gate in the caller's account and a Region are deployed to.

    Raises:
        PushError: The stack owns the policies.
        GateAccessError: No credentials, no Region, no gate there, or AWS refused.
    """
    with aws_errors():
        session = open_session(options.profile, options.region)
        caller = session.client("sts", config=CONFIG).get_caller_identity()
        client = session.client("appconfig", config=CONFIG)
        only_answers(client.meta.events)
        home = (client.meta.partition, client.meta.region_name, str(caller["Account"]))
        found: DeployedGate = look_up(session, home)
    place = f"account {home[2]} in {home[1]}"
    if found.policy_owner != "repository":
        raise PushError(
            f"the stack {found.stack} in {place} owns the policies, and its next deployment would replace what is "
            'pushed; deploy it with the setting policy_owner "repository" first'
        )
    if found.appconfig is None or found.strategies is None:
        raise PushError(f"SSM parameter {GATE_PARAMETER} does not say where policies go: deploy the stack again")
    return Target(client, found.appconfig, found.strategies, place)


# --- What AppConfig says ------------------------------------------------------------------------------


def _asked(operation: str, call: Callable[[], AnswerT]) -> AnswerT:
    try:
        return make_call(call)
    except CallError as error:
        raise _refused(operation, error) from error


def _refused(operation: str, error: CallError) -> GateError:
    if error.code == _INVALID and (problems := _problems(error)):
        lines = "\n".join(problems)
        return RefusedByValidatorError(
            "the gate's validator, which runs the deployed version of batchgate, refuses the document; nothing was "
            f"deployed, and the policies in force stay so:\n{lines}\nIf `batchgate policy check` accepts the files, "
            "this command and the deployed gate are of different versions: use the deployed one"
        )
    if error.code.startswith("AccessDenied"):
        return GateAccessError(
            f"{operation}: {_said(error)}; `batchgate iam pusher` prints the policy that a pusher needs"
        )
    return GateAccessError(f"{operation}: {_said(error)}")


def _said(error: CallError) -> str:
    return shorten(str(error), _DESCRIPTION_AT_MOST)


def _problems(error: CallError) -> list[str]:
    """What a validator found, each a line. *Source*: AppConfig API, BadRequestException."""
    details: Any = error.response.get("Details") or {}
    found = details.get("InvalidConfiguration") or () if isinstance(details, dict) else ()
    lines = [
        line
        for each in found
        for line in str(each.get("Reason") or each.get("Constraint") or "").splitlines()
        if line.strip()
    ]
    if lines:
        return lines
    said = str(error.response.get("Message") or error.response.get("Error", {}).get("Message") or "")
    is_of_validator = error.response.get("Reason") == "InvalidConfiguration" or "validat" in said.lower()
    return [line for line in said.splitlines() if line.strip()] if is_of_validator else []
