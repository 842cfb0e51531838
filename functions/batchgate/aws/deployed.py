"""The `DeployedPolicy` port on the SSM parameter that the stack writes."""

from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import MsgspecError, Struct, field

from batchgate.aws.answers import only_answers
from batchgate.aws.calls import CallError, make_call
from batchgate.contract import GATE_PARAMETER, DeployedGate
from batchgate.errors import DeploymentError
from batchgate.gate.ports import Clock
from batchgate.text import shorten

READ_EVERY: Final = timedelta(minutes=15)
"""While the version in force is the expected one; otherwise it is read each time it is asked for."""


class GateParameter(Struct):
    """The `DeployedPolicy` port. A version that is not the expected one is compared with the parameter as it is now.

    Attributes:
        client: An SSM client.
    """

    client: Any
    clock: Clock
    _found: DeployedGate | None = field(default=None)
    _read_at: datetime | None = field(default=None)

    def __post_init__(self) -> None:
        only_answers(self.client.meta.events)

    def is_version(self, version: str) -> bool | None:
        """Compare; read the parameter where what is known is old, or another version."""
        known = self._fresh()
        found = known if known is not None and known.policy_version == version else self._read()
        return version == found.policy_version if found.policy_version else None

    def gate(self) -> DeployedGate:
        """What is deployed, as it was within `READ_EVERY`.

        Raises:
            DeploymentError: It can't be known now.
        """
        return self._fresh() or self._read()

    def _fresh(self) -> DeployedGate | None:
        is_fresh = self._read_at is not None and timedelta(0) <= self.clock.now() - self._read_at < READ_EVERY
        return self._found if is_fresh else None

    def _read(self) -> DeployedGate:
        try:
            parameter = make_call(lambda: self.client.get_parameter(Name=GATE_PARAMETER))["Parameter"]
            if parameter["Name"] != GATE_PARAMETER:
                raise DeploymentError(f"SSM parameter {GATE_PARAMETER}: the answer is about another one")
            self._found, self._read_at = DeployedGate.decode(parameter["Value"]), self.clock.now()
        except (CallError, MsgspecError, LookupError, TypeError) as error:
            raise DeploymentError(f"SSM parameter {GATE_PARAMETER}: {shorten(str(error), 200)}") from error
        return self._found
