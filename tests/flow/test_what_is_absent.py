"""What the sweep function reports of what should be there: the deployed policies, subscriptions, events."""

import json
from collections.abc import Iterator

import pytest

from batchgate.contract import GATE_PARAMETER
from batchgate.errors import NoPolicyDeployedError
from batchgate.policy.compiled import PolicySet
from tests.flow.stage import HOLD_ALL, UP_TO_THREE, policies
from tests.flow.troubled import BROKEN, DENIED, World

GAUGES = ("FoundBySweep", "Subscribers", "UnexpectedPolicy")


class Deployment(World):
    """A gate whose deployment names the version of the policies that it put in force."""

    capsys: pytest.CaptureFixture[str]

    def deploys(self, text: str | None) -> None:
        """Write the parameter, as a stack does; None names no version."""
        named = {} if text is None else {"policy_version": policies(text).version}
        value = json.dumps({"ledger_table": self.ledger.table, **named})
        self._deployed.client.put_parameter(Name=GATE_PARAMETER, Type="String", Overwrite=True, Value=value)

    def gauges(self) -> dict[str, float]:
        """Sweep; the values that were written, by name."""
        self.capsys.readouterr()
        self.sweep()
        written: dict[str, float] = {}
        for line in self.capsys.readouterr().out.splitlines():
            said = json.loads(line) if line.startswith("{") else {}
            written |= {name: value for name in GAUGES if name in said for value in said[name]}
        return written


@pytest.fixture
def gate(local_s3: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Deployment]:
    """Whose policies are in force, and whose topic nobody is subscribed to."""
    made = Deployment(local_s3, monkeypatch)
    made.capsys = capsys
    made.deploys(UP_TO_THREE)
    yield made
    made.deploys(None)


def test_every_sweep_writes_every_gauge(gate: Deployment) -> None:
    """So that no alarm has to guess what missing data means."""
    for _ in range(3):
        assert gate.gauges() == {"FoundBySweep": 0, "Subscribers": 0, "UnexpectedPolicy": 0}
        gate.stage.advance(minutes=1)


def test_another_version_than_the_deployed_one_is_reported(gate: Deployment) -> None:
    """As long as it is in force: whether somebody deployed it by hand, or rolled back."""
    gate.stage.enforce(HOLD_ALL)
    for _ in range(3):
        assert gate.gauges()["UnexpectedPolicy"] == 1
        gate.stage.advance(minutes=1)
    gate.stage.enforce(UP_TO_THREE)
    assert gate.gauges()["UnexpectedPolicy"] == 0


def test_a_deployment_is_known_as_soon_as_it_is_in_force(gate: Deployment) -> None:
    """Although the parameter is read every 15 minutes only while all is well."""
    assert gate.gauges()["UnexpectedPolicy"] == 0
    gate.deploys(HOLD_ALL)
    assert gate.gauges()["UnexpectedPolicy"] == 0
    gate.stage.enforce(HOLD_ALL)
    assert gate.gauges()["UnexpectedPolicy"] == 0


def test_policies_that_were_never_replaced_by_the_deployed_ones_are_reported(gate: Deployment) -> None:
    """A quarter of an hour after the deployment at the latest."""
    gate.gauges()
    gate.deploys(HOLD_ALL)
    gate.stage.advance(minutes=15)
    assert gate.gauges()["UnexpectedPolicy"] == 1


def test_a_gate_into_which_nobody_has_put_policies_is_reported(
    gate: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every job waits; by an alarm that does not roll the first policies back."""

    class NothingYet:
        def current(self) -> PolicySet:
            raise NoPolicyDeployedError("no policies are deployed")

    monkeypatch.setattr(gate.stage, "source", NothingYet())
    for _ in range(3):
        assert gate.gauges()["UnexpectedPolicy"] == 1
        gate.stage.advance(minutes=1)


def test_nothing_is_reported_of_what_is_not_known(gate: Deployment) -> None:
    """No policies, a deployment that names no version, a parameter that can't be read: each has a signal of its own."""
    gate.stage.source.enforced = None
    assert gate.gauges().keys() == {"FoundBySweep", "Subscribers"}
    gate.stage.enforce(UP_TO_THREE)
    gate.deploys(None)
    assert gate.gauges().keys() == {"FoundBySweep", "Subscribers"}
    gate.deploys(UP_TO_THREE)
    gate.aws("GetParameter", DENIED)
    gate.aws("GetTopicAttributes", BROKEN)
    assert gate.gauges().keys() == {"FoundBySweep"}
    assert gate.gauges().keys() == set(GAUGES)


def test_a_job_without_an_event_is_counted_by_the_function(gate: Deployment) -> None:
    """One quarter of an hour after its review, on the real ledger."""
    gate.gauges()
    gate.stage.advance(minutes=1)
    gate.job()
    gate.gauges()
    gate.stage.advance(minutes=15)
    assert gate.gauges()["FoundBySweep"] == 1
    assert gate.gauges()["FoundBySweep"] == 0


def test_a_sweep_that_found_another_writes_no_gauge(gate: Deployment) -> None:
    """The other one does."""
    gate.ledger.begin_sweep("another", gate.stage.gate.deadline)
    assert gate.gauges() == {}


def test_a_notice_that_takes_until_the_function_is_ended_costs_no_heartbeat(gate: Deployment) -> None:
    """A dead topic must not make a gate that works look dead."""

    class Ended(BaseException):
        """Lambda ends the invocation."""

    def end() -> None:
        raise Ended

    gate.stage.enforce(HOLD_ALL)
    gate.job()
    gate.gauges()
    gate.stage.advance(minutes=2)
    gate.before("Publish", end)
    with pytest.raises(Ended):
        gate.gauges()
    heartbeat = gate.ledger.heartbeat()
    assert heartbeat is not None
    assert heartbeat.swept_at == gate.stage.clock.now()
