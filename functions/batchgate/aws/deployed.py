"""The `DeployedPolicy` port: on the SSM parameter that the stack writes, and on AppConfig where policies are pushed."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import MsgspecError, Struct, field
from msgspec.structs import replace

from batchgate.aws.answers import only_answers
from batchgate.aws.calls import CallError, make_call
from batchgate.contract import GATE_PARAMETER, PUSHED, DeployedGate, ProfileLocation
from batchgate.errors import DeploymentError
from batchgate.gate.ports import Clock
from batchgate.text import shorten

READ_EVERY: Final = timedelta(minutes=15)
"""While the version in force is the expected one; otherwise it is read each time it is asked for."""


class GateParameter(Struct):
    """The `DeployedPolicy` port. A version that is not the expected one is compared with the parameter as it is now.

    Attributes:
        client: An SSM client.
        appconfig: Makes a client of AppConfig, which is asked only where policies are pushed.
    """

    client: Any
    clock: Clock
    appconfig: Callable[[], Any]
    _found: DeployedGate | None = field(default=None)
    _read_at: datetime | None = field(default=None)

    def __post_init__(self) -> None:
        only_answers(self.client.meta.events)

    def is_version(self, version: str) -> bool | None:
        """Compare; read again where what is known is old, or another version."""
        known = self._fresh()
        is_enough = known is not None and (known.policy_version == version or _waits_for_a_push(known))
        found = known if known is not None and is_enough else self._read()
        return version == found.policy_version if found.policy_version else None

    def gate(self) -> DeployedGate:
        """What is deployed, as it was within `READ_EVERY`; where policies are pushed, as it is now.

        Raises:
            DeploymentError: It can't be known now.
        """
        known = self._fresh()
        return known if known is not None and known.policy_owner == "stack" else self._read()

    def _fresh(self) -> DeployedGate | None:
        is_fresh = self._read_at is not None and timedelta(0) <= self.clock.now() - self._read_at < READ_EVERY
        return self._found if is_fresh else None

    def _read(self) -> DeployedGate:
        try:
            parameter = make_call(lambda: self.client.get_parameter(Name=GATE_PARAMETER))["Parameter"]
            if parameter["Name"] != GATE_PARAMETER:
                raise DeploymentError(f"SSM parameter {GATE_PARAMETER}: the answer is about another one")
            found = DeployedGate.decode(parameter["Value"])
        except (CallError, MsgspecError, LookupError, TypeError) as error:
            raise DeploymentError(f"SSM parameter {GATE_PARAMETER}: {shorten(str(error), 200)}") from error
        if found.policy_owner == "repository" and found.appconfig is not None:
            found = replace(found, policy_version=PushedPolicies(self.appconfig(), found.appconfig).newest())
        self._found, self._read_at = found, self.clock.now()
        return found


def _waits_for_a_push(gate: DeployedGate) -> bool:
    """Nothing is expected before somebody pushes, so there is no hurry to find out."""
    return gate.policy_owner == "repository" and not gate.policy_version


class PushedPolicies(Struct, frozen=True):
    """The versions that a team deployed, in AppConfig's own list.

    Attributes:
        client: An AppConfig client.
        where: The policies, by their ids.
    """

    client: Any
    where: ProfileLocation

    def __post_init__(self) -> None:
        only_answers(self.client.meta.events)

    def newest(self) -> str:
        """The version that was pushed last, of those that no person rolled back; "" where there is none.

        One that an alarm rolled back counts: the policies in force are then not the ones that should be. The newest
        fifty deployments are looked at, which AppConfig lists at once.

        Raises:
            DeploymentError: AppConfig can't be asked now.
        """
        here = {"ApplicationId": self.where.application, "EnvironmentId": self.where.environment}
        try:
            listed = make_call(lambda: self.client.list_deployments(**here))["Items"]
            for number in sorted((each["DeploymentNumber"] for each in listed), reverse=True):
                found = self._deployment(here | {"DeploymentNumber": number})
                if found["DeploymentNumber"] != number:
                    raise DeploymentError(f"AppConfig's deployments of {self.where}: the answer is about another one")
                description = found.get("Description") or ""
                if description.startswith(PUSHED) and not rolled_back_by_a_person(found):
                    return str(description.removeprefix(PUSHED))
        except (CallError, LookupError, TypeError, AttributeError) as error:
            raise DeploymentError(f"AppConfig's deployments of {self.where}: {shorten(str(error), 200)}") from error
        return ""

    def _deployment(self, named: Mapping[str, Any]) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = make_call(lambda: self.client.get_deployment(**named))
        return answer


def rolled_back_by_a_person(deployment: Mapping[str, Any]) -> bool:
    """Whether somebody stopped or reverted a deployment. *Source*: AppConfig API, DeploymentEvent."""
    return any(
        each.get("EventType") in _BY_PERSON and each.get("TriggeredBy") == "USER"
        for each in deployment.get("EventLog") or ()
    )


_BY_PERSON: Final = frozenset({"ROLLBACK_STARTED", "ROLLBACK_COMPLETED", "REVERT_COMPLETED"})
